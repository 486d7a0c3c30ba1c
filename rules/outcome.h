/*
 * Outcomes: the system's answers. Their bodies are compact JSON with a fixed order of fields, so that every rebuild sends the same bytes:
 *
 * - unit-review.accepted: unit, year, unit_review, warnings (each code, field, zh, en; by code)
 * - unit-review.rejected: unit, year, unit_review, errors (each code, field, zh, en)
 * - member-review.waiting: unit, year, submission, code, zh, en, behind (null unless the code is behind-earlier)
 * - member-review.pending: unit, year, submission, unit_review, mode, digest, listed, passed, failed, reasons, warnings_total, warnings
 * - member-review.rejected: unit, year, submission, code, zh, en, errors_total, errors
 * - member-review.completed: unit, year, submission, decision, listed, passed, removed, removed_total, already_gone
 * - member-review.closed: unit, year, submission, decision, how, comment
 * - decision.rejected: unit, year, submission, decision, kind, code, zh, en
 * - decision.waiting: unit, year, submission, decision, code, zh, en
 * - event.refused: unit, code, zh, en, topic, partition, offset, ce_id
 *
 * Counts by reason are in the order of the reasons' bytes. An entry of warnings and errors of a member review has chunk, list, index, code,
 * id_number, member_no, position, expected, zh, en.
 *
 * The id is the first half of the SHA-256 over topic, unit, year, source, id of the judged event and the outcome's type, each on a line of
 * its own; of event.refused over topic, unit, partition, offset and type. Private to rules/. All return false when the arena is full.
 */
#ifndef NIANSHEN_RULES_OUTCOME_H
#define NIANSHEN_RULES_OUTCOME_H

#include "rules/desk.h"

bool outcome_unit_review(struct desk *desk, const struct unit_review *unit_review, const struct event *event);
bool outcome_waiting(struct desk *desk, const struct submission *submission,
                     const struct submission *behind); /* NULL: the unit review is missing */
bool outcome_pending(struct desk *desk, const struct submission *submission);
bool outcome_rejected(struct desk *desk, const struct submission *submission);
bool outcome_completed(struct desk *desk, const struct submission *submission, const struct decision *decision);
bool outcome_closed(struct desk *desk, const struct decision *decision);
bool outcome_decision_rejected(struct desk *desk, const struct decision *decision);
bool outcome_decision_waiting(struct desk *desk, const struct decision *decision);
bool outcome_event_refused(struct desk *desk, const struct review_event *event);

#endif
