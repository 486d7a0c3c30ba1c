/*
 * The second edition's worker on a broker and a store in memory that go wrong as told. Whatever happens, in the end every record has been
 * applied exactly once and everything in the outbox has been published.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/fake_worker2.h"
#include "worker-next/apply.h"

enum { ROUNDS = 3 };

/* ---- the ordinary way ---- */

static void test_reads_to_the_end(void **state)
{
    (void)state;
    append_units("a");
    assert_int_equal(run_worker(true), 0);
    assert_all_applied_once();
    assert_int_equal(fake_kafka.sent_count, UNITS);
    for (size_t i = 0; i < fake_kafka.sent_count; i++) assert_int_equal(fake_kafka.sent[i].topic, TOPIC_OUTCOME);
}

static void test_goes_on_where_it_stood(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        char tag[16];
        snprintf(tag, sizeof tag, "r%d", round);
        append_units(tag);
        assert_int_equal(run_worker(true), 0);
        assert_all_applied_once();
    }
    assert_int_equal(fake_kafka.sent_count, UNITS * ROUNDS);
}

static void test_gaps_and_markers_at_the_end(void **state)
{
    (void)state;
    struct fake_partition *partition = &fake_kafka.partitions[TOPIC_UNIT_REVIEW][0];
    append_units("a");
    partition->end += 3; /* an aborted transaction */
    append_units("b");
    partition->end += 2;
    fake_kafka.partitions[TOPIC_APPROVAL][1].end = 5; /* nothing else in it */
    assert_int_equal(run_worker(true), 0);
    assert_all_applied_once();
    assert_int_equal(run_worker(true), 0);
    assert_all_applied_once();
}

static void test_dead_letters_keep_their_bytes(void **state)
{
    (void)state;
    fake_append("U0001", "a");
    int64_t offset = fake_append_broken("U0001");
    fake_append("U0001", "b");
    assert_int_equal(run_worker(true), 0);
    assert_all_applied_once();
    int dead_letters = 0;
    for (size_t i = 0; i < fake_kafka.sent_count; i++) {
        const struct fake_sent *dead = &fake_kafka.sent[i];
        if (dead->topic != TOPIC_DEAD_LETTER) continue;
        dead_letters++;
        assert_string_equal(dead->value, "not json");
        assert_string_equal(dead->key, "U0001");
        assert_string_equal(dead->code, "not-json");
        assert_int_equal(dead->origin, offset);
        assert_int_equal(dead->partition, kafka_partition_of("U0001", 5, FAKE_PARTITIONS));
    }
    assert_int_equal(dead_letters, 1);
}

/* ---- lanes ---- */

static void test_two_lanes_work_at_once(void **state)
{
    (void)state;
    strcpy(run_flag, "--lanes=2");
    append_units("a");
    append_units("b");
    fake_store.busy_polls = 5;
    assert_int_equal(run_worker(true), 0);
    assert_all_applied_once();
    assert_int_equal(fake_store.at_once_max, 2);
    assert_int_equal(fake_kafka.sent_count, 2 * UNITS);
}

static void test_more_lanes_than_shards(void **state)
{
    (void)state;
    strcpy(run_flag, "--lanes=8");
    append_units("a");
    assert_int_equal(run_worker(true), 0);
    assert_all_applied_once();
}

/* ---- merging ---- */

/* In the unit's partition of that topic; its records are appended a millisecond behind each other, from `first_ms` on. */
static void append_to(enum topic_kind topic, const char *id, int64_t first_ms)
{
    int32_t number = kafka_partition_of("U0001", 5, FAKE_PARTITIONS);
    struct fake_partition *partition = &fake_kafka.partitions[topic][number];
    struct test_record *record = &partition->records[partition->count++];
    test_unit_review(record, "U0001", 2026, "test", id, FAKE_PARTITIONS);
    record->topic = topic;
    record->offset = partition->end++;
    partition->append_shift_ms = first_ms;
}

/* What was applied third, by the ids of dead letters: records of the wrong type are published in the order in which they were applied. */
static void test_topics_are_merged_by_append_time(void **state)
{
    (void)state;
    static const char *const order[] = {"a0", "m0", "a1", "m1", "m2"};
    append_to(TOPIC_APPROVAL, "a0", 10);
    append_to(TOPIC_APPROVAL, "a1", 10); /* at 11, as m0: among equals the topic that others wait for is first */
    append_to(TOPIC_MEMBER_REVIEW, "m0", 11);
    append_to(TOPIC_MEMBER_REVIEW, "m1", 11);
    append_to(TOPIC_MEMBER_REVIEW, "m2", 11);
    assert_int_equal(run_worker(true), 0);
    assert_all_applied_once();
    assert_int_equal(fake_kafka.sent_count, 5);
    for (int i = 0; i < 5; i++) assert_string_equal(fake_kafka.sent[i].id, order[i]);
}

