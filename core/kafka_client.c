/* What all clients of librdkafka have in common: topic names, properties, errors, log, waking up. */
#include "core/kafka_internal.h"
#include "core/language.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sysexits.h>
#include <unistd.h>

#include "core/log.h"

/* ---- names ---- */

bool kafka_names_fill(struct kafka_names *names, const struct config *config, struct fault *fault)
{
    const char *prefix = config_text(config, "topic_prefix");
    for (int kind = 0; kind < TOPIC_KINDS; kind++) {
        int length = snprintf(names->full[kind], TOPIC_NAME_BYTES_MAX, "%s%s", prefix, topic_kind_name((enum topic_kind)kind));
        if (length >= TOPIC_NAME_BYTES_MAX)
            return fault_set(
                fault, FAULT_FATAL, EX_CONFIG, "topic-prefix",
                language_pick("topic_prefix 过长：主题名至多 %d 字节", "topic_prefix is too long: a topic's name has at most %d bytes"),
                TOPIC_NAME_BYTES_MAX - 1);
    }
    return true;
}

bool kafka_names_find(const struct kafka_names *names, const char *full, enum topic_kind *kind)
{
    for (int i = 0; i < TOPIC_KINDS; i++) {
        if (strcmp(full, names->full[i]) != 0) continue;
        *kind = (enum topic_kind)i;
        return true;
    }
    return false;
}

/* ---- properties ---- */

static const struct kafka_property common_properties[] = {
    {"client.id", "nianshen", false},
    {"log.queue", "true", true}, /* the log is written in the owner's thread */
    {"internal.termination.signal", "29", true}, /* SIGIO: threads end at once instead of after their time-outs */
    {"reconnect.backoff.max.ms", "2000", false}, /* back soon after an outage */
    {"socket.keepalive.enable", "true", false},
    {"allow.auto.create.topics", "false", true}, /* a misspelt topic must not look healthy */
    {NULL, NULL, false},
};

struct properties { /* of one client under construction */
    rd_kafka_conf_t *conf;
    const struct kafka_property *ours;
    struct fault *fault;
    bool is_good;
};

static void property_set(struct properties *properties, const char *name, const char *value)
{
    char reason[256];
    if (rd_kafka_conf_set(properties->conf, name, value, reason, sizeof reason) == RD_KAFKA_CONF_OK) return;
    properties->is_good =
        fault_set(properties->fault, FAULT_FATAL, EX_CONFIG, "kafka-property",
                  language_pick("kafka.%s：%s；请更正设置", "kafka.%s: %s; correct it in the configuration"), name, reason);
}

static void properties_set(struct properties *properties, const struct kafka_property *list)
{
    for (; list->name != NULL; list++) property_set(properties, list->name, list->value);
}

static bool property_is_fixed(const struct kafka_property *list, const char *name)
{
    for (; list->name != NULL; list++)
        if (list->is_fixed && strcmp(list->name, name) == 0) return true;
    return false;
}

static void property_set_by_user(void *context, const char *name, const char *value)
{
    struct properties *properties = context;
    if (property_is_fixed(properties->ours, name) || property_is_fixed(common_properties, name))
        properties->is_good =
            fault_set(properties->fault, FAULT_FATAL, EX_CONFIG, "kafka-property",
                      language_pick("kafka.%s 由程序自己设定，不能更改：请从设置中删除",
                                    "kafka.%s can't be changed, the program sets it itself: remove it from the configuration"),
                      name);
    else
        property_set(properties, name, value);
}

/* ---- errors ---- */

static bool error_is_configuration(rd_kafka_resp_err_t error)
{
    switch (error) {
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR__SSL:
    case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
    case RD_KAFKA_RESP_ERR__INVALID_ARG:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
        return true;
    default:
        return false;
    }
}

static bool error_is_refusal(rd_kafka_resp_err_t error)
{
    switch (error) {
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
    case RD_KAFKA_RESP_ERR__BAD_MSG:
    case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
    case RD_KAFKA_RESP_ERR_INVALID_MSG:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_PARTITIONS:
    case RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR:
    case RD_KAFKA_RESP_ERR_INVALID_CONFIG:
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
        return true;
    default:
        return false;
    }
}

