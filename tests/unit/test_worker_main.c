/* nianshen-worker's command line: what it asks of worker_run, and what never gets that far. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/failing.h"

static int worker_main(int argc, char **argv);
#define main worker_main
#include "worker/main.c" /* NOLINT(bugprone-suspicious-include) */
#undef main

enum { STATUS = 7 };

static struct {
    int runs;
    int64_t records, bytes;
    bool has_owner, until_end, is_english;
    char group[32];
} seen;

static int run_note(const struct config *config)
{
    seen.runs++;
    seen.records = config_number(config, "batch_records");
    seen.bytes = config_number(config, "batch_bytes");
    seen.has_owner = config_text(config, "owner") != NULL;
    seen.until_end = config_switch(config, "until_end");
    seen.is_english = strcmp(language_pick("中文", "English"), "English") == 0;
    (void)snprintf(seen.group, sizeof seen.group, "%s", config_text(config, "group_id"));
    return STATUS;
}

FAKED(int, worker_run, true, (const struct config *config), (config), run_note(config))

/* Standard output is the test's own: help goes elsewhere. */
static int run(const char *first, const char *second)
{
    char program[] = "nianshen-worker", flags[2][64] = {"", ""};
    char *arguments[] = {program, flags[0], flags[1], NULL};
    int count = 1 + (first != NULL) + (second != NULL);
    if (first != NULL) (void)snprintf(flags[0], sizeof flags[0], "%s", first);
    if (second != NULL) (void)snprintf(flags[1], sizeof flags[1], "%s", second);
    memset(&seen, 0, sizeof seen);
    (void)fflush(stdout);
    int kept = dup(STDOUT_FILENO), nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);
    assert_true(dup2(nothing, STDOUT_FILENO) >= 0);
    int status = worker_main(count, arguments);
    (void)fflush(stdout);
    assert_true(dup2(kept, STDOUT_FILENO) >= 0);
    (void)close(kept);
    (void)close(nothing);
    return status;
}

/* Every setting that the worker asks for is there without being given. */
static void test_defaults(void **state)
{
    (void)state;
    assert_int_equal(run(NULL, NULL), STATUS);
    assert_int_equal(seen.runs, 1);
    assert_int_equal(seen.records, 1000);
    assert_int_equal(seen.bytes, 4194304);
    assert_string_equal(seen.group, "nianshen-worker");
    assert_false(seen.has_owner);
    assert_false(seen.until_end);
    assert_true(seen.is_english); /* whatever the locale is: programs read its log */
}

static void test_flags(void **state)
{
    (void)state;
    assert_int_equal(run("--group-id=g", "--until-end"), STATUS);
    assert_string_equal(seen.group, "g");
    assert_true(seen.until_end);
}

/* Help and what is refused end before anything is opened. */
static void test_nothing_is_run(void **state)
{
    (void)state;
    assert_int_equal(run("--help", NULL), EX_OK);
    assert_int_equal(seen.runs, 0);
    assert_int_equal(run("--batch-records=0", NULL), EX_USAGE);
    assert_int_equal(seen.runs, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_defaults), cmocka_unit_test(test_flags),
                                       cmocka_unit_test(test_nothing_is_run)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
