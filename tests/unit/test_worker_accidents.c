/*
 * The whole worker in simulated time while single calls are refused: each call of a kind, one after the other, and as a thing that passes,
 * as one that is final and as one that nobody knows. It rides it out or ends with a status; whatever it did, the next worker finishes the
 * work: all records are applied exactly once, and all that is to be published is.
 */
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sysexits.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/original.h"
#include "tests/unit/fake_worker.h"
#include "worker/dead_letter.h"

/* ---- time ---- */

enum { PLAY_MS = 30000 };

static struct {
    int64_t now_ms, end_ms;
    void (*each)(void); /* the test's chance, before each poll of Kafka */
    const char *calls; /* these are to fail */
    int at; /* once the worker reads the clock for the first time */
} play;

static int64_t clock_read(void)
{
    if (play.at > 0) failing_start(play.calls, play.at);
    play.at = 0;
    if (play.end_ms > 0 && play.now_ms >= play.end_ms) {
        play.end_ms = 0;
        raise(SIGTERM);
    }
    return play.now_ms++;
}

static int clock_wait(int timeout_ms)
{
    play.now_ms += timeout_ms;
    return 0;
}

FAKED(int64_t, moment_monotonic_ms, true, (void), (), clock_read())
FAKED(int, poll, true, (struct pollfd * list, nfds_t count, int timeout_ms), (list, count, timeout_ms), clock_wait(timeout_ms))
FAILING(int, signalfd, (int fd, const sigset_t *signals, int flags), (fd, signals, flags), -1)
FAILING(ssize_t, getrandom, (void *bytes, size_t count, unsigned flags), (bytes, count, flags), -1)

static void play_go_on(void)
{
    if (play.each != NULL) play.each();
}

/* A worker that runs for a while, and is asked to end. */
static int play_run(int64_t for_ms)
{
    play.end_ms = play.now_ms + for_ms;
    fake_kafka.before_poll = play_go_on;
    int status = run_worker(false);
    fake_kafka.before_poll = NULL;
    play.end_ms = 0;
    return status;
}

static int play_setup(void **state)
{
    (void)state;
    setup(state);
    failing_stop();
    memset(&play, 0, sizeof play);
    play.now_ms = 1000000;
    fake_database.refusal = "57P03";
    return 0;
}

/* ---- any refusal at any call ---- */

static void scene_ordinary(void)
{
    append_units("a");
    fake_append_broken("U0001");
    append_units("b");
    fake_database.outbox[fake_database.outbox_count++] = (struct fake_outbox_row){.topic = TOPIC_APPROVAL, .offset = 17, .unit = "U0001"};
}

/* As an operator does it. */
static void release(void)
{
    fake_database.held_unit[0] = '\0';
    fake_database.is_released = true;
}

/* A unit is held, and released once its trouble is over. */
static void scene_held(void)
{
    append_units("a");
    fake_database.bad_unit = "U0007";
    assert_int_equal(run_worker(true), 0);
    fake_database.bad_unit = NULL;
    release();
}

static void revoke_often(void)
{
    if (play.now_ms > play.end_ms - PLAY_MS / 2 && fake_kafka.stops < 2) fake_kafka.must_revoke = true;
}

static void scene_revoked(void)
{
    scene_ordinary();
    play.each = revoke_often;
}

/* A partition was truncated: an operator resumes it later, as it stands. */
static void resume_later(void)
{
    struct fake_position *position = &fake_database.positions[TOPIC_UNIT_REVIEW][0];
    if (play.now_ms < play.end_ms - PLAY_MS / 3 || position->halted[0] == '\0') return;
    position->halted[0] = '\0';
    position->has_last = false;
    position->next = fake_kafka.partitions[TOPIC_UNIT_REVIEW][0].end;
    position->epoch++;
}

