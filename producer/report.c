#include "producer/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "core/code.h"
#include "producer/marks.h"
#include "producer/message.h"

void report_start(struct report *report)
{
    *report = (struct report){.errors.limit = REPORT_ERRORS_MAX, .warnings.limit = REPORT_WARNINGS_MAX};
}

void report_free(struct report *report)
{
    free(report->errors.list);
    free(report->warnings.list);
}

/* Keeps the list sorted by row: what the rows themselves show comes in order, but duplicates are found only after sorting. */
static void problems_add(struct problems *problems, const struct problem *problem)
{
    problems->total++;
    if (problems->list == NULL) problems->list = calloc(problems->limit, sizeof *problems->list);
    if (problems->list == NULL) return;
    size_t at = problems->count;
    while (at > 0 && problems->list[at - 1].row > problem->row) at--;
    if (at == problems->limit) return;
    if (problems->count == problems->limit) problems->count--;
    memmove(problems->list + at + 1, problems->list + at, (problems->count - at) * sizeof *problems->list);
    problems->list[at] = *problem;
    problems->count++;
}

void report_error(struct report *report, const struct problem *problem)
{
    problems_add(&report->errors, problem);
    if (report->marks != NULL && report->fault.kind == FAULT_NONE) (void)marks_add(report->marks, problem, &report->fault);
}

void report_warning(struct report *report, const struct problem *problem)
{
    problems_add(&report->warnings, problem);
}

static void problem_print(const struct problem *problem, const char *label_zh, const char *rows_zh, const char *rows_en)
{
    struct message message;
    struct message_values values = {.position = problem->position, .expected = problem->expected, .field = problem->column};
    message_of_code(&message, problem->code, &values);
    const char *column = problem->column, *value = problem->value;
    fprintf(stderr, "%s：第 %" PRId64 " %s", label_zh, problem->row, rows_zh);
    if (*column != '\0') fprintf(stderr, "，列 %s", column);
    if (*value != '\0') fprintf(stderr, "，%s", value);
    fprintf(stderr, "：%s", message.zh);
    if (problem->other_row != 0) fprintf(stderr, "（与第 %" PRId64 " %s相同）", problem->other_row, rows_zh);
    fprintf(stderr, "\n  %s %" PRId64, rows_en, problem->row);
    if (*column != '\0') fprintf(stderr, ", column %s", column);
    if (*value != '\0') fprintf(stderr, ", %s", value);
    fprintf(stderr, ": %s", *problem->text != '\0' ? problem->text : message.en);
    if (problem->other_row != 0) fprintf(stderr, " (the same as %s %" PRId64 ")", rows_en, problem->other_row);
    fprintf(stderr, " [%s]\n", problem->code);
}

static void problems_print(const struct problems *problems, const char *label_zh, const char *label_en, const char *rows_zh,
                           const char *rows_en)
{
    for (size_t i = 0; i < problems->count; i++) problem_print(&problems->list[i], label_zh, rows_zh, rows_en);
    if (problems->total == 0) return;
    fprintf(stderr, "共 %" PRId64 " 处%s", problems->total, label_zh);
    if ((int64_t)problems->count < problems->total) fprintf(stderr, "，只列出前 %zu 处", problems->count);
    fprintf(stderr, " / %" PRId64 " %s%s in all", problems->total, label_en, problems->total == 1 ? "" : "s");
    if ((int64_t)problems->count < problems->total) fprintf(stderr, ", the first %zu are listed", problems->count);
    fputs("\n", stderr);
}

void report_print(const struct report *report, const char *rows_zh, const char *rows_en)
{
    problems_print(&report->warnings, "提示", "warning", rows_zh, rows_en);
    problems_print(&report->errors, "错误", "error", rows_zh, rows_en);
}

/*
 * The core speaks English; the table of codes has the Chinese for it. core/csv.h begins its texts with the row, which the Chinese
 * names too; a sentence in which another place would stay open is left out.
 */
static const char *fault_chinese(const struct fault *fault, struct message *message)
{
    struct message_values values = {.field = NULL};
    for (const char *at = fault->text; *at != '\0'; at++)
        if ((unsigned char)*at >= 0x80) return NULL;
    const struct code *code = code_find(fault->code);
    if (code == NULL || strstr(code->zh, "{field}") != NULL) return NULL;
    if (strncmp(fault->text, "row ", 4) == 0) values.position = (int)strtol(fault->text + 4, NULL, 10);
    if (values.position == 0 && strstr(code->zh, "{position}") != NULL) return NULL;
    message_of_code(message, fault->code, &values);
    return message->zh;
}

int report_fault(const struct fault *fault)
{
    struct message message;
    const char *zh = fault_chinese(fault, &message);
    fputs("nianshen-producer: ", stderr);
    if (zh != NULL) fprintf(stderr, "%s\n  ", zh);
    fprintf(stderr, "%s [%s]\n", fault->text, fault->code);
    return fault->exit_status != 0 ? fault->exit_status : EX_SOFTWARE;
}
