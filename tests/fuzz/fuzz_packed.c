/*
 * Rows of chunks and blocks of rosters as bytes from a database that somebody damaged: they are refused, or what they hold can be read from
 * end to end. Rows that can be read are packed to the same bytes again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "rules/roster.h"
#include "rules/rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ARENA_BYTES_MAX = 16 * 1024 * 1024 };

static size_t read_chars; /* so that no reading is left out by the compiler */

static void require(int holds)
{
    if (!holds) abort();
}

static void text_read(const char *text)
{
    if (text != NULL) read_chars += strlen(text);
}

static void key_read(struct id_key key)
{
    char text[ID_KEY_TEXT_BYTES];
    if (key.text != NULL) require(strlen(key.text) < ID_KEY_TEXT_BYTES);
    read_chars += id_key_write(key, text);
}

static void rows_read(struct arena *arena, const uint8_t *data, size_t size)
{
    struct event_rows rows, again;
    size_t packed_bytes = 0;
    if (!rows_unpack(arena, data, size, &rows)) return;
    for (uint32_t i = 0; i < rows.failing_count; i++) {
        key_read(rows.failing[i].key);
        text_read(rows.failing[i].reason);
        text_read(rows.failing[i].name);
        text_read(rows.failing[i].warnings);
    }
    for (uint32_t i = 0; i < rows.passed_count; i++) key_read(rows.passed[i]);
    for (uint32_t i = 0; i < rows.bad_count; i++) {
        text_read(rows.bad[i].code);
        text_read(rows.bad[i].masked);
    }
    const void *packed = rows_pack(arena, &rows, &packed_bytes);
    require(packed != NULL && rows_unpack(arena, packed, packed_bytes, &again));
    require(again.failing_count == rows.failing_count && again.passed_count == rows.passed_count && again.bad_count == rows.bad_count);
}

static void block_read(const uint8_t *data, size_t size)
{
    struct roster_block block = {data, size};
    int32_t count = roster_block_check(data, size);
    require(count == -1 || (count > 0 && count <= ROSTER_BLOCK_MEMBERS_MAX));
    for (int32_t i = 0; i < count; i++) {
        struct roster_member member = roster_block_member(&block, i);
        key_read(member.key);
        text_read(member.member_no);
        text_read(member.name);
        if (i > 0) require(id_key_compare(roster_block_key(&block, i - 1), member.key) < 0);
    }
}

/* Seeds: packed by the functions themselves, so that the fuzzer need not guess the format. */
static size_t seed_make(struct arena *arena, uint8_t kind, uint8_t *out, size_t room)
{
    static const struct event_failing failing[] = {{.key = {.text = "Z1"}, .reason = "left", .name = "王一"},
                                                   {.key = {.packed = 11010119900307001}, .reason = "", .warnings = "id-region"}};
    static const struct id_key passed[] = {{.packed = 11010119900307002}, {.packed = 11010119900307003}};
    static const struct event_bad_number bad[] = {
        {.list = EVENT_LIST_PASSED, .index = 1, .code = "id-check", .masked = "1***2", .position = 18, .expected = 'X'}};
    static const struct roster_member members[] = {
        {.key = {.packed = 11010119900307001}, .enrolment = 5, .member_no = "M1", .name = "王一"},
        {.key = {.packed = 11010119900307002}, .enrolment = 6, .member_no = "M2", .name = ""}};
    struct event_rows rows = {.failing = failing, .failing_count = 2, .passed = passed, .passed_count = 2, .bad = bad, .bad_count = 1};
    size_t bytes = 0;
    const void *packed = kind % 2 == 0 ? rows_pack(arena, &rows, &bytes) : roster_block_pack(arena, members, 2, &bytes);
    require(packed != NULL && bytes <= room);
    memcpy(out, packed, bytes);
    return bytes;
}

/* The first byte: rows or a block, and whether the rest is the bytes or changes of a good one (place and value). */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t changed[4096];
    if (size == 0) return 0;
    struct arena *arena = arena_new(ARENA_BYTES_MAX);
    require(arena != NULL);
    const uint8_t *bytes = data + 1;
    size_t count = size - 1;
    if (data[0] & 2) {
        count = seed_make(arena, data[0], changed, sizeof changed);
        for (size_t i = 1; i + 1 < size; i += 2) changed[data[i] % count] = data[i + 1];
        bytes = changed;
    }
    uint8_t *exact = malloc(count + 1); /* reading beyond it is found */
    require(exact != NULL);
    memcpy(exact, bytes, count);
    if (data[0] % 2 == 0)
        rows_read(arena, exact, count);
    else
        block_read(exact, count);
    free(exact);
    arena_free(arena);
    return 0;
}
