-- The review engine's store. The rules are decided in C (rules/); these tables hold what they decided, one transaction a micro-batch. The
-- schema is private: only the functions of the data path write it, people read the views in schema nianshen.
--
-- A shard is one partition number over the three input topics, with all units whose key falls there. topic: 0 unit-review, 1 member-review,
-- 2 approval. Rows of a unit are written by the owner of its shard only, under the shard's advisory lock.

CREATE SCHEMA nianshen_engine AUTHORIZATION nianshen_owner;
SET LOCAL ROLE nianshen_owner;

ALTER TABLE nianshen.unit_profile SET (fillfactor = 50); -- approvals change profiles in place, all of a page in one transaction while catching up

-- ---- the data path: who owns a shard, what became of each record, what is to be published ----

CREATE TABLE nianshen_engine.shard (
    shard integer PRIMARY KEY,
    epoch bigint NOT NULL, -- raised by each claim; a write with another one is refused
    owner text NOT NULL,
    backend_pid integer NOT NULL, -- of the owner's session, so that a successor can end it
    backend_start timestamptz, -- NULL: the session could not see its own
    claimed_ms bigint NOT NULL
);

-- Why a partition stands still until an operator resumes it.
CREATE TABLE nianshen_engine.halt (
    shard integer NOT NULL,
    topic smallint NOT NULL,
    halted text NOT NULL,
    halted_ms bigint NOT NULL,
    PRIMARY KEY (shard, topic)
);

-- One row a micro-batch and partition, only ever appended: ranges are contiguous, so each consumed offset has exactly one account, and the
-- position of a partition is the end of its newest row.
CREATE TABLE nianshen_engine.ledger_range (
    shard integer NOT NULL,
    topic smallint NOT NULL,
    next_offset bigint NOT NULL, -- after the range
    first_offset bigint NOT NULL, -- equals next_offset of the row before
    records integer NOT NULL, -- fewer than offsets where transactions leave gaps
    epoch bigint NOT NULL,
    stored_ms bigint NOT NULL, -- by the database's clock, for people
    last_offset bigint, -- fingerprint of the last record up to here: a truncated or recreated topic does not have it
    last_append_ms bigint,
    last_sha256 bytea,
    max_append_ms bigint NOT NULL, -- up to here: no reference change is dated before this
    PRIMARY KEY (shard, topic, next_offset)
);

-- One row: how many partitions each input topic has. Written by the first claim, never changed: it says to which shard a unit belongs.
CREATE TABLE nianshen_engine.layout (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    partitions integer NOT NULL CHECK (partitions > 0)
);

-- Where a purge has cut a partition: records before this are deleted on purpose.
CREATE TABLE nianshen_engine.purged (
    shard integer NOT NULL,
    topic smallint NOT NULL,
    purged_before bigint NOT NULL,
    purged_exceptions bigint NOT NULL DEFAULT 0, -- rows of ledger_exception that went with them
    PRIMARY KEY (shard, topic)
);

-- What became of a record that was not simply applied. Dead letters and held records keep their bytes: publishing, redrive and release
-- never read the input topic again.
CREATE TABLE nianshen_engine.ledger_exception (
    shard integer NOT NULL,
    topic smallint NOT NULL,
    record_offset bigint NOT NULL,
    kind text NOT NULL CHECK (kind IN ('duplicate', 'dead-letter', 'held')),
    append_ms bigint NOT NULL,
    unit text COLLATE "C", -- the key when it is a printable name
    year integer, -- where it could be read: what a purge deletes
    code text COLLATE "C", -- dead letters
    text text,
    key bytea,
    value bytea,
    headers bytea, -- packed by core/record_bytes.h
    PRIMARY KEY (shard, topic, record_offset)
);
CREATE INDEX ON nianshen_engine.ledger_exception (append_ms) WHERE kind = 'dead-letter';
CREATE INDEX ON nianshen_engine.ledger_exception (unit, topic, record_offset) WHERE kind = 'held';

-- The ledger of records that a topic made anew does not have any more, since a halted partition was resumed from a lower offset. What they did
-- stays, and comes before what the records do that have their places now.
CREATE TABLE nianshen_engine.superseded_range (
    resume_id bigint NOT NULL REFERENCES nianshen.partition_resume,
    LIKE nianshen_engine.ledger_range,
    PRIMARY KEY (resume_id, next_offset)
);
CREATE TABLE nianshen_engine.superseded_exception (
    resume_id bigint NOT NULL REFERENCES nianshen.partition_resume,
    LIKE nianshen_engine.ledger_exception,
    PRIMARY KEY (resume_id, record_offset)
);

