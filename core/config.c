#include "core/config.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "core/config_internal.h"
#include "core/language.h"
#include "core/log.h"

static const char kafka_prefix[] = "kafka.";

const struct option config_common_options[] = {
    {"config",
     OPTION_TEXT,
     NULL,
     0,
     0,
     false,
     "FILE",
     {"从 FILE 读取设置，每行一个“名称 = 值”。", "Read settings from FILE, one 'name = value' a line."}},
    {"kafka_bootstrap",
     OPTION_TEXT,
     "localhost:9092",
     0,
     0,
     false,
     "HOST:PORT",
     {"最初连接的 Kafka 地址，多个以逗号分隔。", "Kafka brokers to begin with, separated by commas."}},
    {"topic_prefix",
     OPTION_TEXT,
     "nianshen.",
     0,
     0,
     false,
     "PREFIX",
     {"五个主题名称的前缀。", "What the names of the five topics begin with."}},
    {"log_level",
     OPTION_TEXT,
     "info",
     0,
     0,
     false,
     "LEVEL",
     {"日志的最低级别：debug、info、warning 或 error。", "Least level that is logged: debug, info, warning or error."}},
    {"help", OPTION_SWITCH, NULL, 0, 0, false, NULL, {"显示本帮助并结束。", "Show this help and end."}},
    {"version", OPTION_SWITCH, NULL, 0, 0, false, NULL, {"显示版本并结束。", "Show the version and end."}},
    {0},
};

/* ---- faults ---- */

