/* The queue of submissions and the decisions on them: one test a rule. */
#include "tests/unit/rules_fixture.h"

static const int first_member[] = {10};

static void send(struct fixture *f, const char *id, const char *name)
{
    (void)import(f, id, name, first_member, 1);
}

static void correct(struct fixture *f, int64_t at_ms, int member, int n, const char *name)
{
    const struct shelf_member *of = &f->members[member];
    f->changes[f->units[0].change_count++] =
        (struct shelf_change){at_ms, of->enrolment, of->member_no, number(f, n), name != NULL ? name : of->name};
}

/* ---- the queue ---- */

static void one_submission_a_year_is_approved(void **state)
{
    struct fixture *f = *state;
    make_pending(f);
    send(f, "c2", "s2");
    (void)approve(f, "d1", "s1");
    send(f, "c3", "s3");
    apply(f);
    expect_state(f, "s1", SUBMISSION_APPROVED, NULL);
    expect_state(f, "s2", SUBMISSION_REJECTED, "already-reviewed");
    expect_state(f, "s3", SUBMISSION_REJECTED, "already-reviewed");
    send(f, "c4", "s4");
    apply(f);
    expect_told(f, "member-review.rejected", "c4", "\"code\":\"already-reviewed\"");
    expect_told(f, "member-review.rejected", "c4", ",\"errors_total\":0,\"errors\":[]}");
    assert_null(submission(f, "s4")->findings_json);
}

static void an_approval_takes_effect(void **state)
{
    struct fixture *f = *state;
    unit_review(f, "r1")->profile = (struct event_profile){.contact_name = "王五"};
    struct event *event = chunk(f, "c1", "s1", 3);
    (void)fail_key(f, event, key(f, 10), "retired");
    (void)fail_key(f, event, key(f, 20), "left");
    (void)fail_key(f, event, key(f, 40), "retired");
    apply(f);
    f->now_ms = 3000;
    (void)approve(f, "d1", "s1");
    apply(f);
    expect_decision(f, "d1", VERDICT_ACCEPTED, NULL);
    assert_string_equal(told_of(f, "member-review.completed", "d1"),
                        "{\"unit\":\"U1\",\"year\":2026,\"submission\":\"s1\",\"decision\":\"d1\",\"listed\":5,\"passed\":2,"
                        "\"removed\":{\"left\":1,\"retired\":2},\"removed_total\":3,\"already_gone\":0}");
    const struct review *review = shelf_find(f->shelf, "U1", YEAR);
    assert_string_equal(review->profile.profile->contact_name, "王五");
    assert_int_equal(review->profile.at_ms, 3000);
    assert_int_equal(review->submissions[0].decided_ms, 3000);
    assert_int_equal(f->told[f->told_count - 1].time_ms, 3000);
}

static void what_lies_outside_the_campaign_is_refused(void **state)
{
    struct fixture *f = *state;
    (void)unit_review(f, "r1");
    (void)fail_member(f, chunk_of(f, "c1", "s1", 1, 2, 2), 10);
    f->now_ms = CLOSES_MS;
    (void)fail_member(f, chunk_of(f, "c2", "s1", 2, 2, 2), 20);
    (void)decision(f, EVENT_REVIEW_RETURNED, "d1", "s1");
    (void)withdraw(f, "d2", "s1");
    f->now_ms = OPENS_MS - 1;
    send(f, "c3", "s3");
    f->now_ms = OPENS_MS;
    send(f, "c4", "s4");
    apply(f);
    expect_state(f, "s1", SUBMISSION_REJECTED, "campaign-closed");
    expect_decision(f, "d1", VERDICT_REJECTED, "campaign-closed");
    expect_decision(f, "d2", VERDICT_REJECTED, "campaign-closed");
    expect_state(f, "s3", SUBMISSION_REJECTED, "campaign-closed");
    expect_state(f, "s4", SUBMISSION_PENDING, NULL);
}

