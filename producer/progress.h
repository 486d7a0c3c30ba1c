/*
 * A progress bar on stderr, for work of more than about a second on a terminal; silent everywhere else. Cheap enough to be
 * told of every step.
 */
#ifndef NIANSHEN_PRODUCER_PROGRESS_H
#define NIANSHEN_PRODUCER_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    const char *label; /* borrowed, static */
    uint64_t total;
    int64_t drawn_ms; /* when to count from: the start, then the last drawing */
    bool is_terminal, is_drawn;
};

/* `total` 0: unknown, nothing is drawn. */
void progress_start(struct progress *progress, const char *label, uint64_t total);
void progress_show(struct progress *progress, uint64_t done);
/* Wipes the bar. */
void progress_end(struct progress *progress);

#endif
