/* The rows of a submission: one test a rule. */
#include "rules/rows.h"
#include "tests/unit/rules_fixture.h"

static const int first_member[] = {10};

static struct event *one_of(struct fixture *f, int member)
{
    (void)unit_review(f, "r1");
    return import(f, "c1", "s1", &member, 1);
}

static void all_members(struct fixture *f, struct event *event)
{
    for (int n = 20; n <= 50; n += 10) pass_key(f, event, key(f, n));
}

static void good_rows_are_pending_with_their_digest(void **state)
{
    static const char seen[] =
        "a salt of thirty-two bytes, yes!"
        "{\"failed\":[{\"id_number\":\"%s\",\"member_no\":\"M1\",\"name\":\"张一\",\"reason\":\"left\"}],\"listed\":5,"
        "\"mode\":\"import\",\"passed\":4,\"profile\":{\"address\":\"a\\\"b\",\"name\":\"n\"},\"submission\":\"s1\",\"unit\":\"U1\","
        "\"year\":2026}";
    struct fixture *f = *state;
    char text[512], digest[2 * SHA256_DIGEST_LENGTH + 1], expected[256];
    uint8_t sha256[SHA256_DIGEST_LENGTH];
    unit_review(f, "r1")->profile = (struct event_profile){.name = "n", .address = "a\"b"};
    (void)import(f, "c1", "s1", first_member, 1);
    apply(f);
    int length = snprintf(text, sizeof text, seen, number(f, 10));
    SHA256((const unsigned char *)text, (size_t)length, sha256);
    hex_write(sha256, sizeof sha256, digest);
    (void)snprintf(expected, sizeof expected,
                   "{\"unit\":\"U1\",\"year\":2026,\"submission\":\"s1\",\"unit_review\":\"r1\",\"mode\":\"import\",\"digest\":\"sha256:%"
                   "s\",\"listed\":5,"
                   "\"passed\":4,\"failed\":1,\"reasons\":{\"left\":1},\"warnings_total\":0,\"warnings\":[]}",
                   digest);
    assert_string_equal(told_of(f, "member-review.pending", "c1"), expected);
}

static void nobody_fails(void **state)
{
    struct fixture *f = *state;
    (void)unit_review(f, "r1");
    (void)chunk(f, "c1", "s1", 0);
    apply(f);
    expect_told(f, "member-review.pending", "c1", "\"listed\":5,\"passed\":5,\"failed\":0,\"reasons\":{},");
}

static void a_whole_list_is_good(void **state)
{
    struct fixture *f = *state;
    struct event *event = one_of(f, 10);
    event->entries_total = 5;
    all_members(f, event);
    apply(f);
    expect_state(f, "s1", SUBMISSION_PENDING, NULL);
}

static void who_is_not_on_the_roster(void **state)
{
    struct fixture *f = *state;
    (void)one_of(f, 15);
    apply(f);
    expect_state(f, "s1", SUBMISSION_REJECTED, "row-errors");
    expect_told(f, "member-review.rejected", "c1",
                "\"errors_total\":1,\"errors\":[{\"chunk\":1,\"list\":\"failed\",\"index\":0,\"code\":\"not-on-roster\",\"id_number\":"
                "\"110***********");
    expect_told(f, "member-review.rejected", "c1", "\"member_no\":null,\"position\":null,\"expected\":null,\"zh\":\"");
}

static void who_was_enrolled_after_the_opening(void **state)
{
    struct fixture *f = *state;
    f->members[MEMBERS] =
        (struct shelf_member){.enrolment = 201, .member_no = "M9", .number = number(f, 15), .name = "", .enrolled_ms = 1500};
    f->units[0].member_count++;
    f->now_ms = 1499;
    (void)one_of(f, 15);
    f->now_ms = 1500;
    static const int later[] = {15};
    (void)import(f, "c2", "s2", later, 1);
    apply(f);
    expect_told(f, "member-review.rejected", "c1", "\"code\":\"not-on-roster\"");
    expect_told(f, "member-review.rejected", "c2", "\"code\":\"not-in-campaign\"");
}

