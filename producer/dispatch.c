#include "producer/dispatch.h"

#include <inttypes.h>
#include <stdio.h>
#include <sysexits.h>

#include "core/language.h"

#include "producer/report.h"

static bool print_id(const char *id, struct fault *fault)
{
    if (printf("%s\n", id) > 0 && fflush(stdout) == 0) return true;
    return fault_set(fault, FAULT_FATAL, EX_IOERR, "output-failed",
                     language_pick("事件已经发送，但它的编号 %s 无法写到标准输出",
                                   "the event is sent, but its id %s can not be written to standard output"),
                     id);
}

int dispatch_run(const struct config *config, const struct dispatch *dispatch)
{
    struct fault fault = {.kind = FAULT_NONE};
    struct wait *wait = NULL;
    int32_t partitions = 0;
    uint64_t delivered = 0;
    int status = EX_OK;
    bool ok = send_check_topics(config, &partitions, &fault);
    if (ok && config_switch(config, "wait")) ok = (wait = wait_new(config, &dispatch->judged, partitions, &fault)) != NULL;
    ok = ok && send_all(config, dispatch->count, dispatch->make, dispatch->context, &delivered, &fault);
    if (!ok && dispatch->count > 1 && delivered > 0)
        fprintf(stderr,
                language_pick("只送达了 %" PRIu64 " / %" PRIu64 " 个分片，提交 %s 不完整，不会被处理；请排除故障后重新提交\n",
                              "only %" PRIu64 " of %" PRIu64
                              " chunks were delivered: submission %s is incomplete and will not be judged; submit again\n"),
                delivered, dispatch->count, dispatch->judged.id);
    ok = ok && print_id(dispatch->judged.id, &fault);
    if (ok && wait != NULL) status = wait_for_outcome(wait, config_number(config, "wait_seconds"));
    wait_free(wait);
    return ok ? status : report_fault(&fault);
}

static bool make_one(void *context, uint64_t number, struct outgoing *out, struct fault *fault)
{
    const struct outgoing *outgoing = context;
    (void)number, (void)fault;
    *out = *outgoing;
    return true;
}

int dispatch_one(const struct config *config, const struct outgoing *outgoing, int64_t year, const char *id)
{
    struct fault fault = {.kind = FAULT_NONE};
    struct outgoing checked = *outgoing;
    struct dispatch dispatch = {
        .judged = {.unit = outgoing->unit, .year = year, .source = config_text(config, "source"), .id = id},
        .count = 1,
        .make = make_one,
        .context = &checked,
    };
    if (!outgoing_check(outgoing, &fault)) return report_fault(&fault);
    return dispatch_run(config, &dispatch);
}
