-- Reference data as `reference dump` writes it, `reference restore` reads it and `verify` copies it: what the topics do not hold. From it and the topics
-- alone the state can be made again, since each event is judged against the versions of its own append time.

-- Profiles as last loaded: what approvals changed since comes from the topics again.
CREATE OR REPLACE VIEW nianshen.reference_unit_profile AS
SELECT u.unit, u.created_ms, u.loaded ->> 'name' AS name, u.loaded ->> 'credit_code' AS credit_code, u.loaded ->> 'address' AS address,
       u.loaded ->> 'contact_name' AS contact_name, u.loaded ->> 'contact_mobile' AS contact_mobile, u.loaded, u.loaded_ms
FROM nianshen.unit_profile u;

-- All versions of all memberships, removed ones with the end that their removal gave them: so a later campaign does not count them, whether the approval was
-- read again already or not; the approval then moves the last version to the archive as it did before. An archived row that stands there twice is taken once.
CREATE OR REPLACE VIEW nianshen.reference_membership AS
SELECT m.enrolment, m.unit, m.member_no, m.id_key, m.id_code, m.name, m.gender, m.id_type, m.id_number, m.id_valid_until, m.mobile, m.enrolled_ms,
       m.valid_from_ms, coalesce(d.removed_ms, m.valid_until_ms) AS valid_until_ms
FROM nianshen.membership m
LEFT JOIN (SELECT f.enrolment, r.removed_ms, 9223372036854775807 AS until_ms -- removed by reference, the row not moved yet
           FROM nianshen_engine.removal_due r
           JOIN nianshen_engine.submission s ON s.unit = r.unit AND s.year = r.year AND s.submission = r.submission
           CROSS JOIN LATERAL unnest(s.failing_enrolments) AS f (enrolment)) d
    ON d.enrolment = m.enrolment AND d.until_ms = m.valid_until_ms
UNION ALL
SELECT a.enrolment, a.unit, a.member_no, a.id_key, a.id_code, a.name, a.gender, a.id_type, a.id_number, a.id_valid_until, a.mobile, a.enrolled_ms,
       a.valid_from_ms, a.valid_until_ms
FROM nianshen_engine.archive a
UNION ALL
SELECT r.enrolment, r.unit, r.member_no, r.id_key, r.id_code, r.name, r.gender, r.id_type, r.id_number, r.id_valid_until, r.mobile, r.enrolled_ms,
       r.valid_from_ms, r.valid_until_ms
FROM nianshen.removed_member r
WHERE NOT EXISTS (SELECT FROM nianshen.removed_member o
                  WHERE o.unit = r.unit AND o.id_key = r.id_key AND o.valid_until_ms = r.valid_until_ms AND o.enrolment < r.enrolment)
    AND NOT EXISTS (SELECT FROM nianshen.removed_member o
                    WHERE o.unit = r.unit AND o.member_no = r.member_no AND o.valid_until_ms = r.valid_until_ms AND o.enrolment < r.enrolment);

CREATE OR REPLACE VIEW nianshen.reference_unit_limit AS
SELECT l.unit, l.kind, l.most, l.valid_from_ms, l.valid_until_ms FROM nianshen_engine.unit_limit l;

-- What is left of purged records, and where the topics begin since: the topics can't give it again. Carried are a purged year's rows as they stand, and of any
-- other year what records made that were purged with it: they came before their campaign, and all of them were rejected for that.
CREATE OR REPLACE VIEW nianshen.reference_partition AS
SELECT k.topic, k.partition, k.purged_before AS next_offset, k.purged_records AS records, k.purged_before, k.purged_records
FROM nianshen.kafka_partition k WHERE k.purged_before > 0;

-- A late event of a purged year, whose record is in its topic still, will be read as a repeat: below zero, since its row is not from that record.
CREATE OR REPLACE VIEW nianshen.reference_event AS
SELECT e.unit, e.year, e.topic, e.source, e.event_id, e.content_sha256, e.partition,
       CASE WHEN e.record_offset < k.purged_before THEN e.record_offset ELSE -1 - e.record_offset END AS record_offset
