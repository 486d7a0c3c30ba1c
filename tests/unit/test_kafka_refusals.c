/*
 * The Kafka layer when librdkafka refuses: real clients on its mock cluster, with single calls that fail (failing.h), callbacks called as
 * the client would, and for the topics' administration, which the mock cluster does not know, answers that the test makes up.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sysexits.h>

#include <cmocka.h>
#include <librdkafka/rdkafka.h>

#include "core/kafka_internal.h"
#include "core/log.h"
#include "core/moment.h"
#include "tests/unit/failing.h"
#include "tests/unit/mock_broker.h"

enum { WAIT_MS = 20000 };

typedef rd_kafka_topic_partition_list_t list_t;
typedef void (*error_fn)(rd_kafka_t *client, int error, const char *reason, void *opaque);
typedef void (*offsets_fn)(rd_kafka_t *client, rd_kafka_resp_err_t error, list_t *list, void *opaque);
typedef void (*report_fn)(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque);

/* What the tested code told the library, and what the library answers when it must refuse. */
static struct {
    rd_kafka_t *client;
    error_fn error;
    offsets_fn rebalance, commit;
    report_fn report;
    rd_kafka_resp_err_t refusal;
    rd_kafka_message_t *message;
    int64_t offset;
    bool is_message_ours; /* then nothing of the library may touch it */
    rd_kafka_resp_err_t headers;
    int destroyed;
} rd;

static const char *refused_by_script(char *reason, size_t bytes)
{
    (void)snprintf(reason, bytes, "by the script");
    return NULL;
}

FAILING(int, eventfd, (unsigned count, int flags), (count, flags), -1)
FAILING(rd_kafka_t *, rd_kafka_new, (rd_kafka_type_t type, rd_kafka_conf_t *conf, char *reason, size_t bytes), (type, conf, reason, bytes),
        (rd_kafka_t *)(uintptr_t)refused_by_script(reason, bytes))
FAILING(rd_kafka_resp_err_t, rd_kafka_set_log_queue, (rd_kafka_t * client, rd_kafka_queue_t *queue), ((rd.client = client), queue),
        rd.refusal)
FAILING(void, rd_kafka_conf_set_error_cb, (rd_kafka_conf_t * conf, error_fn call), (conf, (rd.error = call)), (void)0)
FAILING(void, rd_kafka_conf_set_rebalance_cb, (rd_kafka_conf_t * conf, offsets_fn call), (conf, (rd.rebalance = call)), (void)0)
FAILING(void, rd_kafka_conf_set_offset_commit_cb, (rd_kafka_conf_t * conf, offsets_fn call), (conf, (rd.commit = call)), (void)0)
FAILING(void, rd_kafka_conf_set_dr_msg_cb, (rd_kafka_conf_t * conf, report_fn call), (conf, (rd.report = call)), (void)0)
FAILING(rd_kafka_resp_err_t, rd_kafka_subscribe, (rd_kafka_t * client, const list_t *list), (client, list), rd.refusal)
FAILING(rd_kafka_error_t *, rd_kafka_consumer_close_queue, (rd_kafka_t * client, rd_kafka_queue_t *queue), (client, queue),
        rd_kafka_error_new(rd.refusal, "by the script"))
FAILING(int, rd_kafka_consumer_closed, (rd_kafka_t * client), (client), 0)
FAILING(rd_kafka_resp_err_t, rd_kafka_assign, (rd_kafka_t * client, const list_t *list), (client, list), rd.refusal)
FAILING(rd_kafka_resp_err_t, rd_kafka_get_watermark_offsets,
        (rd_kafka_t * client, const char *topic, int32_t partition, int64_t *first, int64_t *end), (client, topic, partition, first, end),
        (*first = *end = RD_KAFKA_OFFSET_INVALID, rd.refusal))
FAILING(rd_kafka_resp_err_t, rd_kafka_query_watermark_offsets,
        (rd_kafka_t * client, const char *topic, int32_t partition, int64_t *first, int64_t *end, int timeout_ms),
        (client, topic, partition, first, end, timeout_ms), (*first = 0, *end = rd.offset, rd.refusal))
