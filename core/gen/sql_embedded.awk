# Turns SQL files, in the order given, into the array of core/sql_embedded.h. A migration is a file of sql/migrations/; its
# number is the leading digits of its name.

function c_string(text) {
    gsub(/\\/, "&&", text)
    gsub(/"/, "\\\"", text)
    gsub(/\r/, "\\r", text)
    return "\"" text "\""
}

function start_file(path,    name, base, is_migration) {
    finish_file()
    name = path
    sub(/^.*sql\//, "", name)
    base = name
    sub(/^.*\//, "", base)
    is_migration = name ~ /^migrations\//
    if (is_migration && base !~ /^[0-9]+_/) {
        printf "%s: a migration's name must begin with its number and '_'\n", path >"/dev/stderr"
        failed = 1
        exit 1
    }
    printf "    {\n        .name = %s,\n        .is_migration = %s,\n", c_string(name), (is_migration ? "true" : "false")
    printf "        .number = %d,\n        .text =\n", (is_migration ? base + 0 : 0)
    open = 1
}

function finish_file() {
    if (open) print "            \"\",\n    },"
    open = 0
}

BEGIN {
    print "/* Generated from the files of sql/. */"
    print "#include <stddef.h>"
    print ""
    print "#include \"core/sql_embedded.h\""
    print ""
    print "const struct sql_file sql_files[] = {"
}

FNR == 1 { start_file(FILENAME) }

{
    line = c_string($0)
    print "            " substr(line, 1, length(line) - 1) "\\n\""
}

END {
    if (failed) exit 1
    finish_file()
    print "    {.name = NULL},"
    print "};"
}
