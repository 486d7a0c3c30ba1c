/*
 * The broker, as the rest of the programs see it. The files core/kafka*.c share one private header, core/kafka_internal.h, which is the
 * only includer of rdkafka.h; a simulator can stand in for them by implementing this header. Every handle belongs to one thread.
 *
 * Properties of the configuration (kafka.*) override ours, except those that correctness hangs on: these are refused (EX_CONFIG).
 */
#ifndef NIANSHEN_CORE_KAFKA_H
#define NIANSHEN_CORE_KAFKA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/config.h"
#include "core/fault.h"
#include "core/topics.h"

enum {
    KAFKA_RECORD_BYTES_MAX = 1024 * 1024, /* max.message.bytes of the input topics */
    KAFKA_PARTITIONS_MAX = 1024,
};

struct kafka_header {
    const char *name; /* NUL-terminated by the client library */
    const void *value; /* NULL: a null value */
    size_t value_bytes;
};

struct kafka_record {
    enum topic_kind topic;
    int32_t partition;
    int64_t offset;
    int64_t append_ms; /* the broker's LogAppendTime */
    const void *key; /* NULL: a null key */
    size_t key_bytes;
    const void *value; /* NULL: a null value (tombstone) */
    size_t value_bytes;
    const struct kafka_header *headers;
    size_t header_count;
    bool has_lost_headers; /* there are some, but the client library reads none of more than 100,000: header_count is 0 */
    void *handle; /* owns all the bytes above; kafka_record_release frees it */
};

/* Release every record before its consumer or reader is freed: freeing would wait for it. */
void kafka_record_release(struct kafka_record *record);

enum { KAFKA_SHA256_BYTES = 32 };
/*
 * The fingerprint of a record, by which a worker knows the last record it applied again: SHA-256 over key, value and headers as sent, each
 * preceded by its length (8 bytes, big-endian; all ones for null), the headers also by their count. Not over offset and time. Pure.
 */
void kafka_record_sha256(const struct kafka_record *record, uint8_t out[KAFKA_SHA256_BYTES]);

/* The partition of a key: murmur2 as the Java client computes it, modulo `partitions`. Pure. */
int32_t kafka_partition_of(const void *key, size_t key_bytes, int32_t partitions);

/* ---- consuming: a member of the worker's group ---- */

struct kafka_consumer;

struct kafka_position {
    enum topic_kind topic;
    int32_t partition;
    int64_t offset; /* where to start reading */
};

enum kafka_happening_kind {
    KAFKA_NOTHING, /* the time passed */
    KAFKA_RECORD, /* `record` is the caller's until kafka_record_release */
    KAFKA_END, /* position.offset is the end of that partition, all before it was delivered */
    KAFKA_ASSIGNED, /* partitions (perhaps none) were assigned: call kafka_consumer_start soon */
    KAFKA_REVOKED, /* all partitions were taken away: finish, then call kafka_consumer_stop */
    KAFKA_HALTED, /* that partition can't go on: fault says why (offset out of range, damaged records) */
    KAFKA_UNAVAILABLE, /* that partition can't be read for now (a consumer's only): start it again a little later */
    KAFKA_OUTAGE, /* the broker is away (all brokers down, no login): for the log; the client goes on trying. FAULT_FATAL: it doesn't */
};

struct kafka_happening {
    enum kafka_happening_kind kind;
    struct kafka_record record;
    struct kafka_position position; /* KAFKA_END, KAFKA_HALTED, KAFKA_UNAVAILABLE */
    struct kafka_position *assigned; /* KAFKA_ASSIGNED, KAFKA_REVOKED: borrowed until the next poll */
    size_t assigned_count;
    struct fault fault;
};

/* Joins group `group_id` on the three input topics: eager range assignor, no auto commit, read_committed. */
struct kafka_consumer *kafka_consumer_new(const struct config *config, const char *group_id, struct fault *fault);

/* Leaves the group within `timeout_ms` (a hanging close is abandoned) and frees. */
void kafka_consumer_free(struct kafka_consumer *consumer, int timeout_ms);