FAILING(rd_kafka_topic_t *, rd_kafka_topic_new, (rd_kafka_t * client, const char *name, rd_kafka_topic_conf_t *conf), (client, name, conf),
        (conf != NULL ? rd_kafka_topic_conf_destroy(conf) : (void)0, NULL))
FAILING(int, rd_kafka_consume_start_queue, (rd_kafka_topic_t * topic, int32_t partition, int64_t offset, rd_kafka_queue_t *queue),
        (topic, partition, offset, queue), -1)
FAILING(rd_kafka_message_t *, rd_kafka_consume_queue, (rd_kafka_queue_t * queue, int timeout_ms), (queue, timeout_ms), rd.message)
FAKED(rd_kafka_message_t *, rd_kafka_consumer_poll, rd.is_message_ours, (rd_kafka_t * client, int timeout_ms), (client, timeout_ms),
      rd.message)
FAILING(rd_kafka_resp_err_t, rd_kafka_offsets_for_times, (rd_kafka_t * client, list_t *list, int timeout_ms), (client, list, timeout_ms),
        (list->elems[0].offset = rd.offset, list->elems[0].err = rd.headers, rd.refusal))
FAILING(rd_kafka_error_t *, rd_kafka_produceva, (rd_kafka_t * client, const rd_kafka_vu_t *record, size_t count), (client, record, count),
        rd_kafka_error_new(rd.refusal, "by the script"))
FAKED(rd_kafka_resp_err_t, rd_kafka_message_headers, rd.is_message_ours, (const rd_kafka_message_t *message, rd_kafka_headers_t **headers),
      (message, headers), rd.headers)
FAKED(void, rd_kafka_message_destroy, rd.is_message_ours, (rd_kafka_message_t * message), (message), (void)rd.destroyed++)
/* What a broker knows of one topic with one partition, at most. */
static struct {
    bool is_ours;
    struct rd_kafka_metadata all;
    rd_kafka_metadata_topic_t topic;
    rd_kafka_metadata_partition_t partition;
} known;

