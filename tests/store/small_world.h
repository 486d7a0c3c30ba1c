/*
 * A world of units with rosters on a real database, and micro-batches of decoded events for it, for the tests and benchmarks of the store.
 * Included by one program each. PG* variables lead to a migrated database where the caller may do everything.
 */
#ifndef NIANSHEN_TESTS_STORE_SMALL_WORLD_H
#define NIANSHEN_TESTS_STORE_SMALL_WORLD_H

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/database.h"
#include "worker-next/store.h"

enum { WORLD_YEAR = 2026, WORLD_SHARDS = 12, WORLD_CODE_BYTES = 16, WORLD_ID_BYTES = 48 };
static const int64_t WORLD_OPENS_MS = 1000000, WORLD_START_MS = 2000000;

static _Noreturn void world_die(const char *what, const struct fault *fault)
{
    fprintf(stderr, "%s: %s: %s\n", what, fault->code, fault->text);
    exit(1);
}

#define CHECK(condition)                                                                                                                   \
    do {                                                                                                                                   \
        if (!(condition)) {                                                                                                                \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                                                        \
            exit(1);                                                                                                                       \
        }                                                                                                                                  \
    } while (0)

/* ---- SQL of the test's own ---- */

static struct database *world_sql;

static void world_connect(void)
{
    struct fault fault = {0};
    world_sql = database_open("store-test", 10000, &fault);
    if (world_sql == NULL) world_die("connect", &fault);
}

static void world_run(const char *script)
{
    struct fault fault = {0};
    if (!database_run_script(world_sql, script, &fault)) world_die(script, &fault);
}

/* The first value of the answer as text; static memory. */
static const char *world_ask(const char *sql)
{
    static char text[4096];
    struct fault fault = {0};
    struct database_result *result = NULL;
    struct database_query *query = query_new();
    query_reset(query, sql);
    if (!database_run(world_sql, query, -1, &result, &fault)) world_die(sql, &fault);
    snprintf(text, sizeof text, "%s", result_rows(result) == 0 ? "(none)" : result_text(result, 0, 0));
    result_free(result);
    query_free(query);
    return text;
}

/* ---- units: U0000000 …, each with members whose numbers and names follow from its own ---- */

static void world_code(size_t unit, char code[WORLD_CODE_BYTES])
{
    snprintf(code, WORLD_CODE_BYTES, "U%07zu", unit);
}

static struct id_key world_key(size_t unit, size_t member)
{
    return (struct id_key){NULL, UINT64_C(11010119900000000) + (uint64_t)(unit % 9000000) * 1000 + member};
}

static int64_t world_enrolment(size_t unit, size_t member)
{
    return (int64_t)(unit * 1000 + member + 1);
}

static void world_units(size_t units)
{
    char script[2048];
    snprintf(script, sizeof script,
             "INSERT INTO nianshen.unit_profile (unit, created_ms, name, loaded, loaded_ms)"
             "  SELECT 'U' || lpad(n::text, 7, '0'), 1, 'unit ' || n, '{}', 1 FROM generate_series(0, %zu - 1) n ORDER BY 1;"
             "INSERT INTO nianshen.unit_superior SELECT unit, 'S01', 1, nianshen.forever_ms() FROM nianshen.unit_profile ORDER BY 1;"
             "INSERT INTO nianshen.reviewer_term VALUES ('R007', 'S01', NULL, 1, nianshen.forever_ms());"
             "INSERT INTO nianshen.campaign_term (year, opens_ms, closes_ms, salt)"
             "  VALUES (%d, %" PRId64 ", nianshen.forever_ms(), decode(repeat('ab', 32), 'hex'));",
             units, WORLD_YEAR, WORLD_OPENS_MS);
    world_run(script);
}

static const void *world_block(struct arena *arena, size_t unit, size_t members, size_t *bytes)
{
    struct roster_member *list = arena_take(arena, members * sizeof *list);
    for (size_t i = 0; i < members; i++) {
        char number[24];
        int length = snprintf(number, sizeof number, "%06zu", i + 1);
        list[i] = (struct roster_member){world_key(unit, i), world_enrolment(unit, i), arena_copy(arena, number, (size_t)length),
                                         "\xe7\x8e\x8b\xe5\xbb\xba\xe5\x9b\xbd"};
    }
    return roster_block_pack(arena, list, members, bytes);
}

