-- What must be true of the database whatever happened, as far as it shows by itself: a second opinion on what the engine wrote. One view an invariant: each
-- row is a violation, in words and without a full number of anybody. In psql, as the owner: `SELECT * FROM nianshen.violation;`; no row means that all of
-- them hold. Nothing is written or locked, and workers may go on: one statement sees one snapshot. Each table is read at most a few times as a whole.
--
-- What is not here needs more than the database: I8 (rebuilding equals, replaying changes nothing: `nianshen-ops verify`, `replay`), I9 (any
-- interleaving gives one state: tests/model), I12 (after a fault the lag reaches zero by itself: `nianshen-ops status`).

DO $$
DECLARE
    v text;
BEGIN
    FOREACH v IN ARRAY ARRAY['violation', 'invariant', 'violation_of_members', 'violation_of_counts', 'violation_of_rosters', 'decision_flaw',
        'violation_of_removals', 'violation_of_authority', 'violation_of_archive', 'violation_of_once', 'violation_of_completeness', 'violation_of_queues',
        'ledger_account', 'violation_of_ledger', 'violation_of_outbox', 'violation_of_positions', 'violation_of_epochs', 'digest_input',
        'violation_of_digests'] LOOP
        EXECUTE format('DROP VIEW IF EXISTS nianshen_next.%I CASCADE', v);
    END LOOP;
END
$$;

CREATE VIEW nianshen_next.invariant AS
SELECT * FROM (VALUES
    ('I1', 'each listed member is on the roster, or removed with a reason; the counts of each submission balance',
     'a roster, an archive or a submission was changed beside the worker: compare with the topics before anybody relies on the unit''s numbers',
     '每个列出的会员都在名册中，或带原因移出；每份提交的人数前后相符',
     '名册、存档或提交被绕过工作进程改动过：在使用该单位的数字之前，请先与主题核对'),
    ('I2', 'each removal follows from one valid approval of a submission that lists the member with this reason',
     'somebody was removed without a decision, or the decision was altered: the member may have to be enrolled again',
     '每次移出都来自一次有效的审核通过，且该提交以同一原因列出了该会员',
     '有人未经审核被移出，或审核记录被改动过：可能须重新登记该会员'),
    ('I3', 'no membership is removed twice',
     'the archive holds a membership twice: counts of removed members are too high',
     '没有一次会员关系被移出两次',
     '存档中同一会员关系出现两次：移出人数偏高'),
    ('I4', 'a unit has at most one approved review a year, and one that is pending; its queue keeps its order',
     'a second review of the year had an effect, or a later one before an earlier one: look at the submissions and their decisions',
     '一个单位一年至多有一份通过的年审，至多有一份待审核；提交按顺序处理',
     '同一年度的第二份年审也生效了，或后来的先于之前的生效：请查看各份提交及其审核'),
    ('I5', 'each consumed record has exactly one account, and what waits to be published is known',
     'a record was lost from the books or counted twice',
     '每条处理过的记录在账簿中恰有一笔，待发布的内容有据可查',
     '账簿漏记或重记了记录'),
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
    ('I11', 'nothing unauthorised has an effect, and no decision waits in vain',
     'a decision counts that its maker had no right to make at that time, or one was left unjudged: it, or the reference data of that time, was altered',
     '未经授权的内容没有任何效果，也没有审核被遗漏',
     '一次审核生效了，但审核人当时无权审核；或有审核未被判定：它或当时的参考数据被改动过'),
    ('I13', 'each digest is that of what the reviewer saw',
     'a list, a number, a name or a profile is not what was approved: compare with the topics',
     '每个摘要都与审核人所见的内容一致',
     '名单、号码、姓名或单位信息与审核通过的不同：请与主题核对'),
    ('I14', 'the roster of a campaign is that of its opening',
     'the packed roster of a campaign and the memberships differ: lists may be judged by the wrong one',
     '年审活动的名册与开放时的会员一致',
     '年审活动的名册与会员记录不同：名单可能据错误的名册判定')
) AS i (invariant, sentence, means, sentence_zh, means_zh);

-- ---- I1 ----

