/*
 * The functions of sql/functions/40_delivery.sql and 50_apply.sql in memory, without the rules: offsets and epochs, the ledger, identities,
 * held units, the outbox. Each commit is checked: what it moves, what it holds, and who does it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/apply_query.h"
#include "tests/sim/connection.h"
#include "tests/sim/sim.h"
#include "worker/outbox.h"

enum { ROWS_MAX = TOPIC_INPUTS * SIM_PARTITIONS * SIM_OFFSETS_MAX };

enum fate { FATE_NONE, FATE_APPLIED, FATE_DUPLICATE, FATE_DEAD, FATE_HELD };

struct position {
    int64_t epoch, next, backend, last_offset, last_append_ms;
    int owner; /* the incarnation that has this epoch */
    char last_sha256[KAFKA_SHA256_BYTES];
    bool has_last;
    char halted[256]; /* why; "" when it is not */
    enum fate ledger[SIM_OFFSETS_MAX];
};

struct row { /* of the outbox */
    bool is_outcome, is_done;
    enum topic_kind topic;
    int partition;
    int64_t offset; /* of the record that it is about */
    char id[64];
    int published; /* how often Kafka took it */
    bool was_refused; /* by Kafka, at some time */
};

static struct {
    struct position positions[TOPIC_INPUTS][SIM_PARTITIONS];
    struct row rows[ROWS_MAX];
    int row_count;
    bool is_held[SIM_UNITS], is_released[SIM_UNITS];
    int bad_unit; /* whose records our own SQL can't digest; -1: none */
    bool is_mended;
} store;

void store_reset(void)
{
    memset(&store, 0, sizeof store);
    store.bad_unit = sim_often(sim.odds.bad_unit) ? sim_below(SIM_UNITS) : -1;
}

int64_t store_next(enum topic_kind topic, int partition)
{
    return store.positions[topic][partition].next;
}

static bool is_halted(const struct position *position)
{
    return position->halted[0] != '\0';
}

int64_t store_last(enum topic_kind topic, int partition)
{
    const struct position *position = &store.positions[topic][partition];
    return position->has_last ? position->last_offset : -1;
}

static int unit_number(const char *unit)
{
    return (int)strtol(unit + 1, NULL, 10);
}

/* The topic and partition that element of two neighbouring parameters. */
static struct position *position_of(const struct database_query *call, size_t parameter, size_t element, enum topic_kind *topic,
                                    int *partition)
{
    if (!topic_kind_of_name(call_text(call, parameter, element), topic)) sim_wrong("a call names an unknown topic");
    *partition = (int)call_int(call, parameter + 1, element);
    return &store.positions[*topic][*partition];
}

/* ---- apply: the move ---- */

bool store_is_fenced(const struct database_query *call)
{
    enum topic_kind topic;
    int partition;
    for (size_t i = 0; i < call_count(call, 1); i++) {
        const struct position *position = position_of(call, 1, i, &topic, &partition);
        if (position->epoch != call_int(call, 3, i) || position->next != call_int(call, 4, i) || is_halted(position)) return true;
    }
    return false;
}

/* I10: nobody but the owner of the epoch commits. I6: a position never goes back, and not beyond the topic. */
static void move_check(const struct database_query *call, size_t i, const struct backend *backend)
{
    enum topic_kind topic;
    int partition;
    const struct position *position = position_of(call, 1, i, &topic, &partition);
    int64_t next = call_int(call, 5, i);
    if (position->owner != backend->incarnation || position->epoch != call_int(call, 3, i))
        sim_wrong("I10: incarnation %d commits to %s [%d] with epoch %" PRId64 ", which belongs to %d (epoch %" PRId64 ")",
                  backend->incarnation, topic_kind_name(topic), partition, call_int(call, 3, i), position->owner, position->epoch);
    if (next < position->next || next > broker_end(topic, partition))
        sim_wrong("I6: %s [%d] moves from %" PRId64 " to %" PRId64 ", its end is %" PRId64, topic_kind_name(topic), partition,
                  position->next, next, broker_end(topic, partition));
}

static void move(const struct database_query *call, size_t i)
{
    enum topic_kind topic;
    int partition;
    struct position *position = position_of(call, 1, i, &topic, &partition);
    position->next = call_int(call, 5, i);
    if (call_text(call, 7, i) == NULL) return;
    position->has_last = true;
    position->last_offset = call_int(call, 7, i);
    position->last_append_ms = call_int(call, 8, i);
    memcpy(position->last_sha256, call_text(call, 9, i), sizeof position->last_sha256);
}

