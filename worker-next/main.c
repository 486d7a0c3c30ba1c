/* nianshen-worker-next: reads the input topics, applies them to the database, publishes what comes of it. worker.h tells how. */
#include <malloc.h>
#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

#include "core/config.h"
#include "core/language.h"
#include "worker-next/micro_batch.h"
#include "worker-next/worker.h"

enum { LARGE_BLOCK_BYTES = 262144 }; /* malloc maps such a block by itself, and gives it back when it is freed */

static const struct option options[] = {
    {.name = "group_id",
     .fallback = "nianshen-worker",
     .argument = "GROUP",
     .help = {"工作进程的消费者组。", "Consumer group of the workers."}},
    {.name = "batch_records",
     .kind = OPTION_NUMBER,
     .fallback = "1000",
     .number_min = 1,
     .number_max = MICRO_BATCH_RECORDS_MAX,
     .argument = "N",
     .help = {"一个事务中至多处理的记录数。", "Most records that are applied in one transaction."}},
    {.name = "batch_bytes",
     .kind = OPTION_NUMBER,
     .fallback = "4194304",
     .number_min = 65536,
     .number_max = 16777216,
     .argument = "BYTES",
     .help = {"一个事务中至多处理的记录字节数。", "Most bytes of records that are applied in one transaction."}},
    {.name = "lanes",
     .kind = OPTION_NUMBER,
     .fallback = "2",
     .number_min = 1,
     .number_max = LANES_MAX,
     .argument = "N",
     .help = {"同时使用的数据库会话数。", "Database sessions that are used at the same time."}},
    {.name = "owner",
     .argument = "NAME",
     .help = {"显示为分区接管者的名称；默认为主机名与进程号。", "Name shown as the owner of partitions; default: host and process id."}},
    {.name = "until_end",
     .kind = OPTION_SWITCH,
     .help = {"处理并发布完主题中现有的全部内容后结束。", "End when all that is in the topics now is applied and published."}},
    {0},
};

static const struct command commands[] = {
    {.name = "",
     .summary = {"把年审事件处理到数据库中。", "Applies the annual review's events to the database."},
     .options = options,
     .run = worker_run},
    {0},
};

/*
 * Keeps the memory flat in long runs. With an arena for each of the client's threads, pieces of what another thread frees would add up. And
 * a threshold that is set stays: else malloc, once megabytes of fetched records are freed, takes such blocks from the heap, which then
 * never gets smaller.
 */
static void memory_settle(void)
{
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK_BYTES);
}

int main(int argc, char **argv)
{
    int status = EX_OK;
    struct config *config = config_read("nianshen-worker", commands, argc, argv, &status);
    if (config == NULL) return status;
    language_use_english(); /* its log and what it publishes are read by programs */
    memory_settle();
    status = config_command(config)->run(config);
    config_free(config);
    return status;
}
