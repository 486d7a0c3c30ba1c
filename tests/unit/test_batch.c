/* Micro-batches: where they end, what they hold, and how ranges of them move the positions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/apply_query.h"
#include "core/batch.h"
#include "tests/unit/failing.h"
#include "tests/unit/records.h"

enum { PARTITIONS = 1, APPEND_MS = 1780000000 };

struct fixture {
    struct batch *batch;
    struct batch_partition reviews, approvals;
};

static void open_with(struct fixture *fixture, struct batch_limits limits)
{
    *fixture = (struct fixture){
        .batch = batch_new(limits, 42),
        .reviews = {.topic = TOPIC_UNIT_REVIEW},
        .approvals = {.topic = TOPIC_APPROVAL},
    };
    assert_non_null(fixture->batch);
}

static void close_fixture(struct fixture *fixture)
{
    batch_free(fixture->batch);
}

static enum batch_added add(struct fixture *fixture, int64_t offset, const char *unit, int year, const char *source, const char *id)
{
    struct test_record source_record;
    test_unit_review(&source_record, unit, year, source, id, PARTITIONS);
    source_record.offset = offset;
    struct kafka_record record = test_delivered(&source_record, APPEND_MS);
    return batch_add(fixture->batch, &fixture->reviews, &record, PARTITIONS);
}

static enum batch_added add_broken(struct fixture *fixture, int64_t offset, const void *key, size_t key_bytes)
{
    struct kafka_record record = {.topic = TOPIC_APPROVAL, .offset = offset, .append_ms = APPEND_MS, .key = key, .key_bytes = key_bytes};
    record.value = "not json";
    record.value_bytes = 8;
    return batch_add(fixture->batch, &fixture->approvals, &record, PARTITIONS);
}

static const struct batch_limits roomy = {.records = 100, .bytes = 1 << 20};

static void test_ends_before_the_same_identity(void **state)
{
    (void)state;
    struct fixture fixture;
    open_with(&fixture, roomy);
    assert_int_equal(add(&fixture, 0, "U1", 2026, "s", "a"), BATCH_ADDED);
    assert_int_equal(add(&fixture, 1, "U2", 2026, "s", "a"), BATCH_ADDED);
    assert_int_equal(add(&fixture, 2, "U1", 2027, "s", "a"), BATCH_ADDED);
    assert_int_equal(add(&fixture, 3, "U1", 2026, "t", "a"), BATCH_ADDED);
    assert_int_equal(add(&fixture, 4, "U1", 2026, "s", "b"), BATCH_ADDED);
    assert_int_equal(add(&fixture, 5, "U1", 2026, "s", "a"), BATCH_CLOSED);
    assert_int_equal(fixture.batch->record_count, 5);
    assert_int_equal(fixture.reviews.taken_offset, 5);

    batch_reset(fixture.batch);
    assert_true(batch_is_empty(fixture.batch));
    assert_int_equal(add(&fixture, 5, "U1", 2026, "s", "a"), BATCH_ADDED);
    close_fixture(&fixture);
}

/* Many identities: each is found again, whatever slots of the hash table they fell into. */
static void test_finds_every_identity_again(void **state)
{
    (void)state;
    enum { MANY = 1000 };
    struct fixture fixture;
    char id[16];
    open_with(&fixture, (struct batch_limits){.records = MANY + 1, .bytes = 1 << 24});
    for (int i = 0; i < MANY; i++) {
        snprintf(id, sizeof id, "%d", i);
        assert_int_equal(add(&fixture, i, "U1", 2026, "s", id), BATCH_ADDED);
    }
    for (int i = 0; i < MANY; i++) {
        snprintf(id, sizeof id, "%d", i);
        assert_int_equal(add(&fixture, MANY, "U1", 2026, "s", id), BATCH_CLOSED);
    }
    close_fixture(&fixture);
}

