/* Rosters: packed blocks and what they look like at a time; and the small parts that the rules stand on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rules/code_text.h"
#include "rules/hex.h"
#include "rules/lookup.h"
#include "rules/person.h"
#include "rules/reference.h"
#include "rules/roster.h"
#include "rules/sort.h"
#include "rules/state.h"

enum { MEMORY_BYTES_MAX = 1 << 28, FULL_BYTES = 8 };

static struct arena *memory;

static int take_memory(void **state)
{
    (void)state;
    memory = arena_new(MEMORY_BYTES_MAX);
    return 0;
}

static int free_memory(void **state)
{
    (void)state;
    arena_free(memory);
    return 0;
}

static struct id_key packed(uint64_t number)
{
    return (struct id_key){.packed = number};
}

static struct roster_member member(struct id_key key, int64_t enrolment)
{
    return (struct roster_member){.key = key, .enrolment = enrolment, .member_no = "M", .name = "名"};
}

static struct roster_block pack(const struct roster_member *members, size_t count)
{
    struct roster_block block = {.bytes = NULL};
    block.bytes = roster_block_pack(memory, members, count, &block.size_bytes);
    assert_int_equal(roster_block_check(block.bytes, block.size_bytes), count);
    return block;
}

/* ---- blocks ---- */

static void a_block_gives_back_what_was_packed(void **state)
{
    (void)state;
    const struct roster_member members[] = {{packed(0), -1, "", ""},
                                            {packed(11010119900101001), INT64_MAX, "M2", "王五"},
                                            {{.text = "A1"}, 3, "M3", ""},
                                            {{.text = "护照"}, 4, "", "x"}};
    struct roster_block block = pack(members, 4);
    for (int32_t i = 0; i < 4; i++) {
        struct roster_member back = roster_block_member(&block, i);
        assert_true(id_key_equal(back.key, members[i].key));
        assert_true(id_key_equal(roster_block_key(&block, i), members[i].key));
        assert_int_equal(back.enrolment, members[i].enrolment);
        assert_string_equal(back.member_no, members[i].member_no);
        assert_string_equal(back.name, members[i].name);
    }
}

static void a_block_holds_five_thousand(void **state)
{
    (void)state;
    struct roster_member *members = calloc(ROSTER_BLOCK_MEMBERS_MAX + 1, sizeof *members);
    for (int i = 0; i <= ROSTER_BLOCK_MEMBERS_MAX; i++) members[i] = member(packed((uint64_t)i), i);
    struct roster_block block = pack(members, ROSTER_BLOCK_MEMBERS_MAX);
    assert_int_equal(roster_block_member(&block, ROSTER_BLOCK_MEMBERS_MAX - 1).enrolment, ROSTER_BLOCK_MEMBERS_MAX - 1);
    size_t bytes = 0;
    const void *larger = roster_block_pack(memory, members, ROSTER_BLOCK_MEMBERS_MAX + 1, &bytes);
    assert_int_equal(roster_block_check(larger, bytes), -1);
    free(members);
}

