#include "tests/sim-next/oracle.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/event.h"
#include "tests/sim-next/dump.h"
#include "tests/sim-next/kept.h"

struct oracle {
    struct review reviews[WORLD_UNITS][WORLD_YEARS];
    struct review alone[WORLD_UNITS]; /* for dead letters */
    struct verdicts verdicts;
};
static struct oracle shadow, plain;

static const char *const advisory[] = {"nianshen.member-review.waiting.v1", "nianshen.decision.waiting.v1"};

void oracle_reset(void)
{
    memset(&shadow, 0, sizeof shadow);
}

void verdicts_say(struct verdicts *verdicts, const struct outcome *outcome)
{
    if (verdicts->said_count == verdicts->said_room) {
        size_t room = verdicts->said_room * 2 + 32;
        struct said *larger = sim_take(room * sizeof *larger);
        if (verdicts->said_count > 0) memcpy(larger, verdicts->said, verdicts->said_count * sizeof *larger);
        verdicts->said = larger;
        verdicts->said_room = room;
    }
    verdicts->said[verdicts->said_count++] = (struct said){
        .unit = sim_text(outcome->unit),
        .type = outcome->type,
        .id = sim_text(outcome->id),
        .body = sim_format("%.*s", (int)outcome->body_bytes, outcome->body),
        .shard = outcome->partition,
    };
}

/* ---- one record at a time ---- */

static void marks_clear(struct submission *submission)
{
    for (size_t i = 0; i < submission->chunks_loaded; i++) {
        submission->chunks[i].is_new = false;
        if (!submission->must_drop_rows) continue;
        submission->chunks[i].rows = (struct event_rows){0};
        submission->chunks[i].has_rows = false;
    }
    submission->is_new = submission->is_changed = submission->must_drop_rows = submission->was_completed_now = false;
}

static void review_clear(struct review *review)
{
    for (size_t i = 0; i < review->unit_review_count; i++) review->unit_reviews[i].is_new = false;
    for (size_t i = 0; i < review->submission_count; i++) marks_clear(&review->submissions[i]);
    for (size_t i = 0; i < review->decision_count; i++) review->decisions[i].is_new = review->decisions[i].is_changed = false;
    for (size_t i = 0; i < review->repeat_count; i++) review->repeats[i].is_new = false;
}

static struct review *review_of(struct oracle *oracle, int unit, int32_t year, int64_t now_ms)
{
    int year_index = year - WORLD_YEAR_FIRST;
    struct review *review = year == 0 ? &oracle->alone[unit] : &oracle->reviews[unit][year_index];
    if (unit < 0 || (year != 0 && (year_index < 0 || year_index >= WORLD_YEARS))) sim_wrong("a record of an unknown unit or year");
    review->unit = world_data.units[unit].code;
    review->year = year;
    world_review(sim.arena, review, now_ms, NULL, 0);
    return review;
}

static void play(struct oracle *oracle, const struct sim_record *record, int64_t now_ms)
{
    struct fault fault = {0};
    struct event *event = sim_take(sizeof *event);
    struct kafka_record told = broker_told(record);
    struct review_event in = {
        .topic = record->topic, .partition = record->partition, .offset = record->offset, .append_ms = record->append_ms};
    struct reference reference = world_reference(sim.arena);
    struct effects effects = {0};
    if (event_read(sim.arena, &told, SIM_SHARDS, event, &fault)) {
        in.event = event;
    } else {
        if (fault.kind != FAULT_REJECT) sim_wrong("a record can't be read: %s", fault.text);
        in.code = sim_text(fault.code);
        in.text = sim_text(fault.text);
        in.ce_id = broker_ce_id(record);
    }
    if ((in.event != NULL) != (record->sense != NULL)) sim_wrong("a record is decoded otherwise than meant: %s", fault.text);
    in.review = review_of(oracle, world_unit_index(record->key), in.event != NULL ? event->year : 0, now_ms);
    struct world world = {.arena = sim.arena, .reference = &reference, .reviews = in.review, .review_count = 1};
    if (!review_apply(&world, &in, 1, &effects)) sim_wrong("the arena is full");
    review_clear(in.review);
    oracle->verdicts.fates[in.topic][in.partition][in.offset].is_there = true;
    oracle->verdicts.fates[in.topic][in.partition][in.offset].fate = in.fate;
    oracle->verdicts.fates[in.topic][in.partition][in.offset].code = in.fate == FATE_DEAD_LETTER ? in.code : NULL;
    for (size_t i = 0; i < effects.outcome_count; i++) verdicts_say(&oracle->verdicts, &effects.outcomes[i]);
}

void oracle_see(const struct sim_record *record)
{
    play(&shadow, record, record->append_ms);
}

