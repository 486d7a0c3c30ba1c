/* SQLSTATE and connection messages to faults: the kind decides what a worker does, the text must never repeat a row's values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include <cmocka.h>

#include "core/database_internal.h"
#include "core/language.h"

static struct fault fault_of(const char *sqlstate, const char *primary, const char *hint, const char *constraint)
{
    struct fault fault = {0};
    assert_false(database_fault_of(
        &(struct database_complaint){.sqlstate = sqlstate, .primary = primary, .hint = hint, .constraint = constraint}, &fault));
    return fault;
}

static void test_kinds(void **state)
{
    (void)state;
    static const struct {
        const char *sqlstate;
        enum fault_kind kind;
        int exit_status;
    } expected[] = {
        {"08006", FAULT_RETRY, EX_UNAVAILABLE}, {"40001", FAULT_RETRY, EX_TEMPFAIL},    {"40P01", FAULT_RETRY, EX_TEMPFAIL},
        {"53100", FAULT_RETRY, EX_UNAVAILABLE}, {"57P01", FAULT_RETRY, EX_UNAVAILABLE}, {"58030", FAULT_RETRY, EX_UNAVAILABLE},
        {"25006", FAULT_RETRY, EX_UNAVAILABLE}, {"55P03", FAULT_RETRY, EX_TEMPFAIL},    {"22P02", FAULT_REJECT, EX_SOFTWARE},
        {"23505", FAULT_REJECT, EX_SOFTWARE},   {"54000", FAULT_REJECT, EX_SOFTWARE},   {"NS001", FAULT_REJECT, EX_TEMPFAIL},
        {"NS002", FAULT_REJECT, EX_DATAERR},    {"42501", FAULT_FATAL, EX_NOPERM},      {"42P01", FAULT_FATAL, EX_SOFTWARE},
        {"3F000", FAULT_FATAL, EX_CONFIG},      {"25P02", FAULT_FATAL, EX_SOFTWARE},    {"55000", FAULT_FATAL, EX_SOFTWARE},
        {"XX001", FAULT_FATAL, EX_SOFTWARE},    {"P0001", FAULT_FATAL, EX_SOFTWARE},
    };
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        struct fault fault = fault_of(expected[i].sqlstate, "message", NULL, NULL);
        assert_int_equal(fault.kind, expected[i].kind);
        assert_int_equal(fault.exit_status, expected[i].exit_status);
        assert_memory_equal(fault.code, "sqlstate-", 9);
        assert_string_equal(fault.code + 9, expected[i].sqlstate);
    }
}

/* Messages of classes 22, 23 and 54 quote values; hints are repeated of our own RAISEs only. */
static void test_no_values(void **state)
{
    (void)state;
    struct fault fault = fault_of("22P02", "invalid input syntax for type integer: \"secret\"", "secret", NULL);
    assert_null(strstr(fault.text, "secret"));
    assert_string_equal(fault.text, "PostgreSQL: SQLSTATE 22P02");
    fault = fault_of("23505", "duplicate key value \"secret\"", NULL, "member_pkey");
    assert_string_equal(fault.text, "PostgreSQL: SQLSTATE 23505, constraint member_pkey");
    fault = fault_of("42P01", "relation \"x\" does not exist", "secret", NULL);
    assert_string_equal(fault.text, "PostgreSQL: SQLSTATE 42P01, relation \"x\" does not exist");
}

static void test_own_refusals(void **state)
{
    (void)state;
    assert_string_equal(fault_of("NS002", "no such campaign", "open it", NULL).text, "no such campaign; open it");
    assert_string_equal(fault_of("NS002", "no such campaign", NULL, NULL).text, "no such campaign");
    struct fault fault = fault_of("NS002", "the number 432500197707302784 is taken", NULL, NULL);
    assert_null(strstr(fault.text, "432500197707302784"));
    assert_non_null(strstr(fault.text, "2784"));
}

/* Our own RAISEs bring the Chinese as their DETAIL; anybody else's DETAIL quotes a row and is never repeated. */
static void test_refusals_in_chinese(void **state)
{
    struct database_complaint ours = {
        .sqlstate = "NS002", .primary = "no such campaign", .hint = "open it", .detail = "没有年审活动；请开放"};
    struct database_complaint other = {.sqlstate = "23505", .constraint = "member_pkey", .detail = "secret"};
    struct fault fault = {0};
    (void)state;
    (void)setenv("LC_ALL", "zh_CN.UTF-8", 1);
    language_use_environment();
    assert_false(database_fault_of(&ours, &fault));
    assert_string_equal(fault.text, "没有年审活动；请开放");
    fault_clear(&fault);
    assert_false(database_fault_of(&other, &fault));
    assert_string_equal(fault.text, "PostgreSQL：SQLSTATE 23505，约束 member_pkey");
    (void)unsetenv("LC_ALL");
    language_use_english();
}

