/* core/kafka.h in memory: topics as arrays, one consumer group with eager rebalances, readers, producers whose reports may be late or lost.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "tests/sim-next/sim.h"
#include "tests/sim-next/upstream.h"

enum { APPEND_EACH_MS = 1000 };

static const int64_t APPEND_FIRST_MS = INT64_C(1780000000000); /* as world.c has it */

struct member { /* a consumer, by its worker's slot */
    bool is_open, is_member;
    bool has_assignment, must_revoke, may_assign;
    int64_t alive_ms;
    struct kafka_position assigned[TOPIC_INPUTS * SIM_SHARDS];
    size_t assigned_count;
    struct {
        bool is_read, is_end_told;
        int64_t next;
    } parts[TOPIC_INPUTS][SIM_SHARDS];
};

/* What a partition shows that lost its records from `at` on: others in their places, up to `end`. */
struct cut {
    bool is_cut, was_cut;
    int64_t at, end;
    struct sim_record others[SIM_OFFSETS_MAX];
};

static struct {
    struct sim_record log[TOPIC_INPUTS][SIM_SHARDS][SIM_OFFSETS_MAX];
    int64_t ends[TOPIC_INPUTS][SIM_SHARDS];
    struct cut cuts[TOPIC_INPUTS][SIM_SHARDS];
    struct member members[SIM_WORKERS];
    bool is_rebalancing;
    int appended, to_append;
} broker;

void broker_reset(void)
{
    memset(broker.members, 0, sizeof broker.members);
    memset(broker.ends, 0, sizeof broker.ends);
    for (int topic = 0; topic < TOPIC_INPUTS; topic++)
        for (int shard = 0; shard < SIM_SHARDS; shard++) broker.cuts[topic][shard].is_cut = broker.cuts[topic][shard].was_cut = false;
    broker.is_rebalancing = false;
    broker.appended = 0;
    broker.to_append = 4 + sim_below(60);
}

static bool is_away(void)
{
    return sim.now_ms < sim.broker_back_ms;
}

/* ---- the topics ---- */

int64_t broker_end(enum topic_kind topic, int partition)
{
    return broker.ends[topic][partition];
}

const struct sim_record *broker_record(enum topic_kind topic, int partition, int64_t offset)
{
    if (offset < 0 || offset >= broker.ends[topic][partition]) return NULL;
    const struct sim_record *record = &broker.log[topic][partition][offset];
    return record->is_there ? record : NULL;
}

/* ---- cuts ---- */

static int64_t shown_end(enum topic_kind topic, int partition)
{
    const struct cut *cut = &broker.cuts[topic][partition];
    return cut->is_cut ? cut->end : broker.ends[topic][partition];
}

bool broker_was_cut(enum topic_kind topic, int partition)
{
    return broker.cuts[topic][partition].was_cut;
}

bool broker_is_cut(enum topic_kind topic, int partition)
{
    return broker.cuts[topic][partition].is_cut;
}

/*
 * Whether one more record would bring the end to where a consumer reads, or beyond: it would find nothing wrong, as with a real broker
 * when a topic is made anew and filled between two of its fetches. The witness finds that some time later; here it may not come to it.
 */
static bool would_deceive(enum topic_kind topic, int partition)
{
    for (int slot = 0; slot < SIM_WORKERS; slot++)
        if (broker.members[slot].parts[topic][partition].is_read &&
            broker.members[slot].parts[topic][partition].next <= broker.cuts[topic][partition].end + 1)
            return true;
    return false;
}

static void append_other(struct sim_record *record)
{
    struct cut *cut = &broker.cuts[record->topic][record->partition];
    if (would_deceive(record->topic, record->partition) || cut->end + 1 >= SIM_OFFSETS_MAX) return;
    record->offset = cut->end;
    record->append_ms = broker_append_ms();
    record->is_there = true;
    record->key = "U0"; /* another unit's, or of another partition: never the record that stood there */
    cut->others[cut->end++] = *record;
    sim_tell("upstream: a record to %s [%d] at %" PRId64 ", which was cut", topic_kind_name(record->topic), record->partition,
             record->offset);
}

