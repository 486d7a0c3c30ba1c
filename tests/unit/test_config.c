/* Configuration: precedence, and what a user is told after a wrong move. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/config.h"
#include "core/config_internal.h"
#include "core/log.h"
#include "core/text.h"

static int run_nothing(const struct config *config)
{
    (void)config;
    return 0;
}

static const struct option load_options[] = {
    {"unit", OPTION_TEXT, NULL, 0, 0, true, "UNIT", {"单位代码。", "The unit's code."}},
    {"year", OPTION_NUMBER, "2026", 2000, 2999, false, "YEAR", {"年审年度。", "The year under review."}},
    {"shift", OPTION_NUMBER, NULL, 0, 0, false, "N", {"任意数。", "Any number."}},
    {"dry_run", OPTION_SWITCH, NULL, 0, 0, false, NULL, {"只看。", "Only look."}},
    {"set",
     OPTION_LIST,
     NULL,
     0,
     0,
     false,
     "FIELD=VALUE",
     {"单位信息中修改了的一项，以及它的新值，写得足够长，一行放不下，而中文里没有空格：在哪里换行，要看字和标点，引号“里面”也一样，（括号）"
      "也一样。",
      "A field of the unit's profile that has changed, and its new value, in words long enough to wrap the line of this help."}},
    {0},
};

static const struct option list_options[] = {
    {"state", OPTION_TEXT, NULL, 0, 0, false, "STATE", {"哪些提交。", "Which submissions."}},
    {0},
};

static const struct command commands[] = {
    {"roster load", "FILE.csv", {"加载会员。", "Load members."}, load_options, run_nothing},
    {"roster list", NULL, {"列出会员。", "List members."}, list_options, run_nothing},
    {"publish", "[FILE...]", {"发布文件。", "Publish files."}, NULL, run_nothing},
    {0},
};

static const struct command single[] = {{"", NULL, {"工作。", "Work."}, list_options, run_nothing}, {0}};

/* ---- running it: standard output and error go into files ---- */

static char talk[8192], data[8192];
static int exit_status;

static int redirect(int descriptor, FILE *to)
{
    int saved = dup(descriptor);
    assert_true(saved >= 0 && dup2(fileno(to), descriptor) >= 0);
    return saved;
}

static void restore(int descriptor, int saved, FILE *from, char out[8192])
{
    assert_true(dup2(saved, descriptor) >= 0);
    (void)close(saved);
    rewind(from);
    out[fread(out, 1, 8191, from)] = '\0';
    (void)fclose(from);
}

enum { WORDS_MAX = 80, WORD_BYTES_MAX = 128 };

/* The words are copied, as a program's arguments are its own to change. */
static struct config *read_with(const struct command *table, const char *const *words)
{
    static char copies[WORDS_MAX][WORD_BYTES_MAX];
    static char name[] = "nianshen-test";
    char *argv[WORDS_MAX + 1] = {name};
    int argc = 1;
    for (; words[argc - 1] != NULL; argc++) {
        assert_true(argc < WORDS_MAX);
        (void)snprintf(copies[argc], WORD_BYTES_MAX, "%s", words[argc - 1]);
        argv[argc] = copies[argc];
    }
    FILE *out = tmpfile(), *err = tmpfile();
    assert_true(out != NULL && err != NULL);
    (void)fflush(stdout);
    int saved_out = redirect(STDOUT_FILENO, out), saved_err = redirect(STDERR_FILENO, err);
    struct config *config = config_read("nianshen-test", table, argc, argv, &exit_status);
    (void)fflush(stdout);
    restore(STDOUT_FILENO, saved_out, out, data);
    restore(STDERR_FILENO, saved_err, err, talk);
    return config;
}

#define READ(...) read_with(commands, (const char *const[]){__VA_ARGS__, NULL})
#define READ_SINGLE(...) read_with(single, (const char *const[]){__VA_ARGS__, NULL})

