#include <stdio.h>
#include <string.h>

#include "core/credit_code.h"
#include "core/event_internal.h"
#include "core/mobile.h"
#include "core/text.h"

/* ---- the rules of single fields ---- */

/* NUL-terminated. */
const struct event_text event_field_names[EVENT_FIELDS] = {
    [EVENT_FIELD_CHUNK] = EVENT_TEXT("chunk"),
    [EVENT_FIELD_CHUNKS] = EVENT_TEXT("chunks"),
    [EVENT_FIELD_COMMENT] = EVENT_TEXT("comment"),
    [EVENT_FIELD_DIGEST] = EVENT_TEXT("digest"),
    [EVENT_FIELD_ENTRIES_TOTAL] = EVENT_TEXT("entries_total"),
    [EVENT_FIELD_FAILED] = EVENT_TEXT("failed"),
    [EVENT_FIELD_MODE] = EVENT_TEXT("mode"),
    [EVENT_FIELD_PASSED] = EVENT_TEXT("passed"),
    [EVENT_FIELD_PROFILE] = EVENT_TEXT("profile"),
    [EVENT_FIELD_REVIEWER] = EVENT_TEXT("reviewer"),
    [EVENT_FIELD_SUBMISSION] = EVENT_TEXT("submission"),
    [EVENT_FIELD_SUBMITTED_BY] = EVENT_TEXT("submitted_by"),
    [EVENT_FIELD_SUPERIOR] = EVENT_TEXT("superior"),
    [EVENT_FIELD_UNIT] = EVENT_TEXT("unit"),
    [EVENT_FIELD_UNIT_REVIEW] = EVENT_TEXT("unit_review"),
    [EVENT_FIELD_YEAR] = EVENT_TEXT("year"),
};

/* clang-format off */
#define WORDS(zh, en) {zh, en}
#define NAME_WANTED(bytes) \
    WORDS("1 至 " bytes " 字节的字符串，不含控制字符与双向控制符", \
          "a string of 1 to " bytes " bytes without control characters or bidirectional controls")
#define RULE_OF_NAME(field, member) {EVENT_RULE_NAME, field, false, 1, EVENT_NAME_BYTES_MAX, offsetof(struct event, member), NAME_WANTED("255")}
#define RULE_OF_CODE(field, member) {EVENT_RULE_NAME, field, false, 1, EVENT_UNIT_BYTES_MAX, offsetof(struct event, member), NAME_WANTED("64")}
#define RULE_OF_INTEGER(field, member, min, max, wanted) {EVENT_RULE_INTEGER, field, false, min, max, offsetof(struct event, member), wanted}
#define RULE_OF_OTHER(kind, field, is_optional, wanted) {kind, field, is_optional, 0, 0, 0, wanted}
#define RULE_UNIT RULE_OF_CODE(EVENT_FIELD_UNIT, unit)
#define RULE_YEAR \
    RULE_OF_INTEGER(EVENT_FIELD_YEAR, year, EVENT_YEAR_MIN, EVENT_YEAR_MAX, WORDS("2000 至 2999 的整数", "an integer from 2000 to 2999"))
#define RULE_SUBMISSION RULE_OF_NAME(EVENT_FIELD_SUBMISSION, submission)
#define RULE_SUBMITTED_BY RULE_OF_NAME(EVENT_FIELD_SUBMITTED_BY, submitted_by)
#define RULE_OF_COMMENT(is_optional) \
    {EVENT_RULE_COMMENT, EVENT_FIELD_COMMENT, is_optional, 1, EVENT_COMMENT_BYTES_MAX, offsetof(struct event, comment), \
     WORDS("1 至 4096 字节的字符串，除换行与制表符外不含控制字符，也不含双向控制符", \
           "a string of 1 to 4096 bytes without control characters other than newline and tab, and without bidirectional controls")}
#define RULES_OF_SUPERIOR \
    RULE_UNIT, RULE_YEAR, RULE_SUBMISSION, RULE_OF_NAME(EVENT_FIELD_DIGEST, digest), RULE_OF_CODE(EVENT_FIELD_SUPERIOR, superior), \
        RULE_OF_NAME(EVENT_FIELD_REVIEWER, reviewer)
