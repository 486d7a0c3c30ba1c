/*
 * In place of whole workers: hands that claim shards, take records in any order of the topics, and publish what they have committed. They
 * know store.h and the rules, and nothing of Kafka's group. What is tested so is the store's contract: what is loaded suffices, what is
 * written is what is missing, and no order and no split of the records makes a difference.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/event.h"
#include "tests/sim-next/sim.h"
#include "tests/sim-next/world.h"
#include "worker-next/store.h"

enum { RESTART_MS_MAX = 3000, PAUSE_MS_MAX = 15000, TAKEN_MAX = 12, MARKS_MAX = 64, ARENA_BYTES_MAX = 64 * 1024 * 1024 };

enum asked { ASKED_OPEN, ASKED_CLAIM, ASKED_LOAD, ASKED_WRITE, ASKED_OUTBOX, ASKED_HELD, ASKED_SETTLE, ASKED_LOOK, ASKED_MARK };

struct hand {
    bool is_alive;
    int incarnation;
    int64_t begins_ms, paused_until_ms, rests_until_ms;
    struct store *store;
    struct arena *arena;
    enum asked asked;
    struct store_shard shards[SIM_SHARDS];
    size_t shard_count;
    bool is_claimed;
    struct micro_batch batch;
    struct batch_record records[TAKEN_MAX];
    struct review_event events[TAKEN_MAX];
    struct review reviews[TAKEN_MAX];
    struct batch_move moves[TOPIC_INPUTS * SIM_SHARDS];
    const char *held_unit;
    int most; /* records a micro-batch */
    struct store_published marks[MARKS_MAX];
    size_t mark_count;
    struct store_look looks[SIM_SHARDS];
    bool has_held[SIM_SHARDS];
};

static struct hand hands[SIM_WORKERS];
static int current, incarnations;

int crew_current(void)
{
    return current;
}

int crew_incarnation(int slot)
{
    return hands[slot].incarnation;
}

static struct store_shard *shard_of(struct hand *hand, int32_t number)
{
    for (size_t i = 0; i < hand->shard_count; i++)
        if (hand->shards[i].shard == number) return &hand->shards[i];
    return NULL;
}

/* ---- asking ---- */

static void open_session(struct hand *hand)
{
    hand->is_claimed = false;
    hand->mark_count = 0;
    hand->asked = ASKED_OPEN;
    store_open(hand->store);
}

static void claim(struct hand *hand)
{
    hand->shard_count = 0;
    hand->is_claimed = false;
    hand->mark_count = 0;
    memset(hand->has_held, 0, sizeof hand->has_held);
    for (int32_t shard = 0; shard < SIM_SHARDS; shard++)
        if (sim.is_healing ? shard % SIM_WORKERS == current : sim_often(600))
            hand->shards[hand->shard_count++] = (struct store_shard){.shard = shard};
    if (hand->shard_count == 0) return;
    hand->asked = ASKED_CLAIM;
    store_claim(hand->store, hand->shards, hand->shard_count);
}

static void batch_begin(struct hand *hand)
{
    arena_reset(hand->arena);
    hand->batch = (struct micro_batch){
        .arena = hand->arena, .records = hand->records, .moves = hand->moves, .events = hand->events, .held_unit = hand->held_unit};
    hand->batch.world = (struct world){.arena = hand->arena, .reviews = hand->reviews};
}

static struct review *review_of(struct hand *hand, const char *unit, int32_t year)
{
    struct world *world = &hand->batch.world;
    for (size_t i = 0; i < world->review_count; i++)
        if (strcmp(world->reviews[i].unit, unit) == 0 && world->reviews[i].year == year) return &world->reviews[i];
    world->reviews[world->review_count] = (struct review){.unit = unit, .year = year, .created_ms = REFERENCE_FOREVER_MS};
    return &world->reviews[world->review_count++];
}

