/*
 * core/database.h without a server, for the worker's tests: the functions of sql/functions/40_delivery.sql in memory, with their fences,
 * and a script that says what goes wrong at which call of apply. Included by one test program, after fake_kafka.h.
 */
#ifndef NIANSHEN_TESTS_UNIT_FAKE_DATABASE_H
#define NIANSHEN_TESTS_UNIT_FAKE_DATABASE_H

#include <inttypes.h>

#include "core/apply_query.h"
#include "core/database.h"
#include "worker/outbox.h"

enum {
    FAKE_PARAMETERS_MAX = 64,
    FAKE_ROWS_MAX = 600,
    FAKE_COLUMNS_MAX = OUTBOX_COLUMN_COUNT + APPLY_OUTBOX + 1,
    FAKE_OUTBOX_MAX = 2048,
    FAKE_SCRIPT_MAX = 16
};

enum fake_accident {
    FAKE_GOOD,
    FAKE_LOST_BEFORE, /* the connection is lost, nothing was done */
    FAKE_LOST_AFTER, /* the same, but it was committed */
    FAKE_DEADLOCK, /* 40P01: rolled back, the connection is well */
    FAKE_STOLEN, /* another worker claimed all partitions just before */
    FAKE_INDIGESTIBLE, /* whatever it is */
    FAKE_UNKNOWN, /* an SQLSTATE that nobody expects */
};

struct fake_position {
    int64_t epoch, next, last_offset, last_append_ms;
    char last_sha256[KAFKA_SHA256_BYTES];
    bool has_last;
    char halted[256];
    uint8_t applied[FAKE_RECORDS_MAX]; /* how often each offset was */
    bool held[FAKE_RECORDS_MAX], dead[FAKE_RECORDS_MAX];
};

struct fake_outbox_row {
    bool is_done, is_outcome;
    enum topic_kind topic;
    const char *taken_topic; /* as the last take told it */
    int32_t partition;
    int64_t offset;
    char unit[32];
};

static struct {
    struct fake_position positions[TOPIC_INPUTS][FAKE_PARTITIONS];
    struct fake_outbox_row outbox[FAKE_OUTBOX_MAX];
    size_t outbox_count;
    enum fake_accident script[FAKE_SCRIPT_MAX]; /* by call of apply */
    int applies, claims, opens;
    int marks_alone; /* that no micro-batch carried */
    int takes_alone; /* not with a micro-batch's answer */
    int closed_doors; /* so many attempts to connect fail */
    const char *bad_unit; /* its records can't be digested */
    char held_unit[32];
    bool is_released; /* what is held is to be applied after all */
    int batch_sizes[FAKE_SCRIPT_MAX];
    int busy_polls; /* each apply is asked for so often before it answers */
    int busy_questions; /* the same of everything else that is asked */
    const char *asked; /* what is under way; NULL: nothing */
    bool is_applying;
    int send_polls; /* of each apply so many polls pass until the server has all of it */
    int left_to_send;
    int lock_failures; /* so many claims meet a lock */
    int backends_ended;
    const char *refusal; /* the SQLSTATE of questions that failing.h lets fail, by the function's name: "claim" */
    bool is_slow; /* what is asked is never answered */
    bool is_mark_damaged; /* last_sha256 comes back too short */
    const char *foreign_topic, *foreign_partition; /* what rows name instead; NULL: the truth */
    bool wants_write, has_causation;
} fake_database;

static inline void fake_database_reset(void)
{
    memset(&fake_database, 0, sizeof fake_database);
}

/* ---- queries: parameters as lists of text, so that the fake can read them ---- */

struct fake_parameter {
    char **items;
    size_t *sizes;
    size_t count, room;
};

struct database_query {
    const char *sql;
    struct fake_parameter parameters[FAKE_PARAMETERS_MAX];
    size_t count;
};

struct database_query *query_new(void)
{
    if (failing_now("query_new")) return NULL;
    return real_calloc(1, sizeof(struct database_query));
}

static void fake_parameters_free(struct database_query *query)
{
    for (size_t i = 0; i < query->count; i++) {
        for (size_t k = 0; k < query->parameters[i].count; k++) free(query->parameters[i].items[k]);
        free(query->parameters[i].items);
        free(query->parameters[i].sizes);
        query->parameters[i] = (struct fake_parameter){0};
    }
    query->count = 0;
}

void query_free(struct database_query *query)
{
    if (query != NULL) fake_parameters_free(query);
    free(query);
}

