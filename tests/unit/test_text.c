/* UTF-8, masking and widths. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/text.h"

static size_t encode(uint32_t code_point, char out[4])
{
    if (code_point < 0x80) {
        out[0] = (char)code_point;
        return 1;
    }
    size_t count = code_point < 0x800 ? 2 : code_point < 0x10000 ? 3 : 4;
    static const unsigned char leads[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = count - 1; i > 0; i--) {
        out[i] = (char)(0x80U | (code_point & 0x3FU));
        code_point >>= 6;
    }
    out[0] = (char)(leads[count] | code_point);
    return count;
}

/* Every code point but the surrogates is read back as what was written. */
static void test_every_code_point(void **state)
{
    (void)state;
    for (uint32_t code_point = 0; code_point <= 0x10FFFF; code_point++) {
        char bytes[4];
        size_t count = encode(code_point, bytes), at = 0;
        bool is_surrogate = code_point >= 0xD800 && code_point <= 0xDFFF;
        uint32_t read = text_next(bytes, count, &at);
        assert_true(is_surrogate ? read == TEXT_BAD && at == 1 : read == code_point && at == count);
    }
}

/* Overlong forms, stray and cut bytes, and what lies above U+10FFFF are no UTF-8; 联通 in GBK is one of them. */
static void test_bad_utf8(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "\xC0\x80", "\xC1\xAA", "\xE0\x80\x80", "\xE0\x9F\xBF", "\xF0\x80\x80\x80", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF",
        "\x80",     "\xE5\x8D", "\xF0\x9F\x98", "\xC3",         "\xC1\xAA\xCD\xA8", "\xED\xA0\x80"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) assert_false(text_is_utf8(bad[i], strlen(bad[i])));
    assert_true(text_is_utf8("沈阳·U0001\xF0\x9F\x98\x80", strlen("沈阳·U0001\xF0\x9F\x98\x80")));
    assert_true(text_is_utf8("", 0));
}

/* A name has 1 to the maximum of bytes, counted as bytes, and no control character of either block. */
static void test_name(void **state)
{
    (void)state;
    assert_true(text_is_name("沈阳", 6, 6));
    assert_false(text_is_name("沈阳", 6, 5));
    assert_false(text_is_name("", 0, 5));
    assert_false(text_is_name("a\nb", 3, 5));
    assert_false(text_is_name("a\0b", 3, 5));
    assert_false(text_is_name("a\x7F", 2, 5));
    assert_false(text_is_name("a\xC2\x85", 3, 5));
    assert_true(text_is_name("a\xC2\xA0", 3, 5));
    assert_false(text_is_name("\xFF", 1, 5));
    assert_true(text_is_name("~ ", 2, 5));
    assert_true(text_is_bidi_control(0x202A) && text_is_bidi_control(0x202E) && text_is_bidi_control(0x2066) &&
                text_is_bidi_control(0x2069));
    assert_false(text_is_bidi_control(0x2029) || text_is_bidi_control(0x202F) || text_is_bidi_control(0x2065) ||
                 text_is_bidi_control(0x206A));
    static const char right_to_left[] = {'\xE2', '\x80', '\xAE'};
    assert_false(text_is_name(right_to_left, 3, 5));
    char out[16];
    text_mask_id(right_to_left, 3, out, sizeof out);
    assert_string_equal(out, "?");
    text_mask_digits(right_to_left, 3, out, sizeof out);
    assert_string_equal(out, "?");
}

static void assert_masked_id(const char *id_number, const char *expected)
{
    char out[256];
    text_mask_id(id_number, strlen(id_number), out, sizeof out);
    assert_string_equal(out, expected);
}

/* 15 characters and more keep 3 and 4, fewer only their ends; characters are counted, not bytes. */
static void test_mask_id(void **state)
{
    (void)state;
    assert_masked_id("211011196605229673", "211***********9673");
    assert_masked_id("432500770730278", "432********0278");
    assert_masked_id("43250077073027", "4************7");
    assert_masked_id("２１１０１１１９６６０５２２９６７３", "２１１***********９６７３");
    assert_masked_id("ab", "ab");
    assert_masked_id("a", "a");
    assert_masked_id("", "");
    assert_masked_id("\n23456789\xFF", "?********?");
}

/* At most 40 characters come out, whatever goes in. */
static void test_mask_long_id(void **state)
{
    (void)state;
    char text[300];
    for (size_t length = 15; length < 255; length++) {
        memset(text, '7', length);
        text[length] = '\0';
        char out[256];
        text_mask_id(text, length, out, sizeof out);
        assert_int_equal(strlen(out), length < 40 ? length : 40);
        assert_memory_equal(out, "777*", 4);
        assert_string_equal(out + strlen(out) - 5, "*7777");
    }
}

/* A short buffer is never overrun, always ended, and holds whole characters. */
static void test_mask_small_buffers(void **state)
{
    (void)state;
    static const char text[] = "单位 沈阳 211011196605229673 和 18163508457";
    for (size_t bytes = 0; bytes < sizeof text + 8; bytes++) {
        char id[64], digits[64];
        memset(id, 'Z', sizeof id);
        memset(digits, 'Z', sizeof digits);
        text_mask_id(text, sizeof text - 1, id, bytes);
        text_mask_digits(text, sizeof text - 1, digits, bytes);
        if (bytes > 0) {
            assert_true(strlen(id) < bytes && text_is_utf8(id, strlen(id)));
            assert_true(strlen(digits) < bytes && text_is_utf8(digits, strlen(digits)));
        }
        for (size_t at = bytes; at < sizeof id; at++) assert_true(id[at] == 'Z' && digits[at] == 'Z');
    }
}

