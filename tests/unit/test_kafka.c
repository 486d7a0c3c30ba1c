/* The Kafka layer against librdkafka's mock cluster: what does not need a real broker's topics, transactions or retention. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <librdkafka/rdkafka.h>

#include "core/moment.h"
#include "tests/unit/mock_broker.h"

enum { WAIT_MS = 20000 };

static void brokers_set(bool is_up)
{
    for (int32_t broker = 1; broker <= MOCK_BROKERS; broker++)
        (is_up ? rd_kafka_mock_broker_set_up : rd_kafka_mock_broker_set_down)(mock.cluster, broker);
}

/* As the mock broker knows it; good until the next call. */
static const char *topic_full(enum topic_kind kind)
{
    static char text[TOPIC_NAME_BYTES_MAX];
    snprintf(text, sizeof text, "nianshen.%s", topic_kind_name(kind));
    return text;
}

/* ---- pure ---- */

/* Hashes as the Java client computes them (its UtilsTest). */
static void test_partition_is_javas_murmur2(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        int32_t hash;
    } vectors[] = {
        {"21", -973932308},
        {"foobar", -790332482},
        {"a-little-bit-long-string", -985981536},
        {"a-little-bit-longer-string", -1486304829},
        {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
        {"abc", 479470107},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        int32_t positive = (int32_t)((uint32_t)vectors[i].hash & 0x7fffffffu);
        assert_int_equal(kafka_partition_of(vectors[i].key, strlen(vectors[i].key), INT32_MAX), positive % INT32_MAX);
        assert_int_equal(kafka_partition_of(vectors[i].key, strlen(vectors[i].key), 12), positive % 12);
    }
}

static void test_fingerprint_sees_every_part(void **state)
{
    (void)state;
    struct kafka_header headers[] = {{"a", "1", 1}, {"b", NULL, 0}};
    struct kafka_record record = {.key = "U1", .key_bytes = 2, .value = "{}", .value_bytes = 2, .headers = headers, .header_count = 2};
    uint8_t first[KAFKA_SHA256_BYTES], other[KAFKA_SHA256_BYTES];
    kafka_record_sha256(&record, first);

    struct kafka_record same = record;
    same.offset = 17;
    same.append_ms = 5;
    kafka_record_sha256(&same, other);
    assert_memory_equal(first, other, sizeof first);

    struct kafka_record moved = record; /* a byte moved from the key to the value */
    moved.key_bytes = 1;
    moved.value = "1{}";
    moved.value_bytes = 3;
    kafka_record_sha256(&moved, other);
    assert_memory_not_equal(first, other, sizeof first);

    headers[1] = (struct kafka_header){"b", "", 0}; /* empty is not null */
    kafka_record_sha256(&record, other);
    assert_memory_not_equal(first, other, sizeof first);

    struct kafka_record tombstone = record;
    tombstone.value = NULL;
    tombstone.value_bytes = 0;
    kafka_record_sha256(&tombstone, first);
    assert_memory_not_equal(first, other, sizeof first);
}

/* ---- producing ---- */

struct deliveries {
    int delivered, refused;
    int64_t last_offset;
    int32_t last_partition;
};

static void note_delivery(void *context, uint64_t tag, enum kafka_delivery result, int32_t partition, int64_t offset,
                          const struct fault *fault)
{
    struct deliveries *deliveries = context;
    (void)tag;
    if (result == KAFKA_DELIVERED)
        deliveries->delivered++;
    else
        deliveries->refused++;
    assert_true((result == KAFKA_DELIVERED) == (fault == NULL));
    deliveries->last_offset = offset;
    deliveries->last_partition = partition;
}

static void wait_reports(struct kafka_producer *producer)
{
    int64_t end_ms = moment_monotonic_ms() + WAIT_MS;
    while (kafka_producer_poll(producer, 50) > 0 && moment_monotonic_ms() < end_ms) continue;
}

