/*
 * The benchmarks' load: rosters as CSV, and the records that review them. All of it follows from the arguments, so that two runs make the
 * same; records are made as an upstream system would, without any code of ours.
 *
 *   load units SHAPE UNITS SEED                          the units of that shape, as `roster load` reads them
 *   load members SHAPE UNITS SEED                        their members
 *   load rows SHAPE UNITS SEED                           the peers' rows in "entry", in the order in which the submissions have them
 *   load reviews SHAPE UNITS SEED BOOTSTRAP PREFIX       publishes a unit review of each unit
 *   load submissions SHAPE UNITS SEED BOOTSTRAP PREFIX   publishes their submissions in chunks
 *   load approvals BOOTSTRAP PREFIX <LINES               publishes an approval for each line of unit, submission and digest
 *
 * For those that can only turn one record into one row of what it holds, the same content once more:
 *   load flat-entries SHAPE UNITS SEED BOOTSTRAP PREFIX  publishes the rows to the topic "entry"
 *   load flat-reviews SHAPE UNITS SEED BOOTSTRAP PREFIX  publishes the unit reviews to the topic "event"
 *   load flat-approvals BOOTSTRAP PREFIX <LINES          publishes the approvals to the topic "event"
 *
 * SHAPE is one of
 *   national   sizes log-normal with a heavy tail (median 40, mean 110, the largest unit 1 % of all members), 30 % list mode, 4 % failing
 *   giant      one unit of UNITS thousand members, list mode, 4 % failing
 *   failing    units of 110 members, 100 of them failing, import mode
 *   exodus     one unit of UNITS thousand members, ten of eleven failing, import mode
 * Publishing ends with how many records and bytes the broker took.
 */
#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define YEAR "2026"
#define SUPERIOR "S01"
#define REVIEWER "R007"

enum {
    NUMBER_CHARS = 18,
    CODE_BYTES = 24,
    UUID_BYTES = 37,
    CHUNK_ENTRIES = 5000,
    ENTRY_BYTES_MAX = 64, /* of one entry in a chunk's JSON */
    CHUNK_BYTES_MAX = CHUNK_ENTRIES * ENTRY_BYTES_MAX + 1024,
    SMALL_BYTES = 512,
    FLAT_BYTES = 8 * SMALL_BYTES,
    FLUSH_MS = 60000,
    THOUSAND = 1000,
    NATIONAL_FAILING = 40, /* in a thousand */
    NATIONAL_LISTING = 300,
    FAILING_MEMBERS = 110,
    FAILING_EACH_OF = 11,
};

enum shape_kind { SHAPE_NATIONAL, SHAPE_GIANT, SHAPE_FAILING, SHAPE_EXODUS, SHAPES };
static const char *const shape_names[SHAPES] = {"national", "giant", "failing", "exodus"};

struct shape {
    enum shape_kind kind;
    uint64_t seed;
    size_t units;
    size_t *sizes;
};

struct unit {
    const struct shape *shape;
    char code[CODE_BYTES], review[UUID_BYTES], submission[UUID_BYTES];
    uint64_t first; /* index of its first member among all */
    size_t size;
    bool is_list;
};

struct entry {
    char number[NUMBER_CHARS + 1];
    const char *reason; /* NULL: passes */
};

static _Noreturn void give_up(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vfprintf(stderr, format, arguments);
    va_end(arguments);
    exit(EX_SOFTWARE);
}

static void *take(size_t count, size_t bytes)
{
    void *memory = calloc(count + 1, bytes);
    if (memory == NULL) give_up("load: no memory\n");
    return memory;
}

/* ---- chance ---- */

