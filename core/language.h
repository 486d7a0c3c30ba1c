/*
 * Which language a person reads: Chinese or English. Texts stand in pairs where they are said, so that neither is forgotten when one
 * changes; no catalogue, no setlocale: only the variables of the environment count.
 */
#ifndef NIANSHEN_CORE_LANGUAGE_H
#define NIANSHEN_CORE_LANGUAGE_H

#include <stdbool.h>

/* The same in both, for tables that are written down before the language is known. */
struct words {
    const char *zh, *en;
};

/*
 * From now on what LC_ALL, LC_MESSAGES and LANG say, the first that is set and not empty: zh, zh_CN.UTF-8, … is Chinese, anything else
 * English. Before this call, and after language_use_english, everything is said in English.
 */
void language_use_environment(void);

/* For what is written to logs and topics, whoever started the program. */
void language_use_english(void);

bool language_is_chinese(void);

/* One of the two; both may be formats for the same arguments in the same order. */
const char *language_pick(const char *zh, const char *en) __attribute__((format_arg(1), format_arg(2)));
const char *language_words(struct words words);

#endif