/* A message longer than a fault's text is cut, and nothing else happens. */
static void test_long_message(void **state)
{
    (void)state;
    char message[4096];
    memset(message, 'm', sizeof message - 1);
    message[sizeof message - 1] = '\0';
    struct fault fault = fault_of("NS002", message, message, NULL);
    assert_true(strlen(fault.text) < FAULT_TEXT_BYTES_MAX);
}

static struct fault fault_of_connection(const char *message, bool needs_password)
{
    struct fault fault = {0};
    assert_false(database_fault_of_connection("host db port 5432", message, needs_password, &fault));
    return fault;
}

static void test_absent(void **state)
{
    (void)state;
    struct fault fault = fault_of_connection("connection to server at \"db\" (10.0.0.1), port 5432 failed: Connection refused\n"
                                             "\tIs the server running on that host?\n",
                                             false);
    assert_int_equal(fault.kind, FAULT_RETRY);
    assert_int_equal(fault.exit_status, EX_UNAVAILABLE);
    assert_string_equal(fault.code, "database-absent");
    assert_string_equal(fault.text,
                        "no PostgreSQL server answers at host db port 5432: Connection refused; start it, or set PGHOST and PGPORT");
    fault = fault_of_connection("could not translate host name \"db\" to address: Name or service not known\n", false);
    assert_int_equal(fault.kind, FAULT_RETRY);
}

static void test_refused_login(void **state)
{
    (void)state;
    static const char *const messages[] = {
        "connection to server at \"db\" (10.0.0.1), port 5432 failed: FATAL:  28P01: password authentication failed for user \"u\"\n",
        "connection to server at \"db\" (10.0.0.1), port 5432 failed: FATAL:  3D000: database \"d\" does not exist\nLOCATION: x\n",
        "connection to server at \"db\" (10.0.0.1), port 5432 failed: FATAL:  42501: permission denied for database \"d\"\n",
    };
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        struct fault fault = fault_of_connection(messages[i], false);
        assert_int_equal(fault.kind, FAULT_FATAL);
        assert_int_equal(fault.exit_status, EX_CONFIG);
        assert_string_equal(fault.code, "database-login");
        assert_null(strstr(fault.text, "LOCATION"));
    }
    struct fault fault = fault_of_connection("connection to server at \"db\" failed: fe_sendauth: no password supplied\n", true);
    assert_int_equal(fault.exit_status, EX_CONFIG);
    assert_non_null(strstr(fault.text, "PGPASSWORD"));
}

/* A server that starts up or is full answers with a SQLSTATE too, and is worth waiting for. */
static void test_not_yet(void **state)
{
    (void)state;
    struct fault fault =
        fault_of_connection("connection to server on socket \"/x\" failed: FATAL:  57P03: the database system is starting up\n", false);
    assert_int_equal(fault.kind, FAULT_RETRY);
    assert_string_equal(fault.code, "database-unavailable");
    fault = fault_of_connection("connection to server on socket \"/x\" failed: FATAL:  53300: sorry, too many clients already\n", false);
    assert_int_equal(fault.kind, FAULT_RETRY);
}

static void test_bad_setting(void **state)
{
    (void)state;
    struct fault fault = fault_of_connection("invalid integer value \"x\" for connection option \"port\"\n", false);
    assert_int_equal(fault.kind, FAULT_FATAL);
    assert_int_equal(fault.exit_status, EX_CONFIG);
    assert_string_equal(fault.code, "database-setting");
}

/* Libpq's messages in all the forms that are nearly a SQLSTATE. */
static void test_messages_without_a_state(void **state)
{
    static const char *const messages[] = {
        "connection to server at \"h\" failed: FATAL:  5703: x\n", "connection to server at \"h\" failed: FATAL:  57P03x y\n",
        "connection to server at \"h\" failed: FATAL:  57p03: y\n", "connection to server\nanother failed: x\n"};
    (void)state;
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        struct fault fault = {0};
        assert_false(database_fault_of_connection("host h", messages[i], false, &fault));
        assert_string_equal(fault.code, "database-absent");
    }
}

/* A complaint of ours without a message still says its SQLSTATE, and in Chinese its detail. */
static void test_our_own_complaints(void **state)
{
    struct fault fault = {0};
    (void)state;
    assert_false(database_fault_of(&(struct database_complaint){.sqlstate = "NS002"}, &fault));
    assert_string_equal(fault.text, "PostgreSQL: SQLSTATE NS002");
    fault_clear(&fault);
    assert_false(database_fault_of(&(struct database_complaint){.sqlstate = "NS002", .primary = "m", .detail = "细节"}, &fault));
    assert_string_equal(fault.text, "m");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_no_values),
        cmocka_unit_test(test_own_refusals),
        cmocka_unit_test(test_refusals_in_chinese),
        cmocka_unit_test(test_long_message),
        cmocka_unit_test(test_absent),
        cmocka_unit_test(test_refused_login),
        cmocka_unit_test(test_not_yet),
        cmocka_unit_test(test_bad_setting),
        cmocka_unit_test(test_messages_without_a_state),
        cmocka_unit_test(test_our_own_complaints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
