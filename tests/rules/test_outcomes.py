"""What the engine answers is as schemas/ describes it, with a validator that is not ours; and who has to wait is told whom for."""

import datetime
import json

import played
import outcome_schemas
from model import history, shapes
from model.history import TOPICS

HISTORIES = 300


def headers_of(outcome):
    """As the worker sends it."""
    time = datetime.datetime.fromtimestamp(outcome["time_ms"] / 1000, datetime.UTC)
    headers = {"ce_specversion": "1.0", "ce_id": outcome["id"], "ce_source": "nianshen-worker", "ce_type": outcome["type"],
               "ce_time": time.isoformat(timespec="milliseconds").replace("+00:00", "Z"), "content-type": "application/json"}
    return headers if outcome["causation"] is None else {**headers, "ce_causationid": outcome["causation"]}


def one_by_one(script, order=TOPICS):
    return [[(topic, place)] for topic in order for place in range(len(script.sent[topic]))]


def outcomes_of(histories, order=TOPICS):
    """(history, outcome): all that is answered, also what is advisory."""
    scripts = [played.scripted(one) for one in histories]
    for one, (state,) in zip(scripts, played.play((one, [one_by_one(one, order)]) for one in scripts)):
        yield from ((one, outcome) for outcome in state.answer["outcomes"])


def test_outcomes_are_as_the_schemas_say():
    seen = set()
    for order in (TOPICS, TOPICS[::-1]):
        for one, outcome in outcomes_of(history.drawn(HISTORIES, 0), order):
            data = outcome_schemas.check(headers_of(outcome), json.dumps(outcome["body"]).encode())
            promised = set(outcome_schemas.load(f"{outcome['type']}.json")["properties"])
            assert set(data) == promised, f"{one}\n{outcome}"
            seen.add(outcome["type"])
    assert seen == set(outcome_schemas.load("defs.json")["$defs"]["outcome_headers"]["properties"]["ce_type"]["enum"])


def test_who_waits_is_told_what_for():
    """The submission in front, or the unit review; a decision only while nobody knows its submission."""
    fronts = set()
    for shape in shapes.all_shapes():
        if not shape.name.startswith("reviewed / two submissions") and "waits for another review" not in shape.name:
            continue
        for _, outcome in outcomes_of([shape.history]):
            if outcome["type"] == "nianshen.member-review.waiting.v1":
                body = outcome["body"]
                fronts.add((body["submission"], body["code"], body["behind"]))
    assert fronts == {("s2", "behind-earlier", "s1"), ("s1", "unit-review-missing", None)}


def waiting_decisions(steps, order):
    one = history.History({"unit-review": [shapes.review()], "member-review": steps, "approval": [shapes.decided()]})
    return [o["body"]["code"] for _, o in outcomes_of([one], order) if o["type"] == "nianshen.decision.waiting.v1"]


def test_decision_on_nothing_is_told():
    assert waiting_decisions([], TOPICS) == ["submission-unknown"]
    assert waiting_decisions(shapes.ONE, TOPICS[::-1]) == ["submission-unknown"]
    assert waiting_decisions(shapes.ONE, TOPICS) == []
    assert waiting_decisions(shapes.TWO[:1], TOPICS) == [], "its submission is known, if not complete"