/* Waits up to `timeout_ms` for the next happening. Returns its kind. Must be called at least every max.poll.interval.ms. */
enum kafka_happening_kind kafka_consumer_poll(struct kafka_consumer *consumer, int timeout_ms, struct kafka_happening *out);
/* For poll(2): readable when there may be a happening; a poll that returns KAFKA_NOTHING arms it again. */
int kafka_consumer_fd(const struct kafka_consumer *consumer);

/*
 * Reads these partitions from now on, each from its offset, instead of what was read before: to begin after KAFKA_ASSIGNED, and whenever
 * the set or an offset changes. Assigned partitions left out stay silent; none at all is allowed. Nothing that was fetched before the call
 * is delivered after it.
 */
bool kafka_consumer_start(struct kafka_consumer *consumer, const struct kafka_position *at, size_t count, struct fault *fault);
/* After KAFKA_REVOKED. */
bool kafka_consumer_stop(struct kafka_consumer *consumer, struct fault *fault);
/* The end of a partition that is being read, as far as the last answer of the broker told; -1 when unknown. Does not wait. */
int64_t kafka_consumer_end(struct kafka_consumer *consumer, enum topic_kind topic, int32_t partition);
/* True when a broker answers now: how the end of an outage is noticed where nothing is sent. Waits up to `timeout_ms`. */
bool kafka_consumer_probe(struct kafka_consumer *consumer, int timeout_ms);
/* Commits offsets to Kafka for lag tools only; failures are logged and forgotten. Does not wait. */
void kafka_consumer_commit(struct kafka_consumer *consumer, const struct kafka_position *at, size_t count);

/* ---- reading outside a group: single records and ranges (dead letters, fingerprints, --wait, ops) ---- */

struct kafka_reader;

struct kafka_reader *kafka_reader_new(const struct config *config, struct fault *fault);
/*
 * For questions only (bounds, offsets of a time): its ends are high watermarks, also behind a transaction that is open. What a reader above
 * answers for an end is where it would have to wait: the last stable offset.
 */
struct kafka_reader *kafka_reader_new_uncommitted(const struct config *config, struct fault *fault);
void kafka_reader_free(struct kafka_reader *reader);
/* Starts to read one partition at `at.offset`; replaces what was read before. Offset -1: the present end (resolved now). */
bool kafka_reader_start(struct kafka_reader *reader, const struct kafka_position *at, struct fault *fault);
/* Ends the reading, and forgets what was prefetched. */
void kafka_reader_stop(struct kafka_reader *reader);
/* KAFKA_NOTHING, KAFKA_RECORD, KAFKA_END, KAFKA_HALTED or KAFKA_OUTAGE. */
enum kafka_happening_kind kafka_reader_poll(struct kafka_reader *reader, int timeout_ms, struct kafka_happening *out);
/* As kafka_consumer_fd. */
int kafka_reader_fd(const struct kafka_reader *reader);
/* First and next offset of a partition, asked of the broker now. */
bool kafka_reader_bounds(struct kafka_reader *reader, enum topic_kind topic, int32_t partition, int timeout_ms, int64_t *first_offset,
                         int64_t *next_offset, struct fault *fault);

struct kafka_bounds {
    enum topic_kind topic;
    int32_t partition;
    int64_t first_offset, next_offset;
    struct fault fault; /* FAULT_NONE: the offsets are known; else why not */
};

/*
 * The same of many partitions (`topic` and `partition` filled in), in one question to each broker that leads some of them: one that has no
 * leader, or whose leader does not answer, takes no other's answer away. Waits up to `timeout_ms` for the metadata of each topic and for
 * each leader. False, with a fault, when no broker tells who leads.
 */
bool kafka_reader_bounds_all(struct kafka_reader *reader, struct kafka_bounds *list, size_t count, int timeout_ms, struct fault *fault);

