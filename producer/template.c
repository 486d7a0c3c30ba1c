/* template: the CSV file that a clerk fills in, on stdout. */
#include <stdio.h>
#include <sysexits.h>

#include "core/csv_stream.h"
#include "core/language.h"
#include "producer/commands.h"
#include "producer/report.h"
#include "producer/sheet.h"

const struct option template_options[] = {
    {.name = "mode",
     .kind = OPTION_TEXT,
     .fallback = "import",
     .argument = "import|list",
     .help = {"import（导入文件年审）：只列不通过的会员；list（列表年审）：列出全部会员。",
              "import: for a list of who fails; list: of everybody."}},
    {.name = NULL},
};

/* The example's check character is wrong on purpose: left in by mistake, the row is refused and fails nobody. */
#define EXAMPLE_ID_NUMBER "110101199003070010"
#define EXAMPLE_REMARK "示例，请删除本行"

enum { TEMPLATE_COLUMNS_MAX = 5 };

struct template
{
    size_t count;
    const char *header[TEMPLATE_COLUMNS_MAX], *example[TEMPLATE_COLUMNS_MAX];
};

static const struct template templates[] = {
    [SHEET_IMPORT] = {3, {"身份证号码", "姓名", "不通过原因"}, {EXAMPLE_ID_NUMBER, EXAMPLE_REMARK, "退休"}},
    [SHEET_LIST] = {5,
                    {"会员编号", "姓名", "身份证号码", "年审结果", "不通过原因"},
                    {"00000", EXAMPLE_REMARK, EXAMPLE_ID_NUMBER, "不通过", "退休"}},
};

int template_run(const struct config *config)
{
    struct fault fault = {.kind = FAULT_NONE};
    enum sheet_mode mode;
    if (!sheet_mode_of_name(config_text(config, "mode"), &mode)) {
        fault_set(&fault, FAULT_REJECT, EX_USAGE, "bad-option",
                  language_pick("--mode 须为 import 或 list", "--mode must be import or list"));
        return report_fault(&fault);
    }
    const struct template *template = &templates[mode];
    bool ok = fputs("\uFEFF", stdout) >= 0 && csv_write_row(stdout, template->header, template->count) &&
              csv_write_row(stdout, template->example, template->count) && fflush(stdout) == 0;
    if (ok) return EX_OK;
    fault_set(&fault, FAULT_FATAL, EX_IOERR, "output-failed",
              language_pick("模板无法写到标准输出", "the template can not be written to standard output"));
    return report_fault(&fault);
}
