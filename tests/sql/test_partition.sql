-- A halted partition that is resumed from a lower offset: what had been consumed stays done and stays first, its ledger rows become history.
\ir support.psql
SELECT no_plan();
SELECT pg_temp.feed(pg_temp.unit_review('r1')) AS fed \gset
SELECT pg_temp.feed(pg_temp.chunk('s1', 1, 1, 1, '[["K01", "retired"]]'), pg_temp.chunk('s2', 1, 1, 1, '[["K02", "left"]]'),
                    pg_temp.chunk('s9', 1, 1, 0, '[]') || '{"unit": "U9"}') AS fed \gset
SELECT pg_temp.feed(pg_temp.decision('approved', 's1', 'sha256:00'), pg_temp.decision('withdrawn', 's7')) AS fed \gset
SELECT pg_temp.feed(pg_temp.decision('returned', 's8', 'sha256:00')) AS fed \gset
SELECT is(pg_temp.state_of('s1') || ', ' || pg_temp.state_of('s2'), 'pending, waiting', 'one is pending, the next waits behind it');
CREATE FUNCTION pg_temp.kinds_taken(p_outcomes_only boolean[]) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(DISTINCT t.kind, ' ')
    FROM kafka_partition k, outbox_take(ARRAY[k.topic], ARRAY[k.partition], ARRAY[k.epoch], 10, p_outcomes_only) t WHERE k.topic = 'member-review'
$$;
SELECT is(pg_temp.kinds_taken('{}'), 'dead-letter outcome', 'outcomes and dead letters are taken together');
SELECT is(pg_temp.kinds_taken('{f}'), 'dead-letter outcome', 'as long as originals can be read');
SELECT is(pg_temp.kinds_taken('{t}'), 'outcome', 'without dead letters when they can not');
SELECT is((SELECT bool_and(t.append_ms IS NOT DISTINCT FROM CASE WHEN t.kind = 'dead-letter' THEN l.append_ms END)
           FROM kafka_partition k CROSS JOIN LATERAL outbox_take(ARRAY[k.topic], ARRAY[k.partition], ARRAY[k.epoch], 10) t
           LEFT JOIN ledger l ON l.topic = t.topic AND l.partition = t.partition AND l.record_offset = t.record_offset
           WHERE k.topic = 'member-review'), true, 'a dead letter comes with the time when its record was appended');
SELECT redrive_start('member-review', 0, 2, false) AS action \gset

SELECT throws_ok($$SELECT partition_resume('member-review', 0, 0, 'x')$$, 'NS002', NULL, 'a partition that is not halted is not resumed');
SELECT throws_ok($$SELECT partition_resume('member-review', 5, 0, 'x')$$, 'NS002', NULL, 'nor one that is not known');
SELECT halt('member-review', 0, (SELECT epoch FROM kafka_partition WHERE topic = 'member-review'), 'made anew') AS halted \gset
SELECT is((SELECT count(*) FROM outbox_take('{member-review}', '{0}', ARRAY[(SELECT epoch FROM kafka_partition WHERE topic = 'member-review')], 10)
           WHERE kind = 'dead-letter'), 0::bigint, 'no dead letter is read from a topic that may not be its own');
SELECT epoch AS epoch FROM kafka_partition WHERE topic = 'member-review' \gset
SELECT lives_ok($$SELECT partition_resume('member-review', 0, NULL, NULL)$$, 'it goes on as it stands');
SELECT is((SELECT concat_ws(' ', next_offset, last_offset, records, halted, epoch - :epoch) FROM kafka_partition WHERE topic = 'member-review'), '3 2 3 1',
          'with its position, its last record and a new epoch');
SELECT is((SELECT count(*) FROM check_run(5) WHERE total > 0), 0::bigint, 'all is in order');

SELECT halt('member-review', 0, (SELECT epoch FROM kafka_partition WHERE topic = 'member-review'), 'made anew') AS halted \gset
SELECT is(partition_consumed_from('member-review', 0, 0), 3::bigint, 'three records would be superseded');
SELECT partition_resume('member-review', 0, 0, 'the topic was made anew') AS resumed \gset
SELECT is((SELECT concat_ws(' ', next_offset, last_offset, records) FROM kafka_partition WHERE topic = 'member-review'), '0 0', 'it begins again');
SELECT is((SELECT concat_ws(' ', next_before, next_after, superseded, reason, halted) FROM partition_resumption ORDER BY resume_id DESC LIMIT 1),
          '3 0 3 the topic was made anew made anew', 'what was given up, why and after what is kept');
SELECT is((SELECT count(*) FROM ledger_superseded), 3::bigint, 'the ledger rows are history');
SELECT is((SELECT count(*) FROM dead_letter), 0::bigint, 'so is the dead letter');
SELECT is((SELECT count(*) FROM check_run(5) WHERE total > 0), 0::bigint, 'all is in order');

SELECT is(pg_temp.feed(pg_temp.chunk('s3', 1, 1, 1, '[["K03", "left"]]'), pg_temp.chunk('s1', 1, 1, 1, '[["K01", "retired"]]'),
                       pg_temp.chunk('s9', 1, 1, 0, '[]') || '{"unit": "U9"}'), '{1,1,1,0}', 'new records are applied, an event that comes again is a duplicate');
SELECT is((SELECT state FROM dead_letter), 'open', 'a new dead letter at an old place is open');
SELECT is(pg_temp.state_of('s1') || ', ' || pg_temp.state_of('s2') || ', ' || pg_temp.state_of('s3'), 'pending, waiting, waiting', 'the queue keeps its order');
SELECT pg_temp.feed(pg_temp.decision('returned', 's1')) AS fed \gset
SELECT is(pg_temp.state_of('s1') || ', ' || pg_temp.state_of('s2') || ', ' || pg_temp.state_of('s3'), 'returned, pending, waiting', 'also when its head is gone');
SELECT is((SELECT count(*) FROM check_run(5) WHERE total > 0), 0::bigint, 'all is in order');

-- Only the end was lost; in the approvals, and forwards.
SELECT halt('approval', 0, (SELECT epoch FROM kafka_partition WHERE topic = 'approval'), 'truncated') AS halted \gset
SELECT partition_resume('approval', 0, 2, 'the last two are lost') AS resumed \gset
SELECT is((SELECT array_agg(record_offset ORDER BY record_offset) FROM ledger WHERE topic = 'approval'), '{0,1}', 'what stands before the offset stays');
SELECT is(pg_temp.feed(pg_temp.decision('withdrawn', 's8')), '{1,0,0,0}', 'a decision at the place of a lost one is taken');
SELECT is((SELECT array_agg(kind ORDER BY record_offset) FROM decision WHERE submission = 's8'), '{returned,withdrawn}', 'and comes after it');
SELECT halt('approval', 0, (SELECT epoch FROM kafka_partition WHERE topic = 'approval'), 'truncated') AS halted \gset
SELECT partition_resume('approval', 0, 10, 'seven are lost') AS resumed \gset
SELECT is((SELECT concat_ws(' ', next_before, next_after, superseded) FROM partition_resumption ORDER BY resume_id DESC LIMIT 1), '3 10 0', 'a gap is kept');
SELECT is((SELECT count(*) FROM check_run(5) WHERE total > 0), 0::bigint, 'all is in order');

SELECT * FROM finish();
ROLLBACK;
