-- One micro-batch: positions, then record by record what becomes of it, then the effects, set by set. The core decoded the records and checked all that
-- a record shows by itself; the rules are decided here.
--
-- A micro-batch never holds two records of the same identity (the worker ends it before the second), so each can be compared with what is stored.
--
-- The types in which the steps hand on what they have are in 05_remade.sql.

CREATE OR REPLACE FUNCTION nianshen.apply(
    p_topic text[], p_partition integer[], p_epoch bigint[], p_expected bigint[], p_next bigint[], p_end bigint[],
    p_last_offset bigint[], p_last_append_ms bigint[], p_last_sha256 bytea[],
    r_topic text[], r_partition integer[], r_offset bigint[], r_append_ms bigint[], r_kind text[], r_unit text[], r_year integer[],
    r_source text[], r_id text[], r_sha256 bytea[], r_body text[], r_code text[], r_text text[],
    r_failed_count integer[], r_passed_count integer[], r_unsorted_list text[], r_unsorted_index integer[], r_first_key text[], r_last_key text[],
    r_listed text[],
    f_record integer[], f_index integer[], f_place integer[], f_key text[], f_reason text[], f_warnings text[],
    e_record integer[], e_list text[], e_index integer[], e_code text[], e_key text[], e_masked text[], e_position integer[], e_expected text[],
    p_hold text[], p_published_topic text[], p_published_partition integer[], p_published_id bigint[])
RETURNS TABLE (applied integer, duplicates integer, dead_letters integer, held integer, outbox integer)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = nianshen, pg_temp
-- Each statement is planned once a session: planning anew for each micro-batch took most of the time of small ones.
SET plan_cache_mode = force_generic_plan
SET jit = off
-- Every table is reached by key here, record by record: a plan that was made while a table was small must not become a scan of 20 million rows, nor a
-- hash of them. What joins lists that the micro-batch itself holds may hash, and says so. An EXISTS that is not a condition by itself (in a CASE, under an OR)
-- says OFFSET 0: the planner may otherwise hash all that it could find, which no setting forbids.
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
DECLARE
    records record_in[];
    touch touched[];
    outbox_before bigint := (SELECT CASE WHEN q.is_called THEN q.last_value ELSE 0 END FROM outbox_outbox_id_seq q);
BEGIN
    PERFORM plans_renew();
    PERFORM position_move(p_topic, p_partition, p_epoch, p_expected, p_next, p_end, p_last_offset, p_last_append_ms, p_last_sha256,
                          records_added(p_topic, p_partition, p_expected, r_topic, r_partition, r_offset));
    IF cardinality(p_published_id) > 0 THEN
        PERFORM outbox_done(p_published_topic, p_published_partition, p_published_id); -- of an earlier micro-batch: that spares it a commit of its own
    END IF;
    PERFORM pg_advisory_xact_lock_shared(reference_lock_key());
    -- A statement of its own before anything is read: two workers that hold a unit's different topics then see each other's rows.
    PERFORM FROM unit_profile u WHERE u.unit = ANY (r_unit) ORDER BY u.unit FOR NO KEY UPDATE;
    IF cardinality(p_hold) > 0 THEN
        INSERT INTO held_unit (unit, since_ms) SELECT h, now_ms() FROM unnest(p_hold) h ON CONFLICT (unit) DO UPDATE SET released_ms = NULL;
    END IF;

    -- What a held unit sends is not even parsed: it may be just what could not be digested.
    records := records_in(r_topic, r_partition, r_offset, r_append_ms, r_kind, r_unit, r_year, r_source, r_id, r_sha256, r_body, r_code, r_text,
                          ARRAY(SELECT u.n::integer FROM held_unit h JOIN unnest(r_unit) WITH ORDINALITY AS u (unit, n) ON u.unit = h.unit
                                WHERE h.released_ms IS NULL));
    records := records_without_dead_letters(records);
    records := records_without_held(records);
    records := records_of_known_units(records);
    records := records_without_known_events(records);
    records := records_without_bad_chunks(records);
    PERFORM records_accept(records);

    touch := ARRAY(SELECT DISTINCT ON (r.unit, r.year) ROW(r.unit, r.year, r.topic, r.partition)::touched
                   FROM unnest(records) r ORDER BY r.unit, r.year, r.n);
    -- Most micro-batches are of one topic: what has nothing to do costs some statements, and a single record waits for each.
    IF 'unit-review' = ANY (r_kind) THEN
        PERFORM unit_reviews_judge(touch, records);
    END IF;
    IF r_kind && '{approved,returned,withdrawn}' THEN
        PERFORM decisions_store(touch, records);
    END IF;
    IF 'chunk' = ANY (r_kind) THEN
        PERFORM chunks_store(records, r_failed_count, r_passed_count, r_unsorted_list, r_unsorted_index, r_first_key, r_last_key);
    END IF;
    IF cardinality(r_offset) > 100 THEN
        -- What stood empty before this micro-batch is read from here on. New plans take some 80 ms, more than a hundred records do by poor ones.
        PERFORM plans_renew();
    END IF;
    IF 'chunk' = ANY (r_kind) THEN
        PERFORM chunks_check(records, r_first_key, r_last_key, r_listed, f_record, f_index, f_place, f_key, f_reason, f_warnings,
                             e_record, e_list, e_index, e_code, e_key, e_masked, e_position, e_expected);
    END IF;
    PERFORM settle(touch, records);
    PERFORM held_units_finish(r_unit);

    RETURN QUERY
    SELECT count(*) FILTER (WHERE l.kind = 'applied')::integer, count(*) FILTER (WHERE l.kind = 'duplicate')::integer,
           count(*) FILTER (WHERE l.kind = 'dead-letter')::integer, count(*) FILTER (WHERE l.kind = 'held')::integer,
           (SELECT count(*)::integer FROM unnest(p_topic, p_partition) AS p (topic, partition)
            CROSS JOIN LATERAL (SELECT FROM outbox o WHERE o.topic = p.topic AND o.partition = p.partition
                                    AND o.outbox_id > outbox_before AND o.published_ms IS NULL OFFSET 0) added)
    FROM unnest(r_topic, r_partition, r_offset) AS r (topic, partition, record_offset)
    JOIN ledger l ON l.topic = r.topic AND l.partition = r.partition AND l.record_offset = r.record_offset;
