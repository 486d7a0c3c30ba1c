#include "ops/roster_blocks.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "core/language.h"
#include "core/text.h"
#include "ops/copy_text.h"
#include "rules/roster.h"

enum {
    PORTION_ROWS = 200000, /* read before what they were packed to is written */
    TEXTS_BYTES_MAX = 64 * 1024 * 1024, /* of the members of a block */
    SQL_BYTES_MAX = 8192,
    LITERAL_BYTES_MAX = 2048,
    SHA256_BYTES = 32,
};

struct removal { /* by reference: the row is on the roster still */
    int64_t enrolment, removed_ms;
};

/* As read_portion asks for them. */
enum { UNIT_AT, KEY_AT, ENROLMENT_AT, MEMBER_NO_AT, NAME_AT, FROM_AT, MEMBER_FIELDS };
/* As stored_read asks for them, and block_put_sum writes them. */
enum { SUM_UNIT_AT, SUM_BLOCK_AT, SUM_FIELDS = 6 };

struct packing {
    struct database *database;
    int32_t year;
    int64_t opens_ms;
    struct roster_blocks *done;
    struct fault *fault;
    struct removal *removals; /* by enrolment */
    size_t removal_count;
    struct copy_text line; /* the line that was read last */
    struct copy_text place[2]; /* unit and number behind which the next portion begins */
    /* the block that is being filled */
    struct roster_member *members;
    size_t count;
    struct copy_text unit;
    int32_t block;
    struct arena *texts, *packed;
    struct copy_text out; /* lines of finished blocks */
    /* comparing */
    roster_finding_fn finding; /* NULL: the blocks are made */
    void *context;
    struct copy_text compared[2]; /* unit and number of the block up to which the stored ones were read */
};

static bool memory_out(struct packing *packing)
{
    return fault_set(packing->fault, FAULT_RETRY, EX_OSERR, "memory-out",
                     language_pick("内存不足，无法整理名册", "out of memory for the roster's blocks"));
}

static bool keep(struct packing *packing, struct copy_text *text, const char *what)
{
    text->used = 0;
    copy_text_plain(text, what);
    return copy_text_end(text) != NULL || memory_out(packing);
}

static const char *kept(const struct copy_text *text)
{
    return text->bytes != NULL ? text->bytes : "";
}

/* ---- reading ---- */

/* The next line as fields; `count` 0 behind the last. */
static bool line_read(struct packing *packing, const char **fields, size_t fields_max, size_t *count)
{
    const char *line;
    size_t bytes;
    *count = 0;
    if (!database_copy_read(packing->database, &line, &bytes, packing->fault)) return false;
    if (bytes == 0) return true;
    if (!keep(packing, &packing->line, line)) return false;
    *count = copy_text_split(packing->line.bytes, fields, fields_max);
    return true;
}

/* A text as the inside of E'…'. */
static bool literal(const char *text, char out[LITERAL_BYTES_MAX])
{
    size_t used = 0;
    for (; *text != '\0' && used + 3 < LITERAL_BYTES_MAX; text++) {
        if (*text == '\'' || *text == '\\') out[used++] = *text;
        out[used++] = *text;
    }
    out[used] = '\0';
    return *text == '\0';
}

static bool removals_read(struct packing *packing)
{
    const char *fields[2];
    size_t count, room = 0;
    if (!database_copy_start(packing->database,
                             "COPY (SELECT enrolment, removed_ms FROM nianshen_engine.roster_due ORDER BY enrolment) TO STDOUT",
                             packing->fault))
        return false;
    for (;;) {
        if (!line_read(packing, fields, 2, &count)) return false;
        if (count == 0) return true;
        if (packing->removal_count == room) {
            room = room == 0 ? 1024 : 2 * room;
            struct removal *larger = realloc(packing->removals, room * sizeof *larger);
            if (larger == NULL) return memory_out(packing);
            packing->removals = larger;
        }
        packing->removals[packing->removal_count++] =
            (struct removal){.enrolment = strtoll(fields[0], NULL, 10), .removed_ms = strtoll(fields[1], NULL, 10)};
    }
}

static int removal_compare(const void *a, const void *b)
{
    const struct removal *left = a, *right = b;
    return (left->enrolment > right->enrolment) - (left->enrolment < right->enrolment);
}

static bool is_removed(const struct packing *packing, int64_t enrolment)
{
    struct removal wanted = {.enrolment = enrolment};
    if (packing->removal_count == 0) return false;
    const struct removal *found = bsearch(&wanted, packing->removals, packing->removal_count, sizeof wanted, removal_compare);
    return found != NULL && found->removed_ms < packing->opens_ms;
}

