/* A broker within the process (librdkafka's own mock cluster) with all topics, and a configuration that leads to it. */
#ifndef NIANSHEN_TESTS_UNIT_MOCK_BROKER_H
#define NIANSHEN_TESTS_UNIT_MOCK_BROKER_H

#include <stdio.h>

#include <librdkafka/rdkafka_mock.h>

#include "core/config.h"
#include "core/kafka.h"

enum { MOCK_BROKERS = 2, MOCK_PARTITIONS = 3 };

static struct {
    rd_kafka_t *client;
    rd_kafka_mock_cluster_t *cluster;
    struct config *config;
} mock;

static int mock_nothing(const struct config *config)
{
    (void)config;
    return 0;
}

/* With one flag more; the caller frees it. */
static struct config *mock_config(const char *extra)
{
    static const struct command commands[] = {{.name = "", .summary = {"测试", "a test"}, .run = mock_nothing}, {0}};
    char bootstrap[256], program[] = "test", flag[512];
    snprintf(bootstrap, sizeof bootstrap, "--kafka-bootstrap=%s", rd_kafka_mock_cluster_bootstraps(mock.cluster));
    snprintf(flag, sizeof flag, "%s", extra);
    char *arguments[] = {program, bootstrap, flag, NULL};
    int status;
    struct config *config = config_read("nianshen-test", commands, 3, arguments, &status);
    assert_non_null(config);
    return config;
}

static int mock_setup(void **state)
{
    (void)state;
    char text[256];
    mock.client = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), text, sizeof text);
    mock.cluster = rd_kafka_mock_cluster_new(mock.client, MOCK_BROKERS);
    for (int kind = 0; kind < TOPIC_KINDS; kind++) {
        snprintf(text, sizeof text, "nianshen.%s", topic_kind_name((enum topic_kind)kind));
        rd_kafka_mock_topic_create(mock.cluster, text, MOCK_PARTITIONS, 1);
    }
    mock.config = mock_config("--kafka.fetch.wait.max.ms=10"); /* a start waits for the fetch under way */
    return 0;
}

static int mock_teardown(void **state)
{
    (void)state;
    config_free(mock.config);
    rd_kafka_mock_cluster_destroy(mock.cluster);
    rd_kafka_destroy(mock.client);
    return 0;
}

#endif
