/*
 * The store against the engine in memory, on a real database: random histories of some units are played through load, rules and write, and
 * beside it through the same rules on state that never left memory. Fates, outcomes and, at the end, every loaded field must be the same.
 * On the way sessions are killed between the round trips, shards are claimed by another, units are held and released, and what an earlier
 * owner left in the outbox is read. `test_store SEED BATCHES`, on a migrated and empty database.
 */
#include "core/record_bytes.h"
#include "rules/keep.h"
#include "tests/store/small_world.h"

enum { UNITS = 24, MEMBERS = 40, SUBMISSIONS = 6, BATCH_ROOM = 40 };

static uint64_t seed;

static uint32_t chance(uint32_t below)
{
    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (uint32_t)(seed >> 33) % below;
}

/* ---- events as short texts, which travel as the records' values ---- */

struct spec {
    unsigned unit, kind, which, chunk, variant, other;
};
enum kind { REVIEW, CHUNK, APPROVE, RETURN, WITHDRAW, REFUSED, KINDS };

static struct review *kept[UNITS]; /* the state that never left memory */

static const char *copied(struct arena *arena, const char *text)
{
    return arena_copy(arena, text, strlen(text));
}

static const struct submission *kept_submission(const struct spec *spec)
{
    char name[WORLD_ID_BYTES];
    const struct review *review = kept[spec->unit];
    snprintf(name, sizeof name, "s%u", spec->which);
    for (size_t i = 0; review != NULL && i < review->submission_count; i++)
        if (strcmp(review->submissions[i].name, name) == 0) return &review->submissions[i];
    return NULL;
}

static void fill_chunk(struct arena *arena, const struct spec *spec, struct event *event)
{
    char text[WORLD_ID_BYTES];
    unsigned chunks = 1 + spec->which % 3, each = MEMBERS / chunks, from = (spec->chunk - 1) * each,
             until = spec->chunk == chunks ? MEMBERS : from + each;
    snprintf(text, sizeof text, "s%u", spec->which);
    event->submission = copied(arena, text);
    snprintf(text, sizeof text, "r%u", spec->which % 4);
    event->unit_review = copied(arena, text);
    event->submitted_by = spec->which == 5 ? "R007" : "clerk-17";
    event->mode = spec->which % 2 == 0 ? EVENT_MODE_LIST : EVENT_MODE_IMPORT;
    event->chunk_number = (int32_t)spec->chunk;
    event->chunks = (int32_t)(chunks + (spec->variant == 2));
    struct event_failing *failing = arena_take(arena, MEMBERS * sizeof *failing);
    struct id_key *passed = arena_take(arena, MEMBERS * sizeof *passed);
    for (unsigned i = from; i < until; i++) {
        /* The key of member MEMBERS joined later, that of MEMBERS + 1 nobody has. */
        unsigned member = i + 1 == until && spec->which == 3                          ? MEMBERS
                          : i + 1 == until && spec->which == 4 && spec->unit % 2 == 0 ? MEMBERS + 1
                                                                                      : i;
        if (i % 7 == spec->which % 7 || member != i)
            failing[event->rows.failing_count++] = (struct event_failing){world_key(spec->unit, member), i % 2 == 0 ? "retired" : "left",
                                                                          i % 3 == 0 ? "\xe7\x8e\x8b\xe5\xbb\xba\xe5\x9b\xbd" : NULL,
                                                                          i % 14 == 0 ? "id-region,\"retired\\age" : NULL};
        else if (event->mode == EVENT_MODE_LIST)
            passed[event->rows.passed_count++] = world_key(spec->unit, i);
    }
    event->rows.failing = failing;
    event->rows.passed = passed;
    event->entries_total = event->mode == EVENT_MODE_LIST ? MEMBERS : 0;
    for (unsigned i = 0; event->mode == EVENT_MODE_IMPORT && i < MEMBERS; i++) {
        unsigned c = i / each < chunks ? i / each : chunks - 1, end = c + 1 == chunks ? MEMBERS : (c + 1) * each;
        event->entries_total +=
            i % 7 == spec->which % 7 || (i + 1 == end && (spec->which == 3 || (spec->which == 4 && spec->unit % 2 == 0)));
    }
}

