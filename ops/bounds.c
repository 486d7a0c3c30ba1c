#include "ops/bounds.h"

#include <stdio.h>

#include "core/language.h"

enum { BOUNDS_TIMEOUT_MS = 3000 };

bool bounds_open(struct bounds *bounds, struct session *session)
{
    bounds->bootstrap = config_text(session->config, "kafka_bootstrap");
    bounds->reader = kafka_reader_new(session->config, &session->fault);
    return bounds->reader != NULL;
}

void bounds_close(struct bounds *bounds)
{
    kafka_reader_free(bounds->reader);
    bounds->reader = NULL;
}

bool bounds_ask(struct bounds *bounds, const char *topic, int32_t partition, int64_t *first, int64_t *end)
{
    struct fault fault = {0};
    enum topic_kind kind;
    if (bounds->reader == NULL || !topic_kind_of_name(topic, &kind)) return false;
    if (kafka_reader_bounds(bounds->reader, kind, partition, BOUNDS_TIMEOUT_MS, first, end, &fault)) return true;
    fprintf(stderr,
            language_pick("两端以工作进程最近看到的为准，因为 %s 处的 Kafka 没有回答：%s\n",
                          "the ends are those the worker saw last, since Kafka at %s does not tell: %s\n"),
            bounds->bootstrap, fault.text);
    bounds_close(bounds);
    return false;
}
