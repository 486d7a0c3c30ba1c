-- The state digest: what a rebuild must reproduce. It covers unit reviews, submissions with their failing entries, decisions, removals, memberships in all
-- their versions, profiles and superiors; not the ledger, waiting outcomes, this machine's clock, offsets, surrogate keys or the release that judged. One
-- digest a unit first, then one over the units, so that no step holds all rows at once.

-- One row for each row of the state: what kind it is, by what it is known within its unit, and its values by their names. Fields with a full number are
-- id_key, id_number, mobile and contact_mobile: whoever shows a row masks them. `submission` names the one that a row belongs to, `release` is who judged.
-- Whoever wants a row's fields makes json_object(names, "values") of them; the digest takes the bare array, which costs a third of that.
CREATE OR REPLACE FUNCTION nianshen.state_rows(p_unit text, p_year integer)
RETURNS TABLE (kind text, key text, names text[], "values" text[], submission text, release integer)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT 'unit-review', format('%s %s %s', r.year, r.source, r.event_id),
           '{verdict,code,submitted_by,name,credit_code,address,contact_name,contact_mobile}'::text[],
           ARRAY[r.verdict, r.code, r.submitted_by, r.profile ->> 'name', r.profile ->> 'credit_code', r.profile ->> 'address',
                 r.profile ->> 'contact_name', r.profile ->> 'contact_mobile'],
           NULL::text, r.release
    FROM nianshen.unit_review r WHERE r.unit = p_unit AND (p_year IS NULL OR r.year = p_year)
    UNION ALL
    SELECT 'submission', format('%s %s', s.year, s.submission),
           '{state,code,listed,passed,failed,digest,errors,source,unit_review,mode,submitted_by,chunks,received,entries_total}',
           ARRAY[s.state, s.code, s.listed::text, s.passed::text, s.failed::text, s.digest, CASE WHEN s.state = 'rejected' THEN s.error_total::text END,
                 s.source, s.unit_review, s.mode, s.submitted_by, s.chunks::text, s.received::text, s.entries_total::text],
           s.submission, s.release
    FROM nianshen.submission s WHERE s.unit = p_unit AND (p_year IS NULL OR s.year = p_year)
    UNION ALL
    SELECT 'entry', format('%s %s %s', s.year, s.submission, to_char(e.chunk, 'FM00000') || '/' || to_char(e.index, 'FM0000')),
           '{id_key,reason}', ARRAY[e.id_key, e.reason], s.submission, NULL
    FROM nianshen.submission s JOIN nianshen.entry e ON e.submission_key = s.submission_key
    WHERE s.unit = p_unit AND (p_year IS NULL OR s.year = p_year)
    UNION ALL
    SELECT 'decision', format('%s %s %s', d.year, d.source, d.event_id),
           '{submission,kind,verdict,code,digest,superior,reviewer,submitted_by,comment}',
           ARRAY[d.submission, d.kind, d.verdict, d.code, d.digest, d.superior, d.reviewer, d.submitted_by, d.comment],
           d.submission, d.release
    FROM nianshen.decision d WHERE d.unit = p_unit AND (p_year IS NULL OR d.year = p_year)
    UNION ALL
    SELECT 'removed', m.member_no || ' ' || m.enrolled_ms,
           '{year,submission,reason,decision_source,decision,id_key,id_code,name,gender,id_type,id_number,id_valid_until,mobile,valid_from_ms}',
           ARRAY[m.year::text, m.submission, m.reason, m.decision_source, m.decision, m.id_key, m.id_code, m.name, m.gender, m.id_type, m.id_number,
                 m.id_valid_until, m.mobile, m.valid_from_ms::text],
           m.submission, NULL
    FROM nianshen.removed_member m WHERE m.unit = p_unit AND (p_year IS NULL OR m.year = p_year)
    UNION ALL
    SELECT 'member', m.member_no || ' ' || m.enrolled_ms || ' ' || m.valid_from_ms,
           '{id_key,id_code,name,gender,id_type,id_number,id_valid_until,mobile,valid_until_ms}',
           ARRAY[m.id_key, m.id_code, m.name, m.gender, m.id_type, m.id_number, m.id_valid_until, m.mobile,
                 nullif(m.valid_until_ms, nianshen.forever_ms())::text],
           NULL, NULL
    FROM nianshen.membership m
    -- Versions that had ended before a year's campaign opened are not part of that year.
    WHERE m.unit = p_unit AND m.valid_until_ms >= coalesce((SELECT c.opens_ms FROM nianshen.campaign_term c WHERE c.year = p_year), 0)
    UNION ALL
    SELECT 'profile', '', '{name,credit_code,address,contact_name,contact_mobile}',
           ARRAY[u.name, u.credit_code, u.address, u.contact_name, u.contact_mobile], NULL, NULL
    FROM nianshen.unit_profile u WHERE u.unit = p_unit
    UNION ALL
    SELECT 'superior', v.valid_from_ms::text, '{superior,valid_until_ms}',
           ARRAY[v.superior, nullif(v.valid_until_ms, nianshen.forever_ms())::text], NULL, NULL
    FROM nianshen.unit_superior v WHERE v.unit = p_unit
$$;

-- A line begins with the key: that a member's lines differ in their first bytes makes sorting them cheaper.
CREATE OR REPLACE FUNCTION nianshen.unit_digest(p_unit text, p_year integer) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE COST 100000 AS $$
    SELECT encode(sha256(convert_to(coalesce(string_agg(l.line, E'\n' ORDER BY l.line COLLATE "C"), ''), 'UTF8')), 'hex')
    FROM (SELECT concat_ws(E'\t', r.key, r.kind, r."values") AS line FROM nianshen.state_rows(p_unit, p_year) r) l
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