/* splitmix64, as a function of its place: any value can be had without those before it. */
static uint64_t chance(uint64_t seed, uint64_t place)
{
    uint64_t z = seed * UINT64_C(0xd1342543de82ef95) + (place + 1) * UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static double chance_part(uint64_t seed, uint64_t place) /* above 0, at most 1 */
{
    return ((double)(chance(seed, place) >> 11) + 1) / 9007199254740992.0;
}

static void chance_uuid(uint64_t seed, uint64_t place, char out[UUID_BYTES])
{
    uint64_t a = chance(seed, 2 * place), b = chance(seed, 2 * place + 1);
    (void)snprintf(out, UUID_BYTES, "%08" PRIx64 "-%04" PRIx64 "-4%03" PRIx64 "-a%03" PRIx64 "-%012" PRIx64, a >> 32, a >> 16 & 0xffff,
                   a & 0xfff, b >> 52, b & UINT64_C(0xffffffffffff));
}

/* ---- people ---- */

enum { BIRTHDAYS = 14000, HUNDREDS = 8, ONES = 99 };

/* Days from 1962-01-01, by the proleptic calendar's 400-year eras. */
static int date_of_day(int day)
{
    int z = day - 2922 + 719468, era = z / 146097, doe = z - era * 146097;
    int yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365, doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int mp = (5 * doy + 2) / 153, month = mp < 10 ? mp + 3 : mp - 9;
    return (yoe + era * 400 + (month <= 2)) * 10000 + month * 100 + doy - (153 * mp + 2) / 5 + 1;
}

static int member_day(uint64_t index)
{
    return (int)(index * 5077 % BIRTHDAYS);
}

/* Well-formed, without a warning, and different for each index below 88 million; women and men in turn. */
static void member_number(uint64_t index, char out[NUMBER_CHARS + 1])
{
    static const char *const regions[] = {"110101", "310115", "320204", "432500", "440301", "510212", "610102", "210111"};
    static const int weights[] = {7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2};
    uint64_t rest = index / BIRTHDAYS;
    int sequence = (int)(100 * (1 + rest / ONES % HUNDREDS) + 1 + rest % ONES), sum = 0;
    (void)snprintf(out, NUMBER_CHARS + 1, "%s%08d%03d", regions[rest / ONES / HUNDREDS % 8], date_of_day(member_day(index)), sequence);
    for (int i = 0; i < NUMBER_CHARS - 1; i++) sum += weights[i] * (out[i] - '0');
    out[NUMBER_CHARS - 1] = "10X98765432"[sum % 11];
    out[NUMBER_CHARS] = '\0';
}

/* NULL: the member passes. Retired are only those who are old enough. */
static const char *member_reason(const struct unit *unit, uint64_t index)
{
    uint64_t drawn = chance(unit->shape->seed + 1, index);
    bool is_failing = false;
    switch (unit->shape->kind) {
    case SHAPE_NATIONAL:
    case SHAPE_GIANT:
        is_failing = drawn % THOUSAND < NATIONAL_FAILING;
        break;
    case SHAPE_FAILING:
    case SHAPE_EXODUS:
        is_failing = (index - unit->first) % FAILING_EACH_OF != 0;
        break;
    case SHAPES:
        break;
    }
    if (!is_failing) return NULL;
    if (date_of_day(member_day(index)) < 19640000) return "retired";
    return drawn / THOUSAND % 8 == 0 ? "deceased" : "left";
}

/* ---- units ---- */

static size_t national_size(uint64_t seed, size_t unit)
{
    const double median = 40, sigma = 1.4224; /* mean = median * exp(sigma^2 / 2) = 110 */
    double normal = sqrt(-2 * log(chance_part(seed, 2 * unit))) * cos(2 * M_PI * chance_part(seed, 2 * unit + 1));
    double size = median * exp(sigma * normal);
    return size < 1 ? 1 : (size_t)(size + 0.5);
}

static void national_sizes(struct shape *shape)
{
    size_t total = 0;
    for (size_t i = 0; i < shape->units; i++) total += shape->sizes[i] = national_size(shape->seed + 2, i);
    size_t largest = total / 100 > 0 ? total / 100 : 1;
    for (size_t i = 0; i < shape->units; i++)
        if (shape->sizes[i] > largest) shape->sizes[i] = largest;
    shape->sizes[shape->units / 2] = largest;
}

static struct shape shape_make(char **arguments)
{
    struct shape shape = {.units = strtoul(arguments[1], NULL, 10), .seed = strtoull(arguments[2], NULL, 10)};
    while (shape.kind < SHAPES && strcmp(shape_names[shape.kind], arguments[0]) != 0) shape.kind++;
    if (shape.kind == SHAPES || shape.units == 0) give_up("load: no such shape\n");
    size_t members = shape.units * THOUSAND;
    bool is_single = shape.kind == SHAPE_GIANT || shape.kind == SHAPE_EXODUS;
    if (is_single) shape.units = 1;
    shape.sizes = take(shape.units, sizeof *shape.sizes);
    for (size_t i = 0; i < shape.units; i++) shape.sizes[i] = is_single ? members : FAILING_MEMBERS;
    if (shape.kind == SHAPE_NATIONAL) national_sizes(&shape);
    return shape;
}

static struct unit unit_make(const struct shape *shape, size_t number, uint64_t first)
{
    struct unit unit = {.shape = shape, .first = first, .size = shape->sizes[number]};
    (void)snprintf(unit.code, sizeof unit.code, "%c%07zu", "NGFE"[shape->kind], number);
    chance_uuid(shape->seed + 3 + shape->kind, number, unit.review);
    chance_uuid(shape->seed + 13 + shape->kind, number, unit.submission);
    unit.is_list =
        shape->kind == SHAPE_GIANT || (shape->kind == SHAPE_NATIONAL && chance(shape->seed + 4, number) % THOUSAND < NATIONAL_LISTING);
    return unit;
}

static int entry_compare(const void *a, const void *b)
{
    const struct entry *left = a, *right = b;
    return memcmp(left->number, right->number, NUMBER_CHARS);
}

/* What the unit lists, sorted; the caller frees it. */
static struct entry *unit_entries(const struct unit *unit, size_t *count)
{
    struct entry *entries = take(unit->size, sizeof *entries);
    *count = 0;
    for (uint64_t index = unit->first; index < unit->first + unit->size; index++) {
        const char *reason = member_reason(unit, index);
        if (reason == NULL && !unit->is_list) continue;
        entries[*count].reason = reason;
        member_number(index, entries[(*count)++].number);
    }
    qsort(entries, *count, sizeof *entries, entry_compare);
    return entries;
}

/* ---- rosters ---- */

static void unit_print(const struct unit *unit, void *context)
{
    (void)context;
    printf("%s,示例单位%s工会,%s,,示例路1号,联系人,13912345678\n", unit->code, unit->code, SUPERIOR);
}

static void members_print(const struct unit *unit, void *context)
{
    static const char *const surnames[] = {"赵", "钱", "孙", "李", "周", "吴", "郑", "王"};
    static const char *const given[] = {"晓梅", "建国", "文博", "雨桐", "志强", "丽华", "思远", "海燕", "子涵"};
    char number[NUMBER_CHARS + 1];
    (void)context;
    for (uint64_t index = unit->first; index < unit->first + unit->size; index++) {
        member_number(index, number);
        printf("%s,%" PRIu64 ",%s%s,%c,resident,%s,2034-12-01,1%d%09" PRIu64 "\n", unit->code, 10000 + index, surnames[index % 8],
               given[index / 8 % 9], (number[16] - '0') % 2 != 0 ? 'M' : 'F', number, (int)(3 + index % 7), index);
    }
}

/* ---- publishing ---- */

struct publisher {
    rd_kafka_t *client;
    const char *prefix;
    uint64_t records, bytes;
};

static void delivered(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    (void)client, (void)opaque;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) give_up("load: not delivered: %s\n", rd_kafka_err2str(message->err));
}

