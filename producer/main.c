/* nianshen-producer: a unit's files and a reviewer's decisions in, events out. */
#include <sysexits.h>

#include "producer/commands.h"

static const struct command commands[] = {
    {.name = "template", .summary = "Print the CSV template for submit (模板).", .options = template_options, .run = template_run},
    {.name = "confirm-unit",
     .summary = "Confirm the unit's information, with changes or without (单位信息年审); prints the unit review's id.",
     .options = unit_review_options,
     .run = unit_review_run},
    {.name = "submit",
     .operands = "FILE.csv",
     .summary = "Submit the review of the unit's members (会员信息年审); prints the submission's id.",
     .options = submit_options,
     .run = submit_run},
    {.name = "approve",
     .summary = "Approve a submission as its superior union (审核通过); prints the event's id.",
     .options = approve_options,
     .run = approve_run},
    {.name = "return",
     .summary = "Return a submission to its unit (审核退回); prints the event's id.",
     .options = return_options,
     .run = return_run},
    {.name = "withdraw",
     .summary = "Take the unit's own submission back (撤回); prints the event's id.",
     .options = withdraw_options,
     .run = withdraw_run},
    {.name = "publish",
     .operands = "EVENTS.ndjson|-",
     .summary = "Send what an upstream system wrote (上游事件): structured-mode CloudEvents, one a line.",
     .options = publish_options,
     .run = publish_run},
    {.name = "check-id",
     .operands = "[FILE]",
     .summary = "Check ID numbers (证件号码), one a line: level, code, normalised number, text. Exit status 65 when one is an error.",
     .options = check_id_options,
     .run = check_id_run},
    {.name = "check-code",
     .operands = "[FILE]",
     .summary = "Check unified social credit codes (统一社会信用代码), one a line, as check-id does.",
     .options = check_code_options,
     .run = check_code_run},
    {.name = NULL},
};

int main(int argc, char **argv)
{
    int exit_status = EX_OK;
    struct config *config = config_read("nianshen-producer", commands, argc, argv, &exit_status);
    if (config == NULL) return exit_status;
    exit_status = config_command(config)->run(config);
    config_free(config);
    return exit_status;
}
