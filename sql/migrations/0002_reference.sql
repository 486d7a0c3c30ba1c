-- Reference data: what the events are judged against. All of it is dated in whole milliseconds and read as of a record's append
-- time (a submission's rows: as of the campaign's opening), so that a rebuild judges as the worker did.

SET LOCAL ROLE nianshen_owner;

-- One row, the date of the last change of reference data: two changes never have the same, however soon one follows the other.
CREATE TABLE nianshen.reference_change (last_ms bigint NOT NULL);
INSERT INTO nianshen.reference_change VALUES (0);

CREATE TABLE nianshen.failure_reason (
    reason text COLLATE "C" PRIMARY KEY,
    zh text NOT NULL,
    en text NOT NULL
);
INSERT INTO nianshen.failure_reason VALUES
    ('retired', '退休', 'retired'),
    ('left', '离职', 'left the employer'),
    ('deceased', '死亡', 'deceased');

CREATE TABLE nianshen.campaign_term (
    year integer PRIMARY KEY,
    opens_ms bigint NOT NULL,
    closes_ms bigint NOT NULL, -- forever_ms() while no end is set
    salt bytea NOT NULL, -- prefixes every digest, so that a short list can't be guessed from it; empty when purged, so that nobody can at all
    purge_until_ms bigint, -- a purge has begun: what was appended before this goes from the topics
    purged_ms bigint, -- when it was done
    CHECK (opens_ms < closes_ms),
    CHECK (closes_ms <= purge_until_ms),
    CHECK (purged_ms IS NULL OR purge_until_ms IS NOT NULL)
);

-- The profile that is valid now: as it was last loaded, and over it what approvals changed since.
CREATE TABLE nianshen.unit_profile (
    unit text COLLATE "C" PRIMARY KEY,
    created_ms bigint NOT NULL,
    name text NOT NULL,
    credit_code text,
    address text,
    contact_name text,
    contact_mobile text,
    loaded jsonb NOT NULL, -- these five fields as loaded
    loaded_ms bigint NOT NULL -- a decision that was appended before it changes nothing
);

CREATE TABLE nianshen.unit_superior (
    unit text COLLATE "C" NOT NULL REFERENCES nianshen.unit_profile,
    superior text COLLATE "C" NOT NULL,
    valid_from_ms bigint NOT NULL,
    valid_until_ms bigint NOT NULL,
    PRIMARY KEY (unit, valid_until_ms),
    CHECK (valid_from_ms < valid_until_ms)
);

CREATE TABLE nianshen.reviewer_term (
    reviewer text COLLATE "C" NOT NULL,
    superior text COLLATE "C" NOT NULL,
    name text,
    valid_from_ms bigint NOT NULL,
    valid_until_ms bigint NOT NULL,
    PRIMARY KEY (reviewer, superior, valid_until_ms),
    CHECK (valid_from_ms < valid_until_ms)
);

-- One row a version of a membership. An enrolment is one membership from joining to removal, whatever is corrected meanwhile; a person who
-- joins again gets another. The current version is valid until forever.
CREATE SEQUENCE nianshen.enrolment_seq;
CREATE TABLE nianshen.membership (
    enrolment bigint NOT NULL,
    unit text COLLATE "C" NOT NULL REFERENCES nianshen.unit_profile,
    member_no text COLLATE "C" NOT NULL,
    -- The normalised number, or the trimmed text where id_code says that it is malformed. Lists of keys are compared as texts with a newline between them.
    id_key text COLLATE "C" NOT NULL CHECK (strpos(id_key, E'\n') = 0),
    id_code text,
    name text,
    gender text CHECK (gender IN ('M', 'F')),
    id_type text CHECK (id_type IN ('resident', 'hmt-permit', 'foreigner', 'other')),
    id_number text NOT NULL,
    id_valid_until text,
    mobile text,
    enrolled_ms bigint NOT NULL,
    valid_from_ms bigint NOT NULL,
    valid_until_ms bigint NOT NULL,
    PRIMARY KEY (enrolment, valid_until_ms),
    UNIQUE (unit, id_key, valid_until_ms) INCLUDE (valid_from_ms, enrolment), -- all that comparing a list with a range needs
    -- Not led by the unit: a plan made while the table was empty could take this index for a range of keys, and read the whole unit for each.
    UNIQUE (member_no, unit, valid_until_ms)
);

-- The archive: the last version of a removed membership, with why and by which decision. An enrolment is gone when it stands here.
CREATE TABLE nianshen.removed_member (
    LIKE nianshen.membership,
    year integer NOT NULL,
    submission text COLLATE "C" NOT NULL,
    reason text COLLATE "C" NOT NULL,
    decision_source text COLLATE "C" NOT NULL,
    decision text COLLATE "C" NOT NULL,
    removed_ms bigint NOT NULL,
    PRIMARY KEY (enrolment)
);
CREATE INDEX ON nianshen.removed_member (unit, id_key);
CREATE INDEX ON nianshen.removed_member (member_no, unit);

-- Where `roster load` copies its files to before they are merged in one statement each.
CREATE SEQUENCE nianshen.load_seq;
CREATE UNLOGGED TABLE nianshen.staging_unit (
    load_id bigint NOT NULL,
    line bigint NOT NULL,
    unit text COLLATE "C",
    name text,
    superior text COLLATE "C",
    credit_code text,
    address text,
    contact_name text,
    contact_mobile text
);
CREATE UNLOGGED TABLE nianshen.staging_member (
    load_id bigint NOT NULL,
    line bigint NOT NULL,
    unit text COLLATE "C",
    member_no text COLLATE "C",
    name text,
    gender text,
    id_type text,
    id_number text,
    id_key text COLLATE "C",
    id_code text,
    id_valid_until text,
    mobile text
);

RESET ROLE;
