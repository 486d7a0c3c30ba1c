-- The check is silent about what the rules made, and names each damage that was done beside them.
\ir support.psql
SELECT no_plan();

-- What is violated now: 'I2 I11'.
CREATE FUNCTION pg_temp.violated() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(DISTINCT invariant, ' ' ORDER BY invariant) FROM check_run(3) WHERE total > 0
$$;
-- Does the damage, asks what is violated, undoes it.
CREATE FUNCTION pg_temp.damaged(p_damage text, p_finding text DEFAULT '%') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text;
BEGIN
    BEGIN
        EXECUTE p_damage;
        SELECT pg_temp.violated() || CASE WHEN bool_or(finding LIKE p_finding) THEN '' ELSE ': ' || string_agg(finding, '; ') END
        INTO answer FROM check_run(3);
        RAISE EXCEPTION 'undone';
    EXCEPTION WHEN raise_exception THEN
        RETURN answer;
    END;
END
$$;

SELECT is(pg_temp.violated(), NULL, 'an empty system is in order');

-- An approval with removals, rejections, a dead letter, a duplicate, a withdrawal before its submission, a return, one that is receiving.
SELECT pg_temp.feed(pg_temp.unit_review('r1')) AS fed \gset
SELECT pg_temp.feed(pg_temp.unit_review('r1', '{"name": "other"}')) AS fed \gset
SELECT pg_temp.feed(pg_temp.chunk('s0', 1, 1, 1, '[["K09", "retired"]]'), pg_temp.chunk('s1', 1, 2, 2, '[["K01", "retired"]]')) AS fed \gset
SELECT pg_temp.feed(pg_temp.chunk('s1', 2, 2, 2, '[["K03", "deceased"]]')) AS fed \gset
SELECT pg_temp.feed(pg_temp.chunk('s1', 2, 2, 2, '[["K03", "deceased"]]')) AS fed \gset
SELECT pg_temp.feed(pg_temp.decision('approved', 's1', p_superior => 'S2', p_reviewer => 'R2')) AS fed \gset
SELECT pg_temp.feed(pg_temp.decision('withdrawn', 's2')) AS fed \gset
SELECT pg_temp.feed(pg_temp.decision('approved', 's1') || '{"id": "d1"}') AS fed \gset
SELECT pg_temp.feed(pg_temp.chunk('s2', 1, 1, 0, '[]'), pg_temp.chunk('s3', 1, 1, 0, '[]'), pg_temp.chunk('s4', 1, 2, 0, '[]'),
                    pg_temp.chunk('s9', 1, 1, 0, '[]') || '{"unit": "U9"}') AS fed \gset
SELECT is(pg_temp.state_of('s0') || ', ' || pg_temp.state_of('s1') || ', ' || pg_temp.state_of('s2') || ', ' || pg_temp.state_of('s3') || ', ' || pg_temp.state_of('s4'),
          'rejected row-errors, approved, withdrawn, rejected already-reviewed, receiving', 'a unit with a bit of everything');
SELECT is(pg_temp.violated(), NULL, 'is in order');
INSERT INTO membership (enrolment, unit, member_no, id_key, id_number, enrolled_ms, valid_from_ms, valid_until_ms)
VALUES (201, 'U2', '01', 'K01', 'K01', 0, 0, forever_ms());
SELECT pg_temp.feed(pg_temp.unit_review('r2') || '{"unit": "U2"}') AS fed \gset
SELECT pg_temp.feed(pg_temp.chunk('t1', 1, 1, 1, '[["K01", "left"]]', p_unit_review => 'r2') || '{"unit": "U2"}') AS fed \gset
SELECT is((SELECT state FROM submission WHERE submission = 't1'), 'pending', 'another unit has a pending submission');
SELECT is(pg_temp.violated(), NULL, 'all is in order still');
SELECT pg_temp.feed(pg_temp.chunk('next', 1, 1, 0, '[]') || '{"id": "s1/2", "year": 2027}') AS fed \gset
SELECT is(pg_temp.outcomes_of('s1/2'), 'member-review.pending, member-review.rejected campaign-closed', 'another year has the same ids again');
SELECT is(pg_temp.violated(), NULL, 'which is no contradiction');
SELECT is((SELECT count(*) FROM check_run(3)), 9::bigint, 'nine invariants are looked at');

