#include <string.h>
#include <strings.h>

#include "core/credit_code.h"
#include "core/event_internal.h"
#include "core/id_number.h"
#include "core/mobile.h"
#include "core/retirement.h"
#include "core/text.h"

/* Anything out of the ordinary ends the scan with false and is left to event_decode: the scanner reports no fault and refuses nothing. */

enum {
    INTEGER_DIGITS_MAX = 9,
    QUOTED_NUMBER_BYTES = ID_NUMBER_CHARS + 2,
    LISTED_NUMBER_BYTES = QUOTED_NUMBER_BYTES + 1, /* with the comma or the bracket behind it */
};

enum profile_field { PROFILE_ADDRESS, PROFILE_CONTACT_MOBILE, PROFILE_CONTACT_NAME, PROFILE_CREDIT_CODE, PROFILE_NAME };
enum { PROFILE_FIELDS = PROFILE_NAME + 1 };

/* In the order of their bytes, as the hash has them. */
static const struct event_text profile_names[PROFILE_FIELDS] = {
    [PROFILE_ADDRESS] = EVENT_TEXT("address"),
    [PROFILE_CONTACT_MOBILE] = EVENT_TEXT("contact_mobile"),
    [PROFILE_CONTACT_NAME] = EVENT_TEXT("contact_name"),
    [PROFILE_CREDIT_CODE] = EVENT_TEXT("credit_code"),
    [PROFILE_NAME] = EVENT_TEXT("name"),
};

struct scan {
    const char *at, *end;
    size_t white_count; /* bytes of white space that were skipped */
    struct arena *arena;
    struct event *event;
    const struct event_rule *rules, *next_rule; /* the field that is likely to be next */
    date_ymd today;
    struct event_text values[EVENT_FIELDS]; /* as they stand in the record, lists without their brackets */
    struct event_text profile[PROFILE_FIELDS];
    bool is_failed_compact; /* each entry is already in the form that is hashed */
};

/* ---- tokens ---- */

static void skip_white(struct scan *scan)
{
    const char *start = scan->at;
    while (scan->at < scan->end && (*scan->at == ' ' || *scan->at == '\n' || *scan->at == '\r' || *scan->at == '\t')) scan->at++;
    scan->white_count += (size_t)(scan->at - start);
}

static inline bool take(struct scan *scan, char byte)
{
    if (scan->at < scan->end && *scan->at != byte) skip_white(scan);
    if (scan->at == scan->end || *scan->at != byte) return false;
    scan->at++;
    return true;
}

static inline bool is_same(struct event_text a, struct event_text b)
{
    return a.length == b.length && memcmp(a.text, b.text, a.length) == 0;
}

static inline bool is_word(struct event_text text, const char *word)
{
    return is_same(text, (struct event_text){word, strlen(word)});
}

/* None of eight bytes is a control character, a quote, a backslash or beyond ASCII: tested side by side, a byte's highest bit tells. */
static inline bool is_plain(const char *text)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = 0x80 * ones;
    uint64_t word;
    memcpy(&word, text, sizeof word);
    uint64_t quote = word ^ '"' * ones, backslash = word ^ '\\' * ones, del = word ^ 0x7F * ones;
    return ((word | (word - 0x20 * ones) | (quote - ones) | (backslash - ones) | (del - ones)) & tops) == 0;
}

/* A text without escapes, which holds what a name may hold; it may be empty. */
static bool take_text(struct scan *scan, size_t bytes_max, struct event_text *out)
{
    if (!take(scan, '"')) return false;
    const char *start = scan->at, *at = start;
    bool is_ascii = true;
    while (scan->end - at >= 8 && is_plain(at)) at += 8;
    for (; at < scan->end && *at != '"'; at++) {
        unsigned char byte = (unsigned char)*at;
        if (byte < 0x20 || byte == '\\' || byte == 0x7F) return false;
        is_ascii &= byte < 0x80;
    }
    if (at == scan->end) return false;
    *out = (struct event_text){start, (size_t)(at - start)};
    scan->at = at + 1;
    return out->length <= bytes_max && (is_ascii || text_is_name(start, out->length, bytes_max));
}

