"""Small histories in every order that Kafka allows and in every split into micro-batches: one state each, and the one that the rules name.

Each (order, split) of a shape (model/shapes.py) is played through the review engine in memory, from the empty state. NIANSHEN_SHAPES="word"
chooses the shapes that have it in their name.
"""

import os
import time

import played
from model import shapes
from model.history import TOPICS
from test_histories import way_text

SHAPES_MIN, WAYS_MIN = 1000, 140_000
PLAYED_TOGETHER = 40  # shapes a run of the player
SHOWN = 5
WORD = os.environ.get("NIANSHEN_SHAPES", "")


def test_every_order_and_split_ends_alike(capsys):
    """One end for each shape, whatever the order of the topics and wherever the micro-batches end; and the reference model's."""
    started, count, wrong = time.monotonic(), 0, {}
    chosen = [shape for shape in shapes.all_shapes() if WORD in shape.name]
    for first in range(0, len(chosen), PLAYED_TOGETHER):
        prepared = [prepare(shape) for shape in chosen[first: first + PLAYED_TOGETHER]]
        count += sum(len(ways) for _, ways in prepared)
        for shape, (one, ways), states in zip(chosen[first:], prepared, played.play(prepared)):
            if found := played.differences(one, states):
                wrong[shape.name] = told(shape, ways, found)
    with capsys.disabled():
        print(f"\nsummary: {len(chosen)} shapes, {count} pairs of order and split in {time.monotonic() - started:.0f} s")
    assert not wrong, f"{len(wrong)} shapes are not as the rules say, the first ones:\n" + "\n\n".join(list(wrong.values())[:SHOWN])
    if not WORD:
        assert len(chosen) >= SHAPES_MIN and count >= WAYS_MIN


def prepare(shape):
    one = played.scripted(shape.history)
    return one, list(shapes.ways([len(one.sent[topic]) for topic in TOPICS]))


def told(shape, ways, found):
    number, rows = found[0]
    return "\n".join([shape.name, str(shape.history), f"in {len(found)} of {len(ways)} ways, such as {way_text(ways[number])}", *rows])
