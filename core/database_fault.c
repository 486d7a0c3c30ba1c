#include "core/database_internal.h"
#include "core/language.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "core/text.h"

enum { SQLSTATE_CHARS = 5 };

/*
 * What a class of SQLSTATE means for us. The primary message is repeated only where PostgreSQL names objects and conditions in it:
 * the messages of class 22 quote values ("invalid input syntax for type integer: …"), which may be an ID number.
 */
struct state_rule {
    const char *prefix; /* of the SQLSTATE; the first rule that fits counts */
    enum fault_kind kind;
    int exit_status;
    bool is_message_safe;
    struct words remedy; /* NULL: the message says it, or there is none */
};

static const struct state_rule state_rules[] = {
    {"NS001", FAULT_REJECT, EX_TEMPFAIL, true, {NULL, NULL}}, /* fenced */
    {"NS002", FAULT_REJECT, EX_DATAERR, true, {NULL, NULL}}, /* a rule of ours refuses: message and hint are for the user */
    {"NS", FAULT_REJECT, EX_DATAERR, true, {NULL, NULL}},
    {"25006",
     FAULT_RETRY,
     EX_UNAVAILABLE,
     true,
     {"服务器是备库：请连接主库（target_session_attrs=read-write）",
      "the server is a standby: connect to the primary (target_session_attrs=read-write)"}},
    {"55P03", FAULT_RETRY, EX_TEMPFAIL, true, {"另一个会话占用着锁：请再试一次", "another session holds a lock: try again"}},
    {"08", FAULT_RETRY, EX_UNAVAILABLE, true, {NULL, NULL}},
    {"40", FAULT_RETRY, EX_TEMPFAIL, true, {NULL, NULL}},
    {"53", FAULT_RETRY, EX_UNAVAILABLE, true, {"请在服务器上释放磁盘、内存或连接", "free disk, memory or connections on the server"}},
    {"57", FAULT_RETRY, EX_UNAVAILABLE, true, {NULL, NULL}},
    {"58", FAULT_RETRY, EX_UNAVAILABLE, true, {"请查看服务器的日志", "see the server's log"}},
    {"22", FAULT_REJECT, EX_SOFTWARE, false, {NULL, NULL}},
    {"23", FAULT_REJECT, EX_SOFTWARE, false, {NULL, NULL}},
    {"54", FAULT_REJECT, EX_SOFTWARE, false, {NULL, NULL}},
    {"42501", FAULT_FATAL, EX_NOPERM, true, {"请以有此权限的角色连接（PGUSER）", "connect as a role that may do this (PGUSER)"}},
    {"28", FAULT_FATAL, EX_CONFIG, true, {"请核对 PGUSER 与 PGPASSWORD 或 ~/.pgpass", "check PGUSER and PGPASSWORD or ~/.pgpass"}},
    {"3D", FAULT_FATAL, EX_CONFIG, true, {"请核对 PGDATABASE", "check PGDATABASE"}},
    {"3F", FAULT_FATAL, EX_CONFIG, true, {"请运行 nianshen-ops migrate", "run nianshen-ops migrate"}},
    {"42", FAULT_FATAL, EX_SOFTWARE, true, {NULL, NULL}},
    {"P0", FAULT_FATAL, EX_SOFTWARE, true, {NULL, NULL}}, /* RAISE and ASSERT in our functions */
    {"", FAULT_FATAL, EX_SOFTWARE, false, {NULL, NULL}},
};

static const struct state_rule *state_rule_of(const char *sqlstate)
{
    const struct state_rule *rule = state_rules;
    while (strncmp(rule->prefix, sqlstate, strlen(rule->prefix)) != 0) rule++;
    return rule;
}

/* Our own RAISEs speak for themselves, in Chinese by their DETAIL, which of all others quotes rows and is never read; of all others the
 * SQLSTATE, and the constraint or the message where that is safe. */
static void complaint_describe(const struct state_rule *rule, const struct database_complaint *complaint, char *out, size_t out_bytes)
{
    bool is_ours = strncmp(rule->prefix, "NS", 2) == 0;
    bool has_chinese = is_ours && complaint->detail != NULL && language_is_chinese();
    const char *message = has_chinese ? complaint->detail : rule->is_message_safe ? complaint->primary : NULL;
    const char *remedy = has_chinese ? NULL : is_ours ? complaint->hint : language_words(rule->remedy);
    char what[FAULT_TEXT_BYTES_MAX / 2]; /* the other half is the remedy's */
    if (is_ours && message != NULL)
        snprintf(what, sizeof what, "%s", message);
    else if (complaint->constraint != NULL)
        snprintf(what, sizeof what, language_pick("PostgreSQL：SQLSTATE %s，约束 %s", "PostgreSQL: SQLSTATE %s, constraint %s"),
                 complaint->sqlstate, complaint->constraint);
    else if (message != NULL)
        snprintf(what, sizeof what, language_pick("PostgreSQL：SQLSTATE %s，%s", "PostgreSQL: SQLSTATE %s, %s"), complaint->sqlstate,
                 message);
    else
        snprintf(what, sizeof what, language_pick("PostgreSQL：SQLSTATE %s", "PostgreSQL: SQLSTATE %s"), complaint->sqlstate);
    snprintf(out, out_bytes, "%s%s%s", what, remedy != NULL ? language_pick("；", "; ") : "", remedy != NULL ? remedy : "");
}

