/*
 * What the files behind core/database.h share: core/database.c (connection and statements, by libpq), core/database_pipeline.c (several
 * statements in one round trip), core/database_result.c (answers), core/database_query.c (parameters in PostgreSQL's binary format) and
 * core/database_fault.c (SQLSTATE to fault). The latter two are pure. Nobody else includes this.
 */
#ifndef NIANSHEN_CORE_DATABASE_INTERNAL_H
#define NIANSHEN_CORE_DATABASE_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/database.h"
#include "core/fault.h"

enum {
    QUERY_PARAMETERS_MAX = 64,
    QUERY_BYTES_MAX = 256 * 1024 * 1024, /* all parameters of one query; PostgreSQL's own limit of a message is 1 GiB */
};

/* Type OIDs as PostgreSQL's pg_type.dat fixes them. */
enum database_type {
    DATABASE_ANY = 0, /* the server infers it */
    DATABASE_BOOL = 16,
    DATABASE_BYTEA = 17,
    DATABASE_INT8 = 20,
    DATABASE_INT4 = 23,
    DATABASE_TEXT = 25,
    DATABASE_BOOL_ARRAY = 1000,
    DATABASE_BYTEA_ARRAY = 1001,
    DATABASE_INT4_ARRAY = 1007,
    DATABASE_TEXT_ARRAY = 1009,
    DATABASE_INT8_ARRAY = 1016,
};

struct query_parameter {
    enum database_type type;
    enum database_type element; /* DATABASE_ANY: not an array */
    bool is_null;
    size_t offset; /* of its bytes in `bytes`; they end where the next parameter's begin */
};

struct database_query {
    const char *sql; /* borrowed */
    struct query_parameter parameters[QUERY_PARAMETERS_MAX];
    size_t count;
    char *bytes; /* never NULL, so that an empty text is not taken for a null */
    size_t used;
    size_t capacity;
    bool is_broken; /* memory was out or QUERY_BYTES_MAX passed: database_send refuses it */
};

/* The bytes of parameter `index`; NULL for a null. Valid until the query changes. */
const char *query_parameter_bytes(const struct database_query *query, size_t index, size_t *bytes);

/* ---- the connection ---- */

enum database_phase {
    PHASE_CONNECTING,
    PHASE_IDLE,
    PHASE_ASKING, /* a statement is on its way */
    PHASE_COPYING, /* the server takes rows */
    PHASE_READING, /* the server gives rows */
    PHASE_FILLING, /* statements of a pipeline are handed over */
    PHASE_PIPELINE, /* all of them are, their answers come */
};

enum {
    DATABASE_PREPARED_MAX = 64, /* statements a session has prepared */
    DATABASE_PIPELINE_MAX = 64, /* statements in one pipeline */
};

struct pipeline_entry { /* one thing that answers: a statement's preparation or its execution */
    const struct database_statement *prepares; /* NULL: an execution */
    struct database_result *answer;
};

struct database {
    struct pg_conn *connection;
    enum database_phase phase;
    int connect_wants; /* PostgresPollingStatusType */
    int64_t connect_deadline_ms;
    bool wants_write;
    bool is_lost;
    struct database_result *answer; /* of the running statement, until it is handed over */
    struct fault failure; /* the first error of the running statement */
    char *copy; /* rows not handed to libpq yet */
    size_t copy_used;
    size_t copy_capacity;
    char *line; /* of a COPY that is read; libpq's memory */
    const struct database_statement *prepared[DATABASE_PREPARED_MAX];
    size_t prepared_count;
    struct pipeline_entry pipeline[2 * DATABASE_PIPELINE_MAX];
    size_t pipeline_count, pipeline_at; /* `at`: whose answer is next */
};

struct database_result {
    struct pg_result *rows;
    unsigned char **decoded; /* of result_bytea; freed with the result */
    size_t decoded_count;
};

/* Marks the connection as lost and says so. Always false. */
bool database_fault_lost(struct database *database, struct fault *fault);
/* Keeps the first error of what is running. */
void database_keep_error(struct database *database, const struct pg_result *error);
/* Takes `rows` over. NULL, and the failure is kept, when memory is out. */
struct database_result *database_result_new(struct database *database, struct pg_result *rows);
/* Common to all that send: the connection is there and nothing else is running. */
bool database_begin(struct database *database, struct fault *fault);
bool database_fault_query(struct fault *fault); /* of a broken query */
/* Ends what is running: hands the failure on, if there is one. */
bool database_finish_failure(struct database *database, struct fault *fault);
enum database_state database_poll_pipeline(struct database *database, struct fault *fault);
void database_pipeline_clear(struct database *database);

struct query_values { /* a query's parameters as libpq wants them */
    unsigned types[QUERY_PARAMETERS_MAX];
    const char *values[QUERY_PARAMETERS_MAX];
    int lengths[QUERY_PARAMETERS_MAX];
    int formats[QUERY_PARAMETERS_MAX];
};
void query_values_fill(const struct database_query *query, struct query_values *out);

/* What the server said of a failed statement; any may be NULL. */
struct database_complaint {
    const char *sqlstate;
    const char *primary;
    const char *hint;
    const char *detail; /* of our own RAISEs the message and the hint in Chinese */
    const char *constraint;
};

/* Fills `fault` by the rules that core/database.h gives at database_poll. Always false. */
bool database_fault_of(const struct database_complaint *complaint, struct fault *fault);

/*
 * Fills `fault` for a connection that could not be made. `where` names host and port or socket; `message` is libpq's, at verbosity
 * "verbose" (so that it holds the SQLSTATE when a server answered). Never repeats more than the message's first line. Always false.
 */
bool database_fault_of_connection(const char *where, const char *message, bool needs_password, struct fault *fault);

#endif
