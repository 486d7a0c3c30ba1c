/* submit: a clerk's file to the chunks of one submission. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "core/language.h"
#include "core/moment.h"
#include "core/private_file.h"
#include "producer/arguments.h"
#include "producer/chunks.h"
#include "producer/commands.h"
#include "producer/dispatch.h"
#include "producer/input.h"
#include "producer/marks.h"
#include "producer/options.h"
#include "producer/report.h"
#include "producer/sheet.h"

const struct option submit_options[] = {
    OPTION_OF_UNIT,
    OPTION_OF_YEAR,
    {.name = "unit_review",
     .kind = OPTION_TEXT,
     .required = true,
     .argument = "ID",
     .help = {"单位年审号，由 confirm-unit 打印。", "The unit review's id, as confirm-unit printed it."}},
    {.name = "mode",
     .kind = OPTION_TEXT,
     .required = true,
     .argument = "import|list",
     .help = {"import（导入文件年审）：文件只列不通过的会员；list（列表年审）：列出全部会员及结果。",
              "import: the file lists who fails; list: everybody with a result."}},
    OPTION_OF_SUBMITTED_BY,
    {.name = "reason",
     .kind = OPTION_TEXT,
     .argument = "REASON",
     .help = {"没有填写原因的行所用的不通过原因：退休、离职或死亡。",
              "The failure reason of rows without one: retired, left or deceased."}},
    {.name = "reasons",
     .kind = OPTION_TEXT,
     .fallback = REASONS_DEFAULT,
     .argument = "CODE=NAME,...",
     .help = {"系统认识的不通过原因，写作“代码=名称”。", "The failure reasons that the system knows, as code=name."}},
    {.name = "allow_malformed",
     .kind = OPTION_SWITCH,
     .help = {"放行不规范的证件号码，用于名册中本来就这样写的情况。",
              "Let malformed ID numbers through, for a roster that holds them like that."}},
    {.name = "chunk_entries",
     .kind = OPTION_NUMBER,
     .fallback = "5000",
     .number_min = 1,
     .number_max = EVENT_ENTRIES_MAX,
     .argument = "N",
     .help = {"一个事件中至多的条目数。", "The most entries of one event."}},
    {.name = "report",
     .kind = OPTION_TEXT,
     .argument = "FILE.csv",
     .help = {"有行被拒绝时，把文件重新写出并加一列说明原因，改好后可直接提交。其中有完整证件号码，只有所有者可读。",
              "When rows are refused, write the file again with a column that says why: to be mended and submitted. It holds full numbers; "
              "only its owner may read it."}},
    OPTION_OF_DRY_RUN,
    OPTION_OF_SOURCE,
    OPTION_OF_WAIT,
    OPTION_OF_WAIT_SECONDS,
    OPTION_END,
};

struct submit {
    const struct config *config;
    struct submission submission;
    char submission_id[IDENTITY_BYTES], time[MOMENT_TEXT_BYTES];
    char chunk_id[IDENTITY_BYTES + 12]; /* "<submission>/<chunk>", of the chunk made last */
    enum sheet_mode mode;
    struct reasons reasons;
    struct entries *entries;
    FILE *file;
    struct report report;
    struct marks *marks; /* NULL without --report */
    FILE *marked; /* what --report names */
    struct chunks *chunks;
};

static bool submit_start(struct submit *submit, struct fault *fault)
{
    static const char *const names[] = {"unit", "unit_review", "submitted_by", "source", NULL};
    const struct config *config = submit->config;
    if (!arguments_check_names(config, names, fault)) return false;
    if (!sheet_mode_of_name(config_text(config, "mode"), &submit->mode))
        return fault_set(fault, FAULT_REJECT, EX_USAGE, "bad-option",
                         language_pick("--mode 须为 import（只列不通过的会员）或 list（列出全部会员）",
                                       "--mode must be import (the file lists who fails) or list (the file lists everybody)"));
    identity_new(submit->submission_id);
    moment_format(moment_now_ms(), submit->time, sizeof submit->time);
    submit->submission = (struct submission){
        .unit = config_text(config, "unit"),
        .year = config_number(config, "year"),
        .id = submit->submission_id,
        .unit_review = config_text(config, "unit_review"),
        .mode = config_text(config, "mode"),
        .submitted_by = config_text(config, "submitted_by"),
    };
    submit->entries = entries_new();
    if (submit->entries == NULL)
        return fault_set(fault, FAULT_FATAL, EX_OSERR, "out-of-memory", language_pick("内存不足", "no memory for the file's entries"));
    return true;
}

