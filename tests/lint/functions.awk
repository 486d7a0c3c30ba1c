# Names every function of more than `max` lines, from its first line to its closing brace. The layout that clang-format keeps
# makes this easy: only a function's braces stand alone in the first column.

function report(name) {
    name = first
    sub(/\(.*/, "", name)
    sub(/^.*[ *]/, "", name)
    printf "%s:%d: %s has %d lines, more than %d\n", FILENAME, start, name, FNR - start + 1, max
}

FNR == 1 { start = inside = 0 }
/^[A-Za-z_].*\(/ && !inside { start = FNR; first = $0 }
/^{$/ && start { inside = 1 }
/^}$/ {
    if (inside && FNR - start + 1 > max) report()
    start = inside = 0
}
