/*
 * core/database.h in memory. A query takes its time; while an apply is open it holds its partitions, and claims wait for them. What a
 * client leaves behind when it goes may still be committed later, as a server does that has not noticed.
 */
#include "tests/sim/connection.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "core/apply_query.h"
#include "tests/sim/sim.h"
#include "worker/outbox.h"

enum {
    PARAMETERS_MAX = 64,
    COLUMNS_MAX = OUTBOX_COLUMN_COUNT + APPLY_OUTBOX + 1,
    CONNECTIONS_MAX = 64,
    LOCK_TIMEOUT_MS = 3000,
    OPEN_MS_MAX = 1500,
    LEFT_MS_MAX = 5000
};

/* ---- bytes that are added and never taken away, with a list of places in them ---- */

struct place {
    size_t at, count;
    bool is_null;
};

struct pool {
    char *bytes;
    size_t used, room;
};

static size_t pool_add(struct pool *pool, const void *bytes, size_t count)
{
    size_t at = pool->used;
    if (pool->room < at + count + 1) {
        pool->room = (pool->room + count) * 2 + 1024;
        pool->bytes = realloc(pool->bytes, pool->room);
        if (pool->bytes == NULL) abort();
    }
    memcpy(pool->bytes + at, bytes, count);
    pool->bytes[at + count] = '\0';
    pool->used = at + count + 1;
    return at;
}

static size_t pool_number(struct pool *pool, int64_t value, size_t *count)
{
    char text[24];
    *count = (size_t)snprintf(text, sizeof text, "%" PRId64, value);
    return pool_add(pool, text, *count);
}

/* ---- queries ---- */

struct database_query {
    const char *sql;
    struct {
        size_t first, count; /* items */
    } parameters[PARAMETERS_MAX];
    size_t parameter_count;
    struct place *items;
    size_t item_count, item_room;
    struct pool pool;
};

struct database_query *query_new(void)
{
    return calloc(1, sizeof(struct database_query));
}

static void query_empty(struct database_query *query)
{
    free(query->items);
    free(query->pool.bytes);
    *query = (struct database_query){0};
}

void query_free(struct database_query *query)
{
    if (query != NULL) query_empty(query);
    free(query);
}

void query_reset(struct database_query *query, const char *sql)
{
    query->sql = sql;
    query->parameter_count = query->item_count = query->pool.used = 0;
}

static struct place *item_new(struct database_query *query)
{
    assert(query->parameter_count > 0);
    if (query->item_count == query->item_room) {
        query->item_room = query->item_room * 2 + 64;
        query->items = realloc(query->items, query->item_room * sizeof *query->items);
        if (query->items == NULL) abort();
    }
    query->parameters[query->parameter_count - 1].count++;
    return &query->items[query->item_count++];
}

void query_add_bytea(struct database_query *query, const void *bytes, size_t count)
{
    struct place *item = item_new(query);
    *item = (struct place){.count = count, .is_null = bytes == NULL};
    if (bytes != NULL) item->at = pool_add(&query->pool, bytes, count);
}

void query_add_text(struct database_query *query, const char *text, size_t length)
{
    query_add_bytea(query, text, length);
}

void query_add_int8(struct database_query *query, int64_t value)
{
    struct place *item = item_new(query);
    *item = (struct place){0};
    item->at = pool_number(&query->pool, value, &item->count);
}

void query_add_int4(struct database_query *query, int32_t value)
{
    query_add_int8(query, value);
}

void query_add_bool(struct database_query *query, bool value)
{
    query_add_int8(query, value);
}

void query_add_null(struct database_query *query)
{
    query_add_bytea(query, NULL, 0);
}

void query_text_array(struct database_query *query)
{
    assert(query->parameter_count < PARAMETERS_MAX);
    query->parameters[query->parameter_count].first = query->item_count;
    query->parameters[query->parameter_count++].count = 0;
}

void query_int4_array(struct database_query *query)
{
    query_text_array(query);
}

void query_int8_array(struct database_query *query)
{
    query_text_array(query);
}

void query_bool_array(struct database_query *query)
{
    query_text_array(query);
}

void query_bytea_array(struct database_query *query)
{
    query_text_array(query);
}

void query_text(struct database_query *query, const char *text)
{
    query_text_array(query);
    query_add_text(query, text, text == NULL ? 0 : strlen(text));
}

void query_null(struct database_query *query)
{
    query_text_array(query);
    query_add_null(query);
}

void query_bytea(struct database_query *query, const void *bytes, size_t count)
{
    query_text_array(query);
    query_add_bytea(query, bytes, count);
}

void query_int4(struct database_query *query, int32_t value)
{
    query_text_array(query);
    query_add_int4(query, value);
}