/* The reason that --reason names; REASON_NONE when the option is not given. */
static bool submit_read_reasons(struct submit *submit, int *fallback, struct fault *fault)
{
    const char *reason = config_text(submit->config, "reason"), *setting = config_text(submit->config, "reasons");
    *fallback = REASON_NONE;
    if (!reasons_read(&submit->reasons, setting, fault)) return false;
    if (reason == NULL) return true;
    *fallback = reasons_find(&submit->reasons, reason, strlen(reason));
    if (*fallback != REASON_NONE) return true;
    return fault_set(fault, FAULT_REJECT, EX_USAGE, "bad-option",
                     language_pick("--reason %s：未知的原因；可用 %s", "--reason %s: the reason is unknown; it must be one of %s"), reason,
                     setting);
}

/* ---- --report ---- */

/* Before anything is read: nobody should wait for a file to be sent, only to hear that there is no place for the report. */
static bool submit_open_report(struct submit *submit, struct fault *fault)
{
    const char *path = config_text(submit->config, "report");
    if (path == NULL) return true;
    submit->marked = private_file_new(path, fault);
    submit->marks = submit->report.marks = submit->marked != NULL ? marks_new() : NULL;
    return submit->marks != NULL ||
           fault_set(fault, FAULT_FATAL, EX_OSERR, "out-of-memory", language_pick("内存不足", "no memory for the report"));
}

/* No marks, no file. A half-written one is not left behind either. */
static void submit_close_report(struct submit *submit, int *status)
{
    const char *path = config_text(submit->config, "report");
    struct fault fault = submit->report.fault;
    if (submit->marked == NULL) return;
    bool is_wanted = submit->marks != NULL && marks_count(submit->marks) > 0;
    bool ok = !is_wanted || (fault.kind == FAULT_NONE && marks_write(submit->marks, submit->file, submit->marked, &fault));
    if (fclose(submit->marked) != 0 && ok)
        ok = fault_set(&fault, FAULT_FATAL, EX_IOERR, "output-failed", language_pick("无法写入 %s：%s", "%s can not be written: %s"), path,
                       strerror(errno));
    if (!ok || !is_wanted) (void)unlink(path);
    if (!ok) *status = report_fault(&fault);
    if (ok && is_wanted)
        fprintf(stderr,
                language_pick("检查报告已写入 %s：按“检查结果”列修改后可直接提交；其中有完整证件号码，请妥善保管\n",
                              "the report is in %s: mend the rows and submit it as it is; it holds full ID numbers, keep it safe\n"),
                path);
}

static bool submit_read_file(struct submit *submit, struct fault *fault)
{
    struct sheet_rules rules = {
        .mode = submit->mode,
        .reasons = &submit->reasons,
        .allows_malformed = config_switch(submit->config, "allow_malformed"),
        .today = moment_cst_date(moment_now_ms()),
    };
    const char *path = arguments_file(submit->config, fault);
    if (path == NULL || !submit_read_reasons(submit, &rules.reason_fallback, fault)) return false;
    submit->file = input_open(path, fault);
    if (submit->file == NULL || !submit_open_report(submit, fault)) return false;
    bool ok = sheet_read(submit->file, &rules, submit->entries, &submit->report, fault);
    report_print(&submit->report, language_pick("行", "row"));
    if (submit->report.errors.total == 0) return ok;
    return fault_set(
        fault, FAULT_REJECT, EX_DATAERR, "row-errors",
        language_pick("%s 有错误，没有发送任何内容；请修正后重新提交", "%s has errors and nothing was sent; correct it and submit again"),
        path);
}

/* One chunk as a record; `number` counts from 0. */
static bool submit_make(void *context, uint64_t number, struct outgoing *out, struct fault *fault)
{
    struct submit *submit = context;
    size_t bytes;
    const char *text = chunks_text(submit->chunks, (size_t)number, &bytes, fault);
    if (text == NULL) return false;
    snprintf(submit->chunk_id, sizeof submit->chunk_id, "%s/%" PRIu64, submit->submission_id, number + 1);
    outgoing_fill(out, EVENT_MEMBER_REVIEW_SUBMITTED, submit->submission.unit, config_text(submit->config, "source"), submit->chunk_id,
                  submit->time, text);
    return true;
}

