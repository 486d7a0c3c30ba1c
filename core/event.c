#include "core/event.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/event_internal.h"
#include "core/json_memory.h"
#include "core/language.h"
#include "core/text.h"

/* ---- types ---- */

static const struct {
    const char *name;
    enum topic_kind topic;
} types[] = {
    [EVENT_UNIT_REVIEW_CONFIRMED] = {"nianshen.unit-review.confirmed.v1", TOPIC_UNIT_REVIEW},
    [EVENT_MEMBER_REVIEW_SUBMITTED] = {"nianshen.member-review.submitted.v1", TOPIC_MEMBER_REVIEW},
    [EVENT_REVIEW_APPROVED] = {"nianshen.review.approved.v1", TOPIC_APPROVAL},
    [EVENT_REVIEW_RETURNED] = {"nianshen.review.returned.v1", TOPIC_APPROVAL},
    [EVENT_REVIEW_WITHDRAWN] = {"nianshen.review.withdrawn.v1", TOPIC_APPROVAL},
};

const char *event_type_name(enum event_type type)
{
    return types[type].name;
}

enum topic_kind event_type_topic(enum event_type type)
{
    return types[type].topic;
}

bool event_type_of_name(const char *name, enum event_type *type)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(types[i].name, name) == 0) {
            *type = (enum event_type)i;
            return true;
        }
    }
    return false;
}

/* ---- content types ---- */

struct slice {
    const char *text;
    size_t length;
};

static struct slice trim(struct slice slice)
{
    while (slice.length > 0 && strchr(" \t\"", slice.text[0]) != NULL) {
        slice.text++;
        slice.length--;
    }
    while (slice.length > 0 && strchr(" \t\"", slice.text[slice.length - 1]) != NULL) slice.length--;
    return slice;
}

/* Cuts off and returns what stands before `separator`, or all. */
static struct slice cut(struct slice *rest, char separator)
{
    const char *end = rest->length > 0 ? memchr(rest->text, separator, rest->length) : NULL;
    struct slice first = {rest->text, end != NULL ? (size_t)(end - rest->text) : rest->length};
    size_t used = end != NULL ? first.length + 1 : first.length;
    rest->text += used;
    rest->length -= used;
    return trim(first);
}

static bool is_same(struct slice slice, const char *word)
{
    return slice.length == strlen(word) && strncasecmp(slice.text, word, slice.length) == 0;
}

/* True for this media type with any parameters, except a charset other than UTF-8. */
static bool is_media_type(struct slice value, const char *media_type)
{
    if (!is_same(cut(&value, ';'), media_type)) return false;
    while (value.length > 0) {
        struct slice parameter = cut(&value, ';');
        struct slice name = cut(&parameter, '=');
        if (is_same(name, "charset") && !is_same(trim(parameter), "utf-8")) return false;
    }
    return true;
}

/* ---- the envelope: CloudEvents attributes, from headers or from a structured value ---- */

struct envelope {
    const struct kafka_record *record; /* NULL in event_of_structured */
    json_t *root; /* the whole value in structured mode, else NULL */
    json_t *data; /* borrowed: within root, or the value itself */
    struct json_lift passed; /* a chunk's list, if it could be lifted */
    enum event_type type;
    bool has_type; /* false: the name is unknown */
    char type_name[EVENT_NAME_BYTES_MAX + 1];
    char source[EVENT_NAME_BYTES_MAX + 1];
    char id[EVENT_NAME_BYTES_MAX + 1];
};

/* The one header of this name; two of them are ambiguous and refused. NULL without a fault when there is none. */
static const struct kafka_header *find_header(const struct kafka_record *record, const char *name, struct fault *fault)
{
    const struct kafka_header *found = NULL;
    for (size_t i = 0; i < record->header_count; i++) {
        if (strcasecmp(record->headers[i].name, name) != 0 || record->headers[i].value == NULL) continue;
        if (found != NULL) {
            (void)json_guard_refuse(fault, "bad-header", language_pick("头部 %s 出现两次", "header %s is there twice"), name);
            return NULL;
        }
        found = &record->headers[i];
    }
    return found;
}

