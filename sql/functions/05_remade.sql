-- What CREATE OR REPLACE can't change when an older build's has other fields. It holds nothing: each migrate drops it with the functions and views that use it,
-- and makes it anew; these come again with the files behind this one, any of which can also be run by itself.

DROP TYPE IF EXISTS nianshen.record_in, nianshen.touched, nianshen.outcome, nianshen.tally, nianshen.approval, nianshen.removal CASCADE;
DO $$
DECLARE
    changed text; -- what it takes or returns
BEGIN
    FOREACH changed IN ARRAY ARRAY(SELECT p.oid::regprocedure::text FROM pg_proc p
                                   WHERE p.pronamespace = 'nianshen'::regnamespace
                                     AND p.proname IN ('state_rows', 'outbox_take', 'outbox_done', 'held_take', 'apply', 'positions_check', 'campaign_open')) LOOP
        EXECUTE 'DROP FUNCTION ' || changed || ' CASCADE';
    END LOOP;
END
$$;

-- ---- what the steps of apply hand on ----------------------------------------------------------------------------------------------------------------

CREATE TYPE nianshen.record_in AS (
    n integer, -- 1-based place in the micro-batch
    topic text, partition integer, record_offset bigint, append_ms bigint,
    kind text, -- unit-review, chunk, approved, returned, withdrawn; dead-letter: the core refused it with code and text
    unit text, year integer, source text, event_id text, content_sha256 bytea, body jsonb, code text, text text,
    is_unit_known boolean, is_in_campaign boolean -- when it was appended
);
-- A unit and year that the micro-batch touches, and the partition whose owner publishes what comes of it.
CREATE TYPE nianshen.touched AS (unit text, year integer, topic text, partition integer);
-- An outcome before it is written; judged_* name the event that it answers.
CREATE TYPE nianshen.outcome AS (unit text, year integer, judged_topic text, judged_source text, judged_id text, judged_ms bigint, type text, body jsonb);
-- What the rows of a submission come to: members on the roster of the campaign, failing entries.
CREATE TYPE nianshen.tally AS (submission_key bigint, listed bigint, failed bigint, is_plain boolean);
-- A decision that approves, and the submission as it is then.
CREATE TYPE nianshen.approval AS (decision nianshen.decision, submission nianshen.submission);
-- How many members of a submission were removed for a reason.
CREATE TYPE nianshen.removal AS (submission_key bigint, reason text, members bigint);