#define CHUNKS_WANTED WORDS("1 至 10000 的整数", "an integer from 1 to 10000")

static const struct event_rule unit_review_rules[] = {
    RULE_UNIT,
    RULE_YEAR,
    RULE_SUBMITTED_BY,
    RULE_OF_OTHER(EVENT_RULE_OBJECT, EVENT_FIELD_PROFILE, false, WORDS("对象", "an object")),
    {0}};

static const struct event_rule chunk_rules[] = {
    RULE_UNIT,
    RULE_YEAR,
    RULE_SUBMISSION,
    RULE_OF_NAME(EVENT_FIELD_UNIT_REVIEW, unit_review),
    RULE_OF_OTHER(EVENT_RULE_MODE, EVENT_FIELD_MODE, false, WORDS("\"list\" 或 \"import\"", "\"list\" or \"import\"")),
    RULE_SUBMITTED_BY,
    RULE_OF_INTEGER(EVENT_FIELD_CHUNK, chunk_number, 1, EVENT_CHUNKS_MAX, CHUNKS_WANTED),
    RULE_OF_INTEGER(EVENT_FIELD_CHUNKS, chunks, 1, EVENT_CHUNKS_MAX, CHUNKS_WANTED),
    RULE_OF_INTEGER(EVENT_FIELD_ENTRIES_TOTAL, entries_total, 0, EVENT_ENTRIES_TOTAL_MAX,
                    WORDS("0 至 50000000 的整数", "an integer from 0 to 50000000")),
    RULE_OF_OTHER(EVENT_RULE_ARRAY, EVENT_FIELD_FAILED, false, WORDS("数组", "an array")),
    RULE_OF_OTHER(EVENT_RULE_ARRAY, EVENT_FIELD_PASSED, true, WORDS("数组", "an array")),
    {0}};

static const struct event_rule approved_rules[] = {RULES_OF_SUPERIOR, RULE_OF_COMMENT(true), {0}};
static const struct event_rule returned_rules[] = {RULES_OF_SUPERIOR, RULE_OF_COMMENT(false), {0}};
static const struct event_rule withdrawn_rules[] = {RULE_UNIT, RULE_YEAR, RULE_SUBMISSION, RULE_SUBMITTED_BY, RULE_OF_COMMENT(true), {0}};
/* clang-format on */

const struct event_rule *event_rules(enum event_type type)
{
    static const struct event_rule *const rules_of_type[] = {
        [EVENT_UNIT_REVIEW_CONFIRMED] = unit_review_rules, [EVENT_MEMBER_REVIEW_SUBMITTED] = chunk_rules,
        [EVENT_REVIEW_APPROVED] = approved_rules,          [EVENT_REVIEW_RETURNED] = returned_rules,
        [EVENT_REVIEW_WITHDRAWN] = withdrawn_rules,
    };
    return rules_of_type[type];
}

static bool is_comment(const json_t *value)
{
    const char *text = json_string_value(value);
    size_t length = json_string_length(value);
    if (length == 0 || length > EVENT_COMMENT_BYTES_MAX) return false;
    for (size_t at = 0; at < length;) {
        uint32_t code_point = text_next(text, length, &at);
        bool is_layout = code_point == '\n' || code_point == '\t';
        if ((text_is_control(code_point) && !is_layout) || text_is_bidi_control(code_point)) return false;
    }
    return true;
}

static bool is_string_of(const json_t *value, const char *wanted)
{
    return json_typeof(value) == JSON_STRING && strcmp(json_string_value(value), wanted) == 0;
}