static void assert_refused(struct config *config, int status, const char *first, const char *second)
{
    assert_null(config);
    assert_int_equal(exit_status, status);
    assert_string_equal(data, "");
    if (strstr(talk, first) == NULL || strstr(talk, second) == NULL) fail_msg("'%s' lacks '%s' or '%s'", talk, first, second);
}

/* A configuration file that is gone when the test is over. */
static char path[64];

static void write_file(const char *text)
{
    (void)snprintf(path, sizeof path, "%s", "/tmp/nianshen-test-XXXXXX");
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, text, strlen(text)), strlen(text));
    (void)close(descriptor);
}

static int clean(void **state)
{
    (void)state;
    if (path[0] != '\0') (void)unlink(path);
    path[0] = '\0';
    static const char *const names[] = {"NIANSHEN_CONFIG",          "NIANSHEN_UNIT", "NIANSHEN_YEAR", "NIANSHEN_DRY_RUN",
                                        "NIANSHEN_KAFKA_BOOTSTRAP", "NIANSHEN_SET",  "NIANSHEN_HELP"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) (void)unsetenv(names[i]);
    return log_set_level("info") ? 0 : -1;
}

/* ---- values ---- */

/* Both ways to write a value, '-' for '_', switches, lists, operands before and behind options, defaults. */
static void test_flags(void **state)
{
    (void)state;
    struct config *config =
        READ("roster", "load", "--unit", "U1", "a.csv", "--dry-run", "--set=name=x=y", "--set", "address=", "--shift=-5");
    assert_non_null(config);
    assert_string_equal(config_command(config)->name, "roster load");
    assert_string_equal(config_text(config, "unit"), "U1");
    assert_int_equal(config_number(config, "year"), 2026);
    assert_int_equal(config_number(config, "shift"), -5);
    assert_true(config_switch(config, "dry_run"));
    assert_int_equal(config_list_count(config, "set"), 2);
    assert_string_equal(config_list_item(config, "set", 0), "name=x=y");
    assert_string_equal(config_list_item(config, "set", 1), "address=");
    assert_null(config_list_item(config, "set", 2));
    assert_int_equal(config_operand_count(config), 1);
    assert_string_equal(config_operand(config, 0), "a.csv");
    assert_null(config_operand(config, 1));
    assert_string_equal(config_text(config, "kafka_bootstrap"), "localhost:9092");
    assert_false(config_is_set(config, "kafka_bootstrap"));
    assert_true(config_is_set(config, "unit"));
    config_free(config);
}

/* Behind "--" nothing is an option; "-" is an operand; common options may stand before the command. */
static void test_operands(void **state)
{
    (void)state;
    struct config *config = READ("--topic-prefix", "x.", "publish", "-", "--", "--unit", "b");
    assert_non_null(config);
    assert_string_equal(config_text(config, "topic_prefix"), "x.");
    assert_int_equal(config_operand_count(config), 3);
    assert_string_equal(config_operand(config, 0), "-");
    assert_string_equal(config_operand(config, 1), "--unit");
    config_free(config);
    config = READ("publish");
    assert_non_null(config);
    assert_int_equal(config_operand_count(config), 0);
    config_free(config);
}

/* A flag outranks the environment, the environment the file, the file the default; each alone is taken. */
static void test_precedence(void **state)
{
    (void)state;
    write_file("# comment\n\n unit = from file \nyear=2021\nkafka_bootstrap = file:1\nstate = of another command\n");
    (void)setenv("NIANSHEN_YEAR", "2022", 1);
    (void)setenv("NIANSHEN_KAFKA_BOOTSTRAP", "environment:1", 1);
    struct config *config = READ("roster", "load", "f", "--config", path, "--kafka-bootstrap=flag:1");
    assert_non_null(config);
    assert_string_equal(config_text(config, "unit"), "from file");
    assert_int_equal(config_number(config, "year"), 2022);
    assert_string_equal(config_text(config, "kafka_bootstrap"), "flag:1");
    assert_string_equal(config_text(config, "topic_prefix"), "nianshen.");
    config_free(config);
}

