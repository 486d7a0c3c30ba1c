/*
 * worker-next/store.h without a database, and a review_apply without rules, for the worker's tests: every good event is accepted with one
 * outcome. A script says what goes wrong when. Included by one test program each.
 */
#ifndef NIANSHEN_TESTS_UNIT_FAKE_STORE_H
#define NIANSHEN_TESTS_UNIT_FAKE_STORE_H

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "tests/unit/failing.h"
#include "tests/unit/fake_kafka.h"
#include "worker-next/store.h"

enum {
    FAKE_SCRIPT_MAX = 64,
    FAKE_OUTBOX_MAX = 1024,
    FAKE_OUTCOMES_MAX = 64, /* of one row */
    FAKE_TAKEN_MAX = 3, /* outbox rows */
    FAKE_STORES_MAX = 8,
};

enum fake_accident {
    FAKE_NONE,
    FAKE_LOST_BEFORE, /* the session is lost, nothing is committed */
    FAKE_LOST_AFTER, /* the same, and it is */
    FAKE_DEADLOCK,
    FAKE_UNKNOWN,
    FAKE_STOLEN, /* another worker has claimed the shard */
    FAKE_MEMORY, /* the arena is full */
};

struct fake_position {
    int64_t next;
    bool has_last;
    struct record_mark last;
    char halted[FAULT_TEXT_BYTES_MAX];
    bool is_resumed;
    int applied[FAKE_RECORDS_MAX]; /* so many times, of each offset */
    bool held[FAKE_RECORDS_MAX];
    struct test_record held_records[FAKE_RECORDS_MAX];
};

struct fake_outcome {
    char unit[32], type[64], id[OUTCOME_ID_CHARS + 1], body[64];
};

struct fake_letter {
    struct test_record record;
    char code[48];
};

struct fake_row {
    bool is_deleted;
    int32_t shard;
    int64_t batch;
    struct fake_outcome outcomes[FAKE_OUTCOMES_MAX];
    size_t outcome_count;
    struct fake_letter letters[FAKE_OUTCOMES_MAX];
    size_t letter_count;
};

static struct {
    struct fake_position positions[TOPIC_INPUTS][FAKE_PARTITIONS];
    int64_t epochs[FAKE_PARTITIONS];
    char held_unit[32];
    bool is_released;
    struct fake_row outbox[FAKE_OUTBOX_MAX];
    size_t outbox_count;
    int64_t batches; /* given so far */

    enum fake_accident script[FAKE_SCRIPT_MAX]; /* of the n-th write */
    enum fake_accident load_script[FAKE_SCRIPT_MAX];
    int writes, loads, claims, looks, marks, takes, settles, abandons;
    size_t batch_sizes[FAKE_SCRIPT_MAX]; /* of each load */
    int closed_doors; /* so many attempts to connect find none */
    const char *bad_unit; /* can't be digested */
    size_t fits; /* so many records fit into review_apply; 0: all */
    int busy_polls; /* so long each request takes */
    bool has_removals[FAKE_PARTITIONS];
    bool is_settling_seen;
    int sessions; /* open ones */
    int at_once, at_once_max; /* writes and loads under way */
} fake_store;

enum fake_request { FAKE_OPEN, FAKE_LOAD, FAKE_WRITE, FAKE_OTHER };

struct store {
    enum store_state state;
    enum fake_request request;
    struct fault fault;
    bool is_lost, is_counted;
    int busy;
    struct micro_batch *batch;
    struct store_published published[256];
    size_t published_count;
    int64_t batches[FAKE_PARTITIONS];
    struct store_outbox_row rows[FAKE_TAKEN_MAX];
    size_t row_count;
    bool has_more;
    struct kafka_record held[STORE_HELD_RECORDS_MAX];
    size_t held_count;
    int64_t settled;
};

static struct store fake_stores[FAKE_STORES_MAX];
static int fake_stores_made;

static inline void fake_store_reset(void)
{
    memset(&fake_store, 0, sizeof fake_store);
}

struct store *store_new(const char *name)
{
    (void)name;
    if (failing_now("store_new")) return NULL;
    struct store *store = &fake_stores[fake_stores_made++ % FAKE_STORES_MAX];
    memset(store, 0, sizeof *store);
    fake_kafka.handles++;
    return store;
}