static bool find_attribute(const struct envelope *envelope, const char *name, struct slice *value, struct fault *fault)
{
    if (envelope->root != NULL) {
        const json_t *member = json_object_get(envelope->root, name);
        if (!json_is_string(member))
            return json_guard_refuse(fault, "bad-header",
                                     language_pick("缺少属性 %s，或它不是字符串", "attribute %s is missing or not a string"), name);
        *value = (struct slice){json_string_value(member), json_string_length(member)};
        return true;
    }
    char header_name[32];
    (void)snprintf(header_name, sizeof header_name, "ce_%s", name);
    const struct kafka_header *header = find_header(envelope->record, header_name, fault);
    if (header == NULL) return json_guard_refuse(fault, "bad-header", language_pick("缺少头部 %s", "header %s is missing"), header_name);
    *value = (struct slice){header->value, header->value_bytes};
    return true;
}

static bool read_name(const struct envelope *envelope, const char *name, char out[EVENT_NAME_BYTES_MAX + 1], struct fault *fault)
{
    struct slice value = {"", 0};
    if (!find_attribute(envelope, name, &value, fault)) return false;
    if (!text_is_name(value.text, value.length, EVENT_NAME_BYTES_MAX))
        return json_guard_refuse(fault, "bad-header",
                                 language_pick("%s%s 须为 1 至 %d 字节的 UTF-8 文本，不含控制字符与双向控制符",
                                               "%s%s must be 1 to %d bytes of UTF-8 without control characters or bidirectional controls"),
                                 envelope->root != NULL ? language_pick("属性 ", "attribute ") : language_pick("头部 ce_", "header ce_"),
                                 name, EVENT_NAME_BYTES_MAX);
    memcpy(out, value.text, value.length);
    out[value.length] = '\0';
    return true;
}

static bool read_attributes(struct envelope *envelope, struct fault *fault)
{
    struct slice version = {"", 0};
    if (!find_attribute(envelope, "specversion", &version, fault)) return false;
    if (version.length != 3 || memcmp(version.text, "1.0", 3) != 0)
        return json_guard_refuse(fault, "bad-header", language_pick("%sspecversion 须为 1.0", "%sspecversion must be 1.0"),
                                 envelope->root != NULL ? language_pick("属性 ", "attribute ") : language_pick("头部 ce_", "header ce_"));
    if (!read_name(envelope, "type", envelope->type_name, fault) || !read_name(envelope, "source", envelope->source, fault) ||
        !read_name(envelope, "id", envelope->id, fault))
        return false;
    envelope->has_type = event_type_of_name(envelope->type_name, &envelope->type);
    return true;
}

/* Which mode a record is in; in binary mode its attributes are read here, before the value. */
static bool read_headers(struct envelope *envelope, bool *is_structured, struct fault *fault)
{
    const struct kafka_record *record = envelope->record;
    if (record->has_lost_headers)
        return json_guard_refuse(
            fault, "bad-header",
            language_pick("头部超过 100000 个，多到既不能读也不能复制；至多 %d 个",
                          "more than 100000 headers, so many that they can neither be read nor copied; %d are allowed"),
            EVENT_HEADERS_MAX);
    if (record->header_count > EVENT_HEADERS_MAX)
        return json_guard_refuse(fault, "bad-header", language_pick("有 %zu 个头部，超过 %d 个", "%zu headers, more than %d"),
                                 record->header_count, EVENT_HEADERS_MAX);
    const struct kafka_header *header = find_header(record, "content-type", fault);
    if (header == NULL)
        return json_guard_refuse(fault, "bad-header", language_pick("缺少头部 content-type", "header content-type is missing"));
    struct slice content_type = {header->value, header->value_bytes};
    *is_structured = is_media_type(content_type, "application/cloudevents+json");
    if (*is_structured) return true;
    if (!is_media_type(content_type, "application/json"))
        return json_guard_refuse(fault, "bad-header",
                                 language_pick("头部 content-type 须为 UTF-8 的 application/json 或 application/cloudevents+json",
                                               "header content-type must be application/json, or application/cloudevents+json, in UTF-8"));
    return read_attributes(envelope, fault);
}

