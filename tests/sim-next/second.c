#include "tests/sim-next/second.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim-next/kept.h"
#include "tests/sim-next/upstream.h"
#include "tests/sim-next/world.h"

enum { LIST_MAX = SIM_OFFSETS_MAX, ROWS_MAX = SENSE_CHUNKS_MAX * SENSE_ENTRIES_MAX };

struct paper { /* one submission */
    const struct sim_record *chunks[SENSE_CHUNKS_MAX]; /* by number */
    const struct sim_record *first, *last; /* last: what completed it, else NULL */
    int received;
    bool is_in_campaign;
    const char *state;
    int64_t failing[ROWS_MAX];
    size_t failing_count;
};

static struct {
    const struct world_unit *unit;
    int year;
    const struct campaign *campaign; /* NULL: none */
    const struct sim_record *used[TOPIC_INPUTS][LIST_MAX]; /* identities */
    size_t used_count[TOPIC_INPUTS];
    const struct sim_record *unit_reviews[LIST_MAX];
    size_t unit_review_count;
    struct paper papers[LIST_MAX];
    size_t paper_count;
    struct paper *queue[LIST_MAX]; /* in the order of completion */
    size_t queued;
    const struct sim_record *decisions[LIST_MAX]; /* that were not refused at once */
    size_t decision_count;
    int counted; /* decisions */
    bool is_approved;
} desk;

