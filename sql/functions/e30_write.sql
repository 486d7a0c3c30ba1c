-- What a micro-batch writes: one statement a table, over arrays. The rows come as the engine decided them, in the order of their keys. Everything is written
-- under the locks that batch_begin took.

CREATE OR REPLACE FUNCTION nianshen_engine.write_unit_reviews(
    p_unit text[], p_year integer[], p_source text[], p_id text[], p_offset bigint[], p_append_ms bigint[], p_sha256 bytea[], p_submitted_by text[],
    p_name text[], p_credit_code text[], p_address text[], p_contact_name text[], p_contact_mobile text[], p_code text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = nianshen_engine, pg_temp AS $$
BEGIN
    INSERT INTO unit_review (unit, year, source, event_id, record_offset, append_ms, content_sha256, submitted_by, name, credit_code, address,
                             contact_name, contact_mobile, code)
    SELECT unnest(p_unit), unnest(p_year), unnest(p_source), unnest(p_id), unnest(p_offset), unnest(p_append_ms), unnest(p_sha256),
           unnest(p_submitted_by), unnest(p_name), unnest(p_credit_code), unnest(p_address), unnest(p_contact_name), unnest(p_contact_mobile),
           unnest(p_code);
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
    FROM (SELECT unnest(p_unit) AS unit, unnest(p_year) AS year, unnest(p_submission) AS submission, unnest(p_source) AS source,
              unnest(p_unit_review) AS unit_review, unnest(p_submitted_by) AS submitted_by, unnest(p_mode) AS mode,
              unnest(p_chunks) AS chunks, unnest(p_entries_total) AS entries_total, unnest(p_first_offset) AS first_offset,
              unnest(p_first_ms) AS first_ms, unnest(p_sha256) AS sha256, unnest(p_received) AS received,
              unnest(p_is_in_campaign) AS is_in_campaign, unnest(p_completed_offset) AS completed_offset,
              unnest(p_completed_ms) AS completed_ms, unnest(p_completed_by) AS completed_by, unnest(p_state) AS state,
              unnest(p_code) AS code, unnest(p_row_code) AS row_code, unnest(p_listed) AS listed,
              unnest(p_passed) AS passed, unnest(p_failed) AS failed, unnest(p_errors_total) AS errors_total,
              unnest(p_warnings_total) AS warnings_total, unnest(p_findings) AS findings,
              unnest(p_enrolments) AS enrolments, unnest(p_reasons) AS reasons, unnest(p_warnings) AS warnings,
              unnest(p_failed_json) AS failed_json, unnest(p_digest) AS digest, unnest(p_decided_ms) AS decided_ms) s;
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
          FROM (SELECT unnest(p_unit) AS unit, unnest(p_year) AS year, unnest(p_submission) AS submission, unnest(p_received) AS received,
              unnest(p_is_in_campaign) AS is_in_campaign, unnest(p_completed_offset) AS completed_offset,
              unnest(p_completed_ms) AS completed_ms, unnest(p_completed_by) AS completed_by, unnest(p_state) AS state,
              unnest(p_code) AS code, unnest(p_row_code) AS row_code, unnest(p_listed) AS listed,
              unnest(p_passed) AS passed, unnest(p_failed) AS failed, unnest(p_errors_total) AS errors_total,
              unnest(p_warnings_total) AS warnings_total, unnest(p_findings) AS findings,
              unnest(p_enrolments) AS enrolments, unnest(p_reasons) AS reasons, unnest(p_warnings) AS warnings,
              unnest(p_failed_json) AS failed_json, unnest(p_digest) AS digest, unnest(p_decided_ms) AS decided_ms) p
          CROSS JOIN LATERAL (SELECT s.ctid AS place FROM submission s
                              WHERE s.unit = p.unit AND s.year = p.year AND s.submission = p.submission OFFSET 0) found) c
    WHERE s.ctid = c.place;
    GET DIAGNOSTICS changed = ROW_COUNT;
    ASSERT changed = cardinality(p_unit), 'a changed submission is not there';
END
$$;

