/* What is generated from schemas/ and sql/ says what the files say, byte for byte. Runs in the tree's root, as `make unit` does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/code.h"
#include "core/sql_embedded.h"
#include "schema_version.h"

enum { FILE_BYTES_MAX = 1 << 20 };

static char *read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) fail_msg("%s cannot be opened", path);
    char *text = malloc(FILE_BYTES_MAX);
    assert_non_null(text);
    size_t length = fread(text, 1, FILE_BYTES_MAX - 1, file);
    text[length] = '\0';
    (void)fclose(file);
    return text;
}

static void sql_is_embedded_unchanged(void **state)
{
    (void)state;
    for (const struct sql_file *file = sql_files; file->name != NULL; file++) {
        char path[256];
        (void)snprintf(path, sizeof path, "%s/%s", strcmp(file->name, "code_table.sql") == 0 ? "build/gen/sql" : "sql", file->name);
        char *text = read_file(path);
        assert_string_equal(file->text, text);
        free(text);
    }
}

static void migrations_come_first_and_by_number(void **state)
{
    (void)state;
    int last = 0;
    bool is_over = false;
    for (const struct sql_file *file = sql_files; file->name != NULL; file++) {
        if (!file->is_migration) {
            is_over = true;
            assert_int_equal(file->number, 0);
            continue;
        }
        assert_false(is_over);
        assert_true(file->number > last);
        last = file->number;
    }
    assert_true(last > 0);
    assert_int_equal(strtol(NIANSHEN_SCHEMA_VERSION, NULL, 10), last);
    assert_int_equal(strlen(strchr(NIANSHEN_SCHEMA_VERSION, '-')), 1 + 12);
}

static void codes_come_after_functions_and_before_grants(void **state)
{
    (void)state;
    int step = 0;
    for (const struct sql_file *file = sql_files; file->name != NULL; file++) {
        int this_step = file->is_migration                           ? 0
                        : strncmp(file->name, "functions/", 10) == 0 ? 1
                        : strcmp(file->name, "code_table.sql") == 0  ? 2
                                                                     : 3;
        assert_true(this_step >= step);
        step = this_step;
    }
    assert_int_equal(step, 3);
}

static void every_row_of_codes_is_in_the_table(void **state)
{
    (void)state;
    char *text = read_file("schemas/codes.tsv"), *rest = text;
    (void)strsep(&rest, "\n"); /* the header line */
    const struct code *code = code_table;
    for (char *row = strsep(&rest, "\n"); row != NULL && *row != '\0'; row = strsep(&rest, "\n"), code++) {
        const char *const expected[] = {code->name, code->kind, code->zh, code->en, code->remedy_zh, code->remedy_en};
        for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) assert_string_equal(strsep(&row, "\t"), expected[i]);
        assert_null(row);
    }
    assert_null(code->name);
    free(text);
}

static void codes_are_found_by_name(void **state)
{
    (void)state;
    for (const struct code *code = code_table; code->name != NULL; code++) assert_ptr_equal(code_find(code->name), code);
    assert_null(code_find("no-such-code"));
    assert_null(code_find(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sql_is_embedded_unchanged),
        cmocka_unit_test(migrations_come_first_and_by_number),
        cmocka_unit_test(codes_come_after_functions_and_before_grants),
        cmocka_unit_test(every_row_of_codes_is_in_the_table),
        cmocka_unit_test(codes_are_found_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
