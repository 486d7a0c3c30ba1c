-- What must be true of the database whatever happened, as far as it shows by itself. One view an invariant: each row is a violation, in words and without
-- a full number of anybody. In psql, as the owner: `SELECT * FROM nianshen.violation;`; no row means that all of them hold. Nothing is written or locked, and
-- workers may go on: one statement sees one snapshot. Each table is read at most a few times as a whole, nothing row by row but decisions.
--
-- What is not here needs more than the database: I8 (rebuilding equals, replaying changes nothing: `nianshen-ops replay`), I9 (any
-- interleaving gives one digest: tests/model), I12 (after a fault the lag reaches zero by itself: `nianshen-ops status`).

CREATE OR REPLACE VIEW nianshen.invariant AS
SELECT * FROM (VALUES
    ('I1', 'each listed member is on the roster, or archived with a reason; the counts of each submission balance',
     'a roster, an archive or a submission was changed beside the worker: compare with the topics before anybody relies on the unit''s numbers',
     '每个列出的会员都在名册中，或带原因存档；每份提交的人数前后相符',
     '名册、存档或提交被绕过工作进程改动过：在使用该单位的数字之前，请先与主题核对'),
    ('I2', 'each removal follows from one valid approval of a submission that lists the member with this reason',
     'somebody was removed without a decision, or the decision was altered: the member may have to be enrolled again',
     '每次移出都来自一次有效的审核通过，且该提交以同一原因列出了该会员',
     '有人未经审核被移出，或审核记录被改动过：可能须重新登记该会员'),
    ('I3', 'no membership is removed twice',
     'the archive holds a membership twice: counts of removed members are too high',
     '没有一次会员关系被移出两次',
     '存档中同一会员关系出现两次：移出人数偏高'),
    ('I4', 'a unit has at most one approved review a year, and one that is pending',
     'a second review of the year had an effect: look at both submissions and their decisions',
     '一个单位一年至多有一份通过的年审，至多有一份待审核',
     '同一年度的第二份年审也生效了：请查看两份提交及其审核'),
    ('I5', 'each consumed record has exactly one ledger row, each judged event one final outcome',
     'a record was lost from the books, or a unit was not told, or told two things',
     '每条处理过的记录在账簿中恰有一行，每个判定过的事件恰有一个最终结果',
     '账簿漏记了记录，或单位没有收到结果，或收到了两个'),
    ('I6', 'positions never go back, and stand behind everything that was consumed',
     'a position was moved by hand or a backup is older than its topics: records may be applied twice or left out',
     '位置从不后退，且在所有处理过的记录之后',
     '位置被手工移动过，或备份比主题旧：记录可能被处理两次或被漏掉'),
    ('I7', 'no effect before a submission is complete',
     'a submission was judged before all its chunks were there',
     '提交完整之前没有任何效果',
     '提交在全部分片到齐之前就被判定'),
    ('I10', 'nothing was committed under an old epoch',
     'two workers wrote to one partition at the same time',
     '没有以旧轮次提交的内容',
     '两个工作进程同时写入了同一分区'),
    ('I11', 'nothing unauthorised has an effect',
     'a decision counts that its maker had no right to make at that time: it, or the reference data of that time, was altered',
     '未经授权的内容没有任何效果',
     '一次审核生效了，但审核人当时无权审核：它或当时的参考数据被改动过')
) AS i (invariant, sentence, means, sentence_zh, means_zh);

-- ---- I1 ----

CREATE OR REPLACE VIEW nianshen.violation_of_members AS
WITH places AS ( -- where each enrolment is
    SELECT m.enrolment, true AS on_roster, NULL::text AS reason FROM nianshen.membership m WHERE m.valid_until_ms = nianshen.forever_ms()
    UNION ALL
    SELECT r.enrolment, false, r.reason FROM nianshen.removed_member r
), listed AS (
    SELECT s.unit, s.year, s.submission, s.state, e.chunk, e.index, e.enrolment, e.reason
    FROM nianshen.entry e JOIN nianshen.submission s ON s.submission_key = e.submission_key
    WHERE s.state IN ('pending', 'approved')
)
SELECT l.unit, format('submission %s of %s, chunk %s entry %s: enrolment %s %s', l.submission, l.year, l.chunk, l.index, l.enrolment,
                      CASE count(p.enrolment)
                          WHEN 0 THEN 'is neither on the roster nor in the archive'
                          WHEN 1 THEN 'was approved to leave and is on the roster still'
                          ELSE 'is in more than one place' END) AS finding
