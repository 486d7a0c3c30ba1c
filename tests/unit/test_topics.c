#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/topics.h"

static const char *setting(enum topic_kind kind, const char *name)
{
    for (const struct topic_setting *at = topic_settings(kind); at->name != NULL; at++)
        if (strcmp(at->name, name) == 0) return at->value;
    return "";
}

static void test_names_come_back_as_kinds(void **state)
{
    (void)state;
    for (int i = 0; i < TOPIC_KINDS; i++) {
        enum topic_kind kind = TOPIC_DEAD_LETTER;
        assert_true(topic_kind_of_name(topic_kind_name((enum topic_kind)i), &kind));
        assert_int_equal(kind, i);
    }
    enum topic_kind kind;
    assert_false(topic_kind_of_name("nianshen.approval", &kind));
    assert_false(topic_kind_of_name("", &kind));
}

static void test_nothing_is_deleted(void **state)
{
    (void)state;
    for (int i = 0; i < TOPIC_KINDS; i++) {
        assert_string_equal(setting((enum topic_kind)i, "cleanup.policy"), "delete");
        assert_string_equal(setting((enum topic_kind)i, "retention.ms"), "-1");
        assert_string_equal(setting((enum topic_kind)i, "retention.bytes"), "-1");
    }
}

static void test_inputs_carry_the_brokers_clock(void **state)
{
    (void)state;
    for (int i = 0; i < TOPIC_INPUTS; i++) {
        assert_string_equal(setting((enum topic_kind)i, "message.timestamp.type"), "LogAppendTime");
        assert_string_equal(setting((enum topic_kind)i, "compression.type"), "uncompressed");
        assert_string_equal(setting((enum topic_kind)i, "max.message.bytes"), "1048576");
    }
    assert_string_equal(setting(TOPIC_DEAD_LETTER, "max.message.bytes"), "2097152");
    assert_string_equal(setting(TOPIC_DEAD_LETTER, "message.timestamp.type"), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_come_back_as_kinds),
        cmocka_unit_test(test_nothing_is_deleted),
        cmocka_unit_test(test_inputs_carry_the_brokers_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
