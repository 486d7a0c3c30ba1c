-- Where the worker stands in each partition, what became of each record, and what is still to be published.

SET LOCAL ROLE nianshen_owner;

-- The one truth about offsets. It moves in the transaction of the effects, only for its owner's epoch and only from the expected offset: a
-- zombie, a repeat and a COMMIT whose answer was lost all fail here.
CREATE TABLE nianshen.kafka_partition (
    topic text COLLATE "C" NOT NULL, -- unit-review, member-review, approval
    partition integer NOT NULL,
    next_offset bigint NOT NULL DEFAULT 0,
    end_offset bigint, -- as last seen by the owner
    records bigint NOT NULL DEFAULT 0, -- how many were consumed: fewer than next_offset where an upstream's transactions leave gaps
    epoch bigint NOT NULL DEFAULT 0,
    owner text,
    backend_pid integer, -- of the owner's session, so that a successor can end it
    backend_start timestamptz,
    last_offset bigint, -- the last record's fingerprint: a truncated or recreated topic does not have it
    last_append_ms bigint,
    last_sha256 bytea,
    max_append_ms bigint NOT NULL DEFAULT 0, -- no reference change is dated before this
    halted text, -- why it stands still until an operator resumes it
    halted_ms bigint,
    purged_before bigint NOT NULL DEFAULT 0, -- records before this are deleted on purpose: their campaign is purged
    purged_records bigint NOT NULL DEFAULT 0, -- how many of the consumed ones have no ledger row any more for that reason
    moved_ms bigint,
    PRIMARY KEY (topic, partition)
);

-- Identities of the events that were taken: the same one again is a duplicate, with other content a dead letter.
CREATE TABLE nianshen.event (
    unit text COLLATE "C" NOT NULL,
    year integer NOT NULL,
    topic text COLLATE "C" NOT NULL,
    source text COLLATE "C" NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    content_sha256 bytea NOT NULL, -- empty of a purged year: a number could be guessed from it
    partition integer NOT NULL,
    record_offset bigint NOT NULL,
    PRIMARY KEY (unit, year, topic, source, event_id)
);

-- Each consumed offset has exactly one row.
CREATE TABLE nianshen.ledger (
    topic text COLLATE "C" NOT NULL,
    partition integer NOT NULL,
    record_offset bigint NOT NULL,
    append_ms bigint NOT NULL,
    epoch bigint NOT NULL, -- of the owner who consumed it
    kind text NOT NULL CHECK (kind IN ('applied', 'duplicate', 'held', 'dead-letter')),
    unit text COLLATE "C",
    code text COLLATE "C", -- dead letters
    text text,
    PRIMARY KEY (topic, partition, record_offset)
);
CREATE INDEX ON nianshen.ledger (append_ms) WHERE kind = 'dead-letter';
CREATE INDEX ON nianshen.ledger (unit, topic, partition, record_offset) WHERE kind = 'held';

-- What operators did about dead letters; nothing is overwritten. A redrive without new_offset was begun and its end is not known: sending the same
-- event again is harmless, but nobody should do so unseen.
CREATE TABLE nianshen.dead_letter_action (
    action_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic text COLLATE "C" NOT NULL,
    partition integer NOT NULL,
    record_offset bigint NOT NULL,
    action text NOT NULL CHECK (action IN ('redriven', 'refused', 'discarded')),
    at_ms bigint NOT NULL,
    who text NOT NULL,
    reason text,
    new_partition integer, -- where the record was published again
    new_offset bigint,
    resume_id bigint -- the resumption that made its ledger row history: another record has this place now
);
CREATE INDEX ON nianshen.dead_letter_action (topic, partition, record_offset);

-- Each resumption of a halted partition: what was known, who accepted it, and what was given up by it.
CREATE TABLE nianshen.partition_resume (
    resume_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic text COLLATE "C" NOT NULL,
    partition integer NOT NULL,
    at_ms bigint NOT NULL,
    who text NOT NULL,
    reason text,
    halted text NOT NULL, -- why it had stood still
    next_before bigint NOT NULL,
    next_after bigint NOT NULL, -- higher: the offsets between were never read; lower: other records stand now where these had been consumed
    superseded bigint NOT NULL -- ledger rows of such records
);

-- Ledger rows of records that a topic made anew does not have any more. Their effects stay.
CREATE TABLE nianshen.ledger_superseded (
    resume_id bigint NOT NULL REFERENCES nianshen.partition_resume,
    LIKE nianshen.ledger,
    PRIMARY KEY (resume_id, record_offset)
);

-- Units with a record that our own SQL could not digest: their records are held until `unit release`, all others go on. A released unit stays here
-- until the owners of its partitions have applied what was held, each topic in its order.
CREATE TABLE nianshen.held_unit (
    unit text COLLATE "C" PRIMARY KEY,
    since_ms bigint NOT NULL,
    released_ms bigint
);

-- Outcomes and dead letters, written with the effects and published by the owner of the partition that caused them. A dead letter's bytes are not
-- here: the publisher reads the record again from its topic.
CREATE TABLE nianshen.outbox (
    outbox_id bigint GENERATED ALWAYS AS IDENTITY,
    topic text COLLATE "C" NOT NULL,
    partition integer NOT NULL,
    kind text NOT NULL CHECK (kind IN ('outcome', 'dead-letter')),
    record_offset bigint, -- dead letters
    code text,
    text text,
    unit text COLLATE "C",
    ce_type text,
    ce_id text COLLATE "C",
    ce_time_ms bigint,
    ce_causationid text,
    body text,
    published_ms bigint -- of a dead letter, and of an outcome that was published before one with a smaller id; of others, outbox_position tells it
);
-- The only one with the outbox_id in it. By an index that begins with it the planner would take what waits in the order it wants, at a price that the statistics
-- call less (such rows stand side by side), and go through everything that other partitions were told.
CREATE UNIQUE INDEX ON nianshen.outbox (topic, partition, outbox_id) WHERE published_ms IS NULL;
-- One outcome of a kind for each judged event, whatever is repeated.
CREATE UNIQUE INDEX ON nianshen.outbox (ce_id) WHERE kind = 'outcome';
CREATE INDEX ON nianshen.outbox (topic, partition, record_offset) WHERE kind = 'dead-letter';

-- How far the outbox of a partition is published. Not in kafka_partition: a micro-batch tells it of partitions whose positions it does not move and, so, does
-- not lock.
CREATE TABLE nianshen.outbox_position (
    topic text COLLATE "C" NOT NULL,
    partition integer NOT NULL,
    published_to bigint NOT NULL, -- the outbox_id; what has it or a smaller one is published
    PRIMARY KEY (topic, partition)
);

RESET ROLE;