FROM listed l LEFT JOIN places p ON p.enrolment = l.enrolment
GROUP BY l.unit, l.year, l.submission, l.state, l.chunk, l.index, l.enrolment
HAVING count(p.enrolment) <> 1 OR (l.state = 'approved' AND bool_or(p.on_roster));

CREATE OR REPLACE VIEW nianshen.violation_of_counts AS
WITH chunks AS (
    SELECT c.submission_key, count(*) AS chunks, sum(c.failed_count) AS failed, sum(c.failed_count + c.passed_count) AS entries
    FROM nianshen.chunk c GROUP BY 1
), entries AS (
    SELECT e.submission_key, count(*) AS entries FROM nianshen.entry e GROUP BY 1
), rosters AS ( -- as at the opening: it never changes after it
    SELECT m.unit, c.year, count(*) AS members
    FROM nianshen.campaign_term c
    JOIN (SELECT unit, valid_from_ms, valid_until_ms FROM nianshen.membership
          UNION ALL
          SELECT unit, valid_from_ms, valid_until_ms FROM nianshen.removed_member) m
        ON m.valid_from_ms < c.opens_ms AND m.valid_until_ms >= c.opens_ms
    GROUP BY 1, 2
)
SELECT s.unit, format('submission %s of %s, %s: %s', s.submission, s.year, s.state, f.finding) AS finding
FROM nianshen.submission s
LEFT JOIN chunks c ON c.submission_key = s.submission_key
LEFT JOIN entries e ON e.submission_key = s.submission_key
LEFT JOIN rosters r ON r.unit = s.unit AND r.year = s.year
LEFT JOIN nianshen.campaign_term p ON p.year = s.year AND p.purge_until_ms IS NOT NULL -- the counts are kept, what was counted is not
CROSS JOIN LATERAL (VALUES
    (s.received <> coalesce(c.chunks, 0), format('%s chunks are counted, %s are stored', s.received, coalesce(c.chunks, 0))),
    (s.listed <> s.passed + s.failed, format('%s listed is not %s passed and %s failed', s.listed, s.passed, s.failed)),
    (s.failed <> c.failed, format('%s failed, the chunks say %s', s.failed, c.failed)),
    (s.failed <> coalesce(e.entries, 0) AND p.year IS NULL, format('%s failed, %s entries are stored', s.failed, coalesce(e.entries, 0))),
    (s.listed IS NOT NULL AND s.entries_total <> c.entries, format('%s entries were announced, the chunks hold %s', s.entries_total, c.entries)),
    (s.listed IS NOT NULL AND s.mode = 'list' AND s.entries_total <> s.listed,
     format('list mode holds %s entries of %s members', s.entries_total, s.listed)),
    (s.listed <> coalesce(r.members, 0) AND p.year IS NULL,
     format('%s members were reviewed, the roster of the opening has %s', s.listed, coalesce(r.members, 0))),
    (s.state IN ('pending', 'approved', 'returned') AND (s.listed IS NULL OR s.digest IS NULL), 'counts or digest are missing')
) AS f (is_violated, finding)
WHERE f.is_violated
UNION ALL -- no foreign keys guard these: each costs a lookup a row, of a row that the same function has just read
SELECT NULL, format('submission key %s is gone, and left %s chunks, %s entries and %s findings', o.submission_key, sum(o.chunks), sum(o.entries),
                    sum(o.findings))
FROM (SELECT c.submission_key, c.chunks, 0 AS entries, 0 AS findings FROM chunks c
      UNION ALL SELECT e.submission_key, 0, e.entries, 0 FROM entries e
      UNION ALL SELECT w.submission_key, 0, 0, count(*) FROM nianshen.row_finding w GROUP BY 1) o
WHERE NOT EXISTS (SELECT FROM nianshen.submission s WHERE s.submission_key = o.submission_key)
GROUP BY o.submission_key
UNION ALL
SELECT s.unit, format('submission %s of %s is of a unit that is not loaded', s.submission, s.year)
FROM nianshen.submission s WHERE NOT EXISTS (SELECT FROM nianshen.unit_profile u WHERE u.unit = s.unit);

