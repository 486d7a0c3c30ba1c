/*
 * The review engine on any sequence of events: the first bytes choose the world (corrections, a limit, the campaign's end), each further
 * four choose one event of a table of templates. The events are applied in three orders and splits, each topic in its own order: one by one
 * as they were sent, merged and split by chance, and topic by topic at once. State and fates must be the same.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/rules/shelf.h"
#include "tests/sim-next/dump.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    WORLD_BYTES = 4,
    EVENT_BYTES = 4,
    EVENTS_MAX = 40,
    EVENT_EACH_MS = 1000,
    ARENA_BYTES_MAX = 64 * 1024 * 1024,
    ORDERS = 3,
    YEAR = 2026
};

static const char unit[] = "U1";
static const char *const names[] = {"a", "b", "c", "d"}, *const sources[] = {"up", "other"},
                         *const reasons[] = {"retired", "left", "bored", ""};
static const char *const numbers[] = {"110101196003071005", "110101197003071007", "110101198003071018",
                                      "110101199003070011"}; /* some valid */

static void require(int holds)
{
    if (!holds) abort();
}

/* ---- the world ---- */

struct ground {
    struct campaign campaign;
    struct superior_term superiors[2];
    struct limit_term limits[LIMIT_KINDS];
    struct shelf_member members[4];
    struct shelf_change changes[2];
    struct shelf_unit unit;
    struct shelf_world world;
};

static int64_t time_of(uint8_t byte)
{
    return (int64_t)(byte % (EVENTS_MAX + 2)) * EVENT_EACH_MS;
}

static void members_fill(struct ground *ground, const uint8_t *bytes)
{
    static const char *const people[] = {"王一", "李二", "张三", ""};
    for (int i = 0; i < 4; i++)
        ground->members[i] =
            (struct shelf_member){.enrolment = 10 + i, .member_no = names[i], .number = numbers[i], .name = people[i], .enrolled_ms = -2};
    ground->members[3].enrolled_ms = time_of(bytes[3]); /* later than the opening */
    /* Two numbers are exchanged, or one is given up. */
    int64_t at_ms = time_of(bytes[2]) + EVENT_EACH_MS / 2;
    ground->changes[0] = (struct shelf_change){at_ms, 10, names[0], bytes[3] & 1 ? numbers[1] : "110101200003070012", people[0]};
    ground->changes[1] = (struct shelf_change){at_ms, 11, names[1], numbers[0], bytes[3] & 2 ? people[1] : "李二二"};
}

static void ground_fill(struct ground *ground, const uint8_t bytes[WORLD_BYTES])
{
    static const uint8_t salt[] = {7};
    static const struct reviewer_term reviewers[] = {
        {"R1", "S1", 0, REFERENCE_FOREVER_MS}, {"R1", "S2", 0, REFERENCE_FOREVER_MS}, {"R2", "S1", 0, REFERENCE_FOREVER_MS}};
    static const char *const known[] = {"retired", "left"};
    int64_t moved_ms = bytes[1] & 1 ? time_of(bytes[1] / 2) : REFERENCE_FOREVER_MS;
    *ground = (struct ground){.campaign = {.year = YEAR,
                                           .opens_ms = -1,
                                           .closes_ms = bytes[0] & 1 ? time_of(bytes[0] / 2) : REFERENCE_FOREVER_MS,
                                           .salt = salt,
                                           .salt_bytes = 1}};
    ground->superiors[0] = (struct superior_term){"S1", -5, moved_ms};
    ground->superiors[1] = (struct superior_term){"S2", moved_ms, REFERENCE_FOREVER_MS};
    for (int kind = 0; kind < LIMIT_KINDS; kind++)
        ground->limits[kind] =
            (struct limit_term){(enum limit_kind)kind, 3, time_of(bytes[2] / 3), time_of(bytes[2] / 3) + 10 * EVENT_EACH_MS};
    members_fill(ground, bytes);
    ground->unit = (struct shelf_unit){.unit = unit,
                                       .created_ms = bytes[0] & 2 ? time_of(bytes[1]) : -5,
                                       .superiors = ground->superiors,
                                       .superior_count = moved_ms < REFERENCE_FOREVER_MS ? 2 : 1,
                                       .limits = ground->limits,
                                       .limit_count = bytes[0] & 4 ? LIMIT_KINDS : 0,
                                       .members = ground->members,
                                       .member_count = 4,
                                       .changes = ground->changes,
                                       .change_count = bytes[0] & 8 ? bytes[3] & 1 ? 2 : 1 : 0};
    ground->world = (struct shelf_world){.reference = {.campaigns = &ground->campaign,
                                                       .campaign_count = 1,
                                                       .reviewers = reviewers,
                                                       .reviewer_count = 3,
                                                       .reasons = known,
                                                       .reason_count = 2},
                                         .units = &ground->unit,
                                         .unit_count = 1,
                                         .block_members = 1 + bytes[0] / 16 % 3};
}

