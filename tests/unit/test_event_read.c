/*
 * The typed fields, as event_read fills them by a scan and event_decode by parsing: every record here goes through both, and nothing may
 * differ. A record without a body was scanned.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/code.h"
#include "core/event.h"
#include "tests/unit/same_event.h"

enum { ARENA_BYTES_MAX = 8 * 1024 * 1024, TEXT_BYTES_MAX = 512 * 1024, PARTITIONS = 6 };

#define A "110101199003070011"
#define B "11010119900307002X"
#define C "211011196605229673"
#define DIGEST "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ENTRY(number, reason) "{\"id_number\":\"" number "\",\"reason\":\"" reason "\"}"
#define NAMED(number, reason, name) "{\"id_number\":\"" number "\",\"reason\":\"" reason "\",\"name\":\"" name "\"}"
#define CHUNK(mode, lists)                                                                                                                 \
    "{\"unit\":\"U1\",\"year\":2026,\"submission\":\"s-1\",\"unit_review\":\"r-1\",\"mode\":\"" mode                                       \
    "\",\"submitted_by\":\"clerk\",\"chunk\":2,\"chunks\":3,\"entries_total\":7," lists "}"
#define REVIEW(profile) "{\"unit\":\"U1\",\"year\":2026,\"submitted_by\":\"clerk\",\"profile\":{" profile "}}"
#define DECISION(rest) "{\"unit\":\"U1\",\"year\":2026,\"submission\":\"s-1\"," rest "}"
#define OF_SUPERIOR "\"digest\":\"" DIGEST "\",\"superior\":\"S1\",\"reviewer\":\"R7\""

static const char import[] = CHUNK("import", "\"failed\":[" ENTRY(A, "left") "," NAMED(B, "deceased", "王建国") "]");
static const char list[] = CHUNK("list", "\"failed\":[" ENTRY(A, "left") "],\"passed\":[\"" B "\",\"" C "\"]");
static const char review[] = REVIEW("\"name\":\"沈阳工会\",\"contact_mobile\":\"181 6350 8457\"");

struct fixture {
    struct arena *arenas[2];
    struct event_headers headers;
    struct kafka_record record;
    struct event decoded, read;
    struct fault fault;
};

static void send(struct fixture *fixture, enum event_type type, const char *value)
{
    event_headers_fill(&fixture->headers, event_type_name(type), "urn:upstream", "id-1", NULL, NULL);
    fixture->record = (struct kafka_record){.topic = event_type_topic(type),
                                            .append_ms = 1772323200000, /* 2026-03-01 */
                                            .key = "U1",
                                            .key_bytes = 2,
                                            .partition = kafka_partition_of("U1", 2, PARTITIONS),
                                            .value = value,
                                            .value_bytes = strlen(value),
                                            .headers = fixture->headers.list,
                                            .header_count = fixture->headers.count};
}

/* Both ways; false after a dead letter, the same one of both. */
static bool read_both(struct fixture *fixture)
{
    struct fault other = {0};
    fault_clear(&fixture->fault);
    arena_reset(fixture->arenas[0]);
    arena_reset(fixture->arenas[1]);
    bool is_good = event_decode(fixture->arenas[0], &fixture->record, PARTITIONS, &fixture->decoded, &fixture->fault);
    assert_int_equal(event_read(fixture->arenas[1], &fixture->record, PARTITIONS, &fixture->read, &other), is_good);
    assert_string_equal(fixture->fault.code, other.code);
    assert_string_equal(fixture->fault.text, other.text);
    const char *difference = is_good ? event_difference(&fixture->decoded, &fixture->read) : NULL;
    if (difference != NULL) fail_msg("%s differs: %s", difference, (const char *)fixture->record.value);
    return is_good;
}

static void assert_scanned(struct fixture *fixture, enum event_type type, const char *value)
{
    send(fixture, type, value);
    if (!read_both(fixture)) fail_msg("%s: %s", fixture->fault.code, fixture->fault.text);
    if (fixture->read.body != NULL) fail_msg("not scanned: %s", value);
}

static void assert_decoded(struct fixture *fixture, enum event_type type, const char *value)
{
    send(fixture, type, value);
    if (!read_both(fixture)) fail_msg("%s: %s: %s", fixture->fault.code, fixture->fault.text, value);
    if (fixture->read.body == NULL) fail_msg("scanned: %s", value);
}

