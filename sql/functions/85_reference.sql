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
       m.valid_from_ms, m.valid_until_ms
FROM nianshen.membership m
UNION ALL
SELECT r.enrolment, r.unit, r.member_no, r.id_key, r.id_code, r.name, r.gender, r.id_type, r.id_number, r.id_valid_until, r.mobile, r.enrolled_ms,
       r.valid_from_ms, r.valid_until_ms
FROM nianshen.removed_member r
WHERE NOT EXISTS (SELECT FROM nianshen.removed_member o
                  WHERE o.unit = r.unit AND o.id_key = r.id_key AND o.valid_until_ms = r.valid_until_ms AND o.enrolment < r.enrolment)
    AND NOT EXISTS (SELECT FROM nianshen.removed_member o
                    WHERE o.unit = r.unit AND o.member_no = r.member_no AND o.valid_until_ms = r.valid_until_ms AND o.enrolment < r.enrolment);

-- Before the first row: nobody may apply anything meanwhile, and nothing may be there that the restored data would meet.
CREATE OR REPLACE FUNCTION nianshen.reference_restore_start() RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(nianshen.reference_lock_key());
    IF EXISTS (SELECT FROM nianshen.unit_profile) OR EXISTS (SELECT FROM nianshen.campaign_term) OR EXISTS (SELECT FROM nianshen.reviewer_term)
        OR EXISTS (SELECT FROM nianshen.kafka_partition) OR EXISTS (SELECT FROM nianshen.ledger) THEN
        PERFORM nianshen.refuse('the database is not empty: it has reference data already, or a worker was started on it',
                                'stop the workers, create a new database, run nianshen-ops migrate there, then restore');
    END IF;
    DELETE FROM nianshen.failure_reason;
    DELETE FROM nianshen.audit_log;
END
$$;

-- After the last row: what is numbered goes on behind the highest number.
CREATE OR REPLACE FUNCTION nianshen.reference_restore_end() RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM setval('nianshen.enrolment_seq', greatest((SELECT max(m.enrolment) FROM nianshen.membership m), 1));
    PERFORM setval(pg_get_serial_sequence('nianshen.partition_resume', 'resume_id'),
                   greatest((SELECT max(p.resume_id) FROM nianshen.partition_resume p), 1));
    PERFORM setval(pg_get_serial_sequence('nianshen.audit_log', 'audit'), greatest((SELECT max(a.audit) FROM nianshen.audit_log a), 1));
    PERFORM setval(pg_get_serial_sequence('nianshen.dead_letter_action', 'action_id'),
                   greatest((SELECT max(a.action_id) FROM nianshen.dead_letter_action a), 1));
END
$$;
