/* A clerk's file to entries: headers, modes, reasons, results, duplicates, and what is said of the rows that are wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "core/fault.h"
#include "producer/sheet.h"

/* Invented numbers whose check characters fit; LOW sorts before MIDDLE before HIGH. */
#define ID_LOW "110101199003070011"
#define ID_MIDDLE "211011196605229673"
#define ID_HIGH "432500197707302784"
#define ID_BAD_CHECK "432500197707302785"

struct reading {
    struct reasons reasons;
    struct sheet_rules rules;
    struct entries *entries;
    struct report report;
    struct fault fault;
    bool ok;
};

static void reading_start(struct reading *reading, enum sheet_mode mode)
{
    *reading = (struct reading){.ok = false};
    assert_true(reasons_read(&reading->reasons, REASONS_DEFAULT, &reading->fault));
    reading->rules = (struct sheet_rules){.mode = mode, .reasons = &reading->reasons, .reason_fallback = REASON_NONE, .today = 20260301};
    reading->entries = entries_new();
    assert_non_null(reading->entries);
    report_start(&reading->report);
}

static void reading_read(struct reading *reading, const char *bytes, size_t count)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, count, file), count);
    rewind(file);
    reading->ok = sheet_read(file, &reading->rules, reading->entries, &reading->report, &reading->fault);
    fclose(file);
}

static void reading_of(struct reading *reading, enum sheet_mode mode, const char *text)
{
    reading_start(reading, mode);
    reading_read(reading, text, strlen(text));
}

static void reading_end(struct reading *reading)
{
    entries_free(reading->entries);
    report_free(&reading->report);
}

/* The entry at `index` in order. */
static struct entry entry_at(struct entries *entries, size_t index)
{
    struct entry entry;
    struct fault fault = {.kind = FAULT_NONE};
    entries_seek(entries, 0);
    for (size_t i = 0; i <= index; i++) assert_true(entries_next(entries, &entry, &fault));
    return entry;
}

static const struct problem *error_at(const struct reading *reading, size_t index)
{
    assert_true(index < reading->report.errors.count);
    return &reading->report.errors.list[index];
}

static void assert_entry(const struct reading *reading, size_t index, const char *key, enum event_list list, int64_t row)
{
    struct entry entry = entry_at(reading->entries, index);
    assert_int_equal(entry.key_bytes, strlen(key));
    assert_memory_equal(entry.key, key, entry.key_bytes);
    assert_int_equal(entry.list, list);
    assert_int_equal(entry.row, row);
}

static void assert_refused(const char *text, enum sheet_mode mode, const char *code)
{
    struct reading reading;
    reading_of(&reading, mode, text);
    assert_false(reading.ok);
    assert_string_equal(reading.fault.code, code);
    reading_end(&reading);
}

static void names_go_with_who_fails(void **state)
{
    struct reading reading;
    (void)state;
    reading_of(&reading, SHEET_LIST,
               "姓名,身份证号码,年审结果,原因\n\"王\n建国 \"," ID_HIGH ",不通过,退休\n李二," ID_LOW ",通过,\n=\"赵六\"," ID_MIDDLE
               ",不通过,死亡\n");
    assert_int_equal(reading.report.errors.total, 0);
    struct entry entry = entry_at(reading.entries, 2);
    assert_int_equal(entry.name_bytes, strlen("王 建国"));
    assert_memory_equal(entry.name, "王 建国", entry.name_bytes);
    assert_int_equal(entry_at(reading.entries, 0).name_bytes, 0);
    assert_int_equal(entry_at(reading.entries, 1).name_bytes, strlen("赵六"));
    reading_end(&reading);
    reading_of(&reading, SHEET_IMPORT, "姓名,身份证号码,原因\n王\x01国," ID_HIGH ",退休\n");
    assert_int_equal(reading.report.errors.total, 1);
    assert_string_equal(error_at(&reading, 0)->code, "name-text");
    reading_end(&reading);
}

static void import_takes_headers_as_offices_write_them(void **state)
{
    static const char *const headers[] = {
        "身份证号码,姓名,不通过原因", "*身份证号 ,姓名,＊ 未通过原因", "公民身份号码,会员姓名,原因",      "证件号码,x,减员原因",
        "*证件号,备注,reason",        "ID_Number,name,Reason",         "　身份证　号码,姓名,不通过 原因",
    };
    (void)state;
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        char text[512];
        struct reading reading;
        snprintf(text, sizeof text, "\xEF\xBB\xBF%s\r\n" ID_HIGH ",某甲,退休\r\n" ID_LOW ",某乙,deceased\r\n", headers[i]);
        reading_of(&reading, SHEET_IMPORT, text);
        assert_true(reading.ok);
        assert_int_equal(reading.report.errors.total, 0);
        assert_int_equal(entries_count(reading.entries), 2);
        assert_entry(&reading, 0, ID_LOW, EVENT_LIST_FAILED, 3);
        assert_entry(&reading, 1, ID_HIGH, EVENT_LIST_FAILED, 2);
        assert_string_equal(reading.reasons.list[entry_at(reading.entries, 0).reason].code, "deceased");
        assert_string_equal(reading.reasons.list[entry_at(reading.entries, 1).reason].code, "retired");
        reading_end(&reading);
    }
}

