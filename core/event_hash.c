#include <openssl/evp.h>
#include <string.h>

#include "core/event_internal.h"

/* Kept for the next record: to make it and to look SHA-256 up takes longer than to hash a small record. */
static _Thread_local struct {
    EVP_MD_CTX *context; /* NULL: none yet */
    bool knows_algorithm;
} kept;

static bool start(void)
{
    if (kept.context == NULL) kept.context = EVP_MD_CTX_new();
    if (kept.context == NULL) return false; /* GCOV_EXCL_BR_LINE: made once a thread, and nothing fails in a test before that */
    kept.knows_algorithm = EVP_DigestInit_ex(kept.context, kept.knows_algorithm ? NULL : EVP_sha256(), NULL) == 1;
    return kept.knows_algorithm;
}

static void flush(struct event_hash *hash)
{
    if (hash->is_good && EVP_DigestUpdate(kept.context, hash->block, hash->used) != 1) hash->is_good = false;
    hash->used = 0;
}

void event_hash_begin(struct event_hash *hash, enum event_type type)
{
    const char *name = event_type_name(type);
    hash->used = 0;
    hash->is_good = start();
    event_hash_add(hash, name, strlen(name));
    event_hash_add(hash, "\n", 1);
}

void event_hash_add_block(struct event_hash *hash, const char *bytes, size_t count)
{
    while (count > sizeof hash->block - hash->used) {
        size_t room = sizeof hash->block - hash->used;
        memcpy(hash->block + hash->used, bytes, room);
        hash->used += room;
        bytes += room;
        count -= room;
        flush(hash);
    }
    memcpy(hash->block + hash->used, bytes, count);
    hash->used += count;
}

bool event_hash_end(struct event_hash *hash, uint8_t out[EVENT_SHA256_BYTES])
{
    flush(hash);
    return hash->is_good && EVP_DigestFinal_ex(kept.context, out, NULL) == 1;
}
