-- Judging the submissions that are complete and the head of their unit's queue.

-- What the reviewer sees, in the canonical form of RFC 8785 (keys in order, no blanks; to_json escapes as it asks).
CREATE OR REPLACE FUNCTION nianshen.submission_canonical(p_submission nianshen.submission) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN '{"failed":[' || coalesce((
               SELECT string_agg('{"id_number":' || to_json(e.id_key) || ',"reason":' || to_json(e.reason) || '}', ',' ORDER BY e.id_key)
               FROM nianshen.entry e WHERE e.submission_key = (p_submission).submission_key), '')
        || '],"listed":' || (p_submission).listed || ',"mode":' || to_json((p_submission).mode) || ',"passed":' || (p_submission).passed
        || ',"profile":{' || coalesce((
               SELECT string_agg(to_json(p.key) || ':' || to_json(p.value), ',' ORDER BY p.key COLLATE "C")
               FROM nianshen.unit_review r, jsonb_each_text(r.profile) p
               WHERE r.unit = (p_submission).unit AND r.year = (p_submission).year AND r.source = (p_submission).source
                   AND r.event_id = (p_submission).unit_review), '')
        || '},"submission":' || to_json((p_submission).submission) || ',"unit":' || to_json((p_submission).unit)
        || ',"year":' || (p_submission).year || '}';
END
$$;

CREATE OR REPLACE FUNCTION nianshen.submission_digest(p_submission nianshen.submission) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT 'sha256:' || encode(sha256(c.salt || convert_to(nianshen.submission_canonical(p_submission), 'UTF8')), 'hex')
        FROM nianshen.campaign_term c WHERE c.year = (p_submission).year);
END
$$;