static struct publisher publisher_open(char **arguments)
{
    char text[SMALL_BYTES];
    struct publisher publisher = {.prefix = arguments[1]};
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    const char *const settings[][2] = {{"bootstrap.servers", arguments[0]}, {"partitioner", "murmur2_random"},
                                       {"enable.idempotence", "true"},      {"linger.ms", "20"},
                                       {"batch.size", "1000000"},           {"queue.buffering.max.kbytes", "262144"}};
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
        if (rd_kafka_conf_set(conf, settings[i][0], settings[i][1], text, sizeof text) != RD_KAFKA_CONF_OK) give_up("load: %s\n", text);
    rd_kafka_conf_set_dr_msg_cb(conf, delivered);
    publisher.client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    if (publisher.client == NULL) give_up("load: %s\n", text);
    return publisher;
}

static void publisher_close(struct publisher *publisher)
{
    if (rd_kafka_flush(publisher->client, FLUSH_MS) != RD_KAFKA_RESP_ERR_NO_ERROR) give_up("load: the broker does not take the records\n");
    rd_kafka_destroy(publisher->client);
    printf("%" PRIu64 " %" PRIu64 "\n", publisher->records, publisher->bytes);
}

static rd_kafka_headers_t *headers_make(const char *type, const char *id)
{
    const char *const list[][2] = {
        {"ce_specversion", "1.0"}, {"ce_id", id}, {"ce_source", "bench"}, {"ce_type", type}, {"content-type", "application/json"}};
    rd_kafka_headers_t *headers = rd_kafka_headers_new(sizeof list / sizeof list[0]);
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) rd_kafka_header_add(headers, list[i][0], -1, list[i][1], -1);
    return headers;
}

