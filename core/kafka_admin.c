/* Creating the topics, comparing them with the contract, and deleting their oldest records. */
#include "core/kafka_internal.h"
#include "core/language.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

enum { REPLICATION_WANTED = 3, INSYNC_WANTED = 2 };

static const char insync_setting[] = "min.insync.replicas";

struct kafka_admin {
    struct kafka_notes notes; /* first: the callbacks' opaque begins with it */
    rd_kafka_t *client;
    rd_kafka_queue_t *queue;
    struct kafka_names names;
    char bootstrap[256]; /* for faults */
};

/* A consumer by type: asking for a topic as a producer would may create it. */
struct kafka_admin *kafka_admin_new(const struct config *config, struct fault *fault)
{
    static const struct kafka_property none[] = {{NULL, NULL, false}};
    struct kafka_admin *admin = calloc(1, sizeof *admin);
    if (admin == NULL) {
        fault_set(fault, FAULT_FATAL, EX_OSERR, "memory", language_pick("内存不足", "no memory left for the admin client"));
        return NULL;
    }
    struct kafka_setup setup = {RD_KAFKA_CONSUMER, none, NULL, admin};
    (void)snprintf(admin->bootstrap, sizeof admin->bootstrap, "%s", config_text(config, "kafka_bootstrap"));
    if (kafka_names_fill(&admin->names, config, fault)) admin->client = kafka_client_new(config, &setup, fault);
    if (admin->client == NULL) {
        kafka_admin_free(admin);
        return NULL;
    }
    admin->queue = rd_kafka_queue_new(admin->client);
    return admin;
}

void kafka_admin_free(struct kafka_admin *admin)
{
    if (admin == NULL) return;
    if (admin->queue != NULL) rd_kafka_queue_destroy(admin->queue);
    if (admin->client != NULL) rd_kafka_destroy(admin->client);
    free(admin);
}

/* The fault names the broker: who has the wrong address in the configuration sees it. */
static bool admin_fault(const struct kafka_admin *admin, rd_kafka_resp_err_t error, const char *what, struct fault *fault)
{
    char question[512];
    (void)snprintf(question, sizeof question, language_pick("%s（%s）", "%s, at %s"), what, admin->bootstrap);
    return kafka_fault(fault, error, question);
}

/* The answer to a request that was sent to the admin's queue; NULL with a fault when there is none. The caller destroys it. */
static rd_kafka_event_t *answer_wait(struct kafka_admin *admin, int timeout_ms, const char *what, struct fault *fault)
{
    rd_kafka_event_t *event = rd_kafka_queue_poll(admin->queue, timeout_ms);
    rd_kafka_resp_err_t error = event == NULL ? RD_KAFKA_RESP_ERR__TIMED_OUT : rd_kafka_event_error(event);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return event;
    (void)admin_fault(admin, error, what, fault);
    if (event != NULL) rd_kafka_event_destroy(event);
    return NULL;
}

static rd_kafka_AdminOptions_t *options_new(struct kafka_admin *admin, rd_kafka_admin_op_t operation, int timeout_ms)
{
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(admin->client, operation);
    rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, NULL, 0);
    return options;
}

/* ---- creating ---- */

static rd_kafka_NewTopic_t *topic_wanted(const struct kafka_admin *admin, enum topic_kind kind, int32_t partitions, int replication_factor,
                                         struct fault *fault)
{
    char reason[256];
    rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(admin->names.full[kind], partitions, replication_factor, reason, sizeof reason);
    if (topic == NULL) {
        fault_set(fault, FAULT_REJECT, EX_USAGE, "topic-create", language_pick("%s：%s", "%s: %s"), admin->names.full[kind], reason);
        return NULL;
    }
    for (const struct topic_setting *setting = topic_settings(kind); setting->name != NULL; setting++)
        rd_kafka_NewTopic_set_config(topic, setting->name, setting->value);
    if (replication_factor >= REPLICATION_WANTED) rd_kafka_NewTopic_set_config(topic, insync_setting, "2");
    return topic;
}

static bool creation_note(const struct kafka_admin *admin, const rd_kafka_topic_result_t *result, bool created[TOPIC_KINDS],
                          struct fault *fault)
{
    enum topic_kind kind;
    const char *name = rd_kafka_topic_result_name(result);
    rd_kafka_resp_err_t error = rd_kafka_topic_result_error(result);
    if (!kafka_names_find(&admin->names, name, &kind)) return true;
    created[kind] = error == RD_KAFKA_RESP_ERR_NO_ERROR;
    if (created[kind] || error == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) return true;
    const char *text = rd_kafka_topic_result_error_string(result);
    struct fault kind_of_error = {0};
    kafka_fault(&kind_of_error, error, name);
    return fault_set(fault, kind_of_error.kind, kind_of_error.exit_status, kind_of_error.code,
                     language_pick("无法创建 %s：%s", "%s can't be created: %s"), name, text != NULL ? text : rd_kafka_err2str(error));
}

