-- What a micro-batch writes: one statement a table, over arrays. The rows come as the engine decided them, in the order of their keys. Everything is written
-- under the locks that batch_begin took.

CREATE OR REPLACE FUNCTION nianshen_engine.write_unit_reviews(
    p_unit text[], p_year integer[], p_source text[], p_id text[], p_offset bigint[], p_append_ms bigint[], p_sha256 bytea[], p_submitted_by text[],
    p_name text[], p_credit_code text[], p_address text[], p_contact_name text[], p_contact_mobile text[], p_code text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = nianshen_engine, pg_temp AS $$
BEGIN
    INSERT INTO unit_review (unit, year, source, event_id, record_offset, append_ms, content_sha256, submitted_by, name, credit_code, address,
                             contact_name, contact_mobile, code)
    SELECT * FROM unnest(p_unit, p_year, p_source, p_id, p_offset, p_append_ms, p_sha256, p_submitted_by, p_name, p_credit_code, p_address,
                         p_contact_name, p_contact_mobile, p_code);
END
$$;

-- p_enrolments, p_reasons, p_warnings: array literals.
CREATE OR REPLACE FUNCTION nianshen_engine.write_submissions(
    p_unit text[], p_year integer[], p_submission text[], p_source text[], p_unit_review text[], p_submitted_by text[], p_mode text[],
    p_chunks integer[], p_entries_total integer[], p_first_offset bigint[], p_first_ms bigint[], p_sha256 bytea[],
    p_received integer[], p_is_in_campaign boolean[], p_completed_offset bigint[], p_completed_ms bigint[], p_completed_by text[], p_state text[],
    p_code text[], p_row_code text[], p_listed integer[], p_passed integer[], p_failed integer[], p_errors_total integer[], p_warnings_total integer[],
    p_findings text[], p_enrolments text[], p_reasons text[], p_warnings text[], p_failed_json text[], p_digest bytea[], p_decided_ms bigint[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = nianshen_engine, pg_temp AS $$
BEGIN
    INSERT INTO submission (unit, year, submission, source, unit_review, submitted_by, mode, chunks, entries_total, first_offset, first_ms, content_sha256,
        received, is_in_campaign, completed_offset, completed_ms, completed_by, state, code, row_code, listed, passed, failed, errors_total, warnings_total,
        findings, failing_enrolments, failing_reasons, failing_warnings, failed_json, digest, decided_ms)
    SELECT s.unit, s.year, s.submission, s.source, s.unit_review, s.submitted_by, s.mode, s.chunks, s.entries_total, s.first_offset, s.first_ms, s.sha256,
           s.received, s.is_in_campaign, s.completed_offset, s.completed_ms, s.completed_by, s.state, s.code, s.row_code, s.listed, s.passed, s.failed,
           s.errors_total, s.warnings_total, s.findings, s.enrolments::bigint[], s.reasons::text[], s.warnings::text[], s.failed_json, s.digest, s.decided_ms
    FROM unnest(p_unit, p_year, p_submission, p_source, p_unit_review, p_submitted_by, p_mode, p_chunks, p_entries_total, p_first_offset, p_first_ms,
                p_sha256, p_received, p_is_in_campaign, p_completed_offset, p_completed_ms, p_completed_by, p_state, p_code, p_row_code, p_listed, p_passed,
                p_failed, p_errors_total, p_warnings_total, p_findings, p_enrolments, p_reasons, p_warnings, p_failed_json, p_digest, p_decided_ms)
        AS s (unit, year, submission, source, unit_review, submitted_by, mode, chunks, entries_total, first_offset, first_ms, sha256, received,
              is_in_campaign, completed_offset, completed_ms, completed_by, state, code, row_code, listed, passed, failed, errors_total, warnings_total,
              findings, enrolments, reasons, warnings, failed_json, digest, decided_ms);
END
$$;

-- What was not loaded is not changed: failing entries that were judged earlier stay (null) unless nothing of a submission's rows is known any more, and so
-- do findings while the totals name any. The row is found by
-- its key first and then written by its place: the planner has no other way, however it thinks of the tables.
CREATE OR REPLACE FUNCTION nianshen_engine.change_submissions(
    p_unit text[], p_year integer[], p_submission text[],
    p_received integer[], p_is_in_campaign boolean[], p_completed_offset bigint[], p_completed_ms bigint[], p_completed_by text[], p_state text[],
    p_code text[], p_row_code text[], p_listed integer[], p_passed integer[], p_failed integer[], p_errors_total integer[], p_warnings_total integer[],
    p_findings text[], p_enrolments text[], p_reasons text[], p_warnings text[], p_failed_json text[], p_digest bytea[], p_decided_ms bigint[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = nianshen_engine, pg_temp AS $$
DECLARE
    changed integer;
BEGIN
    UPDATE submission s
    SET received = c.received, is_in_campaign = c.is_in_campaign, completed_offset = c.completed_offset, completed_ms = c.completed_ms,
        completed_by = c.completed_by, state = c.state, code = c.code, row_code = c.row_code, listed = c.listed, passed = c.passed, failed = c.failed,
        errors_total = c.errors_total, warnings_total = c.warnings_total,
        findings = CASE WHEN c.errors_total + c.warnings_total > 0 THEN coalesce(c.findings, s.findings) END,
        failing_enrolments = CASE WHEN c.enrolments IS NOT NULL THEN c.enrolments::bigint[] WHEN NOT c.is_forgotten THEN s.failing_enrolments END,
        failing_reasons = CASE WHEN c.enrolments IS NOT NULL THEN c.reasons::text[] WHEN NOT c.is_forgotten THEN s.failing_reasons END,
        failing_warnings = CASE WHEN c.enrolments IS NOT NULL THEN c.warnings::text[] WHEN NOT c.is_forgotten THEN s.failing_warnings END,
        failed_json = CASE WHEN c.state = 'waiting' THEN coalesce(c.failed_json, s.failed_json) END,
        digest = c.digest, decided_ms = c.decided_ms
    FROM (SELECT p.*, found.place, p.state IN ('rejected', 'withdrawn') AS is_forgotten
          FROM unnest(p_unit, p_year, p_submission, p_received, p_is_in_campaign, p_completed_offset, p_completed_ms, p_completed_by, p_state, p_code,
                      p_row_code, p_listed, p_passed, p_failed, p_errors_total, p_warnings_total, p_findings, p_enrolments, p_reasons, p_warnings,
                      p_failed_json, p_digest, p_decided_ms)
              AS p (unit, year, submission, received, is_in_campaign, completed_offset, completed_ms, completed_by, state, code, row_code, listed, passed,
                    failed, errors_total, warnings_total, findings, enrolments, reasons, warnings, failed_json, digest, decided_ms)
          CROSS JOIN LATERAL (SELECT s.ctid AS place FROM submission s
                              WHERE s.unit = p.unit AND s.year = p.year AND s.submission = p.submission OFFSET 0) found) c
    WHERE s.ctid = c.place;
    GET DIAGNOSTICS changed = ROW_COUNT;
    ASSERT changed = cardinality(p_unit), 'a changed submission is not there';
END
$$;

CREATE OR REPLACE FUNCTION nianshen_engine.write_chunks(
    p_unit text[], p_year integer[], p_submission text[], p_chunk integer[], p_source text[], p_id text[], p_offset bigint[], p_append_ms bigint[],
    p_sha256 bytea[], p_is_in_campaign boolean[], p_rows bytea[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = nianshen_engine, pg_temp AS $$
BEGIN
    INSERT INTO chunk (unit, year, submission, chunk, source, event_id, record_offset, append_ms, content_sha256, is_in_campaign, rows)
    SELECT * FROM unnest(p_unit, p_year, p_submission, p_chunk, p_source, p_id, p_offset, p_append_ms, p_sha256, p_is_in_campaign, p_rows);
END
$$;

CREATE OR REPLACE FUNCTION nianshen_engine.drop_chunk_rows(p_unit text[], p_year integer[], p_submission text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = nianshen_engine, pg_temp AS $$
BEGIN
    UPDATE chunk c SET rows = NULL
    FROM (SELECT found.place FROM unnest(p_unit, p_year, p_submission) AS p (unit, year, submission)
          CROSS JOIN LATERAL (SELECT c.ctid AS place FROM chunk c
                              WHERE c.unit = p.unit AND c.year = p.year AND c.submission = p.submission AND c.rows IS NOT NULL OFFSET 0) found) d
    WHERE c.ctid = d.place;
END
$$;

CREATE OR REPLACE FUNCTION nianshen_engine.write_repeated_chunks(
    p_unit text[], p_year integer[], p_source text[], p_id text[], p_sha256 bytea[], p_offset bigint[], p_append_ms bigint[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = nianshen_engine, pg_temp AS $$
BEGIN
    INSERT INTO repeated_chunk (unit, year, source, event_id, content_sha256, record_offset, append_ms)
    SELECT * FROM unnest(p_unit, p_year, p_source, p_id, p_sha256, p_offset, p_append_ms);
END
$$;

CREATE OR REPLACE FUNCTION nianshen_engine.write_decisions(
    p_unit text[], p_year integer[], p_source text[], p_id text[], p_submission text[], p_offset bigint[], p_append_ms bigint[], p_sha256 bytea[],
    p_kind text[], p_digest text[], p_superior text[], p_reviewer text[], p_submitted_by text[], p_comment text[], p_verdict text[], p_code text[],
    p_is_counted boolean[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = nianshen_engine, pg_temp AS $$
BEGIN
    INSERT INTO decision (unit, year, source, event_id, submission, record_offset, append_ms, content_sha256, kind, digest, superior, reviewer, submitted_by,
                          comment, verdict, code, is_counted)
    SELECT * FROM unnest(p_unit, p_year, p_source, p_id, p_submission, p_offset, p_append_ms, p_sha256, p_kind, p_digest, p_superior, p_reviewer,
                         p_submitted_by, p_comment, p_verdict, p_code, p_is_counted);
END
$$;

CREATE OR REPLACE FUNCTION nianshen_engine.change_decisions(p_unit text[], p_year integer[], p_source text[], p_id text[], p_verdict text[], p_code text[])
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = nianshen_engine, pg_temp AS $$
DECLARE
    changed integer;
BEGIN
    UPDATE decision d SET verdict = c.verdict, code = c.code
    FROM (SELECT p.verdict, p.code, found.place FROM unnest(p_unit, p_year, p_source, p_id, p_verdict, p_code) AS p (unit, year, source, id, verdict, code)
          CROSS JOIN LATERAL (SELECT d.ctid AS place FROM decision d
                              WHERE d.unit = p.unit AND d.year = p.year AND d.source = p.source AND d.event_id = p.id OFFSET 0) found) c
    WHERE d.ctid = c.place;
    GET DIAGNOSTICS changed = ROW_COUNT;
    ASSERT changed = cardinality(p_unit), 'a changed decision is not there';
END
$$;

CREATE OR REPLACE FUNCTION nianshen_engine.write_removals(p_shard integer[], p_unit text[], p_year integer[], p_submission text[], p_source text[], p_id text[],
                                                          p_removed_ms bigint[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = nianshen_engine, pg_temp AS $$
BEGIN
    INSERT INTO removal_due (shard, unit, year, submission, decision_source, decision, removed_ms)
    SELECT * FROM unnest(p_shard, p_unit, p_year, p_submission, p_source, p_id, p_removed_ms);
END
$$;

-- Profile changes of approvals, at most one a unit, in the order of their times; a profile that was loaded later stays.
CREATE OR REPLACE FUNCTION nianshen_engine.change_profiles(p_unit text[], p_at_ms bigint[], p_name text[], p_credit_code text[], p_address text[],
                                                           p_contact_name text[], p_contact_mobile text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = nianshen_engine, pg_temp AS $$
BEGIN
    UPDATE nianshen.unit_profile u
    SET name = coalesce(c.name, u.name), credit_code = coalesce(c.credit_code, u.credit_code), address = coalesce(c.address, u.address),
        contact_name = coalesce(c.contact_name, u.contact_name), contact_mobile = coalesce(c.contact_mobile, u.contact_mobile)
    FROM (SELECT p.*, found.place
          FROM unnest(p_unit, p_at_ms, p_name, p_credit_code, p_address, p_contact_name, p_contact_mobile)
              AS p (unit, at_ms, name, credit_code, address, contact_name, contact_mobile)
          CROSS JOIN LATERAL (SELECT u.ctid AS place FROM nianshen.unit_profile u WHERE u.unit = p.unit AND u.loaded_ms < p.at_ms OFFSET 0) found) c
    WHERE u.ctid = c.place;
END
$$;

-- What became of records that were not simply applied. Those in b_ were held before, and are what they are now. p_hold: from now on this unit is held.
CREATE OR REPLACE FUNCTION nianshen_engine.write_exceptions(
    p_shard integer[], p_topic integer[], p_offset bigint[], p_kind text[], p_append_ms bigint[], p_unit text[], p_year integer[], p_code text[], p_text text[],
    p_key bytea[], p_value bytea[], p_headers bytea[], b_shard integer[], b_topic integer[], b_offset bigint[], b_unit text[], p_hold text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = nianshen_engine, pg_temp AS $$
BEGIN
    DELETE FROM ledger_exception e USING (
        SELECT found.place FROM unnest(b_shard, b_topic, b_offset) AS b (shard, topic, record_offset)
        CROSS JOIN LATERAL (SELECT e.ctid AS place FROM ledger_exception e
                            WHERE e.shard = b.shard AND e.topic = b.topic AND e.record_offset = b.record_offset AND e.kind = 'held' OFFSET 0) found) d
    WHERE e.ctid = d.place;
    INSERT INTO ledger_exception (shard, topic, record_offset, kind, append_ms, unit, year, code, text, key, value, headers)
    SELECT * FROM unnest(p_shard, p_topic, p_offset, p_kind, p_append_ms, p_unit, p_year, p_code, p_text, p_key, p_value, p_headers);
    IF p_hold IS NOT NULL THEN
        INSERT INTO held_unit (unit, since_ms) VALUES (p_hold, nianshen.now_ms()) ON CONFLICT (unit) DO UPDATE SET released_ms = NULL;
    END IF;
    IF cardinality(b_unit) > 0 THEN
        DELETE FROM held_unit h
        WHERE h.unit = ANY (b_unit) AND h.released_ms IS NOT NULL
            AND NOT EXISTS (SELECT FROM ledger_exception e WHERE e.unit = h.unit AND e.kind = 'held' OFFSET 0);
    END IF;
END
$$;
