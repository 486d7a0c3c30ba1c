-- Judging the submissions that are complete and the head of their unit's queue.

-- What the reviewer sees, in the canonical form of RFC 8785 (keys in order, no blanks; to_json escapes as it asks). The failing numbers are in ascending
-- order as they were sent: of a submission that is not, no reviewer hears.
CREATE OR REPLACE FUNCTION nianshen.submission_canonical(p_submission nianshen.submission, p_listed bigint, p_failed bigint, p_profile jsonb) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN '{"failed":[' || coalesce((
               SELECT string_agg('{"id_number":' || to_json(e.id_key) || ',"reason":' || to_json(e.reason) || '}', ',')
               FROM (SELECT e.id_key, e.reason FROM nianshen.entry e WHERE e.submission_key = (p_submission).submission_key ORDER BY e.chunk, e.index) e), '')
        || '],"listed":' || p_listed || ',"mode":' || to_json((p_submission).mode) || ',"passed":' || p_listed - p_failed
        || ',"profile":{' || CASE p_profile WHEN '{}' THEN '' ELSE (
               SELECT string_agg(to_json(p.key) || ':' || to_json(p.value), ',' ORDER BY p.key COLLATE "C") FROM jsonb_each_text(p_profile) p) END
        || '},"submission":' || to_json((p_submission).submission) || ',"unit":' || to_json((p_submission).unit)
        || ',"year":' || (p_submission).year || '}';
END
$$;

CREATE OR REPLACE FUNCTION nianshen.submission_digest(p_salt bytea, p_canonical text) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT 'sha256:' || encode(sha256(p_salt || convert_to(p_canonical, 'UTF8')), 'hex')
$$;

-- The head of each touched queue, if it is still to be judged: why it is refused before its rows are looked at, 'unit-review-missing' when it has to wait,
-- '' when its rows decide. A LIMIT keeps the planner from beginning with all submissions that wait.
CREATE OR REPLACE FUNCTION nianshen.heads_waiting(p_touch nianshen.touched[])
RETURNS TABLE (touched nianshen.touched, submission_key bigint, refusal text)
LANGUAGE sql STABLE AS $$
    SELECT t, h.submission_key, CASE
            WHEN EXISTS (SELECT FROM nianshen.submission o WHERE o.unit = h.unit AND o.year = h.year AND o.state = 'approved' OFFSET 0) THEN 'already-reviewed'
            WHEN EXISTS (SELECT FROM nianshen.chunk c WHERE c.submission_key = h.submission_key AND NOT c.in_campaign OFFSET 0) THEN 'campaign-closed'
            WHEN y.purge_until_ms IS NOT NULL THEN 'campaign-closed' -- set free by a late event: its rows can't be judged any more
            ELSE CASE r.verdict WHEN 'accepted' THEN '' WHEN 'rejected' THEN 'unit-review-rejected' ELSE 'unit-review-missing' END
        END
    FROM unnest(p_touch) t
    CROSS JOIN LATERAL (SELECT * FROM nianshen.submission s
                        WHERE s.unit = t.unit AND s.year = t.year AND s.state IN ('waiting', 'pending') AND s.completed_offset IS NOT NULL
                        ORDER BY s.completed_offset LIMIT 1) h
    LEFT JOIN nianshen.campaign_term y ON y.year = h.year
    LEFT JOIN nianshen.unit_review r ON r.unit = h.unit AND r.year = h.year AND r.source = h.source AND r.event_id = h.unit_review
    WHERE h.state = 'waiting'
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

CREATE OR REPLACE FUNCTION nianshen.pending_body(p_submission nianshen.submission, p_warnings bigint) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN jsonb_build_object('unit_review', (p_submission).unit_review, 'mode', (p_submission).mode, 'digest', (p_submission).digest,
        'listed', (p_submission).listed, 'passed', (p_submission).passed, 'failed', (p_submission).failed,
        'reasons', CASE (p_submission).failed WHEN 0 THEN '{}' ELSE nianshen.counts_by_reason((p_submission).submission_key) END,
        'warnings_total', p_warnings,
        'warnings', CASE p_warnings WHEN 0 THEN '[]' ELSE nianshen.findings_json((p_submission).submission_key, false) END);
END
$$;

