/* The log: one logfmt line an event, nothing secret in it, nothing that breaks the line. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/log.h"
#include "tests/unit/failing.h"

static int saved_stderr, reading_end;

/* Standard error goes into a pipe while a test writes; what came is given back without the time, which differs. */
static void capture(void)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    saved_stderr = dup(STDERR_FILENO);
    assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
    (void)close(ends[1]);
    reading_end = ends[0];
}

static size_t captured(char *out, size_t bytes)
{
    assert_true(dup2(saved_stderr, STDERR_FILENO) >= 0);
    (void)close(saved_stderr);
    size_t used = 0;
    for (ssize_t count; used < bytes - 1 && (count = read(reading_end, out + used, bytes - 1 - used)) > 0;) used += (size_t)count;
    out[used] = '\0';
    (void)close(reading_end);
    return used;
}

static const char *without_time(const char *line)
{
    assert_memory_equal(line, "ts=2", 4);
    const char *rest = strchr(line, ' ');
    assert_non_null(rest);
    assert_int_equal(rest - line, strlen("ts=2026-03-01T08:00:00.123Z"));
    return rest + 1;
}

/* Text, numbers and no field at all. */
static void test_line(void **state)
{
    (void)state;
    char out[8192];
    capture();
    log_info("batch-applied", log_text("topic", "unit-review"), log_number("records", 12), log_number("lag", -1));
    (void)captured(out, sizeof out);
    assert_string_equal(without_time(out), "level=info event=batch-applied topic=unit-review records=12 lag=-1\n");
    capture();
    log_error("stopped");
    (void)captured(out, sizeof out);
    assert_string_equal(without_time(out), "level=error event=stopped\n");
}

/* Values that would break a line or a parser are quoted and escaped; an empty one is "". */
static void test_quoting(void **state)
{
    (void)state;
    char out[8192];
    capture();
    log_warning("odd", log_text("a", "two words"), log_text("b", "say \"x\\y\""), log_text("c", "line\nbreak\ttab\x1B["), log_text("d", ""),
                log_text("e", "k=v"), log_text("f", "沈阳"));
    (void)captured(out, sizeof out);
    assert_string_equal(without_time(out), "level=warning event=odd a=\"two words\" b=\"say \\\"x\\\\y\\\"\" c=\"line\\nbreak\\ttab?[\" "
                                           "d=\"\" e=\"k=v\" f=沈阳\n");
}

/* No full ID number or mobile can leave through the log. */
static void test_masking(void **state)
{
    (void)state;
    char out[8192];
    capture();
    log_error("bad", log_text("text", "number 211011196605229673 of 18163508457"));
    (void)captured(out, sizeof out);
    assert_non_null(strstr(out, "text=\"number 211***********9673 of 181****8457\"\n"));
}

/* Lines below the level are not written; unknown levels are refused and change nothing. */
static void test_levels(void **state)
{
    (void)state;
    char out[8192];
    assert_true(log_set_level("warning"));
    assert_false(log_set_level("loud"));
    capture();
    log_debug("a");
    log_info("b");
    log_warning("c");
    assert_true(log_set_level("debug"));
    log_debug("d");
    (void)captured(out, sizeof out);
    assert_true(log_set_level("info"));
    assert_null(strstr(out, "event=a"));
    assert_null(strstr(out, "event=b"));
    assert_non_null(strstr(out, "event=c"));
    assert_non_null(strstr(out, "level=debug event=d"));
}

/* A line that would be too long for one atomic write ends with a mark, and still with one line break. */
static void test_long_line(void **state)
{
    (void)state;
    char out[16384], value[1000];
    memset(value, '"', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    capture();
    log_info("long", log_text("a", value), log_text("b", value), log_text("c", value), log_text("d", value), log_text("e", value));
    size_t count = captured(out, sizeof out);
    assert_true(count <= 4096);
    assert_string_equal(out + count - strlen(" truncated=true\n"), " truncated=true\n");
    assert_ptr_equal(strchr(out, '\n'), out + count - 1);
}

static int write_errno;
FAILING(ssize_t, write, (int descriptor, const void *bytes, size_t count), (descriptor, bytes, count), (errno = write_errno, -1))

/* A value may end at any place before the end of the line. */
static void test_lines_of_every_length(void **state)
{
    char text[1024], long_text[1024], line[8192];
    (void)state;
    assert_true(log_set_level("info"));
    memset(long_text, 'z', sizeof long_text - 1); /* many x would be masked like an ID number, and short */
    long_text[sizeof long_text - 1] = '\0';
    for (size_t length = 0; length < sizeof text; length++) {
        memset(text, 'y', length);
        text[length] = '\0';
        capture();
        log_info("long", log_text("a", long_text), log_text("b", long_text), log_text("c", long_text), log_text("d", text),
                 log_text("e", "x y"), log_text("f", "z"));
        size_t bytes = captured(line, sizeof line);
        assert_true(bytes <= 4096);
        assert_int_equal(line[bytes - 1], '\n');
    }
}

/* Interrupted, it is tried again; a log that can't be written is no reason to stop. */
static void test_writing_fails(void **state)
{
    char line[8192];
    (void)state;
    assert_true(log_set_level("info"));
    write_errno = EINTR;
    capture();
    failing_start("write", 1);
    log_info("again");
    assert_true(failing_stop());
    assert_true(captured(line, sizeof line) > 0);
    write_errno = EIO;
    capture();
    failing_start("write", 1);
    log_info("lost");
    assert_true(failing_stop());
    assert_int_equal(captured(line, sizeof line), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line),          cmocka_unit_test(test_quoting),   cmocka_unit_test(test_masking),
        cmocka_unit_test(test_levels),        cmocka_unit_test(test_long_line), cmocka_unit_test(test_lines_of_every_length),
        cmocka_unit_test(test_writing_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
