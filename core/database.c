#include "core/database.h"

#include <assert.h>
#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "core/database_internal.h"
#include "core/language.h"
#include "core/log.h"
#include "schema_version.h"

enum {
    CONNECT_RETRY_PAUSE_MS = 200,
    COPY_BUFFER_BYTES = 64 * 1024,
    STALL_TIMEOUT_MS = 60 * 1000, /* a server that takes no byte for so long is given up */
    WHERE_BYTES_MAX = 256,
    SERVER_VERSION_MIN = 150000,
};

static int64_t clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- connecting ---- */

/*
 * What we ask of a connection unless the user's environment or service file says otherwise: a dead server must be noticed within
 * half a minute, while TCP alone would wait for hours.
 */
struct connection_setting {
    const char *name;
    const char *value;
    bool is_ours; /* not the user's to change */
};

static const struct connection_setting connection_settings[] = {
    {"client_encoding", "UTF8", true},    {"connect_timeout", "10", false},    {"keepalives", "1", false},
    {"keepalives_idle", "10", false},     {"keepalives_interval", "5", false}, {"keepalives_count", "3", false},
    {"tcp_user_timeout", "20000", false},
};
enum { CONNECTION_SETTINGS = sizeof connection_settings / sizeof *connection_settings };

static bool user_has_set(const PQconninfoOption *defaults, const char *name)
{
    for (const PQconninfoOption *option = defaults; option != NULL && option->keyword != NULL; option++) {
        if (strcmp(option->keyword, name) == 0)
            return option->val != NULL && option->val[0] != '\0'; /* libpq has no values of its own for any of ours */
    }
    return false;
}

static PGconn *connection_begin(const char *application_name, const char *database_name)
{
    const char *names[CONNECTION_SETTINGS + 3];
    const char *values[CONNECTION_SETTINGS + 3];
    size_t count = 0;
    names[count] = "fallback_application_name";
    values[count++] = application_name;
    if (database_name != NULL) {
        names[count] = "dbname";
        values[count++] = database_name;
    }
    PQconninfoOption *defaults = PQconndefaults();
    for (size_t i = 0; i < CONNECTION_SETTINGS; i++) {
        if (!connection_settings[i].is_ours && user_has_set(defaults, connection_settings[i].name)) continue;
        names[count] = connection_settings[i].name;
        values[count++] = connection_settings[i].value;
    }
    PQconninfoFree(defaults);
    names[count] = NULL;
    values[count] = NULL;
    return PQconnectStartParams(names, values, 0);
}

/* "host db1 port 5432" or "socket /run/postgresql/.s.PGSQL.5432". */
static void connection_where(PGconn *connection, char *out, size_t out_bytes)
{
    const char *host = PQhost(connection);
    const char *port = PQport(connection);
    if (host == NULL || host[0] == '\0')
        snprintf(out, out_bytes, "the host of PGHOST");
    else if (host[0] == '/')
        snprintf(out, out_bytes, "socket %s/.s.PGSQL.%s", host, port);
    else
        snprintf(out, out_bytes, "host %s port %s", host, port);
}

static bool connection_fault(PGconn *connection, struct fault *fault)
{
    char where[WHERE_BYTES_MAX];
    connection_where(connection, where, sizeof where);
    return database_fault_of_connection(where, PQerrorMessage(connection), PQconnectionNeedsPassword(connection) != 0, fault);
}

/* Libpq honours connect_timeout only where it waits itself, so the waiting without it reads the same setting. */
static int64_t connection_timeout_ms(PGconn *connection)
{
    int64_t seconds = 0;
    PQconninfoOption *options = PQconninfo(connection);
    for (const PQconninfoOption *option = options; option != NULL && option->keyword != NULL; option++) {
        if (strcmp(option->keyword, "connect_timeout") == 0 && option->val != NULL) /* GCOV_EXCL_BR_LINE: libpq may have none, we set one */
            seconds = strtoll(option->val, NULL, 10);
    }
    PQconninfoFree(options);
    return seconds > 0 ? seconds * 1000 : INT32_MAX;
}

/* Notices of our functions are for a developer: conditions, never rows. */
static void notice_log(void *context, const PGresult *notice)
{
    (void)context;
    log_debug("database-notice", log_text("sqlstate", PQresultErrorField(notice, PG_DIAG_SQLSTATE)),
              log_text("message", PQresultErrorField(notice, PG_DIAG_MESSAGE_PRIMARY)));
}