void query_int8(struct database_query *query, int64_t value)
{
    query_text_array(query);
    query_add_int8(query, value);
}

static void query_copy(struct database_query *to, const struct database_query *from)
{
    query_reset(to, from->sql);
    memcpy(to->parameters, from->parameters, sizeof to->parameters);
    to->parameter_count = from->parameter_count;
    if (to->item_room < from->item_count) {
        to->item_room = from->item_count;
        to->items = realloc(to->items, to->item_room * sizeof *to->items);
        if (to->items == NULL) abort();
    }
    if (from->item_count > 0) memcpy(to->items, from->items, from->item_count * sizeof *to->items);
    to->item_count = from->item_count;
    if (from->pool.used > 0) pool_add(&to->pool, from->pool.bytes, from->pool.used);
}

size_t call_count(const struct database_query *query, size_t parameter)
{
    return query->parameters[parameter - 1].count;
}

const char *call_text(const struct database_query *query, size_t parameter, size_t element)
{
    const struct place *item = &query->items[query->parameters[parameter - 1].first + element];
    return item->is_null ? NULL : query->pool.bytes + item->at;
}

int64_t call_int(const struct database_query *query, size_t parameter, size_t element)
{
    return strtoll(call_text(query, parameter, element), NULL, 10);
}

bool call_is(const struct database_query *query, const char *function)
{
    return strstr(query->sql, function) != NULL;
}

/* ---- answers ---- */

struct database_result {
    size_t rows, room;
    struct place *cells;
    struct pool pool;
};

static struct place *cell_of(struct database_result *result, size_t column)
{
    if (result->rows == result->room) {
        size_t room = result->room * 2 + 4;
        result->cells = realloc(result->cells, room * COLUMNS_MAX * sizeof *result->cells);
        if (result->cells == NULL) abort();
        for (size_t i = result->room * COLUMNS_MAX; i < room * COLUMNS_MAX; i++) result->cells[i] = (struct place){.is_null = true};
        result->room = room;
    }
    return &result->cells[result->rows * COLUMNS_MAX + column];
}

void answer_bytes(struct database_result *result, size_t column, const void *bytes, size_t count)
{
    *cell_of(result, column) = (struct place){.at = pool_add(&result->pool, bytes, count), .count = count};
}

void answer_text(struct database_result *result, size_t column, const char *text)
{
    answer_bytes(result, column, text, strlen(text));
}

void answer_int(struct database_result *result, size_t column, int64_t value)
{
    struct place *cell = cell_of(result, column);
    *cell = (struct place){0};
    cell->at = pool_number(&result->pool, value, &cell->count);
}

void answer_row(struct database_result *result)
{
    result->rows++;
}

void result_free(struct database_result *result)
{
    if (result == NULL) return;
    free(result->cells);
    free(result->pool.bytes);
    free(result);
}

size_t result_rows(const struct database_result *result)
{
    return result->rows;
}

static const struct place *result_cell(const struct database_result *result, size_t row, size_t column)
{
    assert(row < result->rows && column < COLUMNS_MAX);
    return &result->cells[row * COLUMNS_MAX + column];
}

bool result_is_null(const struct database_result *result, size_t row, size_t column)
{
    return result_cell(result, row, column)->is_null;
}

const char *result_text(const struct database_result *result, size_t row, size_t column)
{
    const struct place *cell = result_cell(result, row, column);
    return cell->is_null ? "" : result->pool.bytes + cell->at;
}

int64_t result_int8(const struct database_result *result, size_t row, size_t column)
{
    return strtoll(result_text(result, row, column), NULL, 10);
}

bool result_bool(const struct database_result *result, size_t row, size_t column)
{
    return result_text(result, row, column)[0] == 't';
}

const void *result_bytea(struct database_result *result, size_t row, size_t column, size_t *bytes)
{
    *bytes = result_cell(result, row, column)->count;
    return result_text(result, row, column);
}

/* ---- connections ---- */

enum phase { PHASE_IDLE, PHASE_WAITING, PHASE_OPEN, PHASE_DONE };
enum accident { ACCIDENT_NONE, ACCIDENT_RETRYABLE, ACCIDENT_FATAL, ACCIDENT_LOST_BEFORE, ACCIDENT_LOST_AFTER };

struct database {
    bool is_used, is_left; /* left: the client is gone, the server does not know it */
    int slot;
    struct backend backend;
    int64_t ready_ms; /* connected then */
    bool is_lost;
    enum phase phase;
    enum accident accident;
    int64_t due_ms, since_ms, stuck_until_ms;
    struct database_query query;
    struct database_result *result;
    const char *failure;
};

static struct database connections[CONNECTIONS_MAX];
static int64_t backends;