/* The same id of many sources and of many units: none is taken for another, each is found again. */
static void test_identities_of_one_id(void **state)
{
    (void)state;
    enum { MANY = 60 };
    struct fixture fixture;
    char name[16];
    open_with(&fixture, (struct batch_limits){.records = 2 * MANY + 1, .bytes = 1 << 24});
    for (int round = 0; round < 2; round++) {
        enum batch_added expected = round == 0 ? BATCH_ADDED : BATCH_CLOSED;
        for (int i = 0; i < MANY; i++) {
            snprintf(name, sizeof name, "n%d", i);
            assert_int_equal(add(&fixture, 2 * i, "U", 2026, name, "a"), expected);
            assert_int_equal(add(&fixture, 2 * i + 1, name, 2026, "s", "a"), expected);
        }
    }
    assert_int_equal(fixture.batch->record_count, 2 * MANY);
    close_fixture(&fixture);
}

/* A dead letter is added whole or not at all: where its memory ends the micro-batch ends before it, unless there is nothing else in it. */
static void test_dead_letters_and_a_full_arena(void **state)
{
    (void)state;
    for (size_t records = 0; records < 2; records++) {
        struct fixture fixture;
        open_with(&fixture, roomy);
        if (records > 0) assert_int_equal(add(&fixture, 0, "U1", 2026, "s", "a"), BATCH_ADDED);
        struct arena *whole = fixture.batch->arena;
        enum batch_added added = BATCH_FAILED;
        for (size_t bytes = 0; bytes < 1000 && added != BATCH_ADDED; bytes++) {
            fixture.batch->arena = arena_new(bytes);
            added = add_broken(&fixture, 0, "U1", 2);
            assert_int_equal(fixture.approvals.taken_offset, added == BATCH_ADDED ? 1 : 0);
            assert_int_equal(fixture.batch->record_count, records + (added == BATCH_ADDED ? 1 : 0));
            if (added == BATCH_ADDED)
                assert_string_equal(fixture.batch->records[records].unit, "U1");
            else
                assert_int_equal(added, records == 0 ? BATCH_FAILED : BATCH_CLOSED);
            arena_free(fixture.batch->arena);
        }
        assert_int_equal(added, BATCH_ADDED);
        fixture.batch->arena = whole;
        close_fixture(&fixture);
    }
}

static void test_dead_letters_have_no_identity(void **state)
{
    (void)state;
    struct fixture fixture;
    open_with(&fixture, roomy);
    assert_int_equal(add_broken(&fixture, 0, "U1", 2), BATCH_ADDED);
    assert_int_equal(add_broken(&fixture, 1, "U1", 2), BATCH_ADDED);
    assert_int_equal(add_broken(&fixture, 2, NULL, 0), BATCH_ADDED);
    assert_int_equal(add_broken(&fixture, 3, "\x01", 1), BATCH_ADDED);
    assert_string_equal(fixture.batch->records[0].unit, "U1");
    assert_string_equal(fixture.batch->records[1].unit, "U1");
    assert_null(fixture.batch->records[2].unit);
    assert_null(fixture.batch->records[3].unit);
    assert_string_equal(fixture.batch->records[2].code, "key-missing");
    assert_non_null(fixture.batch->records[0].text);
    assert_null(fixture.batch->records[0].event.unit);
    close_fixture(&fixture);
}

static void test_is_full_by_records_and_by_bytes(void **state)
{
    (void)state;
    struct fixture fixture;
    open_with(&fixture, (struct batch_limits){.records = 2, .bytes = 1 << 20});
    assert_int_equal(add(&fixture, 0, "U1", 2026, "s", "a"), BATCH_ADDED);
    assert_false(batch_is_full(fixture.batch));
    assert_int_equal(add(&fixture, 1, "U1", 2026, "s", "b"), BATCH_ADDED);
    assert_true(batch_is_full(fixture.batch));
    assert_int_equal(add(&fixture, 2, "U1", 2026, "s", "c"), BATCH_CLOSED);
    close_fixture(&fixture);

    open_with(&fixture, (struct batch_limits){.records = 100, .bytes = 10});
    assert_int_equal(add(&fixture, 0, "U1", 2026, "s", "a"), BATCH_ADDED);
    assert_int_equal(add(&fixture, 1, "U1", 2026, "s", "b"), BATCH_CLOSED);
    close_fixture(&fixture);
}

