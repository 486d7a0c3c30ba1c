/*
 * One micro-batch in the database: sent, answered, tried again, taken apart. A batch that our own SQL can't digest (SQLSTATE class 22, 23
 * or 54) is sent again record by record; the record that fails alone has its unit held, so that all other units go on.
 */
#ifndef NIANSHEN_WORKER_APPLY_H
#define NIANSHEN_WORKER_APPLY_H

#include "core/apply_query.h"
#include "worker/backoff.h"

enum { APPLY_TRIES_MAX = 5 /* over the same connection: deadlocks and the like; then it is opened anew, with all that follows */ };

struct worker;

struct apply {
    struct batch *batch; /* NULL: none */
    struct apply_range range;
    struct apply_move *moves; /* the range's, grown as needed */
    size_t move_room;
    bool is_sent;
    int64_t sent_us;
    bool is_holding; /* the unit of the range's one record */
    int tries;
    int64_t retry_at_ms;
    struct backoff backoff;
};

void apply_init(struct apply *apply);
void apply_free(struct apply *apply);
/* Forgets the micro-batch. Not while it is with the database. */
void apply_drop(struct worker *worker);

bool apply_step(struct worker *worker);

#endif