/* ---- apply: the records ---- */

/* What the call says of a record is what the topic holds there. */
static const struct sim_record *record_check(const struct database_query *call, size_t i, enum topic_kind topic, int partition,
                                             int64_t offset)
{
    const struct sim_record *record = broker_record(topic, partition, offset);
    if (record == NULL) sim_wrong("%s [%d] has no record at %" PRId64, topic_kind_name(topic), partition, offset);
    bool is_dead = strcmp(call_text(call, 14, i), "dead-letter") == 0;
    if (is_dead != sim_record_is_broken(record) || call_int(call, 13, i) != sim_record_append_ms(record) ||
        strcmp(call_text(call, 15, i), sim_record_unit(record)) != 0 ||
        (!is_dead && strcmp(call_text(call, 18, i), sim_record_id(record)) != 0))
        sim_wrong("the record at %" PRId64 " of %s [%d] is applied as another", offset, topic_kind_name(topic), partition);
    return record;
}

static bool is_known(enum topic_kind topic, int partition, int64_t before, const char *id)
{
    for (int64_t offset = 0; offset < before; offset++) {
        const struct sim_record *record = broker_record(topic, partition, offset);
        if (record != NULL && store.positions[topic][partition].ledger[offset] == FATE_APPLIED && strcmp(sim_record_id(record), id) == 0)
            return true;
    }
    return false;
}

static bool topic_has_held(enum topic_kind topic, int partition, const char *unit)
{
    for (int64_t offset = 0; offset < SIM_OFFSETS_MAX; offset++) {
        const struct sim_record *record = broker_record(topic, partition, offset);
        if (store.positions[topic][partition].ledger[offset] == FATE_HELD && record != NULL && strcmp(sim_record_unit(record), unit) == 0)
            return true;
    }
    return false;
}

static enum fate fate_of(enum topic_kind topic, int partition, int64_t offset, const struct sim_record *record)
{
    int unit = unit_number(sim_record_unit(record));
    bool was_held = store.positions[topic][partition].ledger[offset] == FATE_HELD;
    if (sim_record_is_broken(record)) return FATE_DEAD;
    if (store.is_held[unit] && !store.is_released[unit]) return FATE_HELD;
    if (store.is_held[unit] && !was_held && topic_has_held(topic, partition, sim_record_unit(record))) return FATE_HELD;
    return is_known(topic, partition, offset, sim_record_id(record)) ? FATE_DUPLICATE : FATE_APPLIED;
}

static void outbox_add(enum topic_kind topic, int partition, int64_t offset, const struct sim_record *record, enum fate fate)
{
    if (fate != FATE_APPLIED && fate != FATE_DEAD) return;
    struct row *row = &store.rows[store.row_count++];
    *row = (struct row){.is_outcome = fate == FATE_APPLIED, .topic = topic, .partition = partition, .offset = offset};
    if (row->is_outcome) snprintf(row->id, sizeof row->id, "%s %s", topic_kind_name(topic), sim_record_id(record));
}

/* I5: no offset is consumed twice; only what was held may come again. */
static void record_apply(const struct database_query *call, size_t i)
{
    enum topic_kind topic;
    int partition;
    struct position *position = position_of(call, 10, i, &topic, &partition);
    int64_t offset = call_int(call, 12, i);
    const struct sim_record *record = record_check(call, i, topic, partition, offset);
    if (position->ledger[offset] != FATE_NONE && position->ledger[offset] != FATE_HELD)
        sim_wrong("I5: the record at %" PRId64 " of %s [%d] is applied again", offset, topic_kind_name(topic), partition);
    enum fate fate = fate_of(topic, partition, offset, record);
    position->ledger[offset] = fate;
    outbox_add(topic, partition, offset, record, fate);
}

/* I5: all that lies before a position has its row. */
static void ledger_check(enum topic_kind topic, int partition)
{
    const struct position *position = &store.positions[topic][partition];
    for (int64_t offset = 0; offset < position->next; offset++)
        if ((position->ledger[offset] != FATE_NONE) != (broker_record(topic, partition, offset) != NULL))
            sim_wrong("I5: %s [%d] stands at %" PRId64 ", and offset %" PRId64 " has %s", topic_kind_name(topic), partition, position->next,
                      offset, position->ledger[offset] == FATE_NONE ? "no row" : "a row without a record");
}

