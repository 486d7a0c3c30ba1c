/* publish: what an upstream system wrote, structured-mode events one a line, checked as a whole and then sent in order. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "core/arena.h"
#include "core/language.h"
#include "producer/arguments.h"
#include "producer/commands.h"
#include "producer/input.h"
#include "producer/lines.h"
#include "producer/message.h"
#include "producer/options.h"
#include "producer/progress.h"
#include "producer/report.h"
#include "producer/send.h"

const struct option publish_options[] = {OPTION_OF_DRY_RUN, OPTION_END};

enum {
    EVENT_TYPES = EVENT_REVIEW_WITHDRAWN + 1,
    PUBLISH_ARENA_BYTES_MAX = 64 * 1024 * 1024, /* one decoded line */
};

struct publish {
    struct lines *lines;
    struct arena *arena;
    uint64_t taken; /* events read in the present pass */
    uint64_t counts[EVENT_TYPES], count;
    struct report report;
};

static bool publish_decode(struct publish *publish, struct event *event, struct fault *fault)
{
    const struct lines *lines = publish->lines;
    if (lines->bytes > LINE_BYTES_MAX) {
        struct message message;
        struct message_values none = {.field = NULL};
        message_of_code(&message, "too-large", &none);
        fault_set(fault, FAULT_REJECT, EX_DATAERR, "too-large", "%s", message.text);
        return false;
    }
    arena_reset(publish->arena);
    return event_of_structured(publish->arena, lines->text, lines->bytes, event, fault);
}

/* A unit review that the worker will refuse is a whole event all the same: it is sent, and its outcome says so. */
static void publish_note(struct publish *publish, bool is_error, const char *code, const char *field, const char *text)
{
    struct problem problem = {.row = publish->lines->number};
    snprintf(problem.code, sizeof problem.code, "%s", code);
    snprintf(problem.column, sizeof problem.column, "%s", field);
    snprintf(problem.text, sizeof problem.text, "%s", text);
    if (is_error)
        report_error(&publish->report, &problem);
    else
        report_warning(&publish->report, &problem);
}

/* The first pass. */
static void publish_check(struct publish *publish, struct progress *progress)
{
    while (lines_next(publish->lines)) {
        struct fault fault = {.kind = FAULT_NONE};
        struct event event;
        progress_show(progress, (uint64_t)ftello(publish->lines->file));
        if (!publish_decode(publish, &event, &fault)) {
            publish_note(publish, true, fault.code, "", fault.text);
            continue;
        }
        if (event.refusal != NULL) publish_note(publish, false, event.refusal, event.refusal_field, "");
        publish->counts[event.type]++;
        publish->count++;
    }
}

/* The second pass: the line is sent as it stands. */
static bool publish_make(void *context, uint64_t number, struct outgoing *out, struct fault *fault)
{
    static const char content_type[] = "application/cloudevents+json";
    struct publish *publish = context;
    struct event event;
    if (number < publish->taken) {
        lines_rewind(publish->lines);
        publish->taken = 0;
    }
    for (; publish->taken <= number; publish->taken++)
        if (!lines_next(publish->lines))
            return fault_set(fault, FAULT_FATAL, EX_IOERR, "file-changed",
                             language_pick("发送过程中文件变短了", "the file became shorter while it was being sent"));
    if (!publish_decode(publish, &event, fault)) return false;
    *out = (struct outgoing){.type = event.type, .unit = event.unit, .value = publish->lines->text, .value_bytes = publish->lines->bytes};
    out->headers.list[0] = (struct kafka_header){.name = "content-type", .value = content_type, .value_bytes = sizeof content_type - 1};
    out->headers.count = 1;
    return true;
}

/* `what`: "sent:". */
static void publish_print_counts(const struct publish *publish, const char *what)
{
    fprintf(stderr, language_pick("%s %" PRIu64 " 条事件%s\n", "%s %" PRIu64 " event%s\n"), what, publish->count,
            publish->count == 1 ? "" : language_pick("", "s"));
    for (int i = 0; i < EVENT_TYPES; i++)
        if (publish->counts[i] > 0) fprintf(stderr, "  %8" PRIu64 "  %s\n", publish->counts[i], event_type_name((enum event_type)i));
}

static bool publish_send(struct publish *publish, const struct config *config, struct fault *fault)
{
    int32_t partitions = 0;
    uint64_t delivered = 0;
    lines_rewind(publish->lines);
    if (!send_check_topics(config, &partitions, fault)) return false;
    if (send_all(config, publish->count, publish_make, publish, &delivered, fault)) return true;
    fprintf(stderr,
            language_pick("只送达了前面的 %" PRIu64 " / %" PRIu64 " 条事件；重新发送整个文件不会造成重复\n",
                          "only the first %" PRIu64 " of %" PRIu64 " events were delivered; sending the whole file again does no harm\n"),
            delivered, publish->count);
    return false;
}

static bool publish_file(struct publish *publish, const struct config *config, FILE *file, struct fault *fault)
{
    struct progress progress;
    progress_start(&progress, language_pick("检查", "checking"), input_bytes(file));
    publish_check(publish, &progress);
    progress_end(&progress);
    if (ferror(file))
        return fault_set(fault, FAULT_FATAL, EX_IOERR, "read-failed", language_pick("读取文件出错", "the file can not be read"));
    report_print(&publish->report, language_pick("行", "line"));
    if (publish->report.errors.total > 0)
        return fault_set(fault, FAULT_REJECT, EX_DATAERR, "bad-events",
                         language_pick("有错误的事件，没有发送任何内容；请修正后重新发送整个文件",
                                       "some events are bad and nothing was sent; correct them and send the whole file again"));
    if (config_switch(config, "dry_run")) {
        publish_print_counts(publish, language_pick("演练：没有发送；将发送", "dry run: nothing was sent; to be sent:"));
        return true;
    }
    if (publish->count > 0 && !publish_send(publish, config, fault)) return false;
    publish_print_counts(publish, language_pick("已发送", "sent"));
    return true;
}

int publish_run(const struct config *config)
{
    struct fault fault = {.kind = FAULT_NONE};
    struct publish publish = {.lines = NULL};
    report_start(&publish.report);
    const char *path = arguments_file(config, &fault);
    FILE *file = path != NULL ? input_open(path, &fault) : NULL;
    bool ok = file != NULL;
    if (ok) {
        publish.lines = lines_new(file);
        publish.arena = arena_new(PUBLISH_ARENA_BYTES_MAX);
        ok = publish.lines != NULL && publish.arena != NULL;
        if (!ok) fault_set(&fault, FAULT_FATAL, EX_OSERR, "out-of-memory", language_pick("内存不足", "no memory to read the events"));
    }
    ok = ok && publish_file(&publish, config, file, &fault);
    int status = ok ? EX_OK : report_fault(&fault);
    report_free(&publish.report);
    arena_free(publish.arena);
    lines_free(publish.lines);
    if (file != NULL) fclose(file);
    return status;
}