static rd_kafka_resp_err_t known_give(const struct rd_kafka_metadata **metadata)
{
    *metadata = &known.all;
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

FAKED(rd_kafka_resp_err_t, rd_kafka_metadata, known.is_ours,
      (rd_kafka_t * client, int is_all, rd_kafka_topic_t *topic, const struct rd_kafka_metadata **metadata, int timeout_ms),
      (client, is_all, topic, metadata, timeout_ms), known_give(metadata))
FAKED(void, rd_kafka_metadata_destroy, known.is_ours, (const struct rd_kafka_metadata *metadata), (metadata), (void)0)
FAKED(int64_t, rd_kafka_message_timestamp, rd.is_message_ours, (const rd_kafka_message_t *message, rd_kafka_timestamp_type_t *type),
      (message, type), 0)

/* ---- a broker ---- */

static int setup(void **state)
{
    log_set_level("debug"); /* what is for the curious is made up, too; it goes to standard error */
    return mock_setup(state);
}

static int each_setup(void **state)
{
    (void)state;
    memset(&rd, 0, sizeof rd);
    known.is_ours = false;
    rd.refusal = RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    return 0;
}

/* ---- errors ---- */

static void test_kinds_of_errors(void **state)
{
    static const struct {
        rd_kafka_resp_err_t error;
        enum fault_kind kind;
        const char *code;
    } errors[] = {
        {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, FAULT_FATAL, "kafka-access"},
        {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, FAULT_REJECT, "kafka-refused"},
        {RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, FAULT_RETRY, "broker-away"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        struct fault fault = {0};
        assert_false(kafka_fault(&fault, errors[i].error, "asking"));
        assert_int_equal(fault.kind, errors[i].kind);
        assert_string_equal(fault.code, errors[i].code);
    }
}

/* What the client's threads report reaches the owner by its next poll; what only the curious want is not reported. */
static void test_errors_are_noted(void **state)
{
    struct fault fault = {0};
    struct kafka_happening happening;
    (void)state;
    struct kafka_reader *reader = kafka_reader_new(mock.config, &fault);
    assert_non_null(reader);
    assert_true(kafka_reader_fd(reader) >= 0);
    rd.error(rd.client, RD_KAFKA_RESP_ERR__TIMED_OUT, "slow", reader);
    assert_int_equal(kafka_reader_poll(reader, 0, &happening), KAFKA_NOTHING);
    rd.error(rd.client, RD_KAFKA_RESP_ERR__RESOLVE, "no such host", reader);
    assert_int_equal(kafka_reader_poll(reader, 0, &happening), KAFKA_OUTAGE);
    assert_int_equal(happening.fault.kind, FAULT_RETRY);
    rd.error(rd.client, RD_KAFKA_RESP_ERR__FATAL, "fenced", reader);
    assert_int_equal(kafka_reader_poll(reader, 0, &happening), KAFKA_OUTAGE);
    assert_string_equal(happening.fault.code, "kafka-fatal");
    assert_int_equal(kafka_reader_poll(reader, 0, &happening), KAFKA_NOTHING);
    kafka_reader_free(reader);
}

/* ---- clients that can not be made ---- */

static void delivered_nothing(void *context, uint64_t tag, enum kafka_delivery result, int32_t partition, int64_t offset,
                              const struct fault *fault)
{
    (void)context, (void)tag, (void)result, (void)partition, (void)offset, (void)fault;
}

static bool make_consumer(void *context, struct fault *fault)
{
    struct kafka_consumer *consumer = kafka_consumer_new(context, "group", fault);
    bool is_made = consumer != NULL;
    kafka_consumer_free(consumer, WAIT_MS);
    return is_made;
}

static bool make_producer(void *context, struct fault *fault)
{
    struct kafka_producer *producer = kafka_producer_new(context, delivered_nothing, NULL, fault);
    bool is_made = producer != NULL;
    kafka_producer_free(producer);
    return is_made;
}

static bool make_reader(void *context, struct fault *fault)
{
    struct kafka_reader *reader = kafka_reader_new(context, fault);
    bool is_made = reader != NULL;
    kafka_reader_free(reader);
    return is_made;
}

static bool make_admin(void *context, struct fault *fault)
{
    struct kafka_admin *admin = kafka_admin_new(context, fault);
    bool is_made = admin != NULL;
    kafka_admin_free(admin);
    return is_made;
}

static void test_clients_that_can_not_be_made(void **state)
{
    static const struct {
        bool (*make)(void *context, struct fault *fault);
        int calls;
    } clients[] = {{make_consumer, 4}, {make_producer, 3 + TOPIC_KINDS}, {make_reader, 3}, {make_admin, 2}};
    char prefix[300] = "--topic-prefix=";
    (void)state;
    memset(prefix + strlen(prefix), 'x', TOPIC_NAME_BYTES_MAX);
    struct config *long_names = mock_config(prefix), *unknown = mock_config("--kafka.no.such.property=1");
    struct config *fixed = mock_config("--kafka.allow.auto.create.topics=true"), *ours = mock_config("--kafka.enable.idempotence=false");
    for (size_t i = 0; i < sizeof clients / sizeof clients[0]; i++) {
        struct fault fault = {0}, other = {0}, third = {0};
        assert_int_equal(failing_each("calloc rd_kafka_new eventfd rd_kafka_subscribe rd_kafka_topic_new", clients[i].make, mock.config),
                         clients[i].calls);
        assert_false(clients[i].make(long_names, &fault));
        assert_string_equal(fault.code, "topic-prefix");
        assert_false(clients[i].make(unknown, &other));
        assert_string_equal(other.code, "kafka-property");
        assert_false(clients[i].make(fixed, &third));
        assert_string_equal(third.code, "kafka-property");
    }
    config_free(long_names);
    config_free(unknown);
    config_free(fixed);
    config_free(ours);
}

/* ---- the consumer ---- */

static enum kafka_happening_kind consumer_next(struct kafka_consumer *consumer, struct kafka_happening *happening)
{
    int64_t end_ms = moment_monotonic_ms() + WAIT_MS;
    do kafka_consumer_poll(consumer, 100, happening);
    while (happening->kind == KAFKA_NOTHING && moment_monotonic_ms() < end_ms);
    return happening->kind;
}

static void test_an_assignment_without_memory(void **state)
{
    struct fault fault = {0};
    struct kafka_happening happening;
    (void)state;
    struct kafka_consumer *consumer = kafka_consumer_new(mock.config, "memory", &fault);
    failing_start("realloc", 1);
    assert_int_equal(consumer_next(consumer, &happening), KAFKA_OUTAGE);
    assert_true(failing_stop());
    assert_int_equal(happening.fault.kind, FAULT_FATAL);
    assert_true(kafka_consumer_start(consumer, NULL, 0, &fault));
    kafka_consumer_free(consumer, WAIT_MS);
}

/* Partitions of topics that are not ours are no partitions of ours. */
static void test_rebalances(void **state)
{
    struct fault fault = {0};
    struct kafka_happening happening;
    (void)state;
    struct kafka_consumer *consumer = kafka_consumer_new(mock.config, "rebalances", &fault);
    list_t *list = rd_kafka_topic_partition_list_new(2);
    rd_kafka_topic_partition_list_add(list, "another", 0);
    rd_kafka_topic_partition_list_add(list, "nianshen.approval", 2);
    rd.rebalance(rd.client, RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS, list, consumer);
    assert_int_equal(kafka_consumer_poll(consumer, 0, &happening), KAFKA_REVOKED);
    assert_int_equal(happening.assigned_count, 1);
    assert_int_equal(happening.assigned[0].topic, TOPIC_APPROVAL);
    rd.commit(rd.client, RD_KAFKA_RESP_ERR_NO_ERROR, list, consumer);
    rd.commit(rd.client, RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION, list, consumer); /* told to the curious */
    rd_kafka_topic_partition_list_destroy(list);
    kafka_consumer_free(consumer, WAIT_MS);
}

static void test_a_consumer_that_is_refused(void **state)
{
    struct fault fault = {0};
    struct kafka_position at = {TOPIC_APPROVAL, 0, 0};
    (void)state;
    struct kafka_consumer *consumer = kafka_consumer_new(mock.config, "refused", &fault);
    assert_true(kafka_consumer_fd(consumer) >= 0);
    for (int call = 1; call <= 2; call++) {
        failing_start("rd_kafka_assign", call);
        assert_false(kafka_consumer_start(consumer, &at, 1, &fault));
        assert_true(failing_stop());
        assert_string_equal(fault.code, "kafka-access");
        fault_clear(&fault);
    }
    assert_true(kafka_consumer_stop(consumer, &fault));
    failing_start("rd_kafka_assign", 1);
    assert_false(kafka_consumer_stop(consumer, &fault));
    failing_start("rd_kafka_get_watermark_offsets", 1);
    assert_int_equal(kafka_consumer_end(consumer, TOPIC_APPROVAL, 0), -1);
    rd.refusal = RD_KAFKA_RESP_ERR_NO_ERROR; /* an end that nobody knows yet */
    failing_start("rd_kafka_get_watermark_offsets", 1);
    assert_int_equal(kafka_consumer_end(consumer, TOPIC_APPROVAL, 0), -1);
    failing_start("rd_kafka_topic_new", 1);
    assert_false(kafka_consumer_probe(consumer, WAIT_MS));
    assert_true(failing_stop());
    kafka_consumer_commit(consumer, NULL, 0);
    kafka_consumer_free(consumer, WAIT_MS);
}

/* A client that can not leave the group is left to the end of the process. */
static void test_a_group_that_can_not_be_left(void **state)
{
    struct fault fault = {0};
    (void)state;
    failing_leaks_count(false);
    for (int timeout_ms = 0; timeout_ms <= WAIT_MS; timeout_ms += WAIT_MS) {
        struct kafka_consumer *consumer = kafka_consumer_new(mock.config, "stay", &fault);
        failing_start(timeout_ms > 0 ? "rd_kafka_consumer_close_queue" : "rd_kafka_consumer_closed", 1);
        kafka_consumer_free(consumer, timeout_ms);
        assert_true(failing_stop());
    }
    failing_leaks_count(true);
}

/* ---- the reader ---- */

static void test_a_reader_that_is_refused(void **state)
{
    static const struct {
        const char *function;
        int64_t offset;
    } refusals[] = {{"rd_kafka_query_watermark_offsets", -1}, {"rd_kafka_topic_new", 0}, {"rd_kafka_consume_start_queue", 0}};
    struct fault fault = {0};
    (void)state;
    struct kafka_reader *reader = kafka_reader_new(mock.config, &fault);
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        struct kafka_position at = {TOPIC_APPROVAL, 0, refusals[i].offset};
        fault_clear(&fault);
        failing_start(refusals[i].function, 1);
        assert_false(kafka_reader_start(reader, &at, &fault));
        assert_true(failing_stop());
        assert_true(fault.kind != FAULT_NONE);
    }
    kafka_reader_free(reader);
}

/* Offsets for times: the first record since then, the end when there is none, or no answer for the whole or for the partition. */
static void test_offsets_for_times(void **state)
{
    struct fault fault = {0};
    int64_t offset;
    (void)state;
    struct kafka_reader *reader = kafka_reader_new(mock.config, &fault);
    rd.refusal = RD_KAFKA_RESP_ERR_NO_ERROR;
    rd.offset = 17;
    failing_start("rd_kafka_offsets_for_times", 1);
    assert_true(kafka_reader_offset_at(reader, TOPIC_APPROVAL, 0, 1780000000000, WAIT_MS, &offset, &fault));
    assert_int_equal(offset, 17);
    rd.offset = -1;
    failing_start("rd_kafka_offsets_for_times", 1);
    assert_true(kafka_reader_offset_at(reader, TOPIC_APPROVAL, 0, 1780000000000, WAIT_MS, &offset, &fault));
    assert_int_equal(offset, 0);
    rd.refusal = RD_KAFKA_RESP_ERR__TRANSPORT; /* the mock cluster keeps no times: the end is asked for, and not told */
    failing_start("rd_kafka_query_watermark_offsets", 1);
    assert_false(kafka_reader_offset_at(reader, TOPIC_APPROVAL, 0, 1780000000000, WAIT_MS, &offset, &fault));
    assert_true(failing_stop());
    rd.refusal = RD_KAFKA_RESP_ERR_NO_ERROR;
    rd.headers = RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION;
    failing_start("rd_kafka_offsets_for_times", 1);
    assert_false(kafka_reader_offset_at(reader, TOPIC_APPROVAL, 0, 1780000000000, WAIT_MS, &offset, &fault));
    rd.refusal = RD_KAFKA_RESP_ERR__TRANSPORT;
    failing_start("rd_kafka_offsets_for_times", 1);
    assert_false(kafka_reader_offset_at(reader, TOPIC_APPROVAL, 0, 1780000000000, WAIT_MS, &offset, &fault));
    assert_true(failing_stop());
    kafka_reader_free(reader);
}

/* A partition whose leader nobody knows has no bounds: the fault is the partition's, else the topic's, else that it is unknown. */
static void test_bounds_without_a_leader(void **state)
{
    static const struct {
        rd_kafka_resp_err_t topic, partition;
        int partitions;
        const char *says;
    } cases[] = {
        {RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, RD_KAFKA_RESP_ERR_NO_ERROR, 0, "Unknown topic or partition"},
        {RD_KAFKA_RESP_ERR_NO_ERROR, RD_KAFKA_RESP_ERR_NO_ERROR, 0, "Unknown partition"},
        {RD_KAFKA_RESP_ERR_NO_ERROR, RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE, 1, "Replica not available"},
        {RD_KAFKA_RESP_ERR_NO_ERROR, RD_KAFKA_RESP_ERR_NO_ERROR, 1, "Leader not available"},
    };
    static char name[] = "nianshen.approval";
    struct fault fault = {0};
    (void)state;
    struct kafka_reader *reader = kafka_reader_new(mock.config, &fault);
    known.is_ours = true;
    known.all = (struct rd_kafka_metadata){.topic_cnt = 1, .topics = &known.topic};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct kafka_bounds bounds = {.topic = TOPIC_APPROVAL};
        known.partition = (rd_kafka_metadata_partition_t){.leader = -1, .err = cases[i].partition};
        known.topic = (rd_kafka_metadata_topic_t){
            .topic = name, .err = cases[i].topic, .partition_cnt = cases[i].partitions, .partitions = &known.partition};
        assert_true(kafka_reader_bounds_all(reader, &bounds, 1, WAIT_MS, &fault));
        assert_non_null(strstr(bounds.fault.text, cases[i].says));
    }
    kafka_reader_free(reader);
}

