/* check-id, check-code: one number a line in, one verdict a line out. Nothing else of the program is needed for it, no broker either. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "core/credit_code.h"
#include "core/id_number.h"
#include "core/json.h"
#include "core/language.h"
#include "core/moment.h"
#include "core/region.h"
#include "producer/commands.h"
#include "producer/message.h"
#include "producer/options.h"
#include "producer/report.h"

#define OPTION_OF_JSON                                                                                                                     \
    {                                                                                                                                      \
        .name = "json", .kind = OPTION_SWITCH, .help = {                                                                                   \
            "每行输出一个 JSON 对象，含已知的全部内容。",                                                                                  \
            "One JSON object a line, with all that is known."                                                                              \
        }                                                                                                                                  \
    }

const struct option check_id_options[] = {
    OPTION_OF_JSON,
    {.name = "on",
     .kind = OPTION_TEXT,
     .argument = "DATE",
     .help = {"判定所依据的日期；默认为北京时间的今天。", "The date to judge on; default: today in China."}},
    OPTION_END};
const struct option check_code_options[] = {OPTION_OF_JSON, OPTION_END};

enum {
    CHECK_LINE_BYTES_MAX = 1024, /* kept of a line: more than both checks read before they refuse it for its length */
    CHECK_TEXT_BYTES_MAX = 2 * MESSAGE_BYTES_MAX,
};

/* What both checks say, in one form. */
struct finding {
    const char *level, *code; /* code: NULL when there is nothing to say */
    const char *others[ID_OTHERS_MAX + 1]; /* further codes, NULL ends */
    char normalised[ID_NUMBER_CHARS + 1];
    int position;
    char expected;
    char text[CHECK_TEXT_BYTES_MAX];
};

struct check {
    date_ymd today;
    bool is_json, has_error;
    FILE *file;
    bool is_first_line;
    size_t line_bytes; /* of what is kept */
    char line[CHECK_LINE_BYTES_MAX];
    void (*judge)(const struct check *check, struct finding *finding, json_t *more);
};

/* ---- the lines ---- */

/* Reads to the end of the line and keeps what fits; false at the end of the file. */
static bool check_read_line(struct check *check)
{
    static const char byte_order_mark[] = "\xEF\xBB\xBF";
    int c;
    uint64_t bytes = 0;
    while ((c = getc_unlocked(check->file)) != EOF && c != '\n') {
        if (bytes < CHECK_LINE_BYTES_MAX) check->line[bytes] = (char)c;
        bytes++;
    }
    if (c == EOF && bytes == 0) return false;
    check->line_bytes = bytes < CHECK_LINE_BYTES_MAX ? (size_t)bytes : CHECK_LINE_BYTES_MAX;
    if (bytes <= CHECK_LINE_BYTES_MAX && bytes > 0 && check->line[bytes - 1] == '\r') check->line_bytes--;
    if (check->is_first_line && check->line_bytes >= 3 && memcmp(check->line, byte_order_mark, 3) == 0) {
        check->line_bytes -= 3;
        memmove(check->line, check->line + 3, check->line_bytes);
    }
    check->is_first_line = false;
    return true;
}

/* ---- what is said ---- */

static void finding_set_text(struct finding *finding)
{
    struct message message;
    struct message_values values = {.position = finding->position, .expected = finding->expected};
    message_of_code(&message, finding->code, &values);
    snprintf(finding->text, sizeof finding->text, "%s", message.text);
}

static const char *gender_word(char gender)
{
    if (gender == 0) return "";
    return gender == 'M' ? language_pick("，男", ", male") : language_pick("，女", ", female");
}

/* "居民身份证，湖南省娄底地区，1977-07-30 出生，女" */
static void verdict_describe(const struct id_verdict *verdict, char *out, size_t out_bytes)
{
    char region[REGION_NAME_BYTES_MAX];
    region_describe(verdict->region, region, sizeof region);
    snprintf(out, out_bytes, language_pick("%s%s%s，%04d-%02d-%02d 出生%s", "%s%s%s, born %04d-%02d-%02d%s"), id_form_name(verdict->form),
             region[0] == '\0' ? "" : language_pick("，", ", "), region, verdict->born / 10000, verdict->born / 100 % 100,
             verdict->born % 100, gender_word(verdict->gender));
}

static void check_add_person(const struct id_verdict *verdict, json_t *more)
{
    char region[REGION_NAME_BYTES_MAX], born[16], gender[] = {verdict->gender, '\0'};
    static const char *const forms[] = {
        [ID_FORM_NONE] = "",         [ID_FORM_RESIDENT] = "resident",   [ID_FORM_OLD] = "resident-15",
        [ID_FORM_PERMIT] = "permit", [ID_FORM_FOREIGNER] = "foreigner", [ID_FORM_FOREIGNER_OLD] = "foreigner-15"};
    if (verdict->level == ID_ERROR) return;
    region_describe(verdict->region, region, sizeof region);
    snprintf(born, sizeof born, "%04d-%02d-%02d", verdict->born / 10000, verdict->born / 100 % 100, verdict->born % 100);
    json_object_set_new(more, "form", json_string(forms[verdict->form]));
    json_object_set_new(more, "region", json_sprintf("%06d", verdict->region));
    json_object_set_new(more, "region_name", json_string(region));
    json_object_set_new(more, "born", json_string(born));
    if (verdict->gender != 0) json_object_set_new(more, "gender", json_string(gender));
}