static void a_year_without_a_campaign_is_closed(void **state)
{
    struct fixture *f = *state;
    f->year = YEAR + 1;
    send(f, "c1", "s1");
    (void)withdraw(f, "d1", "s9");
    apply(f);
    expect_told(f, "member-review.rejected", "c1", "\"code\":\"campaign-closed\"");
    expect_told(f, "decision.rejected", "d1", "\"code\":\"campaign-closed\"");
}

static void a_purged_year_is_closed(void **state)
{
    struct fixture *f = *state;
    f->campaigns[0].is_purged = true;
    f->campaigns[0].salt_bytes = 0;
    (void)unit_review(f, "r1");
    send(f, "c1", "s1");
    apply(f);
    expect_state(f, "s1", SUBMISSION_REJECTED, "campaign-closed");
}

static void a_submission_waits_for_its_unit_review(void **state)
{
    struct fixture *f = *state;
    send(f, "c1", "s1");
    f->source = "elsewhere";
    (void)unit_review(f, "r1"); /* of another source */
    f->source = "up";
    apply(f);
    expect_state(f, "s1", SUBMISSION_WAITING, NULL);
    expect_told(f, "member-review.waiting", "c1",
                "{\"unit\":\"U1\",\"year\":2026,\"submission\":\"s1\",\"code\":\"unit-review-missing\",\"zh\":");
    assert_non_null(strstr(told_of(f, "member-review.waiting", "c1"), "\"behind\":null"));
    (void)unit_review(f, "r1");
    apply(f);
    expect_state(f, "s1", SUBMISSION_PENDING, NULL);
    expect_told(f, "member-review.pending", "c1", "\"failed\":1,\"reasons\":{\"left\":1}");
}

static void a_rejected_unit_review_rejects_the_submission(void **state)
{
    struct fixture *f = *state;
    unit_review(f, "r1")->refusal = "profile-name";
    static const int strangers[] = {15};
    (void)import(f, "c1", "s1", strangers, 1);
    apply(f);
    expect_state(f, "s1", SUBMISSION_REJECTED, "unit-review-rejected");
    expect_told(f, "member-review.rejected", "c1", "\"errors_total\":0,\"errors\":[]");
}

static void later_submissions_wait_behind_the_head(void **state)
{
    struct fixture *f = *state;
    make_pending(f);
    send(f, "c2", "s2");
    send(f, "c3", "s3");
    apply(f);
    expect_state(f, "s3", SUBMISSION_WAITING, NULL);
    expect_told(f, "member-review.waiting", "c2", ",\"behind\":\"s1\"}");
    expect_told(f, "member-review.waiting", "c3", "\"code\":\"behind-earlier\"");
    size_t told = f->told_count;
    (void)unit_review(f, "r2");
    apply(f);
    assert_int_equal(f->told_count, told + 1); /* who waits is told once */
    (void)give_back(f, "d1", "s1");
    apply(f);
    expect_state(f, "s1", SUBMISSION_RETURNED, NULL);
    expect_state(f, "s2", SUBMISSION_PENDING, NULL);
    expect_state(f, "s3", SUBMISSION_WAITING, NULL);
}

static void the_place_in_the_queue_is_that_of_the_last_chunk(void **state)
{
    struct fixture *f = *state;
    (void)chunk_of(f, "c1", "s1", 1, 2, 0);
    (void)chunk(f, "c2", "s2", 0);
    apply(f);
    (void)chunk_of(f, "c3", "s1", 2, 2, 0);
    apply(f);
    (void)unit_review(f, "r1");
    apply(f);
    expect_state(f, "s2", SUBMISSION_PENDING, NULL);
    expect_state(f, "s1", SUBMISSION_WAITING, NULL);
}

/* ---- who may decide ---- */

