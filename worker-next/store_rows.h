/* The rows of a micro-batch as statements of a pipeline. */
#ifndef NIANSHEN_WORKER_STORE_ROWS_H
#define NIANSHEN_WORKER_STORE_ROWS_H

#include "worker-next/store_internal.h"

/* Adds the statements of all tables that have rows to write. False: the arena is full. */
bool store_write_rows(struct store *store);

#endif
