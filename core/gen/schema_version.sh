#!/bin/sh
# Prints schema_version.h: the number of the last migration and a digest of all the SQL that is embedded, so that a program
# and a database which differ in a single statement notice it. Arguments: the last migration, then all files in their order.
set -eu

last=$(basename "${1:-0_none}")
shift
number=$(printf '%s' "${last%%_*}" | sed 's/^0*\(.\)/\1/')
digest=$(cat -- "$@" | sha256sum | cut -c 1-12)

printf '/* Generated from the files of sql/. */\n#ifndef NIANSHEN_SCHEMA_VERSION\n'
printf '#define NIANSHEN_SCHEMA_VERSION "%s-%s"\n#endif\n' "$number" "$digest"
