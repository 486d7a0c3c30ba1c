"""Random rosters and files against a model of ten lines: what the clerk's file says is what becomes of the roster."""

from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from conftest import YEAR
from support.desk import Desk, import_file, list_file
from support.people import id_number

EXAMPLES = 20
STRANGER = id_number(480_000)
REASONS = ["retired", "left", "deceased"]


def model(roster, mode, failing, forgotten, stranger):
    """What must come of it: (accepted, roster afterwards)."""
    accepted = not stranger and not (mode == "list" and forgotten)
    return accepted, sorted(set(roster) - set(failing)) if accepted else sorted(roster)


@given(data=st.data())
@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, phases=[Phase.explicit, Phase.generate],
          suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_file_does_what_it_says(main, take, data):
    """Whatever subset fails, in either mode, in any order of rows, with a member forgotten or a stranger listed: as the model says."""
    desk = Desk(main, take(), YEAR)
    roster = desk.unit.id_numbers
    mode = data.draw(st.sampled_from(["import", "list"]), "mode")
    failing = data.draw(st.dictionaries(st.sampled_from(roster), st.sampled_from(REASONS), max_size=len(roster)), "failing")
    forgotten = data.draw(st.lists(st.sampled_from([n for n in roster if n not in failing]), max_size=2, unique=True)
                          if len(failing) < len(roster) else st.just([]), "forgotten")
    stranger = data.draw(st.integers(0, 3), "one in four lists a stranger") == 0
    note(f"{desk.unit.code} {mode}")

    rows = {**failing, **({STRANGER: "left"} if stranger else {})}
    if mode == "import":
        text = import_file(data.draw(st.permutations(sorted(rows.items())), "order"))
    else:
        text = list_file(desk.unit, failing, without=forgotten) + (f"{STRANGER},不通过,离职\r\n" if stranger else "")
    accepted, after = model(roster, mode, failing, forgotten, stranger)

    desk.confirm()
    done = desk.submit(text, "--wait", mode=mode).expect(0 if accepted else 65)
    if accepted:
        submission = done.line
        pending = main.outcomes.wait(desk.unit.code, "member-review.pending", submission=submission).data
        assert (pending["failed"], pending["passed"]) == (len(failing), len(roster) - len(failing))
        desk.approve(submission, pending["digest"], "--wait").expect(0)
        assert main.removed(desk.unit.code) == failing
    assert main.members(desk.unit.code) == after