void store_close(struct store *store)
{
    if (store->is_counted) fake_store.at_once--;
    store->is_counted = false;
    if (store->state != STORE_CLOSED && !(store->state == STORE_BUSY && store->request == FAKE_OPEN)) fake_store.sessions--;
    store->state = STORE_CLOSED;
}

void store_free(struct store *store)
{
    store_close(store);
    fake_kafka.handles--;
}

static void fake_begin(struct store *store, enum fake_request request)
{
    store->state = STORE_BUSY;
    store->request = request;
    store->busy = fake_store.busy_polls;
    store->is_lost = false;
    fault_clear(&store->fault);
    store->is_counted = request == FAKE_LOAD || request == FAKE_WRITE;
    if (store->is_counted && ++fake_store.at_once > fake_store.at_once_max) fake_store.at_once_max = fake_store.at_once;
}

void store_open(struct store *store)
{
    fake_begin(store, FAKE_OPEN);
}

static enum store_state fake_fail(struct store *store, enum fault_kind kind, const char *code, bool is_lost)
{
    fault_set(&store->fault, kind, kind == FAULT_FATAL ? EX_SOFTWARE : EX_UNAVAILABLE, code, "by the script");
    store->is_lost = is_lost;
    return store->state = STORE_FAILED;
}

/* ---- a micro-batch ---- */

static bool fake_is_fenced(const struct micro_batch *batch)
{
    for (size_t i = 0; i < batch->move_count; i++) {
        const struct batch_move *move = &batch->moves[i];
        if (move->epoch != fake_store.epochs[move->shard]) return true;
        if (move->expected_offset != fake_store.positions[move->topic][move->shard].next) return true;
    }
    return false;
}

static bool fake_is_held_now(const char *unit, bool is_applied_before)
{
    return fake_store.held_unit[0] != '\0' && strcmp(fake_store.held_unit, unit) == 0 && !(fake_store.is_released && is_applied_before);
}

static void fake_load_fill(struct micro_batch *batch)
{
    for (size_t i = 0; i < batch->record_count; i++) {
        struct review *review = batch->events[i].review;
        if (review == NULL) continue;
        review->created_ms = 0;
        review->is_held = fake_is_held_now(review->unit, batch->records[i].is_applied_before);
    }
}

static enum store_state fake_load(struct store *store)
{
    int call = fake_store.loads++;
    enum fake_accident accident = call < FAKE_SCRIPT_MAX ? fake_store.load_script[call] : FAKE_NONE;
    if (call < FAKE_SCRIPT_MAX) fake_store.batch_sizes[call] = store->batch->record_count;
    if (accident == FAKE_MEMORY) return fake_fail(store, FAULT_RETRY, "memory", false);
    if (accident == FAKE_STOLEN) fake_store.epochs[store->batch->moves[0].shard]++;
    if (accident == FAKE_LOST_BEFORE) return fake_fail(store, FAULT_RETRY, "database-away", true);
    if (accident == FAKE_DEADLOCK) return fake_fail(store, FAULT_RETRY, "sqlstate-40P01", false);
    if (fake_is_fenced(store->batch)) return fake_fail(store, FAULT_RETRY, "fenced", false);
    fake_load_fill(store->batch);
    return store->state = STORE_READY;
}

static struct fake_row *fake_row_of(struct store *store, int32_t shard)
{
    if (store->batches[shard] < 0) {
        struct fake_row *row = &fake_store.outbox[fake_store.outbox_count++];
        memset(row, 0, sizeof *row);
        row->shard = shard;
        row->batch = store->batches[shard] = fake_store.batches++;
    }
    return &fake_store.outbox[fake_store.outbox_count - 1 - (size_t)(fake_store.batches - 1 - store->batches[shard])];
}

static void fake_record_keep(struct test_record *kept, const struct kafka_record *record)
{
    memset(kept, 0, sizeof *kept);
    snprintf(kept->key, sizeof kept->key, "%.*s", (int)record->key_bytes, (const char *)record->key);
    snprintf(kept->value, sizeof kept->value, "%.*s", (int)record->value_bytes, (const char *)record->value);
    for (size_t i = 0; i < record->header_count && i < 5; i++) kept->headers[i] = record->headers[i];
    for (size_t i = 0; i < record->header_count && i < 5; i++)
        if (strcmp(record->headers[i].name, "ce_id") == 0) {
            snprintf(kept->id, sizeof kept->id, "%.*s", (int)record->headers[i].value_bytes, (const char *)record->headers[i].value);
            kept->headers[i].value = kept->id;
        }
    kept->topic = record->topic;
    kept->partition = record->partition;
    kept->offset = record->offset;
}

