-- The roster of a campaign, and what else of the reference data is the second edition's alone: views that blocks and changes are made and checked from,
-- limits of a unit, what a closing campaign leaves undecided.

CREATE SCHEMA IF NOT EXISTS nianshen_next AUTHORIZATION nianshen_owner;

-- The newest row of each partition's ledger: how far it is applied.
CREATE OR REPLACE VIEW nianshen_engine.ledger_end AS
SELECT s.shard, t.topic, l.next_offset, l.max_append_ms
FROM nianshen_engine.shard s CROSS JOIN (VALUES (0::smallint), (1::smallint), (2::smallint)) AS t (topic)
CROSS JOIN LATERAL (SELECT r.next_offset, r.max_append_ms FROM nianshen_engine.ledger_range r
                    WHERE r.shard = s.shard AND r.topic = t.topic ORDER BY r.next_offset DESC LIMIT 1) l;

-- ---- what the blocks are packed from; ops/roster_blocks.c reads both in the order (unit, id_key) ----

-- The present roster, also those whose rows are not moved to the archive yet (roster_due names them).
CREATE OR REPLACE VIEW nianshen_engine.roster_present AS
SELECT m.unit, m.id_key, m.enrolment, m.member_no, m.name, m.valid_from_ms, m.valid_until_ms
FROM nianshen.membership m WHERE m.valid_until_ms = 9223372036854775807;

-- All versions, of those who were removed, too.
CREATE OR REPLACE VIEW nianshen_engine.roster_version AS
SELECT m.unit, m.id_key, m.enrolment, m.member_no, m.name, m.enrolled_ms, m.valid_from_ms, m.valid_until_ms FROM nianshen.membership m
UNION ALL
SELECT r.unit, r.id_key, r.enrolment, r.member_no, r.name, r.enrolled_ms, r.valid_from_ms, r.valid_until_ms FROM nianshen.removed_member r
UNION ALL
SELECT a.unit, a.id_key, a.enrolment, a.member_no, a.name, a.enrolled_ms, a.valid_from_ms, a.valid_until_ms FROM nianshen_engine.archive a;

-- Who was removed by reference, and when; a row that was moved meanwhile is no version without an end any more.
CREATE OR REPLACE VIEW nianshen_engine.roster_due AS
SELECT f.enrolment, d.removed_ms
FROM nianshen_engine.removal_due d
JOIN nianshen_engine.submission s ON s.unit = d.unit AND s.year = d.year AND s.submission = d.submission
CROSS JOIN LATERAL unnest(s.failing_enrolments) AS f (enrolment);

CREATE OR REPLACE VIEW nianshen_engine.roster_block_sum AS
SELECT b.unit, b.year, b.block, b.members, b.first_key, b.last_key, encode(sha256(b.content), 'hex') AS sha256 FROM nianshen_engine.roster_block b;

-- ---- changes of an open campaign's roster ----

-- As the versions of the memberships tell them. Equal to roster_change: each change is written with the version that begins then, while the campaign is
-- open and only for those enrolled before it opened; the end of a campaign is never moved before a change that was made, and a version's number
-- and name are never changed afterwards.
CREATE OR REPLACE VIEW nianshen_engine.roster_change_derived AS
SELECT v.unit, c.year, v.valid_from_ms AS at_ms, v.enrolment, v.member_no, v.id_key, coalesce(v.name, '') AS name, w.id_key AS was_key,
       coalesce(w.name, '') AS was_name
FROM nianshen.campaign_term c
JOIN nianshen_engine.roster_version v ON v.valid_from_ms >= c.opens_ms AND v.valid_from_ms < c.closes_ms AND v.enrolled_ms < c.opens_ms
JOIN nianshen_engine.roster_version w ON w.enrolment = v.enrolment AND w.valid_until_ms = v.valid_from_ms AND w.valid_from_ms < w.valid_until_ms
WHERE c.purge_until_ms IS NULL;

-- After a restore.
CREATE OR REPLACE FUNCTION nianshen_engine.roster_change_make() RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    made bigint;
BEGIN
    INSERT INTO nianshen_engine.roster_change (unit, year, at_ms, enrolment, member_no, id_key, name, was_key, was_name)
    SELECT d.unit, d.year, d.at_ms, d.enrolment, d.member_no, d.id_key, d.name, d.was_key, d.was_name FROM nianshen_engine.roster_change_derived d;
    GET DIAGNOSTICS made = ROW_COUNT;
    RETURN made;
END
$$;

-- ---- checks: each row is a violation, in words and without a full number ----

CREATE OR REPLACE VIEW nianshen_next.violation_of_roster_changes AS
SELECT coalesce(s.unit, d.unit) AS unit,
       format('campaign of %s, enrolment %s from %s on: %s', coalesce(s.year, d.year), coalesce(s.enrolment, d.enrolment), coalesce(s.at_ms, d.at_ms),
              CASE WHEN s.unit IS NULL THEN 'the membership has another number or name, and the campaign''s roster does not know'
                   WHEN d.unit IS NULL THEN 'the campaign''s roster has a change that no version of the membership has'
                   ELSE 'number or name differ between the campaign''s roster and the membership' END) AS finding
FROM (SELECT r.* FROM nianshen_engine.roster_change r JOIN nianshen.campaign_term c ON c.year = r.year AND c.purge_until_ms IS NULL) s
FULL JOIN nianshen_engine.roster_change_derived d
    ON d.unit = s.unit AND d.year = s.year AND d.at_ms = s.at_ms AND d.enrolment = s.enrolment