static void superior_and_reviewer_are_those_of_the_append_time(void **state)
{
    struct fixture *f = *state;
    make_pending(f);
    approve(f, "d1", "s1")->superior = "S2";
    approve(f, "d2", "s1")->reviewer = "R2"; /* registered from 5000 to 6000 */
    f->now_ms = 50000;
    (void)approve(f, "d3", "s1"); /* S1 no more */
    f->now_ms = 5000;
    give_back(f, "d4", "s1")->reviewer = "R2";
    apply(f);
    expect_decision(f, "d1", VERDICT_REJECTED, "wrong-superior");
    expect_decision(f, "d2", VERDICT_REJECTED, "unknown-reviewer");
    expect_decision(f, "d3", VERDICT_REJECTED, "wrong-superior");
    expect_decision(f, "d4", VERDICT_ACCEPTED, NULL);
    assert_string_equal(told_of(f, "member-review.closed", "d4"),
                        "{\"unit\":\"U1\",\"year\":2026,\"submission\":\"s1\",\"decision\":\"d4\",\"how\":\"returned\",\"comment\":null}");
}

static void nobody_reviews_the_own_submission(void **state)
{
    static const char *const writings[] = {"clerk", " clerk", "Clerk\xE2\x80\x8B", "\xEF\xBD\x83lerk\xE3\x80\x80"};
    struct fixture *f = *state;
    make_pending(f);
    for (size_t i = 1; i < 4; i++) f->reviewers[i - 1].reviewer = writings[i];
    f->reviewers[2] = (struct reviewer_term){writings[0], "S1", 0, REFERENCE_FOREVER_MS};
    struct reviewer_term sorted[] = {{" clerk", "S1", 0, REFERENCE_FOREVER_MS},
                                     {writings[2], "S1", 0, REFERENCE_FOREVER_MS},
                                     {"clerk", "S1", 0, REFERENCE_FOREVER_MS},
                                     {writings[3], "S1", 0, REFERENCE_FOREVER_MS}};
    f->world.reference.reviewers = sorted;
    f->world.reference.reviewer_count = 4;
    char id[8];
    for (size_t i = 0; i < 4; i++) {
        (void)snprintf(id, sizeof id, "d%zu", i);
        approve(f, id, "s1")->reviewer = writings[i];
    }
    apply(f);
    for (size_t i = 0; i < 4; i++) {
        (void)snprintf(id, sizeof id, "d%zu", i);
        expect_decision(f, id, VERDICT_REJECTED, "self-review");
    }
    expect_told(f, "decision.rejected", "d0", "\"decision\":\"d0\",\"kind\":\"approved\",\"code\":\"self-review\",\"zh\":");
}

static void a_decision_names_the_digest(void **state)
{
    struct fixture *f = *state;
    make_pending(f);
    (void)decision(f, EVENT_REVIEW_APPROVED, "d1", "s1");
    decision(f, EVENT_REVIEW_APPROVED, "d2", "s1")->digest = "sha256:0000000000000000000000000000000000000000000000000000000000000000";
    struct event *upper = approve(f, "d3", "s1");
    char *text = arena_copy(f->events_memory, upper->digest, strlen(upper->digest));
    for (char *at = text + 7; *at != '\0'; at++)
        if (*at >= 'a') *at = (char)(*at - 'a' + 'A');
    upper->digest = text;
    decision(f, EVENT_REVIEW_APPROVED, "d4", "s1")->digest = "md5:";
    apply(f);
    for (int i = 1; i <= 4; i++) expect_decision(f, (char[]){'d', (char)('0' + i), '\0'}, VERDICT_REJECTED, "stale-digest");
}

static void what_is_decided_is_decided(void **state)
{
    struct fixture *f = *state;
    make_pending(f);
    (void)give_back(f, "d1", "s1");
    (void)approve(f, "d2", "s1");
    (void)withdraw(f, "d3", "s1");
    apply(f);
    expect_decision(f, "d2", VERDICT_REJECTED, "already-decided");
    expect_decision(f, "d3", VERDICT_REJECTED, "already-decided");
}

static void a_rejected_submission_does_not_wait(void **state)
{
    struct fixture *f = *state;
    static const int strangers[] = {15};
    (void)unit_review(f, "r1");
    (void)import(f, "c1", "s1", strangers, 1);
    (void)decision(f, EVENT_REVIEW_APPROVED, "d1", "s1");
    apply(f);
    expect_decision(f, "d1", VERDICT_REJECTED, "not-pending");
}

