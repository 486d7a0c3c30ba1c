-- `verify` rebuilds the state in a scratch database from reference versions and topics, and compares. The views are what it reads in the live database, for the
-- year, the unit and the place that it sets for its transaction; the functions run in the scratch database, on what was copied from those views.

CREATE OR REPLACE VIEW nianshen.recorded_unit AS
SELECT u.unit, nianshen.unit_digest(u.unit, current_setting('nianshen.verify_year')::integer) AS recorded FROM nianshen.unit_profile u;

CREATE OR REPLACE VIEW nianshen.recorded_row AS
SELECT v.unit, s.kind, s.key, json_object(s.names, s."values")::text AS fields, s.submission, r.version
FROM (SELECT current_setting('nianshen.verify_unit') AS unit) v
CROSS JOIN LATERAL nianshen.state_rows(v.unit, current_setting('nianshen.verify_year')::integer) s
LEFT JOIN nianshen.release r ON r.release = s.release;

-- The places of such events are below zero since their topic was made anew (partition_supersede).
CREATE OR REPLACE VIEW nianshen.recorded_lost AS
SELECT DISTINCT e.unit FROM nianshen.event e
WHERE e.record_offset < 0 AND EXISTS (SELECT FROM nianshen.partition_resume p WHERE p.next_after < p.next_before);

-- The same for events before the first offset that a partition holds: `verify_place` is topic, partition and that offset, separated by blanks.
CREATE OR REPLACE VIEW nianshen.recorded_truncated AS
SELECT DISTINCT e.unit FROM nianshen.event e, (SELECT string_to_array(current_setting('nianshen.verify_place'), ' ') AS at) p
WHERE e.topic = p.at[1] AND e.partition = p.at[2]::integer AND e.record_offset >= 0 AND e.record_offset < p.at[3]::bigint;

-- Offsets of a partition that were consumed without being applied: held records, and what a resumption gave up, as far as no later one went back behind it.
-- From from_offset to before to_offset.
CREATE OR REPLACE FUNCTION nianshen.offsets_not_applied(p_topic text, p_partition integer) RETURNS TABLE (from_offset bigint, to_offset bigint)
LANGUAGE sql STABLE AS $$
    SELECT l.record_offset, l.record_offset + 1 FROM nianshen.ledger l
    WHERE l.topic = p_topic AND l.partition = p_partition AND l.kind = 'held'
    UNION ALL
    SELECT p.next_before, least(p.next_after, b.next_after)
    FROM nianshen.partition_resume p
    CROSS JOIN LATERAL (SELECT min(q.next_after) AS next_after FROM nianshen.partition_resume q
                        WHERE q.topic = p.topic AND q.partition = p.partition AND q.resume_id > p.resume_id AND q.next_after < q.next_before) b
    WHERE p.topic = p_topic AND p.partition = p_partition AND p.next_before < least(p.next_after, b.next_after)
    ORDER BY 1
$$;

-- Adds what was rebuilt to the recorded digests and names the units that differ. By way of a table of its own, since no other writing runs in parallel.
CREATE OR REPLACE FUNCTION nianshen.verify_units(p_year integer) RETURNS SETOF text
LANGUAGE plpgsql SET min_parallel_table_scan_size = 0 AS $$
BEGIN
    CREATE TEMPORARY TABLE verify_rebuilt AS SELECT u.unit, nianshen.unit_digest(u.unit, p_year) AS rebuilt FROM nianshen.unit_profile u;
    INSERT INTO nianshen.verify_unit (unit, rebuilt) SELECT r.unit, r.rebuilt FROM pg_temp.verify_rebuilt r
    ON CONFLICT (unit) DO UPDATE SET rebuilt = excluded.rebuilt;
    DROP TABLE pg_temp.verify_rebuilt;
    RETURN QUERY SELECT v.unit FROM nianshen.verify_unit v WHERE v.recorded IS DISTINCT FROM v.rebuilt ORDER BY v.unit;
END
$$;

-- The state's two digests, as `digest` prints them.
CREATE OR REPLACE FUNCTION nianshen.verify_digests(OUT recorded text, OUT rebuilt text)
LANGUAGE sql STABLE AS $$
    SELECT nianshen.digest_of_units(string_agg(v.unit || ' ' || v.recorded, E'\n' ORDER BY v.unit)),
           nianshen.digest_of_units(string_agg(v.unit || ' ' || v.rebuilt, E'\n' ORDER BY v.unit))
    FROM nianshen.verify_unit v
$$;

