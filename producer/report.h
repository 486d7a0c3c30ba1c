/*
 * What is wrong with a file, gathered over one pass and told at its end: the first problems by row, and how many there were.
 * Also how a fault that ends a command is told. Everything goes to stderr; values come in masked.
 */
#ifndef NIANSHEN_PRODUCER_REPORT_H
#define NIANSHEN_PRODUCER_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/fault.h"

enum {
    REPORT_ERRORS_MAX = 100, /* told; the others are counted */
    REPORT_WARNINGS_MAX = 10,
    REPORT_COLUMN_BYTES_MAX = 96,
    REPORT_VALUE_BYTES_MAX = 128,
};

struct problem {
    int64_t row; /* as the spreadsheet numbers it, or the line of a file of events */
    int64_t other_row; /* of the same member; 0 when none */
    int position; /* as struct id_verdict */
    char expected;
    char code[FAULT_CODE_BYTES_MAX];
    char column[REPORT_COLUMN_BYTES_MAX]; /* "A 身份证号码"; "" when the whole row is meant */
    char value[REPORT_VALUE_BYTES_MAX]; /* masked; "" when there is none to show */
    char text[FAULT_TEXT_BYTES_MAX]; /* said in place of the code's sentence; "" for most */
};

struct problems { /* the first by row, sorted; memory is taken when the first one comes */
    struct problem *list;
    size_t count, limit;
    int64_t total;
};

struct marks;

struct report {
    struct problems errors, warnings;
    struct marks *marks; /* takes every error too, when not NULL; borrowed */
    struct fault fault; /* of the marks */
};

void report_start(struct report *report);
void report_free(struct report *report);

/* Copies `problem`. When memory is out it is counted only. */
void report_error(struct report *report, const struct problem *problem);
void report_warning(struct report *report, const struct problem *problem);

/* Tells errors and warnings on stderr. `rows`: what a place in this file is called ("行", "row"). */
void report_print(const struct report *report, const char *rows);

/* Tells a fault on stderr and returns the exit status that it asks for. */
int report_fault(const struct fault *fault);

#endif
