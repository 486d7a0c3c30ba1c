/* nianshen-ops topics create | check: needs the broker only. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "core/kafka.h"
#include "core/language.h"
#include "core/topics.h"
#include "ops/commands.h"
#include "ops/options.h"
#include "ops/session.h"

enum {
    TOPIC_TEXT_BYTES = TOPIC_NAME_BYTES_MAX + 64,
    CREATION_TRIES_MAX = 10,
    CREATION_PAUSE_MS = 300,
};

const struct option topics_create_options[] = {
    {.name = "partitions",
     .kind = OPTION_NUMBER,
     .number_min = 1,
     .number_max = KAFKA_PARTITIONS_MAX,
     .required = true,
     .argument = "N",
     .help = {"每个主题的分区数。以后不能更改：按规模最大的年审取值，例如 12。",
              "Partitions of each topic. It can never be changed: take what the largest campaign will need, for instance 12."}},
    {.name = "replication_factor",
     .kind = OPTION_NUMBER,
     .number_min = 1,
     .number_max = 32,
     .required = true,
     .argument = "N",
     .help = {"每条记录的副本数：生产环境为 3，单节点为 1。", "Copies of each record: 3 in production, 1 on a broker of one node."}},
    OPTION_OF_JSON,
    OPTION_END,
};
const struct option topics_check_options[] = {OPTION_OF_JSON, OPTION_END};

static const struct table_column made_columns[] = {
    {{"主题", "TOPIC"}, "topic", TABLE_TEXT},
    {{"结果", "RESULT"}, "result", TABLE_TEXT},
    {{NULL, NULL}, NULL, TABLE_TEXT},
};
static const struct table_column finding_columns[] = {
    {{"主题", "TOPIC"}, "topic", TABLE_TEXT},  {{"级别", "LEVEL"}, "level", TABLE_TEXT}, {{"代码", "CODE"}, "code", TABLE_TEXT},
    {{"发现", "FINDING"}, "text", TABLE_TEXT}, {{NULL, NULL}, NULL, TABLE_TEXT},
};

static void topic_name(const struct config *config, enum topic_kind kind, char out[TOPIC_TEXT_BYTES])
{
    (void)snprintf(out, TOPIC_TEXT_BYTES, "%s%s", config_text(config, "topic_prefix"), topic_kind_name(kind));
}

static struct table *new_table(struct session *session, const struct table_column *columns)
{
    struct table *table = table_new(columns, config_switch(session->config, "json"));
    if (table == NULL)
        fault_set(&session->fault, FAULT_RETRY, EX_OSERR, "memory-out", language_pick("内存不足", "out of memory for a table"));
    return table;
}

static bool print_made(struct session *session, const bool created[TOPIC_KINDS])
{
    char name[TOPIC_TEXT_BYTES];
    struct table *table = new_table(session, made_columns);
    bool is_good = table != NULL;
    for (int kind = 0; is_good && kind < TOPIC_KINDS; kind++) {
        topic_name(session->config, (enum topic_kind)kind, name);
        is_good = table_add(table, (const char *[]){name, created[kind] ? "created" : "exists"}, &session->fault);
    }
    if (is_good) table_print(table, stdout);
    table_free(table);
    return is_good;
}

struct findings {
    struct kafka_topic_finding list[KAFKA_FINDINGS_MAX];
    size_t count;
    int32_t partitions;
};

static bool ask_findings(struct session *session, struct kafka_admin *admin, struct findings *findings)
{
    return kafka_admin_check(admin, SESSION_BROKER_TIMEOUT_MS, findings->list, &findings->count, &findings->partitions, &session->fault);
}

static bool is_topic_missing(const struct findings *findings)
{
    for (size_t i = 0; i < findings->count; i++)
        if (strcmp(findings->list[i].code, "topic-missing") == 0) return true;
    return false;
}

static bool add_findings(struct session *session, struct table *table, const struct findings *findings)
{
    char name[TOPIC_TEXT_BYTES];
    for (size_t i = 0; i < findings->count; i++) {
        const struct kafka_topic_finding *finding = &findings->list[i];
        topic_name(session->config, finding->topic, name);
        const char *const cells[] = {name, finding->is_error ? "error" : "warning", finding->code, finding->text};
        if (!table_add(table, cells, &session->fault)) return false;
        if (finding->is_error) session->exit_status = EX_CONFIG;
    }
    return true;
}

/* Prints what differs from the contract to `out`, and sets the exit status. */
static void print_findings(struct session *session, const struct findings *findings, FILE *out)
{
    struct table *table = new_table(session, finding_columns);
    if (table != NULL && add_findings(session, table, findings) && (findings->count > 0 || out == stdout)) table_print(table, out);
    table_free(table);
    if (session->fault.kind == FAULT_NONE && session->exit_status == EX_OK)
        fprintf(stderr,
                language_pick("五个主题符合要求：各 %" PRId32 " 个分区，%zu 处警告%s\n",
                              "the five topics are as needed: %" PRId32 " partitions each, %zu warning%s\n"),
                findings->partitions, findings->count, findings->count == 1 ? "" : language_pick("", "s"));
}

/* What is found after creating is talk: the data is what was made. A cluster may take a moment until every broker knows a new topic. */
static void check_created(struct session *session, struct kafka_admin *admin)
{
    struct findings findings;
    int tries = 0;
    do {
        if (tries > 0) (void)nanosleep(&(struct timespec){.tv_nsec = CREATION_PAUSE_MS * 1000000L}, NULL);
        if (!ask_findings(session, admin, &findings)) return;
    } while (is_topic_missing(&findings) && ++tries < CREATION_TRIES_MAX);
    print_findings(session, &findings, stderr);
}

static bool create_topics(struct session *session, struct kafka_admin *admin)
{
    bool created[TOPIC_KINDS] = {false};
    return kafka_admin_create(admin, (int32_t)config_number(session->config, "partitions"),
                              (int)config_number(session->config, "replication_factor"), SESSION_BROKER_TIMEOUT_MS, created,
                              &session->fault) &&
           print_made(session, created);
}

int topics_create_run(const struct config *config)
{
    struct session session;
    session_begin(&session, config);
    struct kafka_admin *admin = kafka_admin_new(config, &session.fault);
    if (admin != NULL && create_topics(&session, admin)) check_created(&session, admin);
    kafka_admin_free(admin);
    return session_close(&session);
}

int topics_check_run(const struct config *config)
{
    struct session session;
    struct findings findings;
    session_begin(&session, config);
    struct kafka_admin *admin = kafka_admin_new(config, &session.fault);
    if (admin != NULL && ask_findings(&session, admin, &findings)) print_findings(&session, &findings, stdout);
    kafka_admin_free(admin);
    return session_close(&session);
}