-- Memberships are looked up by their number, entry by entry: there are few entries for the members that there are.
CREATE VIEW nianshen_next.violation_of_members AS
SELECT s.unit, format('submission %s of %s, entry %s: enrolment %s %s', s.submission, s.year, e.place, e.enrolment, f.finding) AS finding
FROM nianshen_engine.submission s
CROSS JOIN LATERAL unnest(s.failing_enrolments) WITH ORDINALITY AS e (enrolment, place)
LEFT JOIN LATERAL (SELECT m.unit FROM nianshen.membership m WHERE m.enrolment = e.enrolment AND m.valid_until_ms = 9223372036854775807) m ON true
LEFT JOIN nianshen_engine.archive a ON a.enrolment = e.enrolment
LEFT JOIN nianshen_engine.removal_due d ON d.unit = s.unit AND d.year = s.year AND d.submission = s.submission
CROSS JOIN LATERAL (VALUES
    (m.unit IS NULL AND a.enrolment IS NULL
         AND (s.state = 'pending' OR NOT EXISTS (SELECT FROM nianshen.membership v WHERE v.enrolment = e.enrolment)), 'is neither on the roster nor removed'),
    (s.state = 'approved' AND a.enrolment IS NULL AND d.unit IS NULL, 'was approved to leave and is on the roster still'),
    (s.state = 'pending' AND a.enrolment IS NOT NULL, 'is removed already'),
    (coalesce(m.unit, a.unit) <> s.unit, 'is of another unit')
) AS f (is_violated, finding)
WHERE s.state IN ('pending', 'approved') AND f.is_violated
UNION ALL
SELECT s.unit, format('submission %s of %s lists enrolment %s %s times', s.submission, s.year, e.enrolment, count(*))
FROM nianshen_engine.submission s CROSS JOIN LATERAL unnest(s.failing_enrolments) AS e (enrolment)
WHERE s.state IN ('pending', 'approved', 'returned')
GROUP BY s.unit, s.year, s.submission, e.enrolment HAVING count(*) > 1;

CREATE VIEW nianshen_next.violation_of_counts AS
WITH chunks AS (
    SELECT c.unit, c.year, c.submission, count(*) AS chunks, max(c.chunk) AS last, bool_or(c.rows IS NOT NULL) AS has_rows
    FROM nianshen_engine.chunk c GROUP BY 1, 2, 3
), blocks AS (
    SELECT b.unit, b.year, sum(b.members) AS members FROM nianshen_engine.roster_block b GROUP BY 1, 2
)
SELECT s.unit, format('submission %s of %s, %s: %s', s.submission, s.year, s.state, f.finding) AS finding
FROM nianshen_engine.submission s
LEFT JOIN chunks c ON c.unit = s.unit AND c.year = s.year AND c.submission = s.submission
LEFT JOIN blocks b ON b.unit = s.unit AND b.year = s.year
LEFT JOIN nianshen.campaign_term p ON p.year = s.year AND p.purge_until_ms IS NOT NULL -- the counts are kept, what was counted is not
CROSS JOIN LATERAL (SELECT s.digest IS NOT NULL AS is_told) t
CROSS JOIN LATERAL (VALUES
    (s.received <> CASE WHEN s.chunks = 1 THEN 1 ELSE coalesce(c.chunks, 0) END OR c.last > s.chunks OR (s.chunks = 1 AND c.chunks > 0),
     format('%s of %s chunks are counted, %s are stored', s.received, s.chunks, coalesce(c.chunks, 0))),
    (t.is_told AND s.listed <> s.passed + s.failed, format('%s listed is not %s passed and %s failed', s.listed, s.passed, s.failed)),
    (t.is_told AND s.failed <> coalesce(cardinality(s.failing_enrolments), 0) AND p.year IS NULL,
     format('%s failed, %s entries are stored', s.failed, coalesce(cardinality(s.failing_enrolments), 0))),
    (t.is_told AND (cardinality(s.failing_enrolments) <> cardinality(s.failing_reasons) OR cardinality(s.failing_enrolments) <> cardinality(s.failing_warnings)),
     'entries, reasons and warnings are not as many as each other'),
    (t.is_told AND s.entries_total <> CASE s.mode WHEN 'list' THEN s.listed ELSE s.failed END,
     format('%s entries were announced, %s are %s', s.entries_total, CASE s.mode WHEN 'list' THEN s.listed ELSE s.failed END,
            CASE s.mode WHEN 'list' THEN 'listed' ELSE 'failed' END)),
    (t.is_told AND s.listed <> coalesce(b.members, 0) AND p.year IS NULL,
     format('%s members were reviewed, the roster of the campaign has %s', s.listed, coalesce(b.members, 0))),
    (s.state IN ('pending', 'approved', 'returned') AND (s.listed IS NULL OR s.passed IS NULL OR s.failed IS NULL OR s.digest IS NULL),
     'counts or digest are missing'),
    (s.state NOT IN ('pending', 'approved', 'returned') AND s.digest IS NOT NULL, 'it has a digest, and nobody can decide on it'),
    (c.has_rows AND s.is_in_campaign AND s.state NOT IN ('receiving', 'withdrawn'), 'rows of its chunks are kept, though they are judged')
) AS f (is_violated, finding)
WHERE f.is_violated
UNION ALL -- no foreign keys guard these: each costs a lookup a row, of a row that the same micro-batch has just read
SELECT c.unit, format('submission %s of %s is gone, and left %s chunks', c.submission, c.year, c.chunks)
FROM chunks c
WHERE NOT EXISTS (SELECT FROM nianshen_engine.submission s WHERE s.unit = c.unit AND s.year = c.year AND s.submission = c.submission)
UNION ALL
SELECT e.unit, format('%s %s of %s is of a unit that is not loaded', e.kind, e.name, e.year)
FROM (SELECT 'submission' AS kind, s.unit, s.year, s.submission AS name FROM nianshen_engine.submission s
      UNION ALL SELECT 'unit review', r.unit, r.year, r.event_id FROM nianshen_engine.unit_review r
      UNION ALL SELECT 'decision', d.unit, d.year, d.event_id FROM nianshen_engine.decision d) e
