/* COPY's text format, as PostgreSQL writes and reads it: fields between tabs, special characters behind a backslash. Pure. */
#ifndef NIANSHEN_OPS_COPY_TEXT_H
#define NIANSHEN_OPS_COPY_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Text that grows. `is_broken`: memory was out, and what was put since is lost. Begins as {0}. */
struct copy_text {
    char *bytes;
    size_t used, room;
    bool is_broken;
};

void copy_text_free(struct copy_text *text);
/* A field, escaped. */
void copy_text_field(struct copy_text *text, const char *field);
void copy_text_number(struct copy_text *text, int64_t number);
/* As it is: separators, and what needs no escape. */
void copy_text_plain(struct copy_text *text, const char *plain);
/* Bytes as hexadecimal digits. */
void copy_text_hex(struct copy_text *text, const void *bytes, size_t count);

/* What was put so far as a text that ends with a NUL; NULL when it is broken. */
char *copy_text_end(struct copy_text *text);

/* Splits a line in place into its fields, without escapes; NULL for a null. Returns how many there are, at most `fields_max`. */
size_t copy_text_split(char *line, const char **fields, size_t fields_max);

#endif
