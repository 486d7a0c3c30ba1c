-- A purged campaign on the review engine's tables: what tells of persons is gone, what counts stays, nobody else's year changes.
\ir support_next.psql
SELECT no_plan();

-- As `campaign purge` calls it; the broker's part is the first offset of each topic that was appended then or later.
CREATE FUNCTION pg_temp.cuts(p_year integer, OUT until_ms bigint, OUT topics text[], OUT partitions integer[], OUT before bigint[]) LANGUAGE sql AS $$
    SELECT u.until_ms, array_agg(nianshen_next.topic_name(k.topic) ORDER BY k.topic), array_agg(0 ORDER BY k.topic),
           array_agg(coalesce((SELECT min(r.first_offset) FROM nianshen_engine.ledger_range r WHERE r.topic = k.topic AND r.last_append_ms >= u.until_ms),
                              (SELECT max(r.next_offset) FROM nianshen_engine.ledger_range r WHERE r.topic = k.topic), 0) ORDER BY k.topic)
    FROM nianshen_next.campaign_purge_until(p_year) u, (VALUES (0::smallint), (1::smallint), (2::smallint)) AS k (topic) GROUP BY 1
$$;
CREATE FUNCTION pg_temp.check(p_year integer) RETURNS void LANGUAGE sql AS $$
    SELECT nianshen_next.campaign_purge_check(p_year, c.until_ms, c.topics, c.partitions, c.before) FROM pg_temp.cuts(p_year) c
$$;
CREATE FUNCTION pg_temp.begin(p_year integer) RETURNS void LANGUAGE sql AS $$
    SELECT nianshen_next.campaign_purge_begin(p_year, c.until_ms, c.topics, c.partitions, c.before) FROM pg_temp.cuts(p_year) c
$$;
-- Slices of one unit and one row.
CREATE FUNCTION pg_temp.units() RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    unit text := '';
    slices integer := 0;
BEGIN
    WHILE unit IS NOT NULL LOOP
        unit := nianshen_next.campaign_purge_units(unit, 1, 1);
        slices := slices + 1;
    END LOOP;
    RETURN slices;
END
$$;
CREATE FUNCTION pg_temp.ledger() RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    rows integer := 0;
    gone integer := 1;
BEGIN
    WHILE gone > 0 LOOP
        gone := nianshen_next.campaign_purge_ledger(1);
        rows := rows + gone;
    END LOOP;
    RETURN rows;
END
$$;

