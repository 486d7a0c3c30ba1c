-- The check is silent about what the engine makes, and names each damage that was done beside it.
\ir support_next.psql
SELECT no_plan();

-- Does the damage, asks what is violated, undoes it.
CREATE FUNCTION pg_temp.damaged(p_damage text, p_finding text DEFAULT '%') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text;
BEGIN
    BEGIN
        EXECUTE p_damage;
        SELECT string_agg(DISTINCT invariant, ' ' ORDER BY invariant) || CASE WHEN bool_or(finding LIKE p_finding) THEN '' ELSE ': ' || string_agg(finding, '; ') END
        INTO answer FROM nianshen_next.check_run(9) WHERE total > 0;
        RAISE EXCEPTION 'undone';
    EXCEPTION WHEN raise_exception THEN
        RETURN answer;
    END;
END
$$;

SELECT is(pg_temp.violated(), NULL, 'an empty system is in order');

-- An approval with removals, rejections, a dead letter, duplicates, a withdrawal, a return, one that is receiving, decisions that wait.
SELECT pg_temp.unit_review('r1', p_address => 'Street "1"\') AS ok \gset
SELECT pg_temp.unit_review('bad', p_code => 'profile-mobile') AS ok \gset
SELECT pg_temp.unit_review('r1', p_unit => 'U2') AS ok \gset
SELECT pg_temp.submission('s0', '{109}', p_state => 'rejected', p_code => 'row-errors', p_findings => '[{"code": "not-on-roster"}]') AS ok \gset
SELECT pg_temp.submission('back', '{104}') AS ok \gset
SELECT pg_temp.decision('d-back', 'returned', 'back') AS ok \gset
SELECT pg_temp.submission('s1', '{101,103}', p_chunks => 2) AS ok \gset
SELECT pg_temp.submission('gone', '{102}', p_state => 'waiting') AS ok \gset
SELECT pg_temp.decision('d-gone', 'withdrawn', 'gone') AS ok \gset
SELECT pg_temp.decision('d0', 'approved', 's1', p_verdict => 'rejected', p_code => 'stale-digest') AS ok \gset
SELECT pg_temp.decision('d1', 'approved', 's1') AS ok \gset
SELECT pg_temp.submission('s2', '{102}', p_state => 'rejected', p_code => 'already-reviewed') AS ok \gset
SELECT pg_temp.exception(1, 'duplicate') AS duplicate \gset
INSERT INTO repeated_chunk VALUES ('U1', 2026, 'upstream', 'again', '\x01', :duplicate, 1);
SELECT pg_temp.exception(1, 'dead-letter', 'U9', 'unknown-unit') AS dead \gset
INSERT INTO outbox (shard, batch, outcomes, dead_letter_topics, dead_letter_offsets) VALUES (0, 1, '\x00', ARRAY[1], ARRAY[:dead]);
SELECT pg_temp.moved(1, 1, 3) AS gap \gset
INSERT INTO submission (unit, year, submission, source, unit_review, submitted_by, mode, chunks, entries_total, received, is_in_campaign, first_offset, first_ms, state)
VALUES ('U2', 2026, 'part', 'upstream', 'r1', 'clerk', 'import', 2, 0, 1, true, :gap, pg_temp.now_ms(), 'receiving');
INSERT INTO chunk VALUES ('U2', 2026, 'part', 1, 'upstream', 'part/1', :gap, pg_temp.now_ms(), '\x01', true, '\x00');
SELECT pg_temp.decision('early', 'returned', 'part', p_unit => 'U2', p_verdict => 'waiting') AS ok \gset
SELECT pg_temp.decision('lost', 'returned', 'nobody', p_unit => 'U2', p_verdict => 'waiting') AS ok \gset
SELECT pg_temp.submission('t1', '{201}', p_unit => 'U2') AS ok \gset
SELECT pg_temp.submission('t2', '{202}', p_unit => 'U2', p_state => 'waiting') AS ok \gset
SELECT pg_temp.exception(2, 'held', 'U2') AS held \gset
INSERT INTO held_unit VALUES ('U2', 5000);
SELECT is(pg_temp.violated(), NULL, 'a bit of everything is in order');
SELECT is((SELECT count(*) FROM check_run(3)), 11::bigint, 'eleven invariants are looked at');

-- What a digest is of stands in schemas/README.md.
SELECT is((SELECT canonical FROM digest_input WHERE submission = 's1'),
          '{"failed":[{"id_number":"211011196605220101","member_no":"01","name":"会员1","reason":"retired"},{"id_number":"211011196605220103","member_no":"03","name":"会员3","reason":"left"}],'
          '"listed":6,"mode":"import","passed":4,"profile":{"address":"Street \"1\"\\"},"submission":"s1","unit":"U1","year":2026}', 'the canonical form');

-- Members and counts.
SELECT is(pg_temp.damaged($$DELETE FROM nianshen.membership WHERE enrolment = 105$$, '%the memberships of its opening are 5'), 'I14', 'a member deleted by hand');
SELECT is(pg_temp.damaged($$DELETE FROM nianshen.membership WHERE enrolment = 201$$, '%neither on the roster nor removed'), 'I1 I13 I14', 'a member under review deleted by hand');
SELECT is(pg_temp.damaged($$DELETE FROM removal_due$$, '%was approved to leave and is on the roster still'), 'I1', 'a removal by reference lost');
SELECT is(pg_temp.damaged($$UPDATE submission SET failing_enrolments = '{101,101}' WHERE submission = 's1'$$, '%lists enrolment 101 2 times'), 'I1 I13 I14', 'an entry twice');
SELECT is(pg_temp.damaged($$UPDATE submission SET failing_enrolments = '{101,201}' WHERE submission = 's1'$$, '%is of another unit'), 'I1 I13', 'a member of another unit');
SELECT is(pg_temp.damaged($$UPDATE submission SET failing_enrolments = '{101}', failing_reasons = '{retired}' WHERE submission = 's1'$$, '%2 failed, 1 entries are stored'), 'I1 I13', 'an entry lost');
SELECT is(pg_temp.damaged($$UPDATE submission SET failing_reasons = '{retired}' WHERE submission = 's1'$$, '%not as many as each other'), 'I1 I13', 'a reason lost');
SELECT is(pg_temp.damaged($$UPDATE submission SET passed = 5 WHERE submission = 's1'$$, '%6 listed is not 5 passed and 2 failed'), 'I1 I13', 'a count altered');
SELECT is(pg_temp.damaged($$UPDATE submission SET entries_total = 3 WHERE submission = 's1'$$, '%3 entries were announced%'), 'I1', 'what was announced altered');
SELECT is(pg_temp.damaged($$UPDATE submission SET digest = NULL WHERE submission = 't1'$$, '%counts or digest are missing'), 'I1', 'a digest taken away');
SELECT is(pg_temp.damaged($$UPDATE submission SET digest = '\x00' WHERE submission = 's2'$$, '%nobody can decide on it'), 'I1 I13', 'a digest of a rejected one');
SELECT is(pg_temp.damaged($$UPDATE roster_block SET members = 7 WHERE unit = 'U1'$$, '%the roster of the campaign has 7'), 'I1 I14', 'a roster altered');
SELECT is(pg_temp.damaged($$DELETE FROM roster_block WHERE unit = 'U2'$$, '%has 0 members%'), 'I1 I14', 'a roster lost');
SELECT is(pg_temp.damaged($$DELETE FROM chunk WHERE event_id = 's1/1'$$, '%2 of 2 chunks are counted, 1 are stored'), 'I1 I5', 'a chunk lost');
SELECT is(pg_temp.damaged($$UPDATE chunk SET rows = '\x00' WHERE submission = 's1'$$, '%rows of its chunks are kept%'), 'I1', 'rows of judged chunks kept');
SELECT is(pg_temp.damaged($$DELETE FROM submission WHERE submission = 's1'$$, '%is gone, and left 2 chunks'), 'I1 I11 I2', 'a submission taken away');
SELECT is(pg_temp.damaged($$UPDATE decision SET unit = 'U8' WHERE event_id = 'lost'$$, '%of a unit that is not loaded'), 'I1 I5', 'a row of an unknown unit');

-- Removals.
SELECT is(pg_temp.damaged($$UPDATE removal_due SET decision = 'd0'$$, '%the decision is approved and rejected%'), 'I2', 'a removal by a refused decision');
SELECT is(pg_temp.damaged($$UPDATE removal_due SET removed_ms = 5$$, '%of another moment%'), 'I14 I2', 'at another moment');
SELECT is(pg_temp.damaged($$INSERT INTO removal_due SELECT 0, 'U2', 2026, 't1', 'reviews', 'd9', 1$$, '%there is no such decision%'), 'I14 I2', 'a removal without a decision');
SELECT pg_temp.settle(1) AS steps \gset
SELECT is(pg_temp.violated(), NULL, 'all is in order when the rows are moved');
SELECT is(pg_temp.damaged($$DELETE FROM archive WHERE enrolment = 101$$, '%neither on the roster nor removed'), 'I1 I13 I14', 'an archive row deleted');
SELECT is(pg_temp.damaged($$UPDATE archive SET reason = 'deceased' WHERE enrolment = 101$$, '%the reason is deceased, the submission says retired'), 'I2', 'a reason altered');
SELECT is(pg_temp.damaged($$INSERT INTO archive SELECT 104, 'U1', '04', 'x', NULL, 'x', NULL, NULL, 'x', NULL, NULL, 0, 0, 5, 2026, 's1', 'left', 'reviews', 'd1', removed_ms FROM archive LIMIT 1$$,
                        '%does not list the enrolment'), 'I2 I3', 'somebody removed whom nobody listed');
SELECT is(pg_temp.damaged($$INSERT INTO archive SELECT 555, unit, member_no, id_key, id_code, name, gender, id_type, id_number, id_valid_until, mobile, enrolled_ms, valid_from_ms, valid_until_ms,
                        year, submission, reason, decision_source, decision, removed_ms FROM archive WHERE enrolment = 101$$, '%stands 2 times in the archive'), 'I14 I2 I3', 'one removed twice');
SELECT is(pg_temp.damaged($$INSERT INTO nianshen.membership SELECT enrolment, unit, member_no, id_key, id_code, name, gender, id_type, id_number, id_valid_until, mobile, enrolled_ms, valid_from_ms,
                        nianshen.forever_ms() FROM archive WHERE enrolment = 101$$, '%in the archive and on the roster'), 'I14 I3', 'a removed member put back by hand');

-- Authority.
SELECT is(pg_temp.damaged($$UPDATE nianshen.reviewer_term SET valid_until_ms = 1 WHERE reviewer = 'R1'$$, '%R1 was no reviewer of S1 then%'), 'I11 I2', 'a reviewer who was none');
SELECT is(pg_temp.damaged($$UPDATE nianshen.unit_superior SET superior = 'S7' WHERE unit = 'U1'$$, '%S1 was not the direct superior then%'), 'I11 I2', 'a superior who was none');
SELECT is(pg_temp.damaged($$UPDATE decision SET digest = 'sha256:11' WHERE event_id = 'd1'$$, '%names another digest than its submission has%'), 'I11 I2', 'a decision on something else');
SELECT is(pg_temp.damaged($$UPDATE submission SET submitted_by = ' ｒ1 ' WHERE submission = 's1'$$, '%reviewed what%'), 'I11 I2', 'who reviews what was his own, however he writes himself');
SELECT is(pg_temp.damaged($$UPDATE decision SET source = 'stranger' WHERE event_id = 'd-gone'$$, '%withdraws what another source had submitted%'), 'I11', 'a withdrawal of somebody else''s');
SELECT is(pg_temp.damaged($$UPDATE nianshen.campaign_term SET opens_ms = 9999999$$, '%came outside the campaign%'), 'I11 I14 I2', 'a decision outside the campaign');
SELECT is(pg_temp.damaged($$UPDATE decision SET verdict = 'rejected', code = 'stale-digest' WHERE event_id = 'd1'$$, '%is approved by 0 accepted decisions'), 'I11 I2', 'an approval without a decision');
SELECT is(pg_temp.damaged($$UPDATE decision SET verdict = 'accepted' WHERE event_id = 'd0'$$, '%with code stale-digest%'), 'I11', 'a refused decision accepted by hand');
SELECT is(pg_temp.damaged($$UPDATE decision SET submission = 't1' WHERE event_id = 'lost'$$, '%waits, and the submission is pending'), 'I11', 'a decision that was not judged');
SELECT is(pg_temp.damaged($$UPDATE submission SET decided_ms = 7 WHERE submission = 'back'$$, '%of another moment than its submission says%'), 'I11', 'decided at another moment');
SELECT is(pg_temp.damaged($$UPDATE unit_review SET code = 'profile-mobile' WHERE unit = 'U2'$$, '%its unit review is not accepted'), 'I11', 'a unit review refused by hand');
SELECT is(pg_temp.damaged($$UPDATE unit_review SET append_ms = 5 WHERE unit = 'U2'$$, '%is accepted, and came outside the campaign%'), 'I11', 'a unit review outside the campaign');
SELECT is(pg_temp.damaged($$UPDATE submission SET is_in_campaign = false WHERE submission = 't1'$$, '%it came outside the campaign'), 'I11', 'a submission outside the campaign');
SELECT is(pg_temp.damaged($$UPDATE submission SET row_code = 'row-errors' WHERE submission = 't1'$$, '%its rows are refused'), 'I11', 'a submission with bad rows');
SELECT is(pg_temp.damaged($$UPDATE submission SET code = NULL WHERE submission = 's0'$$, '%is rejected, with code none'), 'I11', 'a rejection without a code');

-- Order and completeness.
SELECT is(pg_temp.damaged($$SELECT pg_temp.digest('t2', 'U2', 2026)$$, '%0 submissions are approved and 2 pending%'), 'I4', 'two that are pending');
SELECT is(pg_temp.damaged($$UPDATE submission SET state = 'rejected', code = 'row-errors', decided_ms = 1 WHERE submission = 't2'$$, '%t2 of 2026 is rejected, and submission t1 before it is pending'), 'I4', 'one judged before its turn');
SELECT is(pg_temp.damaged($$UPDATE submission SET state = 'waiting', digest = NULL WHERE submission = 't1'$$, '%waits at the head of its queue, and its unit review is there'), 'I4', 'a head that was forgotten');
SELECT is(pg_temp.damaged($$UPDATE submission SET state = 'pending' WHERE submission = 'part'$$, '%is pending with 1 of 2 chunks'), 'I1 I11 I4 I7', 'one judged before it was complete');
SELECT is(pg_temp.damaged($$UPDATE submission SET completed_offset = completed_offset + 1 WHERE submission = 's1'$$, '%no chunk of it stands there'), 'I7', 'completed elsewhere');
SELECT is(pg_temp.damaged($$UPDATE submission SET received = 1 WHERE submission = 's1'$$, '%approved with 1 of 2 chunks'), 'I1 I7', 'a chunk not counted');

-- The ledger.
SELECT is(pg_temp.damaged($$DELETE FROM unit_review WHERE event_id = 'bad'$$, '%3 records were consumed, 2 were applied and 0 stand%'), 'I5', 'an applied record lost');
SELECT is(pg_temp.damaged($$DELETE FROM ledger_exception WHERE kind = 'held'$$, '%records were consumed%'), 'I5', 'a held record lost');
SELECT is(pg_temp.damaged($$UPDATE ledger_range SET records = records - 1 WHERE topic = 1 AND records = 2$$, '%records were consumed%'), 'I5', 'a record not counted');
SELECT is(pg_temp.damaged($$UPDATE unit_review SET record_offset = 0$$, '%offset 0 has 3 accounts'), 'I5', 'two accounts of one record');
SELECT is(pg_temp.damaged($$UPDATE decision SET record_offset = 99 WHERE event_id = 'lost'$$, '%offset 99 has an effect, and the partition stands at%'), 'I5', 'an effect that nobody consumed');
SELECT is(pg_temp.damaged($$UPDATE ledger_exception SET record_offset = 99 WHERE kind = 'dead-letter'$$, '%no range covers it'), 'I5', 'an exception that nobody consumed');
SELECT is(pg_temp.damaged($$DELETE FROM held_unit$$, '%it is held, and its unit is not'), 'I5', 'a held record of a unit that is not held');
SELECT is(pg_temp.damaged($$UPDATE ledger_exception SET code = NULL WHERE kind = 'dead-letter'$$, '%a dead letter without a code'), 'I5', 'a dead letter without a code');
SELECT is(pg_temp.damaged($$DELETE FROM ledger_exception WHERE kind = 'dead-letter'$$, '%waits to be published as a dead letter, and is not in the ledger'), 'I5', 'a dead letter lost');
SELECT is(pg_temp.damaged($$UPDATE ledger_exception SET kind = 'held', unit = 'U2' WHERE kind = 'dead-letter'$$, '%and stands in the ledger as held'), 'I5', 'a dead letter that is none');
SELECT is(pg_temp.damaged($$INSERT INTO outbox (shard, batch) VALUES (0, 9)$$, '%holds nothing of it'), 'I5', 'nothing waits to be published');
SELECT is(pg_temp.damaged($$INSERT INTO outbox (shard, batch, outcomes) VALUES (7, 9, '\x00')$$, '%nobody ever owned it'), 'I5', 'outcomes of nobody');
SELECT is(pg_temp.damaged($$UPDATE ledger_exception SET kind = 'dead-letter', code = 'x' WHERE kind = 'duplicate'$$, '%stands in the ledger as no duplicate'), 'I5', 'a repeated chunk that was refused');
SELECT is(pg_temp.damaged($$UPDATE ledger_exception SET value = '\x00' WHERE kind = 'duplicate'$$, '%a duplicate with its bytes'), 'I5', 'bytes that nobody needs');

-- Positions and epochs.
SELECT is(pg_temp.damaged($$UPDATE ledger_range SET first_offset = first_offset + 1 WHERE topic = 2 AND next_offset = 3$$, '%the range before it ends at 2'), 'I6', 'a gap between ranges');
SELECT is(pg_temp.damaged($$UPDATE ledger_range SET first_offset = 0, records = 2 WHERE topic = 2 AND next_offset = 2$$, '%the range before it ends at 1'), 'I5 I6', 'ranges that overlap');
SELECT is(pg_temp.damaged($$DELETE FROM ledger_range WHERE topic = 0 AND next_offset = 1$$, '%no range says what became of the offsets before it'), 'I6', 'a beginning that is missing');
SELECT is(pg_temp.damaged($$UPDATE ledger_range SET first_offset = next_offset + 1 WHERE topic = 0 AND next_offset = 3$$, '%it goes backwards'), 'I6', 'a range backwards');
SELECT is(pg_temp.damaged($$UPDATE ledger_range SET records = 2 WHERE topic = 0 AND next_offset = 3$$, '%it holds 2 records'), 'I5 I6', 'more records than offsets');
SELECT is(pg_temp.damaged($$UPDATE ledger_range SET last_offset = 99 WHERE topic = 0 AND next_offset = 3$$, '%its last record is said to be 99'), 'I6', 'a last record ahead');
SELECT is(pg_temp.damaged($$UPDATE ledger_range SET max_append_ms = 1 WHERE topic = 0 AND next_offset = 3$$, '%the latest moment is before that%'), 'I6', 'a moment that went back');
SELECT is(pg_temp.damaged($$UPDATE ledger_range SET epoch = 2 WHERE topic = 0 AND next_offset = 3$$, '%which never began (now 1)'), 'I10', 'an epoch that never began');
SELECT is(pg_temp.damaged($$UPDATE ledger_range SET epoch = 0 WHERE topic = 0 AND next_offset = 3$$, '%after epoch 1'), 'I10', 'an old epoch');

-- What was approved.
SELECT is(pg_temp.damaged($$UPDATE submission SET digest = '\x00' WHERE submission = 't1'$$, '%its digest is not that of its list%'), 'I13', 'a digest altered');
SELECT is(pg_temp.damaged($$UPDATE nianshen.membership SET name = 'x' WHERE enrolment = 201$$, '%its digest is not that of its list%'), 'I13', 'a name altered beside the versions');
SELECT is(pg_temp.damaged($$UPDATE archive SET id_key = 'x' WHERE enrolment = 103$$, '%its digest is not that of its list%'), 'I13', 'a number altered in the archive');
SELECT is(pg_temp.damaged($$UPDATE unit_review SET address = 'Street 2' WHERE event_id = 'r1' AND unit = 'U1'$$, '%its digest is not that of its list%'), 'I13', 'a profile altered');
SELECT is(pg_temp.damaged($$UPDATE submission SET failing_reasons = '{left}' WHERE submission = 't1'$$, '%its digest is not that of its list%'), 'I13', 'a reason altered before the approval');
SELECT is(pg_temp.damaged($$INSERT INTO roster_change (unit, year, at_ms, enrolment, member_no, id_key, name, was_key, was_name) VALUES ('U1', 2026, 1500000, 104, '04', 'x', 'x', 'y', 'y')$$, '%has a change that no version of the membership has'), 'I14', 'a correction that never was');

-- A correction while the campaign is open: the digest stays that of whom the reviewer saw.
UPDATE nianshen.membership SET valid_until_ms = pg_temp.tick() WHERE enrolment = 201;
INSERT INTO nianshen.membership (enrolment, unit, member_no, id_key, id_number, name, enrolled_ms, valid_from_ms, valid_until_ms)
VALUES (201, 'U2', '01', '211011196605229999', '211011196605229999', '改名', 0, pg_temp.now_ms(), nianshen.forever_ms());
INSERT INTO roster_change (unit, year, at_ms, enrolment, member_no, id_key, name, was_key, was_name)
VALUES ('U2', 2026, pg_temp.now_ms(), 201, '01', '211011196605229999', '改名', '211011196605220201', '会员1');
SELECT is(pg_temp.violated(), NULL, 'a correction is no violation');

SELECT is((SELECT string_agg(invariant, ' ') FROM check_run(3)), 'I1 I2 I3 I4 I5 I6 I7 I10 I11 I13 I14', 'in their order');
SELECT is((SELECT count(*) FROM check_run(3) WHERE sentence_zh = '' OR means_zh = ''), 0::bigint, 'each in both languages');

SELECT * FROM finish();
ROLLBACK;
