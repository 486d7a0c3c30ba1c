#include "producer/send.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "core/kafka.h"
#include "core/language.h"
#include "producer/clock.h"
#include "producer/progress.h"
#include "producer/report.h"

enum {
    SEND_POLL_MS = 100,
    SEND_SILENCE_MS = 10 * 1000, /* without any delivery report: say that the broker does not answer */
};

struct sending {
    uint64_t count;
    send_make_fn make;
    void *context;
    struct kafka_producer *producer;
    unsigned char *delivered; /* a bit a record: a replaced client sends only what was not reported */
    uint64_t delivered_count;
    struct fault refused; /* the first refusal of the broker */
    struct progress progress;
    int64_t moved_ms; /* of the last report, or of the last time that silence was told */
};

bool send_check_topics(const struct config *config, int32_t *partitions, struct fault *fault)
{
    struct kafka_topic_finding *findings = calloc(KAFKA_FINDINGS_MAX, sizeof *findings);
    struct kafka_admin *admin = findings != NULL ? kafka_admin_new(config, fault) : NULL;
    size_t count = 0;
    bool ok = admin != NULL && kafka_admin_check(admin, SEND_START_MS, findings, &count, partitions, fault);
    for (size_t i = 0; ok && i < count; i++) {
        if (!findings[i].is_error) continue;
        fprintf(stderr, "%s [%s]\n", findings[i].text, findings[i].code);
        fault_set(fault, FAULT_FATAL, EX_CONFIG, findings[i].code,
                  language_pick("主题不符合约定，没有发送任何事件；请解决上面列出的问题",
                                "the topics are not as the contract wants them, and nothing was sent; mend what is named above"));
    }
    if (findings == NULL)
        fault_set(fault, FAULT_FATAL, EX_OSERR, "out-of-memory", language_pick("内存不足", "no memory to check the topics"));
    kafka_admin_free(admin);
    free(findings);
    return ok && fault->kind == FAULT_NONE;
}

static bool is_delivered(const struct sending *sending, uint64_t number)
{
    return (sending->delivered[number / 8] >> (number % 8) & 1) != 0;
}

static void sending_report(void *context, uint64_t tag, enum kafka_delivery result, int32_t partition, int64_t offset,
                           const struct fault *fault)
{
    struct sending *sending = context;
    (void)partition, (void)offset;
    sending->moved_ms = clock_monotonic_ms();
    if (result == KAFKA_REFUSED) {
        /* Sending it again would be refused again: it is the record that is at fault, or else we are. */
        int exit_status = fault->kind == FAULT_REJECT ? EX_DATAERR : EX_SOFTWARE;
        fault_set(&sending->refused, fault->kind, exit_status, fault->code, "%s", fault->text);
        return;
    }
    if (is_delivered(sending, tag)) return;
    sending->delivered[tag / 8] |= (unsigned char)(1 << (tag % 8));
    sending->delivered_count++;
}

static bool sending_can_go_on(const struct sending *sending)
{
    return sending->refused.kind == FAULT_NONE && !kafka_producer_is_broken(sending->producer);
}

/* Serves reports; returns how many records are still on their way. */
static size_t sending_poll(struct sending *sending, int timeout_ms)
{
    size_t underway = kafka_producer_poll(sending->producer, timeout_ms);
    progress_show(&sending->progress, sending->delivered_count);
    int64_t now_ms = clock_monotonic_ms();
    if (underway > 0 && now_ms - sending->moved_ms > SEND_SILENCE_MS) {
        sending->moved_ms = now_ms;
        progress_end(&sending->progress);
        fprintf(stderr,
                language_pick("Kafka 没有应答，继续等待（%zu 条未确认；Ctrl-C 放弃）\n",
                              "the broker does not answer; still waiting (%zu records not acknowledged; Ctrl-C gives up)\n"),
                underway);
    }
    return underway;
}

static bool sending_hand_over(struct sending *sending, uint64_t number, struct fault *fault)
{
    struct outgoing out;
    if (!sending->make(sending->context, number, &out, fault)) return false;
    while (sending_can_go_on(sending)) {
        struct fault full = {.kind = FAULT_NONE};
        if (kafka_producer_send(sending->producer, event_type_topic(out.type), -1, out.unit, strlen(out.unit), out.value, out.value_bytes,
                                out.headers.list, out.headers.count, number, &full))
            break;
        if (full.kind != FAULT_RETRY) {
            *fault = full;
            return false;
        }
        sending_poll(sending, SEND_POLL_MS);
    }
    return true;
}

/* One client's life: everything that is not delivered yet, until it is, or the client or the broker says no. */
static bool sending_round(struct sending *sending, struct fault *fault)
{
    for (uint64_t number = 0; number < sending->count && sending_can_go_on(sending); number++) {
        if (is_delivered(sending, number)) continue;
        if (!sending_hand_over(sending, number, fault)) return false;
        sending_poll(sending, 0);
    }
    while (sending_poll(sending, SEND_POLL_MS) > 0 && !kafka_producer_is_broken(sending->producer)) continue;
    return true;
}

static bool sending_run(struct sending *sending, const struct config *config, struct fault *fault)
{
    for (int i = 0; i < SEND_PRODUCERS_MAX; i++) {
        sending->producer = kafka_producer_new(config, sending_report, sending, fault);
        bool ok = sending->producer != NULL && sending_round(sending, fault);
        kafka_producer_free(sending->producer);
        if (!ok || sending->delivered_count == sending->count) return ok;
        if (sending->refused.kind != FAULT_NONE) {
            *fault = sending->refused;
            return false;
        }
    }
    return fault_set(
        fault, FAULT_RETRY, EX_UNAVAILABLE, "producer-broken",
        language_pick("与 Kafka 的连接断开了 %d 次；请检查 Kafka 是否正常，然后重新运行",
                      "the connection to the broker broke %d times; see whether the broker is in order, then run the command again"),
        SEND_PRODUCERS_MAX);
}

bool send_all(const struct config *config, uint64_t count, send_make_fn make, void *context, uint64_t *delivered, struct fault *fault)
{
    struct sending sending = {.count = count, .make = make, .context = context, .moved_ms = clock_monotonic_ms()};
    sending.delivered = calloc(count / 8 + 1, 1);
    if (sending.delivered == NULL)
        return fault_set(fault, FAULT_FATAL, EX_OSERR, "out-of-memory",
                         language_pick("内存不足，放不下 %zu 条记录", "no memory for %zu records"), (size_t)count);
    progress_start(&sending.progress, language_pick("发送", "sending"), count);
    bool ok = sending_run(&sending, config, fault);
    progress_end(&sending.progress);
    *delivered = sending.delivered_count;
    free(sending.delivered);
    return ok;
}