static void released_finish(void)
{
    char unit[16];
    for (int number = 0; number < SIM_UNITS; number++) {
        bool is_left = false;
        if (!store.is_held[number] || !store.is_released[number]) continue;
        snprintf(unit, sizeof unit, "U%d", number);
        for (int topic = 0; topic < TOPIC_INPUTS; topic++)
            is_left = is_left || topic_has_held((enum topic_kind)topic, kafka_partition_of(unit, strlen(unit), SIM_PARTITIONS), unit);
        store.is_held[number] = store.is_released[number] = is_left;
    }
}

static bool is_indigestible(const struct database_query *call)
{
    for (size_t i = 0; i < call_count(call, 10); i++) {
        int unit = unit_number(call_text(call, 15, i));
        bool is_dead = strcmp(call_text(call, 14, i), "dead-letter") == 0;
        bool is_held = store.is_held[unit] && !store.is_released[unit];
        if (!is_dead && !store.is_mended && unit == store.bad_unit && !is_held) return true;
    }
    return false;
}

/* The rows that three parameters name, topics, partitions and ids, are marked. */
static void outbox_mark(const struct database_query *call, size_t topics)
{
    size_t partitions = topics + 1, ids = topics + 2;
    if (call_count(call, topics) != call_count(call, ids) || call_count(call, partitions) != call_count(call, ids))
        sim_wrong("I5: the parameters of what is marked are not of one length");
    for (size_t i = 0; i < call_count(call, ids); i++) {
        struct row *row = &store.rows[call_int(call, ids, i) - 1];
        if (strcmp(call_text(call, topics, i), topic_kind_name(row->topic)) != 0 || call_int(call, partitions, i) != row->partition)
            sim_wrong("I5: what is to be said of %s [%d] at %" PRId64 " is marked as of another partition", topic_kind_name(row->topic),
                      row->partition, row->offset);
        if (row->published == 0)
            sim_wrong("I5: what is to be said of %s [%d] at %" PRId64 " is marked, and Kafka has not taken it", topic_kind_name(row->topic),
                      row->partition, row->offset);
        row->is_done = true;
    }
}

/* ---- what waits in the outbox ---- */

static bool is_owned(const struct database_query *call, enum topic_kind topic, int partition)
{
    enum topic_kind owned_topic;
    int owned_partition;
    for (size_t i = 0; i < call_count(call, 1); i++) {
        const struct position *position = position_of(call, 1, i, &owned_topic, &owned_partition);
        if (owned_topic == topic && owned_partition == partition && position->epoch == call_int(call, 3, i)) return true;
    }
    return false;
}

/* Whether the caller leaves out the dead letters of the row's partition. `outcomes_only`: the parameter that says so, 0: there is none. */
static bool is_left_out(const struct database_query *call, const struct row *row, size_t outcomes_only)
{
    if (row->is_outcome) return false;
    if (is_halted(&store.positions[row->topic][row->partition])) return true;
    if (outcomes_only == 0) return false;
    for (size_t i = 0; i < call_count(call, outcomes_only); i++) {
        enum topic_kind topic;
        int partition;
        (void)position_of(call, 1, i, &topic, &partition);
        if (topic == row->topic && partition == row->partition) return call_int(call, outcomes_only, i) != 0;
    }
    return false;
}

static bool is_taken(const struct database_query *call, const struct row *row, size_t outcomes_only)
{
    return !row->is_done && is_owned(call, row->topic, row->partition) && !is_left_out(call, row, outcomes_only);
}

