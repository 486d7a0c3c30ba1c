-- Chunks: stored, and their rows checked against the roster as it stood when the campaign opened. That makes the check independent of when the chunk
-- comes, and of what was decided meanwhile.

-- The submissions that begin with these chunks. Nearly all have one chunk only, and are complete at once.
CREATE OR REPLACE FUNCTION nianshen.submissions_begin(p_records nianshen.record_in[]) RETURNS bigint[]
LANGUAGE plpgsql AS $$
DECLARE
    begun bigint[];
BEGIN
    WITH first AS (
        SELECT DISTINCT ON (r.unit, r.year, r.body ->> 'submission') r.unit, r.year, r.source, r.body, (r.body ->> 'chunks')::integer AS chunks,
               count(*) OVER same AS received, last_value(r.record_offset) OVER same AS last_offset, last_value(r.append_ms) OVER same AS last_ms,
               last_value(r.event_id) OVER same AS last_id
        FROM unnest(p_records) r WHERE r.kind = 'chunk'
        WINDOW same AS (PARTITION BY r.unit, r.year, r.body ->> 'submission' ORDER BY r.record_offset
                        ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
        ORDER BY r.unit, r.year, r.body ->> 'submission', r.n
    ), stored AS (
        INSERT INTO submission (unit, year, submission, source, unit_review, mode, submitted_by, chunks, entries_total, received, completed_offset,
                                completed_ms, completed_by, state)
        SELECT f.unit, f.year, f.body ->> 'submission', f.source, f.body ->> 'unit_review', f.body ->> 'mode', f.body ->> 'submitted_by', f.chunks,
               (f.body ->> 'entries_total')::integer, f.received, CASE WHEN f.received = f.chunks THEN f.last_offset END,
               CASE WHEN f.received = f.chunks THEN f.last_ms END, CASE WHEN f.received = f.chunks THEN f.last_id END,
               CASE -- A withdrawal may have been judged before the submission was seen.
                   WHEN EXISTS (SELECT FROM decision d WHERE d.unit = f.unit AND d.year = f.year AND d.submission = f.body ->> 'submission'
                                AND d.kind = 'withdrawn' AND d.verdict = 'accepted' OFFSET 0) THEN 'withdrawn'
                   WHEN f.received = f.chunks THEN 'waiting'
                   ELSE 'receiving'
               END
        FROM first f
        ON CONFLICT (unit, year, submission) DO NOTHING
        RETURNING submission_key
    )
    SELECT array_agg(s.submission_key) INTO begun FROM stored s;
    RETURN begun;
END
$$;

CREATE OR REPLACE FUNCTION nianshen.chunks_store(p_records nianshen.record_in[], r_failed_count integer[], r_passed_count integer[],
    r_unsorted_list text[], r_unsorted_index integer[], r_first_key text[], r_last_key text[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    begun bigint[] := nianshen.submissions_begin(p_records);
    continued bigint[];
BEGIN
    WITH stored AS (
        INSERT INTO chunk (submission_key, chunk, record_offset, append_ms, event_id, content_sha256, in_campaign, failed_count, passed_count,
                           first_key, last_key, unsorted_list, unsorted_index)
        SELECT s.submission_key, (r.body ->> 'chunk')::integer, r.record_offset, r.append_ms, r.event_id, r.content_sha256,
               r.is_in_campaign, r_failed_count[r.n], r_passed_count[r.n], r_first_key[r.n], r_last_key[r.n],
               r_unsorted_list[r.n], r_unsorted_index[r.n]
        FROM unnest(p_records) r
        JOIN submission s ON s.unit = r.unit AND s.year = r.year AND s.submission = r.body ->> 'submission'
        WHERE r.kind = 'chunk'
        RETURNING submission_key
    ), counted AS (
        SELECT submission_key, count(*) AS added FROM stored WHERE submission_key NOT IN (SELECT unnest(begun)) GROUP BY 1
    ), updated AS (
        UPDATE submission s SET received = s.received + c.added FROM counted c WHERE s.submission_key = c.submission_key
        RETURNING s.submission_key
    )
    SELECT array_agg(u.submission_key) INTO continued FROM updated u;
    IF continued IS NOT NULL THEN
        PERFORM submissions_complete(continued);
    END IF;
END
$$;

-- A submission is complete when all its chunks are there; the chunk that completed it gives its place in the unit's queue.
CREATE OR REPLACE FUNCTION nianshen.submissions_complete(p_keys bigint[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE nianshen.submission s
    SET completed_offset = c.record_offset, completed_ms = c.append_ms, completed_by = c.event_id,
        state = CASE WHEN s.state = 'receiving' THEN 'waiting' ELSE s.state END
    FROM (SELECT DISTINCT ON (h.submission_key) h.submission_key, h.record_offset, h.append_ms, h.event_id
          FROM nianshen.chunk h WHERE h.submission_key = ANY (p_keys)
          ORDER BY h.submission_key, h.record_offset DESC) c
    WHERE s.submission_key = c.submission_key AND s.received = s.chunks;
END
$$;

-- One chunk's listed keys that are not exactly the roster's of their range: which are not on it, which of it are not listed. p_failed: the places of the failing
-- ones among the listed.
CREATE OR REPLACE FUNCTION nianshen.listed_differences(p_unit text, p_opens_ms bigint, p_listed text, p_failed integer[], p_first text, p_last text)
RETURNS TABLE (key text, list text, index integer, member_no text, on_roster boolean)
LANGUAGE sql STABLE AS $$
    WITH listed AS (
        SELECT l.key, CASE WHEN f.place IS NOT NULL THEN 'failed' ELSE 'passed' END AS list,
               (row_number() OVER (PARTITION BY f.place IS NOT NULL ORDER BY l.place) - 1)::integer AS index
        FROM unnest(string_to_array(p_listed, E'\n')) WITH ORDINALITY AS l (key, place)
        LEFT JOIN unnest(p_failed) AS f (place) ON f.place = l.place
    ), roster AS (
        SELECT r.id_key, r.member_no FROM nianshen.roster_before(p_unit, p_opens_ms, p_first, p_last) r
    )
    SELECT coalesce(l.key, r.id_key), l.list, l.index, r.member_no, r.id_key IS NOT NULL
    FROM listed l FULL JOIN roster r ON r.id_key = l.key
    WHERE l.key IS NULL OR r.id_key IS NULL
$$;

-- When the listed keys are exactly the roster's of their range: the enrolments that they mean, one by one; else null. Nearly all chunks of list mode are, and
-- this costs neither a join nor a look into the table, only the range in its index. Keys hold no newline, so the texts are equal when the keys are.
CREATE OR REPLACE FUNCTION nianshen.listed_enrolments(p_unit text, p_opens_ms bigint, p_listed text, p_first text, p_last text) RETURNS bigint[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF EXISTS (SELECT FROM nianshen.removed_member r WHERE r.unit = p_unit AND r.id_key BETWEEN p_first AND p_last) THEN
        RETURN (SELECT CASE WHEN coalesce(string_agg(s.id_key, E'\n'), '') = p_listed THEN coalesce(array_agg(s.enrolment), '{}') END
                FROM (SELECT r.id_key, r.enrolment FROM nianshen.roster_before(p_unit, p_opens_ms, p_first, p_last) r ORDER BY r.id_key COLLATE "C") s);
    END IF;
    RETURN (SELECT CASE WHEN coalesce(string_agg(s.id_key, E'\n'), '') = p_listed THEN coalesce(array_agg(s.enrolment), '{}') END
            FROM (SELECT m.id_key, m.enrolment FROM nianshen.members_before(p_unit, p_opens_ms, p_first, p_last) m ORDER BY m.id_key COLLATE "C") s);
END
$$;

-- A key that is not on the roster of the campaign: enrolled too late, or unknown to the unit when the chunk came.
CREATE OR REPLACE FUNCTION nianshen.not_on_roster_code(p_unit text, p_year integer, p_key text, p_append_ms bigint) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN CASE WHEN EXISTS (
        SELECT FROM nianshen.campaign_term c, nianshen.membership m
        WHERE c.year = p_year AND m.unit = p_unit AND m.id_key = p_key COLLATE "C" AND m.enrolled_ms >= c.opens_ms AND m.valid_from_ms <= p_append_ms
        UNION ALL
        SELECT FROM nianshen.campaign_term c, nianshen.removed_member r
        WHERE c.year = p_year AND r.unit = p_unit AND r.id_key = p_key COLLATE "C" AND r.enrolled_ms >= c.opens_ms AND r.valid_from_ms <= p_append_ms)
    THEN 'not-in-campaign' ELSE 'not-on-roster' END;
END
$$;

-- Whom a number means that a spreadsheet cut to its first fifteen digits: the only member whose number begins with them, else null.
CREATE OR REPLACE FUNCTION nianshen.truncated_member(p_unit text, p_year integer, p_key text) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN CASE WHEN p_key ~ '^[0-9]{15}000$' THEN (
        SELECT min(r.member_no) FROM nianshen.roster_at_opening(p_unit, p_year, left(p_key, 15) || '000', left(p_key, 15) || '99X') r
        HAVING count(*) = 1) END;
END
$$;

-- Checks the rows of each new chunk: stores the failing entries that the roster has, and looks closer at those chunks only of which there is something to tell.
-- One that came outside the campaign is refused as a whole later: there is no roster to check it against.
CREATE OR REPLACE FUNCTION nianshen.chunks_check(p_records nianshen.record_in[], r_first_key text[], r_last_key text[], r_listed text[],
    f_record integer[], f_index integer[], f_place integer[], f_key text[], f_reason text[], f_warnings text[],
    e_record integer[], e_list text[], e_index integer[], e_code text[], e_key text[], e_masked text[], e_position integer[], e_expected text[])
RETURNS void
LANGUAGE plpgsql SET enable_hashjoin = on AS $$
DECLARE
    differing integer[]; -- chunks whose list is not the roster's
    told integer[]; -- chunks of which there is something to tell
BEGIN
    WITH checked AS ( -- the chunks, once
        SELECT r.n, s.submission_key, r.unit, t.opens_ms, (r.body ->> 'chunk')::integer AS chunk, r_listed[r.n] IS NOT NULL AS is_listing,
               CASE WHEN r_listed[r.n] IS NOT NULL THEN listed_enrolments(r.unit, t.opens_ms, r_listed[r.n], r_first_key[r.n], r_last_key[r.n]) END AS enrolments
        FROM unnest(p_records) r
        JOIN campaign_term t ON t.year = r.year
        JOIN submission s ON s.unit = r.unit AND s.year = r.year AND s.submission = r.body ->> 'submission'
        WHERE r.kind = 'chunk' AND r.is_in_campaign
    ), failing AS ( -- failing entries with the membership that they mean, looked up where the list has not told
        SELECT c.n, c.submission_key, c.chunk, c.is_listing, f.index, f.key, f.reason, f.warnings,
               CASE WHEN c.enrolments IS NULL THEN (SELECT r.enrolment FROM roster_before(c.unit, c.opens_ms, f.key, f.key) r)
                    ELSE c.enrolments[f.place] END AS enrolment
        FROM unnest(f_record, f_index, f_place, f_key, f_reason, f_warnings) AS f (record, index, place, key, reason, warnings)
        JOIN checked c ON c.n = f.record
    ), entries AS (
        INSERT INTO entry (submission_key, chunk, index, id_key, reason, enrolment)
        SELECT f.submission_key, f.chunk, f.index, f.key, f.reason, f.enrolment FROM failing f WHERE f.enrolment IS NOT NULL
    ), noted AS ( -- whatever chunks_find tells of a chunk makes it be looked at here
        SELECT c.n, true AS is_differing FROM checked c WHERE c.is_listing AND c.enrolments IS NULL
        UNION ALL
        SELECT f.n, false FROM failing f
        WHERE (f.enrolment IS NULL AND NOT f.is_listing) OR f.warnings IS NOT NULL
            OR (f.reason <> '' AND f.reason NOT IN (SELECT q.reason FROM failure_reason q))
    )
    SELECT array_agg(n.n) FILTER (WHERE n.is_differing), array_agg(DISTINCT n.n) INTO differing, told FROM noted n;
    told := told || e_record;
    IF cardinality(told) > 0 THEN
        PERFORM chunks_find(p_records, told, differing, r_first_key, r_last_key, r_listed, f_record, f_index, f_place, f_key, f_reason, f_warnings,
                            e_record, e_list, e_index, e_code, e_key, e_masked, e_position, e_expected);
    END IF;
END
$$;

-- The findings about the rows of these chunks, whose failing entries are stored.
CREATE OR REPLACE FUNCTION nianshen.chunks_find(p_records nianshen.record_in[], p_told integer[], p_differing integer[],
    r_first_key text[], r_last_key text[], r_listed text[],
    f_record integer[], f_index integer[], f_place integer[], f_key text[], f_reason text[], f_warnings text[],
    e_record integer[], e_list text[], e_index integer[], e_code text[], e_key text[], e_masked text[], e_position integer[], e_expected text[])
RETURNS void
LANGUAGE plpgsql SET enable_hashjoin = on AS $$
BEGIN
    WITH checked AS (
        SELECT r.n, s.submission_key, r.unit, r.year, t.opens_ms, r.append_ms, (r.body ->> 'chunk')::integer AS chunk,
               r_first_key[r.n] AS first_key, r_last_key[r.n] AS last_key, r_listed[r.n] IS NOT NULL AS is_listing
        FROM unnest(p_records) r
        JOIN campaign_term t ON t.year = r.year
        JOIN submission s ON s.unit = r.unit AND s.year = r.year AND s.submission = r.body ->> 'submission'
        WHERE r.kind = 'chunk' AND r.is_in_campaign AND r.n IN (SELECT unnest(p_told))
    ), failing AS (
        SELECT c.n, c.submission_key, c.chunk, c.is_listing, f.index, f.key, f.reason, f.warnings
        FROM unnest(f_record, f_index, f_key, f_reason, f_warnings) AS f (record, index, key, reason, warnings)
        JOIN checked c ON c.n = f.record
    ), bad AS ( -- what the core found in single rows
        SELECT c.n, e.list, e.index, e.code, e.masked, nullif(e.position, 0) AS position, e.expected,
               e.code LIKE 'id-%' AS is_malformed, m.enrolment IS NOT NULL AS on_roster,
               CASE e.code WHEN 'id-spreadsheet' THEN truncated_member(c.unit, c.year, e.key) END AS member_no
        FROM unnest(e_record, e_list, e_index, e_code, e_key, e_masked, e_position, e_expected)
            AS e (record, list, index, code, key, masked, position, expected)
        JOIN checked c ON c.n = e.record
        LEFT JOIN LATERAL (SELECT r.enrolment FROM roster_before(c.unit, c.opens_ms, e.key, e.key) r) m ON true
    ), without_number AS MATERIALIZED (
        SELECT b.n, b.list, count(*)::integer AS entries FROM bad b WHERE b.code = 'id-missing' GROUP BY b.n, b.list
    ), differing AS ( -- what the roster says: of list mode both ways, else a failing entry only has to be on it
        SELECT c.n, d.key, d.list,
               -- Entries without a number come first in their list and are not among the listed keys.
               d.index + coalesce((SELECT w.entries FROM without_number w WHERE w.n = c.n AND w.list = d.list), 0) AS index,
               d.member_no, d.on_roster
        FROM checked c CROSS JOIN LATERAL listed_differences(c.unit, c.opens_ms, r_listed[c.n],
            ARRAY(SELECT f.place FROM unnest(f_record, f_place) AS f (record, place) WHERE f.record = c.n), c.first_key, c.last_key) d
        WHERE c.n = ANY (p_differing)
        UNION ALL
        SELECT f.n, f.key, 'failed', f.index, NULL, false FROM failing f
        WHERE NOT f.is_listing AND NOT EXISTS (SELECT FROM entry e WHERE e.submission_key = f.submission_key AND e.chunk = f.chunk AND e.index = f.index
                                               OFFSET 0)
    ), found AS (
        -- A malformed number that the roster has in the same letters is only a warning.
        SELECT b.n, b.list, b.index, NOT (b.is_malformed AND b.on_roster) AS is_error,
               CASE WHEN b.is_malformed AND b.on_roster THEN 'roster-malformed' ELSE b.code END AS code, b.masked, b.member_no, b.position,
               b.expected, NULL AS key
        FROM bad b
        UNION ALL
        SELECT d.n, d.list, d.index, true, CASE WHEN d.on_roster THEN 'not-listed' ELSE 'not-on-roster' END, mask_id(d.key), d.member_no, NULL, NULL,
               d.key
        FROM differing d
        -- Not NOT EXISTS: it may be planned as a nested loop, and half a million wrong entries would take hours. This is a hash whatever the plan.
        WHERE d.on_roster OR (d.n, d.list, d.index) NOT IN (SELECT b.n, b.list, b.index FROM bad b WHERE b.is_malformed)
        UNION ALL
        SELECT f.n, 'failed', f.index, true, 'unknown-reason', mask_id(f.key), NULL, NULL, NULL, NULL
        FROM failing f WHERE f.reason <> '' AND NOT EXISTS (SELECT FROM failure_reason q WHERE q.reason = f.reason)
        UNION ALL
        SELECT f.n, 'failed', f.index, false, w.code, mask_id(f.key), NULL, NULL, NULL, NULL
        FROM failing f CROSS JOIN LATERAL unnest(string_to_array(f.warnings, ',')) AS w (code) WHERE f.warnings IS NOT NULL
    ), kept AS (
        INSERT INTO row_finding (submission_key, chunk, list, index, is_error, code, masked, member_no, position, expected)
        -- What takes a look at the roster again is asked for those only that are kept.
        SELECT c.submission_key, c.chunk, o.list, o.index, o.is_error,
               CASE o.code WHEN 'not-on-roster' THEN not_on_roster_code(c.unit, c.year, o.key, c.append_ms) ELSE o.code END,
               o.masked, CASE o.code WHEN 'not-on-roster' THEN truncated_member(c.unit, c.year, o.key) ELSE o.member_no END, o.position, o.expected
        FROM (SELECT f.*, row_number() OVER (PARTITION BY f.n, f.is_error, f.list IS NULL ORDER BY f.list, f.index, f.member_no) AS rank
              FROM found f) o
        JOIN checked c ON c.n = o.n
        WHERE o.rank <= row_finding_cap()
    ), counted AS (
        SELECT f.n, count(*) AS errors FROM found f WHERE f.is_error GROUP BY f.n
    )
    UPDATE chunk k SET error_count = t.errors
    FROM counted t JOIN checked c ON c.n = t.n
    WHERE k.submission_key = c.submission_key AND k.chunk = c.chunk;
END
$$;