static void fill_decision(struct arena *arena, const struct spec *spec, struct event *event)
{
    char text[80];
    const struct submission *submission = kept_submission(spec);
    snprintf(text, sizeof text, "s%u", spec->which);
    event->submission = copied(arena, text);
    if (spec->kind == WITHDRAW) {
        event->submitted_by = "clerk-18";
        event->source = spec->variant == 1 ? "stranger" : "test";
        return;
    }
    snprintf(text, sizeof text, "sha256:");
    for (int i = 0; i < 32; i++)
        snprintf(text + 7 + 2 * i, 3, "%02x", submission != NULL && spec->variant != 1 ? submission->digest[i] : 7);
    event->digest = copied(arena, text);
    event->superior = spec->variant == 2 ? "S02" : "S01";
    event->reviewer = spec->variant == 3 ? "R008" : "R007";
    event->comment = "\"\\{comment}";
}

static const struct event *build(struct arena *arena, const struct spec *spec, const char *unit, const uint8_t *digest_as_sent)
{
    static const enum event_type types[] = {EVENT_UNIT_REVIEW_CONFIRMED, EVENT_MEMBER_REVIEW_SUBMITTED, EVENT_REVIEW_APPROVED,
                                            EVENT_REVIEW_RETURNED, EVENT_REVIEW_WITHDRAWN};
    char text[WORLD_ID_BYTES];
    struct event *event = arena_take(arena, sizeof *event);
    *event = (struct event){.type = types[spec->kind], .source = "test", .unit = unit, .year = WORLD_YEAR};
    (void)digest_as_sent;
    if (spec->kind == REVIEW) {
        snprintf(text, sizeof text, "r%u", spec->which);
        event->submitted_by = "clerk-17";
        event->profile.name = spec->variant == 1 ? "\xe6\x96\xb0" : NULL;
        event->profile.contact_mobile = spec->which % 2 == 0 ? "18112348457" : NULL;
        if (spec->which == 7 && spec->unit % 3 == 0) event->refusal = "mobile-length", event->refusal_field = "profile.contact_mobile";
    } else if (spec->kind == CHUNK) {
        snprintf(text, sizeof text, "c%u-%u-%u", spec->which, spec->chunk, spec->other);
        fill_chunk(arena, spec, event);
    } else {
        snprintf(text, sizeof text, "d%u-%u", spec->which, spec->other);
        fill_decision(arena, spec, event);
    }
    event->id = copied(arena, text);
    snprintf((char *)event->content_sha256, EVENT_SHA256_BYTES, "%u %u %u %u", spec->kind, spec->which, spec->chunk, spec->variant);
    return event;
}

static enum topic_kind topic_of(const struct spec *spec)
{
    if (spec->kind == REVIEW) return TOPIC_UNIT_REVIEW;
    return spec->kind == CHUNK || spec->kind == REFUSED ? TOPIC_MEMBER_REVIEW : TOPIC_APPROVAL;
}

static struct spec make_spec(void)
{
    static const uint8_t kinds[] = {REVIEW, REVIEW, CHUNK, CHUNK, CHUNK, CHUNK, CHUNK, APPROVE, APPROVE, RETURN, WITHDRAW, REFUSED};
    struct spec spec = {.unit = chance(UNITS),
                        .kind = kinds[chance(sizeof kinds)],
                        .which = chance(SUBMISSIONS),
                        .other = chance(8) == 0,
                        .variant = chance(12)};
    if (spec.kind == REVIEW) spec.which = chance(3) == 0 ? chance(16) : chance(4); /* more than are loaded unnamed */
    spec.chunk = 1 + chance(1 + spec.which % 3);
    if (spec.kind >= APPROVE) spec.other = chance(16);
    return spec;
}

/* ---- one micro-batch, twice ---- */

struct twin { /* the same events on the state in memory */
    struct world world;
    struct review_event events[BATCH_ROOM];
    struct effects effects;
};

