/* The first round trip of a micro-batch: locks, fence, and the questions about what its events touch. store_unpack.c reads the answers. */
#include <stdlib.h>
#include <string.h>

#include "worker-next/store_internal.h"

static const struct database_statement statements[LOAD_STATEMENTS] = {
    [LOAD_FENCE] = {"batch_begin", "SELECT nianshen_engine.batch_begin($1, $2, $3, $4)"},
    [LOAD_REFERENCE] = {"load_reference", "SELECT * FROM nianshen_engine.load_reference($1, $2)"},
    [LOAD_UNITS] = {"load_units", "SELECT * FROM nianshen_engine.load_units($1, $2, $3)"},
    [LOAD_UNIT_REVIEWS] = {"load_unit_reviews", "SELECT * FROM nianshen_engine.load_unit_reviews($1, $2, $3)"},
    [LOAD_SUBMISSIONS] = {"load_submissions", "SELECT * FROM nianshen_engine.load_submissions($1, $2, $3)"},
    [LOAD_DECISIONS] = {"load_decisions", "SELECT * FROM nianshen_engine.load_decisions($1, $2, $3)"},
    [LOAD_CHANGES] = {"load_roster_changes", "SELECT * FROM nianshen_engine.load_roster_changes($1, $2)"},
    [LOAD_CHUNKS] = {"load_chunks", "SELECT * FROM nianshen_engine.load_chunks($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"},
    [LOAD_NAMED_UNIT_REVIEWS] = {"load_named_unit_reviews",
                                 "SELECT * FROM nianshen_engine.load_named_unit_reviews($1, $2, $3, $4, $5, $6)"},
    [LOAD_NAMED_DECISIONS] = {"load_named_decisions", "SELECT * FROM nianshen_engine.load_named_decisions($1, $2, $3, $4, $5, $6)"},
    [LOAD_ROSTER] = {"load_roster", "SELECT * FROM nianshen_engine.load_roster($1, $2, $3, $4, $5, $6, $7, $8, $9)"},
};

/* ---- the order of the reviews ---- */

static int compare_reviews(const void *a, const void *b, void *context)
{
    const struct world *world = context;
    const struct review *left = &world->reviews[*(const uint32_t *)a], *right = &world->reviews[*(const uint32_t *)b];
    int order = strcmp(left->unit, right->unit);
    return order != 0 ? order : (left->year > right->year) - (left->year < right->year);
}

static bool plan_order(struct store *store)
{
    struct world *world = &store->batch->world;
    struct arena *arena = store->batch->arena;
    struct batch_plan *plan = store->plan = arena_take(arena, sizeof *plan);
    if (plan == NULL) return false;
    plan->order = arena_take(arena, (world->review_count + 1) * sizeof *plan->order);
    plan->rank = arena_take(arena, (world->review_count + 1) * sizeof *plan->rank);
    plan->parts = arena_take(arena, (world->review_count + 1) * sizeof *plan->parts);
    if (plan->order == NULL || plan->rank == NULL || plan->parts == NULL) return false;
    for (size_t i = 0; i < world->review_count; i++) plan->order[i] = (uint32_t)i;
    qsort_r(plan->order, world->review_count, sizeof *plan->order, compare_reviews, world);
    for (size_t i = 0; i < world->review_count; i++) plan->rank[plan->order[i]] = (uint32_t)i + 1;
    return true;
}

/* ---- what the events ask for ---- */

static struct review_part *part_of(const struct store *store, const struct review *review)
{
    return &store->plan->parts[review - store->batch->world.reviews];
}

static uint32_t rank_of(const struct store *store, const struct review *review)
{
    return store->plan->rank[review - store->batch->world.reviews];
}

static const struct event *event_at(const struct store *store, size_t i, enum topic_kind topic)
{
    const struct review_event *in = &store->batch->events[i];
    return in->topic == topic && in->review != NULL ? in->event : NULL;
}

enum { CUT_CHARS = 15 }; /* of a number, that a spreadsheet leaves; the rest are zeros */

/* Whether a well-formed number may be one that a spreadsheet cut and whose check fits by chance: its 17 digits end in two zeros. */
static bool may_be_cut(struct id_key key)
{
    return key.text == NULL && key.packed % 100 == 0;
}

