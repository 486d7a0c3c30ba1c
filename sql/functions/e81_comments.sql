-- What each view and each of its columns says, as psql's \d+ shows it: "view.column text", one a line; columns that several views have in common
-- are told once, as ".column text". A view without a comment, or a column, fails the migration.

DO $do$
DECLARE
    told text[] := ARRAY(SELECT l FROM regexp_split_to_table($told$
unit A grassroots union with its profile and its direct superior as they are now.
member The roster as it is now. Whoever an approval removed is not in it, from the moment of the approval on.
member.enrolment The membership, from joining to removal; whoever joins again gets another one.
member.name Name; null when the roster has none.
removed_member Members that approvals removed: the last version of each membership, why, and by which decision.
removed_member.enrolment The membership that was removed, from joining to removal.
removed_member.name Name; null when the roster has none.
removed_member.reason Why, a code of failure_reason.
removed_member.submission The submission that listed the member as failing.
removed_member.decision The ce_id of the approval.
removed_member.decision_source The ce_source of the approval.
due_removal Removals whose rows are not moved to the archive yet; internal.
due_removal.place Place among the failing entries, from 1.
due_removal.enrolment The membership that is removed.
due_removal.decision The ce_id of the approval.
due_removal.decision_source The ce_source of the approval.
due_removal.reason Why, a code of failure_reason.
member_version All versions of all memberships, those of removed members among them; internal.
member_version.name Name; null when the roster has none.
member_version.enrolment The membership that it is a version of.
campaign One year's review with its opening and its closing.
campaign.state announced, open, closed, purging or purged.
reviewer Who may decide for which superior union now.
reviewer.name Name of the reviewer.
reviewer.reviewer Code of the reviewer, as decisions name it.
reviewer.superior The superior union whose units the reviewer decides on.
reviewer.since_ms When the registration began.
reviewer.since_at When the registration began.
review_status One row a submission: its state, its counts and, once it is decided, by whom.
review_status.state receiving, waiting, pending, rejected, returned, withdrawn or approved.
review_status.code Why it was rejected.
review_status.digest What a decision must quote: the digest of what the reviewer sees.
review_status.comment The comment of the decision that settled it.
review_status.reviewer The reviewer of the decision that settled it.
review_detail What the superior sees: one row a failing member, as the roster stood when the submission was complete; numbers masked.
review_detail.name Name then; null when the roster has none.
review_detail.place Place among the failing entries, from 1: ascending by ID number.
review_detail.age Age in years on the day when the submission was complete, by the ID number.
review_detail.reason Why the member fails, a code of failure_reason.
review_detail.warnings Codes of what is worth a look in this entry.
review_profile The changes of the unit's profile that come with a submission, mobiles masked.
review_profile.field Which field changes.
review_profile.old_value The value before it; null when there was none or it is not known any more.
review_profile.new_value The value that it brings.
review_finding What is wrong with the rows of a refused submission, else what is worth a look; the first 1000.
review_finding.place Order of the findings, from 1.
review_finding.is_error True: the submission was refused for it. False: a warning.
review_finding.chunk The chunk; null: of the submission as a whole.
review_finding.list failed or passed.
review_finding.index Place of the entry in that list of the chunk, from 0.
review_finding.code What is wrong.
review_finding.position At which character of the number.
review_finding.expected Which character belongs there.
review_finding.zh In words, Chinese.
review_finding.en In words, English.
review_decision All decisions on submissions, also refused ones.
review_decision.code Why it was refused.
review_decision.verdict waiting, accepted or rejected.
review_decision.digest The digest as the decision quotes it.
review_decision.superior The superior union that it names; null of a withdrawal.
review_decision.reviewer The reviewer that it names; null of a withdrawal.
review_decision.submitted_by Who withdraws; null of other decisions.
waiting_decision Decisions that wait for a submission of which nothing has arrived: too early, or a slip of the pen.
waiting_decision.superior The superior union that it names; null of a withdrawal.
waiting_decision.reviewer The reviewer that it names; null of a withdrawal.
waiting_decision.submitted_by Who withdraws; null of other decisions.
waiting_decision.unit_superior The unit's direct superior now.
campaign_progress How far the units of each superior union are, one row a superior and year. Each unit counts once.
campaign_progress.superior The direct superior now; null: units that have none.
campaign_progress.units Units that were there before the campaign closed.
campaign_progress.not_begun Units without any submission.
campaign_progress.receiving Units of whose submission chunks are missing.
campaign_progress.waiting Units whose submission is complete and waits, for its unit review or behind another.
campaign_progress.pending Units whose submission waits for the superior.
campaign_progress.rejected Units whose last submission was refused.
campaign_progress.returned Units whose last submission was returned.
campaign_progress.withdrawn Units whose last submission was withdrawn.
campaign_progress.approved Units that are done.
campaign_progress.removed_total Members that approvals removed; 0 of a purged year.
campaign_progress.removed_by_reason The same by reason: {"retired": 3}.
dead_letter Records that cannot be attributed or break the contract.
dead_letter.code What is wrong with the record.
dead_letter.text The same in words.
dead_letter.state open, redriving, redriven or discarded.
dead_letter.unit The record's key, when it is a printable name.
dead_letter.year The year, where it could be read.
dead_letter.state_ms When that state began.
dead_letter.state_at When that state began.
dead_letter.is_published It stands in the topic dead-letter.
dead_letter.has_record Its key, value and headers are still kept here.
dead_letter_history Each thing that operators did about dead letters.
dead_letter_history.action_id Number of the action, ascending.
dead_letter_history.state redriving (begun, its end is not known), redriven, refused or discarded.
held Units whose records are kept aside, since one of them could not be applied.
held.records Records that are held.
held.since_ms Since when.
held.since_at Since when.
held.released_ms When an operator released it: its records are applied soon.
held.released_at When an operator released it.
outbox_waiting Micro-batches whose outcomes and dead letters Kafka has not acknowledged yet.
outbox_waiting.batch Order of publication within the partition.
outbox_waiting.outcome_bytes Size of the outcomes, packed.
outbox_waiting.dead_letters Number of dead letters.
outbox_waiting.stored_ms When they were stored, by the database's clock.
outbox_waiting.stored_at When they were stored, by the database's clock.
outbox_waiting.partition The partition number, of all three input topics.
partition_status Where the database stands in each partition of the input topics.
partition_status.next_offset The next offset to read: all before it is accounted for.
partition_status.end_offset Null: only the broker knows it.
partition_status.lag Null: only the broker knows it.
partition_status.owner The worker that owns the partition.
partition_status.epoch Number of its claim.
partition_status.claimed_ms When it was claimed.
partition_status.claimed_at When it was claimed.
partition_status.halted Why it stands still; null: it does not.
partition_status.outbox_waiting Micro-batches of this partition number, of all three topics, that wait to be published.
partition_status.moved_ms When it moved last, by the database's clock.
partition_status.moved_at When it moved last, by the database's clock.
partition_status.last_offset The last record that was read; null: none is known.
partition_status.last_append_ms When that record was appended.
partition_status.last_appended_at When that record was appended.
partition_resumption Each resumption of a halted partition, and what was given up by it.
partition_resumption.resume_id Number of the resumption, ascending.
partition_resumption.halted Why it had stood still.
partition_resumption.next_before The next offset before it.
partition_resumption.next_after The next offset after it. Higher: what is between was never read. Lower: other records have these places now.
partition_resumption.superseded How many records had been read of what other records have the places of now.
.unit The unit's code.
.unit_name The unit's name.
.name Name of the unit.
.superior Code of the unit's direct superior union now.
.credit_code Unified social credit code.
.address Address.
.contact_name Name of the contact.
.contact_mobile Mobile of the contact.
.created_at When it was loaded first.
.member_no Number of the member within the unit.
.gender M or F.
.id_type resident, hmt-permit, foreigner or other.
.id_number The ID number in full, as loaded.
.id_number_masked The ID number, masked.
.id_valid_until Until when the document is valid, as loaded.
.mobile Mobile number.
.mobile_masked Mobile number, masked.
.id_key The normalised ID number, or the trimmed text of a malformed one.
.id_code Why the number is malformed.
.enrolled_ms When the membership began.
.enrolled_at When the membership began.
.valid_from_ms When this version of the membership began.
.valid_until_ms When this version of the membership ended.
.year Year of the campaign.
.submission The submission, as its unit names it.
.reason Why.
.reason_zh The reason in Chinese.
.reason_en The reason in English.
.removed_ms When: the approval's append time.
.removed_at When: the approval's append time.
.opens_ms When it opens.
.opens_at When it opens.
.closes_ms When it closes; null: no end is set.
.closes_at When it closes; null: no end is set.
.purged_ms When the year was purged of what it said of persons.
.purged_at When the year was purged of what it said of persons.
.listed Members that were reviewed.
.passed Members that pass.
.failed Members that fail.
.decided_at When it was settled: the append time of what settled it.
.decided_ms When it was settled: the append time of what settled it.
.submitted_by Who submitted it.
.mode list: each member with a result. import: only those who fail.
.unit_review The ce_id of the unit review that it belongs to.
.received Chunks that are there.
.chunks Chunks that it has.
.entries_total Entries that it announced.
.errors_total Errors in its rows.
.warnings_total Warnings in its rows.
.first_at Append time of its first chunk.
.completed_ms Append time of the chunk that completed it.
.completed_at Append time of the chunk that completed it.
.source The ce_source of the event.
.event_id The ce_id of the event.
.kind approved, returned or withdrawn.
.comment Comment of the decision.
.append_ms When the record was appended, by the broker's clock.
.appended_at When the record was appended, by the broker's clock.
.topic unit-review, member-review or approval.
.partition The partition number.
.record_offset Offset of the record.
.at_ms When it was done.
.at When it was done.
.who Who did it: a login of the database.
.new_partition The partition where the record was published again.
.new_offset The offset where the record was published again.
.halted_ms Since when it stands still.
.halted_at Since when it stands still.
.purged_before Records before this offset are deleted on purpose: their campaign is purged.
$told$, E'\n') AS l WHERE l <> '');
    v record;
    line text;
