/* When outcomes and dead letters are taken, published and marked: with micro-batches, behind one another, by themselves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#include <cmocka.h>

#include "tests/unit/play.h"

/* ---- marks ---- */

enum { TRICKLE = 20 /* records */, TRICKLE_MS = 20 /* apart */ };

static struct {
    int appended;
    int64_t at_ms, last_ms;
    bool was_marked_soon; /* the last one */
} trickle;

static void trickle_on(void)
{
    char unit[16], id[32];
    if (fake_database.claims == 0 || play.now_ms < trickle.at_ms) return;
    trickle.at_ms = play.now_ms + TRICKLE_MS;
    if (trickle.appended < TRICKLE) {
        snprintf(unit, sizeof unit, "U%04d", trickle.appended);
        snprintf(id, sizeof id, "drop-%d", trickle.appended++);
        fake_append(unit, id);
        trickle.last_ms = play.now_ms;
    } else if (play.now_ms < trickle.last_ms + 2 * OUTBOX_MARK_MS) {
        trickle.was_marked_soon = fake_database.outbox[TRICKLE - 1].is_done;
    }
}

static void trickle_run(void (*each_round)(void))
{
    memset(&trickle, 0, sizeof trickle);
    play.wait_ms = 5; /* as when something happens all the time */
    play.each_round = each_round;
    assert_int_equal(play_run(PLAY_MS), EX_OK);
    assert_int_equal(trickle.appended, TRICKLE);
    assert_all_applied_once();
    for (size_t i = 0; i < fake_database.outbox_count; i++) assert_true(fake_database.outbox[i].is_done);
}

/* What was published is marked by the next micro-batch; the last of all soon, without one. */
static void test_marks_travel_with_micro_batches(void **state)
{
    (void)state;
    trickle_run(trickle_on);
    assert_true(trickle.was_marked_soon);
    assert_int_equal(fake_kafka.sent_count, TRICKLE);
    assert_int_equal(fake_database.marks_alone, 1);
}

/* Also in a backlog that is worked off. */
static void test_marks_travel_until_the_end(void **state)
{
    (void)state;
    append_units("a");
    snprintf(run_flag, sizeof run_flag, "--batch-records=1");
    assert_int_equal(run_worker(true), EX_OK);
    assert_all_applied_once();
    assert_int_equal(fake_kafka.sent_count, UNITS);
    assert_in_range(fake_database.marks_alone, 1, 2);
}

/* What a micro-batch writes comes with its answer; otherwise it is asked for at the beginning and from time to time. */
static void test_rows_travel_with_answers(void **state)
{
    (void)state;
    trickle_run(trickle_on);
    assert_int_equal(fake_kafka.sent_count, TRICKLE);
    assert_in_range(fake_database.takes_alone, 1, 1 + PLAY_MS / OUTBOX_EVERY_MS);
}

static int64_t load_ends_ms;
static int taken_under_load;

static void keep_coming(void)
{
    char id[32];
    if (fake_database.claims == 0 || play.now_ms < trickle.at_ms) return;
    if (load_ends_ms == 0) load_ends_ms = play.now_ms + 2 * OUTBOX_EVERY_MS + OUTBOX_MARK_MS;
    if (play.now_ms >= load_ends_ms) return;
    trickle.at_ms = play.now_ms + TRICKLE_MS;
    taken_under_load = fake_database.takes_alone;
    snprintf(id, sizeof id, "drop-%d", trickle.appended++);
    fake_append("U0001", id);
}

/* From time to time also while micro-batches come one after the other, so that there is always something in flight. */
static void test_the_outbox_is_looked_at_under_load(void **state)
{
    (void)state;
    memset(&trickle, 0, sizeof trickle);
    load_ends_ms = 0;
    play.wait_ms = 5;
    play.each_round = keep_coming;
    assert_int_equal(play_run(PLAY_MS), EX_OK);
    assert_all_applied_once();
    assert_int_equal(fake_kafka.sent_count, trickle.appended);
    assert_in_range(taken_under_load, 3, 4); /* at the beginning and twice later */
}

enum { REFUSALS = 10000 };
static int refused_soon, refused; /* until the second micro-batch was applied, until all were */

static void trickle_on_and_count(void)
{
    trickle_on();
    if (trickle.appended <= 2) refused_soon = REFUSALS - fake_kafka.refusals;
    if (trickle.appended < TRICKLE) refused = REFUSALS - fake_kafka.refusals;
}

