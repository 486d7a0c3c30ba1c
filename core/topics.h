/* The five topics: their names, who may write what, and the settings the contract asks of each (README "Topics"). Pure. */
#ifndef NIANSHEN_CORE_TOPICS_H
#define NIANSHEN_CORE_TOPICS_H

#include <stdbool.h>
#include <stddef.h>

enum topic_kind { TOPIC_UNIT_REVIEW, TOPIC_MEMBER_REVIEW, TOPIC_APPROVAL, TOPIC_OUTCOME, TOPIC_DEAD_LETTER };
enum { TOPIC_KINDS = 5, TOPIC_INPUTS = 3, TOPIC_NAME_BYTES_MAX = 250 };

/* "unit-review", "member-review", "approval", "outcome", "dead-letter": the name after the prefix, as stored in the database. */
const char *topic_kind_name(enum topic_kind kind);
bool topic_kind_of_name(const char *name, enum topic_kind *kind);

struct topic_setting {
    const char *name; /* a topic-level configuration of Apache Kafka; NULL ends the list */
    const char *value;
};

/* The settings a topic must have, as Kafka names them. Static. */
const struct topic_setting *topic_settings(enum topic_kind kind);

#endif
