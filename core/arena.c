#include "core/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
    ARENA_BLOCK_BYTES_MIN = 64 * 1024,
    ARENA_BLOCK_BYTES_MAX = 8 * 1024 * 1024, /* blocks double up to this size; a larger single piece gets a block of its own */
    ARENA_KEPT_BYTES_MAX = 16 * 1024 * 1024, /* over a reset: what a micro-batch takes, so that it faults no page in twice */
};

struct block {
    struct block *older;
    size_t bytes, used;
    alignas(max_align_t) unsigned char memory[];
};

struct arena {
    struct block *newest;
    struct block *kept; /* of earlier use, the largest first */
    size_t bytes_max, used_bytes;
};

struct arena *arena_new(size_t bytes_max)
{
    struct arena *arena = calloc(1, sizeof *arena);
    if (arena != NULL) arena->bytes_max = bytes_max;
    return arena;
}

static void free_blocks(struct block *block)
{
    while (block != NULL) {
        struct block *older = block->older;
        free(block);
        block = older;
    }
}

void arena_free(struct arena *arena)
{
    if (arena == NULL) return;
    free_blocks(arena->newest);
    free_blocks(arena->kept);
    free(arena);
}

/* Of all blocks those that were made last are kept: they are the largest. */
void arena_reset(struct arena *arena)
{
    size_t bytes = 0;
    struct block **last = &arena->newest;
    while (*last != NULL) last = &(*last)->older;
    *last = arena->kept;
    arena->kept = arena->newest;
    arena->newest = NULL;
    arena->used_bytes = 0;
    for (last = &arena->kept; *last != NULL && (bytes += (*last)->bytes) <= ARENA_KEPT_BYTES_MAX;) last = &(*last)->older;
    free_blocks(*last);
    *last = NULL;
}

static struct block *block_new(const struct arena *arena, size_t bytes)
{
    size_t wanted = arena->newest == NULL ? ARENA_BLOCK_BYTES_MIN : arena->newest->bytes * 2;
    if (wanted > ARENA_BLOCK_BYTES_MAX) wanted = ARENA_BLOCK_BYTES_MAX;
    if (wanted < bytes) wanted = bytes;
    struct block *block = malloc(sizeof *block + wanted);
    if (block != NULL) block->bytes = wanted;
    return block;
}

static struct block *block_for(struct arena *arena, size_t bytes)
{
    if (arena->newest != NULL && bytes <= arena->newest->bytes - arena->newest->used) return arena->newest;
    struct block *block = arena->kept;
    if (block != NULL && bytes <= block->bytes)
        arena->kept = block->older;
    else
        block = block_new(arena, bytes);
    if (block == NULL) return NULL;
    block->older = arena->newest;
    block->used = 0;
    arena->newest = block;
    return block;
}

static unsigned char *pack(struct arena *arena, size_t bytes)
{
    if (bytes > arena->bytes_max - arena->used_bytes) return NULL;
    struct block *block = block_for(arena, bytes);
    if (block == NULL) return NULL;
    unsigned char *memory = block->memory + block->used;
    block->used += bytes;
    arena->used_bytes += bytes;
    return memory;
}

/* Behind copies of text the next piece may begin anywhere: what is skipped to align it counts as used. */
void *arena_take(struct arena *arena, size_t bytes)
{
    const size_t alignment = alignof(max_align_t);
    size_t skipped = arena->newest != NULL ? -arena->newest->used % alignment : 0, room = (bytes + alignment - 1) / alignment * alignment;
    if (room < bytes) return NULL; /* it wrapped around; with what is skipped it can't, being a multiple of the alignment */
    unsigned char *memory = pack(arena, skipped + room);
    if (memory == NULL) return NULL;
    memory += -(uintptr_t)memory % alignment;
    return memset(memory, 0, bytes);
}

char *arena_copy(struct arena *arena, const char *text, size_t length)
{
    unsigned char *copy = length < SIZE_MAX ? pack(arena, length + 1) : NULL;
    if (copy == NULL) return NULL;
    memcpy(copy, text, length);
    copy[length] = '\0';
    return (char *)copy;
}

size_t arena_used_bytes(const struct arena *arena)
{
    return arena->used_bytes;
}
