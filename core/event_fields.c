#include <openssl/evp.h>
#include <string.h>

#include "core/credit_code.h"
#include "core/event_internal.h"
#include "core/language.h"
#include "core/mobile.h"
#include "core/text.h"

/* ---- the rules of single fields ---- */

enum rule_kind { RULE_NAME, RULE_COMMENT, RULE_INTEGER, RULE_MODE, RULE_OBJECT, RULE_ARRAY };

struct rule {
    const char *field;
    enum rule_kind kind;
    bool is_optional;
    int64_t min, max; /* RULE_INTEGER: the value; RULE_NAME: max bytes */
    struct words wanted; /* "must be …" */
};

#define NAME_WANTED(bytes)                                                                                                                 \
    {                                                                                                                                      \
        "1 至 " bytes " 字节的字符串，不含控制字符", "a string of 1 to " bytes " bytes without control characters"                         \
    }
#define RULE_UNIT                                                                                                                          \
    {                                                                                                                                      \
        "unit", RULE_NAME, false, 1, EVENT_UNIT_BYTES_MAX, NAME_WANTED("64")                                                               \
    }
#define RULE_YEAR                                                                                                                          \
    {                                                                                                                                      \
        "year", RULE_INTEGER, false, EVENT_YEAR_MIN, EVENT_YEAR_MAX,                                                                       \
        {                                                                                                                                  \
            "2000 至 2999 的整数", "an integer from 2000 to 2999"                                                                          \
        }                                                                                                                                  \
    }
#define RULE_OF_NAME(field)                                                                                                                \
    {                                                                                                                                      \
        field, RULE_NAME, false, 1, EVENT_NAME_BYTES_MAX, NAME_WANTED("255")                                                               \
    }
#define RULE_OF_COMMENT(is_optional)                                                                                                       \
    {                                                                                                                                      \
        "comment", RULE_COMMENT, is_optional, 1, EVENT_COMMENT_BYTES_MAX,                                                                  \
        {                                                                                                                                  \
            "1 至 4096 字节的字符串，除换行与制表符外不含控制字符",                                                                        \
                "a string of 1 to 4096 bytes without control characters other than newline and tab"                                        \
        }                                                                                                                                  \
    }

static const struct rule unit_review_rules[] = {
    RULE_UNIT, RULE_YEAR, RULE_OF_NAME("submitted_by"), {"profile", RULE_OBJECT, false, 0, 0, {"对象", "an object"}}, {0}};

static const struct rule chunk_rules[] = {
    RULE_UNIT,
    RULE_YEAR,
    RULE_OF_NAME("submission"),
    RULE_OF_NAME("unit_review"),
    {"mode", RULE_MODE, false, 0, 0, {"\"list\" 或 \"import\"", "\"list\" or \"import\""}},
    RULE_OF_NAME("submitted_by"),
    {"chunk", RULE_INTEGER, false, 1, EVENT_CHUNKS_MAX, {"1 至 10000 的整数", "an integer from 1 to 10000"}},
    {"chunks", RULE_INTEGER, false, 1, EVENT_CHUNKS_MAX, {"1 至 10000 的整数", "an integer from 1 to 10000"}},
    {"entries_total", RULE_INTEGER, false, 0, EVENT_ENTRIES_TOTAL_MAX, {"0 至 50000000 的整数", "an integer from 0 to 50000000"}},
    {"failed", RULE_ARRAY, false, 0, 0, {"数组", "an array"}},
    {"passed", RULE_ARRAY, true, 0, 0, {"数组", "an array"}},
    {0}};

#define RULES_OF_SUPERIOR                                                                                                                  \
    RULE_UNIT, RULE_YEAR, RULE_OF_NAME("submission"), RULE_OF_NAME("digest"),                                                              \
        {"superior", RULE_NAME, false, 1, EVENT_UNIT_BYTES_MAX, NAME_WANTED("64")}, RULE_OF_NAME("reviewer")

static const struct rule approved_rules[] = {RULES_OF_SUPERIOR, RULE_OF_COMMENT(true), {0}};
static const struct rule returned_rules[] = {RULES_OF_SUPERIOR, RULE_OF_COMMENT(false), {0}};
static const struct rule withdrawn_rules[] = {
    RULE_UNIT, RULE_YEAR, RULE_OF_NAME("submission"), RULE_OF_NAME("submitted_by"), RULE_OF_COMMENT(true), {0}};

static const struct rule *const rules_of_type[] = {
    [EVENT_UNIT_REVIEW_CONFIRMED] = unit_review_rules, [EVENT_MEMBER_REVIEW_SUBMITTED] = chunk_rules,
    [EVENT_REVIEW_APPROVED] = approved_rules,          [EVENT_REVIEW_RETURNED] = returned_rules,
    [EVENT_REVIEW_WITHDRAWN] = withdrawn_rules,
};

