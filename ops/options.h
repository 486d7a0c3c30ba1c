/* The options that several commands of nianshen-ops share, as entries of their tables; nothing else. */
#ifndef NIANSHEN_OPS_OPTIONS_H
#define NIANSHEN_OPS_OPTIONS_H

#include "core/config.h"
#include "core/event.h"
#include "core/kafka.h"

#define OPTION_OF_JSON                                                                                                                     \
    {                                                                                                                                      \
        .name = "json", .kind = OPTION_SWITCH, .help = {                                                                                   \
            "输出供程序读取的 JSON，而不是表格。",                                                                                         \
            "Print JSON for programs instead of a table."                                                                                  \
        }                                                                                                                                  \
    }

#define OPTION_OF_YEAR(is_required)                                                                                                        \
    {                                                                                                                                      \
        .name = "year", .kind = OPTION_NUMBER, .number_min = EVENT_YEAR_MIN, .number_max = EVENT_YEAR_MAX, .required = (is_required),      \
        .argument = "YEAR", .help = {                                                                                                      \
            "年审年度。",                                                                                                                  \
            "The campaign's year."                                                                                                         \
        }                                                                                                                                  \
    }

#define OPTION_OF_UNIT(is_required)                                                                                                        \
    {                                                                                                                                      \
        .name = "unit", .kind = OPTION_TEXT, .required = (is_required), .argument = "UNIT", .help = { "单位代码。", "The unit's code." }   \
    }

#define OPTION_OF_SUPERIOR(is_required)                                                                                                    \
    {                                                                                                                                      \
        .name = "superior", .kind = OPTION_TEXT, .required = (is_required), .argument = "SUPERIOR", .help = {                              \
            "上级工会代码。",                                                                                                              \
            "The superior union's code."                                                                                                   \
        }                                                                                                                                  \
    }

#define OPTION_OF_LIMIT(rows)                                                                                                              \
    {                                                                                                                                      \
        .name = "limit", .kind = OPTION_NUMBER, .fallback = rows, .number_min = 1, .number_max = 1000000, .argument = "N", .help = {       \
            "至多显示 N 行。",                                                                                                             \
            "Show at most N rows."                                                                                                         \
        }                                                                                                                                  \
    }

/* Of a command that compares: all that differs is counted, and so much of it shown. */
#define OPTION_OF_FINDINGS(rows, help_zh, help_en)                                                                                         \
    {                                                                                                                                      \
        .name = "limit", .kind = OPTION_NUMBER, .fallback = rows, .number_min = 1, .number_max = 10000, .argument = "N", .help = {         \
            help_zh,                                                                                                                       \
            help_en                                                                                                                        \
        }                                                                                                                                  \
    }

#define OPTION_OF_TOPIC(is_required)                                                                                                       \
    {                                                                                                                                      \
        .name = "topic", .kind = OPTION_TEXT, .required = (is_required), .argument = "KIND", .help = {                                     \
            "unit-review、member-review 或 approval：不带前缀的输入主题名。",                                                              \
            "unit-review, member-review or approval: the input topic without the prefix."                                                  \
        }                                                                                                                                  \
    }

#define OPTION_OF_PARTITION(is_required)                                                                                                   \
    {                                                                                                                                      \
        .name = "partition", .kind = OPTION_NUMBER, .number_max = KAFKA_PARTITIONS_MAX - 1, .required = (is_required), .argument = "N",    \
        .help = {                                                                                                                          \
            "分区。",                                                                                                                      \
            "The partition."                                                                                                               \
        }                                                                                                                                  \
    }

#define OPTION_OF_EXECUTE                                                                                                                  \
    {                                                                                                                                      \
        .name = "execute", .kind = OPTION_SWITCH, .help = { "真正执行。", "Do it." }                                                       \
    }

/* The end of a table. */
#define OPTION_END                                                                                                                         \
    {                                                                                                                                      \
        .name = NULL                                                                                                                       \
    }

#endif
