-- The review itself: unit reviews, submissions with their chunks and failing entries, decisions. Passing members are checked and counted, not
-- written.

SET LOCAL ROLE nianshen_owner;

CREATE TABLE nianshen.unit_review (
    unit text COLLATE "C" NOT NULL,
    year integer NOT NULL,
    source text COLLATE "C" NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    submitted_by text NOT NULL,
    profile jsonb NOT NULL, -- the known fields that change
    append_ms bigint NOT NULL,
    verdict text NOT NULL CHECK (verdict IN ('accepted', 'rejected')),
    code text,
    release integer, -- that judged it
    PRIMARY KEY (unit, year, source, event_id)
);

CREATE TABLE nianshen.submission (
    submission_key bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    unit text COLLATE "C" NOT NULL,
    year integer NOT NULL,
    submission text COLLATE "C" NOT NULL,
    -- header: what every chunk must repeat
    source text COLLATE "C" NOT NULL,
    unit_review text COLLATE "C" NOT NULL,
    mode text NOT NULL CHECK (mode IN ('list', 'import')),
    submitted_by text NOT NULL,
    chunks integer NOT NULL,
    entries_total integer NOT NULL,
    -- progress
    received integer NOT NULL DEFAULT 0,
    completed_offset bigint, -- of the chunk that completed it: its place in the unit's queue
    completed_ms bigint,
    completed_by text, -- that chunk's event id
    state text NOT NULL CHECK (state IN ('receiving', 'waiting', 'pending', 'rejected', 'returned', 'withdrawn', 'approved')),
    code text,
    error_total bigint, -- set when its rows were checked as a whole
    -- set when it becomes pending, cleared when it is withdrawn
    digest text,
    listed integer,
    passed integer,
    failed integer,
    decided_ms bigint,
    release integer, -- that judged it last
    UNIQUE (unit, year, submission)
);
CREATE INDEX ON nianshen.submission (unit, year, completed_offset) WHERE state IN ('waiting', 'pending');
CREATE UNIQUE INDEX one_approved_review_a_year ON nianshen.submission (unit, year) WHERE state = 'approved';

CREATE TABLE nianshen.chunk (
    submission_key bigint NOT NULL,
    chunk integer NOT NULL,
    record_offset bigint NOT NULL,
    append_ms bigint NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    content_sha256 bytea NOT NULL,
    in_campaign boolean NOT NULL,
    failed_count integer NOT NULL,
    passed_count integer NOT NULL,
    first_key text COLLATE "C",
    last_key text COLLATE "C",
    unsorted_list text, -- the first entry that is below its predecessor
    unsorted_index integer,
    error_count integer NOT NULL DEFAULT 0,
    PRIMARY KEY (submission_key, chunk)
);

-- The failing entries that are on the roster, with the membership that was reviewed.
CREATE TABLE nianshen.entry (
    submission_key bigint NOT NULL,
    chunk integer NOT NULL,
    index integer NOT NULL,
    id_key text COLLATE "C" NOT NULL,
    reason text COLLATE "C" NOT NULL,
    enrolment bigint NOT NULL,
    PRIMARY KEY (submission_key, chunk, index)
);

-- What is wrong with (error) or worth a look in (warning) single entries; numbers masked. At most row_finding_cap() a chunk and kind.
CREATE TABLE nianshen.row_finding (
    submission_key bigint NOT NULL,
    chunk integer, -- null: found over the whole submission
    list text CHECK (list IN ('failed', 'passed')),
    index integer,
    is_error boolean NOT NULL,
    code text COLLATE "C" NOT NULL,
    masked text,
    member_no text,
    position integer,
    expected text
);
CREATE INDEX ON nianshen.row_finding (submission_key);

CREATE TABLE nianshen.decision (
    unit text COLLATE "C" NOT NULL,
    year integer NOT NULL,
    source text COLLATE "C" NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    submission text COLLATE "C" NOT NULL,
    record_offset bigint NOT NULL,
    append_ms bigint NOT NULL,
    kind text NOT NULL CHECK (kind IN ('approved', 'returned', 'withdrawn')),
    digest text,
    superior text,
    reviewer text,
    submitted_by text,
    comment text,
    verdict text NOT NULL CHECK (verdict IN ('waiting', 'accepted', 'rejected')),
    code text,
    release integer, -- that judged it
    PRIMARY KEY (unit, year, source, event_id)
) WITH (fillfactor = 50); -- each row is written twice, stored and judged: the second time in its place, without touching the indexes
CREATE INDEX ON nianshen.decision (unit, year, submission, record_offset);

RESET ROLE;