/* `database_name` NULL: as the environment says. */
static struct database *database_open_start_other(const char *application_name, const char *database_name, struct fault *fault)
{
    struct database *database = calloc(1, sizeof *database);
    PGconn *connection = database == NULL ? NULL : connection_begin(application_name, database_name);
    if (connection == NULL) {
        free(database);
        fault_set(fault, FAULT_RETRY, EX_OSERR, "memory-out",
                  language_pick("连接 PostgreSQL 时内存不足", "out of memory while connecting to PostgreSQL"));
        return NULL;
    }
    database->connection = connection;
    if (PQstatus(connection) == CONNECTION_BAD) {
        connection_fault(connection, fault);
        database_close(database);
        return NULL;
    }
    database->phase = PHASE_CONNECTING;
    database->connect_wants = PGRES_POLLING_WRITING;
    database->connect_deadline_ms = clock_ms() + connection_timeout_ms(connection);
    /* Only at this verbosity does a refused connection name its SQLSTATE: libpq has no other way to ask for it. */
    PQsetErrorVerbosity(connection, PQERRORS_VERBOSE);
    PQsetNoticeReceiver(connection, notice_log, NULL);
    return database;
}

struct database *database_open_start(const char *application_name, struct fault *fault)
{
    return database_open_start_other(application_name, NULL, fault);
}

void database_close(struct database *database)
{
    if (database == NULL) return;
    result_free(database->answer);
    database_pipeline_clear(database);
    PQfreemem(database->line);
    PQfinish(database->connection);
    free(database->copy);
    free(database);
}

static bool socket_is_ready(int socket, short events, int timeout_ms)
{
    struct pollfd wait = {.fd = socket, .events = events};
    return poll(&wait, 1, timeout_ms) > 0;
}

/* What the programs rely on and a connection alone does not promise. */
static bool server_is_fit(PGconn *connection, struct fault *fault)
{
    int version = PQserverVersion(connection);
    if (version < SERVER_VERSION_MIN)
        return fault_set(fault, FAULT_FATAL, EX_CONFIG, "database-version",
                         language_pick("PostgreSQL 服务器的版本是 %d.%d；请使用 15 或更高版本",
                                       "the PostgreSQL server is version %d.%d; use 15 or later"),
                         version / 10000, version % 10000);
    const char *encoding = PQparameterStatus(connection, "server_encoding");
    if (encoding == NULL || strcmp(encoding, "UTF8") != 0)
        return fault_set(
            fault, FAULT_FATAL, EX_CONFIG, "database-encoding",
            language_pick("数据库 %s 的编码是 %s，不能保存所有姓名；请以 ENCODING 'UTF8' 创建数据库",
                          "the database %s has the encoding %s, which can not hold every name; create one with ENCODING 'UTF8'"),
            PQdb(connection), encoding == NULL ? "(unknown)" : encoding);
    return true;
}

static enum database_state database_poll_connect(struct database *database, struct fault *fault)
{
    short events = database->connect_wants == PGRES_POLLING_READING ? POLLIN : POLLOUT;
    /* Libpq takes an unfinished connect for a finished one when it is asked before the socket is ready. */
    if (!socket_is_ready(PQsocket(database->connection), events, 0)) {
        if (clock_ms() < database->connect_deadline_ms) return DATABASE_BUSY;
        char where[WHERE_BYTES_MAX];
        connection_where(database->connection, where, sizeof where);
        database->is_lost = true;
        fault_set(fault, FAULT_RETRY, EX_UNAVAILABLE, "database-absent",
                  language_pick("%s 处的 PostgreSQL 没有及时应答；请启动它，或设置 PGHOST 与 PGPORT",
                                "no PostgreSQL server answers at %s in time; start it, or set PGHOST and PGPORT"),
                  where);
        return DATABASE_FAILED;
    }
    database->connect_wants = (int)PQconnectPoll(database->connection);
    if (database->connect_wants == PGRES_POLLING_FAILED) {
        database->is_lost = true;
        connection_fault(database->connection, fault);
        return DATABASE_FAILED;
    }
    if (database->connect_wants != PGRES_POLLING_OK) return DATABASE_BUSY;
    if (!server_is_fit(database->connection, fault)) {
        database->is_lost = true;
        return DATABASE_FAILED;
    }
    PQsetnonblocking(database->connection, 1);
    database->phase = PHASE_IDLE;
    return DATABASE_READY;
}

