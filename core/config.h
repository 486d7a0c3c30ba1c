/*
 * Configuration: one table of options for all three programs, read from a file (key = value), the environment
 * (NIANSHEN_ + upper case) and flags (--key value, --key=value, '_' written '-'); flag > environment > file > default.
 * `--help` is printed from the same table. Librdkafka's properties are passed as kafka.*; libpq reads its PG* variables itself.
 */
#ifndef NIANSHEN_CORE_CONFIG_H
#define NIANSHEN_CORE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/fault.h"
#include "core/language.h"

struct config;

enum option_kind { OPTION_TEXT, OPTION_NUMBER, OPTION_SWITCH, OPTION_LIST /* may be given again */ };

struct option {
    const char *name; /* as in the file: lower case with '_'; NULL ends a table */
    enum option_kind kind;
    const char *fallback; /* default as text; NULL: unset */
    int64_t number_min, number_max; /* OPTION_NUMBER: both 0 means any */
    bool required;
    const char *argument; /* shown in the help: "UNIT", "FILE" */
    struct words help; /* one sentence */
};

struct command {
    const char *name; /* "submit", "roster load"; NULL ends a table */
    /* "FILE.csv": exactly one; "[FILE.csv]": at most one; "FILE..." or "[FILE...]": several; NULL: none. */
    const char *operands;
    struct words summary; /* one line of the program's help */
    const struct option *options; /* of this command, NULL-terminated; may be NULL */
    int (*run)(const struct config *config); /* returns the exit status */
};

/*
 * Reads argv, environment and file for `program`, and sets the level of core/log.h. An unknown option, or a line of the file
 * that no command of the program knows, is refused; an option of a command stands behind the command's name. The command table
 * may have one entry with an empty name (a program without sub-commands). `--help` and `--version` are answered on stdout here.
 * From here on the program speaks the language of the environment (core/language.h).
 * Returns NULL when the program is to end at once with `*exit_status` (EX_OK after help, EX_USAGE or EX_CONFIG after a message
 * on stderr that names the remedy).
 */
struct config *config_read(const char *program, const struct command *commands, int argc, char **argv, int *exit_status);
void config_free(struct config *config);
const struct command *config_command(const struct config *config);

/* Values; `name` must be in the command's or the common table. Text is borrowed, NULL when unset. */
const char *config_text(const struct config *config, const char *name);
int64_t config_number(const struct config *config, const char *name);
bool config_switch(const struct config *config, const char *name);
bool config_is_set(const struct config *config, const char *name); /* by flag, environment or file: the default does not count */
size_t config_list_count(const struct config *config, const char *name);
const char *config_list_item(const struct config *config, const char *name, size_t index);
size_t config_operand_count(const struct config *config);
const char *config_operand(const struct config *config, size_t index);

/* Calls `each` for every kafka.* property, without the prefix, in order of precedence (lowest first). */
void config_each_kafka(const struct config *config, void (*each)(void *context, const char *name, const char *value), void *context);

#endif
