"""A year in which everything happens: repeats, broken records, corrections of the roster, a changed superior, a reviewer removed half-way, members
who join again, dead letters and redrives, a held unit. Each unit plays one part; any number of units."""

from dataclasses import replace

from support import events, people
from support.books import wait_all_consumed
from support.edition import table
from support.wait import eventually

YEAR = 2026
SUPERIOR, NEXT_SUPERIOR = "S01", "S02"
REVIEWERS = [("R007", SUPERIOR), ("R008", SUPERIOR), ("R020", NEXT_SUPERIOR)]
MEMBERS = 6
PARTS = ("early", "moved", "corrected", "returned", "withdrawn", "repeated", "rejected", "waiting")
# Two more: the first is loaded only after its records came, the other meets a bug of ours.
LATE, HELD = "LATE", "HELD"


class Campaign:
    def __init__(self, world, count, first_index=300_000):
        self.world, self.client = world, world.client()
        self.units = [people.unit(f"C{n:05d}", SUPERIOR, first_index + n * MEMBERS, MEMBERS) for n in range(count)]
        self.held = people.unit(HELD, SUPERIOR, first_index + count * MEMBERS, MEMBERS)
        self.late = people.unit(LATE, SUPERIOR, first_index + (count + 1) * MEMBERS, 1)
        self.reviews = {}

    def playing(self, *parts):
        return [u for n, u in enumerate(self.units) if PARTS[n % len(PARTS)] in parts]

    def play(self):
        """All of it, with the world's worker running; at the end everything is consumed."""
        self.world.load([*self.units, self.held]).expect(0)
        self.world.open_campaign(YEAR, REVIEWERS)
        self.submit()
        self.hold_and_release()
        self.settle()
        self.decide(self.playing("early"), reviewer="R008")
        self.settle()
        self.change_reference()
        self.decide(self.playing("moved", "corrected", "repeated"), reviewer="R008")  # who is no reviewer any more
        self.decide(self.playing("moved"))  # by the superior of yesterday
        self.decide(self.playing("moved"), superior=NEXT_SUPERIOR, reviewer="R020")
        self.decide(self.playing("corrected", "repeated"))
        self.decide(self.playing("returned"), events.returned)
        for unit in self.playing("withdrawn"):
            self.send(events.withdrawn(unit.code, YEAR, self.submission_of(unit)))
        self.submit_again()
        self.redrive()
        self.settle()
        return self

    # ---- units ----

    def submission_of(self, unit, attempt=1):
        return f"{unit.code}-{attempt}"

    def send(self, *sent):
        for event in sent:
            headers, value = event.binary()
            self.client.record(event.topic, event.key, value, headers)

    def settle(self):
        self.client.flush()
        wait_all_consumed(self.world)

    def review(self, unit):
        profile = {"contact_name": f"联系人{unit.code}", "contact_mobile": people.mobile(len(self.reviews))}
        self.reviews[unit.code] = events.unit_review(unit.code, YEAR, profile if len(self.reviews) % 2 else {}, id=f"review-{unit.code}")
        return self.reviews[unit.code]

    def chunks(self, unit, attempt=1, passed=None, wrong=()):
        failed = {m.id_number: reason for m, reason in zip(unit.members, ("retired", "left", "deceased"))}
        failed.update((number, "left") for number in wrong)
        return events.submission(unit.code, YEAR, f"review-{unit.code}", failed, passed, chunk_entries=2, submission_id=self.submission_of(unit, attempt))

    def submit(self):
        broken = self.playing("repeated")
        for unit in self.units:
            chunks = self.chunks(unit, wrong=["11010119900307001"] if unit in self.playing("rejected") else ())
            if unit not in self.playing("waiting"):
                self.send(self.review(unit))
            self.send(*chunks)
            if unit in broken:
                self.client.record("member-review", unit.code.encode(), b"{", chunks[0].binary()[0])
                self.send(self.reviews[unit.code], *chunks)
        self.send(*self.late_chunks())
        self.settle()

    def submit_again(self):
        """What was sent back or refused comes again, one in list mode, and is approved."""
        again = self.playing("returned", "rejected")
        for unit in again:
            is_list = unit in self.playing("returned")
            self.send(*self.chunks(unit, 2, [m.id_number for m in unit.members[3:]] if is_list else None))
        self.settle()
        self.decide(again, attempt=2)

    def decide(self, units, verb=events.approved, superior=SUPERIOR, reviewer="R007", attempt=1):
        self.settle()
        digests = dict(self.world.sql("SELECT submission, digest FROM nianshen.review_status WHERE digest IS NOT NULL"))
        for unit in units:
            submission = self.submission_of(unit, attempt)
            self.send(verb(unit.code, YEAR, submission, digests[submission], superior, reviewer))

    # ---- what operators do meanwhile ----

    def change_reference(self):
        self.world.ops("reviewer", "remove", "--reviewer", "R008", "--superior", SUPERIOR).expect(0)
        for unit in self.playing("moved"):
            unit.superior = NEXT_SUPERIOR
        for unit in self.playing("corrected"):
            unit.members[0] = replace(unit.members[0], id_number=people.id_number(400_000 + int(unit.code[1:])))
        for unit in self.playing("early"):  # One joins who was never there.
            unit.members.append(people.member(450_000 + int(unit.code[1:])))
        self.world.load([*self.units, self.held, self.late], "--correct", "--re-enrol").expect(0)

    def late_chunks(self):
        return events.submission(LATE, YEAR, f"review-{LATE}", {}, submission_id=self.submission_of(self.late))

    def redrive(self):
        """The unit that was unknown is loaded now: its record is published again; a broken one is given up."""
        self.send(self.review(self.late))
        self.settle()
        self.world.ops("dead-letter", "redrive", "--code", "unknown-unit", "--execute").expect(0)
        self.world.ops("dead-letter", "discard", "--code", "not-json", "--reason", "broken for good", "--execute").expect(0)
        self.decide([self.late])

    def hold_and_release(self):
        with self.world.stack.cluster.connect(self.world.database) as admin:
            admin.execute(f"ALTER TABLE {table('unit_review')} ADD CONSTRAINT bug CHECK (unit <> '{HELD}')")
            self.send(self.review(self.held), *self.chunks(self.held))
            self.settle()
            admin.execute(f"ALTER TABLE {table('unit_review')} DROP CONSTRAINT bug")
        assert self.world.sql("SELECT unit FROM nianshen.held") == [(HELD,)]
        self.world.ops("unit", "release", "--unit", HELD).expect(0)
        eventually(lambda: not self.world.sql("SELECT unit FROM nianshen.held"), "the held unit to be free")
        self.decide([self.held])
