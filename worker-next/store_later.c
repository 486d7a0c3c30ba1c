/*
 * Numbers that no campaign member has, or none any more, may be those of members who enrolled after the opening, and the refusal then says
 * so. There is no index of these, and nearly every entry is on the roster: so only the keys that the blocks do not have, or that were
 * corrected, are asked for, in a round trip of their own when there are any.
 */
#include <stdlib.h>
#include <string.h>

#include "worker-next/store_internal.h"

static const struct database_statement statement_later = {"load_later", "SELECT * FROM nianshen_engine.load_later($1, $2, $3, $4)"};

struct missing {
    uint32_t rank; /* of the review */
    struct id_key key;
};

struct search {
    struct store *store;
    struct missing *list;
    size_t count, room;
    /* the review that is looked through, and where its last key was found: entries ascend */
    const struct roster *roster;
    uint32_t rank;
    size_t block;
    int32_t index;
    struct id_key *corrected; /* numbers that somebody had, sorted */
};

static int compare_keys(const void *a, const void *b)
{
    return id_key_compare(*(const struct id_key *)a, *(const struct id_key *)b);
}

static bool missing_add(struct search *search, struct id_key key)
{
    if (search->count == search->room) {
        size_t room = search->room * 2 + 64;
        struct missing *grown = arena_take(search->store->batch->arena, room * sizeof *grown);
        if (grown == NULL) return store_memory(search->store);
        if (search->count > 0) memcpy(grown, search->list, search->count * sizeof *grown);
        search->list = grown;
        search->room = room;
    }
    search->list[search->count++] = (struct missing){search->rank, key};
    return true;
}

/* The first place at or behind the last one whose key is not below; from the beginning when the keys do not ascend. */
static bool search_has(struct search *search, struct id_key key)
{
    const struct roster *roster = search->roster;
    if (search->block < roster->block_count && id_key_compare(roster_block_key(&roster->blocks[search->block], search->index), key) > 0) {
        search->block = 0;
        search->index = 0;
    }
    for (; search->block < roster->block_count; search->block++, search->index = 0) {
        const struct roster_block *block = &roster->blocks[search->block];
        int32_t members = roster_block_count(block), step = 1;
        if (id_key_compare(roster_block_key(block, members - 1), key) < 0) continue;
        /* In growing steps, then by halves: one step where entry follows member. */
        int32_t low = search->index, high = low;
        while (high < members - 1 && id_key_compare(roster_block_key(block, high), key) < 0) {
            low = high;
            high = high + step < members - 1 ? high + step : members - 1;
            step *= 2;
        }
        while (low < high) {
            int32_t middle = low + (high - low) / 2;
            if (id_key_compare(roster_block_key(block, middle), key) < 0)
                low = middle + 1;
            else
                high = middle;
        }
        search->index = low;
        return id_key_equal(roster_block_key(block, low), key);
    }
    search->block = 0;
    search->index = 0;
    return false;
}

static bool search_key(struct search *search, struct id_key key)
{
    if (key.text != NULL && key.text[0] == '\0') return true; /* an entry without a number */
    size_t corrected = search->roster->change_count;
    bool is_corrected = corrected > 0 && bsearch(&key, search->corrected, corrected, sizeof key, compare_keys) != NULL;
    return (search_has(search, key) && !is_corrected) || missing_add(search, key);
}

static bool search_rows(struct search *search, const struct event_rows *rows)
{
    for (uint32_t i = 0; i < rows->failing_count; i++)
        if (!search_key(search, rows->failing[i].key)) return false;
    for (uint32_t i = 0; i < rows->passed_count; i++)
        if (!search_key(search, rows->passed[i])) return false;
    return true;
}

static bool search_start(struct search *search, const struct review *review)
{
    size_t place = (size_t)(review - search->store->batch->world.reviews), count = review->roster.change_count;
    search->rank = search->store->plan->rank[place];
    search->block = 0;
    search->index = 0;
    if (search->roster == &review->roster) return true;
    search->roster = &review->roster;
    if (count == 0) return true;
    search->corrected = arena_take(search->store->batch->arena, count * sizeof *search->corrected);
    if (search->corrected == NULL) return store_memory(search->store);
    for (size_t i = 0; i < count; i++) search->corrected[i] = review->roster.changes[i].was_key;
    qsort(search->corrected, count, sizeof *search->corrected, compare_keys);
    return true;
}

