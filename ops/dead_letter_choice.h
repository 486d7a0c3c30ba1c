/*
 * What `dead-letter redrive` and `dead-letter discard` do alike: choose dead letters in topic order, do nothing unless told to, note what
 * became of each, and report it. The choice is made once, at the beginning: what comes in meanwhile, a record redriven in vain for
 * instance, is for the next run.
 */
#ifndef NIANSHEN_OPS_DEAD_LETTER_CHOICE_H
#define NIANSHEN_OPS_DEAD_LETTER_CHOICE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/kafka.h"
#include "ops/options.h"
#include "ops/session.h"

/* The choice and its report are held in memory as a whole, some hundred bytes a dead letter; records are not. */
#define OPTION_OF_CHOICE_LIMIT                                                                                                             \
    {                                                                                                                                      \
        .name = "limit", .kind = OPTION_NUMBER, .fallback = "1000", .number_min = 1, .number_max = 10000, .argument = "N", .help = {       \
            "至多处理 N 条，每个分区从最早的开始。",                                                                                       \
            "Take at most N, the oldest of each partition first."                                                                          \
        }                                                                                                                                  \
    }
#define OPTION_OF_DRY_RUN                                                                                                                  \
    {                                                                                                                                      \
        .name = "dry_run", .kind = OPTION_SWITCH, .help = {                                                                                \
            "只显示将做什么；这是默认方式。",                                                                                              \
            "Only show what would be done, which is the default."                                                                          \
        }                                                                                                                                  \
    }

enum choice_result {
    CHOICE_DONE,
    CHOICE_PLANNED, /* a dry run */
    CHOICE_SKIPPED, /* somebody else was faster */
    CHOICE_GONE, /* not in its topic any more */
    CHOICE_REFUSED, /* by the broker */
    CHOICE_UNREPORTED, /* whether the broker has it is not known */
    CHOICE_UNNOTED, /* the broker has it, but the database does not know */
    CHOICE_RESULTS,
};

/* The words of one command. */
struct choice_verb {
    const char *done, *planned; /* results as programs see them */
    struct words would; /* "would be redriven" */
    struct words remedy; /* what may be done about those that match but are not in one of the states; may be "" */
    const struct table_column *columns; /* topic, partition, offset, code, unit, result[, new partition, new offset, text] */
};

struct choice {
    struct session *session;
    const struct choice_verb *verb;
    bool is_execute;
    struct database_result *rows;
    size_t count; /* dead letters chosen */
    bool is_cut; /* more match than --limit takes */
    struct table *table;
    size_t results[CHOICE_RESULTS]; /* how many had which result */
};

/* Checks the filter and the switches dry-run and execute; false: the fault is set (EX_USAGE). */
bool choice_check(struct session *session);

/* Chooses the dead letters in one of these states (NULL ends them). False: the fault is set. Free it in either case. */
bool choice_make(struct choice *choice, struct session *session, const struct choice_verb *verb, const char *const *states);
void choice_free(struct choice *choice);

/* The place of a chosen dead letter; when it was appended there, in milliseconds of the epoch. */
void choice_place(const struct choice *choice, size_t index, struct kafka_position *at);
int64_t choice_append_ms(const struct choice *choice, size_t index);
/* Notes what became of it. `new_place` and `text` may be NULL. */
bool choice_note(struct choice *choice, size_t index, enum choice_result result, const struct kafka_position *new_place, const char *text);

/* Prints what was noted, and a summary on stderr; sets the session's exit status to EX_DATAERR when a record was gone or refused. */
void choice_report(struct choice *choice);

#endif