static void what_is_no_block_is_refused(void **state)
{
    (void)state;
    const struct roster_member unsorted[] = {member(packed(2), 1), member(packed(1), 2)},
                               equal[] = {member(packed(1), 1), member(packed(1), 2)};
    const struct roster_member should_be_packed[] = {member((struct id_key){.text = "110101199001010015"}, 1)};
    const struct roster_member empty[] = {member((struct id_key){.text = ""}, 1)}, bad_text[] = {{packed(1), 1, "\xFF", ""}};
    const struct roster_member too_large[] = {member(packed(100000000000000000), 1)};
    const struct {
        const struct roster_member *members;
        size_t count;
    } cases[] = {{unsorted, 2}, {equal, 2}, {empty, 1}, {bad_text, 1}, {too_large, 1}, {unsorted, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t bytes = 0;
        const void *block = roster_block_pack(memory, cases[i].members, cases[i].count, &bytes);
        assert_int_equal(roster_block_check(block, bytes), -1);
    }
    char number[ID_KEY_PACKED_CHARS + 1];
    (void)id_key_write(packed(11010119900101001), number);
    struct roster_member text_of_packed = should_be_packed[0];
    text_of_packed.key.text = number;
    size_t bytes = 0;
    const void *block = roster_block_pack(memory, &text_of_packed, 1, &bytes);
    assert_int_equal(roster_block_check(block, bytes), -1);
}

/* Cut at every length, and every bit turned over: refused, or a block that can be read to its end. */
static void a_damaged_block_is_never_read_over_its_end(void **state)
{
    (void)state;
    const struct roster_member members[] = {{packed(5), 1, "M1", "王五"}, {{.text = "A1"}, 2, "M2", "x"}};
    struct roster_block block = pack(members, 2);
    for (size_t length = 0; length < block.size_bytes; length++) {
        void *cut = malloc(length + 1);
        memcpy(cut, block.bytes, length);
        assert_int_equal(roster_block_check(cut, length), -1);
        free(cut);
    }
    unsigned char *odd = malloc(block.size_bytes + 1);
    for (size_t bit = 0; bit < 8 * block.size_bytes; bit++) {
        memcpy(odd, block.bytes, block.size_bytes);
        odd[bit / 8] ^= (unsigned char)(1U << bit % 8);
        const struct roster_block turned = {odd, block.size_bytes};
        int32_t count = roster_block_check(odd, block.size_bytes);
        for (int32_t i = 0; i < count; i++) assert_true(strlen(roster_block_member(&turned, i).name) < block.size_bytes);
    }
    free(odd);
}

/* ---- as of a time ---- */

static struct roster_change change(int64_t at_ms, int64_t enrolment, uint64_t was, uint64_t now)
{
    return (struct roster_change){enrolment, at_ms, "M", packed(now), packed(was), "名", "名"};
}

static enum roster_found found_at(const struct roster *roster, uint64_t number, int64_t at_ms, int64_t *enrolment)
{
    struct roster_view view;
    assert_true(roster_view_make(&view, memory, roster, at_ms));
    struct roster_holder holder = roster_find(&view, packed(number));
    *enrolment = holder.member.enrolment;
    return holder.found;
}

static void a_number_is_looked_up_as_of_a_time(void **state)
{
    (void)state;
    const struct roster_member members[] = {member(packed(10), 1), member(packed(20), 2), member(packed(30), 3)};
    const struct roster_block blocks[] = {pack(members, 2), pack(members + 2, 1)};
    const struct roster_change changes[] = {change(100, 1, 10, 15), change(200, 3, 30, 10), change(300, 3, 10, 31)};
    const struct roster_later later[] = {{packed(10), 400, 500}, {packed(30), 50, 60}, {packed(40), 100, REFERENCE_FOREVER_MS}};
    const struct roster roster = {blocks, 2, 3, changes, 3, later, 3};
    int64_t enrolment = 0;
    assert_int_equal(found_at(&roster, 10, 99, &enrolment), ROSTER_HOLDS);
    assert_int_equal(enrolment, 1);
    assert_int_equal(found_at(&roster, 10, 100, &enrolment), ROSTER_CORRECTED);
    assert_int_equal(enrolment, 1);
    assert_int_equal(found_at(&roster, 10, 200, &enrolment), ROSTER_HOLDS);
    assert_int_equal(enrolment, 3);
    assert_int_equal(found_at(&roster, 10, 300, &enrolment), ROSTER_CORRECTED);
    assert_int_equal(enrolment, 3); /* the last one who had it */
    assert_int_equal(found_at(&roster, 10, 400, &enrolment), ROSTER_LATER);
    assert_int_equal(found_at(&roster, 10, 500, &enrolment), ROSTER_CORRECTED);
    assert_int_equal(found_at(&roster, 30, 250, &enrolment), ROSTER_CORRECTED);
    assert_int_equal(found_at(&roster, 40, 99, &enrolment), ROSTER_UNKNOWN);
    assert_int_equal(found_at(&roster, 40, 100, &enrolment), ROSTER_LATER);
    assert_int_equal(found_at(&roster, 5, 100, &enrolment), ROSTER_UNKNOWN);
}

static void a_roster_is_walked_as_of_a_time(void **state)
{
    (void)state;
    const struct roster_member members[] = {member(packed(10), 1), member(packed(20), 2), member(packed(30), 3)};
    const struct roster_block blocks[] = {pack(members, 1), pack(members + 1, 2)};
    const struct roster_change changes[] = {change(100, 1, 10, 25), change(100, 3, 30, 5)};
    const struct roster roster = {.blocks = blocks, .block_count = 2, .members = 3, .changes = changes, .change_count = 2};
    static const int64_t before[] = {1, 2, 3}, after[] = {3, 2, 1};
    for (int64_t at_ms = 99; at_ms <= 100; at_ms++) {
        struct roster_view view;
        struct roster_member next;
        assert_true(roster_view_make(&view, memory, &roster, at_ms));
        struct roster_walk walk = {.view = &view};
        for (size_t i = 0; i < 3; i++) {
            assert_true(roster_walk_next(&walk, &next));
            assert_int_equal(next.enrolment, (at_ms < 100 ? before : after)[i]);
        }
        assert_false(roster_walk_next(&walk, &next));
        assert_false(roster_walk_next(&walk, &next));
    }
}

static void one_alone_between_two_numbers(void **state)
{
    (void)state;
    const struct roster_member members[] = {member(packed(10), 1), member(packed(20), 2), member(packed(30), 3)};
    const struct roster_block blocks[] = {pack(members, 2), pack(members + 2, 1)};
    const struct roster roster = {.blocks = blocks, .block_count = 2, .members = 3}, none = {.block_count = 0};
    struct roster_view view;
    struct roster_member found;
    assert_true(roster_view_make(&view, memory, &roster, 0));
    assert_true(roster_find_only(&view, packed(15), packed(29), &found));
    assert_int_equal(found.enrolment, 2);
    assert_true(roster_find_only(&view, packed(21), packed(30), &found));
    assert_int_equal(found.enrolment, 3);
    assert_false(roster_find_only(&view, packed(10), packed(30), &found));
    assert_false(roster_find_only(&view, packed(31), packed(40), &found));
    assert_true(roster_view_make(&view, memory, &none, 0));
    assert_false(roster_find_only(&view, packed(0), packed(40), &found));
    assert_int_equal(roster_find(&view, packed(10)).found, ROSTER_UNKNOWN);
}

static void two_times_are_compared(void **state)
{
    (void)state;
    struct roster_change changes[] = {change(100, 1, 10, 15), change(200, 2, 20, 25), change(300, 2, 25, 20), change(400, 3, 30, 30)};
    changes[3].name = "another";
    const struct roster roster = {.changes = changes, .change_count = 4};
    struct roster_difference difference;
    assert_true(roster_compare(memory, &roster, 100, 250, &difference));
    assert_false(roster_differs(&difference, 1));
    assert_true(roster_differs(&difference, 2));
    assert_true(roster_compare(memory, &roster, 99, 400, &difference));
    assert_true(roster_differs(&difference, 1));
    assert_false(roster_differs(&difference, 2)); /* there and back */
    assert_true(roster_differs(&difference, 3));
    assert_true(roster_compare(memory, &roster, 300, 200, &difference));
    assert_int_equal(difference.count, 0);
}

static void a_full_arena_is_told(void **state)
{
    (void)state;
    struct arena *full = arena_new(FULL_BYTES);
    const struct roster_change changes[] = {change(100, 1, 10, 15)};
    const struct roster roster = {.changes = changes, .change_count = 1};
    const struct roster_member one = member(packed(1), 1);
    struct roster_view view;
    struct roster_difference difference;
    size_t bytes = 0;
    assert_null(roster_block_pack(full, &one, 1, &bytes));
    assert_false(roster_view_make(&view, full, &roster, 100));
    assert_false(roster_compare(full, &roster, 0, 100, &difference));
    arena_free(full);
}

/* ---- small parts ---- */

static int compare_numbers(const void *context, uint32_t a, uint32_t b)
{
    const int *numbers = context;
    return numbers[a] < numbers[b] ? -1 : numbers[a] > numbers[b];
}

static void places_are_sorted_stably(void **state)
{
    (void)state;
    static int numbers[3000];
    for (int i = 0; i < 3000; i++) numbers[i] = i * 7919 % 101;
    for (size_t count = 0; count <= 3000; count += count < 40 ? 1 : 740) {
        const uint32_t *places = sort_places(memory, count, compare_numbers, numbers);
        for (size_t i = 1; i < count; i++) {
            int order = compare_numbers(numbers, places[i - 1], places[i]);
            assert_true(order < 0 || (order == 0 && places[i - 1] < places[i]));
        }
    }
}

static void texts_are_looked_up(void **state)
{
    (void)state;
    const struct lookup_seed seed = lookup_seed_of("0123456789abcdefgh", 18);
    struct lookup lookup = {.count = 0};
    char text[16];
    for (uintptr_t i = 0; i < 5000; i++) {
        (void)snprintf(text, sizeof text, "text %zu", (size_t)i);
        assert_true(lookup_add(&lookup, memory, lookup_hash(seed, 0, text), i));
        uintptr_t found = 0;
        struct lookup_probe probe = lookup_start(&lookup, lookup_hash(seed, 0, text));
        assert_true(lookup_next(&probe, &found));
        assert_int_equal(found, i);
        assert_false(lookup_next(&probe, &found));
        probe = lookup_start(&lookup, lookup_hash(seed, 1, text));
        assert_false(lookup_next(&probe, &found));
    }
    assert_true(lookup_add(&lookup, memory, 7, 1) && lookup_add(&lookup, memory, 7, 2)); /* equal hashes come one after the other */
    struct lookup_probe probe = lookup_start(&lookup, 7);
    uintptr_t first = 0, second = 0;
    assert_true(lookup_next(&probe, &first) && lookup_next(&probe, &second) && !lookup_next(&probe, &(uintptr_t){0}));
    assert_int_equal(first + second, 3);
}

static void json_is_escaped_as_rfc_8785_asks(void **state)
{
    (void)state;
    struct json_out out = {.arena = memory};
    out_raw(&out, "{");
    out_key_text(&out, "a", "\"\\\b\f\n\r\t\x01\x1f/é中");
    out_key_int(&out, "b", INT64_MIN);
    out_key_int(&out, "c", 0);
    out_key_text(&out, "d", NULL);
    out_raw(&out, "}");
    assert_string_equal(out_copy(&out),
                        "{\"a\":\"\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u001f/é中\",\"b\":-9223372036854775808,\"c\":0,\"d\":null}");
    struct arena *full = arena_new(FULL_BYTES);
    struct json_out small = {.arena = full};
    out_text(&small, "does not fit");
    assert_null(out_copy(&small));
    arena_free(full);
}

static void codes_are_put_into_words(void **state)
{
    (void)state;
    struct json_out out = {.arena = memory};
    code_texts_write(&out, "id-check", (struct code_place){.position = 18, .expected = '"'});
    out_raw(&out, "|");
    code_texts_write(&out, "schema", (struct code_place){.field = "\"x\""});
    out_raw(&out, "|");
    code_texts_write(&out, "schema", (struct code_place){.position = 0});
    out_raw(&out, "|");
    code_texts_write(&out, "id-check", (struct code_place){.position = 0});
    out_raw(&out, "|");
    code_texts_write(&out, "no-such-code", (struct code_place){.position = 0});
    const char *text = out_copy(&out);
    assert_non_null(strstr(text, "\"zh\":\"证件号码的校验码不符，第 18 位应为 \\\"；请对照证件逐位核对\",\"en\":\"the check character does "
                                 "not fit; character 18 should be \\\"; compare"));
    assert_non_null(strstr(text, "out of range: \\\"x\\\"; correct the field"));
    assert_non_null(strstr(text, "out of range: ?; correct the field"));
    assert_non_null(strstr(text, "character ? should be ?;"));
    assert_non_null(strstr(text, "\"en\":\"?; ?\""));
}

static void names_of_members_match(void **state)
{
    (void)state;
    assert_true(person_names_match("阿依·古丽", " 阿依 ‧\u3000古 丽\u200b"));
    assert_true(person_names_match("阿依•古丽", "阿依∙古丽") && person_names_match("阿依・古丽", "阿依･古丽"));
    assert_true(person_names_match("ＬＩ ｎａ", "Li\u00a0Na"));
    assert_false(person_names_match("王五", "王武"));
    assert_false(person_names_match("王五", "王五六") || person_names_match("王五六", "王五"));
}

static void accounts_match(void **state)
{
    (void)state;
    assert_true(person_accounts_match("\ufeff R1 ", "ｒ１"));
    assert_true(person_accounts_match("Li  Na", "li\u3000na"));
    assert_false(person_accounts_match("Li Na", "LiNa") || person_accounts_match("LiNa", "Li Na"));
    assert_false(person_accounts_match("R1", "R10") || person_accounts_match("", "R1"));
}

static void hexadecimal_digits_are_read_strictly(void **state)
{
    (void)state;
    uint8_t bytes[2];
    char text[5];
    assert_true(hex_read("0fa9", bytes, 2));
    hex_write(bytes, 2, text);
    assert_string_equal(text, "0fa9");
    assert_false(hex_read("0fA9", bytes, 2) || hex_read("0fa", bytes, 2) || hex_read("0fa9a", bytes, 2) || hex_read("g0a9", bytes, 2));
}

static void reference_data_are_read_as_of_a_time(void **state)
{
    (void)state;
    static const struct campaign campaigns[] = {{.year = 2025, .opens_ms = 1, .closes_ms = 5},
                                                {.year = 2026, .opens_ms = 10, .closes_ms = 20}};
    static const struct reviewer_term reviewers[] = {{"A", "S1", 0, 5}, {"A", "S1", 8, 9}, {"A", "S2", 0, 9}, {"B", "S1", 0, 9}};
    static const struct superior_term superiors[] = {{"S1", 0, 5}, {"S2", 7, 9}};
    static const struct limit_term limits[] = {{LIMIT_DECISIONS, 7, 5, 9}};
    const struct reference reference = {.campaigns = campaigns, .campaign_count = 2, .reviewers = reviewers, .reviewer_count = 4};
    assert_null(reference_campaign(&reference, 2024));
    const struct campaign *campaign = reference_campaign(&reference, 2026);
    assert_true(campaign_is_open(campaign, 10) && campaign_is_open(campaign, 19));
    assert_false(campaign_is_open(campaign, 9) || campaign_is_open(campaign, 20) || campaign_is_open(NULL, 10));
    assert_true(reference_has_reviewer(&reference, "A", "S1", 4) && reference_has_reviewer(&reference, "A", "S1", 8));
    assert_true(reference_has_reviewer(&reference, "A", "S2", 5) && reference_has_reviewer(&reference, "B", "S1", 5));
    assert_false(reference_has_reviewer(&reference, "A", "S1", 5) || reference_has_reviewer(&reference, "C", "S1", 5));
    assert_false(reference_has_reason(&reference, "left"));
    assert_string_equal(superior_at(superiors, 2, 4), "S1");
    assert_null(superior_at(superiors, 2, 5));
    assert_string_equal(superior_at(superiors, 2, 8), "S2");
    assert_int_equal(limit_at(limits, 1, LIMIT_DECISIONS, 5), 7);
    assert_int_equal(limit_at(limits, 1, LIMIT_DECISIONS, 9), REFERENCE_LIMIT_DEFAULT);
    assert_int_equal(limit_at(limits, 1, LIMIT_SUBMISSIONS, 5), REFERENCE_LIMIT_DEFAULT);
}

static void states_have_names(void **state)
{
    (void)state;
    assert_string_equal(verdict_name(VERDICT_REJECTED), "rejected");
    assert_string_equal(submission_state_name(SUBMISSION_APPROVED), "approved");
    assert_string_equal(decision_kind_name(DECISION_WITHDRAWN), "withdrawn");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_gives_back_what_was_packed),
        cmocka_unit_test(a_block_holds_five_thousand),
        cmocka_unit_test(what_is_no_block_is_refused),
        cmocka_unit_test(a_damaged_block_is_never_read_over_its_end),
        cmocka_unit_test(a_number_is_looked_up_as_of_a_time),
        cmocka_unit_test(a_roster_is_walked_as_of_a_time),
        cmocka_unit_test(one_alone_between_two_numbers),
        cmocka_unit_test(two_times_are_compared),
        cmocka_unit_test(a_full_arena_is_told),
        cmocka_unit_test(places_are_sorted_stably),
        cmocka_unit_test(texts_are_looked_up),
        cmocka_unit_test(json_is_escaped_as_rfc_8785_asks),
        cmocka_unit_test(codes_are_put_into_words),
        cmocka_unit_test(names_of_members_match),
        cmocka_unit_test(accounts_match),
        cmocka_unit_test(hexadecimal_digits_are_read_strictly),
        cmocka_unit_test(reference_data_are_read_as_of_a_time),
        cmocka_unit_test(states_have_names),
    };
    return cmocka_run_group_tests(tests, take_memory, free_memory);
}