static void who_is_listed_twice(void **state)
{
    struct fixture *f = *state;
    struct event *event = one_of(f, 10);
    (void)fail_member(f, event, 10);
    pass_key(f, event, key(f, 10));
    event->mode = EVENT_MODE_IMPORT;
    event->entries_total = 3;
    (void)fail_member(f, chunk_of(f, "c2", "s2", 1, 2, 2), 10);
    (void)fail_member(f, chunk_of(f, "c3", "s2", 2, 2, 2), 10); /* an equal neighbour is not unsorted */
    apply(f);
    expect_told(f, "member-review.rejected", "c1", "\"code\":\"row-errors\"");
    expect_told(f, "member-review.rejected", "c1",
                "\"errors_total\":2,\"errors\":[{\"chunk\":1,\"list\":\"failed\",\"index\":1,\"code\":\"listed-twice\"");
    expect_told(f, "member-review.rejected", "c1", "{\"chunk\":1,\"list\":\"passed\",\"index\":0,\"code\":\"listed-twice\"");
    expect_told(f, "member-review.rejected", "c3",
                "\"errors_total\":1,\"errors\":[{\"chunk\":2,\"list\":\"failed\",\"index\":0,\"code\":\"listed-twice\"");
}

static void entries_without_a_number_are_not_twice(void **state)
{
    struct fixture *f = *state;
    (void)unit_review(f, "r1");
    struct event *event = chunk(f, "c1", "s1", 2);
    for (int32_t i = 0; i < 2; i++) {
        (void)fail_key(f, event, (struct id_key){.text = ""}, "left");
        add_bad(f, event, (struct event_bad_number){.index = i, .code = "id-missing", .masked = ""});
    }
    apply(f);
    expect_told(f, "member-review.rejected", "c1", "\"errors_total\":2,");
    assert_null(strstr(told_of(f, "member-review.rejected", "c1"), "listed-twice"));
}

static void what_is_not_sorted(void **state)
{
    struct fixture *f = *state;
    struct event *event = one_of(f, 20);
    (void)fail_member(f, event, 10); /* here */
    all_members(f, event);
    pass_key(f, event, key(f, 30)); /* and here, and twice */
    event->entries_total = 7;
    (void)fail_member(f, chunk_of(f, "c2", "s2", 1, 3, 2), 20);
    (void)chunk_of(f, "c3", "s2", 2, 3, 2); /* one that holds nothing */
    (void)fail_member(f, chunk_of(f, "c4", "s2", 3, 3, 2), 10);
    apply(f);
    expect_state(f, "s1", SUBMISSION_REJECTED, "not-sorted");
    const char *body = told_of(f, "member-review.rejected", "c1");
    expect_told(f, "member-review.rejected", "c1", "{\"chunk\":1,\"list\":\"failed\",\"index\":1,\"code\":\"not-sorted\"");
    expect_told(f, "member-review.rejected", "c1", "{\"chunk\":1,\"list\":\"passed\",\"index\":4,\"code\":\"listed-twice\"");
    expect_told(f, "member-review.rejected", "c1", "{\"chunk\":1,\"list\":\"passed\",\"index\":4,\"code\":\"not-sorted\"");
    assert_true(strstr(body, "listed-twice") < strstr(body, "\"index\":4,\"code\":\"not-sorted\""));
    assert_null(strstr(body, "not-listed"));
    expect_told(f, "member-review.rejected", "c4", "\"code\":\"not-sorted\"");
    expect_told(f, "member-review.rejected", "c4",
                "\"errors\":[{\"chunk\":3,\"list\":null,\"index\":null,\"code\":\"not-sorted\",\"id_number\":\"110");
}