END
$$;

-- A session's plans are as good as the tables were large when they were made: one made while a table was empty reads all of it for each record, and is
-- kept until the next ANALYZE. Hence all are made anew whenever any of the tables has doubled; each by itself, for which one grows first is chance.
CREATE OR REPLACE FUNCTION nianshen.plans_renew() RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    bytes bigint[] := ARRAY[pg_relation_size('nianshen.submission'), pg_relation_size('nianshen.chunk'), pg_relation_size('nianshen.unit_review'),
                            pg_relation_size('nianshen.decision'), pg_relation_size('nianshen.entry'), pg_relation_size('nianshen.event'),
                            pg_relation_size('nianshen.removed_member'), pg_relation_size('nianshen.outbox')];
    planned bigint[] := nullif(current_setting('nianshen.planned_bytes', true), '');
BEGIN
    IF planned IS NULL OR EXISTS (SELECT FROM unnest(bytes, planned) AS t (now, before) WHERE t.now > 2 * t.before) THEN
        DISCARD PLANS;
        PERFORM set_config('nianshen.planned_bytes', bytes::text, false);
    END IF;
END
$$;

-- ---- what becomes of a record: each step writes the ledger row of what it takes out and hands on the rest ------------------------------------------

-- The records, with what is known of their units and campaigns as of their append times. The bodies of those in the places p_unparsed are left out.
CREATE OR REPLACE FUNCTION nianshen.records_in(r_topic text[], r_partition integer[], r_offset bigint[], r_append_ms bigint[], r_kind text[], r_unit text[],
    r_year integer[], r_source text[], r_id text[], r_sha256 bytea[], r_body text[], r_code text[], r_text text[], p_unparsed integer[])
