-- What verify compares: offsets that were not applied, digests, rows down to their fields, and what another release had judged.
\ir support.psql
SELECT no_plan();

-- ---- offsets that are passed over ----

SELECT pg_temp.feed_at(NULL, ARRAY[pg_temp.unit_review('r1', '{"address": "x"}') || '{"id": "r1"}', pg_temp.unit_review('r2') || '{"id": "r2"}']) AS fed \gset
SELECT is((SELECT count(*)::integer FROM offsets_not_applied('unit-review', 0)), 0, 'nothing is passed over of what was applied');
UPDATE ledger SET kind = 'held' WHERE record_offset = 1;
SELECT results_eq($$SELECT * FROM offsets_not_applied('unit-review', 0)$$, $$VALUES (1::bigint, 2::bigint)$$, 'a held record is');
UPDATE ledger SET kind = 'applied' WHERE record_offset = 1;

CREATE FUNCTION pg_temp.resumed(p_before bigint, p_after bigint) RETURNS void LANGUAGE sql AS $$
    INSERT INTO nianshen.partition_resume (topic, partition, at_ms, who, halted, next_before, next_after, superseded)
    VALUES ('unit-review', 0, 1, 'w', 'h', p_before, p_after, 0)
$$;
SELECT pg_temp.resumed(10, 15) AS done \gset
SELECT pg_temp.resumed(20, 20) AS done \gset
SELECT pg_temp.resumed(30, 33) AS done \gset
SELECT results_eq($$SELECT * FROM offsets_not_applied('unit-review', 0)$$, $$VALUES (10::bigint, 15::bigint), (30, 33)$$,
    'what resumptions gave up is; one that went on as it stood gave up nothing');
SELECT is_empty($$SELECT * FROM offsets_not_applied('unit-review', 1) UNION ALL SELECT * FROM offsets_not_applied('approval', 0)$$,
    'of no other partition or topic');
SELECT pg_temp.resumed(40, 12) AS done \gset
SELECT results_eq($$SELECT * FROM offsets_not_applied('unit-review', 0)$$, $$VALUES (10::bigint, 12::bigint)$$,
    'a topic made anew has other records from there on');
SELECT pg_temp.resumed(14, 18) AS done \gset
SELECT results_eq($$SELECT * FROM offsets_not_applied('unit-review', 0)$$, $$VALUES (10::bigint, 12::bigint), (14, 18)$$, 'and its own gaps');
DELETE FROM partition_resume;

-- ---- differences: the recorded rows are those of U1 as it stands, then it is changed ----

CREATE FUNCTION pg_temp.differences() RETURNS TABLE (kind text, field text, recorded text, rebuilt text, class text) LANGUAGE sql AS $$
    SELECT d.kind, d.field, d.recorded, d.rebuilt, d.class FROM nianshen.verify_differences('U1', 2026) d
$$;
SELECT pg_temp.feed_at(NULL, ARRAY[pg_temp.chunk('s1', 1, 1, 2, '[["K01", "left"], ["K02", "retired"]]')]) AS fed \gset
SELECT pg_temp.feed_at(NULL, ARRAY[pg_temp.decision('approved', 's1') || '{"id": "d1"}']) AS fed \gset
SELECT set_config('nianshen.verify_year', '2026', true) = set_config('nianshen.verify_unit', 'U1', true) AS done \gset
INSERT INTO verify_unit (unit, recorded) SELECT unit, recorded FROM recorded_unit;
INSERT INTO verify_row SELECT unit, kind, key, fields, submission, version FROM recorded_row;
SELECT is((SELECT count(DISTINCT kind)::integer FROM verify_row), 8, 'all kinds of rows are there');
SELECT is_empty($$SELECT * FROM verify_units(2026)$$, 'no unit differs');
SELECT is((SELECT recorded FROM verify_digests()), state_digest(NULL, 2026), 'the digest is that of digest');
SELECT is((SELECT rebuilt FROM verify_digests()), state_digest(NULL, 2026), 'on both sides');
SELECT is_empty($$SELECT * FROM pg_temp.differences()$$, 'no row differs');

