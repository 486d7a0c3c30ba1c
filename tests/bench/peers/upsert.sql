-- One batch of the hand-written peers: what was copied into the staging tables goes to the tables in the order of their keys.
INSERT INTO entry SELECT DISTINCT ON (unit, year, id_number) * FROM staged_entry ORDER BY unit, year, id_number
ON CONFLICT (unit, year, id_number) DO UPDATE SET result = excluded.result, reason = excluded.reason, submission = excluded.submission,
    submitted_by = excluded.submitted_by;
INSERT INTO event SELECT DISTINCT ON (unit, year, topic, event_id) * FROM staged_event ORDER BY unit, year, topic, event_id
ON CONFLICT (unit, year, topic, event_id) DO UPDATE SET body = excluded.body;
TRUNCATE staged_entry, staged_event;