void query_reset(struct database_query *query, const char *sql)
{
    fake_parameters_free(query);
    query->sql = sql;
}

static void fake_add(struct database_query *query, const void *bytes, size_t size)
{
    struct fake_parameter *parameter = &query->parameters[query->count - 1];
    if (parameter->count == parameter->room) {
        parameter->room = parameter->room * 2 + 4;
        parameter->items = real_realloc(parameter->items, parameter->room * sizeof *parameter->items);
        parameter->sizes = real_realloc(parameter->sizes, parameter->room * sizeof *parameter->sizes);
    }
    char *copy = bytes == NULL ? NULL : real_calloc(1, size + 1);
    if (copy != NULL) memcpy(copy, bytes, size);
    parameter->items[parameter->count] = copy;
    parameter->sizes[parameter->count++] = size;
}

static void fake_number(struct database_query *query, int64_t value)
{
    char text[24];
    fake_add(query, text, (size_t)snprintf(text, sizeof text, "%" PRId64, value));
}

void query_text_array(struct database_query *query)
{
    assert_in_range(query->count, 0, FAKE_PARAMETERS_MAX - 1);
    query->count++;
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
    fake_add(query, text, text == NULL ? 0 : strlen(text));
}

void query_null(struct database_query *query)
{
    query_text_array(query);
    fake_add(query, NULL, 0);
}

void query_bytea(struct database_query *query, const void *bytes, size_t count)
{
    query_text_array(query);
    fake_add(query, bytes, count);
}

void query_int4(struct database_query *query, int32_t value)
{
    query_text_array(query);
    fake_number(query, value);
}

void query_int8(struct database_query *query, int64_t value)
{
    query_text_array(query);
    fake_number(query, value);
}

void query_add_text(struct database_query *query, const char *text, size_t length)
{
    fake_add(query, text, length);
}

void query_add_bytea(struct database_query *query, const void *bytes, size_t count)
{
    fake_add(query, bytes, count);
}

void query_add_int4(struct database_query *query, int32_t value)
{
    fake_number(query, value);
}

void query_add_int8(struct database_query *query, int64_t value)
{
    fake_number(query, value);
}

void query_add_bool(struct database_query *query, bool value)
{
    fake_number(query, value);
}

void query_add_null(struct database_query *query)
{
    fake_add(query, NULL, 0);
}

static const char *fake_text(const struct database_query *query, size_t parameter, size_t item)
{
    return query->parameters[parameter - 1].items[item];
}

static int64_t fake_int(const struct database_query *query, size_t parameter, size_t item)
{
    return strtoll(fake_text(query, parameter, item), NULL, 10);
}

static struct fake_position *fake_position_of(const struct database_query *query, size_t topic_parameter, size_t item)
{
    enum topic_kind topic;
    assert_true(topic_kind_of_name(fake_text(query, topic_parameter, item), &topic));
    return &fake_database.positions[topic][fake_int(query, topic_parameter + 1, item)];
}

/* ---- answers ---- */

struct database_result {
    size_t rows;
    char *cells[FAKE_ROWS_MAX][FAKE_COLUMNS_MAX];
    size_t sizes[FAKE_ROWS_MAX][FAKE_COLUMNS_MAX];
};

static void fake_cell(struct database_result *result, size_t column, const void *bytes, size_t size)
{
    result->cells[result->rows][column] = real_calloc(1, size + 1);
    memcpy(result->cells[result->rows][column], bytes, size);
    result->sizes[result->rows][column] = size;
}

static void fake_cell_text(struct database_result *result, size_t column, const char *text)
{
    fake_cell(result, column, text, strlen(text));
}

static void fake_cell_int(struct database_result *result, size_t column, int64_t value)
{
    char text[24];
    fake_cell(result, column, text, (size_t)snprintf(text, sizeof text, "%" PRId64, value));
}

void result_free(struct database_result *result)
{
    if (result == NULL) return;
    for (size_t row = 0; row < FAKE_ROWS_MAX; row++)
        for (size_t column = 0; column < FAKE_COLUMNS_MAX; column++) free(result->cells[row][column]);
    free(result);
}

size_t result_rows(const struct database_result *result)
{
    return result->rows;
}

bool result_is_null(const struct database_result *result, size_t row, size_t column)
{
    return result->cells[row][column] == NULL;
}

const char *result_text(const struct database_result *result, size_t row, size_t column)
{
    return result->cells[row][column];
}