static bool same(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

static bool is_open(const struct sim_record *record)
{
    return desk.campaign != NULL && record->append_ms >= desk.campaign->opens_ms && record->append_ms < desk.campaign->closes_ms;
}

static int limit(enum limit_kind kind, int64_t at_ms)
{
    for (size_t i = 0; i < desk.unit->limit_count; i++) {
        const struct limit_term *term = &desk.unit->limits[i];
        if (term->kind == kind && term->from_ms <= at_ms && at_ms < term->until_ms) return term->most;
    }
    return REFERENCE_LIMIT_DEFAULT;
}

/* ---- identities: the same id again is a duplicate or refused; both are without effect ---- */

static bool is_used(const struct sim_record *record)
{
    for (size_t i = 0; i < desk.used_count[record->topic]; i++) {
        const struct sense *other = desk.used[record->topic][i]->sense;
        if (same(other->source, record->sense->source) && same(other->id, record->sense->id)) return true;
    }
    return false;
}

static void use_up(const struct sim_record *record)
{
    desk.used[record->topic][desk.used_count[record->topic]++] = record;
}

/* ---- taking in ---- */

static void unit_review_take(const struct sim_record *record)
{
    if ((int)desk.unit_review_count >= limit(LIMIT_UNIT_REVIEWS, record->append_ms)) return;
    use_up(record);
    desk.unit_reviews[desk.unit_review_count++] = record;
}

static struct paper *paper_find(const char *name)
{
    for (size_t i = 0; i < desk.paper_count; i++)
        if (same(desk.papers[i].first->sense->submission, name)) return &desk.papers[i];
    return NULL;
}

static bool has_same_header(const struct sense *a, const struct sense *b)
{
    return same(a->source, b->source) && same(a->unit_review, b->unit_review) && same(a->submitted_by, b->submitted_by) &&
           a->is_list == b->is_list && a->chunks == b->chunks && a->entries_total == b->entries_total;
}

static void chunk_take(const struct sim_record *record)
{
    const struct sense *sense = record->sense;
    struct paper *paper = paper_find(sense->submission);
    if (paper == NULL) {
        if ((int)desk.paper_count >= limit(LIMIT_SUBMISSIONS, record->append_ms)) return;
        paper = &desk.papers[desk.paper_count++];
        *paper = (struct paper){.first = record, .is_in_campaign = true, .state = "receiving"};
    }
    if (!has_same_header(paper->first->sense, sense)) return;
    if (paper->chunks[sense->chunk - 1] != NULL) { /* the same again uses up its id */
        if (same(paper->chunks[sense->chunk - 1]->value, record->value)) use_up(record);
        return;
    }
    use_up(record);
    paper->chunks[sense->chunk - 1] = record;
    paper->is_in_campaign = paper->is_in_campaign && is_open(record);
    if (++paper->received < sense->chunks) return;
    paper->last = record;
    paper->state = "waiting";
    desk.queue[desk.queued++] = paper;
}

static bool is_by_the_right_one(const struct sim_record *record)
{
    const struct sense *sense = record->sense;
    bool is_superior = false, is_reviewer = false;
    for (size_t i = 0; i < desk.unit->superior_count; i++) {
        const struct superior_term *term = &desk.unit->superiors[i];
        is_superior = is_superior ||
                      (same(term->superior, sense->superior) && term->from_ms <= record->append_ms && record->append_ms < term->until_ms);
    }
    for (int i = 0; i < 4; i++) {
        const struct reviewer_term *term = &world_data.reviewers[i];
        is_reviewer = is_reviewer || (same(term->superior, sense->superior) && same(term->reviewer, sense->reviewer) &&
                                      term->from_ms <= record->append_ms && record->append_ms < term->until_ms);
    }
    return is_superior && is_reviewer;
}

static int withdrawals_of(const char *source)
{
    int count = 0;
    for (size_t i = 0; i < desk.used_count[TOPIC_APPROVAL]; i++) {
        const struct sense *sense = desk.used[TOPIC_APPROVAL][i]->sense;
        count += sense->type == EVENT_REVIEW_WITHDRAWN && same(sense->source, source);
    }
    return count;
}

static void decision_take(const struct sim_record *record)
{
    bool is_withdrawal = record->sense->type == EVENT_REVIEW_WITHDRAWN;
    bool is_right = !is_withdrawal && is_by_the_right_one(record);
    int most = limit(LIMIT_DECISIONS, record->append_ms);
    if (is_withdrawal ? withdrawals_of(record->sense->source) >= most : is_right && desk.counted >= most) return;
    use_up(record);
    desk.counted += is_right;
    if (is_open(record) && (is_withdrawal || is_right)) desk.decisions[desk.decision_count++] = record;
}

static void take(const struct sim_record *record)
{
    if (record->sense == NULL || record->sense->year != desk.year || !same(record->sense->unit, desk.unit->code)) return;
    if (desk.unit->created_ms > record->append_ms || is_used(record)) return;
    if (record->topic == TOPIC_UNIT_REVIEW) unit_review_take(record);
    if (record->topic == TOPIC_MEMBER_REVIEW) chunk_take(record);
    if (record->topic == TOPIC_APPROVAL) decision_take(record);
}

/* ---- rows ---- */

struct line { /* one entry */
    char number[32];
    const struct sense_entry *failed; /* NULL: it passed */
    int chunk;
};

static size_t lines_of(const struct paper *paper, struct line lines[2 * ROWS_MAX])
{
    size_t count = 0;
    for (int i = 0; i < paper->received; i++) {
        const struct sense *sense = paper->chunks[i]->sense;
        for (size_t k = 0; k < sense->failed_count + sense->passed_count; k++) {
            struct line *line = &lines[count++];
            const char *number = k < sense->failed_count ? sense->failed[k].number : sense->passed[k - sense->failed_count];
            while (*number == ' ') number++;
            *line = (struct line){.failed = k < sense->failed_count ? &sense->failed[k] : NULL, .chunk = i};
            snprintf(line->number, sizeof line->number, "%s", number);
        }
    }
    return count;
}

static bool is_sorted(const struct line *lines, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < i; k++) {
            bool is_one_list = lines[i].chunk == lines[k].chunk && (lines[i].failed != NULL) == (lines[k].failed != NULL);
            if ((is_one_list || lines[k].chunk < lines[i].chunk) && strcmp(lines[k].number, lines[i].number) > 0) return false;
        }
    return true;
}

static bool has_number(struct roster_member member, const char *number)
{
    char text[ID_KEY_TEXT_BYTES];
    id_key_write(member.key, text);
    return same(text, number);
}

