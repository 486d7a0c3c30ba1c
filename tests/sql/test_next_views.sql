-- What people read of the review engine's tables.
\ir support_next.psql
SELECT no_plan();

-- Every view and column says what it is.
SELECT is((SELECT string_agg(c.relname || coalesce('.' || a.attname, ''), ' ' ORDER BY 1)
           FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
           WHERE c.relnamespace = 'nianshen_next'::regnamespace AND c.relkind = 'v' AND has_table_privilege('nianshen_ops', c.oid, 'SELECT')
               AND c.relname NOT LIKE 'violation%'
               AND (obj_description(c.oid, 'pg_class') IS NULL OR col_description(c.oid, a.attnum) IS NULL)), NULL, 'each view and column has a comment');
SELECT is((SELECT string_agg(c.relname || '.' || a.attname, ' ')
           FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
           WHERE c.relnamespace = 'nianshen_next'::regnamespace AND c.relkind = 'v' AND a.attname LIKE '%\_at' AND a.atttypid <> 'timestamptz'::regtype), NULL,
          'moments for people are timestamptz');
-- The first edition's columns are all there, but for those of what is no longer kept.
SELECT is((SELECT string_agg(o.relname || '.' || a.attname, ' ' ORDER BY 1)
           FROM pg_class o JOIN pg_attribute a ON a.attrelid = o.oid AND a.attnum > 0
           JOIN pg_class n ON n.relname = o.relname AND n.relnamespace = 'nianshen_next'::regnamespace
           WHERE o.relnamespace = 'nianshen'::regnamespace AND o.relkind IN ('v', 'r') AND o.relname NOT LIKE 'violation%'
               AND o.relname NOT IN ('outbox_waiting', 'invariant', 'decision_flaw')
               AND NOT EXISTS (SELECT FROM pg_attribute b WHERE b.attrelid = n.oid AND b.attname = a.attname)),
          'dead_letter.published_ms', 'no column got lost but the time of publication');

SELECT pg_temp.unit_review('r1', p_address => 'Street 1', p_mobile => '13900000000') AS ok \gset
SELECT pg_temp.unit_review('r2', p_unit => 'U2') AS ok \gset
SELECT pg_temp.submission('s0', '{101}', p_state => 'rejected', p_code => 'row-errors',
    p_findings => '[{"chunk": 1, "list": "failed", "index": 0, "code": "not-on-roster", "id_number": "211***0101", "member_no": null, "position": null, "expected": null, "zh": "不在名册", "en": "not on the roster"}]') AS ok \gset
SELECT pg_temp.submission('s1', '{101,103}', p_chunks => 2, p_warnings => ARRAY['name-differs,id-region', NULL]) AS ok \gset
SELECT pg_temp.submission('s2', '{102}', p_state => 'waiting') AS ok \gset

-- ---- before the approval ----
SELECT is((SELECT string_agg(concat_ws(' ', submission, state, code, listed, passed, failed), ', ' ORDER BY submission) FROM review_status),
          's0 rejected row-errors 6 5 1, s1 pending 6 4 2, s2 waiting 6 5 1', 'one row a submission');
SELECT is((SELECT concat_ws('|', superior, unit_name, mode, received, chunks, source, completed_at = to_timestamp(completed_ms / 1000.0)) FROM review_status WHERE submission = 's1'),
          'S1|first|import|2|2|upstream|t', 'with whose it is');
SELECT matches((SELECT digest FROM review_status WHERE submission = 's1'), '^sha256:[0-9a-f]{64}$', 'with the digest that a decision quotes');
SELECT is((SELECT string_agg(concat_ws('|', place, member_no, name, id_number_masked, mobile_masked, reason, reason_zh, array_to_string(warnings, '+')), ', ' ORDER BY place)
           FROM review_detail WHERE submission = 's1'),
          '1|01|会员1|211***********0101|181****8457|retired|退休|name-differs+id-region, 2|03|会员3|211***********0103|181****8457|left|离职|', 'one row a failing member, masked');
SELECT is((SELECT string_agg(concat_ws('|', place, chunk, list, index, code, id_number_masked, is_error, zh, en), ',') FROM review_finding WHERE submission = 's0'),
          '1|1|failed|0|not-on-roster|211***0101|t|不在名册|not on the roster', 'what is wrong with its rows');
SELECT is((SELECT string_agg(concat_ws('|', field, coalesce(old_value, '-'), new_value), ', ' ORDER BY field) FROM review_profile WHERE submission = 's1'),
          'address|-|Street 1, contact_mobile|181****8457|139****0000', 'what changes of the profile');
SELECT is((SELECT count(*) FROM member WHERE unit = 'U1'), 6::bigint, 'all are members');
SELECT is((SELECT concat_ws(' ', units, not_begun, pending, approved, removed_total, removed_by_reason) FROM campaign_progress WHERE superior = 'S1'), '1 0 1 0 0 {}',
          'a unit stands where its furthest submission does');
