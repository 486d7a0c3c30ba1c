/* SHA-256 of many small texts: what a hash needs is made once a thread, since making it takes longer than hashing a small record. */
#ifndef NIANSHEN_CORE_SHA256_H
#define NIANSHEN_CORE_SHA256_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SHA256_BYTES = 32 };

/* The thread's context, ready for EVP_DigestUpdate and EVP_DigestFinal_ex; the next call resets it. NULL: the library fails. */
EVP_MD_CTX *sha256_begin(void);

/* False: the library fails. */
bool sha256_of(const void *bytes, size_t count, uint8_t out[SHA256_BYTES]);

#endif
