-- Positions move exactly once: only for the owner's epoch, only from the expected offset.
\ir support.psql
SELECT no_plan();
SELECT pg_temp.feed(pg_temp.unit_review('r1')) AS fed \gset

SELECT throws_ok($$SELECT position_move('{unit-review}', '{0}', '{1}', '{0}', '{2}', '{2}', '{1}', '{1}', '{NULL}', '{0}')$$, 'NS001', NULL,
                 'a repeat of a micro-batch is fenced');
SELECT is((SELECT epoch FROM claim('{unit-review}', '{0}', 'next')), 2::bigint, 'a takeover raises the epoch');
SELECT throws_ok($$SELECT position_move('{unit-review}', '{0}', '{1}', '{1}', '{2}', '{2}', '{1}', '{1}', '{NULL}', '{0}')$$, 'NS001', NULL,
                 'the last owner is fenced');
SELECT lives_ok($$SELECT position_move('{unit-review}', '{0}', '{2}', '{1}', '{3}', '{3}', '{NULL}', '{NULL}', '{NULL}', '{0}')$$,
                'the new owner moves on, also without a record');
SELECT is((SELECT next_offset || ' ' || last_offset FROM kafka_partition WHERE topic = 'unit-review'), '3 0', 'the last record is kept');
SELECT throws_ok($$SELECT position_move('{unit-review,approval}', '{0,0}', '{2,1}', '{3,0}', '{4,1}', '{4,1}', '{3,0}', '{1,1}', '{NULL,NULL}', '{0,0}')$$,
                 'NS001', NULL, 'one position that is not ours fences the whole micro-batch');
SELECT ok(halt('unit-review', 0, 2, 'truncated'), 'a partition can be halted');
CREATE TEMP TABLE mark AS SELECT last_offset, last_append_ms, last_sha256 FROM kafka_partition WHERE topic = 'unit-review';
SELECT ok(halt('unit-review', 0, 2, 'made anew', 0, 5, '\x05'), 'with a record that is to be looked for');
SELECT ok((SELECT (last_offset, last_append_ms, last_sha256) = (0, 5, '\x05'::bytea) FROM kafka_partition WHERE topic = 'unit-review'), 'which is kept');
UPDATE kafka_partition SET (last_offset, last_append_ms, last_sha256) = (SELECT * FROM mark), halted = 'truncated' WHERE topic = 'unit-review';
SELECT throws_ok($$SELECT position_move('{unit-review}', '{0}', '{2}', '{3}', '{4}', '{4}', '{3}', '{1}', '{NULL}', '{0}')$$, 'NS001', NULL,
                 'a halted partition does not move');

SELECT is((SELECT count(*) FROM outbox_take('{unit-review}', '{0}', '{1}', 10)), 0::bigint, 'only the owner takes from the outbox');
SELECT is((SELECT array_agg(ce_type) FROM outbox_take('{unit-review}', '{0}', '{2}', 10)), '{nianshen.unit-review.accepted.v1}', 'the outcome waits');
SELECT pg_temp.publish(ARRAY(SELECT outbox_id FROM outbox)) AS done \gset
SELECT is((SELECT count(*) FROM outbox_take('{unit-review}', '{0}', '{2}', 10)), 0::bigint, 'and is taken once it is published no more');
CREATE FUNCTION pg_temp.taken(p_limit integer) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(t.ce_id || CASE WHEN t.has_more THEN '+' ELSE '' END, ' ' ORDER BY t.outbox_id)
    FROM outbox_take('{unit-review}', '{0}', '{2}', p_limit) t
