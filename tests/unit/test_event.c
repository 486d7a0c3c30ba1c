/* Decoding: both modes, every dead letter of the contract in its order, and what comes out of good events. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include <cmocka.h>

#include "core/code.h"
#include "core/event.h"

enum { PARTITIONS = 6, ARENA_BYTES_MAX = 8 * 1024 * 1024, VALUE_BYTES_MAX = 1024 * 1024 };

#define UNIT_REVIEW "nianshen.unit-review.confirmed.v1"
#define SUBMITTED "nianshen.member-review.submitted.v1"
#define APPROVED "nianshen.review.approved.v1"
#define RETURNED "nianshen.review.returned.v1"
#define WITHDRAWN "nianshen.review.withdrawn.v1"
#define DIGEST "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const char unit_review[] = "{\"unit\":\"U0001\",\"year\":2026,\"submitted_by\":\"clerk-17\",\"profile\":{}}";
static const char chunk[] =
    "{\"unit\":\"U0001\",\"year\":2026,\"submission\":\"s\",\"unit_review\":\"r\",\"mode\":\"import\",\"submitted_by\":\"c\","
    "\"chunk\":1,\"chunks\":1,\"entries_total\":0,\"failed\":[]}";
static const char approved[] =
    "{\"unit\":\"U0001\",\"year\":2026,\"submission\":\"s\",\"digest\":\"" DIGEST "\",\"superior\":\"S01\",\"reviewer\":\"R007\"}";
static const char returned[] =
    "{\"unit\":\"U0001\",\"year\":2026,\"submission\":\"s\",\"digest\":\"" DIGEST "\",\"superior\":\"S01\",\"reviewer\":\"R007\","
    "\"comment\":\"line\\nbreak\\ttab\"}";
static const char withdrawn[] = "{\"unit\":\"U0001\",\"year\":2026,\"submission\":\"s\",\"submitted_by\":\"clerk-17\"}";

/* ---- one record, made good and then spoiled by each test ---- */

struct fixture {
    struct arena *arena;
    struct kafka_record record;
    struct kafka_header headers[EVENT_HEADERS_MAX + 2];
    struct event event;
    struct fault fault;
};

static struct kafka_header header_of(const char *name, const char *value)
{
    return (struct kafka_header){name, value, value != NULL ? strlen(value) : 0};
}

static void set_value(struct fixture *fixture, const char *value)
{
    fixture->record.value = value;
    fixture->record.value_bytes = value != NULL ? strlen(value) : 0;
}

static void set_key(struct fixture *fixture, const char *key)
{
    fixture->record.key = key;
    fixture->record.key_bytes = key != NULL ? strlen(key) : 0;
    fixture->record.partition = key != NULL ? kafka_partition_of(key, strlen(key), PARTITIONS) : 0;
}

enum { CONTENT_TYPE, SPEC_VERSION, ID, SOURCE, TYPE, BINARY_HEADERS };

static void make_binary(struct fixture *fixture, enum topic_kind topic, const char *type, const char *value)
{
    fixture->record = (struct kafka_record){
        .topic = topic, .offset = 7, .append_ms = 1772323200000, .headers = fixture->headers, .header_count = BINARY_HEADERS};
    fixture->headers[CONTENT_TYPE] = header_of("content-type", "application/json");
    fixture->headers[SPEC_VERSION] = header_of("ce_specversion", "1.0");
    fixture->headers[ID] = header_of("ce_id", "id-1");
    fixture->headers[SOURCE] = header_of("ce_source", "urn:upstream");
    fixture->headers[TYPE] = header_of("ce_type", type);
    set_key(fixture, "U0001");
    set_value(fixture, value);
}

static void make_structured(struct fixture *fixture, enum topic_kind topic, const char *value)
{
    make_binary(fixture, topic, "", value);
    fixture->headers[CONTENT_TYPE] = header_of("content-type", "application/cloudevents+json; charset=UTF-8");
    fixture->record.header_count = 1;
}

static bool decode(struct fixture *fixture)
{
    fault_clear(&fixture->fault);
    arena_reset(fixture->arena);
    return event_decode(fixture->arena, &fixture->record, PARTITIONS, &fixture->event, &fixture->fault);
}

static void assert_good(struct fixture *fixture)
{
    if (!decode(fixture)) fail_msg("%s: %s", fixture->fault.code, fixture->fault.text);
}

/* The code, a text that has `place` in it, and that the code is in the table. */
static void assert_dead(struct fixture *fixture, const char *code, const char *place)
{
    if (decode(fixture)) fail_msg("decoded instead of %s: %.300s", code, (const char *)fixture->record.value);
    if (strcmp(fixture->fault.code, code) != 0 || strstr(fixture->fault.text, place) == NULL)
        fail_msg("%s '%s' instead of %s '%s'", fixture->fault.code, fixture->fault.text, code, place);
    assert_int_equal(fixture->fault.kind, FAULT_REJECT);
    assert_int_equal(fixture->fault.exit_status, EX_DATAERR);
    assert_non_null(code_find(code));
    assert_string_equal(code_find(code)->kind, "dead-letter");
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    if (fixture == NULL) return -1;
    fixture->arena = arena_new(ARENA_BYTES_MAX);
    *state = fixture;
    return fixture->arena != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    arena_free(fixture->arena);
    free(fixture);
    return 0;
}

/* ---- good events ---- */

