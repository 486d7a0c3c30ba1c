/* approve, return, withdraw: what becomes of a submission. */
#include <stdlib.h>
#include <sysexits.h>

#include "core/language.h"
#include "core/moment.h"
#include "producer/arguments.h"
#include "producer/commands.h"
#include "producer/compose.h"
#include "producer/dispatch.h"
#include "producer/options.h"
#include "producer/report.h"

#define OPTION_OF_DIGEST                                                                                                                   \
    {                                                                                                                                      \
        .name = "digest", .kind = OPTION_TEXT, .required = true, .argument = "DIGEST", .help = {                                           \
            "所审核内容的摘要，见 nianshen-ops review show。",                                                                             \
            "The digest of what was reviewed, as nianshen-ops review show prints it."                                                      \
        }                                                                                                                                  \
    }

#define OPTION_OF_SUPERIOR                                                                                                                 \
    {                                                                                                                                      \
        .name = "superior", .kind = OPTION_TEXT, .required = true, .argument = "UNION", .help = {                                          \
            "上级工会代码。",                                                                                                              \
            "The superior union's code."                                                                                                   \
        }                                                                                                                                  \
    }

#define OPTION_OF_REVIEWER                                                                                                                 \
    {                                                                                                                                      \
        .name = "reviewer", .kind = OPTION_TEXT, .required = true, .argument = "REVIEWER", .help = {                                       \
            "审核人，与登记的写法相同。",                                                                                                  \
            "The reviewer, as registered."                                                                                                 \
        }                                                                                                                                  \
    }

const struct option approve_options[] = {
    OPTION_OF_UNIT,
    OPTION_OF_YEAR,
    OPTION_OF_SUBMISSION,
    OPTION_OF_DIGEST,
    OPTION_OF_SUPERIOR,
    OPTION_OF_REVIEWER,
    {.name = "comment", .kind = OPTION_TEXT, .argument = "TEXT", .help = {"审核意见。", "A comment."}},
    OPTION_OF_SOURCE,
    OPTION_OF_WAIT,
    OPTION_OF_WAIT_SECONDS,
    OPTION_END,
};

const struct option return_options[] = {
    OPTION_OF_UNIT,
    OPTION_OF_YEAR,
    OPTION_OF_SUBMISSION,
    OPTION_OF_DIGEST,
    OPTION_OF_SUPERIOR,
    OPTION_OF_REVIEWER,
    {.name = "comment",
     .kind = OPTION_TEXT,
     .required = true,
     .argument = "TEXT",
     .help = {"退回意见，单位会看到。", "Why, for the unit to read."}},
    OPTION_OF_SOURCE,
    OPTION_OF_WAIT,
    OPTION_OF_WAIT_SECONDS,
    OPTION_END,
};

const struct option withdraw_options[] = {
    OPTION_OF_UNIT,   OPTION_OF_YEAR, OPTION_OF_SUBMISSION,   OPTION_OF_SUBMITTED_BY,
    OPTION_OF_SOURCE, OPTION_OF_WAIT, OPTION_OF_WAIT_SECONDS, OPTION_END,
};

static int decision_send(const struct config *config, const struct decision *decision)
{
    struct fault fault = {.kind = FAULT_NONE};
    char id[IDENTITY_BYTES], time[MOMENT_TEXT_BYTES];
    identity_new(id);
    moment_format(moment_now_ms(), time, sizeof time);
    char *text = compose_decision(decision);
    if (text == NULL) {
        fault_set(&fault, FAULT_REJECT, EX_USAGE, "bad-option", language_pick("--comment 须为 UTF-8 文本", "--comment must be UTF-8 text"));
        return report_fault(&fault);
    }
    struct outgoing outgoing;
    outgoing_fill(&outgoing, decision->type, decision->unit, config_text(config, "source"), id, time, text);
    int status = dispatch_one(config, &outgoing, decision->year, id);
    free(text);
    return status;
}

/* Approval and return say the same things. */
static int superior_decides(const struct config *config, enum event_type type)
{
    static const char *const names[] = {"unit", "submission", "superior", "reviewer", "source", NULL};
    struct fault fault = {.kind = FAULT_NONE};
    if (!arguments_check_names(config, names, &fault) || !arguments_check_digest(config, &fault)) return report_fault(&fault);
    struct decision decision = {
        .type = type,
        .unit = config_text(config, "unit"),
        .year = config_number(config, "year"),
        .submission = config_text(config, "submission"),
        .digest = config_text(config, "digest"),
        .superior = config_text(config, "superior"),
        .reviewer = config_text(config, "reviewer"),
        .comment = config_text(config, "comment"),
    };
    return decision_send(config, &decision);
}

int approve_run(const struct config *config)
{
    return superior_decides(config, EVENT_REVIEW_APPROVED);
}

int return_run(const struct config *config)
{
    return superior_decides(config, EVENT_REVIEW_RETURNED);
}

int withdraw_run(const struct config *config)
{
    static const char *const names[] = {"unit", "submission", "submitted_by", "source", NULL};
    struct fault fault = {.kind = FAULT_NONE};
    if (!arguments_check_names(config, names, &fault)) return report_fault(&fault);
    struct decision decision = {
        .type = EVENT_REVIEW_WITHDRAWN,
        .unit = config_text(config, "unit"),
        .year = config_number(config, "year"),
        .submission = config_text(config, "submission"),
        .submitted_by = config_text(config, "submitted_by"),
    };
    return decision_send(config, &decision);
}
