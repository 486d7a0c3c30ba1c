/* Which language a person reads: Chinese or English, by LC_ALL, LC_MESSAGES and LANG, the first that is set and not empty. */
#ifndef NIANSHEN_CORE_LANGUAGE_H
#define NIANSHEN_CORE_LANGUAGE_H

#include <stdbool.h>

/* True for zh, zh_CN.UTF-8, …; C, POSIX, anything else and nothing are English. */
bool language_is_chinese(void);

#endif
