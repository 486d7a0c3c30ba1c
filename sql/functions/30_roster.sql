-- Loading units and members: the files stand in the staging tables, one call merges each. Never deletes. Rows that are refused or skipped come
-- back with their line.

CREATE OR REPLACE FUNCTION nianshen.roster_load_start() RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = nianshen, pg_temp AS $$ SELECT nextval('load_seq') $$;

CREATE OR REPLACE FUNCTION nianshen.profile_of(p_unit nianshen.staging_unit) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_build_object('name', (p_unit).name, 'credit_code', (p_unit).credit_code, 'address', (p_unit).address,
                              'contact_name', (p_unit).contact_name, 'contact_mobile', (p_unit).contact_mobile)
$$;

-- Units: new ones, changed profiles, changed superiors (a new version). A transaction of its own, since it takes the reference lock.
CREATE OR REPLACE FUNCTION nianshen.roster_load_units(p_load_id bigint)
RETURNS TABLE (kind text, code text, line bigint, unit text, member_no text, text_zh text, text_en text, count bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = nianshen, pg_temp AS $$
#variable_conflict use_column
DECLARE
    from_ms bigint := reference_change_ms();
    added bigint;
    changed bigint;
    moved text[];
BEGIN
    RETURN QUERY
    DELETE FROM staging_unit s USING staging_unit t
    WHERE s.load_id = p_load_id AND t.load_id = p_load_id AND s.unit = t.unit AND s.line > t.line
    RETURNING 'refused', 'unit-twice', s.line, s.unit, NULL, code_text('unit-twice', true), code_text('unit-twice', false), NULL::bigint;

    moved := ARRAY(SELECT s.unit FROM staging_unit s JOIN unit_superior v ON v.unit = s.unit AND v.valid_until_ms = forever_ms()
                   WHERE s.load_id = p_load_id AND v.superior <> s.superior);
    WITH changes AS (
        INSERT INTO unit_profile AS u (unit, created_ms, name, credit_code, address, contact_name, contact_mobile, loaded, loaded_ms)
        SELECT s.unit, from_ms, s.name, s.credit_code, s.address, s.contact_name, s.contact_mobile, profile_of(s), from_ms
        FROM staging_unit s WHERE s.load_id = p_load_id ORDER BY s.unit
        ON CONFLICT (unit) DO UPDATE SET name = excluded.name, credit_code = excluded.credit_code, address = excluded.address,
            contact_name = excluded.contact_name, contact_mobile = excluded.contact_mobile, loaded = excluded.loaded, loaded_ms = excluded.loaded_ms
        WHERE (u.name, u.credit_code, u.address, u.contact_name, u.contact_mobile)
            IS DISTINCT FROM (excluded.name, excluded.credit_code, excluded.address, excluded.contact_name, excluded.contact_mobile)
        RETURNING u.unit, u.created_ms = from_ms AS is_new
    )
    SELECT count(*) FILTER (WHERE c.is_new), count(DISTINCT coalesce(c.unit, m)) FILTER (WHERE c.is_new IS NOT TRUE)
    INTO added, changed FROM changes c FULL JOIN unnest(moved) m ON m = c.unit;

    UPDATE unit_superior v SET valid_until_ms = from_ms WHERE v.unit = ANY (moved) AND v.valid_until_ms = forever_ms();
    INSERT INTO unit_superior (unit, superior, valid_from_ms, valid_until_ms)
    SELECT s.unit, s.superior, from_ms, forever_ms() FROM staging_unit s WHERE s.load_id = p_load_id
    ON CONFLICT (unit, valid_until_ms) DO NOTHING;
    DELETE FROM staging_unit s WHERE s.load_id = p_load_id;

    RETURN QUERY SELECT 'summary', s.code, NULL::bigint, NULL, NULL, NULL, NULL, s.count
                 FROM (VALUES ('units-added', added), ('units-changed', changed)) AS s (code, count);
END
$$;

-- Members that an approval removed by reference, and that the load names by number or member number: their rows go to the archive before anything is
-- compared, as they would later, so that for the load they are removed members like all others.
CREATE OR REPLACE FUNCTION nianshen.roster_archive_due(p_load_id bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM nianshen_engine.removal_due) THEN
        RETURN;
    END IF;
    WITH due AS (
        SELECT d.*, f.enrolment, f.reason
        FROM nianshen_engine.removal_due d
        JOIN nianshen_engine.submission s ON s.unit = d.unit AND s.year = d.year AND s.submission = d.submission
        CROSS JOIN LATERAL unnest(s.failing_enrolments, s.failing_reasons) AS f (enrolment, reason)
        WHERE d.unit IN (SELECT t.unit FROM staging_member t WHERE t.load_id = p_load_id)
    ), moved AS (
        DELETE FROM membership m USING due d
        WHERE m.enrolment = d.enrolment AND m.unit = d.unit AND m.valid_until_ms = forever_ms()
            AND EXISTS (SELECT FROM staging_member t
                        WHERE t.load_id = p_load_id AND t.unit = m.unit AND (t.member_no = m.member_no OR t.id_key = m.id_key))
        RETURNING m.*, d.year, d.submission, d.reason, d.decision_source, d.decision, d.removed_ms
    )
    INSERT INTO nianshen_engine.archive (enrolment, unit, member_no, id_key, id_code, name, gender, id_type, id_number, id_valid_until, mobile, enrolled_ms,
                                         valid_from_ms, valid_until_ms, year, submission, reason, decision_source, decision, removed_ms)
    SELECT m.enrolment, m.unit, m.member_no, m.id_key, m.id_code, m.name, m.gender, m.id_type, m.id_number, m.id_valid_until, m.mobile, m.enrolled_ms,
           m.valid_from_ms, m.removed_ms, m.year, m.submission, m.reason, m.decision_source, m.decision, m.removed_ms
    FROM moved m;
END
$$;

-- What the load can't take, the first finding a row. A refused row is not loaded, the others are. With p_correct a number that another member holds is free
-- when that member's own row gives it up and is not refused itself: so two numbers can be swapped, and more of them passed on.
CREATE OR REPLACE FUNCTION nianshen.roster_member_findings(p_load_id bigint, p_correct boolean, p_re_enrol boolean)
RETURNS TABLE (line bigint, unit text, member_no text, kind text, code text, other text)
LANGUAGE sql STABLE AS $$
    WITH RECURSIVE staged AS NOT MATERIALIZED (
        SELECT s.*,
               first_value(s.line) OVER (PARTITION BY s.unit, s.member_no ORDER BY s.line) AS first_of_no,
               first_value(s.line) OVER (PARTITION BY s.unit, s.id_key ORDER BY s.line) AS first_of_key,
               first_value(s.member_no) OVER (PARTITION BY s.unit, s.id_key ORDER BY s.line) AS no_of_key
        FROM nianshen.staging_member s WHERE s.load_id = p_load_id
    ), judged AS (
        SELECT s.line, s.unit, s.member_no,
            CASE
                WHEN NOT EXISTS (SELECT FROM nianshen.unit_profile u WHERE u.unit = s.unit) THEN 'unit-not-loaded'
                WHEN coalesce(s.id_key, '') = '' THEN 'id-missing'
                WHEN s.first_of_no <> s.line THEN 'member-twice'
                WHEN s.first_of_key <> s.line THEN 'id-shared'
                WHEN taken.member_no IS NOT NULL AND NOT p_correct THEN 'id-shared'
                WHEN same.enrolment IS NOT NULL AND same.id_key <> s.id_key AND NOT p_correct THEN 'id-differs'
                WHEN same.enrolment IS NULL AND gone.enrolment IS NOT NULL AND NOT p_re_enrol THEN 'member-removed'
            END AS code,
            CASE WHEN s.first_of_key <> s.line THEN s.no_of_key ELSE taken.member_no END AS other,
            taken.member_no AS holder, -- of the number
            same.enrolment IS NOT NULL AND same.id_key <> s.id_key AS gives_up
        FROM staged s
        LEFT JOIN nianshen.membership same
            ON same.unit = s.unit AND same.member_no = s.member_no AND same.valid_until_ms = nianshen.forever_ms()
        LEFT JOIN nianshen.membership taken
            ON taken.unit = s.unit AND taken.id_key = s.id_key AND taken.valid_until_ms = nianshen.forever_ms() AND taken.member_no <> s.member_no
        -- Asked only of rows that would enrol somebody, and not at all while nobody was ever removed or enrolled: three look-ups a row of a first load.
        LEFT JOIN LATERAL (SELECT r.enrolment FROM nianshen.removed_member r
                           WHERE same.enrolment IS NULL AND NOT p_re_enrol AND (SELECT EXISTS (SELECT FROM nianshen.removed_member))
                               AND r.unit = s.unit AND r.member_no = s.member_no AND r.id_key = s.id_key
                           UNION ALL
                           SELECT r.enrolment FROM nianshen_engine.archive r
                           WHERE same.enrolment IS NULL AND NOT p_re_enrol AND (SELECT EXISTS (SELECT FROM nianshen_engine.archive))
                               AND r.unit = s.unit AND r.member_no = s.member_no AND r.id_key = s.id_key
                           UNION ALL
                           -- One that was restored with its end; the approval that archives it is not read again yet.
                           SELECT m.enrolment FROM nianshen.membership m
                           WHERE same.enrolment IS NULL AND NOT p_re_enrol AND (SELECT EXISTS (SELECT FROM nianshen.membership))
                               AND m.unit = s.unit AND m.member_no = s.member_no AND m.id_key = s.id_key
                               AND NOT EXISTS (SELECT FROM nianshen.membership n
                                               WHERE n.enrolment = m.enrolment AND n.valid_until_ms > m.valid_until_ms)
                               AND NOT EXISTS (SELECT FROM nianshen.removed_member r WHERE r.enrolment = m.enrolment)
                               AND NOT EXISTS (SELECT FROM nianshen_engine.archive r WHERE r.enrolment = m.enrolment)
                           LIMIT 1) gone ON true
    ), told AS ( -- few: nearly every row is fine
        SELECT j.* FROM judged j WHERE j.code IS NOT NULL OR j.holder IS NOT NULL OR (p_correct AND j.gives_up)
    ), behind AS ( -- who waits for which row to give up a number
        SELECT t.line, h.line AS holder_line
        FROM told t LEFT JOIN told h ON h.unit = t.unit AND h.member_no = t.holder AND h.code IS NULL AND h.gives_up
        WHERE t.code IS NULL AND t.holder IS NOT NULL
    ), stuck AS (
        SELECT b.line FROM behind b WHERE b.holder_line IS NULL
        UNION
        SELECT b.line FROM behind b JOIN stuck s ON s.line = b.holder_line
    ), found AS (
        SELECT t.line, t.unit, t.member_no, coalesce(t.code, 'id-shared') AS code, t.other
        FROM told t WHERE t.code IS NOT NULL OR t.line IN (SELECT s.line FROM stuck s)
    )
    SELECT f.line, f.unit, f.member_no, CASE WHEN f.code = 'member-removed' THEN 'skipped' ELSE 'refused' END, f.code, f.other FROM found f
$$;

CREATE OR REPLACE FUNCTION nianshen.roster_load_members(p_load_id bigint, p_correct boolean, p_re_enrol boolean)
RETURNS TABLE (kind text, code text, line bigint, unit text, member_no text, text_zh text, text_en text, count bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = nianshen, pg_temp AS $$
#variable_conflict use_column
DECLARE
    from_ms bigint;
    unchanged bigint;
    added bigint;
    corrected bigint;
    updated bigint;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(roster_lock_key());
    from_ms := now_ms();
    ANALYZE staging_member;
    PERFORM roster_archive_due(p_load_id);
    RETURN QUERY
    WITH bad AS (SELECT * FROM roster_member_findings(p_load_id, p_correct, p_re_enrol)),
         gone AS (DELETE FROM staging_member s USING bad WHERE s.load_id = p_load_id AND s.line = bad.line)
    SELECT b.kind, b.code, b.line, b.unit, b.member_no,
           code_text(b.code, true, NULL, NULL, b.other), code_text(b.code, false, NULL, NULL, b.other), NULL::bigint
    FROM bad b ORDER BY b.line;

    -- A correction stops the workers until we commit: what needs no lock of theirs comes before it, and leaves the fewest rows to it.
    unchanged := roster_leave_unchanged(p_load_id);
    added := roster_enrol(p_load_id, from_ms);
    ANALYZE membership; -- plans made before a large load are made anew
    ANALYZE staging_member;
    SELECT * INTO corrected, from_ms FROM roster_correct(p_load_id, from_ms);
    IF corrected > 0 THEN
        added := added + roster_enrol(p_load_id, from_ms); -- with numbers that were given up just now
    END IF;
    updated := roster_update_members(p_load_id);
    DELETE FROM staging_member s WHERE s.load_id = p_load_id;
    RETURN QUERY SELECT 'summary', s.code, NULL::bigint, NULL, NULL, NULL, NULL, s.count
                 FROM (VALUES ('members-added', added), ('members-changed', corrected + updated), ('members-unchanged', unchanged)) AS s (code, count);
END
$$;

-- Rows that say what the roster says already are done with.
CREATE OR REPLACE FUNCTION nianshen.roster_leave_unchanged(p_load_id bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    unchanged bigint;
BEGIN
    DELETE FROM staging_member s USING membership m
    WHERE s.load_id = p_load_id AND m.unit = s.unit AND m.member_no = s.member_no AND m.valid_until_ms = forever_ms() AND m.id_key = s.id_key
        AND (m.name, m.gender, m.id_type, m.id_number, m.id_valid_until, m.mobile)
            IS NOT DISTINCT FROM (s.name, s.gender, s.id_type, s.id_number, s.id_valid_until, s.mobile);
    GET DIAGNOSTICS unchanged = ROW_COUNT;
    RETURN unchanged;
END
$$;

-- Whoever is not on the roster joins, unless another member holds the number still. Takes these rows out of the load.
CREATE OR REPLACE FUNCTION nianshen.roster_enrol(p_load_id bigint, p_from_ms bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    added bigint;
BEGIN
    WITH fresh AS (
        DELETE FROM staging_member s
        WHERE s.load_id = p_load_id
            AND NOT EXISTS (SELECT FROM membership m WHERE m.unit = s.unit AND m.member_no = s.member_no AND m.valid_until_ms = forever_ms())
            AND NOT EXISTS (SELECT FROM membership m WHERE m.unit = s.unit AND m.id_key = s.id_key AND m.valid_until_ms = forever_ms())
        RETURNING s.*
    )
    INSERT INTO membership (enrolment, unit, member_no, id_key, id_code, name, gender, id_type, id_number, id_valid_until, mobile,
                            enrolled_ms, valid_from_ms, valid_until_ms)
    SELECT nextval('enrolment_seq'), s.unit, s.member_no, s.id_key, s.id_code, s.name, s.gender, s.id_type, s.id_number, s.id_valid_until, s.mobile,
           p_from_ms, p_from_ms, forever_ms()
    FROM (SELECT * FROM fresh ORDER BY unit, id_key) s
    ON CONFLICT (unit, member_no, valid_until_ms) DO NOTHING;
    GET DIAGNOSTICS added = ROW_COUNT;
    RETURN added;
END
$$;

-- Rows that give a member another number (--correct), or to one who was enrolled when a campaign opened another name: reviewers see the name, and the
-- blocks of a campaign hold it.
CREATE OR REPLACE FUNCTION nianshen.roster_corrections(p_load_id bigint) RETURNS TABLE (line bigint, enrolment bigint)
LANGUAGE sql STABLE AS $$
    SELECT s.line, m.enrolment
    FROM nianshen.staging_member s
    JOIN nianshen.membership m ON m.unit = s.unit AND m.member_no = s.member_no AND m.valid_until_ms = nianshen.forever_ms()
    WHERE s.load_id = p_load_id
        AND (m.id_key <> s.id_key
             OR (m.name IS DISTINCT FROM s.name AND m.enrolled_ms < (SELECT max(c.opens_ms) FROM nianshen.campaign_term c)))
$$;

-- The old version ends, a new one of the same enrolment begins: a change of reference data. While a campaign is open that the member is part of, it is also
-- a change of that campaign's roster. All old versions end before the first new one begins, since numbers may be swapped: hence the ORDER BY, which reads
-- all of them first. p_from_ms becomes the date of the corrections.
CREATE OR REPLACE FUNCTION nianshen.roster_correct(p_load_id bigint, p_from_ms bigint, OUT corrected bigint, OUT from_ms bigint)
LANGUAGE plpgsql AS $$
BEGIN
    corrected := 0;
    from_ms := p_from_ms;
    IF NOT EXISTS (SELECT FROM roster_corrections(p_load_id)) THEN
        RETURN;
    END IF;
    from_ms := greatest(p_from_ms, reference_change_ms());
    PERFORM roster_archive_due(p_load_id); -- approved meanwhile: from here on nobody approves
    WITH ended AS (
        UPDATE membership m SET valid_until_ms = from_ms
        FROM roster_corrections(p_load_id) c JOIN staging_member s ON s.load_id = p_load_id AND s.line = c.line
        WHERE m.enrolment = c.enrolment AND m.valid_until_ms = forever_ms()
        RETURNING m.enrolment, m.enrolled_ms, m.id_key AS was_key, m.name AS was_name, s.*
    ), told AS (
        INSERT INTO nianshen_engine.roster_change (unit, year, at_ms, enrolment, member_no, id_key, name, was_key, was_name)
        SELECT e.unit, c.year, from_ms, e.enrolment, e.member_no, e.id_key, coalesce(e.name, ''), e.was_key, coalesce(e.was_name, '')
        FROM ended e JOIN campaign_term c ON c.opens_ms <= from_ms AND c.closes_ms > from_ms AND e.enrolled_ms < c.opens_ms
    )
    INSERT INTO membership (enrolment, unit, member_no, id_key, id_code, name, gender, id_type, id_number, id_valid_until, mobile,
                            enrolled_ms, valid_from_ms, valid_until_ms)
    SELECT e.enrolment, e.unit, e.member_no, e.id_key, e.id_code, e.name, e.gender, e.id_type, e.id_number, e.id_valid_until, e.mobile,
           e.enrolled_ms, from_ms, forever_ms()
    FROM ended e ORDER BY e.unit, e.id_key;
    GET DIAGNOSTICS corrected = ROW_COUNT;
END
$$;

-- What no verdict depends on (name, mobile, …) is simply brought up to date.
CREATE OR REPLACE FUNCTION nianshen.roster_update_members(p_load_id bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    updated bigint;
BEGIN
    UPDATE membership m
    SET name = c.name, gender = c.gender, id_type = c.id_type, id_number = c.id_number, id_valid_until = c.id_valid_until, mobile = c.mobile
    -- Locked in the order in which an approval locks them.
    FROM (SELECT s.* FROM staging_member s
          JOIN membership o ON o.unit = s.unit AND o.member_no = s.member_no AND o.valid_until_ms = forever_ms() AND o.id_key = s.id_key
          WHERE s.load_id = p_load_id AND (o.name, o.gender, o.id_type, o.id_number, o.id_valid_until, o.mobile)
              IS DISTINCT FROM (s.name, s.gender, s.id_type, s.id_number, s.id_valid_until, s.mobile)
          ORDER BY o.unit, o.id_key FOR UPDATE OF o) c
    WHERE m.unit = c.unit AND m.member_no = c.member_no AND m.valid_until_ms = forever_ms();
    GET DIAGNOSTICS updated = ROW_COUNT;
    RETURN updated;
END
$$;