/* One block a unit. */
static void world_rosters(size_t units, size_t (*members_of)(size_t unit))
{
    enum { AT_ONCE = 500 };
    struct fault fault = {0};
    struct arena *arena = arena_new(256 * 1024 * 1024);
    struct database_query *query = query_new();
    for (size_t from = 0; from < units; from += AT_ONCE) {
        size_t until = from + AT_ONCE < units ? from + AT_ONCE : units, bytes;
        char text[ID_KEY_TEXT_BYTES];
        query_reset(
            query,
            "INSERT INTO nianshen_engine.roster_block SELECT u, 2026, 0, m, f, l, c FROM unnest($1, $2, $3, $4, $5) AS x (u, m, f, l, c)");
        query_text_array(query);
        for (size_t i = from; i < until; i++) query_add_text(query, text, (size_t)snprintf(text, sizeof text, "U%07zu", i));
        query_int4_array(query);
        for (size_t i = from; i < until; i++) query_add_int4(query, (int32_t)members_of(i));
        query_text_array(query);
        for (size_t i = from; i < until; i++) query_add_text(query, text, id_key_write(world_key(i, 0), text));
        query_text_array(query);
        for (size_t i = from; i < until; i++) query_add_text(query, text, id_key_write(world_key(i, members_of(i) - 1), text));
        query_bytea_array(query);
        for (size_t i = from; i < until; i++) {
            const void *block = world_block(arena, i, members_of(i), &bytes);
            query_add_bytea(query, block, bytes);
        }
        if (!database_run(world_sql, query, -1, NULL, &fault)) world_die("rosters", &fault);
        arena_reset(arena);
    }
    query_free(query);
    arena_free(arena);
}

/* ---- the store, waited for ---- */

static enum store_state world_wait(struct store *store)
{
    enum store_state state;
    while ((state = store_step(store)) == STORE_BUSY) {
        bool wants_write = false;
        struct pollfd wait = {.fd = store_socket(store, &wants_write)};
        wait.events = (short)(POLLIN | (wants_write ? POLLOUT : 0));
        poll(&wait, 1, 100);
    }
    return state;
}

static void world_ready(struct store *store, const char *what)
{
    if (world_wait(store) != STORE_READY) world_die(what, store_fault(store));
}

static struct store *world_store(const char *name)
{
    struct store *store = store_new(name);
    store_open(store);
    world_ready(store, "open");
    return store;
}

/* ---- positions: where each partition stands, and whose it is ---- */

struct world_shards {
    int64_t epoch[WORLD_SHARDS];
    int64_t next[WORLD_SHARDS][TOPIC_INPUTS];
};

static void world_claim(struct store *store, struct world_shards *shards)
{
    struct store_shard list[WORLD_SHARDS];
    for (int i = 0; i < WORLD_SHARDS; i++) list[i] = (struct store_shard){.shard = i};
    store_claim(store, list, WORLD_SHARDS);
    world_ready(store, "claim");
    for (int i = 0; i < WORLD_SHARDS; i++) {
        shards->epoch[i] = list[i].epoch;
        for (int topic = 0; topic < TOPIC_INPUTS; topic++) shards->next[i][topic] = list[i].partitions[topic].next_offset;
    }
}

/* ---- a micro-batch, event by event ---- */

struct world_batch {
    struct micro_batch micro;
    struct world_shards *shards;
    size_t room;
    int64_t now_ms;
};

static void world_batch_init(struct world_batch *batch, struct world_shards *shards, size_t room)
{
    *batch = (struct world_batch){.shards = shards, .room = room, .now_ms = WORLD_START_MS};
    batch->micro.arena = arena_new(MICRO_BATCH_ARENA_BYTES_MAX);
}

static void world_batch_start(struct world_batch *batch)
{
    struct arena *arena = batch->micro.arena;
    store_release(&batch->micro);
    arena_reset(arena);
    batch->micro = (struct micro_batch){.arena = arena};
    batch->micro.records = arena_take(arena, batch->room * sizeof *batch->micro.records);
    batch->micro.events = arena_take(arena, batch->room * sizeof *batch->micro.events);
    batch->micro.moves = arena_take(arena, WORLD_SHARDS * TOPIC_INPUTS * sizeof *batch->micro.moves);
    batch->micro.world.arena = arena;
    batch->micro.world.reviews = arena_take(arena, batch->room * sizeof *batch->micro.world.reviews);
}

