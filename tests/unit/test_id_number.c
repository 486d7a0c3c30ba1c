/* The ID number check: the whole ladder, by published and made numbers. "Today" is 2026-03-01 throughout. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/code.h"
#include "core/id_key.h"
#include "core/id_number.h"
#include "core/region.h"
#include "tests/unit/draw.h"

static const date_ymd today = 20260301;

struct sample {
    const char *text;
    const char *code; /* NULL: fine */
    const char *normalised; /* "" when refused */
    int position;
    char expected;
};

static const struct sample samples[] = {
    /* The manual's two members, the standard's own sample, a leap day, an ordinary sequence 999, Chongqing before 1997. */
    {"211011196605229673", NULL, "211011196605229673", 0, 0},
    {"432500197707302784", NULL, "432500197707302784", 0, 0},
    {"11010519491231002X", NULL, "11010519491231002X", 0, 0},
    {"110101200002290018", NULL, "110101200002290018", 0, 0},
    {"320402198503159992", NULL, "320402198503159992", 0, 0},
    {"510202197005050011", NULL, "510202197005050011", 0, 0},
    /* A county in no published list is no reason to refuse. */
    {"321119197310310016", "id-region", "321119197310310016", 0, 0},
    /* Residence permits of Hong Kong, Macau and Taiwan; 71 is only doubtful. */
    {"810000199408230021", NULL, "810000199408230021", 0, 0},
    {"820000199001010010", NULL, "820000199001010010", 0, 0},
    {"830000199201300022", NULL, "830000199201300022", 0, 0},
    {"710000199201300025", "id-taiwan-region", "710000199201300025", 0, 0},
    /* Foreigners' permanent residence cards of 2023 and, in any case of letters, of 2004 and 2017. */
    {"932682198501010017", NULL, "932682198501010017", 0, 0},
    {"911124198108030024", NULL, "911124198108030024", 0, 0},
    {"KAZ110090123105", NULL, "KAZ110090123105", 0, 0},
    {"kaz110090123105", "id-normalised", "KAZ110090123105", 0, 0},
    {"ＫＡＺ 1100 901231 05", "id-normalised", "KAZ110090123105", 0, 0},
    {"KAZ110090123106", "id-check", "", 15, '5'},
    {"KAZ110090133105", "id-date", "", 8, 0},
    {"KAZ1100901Z3105", "id-characters", "", 11, 0},
    {"KA1110090123105", "id-characters", "", 1, 0},
    {"910124198108030024", "id-province", "", 2, 0},
    {"９３２６８２ 198501010017", "id-normalised", "932682198501010017", 0, 0},
    /* Written otherwise: mended, and said so. */
    {"11010519491231002x", "id-normalised", "11010519491231002X", 0, 0},
    {"２１１０１１１９６６０５２２９６７３", "id-normalised", "211011196605229673", 0, 0},
    {"11010519491231002Ｘ", "id-normalised", "11010519491231002X", 0, 0},
    {"11010519491231002ｘ", "id-normalised", "11010519491231002X", 0, 0},
    {"11010519491231002Ⅹ", "id-normalised", "11010519491231002X", 0, 0},
    {"11010519491231002Х", "id-normalised", "11010519491231002X", 0, 0},
    {" 211011 19660522 9673 ", "id-normalised", "211011196605229673", 0, 0},
    {"211011196605229673\t\t", "id-normalised", "211011196605229673", 0, 0},
    {"211011\xC2\xA0"
     "196605229673",
     "id-normalised", "211011196605229673", 0, 0},
    {"　211011196605229673", "id-normalised", "211011196605229673", 0, 0},
    {"\xEF\xBB\xBF"
     "211011196605229673\xE2\x80\x8B",
     "id-normalised", "211011196605229673", 0, 0},
    {"\xE2\x80\xAD"
     "211011196605229673\xE2\x80\xAC",
     "id-normalised", "211011196605229673", 0, 0},
    {"\xE2\x81\xA6"
     "211011196605229673\xE2\x81\xA9",
     "id-normalised", "211011196605229673", 0, 0},
    {"'211011196605229673", "id-normalised", "211011196605229673", 0, 0},
    {"’211011196605229673", "id-normalised", "211011196605229673", 0, 0},
    {"=\"211011196605229673\"", "id-normalised", "211011196605229673", 0, 0},
    {"\"211011196605229673\"", "id-normalised", "211011196605229673", 0, 0},
    {"“211011196605229673”", "id-normalised", "211011196605229673", 0, 0},
    /* 15 digits. */
    {"432500770730278", "id-upgraded", "432500197707302784", 0, 0},
    {"432500 770730 278", "id-upgraded", "432500197707302784", 0, 0},
    {"320402050101998", "id-manual", "", 13, 0},
    {"320402050101996", "id-manual", "", 13, 0},
    {"320402050101995", "id-unusual-age", "320402190501019957", 0, 0},
    {"47010185010100X", "id-characters", "", 15, 0},
    {"470101850101001", "id-province", "", 1, 0},
    {"110101000229001", "id-date", "", 7, 0},
    /* Refused, with the place and what would have been right. */
    {"211011196605229674", "id-check", "", 18, '3'},
    {"110105194912310021", "id-check", "", 18, 'X'},
    {" 2110 11196605229674", "id-check", "", 20, '3'},
    {"110101190002290011", "id-date", "", 7, 0},
    {"110101198502300010", "id-date", "", 7, 0},
    {"110101198513010010", "id-date", "", 7, 0},
    {"110101000001010010", "id-date", "", 7, 0},
    {"320402202701010012", "id-future", "", 7, 0},
    {"320402187001010019", "id-age", "", 7, 0},
    {"470101198501010019", "id-province", "", 1, 0},
    {"910000198501010014", "id-province", "", 2, 0},
    {"000000198501010014", "id-province", "", 1, 0},
    {"2110111966O5229673", "id-letter", "", 11, '0'},
    {"2l1011196605229673", "id-letter", "", 2, '1'},
    {"21101I196605229673", "id-letter", "", 6, '1'},
    {"21101119660522967Z", "id-characters", "", 18, 0},
    {"2110111966052X9673", "id-characters", "", 14, 0},
    {"211011 1966O5229673", "id-letter", "", 12, '0'},
    {"２１１０１１１９６６Ｏ５２２９６７３", "id-letter", "", 11, '0'},
    {"21101119660522967\xFF", "id-characters", "", 18, 0},
    {"21101119660522967", "id-length", "", 0, 0},
    {"2110111966052296733", "id-length", "", 0, 0},
    {"张三", "id-length", "", 0, 0},
    {"", "id-missing", "", 0, 0},
    {" \t　\xE2\x80\x8B", "id-missing", "", 0, 0},
    {"'", "id-missing", "", 0, 0},
    {"=\"\"", "id-missing", "", 0, 0},
    /* What spreadsheets do. */
    {"211011196605229000", "id-spreadsheet", "", 0, 0},
    {"432500197707302000", "id-spreadsheet", "", 0, 0},
    {"4.32500197707303E+17", "id-spreadsheet", "", 0, 0},
    {"4.32501E+14", "id-spreadsheet", "", 0, 0},
    {"4e+17", "id-spreadsheet", "", 0, 0},
    {"4.32500197707303e17", "id-spreadsheet", "", 0, 0},
    {"4,32500197707303E+17", "id-spreadsheet", "", 0, 0},
    {"4.32500197707303E+017", "id-spreadsheet", "", 0, 0},
    {"432500197707302784.00", "id-spreadsheet", "", 0, 0},
    {"432500197707302784.", "id-length", "", 0, 0},
    {"432500197707302784.01", "id-length", "", 0, 0},
    {"432500197707302784.0", "id-spreadsheet", "", 0, 0},
    {"432500770730278.0", "id-spreadsheet", "", 0, 0},
    {"4.E+17", "id-length", "", 0, 0},
    {"4.3E+18", "id-length", "", 0, 0},
    /* Doubtful. */
    {"320402198503150007", "id-sequence", "320402198503150007", 0, 0},
};

