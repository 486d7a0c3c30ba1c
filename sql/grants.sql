-- Who may do what; run by each migrate after the functions were made. Everything is taken from everybody first.

DO $$
DECLARE
    r record;
BEGIN
    FOR r IN SELECT p.oid::regprocedure AS signature FROM pg_proc p WHERE p.pronamespace::regnamespace::text IN ('nianshen', 'nianshen_engine', 'nianshen_next') LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO nianshen_owner', r.signature);
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', r.signature);
    END LOOP;
    FOR r IN SELECT c.oid::regclass AS name FROM pg_class c WHERE c.relnamespace::regnamespace::text IN ('nianshen', 'nianshen_engine', 'nianshen_next')
             AND c.relkind = 'v' LOOP
        EXECUTE format('ALTER VIEW %s OWNER TO nianshen_owner', r.name);
    END LOOP;
    FOR r IN SELECT t.oid::regtype AS name FROM pg_type t JOIN pg_class c ON c.oid = t.typrelid
             WHERE t.typnamespace = 'nianshen'::regnamespace AND c.relkind = 'c' LOOP
        EXECUTE format('ALTER TYPE %s OWNER TO nianshen_owner', r.name);
    END LOOP;
END
$$;

-- Pure helpers: whoever reads a view calls the functions in it.
GRANT EXECUTE ON FUNCTION nianshen.schema_version, nianshen.forever_ms, nianshen.now_ms, nianshen.moment_of, nianshen.mask_id, nianshen.mask_mobile,
    nianshen.id_birth_date TO nianshen_worker, nianshen_ops, nianshen_reviewer;

-- The data path: functions only, no table. `claim` and `end_stale_backends` run with the worker's own rights and see only its own sessions.
GRANT EXECUTE ON FUNCTION nianshen.claim, nianshen.claim_for_backend, nianshen.owner_backends, nianshen.end_stale_backends, nianshen.positions,
    nianshen.halt, nianshen.apply, nianshen.held_take, nianshen.outbox_take, nianshen.outbox_done TO nianshen_worker;

GRANT EXECUTE ON FUNCTION nianshen.audit, nianshen.roster_load_start, nianshen.roster_load_units, nianshen.roster_load_members,
    nianshen.campaign_open, nianshen.campaign_close, nianshen.campaign_extend, nianshen.positions_check, nianshen.campaign_purge_until, nianshen.campaign_purge_check,
    nianshen.campaign_purge_rows, nianshen.campaign_purge_begin, nianshen.campaign_purge_units, nianshen.campaign_purge_ledger,
    nianshen.campaign_purge_end, nianshen.reviewer_add, nianshen.reviewer_remove,
    nianshen.unit_release, nianshen.redrive_start, nianshen.redrive_done, nianshen.redrive_refused, nianshen.dead_letter_discard, nianshen.state_digest, nianshen.check_run, nianshen.replay, nianshen.partition_resume, nianshen.partition_consumed_from TO nianshen_ops;
GRANT SELECT ON nianshen.unit, nianshen.member, nianshen.removed_member, nianshen.campaign, nianshen.reviewer, nianshen.review_status,
    nianshen.review_detail, nianshen.review_profile, nianshen.dead_letter, nianshen.dead_letter_history, nianshen.partition_status, nianshen.partition_resumption, nianshen.held,
    nianshen.failure_reason, nianshen.unit_review, nianshen.submission, nianshen.decision, nianshen.row_finding, nianshen.code, nianshen.audit_log, nianshen.schema_migration TO nianshen_ops;

-- `campaign open` packs the blocks of the roster and copies them in.
GRANT USAGE ON SCHEMA nianshen_engine, nianshen_next TO nianshen_ops;
GRANT EXECUTE ON FUNCTION nianshen.campaign_open_start, nianshen_next.unit_check, nianshen_next.unit_limit_set, nianshen_next.campaign_undecided TO nianshen_ops;
GRANT SELECT ON nianshen_engine.roster_present, nianshen_engine.roster_version, nianshen_engine.roster_due, nianshen_engine.roster_block_sum,
    nianshen_next.unit_limit, nianshen_next.violation_of_roster_changes, nianshen_next.violation_of_roster_blocks TO nianshen_ops;
