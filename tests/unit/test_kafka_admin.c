/*
 * Creating and comparing topics, and deleting records, with answers that the test makes up: librdkafka's mock cluster does not know these
 * requests, and a broker that is well refuses hardly any. What a real broker answers is in tests/system.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include <cmocka.h>

#include "core/kafka_internal.h"
#include "tests/unit/failing.h"

enum { PARTITIONS_MAX = 8, RESULTS_MAX = TOPIC_KINDS + 1, SETTINGS_MAX = 8 };

/* An answer as the library's opaque types: a topic of CreateTopics, a resource of DescribeConfigs, one of its settings. */
struct fake_topic {
    const char *name, *text;
    rd_kafka_resp_err_t error;
    size_t setting_count;
    struct fake_setting {
        const char *name, *value;
    } settings[SETTINGS_MAX];
    const struct fake_setting *list[SETTINGS_MAX];
};

static struct {
    bool is_silent; /* nothing is answered in time */
    rd_kafka_resp_err_t error; /* of the whole answer */
    struct fake_topic topics[RESULTS_MAX];
    const struct fake_topic *results[RESULTS_MAX];
    size_t count;
    struct rd_kafka_metadata metadata;
    rd_kafka_metadata_topic_t known[RESULTS_MAX];
    rd_kafka_metadata_partition_t partitions[RESULTS_MAX][PARTITIONS_MAX];
    rd_kafka_resp_err_t metadata_error;
    rd_kafka_topic_partition_list_t *offsets;
    int events; /* open ones */
} answer;

static rd_kafka_event_t *event_give(void)
{
    if (!answer.is_silent) answer.events++;
    return answer.is_silent ? NULL : (rd_kafka_event_t *)&answer;
}

static const void *results_give(size_t *count)
{
    *count = answer.count;
    return answer.results;
}

static const void *settings_give(const void *resource, size_t *count)
{
    const struct fake_topic *topic = resource;
    *count = topic->setting_count;
    return topic->list;
}

static rd_kafka_resp_err_t metadata_give(const struct rd_kafka_metadata **metadata)
{
    *metadata = &answer.metadata;
    return answer.metadata_error;
}

#define TOPIC_OF(result) ((const struct fake_topic *)(const void *)(result))
#define SETTING_OF(entry) ((const struct fake_setting *)(const void *)(entry))

FAKED(rd_kafka_event_t *, rd_kafka_queue_poll, true, (rd_kafka_queue_t * queue, int timeout_ms), (queue, timeout_ms), event_give())
FAKED(void, rd_kafka_event_destroy, true, (rd_kafka_event_t * event), (event), (void)answer.events--)
FAKED(rd_kafka_resp_err_t, rd_kafka_event_error, true, (rd_kafka_event_t * event), (event), answer.error)
FAKED(void, rd_kafka_CreateTopics, true,
      (rd_kafka_t * client, rd_kafka_NewTopic_t **topics, size_t count, const rd_kafka_AdminOptions_t *options, rd_kafka_queue_t *queue),
      (client, topics, count, options, queue), (void)0)
FAKED(const rd_kafka_CreateTopics_result_t *, rd_kafka_event_CreateTopics_result, true, (rd_kafka_event_t * event), (event), NULL)
FAKED(const rd_kafka_topic_result_t **, rd_kafka_CreateTopics_result_topics, true,
      (const rd_kafka_CreateTopics_result_t *result, size_t *count), (result, count),
      (const rd_kafka_topic_result_t **)(uintptr_t)results_give(count))
FAKED(const char *, rd_kafka_topic_result_name, true, (const rd_kafka_topic_result_t *result), (result), TOPIC_OF(result)->name)
FAKED(rd_kafka_resp_err_t, rd_kafka_topic_result_error, true, (const rd_kafka_topic_result_t *result), (result), TOPIC_OF(result)->error)
FAKED(const char *, rd_kafka_topic_result_error_string, true, (const rd_kafka_topic_result_t *result), (result), TOPIC_OF(result)->text)
FAKED(void, rd_kafka_DescribeConfigs, true,
      (rd_kafka_t * client, rd_kafka_ConfigResource_t **list, size_t count, const rd_kafka_AdminOptions_t *options,
       rd_kafka_queue_t *queue),
      (client, list, count, options, queue), (void)0)
FAKED(const rd_kafka_DescribeConfigs_result_t *, rd_kafka_event_DescribeConfigs_result, true, (rd_kafka_event_t * event), (event), NULL)
FAKED(const rd_kafka_ConfigResource_t **, rd_kafka_DescribeConfigs_result_resources, true,
      (const rd_kafka_DescribeConfigs_result_t *result, size_t *count), (result, count),
      (const rd_kafka_ConfigResource_t **)(uintptr_t)results_give(count))
