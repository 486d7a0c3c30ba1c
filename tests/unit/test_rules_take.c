/* What becomes of a record: fates, identities, chunks, limits, and unit reviews, which are judged at once. */
#include "tests/unit/rules_fixture.h"

static void applied_records_use_up_their_identity(void **state)
{
    struct fixture *f = *state;
    (void)unit_review(f, "r1");
    (void)unit_review(f, "r1");
    queue(f, EVENT_UNIT_REVIEW_CONFIRMED, "r1", "other content")->submitted_by = "another";
    apply(f);
    expect_fate(f, 0, FATE_APPLIED, NULL);
    expect_fate(f, 1, FATE_DUPLICATE, NULL);
    expect_fate(f, 2, FATE_DEAD_LETTER, "identity-reused");
    (void)unit_review(f, "r1");
    f->source = "elsewhere";
    (void)unit_review(f, "r1");
    apply(f);
    expect_fate(f, 0, FATE_DUPLICATE, NULL);
    expect_fate(f, 1, FATE_APPLIED, NULL);
}

static void decisions_use_up_their_identity(void **state)
{
    struct fixture *f = *state;
    (void)withdraw(f, "d1", "s1");
    (void)withdraw(f, "d1", "s1");
    (void)queue(f, EVENT_REVIEW_WITHDRAWN, "d1", "other");
    apply(f);
    expect_fate(f, 1, FATE_DUPLICATE, NULL);
    expect_fate(f, 2, FATE_DEAD_LETTER, "identity-reused");
}

static void refused_records_go_to_the_dead_letters(void **state)
{
    struct fixture *f = *state;
    (void)unit_review(f, "r1");
    f->events[0].event = NULL;
    f->events[0].code = "schema";
    f->events[0].text = "a field is missing";
    f->events[0].ce_id = "r1";
    (void)unit_review(f, "r2");
    f->events[1].event = NULL;
    f->events[1].code = "key-missing";
    f->unit_of[1] = NULL;
    (void)unit_review(f, "r3");
    f->events[2].event = NULL;
    f->events[2].code = "not-json";
    f->unit_of[2] = "U9";
    apply(f);
    expect_fate(f, 0, FATE_DEAD_LETTER, "schema");
    expect_fate(f, 1, FATE_DEAD_LETTER, "key-missing");
    expect_fate(f, 2, FATE_DEAD_LETTER, "not-json");
    assert_int_equal(f->told_count, 1); /* that of the known unit */
    expect_told(f, "event.refused", "r1", "{\"unit\":\"U1\",\"code\":\"schema\",\"zh\":");
    expect_told(f, "event.refused", "r1", ",\"topic\":\"unit-review\",\"partition\":3,\"offset\":0,\"ce_id\":\"r1\"}");
    assert_int_equal(f->told[0].time_ms, 2000);
}

static void a_refused_record_without_a_readable_id_is_answered(void **state)
{
    struct fixture *f = *state;
    (void)unit_review(f, "r1");
    f->events[0].event = NULL;
    f->events[0].code = "bad-header";
    apply(f);
    assert_null(f->told[0].causation);
    assert_non_null(strstr(f->told[0].body, "\"ce_id\":null}"));
}

static void records_of_a_held_unit_are_kept_aside(void **state)
{
    struct fixture *f = *state;
    f->units[0].is_held = true;
    (void)unit_review(f, "r1");
    (void)chunk(f, "c1", "s1", 0);
    apply(f);
    expect_fate(f, 0, FATE_HELD, NULL);
    expect_fate(f, 1, FATE_HELD, NULL);
    assert_int_equal(f->told_count, 0);
}

static void records_of_an_unknown_unit_are_dead_letters(void **state)
{
    struct fixture *f = *state;
    f->now_ms = 499; /* the unit comes at 500 */
    (void)unit_review(f, "r1");
    (void)chunk(f, "c1", "s1", 0);
    (void)withdraw(f, "d1", "s1");
    f->now_ms = 500;
    (void)unit_review(f, "r2");
    f->unit = "U2";
    (void)unit_review(f, "r3");
    apply(f);
    for (size_t i = 0; i < 3; i++) expect_fate(f, i, FATE_DEAD_LETTER, "unknown-unit");
    expect_fate(f, 3, FATE_APPLIED, NULL);
    expect_fate(f, 4, FATE_DEAD_LETTER, "unknown-unit");
    expect_not_told(f, "event.refused", "r1");
    expect_not_told(f, "event.refused", "r3");
}

