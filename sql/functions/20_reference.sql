-- Reading reference data as of a moment, and changing it. A change takes the reference lock exclusively, which every apply holds shared, and is
-- dated after every append time applied so far: nothing that was judged could have been judged otherwise.

-- For apply, records_in joins what this and campaign_open_at say; check asks them as a second opinion.
CREATE OR REPLACE FUNCTION nianshen.unit_known_at(p_unit text, p_ms bigint) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM nianshen.unit_profile u WHERE u.unit = p_unit AND u.created_ms <= p_ms);
END
$$;

CREATE OR REPLACE FUNCTION nianshen.superior_at(p_unit text, p_ms bigint) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT s.superior FROM nianshen.unit_superior s WHERE s.unit = p_unit AND s.valid_from_ms <= p_ms AND s.valid_until_ms > p_ms);
END
$$;

CREATE OR REPLACE FUNCTION nianshen.reviewer_at(p_reviewer text, p_superior text, p_ms bigint) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM nianshen.reviewer_term r
                   WHERE r.reviewer = p_reviewer AND r.superior = p_superior AND r.valid_from_ms <= p_ms AND r.valid_until_ms > p_ms);
END
$$;

CREATE OR REPLACE FUNCTION nianshen.campaign_open_at(p_year integer, p_ms bigint) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM nianshen.campaign_term c WHERE c.year = p_year AND c.opens_ms <= p_ms AND c.closes_ms > p_ms);
END
$$;

-- True from the moment when the purge of a year began. It had been closed long before; its rows and lists are going or gone.
CREATE OR REPLACE FUNCTION nianshen.year_purged(p_year integer) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM nianshen.campaign_term c WHERE c.year = p_year AND c.purge_until_ms IS NOT NULL);
END
$$;

-- Above every key.
CREATE OR REPLACE FUNCTION nianshen.last_key() RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT U&'\+10FFFF' $$;

-- The unit's memberships as they stood just before a moment, without those that were removed since; with a key from p_first to p_last. The range is compared
-- in here, where the columns have the collation of their index: outside they would have the database's.
CREATE OR REPLACE FUNCTION nianshen.members_before(p_unit text, p_ms bigint, p_first text, p_last text)
RETURNS TABLE (enrolment bigint, member_no text, id_key text)
LANGUAGE sql STABLE AS $$
    SELECT m.enrolment, m.member_no, m.id_key FROM nianshen.membership m
    WHERE m.unit = p_unit AND m.id_key BETWEEN p_first AND p_last
        AND m.valid_from_ms < p_ms AND m.valid_until_ms >= p_ms
$$;

-- All of them, removed since or not.
CREATE OR REPLACE FUNCTION nianshen.roster_before(p_unit text, p_ms bigint, p_first text, p_last text)
RETURNS TABLE (enrolment bigint, member_no text, id_key text)
LANGUAGE sql STABLE AS $$
    SELECT m.enrolment, m.member_no, m.id_key FROM nianshen.members_before(p_unit, p_ms, p_first, p_last) m
    UNION ALL
    SELECT r.enrolment, r.member_no, r.id_key FROM nianshen.removed_member r
    WHERE r.unit = p_unit AND r.id_key BETWEEN p_first AND p_last AND r.valid_from_ms < p_ms AND r.valid_until_ms >= p_ms
$$;

-- Those that belong to the year's campaign.
CREATE OR REPLACE FUNCTION nianshen.roster_at_opening(p_unit text, p_year integer, p_first text, p_last text)
RETURNS TABLE (enrolment bigint, member_no text, id_key text)
LANGUAGE sql STABLE AS $$
    SELECT r.enrolment, r.member_no, r.id_key
    FROM nianshen.campaign_term c CROSS JOIN LATERAL nianshen.roster_before(p_unit, c.opens_ms, p_first, p_last) r
    WHERE c.year = p_year
$$;

-- Held shared by each apply, exclusively by each change of reference data.
CREATE OR REPLACE FUNCTION nianshen.reference_lock_key() RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$ SELECT 7310579341 $$;

