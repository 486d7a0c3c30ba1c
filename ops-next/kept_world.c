#include "ops-next/kept_world.h"

#include <stdlib.h>
#include <string.h>

#include "rules/keep.h"

enum { SLOTS_FIRST = 1024 };

struct kept_world {
    struct review **slots; /* open addressing; NULL: empty */
    size_t slot_count, used;
};

static uint64_t hash_of(const char *unit, int32_t year)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ (uint32_t)year;
    for (; *unit != '\0'; unit++) hash = (hash ^ (uint8_t)*unit) * UINT64_C(0x100000001b3); /* FNV-1a */
    return hash ^ hash >> 29;
}

struct kept_world *kept_world_new(void)
{
    struct kept_world *kept = calloc(1, sizeof *kept);
    if (kept == NULL) return NULL;
    kept->slot_count = SLOTS_FIRST;
    kept->slots = calloc(kept->slot_count, sizeof(struct review *));
    if (kept->slots != NULL) return kept;
    free(kept);
    return NULL;
}

void kept_world_clear(struct kept_world *kept)
{
    for (size_t i = 0; i < kept->slot_count; i++) free(kept->slots[i]);
    memset(kept->slots, 0, kept->slot_count * sizeof(struct review *));
    kept->used = 0;
}

void kept_world_free(struct kept_world *kept)
{
    if (kept == NULL) return;
    kept_world_clear(kept);
    free(kept->slots);
    free(kept);
}

/* The slot of that review, or the empty one where it belongs. */
static struct review **slot_of(struct review **slots, size_t slot_count, const char *unit, int32_t year)
{
    size_t slot = (size_t)(hash_of(unit, year) % slot_count);
    while (slots[slot] != NULL && !(slots[slot]->year == year && strcmp(slots[slot]->unit, unit) == 0)) slot = (slot + 1) % slot_count;
    return &slots[slot];
}

static bool kept_grow(struct kept_world *kept)
{
    size_t slot_count = kept->slot_count * 2;
    struct review **slots = calloc(slot_count, sizeof(struct review *));
    if (slots == NULL) return false;
    for (size_t i = 0; i < kept->slot_count; i++)
        if (kept->slots[i] != NULL) *slot_of(slots, slot_count, kept->slots[i]->unit, kept->slots[i]->year) = kept->slots[i];
    free(kept->slots);
    kept->slots = slots;
    kept->slot_count = slot_count;
    return true;
}

/* ---- one micro-batch ---- */

/* The reviews of this micro-batch by unit and year, so that each gets one. */
struct touched {
    struct review **slots;
    size_t slot_count;
};

static struct review *review_open(struct kept_world *kept, struct world *world, struct touched *touched, const char *unit, int32_t year)
{
    struct review **slot = slot_of(touched->slots, touched->slot_count, unit, year);
    if (*slot != NULL) return *slot;
    struct review *review = *slot = &world->reviews[world->review_count++];
    const struct review *known = *slot_of(kept->slots, kept->slot_count, unit, year);
    if (known != NULL)
        *review = *known;
    else
        *review = (struct review){.unit = unit, .year = year, .created_ms = REFERENCE_FOREVER_MS};
    return review;
}

bool kept_world_open(struct kept_world *kept, struct world *world, struct review_event *events, const char *const *units,
                     const int32_t *years, size_t count)
{
    struct touched touched = {.slot_count = 2 * count + 1};
    touched.slots = arena_take(world->arena, touched.slot_count * sizeof(struct review *));
    world->reviews = arena_take(world->arena, (count + 1) * sizeof *world->reviews);
    if (touched.slots == NULL || world->reviews == NULL) return false;
    world->review_count = 0;
    for (size_t i = 0; i < count; i++) events[i].review = units[i] == NULL ? NULL : review_open(kept, world, &touched, units[i], years[i]);
    return true;
}

static bool review_keep_one(struct kept_world *kept, const struct review *review)
{
    if (2 * kept->used >= kept->slot_count && !kept_grow(kept)) return false;
    void *block = malloc(review_kept_bytes(review));
    if (block == NULL) return false;
    struct review *copy = review_keep(review, block);
    struct review **slot = slot_of(kept->slots, kept->slot_count, review->unit, review->year);
    kept->used += *slot == NULL;
    free(*slot); /* only now: the copy was made from it */
    *slot = copy;
    return true;
}

bool kept_world_keep(struct kept_world *kept, const struct world *world)
{
    for (size_t i = 0; i < world->review_count; i++)
        if (world->reviews[i].year != 0 && !review_keep_one(kept, &world->reviews[i])) return false;
    return true;
}

bool kept_world_visit(const struct kept_world *kept, kept_visit_fn visit, void *context)
{
    for (size_t i = 0; i < kept->slot_count; i++)
        if (kept->slots[i] != NULL && !visit(context, kept->slots[i])) return false;
    return true;
}
