#include "producer/outcome.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "core/text.h"

struct outcome_kind {
    const char *type, *zh, *en;
    int exit_status;
    bool is_final;
};

static const struct outcome_kind outcome_kinds[] = {
    {"nianshen.unit-review.accepted.v1", "单位信息年审已受理", "the unit review is accepted", EX_OK, true},
    {"nianshen.unit-review.rejected.v1", "单位信息年审未被接受", "the unit review is rejected", EX_DATAERR, true},
    {"nianshen.member-review.pending.v1", "会员信息年审已受理，等待上级工会审核",
     "the submission is valid and waits for the superior's decision", EX_OK, true},
    {"nianshen.member-review.waiting.v1", "会员信息年审暂不能处理", "the submission can not be judged yet", EX_OK, false},
    {"nianshen.member-review.rejected.v1", "会员信息年审未被接受", "the submission is rejected", EX_DATAERR, true},
    {"nianshen.member-review.completed.v1", "审核通过，年审完成", "approved: the review is completed", EX_OK, true},
    {"nianshen.member-review.closed.v1", "提交已关闭，可以重新提交", "the submission is closed; the unit may submit again", EX_OK, true},
    {"nianshen.decision.rejected.v1", "审核操作未被接受", "the decision is rejected", EX_DATAERR, true},
};

struct outcome {
    const struct outcome_kind *kind;
    json_t *data;
};

struct outcome *outcome_new(const char *type, size_t type_bytes, const char *json, size_t json_bytes)
{
    const struct outcome_kind *kind = NULL;
    for (size_t i = 0; i < sizeof outcome_kinds / sizeof *outcome_kinds; i++)
        if (strlen(outcome_kinds[i].type) == type_bytes && memcmp(outcome_kinds[i].type, type, type_bytes) == 0) kind = &outcome_kinds[i];
    json_t *data = kind != NULL ? json_loadb(json, json_bytes, 0, NULL) : NULL;
    struct outcome *outcome = json_is_object(data) ? malloc(sizeof *outcome) : NULL;
    if (outcome == NULL) {
        json_decref(data);
        return NULL;
    }
    *outcome = (struct outcome){.kind = kind, .data = data};
    return outcome;
}

void outcome_free(struct outcome *outcome)
{
    if (outcome == NULL) return;
    json_decref(outcome->data);
    free(outcome);
}

int64_t outcome_year(const struct outcome *outcome)
{
    return json_integer_value(json_object_get(outcome->data, "year"));
}

bool outcome_is_final(const struct outcome *outcome)
{
    return outcome->kind->is_final;
}

int outcome_exit_status(const struct outcome *outcome)
{
    return outcome->kind->exit_status;
}

/* A text from the wire, made harmless for a terminal; digits that could be an ID number are masked once more. */
static void print_text(FILE *out, const char *text)
{
    char shown[2048];
    text_mask_digits(text, strlen(text), shown, sizeof shown);
    fputs(shown, out);
}

/* Exact where it must be copied (a digest, an id): only control characters are replaced. */
static void print_exact(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) fputc((unsigned char)*text < 0x20 || *text == 0x7F ? '?' : *text, out);
}

/* {"retired": 2, "left": 1} as "retired 2, left 1". */
static void print_counts(FILE *out, const char *zh, const char *en, json_t *counts)
{
    const char *name, *between = "";
    json_t *count;
    fprintf(out, "  %s %s: ", zh, en);
    json_object_foreach(counts, name, count)
    {
        fputs(between, out);
        print_text(out, name);
        fprintf(out, " %" JSON_INTEGER_FORMAT, json_integer_value(count));
        between = ", ";
    }
    fputs(*between == '\0' ? "0\n" : "\n", out);
}

static void outcome_print_field(const struct outcome *outcome, const char *name, const char *zh, FILE *out)
{
    json_t *value = json_object_get(outcome->data, name);
    if (json_is_object(value)) {
        print_counts(out, zh, name, value);
    } else if (json_is_integer(value)) {
        fprintf(out, "  %s %s: %" JSON_INTEGER_FORMAT "\n", zh, name, json_integer_value(value));
    } else if (json_is_string(value)) {
        fprintf(out, "  %s %s: ", zh, name);
        if (strcmp(name, "comment") == 0)
            print_text(out, json_string_value(value));
        else
            print_exact(out, json_string_value(value));
        fputs("\n", out);
    }
}

static void outcome_print_fields(const struct outcome *outcome, FILE *out)
{
    static const struct {
        const char *name, *zh;
    } fields[] = {
        {"unit", "单位"},          {"year", "年度"},        {"unit_review", "单位年审号"},  {"submission", "提交号"},
        {"decision", "审核号"},    {"how", "关闭方式"},     {"comment", "审核意见"},        {"mode", "方式"},
        {"listed", "名单"},        {"passed", "通过"},      {"failed", "不通过"},           {"reasons", "原因"},
        {"removed_total", "移出"}, {"removed", "移出原因"}, {"already_gone", "已不在名册"}, {"digest", "摘要"},
    };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) outcome_print_field(outcome, fields[i].name, fields[i].zh, out);
}

