-- A purged campaign: what tells of persons is gone, what counts stays, nobody else's year changes; and it can be rebuilt from what is kept and later records.
\ir support.psql
SELECT no_plan();
CREATE TEMP TABLE fed (n integer GENERATED ALWAYS AS IDENTITY, events jsonb[], at_ms bigint);
CREATE FUNCTION pg_temp.at(p_ms bigint, VARIADIC p_events jsonb[]) RETURNS integer[] LANGUAGE plpgsql AS $$
BEGIN
    UPDATE clock SET ms = p_ms - 1000;
    INSERT INTO fed (events, at_ms) VALUES (p_events, p_ms);
    RETURN pg_temp.feed_at(NULL, p_events);
END
$$;
CREATE FUNCTION pg_temp.violated() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(invariant || ': ' || finding, '; ' ORDER BY invariant) FROM check_run(3) WHERE total > 0
$$;
-- As `campaign purge` calls it; the broker's part is the first offset of each topic that was appended then or later. Slices of one unit and one row.
CREATE FUNCTION pg_temp.cuts(p_year integer, OUT until_ms bigint, OUT topics text[], OUT partitions integer[], OUT before bigint[]) LANGUAGE sql AS $$
    SELECT u.until_ms, array_agg(k.topic ORDER BY k.topic), array_agg(k.partition ORDER BY k.topic),
           array_agg(coalesce((SELECT min(l.record_offset) FROM nianshen.ledger l WHERE l.topic = k.topic AND l.append_ms >= u.until_ms), k.next_offset)
                     ORDER BY k.topic)
    FROM nianshen.campaign_purge_until(p_year) u, nianshen.kafka_partition k GROUP BY 1
$$;
CREATE FUNCTION pg_temp.check(p_year integer) RETURNS void LANGUAGE sql AS $$
    SELECT nianshen.campaign_purge_check(p_year, c.until_ms, c.topics, c.partitions, c.before) FROM pg_temp.cuts(p_year) c
$$;
CREATE FUNCTION pg_temp.begin(p_year integer) RETURNS void LANGUAGE sql AS $$
    SELECT nianshen.campaign_purge_begin(p_year, c.until_ms, c.topics, c.partitions, c.before) FROM pg_temp.cuts(p_year) c