static void who_is_not_listed(void **state)
{
    struct fixture *f = *state;
    struct event *event = one_of(f, 10);
    pass_key(f, event, key(f, 40));
    event->entries_total = 3;
    apply(f);
    expect_state(f, "s1", SUBMISSION_REJECTED, "row-errors");
    const char *body = told_of(f, "member-review.rejected", "c1"), *third = strstr(body, "\"M3\""), *second = strstr(body, "\"M2\"");
    expect_told(f, "member-review.rejected", "c1",
                "\"errors_total\":4,\"errors\":[{\"chunk\":null,\"list\":null,\"index\":null,\"code\":\"not-listed\"");
    assert_true(second < third && third < strstr(body, "\"M5\""));
    assert_true(strstr(body, "\"M5\"") <
                strstr(body, "{\"chunk\":null,\"list\":null,\"index\":null,\"code\":\"total-mismatch\",\"id_number\":null"));
}

static void the_total_alone_is_wrong(void **state)
{
    struct fixture *f = *state;
    one_of(f, 10)->entries_total = 2;
    apply(f);
    expect_state(f, "s1", SUBMISSION_REJECTED, "total-mismatch");
}

static void what_is_wrong_with_a_reason(void **state)
{
    struct fixture *f = *state;
    (void)unit_review(f, "r1");
    struct event *event = chunk(f, "c1", "s1", 3);
    (void)fail_key(f, event, key(f, 10), "");
    (void)fail_key(f, event, key(f, 20), "bored");
    (void)fail_key(f, event, key(f, 25), "bored");
    add_bad(f, event, (struct event_bad_number){.index = 0, .code = "missing-reason", .masked = ""});
    apply(f);
    const char *body = told_of(f, "member-review.rejected", "c1");
    expect_told(f, "member-review.rejected", "c1",
                "\"errors_total\":4,\"errors\":[{\"chunk\":1,\"list\":\"failed\",\"index\":0,\"code\":\"missing-reason\"");
    assert_true(strstr(body, "\"index\":2,\"code\":\"not-on-roster\"") < strstr(body, "\"index\":2,\"code\":\"unknown-reason\""));
}

static void a_malformed_number_is_only_told_as_such(void **state)
{
    struct fixture *f = *state;
    (void)unit_review(f, "r1");
    struct event *event = chunk(f, "c1", "s1", 1);
    (void)fail_key(f, event, (struct id_key){.text = "G1234567"}, "left");
    add_bad(f, event, (struct event_bad_number){.index = 0, .code = "id-letter", .masked = "G*****7", .position = 1, .expected = '6'});
    apply(f);
    expect_told(f, "member-review.rejected", "c1",
                "\"errors_total\":1,\"errors\":[{\"chunk\":1,\"list\":\"failed\",\"index\":0,\"code\":\"id-letter\",\"id_number\":\"G*****"
                "7\",\"member_no\":null,"
                "\"position\":1,\"expected\":\"6\",");
}

static void a_malformed_number_that_the_roster_has_is_a_warning(void **state)
{
    struct fixture *f = *state;
    f->members[4].number = " G1234567 ";
    (void)unit_review(f, "r1");
    struct event *event = chunk(f, "c1", "s1", 5);
    (void)fail_key(f, event, (struct id_key){.text = "G1234567"}, "left");
    for (int n = 10; n <= 40; n += 10) pass_key(f, event, key(f, n));
    add_bad(f, event, (struct event_bad_number){.index = 0, .code = "id-length", .masked = "G******7"});
    apply(f);
    expect_state(f, "s1", SUBMISSION_PENDING, NULL);
    expect_told(f, "member-review.pending", "c1",
                "\"warnings_total\":1,\"warnings\":[{\"chunk\":1,\"list\":\"failed\",\"index\":0,\"code\":\"roster-malformed\"");
    assert_string_equal(submission(f, "s1")->failing[0].warnings, "roster-malformed");
}

