-- The campaign's opening and closing, and reference data as of a record's append time.
\ir support.psql
SELECT no_plan();
-- The next record is appended so long after the campaign's opening, or before its closing.
CREATE FUNCTION pg_temp.append_at(p_ms bigint) RETURNS void LANGUAGE sql AS $$ UPDATE clock SET ms = p_ms - 1000 $$;
UPDATE campaign_term SET opens_ms = 1000000000, closes_ms = 2000000000;

-- Before and after.
SELECT pg_temp.append_at(999999999);
SELECT pg_temp.feed(pg_temp.unit_review('early')) AS fed \gset
SELECT is(pg_temp.outcomes_of('early'), 'unit-review.rejected', 'a unit review before the opening is rejected');
SELECT pg_temp.append_at(999999999);
SELECT pg_temp.feed(pg_temp.chunk('half', 1, 2, 0, '[]')) AS fed \gset
SELECT pg_temp.append_at(1000000000);
SELECT pg_temp.feed(pg_temp.unit_review('r1')) AS fed \gset
SELECT is(pg_temp.outcomes_of('r1'), 'unit-review.accepted', 'one at the opening is accepted');
SELECT pg_temp.feed(pg_temp.chunk('half', 2, 2, 0, '[]')) AS fed \gset
SELECT is(pg_temp.state_of('half'), 'rejected campaign-closed', 'one chunk outside the campaign is enough to refuse the submission');
SELECT pg_temp.feed(pg_temp.chunk('s1', 1, 1, 1, '[["K01", "left"]]'), pg_temp.chunk('s2', 1, 2, 0, '[]')) AS fed \gset

-- The reviewers and superiors of the time.
UPDATE reviewer_term SET valid_until_ms = 1500000000 WHERE reviewer = 'R1';
UPDATE unit_superior SET valid_until_ms = 1600000000 WHERE unit = 'U1';
INSERT INTO unit_superior VALUES ('U1', 'S2', 1600000000, forever_ms());
SELECT pg_temp.append_at(1500000000);
SELECT pg_temp.feed(pg_temp.decision('approved', 's1') || '{"id": "gone"}') AS fed \gset
SELECT is(pg_temp.outcomes_of('gone'), 'decision.rejected unknown-reviewer', 'who is a reviewer no more is refused');
SELECT pg_temp.feed(pg_temp.decision('approved', 's1', p_superior => 'S2', p_reviewer => 'R2') || '{"id": "not yet"}') AS fed \gset
SELECT is(pg_temp.outcomes_of('not yet'), 'decision.rejected wrong-superior', 'so is who is not the superior yet');
SELECT pg_temp.append_at(2000000000);
SELECT pg_temp.feed(pg_temp.decision('approved', 's1', p_superior => 'S2', p_reviewer => 'R2') || '{"id": "closed"}') AS fed \gset
SELECT is(pg_temp.outcomes_of('closed'), 'decision.rejected campaign-closed', 'a decision at the closing is rejected');
SELECT pg_temp.append_at(1499999999);
SELECT pg_temp.feed(pg_temp.decision('approved', 's1') || '{"id": "just"}') AS fed \gset
SELECT is(pg_temp.state_of('s1'), 'approved', 'a decision counts as of its append time, whatever was changed since');
SELECT pg_temp.append_at(2000000001);
SELECT pg_temp.feed(pg_temp.chunk('s2', 2, 2, 0, '[]')) AS fed \gset
SELECT is(pg_temp.state_of('s2'), 'rejected already-reviewed', 'that the unit is reviewed already goes before that the campaign is closed');
SELECT pg_temp.append_at(2000000001);
SELECT pg_temp.feed(pg_temp.unit_review('late')) AS fed \gset
SELECT is(pg_temp.outcomes_of('late'), 'unit-review.rejected', 'a unit review after the closing is rejected');

-- A unit counts from when it was loaded.
UPDATE unit_profile SET created_ms = 1700000000 WHERE unit = 'U2';
SELECT pg_temp.append_at(1699999999);
SELECT is(pg_temp.feed(pg_temp.chunk('u2s', 1, 1, 0, '[]', NULL, 'u2') || '{"unit": "U2"}'), '{0,0,1,0}', 'a unit that was loaded later was unknown then');

-- Age as of the submission, by the calendar of China: 16:30 in Greenwich is half past midnight of the next day.
INSERT INTO submission (unit, year, submission, source, unit_review, mode, submitted_by, chunks, entries_total, state, completed_ms)
VALUES ('U1', 2026, 'age', 'upstream', 'r1', 'import', 'clerk', 1, 1, 'pending', extract(epoch FROM timestamptz '2026-05-22 16:30:00+00') * 1000);
INSERT INTO entry (submission_key, chunk, index, id_key, reason, enrolment)
SELECT submission_key, 1, 0, '211011196605239673', 'retired', 104 FROM submission WHERE submission = 'age';
SELECT is((SELECT age FROM review_detail WHERE submission = 'age'), 60, 'a birthday begins at midnight in China');

-- Changes of reference data are dated after all that was applied.
UPDATE kafka_partition SET max_append_ms = now_ms() + 900000;
SELECT reviewer_add('R5', 'S1', NULL);
SELECT cmp_ok((SELECT valid_from_ms FROM reviewer_term WHERE reviewer = 'R5'), '>', (SELECT max(max_append_ms) FROM kafka_partition),
              'a reviewer is valid from after every record applied so far');

-- The next campaign.
UPDATE kafka_partition SET max_append_ms = 0, end_offset = next_offset + 1 WHERE topic = 'approval';
SELECT throws_like('SELECT campaign_open(2027, NULL, NULL)', '%not applied yet%', 'a campaign opens when the last one''s records are applied');
UPDATE kafka_partition SET end_offset = next_offset;
SELECT lives_ok('SELECT campaign_open(2027, NULL, NULL)', 'then it opens');

SELECT * FROM finish();
ROLLBACK;
