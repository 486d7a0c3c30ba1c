/* confirm-unit: the unit confirms its profile, with changes or without. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "core/language.h"
#include "core/moment.h"
#include "producer/arguments.h"
#include "producer/commands.h"
#include "producer/compose.h"
#include "producer/dispatch.h"
#include "producer/options.h"
#include "producer/report.h"

const struct option unit_review_options[] = {
    OPTION_OF_UNIT,
    OPTION_OF_YEAR,
    OPTION_OF_SUBMITTED_BY,
    {.name = "set",
     .kind = OPTION_LIST,
     .argument = "FIELD=VALUE",
     .help = {"修改一项单位信息：name（名称）、credit_code（统一社会信用代码）、address（地址）、contact_name（联系人）或 "
              "contact_mobile（联系人手机或固定电话）；不给则按原样确认。",
              "A change of name, credit_code, address, contact_name or contact_mobile; without any the profile is confirmed as it is."}},
    {.name = "id",
     .kind = OPTION_TEXT,
     .argument = "ID",
     .help = {"单位年审号；省略时随机生成。", "The unit review's id; a new random one when left out."}},
    OPTION_OF_SOURCE,
    OPTION_OF_WAIT,
    OPTION_OF_WAIT_SECONDS,
    OPTION_END,
};

static const char *const profile_fields[] = {"name", "credit_code", "address", "contact_name", "contact_mobile"};
enum { PROFILE_FIELDS = sizeof profile_fields / sizeof *profile_fields };

/* The field of "field=value"; NULL with the fault set when it is none. */
static const char *profile_field_of(const char *setting, struct fault *fault)
{
    size_t bytes = strcspn(setting, "=");
    for (size_t i = 0; i < PROFILE_FIELDS && setting[bytes] == '='; i++)
        if (strlen(profile_fields[i]) == bytes && memcmp(profile_fields[i], setting, bytes) == 0) return profile_fields[i];
    fault_set(
        fault, FAULT_REJECT, EX_USAGE, "bad-option",
        language_pick(
            "--set %.*s：没有这个字段；可用 name（名称）、credit_code（统一社会信用代码）、address（地址）、contact_name（联系人）、"
            "contact_mobile（联系人手机），写作“字段=值”",
            "--set %.*s: there is no such field; write FIELD=VALUE with one of name, credit_code, address, contact_name, contact_mobile"),
        (int)bytes, setting);
    return NULL;
}

static bool changes_read(const struct config *config, struct profile_change changes[PROFILE_FIELDS], size_t *count, struct fault *fault)
{
    *count = 0;
    for (size_t i = 0; i < config_list_count(config, "set"); i++) {
        const char *setting = config_list_item(config, "set", i), *field = profile_field_of(setting, fault);
        if (field == NULL) return false;
        for (size_t n = 0; n < *count; n++)
            if (changes[n].field == field)
                return fault_set(fault, FAULT_REJECT, EX_USAGE, "bad-option",
                                 language_pick("--set %s 给了两次，只能给一次", "--set %s is given twice; give it once"), field);
        changes[(*count)++] = (struct profile_change){.field = field, .value = setting + strlen(field) + 1};
    }
    return true;
}

int unit_review_run(const struct config *config)
{
    static const char *const names[] = {"unit", "submitted_by", "id", "source", NULL};
    struct fault fault = {.kind = FAULT_NONE};
    struct profile_change changes[PROFILE_FIELDS];
    size_t change_count;
    if (!arguments_check_names(config, names, &fault) || !changes_read(config, changes, &change_count, &fault)) return report_fault(&fault);

    const char *unit = config_text(config, "unit"), *id = config_text(config, "id");
    int64_t year = config_number(config, "year");
    char random_id[IDENTITY_BYTES], time[MOMENT_TEXT_BYTES];
    identity_new(random_id);
    moment_format(moment_now_ms(), time, sizeof time);
    if (id == NULL) id = random_id;
    char *text = compose_unit_review(unit, year, config_text(config, "submitted_by"), changes, change_count);
    if (text == NULL) {
        fault_set(&fault, FAULT_REJECT, EX_USAGE, "bad-option",
                  language_pick("--set 的值须为 UTF-8 文本", "the values of --set must be UTF-8 text"));
        return report_fault(&fault);
    }
    struct outgoing outgoing;
    outgoing_fill(&outgoing, EVENT_UNIT_REVIEW_CONFIRMED, unit, config_text(config, "source"), id, time, text);
    int status = dispatch_one(config, &outgoing, year, id);
    free(text);
    return status;
}
