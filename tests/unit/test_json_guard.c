/* JSON from outside: limits before the parser, and a code of its own for each refusal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include <cmocka.h>

#include "core/json_guard.h"
#include "tests/unit/failing.h"

static const struct json_limits limits = {.bytes_max = 200, .depth_max = 4, .elements_max = 10};

static void assert_code(const char *text, size_t length, const char *code)
{
    struct fault fault = {0}, lifting_fault = {0};
    struct json_lift lift = {.member = "l"};
    json_t *value = json_guard_load(text, length, &limits, NULL, &fault);
    const char *got = value != NULL ? "" : fault.code;
    if (strcmp(got, code) != 0) fail_msg("'%s': '%s' instead of '%s'", text, got, code);
    assert_true((value == NULL) == (fault.kind == FAULT_REJECT));
    json_decref(value);
    value = json_guard_load(text, length, &limits, &lift, &lifting_fault); /* says the same of the same byte */
    assert_true((value == NULL) == (fault.kind == FAULT_REJECT));
    assert_string_equal(fault.text, lifting_fault.text);
    json_decref(value);
}

/* "" is fine. */
static const struct {
    const char *text, *code;
} samples[] = {
    {"{}", ""},
    {" [1, -2, 0, \"x\", true, null] ", ""},
    {"\"text\"", ""},
    {"7", ""},
    /* Depth: the limit, one more, and brackets that are only text. */
    {"[[[[1]]]]", ""},
    {"[[[[[1]]]]]", "too-deep"},
    {"[[],[],[],[]]", ""},
    {"\"[[[[[[[[[[[[\"", ""},
    {"\"\\\"[[[[[[[[[[[[\"", ""},
    {"\"\\\\\",[[[[[[[", "too-deep"},
    {"]]]]]][[[[[[[[", "not-json"},
    /* Elements, counted by commas and brackets. */
    {"[1,2,3,4,5,6,7,8,9,0]", ""},
    {"[1,2,3,4,5,6,7,8,9,0,1]", "too-many-elements"},
    {"[{},{},{},{},{},{}]", "too-many-elements"},
    {"[1,2,3,4,5,6,7,8,[]]", ""},
    {"[1,2,3,4,5,6,7,8,9,[]]", "too-many-elements"},
    {"\",,,,,,,,,,,,,,,,,,,,\"", ""},
    /* Real numbers, but not dots and letters in texts or literals. */
    {"1.0", "real-number"},
    {"[1e5]", "real-number"},
    {"[-1E5]", "real-number"},
    {"{\"a\":0.5}", "real-number"},
    {"{\"1.5e7\":\"2.5\"}", ""},
    {"[true,false]", ""},
    /* What the parser refuses. */
    {"{\"a\":1,\"a\":1}", "duplicate-key"},
    {"{\"a\":{\"b\":1},\"c\":{\"b\":1}}", ""},
    {"99999999999999999999", "schema"},
    {"9223372036854775807", ""},
    {"\"a\\u0000b\"", "schema"},
    {"{\"a\\u0000b\":1}", "schema"},
    {"", "not-json"},
    {"{", "not-json"},
    {"{\"a\"", "not-json"},
    {"\"a", "not-json"},
    {"\"a\\", "not-json"},
    {"{} {}", "not-json"},
    {"{'a':1}", "not-json"},
    {"nul", "not-json"},
    {"\xEF\xBB\xBF{}", "not-json"},
    {"\"\xC1\xAA\"", "not-json"},
    {"\"\xED\xA0\x80\"", "not-json"},
    {"\"\\ud800\"", "not-json"},
    {"01", "not-json"},
};

/* Each sample gets its code. */
static void test_samples(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) assert_code(samples[i].text, strlen(samples[i].text), samples[i].code);
    assert_code("[1\0]", 4, "not-json");
}

/* Bytes are counted before anything is read. */
static void test_bytes(void **state)
{
    (void)state;
    char text[202];
    memset(text, ' ', sizeof text);
    text[0] = '1';
    assert_code(text, 200, "");
    assert_code(text, 201, "too-large");
}