-- The year of 2026. 04 was corrected once before it.
INSERT INTO nianshen.membership (enrolment, unit, member_no, id_key, id_number, name, enrolled_ms, valid_from_ms, valid_until_ms)
VALUES (104, 'U1', '04', 'X04', 'X04', 'formerly', 0, 0, 500);
UPDATE nianshen.membership SET valid_from_ms = 500 WHERE enrolment = 104 AND valid_until_ms = nianshen.forever_ms();
SELECT pg_temp.unit_review('r1', p_address => 'Lovelace Street', p_mobile => '13900000000') AS ok \gset
SELECT pg_temp.unit_review('r1', p_unit => 'U2', p_address => 'Hopper Street') AS ok \gset
SELECT pg_temp.submission('s0', '{109}', p_state => 'rejected', p_code => 'row-errors', p_findings => '[{"code": "not-on-roster", "id_number": "211***0109"}]') AS ok \gset
SELECT pg_temp.submission('s1', '{101,103}', p_chunks => 2) AS ok \gset
SELECT pg_temp.decision('d1', 'approved', 's1', p_comment => 'about somebody') AS ok \gset
SELECT pg_temp.submission('w1', '{202}', p_unit => 'U2', p_state => 'waiting', p_unit_review => 'never') AS ok \gset
UPDATE submission SET failed_json = '[…]' WHERE submission = 'w1';
SELECT pg_temp.moved(1) AS place \gset
INSERT INTO submission (unit, year, submission, source, unit_review, submitted_by, mode, chunks, entries_total, received, is_in_campaign, first_offset, first_ms, state)
VALUES ('U2', 2026, 'part', 'upstream', 'r1', 'clerk', 'import', 2, 0, 1, true, :place, pg_temp.now_ms(), 'receiving');
INSERT INTO chunk VALUES ('U2', 2026, 'part', 1, 'upstream', 'part/1', :place, pg_temp.now_ms(), '\x01', true, '\x99');
SELECT pg_temp.exception(1, 'duplicate') AS duplicate \gset
INSERT INTO repeated_chunk VALUES ('U1', 2026, 'upstream', 'again', '\x01', :duplicate, 1);
SELECT pg_temp.exception(1, 'dead-letter', 'U9', 'unknown-unit') AS dead \gset
-- Of a year that never opens, rejected for that; and of 2027, before it opens.
SELECT pg_temp.unit_review('slip', p_address => 'Slip', p_code => 'campaign-closed', p_year => 2062) AS ok \gset
SELECT pg_temp.unit_review('early', p_address => 'Early', p_code => 'campaign-closed', p_year => 2027) AS ok \gset
INSERT INTO roster_change (unit, year, at_ms, enrolment, member_no, id_key, name, was_key, was_name) SELECT 'U1', 2026, pg_temp.tick(), 102, '02', id_key, '改', id_key, '会员2' FROM nianshen.membership WHERE enrolment = 102;
UPDATE nianshen.membership SET valid_until_ms = pg_temp.now_ms() WHERE enrolment = 102;
INSERT INTO nianshen.membership (enrolment, unit, member_no, id_key, id_number, name, enrolled_ms, valid_from_ms, valid_until_ms)
SELECT enrolment, unit, member_no, id_key, id_number, '改', enrolled_ms, valid_until_ms, nianshen.forever_ms() FROM nianshen.membership WHERE enrolment = 102;
SELECT is(pg_temp.violated(), NULL, 'a year with a bit of everything is in order');

-- ---- what refuses ----
SELECT throws_like('SELECT campaign_purge_until(2030)', 'there is no campaign of 2030', 'a year without a campaign');
SELECT throws_like('SELECT campaign_purge_until(2026)', '%not closed', 'a campaign that is open');
SELECT pg_temp.tick() AS closes \gset
UPDATE nianshen.campaign_term SET closes_ms = :closes;
SELECT cmp_ok((SELECT until_ms FROM campaign_purge_until(2026)), '>', :closes::bigint, 'the last campaign is cut at the present');
INSERT INTO nianshen.campaign_term (year, opens_ms, closes_ms, salt) VALUES (2025, 10, 20, '\x00');
SELECT throws_like('SELECT campaign_purge_until(2026)', 'the campaign of 2025 came before it%', 'one before it that is not purged');
DELETE FROM nianshen.campaign_term WHERE year = 2025;
SELECT pg_temp.tick() AS opens \gset
INSERT INTO nianshen.campaign_term (year, opens_ms, closes_ms, salt) VALUES (2027, :opens, nianshen.forever_ms(), '\x02');
SELECT is((SELECT until_ms FROM campaign_purge_until(2026)), :opens::bigint, 'others at the opening of the next');

