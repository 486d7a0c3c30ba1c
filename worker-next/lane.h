/*
 * A lane: one session with the database, one request at a time, and the shards whose number fits. It is opened anew with back-off when it
 * is lost; what was believed of the lane's shards is then in doubt.
 */
#ifndef NIANSHEN_WORKER_LANE_H
#define NIANSHEN_WORKER_LANE_H

#include "worker-next/backoff.h"
#include "worker-next/bundle.h"

enum {
    LANES_MAX = 8,
    LANE_OPEN_MS = 10000, /* the longest attempt to connect */
    LANE_ANSWER_MS = 120000, /* for an answer; after that the session counts as lost */
    LANE_NAME_BYTES_MAX = 256,
    LANE_PUBLISHED_MAX = 256, /* outbox batches deleted at a time */
};

/* What the database is asked for. */
enum question {
    QUESTION_OPEN,
    QUESTION_DOUBT, /* are these shards ours still? */
    QUESTION_CLAIM,
    QUESTION_HALT,
    QUESTION_LOOK,
    QUESTION_TAKE_OUTBOX,
    QUESTION_TAKE_HELD,
    QUESTION_LOAD,
    QUESTION_WRITE,
    QUESTION_ABANDON,
    QUESTION_MARK,
    QUESTION_SETTLE,
    QUESTIONS
};

enum lane_state { LANE_CLOSED, LANE_BUSY, LANE_IDLE };

enum lane_report { LANE_QUIET, LANE_MOVED, LANE_ANSWERED, LANE_FAILED /* the question, by a fault */ };

enum apply_phase {
    APPLY_NONE,
    APPLY_READY, /* the next part may be loaded */
    APPLY_UNDER_WAY,
    APPLY_STORED, /* what came of it is being published */
};

struct apply { /* one bundle on its way into the database, as a whole or in parts */
    enum apply_phase phase;
    struct bundle *bundle; /* NULL: none */
    size_t from, count; /* the part */
    struct micro_batch micro; /* the same */
    bool is_holding; /* the unit of the part's one record */
    bool is_held_again; /* a record that was held is so again: the bundle ends with it */
    int tries;
    int64_t retry_at_ms;
    int64_t begun_us;
    size_t records_max; /* of a part: less while one takes too long */
    struct fault why; /* of what is being abandoned */
    struct backoff backoff;
};

struct handover { /* of what came of a micro-batch or of outbox rows, to the producer */
    bool is_begun;
    int64_t since_ms; /* when the next one began to wait; 0: it does not */
    size_t row, outcome, letter; /* the next ones */
};

struct worker;

struct lane {
    int number;
    struct store *store;
    enum lane_state state;
    enum question question; /* of LANE_BUSY */
    void *asked; /* what the question borrowed, until the next one; NULL when the session is lost */
    size_t asked_count; /* the caller's business */
    struct backoff backoff, question_backoff;
    int64_t open_at_ms; /* LANE_CLOSED: not before */
    int64_t give_up_at_ms; /* LANE_BUSY */
    int64_t retry_at_ms; /* nothing is asked before */
    int64_t away_since_ms; /* since when there has been no session; 0: there is one */
    int64_t look_at_ms; /* at the lane's shards: another worker may own one, an operator may have resumed a halted one */
    bool is_doubted; /* what was taken of its shards is to be dropped, and where they stand to be found out anew */

    struct bundle *filling, *spare; /* spare: NULL while it is being applied */
    size_t turn; /* place of the shard that is taken from next */
    struct arena *arena; /* of loading and deciding; of what is taken of outbox or held records */
    struct apply apply;
    struct handover handover;
    struct store_published published[LANE_PUBLISHED_MAX]; /* what the request under way deletes */
    bool has_rows; /* outbox rows are being handed over: nothing else is asked */
    int64_t moved_ms, settled_ms; /* when it applied the last; settled */
};

/* False when memory is out. */
bool lane_init(struct lane *lane, int number, const char *owner, struct bundle_limits limits);
void lane_free(struct lane *lane);

/* True when a question may be asked now. */
bool lane_is_free(const struct worker *worker, const struct lane *lane);
/* After the store's function was called; `asked` (from malloc, or NULL) is the lane's from now on. */
void lane_ask(struct worker *worker, struct lane *lane, enum question question, void *asked, size_t count);
/* Asks nothing for a while. */
void lane_rest(struct worker *worker, struct lane *lane);
/* Gives the session up: what it is doing may or may not be committed. */
void lane_drop(struct worker *worker, struct lane *lane, const struct fault *why);
/* Opens, waits, hears answers. FAILED fills `fault`; after it the session may be gone. */
enum lane_report lane_step(struct worker *worker, struct lane *lane, struct fault *fault);

#endif