static void record_add(struct hand *hand, struct kafka_record record, bool is_held)
{
    struct fault fault = {0};
    struct batch_record *added = &hand->records[hand->batch.record_count];
    *added = (struct batch_record){.record = record, .is_applied_before = is_held};
    added->in =
        (struct review_event){.topic = record.topic, .partition = record.partition, .offset = record.offset, .append_ms = record.append_ms};
    if (event_read(hand->arena, &record, SIM_SHARDS, &added->event, &fault)) {
        added->in.event = &added->event;
    } else {
        added->in.code = arena_copy(hand->arena, fault.code, strlen(fault.code));
        added->in.text = arena_copy(hand->arena, fault.text, strlen(fault.text));
        added->in.ce_id = broker_ce_id(broker_record(record.topic, record.partition, record.offset));
    }
    int unit = world_unit_index(record.key); /* our keys are texts */
    if (unit >= 0) added->in.review = review_of(hand, world_data.units[unit].code, added->in.event != NULL ? added->event.year : 0);
    hand->events[hand->batch.record_count++] = added->in;
}

static struct batch_move *move_of(struct hand *hand, enum topic_kind topic, const struct store_shard *shard)
{
    for (size_t i = 0; i < hand->batch.move_count; i++)
        if (hand->moves[i].shard == shard->shard && hand->moves[i].topic == topic) return &hand->moves[i];
    struct batch_move *move = &hand->moves[hand->batch.move_count++];
    int64_t next = shard->partitions[topic].next_offset;
    *move = (struct batch_move){.shard = shard->shard, .topic = topic, .epoch = shard->epoch, .expected_offset = next, .next_offset = next};
    return move;
}

/* The next record of one partition. */
static bool take_one(struct hand *hand)
{
    struct store_shard *shard = &hand->shards[sim_below((int)hand->shard_count)];
    enum topic_kind topic = (enum topic_kind)sim_below(TOPIC_INPUTS);
    if (shard->partitions[topic].halted != NULL) return false;
    struct batch_move *move = move_of(hand, topic, shard);
    int64_t end = broker_end(topic, shard->shard);
    while (move->next_offset < end && broker_record(topic, shard->shard, move->next_offset) == NULL) move->next_offset++;
    if (move->next_offset >= end) return false;
    const struct sim_record *record = broker_record(topic, shard->shard, move->next_offset++);
    struct kafka_record told = broker_told(record);
    record_add(hand, told, false);
    move->records++;
    move->has_last = true;
    move->last = (struct record_mark){.offset = record->offset, .append_ms = record->append_ms};
    kafka_record_sha256(&told, move->last.sha256);
    return true;
}

static bool has_moved(const struct hand *hand)
{
    for (size_t i = 0; i < hand->batch.move_count; i++)
        if (hand->moves[i].next_offset > hand->moves[i].expected_offset) return true;
    return false;
}

static void load(struct hand *hand)
{
    batch_begin(hand);
    for (int tries = 0; tries < 40 && (int)hand->batch.record_count < hand->most; tries++) (void)take_one(hand);
    if (!has_moved(hand)) return;
    hand->asked = ASKED_LOAD;
    store_load(hand->store, &hand->batch);
}

static void load_held(struct hand *hand)
{
    size_t count;
    const struct kafka_record *held = store_held_records(hand->store, &count);
    struct kafka_record list[TAKEN_MAX];
    memcpy(list, held, count * sizeof *list);
    if (count > (size_t)hand->most) count = (size_t)hand->most;
    if (count == 0) return;
    batch_begin(hand);
    for (size_t i = 0; i < count; i++) {
        struct store_shard *shard = shard_of(hand, list[i].partition);
        if (shard->partitions[list[i].topic].halted != NULL) continue;
        (void)move_of(hand, list[i].topic, shard);
        list[i].handle = NULL;
        record_add(hand, list[i], true);
    }
    if (hand->batch.record_count == 0) return;
    hand->asked = ASKED_LOAD;
    store_load(hand->store, &hand->batch);
}

/* Who had claimed something while things went wrong. */
static bool has_others(const struct hand *hand)
{
    size_t own = 0;
    for (int32_t shard = current; shard < SIM_SHARDS; shard += SIM_WORKERS) own++;
    for (size_t i = 0; i < hand->shard_count; i++)
        if (hand->shards[i].shard % SIM_WORKERS != current) return true;
    return hand->shard_count != own;
}