$$;
INSERT INTO outbox (topic, partition, kind, ce_id, body)
SELECT 'unit-review', 0, 'outcome', 'large-' || n, repeat('x', 1500 * 1024) FROM generate_series(1, 4) n;
SELECT is(pg_temp.taken(2), 'large-1+ large-2+', 'as many as asked for, and whether there are more');
SELECT is(pg_temp.taken(10), 'large-1+ large-2+ large-3+', 'no more when 4 MiB are reached');
SELECT pg_temp.publish(ARRAY(SELECT outbox_id FROM outbox WHERE ce_id = 'large-1')) AS done \gset
SELECT is(pg_temp.taken(3), 'large-2 large-3 large-4', 'the last ones say so');
SELECT is((SELECT string_agg(t.ce_id, ' ' ORDER BY t.outbox_id) FROM outbox o, outbox_take('{unit-review}', '{0}', '{2}', 10, p_after => o.outbox_id) t
           WHERE o.ce_id = 'large-2'), 'large-3 large-4', 'what the caller has on its way already is left out');
SELECT pg_temp.publish(ARRAY(SELECT outbox_id FROM outbox)) AS done \gset

-- What is published in order is told by one position; what is not, row by row.
CREATE FUNCTION pg_temp.publish_named(p_ce_ids text[]) RETURNS void LANGUAGE sql AS $$
    SELECT pg_temp.publish(ARRAY(SELECT outbox_id FROM outbox WHERE ce_id = ANY (p_ce_ids)))
$$;
CREATE FUNCTION pg_temp.published_to() RETURNS text LANGUAGE sql AS $$
    SELECT o.ce_id FROM outbox_position q JOIN outbox o ON o.outbox_id = q.published_to WHERE q.topic = 'unit-review' AND q.partition = 0
$$;
CREATE FUNCTION pg_temp.marked() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(ce_id, ' ' ORDER BY outbox_id) FROM outbox WHERE published_ms IS NOT NULL
$$;
SELECT is(pg_temp.published_to() || ', ' || (pg_temp.marked() IS NULL), 'large-4, true', 'the position stands at the last one, and no row was written again');
INSERT INTO outbox (topic, partition, kind, ce_id, body) SELECT 'unit-review', p, 'outcome', c || p, '{}' FROM unnest(ARRAY['a', 'b', 'c', 'd']) c, generate_series(0, 1) p ORDER BY p, c;
SELECT pg_temp.publish_named('{b0,c0,b1}') AS published \gset
SELECT is(pg_temp.taken(10), 'a0 d0', 'what was refused waits on, and so does what comes behind');
SELECT is(pg_temp.published_to() || ', ' || pg_temp.marked(), 'large-4, b0 c0 b1', 'what was published in between is marked by itself');
SELECT pg_temp.publish_named('{b0}') AS again, pg_temp.publish_named('{a0}') AS published \gset
SELECT is(pg_temp.published_to() || ', ' || pg_temp.taken(10), 'a0, d0', 'the position goes on where nothing is missing any more');
SELECT pg_temp.publish_named('{d0}') AS published, pg_temp.publish_named('{a0}') AS late \gset
SELECT is(pg_temp.published_to() || ', ' || (pg_temp.taken(10) IS NULL), 'd0, true', 'past what is marked, and never back');
SELECT epoch AS epoch FROM claim('{unit-review}', '{1}', 'w') \gset
SELECT is((SELECT string_agg(ce_id, ' ' ORDER BY outbox_id) FROM outbox_waiting), 'a1 c1 d1', 'each partition has its own');
INSERT INTO outbox (topic, partition, kind, ce_id, record_offset, code)
VALUES ('unit-review', 0, 'dead-letter', 'letter', 0, 'not-json'), ('unit-review', 0, 'outcome', 'behind', NULL, NULL);
UPDATE kafka_partition SET halted = 'truncated' WHERE topic = 'unit-review';
SELECT is(pg_temp.taken(10), 'behind', 'of a halted partition only outcomes are taken');
SELECT pg_temp.publish_named('{behind}') AS published \gset
UPDATE kafka_partition SET halted = NULL WHERE topic = 'unit-review';
SELECT is(pg_temp.taken(10), 'letter', 'its dead letters wait until it goes on');
SELECT pg_temp.publish_named('{letter}') AS published \gset
SELECT is(pg_temp.published_to() || ', ' || (pg_temp.taken(10) IS NULL) || ', ' || (pg_temp.marked() LIKE '%letter%'), 'letter, true, true',
          'a dead letter has its time, in order or not');