static const struct {
    const char *type, *value;
    enum event_type number;
    enum topic_kind topic;
} kinds[] = {
    {UNIT_REVIEW, unit_review, EVENT_UNIT_REVIEW_CONFIRMED, TOPIC_UNIT_REVIEW},
    {SUBMITTED, chunk, EVENT_MEMBER_REVIEW_SUBMITTED, TOPIC_MEMBER_REVIEW},
    {APPROVED, approved, EVENT_REVIEW_APPROVED, TOPIC_APPROVAL},
    {RETURNED, returned, EVENT_REVIEW_RETURNED, TOPIC_APPROVAL},
    {WITHDRAWN, withdrawn, EVENT_REVIEW_WITHDRAWN, TOPIC_APPROVAL},
};

/* Each of the five is decoded in binary and in structured mode, to the same event. */
static void test_both_modes(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        uint8_t sha256[EVENT_SHA256_BYTES];
        char body[1024], structured[2048];
        make_binary(fixture, kinds[i].topic, kinds[i].type, kinds[i].value);
        assert_good(fixture);
        assert_int_equal(fixture->event.type, kinds[i].number);
        assert_string_equal(event_type_name(fixture->event.type), kinds[i].type);
        assert_int_equal(event_type_topic(fixture->event.type), kinds[i].topic);
        memcpy(sha256, fixture->event.content_sha256, sizeof sha256);
        (void)snprintf(body, sizeof body, "%s", fixture->event.body);

        (void)snprintf(structured, sizeof structured,
                       "{\"specversion\":\"1.0\",\"id\":\"id-1\",\"source\":\"urn:upstream\",\"type\":\"%s\",\"time\":\"x\",\"data\":%s}",
                       kinds[i].type, kinds[i].value);
        make_structured(fixture, kinds[i].topic, structured);
        assert_good(fixture);
        assert_int_equal(fixture->event.type, kinds[i].number);
        assert_string_equal(fixture->event.source, "urn:upstream");
        assert_string_equal(fixture->event.id, "id-1");
        assert_string_equal(fixture->event.unit, "U0001");
        assert_int_equal(fixture->event.year, 2026);
        assert_string_equal(fixture->event.body, body);
        assert_memory_equal(fixture->event.content_sha256, sha256, sizeof sha256);
    }
}

/* Content types are compared without case and parameters, and header names of content-type without case. */
static void test_content_types(void **state)
{
    struct fixture *fixture = *state;
    static const char *const good[] = {"application/json", "Application/JSON", "application/json; charset=utf-8",
                                       "application/json;charset=\"UTF-8\" ; x=y"};
    static const char *const bad[] = {"",
                                      "text/plain",
                                      "application/jsonx",
                                      "application/json; charset=gbk",
                                      "application/cloudevents",
                                      "application/cloudevents-batch+json",
                                      "application/cloudevents+json; charset=gbk",
                                      "application/avro"};
    make_binary(fixture, TOPIC_UNIT_REVIEW, UNIT_REVIEW, unit_review);
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        fixture->headers[CONTENT_TYPE] = header_of(i % 2 == 0 ? "content-type" : "Content-Type", good[i]);
        assert_good(fixture);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        fixture->headers[CONTENT_TYPE] = header_of("content-type", bad[i]);
        assert_dead(fixture, "bad-header", "content-type");
    }
}

/* The hash is over type and parsed data: white space, the order of keys and escapes do not count, content and type do. */
static void test_hash(void **state)
{
    struct fixture *fixture = *state;
    uint8_t first[EVENT_SHA256_BYTES];
    make_binary(fixture, TOPIC_APPROVAL, WITHDRAWN, withdrawn);
    assert_good(fixture);
    memcpy(first, fixture->event.content_sha256, sizeof first);

    set_value(fixture, " {\"year\" : 2026, \"submitted_by\":\"\\u0063lerk-17\",\n\"submission\":\"s\",\"unit\":\"U0001\"} ");
    fixture->headers[ID] = header_of("ce_id", "another");
    assert_good(fixture);
    assert_memory_equal(fixture->event.content_sha256, first, sizeof first);
    set_value(fixture, "{\"unit\":\"U0001\",\"year\":2026,\"submission\":\"s\",\"submitted_by\":\"clerk-18\"}");
    assert_good(fixture);
    assert_memory_not_equal(fixture->event.content_sha256, first, sizeof first);
    set_value(fixture, "{\"unit\":\"U0001\",\"year\":2026,\"submission\":\"s\",\"submitted_by\":\"clerk-17\",\"more\":1}");
    assert_good(fixture);
    assert_memory_not_equal(fixture->event.content_sha256, first, sizeof first);

    /* An approval with a comment and a return can have the same data. */
    make_binary(fixture, TOPIC_APPROVAL, RETURNED, returned);
    assert_good(fixture);
    memcpy(first, fixture->event.content_sha256, sizeof first);
    fixture->headers[TYPE] = header_of("ce_type", APPROVED);
    assert_good(fixture);
    assert_memory_not_equal(fixture->event.content_sha256, first, sizeof first);
}

/* The hash is the documented one: SHA-256 of type, line feed and sorted compact JSON (computed with sha256sum). */
static void test_hash_value(void **state)
{
    struct fixture *fixture = *state;
    char hex[2 * EVENT_SHA256_BYTES + 1];
    make_binary(fixture, TOPIC_APPROVAL, WITHDRAWN, withdrawn);
    assert_good(fixture);
    for (size_t i = 0; i < EVENT_SHA256_BYTES; i++) (void)snprintf(hex + 2 * i, 3, "%02x", fixture->event.content_sha256[i]);
    assert_string_equal(hex, "10c152647d3a570847cd613e2396d66db2e53a7fceff0f7f388fadd49c837882");
}

