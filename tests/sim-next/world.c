#include "tests/sim-next/world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { APPEND_MS = 1000, OPENING_ENROLMENT = 100, BLOCK_MEMBERS_MAX = 3 };

static const int64_t FIRST_MS = INT64_C(1780000000000); /* 2026-05-28 */

struct world_data world_data;

/* ---- ID numbers ---- */

static void numbers_fill(void)
{
    static const int weights[17] = {7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2};
    for (int i = 0; i < WORLD_NUMBERS; i++) {
        int sum = 0;
        char *number = world_data.numbers[i];
        snprintf(number, 20, "11010119%02d0307%03d", 60 + i, 100 + 7 * i % 800);
        for (int k = 0; k < 17; k++) sum += (number[k] - '0') * weights[k];
        number[17] = "10X98765432"[sum % 11];
        number[18] = '\0';
    }
}

static struct id_key key_of(int number)
{
    return id_key_of(world_data.numbers[number], strlen(world_data.numbers[number]));
}

/* ---- rosters ---- */

static int number_fresh(bool *used)
{
    int number = sim_below(WORLD_NUMBERS);
    while (used[number]) number = (number + 1) % WORLD_NUMBERS;
    used[number] = true;
    return number;
}

static int compare_members(const void *a, const void *b)
{
    const struct roster_member *first = a, *second = b;
    return id_key_compare(first->key, second->key);
}

static void blocks_make(struct world_unit *unit)
{
    for (size_t from = 0; from < unit->member_count;) {
        size_t count = 1 + (size_t)sim_below(BLOCK_MEMBERS_MAX);
        if (count > unit->member_count - from) count = unit->member_count - from;
        struct roster_block *block = &unit->blocks[unit->block_count++];
        block->bytes = roster_block_pack(sim.arena, &unit->members[from], count, &block->size_bytes);
        if (block->bytes == NULL || roster_block_check(block->bytes, block->size_bytes) != (int32_t)count)
            sim_wrong("a block of %zu members cannot be packed", count);
        from += count;
    }
}

static void change_add(struct world_unit *unit, int64_t at_ms, struct roster_member was, struct roster_member now)
{
    if (unit->change_count == WORLD_CHANGES_MAX) return;
    unit->changes[unit->change_count++] = (struct roster_change){
        .enrolment = now.enrolment,
        .at_ms = at_ms,
        .member_no = now.member_no,
        .key = now.key,
        .was_key = was.key,
        .name = now.name,
        .was_name = was.name,
    };
}

struct roster_member world_member_at(const struct world_unit *unit, size_t member, int64_t at_ms)
{
    struct roster_member now = unit->members[member];
    for (size_t i = 0; i < unit->change_count && unit->changes[i].at_ms <= at_ms; i++) {
        if (unit->changes[i].enrolment != now.enrolment) continue;
        now.key = unit->changes[i].key;
        now.name = unit->changes[i].name;
    }
    return now;
}

static int64_t moment_drawn(void)
{
    int64_t records = (world_data.last_ms - world_data.first_ms) / APPEND_MS;
    return world_data.first_ms + APPEND_MS * sim_below((int)records + 1) + (sim_often(500) ? APPEND_MS / 2 : 0);
}

/* At least two changes fit. A number is corrected, two are exchanged, a name is corrected, or a number that was given up gets a new
 * holder. */
static void correction_make(struct world_unit *unit, bool *used, int64_t at_ms)
{
    size_t a = (size_t)sim_below((int)unit->member_count), b = (size_t)sim_below((int)unit->member_count);
    struct roster_member first = world_member_at(unit, a, INT64_MAX), second = world_member_at(unit, b, INT64_MAX);
    struct roster_member was_first = first, was_second = second;
    if (sim_often(300)) {
        first.name = sim_format("%s又", first.name);
    } else if (a != b && sim_often(500)) {
        struct id_key key = first.key;
        first.key = second.key;
        second.key = sim_often(400) ? key_of(number_fresh(used)) : key;
        change_add(unit, at_ms, was_second, second);
    } else {
        first.key = key_of(number_fresh(used));
    }
    change_add(unit, at_ms, was_first, first);
}