static bool portion_start(struct packing *packing)
{
    char sql[SQL_BYTES_MAX], unit[LITERAL_BYTES_MAX], key[LITERAL_BYTES_MAX], source[160];
    if (!literal(kept(&packing->place[0]), unit) || !literal(kept(&packing->place[1]), key))
        return fault_set(packing->fault, FAULT_FATAL, EX_SOFTWARE, "roster-key", "a unit's code or a number is far too long");
    if (packing->opens_ms == ROSTER_PRESENT)
        (void)snprintf(source, sizeof source, "roster_present WHERE true");
    else
        (void)snprintf(source, sizeof source, "roster_version WHERE valid_from_ms < %" PRId64 " AND valid_until_ms >= %" PRId64,
                       packing->opens_ms, packing->opens_ms);
    (void)snprintf(sql, sizeof sql,
                   "COPY (SELECT unit, id_key, enrolment, member_no, coalesce(name, ''), valid_from_ms FROM nianshen_engine.%s "
                   "AND (unit, id_key) > (E'%s', E'%s') ORDER BY unit, id_key LIMIT %d) TO STDOUT",
                   source, unit, key, PORTION_ROWS);
    return database_copy_start(packing->database, sql, packing->fault);
}

/* ---- packing ---- */

/* unit, [year,] block, members, first and last key. */
static void block_put(struct packing *packing, bool has_year)
{
    struct copy_text *out = &packing->out;
    char first[ID_KEY_TEXT_BYTES], last[ID_KEY_TEXT_BYTES];
    (void)id_key_write(packing->members[0].key, first);
    (void)id_key_write(packing->members[packing->count - 1].key, last);
    copy_text_field(out, kept(&packing->unit));
    if (has_year) {
        copy_text_plain(out, "\t");
        copy_text_number(out, packing->year);
    }
    copy_text_plain(out, "\t");
    copy_text_number(out, packing->block);
    copy_text_plain(out, "\t");
    copy_text_number(out, (int64_t)packing->count);
    copy_text_plain(out, "\t");
    copy_text_field(out, first);
    copy_text_plain(out, "\t");
    copy_text_field(out, last);
    copy_text_plain(out, "\t");
}

static bool block_put_sum(struct packing *packing, const void *bytes, size_t size_bytes)
{
    unsigned char digest[SHA256_BYTES];
    if (EVP_Digest(bytes, size_bytes, digest, NULL, EVP_sha256(), NULL) != 1)
        return fault_set(packing->fault, FAULT_FATAL, EX_SOFTWARE, "sha256",
                         language_pick("libcrypto 不支持 SHA-256", "libcrypto has no SHA-256"));
    block_put(packing, false);
    copy_text_hex(&packing->out, digest, sizeof digest);
    return true;
}

/* What was filled is done. */
static bool block_end(struct packing *packing)
{
    size_t size_bytes;
    if (packing->count == 0) return true;
    const void *bytes = roster_block_pack(packing->packed, packing->members, packing->count, &size_bytes);
    if (bytes == NULL) return memory_out(packing);
    if (packing->finding != NULL) {
        if (!block_put_sum(packing, bytes, size_bytes)) return false;
    } else {
        block_put(packing, true);
        copy_text_plain(&packing->out, "\\\\x");
        copy_text_hex(&packing->out, bytes, size_bytes);
    }
    copy_text_plain(&packing->out, "\n");
    arena_reset(packing->packed);
    arena_reset(packing->texts);
    packing->done->blocks++;
    packing->block++;
    packing->count = 0;
    return !packing->out.is_broken || memory_out(packing);
}

static bool unit_begin(struct packing *packing, const char *unit)
{
    packing->block = 0;
    packing->done->units++;
    return keep(packing, &packing->unit, unit);
}

/* The index gives them in their order: anything else is damage, and a list compared with such a roster would be judged wrongly. */
static bool member_check(struct packing *packing, const struct roster_member *member)
{
    if (packing->count == 0 || id_key_compare(packing->members[packing->count - 1].key, member->key) < 0) return true;
    return fault_set(packing->fault, FAULT_FATAL, EX_DATAERR, "roster-order",
                     language_pick("单位 %s 有两个会员同时持有一个证件号码，或索引已损坏；请运行 nianshen-ops check 与 REINDEX TABLE "
                                   "nianshen.membership",
                                   "unit %s has a number that two members hold at once, or an index is damaged: run nianshen-ops check and "
                                   "REINDEX TABLE nianshen.membership"),
                     kept(&packing->unit));
}

