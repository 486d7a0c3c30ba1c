/*
 * Plays records through the review engine in memory: JSON lines in, one JSON line out a case. Between two micro-batches it keeps only
 * what a store would keep, so what it prints shows as well that loading in parts suffices.
 *
 * Lines in, each one object:
 *   {"world": WORLD}              replaces the world and forgets the named records
 *   {"records": {NAME: RECORD}}   names records for the cases that follow (added to those named before)
 *   {"case": NAME, "batches": [[RECORD or NAME of one, …], …]}
 *                                 plays the micro-batches from the empty state and prints one line. With "outcomes": false the line has
 *                                 no outcomes.
 *
 * WORLD, all members optional; a time that is null or missing is "always" as from_ms and "for ever" as until_ms:
 *   {"partitions": 1,             of the input topics
 *    "campaigns": [{"year": 2026, "opens_ms": 0, "closes_ms": 9, "salt": "00ff…", "purged": false}],
 *    "reasons": ["retired", "left", "deceased"],                               (this list is the default)
 *    "reviewers": [{"reviewer": "R1", "superior": "S1", "from_ms": 0, "until_ms": null}],
 *    "units": [{"unit": "U1", "created_ms": 0, "held": false,
 *               "superiors": [{"superior": "S1", "from_ms": 0, "until_ms": null}],
 *               "limits": [{"kind": "unit-reviews" | "submissions" | "decisions", "most": 2, "from_ms": 0, "until_ms": null}],
 *               "members": [{"enrolment": 1, "member_no": "M1", "number": "1101…", "name": "王建国", "enrolled_ms": 0, "removed_ms": null}],
 *               "changes": [{"at_ms": 5, "enrolment": 1, "member_no": "M1", "number": "1101…", "name": "王建国"}]}]}
 *   A unit that is not named is unknown. A member belongs to a campaign when enrolled_ms < opens_ms < removed_ms; a later enrolment is
 *   `not-in-campaign`. A change is a correction, from at_ms (included) on. Numbers are normalised as those of entries are.
 *
 * RECORD:
 *   {"topic": "unit-review" | "member-review" | "approval", "partition": 0, "offset": 17, "append_ms": 1000, "key": "U1",
 *    "headers": {"ce_id": "…", …}, "value": the value as JSON, or "value_text": the value's bytes as text}
 *   partition defaults to 0 (or where the key belongs, when the world has several); a missing or null key or value is null.
 *   Shorter, for an event in binary mode: "type", "source" and "id" instead of "headers".
 *
 * A line out:
 *   {"case": NAME,
 *    "fates": [{"topic", "partition", "offset", "fate": "applied" | "duplicate" | "dead-letter" | "held", "code", "text"}]
 *                                 one a record, in the order played; code and text null unless it is a dead letter
 *    "reviews": [{"unit", "year",                                               in the order in which they were first touched
 *        "unit_reviews": [{"source", "id", "offset", "append_ms", "submitted_by", "profile": {…}, "verdict", "code"}],
 *        "submissions": [{"submission", "source", "unit_review", "submitted_by", "mode", "chunks", "entries_total", "received",
 *                         "first_offset", "completed_offset", "completed_ms", "completed_by",     (-1, 0 and null: not complete)
 *                         "state", "code", "digest": "sha256:…" or null, "listed", "passed", "failed", "errors_total", "warnings_total",
 *                         "decided_ms", "row_code", "failing": [{"enrolment", "reason"}]}],     (of valid rows that were judged)
 *        "decisions": [{"source", "id", "submission", "offset", "append_ms", "kind", "verdict", "code", "counted"}],
 *        "repeats": [{"source", "id"}],
 *        "counted": {"unit-reviews", "submissions", "decisions"}, "withdrawals": {source: count},
 *        "removed": [{"submission", "enrolment", "reason"}],
 *        "profile": null or {"at_ms", "name", "credit_code", "address", "contact_name", "contact_mobile"}}],
 *    "outcomes": [{"batch", "unit", "topic", "partition", "type", "id", "causation", "time_ms", "body": {…}}]}
 *   `listed`, `passed`, `failed` are 0 where nothing is to be told (rejected, withdrawn). A line that cannot be played ends the program
 *   with exit 65 and the reason on standard error.
 */
