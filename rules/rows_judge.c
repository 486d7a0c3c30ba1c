/* The rows of a complete submission, judged as a whole against the roster. */
#include <string.h>

#include "core/text.h"
#include "rules/finding.h"
#include "rules/json_write.h"
#include "rules/person.h"
#include "rules/review.h"
#include "rules/rows.h"
#include "rules/sort.h"

enum {
    ENTRY_FINDINGS_MAX = 24, /* of one entry: every code that can meet there once */
    SPREADSHEET_DIGITS = 15, /* that survive in a spreadsheet's cell */
};

struct entry {
    struct id_key key;
    int32_t chunk, index; /* chunk from 0 */
    uint8_t list; /* enum event_list */
    bool is_twice, is_unsorted;
};

struct judging {
    struct arena *arena;
    const struct reference *reference;
    struct roster_view *view;
    struct submission *submission;
    const struct event_rows *const *chunks;
    struct entry *entries; /* as sent: chunk by chunk, failing before passed */
    size_t entry_count;
    const uint32_t *by_key; /* their places */
    bool is_sorted;
    struct findings errors, warnings;
    int32_t found; /* members of the roster who are listed */
    struct failing *failing;
    int32_t failing_count;
    struct json_out failed_json;
};

struct entry_findings { /* of one entry, until they stand in the order of their codes */
    struct finding list[ENTRY_FINDINGS_MAX];
    bool is_error[ENTRY_FINDINGS_MAX];
    size_t count;
};

/* ---- the entries, and their order ---- */

static bool has_number(struct id_key key)
{
    return key.text == NULL || key.text[0] != '\0';
}

static void add_entry(struct judging *judging, struct id_key key, int32_t chunk, enum event_list list, uint32_t index)
{
    struct entry *entry = &judging->entries[judging->entry_count++];
    *entry = (struct entry){.key = key, .chunk = chunk, .index = (int32_t)index, .list = (uint8_t)list};
    entry->is_unsorted = index > 0 && id_key_compare(entry[-1].key, key) > 0;
    judging->is_sorted = judging->is_sorted && !entry->is_unsorted;
}

static bool collect_entries(struct judging *judging)
{
    size_t count = 0, failing = 0;
    for (int32_t c = 0; c < judging->submission->chunk_count; c++) {
        count += judging->chunks[c]->failing_count + judging->chunks[c]->passed_count;
        failing += judging->chunks[c]->failing_count;
    }
    judging->entries = arena_take(judging->arena, count * sizeof *judging->entries);
    judging->failing = arena_take(judging->arena, failing * sizeof *judging->failing);
    if (judging->entries == NULL || judging->failing == NULL) return false;
    for (int32_t c = 0; c < judging->submission->chunk_count; c++) {
        const struct event_rows *rows = judging->chunks[c];
        for (uint32_t i = 0; i < rows->failing_count; i++) add_entry(judging, rows->failing[i].key, c, EVENT_LIST_FAILED, i);
        for (uint32_t i = 0; i < rows->passed_count; i++) add_entry(judging, rows->passed[i], c, EVENT_LIST_PASSED, i);
    }
    return true;
}

static int compare_entries(const void *context, uint32_t a, uint32_t b)
{
    const struct entry *entries = context;
    return id_key_compare(entries[a].key, entries[b].key);
}

/* Equal keys stand in the order in which they were sent: the first one is fine, those behind it are listed twice. */
static bool mark_twice(struct judging *judging)
{
    judging->by_key = sort_places(judging->arena, judging->entry_count, compare_entries, judging->entries);
    if (judging->by_key == NULL) return false;
    for (size_t i = 1; i < judging->entry_count; i++) {
        struct entry *entry = &judging->entries[judging->by_key[i]];
        entry->is_twice = has_number(entry->key) && id_key_equal(judging->entries[judging->by_key[i - 1]].key, entry->key);
    }
    return true;
}

/* ---- what is wrong with one entry ---- */

static void note(struct entry_findings *findings, bool is_error, const struct finding *finding)
{
    size_t at = findings->count;
    if (at == ENTRY_FINDINGS_MAX) return;
    for (; at > 0 && strcmp(findings->list[at - 1].code, finding->code) > 0; at--) {
        findings->list[at] = findings->list[at - 1];
        findings->is_error[at] = findings->is_error[at - 1];
    }
    findings->list[at] = *finding;
    findings->is_error[at] = is_error;
    findings->count++;
}

