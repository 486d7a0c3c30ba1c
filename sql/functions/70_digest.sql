-- The state digest: what a rebuild must reproduce. It covers unit reviews, submissions with their failing entries, decisions, removals, memberships in all
-- their versions, profiles and superiors; not the ledger, waiting outcomes, this machine's clock, offsets, surrogate keys or the release that judged. One
-- digest a unit first, then one over the units, so that no step holds all rows at once.

-- One row for each row of the state: what kind it is, by what it is known within its unit, and its values as a JSON object. Fields with a full number are
-- id_key, id_number, mobile and contact_mobile: whoever shows a row masks them. `submission` names the one that a row belongs to, `release` is who judged.
CREATE OR REPLACE FUNCTION nianshen.state_rows(p_unit text, p_year integer)
RETURNS TABLE (kind text, key text, fields text, submission text, release integer)
LANGUAGE sql STABLE AS $$
    SELECT 'unit-review', format('%s %s %s', r.year, r.source, r.event_id),
           json_build_object('verdict', r.verdict, 'code', r.code, 'submitted_by', r.submitted_by, 'name', r.profile ->> 'name',
               'credit_code', r.profile ->> 'credit_code', 'address', r.profile ->> 'address', 'contact_name', r.profile ->> 'contact_name',
               'contact_mobile', r.profile ->> 'contact_mobile')::text,
           NULL::text, r.release
    FROM nianshen.unit_review r WHERE r.unit = p_unit AND (p_year IS NULL OR r.year = p_year)
    UNION ALL
    SELECT 'submission', format('%s %s', s.year, s.submission),
           json_build_object('state', s.state, 'code', s.code, 'listed', s.listed, 'passed', s.passed, 'failed', s.failed, 'digest', s.digest,
               'errors', CASE WHEN s.state = 'rejected' THEN s.error_total END, 'source', s.source, 'unit_review', s.unit_review, 'mode', s.mode,
               'submitted_by', s.submitted_by, 'chunks', s.chunks, 'received', s.received, 'entries_total', s.entries_total)::text,
           s.submission, s.release
    FROM nianshen.submission s WHERE s.unit = p_unit AND (p_year IS NULL OR s.year = p_year)
    UNION ALL
    SELECT 'entry', format('%s %s %s', s.year, s.submission, to_char(e.chunk, 'FM00000') || '/' || to_char(e.index, 'FM0000')),
           json_build_object('id_key', e.id_key, 'reason', e.reason)::text, s.submission, NULL
    FROM nianshen.submission s JOIN nianshen.entry e ON e.submission_key = s.submission_key
    WHERE s.unit = p_unit AND (p_year IS NULL OR s.year = p_year)
    UNION ALL
    SELECT 'decision', format('%s %s %s', d.year, d.source, d.event_id),
           json_build_object('submission', d.submission, 'kind', d.kind, 'verdict', d.verdict, 'code', d.code, 'digest', d.digest, 'superior', d.superior,
               'reviewer', d.reviewer, 'submitted_by', d.submitted_by, 'comment', d.comment)::text,
           d.submission, d.release
    FROM nianshen.decision d WHERE d.unit = p_unit AND (p_year IS NULL OR d.year = p_year)
    UNION ALL
    SELECT 'removed', format('%s %s', m.member_no, m.enrolled_ms),
           json_build_object('year', m.year, 'submission', m.submission, 'reason', m.reason, 'decision_source', m.decision_source, 'decision', m.decision,
               'id_key', m.id_key, 'id_code', m.id_code, 'name', m.name, 'gender', m.gender, 'id_type', m.id_type, 'id_number', m.id_number,
               'id_valid_until', m.id_valid_until, 'mobile', m.mobile, 'valid_from_ms', m.valid_from_ms)::text,
           m.submission, NULL
    FROM nianshen.removed_member m WHERE m.unit = p_unit AND (p_year IS NULL OR m.year = p_year)
    UNION ALL
    SELECT 'member', format('%s %s %s', m.member_no, m.enrolled_ms, m.valid_from_ms),
           json_build_object('id_key', m.id_key, 'id_code', m.id_code, 'name', m.name, 'gender', m.gender, 'id_type', m.id_type, 'id_number', m.id_number,
               'id_valid_until', m.id_valid_until, 'mobile', m.mobile, 'valid_until_ms', nullif(m.valid_until_ms, nianshen.forever_ms()))::text,
           NULL, NULL
    FROM nianshen.membership m
    -- Versions that had ended before a year's campaign opened are not part of that year.
    WHERE m.unit = p_unit AND m.valid_until_ms >= coalesce((SELECT c.opens_ms FROM nianshen.campaign_term c WHERE c.year = p_year), 0)
    UNION ALL
    SELECT 'profile', '', json_build_object('name', u.name, 'credit_code', u.credit_code, 'address', u.address, 'contact_name', u.contact_name,
               'contact_mobile', u.contact_mobile)::text,
           NULL, NULL
    FROM nianshen.unit_profile u WHERE u.unit = p_unit
    UNION ALL
    SELECT 'superior', v.valid_from_ms::text,
           json_build_object('superior', v.superior, 'valid_until_ms', nullif(v.valid_until_ms, nianshen.forever_ms()))::text, NULL, NULL
    FROM nianshen.unit_superior v WHERE v.unit = p_unit
$$;

CREATE OR REPLACE FUNCTION nianshen.unit_digest(p_unit text, p_year integer) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT encode(sha256(convert_to(coalesce(string_agg(l.line, E'\n' ORDER BY l.line COLLATE "C"), ''), 'UTF8')), 'hex')
    FROM (SELECT concat_ws(E'\t', r.kind, r.key, r.fields) AS line FROM nianshen.state_rows(p_unit, p_year) r) l
$$;

-- From a line "unit digest" for each unit, in their order.
CREATE OR REPLACE FUNCTION nianshen.digest_of_units(p_lines text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT 'sha256:' || encode(sha256(convert_to(coalesce(p_lines, ''), 'UTF8')), 'hex')
$$;

CREATE OR REPLACE FUNCTION nianshen.state_digest(p_unit text, p_year integer) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = nianshen, pg_temp AS $$
    SELECT digest_of_units(string_agg(u.unit || ' ' || unit_digest(u.unit, p_year), E'\n' ORDER BY u.unit))
    FROM unit_profile u WHERE p_unit IS NULL OR u.unit = p_unit
$$;