static struct arena *twin_arena;
static struct roster_block twin_blocks[UNITS];
static struct store *store;
static struct world_shards shards;
static struct world_batch batch;
static size_t seen_outcomes, seen_dead, seen_held, seen_later, seen_fences;

static void add_record(const struct spec *spec, const struct kafka_record *from)
{
    struct micro_batch *micro = &batch.micro;
    struct arena *arena = micro->arena;
    char code[WORLD_CODE_BYTES], value[64];
    struct kafka_header *header = arena_take(arena, 2 * sizeof *header);
    int32_t shard = (int32_t)(spec->unit % WORLD_SHARDS);
    world_code(spec->unit, code);
    enum topic_kind topic = topic_of(spec);
    struct batch_move *move = world_move(&batch, shard, topic);
    snprintf(value, sizeof value, "%u %u %u %u %u %u", spec->unit, spec->kind, spec->which, spec->chunk, spec->variant, spec->other);
    struct batch_record *record = &micro->records[micro->record_count];
    record->is_applied_before = from != NULL;
    header[0] = (struct kafka_header){"ce_id", "x", 1};
    header[1] = (struct kafka_header){"ce_null", NULL, 0};
    record->record = (struct kafka_record){.topic = topic,
                                           .partition = shard,
                                           .offset = from != NULL ? from->offset : move->next_offset,
                                           .append_ms = from != NULL ? from->append_ms : batch.now_ms++,
                                           .key = copied(arena, code),
                                           .key_bytes = strlen(code),
                                           .value = copied(arena, value),
                                           .value_bytes = strlen(value),
                                           .headers = header,
                                           .header_count = 2};
    if (from == NULL) {
        move->next_offset++, move->records++, move->has_last = true;
        move->last.offset = record->record.offset, move->last.append_ms = record->record.append_ms;
    }
    struct review_event *event = &micro->events[micro->record_count++];
    *event =
        (struct review_event){.topic = topic, .partition = shard, .offset = record->record.offset, .append_ms = record->record.append_ms};
    bool is_refused = spec->kind == REFUSED;
    struct world *world = &micro->world;
    size_t at = 0;
    while (at < world->review_count &&
           (strcmp(world->reviews[at].unit, code) != 0 || world->reviews[at].year != (is_refused ? 0 : WORLD_YEAR)))
        at++;
    if (at == world->review_count)
        world->reviews[world->review_count++] =
            (struct review){.unit = record->record.key, .year = is_refused ? 0 : WORLD_YEAR, .created_ms = REFERENCE_FOREVER_MS};
    event->review = &world->reviews[at];
    if (is_refused)
        event->code = "json-invalid", event->text = "not JSON; send JSON", event->ce_id = "x";
    else
        event->event = build(arena, spec, event->review->unit, NULL);
}

static void twin_start(struct twin *twin)
{
    const struct micro_batch *micro = &batch.micro;
    *twin = (struct twin){.world = {.arena = twin_arena, .reference = &micro->reference, .review_count = micro->world.review_count}};
    twin->world.reviews = arena_take(twin_arena, (micro->world.review_count + 1) * sizeof *twin->world.reviews);
    for (size_t i = 0; i < micro->world.review_count; i++) {
        const struct review *loaded = &micro->world.reviews[i];
        struct review *out = &twin->world.reviews[i];
        unsigned unit = (unsigned)strtoul(loaded->unit + 1, NULL, 10);
        if (loaded->year != 0 && kept[unit] != NULL) *out = *kept[unit];
        out->unit = loaded->unit, out->year = loaded->year, out->created_ms = loaded->created_ms;
        out->superiors = loaded->superiors, out->superior_count = loaded->superior_count;
        out->limits = loaded->limits, out->limit_count = loaded->limit_count;
        out->is_held = loaded->is_held;
        out->roster = (struct roster){.blocks = &twin_blocks[unit],
                                      .block_count = 1,
                                      .members = MEMBERS,
                                      .changes = loaded->roster.changes,
                                      .change_count = loaded->roster.change_count,
                                      .later = loaded->roster.later,
                                      .later_count = loaded->roster.later_count};
        seen_later += loaded->roster.later_count;
    }
    for (size_t i = 0; i < micro->record_count; i++) {
        twin->events[i] = micro->events[i];
        twin->events[i].review = &twin->world.reviews[micro->events[i].review - micro->world.reviews];
    }
}

