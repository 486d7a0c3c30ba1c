/*
 * The database layer and the real libpq against a server that says what a script tells (fake_server.h): what a PostgreSQL that is well does
 * not say, connections that break where it hurts, and libpq's own refusals.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include <cmocka.h>
#include <libpq-fe.h>
#include <poll.h>

#include "core/database_internal.h"
#include "core/log.h"
#include "schema_version.h"
#include "tests/unit/failing.h"
#include "tests/unit/fake_server.h"

static bool knows_no_setting; /* as an older libpq may not know one of ours */
FAILING(PQconninfoOption *, PQconndefaults, (void), (), knows_no_setting ? calloc(1, sizeof(PQconninfoOption)) : NULL)
FAILING(PQconninfoOption *, PQconninfo, (PGconn * connection), (connection), NULL)
FAILING(PGconn *, PQconnectStartParams, (const char *const *names, const char *const *values, int expand), (names, values, expand), NULL)
static int poll_errno;
static char *host_told;
FAILING(char *, PQhost, (const PGconn *connection), (connection), host_told)
FAILING(ConnStatusType, PQstatus, (const PGconn *connection), (connection), CONNECTION_BAD)
FAILING(int, PQconsumeInput, (PGconn * connection), (connection), 0)
FAILING(int, PQflush, (PGconn * connection), (connection), -1)
FAILING(int, PQsendQuery, (PGconn * connection, const char *sql), (connection, sql), 0)
FAILING(int, PQsendQueryParams,
        (PGconn * connection, const char *sql, int count, const Oid *types, const char *const *values, const int *lengths,
         const int *formats, int format),
        (connection, sql, count, types, values, lengths, formats, format), 0)
FAILING(int, PQputCopyData, (PGconn * connection, const char *bytes, int count), (connection, bytes, count), -1)
FAILING(int, PQputCopyEnd, (PGconn * connection, const char *error), (connection, error), -1)
FAILING(int, poll, (struct pollfd * list, nfds_t count, int timeout_ms), (list, count, timeout_ms), (errno = poll_errno, -1))
FAILING(int, clock_gettime, (clockid_t clock, struct timespec *now), (clock, now), (now->tv_sec = 1000000000, now->tv_nsec = 0, 0))
FAILING(unsigned char *, PQunescapeBytea, (const unsigned char *text, size_t *bytes), (text, bytes), NULL)

enum { WAIT_MS = 20000 };

static int setup(void **state)
{
    static const char *const variables[] = {"PGDATABASE", "PGCONNECT_TIMEOUT", "PGPASSWORD", "PGSERVICE", "PGPASSFILE"};
    (void)state;
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) unsetenv(variables[i]);
    setenv("PGPASSFILE", "/nonexistent/pgpass", 1);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_server_stop();
    return 0;
}

#define SERVE(...) fake_server_start((const char *const[]){__VA_ARGS__, NULL})

static struct database *opened(void)
{
    struct fault fault = {0};
    struct database *database = database_open("test", WAIT_MS, &fault);
    if (database == NULL) fail_msg("%s: %s", fault.code, fault.text);
    return database;
}

/* ---- connecting ---- */

static void test_connections_that_are_refused(void **state)
{
    static const struct {
        const char *greeting, *code, *words;
        enum fault_kind kind;
    } greetings[] = {
        {"old", "database-version", "14.2", FAULT_FATAL},        {"latin", "database-encoding", "LATIN1", FAULT_FATAL},
        {"mute", "database-encoding", "(unknown)", FAULT_FATAL}, {"E=28P01", "database-login", "PGPASSWORD", FAULT_FATAL},
        {"R", "database-login", "no password", FAULT_FATAL},     {"E=57P03", "database-unavailable", "wait", FAULT_RETRY},
        {"X", "database-absent", "socket", FAULT_RETRY},
    };
    (void)state;
    for (size_t i = 0; i < sizeof greetings / sizeof greetings[0]; i++) {
        struct fault fault = {0};
        SERVE(greetings[i].greeting);
        assert_null(database_open("test", 100, &fault));
        assert_string_equal(fault.code, greetings[i].code);
        assert_int_equal(fault.kind, greetings[i].kind);
        if (strcmp(greetings[i].code, "database-login") != 0) assert_non_null(strstr(fault.text, greetings[i].words));
    }
}