-- ---- I2, I11 ----

-- What is wrong with each decision that had an effect; the same questions that the worker asked, as of the same moment.
CREATE OR REPLACE VIEW nianshen.decision_flaw AS
SELECT d.unit, d.year, d.source, d.event_id, d.submission, f.flaw
FROM nianshen.decision d
LEFT JOIN nianshen.submission s ON s.unit = d.unit AND s.year = d.year AND s.submission = d.submission
CROSS JOIN LATERAL (VALUES
    (NOT nianshen.campaign_open_at(d.year, d.append_ms), 'came outside the campaign'),
    (d.kind <> 'withdrawn' AND nianshen.superior_at(d.unit, d.append_ms) IS DISTINCT FROM d.superior,
     format('%s was not the direct superior then', d.superior)),
    (d.kind <> 'withdrawn' AND NOT nianshen.reviewer_at(d.reviewer, d.superior, d.append_ms),
     format('%s was no reviewer of %s then', d.reviewer, d.superior)),
    (d.kind <> 'withdrawn' AND s.submitted_by = d.reviewer, format('%s reviewed what %s had submitted', d.reviewer, s.submitted_by)),
    (d.kind <> 'withdrawn' AND s.digest IS DISTINCT FROM d.digest, 'names another digest than its submission has'),
    (d.kind <> 'withdrawn' AND s.submission IS NULL, 'is on a submission that does not exist'),
    (s.submission IS NOT NULL AND s.state <> d.kind, format('is accepted, and its submission is %s', s.state))
) AS f (is_violated, flaw)
WHERE d.verdict = 'accepted' AND f.is_violated;

CREATE OR REPLACE VIEW nianshen.violation_of_removals AS
SELECT r.unit, format('member %s, removed by decision %s on submission %s of %s: %s', r.member_no, r.decision, r.submission, r.year, f.finding) AS finding
FROM nianshen.removed_member r
LEFT JOIN nianshen.decision d ON d.unit = r.unit AND d.year = r.year AND d.source = r.decision_source AND d.event_id = r.decision
LEFT JOIN nianshen.submission s ON s.unit = r.unit AND s.year = r.year AND s.submission = r.submission
LEFT JOIN (SELECT e.submission_key, e.enrolment, min(e.reason) AS reason, count(*) AS entries FROM nianshen.entry e GROUP BY 1, 2) e
    ON e.submission_key = s.submission_key AND e.enrolment = r.enrolment
LEFT JOIN (SELECT w.unit, w.year, w.source, w.event_id, string_agg(w.flaw, ', ') AS flaws FROM nianshen.decision_flaw w GROUP BY 1, 2, 3, 4) w
    ON w.unit = d.unit AND w.year = d.year AND w.source = d.source AND w.event_id = d.event_id
CROSS JOIN LATERAL (VALUES
    (d.event_id IS NULL, 'there is no such decision'),
    (d.kind <> 'approved' OR d.verdict <> 'accepted', format('the decision is %s and %s', d.kind, d.verdict)),
    (d.submission <> r.submission, format('the decision is on submission %s', d.submission)),
    (d.append_ms <> r.removed_ms, 'the decision is of another moment'),
    (w.flaws IS NOT NULL, 'the decision ' || w.flaws),
    (s.state IS DISTINCT FROM 'approved', format('the submission is %s', coalesce(s.state, 'missing'))),
    (e.enrolment IS NULL, 'the submission does not list the enrolment'),
    (e.entries > 1, 'the submission lists the enrolment more than once'),
    (e.reason <> r.reason, format('the reason is %s, the submission says %s', r.reason, e.reason))
) AS f (is_violated, finding)
WHERE f.is_violated;

CREATE OR REPLACE VIEW nianshen.violation_of_authority AS
SELECT w.unit, format('decision %s on submission %s of %s %s', w.event_id, w.submission, w.year, w.flaw) AS finding FROM nianshen.decision_flaw w
UNION ALL
SELECT s.unit, format('submission %s of %s is %s by %s accepted decisions', s.submission, s.year, s.state, coalesce(d.decisions, 0))
FROM nianshen.submission s
LEFT JOIN (SELECT d.unit, d.year, d.submission, count(*) AS decisions FROM nianshen.decision d WHERE d.verdict = 'accepted' GROUP BY 1, 2, 3) d
    ON d.unit = s.unit AND d.year = s.year AND d.submission = s.submission