WHERE (s.member_no, s.id_key, s.name, s.was_key, s.was_name) IS DISTINCT FROM (d.member_no, d.id_key, d.name, d.was_key, d.was_name);

-- What shows of the blocks without unpacking them; `nianshen-ops check --rosters` packs them again and compares.
CREATE OR REPLACE VIEW nianshen_next.violation_of_roster_blocks AS
SELECT b.unit, format('campaign of %s, block %s of the roster: %s', b.year, b.block,
                      CASE WHEN b.block <> b.place THEN 'the one before it is missing'
                           WHEN b.campaign IS NULL THEN 'there is no such campaign'
                           WHEN b.last_key < b.first_key OR b.first_key <= b.before_key THEN 'it does not ascend'
                           ELSE 'it has no members, or too many' END) AS finding
FROM (SELECT r.unit, r.year, r.block, r.members, r.first_key, r.last_key, c.year AS campaign, row_number() OVER of_unit - 1 AS place,
             lag(r.last_key) OVER of_unit AS before_key
      FROM nianshen_engine.roster_block r LEFT JOIN nianshen.campaign_term c ON c.year = r.year
      WINDOW of_unit AS (PARTITION BY r.unit, r.year ORDER BY r.block)) b
WHERE b.block <> b.place OR b.campaign IS NULL OR b.last_key < b.first_key OR b.first_key <= b.before_key OR b.members NOT BETWEEN 1 AND 5000;

-- ---- limits of a unit ----

CREATE OR REPLACE VIEW nianshen_next.unit_limit AS
SELECT u.unit, k.kind, coalesce(l.most, 1000) AS most, l.valid_from_ms AS since_ms
FROM nianshen.unit_profile u CROSS JOIN (VALUES ('unit-reviews', 1), ('submissions', 2), ('decisions', 3)) AS k (kind, place)
LEFT JOIN nianshen_engine.unit_limit l ON l.unit = u.unit AND l.kind = k.kind AND l.valid_until_ms = nianshen.forever_ms();
COMMENT ON VIEW nianshen_next.unit_limit IS 'How many unit reviews, submissions and decisions a unit may have in a year.';
COMMENT ON COLUMN nianshen_next.unit_limit.unit IS 'The unit''s code.';
COMMENT ON COLUMN nianshen_next.unit_limit.kind IS 'unit-reviews, submissions or decisions.';
COMMENT ON COLUMN nianshen_next.unit_limit.most IS 'The most of that kind a year; what comes above it is a dead letter too-many.';
COMMENT ON COLUMN nianshen_next.unit_limit.since_ms IS 'From when on, in milliseconds since 1970; null: the default.';

-- A number that is null leaves that limit as it is. A change of reference data.
CREATE OR REPLACE FUNCTION nianshen_next.unit_limit_set(p_unit text, p_unit_reviews bigint, p_submissions bigint, p_decisions bigint, p_reason text)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = nianshen, pg_temp AS $$
DECLARE
    from_ms bigint := reference_change_ms();
    given record;
BEGIN
    PERFORM nianshen_next.unit_check(p_unit);
    FOR given IN SELECT g.kind, g.most, l.most AS was
                 FROM (VALUES ('unit-reviews', p_unit_reviews), ('submissions', p_submissions), ('decisions', p_decisions)) AS g (kind, most)
                 LEFT JOIN nianshen_engine.unit_limit l ON l.unit = p_unit AND l.kind = g.kind AND l.valid_until_ms = forever_ms()
                 WHERE g.most IS NOT NULL AND g.most <> coalesce(l.most, 1000)
    LOOP
        UPDATE nianshen_engine.unit_limit l SET valid_until_ms = from_ms
        WHERE l.unit = p_unit AND l.kind = given.kind AND l.valid_until_ms = forever_ms();
        INSERT INTO nianshen_engine.unit_limit (unit, kind, most, valid_from_ms, valid_until_ms)
        VALUES (p_unit, given.kind, given.most::integer, from_ms, forever_ms());
        PERFORM audit('unit-limit', p_unit, format('%s: %s instead of %s; %s', given.kind, given.most, coalesce(given.was, 1000), p_reason));
    END LOOP;
END
$$;

CREATE OR REPLACE FUNCTION nianshen_next.unit_check(p_unit text) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = nianshen, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM unit_profile u WHERE u.unit = p_unit) THEN
        PERFORM refuse(format('unit %s is not loaded', p_unit), 'check --unit, or load it: nianshen-ops roster load --units FILE',
                       format('单位 %s 尚未加载；请核对 --unit，或先加载：nianshen-ops roster load --units FILE', p_unit));
    END IF;
END
$$;

-- ---- the end of a campaign ----

-- What a closed campaign leaves undecided: nothing that comes from now on decides it.
CREATE OR REPLACE FUNCTION nianshen_next.campaign_undecided(p_year integer, OUT decisions bigint, OUT receiving bigint, OUT waiting bigint, OUT pending bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = nianshen, pg_temp AS $$
BEGIN
    decisions := (SELECT count(*) FROM nianshen_engine.decision d WHERE d.year = p_year AND d.verdict = 'waiting');
    SELECT count(*) FILTER (WHERE s.state = 'receiving'), count(*) FILTER (WHERE s.state = 'waiting'), count(*) FILTER (WHERE s.state = 'pending')
    INTO receiving, waiting, pending
    FROM (SELECT e.state FROM nianshen_engine.submission e WHERE e.year = p_year
          UNION ALL
          SELECT f.state FROM submission f WHERE f.year = p_year) s;
END
$$;
