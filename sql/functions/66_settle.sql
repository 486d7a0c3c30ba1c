-- Decisions and heads of queues set each other free: a judged decision makes the next submission the head, a judged head is what a waiting decision
-- waited for. Judged in turns until nothing moves; each turn is set by set over all touched units, and never decides on the absence of an event.
CREATE OR REPLACE FUNCTION nianshen.settle(p_touch nianshen.touched[], p_records nianshen.record_in[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    LOOP
        EXIT WHEN decisions_judge(p_touch) + heads_judge(p_touch) = 0;
    END LOOP;
    PERFORM waiting_tell(p_touch, p_records);
END
$$;