static void scene_halted(void)
{
    append_units("a");
    assert_int_equal(run_worker(true), 0);
    fake_kafka.partitions[TOPIC_UNIT_REVIEW][0].end -= 2;
    fake_kafka.partitions[TOPIC_UNIT_REVIEW][0].count -= 2;
    play.each = resume_later;
}

/* Another session holds a lock when the partitions are to be claimed. */
static void scene_locked(void)
{
    scene_ordinary();
    fake_database.lock_failures = 2;
}

static const struct accident {
    const char *calls;
    enum fault_kind kind;
    const char *sqlstate;
    struct kafka_happening happening; /* what a poll gives instead */
    void (*scene)(void);
} accidents[] = {
    {"calloc json", 0, "", {0}, scene_ordinary},
    {"malloc json", 0, "", {0}, scene_ordinary},
    {"realloc json", 0, "", {0}, scene_ordinary},
    {"calloc malloc json", 0, "", {0}, scene_held},
    {"query_new signalfd getrandom", 0, "", {0}, scene_ordinary},
    {"consumer_new producer_new admin_new", FAULT_FATAL, "", {0}, scene_ordinary},
    {"reader_new", FAULT_FATAL, "", {0}, scene_ordinary},
    {"reader_new", FAULT_RETRY, "", {0}, scene_held},
    {"admin_check", FAULT_RETRY, "", {0}, scene_ordinary},
    {"admin_check", FAULT_FATAL, "", {0}, scene_ordinary},
    {"consumer_start", FAULT_RETRY, "", {0}, scene_ordinary},
    {"consumer_stop", FAULT_RETRY, "", {0}, scene_revoked},
    {"consumer_poll", FAULT_RETRY, "", {.kind = KAFKA_OUTAGE}, scene_ordinary},
    {"consumer_poll", FAULT_FATAL, "", {.kind = KAFKA_OUTAGE}, scene_ordinary},
    {"consumer_poll", FAULT_RETRY, "", {.kind = KAFKA_UNAVAILABLE}, scene_ordinary},
    {"consumer_poll", FAULT_RETRY, "", {.kind = KAFKA_UNAVAILABLE, .position = {.partition = 7}}, scene_ordinary},
    {"consumer_poll", FAULT_RETRY, "", {.kind = KAFKA_HALTED, .position = {.partition = 7}}, scene_ordinary},
    {"consumer_poll", FAULT_RETRY, "", {.kind = KAFKA_END, .position = {.partition = 7}}, scene_ordinary},
    {"consumer_poll", FAULT_RETRY, "", {.kind = KAFKA_END}, scene_ordinary}, /* of offset 0: what a queue still held */
    {"consumer_poll", FAULT_RETRY, "", {.kind = KAFKA_RECORD, .record = {.partition = 7}}, scene_ordinary},
    {"consumer_probe", FAULT_RETRY, "", {0}, scene_ordinary},
    {"reader_start", FAULT_RETRY, "", {0}, scene_ordinary},
    {"reader_bounds", FAULT_RETRY, "", {0}, scene_ordinary},
    {"reader_bounds", FAULT_REJECT, "", {0}, scene_ordinary},
    {"reader_bounds", FAULT_FATAL, "", {0}, scene_ordinary},
    {"reader_poll", FAULT_RETRY, "", {.kind = KAFKA_OUTAGE}, scene_ordinary},
    {"reader_poll", FAULT_RETRY, "", {.kind = KAFKA_HALTED}, scene_held},
    {"reader_poll", FAULT_RETRY, "", {.kind = KAFKA_OUTAGE}, scene_held},
    {"reader_poll", FAULT_RETRY, "", {.kind = KAFKA_NOTHING}, scene_held},
    {"producer_send", FAULT_RETRY, "", {0}, scene_ordinary},
    {"producer_send", FAULT_REJECT, "", {0}, scene_ordinary},
    {"producer_is_broken", FAULT_RETRY, "", {0}, scene_ordinary},
    {"open_start", FAULT_RETRY, "", {0}, scene_ordinary},
    {"open_start", FAULT_FATAL, "", {0}, scene_ordinary},
    {"require_schema", FAULT_RETRY, "", {0}, scene_ordinary},
    {"require_schema", FAULT_FATAL, "", {0}, scene_ordinary},
    {"send", FAULT_RETRY, "", {0}, scene_ordinary},
    {"send", FAULT_FATAL, "", {0}, scene_ordinary},
    {"poll_busy", FAULT_RETRY, "", {0}, scene_ordinary},
    {"poll_busy", FAULT_FATAL, "", {0}, scene_ordinary},
    {"poll_busy", FAULT_RETRY, "", {0}, scene_revoked},
    {"poll_idle", FAULT_RETRY, "", {0}, scene_ordinary},
    {"claim positions halt outbox_take outbox_done held_take apply end_stale_backends", 0, "57P03", {0}, scene_ordinary},
    {"claim positions halt outbox_take outbox_done held_take apply end_stale_backends", 0, "XX000", {0}, scene_ordinary},
    {"held_take apply", 0, "57P03", {0}, scene_held},
    {"held_take apply", 0, "XX000", {0}, scene_held},
    {"held_take apply", 0, "NS001", {0}, scene_held},
    {"held_take apply", 0, "22023", {0}, scene_held},
    {"halt positions", 0, "57P03", {0}, scene_halted},
    {"halt positions", 0, "XX000", {0}, scene_halted},
    {"claim end_stale_backends", 0, "55P03", {0}, scene_locked},
    {"apply", 0, "NS001", {0}, scene_ordinary},
};

