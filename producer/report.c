#include "producer/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "core/language.h"
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

static void problem_print(const struct problem *problem, const char *label, const char *rows)
{
    struct message message;
    struct message_values values = {.position = problem->position, .expected = problem->expected, .field = problem->column};
    message_of_code(&message, problem->code, &values);
    const char *column = problem->column, *value = problem->value;
    fprintf(stderr, language_pick("%1$s：第 %3$" PRId64 " %2$s", "%s: %s %" PRId64), label, rows, problem->row);
    if (*column != '\0') fprintf(stderr, language_pick("，列 %s", ", column %s"), column);
    if (*value != '\0') fprintf(stderr, language_pick("，%s", ", %s"), value);
    fprintf(stderr, language_pick("：%s", ": %s"), *problem->text != '\0' ? problem->text : message.text);
    if (problem->other_row != 0)
        fprintf(stderr, language_pick("（与第 %2$" PRId64 " %1$s相同）", " (the same as %s %" PRId64 ")"), rows, problem->other_row);
    fprintf(stderr, " [%s]\n", problem->code);
}

static void problems_print(const struct problems *problems, struct words label, const char *rows)
{
    for (size_t i = 0; i < problems->count; i++) problem_print(&problems->list[i], language_words(label), rows);
    if (problems->total == 0) return;
    fprintf(stderr, language_pick("共 %" PRId64 " 处%s%s", "%" PRId64 " %s%s in all"), problems->total, language_words(label),
            problems->total == 1 ? "" : language_pick("", "s"));
    if ((int64_t)problems->count < problems->total)
        fprintf(stderr, language_pick("，只列出前 %zu 处", ", the first %zu are listed"), problems->count);
    fputs("\n", stderr);
}

void report_print(const struct report *report, const char *rows)
{
    static const struct words warning = {"提示", "warning"}, error = {"错误", "error"};
    problems_print(&report->warnings, warning, rows);
    problems_print(&report->errors, error, rows);
}

int report_fault(const struct fault *fault)
{
    fprintf(stderr, "nianshen-producer: %s [%s]\n", fault->text, fault->code);
    return fault->exit_status != 0 ? fault->exit_status : EX_SOFTWARE;
}