-- One row a micro-batch and shard, published from memory after the commit, deleted when the delivery reports are in; a new owner publishes
-- what it finds.
CREATE TABLE nianshen_engine.outbox (
    shard integer NOT NULL,
    batch bigint NOT NULL, -- ascending within a shard: the order of publication; never given twice
    outcomes bytea, -- packed and compressed by worker/outcome_bytes.h; NULL: none
    dead_letter_topics smallint[], -- with dead_letter_offsets: rows of ledger_exception
    dead_letter_offsets bigint[],
    stored_ms bigint NOT NULL DEFAULT (extract(epoch FROM clock_timestamp()) * 1000)::bigint, -- for people, and for a purge
    PRIMARY KEY (shard, batch)
);

ALTER TABLE nianshen_engine.outbox ALTER outcomes SET STORAGE EXTERNAL;
CREATE SEQUENCE nianshen_engine.outbox_seq;

CREATE TABLE nianshen_engine.held_unit (
    unit text COLLATE "C" PRIMARY KEY,
    since_ms bigint NOT NULL,
    released_ms bigint -- the owner of its shard applies what was held, then deletes the row
);

-- ---- the state of the reviews ----

CREATE TABLE nianshen_engine.unit_review (
    unit text COLLATE "C" NOT NULL,
    year integer NOT NULL,
    source text COLLATE "C" NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    record_offset bigint NOT NULL,
    append_ms bigint NOT NULL,
    content_sha256 bytea NOT NULL,
    submitted_by text NOT NULL,
    name text, -- these five: the changes; NULL: unchanged
    credit_code text,
    address text,
    contact_name text,
    contact_mobile text,
    code text, -- why it was rejected; NULL: accepted
    PRIMARY KEY (unit, year, source, event_id)
);

CREATE TABLE nianshen_engine.submission (
    unit text COLLATE "C" NOT NULL,
    year integer NOT NULL,
    submission text COLLATE "C" NOT NULL,
    source text COLLATE "C" NOT NULL, -- the header, which every chunk repeats
    unit_review text COLLATE "C" NOT NULL,
    submitted_by text NOT NULL,
    mode text NOT NULL CHECK (mode IN ('import', 'list')),
    chunks integer NOT NULL,
    entries_total integer NOT NULL,
    received integer NOT NULL,
    is_in_campaign boolean NOT NULL,
    first_offset bigint NOT NULL,
    first_ms bigint NOT NULL,
    completed_offset bigint, -- its place in the unit's queue; NULL while receiving
    completed_ms bigint,
    completed_by text COLLATE "C",
    content_sha256 bytea, -- of the only chunk; NULL when there are several
    state text NOT NULL CHECK (state IN ('receiving', 'waiting', 'pending', 'rejected', 'returned', 'withdrawn', 'approved')),
    code text, -- why it was rejected
    row_code text, -- what its rows alone are refused for
    listed integer,
    passed integer,
    failed integer,
    errors_total integer NOT NULL DEFAULT 0,
    warnings_total integer NOT NULL DEFAULT 0,
    findings text, -- JSON, the first 1000: errors of refused rows, else warnings
    failing_enrolments bigint[], -- ascending by number; with failing_reasons and failing_warnings
    failing_reasons text[],
    failing_warnings text[], -- NULL: none of them has a warning
    failed_json text, -- the failing entries in canonical form, while it waits
    digest bytea,
    decided_ms bigint,
    PRIMARY KEY (unit, year, submission)
) WITH (fillfactor = 50); -- rows are updated in place, all of a page in one transaction while catching up

-- Chunks of submissions that have several.
CREATE TABLE nianshen_engine.chunk (
    unit text COLLATE "C" NOT NULL,
    year integer NOT NULL,
    submission text COLLATE "C" NOT NULL,
    chunk integer NOT NULL,
    source text COLLATE "C" NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    record_offset bigint NOT NULL,
    append_ms bigint NOT NULL,
    content_sha256 bytea NOT NULL,
    is_in_campaign boolean NOT NULL,
    rows bytea, -- packed by rules/rows.h until the submission is judged
    PRIMARY KEY (unit, year, submission, chunk)
);
CREATE UNIQUE INDEX ON nianshen_engine.chunk (unit, year, source, event_id);