static void forget(struct database *connection)
{
    result_free(connection->result);
    struct database_query query = connection->query;
    *connection = (struct database){.query = query}; /* its buffers are used again */
}

void connections_reset(void)
{
    for (int i = 0; i < CONNECTIONS_MAX; i++) forget(&connections[i]);
    backends = 0;
}

void connections_end(void)
{
    for (int i = 0; i < CONNECTIONS_MAX; i++) {
        forget(&connections[i]);
        query_empty(&connections[i].query);
    }
}

static bool is_away(void)
{
    return sim.now_ms < sim.database_back_ms;
}

struct database *database_open_start(const char *application_name, struct fault *fault)
{
    (void)application_name;
    if (is_away()) {
        fault_set(fault, FAULT_RETRY, EX_UNAVAILABLE, "database-absent", "simulated");
        return NULL;
    }
    struct database *connection = connections;
    while (connection < connections + CONNECTIONS_MAX && connection->is_used) connection++;
    if (connection == connections + CONNECTIONS_MAX) sim_wrong("%d connections are open: some are never closed", CONNECTIONS_MAX);
    connection->is_used = true;
    connection->slot = crew_current();
    connection->backend = (struct backend){.id = ++backends, .incarnation = crew_incarnation(crew_current())};
    connection->ready_ms = sim.now_ms + sim_below(50);
    return connection;
}

/* The server may not have noticed: what was sent is then done all the same. */
void database_close(struct database *database)
{
    if (database == NULL) return;
    bool is_under_way = (database->phase == PHASE_WAITING || database->phase == PHASE_OPEN) && !database->is_lost;
    if (!is_under_way || sim_often(500)) {
        forget(database);
        return;
    }
    sim_tell("database: backend %" PRId64 " goes on without its client", database->backend.id);
    database->is_left = true;
    database->stuck_until_ms = 0;
    if (sim_fault(500)) database->due_ms = sim.now_ms + sim_below(LEFT_MS_MAX); /* it has waited for a lock, say */
}

int database_socket(const struct database *database, bool *wants_write)
{
    (void)database;
    *wants_write = false;
    return -1;
}

bool database_is_lost(const struct database *database)
{
    return database->is_lost;
}

bool database_require_schema(struct database *database, int timeout_ms, struct fault *fault)
{
    (void)database, (void)timeout_ms;
    return !is_away() || fault_set(fault, FAULT_RETRY, EX_UNAVAILABLE, "database-lost", "simulated");
}

static enum accident accident_drawn(void)
{
    if (sim_fault(sim.odds.retryable)) return ACCIDENT_RETRYABLE;
    if (sim_fault(sim.odds.fatal)) return ACCIDENT_FATAL;
    if (sim_fault(sim.odds.lost_before)) return ACCIDENT_LOST_BEFORE;
    return sim_fault(sim.odds.lost_after) ? ACCIDENT_LOST_AFTER : ACCIDENT_NONE;
}

bool database_send(struct database *database, const struct database_query *query, struct fault *fault)
{
    (void)fault;
    assert(database->phase == PHASE_IDLE);
    query_copy(&database->query, query);
    database->phase = PHASE_WAITING;
    database->accident = accident_drawn();
    database->since_ms = sim.now_ms;
    database->due_ms = sim.now_ms + sim_below(sim_fault(sim.odds.slow) ? OPEN_MS_MAX : 20);
    return true;
}

/* ---- the server's side ---- */

static void lose(struct database *connection)
{
    connection->is_lost = true;
    connection->failure = "lost";
    connection->phase = PHASE_DONE;
}

static void finish(struct database *connection, const char *failure)
{
    connection->failure = failure;
    connection->phase = PHASE_DONE;
    if (connection->accident == ACCIDENT_LOST_AFTER) lose(connection);
}

bool connection_end_backend(int64_t id)
{
    for (int i = 0; i < CONNECTIONS_MAX; i++) {
        if (!connections[i].is_used || connections[i].is_lost || connections[i].backend.id != id) continue;
        sim_tell("database: backend %" PRId64 " is ended", id);
        lose(&connections[i]);
        return true;
    }
    return false;
}

static bool shares_partitions(const struct database_query *a, const struct database_query *b)
{
    for (size_t i = 0; i < call_count(a, 1); i++)
        for (size_t k = 0; k < call_count(b, 1); k++)
            if (strcmp(call_text(a, 1, i), call_text(b, 1, k)) == 0 && call_int(a, 2, i) == call_int(b, 2, k)) return true;
    return false;
}

static bool is_blocked(const struct database *connection)
{
    for (int i = 0; i < CONNECTIONS_MAX; i++)
        if (&connections[i] != connection && connections[i].phase == PHASE_OPEN &&
            shares_partitions(&connections[i].query, &connection->query))
            return true;
    return false;
}

