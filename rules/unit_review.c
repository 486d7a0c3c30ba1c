/* Unit reviews: judged by themselves alone. */
#include <string.h>

#include "rules/outcome.h"

static bool build(struct desk *desk)
{
    const struct review *review = desk->review;
    if (desk->unit_reviews.is_built) return true;
    desk->unit_reviews.is_built = true;
    for (size_t i = 0; i < review->unit_review_count; i++) {
        const struct unit_review *at = &review->unit_reviews[i];
        if (!lookup_add(&desk->unit_reviews, desk->arena, desk_hash(desk, at->source, at->id), i)) return false;
    }
    return true;
}

bool unit_review_find(struct desk *desk, const char *source, const char *id, const struct unit_review **found)
{
    uintptr_t place = 0;
    *found = NULL;
    if (!build(desk)) return false;
    struct lookup_probe probe = lookup_start(&desk->unit_reviews, desk_hash(desk, source, id));
    while (*found == NULL && lookup_next(&probe, &place)) {
        const struct unit_review *at = &desk->review->unit_reviews[place];
        if (strcmp(at->source, source) == 0 && strcmp(at->id, id) == 0) *found = at;
    }
    return true;
}

static const char *refusal(const struct desk *desk, const struct review_event *event)
{
    return campaign_is_open(desk->campaign, event->append_ms) ? event->event->refusal : "campaign-closed";
}

static bool store(struct desk *desk, const struct review_event *event)
{
    struct review *review = desk->review;
    const struct event *sent = event->event;
    struct unit_review *list =
        list_grow(desk->arena, review->unit_reviews, review->unit_review_count, &review->unit_review_room, sizeof *list);
    if (list == NULL) return false;
    review->unit_reviews = list;
    struct unit_review *stored = &list[review->unit_review_count];
    *stored = (struct unit_review){.source = sent->source,
                                   .id = sent->id,
                                   .place = {event->offset, event->append_ms},
                                   .submitted_by = sent->submitted_by,
                                   .profile = sent->profile,
                                   .code = refusal(desk, event),
                                   .is_new = true};
    memcpy(stored->content_sha256, sent->content_sha256, sizeof stored->content_sha256);
    stored->verdict = stored->code == NULL ? VERDICT_ACCEPTED : VERDICT_REJECTED;
    review->counted[LIMIT_UNIT_REVIEWS]++;
    return lookup_add(&desk->unit_reviews, desk->arena, desk_hash(desk, sent->source, sent->id), review->unit_review_count++) &&
           outcome_unit_review(desk, stored, sent);
}

bool unit_review_take(struct desk *desk, struct review_event *event)
{
    const struct review *review = desk->review;
    const struct unit_review *known = NULL;
    if (!unit_review_find(desk, event->event->source, event->event->id, &known)) return false;
    if (known != NULL) {
        if (memcmp(known->content_sha256, event->event->content_sha256, EVENT_SHA256_BYTES) != 0)
            return take_dead_letter(desk, event, "identity-reused");
        take_duplicate(event);
        return true;
    }
    int32_t most = limit_at(review->limits, review->limit_count, LIMIT_UNIT_REVIEWS, event->append_ms);
    if (review->counted[LIMIT_UNIT_REVIEWS] >= most) return take_dead_letter(desk, event, "too-many");
    return store(desk, event);
}