/* The texts of a failing key's neighbourhood: of a number that a spreadsheet cut, all that begin like it. */
static bool key_range(struct arena *arena, struct id_key key, const char **first, const char **last)
{
    char text[ID_KEY_TEXT_BYTES + 1];
    size_t length = id_key_write(key, text);
    *first = *last = arena_copy(arena, text, length);
    if (*first == NULL || (key.text == NULL && !may_be_cut(key)) || length < CUT_CHARS) return *first != NULL;
    *first = arena_copy(arena, text, CUT_CHARS);
    text[CUT_CHARS] = 0x7f; /* above every character of a number; what is malformed otherwise is found by its own text */
    const char *above = arena_copy(arena, text, CUT_CHARS + 1);
    if (*first == NULL || above == NULL) return false;
    if (strcmp(above, *last) > 0) *last = above;
    return true;
}

static bool part_widen(struct store *store, struct review_part *part, const struct event_rows *rows)
{
    part->roster_how = part->roster_how < 0 ? 0 : part->roster_how;
    for (uint32_t i = 0; i < rows->failing_count && part->roster_how < 2; i++) {
        /* Packed keys ascend nearly always: the first and the last are the range. */
        bool is_inner = i > 0 && i + 1 < rows->failing_count && rows->failing[i].key.text == NULL && !may_be_cut(rows->failing[i].key) &&
                        id_key_compare(rows->failing[i - 1].key, rows->failing[i].key) <= 0 &&
                        id_key_compare(rows->failing[i].key, rows->failing[i + 1].key) <= 0;
        if (is_inner) continue;
        const char *first, *last;
        if (!key_range(store->batch->arena, rows->failing[i].key, &first, &last)) return false;
        if (part->roster_how == 0 || strcmp(first, part->first_key) < 0) part->first_key = first;
        if (part->roster_how == 0 || strcmp(last, part->last_key) > 0) part->last_key = last;
        part->roster_how = 1;
    }
    return true;
}

static bool plan_chunk(struct store *store, struct review_part *part, const struct event *event)
{
    store->plan->has_chunks = true;
    part->chunks++;
    if (event->chunks > 1) return true; /* the database knows whether it completes */
    if (event->mode == EVENT_MODE_LIST) part->roster_how = 2;
    return part_widen(store, part, &event->rows);
}

static bool plan_events(struct store *store)
{
    struct micro_batch *batch = store->batch;
    for (size_t i = 0; i < batch->world.review_count; i++) store->plan->parts[i].roster_how = -1;
    for (size_t i = 0; i < batch->record_count; i++) {
        const struct review_event *in = &batch->events[i];
        if (in->review == NULL) continue;
        struct review_part *part = part_of(store, in->review);
        part->shard = in->partition;
        if (in->event == NULL) continue;
        part->unit_reviews += in->topic == TOPIC_UNIT_REVIEW;
        part->decisions += in->topic == TOPIC_APPROVAL;
        store->plan->has_decisions = store->plan->has_decisions || in->topic == TOPIC_APPROVAL;
        if (in->topic == TOPIC_MEMBER_REVIEW && !plan_chunk(store, part, in->event)) return false;
    }
    return true;
}

/* ---- identities: each is asked for once ---- */

static int compare_identities(const void *a, const void *b)
{
    const struct identity *left = a, *right = b;
    if (left->review != right->review) return left->review < right->review ? -1 : 1;
    int order = strcmp(left->first, right->first);
    if (order == 0) order = strcmp(left->second, right->second);
    return order != 0 ? order : (left->number > right->number) - (left->number < right->number);
}

static void identities_sort(struct identities *identities)
{
    size_t kept = 0;
    if (identities->count > 1) qsort(identities->list, identities->count, sizeof *identities->list, compare_identities);
    for (size_t i = 0; i < identities->count; i++)
        if (i == 0 || compare_identities(&identities->list[i], &identities->list[kept - 1]) != 0)
            identities->list[kept++] = identities->list[i];
    identities->count = kept;
}

