/* The workers: begun, run round by round, stopped in the middle, crashed, begun again. */
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sysexits.h>

/* The loop's own steps, on the simulated clock: they are static, and the loop is what is tested. */
#define moment_monotonic_ms sim_clock_ms
#define moment_monotonic_us sim_clock_us
#include "worker-next/intake.h"
#define INTAKE_QUEUED_RECORDS_MAX 256 /* more than a history has: each life makes room for them anew */
#include "worker-next/loop.c" /* NOLINT(bugprone-suspicious-include) */

#include "tests/sim-next/sim.h"

enum { RESTART_MS_MAX = 3000, PAUSE_MS_MAX = 15000 };

static struct {
    struct worker worker;
    bool is_alive, must_stop;
    int incarnation;
    int64_t begins_ms, paused_until_ms;
} crew[SIM_WORKERS];
static int current, incarnations;

static const struct option options[] = {
    {.name = "group_id", .fallback = "g"},
    {.name = "batch_records", .kind = OPTION_NUMBER, .fallback = "5"},
    {.name = "batch_bytes", .kind = OPTION_NUMBER, .fallback = "1000000"},
    {.name = "lanes", .kind = OPTION_NUMBER, .fallback = "1", .number_min = 1, .number_max = LANES_MAX},
    {.name = "owner"},
    {.name = "until_end", .kind = OPTION_SWITCH},
    {0},
};
static const struct command commands[] = {{.name = "", .summary = {"模拟", "simulated"}, .options = options, .run = worker_run},
                                          {.name = NULL}};

/* With one lane or with two. */
static const struct config *config(int lanes)
{
    static struct config *read[3];
    char program[] = "sim", option[] = "--lanes=1", *arguments[] = {program, option, NULL};
    int status = EX_OK;
    option[strlen(option) - 1] = (char)('0' + lanes);
    if (read[lanes] == NULL) read[lanes] = config_read("nianshen-sim", commands, 2, arguments, &status);
    if (read[lanes] == NULL) abort();
    return read[lanes];
}

/* ---- what stands in for the rest of the process ---- */

int64_t sim_clock_ms(void)
{
    return sim.now_ms;
}

int64_t sim_clock_us(void)
{
    return sim.now_ms * 1000;
}

/* Seeds the back-off: the same again when a history is played again. */
pid_t getpid(void)
{
    return (pid_t)(sim.seed % 30000) + crew[current].incarnation;
}

bool signals_init(struct signals *signals, struct fault *fault)
{
    (void)fault;
    signals->fd = -1;
    return true;
}

void signals_free(struct signals *signals)
{
    (void)signals;
}

bool signals_received(struct signals *signals)
{
    (void)signals;
    bool is_received = crew[current].must_stop;
    crew[current].must_stop = false;
    return is_received;
}

void signals_exit_within(unsigned seconds, int status)
{
    (void)seconds, (void)status;
}

/* ---- lives ---- */

int crew_current(void)
{
    return current;
}

int crew_incarnation(int slot)
{
    return crew[slot].incarnation;
}

static void begin(int slot)
{
    struct fault fault = {0};
    crew[slot].worker = (struct worker){.config = config(1 + sim_below(2))};
    crew[slot].incarnation = ++incarnations;
    crew[slot].is_alive = true;
    crew[slot].must_stop = false;
    crew[slot].paused_until_ms = 0;
    sim_tell("worker %d begins as incarnation %d", slot, crew[slot].incarnation);
    if (!worker_open(&crew[slot].worker, &fault)) sim_wrong("a worker can't begin: %s", fault.text);
}

static void end(int slot, bool is_crash)
{
    sim_tell("worker %d %s", slot, is_crash ? "crashes" : "ends");
    sim.is_crashing = is_crash;
    worker_close(&crew[slot].worker);
    sim.is_crashing = false;
    crew[slot].is_alive = false;
    crew[slot].begins_ms = sim.now_ms + (sim.is_healing ? 0 : sim_below(RESTART_MS_MAX));
}

static void pause_worker(int slot)
{
    crew[slot].paused_until_ms = sim.now_ms + sim_below(PAUSE_MS_MAX);
    sim_tell("worker %d is stopped for %lld ms", slot, (long long)(crew[slot].paused_until_ms - sim.now_ms));
    base_pause(slot, crew[slot].paused_until_ms);
}

static void misfortune(int slot)
{
    if (sim_fault(sim.odds.crash)) {
        end(slot, true);
    } else if (sim_fault(sim.odds.stop)) {
        sim_tell("worker %d gets a signal", slot);
        crew[slot].must_stop = true;
    } else if (sim_fault(sim.odds.pause)) {
        pause_worker(slot);
    }
}

static void turn(int slot)
{
    current = slot;
    if (!crew[slot].is_alive && sim.now_ms >= crew[slot].begins_ms) begin(slot);
    if (!crew[slot].is_alive || sim.now_ms < crew[slot].paused_until_ms) return;
    broker_heartbeat(slot);
    (void)round_run(&crew[slot].worker);
    if (is_over(&crew[slot].worker))
        end(slot, false);
    else
        misfortune(slot);
}

void crew_reset(void)
{
    incarnations = 0;
    for (int slot = 0; slot < SIM_WORKERS; slot++) {
        crew[slot].is_alive = false;
        crew[slot].begins_ms = sim.now_ms + sim_below(1000);
    }
}

void crew_tick(void)
{
    int first = sim_below(SIM_WORKERS);
    for (int i = 0; i < SIM_WORKERS; i++) turn((first + i) % SIM_WORKERS);
}

void crew_heal(void)
{
    for (int slot = 0; slot < SIM_WORKERS; slot++) {
        crew[slot].paused_until_ms = 0;
        if (!crew[slot].is_alive) crew[slot].begins_ms = sim.now_ms;
        base_pause(slot, sim.now_ms);
    }
}

void crew_end(void)
{
    for (int slot = 0; slot < SIM_WORKERS; slot++) {
        current = slot;
        if (crew[slot].is_alive) end(slot, true);
    }
}
