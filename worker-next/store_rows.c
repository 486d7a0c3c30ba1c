#include "worker-next/store_rows.h"

#include <string.h>

#include "rules/rows.h"

static const struct database_statement write_unit_reviews = {
    "write_unit_reviews", "SELECT nianshen_engine.write_unit_reviews($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"};
static const struct database_statement write_submissions = {
    "write_submissions",
    "SELECT nianshen_engine.write_submissions($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, "
    "$19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32)"};
static const struct database_statement change_submissions = {
    "change_submissions",
    "SELECT nianshen_engine.change_submissions($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, "
    "$19, $20, $21, $22, $23)"};
static const struct database_statement settle_submissions = {"settle_submissions",
                                                             "SELECT nianshen_engine.settle_submissions($1, $2, $3, $4, $5, $6)"};
static const struct database_statement write_chunks = {"write_chunks",
                                                       "SELECT nianshen_engine.write_chunks($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"};
static const struct database_statement drop_chunk_rows = {"drop_chunk_rows", "SELECT nianshen_engine.drop_chunk_rows($1, $2, $3)"};
static const struct database_statement write_repeated = {"write_repeated_chunks",
                                                         "SELECT nianshen_engine.write_repeated_chunks($1, $2, $3, $4, $5, $6, $7)"};
static const struct database_statement write_decisions = {
    "write_decisions",
    "SELECT nianshen_engine.write_decisions($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)"};
static const struct database_statement change_decisions = {"change_decisions",
                                                           "SELECT nianshen_engine.change_decisions($1, $2, $3, $4, $5, $6)"};
static const struct database_statement write_removals = {"write_removals",
                                                         "SELECT nianshen_engine.write_removals($1, $2, $3, $4, $5, $6, $7)"};
static const struct database_statement change_profiles = {"change_profiles",
                                                          "SELECT nianshen_engine.change_profiles($1, $2, $3, $4, $5, $6, $7)"};

/* ---- lists of rows, in the order of the reviews ---- */

union item {
    const struct unit_review *unit_review;
    const struct submission *submission;
    const struct chunk *chunk;
    const struct repeat *repeat;
    const struct decision *decision;
};

struct row {
    const struct review *review;
    union item at;
    const struct submission *of; /* a chunk's, a removal's */
};

struct rows {
    struct arena *arena;
    struct row *list;
    size_t count, room;
};

static bool row_add(struct rows *rows, const struct review *review, union item at, const struct submission *of)
{
    if (rows->count == rows->room) {
        size_t room = rows->room * 2 + 256;
        struct row *grown = arena_take(rows->arena, room * sizeof *grown);
        if (grown == NULL) return false;
        if (rows->count > 0) memcpy(grown, rows->list, rows->count * sizeof *grown);
        rows->list = grown;
        rows->room = room;
    }
    rows->list[rows->count++] = (struct row){review, at, of};
    return true;
}

struct written { /* by table */
    struct rows unit_reviews, submissions, changed_submissions, settled, chunks, judged, repeats, decisions, changed_decisions, removals,
        profiles;
};

/* Nothing but its state changes, as nearly always. */
static bool is_settled(const struct submission *submission)
{
    return !submission->was_completed_now && !submission->must_drop_rows && submission->code == NULL &&
           (submission->state == SUBMISSION_PENDING || submission->state == SUBMISSION_APPROVED ||
            submission->state == SUBMISSION_RETURNED);
}

static bool collect_submission(struct written *out, const struct review *review, const struct submission *submission)
{
    union item item = {.submission = submission};
    if (submission->is_new && !row_add(&out->submissions, review, item, submission)) return false;
    struct rows *changed = is_settled(submission) ? &out->settled : &out->changed_submissions;
    if (submission->is_changed && !submission->is_new && !row_add(changed, review, item, submission)) return false;
    if (submission->must_drop_rows && !submission->is_new && !row_add(&out->judged, review, item, submission)) return false;
    for (size_t i = 0; i < submission->chunks_loaded; i++)
        if (submission->chunks[i].is_new && !row_add(&out->chunks, review, (union item){.chunk = &submission->chunks[i]}, submission))
            return false;
    return true;
}