/* Unknown fields are kept in the body, the lists are not. */
static void test_body(void **state)
{
    struct fixture *fixture = *state;
    make_binary(fixture, TOPIC_MEMBER_REVIEW, SUBMITTED,
                "{\"unit\":\"U0001\",\"year\":2026,\"submission\":\"s\",\"unit_review\":\"r\",\"mode\":\"import\",\"submitted_by\":\"c\","
                "\"chunk\":1,"
                "\"chunks\":1,\"entries_total\":0,\"failed\":[],\"passed\":[],\"more\":{\"a\":[1,null,true]}}");
    assert_good(fixture);
    assert_string_equal(fixture->event.body,
                        "{\"chunk\":1,\"chunks\":1,\"entries_total\":0,\"mode\":\"import\",\"more\":{\"a\":[1,null,true]},"
                        "\"submission\":\"s\",\"submitted_by\":\"c\",\"unit\":\"U0001\",\"unit_review\":\"r\",\"year\":2026}");
}

/* ---- dead letters before the value ---- */

static void test_key_and_value(void **state)
{
    struct fixture *fixture = *state;
    make_binary(fixture, TOPIC_UNIT_REVIEW, UNIT_REVIEW, unit_review);
    set_key(fixture, NULL);
    assert_dead(fixture, "key-missing", "no key");
    set_key(fixture, "");
    assert_dead(fixture, "key-missing", "no key");
    set_key(fixture, "U0001");
    set_value(fixture, NULL);
    assert_dead(fixture, "null-value", "no value");
    set_value(fixture, "");
    assert_dead(fixture, "not-json", "JSON");
}

/* Each required header: missing, null, empty, too long, with a control character, not UTF-8, there twice. */
static void test_headers(void **state)
{
    struct fixture *fixture = *state;
    char name[300];
    memset(name, 'n', sizeof name);
    name[256] = '\0';
    for (size_t i = ID; i <= TYPE; i++) {
        make_binary(fixture, TOPIC_UNIT_REVIEW, UNIT_REVIEW, unit_review);
        const char *header = fixture->headers[i].name;
        const char *bad[] = {NULL, "", name, "a\nb", "\xC2\x85", "\xFF"};
        for (size_t b = 0; b < sizeof bad / sizeof bad[0]; b++) {
            fixture->headers[i] = header_of(header, bad[b]);
            assert_dead(fixture, "bad-header", header);
        }
        make_binary(fixture, TOPIC_UNIT_REVIEW, UNIT_REVIEW, unit_review);
        fixture->headers[BINARY_HEADERS] = fixture->headers[i];
        fixture->record.header_count++;
        assert_dead(fixture, "bad-header", "twice");
        make_binary(fixture, TOPIC_UNIT_REVIEW, UNIT_REVIEW, unit_review);
        fixture->headers[i] = fixture->headers[--fixture->record.header_count];
        assert_dead(fixture, "bad-header", header);
    }
    make_binary(fixture, TOPIC_UNIT_REVIEW, UNIT_REVIEW, unit_review);
    fixture->headers[ID] = header_of("ce_id", name + 1);
    assert_good(fixture);
    fixture->headers[SPEC_VERSION] = header_of("ce_specversion", "1.0.2");
    assert_dead(fixture, "bad-header", "1.0");
    fixture->record.header_count = 0;
    assert_dead(fixture, "bad-header", "content-type");
}

/* 64 headers are taken, others of any name and value among them, 65 are not. */
static void test_header_count(void **state)
{
    struct fixture *fixture = *state;
    make_binary(fixture, TOPIC_UNIT_REVIEW, UNIT_REVIEW, unit_review);
    for (size_t i = BINARY_HEADERS; i < EVENT_HEADERS_MAX + 1; i++)
        fixture->headers[i] = header_of("trace", i % 2 == 0 ? NULL : "\xFF\xFE");
    fixture->record.header_count = EVENT_HEADERS_MAX;
    assert_good(fixture);
    fixture->record.header_count = EVENT_HEADERS_MAX + 1;
    assert_dead(fixture, "bad-header", "65 headers");
    fixture->record.header_count = 0;
    fixture->record.has_lost_headers = true; /* more than the client can give */
    assert_dead(fixture, "bad-header", "more than 100000 headers");
}

/* ---- structured mode ---- */

static void assert_structured_dead(struct fixture *fixture, const char *value, const char *code, const char *place)
{
    make_structured(fixture, TOPIC_UNIT_REVIEW, value);
    assert_dead(fixture, code, place);
}

/* Attributes are checked as headers are; data must be an object. */
static void test_structured(void **state)
{
    struct fixture *fixture = *state;
#define ATTRIBUTES "\"specversion\":\"1.0\",\"id\":\"i\",\"source\":\"s\",\"type\":\"" UNIT_REVIEW "\","
    assert_structured_dead(fixture, "[]", "schema", "must be an object");
    assert_structured_dead(fixture, "{}", "bad-header", "attribute specversion");
    assert_structured_dead(fixture, "{\"specversion\":\"0.3\"}", "bad-header", "specversion must be 1.0");
    assert_structured_dead(fixture, "{\"specversion\":\"1.0\",\"type\":\"t\",\"id\":\"i\"}", "bad-header", "attribute source");
    assert_structured_dead(fixture, "{\"specversion\":\"1.0\",\"type\":\"t\",\"source\":\"s\",\"id\":7}", "bad-header", "attribute id");
    assert_structured_dead(fixture, "{\"specversion\":\"1.0\",\"type\":\"t\",\"source\":\"\",\"id\":\"7\"}", "bad-header",
                           "attribute source");
    assert_structured_dead(fixture, "{\"specversion\":\"1.0\",\"type\":\"t\",\"source\":\"s\",\"id\":\"7\",\"data\":{}}", "unknown-type",
                           "'t'");
    assert_structured_dead(fixture, "{" ATTRIBUTES "\"x\":1}", "schema", "/data must be an object");
    assert_structured_dead(fixture, "{" ATTRIBUTES "\"data\":\"{}\"}", "schema", "/data must be an object");
    assert_structured_dead(fixture, "{" ATTRIBUTES "\"data_base64\":\"e30=\"}", "schema", "/data_base64");
    assert_structured_dead(fixture, "{" ATTRIBUTES "\"datacontenttype\":\"text/xml\",\"data\":{}}", "bad-header", "datacontenttype");
    assert_structured_dead(fixture, "{" ATTRIBUTES "\"datacontenttype\":1,\"data\":{}}", "bad-header", "datacontenttype");
    assert_structured_dead(fixture, "{" ATTRIBUTES "\"data\":{}}", "schema", "/data/unit");
    make_structured(fixture, TOPIC_UNIT_REVIEW,
                    "{" ATTRIBUTES
                    "\"datacontenttype\":\"Application/JSON; charset=utf-8\",\"subject\":7,\"data\":{\"unit\":\"U0001\",\"year\":2026,"
                    "\"submitted_by\":\"c\",\"profile\":{}}}");
    assert_good(fixture);
}