WHERE coalesce(d.decisions, 0) <> CASE WHEN s.state IN ('approved', 'returned', 'withdrawn') THEN 1 ELSE 0 END
UNION ALL
SELECT u.unit, format('unit review %s of %s is accepted, and came outside the campaign or of an unknown unit', u.event_id, u.year)
FROM nianshen.unit_review u
WHERE u.verdict = 'accepted' AND NOT (nianshen.unit_known_at(u.unit, u.append_ms) AND nianshen.campaign_open_at(u.year, u.append_ms))
UNION ALL
SELECT s.unit, format('submission %s of %s is %s, and its unit review is not accepted', s.submission, s.year, s.state)
FROM nianshen.submission s
LEFT JOIN nianshen.unit_review u ON u.unit = s.unit AND u.year = s.year AND u.source = s.source AND u.event_id = s.unit_review
WHERE s.state IN ('pending', 'approved', 'returned') AND u.verdict IS DISTINCT FROM 'accepted';

-- ---- I3, I4, I7 ----

CREATE OR REPLACE VIEW nianshen.violation_of_archive AS
SELECT r.unit, format('member %s enrolled at %s stands %s times in the archive', r.member_no, nianshen.moment_of(r.enrolled_ms), count(*)) AS finding
FROM nianshen.removed_member r GROUP BY r.unit, r.member_no, r.id_key, r.enrolled_ms HAVING count(*) > 1
UNION ALL
SELECT r.unit, format('enrolment %s of member %s is in the archive and on the roster', r.enrolment, r.member_no)
FROM nianshen.removed_member r JOIN nianshen.membership m ON m.enrolment = r.enrolment AND m.valid_until_ms = nianshen.forever_ms();

CREATE OR REPLACE VIEW nianshen.violation_of_once AS
SELECT s.unit, format('%s: %s submissions are approved and %s pending (%s)', s.year, count(*) FILTER (WHERE s.state = 'approved'),
                      count(*) FILTER (WHERE s.state = 'pending'), string_agg(s.submission, ', ' ORDER BY s.submission)) AS finding
FROM nianshen.submission s WHERE s.state IN ('approved', 'pending') GROUP BY s.unit, s.year HAVING count(*) > 1;

CREATE OR REPLACE VIEW nianshen.violation_of_completeness AS
SELECT s.unit, format('submission %s of %s is %s with %s of %s chunks', s.submission, s.year, s.state, s.received, s.chunks) AS finding
FROM nianshen.submission s
WHERE s.state <> 'withdrawn' AND ((s.state = 'receiving') = (s.received = s.chunks) OR (s.state = 'receiving') <> (s.completed_offset IS NULL));

-- ---- I5 ----

CREATE OR REPLACE VIEW nianshen.violation_of_ledger AS
WITH rows AS (
    SELECT l.topic, l.partition, count(*) AS rows FROM nianshen.ledger l GROUP BY 1, 2
)
SELECT NULL::text COLLATE "C" AS unit, format('%s partition %s: %s records were consumed, %s have a ledger row', coalesce(k.topic, r.topic),
                                  coalesce(k.partition, r.partition), coalesce(k.records - k.purged_records, 0), coalesce(r.rows, 0)) AS finding
FROM nianshen.kafka_partition k FULL JOIN rows r ON r.topic = k.topic AND r.partition = k.partition
WHERE coalesce(k.records - k.purged_records, 0) <> coalesce(r.rows, 0)
UNION ALL
SELECT e.unit, format('event %s of %s: %s partition %s offset %s %s', e.event_id, e.year, e.topic, e.partition, e.record_offset,
                      coalesce('stands in the ledger as ' || l.kind, 'has no ledger row'))