WHERE NOT EXISTS (SELECT FROM nianshen.unit_profile u WHERE u.unit = e.unit);

-- ---- I2, I11 ----

-- As people's names are compared: without blanks at the ends, one blank inside, full-width letters as plain ones, without regard to case.
CREATE OR REPLACE FUNCTION nianshen_next.person_key(p_name text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT lower(btrim(regexp_replace(translate(p_name,
        'ＡＢＣＤＥＦＧＨＩＪＫＬＭＮＯＰＱＲＳＴＵＶＷＸＹＺａｂｃｄｅｆｇｈｉｊｋｌｍｎｏｐｑｒｓｔｕｖｗｘｙｚ０１２３４５６７８９－＿．' || U&'\3000\00A0\200B\200C\200D\FEFF',
        'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.      '), '\s+', ' ', 'g')) COLLATE "C")
$$;

-- What is wrong with each decision that had an effect; the same questions that the worker asked, as of the same moment.
CREATE VIEW nianshen_next.decision_flaw AS
SELECT d.unit, d.year, d.source, d.event_id, d.submission, f.flaw
FROM nianshen_engine.decision d
LEFT JOIN nianshen_engine.submission s ON s.unit = d.unit AND s.year = d.year AND s.submission = d.submission
CROSS JOIN LATERAL (VALUES
    (NOT nianshen.campaign_open_at(d.year, d.append_ms), 'came outside the campaign'),
    (d.kind <> 'withdrawn' AND nianshen.superior_at(d.unit, d.append_ms) IS DISTINCT FROM d.superior,
     format('%s was not the direct superior then', d.superior)),
    (d.kind <> 'withdrawn' AND NOT nianshen.reviewer_at(d.reviewer, d.superior, d.append_ms),
     format('%s was no reviewer of %s then', d.reviewer, d.superior)),
    (d.kind <> 'withdrawn' AND nianshen_next.person_key(s.submitted_by) = nianshen_next.person_key(d.reviewer),
     format('%s reviewed what %s had submitted', d.reviewer, s.submitted_by)),
    (d.kind <> 'withdrawn' AND nianshen_next.digest_text(s.digest) IS DISTINCT FROM d.digest, 'names another digest than its submission has'),
    (d.kind = 'withdrawn' AND s.source <> d.source, 'withdraws what another source had submitted'),
    (s.submission IS NULL, 'is on a submission that does not exist'),
    (s.state <> d.kind, format('is accepted, and its submission is %s', s.state)),
    (s.state = d.kind AND s.decided_ms IS DISTINCT FROM d.append_ms, 'is of another moment than its submission says')
) AS f (is_violated, flaw)
WHERE d.verdict = 'accepted' AND f.is_violated;

-- Of the archive, and of what is due to go there; that everything listed is there says I1.
CREATE VIEW nianshen_next.violation_of_removals AS
WITH flaws AS (
    SELECT w.unit, w.year, w.source, w.event_id, string_agg(w.flaw, ', ') AS flaws FROM nianshen_next.decision_flaw w GROUP BY 1, 2, 3, 4
), listed AS (
    SELECT s.unit, s.year, s.submission, e.enrolment, min(e.reason) AS reason
    FROM nianshen_engine.submission s CROSS JOIN LATERAL unnest(s.failing_enrolments, s.failing_reasons) AS e (enrolment, reason)
    WHERE s.state = 'approved' GROUP BY 1, 2, 3, 4
)
SELECT r.unit, format('%s, removed by decision %s on submission %s of %s: %s', coalesce('member ' || r.member_no, 'members'), r.decision, r.submission, r.year,
                      f.finding) AS finding
FROM (SELECT a.unit, a.year, a.submission, a.decision_source, a.decision, a.removed_ms, a.member_no, a.enrolment, a.reason FROM nianshen_engine.archive a
      UNION ALL
      SELECT d.unit, d.year, d.submission, d.decision_source, d.decision, d.removed_ms, NULL, NULL, NULL FROM nianshen_engine.removal_due d) r
LEFT JOIN nianshen_engine.decision d ON d.unit = r.unit AND d.year = r.year AND d.source = r.decision_source AND d.event_id = r.decision
LEFT JOIN nianshen_engine.submission s ON s.unit = r.unit AND s.year = r.year AND s.submission = r.submission
LEFT JOIN listed e ON e.unit = r.unit AND e.year = r.year AND e.submission = r.submission AND e.enrolment = r.enrolment
LEFT JOIN flaws w ON w.unit = d.unit AND w.year = d.year AND w.source = d.source AND w.event_id = d.event_id
CROSS JOIN LATERAL (VALUES
    (d.event_id IS NULL, 'there is no such decision'),
    (d.kind <> 'approved' OR d.verdict <> 'accepted', format('the decision is %s and %s', d.kind, d.verdict)),
    (d.submission <> r.submission, format('the decision is on submission %s', d.submission)),
    (d.append_ms <> r.removed_ms, 'the decision is of another moment'),
    (w.flaws IS NOT NULL, 'the decision ' || w.flaws),
    (s.state IS DISTINCT FROM 'approved', format('the submission is %s', coalesce(s.state, 'missing'))),
    (r.enrolment IS NOT NULL AND s.state = 'approved' AND e.enrolment IS NULL, 'the submission does not list the enrolment'),
    (e.reason <> r.reason, format('the reason is %s, the submission says %s', r.reason, e.reason))
) AS f (is_violated, finding)
WHERE f.is_violated;

CREATE VIEW nianshen_next.violation_of_authority AS
SELECT w.unit, format('decision %s on submission %s of %s %s', w.event_id, w.submission, w.year, w.flaw) AS finding FROM nianshen_next.decision_flaw w
UNION ALL
SELECT s.unit, format('submission %s of %s is %s by %s accepted decisions', s.submission, s.year, s.state, coalesce(d.decisions, 0))
FROM nianshen_engine.submission s
LEFT JOIN (SELECT d.unit, d.year, d.submission, count(*) AS decisions FROM nianshen_engine.decision d WHERE d.verdict = 'accepted' GROUP BY 1, 2, 3) d
    ON d.unit = s.unit AND d.year = s.year AND d.submission = s.submission
WHERE coalesce(d.decisions, 0) <> CASE WHEN s.state IN ('approved', 'returned', 'withdrawn') THEN 1 ELSE 0 END
UNION ALL
SELECT d.unit, format('decision %s on submission %s of %s waits, and the submission is %s', d.event_id, d.submission, d.year, s.state)
FROM nianshen_engine.decision d
JOIN nianshen_engine.submission s ON s.unit = d.unit AND s.year = d.year AND s.submission = d.submission
WHERE d.verdict = 'waiting' AND s.state NOT IN ('receiving', 'waiting')
UNION ALL
SELECT d.unit, format('decision %s on submission %s of %s is %s, with code %s', d.event_id, d.submission, d.year, d.verdict, coalesce(d.code, 'none'))
FROM nianshen_engine.decision d WHERE (d.verdict = 'rejected') <> (d.code IS NOT NULL)
UNION ALL
SELECT u.unit, format('unit review %s of %s is accepted, and came outside the campaign or of an unknown unit', u.event_id, u.year)
FROM nianshen_engine.unit_review u
WHERE u.code IS NULL AND NOT (nianshen.unit_known_at(u.unit, u.append_ms) AND nianshen.campaign_open_at(u.year, u.append_ms))
UNION ALL
SELECT s.unit, format('submission %s of %s is %s, and %s', s.submission, s.year, s.state, f.finding)
FROM nianshen_engine.submission s
LEFT JOIN nianshen_engine.unit_review u ON u.unit = s.unit AND u.year = s.year AND u.source = s.source AND u.event_id = s.unit_review
CROSS JOIN LATERAL (VALUES
    (u.unit IS NULL OR u.code IS NOT NULL, 'its unit review is not accepted'),
    (NOT s.is_in_campaign OR NOT nianshen.campaign_open_at(s.year, s.first_ms) OR NOT nianshen.campaign_open_at(s.year, s.completed_ms),
     'it came outside the campaign'),
    (s.row_code IS NOT NULL, 'its rows are refused')
) AS f (is_violated, finding)
WHERE s.state IN ('pending', 'approved', 'returned') AND f.is_violated
UNION ALL
SELECT s.unit, format('submission %s of %s is %s, with code %s', s.submission, s.year, s.state, coalesce(s.code, 'none'))
FROM nianshen_engine.submission s WHERE (s.state = 'rejected') <> (s.code IS NOT NULL);

-- ---- I3, I4, I7 ----

CREATE VIEW nianshen_next.violation_of_archive AS
SELECT a.unit, format('member %s enrolled at %s stands %s times in the archive', a.member_no, nianshen.moment_of(a.enrolled_ms), count(*)) AS finding
FROM nianshen_engine.archive a GROUP BY a.unit, a.member_no, a.id_key, a.enrolled_ms HAVING count(*) > 1
UNION ALL
SELECT a.unit, format('enrolment %s of member %s is in the archive and on the roster', a.enrolment, a.member_no)
FROM nianshen_engine.archive a JOIN nianshen.membership m ON m.enrolment = a.enrolment AND m.valid_until_ms = 9223372036854775807;

CREATE VIEW nianshen_next.violation_of_once AS
SELECT s.unit, format('%s: %s submissions are approved and %s pending (%s)', s.year, count(*) FILTER (WHERE s.state = 'approved'),
                      count(*) FILTER (WHERE s.state = 'pending'), string_agg(s.submission, ', ' ORDER BY s.submission)) AS finding
FROM nianshen_engine.submission s WHERE s.state IN ('approved', 'pending') GROUP BY s.unit, s.year HAVING count(*) > 1;

-- What stands behind one that waits or is pending is not judged yet, and the head does not wait once there is its unit review.
CREATE VIEW nianshen_next.violation_of_queues AS
SELECT q.unit, format('submission %s of %s is %s, and submission %s before it is %s', q.submission, q.year, q.state, q.open, q.open_state) AS finding
FROM (SELECT s.unit, s.year, s.submission, s.state,
             first_value(s.submission) OVER queue AS open, first_value(s.state) OVER queue AS open_state, first_value(s.completed_offset) OVER queue AS open_offset,
             s.completed_offset
      FROM nianshen_engine.submission s
      WHERE s.completed_offset IS NOT NULL AND s.state <> 'withdrawn'
      WINDOW queue AS (PARTITION BY s.unit, s.year ORDER BY s.state IN ('waiting', 'pending') DESC, s.completed_offset)) q
WHERE q.open_state IN ('waiting', 'pending') AND q.state <> 'waiting' AND q.completed_offset > q.open_offset
UNION ALL
SELECT h.unit, format('submission %s of %s waits at the head of its queue, and its unit review is there', h.submission, h.year)
FROM (SELECT DISTINCT ON (s.unit, s.year) s.* FROM nianshen_engine.submission s WHERE s.state IN ('waiting', 'pending')
      ORDER BY s.unit, s.year, s.completed_offset) h
JOIN nianshen_engine.unit_review u ON u.unit = h.unit AND u.year = h.year AND u.source = h.source AND u.event_id = h.unit_review
WHERE h.state = 'waiting';

CREATE VIEW nianshen_next.violation_of_completeness AS
SELECT s.unit, format('submission %s of %s is %s with %s of %s chunks', s.submission, s.year, s.state, s.received, s.chunks) AS finding
FROM nianshen_engine.submission s
WHERE s.received > s.chunks OR (s.received = s.chunks) <> (s.completed_offset IS NOT NULL) OR s.completed_offset < s.first_offset
    OR num_nonnulls(s.completed_offset, s.completed_ms, s.completed_by) NOT IN (0, 3)
    OR (s.state <> 'withdrawn' AND (s.state = 'receiving') = (s.received = s.chunks))
UNION ALL
SELECT s.unit, format('submission %s of %s was completed at offset %s, and no chunk of it stands there', s.submission, s.year, s.completed_offset)
FROM nianshen_engine.submission s
WHERE s.chunks > 1 AND s.completed_offset IS NOT NULL
    AND s.completed_offset IS DISTINCT FROM (SELECT max(c.record_offset) FROM nianshen_engine.chunk c
                                             WHERE c.unit = s.unit AND c.year = s.year AND c.submission = s.submission);

-- ---- I5 ----

-- Of each partition: what its ranges say that was consumed, and the rows that account for it.
CREATE VIEW nianshen_next.ledger_account AS
WITH ranges AS (
    SELECT r.shard, r.topic, sum(r.records) AS records, min(r.first_offset) AS first_offset, max(r.next_offset) AS next_offset
    FROM nianshen_engine.ledger_range r GROUP BY 1, 2
), rows AS (
    SELECT a.shard, a.topic, count(*) AS applied FROM nianshen_engine.applied_record a
    JOIN ranges r ON r.shard = a.shard AND r.topic = a.topic AND a.record_offset >= r.first_offset
    GROUP BY 1, 2
), exceptions AS (
    SELECT l.shard, l.topic, count(*) AS exceptions FROM nianshen_engine.ledger_exception l GROUP BY 1, 2
)
SELECT coalesce(r.shard, e.shard) AS shard, coalesce(r.topic, e.topic) AS topic, coalesce(r.records, 0) AS records, coalesce(a.applied, 0) AS applied,
       coalesce(e.exceptions, 0) AS exceptions, coalesce(p.purged_exceptions, 0) AS purged, r.first_offset, r.next_offset
FROM ranges r
FULL JOIN exceptions e ON e.shard = r.shard AND e.topic = r.topic
LEFT JOIN rows a ON a.shard = r.shard AND a.topic = r.topic
LEFT JOIN nianshen_engine.purged p ON p.shard = coalesce(r.shard, e.shard) AND p.topic = coalesce(r.topic, e.topic);

CREATE VIEW nianshen_next.violation_of_ledger AS
SELECT NULL::text COLLATE "C" AS unit,
       format('%s partition %s: %s records were consumed, %s were applied and %s stand in the ledger as exceptions', nianshen_next.topic_name(a.topic), a.shard,
              a.records, a.applied, a.exceptions + a.purged) AS finding
FROM nianshen_next.ledger_account a WHERE a.records <> a.applied + a.exceptions + a.purged
UNION ALL
SELECT max(a.unit), format('%s partition %s offset %s has %s accounts', nianshen_next.topic_name(a.topic), a.shard, a.record_offset, count(*))
FROM (SELECT r.unit, r.shard, r.topic, r.record_offset FROM nianshen_engine.applied_record r WHERE r.record_offset >= 0
      UNION ALL
      SELECT l.unit, l.shard, l.topic, l.record_offset FROM nianshen_engine.ledger_exception l) a
GROUP BY a.shard, a.topic, a.record_offset HAVING count(*) > 1
UNION ALL
SELECT a.unit, format('%s partition %s offset %s has an effect, and the partition stands at %s', nianshen_next.topic_name(a.topic), a.shard, a.record_offset,
                      coalesce(r.next_offset, 0))
FROM nianshen_engine.applied_record a LEFT JOIN nianshen_next.ledger_account r ON r.shard = a.shard AND r.topic = a.topic
WHERE a.record_offset >= coalesce(r.next_offset, 0)
UNION ALL
SELECT l.unit, format('%s partition %s offset %s: %s', nianshen_next.topic_name(l.topic), l.shard, l.record_offset, f.finding)
FROM nianshen_engine.ledger_exception l
LEFT JOIN nianshen_next.ledger_account r ON r.shard = l.shard AND r.topic = l.topic
LEFT JOIN nianshen_engine.held_unit h ON h.unit = l.unit
CROSS JOIN LATERAL (VALUES
    (l.record_offset < r.first_offset OR l.record_offset >= coalesce(r.next_offset, 0), 'it stands in the ledger, and no range covers it'),
    (l.kind = 'held' AND h.unit IS NULL, 'it is held, and its unit is not'),
    (l.kind = 'dead-letter' AND l.code IS NULL, 'a dead letter without a code'),
    (l.kind = 'duplicate' AND num_nonnulls(l.key, l.value, l.headers) > 0, 'a duplicate with its bytes')
) AS f (is_violated, finding)
WHERE f.is_violated
UNION ALL
SELECT c.unit, format('chunk %s of %s repeats another, and stands in the ledger as no duplicate', c.event_id, c.year)
FROM nianshen_engine.repeated_chunk c
WHERE NOT EXISTS (SELECT FROM nianshen_engine.ledger_exception l
                  WHERE l.unit = c.unit AND l.topic = 1 AND l.kind = 'duplicate' AND l.record_offset = c.record_offset)
    AND NOT EXISTS (SELECT FROM nianshen_engine.purged p WHERE c.record_offset < p.purged_before AND p.topic = 1)
    AND NOT EXISTS (SELECT FROM nianshen.partition_resume q WHERE q.next_after < q.next_before);

CREATE VIEW nianshen_next.violation_of_outbox AS
SELECT l.unit, format('%s partition %s offset %s waits to be published as a dead letter, and %s', nianshen_next.topic_name(d.topic), o.shard, d.record_offset,
                      coalesce('stands in the ledger as ' || l.kind, 'is not in the ledger')) AS finding
FROM nianshen_engine.outbox o
CROSS JOIN LATERAL unnest(o.dead_letter_topics, o.dead_letter_offsets) AS d (topic, record_offset)
LEFT JOIN nianshen_engine.ledger_exception l ON l.shard = o.shard AND l.topic = d.topic AND l.record_offset = d.record_offset
WHERE l.kind IS DISTINCT FROM 'dead-letter'
UNION ALL
SELECT NULL, format('partition %s waits to publish micro-batch %s, and holds nothing of it', o.shard, o.batch)
FROM nianshen_engine.outbox o WHERE o.outcomes IS NULL AND coalesce(cardinality(o.dead_letter_offsets), 0) = 0
UNION ALL
SELECT NULL, format('partition %s waits to publish micro-batch %s, and nobody ever owned it', o.shard, o.batch)
FROM nianshen_engine.outbox o WHERE NOT EXISTS (SELECT FROM nianshen_engine.shard s WHERE s.shard = o.shard);

-- ---- I6, I10 ----

CREATE VIEW nianshen_next.violation_of_positions AS
SELECT NULL::text COLLATE "C" AS unit, format('%s partition %s, offsets %s to %s: %s', nianshen_next.topic_name(r.topic), r.shard, r.first_offset, r.next_offset,
                                              f.finding) AS finding
FROM (SELECT l.*, lag(l.next_offset) OVER places AS before, lag(l.max_append_ms) OVER places AS before_ms
      FROM nianshen_engine.ledger_range l WINDOW places AS (PARTITION BY l.shard, l.topic ORDER BY l.next_offset)) r
LEFT JOIN nianshen_engine.purged p ON p.shard = r.shard AND p.topic = r.topic
CROSS JOIN LATERAL (VALUES
    (r.first_offset <> r.before, format('the range before it ends at %s', r.before)),
    (r.before IS NULL AND r.first_offset > coalesce(p.purged_before, 0)
         AND NOT EXISTS (SELECT FROM nianshen.partition_resume q WHERE q.partition = r.shard AND q.topic = nianshen_next.topic_name(r.topic)
                             AND q.next_after = r.first_offset), 'no range says what became of the offsets before it'),
    (r.first_offset > r.next_offset, 'it goes backwards'),
    (r.records < 0 OR r.records > r.next_offset - r.first_offset, format('it holds %s records', r.records)),
    (r.last_offset >= r.next_offset, format('its last record is said to be %s', r.last_offset)),
    (r.last_append_ms > r.max_append_ms, 'the latest moment is before that of the last record'),
    (r.max_append_ms < r.before_ms, 'the latest moment is before that of the range before it')
) AS f (is_violated, finding)
WHERE f.is_violated;

CREATE VIEW nianshen_next.violation_of_epochs AS
SELECT NULL::text COLLATE "C" AS unit,
       format('%s partition %s, offsets %s to %s were consumed under epoch %s, %s', nianshen_next.topic_name(l.topic), l.shard, l.first_offset, l.next_offset,
              l.epoch, CASE WHEN l.epoch < l.before THEN format('after epoch %s', l.before)
                            ELSE format('which never began (now %s)', coalesce(s.epoch, 0)) END) AS finding
FROM (SELECT r.*, lag(r.epoch) OVER (PARTITION BY r.shard, r.topic ORDER BY r.next_offset) AS before FROM nianshen_engine.ledger_range r) l
LEFT JOIN nianshen_engine.shard s ON s.shard = l.shard
WHERE l.epoch < l.before OR l.epoch > coalesce(s.epoch, 0);

-- ---- I13 ----

-- What a digest is of, in the canonical form of RFC 8785 (schemas/README.md), made anew from the memberships: PostgreSQL escapes a text in JSON as that
-- demands. Numbers and names are those of the moment when the submission was complete.
CREATE VIEW nianshen_next.digest_input AS
SELECT s.unit, s.year, s.submission, s.digest,
       format('{"failed":[%s],"listed":%s,"mode":%s,"passed":%s,"profile":{%s},"submission":%s,"unit":%s,"year":%s}', coalesce(e.failed, ''), s.listed,
              to_json(s.mode), s.passed, coalesce(p.profile, ''), to_json(s.submission), to_json(s.unit), s.year) AS canonical
FROM nianshen_engine.submission s
LEFT JOIN nianshen_engine.unit_review r ON r.unit = s.unit AND r.year = s.year AND r.source = s.source AND r.event_id = s.unit_review
LEFT JOIN LATERAL (
    SELECT string_agg(to_json(f.field) || ':' || to_json(f.value), ',' ORDER BY f.field COLLATE "C") AS profile
    FROM (VALUES ('name', r.name), ('credit_code', r.credit_code), ('address', r.address), ('contact_name', r.contact_name),
                 ('contact_mobile', r.contact_mobile)) AS f (field, value)
    WHERE f.value IS NOT NULL) p ON true
LEFT JOIN LATERAL (
    SELECT string_agg(format('{"id_number":%s,"member_no":%s,"name":%s,"reason":%s}', to_json(m.id_key), to_json(m.member_no), to_json(coalesce(m.name, '')),
                             to_json(x.reason)), ',' ORDER BY m.id_key COLLATE "C") AS failed
    FROM unnest(s.failing_enrolments, s.failing_reasons) AS x (enrolment, reason)
    LEFT JOIN LATERAL (SELECT v.id_key, v.member_no, v.name FROM nianshen_next.member_version v
                       WHERE v.enrolment = x.enrolment AND v.valid_from_ms <= s.completed_ms ORDER BY v.valid_from_ms DESC LIMIT 1) m ON true) e ON true
WHERE s.digest IS NOT NULL;

CREATE VIEW nianshen_next.violation_of_digests AS
SELECT i.unit, format('submission %s of %s: its digest is not that of its list, numbers, names and profile', i.submission, i.year) AS finding
FROM nianshen_next.digest_input i JOIN nianshen.campaign_term c ON c.year = i.year AND c.purge_until_ms IS NULL
WHERE i.digest <> sha256(c.salt || convert_to(i.canonical, 'UTF8')) OR i.canonical IS NULL;

-- ---- I14 ----

-- As many members as the memberships say that there were just before it opened. Which ones: nianshen-ops verify.
CREATE VIEW nianshen_next.violation_of_rosters AS
WITH blocks AS (
    SELECT b.unit, b.year, sum(b.members) AS members FROM nianshen_engine.roster_block b GROUP BY 1, 2
), rosters AS (
    SELECT m.unit, c.year, count(*) AS members
    FROM nianshen.campaign_term c
    JOIN (SELECT v.unit, v.valid_from_ms, CASE WHEN d.enrolment IS NULL THEN v.valid_until_ms
                                                     ELSE least(v.valid_until_ms, greatest(d.removed_ms, v.valid_from_ms + 1)) END AS valid_until_ms
          FROM nianshen.membership v LEFT JOIN nianshen_next.due_removal d ON d.unit = v.unit AND d.enrolment = v.enrolment
          UNION ALL
          SELECT unit, valid_from_ms, valid_until_ms FROM nianshen_engine.archive) m ON m.valid_from_ms < c.opens_ms AND m.valid_until_ms >= c.opens_ms
    WHERE c.purge_until_ms IS NULL AND EXISTS (SELECT FROM nianshen_engine.roster_block b WHERE b.year = c.year)
    GROUP BY 1, 2
)
SELECT coalesce(b.unit, r.unit) AS unit, format('%s: the roster of the campaign has %s members, the memberships of its opening are %s', coalesce(b.year, r.year),
                                                coalesce(b.members, 0), coalesce(r.members, 0)) AS finding
FROM blocks b FULL JOIN rosters r ON r.unit = b.unit AND r.year = b.year
WHERE coalesce(b.members, 0) <> coalesce(r.members, 0)
    AND NOT EXISTS (SELECT FROM nianshen.campaign_term c WHERE c.year = b.year AND c.purge_until_ms IS NOT NULL);

-- ---- all of them ----

CREATE VIEW nianshen_next.violation AS
SELECT 'I1' AS invariant, unit, finding FROM nianshen_next.violation_of_members
UNION ALL SELECT 'I1', unit, finding FROM nianshen_next.violation_of_counts
UNION ALL SELECT 'I2', unit, finding FROM nianshen_next.violation_of_removals
UNION ALL SELECT 'I3', unit, finding FROM nianshen_next.violation_of_archive
UNION ALL SELECT 'I4', unit, finding FROM nianshen_next.violation_of_once
UNION ALL SELECT 'I4', unit, finding FROM nianshen_next.violation_of_queues
UNION ALL SELECT 'I5', unit, finding FROM nianshen_next.violation_of_ledger
UNION ALL SELECT 'I5', unit, finding FROM nianshen_next.violation_of_outbox
UNION ALL SELECT 'I6', unit, finding FROM nianshen_next.violation_of_positions
UNION ALL SELECT 'I7', unit, finding FROM nianshen_next.violation_of_completeness
UNION ALL SELECT 'I10', unit, finding FROM nianshen_next.violation_of_epochs
UNION ALL SELECT 'I11', unit, finding FROM nianshen_next.violation_of_authority
UNION ALL SELECT 'I13', unit, finding FROM nianshen_next.violation_of_digests
UNION ALL SELECT 'I14', unit, finding FROM nianshen_next.violation_of_rosters
UNION ALL SELECT 'I14', unit, finding FROM nianshen_next.violation_of_roster_changes
UNION ALL SELECT 'I14', unit, finding FROM nianshen_next.violation_of_roster_blocks;

-- One row an invariant that holds (finding is null), else its first violations with their total.
CREATE OR REPLACE FUNCTION nianshen_next.check_run(p_limit integer)
RETURNS TABLE (invariant text, sentence text, means text, sentence_zh text, means_zh text, total bigint, unit text, finding text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = nianshen, pg_temp SET jit = off SET work_mem = '64MB' AS $$
    WITH found AS (
        SELECT v.*, count(*) OVER (PARTITION BY v.invariant) AS total,
               row_number() OVER (PARTITION BY v.invariant ORDER BY v.unit COLLATE "C", v.finding COLLATE "C") AS place
        FROM nianshen_next.violation v
    )
    SELECT i.invariant, i.sentence, i.means, i.sentence_zh, i.means_zh, coalesce(f.total, 0), f.unit, f.finding
    FROM nianshen_next.invariant i LEFT JOIN found f ON f.invariant = i.invariant AND f.place <= p_limit
    ORDER BY substr(i.invariant, 2)::integer, f.place
$$;
