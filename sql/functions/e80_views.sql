-- What operators and reviewers read. The views are made anew, since CREATE OR REPLACE can neither take a column away nor put one between others;
-- grants.sql gives the rights again. Columns in …_ms are milliseconds since 1970, as the programs read them; those in …_at the same for people.

DO $$
DECLARE
    v text;
BEGIN
    FOREACH v IN ARRAY ARRAY['due_removal', 'member_version', 'unit', 'member', 'removed_member', 'campaign', 'reviewer', 'review_status', 'review_detail',
        'review_profile', 'review_finding', 'review_decision', 'waiting_decision', 'campaign_progress', 'dead_letter_history', 'dead_letter', 'held',
        'outbox_waiting', 'partition_status', 'partition_resumption'] LOOP
        EXECUTE format('DROP VIEW IF EXISTS nianshen_next.%I CASCADE', v);
    END LOOP;
END
$$;

-- The engine's tables number the input topics.
CREATE OR REPLACE FUNCTION nianshen_next.topic_name(p_topic smallint) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT CASE p_topic WHEN 0 THEN 'unit-review' WHEN 1 THEN 'member-review' WHEN 2 THEN 'approval' END $$;

CREATE OR REPLACE FUNCTION nianshen_next.topic_number(p_topic text) RETURNS smallint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT (CASE p_topic WHEN 'unit-review' THEN 0 WHEN 'member-review' THEN 1 WHEN 'approval' THEN 2 END)::smallint $$;

CREATE OR REPLACE FUNCTION nianshen_next.digest_text(p_digest bytea) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$ SELECT 'sha256:' || encode(p_digest, 'hex') $$;

-- ---- units and members ----

CREATE VIEW nianshen_next.unit AS
SELECT u.unit, u.name, s.superior, u.credit_code, u.address, u.contact_name, u.contact_mobile, nianshen.moment_of(u.created_ms) AS created_at
FROM nianshen.unit_profile u
LEFT JOIN nianshen.unit_superior s ON s.unit = u.unit AND s.valid_until_ms = 9223372036854775807;

-- Removed by an approval, and not moved to the archive yet; those of an approval that is moved in parts may be there already.
CREATE VIEW nianshen_next.due_removal AS
SELECT d.unit, d.year, d.submission, e.place, e.enrolment, e.reason, d.decision_source, d.decision, d.removed_ms
FROM nianshen_engine.removal_due d
JOIN nianshen_engine.submission s ON s.unit = d.unit AND s.year = d.year AND s.submission = d.submission
CROSS JOIN LATERAL unnest(s.failing_enrolments, s.failing_reasons) WITH ORDINALITY AS e (enrolment, reason, place);

-- Joined to what is removed by the unit, too: of one unit only its own approval is read, and of all units one hash is made.
CREATE VIEW nianshen_next.member AS
SELECT m.unit, m.member_no, m.name, m.gender, m.id_type, m.id_number, m.id_valid_until, m.mobile, m.id_key, m.enrolment, m.enrolled_ms,
       nianshen.moment_of(m.enrolled_ms) AS enrolled_at
FROM nianshen.membership m
WHERE m.valid_until_ms = 9223372036854775807
    AND NOT EXISTS (SELECT FROM nianshen_next.due_removal r WHERE r.unit = m.unit AND r.enrolment = m.enrolment);

CREATE VIEW nianshen_next.removed_member AS
SELECT a.enrolment, a.unit, a.member_no, a.id_key, a.id_code, a.name, a.gender, a.id_type, a.id_number, a.id_valid_until, a.mobile, a.enrolled_ms,
       a.valid_from_ms, a.valid_until_ms, a.year, a.submission, a.reason, a.decision_source, a.decision, a.removed_ms,
       nianshen.moment_of(a.enrolled_ms) AS enrolled_at, nianshen.moment_of(a.removed_ms) AS removed_at
FROM nianshen_engine.archive a
UNION ALL
SELECT r.enrolment, r.unit, m.member_no, m.id_key, m.id_code, m.name, m.gender, m.id_type, m.id_number, m.id_valid_until, m.mobile, m.enrolled_ms,
       m.valid_from_ms, greatest(r.removed_ms, m.valid_from_ms + 1), r.year, r.submission, r.reason, r.decision_source, r.decision, r.removed_ms,
       nianshen.moment_of(m.enrolled_ms), nianshen.moment_of(r.removed_ms)
