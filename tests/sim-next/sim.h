/*
 * The simulator: whole workers on a broker (broker.c) and a store (store.c, kept.c) in memory, one thread, a simulated clock. The rules are
 * the real ones. All chance comes from one seed, so that a failure is played again exactly. world.c draws the reference data, upstream.c
 * what is published, crew.c holds the workers, sim.c draws what goes wrong; what must hold is checked where it happens, above all in
 * store.c, and at the end in oracle.c and second.c.
 */
#ifndef NIANSHEN_TESTS_SIM_NEXT_SIM_H
#define NIANSHEN_TESTS_SIM_NEXT_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/kafka.h"

enum {
    SIM_SHARDS = 3,
    SIM_WORKERS = 2,
    SIM_OFFSETS_MAX = 128, /* of a partition, gaps included */
    SIM_RECORDS_MAX = 400, /* of all topics */
    SIM_SESSION_MS = 6000, /* a member of the group that is silent for longer is out */
    SIM_HEAL_MS = 30000, /* I12: so soon after the last fault nothing is left to do */
};

/* How likely each thing is, in a thousand; drawn for each history, many of them 0: what goes wrong rarely is then seen alone, too. */
struct sim_odds {
    int poll_error, bounds_error, rebalance, gap, repeat, reuse, broken; /* Kafka; what upstreams send */
    int retryable, fatal, lost_before, lost_after, lost_idle, slow; /* the database's answers */
    int refused, producer_broken, queue_full, late_report; /* deliveries */
    int crash, stop, pause, broker_away, database_away; /* each tick */
    int bad_unit; /* the history has a unit that our own SQL can't digest */
    int release; /* an operator releases it before the bug is mended, or while others still hold it */
    int cut; /* a partition loses its last records, or all, and other records take their places until an operator restores it */
    int correction, limit, closing, late_unit; /* of a unit, of the campaign: reference data that change in mid-campaign */
    int spare; /* the store loads more than it must */
};

struct sim {
    uint64_t seed, random;
    int64_t now_ms;
    int step; /* ticks since the history began */
    bool is_told; /* each event is printed */
    bool is_tallied; /* what the histories were about is counted */
    bool is_healing; /* no more faults */
    bool is_crashing; /* a worker is being freed that has no say any more */
    int64_t broker_back_ms, database_back_ms; /* away until then */
    struct sim_odds odds;
    struct arena *arena; /* what lives as long as the history */
};
extern struct sim sim;

/* ---- chance and the story ---- */

int sim_below(int count); /* 0 to count - 1 */
bool sim_often(int permille);
/* The same, but never while healing: for faults. */
bool sim_fault(int permille);
/* A line of the story, when it is told. */
void sim_tell(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* What must not be: prints seed and step, and ends the program. */
_Noreturn void sim_wrong(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Memory that lives as long as the history. */
void *sim_take(size_t bytes);
const char *sim_text(const char *text); /* a copy; NULL of NULL */
const char *sim_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- the crew: workers that come and go; each life of one is an incarnation with a number of its own ---- */

int crew_current(void); /* the slot of the worker that runs now */
int crew_incarnation(int slot);
void crew_reset(void);
void crew_tick(void);
/* All work again, and nobody is stopped. */
void crew_heal(void);
void crew_end(void);

/* ---- the broker ---- */

struct sense;
struct sim_record {
    enum topic_kind topic;
    int32_t partition;
    int64_t offset, append_ms;
    const char *key, *value;
    struct kafka_header headers[6];
    size_t header_count;
    bool is_there;
    const struct sense *sense; /* what it says; NULL: it is broken */
};

void broker_reset(void);
void broker_tick(void);
void broker_append_some(void); /* what upstreams publish in one tick */
/* Appends to the partition of its key; fills place and time. False: there is no room, or only a cut topic took it. */
bool broker_append(struct sim_record *record);
int broker_appended(void), broker_to_append(void);
/* The time at which the next record is appended: reference data of later dates are not there yet. */
int64_t broker_append_ms(void);
/* The member of a worker that is alive and scheduled: its client's heartbeats need no poll. */
void broker_heartbeat(int slot);
/* Topics as upstreams wrote them, whatever a cut shows instead. */
int64_t broker_end(enum topic_kind topic, int partition);
/* What stands at an offset, NULL: nothing. */
const struct sim_record *broker_record(enum topic_kind topic, int partition, int64_t offset);
struct kafka_record broker_told(const struct sim_record *record);
const char *broker_ce_id(const struct sim_record *record); /* NULL: it has none */

/* True when the partition was cut at some time: it may be halted. */
bool broker_was_cut(enum topic_kind topic, int partition);
bool broker_is_cut(enum topic_kind topic, int partition);
/* An operator restores what was cut: all of it, or now and then one. */
void broker_restore(bool is_all);

/* ---- the store ---- */

void base_reset(void);
void base_tick(void);
void base_end(void);
void base_mend(void); /* our bug is mended */
void base_release(void); /* an operator releases what is held */
void base_resume(bool is_all); /* an operator resumes what is halted as it stands: all that is restored, or now and then one */
int64_t base_next(enum topic_kind topic, int partition);
int64_t base_last(enum topic_kind topic, int partition); /* offset of the last record applied; -1: none */
/* NULL: every position is at its end, nothing is held, the outbox published, removed members moved. */
const char *base_work_left(void);
void base_check_end(void); /* the ledger, the reviews and what was published are what the topics say */
/* A delivery that Kafka took. `id`: ce_id of an outcome, or NULL and the dead letter's origin. */
void base_delivered(const char *id, const void *value, size_t value_bytes, const struct kafka_position *origin, const char *code);
void base_refused(const char *id); /* an outcome */
/* The client is stopped: what it has not sent to the end keeps its locks. */
void base_pause(int slot, int64_t until_ms);

#endif
