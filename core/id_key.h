/*
 * The key an entry is sorted and matched by: the normalised ID number, or where the number is malformed its trimmed text. A key orders by
 * its bytes.
 *
 * Nearly every key is a well-formed number of 18 characters: it is packed into one integer, its first 17 digits, from which the check
 * character follows. Packed keys order as integers exactly as their texts order as bytes. Any other key (malformed numbers, passports,
 * foreigners' cards of 15 characters) is a text. Pure, no allocation.
 *
 * Source: schemas/README.md (entries ascend by the bytes of the normalised ID number); GB 11643-1999 for the check character.
 */
#ifndef NIANSHEN_CORE_ID_KEY_H
#define NIANSHEN_CORE_ID_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { ID_KEY_PACKED_CHARS = 18, ID_KEY_TEXT_BYTES = 4 * 255 + 1 /* room for any key as text, with its NUL */ };

struct id_key {
    const char *text; /* NUL-terminated, borrowed; NULL: the key is packed */
    uint64_t packed; /* 17 digits as an integer; 0 beside a text */
};

/* The packed form of `text` when it is 17 digits and the check character that fits (ISO 7064 MOD 11-2), else a key that borrows `text`. */
struct id_key id_key_of(const char *text, size_t length);
/* Where one of them is a text. */
int id_key_compare_texts(struct id_key a, struct id_key b);
/* The key as text, NUL-terminated; returns its length. `out` holds ID_KEY_TEXT_BYTES. */
size_t id_key_write(struct id_key key, char *out);

/* <0, 0, >0: the order of the keys' bytes. */
static inline int id_key_compare(struct id_key a, struct id_key b)
{
    if (a.text == NULL && b.text == NULL) return (a.packed > b.packed) - (a.packed < b.packed);
    return id_key_compare_texts(a, b);
}

static inline bool id_key_equal(struct id_key a, struct id_key b)
{
    if (a.text == NULL && b.text == NULL) return a.packed == b.packed;
    return a.text != NULL && b.text != NULL && strcmp(a.text, b.text) == 0;
}

#endif