/* ---- the events ---- */

struct sent {
    struct event event;
    struct event_failing failing[4];
    struct id_key passed[4];
    char digest[80];
    enum topic_kind topic;
    int64_t offset, append_ms;
    bool is_broken;
};

struct script {
    struct sent sent[EVENTS_MAX];
    size_t count;
    char dumps[ORDERS][DUMP_BYTES_MAX];
    enum fate fates[ORDERS][EVENTS_MAX];
    char codes[ORDERS][EVENTS_MAX][32];
};

static struct id_key key_of(int number)
{
    return id_key_of(numbers[number], strlen(numbers[number]));
}

/* The first `members` of the roster stand in the chunk; two bits say of each whether it fails, and why. */
static void rows_fill(struct sent *sent, uint8_t byte, int from, int to)
{
    struct event *event = &sent->event;
    for (int i = from; i < to; i++) {
        bool fails = (byte >> i) & 1;
        if (fails)
            sent->failing[event->rows.failing_count++] =
                (struct event_failing){.key = key_of(i), .reason = reasons[(byte >> 4) % 4], .name = byte & 64 ? "王一" : NULL};
        else if (event->mode == EVENT_MODE_LIST)
            sent->passed[event->rows.passed_count++] = key_of(i);
    }
    event->rows.failing = sent->failing;
    event->rows.passed = sent->passed;
}

static void chunk_fill(struct sent *sent, const uint8_t bytes[EVENT_BYTES])
{
    struct event *event = &sent->event;
    event->type = EVENT_MEMBER_REVIEW_SUBMITTED;
    event->submission = names[bytes[1] % 4];
    event->unit_review = names[bytes[1] / 4 % 4];
    event->mode = bytes[1] & 32 ? EVENT_MODE_LIST : EVENT_MODE_IMPORT;
    event->chunks = bytes[1] & 64 ? 2 : 1;
    event->chunk_number = event->chunks == 2 ? 1 + bytes[3] % 2 : 1;
    event->submitted_by = bytes[3] & 16 ? " R1" : "clerk";
    if (event->chunks == 1)
        rows_fill(sent, bytes[2], 0, 3);
    else
        rows_fill(sent, bytes[2], event->chunk_number == 1 ? 0 : 2, event->chunk_number == 1 ? 2 : 3);
    event->entries_total = event->mode == EVENT_MODE_LIST ? 3 : bytes[3] / 32;
}