/* The file can be named by the environment; a variable that is empty is none. */
static void test_environment(void **state)
{
    (void)state;
    write_file("dry_run = yes");
    (void)setenv("NIANSHEN_CONFIG", path, 1);
    (void)setenv("NIANSHEN_UNIT", "U2", 1);
    (void)setenv("NIANSHEN_YEAR", "", 1);
    (void)setenv("NIANSHEN_HELP", "true", 1);
    struct config *config = READ("roster", "load", "f");
    assert_non_null(config);
    assert_string_equal(config_text(config, "unit"), "U2");
    assert_int_equal(config_number(config, "year"), 2026);
    assert_true(config_switch(config, "dry_run"));
    config_free(config);
}

/* A list of a higher rank replaces the lower one's instead of adding to it. */
static void test_list_precedence(void **state)
{
    (void)state;
    write_file("unit = U\nset = a\nset = b\n");
    struct config *config = READ("roster", "load", "f", "--config", path);
    assert_int_equal(config_list_count(config, "set"), 2);
    config_free(config);
    config = READ("roster", "load", "f", "--config", path, "--set", "c");
    assert_int_equal(config_list_count(config, "set"), 1);
    assert_string_equal(config_list_item(config, "set", 0), "c");
    config_free(config);
}

static void join(void *context, const char *name, const char *value)
{
    char *out = context;
    size_t used = strlen(out);
    (void)snprintf(out + used, 512 - used, "%s=%s;", name, value);
}

/* Properties of librdkafka keep their names and come lowest rank first, so that the last one set wins. */
static void test_kafka(void **state)
{
    (void)state;
    write_file("unit = U\nkafka.debug = broker\nkafka.sasl.password = a=b\n");
    struct config *config = READ("roster", "load", "f", "--kafka.debug=topic", "--config", path, "--kafka.linger.ms", "5");
    assert_non_null(config);
    char out[512] = "";
    config_each_kafka(config, join, out);
    assert_string_equal(out, "debug=broker;sasl.password=a=b;debug=topic;linger.ms=5;");
    config_free(config);
}

/* A program without sub-commands has options and no words. */
static void test_single(void **state)
{
    (void)state;
    struct config *config = READ_SINGLE("--state", "pending", "--log-level=debug");
    assert_non_null(config);
    assert_string_equal(config_text(config, "state"), "pending");
    config_free(config);
    assert_refused(READ_SINGLE("word"), EX_USAGE, "unexpected argument 'word'", "run 'nianshen-test --help'");
}

/* ---- wrong moves ---- */

/* Each names the option and how to get help, and ends with EX_USAGE. */
static void test_wrong_flags(void **state)
{
    (void)state;
    const char *help = "run 'nianshen-test roster load --help'";
    assert_refused(READ("roster", "load", "f"), EX_USAGE, "--unit is missing; give --unit UNIT", help);
    assert_refused(READ("roster", "load", "--unit=U"), EX_USAGE, "FILE.csv is missing", help);
    assert_refused(READ("roster", "load", "--unit=U", "f", "g"), EX_USAGE, "unexpected argument 'g'", help);
    assert_refused(READ("roster", "load", "--yer=1"), EX_USAGE, "unknown option --yer", help);
    assert_refused(READ("roster", "load", "-u"), EX_USAGE, "unknown option -u", help);
    assert_refused(READ("roster", "load", "--unit"), EX_USAGE, "--unit needs a value", help);
    assert_refused(READ("roster", "load", "--unit", "--year"), EX_USAGE, "--unit needs a value", help);
    assert_refused(READ("roster", "load", "--unit=U", "--unit=V", "f"), EX_USAGE, "--unit is given twice", help);
    assert_refused(READ("roster", "load", "--year=20x6"), EX_USAGE, "--year: '20x6' is not a whole number from 2000 to 2999", help);
    assert_refused(READ("roster", "load", "--year=1999"), EX_USAGE, "2000 to 2999", help);
    assert_refused(READ("roster", "load", "--year="), EX_USAGE, "2000 to 2999", help);
    assert_refused(READ("roster", "load", "--shift=99999999999999999999"), EX_USAGE, "--shift", "a whole number");
    assert_refused(READ("roster", "load", "--dry-run=maybe"), EX_USAGE, "--dry-run: 'maybe' is not true or false", help);
    assert_refused(READ("roster", "load", "--unit=U", "f", "--log-level=loud"), EX_USAGE, "'loud' is not debug, info, warning or error",
                   help);
}