static void play_all(void)
{
    memset(&plain, 0, sizeof plain);
    for (int topic = 0; topic < TOPIC_INPUTS; topic++)
        for (int shard = 0; shard < SIM_SHARDS; shard++)
            for (int64_t offset = 0; offset < broker_end((enum topic_kind)topic, shard); offset++)
                if (broker_record((enum topic_kind)topic, shard, offset) != NULL)
                    play(&plain, broker_record((enum topic_kind)topic, shard, offset), INT64_MAX - 1);
}

/* ---- what upstreams look at ---- */

static const struct review *seen(const char *unit, int year)
{
    int index = world_unit_index(unit);
    return index < 0 ? NULL : &shadow.reviews[index][year - WORLD_YEAR_FIRST];
}

const char *oracle_pending(const char *unit, int year)
{
    const struct review *review = seen(unit, year);
    for (size_t i = 0; review != NULL && i < review->submission_count; i++)
        if (review->submissions[i].state == SUBMISSION_PENDING) return review->submissions[i].name;
    return NULL;
}

static const char *digest_text(const uint8_t digest[STATE_DIGEST_BYTES])
{
    char text[2 * STATE_DIGEST_BYTES + 8] = "sha256:";
    for (int i = 0; i < STATE_DIGEST_BYTES; i++) snprintf(text + 7 + 2 * i, 3, "%02x", digest[i]);
    return sim_text(text);
}

const char *oracle_digest(const char *unit, int year, const char *submission)
{
    const struct review *review = seen(unit, year);
    for (size_t i = 0; review != NULL && i < review->submission_count; i++)
        if (strcmp(review->submissions[i].name, submission) == 0)
            return review->submissions[i].has_digest ? digest_text(review->submissions[i].digest) : NULL;
    return NULL;
}

const char *oracle_superior(const char *unit)
{
    const struct world_unit *known = world_unit_of(unit);
    const char *superior = known == NULL ? NULL : superior_at(known->superiors, known->superior_count, broker_append_ms());
    return superior != NULL ? superior : "S0";
}

const struct review *oracle_review(int unit, int year_index)
{
    return &plain.reviews[unit][year_index];
}

const struct verdicts *oracle_verdicts(void)
{
    return &plain.verdicts;
}

/* ---- comparing ---- */

static const char *or_dash(const char *text)
{
    return text != NULL ? text : "-";
}

static void text_compare(const struct dump *ours, const struct dump *theirs, int unit, int year, const char *order)
{
    if (strcmp(ours->bytes, theirs->bytes) != 0)
        sim_wrong("%s of %d is not what it would be %s. The store:\n%s\n%s:\n%s", world_data.units[unit].code, year, order, ours->bytes,
                  order, theirs->bytes);
}

static void review_compare(int unit, int year_index)
{
    static struct dump ours, theirs;
    int year = WORLD_YEAR_FIRST + year_index;
    dump_review(&ours, kept_review(unit, year_index));
    dump_review(&theirs, &plain.reviews[unit][year_index]);
    text_compare(&ours, &theirs, unit, year, "topic by topic");
    dump_review(&theirs, &shadow.reviews[unit][year_index]);
    text_compare(&ours, &theirs, unit, year, "in the order of appending");
}

static void fates_compare(const struct verdicts *ours, const struct verdicts *theirs, const char *order)
{
    static const char *const names[] = {"applied", "duplicate", "dead letter", "held"};
    for (int topic = 0; topic < TOPIC_INPUTS; topic++) {
        for (int shard = 0; shard < SIM_SHARDS; shard++) {
            for (int64_t offset = 0; offset < broker_end((enum topic_kind)topic, shard); offset++) {
                if (!theirs->fates[topic][shard][offset].is_there && !ours->fates[topic][shard][offset].is_there) continue;
                const char *our_code = or_dash(ours->fates[topic][shard][offset].code);
                const char *their_code = or_dash(theirs->fates[topic][shard][offset].code);
                enum fate our = ours->fates[topic][shard][offset].fate, their = theirs->fates[topic][shard][offset].fate;
                if (our != their || strcmp(our_code, their_code) != 0)
                    sim_wrong("the record at %" PRId64 " of %s [%d] is %s %s; %s it is %s %s", offset,
                              topic_kind_name((enum topic_kind)topic), shard, names[our], our_code, order, names[their], their_code);
            }
        }
    }
}

/* ---- outcomes ---- */

static bool is_withdrawn(const struct said *said)
{
    char name[64];
    const char *field = strstr(said->body, "\"submission\":\""), *in_year = strstr(said->body, "\"year\":");
    if (field == NULL || in_year == NULL || sscanf(field + 14, "%63[^\"]", name) != 1) return false;
    int year = (int)strtol(in_year + strlen("\"year\":"), NULL, 10);
    const struct review *review = oracle_review(world_unit_index(said->unit), year - WORLD_YEAR_FIRST);
    for (size_t i = 0; review != NULL && i < review->submission_count; i++)
        if (strcmp(review->submissions[i].name, name) == 0) return review->submissions[i].state == SUBMISSION_WITHDRAWN;
    return false;
}

