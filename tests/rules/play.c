/*
 * Plays records through the review engine in memory: JSON lines in, one JSON line out a case. Between two micro-batches it keeps only
 * what a store would keep, so what it prints shows as well that loading in parts suffices.
 *
 * Lines in, each one object:
 *   {"world": WORLD}              replaces the world and forgets the named records
 *   {"records": {NAME: RECORD}}   names records for the cases that follow (added to those named before)
 *   {"case": NAME, "batches": [[RECORD or NAME of one, …], …]}
 *                                 plays the micro-batches from the empty state and prints one line. With "outcomes": false the line has
 *                                 no outcomes.
 *
 * WORLD, all members optional; a time that is null or missing is "always" as from_ms and "for ever" as until_ms:
 *   {"partitions": 1,             of the input topics
 *    "campaigns": [{"year": 2026, "opens_ms": 0, "closes_ms": 9, "salt": "00ff…", "purged": false}],
 *    "reasons": ["retired", "left", "deceased"],                               (this list is the default)
 *    "reviewers": [{"reviewer": "R1", "superior": "S1", "from_ms": 0, "until_ms": null}],
 *    "units": [{"unit": "U1", "created_ms": 0, "held": false,
 *               "superiors": [{"superior": "S1", "from_ms": 0, "until_ms": null}],
 *               "limits": [{"kind": "unit-reviews" | "submissions" | "decisions", "most": 2, "from_ms": 0, "until_ms": null}],
 *               "members": [{"enrolment": 1, "member_no": "M1", "number": "1101…", "name": "王建国", "enrolled_ms": 0, "removed_ms": 9}],
 *               "changes": [{"at_ms": 5, "enrolment": 1, "member_no": "M1", "number": "1101…", "name": "王建国"}]}]}
 *   A unit that is not named is unknown. A member belongs to a campaign when enrolled_ms < opens_ms < removed_ms; a later enrolment is
 *   `not-in-campaign`. A change is a correction, from at_ms (included) on. Numbers are normalised as those of entries are.
 *
 * RECORD:
 *   {"topic": "unit-review" | "member-review" | "approval", "partition": 0, "offset": 17, "append_ms": 1000, "key": "U1",
 *    "headers": {"ce_id": "…", …}, "value": the value as JSON, or "value_text": the value's bytes as text}
 *   partition defaults to 0 (or where the key belongs, when the world has several); a missing or null key or value is null.
 *   Shorter, for an event in binary mode: "type", "source" and "id" instead of "headers".
 *
 * A line out:
 *   {"case": NAME,
 *    "fates": [{"topic", "partition", "offset", "fate": "applied" | "duplicate" | "dead-letter" | "held", "code", "text"}]
 *                                 one a record, in the order played; code and text null unless it is a dead letter
 *    "reviews": [{"unit", "year",                                               in the order in which they were first touched
 *        "unit_reviews": [{"source", "id", "offset", "append_ms", "submitted_by", "profile": {…}, "verdict", "code"}],
 *        "submissions": [{"submission", "source", "unit_review", "submitted_by", "mode", "chunks", "entries_total", "received",
 *                         "first_offset", "completed_offset", "completed_ms", "completed_by",     (-1, 0 and null: not complete)
 *                         "state", "code", "digest": "sha256:…" or null, "listed", "passed", "failed", "errors_total", "warnings_total",
 *                         "decided_ms", "row_code", "failing": [{"enrolment", "reason"}]}],     (of valid rows that were judged)
 *        "decisions": [{"source", "id", "submission", "offset", "append_ms", "kind", "verdict", "code", "counted"}],
 *        "repeats": [{"source", "id"}],
 *        "counted": {"unit-reviews", "submissions", "decisions"}, "withdrawals": {source: count},
 *        "removed": [{"submission", "enrolment", "reason"}],
 *        "profile": null or {"at_ms", "name", "credit_code", "address", "contact_name", "contact_mobile"}}],
 *    "outcomes": [{"batch", "unit", "topic", "partition", "type", "id", "causation", "time_ms", "body": {…}}]}
 *   `listed`, `passed`, `failed` and `warnings_total` are 0 without a digest, `errors_total` unless it is rejected. A line that cannot be
 * played ends the program with exit 65 and the reason on standard error.
 */
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "core/text.h"
#include "rules/hex.h"
#include "rules/json_write.h"
#include "rules/lookup.h"
#include "tests/rules/shelf.h"