static void names_are_compared(void **state)
{
    struct fixture *f = *state;
    (void)unit_review(f, "r1");
    struct event *event = chunk(f, "c1", "s1", 5);
    fail_member(f, event, 10)->name = "李二";
    fail_member(f, event, 20)->name = " 李　二 ";
    fail_member(f, event, 30)->name = "  ";
    struct event_failing *fourth = fail_member(f, event, 40);
    fourth->name = "阿依•古丽";
    fourth->warnings = "retired-early,id-region";
    fail_member(f, event, 50)->name = "anybody"; /* the roster has no name */
    apply(f);
    expect_state(f, "s1", SUBMISSION_PENDING, NULL);
    expect_told(f, "member-review.pending", "c1",
                "\"warnings_total\":3,\"warnings\":[{\"chunk\":1,\"list\":\"failed\",\"index\":0,\"code\":\"name-differs\"");
    expect_told(f, "member-review.pending", "c1", "\"index\":3,\"code\":\"id-region\"");
    assert_string_equal(submission(f, "s1")->failing[0].warnings, "name-differs");
    assert_string_equal(submission(f, "s1")->failing[3].warnings, "id-region,retired-early");
    assert_null(submission(f, "s1")->failing[1].warnings);
}

static struct event *cut_by_a_spreadsheet(struct fixture *f, const char *whole)
{
    char cut[ID_KEY_PACKED_CHARS + 1];
    (void)snprintf(cut, sizeof cut, "%.15s000", whole);
    (void)unit_review(f, "r1");
    struct event *event = chunk(f, "c1", "s1", 1);
    (void)fail_key(f, event, (struct id_key){.text = kept_text(f, cut)}, "left");
    add_bad(f, event, (struct event_bad_number){.index = 0, .code = "id-spreadsheet", .masked = "110"});
    return event;
}

static void a_number_cut_by_a_spreadsheet_tells_whose_it_is(void **state)
{
    struct fixture *f = *state;
    char other[ID_KEY_PACKED_CHARS + 1];
    (void)id_key_write((struct id_key){.packed = 11010119910202002}, other);
    f->members[2].number = other;
    (void)cut_by_a_spreadsheet(f, other);
    apply(f);
    expect_told(f, "member-review.rejected", "c1", "\"code\":\"id-spreadsheet\",\"id_number\":\"110\",\"member_no\":\"M3\"");
}

static void a_cut_number_of_several_tells_nobody(void **state)
{
    struct fixture *f = *state;
    struct event *event = cut_by_a_spreadsheet(f, number(f, 10)); /* they all begin alike */
    (void)fail_key(f, event, (struct id_key){.text = "1.1E+17"}, "left");
    add_bad(f, event, (struct event_bad_number){.index = 1, .code = "id-spreadsheet", .masked = "1"});
    apply(f);
    assert_null(strstr(told_of(f, "member-review.rejected", "c1"), "\"member_no\":\"M"));
}

/* ---- corrections: who holds a number as of the completing chunk ---- */

static void correct(struct fixture *f, int64_t at_ms, int member, int n, const char *name)
{
    const struct shelf_member *of = &f->members[member];
    f->changes[f->units[0].change_count++] =
        (struct shelf_change){at_ms, of->enrolment, of->member_no, number(f, n), name != NULL ? name : of->name};
}

static void a_corrected_number_names_its_member(void **state)
{
    struct fixture *f = *state;
    static const int fresh[] = {11};
    correct(f, 1500, 0, 11, NULL);
    (void)one_of(f, 10);
    (void)import(f, "c2", "s2", fresh, 1);
    apply(f);
    expect_told(f, "member-review.rejected", "c1", "\"code\":\"number-corrected\",\"id_number\":\"110***********");
    expect_told(f, "member-review.rejected", "c1", "\"member_no\":\"M1\"");
    expect_state(f, "s2", SUBMISSION_PENDING, NULL);
    assert_int_equal(submission(f, "s2")->failing[0].enrolment, 101);
}

