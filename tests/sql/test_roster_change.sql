-- Corrections of numbers and names: swaps, what an open campaign learns of them, members that are removed by reference; limits of a unit.
\ir support.psql
SELECT no_plan();

-- Loads rows 'unit member number name' of line 2, 3, …; answers what was refused or skipped, then what was done.
CREATE TEMP SEQUENCE load_number START 100;
CREATE FUNCTION pg_temp.load(p_correct boolean, p_re_enrol boolean, VARIADIC p_rows text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    load bigint := nextval('load_number');
BEGIN
    INSERT INTO nianshen.staging_member (load_id, line, unit, member_no, id_number, id_key, name)
    SELECT load, n + 1, split_part(r, ' ', 1), split_part(r, ' ', 2), split_part(r, ' ', 3), split_part(r, ' ', 3), nullif(split_part(r, ' ', 4), '')
    FROM unnest(p_rows) WITH ORDINALITY AS u (r, n);
    RETURN (SELECT string_agg(concat_ws(' ', nullif(l.kind, 'summary'), replace(l.code, 'members-', ''), coalesce(l.line, l.count)), ', ')
            FROM nianshen.roster_load_members(load, p_correct, p_re_enrol) l);
EXCEPTION WHEN unique_violation THEN
    RETURN 'a number is held by two';
END
$$;
CREATE FUNCTION pg_temp.roster(p_unit text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat_ws(' ', member_no, id_key, name), ', ' ORDER BY member_no) FROM nianshen.membership
    WHERE unit = p_unit AND valid_until_ms = nianshen.forever_ms()
$$;
SELECT pg_temp.known_unit('U3', 'third') AS u3 \gset
UPDATE campaign_term SET opens_ms = now_ms() + 3600000;

-- Between announcement and opening nothing is versioned for a name, and the campaign learns nothing.
SELECT is(pg_temp.load(false, false, 'U3 a Ka one', 'U3 b Kb two', 'U3 c Kc three', 'U3 d Kd four'), 'added 4, changed 0, unchanged 0', 'members are enrolled');
SELECT is(pg_temp.load(true, false, 'U3 a Kb one', 'U3 b Ka two'), 'added 0, changed 2, unchanged 0', 'two numbers are swapped in one file');
SELECT is(pg_temp.roster('U3'), 'a Kb one, b Ka two, c Kc three, d Kd four', 'and each has the other''s');
SELECT is(pg_temp.load(true, false, 'U3 a Kc one', 'U3 b Kb two', 'U3 c Ka three'), 'added 0, changed 3, unchanged 0', 'three in a circle');
SELECT is(pg_temp.roster('U3'), 'a Kc one, b Kb two, c Ka three, d Kd four', 'each has the next one''s');
SELECT is(pg_temp.load(true, false, 'U3 a Kb one', 'U3 b Kd two', 'U3 d Ke four'), 'added 0, changed 3, unchanged 0', 'a chain, the last one with a new number');
SELECT is(pg_temp.roster('U3'), 'a Kb one, b Kd two, c Ka three, d Ke four', 'each has the next one''s');
SELECT is(pg_temp.load(true, false, 'U3 e Kb five', 'U3 a Kf one'), 'added 1, changed 1, unchanged 0', 'one who joins has the number that another one gives up');
SELECT is(pg_temp.roster('U3'), 'a Kf one, b Kd two, c Ka three, d Ke four, e Kb five', 'from the same moment on');
SELECT is((SELECT count(*) FROM membership m JOIN membership o ON o.unit = m.unit AND o.id_key = m.id_key AND o.enrolment > m.enrolment
           AND o.valid_from_ms < m.valid_until_ms AND m.valid_from_ms < o.valid_until_ms), 0::bigint, 'at no time do two members share a number');
SELECT is((SELECT count(DISTINCT valid_from_ms) FROM membership WHERE unit = 'U3' AND valid_until_ms = forever_ms() AND member_no IN ('a', 'e')), 1::bigint,
          'the number passes on without a gap');

-- What can't be.
SELECT is(pg_temp.load(true, false, 'U3 a Ka one', 'U3 b Kf two'), 'refused id-shared 2, refused id-shared 3, added 0, changed 0, unchanged 0',
          'a chain that ends at a member who keeps the number is refused as a whole');
SELECT is(pg_temp.load(true, false, 'U3 a Kd one', 'U3 b Kf two', 'U3 a Kz one'), 'refused member-twice 4, added 0, changed 2, unchanged 0',
          'a second row of a member takes nothing from the first one');
SELECT is(pg_temp.load(false, false, 'U3 a Kf one', 'U3 b Kd two'), 'refused id-shared 2, refused id-shared 3, added 0, changed 0, unchanged 0',
          'without --correct no numbers are swapped');
SELECT is(pg_temp.load(true, false, 'U3 a Kb one', 'U3 e Kg five', 'U3 c Kg three'), 'refused id-shared 4, added 0, changed 2, unchanged 0',
          'the first row gets a number, the second row does not');
SELECT is(pg_temp.load(true, false, 'U3 a Kb onely'), 'added 0, changed 1, unchanged 0', 'a name is changed');
SELECT is((SELECT count(*) FROM membership WHERE unit = 'U3' AND name = 'one' AND valid_until_ms > (SELECT max(valid_from_ms) FROM membership)), 0::bigint,
          'in place, as long as no campaign has opened');
SELECT is((SELECT count(*) FROM nianshen_engine.roster_change), 0::bigint, 'before the opening there is nothing to learn');

-- While the campaign is open.
UPDATE campaign_term SET opens_ms = (SELECT last_ms + 1 FROM reference_change);
SELECT pg_sleep(0.005) AS slept \gset
SELECT is(pg_temp.load(true, false, 'U3 a Kf onely', 'U3 b Kb two'), 'added 0, changed 2, unchanged 0', 'a swap while a campaign is open');
SELECT is((SELECT string_agg(concat_ws(' ', year, member_no, id_key, name, was_key, was_name), ', ' ORDER BY member_no) FROM nianshen_engine.roster_change),
          '2026 a Kf onely Kb onely, 2026 b Kb two Kf two', 'the campaign learns both');
SELECT is((SELECT count(DISTINCT at_ms) FROM nianshen_engine.roster_change), 1::bigint, 'from the same moment on');
SELECT is(pg_temp.load(false, false, 'U3 c Ka drei', 'U3 z Kz new'), 'added 1, changed 1, unchanged 0', 'a name, without --correct');
SELECT is(pg_temp.load(true, false, 'U3 z Ky newer'), 'added 0, changed 1, unchanged 0', 'and of one who is not part of the campaign');
SELECT is(pg_temp.load(false, false, 'U3 c Ka'), 'added 0, changed 1, unchanged 0', 'a name is taken away');
SELECT is((SELECT string_agg(concat_ws(' ', member_no, id_key, name, 'was', was_name), ', ' ORDER BY at_ms) FROM nianshen_engine.roster_change
           WHERE member_no NOT IN ('a', 'b')), 'c Ka drei was three, c Ka  was drei', 'the campaign learns what its members are called');
SELECT is((SELECT string_agg(name, ' ' ORDER BY valid_from_ms) FROM membership WHERE unit = 'U3' AND member_no = 'c' AND id_key = 'Ka'), 'three drei',
          'each name had its time');
SELECT is((SELECT count(*) FROM membership WHERE unit = 'U3' AND member_no = 'z' AND id_key = 'Kz' AND valid_until_ms < forever_ms()), 1::bigint,
          'numbers are versions always');
SELECT is((SELECT count(*) FROM nianshen_engine.roster_change), 4::bigint, 'four changes');
SELECT is_empty('SELECT * FROM nianshen_next.violation_of_roster_changes', 'the changes are those of the versions');
DELETE FROM nianshen_engine.roster_change WHERE member_no = 'a';
UPDATE nianshen_engine.roster_change SET name = 'x' WHERE member_no = 'b';
INSERT INTO nianshen_engine.roster_change SELECT unit, year, at_ms + 1, enrolment, member_no, id_key, name, was_key, was_name
FROM nianshen_engine.roster_change WHERE member_no = 'b';
SELECT is((SELECT count(*) FROM nianshen_next.violation_of_roster_changes), 3::bigint, 'one that is missing, differs or is too many is told');
DELETE FROM nianshen_engine.roster_change;
SELECT is(nianshen_engine.roster_change_make(), 4::bigint, 'they are made again from the versions');
SELECT is_empty('SELECT * FROM nianshen_next.violation_of_roster_changes', 'and are the same');

-- Approved, and the rows not moved yet.
INSERT INTO nianshen_engine.submission (unit, year, submission, source, unit_review, submitted_by, mode, chunks, entries_total, received, is_in_campaign,
                                        first_offset, first_ms, state, failing_enrolments, failing_reasons)
SELECT 'U3', 2026, 's3', 'up', 'r', 'c', 'import', 1, 2, 1, true, 0, 0, 'approved', array_agg(enrolment ORDER BY member_no), ARRAY['left', 'retired']
FROM membership WHERE unit = 'U3' AND member_no IN ('d', 'e') AND valid_until_ms = forever_ms();
INSERT INTO nianshen_engine.removal_due SELECT 0, 'U3', 2026, 's3', 'up', 'dec', last_ms + 1 FROM reference_change;
SELECT is((SELECT count(*) FROM reference_membership WHERE unit = 'U3' AND valid_until_ms = (SELECT removed_ms FROM nianshen_engine.removal_due)), 2::bigint,
          'a dump has them with the end of their removal');
SELECT is(pg_temp.load(false, false, 'U3 d Ke four'), 'skipped member-removed 2, added 0, changed 0, unchanged 0', 'one who is removed is skipped');
SELECT is((SELECT concat_ws(' ', member_no, reason, decision) FROM nianshen_engine.archive), 'd left dec', 'and stands in the archive now');
SELECT is((SELECT count(*) FROM reference_membership WHERE unit = 'U3' AND valid_until_ms = (SELECT removed_ms FROM nianshen_engine.removal_due)), 2::bigint,
          'the dump is the same');
SELECT is(pg_temp.load(false, true, 'U3 d Ke four'), 'added 1, changed 0, unchanged 0', '--re-enrol enrols anew');
SELECT is(pg_temp.load(false, false, 'U3 f Kg six'), 'added 1, changed 0, unchanged 0', 'the number of one who is removed is free');
SELECT is((SELECT string_agg(concat_ws(' ', member_no, reason), ', ' ORDER BY member_no) FROM nianshen_engine.archive), 'd left, e retired', 'whose row is moved for that');
SELECT is_empty('SELECT * FROM nianshen_next.violation_of_roster_changes', 'the changes are still those of the versions');

-- After the closing.
SELECT lives_ok('SELECT campaign_close(2026)', 'the campaign is closed');
SELECT is(pg_temp.load(true, false, 'U3 b Kq zwei'), 'added 0, changed 1, unchanged 0', 'a correction afterwards');
SELECT is((SELECT count(*) FROM nianshen_engine.roster_change), 4::bigint, 'is none of the campaign''s');
SELECT is((SELECT string_agg(concat_ws(' ', id_key, name), ', ' ORDER BY valid_from_ms) FROM membership WHERE unit = 'U3' AND member_no = 'b'
           AND valid_until_ms > (SELECT opens_ms FROM campaign_term)), 'Kf two, Kb two, Kq zwei', 'and leaves what the campaign saw');
SELECT is_empty('SELECT * FROM nianshen_next.violation_of_roster_changes', 'the changes are still those of the versions');

-- Blocks, as far as SQL sees.
INSERT INTO nianshen_engine.roster_block VALUES ('U3', 2026, 0, 2, 'Ka', 'Kc', ''), ('U3', 2026, 1, 1, 'Kd', 'Kd', '');
SELECT is_empty('SELECT * FROM nianshen_next.violation_of_roster_blocks', 'two blocks that ascend');
UPDATE nianshen_engine.roster_block SET first_key = 'Kc' WHERE block = 1;
SELECT is((SELECT count(*) FROM nianshen_next.violation_of_roster_blocks), 1::bigint, 'two that overlap are told');
UPDATE nianshen_engine.roster_block SET first_key = 'Kd', members = 0 WHERE block = 1;
SELECT is((SELECT count(*) FROM nianshen_next.violation_of_roster_blocks), 1::bigint, 'so is an empty one');
DELETE FROM nianshen_engine.roster_block WHERE block = 0;
SELECT is((SELECT count(*) FROM nianshen_next.violation_of_roster_blocks), 1::bigint, 'and one that is missing');

-- Opening behind what was packed, and behind what the second edition's worker applied.
SELECT lives_ok('SELECT campaign_open_start(2027, NULL, NULL, true)', 'an opening begins');
SELECT throws_like('SELECT campaign_open_start(2026, NULL, NULL, false)', '%exists already%', 'what is refused is refused before anything is done');
SELECT throws_like('SELECT campaign_open_start(2027, 1, NULL, false)', '%in the past%', 'a time in the past, too');
SELECT cmp_ok(campaign_open_start(2027, now_ms() + 60000, NULL, false), '>', 50000::bigint, 'one in the future is told how long it is until then');
SELECT campaign_open(2027, NULL, NULL, now_ms() + 100000) AS opens_ms \gset
SELECT cmp_ok(:opens_ms::bigint, '>', now_ms() + 50000, 'a campaign opens behind the latest membership, whatever the clock says');
SELECT is((SELECT last_ms FROM reference_change), :opens_ms::bigint, 'and so does what is changed next');
INSERT INTO nianshen_engine.shard VALUES (0, 1, 'w', 1, now(), 0), (1, 1, 'w', 1, now(), 0);
INSERT INTO nianshen_engine.ledger_range (shard, topic, next_offset, first_offset, records, epoch, stored_ms, max_append_ms)
VALUES (0, 1, 5, 0, 5, 1, 0, 7), (0, 1, 9, 5, 4, 1, 0, now_ms() + 900000), (1, 2, 3, 0, 3, 1, 0, 8);
SELECT is((SELECT string_agg(concat_ws(' ', topic, partition, next_offset), ', ' ORDER BY topic) FROM applied_until()), 'approval 1 3, member-review 0 9',
          'the ledger says how far each partition is');
SELECT cmp_ok(reference_change_ms(), '>', now_ms() + 800000, 'and reference data change behind all that is applied');
SELECT lives_ok($$SELECT positions_check('{member-review,approval}', '{0,1}', '{9,3}', '{9,3}')$$, 'all is applied');
SELECT throws_like($$SELECT positions_check('{member-review,approval}', '{0,1}', '{12,3}', '{12,3}')$$, '%3 records%member-review partition 0%', 'something is not');
SELECT throws_like($$SELECT positions_check('{member-review,approval}', '{0,1}', '{12,4}', '{12,3}')$$, '%transaction%open%offset 3 of approval partition 1%',
                   'a transaction is open, and named');
SELECT throws_like($$SELECT positions_check('{member-review}', '{0}', '{12}')$$, '%3 records%', 'without asking for transactions');

-- Limits.
SELECT throws_like($$SELECT nianshen_next.unit_limit_set('U9', 5, NULL, NULL, 'why')$$, '%not loaded%', 'a unit that is not there has no limits');
SELECT lives_ok($$SELECT nianshen_next.unit_limit_set('U3', NULL, 2000, 1000, 'junk')$$, 'a limit is raised');
SELECT lives_ok($$SELECT nianshen_next.unit_limit_set('U3', NULL, 3000, NULL, 'more junk')$$, 'and again');
SELECT is((SELECT string_agg(concat_ws(' ', kind, most), ', ' ORDER BY kind) FROM nianshen_next.unit_limit WHERE unit = 'U3'),
          'decisions 1000, submissions 3000, unit-reviews 1000', 'the others are as they were');
SELECT is((SELECT string_agg(concat_ws(' ', kind, most, valid_until_ms = forever_ms()), ', ' ORDER BY valid_from_ms) FROM nianshen_engine.unit_limit),
          'submissions 2000 f, submissions 3000 t', 'each limit has its time');
SELECT is((SELECT max(valid_from_ms) FROM nianshen_engine.unit_limit WHERE most = 2000 AND valid_until_ms = (SELECT valid_from_ms FROM nianshen_engine.unit_limit WHERE most = 3000)),
          (SELECT min(valid_from_ms) FROM nianshen_engine.unit_limit), 'one after the other');
SELECT is((SELECT string_agg(detail, ', ' ORDER BY audit) FROM audit_log WHERE action = 'unit-limit' AND unit = 'U3'),
          'submissions: 2000 instead of 1000; junk, submissions: 3000 instead of 2000; more junk', 'it is noted who changed it and why');
SELECT is((SELECT count(*) FROM reference_unit_limit), 2::bigint, 'a dump has them');

-- What a closing leaves.
INSERT INTO nianshen_engine.decision (unit, year, source, event_id, submission, record_offset, append_ms, content_sha256, kind, verdict, is_counted)
VALUES ('U3', 2026, 'up', 'd1', 'nobody', 0, 0, '', 'approved', 'waiting', true), ('U3', 2026, 'up', 'd2', 's3', 0, 0, '', 'approved', 'accepted', true);
INSERT INTO nianshen_engine.submission (unit, year, submission, source, unit_review, submitted_by, mode, chunks, entries_total, received, is_in_campaign,
                                        first_offset, first_ms, state)
SELECT 'U3', 2026, state || n, 'up', 'r', 'c', 'import', 1, 2, 1, true, 0, 0, state
FROM unnest(ARRAY['receiving', 'waiting', 'pending', 'rejected']) WITH ORDINALITY AS u (state, times) CROSS JOIN generate_series(1, times) n;
SELECT is((SELECT concat_ws(' ', decisions, receiving, waiting, pending) FROM nianshen_next.campaign_undecided(2026)), '1 1 2 3', 'what nothing decides any more');
SELECT is((SELECT concat_ws(' ', decisions, receiving, waiting, pending) FROM nianshen_next.campaign_undecided(2025)), '0 0 0 0', 'nothing of another year');

SELECT * FROM finish();
ROLLBACK;
