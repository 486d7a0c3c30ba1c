-- What `verify` compares. Filled only in the scratch database in which it rebuilds; in a live one these stay empty.

SET LOCAL ROLE nianshen_owner;

-- The digest of each unit, as recorded in the live database and as rebuilt.
CREATE UNLOGGED TABLE nianshen.verify_unit (
    unit text COLLATE "C" PRIMARY KEY,
    recorded text,
    rebuilt text
);

-- The recorded rows of a unit whose digests differ: state_rows() of the live database.
CREATE UNLOGGED TABLE nianshen.verify_row (
    unit text COLLATE "C" NOT NULL,
    kind text NOT NULL,
    key text NOT NULL,
    fields text NOT NULL,
    submission text COLLATE "C",
    version text -- of the release that judged it
);

-- Units of which events were applied that their topics do not have any more, since a topic was made anew or truncated.
CREATE UNLOGGED TABLE nianshen.verify_lost (
    unit text COLLATE "C" NOT NULL
);

RESET ROLE;
