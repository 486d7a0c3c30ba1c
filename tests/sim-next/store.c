/*
 * worker-next/store.h in memory: sessions that are answered later, shards with epochs and advisory locks, the ledger, the outbox, held
 * units. The reviews are kept.c's. Each commit is checked: what it moves, what it holds, and who does it.
 */
#include "worker-next/store.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "tests/sim-next/kept.h"
#include "tests/sim-next/oracle.h"
#include "tests/sim-next/second.h"
#include "tests/sim-next/sim.h"
#include "tests/sim-next/world.h"

enum {
    SESSIONS_MAX = 48,
    LOCK_TIMEOUT_MS = 1000,
    OPEN_MS_MAX = 3000,
    LEFT_MS_MAX = 8000,
    ROWS_MAX = 600,
    HELD_TAKEN = 3,
    OUTBOX_TAKEN = 3,
    REFUSED_ALONE_MAX = 12
};

/* ---- what the database holds ---- */

struct partition {
    int64_t next;
    bool has_last;
    struct record_mark last;
    const char *halted; /* why; NULL when it is not */
};

struct shard {
    int64_t epoch, backend;
    int owner; /* the incarnation that has this epoch */
    struct partition partitions[TOPIC_INPUTS];
    int64_t batches; /* of the outbox, so far */
};

struct letter { /* a dead letter that is to be published */
    struct kafka_position at;
    const char *code, *text;
    int published;
};

struct row { /* of the outbox */
    int32_t shard;
    int64_t batch;
    const struct outcome *outcomes;
    int *published; /* of each outcome: how often Kafka took it */
    bool *was_refused; /* by Kafka, at some time */
    size_t outcome_count;
    struct letter *letters;
    size_t letter_count;
    bool is_done;
};

static struct {
    struct shard shards[SIM_SHARDS];
    struct verdicts verdicts;
    bool is_held[WORLD_UNITS], is_released[WORLD_UNITS];
    int bad_unit; /* whose records our own SQL can't digest; -1: none */
    bool is_mended;
    int refused_alone; /* how often a record by itself could not be digested since its unit was held */
    struct row rows[ROWS_MAX];
    int row_count;
} base;

/* ---- sessions ---- */

enum request {
    REQUEST_NONE,
    REQUEST_CLAIM,
    REQUEST_LOAD,
    REQUEST_WRITE,
    REQUEST_ABANDON,
    REQUEST_MARK,
    REQUEST_OUTBOX,
    REQUEST_LOOK,
    REQUEST_HALT,
    REQUEST_HELD,
    REQUEST_SETTLE
};
enum phase { PHASE_CONNECTING, PHASE_IDLE, PHASE_WAITING, PHASE_DONE };
enum accident { ACCIDENT_NONE, ACCIDENT_RETRYABLE, ACCIDENT_FATAL, ACCIDENT_LOST_BEFORE, ACCIDENT_LOST_AFTER };

struct staged_record {
    enum topic_kind topic;
    int32_t shard;
    int64_t offset;
    const char *unit, *code, *text;
    enum fate fate;
    bool is_applied_before, is_readable, is_same;
};

struct staged { /* a transaction's writes, as they were sent */
    struct batch_move *moves;
    size_t move_count;
    struct staged_record *records;
    size_t record_count;
    struct kept_stage *reviews;
    struct outcome *outcomes;
    size_t outcome_count;
    int held_unit; /* -1: none */
    struct store_published *published;
    size_t published_count;
    int64_t batches[SIM_SHARDS]; /* out */
};

struct session { /* the server's side */
    bool is_used, is_left; /* left: the client is gone, the server does not know it */
    int slot, incarnation;
    int64_t backend;
    enum phase phase;
    bool is_lost, is_in_transaction;
    bool locks[SIM_SHARDS], wanted[SIM_SHARDS];
    enum request request;
    enum accident accident;
    int64_t due_ms, since_ms, stuck_until_ms;
    const char *failure; /* "" when it went well, else an SQLSTATE, "lost" or "fenced" */
    struct batch_move *moves; /* of the load */
    size_t move_count;
    struct staged *staged;
    struct store_shard claimed[SIM_SHARDS];
    size_t claimed_count;
    struct store_look looks[SIM_SHARDS];
    size_t look_count;
    int32_t shard;
    enum topic_kind topic;
    const char *why;
    int64_t epoch, settled;
};

struct store { /* the client's side */
    struct session *session; /* NULL: closed */
    enum store_state state;
    struct fault fault;
    struct store_shard *shards;
    struct micro_batch *batch;
    struct store_look *looks;
    struct arena *arena;
    const struct store_published *behind;
    size_t behind_count;
    int64_t batches[SIM_SHARDS], settled;
    struct store_outbox_row *rows;
    size_t row_count;
    bool has_more;
    struct kafka_record *held;
    size_t held_count;
};

static struct session sessions[SESSIONS_MAX];
static int64_t backends;

void base_reset(void)
{
    memset(base.shards, 0, sizeof base.shards);
    memset(&base.verdicts, 0, sizeof base.verdicts);
    memset(base.is_held, 0, sizeof base.is_held);
    memset(base.is_released, 0, sizeof base.is_released);
    base.is_mended = false;
    base.refused_alone = 0;
    base.row_count = 0;
    for (int i = 0; i < SESSIONS_MAX; i++) sessions[i].is_used = false;
    backends = 0;
    base.bad_unit = sim_often(sim.odds.bad_unit) ? world_data.unit_order[0] : -1;
    kept_reset();
}

void base_end(void)
{
    for (int i = 0; i < SESSIONS_MAX; i++) sessions[i].is_used = false;
}

static bool is_away(void)
{
    return sim.now_ms < sim.database_back_ms;
}

static struct partition *partition_of(enum topic_kind topic, int32_t shard)
{
    return &base.shards[shard].partitions[topic];
}

int64_t base_next(enum topic_kind topic, int partition)
{
    return partition_of(topic, partition)->next;
}

