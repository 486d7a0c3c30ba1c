-- Records that were consumed, once more: what becomes of them now must be what the ledger says became of them. The questions are those of apply, in its order and as
-- of each record's own place and time; only reading, so a live system goes on meanwhile and nothing can change.

-- One row a ledger row or record from p_from to before p_next. An applied record must be found as the very event that it made; came 'new' when nothing
-- knows it any more.
CREATE OR REPLACE FUNCTION nianshen.replay(p_topic text, p_partition integer, p_from bigint, p_next bigint,
    r_topic text[], r_partition integer[], r_offset bigint[], r_append_ms bigint[], r_kind text[], r_unit text[], r_year integer[], r_source text[],
    r_id text[], r_sha256 bytea[], r_body text[], r_code text[], r_text text[])
RETURNS TABLE (record_offset bigint, unit text, recorded text, came text, is_same boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = nianshen, pg_temp SET plan_cache_mode = force_generic_plan SET jit = off
SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
    records record_in[];
    left_over record_in[];
    unknown integer[];
    k record;
    b record;
BEGIN
    -- What is held is not parsed: it may be just what could not be digested.
    records := records_in(r_topic, r_partition, r_offset, r_append_ms, r_kind, r_unit, r_year, r_source, r_id, r_sha256, r_body, r_code, r_text,
                          ARRAY(SELECT r.n::integer FROM unnest(r_offset) WITH ORDINALITY AS r (record_offset, n)
                                JOIN ledger l ON l.topic = p_topic AND l.partition = p_partition AND l.record_offset = r.record_offset
                                WHERE l.kind = 'held'));
    left_over := ARRAY(SELECT r FROM unnest(records) r WHERE r.kind <> 'dead-letter' AND NOT EXISTS (
        SELECT FROM ledger l WHERE l.topic = p_topic AND l.partition = p_partition AND l.record_offset = r.record_offset AND l.kind = 'held') ORDER BY r.n);
    unknown := unattributable(left_over);
    left_over := ARRAY(SELECT r FROM unnest(left_over) r WHERE r.n <> ALL (unknown) ORDER BY r.n);
    SELECT * INTO k FROM known_events(left_over);
    SELECT * INTO b FROM bad_chunks(ARRAY(SELECT r FROM unnest(left_over) r WHERE r.n <> ALL (k.known) ORDER BY r.n));

    RETURN QUERY
    SELECT coalesce(l.record_offset, r.record_offset), coalesce(l.unit, r.unit), v.recorded, v.came,
           v.recorded = v.came
           -- Of a purged year the content is not known any more: what differed from it seems to repeat it.
           OR (v.came = 'duplicate' AND v.recorded IN ('dead-letter identity-reused', 'dead-letter chunk-differs')
               AND NOT EXISTS (SELECT FROM campaign_term c WHERE c.year = r.year AND c.purge_until_ms IS NULL))
    FROM unnest(records) r
    FULL JOIN (SELECT * FROM ledger w WHERE w.topic = p_topic AND w.partition = p_partition AND w.record_offset >= p_from AND w.record_offset < p_next) l
        ON l.record_offset = r.record_offset
    LEFT JOIN event e ON e.unit = r.unit AND e.year = r.year AND e.topic = r.topic AND e.source = r.source AND e.event_id = r.event_id
        AND e.partition = r.partition AND e.record_offset = r.record_offset
    CROSS JOIN LATERAL (
        SELECT CASE WHEN l.kind IS NULL THEN 'nothing' ELSE concat_ws(' ', l.kind, l.code) END AS recorded,
               CASE
                   WHEN r.n IS NULL THEN 'not in the topic'
                   WHEN l.kind = 'held' THEN 'held'
                   WHEN r.kind = 'dead-letter' THEN 'dead-letter ' || r.code
                   WHEN r.n = ANY (unknown) THEN 'dead-letter unknown-unit'
                   WHEN r.n = ANY (k.reused) THEN 'dead-letter identity-reused'
                   WHEN r.n = ANY (k.known) THEN CASE WHEN e.event_id IS NULL THEN 'duplicate' ELSE 'applied' END
                   WHEN r.n = ANY (b.contradicting) THEN 'dead-letter chunk-contradicts'
                   WHEN r.n = ANY (b.differing) THEN 'dead-letter chunk-differs'
                   WHEN r.n = ANY (b.repeated) THEN 'duplicate'
                   ELSE 'new'
               END AS came) v
    ORDER BY 1;
END
$$;
