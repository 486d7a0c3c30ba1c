/* The options that several commands of nianshen-producer share, as entries of their tables; nothing else. */
#ifndef NIANSHEN_PRODUCER_OPTIONS_H
#define NIANSHEN_PRODUCER_OPTIONS_H

#include "core/config.h"
#include "core/event.h"

enum { WAIT_SECONDS_MAX = 24 * 60 * 60 };

#define OPTION_OF_UNIT                                                                                                                     \
    {                                                                                                                                      \
        .name = "unit", .kind = OPTION_TEXT, .required = true, .argument = "UNIT", .help = { "单位代码。", "The unit's code." }            \
    }

#define OPTION_OF_YEAR                                                                                                                     \
    {                                                                                                                                      \
        .name = "year", .kind = OPTION_NUMBER, .number_min = EVENT_YEAR_MIN, .number_max = EVENT_YEAR_MAX, .required = true,               \
        .argument = "YEAR", .help = {                                                                                                      \
            "年审年度。",                                                                                                                  \
            "The campaign's year."                                                                                                         \
        }                                                                                                                                  \
    }

#define OPTION_OF_SUBMITTED_BY                                                                                                             \
    {                                                                                                                                      \
        .name = "submitted_by", .kind = OPTION_TEXT, .required = true, .argument = "CLERK", .help = {                                      \
            "经办人，按本单位的写法。",                                                                                                    \
            "Who submits, as the unit names its clerks."                                                                                   \
        }                                                                                                                                  \
    }

#define OPTION_OF_SUBMISSION                                                                                                               \
    {                                                                                                                                      \
        .name = "submission", .kind = OPTION_TEXT, .required = true, .argument = "ID", .help = {                                           \
            "提交号，由 submit 打印。",                                                                                                    \
            "The submission's id, as submit printed it."                                                                                   \
        }                                                                                                                                  \
    }

#define OPTION_OF_SOURCE                                                                                                                   \
    {                                                                                                                                      \
        .name = "source", .kind = OPTION_TEXT, .fallback = "nianshen-producer", .argument = "NAME", .help = {                              \
            "事件来源（ce_source）；提交与它的单位信息年审须相同。",                                                                       \
            "The events' ce_source; a submission and its unit review need the same one."                                                   \
        }                                                                                                                                  \
    }

#define OPTION_OF_WAIT                                                                                                                     \
    {                                                                                                                                      \
        .name = "wait", .kind = OPTION_SWITCH, .help = {                                                                                   \
            "等待并显示处理结果；未被接受时退出码为 65，没有等到时为 75。",                                                                \
            "Wait for the outcome and show it: exit status 65 when refused, 75 when none came."                                            \
        }                                                                                                                                  \
    }

#define OPTION_OF_WAIT_SECONDS                                                                                                             \
    {                                                                                                                                      \
        .name = "wait_seconds", .kind = OPTION_NUMBER, .fallback = "60", .number_min = 1, .number_max = WAIT_SECONDS_MAX, .argument = "N", \
        .help = {                                                                                                                          \
            "--wait 至多等待的秒数。",                                                                                                     \
            "The longest that --wait waits, in seconds."                                                                                   \
        }                                                                                                                                  \
    }

#define OPTION_OF_DRY_RUN                                                                                                                  \
    {                                                                                                                                      \
        .name = "dry_run", .kind = OPTION_SWITCH, .help = {                                                                                \
            "只检查，并说明将发送什么；不发送，也不需要 Kafka。",                                                                          \
            "Check everything and say what would be sent, without a broker."                                                               \
        }                                                                                                                                  \
    }

/* The end of a table. */
#define OPTION_END                                                                                                                         \
    {                                                                                                                                      \
        .name = NULL                                                                                                                       \
    }

#endif