/* The last record that was applied is among what is lost: else nobody could tell. */
static void cut_some(void)
{
    enum topic_kind topic = (enum topic_kind)sim_below(TOPIC_INPUTS);
    int partition = sim_below(SIM_SHARDS);
    int64_t last = base_last(topic, partition);
    struct cut *cut = &broker.cuts[topic][partition];
    if (cut->is_cut || last < 0) return;
    cut->is_cut = cut->was_cut = true;
    cut->at = cut->end = sim_below((int)last + 1);
    sim_tell("%s [%d] loses its records from %" PRId64 " on", topic_kind_name(topic), partition, cut->at);
}

void broker_restore(bool is_all)
{
    for (int topic = 0; topic < TOPIC_INPUTS; topic++) {
        for (int partition = 0; partition < SIM_SHARDS; partition++) {
            struct cut *cut = &broker.cuts[topic][partition];
            if (!cut->is_cut || !(is_all || sim_often(5))) continue;
            cut->is_cut = false;
            sim_tell("%s [%d] is restored", topic_kind_name((enum topic_kind)topic), partition);
        }
    }
}

/* ---- what upstreams publish ---- */

int broker_appended(void)
{
    return broker.appended;
}

int broker_to_append(void)
{
    return broker.to_append;
}

int64_t broker_append_ms(void)
{
    return APPEND_FIRST_MS + (int64_t)APPEND_EACH_MS * broker.appended;
}

bool broker_append(struct sim_record *record)
{
    record->partition = kafka_partition_of(record->key, strlen(record->key), SIM_SHARDS);
    int64_t *end = &broker.ends[record->topic][record->partition];
    struct sim_record *log = broker.log[record->topic][record->partition];
    int gap = sim_often(sim.odds.gap) ? 1 + sim_below(3) : 0;
    if (broker.cuts[record->topic][record->partition].is_cut) {
        append_other(record);
        return false;
    }
    if (*end + 2 * gap + 1 >= SIM_OFFSETS_MAX) return false;
    for (int i = 0; i < gap; i++) log[(*end)++].is_there = false;
    record->offset = (*end)++;
    record->append_ms = broker_append_ms();
    record->is_there = true;
    log[record->offset] = *record;
    if (gap > 0 && sim_often(500)) log[(*end)++].is_there = false; /* a marker behind it */
    return true;
}

const char *broker_ce_id(const struct sim_record *record)
{
    return record->headers[1].value_bytes > 0 ? record->headers[1].value : NULL;
}

void broker_append_some(void)
{
    while (broker.appended < broker.to_append && (sim.is_healing || sim_often(300))) {
        upstream_publish();
        broker.appended++;
    }
}

struct kafka_record broker_told(const struct sim_record *record)
{
    return (struct kafka_record){
        .topic = record->topic,
        .partition = record->partition,
        .offset = record->offset,
        .append_ms = record->append_ms,
        .key = record->key,
        .key_bytes = strlen(record->key),
        .value = record->value,
        .value_bytes = strlen(record->value),
        .headers = record->headers,
        .header_count = record->header_count,
        .handle = (void *)(uintptr_t)record,
    };
}

/* The first record at `offset` or behind it; NULL: none. */
static struct sim_record *record_from(enum topic_kind topic, int partition, int64_t offset)
{
    struct cut *cut = &broker.cuts[topic][partition];
    for (; offset < shown_end(topic, partition); offset++) {
        struct sim_record *record = cut->is_cut && offset >= cut->at ? &cut->others[offset] : &broker.log[topic][partition][offset];
        if (record->is_there) return record;
    }
    return NULL;
}

void kafka_record_release(struct kafka_record *record)
{
    *record = (struct kafka_record){0};
}

/* ---- the group ---- */

static void rebalance(void)
{
    broker.is_rebalancing = true;
    for (int slot = 0; slot < SIM_WORKERS; slot++) {
        struct member *member = &broker.members[slot];
        member->may_assign = false;
        if (member->is_member && member->has_assignment) member->must_revoke = true;
    }
}

