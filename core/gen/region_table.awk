# Turns schemas/regions.tsv and schemas/countries.tsv into the tables of core/region_internal.h. Both are sorted, which is checked here.

function fail(text) {
    printf "%s:%d: %s\n", FILENAME, FNR, text >"/dev/stderr"
    failed = 1
    exit 1
}

BEGIN {
    FS = "\t"
    print "/* Generated from schemas/regions.tsv and schemas/countries.tsv. */"
    print "#include \"core/region_internal.h\"\n"
    print "const struct region region_table[] = {"
}

/^#/ { next }

$1 == "code" && $2 == "name" { next }

$1 == "numeric" && $2 == "letters" {
    print "};\n\nconst size_t region_count = sizeof region_table / sizeof region_table[0];\n"
    print "const struct country country_table[] = {"
    is_country = 1
    last = ""
    next
}

{
    if (NF != 2 || $1 !~ (is_country ? "^[0-9][0-9][0-9]$" : "^[1-9][0-9][0-9][0-9][0-9][0-9]$")) fail("not a code and its name")
    if ($1 <= last) fail("the codes are not in ascending order")
    if (is_country && $2 !~ /^[A-Z][A-Z][A-Z]$/) fail("not three letters")
    last = $1
    if (!is_country) bits[int($1 / 8)] += 2 ^ ($1 % 8)
    printf "    {%d, \"%s\"},\n", $1, $2
}

END {
    if (failed) exit 1
    print "};\n\nconst size_t country_count = sizeof country_table / sizeof country_table[0];\n"
    print "const uint8_t region_bits[1000000 / 8] = {"
    for (byte = 0; byte < 1000000 / 8; byte++) if (byte in bits) printf "    [%d] = %d,\n", byte, bits[byte]
    print "};"
}