/* Waits until the socket has what the connection waits for; false when the deadline (-1: none) has passed. */
static bool database_wait(const struct database *database, int64_t deadline_ms)
{
    bool wants_write = false;
    int socket = database_socket(database, &wants_write);
    short events = POLLIN;
    if (wants_write) events = (short)(database->phase == PHASE_CONNECTING ? POLLOUT : POLLIN | POLLOUT);
    for (;;) {
        int64_t left_ms = deadline_ms < 0 ? -1 : deadline_ms - clock_ms();
        if (deadline_ms >= 0 && left_ms <= 0) return false;
        struct pollfd wait = {.fd = socket, .events = events};
        int ready = poll(&wait, 1, (int)left_ms);
        if (ready > 0 || (ready < 0 && errno != EINTR)) return true;
    }
}

static struct database *database_open_once(const char *application_name, const char *database_name, int64_t deadline_ms,
                                           struct fault *fault)
{
    struct database *database = database_open_start_other(application_name, database_name, fault);
    if (database == NULL) return NULL;
    if (database->connect_deadline_ms > deadline_ms) database->connect_deadline_ms = deadline_ms;
    enum database_state state;
    while ((state = database_poll(database, NULL, fault)) == DATABASE_BUSY) database_wait(database, deadline_ms);
    if (state == DATABASE_READY) return database;
    database_close(database);
    return NULL;
}

struct database *database_open(const char *application_name, int timeout_ms, struct fault *fault)
{
    return database_open_other(application_name, NULL, timeout_ms, fault);
}

struct database *database_open_other(const char *application_name, const char *database_name, int timeout_ms, struct fault *fault)
{
    int64_t deadline_ms = clock_ms() + timeout_ms;
    for (;;) {
        struct fault attempt = {0};
        struct database *database = database_open_once(application_name, database_name, deadline_ms, &attempt);
        if (database != NULL) return database;
        if (attempt.kind != FAULT_RETRY || clock_ms() + CONNECT_RETRY_PAUSE_MS >= deadline_ms) {
            fault_set(fault, attempt.kind, attempt.exit_status, attempt.code, "%s", attempt.text);
            return NULL;
        }
        nanosleep(&(struct timespec){.tv_nsec = CONNECT_RETRY_PAUSE_MS * 1000000L}, NULL);
    }
}

int database_socket(const struct database *database, bool *wants_write)
{
    *wants_write = database->phase == PHASE_CONNECTING ? database->connect_wants == PGRES_POLLING_WRITING : database->wants_write;
    return PQsocket(database->connection);
}

bool database_is_lost(const struct database *database)
{
    return database->is_lost;
}

/* ---- asking ---- */

bool database_fault_lost(struct database *database, struct fault *fault)
{
    database->is_lost = true;
    char where[WHERE_BYTES_MAX];
    connection_where(database->connection, where, sizeof where);
    return fault_set(
        fault, FAULT_RETRY, EX_UNAVAILABLE, "database-lost",
        language_pick("与 %s 处 PostgreSQL 的连接已断开；请重新连接", "the connection to PostgreSQL at %s is lost; connect again"), where);
}

/* An error answer without SQLSTATE is libpq's own: it has lost the connection. */
void database_keep_error(struct database *database, const PGresult *error)
{
    struct database_complaint complaint = {
        .sqlstate = PQresultErrorField(error, PG_DIAG_SQLSTATE),
        .primary = PQresultErrorField(error, PG_DIAG_MESSAGE_PRIMARY),
        .hint = PQresultErrorField(error, PG_DIAG_MESSAGE_HINT),
        .detail = PQresultErrorField(error, PG_DIAG_MESSAGE_DETAIL),
        .constraint = PQresultErrorField(error, PG_DIAG_CONSTRAINT_NAME),
    };
    if (complaint.sqlstate == NULL)
        database_fault_lost(database, &database->failure);
    else
        database_fault_of(&complaint, &database->failure);
}

struct database_result *database_result_new(struct database *database, PGresult *rows)
{
    struct database_result *answer = calloc(1, sizeof *answer);
    if (answer == NULL) {
        PQclear(rows);
        fault_set(&database->failure, FAULT_RETRY, EX_OSERR, "memory-out",
                  language_pick("接收 PostgreSQL 的应答时内存不足", "out of memory for an answer of PostgreSQL"));
        return NULL;
    }
    answer->rows = rows;
    return answer;
}

