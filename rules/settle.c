/*
 * The queue of a unit's submissions, and the decisions on each. A judged decision makes the next submission the head; a judged head is what
 * its decisions waited for. The head only moves on, and each submission and each decision is judged once.
 */
#include "rules/outcome.h"
#include "rules/sort.h"

struct settling {
    struct desk *desk;
    uint32_t *first; /* of each submission: its next decision that waits, as place + 1; 0: none */
    uint32_t *next; /* of each such decision: the one behind it */
    const uint32_t *queue; /* submissions that are complete and not settled, in the order in which they became complete */
    size_t queue_count;
    bool is_approved; /* an approval was applied this year */
};

/* ---- the decisions that wait, in lines ---- */

struct places { /* a list of places, to be sorted */
    const struct review *review;
    uint32_t *list;
    size_t count;
};

static int compare_offsets(int64_t a, int64_t b)
{
    return a < b ? -1 : a > b;
}

static int compare_decisions(const void *context, uint32_t a, uint32_t b)
{
    const struct places *places = context;
    const struct decision *decisions = places->review->decisions;
    return compare_offsets(decisions[places->list[a]].place.offset, decisions[places->list[b]].place.offset);
}

static int compare_submissions(const void *context, uint32_t a, uint32_t b)
{
    const struct places *places = context;
    const struct submission *submissions = places->review->submissions;
    return compare_offsets(submissions[places->list[a]].completed.offset, submissions[places->list[b]].completed.offset);
}

static bool sort(struct desk *desk, struct places *places, sort_compare compare)
{
    uint32_t *order = sort_places(desk->arena, places->count, compare, places);
    if (order == NULL) return false;
    for (size_t i = 0; i < places->count; i++) order[i] = places->list[order[i]];
    places->list = order;
    return true;
}

static bool list_waiting(struct desk *desk, struct places *waiting)
{
    const struct review *review = desk->review;
    *waiting = (struct places){review, arena_take(desk->arena, review->decision_count * sizeof *waiting->list), 0};
    if (waiting->list == NULL) return false;
    for (size_t i = 0; i < review->decision_count; i++)
        if (review->decisions[i].verdict == VERDICT_WAITING) waiting->list[waiting->count++] = (uint32_t)i;
    return sort(desk, waiting, compare_decisions);
}

/* From the last one on, each goes before those of its submission. Those on a submission that nobody knows stay where they are. */
static bool line_up(struct settling *settling)
{
    struct desk *desk = settling->desk;
    struct review *review = desk->review;
    struct places waiting;
    settling->first = arena_take(desk->arena, review->submission_count * sizeof *settling->first);
    settling->next = arena_take(desk->arena, review->decision_count * sizeof *settling->next);
    if (settling->first == NULL || settling->next == NULL || !list_waiting(desk, &waiting)) return false;
    for (size_t i = waiting.count; i-- > 0;) {
        struct submission *submission = NULL;
        if (!submission_find(desk, review->decisions[waiting.list[i]].submission, &submission)) return false;
        if (submission == NULL) continue;
        uint32_t *first = &settling->first[submission - review->submissions];
        settling->next[waiting.list[i]] = *first;
        *first = waiting.list[i] + 1;
    }
    return true;
}

/* Judges the decisions on a submission as far as it is ready for them. */
static bool judge_line(struct settling *settling, size_t place)
{
    struct review *review = settling->desk->review;
    struct submission *submission = &review->submissions[place];
    uint32_t *first = &settling->first[place];
    while (*first != 0) {
        struct decision *decision = &review->decisions[*first - 1];
        if (!decision_is_ready(submission, decision)) break;
        if (!decision_judge(settling->desk, submission, decision)) return false;
        *first = settling->next[*first - 1];
    }
    settling->is_approved = settling->is_approved || submission->state == SUBMISSION_APPROVED;
    return true;
}

/* ---- the queue ---- */

