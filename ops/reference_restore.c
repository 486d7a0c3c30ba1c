/*
 * nianshen-ops reference restore: reads a reference dump into a database that was just migrated, in one transaction. A file that was cut
 * off or altered has another end than its last line says, and is refused as a whole.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "core/language.h"

#include "ops/commands.h"
#include "ops/reference.h"
#include "ops/reference_file.h"
#include "ops/roster_blocks.h"
#include "ops/session.h"

enum { LINE_BYTES_MAX = 1024 * 1024 };

struct restoring {
    struct session *session;
    FILE *in;
    EVP_MD_CTX *hash;
    char *line; /* LINE_BYTES_MAX bytes */
    size_t line_bytes;
    int64_t line_number;
    int64_t rows;
};

static bool refused(struct restoring *restoring, const char *what)
{
    return fault_set(&restoring->session->fault, FAULT_REJECT, EX_DATAERR, "reference-file",
                     language_pick("备份第 %" PRId64 " 行：%s；没有恢复任何内容，请使用 nianshen-ops reference dump 生成的完整文件",
                                   "line %" PRId64
                                   " of the dump: %s; nothing was restored, use a whole file of nianshen-ops reference dump"),
                     restoring->line_number, what);
}

/* The next line with its newline. */
static bool line_read(struct restoring *restoring)
{
    restoring->line_number++;
    if (fgets(restoring->line, LINE_BYTES_MAX, restoring->in) == NULL)
        return refused(restoring, feof(restoring->in) ? language_pick("文件到此为止，不完整", "the file ends here, it was cut off")
                                                      : language_pick("无法读取", "it could not be read"));
    restoring->line_bytes = strlen(restoring->line);
    if (restoring->line_bytes == 0 || restoring->line[restoring->line_bytes - 1] != '\n')
        return refused(restoring, language_pick("不完整，或过长", "it is cut off, or far too long"));
    return true;
}

static bool line_hash(struct restoring *restoring)
{
    return EVP_DigestUpdate(restoring->hash, restoring->line, restoring->line_bytes) == 1 ||
           fault_set(&restoring->session->fault, FAULT_FATAL, EX_SOFTWARE, "sha256",
                     language_pick("libcrypto 不支持 SHA-256", "libcrypto has no SHA-256"));
}

static bool restore_section(struct restoring *restoring, const struct reference_section *section)
{
    struct session *session = restoring->session;
    char head[REFERENCE_HEAD_BYTES_MAX];
    reference_section_head(section, head);
    if (!line_read(restoring) || !line_hash(restoring)) return false;
    if (strcmp(restoring->line, head) != 0)
        return refused(restoring, language_pick("此处不应是这一节", "it is not the section that belongs here"));
    if (!reference_fill(session->database, section, &session->fault)) return false;
    for (;; restoring->rows++) {
        if (!line_read(restoring) || !line_hash(restoring)) return false;
        if (strcmp(restoring->line, REFERENCE_SECTION_END) == 0) return database_copy_end(session->database, &session->fault);
        if (!database_copy_lines(session->database, restoring->line, restoring->line_bytes, &session->fault)) return false;
    }
}

/* The last line must be the one that a dump of these lines ends with, and nothing may follow it. */
static bool check_end(struct restoring *restoring)
{
    char expected[REFERENCE_HEAD_BYTES_MAX];
    if (!line_read(restoring)) return false;
    if (!reference_end(restoring->hash, restoring->rows, expected) || strcmp(restoring->line, expected) != 0)
        return refused(restoring, language_pick("以上各行与备份时的不同：行数或 SHA-256 不符",
                                                "the rows above are not those that were dumped: their number or their SHA-256 differs"));
    return getc(restoring->in) == EOF || refused(restoring, language_pick("结尾之后还有内容", "something follows the end"));
}

/*
 * The campaigns' rosters are in no dump: they are packed from the memberships as they stood at each opening, to the same bytes as when it
 * was opened, and what was corrected since follows from the versions.
 */
static bool rosters_make(struct session *session)
{
    struct database_result *result = NULL;
    session_ask(session, "SELECT year, opens_ms FROM nianshen.campaign_term WHERE purge_until_ms IS NULL ORDER BY year");
    bool is_good = session_run(session, &result);
    for (size_t row = 0; is_good && row < result_rows(result); row++) {
        struct roster_blocks done;
        is_good = roster_blocks_make(session->database, (int32_t)result_int8(result, row, 0), result_int8(result, row, 1), &done,
                                     &session->fault);
    }
    result_free(result);
    session_ask(session, "SELECT nianshen_engine.roster_change_make()");
    return is_good && session_run_long(session, NULL);
}

static bool restore(struct restoring *restoring)
{
    struct session *session = restoring->session;
    if (!line_read(restoring) || !line_hash(restoring) || !reference_check_head(restoring->line, &session->fault)) return false;
    if (!reference_restore_begin(session->database, &session->fault)) return false;
    for (const struct reference_section *section = reference_sections; section->name != NULL; section++)
        if (!restore_section(restoring, section)) return false;
    return check_end(restoring) && reference_restore_end(session->database, &session->fault) && rosters_make(session) &&
           database_run_script(session->database, "COMMIT", &session->fault);
}

bool reference_restore_file(struct session *session, FILE *in, int64_t *rows)
{
    struct restoring restoring = {
        .session = session, .in = in, .hash = reference_hash_new(&session->fault), .line = malloc(LINE_BYTES_MAX)};
    if (restoring.line == NULL)
        fault_set(&session->fault, FAULT_RETRY, EX_OSERR, "memory-out", language_pick("内存不足", "out of memory for a line"));
    bool is_good = restoring.line != NULL && restoring.hash != NULL && restore(&restoring);
    *rows = restoring.rows;
    free(restoring.line);
    EVP_MD_CTX_free(restoring.hash);
    return is_good;
}

int reference_restore_run(const struct config *config)
{
    struct session session;
    int64_t rows;
    session_begin(&session, config);
    session.role = "nianshen_owner";
    if (isatty(STDIN_FILENO)) {
        fault_set(&session.fault, FAULT_REJECT, EX_USAGE, "usage",
                  language_pick("请从标准输入给出备份：nianshen-ops reference restore <FILE",
                                "give the dump on stdin: nianshen-ops reference restore <FILE"));
    } else if (session_open(&session) && reference_restore_file(&session, stdin, &rows)) {
        session_ask(&session, "SELECT nianshen.audit('reference-restore', NULL, NULL)");
        if (session_run(&session, NULL))
            fprintf(stderr,
                    language_pick("已恢复 %" PRId64 " 行；请启动工作进程：其余内容由它根据主题重新生成\n",
                                  "%" PRId64 " rows restored; start a worker: it makes the rest again from the topics\n"),
                    rows);
    }
    return session_close(&session);
}