int64_t base_last(enum topic_kind topic, int partition)
{
    return partition_of(topic, partition)->has_last ? partition_of(topic, partition)->last.offset : -1;
}

/* ---- the commit of a micro-batch ---- */

/* I10: nobody but the owner of the epoch commits. I6: a position never goes back, and not beyond the topic. */
static void move_check(const struct batch_move *move, const struct session *session)
{
    const struct shard *shard = &base.shards[move->shard];
    const struct partition *partition = partition_of(move->topic, move->shard);
    if (shard->owner != session->incarnation || shard->epoch != move->epoch)
        sim_wrong("I10: incarnation %d commits to %s [%d] with epoch %" PRId64 ", which belongs to %d (epoch %" PRId64 ")",
                  session->incarnation, topic_kind_name(move->topic), move->shard, move->epoch, shard->owner, shard->epoch);
    if (move->expected_offset != partition->next || move->next_offset < partition->next ||
        move->next_offset > broker_end(move->topic, move->shard))
        sim_wrong("I6: %s [%d] moves from %" PRId64 " (expected %" PRId64 ") to %" PRId64 ", its end is %" PRId64,
                  topic_kind_name(move->topic), move->shard, partition->next, move->expected_offset, move->next_offset,
                  broker_end(move->topic, move->shard));
}

/* The mark of the last record is that record's. */
static void mark_check(const struct batch_move *move, const struct staged *staged)
{
    const struct sim_record *last = NULL;
    int32_t records = 0;
    uint8_t sha256[KAFKA_SHA256_BYTES];
    for (size_t i = 0; i < staged->record_count; i++) {
        const struct staged_record *record = &staged->records[i];
        if (record->is_applied_before || record->topic != move->topic || record->shard != move->shard) continue;
        records++;
        if (record->offset < move->expected_offset || record->offset >= move->next_offset)
            sim_wrong("a record is outside of what its partition moves over");
        if (last != NULL && last->offset >= record->offset)
            sim_wrong("the records of %s are not in their order", topic_kind_name(move->topic));
        last = broker_record(move->topic, move->shard, record->offset);
    }
    if (records != move->records) sim_wrong("a move counts %d records, the micro-batch has %d", move->records, records);
    if (last == NULL) return; /* only markers: the mark may stay, or be given again */
    struct kafka_record told = broker_told(last);
    kafka_record_sha256(&told, sha256);
    if (!move->has_last || move->last.offset != last->offset || move->last.append_ms != last->append_ms ||
        memcmp(move->last.sha256, sha256, sizeof sha256) != 0)
        sim_wrong("the mark of %s [%d] is not that of its last record", topic_kind_name(move->topic), move->shard);
}

static void move(const struct batch_move *move)
{
    struct partition *partition = partition_of(move->topic, move->shard);
    partition->next = move->next_offset;
    if (!move->has_last) return;
    partition->has_last = true;
    partition->last = move->last;
}

static bool is_held_before(enum topic_kind topic, int32_t shard, const char *unit, int64_t before)
{
    for (int64_t offset = 0; offset < before; offset++) {
        const struct sim_record *record = broker_record(topic, shard, offset);
        if (record != NULL && base.verdicts.fates[topic][shard][offset].is_there && strcmp(record->key, unit) == 0 &&
            base.verdicts.fates[topic][shard][offset].fate == FATE_HELD)
            return true;
    }
    return false;
}

/* I5: no offset is consumed twice; only what was held may come again, and none of a unit passes an earlier one that is held. */
static void record_apply(const struct staged_record *record)
{
    bool is_there = base.verdicts.fates[record->topic][record->shard][record->offset].is_there;
    bool is_held = is_there && base.verdicts.fates[record->topic][record->shard][record->offset].fate == FATE_HELD;
    if (!record->is_same)
        sim_wrong("the record at %" PRId64 " of %s [%d] is applied as another", record->offset, topic_kind_name(record->topic),
                  record->shard);
    if (is_there != record->is_applied_before || (is_there && !is_held))
        sim_wrong("I5: the record at %" PRId64 " of %s [%d] is applied again", record->offset, topic_kind_name(record->topic),
                  record->shard);
    if (record->is_readable && record->fate != FATE_HELD && is_held_before(record->topic, record->shard, record->unit, record->offset))
        sim_wrong("the record at %" PRId64 " of %s [%d] passes an earlier one of %s that is held", record->offset,
                  topic_kind_name(record->topic), record->shard, record->unit);
    sim_tell("database:   %s [%d] %" PRId64 " %s fate %d%s", topic_kind_name(record->topic), record->shard, record->offset, record->unit,
             record->fate, record->is_applied_before ? " at last" : "");
    base.verdicts.fates[record->topic][record->shard][record->offset].is_there = true;
    base.verdicts.fates[record->topic][record->shard][record->offset].fate = record->fate;
    base.verdicts.fates[record->topic][record->shard][record->offset].code = record->fate == FATE_DEAD_LETTER ? record->code : NULL;
}

/* I5: all that lies before a position has its account. */
static void ledger_check(enum topic_kind topic, int32_t shard)
{
    int64_t next = partition_of(topic, shard)->next;
    for (int64_t offset = 0; offset < next; offset++)
        if (base.verdicts.fates[topic][shard][offset].is_there != (broker_record(topic, shard, offset) != NULL))
            sim_wrong("I5: %s [%d] stands at %" PRId64 ", and offset %" PRId64 " has %s", topic_kind_name(topic), shard, next, offset,
                      base.verdicts.fates[topic][shard][offset].is_there ? "an account without a record" : "no account");
}

static bool has_held(int unit)
{
    const char *code = world_data.units[unit].code;
    int32_t shard = kafka_partition_of(code, strlen(code), SIM_SHARDS);
    for (int topic = 0; topic < TOPIC_INPUTS; topic++)
        if (is_held_before((enum topic_kind)topic, shard, code, broker_end((enum topic_kind)topic, shard))) return true;
    return false;
}