static bool is_comment(const json_t *value)
{
    const char *text = json_string_value(value);
    size_t length = json_string_length(value);
    if (length == 0 || length > EVENT_COMMENT_BYTES_MAX) return false;
    for (size_t at = 0; at < length;) {
        uint32_t code_point = text_next(text, length, &at);
        if (text_is_control(code_point) && code_point != '\n' && code_point != '\t') return false;
    }
    return true;
}

static bool is_string_of(const json_t *value, const char *wanted)
{
    return json_typeof(value) == JSON_STRING && strcmp(json_string_value(value), wanted) == 0;
}

static bool follows(const json_t *value, const struct rule *rule)
{
    json_type type = json_typeof(value);
    switch (rule->kind) {
    case RULE_NAME:
        return type == JSON_STRING && text_is_name(json_string_value(value), json_string_length(value), (size_t)rule->max);
    case RULE_COMMENT:
        return type == JSON_STRING && is_comment(value);
    case RULE_INTEGER:
        return type == JSON_INTEGER && json_integer_value(value) >= rule->min && json_integer_value(value) <= rule->max;
    case RULE_MODE:
        return is_string_of(value, "list") || is_string_of(value, "import");
    case RULE_OBJECT:
        return type == JSON_OBJECT;
    case RULE_ARRAY:
        return type == JSON_ARRAY;
    }
    return false; /* GCOV_EXCL_LINE: the compiler sees to it that no kind is left out */
}

static bool check_rules(const json_t *data, const struct rule *rules, struct fault *fault)
{
    for (const struct rule *rule = rules; rule->field != NULL; rule++) {
        const json_t *value = json_object_get(data, rule->field);
        if (value == NULL && !rule->is_optional)
            return json_guard_refuse(fault, "schema", language_pick("缺少 /data/%s：须为%s", "/data/%s is missing: it must be %s"),
                                     rule->field, language_words(rule->wanted));
        if (value != NULL && !follows(value, rule))
            return json_guard_refuse(fault, "schema", language_pick("/data/%s 须为%s", "/data/%s must be %s"), rule->field,
                                     language_words(rule->wanted));
    }
    return true;
}

/* ---- a unit's profile: a wrong type breaks the contract, wrong content is refused by the rules ---- */

static bool is_text(const char *text, size_t length)
{
    return length == 0 || text_is_name(text, length, EVENT_NAME_BYTES_MAX);
}

static bool is_unit_name(const char *text, size_t length)
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
    {"name", "profile.name", "profile-name", is_unit_name},
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

/* Lists and their masks count on 11 digits, however the unit has written them; a landline goes to `warnings`. */
static bool normalise_contact_number(json_t *profile, json_t *warnings, struct fault *fault)
{
    char mobile[MOBILE_DIGITS + 1], landline[LANDLINE_CHARS_MAX + 1] = "";
    const json_t *value = json_object_get(profile, "contact_mobile");
    if (value == NULL) return true;
    const char *text = json_string_value(value), *number = mobile;
    size_t length = json_string_length(value);
    if (!mobile_normalise(text, length, mobile)) number = landline_normalise(text, length, landline) ? landline : NULL;
    if (number == NULL) return true;
    bool ok = json_object_set_new(profile, "contact_mobile", json_string(number)) == 0;
    if (number == landline)
        ok = ok && json_array_append_new(warnings, json_pack("{s:s, s:s, s:n}", "code", "contact-landline", "field",
                                                             "profile.contact_mobile", "position")) == 0;
    return ok || json_guard_no_memory(fault);
}

/* A credit code is kept in upper case without blanks; what is doubtful about it goes to `warnings`. */
static bool normalise_credit_code(json_t *profile, json_t *warnings, struct fault *fault)
{
    const json_t *value = json_object_get(profile, "credit_code");
    if (value == NULL) return true;
    struct credit_code_verdict verdict = credit_code_check(json_string_value(value), json_string_length(value));
    char expected[] = {verdict.expected, '\0'};
    if (verdict.level != CREDIT_CODE_WARNING) return true;
    json_t *warning =
        json_pack("{s:s, s:s, s:o, s:s*}", "code", verdict.code, "field", "profile.credit_code", "position",
                  verdict.position > 0 ? json_integer(verdict.position) : json_null(), "expected", verdict.expected != 0 ? expected : NULL);
    bool ok =
        json_array_append_new(warnings, warning) == 0 && json_object_set_new(profile, "credit_code", json_string(verdict.normalised)) == 0;
    return ok || json_guard_no_memory(fault);
}