/* One call fails while the scene is played; then another worker comes. False: there are not so many calls. */
static bool accident_at(const struct accident *accident, int at)
{
    play_setup(NULL);
    accident->scene();
    fake_kafka.refusal = accident->kind;
    fake_kafka.refused_as = accident->happening;
    fake_database.refusal = accident->sqlstate;
    play.calls = accident->calls;
    play.at = at;
    int status = play_run(PLAY_MS);
    bool has_failed = failing_stop();
    if (!has_failed) assert_int_equal(status, EX_OK);
    release();
    assert_int_equal(play_run(PLAY_MS), EX_OK);
    return has_failed;
}

/* Nothing is left to do; and unless records were held or gone, each was applied exactly once. */
static void assert_all_is_done(const struct accident *accident)
{
    if (accident->scene != scene_held && accident->scene != scene_halted) assert_all_applied_once();
    for (size_t i = 0; i < fake_database.outbox_count; i++) assert_true(fake_database.outbox[i].is_done);
    for (int number = 0; number < FAKE_PARTITIONS; number++) {
        const struct fake_position *position = &fake_database.positions[TOPIC_UNIT_REVIEW][number];
        assert_int_equal(position->next, fake_kafka.partitions[TOPIC_UNIT_REVIEW][number].end);
        for (int offset = 0; offset < FAKE_RECORDS_MAX; offset++) assert_false(position->held[offset]);
    }
}

static void test_any_refusal_at_any_call(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof accidents / sizeof accidents[0]; i++) {
        /* The first ones all, later ones with growing gaps: they are the same calls again. */
        for (int at = 1; accident_at(&accidents[i], at); at += at < 10 ? 1 : at / 3) assert_all_is_done(&accidents[i]);
        assert_all_is_done(&accidents[i]);
    }
}

/* ---- what does not pass ---- */

