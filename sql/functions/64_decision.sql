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
    WITH judged AS (
        SELECT r.*, CASE
                WHEN NOT campaign_open_at(r.year, r.append_ms) THEN 'campaign-closed'
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

-- The first undecided decision on each submission of the touched units.
CREATE OR REPLACE FUNCTION nianshen.decisions_next(p_touch nianshen.touched[]) RETURNS SETOF nianshen.decision
LANGUAGE sql STABLE AS $$
    SELECT DISTINCT ON (d.unit, d.year, d.submission) d.*
    FROM unnest(p_touch) t JOIN nianshen.decision d ON d.unit = t.unit AND d.year = t.year
    WHERE d.verdict = 'waiting'
    ORDER BY d.unit, d.year, d.submission, d.record_offset
$$;

-- The state of a submission as decisions see it: one that was withdrawn before it came is withdrawn.
CREATE OR REPLACE FUNCTION nianshen.state_for_decision(p_decision nianshen.decision) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN coalesce(
        (SELECT s.state FROM nianshen.submission s WHERE s.unit = (p_decision).unit AND s.year = (p_decision).year
             AND s.submission = (p_decision).submission),
        (SELECT 'withdrawn' FROM nianshen.decision d WHERE d.unit = (p_decision).unit AND d.year = (p_decision).year
             AND d.submission = (p_decision).submission AND d.verdict = 'accepted'),
        'unseen');
END
$$;

-- 'wait', '' for valid, or the code of the refusal. A withdrawal is judged in any state; an approval or a return waits until the submission is pending
-- or settled.
CREATE OR REPLACE FUNCTION nianshen.decision_verdict(p_decision nianshen.decision) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT CASE
            WHEN now.state IN ('approved', 'returned', 'withdrawn') THEN 'already-decided'
            WHEN (p_decision).kind = 'withdrawn' THEN ''
            WHEN now.state IN ('unseen', 'receiving', 'waiting') THEN 'wait'
            WHEN now.state = 'rejected' THEN 'not-pending'
            WHEN s.digest <> (p_decision).digest THEN 'stale-digest'
            WHEN s.submitted_by = (p_decision).reviewer THEN 'self-review'
            ELSE ''
        END
        FROM (SELECT nianshen.state_for_decision(p_decision) AS state) now
        LEFT JOIN nianshen.submission s ON s.unit = (p_decision).unit AND s.year = (p_decision).year AND s.submission = (p_decision).submission);
END
$$;

-- Judges the next decision on each submission. Returns how many were judged.
CREATE OR REPLACE FUNCTION nianshen.decisions_judge(p_touch nianshen.touched[]) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    judged decision[];
BEGIN
    WITH verdicts AS MATERIALIZED ( -- or a nested loop may look for the next decisions once for each of them
        SELECT n.*, decision_verdict(n::decision) AS answer FROM decisions_next(p_touch) n
    ), updated AS (
        UPDATE decision d SET verdict = CASE WHEN v.answer = '' THEN 'accepted' ELSE 'rejected' END, code = nullif(v.answer, ''),
            release = (SELECT current_release())
        FROM verdicts v
        WHERE v.answer <> 'wait' AND d.unit = v.unit AND d.year = v.year AND d.source = v.source AND d.event_id = v.event_id
        RETURNING d AS decision
    )
    SELECT array_agg(u.decision ORDER BY (u.decision).record_offset) INTO judged FROM updated u;
    IF judged IS NULL THEN
        RETURN 0;
    END IF;
    PERFORM outcomes_write(p_touch, ARRAY(SELECT decision_rejected_outcome(d) FROM unnest(judged) d WHERE d.verdict = 'rejected'));
    PERFORM submissions_close(p_touch, ARRAY(SELECT d FROM unnest(judged) d WHERE d.verdict = 'accepted' AND d.kind <> 'approved'));
    PERFORM submissions_approve(p_touch, ARRAY(SELECT d FROM unnest(judged) d WHERE d.verdict = 'accepted' AND d.kind = 'approved'));
    RETURN cardinality(judged);
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