FROM nianshen.event e JOIN nianshen.kafka_partition k ON k.topic = e.topic AND k.partition = e.partition
WHERE e.year IN (SELECT c.year FROM nianshen.campaign_term c WHERE c.purge_until_ms IS NOT NULL)
    OR (e.record_offset >= 0 AND e.record_offset < k.purged_before);

CREATE OR REPLACE VIEW nianshen.reference_unit_review AS
SELECT u.unit, u.year, u.source, u.event_id, u.submitted_by, u.profile, u.append_ms, u.verdict, u.code
FROM nianshen.unit_review u
JOIN nianshen.reference_event e
    ON e.topic = 'unit-review' AND e.unit = u.unit AND e.year = u.year AND e.source = u.source AND e.event_id = u.event_id;

CREATE OR REPLACE VIEW nianshen.reference_chunk AS
SELECT c.submission_key, c.chunk, c.record_offset, c.append_ms, c.event_id, c.content_sha256, c.in_campaign, c.failed_count, c.passed_count,
       c.first_key, c.last_key, c.unsorted_list, c.unsorted_index, c.error_count
FROM nianshen.chunk c
JOIN nianshen.submission s ON s.submission_key = c.submission_key
JOIN nianshen.reference_event e
    ON e.topic = 'member-review' AND e.unit = s.unit AND e.year = s.year AND e.source = s.source AND e.event_id = c.event_id;

-- As the chunks that are carried made it: of a year that is not purged that is receiving, or rejected as soon as it was complete. What came later comes again.
CREATE OR REPLACE VIEW nianshen.reference_submission AS
SELECT s.submission_key, s.unit, s.year, s.submission, s.source, s.unit_review, s.mode, s.submitted_by, s.chunks, s.entries_total, s.received,
       s.completed_offset, s.completed_ms, s.completed_by, s.state, s.code, s.error_total, s.digest, s.listed, s.passed, s.failed, s.decided_ms
FROM nianshen.submission s WHERE s.year IN (SELECT c.year FROM nianshen.campaign_term c WHERE c.purge_until_ms IS NOT NULL)
UNION ALL
SELECT s.submission_key, s.unit, s.year, s.submission, s.source, s.unit_review, s.mode, s.submitted_by, s.chunks, s.entries_total, n.received,
       l.record_offset, l.append_ms, l.event_id, CASE WHEN l.event_id IS NULL THEN 'receiving' ELSE 'rejected' END,
       CASE WHEN l.event_id IS NOT NULL THEN 'campaign-closed' END, NULL, NULL, NULL, NULL, NULL, l.append_ms
FROM nianshen.submission s
JOIN (SELECT c.submission_key, count(*)::integer AS received FROM nianshen.reference_chunk c GROUP BY 1) n ON n.submission_key = s.submission_key
LEFT JOIN LATERAL (SELECT c.record_offset, c.append_ms, c.event_id FROM nianshen.chunk c
                   WHERE n.received = s.chunks AND c.submission_key = s.submission_key ORDER BY c.record_offset DESC LIMIT 1) l ON true
WHERE s.year NOT IN (SELECT c.year FROM nianshen.campaign_term c WHERE c.purge_until_ms IS NOT NULL);

CREATE OR REPLACE VIEW nianshen.reference_decision AS
SELECT d.unit, d.year, d.source, d.event_id, d.submission, d.record_offset, d.append_ms, d.kind, d.digest, d.superior, d.reviewer, d.submitted_by, d.comment,
       d.verdict, d.code
FROM nianshen.decision d
JOIN nianshen.reference_event e ON e.topic = 'approval' AND e.unit = d.unit AND e.year = d.year AND e.source = d.source AND e.event_id = d.event_id;

-- In the snapshot of a dump: half of a purge is not something to go back to.
CREATE OR REPLACE FUNCTION nianshen.reference_dump_start() RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    half integer := (SELECT min(c.year) FROM nianshen.campaign_term c WHERE c.purge_until_ms IS NOT NULL AND c.purged_ms IS NULL);
BEGIN
    IF half IS NOT NULL THEN
        PERFORM nianshen.refuse(format('the purge of %s is half-way', half), format('nianshen-ops campaign purge --year %s --execute ends it; then dump', half),
                                format('%s 年度的清除只完成了一部分；请运行 nianshen-ops campaign purge --year %s --execute 完成后再备份', half, half));
    END IF;
