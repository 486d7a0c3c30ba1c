/* Whether a partition stands still although there is something to read. Pure. */
#ifndef NIANSHEN_OPS_STALL_H
#define NIANSHEN_OPS_STALL_H

#include <stdbool.h>
#include <stdint.h>

enum { STALL_STILL_MS = 10000 }; /* a micro-batch takes a few seconds at most */

struct stall_look { /* of one partition */
    int64_t next_offset; /* that the database waits for */
    int64_t end_offset; /* the high watermark; negative: the broker does not tell */
    int64_t stable_offset; /* up to here it gives records out; negative: it does not tell */
    int64_t still_ms; /* since it moved or was claimed; negative: neither ever happened */
    bool is_halted;
};

/* Worth a second look: what was appended a moment ago has a right to wait. */
bool stall_is_suspect(const struct stall_look *look);
/* Still so at the second look, at the same offset. */
bool stall_is_sure(const struct stall_look *before, const struct stall_look *after);
/* An upstream's transaction is what it waits for. */
bool stall_is_of_transaction(const struct stall_look *look);

#endif
