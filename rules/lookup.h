/*
 * A hash index over texts: what finds an item among thousands without a quadratic loop. Up to a handful of items it is a plain list. The
 * seed is secret (from a campaign's salt), so that nobody can send texts that all meet in one slot; what is found does not depend on it.
 * Memory from the arena.
 */
#ifndef NIANSHEN_RULES_LOOKUP_H
#define NIANSHEN_RULES_LOOKUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"

struct lookup_seed {
    uint64_t words[2];
};

struct lookup_entry {
    uint64_t hash;
    uintptr_t item; /* the caller's: a pointer or a place in a list */
};

struct lookup { /* begins as zeros */
    struct lookup_entry *entries;
    size_t count, room;
    uint32_t *slots; /* entry + 1; 0: free. NULL while there are few entries */
    size_t slot_count; /* a power of two */
    bool is_built; /* for the owner, who fills it when it is first asked */
};

struct lookup_seed lookup_seed_of(const void *secret, size_t bytes);
/* Of `text` behind what `prior` hashes (0: nothing): SipHash-1-3. */
uint64_t lookup_hash(struct lookup_seed seed, uint64_t prior, const char *text);
bool lookup_add(struct lookup *lookup, struct arena *arena, uint64_t hash, uintptr_t item);

struct lookup_probe {
    const struct lookup *lookup;
    uint64_t hash;
    size_t at;
};
struct lookup_probe lookup_start(const struct lookup *lookup, uint64_t hash);
/* The next item with this hash: whether it is the one looked for is the caller's to compare. False: there are no more. */
bool lookup_next(struct lookup_probe *probe, uintptr_t *item);

/* A list with room for one more item, perhaps moved; zeroed behind `count`. NULL: the arena is full. */
void *list_grow(struct arena *arena, void *list, size_t count, size_t *room, size_t item_bytes);

#endif