CREATE OR REPLACE FUNCTION nianshen.heads_outcomes(p_submissions nianshen.submission[]) RETURNS nianshen.outcome[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN ARRAY(
        SELECT submission_outcome(s, 'nianshen.member-review.' || s.state || '.v1', CASE s.state
                   WHEN 'pending' THEN pending_body(s, (SELECT count(*) FROM row_finding w WHERE w.submission_key = s.submission_key AND NOT w.is_error))
                   ELSE rejected_body(s) END)
        FROM unnest(p_submissions) s ORDER BY s.submission_key);
END
$$;

-- What the rows of submissions come to. Plain is one that needs no look at it as a whole: a single chunk in order and without errors, with as many entries
-- as it said. In list mode that chunk was found equal to its range of the roster: what is left to ask is whether anybody is before it or after it, and what is
-- listed need not be counted again.
CREATE OR REPLACE FUNCTION nianshen.submissions_tally(p_keys bigint[]) RETURNS nianshen.tally[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN ARRAY(
        SELECT ROW(s.submission_key,
                   CASE s.mode WHEN 'list' THEN c.entries ELSE (SELECT count(*) FROM roster_at_opening(s.unit, s.year, '', last_key())) END,
                   c.failed,
                   s.chunks = 1 AND c.is_in_order AND c.errors = 0 AND c.entries = s.entries_total AND (s.mode = 'import' OR c.first_key IS NOT NULL
                       AND NOT EXISTS (SELECT FROM roster_at_opening(s.unit, s.year, '', c.first_key) r WHERE r.id_key <> c.first_key)
                       AND NOT EXISTS (SELECT FROM roster_at_opening(s.unit, s.year, c.last_key, last_key()) r WHERE r.id_key <> c.last_key)))::tally
        FROM submission s
        CROSS JOIN LATERAL (SELECT sum(k.failed_count) AS failed, sum(k.failed_count + k.passed_count) AS entries, sum(k.error_count) AS errors,
                                   bool_and(k.unsorted_list IS NULL) AS is_in_order, min(k.first_key) AS first_key, max(k.last_key) AS last_key
                            FROM chunk k WHERE k.submission_key = s.submission_key) c
        WHERE s.submission_key = ANY (p_keys));
END
$$;

-- Submissions whose rows decide: rejected for their errors, or pending with what the reviewer sees. Returns them as they are then.
CREATE OR REPLACE FUNCTION nianshen.submissions_judge(p_keys bigint[]) RETURNS nianshen.submission[]
LANGUAGE plpgsql AS $$
DECLARE
    tallies tally[] := nianshen.submissions_tally(p_keys);
    doubtful bigint[] := ARRAY(SELECT t.submission_key FROM unnest(tallies) t WHERE t.is_plain IS NOT TRUE);
    rejected submission[];
    pending submission[];
BEGIN
    IF cardinality(doubtful) > 0 THEN
        PERFORM submissions_check(doubtful);
        WITH updated AS (
            UPDATE submission s SET state = 'rejected', code = row_refusal(s), decided_ms = s.completed_ms, release = (SELECT current_release())
            WHERE s.submission_key = ANY (doubtful) AND s.error_total > 0
            RETURNING s AS submission
        )
        SELECT array_agg(u.submission) INTO rejected FROM updated u;
        tallies := ARRAY(SELECT t FROM unnest(tallies) t WHERE t.submission_key NOT IN (SELECT r.submission_key FROM unnest(rejected) r));
    END IF;
    WITH updated AS (
        UPDATE submission s
        SET state = 'pending', error_total = 0, listed = t.listed, failed = t.failed, passed = t.listed - t.failed, release = (SELECT current_release()),
            digest = submission_digest(y.salt, submission_canonical(s, t.listed, t.failed, r.profile))
        FROM unnest(tallies) t, campaign_term y, unit_review r
        WHERE s.submission_key = t.submission_key AND y.year = s.year AND r.unit = s.unit AND r.year = s.year AND r.source = s.source
            AND r.event_id = s.unit_review
        RETURNING s AS submission
    )
    SELECT array_agg(u.submission) INTO pending FROM updated u;
    RETURN rejected || pending;
END
$$;

-- Judges the heads of the touched queues, in the order of the rules. Returns those of the touched of which one was settled, not those that wait for their
-- unit review.
CREATE OR REPLACE FUNCTION nianshen.heads_judge(p_touch nianshen.touched[]) RETURNS nianshen.touched[]
LANGUAGE plpgsql AS $$
DECLARE
    checked bigint[];
    refused bigint[];
    refusals text[];
    settled submission[];
    moved touched[];
BEGIN
    SELECT array_agg(h.submission_key) FILTER (WHERE h.refusal = ''), array_agg(h.submission_key) FILTER (WHERE h.refusal <> ''),
           array_agg(h.refusal) FILTER (WHERE h.refusal <> ''), array_agg(h.touched)
    INTO checked, refused, refusals, moved FROM heads_waiting(p_touch) h WHERE h.refusal <> 'unit-review-missing';
    IF moved IS NULL THEN
        RETURN NULL;
    END IF;
    IF refused IS NOT NULL THEN
        WITH updated AS (
            UPDATE submission s SET state = 'rejected', code = r.code, decided_ms = s.completed_ms, release = (SELECT current_release())
            FROM unnest(refused, refusals) AS r (submission_key, code) WHERE s.submission_key = r.submission_key
            RETURNING s AS submission
        )
        SELECT array_agg(u.submission) INTO settled FROM updated u;
    END IF;
    IF checked IS NOT NULL THEN
        settled := settled || submissions_judge(checked);
    END IF;
    PERFORM outcomes_write(moved, heads_outcomes(settled));
    RETURN moved;
END
$$;

-- Tells those that became complete in this micro-batch and have to wait. Advisory: it depends on what has arrived.
CREATE OR REPLACE FUNCTION nianshen.waiting_tell(p_touch nianshen.touched[], p_records nianshen.record_in[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    waiting submission[] := ARRAY(
        SELECT w.submission
        FROM (SELECT s AS submission, r.source, r.event_id FROM unnest(p_records) r
              JOIN submission s ON s.unit = r.unit AND s.year = r.year AND s.submission = r.body ->> 'submission'
              WHERE r.kind = 'chunk' OFFSET 0) w -- or the planner might begin with all that wait
        WHERE (w.submission).state = 'waiting' AND (w.submission).completed_by = w.event_id AND (w.submission).source = w.source);
    heads bigint[];
    missing jsonb;
    behind jsonb;
BEGIN
    IF cardinality(waiting) = 0 THEN
        RETURN;
    END IF;
    heads := ARRAY(SELECT h.submission_key FROM heads_waiting(p_touch) h); -- once: each call looks at all that is touched
    missing := code_and_texts('unit-review-missing');
    behind := code_and_texts('behind-earlier');
    PERFORM outcomes_write(p_touch, ARRAY(
        SELECT submission_outcome(s, 'nianshen.member-review.waiting.v1',
                                  CASE WHEN s.submission_key IN (SELECT unnest(heads)) THEN missing ELSE behind END)
        FROM unnest(waiting) s ORDER BY s.submission_key));
END
$$;
