-- The schema, the roles with the least each needs, and what the programs check before they start.
--
-- nianshen_owner     owns everything; the functions run with its rights
-- nianshen_worker    may only call the functions of the data path
-- nianshen_ops       roster, campaigns, reviewers, the views
-- nianshen_reviewer  reads the reviews, with masked numbers
--
-- The roles have no login: grant them to the logins of your own.

DO $$
DECLARE
    missing text;
BEGIN
    FOR missing IN
        SELECT name FROM unnest(ARRAY['nianshen_owner', 'nianshen_worker', 'nianshen_ops', 'nianshen_reviewer']) AS name
        WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)
    LOOP
        EXECUTE format('CREATE ROLE %I NOLOGIN', missing);
    END LOOP;
END
$$;

CREATE SCHEMA nianshen AUTHORIZATION nianshen_owner;
GRANT USAGE ON SCHEMA nianshen TO nianshen_worker, nianshen_ops, nianshen_reviewer;
SET LOCAL ROLE nianshen_owner;

CREATE TABLE nianshen.schema_migration (
    number integer PRIMARY KEY,
    name text NOT NULL,
    sha256 text NOT NULL,
    applied_ms bigint NOT NULL
);

-- One row: what the programs compare with the version they were built with.
CREATE TABLE nianshen.schema_release (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    version text NOT NULL
);

-- Each version that ever judged here. A verdict names its own, so that what a later release judges otherwise is not taken for damage.
CREATE TABLE nianshen.release (
    release integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    version text NOT NULL UNIQUE,
    since_ms bigint NOT NULL
);

-- Filled from schemas/codes.tsv by each migrate.
CREATE TABLE nianshen.code (
    code text COLLATE "C" PRIMARY KEY,
    kind text NOT NULL,
    zh text NOT NULL,
    en text NOT NULL,
    remedy_zh text NOT NULL,
    remedy_en text NOT NULL
);

-- Who looked at or exported personal data (PIPL Art. 51, 54).
CREATE TABLE nianshen.audit_log (
    audit bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at_ms bigint NOT NULL,
    who text NOT NULL,
    action text NOT NULL,
    unit text,
    detail text
);

RESET ROLE;
