/*
 * The headers of a Kafka record as bytes, for where a record is kept outside of Kafka: dead letters and held records in the database.
 * Pure; what is unpacked lies in the arena.
 *
 * A version; 1 when the client library had lost them; their number; of each the name and the value, both behind their lengths (4 bytes,
 * big-endian; all ones for a null value).
 */
#ifndef NIANSHEN_CORE_RECORD_BYTES_H
#define NIANSHEN_CORE_RECORD_BYTES_H

#include "core/arena.h"
#include "core/kafka.h"

/* NULL: the arena is full. */
const void *record_headers_pack(struct arena *arena, const struct kafka_record *record, size_t *size_bytes);
/* Fills headers, header_count and has_lost_headers; values are borrowed from `bytes`, names copied. False: these are no headers, or the
 * arena is full. */
bool record_headers_unpack(struct arena *arena, const void *bytes, size_t size_bytes, struct kafka_record *record);

#endif