enum {
    BATCH_BYTES_MAX = 1 << 30,
    BLOCK_MEMBERS = 3, /* so that small rosters have several blocks */
};

struct record {
    const char *name; /* NULL: it has none */
    struct kafka_record record;
    const char *unit; /* the key, if it may be a unit's code */
    const char *ce_id; /* if readable */
    struct event *event; /* NULL: decoding refused it */
    const char *code, *text;
};

struct player {
    struct arena *world_memory, *case_memory;
    struct shelf_world world;
    int32_t partitions;
    struct shelf *shelf; /* NULL: no world yet */
    struct lookup records; /* by name: struct record */
    size_t line;
};

static _Noreturn void __attribute__((format(printf, 2, 3))) fail(const struct player *player, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "play: line %zu: ", player->line);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(EX_DATAERR);
}

/* ---- reading ---- */

static void *take(struct arena *arena, size_t count, size_t bytes)
{
    void *memory = arena_take(arena, (count + 1) * bytes);
    if (memory == NULL) abort();
    return memory;
}

static const char *text(struct player *player, const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    if (value == NULL || json_is_null(value)) return NULL;
    if (!json_is_string(value)) fail(player, "%s is not a text", name);
    return arena_copy(player->world_memory, json_string_value(value), json_string_length(value));
}

static const char *needed_text(struct player *player, const json_t *object, const char *name)
{
    const char *value = text(player, object, name);
    if (value == NULL) fail(player, "%s is missing", name);
    return value;
}

static int64_t number(struct player *player, const json_t *object, const char *name, int64_t otherwise)
{
    const json_t *value = json_object_get(object, name);
    if (value == NULL || json_is_null(value)) return otherwise;
    if (!json_is_integer(value)) fail(player, "%s is not an integer", name);
    return json_integer_value(value);
}

static size_t size(const json_t *object, const char *name)
{
    return json_array_size(json_object_get(object, name));
}

static const json_t *at(const json_t *object, const char *name, size_t index)
{
    return json_array_get(json_object_get(object, name), index);
}

static void read_campaigns(struct player *player, const json_t *world, struct reference *reference)
{
    reference->campaign_count = size(world, "campaigns");
    struct campaign *campaigns = take(player->world_memory, reference->campaign_count, sizeof *campaigns);
    for (size_t i = 0; i < reference->campaign_count; i++) {
        const json_t *one = at(world, "campaigns", i);
        const char *salt = text(player, one, "salt");
        if (salt == NULL) salt = "";
        uint8_t *bytes = take(player->world_memory, strlen(salt) / 2, 1);
        if (!hex_read(salt, bytes, strlen(salt) / 2)) fail(player, "the salt is not in hexadecimal digits");
        campaigns[i] = (struct campaign){.year = (int32_t)number(player, one, "year", 0),
                                         .opens_ms = number(player, one, "opens_ms", 0),
                                         .closes_ms = number(player, one, "closes_ms", REFERENCE_FOREVER_MS),
                                         .salt = bytes,
                                         .salt_bytes = strlen(salt) / 2,
                                         .is_purged = json_is_true(json_object_get(one, "purged"))};
    }
    reference->campaigns = campaigns;
}

static int compare_reviewers(const void *a, const void *b)
{
    const struct reviewer_term *first = a, *second = b;
    int order = strcmp(first->reviewer, second->reviewer);
    if (order == 0) order = strcmp(first->superior, second->superior);
    return order != 0 ? order : first->from_ms < second->from_ms ? -1 : first->from_ms > second->from_ms;
}

