-- The work of a micro-batch grows with what it holds, not faster: many units at once cost each what few cost. The plans of a session are made while the
-- tables are small and serve it when they are large; one that reads all that is there for each record shows here, with no clock.
\ir support.psql
SELECT no_plan();
SET LOCAL enable_seqscan = off; -- what the test itself asks is not counted as work of many
SET LOCAL enable_hashjoin = off;
SET LOCAL enable_mergejoin = off;

-- Rows read so far in this transaction.
CREATE FUNCTION pg_temp.rows_read() RETURNS bigint LANGUAGE sql AS $$
    SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::bigint FROM pg_stat_xact_user_tables WHERE schemaname = 'nianshen'
$$;

-- Units with three members each; in list mode all are named, and the first one fails.
CREATE FUNCTION pg_temp.units(p_wave text, p_count integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_temp.known_unit(p_wave || n, 'unit') FROM generate_series(1, p_count) n;
    INSERT INTO unit_superior SELECT p_wave || n, 'S1', 0, forever_ms() FROM generate_series(1, p_count) n;
    INSERT INTO membership (enrolment, unit, member_no, id_key, id_number, enrolled_ms, valid_from_ms, valid_until_ms)
    SELECT nextval('enrolment_seq') + 1000, p_wave || n, 'M' || m, 'K' || m, 'K' || m, 0, 0, forever_ms()
    FROM generate_series(1, p_count) n, generate_series(1, 3) m;
END
$$;

-- One micro-batch of each topic, in the order that is named. Unit reviews that come last set all free at once. Decisions that come first can't know the digest,
-- and are refused.
CREATE FUNCTION pg_temp.play(p_wave text, p_count integer, p_order text, p_mode text DEFAULT 'import', p_profile jsonb DEFAULT '{}')
RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
    others jsonb := CASE p_mode WHEN 'list' THEN '["K2", "K3"]'::jsonb END;
    before bigint := pg_temp.rows_read();
    topic text;
BEGIN
    FOREACH topic IN ARRAY string_to_array(p_order, ' ') LOOP
        PERFORM pg_temp.feed(VARIADIC ARRAY(
            SELECT CASE topic
                       WHEN 'reviews' THEN pg_temp.unit_review('r1', p_profile)
                       WHEN 'chunks' THEN pg_temp.chunk('s', 1, 1, CASE p_mode WHEN 'list' THEN 3 ELSE 1 END, '[["K1", "left"]]', others)
                       ELSE pg_temp.decision('approved', 's', coalesce(s.digest, submission_digest('\x01', submission_canonical(s, 3, 1, '{}')), 'none'))
                   END || jsonb_build_object('unit', p_wave || n)
            FROM generate_series(1, p_count) n LEFT JOIN submission s ON s.unit = p_wave || n));
    END LOOP;
    RETURN round((pg_temp.rows_read() - before)::numeric / p_count, 1);
END
$$;

CREATE FUNCTION pg_temp.approved(p_wave text) RETURNS bigint LANGUAGE sql AS $$
    SELECT count(*) FROM submission s JOIN removed_member r ON r.unit = s.unit AND r.id_key = 'K1' WHERE s.unit LIKE p_wave || '%' AND s.state = 'approved'
$$;

-- Publishing costs what waits, not what was ever published, nor what others wait for; whatever was known of the outbox when the plans were made.
CREATE FUNCTION pg_temp.refused(p_count integer) RETURNS void LANGUAGE sql AS $$
    SELECT pg_temp.feed(VARIADIC ARRAY(SELECT '{"kind": "dead-letter", "code": "not-json"}'::jsonb FROM generate_series(1, p_count)))
$$;
CREATE FUNCTION pg_temp.taken(p_limit integer) RETURNS bigint[] LANGUAGE sql AS $$
    SELECT coalesce(array_agg(t.outbox_id), '{}')
    FROM kafka_partition k CROSS JOIN LATERAL outbox_take(ARRAY[k.topic], ARRAY[k.partition], ARRAY[k.epoch], p_limit) t
$$;
CREATE FUNCTION pg_temp.reads(p_what text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    before bigint := pg_temp.rows_read();
BEGIN
    EXECUTE p_what;
    RETURN pg_temp.rows_read() - before;
END
$$;
TRUNCATE outbox; -- without a page, as in a new database
SELECT pg_temp.feed(pg_temp.chunk('half', 1, 2, 1, '[["K01", "left"]]')) AS fed,
       pg_temp.feed(pg_temp.chunk('half', 1, 2, 1, '[["K01", "left"]]')) AS again, pg_temp.taken(10) AS nothing \gset
SELECT pg_temp.refused(1000) AS thousand, pg_temp.publish(pg_temp.taken(1000)) AS published, pg_temp.refused(3) AS three \gset
SELECT cmp_ok(pg_temp.reads('SELECT pg_temp.taken(10)'), '<', 20::bigint, 'three that wait behind a thousand are taken as three');
SELECT pg_temp.publish(pg_temp.taken(10)) AS published \gset
CREATE FUNCTION pg_temp.outcomes_wait(p_topic text, p_count integer) RETURNS void LANGUAGE sql AS $$
    INSERT INTO outbox (topic, partition, kind, body) SELECT p_topic, 0, 'outcome', '{}' FROM generate_series(1, p_count)
$$;
SELECT pg_temp.outcomes_wait('member-review', 1000) AS thousand, pg_temp.publish(pg_temp.taken(1000)) AS published, pg_temp.outcomes_wait('member-review', 3) AS three \gset
SELECT cmp_ok(pg_temp.reads('SELECT pg_temp.taken(10)'), '<', 20::bigint, 'so are three outcomes behind a thousand, none of which was marked');
CREATE FUNCTION pg_temp.marking(p_rows integer) RETURNS text LANGUAGE sql AS $$ -- of the last ones that wait
    SELECT format('SELECT outbox_done(%L, %L, %L)', array_agg(topic), array_agg(partition), array_agg(outbox_id))
    FROM (SELECT * FROM outbox_waiting ORDER BY outbox_id DESC LIMIT p_rows) w
$$;
SELECT cmp_ok(pg_temp.reads(pg_temp.marking(3)), '<', 20::bigint, 'and marked as three');
SELECT pg_temp.outcomes_wait('unit-review', 3000) AS others, pg_temp.outcomes_wait('member-review', 3) AS three \gset
SELECT pg_temp.publish(ARRAY(SELECT outbox_id FROM outbox WHERE topic = 'unit-review')) AS published \gset
ANALYZE outbox; -- most were told in order, and are not marked
SELECT cmp_ok(pg_temp.reads('SELECT pg_temp.taken(10)'), '<', 20::bigint, 'three behind three thousand of another partition, too');
SELECT cmp_ok(pg_temp.reads('SELECT FROM outbox_waiting WHERE ce_time_ms < 5'), '<', 20::bigint, 'also when they are looked for in all partitions');
SELECT cmp_ok(pg_temp.reads('SELECT FROM partition_status'), '<', 40::bigint, 'or counted');
SELECT pg_temp.publish(pg_temp.taken(10)) AS published \gset
ANALYZE outbox; -- nothing waits, as most of the time
SELECT pg_temp.refused(1000) AS thousand \gset
SELECT cmp_ok(pg_temp.reads(pg_temp.marking(1)), '<', 20::bigint, 'one of a thousand that wait is marked as one');
SELECT cmp_ok(pg_temp.reads('SELECT pg_temp.refused(1)'), '<', 50::bigint, 'one more record is applied as one');

SELECT pg_temp.units('early', 600) AS early, pg_temp.units('few', 30) AS few, pg_temp.units('many', 600) AS many, pg_temp.units('list', 600) AS list,
       pg_temp.units('told', 600) AS told \gset
-- The first of all, when no plan is made yet and the tables are empty.
SELECT pg_temp.play('early', 600, 'decisions chunks reviews') AS of_early \gset
-- Approvals that change profiles, when all that is known of the submissions is from a time when none was approved.
SELECT pg_temp.play('told', 600, 'reviews chunks', 'import', '{"name": "new"}') AS told \gset
ANALYZE submission, unit_review, unit_profile, decision, chunk, entry;
DISCARD PLANS;
SELECT pg_temp.play('told', 600, 'decisions') AS of_told \gset
SELECT pg_temp.play('few', 30, 'chunks decisions reviews') AS of_few \gset
SELECT pg_temp.play('many', 600, 'chunks decisions reviews') AS of_many \gset
SELECT pg_temp.play('list', 600, 'reviews chunks decisions', 'list') AS of_list \gset
SELECT is((SELECT count(*) FROM decision WHERE code = 'stale-digest'), 600::bigint, 'decisions that came first are judged when their submission is pending');
SELECT is(pg_temp.approved('few') || ' ' || pg_temp.approved('many') || ' ' || pg_temp.approved('list'), '30 600 600', 'all others remove their members');
SELECT cmp_ok(:of_few, '<', 1.5 * :of_early, 'what was approved before is not gone through for those who come later');
SELECT cmp_ok(:of_early, '<', 1.5 * :of_few, format('rows read for each of the first 600 units: %s, of 30 later: %s', :of_early, :of_few));
SELECT cmp_ok(:of_many, '<', 1.5 * :of_few, format('for each of 600: %s', :of_many));
SELECT is((SELECT count(*) FROM unit_profile WHERE unit LIKE 'told%' AND name = 'new'), 600::bigint, 'profiles changed');
SELECT cmp_ok(:of_told, '<', 1.0 * :of_few, format('decisions on 600 that change profiles: %s', :of_told));
SELECT cmp_ok(:of_list, '<', 2 * :of_few, format('in list mode: %s', :of_list));

SELECT * FROM finish();
ROLLBACK;
