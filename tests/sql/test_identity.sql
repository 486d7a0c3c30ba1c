-- What makes two events the same one, and what a submission may refer to.
\ir support.psql
SELECT no_plan();

INSERT INTO campaign_term (year, opens_ms, closes_ms, salt) VALUES (2027, now_ms(), forever_ms(), '\x02');

-- A unit review of the same unit, year and source.
SELECT pg_temp.feed(pg_temp.unit_review('last') || '{"year": 2027}', pg_temp.unit_review('theirs') || '{"source": "other"}',
                    pg_temp.unit_review('next door') || '{"unit": "U2"}') AS fed \gset
SELECT pg_temp.feed(pg_temp.chunk('y', 1, 1, 0, '[]', NULL, 'last')) AS fed \gset
SELECT is(pg_temp.state_of('y'), 'waiting', 'a unit review of another year does not count');
SELECT pg_temp.feed(pg_temp.decision('withdrawn', 'y')) AS fed \gset
SELECT pg_temp.feed(pg_temp.chunk('t', 1, 1, 0, '[]', NULL, 'theirs')) AS fed \gset
SELECT is(pg_temp.state_of('t'), 'waiting', 'nor one of another source');
SELECT pg_temp.feed(pg_temp.decision('withdrawn', 't')) AS fed \gset
SELECT pg_temp.feed(pg_temp.chunk('d', 1, 1, 0, '[]', NULL, 'next door')) AS fed \gset
SELECT is(pg_temp.state_of('d'), 'waiting', 'nor one of another unit');
SELECT pg_temp.feed(pg_temp.decision('withdrawn', 'd')) AS fed \gset

-- Identity: topic, unit, year, source and id, each of them.
SELECT is(pg_temp.feed(pg_temp.unit_review('1')), '{1,0,0,0}', 'an event');
SELECT is(pg_temp.feed(pg_temp.unit_review('1', '{"name": "other"}') || '{"unit": "U2"}'), '{1,0,0,0}', 'its id in another unit is another event');
SELECT is(pg_temp.feed(pg_temp.unit_review('1', '{"name": "other"}') || '{"year": 2027}'), '{1,0,0,0}',
          'so it is in another year: ids may start again from 1');
SELECT is(pg_temp.feed(pg_temp.unit_review('1', '{"name": "other"}') || '{"source": "other"}'), '{1,0,0,0}', 'and from another source');
SELECT is(pg_temp.feed(pg_temp.chunk('s1', 1, 1, 0, '[]', NULL, '1') || '{"id": "1"}'), '{1,0,0,0}', 'and in another topic');
SELECT is(pg_temp.feed(pg_temp.unit_review('1')), '{0,1,0,0}', 'the same again is a duplicate');

-- A submission id belongs to its unit and year.
SELECT is(pg_temp.feed(pg_temp.chunk('s1', 1, 2, 3, '[]', NULL, '1') || '{"unit": "U2"}'), '{1,0,0,0}', 'a submission id in another unit is another one');
SELECT is(pg_temp.feed(pg_temp.chunk('s1', 1, 2, 3, '[]', NULL, '1') || '{"year": 2027}'), '{1,0,0,0}', 'and in another year');
SELECT is(pg_temp.state_of('s1'), 'pending', 'the first one is what it was');

-- Every header field of a chunk repeats the first chunk's.
SELECT pg_temp.feed(pg_temp.chunk('h', 1, 2, 2, '[["K01", "left"]]', NULL, '1')) AS fed \gset
SELECT is(pg_temp.feed(pg_temp.chunk('h', 2, 3, 2, '[]', NULL, '1')), '{0,0,1,0}', 'another number of chunks contradicts');
SELECT is(pg_temp.feed(pg_temp.chunk('h', 2, 2, 3, '[]', NULL, '1')), '{0,0,1,0}', 'so does another total');
SELECT is(pg_temp.feed(pg_temp.chunk('h', 2, 2, 2, '[]', NULL, '2')), '{0,0,1,0}', 'another unit review');
SELECT is(pg_temp.feed(pg_temp.chunk('h', 2, 2, 2, '[]', '[]', '1')), '{0,0,1,0}', 'another mode');
SELECT is(pg_temp.feed(jsonb_set(pg_temp.chunk('h', 2, 2, 2, '[]', NULL, '1'), '{body,submitted_by}', '"other"')), '{0,0,1,0}', 'another submitter');
SELECT is(pg_temp.feed(pg_temp.chunk('h', 2, 2, 2, '[]', NULL, '1') || '{"source": "other"}'), '{0,0,1,0}', 'another source');

-- What the core could not read is no event: it is taken out before all others are looked at, and they are applied.
SELECT is(pg_temp.feed('{"kind": "dead-letter", "code": "not-json", "text": "why"}', pg_temp.unit_review('after it')), '{1,0,1,0}',
          'one that was refused, and one behind it');
SELECT is((SELECT string_agg(concat_ws(' ', code, text), ',') FROM outbox WHERE kind = 'dead-letter' AND topic = 'approval'), 'not-json why',
          'its dead letter says why');

SELECT * FROM finish();
ROLLBACK;