/* ---- waiting decisions ---- */

static void a_decision_waits_for_its_submission(void **state)
{
    struct fixture *f = *state;
    (void)decision(f, EVENT_REVIEW_APPROVED, "d1", "s1");
    apply(f);
    expect_decision(f, "d1", VERDICT_WAITING, NULL);
    expect_told(f, "decision.waiting", "d1",
                "{\"unit\":\"U1\",\"year\":2026,\"submission\":\"s1\",\"decision\":\"d1\",\"code\":\"submission-unknown\",\"zh\":");
    make_pending(f);
    expect_decision(f, "d1", VERDICT_REJECTED, "stale-digest");
}

static void a_decision_on_a_known_submission_waits_silently(void **state)
{
    struct fixture *f = *state;
    (void)chunk_of(f, "c1", "s1", 1, 2, 0);
    (void)decision(f, EVENT_REVIEW_APPROVED, "d1", "s1");
    apply(f);
    expect_decision(f, "d1", VERDICT_WAITING, NULL);
    expect_not_told(f, "decision.waiting", "d1");
}

static void decisions_are_judged_in_their_order(void **state)
{
    struct fixture *f = *state;
    (void)chunk(f, "c1", "s1", 0);
    (void)decision(f, EVENT_REVIEW_APPROVED, "d1", "s1");
    (void)withdraw(f, "d2", "s1"); /* behind an approval that waits */
    apply(f);
    expect_decision(f, "d2", VERDICT_WAITING, NULL);
    expect_state(f, "s1", SUBMISSION_WAITING, NULL);
    (void)unit_review(f, "r1");
    apply(f);
    expect_decision(f, "d1", VERDICT_REJECTED, "stale-digest");
    expect_decision(f, "d2", VERDICT_ACCEPTED, NULL);
    expect_told(f, "member-review.pending", "c1", "\"digest\"");
}

/* ---- withdrawals ---- */

static void a_withdrawal_waits_for_the_first_chunk(void **state)
{
    struct fixture *f = *state;
    (void)withdraw(f, "d1", "s1");
    (void)withdraw(f, "d2", "s1");
    apply(f);
    expect_decision(f, "d1", VERDICT_WAITING, NULL);
    expect_told(f, "decision.waiting", "d1", "submission-unknown");
    (void)chunk_of(f, "c1", "s1", 1, 2, 2);
    apply(f);
    expect_decision(f, "d1", VERDICT_ACCEPTED, NULL);
    expect_decision(f, "d2", VERDICT_REJECTED, "already-decided");
    expect_state(f, "s1", SUBMISSION_WITHDRAWN, NULL);
}

static void only_the_own_source_withdraws(void **state)
{
    struct fixture *f = *state;
    f->source = "stranger";
    (void)withdraw(f, "d1", "s1");
    f->source = "up";
    withdraw(f, "d2", "s1")->comment = "typo";
    (void)chunk(f, "c1", "s1", 0);
    apply(f);
    expect_decision(f, "d1", VERDICT_REJECTED, "not-yours");
    expect_decision(f, "d2", VERDICT_ACCEPTED, NULL);
    expect_told(f, "member-review.closed", "d2", "\"how\":\"withdrawn\",\"comment\":\"typo\"}");
    expect_not_told(f, "member-review.pending", "c1");
    expect_not_told(f, "member-review.waiting", "c1");
}

static void withdrawn_outranks_rejected(void **state)
{
    struct fixture *f = *state;
    static const int strangers[] = {15};
    (void)unit_review(f, "r1");
    (void)import(f, "c1", "s1", strangers, 1);
    apply(f);
    expect_state(f, "s1", SUBMISSION_REJECTED, "row-errors");
    (void)withdraw(f, "d1", "s1");
    apply(f);
    expect_state(f, "s1", SUBMISSION_WITHDRAWN, NULL);
    assert_int_equal(submission(f, "s1")->errors_total, 0);
    assert_null(submission(f, "s1")->findings_json);
}

