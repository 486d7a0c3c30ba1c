#include "ops/scratch.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "core/language.h"
#include "core/moment.h"
#include "ops/migrate.h"

enum { SCRIPT_BYTES_MAX = 256, DROP_TRIES = 3 };

static const char prepare_script[] = "SET synchronous_commit = off; SET statement_timeout = 0; SET ROLE nianshen_owner";

/* "VERB DATABASE name REST": the name is of our own making and needs no quotes. */
static bool database_statement(struct scratch *scratch, const char *verb, const char *name, const char *rest, struct fault *fault)
{
    char script[SCRIPT_BYTES_MAX];
    (void)snprintf(script, sizeof script, "%s DATABASE %s %s", verb, name, rest);
    return database_run_script(scratch->keeper, script, fault);
}

static bool scratch_create(struct scratch *scratch, struct fault *fault)
{
    char name[SCRATCH_NAME_BYTES];
    (void)snprintf(name, sizeof name, "nianshen_scratch_%ld_%" PRId64, (long)getpid(), moment_now_ms());
    scratch->keeper = database_open("nianshen-ops", SESSION_CONNECT_TIMEOUT_MS, fault);
    if (scratch->keeper == NULL ||
        !database_statement(scratch, "CREATE", name, "TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'", fault))
        return false;
    memcpy(scratch->name, name, sizeof name);
    return true;
}

static bool scratch_prepare(struct scratch *scratch)
{
    struct session *session = &scratch->session;
    session->query = query_new();
    if (session->query == NULL)
        return fault_set(&session->fault, FAULT_RETRY, EX_OSERR, "memory-out", language_pick("内存不足", "out of memory"));
    session->database = database_open_other("nianshen-ops", scratch->name, SESSION_CONNECT_TIMEOUT_MS, &session->fault);
    return session->database != NULL && migrate_database(session) &&
           database_run_script(session->database, prepare_script, &session->fault);
}

bool scratch_open(struct scratch *scratch, const struct config *config, struct fault *fault)
{
    *scratch = (struct scratch){.name = ""};
    session_begin(&scratch->session, config);
    if (!scratch_create(scratch, fault)) return false;
    if (scratch_prepare(scratch)) return true;
    const struct fault *cause = &scratch->session.fault;
    return fault_set(fault, cause->kind, cause->exit_status, cause->code, language_pick("临时数据库 %s：%s", "the scratch database %s: %s"),
                     scratch->name, cause->text);
}

/*
 * Not WITH (FORCE): that wants a superuser where autovacuum is at work in the database. Without it the server sends autovacuum away, and
 * waits five seconds for our own session to have left.
 */
static bool scratch_drop(struct scratch *scratch, struct fault *fault)
{
    for (int tries = 1; tries < DROP_TRIES; tries++) {
        struct fault attempt = {0};
        if (database_statement(scratch, "DROP", scratch->name, "", &attempt)) return true;
    }
    return database_statement(scratch, "DROP", scratch->name, "", fault);
}

void scratch_close(struct scratch *scratch)
{
    struct fault fault = {0};
    database_close(scratch->session.database);
    query_free(scratch->session.query);
    if (scratch->name[0] != '\0' && !scratch_drop(scratch, &fault))
        fprintf(stderr,
                language_pick("临时数据库 %s 未能删除（%s）；请手工删除：dropdb %s\n",
                              "the scratch database %s is left over (%s); drop it: dropdb %s\n"),
                scratch->name, fault.text, scratch->name);
    database_close(scratch->keeper);
    *scratch = (struct scratch){.name = ""};
}
