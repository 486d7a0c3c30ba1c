#include "core/topics.h"

#include <string.h>

static const char *const kind_names[TOPIC_KINDS] = {"unit-review", "member-review", "approval", "outcome", "dead-letter"};

/*
 * Nothing is ever deleted by age or size: a replay reads from the first record. The inputs carry the broker's clock, the one clock that a
 * replay sees again, and are stored uncompressed, so that a record which unpacks to more than the limit is refused by the broker and not
 * by the memory of a worker. What the worker writes may be twice as large as what it reads: a dead letter is its record and some headers.
 */
static const struct topic_setting input_settings[] = {
    {"cleanup.policy", "delete"},
    {"retention.ms", "-1"},
    {"retention.bytes", "-1"},
    {"message.timestamp.type", "LogAppendTime"},
    {"compression.type", "uncompressed"},
    {"max.message.bytes", "1048576"},
    {NULL, NULL},
};

static const struct topic_setting output_settings[] = {
    {"cleanup.policy", "delete"}, {"retention.ms", "-1"}, {"retention.bytes", "-1"}, {"max.message.bytes", "2097152"}, {NULL, NULL},
};

const char *topic_kind_name(enum topic_kind kind)
{
    return kind_names[kind];
}

bool topic_kind_of_name(const char *name, enum topic_kind *kind)
{
    for (int i = 0; i < TOPIC_KINDS; i++) {
        if (strcmp(name, kind_names[i]) != 0) continue;
        *kind = (enum topic_kind)i;
        return true;
    }
    return false;
}

const struct topic_setting *topic_settings(enum topic_kind kind)
{
    return (int)kind < TOPIC_INPUTS ? input_settings : output_settings;
}