static bool line_up_queue(struct settling *settling)
{
    struct desk *desk = settling->desk;
    const struct review *review = desk->review;
    struct places queue = {review, arena_take(desk->arena, review->submission_count * sizeof *queue.list), 0};
    if (queue.list == NULL) return false;
    for (size_t i = 0; i < review->submission_count; i++) {
        enum submission_state state = review->submissions[i].state;
        if (state == SUBMISSION_WAITING || state == SUBMISSION_PENDING) queue.list[queue.count++] = (uint32_t)i;
    }
    if (!sort(desk, &queue, compare_submissions)) return false;
    settling->queue = queue.list;
    settling->queue_count = queue.count;
    return true;
}

static bool reject(struct desk *desk, struct submission *submission, const char *code)
{
    if (code != submission->row_code) submission_forget_rows(submission); /* nobody hears of its rows */
    submission->state = SUBMISSION_REJECTED;
    submission->code = code;
    submission->decided_ms = submission->completed.append_ms;
    submission_change(submission);
    return outcome_rejected(desk, submission);
}

static bool make_pending(struct desk *desk, struct submission *submission, const struct unit_review *unit_review)
{
    submission->state = SUBMISSION_PENDING;
    submission_change(submission);
    if (!digest_fill(desk, submission, &unit_review->profile) || !outcome_pending(desk, submission)) return false;
    submission->failed_json = NULL;
    return true;
}

/* Judges a head that waits, in the order of the rules. It goes on waiting when its unit review has not come. */
static bool judge_head(struct settling *settling, struct submission *submission)
{
    struct desk *desk = settling->desk;
    const struct unit_review *unit_review = NULL;
    if (settling->is_approved) return reject(desk, submission, "already-reviewed");
    if (!submission->is_in_campaign || desk->campaign == NULL || desk->campaign->is_purged)
        return reject(desk, submission, "campaign-closed");
    if (!unit_review_find(desk, submission->source, submission->unit_review, &unit_review)) return false;
    if (unit_review == NULL) return true;
    if (unit_review->verdict == VERDICT_REJECTED) return reject(desk, submission, "unit-review-rejected");
    if (submission->row_code != NULL) return reject(desk, submission, submission->row_code);
    return make_pending(desk, submission, unit_review);
}

static bool is_queued(const struct submission *submission)
{
    return submission->state == SUBMISSION_WAITING || submission->state == SUBMISSION_PENDING;
}

/* `*head`: which of the queue is the head in the end. */
static bool move_queue(struct settling *settling, size_t *head)
{
    struct review *review = settling->desk->review;
    for (*head = 0; *head < settling->queue_count; ++*head) {
        size_t place = settling->queue[*head];
        struct submission *submission = &review->submissions[place];
        if (!is_queued(submission)) continue;
        if (submission->state == SUBMISSION_WAITING && (!judge_head(settling, submission) || !judge_line(settling, place))) return false;
        if (is_queued(submission)) break;
    }
    return true;
}

/* ---- telling who has to wait: it depends on what has arrived ---- */

static bool tell_submissions(const struct settling *settling, size_t head)
{
    const struct submission *submissions = settling->desk->review->submissions;
    for (size_t i = head; i < settling->queue_count; i++) {
        const struct submission *submission = &submissions[settling->queue[i]];
        const struct submission *front = i > head ? &submissions[settling->queue[head]] : NULL;
        if (submission->state != SUBMISSION_WAITING || !submission->was_completed_now) continue;
        if (!outcome_waiting(settling->desk, submission, front)) return false;
    }
    return true;
}

static bool tell_decisions(struct desk *desk)
{
    for (size_t i = 0; i < desk->review->decision_count; i++) {
        const struct decision *decision = &desk->review->decisions[i];
        struct submission *submission = NULL;
        if (!decision->is_new || decision->verdict != VERDICT_WAITING) continue;
        if (!submission_find(desk, decision->submission, &submission)) return false;
        if (submission == NULL && !outcome_decision_waiting(desk, decision)) return false;
    }
    return true;
}

bool settle(struct desk *desk)
{
    struct settling settling = {.desk = desk};
    size_t head = 0;
    if (!line_up(&settling)) return false;
    for (size_t i = 0; i < desk->review->submission_count; i++)
        if (!judge_line(&settling, i)) return false;
    return line_up_queue(&settling) && move_queue(&settling, &head) && tell_submissions(&settling, head) && tell_decisions(desk);
}
