/*
 * What the client library reads by itself, as a limit: `consume BOOTSTRAP TOPIC…` reads all that is in the topics with the worker's own
 * settings of the consumer and throws it away. Prints records, bytes and seconds from the first request to the last record.
 */
#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <time.h>

enum { TEXT_BYTES = 512, WAIT_MS = 10000, CALL_MS = 2, MESSAGES_A_CALL = 10000 };

struct reading {
    rd_kafka_t *client;
    rd_kafka_queue_t *queue;
    uint64_t records, bytes;
    int open; /* partitions whose end is not reached */
};

static _Noreturn void give_up(const char *text)
{
    (void)fprintf(stderr, "consume: %s\n", text);
    exit(EX_SOFTWARE);
}

static double now_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void open_client(struct reading *reading, const char *bootstrap)
{
    char text[TEXT_BYTES];
    const char *const settings[][2] = {
        {"bootstrap.servers", bootstrap},      {"enable.partition.eof", "true"},          {"check.crcs", "true"},
        {"isolation.level", "read_committed"}, {"queued.max.messages.kbytes", "65536"},   {"queued.min.messages", "1000000"},
        {"fetch.max.bytes", "8388608"},        {"receive.message.max.bytes", "16777216"}, {"fetch.wait.max.ms", "100"}};
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
        if (rd_kafka_conf_set(conf, settings[i][0], settings[i][1], text, sizeof text) != RD_KAFKA_CONF_OK) give_up(text);
    reading->client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof text);
    if (reading->client == NULL) give_up(text);
    reading->queue = rd_kafka_queue_new(reading->client);
}

/* The simple consumer: no group, so nothing that was read is noted anywhere. */
static void start_topic(struct reading *reading, const char *name)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(reading->client, name, NULL);
    if (topic == NULL || rd_kafka_metadata(reading->client, 0, topic, &metadata, WAIT_MS) != RD_KAFKA_RESP_ERR_NO_ERROR)
        give_up("no answer about the topic");
    for (int i = 0; i < metadata->topics[0].partition_cnt; i++, reading->open++)
        if (rd_kafka_consume_start_queue(topic, metadata->topics[0].partitions[i].id, RD_KAFKA_OFFSET_BEGINNING, reading->queue) != 0)
            give_up("a partition can't be read");
    rd_kafka_metadata_destroy(metadata);
}

/* Returns when the last record came: the ends of partitions that hold nothing are told later, and late. */
static double read_all(struct reading *reading)
{
    static rd_kafka_message_t *messages[MESSAGES_A_CALL];
    double last = now_s(), last_record = last;
    while (reading->open > 0) {
        /* A call that is not filled lasts as long as it may: hence the short time. */
        ssize_t count = rd_kafka_consume_batch_queue(reading->queue, CALL_MS, messages, MESSAGES_A_CALL);
        if (count > 0) last = now_s();
        if (count < 0 || (now_s() - last) * 1000 > WAIT_MS) give_up("the broker sends nothing more");
        for (ssize_t i = 0; i < count; i++) {
            if (messages[i]->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
                reading->open--;
            } else if (messages[i]->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
                give_up(rd_kafka_err2str(messages[i]->err));
            } else {
                last_record = last;
                reading->records++;
                reading->bytes += messages[i]->len;
            }
            rd_kafka_message_destroy(messages[i]);
        }
    }
    return last_record;
}

int main(int argc, char **argv)
{
    struct reading reading = {0};
    if (argc < 3) give_up("usage: consume BOOTSTRAP TOPIC…");
    open_client(&reading, argv[1]);
    double start = now_s();
    for (int i = 2; i < argc; i++) start_topic(&reading, argv[i]);
    double seconds = read_all(&reading) - start;
    printf("%" PRIu64 " %" PRIu64 " %.6f\n", reading.records, reading.bytes, seconds);
    (void)fflush(stdout);
    _Exit(EX_OK); /* closing waits for the fetches under way, which is nobody's time here */
}