/* The last held record of a released unit is applied: it is as any other again. */
static void released_finish(const struct staged *staged)
{
    for (size_t i = 0; i < staged->record_count; i++) {
        int unit = staged->records[i].is_applied_before ? world_unit_index(staged->records[i].unit) : -1;
        if (unit >= 0 && base.is_held[unit] && base.is_released[unit] && !has_held(unit))
            base.is_held[unit] = base.is_released[unit] = false;
    }
}

static bool is_indigestible(const struct staged *staged)
{
    for (size_t i = 0; i < staged->record_count && !base.is_mended && base.bad_unit >= 0; i++) {
        const struct staged_record *record = &staged->records[i];
        if (record->is_readable && record->fate != FATE_HELD && strcmp(record->unit, world_data.units[base.bad_unit].code) == 0)
            return true;
    }
    return false;
}

static void hold(const struct staged *staged)
{
    if (staged->held_unit < 0) return;
    if (staged->held_unit != base.bad_unit) sim_wrong("unit U%d is held, which is good", staged->held_unit);
    if (!base.is_held[staged->held_unit]) sim_tell("database: U%d is held", staged->held_unit);
    base.is_held[staged->held_unit] = true;
    base.refused_alone = 0;
    base.is_released[staged->held_unit] = false;
}

/* ---- the outbox ---- */

static void outbox_add(struct staged *staged, int32_t shard)
{
    size_t outcomes = 0, letters = 0;
    for (size_t i = 0; i < staged->outcome_count; i++) outcomes += staged->outcomes[i].partition == shard;
    for (size_t i = 0; i < staged->record_count; i++)
        letters += staged->records[i].shard == shard && staged->records[i].fate == FATE_DEAD_LETTER;
    staged->batches[shard] = -1;
    if (outcomes + letters == 0) return;
    if (base.row_count == ROWS_MAX) sim_wrong("too many rows in the outbox");
    struct row *row = &base.rows[base.row_count++];
    struct outcome *list = sim_take(sizeof *list * (outcomes + 1));
    *row = (struct row){.shard = shard, .batch = ++base.shards[shard].batches, .outcomes = list};
    row->published = sim_take(sizeof *row->published * (outcomes + 1));
    row->was_refused = sim_take(sizeof *row->was_refused * (outcomes + 1));
    row->letters = sim_take(sizeof *row->letters * (letters + 1));
    for (size_t i = 0; i < staged->outcome_count; i++) {
        if (staged->outcomes[i].partition != shard) continue;
        list[row->outcome_count++] = staged->outcomes[i];
        verdicts_say(&base.verdicts, &staged->outcomes[i]);
    }
    for (size_t i = 0; i < staged->record_count; i++) {
        const struct staged_record *record = &staged->records[i];
        if (record->shard != shard || record->fate != FATE_DEAD_LETTER) continue;
        row->letters[row->letter_count++] =
            (struct letter){.at = {record->topic, record->shard, record->offset}, .code = record->code, .text = record->text};
    }
    staged->batches[shard] = row->batch;
}

static struct row *row_of(int32_t shard, int64_t batch)
{
    for (int i = 0; i < base.row_count; i++)
        if (base.rows[i].shard == shard && base.rows[i].batch == batch) return &base.rows[i];
    sim_wrong("batch %" PRId64 " of shard %d is marked, and there is none in the outbox", batch, shard);
}

static void outbox_mark(const struct store_published *published, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct row *row = row_of(published[i].shard, published[i].batch);
        for (size_t k = 0; k < row->outcome_count; k++)
            if (row->published[k] == 0)
                sim_wrong("I5: batch %" PRId64 " of shard %d is marked, and Kafka has not taken the outcome %s", row->batch, row->shard,
                          row->outcomes[k].id);
        for (size_t k = 0; k < row->letter_count; k++)
            if (row->letters[k].published == 0)
                sim_wrong("I5: batch %" PRId64 " of shard %d is marked, and Kafka has not taken its dead letter", row->batch, row->shard);
        row->is_done = true;
    }
}

static struct row *outcome_find(const char *id, size_t *place)
{
    for (int i = 0; i < base.row_count; i++)
        for (*place = 0; *place < base.rows[i].outcome_count; ++*place)
            if (strcmp(base.rows[i].outcomes[*place].id, id) == 0) return &base.rows[i];
    sim_wrong("I8: the outcome %s is published, and it is not in the outbox", id);
}

void base_refused(const char *id)
{
    size_t place;
    outcome_find(id, &place)->was_refused[place] = true;
}

/* Who follows a unit hears its outcomes in the order in which they came to be, unless Kafka refused one. */
static void order_check(const struct row *row, size_t place)
{
    for (const struct row *before = base.rows; before <= row; before++) {
        if (before->shard != row->shard) continue;
        for (size_t k = 0; k < (before == row ? place : before->outcome_count); k++)
            if (before->published[k] == 0 && !before->was_refused[k])
                sim_wrong("the outcome %s is published before %s, which was written earlier", row->outcomes[place].id,
                          before->outcomes[k].id);
    }
}

static struct letter *letter_find(const struct kafka_position *origin)
{
    for (int i = 0; i < base.row_count; i++)
        for (size_t k = 0; k < base.rows[i].letter_count; k++) {
            struct letter *letter = &base.rows[i].letters[k];
            if (letter->at.topic == origin->topic && letter->at.partition == origin->partition && letter->at.offset == origin->offset)
                return letter;
        }
    sim_wrong("I8: a dead letter is published that is not in the outbox");
}

