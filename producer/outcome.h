/* An outcome of the worker told to a clerk: what was decided, the counts, and every bad entry with the row of the file it came from. */
#ifndef NIANSHEN_PRODUCER_OUTCOME_H
#define NIANSHEN_PRODUCER_OUTCOME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/event.h"

enum { OUTCOME_ROWS_MAX = 100 }; /* told; the others are counted */

/* Where an entry of the submission stands in its file; 0 when it does not. */
struct outcome_rows {
    int64_t (*row)(const void *context, int64_t chunk, enum event_list list, int64_t index);
    /* Told of every error that has a row, also of those that are not printed. */
    void (*error)(const void *context, int64_t row, const char *code, int position, char expected);
    const void *context;
};

struct outcome;

/* NULL: not an outcome that this release knows, or not JSON. Caller owns it. */
struct outcome *outcome_new(const char *type, size_t type_bytes, const char *json, size_t json_bytes);
void outcome_free(struct outcome *outcome);

int64_t outcome_year(const struct outcome *outcome);
/* False for `waiting`, which only says why the judgement takes time. */
bool outcome_is_final(const struct outcome *outcome);
/* EX_OK, or EX_DATAERR when the event was refused. */
int outcome_exit_status(const struct outcome *outcome);

/* `rows` NULL: the event came from no file. */
void outcome_print(const struct outcome *outcome, const struct outcome_rows *rows, FILE *out);

#endif