/* ---- accidents ---- */

/* Every kind of accident at every write and load, and two in a row. */
static void test_any_accident_at_any_call(void **state)
{
    static const enum fake_accident accidents[] = {FAKE_LOST_BEFORE, FAKE_LOST_AFTER, FAKE_DEADLOCK, FAKE_MEMORY};
    for (size_t kind = 0; kind < sizeof accidents / sizeof accidents[0]; kind++) {
        for (int call = 0; call < 2 * 4; call++) {
            setup(state);
            append_units("a");
            enum fake_accident *script = call < 4 ? fake_store.script : fake_store.load_script;
            script[call % 4] = accidents[kind];
            script[call % 4 + 1] = accidents[(kind + 1) % 3];
            if (kind == 3 && call < 4) continue; /* a write needs no memory of the arena */
            assert_int_equal(run_worker(true), 0);
            assert_all_applied_once();
            assert_int_equal(fake_kafka.sent_count, UNITS);
        }
    }
}

static void test_a_deadlock_is_tried_again_as_it_was(void **state)
{
    (void)state;
    append_units("a");
    fake_store.script[0] = FAKE_DEADLOCK;
    assert_int_equal(run_worker(true), 0);
    assert_all_applied_once();
    assert_int_equal(fake_store.claims, 1);
    assert_int_equal(fake_store.batch_sizes[0], fake_store.batch_sizes[1]);
}

/* A session that only fails is opened anew in the end. */
static void test_deadlocks_without_end(void **state)
{
    (void)state;
    append_units("a");
    for (int call = 0; call <= APPLY_TRIES_MAX; call++) fake_store.script[call] = FAKE_DEADLOCK;
    assert_int_equal(run_worker(true), 0);
    assert_all_applied_once();
    assert_int_equal(fake_store.claims, 2);
}

static void test_an_unknown_error_ends_the_worker(void **state)
{
    (void)state;
    append_units("a");
    fake_store.script[0] = FAKE_UNKNOWN;
    assert_int_equal(run_worker(true), EX_SOFTWARE);
    assert_int_equal(fake_store.writes, 1);
}

static void test_what_does_not_fit_is_split(void **state)
{
    (void)state;
    append_units("a");
    fake_store.fits = 2;
    assert_int_equal(run_worker(true), 0);
    assert_all_applied_once();
    assert_true(fake_store.abandons > 0);
    assert_int_equal(fake_kafka.sent_count, UNITS);
    assert_string_equal(fake_store.held_unit, "");
}

/* ---- held units ---- */

static int held_count(void)
{
    int held = 0;
    for (int number = 0; number < FAKE_PARTITIONS; number++)
        for (int64_t offset = 0; offset < fake_kafka.partitions[TOPIC_UNIT_REVIEW][number].end; offset++)
            held += fake_store.positions[TOPIC_UNIT_REVIEW][number].held[offset];
    return held;
}

static void test_only_the_bad_unit_is_held(void **state)
{
    (void)state;
    append_units("a");
    append_units("b");
    fake_store.bad_unit = "U0007";
    assert_int_equal(run_worker(true), 0);
    assert_all_applied_once();
    assert_string_equal(fake_store.held_unit, "U0007");
    assert_int_equal(held_count(), 2);
    assert_int_equal(fake_kafka.sent_count, 2 * UNITS - 2);
}

static void test_released_records_are_applied(void **state)
{
    (void)state;
    append_units("a");
    append_units("b");
    fake_store.bad_unit = "U0007";
    assert_int_equal(run_worker(true), 0);
    fake_store.bad_unit = NULL;
    fake_store.is_released = true;
    assert_int_equal(run_worker(true), 0);
    assert_int_equal(held_count(), 0);
    assert_int_equal(fake_kafka.sent_count, 2 * UNITS);
}

