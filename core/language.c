#include "core/language.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* Set once, at the start, before there are threads. */
static bool is_chinese;

static bool environment_is_chinese(void)
{
    static const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = getenv(names[i]);
        if (value != NULL && value[0] != '\0') return strncmp(value, "zh", 2) == 0;
    }
    return false;
}

void language_use_environment(void)
{
    is_chinese = environment_is_chinese();
}

void language_use_english(void)
{
    is_chinese = false;
}

bool language_is_chinese(void)
{
    return is_chinese;
}

const char *language_pick(const char *zh, const char *en)
{
    return is_chinese ? zh : en;
}

const char *language_words(struct words words)
{
    return is_chinese ? words.zh : words.en;
}
