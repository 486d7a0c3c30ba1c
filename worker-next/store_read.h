/*
 * The store of somebody who only reads: what events are judged against is loaded within the caller's own transaction, so that it is of one
 * snapshot; nothing is locked, compared with positions or written. For verify and replay. Units that are held are not said to be: the
 * caller gives no record that was held.
 */
#ifndef NIANSHEN_WORKER_STORE_READ_H
#define NIANSHEN_WORKER_STORE_READ_H

#include "core/database.h"
#include "worker-next/store.h"

/* On an open session, in a transaction that the caller begins and ends; borrowed. One request at a time. NULL: memory is out. */
struct store *store_reader_new(struct database *database);
void store_reader_free(struct store *store);

/*
 * Begins to load what a micro-batch's events are judged against, as store_load does, without moves. store_read_reference leaves the rows of
 * the reviews as they are: all of them are in memory. store_read_await ends it: false with the fault, FAULT_RETRY of code "memory" when the
 * arena is full. store_release frees what was loaded.
 */
void store_read_reference(struct store *store, struct micro_batch *batch);
void store_read_state(struct store *store, struct micro_batch *batch);
bool store_read_await(struct store *store, struct fault *fault);

#endif