static void test_a_released_record_that_fails_still(void **state)
{
    (void)state;
    append_units("a");
    append_units("b");
    fake_store.bad_unit = "U0007";
    assert_int_equal(run_worker(true), 0);
    fake_store.is_released = true;
    assert_int_equal(run_worker(true), 0);
    assert_int_equal(held_count(), 2);
    assert_false(fake_store.is_released);
}

/* What can't be decoded stays a dead letter even of a held unit: holding does not help. */
static void test_a_dead_letter_that_can_not_be_stored(void **state)
{
    (void)state;
    fake_append_broken("U0007");
    fake_store.bad_unit = "U0007";
    assert_int_equal(run_worker(true), EX_SOFTWARE);
}

/* ---- publishing ---- */

static void test_refused_deliveries_are_sent_again(void **state)
{
    (void)state;
    append_units("a");
    fake_kafka.refusals = 3;
    assert_int_equal(run_worker(true), 0);
    assert_all_applied_once();
    assert_true(fake_kafka.sent_count >= UNITS);
}

/* Nothing else comes that would have the outbox looked at again. */
static void test_a_refused_delivery_is_sent_before_the_end(void **state)
{
    (void)state;
    fake_append("U0001", "only");
    fake_kafka.refusals = 1;
    assert_int_equal(run_worker(true), 0);
    assert_all_applied_once();
    assert_int_equal(fake_kafka.sent_count, 1);
}

/* More than is taken at a time; then what comes new, behind it. */
static void test_all_that_an_owner_left_is_sent_first(void **state)
{
    (void)state;
    int32_t shard = kafka_partition_of("U0001", 5, FAKE_PARTITIONS);
    int left = 3 * FAKE_TAKEN_MAX + 1;
    for (int i = 0; i < left; i++) {
        struct fake_row *row = &fake_store.outbox[fake_store.outbox_count++];
        *row = (struct fake_row){.shard = shard, .batch = fake_store.batches++, .outcome_count = 1};
        strcpy(row->outcomes[0].unit, "U0001");
        strcpy(row->outcomes[0].type, "nianshen.unit-review.accepted.v1");
        snprintf(row->outcomes[0].body, sizeof row->outcomes[0].body, "left-%d", i);
    }
    fake_append("U0001", "new");
    assert_int_equal(run_worker(true), 0);
    assert_all_applied_once();
    assert_int_equal(fake_kafka.sent_count, left + 1);
    for (int i = 0; i < left; i++) {
        char body[32];
        snprintf(body, sizeof body, "left-%d", i);
        assert_string_equal(fake_kafka.sent[i].value, body);
    }
    assert_string_equal(fake_kafka.sent[left].value, "new");
}

static void test_outcomes_of_a_shard_are_in_order(void **state)
{
    (void)state;
    strcpy(run_flag, "--lanes=2");
    for (int i = 0; i < 3 * UNITS; i++) {
        char id[16];
        snprintf(id, sizeof id, "%03d", i);
        fake_append("U0001", id);
    }
    assert_int_equal(run_worker(true), 0);
    assert_int_equal(fake_kafka.sent_count, 3 * UNITS);
    for (size_t i = 1; i < fake_kafka.sent_count; i++) assert_true(strcmp(fake_kafka.sent[i - 1].value, fake_kafka.sent[i].value) < 0);
}

static void test_a_broken_producer_is_made_anew(void **state)
{
    for (int at = 1; at < 12; at++) {
        setup(state);
        append_units("a");
        failing_start("producer_is_broken", at);
        assert_int_equal(run_worker(true), 0);
        failing_stop();
        assert_all_applied_once();
        assert_true(fake_kafka.sent_count >= UNITS);
    }
}

/* ---- halts ---- */

static void assert_halted(int32_t number, const char *why)
{
    const char *halted = fake_store.positions[TOPIC_UNIT_REVIEW][number].halted;
    if (strstr(halted, why) == NULL) fail_msg("halted: '%s', not '%s'", halted, why);
    assert_string_equal(fake_store.positions[TOPIC_UNIT_REVIEW][1 - number].halted, "");
}

static void test_a_changed_record_halts_its_shard(void **state)
{
    (void)state;
    struct fake_partition *partition = &fake_kafka.partitions[TOPIC_UNIT_REVIEW][0];
    append_units("a");
    assert_int_equal(run_worker(true), 0);
    partition->records[partition->count - 1].value[1] = ' ';
    append_units("b");
    assert_int_equal(run_worker(true), EX_DATAERR);
    assert_halted(0, "with other content");
    assert_int_equal(fake_store.positions[TOPIC_UNIT_REVIEW][1].next, fake_kafka.partitions[TOPIC_UNIT_REVIEW][1].end);
    assert_true(fake_store.positions[TOPIC_UNIT_REVIEW][0].next < partition->end);
}