static void ask(struct hand *hand)
{
    int draw = sim_below(100);
    struct store_published behind[SIM_SHARDS];
    int32_t shards[SIM_SHARDS];
    if (!hand->is_claimed || hand->shard_count == 0 || (sim.is_healing && has_others(hand)) || (draw < 3 && sim_fault(300))) {
        claim(hand);
        return;
    }
    for (size_t i = 0; i < hand->shard_count; i++) {
        behind[i] = (struct store_published){hand->shards[i].shard, -1};
        shards[i] = hand->shards[i].shard;
        hand->looks[i] = (struct store_look){.shard = hand->shards[i].shard, .epoch = hand->shards[i].epoch};
    }
    if (draw < 10) {
        hand->asked = ASKED_LOOK;
        store_look(hand->store, hand->looks, hand->shard_count);
    } else if (draw < 18) {
        hand->asked = ASKED_SETTLE;
        store_settle(hand->store, shards, hand->shard_count);
    } else if (draw < 26) {
        batch_begin(hand);
        hand->asked = ASKED_OUTBOX;
        store_take_outbox(hand->store, hand->arena, behind, hand->shard_count);
    } else if (draw < 36 && hand->shard_count > 0 && hand->has_held[hand->shards[draw % (int)hand->shard_count].shard]) {
        batch_begin(hand);
        hand->asked = ASKED_HELD;
        store_take_held(hand->store, hand->arena, hand->shards[draw % (int)hand->shard_count].shard);
    } else if (draw < 40 && hand->mark_count > 0) {
        hand->asked = ASKED_MARK;
        store_mark(hand->store, hand->marks, hand->mark_count);
    } else {
        load(hand);
    }
}

/* ---- answers ---- */

static void publish(const struct outcome *outcomes, size_t count)
{
    for (size_t i = 0; i < count; i++) base_delivered(outcomes[i].id, outcomes[i].body, outcomes[i].body_bytes, NULL, NULL);
}

static void mark_add(struct hand *hand, int32_t shard, int64_t batch)
{
    if (hand->mark_count < MARKS_MAX) hand->marks[hand->mark_count++] = (struct store_published){shard, batch};
}

static void outbox_publish(struct hand *hand)
{
    size_t count;
    bool has_more;
    const struct store_outbox_row *rows = store_outbox_rows(hand->store, &count, &has_more);
    for (size_t i = 0; i < count; i++) {
        bool is_marked = false;
        publish(rows[i].outcomes, rows[i].outcome_count);
        for (size_t k = 0; k < rows[i].dead_letter_count; k++) {
            const struct kafka_record *record = &rows[i].dead_letters[k].record;
            struct kafka_position origin = {record->topic, record->partition, record->offset};
            base_delivered(NULL, record->value, record->value_bytes, &origin, rows[i].dead_letters[k].code);
        }
        for (size_t k = 0; k < hand->mark_count; k++)
            is_marked = is_marked || (hand->marks[k].shard == rows[i].shard && hand->marks[k].batch == rows[i].batch);
        if (!is_marked) mark_add(hand, rows[i].shard, rows[i].batch);
    }
}

static void decide(struct hand *hand)
{
    if (!review_apply(&hand->batch.world, hand->events, hand->batch.record_count, &hand->batch.effects))
        sim_wrong("a micro-batch has no room");
    size_t count = sim_often(500) ? hand->mark_count : 0;
    hand->asked = ASKED_WRITE;
    store_write(hand->store, &hand->batch, hand->marks, count);
    hand->mark_count -= count;
}

static void written(struct hand *hand)
{
    for (size_t i = 0; i < hand->batch.move_count; i++)
        shard_of(hand, hand->moves[i].shard)->partitions[hand->moves[i].topic].next_offset = hand->moves[i].next_offset;
    hand->most = 1 + sim_below(TAKEN_MAX);
    hand->held_unit = NULL;
}

