/*
 * Packed blocks. All integers are little endian and may lie at any address:
 *
 *   magic (8 bytes) | members (4) | bytes of texts (4) | keys (8 each) | enrolments (8 each) | places of texts (4 each) | texts
 *
 * A key is the packed number, or with TEXT_KEY set the place of its text. At a member's place stand member number and name, each with a
 * NUL. So a search reads nothing but keys, one cache line for eight of them.
 */
#include "rules/roster.h"

#include <endian.h>
#include <string.h>

#include "core/text.h"

enum { MAGIC_BYTES = 8, HEAD_BYTES = 16, MEMBER_BYTES = 20 };

static const char magic[MAGIC_BYTES + 1] = "nsroste1";
static const uint64_t TEXT_KEY = (uint64_t)1 << 63, PACKED_END = 100000000000000000; /* 10^17 */

static uint64_t get_64(const unsigned char *at)
{
    uint64_t value = 0;
    memcpy(&value, at, sizeof value);
    return le64toh(value);
}

static uint32_t get_32(const unsigned char *at)
{
    uint32_t value = 0;
    memcpy(&value, at, sizeof value);
    return le32toh(value);
}

static void put_64(unsigned char *at, uint64_t value)
{
    value = htole64(value);
    memcpy(at, &value, sizeof value);
}

static void put_32(unsigned char *at, uint32_t value)
{
    value = htole32(value);
    memcpy(at, &value, sizeof value);
}

/* Where the columns of a block are. */
struct columns {
    uint32_t count, text_bytes;
    const unsigned char *keys, *enrolments, *places;
    const char *texts;
};

static struct columns columns_of(const void *bytes)
{
    const unsigned char *head = bytes;
    struct columns columns = {.count = get_32(head + MAGIC_BYTES), .text_bytes = get_32(head + MAGIC_BYTES + 4)};
    columns.keys = head + HEAD_BYTES;
    columns.enrolments = columns.keys + (size_t)columns.count * 8;
    columns.places = columns.enrolments + (size_t)columns.count * 8;
    columns.texts = (const char *)(columns.places + (size_t)columns.count * 4);
    return columns;
}

/* ---- packing ---- */

static size_t text_bytes_of(const struct roster_member *member)
{
    return strlen(member->member_no) + strlen(member->name) + 2 + (member->key.text != NULL ? strlen(member->key.text) + 1 : 0);
}

static uint32_t put_text(char *texts, uint32_t *used, const char *text)
{
    uint32_t place = *used;
    size_t bytes = strlen(text) + 1;
    memcpy(texts + place, text, bytes);
    *used += (uint32_t)bytes;
    return place;
}

static void put_member(unsigned char *bytes, uint32_t count, uint32_t index, const struct roster_member *member, uint32_t *used)
{
    unsigned char *keys = bytes + HEAD_BYTES, *enrolments = keys + (size_t)count * 8, *places = enrolments + (size_t)count * 8;
    char *texts = (char *)(places + (size_t)count * 4);
    put_64(keys + (size_t)index * 8, member->key.text == NULL ? member->key.packed : TEXT_KEY | put_text(texts, used, member->key.text));
    put_64(enrolments + (size_t)index * 8, (uint64_t)member->enrolment);
    put_32(places + (size_t)index * 4, put_text(texts, used, member->member_no));
    (void)put_text(texts, used, member->name);
}

const void *roster_block_pack(struct arena *arena, const struct roster_member *members, size_t count, size_t *size_bytes)
{
    size_t text_bytes = 0;
    for (size_t i = 0; i < count; i++) text_bytes += text_bytes_of(&members[i]);
    *size_bytes = HEAD_BYTES + count * MEMBER_BYTES + text_bytes;
    unsigned char *bytes = arena_take(arena, *size_bytes);
    if (bytes == NULL) return NULL;
    memcpy(bytes, magic, MAGIC_BYTES);
    put_32(bytes + MAGIC_BYTES, (uint32_t)count);
    put_32(bytes + MAGIC_BYTES + 4, (uint32_t)text_bytes);
    uint32_t used = 0;
    for (size_t i = 0; i < count; i++) put_member(bytes, (uint32_t)count, (uint32_t)i, &members[i], &used);
    return bytes;
}

