/* The whole second edition's worker on the broker and the store in memory. Included by one test program each. */
#ifndef NIANSHEN_TESTS_UNIT_FAKE_WORKER2_H
#define NIANSHEN_TESTS_UNIT_FAKE_WORKER2_H

#include "core/config.h"
#include "core/log.h"
#include "tests/unit/fake_kafka.h"

#include "tests/unit/fake_store.h"
#include "worker-next/worker.h"

enum { UNITS = 20 };

static const struct option options[] = {
    {.name = "group_id", .fallback = "g"},
    {.name = "batch_records", .kind = OPTION_NUMBER, .fallback = "7"},
    {.name = "batch_bytes", .kind = OPTION_NUMBER, .fallback = "1000000"},
    {.name = "lanes", .kind = OPTION_NUMBER, .fallback = "1"},
    {.name = "owner", .fallback = "test"},
    {.name = "until_end", .kind = OPTION_SWITCH},
    {0},
};

static char run_flag[32]; /* one flag more; "": none */

static inline int run_worker(bool until_end)
{
    static const struct command commands[] = {{.name = "", .summary = {"测试", "a test"}, .options = options, .run = worker_run}, {0}};
    char program[] = "test", flag[] = "--until-end";
    char *arguments[4] = {program};
    int count = 1, status = 0;
    if (until_end) arguments[count++] = flag;
    if (run_flag[0] != '\0') arguments[count++] = run_flag;
    struct config *config = config_read("nianshen-test", commands, count, arguments, &status);
    assert_non_null(config);
    log_set_level(getenv("TEST_LOG") != NULL ? getenv("TEST_LOG") : "error");
    fake_kafka.is_told_assigned = false; /* each run is a member of the group anew */
    status = worker_run(config);
    config_free(config);
    assert_int_equal(fake_kafka.handles, 0);
    assert_int_equal(fake_store.sessions, 0);
    return status;
}

static inline int setup(void **state)
{
    (void)state;
    fake_kafka_reset();
    fake_store_reset();
    run_flag[0] = '\0';
    return 0;
}

static inline void append_units(const char *tag)
{
    for (int i = 0; i < UNITS; i++) {
        char unit[16], id[32];
        snprintf(unit, sizeof unit, "U%04d", i);
        snprintf(id, sizeof id, "%s-%d", tag, i);
        fake_append(unit, id);
    }
}

static inline void assert_all_applied_once(void)
{
    for (int topic = 0; topic < TOPIC_INPUTS; topic++) {
        for (int number = 0; number < FAKE_PARTITIONS; number++) {
            const struct fake_partition *partition = &fake_kafka.partitions[topic][number];
            const struct fake_position *position = &fake_store.positions[topic][number];
            assert_int_equal(position->next, partition->end);
            for (size_t i = 0; i < partition->count; i++) assert_int_equal(position->applied[partition->records[i].offset], 1);
        }
    }
    for (size_t i = 0; i < fake_store.outbox_count; i++) assert_true(fake_store.outbox[i].is_deleted);
}

#endif