static void read_reviewers(struct player *player, const json_t *world, struct reference *reference)
{
    reference->reviewer_count = size(world, "reviewers");
    struct reviewer_term *terms = take(player->world_memory, reference->reviewer_count, sizeof *terms);
    for (size_t i = 0; i < reference->reviewer_count; i++) {
        const json_t *one = at(world, "reviewers", i);
        terms[i] = (struct reviewer_term){needed_text(player, one, "reviewer"), needed_text(player, one, "superior"),
                                          number(player, one, "from_ms", INT64_MIN), number(player, one, "until_ms", REFERENCE_FOREVER_MS)};
    }
    qsort(terms, reference->reviewer_count, sizeof *terms, compare_reviewers);
    reference->reviewers = terms;
}

static void read_reasons(struct player *player, const json_t *world, struct reference *reference)
{
    static const char *const defaults[] = {"retired", "left", "deceased"};
    reference->reasons = defaults;
    reference->reason_count = 3;
    if (json_object_get(world, "reasons") == NULL) return;
    reference->reason_count = size(world, "reasons");
    const char **reasons = take(player->world_memory, reference->reason_count, sizeof(const char *));
    for (size_t i = 0; i < reference->reason_count; i++) {
        const char *reason = json_string_value(at(world, "reasons", i));
        reasons[i] = arena_copy(player->world_memory, reason, strlen(reason));
    }
    reference->reasons = reasons;
}

static void read_terms(struct player *player, const json_t *one, struct shelf_unit *unit)
{
    static const char *const kinds[] = {"unit-reviews", "submissions", "decisions"};
    unit->superior_count = size(one, "superiors");
    unit->limit_count = size(one, "limits");
    struct superior_term *superiors = take(player->world_memory, unit->superior_count, sizeof *superiors);
    struct limit_term *limits = take(player->world_memory, unit->limit_count, sizeof *limits);
    for (size_t i = 0; i < unit->superior_count; i++) {
        const json_t *term = at(one, "superiors", i);
        superiors[i] = (struct superior_term){needed_text(player, term, "superior"), number(player, term, "from_ms", INT64_MIN),
                                              number(player, term, "until_ms", REFERENCE_FOREVER_MS)};
    }
    for (size_t i = 0; i < unit->limit_count; i++) {
        const json_t *term = at(one, "limits", i);
        const char *name = needed_text(player, term, "kind");
        int kind = 0;
        while (kind < LIMIT_KINDS && strcmp(kinds[kind], name) != 0) kind++;
        if (kind == LIMIT_KINDS) fail(player, "there is no limit of %s", name);
        limits[i] = (struct limit_term){(enum limit_kind)kind, (int32_t)number(player, term, "most", REFERENCE_LIMIT_DEFAULT),
                                        number(player, term, "from_ms", INT64_MIN), number(player, term, "until_ms", REFERENCE_FOREVER_MS)};
    }
    unit->superiors = superiors;
    unit->limits = limits;
}

static const char *text_or_empty(struct player *player, const json_t *object, const char *name)
{
    const char *value = text(player, object, name);
    return value != NULL ? value : "";
}

/* Corrections may come in any order; those of one moment stay in theirs. */
static void insert_change(struct shelf_change *changes, size_t count, struct shelf_change change)
{
    for (; count > 0 && changes[count - 1].at_ms > change.at_ms; count--) changes[count] = changes[count - 1];
    changes[count] = change;
}