/* --until-end gives up on what stays away, and says by its status what it was. */
static void test_until_end_gives_up(void **state)
{
    (void)state;
    fake_kafka.broker_absences = 1 << 20;
    assert_int_equal(run_worker(true), EX_UNAVAILABLE);
    play_setup(NULL);
    fake_database.closed_doors = 1 << 20;
    assert_int_equal(run_worker(true), EX_UNAVAILABLE);
    play_setup(NULL);
    fake_kafka.is_group_silent = true;
    assert_int_equal(run_worker(true), EX_UNAVAILABLE);
    play_setup(NULL);
    fake_kafka.has_no_partitions = true;
    assert_int_equal(run_worker(true), EX_OK);
    play_setup(NULL);
    append_units("a");
    fake_kafka.is_broker_silent = true;
    fake_kafka.refusal = FAULT_RETRY;
    fake_kafka.refused_as = (struct kafka_happening){.kind = KAFKA_OUTAGE};
    fake_database.is_slow = true; /* nothing comes that would tell that the broker is back */
    play.calls = "consumer_poll";
    play.at = 1;
    assert_int_equal(run_worker(true), EX_UNAVAILABLE);
}

/* A database that never answers: told of after a while, and given up for another connection. */
static void test_a_database_that_hangs(void **state)
{
    (void)state;
    append_units("a");
    fake_database.is_slow = fake_database.wants_write = true;
    assert_int_equal(play_run(300000), EX_OK);
    assert_true(fake_database.opens > 1);
    fake_database.is_slow = false;
    assert_int_equal(run_worker(true), EX_OK);
    assert_all_applied_once();
}

static void hang_and_revoke(void)
{
    bool is_early = play.now_ms < play.end_ms - PLAY_MS + 2000;
    fake_database.is_slow = !is_early && fake_kafka.stops == 0;
    fake_kafka.must_revoke = fake_database.is_slow;
}

/* Partitions are given back in time although the database does not answer. */
static void test_partitions_are_given_back_in_time(void **state)
{
    (void)state;
    fake_append("U0001", "a"); /* so few that there is room for more, and Kafka is listened to */
    fake_database.busy_polls = 1 << 20; /* each micro-batch */
    play.each = hang_and_revoke;
    (void)play_run(PLAY_MS);
    assert_int_equal(fake_kafka.stops, 1);
    fake_database.busy_polls = 0;
    play.each = NULL;
    assert_int_equal(run_worker(true), EX_OK);
    assert_all_applied_once();
}

/* The database's word is taken with care: what is not ours, and a mark that is none, is passed over. */
static void test_rows_that_are_none_of_ours(void **state)
{
    (void)state;
    append_units("a");
    assert_int_equal(run_worker(true), EX_OK);
    fake_database.is_mark_damaged = true;
    assert_int_equal(run_worker(true), EX_OK);
    fake_database.is_mark_damaged = false;
    scene_held();
    fake_database.foreign_partition = "7";
    assert_int_equal(play_run(500), EX_OK);
    fake_database.foreign_partition = NULL;
    fake_database.foreign_topic = "nonsense";
    assert_int_equal(play_run(500), EX_OK);
    fake_database.foreign_topic = NULL;
    release();
    assert_int_equal(play_run(PLAY_MS), EX_OK);
}

static void name_strangers(void)
{
    bool is_late = play.now_ms > play.end_ms - PLAY_MS / 2;
    fake_database.foreign_partition = is_late && fake_database.outbox_count % 2 == 0 ? "7" : NULL;
    fake_database.foreign_topic = is_late ? "nonsense" : NULL;
}

/* The same when it comes in the middle: positions that were asked for, outbox, held records. */
static void test_strange_rows_in_the_middle(void **state)
{
    (void)state;
    scene_held();
    fake_database.outbox[fake_database.outbox_count++] = (struct fake_outbox_row){.topic = TOPIC_APPROVAL, .offset = 3, .unit = "U0001"};
    play.each = name_strangers;
    (void)play_run(PLAY_MS);
    play.each = NULL;
    fake_database.foreign_partition = fake_database.foreign_topic = NULL;
    release();
    assert_int_equal(play_run(PLAY_MS), EX_OK);
    for (size_t i = 0; i < fake_database.outbox_count; i++) assert_true(fake_database.outbox[i].is_done);
}

