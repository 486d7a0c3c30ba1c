-- The engine's data path: shards are claimed, positions move exactly once, the outbox keeps its order, and a worker's login can do nothing else.
\set ON_ERROR_STOP on
\set QUIET on
\pset format unaligned
\pset tuples_only on
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap SCHEMA public;
SET LOCAL search_path = nianshen_engine, public, pg_temp;
SELECT no_plan();

-- ---- claiming ----
SELECT is((SELECT array_agg(topic || ' ' || epoch || ' ' || next_offset ORDER BY topic) FROM claim('{4}', 'first')), '{0 1 0,1 1 0,2 1 0}', 'a new shard stands at its beginning');
SELECT is((SELECT DISTINCT epoch FROM claim('{4}', 'second')), 2::bigint, 'a takeover raises the epoch');
SELECT is((SELECT owner FROM shard WHERE shard = 4), 'second', 'and names the owner');
SELECT is(end_stale_backends('{4}'), 0, 'nobody ends his own session');
SELECT is((SELECT array_agg(DISTINCT shard) FROM claim('{7,5}', 'second')), '{5,7}', 'several at once');

-- ---- the fence ----
SELECT lives_ok($$SELECT batch_begin('{4,4}', '{0,1}', '{2,2}', '{0,0}')$$, 'the owner begins where the shard stands');
SELECT throws_ok($$SELECT batch_begin('{4}', '{0}', '{1}', '{0}')$$, 'NS001', NULL, 'an owner before is fenced');
SELECT throws_ok($$SELECT batch_begin('{4}', '{0}', '{2}', '{1}')$$, 'NS001', NULL, 'another position is fenced');
SELECT throws_ok($$SELECT batch_begin('{9}', '{0}', '{1}', '{0}')$$, 'NS001', NULL, 'a shard that nobody claimed is fenced');
SELECT throws_ok($$SELECT batch_begin('{4,5}', '{0,0}', '{2,2}', '{0,0}')$$, 'NS001', NULL, 'one of several that is not ours fences all');

CREATE FUNCTION pg_temp.move(p_topic integer, p_expected bigint, p_next bigint, p_last bigint, p_ms bigint, p_outcomes bytea DEFAULT NULL,
                             p_done bigint[] DEFAULT '{}') RETURNS bigint LANGUAGE sql AS $$
    SELECT batch FROM batch_end('{4}', ARRAY[p_topic], '{2}', ARRAY[p_expected], ARRAY[p_next], '{1}', ARRAY[p_last], ARRAY[p_ms],
        ARRAY[CASE WHEN p_last IS NOT NULL THEN '\x01'::bytea END], ARRAY[p_ms],
        CASE WHEN p_outcomes IS NULL THEN '{}'::integer[] ELSE '{4}' END, ARRAY[p_outcomes], '{4}', '{1}', '{3}', array_fill(4, ARRAY[cardinality(p_done)]), p_done)
$$;
SELECT is(pg_temp.move(0, 0, 3, 2, 500), NULL, 'nothing is to be published, no outbox row');
SELECT lives_ok($$SELECT batch_begin('{4}', '{0}', '{2}', '{3}')$$, 'the position has moved');
SELECT throws_ok($$SELECT batch_begin('{4}', '{0}', '{2}', '{0}')$$, 'NS001', NULL, 'a repeat is fenced');
SELECT pg_temp.move(0, 3, 5, NULL, NULL);
SELECT is((SELECT next_offset || ' ' || last_offset || ' ' || last_append_ms || ' ' || encode(last_sha256, 'hex') FROM claim('{4}', 'third') WHERE topic = 0),
          '5 2 500 01', 'over markers alone the last record stays');
SELECT is(applied_ms(), 500::bigint, 'the latest time that was applied');
SELECT cmp_ok(nianshen.reference_change_ms(), '>', 500::bigint, 'reference data change after it');
SELECT is((SELECT array_agg(first_offset || '-' || next_offset ORDER BY next_offset) FROM ledger_range WHERE shard = 4 AND topic = 0), '{0-3,3-5}', 'ranges are contiguous');
SELECT throws_ok($$SELECT pg_temp.move(0, 3, 5, NULL, NULL)$$, '23505', NULL, 'no range is written twice');

-- ---- halt ----
SELECT throws_ok($$SELECT halt_store(4, 0, 2, 'stale')$$, 'NS001', NULL, 'an owner before halts nothing');
SELECT lives_ok($$SELECT halt_store(4, 0, 3, 'truncated')$$, 'the owner halts');
SELECT lives_ok($$SELECT halt_store(4, 0, 3, 'again')$$, 'twice is once');
SELECT is((SELECT halted FROM claim('{4}', 'third') WHERE topic = 0), 'truncated', 'the first cause stays');
SELECT throws_ok($$SELECT batch_begin('{4}', '{0}', '{4}', '{5}')$$, 'NS001', NULL, 'a halted partition does not move');
SELECT lives_ok($$SELECT batch_begin('{4}', '{1}', '{4}', '{0}')$$, 'the shard''s other topics do');
SELECT is((SELECT halted_topics || ' ' || epoch FROM look('{4}')), '1 4', 'it is seen');

