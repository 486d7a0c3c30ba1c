#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "core/event_internal.h"
#include "core/id_number.h"
#include "core/language.h"
#include "core/retirement.h"
#include "core/text.h"

enum {
    ERRORS_FIRST = 16,
    MASKED_BYTES_MAX = 4 * 40 + 1, /* 40 characters */
    WARNINGS_BYTES_MAX = 256, /* of one entry: all codes that only warn are shorter together */
};

static const char *const list_names[] = {[EVENT_LIST_FAILED] = "failed", [EVENT_LIST_PASSED] = "passed"};

struct number { /* an ID number as sent */
    const char *text;
    size_t length;
};

struct list {
    const json_t *items;
    const struct json_lift *lift; /* NULL: see items */
    uint32_t *starts; /* of each string, in the lift */
    const char **keys;
    size_t count;
};

struct reader {
    struct arena *arena;
    date_ymd today;
    struct list lists[2]; /* by enum event_list */
    struct event_chunk *chunk;
    struct event_failed *failed; /* the chunk's */
    struct event_rows *rows;
    struct event_failing *failing; /* the rows' */
    struct id_key *passed; /* the rows' */
    size_t key_bytes; /* of all keys, each with its end */
    struct event_row_error *errors;
    size_t error_capacity;
    struct fault *fault;
};

/* ---- row errors ---- */

static struct event_row_error *next_error(struct reader *reader)
{
    struct event_chunk *chunk = reader->chunk;
    if (chunk->error_count == reader->error_capacity) {
        size_t capacity = reader->error_capacity == 0 ? ERRORS_FIRST : 2 * reader->error_capacity;
        struct event_row_error *errors = arena_take(reader->arena, capacity * sizeof *errors);
        if (errors == NULL) return NULL;
        if (chunk->error_count > 0) memcpy(errors, reader->errors, chunk->error_count * sizeof *errors);
        reader->errors = errors;
        reader->error_capacity = capacity;
        chunk->errors = errors;
    }
    return &reader->errors[chunk->error_count++];
}

static struct number number_of(const json_t *string)
{
    return string == NULL ? (struct number){"", 0} : (struct number){json_string_value(string), json_string_length(string)};
}

/* Of an entry that was read before; empty when it is missing. */
static struct number number_at(const struct list *list, size_t index)
{
    struct number number;
    const json_t *item = json_array_get(list->items, index);
    if (list->lift == NULL) return number_of(json_typeof(item) == JSON_OBJECT ? json_object_get(item, "id_number") : item);
    size_t at = list->starts[index];
    number.text = json_lift_next(list->lift, &at, &number.length);
    return number;
}

static bool add_error(struct reader *reader, enum event_list list, size_t index, const char *code, const struct id_verdict *verdict)
{
    char masked[MASKED_BYTES_MAX];
    struct number number = number_at(&reader->lists[list], index);
    text_mask_id(number.text, number.length, masked, sizeof masked);

    struct event_row_error *error = next_error(reader);
    char *copy = arena_copy(reader->arena, masked, strlen(masked));
    if (error == NULL || copy == NULL) return json_guard_no_memory(reader->fault);
    *error = (struct event_row_error){
        .list = list,
        .index = (int)index,
        .code = code,
        .key = reader->lists[list].keys[index],
        .masked = copy,
        .position = verdict != NULL ? verdict->position : 0,
        .expected = verdict != NULL ? verdict->expected : 0,
    };
    return true;
}

/* ---- entries ---- */

/* Checks one ID number and keeps its key. */
static bool read_number(struct reader *reader, enum event_list list, size_t index, struct number number, struct id_verdict *verdict)
{
    char key[ID_KEY_BYTES_MAX + 1];
    *verdict = id_number_check(number.text, number.length, reader->today);
    size_t key_bytes = id_number_key(number.text, number.length, verdict, key);

    reader->lists[list].keys[index] = arena_copy(reader->arena, key, key_bytes);
    reader->key_bytes += key_bytes + 1;
    if (reader->lists[list].keys[index] == NULL) return json_guard_no_memory(reader->fault);
    *(list == EVENT_LIST_FAILED ? &reader->failing[index].key : &reader->passed[index]) =
        id_key_of(reader->lists[list].keys[index], key_bytes);
    return verdict->level != ID_ERROR || add_error(reader, list, index, verdict->code, verdict);
}

