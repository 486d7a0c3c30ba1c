-- Moving removed members' rows to the archive, which every reader has taken for removed since the approval. The worker does it when it is idle; operators do
-- it by `nianshen-ops settle`, and before a purge.

-- At most p_rows of one shard; returns how many, 0: nothing is left. A worker's micro-batch of that shard waits meanwhile.
CREATE OR REPLACE FUNCTION nianshen_next.settle(p_rows integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = nianshen, pg_temp SET jit = off AS $$
DECLARE
    next_shard integer := (SELECT min(d.shard) FROM nianshen_engine.removal_due d);
BEGIN
    IF next_shard IS NULL THEN
        RETURN 0;
    END IF;
    PERFORM set_config('lock_timeout', '2s', true);
    RETURN greatest(nianshen_engine.settle(ARRAY[next_shard], p_rows), 1);
END
$$;

-- How many members are removed by reference still, and of how many approvals.
CREATE OR REPLACE FUNCTION nianshen_next.settle_due(OUT approvals bigint, OUT members bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = nianshen, pg_temp AS $$
    SELECT (SELECT count(*) FROM nianshen_engine.removal_due),
           (SELECT count(*) FROM nianshen_next.due_removal r WHERE NOT EXISTS (SELECT FROM nianshen_engine.archive a WHERE a.enrolment = r.enrolment))
$$;
