/* Decisions: what shows at once, then, in the order of the approval topic, what they meet on their submission. */
#include <string.h>

#include "rules/hex.h"
#include "rules/outcome.h"
#include "rules/person.h"

/* ---- taking ---- */

static bool learn(struct desk *desk, const struct decision *decision)
{
    struct known *known = arena_take(desk->arena, sizeof *known);
    if (known == NULL) return false;
    *known = (struct known){decision->source, decision->id, decision->content_sha256, 0, 0};
    return desk_learn(desk, &desk->decisions, known);
}

static bool build(struct desk *desk)
{
    if (desk->decisions.is_built) return true;
    desk->decisions.is_built = true;
    for (size_t i = 0; i < desk->review->decision_count; i++)
        if (!learn(desk, &desk->review->decisions[i])) return false;
    return true;
}

/* The count of a source's withdrawals, made when there is none yet. */
static bool find_count(struct desk *desk, const char *source, int32_t **count)
{
    struct review *review = desk->review;
    uintptr_t place = 0;
    for (size_t i = 0; i < review->withdrawal_count && !desk->sources.is_built; i++)
        if (!lookup_add(&desk->sources, desk->arena, lookup_hash(desk->seed, 0, review->withdrawals[i].source), i)) return false;
    desk->sources.is_built = true;
    struct lookup_probe probe = lookup_start(&desk->sources, lookup_hash(desk->seed, 0, source));
    while (lookup_next(&probe, &place)) {
        *count = &review->withdrawals[place].count;
        if (strcmp(review->withdrawals[place].source, source) == 0) return true;
    }
    struct withdrawal_count *list =
        list_grow(desk->arena, review->withdrawals, review->withdrawal_count, &review->withdrawal_room, sizeof *list);
    if (list == NULL) return false;
    review->withdrawals = list;
    list[review->withdrawal_count] = (struct withdrawal_count){source, 0};
    *count = &list[review->withdrawal_count].count;
    return lookup_add(&desk->sources, desk->arena, lookup_hash(desk->seed, 0, source), review->withdrawal_count++);
}

enum authority { AUTHORITY_GIVEN, AUTHORITY_WRONG_SUPERIOR, AUTHORITY_UNKNOWN_REVIEWER };

/* The superior is the unit's own then, never taken from the message alone. */
static enum authority authority_of(const struct desk *desk, const struct review_event *event)
{
    const struct event *sent = event->event;
    const char *superior = superior_at(desk->review->superiors, desk->review->superior_count, event->append_ms);
    if (superior == NULL || strcmp(superior, sent->superior) != 0) return AUTHORITY_WRONG_SUPERIOR;
    return reference_has_reviewer(desk->reference, sent->reviewer, superior, event->append_ms) ? AUTHORITY_GIVEN
                                                                                               : AUTHORITY_UNKNOWN_REVIEWER;
}

static const char *refusal_at_once(const struct desk *desk, const struct review_event *event, enum authority authority)
{
    static const char *const codes[] = {NULL, "wrong-superior", "unknown-reviewer"};
    return campaign_is_open(desk->campaign, event->append_ms) ? codes[authority] : "campaign-closed";
}

static void read_digest(struct decision *decision, const char *text)
{
    static const char prefix[] = "sha256:";
    decision->digest_text = text;
    if (text == NULL || strncmp(text, prefix, sizeof prefix - 1) != 0) return;
    decision->has_digest = hex_read(text + sizeof prefix - 1, decision->digest, STATE_DIGEST_BYTES);
    if (!decision->has_digest) memset(decision->digest, 0, sizeof decision->digest);
}

static enum decision_kind kind_of(const struct event *sent)
{
    if (sent->type == EVENT_REVIEW_APPROVED) return DECISION_APPROVED;
    return sent->type == EVENT_REVIEW_RETURNED ? DECISION_RETURNED : DECISION_WITHDRAWN;
}

static bool store(struct desk *desk, const struct review_event *event, bool is_counted, const char *code)
{
    struct review *review = desk->review;
    const struct event *sent = event->event;
    struct decision *list = list_grow(desk->arena, review->decisions, review->decision_count, &review->decision_room, sizeof *list);
    if (list == NULL) return false;
    review->decisions = list;
    struct decision *decision = &list[review->decision_count++];
    *decision = (struct decision){.source = sent->source,
                                  .id = sent->id,
                                  .submission = sent->submission,
                                  .place = {event->offset, event->append_ms},
                                  .kind = kind_of(sent),
                                  .superior = sent->superior,
                                  .reviewer = sent->reviewer,
                                  .submitted_by = sent->submitted_by,
                                  .comment = sent->comment,
                                  .is_counted = is_counted,
                                  .is_new = true};
    memcpy(decision->content_sha256, sent->content_sha256, EVENT_SHA256_BYTES);
    read_digest(decision, sent->digest);
    return learn(desk, decision) && (code == NULL || decision_reject(desk, decision, code));
}

static bool take_withdrawal(struct desk *desk, struct review_event *event, int32_t most)
{
    int32_t *count = NULL;
    if (!find_count(desk, event->event->source, &count)) return false;
    if (*count >= most) return take_dead_letter(desk, event, "too-many");
    ++*count;
    return store(desk, event, false, refusal_at_once(desk, event, AUTHORITY_GIVEN));
}

