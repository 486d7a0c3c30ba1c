#include "rules/review.h"

#include "rules/desk.h"

static struct lookup_seed seed_of(const struct reference *reference)
{
    for (size_t i = 0; i < reference->campaign_count; i++)
        if (reference->campaigns[i].salt_bytes > 0) return lookup_seed_of(reference->campaigns[i].salt, reference->campaigns[i].salt_bytes);
    return lookup_seed_of(NULL, 0);
}

static struct desk *set_up(const struct world *world, struct effects *effects, struct json_out *out)
{
    struct desk *desks = arena_take(world->arena, world->review_count * sizeof *desks);
    for (size_t i = 0; desks != NULL && i < world->review_count; i++)
        desks[i] = (struct desk){.arena = world->arena,
                                 .reference = world->reference,
                                 .effects = effects,
                                 .out = out,
                                 .seed = seed_of(world->reference),
                                 .review = &world->reviews[i],
                                 .campaign = reference_campaign(world->reference, world->reviews[i].year)};
    return desks;
}

/* The owner of the partition that touched the unit publishes the outcomes. */
static void touch(struct desk *desk, const struct review_event *event)
{
    if (desk->is_touched) return;
    desk->is_touched = true;
    desk->partition = event->partition;
    desk->topic = event->topic;
}

bool review_apply(struct world *world, struct review_event *events, size_t count, struct effects *effects)
{
    struct json_out out = {.arena = world->arena};
    struct desk *desks = set_up(world, effects, &out);
    if (desks == NULL) return false;
    for (size_t i = 0; i < count; i++) {
        if (events[i].review == NULL) {
            events[i].fate = FATE_DEAD_LETTER;
            continue;
        }
        struct desk *desk = &desks[events[i].review - world->reviews];
        touch(desk, &events[i]);
        if (!take_event(desk, &events[i])) return false;
    }
    for (size_t i = 0; i < world->review_count; i++)
        if (desks[i].is_touched && desks[i].review->year != 0 && !settle(&desks[i])) return false;
    return true;
}