FROM nianshen_next.due_removal r
CROSS JOIN LATERAL (SELECT * FROM nianshen.membership v WHERE v.enrolment = r.enrolment ORDER BY v.valid_until_ms DESC LIMIT 1) m
WHERE NOT EXISTS (SELECT FROM nianshen_engine.archive a WHERE a.enrolment = r.enrolment);

-- All versions of all memberships, the last one of a removed member among them, wherever it stands.
CREATE VIEW nianshen_next.member_version AS
SELECT m.enrolment, m.unit, m.member_no, m.id_key, m.name, m.gender, m.id_type, m.id_valid_until, m.mobile, m.valid_from_ms FROM nianshen.membership m
UNION ALL
SELECT a.enrolment, a.unit, a.member_no, a.id_key, a.name, a.gender, a.id_type, a.id_valid_until, a.mobile, a.valid_from_ms FROM nianshen_engine.archive a;

-- ---- campaigns and reviewers ----

CREATE VIEW nianshen_next.campaign AS
SELECT c.year, c.opens_ms, nullif(c.closes_ms, nianshen.forever_ms()) AS closes_ms,
       CASE WHEN c.purged_ms IS NOT NULL THEN 'purged' WHEN c.purge_until_ms IS NOT NULL THEN 'purging'
            WHEN nianshen.now_ms() < c.opens_ms THEN 'announced' WHEN nianshen.now_ms() < c.closes_ms THEN 'open' ELSE 'closed' END AS state,
       c.purged_ms, nianshen.moment_of(c.opens_ms) AS opens_at, nianshen.moment_of(nullif(c.closes_ms, nianshen.forever_ms())) AS closes_at,
       nianshen.moment_of(c.purged_ms) AS purged_at
FROM nianshen.campaign_term c;

CREATE VIEW nianshen_next.reviewer AS
SELECT r.reviewer, r.superior, r.name, r.valid_from_ms AS since_ms, nianshen.moment_of(r.valid_from_ms) AS since_at
FROM nianshen.reviewer_term r WHERE r.valid_until_ms = nianshen.forever_ms();

-- ---- reviews ----

CREATE VIEW nianshen_next.review_status AS
SELECT s.unit, s.year, s.submission, s.state, s.code, nianshen_next.digest_text(s.digest) AS digest, s.listed, s.passed, s.failed,
       nianshen.moment_of(s.decided_ms) AS decided_at, s.submitted_by, s.mode, s.unit_review, s.received, s.chunks, s.completed_ms, u.name AS unit_name,
       u.superior, c.purged_ms, s.source, s.entries_total, s.errors_total, s.warnings_total, d.reviewer, d.comment,
       nianshen.moment_of(s.first_ms) AS first_at, nianshen.moment_of(s.completed_ms) AS completed_at, s.decided_ms,
       nianshen.moment_of(c.purged_ms) AS purged_at
FROM nianshen_engine.submission s
JOIN nianshen_next.unit u ON u.unit = s.unit
LEFT JOIN nianshen.campaign_term c ON c.year = s.year
LEFT JOIN nianshen_engine.decision d ON d.unit = s.unit AND d.year = s.year AND d.submission = s.submission AND d.verdict = 'accepted';

-- The superior's detail table: one row a failing member, numbers masked. Each row shows the membership as it stood when the submission was complete: whom
-- the digest names.
CREATE VIEW nianshen_next.review_detail AS
SELECT s.unit, s.year, s.submission, m.member_no, m.name, m.gender,
       extract(year FROM age((nianshen.moment_of(s.completed_ms) AT TIME ZONE 'Asia/Shanghai')::date, nianshen.id_birth_date(m.id_key)))::integer AS age,
       m.id_type, nianshen.mask_id(m.id_key) AS id_number_masked, m.id_valid_until, nianshen.mask_mobile(m.mobile) AS mobile_masked,
       e.reason, q.zh AS reason_zh, coalesce(string_to_array(e.warnings, ','), '{}') AS warnings, q.en AS reason_en, e.place::integer AS place
