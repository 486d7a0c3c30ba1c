#include "tests/unit/failing.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct {
    const char *functions;
    int at; /* 0: none */
    int calls;
    bool is_parsing;
} failing;

struct failing_end failing_end;

static bool is_one_of(const char *name, const char *names)
{
    size_t length = strlen(name);
    for (const char *at = names; (at = strstr(at, name)) != NULL; at += length)
        if ((at == names || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0')) return true;
    return false;
}

bool failing_now(const char *function)
{
    if (failing.at == 0 || (!is_one_of(function, failing.functions))) return false;
    return ++failing.calls == failing.at;
}

FAILING(void *, malloc, (size_t bytes), (bytes), NULL)
FAILING(void *, calloc, (size_t count, size_t bytes), (count, bytes), NULL)
FAILING(void *, realloc, (void *memory, size_t bytes), (memory, bytes), NULL)

/* For what Jansson makes outside of its parser, which can't do without memory (core/json_guard.c). */
static void *json_malloc(size_t bytes)
{
    return !failing.is_parsing && failing_now("json") ? NULL : real_malloc(bytes);
}

json_t *real_json_loadb(const char *text, size_t length, size_t flags, json_error_t *error) FAILING_REAL(json_loadb);
json_t *wrap_json_loadb(const char *text, size_t length, size_t flags, json_error_t *error) FAILING_WRAP(json_loadb);
json_t *wrap_json_loadb(const char *text, size_t length, size_t flags, json_error_t *error)
{
    if (failing.at > 0 && is_one_of("json", failing.functions)) json_set_alloc_funcs(json_malloc, free);
    failing.is_parsing = true;
    json_t *value = real_json_loadb(text, length, flags, error);
    failing.is_parsing = false;
    return value;
}

static _Noreturn void end_here(void)
{
    failing_end.is_awaited = false;
    longjmp(failing_end.back, 1);
}

_Noreturn void real_abort(void) FAILING_REAL(abort);
_Noreturn void wrap_abort(void) FAILING_WRAP(abort);
_Noreturn void wrap_abort(void)
{
    if (!failing_end.is_awaited) real_abort();
    end_here();
}

_Noreturn void real_exit(int status) FAILING_REAL(_exit);
_Noreturn void wrap_exit(int status) FAILING_WRAP(_exit);
_Noreturn void wrap_exit(int status)
{
    if (!failing_end.is_awaited) real_exit(status);
    failing_end.status = status;
    end_here();
}

void failing_start(const char *functions, int at)
{
    failing.functions = functions;
    failing.at = at;
    failing.calls = 0;
}

bool failing_stop(void)
{
    bool has_failed = failing.at > 0 && failing.calls >= failing.at;
    failing.at = 0;
    return has_failed;
}

int failing_each(const char *functions, bool (*run)(void *context, struct fault *fault), void *context)
{
    for (int at = 1;; at++) {
        struct fault fault = {0};
        failing_start(functions, at);
        bool is_good = run(context, &fault);
        bool has_failed = failing_stop();
        if (!is_good && fault.kind == FAULT_NONE) fail_msg("call %d failed, and no fault says so", at);
        if (is_good && fault.kind != FAULT_NONE) fail_msg("call %d: all went well, and a fault was set: %s", at, fault.text);
        if (!has_failed && !is_good) fail_msg("no call failed and yet: %s", fault.text);
        if (!has_failed) return at - 1;
    }
}

/* Of LeakSanitizer, where that is linked. */
void lsan_disable(void) __asm__("__lsan_disable") __attribute__((weak));
void lsan_enable(void) __asm__("__lsan_enable") __attribute__((weak));

void failing_leaks_count(bool is_counted)
{
    void (*tell)(void) = is_counted ? lsan_enable : lsan_disable;
    if (tell != NULL) tell();
}