FAKED(const char *, rd_kafka_ConfigResource_name, true, (const rd_kafka_ConfigResource_t *resource), (resource), TOPIC_OF(resource)->name)
FAKED(rd_kafka_resp_err_t, rd_kafka_ConfigResource_error, true, (const rd_kafka_ConfigResource_t *resource), (resource),
      TOPIC_OF(resource)->error)
FAKED(const rd_kafka_ConfigEntry_t **, rd_kafka_ConfigResource_configs, true, (const rd_kafka_ConfigResource_t *resource, size_t *count),
      (resource, count), (const rd_kafka_ConfigEntry_t **)(uintptr_t)settings_give(resource, count))
FAKED(const char *, rd_kafka_ConfigEntry_name, true, (const rd_kafka_ConfigEntry_t *entry), (entry), SETTING_OF(entry)->name)
FAKED(const char *, rd_kafka_ConfigEntry_value, true, (const rd_kafka_ConfigEntry_t *entry), (entry), SETTING_OF(entry)->value)
FAKED(rd_kafka_resp_err_t, rd_kafka_metadata, true,
      (rd_kafka_t * client, int is_all, rd_kafka_topic_t *topic, const struct rd_kafka_metadata **metadata, int timeout_ms),
      (client, is_all, topic, metadata, timeout_ms), metadata_give(metadata))
FAKED(void, rd_kafka_metadata_destroy, true, (const struct rd_kafka_metadata *metadata), (metadata), (void)0)
FAKED(void, rd_kafka_DeleteRecords, true,
      (rd_kafka_t * client, rd_kafka_DeleteRecords_t **deletion, size_t count, const rd_kafka_AdminOptions_t *options,
       rd_kafka_queue_t *queue),
      (client, deletion, count, options, queue), (void)0)
FAKED(const rd_kafka_DeleteRecords_result_t *, rd_kafka_event_DeleteRecords_result, true, (rd_kafka_event_t * event), (event), NULL)
FAKED(const rd_kafka_topic_partition_list_t *, rd_kafka_DeleteRecords_result_offsets, true, (const rd_kafka_DeleteRecords_result_t *result),
      (result), answer.offsets)

/* ---- the answers of a broker that is well ---- */

static char names[TOPIC_KINDS][64];

static void topic_good(enum topic_kind kind)
{
    struct fake_topic *topic = &answer.topics[kind];
    *topic = (struct fake_topic){.name = names[kind]};
    for (const struct topic_setting *setting = topic_settings(kind); setting->name != NULL; setting++)
        topic->settings[topic->setting_count++] = (struct fake_setting){setting->name, setting->value};
    topic->settings[topic->setting_count++] = (struct fake_setting){"min.insync.replicas", "2"};
    for (size_t i = 0; i < topic->setting_count; i++) topic->list[i] = &topic->settings[i];
}

static void shape_set(int kind, int32_t partitions, int replicas)
{
    answer.known[kind] =
        (rd_kafka_metadata_topic_t){.topic = names[kind], .partition_cnt = partitions, .partitions = answer.partitions[kind]};
    for (int i = 0; i < PARTITIONS_MAX; i++) answer.partitions[kind][i].replica_cnt = replicas;
}

static int setup(void **state)
{
    (void)state;
    memset(&answer, 0, sizeof answer);
    for (int kind = 0; kind < TOPIC_KINDS; kind++) {
        snprintf(names[kind], sizeof names[kind], "nianshen.%s", topic_kind_name((enum topic_kind)kind));
        topic_good((enum topic_kind)kind);
        shape_set(kind, 6, 3);
    }
    static char another[] = "another";
    answer.topics[TOPIC_KINDS] = (struct fake_topic){.name = another};
    answer.known[TOPIC_KINDS].topic = another;
    for (int i = 0; i < RESULTS_MAX; i++) answer.results[i] = &answer.topics[i];
    answer.count = RESULTS_MAX;
    answer.metadata = (struct rd_kafka_metadata){.topic_cnt = RESULTS_MAX, .topics = answer.known};
    return 0;
}

static int nothing(const struct config *config)
{
    (void)config;
    return 0;
}

static struct config *config;

static int group_setup(void **state)
{
    static const struct command commands[] = {{.name = "", .summary = {"测试", "a test"}, .run = nothing}, {0}};
    char program[] = "test", bootstrap[] = "--kafka-bootstrap=127.0.0.1:1";
    char *arguments[] = {program, bootstrap, NULL};
    int status;
    (void)state;
    config = config_read("nianshen-test", commands, 2, arguments, &status);
    return config == NULL;
}