static void test_mask_mobile(void **state)
{
    (void)state;
    char out[64];
    text_mask_mobile("18163508457", 11, out, sizeof out);
    assert_string_equal(out, "181****8457");
    text_mask_mobile("1816350845", 10, out, sizeof out);
    assert_string_equal(out, "1********5");
}

static void assert_masked_digits(const char *text, const char *expected)
{
    char out[256];
    text_mask_digits(text, strlen(text), out, sizeof out);
    assert_string_equal(out, expected);
}

/* In free text ID numbers in any of their forms and mobiles are hidden; years, offsets and counts stay readable. */
static void test_mask_digits(void **state)
{
    (void)state;
    assert_masked_digits("id 11010519491231002X.", "id 110***********002X.");
    assert_masked_digits("11010519491231002x", "110***********002x");
    assert_masked_digits("432500770730278", "432********0278");
    assert_masked_digits("１１０１０５１９４９１２３１００２Ｘ", "１１０***********００２Ｘ");
    assert_masked_digits("tel 18163508457, 8618163508457", "tel 181****8457, 861******8457");
    assert_masked_digits("x18163508457", "x181****8457");
    assert_masked_digits("28163508457 1816350845 181635084570", "28163508457 1816350845 181635084570");
    assert_masked_digits("ts 1772323200000 offset 123456789", "ts 1772323200000 offset 123456789");
    assert_masked_digits("2026-03-01 年 沈阳", "2026-03-01 年 沈阳");
    assert_masked_digits("a\tb\nc\rd\xFF\x1B", "a\tb\nc?d??");
    assert_masked_digits("a\xE2\x80\xA8"
                         "b\xE2\x80\xA9",
                         "a?b?");
}

/* No text that goes in comes out with 15 digits in a row, wherever the number stands. */
static void test_mask_digits_everywhere(void **state)
{
    (void)state;
    char text[80], out[80];
    for (size_t before = 0; before < 40; before++) {
        memset(text, 'X', before);
        (void)snprintf(text + before, sizeof text - before, "211011196605229673");
        text_mask_digits(text, strlen(text), out, sizeof out);
        assert_null(strstr(out, "21101119"));
        memset(text, '-', before);
        text_mask_digits(text, strlen(text), out, sizeof out);
        assert_null(strstr(out, "21101119"));
    }
}

/* Wide characters take two columns, marks and invisible ones none. */
static void test_width(void **state)
{
    (void)state;
    assert_int_equal(text_width(""), 0);
    assert_int_equal(text_width("U0001"), 5);
    assert_int_equal(text_width("沈阳工会"), 8);
    assert_int_equal(text_width("（ａ）"), 6);
    assert_int_equal(text_width("e\xCC\x81\xE2\x80\x8B"), 1);
    assert_int_equal(text_width("阿·布"), 5);
    assert_int_equal(text_width("\xF0\xA0\xAE\xB7"), 2);
    assert_int_equal(text_width("\xFF"), 1);
}

/* Blank is what a person can't see; a letter, a digit and a mark are not. */
static void test_blank(void **state)
{
    (void)state;
    static const uint32_t blanks[] = {' ', '\t', '\r', '\n', 0xA0, 0x3000, 0x200B, 0x200D, 0x200E, 0x202A, 0x202E, 0x2066, 0x2069, 0xFEFF};
    for (size_t i = 0; i < sizeof blanks / sizeof blanks[0]; i++) assert_true(text_is_blank(blanks[i]));
    static const uint32_t others[] = {'0', 'X', '-', 0, 0x7F, 0x2010, 0x3001, 0xFF10, TEXT_BAD};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) assert_false(text_is_blank(others[i]));
}

/* Nothing that can't be seen stays on either side; what stands between letters does. */
static void test_trim(void **state)
{
    static const char *const texts[] = {"x y", " x y\t", "\u3000x y\u00A0", "\u200B\uFEFFx y\r\n"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *text = texts[i];
        size_t length = strlen(text);
        text_trim(&text, &length);
        assert_int_equal(length, 3);
        assert_memory_equal(text, "x y", 3);
    }
    const char *blank = " \u3000 ";
    size_t length = strlen(blank);
    text_trim(&blank, &length);
    assert_int_equal(length, 0);
}

/* Full-width forms of what is masked; what has no width. */
static void test_full_width(void **state)
{
    (void)state;
    assert_masked_digits("11010519491231002\xEF\xBC\xB8", "110***********002\xEF\xBC\xB8");
    assert_masked_digits("\xEF\xBC\x91"
                         "3800000000",
                         "\xEF\xBC\x91"
                         "38****0000");
    assert_masked_digits("11010519491231002\xEF\xBD\x98", "110***********002\xEF\xBD\x98");
    assert_int_equal(text_width("a\x01"
                                "b"),
                     2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_code_point),
        cmocka_unit_test(test_bad_utf8),
        cmocka_unit_test(test_name),
        cmocka_unit_test(test_mask_id),
        cmocka_unit_test(test_mask_long_id),
        cmocka_unit_test(test_mask_small_buffers),
        cmocka_unit_test(test_mask_mobile),
        cmocka_unit_test(test_mask_digits),
        cmocka_unit_test(test_mask_digits_everywhere),
        cmocka_unit_test(test_width),
        cmocka_unit_test(test_blank),
        cmocka_unit_test(test_trim),
        cmocka_unit_test(test_full_width),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