static void read_roster(struct player *player, const json_t *one, struct shelf_unit *unit)
{
    unit->member_count = size(one, "members");
    unit->change_count = size(one, "changes");
    struct shelf_member *members = take(player->world_memory, unit->member_count, sizeof *members);
    struct shelf_change *changes = take(player->world_memory, unit->change_count, sizeof *changes);
    for (size_t i = 0; i < unit->member_count; i++) {
        const json_t *member = at(one, "members", i);
        members[i] = (struct shelf_member){number(player, member, "enrolment", 0),   needed_text(player, member, "member_no"),
                                           needed_text(player, member, "number"),    text_or_empty(player, member, "name"),
                                           number(player, member, "enrolled_ms", 0), number(player, member, "removed_ms", 0)};
    }
    for (size_t i = 0; i < unit->change_count; i++) {
        const json_t *change = at(one, "changes", i);
        insert_change(changes, i,
                      (struct shelf_change){number(player, change, "at_ms", 0), number(player, change, "enrolment", 0),
                                            needed_text(player, change, "member_no"), needed_text(player, change, "number"),
                                            text_or_empty(player, change, "name")});
    }
    unit->members = members;
    unit->changes = changes;
}

static void read_world(struct player *player, const json_t *world)
{
    if (player->shelf != NULL) shelf_free(player->shelf);
    arena_reset(player->world_memory);
    player->records = (struct lookup){.count = 0};
    player->world = (struct shelf_world){.unit_count = size(world, "units"), .block_members = BLOCK_MEMBERS};
    player->partitions = (int32_t)number(player, world, "partitions", 1);
    read_campaigns(player, world, &player->world.reference);
    read_reviewers(player, world, &player->world.reference);
    read_reasons(player, world, &player->world.reference);
    struct shelf_unit *units = take(player->world_memory, player->world.unit_count, sizeof *units);
    for (size_t i = 0; i < player->world.unit_count; i++) {
        const json_t *one = at(world, "units", i);
        units[i] = (struct shelf_unit){.unit = needed_text(player, one, "unit"),
                                       .created_ms = number(player, one, "created_ms", 0),
                                       .is_held = json_is_true(json_object_get(one, "held"))};
        read_terms(player, one, &units[i]);
        read_roster(player, one, &units[i]);
    }
    player->world.units = units;
    player->shelf = shelf_new(&player->world);
}

/* ---- records ---- */

static void add_header(struct player *player, struct record *record, struct kafka_header *headers, const char *name, const char *value)
{
    const char *copy = arena_copy(player->world_memory, value, strlen(value));
    headers[record->record.header_count++] =
        (struct kafka_header){arena_copy(player->world_memory, name, strlen(name)), copy, strlen(copy)};
    if (strcmp(name, "ce_id") == 0 && text_is_name(value, strlen(value), EVENT_NAME_BYTES_MAX)) record->ce_id = copy;
}

static void read_headers(struct player *player, json_t *one, struct record *record)
{
    json_t *list = json_object_get(one, "headers"), *value = NULL;
    const char *name = NULL;
    struct kafka_header *headers = take(player->world_memory, json_object_size(list) + 5, sizeof *headers);
    record->record.headers = headers;
    json_object_foreach(list, name, value) add_header(player, record, headers, name, json_string_value(value));
    if (list != NULL) return;
    add_header(player, record, headers, "ce_specversion", "1.0");
    add_header(player, record, headers, "ce_type", needed_text(player, one, "type"));
    add_header(player, record, headers, "ce_source", needed_text(player, one, "source"));
    add_header(player, record, headers, "ce_id", needed_text(player, one, "id"));
    add_header(player, record, headers, "content-type", "application/json");
}

static void read_value(struct player *player, const json_t *one, struct record *record)
{
    const json_t *value = json_object_get(one, "value"), *plain = json_object_get(one, "value_text");
    if (json_is_string(plain)) {
        record->record.value_bytes = json_string_length(plain);
        record->record.value = arena_copy(player->world_memory, json_string_value(plain), json_string_length(plain));
    } else if (value != NULL && !json_is_null(value)) {
        char *dumped = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
        record->record.value_bytes = strlen(dumped);
        record->record.value = arena_copy(player->world_memory, dumped, strlen(dumped));
        free(dumped);
    }
}