static void produce(enum topic_kind topic, int32_t partition, int count)
{
    struct deliveries deliveries = {0};
    struct fault fault = {0};
    struct kafka_producer *producer = kafka_producer_new(mock.config, note_delivery, &deliveries, &fault);
    assert_non_null(producer);
    for (int i = 0; i < count; i++) {
        char value[32];
        int length = snprintf(value, sizeof value, "{\"n\":%d}", i);
        struct kafka_header headers[] = {{"ce_id", value, (size_t)length}, {"empty", NULL, 0}};
        assert_true(kafka_producer_send(producer, topic, partition, "U1", 2, value, (size_t)length, headers, 2, (uint64_t)i, &fault));
    }
    wait_reports(producer);
    assert_int_equal(deliveries.delivered, count);
    kafka_producer_free(producer);
}

static void test_delivery_names_the_keys_partition(void **state)
{
    (void)state;
    struct deliveries deliveries = {0};
    struct fault fault = {0};
    struct kafka_producer *producer = kafka_producer_new(mock.config, note_delivery, &deliveries, &fault);
    assert_true(kafka_producer_send(producer, TOPIC_APPROVAL, -1, "U0001", 5, "{}", 2, NULL, 0, 1, &fault));
    wait_reports(producer);
    assert_int_equal(deliveries.delivered, 1);
    assert_int_equal(deliveries.last_partition, kafka_partition_of("U0001", 5, MOCK_PARTITIONS));
    kafka_producer_free(producer);
}