static struct finding about(const struct entry *entry, const char *code)
{
    return (struct finding){.chunk = entry->chunk + 1,
                            .list = entry->list,
                            .index = entry->index,
                            .code = code,
                            .key = entry->key,
                            .has_number = has_number(entry->key)};
}

static void note_code(struct entry_findings *findings, bool is_error, const struct entry *entry, const char *code)
{
    const struct finding finding = about(entry, code);
    note(findings, is_error, &finding);
}

static void note_member(struct entry_findings *findings, const struct entry *entry, const char *code, const char *member_no)
{
    struct finding finding = about(entry, code);
    finding.member_no = member_no;
    note(findings, true, &finding);
}

/* Whom a number means that a spreadsheet cut to its first fifteen digits: the only member whose number begins with them, else NULL. */
static const char *truncated_member(struct judging *judging, struct id_key key)
{
    char low[ID_KEY_TEXT_BYTES], high[ID_KEY_PACKED_CHARS + 1];
    struct roster_member member = {.member_no = NULL};
    if (id_key_write(key, low) != ID_KEY_PACKED_CHARS || strspn(low, "0123456789") != ID_KEY_PACKED_CHARS) return NULL;
    if (strcmp(low + SPREADSHEET_DIGITS, "000") != 0) return NULL;
    memcpy(high, low, sizeof high);
    memcpy(high + SPREADSHEET_DIGITS, "99X", 3);
    bool is_one = roster_find_only(judging->view, id_key_of(low, ID_KEY_PACKED_CHARS), id_key_of(high, ID_KEY_PACKED_CHARS), &member);
    return is_one ? member.member_no : NULL;
}

static bool is_named(const struct event_failing *failing)
{
    return failing->name != NULL && !text_is_all_blank(failing->name, strlen(failing->name));
}

/* A number that changed its holder since the opening needs the name of the present one. */
static void judge_name(struct entry_findings *findings, const struct entry *entry, const struct event_failing *failing,
                       const struct roster_holder *holder)
{
    bool is_match = is_named(failing) && (holder->member.name[0] == '\0' || person_names_match(failing->name, holder->member.name));
    if (holder->has_changed_holder && !is_match)
        note_member(findings, entry, "holder-changed", holder->member.member_no);
    else if (is_named(failing) && !is_match)
        note_code(findings, false, entry, "name-differs");
}

/* `bad`: what the check of the number found, or NULL. */
static void judge_number(struct judging *judging, struct entry_findings *findings, const struct entry *entry,
                         const struct event_bad_number *bad, const struct roster_holder *holder)
{
    if (bad != NULL && holder->found == ROSTER_HOLDS) {
        note_code(findings, false, entry, "roster-malformed");
        return;
    }
    if (bad != NULL) {
        struct finding finding = about(entry, bad->code);
        finding.masked = bad->masked;
        finding.position = bad->position;
        finding.expected = bad->expected;
        if (strcmp(bad->code, "id-spreadsheet") == 0) finding.member_no = truncated_member(judging, entry->key);
        note(findings, true, &finding);
        return;
    }
    if (holder->found == ROSTER_CORRECTED)
        note_member(findings, entry, "number-corrected", holder->member.member_no);
    else if (holder->found == ROSTER_LATER)
        note_code(findings, true, entry, "not-in-campaign");
    else if (holder->found == ROSTER_UNKNOWN)
        note_member(findings, entry, "not-on-roster", truncated_member(judging, entry->key));
}

static bool note_warnings(struct judging *judging, struct entry_findings *findings, const struct entry *entry, const char *warnings)
{
    while (warnings != NULL && *warnings != '\0') {
        size_t length = strcspn(warnings, ",");
        const char *code = arena_copy(judging->arena, warnings, length);
        if (code == NULL) return false;
        note_code(findings, false, entry, code);
        warnings += length + (warnings[length] == ',');
    }
    return true;
}

/* ---- one entry ---- */

/* The warnings of a failing entry as the reviewer sees them: those of the number, and those that the roster adds. */
static bool join_warnings(struct judging *judging, const struct entry_findings *findings, const char **warnings)
{
    struct json_out out = {.arena = judging->arena};
    *warnings = NULL;
    for (size_t i = 0; i < findings->count; i++) {
        if (findings->is_error[i]) continue;
        if (out.used > 0) out_raw(&out, ",");
        out_raw(&out, findings->list[i].code);
    }
    if (out.used == 0 && !out.is_full) return true;
    *warnings = out_copy(&out);
    return *warnings != NULL;
}