static void assert_dead(struct fixture *fixture, enum event_type type, const char *value, const char *place)
{
    send(fixture, type, value);
    if (read_both(fixture)) fail_msg("taken: %s", value);
    assert_string_equal(fixture->fault.code, "schema");
    if (strstr(fixture->fault.text, place) == NULL) fail_msg("%s: %s", place, fixture->fault.text);
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    if (fixture == NULL) return -1;
    *state = fixture;
    fixture->arenas[0] = arena_new(ARENA_BYTES_MAX);
    fixture->arenas[1] = arena_new(ARENA_BYTES_MAX);
    return fixture->arenas[0] != NULL && fixture->arenas[1] != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    arena_free(fixture->arenas[0]);
    arena_free(fixture->arenas[1]);
    free(fixture);
    return 0;
}

/* ---- what comes out ---- */

static void test_a_unit_review(void **state)
{
    struct fixture *fixture = *state;
    assert_scanned(fixture, EVENT_UNIT_REVIEW_CONFIRMED, review);
    const struct event *event = &fixture->read;
    assert_string_equal(event->source, "urn:upstream");
    assert_string_equal(event->id, "id-1");
    assert_string_equal(event->unit, "U1");
    assert_int_equal(event->year, 2026);
    assert_string_equal(event->submitted_by, "clerk");
    assert_string_equal(event->profile.name, "沈阳工会");
    assert_string_equal(event->profile.contact_mobile, "18163508457");
    assert_true(event->profile.address == NULL && event->profile.contact_name == NULL && event->profile.credit_code == NULL);
    assert_true(event->note_count == 0 && event->refusal == NULL && event->submission == NULL);
    assert_scanned(fixture, EVENT_UNIT_REVIEW_CONFIRMED, REVIEW(""));
    assert_null(fixture->read.profile.name);
    assert_scanned(fixture, EVENT_UNIT_REVIEW_CONFIRMED,
                   REVIEW("\"credit_code\":\"81320400509163849A\",\"address\":\"\",\"contact_name\":\"李四\""));
    assert_string_equal(fixture->read.profile.address, "");
    assert_string_equal(fixture->read.profile.credit_code, "81320400509163849A");
}

static void test_a_chunk(void **state)
{
    struct fixture *fixture = *state;
    char text[ID_KEY_TEXT_BYTES];
    assert_scanned(fixture, EVENT_MEMBER_REVIEW_SUBMITTED, list);
    const struct event *event = &fixture->read;
    assert_string_equal(event->submission, "s-1");
    assert_string_equal(event->unit_review, "r-1");
    assert_string_equal(event->submitted_by, "clerk");
    assert_int_equal(event->mode, EVENT_MODE_LIST);
    assert_true(event->chunk_number == 2 && event->chunks == 3 && event->entries_total == 7);
    assert_true(event->rows.failing_count == 1 && event->rows.passed_count == 2 && event->rows.bad_count == 0);
    assert_int_equal(id_key_write(event->rows.passed[0], text), 18);
    assert_string_equal(text, B);
    assert_null(event->rows.passed[0].text);
    assert_scanned(fixture, EVENT_MEMBER_REVIEW_SUBMITTED, import);
    assert_int_equal(event->mode, EVENT_MODE_IMPORT);
    const struct event_failing *failing = event->rows.failing;
    assert_int_equal(event->rows.failing_count, 2);
    assert_true(id_key_equal(failing[0].key, id_key_of(A, 18)) && id_key_equal(failing[1].key, id_key_of(B, 18)));
    assert_string_equal(failing[0].reason, "left");
    assert_string_equal(failing[1].reason, "deceased");
    assert_null(failing[0].name);
    assert_string_equal(failing[1].name, "王建国");
    assert_true(failing[0].warnings == NULL && failing[1].warnings == NULL);
}

static void test_decisions(void **state)
{
    struct fixture *fixture = *state;
    const struct event *event = &fixture->read;
    assert_scanned(fixture, EVENT_REVIEW_APPROVED, DECISION(OF_SUPERIOR));
    assert_string_equal(event->digest, DIGEST);
    assert_string_equal(event->superior, "S1");
    assert_string_equal(event->reviewer, "R7");
    assert_true(event->comment == NULL && event->submitted_by == NULL);
    assert_scanned(fixture, EVENT_REVIEW_RETURNED, DECISION(OF_SUPERIOR ",\"comment\":\"请核对\""));
    assert_string_equal(event->comment, "请核对");
    assert_decoded(fixture, EVENT_REVIEW_RETURNED, DECISION(OF_SUPERIOR ",\"comment\":\"one\\ntwo\""));
    assert_string_equal(event->comment, "one\ntwo");
    assert_scanned(fixture, EVENT_REVIEW_WITHDRAWN, DECISION("\"submitted_by\":\"clerk\""));
    assert_string_equal(event->submitted_by, "clerk");
    assert_true(event->digest == NULL && event->reviewer == NULL);
    assert_decoded(fixture, EVENT_REVIEW_WITHDRAWN, DECISION("\"submitted_by\":\"clerk\"," OF_SUPERIOR));
    assert_null(event->digest); /* the type does not have it */
}