/* A delivery: what is in the outbox, with the bytes that belong to it. */
void base_delivered(const char *id, const void *value, size_t value_bytes, const struct kafka_position *origin, const char *code)
{
    size_t place;
    if (id != NULL) {
        struct row *row = outcome_find(id, &place);
        const struct outcome *outcome = &row->outcomes[place];
        if (outcome->body_bytes != value_bytes || memcmp(outcome->body, value, value_bytes) != 0)
            sim_wrong("I8: the outcome %s is published as '%.*s', not as '%.*s'", id, (int)value_bytes, (const char *)value,
                      (int)outcome->body_bytes, outcome->body);
        if (row->published[place] == 0) order_check(row, place);
        row->published[place]++;
        return;
    }
    struct letter *letter = letter_find(origin);
    const char *bytes = broker_record(origin->topic, origin->partition, origin->offset)->value;
    if (strlen(bytes) != value_bytes || memcmp(bytes, value, value_bytes) != 0 || strcmp(code, letter->code) != 0)
        sim_wrong("I8: the dead letter of %s [%d] at %" PRId64 " is '%.*s' (%s), not '%s' (%s)", topic_kind_name(origin->topic),
                  origin->partition, origin->offset, (int)value_bytes, (const char *)value, code, bytes, letter->code);
    letter->published++;
}

/* ---- what a transaction does ---- */

/* What is refused by itself is held soon: nothing waits for our bug to be mended. */
static const char *refuse(const struct staged *staged)
{
    if (staged->record_count == 1 && ++base.refused_alone > REFUSED_ALONE_MAX)
        sim_wrong("U%d can't be digested, and nobody holds it", base.bad_unit);
    return "22023";
}

static const char *commit(struct session *session)
{
    struct staged *staged = session->staged;
    if (is_indigestible(staged)) return refuse(staged);
    for (size_t i = 0; i < staged->move_count; i++) move_check(&staged->moves[i], session);
    for (size_t i = 0; i < staged->move_count; i++) mark_check(&staged->moves[i], staged);
    hold(staged);
    for (size_t i = 0; i < staged->record_count; i++) record_apply(&staged->records[i]);
    for (size_t i = 0; i < staged->move_count; i++) move(&staged->moves[i]);
    for (size_t i = 0; i < staged->move_count; i++) ledger_check(staged->moves[i].topic, staged->moves[i].shard);
    kept_merge(staged->reviews);
    for (int32_t shard = 0; shard < SIM_SHARDS; shard++) outbox_add(staged, shard);
    outbox_mark(staged->published, staged->published_count);
    released_finish(staged);
    sim_tell("database: incarnation %d applies %zu records", session->incarnation, staged->record_count);
    return "";
}

static const char *fence(const struct session *session)
{
    for (size_t i = 0; i < session->move_count; i++) {
        const struct batch_move *move = &session->moves[i];
        const struct partition *partition = partition_of(move->topic, move->shard);
        if (base.shards[move->shard].epoch != move->epoch || partition->next != move->expected_offset || partition->halted != NULL)
            return "fenced";
    }
    return "";
}

/* ---- the server's side of a session ---- */

static void transaction_end(struct session *session)
{
    session->is_in_transaction = false;
    memset(session->locks, 0, sizeof session->locks);
}

static void lose(struct session *session)
{
    transaction_end(session);
    session->is_lost = true;
    session->failure = "lost";
    session->phase = PHASE_DONE;
}

static void finish(struct session *session, const char *failure)
{
    session->failure = failure;
    session->phase = PHASE_DONE;
    if (failure[0] != '\0') transaction_end(session);
    if (session->accident == ACCIDENT_LOST_AFTER) lose(session);
}

static bool is_blocked(const struct session *session)
{
    for (int i = 0; i < SESSIONS_MAX; i++) {
        const struct session *other = &sessions[i];
        for (int shard = 0; other->is_used && other != session && shard < SIM_SHARDS; shard++)
            if (session->wanted[shard] && other->locks[shard]) return true;
    }
    return false;
}

/* The sessions of earlier owners that hold a lock still. */
static void claim_end_others(const struct session *session)
{
    for (size_t i = 0; i < session->claimed_count; i++) {
        int32_t shard = session->claimed[i].shard;
        for (int k = 0; k < SESSIONS_MAX; k++) {
            struct session *other = &sessions[k];
            if (!other->is_used || other->is_lost || other == session || !other->locks[shard] ||
                other->backend != base.shards[shard].backend)
                continue;
            sim_tell("database: backend %" PRId64 " is ended", other->backend);
            lose(other);
        }
    }
}

static bool has_outbox(int32_t shard)
{
    for (int i = 0; i < base.row_count; i++)
        if (base.rows[i].shard == shard && !base.rows[i].is_done) return true;
    return false;
}

static void claim(struct session *session)
{
    for (size_t i = 0; i < session->claimed_count; i++) {
        struct store_shard *out = &session->claimed[i];
        struct shard *shard = &base.shards[out->shard];
        shard->owner = session->incarnation;
        shard->backend = session->backend;
        out->epoch = ++shard->epoch;
        out->has_outbox = has_outbox(out->shard);
        out->has_removals = kept_has_removals(out->shard);
        for (int topic = 0; topic < TOPIC_INPUTS; topic++) {
            const struct partition *partition = &shard->partitions[topic];
            out->partitions[topic] =
                (struct store_partition){.next_offset = partition->next, .has_last = partition->has_last, .last = partition->last};
            if (partition->halted != NULL) out->partitions[topic].halted = partition->halted;
        }
        sim_tell("database: incarnation %d claims shard %d at %" PRId64 " %" PRId64 " %" PRId64 ", epoch %" PRId64, session->incarnation,
                 out->shard, shard->partitions[0].next, shard->partitions[1].next, shard->partitions[2].next, shard->epoch);
    }
}

static bool has_held_released(int32_t shard)
{
    for (int unit = 0; unit < WORLD_UNITS; unit++)
        if (base.is_held[unit] && base.is_released[unit] && kafka_partition_of(world_data.units[unit].code, 2, SIM_SHARDS) == shard &&
            has_held(unit))
            return true;
    return false;
}