-- Ids of chunks that repeated a known chunk: they are used up.
CREATE TABLE nianshen_engine.repeated_chunk (
    unit text COLLATE "C" NOT NULL,
    year integer NOT NULL,
    source text COLLATE "C" NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    content_sha256 bytea NOT NULL,
    record_offset bigint NOT NULL,
    append_ms bigint NOT NULL,
    PRIMARY KEY (unit, year, source, event_id)
);

CREATE TABLE nianshen_engine.decision (
    unit text COLLATE "C" NOT NULL,
    year integer NOT NULL,
    source text COLLATE "C" NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    submission text COLLATE "C" NOT NULL,
    record_offset bigint NOT NULL,
    append_ms bigint NOT NULL,
    content_sha256 bytea NOT NULL,
    kind text NOT NULL CHECK (kind IN ('approved', 'returned', 'withdrawn')),
    digest text COLLATE "C", -- as sent
    superior text COLLATE "C",
    reviewer text COLLATE "C",
    submitted_by text,
    comment text,
    verdict text NOT NULL CHECK (verdict IN ('waiting', 'accepted', 'rejected')),
    code text,
    is_counted boolean NOT NULL, -- toward the unit's limit
    PRIMARY KEY (unit, year, source, event_id)
) WITH (fillfactor = 80);

-- ---- the roster of a campaign ----

-- Who is part of it: packed by rules/roster.h when it opens, never changed afterwards.
CREATE TABLE nianshen_engine.roster_block (
    unit text COLLATE "C" NOT NULL,
    year integer NOT NULL,
    block integer NOT NULL, -- from 0, ascending by key
    members integer NOT NULL,
    first_key text COLLATE "C" NOT NULL,
    last_key text COLLATE "C" NOT NULL,
    content bytea NOT NULL,
    PRIMARY KEY (unit, year, block)
) WITH (toast_tuple_target = 8160); -- the block of an ordinary unit stays in its row: it is read with every submission
ALTER TABLE nianshen_engine.roster_block ALTER content SET STORAGE EXTERNAL;

-- Numbers and names corrected while it is open: from at_ms on the enrolment has these, and until then it had was_key and was_name. Written with
-- the version of the membership that begins then, and equal to what can be derived from the versions.
CREATE TABLE nianshen_engine.roster_change (
    unit text COLLATE "C" NOT NULL,
    year integer NOT NULL,
    at_ms bigint NOT NULL,
    enrolment bigint NOT NULL,
    member_no text COLLATE "C" NOT NULL,
    id_key text COLLATE "C" NOT NULL,
    name text NOT NULL, -- '' when the roster has none
    was_key text COLLATE "C" NOT NULL,
    was_name text NOT NULL,
    PRIMARY KEY (unit, year, at_ms, enrolment)
);

-- How many unit reviews, submissions and decisions a unit may have in a year, where it is not the default.
CREATE TABLE nianshen_engine.unit_limit (
    unit text COLLATE "C" NOT NULL,
    kind text NOT NULL CHECK (kind IN ('unit-reviews', 'submissions', 'decisions')),
    most integer NOT NULL CHECK (most > 0),
    valid_from_ms bigint NOT NULL,
    valid_until_ms bigint NOT NULL,
    PRIMARY KEY (unit, kind, valid_until_ms)
);

-- Approved submissions whose failing members are removed by reference only: the failing entries are the removal, for every reader, until the
-- rows are moved to the archive in bulk.
CREATE TABLE nianshen_engine.removal_due (
    shard integer NOT NULL,
    unit text COLLATE "C" NOT NULL,
    year integer NOT NULL,
    submission text COLLATE "C" NOT NULL,
    decision_source text COLLATE "C" NOT NULL,
    decision text COLLATE "C" NOT NULL,
    removed_ms bigint NOT NULL, -- append time of the approval
    moved integer NOT NULL DEFAULT 0, -- how many of its failing entries were moved: a large submission takes several steps
    PRIMARY KEY (unit, year)
);

-- The archive: the last version of a removed membership, with why and by which decision.
CREATE TABLE nianshen_engine.archive (
    LIKE nianshen.membership,
    year integer NOT NULL,
    submission text COLLATE "C" NOT NULL,
    reason text COLLATE "C" NOT NULL,
    decision_source text COLLATE "C" NOT NULL,
    decision text COLLATE "C" NOT NULL,
    removed_ms bigint NOT NULL,
    PRIMARY KEY (enrolment)
);
CREATE INDEX ON nianshen_engine.archive (unit, id_key);
CREATE INDEX ON nianshen_engine.archive (member_no, unit);

RESET ROLE;