/* What decoding makes of small records can be large: the arena's room ends a micro-batch too, and never a record's attribution. */
static void test_is_full_by_decoded_bytes(void **state)
{
    (void)state;
    enum { ENTRIES = 5000, BODY_BYTES = ENTRIES * 40 + 400 };
    struct fixture fixture;
    struct test_record head;
    char *body = malloc(BODY_BYTES);
    open_with(&fixture, (struct batch_limits){.records = 1000, .bytes = (size_t)1 << 30});
    int64_t offset = 0;
    enum batch_added added = BATCH_ADDED;
    for (; added == BATCH_ADDED && offset < 1000; offset++) {
        char id[32];
        snprintf(id, sizeof id, "%d", (int)offset);
        test_unit_review(&head, "U1", 2026, "s", id, PARTITIONS);
        head.headers[3] = test_header("ce_type", "nianshen.member-review.submitted.v1");
        int length = snprintf(body, BODY_BYTES,
                              "{\"unit\":\"U1\",\"year\":2026,\"submission\":\"x\",\"unit_review\":\"y\",\"mode\":\"import\","
                              "\"submitted_by\":\"c\",\"chunk\":1,\"chunks\":1,\"entries_total\":%d,\"failed\":[",
                              ENTRIES);
        for (int i = 0; i < ENTRIES; i++)
            length += snprintf(body + length, (size_t)(BODY_BYTES - length), "%s{\"id_number\":\"%d\"}", i ? "," : "", i);
        length += snprintf(body + length, (size_t)(BODY_BYTES - length), "]}");
        struct kafka_record record = test_delivered(&head, APPEND_MS);
        record.topic = TOPIC_MEMBER_REVIEW;
        record.offset = offset;
        record.value = body;
        record.value_bytes = (size_t)length;
        added = batch_add(fixture.batch, &fixture.reviews, &record, PARTITIONS);
        if (added == BATCH_ADDED) assert_null(fixture.batch->records[offset].code);
    }
    assert_int_equal(added, BATCH_CLOSED);
    assert_true(fixture.batch->record_count > 1);
    assert_true(arena_used_bytes(fixture.batch->arena) <= BATCH_DECODED_BYTES_MAX);
    free(body);
    close_fixture(&fixture);
}

static void test_gaps_and_ends_move_positions(void **state)
{
    (void)state;
    struct fixture fixture;
    open_with(&fixture, roomy);
    fixture.reviews.taken_offset = 3;
    assert_int_equal(add(&fixture, 5, "U1", 2026, "s", "a"), BATCH_ADDED);
    assert_int_equal(add(&fixture, 9, "U1", 2026, "s", "b"), BATCH_ADDED);
    assert_true(batch_add_end(fixture.batch, &fixture.reviews, 12));
    assert_true(batch_add_end(fixture.batch, &fixture.reviews, 4)); /* nothing goes back */
    assert_true(batch_add_end(fixture.batch, &fixture.approvals, 0));
    assert_int_equal(fixture.batch->position_count, 1);
    assert_int_equal(fixture.batch->positions[0].expected_offset, 3);
    assert_int_equal(fixture.batch->positions[0].records_offset, 10);
    assert_int_equal(fixture.batch->positions[0].next_offset, 12);
    assert_int_equal(fixture.batch->records[0].expected_offset, 3);
    assert_int_equal(fixture.batch->records[1].expected_offset, 6);
    assert_int_equal(fixture.reviews.taken_offset, 12);
    close_fixture(&fixture);
}

/* More partitions than there was room for at first: all keep their positions. */
static void test_many_partitions(void **state)
{
    (void)state;
    struct fixture fixture;
    struct batch_partition partitions[KAFKA_PARTITIONS_MAX];
    open_with(&fixture, roomy);
    for (int32_t i = 0; i < KAFKA_PARTITIONS_MAX; i++) {
        partitions[i] = (struct batch_partition){.topic = TOPIC_APPROVAL, .number = i};
        assert_true(batch_add_end(fixture.batch, &partitions[i], i + 1));
    }
    assert_int_equal(fixture.batch->position_count, KAFKA_PARTITIONS_MAX);
    for (int32_t i = 0; i < KAFKA_PARTITIONS_MAX; i++) {
        assert_int_equal(fixture.batch->positions[i].number, i);
        assert_int_equal(fixture.batch->positions[i].next_offset, i + 1);
    }
    close_fixture(&fixture);
}

