#include "worker-next/topic_check.h"

#include <sysexits.h>
#include <unistd.h>

#include "core/log.h"
#include "worker-next/worker.h"

void topic_check_init(struct topic_check *check)
{
    *check = (struct topic_check){0};
    backoff_init(&check->backoff, (uint32_t)getpid() + 1);
}

/* All findings are told, the errors among them with what mends them. */
static bool findings_are_good(const struct kafka_topic_finding *findings, size_t count)
{
    bool is_good = true;
    for (size_t i = 0; i < count; i++) {
        const struct kafka_topic_finding *finding = &findings[i];
        if (finding->is_error)
            log_error("topic-wrong", log_text("code", finding->code), log_text("text", finding->text));
        else
            log_warning("topic-weak", log_text("code", finding->code), log_text("text", finding->text));
        is_good = is_good && !finding->is_error;
    }
    return is_good;
}

static bool topics_compare(struct worker *worker, struct fault *fault)
{
    static struct kafka_topic_finding findings[KAFKA_FINDINGS_MAX];
    size_t count = 0;
    struct kafka_admin *admin = kafka_admin_new(worker->config, fault);
    bool is_good = admin != NULL && kafka_admin_check(admin, TOPIC_CHECK_MS, findings, &count, &worker->input_partitions, fault);
    kafka_admin_free(admin);
    if (!is_good) return false;
    if (!findings_are_good(findings, count))
        return fault_set(fault, FAULT_FATAL, EX_CONFIG, "topics", "the topics are not as the contract needs them: see the lines above");
    return worker->input_partitions <= KAFKA_PARTITIONS_MAX ||
           fault_set(fault, FAULT_FATAL, EX_CONFIG, "topics", "more than %d partitions a topic are not supported", KAFKA_PARTITIONS_MAX);
}

static bool clients_open(struct worker *worker, struct fault *fault)
{
    worker->reader = kafka_reader_new(worker->config, fault);
    if (worker->reader == NULL || !publish_open(worker, fault)) return false;
    worker->consumer = kafka_consumer_new(worker->config, config_text(worker->config, "group_id"), fault);
    return worker->consumer != NULL;
}

static void broker_away(struct worker *worker, const struct fault *fault)
{
    struct topic_check *check = &worker->topic_check;
    check->next_ms = worker->now_ms + backoff_next_ms(&check->backoff);
    if (check->away_since_ms != 0) return;
    check->away_since_ms = worker->now_ms;
    log_warning("broker-away", log_text("code", fault->code), log_text("text", fault->text));
}

bool topic_check_step(struct worker *worker)
{
    struct fault fault = {0};
    struct topic_check *check = &worker->topic_check;
    if (check->is_done || worker->is_stopping || worker->now_ms < check->next_ms) return false;
    if (!topics_compare(worker, &fault)) {
        if (fault.kind == FAULT_RETRY)
            broker_away(worker, &fault);
        else
            worker_fail(worker, &fault);
        return true;
    }
    log_info("topics-checked", log_number("partitions", worker->input_partitions));
    check->is_done = true;
    check->away_since_ms = 0;
    if (!clients_open(worker, &fault)) worker_fail(worker, &fault);
    return true;
}