/* ---- limits and JSON ---- */

static char *spaces(size_t count, const char *value)
{
    char *text = malloc(VALUE_BYTES_MAX);
    assert_non_null(text);
    memset(text, ' ', count);
    (void)snprintf(text + count, VALUE_BYTES_MAX - count, "%s", value);
    return text;
}

/* The byte limit is the topic's, to the byte. */
static void test_bytes(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        size_t kind, bytes_max;
    } limits[] = {{0, EVENT_SMALL_BYTES_MAX}, {1, EVENT_CHUNK_BYTES_MAX}, {2, EVENT_SMALL_BYTES_MAX}};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        size_t kind = limits[i].kind, length = strlen(kinds[kind].value);
        char *text = spaces(limits[i].bytes_max - length + 1, kinds[kind].value);
        make_binary(fixture, kinds[kind].topic, kinds[kind].type, text + 1);
        assert_good(fixture);
        set_value(fixture, text);
        assert_dead(fixture, "too-large", "bytes");
        free(text);
    }
}

/* Each refusal of the JSON guard comes out as its own dead letter. */
static void test_json(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *value, *code;
    } samples[] = {
        {"{", "not-json"},
        {"\xD0\xD5", "not-json"},
        {"[]", "schema"},
        {"7", "schema"},
        {"{\"unit\":\"U0001\",\"year\":2026,\"year\":2026}", "duplicate-key"},
        {"{\"unit\":\"U0001\",\"year\":2026.0}", "real-number"},
        {"{\"unit\":\"U0001\",\"year\":2e3}", "real-number"},
        {"{\"unit\":\"U0001\",\"x\":[[[[[[[7]]]]]]]}", "schema"},
        {"{\"unit\":\"U0001\",\"x\":[[[[[[[[7]]]]]]]]}", "too-deep"},
        {"{\"unit\":\"U0001\",\"year\":92233720368547758070}", "schema"},
        {"{\"unit\":\"U\\u0000\"}", "schema"},
    };
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        make_binary(fixture, TOPIC_UNIT_REVIEW, UNIT_REVIEW, samples[i].value);
        assert_dead(fixture, samples[i].code, "");
    }
}

/* Members and items are bounded, whatever they are. */
static void test_elements(void **state)
{
    struct fixture *fixture = *state;
    char *text = malloc(VALUE_BYTES_MAX);
    assert_non_null(text);
    size_t used = (size_t)snprintf(text, VALUE_BYTES_MAX, "{\"unit\":\"U0001\",\"year\":2026,\"x\":[");
    for (int i = 0; i < EVENT_ELEMENTS_MAX; i++) used += (size_t)snprintf(text + used, VALUE_BYTES_MAX - used, "0,");
    (void)snprintf(text + used, VALUE_BYTES_MAX - used, "0]}");
    make_binary(fixture, TOPIC_MEMBER_REVIEW, SUBMITTED, text);
    assert_dead(fixture, "too-many-elements", "members and items");
    free(text);
}

/* ---- type, topic, key, partition ---- */

static void test_type_and_topic(void **state)
{
    struct fixture *fixture = *state;
    make_binary(fixture, TOPIC_UNIT_REVIEW, "nianshen.unit-review.confirmed.v2", unit_review);
    assert_dead(fixture, "unknown-type", "confirmed.v2");
    make_binary(fixture, TOPIC_UNIT_REVIEW, "nianshen.unit-review.accepted.v1", unit_review);
    assert_dead(fixture, "unknown-type", "accepted.v1");
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        for (int topic = 0; topic < TOPIC_INPUTS; topic++) {
            make_binary(fixture, (enum topic_kind)topic, kinds[i].type, kinds[i].value);
            if ((enum topic_kind)topic == kinds[i].topic)
                assert_good(fixture);
            else
                assert_dead(fixture, "wrong-topic", kinds[i].type);
        }
    }
}

