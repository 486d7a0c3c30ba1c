/*
 * What reading a record costs, by event_read and by event_decode: the median CPU time of several rounds with their spread. The records are
 * those of tests/bench/load.c: national units of 110 members on average, three in ten of them in list mode, and one giant list.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/event.h"

enum {
    UNITS = 500,
    PARTITIONS = 12,
    ROUNDS = 25,
    GIANT_ENTRIES = 1000000,
    LISTING_PERCENT = 30,
    FAILING_PER_MILLE = 36,
    ARENA_BYTES_MAX = 64 * 1024 * 1024,
    BATCH_BYTES = 8 * 1024 * 1024, /* decoded, before the arena is emptied */
    ENTRY_BYTES = 80,
    NUMBER_BYTES = 19,
};

#define DIGEST "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

struct sent {
    struct event_headers headers;
    struct kafka_record record;
    char key[16], id[40];
};

struct load {
    struct sent *list;
    size_t count;
};

typedef bool reader(struct arena *arena, const struct kafka_record *record, int32_t partitions, struct event *event, struct fault *fault);

static void *take(size_t count, size_t bytes)
{
    void *memory = calloc(count, bytes);
    if (memory == NULL) exit(1);
    return memory;
}

static double cpu_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ---- the records ---- */

static void make_number(uint32_t index, char out[NUMBER_BYTES])
{
    static const char *const regions[] = {"110101", "310115", "320204", "432500", "440301", "510212", "610102", "210111"};
    int sum = 0;
    uint32_t mixed = index * 2654435761U;
    (void)snprintf(out, NUMBER_BYTES, "%s%04u%02u%02u%03u", regions[index % 8], 1962 + mixed / 7 % 38, 1 + mixed / 11 % 12,
                   1 + mixed / 13 % 28, 1 + mixed / 17 % 99);
    for (int i = 0; i < 17; i++) sum = (sum + out[i] - '0') * 2 % 11;
    out[17] = "10X98765432"[sum];
    out[18] = '\0';
}

static void add(struct load *load, enum event_type type, unsigned unit, char *value)
{
    struct sent *sent = &load->list[load->count++];
    (void)snprintf(sent->key, sizeof sent->key, "N%07u", unit);
    (void)snprintf(sent->id, sizeof sent->id, "%08x-1111-4222-a333-444455556666", (unsigned)load->count);
    event_headers_fill(&sent->headers, event_type_name(type), "bench", sent->id, NULL, NULL);
    sent->record = (struct kafka_record){
        .topic = event_type_topic(type),
        .append_ms = 1772323200000, /* 2026-03-01 */
        .key = sent->key,
        .key_bytes = strlen(sent->key),
        .partition = kafka_partition_of(sent->key, strlen(sent->key), PARTITIONS),
        .value = value,
        .value_bytes = strlen(value),
        .headers = sent->headers.list,
        .header_count = sent->headers.count,
    };
}

static void add_unit_review(struct load *load, unsigned unit)
{
    char *value = take(1, 512);
    (void)snprintf(value, 512,
                   "{\"unit\":\"N%07u\",\"year\":2026,\"submitted_by\":\"clerk-17\",\"profile\":{\"contact_mobile\":\"13912345678\"}}",
                   unit);
    add(load, EVENT_UNIT_REVIEW_CONFIRMED, unit, value);
}

static void add_approval(struct load *load, unsigned unit)
{
    char *value = take(1, 512);
    (void)snprintf(value, 512,
                   "{\"unit\":\"N%07u\",\"year\":2026,\"submission\":\"%08x-0000-4000-a000-000000000000\",\"digest\":\"" DIGEST
                   "\",\"superior\":\"S01\",\"reviewer\":\"R007\"}",
                   unit, unit);
    add(load, EVENT_REVIEW_APPROVED, unit, value);
}

