/*
 * Events played through the review engine in memory, for one unit U1 of the superior S1, in the year 2026. A test queues events and applies
 * them as a micro-batch; between micro-batches only what a store keeps is kept (tests/rules/shelf.h). Included by one test program each.
 */
#ifndef NIANSHEN_TESTS_UNIT_RULES_FIXTURE_H
#define NIANSHEN_TESTS_UNIT_RULES_FIXTURE_H

#include <openssl/sha.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rules/hex.h"
#include "tests/rules/shelf.h"

enum {
    YEAR = 2026,
    OPENS_MS = 1000,
    CLOSES_MS = 100000,
    MEMBERS = 5,
    QUEUE_MAX = 32768,
    TOLD_MAX = 131072,
    FIXTURE_BYTES_MAX = 1 << 30,
};

struct told {
    char *type, *causation, *body;
    char id[OUTCOME_ID_CHARS + 1];
    int64_t time_ms;
    int32_t partition;
    enum topic_kind topic;
};

struct fixture {
    struct shelf_world world;
    struct shelf_unit units[2];
    struct campaign campaigns[2];
    struct reviewer_term reviewers[3];
    struct superior_term superiors[2];
    struct limit_term limits[3];
    struct shelf_member members[MEMBERS + 2];
    struct shelf_change changes[8];
    char numbers[64][ID_KEY_PACKED_CHARS + 1];
    struct shelf *shelf;
    struct arena *events_memory; /* what was queued, for the whole test */
    struct review_event *events; /* queued; after fixture_apply those of the last micro-batch */
    const char **unit_of;
    size_t count, applied;
    int64_t now_ms, offsets[TOPIC_INPUTS];
    const char *unit, *source;
    int32_t year;
    struct told *told;
    size_t told_count;
};

/* Valid numbers that ascend with n. */
static inline const char *number(struct fixture *fixture, int n)
{
    (void)id_key_write((struct id_key){.packed = 11010119900101000 + (uint64_t)n}, fixture->numbers[n]);
    return fixture->numbers[n];
}

static inline struct id_key key(struct fixture *fixture, int n)
{
    return id_key_of(number(fixture, n), ID_KEY_PACKED_CHARS);
}

static inline void fixture_fill(struct fixture *fixture)
{
    static const uint8_t salt[] = "a salt of thirty-two bytes, yes!";
    static const char *const reasons[] = {"deceased", "left", "retired"};
    static const char *const names[] = {"张一", "李二", "王三", "阿依·古丽", ""}, *const nos[] = {"M1", "M2", "M3", "M4", "M5"};
    fixture->campaigns[0] =
        (struct campaign){.year = YEAR, .opens_ms = OPENS_MS, .closes_ms = CLOSES_MS, .salt = salt, .salt_bytes = sizeof salt - 1};
    fixture->reviewers[0] = (struct reviewer_term){"R1", "S1", 0, REFERENCE_FOREVER_MS};
    fixture->reviewers[1] = (struct reviewer_term){"R2", "S1", 5000, 6000};
    fixture->reviewers[2] = (struct reviewer_term){"clerk", "S1", 0, REFERENCE_FOREVER_MS};
    fixture->superiors[0] = (struct superior_term){"S1", 0, 50000};
    fixture->superiors[1] = (struct superior_term){"S2", 50000, REFERENCE_FOREVER_MS};
    for (int i = 0; i < MEMBERS; i++)
        fixture->members[i] =
            (struct shelf_member){.enrolment = 101 + i, .member_no = nos[i], .number = number(fixture, 10 * (i + 1)), .name = names[i]};
    fixture->units[0] = (struct shelf_unit){.unit = "U1",
                                            .created_ms = 500,
                                            .superiors = fixture->superiors,
                                            .superior_count = 2,
                                            .limits = fixture->limits,
                                            .members = fixture->members,
                                            .member_count = MEMBERS,
                                            .changes = fixture->changes};
    fixture->world = (struct shelf_world){.reference = {.campaigns = fixture->campaigns,
                                                        .campaign_count = 1,
                                                        .reviewers = fixture->reviewers,
                                                        .reviewer_count = 3,
                                                        .reasons = reasons,
                                                        .reason_count = 3},
                                          .units = fixture->units,
                                          .unit_count = 1,
                                          .block_members = 2};
}