-- ---- exceptions and the outbox ----
INSERT INTO ledger_exception (shard, topic, record_offset, kind, append_ms, code, text, key, value, headers)
VALUES (4, 1, 3, 'dead-letter', 1, 'json-invalid', 'not JSON', '\x55', '\x7b', '\x0100000000');
CREATE TEMP TABLE made AS SELECT pg_temp.move(1, 0, 1, 0, 600, '\xaa') AS one, pg_temp.move(1, 1, 2, 1, 601, '\xbb') AS two;
SELECT ok((SELECT two > one FROM made), 'rows of the outbox ascend');
SELECT is((SELECT array_agg(coalesce(encode(outcomes, 'hex'), code) ORDER BY batch, topic NULLS FIRST) FROM outbox_take('{4}', '{0}', 10)),
          '{aa,json-invalid,bb,json-invalid}', 'each comes with its dead letters, bytes and all');
SELECT is((SELECT encode(outcomes, 'hex') || has_more FROM outbox_take('{4}', '{0}', 1) WHERE topic IS NULL), 'aatrue', 'the oldest first, and that there is more');
SELECT is((SELECT encode(outcomes, 'hex') FROM outbox_take('{4}', ARRAY[(SELECT one FROM made)], 10) WHERE topic IS NULL), 'bb', 'behind what is on its way');
SELECT pg_temp.move(1, 2, 3, 2, 602, NULL, ARRAY[(SELECT one FROM made)]);
SELECT is((SELECT array_agg(batch) FROM outbox), ARRAY[(SELECT two FROM made)], 'what was published goes with a later micro-batch');
SELECT outbox_delete('{4,4}', ARRAY[(SELECT two FROM made), 99]);
SELECT is((SELECT count(*) FROM outbox), 0::bigint, 'or by itself; what is not there is no error');
SELECT cmp_ok(pg_temp.move(1, 3, 4, 3, 603, '\xcc'), '>', (SELECT two FROM made), 'no number is given twice');
SELECT ok((SELECT bool_and(has_outbox) FROM claim('{4}', 'fourth')), 'a new owner is told of it');

-- ---- held units ----
SELECT write_exceptions('{4,4}', '{1,2}', '{10,11}', '{held,held}', '{1,1}', '{U1,U1}', '{2026,2026}', '{NULL,NULL}', '{NULL,NULL}', '{"\\x01","\\x01"}', '{NULL,"\\x02"}',
                        '{"\\x03","\\x03"}', '{}', '{}', '{}', '{}', 'U1');
SELECT is((SELECT has_held FROM look('{4}')), false, 'what is held waits');
UPDATE held_unit SET released_ms = 1;
SELECT is((SELECT has_held FROM look('{4}')), true, 'until the unit is released');
SELECT is((SELECT array_agg(topic || ' ' || record_offset) FROM held_take(4, 10)), '{"1 10","2 11"}', 'each topic in its order');
SELECT write_exceptions('{4}', '{1}', '{10}', '{duplicate}', '{1}', '{U1}', '{2026}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{4}', '{1}', '{10}', '{U1}', NULL);
SELECT is((SELECT count(*) FROM held_unit), 1::bigint, 'the unit is held while anything of it is');
SELECT write_exceptions('{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{4}', '{2}', '{11}', '{U1}', NULL);
SELECT is((SELECT count(*) FROM held_unit), 0::bigint, 'and then no more');
SELECT is((SELECT array_agg(record_offset || ' ' || kind) FROM ledger_exception WHERE unit = 'U1'), '{10 duplicate}', 'what was held is what it is now');

-- ---- rights ----
SELECT is((SELECT array_agg(c.relname::text) FROM pg_class c WHERE c.relnamespace = 'nianshen_engine'::regnamespace AND c.relkind IN ('r', 'S')
           AND CASE c.relkind WHEN 'r' THEN has_table_privilege('nianshen_worker', c.oid, 'SELECT, INSERT, UPDATE, DELETE')
                    ELSE has_sequence_privilege('nianshen_worker', c.oid, 'USAGE') END), NULL, 'a worker touches no table');
SELECT is((SELECT array_agg(p.proname::text ORDER BY 1) FROM pg_proc p WHERE p.pronamespace = 'nianshen_engine'::regnamespace AND p.prosecdef
           AND NOT p.proconfig::text LIKE '%search_path=%'), NULL, 'functions with the owner''s rights pin their search path');
SET LOCAL ROLE nianshen_worker;
SELECT lives_ok($$SELECT nianshen_engine.claim('{4}', 'worker')$$, 'a worker claims');
SELECT throws_ok($$SELECT nianshen_engine.removal_move('U', 2026, 0, 1)$$, '42501', NULL, 'and calls nothing but the data path');
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;