static void look(struct session *session)
{
    for (size_t i = 0; i < session->look_count; i++) {
        struct store_look *out = &session->looks[i];
        out->epoch = base.shards[out->shard].epoch;
        for (int topic = 0; topic < TOPIC_INPUTS; topic++)
            out->is_resumed[topic] = base.shards[out->shard].partitions[topic].halted == NULL;
        out->has_held = has_held_released(out->shard);
    }
}

static const char *halt(const struct session *session)
{
    struct partition *partition = partition_of(session->topic, session->shard);
    if (!broker_was_cut(session->topic, session->shard))
        sim_wrong("I12: %s [%d] is halted, and nothing is wrong with it: %s", topic_kind_name(session->topic), session->shard,
                  session->why);
    if (base.shards[session->shard].epoch != session->epoch) return "fenced";
    partition->halted = session->why;
    sim_tell("database: %s [%d] is halted: %s", topic_kind_name(session->topic), session->shard, session->why);
    return "";
}

static void settle(struct session *session)
{
    session->settled = 0;
    for (int32_t shard = 0; shard < SIM_SHARDS; shard++)
        if (session->wanted[shard]) session->settled += (int64_t)kept_settle(shard, 1 + (size_t)sim_below(3));
}

static void locks_take(struct session *session)
{
    for (int shard = 0; shard < SIM_SHARDS; shard++) session->locks[shard] = session->wanted[shard];
}

static void load(struct session *session)
{
    locks_take(session);
    session->is_in_transaction = true;
    finish(session, fence(session));
}

static void write_end(struct session *session)
{
    const char *failure = session->is_in_transaction ? commit(session) : "lost";
    transaction_end(session);
    finish(session, failure);
}

static void run(struct session *session)
{
    if (session->request == REQUEST_CLAIM) claim(session);
    if (session->request == REQUEST_ABANDON) transaction_end(session);
    if (session->request == REQUEST_MARK) outbox_mark(session->staged->published, session->staged->published_count);
    if (session->request == REQUEST_LOOK) look(session);
    if (session->request == REQUEST_SETTLE) settle(session);
    finish(session, session->request == REQUEST_HALT ? halt(session) : "");
}

static void request_begin(struct session *session)
{
    static const char *const retryable[] = {"40P01", "40001", "55P03", "57014", "53100"};
    bool needs_locks = session->request == REQUEST_CLAIM || session->request == REQUEST_LOAD || session->request == REQUEST_SETTLE ||
                       session->request == REQUEST_HALT;
    if (session->request == REQUEST_CLAIM) claim_end_others(session);
    if (session->accident == ACCIDENT_RETRYABLE) {
        finish(session, retryable[sim_below(5)]);
    } else if (session->accident == ACCIDENT_FATAL) {
        finish(session, "XX000");
    } else if (session->accident == ACCIDENT_LOST_BEFORE) {
        lose(session);
    } else if (needs_locks && is_blocked(session)) {
        if (sim.now_ms - session->since_ms >= LOCK_TIMEOUT_MS) finish(session, "55P03");
    } else if (session->request == REQUEST_LOAD) {
        load(session);
    } else if (session->request == REQUEST_WRITE) {
        write_end(session);
    } else {
        run(session);
    }
}

static void session_tick(struct session *session)
{
    if (is_away() && !session->is_lost) lose(session);
    if (!session->is_lost && sim_fault(sim.odds.lost_idle)) lose(session);
    if (session->phase == PHASE_WAITING && sim.now_ms >= session->due_ms && sim.now_ms >= session->stuck_until_ms) request_begin(session);
    if (session->is_left && session->phase == PHASE_DONE) *session = (struct session){0};
}

void base_tick(void)
{
    int first = sim_below(SESSIONS_MAX); /* of those that run, any may be the first */
    for (int i = 0; i < SESSIONS_MAX; i++)
        if (sessions[(first + i) % SESSIONS_MAX].is_used) session_tick(&sessions[(first + i) % SESSIONS_MAX]);
}

void base_pause(int slot, int64_t until_ms)
{
    for (int i = 0; i < SESSIONS_MAX; i++) {
        struct session *session = &sessions[i];
        if (!session->is_used || session->is_left || session->slot != slot || session->phase != PHASE_WAITING) continue;
        if (session->request != REQUEST_WRITE && session->stuck_until_ms == 0) continue;
        if (until_ms > sim.now_ms && sim_often(500)) continue;
        session->stuck_until_ms = until_ms;
    }
}

/* ---- operators ---- */

void base_mend(void)
{
    base.is_mended = true;
}

void base_release(void)
{
    for (int unit = 0; unit < WORLD_UNITS; unit++) {
        if (base.is_held[unit] && !base.is_released[unit]) sim_tell("U%d is released", unit);
        base.is_released[unit] = base.is_held[unit];
    }
}

/* One that is not restored yet is halted again. */
void base_resume(bool is_all)
{
    for (int shard = 0; shard < SIM_SHARDS; shard++) {
        for (int topic = 0; topic < TOPIC_INPUTS; topic++) {
            struct partition *partition = partition_of((enum topic_kind)topic, shard);
            bool is_due = is_all || sim_often(broker_is_cut((enum topic_kind)topic, shard) ? 2 : 20);
            if (partition->halted == NULL || !is_due) continue;
            partition->halted = NULL;
            sim_tell("%s [%d] is resumed at %" PRId64, topic_kind_name((enum topic_kind)topic), shard, partition->next);
        }
    }
}

/* ---- the client's side ---- */

struct store *store_new(const char *name)
{
    (void)name;
    struct store *store = calloc(1, sizeof *store);
    if (store == NULL) abort();
    return store;
}

void store_free(struct store *store)
{
    if (store == NULL) return;
    store_close(store);
    free(store);
}

static void fail(struct store *store, enum fault_kind kind, int exit_status, const char *code)
{
    store->fault = (struct fault){0};
    fault_set(&store->fault, kind, exit_status, code, "simulated");
    store->state = STORE_FAILED;
}