static void add_chunk(struct load *load, unsigned unit, uint32_t first, uint32_t members, bool is_list)
{
    char number[NUMBER_BYTES], *value = take((size_t)members + 8, ENTRY_BYTES), *passed = take((size_t)members + 1, ENTRY_BYTES);
    size_t passed_used = 0;
    size_t used =
        (size_t)sprintf(value,
                        "{\"unit\":\"N%07u\",\"year\":2026,\"submission\":\"%08x-0000-4000-a000-000000000000\",\"unit_review\":"
                        "\"%08x-1111-4222-a333-444455556666\",\"mode\":\"%s\",\"submitted_by\":\"clerk-17\",\"chunk\":1,\"chunks\":1,"
                        "\"entries_total\":%u,\"failed\":[",
                        unit, unit, unit, is_list ? "list" : "import", members);
    const char *comma = "";
    for (uint32_t i = first; i < first + members; i++) {
        make_number(i, number);
        if (i * 2654435761U % 1000 < FAILING_PER_MILLE) {
            used += (size_t)sprintf(value + used, "%s{\"id_number\":\"%s\",\"reason\":\"%s\"}", comma, number,
                                    i % 8 == 0 ? "deceased" : "left");
            comma = ",";
        } else if (is_list) {
            passed_used += (size_t)sprintf(passed + passed_used, "%s\"%s\"", passed_used > 0 ? "," : "", number);
        }
    }
    (void)sprintf(value + used, is_list ? "],\"passed\":[%s]}" : "]}", passed);
    free(passed);
    add(load, EVENT_MEMBER_REVIEW_SUBMITTED, unit, value);
}

/* Log-normal by halves and doubles: most units have tens of members, the mean is 110. */
static uint32_t members_of(unsigned unit)
{
    static const uint32_t sizes[] = {8, 15, 25, 40, 40, 60, 90, 120, 200, 502};
    return sizes[unit * 2654435761U / 7 % 10];
}

static struct load make_national(void)
{
    struct load load = {.list = take(3 * UNITS, sizeof *load.list)};
    uint32_t first = 0;
    for (unsigned unit = 0; unit < UNITS; unit++) {
        add_unit_review(&load, unit);
        add_chunk(&load, unit, first, members_of(unit), unit * 40503U / 16 % 100 < LISTING_PERCENT);
        add_approval(&load, unit);
        first += members_of(unit);
    }
    return load;
}

static struct load make_small(void)
{
    struct load load = {.list = take(2 * UNITS, sizeof *load.list)};
    for (unsigned unit = 0; unit < UNITS; unit++) {
        add_unit_review(&load, unit);
        add_approval(&load, unit);
    }
    return load;
}

static struct load make_giant(void)
{
    struct load load = {.list = take(GIANT_ENTRIES / EVENT_ENTRIES_MAX, sizeof *load.list)};
    for (uint32_t first = 0; first < GIANT_ENTRIES; first += EVENT_ENTRIES_MAX) add_chunk(&load, 1, first, EVENT_ENTRIES_MAX, true);
    return load;
}

/* ---- the measurement ---- */

static double read_all(const struct load *load, struct arena *arena, reader *read)
{
    struct event event;
    struct fault fault = {0};
    arena_reset(arena);
    double start = cpu_s();
    for (size_t i = 0; i < load->count; i++) {
        if (arena_used_bytes(arena) > BATCH_BYTES) arena_reset(arena);
        if (read(arena, &load->list[i].record, PARTITIONS, &event, &fault)) continue;
        (void)fprintf(stderr, "bench_event: %s\n", fault.text);
        exit(1);
    }
    return cpu_s() - start;
}

static int compare(const void *a, const void *b)
{
    const double *left = a, *right = b;
    return *left < *right ? -1 : *left > *right;
}

/* `parts`: what the load is counted in. */
static void measure(const char *what, const struct load *load, double parts, struct arena *arena)
{
    static const struct {
        const char *name;
        reader *read;
    } readers[] = {{"event_read", event_read}, {"event_decode", event_decode}};
    double s[ROUNDS];
    for (int r = 0; r < 2; r++) {
        for (int round = 0; round < ROUNDS; round++) s[round] = read_all(load, arena, readers[r].read);
        qsort(s, ROUNDS, sizeof *s, compare);
        printf("%s, %s: %.3f us each (median of %d, %.3f to %.3f), %.3f s in all\n", what, readers[r].name, s[ROUNDS / 2] / parts * 1e6,
               ROUNDS, s[0] / parts * 1e6, s[ROUNDS - 1] / parts * 1e6, s[ROUNDS / 2]);
    }
}

int main(void)
{
    struct arena *arena = arena_new(ARENA_BYTES_MAX);
    struct load national = make_national(), small = make_small(), giant = make_giant();
    if (arena == NULL) return 1;
    measure("a unit's three records", &national, UNITS, arena);
    measure("a small record", &small, 2 * UNITS, arena);
    measure("an entry of a giant list", &giant, GIANT_ENTRIES, arena);
    return 0;
}