static void answered(struct hand *hand)
{
    enum asked asked = hand->asked;
    hand->asked = ASKED_OPEN; /* nothing more to hear */
    if (asked == ASKED_CLAIM) hand->is_claimed = true;
    if (asked == ASKED_LOAD) {
        decide(hand);
        return;
    }
    if (asked == ASKED_WRITE) written(hand);
    if (asked == ASKED_OUTBOX) outbox_publish(hand);
    if (asked == ASKED_MARK) hand->mark_count = 0;
    if (asked == ASKED_HELD) {
        load_held(hand);
        return;
    }
    for (size_t i = 0; asked == ASKED_LOOK && i < hand->shard_count; i++) {
        if (hand->looks[i].epoch != hand->shards[i].epoch) hand->is_claimed = false;
        hand->has_held[hand->looks[i].shard] = hand->looks[i].has_held;
    }
}

static void failed(struct hand *hand)
{
    const struct fault *fault = store_fault(hand->store);
    enum asked asked = hand->asked;
    hand->asked = ASKED_OPEN; /* heard */
    hand->rests_until_ms = sim.now_ms + sim_below(100);
    if (store_is_lost(hand->store)) {
        store_close(hand->store);
        return;
    }
    hand->is_claimed = hand->is_claimed && strcmp(fault->code, "fenced") != 0 && fault->kind != FAULT_FATAL;
    if (asked == ASKED_WRITE) hand->mark_count = 0; /* found again in the outbox */
    if (asked != ASKED_WRITE || fault->kind != FAULT_REJECT || strcmp(fault->code, "fenced") == 0) return;
    if (hand->most > 1)
        hand->most = 1;
    else
        hand->held_unit = hand->events[0].event != NULL ? sim_text(hand->events[0].event->unit) : NULL;
}

static void step(struct hand *hand)
{
    enum store_state state = store_step(hand->store);
    if (state == STORE_BUSY || sim.now_ms < hand->rests_until_ms) return;
    if (state == STORE_READY) answered(hand);
    if (state == STORE_FAILED) failed(hand);
    state = store_step(hand->store);
    if (state == STORE_CLOSED)
        open_session(hand);
    else if (state != STORE_BUSY)
        ask(hand);
}

/* ---- lives ---- */

static void begin(int slot)
{
    struct arena *arena = hands[slot].arena;
    hands[slot] = (struct hand){
        .is_alive = true, .incarnation = ++incarnations, .store = store_new("driver"), .arena = arena, .most = 1 + sim_below(TAKEN_MAX)};
    if (arena == NULL) hands[slot].arena = arena_new(ARENA_BYTES_MAX);
    sim_tell("hand %d begins as incarnation %d", slot, incarnations);
}

static void end(int slot)
{
    sim_tell("hand %d ends", slot);
    store_free(hands[slot].store);
    hands[slot].is_alive = false;
    hands[slot].begins_ms = sim.now_ms + (sim.is_healing ? 0 : sim_below(RESTART_MS_MAX));
}

static void turn(int slot)
{
    current = slot;
    if (!hands[slot].is_alive && sim.now_ms >= hands[slot].begins_ms) begin(slot);
    if (!hands[slot].is_alive || sim.now_ms < hands[slot].paused_until_ms) return;
    step(&hands[slot]);
    if (sim_fault(sim.odds.crash + sim.odds.stop)) {
        end(slot);
    } else if (sim_fault(sim.odds.pause)) {
        hands[slot].paused_until_ms = sim.now_ms + sim_below(PAUSE_MS_MAX);
        base_pause(slot, hands[slot].paused_until_ms);
    }
}

void crew_reset(void)
{
    incarnations = 0;
    for (int slot = 0; slot < SIM_WORKERS; slot++) {
        hands[slot].is_alive = false;
        hands[slot].begins_ms = sim.now_ms + sim_below(1000);
    }
}

void crew_tick(void)
{
    int first = sim_below(SIM_WORKERS);
    for (int i = 0; i < SIM_WORKERS; i++) turn((first + i) % SIM_WORKERS);
}

void crew_heal(void)
{
    for (int slot = 0; slot < SIM_WORKERS; slot++) {
        hands[slot].paused_until_ms = 0;
        base_pause(slot, sim.now_ms);
    }
}

void crew_end(void)
{
    for (int slot = 0; slot < SIM_WORKERS; slot++) {
        current = slot;
        if (hands[slot].is_alive) end(slot);
    }
}