-- Damage to members.
SELECT is(pg_temp.damaged($$DELETE FROM membership WHERE enrolment = 105$$, '%the roster of the opening has 5'), 'I1', 'a member deleted by hand');
SELECT is(pg_temp.damaged($$DELETE FROM membership WHERE enrolment = 201$$, '%neither%'), 'I1', 'a member under review deleted by hand');
SELECT is(pg_temp.damaged($$DELETE FROM removed_member WHERE enrolment = 101$$, '%neither%'), 'I1', 'an archive row deleted');
SELECT is(pg_temp.damaged($$INSERT INTO membership (enrolment, unit, member_no, id_key, id_number, enrolled_ms, valid_from_ms, valid_until_ms)
    SELECT enrolment, unit, member_no, id_key, id_number, enrolled_ms, valid_from_ms, forever_ms() FROM removed_member WHERE enrolment = 101$$,
    '%is in more than one place'), 'I1 I3', 'a removed member put back by hand');
SELECT is(pg_temp.damaged($$DELETE FROM submission WHERE submission = 's1'$$, 'submission key % is gone, and left 2 chunks, 2 entries and 0 findings'),
          'I1 I11 I2', 'a submission taken away by hand');
SELECT is(pg_temp.damaged($$UPDATE submission SET passed = passed + 1 WHERE submission = 's1'$$), 'I1', 'a count changed');
SELECT is(pg_temp.damaged($$INSERT INTO entry (submission_key, chunk, index, id_key, reason, enrolment) VALUES (0, 1, 0, 'K02', 'left', 102)$$,
    'submission key 0 is gone, and left 0 chunks, 1 entries and 0 findings'), 'I1', 'an entry of no submission');
SELECT is(pg_temp.damaged($$INSERT INTO row_finding (submission_key, is_error, code) VALUES (0, true, 'not-listed')$$,
    'submission key 0 is gone, and left 0 chunks, 0 entries and 1 findings'), 'I1', 'a finding of no submission');
SELECT is(pg_temp.damaged($$UPDATE submission SET unit = 'U0' WHERE submission = 's4'$$, 'submission s4 of 2026 is of a unit that is not loaded'),
          'I1', 'a submission of no unit');
SELECT is(pg_temp.damaged($$UPDATE entry SET enrolment = 9999 WHERE id_key = 'K01' AND reason = 'left'$$), 'I1', 'an entry of nobody');
SELECT is(pg_temp.damaged($$UPDATE removed_member SET reason = 'left' WHERE enrolment = 101$$, '%the reason is left%'), 'I2', 'a reason changed');
SELECT is(pg_temp.damaged($$UPDATE removed_member SET decision = 'none' WHERE enrolment = 101$$, '%no such decision'), 'I2', 'a removal without a decision');
SELECT is(pg_temp.damaged($$INSERT INTO removed_member SELECT (jsonb_populate_record(r, '{"enrolment": 9001}')).* FROM removed_member r WHERE r.enrolment = 101$$,
    '%2 times in the archive'), 'I1 I2 I3', 'an archive row twice');
SELECT is(pg_temp.damaged($$WITH gone AS (DELETE FROM membership WHERE enrolment = 104 RETURNING *)
    INSERT INTO removed_member SELECT g.*, 2026, 's1', 'left', 'upstream', 'd1', (SELECT append_ms FROM decision WHERE event_id = 'd1') FROM gone g$$,
    '%does not list the enrolment'), 'I2', 'a member removed by hand, with another one''s decision');

-- Damage to decisions.
SELECT is(pg_temp.damaged($$UPDATE decision SET superior = 'S2' WHERE event_id = 'd1'$$, '%S2 was not the direct superior then'), 'I11 I2', 'another superior');
SELECT is(pg_temp.damaged($$UPDATE decision SET reviewer = 'R9' WHERE event_id = 'd1'$$), 'I11 I2', 'a stranger as reviewer');
SELECT is(pg_temp.damaged($$UPDATE decision SET reviewer = 'clerk' WHERE event_id = 'd1'$$), 'I11 I2', 'the submitter as reviewer');
SELECT is(pg_temp.damaged($$UPDATE decision SET digest = 'sha256:00' WHERE event_id = 'd1'$$), 'I11 I2', 'another digest');
SELECT is(pg_temp.damaged($$UPDATE decision SET append_ms = 5 WHERE event_id = 'd1'$$), 'I11 I2', 'another time');
SELECT is(pg_temp.damaged($$UPDATE reviewer_term SET valid_from_ms = forever_ms() - 1 WHERE reviewer = 'R1'$$), 'I11 I2', 'a reviewer''s term changed afterwards');
SELECT is(pg_temp.damaged($$UPDATE decision SET verdict = 'accepted' WHERE verdict = 'rejected'$$), 'I11 I5', 'a refused decision that counts');
SELECT is(pg_temp.damaged($$UPDATE submission SET state = 'returned' WHERE submission = 's1'$$), 'I11 I2', 'an approval turned into a return');
SELECT is(pg_temp.damaged($$UPDATE unit_review SET verdict = 'rejected' WHERE event_id = 'r1'$$), 'I11 I5', 'a unit review refused afterwards');
SELECT is(pg_temp.damaged($$DROP INDEX one_approved_review_a_year; UPDATE submission SET state = 'approved' WHERE submission = 's3'$$, '%2 submissions are approved%'),
          'I1 I11 I4 I5', 'a second approved review');