/* What the broker refuses waits longer and longer, and does not come back with each micro-batch. */
static void test_refused_rows_do_not_travel(void **state)
{
    (void)state;
    memset(&trickle, 0, sizeof trickle);
    fake_kafka.refusals = REFUSALS;
    play.wait_ms = 5;
    play.each_round = trickle_on_and_count;
    assert_int_equal(play_run(PLAY_MS), EX_OK);
    assert_int_equal(trickle.appended, TRICKLE);
    assert_int_equal(refused_soon, 1); /* the first one; the second waits with it */
    assert_in_range(refused, 2, 50); /* with each micro-batch it would be a hundred and more */
}

/* A micro-batch that fails marks nothing: the next attempt does, and nothing is published again for that. */
static void test_marks_of_a_micro_batch_that_fails(void **state)
{
    (void)state;
    fake_database.script[3] = FAKE_DEADLOCK;
    fake_database.script[6] = FAKE_LOST_BEFORE;
    fake_database.script[9] = FAKE_LOST_AFTER;
    trickle_run(trickle_on);
    assert_int_equal(fake_kafka.sent_count, TRICKLE);
}

/* ---- portions ---- */

static struct {
    size_t unreported; /* records, before the broker reports any */
    bool is_broken; /* the producer was, once */
    int64_t sent_ms; /* all were */
} flight;

static void trickle_unreported(void)
{
    trickle_on();
    fake_kafka.withholds_reports = trickle.appended < TRICKLE || play.now_ms < trickle.last_ms + TRICKLE_MS;
    if (fake_kafka.withholds_reports) flight.unreported = fake_kafka.handed_count;
    if (fake_kafka.sent_count == TRICKLE && flight.sent_ms == 0) flight.sent_ms = play.now_ms;
}

static void trickle_and_break(void)
{
    trickle_unreported();
    if (fake_kafka.handed_count < OUTBOX_PORTIONS_MAX || flight.is_broken) return;
    flight.is_broken = true;
    failing_start("producer_is_broken", 1);
}

static void assert_sent_once_in_order(void)
{
    assert_int_equal(fake_kafka.sent_count, fake_database.outbox_count);
    for (size_t i = 0; i < fake_kafka.sent_count; i++) assert_string_equal(fake_kafka.sent[i].key, fake_database.outbox[i].unit);
}

/* What a micro-batch writes does not wait for the broker's word on what the one before wrote. Only so much is in flight. */
static void test_rows_follow_what_is_not_reported(void **state)
{
    (void)state;
    memset(&flight, 0, sizeof flight);
    trickle_run(trickle_unreported);
    assert_int_equal(flight.unreported, OUTBOX_PORTIONS_MAX);
    assert_sent_once_in_order();
    assert_in_range(flight.sent_ms, trickle.last_ms, trickle.last_ms + OUTBOX_MARK_MS); /* the rest soon, though nothing more came */
}

/* By a new producer. */
static void test_all_in_flight_is_sent_again_in_order(void **state)
{
    (void)state;
    memset(&flight, 0, sizeof flight);
    trickle_run(trickle_and_break);
    assert_true(failing_stop());
    assert_true(flight.is_broken);
    assert_sent_once_in_order();
}

static bool is_read_still; /* when its original was found */

static void note_what_is_read(void)
{
    if (fake_kafka.sent_count > 0) is_read_still = is_read_still || fake_kafka.is_reading;
}

/* Nothing is fetched for a reader that has nothing to find. */
static void test_reading_rests_after_the_last_original(void **state)
{
    (void)state;
    fake_append_broken("U0001");
    is_read_still = false;
    play.each_round = note_what_is_read;
    assert_int_equal(play_run(PLAY_MS), EX_OK);
    assert_int_equal(fake_kafka.sent_count, 1);
    assert_false(is_read_still);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_marks_travel_with_micro_batches, play_setup),
        cmocka_unit_test_setup(test_marks_travel_until_the_end, play_setup),
        cmocka_unit_test_setup(test_rows_travel_with_answers, play_setup),
        cmocka_unit_test_setup(test_the_outbox_is_looked_at_under_load, play_setup),
        cmocka_unit_test_setup(test_refused_rows_do_not_travel, play_setup),
        cmocka_unit_test_setup(test_marks_of_a_micro_batch_that_fails, play_setup),
        cmocka_unit_test_setup(test_rows_follow_what_is_not_reported, play_setup),
        cmocka_unit_test_setup(test_all_in_flight_is_sent_again_in_order, play_setup),
        cmocka_unit_test_setup(test_reading_rests_after_the_last_original, play_setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