int64_t result_int8(const struct database_result *result, size_t row, size_t column)
{
    return strtoll(result->cells[row][column], NULL, 10);
}

bool result_bool(const struct database_result *result, size_t row, size_t column)
{
    return result->cells[row][column][0] == 't';
}

const void *result_bytea(struct database_result *result, size_t row, size_t column, size_t *bytes)
{
    *bytes = 0;
    if (failing_now("result_bytea")) return NULL;
    *bytes = result->sizes[row][column];
    return result->cells[row][column];
}

/* ---- the functions ---- */

/* Topic and partition, as they were asked for. */
static void fake_cell_place(const struct database_query *query, struct database_result *result, size_t item)
{
    fake_cell_text(result, 0, fake_database.foreign_topic != NULL ? fake_database.foreign_topic : fake_text(query, 1, item));
    fake_cell_text(result, 1, fake_database.foreign_partition != NULL ? fake_database.foreign_partition : fake_text(query, 2, item));
}

static void fake_claim(const struct database_query *query, struct database_result *result)
{
    fake_database.claims++;
    for (size_t i = 0; i < query->parameters[0].count; i++, result->rows++) {
        struct fake_position *position = fake_position_of(query, 1, i);
        fake_cell_place(query, result, i);
        fake_cell_int(result, 2, ++position->epoch);
        fake_cell_int(result, 3, position->next);
        if (position->has_last) {
            fake_cell_int(result, 4, position->last_offset);
            fake_cell_int(result, 5, position->last_append_ms);
            fake_cell(result, 6, position->last_sha256, fake_database.is_mark_damaged ? 1 : sizeof position->last_sha256);
        }
        if (position->halted[0] != '\0') fake_cell_text(result, 7, position->halted);
    }
}

static void fake_positions(const struct database_query *query, struct database_result *result)
{
    for (size_t i = 0; i < query->parameters[0].count; i++, result->rows++) {
        fake_cell_place(query, result, i);
        const struct fake_position *position = fake_position_of(query, 1, i);
        fake_cell_int(result, 2, position->epoch);
        if (position->halted[0] != '\0') fake_cell_text(result, 3, position->halted);
    }
}

static bool fake_is_fenced(const struct database_query *query)
{
    for (size_t i = 0; i < query->parameters[0].count; i++) {
        const struct fake_position *position = fake_position_of(query, 1, i);
        if (position->epoch != fake_int(query, 3, i) || position->next != fake_int(query, 4, i) || position->halted[0] != '\0') return true;
    }
    return false;
}

static void fake_outbox_add(const struct database_query *query, size_t item, bool is_outcome)
{
    struct fake_outbox_row *row = &fake_database.outbox[fake_database.outbox_count++];
    *row = (struct fake_outbox_row){
        .is_outcome = is_outcome, .partition = (int32_t)fake_int(query, 11, item), .offset = fake_int(query, 12, item)};
    topic_kind_of_name(fake_text(query, 10, item), &row->topic);
    const char *unit = fake_text(query, 15, item);
    snprintf(row->unit, sizeof row->unit, "%s", unit != NULL ? unit : "");
}

static void fake_record_apply(const struct database_query *query, size_t item)
{
    struct fake_position *position = fake_position_of(query, 10, item);
    int64_t offset = fake_int(query, 12, item);
    const char *unit = fake_text(query, 15, item);
    bool is_dead = strcmp(fake_text(query, 14, item), "dead-letter") == 0;
    position->applied[offset]++;
    position->dead[offset] = is_dead;
    position->held[offset] = !is_dead && strcmp(unit, fake_database.held_unit) == 0;
    if (!position->held[offset]) fake_outbox_add(query, item, !is_dead);
}

static void fake_commit(const struct database_query *query)
{
    for (size_t i = 0; i < query->parameters[0].count; i++) {
        struct fake_position *position = fake_position_of(query, 1, i);
        assert_true(fake_int(query, 5, i) >= position->next);
        position->next = fake_int(query, 5, i);
        if (fake_text(query, 7, i) == NULL) continue;
        position->has_last = true;
        position->last_offset = fake_int(query, 7, i);
        position->last_append_ms = fake_int(query, 8, i);
        memcpy(position->last_sha256, fake_text(query, 9, i), sizeof position->last_sha256);
    }
    for (size_t i = 0; i < query->parameters[9].count; i++) fake_record_apply(query, i);
}

