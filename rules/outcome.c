#include "rules/outcome.h"

#include <string.h>

#include "core/sha256.h"
#include "rules/code_text.h"
#include "rules/hex.h"

struct judged { /* the event that an outcome answers */
    enum topic_kind topic;
    const char *source, *id;
    int64_t append_ms;
};

/* ---- the frame ---- */

static struct json_out *begin(struct desk *desk)
{
    desk->out->used = 0;
    out_raw(desk->out, "{");
    out_key_text(desk->out, "unit", desk->review->unit);
    return desk->out;
}

static struct json_out *begin_with(struct desk *desk, const char *name, const char *id)
{
    struct json_out *out = begin(desk);
    out_key_int(out, "year", desk->review->year);
    out_key_text(out, name, id);
    return out;
}

static struct outcome *add_outcome(struct desk *desk, const char *type)
{
    struct effects *effects = desk->effects;
    out_raw(desk->out, "}");
    const char *body = out_copy(desk->out);
    struct outcome *outcomes = list_grow(desk->arena, effects->outcomes, effects->outcome_count, &effects->outcome_room, sizeof *outcomes);
    if (body == NULL || outcomes == NULL) return NULL;
    effects->outcomes = outcomes;
    struct outcome *outcome = &outcomes[effects->outcome_count++];
    *outcome = (struct outcome){.unit = desk->review->unit,
                                .partition = desk->partition,
                                .topic = desk->topic,
                                .type = type,
                                .body = body,
                                .body_bytes = desk->out->used};
    return outcome;
}

/* Hashes what is in the buffer. */
static bool fill_id(struct desk *desk, struct outcome *outcome)
{
    uint8_t sha256[SHA256_BYTES];
    if (desk->out->is_full || !sha256_of(desk->out->text, desk->out->used, sha256)) return false;
    hex_write(sha256, OUTCOME_ID_CHARS / 2, outcome->id);
    return true;
}

static void line(struct json_out *out, const char *text)
{
    out_raw(out, text);
    out_raw(out, "\n");
}

static bool end(struct desk *desk, const char *type, const struct judged *judged)
{
    struct outcome *outcome = add_outcome(desk, type);
    if (outcome == NULL) return false;
    outcome->causation = judged->id;
    outcome->time_ms = judged->append_ms;
    desk->out->used = 0;
    line(desk->out, topic_kind_name(judged->topic));
    line(desk->out, desk->review->unit);
    out_int(desk->out, desk->review->year);
    line(desk->out, "");
    line(desk->out, judged->source);
    line(desk->out, judged->id);
    out_raw(desk->out, type);
    return fill_id(desk, outcome);
}

static struct judged judged_submission(const struct submission *submission)
{
    return (struct judged){TOPIC_MEMBER_REVIEW, submission->source, submission->completed_by, submission->completed.append_ms};
}

static struct judged judged_decision(const struct decision *decision)
{
    return (struct judged){TOPIC_APPROVAL, decision->source, decision->id, decision->place.append_ms};
}

/* ---- unit reviews ---- */

static void write_field(struct json_out *out, const char *code, const char *field, int position, char expected)
{
    out_comma(out);
    out_raw(out, "{");
    out_key_text(out, "code", code);
    out_key_text(out, "field", field);
    code_texts_write(out, code, (struct code_place){position, expected, field});
    out_raw(out, "}");
}

/* By code; notes of one code stay in their order. There are as many rounds as codes. */
static void write_notes(struct json_out *out, const struct event_note *notes, uint32_t count)
{
    const char *last = "";
    for (uint32_t written = 0; written < count;) {
        const char *next = NULL;
        for (uint32_t i = 0; i < count; i++)
            if (strcmp(notes[i].code, last) > 0 && (next == NULL || strcmp(notes[i].code, next) < 0)) next = notes[i].code;
        if (next == NULL) return;
        for (uint32_t i = 0; i < count; i++) {
            if (strcmp(notes[i].code, next) != 0) continue;
            write_field(out, notes[i].code, notes[i].field, notes[i].position, notes[i].expected);
            written++;
        }
        last = next;
    }
}

bool outcome_unit_review(struct desk *desk, const struct unit_review *unit_review, const struct event *event)
{
    bool is_accepted = unit_review->verdict == VERDICT_ACCEPTED;
    const struct judged judged = {TOPIC_UNIT_REVIEW, unit_review->source, unit_review->id, unit_review->place.append_ms};
    struct json_out *out = begin_with(desk, "unit_review", unit_review->id);
    out_key(out, is_accepted ? "warnings" : "errors");
    out_raw(out, "[");
    if (is_accepted)
        write_notes(out, event->notes, event->note_count);
    else
        write_field(out, unit_review->code, unit_review->code == event->refusal ? event->refusal_field : NULL, 0, 0);
    out_raw(out, "]");
    return end(desk, is_accepted ? "nianshen.unit-review.accepted.v1" : "nianshen.unit-review.rejected.v1", &judged);
}

/* ---- submissions ---- */

bool outcome_waiting(struct desk *desk, const struct submission *submission, const struct submission *behind)
{
    const struct judged judged = judged_submission(submission);
    struct json_out *out = begin_with(desk, "submission", submission->name);
    code_write(out, behind != NULL ? "behind-earlier" : "unit-review-missing", (struct code_place){.position = 0});
    out_key_text(out, "behind", behind != NULL ? behind->name : NULL);
    return end(desk, "nianshen.member-review.waiting.v1", &judged);
}

struct reason_count {
    const char *reason;
    int32_t count;
};