/* NULL: nobody has that number then. */
static const struct roster_member *holder(const char *number, int64_t at_ms)
{
    static struct roster_member found;
    for (size_t i = 0; i < desk.unit->member_count; i++) {
        found = world_member_at(desk.unit, i, at_ms);
        if (has_number(found, number)) return &found;
    }
    return NULL;
}

static bool is_reason(const char *reason)
{
    for (int i = 0; i < 3; i++)
        if (reason != NULL && same(reason, world_data.reasons[i])) return true;
    return false;
}

/* Whoever has a number that was another's when the campaign opened is to be named. */
static bool is_named(const struct line *line, const struct roster_member *member)
{
    for (size_t i = 0; i < desk.unit->member_count; i++) {
        if (!has_number(desk.unit->members[i], line->number) || desk.unit->members[i].enrolment == member->enrolment) continue;
        return line->failed->name != NULL && (member->name[0] == '\0' || same(line->failed->name, member->name));
    }
    return true;
}

static bool are_rows_valid(struct paper *paper)
{
    struct line lines[2 * ROWS_MAX];
    size_t count = lines_of(paper, lines);
    int64_t at_ms = paper->last->append_ms;
    paper->failing_count = 0;
    for (size_t i = 0; i < count; i++) {
        const struct roster_member *member = holder(lines[i].number, at_ms);
        for (size_t k = 0; k < i; k++)
            if (same(lines[i].number, lines[k].number)) return false;
        if (member == NULL) return false;
        if (lines[i].failed == NULL) continue;
        if (!is_reason(lines[i].failed->reason) || !is_named(&lines[i], member)) return false;
        paper->failing[paper->failing_count++] = member->enrolment;
    }
    bool is_whole = !paper->first->sense->is_list || count == desk.unit->member_count;
    return is_whole && is_sorted(lines, count) && (int)count == paper->first->sense->entries_total;
}

/* ---- the queue ---- */

static const struct sim_record *unit_review_of(const struct paper *paper)
{
    const struct sense *sense = paper->first->sense;
    for (size_t i = 0; i < desk.unit_review_count; i++)
        if (same(desk.unit_reviews[i]->sense->source, sense->source) && same(desk.unit_reviews[i]->sense->id, sense->unit_review))
            return desk.unit_reviews[i];
    return NULL;
}

static bool is_decided(const struct paper *paper)
{
    return same(paper->state, "approved") || same(paper->state, "returned") || same(paper->state, "withdrawn");
}

static bool has_roster_changed(const struct paper *paper, int64_t until_ms)
{
    for (size_t i = 0; i < desk.unit->member_count; i++) {
        struct roster_member then = world_member_at(desk.unit, i, paper->last->append_ms), now = world_member_at(desk.unit, i, until_ms);
        for (size_t k = 0; k < paper->failing_count; k++)
            if (paper->failing[k] == then.enrolment && (!id_key_equal(then.key, now.key) || !same(then.name, now.name))) return true;
    }
    return false;
}

static bool is_self(const struct sense *decision, const char *submitted_by)
{
    while (*submitted_by == ' ') submitted_by++;
    return same(decision->reviewer, submitted_by);
}

static void decide(struct paper *paper, const struct sim_record *record)
{
    const struct sense *sense = record->sense;
    if (sense->type == EVENT_REVIEW_WITHDRAWN) {
        if (same(sense->source, paper->first->sense->source) && !is_decided(paper)) paper->state = "withdrawn";
        return;
    }
    if (!same(paper->state, "pending") || !sense->has_true_digest || is_self(sense, paper->first->sense->submitted_by)) return;
    if (sense->type == EVENT_REVIEW_RETURNED) {
        paper->state = "returned";
    } else if (has_roster_changed(paper, record->append_ms)) {
        paper->state = "rejected";
    } else {
        paper->state = "approved";
        desk.is_approved = true;
    }
}

/* A withdrawal with no approval or return before it is judged in any state. */
static void take_back(struct paper *paper)
{
    for (size_t i = 0; i < desk.decision_count; i++) {
        const struct sense *sense = desk.decisions[i]->sense;
        if (!same(sense->submission, paper->first->sense->submission)) continue;
        if (sense->type != EVENT_REVIEW_WITHDRAWN) return;
        decide(paper, desk.decisions[i]);
    }
}