/* Takes a structured value apart; `envelope->root` is set. */
static bool read_structured(struct envelope *envelope, struct fault *fault)
{
    const json_t *content_type = json_object_get(envelope->root, "datacontenttype");
    if (json_typeof(envelope->root) != JSON_OBJECT)
        return json_guard_refuse(fault, "schema", language_pick("内容须为 JSON 对象", "the value must be an object"));
    if (!read_attributes(envelope, fault)) return false;
    if (content_type != NULL &&
        (json_typeof(content_type) != JSON_STRING ||
         !is_media_type((struct slice){json_string_value(content_type), json_string_length(content_type)}, "application/json")))
        return json_guard_refuse(fault, "bad-header",
                                 language_pick("属性 datacontenttype 须为 application/json，或省略",
                                               "attribute datacontenttype must be application/json, or absent"));
    if (json_object_get(envelope->root, "data_base64") != NULL)
        return json_guard_refuse(
            fault, "schema",
            language_pick("不接受 /data_base64；请以对象形式发送 /data", "/data_base64 is not taken; send /data as an object"));
    envelope->data = json_object_get(envelope->root, "data");
    return true;
}

/* ---- decoding ---- */

static const struct json_limits chunk_limits = {EVENT_CHUNK_BYTES_MAX, EVENT_DEPTH_MAX, EVENT_ELEMENTS_MAX};
static const struct json_limits small_limits = {EVENT_SMALL_BYTES_MAX, EVENT_DEPTH_MAX, EVENT_ELEMENTS_MAX};

static const struct json_limits *limits_of(enum topic_kind topic)
{
    return topic == TOPIC_MEMBER_REVIEW ? &chunk_limits : &small_limits;
}

static bool check_type(const struct envelope *envelope, struct fault *fault)
{
    if (!envelope->has_type)
        return json_guard_refuse(fault, "unknown-type", language_pick("类型为“%s”", "the type is '%s'"), envelope->type_name);
    const struct kafka_record *record = envelope->record;
    enum topic_kind topic = event_type_topic(envelope->type);
    if (record != NULL && record->topic != topic)
        return json_guard_refuse(fault, "wrong-topic", language_pick("%s 属于主题 %s，而不是 %s", "%s belongs to topic %s, not %s"),
                                 envelope->type_name, topic_kind_name(topic), topic_kind_name(record->topic));
    if (!json_is_object(envelope->data))
        return json_guard_refuse(fault, "schema", language_pick("/data 须为对象", "/data must be an object"));
    return true;
}

static bool is_unit_code(const json_t *unit)
{
    return json_is_string(unit) && text_is_name(json_string_value(unit), json_string_length(unit), EVENT_UNIT_BYTES_MAX);
}

/* A unit that is no unit code can't be compared: the field rules name it. */
static bool check_key(const struct envelope *envelope, int32_t partitions, struct fault *fault)
{
    const struct kafka_record *record = envelope->record;
    const json_t *unit = json_object_get(envelope->data, "unit");
    if (is_unit_code(unit) &&
        (json_string_length(unit) != record->key_bytes || memcmp(json_string_value(unit), record->key, record->key_bytes) != 0))
        return json_guard_refuse(fault, "key-mismatch",
                                 language_pick("记录的键是“%.*s”，/data/unit 是“%s”", "the record key is '%.*s', /data/unit is '%s'"),
                                 (int)(record->key_bytes < EVENT_UNIT_BYTES_MAX ? record->key_bytes : EVENT_UNIT_BYTES_MAX),
                                 (const char *)record->key, json_string_value(unit));
    int32_t partition = kafka_partition_of(record->key, record->key_bytes, partitions);
    if (partition != record->partition)
        return json_guard_refuse(fault, "wrong-partition",
                                 language_pick("此键属于分区 %d，而记录在分区 %d", "this key belongs to partition %d, the record is in %d"),
                                 partition, record->partition);
    return true;
}