SELECT throws_like('SELECT pg_temp.check(2026)', '%dead letters of that time are open%', 'an open dead letter');
SELECT ok(dead_letter_discard('member-review', 0, :dead, 'nobody knows the unit'), 'is discarded');
INSERT INTO outbox (shard, batch, outcomes, stored_ms) VALUES (0, 1, '\x00', 5);
SELECT throws_like('SELECT pg_temp.check(2026)', '%not published yet', 'what is not published');
UPDATE outbox SET stored_ms = :opens::bigint + 100000;
SELECT lives_ok('SELECT pg_temp.check(2026)', 'but for what came later');
DELETE FROM outbox;
SELECT throws_like($$SELECT campaign_purge_check(2026, 3000000, '{approval}', '{0}', '{99}')$$, '98 records of the campaign are not applied yet (approval partition 0)', 'records that are not applied');
SELECT throws_like($$SELECT campaign_purge_check(2026, 3000000, '{approval}', '{7}', '{1}')$$, '%not applied yet%', 'a partition that nobody took yet');
SELECT throws_like($$SELECT campaign_purge_check(2026, 1000011, '{approval}', '{0}', '{1}')$$, '%the ledger has later records before it', 'a broker that is not the one of this database');
INSERT INTO halt VALUES (0, 2, 'x', 1);
SELECT throws_like('SELECT pg_temp.check(2026)', 'approval partition 0 is halted', 'a halted partition');
DELETE FROM halt;
UPDATE ledger_exception SET kind = 'held' WHERE kind = 'duplicate';
SELECT throws_like('SELECT pg_temp.check(2026)', '%1 records of that time are held', 'a held record');
UPDATE ledger_exception SET kind = 'duplicate' WHERE kind = 'held';
SELECT lives_ok('SELECT pg_temp.check(2026)', 'then nothing is in the way');
UPDATE nianshen.campaign_term SET closes_ms = opens_ms + 1 WHERE year = 2027;
SELECT throws_like('SELECT pg_temp.begin(2027)', 'the campaign of 2026 came before it%', 'but for the next one');
UPDATE nianshen.campaign_term SET closes_ms = nianshen.forever_ms() WHERE year = 2027;
SELECT is((SELECT string_agg(what || ' ' || count, ', ') FROM campaign_purge_rows(2026, :opens)),
          'entries 3, lists of row findings 1, removed members 2, ended versions of memberships 2, roster blocks 2, dead letters 1', 'what would go');

-- ---- the year of 2027, under way ----
INSERT INTO roster_block SELECT unit, 2027, block, members - CASE unit WHEN 'U1' THEN 2 ELSE 0 END, first_key, last_key, content FROM roster_block;
SELECT pg_temp.unit_review('r2', p_address => 'Second Street', p_year => 2027) AS ok \gset
SELECT pg_temp.submission('s2', '{105}', p_unit_review => 'r2', p_year => 2027) AS ok \gset
-- Late of 2026: a rejected unit review and a dead letter.
SELECT pg_temp.unit_review('late', p_address => 'Late', p_code => 'campaign-closed') AS ok \gset
SELECT pg_temp.exception(0, 'dead-letter', 'U1', 'identity-reused') AS late \gset
SELECT pg_temp.exception(0, 'dead-letter', 'U1', 'identity-reused', 2027) AS other \gset
CREATE TEMP TABLE kept AS SELECT unit, year, submission, state, code, digest, listed, passed, failed, decided_ms, received, chunks FROM submission;
CREATE TEMP TABLE roster AS SELECT * FROM member;

-- ---- the purge ----
SELECT lives_ok('SELECT pg_temp.begin(2026)', 'it begins');
SELECT is((SELECT state FROM campaign WHERE year = 2026), 'purging', 'the campaign is being purged');
SELECT is((SELECT string_agg(topic || ' ' || purged_before, ', ' ORDER BY topic) FROM purged), '0 4, 1 7, 2 1', 'where the topics are cut is kept');
SELECT throws_like('SELECT pg_temp.units()', 'removed members of unit U1 of 2026 are not moved%', 'a removal by reference is not lost');
SELECT state_digest(NULL, 2027) AS digest_2027 \gset
SELECT cmp_ok(pg_temp.settle(1), '>', 0, 'they are moved first');
SELECT is(state_digest(NULL, 2027), :'digest_2027'::text, 'which changes nothing');
SELECT pg_temp.units() AS slices \gset
SELECT is(pg_temp.violated(), NULL, 'all is in order half-way');
SELECT is(pg_temp.ledger(), 3, 'exceptions of the time, and the bytes of a late one');
SELECT campaign_purge_end(2026) AS ended \gset
SELECT is(pg_temp.violated(), NULL, 'and at the end');
SELECT is((SELECT state FROM campaign WHERE year = 2026), 'purged', 'the campaign is purged');
SELECT is((SELECT salt FROM nianshen.campaign_term WHERE year = 2026), ''::bytea, 'its salt is gone');