static void test_what_holding_does_not_avoid(void **state)
{
    (void)state;
    append_units("a");
    for (int i = 0; i < FAKE_SCRIPT_MAX; i++) fake_database.script[i] = FAKE_INDIGESTIBLE;
    assert_int_equal(run_worker(true), EX_SOFTWARE);
    play_setup(NULL);
    fake_append_broken("U0001");
    for (int i = 0; i < FAKE_SCRIPT_MAX; i++) fake_database.script[i] = FAKE_INDIGESTIBLE;
    assert_int_equal(run_worker(true), EX_SOFTWARE);
    play_setup(NULL);
    fake_kafka.partitions[TOPIC_APPROVAL][1].end = 5; /* markers alone: there is no record to hold */
    for (int i = 0; i < FAKE_SCRIPT_MAX; i++) fake_database.script[i] = FAKE_INDIGESTIBLE;
    assert_int_equal(run_worker(true), EX_SOFTWARE);
}

static void test_the_topics_check(void **state)
{
    (void)state;
    append_units("a");
    fake_kafka.finding = "topic-replication";
    fake_kafka.is_finding_weak = true;
    assert_int_equal(run_worker(true), EX_OK);
    assert_all_applied_once();
    fake_kafka.finding = NULL;
    fake_kafka.partitions_told = KAFKA_PARTITIONS_MAX + 1;
    assert_int_equal(run_worker(true), EX_CONFIG);
}

static void test_no_second_producer(void **state)
{
    (void)state;
    append_units("a");
    fake_database.has_causation = true;
    fake_kafka.producers_max = 1;
    play.calls = "producer_is_broken";
    play.at = 3;
    assert_int_equal(run_worker(true), EX_OSERR);
    failing_stop();
    fake_kafka.producers_max = 0;
    assert_int_equal(run_worker(true), EX_OK);
    assert_all_applied_once();
}

/* ---- halts ---- */

/* A halt that the database knows is told again and again, until an operator resumes the partition. */
static void test_a_halt_lasts(void **state)
{
    (void)state;
    scene_halted();
    play.each = NULL;
    assert_int_equal(play_run(3 * 60000), EX_OK);
    assert_int_equal(run_worker(true), EX_DATAERR); /* known from the start */
    play.each = resume_later;
    assert_int_equal(play_run(PLAY_MS), EX_OK);
    assert_int_equal(run_worker(true), EX_OK);
}

/* The first record behind the gap is not the one that was applied. */
static void test_the_last_record_is_gone_but_later_ones_are_there(void **state)
{
    struct fake_partition *partition = &fake_kafka.partitions[TOPIC_UNIT_REVIEW][0];
    (void)state;
    append_units("a");
    assert_int_equal(run_worker(true), EX_OK);
    size_t last = partition->count - 1;
    append_units("b");
    memmove(&partition->records[last], &partition->records[last + 1], (partition->count - last - 1) * sizeof partition->records[0]);
    partition->count--;
    assert_int_equal(run_worker(true), EX_DATAERR);
    assert_non_null(strstr(fake_database.positions[TOPIC_UNIT_REVIEW][0].halted, "the next one it holds"));
}

/* The broker says that a partition can't go on. */
static void test_the_broker_halts_a_partition(void **state)
{
    (void)state;
    append_units("a");
    fake_kafka.refusal = FAULT_REJECT;
    fake_kafka.refused_as = (struct kafka_happening){.kind = KAFKA_HALTED};
    play.calls = "consumer_poll";
    play.at = 10;
    assert_int_equal(run_worker(true), EX_DATAERR);
    failing_stop();
    assert_string_equal(fake_database.positions[TOPIC_UNIT_REVIEW][0].halted, "by the script");
}

/* ---- the witness: an applied record is looked at now and then ---- */

static void (*later)(struct fake_partition *partition);

static void do_later(void)
{
    if (later == NULL || play.now_ms < play.end_ms - PLAY_MS + 3000) return;
    later(&fake_kafka.partitions[TOPIC_UNIT_REVIEW][0]);
    later = NULL;
}