static void publish(struct publisher *publisher, const char *topic, const char *key, const char *value, size_t bytes,
                    rd_kafka_headers_t *headers)
{
    char name[SMALL_BYTES];
    rd_kafka_resp_err_t error;
    (void)snprintf(name, sizeof name, "%s%s", publisher->prefix, topic);
    do {
        rd_kafka_headers_t *copy = headers != NULL ? rd_kafka_headers_copy(headers) : rd_kafka_headers_new(0);
        error = rd_kafka_producev(publisher->client, RD_KAFKA_V_TOPIC(name), RD_KAFKA_V_KEY(key, strlen(key)),
                                  RD_KAFKA_V_VALUE((void *)(uintptr_t)value, bytes), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                  RD_KAFKA_V_HEADERS(copy), RD_KAFKA_V_END);
        if (error != RD_KAFKA_RESP_ERR_NO_ERROR) rd_kafka_headers_destroy(copy);
        rd_kafka_poll(publisher->client, error == RD_KAFKA_RESP_ERR__QUEUE_FULL ? 50 : 0);
    } while (error == RD_KAFKA_RESP_ERR__QUEUE_FULL);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) give_up("load: %s\n", rd_kafka_err2str(error));
    if (headers != NULL) rd_kafka_headers_destroy(headers);
    publisher->records++;
    publisher->bytes += bytes;
}

/* The same as a record whose fields are a row's columns: what can turn one record into one row needs no more. `body` is JSON without a
 * backslash. */
static void flat_publish(struct publisher *publisher, const char *topic, const char *unit, const char *id, const char *body)
{
    char value[FLAT_BYTES];
    size_t used = (size_t)snprintf(value, sizeof value,
                                   "{\"unit\":\"%s\",\"year\":" YEAR ",\"topic\":\"%s\",\"event_id\":\"%s\",\"body\":\"", unit, topic, id);
    for (; *body != '\0' && used + 5 < sizeof value; body++) {
        if (*body == '"') value[used++] = '\\';
        value[used++] = *body;
    }
    if (*body != '\0') give_up("load: a record is larger than its buffer\n");
    memcpy(value + used, "\"}", 2);
    publish(publisher, "event", unit, value, used + 2, NULL);
}

static int review_write(const struct unit *unit, char value[SMALL_BYTES])
{
    return snprintf(value, SMALL_BYTES,
                    "{\"unit\":\"%s\",\"year\":" YEAR ",\"submitted_by\":\"clerk-17\",\"profile\":{\"contact_name\":\"联系人%s\"}}",
                    unit->code, unit->code);
}

static void review_publish(const struct unit *unit, void *context)
{
    char value[SMALL_BYTES];
    int bytes = review_write(unit, value);
    publish(context, "unit-review", unit->code, value, (size_t)bytes, headers_make("nianshen.unit-review.confirmed.v1", unit->review));
}