static struct id_verdict check(const char *text)
{
    return id_number_check(text, strlen(text), today);
}

/* Every sample gets its code, place, expected character and normal form; every code is in the table of codes. */
static void test_samples(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        const struct sample *sample = &samples[i];
        struct id_verdict verdict = check(sample->text);
        bool is_same = sample->code == NULL ? verdict.code == NULL : verdict.code != NULL && strcmp(verdict.code, sample->code) == 0;
        if (!is_same) fail_msg("'%s': %s instead of %s", sample->text, verdict.code != NULL ? verdict.code : "OK", sample->code);
        assert_string_equal(verdict.normalised, sample->normalised);
        assert_int_equal(verdict.position, sample->position);
        assert_int_equal(verdict.expected, sample->expected);
        assert_int_equal(verdict.level, sample->code == NULL ? ID_OK : sample->normalised[0] != '\0' ? ID_WARNING : ID_ERROR);
        assert_true(sample->code == NULL || code_find(sample->code) != NULL);
        assert_true((verdict.born != 0) == (verdict.level != ID_ERROR) && (verdict.region != 0) == (verdict.level != ID_ERROR) &&
                    (verdict.form != ID_FORM_NONE) == (verdict.level != ID_ERROR));
    }
}

/* Birth date and gender are read from the number, also from an upgraded one. */
static void test_person(void **state)
{
    (void)state;
    struct id_verdict man = check("211011196605229673"), woman = check("432500770730278");
    assert_int_equal(man.born, 19660522);
    assert_int_equal(man.gender, 'M');
    assert_int_equal(woman.born, 19770730);
    assert_int_equal(woman.gender, 'F');
}