/* The same of the command's name. */
static void test_wrong_commands(void **state)
{
    (void)state;
    assert_refused(READ("rooster", "load"), EX_USAGE, "unknown command 'rooster'", "run 'nianshen-test --help'");
    assert_refused(READ("roster"), EX_USAGE, "unknown command 'roster'", "run 'nianshen-test --help'");
    assert_refused(READ("roster", "loa"), EX_USAGE, "unknown command", "--help");
    assert_refused(READ("--unit=U", "roster", "load"), EX_USAGE, "unknown option --unit", "behind its name");
    assert_refused(READ("--log-level=info"), EX_USAGE, "no command given", "--help");
}

/* A number that could be a person's is masked in what is shown. */
static void test_wrong_value_is_masked(void **state)
{
    (void)state;
    assert_refused(READ("roster", "load", "--year=211011196605229673"), EX_USAGE, "'211***********9673'", "--year");
}

/* Faults of the file name its line and end with EX_CONFIG. */
static void test_wrong_file(void **state)
{
    (void)state;
    static const struct {
        const char *text, *place, *rule;
    } files[] = {
        {"unit = U\nyeer = 2026\n", ":2: ", "unknown setting 'yeer'"},
        {"\n\njust words\n", ":3: ", "expected 'name = value'"},
        {"year = x\n", ":1: year", "whole number"},
        {"unit = a\nunit = b\n", ":2: unit", "given twice"},
        {"config = other\n", ":1: ", "unknown setting 'config'"},
        {"help = true\n", ":1: ", "unknown setting 'help'"},
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        write_file(files[i].text);
        assert_refused(READ("roster", "load", "f", "--config", path), EX_CONFIG, files[i].place, files[i].rule);
        (void)unlink(path);
    }
    assert_refused(READ("roster", "load", "f", "--config", "no/such/file"), EX_CONFIG, "no/such/file", "No such file");
    assert_refused(READ("roster", "load", "f", "--config", "/"), EX_CONFIG, "/", "directory");
}

/* A line, and a list, beyond the caps. */
static void test_caps(void **state)
{
    (void)state;
    char line[6000];
    memset(line, 'x', sizeof line - 1);
    line[sizeof line - 1] = '\0';
    memcpy(line, "unit = ", 7);
    write_file(line);
    assert_refused(READ("roster", "load", "f", "--config", path), EX_CONFIG, ":1: ", "longer than 4094 bytes");

    const char *words[WORDS_MAX] = {"roster", "load"};
    for (int i = 2; i < WORDS_MAX - 2; i++) words[i] = "--set=x";
    assert_refused(read_with(commands, words), EX_USAGE, "--set", "more than 64 times");
}

/* So many properties of the client, and so many lines, are no configuration any more. */
static void test_file_caps(void **state)
{
    (void)state;
    static char text[64 * 1024];
    size_t used = 0;
    for (int i = 0; i <= CONFIG_KAFKA_MAX; i++) used += (size_t)snprintf(text + used, sizeof text - used, "kafka.p%d = 1\n", i);
    write_file(text);
    assert_refused(READ("roster", "load", "f", "--config", path), EX_CONFIG, "more than 128", "kafka.* properties");
    (void)unlink(path);
    memset(text, '\n', CONFIG_FILE_LINES_MAX + 1);
    text[CONFIG_FILE_LINES_MAX + 1] = '\0';
    write_file(text);
    assert_refused(READ("roster", "load", "f", "--config", path), EX_CONFIG, path, "more than 10000 lines");
}