/* ---- reading ---- */

static struct id_key key_at(const struct columns *columns, uint32_t index)
{
    uint64_t key = get_64(columns->keys + (size_t)index * 8);
    if ((key & TEXT_KEY) == 0) return (struct id_key){.packed = key};
    return (struct id_key){.text = columns->texts + (key & ~TEXT_KEY)};
}

/*
 * All texts together are UTF-8 and end with a NUL, so one that begins inside them, and not inside a character, is UTF-8 and ends inside
 * them. Returns its length, or -1.
 */
static int64_t check_text(const struct columns *columns, uint64_t place)
{
    if (place >= columns->text_bytes || ((unsigned char)columns->texts[place] & 0xC0) == 0x80) return -1;
    return (int64_t)strlen(columns->texts + place);
}

/* The name of a member stands behind the member number, and needs no more than to begin inside the texts. */
static bool check_name(const struct columns *columns, uint64_t place)
{
    return place < columns->text_bytes;
}

static bool check_key(const struct columns *columns, uint32_t index)
{
    uint64_t key = get_64(columns->keys + (size_t)index * 8);
    if ((key & TEXT_KEY) == 0) return key < PACKED_END;
    int64_t length = check_text(columns, key & ~TEXT_KEY);
    return length > 0 && length < ID_KEY_TEXT_BYTES && id_key_of(columns->texts + (key & ~TEXT_KEY), (size_t)length).text != NULL;
}

static bool check_member(const struct columns *columns, uint32_t index)
{
    uint64_t place = get_32(columns->places + (size_t)index * 4);
    int64_t member_no = check_text(columns, place);
    if (!check_key(columns, index) || member_no < 0 || !check_name(columns, place + (uint64_t)member_no + 1)) return false;
    return index == 0 || id_key_compare(key_at(columns, index - 1), key_at(columns, index)) < 0;
}

int32_t roster_block_check(const void *bytes, size_t size_bytes)
{
    if (size_bytes < HEAD_BYTES || memcmp(bytes, magic, MAGIC_BYTES) != 0) return -1;
    uint32_t count = get_32((const unsigned char *)bytes + MAGIC_BYTES);
    if (count < 1 || count > ROSTER_BLOCK_MEMBERS_MAX) return -1;
    struct columns columns = columns_of(bytes);
    if (columns.text_bytes == 0 || size_bytes != HEAD_BYTES + (size_t)count * MEMBER_BYTES + columns.text_bytes) return -1;
    if (columns.texts[columns.text_bytes - 1] != '\0' || !text_is_utf8(columns.texts, columns.text_bytes)) return -1;
    for (uint32_t i = 0; i < count; i++)
        if (!check_member(&columns, i)) return -1;
    return (int32_t)count;
}

int32_t roster_block_count(const struct roster_block *block)
{
    return (int32_t)get_32((const unsigned char *)block->bytes + MAGIC_BYTES);
}

struct id_key roster_block_key(const struct roster_block *block, int32_t index)
{
    struct columns columns = columns_of(block->bytes);
    return key_at(&columns, (uint32_t)index);
}

struct roster_member roster_block_member(const struct roster_block *block, int32_t index)
{
    struct columns columns = columns_of(block->bytes);
    const char *member_no = columns.texts + get_32(columns.places + (size_t)index * 4);
    return (struct roster_member){
        .key = key_at(&columns, (uint32_t)index),
        .enrolment = (int64_t)get_64(columns.enrolments + (size_t)index * 8),
        .member_no = member_no,
        .name = member_no + strlen(member_no) + 1,
    };
}
