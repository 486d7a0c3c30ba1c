"""An upstream that publishes in Kafka transactions: markers and aborted records leave gaps, also at the end of each partition, and what stands in an open
transaction is not there yet. None of that is lag, keeps --until-end from ending, or changes what comes out."""

import json

import interleaving
from chance import SEED, chance_for
from interleaving import Copy, Publication, Way, random_turns
from model import history
from model.history import TOPICS
from rebuild import check_as_undisturbed
from support import events
from support.books import wait_all_consumed
from support.events import Confluent
from support.programs import SHORT_SESSION

UNITS, SLICES, PARTITIONS = 150, 3, 2
TRANSACTION_RECORDS_MAX, ABORTED_SHARE = 40, 0.3


class Transactional(Confluent):
    """Publishes in transactions of random sizes. Around each it aborts records that have the identities of the right ones and other contents: whoever read
    them would refuse those."""

    def __init__(self, world, chance):
        super().__init__(world.stack.broker.bootstrap, world.prefix, **{"transactional.id": world.name, "linger.ms": 20})
        self.producer.init_transactions(30)
        self.chance, self.waiting = chance, []

    def record(self, *args, **where):
        place = []
        self.waiting.append((place, args, where))
        return place

    def flush(self):
        while self.waiting:
            count = self.chance.randint(1, TRANSACTION_RECORDS_MAX)
            part, self.waiting = self.waiting[:count], self.waiting[count:]
            self.abort(part)
            self.commit(part)
            self.abort(part)

    def commit(self, part):
        self.producer.begin_transaction()
        delivered = [(place, super(Transactional, self).record(*args, **where)) for place, args, where in part]
        self.producer.commit_transaction(30)
        for place, real in delivered:
            place += real

    def abort(self, part):
        self.producer.begin_transaction()
        for _, (topic, key, _, headers), where in part:
            if self.chance.random() < ABORTED_SHARE:
                super().record(topic, key, b"{}", headers, **where)
        super().flush()  # written, and not only queued
        self.producer.abort_transaction(30)


def gaps_in(world, records):
    gaps = sum(sum(world.ends(topic)) for topic in TOPICS) - records
    assert gaps > records / 10, "the transactions left too few gaps"
    return gaps


def test_transactions_of_an_upstream(stack):
    """A year of random histories in committed and aborted transactions, taken in by --until-end in between and by a worker that stays: each unit is as the
    rules say, as without transactions, and as an undisturbed run makes it; lag is zero."""
    chance = chance_for("transactions")
    histories = {f"T{n:05d}": one for n, one in enumerate(history.drawn(UNITS, SEED + 1))}
    world = interleaving.build(stack, "transactions", [code for code, one in histories.items() if one.unit_is_known], PARTITIONS)
    scripts = interleaving.scripts_for(world, histories)
    plain = Copy(world, "transactions-none")
    Way("plain", batch_records=1000, slices=1).play(plain, scripts, chance)

    publication = Publication(world, scripts, SLICES, chance)
    publication.client = Transactional(world, chance)
    publication.run(random_turns(SLICES, chance), after_turn=lambda: chance.random() < 1 / 2 and world.run_until_end().expect(0))
    world.run_until_end().expect(0)
    gaps = gaps_in(world, len(publication.places))
    check_no_lag(world)
    assert not interleaving.told(publication, interleaving.differences(publication))
    assert interleaving.digests_in(world, list(histories)) == interleaving.digests_in(plain, list(histories))
    check_as_undisturbed(world, gaps)


def check_no_lag(world):
    wait_all_consumed(world)
    assert {row["lag"] for row in json.loads(world.ops("status", "--json").expect(0).out)} == {0}


def test_open_transaction(stack):
    """What stands in a transaction that is not over is not read, however often --until-end comes by; a worker that stays takes it in once it is committed, and
    never if it is aborted."""
    world = stack.world("open-transaction")
    world.ops("campaign", "open", "--year", 2026).expect(0)
    client = Transactional(world, chance_for("open"))
    for is_committed in (True, False):
        client.producer.begin_transaction()
        Confluent.record(client, *record_of(events.unit_review("NOBODY", 2026, id=f"committed-{is_committed}")))
        Confluent.flush(client)
        world.client().send(events.unit_review("NOBODY", 2026, id=f"behind-{is_committed}"))
        for _ in range(2):
            world.run_until_end().expect(0)
        assert world.sql("SELECT count(*) FROM nianshen.unit_review WHERE event_id LIKE %s", [f"%{is_committed}"]) == [(0,)]
        worker = world.worker(*SHORT_SESSION).start().wait_ready()
        (client.producer.commit_transaction if is_committed else client.producer.abort_transaction)(30)
        world.outcomes.wait("NOBODY", "unit-review.rejected", causation=f"behind-{is_committed}")
        check_no_lag(world)
        assert worker.stop() == 0
    assert {event for (event,) in world.sql("SELECT event_id FROM nianshen.unit_review")} == {"committed-True", "behind-True", "behind-False"}
    check_as_undisturbed(world, gaps=3)


def record_of(event):
    headers, value = event.binary()
    return event.topic, event.key, value, headers