SELECT is((SELECT concat_ws(' ', units, not_begun) FROM campaign_progress WHERE superior = 'S2'), '1 1', 'one without any has not begun');

-- The roster as it stood when the submission was complete: what is corrected afterwards is not what the reviewer saw.
UPDATE nianshen.membership SET valid_until_ms = pg_temp.tick() WHERE enrolment = 103;
INSERT INTO nianshen.membership (enrolment, unit, member_no, id_key, id_number, name, enrolled_ms, valid_from_ms, valid_until_ms)
VALUES (103, 'U1', '03', '211011196605229999', '211011196605229999', '改名', 0, pg_temp.now_ms(), nianshen.forever_ms());
SELECT is((SELECT name || id_number_masked FROM review_detail WHERE submission = 's1' AND place = 2), '会员3211***********0103', 'name and number are those of then');
DELETE FROM nianshen.membership WHERE enrolment = 103 AND valid_until_ms = nianshen.forever_ms();
UPDATE nianshen.membership SET valid_until_ms = nianshen.forever_ms() WHERE enrolment = 103;

-- ---- an approval removes at once ----
SELECT pg_temp.decision('d0', 'approved', 's1', p_verdict => 'rejected', p_code => 'stale-digest') AS ok \gset
SELECT pg_temp.decision('d1', 'approved', 's1', p_comment => 'fine') AS ok \gset
UPDATE nianshen_engine.submission SET state = 'rejected', code = 'already-reviewed', decided_ms = pg_temp.now_ms() WHERE submission = 's2';
SELECT is((SELECT string_agg(member_no, ' ' ORDER BY member_no) FROM member WHERE unit = 'U1'), '02 04 05 06', 'who was removed is no member');
SELECT is((SELECT count(*) FROM member), 7::bigint, 'nor among all');
SELECT is((SELECT string_agg(concat_ws('|', member_no, reason, submission, decision, removed_at = to_timestamp(removed_ms / 1000.0), valid_until_ms = removed_ms), ', ' ORDER BY member_no) FROM removed_member WHERE unit = 'U1'),
          '01|retired|s1|d1|t|t, 03|left|s1|d1|t|t', 'but a removed one, with why');
CREATE TEMP TABLE removed_before AS SELECT * FROM removed_member;
SELECT is((SELECT concat_ws('|', state, comment, reviewer, decided_at = to_timestamp(decided_ms / 1000.0)) FROM review_status WHERE submission = 's1'), 'approved|fine|R1|t', 'the status names the decision');
SELECT is((SELECT string_agg(concat_ws(' ', event_id, kind, verdict, code, comment), ', ' ORDER BY event_id) FROM review_decision WHERE submission = 's1'),
          'd0 approved rejected stale-digest, d1 approved accepted fine', 'all decisions are listed');
SELECT is((SELECT string_agg(concat_ws('|', field, coalesce(old_value, '-'), new_value), ', ' ORDER BY field) FROM review_profile WHERE submission = 's1'),
          'address|-|Street 1, contact_mobile|181****8457|139****0000', 'old values are known after the approval, too');
SELECT is((SELECT concat_ws(' ', approved, pending, removed_total, removed_by_reason) FROM campaign_progress WHERE superior = 'S1'), '1 0 2 {"left": 1, "retired": 1}', 'progress');
SELECT is((SELECT count(*) FROM review_detail WHERE submission = 's1'), 2::bigint, 'the detail stays');

-- ---- moved in parts, nothing changes for a reader ----
SELECT nianshen_engine.settle('{0}', 1) AS moved \gset
SELECT is((SELECT count(*) FROM archive), 1::bigint, 'one is moved');
SELECT is((SELECT concat_ws(' ', approvals, members) FROM settle_due()), '1 1', 'one is due');
SELECT set_eq('SELECT * FROM removed_member', 'SELECT * FROM removed_before', 'the removed are the same');
SELECT is((SELECT string_agg(member_no, ' ' ORDER BY member_no) FROM member WHERE unit = 'U1'), '02 04 05 06', 'so are the members');
SELECT cmp_ok(pg_temp.settle(1), '>', 0, 'the rest');
SELECT is((SELECT count(*) FROM removal_due), 0::bigint, 'nothing is due');
SELECT set_eq('SELECT * FROM removed_member', 'SELECT * FROM removed_before', 'the removed are still the same');
SELECT is((SELECT count(*) FROM review_detail WHERE submission = 's1' AND name IS NOT NULL), 2::bigint, 'the detail shows archived members');
SELECT is(nianshen_next.settle(10), 0::bigint, 'settling again does nothing');

-- Somebody who joins again is a member.
INSERT INTO nianshen.membership (enrolment, unit, member_no, id_key, id_number, enrolled_ms, valid_from_ms, valid_until_ms)
SELECT 901, unit, member_no, id_key, id_number, pg_temp.tick(), pg_temp.now_ms(), nianshen.forever_ms() FROM archive WHERE enrolment = 101;
SELECT is((SELECT count(*) FROM member WHERE unit = 'U1' AND member_no = '01'), 1::bigint, 'a removed person who joined again is a member');

