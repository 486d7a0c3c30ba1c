-- Unit reviews: judged by themselves alone.

-- The profile fields that the contract knows; one that is not there is left out.
CREATE OR REPLACE FUNCTION nianshen.profile_changes(p_profile jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object('address', p_profile -> 'address', 'contact_mobile', p_profile -> 'contact_mobile',
        'contact_name', p_profile -> 'contact_name', 'credit_code', p_profile -> 'credit_code', 'name', p_profile -> 'name'))
$$;

CREATE OR REPLACE FUNCTION nianshen.unit_review_outcome(p_event_id text, p_unit text, p_year integer, p_refusal text, p_field text,
                                                        p_warnings jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN jsonb_build_object('unit', p_unit, 'year', p_year, 'unit_review', p_event_id) ||
        CASE WHEN p_refusal IS NULL AND coalesce(p_warnings, '[]') = '[]' THEN '{"warnings": []}'
             WHEN p_refusal IS NULL THEN jsonb_build_object('warnings', (
                 SELECT coalesce(jsonb_agg(jsonb_build_object('code', w.code, 'field', w.field,
                            'zh', nianshen.code_text(w.code, true, w.position, w.expected, w.field),
                            'en', nianshen.code_text(w.code, false, w.position, w.expected, w.field)) ORDER BY w.code), '[]')
                 FROM jsonb_to_recordset(p_warnings) AS w (code text, field text, position integer, expected text)))
             ELSE jsonb_build_object('errors', jsonb_build_array(jsonb_build_object('code', p_refusal, 'field', p_field,
                      'zh', nianshen.code_text(p_refusal, true, p_field => p_field), 'en', nianshen.code_text(p_refusal, false, p_field => p_field))))
        END;
END
$$;

CREATE OR REPLACE FUNCTION nianshen.unit_reviews_judge(p_touch nianshen.touched[], p_records nianshen.record_in[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    outcomes outcome[];
BEGIN
    WITH judged AS (
        SELECT r.*, CASE
                WHEN NOT r.is_unit_known THEN 'unknown-unit'
                WHEN NOT r.is_in_campaign THEN 'campaign-closed'
                ELSE r.code
            END AS refusal
        FROM unnest(p_records) r WHERE r.kind = 'unit-review'
    ), stored AS (
        INSERT INTO unit_review (unit, year, source, event_id, submitted_by, profile, append_ms, verdict, code, release)
        SELECT j.unit, j.year, j.source, j.event_id, j.body ->> 'submitted_by', profile_changes(j.body -> 'profile'), j.append_ms,
               CASE WHEN j.refusal IS NULL THEN 'accepted' ELSE 'rejected' END, j.refusal, (SELECT current_release())
        FROM judged j
    )
    SELECT array_agg(ROW(j.unit, j.year, j.topic, j.source, j.event_id, j.append_ms,
                         'nianshen.unit-review.' || CASE WHEN j.refusal IS NULL THEN 'accepted' ELSE 'rejected' END || '.v1',
                         unit_review_outcome(j.event_id, j.unit, j.year, j.refusal, CASE WHEN j.refusal = j.code THEN j.text END,
                                             j.body -> 'warnings'))::outcome
                     ORDER BY j.n)
    INTO outcomes FROM judged j;
    PERFORM outcomes_write(p_touch, outcomes);
END
$$;
