-- What operators and reviewers read. All views are made anew, since CREATE OR REPLACE can neither take a column away nor put one between others;
-- nothing else depends on them, and grants.sql gives the rights again.

DO $$
DECLARE
    v text;
BEGIN
    FOR v IN SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'nianshen'::regnamespace AND c.relkind = 'v' LOOP
        EXECUTE format('DROP VIEW IF EXISTS nianshen.%I CASCADE', v);
    END LOOP;
END
$$;

CREATE OR REPLACE VIEW nianshen.unit AS
SELECT u.unit, u.name, s.superior, u.credit_code, u.address, u.contact_name, u.contact_mobile
FROM nianshen.unit_profile u
LEFT JOIN nianshen.unit_superior s ON s.unit = u.unit AND s.valid_until_ms = 9223372036854775807;

CREATE OR REPLACE VIEW nianshen.member AS
SELECT m.unit, m.member_no, m.name, m.gender, m.id_type, m.id_number, m.id_valid_until, m.mobile, m.id_key, m.enrolment, m.enrolled_ms
FROM nianshen.membership m WHERE m.valid_until_ms = 9223372036854775807;

CREATE OR REPLACE VIEW nianshen.campaign AS
SELECT c.year, c.opens_ms, nullif(c.closes_ms, nianshen.forever_ms()) AS closes_ms,
       CASE WHEN c.purged_ms IS NOT NULL THEN 'purged' WHEN c.purge_until_ms IS NOT NULL THEN 'purging'
            WHEN nianshen.now_ms() < c.opens_ms THEN 'announced' WHEN nianshen.now_ms() < c.closes_ms THEN 'open' ELSE 'closed' END AS state,
       c.purged_ms
FROM nianshen.campaign_term c;

CREATE OR REPLACE VIEW nianshen.reviewer AS
SELECT r.reviewer, r.superior, r.name, r.valid_from_ms AS since_ms
FROM nianshen.reviewer_term r WHERE r.valid_until_ms = nianshen.forever_ms();

CREATE OR REPLACE VIEW nianshen.review_status AS
SELECT s.unit, s.year, s.submission, s.state, s.code, s.digest, s.listed, s.passed, s.failed, nianshen.moment_of(s.decided_ms) AS decided_at,
       s.submitted_by, s.mode, s.unit_review, s.received, s.chunks, s.completed_ms, u.name AS unit_name, u.superior,
       (SELECT c.purged_ms FROM nianshen.campaign_term c WHERE c.year = s.year) AS purged_ms
FROM nianshen.submission s JOIN nianshen.unit u ON u.unit = s.unit;

-- The superior's detail table: one row a failing member, numbers masked. Each row shows the membership that was reviewed, on the roster or archived.
CREATE OR REPLACE VIEW nianshen.review_detail AS
SELECT s.unit, s.year, s.submission, m.member_no, m.name, m.gender,
       extract(year FROM age((nianshen.moment_of(s.completed_ms) AT TIME ZONE 'Asia/Shanghai')::date, nianshen.id_birth_date(e.id_key)))::integer AS age,
       m.id_type, nianshen.mask_id(e.id_key) AS id_number_masked, m.id_valid_until, nianshen.mask_mobile(m.mobile) AS mobile_masked,
       e.reason, q.zh AS reason_zh,
       ARRAY(SELECT w.code FROM nianshen.row_finding w WHERE w.submission_key = e.submission_key AND w.chunk = e.chunk AND w.list = 'failed'
             AND w.index = e.index AND NOT w.is_error ORDER BY w.code) AS warnings
FROM nianshen.submission s
JOIN nianshen.entry e ON e.submission_key = s.submission_key
LEFT JOIN nianshen.failure_reason q ON q.reason = e.reason
LEFT JOIN LATERAL (
    SELECT v.* FROM (
        SELECT c.member_no, c.name, c.gender, c.id_type, c.id_valid_until, c.mobile, c.valid_from_ms
        FROM nianshen.membership c WHERE c.enrolment = e.enrolment
        UNION ALL
        SELECT r.member_no, r.name, r.gender, r.id_type, r.id_valid_until, r.mobile, r.valid_from_ms
        FROM nianshen.removed_member r WHERE r.enrolment = e.enrolment) v
    ORDER BY v.valid_from_ms DESC LIMIT 1) m ON true;