static void decision_fill(struct sent *sent, const uint8_t bytes[EVENT_BYTES])
{
    struct event *event = &sent->event;
    event->type = bytes[0] / 8 % 4 == 3 ? EVENT_REVIEW_WITHDRAWN : bytes[0] / 8 % 4 == 2 ? EVENT_REVIEW_RETURNED : EVENT_REVIEW_APPROVED;
    event->submission = names[bytes[1] % 4];
    event->comment = bytes[3] & 64 ? "因故" : NULL;
    if (event->type == EVENT_REVIEW_WITHDRAWN) {
        event->submitted_by = "clerk";
        return;
    }
    event->superior = bytes[1] & 64 ? "S2" : "S1";
    event->reviewer = bytes[1] & 128 ? "R2" : bytes[2] & 128 ? "R9" : "R1";
    strcpy(sent->digest, "sha256:0");
    event->digest = sent->digest;
}

static void sent_fill(struct sent *sent, const uint8_t bytes[EVENT_BYTES])
{
    static const char *const ids[] = {"i0", "i1", "i2", "i3", "i4", "i5", "i6", "i7"};
    struct event *event = &sent->event;
    *sent = (struct sent){.is_broken = bytes[3] == 255};
    sent->topic = (enum topic_kind)(bytes[0] % TOPIC_INPUTS);
    *event = (struct event){.source = sources[bytes[2] / 32 % 8 == 7], .unit = unit, .year = bytes[3] % 16 == 15 ? YEAR + 1 : YEAR};
    event->id = sent->topic == TOPIC_UNIT_REVIEW ? names[bytes[1] % 4] : ids[bytes[3] / 4 % 8];
    if (sent->topic == TOPIC_UNIT_REVIEW) {
        event->type = EVENT_UNIT_REVIEW_CONFIRMED;
        event->submitted_by = "clerk";
        event->refusal = bytes[2] & 1 ? "profile-mobile" : NULL;
        event->refusal_field = bytes[2] & 1 ? "profile.contact_mobile" : NULL;
        event->profile.address = bytes[2] & 2 ? "新址" : NULL;
    } else if (sent->topic == TOPIC_MEMBER_REVIEW) {
        chunk_fill(sent, bytes);
    } else {
        decision_fill(sent, bytes);
    }
    memcpy(event->content_sha256, bytes, EVENT_BYTES); /* equal bytes are equal content, and no others */
}

static void script_fill(struct script *script, const uint8_t *data, size_t size)
{
    int64_t next[TOPIC_INPUTS] = {0};
    for (script->count = 0; script->count < EVENTS_MAX && size >= EVENT_BYTES; data += EVENT_BYTES, size -= EVENT_BYTES) {
        struct sent *sent = &script->sent[script->count];
        sent_fill(sent, data);
        sent->offset = next[sent->topic]++;
        sent->append_ms = (int64_t)script->count++ * EVENT_EACH_MS;
    }
}

/* ---- playing ---- */

/* The digest that a reviewer sees now, if the bytes say that this one looks. It is part of what is sent. */
static void digest_see(const struct shelf *shelf, struct sent *sent)
{
    const struct review *review = shelf_find(shelf, unit, sent->event.year);
    if (sent->event.digest == NULL || sent->event.content_sha256[2] & 64) return;
    for (size_t i = 0; review != NULL && i < review->submission_count; i++) {
        const struct submission *submission = &review->submissions[i];
        if (strcmp(submission->name, sent->event.submission) != 0 || !submission->has_digest) continue;
        strcpy(sent->digest, "sha256:");
        for (int k = 0; k < STATE_DIGEST_BYTES; k++) snprintf(sent->digest + 7 + 2 * k, 3, "%02x", submission->digest[k]);
        memcpy(sent->event.content_sha256 + EVENT_BYTES, submission->digest, 16);
    }
}

