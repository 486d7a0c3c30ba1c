-- One review from confirmation to approval, and what each rule refuses.
\ir support.psql
SELECT no_plan();

-- The manual's way in import mode.
SELECT is(pg_temp.feed(pg_temp.unit_review('r1', '{"contact_mobile": "18163508457", "unknown": "x"}')), '{1,0,0,0}', 'a unit review is taken');
SELECT is(pg_temp.outcomes_of('r1'), 'unit-review.accepted', 'and accepted');
SELECT is(pg_temp.feed(pg_temp.chunk('s1', 1, 1, 2, '[["K01", "retired"], ["K03", "deceased"]]')), '{1,0,0,0}', 'a submission is taken');
SELECT is(pg_temp.state_of('s1'), 'pending', 'and pending');
SELECT is((SELECT ARRAY[listed, passed, failed] FROM review_status WHERE submission = 's1'), '{6,4,2}', 'with its counts');
SELECT is((SELECT array_agg(member_no || reason) FROM review_detail WHERE submission = 's1'), '{01retired,03deceased}', 'and its details');
SELECT is((SELECT count(*) FROM member WHERE unit = 'U1'), 6::bigint, 'nobody is removed before the decision');
SELECT pg_temp.feed(pg_temp.decision('approved', 's1', p_superior => 'S2', p_reviewer => 'R2') || '{"id": "d1"}') AS fed \gset
SELECT is(pg_temp.outcomes_of('d1'), 'decision.rejected wrong-superior', 'another superior is refused');
SELECT pg_temp.feed(pg_temp.decision('approved', 's1', p_reviewer => 'R2') || '{"id": "d2"}') AS fed \gset
SELECT is(pg_temp.outcomes_of('d2'), 'decision.rejected unknown-reviewer', 'a reviewer of another superior is refused');
SELECT pg_temp.feed(pg_temp.decision('approved', 's1', 'sha256:00') || '{"id": "d3"}') AS fed \gset
SELECT is(pg_temp.outcomes_of('d3'), 'decision.rejected stale-digest', 'another digest is refused');
SELECT pg_temp.feed(pg_temp.decision('approved', 's1', p_reviewer => 'clerk') || '{"id": "d4"}') AS fed \gset
SELECT is(pg_temp.outcomes_of('d4'), 'decision.rejected self-review', 'the submitter is refused as reviewer');
SELECT is(pg_temp.state_of('s1'), 'pending', 'none of these has an effect');
SELECT pg_temp.feed(pg_temp.decision('approved', 's1') || '{"id": "d5"}') AS fed \gset
SELECT is(pg_temp.state_of('s1'), 'approved', 'the direct superior approves');
SELECT is((SELECT array_agg(member_no ORDER BY member_no) FROM member WHERE unit = 'U1'), '{02,04,05,06}', 'the failed members left the roster');
SELECT is((SELECT array_agg(member_no || reason || submission ORDER BY member_no) FROM removed_member WHERE unit = 'U1'),
          '{01retireds1,03deceaseds1}', 'and stand in the archive with reason and submission');
SELECT is((SELECT contact_mobile FROM unit WHERE unit = 'U1'), '18163508457', 'the profile change took effect');
SELECT is((SELECT body::jsonb - 'unit' - 'year' FROM outbox WHERE ce_causationid = 'd5'),
          '{"decision": "d5", "submission": "s1", "listed": 6, "passed": 4, "removed": {"retired": 1, "deceased": 1}, "removed_total": 2,
            "already_gone": 0}'::jsonb, 'the outcome counts what was removed');
SELECT pg_temp.feed(pg_temp.decision('approved', 's1', 'sha256:00') || '{"id": "d6"}') AS fed \gset
SELECT is(pg_temp.outcomes_of('d6'), 'decision.rejected already-decided', 'a second decision finds it decided');
SELECT pg_temp.feed(pg_temp.chunk('s2', 1, 1, 0, '[]')) AS fed \gset
SELECT is(pg_temp.state_of('s2'), 'rejected already-reviewed', 'a second submission of the year is refused');
SELECT is((SELECT count(*) FROM ledger), 9::bigint, 'each record has one ledger row');
SELECT is((SELECT count(*) FROM ledger) , (SELECT sum(next_offset)::bigint FROM kafka_partition), 'as many as the offsets moved');

SELECT * FROM finish();
ROLLBACK;
