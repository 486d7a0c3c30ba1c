#include "worker-next/publish.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "core/event.h"
#include "core/log.h"
#include "core/moment.h"
#include "worker-next/dead_letter.h"
#include "worker-next/worker.h"

enum { PLACE_NONE = -1 };

void publish_init(struct publish *publish)
{
    *publish = (struct publish){0};
    backoff_init(&publish->backoff, (uint32_t)getpid() + 4);
}

void publish_free(struct publish *publish)
{
    kafka_producer_free(publish->producer);
    publish->producer = NULL;
}

bool publish_is_under_way(const struct publish *publish)
{
    return publish->used > 0;
}

bool publish_is_empty(const struct worker *worker)
{
    bool is_empty = worker->publish.used == 0;
    for (int i = 0; i < worker->lane_count; i++)
        is_empty = is_empty && !worker->lanes[i].has_rows && worker->lanes[i].apply.phase != APPLY_STORED;
    for (size_t i = 0; i < worker->shards.count; i++) is_empty = is_empty && !worker->shards.list[i].has_outbox;
    return is_empty;
}

/* ---- counting ---- */

static int publication_begin(struct publish *publish, int lane, int32_t shard, int64_t batch)
{
    for (int i = 0; i < PUBLISH_BATCHES_MAX; i++) {
        struct publication *publication = &publish->list[i];
        if (publication->state != PUBLICATION_FREE) continue;
        *publication = (struct publication){.state = PUBLICATION_OUT, .shard = shard, .lane = lane, .batch = batch};
        publish->used++;
        return i;
    }
    return PLACE_NONE;
}

static void publication_end(struct publish *publish, struct publication *publication)
{
    publication->state = PUBLICATION_FREE;
    publish->used--;
}

/* When the last report is in. */
static void publication_look(struct worker *worker, struct publication *publication)
{
    struct publish *publish = &worker->publish;
    struct health_counts counts = {.published = publication->records};
    if (!(publication->is_whole || publication->is_given_up) || publication->unreported > 0) return;
    publish->bytes -= publication->bytes;
    if (publication->is_given_up) {
        publication_end(publish, publication);
        return;
    }
    publication->state = PUBLICATION_DONE;
    publication->mark_at_ms = worker->now_ms + PUBLISH_MARK_MS;
    publish->done[publication->lane]++;
    backoff_reset(&publish->backoff);
    health_count(worker, &counts);
}

/* It is taken from the database again, before anything else of its shard is published: also what is being handed over right now. */
static void publication_give_up(struct worker *worker, struct publication *publication)
{
    struct publish *publish = &worker->publish;
    struct shard *shard = shards_find(&worker->shards, publication->shard);
    if (publication->is_given_up) return;
    publication->is_given_up = true;
    if (shard == NULL) return;
    struct publication *open = shard->publication == PLACE_NONE ? publication : &publish->list[shard->publication];
    shard->has_outbox = true;
    shard->is_taking_outbox = false;
    shard->outbox_behind = -1;
    shard->outbox_at_ms = worker->now_ms + backoff_next_ms(&publish->backoff);
    shard->publication = PLACE_NONE;
    if (open == publication) return;
    open->is_given_up = true;
    publication_look(worker, open);
}

static void refused(struct worker *worker, struct publication *publication, const struct fault *fault)
{
    log_error("delivery-refused", log_number("shard", publication->shard), log_number("batch", publication->batch),
              log_text("text", fault->text));
    publication_give_up(worker, publication);
}

static void delivered(void *context, uint64_t tag, enum kafka_delivery result, int32_t partition, int64_t offset, const struct fault *fault)
{
    struct worker *worker = context;
    struct publication *publication = &worker->publish.list[tag];
    (void)partition, (void)offset;
    publication->unreported--;
    if (result != KAFKA_DELIVERED) refused(worker, publication, fault);
    publication_look(worker, publication);
}

bool publish_open(struct worker *worker, struct fault *fault)
{
    worker->publish.producer = kafka_producer_new(worker->config, delivered, worker, fault);
    return worker->publish.producer != NULL;
}

