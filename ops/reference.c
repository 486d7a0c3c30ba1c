#include "ops/reference.h"

#include <stdio.h>

enum { COPY_SQL_BYTES_MAX = 512 };

const struct reference_section reference_sections[] = {
    {"failure_reason", "reason, zh, en", "failure_reason", "failure_reason", false},
    {"campaign", "year, opens_ms, closes_ms, salt", "campaign_term", "campaign_term", false},
    {"reviewer", "reviewer, superior, name, valid_from_ms, valid_until_ms", "reviewer_term", "reviewer_term", false},
    {"unit", "unit, created_ms, name, credit_code, address, contact_name, contact_mobile, loaded, loaded_ms", "reference_unit_profile",
     "unit_profile", false},
    {"superior", "unit, superior, valid_from_ms, valid_until_ms", "unit_superior", "unit_superior", false},
    {"membership",
     "enrolment, unit, member_no, id_key, id_code, name, gender, id_type, id_number, id_valid_until, mobile, enrolled_ms, valid_from_ms, "
     "valid_until_ms",
     "reference_membership", "membership", false},
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
    (void)snprintf(sql, sizeof sql, "COPY nianshen.%s (%s) FROM STDIN", section->target, section->columns);
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
                               "SELECT nianshen.reference_restore_start()",
                               fault);
}

bool reference_restore_end(struct database *to, struct fault *fault)
{
    return database_run_script(to,
                               "SELECT nianshen.reference_restore_end(); "
                               "ANALYZE nianshen.unit_profile, nianshen.unit_superior, nianshen.membership; COMMIT",
                               fault);
}
