"""Deliberate bugs, at least one a rule. The rules are numbered as in docs/architecture.md; `finder` says which shapes (a part of their names) must
show the bug, or HISTORIES."""

from typing import NamedTuple

HISTORIES = "random histories"


class Mutant(NamedTuple):
    rule: str
    name: str
    file: str
    function: str
    old: str
    new: str
    finder: str


TAKE, UNIT_REVIEW, SUBMISSION, DECISION = "rules/take.c", "rules/unit_review.c", "rules/submission.c", "rules/decision.c"
SETTLE, OUTCOME, DIGEST = "rules/settle.c", "rules/outcome.c", "rules/digest.c"
ROWS, ROSTER, PERSON, REFERENCE = "rules/rows_judge.c", "rules/roster_view.c", "rules/person.c", "rules/reference.c"

MUTANTS = [
    # ---- rows ----
    Mutant("5 listed twice", "listed-twice-accepted", ROWS, "mark_twice", "entry->is_twice = has_number(entry->key) &&", "entry->is_twice = false &&", "listed twice"),
    Mutant("5 listed twice", "missing-numbers-are-twice", ROWS, "mark_twice", "has_number(entry->key) &&", "", HISTORIES),
    Mutant("5 not on roster", "not-on-roster-accepted", ROWS, "judge_number", "holder->found == ROSTER_UNKNOWN", "false", "not on the roster"),
    Mutant("5 not in campaign", "later-member-accepted", ROWS, "judge_number", "holder->found == ROSTER_LATER", "false", "a later member"),
    Mutant("5 not in campaign", "later-member-told-as-unknown", ROWS, "judge_number", '"not-in-campaign"', '"not-on-roster"', "a later member"),
    Mutant("6 number corrected", "corrected-number-accepted", ROWS, "judge_number", "holder->found == ROSTER_CORRECTED", "false", "number corrected"),
    Mutant("6 number corrected", "corrected-number-told-as-unknown", ROWS, "judge_number", '"number-corrected"', '"not-on-roster"', "number corrected"),
    Mutant("5 malformed", "malformed-refused-on-roster", ROWS, "judge_number", "bad != NULL && holder->found == ROSTER_HOLDS", "false", "malformed, but on the roster"),
    Mutant("5 malformed", "malformed-also-not-on-roster", ROWS, "judge_number", "note(findings, true, &finding); return;", "note(findings, true, &finding);", HISTORIES),
    Mutant("5 reasons", "unknown-reason-accepted", ROWS, "judge_entry", "!reference_has_reason(judging->reference, failing->reason)", "false", "unknown reason"),
    Mutant("5 reasons", "missing-reason-unknown", ROWS, "judge_entry", "failing->reason[0] != '\\0' &&", "", HISTORIES),
    Mutant("1 order", "unsorted-list-accepted", ROWS, "add_entry", "index > 0 && id_key_compare(entry[-1].key, key) > 0", "false", HISTORIES),
    Mutant("1 order", "equal-neighbours-unsorted", ROWS, "add_entry", "id_key_compare(entry[-1].key, key) > 0", "id_key_compare(entry[-1].key, key) >= 0", HISTORIES),
    Mutant("1 order", "chunks-not-ascending-accepted", ROWS, "check_chunk_order", "has_before &&", "false &&", "chunks not ascending"),
    Mutant("1 order", "equal-chunks-unsorted", ROWS, "check_chunk_order", "id_key_compare(lowest, before) < 0", "id_key_compare(lowest, before) <= 0", "listed twice, in two chunks"),
    Mutant("1 order", "not-sorted-told-as-rows", ROWS, "row_code", "!judging->is_sorted", "false", "chunks not ascending"),
    Mutant("5 list mode", "missing-member-accepted", ROWS, "check_whole", "judging->submission->mode == EVENT_MODE_LIST &&", "false &&", "list with a gap"),
    Mutant("5 list mode", "missing-in-import-mode", ROWS, "check_whole", "judging->submission->mode == EVENT_MODE_LIST &&", "", "one chunk"),
    Mutant("5 list mode", "missing-although-unsorted", ROWS, "check_whole", "judging->is_sorted &&", "", HISTORIES),
    Mutant("5 total", "wrong-total-accepted", ROWS, "check_whole", "is_equal ||", "true ||", "wrong total"),
    Mutant("5 total", "wrong-total-told-as-rows", ROWS, "row_code", "is_total_alone ?", "false ?", "wrong total"),
    Mutant("6 holder changed", "changed-holder-accepted", ROWS, "judge_name", "holder->has_changed_holder && !is_match", "false", "swapped"),
    Mutant("6 holder changed", "changed-holder-although-named", ROWS, "judge_name", "holder->has_changed_holder && !is_match", "holder->has_changed_holder", "swapped, named"),
    Mutant("6 holder changed", "any-name-for-a-changed-holder", ROWS, "judge_name", "holder->has_changed_holder && !is_match", "holder->has_changed_holder && !is_named(failing)", "swapped, the other named"),
    Mutant("6 names", "differing-name-not-told", ROWS, "judge_name", 'note_code(findings, false, entry, "name-differs")', "return", "name differs"),
    Mutant("6 names", "differing-name-refused", ROWS, "judge_name", "note_code(findings, false, entry,", "note_code(findings, true, entry,", "name differs"),
    Mutant("6 names", "empty-roster-name-differs", ROWS, "judge_name", "holder->member.name[0] == '\\0' ||", "", "name of the roster is empty"),
    Mutant("6 names", "dots-differ", PERSON, "one_dot", "return 0x00B7", "return code_point", "name with another dot"),
    Mutant("6 names", "full-width-differs", PERSON, "plain", "code_point <= 0xFF5E", "code_point < 0xFF01", "name in full width"),
    Mutant("6 names", "case-differs", PERSON, "plain", "code_point + ('a' - 'A')", "code_point", "name in full width"),
    Mutant("5 spreadsheet", "cut-number-names-nobody", ROWS, "truncated_member", "is_one ? member.member_no : NULL", "is_one ? NULL : NULL", "cut by a spreadsheet"),
    # ---- the roster as of a time ----
    Mutant("6 as of completion", "changes-from-the-next-moment", ROSTER, "changes_until", "roster->changes[middle].at_ms <= at_ms", "roster->changes[middle].at_ms < at_ms", "new number"),
    Mutant("6 as of completion", "changes-never-seen", ROSTER, "roster_view_make", ".changes_seen = changes_until(roster, at_ms)", ".changes_seen = 0", "new number"),
    Mutant("6 as of completion", "changes-seen-too-early", ROSTER, "roster_view_make", ".changes_seen = changes_until(roster, at_ms)", ".changes_seen = roster->change_count", "new number too early"),
    Mutant("6 as of completion", "view-serves-every-time", ROSTER, "roster_view_serves", "|| view->changes_seen != changes_until(roster, at_ms)", "", HISTORIES),
    Mutant("6 as of completion", "old-number-still-holds", ROSTER, "roster_find", "was_held && !is_skipped(view, at_opening.enrolment)", "was_held", "number corrected"),
    Mutant("6 holder changed", "no-holder-ever-changed", ROSTER, "roster_find", "was_held && at_opening.enrolment != holder.member.enrolment", "false", "swapped"),
    Mutant("6 holder changed", "own-new-name-is-a-new-holder", ROSTER, "roster_find", "was_held && at_opening.enrolment != holder.member.enrolment", "was_held", "name of before"),
    Mutant("6 number corrected", "corrected-before-later-member", ROSTER, "roster_find", "later == LATER_NOW", "false", "to a later member"),
    Mutant("5 not in campaign", "later-member-before-enrolment", ROSTER, "find_later", "later[low].from_ms > view->at_ms", "false", "a later member too early"),
    Mutant("6 roster changed", "change-back-counts", ROSTER, "is_different", "!id_key_equal(first->was_key, last->key) || strcmp(first->was_name, last->name) != 0", "first != NULL && last != NULL", "comes back"),
    Mutant("6 roster changed", "name-does-not-count", ROSTER, "is_different", "|| strcmp(first->was_name, last->name) != 0", "", "whose name changes"),
    Mutant("6 roster changed", "number-does-not-count", ROSTER, "is_different", "!id_key_equal(first->was_key, last->key) ||", "", "whose number is swapped"),
    Mutant("6 roster changed", "earlier-changes-count", ROSTER, "roster_compare", "from = changes_until(roster, after_ms)", "from = changes_until(roster, after_ms) * 0", "behind the change"),
    Mutant("5 list mode", "moved-member-twice-in-the-roster", ROSTER, "peek_block", "!is_skipped(walk->view, member->enrolment)", "true", HISTORIES),
    # ---- who decides ----
    Mutant("3 self-review", "blanks-make-another-person", PERSON, "person_accounts_match", "first_gap != second_gap", "strcmp(a, b) != 0", "submitted by"),
    Mutant("3 self-review", "inner-blanks-do-not-count", PERSON, "person_accounts_match", "|| first_gap != second_gap", "", "submitted by LiNa"),
    Mutant("6 reviewers", "reviewer-for-ever", REFERENCE, "reference_has_reviewer", "is_within(at_ms, terms[low].from_ms, terms[low].until_ms)", "terms[low].from_ms <= at_ms", "by a reviewer of before"),
    Mutant("6 reviewers", "reviewer-too-early", REFERENCE, "reference_has_reviewer", "is_within(at_ms, terms[low].from_ms, terms[low].until_ms)", "at_ms < terms[low].until_ms", "by a reviewer of later"),
    Mutant("6 reviewers", "reviewer-of-any-superior", REFERENCE, "compare_reviewer", "order != 0 ? order : strcmp(term->superior, superior)", "(void)superior, order", HISTORIES),
    Mutant("6 superiors", "first-superior-for-ever", REFERENCE, "superior_at", "is_within(at_ms, terms[i].from_ms, terms[i].until_ms)", "at_ms >= 0", "by the new one"),
    Mutant("1 limits", "limit-of-the-beginning", REFERENCE, "limit_at", "terms[i].kind == kind && is_within(at_ms, terms[i].from_ms, terms[i].until_ms)", "terms[i].kind == kind && at_ms >= terms[i].from_ms", "after the limit was raised"),
    Mutant("1 limits", "limit-of-any-kind", REFERENCE, "limit_at", "terms[i].kind == kind &&", "", HISTORIES),
    Mutant("6 campaign", "closing-included", REFERENCE, "is_within", "at_ms < until_ms", "at_ms <= until_ms", "late"),
    Mutant("6 campaign", "opening-excluded", REFERENCE, "is_within", "from_ms <= at_ms", "from_ms < at_ms", "one chunk / approved"),
    # ---- what is taken: units, identities, chunks, limits ----
    Mutant("1 unknown unit", "unit-known-before-it-came", TAKE, "is_unit_known", "review->created_ms <= at_ms &&", "at_ms > 0 &&", "known from phase 1"),
    Mutant("1 unknown unit", "unit-known-a-moment-late", TAKE, "is_unit_known", "review->created_ms <= at_ms", "review->created_ms < at_ms", "known from phase 1"),
    Mutant("2 refused events", "dead-letter-not-answered", TAKE, "answer", "|| outcome_event_refused(desk, event)", "|| event != NULL", "review broken"),
    Mutant("2 refused events", "unknown-unit-answered", TAKE, "answer", "!is_unit_known(desk->review, event->append_ms) ||", "", "never known"),
    Mutant("2 identity", "unit-review-reused-accepted", UNIT_REVIEW, "unit_review_take", "!desk_is_same_content(known->content_sha256, event->event)", "false", "review reused"),
    Mutant("2 identity", "unit-review-of-another-source-serves", UNIT_REVIEW, "unit_review_find", "struct lookup_probe probe =", "for (size_t i = 0; i < desk->review->unit_review_count; i++) if (strcmp(desk->review->unit_reviews[i].id, id) == 0) { *found = &desk->review->unit_reviews[i]; return true; } struct lookup_probe probe =", "review elsewhere"),
    Mutant("1 unit reviews", "unit-review-outside-campaign", UNIT_REVIEW, "refusal", "campaign_is_open(desk->campaign, event->append_ms)", "true", "review late"),
    Mutant("1 unit reviews", "bad-profile-accepted", UNIT_REVIEW, "refusal", "event->event->refusal", "NULL", "bad review"),
    Mutant("1 limits", "unit-reviews-without-limit", UNIT_REVIEW, "unit_review_take", "review->counted[LIMIT_UNIT_REVIEWS] >= most", "false", "one review too many"),
    Mutant("1 limits", "one-unit-review-too-few", UNIT_REVIEW, "unit_review_take", "review->counted[LIMIT_UNIT_REVIEWS] >= most", "review->counted[LIMIT_UNIT_REVIEWS] + 1 >= most", "at most 1 unit-reviews"),
    Mutant("1 limits", "rejected-unit-reviews-do-not-count", UNIT_REVIEW, "store", "review->counted[LIMIT_UNIT_REVIEWS]++", "review->counted[LIMIT_UNIT_REVIEWS] += stored->code == NULL", "the rejected one counts"),
    Mutant("1 limits", "submissions-without-limit", SUBMISSION, "is_limit_reached", "review->counted[LIMIT_SUBMISSIONS] >= limit_at(review->limits, review->limit_count, LIMIT_SUBMISSIONS, at_ms)", "review == NULL && at_ms > 0", "one submission too many"),
    Mutant("1 limits", "later-chunk-too-many", SUBMISSION, "chunk_take", "if (submission == NULL) return", "if (submission == NULL || is_limit_reached(desk->review, event->append_ms)) return", "a later chunk is none"),
    Mutant("1 limits", "submission-not-counted", SUBMISSION, "begin", "review->counted[LIMIT_SUBMISSIONS]++;", "", "one submission too many"),
    Mutant("2 identity", "chunk-reused-accepted", SUBMISSION, "chunk_take", "known != NULL && !desk_is_same_content(known->content_sha256, sent)", "false", "chunk's id reused"),
    Mutant("2 identity", "repeat-uses-up-nothing", SUBMISSION, "repeat", "return learn(desk, sent->source, sent->id, sent->content_sha256, 0, 0);", "review->repeat_count--; return true;", "id of a repeat"),
    Mutant("2 identity", "repeats-forgotten-later", SUBMISSION, "build_chunks", "i < review->repeat_count", "i < 0", "id of a repeat"),
    Mutant("1 chunks", "contradicting-chunk-accepted", SUBMISSION, "chunk_take", "!is_same_header(submission, sent)", "false", "chunk contradicts"),
    *(Mutant("1 chunks", f"header-without-{name}", SUBMISSION, "is_same_header", text, "true", HISTORIES) for name, text in {
        "source": "strcmp(submission->source, sent->source) == 0", "unit-review": "strcmp(submission->unit_review, sent->unit_review) == 0",
        "mode": "submission->mode == sent->mode", "submitter": "strcmp(submission->submitted_by, sent->submitted_by) == 0",
        "count": "submission->chunk_count == sent->chunks", "total": "submission->entries_total == sent->entries_total"}.items()),
    Mutant("1 chunks", "chunk-differs-ignored", SUBMISSION, "chunk_take", "desk_is_same_content(known->content_sha256, sent) ?", "true ?", "chunk differs"),
    Mutant("1 chunks", "never-complete", SUBMISSION, "take", "submission->received < submission->chunk_count || complete", "submission->received <= submission->chunk_count || complete", "two chunks"),
    Mutant("1 chunks", "place-of-the-first-chunk", SUBMISSION, "complete", "{event->offset, event->append_ms}", "submission->first", "overtaken by the second"),
    Mutant("6 campaign", "last-chunk-may-be-late", SUBMISSION, "take", "submission->is_in_campaign && campaign_is_open(desk->campaign, event->append_ms)", "submission->is_in_campaign", "late second chunk"),
    Mutant("6 as of completion", "rows-as-of-the-first-chunk", SUBMISSION, "judge_rows", "roster_view_make(&desk->view, desk->arena, roster, submission->completed.append_ms)", "roster_view_make(&desk->view, desk->arena, roster, submission->first.append_ms)", "completed behind the correction"),
    Mutant("3 withdrawals", "withdrawn-comes-back", SUBMISSION, "complete", "if (submission->state == SUBMISSION_RECEIVING) submission->state", "submission->state", "two chunks / withdrawn"),
    # ---- decisions ----
    Mutant("2 identity", "decision-reused-accepted", DECISION, "decision_take", "known != NULL && !desk_is_same_content(known->content_sha256, sent)", "false", "approval's id reused"),
    Mutant("3 superior", "superior-of-the-message", DECISION, "authority_of", "superior == NULL || strcmp(superior, sent->superior) != 0", "superior == NULL", "ancestor"),
    Mutant("3 reviewer", "any-reviewer", DECISION, "authority_of", "reference_has_reviewer(desk->reference, sent->reviewer, superior, event->append_ms)", "true", "unknown reviewer"),
    Mutant("3 campaign", "decision-outside-campaign", DECISION, "refusal_at_once", "campaign_is_open(desk->campaign, event->append_ms)", "true", "approved too late"),
    Mutant("1 limits", "decisions-without-limit", DECISION, "decision_take", "is_counted && review->counted[LIMIT_DECISIONS] >= most", "false", "one decision too many"),
    Mutant("1 limits", "strangers-decisions-too-many", DECISION, "decision_take", "is_counted && review->counted[LIMIT_DECISIONS] >= most", "review->counted[LIMIT_DECISIONS] >= most", "is never too many"),
    Mutant("1 limits", "strangers-decisions-count", DECISION, "decision_take", "review->counted[LIMIT_DECISIONS] += is_counted", "review->counted[LIMIT_DECISIONS]++", "the ancestor does not count"),
    Mutant("1 limits", "withdrawals-without-limit", DECISION, "take_withdrawal", "*count >= most", "false", "one withdrawal too many"),
    Mutant("1 limits", "withdrawals-count-as-decisions", DECISION, "take_withdrawal", "++*count;", "++*count; desk->review->counted[LIMIT_DECISIONS]++;", "withdrawals count by themselves"),
    Mutant("1 limits", "withdrawals-of-all-count-together", DECISION, "find_count", "struct lookup_probe probe =", "if (review->withdrawal_count > 0) { *count = &review->withdrawals[0].count; return true; } struct lookup_probe probe =", "a stranger's withdrawals do not count"),
    Mutant("3 withdrawals", "anybody-withdraws", DECISION, "refusal_of_withdrawal", "strcmp(submission->source, decision->source) != 0", "false", "not yours"),
    Mutant("3 withdrawals", "withdrawn-twice", DECISION, "refusal_of_withdrawal", "is_decided(submission) ?", "false ?", "withdrawn, then withdrawn"),
    Mutant("3 withdrawals", "withdrawal-waits-as-others", DECISION, "decision_is_ready", "decision->kind == DECISION_WITHDRAWN ||", "", "no review / one chunk / withdrawn"),
    Mutant("3 withdrawals", "rejected-not-withdrawn", DECISION, "refusal_of_withdrawal", "is_decided(submission) ?", "is_decided(submission) || submission->state == SUBMISSION_REJECTED ?", "not on the roster / withdrawn"),
    Mutant("3 withdrawals", "withdrawn-keeps-its-digest", DECISION, "close", "submission_forget_rows(submission);", "", "one chunk / withdrawn"),
    Mutant("3 decisions", "decided-before-it-is-pending", DECISION, "decision_is_ready", "submission->state != SUBMISSION_WAITING", "true", "no review / one chunk / approved"),
    Mutant("3 decisions", "decided-twice", DECISION, "refusal_in_place", "if (is_decided(submission)) return", "if (submission->state != SUBMISSION_APPROVED && is_decided(submission)) return", "approved, then returned"),
    Mutant("3 decisions", "rejected-is-approved", DECISION, "refusal_in_place", 'if (submission->state == SUBMISSION_REJECTED) return "not-pending";', "", "not on the roster / approved"),
    Mutant("7 digest", "digest-not-compared", DECISION, "refusal_in_place", "!decision->has_digest || memcmp(decision->digest, submission->digest, STATE_DIGEST_BYTES) != 0", "false", "stale digest"),
    Mutant("3 self-review", "submitter-decides", DECISION, "refusal_in_place", "person_accounts_match(decision->reviewer, submission->submitted_by) ?", "false ?", "self-review"),
    Mutant("3 self-review", "other-writing-is-another-person", DECISION, "refusal_in_place", "person_accounts_match(decision->reviewer, submission->submitted_by)", "strcmp(decision->reviewer, submission->submitted_by) == 0", "submitted by"),
    Mutant("6 roster changed", "roster-changed-not-looked-at", DECISION, "approve", "if (has_changed) return refuse_changed(desk, submission, decision);", "", "whose name changes"),
    Mutant("6 roster changed", "roster-changed-before-the-digest", DECISION, "refusal_in_place", "!decision->has_digest || memcmp(decision->digest, submission->digest, STATE_DIGEST_BYTES) != 0", "decision->kind == DECISION_RETURNED && memcmp(decision->digest, submission->digest, STATE_DIGEST_BYTES) != 0", "stale behind the change"),
    Mutant("6 roster changed", "submission-stays-pending", DECISION, "refuse_changed", 'decide(submission, SUBMISSION_REJECTED,', 'decide(submission, SUBMISSION_PENDING,', "approved in phase 1"),
    Mutant("6 roster changed", "submission-not-told", DECISION, "refuse_changed", "&& outcome_rejected(desk, submission)", "", "approved in phase 1"),
    Mutant("6 roster changed", "roster-changed-keeps-its-digest", DECISION, "refuse_changed", "submission_forget_rows(submission);", "", "approved in phase 1"),
    Mutant("6 roster changed", "returned-looks-at-the-roster", DECISION, "decision_judge", "decision->kind == DECISION_APPROVED ? approve(desk, submission, decision)", "decision->kind != DECISION_WITHDRAWN ? approve(desk, submission, decision)", "returned in phase"),
    Mutant("6 roster changed", "whoever-changed-counts", DECISION, "has_roster_changed", "*has_changed = roster_differs(&difference, submission->failing[i].enrolment);", "*has_changed = true;", "of nobody who changes"),
    Mutant("4 profile", "profile-unchanged", DECISION, "approve", "unit_review != NULL && has_changes(&unit_review->profile)", "false", "reviewed / one chunk / approved"),
    # ---- the queue ----
    Mutant("2 queue", "reviewed-twice-a-year", SETTLE, "judge_head", "if (settling->is_approved) return", "if (false) return", "both approved"),
    Mutant("2 queue", "approval-forgotten-later", SETTLE, "judge_line", "settling->is_approved || submission->state == SUBMISSION_APPROVED", "settling->is_approved", "both approved"),
    Mutant("2 queue", "campaign-not-looked-at", SETTLE, "judge_head", "!submission->is_in_campaign || desk->campaign == NULL ||", "desk->campaign == NULL ||", "late second chunk"),
    Mutant("2 queue", "absent-unit-review-rejects", SETTLE, "judge_head", "if (unit_review == NULL) return true;", 'if (unit_review == NULL) return reject(desk, submission, "unit-review-rejected");', "no review / one chunk"),
    Mutant("2 queue", "rejected-unit-review-serves", SETTLE, "judge_head", "unit_review->verdict == VERDICT_REJECTED", "false", "bad review / one chunk"),
    Mutant("2 queue", "row-errors-not-looked-at", SETTLE, "judge_head", "submission->row_code != NULL", "false", "not on the roster"),
    Mutant("2 queue", "two-pending-at-once", SETTLE, "move_queue", "if (is_queued(submission)) break;", "", "two submissions"),
    Mutant("2 queue", "latest-first", SETTLE, "compare_submissions", "compare_offsets(submissions[places->list[a]].completed.offset, submissions[places->list[b]].completed.offset)", "compare_offsets(submissions[places->list[b]].completed.offset, submissions[places->list[a]].completed.offset)", "two submissions"),
    Mutant("2 queue", "one-head-a-time", SETTLE, "move_queue", "if (is_queued(submission)) break;", "break;", "a rejected one, then a good one"),
    Mutant("3 decisions", "decisions-last-first", SETTLE, "compare_decisions", "compare_offsets(decisions[places->list[a]].place.offset, decisions[places->list[b]].place.offset)", "compare_offsets(decisions[places->list[b]].place.offset, decisions[places->list[a]].place.offset)", "approved, then returned"),
    Mutant("3 decisions", "decisions-not-in-line", SETTLE, "judge_line", "if (!decision_is_ready(submission, decision)) break;", "if (!decision_is_ready(submission, decision)) { *first = settling->next[*first - 1]; continue; }", "approved, then withdrawn"),
    # ---- the digest and what is told ----
    Mutant("7 digest", "digest-without-salt", DIGEST, "digest_fill", "out_bytes(out, desk->campaign->salt, desk->campaign->salt_bytes);", "", "one chunk / approved"),
    Mutant("7 digest", "digest-without-profile", DIGEST, "digest_fill", "write_profile(out, profile)", "write_profile(out, &(struct event_profile){.name = NULL})", "reviewed / one chunk / approved"),
    Mutant("7 digest", "digest-without-member-no", ROWS, "write_failed", 'out_key_text(out, "member_no", member->member_no);', "", "one chunk / approved"),
    Mutant("7 digest", "digest-without-name", ROWS, "write_failed", 'out_key_text(out, "name", member->name);', "", "one chunk / approved"),
    Mutant("7 digest", "digest-without-reason", ROWS, "write_failed", 'out_key_text(out, "reason", reason);', "", "one chunk / approved"),
    Mutant("4 approval", "removed-not-counted", OUTCOME, "outcome_completed", 'out_key_int(out, "removed_total", submission->failed);', 'out_key_int(out, "removed_total", 0);', "one chunk / approved"),
    Mutant("2 outcomes", "id-without-type", OUTCOME, "end", "out_raw(desk->out, type);", "", "one chunk / approved"),
    Mutant("2 outcomes", "warnings-not-told", OUTCOME, "outcome_unit_review", "write_notes(out, event->notes, event->note_count)", "write_notes(out, event->notes, 0)", "unknown field"),
]