static void fake_record_store(struct store *store, const struct batch_record *record)
{
    const struct review_event *in = &record->in;
    struct fake_position *position = &fake_store.positions[in->topic][in->partition];
    position->applied[in->offset]++;
    position->held[in->offset] = in->fate == FATE_HELD;
    if (in->fate == FATE_HELD) fake_record_keep(&position->held_records[in->offset], &record->record);
    if (in->fate != FATE_DEAD_LETTER) return;
    struct fake_row *row = fake_row_of(store, in->partition);
    struct fake_letter *letter = &row->letters[row->letter_count++];
    fake_record_keep(&letter->record, &record->record);
    snprintf(letter->code, sizeof letter->code, "%s", in->code);
}

static void fake_outcomes_store(struct store *store, const struct effects *effects)
{
    for (size_t i = 0; i < effects->outcome_count; i++) {
        const struct outcome *outcome = &effects->outcomes[i];
        struct fake_row *row = fake_row_of(store, outcome->partition);
        struct fake_outcome *kept = &row->outcomes[row->outcome_count++];
        snprintf(kept->unit, sizeof kept->unit, "%s", outcome->unit);
        snprintf(kept->type, sizeof kept->type, "%s", outcome->type);
        snprintf(kept->id, sizeof kept->id, "%s", outcome->id);
        snprintf(kept->body, sizeof kept->body, "%.*s", (int)outcome->body_bytes, outcome->body);
    }
}

static void fake_delete(const struct store_published *published, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < fake_store.outbox_count; j++)
            if (fake_store.outbox[j].shard == published[i].shard && fake_store.outbox[j].batch == published[i].batch)
                fake_store.outbox[j].is_deleted = true;
}

static void fake_commit(struct store *store)
{
    const struct micro_batch *batch = store->batch;
    for (int i = 0; i < FAKE_PARTITIONS; i++) store->batches[i] = -1;
    if (batch->held_unit != NULL) {
        snprintf(fake_store.held_unit, sizeof fake_store.held_unit, "%s", batch->held_unit);
        fake_store.is_released = false;
    }
    fake_outcomes_store(store, &batch->effects);
    for (size_t i = 0; i < batch->record_count; i++) fake_record_store(store, &batch->records[i]);
    for (size_t i = 0; i < batch->move_count; i++) {
        const struct batch_move *move = &batch->moves[i];
        struct fake_position *position = &fake_store.positions[move->topic][move->shard];
        position->next = move->next_offset;
        if (!move->has_last) continue;
        position->has_last = true;
        position->last = move->last;
    }
    fake_delete(store->published, store->published_count);
}

static bool fake_is_indigestible(const struct micro_batch *batch)
{
    for (size_t i = 0; fake_store.bad_unit != NULL && i < batch->record_count; i++) {
        const struct review_event *in = &batch->records[i].in;
        if (in->fate != FATE_HELD && in->review != NULL && strcmp(in->review->unit, fake_store.bad_unit) == 0) return true;
    }
    return false;
}

static enum store_state fake_write(struct store *store)
{
    int call = fake_store.writes++;
    enum fake_accident accident = call < FAKE_SCRIPT_MAX ? fake_store.script[call] : FAKE_NONE;
    if (fake_is_indigestible(store->batch)) return fake_fail(store, FAULT_REJECT, "sqlstate-22P02", false);
    switch (accident) {
    case FAKE_LOST_BEFORE:
        return fake_fail(store, FAULT_RETRY, "database-away", true);
    case FAKE_LOST_AFTER:
        fake_commit(store);
        return fake_fail(store, FAULT_RETRY, "database-away", true);
    case FAKE_DEADLOCK:
        return fake_fail(store, FAULT_RETRY, "sqlstate-40P01", false);
    case FAKE_UNKNOWN:
        return fake_fail(store, FAULT_FATAL, "sqlstate-XX000", false);
    case FAKE_STOLEN:
        fake_store.epochs[store->batch->moves[0].shard]++;
        return fake_fail(store, FAULT_RETRY, "fenced", false);
    case FAKE_MEMORY:
    case FAKE_NONE:
        break;
    }
    fake_commit(store);
    return store->state = STORE_READY;
}

