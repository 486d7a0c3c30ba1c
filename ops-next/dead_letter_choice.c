#include "ops/dead_letter_choice.h"

#include <inttypes.h>
#include <stdio.h>
#include <sysexits.h>

#include "core/language.h"

#include "ops/dead_letter_filter.h"

enum { NUMBER_TEXT_BYTES = 24 };

/* Of the chosen rows. */
enum { TOPIC_AT, PARTITION_AT, OFFSET_AT, CODE_AT, UNIT_AT, APPENDED_AT };

/* Unit reviews before what waits for them; within a partition as the records stand. */
static const char choice_sql[] =
    "SELECT topic, partition, record_offset, code, unit, append_ms FROM nianshen_next.dead_letter WHERE " DEAD_LETTER_FILTER_SQL
    " ORDER BY array_position(ARRAY['unit-review', 'member-review', 'approval'], topic), partition, "
    "record_offset LIMIT $7";

static const char others_sql[] =
    "SELECT state, count(*) FROM nianshen_next.dead_letter WHERE " DEAD_LETTER_FILTER_SQL " GROUP BY state ORDER BY state";

bool choice_check(struct session *session)
{
    if (config_switch(session->config, "dry_run") && config_switch(session->config, "execute"))
        return fault_set(
            &session->fault, FAULT_REJECT, EX_USAGE, "usage",
            language_pick("--dry-run 与 --execute 互相矛盾，只能给一个", "--dry-run and --execute contradict each other; give one"));
    return dead_letter_filter_check(session);
}

/* One more than is taken is asked for, to know whether there are more. */
bool choice_make(struct choice *choice, struct session *session, const struct choice_verb *verb, const char *const *states)
{
    size_t limit = (size_t)config_number(session->config, "limit");
    *choice = (struct choice){.session = session, .verb = verb, .is_execute = config_switch(session->config, "execute")};
    choice->table = table_new(verb->columns, config_switch(session->config, "json"));
    if (choice->table == NULL)
        return fault_set(&session->fault, FAULT_RETRY, EX_OSERR, "memory-out", language_pick("内存不足", "out of memory for a table"));
    struct database_query *query = session_ask(session, choice_sql);
    dead_letter_filter_add(session, states);
    query_int8(query, (int64_t)limit + 1);
    if (!session_run(session, &choice->rows)) return false;
    choice->is_cut = result_rows(choice->rows) > limit;
    choice->count = choice->is_cut ? limit : result_rows(choice->rows);
    return true;
}

void choice_free(struct choice *choice)
{
    result_free(choice->rows);
    table_free(choice->table);
}

void choice_place(const struct choice *choice, size_t index, struct kafka_position *at)
{
    *at = (struct kafka_position){
        .partition = (int32_t)result_int8(choice->rows, index, PARTITION_AT),
        .offset = result_int8(choice->rows, index, OFFSET_AT),
    };
    (void)topic_kind_of_name(result_text(choice->rows, index, TOPIC_AT), &at->topic); /* the ledger knows no others */
}

int64_t choice_append_ms(const struct choice *choice, size_t index)
{
    return result_int8(choice->rows, index, APPENDED_AT);
}

static const char *result_name(const struct choice *choice, enum choice_result result)
{
    static const char *const names[CHOICE_RESULTS] = {
        [CHOICE_SKIPPED] = "skipped",       [CHOICE_GONE] = "gone",       [CHOICE_REFUSED] = "refused",
        [CHOICE_UNREPORTED] = "unreported", [CHOICE_UNNOTED] = "unnoted",
    };
    if (result == CHOICE_DONE) return choice->verb->done;
    return result == CHOICE_PLANNED ? choice->verb->planned : names[result];
}

static const char *cell_of(const struct choice *choice, size_t index, size_t column)
{
    return result_is_null(choice->rows, index, column) ? NULL : result_text(choice->rows, index, column);
}

bool choice_note(struct choice *choice, size_t index, enum choice_result result, const struct kafka_position *new_place, const char *text)
{
    char partition[NUMBER_TEXT_BYTES] = "", offset[NUMBER_TEXT_BYTES] = "";
    if (new_place != NULL) {
        (void)snprintf(partition, sizeof partition, "%" PRId32, new_place->partition);
        (void)snprintf(offset, sizeof offset, "%" PRId64, new_place->offset);
    }
    const char *const cells[] = {
        cell_of(choice, index, TOPIC_AT),     cell_of(choice, index, PARTITION_AT), cell_of(choice, index, OFFSET_AT),
        cell_of(choice, index, CODE_AT),      cell_of(choice, index, UNIT_AT),      result_name(choice, result),
        new_place == NULL ? NULL : partition, new_place == NULL ? NULL : offset,    text,
    };
    choice->results[result]++;
    return table_add(choice->table, cells, &choice->session->fault);
}

/* ---- the report ---- */

/* Why there is nothing to do: those that match may have been dealt with already. */
static void report_nothing(struct choice *choice)
{
    struct session *session = choice->session;
    struct database_result *others = NULL;
    (void)session_ask(session, others_sql);
    dead_letter_filter_add(session, NULL);
    if (!session_run(session, &others)) return;
    fputs(language_pick("无事可做：没有这样的死信", "nothing to do: no such dead letter"), stderr);
    for (size_t i = 0; i < result_rows(others); i++)
        fprintf(stderr, "%s%s %s", i == 0 ? language_pick("（符合条件的有：", " is left (those that match: ") : ", ",
                result_text(others, i, 1), result_text(others, i, 0));
    if (result_rows(others) > 0) fprintf(stderr, language_pick("）%s", ")%s"), language_words(choice->verb->remedy));
    putc('\n', stderr);
    result_free(others);
}

/* "3 redriven, 1 refused, 2 not tried" */
static void report_results(const struct choice *choice)
{
    size_t tried = 0;
    const char *between = "";
    for (int i = 0; i < CHOICE_RESULTS; i++) {
        size_t count = choice->results[i];
        tried += count;
        if (count == 0) continue;
        fprintf(stderr, language_pick("%1$s%3$s %2$zu 条", "%s%zu %s"), between, count,
                i == CHOICE_PLANNED ? language_words(choice->verb->would) : result_name(choice, (enum choice_result)i));
        between = ", ";
    }
    if (tried < choice->count) fprintf(stderr, language_pick("%s%zu 条未处理", "%s%zu not tried"), between, choice->count - tried);
}

void choice_report(struct choice *choice)
{
    table_print(choice->table, stdout);
    if (choice->results[CHOICE_GONE] + choice->results[CHOICE_REFUSED] > 0) choice->session->exit_status = EX_DATAERR;
    if (choice->count == 0) {
        report_nothing(choice);
        return;
    }
    if (!choice->is_execute) fputs(language_pick("演练：", "dry run: "), stderr);
    report_results(choice);
    if (!choice->is_execute)
        fprintf(stderr, language_pick("；没有改动任何内容%s", "; nothing was changed%s"),
                choice->results[CHOICE_PLANNED] > 0 ? language_pick("，加 --execute 才会执行", ", --execute does it") : "");
    if (choice->is_cut) fputs(language_pick("；还有更多，超出 --limit", "; there are more than --limit takes"), stderr);
    putc('\n', stderr);
}