static void changes_make(struct world_unit *unit, bool *used)
{
    int64_t moments[3];
    int count = sim_often(sim.odds.correction) ? 1 + sim_below(3) : 0;
    for (int i = 0; i < count; i++) moments[i] = moment_drawn();
    for (int turn = 0; turn < count; turn++) { /* the earliest first, each moment once */
        int first = -1;
        for (int i = 0; i < count; i++)
            if (moments[i] >= 0 && (first < 0 || moments[i] < moments[first])) first = i;
        if (first < 0) break;
        int64_t at_ms = moments[first];
        for (int i = 0; i < count; i++)
            if (moments[i] == at_ms) moments[i] = -1;
        correction_make(unit, used, at_ms);
    }
}

static void later_make(struct world_unit *unit, bool *used)
{
    for (int count = sim_below(WORLD_LATER_MAX + 1); count > 0; count--) {
        int64_t from_ms = moment_drawn(), opens_ms = world_data.campaigns[1].opens_ms;
        struct roster_later later = {
            .key = key_of(number_fresh(used)), .from_ms = from_ms > opens_ms ? from_ms : opens_ms, .until_ms = REFERENCE_FOREVER_MS};
        size_t at = unit->later_count++;
        for (; at > 0 && id_key_compare(unit->later[at - 1].key, later.key) > 0; at--) unit->later[at] = unit->later[at - 1];
        unit->later[at] = later;
    }
}

static void roster_make(struct world_unit *unit, int index)
{
    static const char *const names[] = {"王一", "李二", "张三", "赵四", "钱 五", "Sun·Liu", "", "周八"};
    bool used[WORLD_NUMBERS] = {false};
    unit->member_count = 1 + (size_t)sim_below(WORLD_MEMBERS_MAX - 2);
    for (size_t i = 0; i < unit->member_count; i++) {
        bool is_malformed = sim_often(30);
        unit->members[i] = (struct roster_member){
            .key = is_malformed ? (struct id_key){.text = sim_format("Z%zu", i)} : key_of(number_fresh(used)),
            .enrolment = OPENING_ENROLMENT * (index + 1) + (int64_t)i,
            .member_no = sim_format("M%zu", i),
            .name = names[i],
        };
    }
    qsort(unit->members, unit->member_count, sizeof *unit->members, compare_members);
    later_make(unit, used);
    blocks_make(unit);
    changes_make(unit, used);
}

/* ---- units ---- */

static void limits_make(struct world_unit *unit)
{
    for (int kind = 0; kind < LIMIT_KINDS; kind++) {
        if (!sim_often(sim.odds.limit)) continue;
        struct limit_term term = {.kind = (enum limit_kind)kind, .most = 3, .from_ms = 0, .until_ms = REFERENCE_FOREVER_MS};
        if (sim_often(300)) { /* raised, or set, later */
            term.from_ms = moment_drawn();
        } else if (sim_often(300)) {
            term.until_ms = moment_drawn();
        }
        unit->limits[unit->limit_count++] = term;
    }
}

static void superiors_make(struct world_unit *unit)
{
    unit->superiors[unit->superior_count++] = (struct superior_term){.superior = "S0", .from_ms = 0, .until_ms = REFERENCE_FOREVER_MS};
    if (!sim_often(sim.odds.late_unit)) return;
    int64_t moved_ms = moment_drawn();
    unit->superiors[0].until_ms = moved_ms;
    unit->superiors[unit->superior_count++] =
        (struct superior_term){.superior = "S1", .from_ms = moved_ms, .until_ms = REFERENCE_FOREVER_MS};
}

static void units_make(void)
{
    for (int i = 0; i < WORLD_UNITS; i++) {
        struct world_unit *unit = &world_data.units[i];
        *unit = (struct world_unit){.created_ms = 1};
        snprintf(unit->code, sizeof unit->code, "U%d", i);
        world_data.unit_order[i] = i;
        if (i == WORLD_UNITS - 1)
            unit->created_ms = REFERENCE_FOREVER_MS;
        else if (sim_often(sim.odds.late_unit))
            unit->created_ms = moment_drawn();
        if (i == WORLD_UNITS - 1) continue;
        superiors_make(unit);
        limits_make(unit);
        roster_make(unit, i);
    }
    for (int i = WORLD_UNITS - 1; i > 0; i--) {
        int k = sim_below(i + 1), kept = world_data.unit_order[i];
        world_data.unit_order[i] = world_data.unit_order[k];
        world_data.unit_order[k] = kept;
    }
    world_data.active = 1 + sim_below(4);
}