-- The profile changes that come with a submission, mobiles masked. Once they took effect the old value is no longer known.
CREATE OR REPLACE VIEW nianshen.review_profile AS
SELECT s.unit, s.year, s.submission, p.key AS field,
       CASE WHEN s.state <> 'approved' THEN CASE p.key
           WHEN 'name' THEN u.name WHEN 'credit_code' THEN u.credit_code WHEN 'address' THEN u.address WHEN 'contact_name' THEN u.contact_name
           WHEN 'contact_mobile' THEN nianshen.mask_mobile(u.contact_mobile) END END AS old_value,
       CASE p.key WHEN 'contact_mobile' THEN nianshen.mask_mobile(p.value) ELSE p.value END AS new_value
FROM nianshen.submission s
JOIN nianshen.unit_profile u ON u.unit = s.unit
JOIN nianshen.unit_review r ON r.unit = s.unit AND r.year = s.year AND r.source = s.source AND r.event_id = s.unit_review
CROSS JOIN LATERAL jsonb_each_text(r.profile) p;

CREATE OR REPLACE VIEW nianshen.held AS
SELECT h.unit, h.since_ms, h.released_ms, (SELECT count(*) FROM nianshen.ledger l WHERE l.unit = h.unit AND l.kind = 'held') AS records
FROM nianshen.held_unit h;

-- Each thing that was done about a dead letter. redriving: begun, its end is not known.
CREATE OR REPLACE VIEW nianshen.dead_letter_history AS
SELECT a.action_id, a.topic, a.partition, a.record_offset,
       CASE WHEN a.action = 'redriven' AND a.new_offset IS NULL THEN 'redriving' ELSE a.action END AS state,
       a.at_ms, a.who, a.reason, a.new_partition, a.new_offset
FROM nianshen.dead_letter_action a WHERE a.resume_id IS NULL;

-- state: open, or that of the last action that had an effect.
CREATE OR REPLACE VIEW nianshen.dead_letter AS
SELECT l.topic, l.partition, l.record_offset, l.append_ms, l.unit, l.code, l.text, o.published_ms,
       coalesce(h.state, 'open') AS state, h.at_ms AS state_ms, h.who, h.reason, h.new_partition, h.new_offset
FROM nianshen.ledger l
LEFT JOIN nianshen.outbox o ON o.topic = l.topic AND o.partition = l.partition AND o.record_offset = l.record_offset AND o.kind = 'dead-letter'
LEFT JOIN LATERAL (SELECT * FROM nianshen.dead_letter_history x
                   WHERE x.topic = l.topic AND x.partition = l.partition AND x.record_offset = l.record_offset
                     AND x.state <> 'refused'
                   ORDER BY x.action_id DESC LIMIT 1) h ON true
WHERE l.kind = 'dead-letter';

-- What is not published yet, looked up partition by partition (OFFSET 0): joined, all that ever was would be read. outbox_take and outbox_done have the
-- same rule, under their settings.
CREATE OR REPLACE VIEW nianshen.outbox_waiting AS
SELECT k.topic, k.partition, o.outbox_id, o.ce_id, o.ce_time_ms, o.record_offset
FROM nianshen.kafka_partition k
LEFT JOIN nianshen.outbox_position q ON q.topic = k.topic AND q.partition = k.partition
CROSS JOIN LATERAL (SELECT * FROM nianshen.outbox b WHERE b.topic = k.topic AND b.partition = k.partition AND b.published_ms IS NULL
                        AND b.outbox_id > coalesce(q.published_to, 0) OFFSET 0) o;

CREATE OR REPLACE VIEW nianshen.partition_status AS
SELECT k.topic, k.partition, k.next_offset, k.end_offset, k.end_offset - k.next_offset AS lag, k.owner, k.epoch, k.halted, k.halted_ms,
       k.purged_before,
       (SELECT count(*) FROM nianshen.outbox_waiting o WHERE o.topic = k.topic AND o.partition = k.partition) AS outbox_waiting,
       k.moved_ms
FROM nianshen.kafka_partition k;

-- Each resumption of a halted partition, with what was given up.
CREATE OR REPLACE VIEW nianshen.partition_resumption AS
SELECT r.resume_id, r.topic, r.partition, r.at_ms, r.who, r.reason, r.halted, r.next_before, r.next_after, r.superseded FROM nianshen.partition_resume r;
