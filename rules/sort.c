#include "rules/sort.h"

#include <string.h>

struct merge {
    sort_compare compare;
    const void *context;
    const uint32_t *from;
    uint32_t *to;
    size_t count;
};

/* The end of the run that ascends from `start` on. */
static size_t run_end(const struct merge *merge, size_t start)
{
    size_t end = start + 1;
    while (end < merge->count && merge->compare(merge->context, merge->from[end - 1], merge->from[end]) <= 0) end++;
    return end;
}

static void merge_two(const struct merge *merge, size_t first, size_t second, size_t end)
{
    size_t a = first, b = second, to = first;
    while (a < second && b < end) {
        bool takes_first = merge->compare(merge->context, merge->from[a], merge->from[b]) <= 0;
        merge->to[to++] = merge->from[takes_first ? a++ : b++];
    }
    memcpy(merge->to + to, merge->from + a, (second - a) * sizeof *merge->to);
    memcpy(merge->to + to + (second - a), merge->from + b, (end - b) * sizeof *merge->to);
}

/* Merges each two neighbouring runs. True when the first was all. */
static bool merge_runs(const struct merge *merge)
{
    for (size_t start = 0; start < merge->count;) {
        size_t second = run_end(merge, start);
        if (start == 0 && second == merge->count) return true;
        size_t end = second < merge->count ? run_end(merge, second) : second;
        merge_two(merge, start, second, end);
        start = end;
    }
    return false;
}

uint32_t *sort_places(struct arena *arena, size_t count, sort_compare compare, const void *context)
{
    uint32_t *places = arena_take(arena, (count + 1) * sizeof *places), *others = NULL;
    if (places == NULL) return NULL;
    for (size_t i = 0; i < count; i++) places[i] = (uint32_t)i;
    if (count == 0) return places;
    struct merge merge = {compare, context, places, NULL, count};
    if (run_end(&merge, 0) == count) return places;
    others = arena_take(arena, count * sizeof *others);
    if (others == NULL) return NULL;
    for (merge.to = others; !merge_runs(&merge); merge.to = others) {
        others = places;
        places = merge.to;
        merge.from = places;
    }
    return places;
}