static void decode(struct player *player, struct record *record)
{
    struct fault fault = {.kind = FAULT_NONE};
    record->event = take(player->world_memory, 1, sizeof *record->event);
    if (event_read(player->world_memory, &record->record, player->partitions, record->event, &fault)) return;
    if (fault.kind != FAULT_REJECT) fail(player, "decoding failed: %s", fault.text);
    record->event = NULL;
    record->code = arena_copy(player->world_memory, fault.code, strlen(fault.code));
    record->text = arena_copy(player->world_memory, fault.text, strlen(fault.text));
}

static struct record *read_record(struct player *player, json_t *one)
{
    struct record *record = take(player->world_memory, 1, sizeof *record);
    const char *topic = needed_text(player, one, "topic"), *key = text(player, one, "key");
    if (!topic_kind_of_name(topic, &record->record.topic)) fail(player, "there is no topic %s", topic);
    record->record.key = key;
    record->record.key_bytes = key != NULL ? strlen(key) : 0;
    int32_t partition = key != NULL ? kafka_partition_of(key, strlen(key), player->partitions) : 0;
    record->record.partition = (int32_t)number(player, one, "partition", partition);
    record->record.offset = number(player, one, "offset", 0);
    record->record.append_ms = number(player, one, "append_ms", 0);
    if (key != NULL && text_is_name(key, strlen(key), EVENT_UNIT_BYTES_MAX)) record->unit = key;
    read_headers(player, one, record);
    read_value(player, one, record);
    decode(player, record);
    return record;
}

static uint64_t hash_name(const char *name)
{
    return lookup_hash(lookup_seed_of(NULL, 0), 0, name);
}

static void read_records(struct player *player, json_t *records)
{
    const char *name = NULL;
    json_t *one = NULL;
    if (player->shelf == NULL) fail(player, "there is no world yet");
    json_object_foreach(records, name, one)
    {
        struct record *record = read_record(player, one);
        record->name = arena_copy(player->world_memory, name, strlen(name));
        if (!lookup_add(&player->records, player->world_memory, hash_name(name), (uintptr_t)record)) abort();
    }
}

static struct record *find_record(struct player *player, json_t *one)
{
    uintptr_t item = 0;
    struct record *found = NULL;
    if (!json_is_string(one)) return read_record(player, one);
    struct lookup_probe probe = lookup_start(&player->records, hash_name(json_string_value(one)));
    while (lookup_next(&probe, &item)) {
        struct record *record = (struct record *)item;
        if (strcmp(record->name, json_string_value(one)) == 0) found = record; /* the last of that name */
    }
    if (found == NULL) fail(player, "there is no record %s", json_string_value(one));
    return found;
}

/* ---- printing ---- */

static void key_digest(struct json_out *out, const struct submission *submission)
{
    char digest[2 * STATE_DIGEST_BYTES + 1];
    out_key(out, "digest");
    if (!submission->has_digest) {
        out_raw(out, "null");
        return;
    }
    hex_write(submission->digest, STATE_DIGEST_BYTES, digest);
    out_raw(out, "\"sha256:");
    out_raw(out, digest);
    out_raw(out, "\"");
}

static void open_item(struct json_out *out)
{
    out_comma(out);
    out_raw(out, "{");
}

static void print_profile(struct json_out *out, const struct event_profile *profile)
{
    out_key_text(out, "name", profile->name);
    out_key_text(out, "credit_code", profile->credit_code);
    out_key_text(out, "address", profile->address);
    out_key_text(out, "contact_name", profile->contact_name);
    out_key_text(out, "contact_mobile", profile->contact_mobile);
}

