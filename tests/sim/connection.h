/* Queries, answers and connections of the simulated database: what store.c reads of a call and how it answers. */
#ifndef NIANSHEN_TESTS_SIM_CONNECTION_H
#define NIANSHEN_TESTS_SIM_CONNECTION_H

#include "core/database.h"

struct backend {
    int64_t id; /* as pid and start time: never the same again */
    int incarnation; /* of the worker that connected */
};

/* Parameters by their number, from 1; elements from 0. NULL: null. */
size_t call_count(const struct database_query *query, size_t parameter);
const char *call_text(const struct database_query *query, size_t parameter, size_t element);
int64_t call_int(const struct database_query *query, size_t parameter, size_t element);
bool call_is(const struct database_query *query, const char *function);

/* Cells are filled row by row, column by column; a column that is left out is null. */
void answer_text(struct database_result *result, size_t column, const char *text);
void answer_int(struct database_result *result, size_t column, int64_t value);
void answer_bytes(struct database_result *result, size_t column, const void *bytes, size_t count);
void answer_row(struct database_result *result); /* the next one */

/* What the query does, at once. Returns the SQLSTATE, "" when it went well. */
const char *store_run(const struct database_query *call, struct database_result *result, const struct backend *backend);
/* True when an apply finds its positions otherwise: it fails before it does anything. */
bool store_is_fenced(const struct database_query *call);

/* Ends a backend: what it has not committed is rolled back. False: there is none. */
bool connection_end_backend(int64_t id);

#endif