/* Ids are places, from one. `after`: the last of them that is not asked for. */
static void outbox_take(const struct database_query *call, int64_t limit, size_t outcomes_only, int64_t after,
                        struct database_result *result)
{
    int64_t waiting = 0;
    for (int i = (int)after; i < store.row_count; i++)
        if (is_taken(call, &store.rows[i], outcomes_only)) waiting++;
    for (int i = (int)after; i < store.row_count && (int64_t)result_rows(result) < limit; i++) {
        const struct row *row = &store.rows[i];
        if (!is_taken(call, row, outcomes_only)) continue;
        const struct sim_record *record = broker_record(row->topic, row->partition, row->offset);
        answer_int(result, OUTBOX_ID, i + 1);
        answer_text(result, OUTBOX_KIND, row->is_outcome ? "outcome" : "dead-letter");
        answer_text(result, OUTBOX_TOPIC, topic_kind_name(row->topic));
        answer_int(result, OUTBOX_PARTITION, row->partition);
        answer_int(result, OUTBOX_OFFSET, row->offset);
        if (!row->is_outcome) answer_int(result, OUTBOX_APPEND_MS, sim_record_append_ms(record));
        answer_text(result, OUTBOX_UNIT, sim_record_unit(record));
        answer_text(result, OUTBOX_TYPE, "nianshen.unit-review.accepted.v1");
        answer_text(result, OUTBOX_CE_ID, row->id);
        answer_int(result, OUTBOX_TIME, sim_record_append_ms(record));
        answer_text(result, OUTBOX_BODY, row->id);
        answer_text(result, OUTBOX_CODE, "not-json");
        answer_text(result, OUTBOX_HAS_MORE, waiting > limit ? "t" : "f");
        answer_row(result);
    }
}

static const char *apply(const struct database_query *call, struct database_result *result, const struct backend *backend)
{
    enum topic_kind topic;
    int partition;
    if (store_is_fenced(call)) return "NS001";
    if (call_count(call, 44) > 0) {
        int unit = unit_number(call_text(call, 44, 0));
        if (unit != store.bad_unit) sim_wrong("unit U%d is held, which is good", unit);
        store.is_held[unit] = true;
        store.is_released[unit] = false;
    }
    if (is_indigestible(call)) return "22023";
    int rows = store.row_count;
    for (size_t i = 0; i < call_count(call, 1); i++) move_check(call, i, backend);
    for (size_t i = 0; i < call_count(call, 10); i++) record_apply(call, i);
    for (size_t i = 0; i < call_count(call, 1); i++) move(call, i);
    for (size_t i = 0; i < call_count(call, 1); i++) {
        (void)position_of(call, 1, i, &topic, &partition);
        ledger_check(topic, partition);
    }
    released_finish();
    outbox_mark(call, 45);
    sim_tell("database: incarnation %d applies %zu records", backend->incarnation, call_count(call, 10));
    bool brings_rows = call_is(call, "nianshen.outbox_take(");
    size_t counts = brings_rows ? OUTBOX_COLUMN_COUNT : 0;
    for (size_t column = APPLY_APPLIED; column < APPLY_OUTBOX; column++) answer_int(result, counts + column, 0);
    answer_int(result, counts + APPLY_OUTBOX, store.row_count - rows);
    if (brings_rows && store.row_count > rows) outbox_take(call, call_int(call, 48, 0), 0, call_int(call, 49, 0), result);
    if (result_rows(result) == 0) answer_row(result);
    return "";
}

/* ---- ownership ---- */

static void claim(const struct database_query *call, struct database_result *result, const struct backend *backend)
{
    enum topic_kind topic;
    int partition;
    for (size_t i = 0; i < call_count(call, 1); i++, answer_row(result)) {
        struct position *position = position_of(call, 1, i, &topic, &partition);
        position->owner = backend->incarnation;
        position->backend = backend->id;
        answer_text(result, 0, topic_kind_name(topic));
        answer_int(result, 1, partition);
        answer_int(result, 2, ++position->epoch);
        answer_int(result, 3, position->next);
        sim_tell("database: incarnation %d claims %s [%d] at %" PRId64 ", epoch %" PRId64, backend->incarnation, topic_kind_name(topic),
                 partition, position->next, position->epoch);
        if (is_halted(position)) answer_text(result, 7, position->halted);
        if (!position->has_last) continue;
        answer_int(result, 4, position->last_offset);
        answer_int(result, 5, position->last_append_ms);
        answer_bytes(result, 6, position->last_sha256, sizeof position->last_sha256);
    }
}

static void positions(const struct database_query *call, struct database_result *result)
{
    enum topic_kind topic;
    int partition;
    for (size_t i = 0; i < call_count(call, 1); i++, answer_row(result)) {
        const struct position *position = position_of(call, 1, i, &topic, &partition);
        answer_text(result, 0, topic_kind_name(topic));
        answer_int(result, 1, partition);
        answer_int(result, 2, position->epoch);
        if (is_halted(position)) answer_text(result, 3, position->halted);
    }
}

/* ---- halts ---- */

