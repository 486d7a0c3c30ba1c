#include "rules/lookup.h"

#include <string.h>

enum { FEW = 8, ROOM_FIRST = 4 };

/* ---- SipHash-1-3 (Aumasson and Bernstein) ---- */

struct sip {
    uint64_t a, b, c, d;
};

static uint64_t rotate(uint64_t word, int bits)
{
    return word << bits | word >> (64 - bits);
}

static void sip_round(struct sip *sip)
{
    sip->a += sip->b;
    sip->c += sip->d;
    sip->b = rotate(sip->b, 13) ^ sip->a;
    sip->d = rotate(sip->d, 16) ^ sip->c;
    sip->a = rotate(sip->a, 32) + sip->d;
    sip->c += sip->b;
    sip->d = rotate(sip->d, 21) ^ sip->a;
    sip->b = rotate(sip->b, 17) ^ sip->c;
    sip->c = rotate(sip->c, 32);
}

static void sip_take(struct sip *sip, uint64_t word)
{
    sip->d ^= word;
    sip_round(sip);
    sip->a ^= word;
}

uint64_t lookup_hash(struct lookup_seed seed, uint64_t prior, const char *text)
{
    uint64_t k0 = seed.words[0], k1 = seed.words[1] ^ prior, word = 0;
    struct sip sip = {k0 ^ 0x736f6d6570736575U, k1 ^ 0x646f72616e646f6dU, k0 ^ 0x6c7967656e657261U, k1 ^ 0x7465646279746573U};
    size_t length = strlen(text), at = 0;
    for (; at + 8 <= length; at += 8) {
        memcpy(&word, text + at, 8);
        sip_take(&sip, word);
    }
    word = 0;
    memcpy(&word, text + at, length - at);
    sip_take(&sip, word | (uint64_t)length << 56);
    sip.c ^= 0xFF;
    for (int i = 0; i < 3; i++) sip_round(&sip);
    return sip.a ^ sip.b ^ sip.c ^ sip.d;
}

struct lookup_seed lookup_seed_of(const void *secret, size_t bytes)
{
    struct lookup_seed seed = {{0, 0}};
    if (bytes > 0) memcpy(seed.words, secret, bytes < sizeof seed.words ? bytes : sizeof seed.words);
    return seed;
}

/* ---- lists ---- */

void *list_grow(struct arena *arena, void *list, size_t count, size_t *room, size_t item_bytes)
{
    if (count < *room) return list;
    size_t more = count < ROOM_FIRST / 2 ? ROOM_FIRST / 2 : 2 * count;
    void *grown = arena_take(arena, more * item_bytes);
    if (grown == NULL) return NULL;
    if (count > 0) memcpy(grown, list, count * item_bytes);
    *room = more;
    return grown;
}

/* ---- the index ---- */

static void set_slot(struct lookup *lookup, size_t entry)
{
    size_t at = lookup->entries[entry].hash & (lookup->slot_count - 1);
    while (lookup->slots[at] != 0) at = (at + 1) & (lookup->slot_count - 1);
    lookup->slots[at] = (uint32_t)entry + 1;
}

/* At most half of the slots are ever taken. */
static bool make_slots(struct lookup *lookup, struct arena *arena)
{
    size_t slot_count = 4 * FEW;
    while (slot_count < 4 * lookup->count) slot_count *= 2;
    uint32_t *slots = arena_take(arena, slot_count * sizeof *slots);
    if (slots == NULL) return false;
    lookup->slots = slots;
    lookup->slot_count = slot_count;
    for (size_t i = 0; i < lookup->count; i++) set_slot(lookup, i);
    return true;
}

bool lookup_add(struct lookup *lookup, struct arena *arena, uint64_t hash, uintptr_t item)
{
    struct lookup_entry *entries = list_grow(arena, lookup->entries, lookup->count, &lookup->room, sizeof *entries);
    if (entries == NULL) return false;
    entries[lookup->count] = (struct lookup_entry){hash, item};
    lookup->entries = entries;
    lookup->count++;
    if (lookup->count <= FEW) return true;
    if (2 * lookup->count > lookup->slot_count) return make_slots(lookup, arena);
    set_slot(lookup, lookup->count - 1);
    return true;
}

struct lookup_probe lookup_start(const struct lookup *lookup, uint64_t hash)
{
    return (struct lookup_probe){lookup, hash, lookup->slots != NULL ? hash & (lookup->slot_count - 1) : 0};
}

static bool next_in_list(struct lookup_probe *probe, uintptr_t *item)
{
    const struct lookup *lookup = probe->lookup;
    while (probe->at < lookup->count) {
        const struct lookup_entry *entry = &lookup->entries[probe->at++];
        if (entry->hash != probe->hash) continue;
        *item = entry->item;
        return true;
    }
    return false;
}

bool lookup_next(struct lookup_probe *probe, uintptr_t *item)
{
    const struct lookup *lookup = probe->lookup;
    if (lookup->slots == NULL) return next_in_list(probe, item);
    while (lookup->slots[probe->at] != 0) {
        const struct lookup_entry *entry = &lookup->entries[lookup->slots[probe->at] - 1];
        probe->at = (probe->at + 1) & (lookup->slot_count - 1);
        if (entry->hash != probe->hash) continue;
        *item = entry->item;
        return true;
    }
    return false;
}
