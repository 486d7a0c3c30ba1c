/*
 * Packed rows: a version, three counts (failing, passed, bad), the failing entries, the passed keys, the bad numbers. Integers are little
 * endian at any address. A text is its length + 1 (4 bytes; 0: no text), its bytes and a NUL. A key is its packed number, or KEY_IS_TEXT
 * and a text.
 */
#include "rules/rows.h"

#include <endian.h>
#include <string.h>

#include "core/code.h"
#include "core/text.h"

enum { VERSION = 1, HEAD_BYTES = 13, KEY_BYTES_MIN = 8, FAILING_BYTES_MIN = KEY_BYTES_MIN + 3 * 4, BAD_BYTES_MIN = 1 + 4 + 2 * 4 + 4 + 1 };

static const uint64_t KEY_IS_TEXT = UINT64_MAX, PACKED_END = 100000000000000000; /* 10^17 */

/* ---- packing: measured first, with `bytes` NULL, then written ---- */

struct packer {
    unsigned char *bytes;
    size_t used;
};

static void put(struct packer *packer, const void *bytes, size_t count)
{
    if (packer->bytes != NULL && count > 0) memcpy(packer->bytes + packer->used, bytes, count);
    packer->used += count;
}

static void put_byte(struct packer *packer, int value)
{
    unsigned char byte = (unsigned char)value;
    put(packer, &byte, 1);
}

static void put_32(struct packer *packer, uint32_t value)
{
    value = htole32(value);
    put(packer, &value, sizeof value);
}

static void put_text(struct packer *packer, const char *text)
{
    if (text == NULL) {
        put_32(packer, 0);
        return;
    }
    size_t length = strlen(text);
    put_32(packer, (uint32_t)length + 1);
    put(packer, text, length + 1);
}

static void put_key(struct packer *packer, struct id_key key)
{
    uint64_t packed = htole64(key.text != NULL ? KEY_IS_TEXT : key.packed);
    put(packer, &packed, sizeof packed);
    if (key.text != NULL) put_text(packer, key.text);
}

static void put_bad(struct packer *packer, const struct event_bad_number *bad)
{
    put_byte(packer, (int)bad->list);
    put_32(packer, (uint32_t)bad->index);
    put_text(packer, bad->code);
    put_text(packer, bad->masked);
    put_32(packer, (uint32_t)bad->position);
    put_byte(packer, bad->expected);
}

static void put_rows(struct packer *packer, const struct event_rows *rows)
{
    put_byte(packer, VERSION);
    put_32(packer, rows->failing_count);
    put_32(packer, rows->passed_count);
    put_32(packer, rows->bad_count);
    for (uint32_t i = 0; i < rows->failing_count; i++) {
        put_key(packer, rows->failing[i].key);
        put_text(packer, rows->failing[i].reason);
        put_text(packer, rows->failing[i].name);
        put_text(packer, rows->failing[i].warnings);
    }
    for (uint32_t i = 0; i < rows->passed_count; i++) put_key(packer, rows->passed[i]);
    for (uint32_t i = 0; i < rows->bad_count; i++) put_bad(packer, &rows->bad[i]);
}

const void *rows_pack(struct arena *arena, const struct event_rows *rows, size_t *size_bytes)
{
    struct packer measure = {NULL, 0}, packer = {NULL, 0};
    put_rows(&measure, rows);
    packer.bytes = arena_take(arena, measure.used);
    if (packer.bytes == NULL) return NULL;
    put_rows(&packer, rows);
    *size_bytes = packer.used;
    return packer.bytes;
}

/* ---- unpacking: texts are borrowed from the bytes ---- */

struct unpacker {
    const unsigned char *at, *end;
    bool is_bad;
};

static const unsigned char *get(struct unpacker *unpacker, size_t count)
{
    if (unpacker->is_bad || count > (size_t)(unpacker->end - unpacker->at)) {
        unpacker->is_bad = true;
        return NULL;
    }
    unpacker->at += count;
    return unpacker->at - count;
}

static int get_byte(struct unpacker *unpacker)
{
    const unsigned char *at = get(unpacker, 1);
    return at != NULL ? *at : 0;
}

static uint32_t get_32(struct unpacker *unpacker)
{
    uint32_t value = 0;
    const unsigned char *at = get(unpacker, sizeof value);
    if (at != NULL) memcpy(&value, at, sizeof value);
    return le32toh(value);
}

