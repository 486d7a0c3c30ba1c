#include "core/config_internal.h"

#include <string.h>

#include "core/text.h"

enum {
    HELP_COLUMNS = 100,
    HELP_LEFT_COLUMNS_MAX = 34, /* a longer left column gets a line of its own */
    HELP_TEXT_BYTES_MAX = 1024,
};

static void print_blanks(FILE *file, size_t count)
{
    fprintf(file, "%*s", (int)count, "");
}

/* Columns of the first `length` bytes: Chinese characters take two. */
static size_t width_of(const char *text, size_t length)
{
    char word[HELP_TEXT_BYTES_MAX];
    (void)snprintf(word, sizeof word, "%.*s", (int)length, text);
    return text_width(word);
}

/* Prints words, beginning at column `indent`, where the cursor already is, and wrapping back to it. */
static void print_wrapped(FILE *file, size_t indent, const char *text)
{
    size_t column = indent;
    for (const char *at = text; *at != '\0';) {
        size_t length = strcspn(at, " "), width = width_of(at, length);
        if (column > indent && column + 1 + width > HELP_COLUMNS) {
            fputc('\n', file);
            print_blanks(file, indent);
            column = indent;
        } else if (column > indent) {
            fputc(' ', file);
            column++;
        }
        fprintf(file, "%.*s", (int)length, at);
        column += width;
        at += length;
        at += strspn(at, " ");
    }
    fputc('\n', file);
}

static void print_pair(FILE *file, const char *left, size_t left_columns, const char *right)
{
    size_t indent = 2 + left_columns + 2;
    fprintf(file, "  %s", left);
    if (strlen(left) > left_columns) {
        fputc('\n', file);
        print_blanks(file, indent);
    } else {
        print_blanks(file, left_columns - strlen(left) + 2);
    }
    print_wrapped(file, indent, right);
}

static void option_left(const struct option *option, char out[HELP_TEXT_BYTES_MAX])
{
    char flag[CONFIG_NAME_BYTES_MAX];
    config_flag_name(option, flag);
    (void)snprintf(out, HELP_TEXT_BYTES_MAX, "%s%s%s", flag, option->argument != NULL ? " " : "",
                   option->argument != NULL ? option->argument : "");
}

static size_t widest_option(const struct option *options, size_t widest)
{
    char left[HELP_TEXT_BYTES_MAX];
    for (const struct option *option = options; option != NULL && option->name != NULL; option++) {
        option_left(option, left);
        size_t width = strlen(left);
        if (width > widest && width <= HELP_LEFT_COLUMNS_MAX) widest = width;
    }
    return widest;
}

static void print_options(FILE *file, const char *title, const struct option *options, size_t left_columns)
{
    char left[HELP_TEXT_BYTES_MAX], right[HELP_TEXT_BYTES_MAX];
    if (options == NULL || options[0].name == NULL) return;
    fprintf(file, "\n%s\n", title);
    for (const struct option *option = options; option->name != NULL; option++) {
        option_left(option, left);
        const char *value = option->fallback;
        (void)snprintf(right, sizeof right, "%s%s%s%s%s%s", option->help, option->required ? " (required)" : "",
                       option->kind == OPTION_LIST ? " (may be given again)" : "", value != NULL ? " (default: " : "",
                       value != NULL ? value : "", value != NULL ? ")" : "");
        print_pair(file, left, left_columns, right);
    }
}

static void print_footer(FILE *file)
{
    fputs("\nEvery option can also be a line 'name = value' of the file, or a variable NIANSHEN_NAME of the\n"
          "environment ('-' written '_'). A flag outranks the environment, the environment the file. Properties\n"
          "of librdkafka are passed as --kafka.NAME=VALUE; libpq reads its own PG* variables.\n",
          file);
}

static void print_program_help(const struct config *config, FILE *file)
{
    size_t widest = 0;
    fprintf(file, "usage: %s COMMAND [OPTION...]\n\nCommands (each explains itself with --help)\n", config->program);
    for (const struct command *command = config->commands; command->name != NULL; command++)
        if (strlen(command->name) > widest) widest = strlen(command->name);
    for (const struct command *command = config->commands; command->name != NULL; command++)
        print_pair(file, command->name, widest, command->summary);
    print_options(file, "Options of all commands", config_common_options, widest_option(config_common_options, 0));
}

static void print_command_help(const struct config *config, FILE *file)
{
    const struct command *command = config->command;
    size_t left_columns = widest_option(config_common_options, widest_option(command->options, 0));
    fprintf(file, "usage: %s%s%s [OPTION...]%s%s\n\n", config->program, command->name[0] != '\0' ? " " : "", command->name,
            command->operands != NULL ? " " : "", command->operands != NULL ? command->operands : "");
    print_wrapped(file, 0, command->summary);
    print_options(file, "Options", command->options, left_columns);
    print_options(file, "Common options", config_common_options, left_columns);
}

void config_print_help(const struct config *config, FILE *file)
{
    if (config->command != NULL)
        print_command_help(config, file);
    else
        print_program_help(config, file);
    print_footer(file);
}