static bool creation_wait(struct kafka_admin *admin, int timeout_ms, bool created[TOPIC_KINDS], struct fault *fault)
{
    rd_kafka_event_t *event = answer_wait(admin, timeout_ms, language_pick("创建主题", "creating topics"), fault);
    if (event == NULL) return false;
    size_t count;
    const rd_kafka_topic_result_t **results = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
    bool is_good = true;
    for (size_t i = 0; i < count; i++) is_good = creation_note(admin, results[i], created, fault) && is_good;
    rd_kafka_event_destroy(event);
    return is_good;
}

bool kafka_admin_create(struct kafka_admin *admin, int32_t partitions, int replication_factor, int timeout_ms, bool created[TOPIC_KINDS],
                        struct fault *fault)
{
    rd_kafka_NewTopic_t *topics[TOPIC_KINDS] = {NULL};
    bool is_good = true;
    memset(created, 0, TOPIC_KINDS * sizeof created[0]);
    for (int kind = 0; kind < TOPIC_KINDS && is_good; kind++) {
        topics[kind] = topic_wanted(admin, (enum topic_kind)kind, partitions, replication_factor, fault);
        is_good = topics[kind] != NULL;
    }
    if (is_good) {
        rd_kafka_AdminOptions_t *options = options_new(admin, RD_KAFKA_ADMIN_OP_CREATETOPICS, timeout_ms);
        rd_kafka_CreateTopics(admin->client, topics, TOPIC_KINDS, options, admin->queue);
        rd_kafka_AdminOptions_destroy(options);
        is_good = creation_wait(admin, timeout_ms, created, fault);
    }
    for (int kind = 0; kind < TOPIC_KINDS; kind++)
        if (topics[kind] != NULL) rd_kafka_NewTopic_destroy(topics[kind]);
    return is_good;
}

/* ---- comparing ---- */

struct topic_shape {
    int32_t partitions; /* 0: the topic does not exist */
    int replication; /* of the partition that has the fewest replicas */
    char insync_replicas[16]; /* "" when unknown */
};

struct check {
    struct kafka_admin *admin;
    struct topic_shape shapes[TOPIC_KINDS];
    struct kafka_topic_finding *findings;
    size_t count;
};

static void __attribute__((format(printf, 5, 6)))
finding_add(struct check *check, enum topic_kind topic, bool is_error, const char *code, const char *format, ...)
{
    assert(check->count < KAFKA_FINDINGS_MAX); /* all rules of all topics together are fewer */
    struct kafka_topic_finding *finding = &check->findings[check->count++];
    finding->topic = topic;
    finding->is_error = is_error;
    snprintf(finding->code, sizeof finding->code, "%s", code);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(finding->text, sizeof finding->text, format, arguments);
    va_end(arguments);
}

static struct topic_shape shape_of(const rd_kafka_metadata_topic_t *topic)
{
    struct topic_shape shape = {0};
    if (topic->err != RD_KAFKA_RESP_ERR_NO_ERROR || topic->partition_cnt <= 0) return shape;
    shape.partitions = topic->partition_cnt;
    shape.replication = topic->partitions[0].replica_cnt;
    for (int i = 1; i < topic->partition_cnt; i++)
        if (topic->partitions[i].replica_cnt < shape.replication) shape.replication = topic->partitions[i].replica_cnt;
    return shape;
}

static bool shapes_ask(struct check *check, int timeout_ms, struct fault *fault)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_resp_err_t error = rd_kafka_metadata(check->admin->client, 1, NULL, &metadata, timeout_ms);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
        return admin_fault(check->admin, error, language_pick("查询主题", "asking for the topics"), fault);
    for (int i = 0; i < metadata->topic_cnt; i++) {
        enum topic_kind kind;
        if (kafka_names_find(&check->admin->names, metadata->topics[i].topic, &kind)) check->shapes[kind] = shape_of(&metadata->topics[i]);
    }
    rd_kafka_metadata_destroy(metadata);
    return true;
}