/* Those that depend on what came first: advice, and what is said of a submission before it is withdrawn. */
static bool is_optional(const struct said *said)
{
    if (strcmp(said->type, advisory[0]) == 0 || strcmp(said->type, advisory[1]) == 0) return true;
    if (strcmp(said->type, "nianshen.member-review.pending.v1") != 0 && strcmp(said->type, "nianshen.member-review.rejected.v1") != 0)
        return false;
    return is_withdrawn(said);
}

static const struct said *said_find(const struct verdicts *verdicts, const char *id)
{
    for (size_t i = 0; i < verdicts->said_count; i++)
        if (strcmp(verdicts->said[i].id, id) == 0) return &verdicts->said[i];
    return NULL;
}

static void said_compare(const struct verdicts *ours, const struct verdicts *theirs, const char *who, const char *whose)
{
    for (size_t i = 0; i < ours->said_count; i++) {
        const struct said *said = &ours->said[i], *other = said_find(theirs, said->id);
        if (is_optional(said)) continue;
        if (said_find(ours, said->id) != said) sim_wrong("%s says %s twice: %s", who, said->type, said->body);
        if (other == NULL) sim_wrong("%s says %s, %s does not: %s", who, said->type, whose, said->body);
        if (strcmp(other->body, said->body) != 0) sim_wrong("%s says %s: %s\n%s says: %s", who, said->type, said->body, whose, other->body);
    }
}

/* ---- what the histories were about ---- */

enum { TALLY_MAX = 200 };
static struct tally {
    char what[64];
    int64_t count;
} tallies[TALLY_MAX];

static void tally(const char *of, const char *what, const char *code)
{
    char name[64];
    int i = 0;
    snprintf(name, sizeof name, "%s %s %s", of, what, code != NULL ? code : "");
    while (i < TALLY_MAX - 1 && tallies[i].count > 0 && strcmp(tallies[i].what, name) != 0) i++;
    snprintf(tallies[i].what, sizeof tallies[i].what, "%s", name);
    tallies[i].count++;
}

static void review_tally(const struct review *review)
{
    for (size_t i = 0; i < review->unit_review_count; i++)
        tally("unit-review", verdict_name(review->unit_reviews[i].verdict), review->unit_reviews[i].code);
    for (size_t i = 0; i < review->submission_count; i++)
        tally("submission", submission_state_name(review->submissions[i].state), review->submissions[i].code);
    for (size_t i = 0; i < review->decision_count; i++)
        tally(decision_kind_name(review->decisions[i].kind), verdict_name(review->decisions[i].verdict), review->decisions[i].code);
}

static void all_tally(void)
{
    for (int unit = 0; unit < WORLD_UNITS; unit++)
        for (int year = 0; year < WORLD_YEARS; year++) review_tally(&plain.reviews[unit][year]);
    for (int topic = 0; topic < TOPIC_INPUTS; topic++)
        for (int shard = 0; shard < SIM_SHARDS; shard++)
            for (int64_t offset = 0; offset < broker_end((enum topic_kind)topic, shard); offset++)
                if (plain.verdicts.fates[topic][shard][offset].is_there && plain.verdicts.fates[topic][shard][offset].fate != FATE_APPLIED)
                    tally("record", plain.verdicts.fates[topic][shard][offset].fate == FATE_DUPLICATE ? "duplicate" : "dead letter",
                          plain.verdicts.fates[topic][shard][offset].code);
    for (size_t i = 0; i < plain.verdicts.said_count; i++) {
        for (const char *at = plain.verdicts.said[i].body; (at = strstr(at, "\"code\":\"")) != NULL; at++) {
            char code[48];
            if (sscanf(at + 8, "%47[^\"]", code) == 1) tally("said", code, NULL);
        }
    }
}

void oracle_tell_tally(void)
{
    for (int i = 0; i < TALLY_MAX && tallies[i].count > 0; i++) printf("%8" PRId64 " %s\n", tallies[i].count, tallies[i].what);
}

void oracle_check(const struct verdicts *verdicts)
{
    play_all();
    if (sim.is_tallied) all_tally();
    for (int unit = 0; unit < WORLD_UNITS; unit++)
        for (int year = 0; year < WORLD_YEARS; year++) review_compare(unit, year);
    fates_compare(verdicts, &plain.verdicts, "topic by topic");
    fates_compare(verdicts, &shadow.verdicts, "in the order of appending");
    said_compare(verdicts, &plain.verdicts, "the store", "topic by topic one");
    said_compare(&plain.verdicts, verdicts, "topic by topic one", "the store");
    said_compare(&shadow.verdicts, verdicts, "in the order of appending one", "the store");
}
