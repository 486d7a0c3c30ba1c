#include "producer/outcome.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "core/json.h"
#include "core/language.h"
#include "core/text.h"

struct outcome_kind {
    const char *type;
    struct words what;
    int exit_status;
    bool is_final;
};

static const struct outcome_kind outcome_kinds[] = {
    {"nianshen.unit-review.accepted.v1", {"单位信息年审已受理", "the unit review is accepted"}, EX_OK, true},
    {"nianshen.unit-review.rejected.v1", {"单位信息年审未被接受", "the unit review is rejected"}, EX_DATAERR, true},
    {"nianshen.member-review.pending.v1",
     {"会员信息年审已受理，等待上级工会审核", "the submission is valid and waits for the superior's decision"},
     EX_OK,
     true},
    {"nianshen.member-review.waiting.v1", {"会员信息年审暂不能处理", "the submission can not be judged yet"}, EX_OK, false},
    {"nianshen.member-review.rejected.v1", {"会员信息年审未被接受", "the submission is rejected"}, EX_DATAERR, true},
    {"nianshen.member-review.completed.v1", {"审核通过，年审完成", "approved: the review is completed"}, EX_OK, true},
    {"nianshen.member-review.closed.v1", {"提交已关闭，可以重新提交", "the submission is closed; the unit may submit again"}, EX_OK, true},
    {"nianshen.decision.rejected.v1", {"审核操作未被接受", "the decision is rejected"}, EX_DATAERR, true},
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

/* A code as the reader's word for it; one that this release does not know stays as it is. */
static void print_word(FILE *out, const char *code)
{
    static const struct words words[] = {{"退休", "retired"},  {"离职", "left"},     {"死亡", "deceased"}, {"导入文件年审", "import"},
                                         {"列表年审", "list"}, {"退回", "returned"}, {"撤回", "withdrawn"}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i].en, code) == 0) code = language_words(words[i]);
    print_text(out, code);
}

/* {"retired": 2, "left": 1} as "retired 2, left 1". */
static void print_counts(FILE *out, json_t *counts)
{
    const char *name, *between = "";
    json_t *count;
    json_object_foreach(counts, name, count)
    {
        fputs(between, out);
        print_word(out, name);
        fprintf(out, " %" JSON_INTEGER_FORMAT, json_integer_value(count));
        between = language_pick("，", ", ");
    }
    if (*between == '\0') fputs("0", out);
}

/* How a field's text is written. */
enum field_kind { FIELD_EXACT, FIELD_WORD, FIELD_COMMENT };

static void print_value(FILE *out, json_t *value, enum field_kind kind)
{
    const char *text = json_string_value(value);
    if (json_is_object(value))
        print_counts(out, value);
    else if (json_is_integer(value))
        fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (text != NULL && kind == FIELD_WORD)
        print_word(out, text);
    else if (text != NULL && kind == FIELD_COMMENT)
        print_text(out, text);
    else if (text != NULL)
        print_exact(out, text);
}

static void outcome_print_fields(const struct outcome *outcome, FILE *out)
{
    static const struct {
        const char *name;
        struct words label;
        enum field_kind kind;
    } fields[] = {
        {"unit", {"单位", "unit"}, FIELD_EXACT},
        {"year", {"年度", "year"}, FIELD_EXACT},
        {"unit_review", {"单位年审号", "unit review"}, FIELD_EXACT},
        {"submission", {"提交号", "submission"}, FIELD_EXACT},
        {"decision", {"审核号", "decision"}, FIELD_EXACT},
        {"how", {"关闭方式", "how it was closed"}, FIELD_WORD},
        {"comment", {"审核意见", "comment"}, FIELD_COMMENT},
        {"mode", {"方式", "mode"}, FIELD_WORD},
        {"listed", {"参审人数", "listed"}, FIELD_EXACT},
        {"passed", {"通过", "passed"}, FIELD_EXACT},
        {"failed", {"不通过", "failed"}, FIELD_EXACT},
        {"reasons", {"不通过原因", "reasons"}, FIELD_EXACT},
        {"removed_total", {"移出", "removed"}, FIELD_EXACT},
        {"removed", {"移出原因", "removed by reason"}, FIELD_EXACT},
        {"already_gone", {"此前已不在名册", "gone before"}, FIELD_EXACT},
        {"digest", {"摘要", "digest"}, FIELD_EXACT},
    };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        json_t *value = json_object_get(outcome->data, fields[i].name);
        if (value == NULL || json_is_null(value)) continue;
        fprintf(out, language_pick("  %s：", "  %s: "), language_words(fields[i].label));
        print_value(out, value, fields[i].kind);
        fputs("\n", out);
    }
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
 * is unknown is left out. What follows is set off, unless nothing was printed.
 */
static void entry_print_subject(json_t *entry, int64_t row, FILE *out)
{
    const char *subjects[] = {text_of(entry, "id_number"), text_of(entry, "member_no"), text_of(entry, "field")};
    const char *const labels[] = {"", language_pick("会员编号 ", "member no. "), ""};
    const char *between = "";
    if (row > 0) {
        fprintf(out, language_pick("第 %" PRId64 " 行", "row %" PRId64), row);
        between = language_pick("，", ", ");
    }
    for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++) {
        if (*subjects[i] == '\0') continue;
        fprintf(out, "%s%s", between, labels[i]);
        print_text(out, subjects[i]);
        between = language_pick("，", ", ");
    }
    if (*between != '\0') fputs(language_pick("：", ": "), out);
}

static void entry_print(json_t *entry, const char *label, const struct outcome_rows *rows, FILE *out)
{
    fprintf(out, language_pick("%s：", "%s: "), label);
    entry_print_subject(entry, entry_row(entry, rows), out);
    print_text(out, text_of(entry, language_pick("zh", "en")));
    fputs(" [", out);
    print_text(out, text_of(entry, "code"));
    fputs("]\n", out);
}

static void outcome_print_entries(const struct outcome *outcome, const char *name, const char *total_name, struct words label,
                                  const struct outcome_rows *rows, FILE *out)
{
    json_t *list = json_object_get(outcome->data, name), *total_value = json_object_get(outcome->data, total_name);
    size_t count = json_array_size(list), told = count < OUTCOME_ROWS_MAX ? count : OUTCOME_ROWS_MAX;
    int64_t total = json_is_integer(total_value) ? json_integer_value(total_value) : (int64_t)count;
    for (size_t i = 0; i < told; i++) entry_print(json_array_get(list, i), language_words(label), rows, out);
    if (total == 0) return;
    fprintf(out, language_pick("共 %" PRId64 " 处%s%s", "%" PRId64 " %s%s in all"), total, language_words(label),
            total == 1 ? "" : language_pick("", "s"));
    if ((int64_t)told < total) fprintf(out, language_pick("，只列出前 %zu 处", ", the first %zu are listed"), told);
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
    static const struct words warning = {"提示", "warning"}, error = {"错误", "error"};
    const char *text = text_of(outcome->data, language_pick("zh", "en"));
    fprintf(out, "%s\n", language_words(outcome->kind->what));
    if (*text != '\0') {
        fputs("  ", out);
        print_text(out, text);
        fputs(" [", out);
        print_text(out, text_of(outcome->data, "code"));
        fputs("]\n", out);
    }
    outcome_print_fields(outcome, out);
    outcome_print_entries(outcome, "warnings", "warnings_total", warning, rows, out);
    outcome_print_entries(outcome, "errors", "errors_total", error, rows, out);
    if (rows != NULL) outcome_tell_errors(outcome, rows);
}