/* A submission of several chunks may complete: the whole roster was loaded. */
static bool is_judged(const struct store *store, const struct review *review)
{
    return store->plan->parts[review - store->batch->world.reviews].roster_how == 2;
}

/* Only of submissions whose roster was loaded: those that may be judged now. */
static bool search_all(struct search *search)
{
    const struct micro_batch *batch = search->store->batch;
    for (size_t i = 0; i < batch->record_count; i++) {
        const struct review_event *in = &batch->events[i];
        if (in->topic != TOPIC_MEMBER_REVIEW || in->event == NULL || in->review == NULL) continue;
        if (in->event->chunks > 1 && !is_judged(search->store, in->review)) continue;
        if (!search_start(search, in->review) || !search_rows(search, &in->event->rows)) return false;
    }
    for (size_t i = 0; i < batch->world.review_count; i++) {
        const struct review *review = &batch->world.reviews[i];
        if (!is_judged(search->store, review)) continue;
        for (size_t j = 0; j < review->submission_count; j++) {
            if (review->submissions[j].chunks_loaded > 0 && !search_start(search, review)) return false;
            for (size_t k = 0; k < review->submissions[j].chunks_loaded; k++)
                if (!search_rows(search, &review->submissions[j].chunks[k].rows)) return false;
        }
    }
    return true;
}

static int compare_missing(const void *a, const void *b)
{
    const struct missing *left = a, *right = b;
    if (left->rank != right->rank) return left->rank < right->rank ? -1 : 1;
    return id_key_compare(left->key, right->key);
}

static int compare_later(const void *a, const void *b)
{
    return id_key_compare(((const struct roster_later *)a)->key, ((const struct roster_later *)b)->key);
}

static bool unpack_later(struct store *store, const struct database_result *result)
{
    size_t rows = result_rows(result), from = 0;
    struct roster_later *later = arena_take(store->batch->arena, (rows + 1) * sizeof *later);
    if (later == NULL) return store_memory(store);
    for (size_t row = 0; row < rows; row++)
        later[row] = (struct roster_later){id_key_of(result_text(result, row, 1), result_bytes(result, row, 1)),
                                           result_int8(result, row, 2), result_int8(result, row, 3)};
    while (from < rows) { /* the rows come by review */
        struct review *review = plan_review(store, result, from, 0);
        size_t until = from + 1;
        while (until < rows && plan_review(store, result, until, 0) == review) until++;
        qsort(later + from, until - from, sizeof *later, compare_later);
        review->roster.later = later + from;
        review->roster.later_count = until - from;
        from = until;
    }
    return true;
}

static bool later_loaded(struct store *store)
{
    struct store_loaded *loaded = store->batch->loaded;
    struct database_result *result = loaded->results[loaded->result_count++] = store_take(store, 0);
    return unpack_later(store, result);
}

static void query_missing(struct store *store, const struct missing *list, size_t count)
{
    char text[ID_KEY_TEXT_BYTES];
    const struct batch_plan *plan = store->plan;
    const struct world *world = &store->batch->world;
    struct database_query *query = store_query(store);
    query_text_array(query);
    for (size_t i = 0; i < world->review_count; i++) query_add_string(query, world->reviews[plan->order[i]].unit);
    query_int4_array(query);
    for (size_t i = 0; i < world->review_count; i++) query_add_int4(query, world->reviews[plan->order[i]].year);
    query_int4_array(query);
    for (size_t i = 0; i < count; i++) query_add_int4(query, (int32_t)list[i].rank);
    query_text_array(query);
    for (size_t i = 0; i < count; i++) query_add_text(query, text, id_key_write(list[i].key, text));
}

bool store_later(struct store *store)
{
    struct search search = {.store = store};
    size_t kept = 0;
    if (!store->plan->has_chunks || !search_all(&search) || search.count == 0) return false;
    qsort(search.list, search.count, sizeof *search.list, compare_missing);
    for (size_t i = 0; i < search.count; i++)
        if (i == 0 || compare_missing(&search.list[i], &search.list[kept - 1]) != 0) search.list[kept++] = search.list[i];
    store_pipeline(store);
    query_missing(store, search.list, kept);
    store_add(store, &statement_later, true);
    store_end(store, later_loaded);
    return true;
}