BEGIN
    FOR v IN SELECT c.relname AS view, a.attname AS "column"
             FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
             WHERE c.relnamespace = 'nianshen_next'::regnamespace AND c.relkind = 'v'
                 AND EXISTS (SELECT FROM unnest(told) t WHERE split_part(t, ' ', 1) = c.relname)
             UNION ALL
             SELECT DISTINCT split_part(t, ' ', 1), NULL::name FROM unnest(told) t WHERE split_part(t, ' ', 1) NOT LIKE '%.%' LOOP
        line := coalesce((SELECT t FROM unnest(told) t WHERE split_part(t, ' ', 1) = concat_ws('.', v.view, v."column")),
                         (SELECT t FROM unnest(told) t WHERE split_part(t, ' ', 1) = '.' || v."column"));
        IF line IS NULL THEN
            RAISE EXCEPTION 'sql/functions/81_comments.sql says nothing of %.%', v.view, v."column";
        END IF;
        EXECUTE format('COMMENT ON %s IS %L', CASE WHEN v."column" IS NULL THEN format('VIEW nianshen_next.%I', v.view)
                                                   ELSE format('COLUMN nianshen_next.%I.%I', v.view, v."column") END, substr(line, strpos(line, ' ') + 1));
    END LOOP;
END
$do$;