/* The client or the broker gives nothing, or there is no memory to ask with. */
static void test_bounds_that_are_refused(void **state)
{
    struct fault fault = {0};
    struct kafka_bounds bounds = {.topic = TOPIC_APPROVAL};
    (void)state;
    struct kafka_reader *reader = kafka_reader_new(mock.config, &fault);
    failing_start("rd_kafka_topic_new", 1);
    assert_false(kafka_reader_bounds_all(reader, &bounds, 1, WAIT_MS, &fault));
    assert_true(failing_stop());
    fault_clear(&fault);
    failing_start("calloc", 1);
    assert_false(kafka_reader_bounds_all(reader, &bounds, 1, WAIT_MS, &fault));
    assert_true(failing_stop());
    assert_int_equal(fault.exit_status, EX_OSERR);
    rd.refusal = RD_KAFKA_RESP_ERR_NO_ERROR; /* left out of the answer */
    rd.offset = -2;
    failing_start("rd_kafka_offsets_for_times", 1);
    assert_true(kafka_reader_bounds_all(reader, &bounds, 1, WAIT_MS, &fault));
    assert_true(failing_stop());
    assert_non_null(strstr(bounds.fault.text, "Leader not available"));
    kafka_reader_free(reader);
}

/* What a message means, and that it is destroyed exactly once whatever it is. */
static void test_messages(void **state)
{
    static const struct {
        rd_kafka_resp_err_t error, headers;
        bool has_topic, is_foreign;
        int32_t partition;
        const char *failing;
        enum kafka_happening_kind kind;
    } messages[] = {
        {RD_KAFKA_RESP_ERR__BAD_MSG, 0, true, false, 1, "", KAFKA_HALTED},
        {RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, 0, true, false, 1, "", KAFKA_OUTAGE}, /* the reader's; a consumer starts it again */
        {RD_KAFKA_RESP_ERR__TRANSPORT, 0, true, false, -1, "", KAFKA_OUTAGE},
        {RD_KAFKA_RESP_ERR__TRANSPORT, 0, false, false, 1, "", KAFKA_OUTAGE},
        {RD_KAFKA_RESP_ERR_NO_ERROR, 0, true, true, 1, "", KAFKA_OUTAGE},
        {RD_KAFKA_RESP_ERR__PARTITION_EOF, 0, true, false, 1, "", KAFKA_END},
        {RD_KAFKA_RESP_ERR_NO_ERROR, RD_KAFKA_RESP_ERR__NOENT, true, false, 1, "malloc", KAFKA_OUTAGE},
        {RD_KAFKA_RESP_ERR_NO_ERROR, RD_KAFKA_RESP_ERR__NOENT, true, false, 1, "", KAFKA_RECORD},
        {RD_KAFKA_RESP_ERR_NO_ERROR, RD_KAFKA_RESP_ERR__BAD_MSG, true, false, 1, "", KAFKA_RECORD}, /* headers that can't be read */
    };
    struct fault fault = {0};
    (void)state;
    struct kafka_reader *reader = kafka_reader_new(mock.config, &fault);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rd.client, "nianshen.approval", NULL);
    rd_kafka_topic_t *foreign = rd_kafka_topic_new(rd.client, "another", NULL);
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        char calls[64];
        struct kafka_happening happening;
        rd_kafka_message_t message = {.err = messages[i].error, .partition = messages[i].partition, .offset = 7};
        if (messages[i].has_topic) message.rkt = messages[i].is_foreign ? foreign : topic;
        rd.message = &message;
        rd.headers = messages[i].headers;
        rd.is_message_ours = true;
        snprintf(calls, sizeof calls, "%s", messages[i].failing);
        rd.destroyed = 0;
        struct kafka_names names;
        assert_true(kafka_names_fill(&names, mock.config, &fault));
        if (calls[0] != '\0') {
            happening = (struct kafka_happening){0};
            failing_start(calls, 1);
            kafka_message_take(&names, &message, &happening);
            assert_true(failing_stop());
        } else {
            failing_start("rd_kafka_consume_queue", 1);
            (void)kafka_reader_poll(reader, 0, &happening);
        }
        failing_stop();
        assert_int_equal(happening.kind, messages[i].kind);
        assert_int_equal(happening.record.has_lost_headers, messages[i].headers == RD_KAFKA_RESP_ERR__BAD_MSG);
        kafka_record_release(&happening.record);
        assert_int_equal(rd.destroyed, 1);
        kafka_record_release(&happening.record); /* nothing is left of it */
        assert_int_equal(rd.destroyed, 1);
        rd.is_message_ours = false;
    }
    rd_kafka_topic_destroy(topic);
    rd_kafka_topic_destroy(foreign);
    kafka_reader_free(reader);
}