static int compare_outcomes(const void *a, const void *b)
{
    const struct outcome *left = a, *right = b;
    int order = strcmp(left->id, right->id);
    return order != 0 ? order : strcmp(left->body, right->body);
}

static void twin_compare(const struct twin *twin)
{
    const struct micro_batch *micro = &batch.micro;
    for (size_t i = 0; i < micro->record_count; i++) {
        if (micro->events[i].fate != twin->events[i].fate)
            fprintf(stderr, "record %zu: fate %d, in memory %d (%s)\n", i, micro->events[i].fate, twin->events[i].fate,
                    (const char *)micro->records[i].record.value);
        CHECK(micro->events[i].fate == twin->events[i].fate);
        CHECK((micro->events[i].code == NULL) == (twin->events[i].code == NULL));
        if (micro->events[i].code != NULL) CHECK(strcmp(micro->events[i].code, twin->events[i].code) == 0);
        seen_dead += micro->events[i].fate == FATE_DEAD_LETTER;
        seen_held += micro->events[i].fate == FATE_HELD;
    }
    CHECK(micro->effects.outcome_count == twin->effects.outcome_count);
    /* Their order may follow that of the rows, which is another in memory. */
    if (micro->effects.outcome_count > 0)
        qsort(micro->effects.outcomes, micro->effects.outcome_count, sizeof *micro->effects.outcomes, compare_outcomes);
    if (twin->effects.outcome_count > 0)
        qsort(twin->effects.outcomes, twin->effects.outcome_count, sizeof *twin->effects.outcomes, compare_outcomes);
    for (size_t i = 0; i < micro->effects.outcome_count; i++) {
        const struct outcome *a = &micro->effects.outcomes[i], *b = &twin->effects.outcomes[i];
        if (strcmp(a->type, b->type) != 0 || a->body_bytes != b->body_bytes || memcmp(a->body, b->body, a->body_bytes) != 0)
            fprintf(stderr, "%s\n%.*s\nin memory: %s\n%.*s\n", a->type, (int)a->body_bytes, a->body, b->type, (int)b->body_bytes, b->body);
        CHECK(strcmp(a->type, b->type) == 0 && strcmp(a->id, b->id) == 0 && a->body_bytes == b->body_bytes &&
              memcmp(a->body, b->body, a->body_bytes) == 0);
    }
    seen_outcomes += micro->effects.outcome_count;
}

static void twin_keep(const struct twin *twin)
{
    for (size_t i = 0; i < twin->world.review_count; i++) {
        const struct review *review = &twin->world.reviews[i];
        if (review->year == 0) continue;
        unsigned unit = (unsigned)strtoul(review->unit + 1, NULL, 10);
        void *block = malloc(review_kept_bytes(review) + 1);
        struct review *copy = review_keep(review, block);
        free(kept[unit]);
        kept[unit] = copy;
    }
}

/* ---- equality of every loaded field ---- */

static void same_text(const char *a, const char *b, const char *what)
{
    if ((a == NULL) != (b == NULL) || (a != NULL && strcmp(a, b) != 0)) {
        fprintf(stderr, "%s: %s, in memory %s\n", what, a == NULL ? "(null)" : a, b == NULL ? "(null)" : b);
        exit(1);
    }
}
#define SAME_TEXT(field) same_text(a->field, b->field, #field)
#define SAME(field) CHECK(a->field == b->field)
#define SAME_BYTES(field) CHECK(memcmp(&a->field, &b->field, sizeof a->field) == 0)

