-- List mode: every member of the roster is listed, whatever the order in which the chunks come.
\ir support.psql
SELECT no_plan();
SELECT pg_temp.feed(pg_temp.unit_review('r1')) AS fed \gset

SELECT pg_temp.feed(pg_temp.chunk('all', 1, 1, 6, '[["K02", "left"]]', '["K01", "K03", "K04", "K05", "K06"]')) AS fed \gset
SELECT is(pg_temp.state_of('all'), 'pending', 'a complete list is pending');
SELECT pg_temp.feed(pg_temp.decision('withdrawn', 'all')) AS fed \gset

SELECT pg_temp.feed(pg_temp.chunk('gap', 1, 1, 5, '[["K02", "left"]]', '["K01", "K03", "K05", "K06"]')) AS fed \gset
SELECT is(pg_temp.state_of('gap'), 'rejected row-errors', 'a member forgotten within a chunk is an error');
SELECT is(pg_temp.findings_of('gap'), '04:not-listed', 'that names the member, without chunk');

SELECT pg_temp.feed(pg_temp.chunk('before', 1, 1, 5, '[["K02", "left"]]', '["K03", "K04", "K05", "K06"]')) AS fed \gset
SELECT is(pg_temp.findings_of('before'), '01:not-listed', 'a member before the only chunk is missed');
SELECT pg_temp.feed(pg_temp.chunk('after', 1, 1, 5, '[["K02", "left"]]', '["K01", "K03", "K04", "K05"]')) AS fed \gset
SELECT is(pg_temp.findings_of('after'), '06:not-listed', 'and so is one after it');

SELECT pg_temp.feed(pg_temp.chunk('edge', 2, 2, 3, '[]', '["K05"]'), pg_temp.chunk('edge', 1, 2, 3, '[["K02", "left"]]', '["K03"]')) AS fed \gset
SELECT is(pg_temp.findings_of('edge'), '01:not-listed 04:not-listed 06:not-listed',
          'members before, between and after the ranges of chunks are missed, in whatever order the chunks come');

SELECT pg_temp.feed(pg_temp.chunk('none', 1, 1, 0, '[]', '[]')) AS fed \gset
SELECT is((SELECT (body::jsonb ->> 'errors_total')::int FROM outbox WHERE ce_type LIKE '%review.rejected%' AND body::jsonb ->> 'submission' = 'none'), 6,
          'an empty list misses everybody');

SELECT pg_temp.feed(pg_temp.chunk('strange', 1, 1, 7, '[["K02", "left"], ["K99", "left"]]', '["K01", "K03", "K04", "K05", "K06"]')) AS fed \gset
SELECT is(pg_temp.findings_of('strange'), '1/failed/1:not-on-roster', 'a number that is not on the roster is named by its place');

SELECT pg_temp.feed(pg_temp.chunk('both', 1, 2, 7, '[]', '["K01", "K02", "K03"]'),
                    pg_temp.chunk('both', 2, 2, 7, '[]', '["K03", "K04", "K05", "K06"]')) AS fed \gset
SELECT is(pg_temp.findings_of('both'), '2:listed-twice', 'a number at the end of one chunk and the begin of the next is listed twice');

SELECT pg_temp.feed(pg_temp.chunk('back', 1, 2, 6, '[]', '["K04", "K05", "K06"]'), pg_temp.chunk('back', 2, 2, 6, '[]', '["K01", "K02", "K03"]')) AS fed
\gset
SELECT is(pg_temp.state_of('back'), 'rejected not-sorted', 'chunks that are not each above the one before are not sorted');
SELECT pg_temp.feed(pg_temp.chunk('swap', 1, 1, 6, '[]', '["K01", "K03", "K02", "K04", "K05", "K06"]')) AS fed \gset
SELECT is(pg_temp.state_of('swap'), 'rejected not-sorted', 'nor is a list with two entries swapped');
SELECT is(pg_temp.findings_of('swap'), '1/passed/2:not-sorted', 'and the place is named');

SELECT pg_temp.feed(pg_temp.chunk('total', 1, 1, 7, '[]', '["K01", "K02", "K03", "K04", "K05", "K06"]')) AS fed \gset
SELECT is(pg_temp.state_of('total'), 'rejected total-mismatch', 'a wrong total is refused');

SELECT pg_temp.feed(pg_temp.chunk('bad', 1, 1, 6, '[["K02", "gone"]]', '["K01", "K03", "K04", "K05", "K06"]')) AS fed \gset
SELECT is(pg_temp.findings_of('bad'), '1/failed/0:unknown-reason', 'an unknown reason is a row error');

INSERT INTO membership (enrolment, unit, member_no, id_key, id_number, enrolled_ms, valid_from_ms, valid_until_ms)
SELECT 200, 'U1', '07', 'K07', 'K07', ms + 1500, ms + 1500, forever_ms() FROM clock;
SELECT pg_temp.feed(pg_temp.chunk('early', 1, 1, 7, '[["K07", "left"]]', '["K01", "K02", "K03", "K04", "K05", "K06"]')) AS fed \gset
SELECT is(pg_temp.findings_of('early'), '1/failed/0:not-on-roster', 'who is enrolled later is unknown when the chunk comes, whenever it is applied');
SELECT pg_temp.feed(pg_temp.chunk('late', 1, 1, 7, '[["K07", "left"]]', '["K01", "K02", "K03", "K04", "K05", "K06"]')) AS fed \gset
SELECT is(pg_temp.findings_of('late'), '1/failed/0:not-in-campaign', 'who was enrolled after the opening is not part of the campaign');
SELECT pg_temp.feed(pg_temp.chunk('six', 1, 1, 6, '[]', '["K01", "K02", "K03", "K04", "K05", "K06"]')) AS fed \gset
SELECT is(pg_temp.state_of('six'), 'pending', 'and need not be listed');
SELECT pg_temp.feed(pg_temp.decision('returned', 'six')) AS fed \gset