enum store_state store_step(struct store *store)
{
    if (store->state != STORE_BUSY || store->busy-- > 0) return store->state;
    if (store->is_counted) fake_store.at_once--;
    store->is_counted = false;
    switch (store->request) {
    case FAKE_OPEN:
        if (fake_store.closed_doors > 0) {
            fake_store.closed_doors--;
            fake_store.sessions++; /* close takes it back */
            return fake_fail(store, FAULT_RETRY, "database-away", true);
        }
        fake_store.sessions++;
        break;
    case FAKE_LOAD:
        return fake_load(store);
    case FAKE_WRITE:
        return fake_write(store);
    case FAKE_OTHER:
        break;
    }
    return store->state = STORE_READY;
}

const struct fault *store_fault(const struct store *store)
{
    return &store->fault;
}

bool store_is_lost(const struct store *store)
{
    return store->is_lost;
}

int store_socket(const struct store *store, bool *wants_write)
{
    (void)store;
    *wants_write = false;
    return -1;
}

void store_load(struct store *store, struct micro_batch *batch)
{
    store->batch = batch;
    fake_begin(store, FAKE_LOAD);
}

void store_write(struct store *store, struct micro_batch *batch, const struct store_published *published, size_t published_count)
{
    store->batch = batch;
    memcpy(store->published, published, published_count * sizeof *published);
    store->published_count = published_count;
    fake_begin(store, FAKE_WRITE);
}

void store_release(struct micro_batch *batch)
{
    batch->loaded = NULL;
}

int64_t store_outbox_batch(const struct store *store, int32_t shard)
{
    return store->batches[shard];
}

void store_abandon(struct store *store)
{
    fake_store.abandons++;
    fake_begin(store, FAKE_OTHER);
}

/* ---- claims and looks ---- */

static bool fake_has_outbox(int32_t shard)
{
    for (size_t i = 0; i < fake_store.outbox_count; i++)
        if (fake_store.outbox[i].shard == shard && !fake_store.outbox[i].is_deleted) return true;
    return false;
}

void store_claim(struct store *store, struct store_shard *shards, size_t count)
{
    fake_store.claims++;
    for (size_t i = 0; i < count; i++) {
        shards[i].epoch = ++fake_store.epochs[shards[i].shard];
        shards[i].has_outbox = fake_has_outbox(shards[i].shard);
        shards[i].has_removals = fake_store.has_removals[shards[i].shard];
        for (int topic = 0; topic < TOPIC_INPUTS; topic++) {
            struct fake_position *position = &fake_store.positions[topic][shards[i].shard];
            shards[i].partitions[topic] = (struct store_partition){
                .next_offset = position->next,
                .has_last = position->has_last,
                .last = position->last,
                .halted = position->halted[0] != '\0' ? position->halted : NULL,
            };
        }
    }
    fake_begin(store, FAKE_OTHER);
}

static bool fake_has_held(int32_t shard)
{
    for (int topic = 0; fake_store.is_released && topic < TOPIC_INPUTS; topic++)
        for (int i = 0; i < FAKE_RECORDS_MAX; i++)
            if (fake_store.positions[topic][shard].held[i]) return true;
    return false;
}

void store_look(struct store *store, struct store_look *looks, size_t count)
{
    fake_store.looks++;
    for (size_t i = 0; i < count; i++) {
        looks[i].epoch = fake_store.epochs[looks[i].shard];
        looks[i].has_held = fake_has_held(looks[i].shard);
        for (int topic = 0; topic < TOPIC_INPUTS; topic++)
            looks[i].is_resumed[topic] = fake_store.positions[topic][looks[i].shard].halted[0] == '\0';
    }
    fake_begin(store, FAKE_OTHER);
}

void store_halt(struct store *store, int32_t shard, int64_t epoch, enum topic_kind topic, const char *why)
{
    (void)epoch;
    struct fake_position *position = &fake_store.positions[topic][shard];
    snprintf(position->halted, sizeof position->halted, "%s", why);
    fake_begin(store, FAKE_OTHER);
}

/* ---- publishing ---- */

void store_mark(struct store *store, const struct store_published *published, size_t published_count)
{
    fake_store.marks++;
    fake_delete(published, published_count);
    fake_begin(store, FAKE_OTHER);
}

