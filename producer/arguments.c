#include "producer/arguments.h"

#include <string.h>
#include <sysexits.h>

#include "core/event.h"
#include "core/language.h"
#include "core/text.h"

/* The option as it is written on the command line. */
static void flag_of(const char *name, char *out, size_t out_bytes)
{
    size_t i = 0;
    for (; name[i] != '\0' && i + 1 < out_bytes; i++) out[i] = name[i] == '_' ? '-' : name[i];
    out[i] = '\0';
}

bool arguments_check_names(const struct config *config, const char *const *names, struct fault *fault)
{
    for (; *names != NULL; names++) {
        const char *text = config_text(config, *names);
        size_t bytes_max = strcmp(*names, "unit") == 0 ? EVENT_UNIT_BYTES_MAX : EVENT_NAME_BYTES_MAX;
        if (text == NULL || text_is_name(text, strlen(text), bytes_max)) continue;
        char flag[64];
        flag_of(*names, flag, sizeof flag);
        return fault_set(fault, FAULT_REJECT, EX_USAGE, "bad-option",
                         language_pick("--%s 须为 1 至 %zu 字节的 UTF-8 文本，不含控制字符",
                                       "--%s must be 1 to %zu bytes of UTF-8 text without control characters"),
                         flag, bytes_max);
    }
    return true;
}

bool arguments_check_digest(const struct config *config, struct fault *fault)
{
    static const char prefix[] = "sha256:";
    if (strncmp(config_text(config, "digest"), prefix, sizeof prefix - 1) == 0) return true;
    return fault_set(fault, FAULT_REJECT, EX_USAGE, "bad-option",
                     language_pick("--digest 须以 %s 开头；请照抄 nianshen-ops review show 显示的摘要",
                                   "--digest must begin with %s: copy it as nianshen-ops review show prints it"),
                     prefix);
}

const char *arguments_file(const struct config *config, struct fault *fault)
{
    if (config_operand_count(config) == 1) return config_operand(config, 0);
    const struct command *command = config_command(config);
    fault_set(fault, FAULT_REJECT, EX_USAGE, "bad-operands",
              language_pick("%s 需要一个文件（%s），收到 %zu 个；文件名中有空格时请加引号",
                            "%s takes one file (%s), %zu were given; quote a name with blanks in it"),
              command->name, command->operands, config_operand_count(config));
    return NULL;
}