/* ---- the producer ---- */

/* After a fatal error of the producer: nothing more is reported, and what was not is published by a new one, from the outbox. */
static void producer_renew(struct worker *worker)
{
    struct fault fault = {0};
    struct publish *publish = &worker->publish;
    size_t unreported = 0;
    kafka_producer_free(publish->producer);
    for (int i = 0; i < PUBLISH_BATCHES_MAX; i++) {
        struct publication *publication = &publish->list[i];
        if (publication->state != PUBLICATION_OUT) continue;
        unreported += publication->unreported;
        publication->unreported = 0;
        publication_give_up(worker, publication);
        publication_look(worker, publication);
    }
    log_warning("producer-renewed", log_number("unreported", (int64_t)unreported));
    if (!publish_open(worker, &fault)) worker_fail(worker, &fault);
}

bool publish_step(struct worker *worker)
{
    struct publish *publish = &worker->publish;
    if (publish->producer == NULL) return false;
    size_t bytes = publish->bytes;
    kafka_producer_poll(publish->producer, 0);
    if (kafka_producer_is_broken(publish->producer)) producer_renew(worker);
    return publish->bytes != bytes;
}

/* ---- sending ---- */

/* False: the producer's queue is full. What it will never take counts as refused. */
static bool sent(struct worker *worker, struct publication *publication, bool is_sent, size_t bytes, const struct fault *fault)
{
    if (!is_sent && fault->kind == FAULT_RETRY) return false;
    if (!is_sent) {
        refused(worker, publication, fault);
        publication_look(worker, publication);
        return true;
    }
    publication->records++;
    publication->unreported++;
    publication->bytes += bytes;
    worker->publish.bytes += bytes;
    return true;
}

static bool outcome_send(struct worker *worker, int place, const struct outcome *outcome)
{
    struct fault fault = {0};
    struct event_headers headers;
    char time[32];
    moment_format(outcome->time_ms, time, sizeof time);
    event_headers_fill(&headers, outcome->type, "nianshen-worker", outcome->id, time, outcome->causation);
    bool is_sent = kafka_producer_send(worker->publish.producer, TOPIC_OUTCOME, -1, outcome->unit, strlen(outcome->unit), outcome->body,
                                       outcome->body_bytes, headers.list, headers.count, (uint64_t)place, &fault);
    return sent(worker, &worker->publish.list[place], is_sent, outcome->body_bytes, &fault);
}

static bool letter_send(struct worker *worker, int place, const struct kafka_record *record, const char *code, const char *text)
{
    struct fault fault = {0};
    struct dead_letter_reason reason = {
        .topic_prefix = config_text(worker->config, "topic_prefix"),
        .origin = {record->topic, record->partition, record->offset},
        .code = code,
        .text = text,
    };
    bool is_sent = dead_letter_send(worker->publish.producer, record, &reason, (uint64_t)place, &fault);
    return sent(worker, &worker->publish.list[place], is_sent, record->value_bytes, &fault);
}

/* Whether something may be begun, or waited for, now. */
static bool has_room(const struct publish *publish, size_t batches)
{
    return publish->producer != NULL && publish->bytes < PUBLISH_BYTES_MAX && publish->used + batches <= PUBLISH_BATCHES_MAX;
}

static bool is_overdue(struct worker *worker, struct handover *handover)
{
    if (handover->since_ms == 0) handover->since_ms = worker->now_ms;
    return worker->now_ms - handover->since_ms >= PUBLISH_WAIT_MS;
}

static bool whole(struct worker *worker, struct shard *shard)
{
    if (shard == NULL || shard->publication == PLACE_NONE) return false;
    struct publication *publication = &worker->publish.list[shard->publication];
    publication->is_whole = true;
    shard->publication = PLACE_NONE;
    publication_look(worker, publication);
    return true;
}

/* ---- from memory ---- */