/* Each time two MiB were delivered the client is asked something, so that it fetches on; what is of no topic can't say of whom to ask. */
static void test_fetching_is_woken(void **state)
{
    static const struct {
        bool has_topic;
        size_t bytes;
        bool is_woken;
    } messages[] = {
        {true, 2 * 1024 * 1024 - 1, false}, {true, 1, true}, {true, 1, false}, {false, 2 * 1024 * 1024, false}, {true, 0, true}};
    struct fault fault = {0};
    (void)state;
    struct kafka_consumer *consumer = kafka_consumer_new(mock.config, "woken", &fault);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rd.client, "nianshen.approval", NULL);
    rd.headers = RD_KAFKA_RESP_ERR__NOENT;
    rd.is_message_ours = true;
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        struct kafka_happening happening;
        rd_kafka_message_t message = {.rkt = messages[i].has_topic ? topic : NULL, .len = messages[i].bytes};
        rd.message = &message;
        failing_start("rd_kafka_offsets_for_times", 1);
        assert_int_equal(kafka_consumer_poll(consumer, 0, &happening), messages[i].has_topic ? KAFKA_RECORD : KAFKA_OUTAGE);
        assert_int_equal(failing_stop(), messages[i].is_woken);
        kafka_record_release(&happening.record);
    }
    rd.is_message_ours = false;
    rd_kafka_topic_destroy(topic);
    kafka_consumer_free(consumer, WAIT_MS);
}