static void test_a_vanished_record_halts_its_shard(void **state)
{
    (void)state;
    struct fake_partition *partition = &fake_kafka.partitions[TOPIC_UNIT_REVIEW][1];
    append_units("a");
    assert_int_equal(run_worker(true), 0);
    partition->count--;
    assert_int_equal(run_worker(true), EX_DATAERR);
    assert_halted(1, "not in the topic any more");
}

static void test_a_truncated_topic_halts_its_shard(void **state)
{
    (void)state;
    append_units("a");
    assert_int_equal(run_worker(true), 0);
    fake_kafka.partitions[TOPIC_UNIT_REVIEW][0].end = 2;
    assert_int_equal(run_worker(true), EX_DATAERR);
    assert_halted(0, "truncated");
    strcpy(fake_store.positions[TOPIC_UNIT_REVIEW][0].halted, ""); /* resumed, after the topic was restored */
    fake_kafka.partitions[TOPIC_UNIT_REVIEW][0].end = fake_store.positions[TOPIC_UNIT_REVIEW][0].next;
    append_units("b");
    assert_int_equal(run_worker(true), 0);
    assert_all_applied_once();
}

/* Another partition of the shard is not read on either. */
static void test_a_halt_stops_the_whole_shard(void **state)
{
    (void)state;
    fake_append("U0001", "a");
    int32_t shard = kafka_partition_of("U0001", 5, FAKE_PARTITIONS);
    fake_kafka.partitions[TOPIC_APPROVAL][shard].first = fake_kafka.partitions[TOPIC_APPROVAL][shard].end = 3;
    assert_int_equal(run_worker(true), EX_DATAERR);
    assert_int_equal(fake_store.positions[TOPIC_UNIT_REVIEW][shard].next, 0);
    assert_true(strstr(fake_store.positions[TOPIC_APPROVAL][shard].halted, "the topic holds offsets 3 to") != NULL);
}

static void test_records_deleted_after_they_were_read_do_not_halt(void **state)
{
    (void)state;
    struct fake_partition *partition = &fake_kafka.partitions[TOPIC_UNIT_REVIEW][0];
    append_units("a");
    assert_int_equal(run_worker(true), 0);
    partition->first = partition->end;
    append_units("b");
    assert_int_equal(run_worker(true), 0);
    assert_all_applied_once();
}

/* After a restart a broker may not know its partitions yet, and a client may go on behind what it could not read. */
static void test_what_is_only_unavailable_does_not_halt(void **state)
{
    (void)state;
    append_units("a");
    fake_kafka.partitions[TOPIC_UNIT_REVIEW][0].absences = 2;
    fake_kafka.unavailable = 3;
    assert_int_equal(run_worker(true), 0);
    assert_all_applied_once();
    for (int number = 0; number < FAKE_PARTITIONS; number++)
        assert_string_equal(fake_store.positions[TOPIC_UNIT_REVIEW][number].halted, "");
}

/* ---- ownership, signals, startup ---- */

static int polls_since_stolen;

/* Some rounds after it was fenced: time enough to claim what is not its own. */
static void stop_when_stolen(void)
{
    if (fake_store.loads > 0 && ++polls_since_stolen == 5) raise(SIGTERM);
}

/* Fenced: nothing of ours is applied, and the worker waits for its turn. */
static void test_another_owner_is_respected(void **state)
{
    (void)state;
    fake_append("U0001", "a");
    fake_store.load_script[0] = FAKE_STOLEN;
    polls_since_stolen = 0;
    fake_kafka.before_poll = stop_when_stolen;
    assert_int_equal(run_worker(false), 0);
    fake_kafka.before_poll = NULL;
    assert_int_equal(fake_store.loads, 1);
    assert_true(fake_store.claims <= 2); /* the shard that was not stolen is claimed anew */
    assert_int_equal(fake_store.writes, 0);
}

static void revoke_once(void)
{
    if (fake_store.writes == 2 && fake_kafka.stops == 0) fake_kafka.must_revoke = true;
}