/* Each shard that has an outbox row of this micro-batch is counted, unless older rows of it wait still. */
static void batch_begin(struct worker *worker, struct lane *lane)
{
    const struct micro_batch *micro = &lane->apply.micro;
    lane->handover = (struct handover){.is_begun = true};
    for (size_t i = 0; i < micro->move_count; i++) {
        struct shard *shard = shards_find(&worker->shards, micro->moves[i].shard);
        int64_t batch = shard == NULL || shard->publication != PLACE_NONE ? -1 : store_outbox_batch(lane->store, shard->number);
        if (batch >= 0 && !shard->has_outbox) shard->publication = publication_begin(&worker->publish, lane->number, shard->number, batch);
    }
}

/* Where it is counted; PLACE_NONE: it is not published now. */
static int place_of(struct worker *worker, int32_t number)
{
    const struct shard *shard = shards_find(&worker->shards, number);
    return shard == NULL ? PLACE_NONE : shard->publication;
}

static bool outcomes_send(struct worker *worker, struct lane *lane)
{
    const struct effects *effects = &lane->apply.micro.effects;
    for (size_t *next = &lane->handover.outcome; *next < effects->outcome_count; ++*next) {
        const struct outcome *outcome = &effects->outcomes[*next];
        int place = place_of(worker, outcome->partition);
        if (place != PLACE_NONE && !outcome_send(worker, place, outcome)) return false;
    }
    return true;
}

static bool letters_send(struct worker *worker, struct lane *lane)
{
    const struct micro_batch *micro = &lane->apply.micro;
    for (size_t *next = &lane->handover.letter; *next < micro->record_count; ++*next) {
        const struct batch_record *record = &micro->records[*next];
        int place = record->in.fate == FATE_DEAD_LETTER ? place_of(worker, record->in.partition) : PLACE_NONE;
        if (place != PLACE_NONE && !letter_send(worker, place, &record->record, record->in.code, record->in.text)) return false;
    }
    return true;
}

static void batch_leave(struct worker *worker, const struct micro_batch *micro)
{
    for (size_t i = 0; i < micro->move_count; i++) {
        struct shard *shard = shards_find(&worker->shards, micro->moves[i].shard);
        if (shard == NULL) continue;
        if (shard->publication != PLACE_NONE) {
            struct publication *publication = &worker->publish.list[shard->publication];
            publication_give_up(worker, publication);
            publication_look(worker, publication);
        }
        shard->has_outbox = true;
    }
}

bool publish_batch(struct worker *worker, struct lane *lane)
{
    const struct micro_batch *micro = &lane->apply.micro;
    struct handover *handover = &lane->handover;
    bool may_begin = handover->is_begun || has_room(&worker->publish, micro->move_count);
    if (may_begin && !handover->is_begun) batch_begin(worker, lane);
    if (!may_begin || !outcomes_send(worker, lane) || !letters_send(worker, lane)) {
        if (!is_overdue(worker, handover)) return false;
        batch_leave(worker, micro);
    }
    for (size_t i = 0; i < micro->move_count; i++) (void)whole(worker, shards_find(&worker->shards, micro->moves[i].shard));
    *handover = (struct handover){0};
    return true;
}

/* ---- from the database ---- */

/* Nothing of it is on its way: what is taken again would else come twice, or overtake. */
static bool is_takeable(const struct worker *worker, const struct shard *shard)
{
    if (!shard->has_outbox || !shard_is_ours(shard) || worker->now_ms < shard->outbox_at_ms) return false;
    for (int i = 0; shard->outbox_behind < 0 && i < PUBLISH_BATCHES_MAX; i++)
        if (worker->publish.list[i].state != PUBLICATION_FREE && worker->publish.list[i].shard == shard->number) return false;
    return true;
}

