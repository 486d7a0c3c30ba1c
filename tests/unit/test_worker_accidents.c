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
#include "tests/unit/play.h"
#include "worker/dead_letter.h"

FAILING(int, signalfd, (int fd, const sigset_t *signals, int flags), (fd, signals, flags), -1)
FAILING(ssize_t, getrandom, (void *bytes, size_t count, unsigned flags), (bytes, count, flags), -1)

/* ---- any refusal at any call ---- */

static void scene_ordinary(void)
{
    append_units("a");
    fake_append_broken("U0001");
    append_units("b");
    leave_a_dead_letter(TOPIC_APPROVAL, 0, 17);
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

/* Nothing but markers of transactions: positions without records. */
static void scene_markers(void)
{
    fake_kafka.partitions[TOPIC_APPROVAL][1].end = 5;
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
    {"realloc", 0, "", {0}, scene_ordinary},
    {"realloc", 0, "", {0}, scene_markers},
    {"result_bytea", 0, "", {0}, scene_held},
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
    {"reader_bounds_all", FAULT_RETRY, "", {0}, scene_ordinary},
    {"reader_bounds_all", FAULT_FATAL, "", {0}, scene_ordinary},
    {"reader_bounds_of_one", FAULT_RETRY, "", {0}, scene_ordinary},
    {"reader_bounds_of_one", FAULT_REJECT, "", {0}, scene_ordinary},
    {"reader_bounds_of_one", FAULT_FATAL, "", {0}, scene_ordinary},
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

/* ---- Kafka assigns other partitions, and has revoked none ---- */

static const char *awaited; /* while this is asked for; NULL: it was */

static void assign_anew(void)
{
    if (awaited == NULL || !fake_is_asked(awaited)) return;
    awaited = NULL;
    fake_kafka.must_assign = true;
    fake_kafka.assigned_alone = (struct kafka_position){TOPIC_APPROVAL, 1, 0};
}

static void scene_slow(void)
{
    scene_ordinary();
    fake_database.busy_polls = 3;
}

static void scene_lost(void)
{
    scene_ordinary();
    fake_database.script[0] = FAKE_LOST_BEFORE;
}

/* The answer speaks of partitions that are not ours any more: passed over, and the next worker finishes. */
static void test_assigned_anew_at_any_question(void **state)
{
    static const struct accident questions[] = {
        {.calls = "claim", .scene = scene_ordinary}, {.calls = "apply", .scene = scene_slow},  {.calls = "positions", .scene = scene_lost},
        {.calls = "held_take", .scene = scene_held}, {.calls = "halt", .scene = scene_halted},
    };
    (void)state;
    for (size_t i = 0; i < sizeof questions / sizeof questions[0]; i++) {
        play_setup(NULL);
        questions[i].scene();
        void (*each)(void) = play.each;
        awaited = questions[i].calls;
        fake_database.busy_questions = 2;
        play.each = assign_anew;
        assert_int_equal(play_run(PLAY_MS), EX_OK);
        assert_null(awaited);
        play.each = each;
        release();
        assert_int_equal(play_run(PLAY_MS), EX_OK);
        assert_all_is_done(&questions[i]);
    }
}

/* The claim met a lock; before its holder was ended the partitions went, and with them what there was to end. */
static void revoke_when_locked(void)
{
    if (fake_database.lock_failures > 0) return;
    if (fake_kafka.stops == 0) {
        fake_kafka.must_revoke = fake_kafka.has_no_partitions = true;
    } else if (fake_kafka.has_no_partitions && play.now_ms > play.end_ms - PLAY_MS / 2) {
        fake_kafka.must_revoke = true;
        fake_kafka.has_no_partitions = false;
    }
}

static void test_partitions_go_while_they_are_locked(void **state)
{
    (void)state;
    append_units("a");
    fake_database.lock_failures = 1;
    play.each = revoke_when_locked;
    assert_int_equal(play_run(PLAY_MS), EX_OK);
    assert_int_equal(fake_kafka.stops, 2);
    assert_int_equal(fake_database.backends_ended, 0);
    assert_all_applied_once();
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
    fake_kafka.broker_absences = fake_database.closed_doors = 1 << 20; /* both at once */
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

/* ---- a partition whose leader is away ---- */

static struct fake_partition *const led_by_none = &fake_kafka.partitions[TOPIC_UNIT_REVIEW][0];
static struct fake_partition *const led_by_another = &fake_kafka.partitions[TOPIC_UNIT_REVIEW][1];

static void assert_only_the_other_is_applied(void)
{
    assert_int_equal(fake_database.positions[TOPIC_UNIT_REVIEW][0].next, 0);
    assert_int_equal(fake_database.positions[TOPIC_UNIT_REVIEW][1].next, led_by_another->end);
}

/* From the start: all others are read meanwhile. Told at once and again each minute, and that it is back. */
static void test_a_partition_without_a_leader(void **state)
{
    (void)state;
    append_units("a");
    led_by_none->absences = 1 << 20;
    assert_int_equal(play_run(150000), EX_OK);
    assert_only_the_other_is_applied();
    assert_int_equal(told.partitions_away, 3);
    assert_true((1 << 20) - led_by_none->absences >= 150000 / BACKOFF_MAX_MS); /* asked for again and again, */
    assert_true((1 << 20) - led_by_none->absences < 2 * 150000 / BACKOFF_MAX_MS + 10); /* and not at every turn */
    assert_int_equal(run_worker(true), EX_UNAVAILABLE);
    led_by_none->absences = 3;
    assert_int_equal(run_worker(true), EX_OK);
    assert_int_equal(told.partitions_back, 1);
    assert_all_applied_once();
}

static void lose_the_leader(void)
{
    if (fake_database.applies != 1 || led_by_none->absences > 0) return;
    led_by_none->absences = 1 << 20;
    fake_kafka.unavailable = 1;
    append_units("b");
}

/* In the middle: what was read and not applied of it is read again, once it can be. */
static void test_a_partition_loses_its_leader(void **state)
{
    (void)state;
    append_units("a");
    play.each = lose_the_leader;
    assert_int_equal(play_run(PLAY_MS), EX_OK);
    assert_int_equal(fake_database.positions[TOPIC_UNIT_REVIEW][1].next, led_by_another->end);
    assert_true(fake_database.positions[TOPIC_UNIT_REVIEW][0].next < led_by_none->end);
    assert_int_equal(told.partitions_away, 1);
    play.each = NULL;
    led_by_none->absences = 0;
    assert_int_equal(run_worker(true), EX_OK);
    assert_all_applied_once();
}

static void assign_once_more(void)
{
    if (fake_kafka.stops > 0 || fake_database.applies == 0) return;
    fake_kafka.must_revoke = true;
    led_by_none->absences = 1;
}

/* An outage that the waits grew long in is over: what fails for the first time is asked for again at once. */
static void test_a_short_absence_after_a_long_outage(void **state)
{
    (void)state;
    append_units("a");
    fake_kafka.bounds_absences = 20;
    play.each = assign_once_more;
    assert_int_equal(play_run(4 * PLAY_MS), EX_OK);
    assert_int_equal(fake_kafka.stops, 1);
    assert_int_equal(told.partitions_back, 1);
    assert_true(told.back_ms - told.away_ms < 1000);
    assert_all_applied_once();
}

static const char *unit_of(int32_t partition)
{
    static char unit[16];
    for (int i = 0; i < UNITS; i++) {
        snprintf(unit, sizeof unit, "U%04d", i);
        if (kafka_partition_of(unit, strlen(unit), FAKE_PARTITIONS) == partition) break;
    }
    return unit;
}

static void append_more(void)
{
    if (fake_database.applies > 0 && led_by_none->count <= 2 * UNITS) append_units("b");
}

static bool only_waits_for_its_leader(const struct fake_outbox_row *row)
{
    return !row->is_outcome && row->partition == 0 && !row->is_done;
}

/* The originals of one partition can't be read again: its dead letters wait, all else leaves, also what comes later. Told once. */
static void test_originals_without_a_leader(void **state)
{
    (void)state;
    size_t waiting = 0;
    append_units("a");
    for (int number = 0; number < FAKE_PARTITIONS; number++)
        for (int i = 0; i < UNITS; i++) fake_append_broken(unit_of(number)); /* each by itself would take too long to put off */
    led_by_none->is_silent = true;
    play.each = append_more;
    assert_int_equal(play_run(PLAY_MS), EX_OK);
    for (size_t i = 0; i < fake_database.outbox_count; i++) {
        if (only_waits_for_its_leader(&fake_database.outbox[i]))
            waiting++;
        else
            assert_true(fake_database.outbox[i].is_done);
    }
    assert_int_equal(waiting, UNITS);
    assert_int_equal(told.originals_away, 1);
    play.end_ms = play.now_ms + PLAY_MS; /* by itself before that */
    assert_int_equal(run_worker(true), EX_UNAVAILABLE);
    play.end_ms = 0;
    led_by_none->is_silent = false;
    assert_int_equal(run_worker(true), EX_OK);
    assert_all_applied_once();
}

static int64_t sent_ms; /* the dead letter whose original can be read */

static void note_what_was_sent(void)
{
    if (fake_kafka.sent_count > 0 && sent_ms == 0) sent_ms = play.now_ms;
}

/* The waits that one partition's originals caused are none of the next one's. */
static void test_originals_behind_unreadable_ones(void **state)
{
    (void)state;
    for (int number = 0; number < FAKE_PARTITIONS; number++) fake_append_broken(unit_of(number));
    led_by_none->is_unreadable = true;
    sent_ms = 0;
    play.wait_ms = 5;
    play.each_round = note_what_was_sent;
    assert_int_equal(play_run(PLAY_MS), EX_OK);
    assert_true(fake_database.outbox[1].is_done != fake_database.outbox[0].is_done);
    assert_int_equal(told.originals_away, 1);
    assert_in_range(sent_ms, told.originals_ms, told.originals_ms + 50);
}

/* Another worker publishes what was put off here, while an outcome waits; later there is one more. */
static void publish_elsewhere(void)
{
    if (told.originals_away != 1) return;
    if (fake_database.outbox_count == 1 && play.now_ms >= told.originals_ms + OUTBOX_EVERY_MS) /* when it is to be tried */
        fake_database.outbox[fake_database.outbox_count++] =
            (struct fake_outbox_row){.is_outcome = true, .topic = TOPIC_UNIT_REVIEW, .unit = "U0001"};
    fake_database.outbox[0].is_done = true;
    if (led_by_none->count == 1 && play.now_ms > play.end_ms - PLAY_MS / 2) fake_append_broken(unit_of(0));
}

/* With nothing left to wait for the waiting is over: it is told anew when it begins anew. */
static void test_originals_that_are_no_longer_wanted(void **state)
{
    (void)state;
    fake_append_broken(unit_of(0));
    led_by_none->is_silent = true;
    play.each = publish_elsewhere;
    assert_int_equal(play_run(PLAY_MS), EX_OK);
    assert_int_equal(led_by_none->count, 2);
    assert_int_equal(told.originals_away, 2);
    assert_int_equal(told.originals_back, 1);
}

/* More dead letters without their originals than are taken at a time, and written first: what is behind them leaves all the same. */
static void play_more_originals_than_are_taken(void (*vanish)(void))
{
    size_t waiting = 0;
    for (int i = 0; i < FAKE_ROWS_MAX + 1; i++)
        fake_database.outbox[fake_database.outbox_count++] = (struct fake_outbox_row){.topic = TOPIC_UNIT_REVIEW, .unit = "U0001"};
    append_units("a");
    vanish();
    assert_int_equal(play_run(PLAY_MS), EX_OK);
    for (size_t i = 0; i < fake_database.outbox_count; i++) {
        if (fake_database.outbox[i].is_outcome)
            assert_true(fake_database.outbox[i].is_done);
        else if (!fake_database.outbox[i].is_done)
            waiting++;
    }
    assert_int_equal(waiting, FAKE_ROWS_MAX + 1);
}

static void fall_silent(void)
{
    led_by_none->is_silent = true;
}

static void test_more_unreadable_originals_than_are_taken(void **state)
{
    (void)state;
    play_more_originals_than_are_taken(fall_silent);
}

static void go_away(void)
{
    led_by_none->absences = 1 << 20;
}

static void test_more_originals_without_a_leader_than_are_taken(void **state)
{
    (void)state;
    play_more_originals_than_are_taken(go_away);
}

/* ---- originals of topics that were made anew ---- */

/* One record was a dead letter, which is not published yet. */
static struct fake_partition *made_anew_with_a_dead_letter(void)
{
    struct fake_partition *partition = &fake_kafka.partitions[TOPIC_UNIT_REVIEW][0];
    append_units("a");
    assert_int_equal(run_worker(true), EX_OK);
    fake_database.outbox[fake_database.outbox_count++] = (struct fake_outbox_row){.topic = TOPIC_UNIT_REVIEW, .offset = 1, .unit = "U0001"};
    partition->append_shift_ms = 1000;
    fake_kafka.sent_count = 0;
    return partition;
}

/* Until its topic is known to be the same nothing is published in its original's place; when the topic is back the original is there. */
static void test_a_dead_letter_of_a_topic_that_comes_back(void **state)
{
    (void)state;
    struct fake_partition *partition = made_anew_with_a_dead_letter();
    struct fake_position *position = &fake_database.positions[TOPIC_UNIT_REVIEW][0];
    assert_int_equal(run_worker(true), EX_DATAERR);
    assert_int_equal(fake_kafka.sent_count, 0);
    partition->append_shift_ms = 0;
    position->halted[0] = '\0'; /* resumed */
    position->epoch++;
    assert_int_equal(run_worker(true), EX_OK);
    assert_int_equal(fake_kafka.sent_count, 1);
    assert_string_equal(fake_kafka.sent[0].value, partition->records[1].value);
}

/* The other topic is accepted: what has the original's place there is not the original. */
static void test_a_dead_letter_of_a_topic_that_does_not(void **state)
{
    (void)state;
    (void)made_anew_with_a_dead_letter();
    fake_database.positions[TOPIC_UNIT_REVIEW][0].has_last = false;
    assert_int_equal(run_worker(true), EX_OK);
    assert_int_equal(fake_kafka.sent_count, 1);
    assert_string_equal(fake_kafka.sent[0].value, "");
}

static void cut_when_taken(void)
{
    struct fake_partition *partition = &fake_kafka.partitions[TOPIC_UNIT_REVIEW][0];
    if (!fake_is_asked("outbox_take") || !partition->is_read || partition->next < partition->end) return;
    partition->count = 1;
    partition->end = 1;
}

/* A topic that is cut while it is read: the consumer halts the partition, and until then nothing is said to be gone. */
static void test_a_dead_letter_behind_the_end(void **state)
{
    (void)state;
    made_anew_with_a_dead_letter()->append_shift_ms = 0;
    play.each_round = cut_when_taken;
    assert_int_equal(run_worker(true), EX_DATAERR);
    assert_int_equal(fake_kafka.sent_count, 0);
}

static struct {
    int appended;
    int64_t since_ms, longest_ms; /* an outcome waits; 0: none does */
} outcome_wait;

static bool outcomes_wait(void)
{
    for (size_t i = 0; i < fake_database.outbox_count; i++)
        if (fake_database.outbox[i].is_outcome && !fake_database.outbox[i].is_done) return true;
    return false;
}

static void all_but_one_are_silent(bool is_silent)
{
    for (int i = 0; i < TOPIC_INPUTS * FAKE_PARTITIONS; i++) {
        struct fake_partition *partition = &fake_kafka.partitions[i / FAKE_PARTITIONS][i % FAKE_PARTITIONS];
        partition->is_silent = is_silent && partition != led_by_another;
    }
}

/* One record at a time, of the only partition that can be read again, after all others were found to be silent. They come back later. */
static void append_and_wait(void)
{
    char id[16];
    if (told.originals_away < TOPIC_INPUTS * FAKE_PARTITIONS - 1 || outcomes_wait()) return;
    int64_t waited_ms = outcome_wait.since_ms == 0 ? 0 : play.now_ms - outcome_wait.since_ms;
    if (waited_ms > outcome_wait.longest_ms) outcome_wait.longest_ms = waited_ms;
    outcome_wait.since_ms = 0;
    if (play.now_ms > play.end_ms - PLAY_MS) {
        all_but_one_are_silent(false);
    } else if (outcome_wait.appended < FAKE_RECORDS_MAX) {
        snprintf(id, sizeof id, "%d", outcome_wait.appended++);
        fake_append(unit_of(1), id);
        outcome_wait.since_ms = play.now_ms;
    }
}

/* Those whose originals can't be read are tried one at a time, so that an outcome waits for one at most; and when they are back all leave.
 */
static void play_outcomes_among_unreadable_originals(void)
{
    memset(&outcome_wait, 0, sizeof outcome_wait);
    for (int i = 0; i < TOPIC_INPUTS * FAKE_PARTITIONS; i++)
        if (&fake_kafka.partitions[i / FAKE_PARTITIONS][i % FAKE_PARTITIONS] != led_by_another)
            leave_a_dead_letter((enum topic_kind)(i / FAKE_PARTITIONS), i % FAKE_PARTITIONS, 0);
    all_but_one_are_silent(true);
    play.each = append_and_wait;
    play.wait_ms = 5;
    assert_int_equal(play_run(3 * PLAY_MS), EX_OK);
    assert_int_equal(told.originals_away, TOPIC_INPUTS * FAKE_PARTITIONS - 1);
    assert_true(outcome_wait.appended > 10);
    assert_in_range(outcome_wait.longest_ms, 1, ORIGINAL_AWAIT_MS + ORIGINAL_AWAIT_MS / 2);
    for (size_t i = 0; i < fake_database.outbox_count; i++) assert_true(fake_database.outbox[i].is_done);
    assert_int_equal(told.originals_back, TOPIC_INPUTS * FAKE_PARTITIONS - 1);
}

static void test_outcomes_among_unreadable_originals(void **state)
{
    (void)state;
    play_outcomes_among_unreadable_originals();
}

static int takes_seen;

/* Each time rows were taken the next question for some fails. */
static void refuse_every_other_take(void)
{
    if (fake_database.takes_alone == takes_seen) return;
    takes_seen = fake_database.takes_alone;
    failing_start("outbox_take", 1);
}

/* The one that is tried stays the only one when the question that it is tried with fails. */
static void test_unreadable_originals_and_failed_questions(void **state)
{
    (void)state;
    takes_seen = 0;
    play.each_round = refuse_every_other_take;
    play_outcomes_among_unreadable_originals();
    assert_true(takes_seen > 10);
}

/* ---- slow answers ---- */

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

static void keep_back(void)
{
    if (fake_kafka.starts >= 2) fake_kafka.is_group_silent = true;
}

/* Records that are there and do not come, behind an open transaction: told once a minute. */
static void test_records_that_do_not_come(void **state)
{
    (void)state;
    append_units("a");
    play.each = keep_back;
    assert_int_equal(play_run(150000), EX_OK);
    assert_int_equal(told.stalled, 2);
    assert_int_equal(fake_database.applies, 0);
    fake_kafka.is_group_silent = false;
    assert_int_equal(run_worker(true), EX_OK);
    assert_int_equal(told.stalled, 2);
    assert_all_applied_once();
}

static struct fake_partition *read_from;
static int64_t next_before, most_taken; /* of one round */

static void count_taken(void)
{
    int64_t taken = read_from->next - next_before;
    if (taken > most_taken) most_taken = taken;
    next_before = read_from->next;
}

/* However much there is to read, the other steps get their turn: after so many records, or so many bytes. */
static void test_intake_leaves_others_their_turn(void **state)
{
    static char long_value[100001];
    (void)state;
    memset(long_value, ' ', sizeof long_value - 1);
    read_from = &fake_kafka.partitions[TOPIC_UNIT_REVIEW][kafka_partition_of("U0001", 5, FAKE_PARTITIONS)];
    for (int is_long = 0; is_long < 2; is_long++) {
        play_setup(NULL);
        for (int i = 0; i < 450; i++) {
            char id[16];
            snprintf(id, sizeof id, "%d", i);
            fake_append("U0001", id);
            if (is_long) read_from->records[i].long_value = long_value;
        }
        snprintf(run_flag, sizeof run_flag, "--batch-records=1000");
        play.each_round = count_taken;
        next_before = most_taken = 0;
        assert_int_equal(play_run(PLAY_MS), EX_OK);
        assert_int_equal(most_taken, is_long ? INTAKE_BYTES_A_ROUND / 100000 + 1 : INTAKE_RECORDS_A_ROUND);
        assert_all_applied_once();
    }
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
    leave_a_dead_letter(TOPIC_APPROVAL, 0, 3);
    play.each = name_strangers;
    (void)play_run(PLAY_MS);
    play.each = NULL;
    fake_database.foreign_partition = fake_database.foreign_topic = NULL;
    release();
    assert_int_equal(play_run(PLAY_MS), EX_OK);
    for (size_t i = 0; i < fake_database.outbox_count; i++) assert_true(fake_database.outbox[i].is_done);
}

/* For as long as that function is asked for its rows are of what is not ours. */
static const char *strange_topic, *strange_partition;

static void name_strangers_when_asked(void)
{
    fake_database.foreign_topic = fake_is_asked(awaited) ? strange_topic : NULL;
    fake_database.foreign_partition = fake_is_asked(awaited) ? strange_partition : NULL;
}

static void test_held_rows_that_are_none_of_ours(void **state)
{
    (void)state;
    scene_held();
    int applies = fake_database.applies;
    awaited = "held_take";
    play.each_round = name_strangers_when_asked;
    for (int i = 0; i < 2; i++) {
        strange_topic = i == 0 ? "nonsense" : NULL;
        strange_partition = i == 0 ? NULL : "7";
        assert_int_equal(play_run(PLAY_MS), EX_OK);
        assert_int_equal(fake_database.applies, applies);
    }
    play.each_round = NULL;
    fake_database.foreign_topic = fake_database.foreign_partition = NULL;
    assert_int_equal(play_run(PLAY_MS), EX_OK);
    assert_int_equal(fake_database.applies, applies + 1);
}

/* A dead letter of a topic that is none stays in the outbox, and holds nothing else up. */
static void test_a_dead_letter_of_a_strange_topic(void **state)
{
    (void)state;
    fake_append_broken("U0001");
    append_units("a");
    awaited = "outbox_take";
    strange_topic = "nonsense";
    strange_partition = NULL;
    play.each_round = name_strangers_when_asked;
    assert_int_equal(play_run(PLAY_MS), EX_OK);
    assert_int_equal(fake_kafka.sent_count, UNITS);
    for (size_t i = 0; i < fake_database.outbox_count; i++)
        assert_int_equal(fake_database.outbox[i].is_done, fake_database.outbox[i].is_outcome);
    play.each_round = NULL;
    fake_database.foreign_topic = NULL;
    assert_int_equal(play_run(PLAY_MS), EX_OK);
    assert_int_equal(fake_kafka.sent_count, UNITS + 1);
    assert_all_applied_once();
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

/* What the last record was can't be read: nobody may go on as if there had been none, since then no truncated topic is noticed. */
static void forget_memory_after_the_claim(void)
{
    if (fake_is_asked("claim")) failing_start("calloc", 1);
}

static void test_no_memory_for_bounds(void **state)
{
    (void)state;
    append_units("a");
    play.each_round = forget_memory_after_the_claim;
    assert_int_equal(play_run(PLAY_MS), EX_OSERR);
    assert_true(failing_stop());
}

static void test_no_memory_for_the_last_record(void **state)
{
    (void)state;
    append_units("a");
    assert_int_equal(run_worker(true), EX_OK);
    append_units("b");
    play.calls = "result_bytea";
    play.at = 1;
    assert_int_equal(run_worker(true), EX_OSERR);
    failing_stop();
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

static void refuse_halts(void)
{
    failing_start("halt", 1);
}

/* A halt that the database does not take is a halt all the same, and is stored once it can be. */
static void test_a_halt_that_can_not_be_stored(void **state)
{
    const struct fake_position *position = &fake_database.positions[TOPIC_UNIT_REVIEW][0];
    (void)state;
    scene_halted();
    int64_t next = position->next;
    play.each = refuse_halts;
    assert_int_equal(play_run(3 * 60000), EX_OK);
    failing_stop();
    assert_string_equal(position->halted, "");
    play.each = NULL;
    assert_int_equal(run_worker(true), EX_DATAERR);
    assert_non_null(strstr(position->halted, "truncated"));
    assert_int_equal(position->next, next);
}

/* Halted while a micro-batch is on its way: the halt waits for its turn, and --until-end for the halt. */
static void test_a_halt_beside_a_micro_batch(void **state)
{
    struct fake_partition *partition = &fake_kafka.partitions[TOPIC_UNIT_REVIEW][1];
    (void)state;
    append_units("a");
    assert_int_equal(run_worker(true), EX_OK);
    partition->records[partition->count - 1].value[1] = ' ';
    for (int i = 0; i < 60; i++) {
        char unit[16];
        snprintf(unit, sizeof unit, "U%04d", i);
        if (kafka_partition_of(unit, strlen(unit), FAKE_PARTITIONS) == 0) fake_append(unit, "b");
    }
    fake_database.busy_polls = 5;
    assert_int_equal(run_worker(true), EX_DATAERR);
    assert_non_null(strstr(fake_database.positions[TOPIC_UNIT_REVIEW][1].halted, "with other content"));
    assert_int_equal(fake_database.positions[TOPIC_UNIT_REVIEW][0].next, fake_kafka.partitions[TOPIC_UNIT_REVIEW][0].end);
}

static int64_t resumed_epoch;

/* An operator resumes the partition, and another worker has claimed it before this one looks. */
static void resume_and_claim(void)
{
    struct fake_position *position = &fake_database.positions[TOPIC_UNIT_REVIEW][0];
    if (play.now_ms < play.end_ms - PLAY_MS || position->halted[0] == '\0') return;
    position->halted[0] = '\0';
    position->has_last = false;
    position->next = fake_kafka.partitions[TOPIC_UNIT_REVIEW][0].end;
    resumed_epoch = position->epoch += 2;
}

/* It is the other one's then, until Kafka's word has stood for a while. */
static void test_resumed_and_claimed_by_another(void **state)
{
    (void)state;
    scene_halted();
    play.each = resume_and_claim;
    assert_int_equal(play_run(2 * PLAY_MS), EX_OK);
    assert_true(resumed_epoch > 0);
    assert_int_equal(fake_database.positions[TOPIC_UNIT_REVIEW][0].epoch, resumed_epoch + 1);
    play.each = NULL;
    append_units("b");
    assert_int_equal(run_worker(true), EX_OK);
    assert_int_equal(fake_database.positions[TOPIC_UNIT_REVIEW][0].next, fake_kafka.partitions[TOPIC_UNIT_REVIEW][0].end);
}

/* The n-th poll says that a partition can't go on. */
static void halted_at_poll(int at)
{
    fake_kafka.refusal = FAULT_REJECT;
    fake_kafka.refused_as = (struct kafka_happening){.kind = KAFKA_HALTED};
    play.calls = "consumer_poll";
    play.at = at;
}

/* A client's late word on a partition that is not read yet is no reason to halt it. */
static void test_a_late_error_halts_nothing(void **state)
{
    (void)state;
    append_units("a");
    halted_at_poll(1);
    assert_int_equal(run_worker(true), EX_OK);
    assert_true(failing_stop());
    assert_all_applied_once();
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
    halted_at_poll(10);
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

/* Not the record alone is gone: later ones are there. */
static void leave_the_last(struct fake_partition *partition)
{
    partition->records[0] = partition->records[partition->count - 1];
    partition->count = 1;
}

/* Deleted ahead of what was read. */
static void begin_beyond(struct fake_partition *partition)
{
    partition->count = 0;
    partition->first = partition->end + 5;
    partition->end = partition->first + 1;
}

/* Made anew and not as long; the consumer, which would notice, is told nothing. */
static void end_before(struct fake_partition *partition)
{
    fake_kafka.is_group_silent = true;
    partition->count = 0;
    partition->first = partition->end -= 1;
}

static void test_the_witness(void **state)
{
    static const struct {
        void (*change)(struct fake_partition *partition);
        bool is_halted;
    } changes[] = {{change_all, true},     {delete_all, false},  {lose_all, false}, {shorten, true},
                   {leave_the_last, true}, {begin_beyond, true}, {end_before, true}};
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

static int bounds_at;

static void bounds_fail(struct fake_partition *partition)
{
    delete_all(partition);
    failing_start("reader_bounds", bounds_at);
}

static void test_a_witness_without_bounds(void **state)
{
    (void)state;
    for (bounds_at = 1; bounds_at <= 2; bounds_at++) { /* when the record is looked for, and when it is judged */
        play_setup(NULL);
        append_units("a");
        later = bounds_fail;
        play.each = do_later;
        assert_int_equal(play_run(PLAY_MS), EX_OK);
        assert_true(failing_stop());
        assert_string_equal(fake_database.positions[TOPIC_UNIT_REVIEW][0].halted, "");
    }
}

/* While the witness is looked for, the partition goes and comes back; it has another witness then. */
static void come_back_while_looking(void)
{
    const struct fake_partition *partition = &fake_kafka.partitions[TOPIC_UNIT_REVIEW][0];
    if (fake_kafka.stops == 0) fake_kafka.is_reader_silent = true;
    if (fake_kafka.stops == 0 && fake_kafka.is_reading) fake_kafka.must_revoke = true;
    if (fake_kafka.stops == 1 && fake_database.claims == 2 && partition->is_read && partition->is_end_told)
        fake_kafka.is_reader_silent = false;
}

static void test_a_witness_of_an_earlier_epoch(void **state)
{
    (void)state;
    append_units("a");
    play.each = come_back_while_looking;
    assert_int_equal(play_run(PLAY_MS), EX_OK);
    assert_int_equal(fake_kafka.stops, 1);
    assert_false(fake_kafka.is_reader_silent);
    assert_string_equal(fake_database.positions[TOPIC_UNIT_REVIEW][0].halted, "");
    assert_all_applied_once();
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

static struct fake_position *hold_again(void)
{
    fake_append("U0001", "a");
    struct fake_position *position = &fake_database.positions[TOPIC_UNIT_REVIEW][kafka_partition_of("U0001", 5, FAKE_PARTITIONS)];
    assert_int_equal(run_worker(true), EX_OK);
    position->held[0] = fake_database.is_released = true;
    return position;
}

/* What can't be applied and not even be held is nothing to go on from. */
static void test_a_held_record_that_can_not_be_held(void **state)
{
    (void)state;
    struct fake_position *position = hold_again();
    for (int i = 1; i < FAKE_SCRIPT_MAX; i++) fake_database.script[i] = FAKE_INDIGESTIBLE;
    assert_int_equal(run_worker(true), EX_SOFTWARE);
    assert_int_equal(fake_database.applies, 3); /* at first, released, to be held */
    assert_true(position->held[0]);
}

/* One that can't be read holds back only those of its partition, and is applied once it can be. */
static void play_held_records_behind(void (*vanish)(void), void (*come_back)(void))
{
    struct fake_position *positions = fake_database.positions[TOPIC_UNIT_REVIEW];
    for (int number = 0; number < FAKE_PARTITIONS; number++) fake_append(unit_of(number), "a");
    assert_int_equal(run_worker(true), EX_OK);
    fake_database.is_released = positions[0].held[0] = positions[1].held[0] = true;
    vanish();
    assert_int_equal(play_run(PLAY_MS), EX_OK);
    assert_true(positions[0].held[0]);
    assert_false(positions[1].held[0]);
    assert_int_equal(fake_database.applies, 2);
    if (come_back == NULL) return;
    come_back();
    assert_int_equal(run_worker(true), EX_OK);
    assert_false(positions[0].held[0]);
}

static void speak(void)
{
    led_by_none->is_silent = false;
}

static void test_a_held_record_behind_one_that_does_not_come(void **state)
{
    (void)state;
    play_held_records_behind(fall_silent, speak);
}

/* While it is waited for its partition goes and comes back, and is not proven before the wait is over. */
static int64_t doubted_until_ms;

static void revoke_what_is_read(void)
{
    bool is_first = fake_kafka.is_reading && doubted_until_ms == 0;
    if (is_first) doubted_until_ms = play.now_ms + 2 * ORIGINAL_AWAIT_MS;
    fake_kafka.must_revoke = fake_kafka.must_revoke || is_first;
    fake_kafka.bounds_absences = play.now_ms < doubted_until_ms ? 1 : 0;
}

static void test_a_held_record_of_a_partition_in_doubt(void **state)
{
    (void)state;
    doubted_until_ms = 0;
    play.each_round = revoke_what_is_read;
    play_held_records_behind(fall_silent, speak);
    assert_true(doubted_until_ms != 0);
}

static void be_deleted(void)
{
    delete_all(led_by_none);
}

static void test_a_held_record_behind_one_that_is_gone(void **state)
{
    (void)state;
    play_held_records_behind(be_deleted, NULL);
}

static void return_to_work(void)
{
    led_by_none->absences = 0;
}

static void test_a_held_record_behind_a_partition_without_a_leader(void **state)
{
    (void)state;
    play_held_records_behind(go_away, return_to_work);
}

/* Nothing new comes, and a held record does not either: that is not the end. */
static void test_the_end_waits_for_a_held_record(void **state)
{
    (void)state;
    struct fake_position *position = hold_again();
    for (int number = 0; number < FAKE_PARTITIONS; number++) fake_kafka.partitions[TOPIC_UNIT_REVIEW][number].is_silent = true;
    play.end_ms = play.now_ms + PLAY_MS;
    assert_int_equal(run_worker(true), EX_OK);
    assert_int_equal(play.end_ms, 0); /* it was asked to end */
    assert_true(position->held[0]);
}

/* Once it was looked for held records all partitions come anew, one of them with a record that another worker held meanwhile. */
static struct fake_position *held_elsewhere;
static bool was_looked_for;

static void come_anew_after_a_look(void)
{
    const struct fake_partition *partition =
        &fake_kafka.partitions[TOPIC_UNIT_REVIEW][held_elsewhere - fake_database.positions[TOPIC_UNIT_REVIEW]];
    bool is_proven = fake_kafka.is_told_assigned && partition->is_read && partition->next == partition->end;
    bool is_asked = is_proven && fake_is_asked("held_take");
    was_looked_for = was_looked_for || is_asked;
    if (fake_kafka.stops > 0) return;
    fake_kafka.is_group_silent = is_proven && (!was_looked_for || is_asked); /* the end is not told yet */
    if (!was_looked_for || is_asked) return;
    held_elsewhere->held[0] = true;
    fake_kafka.must_revoke = true;
}

static void test_the_end_looks_at_what_came_last(void **state)
{
    (void)state;
    held_elsewhere = hold_again();
    held_elsewhere->held[0] = was_looked_for = false;
    fake_database.busy_questions = 1;
    fake_kafka.before_poll = come_anew_after_a_look;
    assert_int_equal(run_worker(true), EX_OK);
    assert_true(was_looked_for);
    assert_int_equal(fake_kafka.stops, 1);
    assert_false(held_elsewhere->held[0]);
}

/* Another record in its place is not the one that was held. */
static void test_a_held_record_of_a_topic_made_anew(void **state)
{
    (void)state;
    struct fake_position *position = hold_again();
    fake_kafka.partitions[TOPIC_UNIT_REVIEW][position - fake_database.positions[TOPIC_UNIT_REVIEW]].append_shift_ms = 1000;
    position->has_last = false; /* accepted as it is */
    assert_int_equal(play_run(PLAY_MS), EX_OK);
    assert_true(position->held[0]);
    assert_int_equal(fake_database.applies, 1);
}

/* Of halted partitions nothing is looked for, and nothing is waited for. */
static void test_the_end_of_halted_partitions(void **state)
{
    (void)state;
    append_units("a");
    for (int i = 0; i < TOPIC_INPUTS * FAKE_PARTITIONS; i++) {
        struct fake_position *position = &fake_database.positions[i / FAKE_PARTITIONS][i % FAKE_PARTITIONS];
        snprintf(position->halted, sizeof position->halted, "made anew");
    }
    play.end_ms = play.now_ms + PLAY_MS;
    assert_int_equal(run_worker(true), EX_DATAERR);
    play.end_ms = 0;
}

static void stop_when_read(void)
{
    if (fake_kafka.is_reading && fake_kafka.reading.offset > 0) raise(SIGTERM);
}

/* A signal between reading a held record again and applying it: the next worker does it. */
static void test_a_signal_before_a_held_record(void **state)
{
    (void)state;
    struct fake_position *position = hold_again();
    play.each_round = stop_when_read;
    assert_int_equal(play_run(PLAY_MS), EX_OK);
    assert_int_equal(fake_database.applies, 1);
    play.each_round = NULL;
    assert_int_equal(run_worker(true), EX_OK);
    assert_int_equal(fake_database.applies, 2);
    assert_false(position->held[0]);
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
    assert_int_equal(original_find(&source, reader, &wanted, ORIGINAL_ANY_MS, 0, &record, &fault), ORIGINAL_FOUND);
    wanted.offset = 5; /* behind: started anew */
    assert_int_equal(original_find(&source, reader, &wanted, ORIGINAL_ANY_MS, 0, &record, &fault), ORIGINAL_FOUND);
    wanted.offset = 150; /* ahead, but not in one step */
    assert_int_equal(original_find(&source, reader, &wanted, ORIGINAL_ANY_MS, 0, &record, &fault), ORIGINAL_WAIT);
    assert_int_equal(original_find(&source, reader, &wanted, ORIGINAL_ANY_MS, 0, &record, &fault), ORIGINAL_FOUND);
    wanted.offset = 151 + ORIGINAL_SKIP_MAX + 1; /* too far ahead to read on */
    assert_int_equal(original_find(&source, reader, &wanted, ORIGINAL_ANY_MS, 0, &record, &fault), ORIGINAL_CUT);
    assert_string_equal(fault.code, "original-cut");
    wanted = (struct kafka_position){TOPIC_UNIT_REVIEW, 1, 0}; /* of another partition, and of another topic */
    assert_int_equal(original_find(&source, reader, &wanted, ORIGINAL_ANY_MS, 0, &record, &fault), ORIGINAL_CUT);
    fake_kafka.is_reader_silent = true;
    wanted.topic = TOPIC_APPROVAL;
    assert_int_equal(original_find(&source, reader, &wanted, ORIGINAL_ANY_MS, 0, &record, &fault), ORIGINAL_WAIT);
    fake_kafka.is_reader_silent = false;
    /* A partition that stops short of what its bounds promise: first read again from there, then not now, never gone. */
    fake_kafka.refused_as = (struct kafka_happening){.kind = KAFKA_HALTED};
    wanted = (struct kafka_position){TOPIC_UNIT_REVIEW, 0, 10};
    assert_int_equal(original_find(&source, reader, &wanted, ORIGINAL_ANY_MS, 0, &record, &fault), ORIGINAL_FOUND);
    wanted.offset = 11;
    failing_start("reader_poll", 1);
    assert_int_equal(original_find(&source, reader, &wanted, ORIGINAL_ANY_MS, 0, &record, &fault), ORIGINAL_WAIT);
    failing_start("reader_poll", 1);
    fault_clear(&fault);
    assert_int_equal(original_find(&source, reader, &wanted, ORIGINAL_ANY_MS, 0, &record, &fault), ORIGINAL_FAULT);
    assert_string_equal(fault.code, "original-unreadable");
    assert_int_equal(original_find(&source, reader, &wanted, ORIGINAL_ANY_MS, 0, &record, &fault), ORIGINAL_FOUND);
    failing_stop();
    /* At the partition's end: read again from there, which may fail. */
    wanted.offset = 199;
    assert_int_equal(original_find(&source, reader, &wanted, ORIGINAL_ANY_MS, 0, &record, &fault), ORIGINAL_WAIT);
    assert_int_equal(original_find(&source, reader, &wanted, ORIGINAL_ANY_MS, 0, &record, &fault), ORIGINAL_FOUND);
    wanted.offset = 200;
    failing_start("reader_start", 1);
    assert_int_equal(original_find(&source, reader, &wanted, ORIGINAL_ANY_MS, 0, &record, &fault), ORIGINAL_FAULT);
    assert_true(failing_stop());
    /* All before the end was delivered, and it was not among it. */
    wanted.offset = 20;
    fake_kafka.refused_as = (struct kafka_happening){.kind = KAFKA_END, .position = {TOPIC_UNIT_REVIEW, 0, 30}};
    failing_start("reader_poll", 1);
    assert_int_equal(original_find(&source, reader, &wanted, ORIGINAL_ANY_MS, 0, &record, &fault), ORIGINAL_GONE);
    failing_stop();
    /* One that was appended at another time. */
    wanted.offset = 21;
    assert_int_equal(original_find(&source, reader, &wanted, FAKE_APPEND_MS + 21, 0, &record, &fault), ORIGINAL_FOUND);
    assert_int_equal(original_find(&source, reader, &wanted, FAKE_APPEND_MS + 22, 0, &record, &fault), ORIGINAL_GONE);
    /* A later record comes in its place. */
    struct fake_partition *partition = &fake_kafka.partitions[TOPIC_UNIT_REVIEW][0];
    memmove(&partition->records[50], &partition->records[51], 100 * sizeof partition->records[0]);
    partition->count = 150;
    wanted.offset = 50;
    assert_int_equal(original_find(&source, reader, &wanted, ORIGINAL_ANY_MS, 0, &record, &fault), ORIGINAL_GONE);
    kafka_reader_free(reader);
}

/* The end comes of a start at an earlier record than what is wanted by now: it is no answer. */
static void test_an_end_of_an_earlier_start(void **state)
{
    struct original_source source = {0};
    struct kafka_position wanted = {TOPIC_UNIT_REVIEW, 0, 0};
    struct kafka_record record;
    struct fault fault = {0};
    (void)state;
    struct kafka_reader *reader = kafka_reader_new(NULL, &fault);
    struct fake_partition *partition = &fake_kafka.partitions[TOPIC_UNIT_REVIEW][0];
    for (int64_t i = 0; i < 2; i++) {
        test_unit_review(&partition->records[i], "U1", 2026, "test", "id", 1);
        partition->records[i].offset = i;
    }
    partition->count = 2;
    partition->end = 2;
    fake_kafka.refused_as = (struct kafka_happening){.kind = KAFKA_END, .position = {TOPIC_UNIT_REVIEW, 0, 2}};
    fake_kafka.is_reader_silent = true;
    assert_int_equal(original_find(&source, reader, &wanted, ORIGINAL_ANY_MS, 0, &record, &fault), ORIGINAL_WAIT);
    fake_kafka.is_reader_silent = false;
    wanted.offset = 1;
    failing_start("reader_poll", 1);
    assert_int_equal(original_find(&source, reader, &wanted, ORIGINAL_ANY_MS, 0, &record, &fault), ORIGINAL_WAIT);
    assert_true(failing_stop());
    assert_int_equal(original_find(&source, reader, &wanted, ORIGINAL_ANY_MS, 0, &record, &fault), ORIGINAL_FOUND);
    assert_int_equal(record.offset, 1);
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
    assert_int_equal(fake_kafka.handed[0].text_bytes, DEAD_LETTER_TEXT_BYTES_MAX - 1);
    memset(text, 0x80, sizeof text - 1); /* no character begins */
    text[sizeof text - 1] = '\0';
    assert_true(dead_letter_send(NULL, &record, &reason, 0, &fault));
    assert_int_equal(fake_kafka.handed[1].text_bytes, 0);
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
        cmocka_unit_test_setup(test_a_partition_without_a_leader, play_setup),
        cmocka_unit_test_setup(test_a_partition_loses_its_leader, play_setup),
        cmocka_unit_test_setup(test_a_short_absence_after_a_long_outage, play_setup),
        cmocka_unit_test_setup(test_originals_without_a_leader, play_setup),
        cmocka_unit_test_setup(test_originals_behind_unreadable_ones, play_setup),
        cmocka_unit_test_setup(test_originals_that_are_no_longer_wanted, play_setup),
        cmocka_unit_test_setup(test_more_unreadable_originals_than_are_taken, play_setup),
        cmocka_unit_test_setup(test_more_originals_without_a_leader_than_are_taken, play_setup),
        cmocka_unit_test_setup(test_a_dead_letter_of_a_topic_that_comes_back, play_setup),
        cmocka_unit_test_setup(test_a_dead_letter_of_a_topic_that_does_not, play_setup),
        cmocka_unit_test_setup(test_a_dead_letter_behind_the_end, play_setup),
        cmocka_unit_test_setup(test_a_held_record_of_a_topic_made_anew, play_setup),
        cmocka_unit_test_setup(test_outcomes_among_unreadable_originals, play_setup),
        cmocka_unit_test_setup(test_unreadable_originals_and_failed_questions, play_setup),
        cmocka_unit_test_setup(test_a_database_that_hangs, play_setup),
        cmocka_unit_test_setup(test_partitions_are_given_back_in_time, play_setup),
        cmocka_unit_test_setup(test_rows_that_are_none_of_ours, play_setup),
        cmocka_unit_test_setup(test_strange_rows_in_the_middle, play_setup),
        cmocka_unit_test_setup(test_what_holding_does_not_avoid, play_setup),
        cmocka_unit_test_setup(test_the_topics_check, play_setup),
        cmocka_unit_test_setup(test_no_second_producer, play_setup),
        cmocka_unit_test_setup(test_no_memory_for_bounds, play_setup),
        cmocka_unit_test_setup(test_no_memory_for_the_last_record, play_setup),
        cmocka_unit_test_setup(test_a_halt_lasts, play_setup),
        cmocka_unit_test_setup(test_the_last_record_is_gone_but_later_ones_are_there, play_setup),
        cmocka_unit_test_setup(test_the_broker_halts_a_partition, play_setup),
        cmocka_unit_test_setup(test_the_witness, play_setup),
        cmocka_unit_test_setup(test_a_witness_without_bounds, play_setup),
        cmocka_unit_test_setup(test_a_held_record_that_is_gone, play_setup),
        cmocka_unit_test_setup(test_a_held_record_behind_one_that_does_not_come, play_setup),
        cmocka_unit_test_setup(test_a_held_record_of_a_partition_in_doubt, play_setup),
        cmocka_unit_test_setup(test_a_held_record_behind_one_that_is_gone, play_setup),
        cmocka_unit_test_setup(test_a_held_record_behind_a_partition_without_a_leader, play_setup),
        cmocka_unit_test_setup(test_the_end_waits_for_a_held_record, play_setup),
        cmocka_unit_test_setup(test_the_end_looks_at_what_came_last, play_setup),
        cmocka_unit_test_setup(test_the_end_of_halted_partitions, play_setup),
        cmocka_unit_test_setup(test_originals, play_setup),
        cmocka_unit_test_setup(test_an_end_of_an_earlier_start, play_setup),
        cmocka_unit_test_setup(test_long_texts_of_dead_letters, play_setup),
        cmocka_unit_test_setup(test_partitions_that_can_not_be, play_setup),
        cmocka_unit_test_setup(test_marks_of_records, play_setup),
        cmocka_unit_test_setup(test_the_end_does_not_wait_for_ever, play_setup),
        cmocka_unit_test_setup(test_the_first_fault_counts, play_setup),
        cmocka_unit_test_setup(test_assigned_anew_at_any_question, play_setup),
        cmocka_unit_test_setup(test_partitions_go_while_they_are_locked, play_setup),
        cmocka_unit_test_setup(test_records_that_do_not_come, play_setup),
        cmocka_unit_test_setup(test_intake_leaves_others_their_turn, play_setup),
        cmocka_unit_test_setup(test_held_rows_that_are_none_of_ours, play_setup),
        cmocka_unit_test_setup(test_a_dead_letter_of_a_strange_topic, play_setup),
        cmocka_unit_test_setup(test_a_halt_that_can_not_be_stored, play_setup),
        cmocka_unit_test_setup(test_a_halt_beside_a_micro_batch, play_setup),
        cmocka_unit_test_setup(test_resumed_and_claimed_by_another, play_setup),
        cmocka_unit_test_setup(test_a_late_error_halts_nothing, play_setup),
        cmocka_unit_test_setup(test_a_witness_of_an_earlier_epoch, play_setup),
        cmocka_unit_test_setup(test_a_held_record_that_can_not_be_held, play_setup),
        cmocka_unit_test_setup(test_a_signal_before_a_held_record, play_setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
