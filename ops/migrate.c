/*
 * nianshen-ops migrate: the files of sql/, embedded in the program, in one transaction. Migrations run once each, by number; functions, the
 * table of codes and the grants run every time, so that the database always has those of this build.
 */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "core/language.h"
#include "core/moment.h"
#include "core/sql_embedded.h"
#include "ops/commands.h"
#include "ops/migrate.h"
#include "schema_version.h"

enum {
    SHA256_BYTES = 32,
    SHA256_HEX_BYTES = 2 * SHA256_BYTES + 1,
};

/*
 * One migrate at a time; a worker's long transaction must not have everybody else wait behind ours. The bodies of functions are checked
 * with the search path that they run with.
 */
static const char begin_script[] = "BEGIN; SET LOCAL lock_timeout = '10s'; SET LOCAL client_min_messages = warning; "
                                   "SET LOCAL search_path = nianshen, pg_temp; "
                                   "SELECT pg_advisory_xact_lock(7310579340)";

static bool sha256_hex(const char *text, char out[SHA256_HEX_BYTES])
{
    unsigned char digest[SHA256_BYTES];
    if (EVP_Digest(text, strlen(text), digest, NULL, EVP_sha256(), NULL) != 1) return false;
    for (size_t i = 0; i < SHA256_BYTES; i++) (void)snprintf(out + 2 * i, 3, "%02x", digest[i]);
    return true;
}

static const struct sql_file *migration_of_number(int number)
{
    for (const struct sql_file *file = sql_files; file->name != NULL; file++)
        if (file->is_migration && file->number == number) return file;
    return NULL;
}

/* What the database has must be what this build has: otherwise it belongs to another release, or a migration was changed after it ran. */
static bool check_known(struct session *session, const struct database_result *known)
{
    for (size_t row = 0; row < result_rows(known); row++) {
        int number = (int)result_int8(known, row, 0);
        const struct sql_file *file = migration_of_number(number);
        char sha256[SHA256_HEX_BYTES] = "";
        if (file == NULL)
            return fault_set(
                &session->fault, FAULT_FATAL, EX_CONFIG, "schema-newer",
                language_pick(
                    "数据库中有迁移 %d（%s），本版本不认识；请使用创建它的版本的 nianshen-ops",
                    "the database has migration %d (%s), which this build does not know; use nianshen-ops of the release that made it"),
                number, result_text(known, row, 1));
        if (!sha256_hex(file->text, sha256) || strcmp(sha256, result_text(known, row, 2)) != 0)
            return fault_set(
                &session->fault, FAULT_FATAL, EX_CONFIG, "schema-differs",
                language_pick(
                    "迁移 %d（%s）与数据库中已执行的不同；请使用当时那个版本的 nianshen-ops",
                    "migration %d (%s) differs from the one that was applied to the database; use nianshen-ops of the release that "
                    "made it"),
                number, file->name);
    }
    return true;
}

static bool is_known(const struct database_result *known, int number)
{
    for (size_t row = 0; known != NULL && row < result_rows(known); row++)
        if (result_int8(known, row, 0) == number) return true;
    return false;
}

/* The migrations that the database has had; NULL when it has none of our tables yet. */
static bool read_known(struct session *session, struct database_result **known)
{
    struct database_result *result = NULL;
    session_ask(session, "SELECT to_regclass('nianshen.schema_migration') IS NOT NULL");
    if (!session_run(session, &result)) return false;
    bool is_there = result_bool(result, 0, 0);
    result_free(result);
    if (!is_there) return true;
    session_ask(session, "SELECT number, name, sha256 FROM nianshen.schema_migration ORDER BY number");
    return session_run(session, known) && check_known(session, *known);
}

static bool run_file(struct session *session, const struct sql_file *file)
{
    struct fault fault = {0};
    if (database_run_script(session->database, file->text, &fault)) return true;
    return fault_set(&session->fault, fault.kind, fault.exit_status, fault.code,
                     language_pick("%s：%s；没有改动任何内容", "%s: %s; nothing was changed"), file->name, fault.text);
}

static bool apply_migration(struct session *session, const struct sql_file *file)
{
    char sha256[SHA256_HEX_BYTES];
    if (!sha256_hex(file->text, sha256))
        return fault_set(&session->fault, FAULT_FATAL, EX_SOFTWARE, "sha256",
                         language_pick("libcrypto 不支持 SHA-256", "libcrypto has no SHA-256"));
    if (!run_file(session, file)) return false;
    struct database_query *query = session_ask(session, "INSERT INTO nianshen.schema_migration (number, name, sha256, applied_ms) "
                                                        "VALUES ($1, $2, $3, $4)");
    query_int4(query, file->number);
    query_text(query, file->name);
    query_text(query, sha256);
    query_int8(query, moment_now_ms());
    return session_run(session, NULL);
}

static bool apply_files(struct session *session, const struct database_result *known, int *applied)
{
    for (const struct sql_file *file = sql_files; file->name != NULL; file++) {
        if (file->is_migration && is_known(known, file->number)) continue;
        if (!(file->is_migration ? apply_migration(session, file) : run_file(session, file))) return false;
        *applied += file->is_migration ? 1 : 0;
    }
    return true;
}

/* The version the database had before, or "" for none; then that of this build. */
static bool exchange_version(struct session *session, char *before, size_t before_bytes)
{
    struct database_result *result = NULL;
    session_ask(session, "SELECT nianshen.schema_version()");
    if (!session_run(session, &result)) return false;
    bool is_there = result_rows(result) > 0 && !result_is_null(result, 0, 0);
    (void)snprintf(before, before_bytes, "%s", is_there ? result_text(result, 0, 0) : "");
    result_free(result);
    query_text(session_ask(session, "SELECT nianshen.schema_version_set($1)"), NIANSHEN_SCHEMA_VERSION);
    return session_run(session, NULL);
}

static void report(const struct database_result *known, int applied, const char *before)
{
    for (const struct sql_file *file = sql_files; file->name != NULL; file++)
        if (file->is_migration && !is_known(known, file->number)) printf(language_pick("已执行 %s\n", "applied %s\n"), file->name);
    if (applied == 0 && strcmp(before, NIANSHEN_SCHEMA_VERSION) == 0)
        printf(language_pick("已是最新：版本 %s\n", "up to date: version %s\n"), NIANSHEN_SCHEMA_VERSION);
    else
        printf(language_pick("表结构版本为 %s；函数、代码表与权限均为本版本的\n",
                             "schema version %s, functions, codes and grants are those of this build\n"),
               NIANSHEN_SCHEMA_VERSION);
}

static bool migrate(struct session *session, bool is_quiet)
{
    struct database_result *known = NULL;
    char before[64] = "";
    int applied = 0;
    bool is_done = database_run_script(session->database, begin_script, &session->fault) && read_known(session, &known) &&
                   apply_files(session, known, &applied) && exchange_version(session, before, sizeof before) &&
                   database_run_script(session->database, "COMMIT", &session->fault);
    if (is_done && !is_quiet) report(known, applied, before);
    result_free(known);
    return is_done;
}

bool migrate_database(struct session *session)
{
    return migrate(session, true);
}

int migrate_run(const struct config *config)
{
    struct session session;
    session_begin(&session, config);
    session.role = language_pick("超级用户（首次），以后为 nianshen_owner", "of a superuser the first time, later nianshen_owner");
    if (session_connect(&session)) migrate(&session, false);
    return session_close(&session);
}