static void assign(void)
{
    int count = 0, number = 0;
    for (int slot = 0; slot < SIM_WORKERS; slot++) count += broker.members[slot].is_member;
    for (int slot = 0; slot < SIM_WORKERS; slot++) {
        struct member *member = &broker.members[slot];
        if (!member->is_member) continue;
        member->assigned_count = 0;
        for (int topic = 0; topic < TOPIC_INPUTS; topic++)
            for (int partition = number * SIM_SHARDS / count; partition < (number + 1) * SIM_SHARDS / count; partition++)
                member->assigned[member->assigned_count++] = (struct kafka_position){(enum topic_kind)topic, partition, 0};
        member->may_assign = true;
        number++;
    }
    broker.is_rebalancing = false;
}

/* A client that is out, and has nothing to give back, joins again by itself. */
void broker_heartbeat(int slot)
{
    struct member *member = &broker.members[slot];
    member->alive_ms = sim.now_ms;
    if (!member->is_open || member->is_member || member->has_assignment || is_away()) return;
    member->is_member = true;
    rebalance();
}

void broker_tick(void)
{
    bool is_held = false;
    if (is_away()) return;
    if (sim_fault(sim.odds.rebalance)) rebalance();
    if (sim_fault(sim.odds.cut)) cut_some();
    for (int slot = 0; slot < SIM_WORKERS; slot++) {
        struct member *member = &broker.members[slot];
        if (member->is_member && sim.now_ms - member->alive_ms > SIM_SESSION_MS) {
            sim_tell("group: worker %d is out", slot);
            member->is_member = false;
            member->may_assign = false;
            member->must_revoke = member->has_assignment; /* if it ever asks */
            rebalance();
        }
        is_held = is_held || (member->is_member && member->has_assignment);
    }
    if (broker.is_rebalancing && !is_held) assign();
}

/* ---- the consumer ---- */

struct kafka_consumer {
    int slot;
};

struct kafka_consumer *kafka_consumer_new(const struct config *config, const char *group_id, struct fault *fault)
{
    (void)config, (void)group_id, (void)fault;
    struct kafka_consumer *consumer = calloc(1, sizeof *consumer);
    if (consumer == NULL) abort();
    consumer->slot = crew_current();
    broker.members[consumer->slot] = (struct member){.is_open = true, .is_member = true, .alive_ms = sim.now_ms};
    rebalance();
    return consumer;
}

/* One that crashes leaves nothing: the group learns of it by its silence. */
void kafka_consumer_free(struct kafka_consumer *consumer, int timeout_ms)
{
    (void)timeout_ms;
    if (consumer == NULL) return;
    struct member *member = &broker.members[consumer->slot];
    member->is_open = false;
    if (!sim.is_crashing && member->is_member) {
        member->is_member = member->has_assignment = false;
        rebalance();
    }
    free(consumer);
}

static bool tell_partition(struct member *member, enum topic_kind topic, int number, struct kafka_happening *out)
{
    if (!member->parts[topic][number].is_read) return false;
    struct sim_record *record = record_from(topic, number, member->parts[topic][number].next);
    out->position = (struct kafka_position){topic, number, shown_end(topic, number)};
    if (member->parts[topic][number].next > shown_end(topic, number)) {
        member->parts[topic][number].is_read = false;
        out->kind = KAFKA_HALTED;
        fault_set(&out->fault, FAULT_REJECT, EX_UNAVAILABLE, "partition-unreadable", "offset out of range, simulated");
    } else if (record != NULL && sim_fault(sim.odds.poll_error)) {
        member->parts[topic][number].is_read = false;
        out->kind = KAFKA_UNAVAILABLE;
        fault_set(&out->fault, FAULT_RETRY, EX_UNAVAILABLE, "partition-unreadable", "simulated");
    } else if (record != NULL) {
        out->kind = KAFKA_RECORD;
        out->record = broker_told(record);
        member->parts[topic][number].next = record->offset + 1;
        member->parts[topic][number].is_end_told = false;
    } else if (!member->parts[topic][number].is_end_told) {
        member->parts[topic][number].is_end_told = true;
        out->kind = KAFKA_END;
    }
    return out->kind != KAFKA_NOTHING;
}

