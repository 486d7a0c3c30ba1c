/* What verify compares: lines of state, their sums, where they differ, and reviews that are kept between micro-batches. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ops-next/kept_world.h"
#include "ops-next/state_differences.h"
#include "ops-next/state_lines.h"

/* ---- sums ---- */

static void add(struct state_sums *sums, enum state_side side, const char *line)
{
    assert_true(state_sums_add(sums, side, line, strlen(line)));
}

static void expect_differing(const struct state_sums *sums, const char *expected)
{
    size_t count;
    char found[200] = "";
    size_t used = 0;
    const char **names = state_sums_differing(sums, &count);
    assert_non_null(names);
    for (size_t i = 0; i < count; i++) used += (size_t)snprintf(found + used, sizeof found - used, "%s ", names[i]);
    free(names);
    assert_string_equal(found, expected);
}

static void order_does_not_matter(void **state)
{
    (void)state;
    char recorded[STATE_SUM_DIGITS + 1], rebuilt[STATE_SUM_DIGITS + 1], line[64];
    struct state_sums *sums = state_sums_new();
    for (int i = 0; i < 5000; i++) {
        (void)snprintf(line, sizeof line, "U%d\tdecision\t%d", i % 1700, i);
        add(sums, STATE_RECORDED, line);
    }
    state_sums_digest(sums, STATE_REBUILT, rebuilt);
    assert_string_equal(rebuilt, "00000000000000000000000000000000");
    for (int i = 4999; i >= 0; i--) {
        (void)snprintf(line, sizeof line, "U%d\tdecision\t%d", i % 1700, i);
        add(sums, STATE_REBUILT, line);
    }
    expect_differing(sums, "");
    state_sums_digest(sums, STATE_RECORDED, recorded);
    state_sums_digest(sums, STATE_REBUILT, rebuilt);
    assert_string_equal(recorded, rebuilt);
    assert_int_equal(strspn(recorded, "0123456789abcdef"), STATE_SUM_DIGITS);
    state_sums_free(sums);
}

static void differences_are_of_their_unit(void **state)
{
    (void)state;
    struct state_sums *sums = state_sums_new();
    add(sums, STATE_RECORDED, "U2\ta");
    add(sums, STATE_RECORDED, "U2\ta"); /* twice */
    add(sums, STATE_REBUILT, "U2\ta");
    add(sums, STATE_RECORDED, "U10\tb");
    add(sums, STATE_REBUILT, "U10\tc");
    add(sums, STATE_REBUILT, "U1\ta");
    add(sums, STATE_RECORDED, "U1\ta");
    add(sums, STATE_REBUILT, "U\\\\\td");
    add(sums, STATE_RECORDED, "U3"); /* no tab: all of it is the unit */
    expect_differing(sums, "U10 U2 U3 U\\\\ ");
    add(sums, STATE_REBUILT, "U2\ta");
    add(sums, STATE_REBUILT, "U3");
    expect_differing(sums, "U10 U\\\\ ");
    state_sums_free(sums);
}

/* A change of one unit that is undone in another is a change of both. */
static void units_do_not_balance(void **state)
{
    (void)state;
    struct state_sums *sums = state_sums_new();
    add(sums, STATE_RECORDED, "U1\ta");
    add(sums, STATE_REBUILT, "U2\ta");
    expect_differing(sums, "U1 U2 ");
    state_sums_free(sums);
}

/* ---- lines ---- */

struct lines {
    char text[4096];
};

static bool collect(void *context, const char *line, size_t bytes)
{
    struct lines *lines = context;
    size_t used = strlen(lines->text);
    (void)snprintf(lines->text + used, sizeof lines->text - used, "%.*s\n", (int)bytes, line);
    return true;
}

static bool refuse(void *context, const char *line, size_t bytes)
{
    (void)context;
    (void)line;
    (void)bytes;
    return false;
}

static struct unit_review unit_review = {.source = "urn:\\x\t1",
                                         .id = "r\n1",
                                         .submitted_by = "甲\b\f\r\v",
                                         .place = {7, 1000},
                                         .profile = {.name = "", .address = NULL},
                                         .code = NULL};