static bool refuse(const struct config *config, struct fault *fault, int exit_status, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static bool refuse(const struct config *config, struct fault *fault, int exit_status, const char *format, ...)
{
    char text[FAULT_TEXT_BYTES_MAX];
    const char *command = config->command != NULL ? config->command->name : "";
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return fault_set(fault, FAULT_FATAL, exit_status, "configuration",
                     language_pick("%s；用法见 '%s%s%s --help'", "%s; run '%s%s%s --help'"), text, config->program,
                     command[0] != '\0' ? " " : "", command);
}

static int exit_status_of(enum config_source source)
{
    return source == CONFIG_FLAG ? EX_USAGE : EX_CONFIG;
}

/* ---- options ---- */

void config_flag_name(const struct option *option, char out[CONFIG_NAME_BYTES_MAX])
{
    (void)snprintf(out, CONFIG_NAME_BYTES_MAX, "--%s", option->name);
    for (char *at = out; *at != '\0'; at++)
        if (*at == '_') *at = '-';
}

static void environment_name(const struct option *option, char out[CONFIG_NAME_BYTES_MAX])
{
    (void)snprintf(out, CONFIG_NAME_BYTES_MAX, "NIANSHEN_%s", option->name);
    for (char *at = out; *at != '\0'; at++) *at = (char)toupper((unsigned char)*at);
}

/* As typed on the command line '-' stands for '_'. */
static bool is_same_name(const char *name, const char *typed, size_t length)
{
    if (strlen(name) != length) return false;
    for (size_t i = 0; i < length; i++)
        if (name[i] != (typed[i] == '-' ? '_' : typed[i])) return false;
    return true;
}

static const struct option *find_in(const struct option *options, const char *typed, size_t length)
{
    for (const struct option *option = options; option != NULL && option->name != NULL; option++)
        if (is_same_name(option->name, typed, length)) return option;
    return NULL;
}

static const struct option *find_option(const struct config *config, const char *typed, size_t length)
{
    const struct option *option = config->command != NULL ? find_in(config->command->options, typed, length) : NULL;
    return option != NULL ? option : find_in(config_common_options, typed, length);
}

/* What only one of the programs takes: one file serves all three, and a name that none of them knows is still an error. */
static const char *const settings_of_programs[] = {"source",        "wait",        "wait_seconds", "group_id",
                                                   "batch_records", "batch_bytes", "owner",        NULL};

/* An option of any command, or of another program. */
static bool is_known(const struct config *config, const char *typed, size_t length)
{
    for (size_t i = 0; settings_of_programs[i] != NULL; i++)
        if (is_same_name(settings_of_programs[i], typed, length)) return true;
    for (const struct command *command = config->commands; command->name != NULL; command++)
        if (find_in(command->options, typed, length) != NULL) return true;
    return false;
}

static bool is_flag_only(const struct option *option)
{
    return strcmp(option->name, "help") == 0 || strcmp(option->name, "version") == 0;
}

/* ---- values ---- */

static bool check_number(const struct option *option, const char *text, char *rule, size_t rule_bytes)
{
    bool is_any = option->number_min == 0 && option->number_max == 0;
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (*text != '\0' && *end == '\0' && errno == 0 && !isspace((unsigned char)*text) &&
        (is_any || (number >= option->number_min && number <= option->number_max)))
        return true;
    if (is_any)
        (void)snprintf(rule, rule_bytes, language_pick("整数", "a whole number"));
    else
        (void)snprintf(rule, rule_bytes, language_pick("%" PRId64 " 至 %" PRId64 " 的整数", "a whole number from %" PRId64 " to %" PRId64),
                       option->number_min, option->number_max);
    return false;
}

static const char *switch_text(const char *text)
{
    static const char *const yes[] = {"true", "yes", "on", "1"}, *const no[] = {"false", "no", "off", "0"};
    for (size_t i = 0; i < 4; i++) {
        if (strcmp(text, yes[i]) == 0) return "true";
        if (strcmp(text, no[i]) == 0) return "false";
    }
    return NULL;
}

static bool check_text(const struct option *option, const char **text, char *rule, size_t rule_bytes)
{
    if (option->kind == OPTION_NUMBER) return check_number(option, *text, rule, rule_bytes);
    if (option->kind == OPTION_SWITCH) {
        const char *plain = switch_text(*text);
        (void)snprintf(rule, rule_bytes, language_pick("true 或 false", "true or false"));
        *text = plain != NULL ? plain : *text;
        return plain != NULL;
    }
    return true;
}

static struct config_value *value_of(struct config *config, const struct option *option)
{
    for (size_t i = 0; i < config->value_count; i++)
        if (config->values[i].option == option) return &config->values[i];
    assert(config->value_count < CONFIG_VALUES_MAX); /* only our own tables can be longer */
    struct config_value *value = &config->values[config->value_count++];
    *value = (struct config_value){.option = option};
    return value;
}

/* Keeps a value unless one of higher precedence is there: the higher ones are read first. `place` is how the user finds it: "--unit",
 * "NIANSHEN_UNIT", "file:3: unit". */
static bool put(struct config *config, const struct option *option, enum config_source source, const char *place, const char *text,
                struct fault *fault)
{
    char rule[128];
    if (!check_text(option, &text, rule, sizeof rule))
        return refuse(config, fault, exit_status_of(source), language_pick("%s：“%s”不是%s", "%s: '%s' is not %s"), place, text, rule);

    struct config_value *value = value_of(config, option);
    if (value->count > 0 && value->source > source) return true;
    if (value->count > 0 && option->kind != OPTION_LIST)
        return refuse(config, fault, exit_status_of(source), language_pick("%s 给了两次，只能给一次", "%s is given twice; give it once"),
                      place);
    if (value->count == CONFIG_LIST_MAX)
        return refuse(config, fault, exit_status_of(source), language_pick("%s 给了 %d 次以上", "%s is given more than %d times"), place,
                      CONFIG_LIST_MAX);
    value->source = source;
    value->texts[value->count] = arena_copy(config->arena, text, strlen(text));
    if (value->texts[value->count] == NULL)
        return refuse(config, fault, exit_status_of(source),
                      language_pick("%s：全部设置加起来过长", "%s: all settings together are too long"), place);
    value->count++;
    return true;
}

static bool put_kafka(struct config *config, enum config_source source, const char *name, const char *value, struct fault *fault)
{
    if (config->kafka_count == CONFIG_KAFKA_MAX)
        return refuse(config, fault, exit_status_of(source), language_pick("kafka.* 属性超过 %d 个", "more than %d kafka.* properties"),
                      CONFIG_KAFKA_MAX);
    struct config_property property = {source, arena_copy(config->arena, name, strlen(name)),
                                       arena_copy(config->arena, value, strlen(value))};
    if (property.name == NULL || property.value == NULL)
        return refuse(config, fault, exit_status_of(source),
                      language_pick("kafka.%s：全部设置加起来过长", "kafka.%s: all settings together are too long"), name);
    config->kafka[config->kafka_count++] = property;
    return true;
}

/* ---- the command line ---- */

struct arguments {
    char **words;
    int count, at;
};

/* The value behind '=', or the next word unless that is an option itself. */
static bool take_value(const struct config *config, struct arguments *arguments, const char *flag, const char *equals, const char **value,
                       struct fault *fault)
{
    if (equals != NULL) {
        *value = equals + 1;
        return true;
    }
    if (arguments->at >= arguments->count || strncmp(arguments->words[arguments->at], "--", 2) == 0)
        return refuse(config, fault, EX_USAGE, language_pick("%s 需要一个值；请写 %s=值", "%s needs a value; write %s=VALUE"), flag, flag);
    *value = arguments->words[arguments->at++];
    return true;
}

static bool read_kafka_flag(struct config *config, struct arguments *arguments, const char *word, struct fault *fault)
{
    char name[FAULT_TEXT_BYTES_MAX];
    const char *value, *equals = strchr(word, '=');
    size_t length = equals != NULL ? (size_t)(equals - word) : strlen(word);
    (void)snprintf(name, sizeof name, "%.*s", (int)(length < sizeof name ? length : sizeof name - 1), word);
    return take_value(config, arguments, name, equals, &value, fault) &&
           put_kafka(config, CONFIG_FLAG, name + strlen("--") + strlen(kafka_prefix), value, fault);
}

static bool read_flag(struct config *config, struct arguments *arguments, struct fault *fault)
{
    const char *word = arguments->words[arguments->at++];
    const char *equals = strchr(word, '='), *value = "true";
    size_t length = equals != NULL ? (size_t)(equals - word) : strlen(word);
    char flag[CONFIG_NAME_BYTES_MAX];

    if (strncmp(word, "--", 2) == 0 && strncmp(word + 2, kafka_prefix, strlen(kafka_prefix)) == 0)
        return read_kafka_flag(config, arguments, word, fault);
    const struct option *option = word[1] == '-' ? find_option(config, word + 2, length - 2) : NULL;
    if (option == NULL)
        return refuse(
            config, fault, EX_USAGE, language_pick("未知的选项 %.*s%s", "unknown option %.*s%s"), (int)(length > 100 ? 100 : length), word,
            config->command == NULL ? language_pick("（命令的选项写在命令名之后）", " (a command's options stand behind its name)") : "");
    config_flag_name(option, flag);
    if (option->kind == OPTION_SWITCH && equals == NULL) return put(config, option, CONFIG_FLAG, flag, value, fault);
    return take_value(config, arguments, flag, equals, &value, fault) && put(config, option, CONFIG_FLAG, flag, value, fault);
}

/* How many words of the command line are this command's name; 0: it is another. */
static int words_matching(const struct arguments *arguments, const char *name)
{
    int words = 0;
    for (const char *at = name; arguments->at + words < arguments->count; words++) {
        const char *word = arguments->words[arguments->at + words];
        size_t length = strcspn(at, " ");
        if (strlen(word) != length || strncmp(word, at, length) != 0) return 0;
        at += length;
        if (*at == '\0') return words + 1;
        at++;
    }
    return 0;
}

/* No command is so named: say which there are that begin with the same word. */
static bool refuse_command(const struct config *config, const struct arguments *arguments, struct fault *fault)
{
    const char *word = arguments->words[arguments->at];
    char known[FAULT_TEXT_BYTES_MAX / 2] = "";
    size_t length = strlen(word), used = 0;
    for (const struct command *command = config->commands; command->name != NULL && used < sizeof known; command++) {
        if (strncmp(command->name, word, length) != 0 || command->name[length] != ' ') continue;
        used += (size_t)snprintf(known + used, sizeof known - used, "%s'%s'", used > 0 ? ", " : "", command->name);
    }
    if (used == 0) return refuse(config, fault, EX_USAGE, language_pick("未知的命令“%s”", "unknown command '%s'"), word);
    const char *second = arguments->at + 1 < arguments->count ? arguments->words[arguments->at + 1] : "";
    return refuse(config, fault, EX_USAGE, language_pick("未知的命令“%s%s%s”；有 %s", "unknown command '%s%s%s'; there are %s"), word,
                  second[0] != '\0' ? " " : "", second, known);
}

static bool read_command(struct config *config, struct arguments *arguments, struct fault *fault)
{
    for (const struct command *command = config->commands; command->name != NULL; command++) {
        int words = words_matching(arguments, command->name);
        if (words == 0) continue;
        config->command = command;
        arguments->at += words;
        return true;
    }
    return refuse_command(config, arguments, fault);
}

static bool read_operand(struct config *config, struct arguments *arguments, struct fault *fault)
{
    const char *word = arguments->words[arguments->at++];
    const char *operands = config->command->operands;
    size_t operands_max = operands == NULL ? 0 : strstr(operands, "...") != NULL ? CONFIG_OPERANDS_MAX : 1;
    if (config->operand_count >= operands_max)
        return refuse(config, fault, EX_USAGE, language_pick("多余的参数“%s”", "unexpected argument '%s'"), word);
    config->operands[config->operand_count++] = word;
    return true;
}

static bool read_arguments(struct config *config, int argc, char **argv, struct fault *fault)
{
    struct arguments arguments = {argv, argc, 1};
    bool is_options_over = false, is_good = true;

    while (is_good && arguments.at < argc) {
        const char *word = argv[arguments.at];
        if (!is_options_over && strcmp(word, "--") == 0) {
            is_options_over = true;
            arguments.at++;
        } else if (!is_options_over && word[0] == '-' && word[1] != '\0') {
            is_good = read_flag(config, &arguments, fault);
        } else if (config->command == NULL) {
            is_good = read_command(config, &arguments, fault);
        } else {
            is_good = read_operand(config, &arguments, fault);
        }
    }
    return is_good;
}

static bool has_word(int argc, char **argv, const char *word)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], word) == 0) return true;
    return false;
}