static void change_all(struct fake_partition *partition)
{
    for (size_t i = 0; i < partition->count; i++) partition->records[i].value[1] = ' ';
}

static void delete_all(struct fake_partition *partition)
{
    partition->first = partition->end;
    partition->count = 0;
}

/* Within the bounds, and not to be read: perhaps later. */
static void lose_all(struct fake_partition *partition)
{
    partition->count = 0;
}

static void shorten(struct fake_partition *partition)
{
    partition->count = 0;
    partition->end = 1;
}

static void test_the_witness(void **state)
{
    static const struct {
        void (*change)(struct fake_partition *partition);
        bool is_halted;
    } changes[] = {{change_all, true}, {delete_all, false}, {lose_all, false}, {shorten, true}};
    (void)state;
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        play_setup(NULL);
        append_units("a");
        later = changes[i].change;
        play.each = do_later;
        assert_int_equal(play_run(PLAY_MS), EX_OK);
        if ((fake_database.positions[TOPIC_UNIT_REVIEW][0].halted[0] != '\0') != changes[i].is_halted) fail_msg("change %zu", i);
    }
}

static void bounds_fail(struct fake_partition *partition)
{
    delete_all(partition);
    failing_start("reader_bounds", 1);
}

static void test_a_witness_without_bounds(void **state)
{
    (void)state;
    append_units("a");
    later = bounds_fail;
    play.each = do_later;
    assert_int_equal(play_run(PLAY_MS), EX_OK);
    assert_true(failing_stop());
    assert_string_equal(fake_database.positions[TOPIC_UNIT_REVIEW][0].halted, "");
}

/* ---- held records ---- */

static void test_a_held_record_that_is_gone(void **state)
{
    (void)state;
    scene_held();
    for (int number = 0; number < FAKE_PARTITIONS; number++) delete_all(&fake_kafka.partitions[TOPIC_UNIT_REVIEW][number]);
    assert_int_equal(play_run(PLAY_MS), EX_OK);
    int held = 0;
    for (int number = 0; number < FAKE_PARTITIONS; number++)
        for (int offset = 0; offset < FAKE_RECORDS_MAX; offset++) held += fake_database.positions[TOPIC_UNIT_REVIEW][number].held[offset];
    assert_int_equal(held, 1); /* its unit stays held */
}

/* ---- parts by themselves ---- */