static bool follows(const json_t *value, const struct event_rule *rule)
{
    json_type type = json_typeof(value);
    switch (rule->kind) {
    case EVENT_RULE_NAME:
        return type == JSON_STRING && text_is_name(json_string_value(value), json_string_length(value), (size_t)rule->max);
    case EVENT_RULE_COMMENT:
        return type == JSON_STRING && is_comment(value);
    case EVENT_RULE_INTEGER:
        return type == JSON_INTEGER && json_integer_value(value) >= rule->min && json_integer_value(value) <= rule->max;
    case EVENT_RULE_MODE:
        return is_string_of(value, "list") || is_string_of(value, "import");
    case EVENT_RULE_OBJECT:
        return type == JSON_OBJECT;
    case EVENT_RULE_ARRAY:
    case EVENT_RULE_END: /* ends every loop over rules */
        return type == JSON_ARRAY;
    }
    return false; /* GCOV_EXCL_LINE: the compiler sees to it that no kind is left out */
}

static bool check_rules(const json_t *data, const struct event_rule *rules, struct fault *fault)
{
    for (const struct event_rule *rule = rules; rule->kind != EVENT_RULE_END; rule++) {
        const char *name = event_field_names[rule->field].text;
        const json_t *value = json_object_get(data, name);
        if (value == NULL && !rule->is_optional)
            return json_guard_refuse(fault, "schema", language_pick("缺少 /data/%s：须为%s", "/data/%s is missing: it must be %s"), name,
                                     language_words(rule->wanted));
        if (value != NULL && !follows(value, rule))
            return json_guard_refuse(fault, "schema", language_pick("/data/%s 须为%s", "/data/%s must be %s"), name,
                                     language_words(rule->wanted));
    }
    return true;
}

/* ---- a unit's profile: a wrong type breaks the contract, wrong content is refused by the rules ---- */

static bool is_text(const char *text, size_t length)
{
    return length == 0 || text_is_name(text, length, EVENT_NAME_BYTES_MAX);
}

bool event_is_unit_name(const char *text, size_t length)
{
    return text_is_name(text, length, EVENT_NAME_BYTES_MAX) && !text_is_all_blank(text, length);
}

static bool is_credit_code(const char *text, size_t length)
{
    return credit_code_check(text, length).level != CREDIT_CODE_ERROR;
}

/* The contact of a small union may have no more than the office's telephone: that is doubtful, but no reason to shut the unit out. */
static bool is_contact_number(const char *text, size_t length)
{
    char mobile[MOBILE_DIGITS + 1], landline[LANDLINE_CHARS_MAX + 1];
    return mobile_normalise(text, length, mobile) || landline_normalise(text, length, landline);
}

static const struct {
    const char *field, *path, *code;
    bool (*is_good)(const char *text, size_t length);
} profile_rules[] = {
    {"name", "profile.name", "profile-name", event_is_unit_name},
    {"credit_code", "profile.credit_code", "profile-credit-code", is_credit_code},
    {"address", "profile.address", "profile-text", is_text},
    {"contact_name", "profile.contact_name", "profile-text", is_text},
    {"contact_mobile", "profile.contact_mobile", "profile-mobile", is_contact_number},
};

static bool read_profile(const json_t *profile, struct event *event, struct fault *fault)
{
    for (size_t i = 0; i < sizeof profile_rules / sizeof profile_rules[0]; i++) {
        const json_t *value = json_object_get(profile, profile_rules[i].field);
        if (value == NULL) continue;
        if (json_typeof(value) != JSON_STRING)
            return json_guard_refuse(fault, "schema", language_pick("/data/profile/%s 须为字符串", "/data/profile/%s must be a string"),
                                     profile_rules[i].field);
        if (event->refusal == NULL && !profile_rules[i].is_good(json_string_value(value), json_string_length(value))) {
            event->refusal = profile_rules[i].code;
            event->refusal_field = profile_rules[i].path;
        }
    }
    return true;
}

struct noted { /* what normalising has found, at most one note a field */
    struct event_note notes[2];
    size_t count;
};