/* ---- the producer ---- */

static int reports[2];

static void count_report(void *context, uint64_t tag, enum kafka_delivery result, int32_t partition, int64_t offset,
                         const struct fault *fault)
{
    (void)context, (void)tag, (void)partition, (void)offset, (void)fault;
    reports[result]++;
}

static void test_records_that_are_not_taken(void **state)
{
    static const struct {
        rd_kafka_resp_err_t error;
        const char *code;
        enum fault_kind kind;
    } refusals[] = {
        {RD_KAFKA_RESP_ERR__QUEUE_FULL, "producer-queue-full", FAULT_RETRY},
        {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, "kafka-refused", FAULT_REJECT},
        {RD_KAFKA_RESP_ERR__FATAL, "producer-broken", FAULT_RETRY},
    };
    struct fault fault = {0};
    (void)state;
    struct kafka_producer *producer = kafka_producer_new(mock.config, count_report, NULL, &fault);
    assert_true(kafka_producer_fd(producer) >= 0);
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        assert_false(kafka_producer_is_broken(producer));
        fault_clear(&fault);
        rd.refusal = refusals[i].error;
        failing_start("rd_kafka_produceva", 1);
        assert_false(kafka_producer_send(producer, TOPIC_OUTCOME, 0, "U1", 2, "{}", 2, NULL, 0, 1, &fault));
        assert_true(failing_stop());
        assert_string_equal(fault.code, refusals[i].code);
        assert_int_equal(fault.kind, refusals[i].kind);
    }
    assert_true(kafka_producer_is_broken(producer));
    kafka_producer_free(producer);
}

