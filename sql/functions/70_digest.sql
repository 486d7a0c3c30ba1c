-- The state digest: what a rebuild must reproduce. It covers submissions, decisions, memberships and removals; not the ledger, waiting outcomes, clocks
-- or surrogate keys. One digest a unit first, then one over the units, so that no step holds all rows at once.

CREATE OR REPLACE FUNCTION nianshen.state_lines(p_unit text, p_year integer) RETURNS SETOF text
LANGUAGE sql STABLE AS $$
    SELECT json_build_array('submission', s.year, s.submission, s.source, s.unit_review, s.mode, s.submitted_by, s.chunks, s.entries_total, s.received,
                            s.state, s.code, s.digest, s.listed, s.passed, s.failed)::text
    FROM nianshen.submission s WHERE s.unit = p_unit AND (p_year IS NULL OR s.year = p_year)
    UNION ALL
    SELECT json_build_array('decision', d.year, d.source, d.event_id, d.submission, d.kind, d.verdict, d.code)::text
    FROM nianshen.decision d WHERE d.unit = p_unit AND (p_year IS NULL OR d.year = p_year)
    UNION ALL
    SELECT json_build_array('unit-review', r.year, r.source, r.event_id, r.verdict, r.code)::text
    FROM nianshen.unit_review r WHERE r.unit = p_unit AND (p_year IS NULL OR r.year = p_year)
    UNION ALL
    SELECT json_build_array('removed', m.year, m.member_no, m.id_key, m.reason, m.submission, m.decision_source, m.decision, m.enrolled_ms)::text
    FROM nianshen.removed_member m WHERE m.unit = p_unit AND (p_year IS NULL OR m.year = p_year)
    UNION ALL
    SELECT json_build_array('member', m.member_no, m.id_key, m.enrolled_ms, m.valid_from_ms)::text
    FROM nianshen.membership m WHERE m.unit = p_unit AND m.valid_until_ms = nianshen.forever_ms()
$$;

CREATE OR REPLACE FUNCTION nianshen.unit_digest(p_unit text, p_year integer) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT encode(sha256(convert_to(coalesce(string_agg(l.line, E'\n' ORDER BY l.line COLLATE "C"), ''), 'UTF8')), 'hex')
    FROM nianshen.state_lines(p_unit, p_year) AS l (line)
$$;

CREATE OR REPLACE FUNCTION nianshen.state_digest(p_unit text, p_year integer) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = nianshen, pg_temp AS $$
    SELECT 'sha256:' || encode(sha256(convert_to(coalesce(string_agg(u.unit || ' ' || unit_digest(u.unit, p_year), E'\n' ORDER BY u.unit), ''), 'UTF8')),
                               'hex')
    FROM unit_profile u WHERE p_unit IS NULL OR u.unit = p_unit
$$;
