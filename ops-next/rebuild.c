#include "ops-next/rebuild.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "core/language.h"
#include "ops-next/portion.h"

struct rebuild {
    struct topic_reader reader;
    struct store *store;
    struct kept_world *kept;
    struct portion portions[2]; /* while the database works for one the next is decoded into the other */
    struct portion *filling, *loading; /* loading NULL: nothing is under way */
    int32_t year;
    const struct rebuild_units *only;
};

static bool memory_out(struct fault *fault)
{
    return fault_set(fault, FAULT_RETRY, EX_OSERR, "memory-out", language_pick("内存不足", "out of memory for a rebuild"));
}

struct rebuild *rebuild_new(const struct config *config, struct database *database, int32_t year, struct fault *fault)
{
    struct rebuild *rebuild = calloc(1, sizeof *rebuild);
    if (rebuild == NULL) {
        memory_out(fault);
        return NULL;
    }
    rebuild->year = year;
    rebuild->filling = &rebuild->portions[0];
    rebuild->store = store_reader_new(database);
    rebuild->kept = kept_world_new();
    bool has_memory = portion_init(&rebuild->portions[0]) && portion_init(&rebuild->portions[1]);
    if (!has_memory || rebuild->store == NULL || rebuild->kept == NULL) memory_out(fault);
    if (fault->kind == FAULT_NONE && topic_reader_open(&rebuild->reader, config, fault)) return rebuild;
    rebuild_free(rebuild);
    return NULL;
}

void rebuild_free(struct rebuild *rebuild)
{
    if (rebuild == NULL) return;
    topic_reader_close(&rebuild->reader);
    portion_free(&rebuild->portions[0]);
    portion_free(&rebuild->portions[1]);
    kept_world_free(rebuild->kept);
    store_reader_free(rebuild->store);
    free(rebuild);
}

int32_t rebuild_partitions(const struct rebuild *rebuild)
{
    return rebuild->reader.input_partitions;
}

/* ---- micro-batches ---- */

static bool loading_finish(struct rebuild *rebuild, struct fault *fault)
{
    struct portion *portion = rebuild->loading;
    if (portion == NULL) return true;
    rebuild->loading = NULL;
    bool is_good = store_read_await(rebuild->store, fault) && portion_apply(portion, fault) &&
                   (kept_world_keep(rebuild->kept, &portion->micro.world) || memory_out(fault));
    portion_reset(portion);
    return is_good;
}

/* What is kept must be that of the micro-batch before. */
static bool filling_load(struct rebuild *rebuild, struct fault *fault)
{
    struct portion *portion = rebuild->filling;
    if (portion->count == 0) {
        portion_reset(portion);
        return true;
    }
    if (!loading_finish(rebuild, fault) || !portion_load_reference(portion, rebuild->kept, rebuild->store, fault)) return false;
    rebuild->loading = portion;
    rebuild->filling = portion == &rebuild->portions[0] ? &rebuild->portions[1] : &rebuild->portions[0];
    return true;
}

/* ---- records ---- */

static int compare_key(const void *record, const void *name)
{
    const struct kafka_record *of = record;
    const char *text = *(const char *const *)name;
    size_t length = strlen(text), common = length < of->key_bytes ? length : of->key_bytes;
    int order = memcmp(of->key, text, common);
    return order != 0 ? order : (of->key_bytes > length) - (of->key_bytes < length);
}

static bool is_wanted(const struct rebuild *rebuild, const struct kafka_record *record)
{
    const struct rebuild_units *only = rebuild->only;
    return record->key != NULL && (only == NULL || bsearch(record, only->names, only->count, sizeof *only->names, compare_key) != NULL);
}

/* Dead letters and other years change nothing of this one. */
static bool record_take(void *context, const struct kafka_record *record, struct fault *fault)
{
    struct rebuild *rebuild = context;
    if (!is_wanted(rebuild, record)) return true;
    if (portion_is_full(rebuild->filling) && !filling_load(rebuild, fault)) return false;
    struct portion *portion = rebuild->filling;
    if (!portion_add(portion, record, rebuild->reader.input_partitions, fault)) return false;
    if (portion->years[portion->count - 1] != rebuild->year) portion->count--;
    return true;
}

/*
 * Unit reviews first, decisions last: any interleaving comes to the same state, and in this one nothing has to wait for what it needs.
 */
bool rebuild_shard(struct rebuild *rebuild, struct topic_range ranges[TOPIC_INPUTS], const struct rebuild_units *only, kept_visit_fn visit,
                   void *context, struct fault *fault)
{
    rebuild->only = only;
    for (int topic = 0; topic < TOPIC_INPUTS; topic++)
        if (!topic_range_read(&rebuild->reader, &ranges[topic], record_take, rebuild, fault)) return false;
    bool is_good = filling_load(rebuild, fault) && loading_finish(rebuild, fault) && kept_world_visit(rebuild->kept, visit, context);
    kept_world_clear(rebuild->kept);
    return is_good;
}
