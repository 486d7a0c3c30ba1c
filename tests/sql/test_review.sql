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

-- Two units in one micro-batch: each outcome counts its own.
SELECT pg_temp.known_unit('U3', 'third') AS u3 \gset
INSERT INTO unit_superior VALUES ('U3', 'S2', 0, forever_ms());
INSERT INTO membership (enrolment, unit, member_no, id_key, id_number, enrolled_ms, valid_from_ms, valid_until_ms)
SELECT 400 + n, CASE WHEN n < 3 THEN 'U2' ELSE 'U3' END, 'm' || n, 'L' || n, 'L' || n, 0, 0, forever_ms() FROM generate_series(1, 5) n;
SELECT pg_temp.feed(pg_temp.unit_review('r2', '{"contact_name": "Li"}') || '{"unit": "U2"}', pg_temp.unit_review('r3') || '{"unit": "U3"}') AS fed \gset
SELECT pg_temp.feed(pg_temp.chunk('t', 1, 1, 1, '[["L1", "left"]]', NULL, 'r2') || '{"unit": "U2"}',
                    pg_temp.chunk('t', 1, 1, 2, '[["L3", "left"], ["L5", "deceased"]]', NULL, 'r3') || '{"unit": "U3"}') AS fed \gset
SELECT pg_temp.feed(VARIADIC ARRAY(
    SELECT pg_temp.decision('approved', 't', s.digest, 'S2', 'R2') || jsonb_build_object('unit', s.unit, 'id', 'd' || s.unit)
    FROM submission s WHERE s.submission = 't' ORDER BY s.unit)) AS fed \gset
SELECT is((SELECT jsonb_object_agg(unit, body::jsonb - '{unit,year,submission,decision,listed,passed}'::text[]) FROM outbox
           WHERE ce_causationid IN ('dU2', 'dU3')),
          '{"U2": {"removed": {"left": 1}, "removed_total": 1, "already_gone": 0},
            "U3": {"removed": {"left": 1, "deceased": 1}, "removed_total": 2, "already_gone": 0}}', 'two units approved at once are told apart');
SELECT is((SELECT string_agg(member_no || decision, ' ' ORDER BY member_no) FROM removed_member WHERE unit IN ('U2', 'U3')), 'm1dU2 m3dU3 m5dU3',
          'and the archive knows whose decision it was');
SELECT is((SELECT string_agg(concat_ws(' ', unit, contact_name), ', ' ORDER BY unit) FROM unit WHERE unit IN ('U2', 'U3')), 'U2 Li, U3',
          'only the profile changes that were confirmed take effect');

-- What the core found worth a look is told with the acceptance.
SELECT pg_temp.feed(pg_temp.unit_review('rw') || '{"body": {"submitted_by": "clerk", "profile": {}, "warnings":
    [{"code": "credit-code-check", "field": "credit_code", "position": 18, "expected": "7"}]}}') AS fed \gset
SELECT is((SELECT array_agg((w ->> 'code') || ' ' || (w ->> 'field')) FROM outbox o, jsonb_array_elements(o.body::jsonb -> 'warnings') w
           WHERE o.ce_causationid = 'rw'), '{credit-code-check credit_code}', 'an accepted unit review tells its warnings');

SELECT * FROM finish();
ROLLBACK;