FROM nianshen.event e
LEFT JOIN nianshen.kafka_partition k ON k.topic = e.topic AND k.partition = e.partition
LEFT JOIN nianshen.ledger l ON l.topic = e.topic AND l.partition = e.partition AND l.record_offset = e.record_offset
WHERE e.record_offset >= coalesce(k.purged_before, 0) AND l.kind IS DISTINCT FROM 'applied' -- below zero: of a topic that was made anew
UNION ALL
SELECT l.unit, format('%s partition %s offset %s was applied, and its event is not known', l.topic, l.partition, l.record_offset)
FROM nianshen.ledger l
LEFT JOIN nianshen.event e ON e.topic = l.topic AND e.partition = l.partition AND e.record_offset = l.record_offset
WHERE l.kind = 'applied' AND e.event_id IS NULL
UNION ALL
SELECT l.unit, format('%s partition %s offset %s is a dead letter, and stands %s times in the outbox', l.topic, l.partition, l.record_offset,
                      count(o.outbox_id))
FROM nianshen.ledger l
LEFT JOIN nianshen.outbox o ON o.kind = 'dead-letter' AND o.topic = l.topic AND o.partition = l.partition AND o.record_offset = l.record_offset
    AND o.code = l.code
WHERE l.kind = 'dead-letter' GROUP BY l.topic, l.partition, l.record_offset, l.unit HAVING count(o.outbox_id) <> 1;

-- The final outcome of each judged event. Waiting is advisory, and pending or rejected may be absent or there when the submission was withdrawn.
CREATE OR REPLACE VIEW nianshen.final_outcome AS
SELECT u.unit, u.year, 'unit-review' AS topic, u.source, u.event_id, 'nianshen.unit-review.' || u.verdict || '.v1' AS type FROM nianshen.unit_review u
UNION ALL
SELECT s.unit, s.year, 'member-review', s.source, s.completed_by,
       'nianshen.member-review.' || CASE s.state WHEN 'rejected' THEN 'rejected' ELSE 'pending' END || '.v1'
FROM nianshen.submission s WHERE s.state IN ('pending', 'rejected', 'returned', 'approved')
UNION ALL
SELECT d.unit, d.year, 'approval', d.source, d.event_id,
       CASE WHEN d.verdict = 'rejected' THEN 'nianshen.decision.rejected.v1' WHEN d.kind = 'approved' THEN 'nianshen.member-review.completed.v1'
            ELSE 'nianshen.member-review.closed.v1' END
FROM nianshen.decision d WHERE d.verdict <> 'waiting';

CREATE OR REPLACE VIEW nianshen.violation_of_outcomes AS
WITH due AS (
    SELECT f.*, nianshen.outcome_id(f.topic, f.unit, f.year, f.source, f.event_id, f.type) AS ce_id FROM nianshen.final_outcome f
), told AS (
    SELECT o.unit, o.ce_id, o.ce_type, o.ce_causationid FROM nianshen.outbox o WHERE o.kind = 'outcome'
)
SELECT coalesce(d.unit, t.unit) AS unit,
       CASE WHEN t.ce_id IS NULL THEN format('event %s of %s has no outcome %s', d.event_id, d.year, d.type)
            ELSE format('an outcome %s on event %s stands beside what was decided', t.ce_type, t.ce_causationid) END AS finding
FROM due d FULL JOIN told t ON t.ce_id = d.ce_id
WHERE (t.ce_id IS NULL AND NOT nianshen.year_purged(d.year) AND NOT EXISTS ( -- what was told of purged records is purged, too
        SELECT FROM nianshen.event e JOIN nianshen.kafka_partition k ON k.topic = e.topic AND k.partition = e.partition
        WHERE e.unit = d.unit AND e.year = d.year AND e.topic = d.topic AND e.source = d.source AND e.event_id = d.event_id
            AND e.record_offset < k.purged_before))
    OR (d.ce_id IS NULL AND t.ce_type NOT IN ('nianshen.member-review.waiting.v1', 'nianshen.member-review.pending.v1',
                                              'nianshen.member-review.rejected.v1'))
UNION ALL
-- By the outcome's id: an event's own id may be that of another source's or another year's, too.
SELECT s.unit, format('submission %s of %s was told pending and rejected', s.submission, s.year)
FROM nianshen.submission s
JOIN told p ON p.ce_id = nianshen.outcome_id('member-review', s.unit, s.year, s.source, s.completed_by, 'nianshen.member-review.pending.v1')
JOIN told r ON r.ce_id = nianshen.outcome_id('member-review', s.unit, s.year, s.source, s.completed_by, 'nianshen.member-review.rejected.v1');

-- ---- I6, I10 ----