/* The key is the unit, byte for byte; a partition other than murmur2's names the setting that mends it. */
static void test_key_and_partition(void **state)
{
    struct fixture *fixture = *state;
    static const char *const others[] = {"U0002", "U000", "U00011", "u0001", "211011196605229673"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        make_binary(fixture, TOPIC_UNIT_REVIEW, UNIT_REVIEW, unit_review);
        set_key(fixture, others[i]);
        assert_dead(fixture, "key-mismatch", "/data/unit is 'U0001'");
        assert_null(strstr(fixture->fault.text, "211011196605229673"));
    }
    char key[EVENT_UNIT_BYTES_MAX + 2];
    memset(key, 'k', sizeof key);
    key[sizeof key - 1] = '\0';
    make_binary(fixture, TOPIC_UNIT_REVIEW, UNIT_REVIEW, unit_review);
    set_key(fixture, key);
    assert_dead(fixture, "key-mismatch", key + 1); /* as much of it as a unit may have */
    assert_null(strstr(fixture->fault.text, key));
    make_binary(fixture, TOPIC_UNIT_REVIEW, UNIT_REVIEW, unit_review);
    fixture->record.partition = (fixture->record.partition + 1) % PARTITIONS;
    assert_dead(fixture, "wrong-partition", "partitioner=murmur2_random");
    make_binary(fixture, TOPIC_UNIT_REVIEW, UNIT_REVIEW, "{\"unit\":\"沈阳-002\",\"year\":2026,\"submitted_by\":\"c\",\"profile\":{}}");
    set_key(fixture, "沈阳-002");
    assert_good(fixture);
}

/* Of several things wrong the first in the contract's order is named. */
static void test_order(void **state)
{
    struct fixture *fixture = *state;
    make_binary(fixture, TOPIC_APPROVAL, "none", NULL);
    set_key(fixture, NULL);
    fixture->headers[ID].value = NULL;
    assert_dead(fixture, "key-missing", "");
    set_key(fixture, "U0002");
    fixture->record.partition = (fixture->record.partition + 1) % PARTITIONS;
    assert_dead(fixture, "null-value", "");
    set_value(fixture, "{");
    assert_dead(fixture, "bad-header", "ce_id");
    fixture->headers[ID] = header_of("ce_id", "i");
    assert_dead(fixture, "not-json", "");
    set_value(fixture, "{\"unit\":\"U0001\",\"year\":1}");
    assert_dead(fixture, "unknown-type", "");
    fixture->headers[TYPE] = header_of("ce_type", UNIT_REVIEW);
    assert_dead(fixture, "wrong-topic", "");
    fixture->record.topic = TOPIC_UNIT_REVIEW;
    assert_dead(fixture, "key-mismatch", "");
    fixture->record.key = "U0001";
    int32_t right = kafka_partition_of("U0001", 5, PARTITIONS);
    fixture->record.partition = (right + 1) % PARTITIONS;
    assert_dead(fixture, "wrong-partition", "");
    fixture->record.partition = right;
    assert_dead(fixture, "schema", "/data/year");
}

/* ---- the schema of fields ---- */

/* Replaces the value of `"field":…` (up to the next ,"} that begins a member, as our fixtures are written) by `value`; NULL takes it out.
 */
static char *with_field(const char *json, const char *field, const char *value)
{
    char pattern[64], *text = malloc(VALUE_BYTES_MAX);
    assert_non_null(text);
    (void)snprintf(pattern, sizeof pattern, "\"%s\":", field);
    const char *start = strstr(json, pattern);
    if (start == NULL) { /* a field that the fixture does not have is put in front */
        (void)snprintf(text, VALUE_BYTES_MAX, "{\"%s\":%s,%s", field, value, json + 1);
        return text;
    }
    const char *end = strstr(start, ",\"");
    if (end == NULL) end = strrchr(start, '}');
    if (value != NULL)
        (void)snprintf(text, VALUE_BYTES_MAX, "%.*s%s%s%s", (int)(start - json), json, pattern, value, end);
    else
        (void)snprintf(text, VALUE_BYTES_MAX, "%.*s\"_\":0%s", (int)(start - json), json, end);
    return text;
}

enum verdict { GOOD, BAD };

static void assert_field(struct fixture *fixture, size_t kind, const char *field, const char *value, enum verdict verdict)
{
    char place[64], *json = with_field(kinds[kind].value, field, value);
    make_binary(fixture, kinds[kind].topic, kinds[kind].type, json);
    (void)snprintf(place, sizeof place, "/data/%s ", field);
    if (verdict == GOOD)
        assert_good(fixture);
    else
        assert_dead(fixture, "schema", place);
    free(json);
}

static const char *const names_of_kind[][8] = {
    {"submitted_by"},
    {"submission", "unit_review", "submitted_by"},
    {"submission", "superior", "reviewer"},
    {"submission", "superior", "reviewer"},
    {"submission", "submitted_by"},
};

/* Every name of every event: missing, of another type, empty, too long, with control characters; all else is fine. */
static void test_names(void **state)
{
    struct fixture *fixture = *state;
    static const char *const bad[] = {NULL, "null", "7", "true", "[]", "{}", "\"\"", "\"a\\nb\"", "\"\\u007f\"", "\"\\u0085\""};
    char longest[300], too_long[300];
    for (size_t kind = 0; kind < 5; kind++) {
        for (const char *const *field = names_of_kind[kind]; *field != NULL; field++) {
            for (size_t b = 0; b < sizeof bad / sizeof bad[0]; b++) assert_field(fixture, kind, *field, bad[b], BAD);
            int bytes_max = strcmp(*field, "superior") == 0 ? EVENT_UNIT_BYTES_MAX : EVENT_NAME_BYTES_MAX;
            memset(longest, 'n', sizeof longest);
            (void)snprintf(too_long, sizeof too_long, "\"%.*s\"", bytes_max + 1, longest);
            assert_field(fixture, kind, *field, too_long, BAD);
            (void)snprintf(too_long, sizeof too_long, "\"%.*s\"", bytes_max, longest);
            assert_field(fixture, kind, *field, too_long, GOOD);
            assert_field(fixture, kind, *field, "\"会员 é\"", GOOD);
        }
    }
}