static void database_keep_answer(struct database *database, PGresult *rows)
{
    struct database_result *answer = database_result_new(database, rows);
    if (answer == NULL) return;
    result_free(database->answer);
    database->answer = answer;
}

/* One answer of the running statement. True when it was the last: the server waits for us. */
static bool database_take_answer(struct database *database, PGresult *rows)
{
    switch (PQresultStatus(rows)) {
    case PGRES_TUPLES_OK:
    case PGRES_COMMAND_OK:
    case PGRES_EMPTY_QUERY:
        database_keep_answer(database, rows);
        return false;
    case PGRES_COPY_IN:
        PQclear(rows);
        database->phase = PHASE_COPYING;
        return true;
    case PGRES_COPY_OUT:
        PQclear(rows);
        database->phase = PHASE_READING;
        return true;
    default:
        database_keep_error(database, rows);
        PQclear(rows);
        return false;
    }
}

bool database_finish_failure(struct database *database, struct fault *fault)
{
    /* A statement may have had its error answer before the connection went: then that is the cause, and this only a mark. */
    if (PQstatus(database->connection) == CONNECTION_BAD) database_fault_lost(database, &database->failure);
    if (database->failure.kind == FAULT_NONE) return false;
    fault_set(fault, database->failure.kind, database->failure.exit_status, database->failure.code, "%s", database->failure.text);
    fault_clear(&database->failure);
    return true;
}

static enum database_state database_finish(struct database *database, struct database_result **result, struct fault *fault)
{
    struct database_result *answer = database->answer;
    database->answer = NULL;
    if (database_finish_failure(database, fault)) {
        result_free(answer);
        return DATABASE_FAILED;
    }
    if (result != NULL)
        *result = answer;
    else
        result_free(answer);
    return DATABASE_READY;
}

static enum database_state database_poll_answer(struct database *database, struct database_result **result, struct fault *fault)
{
    /* Both results are looked at through PQisBusy and PQgetResult: the server's last words may still be in the buffer. */
    database->wants_write = PQflush(database->connection) > 0;
    PQconsumeInput(database->connection);
    while (!PQisBusy(database->connection)) {
        PGresult *rows = PQgetResult(database->connection);
        if (rows == NULL) {
            database->phase = PHASE_IDLE;
            return database_finish(database, result, fault);
        }
        if (database_take_answer(database, rows)) return database_finish(database, result, fault);
    }
    return DATABASE_BUSY;
}

static enum database_state database_poll_idle(struct database *database, struct fault *fault)
{
    if (PQconsumeInput(database->connection) != 0 && PQstatus(database->connection) == CONNECTION_OK) return DATABASE_READY;
    database_fault_lost(database, fault);
    return DATABASE_FAILED;
}

enum database_state database_poll(struct database *database, struct database_result **result, struct fault *fault)
{
    if (result != NULL) *result = NULL;
    if (database->is_lost) {
        database_fault_lost(database, fault);
        return DATABASE_FAILED;
    }
    switch (database->phase) {
    case PHASE_CONNECTING:
        return database_poll_connect(database, fault);
    case PHASE_ASKING:
        return database_poll_answer(database, result, fault);
    case PHASE_PIPELINE:
        return database_poll_pipeline(database, fault);
    default:
        return database_poll_idle(database, fault);
    }
}

bool database_begin(struct database *database, struct fault *fault)
{
    if (database->is_lost) return database_fault_lost(database, fault);
    assert(database->phase == PHASE_IDLE);
    fault_clear(&database->failure);
    return true;
}

bool database_fault_query(struct fault *fault)
{
    return fault_set(fault, FAULT_FATAL, EX_SOFTWARE, "query-too-large",
                     language_pick("查询的参数超过 %d MiB，或内存不足", "the parameters of a query pass %d MiB, or memory is out"),
                     QUERY_BYTES_MAX / 1024 / 1024);
}

void query_values_fill(const struct database_query *query, struct query_values *out)
{
    for (size_t i = 0; i < query->count; i++) {
        size_t bytes;
        out->values[i] = query_parameter_bytes(query, i, &bytes);
        out->types[i] = (Oid)query->parameters[i].type;
        out->lengths[i] = (int)bytes;
        out->formats[i] = 1;
    }
}

