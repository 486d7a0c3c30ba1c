-- Outcomes: written to the outbox in the transaction of the effects. The id comes from the event that is judged and the type alone, so that every
-- rebuild and every order of arrival gives the same.

CREATE OR REPLACE FUNCTION nianshen.outcome_id(p_topic text, p_unit text, p_year integer, p_source text, p_id text, p_type text) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT left(encode(sha256(convert_to(concat_ws(E'\n', p_topic, p_unit, p_year, p_source, p_id, p_type), 'UTF8')), 'hex'), 32)
$$;

-- The owner of the partition that touched the unit publishes them.
CREATE OR REPLACE FUNCTION nianshen.outcomes_write(p_touch nianshen.touched[], p_outcomes nianshen.outcome[]) RETURNS void
LANGUAGE plpgsql SET enable_hashjoin = on AS $$
BEGIN
    INSERT INTO nianshen.outbox (topic, partition, kind, unit, ce_type, ce_id, ce_time_ms, ce_causationid, body)
    SELECT t.topic, t.partition, 'outcome', o.unit, o.type,
           nianshen.outcome_id(o.judged_topic, o.unit, o.year, o.judged_source, o.judged_id, o.type), o.judged_ms, o.judged_id, o.body::text
    FROM unnest(p_outcomes) WITH ORDINALITY AS o (unit, year, judged_topic, judged_source, judged_id, judged_ms, type, body, place)
    JOIN unnest(p_touch) t ON t.unit = o.unit AND t.year = o.year
    ORDER BY o.place;
END
$$;

-- The outcome of a submission: judged is the chunk that completed it.
CREATE OR REPLACE FUNCTION nianshen.submission_outcome(p_submission nianshen.submission, p_type text, p_body jsonb) RETURNS nianshen.outcome
LANGUAGE sql STABLE AS $$
    SELECT ROW((p_submission).unit, (p_submission).year, 'member-review', (p_submission).source, (p_submission).completed_by,
               (p_submission).completed_ms, p_type,
               jsonb_build_object('unit', (p_submission).unit, 'year', (p_submission).year, 'submission', (p_submission).submission)
               || p_body)::nianshen.outcome
$$;

CREATE OR REPLACE FUNCTION nianshen.decision_outcome(p_decision nianshen.decision, p_type text, p_body jsonb) RETURNS nianshen.outcome
LANGUAGE sql STABLE AS $$
    SELECT ROW((p_decision).unit, (p_decision).year, 'approval', (p_decision).source, (p_decision).event_id, (p_decision).append_ms, p_type,
               jsonb_build_object('unit', (p_decision).unit, 'year', (p_decision).year, 'submission', (p_decision).submission,
                                  'decision', (p_decision).event_id) || p_body)::nianshen.outcome
$$;

CREATE OR REPLACE FUNCTION nianshen.code_and_texts(p_code text) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN jsonb_build_object('code', p_code, 'zh', nianshen.code_text(p_code, true), 'en', nianshen.code_text(p_code, false));
END
$$;

-- The first findings of a kind in the order of the submission; those about the whole of it come last.
CREATE OR REPLACE FUNCTION nianshen.findings_json(p_key bigint, p_is_error boolean) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT coalesce(jsonb_agg(jsonb_build_object(
                   'chunk', CASE WHEN f.code <> 'not-listed' THEN f.chunk END, 'list', f.list, 'index', f.index, 'code', f.code, 'id_number', f.masked,
                   'member_no', f.member_no, 'position', f.position, 'expected', f.expected,
                   'zh', nianshen.code_text(f.code, true, f.position, f.expected), 'en', nianshen.code_text(f.code, false, f.position, f.expected))
                   ORDER BY f.list IS NULL, f.chunk, f.list, f.index, f.code, f.member_no), '[]')
        FROM (SELECT * FROM nianshen.row_finding w WHERE w.submission_key = p_key AND w.is_error = p_is_error
              ORDER BY w.list IS NULL, w.chunk, w.list, w.index, w.code, w.member_no LIMIT nianshen.row_finding_cap()) f);
END
$$;

CREATE OR REPLACE FUNCTION nianshen.counts_by_reason(p_key bigint) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT coalesce(jsonb_object_agg(r.reason, r.n), '{}')
        FROM (SELECT e.reason, count(*) AS n FROM nianshen.entry e WHERE e.submission_key = p_key GROUP BY 1) r);
END
$$;
