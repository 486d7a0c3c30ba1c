/* Tables as people and programs get them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ops/table.h"

static const struct table_column columns[] = {
    {{"姓名", "NAME 姓名"}, "name", TABLE_TEXT}, {{NULL, NULL}, "count", TABLE_NUMBER}, {{"时间", "AT"}, "at", TABLE_MOMENT},
    {{"列表", "LIST"}, "list", TABLE_LIST},      {{"是否", "IS"}, "is", TABLE_SWITCH},  {{NULL, NULL}, NULL, TABLE_TEXT},
};

static struct table *table_of(bool is_json, size_t rows, const char *const rows_of_cells[][5])
{
    struct fault fault = {0};
    struct table *table = table_new(columns, is_json);
    assert_non_null(table);
    for (size_t i = 0; i < rows; i++) assert_true(table_add(table, rows_of_cells[i], &fault));
    assert_int_equal(table_rows(table), rows);
    return table;
}

static void assert_prints(bool is_json, size_t rows, const char *const rows_of_cells[][5], const char *expected)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    struct table *table = table_of(is_json, rows, rows_of_cells);
    table_print(table, out);
    table_free(table);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(text, expected);
    free(text);
}

static const char *const cells[][5] = {
    {"赵钱孙李", "7", "1772323200000", "a\nb", "t"},
    {"x", "1234567", NULL, "", NULL},
    {NULL, NULL, NULL, NULL, "f"},
};

/* Chinese takes two columns a character, numbers stand right, and no line ends with blanks. */
static void test_for_people(void **state)
{
    (void)state;
    assert_prints(false, 3, cells,
                  "NAME 姓名    count  AT                       LIST  IS\n"
                  "赵钱孙李         7  2026-03-01 08:00:00 CST  a, b  yes\n"
                  "x          1234567\n"
                  "                                                   no\n");
}

static void test_for_programs(void **state)
{
    (void)state;
    assert_prints(true, 3, cells,
                  "[\n{\"name\":\"赵钱孙李\",\"count\":7,\"at\":\"2026-03-01T00:00:00.000Z\",\"list\":[\"a\",\"b\"],\"is\":true},\n"
                  "{\"name\":\"x\",\"count\":1234567,\"at\":null,\"list\":[],\"is\":null},\n"
                  "{\"name\":null,\"count\":null,\"at\":null,\"list\":null,\"is\":false}\n]\n");
}

static void test_empty(void **state)
{
    (void)state;
    assert_prints(false, 0, NULL, "");
    assert_prints(true, 0, NULL, "[]\n");
}

/* What could steer a terminal, and bytes that are no UTF-8, never reach it. */
static void test_control_characters(void **state)
{
    (void)state;
    static const char *const hostile[][5] = {{"a\033[31mb\xC2\x9B\xFF\r\nc", NULL, NULL, NULL, NULL}};
    assert_prints(false, 1, hostile,
                  "NAME 姓名     count  AT  LIST  IS\n"
                  "a?[31mb??? c\n");
}

/* What strangers wrote never shows a full number, to people or to programs. */
static void test_masked(void **state)
{
    static const struct table_column masked[] = {{{"单位", "UNIT"}, "unit", TABLE_MASKED}, {{NULL, NULL}, NULL, TABLE_TEXT}};
    static const char *const texts[] = {"11010119900307123X", "U0001", NULL};
    (void)state;
    for (int is_json = 0; is_json < 2; is_json++) {
        char *text = NULL;
        size_t bytes = 0;
        struct fault fault = {0};
        FILE *out = open_memstream(&text, &bytes);
        struct table *table = table_new(masked, is_json);
        for (size_t i = 0; i < 3; i++) assert_true(table_add(table, &texts[i], &fault));
        table_print(table, out);
        table_free(table);
        assert_int_equal(fclose(out), 0);
        assert_string_equal(text, is_json ? "[\n{\"unit\":\"110***********123X\"},\n{\"unit\":\"U0001\"},\n{\"unit\":null}\n]\n"
                                          : "UNIT\n110***********123X\nU0001\n\n");
        free(text);
    }
}

static void test_record(void **state)
{
    (void)state;
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    struct table *table = table_of(false, 3, cells);
    table_print_record(table, 1, out);
    table_free(table);
    table = table_of(true, 3, cells);
    table_print_record(table, 1, out);
    table_free(table);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(text, "NAME 姓名  x\ncount      1234567\n"
                              "{\"name\":\"x\",\"count\":1234567,\"at\":null,\"list\":[],\"is\":null}");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_for_people),         cmocka_unit_test(test_for_programs), cmocka_unit_test(test_empty),
        cmocka_unit_test(test_control_characters), cmocka_unit_test(test_masked),       cmocka_unit_test(test_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