static void same_submission(const struct submission *a, const struct submission *b)
{
    SAME_TEXT(name);
    SAME_TEXT(source);
    SAME_TEXT(unit_review);
    SAME_TEXT(submitted_by);
    SAME(mode);
    SAME(chunk_count);
    SAME(entries_total);
    SAME(received);
    SAME(is_in_campaign);
    SAME_BYTES(first);
    SAME(completed.offset);
    SAME_TEXT(completed_by);
    SAME_BYTES(content_sha256);
    SAME_TEXT(row_code);
    SAME(listed);
    SAME(passed);
    SAME(failed);
    SAME(errors_total);
    SAME(warnings_total);
    SAME(state);
    SAME_TEXT(code);
    SAME_BYTES(digest);
    SAME(has_digest);
    SAME(decided_ms);
    if (a->completed.offset >= 0) SAME(completed.append_ms);
    if (a->state != SUBMISSION_WAITING && a->state != SUBMISSION_PENDING) return;
    SAME_TEXT(findings_json);
    SAME(has_failing);
    if (a->state == SUBMISSION_WAITING) SAME_TEXT(failed_json);
    for (int32_t i = 0; a->has_failing && i < a->failed; i++) {
        CHECK(a->failing[i].enrolment == b->failing[i].enrolment);
        same_text(a->failing[i].reason, b->failing[i].reason, "reason");
        same_text(a->failing[i].warnings, b->failing[i].warnings, "warnings");
    }
}

static void same_unit_review(const struct unit_review *a, const struct unit_review *b)
{
    SAME_TEXT(source);
    SAME_TEXT(id);
    SAME_BYTES(place);
    SAME_BYTES(content_sha256);
    SAME_TEXT(submitted_by);
    SAME_TEXT(profile.name);
    SAME_TEXT(profile.contact_mobile);
    SAME_TEXT(profile.address);
    SAME(verdict);
    SAME_TEXT(code);
}

static void same_decision(const struct decision *a, const struct decision *b)
{
    SAME_TEXT(source);
    SAME_TEXT(id);
    SAME_TEXT(submission);
    SAME_BYTES(place);
    SAME_BYTES(content_sha256);
    SAME(kind);
    SAME_BYTES(digest);
    SAME(has_digest);
    SAME_TEXT(digest_text);
    SAME_TEXT(superior);
    SAME_TEXT(reviewer);
    SAME_TEXT(submitted_by);
    SAME_TEXT(comment);
    SAME(verdict);
    SAME_TEXT(code);
    SAME(is_counted);
}

static void same_review(const struct review *a, const struct review *b)
{
    CHECK(a->submission_count == b->submission_count);
    for (size_t i = 0; i < a->submission_count; i++)
        for (size_t j = 0; j < b->submission_count; j++)
            if (strcmp(a->submissions[i].name, b->submissions[j].name) == 0) same_submission(&a->submissions[i], &b->submissions[j]);
    for (size_t i = 0; i < a->unit_review_count; i++) {
        size_t j = 0;
        while (j < b->unit_review_count && strcmp(a->unit_reviews[i].id, b->unit_reviews[j].id) != 0) j++;
        CHECK(j < b->unit_review_count);
        same_unit_review(&a->unit_reviews[i], &b->unit_reviews[j]);
    }
    for (size_t i = 0; i < a->decision_count; i++) {
        size_t j = 0;
        while (j < b->decision_count &&
               (strcmp(a->decisions[i].id, b->decisions[j].id) != 0 || strcmp(a->decisions[i].source, b->decisions[j].source) != 0))
            j++;
        CHECK(j < b->decision_count);
        same_decision(&a->decisions[i], &b->decisions[j]);
    }
    CHECK(a->counted[LIMIT_UNIT_REVIEWS] == b->counted[LIMIT_UNIT_REVIEWS] || a->counted[LIMIT_UNIT_REVIEWS] == 0);
    CHECK(a->counted[LIMIT_SUBMISSIONS] == b->counted[LIMIT_SUBMISSIONS]);
}

/* All units, with an approval of each that nothing is known of, so that what is wide comes, too; it is given up again. */
static void compare_all(void)
{
    world_batch_start(&batch);
    for (unsigned unit = 0; unit < UNITS; unit++) add_record(&(struct spec){.unit = unit, .kind = APPROVE, .which = 99, .other = 99}, NULL);
    if (!world_load(store, &batch)) world_die("load", store_fault(store));
    for (size_t i = 0; i < batch.micro.world.review_count; i++)
        if (kept[i] != NULL) same_review(&batch.micro.world.reviews[i], kept[i]);
    store_abandon(store);
    world_ready(store, "abandon");
}

