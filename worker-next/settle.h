/* Moving removed members' rows to the archive, in bulk, while a lane has nothing else to do. */
#ifndef NIANSHEN_WORKER_SETTLE_H
#define NIANSHEN_WORKER_SETTLE_H

#include <stdbool.h>

#include "core/fault.h"

enum {
    SETTLE_QUIET_MS = 2000, /* nothing was applied for so long: probably nothing comes right now */
    SETTLE_AFTER_MS = 600000, /* also in traffic that never ends */
};

struct worker;
struct lane;

bool settle_ask(struct worker *worker, struct lane *lane);
void settle_done(struct worker *worker, struct lane *lane);
void settle_failed(struct worker *worker, struct lane *lane, const struct fault *fault);

#endif
