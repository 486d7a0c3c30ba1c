/*
 * The shards that Kafka has assigned to this worker, and how far each has come on its way to being read. A shard is one partition number
 * over the three input topics; it stands or goes on as a whole:
 *
 *   UNCLAIMED ─ claim ─▶ CLAIMED ─ bounds ─▶ READY ─ start ─▶ READING (each partition proves its last record before the first is taken)
 *       ▲                   └──────────────────┴──────────────────┴──▶ HALTED: one of its partitions can't go on
 *       └─ DOUBTED ◀─ session lost, fenced (from every state)
 *   PARTIAL: only some of its partitions are assigned to us; never started
 *
 * Pure but for the log: no I/O here.
 */
#ifndef NIANSHEN_WORKER_SHARDS_H
#define NIANSHEN_WORKER_SHARDS_H

#include "worker-next/queue.h"
#include "worker-next/store.h"

enum shard_state {
    SHARD_PARTIAL,
    SHARD_UNCLAIMED, /* assigned by Kafka, not ours in the database */
    SHARD_CLAIMED, /* ours; not yet compared with what the topics hold */
    SHARD_READY, /* may be read with the next start */
    SHARD_READING,
    SHARD_HALTED, /* can't go on until an operator resumes the partition */
    SHARD_DOUBTED, /* it is not known whether it is ours still, and where it stands */
};

enum { SHARD_HALT_BYTES_MAX = FAULT_TEXT_BYTES_MAX };

/* stored_offset <= taken_offset <= read_offset */
struct partition {
    enum topic_kind topic;
    int32_t number;
    bool is_assigned;
    int64_t stored_offset; /* the next offset, as the database has it */
    int64_t taken_offset; /* after all that was taken into bundles */
    int64_t read_offset; /* after all that waits in the queue */
    int64_t end_offset; /* the end that was reached with nothing after it yet; -1: not at the end */
    int64_t committed_offset; /* told to Kafka, for lag tools */
    struct queue queue;
    bool has_last, must_prove; /* there is a last record; it is still in the topic */
    bool is_proving; /* read from the last record that was applied, which must be the same still */
    struct record_mark last; /* the last record applied */
    struct record_mark proof; /* the last one when the reading began; a micro-batch may be applied meanwhile */
    bool has_witness;
    struct record_mark witness; /* the last record of some time ago: it must stay where it is */
    const void *slot_bundle; /* the bundle that the slot belongs to, */
    size_t slot; /* and this partition's position in it */
};

struct shard {
    int32_t number;
    int lane;
    enum shard_state state;
    int64_t epoch;
    int64_t claim_at_ms; /* UNCLAIMED: not before */
    int64_t away_since_ms; /* nothing could be read of a partition since then; 0: nothing is wrong */
    int64_t merge_since_ms; /* since when it has waited for a topic that has nothing here yet; 0: it does not */
    struct partition partitions[TOPIC_INPUTS];
    enum topic_kind halted_topic;
    bool halt_is_stored; /* the database knows */
    char halted[SHARD_HALT_BYTES_MAX]; /* why; "" when it is not */
    /* what waits in the database */
    bool has_outbox; /* to be published, and not on its way: nothing of this shard may overtake it */
    bool is_taking_outbox; /* rows of it are being handed over */
    int64_t outbox_behind; /* the last batch of it that was taken; -1: none */
    int64_t outbox_at_ms; /* not taken before */
    int publication; /* where what is being published now is counted; -1: it is not published */
    bool has_held; /* records of a released unit */
    int64_t held_at_ms; /* not taken before */
    bool has_removals;
};

struct shards {
    struct shard *list;
    size_t count;
    int16_t index[KAFKA_PARTITIONS_MAX]; /* place in the list + 1; 0: not assigned */
    struct queue_pool pool; /* of the partitions' queues */
    bool must_start; /* what is to be read has changed */
};

/* False when memory is out. */
bool shards_init(struct shards *shards, size_t records_max);
void shards_free(struct shards *shards);
/* Forgets all, and takes these. False when memory is out or a partition number is above the limit. */
bool shards_set(struct shards *shards, const struct kafka_position *assigned, size_t count, int lanes);
void shards_clear(struct shards *shards);
/* NULL when it is not assigned. */
struct shard *shards_find(struct shards *shards, int32_t number);
/* NULL when it is not assigned. */
struct partition *shards_partition(struct shards *shards, enum topic_kind topic, int32_t number);
size_t shards_in(const struct shards *shards, enum shard_state state);
/* When the first of those that are away went; 0: none is. */
int64_t shards_away_since_ms(const struct shards *shards);

/* True from the claim on until it is doubted: the epoch is valid. */
bool shard_is_ours(const struct shard *shard);
/* True when its records are taken: all its topics hold what was applied of them. */
bool shard_is_proven(const struct shard *shard);
/* Forgets what waits in its queues: it is read again from what was taken. */
void shard_queues_drop(struct shards *shards, struct shard *shard);
/* This partition can't go on, and with it its shard; all others do. */
void shard_halt(struct shards *shards, struct shard *shard, enum topic_kind topic, const char *why);
void shard_halt_tell(const struct shard *shard);
/* The last record is the witness from now on. */
void partition_witness_renew(struct partition *partition);
/* True when it is the record of that mark: place, time and content. */
bool record_is_marked(const struct kafka_record *record, const struct record_mark *mark);

#endif
