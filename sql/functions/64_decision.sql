-- Decisions: what can be judged at once (campaign, superior, reviewer), then in the order of the approval topic as their submission is ready.

CREATE OR REPLACE FUNCTION nianshen.decision_rejected_outcome(p_decision nianshen.decision) RETURNS nianshen.outcome
LANGUAGE sql STABLE AS $$
    SELECT nianshen.decision_outcome(p_decision, 'nianshen.decision.rejected.v1',
        jsonb_build_object('kind', (p_decision).kind) || nianshen.code_and_texts((p_decision).code))
$$;

CREATE OR REPLACE FUNCTION nianshen.decisions_store(p_touch nianshen.touched[], p_records nianshen.record_in[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    outcomes outcome[];
BEGIN
    WITH judged AS MATERIALIZED (
        SELECT r.*, CASE
                WHEN NOT r.is_in_campaign THEN 'campaign-closed'
                WHEN r.kind = 'withdrawn' THEN NULL
                WHEN superior_at(r.unit, r.append_ms) IS DISTINCT FROM r.body ->> 'superior' THEN 'wrong-superior'
                WHEN NOT reviewer_at(r.body ->> 'reviewer', r.body ->> 'superior', r.append_ms) THEN 'unknown-reviewer'
            END AS refusal
        FROM unnest(p_records) r WHERE r.kind IN ('approved', 'returned', 'withdrawn')
    ), stored AS (
        INSERT INTO decision (unit, year, source, event_id, submission, record_offset, append_ms, kind, digest, superior, reviewer, submitted_by,
                              comment, verdict, code, release)
        SELECT j.unit, j.year, j.source, j.event_id, j.body ->> 'submission', j.record_offset, j.append_ms, j.kind, j.body ->> 'digest',
               j.body ->> 'superior', j.body ->> 'reviewer', j.body ->> 'submitted_by', j.body ->> 'comment',
               CASE WHEN j.refusal IS NULL THEN 'waiting' ELSE 'rejected' END, j.refusal, (SELECT current_release())
        FROM judged j
        RETURNING decision
    )
    SELECT array_agg(decision_rejected_outcome(s.decision) ORDER BY (s.decision).record_offset)
    INTO outcomes FROM stored s WHERE (s.decision).verdict = 'rejected';
    PERFORM outcomes_write(p_touch, outcomes);
END
$$;

-- The next decision on each submission of the touched units, the first undecided one: with '' when it is valid or the code of its refusal. A withdrawal is
-- judged in any state; an approval or a return waits until the submission is pending or settled, and is not here before. One that was withdrawn before it
-- came is withdrawn.
CREATE OR REPLACE FUNCTION nianshen.decisions_ready(p_touch nianshen.touched[])
RETURNS TABLE (touched nianshen.touched, unit text, year integer, source text, event_id text, answer text)
LANGUAGE sql STABLE AS $$
    SELECT n.touched, n.unit, n.year, n.source, n.event_id, CASE
            WHEN n.state IN ('approved', 'returned', 'withdrawn') THEN 'already-decided'
            WHEN n.kind = 'withdrawn' THEN ''
            WHEN n.state = 'rejected' THEN 'not-pending'
            WHEN n.shown_digest <> n.digest THEN 'stale-digest'
            WHEN n.by_whom = n.reviewer THEN 'self-review'
            ELSE ''
        END
    FROM (SELECT t AS touched, f.*, s.digest AS shown_digest, s.submitted_by AS by_whom, CASE
                WHEN s.state IS NOT NULL THEN s.state
                WHEN EXISTS (SELECT FROM nianshen.decision e WHERE e.unit = f.unit AND e.year = f.year AND e.submission = f.submission
                             AND e.verdict = 'accepted' OFFSET 0) THEN 'withdrawn'
                ELSE 'unseen'
            END AS state
        FROM unnest(p_touch) t
        CROSS JOIN LATERAL (SELECT DISTINCT ON (d.submission) d.* FROM nianshen.decision d
                            WHERE d.unit = t.unit AND d.year = t.year AND d.verdict = 'waiting'
                            ORDER BY d.submission, d.record_offset) f
        LEFT JOIN nianshen.submission s ON s.unit = f.unit AND s.year = f.year AND s.submission = f.submission) n
    WHERE n.kind = 'withdrawn' OR n.state NOT IN ('unseen', 'receiving', 'waiting')
$$;

-- Judges the next decision on each submission. Returns those of the touched that have any.
CREATE OR REPLACE FUNCTION nianshen.decisions_judge(p_touch nianshen.touched[]) RETURNS nianshen.touched[]
LANGUAGE plpgsql AS $$
DECLARE
    judged decision[];
    moved touched[];
BEGIN
    WITH ready AS MATERIALIZED ( -- or a nested loop may look for the next decisions once for each of them
        SELECT * FROM decisions_ready(p_touch)
    ), updated AS (
        UPDATE decision d SET verdict = CASE WHEN r.answer = '' THEN 'accepted' ELSE 'rejected' END, code = nullif(r.answer, ''),
            release = (SELECT current_release())
        FROM ready r
        WHERE d.unit = r.unit AND d.year = r.year AND d.source = r.source AND d.event_id = r.event_id
        RETURNING d AS decision, r.touched
    )
    SELECT array_agg(u.decision ORDER BY (u.decision).record_offset), array_agg(DISTINCT u.touched) INTO judged, moved FROM updated u;
    IF judged IS NOT NULL THEN
        PERFORM outcomes_write(moved, ARRAY(SELECT decision_rejected_outcome(d) FROM unnest(judged) d WHERE d.verdict = 'rejected'));
        PERFORM submissions_close(moved, ARRAY(SELECT d FROM unnest(judged) d WHERE d.verdict = 'accepted' AND d.kind <> 'approved'));
        PERFORM submissions_approve(moved, ARRAY(SELECT d FROM unnest(judged) d WHERE d.verdict = 'accepted' AND d.kind = 'approved'));
    END IF;
    RETURN moved;
END
$$;

-- Returned or withdrawn. What a withdrawn submission had shown is forgotten: it depends on whether the withdrawal came first.
CREATE OR REPLACE FUNCTION nianshen.submissions_close(p_touch nianshen.touched[], p_decisions nianshen.decision[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE submission s
    SET state = d.kind, decided_ms = d.append_ms, code = NULL, release = d.release,
        digest = CASE WHEN d.kind = 'returned' THEN s.digest END, listed = CASE WHEN d.kind = 'returned' THEN s.listed END,
        passed = CASE WHEN d.kind = 'returned' THEN s.passed END, failed = CASE WHEN d.kind = 'returned' THEN s.failed END
    FROM unnest(p_decisions) d
    WHERE s.unit = d.unit AND s.year = d.year AND s.submission = d.submission;
    PERFORM outcomes_write(p_touch, ARRAY(
        SELECT decision_outcome(d, 'nianshen.member-review.closed.v1', jsonb_build_object('how', d.kind, 'comment', d.comment))
        FROM unnest(p_decisions) d));
END
$$;

-- The effect of it all: the failed members leave the roster for the archive, the profile changes take effect, the year's review is done.
CREATE OR REPLACE FUNCTION nianshen.submissions_approve(p_touch nianshen.touched[], p_decisions nianshen.decision[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    approvals approval[];
    removals removal[];
BEGIN
    IF cardinality(p_decisions) = 0 THEN
        RETURN;
    END IF;
    WITH approved AS (
        UPDATE submission s SET state = 'approved', decided_ms = d.append_ms, release = d.release
        FROM unnest(p_decisions) d WHERE s.unit = d.unit AND s.year = d.year AND s.submission = d.submission
        RETURNING d AS decision, s AS submission
    )
    SELECT array_agg(ROW(a.decision, a.submission)::approval ORDER BY (a.submission).unit) INTO approvals FROM approved a;
    removals := memberships_archive(approvals);
    PERFORM profiles_renew(ARRAY(
        SELECT r.unit FROM unnest(approvals) a
        JOIN unit_review r ON r.unit = (a.submission).unit AND r.year = (a.submission).year AND r.source = (a.submission).source
            AND r.event_id = (a.submission).unit_review
        WHERE r.profile <> '{}'));
    PERFORM outcomes_write(p_touch, completed_outcomes(approvals, removals));
END
$$;

-- Removes the memberships that were reviewed, never a later one of the same person: of each the last version, which in a rebuild is restored with its
-- end. Those that were gone already stay as they are. Approvals come in the order of their units, entries are stored in that of their keys, and apply
-- plans nested loops only: so the rows are locked in the order in which `roster load` locks them. Returns how many of which submission for which reason.
CREATE OR REPLACE FUNCTION nianshen.memberships_archive(p_approvals nianshen.approval[]) RETURNS nianshen.removal[]
LANGUAGE plpgsql AS $$
DECLARE
    removals removal[];
BEGIN
    WITH gone AS (
        DELETE FROM membership m
        USING unnest(p_approvals) a JOIN entry e ON e.submission_key = (a.submission).submission_key
        WHERE m.enrolment = e.enrolment
            AND (m.valid_until_ms = forever_ms() -- nothing is later, and nothing of it is archived
                 OR (NOT EXISTS (SELECT FROM membership v WHERE v.enrolment = e.enrolment AND v.valid_until_ms > m.valid_until_ms)
                     AND NOT EXISTS (SELECT FROM removed_member r WHERE r.enrolment = e.enrolment OFFSET 0)))
        RETURNING m.*, e.submission_key, e.reason, (a.submission).year, (a.submission).submission, (a.decision).source AS decision_source,
            (a.decision).event_id AS decision, (a.decision).append_ms AS removed_ms
    ), archived AS (
        INSERT INTO removed_member (enrolment, unit, member_no, id_key, id_code, name, gender, id_type, id_number, id_valid_until, mobile, enrolled_ms,
                                    valid_from_ms, valid_until_ms, year, submission, reason, decision_source, decision, removed_ms)
        SELECT g.enrolment, g.unit, g.member_no, g.id_key, g.id_code, g.name, g.gender, g.id_type, g.id_number, g.id_valid_until, g.mobile,
               g.enrolled_ms, g.valid_from_ms, greatest(g.removed_ms, g.valid_from_ms + 1), g.year, g.submission, g.reason, g.decision_source,
               g.decision, g.removed_ms
        FROM gone g
    )
    SELECT array_agg(ROW(r.submission_key, r.reason, r.members)::removal) INTO removals
    FROM (SELECT g.submission_key, g.reason, count(*) AS members FROM gone g GROUP BY 1, 2) r;
    RETURN removals;
END
$$;

CREATE OR REPLACE FUNCTION nianshen.completed_outcomes(p_approvals nianshen.approval[], p_removals nianshen.removal[]) RETURNS nianshen.outcome[]
LANGUAGE plpgsql STABLE SET enable_hashjoin = on AS $$
BEGIN
    RETURN ARRAY(
        SELECT decision_outcome(a.decision, 'nianshen.member-review.completed.v1', jsonb_build_object(
                   'listed', (a.submission).listed, 'passed', (a.submission).passed, 'removed', coalesce(r.by_reason, '{}'),
                   'removed_total', coalesce(r.members, 0), 'already_gone', (a.submission).failed - coalesce(r.members, 0)))
        FROM unnest(p_approvals) a
        LEFT JOIN (SELECT u.submission_key, jsonb_object_agg(u.reason, u.members) AS by_reason, sum(u.members) AS members
                   FROM unnest(p_removals) u GROUP BY 1) r ON r.submission_key = (a.submission).submission_key);
END
$$;

-- The units' profiles as loaded, and over each the changes of the submissions approved since, the latest last: whatever order approvals are applied in.
-- p_years null: of all years.
CREATE OR REPLACE FUNCTION nianshen.profiles_approved(p_units text[], p_years integer[]) RETURNS TABLE (unit text, profile jsonb)
LANGUAGE sql STABLE AS $$
    SELECT u.unit, u.loaded || coalesce(c.changes, '{}')
    FROM unnest(p_units) AS p (unit)
    JOIN nianshen.unit_profile u ON u.unit = p.unit
    -- Asked unit by unit: joined, the planner may go through all that was ever approved for each, when it knows the table from before the first approval.
    CROSS JOIN LATERAL (SELECT jsonb_object_agg(e.key, e.value ORDER BY s.decided_ms, s.year) AS changes
                        FROM nianshen.submission s
                        CROSS JOIN LATERAL (SELECT r.profile FROM nianshen.unit_review r
                                            WHERE r.unit = s.unit AND r.year = s.year AND r.source = s.source AND r.event_id = s.unit_review OFFSET 0) r
                        CROSS JOIN LATERAL jsonb_each(r.profile) e
                        WHERE s.unit = u.unit AND s.state = 'approved' AND s.decided_ms > u.loaded_ms AND (p_years IS NULL OR s.year = ANY (p_years))) c
$$;

CREATE OR REPLACE FUNCTION nianshen.profiles_renew(p_units text[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    WITH renewed AS MATERIALIZED (SELECT * FROM nianshen.profiles_approved(p_units, NULL)) -- once
    UPDATE nianshen.unit_profile u
    SET name = n.profile ->> 'name', credit_code = n.profile ->> 'credit_code', address = n.profile ->> 'address',
        contact_name = n.profile ->> 'contact_name', contact_mobile = n.profile ->> 'contact_mobile'
    FROM renewed n
    WHERE u.unit = n.unit;
END
$$;
