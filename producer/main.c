/* nianshen-producer: a unit's files and a reviewer's decisions in, events out. */
#include <sysexits.h>

#include "producer/commands.h"

static const struct command commands[] = {
    {.name = "template",
     .summary = {"打印 submit 所用的 CSV 模板。", "Print the CSV template for submit."},
     .options = template_options,
     .run = template_run},
    {.name = "confirm-unit",
     .summary = {"单位信息年审：确认单位信息，可同时修改；打印单位年审号。",
                 "Confirm the unit's information, with changes or without; prints the unit review's id."},
     .options = unit_review_options,
     .run = unit_review_run},
    {.name = "submit",
     .operands = "FILE.csv",
     .summary = {"会员信息年审：提交单位会员的年审结果；打印提交号。",
                 "Submit the review of the unit's members; prints the submission's id."},
     .options = submit_options,
     .run = submit_run},
    {.name = "approve",
     .summary = {"上级工会审核通过一份提交；打印审核号。", "Approve a submission as its superior union; prints the decision's id."},
     .options = approve_options,
     .run = approve_run},
    {.name = "return",
     .summary = {"上级工会退回一份提交；打印审核号。", "Return a submission to its unit; prints the decision's id."},
     .options = return_options,
     .run = return_run},
    {.name = "withdraw",
     .summary = {"单位撤回自己的提交；打印审核号。", "Take the unit's own submission back; prints the decision's id."},
     .options = withdraw_options,
     .run = withdraw_run},
    {.name = "publish",
     .operands = "EVENTS.ndjson|-",
     .summary = {"发送上游系统生成的事件：structured 模式的 CloudEvents，每行一个。",
                 "Send what an upstream system wrote: structured-mode CloudEvents, one a line."},
     .options = publish_options,
     .run = publish_run},
    {.name = "check-id",
     .operands = "[FILE]",
     .summary = {"检查证件号码，每行一个；输出级别、代码、规范化号码、说明。有错误时退出码为 65。",
                 "Check ID numbers, one a line: level, code, normalised number, text. Exit status 65 when one is an error."},
     .options = check_id_options,
     .run = check_id_run},
    {.name = "check-code",
     .operands = "[FILE]",
     .summary = {"检查统一社会信用代码，每行一个，输出同 check-id。", "Check unified social credit codes, one a line, as check-id does."},
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
