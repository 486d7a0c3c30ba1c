-- Decisions and heads of queues set each other free: a judged decision makes the next submission the head, a judged head is what a waiting decision
-- waited for. Judged in turns until nothing moves; each turn is set by set over all units of which the one before moved anything, and never decides on the
-- absence of an event.
CREATE OR REPLACE FUNCTION nianshen.settle(p_touch nianshen.touched[], p_records nianshen.record_in[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    moving touched[] := p_touch;
    decided touched[];
    judged touched[];
BEGIN
    WHILE cardinality(moving) > 0 LOOP
        decided := decisions_judge(moving);
        judged := heads_judge(moving);
        moving := ARRAY(SELECT unnest(decided) UNION SELECT unnest(judged));
    END LOOP;
    PERFORM waiting_tell(p_touch, p_records);
END
$$;
