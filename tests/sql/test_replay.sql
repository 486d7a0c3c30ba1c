-- Replaying only looks: what would become of a record now, beside what the ledger says became of it.
\ir support.psql
SELECT no_plan();

SELECT is(pg_temp.feed(pg_temp.unit_review('r1') || '{"id": "r1"}'), ARRAY[1, 0, 0, 0], 'a unit review is applied, at offset 0');
SELECT is(pg_temp.feed(pg_temp.unit_review('r1') || '{"id": "r1"}'), ARRAY[0, 1, 0, 0], 'and comes again, at offset 1');

-- One record of unit-review as its topic holds it, replayed by itself: "recorded / came / the same".
CREATE FUNCTION pg_temp.replayed(p_offset bigint, p_id text, p_unit text DEFAULT 'U1', p_sha256 bytea DEFAULT NULL, p_code text DEFAULT NULL)
RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat_ws(' / ', r.recorded, r.came, r.is_same), '; ')
    FROM nianshen.event e CROSS JOIN LATERAL nianshen.replay('unit-review', 0, p_offset, p_offset + 1, ARRAY['unit-review'], ARRAY[0], ARRAY[p_offset],
        ARRAY[(SELECT ms FROM clock)], ARRAY[CASE WHEN p_code IS NULL THEN 'unit-review' ELSE 'dead-letter' END], ARRAY[p_unit], ARRAY[2026],
        ARRAY[e.source], ARRAY[p_id], ARRAY[coalesce(p_sha256, e.content_sha256)], ARRAY['{"submitted_by": "clerk", "profile": {}}'],
        ARRAY[p_code], ARRAY[NULL::text]) r
    WHERE e.topic = 'unit-review' AND e.event_id = 'r1'
$$;

SELECT is(pg_temp.replayed(0, 'r1'), 'applied / applied / t', 'the record that made the event');
SELECT is(pg_temp.replayed(1, 'r1'), 'duplicate / duplicate / t', 'its repetition');
SELECT is(pg_temp.replayed(1, 'r1', p_sha256 => '\x00'), 'duplicate / dead-letter identity-reused / f', 'a repetition of other content');
SELECT is(pg_temp.replayed(0, 'r1', 'U9'), 'applied / new / f', 'the same of a unit that it was not');
SELECT is(pg_temp.replayed(0, 'r1', p_code => 'not-json'), 'applied / dead-letter not-json / f', 'what can not be read');
SELECT is(pg_temp.replayed(0, 'another'), 'applied / new / f', 'an event that nothing knows');
SELECT is(pg_temp.replayed(99, 'another'), 'nothing / new / f', 'a record that nobody has applied yet');
SELECT is((SELECT string_agg(concat_ws(' ', r.record_offset, r.recorded, r.came, r.is_same), '; ' ORDER BY r.record_offset) FROM nianshen.replay('unit-review', 0, 0, 2,
              '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}') r),
          '0 applied not in the topic f; 1 duplicate not in the topic f', 'records that are gone');

SELECT * FROM finish();
ROLLBACK;