static bool fake_is_indigestible(const struct database_query *query)
{
    for (size_t i = 0; i < query->parameters[9].count && fake_database.bad_unit != NULL; i++) {
        const char *unit = fake_text(query, 15, i);
        if (unit != NULL && strcmp(unit, fake_database.bad_unit) == 0 && strcmp(unit, fake_database.held_unit) != 0) return true;
    }
    return false;
}

static void fake_steal(void)
{
    for (int topic = 0; topic < TOPIC_INPUTS; topic++)
        for (int number = 0; number < FAKE_PARTITIONS; number++) fake_database.positions[topic][number].epoch++;
}

/* The rows that three parameters name: topics, partitions and ids. */
static void fake_outbox_mark(const struct database_query *query, size_t topics)
{
    size_t partitions = topics + 1, ids = topics + 2, count = query->parameters[ids - 1].count;
    assert_int_equal(query->parameters[topics - 1].count, count);
    assert_int_equal(query->parameters[partitions - 1].count, count);
    for (size_t i = 0; i < count; i++) {
        struct fake_outbox_row *row = &fake_database.outbox[fake_int(query, ids, i) - 1];
        assert_string_equal(fake_text(query, topics, i), row->taken_topic);
        assert_int_equal(fake_int(query, partitions, i), row->partition);
        row->is_done = true;
    }
}

/* The place of a partition among those that the first two parameters name; -1: it is not asked for. */
static int fake_place_asked(const struct database_query *query, enum topic_kind topic, int64_t partition)
{
    for (size_t i = 0; i < query->parameters[0].count; i++)
        if (strcmp(fake_text(query, 1, i), topic_kind_name(topic)) == 0 && fake_int(query, 2, i) == partition) return (int)i;
    return -1;
}

/* A dead letter that stays, for its original can't be read: `outcomes_only` is the parameter that says of which partitions, 0: there is
 * none. */
static bool fake_outbox_stays(const struct database_query *query, const struct fake_outbox_row *row, size_t outcomes_only)
{
    if (row->is_outcome || outcomes_only == 0) return false;
    int place = fake_place_asked(query, row->topic, row->partition);
    return place >= 0 && fake_int(query, outcomes_only, (size_t)place) != 0;
}

static bool fake_outbox_waits(const struct database_query *query, const struct fake_outbox_row *row, size_t outcomes_only)
{
    return !row->is_done && !fake_outbox_stays(query, row, outcomes_only);
}

static size_t fake_outbox_waiting(const struct database_query *query, size_t outcomes_only, size_t after)
{
    size_t waiting = 0;
    for (size_t i = after; i < fake_database.outbox_count; i++)
        if (fake_outbox_waits(query, &fake_database.outbox[i], outcomes_only)) waiting++;
    return waiting;
}

/* Ids are places, from one. `after`: the last of them that is not asked for. */
static void fake_outbox_take(const struct database_query *query, size_t outcomes_only, size_t after, struct database_result *result)
{
    size_t waiting = fake_outbox_waiting(query, outcomes_only, after);
    for (size_t i = after; i < fake_database.outbox_count && result->rows < FAKE_ROWS_MAX; i++) {
        struct fake_outbox_row *row = &fake_database.outbox[i];
        if (!fake_outbox_waits(query, row, outcomes_only)) continue;
        row->taken_topic = fake_database.foreign_topic != NULL ? fake_database.foreign_topic : topic_kind_name(row->topic);
        fake_cell_int(result, OUTBOX_ID, (int64_t)i + 1);
        fake_cell_text(result, OUTBOX_KIND, row->is_outcome ? "outcome" : "dead-letter");
        fake_cell_text(result, OUTBOX_TOPIC, row->taken_topic);
        fake_cell_int(result, OUTBOX_PARTITION, row->partition);
        fake_cell_int(result, OUTBOX_OFFSET, row->offset);
        if (!row->is_outcome) fake_cell_int(result, OUTBOX_APPEND_MS, FAKE_APPEND_MS + row->offset);
        fake_cell_text(result, OUTBOX_UNIT, row->unit);
        fake_cell_text(result, OUTBOX_TYPE, "nianshen.unit-review.accepted.v1");
        fake_cell_text(result, OUTBOX_CE_ID, "id");
        fake_cell_int(result, OUTBOX_TIME, 1780000000000);
        if (fake_database.has_causation) fake_cell_text(result, OUTBOX_CAUSATION, "cause");
        fake_cell_text(result, OUTBOX_BODY, "{}");
        fake_cell_text(result, OUTBOX_CODE, "not-json");
        fake_cell_text(result, OUTBOX_TEXT, "text");
        fake_cell_text(result, OUTBOX_HAS_MORE, waiting > FAKE_ROWS_MAX ? "t" : "f");
        result->rows++;
    }
}

