-- A halted partition goes on when an operator says so: from where it stood, once its topic was repaired, or from another offset that is accepted with a
-- reason. What is given up by that is kept.

-- Takes the ledger rows from p_from on out of the way: other records have these places now. What they did stays, and comes before what the new ones do, so all
-- places in the order of the partition that are kept elsewhere move down by the same distance.
CREATE OR REPLACE FUNCTION nianshen.partition_supersede(p_resume bigint, p_topic text, p_partition integer, p_from bigint, p_next bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    moved bigint;
    distance bigint := p_next - p_from;
    units text[];
BEGIN
    WITH gone AS (
        DELETE FROM ledger l WHERE l.topic = p_topic AND l.partition = p_partition AND l.record_offset >= p_from RETURNING l.*
    ), kept AS (
        INSERT INTO ledger_superseded SELECT p_resume, g.* FROM gone g
    )
    SELECT count(*), array_agg(DISTINCT g.unit) FILTER (WHERE g.kind = 'held') INTO moved, units FROM gone g;
    PERFORM held_units_finish(units);
    UPDATE dead_letter_action a SET resume_id = p_resume
    WHERE a.topic = p_topic AND a.partition = p_partition AND a.record_offset >= p_from AND a.resume_id IS NULL;
    DELETE FROM outbox o
    WHERE o.kind = 'dead-letter' AND o.topic = p_topic AND o.partition = p_partition AND o.record_offset >= p_from;

    UPDATE chunk c SET record_offset = c.record_offset - distance
    FROM submission s JOIN event e ON e.unit = s.unit AND e.year = s.year AND e.topic = p_topic AND e.source = s.source AND e.partition = p_partition
    WHERE p_topic = 'member-review' AND c.submission_key = s.submission_key AND c.event_id = e.event_id;
    UPDATE submission s SET completed_offset = s.completed_offset - distance
    FROM event e
    WHERE p_topic = 'member-review' AND e.unit = s.unit AND e.year = s.year AND e.topic = p_topic AND e.source = s.source
        AND e.event_id = s.completed_by AND e.partition = p_partition;
    UPDATE decision d SET record_offset = d.record_offset - distance
    FROM event e
    WHERE p_topic = 'approval' AND e.unit = d.unit AND e.year = d.year AND e.topic = p_topic AND e.source = d.source
        AND e.event_id = d.event_id AND e.partition = p_partition;
    -- Events keep their identities, so that one which is sent again is a duplicate; a place below zero is no longer in the topic.
    UPDATE event e SET record_offset = -1 - e.record_offset
    WHERE e.topic = p_topic AND e.partition = p_partition AND e.record_offset >= p_from;
    RETURN moved;
END
$$;

-- p_from null: as it stands. Otherwise the next offset, and the last record is no longer looked for. Raises the epoch: what the owner still has under way
-- can not commit.
CREATE OR REPLACE FUNCTION nianshen.partition_resume(p_topic text, p_partition integer, p_from bigint, p_reason text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = nianshen, pg_temp AS $$
DECLARE
    k kafka_partition;
    resume bigint;
    moved bigint := 0;
BEGIN
    PERFORM reference_change_ms(); -- no micro-batch is under way while places in the order move
    SELECT * INTO k FROM kafka_partition p WHERE p.topic = p_topic AND p.partition = p_partition FOR UPDATE;
    IF k.halted IS NULL THEN
        PERFORM refuse(format('%s partition %s is not halted', p_topic, p_partition), 'nianshen-ops partition list shows those that are',
                       format('主题 %s 分区 %s 没有停止；nianshen-ops partition list 可列出停止的分区', p_topic, p_partition));
    END IF;
    INSERT INTO partition_resume (topic, partition, at_ms, who, reason, halted, next_before, next_after, superseded)
    VALUES (p_topic, p_partition, now_ms(), session_user, p_reason, k.halted, k.next_offset, coalesce(p_from, k.next_offset), 0)
    RETURNING resume_id INTO resume;
    IF p_from < k.next_offset THEN
        moved := partition_supersede(resume, p_topic, p_partition, p_from, k.next_offset);
        UPDATE partition_resume SET superseded = moved WHERE resume_id = resume;
    END IF;
    UPDATE kafka_partition p
    SET halted = NULL, halted_ms = NULL, epoch = p.epoch + 1, moved_ms = now_ms(),
        -- From before what was purged: the topic is another one, and what was purged of the old one does not count either.
        records = p.records - moved - CASE WHEN p_from < p.purged_before THEN p.purged_records ELSE 0 END,
        purged_records = CASE WHEN p_from < p.purged_before THEN 0 ELSE p.purged_records END, purged_before = least(p.purged_before, p_from),
        next_offset = coalesce(p_from, p.next_offset), end_offset = CASE WHEN p_from IS NULL THEN p.end_offset END,
        last_offset = CASE WHEN p_from IS NULL THEN p.last_offset END, last_append_ms = CASE WHEN p_from IS NULL THEN p.last_append_ms END,
        last_sha256 = CASE WHEN p_from IS NULL THEN p.last_sha256 END
    WHERE p.topic = p_topic AND p.partition = p_partition;
    RETURN resume;
END
$$;

-- What resuming from that offset would supersede: how many records were consumed from it on.
CREATE OR REPLACE FUNCTION nianshen.partition_consumed_from(p_topic text, p_partition integer, p_from bigint) RETURNS bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = nianshen, pg_temp AS $$
BEGIN
    RETURN (SELECT count(*) FROM ledger l WHERE l.topic = p_topic AND l.partition = p_partition AND l.record_offset >= p_from);
END
$$;
