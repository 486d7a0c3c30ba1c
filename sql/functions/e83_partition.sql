-- A halted partition goes on when an operator says so: from where it stood, once its topic was repaired, or from another offset that is accepted with a
-- reason. What is given up by that is kept.

-- How many partitions each input topic has. Before the first claim has said so, as many as were claimed.
CREATE OR REPLACE FUNCTION nianshen_engine.partition_count() RETURNS integer
LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT l.partitions FROM nianshen_engine.layout l), (SELECT max(s.shard) + 1 FROM nianshen_engine.shard s))
$$;

-- The shard of a unit: murmur2 of its code as the Java client computes it (Austin Appleby, public domain), as kafka_partition_of in core/kafka.c.
CREATE OR REPLACE FUNCTION nianshen_engine.shard_of(p_unit text, p_partitions integer) RETURNS integer
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    key bytea := convert_to(p_unit, 'UTF8');
    bytes integer := octet_length(key);
    mixer CONSTANT bigint := 1540483477;
    low CONSTANT bigint := 4294967295;
    hash bigint := 2538058380 # bytes;
    word bigint;
    at integer := 0;
BEGIN
    WHILE bytes - at >= 4 LOOP
        word := get_byte(key, at) | (get_byte(key, at + 1) << 8) | (get_byte(key, at + 2) << 16) | (get_byte(key, at + 3)::bigint << 24);
        word := (word * mixer) & low;
        word := ((word # (word >> 24)) * mixer) & low;
        hash := ((hash * mixer) & low) # word;
        at := at + 4;
    END LOOP;
    IF at < bytes THEN
        word := 0;
        FOR i IN REVERSE bytes - at - 1 .. 0 LOOP
            word := (word << 8) | get_byte(key, at + i);
        END LOOP;
        hash := ((hash # word) * mixer) & low;
    END IF;
    hash := ((hash # (hash >> 13)) * mixer) & low;
    hash := hash # (hash >> 15);
    RETURN (hash & 2147483647) % p_partitions;
END
$$;

-- Where a stored offset stands in the topic as it is now. A resumption from a lower offset has moved the places of what was stored before it down, by as much
-- as it went back: so they stay in front of what the new records do. Null: the record there was is not in the topic any more.
CREATE OR REPLACE FUNCTION nianshen_engine.offset_now(p_shard integer, p_topic smallint, p_offset bigint) RETURNS bigint
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    r record;
    place bigint := p_offset;
    kept_before bigint;
BEGIN
    FOR r IN SELECT q.next_after, q.next_before FROM nianshen.partition_resume q
             WHERE q.partition = p_shard AND q.topic = nianshen_next.topic_name(p_topic) AND q.next_after < q.next_before
             ORDER BY q.resume_id DESC LOOP
        EXIT WHEN place >= r.next_after; -- stored after it
        place := place + r.next_before - r.next_after;
        kept_before := least(kept_before, r.next_after);
    END LOOP;
    IF place >= kept_before THEN
        RETURN NULL;
    END IF;
    RETURN place;
END
$$;

-- Each record that was applied: one row of the state stands for it. record_offset is its place in the topic as it is now.
CREATE OR REPLACE VIEW nianshen_engine.applied_record AS
WITH unit AS MATERIALIZED (
    SELECT u.unit, nianshen_engine.shard_of(u.unit, nianshen_engine.partition_count()) AS shard FROM nianshen.unit_profile u
), resumed AS MATERIALIZED (
    SELECT DISTINCT q.partition, nianshen_next.topic_number(q.topic) AS topic FROM nianshen.partition_resume q WHERE q.next_after < q.next_before
)
SELECT r.unit, r.year, u.shard, r.topic,
       CASE WHEN d.partition IS NULL THEN r.record_offset ELSE nianshen_engine.offset_now(u.shard, r.topic, r.record_offset) END AS record_offset
FROM (SELECT v.unit, v.year, 0::smallint AS topic, v.record_offset FROM nianshen_engine.unit_review v
      UNION ALL
      SELECT s.unit, s.year, 1::smallint, s.first_offset FROM nianshen_engine.submission s WHERE s.chunks = 1
      UNION ALL
      SELECT c.unit, c.year, 1::smallint, c.record_offset FROM nianshen_engine.chunk c
      UNION ALL
      SELECT d.unit, d.year, 2::smallint, d.record_offset FROM nianshen_engine.decision d) r
JOIN unit u ON u.unit = r.unit
LEFT JOIN resumed d ON d.partition = u.shard AND d.topic = r.topic;

-- How many records the ledger accounts for between two offsets of a partition.
CREATE OR REPLACE FUNCTION nianshen_engine.records_between(p_shard integer, p_topic smallint, p_from bigint, p_to bigint) RETURNS bigint
LANGUAGE sql STABLE AS $$
    SELECT (SELECT count(*) FROM nianshen_engine.applied_record r
            WHERE r.shard = p_shard AND r.topic = p_topic AND r.record_offset >= p_from AND r.record_offset < p_to)
         + (SELECT count(*) FROM nianshen_engine.ledger_exception l
            WHERE l.shard = p_shard AND l.topic = p_topic AND l.record_offset >= p_from AND l.record_offset < p_to)
$$;

-- Released units of which nothing is held any more are free. Nobody applies anything meanwhile: the caller holds the reference lock.
CREATE OR REPLACE FUNCTION nianshen_next.held_units_finish() RETURNS void
LANGUAGE sql AS $$
    DELETE FROM nianshen_engine.held_unit h
    WHERE h.released_ms IS NOT NULL AND NOT EXISTS (SELECT FROM nianshen_engine.ledger_exception l WHERE l.unit = h.unit AND l.kind = 'held')
$$;

-- Dead letters from p_from on are not published any more: who reads them would look for them in a topic that has others there.
CREATE OR REPLACE FUNCTION nianshen_next.outbox_forget(p_shard integer, p_topic smallint, p_from bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE nianshen_engine.outbox o SET dead_letter_topics = k.topics, dead_letter_offsets = k.offsets
    FROM (SELECT b.batch, array_agg(d.topic ORDER BY d.n) FILTER (WHERE d.is_kept) AS topics, array_agg(d.o ORDER BY d.n) FILTER (WHERE d.is_kept) AS offsets
          FROM nianshen_engine.outbox b
          CROSS JOIN LATERAL (SELECT x.topic, x.o, x.n, NOT (x.topic = p_topic AND x.o >= p_from) AS is_kept
                              FROM unnest(b.dead_letter_topics, b.dead_letter_offsets) WITH ORDINALITY AS x (topic, o, n)) d
          WHERE b.shard = p_shard GROUP BY b.batch HAVING NOT bool_and(d.is_kept)) k
    WHERE o.shard = p_shard AND o.batch = k.batch;
    DELETE FROM nianshen_engine.outbox o WHERE o.shard = p_shard AND o.outcomes IS NULL AND o.dead_letter_offsets IS NULL;
END
$$;

-- Moves the places of what a partition's records did down, in front of those that come now.
CREATE OR REPLACE FUNCTION nianshen_next.places_move(p_shard integer, p_topic smallint, p_distance bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    units text[] := ARRAY(SELECT u.unit FROM nianshen.unit_profile u
                          WHERE nianshen_engine.shard_of(u.unit, nianshen_engine.partition_count()) = p_shard);
BEGIN
    IF p_topic = 0 THEN
        UPDATE nianshen_engine.unit_review r SET record_offset = r.record_offset - p_distance WHERE r.unit = ANY (units);
    ELSIF p_topic = 1 THEN
        UPDATE nianshen_engine.submission s SET first_offset = s.first_offset - p_distance, completed_offset = s.completed_offset - p_distance
        WHERE s.unit = ANY (units);
        UPDATE nianshen_engine.chunk c SET record_offset = c.record_offset - p_distance WHERE c.unit = ANY (units);
        UPDATE nianshen_engine.repeated_chunk c SET record_offset = c.record_offset - p_distance WHERE c.unit = ANY (units);
    ELSE
        UPDATE nianshen_engine.decision d SET record_offset = d.record_offset - p_distance WHERE d.unit = ANY (units);
    END IF;
END
$$;

-- Takes the ledger from p_from on out of the way: other records have these places now. What they did stays. Returns how many records they were.
CREATE OR REPLACE FUNCTION nianshen_next.partition_supersede(p_resume bigint, p_shard integer, p_topic smallint, p_from bigint, p_next bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    cut nianshen_engine.ledger_range;
    kept bigint;
    moved bigint;
BEGIN
    SELECT * INTO cut FROM nianshen_engine.ledger_range r
    WHERE r.shard = p_shard AND r.topic = p_topic AND r.first_offset < p_from AND r.next_offset > p_from;
    kept := CASE WHEN cut.shard IS NOT NULL THEN nianshen_engine.records_between(p_shard, p_topic, cut.first_offset, p_from) ELSE 0 END;
    WITH gone AS (
        DELETE FROM nianshen_engine.ledger_range r WHERE r.shard = p_shard AND r.topic = p_topic AND r.next_offset > p_from RETURNING r.*
    ), history AS (
        INSERT INTO nianshen_engine.superseded_range
        SELECT p_resume, g.shard, g.topic, g.next_offset, greatest(g.first_offset, p_from),
               (g.records - CASE WHEN g.first_offset < p_from THEN kept ELSE 0 END)::integer, g.epoch, g.stored_ms, g.last_offset, g.last_append_ms,
               g.last_sha256, g.max_append_ms
        FROM gone g
        RETURNING records
    )
    SELECT sum(h.records) INTO moved FROM history h;
    IF cut.shard IS NOT NULL THEN
        INSERT INTO nianshen_engine.ledger_range (shard, topic, next_offset, first_offset, records, epoch, stored_ms, max_append_ms)
        VALUES (p_shard, p_topic, p_from, cut.first_offset, kept, cut.epoch, cut.stored_ms, cut.max_append_ms);
    END IF;
    WITH gone AS (
        DELETE FROM nianshen_engine.ledger_exception l WHERE l.shard = p_shard AND l.topic = p_topic AND l.record_offset >= p_from RETURNING l.*
    )
    INSERT INTO nianshen_engine.superseded_exception SELECT p_resume, g.* FROM gone g;
    UPDATE nianshen.dead_letter_action a SET resume_id = p_resume
    WHERE a.topic = nianshen_next.topic_name(p_topic) AND a.partition = p_shard AND a.record_offset >= p_from AND a.resume_id IS NULL;
    PERFORM nianshen_next.outbox_forget(p_shard, p_topic, p_from);
    PERFORM nianshen_next.held_units_finish();
    PERFORM nianshen_next.places_move(p_shard, p_topic, p_next - p_from);
    -- From before what was purged: the topic is another one, and what was purged of the old one does not count any more.
    UPDATE nianshen_engine.purged p SET purged_before = p_from, purged_exceptions = 0
    WHERE p.shard = p_shard AND p.topic = p_topic AND p.purged_before > p_from;
    RETURN moved;
END
$$;

-- Has the ledger end at p_from without a last record to look for. Ranges stay contiguous: what was skipped is a range without records.
CREATE OR REPLACE FUNCTION nianshen_next.position_set(p_shard integer, p_topic smallint, p_from bigint, p_epoch bigint, p_max_append_ms bigint) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO nianshen_engine.ledger_range (shard, topic, next_offset, first_offset, records, epoch, stored_ms, max_append_ms)
    SELECT p_shard, p_topic, p_from,
           coalesce((SELECT max(r.next_offset) FROM nianshen_engine.ledger_range r WHERE r.shard = p_shard AND r.topic = p_topic), p_from),
           0, p_epoch, nianshen.now_ms(), p_max_append_ms
    ON CONFLICT (shard, topic, next_offset) DO UPDATE
    SET last_offset = NULL, last_append_ms = NULL, last_sha256 = NULL, max_append_ms = excluded.max_append_ms
$$;

-- p_from null: as it stands. Otherwise the next offset, and the last record is no longer looked for. Raises the epoch: what the owner still has under way
-- can not commit. Locks as a micro-batch takes them, the shard before the reference data, so that none is under way meanwhile.
CREATE OR REPLACE FUNCTION nianshen_next.partition_resume(p_topic text, p_partition integer, p_from bigint, p_reason text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = nianshen, pg_temp AS $$
DECLARE
    number smallint := nianshen_next.topic_number(p_topic);
    k nianshen_next.partition_status;
    resume bigint;
    max_ms bigint;
    moved bigint := 0;
BEGIN
    PERFORM set_config('lock_timeout', '2s', true);
    PERFORM nianshen_engine.shards_lock(ARRAY[p_partition]);
    PERFORM nianshen.reference_change_ms();
    SELECT * INTO k FROM nianshen_next.partition_status p WHERE p.topic = p_topic AND p.partition = p_partition;
    IF k.halted IS NULL THEN
        PERFORM nianshen.refuse(format('%s partition %s is not halted', p_topic, p_partition), 'nianshen-ops partition list shows those that are',
                                format('主题 %s 分区 %s 没有停止；nianshen-ops partition list 可列出停止的分区', p_topic, p_partition));
    END IF;
    INSERT INTO nianshen.partition_resume (topic, partition, at_ms, who, reason, halted, next_before, next_after, superseded)
    VALUES (p_topic, p_partition, nianshen.now_ms(), session_user, p_reason, k.halted, k.next_offset, k.next_offset, 0)
    RETURNING resume_id INTO resume;
    UPDATE nianshen_engine.shard s SET epoch = s.epoch + 1 WHERE s.shard = p_partition;
    DELETE FROM nianshen_engine.halt h WHERE h.shard = p_partition AND h.topic = number;
    IF p_from IS NOT NULL THEN
        max_ms := coalesce((SELECT r.max_append_ms FROM nianshen_engine.ledger_range r WHERE r.shard = p_partition AND r.topic = number
                            ORDER BY r.next_offset DESC LIMIT 1), 0);
        IF p_from < k.next_offset THEN
            moved := coalesce(nianshen_next.partition_supersede(resume, p_partition, number, p_from, k.next_offset), 0);
        END IF;
        -- Not before: where the stored places stand in the topic (offset_now) was asked as of before it.
        UPDATE nianshen.partition_resume SET next_after = p_from, superseded = moved WHERE resume_id = resume;
        PERFORM nianshen_next.position_set(p_partition, number, p_from, k.epoch + 1, max_ms);
    END IF;
    RETURN resume;
END
$$;

-- What resuming from that offset would supersede: how many records were consumed from it on.
CREATE OR REPLACE FUNCTION nianshen_next.partition_consumed_from(p_topic text, p_partition integer, p_from bigint) RETURNS bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = nianshen, pg_temp AS $$
DECLARE
    number smallint := nianshen_next.topic_number(p_topic);
    cut nianshen_engine.ledger_range;
    whole bigint;
BEGIN
    IF p_from IS NULL THEN
        RETURN 0;
    END IF;
    SELECT coalesce(sum(r.records), 0) INTO whole FROM nianshen_engine.ledger_range r
    WHERE r.shard = p_partition AND r.topic = number AND r.first_offset >= p_from;
    SELECT * INTO cut FROM nianshen_engine.ledger_range r
    WHERE r.shard = p_partition AND r.topic = number AND r.first_offset < p_from AND r.next_offset > p_from;
    RETURN whole + CASE WHEN cut.shard IS NULL THEN 0
                        ELSE cut.records - nianshen_engine.records_between(p_partition, number, cut.first_offset, p_from) END;
END
$$;

-- For operators, after the bug was mended: the owner of its shard applies what was held. A unit of which nothing is held is free at once, hence the lock:
-- no micro-batch is holding a record of it just now.
CREATE OR REPLACE FUNCTION nianshen_next.unit_release(p_unit text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = nianshen, pg_temp AS $$
BEGIN
    PERFORM set_config('lock_timeout', '2s', true);
    PERFORM pg_advisory_xact_lock(nianshen.reference_lock_key());
    UPDATE nianshen_engine.held_unit SET released_ms = nianshen.now_ms() WHERE unit = p_unit;
    IF NOT FOUND THEN
        PERFORM nianshen.refuse(format('unit %s is not held', p_unit), 'nianshen-ops unit held lists those that are',
                                format('单位 %s 没有被搁置；nianshen-ops unit held 可列出被搁置的单位', p_unit));
    END IF;
    PERFORM nianshen_next.held_units_finish();
    RETURN (SELECT count(*) FROM nianshen_engine.ledger_exception l WHERE l.unit = p_unit AND l.kind = 'held');
END
$$;