/* Reviews are looked for from the newest: a unit's events stand close together here. */
static struct review *world_review(struct world_batch *batch, const char *unit)
{
    struct world *world = &batch->micro.world;
    for (size_t i = world->review_count; i-- > 0 && i + 4 > world->review_count;)
        if (strcmp(world->reviews[i].unit, unit) == 0) return &world->reviews[i];
    world->reviews[world->review_count] = (struct review){.unit = unit, .year = WORLD_YEAR, .created_ms = REFERENCE_FOREVER_MS};
    return &world->reviews[world->review_count++];
}

static struct batch_move *world_move(struct world_batch *batch, int32_t shard, enum topic_kind topic)
{
    struct micro_batch *micro = &batch->micro;
    for (size_t i = 0; i < micro->move_count; i++)
        if (micro->moves[i].shard == shard && micro->moves[i].topic == topic) return &micro->moves[i];
    int64_t next = batch->shards->next[shard][topic];
    micro->moves[micro->move_count] = (struct batch_move){
        .shard = shard, .topic = topic, .epoch = batch->shards->epoch[shard], .expected_offset = next, .next_offset = next};
    return &micro->moves[micro->move_count++];
}

/* An event of `unit`, to be filled further; its record has the unit's code as key and no headers. NULL text: decoding refused it. */
static inline struct event *world_event(struct world_batch *batch, size_t unit, enum event_type type, const char *id)
{
    char code[WORLD_CODE_BYTES];
    struct micro_batch *micro = &batch->micro;
    struct arena *arena = micro->arena;
    enum topic_kind topic = type == EVENT_UNIT_REVIEW_CONFIRMED     ? TOPIC_UNIT_REVIEW
                            : type == EVENT_MEMBER_REVIEW_SUBMITTED ? TOPIC_MEMBER_REVIEW
                                                                    : TOPIC_APPROVAL;
    int32_t shard = (int32_t)(unit % WORLD_SHARDS);
    world_code(unit, code);
    struct event *event = arena_take(arena, sizeof *event);
    *event = (struct event){.type = type,
                            .source = "test",
                            .id = arena_copy(arena, id, strlen(id)),
                            .unit = arena_copy(arena, code, strlen(code)),
                            .year = WORLD_YEAR};
    snprintf((char *)event->content_sha256, EVENT_SHA256_BYTES, "%s", id);
    struct batch_move *move = world_move(batch, shard, topic);
    struct batch_record *record = &micro->records[micro->record_count];
    record->record = (struct kafka_record){.topic = topic,
                                           .partition = shard,
                                           .offset = move->next_offset,
                                           .append_ms = batch->now_ms++,
                                           .key = event->unit,
                                           .key_bytes = strlen(event->unit),
                                           .value = "{}",
                                           .value_bytes = 2};
    move->next_offset++;
    move->records++;
    move->has_last = true;
    move->last.offset = record->record.offset;
    move->last.append_ms = record->record.append_ms;
    micro->events[micro->record_count++] = (struct review_event){.topic = topic,
                                                                 .partition = shard,
                                                                 .offset = record->record.offset,
                                                                 .append_ms = record->record.append_ms,
                                                                 .event = event,
                                                                 .review = world_review(batch, event->unit)};
    return event;
}

/* Reviews may have moved while the list grew: no, it has its room from the start. */
static bool world_load(struct store *store, struct world_batch *batch)
{
    store_load(store, &batch->micro);
    return world_wait(store) == STORE_READY;
}

static void world_apply(struct world_batch *batch)
{
    struct micro_batch *micro = &batch->micro;
    CHECK(review_apply(&micro->world, micro->events, micro->record_count, &micro->effects));
}

static bool world_write(struct store *store, struct world_batch *batch, const struct store_published *published, size_t count)
{
    store_write(store, &batch->micro, published, count);
    if (world_wait(store) != STORE_READY) return false;
    for (size_t i = 0; i < batch->micro.move_count; i++)
        batch->shards->next[batch->micro.moves[i].shard][batch->micro.moves[i].topic] = batch->micro.moves[i].next_offset;
    return true;
}

#endif