static void test_settings_that_can_not_be_used(void **state)
{
    struct fault fault = {0};
    (void)state;
    setenv("PGPORT", "many", 1);
    assert_null(database_open("test", 100, &fault));
    assert_string_equal(fault.code, "database-setting");
    setenv("PGPORT", "5432", 1);
}

/* An address without a server: tried again until the time is up. */
static void test_nobody_is_there(void **state)
{
    struct fault fault = {0};
    (void)state;
    setenv("PGHOST", "127.0.0.1", 1);
    setenv("PGPORT", "1", 1);
    assert_null(database_open("test", 300, &fault));
    assert_string_equal(fault.code, "database-absent");
    assert_non_null(strstr(fault.text, "host 127.0.0.1 port 1"));
    setenv("PGPORT", "5432", 1);
}

/* It takes the connection and says nothing. */
static void test_a_silent_server(void **state)
{
    struct fault fault = {0};
    (void)state;
    SERVE("wait hello");
    assert_null(database_open("test", 100, &fault));
    assert_string_equal(fault.code, "database-absent");
    assert_non_null(strstr(fault.text, "in time"));

    fault_clear(&fault);
    SERVE("wait hello");
    setenv("PGCONNECT_TIMEOUT", "0", 1); /* to libpq: wait for ever */
    struct database *database = database_open_start("test", &fault);
    unsetenv("PGCONNECT_TIMEOUT");
    enum database_state state_now;
    while ((state_now = database_poll(database, NULL, &fault)) == DATABASE_BUSY) (void)usleep(1000);
    assert_int_equal(state_now, DATABASE_READY);
    database_close(database);
}

/* What libpq may refuse on its way to a connection, one after the other. */
static void test_libpq_refuses_a_connection(void **state)
{
    static const struct {
        const char *functions, *code; /* code NULL: it goes on all the same */
        bool knows_no_setting;
    } refusals[] = {
        {"calloc", "memory-out", false}, {"PQconnectStartParams", "memory-out", false},
        {"PQconndefaults", NULL, false}, {"PQconndefaults", NULL, true},
        {"PQconninfo", NULL, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        struct fault fault = {0};
        SERVE("hello");
        knows_no_setting = refusals[i].knows_no_setting;
        failing_start(refusals[i].functions, 1);
        struct database *database = database_open("test", 100, &fault);
        assert_true(failing_stop());
        assert_int_equal(database != NULL, refusals[i].code == NULL);
        if (refusals[i].code != NULL) assert_string_equal(fault.code, refusals[i].code);
        database_close(database);
    }
}

static void test_a_connection_without_a_place(void **state)
{
    static char nothing[] = "";
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct fault fault = {0};
        SERVE("X");
        host_told = i == 0 ? NULL : nothing;
        failing_start("PQhost", 1);
        assert_null(database_open("test", 100, &fault));
        assert_true(failing_stop());
        assert_non_null(strstr(fault.text, "PGHOST"));
    }
}

/* Another database than the environment's; a socket that is not ready at first; a setting that is there, but empty. */
static void test_other_connections(void **state)
{
    struct fault fault = {0};
    (void)state;
    setenv("PGCONNECT_TIMEOUT", "", 1);
    SERVE("hello");
    poll_errno = EAGAIN;
    failing_start("poll", 1);
    struct database *database = database_open_other("test", "another", WAIT_MS, &fault);
    assert_true(failing_stop());
    assert_non_null(database);
    failing_start("PQstatus", 1);
    assert_int_equal(database_poll(database, NULL, &fault), DATABASE_FAILED);
    assert_true(failing_stop());
    database_close(database);
    unsetenv("PGCONNECT_TIMEOUT");
}

/* ---- asking ---- */

static bool run(struct database *database, struct database_result **result, struct fault *fault)
{
    struct database_query *query = query_new();
    query_reset(query, "SELECT $1, $2");
    query_text(query, "text");
    query_null(query);
    bool is_good = database_run(database, query, WAIT_MS, result, fault);
    query_free(query);
    return is_good;
}