/* ---- the environment ---- */

static bool read_environment_of(struct config *config, const struct option *options, struct fault *fault)
{
    for (const struct option *option = options; option != NULL && option->name != NULL; option++) {
        char name[CONFIG_NAME_BYTES_MAX];
        environment_name(option, name);
        const char *text = getenv(name);
        if (text == NULL || text[0] == '\0' || is_flag_only(option)) continue;
        if (!put(config, option, CONFIG_ENVIRONMENT, name, text, fault)) return false;
    }
    return true;
}

/* ---- the file ---- */

static char *trim(char *text)
{
    text += strspn(text, " \t\r\n");
    size_t length = strlen(text);
    while (length > 0 && strchr(" \t\r\n", text[length - 1]) != NULL) length--;
    text[length] = '\0';
    return text;
}

static bool read_line(struct config *config, const char *path, int number, char *line, struct fault *fault)
{
    char place[PATH_MAX + CONFIG_NAME_BYTES_MAX];
    char *name = trim(line), *equals = strchr(name, '=');

    if (name[0] == '\0' || name[0] == '#') return true;
    if (equals == NULL)
        return refuse(config, fault, EX_CONFIG, language_pick("%s:%d：应为“名称 = 值”", "%s:%d: expected 'name = value'"), path, number);
    *equals = '\0';
    (void)trim(name);
    char *value = trim(equals + 1);
    if (strncmp(name, kafka_prefix, strlen(kafka_prefix)) == 0)
        return put_kafka(config, CONFIG_FILE, name + strlen(kafka_prefix), value, fault);
    const struct option *option = find_option(config, name, strlen(name));
    if (option != NULL && !is_flag_only(option) && strcmp(option->name, "config") != 0) {
        (void)snprintf(place, sizeof place, "%s:%d: %s", path, number, name);
        return put(config, option, CONFIG_FILE, place, value, fault);
    }
    return is_known(config, name, strlen(name)) ||
           refuse(config, fault, EX_CONFIG, language_pick("%s:%d：未知的设置“%s”", "%s:%d: unknown setting '%s'"), path, number, name);
}