static bool member_add(struct packing *packing, const char *const *fields)
{
    bool is_new_unit = strcmp(fields[UNIT_AT], kept(&packing->unit)) != 0;
    int64_t enrolment = strtoll(fields[ENROLMENT_AT], NULL, 10), from_ms = strtoll(fields[FROM_AT], NULL, 10);
    if (is_removed(packing, enrolment)) return true;
    if ((is_new_unit || packing->count == ROSTER_BLOCK_MEMBERS_MAX) && !block_end(packing)) return false;
    if (is_new_unit && !unit_begin(packing, fields[UNIT_AT])) return false;
    size_t length = strlen(fields[KEY_AT]);
    char *key = arena_copy(packing->texts, fields[KEY_AT], length);
    char *member_no = arena_copy(packing->texts, fields[MEMBER_NO_AT], strlen(fields[MEMBER_NO_AT]));
    char *name = arena_copy(packing->texts, fields[NAME_AT], strlen(fields[NAME_AT]));
    if (key == NULL || member_no == NULL || name == NULL) return memory_out(packing);
    struct roster_member member = {.key = id_key_of(key, length), .enrolment = enrolment, .member_no = member_no, .name = name};
    if (!member_check(packing, &member)) return false;
    packing->members[packing->count++] = member;
    packing->done->members++;
    if (from_ms > packing->done->latest_ms) packing->done->latest_ms = from_ms;
    return true;
}

static bool portion_read(struct packing *packing, size_t *rows)
{
    const char *fields[MEMBER_FIELDS];
    size_t count;
    *rows = 0;
    if (!portion_start(packing)) return false;
    for (;; ++*rows) {
        if (!line_read(packing, fields, MEMBER_FIELDS, &count)) return false;
        if (count == 0) return true;
        if (!member_add(packing, fields)) return false;
        if (*rows + 1 == PORTION_ROWS &&
            (!keep(packing, &packing->place[0], fields[UNIT_AT]) || !keep(packing, &packing->place[1], fields[KEY_AT])))
            return false;
    }
}

/* ---- writing ---- */

static bool portion_write(struct packing *packing)
{
    if (packing->out.used == 0) return true;
    bool is_good =
        database_copy_start(packing->database,
                            "COPY nianshen_engine.roster_block (unit, year, block, members, first_key, last_key, content) FROM STDIN",
                            packing->fault) &&
        database_copy_lines(packing->database, packing->out.bytes, packing->out.used, packing->fault) &&
        database_copy_end(packing->database, packing->fault);
    packing->out.used = 0;
    return is_good;
}

/* ---- comparing ---- */

static bool stored_start(struct packing *packing, const char *last_unit, const char *last_block)
{
    char sql[SQL_BYTES_MAX], unit[LITERAL_BYTES_MAX], until[LITERAL_BYTES_MAX], bound[LITERAL_BYTES_MAX + 64] = "";
    if (!literal(kept(&packing->compared[0]), unit) || !literal(last_unit != NULL ? last_unit : "", until))
        return fault_set(packing->fault, FAULT_FATAL, EX_SOFTWARE, "roster-key", "a unit's code is far too long");
    if (last_unit != NULL) (void)snprintf(bound, sizeof bound, " AND (unit, block) <= (E'%s', %s)", until, last_block);
    (void)snprintf(sql, sizeof sql,
                   "COPY (SELECT unit, block, members, first_key, last_key, sha256 FROM nianshen_engine.roster_block_sum "
                   "WHERE year = %" PRId32 " AND (unit, block) > (E'%s', %s)%s ORDER BY unit, block) TO STDOUT",
                   packing->year, unit, packing->compared[1].bytes != NULL ? packing->compared[1].bytes : "-1", bound);
    return database_copy_start(packing->database, sql, packing->fault);
}

static int sum_compare(const char *const *a, const char *const *b)
{
    int units = strcmp(a[SUM_UNIT_AT], b[SUM_UNIT_AT]);
    int64_t left = strtoll(a[SUM_BLOCK_AT], NULL, 10), right = strtoll(b[SUM_BLOCK_AT], NULL, 10);
    return units != 0 ? units : (left > right) - (left < right);
}

static bool sum_equal(const char *const *a, const char *const *b)
{
    for (size_t i = 0; i < SUM_FIELDS; i++)
        if (strcmp(a[i], b[i]) != 0) return false;
    return true;
}

static bool tell(struct packing *packing, enum roster_finding finding, const char *const *fields)
{
    return packing->finding(packing->context, finding, fields[SUM_UNIT_AT], strtoll(fields[SUM_BLOCK_AT], NULL, 10));
}