/* The environment's faults name the variable. */
static void test_wrong_environment(void **state)
{
    (void)state;
    (void)setenv("NIANSHEN_YEAR", "soon", 1);
    assert_refused(READ("roster", "load", "--unit=U", "f"), EX_CONFIG, "NIANSHEN_YEAR: 'soon'", "2000 to 2999");
}

/* ---- help ---- */

/* Every option and command is shown, on standard output, in lines that fit a terminal; even when the rest is wrong. */
static void test_help(void **state)
{
    (void)state;
    assert_null(READ("--help"));
    assert_int_equal(exit_status, EX_OK);
    assert_non_null(strstr(data, "roster load  Load members.\n"));
    assert_non_null(strstr(data, "--kafka-bootstrap HOST:PORT"));
    assert_string_equal(talk, "");

    assert_null(READ("roster", "load", "--wrong", "--help"));
    assert_int_equal(exit_status, EX_OK);
    assert_memory_equal(data, "usage: nianshen-test roster load [OPTION...] FILE.csv\n", 50);
    for (const struct option *option = load_options; option->name != NULL; option++)
        assert_non_null(strstr(data, option != &load_options[4] ? option->help.en : "its new value"));
    assert_non_null(strstr(data, "(default: 2026)"));
    assert_non_null(strstr(data, "(required)"));
    assert_non_null(strstr(data, "(may be given again)"));
    char *rest = data;
    for (const char *line; (line = strsep(&rest, "\n")) != NULL;) assert_true(text_width(line) <= 100);
}

/* In Chinese everything is Chinese, and lines are broken where Chinese allows it: no mark begins a line that belongs to what is before it.
 */
static void test_help_in_chinese(void **state)
{
    (void)state;
    (void)setenv("LC_ALL", "zh_CN.UTF-8", 1);
    assert_null(READ("roster", "load", "--help"));
    assert_memory_equal(data, "用法：nianshen-test roster load [选项...] FILE.csv\n", 50);
    assert_non_null(strstr(data, "（默认：2026）"));
    char *rest = data;
    for (const char *line; (line = strsep(&rest, "\n")) != NULL;) {
        assert_true(text_width(line) <= 100);
        const char *text = line + strspn(line, " ");
        assert_true(strncmp(text, "，", 3) != 0 && strncmp(text, "。", 3) != 0 && strncmp(text, "”", 3) != 0 &&
                    strncmp(text, "）", 3) != 0);
    }
    assert_null(READ("roster", "load", "--unit"));
    assert_string_equal(talk, "nianshen-test: --unit 需要一个值；请写 --unit=值；用法见 'nianshen-test roster load --help'\n");
    (void)unsetenv("LC_ALL");
}

/* The first of the three variables that is set and not empty decides; zh is Chinese, anything else English. */
static void test_language(void **state)
{
    static const struct {
        const char *all, *messages, *lang;
        bool is_chinese;
    } cases[] = {{"zh_CN.UTF-8", "C", "C", true}, {"", "zh_TW", "C", true},   {"", "", "zh", true},
                 {"C", "zh_CN", "zh_CN", false},  {"", "en_US", "zh", false}, {"", "", "", false}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        (void)setenv("LC_ALL", cases[i].all, 1);
        (void)setenv("LC_MESSAGES", cases[i].messages, 1);
        (void)setenv("LANG", cases[i].lang, 1);
        language_use_environment();
        assert_int_equal(language_is_chinese(), cases[i].is_chinese);
        assert_string_equal(language_pick("年", "year"), cases[i].is_chinese ? "年" : "year");
        language_use_english();
        assert_string_equal(language_words((struct words){"年", "year"}), "year");
    }
    (void)unsetenv("LC_ALL"), (void)unsetenv("LC_MESSAGES"), (void)unsetenv("LANG");
}

/* The version is a line of program and number. */
static void test_version(void **state)
{
    (void)state;
    assert_null(READ("--version"));
    assert_int_equal(exit_status, EX_OK);
    assert_string_equal(data, "nianshen-test " NIANSHEN_VERSION "\n");
}

