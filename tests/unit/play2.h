/*
 * The whole worker in simulated time: a round of its loop and each of its waits move the clock. A test changes things as the time goes by,
 * and counts what is told. Included by one test program each.
 */
#ifndef NIANSHEN_TESTS_UNIT_PLAY2_H
#define NIANSHEN_TESTS_UNIT_PLAY2_H

#include <poll.h>
#include <signal.h>

#include "tests/unit/fake_worker2.h"

enum { PLAY_MS = 30000 };

static struct {
    int64_t now_ms, end_ms;
    void (*each)(void); /* the test's chance, before each poll of Kafka */
    void (*each_round)(void); /* and at the beginning of each round of the loop */
    const char *calls; /* these are to fail */
    int at; /* once the worker reads the clock for the first time */
    int wait_ms; /* the longest wait; 0: as long as it is meant to be */
} play;

static int64_t clock_read(void)
{
    if (play.at > 0) failing_start(play.calls, play.at);
    play.at = 0;
    if (play.each_round != NULL) play.each_round();
    if (play.end_ms > 0 && play.now_ms >= play.end_ms) {
        play.end_ms = 0;
        raise(SIGTERM);
    }
    return play.now_ms++;
}

static int clock_wait(int timeout_ms)
{
    play.now_ms += play.wait_ms > 0 && play.wait_ms < timeout_ms ? play.wait_ms : timeout_ms;
    return 0;
}

FAKED(int64_t, moment_monotonic_ms, true, (void), (), clock_read())
/* Hardened builds call the second where the list's length is known. */
FAKED(int, poll, true, (struct pollfd * list, nfds_t count, int timeout_ms), (list, count, timeout_ms), clock_wait(timeout_ms))
FAKED(int, __poll_chk, true, (struct pollfd * list, nfds_t count, int timeout_ms, size_t bytes), (list, count, timeout_ms, bytes),
      clock_wait(timeout_ms))

static struct {
    int stalled, partial, away, back, ready;
} told;

static const struct {
    const char *event;
    int *count;
} counted[] = {
    {"stalled", &told.stalled},    {"shard-partial", &told.partial}, {"database-away", &told.away},
    {"database-back", &told.back}, {"ready", &told.ready},
};

static bool is_counted(const char *event)
{
    for (size_t i = 0; i < sizeof counted / sizeof counted[0]; i++)
        if (strcmp(event, counted[i].event) == 0) return true;
    return false;
}

static void told_note(enum log_level level, const char *event)
{
    for (size_t i = 0; i < sizeof counted / sizeof counted[0]; i++)
        *counted[i].count += level > LOG_DEBUG && strcmp(event, counted[i].event) == 0;
}

FAKED(void, log_write, is_counted(event), (enum log_level level, const char *event, const struct log_field *fields), (level, event, fields),
      told_note(level, event))

static inline void play_go_on(void)
{
    if (play.each != NULL) play.each();
}

/* A worker that runs for a while, and is asked to end. */
static inline int play_run(int64_t for_ms)
{
    play.end_ms = play.now_ms + for_ms;
    fake_kafka.before_poll = play_go_on;
    int status = run_worker(false);
    fake_kafka.before_poll = NULL;
    play.end_ms = 0;
    return status;
}

static inline int play_setup(void **state)
{
    (void)state;
    setup(state);
    failing_stop();
    memset(&play, 0, sizeof play);
    memset(&told, 0, sizeof told);
    play.now_ms = 1000000;
    return 0;
}

#endif