DELETE FROM outbox WHERE kind = 'dead-letter' OR partition = 1;

-- A unit that is held: its records are kept aside, all others go on.
INSERT INTO held_unit VALUES ('U1', 0);
SELECT is(pg_temp.feed(pg_temp.chunk('s1', 1, 1, 0, '[]'), pg_temp.chunk('t1', 1, 1, 0, '[]') || '{"unit": "U2"}'), '{1,0,0,1}',
          'records of a held unit are held');
SELECT is((SELECT count(*) FROM held_take('{member-review}', '{0}', ARRAY[(SELECT epoch FROM kafka_partition WHERE topic = 'member-review')], 10)),
          0::bigint, 'and stay so until the unit is released');
SELECT is(unit_release('U1'), 1::bigint, 'it is released');
SELECT is(pg_temp.feed(pg_temp.chunk('s1b', 1, 1, 0, '[]')), '{0,0,0,1}', 'what comes new stands behind what was held');
SELECT is((SELECT array_agg(record_offset) FROM held_take('{member-review}', '{0}', ARRAY[(SELECT epoch FROM kafka_partition
           WHERE topic = 'member-review')], 10)), '{0,2}', 'both are to be applied in the order of the topic');
SELECT is((SELECT count(*) FROM held_take('{member-review}', '{0}', ARRAY[(SELECT epoch FROM kafka_partition WHERE topic = 'member-review')], 10)
           JOIN ledger USING (topic, partition, record_offset, append_ms)), 2::bigint, 'each comes with the time when it was appended');
UPDATE kafka_partition SET halted = 'truncated' WHERE topic = 'member-review';
SELECT is((SELECT count(*) FROM held_take('{member-review}', '{0}', ARRAY[(SELECT epoch FROM kafka_partition WHERE topic = 'member-review')], 10)),
          0::bigint, 'but nothing of a partition that is halted: it could not be applied');
UPDATE kafka_partition SET halted = NULL WHERE topic = 'member-review';
SELECT is(pg_temp.feed_held(0, pg_temp.chunk('s1', 1, 1, 0, '[]')), '{1,0,0,0}', 'the first is applied');
SELECT is((SELECT count(*) FROM held_unit), 1::bigint, 'the unit is not free yet');
SELECT is(pg_temp.feed_held(2, pg_temp.chunk('s1b', 1, 1, 0, '[]')), '{1,0,0,0}', 'so is the second');
SELECT is((SELECT count(*) FROM held_unit), 0::bigint, 'now it is');
SELECT is(pg_temp.state_of('s1') || ', ' || pg_temp.state_of('s1b'), 'pending, waiting', 'in their order');
SELECT throws_ok($$SELECT unit_release('U1')$$, 'NS002', NULL, 'a unit that is not held is not released');

-- What operators do about dead letters is kept, and nothing is sent twice unseen.
SELECT is(pg_temp.feed(pg_temp.chunk('s1', 1, 1, 0, '[]') || '{"unit": "U9"}', pg_temp.chunk('s2', 1, 1, 0, '[]') || '{"unit": "U9"}'), '{0,0,2,0}',
          'two dead letters');