static void print_unit_review(struct json_out *out, const struct unit_review *unit_review)
{
    open_item(out);
    out_key_text(out, "source", unit_review->source);
    out_key_text(out, "id", unit_review->id);
    out_key_int(out, "offset", unit_review->place.offset);
    out_key_int(out, "append_ms", unit_review->place.append_ms);
    out_key_text(out, "submitted_by", unit_review->submitted_by);
    out_key(out, "profile");
    out_raw(out, "{");
    print_profile(out, &unit_review->profile);
    out_raw(out, "}");
    out_key_text(out, "verdict", verdict_name(unit_review->verdict));
    out_key_text(out, "code", unit_review->code);
    out_raw(out, "}");
}

static void print_failing(struct json_out *out, const struct submission *submission)
{
    out_key(out, "failing");
    out_raw(out, "[");
    for (int32_t i = 0; submission->has_failing && i < submission->failed; i++) {
        open_item(out);
        out_key_int(out, "enrolment", submission->failing[i].enrolment);
        out_key_text(out, "reason", submission->failing[i].reason);
        out_raw(out, "}");
    }
    out_raw(out, "]");
}

/* Counts of rows that nobody was shown yet are not told. */
static void print_counts(struct json_out *out, const struct submission *submission)
{
    bool is_shown = submission->has_digest;
    out_key_int(out, "listed", is_shown ? submission->listed : 0);
    out_key_int(out, "passed", is_shown ? submission->passed : 0);
    out_key_int(out, "failed", is_shown ? submission->failed : 0);
    out_key_int(out, "errors_total", submission->state == SUBMISSION_REJECTED ? submission->errors_total : 0);
    out_key_int(out, "warnings_total", is_shown ? submission->warnings_total : 0);
}

static void print_submission(struct json_out *out, const struct submission *submission)
{
    open_item(out);
    out_key_text(out, "submission", submission->name);
    out_key_text(out, "source", submission->source);
    out_key_text(out, "unit_review", submission->unit_review);
    out_key_text(out, "submitted_by", submission->submitted_by);
    out_key_text(out, "mode", submission->mode == EVENT_MODE_LIST ? "list" : "import");
    out_key_int(out, "chunks", submission->chunk_count);
    out_key_int(out, "entries_total", submission->entries_total);
    out_key_int(out, "received", submission->received);
    out_key_int(out, "first_offset", submission->first.offset);
    out_key_int(out, "completed_offset", submission->completed.offset);
    out_key_int(out, "completed_ms", submission->completed.append_ms);
    out_key_text(out, "completed_by", submission->completed_by);
    out_key_text(out, "state", submission_state_name(submission->state));
    out_key_text(out, "code", submission->code);
    key_digest(out, submission);
    print_counts(out, submission);
    out_key_int(out, "decided_ms", submission->decided_ms);
    out_key_text(out, "row_code", submission->row_code);
    print_failing(out, submission);
    out_raw(out, "}");
}

static void print_decision(struct json_out *out, const struct decision *decision)
{
    open_item(out);
    out_key_text(out, "source", decision->source);
    out_key_text(out, "id", decision->id);
    out_key_text(out, "submission", decision->submission);
    out_key_int(out, "offset", decision->place.offset);
    out_key_int(out, "append_ms", decision->place.append_ms);
    out_key_text(out, "kind", decision_kind_name(decision->kind));
    out_key_text(out, "verdict", verdict_name(decision->verdict));
    out_key_text(out, "code", decision->code);
    out_key(out, "counted");
    out_raw(out, decision->is_counted ? "true}" : "false}");
}

static void print_limits(struct json_out *out, const struct review *review)
{
    out_key(out, "repeats");
    out_raw(out, "[");
    for (size_t i = 0; i < review->repeat_count; i++) {
        open_item(out);
        out_key_text(out, "source", review->repeats[i].source);
        out_key_text(out, "id", review->repeats[i].id);
        out_raw(out, "}");
    }
    out_raw(out, "]");
    out_key(out, "counted");
    out_raw(out, "{");
    out_key_int(out, "unit-reviews", review->counted[LIMIT_UNIT_REVIEWS]);
    out_key_int(out, "submissions", review->counted[LIMIT_SUBMISSIONS]);
    out_key_int(out, "decisions", review->counted[LIMIT_DECISIONS]);
    out_raw(out, "}");
    out_key(out, "withdrawals");
    out_raw(out, "{");
    for (size_t i = 0; i < review->withdrawal_count; i++) {
        out_comma(out);
        out_text(out, review->withdrawals[i].source);
        out_raw(out, ":");
        out_int(out, review->withdrawals[i].count);
    }
    out_raw(out, "}");
}