/* ---- accidents ---- */

static void open_again(void)
{
    struct world_shards now = shards;
    store_close(store);
    store_open(store);
    world_ready(store, "open again");
    world_claim(store, &now);
    CHECK(memcmp(now.next, shards.next, sizeof now.next) == 0); /* nothing of what was lost is there */
    shards = now;
}

static void renew_epochs(void)
{
    for (size_t i = 0; i < batch.micro.move_count; i++) batch.micro.moves[i].epoch = shards.epoch[batch.micro.moves[i].shard];
}

static void forget_loaded(void)
{
    struct world *world = &batch.micro.world;
    for (size_t i = 0; i < world->review_count; i++)
        world->reviews[i] =
            (struct review){.unit = world->reviews[i].unit, .year = world->reviews[i].year, .created_ms = REFERENCE_FOREVER_MS};
}

static void accident(void)
{
    switch (chance(40)) {
    case 0: { /* the session dies between the round trips */
        char sql[100];
        snprintf(sql, sizeof sql, "SELECT pg_terminate_backend(backend_pid)::text FROM nianshen_engine.shard LIMIT 1");
        world_ask(sql);
        world_apply(&batch);
        CHECK(!world_write(store, &batch, NULL, 0) && store_is_lost(store));
        open_again();
        break;
    }
    case 1: { /* another takes the shards while our transaction is open: it waits, ends our session, and has them */
        static int times;
        if (times++ > 1) return;
        struct store *other = world_store("other");
        struct world_shards theirs;
        world_claim(other, &theirs);
        store_free(other);
        world_apply(&batch);
        CHECK(!world_write(store, &batch, NULL, 0));
        open_again();
        break;
    }
    case 2: { /* another has them: we are fenced before anything is read */
        store_abandon(store);
        world_ready(store, "abandon");
        struct store *other = world_store("other");
        struct world_shards theirs;
        world_claim(other, &theirs);
        store_free(other);
        forget_loaded();
        CHECK(!world_load(store, &batch) && strcmp(store_fault(store)->code, "fenced") == 0 && !store_is_lost(store));
        seen_fences++;
        world_claim(store, &shards);
        break;
    }
    case 3: /* given up */
        store_abandon(store);
        world_ready(store, "abandon");
        break;
    default:
        return;
    }
    renew_epochs();
    forget_loaded();
    batch.micro.effects = (struct effects){0};
    if (!world_load(store, &batch)) world_die("load again", store_fault(store));
}

/* ---- the play ---- */

static void play(struct store_published *published, size_t *published_count)
{
    struct twin twin;
    if (!world_load(store, &batch)) world_die("load", store_fault(store));
    accident();
    twin_start(&twin);
    world_apply(&batch);
    CHECK(review_apply(&twin.world, twin.events, batch.micro.record_count, &twin.effects));
    twin_compare(&twin);
    if (!world_write(store, &batch, published, *published_count)) world_die("write", store_fault(store));
    *published_count = 0;
    for (int shard = 0; shard < WORLD_SHARDS; shard++)
        if (store_outbox_batch(store, shard) >= 0)
            published[(*published_count)++] = (struct store_published){shard, store_outbox_batch(store, shard)};
    twin_keep(&twin);
    arena_reset(twin_arena);
}