static const char *setting_found(const rd_kafka_ConfigEntry_t *const *entries, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(rd_kafka_ConfigEntry_name(entries[i]), name) == 0) return rd_kafka_ConfigEntry_value(entries[i]);
    return NULL;
}

static void settings_compare(struct check *check, enum topic_kind kind, const rd_kafka_ConfigResource_t *resource)
{
    size_t count;
    const rd_kafka_ConfigEntry_t *const *entries = (const rd_kafka_ConfigEntry_t *const *)rd_kafka_ConfigResource_configs(resource, &count);
    const char *name = check->admin->names.full[kind];
    for (const struct topic_setting *setting = topic_settings(kind); setting->name != NULL; setting++) {
        const char *found = setting_found(entries, count, setting->name);
        if (found != NULL && strcmp(found, setting->value) == 0) continue;
        finding_add(
            check, kind, true, "topic-setting",
            language_pick(
                "主题 %s 的 %s=%s，应为 %s：kafka-configs.sh --bootstrap-server … --alter --entity-type topics --entity-name %s "
                "--add-config %s=%s",
                "topic %s has %s=%s and needs %s: kafka-configs.sh --bootstrap-server … --alter --entity-type topics --entity-name %s "
                "--add-config %s=%s"),
            name, setting->name, found != NULL ? found : "(unset)", setting->value, name, setting->name, setting->value);
    }
    const char *insync = setting_found(entries, count, insync_setting);
    snprintf(check->shapes[kind].insync_replicas, sizeof check->shapes[kind].insync_replicas, "%s", insync != NULL ? insync : "");
}

static bool settings_note(struct check *check, rd_kafka_event_t *event, struct fault *fault)
{
    size_t count;
    const rd_kafka_ConfigResource_t **resources =
        rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event), &count);
    for (size_t i = 0; i < count; i++) {
        enum topic_kind kind;
        const char *name = rd_kafka_ConfigResource_name(resources[i]);
        rd_kafka_resp_err_t error = rd_kafka_ConfigResource_error(resources[i]);
        if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return kafka_fault(fault, error, name);
        if (kafka_names_find(&check->admin->names, name, &kind)) settings_compare(check, kind, resources[i]);
    }
    return true;
}

static bool settings_ask(struct check *check, int timeout_ms, struct fault *fault)
{
    rd_kafka_ConfigResource_t *resources[TOPIC_KINDS];
    size_t count = 0;
    for (int kind = 0; kind < TOPIC_KINDS; kind++)
        if (check->shapes[kind].partitions > 0)
            resources[count++] = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, check->admin->names.full[kind]);
    if (count == 0) return true;
    rd_kafka_AdminOptions_t *options = options_new(check->admin, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, timeout_ms);
    rd_kafka_DescribeConfigs(check->admin->client, resources, count, options, check->admin->queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_ConfigResource_destroy_array(resources, count);
    rd_kafka_event_t *event =
        answer_wait(check->admin, timeout_ms, language_pick("查询主题的参数", "asking for the topics' settings"), fault);
    bool is_good = event != NULL && settings_note(check, event, fault);
    if (event != NULL) rd_kafka_event_destroy(event);
    return is_good;
}

static void missing_find(struct check *check)
{
    for (int kind = 0; kind < TOPIC_KINDS; kind++)
        if (check->shapes[kind].partitions == 0)
            finding_add(
                check, (enum topic_kind)kind, true, "topic-missing",
                language_pick(
                    "主题 %s 不存在：nianshen-ops topics create --partitions N --replication-factor N（也请核对 topic_prefix 与 "
                    "kafka_bootstrap）",
                    "topic %s does not exist: nianshen-ops topics create --partitions N --replication-factor N (check topic_prefix and "
                    "kafka_bootstrap too)"),
                check->admin->names.full[kind]);
}

/* A unit must have one partition number everywhere; a dead letter keeps the partition number of its record. */
static void partitions_compare(struct check *check, int32_t *partitions)
{
    *partitions = check->shapes[0].partitions;
    for (int kind = 1; kind < TOPIC_KINDS; kind++) {
        int32_t found = check->shapes[kind].partitions;
        if (kind == TOPIC_OUTCOME || found == 0 || check->shapes[0].partitions == 0 || found == check->shapes[0].partitions) continue;
        finding_add(check, (enum topic_kind)kind, true, "topic-partitions",
                    language_pick("主题 %s 有 %" PRId32 " 个分区，%s 有 %" PRId32
                                  " 个：从第一条记录起分区数必须相等且永不更改；若还没有记录，请删除它，再运行 nianshen-ops topics create "
                                  "--partitions N --replication-factor N",
                                  "topic %s has %" PRId32 " partitions and %s has %" PRId32
                                  ": they must be equal from the first record on and never change; as long as it is empty, delete it and "
                                  "run nianshen-ops topics "
                                  "create --partitions N --replication-factor N"),
                    check->admin->names.full[kind], found, check->admin->names.full[0], check->shapes[0].partitions);
    }
    for (int kind = 1; kind < TOPIC_INPUTS; kind++)
        if (check->shapes[kind].partitions != check->shapes[0].partitions) *partitions = 0;
}

