#include "core/region.h"

#include <string.h>

#include "core/region_internal.h"

enum {
    PREFECTURE = 100, /* what the codes of the wider regions are multiples of */
    PROVINCE = 10000,
    CODES = 1000000,
};

bool region_is_province(int32_t province)
{
    static const uint16_t last_digits[] = {0, 0x3E, 0xE, 0xFE, 0x7E, 0x1F, 0x3E, 0x2, 0xE, 0}; /* by the first: bit n is last digit n */
    return province >= 0 && province < 100 && (last_digits[province / 10] >> (province % 10) & 1) != 0;
}

static const struct region *find(int32_t code)
{
    size_t first = 0, end = region_count;
    while (first < end) {
        size_t middle = first + (end - first) / 2;
        if (region_table[middle].code < code)
            first = middle + 1;
        else
            end = middle;
    }
    return first < region_count && region_table[first].code == code ? &region_table[first] : NULL;
}

bool region_is_known(int32_t code)
{
    return code >= 0 && code < CODES && (region_bits[code / 8] >> (code % 8) & 1) != 0;
}

/* "市辖区", "县" and their like only say what kind of regions follow. */
static bool is_heading(const char *name)
{
    return strcmp(name, "市辖区") == 0 || strcmp(name, "县") == 0 || strncmp(name, "省直辖", strlen("省直辖")) == 0;
}

static void add_name(int32_t code, char *out, size_t out_bytes)
{
    const struct region *region = find(code);
    size_t used = strlen(out), room = out_bytes - used;
    if (region == NULL || is_heading(region->name) || strlen(region->name) >= room) return;
    memcpy(out + used, region->name, strlen(region->name) + 1);
}

void region_describe(int32_t code, char *out, size_t out_bytes)
{
    out[0] = '\0';
    add_name(code - code % PROVINCE, out, out_bytes);
    if (code % PROVINCE != 0) add_name(code - code % PREFECTURE, out, out_bytes);
    if (code % PREFECTURE != 0) add_name(code, out, out_bytes);
}

const char *region_country_letters(int32_t number)
{
    for (size_t i = 0; i < country_count; i++)
        if (country_table[i].number == number) return country_table[i].letters;
    return NULL;
}

bool region_country_is_known(const char letters[3])
{
    for (size_t i = 0; i < country_count; i++)
        if (memcmp(country_table[i].letters, letters, 3) == 0) return true;
    return false;
}