/* Unit and year of every event. */
static void test_unit_and_year(void **state)
{
    struct fixture *fixture = *state;
    static const char *const bad_units[] = {NULL, "7", "null", "\"\"", "\"U\\n\""};
    static const char *const bad_years[] = {NULL, "\"2026\"", "null", "1999", "3000", "-2026", "0"};
    char unit[100], name[80];
    memset(name, 'U', sizeof name);
    for (size_t kind = 0; kind < 5; kind++) {
        for (size_t i = 0; i < sizeof bad_units / sizeof bad_units[0]; i++) assert_field(fixture, kind, "unit", bad_units[i], BAD);
        for (size_t i = 0; i < sizeof bad_years / sizeof bad_years[0]; i++) assert_field(fixture, kind, "year", bad_years[i], BAD);
        assert_field(fixture, kind, "year", "2000", GOOD);
        assert_field(fixture, kind, "year", "2999", GOOD);
    }
    for (int bytes = EVENT_UNIT_BYTES_MAX; bytes <= EVENT_UNIT_BYTES_MAX + 1; bytes++) {
        (void)snprintf(unit, sizeof unit, "\"%.*s\"", bytes, name);
        char *json = with_field(unit_review, "unit", unit);
        make_binary(fixture, TOPIC_UNIT_REVIEW, UNIT_REVIEW, json);
        unit[bytes + 1] = '\0';
        set_key(fixture, unit + 1);
        if (bytes == EVENT_UNIT_BYTES_MAX)
            assert_good(fixture);
        else
            assert_dead(fixture, "schema", "/data/unit ");
        free(json);
    }
}

/* The other fields of a chunk. */
static void test_chunk_fields(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *field, *value;
        enum verdict verdict;
    } samples[] = {
        {"mode", NULL, BAD},
        {"mode", "\"List\"", BAD},
        {"mode", "1", BAD},
        {"mode", "\"list\"", GOOD},
        {"chunk", NULL, BAD},
        {"chunk", "0", BAD},
        {"chunk", "2", BAD},
        {"chunk", "\"1\"", BAD},
        {"chunk", "-1", BAD},
        {"chunks", NULL, BAD},
        {"chunks", "10000", GOOD},
        {"chunks", "10001", BAD},
        {"entries_total", NULL, BAD},
        {"entries_total", "-1", BAD},
        {"entries_total", "50000000", GOOD},
        {"entries_total", "50000001", BAD},
        {"entries_total", "9223372036854775807", BAD},
        {"failed", NULL, BAD},
        {"failed", "{}", BAD},
        {"failed", "null", BAD},
        {"passed", "{}", BAD},
        {"passed", "null", BAD},
        {"passed", "[]", GOOD},
        {"passed", "[\"x\"]", BAD},
    };
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++)
        assert_field(fixture, 1, samples[i].field, samples[i].value, samples[i].verdict);
}

/* The other fields of decisions. */
static void test_decision_fields(void **state)
{
    struct fixture *fixture = *state;
    /* A digest of another form is one that is not the pending one: the rules refuse it (stale-digest), it is no dead letter. */
    static const char *const bad_digests[] = {NULL, "\"\"", "7", "\"\\u0007\""};
    assert_field(fixture, 2, "digest", "\"sha1:0123\"", GOOD);
    for (size_t i = 0; i < sizeof bad_digests / sizeof bad_digests[0]; i++) assert_field(fixture, 2, "digest", bad_digests[i], BAD);

    static const char *const bad_comments[] = {"7", "null", "\"\"", "\"\\r\"", "\"\\u001b[2J\"", "\"\\u0085\""};
    char longest[EVENT_COMMENT_BYTES_MAX + 8];
    memset(longest, 'c', sizeof longest);
    longest[0] = '"';
    for (size_t kind = 2; kind < 5; kind++) {
        for (size_t i = 0; i < sizeof bad_comments / sizeof bad_comments[0]; i++)
            assert_field(fixture, kind, "comment", bad_comments[i], BAD);
        memcpy(longest + EVENT_COMMENT_BYTES_MAX + 1, "\"", 2);
        assert_field(fixture, kind, "comment", longest, GOOD);
        memcpy(longest + EVENT_COMMENT_BYTES_MAX + 1, "c\"", 3);
        assert_field(fixture, kind, "comment", longest, BAD);
    }
    assert_field(fixture, 3, "comment", NULL, BAD);
}

/* ---- a unit's profile ---- */

static void assert_profile(struct fixture *fixture, const char *profile, const char *refusal, const char *field)
{
    char *json = with_field(unit_review, "profile", profile);
    make_binary(fixture, TOPIC_UNIT_REVIEW, UNIT_REVIEW, json);
    assert_good(fixture);
    free(json);
    if (refusal == NULL) {
        assert_null(fixture->event.refusal);
        assert_null(fixture->event.refusal_field);
        return;
    }
    assert_string_equal(fixture->event.refusal, refusal);
    assert_string_equal(fixture->event.refusal_field, field);
    assert_string_equal(code_find(refusal)->kind, "rejection");
}