/* ---- single entries ---- */

/* Each entry's own errors, in the order of lists and entries; no entry is left out for one, nor for being listed twice. */
static void test_bad_numbers(void **state)
{
    struct fixture *fixture = *state;
    assert_decoded(fixture, EVENT_MEMBER_REVIEW_SUBMITTED,
                   CHUNK("list", "\"failed\":[{},{\"id_number\":\"211011196605229674\",\"reason\":\"a\\nb\"}," ENTRY(A, "left") "," ENTRY(
                                     A, "left") "],\"passed\":[\"" B "\",\" \",\"" B "\",\"21101119660522967O\"]"));
    const struct event_rows *rows = &fixture->read.rows;
    static const struct event_bad_number wanted[] = {
        {EVENT_LIST_FAILED, 0, "id-missing", "", 0, 0},
        {EVENT_LIST_FAILED, 0, "missing-reason", "", 0, 0},
        {EVENT_LIST_FAILED, 1, "id-check", "211***********9674", 18, '3'},
        {EVENT_LIST_FAILED, 1, "unknown-reason", "211***********9674", 0, 0},
        {EVENT_LIST_PASSED, 1, "id-missing", " ", 0, 0},
        {EVENT_LIST_PASSED, 3, "id-letter", "211***********967O", 18, '0'},
    };
    assert_true(rows->failing_count == 4 && rows->passed_count == 4);
    assert_int_equal(rows->bad_count, sizeof wanted / sizeof wanted[0]);
    for (size_t i = 0; i < rows->bad_count; i++) {
        assert_true(rows->bad[i].list == wanted[i].list && rows->bad[i].index == wanted[i].index);
        assert_string_equal(rows->bad[i].code, wanted[i].code);
        assert_string_equal(rows->bad[i].masked, wanted[i].masked);
        assert_true(rows->bad[i].position == wanted[i].position && rows->bad[i].expected == wanted[i].expected);
    }
    assert_string_equal(rows->failing[0].key.text, "");
    assert_string_equal(rows->failing[0].reason, "");
    assert_string_equal(rows->failing[1].key.text, "211011196605229674");
    assert_true(id_key_equal(rows->failing[2].key, rows->failing[3].key));
    assert_string_equal(rows->passed[1].text, "");
    assert_true(id_key_equal(rows->passed[0], rows->passed[2]));
}

/* A retirement that is too early is no reason to parse: the scan tells it, too. */
static void test_warnings(void **state)
{
    struct fixture *fixture = *state;
    assert_scanned(fixture, EVENT_MEMBER_REVIEW_SUBMITTED,
                   CHUNK("import", "\"failed\":[" ENTRY(A, "retired") "," ENTRY(B, "retired") "," ENTRY(C, "retired") "]"));
    assert_string_equal(fixture->read.rows.failing[0].warnings, "retired-too-young");
    assert_decoded(fixture, EVENT_MEMBER_REVIEW_SUBMITTED, CHUNK("import", "\"failed\":[" ENTRY(" 110101900307001", "retired") "]"));
    assert_string_equal(fixture->read.rows.failing[0].warnings, "retired-too-young,id-upgraded,id-normalised");
}

/* The name is optional, and "" is none; what can be no name breaks the contract. */
static void test_the_name_of_a_failing_member(void **state)
{
    struct fixture *fixture = *state;
    char longest[EVENT_NAME_BYTES_MAX + 2], value[2048];
    assert_decoded(fixture, EVENT_MEMBER_REVIEW_SUBMITTED, CHUNK("import", "\"failed\":[" NAMED(A, "left", "") "]"));
    assert_null(fixture->read.rows.failing[0].name);
    static const char *const bad[] = {"null", "7", "[]", "\"a\\tb\"", "\"\\u0085\"", "\"a\\u202eb\"", "\"\\u2069\""};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        (void)snprintf(value, sizeof value,
                       CHUNK("import", "\"failed\":[" ENTRY(A, "left") ",{\"id_number\":\"" B "\",\"reason\":\"left\",\"name\":%s}]"),
                       bad[i]);
        assert_dead(fixture, EVENT_MEMBER_REVIEW_SUBMITTED, value, "/data/failed/1/name");
    }
    memset(longest, 'n', sizeof longest);
    for (int bytes = EVENT_NAME_BYTES_MAX; bytes <= EVENT_NAME_BYTES_MAX + 1; bytes++) {
        (void)snprintf(value, sizeof value, CHUNK("import", "\"failed\":[" NAMED(A, "left", "%.*s") "]"), bytes, longest);
        if (bytes == EVENT_NAME_BYTES_MAX)
            assert_scanned(fixture, EVENT_MEMBER_REVIEW_SUBMITTED, value);
        else
            assert_dead(fixture, EVENT_MEMBER_REVIEW_SUBMITTED, value, "/data/failed/0/name");
    }
}

