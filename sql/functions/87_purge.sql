-- Purging a campaign after its retention: lists, archive and masked numbers go, in slices that no worker waits for long; the counts, digests, verdicts and
-- who decided stay. `nianshen-ops campaign purge` calls these in order: until, check, begin, units, ledger; then it cuts the topics; end. Each may be repeated,
-- so that a purge that was cut off goes on where it stood. The topics come last: until then all can be made again from them.

-- The moment at which the topics are cut: from the closing to the opening of the next campaign every record is a rejection, so these go as well. Refuses what
-- can not be purged at all. purged_ms null: not purged yet.
CREATE OR REPLACE FUNCTION nianshen.campaign_purge_until(p_year integer, OUT until_ms bigint, OUT purged_ms bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = nianshen, pg_temp AS $$
DECLARE
    term campaign_term;
    other integer;
BEGIN
    SELECT * INTO term FROM campaign_term c WHERE c.year = p_year;
    IF NOT FOUND THEN
        PERFORM refuse(format('there is no campaign of %s', p_year), 'nianshen-ops campaign list shows those that there are',
                       format('没有 %s 年度的年审活动；nianshen-ops campaign list 列出已有的', p_year));
    ELSIF term.closes_ms > now_ms() THEN
        PERFORM refuse(format('the campaign of %s is not closed', p_year), format('nianshen-ops campaign close --year %s; and mind the retention', p_year),
                       format('%s 年度的年审活动尚未关闭；请运行 nianshen-ops campaign close --year %s，并注意保存期限', p_year, p_year));
    END IF;
    -- The topics are cut from their beginning, and the archive of this one belongs to the roster of the one before.
    other := (SELECT c.year FROM campaign_term c WHERE c.opens_ms < term.opens_ms AND c.purged_ms IS NULL ORDER BY c.opens_ms LIMIT 1);
    IF other IS NOT NULL THEN
        PERFORM refuse(format('the campaign of %s came before it and is not purged', other), format('nianshen-ops campaign purge --year %s', other),
                       format('更早的 %s 年度尚未清除；请先运行 nianshen-ops campaign purge --year %s', other, other));
    END IF;
    until_ms := coalesce(term.purge_until_ms, least(now_ms(), (SELECT min(c.opens_ms) FROM campaign_term c WHERE c.opens_ms >= term.closes_ms)));
    purged_ms := term.purged_ms;
END
$$;

-- Refuses while anything of the records that are to go is still to come. p_before: the first offset of each partition of the input topics that stays.
CREATE OR REPLACE FUNCTION nianshen.campaign_purge_check(p_year integer, p_until_ms bigint, p_topic text[], p_partition integer[], p_before bigint[])
RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = nianshen, pg_temp AS $$
DECLARE
    f record;
BEGIN
    PERFORM campaign_purge_until(p_year);
    PERFORM positions_check(p_topic, p_partition, p_before);
    FOR f IN SELECT p.topic, p.partition, p.before, k.halted,
                    (SELECT count(*) FROM ledger l WHERE l.kind = 'held' AND l.topic = p.topic AND l.partition = p.partition
                         AND l.record_offset < p.before) AS held,
                    (SELECT count(*) FROM dead_letter d WHERE d.topic = p.topic AND d.partition = p.partition AND d.record_offset < p.before
                         AND d.state IN ('open', 'redriving')) AS open,
                    (SELECT l.append_ms FROM ledger l WHERE l.topic = p.topic AND l.partition = p.partition AND l.record_offset < p.before
                     ORDER BY l.record_offset DESC LIMIT 1) AS last_ms
             FROM unnest(p_topic, p_partition, p_before) AS p (topic, partition, before)
             LEFT JOIN kafka_partition k ON k.topic = p.topic AND k.partition = p.partition
             ORDER BY 1, 2
    LOOP
        IF f.halted IS NOT NULL THEN
            PERFORM refuse(format('%s partition %s is halted', f.topic, f.partition), 'nianshen-ops partition list says why; resume it first',
                           format('主题 %s 分区 %s 已停止；nianshen-ops partition list 说明原因，请先恢复', f.topic, f.partition));
        ELSIF f.held > 0 THEN
            PERFORM refuse(format('%s partition %s: %s records of that time are held', f.topic, f.partition, f.held),
                           'nianshen-ops unit held lists their units; release them first',
                           format('主题 %s 分区 %s：该时段有 %s 条记录被搁置；nianshen-ops unit held 可列出单位，请先释放', f.topic, f.partition, f.held));
        ELSIF f.open > 0 THEN
            PERFORM refuse(format('%s partition %s: %s dead letters of that time are open or their redrive is not known to have ended', f.topic, f.partition, f.open),
                           'nianshen-ops dead-letter list --state open shows them; redrive or discard them first',
                           format('主题 %s 分区 %s：该时段有 %s 条死信未处理，或其重发结果不明；nianshen-ops dead-letter list --state open 可列出，请先重发或放弃',
                                  f.topic, f.partition, f.open));
        ELSIF f.last_ms >= p_until_ms THEN
            PERFORM refuse(format('%s partition %s: the broker says offset %s for that time, and the ledger has later records before it', f.topic, f.partition,
                                  f.before),
                           'is this the broker, and the topic prefix, that the workers read from? (nianshen-ops partition list)',
                           format('主题 %s 分区 %s：Kafka 给出该时段的偏移量 %s，而账本中此前已有更晚的记录；请确认这是工作进程所读的 Kafka 和主题前缀'
                                  '（nianshen-ops partition list）', f.topic, f.partition, f.before));
        END IF;
    END LOOP;
    IF EXISTS (SELECT FROM outbox_waiting o LEFT JOIN unnest(p_topic, p_partition, p_before) AS p (topic, partition, before)
                   ON p.topic = o.topic AND p.partition = o.partition
               WHERE o.ce_time_ms < p_until_ms OR o.record_offset < p.before) THEN
        PERFORM refuse('outcomes or dead letters of that time are not published yet', 'let a worker publish them (nianshen-ops status: OUTBOX), then purge',
                       '该时段的处理结果或死信尚未发布；请等工作进程发布完（nianshen-ops status 的 OUTBOX），再清除');
    END IF;
END
$$;

-- What is purged of the database, in rows. Of the topics the broker tells.
CREATE OR REPLACE FUNCTION nianshen.campaign_purge_rows(p_year integer, p_until_ms bigint) RETURNS TABLE (what text, count bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = nianshen, pg_temp AS $$
    SELECT 'entries', count(*) FROM entry e JOIN submission s ON s.submission_key = e.submission_key WHERE s.year = p_year
    UNION ALL
    SELECT 'row findings', count(*) FROM row_finding w JOIN submission s ON s.submission_key = w.submission_key WHERE s.year = p_year
    UNION ALL
    SELECT 'removed members', count(*) FROM removed_member r WHERE r.year = p_year
    UNION ALL
    SELECT 'blocks of the roster', count(*) FROM nianshen_engine.roster_block b WHERE b.year = p_year
    UNION ALL
    SELECT 'ended versions of memberships', count(*) FROM membership m WHERE m.valid_until_ms < p_until_ms
$$;

-- From here on there is no way back. Positions are locked before the reference lock, as a micro-batch takes them: none is under way.
CREATE OR REPLACE FUNCTION nianshen.campaign_purge_begin(p_year integer, p_until_ms bigint, p_topic text[], p_partition integer[], p_before bigint[])
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = nianshen, pg_temp AS $$
BEGIN
    PERFORM set_config('lock_timeout', '2s', true);
    PERFORM FROM kafka_partition k ORDER BY k.topic, k.partition FOR UPDATE;
    PERFORM reference_change_ms();
    PERFORM campaign_purge_check(p_year, p_until_ms, p_topic, p_partition, p_before);
    PERFORM audit('campaign-purge', NULL, format('%s begins, records before %s', p_year, moment_of(p_until_ms)));
    UPDATE campaign_term SET purge_until_ms = coalesce(purge_until_ms, p_until_ms) WHERE year = p_year;
    UPDATE kafka_partition k SET purged_before = p.before
    FROM unnest(p_topic, p_partition, p_before) AS p (topic, partition, before)
    WHERE k.topic = p.topic AND k.partition = p.partition AND k.purged_before < p.before;
END
$$;

-- The years of which nothing personal may be left, and until when.
CREATE OR REPLACE FUNCTION nianshen.purge_years(OUT years integer[], OUT until_ms bigint)
LANGUAGE sql STABLE AS $$
    SELECT array_agg(c.year), max(c.purge_until_ms) FROM nianshen.campaign_term c WHERE c.purge_until_ms IS NOT NULL
$$;

-- Years that have no campaign, as a slip of the pen makes them, where all that these units sent was rejected and is purged.
CREATE OR REPLACE FUNCTION nianshen.years_never_opened(p_units text[]) RETURNS integer[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN ARRAY(
        SELECT e.year FROM event e JOIN kafka_partition k ON k.topic = e.topic AND k.partition = e.partition
        WHERE e.unit = ANY (p_units) AND NOT EXISTS (SELECT FROM campaign_term c WHERE c.year = e.year)
        GROUP BY e.year HAVING bool_and(e.record_offset < k.purged_before));
END
$$;

-- What is shown of profiles: what was approved becomes part of the profile as loaded, the rest is forgotten. Locks the units that have any, so it comes last.
CREATE OR REPLACE FUNCTION nianshen.purge_profiles(p_units text[], p_years integer[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM unit_profile u
    WHERE u.unit IN (SELECT r.unit FROM unit_review r WHERE r.unit = ANY (p_units) AND r.year = ANY (p_years) AND r.profile <> '{}')
    ORDER BY u.unit FOR NO KEY UPDATE;
    UPDATE unit_profile u SET loaded = n.profile
    FROM profiles_approved(p_units, p_years) n
    WHERE u.unit = n.unit AND u.loaded <> n.profile;
    UPDATE unit_review r SET profile = '{}' WHERE r.unit = ANY (p_units) AND r.year = ANY (p_years) AND r.profile <> '{}';
END
$$;

-- What tells of persons in rows that stay: a hash could be guessed from, the bounds of a chunk are full numbers, a comment may name anybody.
CREATE OR REPLACE FUNCTION nianshen.purge_kept_rows(p_units text[], p_years integer[], p_submissions bigint[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE event e SET content_sha256 = '' WHERE e.unit = ANY (p_units) AND e.year = ANY (p_years) AND octet_length(e.content_sha256) > 0;
    UPDATE chunk c SET content_sha256 = '', first_key = NULL, last_key = NULL
    WHERE c.submission_key = ANY (p_submissions) AND octet_length(c.content_sha256) > 0;
    UPDATE decision d SET comment = NULL WHERE d.unit = ANY (p_units) AND d.year = ANY (p_years) AND d.comment IS NOT NULL;
END
$$;

-- Outcomes show masked numbers. They are found by the ids that they were given; one that is not published yet stays until it is.
CREATE OR REPLACE FUNCTION nianshen.purge_outcomes(p_units text[], p_years integer[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM outbox o
    WHERE o.kind = 'outcome'
        AND (o.published_ms IS NOT NULL
             OR o.outbox_id <= (SELECT q.published_to FROM outbox_position q WHERE q.topic = o.topic AND q.partition = o.partition))
        AND o.ce_id = ANY (ARRAY(
        SELECT outcome_id(j.topic, j.unit, j.year, j.source, j.event_id, 'nianshen.' || t.type || '.v1')
        FROM (SELECT 'unit-review' AS topic, r.unit, r.year, r.source, r.event_id FROM unit_review r
              WHERE r.unit = ANY (p_units) AND r.year = ANY (p_years)
              UNION ALL
              SELECT 'member-review', s.unit, s.year, s.source, s.completed_by FROM submission s
              WHERE s.unit = ANY (p_units) AND s.year = ANY (p_years) AND s.completed_by IS NOT NULL
              UNION ALL
              SELECT 'approval', d.unit, d.year, d.source, d.event_id FROM decision d
              WHERE d.unit = ANY (p_units) AND d.year = ANY (p_years)) j
        JOIN (VALUES ('unit-review', 'unit-review.accepted'), ('unit-review', 'unit-review.rejected'), ('member-review', 'member-review.waiting'),
                     ('member-review', 'member-review.pending'), ('member-review', 'member-review.rejected'), ('approval', 'member-review.completed'),
                     ('approval', 'member-review.closed'), ('approval', 'decision.rejected')) AS t (topic, type) ON t.topic = j.topic));
END
$$;

-- Rows that go, at most p_rows of each table; returns whether there may be more. Versions of memberships that ended before the cut, those of removed members
-- among them, belong to no campaign that is left.
CREATE OR REPLACE FUNCTION nianshen.purge_rows(p_units text[], p_years integer[], p_submissions bigint[], p_until_ms bigint, p_rows integer)
RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    gone integer;
    most integer := 0;
BEGIN
    DELETE FROM entry WHERE ctid = ANY (ARRAY(SELECT e.ctid FROM entry e WHERE e.submission_key = ANY (p_submissions) LIMIT p_rows));
    GET DIAGNOSTICS gone = ROW_COUNT;
    most := greatest(most, gone);
    DELETE FROM row_finding WHERE ctid = ANY (ARRAY(SELECT w.ctid FROM row_finding w WHERE w.submission_key = ANY (p_submissions) LIMIT p_rows));
    GET DIAGNOSTICS gone = ROW_COUNT;
    most := greatest(most, gone);
    DELETE FROM membership WHERE ctid = ANY (ARRAY(
        SELECT m.ctid FROM membership m WHERE m.unit = ANY (p_units) AND m.valid_until_ms < p_until_ms LIMIT p_rows));
    GET DIAGNOSTICS gone = ROW_COUNT;
    most := greatest(most, gone);
    DELETE FROM removed_member WHERE ctid = ANY (ARRAY(
        SELECT r.ctid FROM removed_member r WHERE r.unit = ANY (p_units) AND r.year = ANY (p_years) LIMIT p_rows));
    GET DIAGNOSTICS gone = ROW_COUNT;
    most := greatest(most, gone);
    DELETE FROM nianshen_engine.roster_block WHERE ctid = ANY (ARRAY(
        SELECT b.ctid FROM nianshen_engine.roster_block b WHERE b.unit = ANY (p_units) AND b.year = ANY (p_years) LIMIT p_rows));
    GET DIAGNOSTICS gone = ROW_COUNT;
    most := greatest(most, gone);
    DELETE FROM nianshen_engine.roster_change WHERE ctid = ANY (ARRAY(
        SELECT h.ctid FROM nianshen_engine.roster_change h WHERE h.unit = ANY (p_units) AND h.year = ANY (p_years) LIMIT p_rows));
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN greatest(most, gone) >= p_rows;
END
$$;

-- A slice: the next p_units units behind p_after, and at most p_rows rows of each table. Returns the unit up to which all is purged, which is p_after again while
-- more of the same is left, and null behind the last. What came late of years that were purged before goes now. Units that nobody loaded may have sent events.
CREATE OR REPLACE FUNCTION nianshen.campaign_purge_units(p_after text, p_units integer, p_rows integer) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = nianshen, pg_temp SET enable_seqscan = off SET jit = off AS $$
DECLARE
    p record;
    units text[] := ARRAY(
        (SELECT u.unit FROM unit_profile u WHERE u.unit > p_after ORDER BY u.unit LIMIT p_units)
        UNION
        (SELECT DISTINCT e.unit FROM event e WHERE e.unit > p_after ORDER BY e.unit LIMIT p_units)
        ORDER BY 1 LIMIT p_units);
    years integer[];
    submissions bigint[];
BEGIN
    PERFORM set_config('lock_timeout', '2s', true);
    SELECT * INTO p FROM purge_years();
    years := p.years || years_never_opened(units);
    submissions := ARRAY(SELECT s.submission_key FROM submission s WHERE s.unit = ANY (units) AND s.year = ANY (years));
    IF purge_rows(units, years, submissions, p.until_ms, p_rows) THEN
        RETURN p_after;
    END IF;
    PERFORM purge_kept_rows(units, years, submissions);
    PERFORM purge_outcomes(units, years);
    PERFORM purge_profiles(units, years);
    RETURN units[cardinality(units)];
END
$$;

-- A slice of the ledger: the first p_rows rows of a partition that are to go, with the dead letters among them. Returns how many they were; 0: none is left.
CREATE OR REPLACE FUNCTION nianshen.campaign_purge_ledger(p_rows integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = nianshen, pg_temp SET enable_seqscan = off SET jit = off AS $$
DECLARE
    k kafka_partition;
    before bigint;
    gone integer;
BEGIN
    PERFORM set_config('lock_timeout', '2s', true);
    SELECT * INTO k FROM kafka_partition q
    WHERE EXISTS (SELECT FROM ledger l WHERE l.topic = q.topic AND l.partition = q.partition AND l.record_offset < q.purged_before)
    ORDER BY q.topic, q.partition LIMIT 1 FOR UPDATE;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    before := least(k.purged_before, (SELECT l.record_offset FROM ledger l WHERE l.topic = k.topic AND l.partition = k.partition
                                      ORDER BY l.record_offset OFFSET p_rows LIMIT 1));
    DELETE FROM outbox o WHERE o.kind = 'dead-letter' AND o.topic = k.topic AND o.partition = k.partition AND o.record_offset < before;
    DELETE FROM ledger l WHERE l.topic = k.topic AND l.partition = k.partition AND l.record_offset < before;
    GET DIAGNOSTICS gone = ROW_COUNT;
    UPDATE kafka_partition q SET purged_records = q.purged_records + gone WHERE q.topic = k.topic AND q.partition = k.partition;
    RETURN gone;
END
$$;

-- After the topics were cut. Without the salt nobody can try out which list a digest is of.
CREATE OR REPLACE FUNCTION nianshen.campaign_purge_end(p_year integer) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = nianshen, pg_temp AS $$
    UPDATE campaign_term SET salt = '', purged_ms = now_ms() WHERE year = p_year AND purge_until_ms IS NOT NULL AND purged_ms IS NULL;
    SELECT audit('campaign-purge', NULL, format('%s is purged', p_year))
$$;
