/* What the files core/kafka*.c share; the only includer of rdkafka.h. Nobody else includes this header. */
#ifndef NIANSHEN_CORE_KAFKA_INTERNAL_H
#define NIANSHEN_CORE_KAFKA_INTERNAL_H

#include <librdkafka/rdkafka.h>

#include "core/kafka.h"

/* ---- names ---- */

struct kafka_names { /* the topics as the broker knows them: prefix and kind */
    char full[TOPIC_KINDS][TOPIC_NAME_BYTES_MAX];
};

bool kafka_names_fill(struct kafka_names *names, const struct config *config, struct fault *fault);
bool kafka_names_find(const struct kafka_names *names, const char *full, enum topic_kind *kind);

/* ---- a client of librdkafka ---- */

struct kafka_property {
    const char *name; /* NULL ends a list */
    const char *value;
    bool is_fixed; /* correctness hangs on it: the configuration can't override it */
};

/*
 * What the callbacks of one client noted; the polling functions report it. The callbacks run inside the owner's polls (the log, too, goes
 * through the main queue), so nothing here is shared between threads.
 */
struct kafka_notes {
    struct fault outage; /* FAULT_NONE: nothing to report */
};

struct kafka_setup {
    rd_kafka_type_t type;
    const struct kafka_property *properties;
    void (*add_callbacks)(rd_kafka_conf_t *conf); /* may be NULL */
    void *opaque; /* of all callbacks; must begin with a struct kafka_notes */
};

/* A client set up by our properties and the configuration's kafka.*; NULL with FAULT_FATAL, EX_CONFIG when a property is refused. */
rd_kafka_t *kafka_client_new(const struct config *config, const struct kafka_setup *setup, struct fault *fault);

/* An error of librdkafka or the broker as a fault: an outage, a refusal or a wrong configuration. `what` begins the text. */
bool kafka_fault(struct fault *fault, rd_kafka_resp_err_t error, const char *what);

/* ---- waking up ---- */

/* A file descriptor that becomes readable when something is put into the empty `queue`; -1 when there are none left. */
int kafka_wake_new(rd_kafka_queue_t *queue, struct fault *fault);
void kafka_wake_clear(int wake_fd);

/* ---- messages ---- */

/* Takes the message over, and says what it means for who reads. */
void kafka_message_take(const struct kafka_names *names, rd_kafka_message_t *message, struct kafka_happening *out);

#endif