/* Lists and their masks count on 11 digits, however the unit has written them; a landline goes to `warnings`. */
static bool normalise_contact_number(json_t *profile, json_t *warnings, struct noted *noted, struct fault *fault)
{
    char mobile[MOBILE_DIGITS + 1], landline[LANDLINE_CHARS_MAX + 1] = "";
    const json_t *value = json_object_get(profile, "contact_mobile");
    if (value == NULL) return true;
    const char *text = json_string_value(value), *number = mobile;
    size_t length = json_string_length(value);
    if (!mobile_normalise(text, length, mobile)) number = landline_normalise(text, length, landline) ? landline : NULL;
    if (number == NULL) return true;
    bool ok = json_object_set_new(profile, "contact_mobile", json_string(number)) == 0;
    if (number == landline) {
        noted->notes[noted->count++] = (struct event_note){.code = "contact-landline", .field = "profile.contact_mobile"};
        ok = ok && json_array_append_new(warnings, json_pack("{s:s, s:s, s:n}", "code", "contact-landline", "field",
                                                             "profile.contact_mobile", "position")) == 0;
    }
    return ok || json_guard_no_memory(fault);
}

/* A credit code is kept in upper case without blanks; what is doubtful about it goes to `warnings`. */
static bool normalise_credit_code(json_t *profile, json_t *warnings, struct noted *noted, struct fault *fault)
{
    const json_t *value = json_object_get(profile, "credit_code");
    if (value == NULL) return true;
    struct credit_code_verdict verdict = credit_code_check(json_string_value(value), json_string_length(value));
    char expected[] = {verdict.expected, '\0'};
    if (verdict.level != CREDIT_CODE_WARNING) return true;
    noted->notes[noted->count++] = (struct event_note){
        .code = verdict.code, .field = "profile.credit_code", .position = verdict.position, .expected = verdict.expected};
    json_t *warning =
        json_pack("{s:s, s:s, s:o, s:s*}", "code", verdict.code, "field", "profile.credit_code", "position",
                  verdict.position > 0 ? json_integer(verdict.position) : json_null(), "expected", verdict.expected != 0 ? expected : NULL);
    bool ok =
        json_array_append_new(warnings, warning) == 0 && json_object_set_new(profile, "credit_code", json_string(verdict.normalised)) == 0;
    return ok || json_guard_no_memory(fault);
}

/* Whatever the sender has called "warnings" is replaced: they are ours. */
static bool normalise_profile(json_t *data, struct noted *noted, struct fault *fault)
{
    json_t *profile = json_object_get(data, "profile"), *warnings = json_array();
    if (json_object_set_new(data, "warnings", warnings) != 0) return json_guard_no_memory(fault);
    return normalise_contact_number(profile, warnings, noted, fault) && normalise_credit_code(profile, warnings, noted, fault);
}

/* ---- a chunk ---- */

static bool read_chunk(struct arena *arena, const json_t *data, const struct event_list_items lists[2], date_ymd today, struct event *event,
                       struct fault *fault)
{
    bool is_list_mode = is_string_of(json_object_get(data, "mode"), "list");
    size_t entries = lists[EVENT_LIST_FAILED].count + lists[EVENT_LIST_PASSED].count;

    if (json_integer_value(json_object_get(data, "chunk")) > json_integer_value(json_object_get(data, "chunks")))
        return json_guard_refuse(fault, "schema",
                                 language_pick("/data/chunk 不能大于 /data/chunks", "/data/chunk must not be above /data/chunks"));
    if (!is_list_mode && lists[EVENT_LIST_PASSED].count > 0)
        return json_guard_refuse(
            fault, "schema",
            language_pick("import 方式时 /data/passed 须为空或省略", "/data/passed must be empty or absent in import mode"));
    if (entries > EVENT_ENTRIES_MAX)
        return json_guard_refuse(fault, "too-many-elements",
                                 language_pick("/data/failed 与 /data/passed 共有 %zu 条，超过 %d 条",
                                               "/data/failed and /data/passed hold %zu entries, more than %d"),
                                 entries, EVENT_ENTRIES_MAX);
    return event_chunk_read(arena, lists, is_list_mode, today, &event->chunk, &event->rows, fault);
}

/* ---- hash and body ---- */

static int hash_piece(const char *bytes, size_t count, void *context)
{
    event_hash_add(context, bytes, count);
    return 0;
}