static void unit_reviews_are_judged_at_once(void **state)
{
    static const struct event_note notes[] = {{"unknown-field", "profile.fax", 0, 0},
                                              {"credit-code-check", "profile.credit_code", 18, '7'},
                                              {"unknown-field", "profile.\"q\"", 0, 0}};
    struct fixture *f = *state;
    struct event *good = unit_review(f, "r1");
    good->notes = notes;
    good->note_count = 3;
    struct event *bad = unit_review(f, "r2");
    bad->refusal = "profile-mobile";
    bad->refusal_field = "profile.contact_mobile";
    f->now_ms = CLOSES_MS;
    (void)unit_review(f, "r3");
    f->year = YEAR + 1;
    (void)unit_review(f, "r4");
    apply(f);
    expect_applied(f);
    expect_told(f, "unit-review.accepted", "r1",
                "{\"unit\":\"U1\",\"year\":2026,\"unit_review\":\"r1\",\"warnings\":[{\"code\":\"credit-code-check\",\"field\":\"profile."
                "credit_code\",\"zh\":");
    expect_told(f, "unit-review.accepted", "r1", "character 18 should be 7; ");
    expect_told(f, "unit-review.accepted", "r1", "{\"code\":\"unknown-field\",\"field\":\"profile.fax\"");
    expect_told(f, "unit-review.accepted", "r1", "\"field\":\"profile.\\\"q\\\"\"");
    expect_told(f, "unit-review.rejected", "r2", "\"errors\":[{\"code\":\"profile-mobile\",\"field\":\"profile.contact_mobile\",");
    expect_told(f, "unit-review.rejected", "r3", "\"errors\":[{\"code\":\"campaign-closed\",\"field\":null,");
    expect_told(f, "unit-review.rejected", "r4", "\"code\":\"campaign-closed\"");
    assert_int_equal(f->told[0].partition, 3);
    assert_int_equal(f->told[0].topic, TOPIC_UNIT_REVIEW);
}

static void an_outcome_id_comes_from_the_judged_event_and_the_type(void **state)
{
    static const char judged[] = "unit-review\nU1\n2026\nup\nr1\nnianshen.unit-review.accepted.v1";
    struct fixture *f = *state;
    uint8_t sha256[SHA256_DIGEST_LENGTH];
    char expected[2 * SHA256_DIGEST_LENGTH + 1];
    (void)unit_review(f, "r1");
    apply(f);
    SHA256((const unsigned char *)judged, sizeof judged - 1, sha256);
    hex_write(sha256, sizeof sha256, expected);
    expected[OUTCOME_ID_CHARS] = '\0';
    assert_string_equal(f->told[0].id, expected);
}

/* ---- chunks ---- */

static void a_chunk_must_repeat_the_header(void **state)
{
    struct fixture *f = *state;
    (void)chunk_of(f, "c1", "s1", 1, 3, 7);
    chunk_of(f, "c2", "s1", 2, 3, 7)->unit_review = "r2";
    chunk_of(f, "c3", "s1", 2, 3, 7)->mode = EVENT_MODE_LIST;
    chunk_of(f, "c4", "s1", 2, 3, 7)->submitted_by = "another";
    (void)chunk_of(f, "c5", "s1", 2, 4, 7);
    (void)chunk_of(f, "c6", "s1", 2, 3, 8);
    f->source = "elsewhere";
    (void)chunk_of(f, "c7", "s1", 2, 3, 7);
    f->source = "up";
    (void)chunk_of(f, "c2", "s1", 2, 3, 7); /* a dead letter used up no identity */
    apply(f);
    for (size_t i = 1; i < 7; i++) expect_fate(f, i, FATE_DEAD_LETTER, "chunk-contradicts");
    expect_fate(f, 7, FATE_APPLIED, NULL);
    expect_state(f, "s1", SUBMISSION_RECEIVING, NULL);
    assert_int_equal(submission(f, "s1")->received, 2);
}

static void a_chunk_number_holds_one_content(void **state)
{
    struct fixture *f = *state;
    (void)chunk_of(f, "c1", "s1", 1, 2, 0);
    apply(f);
    (void)chunk_of(f, "c2", "s1", 1, 2, 0);
    memset(chunk_of(f, "c3", "s1", 1, 2, 0)->content_sha256, 7, EVENT_SHA256_BYTES);
    apply(f);
    expect_fate(f, 0, FATE_DUPLICATE, NULL);
    expect_fate(f, 1, FATE_DEAD_LETTER, "chunk-differs");
}