static int group_teardown(void **state)
{
    (void)state;
    config_free(config);
    return 0;
}

static struct kafka_admin *opened(void)
{
    struct fault fault = {0};
    struct kafka_admin *admin = kafka_admin_new(config, &fault);
    assert_non_null(admin);
    return admin;
}

static void closed(struct kafka_admin *admin)
{
    kafka_admin_free(admin);
    assert_int_equal(answer.events, 0);
}

/* ---- creating ---- */

static void test_creating(void **state)
{
    struct fault fault = {0};
    bool created[TOPIC_KINDS];
    (void)state;
    struct kafka_admin *admin = opened();
    answer.topics[TOPIC_OUTCOME].error = RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS;
    assert_true(kafka_admin_create(admin, 6, 3, 1000, created, &fault));
    for (int kind = 0; kind < TOPIC_KINDS; kind++) assert_int_equal(created[kind], kind != TOPIC_OUTCOME);
    assert_true(kafka_admin_create(admin, 6, 1, 1000, created, &fault));
    closed(admin);
}

static void test_creating_is_refused(void **state)
{
    struct fault fault = {0};
    bool created[TOPIC_KINDS];
    char text[] = "not so many brokers";
    (void)state;
    struct kafka_admin *admin = opened();
    assert_false(kafka_admin_create(admin, -7, 3, 1000, created, &fault)); /* librdkafka's own refusal */
    assert_string_equal(fault.code, "topic-create");
    fault_clear(&fault);
    answer.topics[TOPIC_APPROVAL].error = RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR;
    answer.topics[TOPIC_APPROVAL].text = text;
    answer.topics[TOPIC_OUTCOME].error = RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED;
    assert_false(kafka_admin_create(admin, 6, 3, 1000, created, &fault));
    assert_non_null(strstr(fault.text, text));
    assert_true(created[TOPIC_UNIT_REVIEW]);
    fault_clear(&fault);
    answer.topics[TOPIC_APPROVAL].text = NULL;
    assert_false(kafka_admin_create(admin, 6, 3, 1000, created, &fault));
    assert_string_equal(fault.code, "kafka-refused");
    closed(admin);
}

static void test_no_answer(void **state)
{
    struct fault fault = {0};
    bool created[TOPIC_KINDS];
    (void)state;
    struct kafka_admin *admin = opened();
    answer.is_silent = true;
    assert_false(kafka_admin_create(admin, 6, 3, 1000, created, &fault));
    assert_int_equal(fault.kind, FAULT_RETRY);
    assert_non_null(strstr(fault.text, "127.0.0.1:1"));
    fault_clear(&fault);
    answer.is_silent = false;
    answer.error = RD_KAFKA_RESP_ERR__TRANSPORT;
    assert_false(kafka_admin_create(admin, 6, 3, 1000, created, &fault));
    assert_int_equal(fault.kind, FAULT_RETRY);
    closed(admin);
}

/* ---- comparing ---- */

static struct kafka_topic_finding findings[KAFKA_FINDINGS_MAX];
static size_t found;
static int32_t partitions;

static void check(struct kafka_admin *admin)
{
    struct fault fault = {0};
    if (!kafka_admin_check(admin, 1000, findings, &found, &partitions, &fault)) fail_msg("%s", fault.text);
}

static void assert_found(enum topic_kind topic, const char *code)
{
    for (size_t i = 0; i < found; i++)
        if (findings[i].topic == topic && strcmp(findings[i].code, code) == 0) return;
    fail_msg("no %s of topic %d", code, topic);
}

static void test_topics_as_the_contract_wants_them(void **state)
{
    (void)state;
    struct kafka_admin *admin = opened();
    check(admin);
    assert_int_equal(found, 0);
    assert_int_equal(partitions, 6);
    closed(admin);
}

static void test_topics_that_are_not_as_they_should(void **state)
{
    (void)state;
    struct kafka_admin *admin = opened();
    answer.topics[TOPIC_UNIT_REVIEW].settings[0].value = "compact";
    answer.topics[TOPIC_MEMBER_REVIEW].settings[0].value = NULL;
    answer.topics[TOPIC_APPROVAL].setting_count = 0; /* and so without min.insync.replicas */
    answer.known[TOPIC_OUTCOME].err = RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    shape_set(TOPIC_DEAD_LETTER, 3, 3);
    answer.partitions[TOPIC_DEAD_LETTER][2].replica_cnt = 1;
    check(admin);
    assert_found(TOPIC_UNIT_REVIEW, "topic-setting");
    assert_found(TOPIC_MEMBER_REVIEW, "topic-setting");
    assert_found(TOPIC_APPROVAL, "topic-setting");
    assert_found(TOPIC_APPROVAL, "topic-replication");
    assert_found(TOPIC_OUTCOME, "topic-missing");
    assert_found(TOPIC_DEAD_LETTER, "topic-partitions");
    assert_found(TOPIC_DEAD_LETTER, "topic-replication");
    assert_int_equal(partitions, 6);
    closed(admin);
}

