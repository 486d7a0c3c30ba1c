-- The engine's writes: what is changed and what stays, profiles, and moving removed members to the archive.
\set ON_ERROR_STOP on
\set QUIET on
\pset format unaligned
\pset tuples_only on
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap SCHEMA public;
SET LOCAL search_path = nianshen_engine, public, pg_temp;
SELECT no_plan();

INSERT INTO nianshen.unit_profile (unit, created_ms, name, address, loaded, loaded_ms) VALUES ('U1', 1, 'one', 'road', '{}', 100), ('U2', 1, 'two', NULL, '{}', 100);
INSERT INTO nianshen.membership (enrolment, unit, member_no, id_key, id_number, enrolled_ms, valid_from_ms, valid_until_ms)
SELECT m, 'U1', m::text, 'k' || (100 - m), 'k', 1, 1, nianshen.forever_ms() FROM generate_series(1, 9) m;
-- Number 3 was corrected: two versions.
UPDATE nianshen.membership SET valid_until_ms = 50 WHERE enrolment = 3;
INSERT INTO nianshen.membership (enrolment, unit, member_no, id_key, id_number, enrolled_ms, valid_from_ms, valid_until_ms) VALUES (3, 'U1', '3', 'z3', 'z', 1, 50, nianshen.forever_ms());

-- ---- submissions ----
SELECT write_submissions('{U1,U2}', '{2026,2026}', '{s1,s1}', '{a,a}', '{r,r}', '{x,x}', '{list,import}', '{1,2}', '{9,3}', '{0,1}', '{1,1}', '{"\\x01",NULL}', '{1,1}', '{t,t}', '{0,NULL}',
    '{1,NULL}', '{c1,NULL}', '{waiting,receiving}', '{NULL,NULL}', '{NULL,NULL}', '{9,0}', '{6,0}', '{3,0}', '{0,0}', '{1,0}', '{"[1]",NULL}', '{"{1,3,5}",NULL}', '{"{left,\"a\\\"b\",retired}",NULL}',
    '{"{NULL,w,NULL}",NULL}', '{"[{}]",NULL}', '{NULL,NULL}', '{NULL,NULL}');
SELECT is((SELECT failing_enrolments::text || failing_reasons::text || failing_warnings::text FROM submission WHERE unit = 'U1'), '{1,3,5}{left,"a\"b",retired}{NULL,w,NULL}', 'failing entries');
SELECT throws_ok($$SELECT settle_submissions('{U3}', '{2026}', '{s1}', '{pending}', '{NULL}', '{NULL}')$$, 'P0004', NULL, 'a row that is not there is a bug');
SELECT settle_submissions('{U1}', '{2026}', '{s1}', '{pending}', '{"\\x0d"}', '{NULL}');
SELECT is((SELECT state || failed_json IS NULL FROM submission WHERE unit = 'U1'), true, 'pending needs no canonical form any more');
SELECT settle_submissions('{U1}', '{2026}', '{s1}', '{approved}', '{"\\x0d"}', '{700}');
SELECT is((SELECT state || ' ' || decided_ms || ' ' || cardinality(failing_enrolments) || findings FROM submission WHERE unit = 'U1'), 'approved 700 3[1]', 'and the rest stays');

CREATE FUNCTION pg_temp.change(p_state text, p_totals integer, p_enrolments text) RETURNS void LANGUAGE sql AS $$
    SELECT change_submissions('{U2}', '{2026}', '{s1}', '{2}', '{t}', '{7}', '{8}', '{c2}', ARRAY[p_state], '{NULL}', '{NULL}', '{3}', '{2}', '{1}', ARRAY[0], ARRAY[p_totals],
        CASE WHEN p_enrolments IS NOT NULL THEN '{"[2]"}'::text[] ELSE '{NULL}' END, ARRAY[p_enrolments], ARRAY[CASE WHEN p_enrolments IS NOT NULL THEN '{left}' END], '{NULL}', '{"[]"}', '{NULL}', '{NULL}')