static void chunks_of_a_withdrawn_submission_are_still_counted(void **state)
{
    struct fixture *f = *state;
    (void)unit_review(f, "r1");
    (void)fail_member(f, chunk_of(f, "c1", "s1", 1, 2, 2), 10);
    (void)withdraw(f, "d1", "s1");
    apply(f);
    assert_false(submission(f, "s1")->chunks[0].has_rows);
    (void)fail_member(f, chunk_of(f, "c2", "s1", 2, 2, 2), 20);
    (void)chunk_of(f, "c3", "s1", 2, 2, 2);
    send(f, "c4", "s4");
    apply(f);
    expect_fate(f, 1, FATE_DUPLICATE, NULL);
    expect_state(f, "s1", SUBMISSION_WITHDRAWN, NULL);
    assert_int_equal(submission(f, "s1")->received, 2);
    assert_string_equal(submission(f, "s1")->completed_by, "c2");
    assert_int_equal(submission(f, "s1")->listed, 0);
    expect_state(f, "s4", SUBMISSION_PENDING, NULL);
}

static void a_withdrawn_head_makes_room(void **state)
{
    struct fixture *f = *state;
    make_pending(f);
    send(f, "c2", "s2");
    (void)withdraw(f, "d1", "s1");
    apply(f);
    expect_state(f, "s1", SUBMISSION_WITHDRAWN, NULL);
    assert_false(submission(f, "s1")->has_digest);
    expect_state(f, "s2", SUBMISSION_PENDING, NULL);
}

/* ---- the right person ---- */

static void a_changed_roster_refuses_the_approval(void **state)
{
    struct fixture *f = *state;
    correct(f, 2500, 0, 11, NULL);
    make_pending(f);
    send(f, "c2", "s2");
    f->now_ms = 2600;
    decision(f, EVENT_REVIEW_APPROVED, "d0", "s1")->digest = "sha256:"; /* the digest is tested first */
    (void)approve(f, "d1", "s1");
    (void)give_back(f, "d2", "s1");
    apply(f);
    expect_decision(f, "d0", VERDICT_REJECTED, "stale-digest");
    expect_decision(f, "d1", VERDICT_REJECTED, "roster-changed");
    expect_decision(f, "d2", VERDICT_REJECTED, "not-pending");
    expect_state(f, "s1", SUBMISSION_REJECTED, "roster-changed");
    expect_told(f, "member-review.rejected", "c1", "\"code\":\"roster-changed\"");
    expect_told(f, "member-review.rejected", "c1", ",\"errors_total\":0,\"errors\":[]}");
    const struct submission *s1 = submission(f, "s1");
    assert_int_equal(s1->decided_ms, 2600);
    assert_false(s1->has_digest);
    assert_int_equal(s1->listed + s1->failed + s1->passed, 0);
    expect_state(f, "s2", SUBMISSION_PENDING, NULL);
    (void)withdraw(f, "d3", "s1");
    apply(f);
    expect_state(f, "s1", SUBMISSION_WITHDRAWN, NULL);
}

static void a_changed_name_refuses_it_too(void **state)
{
    struct fixture *f = *state;
    correct(f, 2500, 0, 10, "张壹");
    make_pending(f);
    f->now_ms = 2500;
    (void)approve(f, "d1", "s1");
    apply(f);
    expect_decision(f, "d1", VERDICT_REJECTED, "roster-changed");
}

static void other_changes_do_not_matter(void **state)
{
    struct fixture *f = *state;
    correct(f, 1500, 0, 10, "张壹"); /* before the chunk */
    correct(f, 2400, 1, 21, NULL); /* of a member who does not fail */
    correct(f, 2500, 0, 10, "张二"); /* there and back again */
    correct(f, 2600, 0, 10, "张壹");
    correct(f, 9000, 0, 12, NULL); /* after the approval */
    make_pending(f);
    f->now_ms = 3000;
    (void)approve(f, "d1", "s1");
    apply(f);
    expect_decision(f, "d1", VERDICT_ACCEPTED, NULL);
}