GRANT INSERT ON nianshen_engine.roster_block TO nianshen_ops;

GRANT SELECT, INSERT, DELETE ON nianshen.staging_unit, nianshen.staging_member TO nianshen_ops;

GRANT SELECT ON nianshen.review_status, nianshen.review_detail, nianshen.review_profile TO nianshen_reviewer;

-- The review engine's store: a worker calls its functions and touches no table. `claim`, `end_stale_backends` and `session_begin` run with the caller's rights.
DO $$
DECLARE
    r record;
BEGIN
    FOR r IN SELECT p.oid::regprocedure AS signature FROM pg_proc p WHERE p.pronamespace = 'nianshen_engine'::regnamespace LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO nianshen_owner', r.signature);
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', r.signature);
    END LOOP;
END
$$;
GRANT USAGE ON SCHEMA nianshen_engine TO nianshen_worker;
GRANT EXECUTE ON FUNCTION nianshen_engine.session_begin, nianshen_engine.claim, nianshen_engine.claim_for_backend, nianshen_engine.owner_backends,
    nianshen_engine.end_stale_backends, nianshen_engine.batch_begin, nianshen_engine.batch_end, nianshen_engine.load_reference, nianshen_engine.load_units,
    nianshen_engine.load_unit_reviews, nianshen_engine.load_named_unit_reviews,
    nianshen_engine.load_submissions, nianshen_engine.load_chunks, nianshen_engine.load_decisions, nianshen_engine.load_named_decisions,
    nianshen_engine.load_roster, nianshen_engine.load_roster_changes, nianshen_engine.load_later, nianshen_engine.write_unit_reviews,
    nianshen_engine.write_submissions, nianshen_engine.change_submissions, nianshen_engine.settle_submissions, nianshen_engine.write_chunks, nianshen_engine.drop_chunk_rows,
    nianshen_engine.write_repeated_chunks, nianshen_engine.write_decisions, nianshen_engine.change_decisions, nianshen_engine.write_removals,
    nianshen_engine.change_profiles, nianshen_engine.write_exceptions, nianshen_engine.outbox_delete, nianshen_engine.outbox_take, nianshen_engine.look,
    nianshen_engine.halt_store, nianshen_engine.held_take, nianshen_engine.settle TO nianshen_worker;

-- What people read and operators do on the review engine's tables.
GRANT EXECUTE ON FUNCTION nianshen_next.topic_name, nianshen_next.topic_number, nianshen_next.digest_text TO nianshen_ops, nianshen_reviewer;
GRANT EXECUTE ON FUNCTION nianshen_next.dead_letter_record, nianshen_next.redrive_start, nianshen_next.redrive_done, nianshen_next.redrive_refused,
    nianshen_next.dead_letter_discard, nianshen_next.partition_resume, nianshen_next.partition_consumed_from, nianshen_next.unit_release,
    nianshen_next.state_digest, nianshen_next.check_run, nianshen_next.settle, nianshen_next.settle_due, nianshen_next.campaign_purge_until,
    nianshen_next.campaign_purge_check, nianshen_next.campaign_purge_rows, nianshen_next.campaign_purge_begin, nianshen_next.campaign_purge_units,
    nianshen_next.campaign_purge_ledger, nianshen_next.campaign_purge_end TO nianshen_ops;
GRANT SELECT ON nianshen_next.unit, nianshen_next.member, nianshen_next.removed_member, nianshen_next.campaign, nianshen_next.reviewer,
    nianshen_next.review_status, nianshen_next.review_detail, nianshen_next.review_profile, nianshen_next.review_finding, nianshen_next.review_decision,
    nianshen_next.waiting_decision, nianshen_next.campaign_progress, nianshen_next.dead_letter, nianshen_next.dead_letter_history, nianshen_next.held,
    nianshen_next.outbox_waiting, nianshen_next.partition_status, nianshen_next.partition_resumption TO nianshen_ops;
GRANT SELECT ON nianshen_next.review_status, nianshen_next.review_detail, nianshen_next.review_profile, nianshen_next.review_finding,
    nianshen_next.review_decision TO nianshen_reviewer;
