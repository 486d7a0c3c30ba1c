-- Small pure helpers, and what the programs ask first.

-- The moment of what has not ended.
CREATE OR REPLACE FUNCTION nianshen.forever_ms() RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT 9223372036854775807 $$;

-- The clock, for bookkeeping and for dating reference changes; never in a verdict.
CREATE OR REPLACE FUNCTION nianshen.now_ms() RETURNS bigint
LANGUAGE sql VOLATILE AS $$ SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint $$;

CREATE OR REPLACE FUNCTION nianshen.moment_of(p_ms bigint) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT to_timestamp(p_ms / 1000.0) $$;

-- At most so many findings are kept a chunk, and shown a submission.
CREATE OR REPLACE FUNCTION nianshen.row_finding_cap() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT 1000 $$;

-- As text_mask_id in core/text.h: 3 + masked + 4 of fifteen characters and more, else the first and the last.
CREATE OR REPLACE FUNCTION nianshen.mask_id(p_text text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE
        WHEN length(p_text) >= 15 THEN left(p_text, 3) || repeat('*', least(length(p_text) - 7, 33)) || right(p_text, 4)
        WHEN length(p_text) > 2 THEN left(p_text, 1) || repeat('*', length(p_text) - 2) || right(p_text, 1)
        ELSE repeat('*', length(p_text))
    END
$$;

CREATE OR REPLACE FUNCTION nianshen.mask_mobile(p_text text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE WHEN length(p_text) = 11 THEN left(p_text, 3) || '****' || right(p_text, 4) ELSE nianshen.mask_id(p_text) END
$$;

-- The birth date of a normalised 18-character number: its characters 7 to 14. Null for any other key.
CREATE OR REPLACE FUNCTION nianshen.id_birth_date(p_key text) RETURNS date
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    IF p_key !~ '^\d{17}[\dX]$' THEN
        RETURN NULL;
    END IF;
    RETURN make_date(substr(p_key, 7, 4)::int, substr(p_key, 11, 2)::int, substr(p_key, 13, 2)::int);
EXCEPTION WHEN datetime_field_overflow THEN
    RETURN NULL; -- malformed, yet listed as the roster has it
END
$$;

-- "what is wrong; what to do" in one language, with the placeholders filled.
CREATE OR REPLACE FUNCTION nianshen.code_text(p_code text, p_zh boolean, p_position integer DEFAULT NULL, p_expected text DEFAULT NULL,
                                              p_field text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN (
        SELECT replace(replace(replace(
                   CASE WHEN p_zh THEN c.zh || '；' || c.remedy_zh ELSE c.en || '; ' || c.remedy_en END,
                   '{position}', coalesce(p_position::text, '?')),
                   '{expected}', coalesce(p_expected, '?')),
                   '{field}', coalesce(p_field, '?'))
        FROM nianshen.code c WHERE c.code = p_code);
END
$$;

CREATE OR REPLACE FUNCTION nianshen.schema_version() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = nianshen, pg_temp AS $$ SELECT version FROM nianshen.schema_release $$;

CREATE OR REPLACE FUNCTION nianshen.schema_version_set(p_version text) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO nianshen.schema_release (version) VALUES (p_version) ON CONFLICT (only_row) DO UPDATE SET version = excluded.version;
    INSERT INTO nianshen.release (version, since_ms) SELECT p_version, nianshen.now_ms()
    WHERE NOT EXISTS (SELECT FROM nianshen.release r WHERE r.version = p_version)
$$;

-- Under which release verdicts are made now.
CREATE OR REPLACE FUNCTION nianshen.current_release() RETURNS integer
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT r.release FROM nianshen.schema_release s JOIN nianshen.release r ON r.version = s.version);
END
$$;

CREATE OR REPLACE FUNCTION nianshen.audit(p_action text, p_unit text, p_detail text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = nianshen, pg_temp AS $$
    INSERT INTO nianshen.audit_log (at_ms, who, action, unit, detail) VALUES (nianshen.now_ms(), session_user, p_action, p_unit, p_detail)
$$;
