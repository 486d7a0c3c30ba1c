#include "ops-next/state_sums.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "core/arena.h"

enum { SHA256_BYTES = 32, SLOTS_FIRST = 1024 };

static const size_t names_bytes_max = (size_t)1 << 36;

struct sum { /* modulo 2^128 */
    uint64_t low, high;
};

struct unit_sum {
    const char *unit; /* NULL: an empty slot */
    struct sum rest;
};

struct state_sums {
    struct {
        uint8_t bytes[SHA256_BYTES], of_line[SHA256_BYTES]; /* together what is hashed once more */
    } keyed;
    EVP_MD_CTX *context;
    bool knows_algorithm;
    struct sum totals[2];
    struct arena *names;
    struct unit_sum *slots;
    size_t slot_count, used;
};

struct state_sums *state_sums_new(void)
{
    struct state_sums *sums = calloc(1, sizeof *sums);
    if (sums == NULL) return NULL;
    sums->slot_count = SLOTS_FIRST;
    sums->slots = calloc(sums->slot_count, sizeof *sums->slots);
    sums->names = arena_new(names_bytes_max);
    sums->context = EVP_MD_CTX_new();
    if (sums->slots != NULL && sums->names != NULL && sums->context != NULL &&
        getrandom(sums->keyed.bytes, sizeof sums->keyed.bytes, 0) == sizeof sums->keyed.bytes)
        return sums;
    state_sums_free(sums);
    return NULL;
}

void state_sums_free(struct state_sums *sums)
{
    if (sums == NULL) return;
    EVP_MD_CTX_free(sums->context);
    arena_free(sums->names);
    free(sums->slots);
    free(sums);
}

/* ---- sums ---- */

static struct sum sum_of_hash(const uint8_t hash[SHA256_BYTES])
{
    struct sum sum = {0};
    for (int i = 0; i < 8; i++) {
        sum.low |= (uint64_t)hash[i] << 8 * i;
        sum.high |= (uint64_t)hash[i + 8] << 8 * i;
    }
    return sum;
}

static void sum_add(struct sum *to, struct sum sum)
{
    to->low += sum.low;
    to->high += sum.high + (to->low < sum.low);
}

static void sum_take(struct sum *from, struct sum sum)
{
    from->high -= sum.high + (from->low < sum.low);
    from->low -= sum.low;
}

static bool hash(struct state_sums *sums, const void *bytes, size_t count, uint8_t out[SHA256_BYTES])
{
    if (EVP_DigestInit_ex(sums->context, sums->knows_algorithm ? NULL : EVP_sha256(), NULL) != 1) return false;
    sums->knows_algorithm = true; /* to look it up takes longer than to hash a line */
    return EVP_DigestUpdate(sums->context, bytes, count) == 1 && EVP_DigestFinal_ex(sums->context, out, NULL) == 1;
}

/* ---- units ---- */

static uint64_t hash_of_name(const char *name, size_t length)
{
    uint64_t value = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    for (size_t i = 0; i < length; i++) value = (value ^ (uint8_t)name[i]) * UINT64_C(0x100000001b3);
    return value ^ value >> 29;
}

static struct unit_sum *slot_of(struct unit_sum *slots, size_t slot_count, const char *name, size_t length)
{
    size_t slot = (size_t)(hash_of_name(name, length) % slot_count);
    while (slots[slot].unit != NULL && !(strncmp(slots[slot].unit, name, length) == 0 && slots[slot].unit[length] == '\0'))
        slot = (slot + 1) % slot_count;
    return &slots[slot];
}

static bool grow(struct state_sums *sums)
{
    size_t slot_count = sums->slot_count * 2;
    struct unit_sum *slots = calloc(slot_count, sizeof *slots);
    if (slots == NULL) return false;
    for (size_t i = 0; i < sums->slot_count; i++) {
        const char *name = sums->slots[i].unit;
        if (name != NULL) *slot_of(slots, slot_count, name, strlen(name)) = sums->slots[i];
    }
    free(sums->slots);
    sums->slots = slots;
    sums->slot_count = slot_count;
    return true;
}

static struct unit_sum *unit_of(struct state_sums *sums, const char *name, size_t length)
{
    if (3 * sums->used >= 2 * sums->slot_count && !grow(sums)) return NULL;
    struct unit_sum *slot = slot_of(sums->slots, sums->slot_count, name, length);
    if (slot->unit != NULL) return slot;
    slot->unit = arena_copy(sums->names, name, length);
    sums->used += slot->unit != NULL;
    return slot->unit == NULL ? NULL : slot;
}

bool state_sums_add(struct state_sums *sums, enum state_side side, const char *line, size_t bytes)
{
    uint8_t of_line[SHA256_BYTES];
    const char *tab = memchr(line, '\t', bytes);
    struct unit_sum *unit = unit_of(sums, line, tab == NULL ? bytes : (size_t)(tab - line));
    if (unit == NULL || !hash(sums, line, bytes, sums->keyed.of_line)) return false;
    sum_add(&sums->totals[side], sum_of_hash(sums->keyed.of_line));
    if (!hash(sums, &sums->keyed, sizeof sums->keyed, of_line)) return false;
    if (side == STATE_REBUILT)
        sum_add(&unit->rest, sum_of_hash(of_line));
    else
        sum_take(&unit->rest, sum_of_hash(of_line));
    return true;
}

/* ---- answers ---- */

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char **state_sums_differing(const struct state_sums *sums, size_t *count)
{
    *count = 0;
    for (size_t i = 0; i < sums->slot_count; i++) *count += (sums->slots[i].rest.low | sums->slots[i].rest.high) != 0;
    const char **names = calloc(*count + 1, sizeof *names);
    if (names == NULL) return NULL;
    *count = 0;
    for (size_t i = 0; i < sums->slot_count; i++)
        if ((sums->slots[i].rest.low | sums->slots[i].rest.high) != 0) names[(*count)++] = sums->slots[i].unit;
    qsort(names, *count, sizeof *names, compare_names);
    return names;
}

void state_sums_digest(const struct state_sums *sums, enum state_side side, char out[STATE_SUM_DIGITS + 1])
{
    (void)snprintf(out, STATE_SUM_DIGITS + 1, "%016" PRIx64 "%016" PRIx64, sums->totals[side].high, sums->totals[side].low);
}