-- What is gone.
SELECT is((SELECT count(*) FROM submission WHERE year IN (2026, 2062) AND num_nonnulls(failing_enrolments, failing_reasons, failing_warnings, failed_json, findings) > 0), 0::bigint, 'lists');
SELECT is((SELECT count(*) FROM review_detail WHERE year = 2026), 0::bigint, 'nothing is shown of them');
SELECT is((SELECT count(*) FROM removed_member WHERE year = 2026), 0::bigint, 'the archive');
SELECT is((SELECT count(*) FROM removal_due), 0::bigint, 'nothing is due to go there');
SELECT is((SELECT count(*) FROM roster_block WHERE year = 2026), 0::bigint, 'rosters');
SELECT is((SELECT count(*) FROM roster_change WHERE year = 2026), 0::bigint, 'their corrections');
SELECT is((SELECT count(*) FROM nianshen.membership WHERE valid_until_ms < :opens), 0::bigint, 'ended versions of memberships');
SELECT is((SELECT count(*) FROM chunk WHERE year = 2026 AND (rows IS NOT NULL OR octet_length(content_sha256) > 0)), 0::bigint, 'rows of chunks');
SELECT is((SELECT count(*) FROM (SELECT content_sha256 FROM submission WHERE year = 2026 UNION ALL SELECT content_sha256 FROM repeated_chunk WHERE year = 2026 UNION ALL
                                 SELECT content_sha256 FROM unit_review WHERE year IN (2026, 2062) UNION ALL SELECT content_sha256 FROM decision WHERE year = 2026) h
           WHERE octet_length(content_sha256) > 0), 0::bigint, 'hashes');
SELECT is((SELECT count(*) FROM decision WHERE comment IS NOT NULL), 0::bigint, 'comments');
SELECT is((SELECT string_agg(event_id || ' ' || address, ', ' ORDER BY event_id) FROM unit_review WHERE address IS NOT NULL), 'early Early, r2 Second Street', 'profiles, but for another year''s');
SELECT is((SELECT count(*) FROM ledger_exception WHERE record_offset < 7 AND topic = 1), 0::bigint, 'the exceptions before the cut');
SELECT is((SELECT string_agg(concat_ws(' ', year, state, has_record), ', ' ORDER BY year) FROM dead_letter), '2026 open f, 2027 open t', 'bytes of a late dead letter of the year');
SELECT is(redrive_start('unit-review', 0, :late, false) IS NOT NULL, true, 'which is still an open one');

-- What stays.
SELECT set_eq('SELECT * FROM kept', 'SELECT unit, year, submission, state, code, digest, listed, passed, failed, decided_ms, received, chunks FROM submission', 'counts, digests and verdicts');
SELECT set_eq('SELECT * FROM roster', 'SELECT * FROM member', 'the members');
SELECT is((SELECT string_agg(event_id || ' ' || verdict || ' ' || coalesce(reviewer, ''), ', ') FROM decision), 'd1 accepted R1', 'who decided');
SELECT is((SELECT concat_ws(' ', address, contact_mobile, loaded ->> 'address', loaded ->> 'contact_mobile') FROM nianshen.unit_profile WHERE unit = 'U1'),
          'Lovelace Street 13900000000 Lovelace Street 13900000000', 'what was approved is part of the profile as loaded');
SELECT is((SELECT concat_ws(' ', address, loaded ->> 'address') FROM nianshen.unit_profile WHERE unit = 'U2'), '', 'what was not is forgotten');
SELECT is(state_digest(NULL, 2027), :'digest_2027'::text, 'the other year');
SELECT is((SELECT sum(purged_exceptions) FROM purged), 2::numeric, 'how many exceptions went is kept');
SELECT is((SELECT string_agg(purged_before::text, ' ' ORDER BY topic) FROM partition_status), '1 7 4', 'and from where on the topics are');
SELECT is(pg_temp.ledger() + (SELECT count(*) FROM campaign_purge_rows(2026, :opens) WHERE count > 0)::integer, 0, 'done again it finds nothing');
SELECT pg_temp.decision('d2', 'approved', 's2', p_year => 2027) AS ok \gset
SELECT is((SELECT string_agg(member_no, ' ' ORDER BY member_no) FROM member WHERE unit = 'U1'), '02 04 06', 'the next campaign goes on');
SELECT is(pg_temp.violated(), NULL, 'in order');

SELECT * FROM finish();
ROLLBACK;