-- A value of a state row for people: whatever could be a number of a person is masked.
CREATE OR REPLACE FUNCTION nianshen.state_value(p_field text, p_value text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN p_field IN ('id_key', 'id_number') THEN nianshen.mask_id(p_value)
                WHEN p_field IN ('mobile', 'contact_mobile') THEN nianshen.mask_mobile(p_value) ELSE p_value END
$$;

-- What a row that stands on one side only is about: its telling fields.
CREATE OR REPLACE FUNCTION nianshen.state_row_text(p_fields jsonb) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT coalesce(nullif(string_agg(nianshen.state_value(f.field, p_fields ->> f.field), ' ' ORDER BY f.place), ''), 'there')
    FROM unnest(ARRAY['kind', 'state', 'verdict', 'id_key', 'reason', 'code', 'superior']) WITH ORDINALITY AS f (field, place)
$$;

-- Where the recorded and the rebuilt rows of a unit differ: a line a field, or one for a row that only one side has. `class` is damage; rules-changed where
-- another release had judged, and for what follows from its verdict; not-in-topic where events of the unit are in no topic any more.
CREATE OR REPLACE FUNCTION nianshen.verify_differences(p_unit text, p_year integer)
RETURNS TABLE (kind text, key text, field text, recorded text, rebuilt text, class text)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH before AS ( -- rows can be equal but for their fields: an archive row that stands there twice
        SELECT r.kind, r.key, r.fields, r.submission, r.version, row_number() OVER (PARTITION BY r.kind, r.key ORDER BY r.fields) AS twin
        FROM nianshen.verify_row r WHERE r.unit = p_unit
    ), after AS (
        SELECT s.kind, s.key, f.fields, s.submission, row_number() OVER (PARTITION BY s.kind, s.key ORDER BY f.fields) AS twin
        FROM nianshen.state_rows(p_unit, p_year) s CROSS JOIN LATERAL (SELECT json_object(s.names, s."values")::text AS fields) f
    ), differing AS (
        SELECT b.kind, b.key, b.version, coalesce(a.submission, c.submission) AS submission, a.fields::jsonb AS was, c.fields::jsonb AS is_now,
               coalesce(a.version <> nianshen.schema_version(), false) AS is_of_other_release
        FROM before a FULL JOIN after c ON c.kind = a.kind AND c.key = a.key AND c.twin = a.twin
        CROSS JOIN LATERAL (SELECT coalesce(a.kind, c.kind) AS kind, coalesce(a.key, c.key) AS key, a.version) b
        WHERE a.fields IS DISTINCT FROM c.fields
    ), classed AS (
        SELECT d.*, CASE
            WHEN d.is_of_other_release THEN 'rules-changed'
            WHEN d.version IS NULL AND EXISTS (SELECT FROM differing o WHERE o.is_of_other_release
                AND (o.submission = d.submission OR (d.submission IS NULL AND d.kind IN ('member', 'profile')))) THEN 'rules-changed'
            WHEN EXISTS (SELECT FROM nianshen.verify_lost l WHERE l.unit = p_unit) THEN 'not-in-topic'
            ELSE 'damage' END AS class
        FROM differing d
    )
    SELECT c.kind, c.key, f.field, nianshen.state_value(f.field, c.was ->> f.field), nianshen.state_value(f.field, c.is_now ->> f.field), c.class
    FROM classed c CROSS JOIN LATERAL jsonb_object_keys(c.was) f (field)
    WHERE c.is_now IS NOT NULL AND c.was ->> f.field IS DISTINCT FROM c.is_now ->> f.field
    UNION ALL
    SELECT c.kind, c.key, NULL, nianshen.state_row_text(c.was), nianshen.state_row_text(c.is_now), c.class
    FROM classed c WHERE c.was IS NULL OR c.is_now IS NULL
    UNION ALL -- which rows make a submission fail that was taken: they name the member whose roster row is another one
    SELECT 'row-error', format('%s %s %s', s.year, s.submission, coalesce(w.chunk || '/' || w.list || '/' || w.index, w.member_no)), NULL, NULL,
           concat_ws(' ', w.code, w.masked), c.class
    FROM classed c
    JOIN nianshen.submission s ON s.unit = p_unit AND s.year = p_year AND s.submission = c.submission
    JOIN nianshen.row_finding w ON w.submission_key = s.submission_key AND w.is_error
    WHERE c.kind = 'submission' AND c.is_now ->> 'state' = 'rejected'
    ORDER BY 1, 2, 3;
END
$$;