FROM nianshen_engine.submission s
CROSS JOIN LATERAL unnest(s.failing_enrolments, s.failing_reasons, s.failing_warnings) WITH ORDINALITY AS e (enrolment, reason, warnings, place)
LEFT JOIN nianshen.failure_reason q ON q.reason = e.reason
LEFT JOIN LATERAL (SELECT * FROM nianshen_next.member_version v WHERE v.enrolment = e.enrolment
                   ORDER BY v.valid_from_ms > s.completed_ms, abs(v.valid_from_ms - s.completed_ms) LIMIT 1) m ON true;

-- The profile changes that come with a submission, mobiles masked. Once they took effect the old value is what was loaded and approved before; it is not known
-- any more when the profile was loaded again since.
CREATE VIEW nianshen_next.review_profile AS
SELECT s.unit, s.year, s.submission, p.field,
       CASE p.field WHEN 'contact_mobile' THEN nianshen.mask_mobile(o.value) ELSE o.value END AS old_value,
       CASE p.field WHEN 'contact_mobile' THEN nianshen.mask_mobile(p.value) ELSE p.value END AS new_value
FROM nianshen_engine.submission s
JOIN nianshen.unit_profile u ON u.unit = s.unit
JOIN nianshen_engine.unit_review r ON r.unit = s.unit AND r.year = s.year AND r.source = s.source AND r.event_id = s.unit_review
CROSS JOIN LATERAL (VALUES ('name', r.name, u.name), ('credit_code', r.credit_code, u.credit_code), ('address', r.address, u.address),
                           ('contact_name', r.contact_name, u.contact_name), ('contact_mobile', r.contact_mobile, u.contact_mobile))
    AS p (field, value, present)
LEFT JOIN LATERAL ( -- approved between the load and this approval
    SELECT CASE p.field WHEN 'name' THEN b.name WHEN 'credit_code' THEN b.credit_code WHEN 'address' THEN b.address
                        WHEN 'contact_name' THEN b.contact_name ELSE b.contact_mobile END AS value
    FROM nianshen_engine.submission t
    JOIN nianshen_engine.unit_review b ON b.unit = t.unit AND b.year = t.year AND b.source = t.source AND b.event_id = t.unit_review
    WHERE t.unit = s.unit AND s.state = 'approved' AND t.state = 'approved' AND t.decided_ms > u.loaded_ms
        AND (t.decided_ms, t.year) < (s.decided_ms, s.year)
        AND CASE p.field WHEN 'name' THEN b.name WHEN 'credit_code' THEN b.credit_code WHEN 'address' THEN b.address
                         WHEN 'contact_name' THEN b.contact_name ELSE b.contact_mobile END IS NOT NULL
    ORDER BY t.decided_ms DESC, t.year DESC LIMIT 1) b ON true
CROSS JOIN LATERAL (SELECT CASE WHEN s.state <> 'approved' THEN p.present WHEN s.decided_ms > u.loaded_ms THEN coalesce(b.value, u.loaded ->> p.field) END AS value) o
WHERE p.value IS NOT NULL;

-- What is wrong with the rows of a refused submission, else what is worth a look: the first 1000, numbers masked.
CREATE VIEW nianshen_next.review_finding AS
SELECT s.unit, s.year, s.submission, f.place::integer AS place, s.row_code IS NOT NULL AS is_error, (f.finding ->> 'chunk')::integer AS chunk,
       f.finding ->> 'list' AS list, (f.finding ->> 'index')::integer AS index, f.finding ->> 'code' AS code, f.finding ->> 'id_number' AS id_number_masked,
       f.finding ->> 'member_no' AS member_no, (f.finding ->> 'position')::integer AS position, f.finding ->> 'expected' AS expected,
       f.finding ->> 'zh' AS zh, f.finding ->> 'en' AS en
FROM nianshen_engine.submission s
CROSS JOIN LATERAL jsonb_array_elements(s.findings::jsonb) WITH ORDINALITY AS f (finding, place);

CREATE VIEW nianshen_next.review_decision AS
SELECT d.unit, d.year, d.submission, d.kind, d.verdict, d.code, d.superior, d.reviewer, d.submitted_by, d.comment, d.digest, d.source, d.event_id,
       d.append_ms, nianshen.moment_of(d.append_ms) AS appended_at