/* Its failing members are removed by this decision. */
static const struct submission *removes(const struct review *review, const struct decision *decision)
{
    if (decision->kind != DECISION_APPROVED || decision->verdict != VERDICT_ACCEPTED || (!decision->is_new && !decision->is_changed))
        return NULL;
    for (size_t i = 0; i < review->submission_count; i++) {
        const struct submission *submission = &review->submissions[i];
        if (submission->state == SUBMISSION_APPROVED && submission->failed > 0 && strcmp(submission->name, decision->submission) == 0)
            return submission;
    }
    return NULL;
}

static bool collect_decision(struct written *out, const struct review *review, const struct decision *decision)
{
    union item item = {.decision = decision};
    const struct submission *removed = removes(review, decision);
    if (decision->is_new && !row_add(&out->decisions, review, item, NULL)) return false;
    if (decision->is_changed && !decision->is_new && !row_add(&out->changed_decisions, review, item, NULL)) return false;
    return removed == NULL || row_add(&out->removals, review, item, removed);
}

static bool collect_review(struct written *out, const struct review *review)
{
    for (size_t i = 0; i < review->unit_review_count; i++)
        if (review->unit_reviews[i].is_new &&
            !row_add(&out->unit_reviews, review, (union item){.unit_review = &review->unit_reviews[i]}, NULL))
            return false;
    for (size_t i = 0; i < review->submission_count; i++)
        if (!collect_submission(out, review, &review->submissions[i])) return false;
    for (size_t i = 0; i < review->repeat_count; i++)
        if (review->repeats[i].is_new && !row_add(&out->repeats, review, (union item){.repeat = &review->repeats[i]}, NULL)) return false;
    for (size_t i = 0; i < review->decision_count; i++)
        if (!collect_decision(out, review, &review->decisions[i])) return false;
    return review->profile.profile == NULL || row_add(&out->profiles, review, (union item){NULL}, NULL);
}

static bool collect(struct store *store, struct written *out)
{
    const struct world *world = &store->batch->world;
    struct rows *lists = &out->unit_reviews;
    for (size_t i = 0; i < sizeof *out / sizeof *lists; i++) lists[i] = (struct rows){.arena = store->batch->arena};
    for (size_t i = 0; i < world->review_count; i++)
        if (!collect_review(out, &world->reviews[store->plan->order[i]])) return false;
    return true;
}

/* ---- columns ---- */

/* One array over all rows; in it `r` is the row. */
#define COLUMN(type, add)                                                                                                                  \
    do {                                                                                                                                   \
        query_##type##_array(query);                                                                                                       \
        for (const struct row *r = rows->list; r < rows->list + rows->count; r++) add;                                                     \
    } while (0)
#define TEXTS(words) COLUMN(text, query_add_string(query, words))
#define INT4S(number) COLUMN(int4, query_add_int4(query, (int32_t)(number)))
#define INT8S(number) COLUMN(int8, query_add_int8(query, number))
#define BOOLS(flag) COLUMN(bool, query_add_bool(query, flag))
#define HASHES(hash, is_there) COLUMN(bytea, query_add_bytea(query, (is_there) ? (hash) : NULL, EVENT_SHA256_BYTES))

static struct database_query *query_units(struct store *store, const struct rows *rows)
{
    struct database_query *query = store_query(store);
    TEXTS(r->review->unit);
    INT4S(r->review->year);
    return query;
}

static void add_unit_reviews(struct store *store, const struct rows *rows)
{
    struct database_query *query = query_units(store, rows);
    TEXTS(r->at.unit_review->source);
    TEXTS(r->at.unit_review->id);
    INT8S(r->at.unit_review->place.offset);
    INT8S(r->at.unit_review->place.append_ms);
    HASHES(r->at.unit_review->content_sha256, true);
    TEXTS(r->at.unit_review->submitted_by);
    TEXTS(r->at.unit_review->profile.name);
    TEXTS(r->at.unit_review->profile.credit_code);
    TEXTS(r->at.unit_review->profile.address);
    TEXTS(r->at.unit_review->profile.contact_name);
    TEXTS(r->at.unit_review->profile.contact_mobile);
    TEXTS(r->at.unit_review->code);
    store_add(store, &write_unit_reviews, true);
}

