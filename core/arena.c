#include "core/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
    ARENA_BLOCK_BYTES_MIN = 64 * 1024,
    ARENA_BLOCK_BYTES_MAX = 8 * 1024 * 1024, /* blocks double up to this size; a larger single piece gets a block of its own */
};

struct block {
    struct block *older;
    size_t bytes, used;
    alignas(max_align_t) unsigned char memory[];
};

struct arena {
    struct block *newest;
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
    free(arena);
}

/* The newest block is the largest of the doubling ones: kept, it soon holds a whole micro-batch without another malloc. */
void arena_reset(struct arena *arena)
{
    arena->used_bytes = 0;
    if (arena->newest == NULL) return;
    free_blocks(arena->newest->older);
    arena->newest->older = NULL;
    arena->newest->used = 0;
}

static struct block *block_for(struct arena *arena, size_t bytes)
{
    if (arena->newest != NULL && bytes <= arena->newest->bytes - arena->newest->used) return arena->newest;
    size_t wanted = arena->newest == NULL ? ARENA_BLOCK_BYTES_MIN : arena->newest->bytes * 2;
    if (wanted > ARENA_BLOCK_BYTES_MAX) wanted = ARENA_BLOCK_BYTES_MAX;
    if (wanted < bytes) wanted = bytes;
    struct block *block = malloc(sizeof *block + wanted);
    if (block == NULL) return NULL;
    *block = (struct block){.older = arena->newest, .bytes = wanted};
    arena->newest = block;
    return block;
}

void *arena_take(struct arena *arena, size_t bytes)
{
    size_t left = arena->bytes_max - arena->used_bytes;
    if (bytes > left) return NULL;
    size_t aligned = (bytes + alignof(max_align_t) - 1) / alignof(max_align_t) * alignof(max_align_t);
    if (aligned < bytes || aligned > left) return NULL;
    struct block *block = block_for(arena, aligned);
    if (block == NULL) return NULL;
    void *memory = block->memory + block->used;
    block->used += aligned;
    arena->used_bytes += aligned;
    return memset(memory, 0, bytes);
}

char *arena_copy(struct arena *arena, const char *text, size_t length)
{
    char *copy = length < SIZE_MAX ? arena_take(arena, length + 1) : NULL;
    if (copy != NULL) memcpy(copy, text, length);
    return copy;
}

size_t arena_used_bytes(const struct arena *arena)
{
    return arena->used_bytes;
}