/* What a producer that has failed, or is being closed, did not deliver is no refusal: it is sent again by another. */
static void test_reports_of_lost_records(void **state)
{
    static const rd_kafka_resp_err_t lost[] = {RD_KAFKA_RESP_ERR__PURGE_QUEUE, RD_KAFKA_RESP_ERR__PURGE_INFLIGHT,
                                               RD_KAFKA_RESP_ERR__DESTROY};
    struct fault fault = {0};
    (void)state;
    struct kafka_producer *producer = kafka_producer_new(mock.config, count_report, NULL, &fault);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rd.client, "nianshen.outcome", NULL);
    rd_kafka_message_t message = {.rkt = topic};
    memset(reports, 0, sizeof reports);
    for (size_t i = 0; i < sizeof lost / sizeof lost[0]; i++) {
        message.err = lost[i];
        rd.report(rd.client, &message, producer);
    }
    assert_int_equal(reports[KAFKA_REFUSED], 0);
    message.err = RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
    rd.report(rd.client, &message, producer);
    assert_int_equal(reports[KAFKA_REFUSED], 1);
    assert_int_equal(rd_kafka_test_fatal_error(rd.client, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, "by the test"), 0);
    rd.report(rd.client, &message, producer);
    assert_int_equal(reports[KAFKA_REFUSED], 1);
    assert_true(kafka_producer_is_broken(producer));
    rd_kafka_topic_destroy(topic);
    kafka_producer_free(producer);
}

