/* What becomes of a record: the first that fits of dead letter, held, unknown unit, and what its topic says of it. */
#include <string.h>

#include "core/code.h"
#include "rules/outcome.h"

const struct known *desk_known(const struct desk *desk, const struct lookup *lookup, const char *source, const char *id)
{
    uintptr_t item = 0;
    struct lookup_probe probe = lookup_start(lookup, desk_hash(desk, source, id));
    while (lookup_next(&probe, &item)) {
        const struct known *known = (const struct known *)item;
        if (strcmp(known->source, source) == 0 && strcmp(known->id, id) == 0) return known;
    }
    return NULL;
}

bool desk_learn(struct desk *desk, struct lookup *lookup, const struct known *known)
{
    return lookup_add(lookup, desk->arena, desk_hash(desk, known->source, known->id), (uintptr_t)known);
}

static bool is_unit_known(const struct review *review, int64_t at_ms)
{
    return review->created_ms <= at_ms && review->created_ms != REFERENCE_FOREVER_MS;
}

/* "what is wrong; what to do" in English: the language of headers. Codes of ours have no placeholders. */
static const char *text_of(struct arena *arena, const char *name)
{
    static const char joint[] = "; ";
    const struct code *code = code_find(name);
    if (code == NULL) return name;
    size_t first = strlen(code->en), rest = strlen(code->remedy_en);
    char *text = arena_take(arena, first + sizeof joint + rest);
    if (text == NULL) return NULL;
    memcpy(text, code->en, first);
    memcpy(text + first, joint, sizeof joint);
    memcpy(text + first + sizeof joint - 1, code->remedy_en, rest);
    return text;
}

/* One that names a known unit is answered, too. */
static bool answer(struct desk *desk, struct review_event *event)
{
    event->fate = FATE_DEAD_LETTER;
    return !is_unit_known(desk->review, event->append_ms) || outcome_event_refused(desk, event);
}

bool take_dead_letter(struct desk *desk, struct review_event *event, const char *code)
{
    event->code = code;
    event->text = text_of(desk->arena, code);
    return event->text != NULL && answer(desk, event);
}

void take_duplicate(struct review_event *event)
{
    event->fate = FATE_DUPLICATE;
}

bool take_event(struct desk *desk, struct review_event *event)
{
    if (event->event == NULL) return answer(desk, event);
    event->code = event->text = NULL;
    event->fate = FATE_HELD;
    if (desk->review->is_held) return true;
    if (!is_unit_known(desk->review, event->append_ms)) return take_dead_letter(desk, event, "unknown-unit");
    event->fate = FATE_APPLIED;
    switch (event->topic) {
    case TOPIC_UNIT_REVIEW:
        return unit_review_take(desk, event);
    case TOPIC_MEMBER_REVIEW:
        return chunk_take(desk, event);
    default:
        return decision_take(desk, event);
    }
}