/* The fields that all chunks share, checked as the worker does by an empty submission with the same ones. */
static bool submit_check_frame(const struct submit *submit, struct fault *fault)
{
    bool ok = false;
    struct outgoing outgoing;
    size_t bytes;
    struct entries *none = entries_new();
    struct chunks *chunks =
        none != NULL && entries_sort(none, fault) ? chunks_new(&submit->submission, none, &submit->reasons, 1, fault) : NULL;
    const char *text = chunks != NULL ? chunks_text(chunks, 0, &bytes, fault) : NULL;
    if (text != NULL) {
        outgoing_fill(&outgoing, EVENT_MEMBER_REVIEW_SUBMITTED, submit->submission.unit, config_text(submit->config, "source"),
                      submit->submission_id, submit->time, text);
        ok = outgoing_check(&outgoing, fault);
    } else {
        fault_set(fault, FAULT_FATAL, EX_OSERR, "out-of-memory", language_pick("内存不足", "no memory for a chunk"));
    }
    chunks_free(chunks);
    entries_free(none);
    return ok;
}

static void submit_print_summary(const struct submit *submit)
{
    size_t failed = 0, count = entries_count(submit->entries), chunks = chunks_count(submit->chunks);
    for (size_t i = 0; i < submit->reasons.count; i++) failed += entries_count_failed(submit->entries, (int)i);
    fprintf(stderr, language_pick("不通过：%zu", "failed: %zu"), failed);
    for (size_t i = 0; i < submit->reasons.count; i++) {
        size_t of_reason = entries_count_failed(submit->entries, (int)i);
        if (of_reason > 0)
            fprintf(stderr, "  %s %zu", language_pick(submit->reasons.list[i].name, submit->reasons.list[i].code), of_reason);
    }
    if (submit->mode == SHEET_LIST) fprintf(stderr, language_pick("；通过：%zu", "; passed: %zu"), count - failed);
    fprintf(stderr, language_pick("；分片：%zu；提交号：%s\n", "; chunks: %zu; submission: %s\n"), chunks, submit->submission_id);
    if (count == 0)
        fputs(language_pick("文件没有列出会员：提交为空，即全部会员通过\n",
                            "the file lists nobody: an empty submission, every member passes\n"),
              stderr);
    else if (submit->mode == SHEET_IMPORT)
        fputs(language_pick("未列出的会员视为通过\n", "every member who is not listed passes\n"), stderr);
}

/* Everything but sending: every chunk is made as it would be sent. */
static int submit_rehearse(struct submit *submit, struct fault *fault)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < chunks_count(submit->chunks); i++) {
        struct outgoing out;
        if (!submit_make(submit, i, &out, fault)) return report_fault(fault);
        bytes += out.value_bytes;
    }
    fprintf(
        stderr,
        language_pick("演练：没有发送任何内容（将发送 %" PRIu64 " 字节）\n", "dry run: nothing was sent (%" PRIu64 " bytes would be)\n"),
        bytes);
    return EX_OK;
}

static int64_t submit_row(const void *context, int64_t chunk, enum event_list list, int64_t index)
{
    const struct submit *submit = context;
    return chunks_row(submit->chunks, chunk, list, index);
}

/* What the worker refuses goes into the report as well. */
static void submit_note_error(const void *context, int64_t row, const char *code, int position, char expected)
{
    const struct submit *submit = context;
    struct problem problem = {.row = row, .position = position, .expected = expected};
    struct fault fault = {.kind = FAULT_NONE};
    snprintf(problem.code, sizeof problem.code, "%s", code);
    if (submit->marks != NULL && !marks_add(submit->marks, &problem, &fault)) (void)report_fault(&fault);
}

static int submit_send(struct submit *submit)
{
    struct outcome_rows rows = {.row = submit_row, .error = submit_note_error, .context = submit};
    struct dispatch dispatch = {
        .judged = {.unit = submit->submission.unit,
                   .year = submit->submission.year,
                   .source = config_text(submit->config, "source"),
                   .id = submit->submission_id,
                   .is_submission = true,
                   .rows = &rows},
        .count = chunks_count(submit->chunks),
        .make = submit_make,
        .context = submit,
    };
    return dispatch_run(submit->config, &dispatch);
}

int submit_run(const struct config *config)
{
    struct fault fault = {.kind = FAULT_NONE};
    struct submit submit = {.config = config};
    int status;
    report_start(&submit.report);
    if (submit_start(&submit, &fault) && submit_read_file(&submit, &fault) && submit_check_frame(&submit, &fault))
        submit.chunks =
            chunks_new(&submit.submission, submit.entries, &submit.reasons, (size_t)config_number(config, "chunk_entries"), &fault);
    if (submit.chunks == NULL) {
        status = report_fault(&fault);
    } else {
        submit_print_summary(&submit);
        status = config_switch(config, "dry_run") ? submit_rehearse(&submit, &fault) : submit_send(&submit);
    }
    submit_close_report(&submit, &status);
    if (submit.file != NULL) fclose(submit.file);
    chunks_free(submit.chunks);
    entries_free(submit.entries);
    marks_free(submit.marks);
    report_free(&submit.report);
    return status;
}