static void print_removed(struct json_out *out, const struct review *review)
{
    out_key(out, "removed");
    out_raw(out, "[");
    for (size_t i = 0; i < review->submission_count; i++) {
        const struct submission *submission = &review->submissions[i];
        for (int32_t f = 0; submission->state == SUBMISSION_APPROVED && f < submission->failed; f++) {
            open_item(out);
            out_key_text(out, "submission", submission->name);
            out_key_int(out, "enrolment", submission->failing[f].enrolment);
            out_key_text(out, "reason", submission->failing[f].reason);
            out_raw(out, "}");
        }
    }
    out_raw(out, "]");
}

static void print_review(struct json_out *out, const struct review *review)
{
    open_item(out);
    out_key_text(out, "unit", review->unit);
    out_key_int(out, "year", review->year);
    out_key(out, "unit_reviews");
    out_raw(out, "[");
    for (size_t i = 0; i < review->unit_review_count; i++) print_unit_review(out, &review->unit_reviews[i]);
    out_raw(out, "]");
    out_key(out, "submissions");
    out_raw(out, "[");
    for (size_t i = 0; i < review->submission_count; i++) print_submission(out, &review->submissions[i]);
    out_raw(out, "]");
    out_key(out, "decisions");
    out_raw(out, "[");
    for (size_t i = 0; i < review->decision_count; i++) print_decision(out, &review->decisions[i]);
    out_raw(out, "]");
    print_limits(out, review);
    print_removed(out, review);
    out_key(out, "profile");
    if (review->profile.profile == NULL) {
        out_raw(out, "null}");
        return;
    }
    out_raw(out, "{");
    out_key_int(out, "at_ms", review->profile.at_ms);
    print_profile(out, review->profile.profile);
    out_raw(out, "}}");
}

static void print_fate(struct json_out *out, const struct review_event *event)
{
    static const char *const names[] = {"applied", "duplicate", "dead-letter", "held"};
    open_item(out);
    out_key_text(out, "topic", topic_kind_name(event->topic));
    out_key_int(out, "partition", event->partition);
    out_key_int(out, "offset", event->offset);
    out_key_text(out, "fate", names[event->fate]);
    out_key_text(out, "code", event->fate == FATE_DEAD_LETTER ? event->code : NULL);
    out_key_text(out, "text", event->fate == FATE_DEAD_LETTER ? event->text : NULL);
    out_raw(out, "}");
}

static void print_outcome(struct json_out *out, size_t batch, const struct outcome *outcome)
{
    open_item(out);
    out_key_int(out, "batch", (int64_t)batch);
    out_key_text(out, "unit", outcome->unit);
    out_key_text(out, "topic", topic_kind_name(outcome->topic));
    out_key_int(out, "partition", outcome->partition);
    out_key_text(out, "type", outcome->type);
    out_key_text(out, "id", outcome->id);
    out_key_text(out, "causation", outcome->causation);
    out_key_int(out, "time_ms", outcome->time_ms);
    out_key(out, "body");
    out_bytes(out, outcome->body, outcome->body_bytes);
    out_raw(out, "}");
}

/* ---- playing ---- */

struct told { /* of one case, as it grows */
    struct json_out fates, outcomes;
    bool has_outcomes;
};

