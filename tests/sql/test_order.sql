-- What comes late, early, twice or in the wrong order.
\ir support.psql
SELECT no_plan();

-- A submission before its unit review, a decision before its submission.
SELECT pg_temp.feed(pg_temp.chunk('s1', 1, 1, 1, '[["K01", "left"]]')) AS fed \gset
SELECT is(pg_temp.state_of('s1'), 'waiting', 'a submission waits for its unit review');
SELECT is(pg_temp.outcomes_of('s1/1'), 'member-review.waiting unit-review-missing', 'and says so');
SELECT pg_temp.feed(pg_temp.chunk('s2', 1, 1, 1, '[["K02", "left"]]')) AS fed \gset
SELECT is(pg_temp.outcomes_of('s2/1'), 'member-review.waiting behind-earlier', 'the next one stands behind it');
SELECT pg_temp.feed(pg_temp.unit_review('r1')) AS fed \gset
SELECT is(pg_temp.state_of('s1') || ', ' || pg_temp.state_of('s2'), 'pending, waiting', 'the unit review frees the head');
SELECT pg_temp.feed(pg_temp.decision('returned', 's1')) AS fed \gset
SELECT is(pg_temp.state_of('s1') || ', ' || pg_temp.state_of('s2'), 'returned, pending', 'its return makes the next one the head');

-- Withdrawal in any state.
SELECT pg_temp.feed(pg_temp.decision('withdrawn', 's3', 'none') || '{"id": "w3"}') AS fed \gset
SELECT is(pg_temp.outcomes_of('w3'), 'member-review.closed', 'a withdrawal is judged before its submission is seen');
SELECT pg_temp.feed(pg_temp.decision('withdrawn', 's3', 'none') || '{"id": "w3b"}') AS fed \gset
SELECT is(pg_temp.outcomes_of('w3b'), 'decision.rejected already-decided', 'once');
SELECT pg_temp.feed(pg_temp.chunk('s3', 1, 2, 1, '[["K03", "left"]]')) AS fed \gset
SELECT is(pg_temp.state_of('s3'), 'withdrawn', 'the submission is withdrawn when it comes');
SELECT pg_temp.feed(pg_temp.chunk('s3', 2, 2, 1, '[]')) AS fed \gset
SELECT is(pg_temp.state_of('s3'), 'withdrawn', 'and stays so when it is complete');
SELECT is(pg_temp.outcomes_of('s3/2'), NULL, 'without an outcome of its own');
SELECT pg_temp.feed(pg_temp.chunk('s3b', 1, 2, 2, '[["K03", "left"]]')) AS fed \gset
SELECT pg_temp.feed(pg_temp.decision('withdrawn', 's3b', 'none') || '{"id": "w3c"}') AS fed \gset
SELECT is(pg_temp.state_of('s3b') || ', ' || pg_temp.outcomes_of('w3c'), 'withdrawn, member-review.closed', 'one that is receiving is withdrawn at once');
SELECT pg_temp.feed(pg_temp.chunk('s3b', 2, 2, 2, '[["K04", "left"]]')) AS fed \gset
SELECT is(pg_temp.state_of('s3b') || ', ' || coalesce(pg_temp.outcomes_of('s3b/2'), 'nothing'), 'withdrawn, nothing', 'and its last chunk does not bring it back');
SELECT pg_temp.feed(pg_temp.decision('withdrawn', 's3d', 'none')) AS fed \gset
SELECT pg_temp.feed(pg_temp.chunk('s3d', 1, 1, 1, '[["K03", "left"]]')) AS fed \gset
SELECT is(pg_temp.state_of('s3d') || ', ' || coalesce(pg_temp.outcomes_of('s3d/1'), 'nothing'), 'withdrawn, nothing',
          'nor is one told that is complete at once when its withdrawal came first');
SELECT pg_temp.feed(pg_temp.chunk('both', 1, 2, 2, '[["K03", "left"]]'), pg_temp.chunk('within', 1, 1, 1, '[["K04", "left"]]'),
                    pg_temp.chunk('both', 2, 2, 2, '[["K05", "left"]]')) AS fed \gset
SELECT is((SELECT string_agg(submission, ' ' ORDER BY completed_offset) FROM submission WHERE submission IN ('both', 'within')), 'within both',
          'of two that are complete with one micro-batch the one whose last chunk came first is the earlier');
SELECT pg_temp.feed(pg_temp.decision('withdrawn', 'both', 'none'), pg_temp.decision('withdrawn', 'within', 'none')) AS fed \gset
SELECT pg_temp.feed(pg_temp.decision('withdrawn', 's2')) AS fed \gset
SELECT is(pg_temp.state_of('s2'), 'withdrawn', 'a pending one can be withdrawn');
SELECT is((SELECT digest FROM submission WHERE submission = 's2'), NULL, 'what it showed is forgotten');
SELECT pg_temp.feed(pg_temp.chunk('s4', 1, 1, 1, '[["K99", "left"]]')) AS fed \gset
SELECT pg_temp.feed(pg_temp.decision('approved', 's4', 'none') || '{"id": "d4"}') AS fed \gset
SELECT is(pg_temp.outcomes_of('d4'), 'decision.rejected not-pending', 'a rejected one can not be approved');
SELECT pg_temp.feed(pg_temp.decision('withdrawn', 's4')) AS fed \gset
SELECT is(pg_temp.state_of('s4'), 'withdrawn', 'but withdrawn');

