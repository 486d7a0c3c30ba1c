#include "producer/reasons.h"

#include <string.h>
#include <strings.h>
#include <sysexits.h>

#include "core/language.h"

static bool reasons_add(struct reasons *reasons, const char *pair, size_t length)
{
    const char *equals = memchr(pair, '=', length);
    if (equals == NULL || reasons->count == REASONS_MAX) return false;
    size_t code_bytes = (size_t)(equals - pair), name_bytes = length - code_bytes - 1;
    if (code_bytes == 0 || code_bytes > REASON_CODE_BYTES_MAX || name_bytes == 0 || name_bytes > REASON_NAME_BYTES_MAX) return false;
    memcpy(reasons->list[reasons->count].code, pair, code_bytes);
    memcpy(reasons->list[reasons->count].name, equals + 1, name_bytes);
    reasons->count++;
    return true;
}

bool reasons_read(struct reasons *reasons, const char *setting, struct fault *fault)
{
    memset(reasons, 0, sizeof *reasons);
    for (const char *at = setting;; at++) {
        size_t length = strcspn(at, ",");
        if (!reasons_add(reasons, at, length))
            return fault_set(
                fault, FAULT_FATAL, EX_CONFIG, "bad-reasons",
                language_pick("设置 reasons 须为“代码=名称”，以逗号分隔，至多 %d 对，例如 %s；现为“%s”",
                              "the setting reasons must be code=name pairs with commas between them, at most %d, e.g. %s; found \"%s\""),
                REASONS_MAX, REASONS_DEFAULT, setting);
        at += length;
        if (*at == '\0') return true;
    }
}

static int reasons_find_code(const struct reasons *reasons, const char *code, size_t length)
{
    for (size_t i = 0; i < reasons->count; i++)
        if (strlen(reasons->list[i].code) == length && strncasecmp(reasons->list[i].code, code, length) == 0) return (int)i;
    return REASON_NONE;
}

int reasons_find(const struct reasons *reasons, const char *text, size_t length)
{
    for (size_t i = 0; i < reasons->count; i++) {
        const char *code = reasons->list[i].code, *name = reasons->list[i].name;
        if (strlen(name) == length && memcmp(name, text, length) == 0) return reasons_find_code(reasons, code, strlen(code));
    }
    return reasons_find_code(reasons, text, length);
}