static const char *get_text(struct unpacker *unpacker, bool may_be_null)
{
    uint32_t length = get_32(unpacker);
    if (length == 0) unpacker->is_bad = unpacker->is_bad || !may_be_null;
    const char *text = length > 0 ? (const char *)get(unpacker, length) : NULL;
    if (text == NULL) return NULL;
    if (text[length - 1] != '\0' || memchr(text, '\0', length - 1) != NULL || !text_is_utf8(text, length - 1)) unpacker->is_bad = true;
    return unpacker->is_bad ? NULL : text;
}

static struct id_key get_key(struct unpacker *unpacker)
{
    uint64_t packed = 0;
    const unsigned char *at = get(unpacker, sizeof packed);
    if (at != NULL) memcpy(&packed, at, sizeof packed);
    packed = le64toh(packed);
    if (packed != KEY_IS_TEXT) {
        unpacker->is_bad = unpacker->is_bad || packed >= PACKED_END;
        return (struct id_key){.packed = packed};
    }
    const char *text = get_text(unpacker, false);
    if (text == NULL) return (struct id_key){.text = ""};
    size_t length = strlen(text);
    if (length >= ID_KEY_TEXT_BYTES || id_key_of(text, length).text == NULL) unpacker->is_bad = true;
    return (struct id_key){.text = text};
}

static struct event_failing get_failing(struct unpacker *unpacker)
{
    struct event_failing failing = {.key = get_key(unpacker)};
    failing.reason = get_text(unpacker, false);
    failing.name = get_text(unpacker, true);
    failing.warnings = get_text(unpacker, true);
    return failing;
}

static struct event_bad_number get_bad(struct unpacker *unpacker, const struct event_rows *rows)
{
    int list = get_byte(unpacker);
    uint32_t index = get_32(unpacker), count = list == EVENT_LIST_FAILED ? rows->failing_count : rows->passed_count;
    struct event_bad_number bad = {.list = list == EVENT_LIST_FAILED ? EVENT_LIST_FAILED : EVENT_LIST_PASSED, .index = (int32_t)index};
    const char *name = get_text(unpacker, false);
    const struct code *code = name != NULL ? code_find(name) : NULL;
    bad.code = code != NULL ? code->name : NULL;
    bad.masked = get_text(unpacker, false);
    bad.position = (int)get_32(unpacker);
    bad.expected = (char)get_byte(unpacker);
    if (list > EVENT_LIST_PASSED || index >= count || code == NULL || bad.expected < 0) unpacker->is_bad = true;
    return bad;
}

/* By list and index, as rows_judge walks through them. */
static bool is_in_order(const struct event_bad_number *before, const struct event_bad_number *bad)
{
    return before->list < bad->list || (before->list == bad->list && before->index <= bad->index);
}

/* The counts are checked against the bytes before anything is taken for them. */
static bool get_counts(struct unpacker *unpacker, struct event_rows *rows)
{
    unpacker->is_bad = get_byte(unpacker) != VERSION;
    rows->failing_count = get_32(unpacker);
    rows->passed_count = get_32(unpacker);
    rows->bad_count = get_32(unpacker);
    size_t left = (size_t)(unpacker->end - unpacker->at);
    return !unpacker->is_bad && rows->failing_count <= left / FAILING_BYTES_MIN && rows->passed_count <= left / KEY_BYTES_MIN &&
           rows->bad_count <= left / BAD_BYTES_MIN;
}

bool rows_unpack(struct arena *arena, const void *bytes, size_t size_bytes, struct event_rows *rows)
{
    struct unpacker unpacker = {bytes, (const unsigned char *)bytes + size_bytes, false};
    *rows = (struct event_rows){.failing_count = 0};
    if (!get_counts(&unpacker, rows)) return false;
    struct event_failing *failing = arena_take(arena, rows->failing_count * sizeof *failing);
    struct id_key *passed = arena_take(arena, rows->passed_count * sizeof *passed);
    struct event_bad_number *bad = arena_take(arena, rows->bad_count * sizeof *bad);
    if (failing == NULL || passed == NULL || bad == NULL) return false;
    for (uint32_t i = 0; i < rows->failing_count; i++) failing[i] = get_failing(&unpacker);
    for (uint32_t i = 0; i < rows->passed_count; i++) passed[i] = get_key(&unpacker);
    for (uint32_t i = 0; i < rows->bad_count; i++) {
        bad[i] = get_bad(&unpacker, rows);
        if (i > 0 && !is_in_order(&bad[i - 1], &bad[i])) unpacker.is_bad = true;
    }
    rows->failing = failing;
    rows->passed = passed;
    rows->bad = bad;
    return !unpacker.is_bad && unpacker.at == unpacker.end;
}