-- Held shared by each load of members, exclusively by `campaign open`: a load is wholly before an opening or wholly after it.
CREATE OR REPLACE FUNCTION nianshen.roster_lock_key() RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$ SELECT 7310579342 $$;

-- Takes the lock and names the moment from which the change is valid: later than all that was judged so far, and than the change before. A stopped
-- worker must not stall the fleet behind our waiting lock: hence the short lock_timeout; the caller tries again.
CREATE OR REPLACE FUNCTION nianshen.reference_change_ms() RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    change_ms bigint;
BEGIN
    PERFORM set_config('lock_timeout', '2s', true);
    PERFORM pg_advisory_xact_lock(nianshen.reference_lock_key());
    UPDATE nianshen.reference_change c
    SET last_ms = greatest(nianshen.now_ms(), c.last_ms + 1, (SELECT max(max_append_ms) + 1 FROM nianshen.kafka_partition),
                           nianshen_engine.applied_ms() + 1)
    RETURNING c.last_ms INTO change_ms;
    RETURN change_ms;
END
$$;

-- A rule refuses what an operator asks: SQLSTATE NS002, the message is for the operator, the hint is the remedy, the detail is both in Chinese.
CREATE OR REPLACE FUNCTION nianshen.refuse(p_message text, p_remedy text, p_zh text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING errcode = 'NS002', message = p_message, hint = p_remedy, detail = p_zh;
END
$$;

-- Refuses while records of a campaign are not applied. p_before: the first offset of each partition of the input topics that came after it, by the broker.
CREATE OR REPLACE FUNCTION nianshen.positions_check(p_topic text[], p_partition integer[], p_before bigint[]) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = nianshen, pg_temp AS $$
DECLARE
    behind record;
BEGIN
    SELECT p.topic, p.partition, p.before - coalesce(k.next_offset, 0) AS records INTO behind
    FROM unnest(p_topic, p_partition, p_before) AS p (topic, partition, before)
    LEFT JOIN kafka_partition k ON k.topic = p.topic AND k.partition = p.partition
    WHERE p.before > coalesce(k.next_offset, 0) ORDER BY 3 DESC, 1, 2 LIMIT 1;
    IF FOUND THEN
        PERFORM refuse(format('%s records of the campaign are not applied yet (%s partition %s)', behind.records, behind.topic, behind.partition),
                       'let the workers catch up (nianshen-ops status), then try again',
                       format('主题 %s 分区 %s：该年审活动还有 %s 条记录未处理；请等工作进程处理完（nianshen-ops status），再重试', behind.topic, behind.partition,
                              behind.records));
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION nianshen.campaign_open(p_year integer, p_from_ms bigint, p_until_ms bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = nianshen, pg_temp AS $$
DECLARE
    now_is bigint;
    opens bigint;
    closes bigint := coalesce(p_until_ms, forever_ms());
    other record;
BEGIN
    -- The roster's lock before the reference lock, as a load takes them: while an opening waits for a load, the workers go on.
    PERFORM set_config('lock_timeout', '2s', true);
    PERFORM pg_advisory_xact_lock(roster_lock_key());
    now_is := reference_change_ms();
    opens := coalesce(p_from_ms, now_is);
    IF EXISTS (SELECT FROM campaign_term WHERE year = p_year) THEN
        PERFORM refuse(format('the campaign of %s exists already', p_year), 'nianshen-ops campaign list shows it; extend moves its end',
                       format('%s 年度的年审活动已经存在；nianshen-ops campaign list 可查看，campaign extend 可更改关闭时间', p_year));
    ELSIF opens < now_is THEN
        PERFORM refuse('a campaign can not open in the past', 'leave --from out to open it now', '年审活动不能在过去开放；省略 --from 即立即开放');
    ELSIF closes <= opens THEN
        PERFORM refuse('the campaign would close before it opens', 'give an --until after --from', '关闭时间早于开放时间；--until 须晚于 --from');
    END IF;
    SELECT * INTO other FROM campaign_term WHERE closes_ms > now_is ORDER BY year LIMIT 1;
    IF FOUND THEN
        PERFORM refuse(format('the campaign of %s is not closed', other.year), format('nianshen-ops campaign close --year %s', other.year),
                       format('%s 年度的年审活动尚未关闭；nianshen-ops campaign close --year %s', other.year, other.year));
    END IF;
    IF EXISTS (SELECT FROM kafka_partition WHERE end_offset > next_offset) AND EXISTS (SELECT FROM campaign_term) THEN
        PERFORM refuse('records of the last campaign are not applied yet', 'let the workers catch up (nianshen-ops status), then open again',
                       '上一次年审活动的记录尚未处理完；等工作进程处理完（nianshen-ops status），再开放');
    END IF;
    INSERT INTO campaign_term (year, opens_ms, closes_ms, salt)
    VALUES (p_year, opens, closes, decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex'));
    RETURN opens;
END
$$;

CREATE OR REPLACE FUNCTION nianshen.campaign_set_end(p_year integer, p_until_ms bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    now_is bigint := reference_change_ms();
    term campaign_term;
    closes bigint := coalesce(p_until_ms, now_is);
BEGIN
    SELECT * INTO term FROM campaign_term WHERE year = p_year FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM refuse(format('there is no campaign of %s', p_year), format('nianshen-ops campaign open --year %s', p_year),
                       format('没有 %s 年度的年审活动；nianshen-ops campaign open --year %s', p_year, p_year));
    ELSIF term.closes_ms <= now_is THEN
        PERFORM refuse(format('the campaign of %s is closed and stays closed', p_year), 'open the next year''s campaign',
                       format('%s 年度的年审活动已经关闭，不能再开；请开放下一年度的', p_year));
    ELSIF closes < now_is THEN
        PERFORM refuse('the end of a campaign can not be moved into the past', 'give a later --until', '关闭时间不能移到过去；请给更晚的 --until');
    ELSIF closes <= term.opens_ms THEN
        PERFORM refuse('the campaign would close before it opens', 'give a later --until', '关闭时间早于开放时间；请给更晚的 --until');
    END IF;
    UPDATE campaign_term SET closes_ms = closes WHERE year = p_year;
    RETURN closes;
END
$$;

CREATE OR REPLACE FUNCTION nianshen.campaign_close(p_year integer) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = nianshen, pg_temp AS $$ SELECT campaign_set_end(p_year, NULL) $$;

CREATE OR REPLACE FUNCTION nianshen.campaign_extend(p_year integer, p_until_ms bigint) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = nianshen, pg_temp AS $$ SELECT campaign_set_end(p_year, p_until_ms) $$;

CREATE OR REPLACE FUNCTION nianshen.reviewer_add(p_reviewer text, p_superior text, p_name text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = nianshen, pg_temp AS $$
DECLARE
    from_ms bigint := reference_change_ms();
BEGIN
    INSERT INTO reviewer_term (reviewer, superior, name, valid_from_ms, valid_until_ms)
    VALUES (p_reviewer, p_superior, p_name, from_ms, forever_ms())
    ON CONFLICT (reviewer, superior, valid_until_ms) DO UPDATE SET name = coalesce(excluded.name, reviewer_term.name);
END
$$;

CREATE OR REPLACE FUNCTION nianshen.reviewer_remove(p_reviewer text, p_superior text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = nianshen, pg_temp AS $$
DECLARE
    until_ms bigint := reference_change_ms();
BEGIN
    UPDATE reviewer_term SET valid_until_ms = until_ms
    WHERE reviewer = p_reviewer AND superior = p_superior AND valid_until_ms = forever_ms();
    IF NOT FOUND THEN
        PERFORM refuse(format('%s is not a reviewer of %s', p_reviewer, p_superior), 'nianshen-ops reviewer list shows who is',
                       format('%s 不是 %s 的审核人；nianshen-ops reviewer list 可列出审核人', p_reviewer, p_superior));
    END IF;
END
$$;