-- Removed since the campaign opened, by another year's approval.
WITH gone AS (DELETE FROM membership WHERE unit = 'U1' AND member_no = '06' RETURNING *)
INSERT INTO removed_member (enrolment, unit, member_no, id_key, id_number, enrolled_ms, valid_from_ms, valid_until_ms,
                            year, submission, reason, decision_source, decision, removed_ms)
SELECT enrolment, unit, member_no, id_key, id_number, enrolled_ms, valid_from_ms, ms, 2025, 'other', 'left', 'x', 'x', ms FROM gone, clock;
SELECT pg_temp.feed(pg_temp.chunk('with', 1, 1, 6, '[]', '["K01", "K02", "K03", "K04", "K05", "K06"]')) AS fed \gset
SELECT is(pg_temp.state_of('with'), 'pending', 'who was removed since the opening is listed like the others');
SELECT pg_temp.feed(pg_temp.decision('returned', 'with')) AS fed \gset
SELECT pg_temp.feed(pg_temp.chunk('without', 1, 1, 5, '[]', '["K01", "K02", "K03", "K04", "K05"]')) AS fed \gset
SELECT is(pg_temp.findings_of('without'), '06:not-listed', 'and is missed when not');

UPDATE membership SET id_key = 'J1?', id_code = 'id-length' WHERE unit = 'U1' AND member_no = '01';
SELECT pg_temp.feed(pg_temp.chunk('odd', 1, 1, 6, '[["J1?", "left"]]', '["K02", "K03", "K04", "K05", "K06"]')
                    || '{"errors": [["failed", 0, "id-length", "J1?"]]}') AS fed \gset
SELECT is(pg_temp.state_of('odd'), 'pending', 'a malformed number that the roster has in the same letters is accepted');
SELECT is((SELECT warnings FROM review_detail WHERE submission = 'odd'), '{roster-malformed}', 'with a warning');
SELECT pg_temp.feed(pg_temp.decision('withdrawn', 'odd')) AS fed \gset
SELECT pg_temp.feed(pg_temp.chunk('odd2', 1, 1, 6, '[["X", "left"]]', '["K02", "K03", "K04", "K05", "K06"]')
                    || '{"errors": [["failed", 0, "id-length", "X"]]}') AS fed \gset
SELECT is(pg_temp.findings_of('odd2'), '1/failed/0:id-length 01:not-listed', 'any other malformed number is one error, not two');
SELECT pg_temp.feed(pg_temp.chunk('warned', 1, 1, 6, '[["J1?", "left"], ["K02", "retired", "retired-early,id-region"]]', '["K03", "K04", "K05", "K06"]')) AS fed \gset
SELECT is(pg_temp.state_of('warned'), 'pending', 'warnings refuse nothing');
SELECT is((SELECT warnings FROM review_detail WHERE submission = 'warned' AND warnings <> '{}'), '{id-region,retired-early}',
          'and are told, though nothing else is');
SELECT pg_temp.feed(pg_temp.decision('withdrawn', 'warned')) AS fed \gset

-- A spreadsheet keeps fifteen digits of a number; who is meant is named where only one member can be.
INSERT INTO membership (enrolment, unit, member_no, id_key, id_number, name, enrolled_ms, valid_from_ms, valid_until_ms)
VALUES (201, 'U1', '21', '432500197707302784', '', 'one', 0, 0, forever_ms()), (202, 'U1', '22', '110101199003070011', '', 'two', 0, 0, forever_ms()),
       (203, 'U1', '23', '11010119900307002X', '', 'three', 0, 0, forever_ms()), (204, 'U1', '24', '110101199003070038', '', 'four', 0, 0, forever_ms()),
       (205, 'U1', '25', '110101199003070054', '', 'five', 0, 0, forever_ms());
SELECT pg_temp.feed(pg_temp.chunk('cut', 1, 1, 3, '[["110101199003070000", "left"], ["110101200001010000", "left"], ["432500197707302000", "left"]]')) AS fed \gset
SELECT is(pg_temp.findings_of('cut'), '1/failed/0:not-on-roster 1/failed/1:not-on-roster 1/failed/2/21:not-on-roster',
          'the member is named whose number begins with the fifteen digits, if there is one and no other');
SELECT pg_temp.feed(pg_temp.chunk('cut-2', 1, 1, 0, '[]') ||
                    '{"errors": [["failed", 0, "id-spreadsheet", "432500197707302000"], ["failed", 1, "id-check", "432500197707302000"]]}') AS fed \gset
SELECT is(pg_temp.findings_of('cut-2'), '1/failed/0/21:id-spreadsheet 1/failed/1:id-check', 'and where the check character showed it already');

SELECT * FROM finish();
ROLLBACK;
