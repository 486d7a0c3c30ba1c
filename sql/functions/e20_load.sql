-- What a micro-batch loads. Each function takes arrays, one place a review (unit and year, in that order) or an event, and is asked in one round trip with
-- all others. `n` is the place of the review, from 1. OFFSET 0 has each place looked up by its key: the plans are kept from a time when the tables may be
-- empty, and joined freely one of them could read a whole table.

-- kind 0: a campaign (year; opens, closes; salt; purged). 1: a reviewer's term (text, other; from, until). 2: a failure reason (text).
CREATE OR REPLACE FUNCTION nianshen_engine.load_reference(p_year integer[], p_reviewer text[])
RETURNS TABLE (kind integer, year integer, text text, other text, from_ms bigint, until_ms bigint, salt bytea, is_purged boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = nianshen, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT 0, c.year, NULL, NULL, c.opens_ms, c.closes_ms, c.salt, c.purge_until_ms IS NOT NULL
                 FROM (SELECT unnest(p_year) AS year) p CROSS JOIN LATERAL (SELECT * FROM campaign_term c WHERE c.year = p.year OFFSET 0) c;
    IF cardinality(p_reviewer) > 0 THEN
        RETURN QUERY SELECT 1, NULL::integer, r.reviewer, r.superior, r.valid_from_ms, r.valid_until_ms, NULL::bytea, NULL::boolean
                     FROM (SELECT unnest(p_reviewer) AS reviewer) p
                     CROSS JOIN LATERAL (SELECT * FROM reviewer_term r WHERE r.reviewer = p.reviewer OFFSET 0) r
                     ORDER BY r.reviewer, r.superior, r.valid_from_ms;
    END IF;
    RETURN QUERY SELECT 2, NULL::integer, f.reason, NULL, NULL::bigint, NULL::bigint, NULL::bytea, NULL::boolean FROM failure_reason f;
END
$$;

-- kind 0: the unit, and where p_is_decided once for each superior it had (from, until). 1: a limit (kind's number in `number`, at most `most`). 2: it is held.
-- p_is_again: the micro-batch brings what was held of a released unit; new records of such a unit wait until nothing of it is held.
CREATE OR REPLACE FUNCTION nianshen_engine.load_units(p_unit text[], p_is_decided boolean[], p_is_again boolean)
RETURNS TABLE (n integer, kind integer, created_ms bigint, superior text, from_ms bigint, until_ms bigint, number integer, most integer)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = nianshen, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT p.n, 0, u.created_ms, s.superior, s.valid_from_ms, s.valid_until_ms, NULL::integer, NULL::integer
    FROM (SELECT unnest(p_unit) AS unit, unnest(p_is_decided) AS is_decided, generate_subscripts(p_unit, 1) AS n) p
    CROSS JOIN LATERAL (SELECT u.created_ms FROM unit_profile u WHERE u.unit = p.unit OFFSET 0) u
    LEFT JOIN LATERAL (SELECT s.superior, s.valid_from_ms, s.valid_until_ms FROM unit_superior s WHERE p.is_decided AND s.unit = p.unit OFFSET 0) s ON true;
    IF EXISTS (SELECT FROM nianshen_engine.unit_limit) THEN
        RETURN QUERY
        SELECT p.n, 1, NULL::bigint, NULL, l.valid_from_ms, l.valid_until_ms,
               CASE l.kind WHEN 'unit-reviews' THEN 0 WHEN 'submissions' THEN 1 ELSE 2 END, l.most
        FROM (SELECT unnest(p_unit) AS unit, generate_subscripts(p_unit, 1) AS n) p
        CROSS JOIN LATERAL (SELECT l.* FROM nianshen_engine.unit_limit l WHERE l.unit = p.unit OFFSET 0) l;
    END IF;
    IF EXISTS (SELECT FROM nianshen_engine.held_unit) THEN
        RETURN QUERY
        SELECT p.n, 2, NULL::bigint, NULL, NULL::bigint, NULL::bigint, NULL::integer, NULL::integer
        FROM (SELECT unnest(p_unit) AS unit, generate_subscripts(p_unit, 1) AS n) p
        CROSS JOIN LATERAL (SELECT h.released_ms FROM nianshen_engine.held_unit h WHERE h.unit = p.unit OFFSET 0) h
        WHERE h.released_ms IS NULL
            OR (NOT p_is_again AND EXISTS (SELECT FROM nianshen_engine.ledger_exception e WHERE e.unit = p.unit AND e.kind = 'held' OFFSET 0));
    END IF;
END
$$;

-- The first p_most of each review: nearly always all. Where there are so many, load_named_unit_reviews is asked instead.
CREATE OR REPLACE FUNCTION nianshen_engine.load_unit_reviews(p_unit text[], p_year integer[], p_most integer)
RETURNS TABLE (n integer, source text, event_id text, record_offset bigint, append_ms bigint, content_sha256 bytea, submitted_by text, name text,
               credit_code text, address text, contact_name text, contact_mobile text, code text, count bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = nianshen_engine, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT p.n, r.source, r.event_id, r.record_offset, r.append_ms, r.content_sha256, r.submitted_by, r.name, r.credit_code, r.address, r.contact_name,
           r.contact_mobile, r.code, NULL::bigint
    FROM (SELECT unnest(p_unit) AS unit, unnest(p_year) AS year, generate_subscripts(p_unit, 1) AS n) p
    CROSS JOIN LATERAL (SELECT r.* FROM unit_review r WHERE r.unit = p.unit AND r.year = p.year LIMIT p_most) r;
END
$$;

-- Of the reviews p_review: those that events name (e_) or that their submissions name; and how many there are, a row without id.
CREATE OR REPLACE FUNCTION nianshen_engine.load_named_unit_reviews(p_unit text[], p_year integer[], p_review integer[], e_review integer[], e_source text[],
                                                                   e_id text[])
RETURNS TABLE (n integer, source text, event_id text, record_offset bigint, append_ms bigint, content_sha256 bytea, submitted_by text, name text,
               credit_code text, address text, contact_name text, contact_mobile text, code text, count bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = nianshen_engine, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT w.n, r.source, r.event_id, r.record_offset, r.append_ms, r.content_sha256, r.submitted_by, r.name, r.credit_code, r.address, r.contact_name,
           r.contact_mobile, r.code, NULL::bigint
    FROM (SELECT e.n, e.source, e.id FROM (SELECT unnest(e_review) AS n, unnest(e_source) AS source, unnest(e_id) AS id) e WHERE e.n = ANY (p_review)
          UNION
          SELECT p.n, s.source, s.unit_review FROM (SELECT unnest(p_review) AS n) p
          CROSS JOIN LATERAL (SELECT s.source, s.unit_review FROM submission s WHERE s.unit = p_unit[p.n] AND s.year = p_year[p.n] OFFSET 0) s) AS w (n, source, id)
    CROSS JOIN LATERAL (SELECT r.* FROM unit_review r
                        WHERE r.unit = p_unit[w.n] AND r.year = p_year[w.n] AND r.source = w.source AND r.event_id = w.id OFFSET 0) r;
    RETURN QUERY
    SELECT p.n, NULL, NULL, NULL::bigint, NULL::bigint, NULL::bytea, NULL, NULL, NULL, NULL, NULL, NULL, NULL, c.count
    FROM (SELECT unnest(p_review) AS n) p
    CROSS JOIN LATERAL (SELECT count(*) FROM unit_review r WHERE r.unit = p_unit[p.n] AND r.year = p_year[p.n]) c;
END
$$;

-- All of them. What is wide comes only where it can be needed: of waiting ones, and of pending ones where p_is_decided.
CREATE OR REPLACE FUNCTION nianshen_engine.load_submissions(p_unit text[], p_year integer[], p_is_decided boolean[])
RETURNS TABLE (n integer, submission text, source text, unit_review text, submitted_by text, mode text, chunks integer, entries_total integer,
               received integer, is_in_campaign boolean, first_offset bigint, first_ms bigint, completed_offset bigint, completed_ms bigint,
               completed_by text, content_sha256 bytea, state text, code text, row_code text, listed integer, passed integer, failed integer,
               errors_total integer, warnings_total integer, digest bytea, decided_ms bigint, is_wide boolean, findings text,
               failing_enrolments bigint[], failing_reasons text[], failing_warnings text[], failed_json text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = nianshen_engine, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT p.n, s.submission, s.source, s.unit_review, s.submitted_by, s.mode, s.chunks, s.entries_total, s.received, s.is_in_campaign,
           s.first_offset, s.first_ms, s.completed_offset, s.completed_ms, s.completed_by, s.content_sha256, s.state, s.code, s.row_code, s.listed, s.passed,
           s.failed, s.errors_total, s.warnings_total, s.digest, s.decided_ms, s.is_wide,
           CASE WHEN s.is_wide THEN s.findings END, CASE WHEN s.is_wide THEN s.failing_enrolments END, CASE WHEN s.is_wide THEN s.failing_reasons END,
           CASE WHEN s.is_wide THEN s.failing_warnings END, CASE WHEN s.is_wide THEN s.failed_json END
    FROM (SELECT unnest(p_unit) AS unit, unnest(p_year) AS year, unnest(p_is_decided) AS is_decided,
              generate_subscripts(p_unit, 1) AS n) p
    CROSS JOIN LATERAL (SELECT s.*, s.state = 'waiting' OR (p.is_decided AND s.state = 'pending') AS is_wide
                        FROM submission s WHERE s.unit = p.unit AND s.year = p.year OFFSET 0) s;
END
$$;

-- Chunks whose id events name (i_) or whose number in their submission (c_); and, with their rows, all chunks of submissions that have all of them when
-- s_count more arrive; and repeated chunks of these ids: number null, no submission.
CREATE OR REPLACE FUNCTION nianshen_engine.load_chunks(p_unit text[], p_year integer[], i_review integer[], i_source text[], i_id text[],
    c_review integer[], c_submission text[], c_number integer[], s_review integer[], s_submission text[], s_count integer[])
RETURNS TABLE (n integer, submission text, chunk integer, source text, event_id text, record_offset bigint, append_ms bigint, content_sha256 bytea,
               is_in_campaign boolean, rows bytea)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = nianshen_engine, pg_temp AS $$
#variable_conflict use_column
BEGIN
    IF cardinality(s_review) > 0 THEN
        RETURN QUERY
        SELECT w.n, c.submission, c.chunk, c.source, c.event_id, c.record_offset, c.append_ms, c.content_sha256, c.is_in_campaign, c.rows
        FROM (SELECT unnest(s_review) AS n, unnest(s_submission) AS submission, unnest(s_count) AS count) w
        CROSS JOIN LATERAL (SELECT s.received, s.chunks FROM submission s
                            WHERE s.unit = p_unit[w.n] AND s.year = p_year[w.n] AND s.submission = w.submission AND s.completed_offset IS NULL OFFSET 0) s
        CROSS JOIN LATERAL (SELECT c.* FROM chunk c WHERE c.unit = p_unit[w.n] AND c.year = p_year[w.n] AND c.submission = w.submission OFFSET 0) c
        WHERE s.received + w.count >= s.chunks;
        RETURN QUERY
        SELECT e.n, c.submission, c.chunk, c.source, c.event_id, c.record_offset, c.append_ms, c.content_sha256, c.is_in_campaign, NULL::bytea
        FROM (SELECT unnest(c_review) AS n, unnest(c_submission) AS submission, unnest(c_number) AS number) e
        CROSS JOIN LATERAL (SELECT c.* FROM chunk c
                            WHERE c.unit = p_unit[e.n] AND c.year = p_year[e.n] AND c.submission = e.submission AND c.chunk = e.number OFFSET 0) c;
    END IF;
    RETURN QUERY
    SELECT e.n, c.submission, c.chunk, c.source, c.event_id, c.record_offset, c.append_ms, c.content_sha256, c.is_in_campaign, NULL::bytea
    FROM (SELECT unnest(i_review) AS n, unnest(i_source) AS source, unnest(i_id) AS id) e
    CROSS JOIN LATERAL (SELECT c.* FROM chunk c
                        WHERE c.unit = p_unit[e.n] AND c.year = p_year[e.n] AND c.source = e.source AND c.event_id = e.id OFFSET 0) c;
    RETURN QUERY
    SELECT e.n, NULL, NULL::integer, r.source, r.event_id, r.record_offset, r.append_ms, r.content_sha256, NULL::boolean, NULL::bytea
    FROM (SELECT unnest(i_review) AS n, unnest(i_source) AS source, unnest(i_id) AS id) e
    CROSS JOIN LATERAL (SELECT r.* FROM repeated_chunk r
                        WHERE r.unit = p_unit[e.n] AND r.year = p_year[e.n] AND r.source = e.source AND r.event_id = e.id OFFSET 0) r;
END
$$;

-- The first p_most of each review, as of unit reviews.
CREATE OR REPLACE FUNCTION nianshen_engine.load_decisions(p_unit text[], p_year integer[], p_most integer)
RETURNS TABLE (n integer, source text, event_id text, submission text, record_offset bigint, append_ms bigint, content_sha256 bytea, kind text, digest text,
               superior text, reviewer text, submitted_by text, comment text, verdict text, code text, is_counted boolean, counted bigint,
               withdrawals bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = nianshen_engine, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT p.n, d.source, d.event_id, d.submission, d.record_offset, d.append_ms, d.content_sha256, d.kind, d.digest, d.superior, d.reviewer,
           d.submitted_by, d.comment, d.verdict, d.code, d.is_counted, NULL::bigint, NULL::bigint
    FROM (SELECT unnest(p_unit) AS unit, unnest(p_year) AS year, generate_subscripts(p_unit, 1) AS n) p
    CROSS JOIN LATERAL (SELECT d.* FROM decision d WHERE d.unit = p.unit AND d.year = p.year LIMIT p_most) d;
END
$$;

-- Of the reviews p_review: decisions that wait and those that events name; and how many count, a row for each source without id.
CREATE OR REPLACE FUNCTION nianshen_engine.load_named_decisions(p_unit text[], p_year integer[], p_review integer[], e_review integer[], e_source text[],
                                                                e_id text[])
RETURNS TABLE (n integer, source text, event_id text, submission text, record_offset bigint, append_ms bigint, content_sha256 bytea, kind text, digest text,
               superior text, reviewer text, submitted_by text, comment text, verdict text, code text, is_counted boolean, counted bigint,
               withdrawals bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = nianshen_engine, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT p.n, d.source, d.event_id, d.submission, d.record_offset, d.append_ms, d.content_sha256, d.kind, d.digest, d.superior, d.reviewer,
           d.submitted_by, d.comment, d.verdict, d.code, d.is_counted, NULL::bigint, NULL::bigint
    FROM (SELECT unnest(p_review) AS n) p
    CROSS JOIN LATERAL (SELECT d.* FROM decision d WHERE d.unit = p_unit[p.n] AND d.year = p_year[p.n] AND d.verdict = 'waiting' OFFSET 0) d;
    RETURN QUERY
    SELECT e.n, d.source, d.event_id, d.submission, d.record_offset, d.append_ms, d.content_sha256, d.kind, d.digest, d.superior, d.reviewer,
           d.submitted_by, d.comment, d.verdict, d.code, d.is_counted, NULL::bigint, NULL::bigint
    FROM (SELECT unnest(e_review) AS n, unnest(e_source) AS source, unnest(e_id) AS id) e
    CROSS JOIN LATERAL (SELECT d.* FROM decision d
                        WHERE d.unit = p_unit[e.n] AND d.year = p_year[e.n] AND d.source = e.source AND d.event_id = e.id OFFSET 0) d
    WHERE e.n = ANY (p_review) AND d.verdict <> 'waiting';
    RETURN QUERY
    SELECT p.n, d.source, NULL, NULL, NULL::bigint, NULL::bigint, NULL::bytea, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL::boolean,
           d.counted, d.withdrawals
    FROM (SELECT unnest(p_review) AS n) p
    CROSS JOIN LATERAL (SELECT d.source, count(*) FILTER (WHERE d.is_counted) AS counted, count(*) FILTER (WHERE d.kind = 'withdrawn') AS withdrawals
                        FROM decision d WHERE d.unit = p_unit[p.n] AND d.year = p_year[p.n] GROUP BY d.source) d;
END
$$;

-- Blocks of the campaign's roster, in order. Of p_how 2 all, of 1 those that meet the keys from p_first to p_last, of 0 none: the others come without content,
-- so that their members count. Of p_how -1 nothing, unless a submission of several chunks completes (s_): then all.
CREATE OR REPLACE FUNCTION nianshen_engine.load_roster(p_unit text[], p_year integer[], p_how integer[], p_first text[], p_last text[],
                                                       s_review integer[], s_submission text[], s_count integer[], s_chunks integer[])
RETURNS TABLE (n integer, members integer, content bytea)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = nianshen_engine, pg_temp AS $$
#variable_conflict use_column
DECLARE
    whole integer[] := '{}';
BEGIN
    IF cardinality(s_review) > 0 THEN
        whole := ARRAY(
            SELECT w.n FROM (SELECT unnest(s_review) AS n, unnest(s_submission) AS submission, unnest(s_count) AS count, unnest(s_chunks) AS chunks) w
            LEFT JOIN LATERAL (SELECT s.received, s.chunks, s.completed_offset FROM submission s
                               WHERE s.unit = p_unit[w.n] AND s.year = p_year[w.n] AND s.submission = w.submission OFFSET 0) s ON true
            WHERE coalesce(s.received, 0) + w.count >= coalesce(s.chunks, w.chunks) AND s.completed_offset IS NULL);
    END IF;
    RETURN QUERY
    SELECT p.n, b.members,
           CASE WHEN p.how = 2 OR (p.how = 1 AND b.first_key <= p.last AND b.last_key >= p.first) OR p.n = ANY (whole) THEN b.content END
    FROM (SELECT unnest(p_unit) AS unit, unnest(p_year) AS year, unnest(p_how) AS how, unnest(p_first) AS first,
              unnest(p_last) AS last, generate_subscripts(p_unit, 1) AS n) p
    CROSS JOIN LATERAL (SELECT b.* FROM roster_block b WHERE b.unit = p.unit AND b.year = p.year ORDER BY b.block OFFSET 0) b
    WHERE p.how >= 0 OR p.n = ANY (whole);
END
$$;

CREATE OR REPLACE FUNCTION nianshen_engine.load_roster_changes(p_unit text[], p_year integer[])
RETURNS TABLE (n integer, at_ms bigint, enrolment bigint, member_no text, id_key text, name text, was_key text, was_name text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = nianshen_engine, pg_temp AS $$
#variable_conflict use_column
BEGIN
    IF EXISTS (SELECT FROM roster_change) THEN
        RETURN QUERY
        SELECT p.n, c.at_ms, c.enrolment, c.member_no, c.id_key, c.name, c.was_key, c.was_name
        FROM (SELECT unnest(p_unit) AS unit, unnest(p_year) AS year, generate_subscripts(p_unit, 1) AS n) p
        CROSS JOIN LATERAL (SELECT c.* FROM roster_change c WHERE c.unit = p.unit AND c.year = p.year ORDER BY c.at_ms, c.enrolment OFFSET 0) c;
    END IF;
END
$$;

-- Who had one of these numbers and enrolled after the opening, and from when until when.
CREATE OR REPLACE FUNCTION nianshen_engine.load_later(p_unit text[], p_year integer[], k_review integer[], k_key text[])
RETURNS TABLE (n integer, id_key text, from_ms bigint, until_ms bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = nianshen, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT k.n, k.id_key, m.valid_from_ms, m.valid_until_ms
    FROM (SELECT unnest(k_review) AS n, unnest(k_key) AS id_key) k
    CROSS JOIN LATERAL (SELECT c.opens_ms FROM campaign_term c WHERE c.year = p_year[k.n] OFFSET 0) c
    CROSS JOIN LATERAL (SELECT m.valid_from_ms, m.valid_until_ms, m.enrolled_ms FROM membership m
                        WHERE m.unit = p_unit[k.n] AND m.id_key = k.id_key
                        UNION ALL
                        SELECT a.valid_from_ms, a.valid_until_ms, a.enrolled_ms FROM nianshen_engine.archive a
                        WHERE a.unit = p_unit[k.n] AND a.id_key = k.id_key OFFSET 0) m
    WHERE m.enrolled_ms >= c.opens_ms;
END
$$;