/* The first record that was appended at `at_ms` or later, asked of the broker now; the end when there is none. */
bool kafka_reader_offset_at(struct kafka_reader *reader, enum topic_kind topic, int32_t partition, int64_t at_ms, int timeout_ms,
                            int64_t *offset, struct fault *fault);

/* ---- producing: idempotent; done means a delivery report ---- */

struct kafka_producer;

enum kafka_delivery { KAFKA_DELIVERED, KAFKA_REFUSED };

/*
 * Called from kafka_producer_poll for each record once. KAFKA_REFUSED: the broker will never take it (too large, not
 * authorised, topic unknown); outages are retried inside and never end here.
 */
typedef void (*kafka_delivered_fn)(void *context, uint64_t tag, enum kafka_delivery result, int32_t partition, int64_t offset,
                                   const struct fault *fault);

struct kafka_producer *kafka_producer_new(const struct config *config, kafka_delivered_fn delivered, void *context, struct fault *fault);
void kafka_producer_free(struct kafka_producer *producer);

/*
 * Hands one record over; all bytes are copied. `tag` comes back in the delivery report. The partition is murmur2 of the key
 * (partition -1) or as named. FAULT_RETRY with code producer-queue-full: poll, then try again.
 */
bool kafka_producer_send(struct kafka_producer *producer, enum topic_kind topic, int32_t partition, const void *key, size_t key_bytes,
                         const void *value, size_t value_bytes, const struct kafka_header *headers, size_t header_count, uint64_t tag,
                         struct fault *fault);
/* Serves delivery reports for up to `timeout_ms`; returns how many records are still on their way. */
size_t kafka_producer_poll(struct kafka_producer *producer, int timeout_ms);
/* For poll(2): readable when there may be delivery reports; a poll that waits for nothing arms it again. */
int kafka_producer_fd(const struct kafka_producer *producer);
/* True after a fatal error of the idempotent producer: free it and make a new one, send again what was not reported. */
bool kafka_producer_is_broken(const struct kafka_producer *producer);

/* ---- topics ---- */

struct kafka_admin;

/* For short questions; each waits up to `timeout_ms`, an absent broker is FAULT_RETRY with exit status EX_UNAVAILABLE. */
struct kafka_admin *kafka_admin_new(const struct config *config, struct fault *fault);
void kafka_admin_free(struct kafka_admin *admin);
/* Creates all five topics with their settings; one that exists is left as it is. `created[kind]` says which were made. */
bool kafka_admin_create(struct kafka_admin *admin, int32_t partitions, int replication_factor, int timeout_ms, bool created[TOPIC_KINDS],
                        struct fault *fault);

struct kafka_topic_finding {
    enum topic_kind topic;
    bool is_error; /* false: a warning */
    char code[FAULT_CODE_BYTES_MAX]; /* topic-missing, topic-setting, topic-partitions, topic-replication */
    char text[FAULT_TEXT_BYTES_MAX]; /* topic, setting, found, wanted, and the command that mends it */
};
enum { KAFKA_FINDINGS_MAX = 64 };

/* Compares topics with the contract. Fills `findings`, `found_count` and the common partition count of the inputs (0 when unequal). */
bool kafka_admin_check(struct kafka_admin *admin, int timeout_ms, struct kafka_topic_finding findings[KAFKA_FINDINGS_MAX],
                       size_t *found_count, int32_t *partitions, struct fault *fault);
/* How many partitions each topic has; a topic that is missing is FAULT_FATAL, EX_CONFIG. */
bool kafka_admin_partitions(struct kafka_admin *admin, int timeout_ms, int32_t partitions[TOPIC_KINDS], struct fault *fault);
/*
 * Deletes for good what stands in each of these partitions before its offset; what is deleted already stays so. The broker gives the disk
 * space free later, segment by segment. FAULT_RETRY, EX_UNAVAILABLE when it did not answer: some may be done, ask again. FAULT_FATAL,
 * EX_NOPERM without the right DELETE on a topic.
 */
bool kafka_admin_delete_before(struct kafka_admin *admin, const struct kafka_position *before, size_t count, int timeout_ms,
                               struct fault *fault);

#endif
