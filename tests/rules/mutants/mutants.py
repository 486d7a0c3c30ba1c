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
]
