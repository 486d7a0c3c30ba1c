/*
 * Sending and waiting against a scripted broker that implements core/kafka.h: done means every delivery report, a broken client is
 * replaced without losing or repeating what was reported, a refusal ends the command, and the right outcome is found among others.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "core/kafka.h"
#include "producer/send.h"
#include "producer/wait.h"

enum { RECORDS_MAX = 16, QUEUE_MAX = 3 };

/* ---- the scripted broker ---- */

struct kafka_producer {
    kafka_delivered_fn delivered;
    void *context;
    uint64_t queue[QUEUE_MAX];
    size_t queued;
    bool is_broken;
};

static struct script {
    int producers; /* made so far */
    int breaks_after; /* deliveries until the client breaks, once; -1: never */
    int refuses; /* the record that is refused; -1: none */
    int taken[RECORDS_MAX]; /* how often each record reached the log */
    uint64_t log[4 * RECORDS_MAX];
    size_t log_count;
    struct kafka_happening answers[4]; /* what the outcome topic's reader gives, then nothing */
    size_t answer_count, answer_at;
} script;

struct kafka_producer *kafka_producer_new(const struct config *config, kafka_delivered_fn delivered, void *context, struct fault *fault)
{
    struct kafka_producer *producer = calloc(1, sizeof *producer);
    (void)config, (void)fault;
    producer->delivered = delivered;
    producer->context = context;
    script.producers++;
    return producer;
}

void kafka_producer_free(struct kafka_producer *producer)
{
    free(producer);
}

bool kafka_producer_send(struct kafka_producer *producer, enum topic_kind topic, int32_t partition, const void *key, size_t key_bytes,
                         const void *value, size_t value_bytes, const struct kafka_header *headers, size_t header_count, uint64_t tag,
                         struct fault *fault)
{
    (void)topic, (void)partition, (void)key, (void)key_bytes, (void)value, (void)value_bytes, (void)headers, (void)header_count;
    if (producer->queued == QUEUE_MAX) return fault_set(fault, FAULT_RETRY, EX_TEMPFAIL, "producer-queue-full", "full");
    producer->queue[producer->queued++] = tag;
    return true;
}

/* Reports one record a call: queues fill up, and breaking leaves some unreported. */
size_t kafka_producer_poll(struct kafka_producer *producer, int timeout_ms)
{
    struct fault refused = {.kind = FAULT_REJECT, .exit_status = EX_DATAERR, .code = "delivery-refused"};
    if (producer->queued == 0 || timeout_ms == 0 || producer->is_broken) return producer->queued;
    uint64_t tag = producer->queue[0];
    memmove(producer->queue, producer->queue + 1, --producer->queued * sizeof *producer->queue);
    if (script.breaks_after == 0) {
        producer->is_broken = true;
        script.breaks_after = -1;
        return producer->queued;
    }
    if (script.breaks_after > 0) script.breaks_after--;
    bool is_refused = (int)tag == script.refuses;
    if (!is_refused) {
        script.taken[tag]++;
        script.log[script.log_count++] = tag;
    }
    producer->delivered(producer->context, tag, is_refused ? KAFKA_REFUSED : KAFKA_DELIVERED, 0, 0, is_refused ? &refused : NULL);
    return producer->queued;
}

bool kafka_producer_is_broken(const struct kafka_producer *producer)
{
    return producer->is_broken;
}

struct kafka_admin *kafka_admin_new(const struct config *config, struct fault *fault)
{
    (void)config, (void)fault;
    return NULL;
}

void kafka_admin_free(struct kafka_admin *admin)
{
    (void)admin;
}

bool kafka_admin_check(struct kafka_admin *admin, int timeout_ms, struct kafka_topic_finding findings[KAFKA_FINDINGS_MAX],
                       size_t *found_count, int32_t *partitions, struct fault *fault)
{
    (void)admin, (void)timeout_ms, (void)findings, (void)fault;
    *found_count = 0;
    *partitions = 0;
    return false;
}

struct kafka_reader {
    bool is_outcomes;
};