/* The last record comes with it, null when it is the store's. */
static void halt(const struct database_query *call)
{
    enum topic_kind topic;
    int partition;
    struct position *position = position_of(call, 1, 0, &topic, &partition);
    if (!broker_was_cut(topic, partition))
        sim_wrong("I12: %s [%d] is halted, and nothing is wrong with it: %s", topic_kind_name(topic), partition, call_text(call, 4, 0));
    if (position->epoch != call_int(call, 3, 0)) return;
    snprintf(position->halted, sizeof position->halted, "%s", call_text(call, 4, 0));
    sim_tell("database: %s [%d] is halted: %s", topic_kind_name(topic), partition, position->halted);
    if (call_text(call, 5, 0) == NULL) return;
    position->has_last = true;
    position->last_offset = call_int(call, 5, 0);
    position->last_append_ms = call_int(call, 6, 0);
    memcpy(position->last_sha256, call_text(call, 7, 0), sizeof position->last_sha256);
}

/* One that is not restored yet is halted again. */
void store_resume(bool is_all)
{
    for (int topic = 0; topic < TOPIC_INPUTS; topic++) {
        for (int partition = 0; partition < SIM_PARTITIONS; partition++) {
            struct position *position = &store.positions[topic][partition];
            bool is_due = is_all || sim_often(broker_is_cut((enum topic_kind)topic, partition) ? 2 : 20);
            if (!is_halted(position) || !is_due) continue;
            position->halted[0] = '\0';
            position->epoch++;
            position->owner = 0; /* nobody has this epoch yet */
            sim_tell("%s [%d] is resumed at %" PRId64, topic_kind_name((enum topic_kind)topic), partition, position->next);
        }
    }
}

/* ---- backends ---- */

static void end_stale_backends(const struct database_query *call, struct database_result *result, const struct backend *backend)
{
    enum topic_kind topic;
    int partition, ended = 0;
    for (size_t i = 0; i < call_count(call, 1); i++) {
        int64_t id = position_of(call, 1, i, &topic, &partition)->backend;
        if (id != 0 && id != backend->id) ended += connection_end_backend(id);
    }
    answer_int(result, 0, ended);
    answer_row(result);
}

/* ---- held records ---- */

static bool is_to_be_applied(enum topic_kind topic, int partition, int64_t offset)
{
    const struct sim_record *record = broker_record(topic, partition, offset);
    const struct position *position = &store.positions[topic][partition];
    if (record == NULL || is_halted(position) || position->ledger[offset] != FATE_HELD) return false;
    return store.is_released[unit_number(sim_record_unit(record))];
}

static void held_take(const struct database_query *call, struct database_result *result)
{
    for (int topic = 0; topic < TOPIC_INPUTS; topic++) {
        for (int partition = 0; partition < SIM_PARTITIONS; partition++) {
            if (!is_owned(call, (enum topic_kind)topic, partition)) continue;
            for (int64_t offset = 0; offset < SIM_OFFSETS_MAX; offset++) {
                if (!is_to_be_applied((enum topic_kind)topic, partition, offset)) continue;
                answer_text(result, 0, topic_kind_name((enum topic_kind)topic));
                answer_int(result, 1, partition);
                answer_int(result, 2, offset);
                answer_int(result, 3, sim_record_append_ms(broker_record((enum topic_kind)topic, partition, offset)));
                answer_row(result);
                return; /* one at a time */
            }
        }
    }
}

void store_mend(void)
{
    store.is_mended = true;
}

void store_release(void)
{
    for (int unit = 0; unit < SIM_UNITS; unit++) store.is_released[unit] = store.is_held[unit];
    released_finish();
}

/* ---- publishing ---- */

/* The row of an outcome by its id, or of the dead letter of what stands at `origin`. */
static struct row *row_of(const char *id, const struct kafka_position *origin)
{
    for (int i = 0; i < store.row_count; i++) {
        struct row *row = &store.rows[i];
        if (id != NULL
                ? row->is_outcome && strcmp(row->id, id) == 0
                : !row->is_outcome && row->topic == origin->topic && row->partition == origin->partition && row->offset == origin->offset)
            return row;
    }
    sim_wrong("I8: something is published that is not in the outbox");
}

void store_refused(const char *id)
{
    row_of(id, NULL)->was_refused = true;
}

