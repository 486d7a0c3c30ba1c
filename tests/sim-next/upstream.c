#include "tests/sim-next/upstream.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim-next/oracle.h"
#include "tests/sim-next/world.h"

enum { DRAFTS_MAX = 24, VALUE_BYTES_MAX = 4096 };

struct draft { /* a submission, as its clerk wrote it */
    struct sense chunks[SENSE_CHUNKS_MAX];
    int count;
    bool is_sent[SENSE_CHUNKS_MAX];
};

static struct clerk {
    int reviews, ids;
    struct draft drafts[DRAFTS_MAX];
    int draft_count;
} clerks[WORLD_UNITS];

static struct sim_record *sent[SIM_RECORDS_MAX]; /* for repeats */
static int sent_count;

void upstream_reset(void)
{
    memset(clerks, 0, sizeof clerks);
    sent_count = 0;
}

/* ---- JSON ---- */

struct text {
    char bytes[VALUE_BYTES_MAX];
    size_t used;
};

static void put(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(struct text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int count = vsnprintf(text->bytes + text->used, sizeof text->bytes - text->used, format, arguments);
    va_end(arguments);
    text->used += (size_t)count;
    if (text->used >= sizeof text->bytes) abort();
}

static void put_entries(struct text *text, const struct sense *sense)
{
    put(text, ",\"failed\":[");
    for (size_t i = 0; i < sense->failed_count; i++) {
        const struct sense_entry *entry = &sense->failed[i];
        put(text, "%s{\"id_number\":\"%s\"", i > 0 ? "," : "", entry->number);
        if (entry->reason != NULL) put(text, ",\"reason\":\"%s\"", entry->reason);
        if (entry->name != NULL) put(text, ",\"name\":\"%s\"", entry->name);
        put(text, "}");
    }
    put(text, "]");
    if (!sense->is_list) return;
    put(text, ",\"passed\":[");
    for (size_t i = 0; i < sense->passed_count; i++) put(text, "%s\"%s\"", i > 0 ? "," : "", sense->passed[i]);
    put(text, "]");
}

static const char *value_of(const struct sense *sense)
{
    struct text text;
    text.used = 0;
    put(&text, "{\"unit\":\"%s\",\"year\":%d", sense->unit, sense->year);
    if (sense->submitted_by != NULL) put(&text, ",\"submitted_by\":\"%s\"", sense->submitted_by);
    if (sense->submission != NULL) put(&text, ",\"submission\":\"%s\"", sense->submission);
    if (sense->profile != NULL) put(&text, ",\"profile\":%s", sense->profile);
    if (sense->type == EVENT_MEMBER_REVIEW_SUBMITTED) {
        put(&text, ",\"unit_review\":\"%s\",\"mode\":\"%s\",\"chunk\":%d,\"chunks\":%d,\"entries_total\":%d", sense->unit_review,
            sense->is_list ? "list" : "import", sense->chunk, sense->chunks, sense->entries_total);
        put_entries(&text, sense);
    }
    if (sense->digest != NULL)
        put(&text, ",\"digest\":\"%s\",\"superior\":\"%s\",\"reviewer\":\"%s\"", sense->digest, sense->superior, sense->reviewer);
    if (sense->comment != NULL) put(&text, ",\"comment\":\"%s\"", sense->comment);
    put(&text, "}");
    return sim_text(text.bytes);
}

/* ---- records ---- */

static void header_add(struct sim_record *record, const char *name, const char *value)
{
    record->headers[record->header_count++] = (struct kafka_header){name, value, strlen(value)};
}

static struct sim_record *record_of(const struct sense *sense)
{
    struct sim_record *record = sim_take(sizeof *record);
    struct sense *kept = sim_take(sizeof *kept);
    *kept = *sense;
    record->topic = event_type_topic(sense->type);
    record->key = sense->unit;
    record->value = value_of(sense);
    record->sense = kept;
    header_add(record, "ce_specversion", "1.0");
    header_add(record, "ce_id", sense->id);
    header_add(record, "ce_source", sense->source);
    header_add(record, "ce_type", event_type_name(sense->type));
    header_add(record, "content-type", "application/json");
    return record;
}

/* Several ways of breaking the contract; all are found by decoding. */
static void record_break(struct sim_record *record)
{
    record->sense = NULL;
    switch (sim_below(5)) {
    case 0:
        record->value = sim_format("broken %s", record->value);
        break;
    case 1:
        record->value = sim_format("{\"year\":\"soon\",%s", record->value + 1); /* a key twice, and of the wrong type */
        break;
    case 2:
        record->headers[3].value = "nianshen.unknown.v1";
        record->headers[3].value_bytes = strlen("nianshen.unknown.v1");
        break;
    case 3:
        record->headers[1].value_bytes = 0; /* no ce_id */
        break;
    default:
        record->value = sim_format("{%s", "\"unit\":\"U0\"}");
    }
}

static void publish(struct sim_record *record)
{
    if (record->sense != NULL && sim_often(sim.odds.broken)) record_break(record);
    if (!broker_append(record)) return;
    sim_tell("upstream: %s to %s [%d] at %" PRId64 ": %s%s", record->sense != NULL ? record->sense->id : "-",
             topic_kind_name(record->topic), record->partition, record->offset, record->sense != NULL ? "" : "(broken) ", record->value);
    if (sent_count < SIM_RECORDS_MAX) sent[sent_count++] = record;
    oracle_see(record);
}

/* ---- unit reviews ---- */

static const char *const profiles[] = {
    "{}",
    "{\"address\":\"北京市海淀区1号\"}",
    "{\"contact_name\":\"何九\",\"contact_mobile\":\"181 6350 8457\"}",
    "{\"name\":\"新名\",\"colour\":\"red\"}",
    "{\"contact_mobile\":\"12\"}", /* bad */
};

static void unit_review(struct sense *sense, struct clerk *clerk)
{
    int profile = sim_often(150) ? 4 : sim_below(4);
    sense->type = EVENT_UNIT_REVIEW_CONFIRMED;
    sense->id = sim_format("r%d", clerk->reviews++);
    sense->submitted_by = "clerk";
    sense->profile = profiles[profile];
    sense->is_bad_profile = profile == 4;
}

/* ---- submissions ---- */

static const char *number_text(struct id_key key)
{
    char text[ID_KEY_TEXT_BYTES];
    id_key_write(key, text);
    return sim_text(text);
}

/* All of the unit's members as of now, ascending. */
static size_t roster_now(const struct world_unit *unit, struct roster_member out[WORLD_MEMBERS_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < unit->member_count; i++) {
        struct roster_member member = world_member_at(unit, i, broker_append_ms());
        size_t at = count++;
        for (; at > 0 && id_key_compare(out[at - 1].key, member.key) > 0; at--) out[at] = out[at - 1];
        out[at] = member;
    }
    return count;
}

static const char *reason_drawn(void)
{
    static const char *const reasons[] = {"retired", "left", "deceased"};
    return reasons[sim_below(3)];
}

static void entry_fail(struct sense *chunk, struct roster_member member)
{
    struct sense_entry *entry = &chunk->failed[chunk->failed_count++];
    *entry = (struct sense_entry){.number = number_text(member.key), .reason = reason_drawn()};
    if (sim_often(400)) entry->name = member.name;
    if (sim_often(30)) entry->name = "别人";
}

/* Something is wrong with the entries of a chunk, one time in many. */
static void chunk_spoil(struct sense *chunk, const struct world_unit *unit)
{
    struct sense_entry *entry = chunk->failed_count > 0 ? &chunk->failed[sim_below((int)chunk->failed_count)] : NULL;
    switch (sim_below(10)) {
    case 0:
        chunk->entries_total++;
        return;
    case 1:
        if (entry != NULL) entry->reason = NULL;
        return;
    case 2:
        if (entry != NULL) entry->reason = "bored";
        return;
    case 3:
        if (entry != NULL) entry->number = "12345";
        return;
    case 4:
        if (entry != NULL) entry->number = sim_format(" %s", entry->number); /* read all the same */
        return;
    case 5: /* twice */
        if (entry != NULL && chunk->failed_count < SENSE_ENTRIES_MAX) chunk->failed[chunk->failed_count++] = *entry;
        return;
    case 6: /* not sorted, perhaps */
        if (chunk->failed_count > 1) {
            struct sense_entry first = chunk->failed[0];
            chunk->failed[0] = chunk->failed[1];
            chunk->failed[1] = first;
        }
        return;
    case 7: /* a stranger */
        if (entry != NULL) entry->number = world_data.numbers[sim_below(WORLD_NUMBERS)];
        return;
    case 8: /* as the roster was when it opened */
        if (entry != NULL && unit->member_count > 0) entry->number = number_text(unit->members[sim_below((int)unit->member_count)].key);
        return;
    default:
        if (entry != NULL && unit->later_count > 0) entry->number = number_text(unit->later[0].key);
    }
}

/* Members ascend over the chunks; each fails, passes (named in list mode only), or is left out now and then. */
static void chunks_fill(struct draft *draft, const struct world_unit *unit, int fail_permille)
{
    struct roster_member members[WORLD_MEMBERS_MAX];
    size_t count = unit == NULL ? 0 : roster_now(unit, members);
    int entries = 0;
    for (size_t i = 0; i < count; i++) {
        struct sense *chunk = &draft->chunks[i * (size_t)draft->count / count];
        if (sim_often(fail_permille)) {
            entry_fail(chunk, members[i]);
            entries++;
        } else if (chunk->is_list && !sim_often(20)) {
            chunk->passed[chunk->passed_count++] = number_text(members[i].key);
            entries++;
        }
    }
    for (int i = 0; i < draft->count; i++) draft->chunks[i].entries_total = entries;
    if (unit != NULL && sim_often(150)) chunk_spoil(&draft->chunks[sim_below(draft->count)], unit);
    for (int i = 1; i < draft->count; i++) draft->chunks[i].entries_total = draft->chunks[0].entries_total;
}

static void draft_make(const struct sense *stub, struct clerk *clerk)
{
    struct draft *draft = &clerk->drafts[clerk->draft_count];
    *draft = (struct draft){.count = sim_often(600) ? 1 : 1 + sim_below(SENSE_CHUNKS_MAX)};
    bool is_list = sim_often(400), is_self = sim_often(50);
    int unit_review = clerk->reviews == 0 || sim_often(150) ? clerk->reviews : sim_below(clerk->reviews);
    for (int i = 0; i < draft->count; i++) {
        struct sense *chunk = &draft->chunks[i];
        *chunk = *stub;
        chunk->type = EVENT_MEMBER_REVIEW_SUBMITTED;
        chunk->submission = sim_format("s%d", clerk->draft_count);
        chunk->id = sim_format("s%d.%d", clerk->draft_count, i + 1);
        chunk->unit_review = sim_format("r%d", unit_review);
        chunk->submitted_by = is_self ? " R0" : "clerk";
        chunk->is_list = is_list;
        chunk->chunk = i + 1;
        chunk->chunks = draft->count;
    }
    chunks_fill(draft, world_unit_of(stub->unit), 300);
    clerk->draft_count++;
}

/* A chunk of a draft that was not sent yet, or one again that was, under another id, with another header or other rows. */
static void chunk_vary(struct sense *chunk, struct clerk *clerk)
{
    chunk->id = sim_format("v%d", clerk->ids++);
    switch (sim_below(3)) {
    case 0:
        return;
    case 1:
        chunk->unit_review = "r9";
        return;
    default:
        if (chunk->failed_count > 0)
            chunk->failed[0].reason = "left";
        else
            chunk->failed[chunk->failed_count++] = (struct sense_entry){.number = world_data.numbers[3], .reason = "left"};
    }
}

static bool chunk_next(struct sense *sense, struct clerk *clerk)
{
    bool is_other = sim_often(80) && clerk->draft_count > 0;
    for (int i = 0; i < clerk->draft_count; i++) {
        struct draft *draft = &clerk->drafts[is_other ? sim_below(clerk->draft_count) : i];
        int first = sim_below(draft->count);
        for (int k = 0; k < draft->count; k++) {
            int at = (first + k) % draft->count;
            if (draft->is_sent[at] != is_other || (!is_other && sim_often(100))) continue;
            *sense = draft->chunks[at];
            draft->is_sent[at] = true;
            if (is_other) chunk_vary(sense, clerk);
            return true;
        }
    }
    return false;
}

/* ---- decisions ---- */

static const char *submission_drawn(const struct sense *sense, const struct clerk *clerk)
{
    const char *pending = oracle_pending(sense->unit, sense->year);
    if (pending != NULL && sim_often(600)) return pending;
    if (clerk->draft_count == 0 || sim_often(60)) return sim_format("s%d", clerk->draft_count); /* not there yet */
    return sim_format("s%d", sim_below(clerk->draft_count));
}

static void decision(struct sense *sense, struct clerk *clerk)
{
    static const enum event_type types[] = {EVENT_REVIEW_APPROVED, EVENT_REVIEW_APPROVED,  EVENT_REVIEW_APPROVED, EVENT_REVIEW_RETURNED,
                                            EVENT_REVIEW_RETURNED, EVENT_REVIEW_WITHDRAWN, EVENT_REVIEW_WITHDRAWN};
    sense->type = types[sim_below(7)];
    sense->id = sim_format("d%d", clerk->ids++);
    sense->submission = submission_drawn(sense, clerk);
    if (sim_often(300) || sense->type == EVENT_REVIEW_RETURNED) sense->comment = "因故";
    if (sense->type == EVENT_REVIEW_WITHDRAWN) {
        sense->submitted_by = "clerk";
        if (sim_often(150)) sense->source = "stranger";
        return;
    }
    const char *digest = oracle_digest(sense->unit, sense->year, sense->submission);
    sense->source = "review";
    sense->has_true_digest = digest != NULL && !sim_often(80);
    sense->digest = sense->has_true_digest ? digest
                    : sim_often(500)       ? "sha256:0"
                                           : "sha256:00000000000000000000000000000000"
                                             "00000000000000000000000000000000";
    sense->superior = sim_often(80) ? "S9" : oracle_superior(sense->unit);
    sense->reviewer = sim_often(80) ? "R7" : sim_often(200) ? "R1" : sim_often(50) ? "clerk" : "R0";
}

/* ---- what is done next ---- */

static int year_drawn(void)
{
    return sim_often(30) ? WORLD_YEAR_FIRST : sim_often(20) ? WORLD_YEAR + 1 : WORLD_YEAR;
}

/* The same again, or other content under the same identity. */
static bool repeat(void)
{
    if (sent_count == 0) return false;
    const struct sim_record *old = sent[sim_below(sent_count)];
    if (old->sense == NULL) return false;
    struct sense sense = *old->sense;
    if (sim_often(sim.odds.reuse)) {
        if (sense.comment != NULL || sense.type == EVENT_REVIEW_APPROVED)
            sense.comment = "另一";
        else
            sense.submitted_by = "other";
    }
    publish(record_of(&sense));
    return true;
}

/* One of the active units; seldom one that is not known. */
static int unit_drawn(void)
{
    int number = world_data.unit_order[sim_below(world_data.active)];
    for (int tries = 0; tries < 3 && world_data.units[number].created_ms > broker_append_ms() && !sim_often(100); tries++)
        number = world_data.unit_order[sim_below(world_data.active)];
    return number;
}

void upstream_publish(void)
{
    int number = unit_drawn();
    struct clerk *clerk = &clerks[number];
    struct sense sense = {.unit = world_data.units[number].code, .source = sim_often(50) ? "other" : "up", .year = year_drawn()};
    int draw = sim_below(100);
    if (sim_often(sim.odds.repeat) && repeat()) return;
    if (sim_often(700) && chunk_next(&sense, clerk)) {
        publish(record_of(&sense));
        return;
    }
    if (draw < 20 || (clerk->reviews == 0 && draw < 60)) {
        unit_review(&sense, clerk);
    } else if (draw < 50 && clerk->draft_count < DRAFTS_MAX) {
        draft_make(&sense, clerk);
        if (!chunk_next(&sense, clerk)) return;
    } else {
        decision(&sense, clerk);
    }
    publish(record_of(&sense));
}