static void flat_review_publish(const struct unit *unit, void *context)
{
    char value[SMALL_BYTES];
    review_write(unit, value);
    flat_publish(context, "unit-review", unit->code, unit->review, value);
}

/* ---- submissions ---- */

struct text {
    char *chars;
    size_t bytes;
};

static void add(struct text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int bytes = vsnprintf(text->chars + text->bytes, CHUNK_BYTES_MAX - text->bytes, format, arguments);
    va_end(arguments);
    text->bytes += (size_t)bytes;
    if (text->bytes >= CHUNK_BYTES_MAX) give_up("load: a chunk is larger than its buffer\n");
}

static void add_lists(struct text *text, const struct unit *unit, const struct entry *entries, size_t count)
{
    const char *between = "";
    add(text, ",\"failed\":[");
    for (size_t i = 0; i < count; i++) {
        if (entries[i].reason == NULL) continue;
        add(text, "%s{\"id_number\":\"%s\",\"reason\":\"%s\"}", between, entries[i].number, entries[i].reason);
        between = ",";
    }
    add(text, "]");
    if (!unit->is_list) return;
    between = "";
    add(text, ",\"passed\":[");
    for (size_t i = 0; i < count; i++) {
        if (entries[i].reason != NULL) continue;
        add(text, "%s\"%s\"", between, entries[i].number);
        between = ",";
    }
    add(text, "]");
}

static void submission_publish(const struct unit *unit, void *context)
{
    size_t count;
    struct entry *entries = unit_entries(unit, &count);
    struct text text = {.chars = take(CHUNK_BYTES_MAX, 1)};
    size_t chunks = count == 0 ? 1 : (count + CHUNK_ENTRIES - 1) / CHUNK_ENTRIES;
    for (size_t chunk = 0; chunk < chunks; chunk++) {
        char id[UUID_BYTES + CODE_BYTES];
        size_t from = chunk * CHUNK_ENTRIES, here = count - from < CHUNK_ENTRIES ? count - from : CHUNK_ENTRIES;
        (void)snprintf(id, sizeof id, "%s/%zu", unit->submission, chunk + 1);
        text.bytes = 0;
        add(&text,
            "{\"unit\":\"%s\",\"year\":" YEAR ",\"submission\":\"%s\",\"unit_review\":\"%s\",\"mode\":\"%s\",\"submitted_by\":\"clerk-17\""
            ",\"chunk\":%zu,\"chunks\":%zu,\"entries_total\":%zu",
            unit->code, unit->submission, unit->review, unit->is_list ? "list" : "import", chunk + 1, chunks, count);
        add_lists(&text, unit, entries + from, here);
        add(&text, "}");
        publish(context, "member-review", unit->code, text.chars, text.bytes, headers_make("nianshen.member-review.submitted.v1", id));
    }
    free(text.chars);
    free(entries);
}

/* Calls for each entry in the order in which the submission has them: chunk by chunk, those who failed first. */
static void each_entry(const struct unit *unit, void (*act)(const struct unit *unit, const struct entry *entry, void *context),
                       void *context)
{
    size_t count;
    struct entry *entries = unit_entries(unit, &count);
    for (size_t from = 0; from < count; from += CHUNK_ENTRIES) {
        size_t to = count - from < CHUNK_ENTRIES ? count : from + CHUNK_ENTRIES;
        for (size_t i = from; i < to; i++)
            if (entries[i].reason != NULL) act(unit, &entries[i], context);
        for (size_t i = from; i < to; i++)
            if (entries[i].reason == NULL) act(unit, &entries[i], context);
    }
    free(entries);
}

static const char *entry_result(const struct entry *entry)
{
    return entry->reason != NULL ? "failed" : "passed";
}

static const char *entry_reason(const struct entry *entry)
{
    return entry->reason != NULL ? entry->reason : "";
}

static void entry_print(const struct unit *unit, const struct entry *entry, void *context)
{
    (void)context;
    printf("%s\t" YEAR "\t%s\t%s\t%s\t%s\tclerk-17\n", unit->code, entry->number, entry_result(entry), entry_reason(entry),
           unit->submission);
}