$$;
SELECT pg_temp.change('waiting', 1, '{4}');
SELECT is((SELECT failing_enrolments::text || findings || failed_json FROM submission WHERE unit = 'U2'), '{4}[2][]', 'what was judged now');
SELECT pg_temp.change('waiting', 1, NULL);
SELECT is((SELECT failing_enrolments::text || findings || failed_json FROM submission WHERE unit = 'U2'), '{4}[2][]', 'what was not loaded stays');
SELECT pg_temp.change('withdrawn', 0, NULL);
SELECT ok((SELECT failing_enrolments IS NULL AND failing_reasons IS NULL AND findings IS NULL AND failed_json IS NULL FROM submission WHERE unit = 'U2'), 'of a withdrawn one nothing is known');

-- ---- profiles ----
SELECT change_profiles('{U1,U2}', '{101,100}', '{new,new}', '{NULL,NULL}', '{NULL,NULL}', '{c,c}', '{NULL,NULL}');
SELECT is((SELECT array_agg(name || ' ' || coalesce(address, '') || ' ' || coalesce(contact_name, '') ORDER BY unit) FROM nianshen.unit_profile), '{"new road c","two  "}',
          'an approval changes what it names, unless the profile was loaded as late');

-- ---- chunks ----
SELECT write_chunks('{U2,U2}', '{2026,2026}', '{s1,s1}', '{1,2}', '{a,a}', '{i1,i2}', '{1,2}', '{1,1}', '{"\\x01","\\x02"}', '{t,f}', '{"\\x0102",NULL}');
SELECT throws_ok($$SELECT write_chunks('{U2}', '{2026}', '{s2}', '{1}', '{a}', '{i1}', '{1}', '{1}', '{"\\x01"}', '{t}', '{NULL}')$$, '23505', NULL, 'an id is used once');
SELECT drop_chunk_rows('{U2}', '{2026}', '{s1}');
SELECT is((SELECT count(rows) FROM chunk), 0::bigint, 'judged rows go');

-- ---- settling ----
SELECT write_removals('{4}', '{U1}', '{2026}', '{s1}', '{b}', '{d1}', '{700}');
SELECT throws_ok($$SELECT write_removals('{4}', '{U1}', '{2026}', '{s1}', '{b}', '{d1}', '{700}')$$, '23505', NULL, 'one approval a unit and year removes');
DELETE FROM nianshen.membership WHERE enrolment = 5;
SELECT is(settle('{9}', 10), 0::bigint, 'another shard has nothing');
SELECT is(settle('{4}', 2), 2::bigint, 'so many at a time');
SELECT is((SELECT array_agg(enrolment || ' ' || id_key || ' ' || reason || ' ' || valid_until_ms || ' ' || decision ORDER BY enrolment) FROM archive),
          '{"1 k99 left 700 d1","3 z3 a\"b 700 d1"}', 'the last version of each, with why and by whom');
SELECT is((SELECT array_agg(valid_until_ms) FROM nianshen.membership WHERE enrolment = 3), '{50}', 'earlier versions stay');
SELECT is((SELECT moved FROM removal_due), 2, 'the rest is still due');
UPDATE removal_due SET moved = 0;
SELECT is(settle('{4}', 2), 2::bigint, 'to do it again');
SELECT is((SELECT count(*) FROM archive) || ' ' || (SELECT count(*) FROM nianshen.membership WHERE enrolment = 3), '2 1', 'changes nothing');
SELECT is(settle('{4}', 2), 1::bigint, 'one that is gone already counts as done');
SELECT is((SELECT count(*) FROM removal_due) || ' ' || (SELECT count(*) FROM archive), '0 2', 'nothing is left');
SELECT is(settle('{4}', 2), 0::bigint, 'and nothing is to do');

SELECT * FROM finish();
ROLLBACK;