static bool read_file(struct config *config, const char *path, struct fault *fault)
{
    char line[CONFIG_LINE_BYTES_MAX];
    bool is_good = true;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return refuse(config, fault, EX_CONFIG, language_pick("%s：%s；请给一个能读取的文件", "%s: %s; name a file that can be read"), path,
                      strerror(errno));

    for (int number = 1; is_good && fgets(line, sizeof line, file) != NULL; number++) {
        if (number > CONFIG_FILE_LINES_MAX)
            is_good =
                refuse(config, fault, EX_CONFIG, language_pick("%s 超过 %d 行", "%s has more than %d lines"), path, CONFIG_FILE_LINES_MAX);
        else if (strchr(line, '\n') == NULL && !feof(file))
            is_good = refuse(config, fault, EX_CONFIG, language_pick("%s:%d：此行超过 %d 字节", "%s:%d: the line is longer than %d bytes"),
                             path, number, CONFIG_LINE_BYTES_MAX - 2);
        else
            is_good = read_line(config, path, number, line, fault);
    }
    if (is_good && ferror(file))
        is_good = refuse(config, fault, EX_CONFIG, language_pick("%s：%s；请给一个能读取的文件", "%s: %s; name a file that can be read"),
                         path, strerror(errno));
    (void)fclose(file);
    return is_good;
}

