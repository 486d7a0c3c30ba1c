/*
 * What every command of nianshen-ops does alike: connect, check the schema, ask, print rows, and end with a message and an exit status.
 *
 *     struct session session;
 *     session_begin(&session, config);
 *     if (session_open(&session)) …
 *     return session_close(&session);
 */
#ifndef NIANSHEN_OPS_SESSION_H
#define NIANSHEN_OPS_SESSION_H

#include <stdbool.h>
#include <stddef.h>

#include "core/config.h"
#include "core/database.h"
#include "core/fault.h"
#include "core/topics.h"
#include "ops/table.h"

enum {
    SESSION_CONNECT_TIMEOUT_MS = 9000, /* leaves time to say so within the ten seconds that are promised */
    SESSION_ANSWER_TIMEOUT_MS = 60 * 1000,
    SESSION_LOCK_PATIENCE_SECONDS = 10,
    SESSION_BROKER_TIMEOUT_MS = 9000,
};

struct session {
    const struct config *config;
    struct database *database;
    struct database_query *query;
    const char *role; /* which role the command needs, for the message when it is missing */
    const char *retry_script; /* run before session_run_patiently tries again; NULL: nothing */
    struct fault fault;
    int exit_status; /* when there is no fault */
};

/* A session without a database yet. Check options first: what is wrong with them is said without a database. */
void session_begin(struct session *session, const struct config *config);
/* Connects, without looking at the schema. */
bool session_connect(struct session *session);
/* Connects and requires the schema of this build. */
bool session_open(struct session *session);
/* Closes, prints the fault on stderr when there is one, and returns the exit status. */
int session_close(struct session *session);

/* Begins a statement; add its parameters with query_…. `sql` is borrowed. */
struct database_query *session_ask(struct session *session, const char *sql);
/* Runs the statement. `result` may be NULL. */
bool session_run(struct session *session, struct database_result **result);
/* The same, as long as it takes: for what works through a whole roster. */
bool session_run_long(struct session *session, struct database_result **result);
/* The same as session_run, trying again for ten seconds while another session holds a lock; then EX_TEMPFAIL. */
bool session_run_patiently(struct session *session, struct database_result **result);

/*
 * Runs the statement and prints its rows, on stdout, as the switch `json` says. `columns` in the order of the statement's. Without
 * rows `when_empty` goes to stderr; with `rows_max` of them (0: no limit) a note that there may be more.
 */
bool session_list(struct session *session, const struct table_column *columns, size_t rows_max, const char *when_empty);

/* Runs the statement and puts its rows into a new table, which the caller frees; NULL: the fault is set. */
struct table *session_table(struct session *session, const struct table_column *columns);

/* An option's number as a parameter, null when it is not given. */
void session_add_number(struct session *session, const char *option);

/* An option's moment; `is_given` false when it is left out. */
struct given_moment {
    bool is_given;
    int64_t ms;
};

/* Reads the option as a time; false (EX_USAGE) when it is none. */
bool session_moment(struct session *session, const char *option, struct given_moment *moment);

/* The input topic named by the option `topic`, which is set; false (EX_USAGE) when it names none. */
bool session_input_topic(struct session *session, enum topic_kind *topic);

/* Text of an option that must be a name of at most `bytes_max` bytes, or unset; false (EX_USAGE) when it is not. */
bool session_check_name(struct session *session, const char *option, size_t bytes_max);

#endif