/* Any text cut anywhere is refused or read, without touching a byte behind its end. */
static void test_every_prefix(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"a\\\"\\u00e9\":[1,-20,true,null,\"x\\\\\"],\"b\":{\"c\":\"单位\"}}",
        "{\"l\":[ \"1\" , \"23\" ],\"m\":4}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        for (size_t length = 0; length <= strlen(texts[i]); length++) {
            char *exact = test_malloc(length > 0 ? length : 1);
            memcpy(exact, texts[i], length);
            assert_code(exact, length, length == strlen(texts[i]) ? "" : "not-json");
            test_free(exact);
        }
    }
}

/* Lifting changes no verdict, neither on what stands in the list nor before or behind it. */
static void test_lifting_and_verdicts(void **state)
{
    (void)state;
    static const struct {
        const char *text, *code;
    } lists[] = {
        {"{\"l\":[\"1\",\"2\"],\"m\":1}", ""},
        {"{\"l\":[\"1\"],\"l\":[\"1\"]}", "duplicate-key"},
        {"{\"l\":[\"1\"],\"\\u006c\":0}", "duplicate-key"},
        {"{\"l\":[\"1\",\"2\"],\"m\":1.5}", "real-number"},
        {"{\"l\":[\"1\",\"2\"] x}", "not-json"},
        {"{\"l\":[\"1\",\"2\"][\"3\"]}", "not-json"},
        {"{\"l\":[\"1\",\"2\"]", "not-json"},
        {"{\"l\":[\"1\",\"2\"", "not-json"},
        {"{\"l\":[\"1\",]}", "not-json"},
        {"{\"l\":[\"1\" \"2\"]}", "not-json"},
        {"{\"l\" [\"1\"]}", "not-json"},
        {"{\"l\"::[\"1\"]}", "not-json"},
        {"[\"l\":[\"1\"]]", "not-json"},
        {"{\"l\":[\"1\x01\"]}", "not-json"},
        {"{\"l\":[\"1\xff\"]}", "not-json"},
        {"{\"l\":[\"1\\u0000\"]}", "schema"},
        {"{\"l\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\"]}", ""},
        {"{\"l\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\",\"0\"]}", "too-many-elements"},
        {"{\"l\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\"],\"m\":1}", "too-many-elements"},
    };
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) assert_code(lists[i].text, strlen(lists[i].text), lists[i].code);
}

/* What is lifted, "one|two", and what is left of the text; "-" when the list is left where it is. */
static void assert_lifted(const char *parent, const char *text, const char *strings, const char *left)
{
    struct fault fault = {0};
    struct json_lift lift = {.parent = parent, .member = "l"};
    char all[200] = "-";
    json_t *value = json_guard_load(text, strlen(text), &limits, &lift, &fault);
    assert_non_null(value);
    if (lift.text != NULL) all[0] = '\0';
    for (size_t i = 0, at = 0, used = 0; lift.text != NULL && i < lift.count; i++) {
        size_t length;
        const char *string = json_lift_next(&lift, &at, &length);
        used += (size_t)snprintf(all + used, sizeof all - used, "%s%.*s", i > 0 ? "|" : "", (int)length, string);
    }
    char *rest = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    assert_string_equal(all, strings);
    assert_string_equal(rest, left);
    free(rest);
    json_decref(value);
}

