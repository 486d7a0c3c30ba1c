#include "ops/rebuild.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#include "core/apply_query.h"
#include "core/language.h"
#include "ops/range_reader.h"
#include "ops/reference.h"

static const struct batch_limits batch_limits = {.records = 4000, .bytes = 8 * 1024 * 1024};

struct rebuild {
    struct session *live, *scratch;
    struct range_reader reader;
    struct batch *spare; /* while the database works on one micro-batch the next is decoded into the other */
    struct apply_move move; /* a micro-batch is of one partition here */
    const struct range *running; /* whose micro-batch the database works on; NULL: none */
    int64_t running_next;
    int64_t records;
};

/* ---- one micro-batch ---- */

static bool applied_await(struct rebuild *rebuild, struct fault *fault)
{
    struct fault answer = {0};
    const struct range *range = rebuild->running;
    rebuild->running = NULL;
    if (range == NULL || database_await(rebuild->scratch->database, -1, NULL, &answer)) return true;
    return fault_set(fault, answer.kind, answer.exit_status, answer.code,
                     language_pick("主题 %s 分区 %" PRId32 " 偏移量 %" PRId64 " 之前的记录无法写入临时数据库：%s",
                                   "%s partition %" PRId32 ", the records before offset %" PRId64
                                   ", can't be applied to the scratch database: %s"),
                     topic_kind_name(range->at.topic), range->at.number, rebuild->running_next, answer.text);
}

static bool apply_send(struct rebuild *rebuild, const struct batch *batch, struct fault *fault)
{
    struct apply_range range = {.batch = batch, .count = batch->record_count, .moves = &rebuild->move};
    struct database_query *query = rebuild->scratch->query;
    apply_range_fill(&range);
    rebuild->move.end_offset = -1;
    apply_query_build(query, APPLY_SQL, &range, NULL);
    apply_query_nothing_published(query);
    return database_send(rebuild->scratch->database, query, fault) && database_flush(rebuild->scratch->database, fault);
}

static bool range_taken(void *context, struct range *range, struct batch **batch, int64_t next, struct fault *fault)
{
    struct rebuild *rebuild = context;
    struct batch *full = *batch;
    if (next == range->to && !batch_add_end(full, &range->at, next))
        return fault_set(fault, FAULT_RETRY, EX_OSERR, "memory-out", language_pick("内存不足", "out of memory for a micro-batch"));
    if (batch_is_empty(full)) return true;
    if (!applied_await(rebuild, fault) || !apply_send(rebuild, full, fault)) return false;
    rebuild->running = range;
    rebuild->running_next = next;
    *batch = rebuild->spare;
    rebuild->spare = full;
    batch_reset(*batch);
    return true;
}

/* ---- one partition ---- */

static bool claim(struct rebuild *rebuild, struct batch_partition *at)
{
    struct session *scratch = rebuild->scratch;
    struct database_result *result = NULL;
    struct database_query *query = session_ask(scratch, "SELECT epoch, next_offset FROM nianshen.claim(ARRAY[$1], ARRAY[$2], 'verify')");
    query_text(query, topic_kind_name(at->topic));
    query_int4(query, at->number);
    if (!database_run(scratch->database, query, SESSION_ANSWER_TIMEOUT_MS, &result, &rebuild->live->fault)) return false;
    at->epoch = result_int8(result, 0, 0);
    at->taken_offset = result_int8(result, 0, 1);
    result_free(result);
    return true;
}

static bool holes_ask(struct session *live, struct range *range, struct range_hole **holes)
{
    struct database_result *result = NULL;
    struct database_query *query = session_ask(live, "SELECT from_offset, to_offset FROM nianshen.offsets_not_applied($1, $2)");
    query_text(query, topic_kind_name(range->at.topic));
    query_int4(query, range->at.number);
    if (!session_run_long(live, &result)) return false;
    range->hole_count = result_rows(result);
    *holes = calloc(range->hole_count + 1, sizeof **holes);
    for (size_t row = 0; *holes != NULL && row < range->hole_count; row++)
        (*holes)[row] = (struct range_hole){.from = result_int8(result, row, 0), .to = result_int8(result, row, 1)};
    result_free(result);
    range->holes = *holes;
    return *holes != NULL || fault_set(&live->fault, FAULT_RETRY, EX_OSERR, "memory-out",
                                       language_pick("内存不足", "out of memory for the records that are held"));
}

static bool truncation_note(struct session *live, struct session *scratch, const struct range *range)
{
    static const struct reference_section lost = {"lost", "unit", "recorded_truncated", "verify_lost", false};
    struct database_query *query = session_ask(live, "SELECT set_config('nianshen.verify_place', concat_ws(' ', $1, $2, $3), true)");
    query_text(query, topic_kind_name(range->at.topic));
    query_int4(query, range->at.number);
    query_int8(query, range->first);
    fprintf(stderr,
            language_pick("主题 %s 分区 %" PRId32 "：偏移量 %" PRId64 " 之前的内容已不在主题中\n",
                          "%s partition %" PRId32 ": what stood before offset %" PRId64 " is not in the topic any more\n"),
            topic_kind_name(range->at.topic), range->at.number, range->first);
    return session_run(live, NULL) && reference_copy(live->database, scratch->database, &lost, &live->fault);
}

/* The scratch database's position begins behind what was purged, or, of a dump that knows nothing of that, at 0. */
static bool partition_rebuild(struct rebuild *rebuild, struct range *range)
{
    struct range_hole *holes = NULL;
    struct fault *fault = &rebuild->live->fault;
    bool is_good = claim(rebuild, &range->at) && holes_ask(rebuild->live, range, &holes) &&
                   range_reader_run(&rebuild->reader, range, range_taken, rebuild, fault) && applied_await(rebuild, fault) &&
                   (range->first <= range->from || truncation_note(rebuild->live, rebuild->scratch, range));
    rebuild->records += range->records;
    free(holes);
    return is_good;
}

/*
 * Unit reviews first, decisions last: any interleaving comes to the same state, and in this one nothing has to wait in the database for
 * what it needs.
 */
static bool partitions_rebuild(struct rebuild *rebuild)
{
    struct session *live = rebuild->live;
    struct database_result *result = NULL;
    session_ask(live, "SELECT topic, partition, next_offset, purged_before FROM nianshen.partition_status "
                      "ORDER BY array_position('{unit-review,member-review,approval}', topic), partition");
    bool is_good = session_run(live, &result);
    for (size_t row = 0; is_good && row < result_rows(result); row++) {
        struct range range = {
            .at = {.number = (int32_t)result_int8(result, row, 1)},
            .from = result_int8(result, row, 3),
            .to = result_int8(result, row, 2),
        };
        is_good = topic_kind_of_name(result_text(result, row, 0), &range.at.topic) && partition_rebuild(rebuild, &range);
    }
    result_free(result);
    return is_good;
}

bool rebuild_run(struct session *live, struct session *scratch, int64_t *records)
{
    struct rebuild rebuild = {.live = live, .scratch = scratch, .spare = batch_new(batch_limits, 0)};
    bool is_good = rebuild.spare != NULL || fault_set(&live->fault, FAULT_RETRY, EX_OSERR, "memory-out",
                                                      language_pick("内存不足", "out of memory for a micro-batch"));
    is_good = is_good && range_reader_open(&rebuild.reader, live->config, batch_limits, &live->fault) && partitions_rebuild(&rebuild);
    range_reader_close(&rebuild.reader);
    batch_free(rebuild.spare);
    *records = rebuild.records;
    return is_good;
}