bool database_send(struct database *database, const struct database_query *query, struct fault *fault)
{
    struct query_values with;
    if (!database_begin(database, fault)) return false;
    if (query->is_broken) return database_fault_query(fault);
    query_values_fill(query, &with);
    if (PQsendQueryParams(database->connection, query->sql, (int)query->count, with.types, with.values, with.lengths, with.formats, 0) == 0)
        return database_fault_lost(database, fault);
    database->phase = PHASE_ASKING;
    database->wants_write = PQflush(database->connection) > 0;
    return true;
}

bool database_await(struct database *database, int timeout_ms, struct database_result **result, struct fault *fault)
{
    int64_t deadline_ms = timeout_ms < 0 ? -1 : clock_ms() + timeout_ms;
    enum database_state state;
    while ((state = database_poll(database, result, fault)) == DATABASE_BUSY) {
        if (database_wait(database, deadline_ms)) continue;
        database->is_lost = true;
        return fault_set(
            fault, FAULT_RETRY, EX_UNAVAILABLE, "database-timeout",
            language_pick(
                "PostgreSQL 在 %d 秒内没有应答，但可能仍在执行；请查看 pg_stat_activity，然后再试",
                "PostgreSQL has not answered within %d s, and may still do what it was asked; see pg_stat_activity, then try again"),
            timeout_ms / 1000);
    }
    return state == DATABASE_READY;
}

bool database_run(struct database *database, const struct database_query *query, int timeout_ms, struct database_result **result,
                  struct fault *fault)
{
    if (result != NULL) *result = NULL;
    return database_send(database, query, fault) && database_await(database, timeout_ms, result, fault);
}

static bool database_send_script(struct database *database, const char *script, struct fault *fault)
{
    if (!database_begin(database, fault)) return false;
    if (PQsendQuery(database->connection, script) == 0) return database_fault_lost(database, fault);
    database->phase = PHASE_ASKING;
    return true;
}

bool database_run_script(struct database *database, const char *script, struct fault *fault)
{
    return database_send_script(database, script, fault) && database_await(database, -1, NULL, fault);
}

bool database_schema_fits(const struct database *database, const char *version, struct fault *fault)
{
    if (strcmp(version, NIANSHEN_SCHEMA_VERSION) == 0) return true;
    return fault_set(
        fault, FAULT_FATAL, EX_CONFIG, "schema-version",
        language_pick("数据库 %s 的表结构版本是 %s，本程序需要 %s；请运行同一版本的 nianshen-ops migrate",
                      "the database %s has the schema version %s, this program needs %s; run nianshen-ops migrate of the same release"),
        PQdb(database->connection), version, NIANSHEN_SCHEMA_VERSION);
}

/* A DBA may have given the database or the role other defaults: what the programs lean on is set in the question every one of them asks
 * first. */
#define SETTINGS_OF_A_SESSION                                                                                                              \
    "set_config('default_transaction_isolation', 'read committed', false), set_config('standard_conforming_strings', 'on', false), "       \
    "set_config('DateStyle', 'ISO, YMD', false), set_config('bytea_output', 'hex', false)"

bool database_require_schema(struct database *database, int timeout_ms, struct fault *fault)
{
    struct database_query *query = query_new();
    if (query == NULL) return fault_set(fault, FAULT_RETRY, EX_OSERR, "memory-out", language_pick("内存不足", "out of memory for a query"));
    query_reset(query, "SELECT nianshen.schema_version(), " SETTINGS_OF_A_SESSION);
    struct database_result *result = NULL;
    struct fault answer = {0};
    bool is_there = database_run(database, query, timeout_ms, &result, &answer);
    const char *version = is_there && !result_is_null(result, 0, 0) ? result_text(result, 0, 0) : "none";
    bool is_fit = false;
    /* 3F000: no schema of ours at all; 42883: one without the function. */
    bool is_absent = strcmp(answer.code, "sqlstate-3F000") == 0 || strcmp(answer.code, "sqlstate-42883") == 0;
    if (!is_there && !is_absent)
        fault_set(fault, answer.kind, answer.exit_status, answer.code, "%s", answer.text);
    else
        is_fit = database_schema_fits(database, version, fault);
    result_free(result);
    query_free(query);
    return is_fit;
}

/* ---- COPY ---- */