RETURNS nianshen.record_in[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN ARRAY(
        SELECT ROW(r.n, r.topic, r.partition, r.record_offset, r.append_ms, r.kind, r.unit, r.year, r.source, r.event_id, r.sha256,
                   CASE WHEN r.n = ANY (p_unparsed) THEN NULL ELSE r.body::jsonb END, r.code, r.text,
                   u.unit IS NOT NULL, c.year IS NOT NULL)::nianshen.record_in
        FROM unnest(r_topic, r_partition, r_offset, r_append_ms, r_kind, r_unit, r_year, r_source, r_id, r_sha256, r_body, r_code, r_text)
            WITH ORDINALITY AS r (topic, partition, record_offset, append_ms, kind, unit, year, source, event_id, sha256, body, code, text, n)
        LEFT JOIN nianshen.unit_profile u ON u.unit = r.unit AND u.created_ms <= r.append_ms
        LEFT JOIN nianshen.campaign_term c ON c.year = r.year AND c.opens_ms <= r.append_ms AND c.closes_ms > r.append_ms
        ORDER BY r.n);
END
$$;

-- How many records each position moves over: counted from what came, and not from what the steps below make of it. Records that were held come from
-- before the position and were counted when they came first.
CREATE OR REPLACE FUNCTION nianshen.records_added(p_topic text[], p_partition integer[], p_expected bigint[], r_topic text[], r_partition integer[],
                                                  r_offset bigint[]) RETURNS bigint[]
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN ARRAY(
        SELECT count(r.record_offset)
        FROM unnest(p_topic, p_partition, p_expected) WITH ORDINALITY AS p (topic, partition, expected, n)
        LEFT JOIN unnest(r_topic, r_partition, r_offset) AS r (topic, partition, record_offset)
            ON r.topic = p.topic AND r.partition = p.partition AND r.record_offset >= p.expected
        GROUP BY p.n ORDER BY p.n);
END
$$;

-- A record that was held has its row already: it becomes what the record is now.
CREATE OR REPLACE FUNCTION nianshen.ledger_write(p_records nianshen.record_in[], p_kind text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO nianshen.ledger AS l (topic, partition, record_offset, append_ms, epoch, kind, unit, code, text)
    SELECT r.topic, r.partition, r.record_offset, r.append_ms, k.epoch, p_kind, r.unit,
           CASE WHEN p_kind = 'dead-letter' THEN r.code END, CASE WHEN p_kind = 'dead-letter' THEN r.text END
    FROM unnest(p_records) r JOIN nianshen.kafka_partition k ON k.topic = r.topic AND k.partition = r.partition
    ON CONFLICT (topic, partition, record_offset) DO UPDATE SET kind = excluded.kind, code = excluded.code, text = excluded.text
    WHERE l.kind = 'held';
END
$$;

-- Dead letters with their code and text: into the ledger and the outbox.
CREATE OR REPLACE FUNCTION nianshen.dead_letters_write(p_records nianshen.record_in[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF cardinality(p_records) = 0 THEN
        RETURN;
    END IF;
    PERFORM nianshen.ledger_write(p_records, 'dead-letter');
    INSERT INTO nianshen.outbox (topic, partition, kind, record_offset, unit, code, text)
    SELECT r.topic, r.partition, 'dead-letter', r.record_offset, r.unit, r.code, r.text FROM unnest(p_records) r ORDER BY r.n;
END
$$;

-- The records with that code and its English text, for dead letters that are found here.
CREATE OR REPLACE FUNCTION nianshen.records_with_code(p_records nianshen.record_in[], p_code text) RETURNS nianshen.record_in[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN ARRAY(SELECT ROW(r.n, r.topic, r.partition, r.record_offset, r.append_ms, r.kind, r.unit, r.year, r.source, r.event_id, r.content_sha256,
                            r.body, p_code, nianshen.code_text(p_code, false), r.is_unit_known, r.is_in_campaign)::nianshen.record_in
                 FROM unnest(p_records) r ORDER BY r.n);
END
$$;

CREATE OR REPLACE FUNCTION nianshen.records_without_dead_letters(p_records nianshen.record_in[]) RETURNS nianshen.record_in[]
LANGUAGE plpgsql AS $$
DECLARE
    refused record_in[] := ARRAY(SELECT r FROM unnest(p_records) r WHERE r.kind = 'dead-letter' ORDER BY r.n);
BEGIN
    IF cardinality(refused) = 0 THEN
        RETURN p_records;
    END IF;
    PERFORM dead_letters_write(refused);
    RETURN ARRAY(SELECT r FROM unnest(p_records) r WHERE r.kind <> 'dead-letter' ORDER BY r.n);
END
$$;

-- Records of held units. Of a unit that was released, those that were held are applied now; what comes new is held as long as the topic has any.
CREATE OR REPLACE FUNCTION nianshen.records_without_held(p_records nianshen.record_in[]) RETURNS nianshen.record_in[]
LANGUAGE plpgsql AS $$
DECLARE
    held integer[];
BEGIN
    IF NOT EXISTS (SELECT FROM held_unit) THEN
        RETURN p_records;
    END IF;
    held := ARRAY(
        SELECT r.n FROM unnest(p_records) r JOIN held_unit h ON h.unit = r.unit
        WHERE h.released_ms IS NULL
            OR (EXISTS (SELECT FROM ledger l WHERE l.unit = r.unit AND l.topic = r.topic AND l.kind = 'held' OFFSET 0)
                AND NOT EXISTS (SELECT FROM ledger l WHERE l.topic = r.topic AND l.partition = r.partition AND l.record_offset = r.record_offset
                                OFFSET 0)));
    PERFORM ledger_write(ARRAY(SELECT r FROM unnest(p_records) r WHERE r.n = ANY (held)), 'held');
    RETURN ARRAY(SELECT r FROM unnest(p_records) r WHERE r.n <> ALL (held) ORDER BY r.n);
END
$$;

-- A released unit is held no more when nothing of it is left in the ledger as held.
CREATE OR REPLACE FUNCTION nianshen.held_units_finish(p_units text[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM held_unit h
    WHERE h.unit = ANY (p_units) AND h.released_ms IS NOT NULL AND NOT EXISTS (SELECT FROM ledger l WHERE l.unit = h.unit AND l.kind = 'held');
END
$$;

-- Chunks and decisions of a unit that was unknown when they were appended can't be attributed. A unit review gets an outcome instead.
CREATE OR REPLACE FUNCTION nianshen.unattributable(p_records nianshen.record_in[]) RETURNS integer[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN ARRAY(SELECT r.n FROM unnest(p_records) r WHERE r.kind <> 'unit-review' AND NOT r.is_unit_known ORDER BY r.n);
END
$$;

CREATE OR REPLACE FUNCTION nianshen.records_of_known_units(p_records nianshen.record_in[]) RETURNS nianshen.record_in[]
LANGUAGE plpgsql AS $$
DECLARE
    unknown integer[] := unattributable(p_records);
BEGIN
    IF cardinality(unknown) = 0 THEN
        RETURN p_records;
    END IF;
    PERFORM dead_letters_write(records_with_code(ARRAY(SELECT r FROM unnest(p_records) r WHERE r.n = ANY (unknown)), 'unknown-unit'));
    RETURN ARRAY(SELECT r FROM unnest(p_records) r WHERE r.n <> ALL (unknown) ORDER BY r.n);
END
$$;

-- The same identity again: equal content is a duplicate, other content a dead letter. What came later than the record does not count: so a replay gets
-- the same answer. Of a purged year the content is not known any more.
CREATE OR REPLACE FUNCTION nianshen.known_events(p_records nianshen.record_in[], OUT known integer[], OUT reused integer[])
LANGUAGE plpgsql STABLE AS $$
BEGIN
    SELECT coalesce(array_agg(r.n), '{}'),
           coalesce(array_agg(r.n) FILTER (WHERE e.content_sha256 <> r.content_sha256 AND octet_length(e.content_sha256) > 0), '{}')
    INTO known, reused
    FROM unnest(p_records) r
    JOIN nianshen.event e ON e.unit = r.unit AND e.year = r.year AND e.topic = r.topic AND e.source = r.source AND e.event_id = r.event_id
        AND e.record_offset <= r.record_offset;
END
$$;

CREATE OR REPLACE FUNCTION nianshen.records_without_known_events(p_records nianshen.record_in[]) RETURNS nianshen.record_in[]
LANGUAGE plpgsql AS $$
DECLARE
    k record;
BEGIN
    SELECT * INTO k FROM known_events(p_records);
    IF cardinality(k.known) = 0 THEN
        RETURN p_records;
    END IF;
    PERFORM dead_letters_write(records_with_code(ARRAY(SELECT r FROM unnest(p_records) r WHERE r.n = ANY (k.reused)), 'identity-reused'));
    PERFORM ledger_write(ARRAY(SELECT r FROM unnest(p_records) r WHERE r.n = ANY (k.known) AND r.n <> ALL (k.reused)), 'duplicate');
    RETURN ARRAY(SELECT r FROM unnest(p_records) r WHERE r.n <> ALL (k.known) ORDER BY r.n);
END
$$;

-- What every chunk of a submission must repeat.
CREATE OR REPLACE FUNCTION nianshen.chunk_header(p_source text, p_unit_review text, p_mode text, p_submitted_by text, p_chunks integer,
                                                 p_entries_total integer) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_array(p_source, p_unit_review, p_mode, p_submitted_by, p_chunks, p_entries_total)
$$;

CREATE OR REPLACE FUNCTION nianshen.record_header(p_source text, p_body jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT nianshen.chunk_header(p_source, p_body ->> 'unit_review', p_body ->> 'mode', p_body ->> 'submitted_by', (p_body ->> 'chunks')::integer,
                                 (p_body ->> 'entries_total')::integer)
$$;

-- Chunks that contradict their submission's first one, and chunk numbers that come again under another identity, with other or with the same content.
CREATE OR REPLACE FUNCTION nianshen.bad_chunks(p_records nianshen.record_in[], OUT contradicting integer[], OUT differing integer[],
                                               OUT repeated integer[])
LANGUAGE plpgsql STABLE AS $$
BEGIN
    WITH c AS (
        SELECT r.*, r.body ->> 'submission' AS submission, (r.body ->> 'chunk')::integer AS chunk, nianshen.record_header(r.source, r.body) AS header
        FROM unnest(p_records) r WHERE r.kind = 'chunk'
    ), headed AS (
        SELECT c.*, s.submission_key,
               CASE WHEN s.submission_key IS NULL THEN first_value(c.header) OVER (PARTITION BY c.unit, c.year, c.submission ORDER BY c.n)
                    ELSE nianshen.chunk_header(s.source, s.unit_review, s.mode, s.submitted_by, s.chunks, s.entries_total) END AS first_header
        FROM c LEFT JOIN nianshen.submission s ON s.unit = c.unit AND s.year = c.year AND s.submission = c.submission
    ), numbered AS (
        SELECT h.n, h.header <> h.first_header AS contradicts, h.content_sha256,
               CASE octet_length(stored.content_sha256) WHEN 0 THEN h.content_sha256 ELSE stored.content_sha256 END AS stored_sha256, -- empty: purged
               first_value(h.n) OVER same AS first_n, first_value(h.content_sha256) OVER same AS first_sha256
        FROM headed h
        LEFT JOIN nianshen.chunk stored
            ON stored.submission_key = h.submission_key AND stored.chunk = h.chunk AND stored.record_offset <= h.record_offset
        WINDOW same AS (PARTITION BY h.unit, h.year, h.submission, h.chunk, h.header <> h.first_header ORDER BY h.n)
    )
    SELECT coalesce(array_agg(n) FILTER (WHERE contradicts), '{}'),
           coalesce(array_agg(n) FILTER (WHERE NOT contradicts AND coalesce(stored_sha256, first_sha256) <> content_sha256), '{}'),
           coalesce(array_agg(n) FILTER (WHERE NOT contradicts AND coalesce(stored_sha256, first_sha256) = content_sha256
                                         AND (stored_sha256 IS NOT NULL OR first_n <> n)), '{}')
    INTO contradicting, differing, repeated FROM numbered;
END
$$;

CREATE OR REPLACE FUNCTION nianshen.records_without_bad_chunks(p_records nianshen.record_in[]) RETURNS nianshen.record_in[]
LANGUAGE plpgsql AS $$
DECLARE
    b record;
BEGIN
    SELECT * INTO b FROM bad_chunks(p_records);
    IF cardinality(b.contradicting || b.differing || b.repeated) = 0 THEN
        RETURN p_records;
    END IF;
    PERFORM dead_letters_write(records_with_code(ARRAY(SELECT r FROM unnest(p_records) r WHERE r.n = ANY (b.contradicting)), 'chunk-contradicts'));
    PERFORM dead_letters_write(records_with_code(ARRAY(SELECT r FROM unnest(p_records) r WHERE r.n = ANY (b.differing)), 'chunk-differs'));
    PERFORM ledger_write(ARRAY(SELECT r FROM unnest(p_records) r WHERE r.n = ANY (b.repeated)), 'duplicate');
    RETURN ARRAY(SELECT r FROM unnest(p_records) r WHERE r.n <> ALL (b.contradicting || b.differing || b.repeated) ORDER BY r.n);
END
$$;

CREATE OR REPLACE FUNCTION nianshen.records_accept(p_records nianshen.record_in[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM nianshen.ledger_write(p_records, 'applied');
    INSERT INTO nianshen.event (unit, year, topic, source, event_id, content_sha256, partition, record_offset)
    SELECT r.unit, r.year, r.topic, r.source, r.event_id, r.content_sha256, r.partition, r.record_offset
    FROM unnest(p_records) r ORDER BY r.unit, r.year, r.topic, r.source, r.event_id;
END
$$;