END
$$;

-- Before the first row: nobody may apply anything meanwhile, and nothing may be there that the restored data would meet.
CREATE OR REPLACE FUNCTION nianshen.reference_restore_start() RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(nianshen.reference_lock_key());
    IF EXISTS (SELECT FROM nianshen.unit_profile) OR EXISTS (SELECT FROM nianshen.campaign_term) OR EXISTS (SELECT FROM nianshen.reviewer_term)
        OR EXISTS (SELECT FROM nianshen.kafka_partition) OR EXISTS (SELECT FROM nianshen.ledger) OR EXISTS (SELECT FROM nianshen_engine.shard) THEN
        PERFORM nianshen.refuse('the database is not empty: it has reference data already, or a worker was started on it',
                                'stop the workers, create a new database, run nianshen-ops migrate there, then restore',
                                '数据库不是空的：已有参考数据，或已有工作进程在用；请停止工作进程，新建数据库并运行 nianshen-ops migrate，再恢复');
    END IF;
    DELETE FROM nianshen.failure_reason;
    DELETE FROM nianshen.audit_log;
END
$$;

-- After the last row: what is numbered goes on behind the highest number, and what is dated behind the latest date.
CREATE OR REPLACE FUNCTION nianshen.reference_restore_end() RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE nianshen.reference_change SET last_ms = greatest((SELECT max(s.valid_from_ms) FROM nianshen.unit_superior s),
        (SELECT max(r.valid_from_ms) FROM nianshen.reviewer_term r),
        (SELECT max(r.valid_until_ms) FROM nianshen.reviewer_term r WHERE r.valid_until_ms < nianshen.forever_ms()),
        (SELECT max(m.valid_from_ms) FROM nianshen.membership m), (SELECT max(l.valid_from_ms) FROM nianshen_engine.unit_limit l), last_ms);
    PERFORM setval('nianshen.enrolment_seq', greatest((SELECT max(m.enrolment) FROM nianshen.membership m), 1));
    PERFORM setval(pg_get_serial_sequence('nianshen.submission', 'submission_key'),
                   greatest((SELECT max(s.submission_key) FROM nianshen.submission s), 1));
    PERFORM setval(pg_get_serial_sequence('nianshen.partition_resume', 'resume_id'),
                   greatest((SELECT max(p.resume_id) FROM nianshen.partition_resume p), 1));
    PERFORM setval(pg_get_serial_sequence('nianshen.audit_log', 'audit'), greatest((SELECT max(a.audit) FROM nianshen.audit_log a), 1));
    PERFORM setval(pg_get_serial_sequence('nianshen.dead_letter_action', 'action_id'),
                   greatest((SELECT max(a.action_id) FROM nianshen.dead_letter_action a), 1));
END
$$;

-- The memberships, most of the rows, are restored into a bare table: built once over all of them, its indexes and its foreign key cost a fifth of what they
-- cost row by row. Until membership_complete() in the same transaction their definitions stand in a setting of it.
CREATE OR REPLACE FUNCTION nianshen.membership_strip() RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    dropping text;
    adding text;
BEGIN
    SELECT string_agg(format('DROP CONSTRAINT %I', c.conname), ', '),
           string_agg(format('ADD CONSTRAINT %I %s', c.conname, pg_get_constraintdef(c.oid)), ', ' ORDER BY c.conname)
    INTO dropping, adding
    FROM pg_constraint c WHERE c.conrelid = 'nianshen.membership'::regclass AND c.contype IN ('p', 'u', 'f');
    PERFORM set_config('nianshen.membership_constraints', adding, true);
    EXECUTE 'ALTER TABLE nianshen.membership ' || dropping;
END
$$;

CREATE OR REPLACE FUNCTION nianshen.membership_complete() RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE 'ALTER TABLE nianshen.membership ' || current_setting('nianshen.membership_constraints');
END
$$;
