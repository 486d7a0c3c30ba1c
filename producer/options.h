/* The options that several commands of nianshen-producer share, as entries of their tables; nothing else. */
#ifndef NIANSHEN_PRODUCER_OPTIONS_H
#define NIANSHEN_PRODUCER_OPTIONS_H

#include "core/config.h"
#include "core/event.h"

enum { WAIT_SECONDS_MAX = 24 * 60 * 60 };

#define OPTION_OF_UNIT                                                                                                                     \
    {                                                                                                                                      \
        .name = "unit", .kind = OPTION_TEXT, .required = true, .argument = "UNIT", .help = "The unit's code (单位代码)."               \
    }

#define OPTION_OF_YEAR                                                                                                                     \
    {                                                                                                                                      \
        .name = "year", .kind = OPTION_NUMBER, .number_min = EVENT_YEAR_MIN, .number_max = EVENT_YEAR_MAX, .required = true,               \
        .argument = "YEAR", .help = "The campaign's year (年审年度)."                                                                  \
    }

#define OPTION_OF_SUBMITTED_BY                                                                                                             \
    {                                                                                                                                      \
        .name = "submitted_by", .kind = OPTION_TEXT, .required = true, .argument = "CLERK",                                                \
        .help = "Who submits, as the unit names its clerks (经办人)."                                                                   \
    }

#define OPTION_OF_SUBMISSION                                                                                                               \
    {                                                                                                                                      \
        .name = "submission", .kind = OPTION_TEXT, .required = true, .argument = "ID",                                                     \
        .help = "The submission's id, as submit printed it (年审提交号)."                                                             \
    }

#define OPTION_OF_SOURCE                                                                                                                   \
    {                                                                                                                                      \
        .name = "source", .kind = OPTION_TEXT, .fallback = "nianshen-producer", .argument = "NAME",                                        \
        .help = "The events' ce_source (事件来源); a submission and its unit review need the same one."                                \
    }

#define OPTION_OF_WAIT                                                                                                                     \
    {                                                                                                                                      \
        .name = "wait", .kind = OPTION_SWITCH,                                                                                             \
        .help = "Wait for the outcome and show it (等待处理结果): exit status 65 when refused, 75 when none came."                   \
    }

#define OPTION_OF_WAIT_SECONDS                                                                                                             \
    {                                                                                                                                      \
        .name = "wait_seconds", .kind = OPTION_NUMBER, .fallback = "60", .number_min = 1, .number_max = WAIT_SECONDS_MAX, .argument = "N", \
        .help = "The longest that --wait waits."                                                                                           \
    }

#define OPTION_OF_DRY_RUN                                                                                                                       \
    {                                                                                                                                           \
        .name = "dry_run", .kind = OPTION_SWITCH, .help = "Check everything and say what would be sent, without a broker (只检查不发送)." \
    }

/* The end of a table. */
#define OPTION_END                                                                                                                         \
    {                                                                                                                                      \
        .name = NULL                                                                                                                       \
    }

#endif