static void test_originals(void **state)
{
    struct original_source source = {0};
    struct kafka_position wanted = {TOPIC_UNIT_REVIEW, 0, 150};
    struct kafka_record record;
    struct fault fault = {0};
    (void)state;
    struct kafka_reader *reader = kafka_reader_new(NULL, &fault);
    for (int i = 0; i < 200; i++) {
        struct test_record *added = &fake_kafka.partitions[TOPIC_UNIT_REVIEW][0].records[i];
        test_unit_review(added, "U1", 2026, "test", "id", 1);
        added->offset = i;
    }
    fake_kafka.partitions[TOPIC_UNIT_REVIEW][0].count = 200;
    fake_kafka.partitions[TOPIC_UNIT_REVIEW][0].end = 200;
    wanted.offset = 10;
    assert_int_equal(original_find(&source, reader, &wanted, 0, &record, &fault), ORIGINAL_FOUND);
    wanted.offset = 5; /* behind: started anew */
    assert_int_equal(original_find(&source, reader, &wanted, 0, &record, &fault), ORIGINAL_FOUND);
    wanted.offset = 150; /* ahead, but not in one step */
    assert_int_equal(original_find(&source, reader, &wanted, 0, &record, &fault), ORIGINAL_WAIT);
    assert_int_equal(original_find(&source, reader, &wanted, 0, &record, &fault), ORIGINAL_FOUND);
    wanted.offset = 151 + ORIGINAL_SKIP_MAX + 1; /* too far ahead to read on */
    assert_int_equal(original_find(&source, reader, &wanted, 0, &record, &fault), ORIGINAL_GONE);
    wanted = (struct kafka_position){TOPIC_UNIT_REVIEW, 1, 0}; /* of another partition, and of another topic */
    assert_int_equal(original_find(&source, reader, &wanted, 0, &record, &fault), ORIGINAL_GONE);
    fake_kafka.is_reader_silent = true;
    wanted.topic = TOPIC_APPROVAL;
    assert_int_equal(original_find(&source, reader, &wanted, 0, &record, &fault), ORIGINAL_WAIT);
    fake_kafka.is_reader_silent = false;
    /* A partition that stops short of what its bounds promise: first read again from there, then not now, never gone. */
    fake_kafka.refused_as = (struct kafka_happening){.kind = KAFKA_HALTED};
    wanted = (struct kafka_position){TOPIC_UNIT_REVIEW, 0, 10};
    assert_int_equal(original_find(&source, reader, &wanted, 0, &record, &fault), ORIGINAL_FOUND);
    wanted.offset = 11;
    failing_start("reader_poll", 1);
    assert_int_equal(original_find(&source, reader, &wanted, 0, &record, &fault), ORIGINAL_WAIT);
    failing_start("reader_poll", 1);
    fault_clear(&fault);
    assert_int_equal(original_find(&source, reader, &wanted, 0, &record, &fault), ORIGINAL_FAULT);
    assert_string_equal(fault.code, "original-unreadable");
    assert_int_equal(original_find(&source, reader, &wanted, 0, &record, &fault), ORIGINAL_FOUND);
    failing_stop();
    /* At the partition's end: read again from there, which may fail. */
    wanted.offset = 199;
    assert_int_equal(original_find(&source, reader, &wanted, 0, &record, &fault), ORIGINAL_WAIT);
    assert_int_equal(original_find(&source, reader, &wanted, 0, &record, &fault), ORIGINAL_FOUND);
    wanted.offset = 200;
    failing_start("reader_start", 1);
    assert_int_equal(original_find(&source, reader, &wanted, 0, &record, &fault), ORIGINAL_FAULT);
    assert_true(failing_stop());
    /* All before the end was delivered, and it was not among it. */
    wanted.offset = 20;
    fake_kafka.refused_as = (struct kafka_happening){.kind = KAFKA_END, .position = {TOPIC_UNIT_REVIEW, 0, 30}};
    failing_start("reader_poll", 1);
    assert_int_equal(original_find(&source, reader, &wanted, 0, &record, &fault), ORIGINAL_GONE);
    failing_stop();
    /* A later record comes in its place. */
    struct fake_partition *partition = &fake_kafka.partitions[TOPIC_UNIT_REVIEW][0];
    memmove(&partition->records[50], &partition->records[51], 100 * sizeof partition->records[0]);
    partition->count = 150;
    wanted.offset = 50;
    assert_int_equal(original_find(&source, reader, &wanted, 0, &record, &fault), ORIGINAL_GONE);
    kafka_reader_free(reader);
}

static void test_long_texts_of_dead_letters(void **state)
{
    char text[DEAD_LETTER_TEXT_BYTES_MAX + 8];
    struct fault fault = {0};
    struct kafka_record record = {.value = "x", .value_bytes = 1};
    struct dead_letter_reason reason = {.topic_prefix = "", .code = "not-json", .text = text};
    (void)state;
    memset(text, 'x', sizeof text);
    memcpy(text + DEAD_LETTER_TEXT_BYTES_MAX - 1, "\xE4\xB8\xAD", 4); /* one character across the limit */
    assert_true(dead_letter_send(NULL, &record, &reason, 0, &fault));
    failing_start("malloc", 1);
    assert_false(dead_letter_send(NULL, &record, &reason, 0, &fault));
    assert_true(failing_stop());
    assert_int_equal(fault.kind, FAULT_RETRY);
}