/* Several warnings can apply: the most important one first. */
static void test_several_warnings(void **state)
{
    (void)state;
    struct id_verdict verdict =
        check("３２１１１９０1０731000"); /* a county in no list, over 100 years old, sequence 000, 15 digits, full width */
    static const char *const others[] = {"id-region", "id-unusual-age", "id-upgraded", "id-normalised"};
    assert_string_equal(verdict.code, "id-sequence");
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) assert_string_equal(verdict.others[i], others[i]);
    assert_null(verdict.others[4]);
    assert_null(check("211011196605229673").others[0]);
}

/* Form and region are told; the country and the region of a foreigner's card may be unknown without harm. */
static void test_forms(void **state)
{
    (void)state;
    assert_int_equal(check("211011196605229673").form, ID_FORM_RESIDENT);
    assert_int_equal(check("432500770730278").form, ID_FORM_OLD);
    assert_int_equal(check("810000199408230021").form, ID_FORM_PERMIT);
    assert_int_equal(check("932682198501010017").form, ID_FORM_FOREIGNER);
    assert_int_equal(check("932682198501010017").region, 320000);
    assert_int_equal(check("KAZ110090123105").form, ID_FORM_FOREIGNER_OLD);
    assert_int_equal(check("KAZ110090123105").region, 110000);
    assert_int_equal(check("KAZ110090123105").born, 19901231);
    assert_int_equal(check("KAZ110090123105").gender, 0);
    assert_string_equal(check("932999198501010010").code, "id-country");
    assert_string_equal(check("ZZZ110090123105").code, "id-country"); /* the same check digit: three letters Z weigh 180 more */
}

/* Names of regions are put together from province to county, retired ones too, as far as they are known. */
static void test_regions(void **state)
{
    (void)state;
    char name[REGION_NAME_BYTES_MAX];
    static const struct {
        int32_t code;
        const char *name;
    } regions[] = {{432500, "湖南省娄底地区"},
                   {211011, "辽宁省辽阳市太子河区"},
                   {110105, "北京市朝阳区"},
                   {830000, "台湾省"},
                   {110000, "北京市"},
                   {321119, "江苏省镇江市"},
                   {990000, ""},
                   {0, ""}};
    for (size_t i = 0; i < sizeof regions / sizeof regions[0]; i++) {
        region_describe(regions[i].code, name, sizeof name);
        assert_string_equal(name, regions[i].name);
    }
    region_describe(211011, name, 12);
    assert_string_equal(name, "辽宁省");
    assert_true(region_is_known(442100) && region_is_known(510202) && !region_is_known(321119));
    assert_string_equal(region_country_letters(682), "SAU");
}

/* By the standard's formula, not by a table of weights as in the code under test. */
static char check_character(const char *number)
{
    int sum = 0;
    for (int i = 0; i < 17; i++) sum += (1 << (17 - i)) % 11 * (number[i] - '0');
    return "10X98765432"[sum % 11];
}

