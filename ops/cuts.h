/* Where each partition of the topics stands at a moment: what was appended before it, and what then or later. Asked of the broker. */
#ifndef NIANSHEN_OPS_CUTS_H
#define NIANSHEN_OPS_CUTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/kafka.h"
#include "ops/session.h"

struct cut {
    enum topic_kind topic;
    int32_t partition;
    int64_t first; /* that the broker holds */
    int64_t before; /* the first that was appended at the moment or later; the end when there is none */
    int64_t stable; /* cuts_find_uncommitted: the broker gives out only what stands before, since a transaction is open from there on */
};

struct cuts {
    struct cut *list; /* topic after topic in the order of the kinds, the input topics first */
    size_t count;
};

/* Of all partitions of the first `kinds` topics. The fault is the session's; free the cuts in either case. */
bool cuts_find(struct cuts *cuts, struct session *session, int kinds, int64_t moment_ms);
/* The same of the input topics, also of records in transactions that are open: their ends are the high watermarks. */
bool cuts_find_uncommitted(struct cuts *cuts, struct session *session, int64_t moment_ms);
/* Three parameters, arrays: the input topics' names, partitions and offsets. */
void cuts_add(const struct cuts *cuts, struct database_query *query);
/* The fourth one: where the broker holds records back. */
void cuts_add_stable(const struct cuts *cuts, struct database_query *query);
void cuts_free(struct cuts *cuts);

#endif