bool publish_take_ask(struct worker *worker, struct lane *lane)
{
    size_t count = 0;
    struct shards *shards = &worker->shards;
    struct store_published *behind = NULL;
    if (worker->assignment.is_revoking || lane->apply.phase == APPLY_STORED || !has_room(&worker->publish, STORE_OUTBOX_ROWS_MAX))
        return false;
    for (size_t i = 0; i < shards->count; i++) {
        struct shard *shard = &shards->list[i];
        if (shard->lane != lane->number || !is_takeable(worker, shard)) continue;
        if (behind == NULL) behind = calloc(shards->count, sizeof *behind);
        if (behind == NULL) return false; /* a little later */
        behind[count++] = (struct store_published){shard->number, shard->outbox_behind};
        shard->is_taking_outbox = true;
    }
    if (count == 0) return false;
    arena_reset(lane->arena);
    store_take_outbox(lane->store, lane->arena, behind, count);
    lane_ask(worker, lane, QUESTION_TAKE_OUTBOX, behind, count);
    return true;
}

void publish_taken(struct worker *worker, struct lane *lane)
{
    (void)worker;
    lane->has_rows = true;
    lane->handover = (struct handover){0};
}

static bool row_send(struct worker *worker, struct handover *handover, const struct store_outbox_row *row)
{
    for (; handover->outcome < row->outcome_count; handover->outcome++) {
        int place = place_of(worker, row->shard);
        if (place != PLACE_NONE && !outcome_send(worker, place, &row->outcomes[handover->outcome])) return false;
    }
    for (; handover->letter < row->dead_letter_count; handover->letter++) {
        const struct store_dead_letter *letter = &row->dead_letters[handover->letter];
        int place = place_of(worker, row->shard);
        if (place != PLACE_NONE && !letter_send(worker, place, &letter->record, letter->code, letter->text)) return false;
    }
    return true;
}

/* False: it waits for the broker. */
static bool row_hand_over(struct worker *worker, struct lane *lane, const struct store_outbox_row *row)
{
    struct handover *handover = &lane->handover;
    struct shard *shard = shards_find(&worker->shards, row->shard);
    if (shard == NULL || !shard->is_taking_outbox) return true;
    if (!handover->is_begun && !has_room(&worker->publish, 1)) return false;
    if (!handover->is_begun) shard->publication = publication_begin(&worker->publish, lane->number, row->shard, row->batch);
    handover->is_begun = true;
    if (!row_send(worker, handover, row)) return false;
    if (whole(worker, shard)) shard->outbox_behind = row->batch;
    return true;
}

/* Whatever was not handed over stays in the outbox. */
static void rows_end(struct worker *worker, struct lane *lane, bool has_more)
{
    for (size_t i = 0; i < worker->shards.count; i++) {
        struct shard *shard = &worker->shards.list[i];
        if (shard->lane != lane->number || !shard->is_taking_outbox) continue;
        shard->is_taking_outbox = false;
        shard->has_outbox = has_more;
        if (!has_more) shard->outbox_behind = -1;
    }
    lane->has_rows = false;
    lane->handover = (struct handover){0};
}

static void rows_leave(struct worker *worker, const struct store_outbox_row *row)
{
    struct shard *shard = shards_find(&worker->shards, row->shard);
    if (shard == NULL || shard->publication == PLACE_NONE) return;
    struct publication *publication = &worker->publish.list[shard->publication];
    publication_give_up(worker, publication);
    publication_look(worker, publication);
}

bool publish_rows(struct worker *worker, struct lane *lane)
{
    size_t count = 0;
    bool has_more = false;
    struct handover *handover = &lane->handover;
    const struct store_outbox_row *rows = store_outbox_rows(lane->store, &count, &has_more);
    for (; handover->row < count; *handover = (struct handover){.row = handover->row + 1}) {
        if (row_hand_over(worker, lane, &rows[handover->row])) continue;
        if (!is_overdue(worker, handover)) return false;
        rows_leave(worker, &rows[handover->row]);
        has_more = true;
        break;
    }
    rows_end(worker, lane, has_more);
    return true;
}

/* ---- deleting what is acknowledged ---- */

size_t publish_collect(struct worker *worker, struct lane *lane)
{
    size_t count = 0;
    struct publish *publish = &worker->publish;
    for (int i = 0; i < PUBLISH_BATCHES_MAX && count < LANE_PUBLISHED_MAX && publish->done[lane->number] > 0; i++) {
        struct publication *publication = &publish->list[i];
        if (publication->state != PUBLICATION_DONE || publication->lane != lane->number) continue;
        publication->state = PUBLICATION_MARKING;
        publish->done[lane->number]--;
        lane->published[count++] = (struct store_published){publication->shard, publication->batch};
    }
    return count;
}

