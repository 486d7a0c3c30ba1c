-- Moves removed members to the archive: at most p_limit failing entries of these shards, in the order of the units. Each enrolment's last version goes, never
-- a later enrolment of the same person; what is gone already stays as it is. To do it again changes nothing. Returns how many entries were done; 0: all were.
-- Rows are locked as `roster load` locks them, by unit and number; the reference lock keeps corrections, which make another version, away.
CREATE OR REPLACE FUNCTION nianshen_engine.settle(p_shard integer[], p_limit integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = nianshen_engine, pg_temp AS $$
DECLARE
    due record;
    done bigint := 0;
    step integer;
BEGIN
    PERFORM shards_lock(p_shard);
    PERFORM pg_advisory_xact_lock_shared(nianshen.reference_lock_key());
    FOR due IN
        SELECT d.*, coalesce(cardinality(s.failing_enrolments), 0) AS entries
        FROM (SELECT d.* FROM removal_due d WHERE d.shard = ANY (p_shard) ORDER BY d.unit, d.year LIMIT p_limit) d
        JOIN submission s ON s.unit = d.unit AND s.year = d.year AND s.submission = d.submission
        ORDER BY d.unit, d.year
    LOOP
        EXIT WHEN done >= p_limit;
        step := least(due.entries - due.moved, p_limit - done);
        PERFORM removal_move(due.unit, due.year, due.moved, step);
        done := done + greatest(step, 1);
        IF due.moved + step >= due.entries THEN
            DELETE FROM removal_due d WHERE d.unit = due.unit AND d.year = due.year;
        ELSE
            UPDATE removal_due d SET moved = d.moved + step WHERE d.unit = due.unit AND d.year = due.year;
        END IF;
    END LOOP;
    RETURN done;
END
$$;

CREATE OR REPLACE FUNCTION nianshen_engine.removal_move(p_unit text, p_year integer, p_after integer, p_count integer) RETURNS void
LANGUAGE plpgsql SET search_path = nianshen_engine, pg_temp AS $$
BEGIN
    WITH entry AS MATERIALIZED (
        SELECT f.enrolment, f.reason, d.submission, d.decision_source, d.decision, d.removed_ms
        FROM removal_due d JOIN submission s ON s.unit = d.unit AND s.year = d.year AND s.submission = d.submission
        CROSS JOIN LATERAL unnest(s.failing_enrolments[p_after + 1 : p_after + p_count], s.failing_reasons[p_after + 1 : p_after + p_count])
            AS f (enrolment, reason)
        WHERE d.unit = p_unit AND d.year = p_year
    ), version AS MATERIALIZED ( -- the last one of each
        SELECT m.place, e.enrolment, e.reason, e.submission, e.decision_source, e.decision, e.removed_ms
        FROM entry e
        CROSS JOIN LATERAL (SELECT m.ctid AS place, m.unit, m.id_key FROM nianshen.membership m
                            WHERE m.enrolment = e.enrolment ORDER BY m.valid_until_ms DESC LIMIT 1) m
        WHERE NOT EXISTS (SELECT FROM archive a WHERE a.enrolment = e.enrolment OFFSET 0)
        ORDER BY m.unit, m.id_key
    ), locked AS MATERIALIZED (
        SELECT v.* FROM version v JOIN nianshen.membership m ON m.ctid = v.place FOR UPDATE OF m
    ), gone AS (
        DELETE FROM nianshen.membership m USING locked l WHERE m.ctid = l.place
        RETURNING m.*, l.submission, l.reason, l.decision_source, l.decision, l.removed_ms
    )
    INSERT INTO archive (enrolment, unit, member_no, id_key, id_code, name, gender, id_type, id_number, id_valid_until, mobile, enrolled_ms,
                         valid_from_ms, valid_until_ms, year, submission, reason, decision_source, decision, removed_ms)
    SELECT g.enrolment, g.unit, g.member_no, g.id_key, g.id_code, g.name, g.gender, g.id_type, g.id_number, g.id_valid_until, g.mobile, g.enrolled_ms,
           g.valid_from_ms, greatest(g.removed_ms, g.valid_from_ms + 1), p_year, g.submission, g.reason, g.decision_source, g.decision, g.removed_ms
    FROM gone g;
END
$$;
