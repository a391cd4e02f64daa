"""The scoreboard and the stream rules on their own, against signals that are plain objects."""

from __future__ import annotations

from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from quadrille.algo.spec import InvalidInput
from quadrille.tb.fields import Field
from quadrille.tb.manifest import StreamPort
from quadrille.tb.scoreboard import Beat, Mismatch, Scoreboard
from quadrille.tb.streams import StreamFault, StreamMonitor, StreamSink, StreamSource, Transfer

FIELDS = (Field("value", 0, 4, signed=True, dimensions=((2, 4),)), Field("tag", 8, 2))
STREAM = StreamPort("o", "out", "valid", "ready", "payload", 10, FIELDS)


def payload(values: list[int], tag: int) -> int:
    return STREAM.pack({"value": values, "tag": tag})


def design(**values: int) -> SimpleNamespace:
    return SimpleNamespace(**{name: SimpleNamespace(value=value) for name, value in values.items()})


def test_beats_are_compared_in_order() -> None:
    board = Scoreboard(STREAM, "block[a=1]")
    board.expect({"value": [1, -2], "tag": 3})
    board.expect({"value": [None, 5]})
    assert board.missing == 2
    board.check(Transfer(4, payload([1, -2], 3)))
    board.check(Transfer(5, payload([7, 5], 1)))
    board.finish()


@pytest.mark.parametrize(
    ("beat", "message"),
    [
        (payload([1, 3], 3), r"^block\[a=1\]: stream o beat 0 at cycle 9: field value lane 1 expected -2, got 3$"),
        (
            payload([0, 3], 3),
            r"^block\[a=1\]: stream o beat 0 at cycle 9: field value lane 0 expected 1, got 0, and 1 more lanes$",
        ),
        (payload([1, -2], 0), r"^block\[a=1\]: stream o beat 0 at cycle 9: field tag expected 3, got 0$"),
    ],
)
def test_a_mismatch_names_field_lane_beat_and_cycle(beat: int, message: str) -> None:
    board = Scoreboard(STREAM, "block[a=1]")
    board.expect({"value": [1, -2], "tag": 3})
    with pytest.raises(Mismatch, match=message):
        board.check(Transfer(9, beat))


def test_surplus_and_missing_beats() -> None:
    board = Scoreboard(STREAM, "block")
    with pytest.raises(Mismatch, match=r"^block: stream o beat 0 at cycle 1: no beat was expected, got "):
        board.check(Transfer(1, 0))
    board.expect({"tag": 0})
    with pytest.raises(Mismatch, match=r"^block: stream o must deliver 1 beats, not 0$"):
        board.finish()
    board.reset()
    board.finish()


def test_a_beat_may_be_seen_through_a_function() -> None:
    def total(beat: Any) -> Beat:
        return {"total": [sum(beat["value"])]}

    board = Scoreboard(STREAM, "block", total)
    board.expect({"total": [5]})
    board.check(Transfer(0, payload([2, 3], 0)))
    board.expect({"total": [5, 6]})
    with pytest.raises(Mismatch, match=r"field total must have 2 lanes, not 1$"):
        board.check(Transfer(0, payload([2, 3], 0)))


def test_the_monitor_holds_streams_to_their_rules() -> None:
    signals = design(valid=1, ready=0, payload=5)
    monitor = StreamMonitor(signals, STREAM)
    monitor.sample(0)
    assert monitor.valid and not monitor.moved
    signals.payload.value = 6
    with pytest.raises(StreamFault, match=r"^Stream o must keep its payload until ready, not change value in cycle 1$"):
        monitor.sample(1)
    signals.valid.value = 0
    with pytest.raises(StreamFault, match=r"^Stream o must keep valid until ready, not drop it in cycle 2$"):
        monitor.sample(2)
    monitor.reset()
    monitor.sample(3)
    signals.valid.value = signals.ready.value = 1
    monitor.sample(4)
    assert monitor.transfers == [Transfer(4, 6)]


def test_a_reluctant_sink_waits_for_valid() -> None:
    signals = design(valid=0, ready=0, payload=0)
    monitor = StreamMonitor(signals, STREAM)
    sink = StreamSink(signals, monitor)
    sink.reluctant = True
    seen = []
    for valid in (0, 1, 1, 1, 1):
        signals.valid.value = valid
        monitor.sample(0)
        sink.drive()
        seen.append(signals.ready.value)
    assert seen == [0, 1, 0, 1, 0]


def test_ends_lead_the_right_way() -> None:
    signals = design(valid=0, ready=0, payload=0)
    monitor = StreamMonitor(signals, STREAM)
    with pytest.raises(InvalidInput, match=r"^Stream o must lead into the design with a valid to be fed$"):
        StreamSource(signals, monitor, Random(1))
    into = StreamPort("i", "in", "valid", "ready", "payload", 10, FIELDS)
    with pytest.raises(InvalidInput, match=r"^Stream i must lead out of the design with a ready to be stalled$"):
        StreamSink(signals, StreamMonitor(signals, into))