FROM nianshen_engine.decision d;

-- Decisions whose submission nobody knows: often a slip of the pen, sometimes only early.
CREATE VIEW nianshen_next.waiting_decision AS
SELECT d.unit, u.name AS unit_name, u.superior AS unit_superior, d.year, d.submission, d.kind, d.superior, d.reviewer, d.submitted_by, d.source, d.event_id,
       d.append_ms, nianshen.moment_of(d.append_ms) AS appended_at
FROM nianshen_engine.decision d
JOIN nianshen_next.unit u ON u.unit = d.unit
WHERE d.verdict = 'waiting'
    AND NOT EXISTS (SELECT FROM nianshen_engine.submission s WHERE s.unit = d.unit AND s.year = d.year AND s.submission = d.submission);

-- How far the units of each superior are. A unit stands where the furthest of its submissions does; with none under way, where the last one ended.
CREATE VIEW nianshen_next.campaign_progress AS
WITH standing AS (
    SELECT s.unit, s.year,
           CASE WHEN bool_or(s.state = 'approved') THEN 'approved' WHEN bool_or(s.state = 'pending') THEN 'pending'
                WHEN bool_or(s.state = 'waiting') THEN 'waiting' WHEN bool_or(s.state = 'receiving') THEN 'receiving'
                ELSE (array_agg(s.state ORDER BY s.first_offset DESC))[1] END AS state
    FROM nianshen_engine.submission s GROUP BY s.unit, s.year
), removed AS (
    SELECT s.unit, s.year, e.reason, count(*) AS members
    FROM nianshen_engine.submission s CROSS JOIN LATERAL unnest(s.failing_reasons) AS e (reason)
    WHERE s.state = 'approved' GROUP BY s.unit, s.year, e.reason
), reasons AS (
    SELECT v.superior, v.year, jsonb_object_agg(v.reason, v.members) AS by_reason, sum(v.members) AS members
    FROM (SELECT u.superior, r.year, r.reason, sum(r.members)::bigint AS members
          FROM removed r JOIN nianshen_next.unit u ON u.unit = r.unit GROUP BY 1, 2, 3) v
    GROUP BY 1, 2
), units AS (
    SELECT u.superior, c.year, count(*) AS units, count(*) FILTER (WHERE s.state IS NULL) AS not_begun,
           count(*) FILTER (WHERE s.state = 'receiving') AS receiving, count(*) FILTER (WHERE s.state = 'waiting') AS waiting,
           count(*) FILTER (WHERE s.state = 'pending') AS pending, count(*) FILTER (WHERE s.state = 'rejected') AS rejected,
           count(*) FILTER (WHERE s.state = 'returned') AS returned, count(*) FILTER (WHERE s.state = 'withdrawn') AS withdrawn,
           count(*) FILTER (WHERE s.state = 'approved') AS approved
    FROM nianshen.campaign_term c
    JOIN nianshen.unit_profile p ON p.created_ms < c.closes_ms
    JOIN nianshen_next.unit u ON u.unit = p.unit
    LEFT JOIN standing s ON s.unit = p.unit AND s.year = c.year
    GROUP BY 1, 2
)
SELECT n.superior, n.year, n.units, n.not_begun, n.receiving, n.waiting, n.pending, n.rejected, n.returned, n.withdrawn, n.approved,
       coalesce(r.members, 0)::bigint AS removed_total, coalesce(r.by_reason, '{}') AS removed_by_reason
FROM units n LEFT JOIN reasons r ON r.superior IS NOT DISTINCT FROM n.superior AND r.year = n.year;

-- ---- dead letters ----

-- Each thing that was done about a dead letter. redriving: begun, its end is not known.
CREATE VIEW nianshen_next.dead_letter_history AS
SELECT a.action_id, a.topic, a.partition, a.record_offset,
       CASE WHEN a.action = 'redriven' AND a.new_offset IS NULL THEN 'redriving' ELSE a.action END AS state,
       a.at_ms, a.who, a.reason, a.new_partition, a.new_offset, nianshen.moment_of(a.at_ms) AS at
FROM nianshen.dead_letter_action a WHERE a.resume_id IS NULL;

