/*
 * Makes calls of the tested code fail that hardly ever do: the n-th call of a run. A test that tries n = 1, 2, … until a run has fewer
 * calls than that leaves no way out untried.
 *
 * What is defined by FAILING here, in failing.c, play.h or a test itself, at the beginning of a line, stands between the tested code and
 * the library's function of that name: the Makefile links each unit test with ld's --wrap for those names. Calls within a shared library
 * are not seen, but for Jansson's allocations outside of its parser.
 */
#ifndef NIANSHEN_TESTS_UNIT_FAILING_H
#define NIANSHEN_TESTS_UNIT_FAILING_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/fault.h"

/* From now on the `at`-th call of those `functions` fails (names separated by blanks). */
void failing_start(const char *functions, int at);
/* Ends that; true when there were so many calls, and so one failed. */
bool failing_stop(void);
/* For FAILING: true when it is this call that must fail. */
bool failing_now(const char *function);

/*
 * Calls `run` with the first, the second … call of those functions failing, until all went well. `run` returns false with a fault set, or
 * true when it did without what failed; it cleans up behind itself. Returns how many calls there were to fail.
 */
int failing_each(const char *functions, bool (*run)(void *context, struct fault *fault), void *context);

/* The allocations that the tested code makes itself. */
#define FAILING_MEMORY "malloc calloc realloc json"

/* abort() and _exit() come back here instead when that is awaited: `if (setjmp(failing_end.back) == 0) …`. */
extern struct failing_end {
    jmp_buf back;
    bool is_awaited;
    int status; /* of _exit */
} failing_end;

/* Whether what is allocated from now on and lost is a leak: not what a jump leaves behind, or the end of the process is to free. */
void failing_leaks_count(bool is_counted);

/* The names that ld's --wrap gives to the library's function and to what stands before it. */
#define FAILING_REAL(name) __asm__("__real_" #name)
#define FAILING_WRAP(name) __asm__("__wrap_" #name)

/* For a test's own fakes, which must not fail with what they stand for. */
void *real_calloc(size_t count, size_t bytes) FAILING_REAL(calloc);
void *real_realloc(void *memory, size_t bytes) FAILING_REAL(realloc);

/* FAKED is the same for what a test answers itself whenever `is_faked`. */
#define FAKED(type, name, is_faked, parameters, arguments, answer)                                                                         \
    type real_##name parameters FAILING_REAL(name);                                                                                        \
    type wrap_##name parameters FAILING_WRAP(name);                                                                                        \
    type wrap_##name parameters                                                                                                            \
    {                                                                                                                                      \
        return (is_faked) ? (answer) : real_##name arguments;                                                                              \
    }

#define FAILING(type, name, parameters, arguments, failure) FAKED(type, name, failing_now(#name), parameters, arguments, failure)

#endif
