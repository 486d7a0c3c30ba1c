/*
 * What the three files behind core/database.h share: core/database.c (connection and answers, by libpq), core/database_query.c
 * (parameters in PostgreSQL's binary format) and core/database_fault.c (SQLSTATE to fault). The latter two are pure. Nobody else includes
 * this.
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