static void test_a_fatal_error_is_seen_by_polling(void **state)
{
    struct fault fault = {0};
    (void)state;
    struct kafka_producer *producer = kafka_producer_new(mock.config, count_report, NULL, &fault);
    assert_int_equal(rd_kafka_test_fatal_error(rd.client, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, "by the test"), 0);
    kafka_producer_poll(producer, 0);
    assert_true(kafka_producer_is_broken(producer));
    kafka_producer_free(producer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_kinds_of_errors, each_setup),
        cmocka_unit_test_setup(test_errors_are_noted, each_setup),
        cmocka_unit_test_setup(test_clients_that_can_not_be_made, each_setup),
        cmocka_unit_test_setup(test_an_assignment_without_memory, each_setup),
        cmocka_unit_test_setup(test_rebalances, each_setup),
        cmocka_unit_test_setup(test_fetching_is_woken, each_setup),
        cmocka_unit_test_setup(test_a_consumer_that_is_refused, each_setup),
        cmocka_unit_test_setup(test_a_group_that_can_not_be_left, each_setup),
        cmocka_unit_test_setup(test_a_reader_that_is_refused, each_setup),
        cmocka_unit_test_setup(test_offsets_for_times, each_setup),
        cmocka_unit_test_setup(test_bounds_without_a_leader, each_setup),
        cmocka_unit_test_setup(test_bounds_that_are_refused, each_setup),
        cmocka_unit_test_setup(test_messages, each_setup),
        cmocka_unit_test_setup(test_records_that_are_not_taken, each_setup),
        cmocka_unit_test_setup(test_reports_of_lost_records, each_setup),
        cmocka_unit_test_setup(test_a_fatal_error_is_seen_by_polling, each_setup),
    };
    return cmocka_run_group_tests(tests, setup, mock_teardown);
}