/* Of the events of one topic; a chunk's unit review counts as one of that topic. False: the arena is full. */
static bool identities_of(const struct store *store, enum topic_kind topic, struct identities *out)
{
    const struct micro_batch *batch = store->batch;
    *out = (struct identities){.list = arena_take(batch->arena, batch->record_count * sizeof *out->list)};
    if (out->list == NULL) return false;
    for (size_t i = 0; i < batch->record_count; i++) {
        const struct event *event = event_at(store, i, topic), *chunk = event_at(store, i, TOPIC_MEMBER_REVIEW);
        if (event != NULL)
            out->list[out->count++] = (struct identity){rank_of(store, batch->events[i].review), event->source, event->id, 0, 0};
        else if (topic == TOPIC_UNIT_REVIEW && chunk != NULL)
            out->list[out->count++] = (struct identity){rank_of(store, batch->events[i].review), chunk->source, chunk->unit_review, 0, 0};
    }
    identities_sort(out);
    return true;
}

/* Chunks of submissions of several, by submission and number. */
static bool identities_of_numbers(const struct store *store, struct identities *out)
{
    const struct micro_batch *batch = store->batch;
    *out = (struct identities){.list = arena_take(batch->arena, batch->record_count * sizeof *out->list)};
    if (out->list == NULL) return false;
    for (size_t i = 0; i < batch->record_count; i++) {
        const struct event *event = event_at(store, i, TOPIC_MEMBER_REVIEW);
        if (event == NULL || event->chunks == 1) continue;
        out->list[out->count++] =
            (struct identity){rank_of(store, batch->events[i].review), event->submission, "", event->chunk_number, event->chunks};
    }
    identities_sort(out);
    return true;
}

/* ---- parameters ---- */

#define ARRAY(type, count, add)                                                                                                            \
    do {                                                                                                                                   \
        query_##type##_array(query);                                                                                                       \
        for (size_t i = 0; i < (count); i++) add;                                                                                          \
    } while (0)

static const struct review *review_at(const struct store *store, size_t i) /* in order */
{
    return &store->batch->world.reviews[store->plan->order[i]];
}

/* Units and years of the reviews, in order. */
static struct database_query *query_reviews(struct store *store)
{
    struct database_query *query = store_query(store);
    size_t count = store->batch->world.review_count;
    ARRAY(text, count, query_add_string(query, review_at(store, i)->unit));
    ARRAY(int4, count, query_add_int4(query, review_at(store, i)->year));
    return query;
}

static void query_identities(struct database_query *query, const struct identities *identities)
{
    ARRAY(int4, identities->count, query_add_int4(query, (int32_t)identities->list[i].review));
    ARRAY(text, identities->count, query_add_string(query, identities->list[i].first));
    ARRAY(text, identities->count, query_add_string(query, identities->list[i].second));
}

static void ask_one(struct store *store, enum load_statement statement)
{
    store->plan->asked[statement] = store_add(store, &statements[statement], true) + 1;
}