static void tell_records(struct member *member, struct kafka_happening *out)
{
    int count = TOPIC_INPUTS * SIM_SHARDS, first = sim_below(count);
    if (sim_often(200)) return; /* not fetched yet */
    for (int i = 0; i < count; i++) {
        int at = (first + i) % count;
        if (tell_partition(member, (enum topic_kind)(at / SIM_SHARDS), at % SIM_SHARDS, out)) return;
    }
}

enum kafka_happening_kind kafka_consumer_poll(struct kafka_consumer *consumer, int timeout_ms, struct kafka_happening *out)
{
    (void)timeout_ms;
    struct member *member = &broker.members[consumer->slot];
    *out = (struct kafka_happening){.kind = KAFKA_NOTHING};
    if (is_away()) {
        if (!sim_often(20)) return KAFKA_NOTHING;
        out->kind = KAFKA_OUTAGE;
        fault_set(&out->fault, FAULT_RETRY, EX_UNAVAILABLE, "broker-away", "simulated");
    } else if (member->must_revoke && !sim_often(100)) {
        out->kind = KAFKA_REVOKED;
    } else if (member->may_assign && !member->has_assignment) {
        out->kind = KAFKA_ASSIGNED;
        member->has_assignment = true;
        member->may_assign = false;
    } else {
        tell_records(member, out);
    }
    out->assigned = member->assigned;
    out->assigned_count = member->assigned_count;
    return out->kind;
}

int kafka_consumer_fd(const struct kafka_consumer *consumer)
{
    (void)consumer;
    return -1;
}

bool kafka_consumer_start(struct kafka_consumer *consumer, const struct kafka_position *at, size_t count, struct fault *fault)
{
    (void)fault;
    struct member *member = &broker.members[consumer->slot];
    memset(member->parts, 0, sizeof member->parts);
    for (size_t i = 0; i < count; i++) {
        member->parts[at[i].topic][at[i].partition].is_read = true;
        member->parts[at[i].topic][at[i].partition].next = at[i].offset;
    }
    return true;
}

/* One that was out joins again. */
bool kafka_consumer_stop(struct kafka_consumer *consumer, struct fault *fault)
{
    (void)fault;
    struct member *member = &broker.members[consumer->slot];
    memset(member->parts, 0, sizeof member->parts);
    member->has_assignment = member->must_revoke = false;
    if (member->is_member) return true;
    member->is_member = true;
    member->alive_ms = sim.now_ms;
    rebalance();
    return true;
}

int64_t kafka_consumer_end(struct kafka_consumer *consumer, enum topic_kind topic, int32_t partition)
{
    (void)consumer;
    return shown_end(topic, partition);
}

bool kafka_consumer_probe(struct kafka_consumer *consumer, int timeout_ms)
{
    (void)consumer, (void)timeout_ms;
    return !is_away();
}

void kafka_consumer_commit(struct kafka_consumer *consumer, const struct kafka_position *at, size_t count)
{
    (void)consumer;
    for (size_t i = 0; i < count && !sim.is_crashing; i++)
        if (at[i].offset > base_next(at[i].topic, at[i].partition))
            sim_wrong("Kafka is told offset %" PRId64 " of %s [%d], the database has %" PRId64, at[i].offset, topic_kind_name(at[i].topic),
                      at[i].partition, base_next(at[i].topic, at[i].partition));
}

/* ---- readers ---- */

struct kafka_reader {
    bool is_reading;
    struct kafka_position at;
};

struct kafka_reader *kafka_reader_new(const struct config *config, struct fault *fault)
{
    (void)config, (void)fault;
    return calloc(1, sizeof(struct kafka_reader));
}

void kafka_reader_free(struct kafka_reader *reader)
{
    free(reader);
}

bool kafka_reader_start(struct kafka_reader *reader, const struct kafka_position *at, struct fault *fault)
{
    if (is_away() && sim_often(500)) return fault_set(fault, FAULT_RETRY, EX_UNAVAILABLE, "broker-away", "simulated");
    reader->is_reading = true;
    reader->at = *at;
    return true;
}

