#include "core/fault.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/text.h"

bool fault_set(struct fault *fault, enum fault_kind kind, int exit_status, const char *code, const char *format, ...)
{
    if (fault->kind != FAULT_NONE) return false;
    fault->kind = kind;
    fault->exit_status = exit_status;
    (void)snprintf(fault->code, sizeof fault->code, "%s", code);

    char text[2 * FAULT_TEXT_BYTES_MAX]; /* longer than what is kept, so that a number cut in two can't slip past the mask */
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    /* Texts end in logs, topics and tables: mask here once more, and never leave half a character behind. */
    text_mask_digits(text, strlen(text), fault->text, sizeof fault->text);
    return false;
}

void fault_clear(struct fault *fault)
{
    memset(fault, 0, sizeof *fault);
}
