-- Loading rosters, campaigns and reviewers.
\ir support.psql
SELECT no_plan();

INSERT INTO staging_unit (load_id, line, unit, name, superior) VALUES (1, 2, 'U1', 'first', 'S2'), (1, 3, 'U3', 'third', 'S1'), (1, 4, 'U3', 'again', 'S1');
SELECT is((SELECT string_agg(concat_ws(' ', kind, code, line, count), ', ') FROM roster_load_units(1)),
          'refused unit-twice 4, summary units-added 1, summary units-changed 1', 'units are added and changed, a second row is refused');
SELECT is((SELECT superior FROM unit WHERE unit = 'U1'), 'S2', 'the superior changed');
SELECT is(superior_at('U1', now_ms() - 60000), 'S1', 'from now on, not before');

INSERT INTO staging_member (load_id, line, unit, member_no, id_number, id_key) VALUES
    (2, 2, 'U1', '01', 'K01', 'K01'), (2, 3, 'U1', '02', 'K92', 'K92'), (2, 4, 'U1', '08', 'K03', 'K03'), (2, 5, 'U9', '01', 'K01', 'K01'),
    (2, 6, 'U3', '01', 'K01', 'K01'), (2, 7, 'U3', '02', 'K01', 'K01'), (2, 8, 'U3', '01', 'K05', 'K05'), (2, 9, 'U3', '03', NULL, NULL);
SELECT is((SELECT string_agg(concat_ws(' ', kind, code, line, count), ', ') FROM roster_load_members(2, false, false)),
          'refused id-differs 3, refused id-shared 4, refused unit-not-loaded 5, refused id-shared 7, refused member-twice 8, refused id-missing 9, '
          'summary members-added 1, summary members-changed 1, summary members-unchanged 0', 'each refused row has its code and line');
INSERT INTO staging_member (load_id, line, unit, member_no, id_number, id_key) VALUES (3, 2, 'U1', '02', 'K92', 'K92');
SELECT is((SELECT string_agg(concat_ws(' ', kind, code, line, count), ', ') FROM roster_load_members(3, true, false)),
          'summary members-added 0, summary members-changed 1, summary members-unchanged 0', '--correct takes another number for the same person');
SELECT is((SELECT count(DISTINCT enrolment) FROM membership WHERE unit = 'U1' AND member_no = '02'), 1::bigint, 'which stays the same enrolment');
SELECT is((SELECT array_agg(id_key) FROM roster_at_opening('U1', 2026, '', last_key()) WHERE member_no = '02'), '{K02}', 'the campaign keeps the roster of its opening');

SELECT pg_temp.feed(pg_temp.unit_review('r1')) AS fed \gset
SELECT pg_temp.feed(pg_temp.chunk('s1', 1, 1, 1, '[["K02", "left"]]')) AS fed \gset
SELECT pg_temp.feed(pg_temp.decision('approved', 's1', NULL, 'S2', 'R2')) AS fed \gset
SELECT is((SELECT id_key FROM removed_member WHERE unit = 'U1' AND member_no = '02'), 'K92', 'a corrected member is removed under the number of today');
INSERT INTO staging_member (load_id, line, unit, member_no, id_number, id_key) VALUES (4, 2, 'U1', '02', 'K92', 'K92');
SELECT is((SELECT kind || ' ' || code FROM roster_load_members(4, false, false) LIMIT 1), 'skipped member-removed', 'a removed member is skipped');
INSERT INTO staging_member (load_id, line, unit, member_no, id_number, id_key) VALUES (5, 2, 'U1', '02', 'K92', 'K92');
SELECT is((SELECT code || count FROM roster_load_members(5, false, true) LIMIT 1), 'members-added1', '--re-enrol enrols again');

