/* What the broker holds of the partitions of a table. */
#ifndef NIANSHEN_OPS_BOUNDS_H
#define NIANSHEN_OPS_BOUNDS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/kafka.h"
#include "ops/session.h"

struct bounds {
    struct kafka_bounds *list;
    size_t count;
};

/*
 * Asks for those of all rows, whose first columns are topic and partition. What the broker does not tell is said once on stderr, and is no
 * failure. False, with the session's fault, when memory or the configuration forbids asking; bounds_free either way.
 */
bool bounds_ask(struct bounds *bounds, struct session *session, const struct database_result *rows);
/* The same with the high watermarks for ends, also behind a transaction that is open. */
bool bounds_ask_uncommitted(struct bounds *bounds, struct session *session, const struct database_result *rows);
/* Of that row; NULL when the broker does not tell. */
const struct kafka_bounds *bounds_of(const struct bounds *bounds, const struct database_result *rows, size_t row);
void bounds_free(struct bounds *bounds);

#endif
