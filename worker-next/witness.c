#include "worker-next/witness.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/log.h"
#include "worker-next/worker.h"

void witness_init(struct witness *witness, int64_t now_ms)
{
    *witness = (struct witness){.look_at_ms = now_ms + WITNESS_EVERY_MS};
}

void witness_free(struct witness *witness)
{
    kafka_reader_free(witness->reader);
    *witness = (struct witness){0};
}

/* The looks are spread over the time, so that none holds up the loop for long. */
static void rest(struct worker *worker)
{
    struct witness *witness = &worker->witness;
    witness->is_looking = false;
    witness->look_at_ms = worker->now_ms + WITNESS_EVERY_MS / (int64_t)(worker->shards.count * TOPIC_INPUTS + 1);
    if (witness->reader != NULL) original_rest(&witness->source, witness->reader);
}

static void postpone(struct worker *worker, const struct fault *fault)
{
    log_debug("witness-unreadable", log_text("code", fault->code), log_text("text", fault->text));
    rest(worker);
}

/* ---- beginning ---- */

static bool look_begin(struct worker *worker)
{
    struct fault fault = {0};
    struct witness *witness = &worker->witness;
    struct shards *shards = &worker->shards;
    if (worker->now_ms < witness->look_at_ms || shards->count == 0) return false;
    size_t place = witness->next++ % (shards->count * TOPIC_INPUTS);
    const struct shard *shard = &shards->list[place / TOPIC_INPUTS];
    const struct partition *partition = &shard->partitions[place % TOPIC_INPUTS];
    if (!shard_is_proven(shard) || !partition->has_witness) {
        rest(worker);
        return false;
    }
    if (witness->reader == NULL) witness->reader = kafka_reader_new(worker->config, &fault);
    if (witness->reader == NULL) {
        postpone(worker, &fault);
        return false;
    }
    witness->wanted = (struct kafka_position){partition->topic, partition->number, partition->witness.offset};
    witness->epoch = shard->epoch;
    witness->is_looking = true;
    return true;
}

/* ---- what is found ---- */

/* NULL when it has not been ours ever since the look began. */
static struct shard *looked_at(struct worker *worker)
{
    const struct witness *witness = &worker->witness;
    struct shard *shard = shards_find(&worker->shards, witness->wanted.partition);
    return shard != NULL && shard_is_proven(shard) && shard->epoch == witness->epoch ? shard : NULL;
}

/*
 * What was taken of the shard meanwhile and is not applied is dropped with all the rest of its lane: it stands behind records that were
 * never read. The last record may be one of the new topic: the witness takes its place, so that no resumption as it stands passes the
 * comparison.
 */
static void halt(struct worker *worker, struct shard *shard, struct partition *partition)
{
    char text[SHARD_HALT_BYTES_MAX];
    snprintf(text, sizeof text,
             "the record at offset %" PRId64
             " is no longer the one that was applied there: the topic was made anew while it was read, and what stands "
             "before offset %" PRId64
             " may not have been read; resume the partition from offset 0 (what was applied already is not applied twice)",
             partition->witness.offset, partition->stored_offset);
    partition->last = partition->witness;
    shard_halt(&worker->shards, shard, partition->topic, text);
    worker->lanes[shard->lane].is_doubted = true;
}

/* Applied records may be deleted on purpose: then nothing is left to compare, and the next witness is a later one. */
static void gone_take(struct worker *worker, struct shard *shard, struct partition *partition)
{
    int64_t first, end;
    struct fault fault = {0};
    const struct kafka_position *wanted = &worker->witness.wanted;
    if (!kafka_reader_bounds(worker->witness.reader, wanted->topic, wanted->partition, ASSIGNMENT_BOUNDS_MS, &first, &end, &fault))
        postpone(worker, &fault);
    else if (wanted->offset < first && first <= partition->stored_offset && partition->stored_offset <= end)
        partition_witness_renew(partition);
    else
        halt(worker, shard, partition);
}

static void found_take(struct worker *worker, struct shard *shard, struct partition *partition, const struct kafka_record *record)
{
    if (record_is_marked(record, &partition->witness))
        partition_witness_renew(partition);
    else
        halt(worker, shard, partition);
}

static void look_end(struct worker *worker, const struct kafka_record *record)
{
    struct shard *shard = looked_at(worker);
    struct partition *partition = shard == NULL ? NULL : &shard->partitions[worker->witness.wanted.topic];
    if (shard != NULL && record != NULL)
        found_take(worker, shard, partition, record);
    else if (shard != NULL)
        gone_take(worker, shard, partition);
    rest(worker);
}

/* ---- the step ---- */

bool witness_step(struct worker *worker)
{
    struct fault fault = {0};
    struct kafka_record record = {0};
    struct witness *witness = &worker->witness;
    if (worker->is_stopping || worker->assignment.is_revoking) return false;
    if (!witness->is_looking) return look_begin(worker);
    switch (original_find(&witness->source, witness->reader, &witness->wanted, ORIGINAL_ANY_MS, 0, &record, &fault)) {
    case ORIGINAL_WAIT:
        return false;
    case ORIGINAL_FOUND:
        look_end(worker, &record);
        kafka_record_release(&record);
        return true;
    case ORIGINAL_GONE:
    case ORIGINAL_CUT:
        look_end(worker, NULL);
        return true;
    case ORIGINAL_FAULT:
        break;
    }
    postpone(worker, &fault);
    return true;
}