static inline int fixture_set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    fixture_fill(fixture);
    fixture->events_memory = arena_new(FIXTURE_BYTES_MAX);
    fixture->events = calloc(QUEUE_MAX, sizeof *fixture->events);
    fixture->unit_of = calloc(QUEUE_MAX, sizeof *fixture->unit_of);
    fixture->told = calloc(TOLD_MAX, sizeof *fixture->told);
    fixture->now_ms = 2000;
    fixture->unit = "U1";
    fixture->source = "up";
    fixture->year = YEAR;
    *state = fixture;
    return 0;
}

static inline int fixture_tear_down(void **state)
{
    struct fixture *fixture = *state;
    if (fixture->shelf != NULL) shelf_free(fixture->shelf);
    arena_free(fixture->events_memory);
    for (size_t i = 0; i < fixture->told_count; i++) {
        free(fixture->told[i].type);
        free(fixture->told[i].causation);
        free(fixture->told[i].body);
    }
    free(fixture->told);
    free(fixture->unit_of);
    free(fixture->events);
    free(fixture);
    return 0;
}

#define RULE_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

/* ---- queueing ---- */

static inline const char *kept_text(struct fixture *fixture, const char *text)
{
    return text == NULL ? NULL : arena_copy(fixture->events_memory, text, strlen(text));
}

static inline struct event *queue(struct fixture *fixture, enum event_type type, const char *id, const char *content)
{
    struct event *event = arena_take(fixture->events_memory, sizeof *event);
    if (fixture->applied == fixture->count) fixture->applied = fixture->count = 0;
    *event = (struct event){.type = type,
                            .source = kept_text(fixture, fixture->source),
                            .id = kept_text(fixture, id),
                            .unit = fixture->unit,
                            .year = fixture->year,
                            .submitted_by = "clerk"};
    SHA256((const unsigned char *)content, strlen(content), event->content_sha256);
    enum topic_kind topic = event_type_topic(type);
    fixture->unit_of[fixture->count] = fixture->unit;
    fixture->events[fixture->count++] = (struct review_event){
        .topic = topic, .partition = 3, .offset = fixture->offsets[topic]++, .append_ms = fixture->now_ms, .event = event};
    return event;
}

static inline struct event *unit_review(struct fixture *fixture, const char *id)
{
    return queue(fixture, EVENT_UNIT_REVIEW_CONFIRMED, id, id);
}

/* Chunk `n` of `chunks` that names the unit review r1: without rows until entries are added. */
static inline struct event *chunk_of(struct fixture *fixture, const char *id, const char *submission, int32_t n, int32_t chunks,
                                     int32_t total)
{
    char content[512];
    (void)snprintf(content, sizeof content, "%s %d", submission, n);
    struct event *event = queue(fixture, EVENT_MEMBER_REVIEW_SUBMITTED, id, content);
    event->submission = kept_text(fixture, submission);
    event->unit_review = "r1";
    event->chunk_number = n;
    event->chunks = chunks;
    event->entries_total = total;
    return event;
}

static inline struct event *chunk(struct fixture *fixture, const char *id, const char *submission, int32_t total)
{
    return chunk_of(fixture, id, submission, 1, 1, total);
}

static inline struct event_failing *fail_key(struct fixture *fixture, struct event *event, struct id_key failing_key, const char *reason)
{
    struct event_failing *list = arena_take(fixture->events_memory, (event->rows.failing_count + 1) * sizeof *list);
    if (event->rows.failing_count > 0) memcpy(list, event->rows.failing, event->rows.failing_count * sizeof *list);
    struct event_failing *failing = &list[event->rows.failing_count++];
    *failing = (struct event_failing){.key = failing_key, .reason = reason};
    event->rows.failing = list;
    return failing;
}