/* ---- failing entries as literals of arrays ---- */

struct literal {
    char *text;
    size_t used, room;
};

static bool literal_room(struct literal *literal, struct arena *arena, size_t bytes)
{
    if (literal->text != NULL && literal->room - literal->used >= bytes) return true;
    size_t room = (literal->used + bytes) * 2 + 64;
    char *grown = arena_take(arena, room);
    if (grown == NULL) return false;
    if (literal->text != NULL) memcpy(grown, literal->text, literal->used);
    literal->text = grown;
    literal->room = room;
    return true;
}

static void literal_separate(struct literal *literal)
{
    literal->text[literal->used] = literal->used == 0 ? '{' : ',';
    literal->used++;
}

static bool literal_number(struct literal *literal, struct arena *arena, int64_t number)
{
    char digits[24];
    size_t count = 0;
    if (!literal_room(literal, arena, sizeof digits + 1)) return false;
    uint64_t rest = (uint64_t)number; /* an enrolment is above zero */
    do {
        digits[count++] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    literal_separate(literal);
    while (count > 0) literal->text[literal->used++] = digits[--count];
    return true;
}

static bool literal_text(struct literal *literal, struct arena *arena, const char *text)
{
    if (!literal_room(literal, arena, text == NULL ? 8 : 2 * strlen(text) + 4)) return false;
    literal_separate(literal);
    if (text == NULL) {
        memcpy(literal->text + literal->used, "NULL", 4);
        literal->used += 4;
        return true;
    }
    literal->text[literal->used++] = '"';
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') literal->text[literal->used++] = '\\';
        literal->text[literal->used++] = *text;
    }
    literal->text[literal->used++] = '"';
    return true;
}

static void literal_add(struct database_query *query, struct literal *literal, bool is_null)
{
    if (is_null) {
        query_add_null(query);
    } else if (literal->used == 0) {
        query_add_text(query, "{}", 2);
    } else {
        literal->text[literal->used++] = '}';
        query_add_text(query, literal->text, literal->used);
    }
}

/* A submission's failing entries are written when its rows were judged, and never change. */
static bool writes_failing(const struct submission *submission)
{
    return submission->has_failing && (submission->is_new || submission->was_completed_now);
}

static bool has_warnings(const struct submission *submission)
{
    for (int32_t i = 0; i < submission->failed; i++)
        if (submission->failing[i].warnings != NULL) return true;
    return false;
}

static bool add_failing(struct database_query *query, struct arena *arena, const struct rows *rows)
{
    struct literal literal = {0};
    for (int part = 0; part < 3; part++) {
        query_text_array(query);
        for (const struct row *r = rows->list; r < rows->list + rows->count; r++) {
            const struct submission *submission = r->at.submission;
            bool is_null = !writes_failing(submission) || (part == 2 && !has_warnings(submission));
            literal.used = 0;
            for (int32_t i = 0; i < submission->failed && !is_null; i++) {
                const struct failing *failing = &submission->failing[i];
                bool is_good = part == 0 ? literal_number(&literal, arena, failing->enrolment)
                                         : literal_text(&literal, arena, part == 1 ? failing->reason : failing->warnings);
                if (!is_good || !literal_room(&literal, arena, 1)) return false;
            }
            literal_add(query, &literal, is_null);
        }
    }
    return true;
}

/* ---- submissions ---- */

static void add_header(struct database_query *query, const struct rows *rows)
{
    TEXTS(r->at.submission->source);
    TEXTS(r->at.submission->unit_review);
    TEXTS(r->at.submission->submitted_by);
    TEXTS(r->at.submission->mode == EVENT_MODE_LIST ? "list" : "import");
    INT4S(r->at.submission->chunk_count);
    INT4S(r->at.submission->entries_total);
    INT8S(r->at.submission->first.offset);
    INT8S(r->at.submission->first.append_ms);
    HASHES(r->at.submission->content_sha256, r->at.submission->chunk_count == 1);
}

