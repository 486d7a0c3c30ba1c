/*
 * The partitions that Kafka has assigned to this worker, and how far each has come on its way to being read:
 *
 *   UNCLAIMED ─ claim ─▶ CLAIMED ─ bounds ─▶ READY ─ start ─▶ PROVING ─ last record is the same ─▶ READING
 *       ▲                   └──────────────────┴────────────────┴──▶ HALTED
 *       └─ DOUBTED ◀─ connection lost, fenced (from every state)
 *
 * Pure: no I/O here.
 */
#ifndef NIANSHEN_WORKER_PARTITIONS_H
#define NIANSHEN_WORKER_PARTITIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/batch.h"
#include "core/database.h"

enum partition_state {
    PARTITION_UNCLAIMED, /* assigned by Kafka, not ours in the database */
    PARTITION_CLAIMED, /* ours; not yet compared with what the topic holds */
    PARTITION_READY, /* may be read with the next start */
    PARTITION_PROVING, /* read from the last record that was applied, which must be the same still */
    PARTITION_READING,
    PARTITION_HALTED, /* can't go on until an operator resumes it */
    PARTITION_DOUBTED, /* it is not known whether it is ours still, and where it stands */
};

enum { PARTITION_HALT_BYTES_MAX = FAULT_TEXT_BYTES_MAX };

struct partition {
    struct batch_partition at; /* how far it is taken into micro-batches */
    enum partition_state state;
    int64_t claim_at_ms; /* UNCLAIMED: not before */
    int64_t away_since_ms; /* nothing could be read of it since then, nor its bounds be known; 0: nothing is wrong */
    int64_t originals_away_since_ms; /* originals of its dead letters could not be read since then; 0: nothing is wrong */
    int64_t originals_at_ms; /* while they are away: not tried again before; 0: any time */
    int64_t held_at_ms; /* no held record of it before, for the last try failed; 0: any time */
    int64_t stored_offset; /* the next offset, as the database has it */
    int64_t end_offset; /* the end that was reached with nothing after it yet; -1: not at the end */
    int64_t committed_offset; /* told to Kafka, for lag tools */
    bool has_last, must_prove; /* there is a last record; it is still in the topic */
    struct record_mark last; /* the last record applied */
    struct record_mark proof; /* PROVING: the last one when the reading began; a micro-batch may be applied meanwhile */
    bool has_witness;
    struct record_mark witness; /* the last record of some time ago: it must stay where it is */
    bool halt_is_stored; /* HALTED: the database knows */
    char halted[PARTITION_HALT_BYTES_MAX]; /* why; "" when it is not */
};

struct partitions {
    struct partition *list;
    size_t count;
    int16_t index[TOPIC_INPUTS][KAFKA_PARTITIONS_MAX]; /* place in the list + 1; 0: not assigned */
};

/* Forgets all, and takes these as UNCLAIMED. False when memory is out or a partition number is above the limit. */
bool partitions_set(struct partitions *partitions, const struct kafka_position *assigned, size_t count);
void partitions_clear(struct partitions *partitions);
/* NULL when it is not assigned. */
struct partition *partitions_find(struct partitions *partitions, enum topic_kind topic, int32_t number);
/* How many are in that state. */
size_t partitions_in(const struct partitions *partitions, enum partition_state state);
/* When the first of those that are away went; 0: none is. */
int64_t partitions_away_since_ms(const struct partitions *partitions);
/* Since when originals of any that is proven are away; 0: none are. */
int64_t partitions_originals_away_since_ms(const struct partitions *partitions);
/* Adds three parameters, the arrays of topics, partitions and epochs of those that are wanted. Returns how many. */
size_t partitions_query(const struct partitions *partitions, bool (*is_wanted)(const struct partition *partition),
                        struct database_query *query);
/* True from the claim on until it is doubted: the epoch is valid. */
bool partition_is_ours(const struct partition *partition);
/* True when it is ours to read and can't be read. */
bool partition_is_away(const struct partition *partition);
/* True when records of it are taken. */
bool partition_is_read(const struct partition *partition);
/* True when its topic is known to hold what was applied of it: what stands there may be read again. */
bool partition_is_proven(const struct partition *partition);
/* The last record is the witness from now on. */
void partition_witness_renew(struct partition *partition);
/* True when it is the record of that mark: place, time and content. */
bool record_is_marked(const struct kafka_record *record, const struct record_mark *mark);

#endif
