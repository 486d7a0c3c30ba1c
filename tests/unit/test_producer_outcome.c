/* What a clerk reads of an outcome, and how the exit status follows from it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "core/language.h"
#include "producer/outcome.h"

static int64_t row_for_test(const void *context, int64_t chunk, enum event_list list, int64_t index)
{
    assert_null(context);
    return chunk * 1000 + index + (list == EVENT_LIST_PASSED ? 500 : 0);
}

static int64_t told_rows;

static void error_for_test(const void *context, int64_t row, const char *code, int position, char expected)
{
    (void)context, (void)position, (void)expected;
    assert_true(row > 0 && *code != '\0');
    told_rows++;
}

static const struct outcome_rows rows = {.row = row_for_test, .error = error_for_test, .context = NULL};

static struct outcome *outcome_of(const char *type, const char *json)
{
    return outcome_new(type, strlen(type), json, strlen(json));
}

/* The text as printed; the caller frees it. */
static char *printed(const char *type, const char *json, const struct outcome_rows *with)
{
    char *text = NULL;
    size_t bytes;
    struct outcome *outcome = outcome_of(type, json);
    assert_non_null(outcome);
    FILE *out = open_memstream(&text, &bytes);
    assert_non_null(out);
    outcome_print(outcome, with, out);
    fclose(out);
    outcome_free(outcome);
    return text;
}

static void assert_says(const char *text, const char *part)
{
    if (strstr(text, part) == NULL) fail_msg("\"%s\" is missing in:\n%s", part, text);
}

static void row_errors_are_told_with_the_files_rows(void **state)
{
    (void)state;
    char *text =
        printed("nianshen.member-review.rejected.v1",
                "{\"unit\":\"U1\",\"year\":2026,\"submission\":\"s\",\"code\":\"row-errors\",\"zh\":\"有错误\",\"en\":\"bad\",\"errors_"
                "total\":2000,"
                "\"errors\":[{\"chunk\":2,\"list\":\"failed\",\"index\":7,\"code\":\"not-on-roster\",\"id_number\":\"211***********9673\","
                "\"member_no\":null,\"position\":null,\"expected\":null,\"zh\":\"不在名册\",\"en\":\"not on the roster\"},"
                "{\"chunk\":1,\"list\":\"passed\",\"index\":0,\"code\":\"listed-twice\",\"id_number\":\"x\",\"zh\":\"z\",\"en\":\"e\"},"
                "{\"chunk\":null,\"list\":null,\"index\":null,\"code\":\"not-listed\",\"id_number\":\"432***********2784\","
                "\"member_no\":\"13664\",\"zh\":\"没有被列出\",\"en\":\"is not listed\"}]}",
                &rows);
    assert_says(text, "row 2007, 211***********9673: not on the roster [not-on-roster]");
    assert_says(text, "row 1500, x: e [listed-twice]");
    assert_says(text, "432***********2784, member no. 13664: is not listed [not-listed]");
    assert_says(text, "2000 errors in all, the first 3 are listed");
    free(text);
}

/* The same in Chinese: nothing of the English is left, and codes that are words are words. */
static void one_language_is_spoken(void **state)
{
    (void)state;
    (void)setenv("LC_ALL", "zh_CN.UTF-8", 1);
    language_use_environment();
    char *text = printed("nianshen.member-review.rejected.v1",
                         "{\"unit\":\"U1\",\"year\":2026,\"mode\":\"import\",\"code\":\"row-errors\",\"zh\":\"有错误\",\"en\":\"bad\","
                         "\"reasons\":{\"retired\":2,\"strange\":1},\"errors_total\":2000,\"errors\":[{\"chunk\":2,\"list\":\"failed\","
                         "\"index\":7,\"code\":\"not-on-roster\",\"id_number\":\"211***********9673\",\"member_no\":\"13664\","
                         "\"zh\":\"不在名册\",\"en\":\"not on the roster\"}]}",
                         &rows);
    (void)unsetenv("LC_ALL");
    language_use_english();
    assert_string_equal(text,
                        "会员信息年审未被接受\n  有错误 [row-errors]\n  单位：U1\n  年度：2026\n  方式：导入文件年审\n"
                        "  不通过原因：退休 2，strange 1\n"
                        "错误：第 2007 行，211***********9673，会员编号 13664：不在名册 [not-on-roster]\n共 2000 处错误，只列出前 1 处\n");
    free(text);
}

