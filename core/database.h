/*
 * PostgreSQL, as the rest of the programs see it. Only the files core/database*.c include libpq-fe.h. The connection
 * comes from libpq's own PG* variables and service file; a program adds only its application_name, and time limits where the user
 * has set none. Parameters travel in binary format; answers in text, those of pipelines in binary format.
 */
#ifndef NIANSHEN_CORE_DATABASE_H
#define NIANSHEN_CORE_DATABASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/fault.h"

struct database;
struct database_result;
struct database_query;

/*
 * Opens a connection, trying again for up to `timeout_ms`. An absent server is FAULT_RETRY, exit status EX_UNAVAILABLE; a refused login, an
 * unknown database, settings that can't be used, a server older than 15 or not in UTF-8 FAULT_FATAL, EX_CONFIG, at once. The text names
 * host, port and remedy, never a password.
 */
struct database *database_open(const char *application_name, int timeout_ms, struct fault *fault);
/* The same, to another database of that server. */
struct database *database_open_other(const char *application_name, const char *database_name, int timeout_ms, struct fault *fault);
/*
 * One attempt without waiting: call database_poll until it is no longer DATABASE_BUSY (it gives up after connect_timeout, 10 s unless
 * the user sets PGCONNECT_TIMEOUT). NULL when the attempt has failed already. Looking up a host's name may wait.
 */
struct database *database_open_start(const char *application_name, struct fault *fault);
void database_close(struct database *database);
/* For poll(2); -1 when there is none. `wants_write` says which readiness to wait for. */
int database_socket(const struct database *database, bool *wants_write);

/* ---- a query: SQL text and binary parameters, built in order ($1, $2, …) ---- */

/*
 * `sql` is borrowed and must outlive the query. Reset keeps the buffers. At most 64 parameters (more is a bug: an assertion) of 256 MiB
 * together (more, or memory that is out, is reported by database_send). NULL when memory is out.
 */
struct database_query *query_new(void);
void query_free(struct database_query *query);
void query_reset(struct database_query *query, const char *sql);
void query_null(struct database_query *query); /* a null of any type */
void query_text(struct database_query *query, const char *text); /* NULL gives null */
void query_int4(struct database_query *query, int32_t value);
void query_int8(struct database_query *query, int64_t value);
void query_bool(struct database_query *query, bool value);
void query_bytea(struct database_query *query, const void *bytes, size_t count);
/* Arrays: open one, add its elements, go on with the next parameter. A NULL pointer element is null. */
void query_text_array(struct database_query *query);
void query_int4_array(struct database_query *query);
void query_int8_array(struct database_query *query);
void query_bool_array(struct database_query *query);
void query_bytea_array(struct database_query *query);
void query_add_text(struct database_query *query, const char *text, size_t length);
void query_add_int4(struct database_query *query, int32_t value);
void query_add_int8(struct database_query *query, int64_t value);
void query_add_bool(struct database_query *query, bool value);
void query_add_bytea(struct database_query *query, const void *bytes, size_t count);
void query_add_null(struct database_query *query);
size_t query_bytes(const struct database_query *query); /* size of all parameters */

/* ---- running ---- */

enum database_state { DATABASE_BUSY, DATABASE_READY, DATABASE_FAILED };

/* Starts the query; only one at a time. The query may be reused after database_poll says READY or FAILED. */
bool database_send(struct database *database, const struct database_query *query, struct fault *fault);
/*
 * Moves connection, query and answer forward without waiting. DATABASE_READY: connected, or `*result` (caller frees; NULL throws it away)
 * holds the answer; also when nothing is running and the connection is well. DATABASE_FAILED: the fault has code "sqlstate-XXXXX" or
 * "database-lost"; kind by SQLSTATE: classes 08 40 53 57 58, 25006, 55P03 → FAULT_RETRY; classes 22 23 54 (a record our own SQL can't
 * digest), NS001 (fenced), NS002 (a rule refuses, EX_DATAERR) → FAULT_REJECT; all others FAULT_FATAL (42501: EX_NOPERM). Row values are
 * never in the text: SQLSTATE, the constraint's name, the primary message where PostgreSQL names no values in it, and of our own RAISEs
 * (NS…) message and hint.
 */
enum database_state database_poll(struct database *database, struct database_result **result, struct fault *fault);
/*
 * Send and wait up to `timeout_ms` (-1: as long as it takes; a dead connection is noticed all the same). After a time-out (code
 * database-timeout) the connection counts as lost.
 */