void store_open(struct store *store)
{
    struct session *session = sessions;
    assert(store->session == NULL);
    if (is_away()) {
        fail(store, FAULT_RETRY, EX_UNAVAILABLE, "database-absent");
        return;
    }
    while (session < sessions + SESSIONS_MAX && session->is_used) session++;
    if (session == sessions + SESSIONS_MAX) sim_wrong("%d sessions are open: some are never closed", SESSIONS_MAX);
    *session = (struct session){.is_used = true,
                                .slot = crew_current(),
                                .incarnation = crew_incarnation(crew_current()),
                                .backend = ++backends,
                                .phase = PHASE_CONNECTING,
                                .failure = "",
                                .due_ms = sim.now_ms + sim_below(50)};
    store->session = session;
    store->state = STORE_BUSY;
}

/* The server may not have noticed: what was sent is then done all the same. */
void store_close(struct store *store)
{
    struct session *session = store->session;
    store->state = STORE_CLOSED;
    store->session = NULL;
    if (session == NULL) return;
    bool is_under_way = session->phase == PHASE_WAITING && !session->is_lost;
    if (!is_under_way || sim_often(500)) { /* what it had not committed is rolled back */
        *session = (struct session){0};
        return;
    }
    sim_tell("database: backend %" PRId64 " goes on without its client", session->backend);
    session->is_left = true;
    session->stuck_until_ms = 0;
    if (sim_fault(500)) session->due_ms = sim.now_ms + sim_below(LEFT_MS_MAX); /* it has waited for a lock, say */
}

const struct fault *store_fault(const struct store *store)
{
    return &store->fault;
}

bool store_is_lost(const struct store *store)
{
    return store->session == NULL || store->session->is_lost;
}

int store_socket(const struct store *store, bool *wants_write)
{
    (void)store;
    *wants_write = false;
    return -1;
}

static enum accident accident_drawn(void)
{
    if (sim_fault(sim.odds.retryable)) return ACCIDENT_RETRYABLE;
    if (sim_fault(sim.odds.fatal)) return ACCIDENT_FATAL;
    if (sim_fault(sim.odds.lost_before)) return ACCIDENT_LOST_BEFORE;
    return sim_fault(sim.odds.lost_after) ? ACCIDENT_LOST_AFTER : ACCIDENT_NONE;
}

static struct session *send(struct store *store, enum request request)
{
    struct session *session = store->session;
    assert(session != NULL && store->state != STORE_BUSY);
    assert(session->is_lost || session->phase == PHASE_IDLE);
    assert(session->is_in_transaction == (request == REQUEST_WRITE || request == REQUEST_ABANDON) || session->is_lost);
    store->state = STORE_BUSY;
    session->request = request;
    if (session->is_lost) return session;
    session->phase = PHASE_WAITING;
    session->accident = accident_drawn();
    session->since_ms = sim.now_ms;
    session->due_ms = sim.now_ms + sim_below(sim_fault(sim.odds.slow) ? OPEN_MS_MAX : 20);
    session->stuck_until_ms = 0;
    if (request != REQUEST_WRITE && request != REQUEST_ABANDON) memset(session->wanted, 0, sizeof session->wanted);
    return session;
}

void store_claim(struct store *store, struct store_shard *shards, size_t count)
{
    struct session *session = send(store, REQUEST_CLAIM);
    store->shards = shards;
    session->claimed_count = count;
    for (size_t i = 0; i < count; i++) {
        session->claimed[i] = (struct store_shard){.shard = shards[i].shard};
        session->wanted[shards[i].shard] = true;
    }
}

static struct batch_move *moves_copy(const struct micro_batch *batch)
{
    struct batch_move *moves = sim_take(sizeof *moves * (batch->move_count + 1));
    if (batch->move_count > 0) memcpy(moves, batch->moves, sizeof *moves * batch->move_count);
    return moves;
}

void store_load(struct store *store, struct micro_batch *batch)
{
    struct session *session = send(store, REQUEST_LOAD);
    store->batch = batch;
    session->moves = moves_copy(batch);
    session->move_count = batch->move_count;
    for (size_t i = 0; i < batch->move_count; i++) session->wanted[batch->moves[i].shard] = true;
    for (size_t i = 0; i < batch->record_count; i++) session->wanted[batch->records[i].record.partition] = true;
}

/* What the micro-batch says of a record is what the topic holds there. */
static bool is_same_record(const struct kafka_record *record)
{
    const struct sim_record *there = broker_record(record->topic, record->partition, record->offset);
    return there != NULL && there->append_ms == record->append_ms && strlen(there->key) == record->key_bytes &&
           memcmp(there->key, record->key, record->key_bytes) == 0 && strlen(there->value) == record->value_bytes &&
           memcmp(there->value, record->value, record->value_bytes) == 0 && there->header_count == record->header_count;
}

static void record_stage(const struct batch_record *from, const struct review_event *event, struct staged_record *to)
{
    if (event->topic != from->record.topic || event->offset != from->record.offset || event->append_ms != from->record.append_ms)
        sim_wrong("a record and its event are not the same");
    *to = (struct staged_record){
        .topic = event->topic,
        .shard = from->record.partition,
        .offset = event->offset,
        .unit = sim_format("%.*s", (int)from->record.key_bytes, (const char *)from->record.key),
        .code = sim_text(event->code),
        .text = sim_text(event->text),
        .fate = event->fate,
        .is_applied_before = from->is_applied_before,
        .is_readable = event->event != NULL,
        .is_same = is_same_record(&from->record),
    };
}

static void outcome_stage(const struct outcome *from, struct outcome *to)
{
    *to = *from;
    to->unit = sim_text(from->unit);
    to->causation = sim_text(from->causation);
    to->body = memcpy(sim_take(from->body_bytes + 1), from->body, from->body_bytes);
}