/* ---- what must hold of the whole ---- */

static bool check_required(const struct config *config, struct fault *fault)
{
    for (const struct option *option = config->command->options; option != NULL && option->name != NULL; option++) {
        char flag[CONFIG_NAME_BYTES_MAX];
        config_flag_name(option, flag);
        if (option->required && !config_is_set(config, option->name))
            return refuse(config, fault, EX_USAGE, language_pick("缺少 %s；请给 %s %s", "%s is missing; give %s %s"), flag, flag,
                          option->argument != NULL ? option->argument : "VALUE");
    }
    const char *operands = config->command->operands;
    if (operands != NULL && operands[0] != '[' && config->operand_count == 0)
        return refuse(config, fault, EX_USAGE, language_pick("缺少 %s", "%s is missing"), operands);
    return true;
}

/* NULL when only the default, or nothing, is there. Asking for a name that no table has is a bug of ours. */
static const struct config_value *given(const struct config *config, const char *name, const struct option **option)
{
    *option = find_option(config, name, strlen(name));
    if (*option == NULL) {
        fprintf(stderr, "%s: bug: option '%s' is in no table\n", config->program, name);
        abort();
    }
    for (size_t i = 0; i < config->value_count; i++)
        if (config->values[i].option == *option) return &config->values[i];
    return NULL;
}

static bool apply_log_level(const struct config *config, struct fault *fault)
{
    const struct option *option;
    const struct config_value *value = given(config, "log_level", &option);
    const char *level = config_text(config, "log_level");
    if (log_set_level(level)) return true;
    return refuse(
        config, fault, exit_status_of(value->source),
        language_pick("log_level：“%s”不是 debug、info、warning、error 之一", "log_level: '%s' is not debug, info, warning or error"),
        level);
}