static void list_takes_results_in_both_languages(void **state)
{
    struct reading reading;
    (void)state;
    reading_of(&reading, SHEET_LIST,
               "会员编号,姓名,身份证号码,年审结果,不通过原因\n1,甲," ID_HIGH ",通过,\n2,乙," ID_MIDDLE ",FAILED,离职\n3,丙," ID_LOW
               ",pass,\n");
    assert_true(reading.ok);
    assert_int_equal(reading.report.errors.total, 0);
    assert_entry(&reading, 0, ID_LOW, EVENT_LIST_PASSED, 4);
    assert_entry(&reading, 1, ID_MIDDLE, EVENT_LIST_FAILED, 3);
    assert_entry(&reading, 2, ID_HIGH, EVENT_LIST_PASSED, 2);
    reading_end(&reading);
}

static void all_errors_are_found_in_one_pass_with_their_rows(void **state)
{
    struct reading reading;
    (void)state;
    /* Row 4 is blank and row 5 only commas: both count, neither is an entry. */
    reading_of(&reading, SHEET_IMPORT,
               "身份证号码,姓名,不通过原因\n" ID_BAD_CHECK ",甲,退休\n" ID_LOW ",乙,不知道\n\n,,\n" ID_MIDDLE ",丙,\n,丁,退休\n" ID_LOW
               ",戊,离职\n");
    assert_true(reading.ok);
    assert_int_equal(reading.report.errors.total, 5);
    static const struct {
        int row;
        const char *code;
    } expected[] = {{2, "id-check"}, {3, "unknown-reason"}, {6, "missing-reason"}, {7, "id-missing"}, {8, "listed-twice"}};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(error_at(&reading, i)->row, expected[i].row);
        assert_string_equal(error_at(&reading, i)->code, expected[i].code);
    }
    assert_string_equal(error_at(&reading, 0)->column, "A 身份证号码");
    assert_string_equal(error_at(&reading, 1)->column, "C 不通过原因");
    assert_int_equal(error_at(&reading, 0)->position, 18);
    assert_int_equal(error_at(&reading, 0)->expected, '4');
    assert_int_equal(error_at(&reading, 4)->other_row, 3);
    reading_end(&reading);
}

static void no_full_id_number_is_kept_in_an_error(void **state)
{
    struct reading reading;
    (void)state;
    reading_of(&reading, SHEET_IMPORT, "身份证号码,原因\n" ID_BAD_CHECK ",退休\n" ID_LOW "," ID_MIDDLE "\n");
    assert_int_equal(reading.report.errors.total, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_null(strstr(error_at(&reading, i)->value, ID_BAD_CHECK));
        assert_null(strstr(error_at(&reading, i)->value, ID_MIDDLE));
        assert_true(strlen(error_at(&reading, i)->value) > 0);
    }
    reading_end(&reading);
}

static void the_fallback_reason_serves_rows_without_one(void **state)
{
    struct reading reading;
    (void)state;
    reading_start(&reading, SHEET_IMPORT);
    reading.rules.reason_fallback = reasons_find(&reading.reasons, "left", 4);
    static const char text[] = "证件号码\n" ID_LOW "\n" ID_HIGH "\n";
    reading_read(&reading, text, sizeof text - 1);
    assert_true(reading.ok);
    assert_int_equal(reading.report.errors.total, 0);
    assert_string_equal(reading.reasons.list[entry_at(reading.entries, 1).reason].code, "left");
    reading_end(&reading);
}

static void results_that_say_nothing_are_errors(void **state)
{
    struct reading reading;
    (void)state;
    reading_of(&reading, SHEET_LIST, "身份证号码,结果,原因\n" ID_LOW ",,\n" ID_MIDDLE ",也许,\n" ID_HIGH ",通过,退休\n");
    assert_true(reading.ok);
    assert_int_equal(reading.report.errors.total, 3);
    assert_string_equal(error_at(&reading, 0)->code, "result-missing");
    assert_string_equal(error_at(&reading, 1)->code, "result-not-known");
    assert_string_equal(error_at(&reading, 2)->code, "result-contradicts");
    reading_end(&reading);
}

static void malformed_numbers_pass_only_when_allowed(void **state)
{
    static const char text[] = "证件号码,原因\nW1234567,退休\n" ID_LOW ",退休\n";
    struct reading reading;
    (void)state;
    reading_of(&reading, SHEET_IMPORT, text);
    assert_int_equal(reading.report.errors.total, 1);
    assert_int_equal(entries_count(reading.entries), 1);
    reading_end(&reading);
    reading_start(&reading, SHEET_IMPORT);
    reading.rules.allows_malformed = true;
    reading_read(&reading, text, sizeof text - 1);
    assert_int_equal(reading.report.errors.total, 0);
    assert_int_equal(reading.report.warnings.total, 1);
    assert_string_equal(reading.report.warnings.list[0].code, "malformed-allowed");
    assert_entry(&reading, 1, "W1234567", EVENT_LIST_FAILED, 2);
    reading_end(&reading);
}

