#include "ops/session.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "core/language.h"
#include "core/moment.h"
#include "core/text.h"

enum { LOCK_RETRY_PAUSE_MS = 200, OPTION_NAME_BYTES_MAX = 64 };

void session_begin(struct session *session, const struct config *config)
{
    *session = (struct session){.config = config, .role = "nianshen_ops", .exit_status = EX_OK};
}

bool session_connect(struct session *session)
{
    session->query = query_new();
    if (session->query == NULL)
        return fault_set(&session->fault, FAULT_RETRY, EX_OSERR, "memory-out", language_pick("内存不足", "out of memory"));
    session->database = database_open("nianshen-ops", SESSION_CONNECT_TIMEOUT_MS, &session->fault);
    return session->database != NULL;
}

bool session_open(struct session *session)
{
    return session_connect(session) && database_require_schema(session->database, SESSION_ANSWER_TIMEOUT_MS, &session->fault);
}

int session_close(struct session *session)
{
    struct fault *fault = &session->fault;
    database_close(session->database);
    query_free(session->query);
    if (fflush(stdout) != 0 || ferror(stdout) != 0)
        fault_set(fault, FAULT_FATAL, EX_IOERR, "output",
                  language_pick("输出无法写入；磁盘满了吗？", "the output could not be written; is the disk full?"));
    if (fault->kind == FAULT_NONE) return session->exit_status;
    bool is_role_missing = strcmp(fault->code, "sqlstate-42501") == 0;
    fprintf(stderr, "nianshen-ops: %s%s%s\n", fault->text,
            is_role_missing ? language_pick("；此命令需要角色 ", "; this command needs the role ") : "",
            is_role_missing ? session->role : "");
    return fault->exit_status;
}

struct database_query *session_ask(struct session *session, const char *sql)
{
    query_reset(session->query, sql);
    return session->query;
}

bool session_run(struct session *session, struct database_result **result)
{
    return database_run(session->database, session->query, SESSION_ANSWER_TIMEOUT_MS, result, &session->fault);
}

bool session_run_long(struct session *session, struct database_result **result)
{
    return database_run(session->database, session->query, -1, result, &session->fault);
}

static bool fault_is_of_lock(const struct fault *fault)
{
    return strcmp(fault->code, "sqlstate-55P03") == 0 || strcmp(fault->code, "sqlstate-40P01") == 0;
}

static bool session_pause_for_lock(struct session *session)
{
    (void)nanosleep(&(struct timespec){.tv_nsec = LOCK_RETRY_PAUSE_MS * 1000000L}, NULL);
    return session->retry_script == NULL || database_run_script(session->database, session->retry_script, &session->fault);
}

bool session_run_patiently(struct session *session, struct database_result **result)
{
    struct timespec begin, now;
    (void)clock_gettime(CLOCK_MONOTONIC, &begin);
    do {
        struct fault attempt = {0};
        if (database_run(session->database, session->query, -1, result, &attempt)) return true;
        if (!fault_is_of_lock(&attempt))
            return fault_set(&session->fault, attempt.kind, attempt.exit_status, attempt.code, "%s", attempt.text);
        if (!session_pause_for_lock(session)) return false;
        (void)clock_gettime(CLOCK_MONOTONIC, &now);
    } while (now.tv_sec - begin.tv_sec < SESSION_LOCK_PATIENCE_SECONDS);
    return fault_set(
        &session->fault, FAULT_RETRY, EX_TEMPFAIL, "lock-held",
        language_pick("另一个会话占用参考数据的锁已超过 %d 秒；请查看（pg_stat_activity）是否有停住的工作进程或加载，然后再试",
                      "another session has held the lock of the reference data for %d s; look for a worker or a load that stands still "
                      "(pg_stat_activity), then try again"),
        SESSION_LOCK_PATIENCE_SECONDS);
}

struct table *session_table(struct session *session, const struct table_column *columns)
{
    struct database_result *result = NULL;
    if (!session_run(session, &result)) return NULL;
    struct table *table = table_new(columns, config_switch(session->config, "json"));
    if (table == NULL)
        fault_set(&session->fault, FAULT_RETRY, EX_OSERR, "memory-out", language_pick("内存不足", "out of memory for a table"));
    if (table != NULL && !table_add_result(table, result, &session->fault)) {
        table_free(table);
        table = NULL;
    }
    result_free(result);
    return table;
}

bool session_list(struct session *session, const struct table_column *columns, size_t rows_max, const char *when_empty)
{
    struct table *table = session_table(session, columns);
    if (table == NULL) return false;
    table_print(table, stdout);
    if (table_rows(table) == 0) fprintf(stderr, "%s\n", when_empty);
    if (rows_max > 0 && table_rows(table) == rows_max)
        fprintf(stderr, language_pick("只显示前 %zu 行；--limit 可显示更多\n", "the first %zu are shown; --limit shows more\n"), rows_max);
    table_free(table);
    return true;
}

void session_add_number(struct session *session, const char *option)
{
    if (config_is_set(session->config, option))
        query_int8(session->query, config_number(session->config, option));
    else
        query_null(session->query);
}

/* An option as it is written on the command line. */
static const char *flag_name(const char *option, char out[OPTION_NAME_BYTES_MAX])
{
    (void)snprintf(out, OPTION_NAME_BYTES_MAX, "%s", option);
    for (char *at = strchr(out, '_'); at != NULL; at = strchr(at, '_')) *at = '-';
    return out;
}

bool session_moment(struct session *session, const char *option, struct given_moment *moment)
{
    char flag[OPTION_NAME_BYTES_MAX];
    const char *text = config_text(session->config, option);
    moment->is_given = text != NULL;
    if (text == NULL || moment_parse(text, &moment->ms)) return true;
    return fault_set(
        &session->fault, FAULT_REJECT, EX_USAGE, "usage",
        language_pick("--%s：“%s”不是时间；请写 2026-03-01、'2026-03-01 08:00'（北京时间）或 2026-03-01T08:00:00+08:00",
                      "--%s: '%s' is no time; write 2026-03-01 or '2026-03-01 08:00' (China Standard Time) or 2026-03-01T08:00:00+08:00"),
        flag_name(option, flag), text);
}

bool session_input_topic(struct session *session, enum topic_kind *topic)
{
    const char *name = config_text(session->config, "topic");
    return (topic_kind_of_name(name, topic) && (int)*topic < TOPIC_INPUTS) ||
           fault_set(&session->fault, FAULT_REJECT, EX_USAGE, "usage",
                     language_pick("--topic：“%s”不是 unit-review、member-review、approval 之一",
                                   "--topic: '%s' is none of unit-review, member-review and approval"),
                     name);
}

bool session_check_name(struct session *session, const char *option, size_t bytes_max)
{
    const char *text = config_text(session->config, option);
    if (text == NULL || (text_is_name(text, strlen(text), bytes_max) && !text_is_all_blank(text, strlen(text)))) return true;
    return fault_set(&session->fault, FAULT_REJECT, EX_USAGE, "usage",
                     language_pick("--%s 须为 1 至 %zu 字节的 UTF-8 文本，不能只有空白，不含控制字符",
                                   "--%s must be 1 to %zu bytes of UTF-8, not blank, without control characters"),
                     option, bytes_max);
}