static bool add_verdict(struct database_query *query, struct arena *arena, const struct rows *rows)
{
    INT4S(r->at.submission->received);
    BOOLS(r->at.submission->is_in_campaign);
    COLUMN(int8, query_add_place(query, r->at.submission->completed.offset, r->at.submission->completed.offset >= 0));
    COLUMN(int8, query_add_place(query, r->at.submission->completed.append_ms, r->at.submission->completed.offset >= 0));
    TEXTS(r->at.submission->completed_by);
    TEXTS(submission_state_name(r->at.submission->state));
    TEXTS(r->at.submission->code);
    TEXTS(r->at.submission->row_code);
    INT4S(r->at.submission->listed);
    INT4S(r->at.submission->passed);
    INT4S(r->at.submission->failed);
    INT4S(r->at.submission->errors_total);
    INT4S(r->at.submission->warnings_total);
    TEXTS(r->at.submission->findings_json);
    if (!add_failing(query, arena, rows)) return false;
    TEXTS(r->at.submission->state == SUBMISSION_WAITING ? r->at.submission->failed_json : NULL);
    HASHES(r->at.submission->digest, r->at.submission->has_digest);
    COLUMN(int8, query_add_place(query, r->at.submission->decided_ms, r->at.submission->decided_ms != 0));
    return true;
}

static bool add_submissions(struct store *store, const struct rows *rows)
{
    struct database_query *query = query_units(store, rows);
    TEXTS(r->at.submission->name);
    add_header(query, rows);
    if (!add_verdict(query, store->batch->arena, rows)) return false;
    store_add(store, &write_submissions, true);
    return true;
}

static bool add_changed_submissions(struct store *store, const struct rows *rows)
{
    struct database_query *query = query_units(store, rows);
    TEXTS(r->at.submission->name);
    if (!add_verdict(query, store->batch->arena, rows)) return false;
    store_add(store, &change_submissions, true);
    return true;
}

static void add_settled(struct store *store, const struct rows *rows)
{
    struct database_query *query = query_units(store, rows);
    TEXTS(r->at.submission->name);
    TEXTS(submission_state_name(r->at.submission->state));
    HASHES(r->at.submission->digest, r->at.submission->has_digest);
    COLUMN(int8, query_add_place(query, r->at.submission->decided_ms, r->at.submission->decided_ms != 0));
    store_add(store, &settle_submissions, true);
}

/* ---- chunks ---- */

static bool add_chunks(struct store *store, const struct rows *rows)
{
    struct database_query *query = query_units(store, rows);
    TEXTS(r->of->name);
    INT4S(r->at.chunk->number);
    TEXTS(r->of->source);
    TEXTS(r->at.chunk->id);
    INT8S(r->at.chunk->place.offset);
    INT8S(r->at.chunk->place.append_ms);
    HASHES(r->at.chunk->content_sha256, true);
    BOOLS(r->at.chunk->is_in_campaign);
    query_bytea_array(query);
    for (const struct row *r = rows->list; r < rows->list + rows->count; r++) {
        size_t bytes = 0;
        bool has_rows = r->at.chunk->has_rows && !r->of->must_drop_rows;
        const void *packed = has_rows ? rows_pack(store->batch->arena, &r->at.chunk->rows, &bytes) : NULL;
        if (has_rows && packed == NULL) return false;
        query_add_bytea(query, packed, bytes);
    }
    store_add(store, &write_chunks, true);
    return true;
}

static void add_judged(struct store *store, const struct rows *rows)
{
    struct database_query *query = query_units(store, rows);
    TEXTS(r->of->name);
    store_add(store, &drop_chunk_rows, true);
}

static void add_repeats(struct store *store, const struct rows *rows)
{
    struct database_query *query = query_units(store, rows);
    TEXTS(r->at.repeat->source);
    TEXTS(r->at.repeat->id);
    HASHES(r->at.repeat->content_sha256, true);
    INT8S(r->at.repeat->place.offset);
    INT8S(r->at.repeat->place.append_ms);
    store_add(store, &write_repeated, true);
}

