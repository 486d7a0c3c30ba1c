# Turns schemas/codes.tsv into the table of codes: -v output=c for core/code.h, -v output=sql for table nianshen.code.
# The layout of the table is checked here, so that a slip in it stops the build and not a worker.

function fail(text) {
    printf "%s:%d: %s\n", FILENAME, FNR, text >"/dev/stderr"
    failed = 1
    exit 1
}

function c_string(text) {
    gsub(/\\/, "&&", text)
    gsub(/"/, "\\\"", text)
    return "\"" text "\""
}

function sql_string(text) {
    gsub(/'/, "''", text)
    return "'" text "'"
}

BEGIN {
    FS = "\t"
    if (output != "c" && output != "sql") fail("output must be c or sql")
}

FNR == 1 {
    if ($0 != "code\tkind\tzh\ten\tremedy_zh\tremedy_en") fail("the header line is not code, kind, zh, en, remedy_zh, remedy_en")
    if (output == "c") {
        print "/* Generated from schemas/codes.tsv. */"
        print "#include <stddef.h>"
        print "#include <string.h>"
        print ""
        print "#include \"core/code.h\""
        print ""
        print "const struct code code_table[] = {"
    } else {
        print "-- Generated from schemas/codes.tsv."
        print "INSERT INTO nianshen.code (code, kind, zh, en, remedy_zh, remedy_en) VALUES"
    }
    next
}

{
    if (NF != 6) fail("a row has " NF " columns instead of 6")
    if ($1 !~ /^[a-z][a-z0-9-]*$/) fail("the code \"" $1 "\" is not in kebab-case")
    if ($1 in seen) fail("the code " $1 " is there twice")
    for (i = 1; i <= 6; i++) if ($i == "") fail("column " i " of " $1 " is empty")
    seen[$1] = 1
    count++
    row = ""
    for (i = 1; i <= 6; i++) row = row (i > 1 ? ", " : "") (output == "c" ? c_string($i) : sql_string($i))
    if (output == "c") print "    {" row "},"
    else printf "%s    (%s)", (count > 1 ? ",\n" : ""), row
}

END {
    if (failed) exit 1
    if (output == "c") {
        print "    {NULL, NULL, NULL, NULL, NULL, NULL},"
        print "};"
        print ""
        print "const struct code *code_find(const char *name)"
        print "{"
        print "    for (const struct code *code = code_table; code->name != NULL; code++)"
        print "        if (strcmp(code->name, name) == 0) return code;"
        print "    return NULL;"
        print "}"
    } else {
        print "\nON CONFLICT (code) DO UPDATE SET kind = excluded.kind, zh = excluded.zh, en = excluded.en,"
        print "    remedy_zh = excluded.remedy_zh, remedy_en = excluded.remedy_en;"
    }
}
