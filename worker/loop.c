#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

#include "core/log.h"
#include "core/moment.h"
#include "worker/position.h"
#include "worker/worker.h"

/* ---- ending ---- */

void worker_stop(struct worker *worker, int exit_status)
{
    if (worker->is_stopping) return;
    worker->is_stopping = true;
    worker->stop_by_ms = worker->now_ms + WORKER_STOP_MS;
    worker->exit_status = exit_status;
}

void worker_fail(struct worker *worker, const struct fault *fault)
{
    if (worker->exit_status != EX_OK) return; /* the first fault is the cause */
    log_error("failed", log_text("code", fault->code), log_text("text", fault->text));
    worker_stop(worker, EX_SOFTWARE);
    worker->exit_status = fault->exit_status != EX_OK ? fault->exit_status : EX_SOFTWARE;
    worker->stop_by_ms = worker->now_ms;
}

/* What is under way: the query that runs, and what waits in the outbox as long as the database answers. */
static bool is_over(const struct worker *worker)
{
    bool may_take = link_is_idle(&worker->link) && worker->partitions.count > 0 && !outbox_is_empty(&worker->outbox);
    bool is_busy = worker->link.state == LINK_BUSY || outbox_is_publishing(&worker->outbox) || may_take;
    return worker->is_stopping && (!is_busy || worker->now_ms >= worker->stop_by_ms);
}

/* ---- waiting ---- */

static void wait_for(struct pollfd *list, nfds_t *count, int fd, short events)
{
    if (fd >= 0) list[(*count)++] = (struct pollfd){.fd = fd, .events = events};
}

/* Kafka's records only while there is room for them: what is readable and not read would end every wait at once. */
static void loop_wait(struct worker *worker)
{
    struct pollfd list[5];
    nfds_t count = 0;
    bool wants_write = false;
    wait_for(list, &count, worker->signals.fd, POLLIN);
    if (worker->link.database != NULL) {
        int database_fd = database_socket(worker->link.database, &wants_write);
        wait_for(list, &count, database_fd, wants_write ? POLLIN | POLLOUT : POLLIN);
    }
    if (intake_is_open(worker)) wait_for(list, &count, kafka_consumer_fd(worker->consumer), POLLIN);
    if (worker->outbox.producer != NULL) wait_for(list, &count, kafka_producer_fd(worker->outbox.producer), POLLIN);
    if (worker->outbox.source.is_reading) wait_for(list, &count, kafka_reader_fd(worker->reader), POLLIN);
    poll(list, count, WORKER_TICK_MS);
    health_spent(worker, worker->link.state == LINK_BUSY ? SPENT_WAIT : SPENT_IDLE);
}

/* ---- the clock ---- */

void worker_clock_look(struct worker *worker)
{
    worker->now_ms = moment_monotonic_ms();
}

int64_t worker_clock_us(void)
{
    return moment_monotonic_us();
}

/* ---- the loop ---- */

static bool signals_step(struct worker *worker)
{
    if (!signals_received(&worker->signals)) return false;
    log_info("stopping", log_text("text", "a second signal ends the worker at once"));
    worker_stop(worker, EX_OK);
    return true;
}

/*
 * In the order of need: what the database says first, then who owns what, then what goes out, then new work. What intake does with its time
 * it accounts for itself.
 */
static const struct {
    bool (*run)(struct worker *worker);
    enum spent spent;
} steps[] = {
    {signals_step, SPENT_OTHER},    {link_step, SPENT_SEND},     {topic_check_step, SPENT_OTHER},
    {assignment_step, SPENT_OTHER}, {witness_step, SPENT_OTHER}, {outbox_step, SPENT_PUBLISH},
    {intake_step, SPENT_OTHER},     {apply_step, SPENT_SEND},    {held_step, SPENT_OTHER},
};

static bool round_run(struct worker *worker)
{
    bool moved = false;
    worker_clock_look(worker);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        moved = steps[i].run(worker) || moved;
        health_spent(worker, steps[i].spent);
    }
    health_step(worker);
    return moved;
}

static void owner_name(struct worker *worker)
{
    char host[HOST_NAME_MAX + 1] = "";
    const char *name = config_text(worker->config, "owner");
    gethostname(host, sizeof host - 1);
    if (name != NULL)
        snprintf(worker->owner, sizeof worker->owner, "%s", name);
    else
        snprintf(worker->owner, sizeof worker->owner, "%s:%ld", host, (long)getpid());
}

static bool worker_open(struct worker *worker, struct fault *fault)
{
    struct batch_limits limits = {
        .records = (size_t)config_number(worker->config, "batch_records"),
        .bytes = (size_t)config_number(worker->config, "batch_bytes"),
    };
    owner_name(worker);
    worker_clock_look(worker);
    topic_check_init(&worker->topic_check);
    assignment_init(&worker->assignment, worker->now_ms);
    apply_init(&worker->apply);
    outbox_init(&worker->outbox);
    held_init(&worker->held);
    witness_init(&worker->witness, worker->now_ms);
    health_init(&worker->health, worker->now_ms, worker_clock_us());
    if (!signals_init(&worker->signals, fault)) return false;
    return (link_init(&worker->link) && intake_init(&worker->intake, limits)) ||
           fault_set(fault, FAULT_FATAL, EX_OSERR, "memory", "no memory left for the micro-batches");
}

/* The database first: what it has not committed by now, it never will. Whatever hangs is ended by the alarm. */
static void worker_close(struct worker *worker)
{
    signals_exit_within(WORKER_CLOSE_S, worker->exit_status);
    link_free(&worker->link);
    apply_free(&worker->apply);
    intake_free(&worker->intake);
    if (worker->consumer != NULL) {
        position_commit(worker);
        kafka_consumer_free(worker->consumer, WORKER_LEAVE_MS);
    }
    outbox_free(&worker->outbox);
    held_free(&worker->held);
    witness_free(&worker->witness);
    kafka_reader_free(worker->reader);
    partitions_clear(&worker->partitions);
    signals_free(&worker->signals);
}

int worker_run(const struct config *config)
{
    struct fault fault = {0};
    struct worker worker = {.config = config, .until_end = config_switch(config, "until_end")};
    if (!worker_open(&worker, &fault)) worker_fail(&worker, &fault);
    log_info("started", log_text("owner", worker.owner), log_text("group", config_text(config, "group_id")));
    while (!is_over(&worker))
        if (!round_run(&worker)) loop_wait(&worker);
    worker_close(&worker);
    health_stopped(&worker);
    return worker.exit_status;
}