void kafka_reader_stop(struct kafka_reader *reader)
{
    reader->is_reading = false;
}

enum kafka_happening_kind kafka_reader_poll(struct kafka_reader *reader, int timeout_ms, struct kafka_happening *out)
{
    (void)timeout_ms;
    *out = (struct kafka_happening){.kind = KAFKA_NOTHING};
    if (!reader->is_reading || sim_often(300)) return out->kind;
    if (is_away()) {
        if (!sim_often(100)) return out->kind;
        fault_set(&out->fault, FAULT_RETRY, EX_UNAVAILABLE, "broker-away", "simulated");
        return out->kind = KAFKA_OUTAGE;
    }
    struct sim_record *record = record_from(reader->at.topic, reader->at.partition, reader->at.offset);
    out->position = (struct kafka_position){reader->at.topic, reader->at.partition, shown_end(reader->at.topic, reader->at.partition)};
    if (record == NULL) return out->kind = KAFKA_END;
    out->record = broker_told(record);
    reader->at.offset = record->offset + 1;
    return out->kind = KAFKA_RECORD;
}

int kafka_reader_fd(const struct kafka_reader *reader)
{
    (void)reader;
    return -1;
}

bool kafka_reader_bounds_all(struct kafka_reader *reader, struct kafka_bounds *list, size_t count, int timeout_ms, struct fault *fault)
{
    if (is_away()) return fault_set(fault, FAULT_RETRY, EX_UNAVAILABLE, "broker-away", "simulated");
    for (size_t i = 0; i < count; i++)
        kafka_reader_bounds(reader, list[i].topic, list[i].partition, timeout_ms, &list[i].first_offset, &list[i].next_offset,
                            &list[i].fault);
    return true;
}

bool kafka_reader_bounds(struct kafka_reader *reader, enum topic_kind topic, int32_t partition, int timeout_ms, int64_t *first_offset,
                         int64_t *next_offset, struct fault *fault)
{
    (void)reader, (void)timeout_ms;
    if (is_away()) return fault_set(fault, FAULT_RETRY, EX_UNAVAILABLE, "broker-away", "simulated");
    if (sim_fault(sim.odds.bounds_error)) return fault_set(fault, FAULT_REJECT, EX_CONFIG, "kafka-refused", "not known yet, simulated");
    *first_offset = 0;
    *next_offset = shown_end(topic, partition);
    return true;
}

/* ---- the producer ---- */

struct handed {
    char id[64], code[48];
    void *value;
    size_t value_bytes;
    struct kafka_position origin;
    uint64_t tag;
    bool is_outcome, is_taken; /* by the broker; not reported yet */
};

struct kafka_producer {
    kafka_delivered_fn delivered;
    void *context;
    struct handed *list;
    size_t count, room;
    bool is_broken;
};

struct kafka_producer *kafka_producer_new(const struct config *config, kafka_delivered_fn delivered, void *context, struct fault *fault)
{
    (void)config, (void)fault;
    struct kafka_producer *producer = calloc(1, sizeof *producer);
    if (producer == NULL) abort();
    producer->delivered = delivered;
    producer->context = context;
    return producer;
}

static void take(struct handed *handed)
{
    if (handed->is_taken) return;
    handed->is_taken = true;
    base_delivered(handed->is_outcome ? handed->id : NULL, handed->value, handed->value_bytes, &handed->origin, handed->code);
}

/* What is not reported may have been taken or not, the first of it sooner than the rest. */
void kafka_producer_free(struct kafka_producer *producer)
{
    if (producer == NULL) return;
    for (size_t i = 0; i < producer->count && sim_often(500); i++) take(&producer->list[i]);
    free(producer->list);
    free(producer);
}

static void text_fill(char *out, size_t room, const void *bytes, size_t count)
{
    snprintf(out, room, "%.*s", (int)count, bytes == NULL ? "" : (const char *)bytes);
}