static void a_missing_number_is_never_allowed(void **state)
{
    static const char text[] = "证件号码,原因\n 　,退休\n";
    struct reading reading;
    (void)state;
    reading_start(&reading, SHEET_IMPORT);
    reading.rules.allows_malformed = true;
    reading_read(&reading, text, sizeof text - 1);
    assert_int_equal(reading.report.errors.total, 1);
    assert_string_equal(error_at(&reading, 0)->code, "id-missing");
    reading_end(&reading);
}

static void a_header_alone_means_that_nobody_fails(void **state)
{
    struct reading reading;
    (void)state;
    reading_of(&reading, SHEET_IMPORT, "身份证号码,姓名,不通过原因\r\n");
    assert_true(reading.ok);
    assert_int_equal(entries_count(reading.entries), 0);
    reading_end(&reading);
    assert_refused("身份证号码,结果\r\n", SHEET_LIST, "no-rows");
}

static void files_of_the_wrong_kind_are_recognised(void **state)
{
    (void)state;
    assert_refused("", SHEET_IMPORT, "empty-file");
    assert_refused("\n\n\n", SHEET_IMPORT, "empty-file");
    assert_refused("PK\x03\x04rest of a zip file", SHEET_IMPORT, "not-csv");
    assert_refused("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", SHEET_IMPORT, "not-csv");
    assert_refused("PK\x03\x04..........................mimetypeapplication/vnd.oasis.opendocument.spreadsheet", SHEET_IMPORT, "not-csv");
    assert_refused("<html><table>", SHEET_IMPORT, "not-csv");
    assert_refused("%PDF-1.7", SHEET_IMPORT, "not-csv");
    assert_refused("身份证号码\xB7\xDD,姓名\n", SHEET_IMPORT, "not-text");
    assert_refused("姓名,原因\n甲,退休\n", SHEET_IMPORT, "header-missing");
    assert_refused("身份证号码，姓名，原因\n", SHEET_IMPORT, "not-comma");
    assert_refused("身份证号码|姓名|原因\n", SHEET_IMPORT, "not-comma");
    assert_refused("身份证号码,证件号码\n", SHEET_IMPORT, "header-twice");
}

static void a_file_for_the_other_mode_is_refused(void **state)
{
    (void)state;
    assert_refused("身份证号码,年审结果,不通过原因\n" ID_LOW ",通过,\n", SHEET_IMPORT, "mode-mismatch");
    assert_refused("身份证号码,姓名,不通过原因\n" ID_LOW ",甲,退休\n", SHEET_LIST, "header-missing");
}

static void reasons_are_a_setting(void **state)
{
    struct reasons reasons;
    struct fault fault = {.kind = FAULT_NONE};
    (void)state;
    assert_true(reasons_read(&reasons, "retired=退休,moved=调出", &fault));
    assert_int_equal(reasons_find(&reasons, "调出", strlen("调出")), 1);
    assert_int_equal(reasons_find(&reasons, "MOVED", 5), 1);
    assert_int_equal(reasons_find(&reasons, "move", 4), REASON_NONE);
    assert_int_equal(reasons_find(&reasons, "", 0), REASON_NONE);
    assert_true(reasons_read(&reasons, REASONS_DEFAULT, &fault));
    assert_int_equal(reasons_find(&reasons, "去世", strlen("去世")), reasons_find(&reasons, "deceased", strlen("deceased")));
    assert_int_equal(reasons_find(&reasons, "辞职", strlen("辞职")), reasons_find(&reasons, "离职", strlen("离职")));
    static const char *const bad[] = {"", "retired", "=退休", "retired=", "retired=退休,", ",retired=退休"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        fault_clear(&fault);
        assert_false(reasons_read(&reasons, bad[i], &fault));
        assert_string_equal(fault.code, "bad-reasons");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_go_with_who_fails),
        cmocka_unit_test(import_takes_headers_as_offices_write_them),
        cmocka_unit_test(list_takes_results_in_both_languages),
        cmocka_unit_test(all_errors_are_found_in_one_pass_with_their_rows),
        cmocka_unit_test(no_full_id_number_is_kept_in_an_error),
        cmocka_unit_test(the_fallback_reason_serves_rows_without_one),
        cmocka_unit_test(results_that_say_nothing_are_errors),
        cmocka_unit_test(malformed_numbers_pass_only_when_allowed),
        cmocka_unit_test(a_missing_number_is_never_allowed),
        cmocka_unit_test(a_header_alone_means_that_nobody_fails),
        cmocka_unit_test(files_of_the_wrong_kind_are_recognised),
        cmocka_unit_test(a_file_for_the_other_mode_is_refused),
        cmocka_unit_test(reasons_are_a_setting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