/* ---- the corners ---- */

static const struct option corner_options[] = {
    {"count", OPTION_NUMBER, NULL, 0, 10, false, "N", {"数。", "A number."}},
    {"any", OPTION_NUMBER, NULL, 0, 0, false, "N", {"数。", "A number."}},
    {"flag", OPTION_SWITCH, NULL, 0, 0, false, NULL, {"开关。", "A switch."}},
    {"list", OPTION_LIST, NULL, 0, 0, false, "X", {"列表。", "A list."}},
    {"must", OPTION_TEXT, NULL, 0, 0, true, NULL, {"必需。", "Needed."}},
    {"long_name_of_an_option", OPTION_TEXT, NULL, 0, 0, false, "A-LONG-ARGUMENT-TOO", {"长。", "Long."}},
    {0},
};
static const struct option no_options[] = {{0}};
static const struct command corner_commands[] = {
    {"do not", "FILE", {"不做。", "Do not."}, NULL, run_nothing},
    {"do", NULL, {"做。", "Do."}, corner_options, run_nothing},
    {"rest", NULL, {"休息。", "Rest."}, no_options, run_nothing},
    {0},
};
static const struct command corner_single[] = {{"", "FILE", {"工作。", "Work."}, corner_options, run_nothing}, {0}};

#define READ_CORNER(...) read_with(corner_commands, (const char *const[]){__VA_ARGS__, NULL})

static void test_numbers_and_switches(void **state)
{
    static const char *const wrong[] = {"--count=11", "--count=-1", "--any= 1", "--any=1x", "--any=", "--any=99999999999999999999"};
    static const char *const yes[] = {"true", "yes", "on", "1"}, *const no[] = {"false", "no", "off", "0"};
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_refused(READ_CORNER("do", "--must=x", wrong[i]), EX_USAGE, "whole number", "--help");
    for (size_t i = 0; i < 4; i++) {
        char flag[32];
        for (int is_yes = 0; is_yes <= 1; is_yes++) {
            snprintf(flag, sizeof flag, "--flag=%s", is_yes ? yes[i] : no[i]);
            struct config *config = READ_CORNER("do", "--must=x", flag);
            assert_int_equal(config_switch(config, "flag"), is_yes);
            config_free(config);
        }
    }
    assert_refused(READ_CORNER("do", "--must=x", "--flag=perhaps"), EX_USAGE, "perhaps", "true or false");
    struct config *config = READ_CORNER("do", "--must=x");
    assert_int_equal(config_number(config, "any"), 0);
    assert_false(config_switch(config, "flag"));
    assert_int_equal(config_list_count(config, "list"), 0);
    assert_null(config_list_item(config, "list", 0));
    config_free(config);
    assert_refused(READ_CORNER("do"), EX_USAGE, "--must VALUE", "missing");
}

/* Names that are too long to repeat, and commands of which only a part was typed. */
static void test_long_and_half_words(void **state)
{
    char text[WORD_BYTES_MAX];
    (void)state;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    memcpy(text, "--", 2);
    assert_refused(READ_CORNER("do", text), EX_USAGE, "unknown option", "--help");
    assert_refused(READ_CORNER(text, "do"), EX_USAGE, "unknown option", "stand behind its name");
    assert_refused(READ("roster"), EX_USAGE, "unknown command 'roster'", "'roster load', 'roster list'");
    assert_refused(READ("ro"), EX_USAGE, "unknown command 'ro'", "--help");
    assert_refused(READ("roster", "lo"), EX_USAGE, "unknown command 'roster lo'", "'roster load'");
    assert_refused(READ("rosters", "load"), EX_USAGE, "unknown command", "rosters");
    assert_refused(READ_CORNER("do", "--kafka.linger.ms"), EX_USAGE, "--kafka.linger.ms", "needs a value");

    char name[] = "nianshen-test", *argv[] = {name, name, NULL, NULL}, command[] = "rest";
    char *flag = malloc(8 << 20);
    memset(flag, 'x', (8 << 20) - 1);
    flag[(8 << 20) - 1] = '\0';
    memcpy(flag, "--kafka.", 8);
    argv[1] = command;
    argv[2] = flag;
    assert_null(config_read("nianshen-test", corner_commands, 3, argv, &exit_status)); /* a name without a value */
    assert_int_equal(exit_status, EX_USAGE);
    memcpy(flag, "--kafka.a=", 10);
    assert_null(config_read("nianshen-test", corner_commands, 3, argv, &exit_status)); /* more than all settings may have */
    assert_int_equal(exit_status, EX_USAGE);
    free(flag);
}

