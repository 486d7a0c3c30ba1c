/* What the broker holds of a partition, asked for many of them: behind a broker that does not answer each would cost another time-out. */
#ifndef NIANSHEN_OPS_BOUNDS_H
#define NIANSHEN_OPS_BOUNDS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/kafka.h"
#include "ops/session.h"

struct bounds {
    struct kafka_reader *reader; /* NULL: the broker was not reached, or bounds_open was not called */
    const char *bootstrap;
};

bool bounds_open(struct bounds *bounds, struct session *session);
void bounds_close(struct bounds *bounds);
/* First and next offset of the input topic named `topic`. False when the broker does not tell: said on stderr once, then never asked again.
 */
bool bounds_ask(struct bounds *bounds, const char *topic, int32_t partition, int64_t *first, int64_t *end);

#endif
