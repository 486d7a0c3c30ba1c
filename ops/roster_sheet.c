#include "ops/roster_sheet.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "core/csv_stream.h"
#include "core/event.h"
#include "core/id_number.h"
#include "core/language.h"
#include "core/mobile.h"
#include "core/moment.h"
#include "core/text.h"

const struct roster_kind roster_units = {
    .header = "unit,name,superior,credit_code,address,contact_name,contact_mobile",
    .columns =
        {
            [UNIT_UNIT] = {"unit", EVENT_UNIT_BYTES_MAX, true, NULL, ROSTER_TEXT},
            [UNIT_NAME] = {"name", ROSTER_CELL_BYTES_MAX, true, NULL, ROSTER_TEXT},
            [UNIT_SUPERIOR] = {"superior", ROSTER_CELL_BYTES_MAX, true, NULL, ROSTER_TEXT},
            [UNIT_CREDIT_CODE] = {"credit_code", ROSTER_CELL_BYTES_MAX, false, NULL, ROSTER_TEXT},
            [UNIT_ADDRESS] = {"address", ROSTER_CELL_BYTES_MAX, false, NULL, ROSTER_TEXT},
            [UNIT_CONTACT_NAME] = {"contact_name", ROSTER_CELL_BYTES_MAX, false, NULL, ROSTER_TEXT},
            [UNIT_CONTACT_MOBILE] = {"contact_mobile", ROSTER_CELL_BYTES_MAX, false, NULL, ROSTER_TELEPHONE},
        },
};

const struct roster_kind roster_members = {
    .header = "unit,member_no,name,gender,id_type,id_number,id_valid_until,mobile",
    .columns =
        {
            [MEMBER_UNIT] = {"unit", EVENT_UNIT_BYTES_MAX, true, NULL, ROSTER_TEXT},
            [MEMBER_NO] = {"member_no", ROSTER_CELL_BYTES_MAX, true, NULL, ROSTER_TEXT},
            [MEMBER_NAME] = {"name", ROSTER_CELL_BYTES_MAX, false, NULL, ROSTER_TEXT},
            [MEMBER_GENDER] = {"gender", ROSTER_CELL_BYTES_MAX, false, "M F", ROSTER_TEXT},
            [MEMBER_ID_TYPE] = {"id_type", ROSTER_CELL_BYTES_MAX, false, "resident hmt-permit foreigner other", ROSTER_TEXT},
            [MEMBER_ID_NUMBER] = {"id_number", ID_NUMBER_TEXT_BYTES_MAX, false, NULL, ROSTER_TEXT},
            [MEMBER_ID_VALID_UNTIL] = {"id_valid_until", ROSTER_CELL_BYTES_MAX, false, NULL, ROSTER_DATE},
            [MEMBER_MOBILE] = {"mobile", ROSTER_CELL_BYTES_MAX, false, NULL, ROSTER_TELEPHONE},
        },
};

/* What a spreadsheet would show: ="007" is 007. An export writes '=1+1 for =1+1, lest it calculates: read back it is what it was. */
static void cell_unguard(const char **text, size_t *length)
{
    if (csv_cell_unwrap(text, length) || *length < 2 || (*text)[0] != '\'' || strchr("=+-@", (*text)[1]) == NULL) return;
    ++*text;
    --*length;
}

/* ---- the header ---- */

static bool is_cell(const struct csv_row *row, size_t index, const char *name)
{
    const char *text = row->values[index];
    size_t length = row->lengths[index];
    text_trim(&text, &length);
    return strlen(name) == length && memcmp(text, name, length) == 0;
}

static bool header_find(struct roster_sheet *sheet, size_t column, const struct csv_row *row, struct fault *fault)
{
    const char *name = sheet->kind->columns[column].name;
    size_t found = 0;
    for (size_t i = 0; i < row->count; i++) {
        if (!is_cell(row, i, name)) continue;
        sheet->place[column] = i;
        found++;
    }
    if (found == 1) return true;
    if (found == 0)
        return fault_set(fault, FAULT_REJECT, EX_DATAERR, "header-missing",
                         language_pick("表头没有 %s 列；应为 %s，顺序不限", "the header has no column %s; it must hold %s, in any order"),
                         name, sheet->kind->header);
    return fault_set(
        fault, FAULT_REJECT, EX_DATAERR, "header-twice",
        language_pick("表头有不止一个 %s 列；应为 %s，顺序不限", "the header has more than one column %s; it must hold %s, in any order"),
        name, sheet->kind->header);
}

