-- What operators do about dead letters: publish one again after its cause was mended, or discard it with a reason. The history is kept. The record itself
-- stands in the ledger: its topic is not read again.

-- The record as it came; without a row where there is none, and without bytes where a purge took them.
CREATE OR REPLACE FUNCTION nianshen_next.dead_letter_record(p_topic text, p_partition integer, p_offset bigint)
RETURNS TABLE (append_ms bigint, key bytea, value bytea, headers bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = nianshen, pg_temp AS $$
    SELECT l.append_ms, l.key, l.value, l.headers FROM nianshen_engine.ledger_exception l
    WHERE l.shard = p_partition AND l.topic = nianshen_next.topic_number(p_topic) AND l.record_offset = p_offset AND l.kind = 'dead-letter'
$$;

-- Two operators at once: the second waits here, then finds what the first did.
CREATE OR REPLACE FUNCTION nianshen_next.dead_letter_lock(p_topic text, p_partition integer, p_offset bigint) RETURNS void
LANGUAGE sql AS $$
    SELECT FROM nianshen_engine.ledger_exception l
    WHERE l.shard = p_partition AND l.topic = nianshen_next.topic_number(p_topic) AND l.record_offset = p_offset FOR NO KEY UPDATE
$$;

-- Notes that a redrive begins and returns its number; null when the dead letter is not open (p_again: also not one whose redrive was begun or
-- done), so that nothing is sent twice unseen.
CREATE OR REPLACE FUNCTION nianshen_next.redrive_start(p_topic text, p_partition integer, p_offset bigint, p_again boolean) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = nianshen, pg_temp AS $$
DECLARE
    now_is text;
    started bigint;
BEGIN
    PERFORM nianshen_next.dead_letter_lock(p_topic, p_partition, p_offset);
    SELECT d.state INTO now_is FROM nianshen_next.dead_letter d WHERE d.topic = p_topic AND d.partition = p_partition AND d.record_offset = p_offset;
    IF now_is = 'open' OR (p_again AND now_is IN ('redriving', 'redriven')) THEN
        INSERT INTO nianshen.dead_letter_action (topic, partition, record_offset, action, at_ms, who)
        VALUES (p_topic, p_partition, p_offset, 'redriven', nianshen.now_ms(), session_user)
        RETURNING action_id INTO started;
    END IF;
    RETURN started;
END
$$;

-- After the delivery report.
CREATE OR REPLACE FUNCTION nianshen_next.redrive_done(p_action_id bigint, p_new_partition integer, p_new_offset bigint) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = nianshen, pg_temp AS $$
    UPDATE nianshen.dead_letter_action SET new_partition = p_new_partition, new_offset = p_new_offset WHERE action_id = p_action_id
$$;

-- The broker did not take it, for certain: the dead letter is again what it was before the redrive.
CREATE OR REPLACE FUNCTION nianshen_next.redrive_refused(p_action_id bigint, p_reason text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = nianshen, pg_temp AS $$
    UPDATE nianshen.dead_letter_action SET action = 'refused', reason = p_reason WHERE action_id = p_action_id AND action = 'redriven' AND new_offset IS NULL
$$;

-- True when it was open and is discarded now.
CREATE OR REPLACE FUNCTION nianshen_next.dead_letter_discard(p_topic text, p_partition integer, p_offset bigint, p_reason text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = nianshen, pg_temp AS $$
BEGIN
    PERFORM nianshen_next.dead_letter_lock(p_topic, p_partition, p_offset);
    INSERT INTO nianshen.dead_letter_action (topic, partition, record_offset, action, at_ms, who, reason)
    SELECT d.topic, d.partition, d.record_offset, 'discarded', nianshen.now_ms(), session_user, p_reason
    FROM nianshen_next.dead_letter d WHERE d.topic = p_topic AND d.partition = p_partition AND d.record_offset = p_offset AND d.state = 'open';
    RETURN FOUND;
END
$$;