static const struct failing failing[] = {{11, "left", NULL}, {12, "retired", "id-expired"}};
static struct chunk chunks[] = {{.number = 2, .id = "c2", .place = {4, 40}, .is_in_campaign = true}};
static struct submission submissions[] = {{.name = "s1",
                                           .source = "urn:a",
                                           .unit_review = "r1",
                                           .submitted_by = "b",
                                           .mode = EVENT_MODE_LIST,
                                           .chunk_count = 2,
                                           .entries_total = 5,
                                           .received = 2,
                                           .is_in_campaign = true,
                                           .first = {3, 30},
                                           .completed = {4, 40},
                                           .completed_by = "c2",
                                           .chunks = chunks,
                                           .chunks_loaded = 1,
                                           .listed = 5,
                                           .passed = 3,
                                           .failed = 2,
                                           .warnings_total = 1,
                                           .findings_json = "[\"\\\\\"]",
                                           .failing = failing,
                                           .has_failing = true,
                                           .failed_json = "no longer",
                                           .state = SUBMISSION_APPROVED,
                                           .has_digest = true,
                                           .digest = {0xab},
                                           .decided_ms = 50},
                                          {.name = "s2",
                                           .source = "urn:a",
                                           .unit_review = "r1",
                                           .submitted_by = "b",
                                           .chunk_count = 1,
                                           .received = 0,
                                           .first = {9, 90},
                                           .completed = {-1, 0},
                                           .content_sha256 = {1},
                                           .failing = failing,
                                           .has_failing = true,
                                           .failed = 1,
                                           .failed_json = "{}",
                                           .state = SUBMISSION_WAITING}};
static struct decision decisions[] = {{.source = "urn:s",
                                       .id = "d1",
                                       .submission = "s1",
                                       .place = {1, 50},
                                       .kind = DECISION_APPROVED,
                                       .digest_text = "sha256:ab",
                                       .superior = "S",
                                       .reviewer = "R",
                                       .verdict = VERDICT_ACCEPTED,
                                       .is_counted = true}};
static struct repeat repeats[] = {{.source = "urn:a", .id = "again", .place = {5, 55}}};
static const struct review sample = {.unit = "U\\1",
                                     .year = 2026,
                                     .unit_reviews = &unit_review,
                                     .unit_review_count = 1,
                                     .submissions = submissions,
                                     .submission_count = 2,
                                     .decisions = decisions,
                                     .decision_count = 1,
                                     .repeats = repeats,
                                     .repeat_count = 1};

#define ZEROS "00000000000000000000000000000000000000000000000000000000000000"

static void rows_are_lines_of_copy(void **state)
{
    (void)state;
    struct lines lines = {""};
    assert_true(state_lines_of(&sample, collect, &lines));
    assert_string_equal(lines.text,
                        "U\\\\1\tunit-review\turn:\\\\x\\t1\tr\\n1\t甲\\b\\f\\r\\v\t1000\t00" ZEROS "\t\t\\N\t\\N\t\\N\t\\N\t\\N\n"
                        "U\\\\1\tsubmission\ts1\turn:a\tr1\tb\tlist\t2\t5\t2\tt\t30\t40\tc2\t\\N\tapproved\t\\N\t\\N\t5\t3\t2\t0\t1\t["
                        "\"\\\\\\\\\"]\t11,12\t"
                        "left,retired\t;id-expired\t\\N\tab" ZEROS "\t50\n"
                        "U\\\\1\tchunk\ts1\t2\tc2\t40\t00" ZEROS "\tt\t\\N\n"
                        "U\\\\1\tremoved\t11\tleft\ts1\turn:s\td1\t50\n"
                        "U\\\\1\tremoved\t12\tretired\ts1\turn:s\td1\t50\n"
                        "U\\\\1\tsubmission\ts2\turn:a\tr1\tb\timport\t1\t0\t0\tf\t90\t0\t\\N\t01" ZEROS
                        "\twaiting\t\\N\t\\N\t0\t0\t1\t0\t0\t\\N\t11\tleft\t\t{}\t"
                        "\\N\t0\n"
                        "U\\\\1\tdecision\turn:s\td1\ts1\t50\t00" ZEROS "\tapproved\tsha256:ab\tS\tR\t\\N\t\\N\taccepted\t\\N\tt\n"
                        "U\\\\1\trepeated-chunk\turn:a\tagain\t55\t00" ZEROS "\n");
    assert_false(state_lines_of(&sample, refuse, NULL));
}

static void kinds_have_columns(void **state)
{
    (void)state;
    assert_string_equal(state_line_kind_of("removed")->columns[1], "reason");
    assert_int_equal(state_line_kind_of("chunk")->key_columns, 2);
    assert_null(state_line_kind_of("none"));
}

/* ---- differences ---- */

static bool tell(void *context, const struct state_difference *d)
{
    struct lines *lines = context;
    size_t used = strlen(lines->text);
    (void)snprintf(lines->text + used, sizeof lines->text - used, "%s|%s|%s|%s|%s|%s\n", d->unit, d->kind, d->key,
                   d->field == NULL ? "-" : d->field, d->recorded == NULL ? "-" : d->recorded, d->rebuilt == NULL ? "-" : d->rebuilt);
    return true;
}

