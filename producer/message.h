/* Sentences of the table of codes with their places filled in, in the language that is spoken (core/language.h). */
#ifndef NIANSHEN_PRODUCER_MESSAGE_H
#define NIANSHEN_PRODUCER_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/fault.h"

enum { MESSAGE_BYTES_MAX = 640 };

struct message_values {
    int position; /* {position} */
    char expected; /* {expected}; 0 is written '?' */
    const char *field; /* {field}; NULL is written '?' */
};

struct message {
    char text[MESSAGE_BYTES_MAX]; /* what is wrong and what to do */
};

/* What the code says. A code that the table does not know gives its own name. */
void message_of_code(struct message *message, const char *code, const struct message_values *values);

/* Sets the fault to FAULT_REJECT, EX_DATAERR with what the code says; returns false as fault_set does. */
bool message_fault(struct fault *fault, const char *code, const char *field);

#endif
