/*
 * The failure reasons that a file may give, each as its code (what is sent) and its Chinese name. They come from the setting
 * `reasons`, because a reason is a row of a reference table in the database and a new one must not need a new program. Pure.
 */
#ifndef NIANSHEN_PRODUCER_REASONS_H
#define NIANSHEN_PRODUCER_REASONS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/fault.h"

enum {
    REASONS_MAX = 32,
    REASON_CODE_BYTES_MAX = 64,
    REASON_NAME_BYTES_MAX = 64,
    REASON_NONE = -1,
};

/* A code may stand more than once: its first name is the one that is shown, the others are only understood. */
#define REASONS_DEFAULT                                                                                                                    \
    "retired=退休,left=离职,deceased=死亡,retired=已退休,left=已离职,left=辞职,deceased=已死亡,deceased=去世,deceased=已故,deceased=病故"

struct reasons {
    size_t count;
    struct {
        char code[REASON_CODE_BYTES_MAX + 1];
        char name[REASON_NAME_BYTES_MAX + 1];
    } list[REASONS_MAX];
};

/* Reads "code=name,code=name". False, EX_CONFIG: the setting is not of that form. */
bool reasons_read(struct reasons *reasons, const char *setting, struct fault *fault);

/* The index of the reason whose code (in any case) or name this is, the first one of its code; REASON_NONE when there is none. */
int reasons_find(const struct reasons *reasons, const char *text, size_t length);

#endif
