/*
 * `sim-next FIRST COUNT`: plays so many histories, each from its seed. `sim-next SEED`: plays one and tells it. `sim-next FIRST COUNT
 * tally` counts what they were about. A failure names seed and step, and ends with status 1; the same seed fails at the same step.
 */
#include "tests/sim-next/sim.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "tests/sim-next/oracle.h"
#include "tests/sim-next/upstream.h"
#include "tests/sim-next/world.h"

enum { ARENA_BYTES_MAX = 256 * 1024 * 1024 };
enum { TICKS_MIN = 80, TICKS_MAX = 320, AWAY_MS_MAX = 8000, TICK_MS_MAX = 40, LEAP_MS_MAX = 4000 };

struct sim sim;
static int64_t faults;

/* ---- chance and the story ---- */

static uint64_t random_next(void) /* splitmix64 (Vigna) */
{
    uint64_t z = (sim.random += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

int sim_below(int count)
{
    return (int)(random_next() % (uint64_t)count);
}

bool sim_often(int permille)
{
    return permille > 0 && sim_below(1000) < permille;
}

bool sim_fault(int permille)
{
    if (sim.is_healing || !sim_often(permille)) return false;
    faults++;
    return true;
}

static void line_write(FILE *file, const char *format, va_list arguments)
{
    (void)fprintf(file, "seed %" PRIu64 " step %d (%" PRId64 " ms): ", sim.seed, sim.step, sim.now_ms);
    (void)vfprintf(file, format, arguments);
    (void)fputc('\n', file);
}

void sim_tell(const char *format, ...)
{
    va_list arguments;
    if (!sim.is_told) return;
    va_start(arguments, format);
    line_write(stdout, format, arguments);
    va_end(arguments);
}

void sim_wrong(const char *format, ...)
{
    va_list arguments;
    (void)fflush(stdout);
    va_start(arguments, format);
    line_write(stderr, format, arguments);
    va_end(arguments);
    (void)fprintf(stderr, "tell it again: make sim-next SEED=%" PRIu64 "\n", sim.seed);
    exit(EXIT_FAILURE);
}

/* ---- memory ---- */

void *sim_take(size_t bytes)
{
    void *memory = arena_take(sim.arena, bytes == 0 ? 1 : bytes);
    if (memory == NULL) sim_wrong("the history needs too much memory");
    return memory;
}

const char *sim_text(const char *text)
{
    return text == NULL ? NULL : memcpy(sim_take(strlen(text) + 1), text, strlen(text) + 1);
}

const char *sim_format(const char *format, ...)
{
    char line[8192];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    return sim_text(line);
}

bool log_set_level(const char *name)
{
    (void)name;
    return true;
}

/* The worker's log is part of the story. */
void log_write(enum log_level level, const char *event, const struct log_field *fields)
{
    char line[1024];
    if (!sim.is_told || level == LOG_DEBUG) return;
    size_t length = (size_t)snprintf(line, sizeof line, "    worker %d: %s", crew_current(), event);
    for (; fields->name != NULL && length < sizeof line; fields++)
        length += fields->text != NULL
                      ? (size_t)snprintf(line + length, sizeof line - length, " %s=%s", fields->name, fields->text)
                      : (size_t)snprintf(line + length, sizeof line - length, " %s=%" PRId64, fields->name, fields->number);
    sim_tell("%s", line);
}

/* ---- one history ---- */

/* Half of the faults do not occur at all; the others now and then, or often. */
static int drawn(int permille)
{
    return sim_often(500) ? 0 : sim_often(200) ? permille * 10 : permille;
}

static void odds_draw(struct sim_odds *odds)
{
    *odds = (struct sim_odds){
        .poll_error = drawn(5),
        .bounds_error = drawn(20),
        .rebalance = drawn(3),
        .gap = drawn(50),
        .repeat = drawn(60),
        .broken = drawn(50),
        .retryable = drawn(20),
        .fatal = drawn(2),
        .lost_before = drawn(10),
        .lost_after = drawn(10),
        .lost_idle = drawn(1),
        .slow = drawn(30),
        .refused = drawn(20),
        .producer_broken = drawn(5),
        .queue_full = drawn(10),
        .late_report = drawn(50),
        .crash = drawn(2),
        .stop = drawn(2),
        .pause = drawn(2),
        .broker_away = drawn(2),
        .database_away = drawn(2),
        .bad_unit = drawn(200),
        .release = drawn(5),
        .cut = drawn(3),
        .reuse = 200,
        .correction = drawn(300),
        .limit = drawn(150),
        .closing = drawn(200),
        .late_unit = drawn(80),
        .spare = sim_often(300) ? 1000 : 0,
    };
}

static void outages_draw(void)
{
    if (sim_fault(sim.odds.broker_away)) {
        sim.broker_back_ms = sim.now_ms + sim_below(AWAY_MS_MAX);
        sim_tell("the broker is away for %" PRId64 " ms", sim.broker_back_ms - sim.now_ms);
    }
    if (sim_fault(sim.odds.database_away)) {
        sim.database_back_ms = sim.now_ms + sim_below(AWAY_MS_MAX);
        sim_tell("the database is away for %" PRId64 " ms", sim.database_back_ms - sim.now_ms);
    }
}

static void tick(void)
{
    sim.step++;
    sim.now_ms += sim_fault(20) ? sim_below(LEAP_MS_MAX) : 1 + sim_below(TICK_MS_MAX);
    outages_draw();
    if (sim_fault(sim.odds.release)) base_release();
    broker_append_some();
    broker_tick();
    broker_restore(sim.is_healing);
    base_resume(sim.is_healing);
    base_tick();
    crew_tick();
}

static void heal(void)
{
    sim.is_healing = true;
    sim.broker_back_ms = sim.database_back_ms = 0;
    sim_tell("no more faults");
    base_mend();
    crew_heal();
    broker_restore(true);
    broker_append_some();
    for (int64_t by_ms = sim.now_ms + SIM_HEAL_MS; base_work_left() != NULL;) {
        tick();
        base_release();
        if (sim.now_ms > by_ms) sim_wrong("I12: %d s after the last fault there is work left: %s", SIM_HEAL_MS / 1000, base_work_left());
    }
    base_check_end();
}

static void history_play(uint64_t seed)
{
    sim = (struct sim){.seed = seed,
                       .random = seed * UINT64_C(0x2545f4914f6cdd1d) + 1,
                       .is_told = sim.is_told,
                       .is_tallied = sim.is_tallied,
                       .now_ms = 1000000,
                       .arena = sim.arena};
    arena_reset(sim.arena);
    odds_draw(&sim.odds);
    broker_reset();
    world_reset(broker_to_append());
    upstream_reset();
    oracle_reset();
    base_reset();
    crew_reset();
    for (int ticks = TICKS_MIN + sim_below(TICKS_MAX - TICKS_MIN); ticks > 0; ticks--) tick();
    heal();
    crew_end();
}

int main(int argc, char **argv)
{
    uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
    uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    int64_t steps = 0;
    sim.is_told = argc == 2;
    sim.is_tallied = argc > 3;
    sim.arena = arena_new(ARENA_BYTES_MAX);
    if (sim.arena == NULL) return EXIT_FAILURE;
    for (uint64_t seed = first; seed < first + count; seed++) {
        history_play(seed);
        steps += sim.step;
    }
    if (sim.is_tallied) oracle_tell_tally();
    base_end();
    arena_free(sim.arena);
    printf("summary: %" PRIu64 " histories from seed %" PRIu64 ", %" PRId64 " steps, %" PRId64 " faults: all invariants hold\n", count,
           first, steps, faults);
    return EXIT_SUCCESS;
}
