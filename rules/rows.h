/*
 * The rows of a submission: kept packed while chunks are missing, judged as a whole once the last one is there.
 * Pure; memory from the arena.
 */
#ifndef NIANSHEN_RULES_ROWS_H
#define NIANSHEN_RULES_ROWS_H

#include "rules/state.h"

/* One chunk's rows as bytes for the store, and back. NULL / false: the arena is full, or the bytes are not rows. */
const void *rows_pack(struct arena *arena, const struct event_rows *rows, size_t *size_bytes);
bool rows_unpack(struct arena *arena, const void *bytes, size_t size_bytes, struct event_rows *rows);

/*
 * Judges the rows of a complete submission against the roster as of the append time of the chunk that completed it, which `view` shows.
 * `chunks` holds all of them, number 1 first. Fills row_code, listed, passed, failed, errors_total, warnings_total, findings_json, failing
 * and failed_json. Near linear in the rows: in ascending order each is found right behind the one before, or by a binary search; of the
 * roster only as much is walked through as it takes to name the missing members. False: the arena is full.
 */
bool rows_judge(struct arena *arena, const struct reference *reference, struct roster_view *view, struct submission *submission,
                const struct event_rows *const *chunks);

#endif
