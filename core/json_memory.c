#include "core/json_memory.h"

#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "core/json.h"
#include "core/log.h"

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
    if (memory.block == NULL || at - block >= JSON_MEMORY_BYTES) free(piece); /* the difference wraps around for one before the block */
}

static void *take_or_end(size_t bytes)
{
    void *piece = json_memory_take(bytes);
    if (piece != NULL) return piece;
    log_error("memory-out", log_number("bytes", (int64_t)bytes), log_text("text", "no memory left to parse JSON"));
    _exit(EX_OSERR);
}

void json_memory_use(void)
{
    static bool is_used;
    if (!is_used) json_set_alloc_funcs(take_or_end, json_memory_give);
    is_used = true;
}

void json_memory_begin(void)
{
    json_memory_use();
    if (memory.block == NULL) memory.block = malloc(JSON_MEMORY_BYTES);
    memory.is_open = memory.block != NULL;
}

void json_memory_end(void)
{
    memory.is_open = false;
    memory.used = 0;
}