static void write_failed(struct json_out *out, const struct roster_member *member, const char *reason)
{
    char number[ID_KEY_TEXT_BYTES];
    (void)id_key_write(member->key, number);
    if (out->used > 0) out_raw(out, ",");
    out_raw(out, "{");
    out_key_text(out, "id_number", number);
    out_key_text(out, "member_no", member->member_no);
    out_key_text(out, "name", member->name);
    out_key_text(out, "reason", reason);
    out_raw(out, "}");
}

static bool keep_failing(struct judging *judging, const struct entry_findings *findings, const struct event_failing *sent,
                         const struct roster_holder *holder)
{
    if (judging->errors.total > 0) return true; /* the rows are refused */
    struct failing *failing = &judging->failing[judging->failing_count++];
    *failing = (struct failing){.enrolment = holder->member.enrolment, .reason = sent->reason};
    write_failed(&judging->failed_json, &holder->member, sent->reason);
    return findings->count == 0 || join_warnings(judging, findings, &failing->warnings);
}

static bool add_findings(struct judging *judging, const struct entry_findings *findings)
{
    for (size_t i = 0; i < findings->count; i++)
        if (!findings_add(findings->is_error[i] ? &judging->errors : &judging->warnings, judging->arena, &findings->list[i])) return false;
    return true;
}

static bool is_of_number(const struct event_bad_number *bad)
{
    return strncmp(bad->code, "id-", 3) == 0;
}

/* `bad`: the `bad_count` faults of this entry by itself. `failing`: NULL of a passed one. */
static bool judge_entry(struct judging *judging, const struct entry *entry, const struct event_failing *failing,
                        const struct event_bad_number *bad, size_t bad_count)
{
    struct entry_findings findings;
    const struct event_bad_number *number = NULL;
    struct roster_holder holder = {.found = ROSTER_UNKNOWN};

    findings.count = 0;
    for (size_t i = 0; i < bad_count; i++) {
        if (is_of_number(&bad[i]))
            number = &bad[i];
        else
            note_code(&findings, true, entry, bad[i].code);
    }
    if (has_number(entry->key)) holder = roster_find(judging->view, entry->key);
    judging->found += holder.found == ROSTER_HOLDS && !entry->is_twice;
    if (holder.found != ROSTER_HOLDS || number != NULL) judge_number(judging, &findings, entry, number, &holder);
    if (entry->is_twice) note_code(&findings, true, entry, "listed-twice");
    if (entry->is_unsorted) note_code(&findings, true, entry, "not-sorted");
    if (failing == NULL) return add_findings(judging, &findings);
    if (failing->reason[0] != '\0' && !reference_has_reason(judging->reference, failing->reason))
        note_code(&findings, true, entry, "unknown-reason");
    if (holder.found == ROSTER_HOLDS) judge_name(&findings, entry, failing, &holder);
    return note_warnings(judging, &findings, entry, failing->warnings) && add_findings(judging, &findings) &&
           keep_failing(judging, &findings, failing, &holder);
}

/* The entries of a chunk, from place `first` on, beside what is wrong with them by themselves: both by list and index. */
static bool judge_chunk(struct judging *judging, const struct event_rows *rows, size_t first)
{
    size_t count = rows->failing_count + rows->passed_count, bad = 0;
    for (size_t i = 0; i < count; i++) {
        const struct entry *entry = &judging->entries[first + i];
        size_t bad_end = bad;
        while (bad_end < rows->bad_count && rows->bad[bad_end].list == (enum event_list)entry->list &&
               rows->bad[bad_end].index == entry->index)
            bad_end++;
        const struct event_failing *failing = i < rows->failing_count ? &rows->failing[i] : NULL;
        if (!judge_entry(judging, entry, failing, bad_end > bad ? rows->bad + bad : NULL, bad_end - bad)) return false;
        bad = bad_end;
    }
    return true;
}

static bool judge_entries(struct judging *judging)
{
    size_t first = 0;
    for (int32_t c = 0; c < judging->submission->chunk_count; c++) {
        if (!judge_chunk(judging, judging->chunks[c], first)) return false;
        first += judging->chunks[c]->failing_count + judging->chunks[c]->passed_count;
    }
    return true;
}

/* ---- what is wrong with the whole ---- */