static struct id_verdict check_born(const char *region, int born, date_ymd on, char number[19])
{
    (void)snprintf(number, 19, "%s%08d011", region, born);
    number[17] = check_character(number);
    number[18] = '\0';
    return id_number_check(number, 18, on);
}

/* All hundred pairs of leading digits: the provinces and residence permits pass, all others are refused. */
static void test_provinces(void **state)
{
    (void)state;
    static const char known[] = "11,12,13,14,15,21,22,23,31,32,33,34,35,36,37,41,42,43,44,45,46,50,51,52,53,54,61,62,63,64,65,71,81,82,83,";
    int passed = 0;
    for (int province = 0; province < 100; province++) {
        char number[19], region[8], item[8];
        (void)snprintf(region, sizeof region, "%02d9999", province % 100);
        (void)snprintf(item, sizeof item, "%02d,", province % 100);
        struct id_verdict verdict = check_born(region, 19800101, today, number);
        bool is_known = strstr(known, item) != NULL;
        assert_true(is_known ? verdict.level != ID_ERROR : strcmp(verdict.code, "id-province") == 0);
        passed += is_known;
    }
    assert_int_equal(passed, 35);
}

/* The limits of age and of today, to the day. */
static void test_ages(void **state)
{
    (void)state;
    static const struct {
        int born;
        date_ymd on;
        const char *code;
    } limits[] = {
        {20260301, 20260301, "id-unusual-age"},
        {20260302, 20260301, "id-future"},
        {20100301, 20260301, NULL},
        {20100302, 20260301, "id-unusual-age"},
        {19250302, 20260301, NULL},
        {19250301, 20260301, "id-unusual-age"},
        {18760301, 20260301, "id-unusual-age"},
        {18750302, 20260301, "id-unusual-age"},
        {18750301, 20260301, "id-age"},
        {20080229, 20240228, "id-unusual-age"},
        {20080229, 20240229, NULL},
        {20080229, 20250228, NULL},
    };
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        char number[19];
        struct id_verdict verdict = check_born("110101", limits[i].born, limits[i].on, number);
        if (limits[i].code == NULL)
            assert_null(verdict.code);
        else
            assert_string_equal(verdict.code, limits[i].code);
    }
}

enum { MADE_NUMBERS = 10000 };

/* Valid numbers of provinces, counties, dates and sequences all over, the same ones in every run. */
static void make_number(uint32_t index, char number[ID_NUMBER_CHARS + 1])
{
    static const int provinces[] = {11, 12, 13, 21, 32, 37, 43, 44, 46, 51, 54, 65, 81, 83};
    uint32_t mixed = index * 2654435761U;
    int count = sizeof provinces / sizeof provinces[0];
    (void)snprintf(number, ID_NUMBER_CHARS + 1, "%02d%04u%04u%02u%02u%03u", provinces[index % (uint32_t)count], mixed % 10000,
                   1930 + mixed / 7 % 80, 1 + mixed / 11 % 12, 1 + mixed / 13 % 28, mixed / 17 % 1000);
    number[ID_NUMBER_CHARS - 1] = check_character(number);
    number[ID_NUMBER_CHARS] = '\0';
}

static bool is_refused(const char number[ID_NUMBER_CHARS + 1])
{
    return id_number_check(number, ID_NUMBER_CHARS, today).level == ID_ERROR;
}

/* No number with one wrong character passes, whichever character and whichever digit. */
static void test_single_errors(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < MADE_NUMBERS; i++) {
        char number[ID_NUMBER_CHARS + 1];
        make_number(i, number);
        assert_false(is_refused(number));
        for (size_t at = 0; at < ID_NUMBER_CHARS; at++) {
            char right = number[at];
            for (const char *other = "0123456789X"; *other != '\0'; other++) {
                number[at] = *other;
                if (*other != right && !is_refused(number)) fail_msg("%s passes", number);
            }
            number[at] = right;
        }
    }
}

/* No number with two neighbours exchanged passes. */
static void test_transpositions(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < MADE_NUMBERS; i++) {
        char number[ID_NUMBER_CHARS + 1];
        make_number(i, number);
        for (size_t at = 0; at + 1 < ID_NUMBER_CHARS; at++) {
            char left = number[at], right = number[at + 1];
            number[at] = right;
            number[at + 1] = left;
            if (left != right && !is_refused(number)) fail_msg("%s passes", number);
            number[at] = left;
            number[at + 1] = right;
        }
    }
}

