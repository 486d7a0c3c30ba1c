/* The tables behind core/region.h, generated from schemas/; nobody else includes this. */
#ifndef NIANSHEN_CORE_REGION_INTERNAL_H
#define NIANSHEN_CORE_REGION_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

struct region {
    int32_t code;
    const char *name; /* of the region alone, its newest */
};

struct country {
    int32_t number;
    char letters[4];
};

extern const struct region region_table[]; /* by code */
extern const size_t region_count;
extern const uint8_t region_bits[]; /* bit (code % 8) of byte (code / 8): the code is in region_table; up to 999999 */
extern const struct country country_table[]; /* by number */
extern const size_t country_count;

#endif
