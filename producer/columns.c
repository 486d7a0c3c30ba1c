#include "producer/columns.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/text.h"
#include "producer/cell.h"
#include "producer/message.h"

enum { COLUMN_NAMES_MAX = 10, HEADER_BYTES_MAX = 256 };

/* The first name is the template's. */
static const char *const column_names[COLUMNS][COLUMN_NAMES_MAX] = {
    [COLUMN_ID_NUMBER] = {"身份证号码", "身份证号", "公民身份号码", "证件号码", "证件号", "id_number", "id number"},
    [COLUMN_NAME] = {"姓名", "会员姓名", "name"},
    [COLUMN_REASON] = {"不通过原因", "未通过原因", "原因", "减员原因", "reason"},
    [COLUMN_RESULT] = {"年审结果", "结果", "result"},
    [COLUMN_CHECK] = {"检查结果", "check result"},
};

const char *column_name(enum column column)
{
    return column_names[column][0];
}

/* What Hong Kong, Macau and Taiwan write otherwise, of the words of headers, results and reasons: all of three bytes. */
static const char *simplified(const char *character, size_t bytes)
{
    static const char *const pairs[][2] = {{"證", "证"}, {"號", "号"}, {"碼", "码"}, {"過", "过"}, {"減", "减"}, {"員", "员"},
                                           {"審", "审"}, {"結", "结"}, {"檢", "检"}, {"離", "离"}, {"職", "职"}, {"辭", "辞"}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (bytes == strlen(pairs[i][0]) && memcmp(character, pairs[i][0], bytes) == 0) return pairs[i][1];
    return character;
}

static bool is_star(const char *text, size_t bytes)
{
    return (bytes == 1 && *text == '*') || (bytes == strlen("＊") && memcmp(text, "＊", bytes) == 0);
}

void columns_word(const char *text, size_t length, char out[COLUMN_WORD_BYTES_MAX + 1])
{
    size_t used = 0, end = 0; /* end: behind the last character that is no star */
    (void)csv_cell_unwrap(&text, &length);
    for (size_t at = 0, here; at < length;) {
        here = at;
        if (text_is_blank(text_next(text, length, &at)) || (used == 0 && is_star(text + here, at - here))) continue;
        if (used + (at - here) > COLUMN_WORD_BYTES_MAX) break;
        memcpy(out + used, simplified(text + here, at - here), at - here);
        used += at - here;
        if (!is_star(text + here, at - here)) end = used;
    }
    out[end] = '\0';
}

static bool header_is(const char *word, const char *name)
{
    char plain[COLUMN_WORD_BYTES_MAX + 1];
    columns_word(name, strlen(name), plain);
    return strcasecmp(word, plain) == 0;
}

static bool header_find(const char *text, size_t length, enum column *column)
{
    char word[COLUMN_WORD_BYTES_MAX + 1];
    columns_word(text, length, word);
    for (int i = 0; i < COLUMNS; i++)
        for (size_t n = 0; n < COLUMN_NAMES_MAX && column_names[i][n] != NULL; n++)
            if (header_is(word, column_names[i][n])) {
                *column = (enum column)i;
                return true;
            }
    return false;
}

static void column_title(char *out, size_t out_bytes, size_t index, const char *text, size_t length)
{
    char letters[4], name[COLUMN_TITLE_BYTES_MAX - sizeof letters];
    text_trim(&text, &length);
    cell_column_letters(index, letters, sizeof letters);
    text_mask_digits(text, length, name, sizeof name);
    snprintf(out, out_bytes, "%s %s", letters, name);
}

/* One column that holds other separators is a file saved the wrong way; the first row is shown masked, it may be data. */
static bool header_missing(const struct csv_row *header, struct fault *fault)
{
    static const char *const separators[] = {"，", "；", "|"};
    for (size_t i = 0; header->count == 1 && i < sizeof separators / sizeof *separators; i++) {
        if (strstr(header->values[0], separators[i]) == NULL) continue;
        char shown[HEADER_BYTES_MAX];
        text_mask_digits(header->values[0], header->lengths[0], shown, sizeof shown);
        return message_fault(fault, "not-comma", shown);
    }
    return message_fault(fault, "header-missing", column_name(COLUMN_ID_NUMBER));
}

bool columns_read(struct columns *columns, const struct csv_row *header, struct fault *fault)
{
    memset(columns, 0, sizeof *columns);
    for (int i = 0; i < COLUMNS; i++) columns->at[i] = -1;
    for (size_t i = 0; i < header->count; i++) {
        enum column column;
        if (!header_find(header->values[i], header->lengths[i], &column)) continue;
        if (columns->at[column] >= 0) return message_fault(fault, "header-twice", column_name(column));
        columns->at[column] = (int)i;
        column_title(columns->title[column], sizeof columns->title[column], i, header->values[i], header->lengths[i]);
    }
    return columns->at[COLUMN_ID_NUMBER] >= 0 || header_missing(header, fault);
}

bool columns_cell(const struct columns *columns, enum column column, const struct csv_row *row, const char **text, size_t *length)
{
    int at = columns->at[column];
    if (at < 0 || (size_t)at >= row->count) return false;
    *text = row->values[at];
    *length = row->lengths[at];
    text_trim(text, length);
    return true;
}
