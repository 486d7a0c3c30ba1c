-- Reference data is versions that a rebuild reads as of append time; restoring them and applying the same events again makes the same state.
\ir support.psql
SELECT no_plan();

-- The state of U1 as it stands, then as it is after everything but the reference data was lost and the same events came again.
CREATE TEMP TABLE fed (n integer GENERATED ALWAYS AS IDENTITY, events jsonb[], at_ms bigint);
CREATE FUNCTION pg_temp.live(VARIADIC p_events jsonb[]) RETURNS integer[] LANGUAGE plpgsql AS $$
DECLARE
    answer integer[];
BEGIN
    answer := pg_temp.feed_at(NULL, p_events);
    INSERT INTO fed (events, at_ms) SELECT p_events, ms FROM clock;
    RETURN answer;
END
$$;
-- What `reference restore` finds in a fresh database: the views as they were, in the place of the tables.
CREATE FUNCTION pg_temp.restore() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DROP TABLE IF EXISTS units, memberships;
    CREATE TEMP TABLE units AS SELECT * FROM nianshen.reference_unit_profile;
    CREATE TEMP TABLE memberships AS SELECT * FROM nianshen.reference_membership;
    DELETE FROM removed_member;
    DELETE FROM membership;
    DELETE FROM row_finding;
    DELETE FROM entry;
    DELETE FROM chunk;
    DELETE FROM submission;
    DELETE FROM decision;
    DELETE FROM unit_review;
    DELETE FROM event;
    DELETE FROM outbox;
    DELETE FROM ledger;
    DELETE FROM kafka_partition;
    UPDATE unit_profile u SET (name, credit_code, address, contact_name, contact_mobile) =
        (SELECT v.name, v.credit_code, v.address, v.contact_name, v.contact_mobile FROM units v WHERE v.unit = u.unit);
    INSERT INTO membership SELECT * FROM memberships;