static void pending_shows_digest_and_counts_as_they_are(void **state)
{
    (void)state;
    /* The digest holds what looks like a mobile: it must come through unmasked, or nobody could approve. */
    char *text =
        printed("nianshen.member-review.pending.v1",
                "{\"unit\":\"U1\",\"year\":2026,\"submission\":\"s\",\"mode\":\"import\",\"digest\":\"sha256:13800138000aa\",\"listed\":0,"
                "\"passed\":5,\"failed\":3,\"reasons\":{\"retired\":2,\"left\":1},\"warnings_total\":0,\"warnings\":[]}",
                &rows);
    assert_says(text, "sha256:13800138000aa");
    assert_says(text, "failed: 3");
    assert_says(text, "retired 2, left 1");
    free(text);
}

static void free_text_is_masked_and_harmless(void **state)
{
    (void)state;
    char *text =
        printed("nianshen.member-review.closed.v1",
                "{\"unit\":\"U\\u001b[2J\",\"year\":2026,\"how\":\"returned\",\"comment\":\"211011196605229673 \\u001b[31m?\"}", NULL);
    assert_null(strchr(text, '\x1B'));
    assert_null(strstr(text, "211011196605229673"));
    assert_says(text, "returned");
    free(text);
}

static void the_exit_status_follows_the_type(void **state)
{
    static const struct {
        const char *type;
        int status;
        bool is_final;
    } kinds[] = {
        {"nianshen.unit-review.accepted.v1", EX_OK, true},        {"nianshen.unit-review.rejected.v1", EX_DATAERR, true},
        {"nianshen.member-review.pending.v1", EX_OK, true},       {"nianshen.member-review.waiting.v1", EX_OK, false},
        {"nianshen.member-review.rejected.v1", EX_DATAERR, true}, {"nianshen.member-review.completed.v1", EX_OK, true},
        {"nianshen.member-review.closed.v1", EX_OK, true},        {"nianshen.decision.rejected.v1", EX_DATAERR, true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct outcome *outcome = outcome_of(kinds[i].type, "{\"year\":2026}");
        assert_non_null(outcome);
        assert_int_equal(outcome_year(outcome), 2026);
        assert_int_equal(outcome_exit_status(outcome), kinds[i].status);
        assert_int_equal(outcome_is_final(outcome), kinds[i].is_final);
        outcome_free(outcome);
    }
}

static void what_is_no_outcome_is_left_alone(void **state)
{
    (void)state;
    assert_null(outcome_of("nianshen.member-review.later.v9", "{}"));
    assert_null(outcome_of("nianshen.unit-review.accepted.v1", "{"));
    assert_null(outcome_of("nianshen.unit-review.accepted.v1", "[]"));
    assert_null(outcome_of("", "{}"));
}

static void odd_fields_do_no_harm(void **state)
{
    (void)state;
    char *text = printed("nianshen.member-review.rejected.v1",
                         "{\"errors\":[{},7,null,{\"chunk\":\"a\",\"index\":[]}],\"reasons\":{},\"year\":\"x\"}", &rows);
    assert_says(text, "4 errors in all");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(row_errors_are_told_with_the_files_rows),
        cmocka_unit_test(one_language_is_spoken),
        cmocka_unit_test(pending_shows_digest_and_counts_as_they_are),
        cmocka_unit_test(free_text_is_masked_and_harmless),
        cmocka_unit_test(the_exit_status_follows_the_type),
        cmocka_unit_test(what_is_no_outcome_is_left_alone),
        cmocka_unit_test(odd_fields_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
