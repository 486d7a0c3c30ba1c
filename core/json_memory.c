#include "core/json_memory.h"

#include <jansson.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

static _Thread_local struct {
    unsigned char *block; /* NULL: none yet, or memory is out */
    size_t used;
    bool is_open;
} memory;

void *json_memory_take(size_t bytes)
{
    size_t aligned = (bytes + alignof(max_align_t) - 1) / alignof(max_align_t) * alignof(max_align_t);
    if (!memory.is_open || aligned < bytes || aligned > JSON_MEMORY_BYTES - memory.used) return malloc(bytes);
    void *piece = memory.block + memory.used;
    memory.used += aligned;
    return piece;
}

/* Where a piece lies tells where it is from, whenever it was taken. */
void json_memory_give(void *piece)
{
    uintptr_t at = (uintptr_t)piece, block = (uintptr_t)memory.block;
    if (memory.block == NULL || at < block || at >= block + JSON_MEMORY_BYTES) free(piece);
}

void json_memory_begin(void)
{
    json_set_alloc_funcs(json_memory_take, json_memory_give);
    if (memory.block == NULL) memory.block = malloc(JSON_MEMORY_BYTES);
    memory.is_open = memory.block != NULL;
}

void json_memory_end(void)
{
    memory.is_open = false;
    memory.used = 0;
}