static void entry_publish(const struct unit *unit, const struct entry *entry, void *context)
{
    char value[SMALL_BYTES];
    int bytes =
        snprintf(value, sizeof value,
                 "{\"unit\":\"%s\",\"year\":" YEAR ",\"id_number\":\"%s\",\"result\":\"%s\",\"reason\":\"%s\",\"submission\":\"%s\","
                 "\"submitted_by\":\"clerk-17\"}",
                 unit->code, entry->number, entry_result(entry), entry_reason(entry), unit->submission);
    publish(context, "entry", entry->number, value, (size_t)bytes, NULL); /* by the number: so that one unit fills all partitions */
}

static void rows_print(const struct unit *unit, void *context)
{
    each_entry(unit, entry_print, context);
}

static void flat_entries_publish(const struct unit *unit, void *context)
{
    each_entry(unit, entry_publish, context);
}

static void approvals_publish(struct publisher *publisher, bool is_flat)
{
    char unit[SMALL_BYTES], submission[SMALL_BYTES], digest[SMALL_BYTES], id[UUID_BYTES], value[4 * SMALL_BYTES];
    for (uint64_t line = 0; scanf("%511s %511s %511s", unit, submission, digest) == 3; line++) {
        int bytes = snprintf(value, sizeof value,
                             "{\"unit\":\"%s\",\"year\":" YEAR ",\"submission\":\"%s\",\"digest\":\"%s\",\"superior\":\"" SUPERIOR
                             "\",\"reviewer\":\"" REVIEWER "\"}",
                             unit, submission, digest);
        chance_uuid(chance(0, strtoull(submission, NULL, 16)), line, id);
        if (is_flat) {
            flat_publish(publisher, "approval", unit, id, value);
        } else {
            publish(publisher, "approval", unit, value, (size_t)bytes, headers_make("nianshen.review.approved.v1", id));
        }
    }
}

/* ---- what is asked for ---- */

static void each_unit(const struct shape *shape, void (*act)(const struct unit *unit, void *context), void *context)
{
    uint64_t first = 0;
    for (size_t i = 0; i < shape->units; i++) {
        struct unit unit = unit_make(shape, i, first);
        act(&unit, context);
        first += unit.size;
    }
}

static const struct verb {
    const char *name, *columns; /* the head of what is printed; NULL: it publishes */
    void (*act)(const struct unit *unit, void *context);
} verbs[] = {
    {"units", "unit,name,superior,credit_code,address,contact_name,contact_mobile", unit_print},
    {"members", "unit,member_no,name,gender,id_type,id_number,id_valid_until,mobile", members_print},
    {"rows", "", rows_print},
    {"reviews", NULL, review_publish},
    {"submissions", NULL, submission_publish},
    {"flat-entries", NULL, flat_entries_publish},
    {"flat-reviews", NULL, flat_review_publish},
};

static int run(const struct verb *verb, char **arguments)
{
    struct shape shape = shape_make(arguments);
    if (verb->columns != NULL) {
        if (verb->columns[0] != '\0') puts(verb->columns);
        each_unit(&shape, verb->act, NULL);
    } else {
        struct publisher publisher = publisher_open(arguments + 3);
        each_unit(&shape, verb->act, &publisher);
        publisher_close(&publisher);
    }
    free(shape.sizes);
    return fflush(stdout) == 0 ? EX_OK : EX_IOERR;
}

int main(int argc, char **argv)
{
    bool is_flat = argc == 4 && strcmp(argv[1], "flat-approvals") == 0;
    if (is_flat || (argc == 4 && strcmp(argv[1], "approvals") == 0)) {
        struct publisher publisher = publisher_open(argv + 2);
        approvals_publish(&publisher, is_flat);
        publisher_close(&publisher);
        return EX_OK;
    }
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (argc == (verbs[i].columns != NULL ? 5 : 7) && strcmp(argv[1], verbs[i].name) == 0) return run(&verbs[i], argv + 2);
    (void)fputs("load: see the head of tests/bench/load.c\n", stderr);
    return EX_USAGE;
}
