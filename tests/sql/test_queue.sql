-- Submissions of a unit and year: complete, queued, settled one after the other, decided.
\ir support.psql
SELECT no_plan();

-- Two race: the place in the queue is that of the completing chunk.
SELECT pg_temp.feed(pg_temp.chunk('slow', 1, 2, 2, '[["K01", "left"]]')) AS fed \gset
SELECT is(pg_temp.state_of('slow'), 'receiving', 'a submission without all its chunks is receiving');
SELECT pg_temp.feed(pg_temp.chunk('fast', 1, 1, 1, '[["K02", "left"]]')) AS fed \gset
SELECT pg_temp.feed(pg_temp.chunk('slow', 2, 2, 2, '[["K03", "left"]]')) AS fed \gset
SELECT pg_temp.feed(pg_temp.unit_review('r1')) AS fed \gset
SELECT is(pg_temp.state_of('fast') || ', ' || pg_temp.state_of('slow'), 'pending, waiting', 'of two the one that was complete first is the head');

SELECT pg_temp.feed(pg_temp.chunk('three', 1, 3, 2, '[["K01", "left"]]')) AS fed \gset
SELECT pg_temp.feed(pg_temp.chunk('three', 2, 3, 2, '[["K02", "left"]]')) AS fed \gset
SELECT is(pg_temp.state_of('three'), 'receiving', 'that more chunks came is not that all are there');
SELECT pg_temp.feed(pg_temp.decision('withdrawn', 'three', 'none')) AS fed \gset

-- One whose unit review never comes is taken back, and the next becomes the head.
SELECT pg_temp.feed(pg_temp.decision('withdrawn', 'fast')) AS fed \gset
SELECT is(pg_temp.state_of('slow'), 'pending', 'a withdrawal frees the next');
SELECT pg_temp.feed(pg_temp.decision('returned', 'slow')) AS fed \gset
SELECT pg_temp.feed(pg_temp.chunk('orphan', 1, 1, 0, '[]', NULL, 'never')) AS fed \gset
SELECT pg_temp.feed(pg_temp.chunk('next', 1, 1, 1, '[["K99", "left"]]'), pg_temp.chunk('last', 1, 1, 1, '[["K04", "left"]]')) AS fed \gset
SELECT is(pg_temp.state_of('orphan') || ', ' || pg_temp.state_of('next') || ', ' || pg_temp.state_of('last'), 'waiting, waiting, waiting',
          'a missing unit review holds up the queue');
SELECT pg_temp.feed(pg_temp.decision('withdrawn', 'orphan')) AS fed \gset
SELECT is(pg_temp.state_of('orphan') || ', ' || pg_temp.state_of('next') || ', ' || pg_temp.state_of('last'), 'withdrawn, rejected row-errors, pending',
          'taken back, the next is judged, and when it is rejected the one behind it');

-- A unit review that is rejected.
SELECT pg_temp.feed(pg_temp.unit_review('bad') || '{"code": "mobile-form", "text": "contact_mobile"}') AS fed \gset
SELECT is(pg_temp.outcomes_of('bad'), 'unit-review.rejected', 'a unit review with bad fields is rejected');
SELECT pg_temp.feed(pg_temp.decision('withdrawn', 'last')) AS fed \gset
SELECT pg_temp.feed(pg_temp.chunk('upon', 1, 1, 0, '[]', NULL, 'bad')) AS fed \gset
SELECT is(pg_temp.state_of('upon'), 'rejected unit-review-rejected', 'so is a submission that refers to it');

-- Who decides: the direct superior alone.
SELECT pg_temp.known_unit('S1', 'a superior that is a unit itself') AS known \gset
INSERT INTO unit_superior VALUES ('S1', 'S0', 0, forever_ms());
INSERT INTO reviewer_term VALUES ('R0', 'S0', NULL, 0, forever_ms());
SELECT pg_temp.feed(pg_temp.chunk('p', 1, 1, 2, '[["K05", "left"], ["K06", "retired"]]')) AS fed \gset
SELECT pg_temp.feed(pg_temp.decision('approved', 'p', p_superior => 'S0', p_reviewer => 'R0') || '{"id": "above"}') AS fed \gset
SELECT is(pg_temp.outcomes_of('above'), 'decision.rejected wrong-superior', 'a union further above is not the direct superior');
SELECT pg_temp.feed(pg_temp.decision('returned', 'p', 'sha256:00') || '{"id": "stale"}') AS fed \gset
SELECT is(pg_temp.outcomes_of('stale'), 'decision.rejected stale-digest', 'a return names the digest too');