void world_reset(int records)
{
    static const uint8_t salt[32] = {1, 2, 3};
    if (world_data.numbers[0][0] == '\0') numbers_fill();
    world_data.first_ms = FIRST_MS;
    world_data.last_ms = FIRST_MS + (int64_t)APPEND_MS * records;
    world_data.campaigns[0] = (struct campaign){.year = WORLD_YEAR_FIRST, .opens_ms = 1, .closes_ms = FIRST_MS - 1000, .is_purged = true};
    world_data.campaigns[1] = (struct campaign){
        .year = WORLD_YEAR,
        .opens_ms = sim_often(200) ? FIRST_MS + (int64_t)APPEND_MS * sim_below(3) : FIRST_MS - 5000,
        .closes_ms = sim_often(sim.odds.closing) ? moment_drawn() + APPEND_MS * 3 : FIRST_MS + INT64_C(10000000000),
        .salt = salt,
        .salt_bytes = sizeof salt,
    };
    world_data.reviewers[0] = (struct reviewer_term){"R0", "S0", 0, REFERENCE_FOREVER_MS};
    world_data.reviewers[1] = (struct reviewer_term){"R0", "S1", 0, REFERENCE_FOREVER_MS};
    world_data.reviewers[2] = (struct reviewer_term){"R1", "S0", 0, sim_often(300) ? moment_drawn() : REFERENCE_FOREVER_MS};
    world_data.reviewers[3] = (struct reviewer_term){"clerk", "S0", 0, REFERENCE_FOREVER_MS}; /* who submits, too */
    world_data.reasons[0] = "retired";
    world_data.reasons[1] = "left";
    world_data.reasons[2] = "deceased";
    units_make();
}

/* ---- as the store reads it ---- */

int world_unit_index(const char *code)
{
    for (int i = 0; i < WORLD_UNITS; i++)
        if (strcmp(world_data.units[i].code, code) == 0) return i;
    return -1;
}

const struct world_unit *world_unit_of(const char *code)
{
    int index = world_unit_index(code);
    return index < 0 || world_data.units[index].created_ms == REFERENCE_FOREVER_MS ? NULL : &world_data.units[index];
}

struct reference world_reference(struct arena *arena)
{
    (void)arena;
    return (struct reference){
        .campaigns = world_data.campaigns,
        .campaign_count = 2,
        .reviewers = world_data.reviewers,
        .reviewer_count = 4,
        .reasons = world_data.reasons,
        .reason_count = 3,
    };
}

static bool block_can_hold(const struct roster_block *block, struct id_key key)
{
    int32_t last = roster_block_check(block->bytes, block->size_bytes) - 1;
    return id_key_compare(roster_block_member(block, 0).key, key) <= 0 && id_key_compare(roster_block_member(block, last).key, key) >= 0;
}

static void roster_fill(struct arena *arena, const struct world_unit *unit, struct roster *roster, int64_t now_ms,
                        const struct id_key *keys, size_t key_count)
{
    struct roster_block *blocks = arena_take(arena, sizeof *blocks * (unit->block_count + 1));
    if (blocks == NULL) abort();
    *roster = (struct roster){.blocks = blocks, .members = (int32_t)unit->member_count, .changes = unit->changes};
    for (size_t i = 0; i < unit->block_count; i++) {
        bool is_given = keys == NULL;
        for (size_t k = 0; k < key_count; k++) is_given = is_given || block_can_hold(&unit->blocks[i], keys[k]);
        if (is_given) blocks[roster->block_count++] = unit->blocks[i];
    }
    while (roster->change_count < unit->change_count && unit->changes[roster->change_count].at_ms <= now_ms) roster->change_count++;
    struct roster_later *later = arena_take(arena, sizeof *later * (unit->later_count + 1));
    if (later == NULL) abort();
    for (size_t i = 0; i < unit->later_count; i++)
        if (unit->later[i].from_ms <= now_ms) later[roster->later_count++] = unit->later[i];
    roster->later = later;
}

void world_review(struct arena *arena, struct review *review, int64_t now_ms, const struct id_key *keys, size_t key_count)
{
    const struct world_unit *unit = world_unit_of(review->unit);
    review->created_ms = REFERENCE_FOREVER_MS;
    if (unit == NULL || unit->created_ms > now_ms) return;
    review->created_ms = unit->created_ms;
    review->superiors = unit->superiors;
    review->superior_count = unit->superior_count;
    review->limits = unit->limits;
    review->limit_count = unit->limit_count;
    if (review->year == WORLD_YEAR) roster_fill(arena, unit, &review->roster, now_ms, keys, key_count);
}
