/*
 * Logging in logfmt, one line an event, on stderr:  ts=2026-03-01T08:00:00.123Z level=info event=batch-applied records=12
 * Each text value passes text_mask_digits: no full ID number or mobile can leave through here.
 */
#ifndef NIANSHEN_CORE_LOG_H
#define NIANSHEN_CORE_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR };

struct log_field {
    const char *name; /* NULL ends a list */
    const char *text; /* borrowed; NULL: the number counts */
    int64_t number;
};

/* Fields of one line, as arguments of the macros below. */
#define log_text(name, value) ((struct log_field){(name), (value), 0})
#define log_number(name, value) ((struct log_field){(name), 0, (int64_t)(value)})

/* `name` is one of debug, info, warning, error; false for any other. Default: info. */
bool log_set_level(const char *name);

/* `fields` ends with a field whose name is NULL. */
void log_write(enum log_level level, const char *event, const struct log_field *fields);

#define log_debug(event, ...) log_write(LOG_DEBUG, (event), (struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){0}})
#define log_info(event, ...) log_write(LOG_INFO, (event), (struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){0}})
#define log_warning(event, ...) log_write(LOG_WARNING, (event), (struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){0}})
#define log_error(event, ...) log_write(LOG_ERROR, (event), (struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){0}})

#endif