static const char *text_of(json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "";
}

static int64_t entry_row(json_t *entry, const struct outcome_rows *rows)
{
    json_t *chunk = json_object_get(entry, "chunk"), *index = json_object_get(entry, "index");
    if (rows == NULL || !json_is_integer(chunk) || !json_is_integer(index)) return 0;
    enum event_list list = strcmp(text_of(entry, "list"), "passed") == 0 ? EVENT_LIST_PASSED : EVENT_LIST_FAILED;
    return rows->row(rows->context, json_integer_value(chunk), list, json_integer_value(index));
}

/*
 * Where it is and who or what it is about: the row, a masked ID number, a member number where there is one, or a field of the profile; what
 * is unknown is left out. What follows is set off by `after`, unless nothing was printed.
 */
static void entry_print_subject(json_t *entry, const char *row_text, const char *member_label, const char *after, FILE *out)
{
    const char *member_no = text_of(entry, "member_no"), *id_number = text_of(entry, "id_number"), *field = text_of(entry, "field");
    fputs(row_text, out);
    print_text(out, id_number);
    if (*member_no != '\0') {
        fputs(member_label, out);
        print_text(out, member_no);
    }
    print_text(out, field);
    if (*row_text != '\0' || *id_number != '\0' || *member_no != '\0' || *field != '\0') fputs(after, out);
}

static void entry_print(json_t *entry, const char *label_zh, const struct outcome_rows *rows, FILE *out)
{
    int64_t row = entry_row(entry, rows);
    char row_zh[48] = "", row_en[48] = "";
    if (row > 0) {
        snprintf(row_zh, sizeof row_zh, "第 %" PRId64 " 行，", row);
        snprintf(row_en, sizeof row_en, "row %" PRId64 ", ", row);
    }
    fprintf(out, "%s：", label_zh);
    entry_print_subject(entry, row_zh, "，会员编号 ", "：", out);
    print_text(out, text_of(entry, "zh"));
    fputs("\n  ", out);
    entry_print_subject(entry, row_en, ", member no. ", ": ", out);
    print_text(out, text_of(entry, "en"));
    fputs(" [", out);
    print_text(out, text_of(entry, "code"));
    fputs("]\n", out);
}

static void outcome_print_entries(const struct outcome *outcome, const char *name, const char *total_name, const char *label_zh,
                                  const struct outcome_rows *rows, FILE *out)
{
    json_t *list = json_object_get(outcome->data, name), *total_value = json_object_get(outcome->data, total_name);
    size_t count = json_array_size(list), told = count < OUTCOME_ROWS_MAX ? count : OUTCOME_ROWS_MAX;
    int64_t total = json_is_integer(total_value) ? json_integer_value(total_value) : (int64_t)count;
    for (size_t i = 0; i < told; i++) entry_print(json_array_get(list, i), label_zh, rows, out);
    if (total == 0) return;
    fprintf(out, "共 %" PRId64 " 处%s", total, label_zh);
    if ((int64_t)told < total) fprintf(out, "，只列出前 %zu 处", told);
    fprintf(out, " / %s: %" PRId64, name, total);
    if ((int64_t)told < total) fprintf(out, ", the first %zu are listed", told);
    fputs("\n", out);
}

static void outcome_tell_errors(const struct outcome *outcome, const struct outcome_rows *rows)
{
    size_t index;
    json_t *entry;
    json_array_foreach(json_object_get(outcome->data, "errors"), index, entry)
    {
        int64_t row = entry_row(entry, rows);
        int position = (int)json_integer_value(json_object_get(entry, "position"));
        if (row > 0) rows->error(rows->context, row, text_of(entry, "code"), position, *text_of(entry, "expected"));
    }
}

void outcome_print(const struct outcome *outcome, const struct outcome_rows *rows, FILE *out)
{
    const char *zh = text_of(outcome->data, "zh"), *en = text_of(outcome->data, "en"), *code = text_of(outcome->data, "code");
    fprintf(out, "%s / %s\n", outcome->kind->zh, outcome->kind->en);
    if (*zh != '\0' || *en != '\0') {
        fputs("  ", out);
        print_text(out, zh);
        fputs("\n  ", out);
        print_text(out, en);
        fputs(" [", out);
        print_text(out, code);
        fputs("]\n", out);
    }
    outcome_print_fields(outcome, out);
    outcome_print_entries(outcome, "warnings", "warnings_total", "提示", rows, out);
    outcome_print_entries(outcome, "errors", "errors_total", "错误", rows, out);
    if (rows != NULL) outcome_tell_errors(outcome, rows);
}
