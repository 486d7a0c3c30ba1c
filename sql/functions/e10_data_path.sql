-- The data path of the review engine: who owns a shard, where its partitions stand, what is to be published. No rule is decided here.
--
-- Locks, always in this order: shards ascending (exclusive), reference data (shared), then rows. A shard's lock is held from the first statement of a
-- micro-batch to its COMMIT, and whoever moves a position, raises an epoch, halts or resumes takes it too. So what batch_begin has compared stays true
-- until the COMMIT: an owner that was replaced either committed before its successor's claim, or finds another epoch, or waits for the lock and finds it
-- then, or is ended by end_stale_backends. SQLSTATE NS001: fenced, nothing was done.

-- The first half of the advisory keys of shards; the second is the shard.
CREATE OR REPLACE FUNCTION nianshen_engine.shard_lock_class() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT 73105793 $$;

-- What a worker's session needs, once. The plans are made when the tables are empty and kept: none may read a whole table, however small it is then.
CREATE OR REPLACE FUNCTION nianshen_engine.session_begin() RETURNS text
LANGUAGE plpgsql SECURITY INVOKER AS $$
DECLARE
    setting record;
BEGIN
    FOR setting IN
        SELECT * FROM (VALUES
            ('default_transaction_isolation', 'read committed'), ('standard_conforming_strings', 'on'), ('DateStyle', 'ISO, YMD'), ('bytea_output', 'hex'),
            ('statement_timeout', '120s'), ('lock_timeout', '30s'), ('idle_in_transaction_session_timeout', '60s'),
            ('work_mem', '64MB'), ('plan_cache_mode', 'force_generic_plan'), ('jit', 'off'), ('enable_seqscan', 'off'), ('enable_bitmapscan', 'off'),
            ('enable_hashjoin', 'off'), ('enable_mergejoin', 'off'), ('enable_material', 'off')) AS s (name, value)
    LOOP
        PERFORM set_config(setting.name, setting.value, false);
    END LOOP;
    RETURN nianshen.schema_version();
END
$$;