static void test_a_refusal_is_reported(void **state)
{
    (void)state;
    struct deliveries deliveries = {0};
    struct fault fault = {0};
    struct kafka_producer *producer = kafka_producer_new(mock.config, note_delivery, &deliveries, &fault);
    rd_kafka_mock_push_request_errors(mock.cluster, 0 /* Produce */, 1, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    assert_true(kafka_producer_send(producer, TOPIC_OUTCOME, 0, "U1", 2, "{}", 2, NULL, 0, 1, &fault));
    wait_reports(producer);
    assert_int_equal(deliveries.refused, 1);
    assert_int_equal(deliveries.delivered, 0);
    kafka_producer_free(producer);
}

static void test_an_outage_ends_with_a_delivery(void **state)
{
    (void)state;
    struct deliveries deliveries = {0};
    struct fault fault = {0};
    struct kafka_producer *producer = kafka_producer_new(mock.config, note_delivery, &deliveries, &fault);
    rd_kafka_mock_push_request_errors(mock.cluster, 0 /* Produce */, 3, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, RD_KAFKA_RESP_ERR__TRANSPORT,
                                      RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION);
    assert_true(kafka_producer_send(producer, TOPIC_OUTCOME, 0, "U1", 2, "{}", 2, NULL, 0, 1, &fault));
    wait_reports(producer);
    assert_int_equal(deliveries.delivered, 1);
    kafka_producer_free(producer);
}

static void test_fixed_properties_are_refused(void **state)
{
    (void)state;
    struct config *config = mock_config("--kafka.enable.idempotence=false");
    struct fault fault = {0};
    assert_null(kafka_producer_new(config, note_delivery, NULL, &fault));
    assert_int_equal(fault.kind, FAULT_FATAL);
    assert_int_equal(fault.exit_status, 78);
    assert_non_null(strstr(fault.text, "enable.idempotence"));
    config_free(config);

    config = mock_config("--kafka.no.such.property=1");
    fault_clear(&fault);
    assert_null(kafka_reader_new(config, &fault));
    assert_int_equal(fault.exit_status, 78);
    config_free(config);
}

/* ---- reading ---- */

static enum kafka_happening_kind reader_next(struct kafka_reader *reader, struct kafka_happening *happening)
{
    int64_t end_ms = moment_monotonic_ms() + WAIT_MS;
    do kafka_reader_poll(reader, 100, happening);
    while (happening->kind == KAFKA_NOTHING && moment_monotonic_ms() < end_ms);
    return happening->kind;
}

static void test_reader_reads_from_where_it_is_told(void **state)
{
    (void)state;
    produce(TOPIC_MEMBER_REVIEW, 1, 10);
    struct fault fault = {0};
    struct kafka_happening happening;
    struct kafka_reader *reader = kafka_reader_new(mock.config, &fault);
    assert_non_null(reader);
    int64_t first, next;
    assert_true(kafka_reader_bounds(reader, TOPIC_MEMBER_REVIEW, 1, WAIT_MS, &first, &next, &fault));
    assert_int_equal(next, 10);

    for (int64_t offset = 9; offset >= 7; offset--) {
        assert_true(kafka_reader_start(reader, &(struct kafka_position){TOPIC_MEMBER_REVIEW, 1, offset}, &fault));
        assert_int_equal(reader_next(reader, &happening), KAFKA_RECORD);
        assert_int_equal(happening.record.offset, offset);
        assert_int_equal(happening.record.topic, TOPIC_MEMBER_REVIEW);
        assert_int_equal(happening.record.header_count, 2);
        assert_string_equal(happening.record.headers[1].name, "empty");
        assert_null(happening.record.headers[1].value);
        kafka_record_release(&happening.record);
    }
    assert_true(kafka_reader_start(reader, &(struct kafka_position){TOPIC_MEMBER_REVIEW, 1, -1}, &fault));
    assert_int_equal(reader_next(reader, &happening), KAFKA_END);
    assert_int_equal(happening.position.offset, 10);
    kafka_reader_free(reader);

    reader = kafka_reader_new_uncommitted(mock.config, &fault);
    assert_non_null(reader);
    assert_true(kafka_reader_bounds(reader, TOPIC_MEMBER_REVIEW, 1, WAIT_MS, &first, &next, &fault));
    assert_int_equal(next, 10); /* what stands in an open transaction only a real broker knows */
    kafka_reader_free(reader);
}

/* Of all partitions of all topics, and one that there is not. */
static size_t bounds_fill(struct kafka_bounds *list)
{
    size_t count = 0;
    for (int kind = 0; kind < TOPIC_INPUTS; kind++)
        for (int32_t partition = 0; partition < MOCK_PARTITIONS; partition++)
            list[count++] = (struct kafka_bounds){.topic = (enum topic_kind)kind, .partition = partition};
    list[count++] = (struct kafka_bounds){.topic = TOPIC_APPROVAL, .partition = MOCK_PARTITIONS};
    return count;
}

enum { BOUNDS_ASKED = TOPIC_INPUTS * MOCK_PARTITIONS + 1 };

/* Who leads may be asked of the very broker that went down just now: asked again then, as the worker does. */
static void bounds_ask(struct kafka_reader *reader, struct kafka_bounds list[BOUNDS_ASKED], int timeout_ms)
{
    struct fault fault = {0};
    size_t count = bounds_fill(list);
    int64_t end_ms = moment_monotonic_ms() + WAIT_MS;
    assert_int_equal(count, BOUNDS_ASKED);
    while (!kafka_reader_bounds_all(reader, list, count, timeout_ms, &fault)) {
        assert_true(moment_monotonic_ms() < end_ms);
        fault_clear(&fault);
        bounds_fill(list);
    }
    assert_int_equal(list[count - 1].fault.kind, FAULT_REJECT);
    for (size_t i = 0; i + 1 < count; i++) {
        int64_t first, next;
        if (list[i].fault.kind != FAULT_NONE) continue;
        assert_true(kafka_reader_bounds(reader, list[i].topic, list[i].partition, WAIT_MS, &first, &next, &fault));
        assert_int_equal(list[i].first_offset, first);
        assert_int_equal(list[i].next_offset, next);
    }
}

/* One that has no leader, and a leader that does not answer, keep no other's bounds from being known. */
static void test_bounds_of_many(void **state)
{
    (void)state;
    static struct kafka_bounds list[BOUNDS_ASKED];
    struct fault fault = {0};
    struct kafka_reader *reader = kafka_reader_new(mock.config, &fault);
    assert_non_null(reader);
    produce(TOPIC_UNIT_REVIEW, 1, 4);
    for (int kind = 0; kind < TOPIC_INPUTS; kind++)
        for (int32_t partition = 0; partition < MOCK_PARTITIONS; partition++)
            rd_kafka_mock_partition_set_leader(mock.cluster, topic_full(kind), partition, 1 + partition % MOCK_BROKERS);
    bounds_ask(reader, list, WAIT_MS);
    for (size_t i = 0; i + 1 < BOUNDS_ASKED; i++) assert_int_equal(list[i].fault.kind, FAULT_NONE);
    assert_int_equal(list[1].next_offset, 4);

    rd_kafka_mock_partition_set_leader(mock.cluster, topic_full(TOPIC_UNIT_REVIEW), 0, -1);
    bounds_ask(reader, list, WAIT_MS);
    for (size_t i = 0; i + 1 < BOUNDS_ASKED; i++) assert_int_equal(list[i].fault.kind, i == 0 ? FAULT_RETRY : FAULT_NONE);
    rd_kafka_mock_partition_set_leader(mock.cluster, topic_full(TOPIC_UNIT_REVIEW), 0, 1);

    rd_kafka_mock_broker_set_down(mock.cluster, 2);
    bounds_ask(reader, list, 1000);
    rd_kafka_mock_broker_set_up(mock.cluster, 2);
    for (size_t i = 0; i + 1 < BOUNDS_ASKED; i++)
        assert_int_equal(list[i].fault.kind, list[i].partition % MOCK_BROKERS == 1 ? FAULT_RETRY : FAULT_NONE);

    brokers_set(false);
    bounds_fill(list);
    bool is_told = kafka_reader_bounds_all(reader, list, BOUNDS_ASKED, 1000, &fault);
    brokers_set(true);
    assert_false(is_told);
    assert_int_equal(fault.kind, FAULT_RETRY);
    kafka_reader_free(reader);
}

static void test_reader_halts_beyond_the_end(void **state)
{
    (void)state;
    struct fault fault = {0};
    struct kafka_happening happening;
    struct kafka_reader *reader = kafka_reader_new(mock.config, &fault);
    assert_true(kafka_reader_start(reader, &(struct kafka_position){TOPIC_MEMBER_REVIEW, 2, 1000}, &fault));
    assert_int_equal(reader_next(reader, &happening), KAFKA_HALTED);
    assert_int_equal(happening.position.partition, 2);
    kafka_reader_free(reader);
}

/* ---- consuming ---- */

static enum kafka_happening_kind consumer_next(struct kafka_consumer *consumer, struct kafka_happening *happening)
{
    int64_t end_ms = moment_monotonic_ms() + WAIT_MS;
    do kafka_consumer_poll(consumer, 100, happening);
    while (happening->kind == KAFKA_NOTHING && moment_monotonic_ms() < end_ms);
    return happening->kind;
}

static struct kafka_consumer *consumer_join(const char *group)
{
    struct fault fault = {0};
    struct kafka_happening happening;
    struct kafka_consumer *consumer = kafka_consumer_new(mock.config, group, &fault);
    assert_non_null(consumer);
    assert_int_equal(consumer_next(consumer, &happening), KAFKA_ASSIGNED);
    assert_int_equal(happening.assigned_count, TOPIC_INPUTS * MOCK_PARTITIONS);
    assert_true(kafka_consumer_start(consumer, NULL, 0, &fault));
    return consumer;
}

/* Whatever was fetched before a start must not be taken for what comes after it: the first record is the one asked for. */
static void test_nothing_stale_after_a_start(void **state)
{
    (void)state;
    produce(TOPIC_UNIT_REVIEW, 0, 2000);
    struct kafka_consumer *consumer = consumer_join("stale");
    struct kafka_happening happening;
    struct fault fault = {0};
    for (int64_t round = 0; round < 100; round++) {
        struct kafka_position at = {TOPIC_UNIT_REVIEW, 0, (round * 37) % 500};
        assert_true(kafka_consumer_start(consumer, &at, 1, &fault));
        for (int64_t i = 0; i < round % 7 + 1; i++) {
            assert_int_equal(consumer_next(consumer, &happening), KAFKA_RECORD);
            assert_int_equal(happening.record.offset, at.offset + i);
            kafka_record_release(&happening.record);
        }
    }
    kafka_consumer_free(consumer, WAIT_MS);
}

static void test_partitions_left_out_stay_silent(void **state)
{
    (void)state;
    produce(TOPIC_APPROVAL, 0, 3);
    produce(TOPIC_APPROVAL, 1, 3);
    struct kafka_consumer *consumer = consumer_join("silent");
    struct kafka_happening happening;
    struct fault fault = {0};
    struct kafka_position at = {TOPIC_APPROVAL, 1, 1};
    assert_true(kafka_consumer_start(consumer, &at, 1, &fault));
    while (consumer_next(consumer, &happening) == KAFKA_RECORD) {
        assert_int_equal(happening.record.partition, 1);
        kafka_record_release(&happening.record);
    }
    assert_int_equal(happening.kind, KAFKA_END);
    assert_int_equal(happening.position.partition, 1);
    assert_int_equal(kafka_consumer_end(consumer, TOPIC_APPROVAL, 1), happening.position.offset);
    kafka_consumer_commit(consumer, &happening.position, 1);
    kafka_consumer_free(consumer, WAIT_MS);
}

static void test_out_of_range_halts(void **state)
{
    (void)state;
    struct kafka_consumer *consumer = consumer_join("range");
    struct kafka_happening happening;
    struct fault fault = {0};
    struct kafka_position at = {TOPIC_APPROVAL, 2, 4711};
    assert_true(kafka_consumer_start(consumer, &at, 1, &fault));
    assert_int_equal(consumer_next(consumer, &happening), KAFKA_HALTED);
    assert_int_equal(happening.position.topic, TOPIC_APPROVAL);
    assert_int_equal(happening.position.partition, 2);
    kafka_consumer_free(consumer, WAIT_MS);
}

static void test_an_outage_is_told(void **state)
{
    (void)state;
    struct kafka_consumer *consumer = consumer_join("outage");
    struct kafka_happening happening = {0};
    assert_true(kafka_consumer_probe(consumer, WAIT_MS));
    brokers_set(false);
    assert_int_equal(consumer_next(consumer, &happening), KAFKA_OUTAGE);
    assert_int_equal(happening.fault.kind, FAULT_RETRY);
    assert_false(kafka_consumer_probe(consumer, 200));
    brokers_set(true);
    int64_t end_ms = moment_monotonic_ms() + WAIT_MS;
    while (!kafka_consumer_probe(consumer, 500) && moment_monotonic_ms() < end_ms) continue;
    assert_true(kafka_consumer_probe(consumer, WAIT_MS));
    kafka_consumer_free(consumer, WAIT_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_partition_is_javas_murmur2),
        cmocka_unit_test(test_fingerprint_sees_every_part),
        cmocka_unit_test(test_delivery_names_the_keys_partition),
        cmocka_unit_test(test_a_refusal_is_reported),
        cmocka_unit_test(test_an_outage_ends_with_a_delivery),
        cmocka_unit_test(test_fixed_properties_are_refused),
        cmocka_unit_test(test_reader_reads_from_where_it_is_told),
        cmocka_unit_test(test_bounds_of_many),
        cmocka_unit_test(test_reader_halts_beyond_the_end),
        cmocka_unit_test(test_nothing_stale_after_a_start),
        cmocka_unit_test(test_partitions_left_out_stay_silent),
        cmocka_unit_test(test_out_of_range_halts),
        cmocka_unit_test(test_an_outage_is_told),
    };
    return cmocka_run_group_tests(tests, mock_setup, mock_teardown);
}