static void test_partitions_come_and_go(void **state)
{
    (void)state;
    append_units("a");
    append_units("b");
    fake_kafka.before_poll = revoke_once;
    assert_int_equal(run_worker(true), 0);
    fake_kafka.before_poll = NULL;
    assert_int_equal(fake_kafka.stops, 1);
    assert_int_equal(fake_store.claims, 2);
    assert_all_applied_once();
}

static void stop_soon(void)
{
    if (fake_store.writes == 3) raise(SIGTERM);
}

/* One micro-batch is to be tried again then. */
static void test_a_signal_ends_it_between_batches(void **state)
{
    (void)state;
    append_units("a");
    fake_store.script[2] = FAKE_DEADLOCK;
    fake_kafka.before_poll = stop_soon;
    assert_int_equal(run_worker(false), 0);
    fake_kafka.before_poll = NULL;
    assert_int_equal(fake_store.writes, 3);
    assert_int_equal(run_worker(true), 0);
    assert_all_applied_once();
}

static void test_a_broker_that_comes_late(void **state)
{
    (void)state;
    append_units("a");
    fake_kafka.broker_absences = 2;
    assert_int_equal(run_worker(true), 0);
    assert_all_applied_once();
}

static void test_a_database_that_comes_late(void **state)
{
    (void)state;
    strcpy(run_flag, "--lanes=2");
    append_units("a");
    fake_store.closed_doors = 3;
    assert_int_equal(run_worker(true), 0);
    assert_all_applied_once();
}

static void test_wrong_topics_are_not_waited_for(void **state)
{
    (void)state;
    fake_kafka.finding = "topic-missing";
    assert_int_equal(run_worker(false), EX_CONFIG);
    assert_int_equal(fake_store.claims, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_reads_to_the_end, setup),
        cmocka_unit_test_setup(test_goes_on_where_it_stood, setup),
        cmocka_unit_test_setup(test_gaps_and_markers_at_the_end, setup),
        cmocka_unit_test_setup(test_dead_letters_keep_their_bytes, setup),
        cmocka_unit_test_setup(test_two_lanes_work_at_once, setup),
        cmocka_unit_test_setup(test_more_lanes_than_shards, setup),
        cmocka_unit_test_setup(test_topics_are_merged_by_append_time, setup),
        cmocka_unit_test_setup(test_any_accident_at_any_call, setup),
        cmocka_unit_test_setup(test_a_deadlock_is_tried_again_as_it_was, setup),
        cmocka_unit_test_setup(test_deadlocks_without_end, setup),
        cmocka_unit_test_setup(test_an_unknown_error_ends_the_worker, setup),
        cmocka_unit_test_setup(test_what_does_not_fit_is_split, setup),
        cmocka_unit_test_setup(test_only_the_bad_unit_is_held, setup),
        cmocka_unit_test_setup(test_released_records_are_applied, setup),
        cmocka_unit_test_setup(test_a_released_record_that_fails_still, setup),
        cmocka_unit_test_setup(test_a_dead_letter_that_can_not_be_stored, setup),
        cmocka_unit_test_setup(test_refused_deliveries_are_sent_again, setup),
        cmocka_unit_test_setup(test_a_refused_delivery_is_sent_before_the_end, setup),
        cmocka_unit_test_setup(test_all_that_an_owner_left_is_sent_first, setup),
        cmocka_unit_test_setup(test_outcomes_of_a_shard_are_in_order, setup),
        cmocka_unit_test_setup(test_a_broken_producer_is_made_anew, setup),
        cmocka_unit_test_setup(test_a_changed_record_halts_its_shard, setup),
        cmocka_unit_test_setup(test_a_vanished_record_halts_its_shard, setup),
        cmocka_unit_test_setup(test_a_truncated_topic_halts_its_shard, setup),
        cmocka_unit_test_setup(test_a_halt_stops_the_whole_shard, setup),
        cmocka_unit_test_setup(test_records_deleted_after_they_were_read_do_not_halt, setup),
        cmocka_unit_test_setup(test_what_is_only_unavailable_does_not_halt, setup),
        cmocka_unit_test_setup(test_another_owner_is_respected, setup),
        cmocka_unit_test_setup(test_partitions_come_and_go, setup),
        cmocka_unit_test_setup(test_a_signal_ends_it_between_batches, setup),
        cmocka_unit_test_setup(test_a_broker_that_comes_late, setup),
        cmocka_unit_test_setup(test_a_database_that_comes_late, setup),
        cmocka_unit_test_setup(test_wrong_topics_are_not_waited_for, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