SELECT throws_like('SELECT campaign_open(2026, NULL, NULL)', '%exists already%', 'there is one campaign a year');
SELECT throws_like('SELECT campaign_open(2027, NULL, 5)', '%close before it opens%', 'a campaign has a while to be open');
SELECT throws_like('SELECT campaign_close(2031)', '%no campaign%', 'what is not there is not closed');
SELECT throws_ok('SELECT campaign_open(2027, NULL, NULL)', 'NS002', NULL, 'a campaign opens only when the last one is closed');
SELECT throws_ok('SELECT campaign_extend(2026, 1)', 'NS002', NULL, 'an end is not moved into the past');
SELECT lives_ok('SELECT campaign_close(2026)', 'a campaign is closed');
SELECT throws_ok('SELECT campaign_extend(2026, forever_ms() - 1)', 'NS002', NULL, 'and stays closed');
SELECT throws_ok('SELECT campaign_open(2027, 1, NULL)', 'NS002', NULL, 'none opens in the past');

SELECT lives_ok('SELECT campaign_open(2027, now_ms() + 3600000, NULL)', 'but in the future');
SELECT throws_like('SELECT campaign_extend(2027, now_ms() + 60000)', '%close before it opens%', 'and its end stays behind its opening');

SELECT lives_ok($$SELECT reviewer_add('R9', 'S1', 'name')$$, 'a reviewer is added');
SELECT lives_ok($$SELECT reviewer_add('R9', 'S1', 'other')$$, 'again with another name');
SELECT is((SELECT array_agg(name) FROM reviewer WHERE reviewer = 'R9'), '{other}', 'which is only renamed');
SELECT throws_ok($$SELECT reviewer_remove('R9', 'S2')$$, 'NS002', NULL, 'removing one who is not there is refused');


-- One change after the other within a millisecond, or while the broker's clock is ahead of ours (as here): each is dated after the one before.
SELECT lives_ok($$SELECT reviewer_remove('R9', 'S1')$$, 'a reviewer is removed at once');
SELECT lives_ok($$SELECT reviewer_add('R9', 'S1', NULL), reviewer_remove('R9', 'S1')$$, 'added and removed again');
SELECT is((SELECT count(*) FROM reviewer_term r WHERE r.reviewer = 'R9' AND r.valid_from_ms >= lag), 1::bigint, 'no term begins before the last one has ended')
FROM (SELECT min(valid_until_ms) AS lag FROM reviewer_term WHERE reviewer = 'R9') first;
CREATE FUNCTION pg_temp.superior_becomes(p_superior text) RETURNS bigint LANGUAGE sql AS $$
    INSERT INTO nianshen.staging_unit (load_id, line, unit, name, superior) VALUES (7, 2, 'U3', 'third', p_superior);
    SELECT count FROM nianshen.roster_load_units(7) WHERE code = 'units-changed'
$$;
SELECT is(pg_temp.superior_becomes('S7') + pg_temp.superior_becomes('S8') + pg_temp.superior_becomes('S7'), 3::bigint, 'a superior is changed three times');
CREATE FUNCTION pg_temp.number_becomes(p_number text) RETURNS bigint LANGUAGE sql AS $$
    INSERT INTO nianshen.staging_member (load_id, line, unit, member_no, id_number, id_key) VALUES (8, 2, 'U3', '01', p_number, p_number);
    SELECT count FROM nianshen.roster_load_members(8, true, false) WHERE code = 'members-changed'
$$;
SELECT is(pg_temp.number_becomes('K81') + pg_temp.number_becomes('K82') + pg_temp.number_becomes('K83'), 3::bigint, 'a number is corrected three times');
SELECT is((SELECT string_agg(id_key, ' ' ORDER BY valid_from_ms) FROM membership WHERE unit = 'U3' AND member_no = '01' AND valid_from_ms < valid_until_ms),
          'K01 K81 K82 K83', 'and each number had its time');

-- The reviewer sees an age where the number has a birth date.
SELECT is(id_birth_date('211011196605229673'), date '1966-05-22', 'the birth date of a normalised number');
SELECT ok(id_birth_date('G58203917') IS NULL AND id_birth_date('211011196613229673') IS NULL, 'a passport''s, and a month that is none, have no birth date');

SELECT * FROM finish();
ROLLBACK;
