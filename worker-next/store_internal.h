/*
 * What the files behind worker-next/store.h share: store_postgres.c (session and requests), store_claim.c, store_load.c with
 * store_unpack.c and store_later.c, store_write.c with store_rows.c, store_outbox.c, store_watch.c. Nobody else includes this.
 *
 * A request fills pipelines: store_begin, statements with their parameters, store_end with the function that takes the answers. That
 * function runs when all have answered; it returns false with store->fault set, or may begin another pipeline of the same request.
 */
#ifndef NIANSHEN_WORKER_STORE_INTERNAL_H
#define NIANSHEN_WORKER_STORE_INTERNAL_H

#include "core/database.h"
#include "worker-next/store.h"

enum { STORE_RESULTS_MAX = 16 };

struct store_loaded {
    struct database_result *results[STORE_RESULTS_MAX];
    size_t result_count;
};

/* What a lane knows of its micro-batch between load and write; in the batch's arena. */
struct batch_plan {
    uint32_t *order; /* places of the reviews by unit and year: `n` of the load functions is a place in here, from 1 */
    uint32_t *rank; /* the other way round, from 1 */
    struct review_part *parts; /* of each review, by its place in the world */
    bool has_chunks, has_decisions;
};

struct identity {
    uint32_t review; /* its rank */
    const char *first, *second; /* source and id; submission, "" */
    int32_t number;
    int32_t chunks; /* that the event names; not part of the identity */
};

struct identities {
    struct identity *list;
    size_t count;
};

struct review_part { /* what the events of one review ask for */
    int32_t shard;
    uint32_t unit_reviews, chunks, decisions; /* how many events of each topic */
    int roster_how; /* 0: no block, 1: from first to last, 2: all; -1: not even their number */
    const char *first_key, *last_key;
    bool has_many_unit_reviews, has_many_decisions; /* only those are loaded that somebody names */
};

enum { LOAD_MOST = 9 }; /* rows of a kind that are loaded without asking which are named */
enum load_statement {
    LOAD_BEGIN,
    LOAD_FENCE,
    LOAD_REFERENCE,
    LOAD_UNITS,
    LOAD_UNIT_REVIEWS,
    LOAD_SUBMISSIONS,
    LOAD_DECISIONS,
    LOAD_CHANGES,
    LOAD_CHUNKS, /* these two only where there are chunks */
    LOAD_ROSTER,
    LOAD_NAMED_UNIT_REVIEWS, /* these two only where a review has many, in a round trip of their own */
    LOAD_NAMED_DECISIONS,
    LOAD_STATEMENTS
};

struct store {
    char *name;
    struct database *database;
    struct database_query *query;
    enum store_state state;
    struct fault fault;
    bool is_lost;
    bool is_in_transaction; /* the server's transaction is open, perhaps failed */
    bool is_giving_up; /* our own fault is to be reported once the transaction is rolled back */
    size_t statements; /* in the pipeline so far */
    bool (*finish)(struct store *store);
    /* a request's own */
    struct micro_batch *batch;
    struct batch_plan *plan;
    struct database_result *loaded[LOAD_STATEMENTS]; /* borrowed from the batch's */
    struct store_shard *shards;
    size_t shard_count;
    bool has_ended_backends;
    struct store_look *looks;
    struct arena *arena;
    int32_t held_shard;
    /* results */
    struct database_result *answer; /* of the last request, kept until the next */
    struct store_published *outbox; /* what store_write made */
    size_t outbox_count;
    struct store_outbox_row *rows;
    size_t row_count;
    bool has_more;
    struct kafka_record *held;
    size_t held_count;
    int64_t settled;
};

/* Begins a request, on an idle session. */
void store_begin(struct store *store);
/* Begins another pipeline. */
void store_pipeline(struct store *store);
struct database_query *store_query(struct store *store); /* emptied */
/* Adds a statement; with what store_query was given when `has_parameters`. Its number, for store_take. */
size_t store_add(struct store *store, const struct database_statement *statement, bool has_parameters);
void store_end(struct store *store, bool (*finish)(struct store *store));
/* Reports store->fault once the transaction is rolled back, whose locks others wait for; what was added before still goes its way. */
void store_give_up(struct store *store);
/* The answer, which the caller frees. */
struct database_result *store_take(struct store *store, size_t statement);
bool store_memory(struct store *store); /* the fault of a full arena; false */

extern const struct database_statement store_statement_begin, store_statement_commit;

/* ---- parameters ---- */
void query_add_string(struct database_query *query, const char *text); /* NULL: a null */
void query_add_place(struct database_query *query, int64_t value, bool is_there); /* of int8 arrays: else a null */

/* ---- parts of loading (store_unpack.c, store_later.c) ---- */
bool store_unpack(struct store *store);
/* Marks the reviews that have many rows of a kind. True when there are any. */
bool store_has_many(struct store *store);
/* Begins to ask who enrolled after the opening, where a number is not on the roster; false: nobody needs to be asked, or a fault. */
bool store_later(struct store *store);
struct review *plan_review(const struct store *store, const struct database_result *result, size_t row, size_t column);

/* After a lock_timeout: when it was a claim that waited, ends the owners who hold the locks and claims once more. */
bool store_claim_again(struct store *store);

#endif
