/* Moving the rows of removed members to the archive until nothing is left. */
#ifndef NIANSHEN_OPS_SETTLE_H
#define NIANSHEN_OPS_SETTLE_H

#include <stdbool.h>

#include "ops/session.h"

/* In steps that a worker waits for no longer than a moment. False: the fault of the session is set; what was moved stays moved. */
bool settle_all(struct session *session);

#endif