/* ---- decisions ---- */

static void add_decisions(struct store *store, const struct rows *rows)
{
    struct database_query *query = query_units(store, rows);
    TEXTS(r->at.decision->source);
    TEXTS(r->at.decision->id);
    TEXTS(r->at.decision->submission);
    INT8S(r->at.decision->place.offset);
    INT8S(r->at.decision->place.append_ms);
    HASHES(r->at.decision->content_sha256, true);
    TEXTS(decision_kind_name(r->at.decision->kind));
    TEXTS(r->at.decision->digest_text);
    TEXTS(r->at.decision->superior);
    TEXTS(r->at.decision->reviewer);
    TEXTS(r->at.decision->submitted_by);
    TEXTS(r->at.decision->comment);
    TEXTS(verdict_name(r->at.decision->verdict));
    TEXTS(r->at.decision->code);
    BOOLS(r->at.decision->is_counted);
    store_add(store, &write_decisions, true);
}

static void add_changed_decisions(struct store *store, const struct rows *rows)
{
    struct database_query *query = query_units(store, rows);
    TEXTS(r->at.decision->source);
    TEXTS(r->at.decision->id);
    TEXTS(verdict_name(r->at.decision->verdict));
    TEXTS(r->at.decision->code);
    store_add(store, &change_decisions, true);
}

static int32_t shard_of(const struct store *store, const struct review *review)
{
    return store->plan->parts[review - store->batch->world.reviews].shard;
}

static void add_removals(struct store *store, const struct rows *rows)
{
    struct database_query *query = store_query(store);
    INT4S(shard_of(store, r->review));
    TEXTS(r->review->unit);
    INT4S(r->review->year);
    TEXTS(r->of->name);
    TEXTS(r->at.decision->source);
    TEXTS(r->at.decision->id);
    INT8S(r->at.decision->place.append_ms);
    store_add(store, &write_removals, true);
}

static void add_profiles(struct store *store, const struct rows *rows)
{
    struct database_query *query = store_query(store);
    TEXTS(r->review->unit);
    INT8S(r->review->profile.at_ms);
    TEXTS(r->review->profile.profile->name);
    TEXTS(r->review->profile.profile->credit_code);
    TEXTS(r->review->profile.profile->address);
    TEXTS(r->review->profile.profile->contact_name);
    TEXTS(r->review->profile.profile->contact_mobile);
    store_add(store, &change_profiles, true);
}

/* One statement changes a unit once; years follow each other in time, so each further year of a unit has a statement behind the others. */
static bool add_all_profiles(struct store *store, const struct rows *all)
{
    struct rows left = *all;
    while (left.count > 0) {
        struct rows now = {.arena = left.arena}, later = {.arena = left.arena};
        for (size_t i = 0; i < left.count; i++) {
            const struct review *review = left.list[i].review;
            bool is_first = now.count == 0 || strcmp(now.list[now.count - 1].review->unit, review->unit) != 0;
            if (!row_add(is_first ? &now : &later, review, left.list[i].at, NULL)) return false;
        }
        add_profiles(store, &now);
        left = later;
    }
    return true;
}

bool store_write_rows(struct store *store)
{
    struct written out;
    if (!collect(store, &out)) return false;
    if (out.unit_reviews.count > 0) add_unit_reviews(store, &out.unit_reviews);
    if (out.submissions.count > 0 && !add_submissions(store, &out.submissions)) return false;
    if (out.changed_submissions.count > 0 && !add_changed_submissions(store, &out.changed_submissions)) return false;
    if (out.settled.count > 0) add_settled(store, &out.settled);
    if (out.judged.count > 0) add_judged(store, &out.judged);
    if (out.chunks.count > 0 && !add_chunks(store, &out.chunks)) return false;
    if (out.repeats.count > 0) add_repeats(store, &out.repeats);
    if (out.decisions.count > 0) add_decisions(store, &out.decisions);
    if (out.changed_decisions.count > 0) add_changed_decisions(store, &out.changed_decisions);
    if (out.removals.count > 0) add_removals(store, &out.removals);
    return add_all_profiles(store, &out.profiles);
}