static void check_judge_id(const struct check *check, struct finding *finding, json_t *more)
{
    static const char *const levels[] = {[ID_OK] = "ok", [ID_WARNING] = "warning", [ID_ERROR] = "error"};
    struct id_verdict verdict = id_number_check(check->line, check->line_bytes, check->today);
    *finding =
        (struct finding){.level = levels[verdict.level], .code = verdict.code, .position = verdict.position, .expected = verdict.expected};
    memcpy(finding->others, verdict.others, sizeof finding->others);
    memcpy(finding->normalised, verdict.normalised, sizeof finding->normalised);
    if (verdict.code != NULL)
        finding_set_text(finding);
    else
        verdict_describe(&verdict, finding->text, sizeof finding->text);
    if (more != NULL) check_add_person(&verdict, more);
}

static void check_judge_code(const struct check *check, struct finding *finding, json_t *more)
{
    static const char *const levels[] = {[CREDIT_CODE_OK] = "ok", [CREDIT_CODE_WARNING] = "warning", [CREDIT_CODE_ERROR] = "error"};
    struct credit_code_verdict verdict = credit_code_check(check->line, check->line_bytes);
    (void)more;
    *finding =
        (struct finding){.level = levels[verdict.level], .code = verdict.code, .position = verdict.position, .expected = verdict.expected};
    memcpy(finding->normalised, verdict.normalised, sizeof verdict.normalised);
    if (verdict.code != NULL)
        finding_set_text(finding);
    else
        snprintf(finding->text, sizeof finding->text, "%s", language_pick("统一社会信用代码", "unified social credit code"));
}

/* ---- how it is written ---- */

static void check_print_columns(const struct finding *finding)
{
    printf("%s\t%s\t%s\t%s\n", finding->level, finding->code != NULL ? finding->code : "-",
           finding->normalised[0] != '\0' ? finding->normalised : "-", finding->text);
}

static bool check_print_json(const struct finding *finding, json_t *object)
{
    char expected[] = {finding->expected, '\0'};
    json_t *codes = json_array();
    if (finding->code != NULL) json_array_append_new(codes, json_string(finding->code));
    for (size_t i = 0; finding->others[i] != NULL; i++) json_array_append_new(codes, json_string(finding->others[i]));
    json_object_set_new(object, "level", json_string(finding->level));
    json_object_set_new(object, "codes", codes);
    json_object_set_new(object, "text", json_string(finding->text));
    if (finding->normalised[0] != '\0') json_object_set_new(object, "normalised", json_string(finding->normalised));
    if (finding->position != 0) json_object_set_new(object, "position", json_integer(finding->position));
    if (finding->expected != 0) json_object_set_new(object, "expected", json_string(expected));
    return json_dumpf(object, stdout, JSON_COMPACT | JSON_SORT_KEYS) == 0 && putchar('\n') != EOF;
}

static bool check_line(struct check *check, struct fault *fault)
{
    struct finding finding;
    json_t *object = check->is_json ? json_object() : NULL;
    if (check->is_json && object == NULL)
        return fault_set(fault, FAULT_FATAL, EX_OSERR, "out-of-memory", language_pick("内存不足", "no memory for a line"));
    check->judge(check, &finding, object);
    if (check->is_json)
        (void)check_print_json(&finding, object);
    else
        check_print_columns(&finding);
    json_decref(object);
    if (strcmp(finding.level, "error") == 0) check->has_error = true;
    return true;
}

/* ---- the commands ---- */

static bool check_open(struct check *check, const struct config *config, struct fault *fault)
{
    const char *path = config_operand_count(config) > 0 ? config_operand(config, 0) : "-";
    check->file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
    if (check->file != NULL) return true;
    return fault_set(fault, FAULT_REJECT, EX_NOINPUT, "no-input", language_pick("打不开文件 %s：%s", "%s can not be opened: %s"), path,
                     strerror(errno));
}

static bool check_all(struct check *check, const struct config *config, struct fault *fault)
{
    check->is_json = config_switch(config, "json");
    check->is_first_line = true;
    if (!check_open(check, config, fault)) return false;
    bool ok = true;
    while (ok && check_read_line(check)) ok = check_line(check, fault);
    if (ok && ferror(check->file))
        ok = fault_set(fault, FAULT_FATAL, EX_IOERR, "read-failed", language_pick("读取文件出错", "the file can not be read"));
    if (ok && fflush(stdout) != 0)
        ok = fault_set(fault, FAULT_FATAL, EX_IOERR, "output-failed", language_pick("无法写到标准输出", "standard output fails"));
    if (check->file != stdin) fclose(check->file);
    return ok;
}

static int check_run(struct check *check, const struct config *config, struct fault *fault)
{
    if (!check_all(check, config, fault)) return report_fault(fault);
    return check->has_error ? EX_DATAERR : EX_OK;
}

int check_id_run(const struct config *config)
{
    struct fault fault = {.kind = FAULT_NONE};
    struct check check = {.judge = check_judge_id, .today = moment_cst_date(moment_now_ms())};
    const char *on = config_text(config, "on");
    if (on != NULL && !date_parse(on, strlen(on), &check.today)) {
        fault_set(&fault, FAULT_REJECT, EX_USAGE, "bad-option",
                  language_pick("--on 须为日期，如 2026-03-01", "--on must be a date such as 2026-03-01"));
        return report_fault(&fault);
    }
    return check_run(&check, config, &fault);
}

int check_code_run(const struct config *config)
{
    struct fault fault = {.kind = FAULT_NONE};
    struct check check = {.judge = check_judge_code};
    return check_run(&check, config, &fault);
}