static void a_correction_counts_from_its_moment_on(void **state)
{
    struct fixture *f = *state;
    static const int fresh[] = {11};
    correct(f, 1500, 0, 11, NULL);
    f->now_ms = 1499;
    (void)unit_review(f, "r1");
    (void)import(f, "c1", "s1", fresh, 1);
    (void)import(f, "c2", "s2", first_member, 1);
    apply(f);
    expect_state(f, "s1", SUBMISSION_REJECTED, "row-errors");
    expect_state(f, "s2", SUBMISSION_PENDING, NULL);
}

static void corrections_before_the_opening_are_in_the_roster(void **state)
{
    struct fixture *f = *state;
    correct(f, 999, 0, 11, "张壹");
    (void)one_of(f, 11);
    apply(f);
    expect_state(f, "s1", SUBMISSION_PENDING, NULL);
}

static void a_changed_holder_must_be_named(void **state)
{
    struct fixture *f = *state;
    correct(f, 1500, 0, 20, NULL); /* M1 and M2 were enrolled with each other's numbers */
    correct(f, 1500, 1, 10, NULL);
    (void)one_of(f, 10);
    fail_member(f, chunk(f, "c2", "s2", 1), 10)->name = "张一";
    fail_member(f, chunk(f, "c3", "s3", 1), 10)->name = "李 二";
    apply(f);
    expect_told(f, "member-review.rejected", "c1", "\"code\":\"holder-changed\"");
    expect_told(f, "member-review.rejected", "c1", "\"member_no\":\"M2\"");
    expect_told(f, "member-review.rejected", "c2", "\"errors_total\":1,");
    expect_told(f, "member-review.rejected", "c2", "\"code\":\"holder-changed\"");
    expect_state(f, "s3", SUBMISSION_PENDING, NULL);
    assert_int_equal(submission(f, "s3")->failing[0].enrolment, 102);
}

static void after_corrections_a_list_follows_the_roster(void **state)
{
    struct fixture *f = *state;
    correct(f, 1500, 0, 55, NULL);
    correct(f, 1600, 2, 5, NULL);
    (void)unit_review(f, "r1");
    struct event *event = chunk(f, "c1", "s1", 5);
    static const int now[] = {5, 20, 40, 50, 55};
    for (size_t i = 0; i < 5; i++) pass_key(f, event, key(f, now[i]));
    event = chunk(f, "c2", "s2", 5);
    for (int n = 10; n <= 50; n += 10) pass_key(f, event, key(f, n));
    event = chunk(f, "c3", "s3", 1);
    pass_key(f, event, key(f, 20));
    apply(f);
    expect_state(f, "s1", SUBMISSION_PENDING, NULL);
    (void)withdraw(f, "d1", "s1");
    apply(f);
    const char *body = told_of(f, "member-review.rejected", "c2");
    assert_non_null(strstr(body, "\"errors_total\":4,"));
    assert_true(strstr(body, "\"index\":0,\"code\":\"number-corrected\"") < strstr(body, "\"index\":2,\"code\":\"number-corrected\""));
    body = told_of(f, "member-review.rejected", "c3");
    assert_true(strstr(body, "\"M3\"") < strstr(body, "\"M4\"") && strstr(body, "\"M5\"") < strstr(body, "\"M1\""));
}

/* ---- many ---- */

static void a_thousand_findings_are_named(void **state)
{
    struct fixture *f = *state;
    (void)unit_review(f, "r1");
    struct event *event = chunk(f, "c1", "s1", 1500);
    struct id_key *keys = arena_take(f->events_memory, 1500 * sizeof *keys);
    for (uint64_t i = 0; i < 1500; i++) keys[i] = (struct id_key){.packed = 22010119900101000 + i};
    event->rows.passed = keys;
    event->rows.passed_count = 1500;
    event->mode = EVENT_MODE_LIST;
    apply(f);
    const char *body = told_of(f, "member-review.rejected", "c1");
    assert_non_null(strstr(body, "\"errors_total\":1505,"));
    int named = 0;
    for (const char *at = body; (at = strstr(at, "{\"chunk\":")) != NULL; at++) named++;
    assert_int_equal(named, FINDINGS_MAX);
}