$$;
CREATE FUNCTION pg_temp.purge(p_year integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    unit text := '';
    slices integer := 0;
BEGIN
    PERFORM pg_temp.begin(p_year);
    WHILE unit IS NOT NULL LOOP
        unit := nianshen.campaign_purge_units(unit, 1, 1);
        slices := slices + 1;
    END LOOP;
    WHILE nianshen.campaign_purge_ledger(1) > 0 LOOP END LOOP;
    PERFORM nianshen.campaign_purge_end(p_year);
    RETURN slices;
END
$$;

UPDATE campaign_term SET opens_ms = 1000000, closes_ms = 2000000;
-- 04 and 01 were corrected once.
INSERT INTO membership (enrolment, unit, member_no, id_key, id_number, name, enrolled_ms, valid_from_ms, valid_until_ms)
VALUES (104, 'U1', '04', 'X04', 'X04', 'formerly', 0, 0, 500), (101, 'U1', '01', 'X01', 'X01', 'formerly', 0, 0, 500);
UPDATE membership SET valid_from_ms = 500 WHERE enrolment IN (101, 104) AND valid_until_ms = forever_ms();
INSERT INTO membership (enrolment, unit, member_no, id_key, id_number, name, enrolled_ms, valid_from_ms, valid_until_ms)
SELECT 200 + n, 'U2', n::text, 'L0' || n, 'L0' || n, 'other ' || n, 0, 0, forever_ms() FROM generate_series(1, 3) n;

-- The year of 2026.
SELECT pg_temp.at(1000001, pg_temp.unit_review('r1', '{"address": "Lovelace Street", "contact_name": "Grace"}')) AS fed \gset
SELECT pg_temp.at(1000002, pg_temp.unit_review('u1', '{"contact_name": "Hopper"}') || '{"unit": "NOBODY"}') AS fed \gset
SELECT pg_temp.at(1000003, pg_temp.chunk('s0', 1, 1, 1, '[["K09", "left"]]')) AS fed \gset
SELECT pg_temp.at(1000004, pg_temp.chunk('s1', 1, 1, 2, '[["K01", "retired"], ["K02", "left"]]')) AS fed \gset
SELECT pg_temp.at(1000005, pg_temp.chunk('s9', 1, 1, 0, '[]') || '{"unit": "U9"}') AS fed \gset
SELECT pg_temp.at(1000006, pg_temp.chunk('w1', 1, 1, 1, '[["L01", "left"]]', NULL, 'r9') || '{"unit": "U2"}') AS fed \gset
SELECT pg_temp.at(1000007, pg_temp.chunk('w2', 1, 1, 1, '[["L02", "left"]]', NULL, 'r8') || '{"unit": "U2"}') AS fed \gset
SELECT pg_temp.at(1000008, pg_temp.unit_review('r8', '{"contact_name": "Grace"}') || '{"unit": "U2"}') AS fed \gset
SELECT pg_temp.at(1000009, pg_temp.chunk('s4', 1, 2, 1, '[["K03", "left"]]')) AS fed \gset
SELECT pg_temp.at(1000010, pg_temp.decision('approved', 's1') || '{"id": "d1"}') AS fed \gset
SELECT pg_temp.at(1000011, pg_temp.decision('returned', 's4', 'sha256:00') || '{"id": "d4"}') AS fed \gset
-- Of 2027, before it opens; and what comes between the two.
SELECT pg_temp.at(1000012, pg_temp.unit_review('early', '{"contact_name": "Early"}') || '{"year": 2027}') AS fed \gset
SELECT pg_temp.at(1000013, pg_temp.chunk('e1', 1, 2, 1, '[["K03", "left"]]', NULL, 'r2') || '{"year": 2027}',
                           pg_temp.chunk('e2', 1, 1, 1, '[["K04", "left"]]', NULL, 'r2') || '{"year": 2027}') AS fed \gset
SELECT pg_temp.at(1000014, pg_temp.decision('approved', 'e2', 'sha256:00') || '{"id": "de", "year": 2027}') AS fed \gset
-- Of a year that never opens.
SELECT pg_temp.at(1000015, pg_temp.unit_review('slip', '{"contact_name": "Slip"}') || '{"year": 2062}') AS fed \gset
SELECT pg_temp.at(1000016, pg_temp.chunk('slip', 1, 1, 1, '[["K06SLIP", "left"]]', NULL, 'slip') || '{"year": 2062}') AS fed \gset
SELECT pg_temp.at(1000017, pg_temp.decision('returned', 'slip', 'sha256:00') || '{"year": 2062, "id": "ds"}') AS fed \gset
SELECT pg_temp.at(2000005, pg_temp.unit_review('late', '{"contact_name": "Late"}')) AS fed \gset
SELECT is((SELECT string_agg(s.submission || ' ' || s.state, ', ' ORDER BY s.submission) FROM submission s),
          'e1 receiving, e2 rejected, s0 rejected, s1 approved, s4 receiving, slip rejected, w1 waiting, w2 waiting', 'a year with a bit of everything');
SELECT is(pg_temp.violated(), NULL, 'is in order');

-- ---- what refuses ----
SELECT throws_like('SELECT campaign_purge_until(2030)', 'there is no campaign of 2030', 'a year without a campaign');
UPDATE campaign_term SET closes_ms = forever_ms();
SELECT throws_like('SELECT campaign_purge_until(2026)', '%not closed', 'a campaign that is open');
UPDATE campaign_term SET closes_ms = 2000000;
SELECT cmp_ok((SELECT until_ms FROM campaign_purge_until(2026)), '>', 2000005::bigint, 'the last campaign is cut at the present');
INSERT INTO campaign_term (year, opens_ms, closes_ms, salt) VALUES (2025, 10, 20, '\x00');
SELECT throws_like('SELECT campaign_purge_until(2026)', 'the campaign of 2025 came before it%', 'one before it that is not purged');
DELETE FROM campaign_term WHERE year = 2025;
INSERT INTO campaign_term (year, opens_ms, closes_ms, salt) VALUES (2027, 3000000, 4000000, '\x02');
SELECT is((SELECT until_ms FROM campaign_purge_until(2026)), 3000000::bigint, 'others at the opening of the next');

SELECT throws_like('SELECT pg_temp.check(2026)', '%dead letters of that time are open%', 'an open dead letter');
SELECT redrive_start('member-review', 0, 2, false) AS action \gset
SELECT throws_like('SELECT pg_temp.check(2026)', '%dead letters of that time are open%', 'one whose redrive is not known to have ended');
SELECT redrive_refused(:action, 'x') AS refused \gset
SELECT ok(dead_letter_discard('member-review', 0, 2, 'nobody knows the unit'), 'once it is discarded');
SELECT throws_like('SELECT pg_temp.check(2026)', '%not published yet', 'an outcome that is not published');
SELECT pg_temp.publish(ARRAY(SELECT outbox_id FROM outbox WHERE kind = 'outcome')) AS published \gset
SELECT throws_like('SELECT pg_temp.check(2026)', '%not published yet', 'a dead letter that is not published');
SELECT pg_temp.publish(ARRAY(SELECT outbox_id FROM outbox)) AS published \gset
SELECT throws_like($$SELECT campaign_purge_check(2026, 3000000, '{approval}', '{0}', '{99}')$$, '95 records of the campaign are not applied yet (approval partition 0)',
                   'records that are not applied');
SELECT throws_like($$SELECT campaign_purge_check(2026, 3000000, '{approval}', '{7}', '{1}')$$, '%not applied yet%', 'a partition that nobody took yet');
SELECT throws_like($$SELECT campaign_purge_check(2026, 1000011, '{approval}', '{0}', '{3}')$$, '%the ledger has later records before it',
                   'a broker that is not the one of this database');
UPDATE kafka_partition SET halted = 'x' WHERE topic = 'approval';
SELECT throws_like('SELECT pg_temp.check(2026)', 'approval partition 0 is halted', 'a halted partition');
UPDATE kafka_partition SET halted = NULL;
UPDATE ledger SET kind = 'held' WHERE topic = 'approval' AND record_offset = 1;
SELECT throws_like('SELECT pg_temp.check(2026)', '%1 records of that time are held', 'a held record');
UPDATE ledger SET kind = 'applied' WHERE kind = 'held';
SELECT lives_ok('SELECT pg_temp.check(2026)', 'then nothing is in the way');
SELECT throws_like('SELECT pg_temp.begin(2027)', 'the campaign of 2026 came before it%', 'but for the next one');
SELECT is((SELECT string_agg(what || ' ' || count, ', ') FROM campaign_purge_rows(2026, 3000000)),
          'entries 5, row findings 1, removed members 2, blocks of the roster 0, ended versions of memberships 2', 'what would go');

-- ---- the year of 2027 ----
SELECT pg_temp.at(3000001, pg_temp.unit_review('r2', '{"contact_name": "Second"}') || '{"year": 2027}') AS fed \gset
SELECT pg_temp.at(3000002, pg_temp.chunk('e1', 2, 2, 1, '[]', NULL, 'r2') || '{"year": 2027}',
                           pg_temp.chunk('s2', 1, 1, 1, '[["K05", "left"]]', NULL, 'r2') || '{"year": 2027}') AS fed \gset
SELECT pg_temp.at(3000003, pg_temp.decision('approved', 's2', (SELECT digest FROM submission WHERE submission = 's2')) || '{"id": "d2", "year": 2027}') AS fed \gset
SELECT pg_temp.at(3000004, pg_temp.unit_review('early', '{"contact_name": "Early"}') || '{"year": 2027}') AS fed \gset
SELECT is((SELECT string_agg(s.submission || ' ' || s.state || ' ' || coalesce(s.listed::text, s.code), ', ' ORDER BY s.submission) FROM submission s WHERE year = 2027),
          'e1 rejected campaign-closed, e2 rejected campaign-closed, s2 approved 4', 'with the members that are left');
-- Late events of 2026, before the purge: one that is sent again with other content, and one that is new.
SELECT is(pg_temp.at(3000005, pg_temp.unit_review('r1', '{}')), '{0,0,1,0}', 'other content of a known event is a dead letter');
SELECT pg_temp.at(3000006, pg_temp.unit_review('late too', '{"contact_name": "Late"}')) AS fed \gset
SELECT pg_temp.publish(ARRAY(SELECT outbox_id FROM outbox)) AS published \gset
SELECT state_digest(NULL, 2027) AS digest_2027 \gset
CREATE TEMP TABLE kept AS SELECT submission, state, code, digest, listed, passed, failed, decided_ms FROM submission;

-- ---- the purge ----
SELECT lives_ok('SELECT pg_temp.begin(2026)', 'it begins');
SELECT throws_like('SELECT reference_dump_start()', 'the purge of 2026 is half-way', 'a dump waits for its end');
SELECT is(pg_temp.violated(), NULL, 'all is in order when it has begun');
SELECT campaign_purge_units('', 1, 10) AS unit \gset
SELECT is(:'unit'::text, 'NOBODY', 'also units that nobody loaded are looked through');
SELECT is(pg_temp.violated(), NULL, 'and half-way');
SELECT is((SELECT state FROM campaign WHERE year = 2026), 'purging', 'which is shown');
SELECT cmp_ok(pg_temp.purge(2026), '>', 5, 'then all of it, in slices');
SELECT is((SELECT string_agg(year || ' ' || state, ', ' ORDER BY year) FROM campaign), '2026 purged, 2027 closed', 'it is purged');
SELECT lives_ok('SELECT reference_dump_start()', 'a dump may be made again');
SELECT is(pg_temp.violated(), NULL, 'all is in order');
SELECT is(state_digest(NULL, 2027), :'digest_2027', 'the other year is as it was');
SELECT set_eq('SELECT submission, state, code, digest, listed, passed, failed, decided_ms FROM submission', 'SELECT * FROM kept',
              'so are states, counts and digests of both');

CREATE FUNCTION pg_temp.everything() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    t text;
    found text := '';
    part text;
BEGIN
    FOR t IN SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'nianshen'::regnamespace AND c.relkind = 'r' LOOP
        EXECUTE format('SELECT string_agg(x::text, E''\n'') FROM nianshen.%I x', t) INTO part;
        found := found || coalesce(part, '');
    END LOOP;
    RETURN found;
END
$$;
SELECT ok(pg_temp.everything() !~ word, 'nowhere stands ' || word)
FROM unnest(ARRAY['K01', 'K02', 'K09', 'X01', 'X04', 'member 1', 'member 2', 'formerly', 'Hopper', 'Late', 'Slip', 'K06SLIP', 's1/1"?,"?\\x[0-9a-f]']) word;
SELECT is((SELECT count(*) FROM decision WHERE year <> 2027 AND comment IS NOT NULL), 0::bigint, 'comments are gone');
SELECT is((SELECT count(*) FROM entry e JOIN submission s USING (submission_key) WHERE s.year = 2026), 0::bigint, 'entries are gone');
SELECT is((SELECT string_agg(member_no, ' ' ORDER BY member_no) FROM removed_member), '05', 'the archive holds the other year''s only');
SELECT is((SELECT string_agg(member_no, ' ' ORDER BY member_no) FROM member WHERE unit = 'U1'), '03 04 06', 'who is on the roster stays');
SELECT is((SELECT loaded || '{}' FROM unit_profile WHERE unit = 'U1'), '{"name": "first", "address": "Lovelace Street", "contact_name": "Grace"}'::jsonb,
          'what was approved is part of the profile as loaded');
SELECT is((SELECT concat_ws(' ', address, contact_name) FROM unit WHERE unit = 'U1'), 'Lovelace Street Second', 'and the profile is what it was');
SELECT is((SELECT loaded || '{}' FROM unit_profile WHERE unit = 'U2'), '{"name": "second"}'::jsonb, 'what was not approved is not');
SELECT is((SELECT count(*) FROM review_profile WHERE year = 2026), 0::bigint, 'changes are not shown any more');
SELECT is((SELECT salt FROM campaign_term WHERE year = 2026), ''::bytea, 'without the salt nobody can try out what a digest is of');
SELECT is((SELECT reviewer FROM decision WHERE event_id = 'd1'), 'R1', 'who decided is kept');
SELECT is((SELECT string_agg(topic || ' ' || purged_before || ' ' || records - purged_records, ', ' ORDER BY topic) FROM kafka_partition),
          'approval 4 1, member-review 9 2, unit-review 6 4', 'positions say from where on there are records');
SELECT is((SELECT count(*) FROM audit_log WHERE action = 'campaign-purge'), 3::bigint, 'who purged is noted');
SELECT is((SELECT count(*) FROM outbox WHERE kind = 'outcome' AND body::jsonb ->> 'year' = '2026'), 0::bigint, 'outcomes of the year are gone');
SELECT cmp_ok((SELECT count(*) FROM outbox WHERE kind = 'outcome' AND body::jsonb ->> 'year' = '2027'), '>', 5::bigint, 'those of the other are not');
SELECT is(pg_temp.purge(2026), 4, 'once more changes nothing');
SELECT is(state_digest(NULL, 2027), :'digest_2027', 'nothing at all');

-- ---- afterwards ----
SELECT state_digest(NULL, NULL) AS digest_then \gset
SELECT is(pg_temp.at(5000001, pg_temp.unit_review('r1', '{"address": "Lovelace Street", "contact_name": "Grace"}')), '{0,1,0,0}', 'a repeat is a duplicate');
SELECT is(pg_temp.at(5000002, pg_temp.unit_review('r1', '{"address": "another"}')), '{0,1,0,0}', 'whatever it says');
SELECT is(pg_temp.at(5000003, pg_temp.chunk('s1', 1, 1, 2, '[["K03", "retired"], ["K04", "left"]]') || '{"id": "another"}'), '{0,1,0,0}',
          'a chunk under another identity as well');
SELECT is(pg_temp.at(5000004, pg_temp.decision('approved', 's1', 'sha256:00') || '{"id": "d1"}'), '{0,1,0,0}', 'and a decision');
SELECT is(state_digest(NULL, NULL), :'digest_then', 'none had an effect');
SELECT is((SELECT count(*) FROM outbox_waiting), 0::bigint, 'or is answered');
-- What a late event sets free can't be judged any more.
SELECT pg_temp.at(5000005, pg_temp.unit_review('r9') || '{"unit": "U2"}') AS fed \gset
SELECT pg_temp.at(5000006, pg_temp.chunk('s4', 2, 2, 1, '[]')) AS fed \gset
SELECT is((SELECT string_agg(submission || ' ' || state || ' ' || code, ', ' ORDER BY submission) FROM submission WHERE submission IN ('w1', 'w2', 's4')),
          's4 rejected already-reviewed, w1 rejected campaign-closed, w2 rejected campaign-closed', 'it is closed');
SELECT is((SELECT code FROM decision WHERE event_id = 'd4'), 'not-pending', 'and so is what waited for it');
SELECT pg_temp.publish(ARRAY(SELECT outbox_id FROM outbox)) AS published \gset
SELECT is(pg_temp.violated(), NULL, 'all is in order');

-- ---- rebuilt from what a dump carries and the records that are left ----
CREATE FUNCTION pg_temp.columns_of(p_view text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(a.attname, ', ' ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = ('nianshen.' || p_view)::regclass AND a.attnum > 0
$$;
CREATE FUNCTION pg_temp.restore() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    pair text[];
    pairs text[] := '{{reference_unit_profile,unit_profile},{reference_membership,membership},{reference_partition,kafka_partition},{reference_event,event},
        {reference_unit_review,unit_review},{reference_submission,submission},{reference_chunk,chunk},{reference_decision,decision}}';
BEGIN
    FOREACH pair SLICE 1 IN ARRAY pairs LOOP
        EXECUTE format('CREATE TEMP TABLE %I AS SELECT * FROM nianshen.%I', 'kept_' || pair[1], pair[1]);
    END LOOP;
    DELETE FROM unit_superior;
    TRUNCATE entry, row_finding, removed_member, membership, outbox, ledger, chunk, submission, decision, unit_review, event, kafka_partition;
    DELETE FROM unit_profile;
    FOREACH pair SLICE 1 IN ARRAY pairs LOOP
        EXECUTE format('INSERT INTO nianshen.%I (%s) OVERRIDING SYSTEM VALUE SELECT %2$s FROM %I', pair[2], pg_temp.columns_of(pair[1]), 'kept_' || pair[1]);
    END LOOP;
    INSERT INTO unit_superior VALUES ('U1', 'S1', 0, forever_ms()), ('U2', 'S2', 0, forever_ms());
    PERFORM reference_restore_end();
END
$$;
SELECT state_digest(NULL, NULL) AS digest_all, (SELECT count(*) FROM ledger) AS rows_all \gset
SELECT pg_temp.restore() AS restored \gset
SELECT is((SELECT string_agg(submission || ' ' || state || ' ' || received, ', ' ORDER BY submission) FROM submission WHERE year = 2027),
          'e1 receiving 1, e2 rejected 1', 'of 2027 there is what came too early');
SELECT is(pg_temp.violated(), NULL, 'what was restored is in order');
DO $$
DECLARE
    f record;
BEGIN
    FOR f IN SELECT * FROM fed WHERE at_ms >= 3000000 ORDER BY n LOOP
        UPDATE clock SET ms = f.at_ms - 1000;
        PERFORM pg_temp.feed_at(NULL, f.events);
    END LOOP;
END
$$;
SELECT is(state_digest(NULL, NULL), :'digest_all', 'the later records make the same state');
SELECT is((SELECT count(*) FROM ledger), :rows_all::bigint, 'each has its ledger row');
SELECT pg_temp.publish(ARRAY(SELECT outbox_id FROM outbox)) AS published \gset
SELECT is(pg_temp.violated(), NULL, 'all is in order');

-- ---- a topic that is made anew after a purge ----
SELECT halt('unit-review', 0, (SELECT epoch FROM kafka_partition WHERE topic = 'unit-review'), 'made anew') AS halted \gset
SELECT partition_resume('unit-review', 0, 0, 'made anew') AS resumed \gset
SELECT is((SELECT concat_ws(' ', next_offset, records, purged_before, purged_records) FROM kafka_partition WHERE topic = 'unit-review'), '0 0 0 0',
          'what was purged of the old one does not count any more');
SELECT is(pg_temp.violated(), NULL, 'all is in order');
SELECT is(pg_temp.feed(pg_temp.unit_review('r1')), '{0,1,0,0}', 'and what was purged is still known');

SELECT * FROM finish();
ROLLBACK;