/* Each chunk wholly above the one before it that holds anything; equal neighbours are listed twice, which is another matter. */
static bool check_chunk_order(struct judging *judging)
{
    struct id_key lowest = {.packed = 0}, highest = {.packed = 0}, before = {.packed = 0};
    bool has_before = false;
    for (size_t i = 0, first = 0; i < judging->entry_count; i++) {
        const struct entry *entry = &judging->entries[i];
        if (i == first || id_key_compare(entry->key, lowest) < 0) lowest = entry->key;
        if (i == first || id_key_compare(entry->key, highest) > 0) highest = entry->key;
        if (i + 1 < judging->entry_count && entry[1].chunk == entry->chunk) continue;
        if (has_before && id_key_compare(lowest, before) < 0) {
            const struct finding finding = {
                .chunk = entry->chunk + 1, .list = -1, .code = "not-sorted", .key = lowest, .has_number = has_number(lowest)};
            judging->is_sorted = false;
            if (!findings_add(&judging->errors, judging->arena, &finding)) return false;
        }
        before = highest;
        has_before = true;
        first = i + 1;
    }
    return true;
}

static bool add_missing(struct judging *judging, const struct roster_member *member)
{
    const struct finding finding = {
        .list = -1, .code = "not-listed", .key = member->key, .has_number = true, .member_no = member->member_no};
    return findings_add(&judging->errors, judging->arena, &finding);
}

/* List mode: members of the roster who are not listed. Those beyond the first FINDINGS_MAX are not looked for: their number is known. */
static bool check_missing(struct judging *judging)
{
    int32_t missing = judging->view->roster->members - judging->found;
    struct roster_walk walk = {.view = judging->view};
    struct roster_member member = {.enrolment = 0};
    size_t at = 0;
    while (missing > 0 && judging->errors.total < FINDINGS_MAX && roster_walk_next(&walk, &member)) {
        int order = -1;
        for (; at < judging->entry_count; at++) {
            order = id_key_compare(judging->entries[judging->by_key[at]].key, member.key);
            if (order >= 0) break;
        }
        if (order == 0) continue;
        if (!add_missing(judging, &member)) return false;
        missing--;
    }
    judging->errors.total += missing;
    return true;
}

static bool check_whole(struct judging *judging)
{
    if (!check_chunk_order(judging)) return false;
    if (judging->submission->mode == EVENT_MODE_LIST && judging->is_sorted && !check_missing(judging)) return false;
    const struct finding finding = {.list = -1, .code = "total-mismatch"};
    bool is_equal = judging->entry_count == (size_t)judging->submission->entries_total;
    return is_equal || findings_add(&judging->errors, judging->arena, &finding);
}

/* ---- the verdict ---- */

static const char *row_code(const struct judging *judging)
{
    if (judging->errors.total == 0) return NULL;
    if (!judging->is_sorted) return "not-sorted";
    bool is_total_alone = judging->errors.total == 1 && judging->entry_count != (size_t)judging->submission->entries_total;
    return is_total_alone ? "total-mismatch" : "row-errors";
}

static bool conclude(struct judging *judging)
{
    struct submission *submission = judging->submission;
    const struct findings *told = judging->errors.total > 0 ? &judging->errors : &judging->warnings;
    submission->row_code = row_code(judging);
    submission->errors_total = judging->errors.total;
    if (told->total > 0) {
        submission->findings_json = findings_json(told, judging->arena);
        if (submission->findings_json == NULL) return false;
    }
    if (submission->row_code != NULL) return true;
    submission->warnings_total = judging->warnings.total;
    submission->listed = judging->view->roster->members;
    submission->failed = judging->failing_count;
    submission->passed = submission->listed - submission->failed;
    submission->failing = judging->failing;
    submission->has_failing = true;
    submission->failed_json = out_copy(&judging->failed_json);
    return submission->failed_json != NULL;
}

bool rows_judge(struct arena *arena, const struct reference *reference, struct roster_view *view, struct submission *submission,
                const struct event_rows *const *chunks)
{
    struct judging judging = {.arena = arena,
                              .reference = reference,
                              .view = view,
                              .submission = submission,
                              .chunks = chunks,
                              .is_sorted = true,
                              .failed_json = {.arena = arena}};
    return collect_entries(&judging) && mark_twice(&judging) && judge_entries(&judging) && check_whole(&judging) && conclude(&judging);
}