static void a_repeated_chunk_uses_up_its_id(void **state)
{
    struct fixture *f = *state;
    (void)chunk(f, "c1", "s1", 0);
    (void)chunk(f, "c2", "s1", 0); /* the same under another id */
    apply(f);
    expect_fate(f, 1, FATE_DUPLICATE, NULL);
    (void)chunk(f, "c2", "s1", 0);
    (void)chunk(f, "c2", "s2", 0); /* that id for another submission */
    apply(f);
    expect_fate(f, 0, FATE_DUPLICATE, NULL);
    expect_fate(f, 1, FATE_DEAD_LETTER, "identity-reused");
    assert_null(submission(f, "s2"));
}

static void chunks_come_in_any_order_and_micro_batches(void **state)
{
    struct fixture *f = *state;
    (void)unit_review(f, "r1");
    (void)fail_member(f, chunk_of(f, "c3", "s1", 3, 3, 3), 40);
    apply(f);
    (void)fail_member(f, chunk_of(f, "c1", "s1", 1, 3, 3), 10);
    apply(f);
    expect_state(f, "s1", SUBMISSION_RECEIVING, NULL);
    f->now_ms = 2500;
    (void)fail_member(f, chunk_of(f, "c2", "s1", 2, 3, 3), 20);
    apply(f);
    expect_state(f, "s1", SUBMISSION_PENDING, NULL);
    const struct submission *s1 = submission(f, "s1");
    assert_string_equal(s1->completed_by, "c2");
    assert_int_equal(s1->completed.append_ms, 2500);
    assert_int_equal(s1->failing[0].enrolment, 101);
    assert_int_equal(s1->failing[1].enrolment, 102);
    assert_int_equal(s1->failing[2].enrolment, 104);
    for (size_t i = 0; i < 3; i++) assert_false(s1->chunks[i].has_rows);
    expect_told(f, "member-review.pending", "c2", "\"failed\":3,\"reasons\":{\"left\":3}");
}

/* ---- limits ---- */

static void set_limit(struct fixture *f, enum limit_kind kind, int32_t most)
{
    f->limits[0] = (struct limit_term){kind, most, 0, 3000};
    f->limits[1] = (struct limit_term){kind, most + 1, 3000, REFERENCE_FOREVER_MS};
    f->units[0].limit_count = 2;
}

static void too_many_unit_reviews(void **state)
{
    struct fixture *f = *state;
    set_limit(f, LIMIT_UNIT_REVIEWS, 2);
    (void)unit_review(f, "r1");
    (void)unit_review(f, "r1"); /* duplicates never count */
    unit_review(f, "r2")->refusal = "profile-name";
    (void)unit_review(f, "r3");
    apply(f);
    expect_fate(f, 2, FATE_APPLIED, NULL);
    expect_fate(f, 3, FATE_DEAD_LETTER, "too-many");
    expect_told(f, "event.refused", "r3", "\"code\":\"too-many\"");
    f->now_ms = 3000; /* the limit was raised */
    (void)unit_review(f, "r3");
    (void)unit_review(f, "r4");
    apply(f);
    expect_fate(f, 0, FATE_APPLIED, NULL);
    expect_fate(f, 1, FATE_DEAD_LETTER, "too-many");
}

static void too_many_submissions(void **state)
{
    struct fixture *f = *state;
    set_limit(f, LIMIT_SUBMISSIONS, 1);
    (void)chunk_of(f, "c1", "s1", 1, 2, 0);
    (void)chunk(f, "c2", "s2", 0);
    (void)chunk_of(f, "c3", "s1", 2, 2, 0); /* a later chunk of a known submission */
    apply(f);
    expect_fate(f, 1, FATE_DEAD_LETTER, "too-many");
    expect_fate(f, 2, FATE_APPLIED, NULL);
}

