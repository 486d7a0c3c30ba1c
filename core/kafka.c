/* Records as bytes: their fingerprint and their partition. Pure. */
#include "core/kafka.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

/* Memory that is out in the middle of a hash leaves no way to go on: the fingerprint decides whether records are skipped. */
static void hash_add(EVP_MD_CTX *hash, const void *bytes, size_t count)
{
    if (count > 0 && EVP_DigestUpdate(hash, bytes, count) != 1) abort();
}

static void hash_add_number(EVP_MD_CTX *hash, uint64_t number)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(number >> (8 * (sizeof bytes - 1 - i)));
    hash_add(hash, bytes, sizeof bytes);
}

/* The length comes first, so that no two records with different parts have the same bytes in a row. */
static void hash_add_part(EVP_MD_CTX *hash, const void *bytes, size_t count)
{
    hash_add_number(hash, bytes == NULL ? UINT64_MAX : count);
    if (bytes != NULL) hash_add(hash, bytes, count);
}

void kafka_record_sha256(const struct kafka_record *record, uint8_t out[KAFKA_SHA256_BYTES])
{
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    if (hash == NULL || EVP_DigestInit_ex(hash, EVP_sha256(), NULL) != 1) abort();
    hash_add_part(hash, record->key, record->key_bytes);
    hash_add_part(hash, record->value, record->value_bytes);
    hash_add_number(hash, record->header_count);
    for (size_t i = 0; i < record->header_count; i++) {
        const struct kafka_header *header = &record->headers[i];
        hash_add_part(hash, header->name, strlen(header->name));
        hash_add_part(hash, header->value, header->value_bytes);
    }
    if (EVP_DigestFinal_ex(hash, out, NULL) != 1) abort();
    EVP_MD_CTX_free(hash);
}

/* Four bytes, least significant first. */
static uint32_t murmur2_word(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

/* Murmur2 (Austin Appleby, public domain) with the seed of the Java client. */
static uint32_t murmur2(const uint8_t *bytes, size_t count)
{
    const uint32_t mixer = 0x5bd1e995u, seed = 0x9747b28cu;
    uint32_t hash = seed ^ (uint32_t)count;
    for (; count >= 4; bytes += 4, count -= 4) {
        uint32_t word = murmur2_word(bytes) * mixer;
        hash = (hash * mixer) ^ ((word ^ (word >> 24)) * mixer);
    }
    if (count > 0) {
        uint8_t rest[4] = {0};
        memcpy(rest, bytes, count);
        hash = (hash ^ murmur2_word(rest)) * mixer;
    }
    hash = (hash ^ (hash >> 13)) * mixer;
    return hash ^ (hash >> 15);
}

int32_t kafka_partition_of(const void *key, size_t key_bytes, int32_t partitions)
{
    return (int32_t)(murmur2(key, key_bytes) & 0x7fffffffu) % partitions;
}