-- The effect of it all: the failed members leave the roster for the archive, the profile changes take effect, the year's review is done. It removes
-- the memberships that were reviewed, never a later one of the same person: of each the last version, which in a rebuild is restored with its end.
CREATE OR REPLACE FUNCTION nianshen.submissions_approve(p_touch nianshen.touched[], p_decisions nianshen.decision[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF cardinality(p_decisions) = 0 THEN
        RETURN;
    END IF;
    UPDATE submission s SET state = 'approved', decided_ms = d.append_ms, release = d.release
    FROM unnest(p_decisions) d WHERE s.unit = d.unit AND s.year = d.year AND s.submission = d.submission;
    PERFORM FROM membership m
    WHERE m.enrolment IN (
        SELECT e.enrolment FROM unnest(p_decisions) d
        JOIN submission s ON s.unit = d.unit AND s.year = d.year AND s.submission = d.submission
        JOIN entry e ON e.submission_key = s.submission_key)
    ORDER BY m.unit, m.id_key FOR UPDATE;
    WITH gone AS (
        DELETE FROM membership m
        USING unnest(p_decisions) d
        JOIN submission s ON s.unit = d.unit AND s.year = d.year AND s.submission = d.submission
        JOIN entry e ON e.submission_key = s.submission_key
        CROSS JOIN LATERAL (SELECT v.valid_until_ms FROM membership v WHERE v.enrolment = e.enrolment ORDER BY v.valid_until_ms DESC LIMIT 1) last
        WHERE m.enrolment = e.enrolment AND m.valid_until_ms = last.valid_until_ms
            AND NOT EXISTS (SELECT FROM removed_member r WHERE r.enrolment = e.enrolment)
        RETURNING m.*, s.year, s.submission, e.reason, d.source, d.event_id, d.append_ms
    )
    INSERT INTO removed_member (enrolment, unit, member_no, id_key, id_code, name, gender, id_type, id_number, id_valid_until, mobile, enrolled_ms,
                                valid_from_ms, valid_until_ms, year, submission, reason, decision_source, decision, removed_ms)
    SELECT g.enrolment, g.unit, g.member_no, g.id_key, g.id_code, g.name, g.gender, g.id_type, g.id_number, g.id_valid_until, g.mobile, g.enrolled_ms,
           g.valid_from_ms, greatest(g.append_ms, g.valid_from_ms + 1), g.year, g.submission, g.reason, g.source, g.event_id, g.append_ms
    FROM gone g;
    PERFORM profiles_renew(ARRAY(SELECT d.unit FROM unnest(p_decisions) d));
    PERFORM outcomes_write(p_touch, ARRAY(SELECT decision_outcome(d, 'nianshen.member-review.completed.v1', completed_body(s))
        FROM unnest(p_decisions) d JOIN submission s ON s.unit = d.unit AND s.year = d.year AND s.submission = d.submission));
END
$$;

-- A unit's profile as loaded, and over it the changes of the submissions approved since, the latest last: whatever order approvals are applied in. p_years null:
-- of all years.
CREATE OR REPLACE FUNCTION nianshen.profile_approved(p_unit nianshen.unit_profile, p_years integer[]) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (p_unit).loaded || coalesce((
        SELECT jsonb_object_agg(p.key, p.value ORDER BY s.decided_ms, s.year)
        FROM nianshen.submission s
        JOIN nianshen.unit_review r ON r.unit = s.unit AND r.year = s.year AND r.source = s.source AND r.event_id = s.unit_review
        CROSS JOIN LATERAL jsonb_each(r.profile) p
        WHERE s.unit = (p_unit).unit AND s.state = 'approved' AND s.decided_ms > (p_unit).loaded_ms AND (p_years IS NULL OR s.year = ANY (p_years))), '{}');
END
$$;

CREATE OR REPLACE FUNCTION nianshen.profiles_renew(p_units text[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE nianshen.unit_profile u
    SET name = n.profile ->> 'name', credit_code = n.profile ->> 'credit_code', address = n.profile ->> 'address',
        contact_name = n.profile ->> 'contact_name', contact_mobile = n.profile ->> 'contact_mobile'
    FROM (SELECT o.unit, nianshen.profile_approved(o, NULL) AS profile FROM nianshen.unit_profile o WHERE o.unit = ANY (p_units)) n
    WHERE u.unit = n.unit;
END
$$;

CREATE OR REPLACE FUNCTION nianshen.completed_body(p_submission nianshen.submission) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT jsonb_build_object('listed', (p_submission).listed, 'passed', (p_submission).passed,
            'removed', coalesce(jsonb_object_agg(r.reason, r.n), '{}'), 'removed_total', coalesce(sum(r.n), 0),
            'already_gone', (p_submission).failed - coalesce(sum(r.n), 0))
        FROM (SELECT m.reason, count(*) AS n FROM nianshen.entry e
              JOIN nianshen.removed_member m ON m.enrolment = e.enrolment AND m.year = (p_submission).year AND m.submission = (p_submission).submission
              WHERE e.submission_key = (p_submission).submission_key GROUP BY 1) r);
END
$$;