-- ---- decisions on what nobody knows ----
SELECT pg_temp.decision('d7', 'returned', 's7', p_verdict => 'waiting') AS ok \gset
SELECT pg_temp.decision('d8', 'withdrawn', 's8', p_unit => 'U2', p_verdict => 'waiting') AS ok \gset
SELECT is((SELECT string_agg(concat_ws(' ', unit, unit_superior, submission, kind, reviewer, submitted_by), ', ' ORDER BY unit) FROM waiting_decision),
          'U1 S1 s7 returned R1, U2 S2 s8 withdrawn clerk', 'decisions that wait for an unknown submission');

-- ---- dead letters, held units, partitions ----
SELECT pg_temp.exception(1, 'dead-letter', 'U9', 'unknown-unit') AS dead \gset
SELECT pg_temp.exception(1, 'held', 'U2') AS held \gset
INSERT INTO held_unit VALUES ('U2', 5000);
INSERT INTO outbox (shard, batch, outcomes, dead_letter_topics, dead_letter_offsets) VALUES (0, 1, '\x00', ARRAY[1], ARRAY[:dead]), (0, 2, '\x0000', NULL, NULL);
SELECT is((SELECT concat_ws('|', topic, partition, unit, code, text, state, is_published, has_record, year) FROM dead_letter), 'member-review|0|U9|unknown-unit|in words|open|f|t|2026', 'a dead letter');
SELECT is((SELECT string_agg(concat_ws(' ', partition, batch, outcome_bytes, dead_letters), ', ' ORDER BY batch) FROM outbox_waiting), '0 1 1 1, 0 2 2 0', 'what waits to be published');
DELETE FROM outbox WHERE batch = 1;
SELECT is((SELECT is_published FROM dead_letter), true, 'which is published when its row is gone');
SELECT is((SELECT concat_ws(' ', unit, since_ms, records) FROM held), 'U2 5000 1', 'a held unit');
INSERT INTO halt VALUES (0, 2, 'made anew', 7000);
SELECT is((SELECT string_agg(concat_ws('|', topic, partition, next_offset, owner, epoch, halted, purged_before, outbox_waiting), ', ' ORDER BY topic) FROM partition_status),
          'approval|0|4|worker|1|made anew|0|1, member-review|0|6|worker|1|0|1, unit-review|0|2|worker|1|0|1', 'where the partitions stand');
INSERT INTO shard VALUES (1, 1, 'other', 1, now(), 1);
INSERT INTO purged VALUES (1, 0, 40);
SELECT is((SELECT string_agg(next_offset::text, ' ' ORDER BY topic) FROM partition_status WHERE partition = 1), '0 0 40', 'one that was not read begins behind what was purged');
SELECT is((SELECT concat_ws(' ', year, state) FROM campaign), '2026 open', 'the campaign');

-- ---- rights ----
SELECT is((SELECT string_agg(c.relname, ' ' ORDER BY c.relname) FROM pg_class c WHERE c.relnamespace = 'nianshen_next'::regnamespace AND has_table_privilege('nianshen_reviewer', c.oid, 'SELECT')),
          'review_decision review_detail review_finding review_profile review_status', 'a reviewer reads reviews, masked');
SELECT is((SELECT count(*) FROM pg_class c WHERE c.relnamespace IN ('nianshen_next'::regnamespace, 'nianshen_engine'::regnamespace)
               AND has_table_privilege('nianshen_worker', c.oid, 'SELECT')), 0::bigint, 'a worker reads nothing');
SELECT is((SELECT count(*) FROM pg_proc p WHERE p.pronamespace = 'nianshen_next'::regnamespace AND has_function_privilege('nianshen_worker', p.oid, 'EXECUTE')), 0::bigint,
          'and calls none of the operators'' functions');
SET LOCAL ROLE nianshen_reviewer;
SELECT isnt_empty('SELECT * FROM review_status', 'as a reviewer: the status');
SELECT isnt_empty('SELECT * FROM review_detail', 'the detail');
SELECT isnt_empty('SELECT * FROM review_profile', 'the profile');
SELECT throws_ok('SELECT * FROM nianshen_next.member', '42501', NULL, 'no member');
SET LOCAL ROLE nianshen_ops;
SELECT isnt_empty('SELECT * FROM member', 'as an operator: the members');
SELECT isnt_empty('SELECT * FROM dead_letter', 'dead letters');
SELECT isnt_empty('SELECT * FROM partition_status', 'partitions');
SELECT isnt_empty('SELECT * FROM campaign_progress', 'progress');
SELECT throws_ok('SELECT * FROM nianshen_engine.submission', '42501', NULL, 'no table');
SELECT throws_ok('DELETE FROM nianshen_engine.ledger_exception', '42501', NULL, 'least of all to write it');
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;