static bool check_string(struct reader *reader, const json_t *value, enum event_list list, size_t index, const char *member)
{
    if (value == NULL || json_typeof(value) == JSON_STRING) return true;
    return json_guard_refuse(reader->fault, "schema", language_pick("/data/%s/%zu%s 须为字符串", "/data/%s/%zu%s must be a string"),
                             list_names[list], index, member);
}

/* A missing reason and one that can't be any reference row's name are told apart; whether the name is known is for the database. */
static bool read_reason(struct reader *reader, const json_t *reason, size_t index, const char **out)
{
    size_t length = json_string_length(reason);
    *out = "";
    if (length == 0) return add_error(reader, EVENT_LIST_FAILED, index, "missing-reason", NULL);
    if (!text_is_name(json_string_value(reason), length, EVENT_NAME_BYTES_MAX))
        return add_error(reader, EVENT_LIST_FAILED, index, "unknown-reason", NULL);
    *out = arena_copy(reader->arena, json_string_value(reason), length);
    return *out != NULL || json_guard_no_memory(reader->fault);
}

/* What the sender believes the member is called; an empty one counts as none. */
static bool read_name(struct reader *reader, const json_t *name, size_t index, const char **out)
{
    size_t length = json_string_length(name);
    *out = NULL;
    if (name == NULL || (json_typeof(name) == JSON_STRING && length == 0)) return true;
    if (json_typeof(name) != JSON_STRING || !text_is_name(json_string_value(name), length, EVENT_NAME_BYTES_MAX))
        return json_guard_refuse(reader->fault, "schema",
                                 language_pick("/data/failed/%zu/name 须为至多 %d 字节的字符串，不含控制字符与双向控制符",
                                               "/data/failed/%zu/name must be a string of at most %d bytes without control characters "
                                               "or bidirectional controls"),
                                 index, EVENT_NAME_BYTES_MAX);
    *out = arena_copy(reader->arena, json_string_value(name), length);
    return *out != NULL || json_guard_no_memory(reader->fault);
}

static void add_warning(char warnings[WARNINGS_BYTES_MAX], const char *code)
{
    size_t used = strlen(warnings);
    if (code != NULL) (void)snprintf(warnings + used, WARNINGS_BYTES_MAX - used, "%s%s", used > 0 ? "," : "", code);
}

/* A retirement that is too early comes first: it speaks of the decision, the others of how the number is written. */
static bool read_warnings(struct reader *reader, const struct id_verdict *verdict, struct event_failed *failed)
{
    char warnings[WARNINGS_BYTES_MAX] = "";
    if (verdict->level != ID_ERROR) {
        if (strcmp(failed->reason, "retired") == 0)
            add_warning(warnings, retirement_warning(verdict->gender, verdict->born, reader->today));
        add_warning(warnings, verdict->code);
        for (size_t i = 0; verdict->others[i] != NULL; i++) add_warning(warnings, verdict->others[i]);
    }
    if (warnings[0] != '\0') failed->warnings = arena_copy(reader->arena, warnings, strlen(warnings));
    return warnings[0] == '\0' || failed->warnings != NULL || json_guard_no_memory(reader->fault);
}

static bool read_failed_entry(struct reader *reader, size_t index, struct event_failed *failed)
{
    const json_t *item = json_array_get(reader->lists[EVENT_LIST_FAILED].items, index);
    if (json_typeof(item) != JSON_OBJECT)
        return json_guard_refuse(reader->fault, "schema", language_pick("/data/failed/%zu 须为对象", "/data/failed/%zu must be an object"),
                                 index);
    const json_t *number = json_object_get(item, "id_number"), *reason = json_object_get(item, "reason");
    struct event_failing *failing = &reader->failing[index];
    struct id_verdict verdict;
    *failed = (struct event_failed){0};
    if (!check_string(reader, number, EVENT_LIST_FAILED, index, "/id_number") ||
        !check_string(reader, reason, EVENT_LIST_FAILED, index, "/reason") ||
        !read_name(reader, json_object_get(item, "name"), index, &failing->name) ||
        !read_number(reader, EVENT_LIST_FAILED, index, number_of(number), &verdict) ||
        !read_reason(reader, reason, index, &failed->reason) || !read_warnings(reader, &verdict, failed))
        return false;
    failed->key = reader->lists[EVENT_LIST_FAILED].keys[index];
    failing->reason = failed->reason;
    failing->warnings = failed->warnings;
    return true;
}

