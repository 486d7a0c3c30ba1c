/* The rows of UNITS.csv and MEMBERS.csv: columns in any order, every cell checked, every error told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include <cmocka.h>

#include "ops/roster_sheet.h"

struct told {
    char text[4096];
};

static void note_error(void *context, int64_t row, const char *column, const char *text)
{
    struct told *told = context;
    size_t used = strlen(told->text);
    (void)snprintf(told->text + used, sizeof told->text - used, "%d %s %s\n", (int)row, column == NULL ? "-" : column, text);
}

#define ROW(...) row_of(sizeof((const char *[]){__VA_ARGS__}) / sizeof(const char *), (const char *[]){__VA_ARGS__})

/* The cells live until the next call. */
static const struct csv_row *row_of(size_t count, const char *const *cells)
{
    static const char *values[CSV_COLUMNS_MAX];
    static size_t lengths[CSV_COLUMNS_MAX];
    static struct csv_row row;
    for (size_t i = 0; i < count; i++) {
        values[i] = cells[i];
        lengths[i] = strlen(cells[i]);
    }
    row = (struct csv_row){.number = 7, .count = count, .values = values, .lengths = lengths};
    return &row;
}

static void start(struct roster_sheet *sheet)
{
    struct fault fault = {0};
    assert_true(roster_sheet_header(
        sheet, &roster_members, ROW("mobile", "unit ", " member_no", "name", "gender", "id_type", "id_number", "id_valid_until"), &fault));
}

static void test_any_order(void **state)
{
    (void)state;
    struct roster_sheet sheet;
    struct told told = {""};
    start(&sheet);
    assert_int_equal(roster_sheet_row(&sheet, ROW("1", " U1\t", "　7 ", "张 三", "F", "", " ", "2030-01-01"), note_error, &told), 0);
    assert_string_equal(sheet.values[MEMBER_UNIT], "U1");
    assert_string_equal(sheet.values[MEMBER_NO], "7");
    assert_string_equal(sheet.values[MEMBER_NAME], "张 三");
    assert_string_equal(sheet.values[MEMBER_GENDER], "F");
    assert_null(sheet.values[MEMBER_ID_TYPE]);
    assert_null(sheet.values[MEMBER_ID_NUMBER]);
    assert_string_equal(sheet.values[MEMBER_MOBILE], "1");
    assert_string_equal(told.text, "");
}

/* Dates and telephone numbers come in one form, however a spreadsheet or a person writes them; what is none stays as it is. */
static void test_forms(void **state)
{
    static const char *const forms[][4] = {{"2034/1/5", "2034-01-05", "+86 152-6578-4521", "15265784521"},
                                           {"2034年1月5日", "2034-01-05", "0755 - 12345678", "0755-12345678"},
                                           {"48949", "2034-01-05", "152657845", "152657845"},
                                           {"长期", "长期", "无", "无"}};
    struct roster_sheet sheet;
    struct told told = {""};
    (void)state;
    start(&sheet);
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        assert_int_equal(roster_sheet_row(&sheet, ROW(forms[i][2], "U1", "7", "48949", "F", "", "", forms[i][0]), note_error, &told), 0);
        assert_string_equal(sheet.values[MEMBER_ID_VALID_UNTIL], forms[i][1]);
        assert_string_equal(sheet.values[MEMBER_MOBILE], forms[i][3]);
        assert_string_equal(sheet.values[MEMBER_NAME], "48949");
    }
}

static void assert_header_refused(const struct csv_row *row, const char *code, const char *named)
{
    struct roster_sheet sheet;
    struct fault fault = {0};
    assert_false(roster_sheet_header(&sheet, &roster_units, row, &fault));
    assert_int_equal(fault.exit_status, EX_DATAERR);
    assert_string_equal(fault.code, code);
    assert_non_null(strstr(fault.text, named));
    assert_non_null(strstr(fault.text, roster_units.header));
}