/* The memory of a micro-batch is its own, as a worker's: what is kept must not point into it. */
static void play_batch(struct player *player, json_t *batch, size_t number_of_batch, struct told *told)
{
    size_t count = json_array_size(batch);
    struct arena *memory = player->case_memory;
    struct review_event *events = take(memory, count, sizeof *events);
    const char **units = take(memory, count, sizeof(const char *));
    struct effects effects = {.outcomes = NULL};
    for (size_t i = 0; i < count; i++) {
        const struct record *record = find_record(player, json_array_get(batch, i));
        units[i] = record->unit;
        events[i] = (struct review_event){.topic = record->record.topic,
                                          .partition = record->record.partition,
                                          .offset = record->record.offset,
                                          .append_ms = record->record.append_ms,
                                          .event = record->event,
                                          .code = record->code,
                                          .text = record->text,
                                          .ce_id = record->ce_id};
    }
    if (!shelf_apply(player->shelf, memory, events, units, count, &effects)) fail(player, "the arena is full");
    for (size_t i = 0; i < count; i++) print_fate(&told->fates, &events[i]);
    for (size_t i = 0; i < effects.outcome_count && told->has_outcomes; i++)
        print_outcome(&told->outcomes, number_of_batch, &effects.outcomes[i]);
    arena_reset(memory);
}

static void play_case(struct player *player, const json_t *line)
{
    struct arena *memory = arena_new(BATCH_BYTES_MAX);
    struct told told = {.fates = {.arena = memory}, .outcomes = {.arena = memory}};
    struct json_out out = {.arena = memory};
    if (player->shelf == NULL) fail(player, "there is no world yet");
    told.has_outcomes = !json_is_false(json_object_get(line, "outcomes"));
    for (size_t i = 0; i < size(line, "batches"); i++) {
        json_t *batch = json_array_get(json_object_get(line, "batches"), i);
        play_batch(player, batch, i, &told);
    }
    out_raw(&out, "{");
    out_key_text(&out, "case", json_string_value(json_object_get(line, "case")));
    out_key(&out, "fates");
    out_raw(&out, "[");
    out_bytes(&out, told.fates.text, told.fates.used);
    out_raw(&out, "]");
    out_key(&out, "reviews");
    out_raw(&out, "[");
    for (size_t i = 0; shelf_review(player->shelf, i) != NULL; i++) print_review(&out, shelf_review(player->shelf, i));
    out_raw(&out, "]");
    if (told.has_outcomes) {
        out_key(&out, "outcomes");
        out_raw(&out, "[");
        out_bytes(&out, told.outcomes.text, told.outcomes.used);
        out_raw(&out, "]");
    }
    out_raw(&out, "}\n");
    if (out.is_full || told.fates.is_full || told.outcomes.is_full) fail(player, "the line is too long");
    fwrite(out.text, 1, out.used, stdout);
    arena_free(memory);
    shelf_clear(player->shelf);
}

static void play_line(struct player *player, const char *line, size_t length)
{
    json_error_t error;
    json_t *root = json_loadb(line, length, 0, &error);
    if (root == NULL) fail(player, "%s", error.text);
    if (json_object_get(root, "world") != NULL)
        read_world(player, json_object_get(root, "world"));
    else if (json_object_get(root, "records") != NULL)
        read_records(player, json_object_get(root, "records"));
    else if (json_object_get(root, "case") != NULL)
        play_case(player, root);
    else
        fail(player, "neither world nor records nor case");
    json_decref(root);
}

int main(void)
{
    struct player player = {.world_memory = arena_new(BATCH_BYTES_MAX), .case_memory = arena_new(BATCH_BYTES_MAX)};
    char *line = NULL;
    size_t room = 0;
    ssize_t length = 0;
    while ((length = getline(&line, &room, stdin)) >= 0) {
        player.line++;
        if (length > 1) play_line(&player, line, (size_t)length);
    }
    free(line);
    if (player.shelf != NULL) shelf_free(player.shelf);
    arena_free(player.world_memory);
    arena_free(player.case_memory);
    return fflush(stdout) == 0 ? EX_OK : EX_IOERR;
}
