-- Moving removed members' rows to the archive, which every reader has taken for removed since the approval. The worker does it when it is idle; operators do
-- it by `nianshen-ops settle`, and before a purge.

-- At most p_rows of one shard; returns how many, 0: nothing is left that can be moved. A worker's micro-batch of that shard waits meanwhile.
CREATE OR REPLACE FUNCTION nianshen_next.settle(p_rows integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = nianshen, pg_temp SET jit = off AS $$
DECLARE
    next_shard integer;
    moved bigint;
BEGIN
    PERFORM set_config('lock_timeout', '2s', true);
    FOR next_shard IN SELECT DISTINCT d.shard FROM nianshen_engine.removal_due d ORDER BY d.shard LOOP
        moved := nianshen_engine.settle(ARRAY[next_shard], p_rows);
        IF moved > 0 THEN
            RETURN moved;
        END IF;
    END LOOP;
    RETURN 0;
END
$$;

-- How many members are removed by reference still, and of how many approvals.
CREATE OR REPLACE FUNCTION nianshen_next.settle_due(OUT approvals bigint, OUT members bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = nianshen, pg_temp AS $$
    SELECT (SELECT count(*) FROM nianshen_engine.removal_due),
           (SELECT count(*) FROM nianshen_next.due_removal r WHERE NOT EXISTS (SELECT FROM nianshen_engine.archive a WHERE a.enrolment = r.enrolment))
$$;
