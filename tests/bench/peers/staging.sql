-- For a session of a hand-written peer: its staging tables, and memory enough to sort a batch in.
SET work_mem = '64MB';
SET temp_buffers = '64MB';
CREATE TEMP TABLE staged_entry (LIKE entry);
CREATE TEMP TABLE staged_event (LIKE event);
