#include <openssl/evp.h>
#include <string.h>

#include "core/event_internal.h"

static void flush(struct event_hash *hash)
{
    if (hash->is_good && EVP_DigestUpdate(hash->context, hash->block, hash->used) != 1) hash->is_good = false;
    hash->used = 0;
}

void event_hash_begin(struct event_hash *hash, enum event_type type)
{
    const char *name = event_type_name(type);
    hash->used = 0;
    hash->context = sha256_begin();
    hash->is_good = hash->context != NULL;
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
    return hash->is_good && EVP_DigestFinal_ex(hash->context, out, NULL) == 1;
}