/* ---- texts that look other than they are ---- */

static void test_bidirectional_controls(void **state)
{
    struct fixture *fixture = *state;
    /* Bytes, as such a text may not stand in a source. */
    static const char controls[][4] = {
        {'\xE2', '\x80', '\xAA'}, {'\xE2', '\x80', '\xAE'}, {'\xE2', '\x81', '\xA6'}, {'\xE2', '\x81', '\xA9'}};
    static const char neighbours[][4] = {
        {'\xE2', '\x80', '\xA9'}, {'\xE2', '\x80', '\xAF'}, {'\xE2', '\x81', '\xA5'}, {'\xE2', '\x81', '\xAA'}};
    char value[1024];
    for (size_t i = 0; i < 4; i++) {
        (void)snprintf(value, sizeof value, DECISION(OF_SUPERIOR ",\"comment\":\"a%sb\""), controls[i]);
        assert_dead(fixture, EVENT_REVIEW_RETURNED, value, "/data/comment");
        (void)snprintf(value, sizeof value, DECISION("\"submitted_by\":\"a%sb\""), controls[i]);
        assert_dead(fixture, EVENT_REVIEW_WITHDRAWN, value, "/data/submitted_by");
        (void)snprintf(value, sizeof value, REVIEW("\"address\":\"a%sb\""), controls[i]);
        assert_decoded(fixture, EVENT_UNIT_REVIEW_CONFIRMED, value);
        assert_string_equal(fixture->read.refusal, "profile-text");
        assert_string_equal(fixture->read.refusal_field, "profile.address");
        (void)snprintf(value, sizeof value, DECISION("\"submitted_by\":\"a%sb\""), neighbours[i]);
        assert_scanned(fixture, EVENT_REVIEW_WITHDRAWN, value);
    }
    send(fixture, EVENT_UNIT_REVIEW_CONFIRMED, review);
    fixture->headers.list[1].value = controls[0];
    fixture->headers.list[1].value_bytes = 3;
    assert_false(read_both(fixture));
    assert_string_equal(fixture->fault.code, "bad-header");
}

/* ---- notes ---- */

static void test_notes(void **state)
{
    struct fixture *fixture = *state;
    assert_decoded(fixture, EVENT_UNIT_REVIEW_CONFIRMED,
                   REVIEW("\"fax\":\"1\",\"contact_mobile\":\"0755-12345678\",\"credit_code\":\"91350211m0000xuf46\",\"more\":{\"a\":[]}"));
    const struct event *event = &fixture->read;
    assert_int_equal(event->note_count, 4);
    assert_string_equal(event->notes[0].code, "contact-landline");
    assert_string_equal(event->notes[0].field, "profile.contact_mobile");
    assert_string_equal(event->notes[1].field, "profile.credit_code");
    assert_true(event->notes[1].position > 0 && event->notes[1].expected != 0);
    assert_string_equal(event->notes[2].code, "unknown-field");
    assert_string_equal(event->notes[2].field, "profile.fax");
    assert_string_equal(event->notes[3].field, "profile.more");
    assert_string_equal(event->profile.credit_code, "91350211M0000XUF46");
    assert_string_equal(event->profile.contact_mobile, "0755-12345678");
}