static void test_headers_refused(void **state)
{
    (void)state;
    assert_header_refused(ROW("unit", "name", "superior", "credit_code", "address", "contact_name"), "header-missing", "contact_mobile");
    assert_header_refused(ROW("unit", "name", "superior", "credit_code", "address", "contact_name", "contact_mobile", "unit"),
                          "header-twice", "unit");
    assert_header_refused(ROW("unit", "name", "superior", "credit_code", "address", "contact_name", "contact_mobile", "phone"),
                          "header-unknown", "'phone'");
    assert_header_refused(ROW("U1", "张三"), "header-unknown", "'U1'");
}

static void test_all_errors_told(void **state)
{
    (void)state;
    struct roster_sheet sheet;
    struct told told = {""};
    start(&sheet);
    assert_int_equal(roster_sheet_row(&sheet, ROW("", "", "1", "a\tb", "女", "passport", "", ""), note_error, &told), 4);
    assert_string_equal(told.text, "7 unit is empty; it must be given\n"
                                   "7 name holds a line break or another control character; remove it\n"
                                   "7 gender is none of: M F; give one of these, or leave it empty\n"
                                   "7 id_type is none of: resident hmt-permit foreigner other; give one of these, or leave it empty\n");
}

static void test_width_of_rows(void **state)
{
    (void)state;
    struct roster_sheet sheet;
    struct told told = {""};
    start(&sheet);
    assert_int_equal(roster_sheet_row(&sheet, ROW("1", "U1"), note_error, &told), 1);
    assert_non_null(strstr(told.text, "7 - has 2 cells, the header 8"));
}

/* The longest cell fits, one byte more is told. */
static void test_longest(void **state)
{
    (void)state;
    struct roster_sheet sheet;
    struct told told = {""};
    char name[ROSTER_CELL_BYTES_MAX + 2];
    memset(name, 'n', sizeof name);
    name[ROSTER_CELL_BYTES_MAX] = '\0';
    start(&sheet);
    assert_int_equal(roster_sheet_row(&sheet, ROW("", "U1", "1", name, "", "", "", ""), note_error, &told), 0);
    assert_string_equal(sheet.values[MEMBER_NAME], name);
    name[ROSTER_CELL_BYTES_MAX] = 'n';
    name[ROSTER_CELL_BYTES_MAX + 1] = '\0';
    assert_int_equal(roster_sheet_row(&sheet, ROW("", "U1", "1", name, "", "", "", ""), note_error, &told), 1);
    assert_string_equal(told.text, "7 name is longer than 255 bytes; shorten it\n");
}

/* What an export made harmless comes back as it was. */
static void test_guarded_formula(void **state)
{
    (void)state;
    struct roster_sheet sheet;
    struct told told = {""};
    start(&sheet);
    assert_int_equal(roster_sheet_row(&sheet, ROW("", "U1", "00012\t", "'=1+1", "", "", "'432500197707302784", ""), note_error, &told), 0);
    assert_string_equal(sheet.values[MEMBER_NO], "00012");
    assert_string_equal(sheet.values[MEMBER_NAME], "=1+1");
    assert_string_equal(sheet.values[MEMBER_ID_NUMBER], "'432500197707302784");
    assert_int_equal(
        roster_sheet_row(&sheet, ROW("", "U1", "=\"00012\"", "'=\"x\"", "", "", "=\"432500197707302784\"", "=\"\""), note_error, &told), 0);
    assert_string_equal(sheet.values[MEMBER_NO], "00012");
    assert_string_equal(sheet.values[MEMBER_NAME], "=\"x\"");
    assert_string_equal(sheet.values[MEMBER_ID_NUMBER], "432500197707302784");
    assert_null(sheet.values[MEMBER_MOBILE]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_order),       cmocka_unit_test(test_forms),         cmocka_unit_test(test_headers_refused),
        cmocka_unit_test(test_all_errors_told), cmocka_unit_test(test_width_of_rows), cmocka_unit_test(test_longest),
        cmocka_unit_test(test_guarded_formula),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