static void replication_compare(struct check *check)
{
    for (int kind = 0; kind < TOPIC_KINDS; kind++) {
        const struct topic_shape *shape = &check->shapes[kind];
        if (shape->partitions == 0) continue;
        if (shape->replication >= REPLICATION_WANTED && strtol(shape->insync_replicas, NULL, 10) >= INSYNC_WANTED) continue;
        finding_add(check, (enum topic_kind)kind, false, "topic-replication",
                    language_pick("主题 %s 有 %d 个副本，%s=%s：坏一块磁盘就可能丢失记录；生产环境需要 %d 与 "
                                  "%d（kafka-reassign-partitions.sh；kafka-configs.sh --alter … --add-config %s=%d）",
                                  "topic %s has %d replicas and %s=%s: the loss of one disk may lose records; production needs %d and %d "
                                  "(kafka-reassign-partitions.sh; kafka-configs.sh --alter … --add-config %s=%d)"),
                    check->admin->names.full[kind], shape->replication, insync_setting, shape->insync_replicas, REPLICATION_WANTED,
                    INSYNC_WANTED, insync_setting, INSYNC_WANTED);
    }
}

bool kafka_admin_check(struct kafka_admin *admin, int timeout_ms, struct kafka_topic_finding findings[KAFKA_FINDINGS_MAX],
                       size_t *found_count, int32_t *partitions, struct fault *fault)
{
    struct check check = {.admin = admin, .findings = findings};
    if (!shapes_ask(&check, timeout_ms, fault) || !settings_ask(&check, timeout_ms, fault)) return false;
    missing_find(&check);
    partitions_compare(&check, partitions);
    replication_compare(&check);
    *found_count = check.count;
    return true;
}

/* ---- deleting records ---- */

bool kafka_admin_partitions(struct kafka_admin *admin, int timeout_ms, int32_t partitions[TOPIC_KINDS], struct fault *fault)
{
    struct check check = {.admin = admin};
    if (!shapes_ask(&check, timeout_ms, fault)) return false;
    for (int kind = 0; kind < TOPIC_KINDS; kind++) {
        partitions[kind] = check.shapes[kind].partitions;
        if (partitions[kind] == 0)
            return fault_set(fault, FAULT_FATAL, EX_CONFIG, "topic-missing", "topic %s does not exist: nianshen-ops topics check",
                             admin->names.full[kind]);
    }
    return true;
}

/* The first partition of which the broker would not delete. */
static bool deletion_note(rd_kafka_event_t *event, struct fault *fault)
{
    const rd_kafka_topic_partition_list_t *list = rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(event));
    for (int i = 0; i < list->cnt; i++) {
        char what[TOPIC_NAME_BYTES_MAX + 64];
        if (list->elems[i].err == RD_KAFKA_RESP_ERR_NO_ERROR) continue;
        (void)snprintf(what, sizeof what, "deleting records of %s [%" PRId32 "]", list->elems[i].topic, list->elems[i].partition);
        return kafka_fault(fault, list->elems[i].err, what);
    }
    return true;
}

bool kafka_admin_delete_before(struct kafka_admin *admin, const struct kafka_position *before, size_t count, int timeout_ms,
                               struct fault *fault)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (size_t i = 0; i < count; i++)
        rd_kafka_topic_partition_list_add(list, admin->names.full[before[i].topic], before[i].partition)->offset = before[i].offset;
    rd_kafka_DeleteRecords_t *deletion = rd_kafka_DeleteRecords_new(list);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_AdminOptions_t *options = options_new(admin, RD_KAFKA_ADMIN_OP_DELETERECORDS, timeout_ms);
    rd_kafka_DeleteRecords(admin->client, &deletion, 1, options, admin->queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_DeleteRecords_destroy(deletion);
    rd_kafka_event_t *event = answer_wait(admin, timeout_ms, "deleting records", fault);
    bool is_good = event != NULL && deletion_note(event, fault);
    if (event != NULL) rd_kafka_event_destroy(event);
    return is_good;
}
