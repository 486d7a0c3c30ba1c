-- Purging a campaign after its retention: lists, archive, rosters, records and masked numbers go, in slices that no worker waits for long; the counts,
-- digests, verdicts and who decided stay. `nianshen-ops campaign purge` calls these in order: until, check, begin, settle until nothing is left, units,
-- ledger; then it cuts the topics; end. Each may be repeated, so that a purge that was cut off goes on where it stood. The topics come last: until then
-- all can be made again from them.

-- The moment at which the topics are cut: from the closing to the opening of the next campaign every record is a rejection, so these go as well. Refuses what
-- can not be purged at all. purged_ms null: not purged yet.
CREATE OR REPLACE FUNCTION nianshen_next.campaign_purge_until(p_year integer, OUT until_ms bigint, OUT purged_ms bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = nianshen, pg_temp AS $$
DECLARE
    term nianshen.campaign_term;
    other integer;
BEGIN
    SELECT * INTO term FROM nianshen.campaign_term c WHERE c.year = p_year;
    IF NOT FOUND THEN
        PERFORM nianshen.refuse(format('there is no campaign of %s', p_year), 'nianshen-ops campaign list shows those that there are',
                                format('没有 %s 年度的年审活动；nianshen-ops campaign list 列出已有的', p_year));
    ELSIF term.closes_ms > nianshen.now_ms() THEN
        PERFORM nianshen.refuse(format('the campaign of %s is not closed', p_year), format('nianshen-ops campaign close --year %s; and mind the retention', p_year),
                                format('%s 年度的年审活动尚未关闭；请运行 nianshen-ops campaign close --year %s，并注意保存期限', p_year, p_year));
    END IF;
    -- The topics are cut from their beginning, and the archive of this one belongs to the roster of the one before.
    other := (SELECT c.year FROM nianshen.campaign_term c WHERE c.opens_ms < term.opens_ms AND c.purged_ms IS NULL ORDER BY c.opens_ms LIMIT 1);
    IF other IS NOT NULL THEN
        PERFORM nianshen.refuse(format('the campaign of %s came before it and is not purged', other), format('nianshen-ops campaign purge --year %s', other),
                                format('更早的 %s 年度尚未清除；请先运行 nianshen-ops campaign purge --year %s', other, other));
    END IF;
    until_ms := coalesce(term.purge_until_ms, least(nianshen.now_ms(), (SELECT min(c.opens_ms) FROM nianshen.campaign_term c WHERE c.opens_ms >= term.closes_ms)));
    purged_ms := term.purged_ms;
END
$$;

-- Refuses while anything of the records that are to go is still to come. p_before: the first offset of each partition of the input topics that stays.
CREATE OR REPLACE FUNCTION nianshen_next.campaign_purge_check(p_year integer, p_until_ms bigint, p_topic text[], p_partition integer[], p_before bigint[])
RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = nianshen, pg_temp AS $$
DECLARE
    f record;
BEGIN
    PERFORM nianshen_next.campaign_purge_until(p_year);
    FOR f IN SELECT p.topic, p.partition, p.before, h.halted, p.before - coalesce(r.next_offset, q.purged_before, 0) AS behind,
                    (SELECT count(*) FROM nianshen_engine.ledger_exception l WHERE l.kind = 'held' AND l.shard = p.partition AND l.topic = n.topic
                         AND l.record_offset < p.before) AS held,
                    (SELECT count(*) FROM nianshen_next.dead_letter d WHERE d.topic = p.topic AND d.partition = p.partition AND d.record_offset < p.before
                         AND d.state IN ('open', 'redriving')) AS open,
                    -- Outcomes were stored with the records that brought them about.
                    (SELECT count(*) FROM nianshen_engine.outbox o WHERE o.shard = p.partition AND o.stored_ms <=
                         (SELECT max(l.stored_ms) + 1000 FROM nianshen_engine.ledger_range l
                          WHERE l.shard = p.partition AND l.topic = n.topic AND l.first_offset < p.before)) AS unpublished,
                    (SELECT max(l.last_append_ms) FROM nianshen_engine.ledger_range l
                     WHERE l.shard = p.partition AND l.topic = n.topic AND l.next_offset <= p.before AND l.records > 0) AS last_ms
             FROM unnest(p_topic, p_partition, p_before) AS p (topic, partition, before)
             CROSS JOIN LATERAL (SELECT nianshen_next.topic_number(p.topic) AS topic) n
             LEFT JOIN nianshen_engine.halt h ON h.shard = p.partition AND h.topic = n.topic
             LEFT JOIN nianshen_engine.purged q ON q.shard = p.partition AND q.topic = n.topic
             LEFT JOIN LATERAL (SELECT l.next_offset FROM nianshen_engine.ledger_range l WHERE l.shard = p.partition AND l.topic = n.topic
                                ORDER BY l.next_offset DESC LIMIT 1) r ON true
             ORDER BY 1, 2
    LOOP
        IF f.behind > 0 THEN
            PERFORM nianshen.refuse(format('%s records of the campaign are not applied yet (%s partition %s)', f.behind, f.topic, f.partition),
                                    'let the workers catch up (nianshen-ops status), then try again',
                                    format('主题 %s 分区 %s：该年审活动还有 %s 条记录未处理；请等工作进程处理完（nianshen-ops status），再重试', f.topic, f.partition,
                                           f.behind));
        ELSIF f.halted IS NOT NULL THEN
            PERFORM nianshen.refuse(format('%s partition %s is halted', f.topic, f.partition), 'nianshen-ops partition list says why; resume it first',
                                    format('主题 %s 分区 %s 已停止；nianshen-ops partition list 说明原因，请先恢复', f.topic, f.partition));
        ELSIF f.held > 0 THEN
            PERFORM nianshen.refuse(format('%s partition %s: %s records of that time are held', f.topic, f.partition, f.held),
                                    'nianshen-ops unit held lists their units; release them first',
                                    format('主题 %s 分区 %s：该时段有 %s 条记录被搁置；nianshen-ops unit held 可列出单位，请先释放', f.topic, f.partition, f.held));
        ELSIF f.open > 0 THEN
            PERFORM nianshen.refuse(format('%s partition %s: %s dead letters of that time are open or their redrive is not known to have ended', f.topic, f.partition,
                                           f.open),
                                    'nianshen-ops dead-letter list --state open shows them; redrive or discard them first',
                                    format('主题 %s 分区 %s：该时段有 %s 条死信未处理，或其重发结果不明；nianshen-ops dead-letter list --state open 可列出，请先重发或放弃',
                                           f.topic, f.partition, f.open));
        ELSIF f.last_ms >= p_until_ms THEN
            PERFORM nianshen.refuse(format('%s partition %s: the broker says offset %s for that time, and the ledger has later records before it', f.topic,
                                           f.partition, f.before),
                                    'is this the broker, and the topic prefix, that the workers read from? (nianshen-ops partition list)',
                                    format('主题 %s 分区 %s：Kafka 给出该时段的偏移量 %s，而账本中此前已有更晚的记录；请确认这是工作进程所读的 Kafka 和主题前缀'
                                           '（nianshen-ops partition list）', f.topic, f.partition, f.before));
        ELSIF f.unpublished > 0 THEN
            PERFORM nianshen.refuse('outcomes or dead letters of that time are not published yet',
                                    'let a worker publish them (nianshen-ops status: OUTBOX), then purge',
                                    '该时段的处理结果或死信尚未发布；请等工作进程发布完（nianshen-ops status 的 OUTBOX），再清除');
        END IF;
    END LOOP;
END
$$;

-- What is purged of the database, in rows. Of the topics the broker tells.
CREATE OR REPLACE FUNCTION nianshen_next.campaign_purge_rows(p_year integer, p_until_ms bigint) RETURNS TABLE (what text, count bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = nianshen, pg_temp AS $$
    SELECT 'entries', coalesce(sum(cardinality(s.failing_enrolments)), 0)::bigint FROM nianshen_engine.submission s WHERE s.year = p_year
    UNION ALL
    SELECT 'lists of row findings', count(*) FROM nianshen_engine.submission s WHERE s.year = p_year AND s.findings IS NOT NULL
    UNION ALL
    SELECT 'removed members', count(*) FROM nianshen_next.removed_member r WHERE r.year = p_year
    UNION ALL
    SELECT 'ended versions of memberships', count(*) FROM nianshen.membership m WHERE m.valid_until_ms < p_until_ms
    UNION ALL
    SELECT 'roster blocks', count(*) FROM nianshen_engine.roster_block b WHERE b.year = p_year
    UNION ALL
    SELECT 'dead letters', count(*) FROM nianshen_engine.ledger_exception l WHERE l.kind = 'dead-letter' AND l.append_ms < p_until_ms
$$;

-- From here on there is no way back. No micro-batch is under way, since each holds the reference lock shared.
CREATE OR REPLACE FUNCTION nianshen_next.campaign_purge_begin(p_year integer, p_until_ms bigint, p_topic text[], p_partition integer[], p_before bigint[])
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = nianshen, pg_temp AS $$
BEGIN
    PERFORM nianshen.reference_change_ms();
    PERFORM nianshen_next.campaign_purge_check(p_year, p_until_ms, p_topic, p_partition, p_before);
    PERFORM nianshen.audit('campaign-purge', NULL, format('%s begins, records before %s', p_year, nianshen.moment_of(p_until_ms)));
    UPDATE nianshen.campaign_term SET purge_until_ms = coalesce(purge_until_ms, p_until_ms) WHERE year = p_year;
    INSERT INTO nianshen_engine.purged AS q (shard, topic, purged_before)
    SELECT p.partition, nianshen_next.topic_number(p.topic), p.before
    FROM unnest(p_topic, p_partition, p_before) AS p (topic, partition, before) WHERE p.before > 0
    ON CONFLICT (shard, topic) DO UPDATE SET purged_before = greatest(q.purged_before, excluded.purged_before);
END
$$;

-- The years of which nothing personal may be left, and until when.
CREATE OR REPLACE FUNCTION nianshen_next.purge_years(OUT years integer[], OUT until_ms bigint)
LANGUAGE sql STABLE AS $$
    SELECT array_agg(c.year), max(c.purge_until_ms) FROM nianshen.campaign_term c WHERE c.purge_until_ms IS NOT NULL
$$;

-- Years that have no campaign, as a slip of the pen makes them, where all that these units sent was rejected and came before the cut.
CREATE OR REPLACE FUNCTION nianshen_next.years_never_opened(p_units text[], p_until_ms bigint) RETURNS integer[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN ARRAY(
        SELECT e.year
        FROM (SELECT r.year, r.append_ms FROM nianshen_engine.unit_review r WHERE r.unit = ANY (p_units)
              UNION ALL
              SELECT s.year, greatest(s.first_ms, s.completed_ms) FROM nianshen_engine.submission s WHERE s.unit = ANY (p_units)
              UNION ALL
              SELECT c.year, c.append_ms FROM nianshen_engine.chunk c WHERE c.unit = ANY (p_units)
              UNION ALL
              SELECT d.year, d.append_ms FROM nianshen_engine.decision d WHERE d.unit = ANY (p_units)) e
        WHERE NOT EXISTS (SELECT FROM nianshen.campaign_term c WHERE c.year = e.year)
        GROUP BY e.year HAVING bool_and(e.append_ms < p_until_ms));
END
$$;

-- The units' profiles as loaded, and over each the changes of the submissions approved since, the latest last. p_years null: of all years.
CREATE OR REPLACE FUNCTION nianshen_next.profiles_approved(p_units text[], p_years integer[]) RETURNS TABLE (unit text, profile jsonb)
LANGUAGE sql STABLE AS $$
    SELECT u.unit, u.loaded || coalesce(c.changes, '{}')
    FROM nianshen.unit_profile u
    CROSS JOIN LATERAL (SELECT jsonb_object_agg(e.key, e.value ORDER BY s.decided_ms, s.year) AS changes
                        FROM nianshen_engine.submission s
                        JOIN nianshen_engine.unit_review r ON r.unit = s.unit AND r.year = s.year AND r.source = s.source AND r.event_id = s.unit_review
                        CROSS JOIN LATERAL jsonb_each(jsonb_strip_nulls(jsonb_build_object('name', r.name, 'credit_code', r.credit_code, 'address', r.address,
                            'contact_name', r.contact_name, 'contact_mobile', r.contact_mobile))) e
                        WHERE s.unit = u.unit AND s.state = 'approved' AND s.decided_ms > u.loaded_ms AND (p_years IS NULL OR s.year = ANY (p_years))) c
    WHERE u.unit = ANY (p_units)
$$;

-- What is shown of profiles: what was approved becomes part of the profile as loaded, the rest is forgotten. Locks the units that have any, so it comes last.
CREATE OR REPLACE FUNCTION nianshen_next.purge_profiles(p_units text[], p_years integer[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM nianshen.unit_profile u
    WHERE u.unit IN (SELECT r.unit FROM nianshen_engine.unit_review r WHERE r.unit = ANY (p_units) AND r.year = ANY (p_years)
                         AND num_nonnulls(r.name, r.credit_code, r.address, r.contact_name, r.contact_mobile) > 0)
    ORDER BY u.unit FOR NO KEY UPDATE;
    UPDATE nianshen.unit_profile u SET loaded = n.profile
    FROM nianshen_next.profiles_approved(p_units, p_years) n
    WHERE u.unit = n.unit AND u.loaded <> n.profile;
    UPDATE nianshen_engine.unit_review r SET name = NULL, credit_code = NULL, address = NULL, contact_name = NULL, contact_mobile = NULL, content_sha256 = ''
    WHERE r.unit = ANY (p_units) AND r.year = ANY (p_years)
        AND (octet_length(r.content_sha256) > 0 OR num_nonnulls(r.name, r.credit_code, r.address, r.contact_name, r.contact_mobile) > 0);
END
$$;

-- What tells of persons in rows that stay: a hash could be guessed from, a comment may name anybody. An empty hash equals any.
CREATE OR REPLACE FUNCTION nianshen_next.purge_kept_rows(p_units text[], p_years integer[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE nianshen_engine.submission s SET content_sha256 = CASE WHEN s.chunks = 1 THEN ''::bytea END, findings = NULL, failing_enrolments = NULL,
        failing_reasons = NULL, failing_warnings = NULL, failed_json = NULL
    WHERE s.unit = ANY (p_units) AND s.year = ANY (p_years)
        AND (octet_length(s.content_sha256) > 0 OR s.findings IS NOT NULL OR s.failing_enrolments IS NOT NULL OR s.failed_json IS NOT NULL);
    UPDATE nianshen_engine.chunk c SET content_sha256 = '', rows = NULL
    WHERE c.unit = ANY (p_units) AND c.year = ANY (p_years) AND (octet_length(c.content_sha256) > 0 OR c.rows IS NOT NULL);
    UPDATE nianshen_engine.repeated_chunk c SET content_sha256 = ''
    WHERE c.unit = ANY (p_units) AND c.year = ANY (p_years) AND octet_length(c.content_sha256) > 0;
    UPDATE nianshen_engine.decision d SET comment = NULL, content_sha256 = ''
    WHERE d.unit = ANY (p_units) AND d.year = ANY (p_years) AND (octet_length(d.content_sha256) > 0 OR d.comment IS NOT NULL);
END
$$;

-- Rows that go, at most p_rows of each table; returns whether there may be more. Versions of memberships that ended before the cut, those of removed members
-- among them, belong to no campaign that is left.
CREATE OR REPLACE FUNCTION nianshen_next.purge_rows(p_units text[], p_years integer[], p_until_ms bigint, p_rows integer) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    gone integer;
    most integer := 0;
BEGIN
    DELETE FROM nianshen.membership WHERE ctid = ANY (ARRAY(
        SELECT m.ctid FROM nianshen.membership m WHERE m.unit = ANY (p_units) AND m.valid_until_ms < p_until_ms LIMIT p_rows));
    GET DIAGNOSTICS gone = ROW_COUNT;
    most := greatest(most, gone);
    DELETE FROM nianshen_engine.archive WHERE ctid = ANY (ARRAY(
        SELECT a.ctid FROM nianshen_engine.archive a WHERE a.unit = ANY (p_units) AND a.year = ANY (p_years) LIMIT p_rows));
    GET DIAGNOSTICS gone = ROW_COUNT;
    most := greatest(most, gone);
    DELETE FROM nianshen_engine.roster_block WHERE ctid = ANY (ARRAY(
        SELECT b.ctid FROM nianshen_engine.roster_block b WHERE b.unit = ANY (p_units) AND b.year = ANY (p_years) LIMIT p_rows));
    GET DIAGNOSTICS gone = ROW_COUNT;
    most := greatest(most, gone);
    DELETE FROM nianshen_engine.roster_change WHERE ctid = ANY (ARRAY(
        SELECT b.ctid FROM nianshen_engine.roster_change b WHERE b.unit = ANY (p_units) AND b.year = ANY (p_years) LIMIT p_rows));
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN greatest(most, gone) >= p_rows;
END
$$;

-- A slice: the next p_units units behind p_after, and at most p_rows rows of each table. Returns the unit up to which all is purged, which is p_after again while
-- more of the same is left, and null behind the last. What came late of years that were purged before goes now. A removal by reference would be lost with the
-- list that it refers to, hence the rows are moved before.
CREATE OR REPLACE FUNCTION nianshen_next.campaign_purge_units(p_after text, p_units integer, p_rows integer) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = nianshen, pg_temp SET enable_seqscan = off SET jit = off AS $$
DECLARE
    p record;
    units text[] := ARRAY(SELECT u.unit FROM nianshen.unit_profile u WHERE u.unit > p_after ORDER BY u.unit LIMIT p_units);
    years integer[];
    due record;
BEGIN
    PERFORM set_config('lock_timeout', '2s', true);
    SELECT * INTO p FROM nianshen_next.purge_years();
    years := p.years || nianshen_next.years_never_opened(units, p.until_ms);
    SELECT d.unit, d.year INTO due FROM nianshen_engine.removal_due d WHERE d.unit = ANY (units) AND d.year = ANY (years) LIMIT 1;
    IF FOUND THEN
        PERFORM nianshen.refuse(format('removed members of unit %s of %s are not moved to the archive yet', due.unit, due.year), 'nianshen-ops settle; then purge',
                                format('单位 %s 在 %s 年度移出的会员尚未转入存档；请先运行 nianshen-ops settle，再清除', due.unit, due.year));
    END IF;
    IF nianshen_next.purge_rows(units, years, p.until_ms, p_rows) THEN
        RETURN p_after;
    END IF;
    PERFORM nianshen_next.purge_kept_rows(units, years);
    PERFORM nianshen_next.purge_profiles(units, years);
    RETURN units[cardinality(units)];
END
$$;

-- A slice of the ledger: at most p_rows exceptions from before the cuts, with their bytes; of a purged year what came later keeps its row and loses its bytes,
-- but for what is held or not published yet. Returns how many they were; 0: none is left.
CREATE OR REPLACE FUNCTION nianshen_next.campaign_purge_ledger(p_rows integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = nianshen, pg_temp SET jit = off AS $$
DECLARE
    gone integer;
    emptied integer;
    years integer[] := (SELECT y.years FROM nianshen_next.purge_years() y);
    until_ms bigint := (SELECT y.until_ms FROM nianshen_next.purge_years() y);
BEGIN
    PERFORM set_config('lock_timeout', '2s', true);
    WITH deleted AS (
        DELETE FROM nianshen_engine.ledger_exception WHERE ctid = ANY (ARRAY(
            SELECT l.ctid FROM nianshen_engine.purged p
            JOIN nianshen_engine.ledger_exception l ON l.shard = p.shard AND l.topic = p.topic AND l.record_offset < p.purged_before LIMIT p_rows))
        RETURNING shard, topic
    ), counted AS (
        UPDATE nianshen_engine.purged p SET purged_exceptions = p.purged_exceptions + d.rows
        FROM (SELECT x.shard, x.topic, count(*) AS rows FROM deleted x GROUP BY 1, 2) d
        WHERE p.shard = d.shard AND p.topic = d.topic
    )
    SELECT count(*) INTO gone FROM deleted;
    UPDATE nianshen_engine.ledger_exception SET key = NULL, value = NULL, headers = NULL, text = NULL WHERE ctid = ANY (ARRAY(
        SELECT l.ctid FROM nianshen_engine.ledger_exception l
        WHERE l.year = ANY (years) AND l.kind = 'dead-letter' AND num_nonnulls(l.key, l.value, l.headers) > 0
            AND NOT EXISTS (SELECT FROM nianshen_engine.outbox o CROSS JOIN LATERAL unnest(o.dead_letter_topics, o.dead_letter_offsets) AS d (topic, o)
                            WHERE o.shard = l.shard AND d.topic = l.topic AND d.o = l.record_offset) LIMIT p_rows));
    GET DIAGNOSTICS emptied = ROW_COUNT;
    gone := gone + emptied;
    UPDATE nianshen_engine.superseded_exception SET key = NULL, value = NULL, headers = NULL, text = NULL WHERE ctid = ANY (ARRAY(
        SELECT l.ctid FROM nianshen_engine.superseded_exception l
        WHERE (l.append_ms < until_ms OR l.year = ANY (years)) AND num_nonnulls(l.key, l.value, l.headers, l.text) > 0 LIMIT p_rows));
    GET DIAGNOSTICS emptied = ROW_COUNT;
    RETURN gone + emptied;
END
$$;

-- After the topics were cut. Without the salt nobody can try out which list a digest is of.
CREATE OR REPLACE FUNCTION nianshen_next.campaign_purge_end(p_year integer) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = nianshen, pg_temp AS $$
    UPDATE nianshen.campaign_term SET salt = '', purged_ms = nianshen.now_ms() WHERE year = p_year AND purge_until_ms IS NOT NULL AND purged_ms IS NULL;
    SELECT nianshen.audit('campaign-purge', NULL, format('%s is purged', p_year))
$$;