-- The head of each touched queue, if it is still to be judged.
CREATE OR REPLACE FUNCTION nianshen.heads_waiting(p_touch nianshen.touched[]) RETURNS bigint[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN ARRAY(
        SELECT h.submission_key
        FROM (SELECT DISTINCT ON (s.unit, s.year) s.submission_key, s.state
              FROM unnest(p_touch) t JOIN nianshen.submission s ON s.unit = t.unit AND s.year = t.year
              WHERE s.state IN ('waiting', 'pending') AND s.completed_offset IS NOT NULL
              ORDER BY s.unit, s.year, s.completed_offset) h
        WHERE h.state = 'waiting');
END
$$;

-- Why a head is refused before its rows are looked at; 'unit-review-missing' when it has to wait; null when its rows decide.
CREATE OR REPLACE FUNCTION nianshen.head_refusal(p_submission nianshen.submission) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN CASE
        WHEN EXISTS (SELECT FROM nianshen.submission o WHERE o.unit = (p_submission).unit AND o.year = (p_submission).year AND o.state = 'approved')
            THEN 'already-reviewed'
        WHEN EXISTS (SELECT FROM nianshen.chunk c WHERE c.submission_key = (p_submission).submission_key AND NOT c.in_campaign)
            THEN 'campaign-closed'
        WHEN nianshen.year_purged((p_submission).year) THEN 'campaign-closed' -- set free by a late event: its rows can't be judged any more
        ELSE coalesce((
            SELECT CASE r.verdict WHEN 'rejected' THEN 'unit-review-rejected' ELSE '' END FROM nianshen.unit_review r
            WHERE r.unit = (p_submission).unit AND r.year = (p_submission).year AND r.source = (p_submission).source
                AND r.event_id = (p_submission).unit_review), 'unit-review-missing')
    END;
END
$$;

-- Findings that only whole submissions show, into row_finding: order and repeats from chunk to chunk, the total.
CREATE OR REPLACE FUNCTION nianshen.submissions_check_chunks(p_keys bigint[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    WITH ranges AS (
        SELECT c.*, lag(c.last_key) OVER (PARTITION BY c.submission_key ORDER BY c.chunk) AS before_key
        FROM nianshen.chunk c WHERE c.submission_key = ANY (p_keys) AND c.first_key IS NOT NULL
    )
    INSERT INTO nianshen.row_finding (submission_key, chunk, list, index, is_error, code, masked)
    SELECT r.submission_key, r.chunk, r.unsorted_list, r.unsorted_index, true, 'not-sorted', NULL
    FROM ranges r WHERE r.unsorted_list IS NOT NULL
    UNION ALL
    SELECT r.submission_key, r.chunk, NULL, NULL, true, CASE WHEN r.first_key = r.before_key THEN 'listed-twice' ELSE 'not-sorted' END,
           nianshen.mask_id(r.first_key)
    FROM ranges r WHERE r.first_key <= r.before_key
    UNION ALL
    SELECT s.submission_key, NULL, NULL, NULL, true, 'total-mismatch', NULL
    FROM nianshen.submission s
    WHERE s.submission_key = ANY (p_keys)
        AND s.entries_total <> (SELECT sum(c.failed_count + c.passed_count) FROM nianshen.chunk c WHERE c.submission_key = s.submission_key);
END
$$;

-- List mode: roster members that lie between the ranges of two chunks, before the first or after the last. No chunk could see that they are missing.
-- Returns the number of them for one submission; the first ones become findings.
CREATE OR REPLACE FUNCTION nianshen.submission_check_gaps(p_submission nianshen.submission) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    missing_count bigint;
BEGIN
    WITH ranges AS (
        SELECT c.first_key, c.last_key, row_number() OVER (ORDER BY c.chunk) AS place
        FROM nianshen.chunk c WHERE c.submission_key = (p_submission).submission_key AND c.first_key IS NOT NULL
    ), gaps AS ( -- one before each range and one after the last
        SELECT b.last_key AS after_key, a.first_key AS before_key
        FROM ranges a FULL JOIN ranges b ON b.place = a.place - 1
        UNION ALL
        SELECT NULL, NULL WHERE NOT EXISTS (SELECT FROM ranges)
    ), missing AS (
        SELECT r.id_key, r.member_no, row_number() OVER (ORDER BY r.id_key COLLATE "C") AS rank
        FROM gaps g CROSS JOIN LATERAL nianshen.roster_at_opening((p_submission).unit, (p_submission).year, coalesce(g.after_key, ''),
                                                                  coalesce(g.before_key, nianshen.last_key())) r
        WHERE r.id_key IS DISTINCT FROM g.after_key AND r.id_key IS DISTINCT FROM g.before_key
    ), kept AS (
        INSERT INTO nianshen.row_finding (submission_key, is_error, code, masked, member_no)
        SELECT (p_submission).submission_key, true, 'not-listed', nianshen.mask_id(m.id_key), m.member_no
        FROM missing m WHERE m.rank <= nianshen.row_finding_cap()
    )
    SELECT count(*) INTO missing_count FROM missing;
    RETURN missing_count;
END
$$;

-- Row errors of whole submissions: their number goes into error_total.
CREATE OR REPLACE FUNCTION nianshen.submissions_check(p_keys bigint[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM submissions_check_chunks(p_keys);
    UPDATE submission s
    SET error_total = (SELECT coalesce(sum(c.error_count), 0) FROM chunk c WHERE c.submission_key = s.submission_key)
                    + (SELECT count(*) FROM row_finding w WHERE w.submission_key = s.submission_key
                       AND (w.code IN ('not-sorted', 'total-mismatch') OR w.code = 'listed-twice' AND w.list IS NULL))
    WHERE s.submission_key = ANY (p_keys);
    -- Where the order is broken, what is missing can't be told.
    UPDATE submission s SET error_total = s.error_total + submission_check_gaps(s)
    WHERE s.submission_key = ANY (p_keys) AND s.mode = 'list'
        AND NOT EXISTS (SELECT FROM row_finding w WHERE w.submission_key = s.submission_key AND w.code = 'not-sorted');
END
$$;

-- The code of a submission whose rows have errors.
CREATE OR REPLACE FUNCTION nianshen.row_refusal(p_submission nianshen.submission) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT CASE
            WHEN (p_submission).error_total = 0 THEN NULL
            WHEN bool_or(w.code = 'not-sorted') THEN 'not-sorted'
            WHEN (p_submission).error_total = 1 AND bool_or(w.code = 'total-mismatch') THEN 'total-mismatch'
            ELSE 'row-errors'
        END
        FROM nianshen.row_finding w WHERE w.submission_key = (p_submission).submission_key AND w.is_error);
END
$$;

CREATE OR REPLACE FUNCTION nianshen.rejected_body(p_submission nianshen.submission) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN nianshen.code_and_texts((p_submission).code) || jsonb_build_object(
        'errors_total', coalesce((p_submission).error_total, 0),
        'errors', CASE WHEN (p_submission).error_total > 0 THEN nianshen.findings_json((p_submission).submission_key, true) ELSE '[]' END);
END
$$;

CREATE OR REPLACE FUNCTION nianshen.pending_body(p_submission nianshen.submission) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN jsonb_build_object('unit_review', (p_submission).unit_review, 'mode', (p_submission).mode, 'digest', (p_submission).digest,
        'listed', (p_submission).listed, 'passed', (p_submission).passed, 'failed', (p_submission).failed,
        'reasons', nianshen.counts_by_reason((p_submission).submission_key),
        'warnings_total', (SELECT count(*) FROM nianshen.row_finding w WHERE w.submission_key = (p_submission).submission_key AND NOT w.is_error),
        'warnings', nianshen.findings_json((p_submission).submission_key, false));
END
$$;

-- Judges the heads of the touched queues, in the order of the rules. Returns how many were settled: those that wait for their unit review are not.
CREATE OR REPLACE FUNCTION nianshen.heads_judge(p_touch nianshen.touched[]) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    heads bigint[] := nianshen.heads_waiting(p_touch);
    checked bigint[];
    settled bigint[];
BEGIN
    UPDATE submission s SET state = 'rejected', code = head_refusal(s), decided_ms = s.completed_ms, release = (SELECT current_release())
    WHERE s.submission_key = ANY (heads) AND head_refusal(s) NOT IN ('', 'unit-review-missing');
    checked := ARRAY(SELECT s.submission_key FROM submission s
                     WHERE s.submission_key = ANY (heads) AND s.state = 'waiting' AND head_refusal(s) = '');
    PERFORM submissions_check(checked);
    UPDATE submission s SET state = 'rejected', code = row_refusal(s), decided_ms = s.completed_ms, release = (SELECT current_release())
    WHERE s.submission_key = ANY (checked) AND s.error_total > 0;
    UPDATE submission s SET state = 'pending', listed = n.listed, failed = n.failed, passed = n.listed - n.failed, release = (SELECT current_release())
    FROM (SELECT t.submission_key, (SELECT count(*) FROM roster_at_opening(t.unit, t.year, '', last_key())) AS listed,
                 (SELECT sum(c.failed_count) FROM chunk c WHERE c.submission_key = t.submission_key) AS failed
          FROM submission t WHERE t.submission_key = ANY (checked) AND t.error_total = 0
          OFFSET 0) n -- or each use of a count would count again
    WHERE s.submission_key = n.submission_key;
    UPDATE submission s SET digest = submission_digest(s) WHERE s.submission_key = ANY (checked) AND s.state = 'pending';

    settled := ARRAY(SELECT s.submission_key FROM submission s WHERE s.submission_key = ANY (heads) AND s.state <> 'waiting');
    PERFORM outcomes_write(p_touch, ARRAY(
        SELECT submission_outcome(s, 'nianshen.member-review.' || s.state || '.v1',
                                  CASE s.state WHEN 'pending' THEN pending_body(s) ELSE rejected_body(s) END)
        FROM submission s WHERE s.submission_key = ANY (settled) ORDER BY s.submission_key));
    RETURN cardinality(settled);
END
$$;

-- Tells those that became complete in this micro-batch and have to wait. Advisory: it depends on what has arrived.
CREATE OR REPLACE FUNCTION nianshen.waiting_tell(p_touch nianshen.touched[], p_records nianshen.record_in[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    heads bigint[] := nianshen.heads_waiting(p_touch); -- once: each call looks at all that is touched
BEGIN
    PERFORM nianshen.outcomes_write(p_touch, ARRAY(
        SELECT nianshen.submission_outcome(s, 'nianshen.member-review.waiting.v1', nianshen.code_and_texts(
                   CASE WHEN s.submission_key = ANY (heads) THEN 'unit-review-missing' ELSE 'behind-earlier' END))
        FROM nianshen.submission s
        JOIN unnest(p_records) r ON r.kind = 'chunk' AND r.unit = s.unit AND r.year = s.year AND r.event_id = s.completed_by
            AND r.source = s.source AND r.body ->> 'submission' = s.submission
        WHERE s.state = 'waiting' ORDER BY s.submission_key));
END
$$;