static bool take_integer(struct scan *scan, const struct event_rule *rule, struct event_text *out)
{
    int32_t number = 0;
    skip_white(scan);
    const char *start = scan->at;
    while (scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9' && scan->at - start < INTEGER_DIGITS_MAX)
        number = number * 10 + (*scan->at++ - '0');
    *out = (struct event_text){start, (size_t)(scan->at - start)};
    if (out->length == 0 || (*start == '0' && out->length > 1) || number < rule->min || number > rule->max) return false;
    *(int32_t *)(void *)((char *)scan->event + rule->offset) = number;
    return true;
}

static bool copy(struct scan *scan, struct event_text slice, const char **out)
{
    *out = arena_copy(scan->arena, slice.text, slice.length);
    return *out != NULL;
}

/* ---- the lists of a chunk ---- */

/* The bracket that ends the list here; a text may hold one that comes before it, and then the list does not end there. */
static const char *find_end(const struct scan *scan)
{
    return memchr(scan->at, ']', (size_t)(scan->end - scan->at));
}

static size_t count_bytes(const char *from, const char *to, char byte)
{
    size_t count = 0;
    for (; from < to; from++) count += *from == byte;
    return count;
}

struct entry {
    struct event_text number, name, reason;
    int last; /* member, in the order of their names */
};

static bool take_member(struct scan *scan, struct entry *entry)
{
    static const struct event_text names[] = {EVENT_TEXT("id_number"), EVENT_TEXT("name"), EVENT_TEXT("reason")};
    struct event_text name, *const places[] = {&entry->number, &entry->name, &entry->reason};
    if (!take_text(scan, EVENT_NAME_BYTES_MAX, &name) || !take(scan, ':')) return false;
    for (int i = 0; i < 3; i++) {
        if (!is_same(name, names[i])) continue;
        scan->is_failed_compact &= i >= entry->last;
        entry->last = i;
        return places[i]->text == NULL && take_text(scan, EVENT_NAME_BYTES_MAX, places[i]) && places[i]->length > 0;
    }
    return false;
}

/* One reason stands behind many: the entry before has it already. */
static bool copy_reason(struct scan *scan, struct event_text reason, const struct event_failing *before, const char **out)
{
    if (before == NULL || !is_word(reason, before->reason)) return copy(scan, reason, out);
    *out = before->reason;
    return true;
}

static bool take_entry(struct scan *scan, const struct event_failing *before, struct event_failing *failing)
{
    struct entry entry = {.last = 0};
    date_ymd born;
    if (!take(scan, '{')) return false;
    do {
        if (!take_member(scan, &entry)) return false;
    } while (take(scan, ','));
    if (!take(scan, '}') || entry.reason.text == NULL || entry.number.length != ID_NUMBER_CHARS) return false;
    if (!id_number_pack(entry.number.text, scan->today, &failing->key.packed, &born)) return false;
    if (!copy_reason(scan, entry.reason, before, &failing->reason)) return false;
    if (entry.name.text != NULL && !copy(scan, entry.name, &failing->name)) return false;
    if (strcmp(failing->reason, "retired") == 0)
        failing->warnings = retirement_warning((entry.number.text[ID_NUMBER_CHARS - 2] - '0') % 2 == 1 ? 'M' : 'F', born, scan->today);
    return true;
}

static bool take_failed(struct scan *scan, struct event_text *out)
{
    struct event_rows *rows = &scan->event->rows;
    if (!take(scan, '[')) return false;
    const char *start = scan->at, *end = find_end(scan);
    size_t white_before = scan->white_count, room = end != NULL ? count_bytes(start, end, '{') : 0;
    struct event_failing *failing = end != NULL && room <= EVENT_ENTRIES_MAX ? arena_take(scan->arena, room * sizeof *failing) : NULL;
    if (failing == NULL) return false;
    rows->failing = failing;
    scan->is_failed_compact = true;
    if (!take(scan, ']')) {
        do {
            size_t count = rows->failing_count;
            if (count == room || !take_entry(scan, count > 0 ? &failing[count - 1] : NULL, &failing[count])) return false;
            rows->failing_count++;
        } while (take(scan, ','));
        if (!take(scan, ']')) return false;
    }
    *out = (struct event_text){start, (size_t)(scan->at - 1 - start)};
    scan->is_failed_compact = scan->is_failed_compact && scan->white_count == white_before;
    return true;
}

static bool take_number(struct scan *scan, struct id_key *key)
{
    date_ymd born;
    skip_white(scan);
    const char *text = scan->at;
    if (scan->end - text < QUOTED_NUMBER_BYTES || text[0] != '"' || text[QUOTED_NUMBER_BYTES - 1] != '"') return false;
    scan->at += QUOTED_NUMBER_BYTES;
    return id_number_pack(text + 1, scan->today, &key->packed, &born);
}

static bool take_passed(struct scan *scan, struct event_text *out)
{
    struct event_rows *rows = &scan->event->rows;
    if (!take(scan, '[')) return false;
    const char *start = scan->at, *end = find_end(scan);
    size_t room = end != NULL ? (size_t)(end + 1 - start) / LISTED_NUMBER_BYTES : 0;
    if (room > EVENT_ENTRIES_MAX) room = EVENT_ENTRIES_MAX;
    struct id_key *passed = end != NULL ? arena_take(scan->arena, room * sizeof *passed) : NULL;
    if (passed == NULL) return false;
    rows->passed = passed;
    if (!take(scan, ']')) {
        do {
            if (rows->passed_count == room || !take_number(scan, &passed[rows->passed_count])) return false;
            rows->passed_count++;
        } while (take(scan, ','));
        if (!take(scan, ']')) return false;
    }
    *out = (struct event_text){start, (size_t)(scan->at - 1 - start)};
    return true;
}

/* ---- a unit's profile ---- */

/* NULL where there is more to say of the field than that it is good; else where struct event_profile holds it. */
static const char **check_profile_field(struct event_profile *profile, enum profile_field field, struct event_text *value,
                                        char mobile[MOBILE_DIGITS + 1])
{
    switch (field) {
    case PROFILE_ADDRESS:
        return &profile->address;
    case PROFILE_CONTACT_MOBILE:
        if (!mobile_normalise(value->text, value->length, mobile)) return NULL;
        *value = (struct event_text){mobile, MOBILE_DIGITS};
        return &profile->contact_mobile;
    case PROFILE_CONTACT_NAME:
        return &profile->contact_name;
    case PROFILE_CREDIT_CODE:
        return credit_code_check(value->text, value->length).level == CREDIT_CODE_OK ? &profile->credit_code : NULL;
    case PROFILE_NAME:
        return event_is_unit_name(value->text, value->length) ? &profile->name : NULL;
    }
    return NULL; /* GCOV_EXCL_LINE: the compiler sees to it that no field is left out */
}

static bool take_profile_field(struct scan *scan)
{
    char mobile[MOBILE_DIGITS + 1];
    struct event_text name, value;
    size_t field = 0;
    if (!take_text(scan, EVENT_NAME_BYTES_MAX, &name) || !take(scan, ':') || !take_text(scan, EVENT_NAME_BYTES_MAX, &value)) return false;
    while (field < PROFILE_FIELDS && !is_same(name, profile_names[field])) field++;
    if (field == PROFILE_FIELDS || scan->profile[field].text != NULL) return false;
    scan->profile[field] = value;
    const char **place = check_profile_field(&scan->event->profile, (enum profile_field)field, &value, mobile);
    return place != NULL && copy(scan, value, place);
}

static bool take_profile(struct scan *scan, struct event_text *out)
{
    if (!take(scan, '{')) return false;
    out->text = scan->at;
    if (take(scan, '}')) return true;
    do {
        if (!take_profile_field(scan)) return false;
    } while (take(scan, ','));
    return take(scan, '}');
}

/* ---- the fields ---- */

static bool take_mode(struct scan *scan, struct event_text *out)
{
    if (!take_text(scan, EVENT_NAME_BYTES_MAX, out)) return false;
    scan->event->mode = is_word(*out, "list") ? EVENT_MODE_LIST : EVENT_MODE_IMPORT;
    return scan->event->mode == EVENT_MODE_LIST || is_word(*out, "import");
}

static bool take_value(struct scan *scan, const struct event_rule *rule)
{
    struct event_text *value = &scan->values[rule->field];
    switch (rule->kind) {
    case EVENT_RULE_NAME:
    case EVENT_RULE_COMMENT:
        return take_text(scan, (size_t)rule->max, value) && value->length > 0 &&
               copy(scan, *value, (const char **)(void *)((char *)scan->event + rule->offset));
    case EVENT_RULE_INTEGER:
        return take_integer(scan, rule, value);
    case EVENT_RULE_MODE:
        return take_mode(scan, value);
    case EVENT_RULE_OBJECT:
        return take_profile(scan, value);
    case EVENT_RULE_ARRAY:
    case EVENT_RULE_END: /* no field has it */
        return rule->field == EVENT_FIELD_FAILED ? take_failed(scan, value) : take_passed(scan, value);
    }
    return false; /* GCOV_EXCL_LINE: the compiler sees to it that no kind is left out */
}

/* NULL: the contract does not know the field. */
static const struct event_rule *find_rule(struct scan *scan, struct event_text name)
{
    const struct event_rule *rule = scan->next_rule;
    if (rule->kind == EVENT_RULE_END || !is_same(name, event_field_names[rule->field]))
        for (rule = scan->rules; rule->kind != EVENT_RULE_END && !is_same(name, event_field_names[rule->field]);) rule++;
    if (rule->kind == EVENT_RULE_END) return NULL;
    scan->next_rule = rule + 1;
    return rule;
}

static bool take_field(struct scan *scan)
{
    struct event_text name;
    if (!take_text(scan, EVENT_NAME_BYTES_MAX, &name) || !take(scan, ':')) return false;
    const struct event_rule *rule = find_rule(scan, name);
    return rule != NULL && scan->values[rule->field].text == NULL && take_value(scan, rule);
}

static bool take_data(struct scan *scan)
{
    if (!take(scan, '{')) return false;
    do {
        if (!take_field(scan)) return false;
    } while (take(scan, ','));
    if (!take(scan, '}')) return false;
    skip_white(scan);
    return scan->at == scan->end;
}

/* What the single fields do not show. */
static bool is_complete(const struct scan *scan)
{
    const struct event *event = scan->event;
    for (const struct event_rule *rule = scan->rules; rule->kind != EVENT_RULE_END; rule++)
        if (!rule->is_optional && scan->values[rule->field].text == NULL) return false;
    return event->chunk_number <= event->chunks && (event->mode == EVENT_MODE_LIST || event->rows.passed_count == 0) &&
           event->rows.failing_count + event->rows.passed_count <= EVENT_ENTRIES_MAX;
}

/* ---- the hash: the data as event_decode would write it ---- */

static inline void hash_word(struct event_hash *hash, const char *word)
{
    event_hash_add(hash, word, strlen(word));
}

/* With the bracket or comma before it. */
static void hash_name(struct event_hash *hash, char before, struct event_text name)
{
    event_hash_add(hash, &before, 1);
    hash_word(hash, "\"");
    event_hash_add(hash, name.text, name.length);
    hash_word(hash, "\":");
}

static void hash_text(struct event_hash *hash, const char *text, size_t length)
{
    event_hash_add(hash, "\"", 1);
    event_hash_add(hash, text, length);
    event_hash_add(hash, "\"", 1);
}

static void hash_profile(struct event_hash *hash, const struct scan *scan)
{
    char before = '{';
    for (size_t i = 0; i < PROFILE_FIELDS; i++) {
        if (scan->profile[i].text == NULL) continue;
        hash_name(hash, before, profile_names[i]);
        hash_text(hash, scan->profile[i].text, scan->profile[i].length);
        before = ',';
    }
    hash_word(hash, before == '{' ? "{}" : "}");
}

static void hash_entry(struct event_hash *hash, const struct event_failing *failing)
{
    char number[ID_KEY_TEXT_BYTES];
    hash_word(hash, "{\"id_number\":");
    hash_text(hash, number, id_key_write(failing->key, number));
    if (failing->name != NULL) {
        hash_word(hash, ",\"name\":");
        hash_text(hash, failing->name, strlen(failing->name));
    }
    hash_word(hash, ",\"reason\":");
    hash_text(hash, failing->reason, strlen(failing->reason));
    hash_word(hash, "}");
}

static void hash_failed(struct event_hash *hash, const struct scan *scan)
{
    const struct event_text *value = &scan->values[EVENT_FIELD_FAILED];
    const struct event_rows *rows = &scan->event->rows;
    hash_word(hash, "[");
    if (scan->is_failed_compact) event_hash_add(hash, value->text, value->length);
    for (size_t i = 0; !scan->is_failed_compact && i < rows->failing_count; i++) {
        if (i > 0) hash_word(hash, ",");
        hash_entry(hash, &rows->failing[i]);
    }
    hash_word(hash, "]");
}

static void hash_value(struct event_hash *hash, const struct scan *scan, const struct event_rule *rule)
{
    const struct event_text *value = &scan->values[rule->field];
    if (rule->field == EVENT_FIELD_PROFILE)
        hash_profile(hash, scan);
    else if (rule->field == EVENT_FIELD_FAILED)
        hash_failed(hash, scan);
    else if (rule->field == EVENT_FIELD_PASSED)
        hash_word(hash, "[]");
    else if (rule->kind == EVENT_RULE_INTEGER)
        event_hash_add(hash, value->text, value->length);
    else
        hash_text(hash, value->text, value->length);
}

/* Each with a NUL behind it; between them there is nothing but commas and white space. */
static void hash_passed(struct event_hash *hash, const struct scan *scan)
{
    const char *at = scan->values[EVENT_FIELD_PASSED].text;
    char number[ID_NUMBER_CHARS + 1] = "";
    for (size_t i = 0; i < scan->event->rows.passed_count; i++) {
        while (*at != '"') at++;
        memcpy(number, at + 1, ID_NUMBER_CHARS);
        event_hash_add(hash, number, sizeof number);
        at += QUOTED_NUMBER_BYTES;
    }
}

static bool hash_content(const struct scan *scan)
{
    struct event_hash hash;
    const struct event_rule *of_field[EVENT_FIELDS] = {NULL};
    char before = '{';
    for (const struct event_rule *rule = scan->rules; rule->kind != EVENT_RULE_END; rule++)
        if (scan->values[rule->field].text != NULL || rule->field == EVENT_FIELD_PASSED) of_field[rule->field] = rule;
    event_hash_begin(&hash, scan->event->type);
    for (size_t i = 0; i < EVENT_FIELDS; i++) {
        if (of_field[i] == NULL) continue;
        hash_name(&hash, before, event_field_names[i]);
        hash_value(&hash, scan, of_field[i]);
        before = ',';
    }
    hash_word(&hash, "}");
    hash_passed(&hash, scan);
    return event_hash_end(&hash, scan->event->content_sha256);
}

/* ---- the headers ---- */

enum attribute { ATTRIBUTE_ID, ATTRIBUTE_TYPE, ATTRIBUTE_SOURCE, ATTRIBUTE_CONTENT_TYPE, ATTRIBUTE_SPEC_VERSION, ATTRIBUTES };

/* No two of these names are of one length. */
static enum attribute attribute_of(const char *name)
{
    static const char *const names[ATTRIBUTES] = {"ce_id", "ce_type", "ce_source", "content-type", "ce_specversion"};
    size_t length = strlen(name), attribute = length == 5    ? ATTRIBUTE_ID
                                              : length == 7  ? ATTRIBUTE_TYPE
                                              : length == 9  ? ATTRIBUTE_SOURCE
                                              : length == 12 ? ATTRIBUTE_CONTENT_TYPE
                                              : length == 14 ? ATTRIBUTE_SPEC_VERSION
                                                             : ATTRIBUTES;
    return attribute < ATTRIBUTES && strcasecmp(name, names[attribute]) == 0 ? (enum attribute)attribute : ATTRIBUTES;
}

static bool read_attributes(const struct kafka_record *record, struct event_text attributes[ATTRIBUTES])
{
    if (record->has_lost_headers || record->header_count > EVENT_HEADERS_MAX) return false;
    for (size_t i = 0; i < record->header_count; i++) {
        const struct kafka_header *header = &record->headers[i];
        enum attribute attribute = header->value != NULL ? attribute_of(header->name) : ATTRIBUTES;
        if (attribute == ATTRIBUTES) continue;
        if (attributes[attribute].text != NULL) return false;
        attributes[attribute] = (struct event_text){header->value, header->value_bytes};
    }
    for (size_t i = 0; i < ATTRIBUTES; i++)
        if (attributes[i].text == NULL) return false;
    return true;
}

static bool read_type(struct event_text name, enum topic_kind topic, enum event_type *type)
{
    for (int i = 0; i <= EVENT_REVIEW_WITHDRAWN; i++) {
        *type = (enum event_type)i;
        if (event_type_topic(*type) == topic && is_word(name, event_type_name(*type))) return true;
    }
    return false;
}

static bool read_headers(struct scan *scan, const struct kafka_record *record)
{
    struct event_text attributes[ATTRIBUTES] = {{NULL, 0}};
    struct event *event = scan->event;
    if (!read_attributes(record, attributes)) return false;
    const struct event_text *id = &attributes[ATTRIBUTE_ID], *source = &attributes[ATTRIBUTE_SOURCE];
    return is_word(attributes[ATTRIBUTE_CONTENT_TYPE], "application/json") && is_word(attributes[ATTRIBUTE_SPEC_VERSION], "1.0") &&
           read_type(attributes[ATTRIBUTE_TYPE], record->topic, &event->type) && text_is_name(id->text, id->length, EVENT_NAME_BYTES_MAX) &&
           text_is_name(source->text, source->length, EVENT_NAME_BYTES_MAX) && copy(scan, *source, &event->source) &&
           copy(scan, *id, &event->id);
}

/* ---- the record ---- */

static bool is_at_home(const struct scan *scan, const struct kafka_record *record, int32_t partitions)
{
    const struct event_text *unit = &scan->values[EVENT_FIELD_UNIT];
    return unit->length == record->key_bytes && memcmp(unit->text, record->key, record->key_bytes) == 0 &&
           kafka_partition_of(record->key, record->key_bytes, partitions) == record->partition;
}

bool event_scan(struct arena *arena, const struct kafka_record *record, int32_t partitions, struct event *event)
{
    size_t bytes_max = record->topic == TOPIC_MEMBER_REVIEW ? EVENT_CHUNK_BYTES_MAX : EVENT_SMALL_BYTES_MAX;
    struct scan scan = {.arena = arena, .event = event, .today = moment_cst_date(record->append_ms)};
    memset(event, 0, sizeof *event);
    if (record->key == NULL || record->value == NULL || record->value_bytes > bytes_max || !read_headers(&scan, record)) return false;
    scan.at = record->value;
    scan.end = scan.at + record->value_bytes;
    scan.rules = scan.next_rule = event_rules(event->type);
    return take_data(&scan) && is_complete(&scan) && is_at_home(&scan, record, partitions) && hash_content(&scan);
}