/* Bad content is a refusal with the field's name, the first in the order of fields; good, partial and unknown fields pass. */
static void test_profile_content(void **state)
{
    struct fixture *fixture = *state;
    char text[400], name[300];
    memset(name, 'n', sizeof name);
    assert_profile(fixture, "{}", NULL, NULL);
    assert_profile(fixture,
                   "{\"name\":\"沈阳工会\",\"credit_code\":\"81320400509163849A\",\"address\":\"\",\"contact_name\":\"张\",\"contact_"
                   "mobile\":\"18163508457\"}",
                   NULL, NULL);
    assert_profile(fixture, "{\"more\":{\"a\":[1]}}", NULL, NULL);
    assert_profile(fixture, "{\"name\":\"\"}", "profile-name", "profile.name");
    assert_profile(fixture, "{\"name\":\" \u3000\"}", "profile-name", "profile.name");
    assert_profile(fixture, "{\"name\":\"a\\nb\"}", "profile-name", "profile.name");
    (void)snprintf(text, sizeof text, "{\"name\":\"%.256s\"}", name);
    assert_profile(fixture, text, "profile-name", "profile.name");
    (void)snprintf(text, sizeof text, "{\"name\":\"%.255s\"}", name);
    assert_profile(fixture, text, NULL, NULL);
    assert_profile(fixture, "{\"credit_code\":\"8132040050916384\"}", "profile-credit-code", "profile.credit_code");
    assert_profile(fixture, "{\"credit_code\":\"91350211M0000XUF46\"}", NULL, NULL);
    assert_profile(fixture, "{\"address\":\"a\\tb\"}", "profile-text", "profile.address");
    assert_profile(fixture, "{\"contact_name\":\"\\u0085\"}", "profile-text", "profile.contact_name");
    assert_profile(fixture, "{\"contact_mobile\":\"1816350845\"}", "profile-mobile", "profile.contact_mobile");
    assert_profile(fixture, "{\"contact_mobile\":\"\",\"address\":\"\\t\"}", "profile-text", "profile.address");
}

/* A wrong type is a dead letter, even behind bad content. */
static void test_profile_types(void **state)
{
    struct fixture *fixture = *state;
    static const char *const fields[] = {"name", "credit_code", "address", "contact_name", "contact_mobile"};
    static const char *const values[] = {"7", "null", "true", "[]", "{}"};
    for (size_t f = 0; f < sizeof fields / sizeof fields[0]; f++) {
        for (size_t v = 0; v < sizeof values / sizeof values[0]; v++) {
            char text[200], place[80];
            (void)snprintf(text, sizeof text, "{\"unit\":\"U0001\",\"year\":2026,\"submitted_by\":\"c\",\"profile\":{\"%s\":%s%s}}",
                           fields[f], values[v], f > 0 ? ",\"name\":\"\"" : "");
            (void)snprintf(place, sizeof place, "/data/profile/%s must be a string", fields[f]);
            make_binary(fixture, TOPIC_UNIT_REVIEW, UNIT_REVIEW, text);
            assert_dead(fixture, "schema", place);
        }
    }
    static const char *const profiles[] = {NULL, "null", "[]", "\"{}\""};
    for (size_t i = 0; i < sizeof profiles / sizeof profiles[0]; i++) assert_field(fixture, 0, "profile", profiles[i], BAD);
}

/* A mobile is stored as 11 digits; the hash is of what was sent. */
static void test_profile_mobile(void **state)
{
    struct fixture *fixture = *state;
    uint8_t first[EVENT_SHA256_BYTES];
    assert_profile(fixture, "{\"contact_mobile\":\"18163508457\"}", NULL, NULL);
    memcpy(first, fixture->event.content_sha256, sizeof first);
    assert_profile(fixture, "{\"contact_mobile\":\"+86 181-6350-8457\"}", NULL, NULL);
    assert_non_null(strstr(fixture->event.body, "\"contact_mobile\":\"18163508457\""));
    assert_memory_not_equal(fixture->event.content_sha256, first, sizeof first);
}

/* An office has a landline perhaps and no mobile: it is taken, and the unit is told. */
static void test_profile_landline(void **state)
{
    struct fixture *fixture = *state;
    assert_profile(fixture, "{\"contact_mobile\":\" 0755 - 12345678-801\"}", NULL, NULL);
    assert_non_null(strstr(fixture->event.body, "\"contact_mobile\":\"0755-12345678-801\""));
    assert_non_null(strstr(fixture->event.body,
                           "\"warnings\":[{\"code\":\"contact-landline\",\"field\":\"profile.contact_mobile\",\"position\":null}]"));
    assert_profile(fixture, "{\"contact_mobile\":\"0755-123456\"}", "profile-mobile", "profile.contact_mobile");
}

/* A credit code is stored in upper case; what is doubtful is ours to say, whatever the sender has called "warnings". */
static void test_profile_warnings(void **state)
{
    struct fixture *fixture = *state;
    assert_profile(fixture, "{\"credit_code\":\" 81320400509163849a\"}", NULL, NULL);
    assert_non_null(strstr(fixture->event.body, "\"credit_code\":\"81320400509163849A\""));
    assert_non_null(strstr(fixture->event.body, "\"warnings\":[{\"code\":\"credit-code-normalised\","));
    assert_profile(fixture, "{\"credit_code\":\"91350211M0000XUF46\"}", NULL, NULL);
    assert_non_null(strstr(fixture->event.body,
                           "{\"code\":\"credit-code-check\",\"expected\":\"R\",\"field\":\"profile.credit_code\",\"position\":18}"));
    assert_profile(fixture, "{}", NULL, NULL);
    assert_non_null(strstr(fixture->event.body, "\"warnings\":[]"));
    assert_field(fixture, 0, "warnings", "[{\"code\":\"forged\"}]", GOOD);
    assert_non_null(strstr(fixture->event.body, "\"warnings\":[]"));
}

/* ---- memory ---- */