/* What was just written is read as a new owner would. */
static void compare_outbox(const struct store_published *published, size_t count)
{
    size_t rows, outcomes = 0, dead = 0, expected_dead = 0;
    bool has_more;
    struct store_published behind[WORLD_SHARDS];
    struct arena *arena = arena_new(64 * 1024 * 1024);
    for (size_t i = 0; i < count; i++) behind[i] = (struct store_published){published[i].shard, published[i].batch - 1};
    store_take_outbox(store, arena, behind, count);
    world_ready(store, "take outbox");
    const struct store_outbox_row *list = store_outbox_rows(store, &rows, &has_more);
    CHECK(rows == count && !has_more);
    for (size_t i = 0; i < rows; i++) {
        outcomes += list[i].outcome_count;
        dead += list[i].dead_letter_count;
        for (size_t j = 0; j < list[i].dead_letter_count; j++) {
            const struct kafka_record *record = &list[i].dead_letters[j].record;
            CHECK(record->key_bytes == 8 && record->header_count == 2 && strcmp(record->headers[0].name, "ce_id") == 0 &&
                  record->headers[1].value == NULL);
            CHECK(record->value_bytes > 10 && list[i].dead_letters[j].code != NULL && list[i].dead_letters[j].text != NULL);
        }
    }
    for (size_t i = 0; i < batch.micro.record_count; i++) expected_dead += batch.micro.events[i].fate == FATE_DEAD_LETTER;
    CHECK(outcomes == batch.micro.effects.outcome_count && dead == expected_dead);
    arena_free(arena);
}

static void add_spec_of(const struct kafka_record *record)
{
    struct spec spec;
    char value[64] = "";
    CHECK(record->value_bytes < sizeof value);
    memcpy(value, record->value, record->value_bytes);
    unsigned *const numbers[] = {&spec.unit, &spec.kind, &spec.which, &spec.chunk, &spec.variant, &spec.other};
    char *at = value;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        const char *begin = at;
        *numbers[i] = (unsigned)strtoul(begin, &at, 10);
        CHECK(at != begin);
    }
    add_record(&spec, record);
}

/* What was held of released units is applied until nothing is left. */
static void release(struct store_published *published, size_t *published_count)
{
    struct arena *arena = arena_new(64 * 1024 * 1024);
    world_run("UPDATE nianshen_engine.held_unit SET released_ms = 1;"
              "DELETE FROM nianshen_engine.held_unit h WHERE NOT EXISTS (SELECT FROM nianshen_engine.ledger_exception e WHERE e.unit = "
              "h.unit AND e.kind = 'held')");
    for (int32_t shard = 0; shard < WORLD_SHARDS; shard++) {
        size_t count, at = 0;
        struct store_look look = {.shard = shard};
        store_look(store, &look, 1);
        world_ready(store, "look");
        CHECK(look.epoch == shards.epoch[shard] && look.is_resumed[0]);
        if (!look.has_held) continue;
        store_take_held(store, arena, shard);
        world_ready(store, "take held");
        const struct kafka_record *list = store_held_records(store, &count);
        CHECK(count > 0);
        while (at < count) {
            world_batch_start(&batch);
            for (; at < count && batch.micro.record_count < BATCH_ROOM; at++) add_spec_of(&list[at]);
            play(published, published_count);
        }
    }
    CHECK(strcmp(world_ask("SELECT count(*) FROM nianshen_engine.held_unit"), "0") == 0);
    CHECK(strcmp(world_ask("SELECT count(*) FROM nianshen_engine.ledger_exception WHERE kind = 'held'"), "0") == 0);
    arena_free(arena);
}

static void settle(void)
{
    char before[64];
    int32_t all[WORLD_SHARDS];
    for (int32_t i = 0; i < WORLD_SHARDS; i++) all[i] = i;
    snprintf(before, sizeof before, "%s",
             world_ask("SELECT sum(cardinality(failing_enrolments)) FROM nianshen_engine.submission WHERE state = 'approved'"));
    int64_t done = 0;
    do {
        store_settle(store, all, WORLD_SHARDS);
        world_ready(store, "settle");
        done += store_settled(store);
    } while (store_settled(store) > 0);
    CHECK(done > 0 && strcmp(before, world_ask("SELECT count(*) FROM nianshen_engine.archive")) == 0);
    CHECK(strcmp(world_ask("SELECT count(*) FROM nianshen.membership m JOIN nianshen_engine.archive a USING (enrolment)"), "0") == 0);
    CHECK(strcmp(world_ask("SELECT count(*) FROM nianshen_engine.removal_due"), "0") == 0);
}