/* Who follows a unit hears its outcomes in the order in which they came to be, unless Kafka refused one. */
static void order_check(const struct row *row)
{
    for (const struct row *before = store.rows; before < row; before++) {
        bool is_of_it = before->is_outcome && before->topic == row->topic && before->partition == row->partition;
        if (is_of_it && before->published == 0 && !before->was_refused)
            sim_wrong("the outcome %s is published before %s, which was written earlier", row->id, before->id);
    }
}

/* A delivery: one of the rows, with the bytes that belong to it. */
void store_published(const char *id, const char *value, const struct kafka_position *origin, const char *code)
{
    struct row *row = row_of(id, origin);
    const char *bytes = id != NULL ? id : sim_record_value(broker_record(row->topic, row->partition, row->offset));
    bool is_gone = id == NULL && value[0] == '\0' && broker_was_replaced(row->topic, row->partition, row->offset);
    if ((strcmp(bytes, value) != 0 && !is_gone) || (id == NULL && strcmp(code, "not-json") != 0))
        sim_wrong("I8: what is published of %s [%d] at %" PRId64 " is '%s', not '%s'", topic_kind_name(row->topic), row->partition,
                  row->offset, value, bytes);
    if (row->is_outcome && row->published == 0) order_check(row);
    row->published++;
}

/* ---- calls ---- */

const char *store_run(const struct database_query *call, struct database_result *result, const struct backend *backend)
{
    if (call_is(call, "nianshen.apply(")) return apply(call, result, backend);
    if (call_is(call, "nianshen.claim("))
        claim(call, result, backend);
    else if (call_is(call, "nianshen.positions("))
        positions(call, result);
    else if (call_is(call, "nianshen.end_stale_backends("))
        end_stale_backends(call, result, backend);
    else if (call_is(call, "nianshen.held_take("))
        held_take(call, result);
    else if (call_is(call, "nianshen.outbox_take("))
        outbox_take(call, call_int(call, 4, 0), 5, 0, result);
    else if (call_is(call, "nianshen.outbox_done("))
        outbox_mark(call, 1);
    else if (call_is(call, "nianshen.halt("))
        halt(call);
    else
        sim_wrong("a query that the store does not know: %.60s", call_text(call, 1, 0));
    return "";
}

/* ---- the end ---- */

bool store_is_done(void)
{
    for (int topic = 0; topic < TOPIC_INPUTS; topic++)
        for (int partition = 0; partition < SIM_PARTITIONS; partition++)
            if (is_halted(&store.positions[topic][partition]) ||
                store.positions[topic][partition].next != broker_end((enum topic_kind)topic, partition))
                return false;
    for (int unit = 0; unit < SIM_UNITS; unit++)
        if (store.is_held[unit]) return false;
    for (int i = 0; i < store.row_count; i++)
        if (!store.rows[i].is_done) return false;
    return true;
}

/* I8: as a rebuild would have it, which reads each topic once from its beginning. */
static enum fate fate_by_the_topic(enum topic_kind topic, int partition, int64_t offset)
{
    const struct sim_record *record = broker_record(topic, partition, offset);
    if (record == NULL) return FATE_NONE;
    if (sim_record_is_broken(record)) return FATE_DEAD;
    for (int64_t before = 0; before < offset; before++) {
        const struct sim_record *other = broker_record(topic, partition, before);
        if (other != NULL && !sim_record_is_broken(other) && strcmp(sim_record_id(other), sim_record_id(record)) == 0)
            return FATE_DUPLICATE;
    }
    return FATE_APPLIED;
}

void store_check_end(void)
{
    int rows = 0;
    for (int topic = 0; topic < TOPIC_INPUTS; topic++) {
        for (int partition = 0; partition < SIM_PARTITIONS; partition++) {
            ledger_check((enum topic_kind)topic, partition);
            for (int64_t offset = 0; offset < SIM_OFFSETS_MAX; offset++) {
                enum fate expected = fate_by_the_topic((enum topic_kind)topic, partition, offset);
                if (store.positions[topic][partition].ledger[offset] != expected)
                    sim_wrong("I8: the record at %" PRId64 " of %s [%d] came to another end than in a rebuild", offset,
                              topic_kind_name((enum topic_kind)topic), partition);
                rows += expected == FATE_APPLIED || expected == FATE_DEAD;
            }
        }
    }
    if (rows != store.row_count) sim_wrong("I8: %d rows in the outbox, %d in a rebuild", store.row_count, rows);
}