static void rows_are_packed_and_unpacked(void **state)
{
    struct fixture *f = *state;
    struct event *event = chunk(f, "c1", "s1", 0);
    fail_member(f, event, 10)->name = "张一";
    fail_key(f, event, (struct id_key){.text = "G1"}, "")->warnings = "id-region";
    pass_key(f, event, key(f, 20));
    pass_key(f, event, (struct id_key){.text = ""});
    add_bad(f, event, (struct event_bad_number){.index = 1, .code = "id-length", .masked = "**", .position = 3, .expected = 'X'});
    add_bad(f, event, (struct event_bad_number){.list = EVENT_LIST_PASSED, .index = 1, .code = "id-missing", .masked = ""});
    size_t bytes = 0;
    struct event_rows back;
    const char *packed = rows_pack(f->events_memory, &event->rows, &bytes);
    assert_true(rows_unpack(f->events_memory, packed, bytes, &back));
    assert_int_equal(back.failing_count, 2);
    assert_string_equal(back.failing[0].name, "张一");
    assert_null(back.failing[1].name);
    assert_string_equal(back.failing[1].warnings, "id-region");
    assert_true(id_key_equal(back.failing[1].key, event->rows.failing[1].key));
    assert_true(id_key_equal(back.passed[0], key(f, 20)));
    assert_string_equal(back.bad[0].code, "id-length");
    assert_int_equal(back.bad[0].expected, 'X');
    for (size_t length = 0; length < bytes; length++) {
        char *cut = malloc(length + 1); /* of its own, so that a sanitizer sees what is read behind it */
        memcpy(cut, packed, length);
        assert_false(rows_unpack(f->events_memory, cut, length, &back));
        free(cut);
    }
    char *odd = malloc(bytes + 1);
    for (size_t at = 0; at < bytes; at++) {
        for (int bit = 0; bit < 8; bit++) {
            memcpy(odd, packed, bytes);
            odd[at] ^= (char)(1 << bit);
            if (rows_unpack(f->events_memory, odd, bytes, &back)) assert_non_null(rows_pack(f->events_memory, &back, &(size_t){0}));
        }
    }
    free(odd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RULE_TEST(good_rows_are_pending_with_their_digest),
        RULE_TEST(nobody_fails),
        RULE_TEST(a_whole_list_is_good),
        RULE_TEST(who_is_not_on_the_roster),
        RULE_TEST(who_was_enrolled_after_the_opening),
        RULE_TEST(who_is_listed_twice),
        RULE_TEST(entries_without_a_number_are_not_twice),
        RULE_TEST(what_is_not_sorted),
        RULE_TEST(who_is_not_listed),
        RULE_TEST(the_total_alone_is_wrong),
        RULE_TEST(what_is_wrong_with_a_reason),
        RULE_TEST(a_malformed_number_is_only_told_as_such),
        RULE_TEST(a_malformed_number_that_the_roster_has_is_a_warning),
        RULE_TEST(names_are_compared),
        RULE_TEST(a_number_cut_by_a_spreadsheet_tells_whose_it_is),
        RULE_TEST(a_cut_number_of_several_tells_nobody),
        RULE_TEST(a_corrected_number_names_its_member),
        RULE_TEST(a_correction_counts_from_its_moment_on),
        RULE_TEST(corrections_before_the_opening_are_in_the_roster),
        RULE_TEST(a_changed_holder_must_be_named),
        RULE_TEST(after_corrections_a_list_follows_the_roster),
        RULE_TEST(a_thousand_findings_are_named),
        RULE_TEST(rows_are_packed_and_unpacked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