static void run(struct database *connection)
{
    connection->result = calloc(1, sizeof *connection->result);
    if (connection->result == NULL) abort();
    finish(connection, store_run(&connection->query, connection->result, &connection->backend));
}

/* The first statement has the locks and knows that the positions are as expected; the commit comes later. */
static void apply_open(struct database *connection)
{
    if (store_is_fenced(&connection->query)) {
        finish(connection, "NS001");
        return;
    }
    connection->phase = PHASE_OPEN;
    connection->due_ms = sim.now_ms + sim_below(sim_fault(sim.odds.slow) ? OPEN_MS_MAX : 10);
}

static void query_begin(struct database *connection)
{
    static const char *const retryable[] = {"40P01", "40001", "55P03", "57014", "53100"};
    bool is_claim = call_is(&connection->query, "nianshen.claim("), is_apply = call_is(&connection->query, "nianshen.apply(");
    if (connection->accident == ACCIDENT_RETRYABLE) {
        finish(connection, retryable[sim_below(5)]);
    } else if (connection->accident == ACCIDENT_FATAL) {
        finish(connection, "XX000");
    } else if (connection->accident == ACCIDENT_LOST_BEFORE) {
        lose(connection);
    } else if ((is_claim || is_apply) && is_blocked(connection)) {
        if (is_claim && sim.now_ms - connection->since_ms >= LOCK_TIMEOUT_MS) finish(connection, "55P03");
    } else if (is_apply) {
        apply_open(connection);
    } else {
        run(connection);
    }
}

static void connection_tick(struct database *connection)
{
    if (is_away() && !connection->is_lost) lose(connection);
    if (!connection->is_lost && sim_fault(sim.odds.lost_idle)) lose(connection);
    bool is_due = sim.now_ms >= connection->due_ms && sim.now_ms >= connection->stuck_until_ms;
    if (connection->phase == PHASE_WAITING && is_due) query_begin(connection);
    is_due = sim.now_ms >= connection->due_ms && sim.now_ms >= connection->stuck_until_ms;
    if (connection->phase == PHASE_OPEN && is_due) run(connection);
    if (connection->is_left && connection->phase == PHASE_DONE) forget(connection);
}

void connections_tick(void)
{
    int first = sim_below(CONNECTIONS_MAX);
    for (int i = 0; i < CONNECTIONS_MAX; i++)
        if (connections[(first + i) % CONNECTIONS_MAX].is_used) connection_tick(&connections[(first + i) % CONNECTIONS_MAX]);
}

void connections_pause(int slot, int64_t until_ms)
{
    for (int i = 0; i < CONNECTIONS_MAX; i++) {
        struct database *connection = &connections[i];
        if (!connection->is_used || connection->is_left || connection->slot != slot || sim_often(500)) continue;
        if (connection->phase != PHASE_WAITING || !call_is(&connection->query, "nianshen.apply(")) continue;
        if (is_blocked(connection) || store_is_fenced(&connection->query)) continue;
        sim_tell("database: backend %" PRId64 " holds its locks while its client is stopped", connection->backend.id);
        connection->phase = PHASE_OPEN;
        connection->stuck_until_ms = until_ms;
    }
}

/* ---- the client's side ---- */

static void fault_fill(const char *failure, struct fault *fault)
{
    char code[FAULT_CODE_BYTES_MAX];
    enum fault_kind kind = FAULT_FATAL;
    snprintf(code, sizeof code, "sqlstate-%s", failure);
    if (strcmp(failure, "lost") == 0) {
        fault_set(fault, FAULT_RETRY, EX_UNAVAILABLE, "database-lost", "simulated");
        return;
    }
    if (failure[0] == '4' || failure[0] == '5') kind = FAULT_RETRY;
    if (strcmp(failure, "NS001") == 0 || failure[0] == '2') kind = FAULT_REJECT;
    fault_set(fault, kind, EX_SOFTWARE, code, "simulated");
}

enum database_state database_poll(struct database *database, struct database_result **result, struct fault *fault)
{
    if (!database->is_lost && sim.now_ms < database->ready_ms) return DATABASE_BUSY;
    if (!database->is_lost && database->phase == PHASE_IDLE) return DATABASE_READY;
    if (database->phase != PHASE_DONE) return DATABASE_BUSY;
    if (!database->is_lost) database->phase = PHASE_IDLE;
    if (database->failure[0] != '\0') {
        result_free(database->result);
        database->result = NULL;
        fault_fill(database->failure, fault);
        return DATABASE_FAILED;
    }
    *result = database->result;
    database->result = NULL;
    return DATABASE_READY;
}
