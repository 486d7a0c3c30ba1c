-- The state digest: what a rebuild must reproduce. It covers unit reviews, submissions with their failing entries, decisions, removals, memberships in all
-- their versions, profiles and superiors; not the ledger, waiting outcomes, this machine's clock, offsets or surrogate keys. A removal by reference and
-- one whose row was moved are the same. One digest a unit first, then one over the units, so that no step holds all rows at once.

-- One row for each row of the state: what kind it is, by what it is known within its unit, and its values by their names. Fields with a full number are
-- id_key, id_number, mobile and contact_mobile: whoever shows a row masks them. `submission` names the one that a row belongs to.
CREATE OR REPLACE FUNCTION nianshen_next.state_rows(p_unit text, p_year integer)
RETURNS TABLE (kind text, key text, names text[], "values" text[], submission text)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT 'unit-review', format('%s %s %s', r.year, r.source, r.event_id),
           '{verdict,code,submitted_by,name,credit_code,address,contact_name,contact_mobile}'::text[],
           ARRAY[CASE WHEN r.code IS NULL THEN 'accepted' ELSE 'rejected' END, r.code, r.submitted_by, r.name, r.credit_code, r.address, r.contact_name,
                 r.contact_mobile],
           NULL::text
    FROM nianshen_engine.unit_review r WHERE r.unit = p_unit AND (p_year IS NULL OR r.year = p_year)
    UNION ALL
    SELECT 'submission', format('%s %s', s.year, s.submission),
           '{state,code,listed,passed,failed,digest,errors,source,unit_review,mode,submitted_by,chunks,received,entries_total}',
           ARRAY[s.state, s.code, CASE WHEN s.digest IS NOT NULL THEN s.listed::text END, CASE WHEN s.digest IS NOT NULL THEN s.passed::text END,
                 CASE WHEN s.digest IS NOT NULL THEN s.failed::text END, nianshen_next.digest_text(s.digest),
                 CASE WHEN s.state = 'rejected' THEN s.errors_total::text END, s.source, s.unit_review, s.mode, s.submitted_by, s.chunks::text,
                 s.received::text, s.entries_total::text],
           s.submission
    FROM nianshen_engine.submission s WHERE s.unit = p_unit AND (p_year IS NULL OR s.year = p_year)
    UNION ALL
    SELECT 'entry', format('%s %s %s', s.year, s.submission, to_char(e.place, 'FM00000000')), '{member_no,enrolled_ms,reason}',
           ARRAY[m.member_no, m.enrolled_ms::text, e.reason], s.submission
    FROM nianshen_engine.submission s
    CROSS JOIN LATERAL unnest(s.failing_enrolments, s.failing_reasons) WITH ORDINALITY AS e (enrolment, reason, place)
    LEFT JOIN LATERAL (SELECT v.member_no, v.enrolled_ms FROM nianshen.membership v WHERE v.enrolment = e.enrolment
                       UNION ALL
                       SELECT a.member_no, a.enrolled_ms FROM nianshen_engine.archive a WHERE a.enrolment = e.enrolment
                       LIMIT 1) m ON true
    WHERE s.unit = p_unit AND (p_year IS NULL OR s.year = p_year) AND s.state IN ('waiting', 'pending', 'approved', 'returned')
    UNION ALL
    SELECT 'decision', format('%s %s %s', d.year, d.source, d.event_id),
           '{submission,kind,verdict,code,digest,superior,reviewer,submitted_by,comment}',
           ARRAY[d.submission, d.kind, d.verdict, d.code, d.digest, d.superior, d.reviewer, d.submitted_by, d.comment],
           d.submission
    FROM nianshen_engine.decision d WHERE d.unit = p_unit AND (p_year IS NULL OR d.year = p_year)
    UNION ALL
    SELECT 'removed', m.member_no || ' ' || m.enrolled_ms,
           '{year,submission,reason,decision_source,decision,removed_ms,id_key,id_code,name,gender,id_type,id_number,id_valid_until,mobile,valid_from_ms}',
           ARRAY[m.year::text, m.submission, m.reason, m.decision_source, m.decision, m.removed_ms::text, m.id_key, m.id_code, m.name, m.gender, m.id_type,
                 m.id_number, m.id_valid_until, m.mobile, m.valid_from_ms::text],
           m.submission
    FROM nianshen_next.removed_member m WHERE m.unit = p_unit AND (p_year IS NULL OR m.year = p_year)
    UNION ALL
    SELECT 'member', m.member_no || ' ' || m.enrolled_ms || ' ' || m.valid_from_ms,
           '{id_key,id_code,name,gender,id_type,id_number,id_valid_until,mobile,valid_until_ms}',
           ARRAY[m.id_key, m.id_code, m.name, m.gender, m.id_type, m.id_number, m.id_valid_until, m.mobile,
                 nullif(m.valid_until_ms, nianshen.forever_ms())::text],
           NULL
    FROM nianshen.membership m
    -- Versions that had ended before a year's campaign opened are not part of that year.
    WHERE m.unit = p_unit AND m.valid_until_ms >= coalesce((SELECT c.opens_ms FROM nianshen.campaign_term c WHERE c.year = p_year), 0)
        AND NOT EXISTS (SELECT FROM nianshen_next.due_removal r
                        WHERE r.unit = m.unit AND r.enrolment = m.enrolment
                            AND NOT EXISTS (SELECT FROM nianshen.membership v WHERE v.enrolment = m.enrolment AND v.valid_until_ms > m.valid_until_ms)
                            AND NOT EXISTS (SELECT FROM nianshen_engine.archive a WHERE a.enrolment = m.enrolment))
    UNION ALL
    SELECT 'profile', '', '{name,credit_code,address,contact_name,contact_mobile}',
           ARRAY[u.name, u.credit_code, u.address, u.contact_name, u.contact_mobile], NULL
    FROM nianshen.unit_profile u WHERE u.unit = p_unit
    UNION ALL
    SELECT 'superior', v.valid_from_ms::text, '{superior,valid_until_ms}', ARRAY[v.superior, nullif(v.valid_until_ms, nianshen.forever_ms())::text], NULL
    FROM nianshen.unit_superior v WHERE v.unit = p_unit
$$;

-- A line begins with the key: that a member's lines differ in their first bytes makes sorting them cheaper. A value that is missing is no empty one.
CREATE OR REPLACE FUNCTION nianshen_next.unit_digest(p_unit text, p_year integer) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE COST 100000 AS $$
    SELECT encode(sha256(convert_to(coalesce(string_agg(l.line, E'\n' ORDER BY l.line COLLATE "C"), ''), 'UTF8')), 'hex')
    FROM (SELECT r.key || E'\t' || r.kind || E'\t' || array_to_string(r."values", E'\t', '\N') AS line FROM nianshen_next.state_rows(p_unit, p_year) r) l
$$;

-- From a line "unit digest" for each unit, in their order.
CREATE OR REPLACE FUNCTION nianshen_next.digest_of_units(p_lines text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT 'sha256:' || encode(sha256(convert_to(coalesce(p_lines, ''), 'UTF8')), 'hex')
$$;

CREATE OR REPLACE FUNCTION nianshen_next.state_digest(p_unit text, p_year integer) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = nianshen, pg_temp AS $$
    SELECT nianshen_next.digest_of_units(string_agg(u.unit || ' ' || nianshen_next.unit_digest(u.unit, p_year), E'\n' ORDER BY u.unit))
    FROM nianshen.unit_profile u WHERE p_unit IS NULL OR u.unit = p_unit
$$;