bool database_copy_start(struct database *database, const char *sql, struct fault *fault)
{
    database->copy_used = 0;
    return database_send_script(database, sql, fault) && database_await(database, -1, NULL, fault);
}

bool database_flush(struct database *database, struct fault *fault)
{
    int left;
    while ((left = PQflush(database->connection)) > 0) {
        database->wants_write = true;
        bool is_moving = database_wait(database, clock_ms() + STALL_TIMEOUT_MS);
        database->wants_write = false;
        if (!is_moving || PQconsumeInput(database->connection) == 0) return database_fault_lost(database, fault);
    }
    return left == 0 || database_fault_lost(database, fault);
}

/* Libpq takes no more rows: the server's answer, which has come already, says why. */
static bool copy_refused(struct database *database, struct fault *fault)
{
    database->phase = PHASE_ASKING;
    return database_await(database, STALL_TIMEOUT_MS, NULL, fault) && database_fault_lost(database, fault);
}

static bool copy_push(struct database *database, struct fault *fault)
{
    assert(database->phase == PHASE_COPYING);
    if (PQputCopyData(database->connection, database->copy, (int)database->copy_used) <= 0) return copy_refused(database, fault);
    database->copy_used = 0;
    return database_flush(database, fault);
}

static bool copy_reserve(struct database *database, size_t bytes, struct fault *fault)
{
    if (database->copy_capacity - database->copy_used >= bytes) return true;
    size_t capacity = database->copy_used + bytes + COPY_BUFFER_BYTES;
    char *grown = realloc(database->copy, capacity);
    if (grown == NULL)
        return fault_set(fault, FAULT_RETRY, EX_OSERR, "memory-out", language_pick("内存不足", "out of memory for rows to load"));
    database->copy = grown;
    database->copy_capacity = capacity;
    return true;
}

/* One value in COPY's text format; room for twice its length was reserved. */
static size_t copy_escape(char *out, const char *value)
{
    char *at = out;
    for (; *value != '\0'; value++) {
        const char *special = strchr("\b\f\n\r\t\v\\", *value);
        if (special != NULL) *at++ = '\\';
        *at++ = special == NULL ? *value : "bfnrtv\\"[special - "\b\f\n\r\t\v\\"];
    }
    return (size_t)(at - out);
}

bool database_copy_row(struct database *database, const char *const *values, size_t count, struct fault *fault)
{
    for (size_t i = 0; i < count; i++) {
        size_t bytes = values[i] == NULL ? 2 : 2 * strlen(values[i]);
        if (!copy_reserve(database, bytes + 1, fault)) return false;
        char *at = database->copy + database->copy_used;
        if (values[i] == NULL) memcpy(at, "\\N", 2);
        size_t used = values[i] == NULL ? 2 : copy_escape(at, values[i]);
        at[used] = i + 1 < count ? '\t' : '\n';
        database->copy_used += used + 1;
    }
    return database->copy_used < COPY_BUFFER_BYTES || copy_push(database, fault);
}

bool database_copy_lines(struct database *database, const char *lines, size_t bytes, struct fault *fault)
{
    if (!copy_reserve(database, bytes, fault)) return false;
    memcpy(database->copy + database->copy_used, lines, bytes);
    database->copy_used += bytes;
    return database->copy_used < COPY_BUFFER_BYTES || copy_push(database, fault);
}

bool database_copy_end(struct database *database, struct fault *fault)
{
    if (database->copy_used > 0 && !copy_push(database, fault)) return false;
    if (PQputCopyEnd(database->connection, NULL) <= 0) return copy_refused(database, fault);
    database->phase = PHASE_ASKING;
    return database_await(database, -1, NULL, fault);
}

bool database_copy_read(struct database *database, const char **line, size_t *bytes, struct fault *fault)
{
    int length;
    assert(database->phase == PHASE_READING);
    PQfreemem(database->line);
    database->line = NULL;
    *line = NULL;
    *bytes = 0;
    while ((length = PQgetCopyData(database->connection, &database->line, 1)) == 0) {
        database_wait(database, -1);
        if (PQconsumeInput(database->connection) == 0) return database_fault_lost(database, fault);
    }
    if (length > 0) {
        *line = database->line;
        *bytes = (size_t)length;
        return true;
    }
    /* The end, or an error: both come as the statement's answer. */
    database->phase = PHASE_ASKING;
    return database_await(database, -1, NULL, fault);
}
