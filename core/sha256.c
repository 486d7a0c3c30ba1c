#include "core/sha256.h"

#include <openssl/evp.h>

static _Thread_local struct {
    EVP_MD_CTX *context; /* NULL: none yet */
    bool knows_algorithm; /* to look it up takes longest */
} kept;

EVP_MD_CTX *sha256_begin(void)
{
    if (kept.context == NULL) kept.context = EVP_MD_CTX_new();
    if (kept.context == NULL) return NULL; /* GCOV_EXCL_BR_LINE: made once a thread, and nothing fails in a test before that */
    kept.knows_algorithm = EVP_DigestInit_ex(kept.context, kept.knows_algorithm ? NULL : EVP_sha256(), NULL) == 1;
    return kept.knows_algorithm ? kept.context : NULL;
}

bool sha256_of(const void *bytes, size_t count, uint8_t out[SHA256_BYTES])
{
    EVP_MD_CTX *context = sha256_begin();
    return context != NULL && EVP_DigestUpdate(context, bytes, count) == 1 && EVP_DigestFinal_ex(context, out, NULL) == 1;
}