SELECT redrive_start('member-review', 0, 3, false) AS action \gset
SELECT ok(:'action' <> '', 'one is redriven');
SELECT is((SELECT state FROM dead_letter WHERE record_offset = 3), 'redriving', 'its end is not known yet');
SELECT is(redrive_start('member-review', 0, 3, false), NULL, 'so it is not begun again');
SELECT redrive_done(:action, 0, 5) AS done \gset
SELECT is((SELECT state || new_offset FROM dead_letter WHERE record_offset = 3), 'redriven5', 'then it is done');
SELECT is(redrive_start('member-review', 0, 3, false), NULL, 'and not done again');
SELECT isnt(redrive_start('member-review', 0, 3, true), NULL, 'unless asked for');
SELECT redrive_start('member-review', 0, 4, false) AS action \gset
SELECT redrive_refused(:action, 'too large') AS refused \gset
SELECT is((SELECT state FROM dead_letter WHERE record_offset = 4), 'open', 'what the broker refused is open again');
SELECT is((SELECT reason FROM dead_letter_history WHERE state = 'refused'), 'too large', 'and the history says why');
SELECT redrive_refused(action_id, 'late') AS refused FROM dead_letter_action WHERE record_offset = 3 AND new_offset IS NOT NULL \gset
SELECT is((SELECT count(*) FROM dead_letter_history WHERE state = 'redriven'), 1::bigint, 'what arrived can not be refused');
SELECT ok(dead_letter_discard('member-review', 0, 4, 'a test'), 'the other is discarded');
SELECT ok(NOT dead_letter_discard('member-review', 0, 4, 'again'), 'once');
SELECT is(redrive_start('member-review', 0, 4, true), NULL, 'and not redriven any more');
SELECT is((SELECT count(*) FROM dead_letter_action), 4::bigint, 'the history is kept');

-- Least privilege.
SET LOCAL ROLE nianshen_worker;
SELECT throws_ok('SELECT * FROM nianshen.member', '42501', NULL, 'the worker reads no table');
SELECT lives_ok($$SELECT * FROM nianshen.claim('{approval}', '{1}', 'w')$$, 'but claims');
SET LOCAL ROLE nianshen_reviewer;
SELECT throws_ok('SELECT * FROM nianshen.member', '42501', NULL, 'a reviewer reads no roster');
SELECT lives_ok('SELECT * FROM nianshen.review_detail', 'but the masked details');
SET LOCAL ROLE nianshen_ops;
SELECT throws_ok('DELETE FROM nianshen.membership', '42501', NULL, 'operations deletes nobody');
SELECT throws_ok('SELECT salt FROM nianshen.campaign_term', '42501', NULL, 'and sees no salt');
RESET ROLE;

-- The worker takes what a micro-batch writes in the statement that applies it.
SELECT epoch + 1 AS epoch FROM kafka_partition WHERE topic = 'member-review' \gset
SELECT is((SELECT array_agg(o.ce_type) FROM pg_temp.feed(pg_temp.chunk('taken', 1, 1, 0, '[]')) AS a (counts)
           CROSS JOIN LATERAL outbox_take('{member-review}', '{0}', ARRAY[:epoch::bigint], a.counts[1] * 10) o WHERE o.ce_causationid = 'taken/1'),
          '{nianshen.member-review.waiting.v1}', 'a statement that applies takes what that wrote');

-- What was published is marked with a micro-batch, and only with one that is committed.
INSERT INTO outbox (topic, partition, kind, ce_id, body) VALUES ('unit-review', 0, 'outcome', 'carried', '{}');
SELECT set_config('test.published', format('{%s}', outbox_id), false) AS named FROM outbox WHERE ce_id = 'carried' \gset
SELECT throws_matching($$SELECT pg_temp.feed(pg_temp.chunk('carry', 1, 1, 0, '[]') || '{"body": {"submission": "carry", "chunk": "none"}}')$$, '"none"', 'a micro-batch that fails');
SELECT is(pg_temp.taken(10), 'carried', 'marks nothing');
SELECT pg_temp.feed(pg_temp.decision('withdrawn', 'carry')) AS fed \gset
SELECT is(pg_temp.taken(10), NULL, 'one that is applied marks what it carries');

-- What the worker found indigestible comes again with the order to hold its unit; one that was about to be released is held anew.
INSERT INTO held_unit VALUES ('U2', 0, 1) ON CONFLICT (unit) DO UPDATE SET released_ms = 1;
SELECT set_config('test.published', '', false) AS none, set_config('test.hold', '{U2}', false) AS held \gset
SELECT is(pg_temp.feed(pg_temp.decision('withdrawn', 'hold') || '{"unit": "U2", "body": {"submission": 5}}'), '{0,0,0,1}', 'a record is held with its unit');
SELECT is((SELECT released_ms FROM held_unit WHERE unit = 'U2'), NULL, 'which is not released any more');

SELECT * FROM finish();
ROLLBACK;