-- The ordinary way on: pending, approved, returned. Of these nothing else changes.
CREATE OR REPLACE FUNCTION nianshen_engine.settle_submissions(p_unit text[], p_year integer[], p_submission text[], p_state text[], p_digest bytea[],
                                                              p_decided_ms bigint[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = nianshen_engine, pg_temp AS $$
DECLARE
    changed integer;
BEGIN
    UPDATE submission s SET state = c.state, failed_json = NULL, digest = c.digest, decided_ms = c.decided_ms
    FROM (SELECT p.state, p.digest, p.decided_ms, found.place
          FROM (SELECT unnest(p_unit) AS unit, unnest(p_year) AS year, unnest(p_submission) AS submission, unnest(p_state) AS state,
                       unnest(p_digest) AS digest, unnest(p_decided_ms) AS decided_ms) p
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
    SELECT unnest(p_unit), unnest(p_year), unnest(p_submission), unnest(p_chunk), unnest(p_source), unnest(p_id), unnest(p_offset),
           unnest(p_append_ms), unnest(p_sha256), unnest(p_is_in_campaign), unnest(p_rows);
END
$$;

CREATE OR REPLACE FUNCTION nianshen_engine.drop_chunk_rows(p_unit text[], p_year integer[], p_submission text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = nianshen_engine, pg_temp AS $$
BEGIN
    UPDATE chunk c SET rows = NULL
    FROM (SELECT found.place FROM (SELECT unnest(p_unit) AS unit, unnest(p_year) AS year, unnest(p_submission) AS submission) p
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
    SELECT unnest(p_unit), unnest(p_year), unnest(p_source), unnest(p_id), unnest(p_sha256), unnest(p_offset), unnest(p_append_ms);
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
    SELECT unnest(p_unit), unnest(p_year), unnest(p_source), unnest(p_id), unnest(p_submission), unnest(p_offset), unnest(p_append_ms),
           unnest(p_sha256), unnest(p_kind), unnest(p_digest), unnest(p_superior), unnest(p_reviewer), unnest(p_submitted_by), unnest(p_comment),
           unnest(p_verdict), unnest(p_code), unnest(p_is_counted);
END
$$;

CREATE OR REPLACE FUNCTION nianshen_engine.change_decisions(p_unit text[], p_year integer[], p_source text[], p_id text[], p_verdict text[], p_code text[])
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = nianshen_engine, pg_temp AS $$
DECLARE
    changed integer;
BEGIN
    UPDATE decision d SET verdict = c.verdict, code = c.code
    FROM (SELECT p.verdict, p.code, found.place FROM (SELECT unnest(p_unit) AS unit, unnest(p_year) AS year, unnest(p_source) AS source, unnest(p_id) AS id,
              unnest(p_verdict) AS verdict, unnest(p_code) AS code) p
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
    SELECT unnest(p_shard), unnest(p_unit), unnest(p_year), unnest(p_submission), unnest(p_source), unnest(p_id), unnest(p_removed_ms);
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
          FROM (SELECT unnest(p_unit) AS unit, unnest(p_at_ms) AS at_ms, unnest(p_name) AS name, unnest(p_credit_code) AS credit_code,
              unnest(p_address) AS address, unnest(p_contact_name) AS contact_name,
              unnest(p_contact_mobile) AS contact_mobile) p
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
        SELECT found.place FROM (SELECT unnest(b_shard) AS shard, unnest(b_topic) AS topic, unnest(b_offset) AS record_offset) b
        CROSS JOIN LATERAL (SELECT e.ctid AS place FROM ledger_exception e
                            WHERE e.shard = b.shard AND e.topic = b.topic AND e.record_offset = b.record_offset AND e.kind = 'held' OFFSET 0) found) d
    WHERE e.ctid = d.place;
    INSERT INTO ledger_exception (shard, topic, record_offset, kind, append_ms, unit, year, code, text, key, value, headers)
    SELECT unnest(p_shard), unnest(p_topic), unnest(p_offset), unnest(p_kind), unnest(p_append_ms), unnest(p_unit), unnest(p_year), unnest(p_code),
           unnest(p_text), unnest(p_key), unnest(p_value), unnest(p_headers);
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