/* The sender's own names go into an outcome: printable, short, without a full number, and not too many of them. */
static void test_names_of_unknown_fields(void **state)
{
    struct fixture *fixture = *state;
    char value[TEXT_BYTES_MAX / 64];
    assert_decoded(fixture, EVENT_UNIT_REVIEW_CONFIRMED,
                   REVIEW("\"a\\nb\\tc\\u202e\":1,\"" C "\":1,\"\":1,"
                          "\"很长很长很长很长很长很长很长很长很长很长很长很长很长很长很长\":1"));
    const struct event *event = &fixture->read;
    assert_int_equal(event->note_count, 4);
    assert_string_equal(event->notes[0].field, "profile.a?b?c?");
    assert_string_equal(event->notes[1].field, "profile.211***********9673");
    assert_string_equal(event->notes[2].field, "profile.");
    assert_string_equal(event->notes[3].field, "profile.很长很长很长很长很长很长很长很长很长");
    size_t used = (size_t)snprintf(value, sizeof value, "{\"unit\":\"U1\",\"year\":2026,\"submitted_by\":\"c\",\"profile\":{");
    for (int i = 0; i < EVENT_NOTES_MAX + 5; i++)
        used += (size_t)snprintf(value + used, sizeof value - used, "%s\"f%d\":1", i > 0 ? "," : "", i);
    (void)snprintf(value + used, sizeof value - used, "}}");
    assert_decoded(fixture, EVENT_UNIT_REVIEW_CONFIRMED, value);
    assert_int_equal(event->note_count, EVENT_NOTES_MAX);
    assert_string_equal(event->notes[EVENT_NOTES_MAX - 1].field, "profile.f15");
}

/* ---- what is scanned ---- */

/* However an ordinary record is written. */
static void test_ordinary_records(void **state)
{
    struct fixture *fixture = *state;
    static const char *const chunks[] = {
        CHUNK("import", "\"failed\":[]"),
        CHUNK("import", "\"failed\":[],\"passed\":[]"),
        CHUNK("list", "\"failed\":[],\"passed\":[ ]"),
        CHUNK("list", "\"failed\" : [ ]"),
        CHUNK("list", "\"passed\":[\"" B "\" , \"" A "\"],\"failed\":[]"),
        CHUNK("import", "\"failed\":[" ENTRY(B, "left") "," ENTRY(A, "left") "," ENTRY(A, "moved") "]"),
        CHUNK("import", "\"failed\":[ " ENTRY(A, "left") ",\n" ENTRY(B, "left") "]"),
        CHUNK("import", "\"failed\":[{\"reason\":\"left\",\"id_number\":\"" A "\"}]"),
        CHUNK("import", "\"failed\":[{\"name\":\"n\",\"reason\":\"left\",\"id_number\":\"" A "\"}]"),
        " {\"failed\":[],\"entries_total\":0,\"chunks\":1,\"chunk\":1,\"submitted_by\":\"c\",\"mode\":\"import\",\"unit_review\":\"r\",\r\n"
        "\t\"submission\":\"s\",\"year\":2026,\"unit\":\"U1\"} \n",
    };
    for (size_t i = 0; i < sizeof chunks / sizeof chunks[0]; i++) assert_scanned(fixture, EVENT_MEMBER_REVIEW_SUBMITTED, chunks[i]);
}

/* Good records that have something to be said about, or are written as few are. */
static void test_records_that_are_not_ordinary(void **state)
{
    struct fixture *fixture = *state;
    static const char *const chunks[] = {
        CHUNK("import", "\"failed\":[],\"more\":1"),
        CHUNK("\\u0069mport", "\"failed\":[]"),
        CHUNK("import", "\"failed\":[" ENTRY(A, "l\\u0065ft") "]"),
        CHUNK("import", "\"failed\":[" ENTRY("11010119900307002x", "left") "]"),
        CHUNK("import", "\"failed\":[" ENTRY("932682198501010017", "left") "]"),
        CHUNK("import", "\"failed\":[" ENTRY("KAZ110090123105", "left") "]"),
        CHUNK("import", "\"failed\":[{\"id_number\":\"" A "\"}]"),
        CHUNK("import", "\"failed\":[{\"reason\":\"left\"}]"),
        CHUNK("import", "\"failed\":[{\"id_number\":\"" A "\",\"reason\":\"left\",\"more\":\"x\"}]"),
        CHUNK("import", "\"failed\":[{}]"),
        CHUNK("import", "\"failed\":[" NAMED(A, "left", "a]b") "," ENTRY(B, "left") "]"),
        CHUNK("list", "\"failed\":[],\"passed\":[\"" A "\",\"x\"]"),
        CHUNK("list", "\"failed\":[],\"passed\":[\"\"]"),
        CHUNK("list", "\"failed\":[],\"passed\":[\"" A "11\"]"),
    };
    for (size_t i = 0; i < sizeof chunks / sizeof chunks[0]; i++) assert_decoded(fixture, EVENT_MEMBER_REVIEW_SUBMITTED, chunks[i]);
    static const char *const reviews[] = {REVIEW("\"name\":\" \""), REVIEW("\"contact_mobile\":\"1\""), REVIEW("\"credit_code\":\"1\""),
                                          REVIEW("\"more\":\"\"")};
    for (size_t i = 0; i < sizeof reviews / sizeof reviews[0]; i++) assert_decoded(fixture, EVENT_UNIT_REVIEW_CONFIRMED, reviews[i]);
}

