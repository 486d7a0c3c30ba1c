/* What a code says in words: "what is wrong; what to do" in one language, with the placeholders filled, into JSON. */
#ifndef NIANSHEN_RULES_CODE_TEXT_H
#define NIANSHEN_RULES_CODE_TEXT_H

#include "rules/json_write.h"

struct code_place { /* what the placeholders stand for; where nothing is known: '?' */
    int position; /* 0: none */
    char expected; /* 0: none */
    const char *field; /* NULL: none */
};

/* The members "zh" and "en". */
void code_texts_write(struct json_out *out, const char *code, struct code_place place);
/* The members "code", "zh" and "en". */
void code_write(struct json_out *out, const char *code, struct code_place place);

#endif
