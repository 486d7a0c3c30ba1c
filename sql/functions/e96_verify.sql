-- What `verify` and `replay` ask besides the state itself: what was consumed without being applied, and of which units the topics have lost records.

DO $$
DECLARE
    v text;
BEGIN
    FOREACH v IN ARRAY ARRAY['offset_not_applied', 'ledger_account_range', 'ledger_account_exception'] LOOP
        EXECUTE format('DROP VIEW IF EXISTS nianshen_next.%I CASCADE', v);
    END LOOP;
END
$$;

-- Held records, and what a resumption gave up, as far as no later one went back behind it. From from_offset to before to_offset.
CREATE VIEW nianshen_next.offset_not_applied AS
SELECT nianshen_next.topic_name(l.topic) AS topic, l.shard AS partition, l.record_offset AS from_offset, l.record_offset + 1 AS to_offset
FROM nianshen_engine.ledger_exception l WHERE l.kind = 'held'
UNION ALL
SELECT p.topic, p.partition, p.next_before, least(p.next_after, b.next_after)
FROM nianshen.partition_resume p
CROSS JOIN LATERAL (SELECT min(q.next_after) AS next_after FROM nianshen.partition_resume q
                    WHERE q.topic = p.topic AND q.partition = p.partition AND q.resume_id > p.resume_id AND q.next_after < q.next_before) b
WHERE p.next_before < least(p.next_after, b.next_after);

-- The ledger as replay reads it. A partition that was resumed from a lower offset has moved the places of what was stored before: is_moved.
CREATE VIEW nianshen_next.ledger_account_range AS
SELECT nianshen_next.topic_name(r.topic) AS topic, r.shard AS partition, r.first_offset, r.next_offset, r.records,
       EXISTS (SELECT FROM nianshen.partition_resume p
               WHERE p.topic = nianshen_next.topic_name(r.topic) AND p.partition = r.shard AND p.next_after < p.next_before) AS is_moved
FROM nianshen_engine.ledger_range r;

CREATE VIEW nianshen_next.ledger_account_exception AS
SELECT nianshen_next.topic_name(l.topic) AS topic, l.shard AS partition, l.record_offset, l.unit, l.kind, l.code,
       EXISTS (SELECT FROM nianshen.campaign_term c WHERE c.year = l.year AND c.purge_until_ms IS NOT NULL) AS is_purged
FROM nianshen_engine.ledger_exception l;

COMMENT ON VIEW nianshen_next.offset_not_applied IS 'Offsets that were consumed without being applied: held, or given up by a resumption.';
COMMENT ON VIEW nianshen_next.ledger_account_range IS 'The ranges of the ledger, as replay reads them.';
COMMENT ON VIEW nianshen_next.ledger_account_exception IS 'Records that were not simply applied, as replay reads them.';
COMMENT ON COLUMN nianshen_next.offset_not_applied.topic IS 'unit-review, member-review or approval.';
COMMENT ON COLUMN nianshen_next.offset_not_applied.partition IS 'Its partition.';
COMMENT ON COLUMN nianshen_next.offset_not_applied.from_offset IS 'The first such offset.';
COMMENT ON COLUMN nianshen_next.offset_not_applied.to_offset IS 'Behind the last one.';
COMMENT ON COLUMN nianshen_next.ledger_account_range.topic IS 'unit-review, member-review or approval.';
COMMENT ON COLUMN nianshen_next.ledger_account_range.partition IS 'Its partition.';
COMMENT ON COLUMN nianshen_next.ledger_account_range.first_offset IS 'Where the range begins.';
COMMENT ON COLUMN nianshen_next.ledger_account_range.next_offset IS 'Behind the range.';
COMMENT ON COLUMN nianshen_next.ledger_account_range.records IS 'Records in it: fewer than offsets where transactions leave gaps.';
COMMENT ON COLUMN nianshen_next.ledger_account_range.is_moved IS 'The partition was resumed from a lower offset: stored places have moved.';
COMMENT ON COLUMN nianshen_next.ledger_account_exception.topic IS 'unit-review, member-review or approval.';
COMMENT ON COLUMN nianshen_next.ledger_account_exception.partition IS 'Its partition.';
COMMENT ON COLUMN nianshen_next.ledger_account_exception.record_offset IS 'The place of the record.';
COMMENT ON COLUMN nianshen_next.ledger_account_exception.unit IS 'The record key when it is a printable name.';
COMMENT ON COLUMN nianshen_next.ledger_account_exception.kind IS 'duplicate, dead-letter or held.';
COMMENT ON COLUMN nianshen_next.ledger_account_exception.code IS 'Code of a dead letter.';
COMMENT ON COLUMN nianshen_next.ledger_account_exception.is_purged IS 'Its year is purged: content is not known any more.';

-- Which of these units have rows of a year whose records are in no topic any more: their topic was made anew, or its beginning is gone. t_: for each
-- partition that has lost its beginning, the first offset it still has.
CREATE OR REPLACE FUNCTION nianshen_next.units_not_in_topic(p_unit text[], p_year integer, t_topic text[], t_partition integer[], t_first bigint[])
RETURNS SETOF text
LANGUAGE sql STABLE AS $$
    SELECT DISTINCT r.unit
    FROM (SELECT u.unit, nianshen_engine.shard_of(u.unit, nianshen_engine.partition_count()) AS shard FROM unnest(p_unit) AS u (unit)) u
    CROSS JOIN LATERAL (SELECT v.unit, 0::smallint AS topic, v.record_offset FROM nianshen_engine.unit_review v WHERE v.unit = u.unit AND v.year = p_year
                        UNION ALL
                        SELECT s.unit, 1::smallint, s.first_offset FROM nianshen_engine.submission s WHERE s.unit = u.unit AND s.year = p_year
                        UNION ALL
                        SELECT c.unit, 1::smallint, c.record_offset FROM nianshen_engine.chunk c WHERE c.unit = u.unit AND c.year = p_year
                        UNION ALL
                        SELECT d.unit, 2::smallint, d.record_offset FROM nianshen_engine.decision d WHERE d.unit = u.unit AND d.year = p_year) r
    CROSS JOIN LATERAL (SELECT nianshen_engine.offset_now(u.shard, r.topic, r.record_offset) AS place) n
    LEFT JOIN unnest(t_topic, t_partition, t_first) AS t (topic, partition, first) ON t.partition = u.shard AND t.topic = nianshen_next.topic_name(r.topic)
    WHERE n.place IS NULL OR n.place < t.first
$$;
