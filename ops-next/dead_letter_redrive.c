/*
 * nianshen-ops dead-letter redrive: the original once more, byte for byte as the ledger keeps it, to the topic it came from, after its
 * cause was mended.
 */
#include <inttypes.h>
#include <stdio.h>
#include <sysexits.h>
#include <time.h>

#include "core/kafka.h"
#include "core/language.h"
#include "ops/commands.h"
#include "ops/dead_letter_choice.h"
#include "ops/dead_letter_filter.h"
#include "ops/options.h"
#include "ops/session.h"

#include "ops-next/dead_letter_record.h"

enum { POLL_MS = 100, PARTITION_OF_KEY = -1 };

const struct option dead_letter_redrive_options[] = {
    OPTION_OF_CODE,
    OPTION_OF_UNIT(false),
    OPTION_OF_TOPIC(false),
    OPTION_OF_PARTITION(false),
    OPTION_OF_OFFSET(false),
    OPTION_OF_CHOICE_LIMIT,
    {.name = "again",
     .kind = OPTION_SWITCH,
     .help = {"也包括以前已重新发布的，以及已开始但没有结果的。",
              "Also those that were redriven before, or whose redrive was begun and never reported."}},
    OPTION_OF_DRY_RUN,
    OPTION_OF_EXECUTE,
    OPTION_OF_JSON,
    OPTION_END,
};

static const struct table_column columns[] = {
    {{"主题", "TOPIC"}, "topic", TABLE_TEXT},
    {{"分区", "PARTITION"}, "partition", TABLE_NUMBER},
    {{"偏移量", "OFFSET"}, "offset", TABLE_NUMBER},
    {{"代码", "CODE"}, "code", TABLE_TEXT},
    {{"单位", "UNIT"}, "unit", TABLE_MASKED},
    {{"结果", "RESULT"}, "result", TABLE_TEXT},
    {{"新分区", "NEW PARTITION"}, "new_partition", TABLE_NUMBER},
    {{"新偏移量", "NEW OFFSET"}, "new_offset", TABLE_NUMBER},
    {{"说明", "TEXT"}, "text", TABLE_MASKED},
    {{NULL, NULL}, NULL, TABLE_TEXT},
};

static const struct choice_verb verb = {
    .done = "redriven",
    .planned = "would-redrive",
    .would = {"待重新发布", "would be redriven"},
    .remedy = {"；加 --again 可再次发布 redriving 或 redriven 的", "; --again also sends what is redriving or redriven"},
    .columns = columns,
};
static const struct choice_verb verb_again = {
    .done = "redriven",
    .planned = "would-redrive",
    .would = {"待重新发布", "would be redriven"},
    .remedy = {"；已放弃的不再发布", "; what was discarded is not sent"},
    .columns = columns,
};

/* Of the one record that is on its way. */
struct delivery {
    bool is_reported;
    enum kafka_delivery result;
    struct kafka_position place;
    struct fault fault;
};

struct redrive {
    struct choice choice;
    struct kafka_producer *producer; /* NULL: a dry run */
    struct delivery delivery;
};

/* ---- sending ---- */

static void delivered(void *context, uint64_t tag, enum kafka_delivery result, int32_t partition, int64_t offset, const struct fault *fault)
{
    struct delivery *delivery = &((struct redrive *)context)->delivery;
    (void)tag; /* there is only one record on its way */
    delivery->is_reported = true;
    delivery->result = result;
    delivery->place.partition = partition;
    delivery->place.offset = offset;
    if (fault != NULL) delivery->fault = *fault;
}

static int64_t clock_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/*
 * By its key, so that a record from a wrong partition arrives in the right one; without a key where it was, as nothing says otherwise. What
 * the client itself refuses at once counts as refused, the rest as unreported: nobody knows more.
 */