bool decision_take(struct desk *desk, struct review_event *event)
{
    struct review *review = desk->review;
    const struct event *sent = event->event;
    if (!build(desk)) return false;
    const struct known *known = desk_known(desk, &desk->decisions, sent->source, sent->id);
    if (known != NULL && memcmp(known->content_sha256, sent->content_sha256, EVENT_SHA256_BYTES) != 0)
        return take_dead_letter(desk, event, "identity-reused");
    if (known != NULL) {
        take_duplicate(event);
        return true;
    }
    int32_t most = limit_at(review->limits, review->limit_count, LIMIT_DECISIONS, event->append_ms);
    if (sent->type == EVENT_REVIEW_WITHDRAWN) return take_withdrawal(desk, event, most);
    enum authority authority = authority_of(desk, event);
    bool is_counted = authority == AUTHORITY_GIVEN;
    if (is_counted && review->counted[LIMIT_DECISIONS] >= most) return take_dead_letter(desk, event, "too-many");
    review->counted[LIMIT_DECISIONS] += is_counted;
    return store(desk, event, is_counted, refusal_at_once(desk, event, authority));
}

/* ---- judging ---- */

static void judge(struct decision *decision, const char *code)
{
    decision->verdict = code == NULL ? VERDICT_ACCEPTED : VERDICT_REJECTED;
    decision->code = code;
    decision->is_changed = !decision->is_new;
}

bool decision_reject(struct desk *desk, struct decision *decision, const char *code)
{
    judge(decision, code);
    return outcome_decision_rejected(desk, decision);
}

static bool is_decided(const struct submission *submission)
{
    return submission->state == SUBMISSION_APPROVED || submission->state == SUBMISSION_RETURNED ||
           submission->state == SUBMISSION_WITHDRAWN;
}

/* A withdrawal is judged in any state; an approval or a return waits until the submission is pending or settled. */
bool decision_is_ready(const struct submission *submission, const struct decision *decision)
{
    return decision->kind == DECISION_WITHDRAWN || (submission->state != SUBMISSION_RECEIVING && submission->state != SUBMISSION_WAITING);
}

static const char *refusal_of_withdrawal(const struct submission *submission, const struct decision *decision)
{
    if (strcmp(submission->source, decision->source) != 0) return "not-yours";
    return is_decided(submission) ? "already-decided" : NULL;
}

static const char *refusal_in_place(const struct submission *submission, const struct decision *decision)
{
    if (decision->kind == DECISION_WITHDRAWN) return refusal_of_withdrawal(submission, decision);
    if (is_decided(submission)) return "already-decided";
    if (submission->state == SUBMISSION_REJECTED) return "not-pending";
    if (!decision->has_digest || memcmp(decision->digest, submission->digest, STATE_DIGEST_BYTES) != 0) return "stale-digest";
    return person_accounts_match(decision->reviewer, submission->submitted_by) ? "self-review" : NULL;
}

static void decide(struct submission *submission, enum submission_state state, const char *code, int64_t at_ms)
{
    submission->state = state;
    submission->code = code;
    submission->decided_ms = at_ms;
    submission_change(submission);
}

/* Whom the reviewer saw is whom the approval removes. */
static bool has_roster_changed(struct desk *desk, const struct submission *submission, const struct decision *approval, bool *has_changed)
{
    struct roster_difference difference;
    *has_changed = false;
    if (!roster_compare(desk->arena, &desk->review->roster, submission->completed.append_ms, approval->place.append_ms, &difference))
        return false;
    for (int32_t i = 0; i < submission->failed && difference.count > 0 && !*has_changed; i++)
        *has_changed = roster_differs(&difference, submission->failing[i].enrolment);
    return true;
}

static bool refuse_changed(struct desk *desk, struct submission *submission, struct decision *approval)
{
    submission_forget_rows(submission);
    decide(submission, SUBMISSION_REJECTED, "roster-changed", approval->place.append_ms);
    return decision_reject(desk, approval, "roster-changed") && outcome_rejected(desk, submission);
}

static bool has_changes(const struct event_profile *profile)
{
    return profile->name != NULL || profile->credit_code != NULL || profile->address != NULL || profile->contact_name != NULL ||
           profile->contact_mobile != NULL;
}

static bool approve(struct desk *desk, struct submission *submission, struct decision *decision)
{
    const struct unit_review *unit_review = NULL;
    bool has_changed = false;
    if (!has_roster_changed(desk, submission, decision, &has_changed)) return false;
    if (has_changed) return refuse_changed(desk, submission, decision);
    if (!unit_review_find(desk, submission->source, submission->unit_review, &unit_review)) return false;
    judge(decision, NULL);
    decide(submission, SUBMISSION_APPROVED, NULL, decision->place.append_ms);
    if (unit_review != NULL && has_changes(&unit_review->profile))
        desk->review->profile = (struct profile_change){&unit_review->profile, decision->place.append_ms};
    return outcome_completed(desk, submission, decision);
}

/* What a withdrawn submission had shown is forgotten: it depends on whether the withdrawal came first. */
static bool close(struct desk *desk, struct submission *submission, struct decision *decision)
{
    judge(decision, NULL);
    if (decision->kind == DECISION_WITHDRAWN) {
        submission_forget_rows(submission);
        submission_drop_rows(submission);
        decide(submission, SUBMISSION_WITHDRAWN, NULL, decision->place.append_ms);
    } else {
        decide(submission, SUBMISSION_RETURNED, NULL, decision->place.append_ms);
    }
    return outcome_closed(desk, decision);
}

bool decision_judge(struct desk *desk, struct submission *submission, struct decision *decision)
{
    const char *code = refusal_in_place(submission, decision);
    if (code != NULL) return decision_reject(desk, decision, code);
    return decision->kind == DECISION_APPROVED ? approve(desk, submission, decision) : close(desk, submission, decision);
}