/* A number that ends in 000 was cut by a spreadsheet if its check fails; of those that were, some pass by chance: a warning. */
static void test_trailing_zeros(void **state)
{
    (void)state;
    int warnings = 0, refusals = 0;
    for (int month = 1; month <= 12; month++) {
        for (int day = 1; day <= 28; day++) {
            char number[40];
            (void)snprintf(number, sizeof number, "1101011980%02d%02d1000", month, day);
            struct id_verdict verdict = check(number);
            bool passes = check_character(number) == '0';
            assert_string_equal(verdict.code, passes ? "id-trailing-zeros" : "id-spreadsheet");
            warnings += passes;
            refusals += !passes;
        }
    }
    assert_true(warnings > 20 && refusals > 250);
}

/* Text of any length is safe; of more than 255 bytes nothing is read, however blank. */
static void test_lengths(void **state)
{
    (void)state;
    char text[600];
    memset(text, ' ', sizeof text);
    for (size_t length = 18; length < sizeof text; length++) {
        memcpy(text + length - 18, "211011196605229673", 18);
        const char *code = id_number_check(text, length, today).code;
        if (length == 18)
            assert_null(code);
        else
            assert_string_equal(code, length <= ID_NUMBER_TEXT_BYTES_MAX ? "id-normalised" : "id-length");
        text[length - 18] = ' ';
    }
}

/* What id_number_pack says is what the check and the key say; and it says it of every resident's number that nothing is to be said about.
 */
static void test_packing(void **state)
{
    static const char *const regions[] = {"110101", "432500", "830000", "710000", "511702", "260101", "999999", "932682", "110199"};
    size_t packed_count = 0;
    uint64_t chance = 3;
    (void)state;
    for (int i = 0; i < 200000; i++) {
        char text[32], key[ID_KEY_BYTES_MAX + 1];
        uint64_t packed = 0;
        date_ymd born = 0;
        int year = 1905 + (int)draw(&chance, 125), month = (int)draw(&chance, 14), day = (int)draw(&chance, 33);
        int sequence = (int)draw(&chance, 1000), check_digit = (int)draw(&chance, 10);
        if (draw(&chance, 20) == 0) sequence -= sequence % 100;
        snprintf(text, sizeof text, "%s%04d%02d%02d%03d%d", regions[draw(&chance, 9)], year, month, day, sequence, check_digit);
        struct id_verdict verdict = id_number_check(text, ID_NUMBER_CHARS, today);
        if (verdict.expected != 0 && draw(&chance, 8) != 0) text[ID_NUMBER_CHARS - 1] = verdict.expected;
        if (draw(&chance, 8) == 0) text[draw(&chance, ID_NUMBER_CHARS)] = "0x:/X\x7F\xB0 "[draw(&chance, 8)];
        verdict = id_number_check(text, ID_NUMBER_CHARS, today);
        bool is_packed = id_number_pack(text, today, &packed, &born);
        assert_int_equal(is_packed, verdict.level == ID_OK && (verdict.form == ID_FORM_RESIDENT || verdict.form == ID_FORM_PERMIT));
        if (!is_packed) continue;
        packed_count++;
        struct id_key of_check = id_key_of(key, id_number_key(text, ID_NUMBER_CHARS, &verdict, key));
        assert_true(of_check.text == NULL && of_check.packed == packed && verdict.born == born);
    }
    assert_true(packed_count > 5000);
}

static const char *key_of(const char *text, size_t length, char out[ID_KEY_BYTES_MAX + 1])
{
    struct id_verdict verdict = id_number_check(text, length, today);
    size_t key_bytes = id_number_key(text, length, &verdict, out);
    assert_int_equal(key_bytes, strlen(out));
    return out;
}