/* False: it stays at the head. */
static bool settle(struct paper *paper)
{
    const struct sim_record *unit_review = unit_review_of(paper);
    if (desk.is_approved || !paper->is_in_campaign) {
        paper->state = "rejected";
    } else if (unit_review == NULL) {
        return false;
    } else {
        bool is_good = is_open(unit_review) && !unit_review->sense->is_bad_profile;
        paper->state = is_good && are_rows_valid(paper) ? "pending" : "rejected";
    }
    for (size_t i = 0; i < desk.decision_count; i++)
        if (same(desk.decisions[i]->sense->submission, paper->first->sense->submission)) decide(paper, desk.decisions[i]);
    return !same(paper->state, "pending");
}

static void judge(void)
{
    for (size_t i = 0; i < desk.paper_count; i++) take_back(&desk.papers[i]);
    for (size_t i = 0; i < desk.queued; i++)
        if (!is_decided(desk.queue[i]) && !settle(desk.queue[i])) return;
}

/* ---- comparing ---- */

static void removals_compare(const struct paper *paper)
{
    const struct kept_removal *list;
    size_t count = kept_removals(&list), found = 0;
    for (size_t i = 0; i < count; i++) {
        if (!same(list[i].unit, desk.unit->code) || !same(list[i].submission, paper->first->sense->submission) || list[i].year != desk.year)
            continue;
        bool is_right = false;
        for (size_t k = 0; k < paper->failing_count; k++) is_right = is_right || paper->failing[k] == list[i].enrolment;
        if (!is_right) sim_wrong("second opinion: %s of %s removes the wrong one", paper->first->sense->submission, desk.unit->code);
        found++;
    }
    if (found != (same(paper->state, "approved") ? paper->failing_count : 0))
        sim_wrong("second opinion: %s of %s removes %zu", paper->first->sense->submission, desk.unit->code, found);
}

static void compare(const struct review *review)
{
    if ((review == NULL ? 0 : review->submission_count) != desk.paper_count)
        sim_wrong("second opinion: %s has %zu submissions in %d", desk.unit->code, desk.paper_count, desk.year);
    for (size_t i = 0; i < desk.paper_count; i++) {
        const char *name = desk.papers[i].first->sense->submission, *state = NULL;
        for (size_t k = 0; k < review->submission_count; k++)
            if (same(review->submissions[k].name, name)) state = submission_state_name(review->submissions[k].state);
        if (state == NULL || !same(state, desk.papers[i].state))
            sim_wrong("second opinion: %s of %s in %d is %s, and the store has %s", name, desk.unit->code, desk.year, desk.papers[i].state,
                      state != NULL ? state : "none");
        removals_compare(&desk.papers[i]);
    }
}

static void unit_check(int unit, int year_index)
{
    int32_t shard = kafka_partition_of(world_data.units[unit].code, strlen(world_data.units[unit].code), SIM_SHARDS);
    memset(&desk.used_count, 0, sizeof desk.used_count);
    desk.unit_review_count = desk.paper_count = desk.queued = desk.decision_count = 0;
    desk.counted = 0;
    desk.is_approved = false;
    desk.unit = &world_data.units[unit];
    desk.year = WORLD_YEAR_FIRST + year_index;
    desk.campaign = year_index < 2 ? &world_data.campaigns[year_index] : NULL;
    for (int topic = 0; topic < TOPIC_INPUTS; topic++)
        for (int64_t offset = 0; offset < broker_end((enum topic_kind)topic, shard); offset++) {
            const struct sim_record *record = broker_record((enum topic_kind)topic, shard, offset);
            if (record != NULL) take(record);
        }
    judge();
    compare(kept_review(unit, year_index));
}

void second_check(void)
{
    for (int unit = 0; unit < WORLD_UNITS - 1; unit++)
        for (int year = 0; year < WORLD_YEARS; year++) unit_check(unit, year);
}
