/*
 * What went wrong, in a form a caller can act on.
 *
 * A function that can fail returns bool and fills a caller-owned struct fault. The first fault is kept: setting an
 * already set fault does nothing, so the root cause is never overwritten on the way up.
 */
#ifndef NIANSHEN_CORE_FAULT_H
#define NIANSHEN_CORE_FAULT_H

#include <stdbool.h>

enum fault_kind {
    FAULT_NONE = 0,
    FAULT_RETRY, /* an outage: wait and try again; never a dead letter */
    FAULT_REJECT, /* the input is refused: tell its author */
    FAULT_FATAL, /* wrong configuration, or a bug of ours: stop */
};

enum {
    FAULT_CODE_BYTES_MAX = 48,
    FAULT_TEXT_BYTES_MAX = 1024,
};

struct fault {
    enum fault_kind kind;
    int exit_status; /* sysexits.h value a program ends with when this fault reaches its main */
    char code[FAULT_CODE_BYTES_MAX]; /* stable, in kebab-case; for rejections a code of schemas/codes.tsv */
    char text[FAULT_TEXT_BYTES_MAX]; /* what, where and the remedy; ID numbers already masked */
};

/* Fills `fault` unless it is set already. Always returns false, so that callers can `return fault_set(…)`. */
bool fault_set(struct fault *fault, enum fault_kind kind, int exit_status, const char *code, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

void fault_clear(struct fault *fault);

#endif