/* Whatever a scan could trip over: the verdict is that of event_decode. */
static void test_broken_records(void **state)
{
    struct fixture *fixture = *state;
    static const char *const values[] = {
        "",
        " ",
        "{",
        "{}",
        "[]",
        "{\"",
        "{\"unit\"",
        "{\"unit\":",
        "{\"unit\":\"U1",
        "{\"unit\":\"U1\"",
        "{\"unit\":\"U1\",",
        "{\"unit\":\"U1\"}",
        CHUNK("import", "\"failed\":["),
        CHUNK("import", "\"failed\":[{"),
        CHUNK("import", "\"failed\":[{}"),
        CHUNK("import", "\"failed\":[{]}"),
        CHUNK("import", "\"failed\":[" ENTRY(A, "left") ",]"),
        CHUNK("import", "\"failed\":[" ENTRY(A, "left") "" ENTRY(A, "left") "]"),
        CHUNK("import", "\"failed\":[" ENTRY(A, "left") "}"),
        CHUNK("import", "\"failed\":[{\"id_number\" \"" A "\"}]"),
        CHUNK("import", "\"failed\":[{\"id_number\":\"" A "\",\"id_number\":\"" A "\",\"reason\":\"left\"}]"),
        CHUNK("import", "\"failed\":[7]"),
        CHUNK("import", "\"failed\":7"),
        CHUNK("import", "\"failed\":[],\"passed\":{}"),
        CHUNK("list", "\"failed\":[],\"passed\":[\"" A "\",]"),
        CHUNK("list", "\"failed\":[],\"passed\":[\"" A "\" \"" B "\"]"),
        CHUNK("list", "\"failed\":[],\"passed\":[\"" A "\""),
        CHUNK("list", "\"failed\":[],\"passed\":[\"" A),
        CHUNK("list", "\"failed\":[],\"passed\":["),
        CHUNK("list", "\"failed\":[],\"passed\":[                        7]"),
        CHUNK("list", "\"failed\":[],\"passed\":[7,\"" A "\",\"" B "\"]"),
        CHUNK("import", "\"failed\":[],\"passed\":[\"" A "\"]"),
        CHUNK("import", "\"failed\":[],\"failed\":[]"),
        CHUNK("neither", "\"failed\":[]"),
        CHUNK("", "\"failed\":[]"),
        CHUNK("import", "\"failed\":[]") "x",
        CHUNK("import", "\"failed\":[]"),
        "{\"unit\":\"U1\",\"year\":02026}",
        "{\"unit\":\"U1\",\"year\":}",
        "{\"unit\":\"U1\",\"year\":20260000000000}",
        "{\"unit\":\"U1\",\"year\":2026.0}",
        "{\"unit\":\"U1\",\"year\":-2026}",
        "{\"unit\":\"U1\",\"chunk\":4,\"year\":1}",
        REVIEW("\"name\":7"),
        REVIEW("\"name\":\"a\",\"name\":\"b\""),
        REVIEW("\"name\" \"a\""),
        REVIEW("\"name\":\"a\","),
        "{\"unit\":\"U1\",\"profile\":7}",
        "{\"unit\":\"U1\",\"profile\":{\"name\":\"a\"",
        "{\"unit\":\"U2\",\"year\":2026,\"submitted_by\":\"clerk\",\"profile\":{}}",
        "{\"unit\":\"\"}",
        "{\"unit\":\"U1\xFF\"}"};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        for (int type = 0; type <= EVENT_REVIEW_WITHDRAWN; type++) {
            send(fixture, (enum event_type)type, values[i]);
            (void)read_both(fixture);
        }
    }
    send(fixture, EVENT_MEMBER_REVIEW_SUBMITTED,
         "{\"unit\":\"U1\",\"year\":2026,\"submission\":\"s\",\"unit_review\":\"r\",\"mode\":\"import\",\"submitted_by\":\"c\",\"chunk\":2,"
         "\"chunks\":1,\"entries_total\":0,\"failed\":[]}");
    assert_false(read_both(fixture));
    assert_non_null(strstr(fixture->fault.text, "/data/chunks"));
}

