/*
 * How many ID numbers a second one core checks: the median of several rounds with their spread, beside the rate at which the same core
 * reads memory. The numbers are of all provinces and forms that make up a roster, one in ten of them wrong.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/id_number.h"

enum { NUMBERS = 10000, PASSES_A_ROUND = 300, ROUNDS = 9, READ_BYTES = 64 * 1024 * 1024 };

static const date_ymd today = 20260301;
static char numbers[NUMBERS][ID_NUMBER_CHARS + 1];

static double now_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void make_numbers(void)
{
    static const char *const regions[] = {"110101", "310115", "432500", "440301", "510202", "321119", "810000", "932682"};
    for (uint32_t i = 0; i < NUMBERS; i++) {
        uint32_t mixed = i * 2654435761U;
        (void)snprintf(numbers[i], sizeof numbers[i], "%s%04u%02u%02u%03u0", regions[i % 8], 1950 + mixed / 7 % 55, 1 + mixed / 11 % 12,
                       1 + mixed / 13 % 28, 1 + mixed / 17 % 999);
        struct id_verdict verdict = id_number_check(numbers[i], ID_NUMBER_CHARS, today);
        if (verdict.expected != 0 && i % 10 != 0) numbers[i][ID_NUMBER_CHARS - 1] = verdict.expected;
    }
}

static double check_rate(void)
{
    size_t good = 0;
    double start = now_s();
    for (int pass = 0; pass < PASSES_A_ROUND; pass++)
        for (size_t i = 0; i < NUMBERS; i++) good += id_number_check(numbers[i], ID_NUMBER_CHARS, today).level != ID_ERROR;
    double rate = (double)NUMBERS * PASSES_A_ROUND / (now_s() - start);
    if (good < (size_t)NUMBERS * PASSES_A_ROUND / 2) exit(1); /* or the numbers are not what they are meant to be */
    return rate;
}

static double read_rate(const uint64_t *memory)
{
    uint64_t sum = 0;
    double start = now_s();
    for (size_t i = 0; i < READ_BYTES / sizeof *memory; i++) sum += memory[i];
    double rate = READ_BYTES / (now_s() - start);
    if (sum == 0) exit(1);
    return rate;
}

static int compare(const void *a, const void *b)
{
    const double *left = a, *right = b;
    return *left < *right ? -1 : *left > *right;
}

int main(void)
{
    double checks[ROUNDS], reads[ROUNDS];
    uint64_t *memory = malloc(READ_BYTES);
    if (memory == NULL) return 1;
    memset(memory, 1, READ_BYTES);
    make_numbers();
    for (int round = 0; round < ROUNDS; round++) {
        checks[round] = check_rate();
        reads[round] = read_rate(memory);
    }
    free(memory);
    qsort(checks, ROUNDS, sizeof *checks, compare);
    qsort(reads, ROUNDS, sizeof *reads, compare);
    double median = checks[ROUNDS / 2], bytes = median * ID_NUMBER_CHARS;
    printf("ID numbers checked: %.2f million/s (median of %d, %.2f to %.2f), %.0f ns each\n", median / 1e6, ROUNDS, checks[0] / 1e6,
           checks[ROUNDS - 1] / 1e6, 1e9 / median);
    printf("memory read: %.1f GB/s; a check reads its bytes at 1/%.0f of that\n", reads[ROUNDS / 2] / 1e9, reads[ROUNDS / 2] / bytes);
    return 0;
}