static void test_answers(void **state)
{
    (void)state;
    struct fault fault = {0};
    struct database_result *result;
    log_set_level("debug");
    SERVE("hello", "N=a-notice T D=\\x6162 D=t D C Z", "I Z", "T D=1 C T D=2 C Z", "T D=-7 C Z");
    struct database *database = opened();
    assert_int_equal(database_poll(database, NULL, &fault), DATABASE_READY);
    assert_true(run(database, &result, &fault));
    assert_int_equal(result_rows(result), 3);
    assert_int_equal(result_columns(result), 1);
    assert_string_equal(result_column_name(result, 0), "column");
    size_t bytes;
    assert_memory_equal(result_bytea(result, 0, 0, &bytes), "ab", 2);
    assert_int_equal(bytes, 2);
    assert_true(result_bool(result, 1, 0));
    assert_false(result_bool(result, 0, 0));
    assert_null(result_bytea(result, 2, 0, &bytes));
    assert_true(result_is_null(result, 2, 0));
    failing_start("realloc", 1);
    assert_null(result_bytea(result, 0, 0, &bytes));
    failing_start("PQunescapeBytea", 1);
    assert_null(result_bytea(result, 0, 0, &bytes));
    failing_stop();
    result_free(result);
    assert_true(run(database, NULL, &fault)); /* an empty statement; its answer is thrown away */
    assert_true(database_run_script(database, "SELECT 1; SELECT 2", &fault));
    assert_true(run(database, &result, &fault));
    assert_int_equal(result_int8(result, 0, 0), -7);
    result_free(result);
    database_close(database);
    log_set_level("error");
}

/* What the server or libpq may do while a statement runs, and what the caller hears of it. */
static void test_statements_that_fail(void **state)
{
    static const struct {
        const char *answer, *functions;
        int at;
        const char *code;
        bool is_lost;
    } failures[] = {
        {"E=40P01 Z", NULL, 0, "sqlstate-40P01", false},
        {"E=57P01 X", NULL, 0, "sqlstate-57P01", true},
        {"X", NULL, 0, "database-lost", true},
        {"T D=1 X", NULL, 0, "database-lost", true},
        {"T D=1 C Z", "PQsendQueryParams", 1, "database-lost", true},
        {"T D=1 C Z", "calloc", 2, "memory-out", false}, /* the first is the query's */
    };
    (void)state;
    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
        struct fault fault = {0};
        struct database_result *result = NULL;
        SERVE("hello", failures[i].answer);
        struct database *database = opened();
        if (failures[i].functions != NULL) failing_start(failures[i].functions, failures[i].at);
        bool is_good = run(database, &result, &fault);
        failing_stop();
        if (is_good || strcmp(fault.code, failures[i].code) != 0) fail_msg("%zu: %s, not %s", i, fault.code, failures[i].code);
        assert_null(result);
        if (failures[i].is_lost) {
            fault_clear(&fault);
            assert_false(run(database, &result, &fault));
            assert_string_equal(fault.code, "database-lost");
            assert_int_equal(database_poll(database, NULL, &fault), DATABASE_FAILED);
            fault_clear(&fault);
            assert_false(database_run_script(database, "SELECT 1", &fault));
            assert_true(database_is_lost(database));
        }
        database_close(database);
    }
}

/* It answers late: the connection counts as lost, for what was asked may still be done. */
static void test_an_answer_that_does_not_come(void **state)
{
    struct fault fault = {0};
    struct database_query *query = query_new();
    (void)state;
    SERVE("hello", "wait T D=1 C Z");
    struct database *database = opened();
    query_reset(query, "SELECT 1");
    assert_false(database_run(database, query, 50, NULL, &fault));
    assert_string_equal(fault.code, "database-timeout");
    assert_true(database_is_lost(database));
    database_close(database);
    query_free(query);
}

static void test_a_connection_that_ends_while_nothing_is_asked(void **state)
{
    struct fault fault = {0};
    (void)state;
    SERVE("hello X");
    struct database *database = opened();
    enum database_state state_now;
    while ((state_now = database_poll(database, NULL, &fault)) == DATABASE_READY) (void)usleep(1000);
    assert_int_equal(state_now, DATABASE_FAILED);
    assert_string_equal(fault.code, "database-lost");
    database_close(database);
}

static void test_a_query_that_is_too_large(void **state)
{
    struct fault fault = {0};
    struct database_query *query = query_new();
    (void)state;
    SERVE("hello");
    struct database *database = opened();
    query_reset(query, "SELECT $1");
    failing_start("realloc", 1);
    char *text = calloc(1, 1 << 20);
    memset(text, 'x', (1 << 20) - 1);
    query_text(query, text);
    assert_true(failing_stop());
    assert_false(database_send(database, query, &fault));
    assert_string_equal(fault.code, "query-too-large");
    free(text);
    query_free(query);
    database_close(database);
}