/* Counts one more; the list stays in the order of the reasons' bytes. There are few. */
static bool count_reason(struct desk *desk, struct reason_count **counts, size_t *used, size_t *room, const char *reason)
{
    size_t at = 0;
    while (at < *used && strcmp((*counts)[at].reason, reason) < 0) at++;
    if (at < *used && strcmp((*counts)[at].reason, reason) == 0) {
        (*counts)[at].count++;
        return true;
    }
    struct reason_count *list = list_grow(desk->arena, *counts, *used, room, sizeof *list);
    if (list == NULL) return false;
    memmove(list + at + 1, list + at, (*used - at) * sizeof *list);
    list[at] = (struct reason_count){reason, 1};
    *counts = list;
    ++*used;
    return true;
}

static bool write_reasons(struct desk *desk, const char *name, const struct submission *submission)
{
    struct reason_count *counts = NULL;
    size_t used = 0, room = 0;
    for (int32_t i = 0; i < submission->failed; i++)
        if (!count_reason(desk, &counts, &used, &room, submission->failing[i].reason)) return false;
    out_key(desk->out, name);
    out_raw(desk->out, "{");
    for (size_t i = 0; i < used; i++) { /* a reason's name may need an escape, unlike other keys */
        out_comma(desk->out);
        out_text(desk->out, counts[i].reason);
        out_raw(desk->out, ":");
        out_int(desk->out, counts[i].count);
    }
    out_raw(desk->out, "}");
    return true;
}

bool outcome_pending(struct desk *desk, const struct submission *submission)
{
    char digest[2 * STATE_DIGEST_BYTES + 1];
    const struct judged judged = judged_submission(submission);
    struct json_out *out = begin_with(desk, "submission", submission->name);
    hex_write(submission->digest, STATE_DIGEST_BYTES, digest);
    out_key_text(out, "unit_review", submission->unit_review);
    out_key_text(out, "mode", submission->mode == EVENT_MODE_LIST ? "list" : "import");
    out_key(out, "digest");
    out_raw(out, "\"sha256:");
    out_raw(out, digest);
    out_raw(out, "\"");
    out_key_int(out, "listed", submission->listed);
    out_key_int(out, "passed", submission->passed);
    out_key_int(out, "failed", submission->failed);
    if (!write_reasons(desk, "reasons", submission)) return false;
    out_key_int(out, "warnings_total", submission->warnings_total);
    out_key(out, "warnings");
    out_raw(out, submission->findings_json != NULL ? submission->findings_json : "[]");
    return end(desk, "nianshen.member-review.pending.v1", &judged);
}

bool outcome_rejected(struct desk *desk, const struct submission *submission)
{
    const struct judged judged = judged_submission(submission);
    struct json_out *out = begin_with(desk, "submission", submission->name);
    code_write(out, submission->code, (struct code_place){.position = 0});
    out_key_int(out, "errors_total", submission->errors_total);
    out_key(out, "errors");
    out_raw(out, submission->findings_json != NULL ? submission->findings_json : "[]");
    return end(desk, "nianshen.member-review.rejected.v1", &judged);
}

/* ---- decisions ---- */

static struct json_out *begin_decision(struct desk *desk, const struct decision *decision)
{
    struct json_out *out = begin_with(desk, "submission", decision->submission);
    out_key_text(out, "decision", decision->id);
    return out;
}

bool outcome_completed(struct desk *desk, const struct submission *submission, const struct decision *decision)
{
    const struct judged judged = judged_decision(decision);
    struct json_out *out = begin_decision(desk, decision);
    out_key_int(out, "listed", submission->listed);
    out_key_int(out, "passed", submission->passed);
    if (!write_reasons(desk, "removed", submission)) return false;
    out_key_int(out, "removed_total", submission->failed);
    out_key_int(out, "already_gone", 0);
    return end(desk, "nianshen.member-review.completed.v1", &judged);
}

bool outcome_closed(struct desk *desk, const struct decision *decision)
{
    const struct judged judged = judged_decision(decision);
    struct json_out *out = begin_decision(desk, decision);
    out_key_text(out, "how", decision_kind_name(decision->kind));
    out_key_text(out, "comment", decision->comment);
    return end(desk, "nianshen.member-review.closed.v1", &judged);
}

bool outcome_decision_rejected(struct desk *desk, const struct decision *decision)
{
    const struct judged judged = judged_decision(decision);
    struct json_out *out = begin_decision(desk, decision);
    out_key_text(out, "kind", decision_kind_name(decision->kind));
    code_write(out, decision->code, (struct code_place){.position = 0});
    return end(desk, "nianshen.decision.rejected.v1", &judged);
}

bool outcome_decision_waiting(struct desk *desk, const struct decision *decision)
{
    const struct judged judged = judged_decision(decision);
    struct json_out *out = begin_decision(desk, decision);
    code_write(out, "submission-unknown", (struct code_place){.position = 0});
    return end(desk, "nianshen.decision.waiting.v1", &judged);
}

/* ---- dead letters ---- */

bool outcome_event_refused(struct desk *desk, const struct review_event *event)
{
    static const char type[] = "nianshen.event.refused.v1";
    const char *ce_id = event->event != NULL ? event->event->id : event->ce_id, *topic = topic_kind_name(event->topic);
    struct json_out *out = begin(desk);
    code_write(out, event->code, (struct code_place){.position = 0});
    out_key_text(out, "topic", topic);
    out_key_int(out, "partition", event->partition);
    out_key_int(out, "offset", event->offset);
    out_key_text(out, "ce_id", ce_id);
    struct outcome *outcome = add_outcome(desk, type);
    if (outcome == NULL) return false;
    outcome->causation = ce_id;
    outcome->time_ms = event->append_ms;
    out->used = 0;
    line(out, topic);
    line(out, desk->review->unit);
    out_int(out, event->partition);
    line(out, "");
    out_int(out, event->offset);
    line(out, "");
    out_raw(out, type);
    return fill_id(desk, outcome);
}