-- A decision that waits; a withdrawal behind it waits its turn.
SELECT pg_temp.feed(pg_temp.decision('returned', 's5', 'early'), pg_temp.decision('withdrawn', 's5') || '{"id": "w5"}') AS fed \gset
SELECT is((SELECT string_agg(verdict, ',' ORDER BY record_offset) FROM decision WHERE submission = 's5'), 'waiting,waiting',
          'a return waits for its submission, a withdrawal behind it too');
SELECT pg_temp.feed(pg_temp.chunk('s5', 1, 1, 1, '[["K05", "left"]]')) AS fed \gset
SELECT is((SELECT string_agg(concat_ws(' ', verdict, code), ',' ORDER BY record_offset) FROM decision WHERE submission = 's5'),
          'rejected stale-digest,accepted', 'both are judged in their order when it is pending');
SELECT is(pg_temp.outcomes_of('s5/1'), 'member-review.pending', 'pending is told even when it is decided in the same micro-batch');

-- Repeats.
SELECT is(pg_temp.feed(pg_temp.chunk('s6', 1, 2, 2, '[["K01", "left"]]')), '{1,0,0,0}', 'a first chunk');
SELECT is(pg_temp.feed(pg_temp.chunk('s6', 1, 2, 2, '[["K01", "left"]]')), '{0,1,0,0}', 'the same again is a duplicate');
SELECT is(pg_temp.feed(pg_temp.chunk('s6', 1, 2, 2, '[["K01", "retired"]]')), '{0,0,1,0}', 'the same identity with other content is a dead letter');
SELECT is(pg_temp.feed(pg_temp.chunk('s6', 1, 2, 2, '[["K01", "left"]]') || '{"id": "other"}'), '{0,1,0,0}',
          'the same chunk under another identity is a duplicate');
SELECT is(pg_temp.feed(pg_temp.chunk('s6', 1, 2, 2, '[["K02", "left"]]') || '{"id": "third"}'), '{0,0,1,0}',
          'another chunk of that number is a dead letter');
SELECT is(pg_temp.feed(pg_temp.chunk('s6', 2, 3, 2, '[["K02", "left"]]')), '{0,0,1,0}', 'a chunk that contradicts the first one is a dead letter');
SELECT is(pg_temp.feed(pg_temp.chunk('s6', 2, 2, 2, '[["K02", "left"]]') || '{"source": "other"}'), '{0,0,1,0}', 'so is one of another source');
SELECT is((SELECT string_agg(code, ' ' ORDER BY record_offset) FROM dead_letter),
          'identity-reused chunk-differs chunk-contradicts chunk-contradicts', 'each with its code');
SELECT is(pg_temp.feed(pg_temp.chunk('s6', 2, 2, 2, '[["K02", "left"]]')), '{1,0,0,0}', 'a dead letter uses up no identity');
SELECT is(pg_temp.state_of('s6'), 'pending', 'and the submission is complete');

-- Approval, then a repeat after the member joined again.
SELECT pg_temp.feed(pg_temp.decision('approved', 's6') || '{"id": "d6"}') AS fed \gset
SELECT is((SELECT count(*) FROM member WHERE unit = 'U1'), 4::bigint, 'the approval removes two');
INSERT INTO membership (enrolment, unit, member_no, id_key, id_number, enrolled_ms, valid_from_ms, valid_until_ms)
SELECT 300, 'U1', '01', 'K01', 'K01', now_ms(), now_ms(), forever_ms();
SELECT is(pg_temp.feed(pg_temp.decision('approved', 's6', (SELECT digest FROM submission WHERE submission = 's6')) || '{"id": "d6"}'), '{0,1,0,0}',
          'the same approval again is a duplicate');
SELECT is((SELECT count(*) FROM member WHERE unit = 'U1'), 5::bigint, 'and does not remove a later membership of the same person');
SELECT pg_temp.feed(pg_temp.decision('approved', 's6') || '{"id": "d6 again"}') AS fed \gset
SELECT is((SELECT count(*) FROM member WHERE unit = 'U1'), 5::bigint, 'nor does another approval of the same submission');

-- Attribution and time.
SELECT is(pg_temp.feed(pg_temp.chunk('s1', 1, 1, 0, '[]') || '{"unit": "U9"}'), '{0,0,1,0}', 'a submission of an unknown unit is a dead letter');
SELECT is(pg_temp.feed(pg_temp.unit_review('r9') || '{"unit": "U9"}'), '{1,0,0,0}', 'a unit review of an unknown unit is judged');
SELECT is(pg_temp.outcomes_of('r9'), 'unit-review.rejected', 'and rejected');
SELECT pg_temp.feed(pg_temp.unit_review('old') || '{"year": 2025}') AS fed \gset
SELECT is(pg_temp.outcomes_of('old'), 'unit-review.rejected', 'a year without a campaign is refused');
SELECT pg_temp.feed(pg_temp.unit_review('u2') || '{"unit": "U2"}') AS fed \gset
SELECT pg_temp.feed(pg_temp.chunk('u2s', 1, 1, 0, '[]', NULL, 'u2') || '{"unit": "U2"}') AS fed \gset
SELECT is((SELECT state FROM submission WHERE unit = 'U2'), 'pending', 'an empty submission is pending');

SELECT * FROM finish();
ROLLBACK;