static void test_schema_versions(void **state)
{
    static const struct {
        const char *answer, *code;
    } versions[] = {
        {"T D=" NIANSHEN_SCHEMA_VERSION " C Z", ""},
        {"T D=other C Z", "schema-version"},
        {"T D C Z", "schema-version"},
        {"E=3F000 Z", "schema-version"},
        {"E=42883 Z", "schema-version"},
        {"E=42501 Z", "sqlstate-42501"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
        struct fault fault = {0};
        SERVE("hello", versions[i].answer);
        struct database *database = opened();
        assert_int_equal(database_require_schema(database, WAIT_MS, &fault), versions[i].code[0] == '\0');
        assert_string_equal(fault.code, versions[i].code);
        database_close(database);
    }
    struct fault fault = {0};
    SERVE("hello");
    struct database *database = opened();
    failing_start("calloc", 1);
    assert_false(database_require_schema(database, WAIT_MS, &fault));
    assert_true(failing_stop());
    assert_string_equal(fault.code, "memory-out");
    database_close(database);
}

/* ---- COPY ---- */

static const char *const row[] = {"plain", NULL, "tab\t, line\n, \\ and \b\f\r\v"};

static bool copy_rows(struct database *database, struct fault *fault)
{
    char line[100 * 1000];
    memset(line, 'x', sizeof line);
    line[sizeof line - 1] = '\n';
    return database_copy_start(database, "COPY t FROM STDIN", fault) && database_copy_row(database, row, 3, fault) &&
           database_copy_lines(database, "a\tb\tc\n", 6, fault) && database_copy_lines(database, line, sizeof line, fault) &&
           database_copy_row(database, row, 3, fault) && database_copy_end(database, fault);
}

static bool copy_nothing(struct database *database, struct fault *fault)
{
    return database_copy_start(database, "COPY t FROM STDIN", fault) && database_copy_end(database, fault);
}

static bool copy_small_row(struct database *database, struct fault *fault)
{
    return database_copy_start(database, "COPY t FROM STDIN", fault) && database_copy_row(database, row, 3, fault) &&
           database_copy_end(database, fault);
}

static bool script(struct database *database, struct fault *fault)
{
    return database_run_script(database, "SELECT 1", fault);
}

static bool copy_large_row(struct database *database, struct fault *fault)
{
    char text[50000];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    const char *const large[] = {text, text};
    return database_copy_start(database, "COPY t FROM STDIN", fault) && database_copy_row(database, large, 2, fault) &&
           database_copy_end(database, fault);
}

static bool copy_lines_read(struct database *database, struct fault *fault)
{
    const char *line;
    size_t bytes, lines = 0;
    if (!database_copy_start(database, "COPY t TO STDOUT", fault)) return false;
    do
        if (!database_copy_read(database, &line, &bytes, fault)) return false;
    while (bytes > 0 && ++lines);
    assert_int_equal(lines, 2);
    return true;
}

/* Broken while it waits for the first line. */
static bool copy_read_broken(struct database *database, struct fault *fault)
{
    const char *line;
    size_t bytes;
    if (!database_copy_start(database, "COPY t TO STDOUT", fault)) return false;
    failing_start("PQconsumeInput", 1);
    bool is_good = database_copy_read(database, &line, &bytes, fault);
    assert_true(failing_stop());
    return is_good;
}

static bool copy_wide_line(struct database *database, struct fault *fault)
{
    return database_copy_start(database, "COPY t FROM STDIN", fault) && database_copy_lines(database, "a\n", 2, fault);
}

static void test_copies(void **state)
{
    static const struct {
        bool (*run)(struct database *database, struct fault *fault);
        const char *first, *second;
        const char *functions;
        int at;
        const char *code;
    } copies[] = {
        {copy_rows, "G", "C Z", NULL, 0, ""},
        {copy_nothing, "G", "C Z", NULL, 0, ""},
        {copy_large_row, "G", "C Z", NULL, 0, ""},
        {copy_lines_read, "H d=a d=b c C Z", NULL, NULL, 0, ""},
        {copy_lines_read, "H d=a wait d=b c C Z", NULL, NULL, 0, ""},
        {copy_lines_read, "H d=a E=57014 Z", NULL, NULL, 0, "sqlstate-57014"},
        {copy_lines_read, "H d=a X", NULL, NULL, 0, "database-lost"},
        {copy_read_broken, "H wait d=a d=b c C Z", NULL, NULL, 0, "database-lost"},
        {copy_rows, "E=42P01 Z", NULL, NULL, 0, "sqlstate-42P01"},
        {copy_lines_read, "E=42P01 Z", NULL, NULL, 0, "sqlstate-42P01"},
        {copy_nothing, "G", "E=22P02 Z", NULL, 0, "sqlstate-22P02"},
        {copy_nothing, "G X", NULL, "PQputCopyEnd", 1, "database-lost"},
        {copy_nothing, "G C Z", NULL, "PQputCopyEnd", 1, "database-lost"}, /* refused, and no reason given */
        {copy_rows, "G", NULL, "PQsendQuery", 1, "database-lost"},
        {copy_rows, "G", NULL, "realloc", 1, "memory-out"},
        {copy_wide_line, "G", NULL, "realloc", 1, "memory-out"},
        {copy_rows, "G E=53100 Z", NULL, "PQputCopyData", 1, "database-lost"},
        {copy_small_row, "G X", NULL, "PQputCopyData", 1, "database-lost"},
        {script, "E=42601 Z", NULL, NULL, 0, "sqlstate-42601"},
        {copy_large_row, "G E=53100 Z", NULL, "PQputCopyData", 1, "database-lost"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof copies / sizeof copies[0]; i++) {
        struct fault fault = {0};
        SERVE("hello", copies[i].first, copies[i].second);
        struct database *database = opened();
        if (copies[i].functions != NULL) failing_start(copies[i].functions, copies[i].at);
        bool is_good = copies[i].run(database, &fault);
        if (copies[i].functions != NULL && !failing_stop()) fail_msg("%zu: there are not so many calls", i);
        if (strcmp(fault.code, copies[i].code) != 0) fail_msg("%zu: '%s', not '%s'", i, fault.code, copies[i].code);
        assert_int_equal(is_good, copies[i].code[0] == '\0');
        database_close(database);
    }
}

/* The server takes no bytes for a while, or never. */
static void test_a_server_that_is_slow_to_read(void **state)
{
    static const struct {
        const char *functions;
        int at, poll_errno;
        const char *code;
    } flushes[] = {
        {"", 1, 0, ""},          {"PQflush", 1, 0, "database-lost"},       {"poll", 1, EINTR, ""},
        {"poll", 1, ENOMEM, ""}, {"clock_gettime", 2, 0, "database-lost"}, {"PQconsumeInput", 1, 0, "database-lost"},
    };
    enum { BYTES = 8 << 20 };
    (void)state;
    char *text = malloc(BYTES);
    memset(text, 'x', BYTES);
    for (size_t i = 0; i < sizeof flushes / sizeof flushes[0]; i++) {
        struct fault fault = {0};
        struct database_query *query = query_new();
        SERVE("hello wait", "T D=1 C Z");
        struct database *database = opened();
        query_reset(query, "SELECT $1");
        query_bytea(query, text, BYTES);
        assert_true(database_send(database, query, &fault));
        poll_errno = flushes[i].poll_errno;
        failing_start(flushes[i].functions, flushes[i].at);
        bool is_good = database_flush(database, &fault);
        failing_stop();
        if (strcmp(fault.code, flushes[i].code) != 0) fail_msg("%zu: '%s', not '%s'", i, fault.code, flushes[i].code);
        assert_int_equal(is_good, flushes[i].code[0] == '\0');
        if (is_good) assert_true(database_await(database, WAIT_MS, NULL, &fault));
        database_close(database);
        query_free(query);
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_connections_that_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_settings_that_can_not_be_used, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nobody_is_there, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_silent_server, setup, teardown),
        cmocka_unit_test_setup_teardown(test_libpq_refuses_a_connection, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_connection_without_a_place, setup, teardown),
        cmocka_unit_test_setup_teardown(test_answers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_statements_that_fail, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_answer_that_does_not_come, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_connection_that_ends_while_nothing_is_asked, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_query_that_is_too_large, setup, teardown),
        cmocka_unit_test_setup_teardown(test_schema_versions, setup, teardown),
        cmocka_unit_test_setup_teardown(test_copies, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_server_that_is_slow_to_read, setup, teardown),
        cmocka_unit_test_setup_teardown(test_other_connections, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
