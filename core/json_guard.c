#include "core/json_guard.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "core/code.h"
#include "core/json_memory.h"
#include "core/language.h"

bool json_guard_refuse(struct fault *fault, const char *code, const char *format, ...)
{
    char text[FAULT_TEXT_BYTES_MAX];
    const struct code *entry = code_find(code);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return fault_set(fault, FAULT_REJECT, EX_DATAERR, code, "%s%s%s", text, entry == NULL ? "" : language_pick("；", "; "),
                     entry == NULL ? "" : language_pick(entry->remedy_zh, entry->remedy_en));
}

bool json_guard_no_memory(struct fault *fault)
{
    return fault_set(fault, FAULT_RETRY, EX_OSERR, "memory", language_pick("内存不足", "out of memory"));
}

/* ---- the scan before parsing: one pass, no memory; what is malformed is left to the parser ---- */

struct scan {
    const char *text;
    size_t length, at;
    int depth;
    size_t elements;
    /* For lifting: the last string, and whether nothing but a colon stands behind it. */
    const char *name;
    size_t name_length;
    bool is_named;
    bool is_in_parent; /* within the object of the parent's name */
    struct json_lift *lift; /* NULL: nothing to lift */
};

/* Called at the opening quote; ends behind the closing one. */
static void skip_string(struct scan *scan)
{
    size_t start = ++scan->at;
    for (; scan->at < scan->length && scan->text[scan->at] != '"'; scan->at++)
        if (scan->text[scan->at] == '\\') scan->at++;
    scan->name = scan->text + start;
    scan->name_length = scan->at - start;
    scan->is_named = false;
    scan->at++;
}

/* Called at a number's first digit; ends behind the number. */
static bool skip_number(struct scan *scan, struct fault *fault)
{
    size_t start = scan->at;
    while (scan->at < scan->length && scan->text[scan->at] >= '0' && scan->text[scan->at] <= '9') scan->at++;
    if (scan->at < scan->length && strchr(".eE", scan->text[scan->at]) != NULL) /* no text has a NUL here, which strchr finds, too */
        return json_guard_refuse(fault, "real-number", language_pick("第 %zu 字节：数字不是整数", "byte %zu: a number is not an integer"),
                                 start + 1);
    return true;
}

static bool open_bracket(struct scan *scan, const struct json_limits *limits, struct fault *fault)
{
    if (++scan->depth <= limits->depth_max) return true;
    return json_guard_refuse(
        fault, "too-deep",
        language_pick("第 %zu 字节：数组与对象的嵌套超过 %d 层", "byte %zu: more than %d arrays and objects within each other"),
        scan->at + 1, limits->depth_max);
}

static bool count_element(struct scan *scan, const struct json_limits *limits, struct fault *fault)
{
    if (++scan->elements <= limits->elements_max) return true;
    return json_guard_refuse(fault, "too-many-elements",
                             language_pick("第 %zu 字节：成员与元素超过 %zu 个", "byte %zu: more than %zu members and items"), scan->at + 1,
                             limits->elements_max);
}

/* ---- lifting ---- */