bool kafka_fault(struct fault *fault, rd_kafka_resp_err_t error, const char *what)
{
    const char *text = rd_kafka_err2str(error);
    if (error_is_configuration(error))
        return fault_set(fault, FAULT_FATAL, EX_CONFIG, "kafka-access",
                         language_pick("%s：%s；请核对 kafka_bootstrap、kafka.* 属性与 ACL",
                                       "%s: %s; check kafka_bootstrap, the kafka.* properties and the ACLs"),
                         what, text);
    if (error_is_refusal(error))
        return fault_set(fault, FAULT_REJECT, EX_CONFIG, "kafka-refused", language_pick("%s：%s", "%s: %s"), what, text);
    return fault_set(fault, FAULT_RETRY, EX_UNAVAILABLE, "broker-away",
                     language_pick("%s：%s；kafka_bootstrap 处的 Kafka 在运行吗？", "%s: %s; is the broker of kafka_bootstrap running?"),
                     what, text);
}

/*
 * Librdkafka goes on trying by itself: only what an operator must hear is noted. A login or certificate that is refused keeps the worker
 * away just as an outage does, and may be mended at the broker: the text says which it is.
 */
static void error_note(rd_kafka_t *client, int error, const char *reason, void *opaque)
{
    struct kafka_notes *notes = opaque;
    switch (error) {
    case RD_KAFKA_RESP_ERR__FATAL: {
        char text[512];
        rd_kafka_fatal_error(client, text, sizeof text);
        fault_clear(&notes->outage);
        fault_set(&notes->outage, FAULT_FATAL, EX_SOFTWARE, "kafka-fatal",
                  language_pick("Kafka 客户端无法继续：%s", "the Kafka client can't go on: %s"), text);
        break;
    }
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR__SSL:
    case RD_KAFKA_RESP_ERR__RESOLVE:
        fault_set(&notes->outage, FAULT_RETRY, EX_UNAVAILABLE, "broker-away", "%s: %s", rd_kafka_err2str((rd_kafka_resp_err_t)error),
                  reason);
        break;
    default:
        log_debug("kafka-error", log_text("error", rd_kafka_err2name((rd_kafka_resp_err_t)error)), log_text("text", reason));
    }
}

/* What librdkafka says about single connections is for the curious: an outage is reported once, by its error. */
static void log_line(const rd_kafka_t *client, int level, const char *facility, const char *text)
{
    (void)client, (void)level;
    log_debug("kafka-client", log_text("facility", facility), log_text("text", text));
}

/* ---- a client ---- */

/* Librdkafka sends this signal to its own threads; ours must not be ended by it. */
static void termination_signal_block(void)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGIO);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
}

rd_kafka_t *kafka_client_new(const struct config *config, const struct kafka_setup *setup, struct fault *fault)
{
    struct properties properties = {.conf = rd_kafka_conf_new(), .ours = setup->properties, .fault = fault, .is_good = true};
    properties_set(&properties, common_properties);
    properties_set(&properties, setup->properties);
    config_each_kafka(config, property_set_by_user, &properties);
    property_set(&properties, "bootstrap.servers", config_text(config, "kafka_bootstrap"));
    rd_kafka_conf_set_opaque(properties.conf, setup->opaque);
    rd_kafka_conf_set_error_cb(properties.conf, error_note);
    rd_kafka_conf_set_log_cb(properties.conf, log_line);
    if (setup->add_callbacks != NULL) setup->add_callbacks(properties.conf);
    if (!properties.is_good) {
        rd_kafka_conf_destroy(properties.conf);
        return NULL;
    }
    termination_signal_block();
    char reason[512];
    rd_kafka_t *client = rd_kafka_new(setup->type, properties.conf, reason, sizeof reason);
    if (client == NULL) {
        rd_kafka_conf_destroy(properties.conf);
        fault_set(fault, FAULT_FATAL, EX_CONFIG, "kafka-property",
                  language_pick("Kafka 客户端拒绝其设置：%s", "the Kafka client refuses its configuration: %s"), reason);
        return NULL;
    }
    rd_kafka_set_log_queue(client, NULL);
    return client;
}

/* ---- waking up ---- */

int kafka_wake_new(rd_kafka_queue_t *queue, struct fault *fault)
{
    static const uint64_t one = 1;
    int wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (wake_fd < 0) {
        fault_set(fault, FAULT_FATAL, EX_OSERR, "no-descriptor",
                  language_pick("没有可用的文件描述符；请提高上限（ulimit -n）", "no file descriptor left; raise the limit (ulimit -n)"));
        return -1;
    }
    rd_kafka_queue_io_event_enable(queue, wake_fd, &one, sizeof one);
    return wake_fd;
}

void kafka_wake_clear(int wake_fd)
{
    uint64_t count;
    ssize_t length = read(wake_fd, &count, sizeof count);
    (void)length; /* nothing to read is fine */
}