static void a_return_does_not_ask_for_changes(void **state)
{
    struct fixture *f = *state;
    correct(f, 2500, 0, 11, NULL);
    make_pending(f);
    f->now_ms = 3000;
    (void)give_back(f, "d1", "s1");
    apply(f);
    expect_state(f, "s1", SUBMISSION_RETURNED, NULL);
    assert_true(submission(f, "s1")->has_digest);
}

/*
 * 张一 and 李二 were enrolled with each other's numbers, operations corrected it in mid-campaign, and the unit lists 李二's right number as
 * deceased: it is 李二 who is shown, approved and removed.
 */
static void whom_the_reviewer_saw_is_whom_the_approval_removes(void **state)
{
    struct fixture *f = *state;
    (void)unit_review(f, "r1");
    (void)fail_key(f, chunk(f, "c1", "s1", 1), key(f, 10), "deceased"); /* before: it is still 张一's on the roster */
    apply(f);
    expect_state(f, "s1", SUBMISSION_PENDING, NULL);
    shelf_free(f->shelf); /* the world is another one now */
    f->shelf = NULL;
    correct(f, 3000, 0, 20, NULL);
    correct(f, 3000, 1, 10, NULL);
    f->offsets[TOPIC_UNIT_REVIEW] = f->offsets[TOPIC_MEMBER_REVIEW] = 0;
    f->now_ms = 2000;
    (void)unit_review(f, "r1");
    (void)fail_key(f, chunk(f, "c1", "s1", 1), key(f, 10), "deceased");
    apply(f);
    f->now_ms = 3100;
    (void)approve(f, "d1", "s1"); /* the reviewer saw 张一 */
    fail_key(f, chunk(f, "c2", "s2", 1), key(f, 10), "deceased")->name = "李二";
    struct event *all = chunk(f, "c3", "s3", 5);
    for (int n = 10; n <= 50; n += 10) pass_key(f, all, key(f, n));
    apply(f);
    expect_decision(f, "d1", VERDICT_REJECTED, "roster-changed");
    expect_state(f, "s2", SUBMISSION_PENDING, NULL);
    (void)approve(f, "d2", "s2");
    apply(f);
    expect_state(f, "s2", SUBMISSION_APPROVED, NULL);
    assert_int_equal(submission(f, "s2")->failing[0].enrolment, 102); /* 李二 */
    assert_int_equal(submission(f, "s3")->errors_total, 0); /* a whole list is possible after a correction */
}

/* ---- units and years by themselves ---- */

static void units_do_not_touch_each_other(void **state)
{
    struct fixture *f = *state;
    f->units[1] = f->units[0];
    f->units[1].unit = "U2";
    f->world.unit_count = 2;
    make_pending(f);
    f->unit = "U2";
    send(f, "c1", "s1");
    (void)unit_review(f, "r1");
    f->unit = "U1";
    (void)approve(f, "d1", "s1");
    apply(f);
    expect_state(f, "s1", SUBMISSION_APPROVED, NULL);
    assert_int_equal(shelf_find(f->shelf, "U2", YEAR)->submissions[0].state, SUBMISSION_PENDING);
    assert_string_equal(shelf_review(f->shelf, 1)->unit, "U2");
}

/* ---- cost: minutes, were it quadratic ---- */

enum { MANY = 20000 };

static const char *numbered(struct fixture *f, const char *letter, int n)
{
    char text[16];
    (void)snprintf(text, sizeof text, "%s%d", letter, n);
    return kept_text(f, text);
}

static void raise_limits(struct fixture *f)
{
    for (int i = 0; i < LIMIT_KINDS; i++) f->limits[i] = (struct limit_term){(enum limit_kind)i, 2 * MANY, 0, REFERENCE_FOREVER_MS};
    f->units[0].limit_count = LIMIT_KINDS;
    f->world.loads_all = true;
}

