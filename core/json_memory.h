/*
 * Memory for Jansson while a record is decoded: pieces of one block, forgotten at once. Half of what parsing takes is else spent in malloc
 * and free of single strings.
 */
#ifndef NIANSHEN_CORE_JSON_MEMORY_H
#define NIANSHEN_CORE_JSON_MEMORY_H

#include <stddef.h>

enum { JSON_MEMORY_BYTES = 1024 * 1024 }; /* the block, one a thread, kept for the next record; what does not fit comes from malloc */

/*
 * Gives Jansson its memory from here on. Without any its parser takes a good text for a wrong one, or crashes: no record may be refused for
 * that, so the process ends instead, and says why. What is not applied yet is read again by the next one.
 */
void json_memory_use(void);

/*
 * From begin to end what Jansson asks for in this thread comes from the block. Everything made in between must be released before the end;
 * what was made before may be released in between, too. Not nested. Outside of it, and in other threads, Jansson works as ever.
 */
void json_memory_begin(void);
void json_memory_end(void);

/* The same memory for whoever works on the text beside Jansson. NULL when memory is out. */
void *json_memory_take(size_t bytes);
void json_memory_give(void *piece);

#endif