static void ask_fence(struct store *store)
{
    const struct micro_batch *batch = store->batch;
    struct database_query *query = store_query(store);
    ARRAY(int4, batch->move_count, query_add_int4(query, batch->moves[i].shard));
    ARRAY(int4, batch->move_count, query_add_int4(query, (int32_t)batch->moves[i].topic));
    ARRAY(int8, batch->move_count, query_add_int8(query, batch->moves[i].epoch));
    ARRAY(int8, batch->move_count, query_add_int8(query, batch->moves[i].expected_offset));
    ask_one(store, LOAD_FENCE);
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The years of the reviews and the reviewers that events name, each once. */
static bool ask_reference(struct store *store)
{
    const struct micro_batch *batch = store->batch;
    struct database_query *query = store_query(store);
    const char **names = arena_take(batch->arena, (batch->record_count + 1) * sizeof *names);
    int32_t *years = arena_take(batch->arena, (batch->world.review_count + 1) * sizeof *years);
    if (names == NULL || years == NULL) return false;
    size_t name_count = 0, year_count = 0;
    for (size_t i = 0; i < batch->record_count; i++) {
        const struct event *event = event_at(store, i, TOPIC_APPROVAL);
        if (event != NULL && event->reviewer != NULL) names[name_count++] = event->reviewer;
    }
    qsort(names, name_count, sizeof *names, compare_texts);
    for (size_t i = 0; i < batch->world.review_count; i++) {
        size_t at = 0;
        while (at < year_count && years[at] != batch->world.reviews[i].year) at++;
        if (at == year_count && year_count < EVENT_YEAR_MAX - EVENT_YEAR_MIN) years[year_count++] = batch->world.reviews[i].year;
    }
    ARRAY(int4, year_count, query_add_int4(query, years[i]));
    ARRAY(text, name_count, if (i == 0 || strcmp(names[i], names[i - 1]) != 0) query_add_string(query, names[i]));
    ask_one(store, LOAD_REFERENCE);
    return true;
}

static void ask_units(struct store *store)
{
    const struct micro_batch *batch = store->batch;
    struct database_query *query = store_query(store);
    ARRAY(text, batch->world.review_count, query_add_string(query, review_at(store, i)->unit));
    ARRAY(bool, batch->world.review_count, query_add_bool(query, part_of(store, review_at(store, i))->decisions > 0));
    query_bool(query, batch->record_count > 0 && batch->records[0].is_applied_before);
    ask_one(store, LOAD_UNITS);
}

static void ask_first(struct store *store, enum load_statement statement)
{
    struct database_query *query = query_reviews(store);
    query_int4(query, LOAD_MOST);
    ask_one(store, statement);
}

static void ask_submissions(struct store *store)
{
    struct database_query *query = query_reviews(store);
    ARRAY(bool, store->batch->world.review_count, query_add_bool(query, part_of(store, review_at(store, i))->decisions > 0));
    ask_one(store, LOAD_SUBMISSIONS);
}

/* Submissions of several chunks; the numbers are sorted. */
static bool find_completing(struct store *store, const struct identities *numbers)
{
    struct batch_plan *plan = store->plan;
    plan->completing = arena_take(store->batch->arena, (numbers->count + 1) * sizeof *plan->completing);
    if (plan->completing == NULL) return false;
    struct completing *last = NULL;
    for (size_t i = 0; i < numbers->count; i++) {
        const struct identity *at = &numbers->list[i];
        if (last == NULL || last->review != at->review || strcmp(last->submission, at->first) != 0) {
            last = &plan->completing[plan->completing_count++];
            *last = (struct completing){at->review, at->first, 0, at->chunks};
        }
        last->count++;
    }
    return true;
}

static bool is_completing(const struct review *review, const struct completing *completing)
{
    for (size_t i = 0; i < review->submission_count; i++) {
        const struct submission *submission = &review->submissions[i];
        if (strcmp(submission->name, completing->submission) != 0) continue;
        return submission->completed.offset < 0 && submission->received + completing->count >= submission->chunk_count;
    }
    return completing->count >= completing->chunks;
}

void store_mark_complete(struct store *store)
{
    const struct batch_plan *plan = store->plan;
    for (size_t i = 0; i < plan->completing_count; i++) {
        const struct completing *completing = &plan->completing[i];
        uint32_t place = plan->order[completing->review - 1];
        if (is_completing(&store->batch->world.reviews[place], completing)) plan->parts[place].roster_how = 2;
    }
}

static void query_completing(struct database_query *query, const struct batch_plan *plan)
{
    ARRAY(int4, plan->completing_count, query_add_int4(query, (int32_t)plan->completing[i].review));
    ARRAY(text, plan->completing_count, query_add_string(query, plan->completing[i].submission));
    ARRAY(int4, plan->completing_count, query_add_int4(query, plan->completing[i].count));
}

static bool ask_chunks(struct store *store, const struct identities *numbers)
{
    struct identities ids;
    if (!identities_of(store, TOPIC_MEMBER_REVIEW, &ids)) return false;
    struct database_query *query = query_reviews(store);
    query_identities(query, &ids);
    ARRAY(int4, numbers->count, query_add_int4(query, (int32_t)numbers->list[i].review));
    ARRAY(text, numbers->count, query_add_string(query, numbers->list[i].first));
    ARRAY(int4, numbers->count, query_add_int4(query, numbers->list[i].number));
    query_completing(query, store->plan);
    ask_one(store, LOAD_CHUNKS);
    return true;
}

static void ask_roster(struct store *store)
{
    struct database_query *query = query_reviews(store);
    const struct batch_plan *plan = store->plan;
    size_t reviews = store->batch->world.review_count;
    ARRAY(int4, reviews, query_add_int4(query, part_of(store, review_at(store, i))->roster_how));
    ARRAY(text, reviews, query_add_string(query, part_of(store, review_at(store, i))->first_key));
    ARRAY(text, reviews, query_add_string(query, part_of(store, review_at(store, i))->last_key));
    query_completing(query, plan);
    ARRAY(int4, plan->completing_count, query_add_int4(query, plan->completing[i].chunks));
    ask_one(store, LOAD_ROSTER);
}

/* Where the rows are in memory they say what completes; else the database does, and they say so once they are loaded. */
static bool ask_chunks_and_roster(struct store *store, bool has_rows)
{
    struct identities numbers;
    if (!identities_of_numbers(store, &numbers) || !find_completing(store, &numbers)) return false;
    if (has_rows && !ask_chunks(store, &numbers)) return false;
    if (!has_rows) {
        store_mark_complete(store);
        store->plan->completing_count = 0;
    }
    ask_roster(store);
    return true;
}

static bool ask(struct store *store, bool has_rows)
{
    if (!ask_reference(store)) return false;
    ask_units(store);
    if (has_rows) {
        ask_first(store, LOAD_UNIT_REVIEWS);
        ask_submissions(store);
        ask_first(store, LOAD_DECISIONS);
    }
    query_reviews(store);
    ask_one(store, LOAD_CHANGES);
    return !store->plan->has_chunks || ask_chunks_and_roster(store, has_rows);
}

/* ---- reviews with many rows ---- */

static bool ask_named(struct store *store, enum load_statement statement, enum topic_kind topic)
{
    struct identities named;
    size_t count = store->batch->world.review_count;
    if (!identities_of(store, topic, &named)) return false;
    struct database_query *query = query_reviews(store);
    query_int4_array(query);
    for (size_t i = 0; i < count; i++) {
        const struct review_part *part = part_of(store, review_at(store, i));
        if (topic == TOPIC_UNIT_REVIEW ? part->has_many_unit_reviews : part->has_many_decisions) query_add_int4(query, (int32_t)i + 1);
    }
    query_identities(query, &named);
    ask_one(store, statement);
    return true;
}

/* ---- the answers ---- */

static void keep(struct store *store)
{
    struct store_loaded *loaded = store->batch->loaded;
    size_t *asked = store->plan->asked;
    for (size_t i = 0; i < LOAD_STATEMENTS; i++) {
        if (asked[i] == 0) continue;
        store->loaded[i] = loaded->results[loaded->result_count++] = store_take(store, asked[i] - 1);
        asked[i] = 0;
    }
}

static bool unpack(struct store *store)
{
    if (!store_unpack(store)) return false;
    store_mark_complete(store);
    return store_later(store) || store->fault.kind == FAULT_NONE;
}

static bool named_loaded(struct store *store)
{
    keep(store);
    return unpack(store);
}

static bool loaded(struct store *store)
{
    keep(store);
    if (store->loaded[LOAD_SUBMISSIONS] == NULL || !store_has_many(store)) return store->fault.kind == FAULT_NONE && unpack(store);
    store_pipeline(store);
    bool is_good = ask_named(store, LOAD_NAMED_UNIT_REVIEWS, TOPIC_UNIT_REVIEW) && ask_named(store, LOAD_NAMED_DECISIONS, TOPIC_APPROVAL);
    if (!is_good) {
        store_memory(store);
        store_give_up(store);
        return true;
    }
    store_end(store, named_loaded);
    return true;
}

static bool plan(struct store *store, struct micro_batch *batch)
{
    store_release(batch);
    store_begin(store);
    store->batch = batch;
    memset(store->loaded, 0, sizeof store->loaded);
    batch->loaded = calloc(1, sizeof *batch->loaded);
    return batch->loaded != NULL && plan_order(store) && plan_events(store);
}

void store_load_begin(struct store *store, struct micro_batch *batch, bool has_rows)
{
    bool is_good = plan(store, batch);
    if (is_good && !store->is_reader) {
        store_add(store, &store_statement_begin, false);
        ask_fence(store);
    }
    if (is_good && ask(store, has_rows)) {
        store->is_in_transaction = !store->is_reader; /* whatever becomes of the rest: BEGIN is the first */
        store_end(store, loaded);
    } else {
        store_memory(store);
        store_give_up(store);
    }
}

void store_load(struct store *store, struct micro_batch *batch)
{
    store_load_begin(store, batch, true);
}