/* The key is the normal form, or of a malformed number the trimmed text with control characters written out. */
static void test_keys(void **state)
{
    (void)state;
    char out[ID_KEY_BYTES_MAX + 1];
    assert_string_equal(key_of("11010519491231002x", 18, out), "11010519491231002X");
    assert_string_equal(key_of("432500770730278", 15, out), "432500197707302784");
    assert_string_equal(key_of("211011196605229674", 18, out), "211011196605229674");
    assert_string_equal(key_of(" \t护照 E1234　", strlen(" \t护照 E1234　"), out), "护照 E1234");
    assert_string_equal(key_of("a\nb\0c\x7F\xC2\x85", 8, out), "a\\x0Ab\\x00c\\x7F\\xC2\\x85");
    assert_string_equal(key_of("\x1F", 1, out), "\\x1F");
    assert_string_equal(key_of("", 0, out), "");
    assert_string_equal(key_of("  ", 2, out), "");
}

/* The longest keys fit, and text beyond 255 bytes is cut at a character. */
static void test_long_keys(void **state)
{
    (void)state;
    char text[400], out[ID_KEY_BYTES_MAX + 1];
    memset(text, '\x01', sizeof text);
    assert_int_equal(strlen(key_of(text, 255, out)), ID_KEY_BYTES_MAX);
    assert_int_equal(strlen(key_of(text, 400, out)), ID_KEY_BYTES_MAX);
    for (size_t at = 0; at + 3 <= 399; at += 3) memcpy(text + at, "工", 3);
    assert_int_equal(strlen(key_of(text, 399, out)), 255);
    memmove(text + 1, text, 398);
    text[0] = 'A';
    assert_int_equal(strlen(key_of(text, 397, out)), 253);
}

/* What only resembles a spreadsheet's number, or a wrapped one, is none. */
static void test_odd_shapes(void **state)
{
    static const char *const shapes[] = {"=\"123",  "=x123",  "\"123",    "4.3250",   "4.32x17",  "4.32E",   "4.32E+",
                                         "4.32E+0", "4.32E1", "4.32E+27", "4.32E+13", "4.32E+18", "4..2E+17"};
    static const char *const letters[] = {"ab{456789012345", "AB[456789012345", "{BC456789012345", "USA999999999999"};
    static const struct {
        const char *number;
        char expected;
    } typed[] = {{"11010519491231o02X", '0'}, {"1101051949123100LX", '1'}, {"1101051949123100iX", '1'}, {"1101051949123100zX", 0}};
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) assert_string_equal(check(shapes[i]).code, "id-length");
    for (size_t i = 0; i < sizeof letters / sizeof letters[0]; i++) assert_int_equal(check(letters[i]).level, ID_ERROR);
    for (size_t i = 0; i < sizeof typed / sizeof typed[0]; i++) assert_int_equal(check(typed[i].number).expected, typed[i].expected);
    assert_string_equal(id_form_name(ID_FORM_RESIDENT), id_form_name(ID_FORM_RESIDENT));
    char out[ID_KEY_BYTES_MAX + 1];
    assert_string_equal(key_of("\xFF"
                               "1",
                               2, out),
                        "\\xFF1");
}

/* Old cards tell the century by today; Taiwan's code is an old card's ordinary region. */
static void test_centuries_of_old_cards(void **state)
{
    (void)state;
    for (int digit = 0; digit <= 9; digit++) {
        char card[32];
        snprintf(card, sizeof card, "USA11010501011%d", digit);
        (void)check(card);
        snprintf(card, sizeof card, "USA71010501011%d", digit);
        (void)check(card);
    }
    assert_false(region_is_province(-1));
    assert_false(region_is_province(100));
    assert_false(region_is_province(26));
    assert_false(region_is_known(-1));
    assert_false(region_is_known(1000000));
    char name[256];
    region_describe(500229, name, sizeof name);
    assert_null(strstr(name, "县县"));
    region_describe(429004, name, sizeof name);
    assert_null(strstr(name, "省直辖"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_packing),        cmocka_unit_test(test_samples),
        cmocka_unit_test(test_person),         cmocka_unit_test(test_provinces),
        cmocka_unit_test(test_ages),           cmocka_unit_test(test_single_errors),
        cmocka_unit_test(test_transpositions), cmocka_unit_test(test_trailing_zeros),
        cmocka_unit_test(test_lengths),        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_long_keys),      cmocka_unit_test(test_several_warnings),
        cmocka_unit_test(test_forms),          cmocka_unit_test(test_regions),
        cmocka_unit_test(test_odd_shapes),     cmocka_unit_test(test_centuries_of_old_cards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