static const struct store_published *published_copy(const struct store_published *published, size_t count)
{
    struct store_published *copy = sim_take(sizeof *copy * (count + 1));
    if (count > 0) memcpy(copy, published, sizeof *copy * count);
    return copy;
}

void store_write(struct store *store, struct micro_batch *batch, const struct store_published *published, size_t published_count)
{
    struct session *session = send(store, REQUEST_WRITE);
    struct staged *staged = sim_take(sizeof *staged);
    session->staged = staged;
    staged->moves = moves_copy(batch);
    staged->move_count = batch->move_count;
    staged->records = sim_take(sizeof *staged->records * (batch->record_count + 1));
    staged->record_count = batch->record_count;
    for (size_t i = 0; i < batch->record_count; i++) record_stage(&batch->records[i], &batch->events[i], &staged->records[i]);
    staged->reviews = kept_stage(&batch->world);
    staged->outcomes = sim_take(sizeof *staged->outcomes * (batch->effects.outcome_count + 1));
    staged->outcome_count = batch->effects.outcome_count;
    for (size_t i = 0; i < staged->outcome_count; i++) outcome_stage(&batch->effects.outcomes[i], &staged->outcomes[i]);
    staged->held_unit = batch->held_unit != NULL ? world_unit_index(batch->held_unit) : -1;
    staged->published = (struct store_published *)(uintptr_t)published_copy(published, published_count);
    staged->published_count = published_count;
}

void store_release(struct micro_batch *batch)
{
    (void)batch; /* all of it is the batch's arena's */
}

void store_abandon(struct store *store)
{
    send(store, REQUEST_ABANDON);
}

void store_mark(struct store *store, const struct store_published *published, size_t published_count)
{
    struct session *session = send(store, REQUEST_MARK);
    session->staged = sim_take(sizeof *session->staged);
    session->staged->published = (struct store_published *)(uintptr_t)published_copy(published, published_count);
    session->staged->published_count = published_count;
}

void store_take_outbox(struct store *store, struct arena *arena, const struct store_published *behind, size_t shard_count)
{
    send(store, REQUEST_OUTBOX);
    store->arena = arena;
    store->behind = published_copy(behind, shard_count);
    store->behind_count = shard_count;
}

void store_look(struct store *store, struct store_look *looks, size_t count)
{
    struct session *session = send(store, REQUEST_LOOK);
    store->looks = looks;
    session->look_count = count;
    memcpy(session->looks, looks, sizeof *looks * count);
}

void store_halt(struct store *store, int32_t shard, int64_t epoch, enum topic_kind topic, const char *why)
{
    struct session *session = send(store, REQUEST_HALT);
    session->epoch = epoch;
    session->wanted[shard] = true;
    session->shard = shard;
    session->topic = topic;
    session->why = sim_text(why);
}

void store_take_held(struct store *store, struct arena *arena, int32_t shard)
{
    struct session *session = send(store, REQUEST_HELD);
    store->arena = arena;
    session->shard = shard;
}

void store_settle(struct store *store, const int32_t *shards, size_t count)
{
    struct session *session = send(store, REQUEST_SETTLE);
    for (size_t i = 0; i < count; i++) session->wanted[shards[i]] = true;
}

/* ---- answers ---- */

/* A released unit's held records come by themselves and are judged; new ones of it wait until nothing of it is held. */
static void held_fill(const struct micro_batch *batch, bool held[WORLD_UNITS])
{
    bool is_again = batch->record_count > 0 && batch->records[0].is_applied_before;
    for (size_t i = 0; i < batch->record_count; i++)
        if (batch->records[i].is_applied_before != is_again) sim_wrong("held records and new ones are in one micro-batch");
    for (int unit = 0; unit < WORLD_UNITS; unit++)
        held[unit] = base.is_held[unit] && (!base.is_released[unit] || (!is_again && has_held(unit)));
    if (batch->held_unit != NULL) held[world_unit_index(batch->held_unit)] = true;
}

/* The caller says which reviews the events touch. */
static void world_check(const struct micro_batch *batch)
{
    for (size_t i = 0; i < batch->record_count; i++) {
        const struct kafka_record *record = &batch->records[i].record;
        const struct review_event *event = &batch->events[i];
        const struct review *review = event->review;
        if (event->event == NULL && review == NULL) continue;
        if (review == NULL || review < batch->world.reviews || review >= batch->world.reviews + batch->world.review_count ||
            review->year != (event->event != NULL ? event->event->year : 0) || strlen(review->unit) != record->key_bytes ||
            memcmp(review->unit, record->key, record->key_bytes) != 0)
            sim_wrong("an event is not given the review that it touches");
    }
    for (size_t i = 0; i < batch->world.review_count; i++)
        for (size_t k = 0; k < i; k++)
            if (batch->world.reviews[i].year == batch->world.reviews[k].year &&
                strcmp(batch->world.reviews[i].unit, batch->world.reviews[k].unit) == 0)
                sim_wrong("%s of %d is in a micro-batch twice", batch->world.reviews[i].unit, batch->world.reviews[i].year);
}

static void load_answer(struct store *store)
{
    bool held[WORLD_UNITS];
    struct micro_batch *batch = store->batch;
    world_check(batch);
    held_fill(batch, held);
    batch->reference = world_reference(batch->arena);
    batch->world.reference = &batch->reference;
    kept_load(batch->arena, batch->events, batch->record_count, held, &batch->world);
}