static bool read_failed(struct reader *reader)
{
    size_t count = reader->lists[EVENT_LIST_FAILED].count;
    struct event_failed *failed = arena_take(reader->arena, count * sizeof *failed);
    reader->failing = arena_take(reader->arena, count * sizeof *reader->failing);
    if (failed == NULL || reader->failing == NULL) return json_guard_no_memory(reader->fault);
    reader->rows->failing = reader->failing;
    reader->rows->failing_count = (uint32_t)count;
    for (size_t i = 0; i < count; i++)
        if (!read_failed_entry(reader, i, &failed[i])) return false;
    reader->chunk->failed = reader->failed = failed;
    reader->chunk->failed_count = count;
    return true;
}

static bool read_lifted(struct reader *reader)
{
    struct list *passed = &reader->lists[EVENT_LIST_PASSED];
    struct id_verdict verdict;
    size_t at = 0;
    for (size_t i = 0; i < passed->count; i++) {
        struct number number;
        passed->starts[i] = (uint32_t)at;
        number.text = json_lift_next(passed->lift, &at, &number.length);
        if (!read_number(reader, EVENT_LIST_PASSED, i, number, &verdict)) return false;
    }
    return true;
}

static bool read_passed(struct reader *reader)
{
    const struct list *passed = &reader->lists[EVENT_LIST_PASSED];
    struct id_verdict verdict;
    reader->chunk->passed_count = passed->count;
    reader->passed = arena_take(reader->arena, passed->count * sizeof *reader->passed);
    if (reader->passed == NULL) return json_guard_no_memory(reader->fault);
    reader->rows->passed = reader->passed;
    reader->rows->passed_count = (uint32_t)passed->count;
    if (passed->lift != NULL) return read_lifted(reader);
    for (size_t i = 0; i < passed->count; i++) {
        const json_t *item = json_array_get(passed->items, i);
        if (!check_string(reader, item, EVENT_LIST_PASSED, i, "") || !read_number(reader, EVENT_LIST_PASSED, i, number_of(item), &verdict))
            return false;
    }
    return true;
}

/* The errors so far are the entries' own. */
static bool fill_bad(struct reader *reader)
{
    size_t count = reader->chunk->error_count;
    assert(count == 0 || reader->errors != NULL);
    struct event_bad_number *bad = arena_take(reader->arena, count * sizeof *bad);
    if (bad == NULL) return json_guard_no_memory(reader->fault);
    for (size_t i = 0; i < count; i++) {
        const struct event_row_error *error = &reader->errors[i];
        bad[i] = (struct event_bad_number){.list = error->list,
                                           .index = error->index,
                                           .code = error->code,
                                           .masked = error->masked,
                                           .position = error->position,
                                           .expected = error->expected};
    }
    reader->rows->bad = bad;
    reader->rows->bad_count = (uint32_t)count;
    return true;
}

/* ---- order ---- */

/* Equal neighbours are listed twice and do not break the order; entries without a number are no more equal than different. */
static bool check_order(struct reader *reader, enum event_list list)
{
    const struct list *of = &reader->lists[list];
    struct event_chunk *chunk = reader->chunk;
    for (size_t i = 1; i < of->count; i++) {
        int order = strcmp(of->keys[i - 1], of->keys[i]);
        if (order == 0 && of->keys[i][0] != '\0' && !add_error(reader, list, i, "listed-twice", NULL)) return false;
        if (order > 0 && chunk->is_sorted) {
            chunk->is_sorted = false;
            chunk->unsorted_list = (int)list;
            chunk->unsorted_index = (int)i;
        }
    }
    return true;
}

