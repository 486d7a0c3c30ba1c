#include "core/json_guard.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "core/code.h"
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
};

/* Called at the opening quote; ends behind the closing one. */
static void skip_string(struct scan *scan)
{
    for (scan->at++; scan->at < scan->length && scan->text[scan->at] != '"'; scan->at++)
        if (scan->text[scan->at] == '\\') scan->at++;
    scan->at++;
}

/* Called at a number's first digit; ends behind the number. */
static bool skip_number(struct scan *scan, struct fault *fault)
{
    size_t start = scan->at;
    while (scan->at < scan->length && scan->text[scan->at] >= '0' && scan->text[scan->at] <= '9') scan->at++;
    if (scan->at < scan->length && strchr(".eE", scan->text[scan->at]) != NULL && scan->text[scan->at] != '\0')
        return json_guard_refuse(fault, "real-number", language_pick("第 %zu 字节：数字不是整数", "byte %zu: a number is not an integer"),
                                 start + 1);
    return true;
}

static bool count_bracket(struct scan *scan, const struct json_limits *limits, struct fault *fault)
{
    if (++scan->depth <= limits->depth_max) return true;
    return json_guard_refuse(
        fault, "too-deep",
        language_pick("第 %zu 字节：数组与对象的嵌套超过 %d 层", "byte %zu: more than %d arrays and objects within each other"),
        scan->at + 1, limits->depth_max);
}

static bool scan_text(const char *text, size_t length, const struct json_limits *limits, struct fault *fault)
{
    struct scan scan = {.text = text, .length = length};
    bool is_good = true;
    while (is_good && scan.at < length) {
        char byte = text[scan.at];
        if (byte == '"') {
            skip_string(&scan);
            continue;
        }
        if (byte >= '0' && byte <= '9') {
            is_good = skip_number(&scan, fault);
            continue;
        }
        if (byte == '[' || byte == '{')
            is_good = count_bracket(&scan, limits, fault);
        else if (byte == ']' || byte == '}')
            scan.depth--;
        if ((byte == '[' || byte == '{' || byte == ',') && ++scan.elements > limits->elements_max && is_good)
            is_good = json_guard_refuse(fault, "too-many-elements",
                                        language_pick("第 %zu 字节：成员与元素超过 %zu 个", "byte %zu: more than %zu members and items"),
                                        scan.at + 1, limits->elements_max);
        scan.at++;
    }
    return is_good;
}

/* ---- the parser's own faults ---- */

static bool parser_fault(const json_error_t *error, struct fault *fault)
{
    switch (json_error_code(error)) {
    case json_error_out_of_memory:
        return json_guard_no_memory(fault);
    case json_error_duplicate_key:
        return json_guard_refuse(fault, "duplicate-key",
                                 language_pick("第 %d 字节：对象中已有此键", "byte %d: an object has this key already"), error->position);
    case json_error_numeric_overflow:
        return json_guard_refuse(fault, "schema", language_pick("第 %d 字节：整数超过 64 位", "byte %d: an integer has more than 64 bits"),
                                 error->position);
    case json_error_null_character:
    case json_error_null_byte_in_key:
        return json_guard_refuse(fault, "schema", language_pick("第 %d 字节：字符串含有 U+0000", "byte %d: a string holds U+0000"),
                                 error->position);
    default:
        return json_guard_refuse(fault, "not-json", language_pick("第 %d 字节：不是 UTF-8 的 JSON", "byte %d: this is not JSON in UTF-8"),
                                 error->position);
    }
}

json_t *json_guard_load(const char *text, size_t length, const struct json_limits *limits, struct fault *fault)
{
    json_error_t error;
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
    if (!scan_text(text, length, limits, fault)) return NULL;
    json_t *value = json_loadb(text, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (value == NULL) (void)parser_fault(&error, fault);
    return value;
}
