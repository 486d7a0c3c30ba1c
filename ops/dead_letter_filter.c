#include "ops/dead_letter_filter.h"

#include <string.h>
#include <sysexits.h>

#include "core/event.h"
#include "core/language.h"

/* An offset means nothing without its partition, nor a partition without its topic: half a place would choose what nobody meant. */
static bool check_place(struct session *session)
{
    enum topic_kind topic;
    bool has_topic = config_is_set(session->config, "topic"), has_partition = config_is_set(session->config, "partition");
    if (config_is_set(session->config, "offset") && !has_partition)
        return fault_set(&session->fault, FAULT_REJECT, EX_USAGE, "usage",
                         language_pick("--offset 须与 --topic、--partition 一起使用", "--offset needs --topic and --partition"));
    if (has_partition && !has_topic)
        return fault_set(&session->fault, FAULT_REJECT, EX_USAGE, "usage",
                         language_pick("--partition 须与 --topic 一起使用", "--partition needs --topic"));
    return !has_topic || session_input_topic(session, &topic);
}

bool dead_letter_filter_check(struct session *session)
{
    return session_check_name(session, "code", EVENT_NAME_BYTES_MAX) && session_check_name(session, "unit", EVENT_UNIT_BYTES_MAX) &&
           check_place(session);
}

void dead_letter_filter_add(struct session *session, const char *const *states)
{
    struct database_query *query = session->query;
    query_text(query, config_text(session->config, "code"));
    query_text(query, config_text(session->config, "unit"));
    query_text(query, config_text(session->config, "topic"));
    session_add_number(session, "partition");
    session_add_number(session, "offset");
    if (states == NULL) {
        query_null(query);
        return;
    }
    query_text_array(query);
    for (size_t i = 0; states[i] != NULL; i++) query_add_text(query, states[i], strlen(states[i]));
}