static bool tell_no_more(void *context, const struct state_difference *difference)
{
    (void)difference;
    ++*(int *)context;
    return false;
}

static void note(struct state_differences *differences, enum state_side side, const char *line)
{
    assert_true(state_differences_add(differences, side, line, strlen(line)));
}

static void fields_and_rows_are_named(void **state)
{
    (void)state;
    int told = 0;
    struct lines lines = {""};
    struct state_differences differences = {0};
    note(&differences, STATE_REBUILT, "U1\tremoved\t11\tleft\ts\ta\td\t5");
    note(&differences, STATE_RECORDED, "U1\tremoved\t11\tdeceased\ts\ta\t\\N\t5");
    note(&differences, STATE_RECORDED, "U1\tremoved\t12\tleft\ts\ta\td\t5"); /* equal */
    note(&differences, STATE_REBUILT, "U1\tremoved\t12\tleft\ts\ta\td\t5");
    note(&differences, STATE_RECORDED, "U1\tremoved\t13\tretired\ts\ta\td\t5"); /* twice */
    note(&differences, STATE_RECORDED, "U1\tremoved\t13\tretired\ts\ta\td\t5");
    note(&differences, STATE_REBUILT, "U1\tremoved\t13\tretired\ts\ta\td\t5");
    note(&differences, STATE_REBUILT, "U\\\\0\tchunk\ts\\t1\t2\tid\t5\tff\tt");
    assert_true(state_differences_tell(&differences, tell, &lines));
    assert_string_equal(lines.text, "U1|removed|11|reason|deceased|left\nU1|removed|11|decision|-|d\nU1|removed|13|-|retired|-\n"
                                    "U\\0|chunk|s\t1 2|-|-|there\n");
    assert_false(state_differences_tell(&differences, tell_no_more, &told));
    assert_int_equal(told, 1);
    state_differences_free(&differences);
    assert_true(state_differences_tell(&differences, tell, &lines));
}

/* ---- reviews that are kept ---- */

static bool count_review(void *context, const struct review *review)
{
    int *counts = context;
    counts[0]++;
    counts[1] += (int)review->submission_count;
    return counts[0] < counts[2];
}

static void reviews_are_kept(void **state)
{
    (void)state;
    enum { UNITS = 3000 };
    struct arena *arena = arena_new(64 * 1024 * 1024);
    struct kept_world *kept = kept_world_new();
    for (int round = 0; round < 2; round++) {
        struct world world = {.arena = arena};
        struct review_event *events = arena_take(arena, UNITS * sizeof *events);
        const char **units = arena_take(arena, UNITS * sizeof *units);
        int32_t *years = arena_take(arena, UNITS * sizeof *years);
        for (int i = 0; i < UNITS; i++) {
            char name[16];
            (void)snprintf(name, sizeof name, "U%d", i % (UNITS / 2));
            units[i] = i == 7 ? NULL : arena_copy(arena, name, strlen(name));
            years[i] = 2026;
        }
        assert_true(kept_world_open(kept, &world, events, units, years, UNITS));
        assert_null(events[7].review);
        assert_ptr_equal(events[1].review, events[1 + UNITS / 2].review); /* one for each unit and year */
        assert_int_equal(world.review_count, UNITS / 2);
        for (size_t i = 0; i < world.review_count; i++) {
            assert_int_equal(world.reviews[i].submission_count, round);
            world.reviews[i].submissions = submissions;
            world.reviews[i].submission_count = 1;
        }
        assert_true(kept_world_keep(kept, &world));
        arena_reset(arena);
    }
    int counts[] = {0, 0, UNITS};
    assert_true(kept_world_visit(kept, count_review, counts));
    assert_int_equal(counts[0], UNITS / 2);
    assert_int_equal(counts[1], UNITS / 2);
    int few[] = {0, 0, 2};
    assert_false(kept_world_visit(kept, count_review, few));
    assert_int_equal(few[0], 2);
    kept_world_clear(kept);
    assert_true(kept_world_visit(kept, count_review, few));
    assert_int_equal(few[0], 2);
    kept_world_free(kept);
    kept_world_free(NULL);
    state_sums_free(NULL);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_does_not_matter), cmocka_unit_test(differences_are_of_their_unit),
        cmocka_unit_test(units_do_not_balance),  cmocka_unit_test(rows_are_lines_of_copy),
        cmocka_unit_test(kinds_have_columns),    cmocka_unit_test(fields_and_rows_are_named),
        cmocka_unit_test(reviews_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
