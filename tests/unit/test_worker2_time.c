/* The second edition's worker in simulated time: outages, partial assignments, what is done while idle, how long anything waits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/play2.h"
#include "worker-next/settle.h"

static void test_an_absent_database_is_waited_for(void **state)
{
    (void)state;
    append_units("a");
    fake_store.closed_doors = 12;
    assert_int_equal(play_run(120000), 0);
    assert_int_equal(told.away, 1);
    assert_int_equal(told.back, 1);
    assert_all_applied_once();
}

static void test_until_end_gives_up_on_an_absent_database(void **state)
{
    (void)state;
    fake_store.closed_doors = 1000;
    int64_t since_ms = play.now_ms;
    assert_int_equal(run_worker(true), EX_UNAVAILABLE);
    assert_true(play.now_ms - since_ms >= WORKER_ABSENT_MS && play.now_ms - since_ms < 2 * WORKER_ABSENT_MS);
}

static void test_until_end_gives_up_on_an_absent_broker(void **state)
{
    (void)state;
    fake_kafka.broker_absences = 1000;
    assert_int_equal(run_worker(true), EX_UNAVAILABLE);
}

/* ---- partial shards ---- */

static void one_topic_only(void)
{
    if (fake_kafka.is_told_assigned) return;
    fake_kafka.is_told_assigned = fake_kafka.is_in_group = fake_kafka.must_assign = true;
    fake_kafka.assigned_alone = (struct kafka_position){TOPIC_MEMBER_REVIEW, 1, 0};
}

static void test_a_partial_shard_is_not_started(void **state)
{
    (void)state;
    append_units("a");
    play.each = one_topic_only;
    assert_int_equal(play_run(5000), 0);
    assert_true(told.partial > 0);
    assert_int_equal(told.ready, 0);
    assert_int_equal(fake_store.loads, 0);
    assert_int_equal(fake_store.claims, 0);
}

/* ---- idle work ---- */

static int64_t settled_at_ms;

static void note_settle(void)
{
    if (fake_store.settles > 0 && settled_at_ms == 0) settled_at_ms = play.now_ms;
}

static void test_removals_are_settled_while_idle(void **state)
{
    (void)state;
    append_units("a");
    fake_store.has_removals[0] = fake_store.has_removals[1] = true;
    settled_at_ms = 0;
    int64_t since_ms = play.now_ms;
    play.each_round = note_settle;
    assert_int_equal(play_run(PLAY_MS), 0);
    assert_int_equal(fake_store.settles, 2); /* the second one finds nothing left */
    assert_true(settled_at_ms - since_ms >= SETTLE_QUIET_MS);
}

static void test_until_end_does_not_wait_for_removals(void **state)
{
    (void)state;
    fake_store.has_removals[0] = true;
    assert_int_equal(run_worker(true), 0);
    assert_int_equal(fake_store.settles, 0);
}

/* ---- how long anything waits ---- */

static int64_t appended_at_ms, applied_at_ms;

static void append_at_the_live_end(void)
{
    if (appended_at_ms == 0 && told.ready > 0 && play.now_ms > 1010000) {
        appended_at_ms = play.now_ms;
        fake_append("U0001", "live");
    }
    if (appended_at_ms != 0 && applied_at_ms == 0 && fake_store.writes > 0) applied_at_ms = play.now_ms;
}

static void test_nothing_waits_at_the_live_end(void **state)
{
    (void)state;
    appended_at_ms = applied_at_ms = 0;
    play.each = append_at_the_live_end;
    assert_int_equal(play_run(PLAY_MS), 0);
    assert_all_applied_once();
    assert_true(applied_at_ms > 0 && applied_at_ms - appended_at_ms <= 10); /* some rounds, a millisecond each, and no time-out */
}

/* A topic that has more, as the broker says, and of which nothing comes: the others go on after a little while. */
static void test_a_silent_topic_is_not_waited_for_long(void **state)
{
    (void)state;
    int32_t shard = kafka_partition_of("U0001", 5, FAKE_PARTITIONS);
    appended_at_ms = applied_at_ms = 0;
    fake_kafka.partitions[TOPIC_APPROVAL][shard].end = 5;
    fake_kafka.partitions[TOPIC_APPROVAL][shard].is_mute = true;
    play.each = append_at_the_live_end;
    assert_int_equal(play_run(PLAY_MS), 0);
    assert_true(applied_at_ms - appended_at_ms >= INTAKE_MERGE_MS && applied_at_ms - appended_at_ms < 2 * INTAKE_MERGE_MS);
}

/* What is acknowledged is deleted soon although no micro-batch comes. */
static void test_what_is_published_is_deleted_soon(void **state)
{
    (void)state;
    append_units("a");
    assert_int_equal(play_run(2000), 0);
    assert_true(fake_store.marks > 0);
    for (size_t i = 0; i < fake_store.outbox_count; i++) assert_true(fake_store.outbox[i].is_deleted);
}

static void test_a_broker_that_takes_nothing(void **state)
{
    (void)state;
    append_units("a");
    fake_kafka.withholds_reports = true;
    assert_int_equal(play_run(3000), 0);
    for (int number = 0; number < FAKE_PARTITIONS; number++) /* what is applied does not wait for it */
        assert_int_equal(fake_store.positions[TOPIC_UNIT_REVIEW][number].next, fake_kafka.partitions[TOPIC_UNIT_REVIEW][number].end);
    fake_kafka.withholds_reports = false;
    assert_int_equal(run_worker(true), 0);
    assert_all_applied_once();
}

static int64_t stalled_busy_ms;

static void stay_busy(void)
{
    if (fake_store.loads == 0 && play.now_ms < stalled_busy_ms) fake_store.busy_polls = 100000;
}

static void test_a_stalled_database_is_told(void **state)
{
    (void)state;
    append_units("a");
    stalled_busy_ms = play.now_ms + 1000000;
    play.each_round = stay_busy;
    assert_int_equal(play_run(100000), 0);
    assert_true(told.stalled + told.away > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_an_absent_database_is_waited_for, play_setup),
        cmocka_unit_test_setup(test_until_end_gives_up_on_an_absent_database, play_setup),
        cmocka_unit_test_setup(test_until_end_gives_up_on_an_absent_broker, play_setup),
        cmocka_unit_test_setup(test_a_partial_shard_is_not_started, play_setup),
        cmocka_unit_test_setup(test_removals_are_settled_while_idle, play_setup),
        cmocka_unit_test_setup(test_until_end_does_not_wait_for_removals, play_setup),
        cmocka_unit_test_setup(test_nothing_waits_at_the_live_end, play_setup),
        cmocka_unit_test_setup(test_a_silent_topic_is_not_waited_for_long, play_setup),
        cmocka_unit_test_setup(test_what_is_published_is_deleted_soon, play_setup),
        cmocka_unit_test_setup(test_a_broker_that_takes_nothing, play_setup),
        cmocka_unit_test_setup(test_a_stalled_database_is_told, play_setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
