/* The options that several commands of nianshen-ops share, as entries of their tables; nothing else. */
#ifndef NIANSHEN_OPS_OPTIONS_H
#define NIANSHEN_OPS_OPTIONS_H

#include "core/config.h"
#include "core/event.h"
#include "core/kafka.h"

#define OPTION_OF_JSON                                                                                                                     \
    {                                                                                                                                      \
        .name = "json", .kind = OPTION_SWITCH, .help = "Print JSON for programs instead of a table."                                       \
    }

#define OPTION_OF_YEAR(is_required)                                                                                                        \
    {                                                                                                                                      \
        .name = "year", .kind = OPTION_NUMBER, .number_min = EVENT_YEAR_MIN, .number_max = EVENT_YEAR_MAX, .required = (is_required),      \
        .argument = "YEAR", .help = "The campaign's year."                                                                                 \
    }

#define OPTION_OF_UNIT(is_required)                                                                                                        \
    {                                                                                                                                      \
        .name = "unit", .kind = OPTION_TEXT, .required = (is_required), .argument = "UNIT", .help = "The unit's code."                     \
    }

#define OPTION_OF_SUPERIOR(is_required)                                                                                                    \
    {                                                                                                                                      \
        .name = "superior", .kind = OPTION_TEXT, .required = (is_required), .argument = "SUPERIOR", .help = "The superior union's code."   \
    }

#define OPTION_OF_LIMIT(rows)                                                                                                              \
    {                                                                                                                                      \
        .name = "limit", .kind = OPTION_NUMBER, .fallback = rows, .number_min = 1, .number_max = 1000000, .argument = "N",                 \
        .help = "Show at most N rows."                                                                                                     \
    }

#define OPTION_OF_TOPIC(is_required)                                                                                                       \
    {                                                                                                                                      \
        .name = "topic", .kind = OPTION_TEXT, .required = (is_required), .argument = "KIND",                                               \
        .help = "unit-review, member-review or approval: the input topic without the prefix."                                              \
    }

#define OPTION_OF_PARTITION(is_required)                                                                                                   \
    {                                                                                                                                      \
        .name = "partition", .kind = OPTION_NUMBER, .number_max = KAFKA_PARTITIONS_MAX - 1, .required = (is_required), .argument = "N",    \
        .help = "The partition."                                                                                                           \
    }

#define OPTION_OF_EXECUTE                                                                                                                  \
    {                                                                                                                                      \
        .name = "execute", .kind = OPTION_SWITCH, .help = "Do it."                                                                         \
    }

/* The end of a table. */
#define OPTION_END                                                                                                                         \
    {                                                                                                                                      \
        .name = NULL                                                                                                                       \
    }

#endif
