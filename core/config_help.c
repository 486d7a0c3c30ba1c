#include "core/config_internal.h"
#include "core/language.h"

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

static bool is_one_of(uint32_t code_point, const char *list)
{
    size_t length = strlen(list), at = 0;
    while (at < length)
        if (text_next(list, length, &at) == code_point) return true;
    return false;
}

/* Chinese has no blanks: a line may end next to any Chinese character, but not before a mark that closes or behind one that opens. */
static bool may_break(uint32_t before, uint32_t after)
{
    enum { CHINESE_FIRST = 0x2E80 };
    return (before >= CHINESE_FIRST || after >= CHINESE_FIRST) && !is_one_of(after, "，。；：、）”…,") && !is_one_of(before, "（“=");
}

/* Bytes that stay on one line: to the next blank, or less in Chinese. */
static size_t piece_length(const char *text)
{
    size_t length = strcspn(text, " "), at = 0;
    uint32_t before = text_next(text, length, &at);
    for (size_t end = at; end < length; end = at) {
        uint32_t after = text_next(text, length, &at);
        if (may_break(before, after)) return end;
        before = after;
    }
    return length;
}

/* Prints words, beginning at column `indent`, where the cursor already is, and wrapping back to it. */
static void print_wrapped(FILE *file, size_t indent, const char *text)
{
    size_t column = indent, blanks = 0;
    for (const char *at = text; *at != '\0';) {
        size_t length = piece_length(at), width = width_of(at, length);
        if (column > indent && column + blanks + width > HELP_COLUMNS) {
            fputc('\n', file);
            print_blanks(file, indent);
            column = indent;
            blanks = 0;
        }
        print_blanks(file, blanks);
        fprintf(file, "%.*s", (int)length, at);
        column += blanks + width;
        at += length;
        blanks = *at == ' ' ? 1 : 0;
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
        (void)snprintf(right, sizeof right, "%s%s%s%s%s%s", language_words(option->help),
                       option->required ? language_pick("（必需）", " (required)") : "",
                       option->kind == OPTION_LIST ? language_pick("（可给多次）", " (may be given again)") : "",
                       value != NULL ? language_pick("（默认：", " (default: ") : "", value != NULL ? value : "",
                       value != NULL ? language_pick("）", ")") : "");
        print_pair(file, left, left_columns, right);
    }
}

static void print_footer(FILE *file)
{
    fputs(language_pick("\n每个选项也可以写成设置文件中的一行“名称 = 值”，或环境变量 "
                        "NIANSHEN_名称（“-”写作“_”）。\n命令行优先于环境变量，环境变量优先于文件。librdkafka 的属性写作 "
                        "--kafka.名称=值；libpq 读取自己的\nPG* 变量。\n",
                        "\nEvery option can also be a line 'name = value' of the file, or a variable NIANSHEN_NAME of the\n"
                        "environment ('-' written '_'). A flag outranks the environment, the environment the file. Properties\n"
                        "of librdkafka are passed as --kafka.NAME=VALUE; libpq reads its own PG* variables.\n"),
          file);
}

static void print_program_help(const struct config *config, FILE *file)
{
    size_t widest = 0;
    fprintf(file,
            language_pick("用法：%s 命令 [选项...]\n\n命令（各命令的用法见其 --help）\n",
                          "usage: %s COMMAND [OPTION...]\n\nCommands (each explains itself with --help)\n"),
            config->program);
    for (const struct command *command = config->commands; command->name != NULL; command++)
        if (strlen(command->name) > widest) widest = strlen(command->name);
    for (const struct command *command = config->commands; command->name != NULL; command++)
        print_pair(file, command->name, widest, language_words(command->summary));
    print_options(file, language_pick("所有命令共有的选项", "Options of all commands"), config_common_options,
                  widest_option(config_common_options, 0));
}

static void print_command_help(const struct config *config, FILE *file)
{
    const struct command *command = config->command;
    size_t left_columns = widest_option(config_common_options, widest_option(command->options, 0));
    fprintf(file, language_pick("用法：%s%s%s [选项...]%s%s\n\n", "usage: %s%s%s [OPTION...]%s%s\n\n"), config->program,
            command->name[0] != '\0' ? " " : "", command->name, command->operands != NULL ? " " : "",
            command->operands != NULL ? command->operands : "");
    print_wrapped(file, 0, language_words(command->summary));
    print_options(file, language_pick("选项", "Options"), command->options, left_columns);
    print_options(file, language_pick("共有选项", "Common options"), config_common_options, left_columns);
}

void config_print_help(const struct config *config, FILE *file)
{
    if (config->command != NULL)
        print_command_help(config, file);
    else
        print_program_help(config, file);
    print_footer(file);
}