static void header_take(struct handed *handed, const struct kafka_header *header)
{
    char text[32];
    text_fill(text, sizeof text, header->value, header->value_bytes);
    if (strcmp(header->name, "ce_id") == 0) text_fill(handed->id, sizeof handed->id, header->value, header->value_bytes);
    if (strcmp(header->name, "nianshen_dl_code") == 0) text_fill(handed->code, sizeof handed->code, header->value, header->value_bytes);
    if (strcmp(header->name, "nianshen_dl_topic") == 0) topic_kind_of_name(strrchr(text, '.') + 1, &handed->origin.topic);
    if (strcmp(header->name, "nianshen_dl_partition") == 0) handed->origin.partition = (int32_t)strtol(text, NULL, 10);
    if (strcmp(header->name, "nianshen_dl_offset") == 0) handed->origin.offset = strtoll(text, NULL, 10);
}

bool kafka_producer_send(struct kafka_producer *producer, enum topic_kind topic, int32_t partition, const void *key, size_t key_bytes,
                         const void *value, size_t value_bytes, const struct kafka_header *headers, size_t header_count, uint64_t tag,
                         struct fault *fault)
{
    (void)partition, (void)key, (void)key_bytes;
    if (sim_fault(sim.odds.queue_full)) return fault_set(fault, FAULT_RETRY, EX_TEMPFAIL, "producer-queue-full", "simulated");
    if (producer->count == producer->room) {
        producer->room = producer->room * 2 + 16;
        producer->list = realloc(producer->list, producer->room * sizeof *producer->list);
        if (producer->list == NULL) abort();
    }
    struct handed *handed = &producer->list[producer->count++];
    *handed = (struct handed){.tag = tag, .is_outcome = topic == TOPIC_OUTCOME};
    handed->value = sim_take(value_bytes + 1);
    handed->value_bytes = value_bytes;
    if (value_bytes > 0) memcpy(handed->value, value, value_bytes);
    for (size_t i = 0; i < header_count; i++) header_take(handed, &headers[i]);
    return true;
}

static void report(struct kafka_producer *producer, struct handed *handed)
{
    struct fault fault = {0};
    if (!handed->is_taken && sim_fault(sim.odds.refused)) {
        fault_set(&fault, FAULT_REJECT, EX_UNAVAILABLE, "delivery-refused", "simulated");
        if (handed->is_outcome) base_refused(handed->id);
        producer->delivered(producer->context, handed->tag, KAFKA_REFUSED, 0, -1, &fault);
        return;
    }
    take(handed);
    producer->delivered(producer->context, handed->tag, KAFKA_DELIVERED, 0, 0, NULL);
}

size_t kafka_producer_poll(struct kafka_producer *producer, int timeout_ms)
{
    (void)timeout_ms;
    if (is_away() || producer->is_broken) return producer->count;
    producer->is_broken = producer->count > 0 && sim_fault(sim.odds.producer_broken);
    while (producer->count > 0 && !producer->is_broken) {
        struct handed first = producer->list[0];
        if (sim_fault(sim.odds.late_report)) {
            if (sim_often(500)) take(&producer->list[0]);
            break;
        }
        memmove(producer->list, producer->list + 1, --producer->count * sizeof *producer->list);
        report(producer, &first);
    }
    return producer->count;
}

int kafka_producer_fd(const struct kafka_producer *producer)
{
    (void)producer;
    return -1;
}

bool kafka_producer_is_broken(const struct kafka_producer *producer)
{
    return producer->is_broken;
}

/* ---- the topics' settings ---- */

struct kafka_admin {
    int unused;
};

struct kafka_admin *kafka_admin_new(const struct config *config, struct fault *fault)
{
    static struct kafka_admin admin;
    (void)config, (void)fault;
    return &admin;
}

void kafka_admin_free(struct kafka_admin *admin)
{
    (void)admin;
}

bool kafka_admin_check(struct kafka_admin *admin, int timeout_ms, struct kafka_topic_finding findings[KAFKA_FINDINGS_MAX],
                       size_t *found_count, int32_t *partitions, struct fault *fault)
{
    (void)admin, (void)timeout_ms, (void)findings;
    if (is_away()) return fault_set(fault, FAULT_RETRY, EX_UNAVAILABLE, "broker-away", "simulated");
    *found_count = 0;
    *partitions = SIM_SHARDS;
    return true;
}
