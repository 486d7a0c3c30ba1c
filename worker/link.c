#include "worker/link.h"

#include <sysexits.h>
#include <unistd.h>

#include "core/log.h"
#include "worker/worker.h"

bool link_init(struct link *link)
{
    *link = (struct link){.query = query_new()};
    backoff_init(&link->backoff, (uint32_t)getpid());
    return link->query != NULL;
}

void link_free(struct link *link)
{
    database_close(link->database);
    query_free(link->query);
    *link = (struct link){0};
}

bool link_is_idle(const struct link *link)
{
    return link->state == LINK_IDLE;
}

bool link_is_sending(const struct link *link, int64_t now_ms)
{
    bool wants_write = false;
    if (link->state != LINK_BUSY || now_ms >= link->send_by_ms) return false;
    (void)database_socket(link->database, &wants_write);
    return wants_write;
}

struct database_query *link_query(struct link *link, const char *sql)
{
    query_reset(link->query, sql);
    return link->query;
}

/* The outage is logged once, when it begins; the attempts to end it only for the curious. */
static void away_note(struct worker *worker, const struct fault *why)
{
    struct link *link = &worker->link;
    if (link->away_since_ms == 0) {
        link->away_since_ms = worker->now_ms;
        log_warning("database-away", log_text("code", why->code), log_text("text", why->text));
    } else {
        log_debug("database-away", log_text("code", why->code), log_text("text", why->text));
    }
}

void link_drop(struct worker *worker, const struct fault *why)
{
    struct link *link = &worker->link;
    bool was_open = link->state == LINK_IDLE || link->state == LINK_BUSY;
    link_answer_fn answer = link->answer;
    struct database_result *none = NULL;
    link->answer = NULL;
    if (answer != NULL) answer(worker, &none, why);
    database_close(link->database);
    link->database = NULL;
    link->state = LINK_CLOSED;
    link->open_at_ms = worker->now_ms + backoff_next_ms(&link->backoff);
    away_note(worker, why);
    if (was_open) assignment_doubt(worker);
}

/* An answer that ends the connection is handed on first: who asked then knows that there will be none. */
static void answer_hand(struct worker *worker, struct database_result *result, const struct fault *fault)
{
    struct link *link = &worker->link;
    link_answer_fn answer = link->answer;
    bool is_lost = result == NULL && database_is_lost(link->database);
    link->answer = NULL;
    link->state = is_lost ? LINK_BUSY : LINK_IDLE; /* busy to the last: nobody may ask a lost connection */
    answer(worker, &result, fault);
    result_free(result);
    if (is_lost) link_drop(worker, fault);
}

void link_ask(struct worker *worker, link_answer_fn answer)
{
    struct fault fault = {0};
    struct link *link = &worker->link;
    link->answer = answer;
    link->give_up_at_ms = worker->now_ms + LINK_ANSWER_MS;
    link->send_by_ms = worker->now_ms + LINK_SEND_MS;
    link->state = LINK_BUSY;
    if (!database_send(link->database, link->query, &fault)) answer_hand(worker, NULL, &fault);
}

/* A refused login or a schema of another version is not waited for: a supervisor's restart may find it mended. */
static void open_failed(struct worker *worker, const struct fault *fault)
{
    if (fault->kind == FAULT_RETRY)
        link_drop(worker, fault);
    else
        worker_fail(worker, fault);
}

static bool open_begin(struct worker *worker)
{
    struct fault fault = {0};
    struct link *link = &worker->link;
    if (worker->is_stopping || worker->now_ms < link->open_at_ms) return false;
    link->database = database_open_start("nianshen-worker", &fault);
    link->state = LINK_OPENING;
    link->give_up_at_ms = worker->now_ms + LINK_OPEN_MS;
    if (link->database == NULL) open_failed(worker, &fault);
    return true;
}

static void open_finish(struct worker *worker)
{
    struct fault fault = {0};
    struct link *link = &worker->link;
    if (!database_require_schema(link->database, LINK_SCHEMA_MS, &fault)) {
        open_failed(worker, &fault);
        return;
    }
    link->state = LINK_IDLE;
    if (link->away_since_ms != 0) log_info("database-back", log_number("away_ms", worker->now_ms - link->away_since_ms));
    link->away_since_ms = 0;
    backoff_reset(&link->backoff);
}

static bool time_is_up(struct worker *worker)
{
    struct fault fault = {0};
    if (worker->now_ms < worker->link.give_up_at_ms) return false;
    fault_set(&fault, FAULT_RETRY, EX_UNAVAILABLE, "database-timeout", "the database does not answer");
    link_drop(worker, &fault);
    return true;
}

bool link_step(struct worker *worker)
{
    struct fault fault = {0};
    struct link *link = &worker->link;
    struct database_result *result = NULL;
    if (link->state == LINK_CLOSED && !open_begin(worker)) return false;
    if (link->database == NULL) return true; /* not even begun */
    switch (database_poll(link->database, link->state == LINK_BUSY ? &result : NULL, &fault)) {
    case DATABASE_BUSY:
        return time_is_up(worker);
    case DATABASE_READY:
        if (link->state == LINK_IDLE) return false;
        if (link->state == LINK_OPENING)
            open_finish(worker);
        else
            answer_hand(worker, result, NULL);
        return true;
    case DATABASE_FAILED:
        break;
    }
    if (link->state == LINK_OPENING)
        open_failed(worker, &fault);
    else if (link->state == LINK_BUSY)
        answer_hand(worker, NULL, &fault);
    else
        link_drop(worker, &fault);
    return true;
}
