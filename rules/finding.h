/* What is wrong or doubtful about the rows of a submission: counted all, the first FINDINGS_MAX of each kind kept and written down. */
#ifndef NIANSHEN_RULES_FINDING_H
#define NIANSHEN_RULES_FINDING_H

#include "core/arena.h"
#include "core/event.h"
#include "core/id_key.h"

struct finding {
    int32_t chunk; /* 0: about the whole submission */
    int list; /* enum event_list; -1: about no entry */
    int32_t index;
    const char *code; /* static */
    struct id_key key; /* whose masked form is shown, unless `masked` is given */
    const char *masked;
    bool has_number; /* false: there is none to show */
    const char *member_no; /* NULL: not known */
    int position; /* 0: none */
    char expected; /* 0: none */
};

struct findings { /* of errors, or of warnings */
    struct finding *list;
    size_t count, room;
    int32_t total; /* also those that are not kept */
};

bool findings_add(struct findings *findings, struct arena *arena, const struct finding *finding);
/* As a JSON array. NULL: the arena is full. */
const char *findings_json(const struct findings *findings, struct arena *arena);

#endif
