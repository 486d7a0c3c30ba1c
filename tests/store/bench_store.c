/*
 * What a micro-batch costs PostgreSQL and us: `bench_store UNITS RECORDS` plays a unit review, a submission and an approval for each unit,
 * aligned (three following micro-batches of RECORDS units each), then merged (each micro-batch has all events of its units). Prints µs of
 * CPU a unit.
 */
#include <sys/resource.h>
#include <time.h>

#include "tests/store/small_world.h"

static double schedstat(const char *pid)
{
    char path[64];
    char line[128] = "";
    snprintf(path, sizeof path, "/proc/%s/schedstat", pid);
    FILE *file = fopen(path, "r");
    if (file != NULL && fgets(line, sizeof line, file) == NULL) line[0] = '\0';
    if (file != NULL) fclose(file);
    return (double)strtoull(line, NULL, 10) / 1e3;
}

static double own_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static double wall_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static double load_us, apply_us, write_us;

static size_t members_of(size_t unit)
{
    return 60 + unit * 37 % 101;
}

static void add_submission(struct world_batch *batch, size_t unit)
{
    char id[WORLD_ID_BYTES];
    size_t members = members_of(unit), failed = 2 + unit % 6;
    struct arena *arena = batch->micro.arena;
    snprintf(id, sizeof id, "00000000-0000-4000-8001-%012zu", unit);
    struct event *event = world_event(batch, unit, EVENT_MEMBER_REVIEW_SUBMITTED, id);
    event->submission = event->id;
    snprintf(id, sizeof id, "00000000-0000-4000-8000-%012zu", unit);
    event->unit_review = arena_copy(arena, id, strlen(id));
    event->submitted_by = "clerk-17";
    event->chunk_number = event->chunks = 1;
    event->mode = unit % 3 == 0 ? EVENT_MODE_LIST : EVENT_MODE_IMPORT;
    struct event_failing *failing = arena_take(arena, failed * sizeof *failing);
    for (size_t i = 0; i < failed; i++)
        failing[i] = (struct event_failing){world_key(unit, i * 5), i % 2 == 0 ? "retired" : "left", NULL, NULL};
    event->rows.failing = failing;
    event->rows.failing_count = (uint32_t)failed;
    if (event->mode == EVENT_MODE_LIST) {
        struct id_key *passed = arena_take(arena, members * sizeof *passed);
        for (size_t i = 0; i < members; i++)
            if (i % 5 != 0 || i / 5 >= failed) passed[event->rows.passed_count++] = world_key(unit, i);
        event->rows.passed = passed;
    }
    event->entries_total = (int32_t)(event->rows.failing_count + event->rows.passed_count);
}

static void add_event(struct world_batch *batch, size_t unit, int topic, const uint8_t *digest)
{
    char id[WORLD_ID_BYTES], text[80] = "sha256:";
    struct arena *arena = batch->micro.arena;
    struct event *event;
    switch (topic) {
    case TOPIC_UNIT_REVIEW:
        snprintf(id, sizeof id, "00000000-0000-4000-8000-%012zu", unit);
        event = world_event(batch, unit, EVENT_UNIT_REVIEW_CONFIRMED, id);
        event->submitted_by = "clerk-17";
        event->profile.contact_name = "\xe8\x81\x94\xe7\xb3\xbb\xe4\xba\xba";
        break;
    case TOPIC_MEMBER_REVIEW:
        add_submission(batch, unit);
        break;
    default:
        snprintf(id, sizeof id, "00000000-0000-4000-8002-%012zu", unit);
        event = world_event(batch, unit, EVENT_REVIEW_APPROVED, id);
        snprintf(id, sizeof id, "00000000-0000-4000-8001-%012zu", unit);
        event->submission = arena_copy(arena, id, strlen(id));
        for (int i = 0; i < 32; i++) snprintf(text + 7 + 2 * i, 3, "%02x", digest[i]);
        event->digest = arena_copy(arena, text, 71);
        event->superior = "S01";
        event->reviewer = "R007";
    }
}

static uint8_t (*digests)[32];
static struct store *store;
static struct world_shards shards;
static struct world_batch batch;
static struct store_published published[WORLD_SHARDS];
static size_t published_count, batches, outcome_count, outcome_bytes;

static void clear(void)
{
    world_run("TRUNCATE nianshen_engine.unit_review, nianshen_engine.submission, nianshen_engine.chunk, nianshen_engine.decision, "
              "nianshen_engine.repeated_chunk, nianshen_engine.removal_due, nianshen_engine.outbox, nianshen_engine.ledger_range, "
              "nianshen_engine.ledger_exception");
    world_run("VACUUM nianshen.unit_profile");
    world_run("CHECKPOINT");
    world_claim(store, &shards);
    load_us = apply_us = write_us = 0;
    published_count = batches = outcome_count = outcome_bytes = 0;
}