/* A string ends with a byte that none holds. What is no string will be refused, whatever the hash is. */
static void hash_list(struct event_hash *hash, const struct event_list_items *list)
{
    size_t at = 0, length = 0;
    for (size_t i = 0; i < list->count; i++) {
        const json_t *item = list->lift == NULL ? json_array_get(list->items, i) : NULL;
        const char *text = item == NULL ? json_lift_next(list->lift, &at, &length) : json_string_value(item);
        if (item != NULL) length = json_string_length(item);
        if (length > 0) event_hash_add(hash, text, length);
        event_hash_add(hash, "", 1);
    }
}

/* Over the type, the data in order, and behind it the passed numbers, which `data` does not hold any more. */
static bool hash_content(const json_t *data, const struct event_list_items *passed, struct event *event, struct fault *fault)
{
    struct event_hash hash;
    event_hash_begin(&hash, event->type);
    bool is_good = json_dump_callback(data, hash_piece, &hash, JSON_COMPACT | JSON_SORT_KEYS) == 0;
    hash_list(&hash, passed);
    is_good = event_hash_end(&hash, event->content_sha256) && is_good;
    return is_good || json_guard_no_memory(fault);
}

static bool write_body(struct arena *arena, json_t *data, struct event *event, struct fault *fault)
{
    size_t flags = JSON_COMPACT | JSON_SORT_KEYS;
    size_t bytes = json_dumpb(data, NULL, 0, flags);
    char *body = bytes > 0 ? arena_take(arena, bytes + 1) : NULL;
    if (body == NULL || json_dumpb(data, body, bytes, flags) != bytes) return json_guard_no_memory(fault);
    event->body = body;
    return true;
}

/* ---- typed fields ---- */

/* A string of `object` copied; NULL where there is none. False: the arena is full. */
static bool copy_text(struct arena *arena, const json_t *object, const char *name, const char **out)
{
    const json_t *value = json_object_get(object, name);
    *out = value != NULL ? arena_copy(arena, json_string_value(value), json_string_length(value)) : NULL;
    return value == NULL || *out != NULL;
}

static bool fill_fields(struct arena *arena, const json_t *data, struct event *event, struct fault *fault)
{
    for (const struct event_rule *rule = event_rules(event->type); rule->kind != EVENT_RULE_END; rule++) {
        const char *name = event_field_names[rule->field].text;
        void *place = (char *)event + rule->offset;
        if (rule->kind == EVENT_RULE_INTEGER)
            *(int32_t *)place = (int32_t)json_integer_value(json_object_get(data, name));
        else if (rule->kind == EVENT_RULE_MODE)
            event->mode = is_string_of(json_object_get(data, name), "list") ? EVENT_MODE_LIST : EVENT_MODE_IMPORT;
        else if ((rule->kind == EVENT_RULE_NAME || rule->kind == EVENT_RULE_COMMENT) && !copy_text(arena, data, name, place))
            return json_guard_no_memory(fault);
    }
    return true;
}

static bool fill_profile(struct arena *arena, const json_t *profile, struct event *event, struct fault *fault)
{
    struct event_profile *to = &event->profile;
    return (copy_text(arena, profile, "name", &to->name) && copy_text(arena, profile, "credit_code", &to->credit_code) &&
            copy_text(arena, profile, "address", &to->address) && copy_text(arena, profile, "contact_name", &to->contact_name) &&
            copy_text(arena, profile, "contact_mobile", &to->contact_mobile)) ||
           json_guard_no_memory(fault);
}

/* A name that the sender has chosen, for an outcome: nothing in it may hide, break a line or be a full number. */
static const char *name_field(struct arena *arena, const char *name)
{
    char field[EVENT_NOTE_FIELD_BYTES_MAX + 1] = "profile.";
    size_t used = strlen(field);
    text_mask_digits(name, strlen(name), field + used, sizeof field - used);
    for (char *at = field + used; *at != '\0'; at++)
        if (*at == '\t' || *at == '\n') *at = '?';
    return arena_copy(arena, field, strlen(field));
}