static void publish(struct redrive *redrive, const struct kafka_record *record)
{
    struct delivery *delivery = &redrive->delivery;
    int64_t end = clock_ms() + SESSION_BROKER_TIMEOUT_MS;
    *delivery = (struct delivery){.place.topic = record->topic};
    if (!kafka_producer_send(redrive->producer, record->topic, record->key == NULL ? record->partition : PARTITION_OF_KEY, record->key,
                             record->key_bytes, record->value, record->value_bytes, record->headers, record->header_count, 0,
                             &delivery->fault)) {
        delivery->is_reported = delivery->fault.kind == FAULT_REJECT;
        delivery->result = KAFKA_REFUSED;
        return;
    }
    while (!delivery->is_reported && !kafka_producer_is_broken(redrive->producer) && clock_ms() < end)
        (void)kafka_producer_poll(redrive->producer, POLL_MS);
}

/* ---- one dead letter ---- */

/* Asks the database whether it may be sent; `action` is 0 when not. */
static bool ask_leave(struct redrive *redrive, const struct kafka_position *at, int64_t *action)
{
    struct session *session = redrive->choice.session;
    struct database_result *result = NULL;
    struct database_query *query = session_ask(session, "SELECT nianshen_next.redrive_start($1, $2, $3, $4)");
    query_text(query, topic_kind_name(at->topic));
    query_int4(query, at->partition);
    query_int8(query, at->offset);
    query_bool(query, config_switch(session->config, "again"));
    if (!session_run(session, &result)) return false;
    *action = result_is_null(result, 0, 0) ? 0 : result_int8(result, 0, 0);
    result_free(result);
    return true;
}

/* The record is out: whatever happens to the database now, the operator must hear of it. */
static bool note_delivered(struct redrive *redrive, size_t index, int64_t action)
{
    struct session *session = redrive->choice.session;
    const struct kafka_position *place = &redrive->delivery.place;
    struct database_query *query = session_ask(session, "SELECT nianshen_next.redrive_done($1, $2, $3)");
    query_int8(query, action);
    query_int4(query, place->partition);
    query_int8(query, place->offset);
    if (session_run(session, NULL)) return choice_note(&redrive->choice, index, CHOICE_DONE, place, NULL);
    (void)choice_note(
        &redrive->choice, index, CHOICE_UNNOTED, place,
        language_pick("已发布，但未能记入数据库：状态仍为 redriving", "published, but the database could not be told: it stays redriving"));
    return false;
}

/* For certain it has not arrived, so it is again what it was; the history keeps why. */
static bool note_refused(struct redrive *redrive, size_t index, int64_t action)
{
    struct session *session = redrive->choice.session;
    const char *text = redrive->delivery.fault.text;
    struct database_query *query = session_ask(session, "SELECT nianshen_next.redrive_refused($1, $2)");
    query_int8(query, action);
    query_text(query, text);
    bool is_noted = session_run(session, NULL);
    return choice_note(&redrive->choice, index, CHOICE_REFUSED, NULL, text) && is_noted;
}

static bool note_unreported(struct redrive *redrive, size_t index, const struct kafka_position *at)
{
    struct session *session = redrive->choice.session;
    (void)choice_note(&redrive->choice, index, CHOICE_UNREPORTED, NULL, language_pick("状态仍为 redriving", "it stays redriving"));
    return fault_set(
        &session->fault, FAULT_RETRY, EX_TEMPFAIL, "delivery-unreported",
        language_pick("%1$s 处的 Kafka 在 %5$d 秒内没有确认主题 %2$s 分区 %3$" PRId32 " 偏移量 %4$" PRId64
                      " 的记录已送达%6$s%7$s。它可能已经送达，因此状态仍为 redriving；Kafka 恢复后，用 `dead-letter redrive --again` "
                      "加上它的 --topic、--partition、--offset 再发一次，重复发送没有影响",
                      "Kafka at %s has not reported the delivery of the record from %s partition %" PRId32 " offset %" PRId64
                      " within %d s%s%s. "
                      "It stays redriving, for it may have arrived; when the broker is well, `dead-letter redrive --again` with its "
                      "--topic, --partition and --offset sends it once more, and a repeat has no effect"),
        config_text(session->config, "kafka_bootstrap"), topic_kind_name(at->topic), at->partition, at->offset,
        SESSION_BROKER_TIMEOUT_MS / 1000, redrive->delivery.fault.kind == FAULT_NONE ? "" : ": ", redrive->delivery.fault.text);
}