/* Headers that are there twice, written otherwise, of no use, or missing. */
static void test_headers(void **state)
{
    struct fixture *fixture = *state;
    struct kafka_header *headers = fixture->headers.list;
    static const char *const values[][2] = {{"content-type", "application/json; charset=utf-8"},
                                            {"content-type", "text/plain"},
                                            {"ce_specversion", "0.3"},
                                            {"ce_type", "none"},
                                            {"ce_source", ""},
                                            {"CE_ID", "id-2"},
                                            {"ce_xx", "x"},
                                            {"content-tyqe", "x"}};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        for (size_t at = 0; at < 6; at++) { /* in place of another, and behind all */
            send(fixture, EVENT_UNIT_REVIEW_CONFIRMED, review);
            headers[at] = (struct kafka_header){values[i][0], values[i][1], strlen(values[i][1])};
            if (at == 5) fixture->record.header_count++;
            (void)read_both(fixture);
            headers[at].value = NULL;
            (void)read_both(fixture);
        }
    }
    send(fixture, EVENT_UNIT_REVIEW_CONFIRMED, review);
    headers[0].value = "1.0\0more"; /* no text ends at a NUL */
    headers[0].value_bytes = 8;
    assert_false(read_both(fixture));
    send(fixture, EVENT_UNIT_REVIEW_CONFIRMED, review);
    fixture->record.has_lost_headers = true;
    assert_false(read_both(fixture));
    struct kafka_header many[EVENT_HEADERS_MAX + 1] = {{"x", "x", 1}};
    for (size_t i = 1; i <= EVENT_HEADERS_MAX; i++) many[i] = i <= fixture->headers.count ? headers[i - 1] : many[0];
    for (size_t count = EVENT_HEADERS_MAX; count <= EVENT_HEADERS_MAX + 1; count++) {
        send(fixture, EVENT_UNIT_REVIEW_CONFIRMED, review);
        fixture->record.headers = many;
        fixture->record.header_count = count;
        assert_int_equal(read_both(fixture), count == EVENT_HEADERS_MAX);
    }
    send(fixture, EVENT_UNIT_REVIEW_CONFIRMED, review);
    fixture->record.topic = TOPIC_APPROVAL;
    assert_false(read_both(fixture));
}

static void test_key_and_partition(void **state)
{
    struct fixture *fixture = *state;
    send(fixture, EVENT_UNIT_REVIEW_CONFIRMED, review);
    fixture->record.key = NULL;
    assert_false(read_both(fixture));
    fixture->record.key = "U1x";
    fixture->record.key_bytes = 3;
    assert_false(read_both(fixture));
    fixture->record.key = "U2";
    fixture->record.key_bytes = 2;
    assert_false(read_both(fixture));
    send(fixture, EVENT_UNIT_REVIEW_CONFIRMED, review);
    fixture->record.partition = (fixture->record.partition + 1) % PARTITIONS;
    assert_false(read_both(fixture));
    send(fixture, EVENT_UNIT_REVIEW_CONFIRMED, review);
    fixture->record.value = NULL;
    assert_false(read_both(fixture));
}

/* ---- limits ---- */

/* As many entries as a chunk may have are scanned, one more is refused, in either list; and so is a value that is too large. */
static void test_limits(void **state)
{
    struct fixture *fixture = *state;
    char *value = malloc(TEXT_BYTES_MAX + 64);
    assert_non_null(value);
    for (int more = 0; more <= 1; more++) {
        for (int failed = 0; failed <= EVENT_ENTRIES_MAX; failed += EVENT_ENTRIES_MAX / 2) {
            size_t used = (size_t)sprintf(value, "%.*s", (int)(strstr(list, "{\"id_number") - list), list);
            for (int i = 0; i < failed; i++) used += (size_t)sprintf(value + used, "%s%s", i > 0 ? "," : "", ENTRY(A, "left"));
            used += (size_t)sprintf(value + used, "],\"passed\":[");
            for (int i = failed; i < EVENT_ENTRIES_MAX + more; i++)
                used += (size_t)sprintf(value + used, "%s%s", i > failed ? "," : "", "\"" A "\"");
            (void)sprintf(value + used, "]}");
            if (more == 0) {
                assert_scanned(fixture, EVENT_MEMBER_REVIEW_SUBMITTED, value);
                continue;
            }
            send(fixture, EVENT_MEMBER_REVIEW_SUBMITTED, value);
            assert_false(read_both(fixture));
            assert_string_equal(fixture->fault.code, "too-many-elements");
        }
    }
    memset(value, ' ', TEXT_BYTES_MAX);
    (void)memcpy(value + EVENT_SMALL_BYTES_MAX - (sizeof review - 1), review, sizeof review);
    assert_scanned(fixture, EVENT_UNIT_REVIEW_CONFIRMED, value);
    (void)memcpy(value + EVENT_SMALL_BYTES_MAX - (sizeof review - 1), " ", 1);
    (void)memcpy(value + EVENT_SMALL_BYTES_MAX - (sizeof review - 1) + 1, review, sizeof review);
    send(fixture, EVENT_UNIT_REVIEW_CONFIRMED, value);
    assert_false(read_both(fixture));
    assert_string_equal(fixture->fault.code, "too-large");
    free(value);
}