static size_t members_of(size_t unit)
{
    (void)unit;
    return MEMBERS;
}

static void prepare(void)
{
    char script[4096];
    world_units(UNITS);
    world_rosters(UNITS, members_of);
    snprintf(
        script, sizeof script,
        "INSERT INTO nianshen.membership (enrolment, unit, member_no, id_key, name, id_number, enrolled_ms, valid_from_ms, valid_until_ms)"
        " SELECT u * 1000 + m + 1, 'U' || lpad(u::text, 7, '0'), lpad((m + 1)::text, 6, '0'), 'k' || m, 'x', 'k' || m, CASE WHEN m = %d "
        "THEN %" PRId64 " + 1 ELSE 1 END,"
        " CASE WHEN m = %d THEN %" PRId64 " + 1 ELSE 1 END, nianshen.forever_ms()"
        " FROM generate_series(0, %d) u, generate_series(0, %d) m;",
        MEMBERS, WORLD_OPENS_MS, MEMBERS, WORLD_OPENS_MS, UNITS - 1, MEMBERS);
    world_run(script);
    twin_arena = arena_new(256 * 1024 * 1024);
    struct arena *arena = arena_new(64 * 1024 * 1024); /* as long as the program runs */
    for (size_t unit = 0; unit < UNITS; unit++) {
        char key[ID_KEY_TEXT_BYTES];
        twin_blocks[unit].bytes = world_block(arena, unit, MEMBERS, &twin_blocks[unit].size_bytes);
        id_key_write(world_key(unit, MEMBERS), key);
        snprintf(script, sizeof script, "UPDATE nianshen.membership SET id_key = '%s', id_number = '%s' WHERE enrolment = %" PRId64, key,
                 key, world_enrolment(unit, MEMBERS));
        world_run(script);
    }
}

int main(int count, char **words)
{
    struct store_published published[WORLD_SHARDS];
    size_t published_count = 0;
    if (count != 3) return 64;
    seed = strtoull(words[1], NULL, 10) * 2 + 1;
    int batches = (int)strtol(words[2], NULL, 10);
    world_connect();
    prepare();
    store = world_store("first");
    world_claim(store, &shards);
    world_batch_init(&batch, &shards, BATCH_ROOM);
    for (int i = 0; i < batches; i++) {
        size_t records = 1 + chance(chance(3) == 0 ? BATCH_ROOM - 1 : 4);
        world_batch_start(&batch);
        if (chance(25) == 0)
            batch.micro.held_unit = copied(batch.micro.arena, (char[]){'U', '0', '0', '0', '0', '0', '0', (char)('0' + chance(8)), '\0'});
        for (size_t j = 0; j < records; j++) {
            struct spec spec = make_spec();
            add_record(&spec, NULL);
        }
        play(published, &published_count);
        if (chance(10) == 0) compare_outbox(published, published_count);
        if (chance(20) == 0) {
            store_mark(store, published, published_count);
            world_ready(store, "mark");
        }
        if (chance(30) == 0) release(published, &published_count);
    }
    release(published, &published_count);
    compare_all();
    settle();
    store_halt(store, 3, shards.epoch[3] - 1, TOPIC_APPROVAL, "stale");
    CHECK(world_wait(store) == STORE_FAILED && strcmp(store_fault(store)->code, "fenced") == 0);
    store_halt(store, 3, shards.epoch[3], TOPIC_APPROVAL, "test");
    world_ready(store, "halt");
    struct store_look look = {.shard = 3};
    store_look(store, &look, 1);
    world_ready(store, "look");
    CHECK(look.is_resumed[0] && !look.is_resumed[2]);
    printf(
        "ok: %zu outcomes, %zu dead letters, %zu held, %zu later, %zu fences, %s\n", seen_outcomes, seen_dead, seen_held, seen_later,
        seen_fences,
        world_ask(
            "SELECT string_agg(state || ' ' || n, ', ') FROM (SELECT state, count(*) AS n FROM nianshen_engine.submission GROUP BY 1) s"));
    store_free(store);
    return 0;
}