static void test_partitions_that_can_not_be(void **state)
{
    static const struct kafka_position wrong[] = {
        {TOPIC_OUTCOME, 0, 0}, {TOPIC_APPROVAL, -1, 0}, {TOPIC_APPROVAL, KAFKA_PARTITIONS_MAX, 0}};
    static struct partitions partitions;
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_false(partitions_set(&partitions, &wrong[i], 1));
        assert_null(partitions_find(&partitions, wrong[i].topic, wrong[i].partition));
    }
    assert_false(partitions_set(&partitions, wrong, (size_t)TOPIC_INPUTS * KAFKA_PARTITIONS_MAX + 1));
    partitions_clear(&partitions);
}

static void test_marks_of_records(void **state)
{
    struct record_mark mark = {.offset = 1, .append_ms = 5};
    struct kafka_record record = {.offset = 1, .append_ms = 6};
    (void)state;
    assert_false(record_is_marked(&record, &mark));
    record.append_ms = 5;
    assert_false(record_is_marked(&record, &mark));
    kafka_record_sha256(&record, mark.sha256);
    assert_true(record_is_marked(&record, &mark));
}

/* What hangs while the worker closes is left behind, with the status that was to be. */
static void test_the_end_does_not_wait_for_ever(void **state)
{
    (void)state;
    failing_end.is_awaited = true;
    failing_end.status = 0;
    if (setjmp(failing_end.back) == 0) {
        signals_exit_within(60, 7);
        raise(SIGALRM);
        fail_msg("it went on");
    }
    alarm(0);
    signal(SIGALRM, SIG_DFL);
    assert_int_equal(failing_end.status, 7);
}

static void test_the_first_fault_counts(void **state)
{
    struct worker worker = {.config = NULL};
    struct fault first = {0}, second = {0};
    (void)state;
    fault_set(&first, FAULT_FATAL, EX_OK, "first", "it names no status");
    fault_set(&second, FAULT_FATAL, EX_CONFIG, "second", "later");
    worker_fail(&worker, &first);
    worker_fail(&worker, &second);
    worker_stop(&worker, EX_OK);
    assert_int_equal(worker.exit_status, EX_SOFTWARE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_any_refusal_at_any_call, play_setup),
        cmocka_unit_test_setup(test_until_end_gives_up, play_setup),
        cmocka_unit_test_setup(test_a_database_that_hangs, play_setup),
        cmocka_unit_test_setup(test_partitions_are_given_back_in_time, play_setup),
        cmocka_unit_test_setup(test_rows_that_are_none_of_ours, play_setup),
        cmocka_unit_test_setup(test_strange_rows_in_the_middle, play_setup),
        cmocka_unit_test_setup(test_what_holding_does_not_avoid, play_setup),
        cmocka_unit_test_setup(test_the_topics_check, play_setup),
        cmocka_unit_test_setup(test_no_second_producer, play_setup),
        cmocka_unit_test_setup(test_a_halt_lasts, play_setup),
        cmocka_unit_test_setup(test_the_last_record_is_gone_but_later_ones_are_there, play_setup),
        cmocka_unit_test_setup(test_the_broker_halts_a_partition, play_setup),
        cmocka_unit_test_setup(test_the_witness, play_setup),
        cmocka_unit_test_setup(test_a_witness_without_bounds, play_setup),
        cmocka_unit_test_setup(test_a_held_record_that_is_gone, play_setup),
        cmocka_unit_test_setup(test_originals, play_setup),
        cmocka_unit_test_setup(test_long_texts_of_dead_letters, play_setup),
        cmocka_unit_test_setup(test_partitions_that_can_not_be, play_setup),
        cmocka_unit_test_setup(test_marks_of_records, play_setup),
        cmocka_unit_test_setup(test_the_end_does_not_wait_for_ever, play_setup),
        cmocka_unit_test_setup(test_the_first_fault_counts, play_setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