END
$$;
-- The events of one kind after another, whatever came first: decisions, then submissions, then unit reviews.
CREATE FUNCTION pg_temp.replay(p_kinds text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    kind text;
    f record;
BEGIN
    FOREACH kind IN ARRAY p_kinds LOOP
        FOR f IN SELECT * FROM fed WHERE events[1] ->> 'kind' = ANY (string_to_array(kind, ',')) ORDER BY n LOOP
            UPDATE clock SET ms = f.at_ms - 1000;
            PERFORM pg_temp.feed_at(NULL, f.events);
        END LOOP;
    END LOOP;
END
$$;

-- U1: two approvals in two campaigns, each with a profile; a load between them; a removed member who joins again and is removed again.
SELECT pg_temp.live(pg_temp.unit_review('r1', '{"address": "first", "contact_name": "first"}') || '{"id": "r1"}') AS fed \gset
SELECT pg_temp.live(pg_temp.chunk('s1', 1, 1, 2, '[["K01", "left"], ["K02", "retired"]]')) AS fed \gset
SELECT pg_temp.live(pg_temp.decision('approved', 's1') || '{"id": "d1"}') AS fed \gset
SELECT is((SELECT address || ' ' || contact_name FROM unit WHERE unit = 'U1'), 'first first', 'an approval changes the profile');
UPDATE campaign_term SET closes_ms = (SELECT ms + 1 FROM clock) WHERE year = 2026;
INSERT INTO staging_unit (load_id, line, unit, name, superior, address) VALUES (1, 2, 'U1', 'first', 'S1', 'loaded');
SELECT count(*) AS loaded FROM roster_load_units(1) \gset
SELECT is((SELECT concat_ws(' ', address, contact_name) FROM unit WHERE unit = 'U1'), 'loaded', 'a load sets it anew');
INSERT INTO membership (enrolment, unit, member_no, id_key, id_number, enrolled_ms, valid_from_ms, valid_until_ms)
SELECT 300, 'U1', '01', 'K01', 'K01', ms + 100, ms + 100, forever_ms() FROM clock;
INSERT INTO campaign_term (year, opens_ms, closes_ms, salt) SELECT 2027, ms + 200, forever_ms(), '\x02' FROM clock;
SELECT pg_temp.live(pg_temp.unit_review('r2', '{"contact_name": "second"}') || '{"id": "r2", "year": 2027}') AS fed \gset
SELECT pg_temp.live(pg_temp.chunk('s2', 1, 1, 1, '[["K01", "deceased"]]', NULL, 'r2') || '{"year": 2027}') AS fed \gset
SELECT pg_temp.live(pg_temp.decision('approved', 's2', (SELECT digest FROM submission WHERE submission = 's2')) || '{"id": "d2", "year": 2027}') AS fed \gset
SELECT is((SELECT string_agg(s.submission || ' ' || s.state || ' ' || s.listed, ', ' ORDER BY s.submission) FROM submission s),
          's1 approved 6, s2 approved 5', 'both years are approved, each with the roster of its opening');
SELECT is((SELECT concat_ws(' ', address, contact_name) FROM unit WHERE unit = 'U1'), 'loaded second', 'a later approval changes what the load had set');
SELECT is((SELECT array_agg(enrolment::integer ORDER BY enrolment) FROM removed_member), '{101,102,300}', 'three memberships were removed');

SELECT unit_digest('U1', NULL) AS digest \gset
SELECT pg_temp.restore() AS restored \gset
SELECT is((SELECT count(*) FROM membership WHERE valid_until_ms < forever_ms()), 3::bigint, 'removed memberships are restored with their end');
SELECT is((SELECT concat_ws(' ', address, contact_name) FROM unit WHERE unit = 'U1'), 'loaded', 'and the profile as it was loaded');
INSERT INTO staging_member (load_id, line, unit, member_no, id_number, id_key) VALUES (4, 2, 'U1', '02', 'K02', 'K02');
SELECT is((SELECT kind || ' ' || code FROM roster_load_members(4, false, false) LIMIT 1), 'skipped member-removed',
          'a load before the topics were read again does not enrol a removed member');
SELECT pg_temp.replay('{"approved","chunk","unit-review"}') AS replayed \gset
SELECT is(unit_digest('U1', NULL), :'digest', 'decisions first: the same state');
SELECT pg_temp.restore() AS restored \gset
SELECT pg_temp.replay('{"chunk","unit-review,approved"}') AS replayed \gset
SELECT is(unit_digest('U1', NULL), :'digest', 'submissions first: the same state');

-- What the digest sees.
CREATE FUNCTION pg_temp.sees(p_change text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    before text := nianshen.unit_digest('U1', NULL);
    differs boolean;
BEGIN
    EXECUTE p_change;
    differs := nianshen.unit_digest('U1', NULL) <> before;
    RAISE EXCEPTION USING errcode = 'P0001', message = differs::text;
EXCEPTION WHEN raise_exception THEN
    RETURN sqlerrm::boolean; -- rolled back
END
$$;
SELECT ok(pg_temp.sees(change), 'the digest sees: ' || change)
FROM unnest(ARRAY[
    $$UPDATE unit_review SET submitted_by = 'x'$$, $$UPDATE unit_review SET profile = '{}'$$, $$UPDATE submission SET listed = 7 WHERE submission = 's1'$$,
    $$UPDATE submission SET mode = 'list'$$, $$UPDATE entry SET reason = 'left'$$, $$DELETE FROM entry WHERE reason = 'deceased'$$,
    $$UPDATE decision SET comment = 'x'$$, $$UPDATE decision SET reviewer = 'x'$$, $$UPDATE decision SET verdict = 'rejected'$$,
    $$UPDATE removed_member SET reason = 'left'$$, $$DELETE FROM removed_member WHERE member_no = '02'$$, $$UPDATE removed_member SET name = 'x'$$,
    $$DELETE FROM membership WHERE member_no = '05'$$, $$UPDATE membership SET mobile = 'x'$$, $$UPDATE unit_profile SET contact_mobile = 'x'$$,
    $$UPDATE unit_superior SET superior = 'x'$$]) change;
SELECT ok(NOT pg_temp.sees(change), 'and not: ' || change)
FROM unnest(ARRAY[
    $$UPDATE submission SET release = 77$$, $$DELETE FROM ledger$$, $$UPDATE removed_member SET removed_ms = 1$$]) change;

-- The two ends of `reference restore`.
SELECT throws_ok($$SELECT nianshen.reference_restore_start()$$, 'NS002', NULL, 'nothing is restored into a database that has data');
SELECT setval('nianshen.enrolment_seq', 1);
SELECT nianshen.reference_restore_end();
SELECT ok(nextval('nianshen.enrolment_seq') > (SELECT max(m.enrolment) FROM nianshen.membership m), 'what is numbered goes on behind the highest number');
SELECT ok((SELECT c.last_ms >= (SELECT max(m.valid_from_ms) FROM nianshen.membership m) FROM nianshen.reference_change c), 'and what is dated behind the latest date');
TRUNCATE nianshen.removed_member, nianshen.submission, nianshen.unit_profile, nianshen.campaign_term, nianshen.reviewer_term, nianshen.kafka_partition, nianshen.ledger CASCADE;
SELECT lives_ok($$SELECT nianshen.reference_restore_start()$$, 'an empty database takes it');
SELECT is((SELECT count(*) FROM nianshen.failure_reason), 0::bigint, 'whose own reasons make room');

-- The memberships meanwhile.
CREATE VIEW pg_temp.guards AS
SELECT c.conname, pg_get_constraintdef(c.oid) AS definition, i.indisvalid
FROM pg_constraint c LEFT JOIN pg_index i ON i.indexrelid = c.conindid AND i.indrelid = c.conrelid WHERE c.conrelid = 'nianshen.membership'::regclass;
CREATE TEMPORARY TABLE guards_before AS SELECT * FROM pg_temp.guards;
SELECT membership_strip();
SELECT is((SELECT count(*) FROM pg_index WHERE indrelid = 'nianshen.membership'::regclass), 0::bigint, 'they come into a bare table');
SELECT membership_complete();
SELECT set_eq('SELECT * FROM pg_temp.guards', 'SELECT * FROM guards_before', 'which gets back all that guards it');
SELECT membership_strip();
INSERT INTO membership (enrolment, unit, member_no, id_key, id_number, enrolled_ms, valid_from_ms, valid_until_ms)
VALUES (1, 'nowhere', '01', 'K01', 'K01', 1, 1, forever_ms());
SELECT throws_ok('SELECT membership_complete()', '23503', NULL, 'one of a unit that is not there is refused at the end');
INSERT INTO unit_profile (unit, created_ms, name, loaded, loaded_ms) VALUES ('nowhere', 1, 'n', '{}', 1);
INSERT INTO membership SELECT * FROM membership;
SELECT throws_ok('SELECT membership_complete()', '23505', NULL, 'and so is one that stands there twice');

SELECT * FROM finish();
ROLLBACK;
