#include "core/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/moment.h"
#include "core/text.h"

enum {
    LOG_LINE_BYTES_MAX = 4096, /* what Linux writes to a pipe in one piece: lines of several processes never mix */
    LOG_VALUE_BYTES_MAX = 1024,
};

static const char *const level_names[] = {"debug", "info", "warning", "error"};
static const char truncation_mark[] = " truncated=true";
static enum log_level lowest = LOG_INFO;

struct line {
    char bytes[LOG_LINE_BYTES_MAX];
    size_t used;
};

bool log_set_level(const char *name)
{
    for (size_t i = 0; i < sizeof level_names / sizeof level_names[0]; i++) {
        if (strcmp(name, level_names[i]) == 0) {
            lowest = (enum log_level)i;
            return true;
        }
    }
    return false;
}

/* Room is always left for the truncation mark and the newline. */
static bool line_add(struct line *line, const char *bytes, size_t count)
{
    if (count > sizeof line->bytes - line->used - sizeof truncation_mark) return false;
    memcpy(line->bytes + line->used, bytes, count);
    line->used += count;
    return true;
}

static bool line_add_quoted(struct line *line, const char *text)
{
    bool is_whole = line_add(line, "\"", 1);
    for (const char *at = text; *at != '\0' && is_whole; at++) {
        if (*at == '\n')
            is_whole = line_add(line, "\\n", 2);
        else if (*at == '\t')
            is_whole = line_add(line, "\\t", 2);
        else if (*at == '"' || *at == '\\')
            is_whole = line_add(line, (char[]){'\\', *at}, 2);
        else
            is_whole = line_add(line, at, 1);
    }
    return is_whole && line_add(line, "\"", 1);
}

static bool line_add_field(struct line *line, const struct log_field *field)
{
    if (!line_add(line, " ", 1) || !line_add(line, field->name, strlen(field->name)) || !line_add(line, "=", 1)) return false;
    if (field->text == NULL) {
        char number[24];
        int length = snprintf(number, sizeof number, "%" PRId64, field->number);
        return line_add(line, number, (size_t)length);
    }
    char value[LOG_VALUE_BYTES_MAX];
    text_mask_digits(field->text, strlen(field->text), value, sizeof value);
    if (value[0] == '\0' || strpbrk(value, " =\"\\\t\n") != NULL) return line_add_quoted(line, value);
    return line_add(line, value, strlen(value));
}

static void line_begin(struct line *line, enum log_level level, const char *event)
{
    char now[32];
    moment_format(moment_now_ms(), now, sizeof now);
    line->used = (size_t)snprintf(line->bytes, LOG_LINE_BYTES_MAX / 2, "ts=%s level=%s event=%s", now, level_names[level], event);
}

/* One write a line. A log that can't be written is no reason to stop; only an interrupted write is tried again. */
static void line_write(const struct line *line)
{
    ssize_t written;
    do written = write(STDERR_FILENO, line->bytes, line->used);
    while (written < 0 && errno == EINTR);
}

void log_write(enum log_level level, const char *event, const struct log_field *fields)
{
    if (level < lowest) return;
    struct line line;
    line_begin(&line, level, event);
    for (const struct log_field *field = fields; field->name != NULL; field++) {
        size_t used = line.used;
        if (line_add_field(&line, field)) continue;
        line.used = used;
        memcpy(line.bytes + used, truncation_mark, sizeof truncation_mark - 1);
        line.used += sizeof truncation_mark - 1;
        break;
    }
    line.bytes[line.used++] = '\n';
    line_write(&line);
}