static bool header_has_no_other(const struct roster_kind *kind, const struct csv_row *row, struct fault *fault)
{
    for (size_t i = 0; i < row->count; i++) {
        const struct roster_column *column = kind->columns;
        while (column->name != NULL && !is_cell(row, i, column->name)) column++;
        if (column->name != NULL) continue;
        char name[ROSTER_CELL_BYTES_MAX];
        text_mask_digits(row->values[i], row->lengths[i], name, sizeof name);
        return fault_set(
            fault, FAULT_REJECT, EX_DATAERR, "header-unknown",
            language_pick("表头有未知的列“%s”；应为 %s，顺序不限", "the header has an unknown column '%s'; it must hold %s, in any order"),
            name, kind->header);
    }
    return true;
}

bool roster_sheet_header(struct roster_sheet *sheet, const struct roster_kind *kind, const struct csv_row *row, struct fault *fault)
{
    sheet->kind = kind;
    sheet->width = row->count;
    if (!header_has_no_other(kind, row, fault)) return false;
    for (size_t column = 0; kind->columns[column].name != NULL; column++)
        if (!header_find(sheet, column, row, fault)) return false;
    return true;
}

/* ---- rows ---- */

static bool is_one_of(const char *list, const char *value, size_t length)
{
    for (const char *at = list; *at != '\0';) {
        size_t word = strcspn(at, " ");
        if (word == length && memcmp(at, value, length) == 0) return true;
        at += word + (at[word] == ' ' ? 1 : 0);
    }
    return false;
}

/* What is wrong with a trimmed cell, into `out`; false when something is. The cell itself is not repeated: it may be personal. */
static bool cell_check(const struct roster_column *column, const char *text, size_t length, char *out)
{
    const size_t room = ROSTER_TEXT_BYTES_MAX;
    if (length == 0 && column->is_required)
        (void)snprintf(out, room, language_pick("是空的，必须填写", "is empty; it must be given"));
    else if (length > column->bytes_max)
        (void)snprintf(out, room, language_pick("超过 %zu 字节，请缩短", "is longer than %zu bytes; shorten it"), column->bytes_max);
    else if (length > 0 && !text_is_name(text, length, column->bytes_max))
        (void)snprintf(out, room,
                       language_pick("含有换行或其他控制字符，请删除", "holds a line break or another control character; remove it"));
    else if (length > 0 && column->one_of != NULL && !is_one_of(column->one_of, text, length))
        (void)snprintf(out, room,
                       language_pick("不是下列之一：%s；请改为其中之一，或留空", "is none of: %s; give one of these, or leave it empty"),
                       column->one_of);
    else
        return true;
    return false;
}

/* Writes the text into the cell, in the column's form. */
static void cell_write(enum roster_form form, const char *text, size_t length, char cell[ROSTER_CELL_BYTES_MAX + 1])
{
    date_ymd date;
    char mobile[MOBILE_DIGITS + 1], landline[LANDLINE_CHARS_MAX + 1];
    if (form == ROSTER_DATE && date_parse(text, length, &date))
        (void)snprintf(cell, ROSTER_CELL_BYTES_MAX + 1, "%04d-%02d-%02d", date / 10000, date / 100 % 100, date % 100);
    else if (form == ROSTER_TELEPHONE && mobile_normalise(text, length, mobile))
        memcpy(cell, mobile, sizeof mobile);
    else if (form == ROSTER_TELEPHONE && landline_normalise(text, length, landline))
        memcpy(cell, landline, sizeof landline);
    else
        (void)snprintf(cell, ROSTER_CELL_BYTES_MAX + 1, "%.*s", (int)length, text);
}

static bool row_read_cell(struct roster_sheet *sheet, size_t column, const struct csv_row *row, char *out)
{
    const char *text = row->values[sheet->place[column]];
    size_t length = row->lengths[sheet->place[column]];
    text_trim(&text, &length);
    cell_unguard(&text, &length);
    sheet->values[column] = NULL;
    if (!cell_check(&sheet->kind->columns[column], text, length, out)) return false;
    if (length == 0) return true;
    cell_write(sheet->kind->columns[column].form, text, length, sheet->cells[column]);
    sheet->values[column] = sheet->cells[column];
    return true;
}

size_t roster_sheet_row(struct roster_sheet *sheet, const struct csv_row *row, roster_error_fn error, void *context)
{
    char text[ROSTER_TEXT_BYTES_MAX];
    size_t errors = 0;
    if (row->count != sheet->width) {
        (void)snprintf(text, sizeof text,
                       language_pick("有 %zu 格，表头有 %zu 格；注意含逗号的单元格须用引号括起",
                                     "has %zu cells, the header %zu; mind commas inside of cells, which need quotes around the cell"),
                       row->count, sheet->width);
        error(context, row->number, NULL, text);
        return 1;
    }
    for (size_t column = 0; sheet->kind->columns[column].name != NULL; column++) {
        if (row_read_cell(sheet, column, row, text)) continue;
        error(context, row->number, sheet->kind->columns[column].name, text);
        errors++;
    }
    return errors;
}