static void fake_row_fill(struct arena *arena, const struct fake_row *row, struct store_outbox_row *out)
{
    *out = (struct store_outbox_row){.shard = row->shard, .batch = row->batch};
    out->outcomes = arena_take(arena, (row->outcome_count + 1) * sizeof *out->outcomes);
    out->dead_letters = arena_take(arena, (row->letter_count + 1) * sizeof *out->dead_letters);
    for (size_t i = 0; i < row->outcome_count; i++) {
        struct outcome *outcome = &out->outcomes[out->outcome_count++];
        *outcome = (struct outcome){.unit = row->outcomes[i].unit, .partition = row->shard, .type = row->outcomes[i].type};
        outcome->body = row->outcomes[i].body;
        outcome->body_bytes = strlen(outcome->body);
        memcpy(outcome->id, row->outcomes[i].id, sizeof outcome->id);
    }
    for (size_t i = 0; i < row->letter_count; i++) {
        struct store_dead_letter *letter = &out->dead_letters[out->dead_letter_count++];
        letter->record = test_delivered(&row->letters[i].record, 0);
        letter->code = row->letters[i].code;
        letter->text = "again";
    }
}

void store_take_outbox(struct store *store, struct arena *arena, const struct store_published *behind, size_t shard_count)
{
    fake_store.takes++;
    store->row_count = 0;
    store->has_more = false;
    for (size_t i = 0; i < fake_store.outbox_count; i++) {
        const struct fake_row *row = &fake_store.outbox[i];
        for (size_t j = 0; j < shard_count; j++) {
            if (row->is_deleted || row->shard != behind[j].shard || row->batch <= behind[j].batch) continue;
            if (store->row_count == FAKE_TAKEN_MAX)
                store->has_more = true;
            else
                fake_row_fill(arena, row, &store->rows[store->row_count++]);
        }
    }
    fake_begin(store, FAKE_OTHER);
}

const struct store_outbox_row *store_outbox_rows(const struct store *store, size_t *count, bool *has_more)
{
    *count = store->row_count;
    *has_more = store->has_more;
    return store->rows;
}

/* ---- held records and removals ---- */

void store_take_held(struct store *store, struct arena *arena, int32_t shard)
{
    (void)arena;
    store->held_count = 0;
    for (int topic = 0; fake_store.is_released && topic < TOPIC_INPUTS; topic++)
        for (int i = 0; i < FAKE_RECORDS_MAX; i++)
            if (fake_store.positions[topic][shard].held[i])
                store->held[store->held_count++] = test_delivered(&fake_store.positions[topic][shard].held_records[i], FAKE_APPEND_MS + i);
    fake_begin(store, FAKE_OTHER);
}

const struct kafka_record *store_held_records(const struct store *store, size_t *count)
{
    *count = store->held_count;
    return store->held;
}

void store_settle(struct store *store, const int32_t *shards, size_t count)
{
    fake_store.settles++;
    store->settled = 0;
    for (size_t i = 0; i < count; i++) {
        store->settled += fake_store.has_removals[shards[i]];
        fake_store.has_removals[shards[i]] = false;
    }
    fake_begin(store, FAKE_OTHER);
}

int64_t store_settled(const struct store *store)
{
    return store->settled;
}

/* ---- no rules ---- */

static bool fake_accept(struct world *world, struct review_event *event, struct effects *effects)
{
    struct outcome *outcome = &effects->outcomes[effects->outcome_count++];
    *outcome = (struct outcome){.unit = event->review->unit, .partition = event->partition, .topic = event->topic};
    outcome->type = "nianshen.unit-review.accepted.v1";
    outcome->causation = event->event->id;
    snprintf(outcome->id, sizeof outcome->id, "%.*s", OUTCOME_ID_CHARS, event->event->id);
    outcome->body = arena_copy(world->arena, event->event->id, strlen(event->event->id));
    if (outcome->body == NULL) return false;
    outcome->body_bytes = strlen(outcome->body);
    return true;
}

bool review_apply(struct world *world, struct review_event *events, size_t count, struct effects *effects)
{
    if (fake_store.fits > 0 && count > fake_store.fits) return false;
    effects->outcomes = arena_take(world->arena, count * sizeof *effects->outcomes);
    for (size_t i = 0; i < count; i++) {
        if (events[i].event == NULL)
            events[i].fate = FATE_DEAD_LETTER;
        else if (events[i].review->is_held)
            events[i].fate = FATE_HELD;
        else if (!fake_accept(world, &events[i], effects))
            return false;
    }
    return true;
}

#endif