static void test_topics_that_are_missing(void **state)
{
    (void)state;
    struct kafka_admin *admin = opened();
    shape_set(TOPIC_APPROVAL, 0, 0);
    shape_set(TOPIC_OUTCOME, 12, 3); /* may have as many as it likes */
    check(admin);
    assert_int_equal(found, 1);
    assert_found(TOPIC_APPROVAL, "topic-missing");
    assert_int_equal(partitions, 0);
    shape_set(TOPIC_UNIT_REVIEW, 0, 0);
    check(admin);
    assert_int_equal(found, 2);
    answer.metadata.topic_cnt = 0;
    check(admin);
    assert_int_equal(found, TOPIC_KINDS);
    closed(admin);
}

static void test_comparing_is_refused(void **state)
{
    struct fault fault = {0};
    (void)state;
    struct kafka_admin *admin = opened();
    answer.topics[TOPIC_APPROVAL].error = RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    assert_false(kafka_admin_check(admin, 1000, findings, &found, &partitions, &fault));
    assert_string_equal(fault.code, "kafka-access");
    fault_clear(&fault);
    answer.is_silent = true;
    assert_false(kafka_admin_check(admin, 1000, findings, &found, &partitions, &fault));
    assert_string_equal(fault.code, "broker-away");
    fault_clear(&fault);
    answer.metadata_error = RD_KAFKA_RESP_ERR__TRANSPORT;
    assert_false(kafka_admin_check(admin, 1000, findings, &found, &partitions, &fault));
    assert_string_equal(fault.code, "broker-away");
    closed(admin);
}

static void test_numbers_of_partitions(void **state)
{
    struct fault fault = {0};
    int32_t counts[TOPIC_KINDS];
    (void)state;
    struct kafka_admin *admin = opened();
    assert_true(kafka_admin_partitions(admin, 1000, counts, &fault));
    for (int kind = 0; kind < TOPIC_KINDS; kind++) assert_int_equal(counts[kind], 6);
    shape_set(TOPIC_OUTCOME, 0, 0);
    assert_false(kafka_admin_partitions(admin, 1000, counts, &fault));
    assert_string_equal(fault.code, "topic-missing");
    fault_clear(&fault);
    answer.metadata_error = RD_KAFKA_RESP_ERR__TRANSPORT;
    assert_false(kafka_admin_partitions(admin, 1000, counts, &fault));
    assert_string_equal(fault.code, "broker-away");
    closed(admin);
}

/* ---- deleting ---- */

static void test_deleting_records(void **state)
{
    static const struct kafka_position before[] = {{TOPIC_APPROVAL, 0, 17}, {TOPIC_APPROVAL, 1, 4}};
    struct fault fault = {0};
    (void)state;
    struct kafka_admin *admin = opened();
    answer.offsets = rd_kafka_topic_partition_list_new(2);
    for (int i = 0; i < 2; i++) rd_kafka_topic_partition_list_add(answer.offsets, names[TOPIC_APPROVAL], i);
    assert_true(kafka_admin_delete_before(admin, before, 2, 1000, &fault));
    answer.offsets->elems[1].err = RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    assert_false(kafka_admin_delete_before(admin, before, 2, 1000, &fault));
    assert_non_null(strstr(fault.text, "nianshen.approval [1]"));
    fault_clear(&fault);
    answer.is_silent = true;
    assert_false(kafka_admin_delete_before(admin, before, 2, 1000, &fault));
    assert_int_equal(fault.kind, FAULT_RETRY);
    rd_kafka_topic_partition_list_destroy(answer.offsets);
    closed(admin);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_creating, setup),
        cmocka_unit_test_setup(test_creating_is_refused, setup),
        cmocka_unit_test_setup(test_no_answer, setup),
        cmocka_unit_test_setup(test_topics_as_the_contract_wants_them, setup),
        cmocka_unit_test_setup(test_topics_that_are_not_as_they_should, setup),
        cmocka_unit_test_setup(test_topics_that_are_missing, setup),
        cmocka_unit_test_setup(test_comparing_is_refused, setup),
        cmocka_unit_test_setup(test_numbers_of_partitions, setup),
        cmocka_unit_test_setup(test_deleting_records, setup),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