/* An arena that is full at any point is an outage, never the record's fault, and nothing leaks. */
static void test_small_arenas(void **state)
{
    struct fixture *fixture = *state;
    struct arena *arena = fixture->arena;
    for (size_t kind = 0; kind < 5; kind++) {
        bool is_enough = false;
        for (size_t bytes = 0; bytes < 2000 && !is_enough; bytes += 16) {
            fixture->arena = arena_new(bytes);
            make_binary(fixture, kinds[kind].topic, kinds[kind].type, kinds[kind].value);
            is_enough = decode(fixture);
            assert_true(is_enough || (fixture->fault.kind == FAULT_RETRY && strcmp(fixture->fault.code, "memory") == 0));
            arena_free(fixture->arena);
        }
        assert_true(is_enough);
    }
    fixture->arena = arena;
}

/* ---- encoding and publishing ---- */

static const char *value_of(const struct event_headers *headers, const char *name)
{
    for (size_t i = 0; i < headers->count; i++)
        if (strcmp(headers->list[i].name, name) == 0 && strlen(headers->list[i].value) == headers->list[i].value_bytes)
            return headers->list[i].value;
    return NULL;
}

/* What is filled in is what the decoder takes; what is NULL is left out. */
static void test_headers_fill(void **state)
{
    struct fixture *fixture = *state;
    struct event_headers headers;
    event_headers_fill(&headers, UNIT_REVIEW, "source", "id", NULL, NULL);
    assert_int_equal(headers.count, 5);
    make_binary(fixture, TOPIC_UNIT_REVIEW, UNIT_REVIEW, unit_review);
    fixture->record.headers = headers.list;
    fixture->record.header_count = headers.count;
    assert_good(fixture);
    assert_string_equal(fixture->event.source, "source");
    assert_string_equal(fixture->event.id, "id");

    event_headers_fill(&headers, "t", "s", "i", "2026-03-01T00:00:00Z", "cause");
    assert_int_equal(headers.count, 7);
    assert_true(headers.count <= EVENT_OUT_HEADERS_MAX);
    assert_string_equal(value_of(&headers, "ce_specversion"), "1.0");
    assert_string_equal(value_of(&headers, "ce_time"), "2026-03-01T00:00:00Z");
    assert_string_equal(value_of(&headers, "ce_causationid"), "cause");
    assert_string_equal(value_of(&headers, "content-type"), "application/json");
}

/* A line to publish is judged by the same rules as the worker's, and gives unit and type. */
static void test_of_structured(void **state)
{
    struct fixture *fixture = *state;
    char line[2048];
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        (void)snprintf(line, sizeof line, "{\"specversion\":\"1.0\",\"id\":\"i\",\"source\":\"s\",\"type\":\"%s\",\"data\":%s}",
                       kinds[i].type, kinds[i].value);
        fault_clear(&fixture->fault);
        assert_true(event_of_structured(fixture->arena, line, strlen(line), &fixture->event, &fixture->fault));
        assert_string_equal(fixture->event.unit, "U0001");
        assert_int_equal(fixture->event.type, kinds[i].number);
    }
    static const struct {
        const char *line, *code;
    } bad[] = {
        {"not json", "not-json"},
        {"[]", "schema"},
        {"{\"specversion\":\"1.0\",\"id\":\"i\",\"source\":\"s\",\"type\":\"x\",\"data\":{}}", "unknown-type"},
        {"{" ATTRIBUTES "\"data\":{\"unit\":\"U\",\"year\":1999,\"submitted_by\":\"c\",\"profile\":{}}}", "schema"},
        {"{" ATTRIBUTES "\"data\":[]}", "schema"},
        {"{\"id\":\"i\"}", "bad-header"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        fault_clear(&fixture->fault);
        assert_false(event_of_structured(fixture->arena, bad[i].line, strlen(bad[i].line), &fixture->event, &fixture->fault));
        assert_string_equal(fixture->fault.code, bad[i].code);
    }
}

/* The small types' byte limit holds there too. */
static void test_of_structured_bytes(void **state)
{
    struct fixture *fixture = *state;
    char line[2048];
    (void)snprintf(line, sizeof line, "{" ATTRIBUTES "\"data\":%s}", unit_review);
    char *text = spaces(EVENT_SMALL_BYTES_MAX - strlen(line) + 1, line);
    assert_true(event_of_structured(fixture->arena, text + 1, strlen(text + 1), &fixture->event, &fixture->fault));
    assert_false(event_of_structured(fixture->arena, text, strlen(text), &fixture->event, &fixture->fault));
    assert_string_equal(fixture->fault.code, "too-large");
    free(text);
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(test_both_modes),
        WITH_FIXTURE(test_content_types),
        WITH_FIXTURE(test_hash),
        WITH_FIXTURE(test_hash_value),
        WITH_FIXTURE(test_body),
        WITH_FIXTURE(test_key_and_value),
        WITH_FIXTURE(test_headers),
        WITH_FIXTURE(test_header_count),
        WITH_FIXTURE(test_structured),
        WITH_FIXTURE(test_bytes),
        WITH_FIXTURE(test_json),
        WITH_FIXTURE(test_elements),
        WITH_FIXTURE(test_type_and_topic),
        WITH_FIXTURE(test_key_and_partition),
        WITH_FIXTURE(test_order),
        WITH_FIXTURE(test_names),
        WITH_FIXTURE(test_unit_and_year),
        WITH_FIXTURE(test_chunk_fields),
        WITH_FIXTURE(test_decision_fields),
        WITH_FIXTURE(test_profile_content),
        WITH_FIXTURE(test_profile_types),
        WITH_FIXTURE(test_profile_mobile),
        WITH_FIXTURE(test_profile_landline),
        WITH_FIXTURE(test_profile_warnings),
        WITH_FIXTURE(test_small_arenas),
        WITH_FIXTURE(test_headers_fill),
        WITH_FIXTURE(test_of_structured),
        WITH_FIXTURE(test_of_structured_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