static void many_submissions_wait_for_one_unit_review(void **state)
{
    struct fixture *f = *state;
    raise_limits(f);
    for (int i = 0; i < MANY; i++) send(f, numbered(f, "c", i), numbered(f, "s", i));
    apply(f);
    expect_applied(f);
    for (int i = 0; i < MANY / 2; i++) (void)withdraw(f, numbered(f, "w", i), numbered(f, "s", i));
    (void)unit_review(f, "r1");
    apply(f);
    expect_state(f, "s0", SUBMISSION_WITHDRAWN, NULL);
    expect_state(f, "s10000", SUBMISSION_PENDING, NULL);
    (void)approve(f, "d1", "s10000");
    apply(f);
    expect_state(f, "s19999", SUBMISSION_REJECTED, "already-reviewed");
}

static void many_early_decisions_on_one_submission(void **state)
{
    struct fixture *f = *state;
    raise_limits(f);
    for (int i = 0; i < MANY; i++) (void)decision(f, EVENT_REVIEW_APPROVED, numbered(f, "d", i), "s1");
    apply(f);
    expect_decision(f, "d0", VERDICT_WAITING, NULL);
    make_pending(f);
    expect_decision(f, "d19999", VERDICT_REJECTED, "stale-digest");
}

static void many_chunks_of_one_submission(void **state)
{
    struct fixture *f = *state;
    raise_limits(f);
    f->world.loads_all = true;
    (void)unit_review(f, "r1");
    for (int i = 1; i <= EVENT_CHUNKS_MAX; i++) (void)chunk_of(f, numbered(f, "c", i), "s1", EVENT_CHUNKS_MAX + 1 - i, EVENT_CHUNKS_MAX, 0);
    for (int i = 1; i <= EVENT_CHUNKS_MAX; i++)
        (void)chunk_of(f, numbered(f, "x", i), "s1", i, EVENT_CHUNKS_MAX, 0); /* each once more under another id */
    apply(f);
    expect_fate(f, EVENT_CHUNKS_MAX, FATE_APPLIED, NULL);
    expect_fate(f, 2 * EVENT_CHUNKS_MAX, FATE_DUPLICATE, NULL);
    expect_state(f, "s1", SUBMISSION_PENDING, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RULE_TEST(one_submission_a_year_is_approved),
        RULE_TEST(an_approval_takes_effect),
        RULE_TEST(what_lies_outside_the_campaign_is_refused),
        RULE_TEST(a_year_without_a_campaign_is_closed),
        RULE_TEST(a_purged_year_is_closed),
        RULE_TEST(a_submission_waits_for_its_unit_review),
        RULE_TEST(a_rejected_unit_review_rejects_the_submission),
        RULE_TEST(later_submissions_wait_behind_the_head),
        RULE_TEST(the_place_in_the_queue_is_that_of_the_last_chunk),
        RULE_TEST(superior_and_reviewer_are_those_of_the_append_time),
        RULE_TEST(nobody_reviews_the_own_submission),
        RULE_TEST(a_decision_names_the_digest),
        RULE_TEST(what_is_decided_is_decided),
        RULE_TEST(a_rejected_submission_does_not_wait),
        RULE_TEST(a_decision_waits_for_its_submission),
        RULE_TEST(a_decision_on_a_known_submission_waits_silently),
        RULE_TEST(decisions_are_judged_in_their_order),
        RULE_TEST(a_withdrawal_waits_for_the_first_chunk),
        RULE_TEST(only_the_own_source_withdraws),
        RULE_TEST(withdrawn_outranks_rejected),
        RULE_TEST(chunks_of_a_withdrawn_submission_are_still_counted),
        RULE_TEST(a_withdrawn_head_makes_room),
        RULE_TEST(a_changed_roster_refuses_the_approval),
        RULE_TEST(a_changed_name_refuses_it_too),
        RULE_TEST(other_changes_do_not_matter),
        RULE_TEST(a_return_does_not_ask_for_changes),
        RULE_TEST(whom_the_reviewer_saw_is_whom_the_approval_removes),
        RULE_TEST(units_do_not_touch_each_other),
        RULE_TEST(many_submissions_wait_for_one_unit_review),
        RULE_TEST(many_early_decisions_on_one_submission),
        RULE_TEST(many_chunks_of_one_submission),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
