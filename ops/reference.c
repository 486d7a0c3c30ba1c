#include "ops/reference.h"

#include <stdio.h>
#include <string.h>

enum { COPY_SQL_BYTES_MAX = 512 };

const struct reference_section reference_sections[] = {
    {"failure_reason", "reason, zh, en", "failure_reason", "failure_reason", false},
    {"campaign", "year, opens_ms, closes_ms, salt, purge_until_ms, purged_ms", "campaign_term", "campaign_term", false},
    {"reviewer", "reviewer, superior, name, valid_from_ms, valid_until_ms", "reviewer_term", "reviewer_term", false},
    {"unit", "unit, created_ms, name, credit_code, address, contact_name, contact_mobile, loaded, loaded_ms", "reference_unit_profile",
     "unit_profile", false},
    {"superior", "unit, superior, valid_from_ms, valid_until_ms", "unit_superior", "unit_superior", false},
    {"membership",
     "enrolment, unit, member_no, id_key, id_code, name, gender, id_type, id_number, id_valid_until, mobile, enrolled_ms, valid_from_ms, "
     "valid_until_ms",
     "reference_membership", "membership", false},
    {"unit_limit", "unit, kind, most, valid_from_ms, valid_until_ms", "reference_unit_limit", "engine.unit_limit", false},
    {"partition", "topic, partition, next_offset, records, purged_before, purged_records", "reference_partition", "kafka_partition", false},
    {"event", "unit, year, topic, source, event_id, content_sha256, partition, record_offset", "reference_event", "event", false},
    {"unit_review", "unit, year, source, event_id, submitted_by, profile, append_ms, verdict, code", "reference_unit_review", "unit_review",
     false},
    {"submission",
     "submission_key, unit, year, submission, source, unit_review, mode, submitted_by, chunks, entries_total, received, completed_offset, "
     "completed_ms, completed_by, state, code, error_total, digest, listed, passed, failed, decided_ms",
     "reference_submission", "submission", false},
    {"chunk",
     "submission_key, chunk, record_offset, append_ms, event_id, content_sha256, in_campaign, failed_count, passed_count, first_key, "
     "last_key, unsorted_list, unsorted_index, error_count",
     "reference_chunk", "chunk", false},
    {"decision",
     "unit, year, source, event_id, submission, record_offset, append_ms, kind, digest, superior, reviewer, submitted_by, comment, "
     "verdict, "
     "code",
     "reference_decision", "decision", false},
    {"dead_letter_action", "action_id, topic, partition, record_offset, action, at_ms, who, reason, new_partition, new_offset, resume_id",
     "dead_letter_action", "dead_letter_action", true},
    {"partition_resume", "resume_id, topic, partition, at_ms, who, reason, halted, next_before, next_after, superseded", "partition_resume",
     "partition_resume", true},
    {"audit", "audit, at_ms, who, action, unit, detail", "audit_log", "audit_log", true},
    {.name = NULL},
};

bool reference_read(struct database *from, const struct reference_section *section, struct fault *fault)
{
    char sql[COPY_SQL_BYTES_MAX];
    (void)snprintf(sql, sizeof sql, "COPY (SELECT %s FROM nianshen.%s) TO STDOUT", section->columns, section->source);
    return database_copy_start(from, sql, fault);
}

bool reference_fill(struct database *to, const struct reference_section *section, struct fault *fault)
{
    char sql[COPY_SQL_BYTES_MAX];
    bool is_engine = strncmp(section->target, "engine.", strlen("engine.")) == 0;
    (void)snprintf(sql, sizeof sql, "COPY nianshen%c%s (%s) FROM STDIN", is_engine ? '_' : '.', section->target, section->columns);
    return database_copy_start(to, sql, fault);
}

bool reference_copy(struct database *from, struct database *to, const struct reference_section *section, struct fault *fault)
{
    const char *line;
    size_t bytes;
    if (!reference_read(from, section, fault) || !reference_fill(to, section, fault)) return false;
    for (;;) {
        if (!database_copy_read(from, &line, &bytes, fault)) return false;
        if (bytes == 0) return database_copy_end(to, fault);
        if (!database_copy_lines(to, line, bytes, fault)) return false;
    }
}

bool reference_restore_begin(struct database *to, struct fault *fault)
{
    return database_run_script(to,
                               "BEGIN; SET LOCAL ROLE nianshen_owner; SET LOCAL lock_timeout = '10s'; "
                               "SET LOCAL maintenance_work_mem = '256MB'; "
                               "SELECT nianshen.reference_restore_start(); SELECT nianshen.membership_strip()",
                               fault);
}

bool reference_restore_end(struct database *to, struct fault *fault)
{
    return database_run_script(to,
                               "SELECT nianshen.membership_complete(); SELECT nianshen.reference_restore_end(); "
                               "ANALYZE nianshen.unit_profile, nianshen.unit_superior, nianshen.membership, nianshen.event",
                               fault);
}