bool database_run(struct database *database, const struct database_query *query, int timeout_ms, struct database_result **result,
                  struct fault *fault);
/*
 * The two halves of waiting for what database_send started: flush returns when the server has all of it, and so can work on it while the
 * caller does something else; await returns with the answer, as database_run does.
 */
bool database_flush(struct database *database, struct fault *fault);
bool database_await(struct database *database, int timeout_ms, struct database_result **result, struct fault *fault);
/*
 * Runs a script of several statements, as long as it takes: all or nothing, within the open transaction or else in one of its own. For
 * BEGIN and COMMIT, migrations and the like.
 */
bool database_run_script(struct database *database, const char *script, struct fault *fault);
/*
 * COPY table FROM STDIN in text format: start, rows (NULL: null), end. What the server refuses may be reported by a later row or the end.
 * After a failure close the connection. For bulk loads by ops.
 */
bool database_copy_start(struct database *database, const char *sql, struct fault *fault);
bool database_copy_row(struct database *database, const char *const *values, size_t count, struct fault *fault);
/* Lines that are in COPY's text format already, each with its newline. */
bool database_copy_lines(struct database *database, const char *lines, size_t bytes, struct fault *fault);
bool database_copy_end(struct database *database, struct fault *fault);
/*
 * COPY … TO STDOUT in text format: start it with database_copy_start, then read line by line, each with its newline; `*bytes` 0 after the
 * last. A line is borrowed until the next call. A COPY that is not read to its end makes the connection useless: close it.
 */
bool database_copy_read(struct database *database, const char **line, size_t *bytes, struct fault *fault);
/* ---- pipelines: several statements in one round trip ---- */

/*
 * Each statement is prepared once a session, when it is first added, and known by its address: statements are static. At most 64 of them,
 * as many a pipeline. Add them one after the other (the query's bytes are copied; NULL: no parameters), end the pipeline, then
 * database_poll: READY when all have answered, FAILED with the first error; the server skips the statements behind it. Outside BEGIN and
 * COMMIT, which are statements like others, a pipeline is one transaction. When adding fails close the connection: a part may be on its
 * way.
 *
 * Answers are in binary format: the accessors below know both. Prepared statements need a session of one's own: no pooler by transaction.
 */
struct database_statement {
    const char *name, *sql;
};
bool database_pipeline_add(struct database *database, const struct database_statement *statement, const struct database_query *parameters,
                           struct fault *fault);
bool database_pipeline_end(struct database *database, struct fault *fault);
/* The answer of the statement added as number `index`, from 0; the caller frees it. NULL: it was taken already. */
struct database_result *database_pipeline_take(struct database *database, size_t index);

/* True when the connection is lost and must be opened anew. */
bool database_is_lost(const struct database *database);

/* ---- answers ---- */

void result_free(struct database_result *result);
size_t result_rows(const struct database_result *result);
size_t result_columns(const struct database_result *result);
const char *result_column_name(const struct database_result *result, size_t column);
bool result_is_null(const struct database_result *result, size_t row, size_t column);
/* Of a text in both formats, of other types in text format only; NUL-terminated. Borrowed until result_free. */
const char *result_text(const struct database_result *result, size_t row, size_t column);
int64_t result_int8(const struct database_result *result, size_t row, size_t column);
bool result_bool(const struct database_result *result, size_t row, size_t column);
size_t result_bytes(const struct database_result *result, size_t row, size_t column); /* size of the value as it came */
/* A bytea column: in binary format as it came, else decoded into memory that the result owns. NULL when it is null, and when there is no
 * memory left. */
const void *result_bytea(struct database_result *result, size_t row, size_t column, size_t *bytes);

/* An array of one dimension in binary format, read element by element; a null one is like an empty one. Borrows from the result. */
struct database_array {
    uint32_t left; /* elements not read yet */
    const char *at, *end;
};
struct database_array result_array(const struct database_result *result, size_t row, size_t column);
bool array_next(struct database_array *array, const char **bytes, size_t *count); /* `bytes` NULL: a null; they end without a NUL */
bool array_next_int8(struct database_array *array, int64_t *value);

/*
 * Compares nianshen.schema_version() with the version built in: FAULT_FATAL, EX_CONFIG, code schema-version, remedy `nianshen-ops migrate`.
 * Sets for the session what the programs rely on, whatever the database or the role has as its defaults: isolation, strings, date style.
 */
bool database_schema_fits(const struct database *database, const char *version, struct fault *fault); /* the comparison alone */
bool database_require_schema(struct database *database, int timeout_ms, struct fault *fault);

#endif
