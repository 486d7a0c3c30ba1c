#include "core/database_internal.h"

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
    const char *remedy; /* NULL: the message says it, or there is none */
};

static const struct state_rule state_rules[] = {
    {"NS001", FAULT_REJECT, EX_TEMPFAIL, true, NULL}, /* fenced */
    {"NS002", FAULT_REJECT, EX_DATAERR, true, NULL}, /* a rule of ours refuses: message and hint are for the user */
    {"NS", FAULT_REJECT, EX_DATAERR, true, NULL},
    {"25006", FAULT_RETRY, EX_UNAVAILABLE, true, "the server is a standby: connect to the primary (target_session_attrs=read-write)"},
    {"55P03", FAULT_RETRY, EX_TEMPFAIL, true, "another session holds a lock: try again"},
    {"08", FAULT_RETRY, EX_UNAVAILABLE, true, NULL},
    {"40", FAULT_RETRY, EX_TEMPFAIL, true, NULL},
    {"53", FAULT_RETRY, EX_UNAVAILABLE, true, "free disk, memory or connections on the server"},
    {"57", FAULT_RETRY, EX_UNAVAILABLE, true, NULL},
    {"58", FAULT_RETRY, EX_UNAVAILABLE, true, "see the server's log"},
    {"22", FAULT_REJECT, EX_SOFTWARE, false, NULL},
    {"23", FAULT_REJECT, EX_SOFTWARE, false, NULL},
    {"54", FAULT_REJECT, EX_SOFTWARE, false, NULL},
    {"42501", FAULT_FATAL, EX_NOPERM, true, "connect as a role that may do this (PGUSER)"},
    {"28", FAULT_FATAL, EX_CONFIG, true, "check PGUSER and PGPASSWORD or ~/.pgpass"},
    {"3D", FAULT_FATAL, EX_CONFIG, true, "check PGDATABASE"},
    {"3F", FAULT_FATAL, EX_CONFIG, true, "run nianshen-ops migrate"},
    {"42", FAULT_FATAL, EX_SOFTWARE, true, NULL},
    {"P0", FAULT_FATAL, EX_SOFTWARE, true, NULL}, /* RAISE and ASSERT in our functions */
    {"", FAULT_FATAL, EX_SOFTWARE, false, NULL},
};

static const struct state_rule *state_rule_of(const char *sqlstate)
{
    const struct state_rule *rule = state_rules;
    while (strncmp(rule->prefix, sqlstate, strlen(rule->prefix)) != 0) rule++;
    return rule;
}

/* Our own RAISEs speak for themselves; of all others the SQLSTATE, and the constraint or the message where that is safe. */
static void complaint_describe(const struct state_rule *rule, const struct database_complaint *complaint, char *out, size_t out_bytes)
{
    bool is_ours = strncmp(rule->prefix, "NS", 2) == 0;
    const char *message = rule->is_message_safe ? complaint->primary : NULL;
    const char *remedy = is_ours ? complaint->hint : rule->remedy;
    char what[FAULT_TEXT_BYTES_MAX / 2]; /* the other half is the remedy's */
    if (is_ours && message != NULL)
        snprintf(what, sizeof what, "%s", message);
    else if (complaint->constraint != NULL)
        snprintf(what, sizeof what, "PostgreSQL: SQLSTATE %s, constraint %s", complaint->sqlstate, complaint->constraint);
    else if (message != NULL)
        snprintf(what, sizeof what, "PostgreSQL: SQLSTATE %s, %s", complaint->sqlstate, message);
    else
        snprintf(what, sizeof what, "PostgreSQL: SQLSTATE %s", complaint->sqlstate);
    snprintf(out, out_bytes, "%s%s%s", what, remedy != NULL ? "; " : "", remedy != NULL ? remedy : "");
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
            return fault_set(fault, FAULT_FATAL, EX_CONFIG, "database-login",
                             "PostgreSQL at %s refuses the connection: %.*s; check PGUSER, PGPASSWORD (or ~/.pgpass) and PGDATABASE", where,
                             reason_length, reason);
        return fault_set(fault, FAULT_RETRY, EX_UNAVAILABLE, "database-unavailable",
                         "PostgreSQL at %s takes no connection now: %.*s; wait until it is ready", where, reason_length, reason);
    }
    if (needs_password)
        return fault_set(fault, FAULT_FATAL, EX_CONFIG, "database-login",
                         "PostgreSQL at %s asks for a password and none was given; set PGPASSWORD or write ~/.pgpass", where);
    if (!message_is_of_attempt(message))
        return fault_set(
            fault, FAULT_FATAL, EX_CONFIG, "database-setting",
            "the PostgreSQL connection settings can not be used: %.*s; check PGHOST, PGPORT, PGSERVICE and the other PG* variables",
            reason_length, reason);
    return fault_set(fault, FAULT_RETRY, EX_UNAVAILABLE, "database-absent",
                     "no PostgreSQL server answers at %s: %.*s; start it, or set PGHOST and PGPORT", where, reason_length, reason);
}