static bool is_known(const char *name)
{
    for (size_t i = 0; i < sizeof profile_rules / sizeof profile_rules[0]; i++)
        if (strcmp(profile_rules[i].field, name) == 0) return true;
    return false;
}

/* What normalise_profile has put into `warnings` as typed notes, and behind it what the contract does not know, in the order sent. */
static bool fill_notes(struct arena *arena, json_t *data, const struct event_note *found, size_t found_count, struct event *event,
                       struct fault *fault)
{
    json_t *profile = json_object_get(data, "profile");
    struct event_note *notes = arena_take(arena, EVENT_NOTES_MAX * sizeof *notes);
    if (notes == NULL) return json_guard_no_memory(fault);
    memcpy(notes, found, found_count * sizeof *found);
    event->notes = notes;
    event->note_count = (uint32_t)found_count;
    for (void *at = json_object_iter(profile); at != NULL; at = json_object_iter_next(profile, at)) {
        const char *name = json_object_iter_key(at);
        if (is_known(name) || event->note_count == EVENT_NOTES_MAX) continue;
        struct event_note *note = &notes[event->note_count++];
        *note = (struct event_note){.code = "unknown-field", .field = name_field(arena, name)};
        if (note->field == NULL) return json_guard_no_memory(fault);
    }
    return true;
}

static bool read_content(struct arena *arena, json_t *data, struct event *event, struct fault *fault)
{
    struct noted noted = {0};
    const json_t *profile = json_object_get(data, "profile");
    if (!fill_fields(arena, data, event, fault)) return false;
    if (event->type != EVENT_UNIT_REVIEW_CONFIRMED) return true;
    return read_profile(profile, event, fault) && normalise_profile(data, &noted, fault) && fill_profile(arena, profile, event, fault) &&
           fill_notes(arena, data, noted.notes, noted.count, event, fault);
}

/* Takes a chunk's passed numbers out of `data` if they were not lifted, and leaves an empty list, also where none was sent. The caller owns
 * `*items`. */
static bool take_passed(json_t *data, const struct json_lift *lift, json_t **items, struct event_list_items *passed, struct fault *fault)
{
    json_t *present = json_object_get(data, "passed");
    *items = json_incref(present);
    if (lift->text != NULL)
        *passed = (struct event_list_items){.lift = lift, .count = lift->count};
    else
        *passed = (struct event_list_items){.items = present, .count = json_array_size(present)};
    return json_object_set_new(data, "passed", json_array()) == 0 || json_guard_no_memory(fault);
}

static bool read_chunk_content(struct arena *arena, json_t *data, const struct json_lift *lift, date_ymd today, struct event *event,
                               struct fault *fault)
{
    json_t *items = NULL;
    const json_t *failed = json_object_get(data, "failed");
    struct event_list_items lists[] = {
        [EVENT_LIST_FAILED] = {.items = failed, .count = json_array_size(failed)}, [EVENT_LIST_PASSED] = {0}};
    bool is_good = take_passed(data, lift, &items, &lists[EVENT_LIST_PASSED], fault) &&
                   hash_content(data, &lists[EVENT_LIST_PASSED], event, fault) && read_content(arena, data, event, fault) &&
                   read_chunk(arena, data, lists, today, event, fault);
    json_decref(items);
    (void)json_object_del(data, "failed");
    (void)json_object_del(data, "passed");
    return is_good;
}

bool event_fields_read(struct arena *arena, json_t *data, const struct json_lift *passed, date_ymd today, struct event *event,
                       struct fault *fault)
{
    static const struct event_list_items none = {0};
    if (!check_rules(data, event_rules(event->type), fault)) return false;
    bool is_good = event->type == EVENT_MEMBER_REVIEW_SUBMITTED
                       ? read_chunk_content(arena, data, passed, today, event, fault)
                       : hash_content(data, &none, event, fault) && read_content(arena, data, event, fault);
    return is_good && write_body(arena, data, event, fault);
}