/* Without memory for a position nothing has moved, and it can be tried again. */
static void test_no_memory_for_a_position(void **state)
{
    (void)state;
    struct fixture fixture;
    open_with(&fixture, roomy);
    failing_start("realloc", 1);
    assert_false(batch_add_end(fixture.batch, &fixture.approvals, 2));
    assert_true(failing_stop());
    assert_int_equal(fixture.approvals.taken_offset, 0);
    failing_start("realloc", 1);
    assert_int_equal(add_broken(&fixture, 0, "U1", 2), BATCH_FAILED);
    assert_true(failing_stop());
    assert_true(batch_is_empty(fixture.batch));
    assert_int_equal(fixture.batch->record_count, 0);
    assert_true(batch_add_end(fixture.batch, &fixture.approvals, 2));
    close_fixture(&fixture);
}

/* ---- ranges ---- */

static void mixed_batch(struct fixture *fixture)
{
    open_with(fixture, roomy);
    fixture->approvals.taken_offset = 7;
    assert_int_equal(add(fixture, 0, "U1", 2026, "s", "a"), BATCH_ADDED);
    assert_int_equal(add_broken(fixture, 7, "U1", 2), BATCH_ADDED);
    assert_int_equal(add(fixture, 4, "U1", 2026, "s", "b"), BATCH_ADDED);
    assert_true(batch_add_end(fixture->batch, &fixture->approvals, 9));
}

static void test_the_whole_moves_each_partition_once(void **state)
{
    (void)state;
    struct fixture fixture;
    struct apply_move moves[2];
    mixed_batch(&fixture);
    struct apply_range range = {.batch = fixture.batch, .count = 3, .moves = moves};
    apply_range_fill(&range);
    assert_int_equal(range.move_count, 2);
    assert_int_equal(moves[0].expected_offset, 0);
    assert_int_equal(moves[0].next_offset, 5);
    assert_ptr_equal(moves[0].last, &fixture.batch->records[2]);
    assert_int_equal(moves[1].expected_offset, 7);
    assert_int_equal(moves[1].next_offset, 9);
    assert_ptr_equal(moves[1].last, &fixture.batch->records[1]);
    close_fixture(&fixture);
}

/* Record by record the moves follow on one another, and together they are those of the whole. */
static void test_single_records_follow_on_one_another(void **state)
{
    (void)state;
    struct fixture fixture;
    struct apply_move moves[2];
    int64_t stored[2] = {0, 7};
    mixed_batch(&fixture);
    for (size_t from = 0; from < 3; from++) {
        struct apply_range range = {.batch = fixture.batch, .from = from, .count = 1, .moves = moves};
        apply_range_fill(&range);
        for (size_t i = 0; i < range.move_count; i++) {
            size_t which = moves[i].position->topic == TOPIC_APPROVAL;
            assert_int_equal(moves[i].expected_offset, stored[which]);
            stored[which] = moves[i].next_offset;
        }
    }
    assert_int_equal(stored[0], 5);
    assert_int_equal(stored[1], 9);
    close_fixture(&fixture);
}

static void test_a_position_without_records_is_moved(void **state)
{
    (void)state;
    struct fixture fixture;
    struct apply_move moves[1];
    open_with(&fixture, roomy);
    assert_true(batch_add_end(fixture.batch, &fixture.approvals, 2));
    assert_false(batch_is_empty(fixture.batch));
    struct apply_range range = {.batch = fixture.batch, .moves = moves};
    apply_range_fill(&range);
    assert_int_equal(range.move_count, 1);
    assert_int_equal(moves[0].expected_offset, 0);
    assert_int_equal(moves[0].next_offset, 2);
    assert_null(moves[0].last);
    close_fixture(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ends_before_the_same_identity),
        cmocka_unit_test(test_finds_every_identity_again),
        cmocka_unit_test(test_identities_of_one_id),
        cmocka_unit_test(test_dead_letters_and_a_full_arena),
        cmocka_unit_test(test_many_partitions),
        cmocka_unit_test(test_no_memory_for_a_position),
        cmocka_unit_test(test_dead_letters_have_no_identity),
        cmocka_unit_test(test_is_full_by_records_and_by_bytes),
        cmocka_unit_test(test_is_full_by_decoded_bytes),
        cmocka_unit_test(test_gaps_and_ends_move_positions),
        cmocka_unit_test(test_the_whole_moves_each_partition_once),
        cmocka_unit_test(test_single_records_follow_on_one_another),
        cmocka_unit_test(test_a_position_without_records_is_moved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