/* The packed blocks' lines, one after the other. */
static bool packed_next(char **at, const char **fields)
{
    if (**at == '\0') return false;
    char *line = *at;
    *at += strcspn(line, "\n") + 1;
    return copy_text_split(line, fields, SUM_FIELDS) == SUM_FIELDS;
}

/* Both ascend by unit and block: merged. */
static bool sums_merge(struct packing *packing, char *at)
{
    const char *ours[SUM_FIELDS], *theirs[SUM_FIELDS];
    size_t count;
    bool has_ours = packed_next(&at, ours);
    if (!line_read(packing, theirs, SUM_FIELDS, &count)) return false;
    while (has_ours || count > 0) {
        int order = !has_ours ? 1 : count == 0 ? -1 : sum_compare(ours, theirs);
        if (order < 0 && !tell(packing, ROSTER_BLOCK_MISSING, ours)) return false;
        if (order > 0 && !tell(packing, ROSTER_BLOCK_SURPLUS, theirs)) return false;
        if (order == 0 && !sum_equal(ours, theirs) && !tell(packing, ROSTER_BLOCK_DIFFERS, ours)) return false;
        if (order <= 0) has_ours = packed_next(&at, ours);
        if (order >= 0 && !line_read(packing, theirs, SUM_FIELDS, &count)) return false;
    }
    return true;
}

/* The stored blocks up to the last that was packed; behind the last portion all that are left. */
static bool portion_compare(struct packing *packing, bool is_last)
{
    char block[24];
    if (packing->out.used == 0 && !is_last) return true;
    if (copy_text_end(&packing->out) == NULL) return memory_out(packing);
    (void)snprintf(block, sizeof block, "%" PRId32, packing->block - 1);
    bool is_good = stored_start(packing, is_last ? NULL : kept(&packing->unit), block) && sums_merge(packing, packing->out.bytes) &&
                   keep(packing, &packing->compared[0], kept(&packing->unit)) && keep(packing, &packing->compared[1], block);
    packing->out.used = 0;
    return is_good;
}

/* ---- all of it ---- */

static void show_progress(const struct packing *packing)
{
    if (isatty(STDERR_FILENO) != 0)
        fprintf(stderr,
                language_pick("正在整理 %" PRId32 " 年度的名册：%" PRId64 " 人\r", "the roster of %" PRId32 ": %" PRId64 " members\r"),
                packing->year, packing->done->members);
}

static bool portions(struct packing *packing)
{
    size_t rows;
    do {
        if (!portion_read(packing, &rows)) return false;
        bool is_last = rows < PORTION_ROWS;
        if (is_last && !block_end(packing)) return false;
        if (packing->finding != NULL ? !portion_compare(packing, is_last) : !portion_write(packing)) return false;
        show_progress(packing);
    } while (rows == PORTION_ROWS);
    return true;
}

static bool packing_run(struct packing *packing)
{
    *packing->done = (struct roster_blocks){0};
    packing->members = malloc(ROSTER_BLOCK_MEMBERS_MAX * sizeof *packing->members);
    packing->texts = arena_new(TEXTS_BYTES_MAX);
    packing->packed = arena_new(TEXTS_BYTES_MAX);
    bool is_good = (packing->members != NULL && packing->texts != NULL && packing->packed != NULL) || memory_out(packing);
    /* The order is the index's: a sort would have to read the whole roster for each portion. */
    is_good = is_good && database_run_script(packing->database, "SET LOCAL enable_sort = off", packing->fault) && removals_read(packing) &&
              portions(packing) && database_run_script(packing->database, "SET LOCAL enable_sort = on", packing->fault);
    arena_free(packing->texts);
    arena_free(packing->packed);
    free(packing->members);
    free(packing->removals);
    struct copy_text *const texts[] = {&packing->line, &packing->place[0],    &packing->place[1],   &packing->unit,
                                       &packing->out,  &packing->compared[0], &packing->compared[1]};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) copy_text_free(texts[i]);
    return is_good;
}

bool roster_blocks_make(struct database *database, int32_t year, int64_t opens_ms, struct roster_blocks *done, struct fault *fault)
{
    struct packing packing = {.database = database, .year = year, .opens_ms = opens_ms, .done = done, .fault = fault};
    return packing_run(&packing);
}

bool roster_blocks_compare(struct database *database, int32_t year, int64_t opens_ms, roster_finding_fn finding, void *context,
                           struct roster_blocks *done, struct fault *fault)
{
    struct packing packing = {
        .database = database, .year = year, .opens_ms = opens_ms, .done = done, .fault = fault, .finding = finding, .context = context};
    return packing_run(&packing);
}