static inline struct event_failing *fail_member(struct fixture *fixture, struct event *event, int n)
{
    return fail_key(fixture, event, key(fixture, n), "left");
}

static inline void pass_key(struct fixture *fixture, struct event *event, struct id_key passed)
{
    struct id_key *list = arena_take(fixture->events_memory, (event->rows.passed_count + 1) * sizeof *list);
    if (event->rows.passed_count > 0) memcpy(list, event->rows.passed, event->rows.passed_count * sizeof *list);
    list[event->rows.passed_count++] = passed;
    event->rows.passed = list;
    event->mode = EVENT_MODE_LIST;
}

static inline void add_bad(struct fixture *fixture, struct event *event, struct event_bad_number bad)
{
    struct event_bad_number *list = arena_take(fixture->events_memory, (event->rows.bad_count + 1) * sizeof *list);
    if (event->rows.bad_count > 0) memcpy(list, event->rows.bad, event->rows.bad_count * sizeof *list);
    list[event->rows.bad_count++] = bad;
    event->rows.bad = list;
}

static inline struct event *decision(struct fixture *fixture, enum event_type type, const char *id, const char *submission)
{
    struct event *event = queue(fixture, type, id, id);
    event->submission = kept_text(fixture, submission);
    if (type == EVENT_REVIEW_WITHDRAWN) return event;
    event->submitted_by = NULL;
    event->superior = "S1";
    event->reviewer = "R1";
    event->digest = "sha256:";
    return event;
}

static inline const struct submission *submission(const struct fixture *fixture, const char *name)
{
    const struct review *review = shelf_find(fixture->shelf, "U1", YEAR);
    for (size_t i = 0; review != NULL && i < review->submission_count; i++)
        if (strcmp(review->submissions[i].name, name) == 0) return &review->submissions[i];
    return NULL;
}

/* With the digest of what is pending. */
static inline struct event *decide(struct fixture *fixture, enum event_type type, const char *id, const char *name)
{
    char digest[2 * STATE_DIGEST_BYTES + 8] = "sha256:";
    struct event *event = decision(fixture, type, id, name);
    hex_write(submission(fixture, name)->digest, STATE_DIGEST_BYTES, digest + 7);
    event->digest = kept_text(fixture, digest);
    return event;
}

static inline struct event *approve(struct fixture *fixture, const char *id, const char *name)
{
    return decide(fixture, EVENT_REVIEW_APPROVED, id, name);
}

static inline struct event *give_back(struct fixture *fixture, const char *id, const char *name)
{
    return decide(fixture, EVENT_REVIEW_RETURNED, id, name);
}

static inline struct event *withdraw(struct fixture *fixture, const char *id, const char *name)
{
    return decision(fixture, EVENT_REVIEW_WITHDRAWN, id, name);
}

/* ---- applying ---- */

static inline void keep_outcomes(struct fixture *fixture, const struct effects *effects)
{
    for (size_t i = 0; i < effects->outcome_count; i++) {
        const struct outcome *outcome = &effects->outcomes[i];
        struct told *told = &fixture->told[fixture->told_count++];
        assert_int_equal(strlen(outcome->body), outcome->body_bytes);
        told->type = strdup(outcome->type);
        told->causation = outcome->causation != NULL ? strdup(outcome->causation) : NULL;
        told->body = strdup(outcome->body);
        memcpy(told->id, outcome->id, sizeof told->id);
        told->time_ms = outcome->time_ms;
        told->partition = outcome->partition;
        told->topic = outcome->topic;
    }
}

