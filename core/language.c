#include "core/language.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

bool language_is_chinese(void)
{
    static const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = getenv(names[i]);
        if (value != NULL && value[0] != '\0') return strncmp(value, "zh", 2) == 0;
    }
    return false;
}
