/* What config.c (reading, values) and config_help.c (help) share; nobody else includes this. */
#ifndef NIANSHEN_CORE_CONFIG_INTERNAL_H
#define NIANSHEN_CORE_CONFIG_INTERNAL_H

#include <stdio.h>

#include "core/arena.h"
#include "core/config.h"

enum {
    CONFIG_LIST_MAX = 64, /* times an OPTION_LIST may be given */
    CONFIG_VALUES_MAX = 64, /* options with a value, of the common table and one command */
    CONFIG_KAFKA_MAX = 128,
    CONFIG_OPERANDS_MAX = 16,
    CONFIG_LINE_BYTES_MAX = 4096,
    CONFIG_FILE_LINES_MAX = 10000,
    CONFIG_NAME_BYTES_MAX = 64,
    CONFIG_BYTES_MAX = 4 * 1024 * 1024, /* all texts together */
};

/* In order of precedence. */
enum config_source { CONFIG_FILE, CONFIG_ENVIRONMENT, CONFIG_FLAG };

struct config_value {
    const struct option *option;
    enum config_source source;
    size_t count;
    const char *texts[CONFIG_LIST_MAX];
};

struct config_property {
    enum config_source source;
    const char *name, *value;
};

struct config {
    const char *program;
    const struct command *commands;
    const struct command *command; /* NULL until its name was read */
    struct arena *arena; /* owns every text that is not argv's */
    struct config_value values[CONFIG_VALUES_MAX];
    size_t value_count;
    struct config_property kafka[CONFIG_KAFKA_MAX];
    size_t kafka_count;
    const char *operands[CONFIG_OPERANDS_MAX];
    size_t operand_count;
};

extern const struct option config_common_options[];

/* The help of `config->command`, or where it is NULL of the whole program. */
void config_print_help(const struct config *config, FILE *file);

/* "--kafka-bootstrap" for kafka_bootstrap. */
void config_flag_name(const struct option *option, char out[CONFIG_NAME_BYTES_MAX]);

#endif