static bool send_one(struct redrive *redrive, size_t index, const struct kafka_position *at, const struct kafka_record *record)
{
    int64_t action = 0;
    if (record->has_lost_headers)
        return choice_note(&redrive->choice, index, CHOICE_REFUSED, NULL,
                           language_pick("它有 100000 个以上的头部，无法照原样发送",
                                         "it has more than 100000 headers, which can not be sent again as they were"));
    if (redrive->producer == NULL) return choice_note(&redrive->choice, index, CHOICE_PLANNED, NULL, NULL);
    if (!ask_leave(redrive, at, &action)) return false;
    if (action == 0)
        return choice_note(&redrive->choice, index, CHOICE_SKIPPED, NULL, language_pick("已有人抢先处理", "somebody else was faster"));
    publish(redrive, record);
    if (!redrive->delivery.is_reported) return note_unreported(redrive, index, at);
    if (redrive->delivery.result == KAFKA_REFUSED) return note_refused(redrive, index, action);
    return note_delivered(redrive, index, action);
}

/* False: the fault of the session is set, and nothing more is tried. The record is read first: what is gone is not even begun. */
static bool redrive_one(struct redrive *redrive, size_t index)
{
    struct session *session = redrive->choice.session;
    struct kafka_position at;
    struct fault fault = {0};
    choice_place(&redrive->choice, index, &at);
    struct dead_letter_record *read = dead_letter_record_read(session, &at, &fault);
    if (read == NULL) {
        if (fault.kind == FAULT_REJECT) return choice_note(&redrive->choice, index, CHOICE_GONE, NULL, fault.text);
        session->fault = fault;
        return false;
    }
    bool is_good = send_one(redrive, index, &at, dead_letter_record_of(read));
    dead_letter_record_free(read);
    return is_good;
}

/* ---- all of them ---- */

/* Nothing is begun with an absent broker: what was begun and not reported stays redriving. */
static bool broker_answers(struct session *session)
{
    int32_t partitions[TOPIC_KINDS];
    struct kafka_admin *admin = kafka_admin_new(session->config, &session->fault);
    bool is_good = admin != NULL && kafka_admin_partitions(admin, SESSION_BROKER_TIMEOUT_MS, partitions, &session->fault);
    kafka_admin_free(admin);
    return is_good;
}

static bool open_kafka(struct redrive *redrive)
{
    struct session *session = redrive->choice.session;
    if (!redrive->choice.is_execute) return true;
    if (!broker_answers(session)) return false;
    redrive->producer = kafka_producer_new(session->config, delivered, redrive, &session->fault);
    return redrive->producer != NULL;
}

/* One record at a time: each has arrived before the next is sent, so their order stays, and at most one is in doubt after a crash. */
static void redrive_all(struct session *session)
{
    static const char *const states[] = {"open", NULL}, *const states_again[] = {"open", "redriving", "redriven", NULL};
    struct redrive redrive = {0};
    bool is_again = config_switch(session->config, "again");
    if (choice_make(&redrive.choice, session, is_again ? &verb_again : &verb, is_again ? states_again : states)) {
        bool is_good = redrive.choice.count == 0 || open_kafka(&redrive);
        for (size_t i = 0; is_good && i < redrive.choice.count; i++) is_good = redrive_one(&redrive, i);
        choice_report(&redrive.choice);
    }
    choice_free(&redrive.choice);
    kafka_producer_free(redrive.producer);
}

int dead_letter_redrive_run(const struct config *config)
{
    struct session session;
    session_begin(&session, config);
    if (choice_check(&session) && session_open(&session)) redrive_all(&session);
    return session_close(&session);
}
