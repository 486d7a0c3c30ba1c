"""Which edition the bench runs: BENCH_EDITION=next is the second one, whose programs `make edition-next` puts under the names that they will have. To be
imported before anything of tests/system/support, which looks for the programs."""

import os
from pathlib import Path

IS_NEXT = os.environ.get("BENCH_EDITION") == "next"
if IS_NEXT:
    os.environ["NIANSHEN_EDITION"] = "next"
    os.environ.setdefault("NIANSHEN_BIN", str(Path(__file__).resolve().parents[2] / "build/next/bin"))

SUBMISSION = "nianshen_engine.submission" if IS_NEXT else "nianshen.submission"
STATUS = "nianshen_next.review_status" if IS_NEXT else "nianshen.review_status"
ARCHIVE = "nianshen_engine.archive" if IS_NEXT else "nianshen.removed_member"
REMOVED = "nianshen_next.removed_member" if IS_NEXT else "nianshen.removed_member"
HAS_VERIFY = not IS_NEXT or (Path(__file__).resolve().parents[2] / "ops-next/verify.c").exists()
WIDTHS = ("one lane", "two lanes") if IS_NEXT else ("worker", "two workers")
# Entries of pending submissions that name a member who has to go.
FAILING = """(
    SELECT s.year, s.submission, f.enrolment, f.reason
    FROM nianshen_engine.submission s CROSS JOIN LATERAL unnest(s.failing_enrolments, s.failing_reasons) AS f (enrolment, reason)
)""" if IS_NEXT else "(SELECT s.year, s.submission, e.enrolment, e.reason FROM nianshen.entry e JOIN nianshen.submission s USING (submission_key))"


def workers(count):
    """How so many cores are used: by that many workers, or by the lanes of one."""
    return [["--until-end", f"--lanes={count}"]] if IS_NEXT else [["--until-end"]] * count
