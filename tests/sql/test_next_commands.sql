-- Operators' commands on the review engine's tables: dead letters, resuming a halted partition, releasing a unit, the state digest.
\ir support_next.psql
SELECT no_plan();

-- The shard of a key is the partition that the Java client gives it (its UtilsTest).
SELECT is((SELECT array_agg(shard_of(v.key, 12) = (v.hash & 2147483647) % 12 AND shard_of(v.key, 2147483647) = (v.hash & 2147483647) % 2147483647)
           FROM (VALUES ('21', -973932308), ('foobar', -790332482), ('a-little-bit-long-string', -985981536), ('a-little-bit-longer-string', -1486304829),
                        ('lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971), ('abc', 479470107)) AS v (key, hash)),
          '{t,t,t,t,t,t}', 'murmur2');
SELECT is(partition_count(), 1, 'the number of partitions is kept');

-- ---- dead letters ----
SELECT pg_temp.unit_review('r1') AS ok \gset
SELECT pg_temp.exception(0, 'dead-letter', 'U9', 'unknown-unit') AS dead \gset
SELECT is((SELECT concat_ws('|', append_ms = pg_temp.now_ms(), convert_from(key, 'UTF8'), convert_from(value, 'UTF8'), headers) FROM dead_letter_record('unit-review', 0, :dead)),
          't|U9|{}|\x010000000000', 'the record is in the ledger');
SELECT is_empty('SELECT * FROM dead_letter_record(''approval'', 0, 0)', 'there is none elsewhere');
SELECT is(redrive_start('unit-review', 0, 0, true), NULL, 'what is no dead letter is not redriven');
SELECT redrive_start('unit-review', 0, :dead, false) AS action \gset
SELECT is((SELECT state FROM dead_letter), 'redriving', 'a redrive has begun');
SELECT is(redrive_start('unit-review', 0, :dead, false), NULL, 'nobody begins it unseen again');
SELECT redrive_refused(:action, 'too large') AS done \gset
SELECT is((SELECT state FROM dead_letter), 'open', 'refused: it is open again');
SELECT redrive_start('unit-review', 0, :dead, false) AS action \gset
SELECT redrive_done(:action, 0, 77) AS done \gset
SELECT is((SELECT concat_ws(' ', state, new_partition, new_offset) FROM dead_letter), 'redriven 0 77', 'redriven, and where to');
SELECT is(dead_letter_discard('unit-review', 0, :dead, 'junk'), false, 'only an open one is discarded');
SELECT isnt(redrive_start('unit-review', 0, :dead, true), NULL, 'on demand it is sent again');
SELECT is((SELECT string_agg(state, ' ' ORDER BY action_id) FROM dead_letter_history), 'refused redriven redriving', 'all that was done');
SELECT pg_temp.exception(0, 'dead-letter', 'U9', 'unknown-unit') AS second \gset
SELECT is(dead_letter_discard('unit-review', 0, :second, 'junk'), true, 'another one is discarded');
SELECT is((SELECT concat_ws(' ', state, reason, state_ms IS NOT NULL) FROM dead_letter WHERE record_offset = :second), 'discarded junk t', 'with the reason');
SELECT is(pg_temp.violated(), NULL, 'all is in order');

-- ---- a unit is released ----
SELECT pg_temp.exception(1, 'held', 'U2') AS held \gset
INSERT INTO held_unit VALUES ('U2', 5000), ('U1', 5000);
SELECT throws_ok($$SELECT unit_release('U9')$$, 'NS002', NULL, 'who is not held is not released');
SELECT is(unit_release('U2'), 1::bigint, 'one record is to be applied');
SELECT is((SELECT released_ms IS NOT NULL FROM held WHERE unit = 'U2'), true, 'by its worker');
SELECT is(unit_release('U1'), 0::bigint, 'a unit of which nothing was held');
SELECT is_empty($$SELECT FROM held_unit WHERE unit = 'U1'$$, 'is free at once');
DELETE FROM held_unit;
DELETE FROM ledger_exception WHERE kind = 'held';
UPDATE ledger_range SET records = 0 WHERE topic = 1;

-- ---- a halted partition goes on as it stands ----
SELECT pg_temp.submission('s1', '{101,103}', p_chunks => 3) AS ok \gset
SELECT pg_temp.exception(1, 'duplicate', 'U1') AS duplicate \gset
SELECT pg_temp.exception(1, 'dead-letter', 'U9', 'unknown-unit') AS dead \gset
SELECT pg_temp.submission('s2', '{102}', p_state => 'waiting') AS ok \gset
SELECT pg_temp.exception(1, 'held', 'U2') AS held \gset
INSERT INTO held_unit VALUES ('U2', 5000, 6000);
SELECT is((SELECT next_offset FROM partition_status WHERE topic = 'member-review'), 8::bigint, 'the partition stands at 8');
SELECT is(pg_temp.violated(), NULL, 'all is in order');
SELECT throws_ok($$SELECT partition_resume('member-review', 0, 0, 'x')$$, 'NS002', NULL, 'a partition that is not halted is not resumed');
SELECT throws_ok($$SELECT partition_resume('member-review', 5, 0, 'x')$$, 'NS002', NULL, 'nor one that is not known');
INSERT INTO halt VALUES (0, 1, 'made anew', 7000), (0, 2, 'another', 7000);
SELECT lives_ok($$SELECT partition_resume('member-review', 0, NULL, NULL)$$, 'it goes on as it stands');
SELECT is((SELECT concat_ws(' ', next_offset, last_offset, halted, epoch) FROM partition_status WHERE topic = 'member-review'), '8 7 2',
          'with its position, its last record and a new epoch');
SELECT is((SELECT count(*) FROM halt), 1::bigint, 'another one stays halted');
SELECT is(pg_temp.violated(), NULL, 'all is in order');

-- ---- from a lower offset, in the middle of a range: its topic was made anew ----
INSERT INTO outbox (shard, batch, outcomes, dead_letter_topics, dead_letter_offsets) VALUES (0, 1, '\x00', ARRAY[1, 0], ARRAY[:dead, 1]), (0, 2, NULL, ARRAY[1], ARRAY[:dead]);
SELECT redrive_start('member-review', 0, :dead, false) AS action \gset
INSERT INTO halt VALUES (0, 1, 'made anew', 7000);
SELECT is(partition_consumed_from('member-review', 0, 3), 5::bigint, 'five records would be superseded');
SELECT is(partition_consumed_from('member-review', 0, 8), 0::bigint, 'none from the end on');
SELECT partition_resume('member-review', 0, 3, 'the topic was made anew') AS resumed \gset
SELECT is((SELECT concat_ws(' ', next_offset, last_offset, epoch) FROM partition_status WHERE topic = 'member-review'), '3 3', 'it goes on there, with no last record');
SELECT is((SELECT concat_ws(' ', next_before, next_after, superseded, reason, halted) FROM partition_resumption ORDER BY resume_id DESC LIMIT 1),
          '8 3 5 the topic was made anew made anew', 'what was given up, why and after what is kept');
SELECT is((SELECT concat_ws(' ', count(*), sum(records), min(first_offset), max(next_offset)) FROM superseded_range), '5 5 3 8', 'the ranges are history');
SELECT is((SELECT string_agg(kind, ' ' ORDER BY record_offset) FROM superseded_exception), 'duplicate dead-letter held', 'so are the exceptions');
SELECT is_empty('SELECT FROM held_unit', 'nothing of the released unit is held any more');
SELECT is((SELECT count(*) FROM dead_letter WHERE topic = 'member-review'), 0::bigint, 'the dead letter is history');
SELECT is((SELECT string_agg(concat_ws(' ', batch, dead_letter_topics, dead_letter_offsets), ', ') FROM outbox), '1 {0} {1}', 'and is not published any more');
DELETE FROM outbox;
SELECT is((SELECT concat_ws(' ', first_offset, completed_offset) FROM submission WHERE submission = 's1'), '-4 -2', 'what was done comes before what is done now');
SELECT is((SELECT concat_ws(' ', first_offset, completed_offset) FROM submission WHERE submission = 's2'), '1 1', 'in its order');
SELECT is((SELECT array_agg(offset_now(0, 1::smallint, o)) FROM unnest(ARRAY[-4, -3, -2, -1, 0, 1, 2, 3, 4]::bigint[]) o), '{1,2,NULL,NULL,NULL,NULL,NULL,3,4}',
          'where each stands in the topic as it is now');
SELECT is(pg_temp.violated(), NULL, 'all is in order');
SELECT pg_temp.submission('s3', '{102}', p_state => 'waiting', p_chunks => 2) AS ok \gset
SELECT is((SELECT string_agg(submission, ' ' ORDER BY completed_offset) FROM submission WHERE unit = 'U1'), 's1 s2 s3', 'a new one is the last of the queue');
SELECT is(pg_temp.violated(), NULL, 'all is in order');

-- Again, lower; and forwards.
INSERT INTO halt VALUES (0, 1, 'made anew', 7000);
SELECT partition_resume('member-review', 0, 0, 'once more') AS resumed \gset
SELECT is((SELECT superseded FROM partition_resumption ORDER BY resume_id DESC LIMIT 1), 4::bigint, 'all that is left is superseded');
SELECT is(pg_temp.violated(), NULL, 'all is in order');
INSERT INTO halt VALUES (0, 1, 'truncated', 7000);
SELECT partition_resume('member-review', 0, 10, 'ten are lost') AS resumed \gset
SELECT is((SELECT next_offset FROM partition_status WHERE topic = 'member-review'), 10::bigint, 'forwards');
SELECT pg_temp.exception(1, 'dead-letter', 'U9', 'unknown-unit') AS dead \gset
SELECT is((SELECT state FROM dead_letter WHERE topic = 'member-review'), 'open', 'a new dead letter is open');
SELECT is(pg_temp.violated(), NULL, 'all is in order');

-- The other topics' places move, too, and the last record is given up when it goes on from where it stood.
SELECT pg_temp.decision('d1', 'approved', 's1') AS ok \gset
UPDATE submission SET state = 'rejected', code = 'already-reviewed', decided_ms = pg_temp.now_ms() WHERE submission IN ('s2', 's3');
SELECT pg_temp.decision('d2', 'returned', 's1', p_verdict => 'rejected', p_code => 'already-decided') AS ok \gset
SELECT is((SELECT last_offset FROM partition_status WHERE topic = 'approval'), 1::bigint, 'the last record');
SELECT partition_resume('approval', 0, 2, 'the last one differs') AS resumed \gset
SELECT is((SELECT concat_ws(' ', next_offset, last_offset) FROM partition_status WHERE topic = 'approval'), '2', 'is not looked for any more');
INSERT INTO halt VALUES (0, 2, 'truncated', 7000), (0, 0, 'made anew', 7000);
SELECT partition_resume('approval', 0, 1, 'the last one is lost') AS resumed \gset
SELECT partition_resume('unit-review', 0, 1, 'all but the first are lost') AS resumed \gset
SELECT pg_temp.decision('d3', 'returned', 's1', p_verdict => 'rejected', p_code => 'already-decided') AS ok \gset
SELECT is((SELECT string_agg(event_id, ' ' ORDER BY record_offset) FROM decision), 'd1 d2 d3', 'decisions keep their order');
SELECT is((SELECT record_offset FROM unit_review), -2::bigint, 'unit reviews are moved');
SELECT is((SELECT max_append_ms FROM ledger_range WHERE topic = 0 ORDER BY next_offset DESC LIMIT 1), (SELECT max(max_append_ms) FROM superseded_range WHERE topic = 0),
          'reference changes are dated behind what was superseded');
SELECT is(pg_temp.violated(), NULL, 'all is in order');

-- ---- the state digest ----
SELECT state_digest(NULL, NULL) AS before, state_digest(NULL, 2026) AS of_year, state_digest('U1', NULL) AS of_unit \gset
SELECT matches(:'before'::text, '^sha256:[0-9a-f]{64}$', 'a digest');
CREATE TEMP TABLE rows_before AS SELECT * FROM state_rows('U1', NULL);
SELECT is((SELECT string_agg(kind || ' ' || count, ', ' ORDER BY kind COLLATE "C") FROM (SELECT kind, count(*) FROM rows_before GROUP BY 1) r),
          'decision 3, entry 2, member 4, profile 1, removed 2, submission 3, superior 1, unit-review 1', 'what it is of');
SELECT pg_temp.settle(1) AS steps \gset
SELECT set_eq($$SELECT * FROM state_rows('U1', NULL)$$, 'SELECT * FROM rows_before', 'moved rows are the same');
SELECT is(state_digest(NULL, NULL), :'before', 'so is the digest');
SELECT is(state_digest(NULL, 2026), :'of_year', 'and that of the year');
-- One whose submission is gone can not be moved; it is not tried for ever.
INSERT INTO removal_due VALUES (0, 'U2', 2026, 'nobody', 'reviews', 'd9', 1), (1, 'U1', 2025, 'nobody', 'reviews', 'd9', 1);
SELECT is(settle(10), 0::bigint, 'what is damaged is left');
SELECT is((SELECT concat_ws(' ', approvals, members) FROM settle_due()), '2 0', 'and counted');
DELETE FROM removal_due;
-- Offsets, hashes, epochs and numbers of enrolments are no state.
UPDATE submission SET first_offset = first_offset + 5, completed_offset = completed_offset + 5, content_sha256 = '\x77';
UPDATE archive SET enrolment = enrolment + 5000;
UPDATE submission SET failing_enrolments = ARRAY(SELECT e + 5000 FROM unnest(failing_enrolments) e) WHERE submission = 's1';
SELECT is(state_digest(NULL, NULL), :'before', 'places and surrogate keys do not count');
CREATE FUNCTION pg_temp.digest_after(p_change text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text;
BEGIN
    BEGIN
        EXECUTE p_change;
        answer := nianshen_next.state_digest(NULL, NULL);
        RAISE EXCEPTION 'undone';
    EXCEPTION WHEN raise_exception THEN
        RETURN answer;
    END;
END
$$;
SELECT isnt(pg_temp.digest_after(c.change), :'before', c.what)
FROM (VALUES ('UPDATE nianshen_engine.submission SET state = ''returned'' WHERE submission = ''s1''', 'a state counts'),
             ('UPDATE nianshen_engine.submission SET failing_reasons = ARRAY[''left'', ''left''] WHERE submission = ''s1''', 'a reason'),
             ('UPDATE nianshen_engine.submission SET failing_enrolments = ARRAY[5101] WHERE submission = ''s1''', 'an entry'),
             ('UPDATE nianshen_engine.decision SET comment = ''x'' WHERE event_id = ''d2''', 'a comment'),
             ('UPDATE nianshen_engine.unit_review SET address = ''x''', 'a change of the profile'),
             ('UPDATE nianshen.unit_profile SET address = ''x''', 'the profile'),
             ('UPDATE nianshen.membership SET name = ''x'' WHERE enrolment = 102', 'a member'),
             ('DELETE FROM nianshen_engine.archive WHERE enrolment = 5101', 'a removed member'),
             ('UPDATE nianshen_engine.archive SET reason = ''left''', 'why one was removed')) AS c (change, what);
SELECT is(state_digest('U2', NULL) = :'of_unit', false, 'each unit has its own');

SELECT * FROM finish();
ROLLBACK;