typedef bool reader(struct arena *arena, const struct kafka_record *record, int32_t partitions, struct event *event, struct fault *fault);

/* An arena that is too small is no fault of the record, wherever it is full. */
static void test_a_full_arena(void **state)
{
    struct fixture *fixture = *state;
    static reader *const readers[] = {event_read, event_decode};
    static const struct {
        enum event_type type;
        const char *value;
    } samples[] = {{EVENT_MEMBER_REVIEW_SUBMITTED, list},
                   {EVENT_MEMBER_REVIEW_SUBMITTED, import},
                   {EVENT_UNIT_REVIEW_CONFIRMED, review},
                   {EVENT_UNIT_REVIEW_CONFIRMED, REVIEW("\"contact_name\":\"n\",\"address\":\"a\",\"more\":1")}};
    for (size_t i = 0; i < 2 * sizeof samples / sizeof samples[0]; i++) {
        bool is_enough = false;
        send(fixture, samples[i / 2].type, samples[i / 2].value);
        for (size_t bytes = 0; !is_enough; bytes++) {
            struct arena *arena = arena_new(bytes);
            assert_non_null(arena);
            fault_clear(&fixture->fault);
            is_enough = readers[i % 2](arena, &fixture->record, PARTITIONS, &fixture->read, &fixture->fault);
            if (!is_enough) assert_string_equal(fixture->fault.code, "memory");
            arena_free(arena);
        }
    }
}

/* ---- the hash ---- */

static void hash_of(struct fixture *fixture, enum event_type type, const char *value, uint8_t out[EVENT_SHA256_BYTES])
{
    send(fixture, type, value);
    assert_true(read_both(fixture));
    memcpy(out, fixture->read.content_sha256, EVENT_SHA256_BYTES);
}

/* How it is written does not count, nor whether an empty list is sent; each datum does. */
static void test_hash(void **state)
{
    struct fixture *fixture = *state;
    uint8_t first[EVENT_SHA256_BYTES], other[EVENT_SHA256_BYTES];
    static const char *const same[] = {CHUNK("import", "\"failed\":[" NAMED(A, "left", "n") "]"),
                                       CHUNK("import", "\"passed\":[],\"failed\":[" NAMED(A, "left", "n") "]"),
                                       CHUNK("import", "\"failed\" : [{\"name\":\"n\",\"reason\":\"left\",\"id_number\":\"" A "\"} ]"),
                                       CHUNK("import", "\"failed\":[" NAMED(A, "l\\u0065ft", "n") "]")};
    static const char *const others[] = {CHUNK("list", "\"failed\":[" NAMED(A, "left", "n") "]"),
                                         CHUNK("import", "\"failed\":[" NAMED(A, "left", "m") "]"),
                                         CHUNK("import", "\"failed\":[" ENTRY(A, "left") "]"),
                                         CHUNK("import", "\"failed\":[]"),
                                         CHUNK("import", "\"failed\":[" NAMED(A, "left", "n") "," NAMED(A, "left", "n") "]"),
                                         CHUNK("list", "\"failed\":[],\"passed\":[\"" A "\"]"),
                                         CHUNK("list", "\"failed\":[],\"passed\":[\"" A "\",\"" A "\"]")};
    hash_of(fixture, EVENT_MEMBER_REVIEW_SUBMITTED, same[0], first);
    for (size_t i = 1; i < sizeof same / sizeof same[0]; i++) {
        hash_of(fixture, EVENT_MEMBER_REVIEW_SUBMITTED, same[i], other);
        assert_memory_equal(first, other, sizeof first);
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        hash_of(fixture, EVENT_MEMBER_REVIEW_SUBMITTED, others[i], other);
        assert_memory_not_equal(first, other, sizeof first);
        memcpy(first, other, sizeof first); /* nor are neighbours here alike */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_unit_review, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_chunk, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_decisions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_numbers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_warnings, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_name_of_a_failing_member, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bidirectional_controls, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_notes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_names_of_unknown_fields, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ordinary_records, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_records_that_are_not_ordinary, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_broken_records, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_headers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_key_and_partition, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_limits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_full_arena, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_hash, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