struct kafka_reader *kafka_reader_new(const struct config *config, struct fault *fault)
{
    (void)config, (void)fault;
    return calloc(1, sizeof(struct kafka_reader));
}

void kafka_reader_free(struct kafka_reader *reader)
{
    free(reader);
}

bool kafka_reader_start(struct kafka_reader *reader, const struct kafka_position *at, struct fault *fault)
{
    (void)fault;
    assert_int_equal(at->offset, -1);
    assert_int_equal(at->partition, 5);
    reader->is_outcomes = at->topic == TOPIC_OUTCOME;
    return true;
}

enum kafka_happening_kind kafka_reader_poll(struct kafka_reader *reader, int timeout_ms, struct kafka_happening *out)
{
    (void)timeout_ms;
    *out = (struct kafka_happening){.kind = KAFKA_NOTHING};
    if (script.answer_at == script.answer_count) return KAFKA_NOTHING;
    if ((script.answers[script.answer_at].record.topic == TOPIC_OUTCOME) != reader->is_outcomes) return KAFKA_NOTHING;
    *out = script.answers[script.answer_at++];
    return out->kind;
}

void kafka_record_release(struct kafka_record *record)
{
    (void)record;
}

int32_t kafka_partition_of(const void *key, size_t key_bytes, int32_t partitions)
{
    (void)key, (void)key_bytes;
    return partitions - 1;
}

/* ---- sending ---- */

static int script_reset(void **state)
{
    (void)state;
    script = (struct script){.breaks_after = -1, .refuses = -1};
    return 0;
}

static bool make_for_test(void *context, uint64_t number, struct outgoing *out, struct fault *fault)
{
    (void)number, (void)fault;
    *out = (struct outgoing){.type = EVENT_MEMBER_REVIEW_SUBMITTED, .unit = context, .value = "{}", .value_bytes = 2};
    return true;
}

static bool send_for_test(uint64_t count, uint64_t *delivered, struct fault *fault)
{
    static char unit[] = "U1";
    *fault = (struct fault){.kind = FAULT_NONE};
    return send_all(NULL, count, make_for_test, unit, delivered, fault);
}

static void every_record_is_sent_once_in_order(void **state)
{
    uint64_t delivered;
    struct fault fault;
    (void)state;
    assert_true(send_for_test(10, &delivered, &fault));
    assert_int_equal(delivered, 10);
    assert_int_equal(script.log_count, 10);
    for (size_t i = 0; i < 10; i++) assert_int_equal(script.log[i], i);
}

static void a_broken_client_is_replaced_and_the_rest_sent(void **state)
{
    (void)state;
    for (int after = 0; after < 10; after++) {
        uint64_t delivered;
        struct fault fault;
        script_reset(NULL);
        script.breaks_after = after;
        assert_true(send_for_test(10, &delivered, &fault));
        assert_int_equal(script.producers, 2);
        for (size_t i = 0; i < 10; i++) assert_int_equal(script.taken[i], 1);
    }
}

static void a_refusal_ends_the_sending(void **state)
{
    uint64_t delivered;
    struct fault fault;
    (void)state;
    script.refuses = 2;
    assert_false(send_for_test(10, &delivered, &fault));
    assert_string_equal(fault.code, "delivery-refused");
    assert_int_equal(fault.exit_status, EX_DATAERR);
    assert_true(delivered < 9);
    assert_int_equal(script.producers, 1);
}

/* ---- waiting ---- */

struct answer {
    struct kafka_header headers[5];
    struct kafka_happening happening;
};

static void header_set(struct kafka_header *header, const char *name, const char *value)
{
    *header = (struct kafka_header){.name = name, .value = value, .value_bytes = strlen(value)};
}

static void answer_add(struct answer *answer, enum topic_kind topic, const char *key, const char *json)
{
    struct kafka_happening happening = {
        .kind = KAFKA_RECORD,
        .record = {.topic = topic,
                   .key = key,
                   .key_bytes = strlen(key),
                   .value = json,
                   .value_bytes = strlen(json),
                   .headers = answer->headers,
                   .header_count = 4},
    };
    script.answers[script.answer_count++] = happening;
}

