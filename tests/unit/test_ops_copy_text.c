/* COPY's text format: what is put is what PostgreSQL would write, and split gives it back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ops/copy_text.h"

static void puts_fields(void **state)
{
    (void)state;
    struct copy_text text = {0};
    copy_text_field(&text, "U\\1\t王\n");
    copy_text_plain(&text, "\t");
    copy_text_number(&text, INT64_MIN);
    copy_text_plain(&text, "\t\\\\x");
    copy_text_hex(&text, "\x00\xAf\x09", 3);
    assert_string_equal(copy_text_end(&text), "U\\\\1\\t王\\n\t-9223372036854775808\t\\\\x00af09");
    copy_text_free(&text);
    assert_null(text.bytes);
}

static void grows(void **state)
{
    (void)state;
    struct copy_text text = {0};
    for (int i = 0; i < 100000; i++) copy_text_number(&text, 1234567);
    assert_int_equal(text.used, 700000);
    assert_memory_equal(text.bytes + 699993, "1234567", 7);
    copy_text_free(&text);
}

static void broken_stays_broken(void **state)
{
    (void)state;
    struct copy_text text = {.is_broken = true};
    copy_text_field(&text, "a");
    copy_text_plain(&text, "a");
    copy_text_hex(&text, "a", 1);
    assert_null(copy_text_end(&text));
    assert_int_equal(text.used, 0);
}

static void splits(void **state)
{
    (void)state;
    const char *fields[8];
    char line[] = "a\\\\b\t\\N\t\t\\b\\f\\n\\r\\t\\v\tnever\\q\\\n";
    assert_int_equal(copy_text_split(line, fields, 8), 5);
    assert_string_equal(fields[0], "a\\b");
    assert_null(fields[1]);
    assert_string_equal(fields[2], "");
    assert_string_equal(fields[3], "\b\f\n\r\t\v");
    assert_string_equal(fields[4], "neverq\\");
    char two[] = "1\t2\t3\n";
    assert_int_equal(copy_text_split(two, fields, 2), 2);
    assert_string_equal(fields[1], "2");
}

static void gives_back(void **state)
{
    (void)state;
    struct copy_text text = {0};
    const char *fields[2];
    copy_text_field(&text, "\\N \\t\b\f\n\r\t\v'\"身份证");
    copy_text_plain(&text, "\n");
    assert_int_equal(copy_text_split(copy_text_end(&text), fields, 2), 1);
    assert_string_equal(fields[0], "\\N \\t\b\f\n\r\t\v'\"身份证");
    copy_text_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(puts_fields), cmocka_unit_test(grows),      cmocka_unit_test(broken_stays_broken),
        cmocka_unit_test(splits),      cmocka_unit_test(gives_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
