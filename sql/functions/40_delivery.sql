-- Owning partitions, moving positions, the outbox. SQLSTATE NS001 means fenced: another worker owns the partition, or the position is not the
-- expected one; nothing was done.

-- Takes partitions over: raises the epoch, so that whatever the last owner still has under way can not commit. Its open transaction may hold the
-- row; after lock_timeout (55P03) the caller ends that backend and claims again.
CREATE OR REPLACE FUNCTION nianshen.claim_for_backend(p_topic text[], p_partition integer[], p_owner text, p_pid integer, p_start timestamptz)
RETURNS TABLE (topic text, partition integer, epoch bigint, next_offset bigint, last_offset bigint, last_append_ms bigint, last_sha256 bytea,
               halted text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = nianshen, pg_temp AS $$
#variable_conflict use_column
BEGIN
    PERFORM set_config('lock_timeout', '3s', true);
    INSERT INTO kafka_partition (topic, partition)
    SELECT p.topic, p.partition FROM unnest(p_topic, p_partition) AS p (topic, partition) ORDER BY 1, 2
    ON CONFLICT DO NOTHING;
    PERFORM FROM kafka_partition k WHERE (k.topic, k.partition) IN (SELECT * FROM unnest(p_topic, p_partition))
    ORDER BY k.topic, k.partition FOR UPDATE;
    RETURN QUERY
    UPDATE kafka_partition k SET epoch = k.epoch + 1, owner = p_owner, backend_pid = p_pid, backend_start = p_start, moved_ms = now_ms()
    WHERE (k.topic, k.partition) IN (SELECT * FROM unnest(p_topic, p_partition))
    RETURNING k.topic, k.partition, k.epoch, k.next_offset, k.last_offset, k.last_append_ms, k.last_sha256, k.halted;
END
$$;

-- Runs with the caller's rights: only they see the start time of the caller's own backend.
CREATE OR REPLACE FUNCTION nianshen.claim(p_topic text[], p_partition integer[], p_owner text)
RETURNS TABLE (topic text, partition integer, epoch bigint, next_offset bigint, last_offset bigint, last_append_ms bigint, last_sha256 bytea,
               halted text)
LANGUAGE sql SECURITY INVOKER AS $$
    SELECT * FROM nianshen.claim_for_backend(p_topic, p_partition, p_owner, pg_backend_pid(),
        (SELECT a.backend_start FROM pg_stat_activity a WHERE a.pid = pg_backend_pid()))
$$;

CREATE OR REPLACE FUNCTION nianshen.owner_backends(p_topic text[], p_partition integer[])
RETURNS TABLE (pid integer, start timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = nianshen, pg_temp AS $$
    SELECT DISTINCT k.backend_pid, k.backend_start FROM kafka_partition k
    WHERE (k.topic, k.partition) IN (SELECT * FROM unnest(p_topic, p_partition)) AND k.backend_pid IS NOT NULL
$$;

-- Ends the backends of the recorded owners. A stopped client keeps its locks past every timeout; the start time keeps us from ending a stranger that
-- got the same pid. Returns how many were ended.
CREATE OR REPLACE FUNCTION nianshen.end_stale_backends(p_topic text[], p_partition integer[]) RETURNS integer
LANGUAGE sql SECURITY INVOKER AS $$
    SELECT count(*) FILTER (WHERE pg_terminate_backend(a.pid))::integer
    FROM nianshen.owner_backends(p_topic, p_partition) b JOIN pg_stat_activity a ON a.pid = b.pid AND a.backend_start = b.start
    WHERE a.pid <> pg_backend_pid()
$$;

CREATE OR REPLACE FUNCTION nianshen.positions(p_topic text[], p_partition integer[])
RETURNS TABLE (topic text, partition integer, epoch bigint, next_offset bigint, owner text, halted text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = nianshen, pg_temp AS $$
    SELECT k.topic, k.partition, k.epoch, k.next_offset, k.owner, k.halted FROM kafka_partition k
    WHERE (k.topic, k.partition) IN (SELECT * FROM unnest(p_topic, p_partition))
$$;

-- p_last_…: a record that was applied and is the one to look for from now on, when it is an earlier one that showed the halt to be due.
CREATE OR REPLACE FUNCTION nianshen.halt(p_topic text, p_partition integer, p_epoch bigint, p_reason text, p_last_offset bigint DEFAULT NULL,
                                         p_last_append_ms bigint DEFAULT NULL, p_last_sha256 bytea DEFAULT NULL) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = nianshen, pg_temp AS $$
    WITH halted AS (
        UPDATE kafka_partition SET halted = p_reason, halted_ms = now_ms(), moved_ms = now_ms(), last_offset = coalesce(p_last_offset, last_offset),
            last_append_ms = coalesce(p_last_append_ms, last_append_ms), last_sha256 = coalesce(p_last_sha256, last_sha256)
        WHERE topic = p_topic AND partition = p_partition AND epoch = p_epoch RETURNING 1
    )
    SELECT EXISTS (SELECT FROM halted)
$$;

-- The first thing of each micro-batch. p_records: how many records each partition adds. Not exactly the rows asked for: fenced.
CREATE OR REPLACE FUNCTION nianshen.position_move(p_topic text[], p_partition integer[], p_epoch bigint[], p_expected bigint[], p_next bigint[],
    p_end bigint[], p_last_offset bigint[], p_last_append_ms bigint[], p_last_sha256 bytea[], p_records bigint[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    moved integer;
BEGIN
    IF cardinality(p_topic) > 1 THEN -- several are locked in order
        PERFORM FROM kafka_partition k WHERE (k.topic, k.partition) IN (SELECT * FROM unnest(p_topic, p_partition))
        ORDER BY k.topic, k.partition FOR UPDATE;
    END IF;
    UPDATE kafka_partition k
    SET next_offset = p.next, records = k.records + p.records, end_offset = greatest(coalesce(p.end_offset, k.end_offset), p.next),
        last_offset = coalesce(p.last_offset, k.last_offset), last_append_ms = coalesce(p.last_append_ms, k.last_append_ms),
        last_sha256 = coalesce(p.last_sha256, k.last_sha256), max_append_ms = greatest(k.max_append_ms, p.last_append_ms), moved_ms = now_ms()
    FROM unnest(p_topic, p_partition, p_epoch, p_expected, p_next, p_end, p_last_offset, p_last_append_ms, p_last_sha256,
                p_records)
        AS p (topic, partition, epoch, expected, next, end_offset, last_offset, last_append_ms, last_sha256, records)
    WHERE k.topic = p.topic AND k.partition = p.partition AND k.epoch = p.epoch AND k.next_offset = p.expected AND k.halted IS NULL
        AND p.next >= p.expected;
    GET DIAGNOSTICS moved = ROW_COUNT;
    IF moved <> cardinality(p_topic) THEN
        RAISE EXCEPTION USING errcode = 'NS001',
            message = format('%s of %s positions are not as expected: another worker owns them', cardinality(p_topic) - moved, cardinality(p_topic));
    END IF;
END
$$;

-- What waits to be published for partitions that the caller owns, oldest first; at most p_limit rows and about 4 MiB of them, at least one; in each row, whether
-- that left some. Dead letters of a halted partition stay: their originals would be read from a topic that may not be theirs. So do those of the partitions
-- that p_outcomes_only names, place by place: their originals can't be read now. p_after: nothing up to that id, for the caller has it on its way already.
-- append_ms, by which the original is known, is a dead letter's only.
CREATE OR REPLACE FUNCTION nianshen.outbox_take(p_topic text[], p_partition integer[], p_epoch bigint[], p_limit integer,
                                                p_outcomes_only boolean[] DEFAULT '{}', p_after bigint DEFAULT 0)
RETURNS TABLE (outbox_id bigint, kind text, topic text, partition integer, record_offset bigint, append_ms bigint, unit text, ce_type text,
               ce_id text, ce_time_ms bigint, ce_causationid text, body text, code text, text text, has_more boolean)
-- Not STABLE: asked in one statement with the apply that writes the rows, it would not see them.
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = nianshen, pg_temp
-- Planned once a session, as apply is: planning took most of the time when a single outcome waits. Hence never by a scan, however small the table is then.
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH waiting AS ( -- one more than is asked for, if there is one
        SELECT o.*
        FROM unnest(p_topic, p_partition, p_epoch, p_outcomes_only) AS p (topic, partition, epoch, outcomes_only)
        JOIN kafka_partition k ON k.topic = p.topic AND k.partition = p.partition AND k.epoch = p.epoch
        LEFT JOIN outbox_position q ON q.topic = k.topic AND q.partition = k.partition
        CROSS JOIN LATERAL (SELECT * FROM outbox b WHERE b.topic = k.topic AND b.partition = k.partition AND b.published_ms IS NULL
                                AND b.outbox_id > greatest(q.published_to, p_after)
                                AND (b.kind = 'outcome' OR (k.halted IS NULL AND p.outcomes_only IS NOT TRUE))
                            ORDER BY b.outbox_id LIMIT p_limit + 1) o
        ORDER BY o.outbox_id LIMIT p_limit + 1
    ), weighed AS (
        SELECT w.*, row_number() OVER before AS place, count(*) OVER () AS waiting, coalesce(sum(octet_length(w.body)) OVER before, 0) AS bytes_before
        FROM waiting w WINDOW before AS (ORDER BY w.outbox_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
    )
    SELECT w.outbox_id, w.kind, w.topic, w.partition, w.record_offset,
           CASE WHEN w.kind = 'dead-letter' THEN
               (SELECT l.append_ms FROM ledger l WHERE l.topic = w.topic AND l.partition = w.partition AND l.record_offset = w.record_offset) END,
           w.unit, w.ce_type, w.ce_id, w.ce_time_ms, w.ce_causationid, w.body, w.code, w.text,
           w.waiting > count(*) OVER ()
    FROM weighed w WHERE w.place <= p_limit AND w.bytes_before < 4 * 1024 * 1024 ORDER BY w.outbox_id;
END
$$;

-- After the delivery reports, of rows that were taken, each once. A partition's rows are written one micro-batch after the other, so that their ids are in the
-- order of their commits, and are taken from the first that waits: as long as none in between is missing it is enough to keep the last one's. To mark each row
-- would write it, and its place in every index, a second time. One by one are marked dead letters, for their time is shown, and what was published before one
-- with a smaller id that waits: that one was refused, or is a dead letter of a halted partition. Only a partition's owner has these ids, and one that was
-- replaced meanwhile the same ones: what either of them published is published, whichever comes first.
CREATE OR REPLACE FUNCTION nianshen.outbox_done(p_topic text[], p_partition integer[], p_id bigint[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = nianshen, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    WITH done AS ( -- what waited until now
        SELECT p.topic, p.partition, q.published_to, max(p.outbox_id) AS last_id, count(*) AS waited,
               array_agg(o.ctid) AS rows, array_agg(o.ctid) FILTER (WHERE o.kind = 'dead-letter') AS dead_letters
        FROM unnest(p_topic, p_partition, p_id) AS p (topic, partition, outbox_id)
        LEFT JOIN outbox_position q ON q.topic = p.topic AND q.partition = p.partition
        CROSS JOIN LATERAL (SELECT b.ctid, b.kind FROM outbox b WHERE b.topic = p.topic AND b.partition = p.partition AND b.outbox_id = p.outbox_id
                                AND b.published_ms IS NULL OFFSET 0) o
        WHERE p.outbox_id > coalesce(q.published_to, 0)
        GROUP BY p.topic, p.partition, q.published_to
    ), judged AS ( -- whole: no other row waits up to the last one
        SELECT d.*, d.waited = (SELECT count(*) FROM (
                   SELECT FROM outbox b WHERE b.topic = d.topic AND b.partition = d.partition AND b.published_ms IS NULL
                       AND b.outbox_id > coalesce(d.published_to, 0) AND b.outbox_id <= d.last_id LIMIT d.waited + 1) w) AS is_whole
        FROM done d
    ), moved AS (
        INSERT INTO outbox_position AS q (topic, partition, published_to)
        SELECT j.topic, j.partition, j.last_id FROM judged j WHERE j.is_whole ORDER BY j.topic, j.partition
        ON CONFLICT (topic, partition) DO UPDATE SET published_to = greatest(q.published_to, excluded.published_to)
    )
    -- Not asked is whether they wait still: by the index of what waits the planner would go through all of it.
    UPDATE outbox SET published_ms = coalesce(published_ms, now_ms())
    WHERE ctid = ANY (ARRAY(SELECT unnest(CASE WHEN j.is_whole THEN j.dead_letters ELSE j.rows END) FROM judged j));
END
$$;

-- Records of released units that are to be applied now, of partitions that the caller owns and that are not halted, in the order of their topic. The
-- caller reads them again and applies them like new ones, with positions that do not move.
CREATE OR REPLACE FUNCTION nianshen.held_take(p_topic text[], p_partition integer[], p_epoch bigint[], p_limit integer)
RETURNS TABLE (topic text, partition integer, record_offset bigint, append_ms bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = nianshen, pg_temp AS $$
    SELECT l.topic, l.partition, l.record_offset, l.append_ms
    FROM unnest(p_topic, p_partition, p_epoch) AS p (topic, partition, epoch)
    JOIN kafka_partition k ON k.topic = p.topic AND k.partition = p.partition AND k.epoch = p.epoch AND k.halted IS NULL
    JOIN held_unit h ON h.released_ms IS NOT NULL
    JOIN ledger l ON l.unit = h.unit AND l.topic = k.topic AND l.partition = k.partition AND l.kind = 'held'
    ORDER BY l.topic, l.partition, l.record_offset LIMIT p_limit
$$;

-- For operators, after the bug was mended. A unit of which nothing was held is free at once.
CREATE OR REPLACE FUNCTION nianshen.unit_release(p_unit text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = nianshen, pg_temp AS $$
BEGIN
    PERFORM FROM unit_profile u WHERE u.unit = p_unit FOR NO KEY UPDATE;
    UPDATE held_unit SET released_ms = now_ms() WHERE unit = p_unit;
    IF NOT FOUND THEN
        PERFORM refuse(format('unit %s is not held', p_unit), 'nianshen-ops unit held lists those that are',
                       format('单位 %s 没有被搁置；nianshen-ops unit held 可列出被搁置的单位', p_unit));
    END IF;
    PERFORM held_units_finish(ARRAY[p_unit]);
    RETURN (SELECT count(*) FROM ledger l WHERE l.unit = p_unit AND l.kind = 'held');
END
$$;
