#include "ops/cuts.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

static bool partitions_ask(struct session *session, int32_t partitions[TOPIC_KINDS])
{
    struct kafka_admin *admin = kafka_admin_new(session->config, &session->fault);
    bool is_good = admin != NULL && kafka_admin_partitions(admin, SESSION_BROKER_TIMEOUT_MS, partitions, &session->fault);
    kafka_admin_free(admin);
    return is_good;
}

static bool list_make(struct cuts *cuts, struct session *session, int kinds)
{
    int32_t partitions[TOPIC_KINDS];
    size_t total = 0;
    if (!partitions_ask(session, partitions)) return false;
    for (int kind = 0; kind < kinds; kind++) total += (size_t)partitions[kind];
    cuts->list = calloc(total + 1, sizeof *cuts->list);
    if (cuts->list == NULL)
        return fault_set(&session->fault, FAULT_RETRY, EX_OSERR, "memory-out",
                         language_pick("内存不足", "out of memory for the partitions"));
    for (int kind = 0; kind < kinds; kind++)
        for (int32_t partition = 0; partition < partitions[kind]; partition++)
            cuts->list[cuts->count++] = (struct cut){.topic = (enum topic_kind)kind, .partition = partition};
    return true;
}

bool cuts_find(struct cuts *cuts, struct session *session, int kinds, int64_t moment_ms)
{
    struct fault *fault = &session->fault;
    if (!list_make(cuts, session, kinds)) return false;
    struct kafka_reader *reader = kafka_reader_new(session->config, fault);
    bool is_good = reader != NULL;
    for (size_t i = 0; is_good && i < cuts->count; i++) {
        struct cut *cut = &cuts->list[i];
        int64_t end;
        is_good = kafka_reader_bounds(reader, cut->topic, cut->partition, SESSION_BROKER_TIMEOUT_MS, &cut->first, &end, fault) &&
                  kafka_reader_offset_at(reader, cut->topic, cut->partition, moment_ms, SESSION_BROKER_TIMEOUT_MS, &cut->before, fault);
    }
    kafka_reader_free(reader);
    return is_good;
}

bool cuts_find_uncommitted(struct cuts *cuts, struct session *session, int64_t moment_ms)
{
    struct fault *fault = &session->fault;
    if (!list_make(cuts, session, TOPIC_INPUTS)) return false;
    struct kafka_reader *all = kafka_reader_new_uncommitted(session->config, fault);
    struct kafka_reader *stable = all != NULL ? kafka_reader_new(session->config, fault) : NULL;
    bool is_good = stable != NULL;
    for (size_t i = 0; is_good && i < cuts->count; i++) {
        struct cut *cut = &cuts->list[i];
        /* The stable end first: what is committed between the two questions is asked for by the second. */
        is_good = kafka_reader_bounds(stable, cut->topic, cut->partition, SESSION_BROKER_TIMEOUT_MS, &cut->first, &cut->stable, fault) &&
                  kafka_reader_offset_at(all, cut->topic, cut->partition, moment_ms, SESSION_BROKER_TIMEOUT_MS, &cut->before, fault);
    }
    kafka_reader_free(stable);
    kafka_reader_free(all);
    return is_good;
}

void cuts_add(const struct cuts *cuts, struct database_query *query)
{
    size_t inputs = 0;
    while (inputs < cuts->count && (int)cuts->list[inputs].topic < TOPIC_INPUTS) inputs++;
    query_text_array(query);
    for (size_t i = 0; i < inputs; i++) {
        const char *name = topic_kind_name(cuts->list[i].topic);
        query_add_text(query, name, strlen(name));
    }
    query_int4_array(query);
    for (size_t i = 0; i < inputs; i++) query_add_int4(query, cuts->list[i].partition);
    query_int8_array(query);
    for (size_t i = 0; i < inputs; i++) query_add_int8(query, cuts->list[i].before);
}

void cuts_add_stable(const struct cuts *cuts, struct database_query *query)
{
    query_int8_array(query);
    for (size_t i = 0; i < cuts->count; i++) query_add_int8(query, cuts->list[i].stable);
}

void cuts_free(struct cuts *cuts)
{
    free(cuts->list);
    *cuts = (struct cuts){0};
}