static void batch_play(struct shelf *shelf, struct script *script, int order, const size_t *places, size_t count)
{
    struct review_event events[EVENTS_MAX];
    const char *units[EVENTS_MAX];
    struct effects effects = {0};
    struct arena *arena = arena_new(ARENA_BYTES_MAX);
    require(arena != NULL);
    for (size_t i = 0; i < count; i++) {
        struct sent *sent = &script->sent[places[i]];
        if (order == 0) digest_see(shelf, sent);
        events[i] = (struct review_event){.topic = sent->topic, .offset = sent->offset, .append_ms = sent->append_ms};
        events[i].event = sent->is_broken ? NULL : &sent->event;
        events[i].code = events[i].text = sent->is_broken ? "not-json" : NULL;
        units[i] = unit;
    }
    require(shelf_apply(shelf, arena, events, units, count, &effects));
    for (size_t i = 0; i < count; i++) {
        script->fates[order][places[i]] = events[i].fate;
        snprintf(script->codes[order][places[i]], 32, "%s", events[i].fate == FATE_DEAD_LETTER ? events[i].code : "");
    }
    arena_free(arena);
}

static uint32_t chance(uint32_t *state) /* xorshift (Marsaglia) */
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    return *state ^= *state << 5;
}

/* 0: as sent, one by one. 1: any merge of the topics, any split. 2: topic by topic, at once. */
static void play(struct shelf *shelf, struct script *script, int order, uint32_t seed)
{
    size_t places[EVENTS_MAX], next[TOPIC_INPUTS] = {0}, taken = 0, begun = 0;
    while (taken < script->count) {
        enum topic_kind topic = order == 0   ? script->sent[taken].topic
                                : order == 1 ? (enum topic_kind)(chance(&seed) % TOPIC_INPUTS)
                                             : TOPIC_UNIT_REVIEW;
        for (int tries = 0; tries < TOPIC_INPUTS; tries++, topic = (enum topic_kind)((topic + 1) % TOPIC_INPUTS)) {
            while (next[topic] < script->count && script->sent[next[topic]].topic != topic) next[topic]++;
            if (next[topic] < script->count) break;
        }
        places[taken++] = next[topic]++;
        bool is_cut = order == 0 || taken == script->count || (order == 1 && chance(&seed) % 3 == 0);
        if (!is_cut) continue;
        batch_play(shelf, script, order, places + begun, taken - begun);
        begun = taken;
    }
}

static void tell(const struct shelf *shelf, char out[DUMP_BYTES_MAX])
{
    static struct dump dump;
    size_t used = 0;
    out[0] = '\0';
    for (int32_t year = YEAR; year <= YEAR + 1; year++) {
        dump_review(&dump, shelf_find(shelf, unit, year));
        used += (size_t)snprintf(out + used, DUMP_BYTES_MAX - used, "%d\n%s", year, dump.bytes);
        require(used < DUMP_BYTES_MAX);
    }
}

static void compare(const struct script *script, int order)
{
    bool is_same = strcmp(script->dumps[0], script->dumps[order]) == 0;
    for (size_t i = 0; i < script->count; i++) {
        if (script->fates[0][i] == script->fates[order][i] && strcmp(script->codes[0][i], script->codes[order][i]) == 0) continue;
        is_same = false;
        (void)fprintf(stderr, "event %zu: %d %s, %d %s\n", i, script->fates[0][i], script->codes[0][i], script->fates[order][i],
                      script->codes[order][i]);
    }
    if (is_same) return;
    (void)fprintf(stderr, "as sent:\n%s\norder %d:\n%s\n", script->dumps[0], order, script->dumps[order]);
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct script script;
    static struct ground ground;
    if (size < WORLD_BYTES + EVENT_BYTES) return 0;
    uint32_t seed = 1 + (uint32_t)data[0] + 256 * (uint32_t)data[size - 1] + 65536 * (uint32_t)size;
    ground_fill(&ground, data);
    script_fill(&script, data + WORLD_BYTES, size - WORLD_BYTES);
    for (int order = 0; order < ORDERS; order++) {
        struct shelf *shelf = shelf_new(&ground.world);
        require(shelf != NULL);
        play(shelf, &script, order, seed);
        tell(shelf, script.dumps[order]);
        shelf_free(shelf);
        if (order > 0) compare(&script, order);
    }
    return 0;
}