static void take_outbox(void)
{
    published_count = 0;
    for (int shard = 0; shard < WORLD_SHARDS; shard++)
        if (store_outbox_batch(store, shard) >= 0)
            published[published_count++] = (struct store_published){shard, store_outbox_batch(store, shard)};
    outcome_count += batch.micro.effects.outcome_count;
    for (size_t i = 0; i < batch.micro.effects.outcome_count; i++) outcome_bytes += batch.micro.effects.outcomes[i].body_bytes;
}

/* The events of the topics from `first` to `last` of some units, as one micro-batch. */
static void play(size_t from, size_t until, int first, int last)
{
    world_batch_start(&batch);
    for (size_t unit = from; unit < until; unit++)
        for (int topic = first; topic <= last; topic++) add_event(&batch, unit, topic, digests[unit]);
    double at = own_us();
    if (!world_load(store, &batch)) world_die("load", store_fault(store));
    load_us += own_us() - at, at = own_us();
    world_apply(&batch);
    apply_us += own_us() - at, at = own_us();
    if (!world_write(store, &batch, published, published_count)) world_die("write", store_fault(store));
    write_us += own_us() - at;
    batches++;
    take_outbox();
    for (size_t i = 0; i < batch.micro.record_count; i++) CHECK(batch.micro.events[i].fate == FATE_APPLIED);
    for (size_t i = 0; i < until - from && first == TOPIC_MEMBER_REVIEW && last == first; i++)
        memcpy(digests[from + i], batch.micro.events[i].review->submissions[0].digest, 32);
}

static void play_all(const char *how, size_t units, size_t records)
{
    char pid[32], lsn[64], sql[128];
    clear();
    snprintf(pid, sizeof pid, "%s", world_ask("SELECT backend_pid FROM nianshen_engine.shard LIMIT 1"));
    snprintf(lsn, sizeof lsn, "%s", world_ask("SELECT pg_current_wal_insert_lsn()"));
    bool is_merged = strcmp(how, "merged") == 0;
    size_t step = is_merged ? (records + 2) / 3 : records;
    double n = (double)units, server = schedstat(pid), own = own_us(), wall = wall_us();
    for (size_t from = 0; from < units; from += step) {
        size_t until = from + step < units ? from + step : units;
        if (is_merged) play(from, until, TOPIC_UNIT_REVIEW, TOPIC_APPROVAL);
        for (int topic = 0; topic < TOPIC_INPUTS && !is_merged; topic++) play(from, until, topic, topic);
    }
    server = schedstat(pid) - server, own = own_us() - own, wall = wall_us() - wall;
    snprintf(sql, sizeof sql, "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '%s')", lsn);
    printf("%s, units %zu, records %zu: PostgreSQL %.1f us/unit, own %.1f (load %.1f, rules %.1f, write %.1f), wall %.1f, WAL %.0f B/unit, "
           "outcomes %.2f of %zu B, %.0f us of PostgreSQL a micro-batch, approved %s\n",
           how, units, records, server / n, own / n, load_us / n, apply_us / n, write_us / n, wall / n, strtod(world_ask(sql), NULL) / n,
           (double)outcome_count / n, outcome_bytes / (outcome_count > 0 ? outcome_count : 1), server / (double)batches,
           world_ask("SELECT count(*) FROM nianshen_engine.submission WHERE state = 'approved'"));
}

int main(int count, char **words)
{
    if (count != 3) return 64;
    size_t units = strtoul(words[1], NULL, 10), records = strtoul(words[2], NULL, 10);
    world_connect();
    if (strcmp(world_ask("SELECT count(*) FROM nianshen.unit_profile"), "0") == 0) {
        world_units(units);
        world_rosters(units, members_of);
        world_run("VACUUM (FREEZE, ANALYZE) nianshen_engine.roster_block");
        world_run("VACUUM (FREEZE, ANALYZE) nianshen.unit_profile");
        world_run("VACUUM (FREEZE, ANALYZE) nianshen.unit_superior");
    }
    store = world_store("bench");
    digests = calloc(units, sizeof *digests);
    world_batch_init(&batch, &shards, records + 3);
    play_all("aligned", units, records); /* makes the digests that the approvals of the next need */
    play_all("merged", units, records);
    return 0;
}