static void outbox_answer(struct store *store)
{
    store->rows = arena_take(store->arena, sizeof *store->rows * OUTBOX_TAKEN);
    store->row_count = 0;
    store->has_more = false;
    for (int i = 0; i < base.row_count && !store->has_more; i++) {
        const struct row *row = &base.rows[i];
        bool is_asked = false;
        for (size_t k = 0; k < store->behind_count; k++)
            is_asked = is_asked || (store->behind[k].shard == row->shard && store->behind[k].batch < row->batch);
        if (row->is_done || !is_asked) continue;
        if (store->row_count == OUTBOX_TAKEN) {
            store->has_more = true;
            break;
        }
        struct store_outbox_row *out = &store->rows[store->row_count++];
        *out = (struct store_outbox_row){
            .shard = row->shard, .batch = row->batch, .outcome_count = row->outcome_count, .dead_letter_count = row->letter_count};
        out->outcomes = arena_take(store->arena, sizeof *out->outcomes * (row->outcome_count + 1));
        out->dead_letters = arena_take(store->arena, sizeof *out->dead_letters * (row->letter_count + 1));
        if (row->outcome_count > 0) memcpy(out->outcomes, row->outcomes, sizeof *out->outcomes * row->outcome_count);
        for (size_t k = 0; k < row->letter_count; k++) {
            const struct letter *letter = &row->letters[k];
            out->dead_letters[k].record = broker_told(broker_record(letter->at.topic, letter->at.partition, letter->at.offset));
            out->dead_letters[k].record.handle = NULL;
            out->dead_letters[k].code = letter->code;
            out->dead_letters[k].text = letter->text;
        }
    }
}

static void held_answer(struct store *store, int32_t shard)
{
    store->held = arena_take(store->arena, sizeof *store->held * HELD_TAKEN);
    store->held_count = 0;
    for (int topic = 0; topic < TOPIC_INPUTS; topic++) {
        for (int64_t offset = 0; offset < broker_end((enum topic_kind)topic, shard) && store->held_count < HELD_TAKEN; offset++) {
            const struct sim_record *record = broker_record((enum topic_kind)topic, shard, offset);
            if (record == NULL || !base.verdicts.fates[topic][shard][offset].is_there ||
                base.verdicts.fates[topic][shard][offset].fate != FATE_HELD)
                continue;
            if (!base.is_released[world_unit_index(record->key)]) continue;
            store->held[store->held_count] = broker_told(record);
            store->held[store->held_count++].handle = NULL;
        }
    }
}

static void failure_tell(struct store *store, const char *failure)
{
    char code[FAULT_CODE_BYTES_MAX];
    snprintf(code, sizeof code, "sqlstate-%s", failure);
    if (strcmp(failure, "lost") == 0)
        fail(store, FAULT_RETRY, EX_UNAVAILABLE, "database-lost");
    else if (strcmp(failure, "fenced") == 0)
        fail(store, FAULT_REJECT, EX_SOFTWARE, "fenced");
    else if (failure[0] == '2')
        fail(store, FAULT_REJECT, EX_SOFTWARE, code);
    else
        fail(store, failure[0] == 'X' ? FAULT_FATAL : FAULT_RETRY, EX_SOFTWARE, code);
}

static void answer(struct store *store)
{
    struct session *session = store->session;
    store->state = STORE_READY;
    if (session->request == REQUEST_CLAIM) memcpy(store->shards, session->claimed, sizeof *store->shards * session->claimed_count);
    if (session->request == REQUEST_LOAD) load_answer(store);
    if (session->request == REQUEST_WRITE) memcpy(store->batches, session->staged->batches, sizeof store->batches);
    if (session->request == REQUEST_LOOK) memcpy(store->looks, session->looks, sizeof *store->looks * session->look_count);
    if (session->request == REQUEST_OUTBOX) outbox_answer(store);
    if (session->request == REQUEST_HELD) held_answer(store, session->shard);
    store->settled = session->settled;
}

enum store_state store_step(struct store *store)
{
    struct session *session = store->session;
    if (session == NULL) return store->state;
    if (session->is_lost) {
        failure_tell(store, "lost");
    } else if (session->phase == PHASE_CONNECTING) {
        if (sim.now_ms < session->due_ms) return STORE_BUSY;
        session->phase = PHASE_IDLE;
        store->state = STORE_READY;
    } else if (session->phase == PHASE_DONE) {
        session->phase = PHASE_IDLE;
        if (session->failure[0] != '\0')
            failure_tell(store, session->failure);
        else
            answer(store);
    }
    return store->state;
}

int64_t store_outbox_batch(const struct store *store, int32_t shard)
{
    return store->batches[shard];
}

const struct store_outbox_row *store_outbox_rows(const struct store *store, size_t *count, bool *has_more)
{
    *count = store->row_count;
    *has_more = store->has_more;
    return store->rows;
}

const struct kafka_record *store_held_records(const struct store *store, size_t *count)
{
    *count = store->held_count;
    return store->held;
}

int64_t store_settled(const struct store *store)
{
    return store->settled;
}

/* ---- the end ---- */

const char *base_work_left(void)
{
    for (int32_t shard = 0; shard < SIM_SHARDS; shard++) {
        if (kept_has_removals(shard)) return sim_format("removed members of shard %d are to be moved", shard);
        for (int topic = 0; topic < TOPIC_INPUTS; topic++) {
            const struct partition *partition = partition_of((enum topic_kind)topic, shard);
            int64_t end = broker_end((enum topic_kind)topic, shard);
            const char *name = topic_kind_name((enum topic_kind)topic);
            if (partition->halted != NULL) return sim_format("%s [%d] is halted", name, shard);
            if (partition->next != end) return sim_format("%s [%d] stands at %" PRId64 " of %" PRId64, name, shard, partition->next, end);
        }
    }
    for (int unit = 0; unit < WORLD_UNITS; unit++)
        if (base.is_held[unit] && (!base.is_released[unit] || has_held(unit))) return sim_format("U%d is held", unit);
    for (int i = 0; i < base.row_count; i++)
        if (!base.rows[i].is_done)
            return sim_format("batch %" PRId64 " of shard %d is not published", base.rows[i].batch, base.rows[i].shard);
    return NULL;
}

void base_check_end(void)
{
    for (int topic = 0; topic < TOPIC_INPUTS; topic++)
        for (int32_t shard = 0; shard < SIM_SHARDS; shard++) ledger_check((enum topic_kind)topic, shard);
    oracle_check(&base.verdicts);
    second_check();
}
