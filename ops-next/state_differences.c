#include "ops-next/state_differences.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops-next/state_lines.h"
#include "ops/copy_text.h"

enum { FIELDS_MAX = 40, KEY_AT = 2 /* behind unit and kind */, KEY_BYTES_MAX = 1024, ABOUT_BYTES_MAX = 256 };

struct state_difference_line {
    char *text; /* its own */
    size_t key_bytes; /* unit, kind and key */
    enum state_side side;
};

/* Unit, kind and the columns that say which row it is. */
static size_t key_bytes_of(const char *text)
{
    char kind[32] = "";
    const char *at = strchr(text, '\t');
    if (at != NULL) (void)snprintf(kind, sizeof kind, "%.*s", (int)strcspn(at + 1, "\t"), at + 1);
    const struct state_line_kind *of = state_line_kind_of(kind);
    for (size_t left = 1 + (of == NULL ? 0 : of->key_columns); at != NULL && left > 0; left--) at = strchr(at + 1, '\t');
    return at == NULL ? strlen(text) : (size_t)(at - text);
}

bool state_differences_add(struct state_differences *differences, enum state_side side, const char *line, size_t bytes)
{
    if (differences->count == differences->room) {
        size_t room = differences->room * 2 + 1024;
        struct state_difference_line *lines = realloc(differences->lines, room * sizeof *lines);
        if (lines == NULL) return false;
        differences->lines = lines;
        differences->room = room;
    }
    struct state_difference_line *added = &differences->lines[differences->count];
    *added = (struct state_difference_line){.text = strndup(line, bytes), .side = side};
    if (added->text == NULL) return false;
    added->key_bytes = key_bytes_of(added->text);
    differences->count++;
    return true;
}

void state_differences_free(struct state_differences *differences)
{
    for (size_t i = 0; i < differences->count; i++) free(differences->lines[i].text);
    free(differences->lines);
    *differences = (struct state_differences){0};
}

static int compare_keys(const struct state_difference_line *a, const struct state_difference_line *b)
{
    size_t common = a->key_bytes < b->key_bytes ? a->key_bytes : b->key_bytes;
    int order = memcmp(a->text, b->text, common);
    return order != 0 ? order : (a->key_bytes > b->key_bytes) - (a->key_bytes < b->key_bytes);
}

/* By key, then side, then text: rows can be equal but for their fields. */
static int compare_lines(const void *a, const void *b)
{
    const struct state_difference_line *left = a, *right = b;
    int order = compare_keys(left, right);
    if (order == 0) order = (left->side > right->side) - (left->side < right->side);
    return order != 0 ? order : strcmp(left->text, right->text);
}

/* ---- rows, taken apart ---- */

struct row {
    char *text; /* split in place; its own */
    const char *fields[FIELDS_MAX];
    size_t count;
    const struct state_line_kind *kind;
    char key[KEY_BYTES_MAX];
};

static bool row_open(struct row *row, const char *text)
{
    *row = (struct row){.text = strdup(text)};
    if (row->text == NULL) return false;
    row->count = copy_text_split(row->text, row->fields, FIELDS_MAX);
    row->kind = row->count > 1 ? state_line_kind_of(row->fields[1]) : NULL;
    for (size_t i = 0; row->kind != NULL && i < row->kind->key_columns && KEY_AT + i < row->count; i++) {
        size_t used = strlen(row->key);
        (void)snprintf(row->key + used, sizeof row->key - used, "%s%s", i > 0 ? " " : "", row->fields[KEY_AT + i]);
    }
    return true;
}

static struct state_difference row_difference(const struct row *row)
{
    return (struct state_difference){.unit = row->fields[0], .kind = row->kind == NULL ? "?" : row->kind->name, .key = row->key};
}

/* What a row that stands on one side only is about: its telling fields. */
static void row_about(const struct row *row, char out[ABOUT_BYTES_MAX])
{
    static const char *const telling[] = {"kind", "state", "verdict", "reason", "code", "superior"};
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < sizeof telling / sizeof telling[0]; i++)
        for (size_t at = 0; row->kind != NULL && row->kind->columns[at] != NULL && KEY_AT + at < row->count; at++) {
            const char *value = row->fields[KEY_AT + at];
            if (value == NULL || strcmp(row->kind->columns[at], telling[i]) != 0 || used >= ABOUT_BYTES_MAX - 1) continue;
            int written = snprintf(out + used, ABOUT_BYTES_MAX - used, "%s%s", used > 0 ? " " : "", value);
            used += written < 0 ? 0 : (size_t)written;
        }
    if (out[0] == '\0') (void)snprintf(out, ABOUT_BYTES_MAX, "there");
}

static bool tell_single(const struct state_difference_line *line, state_difference_fn tell, void *context)
{
    struct row row;
    char about[ABOUT_BYTES_MAX];
    if (!row_open(&row, line->text)) return false;
    row_about(&row, about);
    struct state_difference difference = row_difference(&row);
    if (line->side == STATE_RECORDED)
        difference.recorded = about;
    else
        difference.rebuilt = about;
    bool is_good = tell(context, &difference);
    free(row.text);
    return is_good;
}

static bool is_same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool tell_fields(const struct row *recorded, const struct row *rebuilt, state_difference_fn tell, void *context)
{
    struct state_difference difference = row_difference(recorded);
    size_t count = recorded->count < rebuilt->count ? recorded->count : rebuilt->count;
    for (size_t i = KEY_AT; recorded->kind != NULL && i < count; i++) {
        if (is_same(recorded->fields[i], rebuilt->fields[i])) continue;
        difference.field = recorded->kind->columns[i - KEY_AT];
        difference.recorded = recorded->fields[i];
        difference.rebuilt = rebuilt->fields[i];
        if (!tell(context, &difference)) return false;
    }
    return true;
}

static bool tell_pair(const struct state_difference_line *recorded, const struct state_difference_line *rebuilt, state_difference_fn tell,
                      void *context)
{
    struct row was = {0}, is = {0};
    if (strcmp(recorded->text, rebuilt->text) == 0) return true;
    bool is_good = row_open(&was, recorded->text) && row_open(&is, rebuilt->text) && tell_fields(&was, &is, tell, context);
    free(was.text);
    free(is.text);
    return is_good;
}

/* The lines of one key: those of the recorded side, then those of the rebuilt. */
static bool tell_group(const struct state_difference_line *lines, size_t count, state_difference_fn tell, void *context)
{
    size_t recorded = 0;
    while (recorded < count && lines[recorded].side == STATE_RECORDED) recorded++;
    size_t rebuilt = count - recorded, pairs = recorded < rebuilt ? recorded : rebuilt;
    for (size_t i = 0; i < pairs; i++)
        if (!tell_pair(&lines[i], &lines[recorded + i], tell, context)) return false;
    for (size_t i = pairs; i < recorded; i++)
        if (!tell_single(&lines[i], tell, context)) return false;
    for (size_t i = pairs; i < rebuilt; i++)
        if (!tell_single(&lines[recorded + i], tell, context)) return false;
    return true;
}

bool state_differences_tell(struct state_differences *differences, state_difference_fn tell, void *context)
{
    struct state_difference_line *lines = differences->lines;
    if (differences->count > 1) qsort(lines, differences->count, sizeof *lines, compare_lines);
    for (size_t from = 0, until; from < differences->count; from = until) {
        for (until = from + 1; until < differences->count && compare_keys(&lines[from], &lines[until]) == 0;) until++;
        if (!tell_group(&lines[from], until - from, tell, context)) return false;
    }
    return true;
}