/* Only a list of plain strings of that name in that place is lifted, the first one, with whatever blanks between. */
static void test_lifted(void **state)
{
    (void)state;
    assert_lifted(NULL, "{\"a\":1,\"l\":[\"1\",\"2 x\",\"\"],\"b\":[\"3\"]}", "1|2 x|", "{\"a\":1,\"l\":[],\"b\":[\"3\"]}");
    assert_lifted(NULL, " { \"l\"\t:\n[ \"1\" ,\r\"]\" ] } ", "1|]", "{\"l\":[]}");
    assert_lifted(NULL, "{\"l\":[]}", "-", "{\"l\":[]}");
    assert_lifted(NULL, "{\"l\":[\"\\u0031\"]}", "-", "{\"l\":[\"1\"]}");
    assert_lifted(NULL, "{\"l\":[\"1\x7f\"]}", "-", "{\"l\":[\"1\x7f\"]}");
    assert_lifted(NULL, "{\"l\":[\"\xe5\xbc\xa0\"]}", "-", "{\"l\":[\"\xe5\xbc\xa0\"]}");
    assert_lifted(NULL, "{\"l\":[\"1\",2]}", "-", "{\"l\":[\"1\",2]}");
    assert_lifted(NULL, "{\"ll\":[\"1\"]}", "-", "{\"ll\":[\"1\"]}");
    assert_lifted(NULL, "{\"a\":\"l\",\"b\":[\"1\"]}", "-", "{\"a\":\"l\",\"b\":[\"1\"]}");
    assert_lifted(NULL, "{\"\\\"l\":[\"1\"]}", "-", "{\"\\\"l\":[\"1\"]}");
    assert_lifted(NULL, "{\"d\":{\"l\":[\"1\"]}}", "-", "{\"d\":{\"l\":[\"1\"]}}");
    assert_lifted("d", "{\"d\":{\"l\":[\"1\"]}}", "1", "{\"d\":{\"l\":[]}}");
    assert_lifted("d", "{\"l\":[\"1\"],\"d\":{}}", "-", "{\"l\":[\"1\"],\"d\":{}}");
    assert_lifted("d", "{\"e\":{\"l\":[\"1\"]},\"d\":{\"l\":[\"2\"]}}", "2", "{\"e\":{\"l\":[\"1\"]},\"d\":{\"l\":[]}}");
    assert_lifted("d", "{\"d\":[{\"l\":[\"1\"]}]}", "-", "{\"d\":[{\"l\":[\"1\"]}]}");
    assert_lifted("d", "{\"d\":{\"d\":{\"l\":[\"1\"]}}}", "-", "{\"d\":{\"d\":{\"l\":[\"1\"]}}}");
}

/* The text says where and what to do, never what stands there. */
static void test_text(void **state)
{
    (void)state;
    struct fault fault = {0};
    static const char json[] = "{\"name\": Zhang, \"id\": 1}";
    assert_null(json_guard_load(json, strlen(json), &limits, NULL, &fault));
    assert_int_equal(fault.exit_status, EX_DATAERR);
    assert_non_null(strstr(fault.text, "byte 1"));
    assert_null(strstr(fault.text, "Zhang"));
    assert_non_null(strstr(fault.text, "send a JSON object in UTF-8"));
}

/* A list that lies too deep is refused like any other, though it could be lifted. */
static void test_lifting_and_depth(void **state)
{
    static const struct json_limits flat = {.bytes_max = 200, .depth_max = 1, .elements_max = 10};
    struct json_lift lift = {.member = "l"};
    struct fault fault = {0};
    (void)state;
    assert_null(json_guard_load("{\"l\":[\"1\"]}", 11, &flat, &lift, &fault));
    assert_string_equal(fault.code, "too-deep");
    assert_null(lift.text);
}

/* Memory that is out is no fault of the text. */
static void test_no_memory_for_the_rest(void **state)
{
    struct json_lift lift = {.member = "l"};
    struct fault fault = {0};
    (void)state;
    failing_start("malloc", 1);
    assert_null(json_guard_load("{\"l\":[\"1\"]}", 11, &limits, &lift, &fault));
    assert_true(failing_stop());
    assert_int_equal(fault.kind, FAULT_RETRY);
    assert_string_equal(fault.code, "memory");
}

/* A code with a remedy says it behind the text, one without says the text alone. */
static void test_remedies(void **state)
{
    struct fault with = {0}, without = {0};
    (void)state;
    assert_false(json_guard_refuse(&with, "not-json", "byte %d", 7));
    assert_memory_equal(with.text, "byte 7; ", 8);
    assert_false(json_guard_refuse(&without, "no-such-code", "byte %d", 7));
    assert_string_equal(without.text, "byte 7");
    assert_string_equal(without.code, "no-such-code");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_every_prefix),
        cmocka_unit_test(test_lifting_and_verdicts),
        cmocka_unit_test(test_lifted),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_lifting_and_depth),
        cmocka_unit_test(test_no_memory_for_the_rest),
        cmocka_unit_test(test_remedies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