/* More commands of one first word than a line of advice has room for. */
static void test_many_commands(void **state)
{
    enum { MANY = 40 };
    static char names[MANY][64];
    static struct command many[MANY + 1];
    (void)state;
    for (int i = 0; i < MANY; i++) {
        snprintf(names[i], sizeof names[i], "verb with-a-rather-long-second-word-%d", i);
        many[i] = (struct command){.name = names[i], .summary = {"做。", "Do."}, .run = run_nothing};
    }
    assert_refused(read_with(many, (const char *const[]){"verb", NULL}), EX_USAGE, "unknown command 'verb'", "second-word-0");
}

/* A file may hold what only another program takes, and help and version are no settings. */
static void test_settings_of_others(void **state)
{
    (void)state;
    write_file("group_id = g\nbatch-records = 5\n");
    config_free(READ_CORNER("rest", "--config", path));
    assert_int_equal(exit_status, EX_OK);
    (void)setenv("NIANSHEN_VERSION", "1", 1);
    (void)setenv("NIANSHEN_HELP", "1", 1);
    struct config *config = READ_CORNER("rest");
    assert_non_null(config);
    config_free(config);
    (void)unsetenv("NIANSHEN_VERSION");
    (void)setenv("NIANSHEN_KAFKA_BOOTSTRAP", "", 1);
    (void)setenv("NIANSHEN_LOG_LEVEL", "loud", 1);
    assert_refused(READ_CORNER("rest"), EX_CONFIG, "log_level", "loud");
    (void)unsetenv("NIANSHEN_LOG_LEVEL");
}

static void test_help_of_corners(void **state)
{
    (void)state;
    assert_null(READ_CORNER("do", "--help"));
    assert_non_null(strstr(data, "--long-name-of-an-option A-LONG-ARGUMENT-TOO\n"));
    assert_null(READ_CORNER("do", "not", "--help"));
    assert_null(READ_CORNER("rest", "--help"));
    assert_null(READ_CORNER("--help"));
    assert_null(read_with(corner_single, (const char *const[]){"--help", NULL}));
    assert_non_null(strstr(data, "FILE"));
}

#define WITH_CLEANING(test) cmocka_unit_test_teardown(test, clean)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CLEANING(test_flags),
        WITH_CLEANING(test_operands),
        WITH_CLEANING(test_precedence),
        WITH_CLEANING(test_environment),
        WITH_CLEANING(test_list_precedence),
        WITH_CLEANING(test_kafka),
        WITH_CLEANING(test_single),
        WITH_CLEANING(test_wrong_flags),
        WITH_CLEANING(test_wrong_commands),
        WITH_CLEANING(test_wrong_value_is_masked),
        WITH_CLEANING(test_wrong_file),
        WITH_CLEANING(test_caps),
        WITH_CLEANING(test_file_caps),
        WITH_CLEANING(test_wrong_environment),
        WITH_CLEANING(test_help),
        WITH_CLEANING(test_help_in_chinese),
        WITH_CLEANING(test_language),
        WITH_CLEANING(test_version),
        WITH_CLEANING(test_numbers_and_switches),
        WITH_CLEANING(test_long_and_half_words),
        WITH_CLEANING(test_many_commands),
        WITH_CLEANING(test_settings_of_others),
        WITH_CLEANING(test_help_of_corners),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
