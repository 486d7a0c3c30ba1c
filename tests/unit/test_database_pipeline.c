/* Pipelines of prepared statements and the real libpq against a server that says what a script tells (fake_server.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <libpq-fe.h>

#include "core/database_internal.h"
#include "tests/unit/failing.h"
#include "tests/unit/fake_server.h"

FAILING(int, PQenterPipelineMode, (PGconn * connection), (connection), 0)
FAILING(int, PQpipelineSync, (PGconn * connection), (connection), 0)
FAILING(int, PQsendPrepare, (PGconn * connection, const char *name, const char *sql, int count, const Oid *types),
        (connection, name, sql, count, types), 0)

enum { WAIT_MS = 20000 };
#define SERVE(...) fake_server_start((const char *const[]){__VA_ARGS__, NULL})

static const struct database_statement first = {"first", "SELECT $1"}, second = {"second", "SELECT 2"};

static int setup(void **state)
{
    (void)state;
    setenv("PGPASSFILE", "/nonexistent/pgpass", 1);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_server_stop();
    return 0;
}

static struct database *opened(void)
{
    struct fault fault = {0};
    struct database *database = database_open("test", WAIT_MS, &fault);
    if (database == NULL) fail_msg("%s: %s", fault.code, fault.text);
    return database;
}

static bool ask(struct database *database, struct fault *fault)
{
    struct database_query *query = query_new();
    query_reset(query, NULL);
    query_text(query, "text");
    bool is_sent = database_pipeline_add(database, &first, query, fault) && database_pipeline_add(database, &second, NULL, fault) &&
                   database_pipeline_end(database, fault);
    query_free(query);
    return is_sent && database_await(database, WAIT_MS, NULL, fault);
}

/* Each statement is prepared once; answers are taken by their statement's number, once. */
static void test_answers(void **state)
{
    (void)state;
    struct fault fault = {0};
    SERVE("hello", "1 2 T D=a C 1 2 T D=b C Z", "2 T D=c C 2 T D=d C Z", "T D=1 C Z");
    struct database *database = opened();
    assert_true(ask(database, &fault));
    struct database_result *result = database_pipeline_take(database, 1);
    assert_string_equal(result_text(result, 0, 0), "b");
    assert_int_equal(result_bytes(result, 0, 0), 1);
    result_free(result);
    assert_null(database_pipeline_take(database, 1));
    assert_null(database_pipeline_take(database, 2));
    assert_true(ask(database, &fault));
    result = database_pipeline_take(database, 0);
    assert_string_equal(result_text(result, 0, 0), "c");
    result_free(result);
    assert_true(database_run_script(database, "SELECT 1", &fault)); /* and afterwards as before */
    database_close(database);
}

/* The first error counts, and what the server skipped is prepared again. */
static void test_errors(void **state)
{
    (void)state;
    struct fault fault = {0};
    SERVE("hello", "1 E=40P01 Z", "2 T D=c C 1 2 T D=d C Z", "2 T D=e C E=23505 X");
    struct database *database = opened();
    assert_false(ask(database, &fault));
    assert_string_equal(fault.code, "sqlstate-40P01");
    assert_false(database_is_lost(database));
    fault_clear(&fault);
    assert_true(ask(database, &fault));
    assert_false(ask(database, &fault));
    assert_true(database_is_lost(database) || strcmp(fault.code, "sqlstate-23505") == 0);
    database_close(database);
}

static void test_lost(void **state)
{
    static const char *const answers[] = {"X", "1 X", "1 2 T D=a X", "1 2 T D=a C 1 2 T D=b C X"};
    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        struct fault fault = {0};
        SERVE("hello", answers[i]);
        struct database *database = opened();
        assert_false(ask(database, &fault));
        assert_string_equal(fault.code, "database-lost");
        assert_true(database_is_lost(database));
        database_close(database);
    }
}

static void test_libpq_refuses(void **state)
{
    static const struct {
        const char *function, *code;
        int at;
    } refusals[] = {
        {"PQenterPipelineMode", "database-lost", 1}, {"PQsendPrepare", "database-lost", 1}, {"PQpipelineSync", "database-lost", 1}};
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        struct fault fault = {0};
        SERVE("hello", "1 2 T D=a C 1 2 T D=b C Z");
        struct database *database = opened();
        failing_start(refusals[i].function, refusals[i].at);
        assert_false(ask(database, &fault));
        assert_true(failing_stop());
        assert_string_equal(fault.code, refusals[i].code);
        assert_true(database_is_lost(database));
        database_close(database);
    }
}

static void test_arrays(void **state)
{
    (void)state;
    size_t count;
    int64_t number;
    const char *bytes;
    static const char elements[] = {0, 0, 0, 2, 'a', 'b', (char)0xff, (char)0xff, (char)0xff, (char)0xff, 0, 0, 0, 9, 'c'};
    struct database_array array = {3, elements, elements + sizeof elements};
    assert_true(array_next(&array, &bytes, &count) && count == 2 && memcmp(bytes, "ab", 2) == 0);
    assert_true(array_next(&array, &bytes, &count) && bytes == NULL);
    assert_false(array_next(&array, &bytes, &count)); /* longer than what there is */
    assert_false(array_next(&array, &bytes, &count));
    static const char numbers[] = {0,          0,          0,          8,          (char)0xff, (char)0xff,
                                   (char)0xff, (char)0xff, (char)0xff, (char)0xff, (char)0xff, (char)0xfe};
    array = (struct database_array){1, numbers, numbers + sizeof numbers};
    assert_true(array_next_int8(&array, &number) && number == -2);
    assert_false(array_next_int8(&array, &number));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_answers), cmocka_unit_test(test_errors), cmocka_unit_test(test_lost),
                                       cmocka_unit_test(test_libpq_refuses), cmocka_unit_test(test_arrays)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
