/* The connection to the database: one query at a time, its answer handed to whoever asked, opened anew with back-off when it is lost. */
#ifndef NIANSHEN_WORKER_LINK_H
#define NIANSHEN_WORKER_LINK_H

#include "core/database.h"
#include "worker/backoff.h"

enum {
    LINK_OPEN_MS = 10000, /* the longest attempt to connect */
    LINK_SCHEMA_MS = 5000, /* for the comparison of the schema's version */
    LINK_SEND_MS = 200, /* how long the rest of a query goes before new work */
    LINK_ANSWER_MS = 120000, /* for an answer; after that the connection counts as lost */
};

struct worker;

/*
 * The answer to a query: `result` (freed by the link unless taken over by setting it to NULL), or NULL with a fault. When the connection is
 * lost with it, the worker's view of the positions is dropped right after.
 */
typedef void (*link_answer_fn)(struct worker *worker, struct database_result **result, const struct fault *fault);

enum link_state { LINK_CLOSED, LINK_OPENING, LINK_IDLE, LINK_BUSY };

struct link {
    enum link_state state;
    struct database *database;
    struct database_query *query;
    link_answer_fn answer;
    struct backoff backoff;
    int64_t open_at_ms; /* LINK_CLOSED: not before */
    int64_t give_up_at_ms; /* LINK_OPENING, LINK_BUSY */
    int64_t send_by_ms; /* LINK_BUSY: until then the rest of the query goes first */
    int64_t away_since_ms; /* since when there has been no connection; 0: there is one */
};

bool link_init(struct link *link);
void link_free(struct link *link);

bool link_is_idle(const struct link *link);
/* True while the socket has not taken all of a query: the database waits for the rest and does nothing else. For LINK_SEND_MS at most. */
bool link_is_sending(const struct link *link, int64_t now_ms);
/* The query to fill before link_ask, only while idle. Who builds all of it may fill link->query instead. */
struct database_query *link_query(struct link *link, const char *sql);
void link_ask(struct worker *worker, link_answer_fn answer);
/* Gives the connection up: what it is doing may or may not be committed. */
void link_drop(struct worker *worker, const struct fault *why);

bool link_step(struct worker *worker);

#endif
