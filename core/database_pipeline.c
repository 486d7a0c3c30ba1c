/* Several prepared statements in one round trip. */
#include <assert.h>
#include <libpq-fe.h>
#include <string.h>

#include "core/database_internal.h"

void database_pipeline_clear(struct database *database)
{
    for (size_t i = 0; i < database->pipeline_count; i++) result_free(database->pipeline[i].answer);
    database->pipeline_count = 0;
    database->pipeline_at = 0;
}

static bool is_prepared(const struct database *database, const struct database_statement *statement)
{
    for (size_t i = 0; i < database->prepared_count; i++)
        if (database->prepared[i] == statement) return true;
    return false;
}

static void prepared_add(struct database *database, const struct database_statement *statement)
{
    assert(database->prepared_count < DATABASE_PREPARED_MAX);
    database->prepared[database->prepared_count++] = statement;
}

/* The server did not come to prepare it: an error stood before it. */
static void prepared_remove(struct database *database, const struct database_statement *statement)
{
    for (size_t i = 0; i < database->prepared_count; i++)
        if (database->prepared[i] == statement) database->prepared[i] = database->prepared[--database->prepared_count];
}

static void entry_add(struct database *database, const struct database_statement *prepares)
{
    assert(database->pipeline_count < 2 * DATABASE_PIPELINE_MAX);
    database->pipeline[database->pipeline_count++] = (struct pipeline_entry){.prepares = prepares};
}

static bool prepare(struct database *database, const struct database_statement *statement, const struct query_values *with, size_t count)
{
    if (is_prepared(database, statement)) return true;
    if (PQsendPrepare(database->connection, statement->name, statement->sql, (int)count, with->types) == 0) return false;
    prepared_add(database, statement);
    entry_add(database, statement);
    return true;
}

bool database_pipeline_add(struct database *database, const struct database_statement *statement, const struct database_query *parameters,
                           struct fault *fault)
{
    struct query_values with;
    size_t count = parameters == NULL ? 0 : parameters->count;
    if (database->phase != PHASE_FILLING) {
        if (!database_begin(database, fault)) return false;
        if (PQenterPipelineMode(database->connection) == 0) return database_fault_lost(database, fault);
        database_pipeline_clear(database);
        database->phase = PHASE_FILLING;
    }
    if (parameters != NULL && parameters->is_broken) {
        database->is_lost = true; /* what was added before it is on its way */
        return database_fault_query(fault);
    }
    if (parameters != NULL) query_values_fill(parameters, &with);
    if (!prepare(database, statement, &with, count) ||
        PQsendQueryPrepared(database->connection, statement->name, (int)count, with.values, with.lengths, with.formats, 1) == 0)
        return database_fault_lost(database, fault);
    entry_add(database, NULL);
    return true;
}

bool database_pipeline_end(struct database *database, struct fault *fault)
{
    assert(database->phase == PHASE_FILLING);
    if (PQpipelineSync(database->connection) == 0) return database_fault_lost(database, fault);
    database->phase = PHASE_PIPELINE;
    database->wants_write = PQflush(database->connection) > 0;
    return true;
}

static void entry_answer(struct database *database, struct pipeline_entry *entry, PGresult *rows)
{
    ExecStatusType status = PQresultStatus(rows);
    bool is_good = status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;
    if (is_good && entry->prepares == NULL && entry->answer == NULL) {
        entry->answer = database_result_new(database, rows);
        return;
    }
    if (!is_good && entry->prepares != NULL) prepared_remove(database, entry->prepares);
    if (!is_good && status != PGRES_PIPELINE_ABORTED) database_keep_error(database, rows);
    PQclear(rows);
}

static enum database_state pipeline_finish(struct database *database, struct fault *fault)
{
    database->phase = PHASE_IDLE;
    if (!database_finish_failure(database, fault)) return DATABASE_READY;
    database_pipeline_clear(database);
    return DATABASE_FAILED;
}

enum database_state database_poll_pipeline(struct database *database, struct fault *fault)
{
    database->wants_write = PQflush(database->connection) > 0;
    PQconsumeInput(database->connection);
    while (!PQisBusy(database->connection)) {
        PGresult *rows = PQgetResult(database->connection);
        bool is_end = rows != NULL && PQresultStatus(rows) == PGRES_PIPELINE_SYNC;
        if (rows == NULL && PQstatus(database->connection) != CONNECTION_BAD) {
            database->pipeline_at++; /* the end of one statement's answer */
        } else if (rows == NULL || is_end) {
            PQclear(rows);
            PQexitPipelineMode(database->connection);
            return pipeline_finish(database, fault);
        } else if (database->pipeline_at < database->pipeline_count) {
            entry_answer(database, &database->pipeline[database->pipeline_at], rows);
        } else { /* an error where no statement is: the connection's */
            database_keep_error(database, rows);
            PQclear(rows);
        }
    }
    return DATABASE_BUSY;
}

struct database_result *database_pipeline_take(struct database *database, size_t index)
{
    for (size_t i = 0; i < database->pipeline_count; i++) {
        struct pipeline_entry *entry = &database->pipeline[i];
        if (entry->prepares != NULL || index-- > 0) continue;
        struct database_result *answer = entry->answer;
        entry->answer = NULL;
        return answer;
    }
    return NULL;
}
