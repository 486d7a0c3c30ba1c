/* Messages filled from the table of codes, the bounded list of problems, and the small readers of cells and lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/language.h"
#include "producer/cell.h"
#include "producer/lines.h"
#include "producer/message.h"
#include "producer/report.h"

static void speak(const char *language)
{
    (void)setenv("LC_ALL", language, 1);
    language_use_environment();
}

static void places_of_a_message_are_filled(void **state)
{
    struct message message;
    struct message_values values = {.position = 18, .expected = '4'};
    (void)state;
    message_of_code(&message, "id-check", &values);
    assert_string_equal(message.text, "the check character does not fit; character 18 should be 4; compare each character with the card");
    speak("zh");
    message_of_code(&message, "id-check", &values);
    assert_string_equal(message.text, "证件号码的校验码不符，第 18 位应为 4。请对照证件逐位核对");
    values.field = "年审结果";
    message_of_code(&message, "header-missing", &values);
    assert_non_null(strstr(message.text, "“年审结果”"));
    speak("C");
    message_of_code(&message, "no-such-code", &values);
    assert_string_equal(message.text, "no-such-code");
}

static void a_long_message_is_cut_between_characters(void **state)
{
    struct message message;
    char field[2 * MESSAGE_BYTES_MAX + 1] = "";
    (void)state;
    for (size_t shift = 0; shift < 3; shift++) {
        memset(field, 'a', shift);
        for (size_t i = shift; i + 3 < sizeof field; i += 3) memcpy(field + i, "年", 4);
        struct message_values values = {.field = field};
        speak("zh");
        message_of_code(&message, "header-twice", &values);
        size_t length = strlen(message.text);
        assert_true(length < sizeof message.text);
        assert_memory_equal(message.text + length - 3, "年", 3);
    }
    speak("C");
}

static void the_first_problems_by_row_are_kept(void **state)
{
    struct report report;
    (void)state;
    report_start(&report);
    /* Rows 1000, 999, … 1: each new one is the lowest. */
    for (int64_t row = 1000; row > 0; row--) report_error(&report, &(struct problem){.row = row, .code = "id-check"});
    assert_int_equal(report.errors.total, 1000);
    assert_int_equal(report.errors.count, REPORT_ERRORS_MAX);
    for (size_t i = 0; i < report.errors.count; i++) assert_int_equal(report.errors.list[i].row, i + 1);
    report_error(&report, &(struct problem){.row = 50, .code = "listed-twice"});
    assert_string_equal(report.errors.list[49].code, "id-check");
    assert_string_equal(report.errors.list[50].code, "listed-twice");
    assert_int_equal(report.errors.list[REPORT_ERRORS_MAX - 1].row, REPORT_ERRORS_MAX - 1);
    report_free(&report);
}

static void columns_have_a_spreadsheets_letters(void **state)
{
    static const struct {
        size_t index;
        const char *letters;
    } columns[] = {{0, "A"}, {25, "Z"}, {26, "AA"}, {51, "AZ"}, {52, "BA"}, {63, "BL"}};
    char letters[3];
    (void)state;
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        cell_column_letters(columns[i].index, letters, sizeof letters);
        assert_string_equal(letters, columns[i].letters);
    }
}

static void lines_are_numbered_and_bounded(void **state)
{
    FILE *file = tmpfile();
    (void)state;
    assert_non_null(file);
    fputs("\xEF\xBB\xBF{1}\r\n\n  \t\r\n{4}\n", file);
    for (int i = 0; i < LINE_BYTES_MAX + 7; i++) fputc('x', file);
    fputs("\nlast", file);
    struct lines *lines = lines_new(file);
    for (int pass = 0; pass < 2; pass++) {
        assert_true(lines_next(lines));
        assert_int_equal(lines->number, 1);
        assert_memory_equal(lines->text, "{1}", 3);
        assert_true(lines_next(lines));
        assert_int_equal(lines->number, 4);
        assert_true(lines_next(lines));
        assert_int_equal(lines->bytes, LINE_BYTES_MAX + 7);
        assert_true(lines_next(lines));
        assert_int_equal(lines->number, 6);
        assert_int_equal(lines->bytes, 4);
        assert_false(lines_next(lines));
        lines_rewind(lines);
    }
    lines_free(lines);
    fclose(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_of_a_message_are_filled),     cmocka_unit_test(a_long_message_is_cut_between_characters),
        cmocka_unit_test(the_first_problems_by_row_are_kept), cmocka_unit_test(columns_have_a_spreadsheets_letters),
        cmocka_unit_test(lines_are_numbered_and_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
