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

-- How far the input topics are applied: by the ledger once it has rows, else by the first edition's positions.
CREATE OR REPLACE FUNCTION nianshen.applied_until() RETURNS TABLE (topic text, partition integer, next_offset bigint)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
    IF EXISTS (SELECT FROM nianshen_engine.ledger_range) THEN
        RETURN QUERY SELECT (ARRAY['unit-review', 'member-review', 'approval'])[e.topic + 1], e.shard, e.next_offset FROM nianshen_engine.ledger_end e;
    ELSE
        RETURN QUERY SELECT k.topic, k.partition, k.next_offset FROM nianshen.kafka_partition k;
    END IF;
END
$$;

-- Refuses while records of a campaign are not applied. p_before: the first offset of each partition of the input topics that came after it, by the broker.
-- p_stable: from there on the broker gives no record out, since a transaction of an upstream is open; null where nobody asked.
CREATE OR REPLACE FUNCTION nianshen.positions_check(p_topic text[], p_partition integer[], p_before bigint[], p_stable bigint[] DEFAULT NULL) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = nianshen, pg_temp AS $$
DECLARE
    behind record;
BEGIN
    SELECT p.topic, p.partition, p.before - coalesce(k.next_offset, 0) AS records, p.stable <= coalesce(k.next_offset, 0) AS is_open INTO behind
    FROM unnest(p_topic, p_partition, p_before, p_stable) AS p (topic, partition, before, stable)
    LEFT JOIN applied_until() k ON k.topic = p.topic AND k.partition = p.partition
    WHERE p.before > coalesce(k.next_offset, 0) ORDER BY 4 DESC NULLS LAST, 3 DESC, 1, 2 LIMIT 1;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF behind.is_open THEN
        PERFORM refuse(format('a transaction of an upstream is open since offset %s of %s partition %s, and what it holds may belong to the campaign',
                              p.stable, behind.topic, behind.partition),
                       'let the upstream commit or abort it, or abort it with kafka-transactions.sh abort, then try again',
                       format('主题 %s 分区 %s 从偏移量 %s 起有上游未结束的事务，其中的记录可能属于该年审活动；请让上游提交或中止它，或用 kafka-transactions.sh abort 中止，再重试',
                              behind.topic, behind.partition, p.stable))
        FROM unnest(p_topic, p_partition, p_stable) AS p (topic, partition, stable) WHERE p.topic = behind.topic AND p.partition = behind.partition;
    ELSE
        PERFORM refuse(format('%s records of the campaign are not applied yet (%s partition %s)', behind.records, behind.topic, behind.partition),
                       'let the workers catch up (nianshen-ops status), then try again',
                       format('主题 %s 分区 %s：该年审活动还有 %s 条记录未处理；请等工作进程处理完（nianshen-ops status），再重试', behind.topic, behind.partition,
                              behind.records));
    END IF;
END
$$;

-- What is refused of an opening, as far as it can be said beforehand.
CREATE OR REPLACE FUNCTION nianshen.campaign_open_check(p_year integer, p_opens_ms bigint, p_closes_ms bigint, p_now_ms bigint) RETURNS void
LANGUAGE plpgsql STABLE AS $$
DECLARE
    other nianshen.campaign_term;
BEGIN
    IF EXISTS (SELECT FROM nianshen.campaign_term WHERE year = p_year) THEN
        PERFORM nianshen.refuse(format('the campaign of %s exists already', p_year), 'nianshen-ops campaign list shows it; extend moves its end',
                                format('%s 年度的年审活动已经存在；nianshen-ops campaign list 可查看，campaign extend 可更改关闭时间', p_year));
    ELSIF p_opens_ms < p_now_ms THEN
        PERFORM nianshen.refuse('a campaign can not open in the past', 'leave --from out to open it now', '年审活动不能在过去开放；省略 --from 即立即开放');
    ELSIF p_closes_ms <= p_opens_ms THEN
        PERFORM nianshen.refuse('the campaign would close before it opens', 'give an --until after --from', '关闭时间早于开放时间；--until 须晚于 --from');
    END IF;
    SELECT * INTO other FROM nianshen.campaign_term WHERE closes_ms > p_now_ms ORDER BY year LIMIT 1;
    IF FOUND THEN
        PERFORM nianshen.refuse(format('the campaign of %s is not closed', other.year), format('nianshen-ops campaign close --year %s', other.year),
                                format('%s 年度的年审活动尚未关闭；nianshen-ops campaign close --year %s', other.year, other.year));
    END IF;
    IF EXISTS (SELECT FROM nianshen.kafka_partition WHERE end_offset > next_offset) AND EXISTS (SELECT FROM nianshen.campaign_term) THEN
        PERFORM nianshen.refuse('records of the last campaign are not applied yet', 'let the workers catch up (nianshen-ops status), then open again',
                                '上一次年审活动的记录尚未处理完；等工作进程处理完（nianshen-ops status），再开放');
    END IF;
END
$$;

-- An opening begins: the roster stays as it is until the transaction ends, so that its blocks can be packed. The reference lock is not held
-- yet: the workers go on. What is refused is said before anybody waits or works for it. Answers how long it is until p_from_ms.
CREATE OR REPLACE FUNCTION nianshen.campaign_open_start(p_year integer, p_from_ms bigint, p_until_ms bigint, p_hold boolean) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = nianshen, pg_temp AS $$
DECLARE
    now_is bigint;
BEGIN
    IF p_hold THEN
        PERFORM set_config('lock_timeout', '2s', true);
        PERFORM pg_advisory_xact_lock(roster_lock_key());
    END IF;
    now_is := now_ms();
    PERFORM campaign_open_check(p_year, CASE WHEN p_hold THEN greatest(p_from_ms, now_is) ELSE coalesce(p_from_ms, now_is) END,
                                coalesce(p_until_ms, forever_ms()), now_is);
    RETURN coalesce(p_from_ms, now_is) - now_is;
END
$$;

-- p_after_ms: the latest moment from which one of the packed memberships is valid; the campaign opens behind it, whatever the clock says, so that
-- the roster of the opening is the one that was packed. Null where nothing was.
CREATE OR REPLACE FUNCTION nianshen.campaign_open(p_year integer, p_from_ms bigint, p_until_ms bigint, p_after_ms bigint DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = nianshen, pg_temp AS $$
DECLARE
    now_is bigint;
    opens bigint;
    closes bigint := coalesce(p_until_ms, forever_ms());
BEGIN
    -- The roster's lock before the reference lock, as a load takes them: while an opening waits for a load, the workers go on.
    PERFORM set_config('lock_timeout', '2s', true);
    PERFORM pg_advisory_xact_lock(roster_lock_key());
    now_is := reference_change_ms();
    IF p_after_ms >= now_is THEN
        now_is := p_after_ms + 1;
        UPDATE reference_change SET last_ms = now_is;
    END IF;
    opens := coalesce(p_from_ms, now_is);
    PERFORM campaign_open_check(p_year, opens, closes, now_is);
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
