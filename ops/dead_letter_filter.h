/* Which dead letters a command is about: the options by which an operator chooses them, and the same choice in SQL. */
#ifndef NIANSHEN_OPS_DEAD_LETTER_FILTER_H
#define NIANSHEN_OPS_DEAD_LETTER_FILTER_H

#include <stdbool.h>

#include "core/config.h"
#include "core/kafka.h"
#include "ops/options.h"
#include "ops/session.h"

#define OPTION_OF_CODE                                                                                                                     \
    {                                                                                                                                      \
        .name = "code", .kind = OPTION_TEXT, .argument = "CODE", .help = { "只选此代码的死信。", "Only dead letters with this code." }     \
    }

#define OPTION_OF_OFFSET(is_required)                                                                                                      \
    {                                                                                                                                      \
        .name = "offset", .kind = OPTION_NUMBER, .number_max = INT64_MAX, .required = (is_required), .argument = "N", .help = {            \
            "记录的偏移量。",                                                                                                              \
            "The record's offset."                                                                                                         \
        }                                                                                                                                  \
    }

/* Of view nianshen.dead_letter; dead_letter_filter_add adds its parameters, the statement's own begin behind them. */
#define DEAD_LETTER_FILTER_SQL                                                                                                             \
    "($1::text IS NULL OR code = $1) AND ($2::text IS NULL OR unit = $2) AND ($3::text IS NULL OR topic = $3) "                            \
    "AND ($4::bigint IS NULL OR partition = $4) AND ($5::bigint IS NULL OR record_offset = $5) "                                           \
    "AND ($6::text[] IS NULL OR state = ANY ($6))"

/* Checks the options code, unit, topic, partition and offset; false: the fault says which is wrong (EX_USAGE). */
bool dead_letter_filter_check(struct session *session);
/* `states` ends with NULL; NULL alone: every state. */
void dead_letter_filter_add(struct session *session, const char *const *states);

#endif