CREATE OR REPLACE VIEW nianshen.violation_of_positions AS
SELECT NULL::text COLLATE "C" AS unit, format('%s partition %s: %s', k.topic, k.partition, f.finding) AS finding
FROM nianshen.kafka_partition k
LEFT JOIN LATERAL (SELECT * FROM nianshen.ledger l WHERE l.topic = k.topic AND l.partition = k.partition
                   ORDER BY l.topic DESC, l.partition DESC, l.record_offset DESC LIMIT 1) l ON true
CROSS JOIN LATERAL (VALUES
    (l.record_offset >= k.next_offset, format('the next offset is %s, and offset %s was consumed', k.next_offset, l.record_offset)),
    (k.end_offset < k.next_offset, format('the next offset is %s, behind the end %s', k.next_offset, k.end_offset)),
    (k.records > k.next_offset, format('%s records were consumed up to offset %s', k.records, k.next_offset)),
    (k.last_offset <> coalesce(l.record_offset, CASE WHEN k.last_offset < k.purged_before THEN k.last_offset ELSE -1 END), format('the last record is said to be %s and is %s', k.last_offset, l.record_offset)),
    (k.last_append_ms <> l.append_ms, 'the last record is said to be of another moment'),
    (k.last_append_ms > k.max_append_ms, 'the latest moment is before that of the last record')
) AS f (is_violated, finding)
WHERE f.is_violated;

CREATE OR REPLACE VIEW nianshen.violation_of_epochs AS
SELECT l.unit, format('%s partition %s offset %s was consumed under epoch %s, %s', l.topic, l.partition, l.record_offset, l.epoch,
                      CASE WHEN l.epoch < l.before THEN format('after epoch %s', l.before) ELSE format('which never began (now %s)', k.epoch) END) AS finding
FROM (SELECT w.topic, w.partition, w.record_offset, w.epoch, w.unit,
             lag(w.epoch) OVER (PARTITION BY w.topic, w.partition ORDER BY w.record_offset) AS before FROM nianshen.ledger w) l
LEFT JOIN nianshen.kafka_partition k ON k.topic = l.topic AND k.partition = l.partition
WHERE l.epoch < l.before OR l.epoch > k.epoch;

-- ---- all of them ----

CREATE OR REPLACE VIEW nianshen.violation AS
SELECT 'I1' AS invariant, unit, finding FROM nianshen.violation_of_members
UNION ALL SELECT 'I1', unit, finding FROM nianshen.violation_of_counts
UNION ALL SELECT 'I2', unit, finding FROM nianshen.violation_of_removals
UNION ALL SELECT 'I3', unit, finding FROM nianshen.violation_of_archive
UNION ALL SELECT 'I4', unit, finding FROM nianshen.violation_of_once
UNION ALL SELECT 'I5', unit, finding FROM nianshen.violation_of_ledger
UNION ALL SELECT 'I5', unit, finding FROM nianshen.violation_of_outcomes
UNION ALL SELECT 'I6', unit, finding FROM nianshen.violation_of_positions
UNION ALL SELECT 'I7', unit, finding FROM nianshen.violation_of_completeness
UNION ALL SELECT 'I10', unit, finding FROM nianshen.violation_of_epochs
UNION ALL SELECT 'I11', unit, finding FROM nianshen.violation_of_authority;

-- One row an invariant that holds (finding is null), else its first violations with their total.
CREATE OR REPLACE FUNCTION nianshen.check_run(p_limit integer)
RETURNS TABLE (invariant text, sentence text, means text, sentence_zh text, means_zh text, total bigint, unit text, finding text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = nianshen, pg_temp SET jit = off SET work_mem = '64MB' AS $$
    WITH found AS (
        SELECT v.*, count(*) OVER (PARTITION BY v.invariant) AS total,
               row_number() OVER (PARTITION BY v.invariant ORDER BY v.unit COLLATE "C", v.finding COLLATE "C") AS place
        FROM violation v
    )
    SELECT i.invariant, i.sentence, i.means, i.sentence_zh, i.means_zh, coalesce(f.total, 0), f.unit, f.finding
    FROM invariant i LEFT JOIN found f ON f.invariant = i.invariant AND f.place <= p_limit
    ORDER BY substr(i.invariant, 2)::integer, f.place
$$;
