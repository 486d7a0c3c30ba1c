/* The session of a store: opening, requests as pipelines, faults. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "worker-next/store_internal.h"

static const struct database_statement statement_open = {"session_begin", "SELECT nianshen_engine.session_begin()"};
static const struct database_statement statement_rollback = {"rollback", "ROLLBACK"};
const struct database_statement store_statement_begin = {"begin", "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"};
const struct database_statement store_statement_commit = {"commit", "COMMIT"};

/* ---- life ---- */

struct store *store_new(const char *name)
{
    struct store *store = calloc(1, sizeof *store);
    if (store == NULL) return NULL;
    store->name = strdup(name);
    store->query = query_new();
    if (store->name != NULL && store->query != NULL) return store;
    store_free(store);
    return NULL;
}

static void results_drop(struct store *store)
{
    result_free(store->answer);
    free(store->outbox);
    store->answer = NULL;
    store->outbox = NULL;
    store->outbox_count = store->row_count = store->held_count = 0;
    store->has_more = false;
    store->settled = 0;
}

void store_free(struct store *store)
{
    if (store == NULL) return;
    results_drop(store);
    database_close(store->database);
    query_free(store->query);
    free(store->name);
    free(store);
}

void store_close(struct store *store)
{
    database_close(store->database);
    store->database = NULL;
    store->state = STORE_CLOSED;
    store->is_lost = store->is_in_transaction = store->is_giving_up = false;
    fault_clear(&store->fault);
}

const struct fault *store_fault(const struct store *store)
{
    return &store->fault;
}

bool store_is_lost(const struct store *store)
{
    return store->is_lost;
}

int store_socket(const struct store *store, bool *wants_write)
{
    *wants_write = false;
    return store->database == NULL ? -1 : database_socket(store->database, wants_write);
}

void store_release(struct micro_batch *batch)
{
    if (batch->loaded == NULL) return;
    for (size_t i = 0; i < batch->loaded->result_count; i++) result_free(batch->loaded->results[i]);
    free(batch->loaded);
    batch->loaded = NULL;
}

/* ---- pipelines ---- */

static void failed(struct store *store)
{
    store->state = STORE_FAILED;
    store->is_lost = store->database == NULL || database_is_lost(store->database);
}

void store_begin(struct store *store)
{
    assert(store->state == STORE_READY || (store->state == STORE_FAILED && !store->is_lost));
    results_drop(store);
    fault_clear(&store->fault);
    store->state = STORE_BUSY;
    store_pipeline(store);
    if (!store->is_in_transaction) return;
    store_add(store, &statement_rollback, false);
    store->is_in_transaction = false;
}

void store_pipeline(struct store *store)
{
    store->statements = 0;
}

struct database_query *store_query(struct store *store)
{
    query_reset(store->query, NULL);
    return store->query;
}

size_t store_add(struct store *store, const struct database_statement *statement, bool has_parameters)
{
    if (store->fault.kind == FAULT_NONE)
        database_pipeline_add(store->database, statement, has_parameters ? store->query : NULL, &store->fault);
    return store->statements++;
}

void store_end(struct store *store, bool (*finish)(struct store *store))
{
    store->finish = finish;
    if (store->fault.kind != FAULT_NONE || !database_pipeline_end(store->database, &store->fault)) failed(store);
}

struct database_result *store_take(struct store *store, size_t statement)
{
    return database_pipeline_take(store->database, statement);
}

bool store_memory(struct store *store)
{
    return fault_set(&store->fault, FAULT_RETRY, EX_OSERR, "memory", "the memory of a micro-batch is full");
}

/* ---- opening ---- */

static bool opened(struct store *store)
{
    store->answer = store_take(store, 0);
    return database_schema_fits(store->database, result_is_null(store->answer, 0, 0) ? "none" : result_text(store->answer, 0, 0),
                                &store->fault);
}

static bool connected(struct store *store)
{
    store_pipeline(store);
    store_add(store, &statement_open, false);
    store_end(store, opened);
    return true;
}

void store_open(struct store *store)
{
    assert(store->state == STORE_CLOSED || store->state == STORE_FAILED);
    store_close(store);
    results_drop(store);
    store->state = STORE_BUSY;
    store->finish = connected;
    store->database = database_open_start(store->name, &store->fault);
    if (store->database == NULL) failed(store);
}

/* ---- the step ---- */

static bool rolled_back(struct store *store)
{
    (void)store;
    return true;
}

void store_give_up(struct store *store)
{
    struct fault cause = store->fault;
    if (store->is_reader && store->statements == 0) { /* nothing is under way, and the transaction is the caller's */
        failed(store);
        return;
    }
    fault_clear(&store->fault);
    store->is_in_transaction = false;
    if (!store->is_reader) store_add(store, &statement_rollback, false);
    store_end(store, rolled_back);
    store->is_giving_up = store->state == STORE_BUSY;
    store->fault = cause;
}

void store_abandon(struct store *store)
{
    bool is_open = store->is_in_transaction;
    store_begin(store);
    if (is_open)
        store_end(store, rolled_back);
    else
        store->state = STORE_READY;
}

static void answered(struct store *store)
{
    bool (*finish)(struct store *) = store->finish;
    store->finish = NULL;
    if (store->is_giving_up) {
        store->is_giving_up = false;
        failed(store);
        return;
    }
    bool is_good = finish(store);
    if (store->state != STORE_BUSY) return; /* it failed while sending more */
    if (!is_good && store->is_in_transaction)
        store_give_up(store);
    else if (!is_good)
        failed(store);
    else if (store->finish == NULL)
        store->state = STORE_READY;
}

static void refused(struct store *store)
{
    struct fault fault = store->fault;
    store->finish = NULL;
    store->is_giving_up = false;
    if (strcmp(fault.code, "sqlstate-NS001") == 0) {
        fault_clear(&store->fault);
        fault_set(&store->fault, FAULT_REJECT, EX_TEMPFAIL, "fenced", "%s", fault.text);
    }
    failed(store);
}

enum store_state store_step(struct store *store)
{
    struct fault fault = {0};
    if (store->state != STORE_BUSY) return store->state;
    switch (database_poll(store->database, NULL, &fault)) {
    case DATABASE_BUSY:
        break;
    case DATABASE_READY:
        answered(store);
        break;
    case DATABASE_FAILED:
        if (store->finish != NULL && strcmp(fault.code, "sqlstate-55P03") == 0 && store_claim_again(store)) break;
        if (!store->is_giving_up) store->fault = fault;
        refused(store);
    }
    return store->state;
}

/* ---- parameters ---- */

void query_add_string(struct database_query *query, const char *text)
{
    query_add_text(query, text, text == NULL ? 0 : strlen(text));
}

void query_add_place(struct database_query *query, int64_t value, bool is_there)
{
    if (is_there)
        query_add_int8(query, value);
    else
        query_add_null(query);
}