static void find_range(struct reader *reader)
{
    struct event_chunk *chunk = reader->chunk;
    for (size_t l = 0; l < 2; l++) {
        const struct list *list = &reader->lists[l];
        if (list->count == 0) continue;
        const char *first = list->keys[0], *last = list->keys[list->count - 1];
        if (chunk->first_key == NULL || strcmp(first, chunk->first_key) < 0) chunk->first_key = first;
        if (chunk->last_key == NULL || strcmp(last, chunk->last_key) > 0) chunk->last_key = last;
    }
}

/* ---- both lists as one ---- */

struct merge {
    char *listed;
    size_t bytes;
    int count; /* of keys */
};

/* Returns the key's place; 0 when there is none. */
static int add_to_merge(struct merge *merge, const char *key)
{
    if (key[0] == '\0') return 0;
    if (merge->count > 0) merge->listed[merge->bytes++] = '\n';
    size_t length = strlen(key);
    memcpy(merge->listed + merge->bytes, key, length);
    merge->bytes += length;
    return ++merge->count;
}

/* A passed entry that equals its predecessor was reported by check_order already. */
static bool check_twice(struct reader *reader, size_t failed_at, size_t passed_at)
{
    const struct list *failed = &reader->lists[EVENT_LIST_FAILED], *passed = &reader->lists[EVENT_LIST_PASSED];
    const char *key = passed->keys[passed_at];
    if (failed_at == 0 || key[0] == '\0' || strcmp(failed->keys[failed_at - 1], key) != 0) return true;
    if (passed_at > 0 && strcmp(passed->keys[passed_at - 1], key) == 0) return true;
    return add_error(reader, EVENT_LIST_PASSED, passed_at, "listed-twice", NULL);
}

/* Both lists are sorted. Of equal keys the failed one goes first, so a passed one meets it right behind. */
static bool merge_lists(struct reader *reader)
{
    const struct list *failed = &reader->lists[EVENT_LIST_FAILED], *passed = &reader->lists[EVENT_LIST_PASSED];
    struct merge merge = {.listed = arena_take(reader->arena, reader->key_bytes + 1)};
    if (merge.listed == NULL) return json_guard_no_memory(reader->fault);
    for (size_t f = 0, p = 0; f < failed->count || p < passed->count;) {
        bool takes_failed = p == passed->count || (f < failed->count && strcmp(failed->keys[f], passed->keys[p]) <= 0);
        if (takes_failed) {
            reader->failed[f].place = add_to_merge(&merge, failed->keys[f]);
            f++;
            continue;
        }
        if (!check_twice(reader, f, p)) return false;
        (void)add_to_merge(&merge, passed->keys[p++]);
    }
    reader->chunk->listed = merge.listed;
    return true;
}

static bool open_list(struct reader *reader, enum event_list list, const struct event_list_items *from)
{
    struct list *to = &reader->lists[list];
    *to = (struct list){.items = from->items, .lift = from->lift, .count = from->count};
    to->keys = arena_take(reader->arena, to->count * sizeof *to->keys);
    if (to->lift != NULL) to->starts = arena_take(reader->arena, to->count * sizeof *to->starts);
    return (to->keys != NULL && (to->lift == NULL || to->starts != NULL)) || json_guard_no_memory(reader->fault);
}

bool event_chunk_read(struct arena *arena, const struct event_list_items lists[2], bool is_list_mode, date_ymd today,
                      struct event_chunk *chunk, struct event_rows *rows, struct fault *fault)
{
    struct reader reader = {.arena = arena, .today = today, .chunk = chunk, .rows = rows, .fault = fault};
    *chunk = (struct event_chunk){.is_sorted = true};
    if (!open_list(&reader, EVENT_LIST_FAILED, &lists[EVENT_LIST_FAILED]) ||
        !open_list(&reader, EVENT_LIST_PASSED, &lists[EVENT_LIST_PASSED]))
        return false;
    if (!read_failed(&reader) || !read_passed(&reader) || !fill_bad(&reader) || !check_order(&reader, EVENT_LIST_FAILED) ||
        !check_order(&reader, EVENT_LIST_PASSED))
        return false;
    find_range(&reader);
    return !is_list_mode || !chunk->is_sorted || merge_lists(&reader);
}