CREATE OR REPLACE FUNCTION nianshen_engine.shards_lock(p_shard integer[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = nianshen_engine, pg_temp AS $$
DECLARE
    wanted integer;
BEGIN
    FOR wanted IN SELECT DISTINCT s FROM unnest(p_shard) s ORDER BY s LOOP
        PERFORM pg_advisory_xact_lock(shard_lock_class(), wanted);
    END LOOP;
END
$$;

-- The latest append time that was applied: no reference change is dated before it.
CREATE OR REPLACE FUNCTION nianshen_engine.applied_ms() RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = nianshen_engine, pg_temp AS $$
    SELECT max(r.max_append_ms)
    FROM shard s CROSS JOIN generate_series(0, 2) AS t (topic)
    CROSS JOIN LATERAL (SELECT r.max_append_ms FROM ledger_range r WHERE r.shard = s.shard AND r.topic = t.topic
                        ORDER BY r.next_offset DESC LIMIT 1) r
$$;

-- ---- claiming ----------------------------------------------------------------------------------------------------------------------------------------

-- Three rows a shard, one a topic. The session before may hold the lock; after lock_timeout (55P03) the caller ends it and claims again.
CREATE OR REPLACE FUNCTION nianshen_engine.claim_for_backend(p_shard integer[], p_owner text, p_pid integer, p_start timestamptz)
RETURNS TABLE (shard integer, topic integer, epoch bigint, next_offset bigint, last_offset bigint, last_append_ms bigint, last_sha256 bytea,
               purged_before bigint, halted text, has_outbox boolean, has_removals boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = nianshen_engine, pg_temp AS $$
#variable_conflict use_column
BEGIN
    PERFORM set_config('lock_timeout', '3s', true);
    PERFORM shards_lock(p_shard);
    INSERT INTO shard AS s (shard, epoch, owner, backend_pid, backend_start, claimed_ms)
    SELECT p, 1, p_owner, p_pid, p_start, nianshen.now_ms() FROM unnest(p_shard) p ORDER BY p
    ON CONFLICT (shard) DO UPDATE SET epoch = s.epoch + 1, owner = excluded.owner, backend_pid = excluded.backend_pid,
        backend_start = excluded.backend_start, claimed_ms = excluded.claimed_ms;
    RETURN QUERY
    SELECT s.shard, t.topic, s.epoch, coalesce(r.next_offset, 0), r.last_offset, r.last_append_ms, r.last_sha256, coalesce(g.purged_before, 0), h.halted,
           EXISTS (SELECT FROM outbox o WHERE o.shard = s.shard), EXISTS (SELECT FROM removal_due d WHERE d.shard = s.shard)
    FROM (SELECT unnest(p_shard) AS shard, generate_subscripts(p_shard, 1) AS n) p
    JOIN shard s ON s.shard = p.shard
    CROSS JOIN generate_series(0, 2) AS t (topic)
    LEFT JOIN LATERAL (SELECT * FROM ledger_range r WHERE r.shard = s.shard AND r.topic = t.topic ORDER BY r.next_offset DESC LIMIT 1) r ON true
    LEFT JOIN purged g ON g.shard = s.shard AND g.topic = t.topic
    LEFT JOIN halt h ON h.shard = s.shard AND h.topic = t.topic
    ORDER BY p.n, t.topic;
END
$$;

-- Runs with the caller's rights: only they see the start time of the caller's own backend.
CREATE OR REPLACE FUNCTION nianshen_engine.claim(p_shard integer[], p_owner text)
RETURNS TABLE (shard integer, topic integer, epoch bigint, next_offset bigint, last_offset bigint, last_append_ms bigint, last_sha256 bytea,
               purged_before bigint, halted text, has_outbox boolean, has_removals boolean)
LANGUAGE sql SECURITY INVOKER AS $$
    SELECT * FROM nianshen_engine.claim_for_backend(p_shard, p_owner, pg_backend_pid(),
        (SELECT a.backend_start FROM pg_stat_activity a WHERE a.pid = pg_backend_pid()))
$$;

CREATE OR REPLACE FUNCTION nianshen_engine.owner_backends(p_shard integer[]) RETURNS TABLE (pid integer, start timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = nianshen_engine, pg_temp AS $$
    SELECT DISTINCT s.backend_pid, s.backend_start FROM shard s WHERE s.shard = ANY (p_shard)
$$;

-- Ends the sessions of the recorded owners. A stopped client keeps its locks past every time-out; the start time keeps us from ending a stranger that got
-- the same number. Returns how many were ended.
CREATE OR REPLACE FUNCTION nianshen_engine.end_stale_backends(p_shard integer[]) RETURNS integer
LANGUAGE sql SECURITY INVOKER AS $$
    SELECT count(*) FILTER (WHERE pg_terminate_backend(a.pid))::integer
    FROM nianshen_engine.owner_backends(p_shard) b JOIN pg_stat_activity a ON a.pid = b.pid AND a.backend_start = b.start
    WHERE a.pid <> pg_backend_pid()
$$;

-- ---- a micro-batch ------------------------------------------------------------------------------------------------------------------------------------

-- Its first statement: locks, then compares. Places in the arrays are partitions. A halted partition is fenced, too.
CREATE OR REPLACE FUNCTION nianshen_engine.batch_begin(p_shard integer[], p_topic integer[], p_epoch bigint[], p_expected bigint[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = nianshen_engine, pg_temp AS $$
DECLARE
    fit bigint;
BEGIN
    PERFORM shards_lock(p_shard);
    PERFORM pg_advisory_xact_lock_shared(nianshen.reference_lock_key());
    -- A statement of its own, whose snapshot is later than the locks.
    SELECT count(*) INTO fit
    FROM (SELECT unnest(p_shard) AS shard, unnest(p_topic) AS topic, unnest(p_epoch) AS epoch, unnest(p_expected) AS expected) m
    CROSS JOIN LATERAL (SELECT s.epoch FROM shard s WHERE s.shard = m.shard OFFSET 0) s
    LEFT JOIN LATERAL (SELECT r.next_offset FROM ledger_range r WHERE r.shard = m.shard AND r.topic = m.topic ORDER BY r.next_offset DESC LIMIT 1) r ON true
    WHERE s.epoch = m.epoch AND coalesce(r.next_offset, 0) = m.expected
        AND NOT EXISTS (SELECT FROM halt h WHERE h.shard = m.shard AND h.topic = m.topic OFFSET 0);
    IF fit <> cardinality(p_shard) THEN
        RAISE EXCEPTION USING errcode = 'NS001',
            message = format('%s of %s positions are not as expected: another worker owns them, or they are halted', cardinality(p_shard) - fit, cardinality(p_shard));
    END IF;
END
$$;

-- Its last statement: positions, outbox rows (one a shard that has something to publish), and outbox rows that are published. Returns the outbox rows.
-- Fingerprint and latest time of a partition that moves over no record are those of its row before.
CREATE OR REPLACE FUNCTION nianshen_engine.batch_end(
    p_shard integer[], p_topic integer[], p_epoch bigint[], p_expected bigint[], p_next bigint[], p_records integer[],
    p_last_offset bigint[], p_last_append_ms bigint[], p_last_sha256 bytea[], p_max_append_ms bigint[],
    o_shard integer[], o_outcomes bytea[], o_dead_shard integer[], o_dead_topic integer[], o_dead_offset bigint[],
    d_shard integer[], d_batch bigint[])
RETURNS TABLE (shard integer, batch bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = nianshen_engine, pg_temp AS $$
#variable_conflict use_column
BEGIN
    INSERT INTO ledger_range (shard, topic, next_offset, first_offset, records, epoch, stored_ms, last_offset, last_append_ms, last_sha256, max_append_ms)
    SELECT m.shard, m.topic, m.next, m.expected, m.records, m.epoch, nianshen.now_ms(), coalesce(m.last_offset, r.last_offset),
           coalesce(m.last_append_ms, r.last_append_ms), coalesce(m.last_sha256, r.last_sha256), greatest(m.max_append_ms, r.max_append_ms, 0)
    FROM (SELECT unnest(p_shard) AS shard, unnest(p_topic) AS topic, unnest(p_epoch) AS epoch, unnest(p_expected) AS expected,
              unnest(p_next) AS next, unnest(p_records) AS records, unnest(p_last_offset) AS last_offset,
              unnest(p_last_append_ms) AS last_append_ms, unnest(p_last_sha256) AS last_sha256,
              unnest(p_max_append_ms) AS max_append_ms) m
    LEFT JOIN LATERAL (SELECT * FROM ledger_range r WHERE r.shard = m.shard AND r.topic = m.topic ORDER BY r.next_offset DESC LIMIT 1) r ON true
    WHERE m.next > m.expected;
    IF cardinality(d_shard) > 0 THEN
        PERFORM outbox_delete(d_shard, d_batch);
    END IF;
    IF cardinality(o_shard) > 0 THEN
        RETURN QUERY
        INSERT INTO outbox AS w (shard, batch, outcomes, dead_letter_topics, dead_letter_offsets)
        SELECT o.shard, nextval('outbox_seq'), o.outcomes, d.topics, d.offsets
        FROM (SELECT unnest(o_shard) AS shard, unnest(o_outcomes) AS outcomes) o
        LEFT JOIN LATERAL (SELECT array_agg(d.topic::smallint ORDER BY d.n) AS topics, array_agg(d.record_offset ORDER BY d.n) AS offsets
                           FROM (SELECT unnest(o_dead_shard) AS shard, unnest(o_dead_topic) AS topic, unnest(o_dead_offset) AS record_offset,
              generate_subscripts(o_dead_shard, 1) AS n) d
                           WHERE d.shard = o.shard) d ON cardinality(o_dead_shard) > 0
        RETURNING w.shard, w.batch;
    END IF;
END
$$;

-- ---- publishing ---------------------------------------------------------------------------------------------------------------------------------------

-- What was published is published, whoever says so: no lock and no epoch.
CREATE OR REPLACE FUNCTION nianshen_engine.outbox_delete(p_shard integer[], p_batch bigint[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = nianshen_engine, pg_temp AS $$
BEGIN
    DELETE FROM outbox o USING (
        SELECT found.ctid FROM (SELECT unnest(p_shard) AS shard, unnest(p_batch) AS batch) p
        CROSS JOIN LATERAL (SELECT o.ctid FROM outbox o WHERE o.shard = p.shard AND o.batch = p.batch OFFSET 0) found) d
    WHERE o.ctid = d.ctid;
END
$$;

-- The first rows of these shards behind the given batches, oldest first; each with its dead letters behind it. At most p_limit rows and about 8 MiB, at least
-- one row; has_more says whether that left some.
CREATE OR REPLACE FUNCTION nianshen_engine.outbox_take(p_shard integer[], p_behind bigint[], p_limit integer)
RETURNS TABLE (shard integer, batch bigint, outcomes bytea, topic integer, record_offset bigint, append_ms bigint, code text, text text, key bytea,
               value bytea, headers bytea, has_more boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = nianshen_engine, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH waiting AS (
        SELECT o.* FROM (SELECT unnest(p_shard) AS shard, unnest(p_behind) AS behind) p
        CROSS JOIN LATERAL (SELECT * FROM outbox o WHERE o.shard = p.shard AND o.batch > p.behind ORDER BY o.batch LIMIT p_limit + 1) o
        ORDER BY o.batch LIMIT p_limit + 1
    ), weighed AS (
        SELECT w.*, row_number() OVER before AS place, count(*) OVER () AS waiting,
               coalesce(sum(coalesce(octet_length(w.outcomes), 0) + 100000 * coalesce(cardinality(w.dead_letter_offsets), 0)) OVER before, 0) AS bytes_before
        FROM waiting w WINDOW before AS (ORDER BY w.batch ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
    ), taken AS (
        SELECT w.*, w.waiting > count(*) OVER () AS has_more FROM weighed w WHERE w.place <= p_limit AND w.bytes_before < 8 * 1024 * 1024
    )
    SELECT t.shard, t.batch, t.outcomes, NULL::integer, NULL::bigint, NULL::bigint, NULL, NULL, NULL::bytea, NULL::bytea, NULL::bytea, t.has_more FROM taken t
    UNION ALL
    SELECT t.shard, t.batch, NULL, e.topic, e.record_offset, e.append_ms, e.code, e.text, e.key, e.value, e.headers, t.has_more
    FROM taken t CROSS JOIN LATERAL (SELECT unnest(t.dead_letter_topics) AS topic, unnest(t.dead_letter_offsets) AS record_offset,
              generate_subscripts(t.dead_letter_topics, 1) AS n) d
    JOIN ledger_exception e ON e.shard = t.shard AND e.topic = d.topic AND e.record_offset = d.record_offset
    ORDER BY 2, 4 NULLS FIRST, 5;
END
$$;

-- ---- watching -----------------------------------------------------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION nianshen_engine.look(p_shard integer[])
RETURNS TABLE (shard integer, epoch bigint, halted_topics integer, has_held boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = nianshen_engine, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT p.shard, coalesce(s.epoch, 0), coalesce((SELECT bit_or(1 << h.topic)::integer FROM halt h WHERE h.shard = p.shard), 0),
           EXISTS (SELECT FROM held_unit u JOIN ledger_exception e ON e.unit = u.unit AND e.kind = 'held'
                   WHERE u.released_ms IS NOT NULL AND e.shard = p.shard)
    FROM (SELECT unnest(p_shard) AS shard, generate_subscripts(p_shard, 1) AS n) p LEFT JOIN shard s ON s.shard = p.shard ORDER BY p.n;
END
$$;

CREATE OR REPLACE FUNCTION nianshen_engine.halt_store(p_shard integer, p_topic integer, p_epoch bigint, p_why text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = nianshen_engine, pg_temp AS $$
BEGIN
    PERFORM shards_lock(ARRAY[p_shard]);
    IF NOT EXISTS (SELECT FROM shard s WHERE s.shard = p_shard AND (p_epoch IS NULL OR s.epoch = p_epoch)) THEN
        RAISE EXCEPTION USING errcode = 'NS001', message = format('shard %s has another owner', p_shard);
    END IF;
    INSERT INTO halt (shard, topic, halted, halted_ms) VALUES (p_shard, p_topic, p_why, nianshen.now_ms()) ON CONFLICT DO NOTHING;
END
$$;

-- Records of released units, each topic in its order.
CREATE OR REPLACE FUNCTION nianshen_engine.held_take(p_shard integer, p_limit integer)
RETURNS TABLE (topic integer, record_offset bigint, append_ms bigint, key bytea, value bytea, headers bytea)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = nianshen_engine, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT e.topic::integer, e.record_offset, e.append_ms, e.key, e.value, e.headers
    FROM held_unit u JOIN ledger_exception e ON e.unit = u.unit AND e.kind = 'held'
    WHERE u.released_ms IS NOT NULL AND e.shard = p_shard
        AND NOT EXISTS (SELECT FROM halt h WHERE h.shard = e.shard AND h.topic = e.topic)
    ORDER BY e.topic, e.record_offset LIMIT p_limit;
END
$$;
