/*
 * The whole worker on a broker and a database in memory that go wrong as told. Whatever happens, in the end every record has been applied
 * exactly once and everything in the outbox has been published.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/fake_worker.h"

enum { ROUNDS = 3 };

/* ---- the ordinary way ---- */

static void test_reads_to_the_end(void **state)
{
    (void)state;
    append_units("a");
    assert_int_equal(run_worker(true), 0);
    assert_all_applied_once();
    assert_int_equal(fake_kafka.sent_count, UNITS);
    for (size_t i = 0; i < fake_kafka.sent_count; i++) {
        assert_int_equal(fake_kafka.sent[i].topic, TOPIC_OUTCOME);
        assert_string_equal(fake_kafka.sent[i].key, fake_database.outbox[i].unit); /* in the order they were written */
    }
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

/* An id that comes again ends the micro-batch; both records are applied. */
static void test_the_same_identity_again(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) fake_append("U0001", "same");
    assert_int_equal(run_worker(true), 0);
    assert_all_applied_once();
    assert_int_equal(fake_database.applies, 5);
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

static void test_a_dead_letter_without_its_original(void **state)
{
    (void)state;
    int32_t number = kafka_partition_of("U0001", 5, FAKE_PARTITIONS);
    int64_t offset = fake_append_broken("U0001");
    fake_append("U0001", "a");
    leave_a_dead_letter(TOPIC_APPROVAL, number, 17);
    assert_int_equal(run_worker(true), 0);
    assert_all_applied_once();
    int without = 0;
    for (size_t i = 0; i < fake_kafka.sent_count; i++)
        without +=
            fake_kafka.sent[i].topic == TOPIC_DEAD_LETTER && fake_kafka.sent[i].origin != offset && fake_kafka.sent[i].value[0] == '\0';
    assert_int_equal(without, 1);
}

/* ---- accidents ---- */

/* Every kind of accident at every call of apply, and two in a row. */
static void test_any_accident_at_any_call(void **state)
{
    static const enum fake_accident accidents[] = {FAKE_LOST_BEFORE, FAKE_LOST_AFTER, FAKE_DEADLOCK};
    (void)state;
    for (size_t kind = 0; kind < sizeof accidents / sizeof accidents[0]; kind++) {
        for (int call = 0; call < 4; call++) {
            setup(state);
            append_units("a");
            fake_database.script[call] = accidents[kind];
            fake_database.script[call + 1] = accidents[(kind + 1) % 3];
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
    fake_database.script[0] = FAKE_DEADLOCK;
    assert_int_equal(run_worker(true), 0);
    assert_all_applied_once();
    assert_int_equal(fake_database.claims, 1);
    assert_int_equal(fake_database.batch_sizes[0], fake_database.batch_sizes[1]);
}

/* A connection that only fails is opened anew in the end. */
static void test_deadlocks_without_end(void **state)
{
    (void)state;
    append_units("a");
    for (int call = 0; call <= APPLY_TRIES_MAX; call++) fake_database.script[call] = FAKE_DEADLOCK;
    assert_int_equal(run_worker(true), 0);
    assert_all_applied_once();
    assert_int_equal(fake_database.claims, 2);
}

static void test_the_database_stays_away_a_while(void **state)
{
    (void)state;
    append_units("a");
    fake_database.closed_doors = 3;
    fake_database.script[1] = FAKE_LOST_AFTER;
    assert_int_equal(run_worker(true), 0);
    assert_all_applied_once();
}

static void test_an_unknown_error_ends_the_worker(void **state)
{
    (void)state;
    append_units("a");
    fake_database.script[0] = FAKE_UNKNOWN;
    assert_int_equal(run_worker(true), EX_SOFTWARE);
    assert_int_equal(fake_database.applies, 1);
}

static void test_only_the_bad_unit_is_held(void **state)
{
    (void)state;
    append_units("a");
    append_units("b");
    fake_database.bad_unit = "U0007";
    assert_int_equal(run_worker(true), 0);
    assert_all_applied_once();
    int held = 0;
    for (int number = 0; number < FAKE_PARTITIONS; number++)
        for (int64_t offset = 0; offset < fake_kafka.partitions[TOPIC_UNIT_REVIEW][number].end; offset++)
            held += fake_database.positions[TOPIC_UNIT_REVIEW][number].held[offset];
    assert_int_equal(held, 2);
    assert_int_equal(fake_kafka.sent_count, 2 * UNITS - 2);
}

static struct fake_position *held_position;
static struct fake_partition *held_partition;

static void hold_of(const char *unit)
{
    int32_t number = kafka_partition_of(unit, strlen(unit), FAKE_PARTITIONS);
    held_position = &fake_database.positions[TOPIC_UNIT_REVIEW][number];
    held_partition = &fake_kafka.partitions[TOPIC_UNIT_REVIEW][number];
}

/* While the held record is being read again the partition goes to another worker, which applies that record, and comes back. */
static void lose_what_is_read(void)
{
    if (!fake_kafka.is_reading || !fake_kafka.is_reader_silent) return;
    if (held_position->held[0]) {
        fake_kafka.must_revoke = true;
        held_position->held[0] = false;
        held_position->epoch++;
    } else if (fake_kafka.stops == 1 && held_partition->is_read && held_partition->next == held_partition->end) {
        fake_kafka.is_reader_silent = false;
    }
}

static void test_a_held_record_that_another_worker_has_applied(void **state)
{
    (void)state;
    int64_t offset = fake_append_broken("U0001");
    hold_of("U0001");
    assert_int_equal(offset, 0);
    assert_int_equal(run_worker(true), 0);
    held_position->held[0] = fake_database.is_released = fake_kafka.is_reader_silent = true;
    fake_kafka.before_poll = lose_what_is_read;
    assert_int_equal(run_worker(true), 0);
    assert_false(fake_kafka.is_reader_silent);
    assert_all_applied_once();
    assert_int_equal(fake_kafka.sent_count, 1);
}

static void test_a_released_record_is_applied(void **state)
{
    (void)state;
    fake_append("U0001", "a");
    hold_of("U0001");
    assert_int_equal(run_worker(true), 0);
    held_position->held[0] = fake_database.is_released = true;
    assert_int_equal(run_worker(true), 0);
    assert_int_equal(held_position->applied[0], 2); /* the first time it was only held */
    assert_false(held_position->held[0]);
}

static void test_refused_deliveries_are_sent_again(void **state)
{
    (void)state;
    append_units("a");
    fake_kafka.refusals = 3;
    assert_int_equal(run_worker(true), 0);
    assert_all_applied_once();
    assert_int_equal(fake_kafka.sent_count, UNITS);
}

/* Nothing else comes that would have the outbox looked at again. */
static void test_a_refused_delivery_is_sent_before_the_end(void **state)
{
    (void)state;
    fake_append("U0001", "only");
    fake_kafka.refusals = 1;
    assert_int_equal(run_worker(true), 0);
    assert_int_equal(fake_kafka.sent_count, 1);
    assert_true(fake_database.outbox[0].is_done);
}

/* More than the answers hold that are asked for when the worker begins to read. */
static void test_all_that_an_owner_left_is_sent(void **state)
{
    (void)state;
    int left = 3 * FAKE_ROWS_MAX + 1;
    for (int i = 0; i < left; i++)
        fake_database.outbox[fake_database.outbox_count++] =
            (struct fake_outbox_row){.is_outcome = true, .topic = TOPIC_UNIT_REVIEW, .offset = i, .unit = "U0001"};
    assert_int_equal(run_worker(true), 0);
    assert_int_equal(fake_kafka.sent_count, left);
}

static void test_locks_of_a_dead_owner_are_ended(void **state)
{
    (void)state;
    append_units("a");
    fake_database.lock_failures = 1;
    assert_int_equal(run_worker(true), 0);
    assert_all_applied_once();
    assert_int_equal(fake_database.backends_ended, 1);
}

/* ---- halts ---- */

static void assert_halted(int32_t number, const char *why)
{
    const char *halted = fake_database.positions[TOPIC_UNIT_REVIEW][number].halted;
    if (strstr(halted, why) == NULL) fail_msg("halted: '%s', not '%s'", halted, why);
    assert_string_equal(fake_database.positions[TOPIC_UNIT_REVIEW][1 - number].halted, "");
}

static void test_a_changed_record_halts_its_partition(void **state)
{
    (void)state;
    struct fake_partition *partition = &fake_kafka.partitions[TOPIC_UNIT_REVIEW][0];
    append_units("a");
    assert_int_equal(run_worker(true), 0);
    partition->records[partition->count - 1].value[1] = ' ';
    append_units("b");
    assert_int_equal(run_worker(true), EX_DATAERR);
    assert_halted(0, "with other content");
    assert_int_equal(fake_database.positions[TOPIC_UNIT_REVIEW][1].next, fake_kafka.partitions[TOPIC_UNIT_REVIEW][1].end);
    assert_true(fake_database.positions[TOPIC_UNIT_REVIEW][0].next < partition->end);
}

static void test_a_vanished_record_halts_its_partition(void **state)
{
    (void)state;
    struct fake_partition *partition = &fake_kafka.partitions[TOPIC_UNIT_REVIEW][1];
    append_units("a");
    assert_int_equal(run_worker(true), 0);
    partition->count--;
    assert_int_equal(run_worker(true), EX_DATAERR);
    assert_halted(1, "not in the topic any more");
}

static void test_a_truncated_topic_halts_its_partition(void **state)
{
    (void)state;
    append_units("a");
    assert_int_equal(run_worker(true), 0);
    fake_kafka.partitions[TOPIC_UNIT_REVIEW][0].end = 2;
    assert_int_equal(run_worker(true), EX_DATAERR);
    assert_halted(0, "truncated");
}

static void test_records_deleted_before_they_were_read_halt(void **state)
{
    (void)state;
    append_units("a");
    fake_kafka.partitions[TOPIC_UNIT_REVIEW][0].first = 3;
    assert_int_equal(run_worker(true), EX_DATAERR);
    assert_halted(0, "the topic holds offsets 3 to");
}

/* Applied records may be deleted on purpose. */
static void test_records_deleted_after_they_were_read_do_not(void **state)
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
        assert_string_equal(fake_database.positions[TOPIC_UNIT_REVIEW][number].halted, "");
}

static bool is_told_unavailable;

static void unavailable_while_applying(void)
{
    if (is_told_unavailable || fake_database.applies != 1 || !fake_database.is_applying) return;
    is_told_unavailable = true;
    fake_kafka.unavailable = 1;
}

/* Read again from the last record that was applied when the reading began: what is applied meanwhile is no other topic. */
static void test_unavailable_while_a_batch_is_applied(void **state)
{
    (void)state;
    append_units("a");
    append_units("b");
    append_units("c");
    fake_database.busy_polls = 5; /* longer than the wait before the partition is started again */
    is_told_unavailable = false;
    fake_kafka.before_poll = unavailable_while_applying;
    assert_int_equal(run_worker(true), 0);
    assert_true(is_told_unavailable);
    assert_all_applied_once();
}

static void never_while_sending(void)
{
    assert_true(fake_database.left_to_send <= 0);
}

/* Kafka is not asked for more records as long as the database has not all of a micro-batch: it waits for the rest meanwhile. */
static void test_sent_before_more_is_read(void **state)
{
    (void)state;
    append_units("a");
    fake_database.send_polls = 2;
    fake_kafka.before_poll = never_while_sending;
    assert_int_equal(run_worker(true), 0);
    assert_all_applied_once();
}

/* ---- ownership, signals, startup ---- */

static int polls_since_stolen;

/* Some rounds after it was fenced: time enough to claim what is not its own. */
static void stop_when_stolen(void)
{
    if (fake_database.applies > 0 && ++polls_since_stolen == 5) raise(SIGTERM);
}

/* Fenced: nothing of ours is applied, and the worker waits for its turn. */
static void test_another_owner_is_respected(void **state)
{
    (void)state;
    append_units("a");
    fake_database.script[0] = FAKE_STOLEN;
    polls_since_stolen = 0;
    fake_kafka.before_poll = stop_when_stolen;
    assert_int_equal(run_worker(false), 0);
    assert_int_equal(fake_database.applies, 1);
    assert_int_equal(fake_database.claims, 1);
    for (int number = 0; number < FAKE_PARTITIONS; number++) assert_int_equal(fake_database.positions[TOPIC_UNIT_REVIEW][number].next, 0);
}

static void revoke_once(void)
{
    if (fake_database.applies == 2 && fake_kafka.stops == 0) fake_kafka.must_revoke = true;
}

static void test_partitions_come_and_go(void **state)
{
    (void)state;
    append_units("a");
    append_units("b");
    fake_kafka.before_poll = revoke_once;
    assert_int_equal(run_worker(true), 0);
    assert_int_equal(fake_kafka.stops, 1);
    assert_int_equal(fake_database.claims, 2);
    assert_all_applied_once();
}

static void stop_soon(void)
{
    if (fake_database.applies == 3) raise(SIGTERM);
}

/* One micro-batch is to be tried again then. */
static void test_a_signal_ends_it_between_batches(void **state)
{
    (void)state;
    append_units("a");
    fake_database.script[2] = FAKE_DEADLOCK;
    fake_kafka.before_poll = stop_soon;
    assert_int_equal(run_worker(false), 0);
    assert_int_equal(fake_database.applies, 3);
    for (int number = 0; number < FAKE_PARTITIONS; number++) /* what was read and not applied does not count */
        assert_int_equal(fake_kafka.committed[TOPIC_UNIT_REVIEW][number], fake_database.positions[TOPIC_UNIT_REVIEW][number].next);
    fake_kafka.before_poll = NULL;
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

static void test_wrong_topics_are_not_waited_for(void **state)
{
    (void)state;
    fake_kafka.finding = "topic-missing";
    assert_int_equal(run_worker(false), EX_CONFIG);
    assert_int_equal(fake_database.claims, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_reads_to_the_end, setup),
        cmocka_unit_test_setup(test_goes_on_where_it_stood, setup),
        cmocka_unit_test_setup(test_gaps_and_markers_at_the_end, setup),
        cmocka_unit_test_setup(test_the_same_identity_again, setup),
        cmocka_unit_test_setup(test_dead_letters_keep_their_bytes, setup),
        cmocka_unit_test_setup(test_a_dead_letter_without_its_original, setup),
        cmocka_unit_test_setup(test_any_accident_at_any_call, setup),
        cmocka_unit_test_setup(test_a_deadlock_is_tried_again_as_it_was, setup),
        cmocka_unit_test_setup(test_deadlocks_without_end, setup),
        cmocka_unit_test_setup(test_the_database_stays_away_a_while, setup),
        cmocka_unit_test_setup(test_an_unknown_error_ends_the_worker, setup),
        cmocka_unit_test_setup(test_only_the_bad_unit_is_held, setup),
        cmocka_unit_test_setup(test_a_held_record_that_another_worker_has_applied, setup),
        cmocka_unit_test_setup(test_a_released_record_is_applied, setup),
        cmocka_unit_test_setup(test_refused_deliveries_are_sent_again, setup),
        cmocka_unit_test_setup(test_a_refused_delivery_is_sent_before_the_end, setup),
        cmocka_unit_test_setup(test_all_that_an_owner_left_is_sent, setup),
        cmocka_unit_test_setup(test_locks_of_a_dead_owner_are_ended, setup),
        cmocka_unit_test_setup(test_a_changed_record_halts_its_partition, setup),
        cmocka_unit_test_setup(test_a_vanished_record_halts_its_partition, setup),
        cmocka_unit_test_setup(test_a_truncated_topic_halts_its_partition, setup),
        cmocka_unit_test_setup(test_records_deleted_before_they_were_read_halt, setup),
        cmocka_unit_test_setup(test_records_deleted_after_they_were_read_do_not, setup),
        cmocka_unit_test_setup(test_what_is_only_unavailable_does_not_halt, setup),
        cmocka_unit_test_setup(test_unavailable_while_a_batch_is_applied, setup),
        cmocka_unit_test_setup(test_sent_before_more_is_read, setup),
        cmocka_unit_test_setup(test_another_owner_is_respected, setup),
        cmocka_unit_test_setup(test_partitions_come_and_go, setup),
        cmocka_unit_test_setup(test_a_signal_ends_it_between_batches, setup),
        cmocka_unit_test_setup(test_a_broker_that_comes_late, setup),
        cmocka_unit_test_setup(test_wrong_topics_are_not_waited_for, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