/* Returns the SQLSTATE, "" when it went well, "lost" when there is no answer. */
static const char *fake_apply(const struct database_query *query, struct database_result *result)
{
    int call = fake_database.applies++;
    bool brings_rows = strstr(query->sql, "nianshen.outbox_take(") != NULL;
    size_t counts = brings_rows ? OUTBOX_COLUMN_COUNT : 0;
    size_t records = query->parameters[9].count;
    enum fake_accident accident = call < FAKE_SCRIPT_MAX ? fake_database.script[call] : FAKE_GOOD;
    assert_int_equal(query->count, brings_rows ? 49 : 47);
    if (call < FAKE_SCRIPT_MAX) fake_database.batch_sizes[call] = (int)records;
    if (accident == FAKE_STOLEN) fake_steal();
    if (accident == FAKE_LOST_BEFORE) return "lost";
    if (accident == FAKE_DEADLOCK) return "40P01";
    if (accident == FAKE_INDIGESTIBLE) return "22023";
    if (accident == FAKE_UNKNOWN) return "XX000";
    if (fake_is_fenced(query)) return "NS001";
    if (query->parameters[43].count > 0) snprintf(fake_database.held_unit, sizeof fake_database.held_unit, "%s", fake_text(query, 44, 0));
    if (fake_is_indigestible(query)) return "22023";
    fake_commit(query);
    fake_outbox_mark(query, 45);
    for (size_t column = APPLY_APPLIED; column < APPLY_OUTBOX; column++) fake_cell_int(result, counts + column, 0);
    fake_cell_int(result, counts + APPLY_OUTBOX, (int64_t)records);
    if (brings_rows && fake_int(query, 48, 0) > 0) fake_outbox_take(query, 0, (size_t)fake_int(query, 49, 0), result);
    if (result->rows == 0) result->rows = 1;
    return accident == FAKE_LOST_AFTER ? "lost" : "";
}

/* The first record that is held; the test keeps to one. */
static void fake_held_take(const struct database_query *query, struct database_result *result)
{
    for (int place = 0; place < TOPIC_INPUTS * FAKE_PARTITIONS && fake_database.is_released; place++) {
        enum topic_kind topic = (enum topic_kind)(place / FAKE_PARTITIONS);
        if (fake_place_asked(query, topic, place % FAKE_PARTITIONS) < 0) continue;
        for (int offset = 0; offset < FAKE_RECORDS_MAX; offset++) {
            if (result->rows > 0 || !fake_database.positions[topic][place % FAKE_PARTITIONS].held[offset]) continue;
            fake_cell_text(result, 0, fake_database.foreign_topic != NULL ? fake_database.foreign_topic : topic_kind_name(topic));
            fake_cell_int(result, 1, fake_database.foreign_partition != NULL ? 7 : place % FAKE_PARTITIONS);
            fake_cell_int(result, 2, offset);
            fake_cell_int(result, 3, FAKE_APPEND_MS + offset);
            result->rows++;
        }
    }
}

static const char *fake_run(const struct database_query *query, struct database_result *result)
{
    const char *failure = "", *name = strstr(query->sql, "nianshen.") + strlen("nianshen.");
    char function[32];
    snprintf(function, sizeof function, "%.*s", (int)strcspn(name, "("), name);
    if (failing_now(function)) return fake_database.refusal;
    if (strstr(query->sql, "nianshen.apply(") != NULL) {
        failure = fake_apply(query, result);
    } else if (strstr(query->sql, "nianshen.claim(") != NULL) {
        if (fake_database.lock_failures > 0) return fake_database.lock_failures--, "55P03";
        fake_claim(query, result);
    } else if (strstr(query->sql, "nianshen.positions(") != NULL) {
        fake_positions(query, result);
    } else if (strstr(query->sql, "nianshen.outbox_take(") != NULL) {
        fake_database.takes_alone++;
        assert_int_equal(query->parameters[4].count, query->parameters[0].count);
        fake_outbox_take(query, 5, 0, result);
    } else if (strstr(query->sql, "nianshen.held_take(") != NULL) {
        fake_held_take(query, result);
    } else if (strstr(query->sql, "nianshen.outbox_done(") != NULL) {
        fake_database.marks_alone++;
        fake_outbox_mark(query, 1);
    } else if (strstr(query->sql, "nianshen.end_stale_backends(") != NULL) {
        fake_database.backends_ended++;
        fake_cell_int(result, 0, 1);
        result->rows = 1;
    } else if (strstr(query->sql, "nianshen.halt(") != NULL) {
        struct fake_position *position = fake_position_of(query, 1, 0);
        assert_int_equal(position->epoch, fake_int(query, 3, 0));
        snprintf(position->halted, sizeof position->halted, "%s", fake_text(query, 4, 0));
    } else {
        fail_msg("a query that the fake does not know: %s", query->sql);
    }
    return failure;
}