-- What differs after the statements, which are taken back: "kind field recorded > rebuilt class", one a line; '-' for nothing.
CREATE FUNCTION pg_temp.after(VARIADIC p_statements text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    statement text;
    found text;
BEGIN
    FOREACH statement IN ARRAY p_statements LOOP
        EXECUTE statement;
    END LOOP;
    SELECT string_agg(concat_ws(' ', d.kind, d.field, coalesce(d.recorded, '-'), '>', coalesce(d.rebuilt, '-'), d.class), E'\n') INTO found
    FROM nianshen.verify_differences('U1', 2026) d;
    RAISE EXCEPTION USING errcode = 'NS999', message = coalesce(found, 'nothing');
EXCEPTION WHEN SQLSTATE 'NS999' THEN
    RETURN SQLERRM;
END
$$;
SELECT is(pg_temp.after($$UPDATE nianshen.removed_member SET reason = 'deceased' WHERE id_key = 'K01'$$), 'removed reason left > deceased damage',
    'a field is named with both values');
SELECT is(pg_temp.after($$UPDATE nianshen.verify_row SET fields = replace(fields, '"id_number" : "K01"', '"id_number" : "110101199003070011"')
                          WHERE kind = 'removed'$$),
    'removed id_number 110***********0011 > K*1 damage', 'numbers are masked');
SELECT is(pg_temp.after($$INSERT INTO nianshen.verify_row SELECT * FROM nianshen.verify_row WHERE kind = 'removed' AND fields LIKE '%K01%'$$),
    'removed K*1 left > - damage', 'a row that stands there twice is one too many');
SELECT is(pg_temp.after($$DELETE FROM nianshen.verify_row WHERE kind IN ('decision', 'profile', 'entry')$$),
    E'decision - > approved accepted S1 damage\nentry - > K*1 left damage\nentry - > K*2 retired damage\nprofile - > there damage',
    'rows that only the rebuilding has');
SELECT is(pg_temp.after($$UPDATE nianshen.removed_member SET reason = 'deceased' WHERE id_key = 'K01'$$, $$INSERT INTO nianshen.verify_lost VALUES ('U1')$$),
    'removed reason left > deceased not-in-topic', 'of events whose topic is gone no damage can be told');
SELECT is(pg_temp.after($$INSERT INTO nianshen.verify_lost VALUES ('U2')$$, $$UPDATE nianshen.removed_member SET reason = 'deceased' WHERE id_key = 'K01'$$),
    'removed reason left > deceased damage', 'that is said of units that have such events only');

SELECT set_config('nianshen.verify_place', 'member-review 0 1', true) AS done \gset
SELECT is((SELECT string_agg(unit, ' ') FROM recorded_truncated), 'U1', 'an event stood before the first offset that the partition holds');
SELECT set_config('nianshen.verify_place', 'member-review 0 0', true) AS done \gset
SELECT is_empty('SELECT unit FROM recorded_truncated', 'none did');
SELECT set_config('nianshen.verify_place', 'approval 1 9', true) AS done \gset
SELECT is_empty('SELECT unit FROM recorded_truncated', 'not in this partition');

-- What another release had judged, and what follows from it.
UPDATE verify_row SET version = 'of-yore' WHERE version IS NOT NULL;
SELECT is_empty($$SELECT * FROM pg_temp.differences()$$, 'another release that judged the same makes no difference');
SELECT is(pg_temp.after($$UPDATE nianshen.removed_member SET reason = 'deceased' WHERE id_key = 'K01'$$), 'removed reason left > deceased damage',
    'nor does it excuse what follows from no verdict');
SELECT is(pg_temp.after($$UPDATE nianshen.removed_member SET reason = 'deceased' WHERE id_key = 'K01'$$, $$UPDATE nianshen.decision SET code = 'x'$$,
                        $$DELETE FROM nianshen.membership WHERE id_key = 'K03'$$),
    E'decision code - > x rules-changed\nmember K*3 > - rules-changed\nremoved reason left > deceased rules-changed',
    'a verdict of it, with what follows');

-- A submission that is refused now says by which rows.
SELECT is(pg_temp.after($$UPDATE nianshen.submission SET state = 'rejected' WHERE submission = 's1'$$,
                        $$INSERT INTO nianshen.row_finding (submission_key, chunk, list, index, is_error, code, masked)
                          SELECT submission_key, 1, 'failed', 0, true, 'not-on-roster', 'K*1' FROM nianshen.submission WHERE submission = 's1'$$),
    E'row-error - > not-on-roster K*1 rules-changed\nsubmission errors - > 0 rules-changed\nsubmission state approved > rejected rules-changed',
    'and the rows that make it fail');

-- The units that differ, last: it fills the other half of the digests anew.
UPDATE removed_member SET reason = 'deceased' WHERE id_key = 'K01';
SELECT results_eq($$SELECT * FROM verify_units(2026)$$, $$VALUES ('U1')$$, 'the unit is named');
SELECT isnt((SELECT rebuilt FROM verify_digests()), (SELECT recorded FROM verify_digests()), 'the digests differ');

SELECT * FROM finish();
ROLLBACK;