static bool read_all(struct config *config, int argc, char **argv, struct fault *fault)
{
    if (!read_arguments(config, argc, argv, fault)) return false;
    if (config->command == NULL) return refuse(config, fault, EX_USAGE, language_pick("没有给命令", "no command given"));
    if (!read_environment_of(config, config_common_options, fault) || !read_environment_of(config, config->command->options, fault))
        return false;
    const char *path = config_text(config, "config");
    if (path != NULL && !read_file(config, path, fault)) return false;
    return check_required(config, fault) && apply_log_level(config, fault);
}

static struct config *config_new(const char *program, const struct command *commands)
{
    struct config *config = calloc(1, sizeof *config);
    if (config == NULL) return NULL;
    config->program = program;
    config->commands = commands;
    config->command = commands[0].name[0] == '\0' ? commands : NULL;
    config->arena = arena_new(CONFIG_BYTES_MAX);
    if (config->arena != NULL) return config;
    free(config);
    return NULL;
}

struct config *config_read(const char *program, const struct command *commands, int argc, char **argv, int *exit_status)
{
    struct fault fault = {0};
    language_use_environment();
    struct config *config = config_new(program, commands);
    if (config == NULL) {
        fprintf(stderr, language_pick("%s：内存不足\n", "%s: out of memory\n"), program);
        *exit_status = EX_OSERR;
        return NULL;
    }
    bool is_good = read_all(config, argc, argv, &fault);
    *exit_status = EX_OK;
    if (has_word(argc, argv, "--help")) {
        config_print_help(config, stdout);
    } else if (has_word(argc, argv, "--version")) {
        printf("%s %s\n", program, NIANSHEN_VERSION);
    } else if (is_good) {
        return config;
    } else {
        fprintf(stderr, "%s: %s\n", program, fault.text);
        *exit_status = fault.exit_status;
    }
    config_free(config);
    return NULL;
}

void config_free(struct config *config)
{
    if (config == NULL) return;
    arena_free(config->arena);
    free(config);
}

const struct command *config_command(const struct config *config)
{
    return config->command;
}

/* ---- reading values ---- */

const char *config_text(const struct config *config, const char *name)
{
    const struct option *option;
    const struct config_value *value = given(config, name, &option);
    return value != NULL ? value->texts[0] : option->fallback;
}

int64_t config_number(const struct config *config, const char *name)
{
    const char *text = config_text(config, name);
    return text != NULL ? strtoll(text, NULL, 10) : 0;
}

bool config_switch(const struct config *config, const char *name)
{
    const char *text = config_text(config, name);
    return text != NULL && strcmp(text, "true") == 0;
}

bool config_is_set(const struct config *config, const char *name)
{
    const struct option *option;
    return given(config, name, &option) != NULL;
}

size_t config_list_count(const struct config *config, const char *name)
{
    const struct option *option;
    const struct config_value *value = given(config, name, &option);
    return value != NULL ? value->count : 0;
}

const char *config_list_item(const struct config *config, const char *name, size_t index)
{
    const struct option *option;
    const struct config_value *value = given(config, name, &option);
    return value != NULL && index < value->count ? value->texts[index] : NULL;
}

size_t config_operand_count(const struct config *config)
{
    return config->operand_count;
}

const char *config_operand(const struct config *config, size_t index)
{
    return index < config->operand_count ? config->operands[index] : NULL;
}

void config_each_kafka(const struct config *config, void (*each)(void *context, const char *name, const char *value), void *context)
{
    for (enum config_source source = CONFIG_FILE; source <= CONFIG_FLAG; source++)
        for (size_t i = 0; i < config->kafka_count; i++)
            if (config->kafka[i].source == source) each(context, config->kafka[i].name, config->kafka[i].value);
}