-- What the digest covers, in the form that is documented.
SELECT is(submission_canonical(s, s.listed, s.failed, '{}'),
          '{"failed":[{"id_number":"K05","reason":"left"},{"id_number":"K06","reason":"retired"}],"listed":6,"mode":"import","passed":4,"profile":{},"submission":"p","unit":"U1","year":2026}', 'the canonical form') FROM submission s WHERE s.submission = 'p';
SELECT is(digest, 'sha256:' || encode(sha256('\x01'::bytea || convert_to(submission_canonical(s, s.listed, s.failed, '{}'), 'UTF8')), 'hex'),
          'the digest is salted with the campaign''s secret') FROM submission s WHERE s.submission = 'p';

SELECT pg_temp.feed(pg_temp.unit_review('r2', '{"name": "a \"b\" 名", "address": ""}')) AS fed \gset
SELECT is(submission_canonical(s, 7, 2, r.profile),
          '{"failed":[{"id_number":"K05","reason":"left"},{"id_number":"K06","reason":"retired"}],"listed":7,"mode":"import",'
          '"passed":5,"profile":{"address":"","name":"a \"b\" 名"},"submission":"p","unit":"U1","year":2026}', 'with the profile''s changes')
FROM submission s, unit_review r WHERE s.submission = 'p' AND r.event_id = 'r2';

-- Approval removes the membership that was reviewed, never a later one of the same person, and nothing of one that is archived already: of a corrected
-- member the earlier version stays.
INSERT INTO removed_member (enrolment, unit, member_no, id_key, id_number, enrolled_ms, valid_from_ms, valid_until_ms,
                            year, submission, reason, decision_source, decision, removed_ms)
SELECT enrolment, unit, member_no, id_key, id_number, enrolled_ms, valid_from_ms, now_ms(), 2025, 'other', 'left', 'x', 'x', now_ms()
FROM membership WHERE enrolment = 105;
UPDATE membership SET id_key = 'K95', id_number = 'K95', valid_from_ms = -2, valid_until_ms = -1 WHERE enrolment = 105;
INSERT INTO membership (enrolment, unit, member_no, id_key, id_number, enrolled_ms, valid_from_ms, valid_until_ms)
SELECT 305, 'U1', '05', 'K05', 'K05', now_ms(), now_ms(), forever_ms();
SELECT pg_temp.feed(pg_temp.decision('approved', 'p') || '{"id": "ok"}') AS fed \gset
SELECT is((SELECT array_agg(enrolment) FROM member WHERE unit = 'U1' AND id_key IN ('K05', 'K06')), '{305}',
          'an enrolment later than the one reviewed stays');
SELECT is((SELECT string_agg(id_key, ' ') FROM membership WHERE enrolment = 105), 'K95', 'and so does the earlier version of one that is archived');
SELECT is((SELECT (body::jsonb -> 'already_gone')::text FROM outbox WHERE ce_causationid = 'ok'), '1', 'a member that is no longer there is reported');
SELECT pg_temp.feed(pg_temp.decision('withdrawn', 'p') || '{"id": "regret"}') AS fed \gset
SELECT is(pg_temp.outcomes_of('regret'), 'decision.rejected already-decided', 'what is approved is not withdrawn');
SELECT pg_temp.feed(pg_temp.decision('withdrawn', 'last') || '{"id": "again"}', pg_temp.decision('approved', 'slow') || '{"id": "late"}') AS fed \gset
SELECT is(pg_temp.outcomes_of('again') || ', ' || pg_temp.outcomes_of('late'), 'decision.rejected already-decided, decision.rejected already-decided',
          'nor what is withdrawn, nor is what was returned approved');

-- Locks on several rows are taken in an order, or two workers would wait for each other.
SELECT is((SELECT string_agg(p.proname || ':' || trim(s.statement), E'\n')
           FROM pg_proc p CROSS JOIN LATERAL regexp_split_to_table(p.prosrc, ';') AS s (statement)
           WHERE p.pronamespace = 'nianshen'::regnamespace AND s.statement ~ '(ANY|IN) \(.*FOR (NO KEY )?UPDATE' AND s.statement !~ 'ORDER BY'),
          NULL, 'each statement that locks many rows names their order');
SELECT isnt((SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ShareLock' AND pid = pg_backend_pid()
                 AND (classid::bigint << 32 | objid::bigint) = reference_lock_key()), 0::bigint, 'an apply holds the reference lock shared');

SELECT * FROM finish();
ROLLBACK;