void publish_marked(struct worker *worker, const struct lane *lane, bool is_deleted)
{
    struct publish *publish = &worker->publish;
    for (int i = 0; i < PUBLISH_BATCHES_MAX && publish->used > 0; i++) {
        struct publication *publication = &publish->list[i];
        if (publication->state != PUBLICATION_MARKING || publication->lane != lane->number) continue;
        if (is_deleted) {
            publication_end(publish, publication);
            continue;
        }
        publication->state = PUBLICATION_DONE;
        publish->done[lane->number]++;
    }
}

void publish_interrupt(struct worker *worker, const struct lane *lane)
{
    for (size_t i = 0; i < worker->shards.count; i++) {
        struct shard *shard = &worker->shards.list[i];
        if (shard->lane != lane->number || shard->publication == PLACE_NONE) continue;
        struct publication *publication = &worker->publish.list[shard->publication];
        publication_give_up(worker, publication);
        publication_look(worker, publication);
    }
}

void publish_forget(struct worker *worker, const struct lane *lane)
{
    struct publish *publish = &worker->publish;
    for (int i = 0; i < PUBLISH_BATCHES_MAX && publish->used > 0; i++) {
        struct publication *publication = &publish->list[i];
        if (publication->state == PUBLICATION_FREE || publication->lane != lane->number) continue;
        publication->is_given_up = true;
        if (publication->state == PUBLICATION_OUT)
            publication_look(worker, publication);
        else
            publication_end(publish, publication);
    }
    publish->done[lane->number] = 0;
    for (size_t i = 0; i < worker->shards.count; i++)
        if (worker->shards.list[i].lane == lane->number) worker->shards.list[i].publication = PLACE_NONE;
}

/* Whether what is acknowledged should not wait for a micro-batch: others want to be taken, or nothing more may come. */
static bool is_urgent(const struct worker *worker, const struct lane *lane)
{
    bool is_waited_for = worker->until_end || worker->is_stopping || worker->assignment.is_revoking;
    for (size_t i = 0; i < worker->shards.count && !is_waited_for; i++)
        is_waited_for = worker->shards.list[i].lane == lane->number && worker->shards.list[i].has_outbox;
    return is_waited_for;
}

static int64_t mark_at_ms(const struct publish *publish, int lane)
{
    int64_t first_ms = INT64_MAX;
    for (int i = 0; i < PUBLISH_BATCHES_MAX; i++) {
        const struct publication *publication = &publish->list[i];
        if (publication->state == PUBLICATION_DONE && publication->lane == lane && publication->mark_at_ms < first_ms)
            first_ms = publication->mark_at_ms;
    }
    return first_ms;
}

bool publish_mark_ask(struct worker *worker, struct lane *lane)
{
    const struct publish *publish = &worker->publish;
    if (publish->done[lane->number] == 0) return false;
    int64_t at_ms = is_urgent(worker, lane) ? worker->now_ms : mark_at_ms(publish, lane->number);
    if (worker->now_ms < at_ms) {
        worker_wake_at(worker, at_ms);
        return false;
    }
    size_t count = publish_collect(worker, lane);
    store_mark(lane->store, lane->published, count);
    lane_ask(worker, lane, QUESTION_MARK, NULL, 0);
    return true;
}

void publish_failed(struct worker *worker, struct lane *lane, const struct fault *fault)
{
    if (fault->kind != FAULT_RETRY) {
        worker_fail(worker, fault);
        return;
    }
    log_debug("outbox-retry", log_number("lane", lane->number), log_text("code", fault->code), log_text("text", fault->text));
    for (size_t i = 0; i < worker->shards.count; i++)
        if (worker->shards.list[i].lane == lane->number) worker->shards.list[i].is_taking_outbox = false;
    lane_rest(worker, lane);
}