-- state: open, or that of the last action that had an effect.
CREATE VIEW nianshen_next.dead_letter AS
SELECT nianshen_next.topic_name(l.topic) AS topic, l.shard AS partition, l.record_offset, l.append_ms, l.unit, l.code, l.text,
       coalesce(h.state, 'open') AS state, h.at_ms AS state_ms, h.who, h.reason, h.new_partition, h.new_offset, l.year,
       nianshen.moment_of(l.append_ms) AS appended_at, nianshen.moment_of(h.at_ms) AS state_at, w.record_offset IS NULL AS is_published,
       num_nonnulls(l.key, l.value, l.headers) > 0 AS has_record
FROM nianshen_engine.ledger_exception l
LEFT JOIN (SELECT o.shard, d.topic, d.record_offset
           FROM nianshen_engine.outbox o CROSS JOIN LATERAL unnest(o.dead_letter_topics, o.dead_letter_offsets) AS d (topic, record_offset)) w
    ON w.shard = l.shard AND w.topic = l.topic AND w.record_offset = l.record_offset
LEFT JOIN LATERAL (SELECT * FROM nianshen_next.dead_letter_history x
                   WHERE x.topic = nianshen_next.topic_name(l.topic) AND x.partition = l.shard AND x.record_offset = l.record_offset
                     AND x.state <> 'refused'
                   ORDER BY x.action_id DESC LIMIT 1) h ON true
WHERE l.kind = 'dead-letter';

-- ---- the data path ----

CREATE VIEW nianshen_next.held AS
SELECT h.unit, h.since_ms, h.released_ms, (SELECT count(*) FROM nianshen_engine.ledger_exception l WHERE l.unit = h.unit AND l.kind = 'held') AS records,
       nianshen.moment_of(h.since_ms) AS since_at, nianshen.moment_of(h.released_ms) AS released_at
FROM nianshen_engine.held_unit h;

CREATE VIEW nianshen_next.outbox_waiting AS
SELECT o.shard AS partition, o.batch, octet_length(o.outcomes) AS outcome_bytes, coalesce(cardinality(o.dead_letter_offsets), 0) AS dead_letters,
       o.stored_ms, nianshen.moment_of(o.stored_ms) AS stored_at
FROM nianshen_engine.outbox o;

-- A partition stands at the end of its newest range. Where nothing was read yet it begins behind what was purged.
CREATE VIEW nianshen_next.partition_status AS
SELECT nianshen_next.topic_name(t.topic) AS topic, s.shard AS partition, greatest(r.next_offset, p.purged_before, 0) AS next_offset, NULL::bigint AS end_offset,
       NULL::bigint AS lag, s.owner, s.epoch, h.halted, h.halted_ms, coalesce(p.purged_before, 0) AS purged_before,
       (SELECT count(*) FROM nianshen_engine.outbox o WHERE o.shard = s.shard) AS outbox_waiting, r.stored_ms AS moved_ms,
       r.last_offset, r.last_append_ms, s.claimed_ms, nianshen.moment_of(h.halted_ms) AS halted_at, nianshen.moment_of(r.stored_ms) AS moved_at,
       nianshen.moment_of(r.last_append_ms) AS last_appended_at, nianshen.moment_of(s.claimed_ms) AS claimed_at
FROM nianshen_engine.shard s
CROSS JOIN (VALUES (0::smallint), (1::smallint), (2::smallint)) AS t (topic)
LEFT JOIN nianshen_engine.halt h ON h.shard = s.shard AND h.topic = t.topic
LEFT JOIN nianshen_engine.purged p ON p.shard = s.shard AND p.topic = t.topic
LEFT JOIN LATERAL (SELECT * FROM nianshen_engine.ledger_range l WHERE l.shard = s.shard AND l.topic = t.topic
                   ORDER BY l.next_offset DESC LIMIT 1) r ON true;

-- Each resumption of a halted partition, with what was given up.
CREATE VIEW nianshen_next.partition_resumption AS
SELECT r.resume_id, r.topic, r.partition, r.at_ms, r.who, r.reason, r.halted, r.next_before, r.next_after, r.superseded, nianshen.moment_of(r.at_ms) AS at
FROM nianshen.partition_resume r;