static bool fill_event(struct arena *arena, struct envelope *envelope, date_ymd today, struct event *event, struct fault *fault)
{
    event->type = envelope->type;
    event->source = arena_copy(arena, envelope->source, strlen(envelope->source));
    event->id = arena_copy(arena, envelope->id, strlen(envelope->id));
    if (event->source == NULL || event->id == NULL) return json_guard_no_memory(fault);
    return event_fields_read(arena, envelope->data, &envelope->passed, today, event, fault);
}

static bool decode_value(struct arena *arena, struct envelope *envelope, json_t *value, bool is_structured, int32_t partitions,
                         struct event *event, struct fault *fault)
{
    envelope->data = value;
    if (is_structured) {
        envelope->root = value;
        if (!read_structured(envelope, fault)) return false;
    }
    return check_type(envelope, fault) && check_key(envelope, partitions, fault) &&
           fill_event(arena, envelope, moment_cst_date(envelope->record->append_ms), event, fault);
}

bool event_decode(struct arena *arena, const struct kafka_record *record, int32_t partitions, struct event *event, struct fault *fault)
{
    struct envelope envelope = {.record = record, .passed = {.member = "passed"}};
    bool is_structured = false;

    memset(event, 0, sizeof *event);
    if (record->key == NULL || record->key_bytes == 0)
        return json_guard_refuse(fault, "key-missing", language_pick("记录没有键", "the record has no key"));
    if (record->value == NULL) return json_guard_refuse(fault, "null-value", language_pick("记录没有内容", "the record has no value"));
    if (!read_headers(&envelope, &is_structured, fault)) return false;

    if (is_structured) envelope.passed.parent = "data";
    struct json_lift *lift = record->topic == TOPIC_MEMBER_REVIEW ? &envelope.passed : NULL; /* all events of this topic are chunks */
    json_memory_begin();
    json_t *value = json_guard_load(record->value, record->value_bytes, limits_of(record->topic), lift, fault);
    bool is_good = value != NULL && decode_value(arena, &envelope, value, is_structured, partitions, event, fault);
    json_decref(value);
    json_memory_end();
    return is_good;
}

bool event_read(struct arena *arena, const struct kafka_record *record, int32_t partitions, struct event *event, struct fault *fault)
{
    return event_scan(arena, record, partitions, event) || event_decode(arena, record, partitions, event, fault);
}

bool event_of_structured(struct arena *arena, const char *json, size_t length, struct event *event, struct fault *fault)
{
    struct envelope envelope = {0};
    bool is_good = false;

    memset(event, 0, sizeof *event);
    envelope.root = json_guard_load(json, length, &chunk_limits, NULL, fault);
    if (envelope.root == NULL) return false;
    if (!read_structured(&envelope, fault) || !check_type(&envelope, fault)) goto out;
    size_t bytes_max = limits_of(event_type_topic(envelope.type))->bytes_max;
    if (length > bytes_max) {
        (void)json_guard_refuse(fault, "too-large",
                                language_pick("内容有 %zu 字节，超过 %zu 字节", "the value has %zu bytes, more than %zu"), length,
                                bytes_max);
        goto out;
    }
    is_good = fill_event(arena, &envelope, moment_cst_date(moment_now_ms()), event, fault);
out:
    json_decref(envelope.root);
    return is_good;
}

/* ---- encoding ---- */

static void add_header(struct event_headers *headers, const char *name, const char *value)
{
    if (value != NULL) headers->list[headers->count++] = (struct kafka_header){name, value, strlen(value)};
}

void event_headers_fill(struct event_headers *headers, const char *type, const char *source, const char *id, const char *time,
                        const char *causation_id)
{
    headers->count = 0;
    add_header(headers, "ce_specversion", "1.0");
    add_header(headers, "ce_id", id);
    add_header(headers, "ce_source", source);
    add_header(headers, "ce_type", type);
    add_header(headers, "ce_time", time);
    add_header(headers, "ce_causationid", causation_id);
    add_header(headers, "content-type", "application/json");
}