static bool is_white(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

static bool is_plain(char byte)
{
    return byte >= ' ' && byte <= '~' && byte != '"' && byte != '\\';
}

static size_t skip_white(const char *text, size_t at, size_t length)
{
    while (at < length && is_white(text[at])) at++;
    return at;
}

static bool is_name(const struct scan *scan, const char *name)
{
    return scan->is_named && scan->name_length == strlen(name) && memcmp(scan->name, name, scan->name_length) == 0;
}

/* What the text is in at an opening bracket, before it counts. */
static void note_parent(struct scan *scan)
{
    const struct json_lift *lift = scan->lift;
    if (lift != NULL && lift->parent != NULL && scan->depth == 1) scan->is_in_parent = is_name(scan, lift->parent);
}

static bool is_at_lift(const struct scan *scan)
{
    const struct json_lift *lift = scan->lift;
    if (lift == NULL || lift->text != NULL || !is_name(scan, lift->member)) return false;
    return lift->parent == NULL ? scan->depth == 1 : scan->depth == 2 && scan->is_in_parent;
}

/* At the opening bracket of the list: goes to its closing one if all between is plain strings, else does nothing. */
static void lift_list(struct scan *scan, const struct json_limits *limits)
{
    const char *text = scan->text;
    size_t start = scan->at + 1, at = start, count = 0;
    for (;;) {
        at = skip_white(text, at, scan->length);
        if (at >= scan->length || text[at] != '"') return;
        for (at++; at < scan->length && is_plain(text[at]); at++) {
        }
        if (at >= scan->length || text[at] != '"') return;
        count++;
        at = skip_white(text, at + 1, scan->length);
        if (at < scan->length && text[at] == ']') break;
        if (at >= scan->length || text[at] != ',') return;
        at++;
    }
    if (count > limits->elements_max - scan->elements || scan->depth >= limits->depth_max)
        return; /* to be refused where it is one too many */
    scan->lift->text = text + start;
    scan->lift->bytes = at - start;
    scan->lift->count = count;
    scan->elements += count;
    scan->at = at + 1;
}

const char *json_lift_next(const struct json_lift *lift, size_t *at, size_t *length)
{
    const char *string = (const char *)memchr(lift->text + *at, '"', lift->bytes - *at) + 1;
    const char *end = memchr(string, '"', lift->bytes - (size_t)(string - lift->text));
    *length = (size_t)(end - string);
    *at = (size_t)(end + 1 - lift->text);
    return string;
}

/* ---- the whole text ---- */

/* Any byte outside of strings and numbers. */
static bool scan_byte(struct scan *scan, const struct json_limits *limits, struct fault *fault)
{
    char byte = scan->text[scan->at];
    bool is_good = true;
    if (byte == '[' || byte == '{') {
        note_parent(scan);
        is_good = open_bracket(scan, limits, fault) && count_element(scan, limits, fault);
    } else if (byte == ',') {
        is_good = count_element(scan, limits, fault);
    } else if (byte == ']' || byte == '}') {
        scan->depth--;
    }
    if (!is_white(byte)) {
        scan->is_named = byte == ':' && scan->name != NULL;
        if (byte != ':') scan->name = NULL;
    }
    scan->at++;
    return is_good;
}

static bool scan_text(struct scan *scan, const struct json_limits *limits, struct fault *fault)
{
    bool is_good = true;
    while (is_good && scan->at < scan->length) {
        char byte = scan->text[scan->at];
        if (byte == '"') {
            skip_string(scan);
        } else if (byte >= '0' && byte <= '9') {
            is_good = skip_number(scan, fault);
        } else {
            size_t before = scan->at;
            if (byte == '[' && is_at_lift(scan)) lift_list(scan, limits);
            if (scan->at == before) is_good = scan_byte(scan, limits, fault);
        }
    }
    return is_good;
}

/* ---- the parser's own faults ---- */

/* `position`: where in the text as it came. */
static bool parser_fault(const json_error_t *error, int position, struct fault *fault)
{
    switch (json_error_code(error)) {
    case json_error_duplicate_key:
        return json_guard_refuse(fault, "duplicate-key",
                                 language_pick("第 %d 字节：对象中已有此键", "byte %d: an object has this key already"), position);
    case json_error_numeric_overflow:
        return json_guard_refuse(fault, "schema", language_pick("第 %d 字节：整数超过 64 位", "byte %d: an integer has more than 64 bits"),
                                 position);
    case json_error_null_character:
    case json_error_null_byte_in_key:
        return json_guard_refuse(fault, "schema", language_pick("第 %d 字节：字符串含有 U+0000", "byte %d: a string holds U+0000"),
                                 position);
    default:
        return json_guard_refuse(fault, "not-json", language_pick("第 %d 字节：不是 UTF-8 的 JSON", "byte %d: this is not JSON in UTF-8"),
                                 position);
    }
}

/* The text without what was lifted. */
static json_t *parse_rest(const char *text, size_t length, const struct json_lift *lift, struct fault *fault)
{
    json_error_t error;
    size_t before = (size_t)(lift->text - text), behind = before + lift->bytes, rest_length = length - lift->bytes;
    char *rest = json_memory_take(rest_length);
    if (rest == NULL) {
        (void)json_guard_no_memory(fault);
        return NULL;
    }
    memcpy(rest, text, before);
    memcpy(rest + before, text + behind, length - behind);
    json_t *value = json_loadb(rest, rest_length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    json_memory_give(rest);
    int position = error.position <= (int)before ? error.position : error.position + (int)lift->bytes;
    if (value == NULL) (void)parser_fault(&error, position, fault);
    return value;
}

json_t *json_guard_load(const char *text, size_t length, const struct json_limits *limits, struct json_lift *lift, struct fault *fault)
{
    json_error_t error;
    struct scan scan = {.text = text, .length = length, .lift = lift};
    if (lift != NULL) lift->text = NULL;
    if (length > limits->bytes_max) {
        (void)json_guard_refuse(fault, "too-large",
                                language_pick("内容有 %zu 字节，超过 %zu 字节", "the value has %zu bytes, more than %zu"), length,
                                limits->bytes_max);
        return NULL;
    }
    const char *nul = length > 0 ? memchr(text, '\0', length) : NULL;
    if (nul != NULL) { /* Jansson drops one that stands behind a number. */
        (void)json_guard_refuse(fault, "not-json", language_pick("第 %td 字节：不是 UTF-8 的 JSON", "byte %td: this is not JSON in UTF-8"),
                                nul - text + 1);
        return NULL;
    }
    if (!scan_text(&scan, limits, fault)) return NULL;
    json_memory_use();
    if (lift != NULL && lift->text != NULL) return parse_rest(text, length, lift, fault);
    json_t *value = json_loadb(text, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (value == NULL) (void)parser_fault(&error, error.position, fault);
    return value;
}