/* True while that function of the database is asked for. */
static inline bool fake_is_asked(const char *function)
{
    char call[64];
    snprintf(call, sizeof call, "nianshen.%s(", function);
    return fake_database.asked != NULL && strstr(fake_database.asked, call) != NULL;
}

/* ---- the connection ---- */

struct database {
    const struct database_query *asked;
    int busy_polls;
    bool is_lost;
};

struct database *database_open_start(const char *application_name, struct fault *fault)
{
    (void)application_name;
    if (fake_refuses("open_start", fault)) return NULL;
    fake_database.opens++;
    if (fake_database.closed_doors > 0) {
        fake_database.closed_doors--;
        fault_set(fault, FAULT_RETRY, EX_UNAVAILABLE, "database-absent", "away by the script");
        return NULL;
    }
    return real_calloc(1, sizeof(struct database));
}

void database_close(struct database *database)
{
    fake_database.asked = NULL;
    free(database);
}

int database_socket(const struct database *database, bool *wants_write)
{
    (void)database;
    *wants_write = fake_database.wants_write || fake_database.left_to_send > 0;
    return -1;
}

bool database_send(struct database *database, const struct database_query *query, struct fault *fault)
{
    if (fake_refuses("send", fault)) return false;
    database->asked = query;
    fake_database.is_applying = strstr(query->sql, "nianshen.apply(") != NULL;
    fake_database.asked = query->sql;
    database->busy_polls = fake_database.is_applying ? fake_database.busy_polls : fake_database.busy_questions;
    fake_database.left_to_send = fake_database.is_applying ? fake_database.send_polls : 0;
    return true;
}

static enum database_state fake_fail(struct database *database, const char *failure, struct fault *fault)
{
    char code[FAULT_CODE_BYTES_MAX];
    database->is_lost = strcmp(failure, "lost") == 0;
    snprintf(code, sizeof code, "sqlstate-%s", failure);
    if (database->is_lost)
        fault_set(fault, FAULT_RETRY, EX_UNAVAILABLE, "database-lost", "lost by the script");
    else if (strcmp(failure, "XX000") == 0)
        fault_set(fault, FAULT_FATAL, EX_SOFTWARE, code, "by the script");
    else
        fault_set(fault, failure[0] == '4' || failure[0] == '5' ? FAULT_RETRY : FAULT_REJECT, EX_SOFTWARE, code, "by the script");
    return DATABASE_FAILED;
}

enum database_state database_poll(struct database *database, struct database_result **result, struct fault *fault)
{
    if (fake_refuses(database->asked == NULL ? "poll_idle" : "poll_busy", fault)) {
        database->is_lost = true;
        return DATABASE_FAILED;
    }
    if (database->asked == NULL) return DATABASE_READY;
    if (fake_database.is_slow) return DATABASE_BUSY;
    if (fake_database.left_to_send-- > 0 || database->busy_polls-- > 0) return DATABASE_BUSY;
    fake_database.is_applying = false;
    struct database_result *answer = real_calloc(1, sizeof *answer);
    const char *failure = fake_run(database->asked, answer);
    database->asked = NULL;
    fake_database.asked = NULL;
    if (failure[0] == '\0') {
        *result = answer;
        return DATABASE_READY;
    }
    result_free(answer);
    return fake_fail(database, failure, fault);
}

bool database_is_lost(const struct database *database)
{
    return database->is_lost;
}

bool database_require_schema(struct database *database, int timeout_ms, struct fault *fault)
{
    (void)database, (void)timeout_ms;
    return !fake_refuses("require_schema", fault);
}

#endif
