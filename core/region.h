/*
 * Region codes as ID numbers hold them (GB/T 2260) and countries (ISO 3166-1), by tables of all codes ever used. A code that is
 * not in the table is no reason to refuse a number: real cards are known whose county stands in no published list. Pure.
 *
 * Source: schemas/regions.tsv and schemas/countries.tsv, whose heads name where they are from.
 */
#ifndef NIANSHEN_CORE_REGION_H
#define NIANSHEN_CORE_REGION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { REGION_NAME_BYTES_MAX = 160 };

/* True for the first two digits of a province, an autonomous region, a municipality, or 71, 81, 82 and 83. */
bool region_is_province(int32_t province);

/* `code` of six digits. */
bool region_is_known(int32_t code);

/* "湖南省娄底地区": province, prefecture and county as far as they are known; "" when nothing is. `out` is NUL-terminated. */
void region_describe(int32_t code, char *out, size_t out_bytes);

/* Three letters for the three digits of ISO 3166-1; NULL when no country has them. Static. */
const char *region_country_letters(int32_t number);
bool region_country_is_known(const char letters[3]);

#endif