bool database_fault_of(const struct database_complaint *complaint, struct fault *fault)
{
    const struct state_rule *rule = state_rule_of(complaint->sqlstate);
    char text[FAULT_TEXT_BYTES_MAX];
    char masked[FAULT_TEXT_BYTES_MAX];
    complaint_describe(rule, complaint, text, sizeof text);
    text_mask_digits(text, strlen(text), masked, sizeof masked);
    char code[FAULT_CODE_BYTES_MAX];
    snprintf(code, sizeof code, "sqlstate-%s", complaint->sqlstate);
    return fault_set(fault, rule->kind, rule->exit_status, code, "%s", masked);
}

/* Finds "FATAL:  28P01: …" in a message of verbosity "verbose": two blanks, five of [0-9A-Z], a colon. The severity may be translated. */
static bool message_find_state(const char *message, char sqlstate[SQLSTATE_CHARS + 1])
{
    for (const char *at = strstr(message, ":  "); at != NULL; at = strstr(at + 1, ":  ")) {
        const char *state = at + 3;
        size_t length = 0;
        while (length < SQLSTATE_CHARS && (isdigit((unsigned char)state[length]) || isupper((unsigned char)state[length]))) length++;
        if (length == SQLSTATE_CHARS && state[length] == ':') {
            memcpy(sqlstate, state, SQLSTATE_CHARS);
            sqlstate[SQLSTATE_CHARS] = '\0';
            return true;
        }
    }
    return false;
}

/* Libpq writes one of these before each attempt; a message without them is about parameters that allowed none. */
static bool message_is_of_attempt(const char *message)
{
    return strstr(message, "connection to server") != NULL || strstr(message, "could not translate host name") != NULL;
}

/* What follows libpq's `connection to server on socket "…" failed: `, since our text names the place already; it ends with the line. */
static const char *message_reason(const char *message)
{
    static const char mark[] = " failed: ";
    const char *at = strstr(message, mark);
    return at != NULL && at < message + strcspn(message, "\n") ? at + strlen(mark) : message;
}

bool database_fault_of_connection(const char *where, const char *message, bool needs_password, struct fault *fault)
{
    const char *reason = message_reason(message);
    int reason_length = (int)strcspn(reason, "\n");
    char sqlstate[SQLSTATE_CHARS + 1];
    if (message_find_state(message, sqlstate)) {
        bool is_setting = strncmp(sqlstate, "28", 2) == 0 || strncmp(sqlstate, "3D", 2) == 0 || strcmp(sqlstate, "42501") == 0;
        if (is_setting)
            return fault_set(
                fault, FAULT_FATAL, EX_CONFIG, "database-login",
                language_pick("%s 处的 PostgreSQL 拒绝连接：%.*s；请核对 PGUSER、PGPASSWORD（或 ~/.pgpass）与 PGDATABASE",
                              "PostgreSQL at %s refuses the connection: %.*s; check PGUSER, PGPASSWORD (or ~/.pgpass) and PGDATABASE"),
                where, reason_length, reason);
        return fault_set(fault, FAULT_RETRY, EX_UNAVAILABLE, "database-unavailable",
                         language_pick("%s 处的 PostgreSQL 目前不接受连接：%.*s；请等它就绪",
                                       "PostgreSQL at %s takes no connection now: %.*s; wait until it is ready"),
                         where, reason_length, reason);
    }
    if (needs_password)
        return fault_set(fault, FAULT_FATAL, EX_CONFIG, "database-login",
                         language_pick("%s 处的 PostgreSQL 要求密码，而没有给出；请设置 PGPASSWORD，或写入 ~/.pgpass",
                                       "PostgreSQL at %s asks for a password and none was given; set PGPASSWORD or write ~/.pgpass"),
                         where);
    if (!message_is_of_attempt(message))
        return fault_set(
            fault, FAULT_FATAL, EX_CONFIG, "database-setting",
            language_pick(
                "PostgreSQL 的连接设置无法使用：%.*s；请核对 PGHOST、PGPORT、PGSERVICE 等 PG* 变量",
                "the PostgreSQL connection settings can not be used: %.*s; check PGHOST, PGPORT, PGSERVICE and the other PG* variables"),
            reason_length, reason);
    return fault_set(fault, FAULT_RETRY, EX_UNAVAILABLE, "database-absent",
                     language_pick("%s 处没有 PostgreSQL 应答：%.*s；请启动它，或设置 PGHOST 与 PGPORT",
                                   "no PostgreSQL server answers at %s: %.*s; start it, or set PGHOST and PGPORT"),
                     where, reason_length, reason);
}