/* One micro-batch of what is queued. `bytes_max` is its memory; false: that is too little. */
static inline bool apply_within(struct fixture *fixture, size_t bytes_max)
{
    struct effects effects = {.outcomes = NULL};
    struct arena *arena = arena_new(bytes_max);
    if (fixture->shelf == NULL) fixture->shelf = shelf_new(&fixture->world);
    bool is_done = shelf_apply(fixture->shelf, arena, fixture->events, fixture->unit_of, fixture->count, &effects);
    if (is_done) {
        keep_outcomes(fixture, &effects);
        fixture->applied = fixture->count;
        for (size_t i = 0; i < fixture->count; i++) fixture->events[i].text = fixture->events[i].fate == FATE_DEAD_LETTER ? "text" : NULL;
    }
    arena_free(arena);
    return is_done;
}

static inline void apply(struct fixture *fixture)
{
    assert_true(apply_within(fixture, FIXTURE_BYTES_MAX));
}

/* ---- looking ---- */

static inline void expect_fate(const struct fixture *fixture, size_t index, enum fate fate, const char *code)
{
    assert_int_equal(fixture->events[index].fate, fate);
    if (code == NULL)
        assert_null(fixture->events[index].code);
    else
        assert_string_equal(fixture->events[index].code, code);
}

static inline void expect_applied(const struct fixture *fixture)
{
    for (size_t i = 0; i < fixture->count; i++) expect_fate(fixture, i, FATE_APPLIED, NULL);
}

static inline void expect_state(const struct fixture *fixture, const char *name, enum submission_state state, const char *code)
{
    const struct submission *found = submission(fixture, name);
    assert_non_null(found);
    assert_string_equal(submission_state_name(found->state), submission_state_name(state));
    assert_string_equal(found->code != NULL ? found->code : "none", code != NULL ? code : "none");
}

static inline void expect_decision(const struct fixture *fixture, const char *id, enum verdict verdict, const char *code)
{
    const struct review *review = shelf_find(fixture->shelf, "U1", YEAR);
    for (size_t i = 0; i < review->decision_count; i++) {
        const struct decision *found = &review->decisions[i];
        if (strcmp(found->id, id) != 0) continue;
        assert_string_equal(verdict_name(found->verdict), verdict_name(verdict));
        assert_string_equal(found->code != NULL ? found->code : "none", code != NULL ? code : "none");
        return;
    }
    fail_msg("there is no decision %s", id);
}

/* The body of the last outcome of this type (without prefix and version) for this event; NULL: there is none. */
static inline const char *told_of(const struct fixture *fixture, const char *type, const char *causation)
{
    char full[128];
    (void)snprintf(full, sizeof full, "nianshen.%s.v1", type);
    for (size_t i = fixture->told_count; i-- > 0;) {
        const struct told *told = &fixture->told[i];
        if (strcmp(told->type, full) == 0 && told->causation != NULL && strcmp(told->causation, causation) == 0) return told->body;
    }
    return NULL;
}

static inline void expect_told(const struct fixture *fixture, const char *type, const char *causation, const char *part)
{
    const char *body = told_of(fixture, type, causation);
    if (body == NULL)
        fail_msg("no %s of %s", type, causation);
    else if (strstr(body, part) == NULL)
        fail_msg("%s is not in %s", part, body);
}

static inline void expect_not_told(const struct fixture *fixture, const char *type, const char *causation)
{
    assert_null(told_of(fixture, type, causation));
}

/* Fails all of these members in an import, in the order given. */
static inline struct event *import(struct fixture *fixture, const char *id, const char *name, const int *members, int count)
{
    struct event *event = chunk(fixture, id, name, count);
    for (int i = 0; i < count; i++) (void)fail_member(fixture, event, members[i]);
    return event;
}

/* An accepted unit review r1 and the pending submission s1 (chunk c1), which fails the first member. */
static inline void make_pending(struct fixture *fixture)
{
    static const int first[] = {10};
    (void)unit_review(fixture, "r1");
    (void)import(fixture, "c1", "s1", first, 1);
    apply(fixture);
    expect_applied(fixture);
    expect_state(fixture, "s1", SUBMISSION_PENDING, NULL);
}

#endif
