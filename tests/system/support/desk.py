"""What a clerk of a unit and a reviewer of its superior do with nianshen-producer."""

from support.people import csv_text

REASONS = {"retired": "退休", "left": "离职", "deceased": "死亡"}
IMPORT_COLUMNS = ["身份证号码", "不通过原因"]
LIST_COLUMNS = ["身份证号码", "年审结果", "不通过原因"]


def import_file(failed):
    """The file of import mode. `failed`: pairs of ID number and reason, or a dict."""
    pairs = failed.items() if isinstance(failed, dict) else failed
    return csv_text(IMPORT_COLUMNS, [[number, REASONS.get(reason, reason)] for number, reason in pairs])


def list_file(unit, failed, without=()):
    """The file of list mode: every member of the unit's roster, except those left out."""
    rows = []
    for number in [m.id_number for m in unit.members if m.id_number not in without]:
        reason = failed.get(number)
        rows.append([number, "不通过" if reason else "通过", REASONS.get(reason, reason or "")])
    return csv_text(LIST_COLUMNS, rows)


class Desk:
    """One unit's year, seen from its desk and its superior's."""

    def __init__(self, world, unit, year, clerk="clerk-17", reviewer="R007"):
        self.world, self.unit, self.year, self.clerk, self.reviewer = world, unit, year, clerk, reviewer
        self.of_unit = ["--unit", unit.code, "--year", year]
        self.unit_review = None

    def confirm(self, *flags, expect=0, **profile):
        settings = [f"--set={name}={value}" for name, value in profile.items()]
        done = self.world.producer("confirm-unit", *self.of_unit, *settings, "--submitted-by", self.clerk, *flags).expect(expect)
        self.unit_review = done.out.split()[0]
        return done

    def file(self, text, name="review.csv"):
        path = self.world.folder / f"{self.unit.code}-{name}"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def submit(self, text, *flags, mode="import", unit_review=None):
        """Runs `submit` on a file with that text; the caller looks at the result."""
        return self.world.producer(
            "submit", *self.of_unit, "--unit-review", unit_review or self.unit_review, "--mode", mode,
            "--submitted-by", self.clerk, self.file(text), *flags,
        )

    def pending(self, text, *flags, mode="import"):
        """A submission that must come to `pending`: its id and its pending outcome."""
        if self.unit_review is None:
            self.confirm()
        done = self.submit(text, *flags, "--wait", mode=mode).expect(0)
        submission = done.out.split()[0]
        return submission, self.world.outcomes.wait(self.unit.code, "member-review.pending", submission=submission)

    def decide(self, verb, submission, digest, *flags, superior=None, reviewer=None, env=None):
        return self.world.producer(
            verb, *self.of_unit, "--submission", submission, "--digest", digest,
            "--superior", superior or self.unit.superior, "--reviewer", reviewer or self.reviewer, *flags, env=env,
        )

    def approve(self, submission, digest, *flags, **who):
        return self.decide("approve", submission, digest, *flags, **who)

    def give_back(self, submission, digest, comment, *flags, **who):
        return self.decide("return", submission, digest, "--comment", comment, *flags, **who)

    def withdraw(self, submission, *flags):
        return self.world.producer("withdraw", *self.of_unit, "--submission", submission, "--submitted-by", self.clerk, *flags)
