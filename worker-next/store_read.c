#include "worker-next/store_read.h"

#include <poll.h>

#include "worker-next/store_internal.h"

struct store *store_reader_new(struct database *database)
{
    struct store *store = store_new("");
    if (store == NULL) return NULL;
    store->database = database;
    store->state = STORE_READY;
    store->is_reader = true;
    return store;
}

void store_reader_free(struct store *store)
{
    if (store != NULL) store->database = NULL;
    store_free(store);
}

/* Reviews that were kept remember the reference data of another micro-batch. */
static void reference_forget(struct review *review)
{
    review->created_ms = REFERENCE_FOREVER_MS;
    review->superiors = NULL;
    review->limits = NULL;
    review->superior_count = review->limit_count = 0;
    review->roster = (struct roster){0};
}

void store_read_reference(struct store *store, struct micro_batch *batch)
{
    for (size_t i = 0; i < batch->world.review_count; i++) reference_forget(&batch->world.reviews[i]);
    store_load_begin(store, batch, false);
}

void store_read_state(struct store *store, struct micro_batch *batch)
{
    store_load_begin(store, batch, true);
}

bool store_read_await(struct store *store, struct fault *fault)
{
    while (store_step(store) == STORE_BUSY) {
        bool wants_write;
        struct pollfd wait = {.fd = store_socket(store, &wants_write), .events = POLLIN};
        if (wants_write) wait.events |= POLLOUT;
        (void)poll(&wait, 1, -1);
    }
    const struct fault *failure = store_fault(store);
    for (size_t i = 0; store->state == STORE_READY && i < store->batch->world.review_count; i++)
        store->batch->world.reviews[i].is_held = false;
    return store->state == STORE_READY || fault_set(fault, failure->kind, failure->exit_status, failure->code, "%s", failure->text);
}