/* Whatever the sender has called "warnings" is replaced: they are ours. */
static bool normalise_profile(json_t *data, struct fault *fault)
{
    json_t *profile = json_object_get(data, "profile"), *warnings = json_array();
    if (json_object_set_new(data, "warnings", warnings) != 0) return json_guard_no_memory(fault);
    return normalise_contact_number(profile, warnings, fault) && normalise_credit_code(profile, warnings, fault);
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
    return event_chunk_read(arena, lists, is_list_mode, today, &event->chunk, fault);
}

/* ---- hash and body ---- */

/* Jansson writes in pieces of a few bytes: they are gathered, so that the hash is called once a block. */
struct hash {
    EVP_MD_CTX *digest;
    char block[4096];
    size_t used;
    bool is_good;
};

static void hash_flush(struct hash *hash)
{
    if (EVP_DigestUpdate(hash->digest, hash->block, hash->used) != 1) hash->is_good = false;
    hash->used = 0;
}

static int hash_add(const char *bytes, size_t count, void *context)
{
    struct hash *hash = context;
    while (count > 0) {
        size_t room = sizeof hash->block - hash->used;
        size_t taken = count < room ? count : room;
        memcpy(hash->block + hash->used, bytes, taken);
        hash->used += taken;
        bytes += taken;
        count -= taken;
        if (hash->used == sizeof hash->block) hash_flush(hash);
    }
    return 0;
}

/* A string ends with a byte that none holds. What is no string will be refused, whatever the hash is. */
static void hash_list(struct hash *hash, const struct event_list_items *list)
{
    size_t at = 0, length = 0;
    for (size_t i = 0; i < list->count; i++) {
        const json_t *item = list->lift == NULL ? json_array_get(list->items, i) : NULL;
        const char *text = item == NULL ? json_lift_next(list->lift, &at, &length) : json_string_value(item);
        if (item != NULL) length = json_string_length(item);
        (void)hash_add(text, length, hash);
        (void)hash_add("", 1, hash);
    }
}

/* Over the type, the data in order, and behind it the passed numbers, which `data` does not hold any more. */
static bool hash_content(const json_t *data, const struct event_list_items *passed, struct event *event, struct fault *fault)
{
    struct hash hash = {.digest = EVP_MD_CTX_new(), .is_good = true};
    const char *type = event_type_name(event->type);
    bool is_good = hash.digest != NULL && EVP_DigestInit_ex(hash.digest, EVP_sha256(), NULL) == 1;
    if (is_good) {
        (void)hash_add(type, strlen(type), &hash);
        (void)hash_add("\n", 1, &hash);
        is_good = json_dump_callback(data, hash_add, &hash, JSON_COMPACT | JSON_SORT_KEYS) == 0;
        hash_list(&hash, passed);
        hash_flush(&hash);
    }
    is_good = is_good && hash.is_good && EVP_DigestFinal_ex(hash.digest, event->content_sha256, NULL) == 1;
    EVP_MD_CTX_free(hash.digest);
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

static bool read_content(struct arena *arena, json_t *data, struct event *event, struct fault *fault)
{
    const json_t *unit = json_object_get(data, "unit");
    event->unit = arena_copy(arena, json_string_value(unit), json_string_length(unit));
    event->year = (int32_t)json_integer_value(json_object_get(data, "year"));
    if (event->unit == NULL) return json_guard_no_memory(fault);
    return event->type != EVENT_UNIT_REVIEW_CONFIRMED ||
           (read_profile(json_object_get(data, "profile"), event, fault) && normalise_profile(data, fault));
}

/* Takes a chunk's passed numbers out of `data` where they were not lifted, leaving an empty list either way. The caller owns `*items`. */
static bool take_passed(json_t *data, const struct json_lift *lift, json_t **items, struct event_list_items *passed, struct fault *fault)
{
    json_t *present = json_object_get(data, "passed");
    *items = json_incref(present);
    if (lift->text != NULL)
        *passed = (struct event_list_items){.lift = lift, .count = lift->count};
    else
        *passed = (struct event_list_items){.items = present, .count = json_array_size(present)};
    return passed->items == NULL || json_object_set_new(data, "passed", json_array()) == 0 || json_guard_no_memory(fault);
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
    if (!check_rules(data, rules_of_type[event->type], fault)) return false;
    bool is_good = event->type == EVENT_MEMBER_REVIEW_SUBMITTED
                       ? read_chunk_content(arena, data, passed, today, event, fault)
                       : hash_content(data, &none, event, fault) && read_content(arena, data, event, fault);
    return is_good && write_body(arena, data, event, fault);
}