SELECT is(pg_temp.damaged($$UPDATE submission SET received = 0 WHERE submission = 't1'$$), 'I1 I7', 'a pending submission with a chunk missing');

-- Damage to the books.
SELECT is(pg_temp.damaged($$DELETE FROM ledger WHERE topic = 'approval' AND record_offset = 0$$, '%has no ledger row'), 'I5', 'a ledger row deleted');
SELECT is(pg_temp.damaged($$DELETE FROM ledger WHERE kind = 'duplicate'$$, 'member-review partition 0: 10 records were consumed, 9 have%'), 'I5',
          'that of a duplicate');
SELECT is(pg_temp.damaged($$DELETE FROM event WHERE event_id = 'd1'$$, '%its event is not known'), 'I5', 'an event forgotten');
SELECT is(pg_temp.damaged($$UPDATE ledger SET kind = 'duplicate' WHERE topic = 'approval' AND record_offset = 2$$), 'I5', 'a ledger row of another kind');
SELECT is(pg_temp.damaged($$DELETE FROM outbox WHERE ce_causationid = 'd1'$$, '%has no outcome%'), 'I5', 'an outcome deleted');
SELECT is(pg_temp.damaged($$INSERT INTO outbox (topic, partition, kind, unit, ce_type, ce_id, ce_causationid, body)
    SELECT topic, partition, kind, unit, 'nianshen.member-review.rejected.v1',
           outcome_id('member-review', 'U1', 2026, 'upstream', 's1/2', 'nianshen.member-review.rejected.v1'), ce_causationid, body
    FROM outbox WHERE ce_type = 'nianshen.member-review.pending.v1' AND ce_causationid = 's1/2'$$, '%was told pending and rejected'), 'I5', 'a verdict beside another');
SELECT is(pg_temp.damaged($$DELETE FROM outbox WHERE kind = 'dead-letter'$$), 'I5', 'a dead letter that is never published');
SELECT is(pg_temp.damaged($$INSERT INTO outbox (topic, partition, kind, unit, ce_type, ce_id, ce_causationid, body)
    VALUES ('approval', 0, 'outcome', 'U1', 'nianshen.decision.rejected.v1', 'x', 'd1', '{}')$$, '%stands beside%'), 'I5', 'a second outcome');
SELECT is(pg_temp.damaged($$UPDATE kafka_partition SET next_offset = 1 WHERE topic = 'approval'$$, '%the next offset is 1%'), 'I6', 'a position moved back');
SELECT is(pg_temp.damaged($$UPDATE kafka_partition SET last_offset = 0 WHERE topic = 'approval'$$), 'I6', 'another last record');
SELECT is(pg_temp.damaged($$UPDATE ledger SET epoch = 1 WHERE topic = 'approval' AND record_offset = 2$$, '%after epoch 2'), 'I10', 'a write of an old epoch');
SELECT is(pg_temp.damaged($$UPDATE ledger SET epoch = 99 WHERE topic = 'approval' AND record_offset = 2$$, '%never began%'), 'I10', 'a write of an epoch that never was');

-- Bounded, and counted.
DELETE FROM outbox;
SELECT is((SELECT count(*) || ' of ' || max(total) FROM check_run(3) WHERE invariant = 'I5'), '3 of 12', 'the first violations are shown, all are counted');
SELECT ok((SELECT bool_and(finding !~ '\d{15}') FROM check_run(100) WHERE finding IS NOT NULL), 'nobody''s number is in a finding');

SET LOCAL ROLE nianshen_ops;
SELECT lives_ok('SELECT * FROM nianshen.check_run(1)', 'operations may check');
SELECT throws_ok('SELECT * FROM nianshen.violation', '42501', NULL, 'through the function');
RESET ROLE;
SELECT * FROM finish();
ROLLBACK;