static void too_many_decisions(void **state)
{
    struct fixture *f = *state;
    set_limit(f, LIMIT_DECISIONS, 1);
    decision(f, EVENT_REVIEW_APPROVED, "d1", "s1")->superior = "S9"; /* a stranger's never counts */
    decision(f, EVENT_REVIEW_APPROVED, "d2", "s1")->reviewer = "nobody";
    (void)decision(f, EVENT_REVIEW_APPROVED, "d3", "s1");
    (void)decision(f, EVENT_REVIEW_RETURNED, "d4", "s1");
    decision(f, EVENT_REVIEW_RETURNED, "d5", "s1")->superior = "S9"; /* and is never too many */
    (void)withdraw(f, "d6", "s1");
    apply(f);
    expect_decision(f, "d1", VERDICT_REJECTED, "wrong-superior");
    expect_decision(f, "d2", VERDICT_REJECTED, "unknown-reviewer");
    expect_fate(f, 2, FATE_APPLIED, NULL);
    expect_fate(f, 3, FATE_DEAD_LETTER, "too-many");
    expect_fate(f, 4, FATE_APPLIED, NULL);
    expect_fate(f, 5, FATE_APPLIED, NULL);
}

static void withdrawals_count_by_source(void **state)
{
    struct fixture *f = *state;
    set_limit(f, LIMIT_DECISIONS, 1);
    f->source = "stranger";
    (void)withdraw(f, "d1", "s1");
    (void)withdraw(f, "d2", "s1");
    f->source = "up";
    (void)withdraw(f, "d3", "s1");
    apply(f);
    expect_fate(f, 1, FATE_DEAD_LETTER, "too-many");
    expect_fate(f, 2, FATE_APPLIED, NULL);
    (void)withdraw(f, "d4", "s1");
    apply(f);
    expect_fate(f, 0, FATE_DEAD_LETTER, "too-many");
}

static void the_limit_is_a_thousand(void **state)
{
    struct fixture *f = *state;
    char id[16];
    for (int i = 0; i <= REFERENCE_LIMIT_DEFAULT; i++) {
        (void)snprintf(id, sizeof id, "r%d", i);
        (void)unit_review(f, id);
    }
    apply(f);
    expect_fate(f, REFERENCE_LIMIT_DEFAULT - 1, FATE_APPLIED, NULL);
    expect_fate(f, REFERENCE_LIMIT_DEFAULT, FATE_DEAD_LETTER, "too-many");
}

/* ---- memory ---- */

/* Whatever the memory is short of: nothing is applied, and the same micro-batch goes through with more. */
static void a_full_arena_changes_nothing(void **state)
{
    static const int first[] = {10};
    struct fixture *f = *state;
    size_t bytes = 64;
    make_pending(f);
    (void)unit_review(f, "r2");
    (void)chunk_of(f, "c2", "s2", 1, 2, 1);
    (void)chunk_of(f, "c2b", "s2", 1, 2, 1);
    (void)fail_member(f, chunk_of(f, "c3", "s2", 2, 2, 1), 20);
    (void)import(f, "c4", "s3", first, 1);
    pass_key(f, chunk(f, "c5", "s4", 9), key(f, 20));
    (void)withdraw(f, "d1", "s4");
    (void)decision(f, EVENT_REVIEW_APPROVED, "d2", "s9");
    (void)approve(f, "d3", "s1");
    (void)decision(f, EVENT_REVIEW_APPROVED, "d3", "s9");
    for (; !apply_within(f, bytes); bytes += 48) {
        expect_state(f, "s1", SUBMISSION_PENDING, NULL);
        assert_null(submission(f, "s2"));
    }
    assert_true(bytes > 4096);
    expect_state(f, "s1", SUBMISSION_APPROVED, NULL);
    expect_state(f, "s2", SUBMISSION_REJECTED, "already-reviewed");
    expect_state(f, "s4", SUBMISSION_WITHDRAWN, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RULE_TEST(applied_records_use_up_their_identity),
        RULE_TEST(decisions_use_up_their_identity),
        RULE_TEST(refused_records_go_to_the_dead_letters),
        RULE_TEST(a_refused_record_without_a_readable_id_is_answered),
        RULE_TEST(records_of_a_held_unit_are_kept_aside),
        RULE_TEST(records_of_an_unknown_unit_are_dead_letters),
        RULE_TEST(unit_reviews_are_judged_at_once),
        RULE_TEST(an_outcome_id_comes_from_the_judged_event_and_the_type),
        RULE_TEST(a_chunk_must_repeat_the_header),
        RULE_TEST(a_chunk_number_holds_one_content),
        RULE_TEST(a_repeated_chunk_uses_up_its_id),
        RULE_TEST(chunks_come_in_any_order_and_micro_batches),
        RULE_TEST(too_many_unit_reviews),
        RULE_TEST(too_many_submissions),
        RULE_TEST(too_many_decisions),
        RULE_TEST(withdrawals_count_by_source),
        RULE_TEST(the_limit_is_a_thousand),
        RULE_TEST(a_full_arena_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
