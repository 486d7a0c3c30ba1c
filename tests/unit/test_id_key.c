/* Keys: what is packed, and that packed or not they order as their bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/id_key.h"
#include "tests/unit/draw.h"

enum { SAMPLES = 3000, DRAWS = 300000 };

static struct id_key key_of(const char *text)
{
    return id_key_of(text, strlen(text));
}

static char check_character(const char *digits)
{
    int sum = 0; /* ISO 7064 as it is defined: 2 to the power of the place */
    for (int i = 0; i < 17; i++) sum = (sum + digits[i] - '0') * 2 % 11;
    return "10X98765432"[sum];
}

/* 17 digits and the character that fits: that and nothing else. */
static void test_packing(void **state)
{
    (void)state;
    assert_null(key_of("211011196605229673").text);
    assert_int_equal(key_of("211011196605229673").packed, INT64_C(21101119660522967));
    assert_null(key_of("11010119900307002X").text); /* of no province's real card, perhaps: only the form counts */
    assert_int_equal(key_of("000000000000000001").packed, 0);
    assert_null(key_of("000000000000000001").text);
    static const char *const texts[] = {"",
                                        "211011196605229674",
                                        "11010119900307002x",
                                        "21101119660522967",
                                        "2110111966052296733",
                                        "21101119660522967 ",
                                        "2110111966O5229673",
                                        "KAZ110090123105",
                                        "/11011196605229673",
                                        ":11011196605229673"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct id_key key = key_of(texts[i]);
        assert_ptr_equal(key.text, texts[i]);
        assert_int_equal(key.packed, 0);
    }
}

/* A number near others: few different digits, now and then a wrong check character, a letter or another length. */
static void draw_text(uint64_t *chance, char *out)
{
    size_t length = draw(chance, 8) == 0 ? draw(chance, 20) : 18;
    for (size_t i = 0; i < 18; i++) out[i] = (char)('0' + (i < 3 || i > 14 ? draw(chance, 10) : 1));
    out[17] = draw(chance, 5) == 0 ? 'X' : check_character(out);
    if (draw(chance, 10) == 0) out[draw(chance, 18)] = "Xx/:\xE4 "[draw(chance, 6)];
    if (length > 18) out[18] = '7';
    out[length] = '\0';
}

static int sign(int order)
{
    return (order > 0) - (order < 0);
}

static void test_order_is_that_of_the_bytes(void **state)
{
    (void)state;
    static char texts[SAMPLES][20];
    size_t packed = 0, equal = 0;
    uint64_t chance = 7;
    for (size_t i = 0; i < SAMPLES; i++) draw_text(&chance, texts[i]);
    for (size_t i = 0; i < DRAWS; i++) {
        const char *a = texts[draw(&chance, SAMPLES)], *b = texts[draw(&chance, SAMPLES)];
        size_t least = strlen(a) < strlen(b) ? strlen(a) : strlen(b);
        int order = memcmp(a, b, least);
        if (order == 0) order = (strlen(a) > strlen(b)) - (strlen(a) < strlen(b));
        struct id_key left = key_of(a), right = key_of(b);
        assert_int_equal(sign(id_key_compare(left, right)), sign(order));
        assert_int_equal(id_key_equal(left, right), order == 0);
        packed += left.text == NULL;
        equal += order == 0;
    }
    assert_true(packed > DRAWS / 2 && packed < DRAWS && equal > 0);
}

static void test_a_key_is_written_as_it_was(void **state)
{
    (void)state;
    char text[20], out[ID_KEY_TEXT_BYTES];
    uint64_t chance = 8;
    for (size_t i = 0; i < DRAWS; i++) {
        draw_text(&chance, text);
        assert_int_equal(id_key_write(key_of(text), out), strlen(text));
        assert_string_equal(out, text);
    }
}

/* The longest key there is: 255 bytes, each written as \xHH. */
static void test_long_keys(void **state)
{
    (void)state;
    static char a[ID_KEY_TEXT_BYTES], b[ID_KEY_TEXT_BYTES], out[ID_KEY_TEXT_BYTES];
    memset(a, '9', sizeof a - 1);
    memcpy(b, a, sizeof a);
    b[sizeof b - 2] = '8';
    assert_int_equal(id_key_write(key_of(a), out), ID_KEY_TEXT_BYTES - 1);
    assert_string_equal(out, a);
    assert_true(id_key_compare(key_of(a), key_of(b)) > 0);
    assert_false(id_key_equal(key_of(a), key_of(b)));
    assert_true(id_key_equal(key_of(a), key_of(out)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_packing),
        cmocka_unit_test(test_order_is_that_of_the_bytes),
        cmocka_unit_test(test_a_key_is_written_as_it_was),
        cmocka_unit_test(test_long_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