static void outcome_add(struct answer *answer, const char *key, const char *type, const char *cause, const char *json)
{
    header_set(&answer->headers[0], "ce_specversion", "1.0");
    header_set(&answer->headers[1], "ce_type", type);
    header_set(&answer->headers[2], "ce_causationid", cause);
    header_set(&answer->headers[3], "ce_source", "nianshen-worker");
    answer_add(answer, TOPIC_OUTCOME, key, json);
}

static void dead_letter_add(struct answer *answer, const char *source, const char *id)
{
    header_set(&answer->headers[0], "ce_id", id);
    header_set(&answer->headers[1], "ce_source", source);
    header_set(&answer->headers[2], "nianshen_dl_code", "unknown-unit");
    header_set(&answer->headers[3], "nianshen_dl_text", "the unit is not known");
    answer_add(answer, TOPIC_DEAD_LETTER, "U1", "{}");
}

static int wait_for_test(bool is_submission)
{
    struct judged judged = {.unit = "U1", .year = 2026, .source = "here", .id = "id-1", .is_submission = is_submission};
    struct fault fault = {.kind = FAULT_NONE};
    struct wait *wait = wait_new(NULL, &judged, 6, &fault);
    assert_non_null(wait);
    int status = wait_for_outcome(wait, 1);
    wait_free(wait);
    return status;
}

static const char year_2026[] = "{\"year\":2026}", year_2025[] = "{\"year\":2025}";

static void the_outcome_of_another_is_not_taken(void **state)
{
    struct answer answers[4];
    (void)state;
    outcome_add(&answers[0], "U2", "nianshen.unit-review.rejected.v1", "id-1", year_2026);
    outcome_add(&answers[1], "U1", "nianshen.unit-review.rejected.v1", "id-12", year_2026);
    outcome_add(&answers[2], "U1", "nianshen.unit-review.rejected.v1", "id-1", year_2025);
    outcome_add(&answers[3], "U1", "nianshen.unit-review.accepted.v1", "id-1", year_2026);
    assert_int_equal(wait_for_test(false), EX_OK);
    assert_int_equal(script.answer_at, 4);
}

static void waiting_is_not_the_end(void **state)
{
    struct answer answers[2];
    (void)state;
    outcome_add(&answers[0], "U1", "nianshen.member-review.waiting.v1", "id-1/3", year_2026);
    outcome_add(&answers[1], "U1", "nianshen.member-review.rejected.v1", "id-1/3", year_2026);
    assert_int_equal(wait_for_test(true), EX_DATAERR);
    assert_int_equal(script.answer_at, 2);
}

static void any_chunk_that_becomes_a_dead_letter_is_an_answer(void **state)
{
    struct answer answers[3];
    (void)state;
    dead_letter_add(&answers[0], "elsewhere", "id-1/2");
    dead_letter_add(&answers[1], "here", "id-10/2");
    dead_letter_add(&answers[2], "here", "id-1/2");
    assert_int_equal(wait_for_test(true), EX_DATAERR);
    assert_int_equal(script.answer_at, 3);
}

static void no_answer_is_a_status_of_its_own(void **state)
{
    (void)state;
    assert_int_equal(wait_for_test(false), EX_TEMPFAIL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(every_record_is_sent_once_in_order, script_reset),
        cmocka_unit_test_setup(a_broken_client_is_replaced_and_the_rest_sent, script_reset),
        cmocka_unit_test_setup(a_refusal_ends_the_sending, script_reset),
        cmocka_unit_test_setup(the_outcome_of_another_is_not_taken, script_reset),
        cmocka_unit_test_setup(waiting_is_not_the_end, script_reset),
        cmocka_unit_test_setup(any_chunk_that_becomes_a_dead_letter_is_an_answer, script_reset),
        cmocka_unit_test_setup(no_answer_is_a_status_of_its_own, script_reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
