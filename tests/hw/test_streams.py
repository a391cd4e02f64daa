"""Stream plumbing keeps payloads and order."""

import pytest
from amaranth import signed, unsigned
from amaranth.lib.data import StructLayout

from quadrille.hw.base import Fork, Queue, StreamBuffer

PAYLOAD = StructLayout({"a": signed(4), "b": unsigned(3)})
BEATS = [{"a": n % 16 - 8, "b": n % 7} for n in range(40)]


def values(beats):
    return [{"a": beat.a, "b": beat.b} for _, beat in beats]


@pytest.mark.parametrize("seed", [None, 1, 2, 3])
@pytest.mark.parametrize(
    "make",
    [lambda: StreamBuffer(PAYLOAD), lambda: Queue(PAYLOAD, 1), lambda: Queue(PAYLOAD, 5)],
    ids=["buffer", "queue of 1", "queue of 5"],
)
def test_order_and_payload_are_kept(run_streams, make, seed):
    got = run_streams(make(), {"i": BEATS}, {"o": len(BEATS)}, seed=seed)
    assert values(got["o"]) == BEATS


def test_buffer_sustains_one_beat_per_cycle(run_streams):
    got = run_streams(StreamBuffer(PAYLOAD), {"i": BEATS}, {"o": len(BEATS)})
    cycles = [cycle for cycle, _ in got["o"]]
    assert cycles == list(range(cycles[0], cycles[0] + len(BEATS)))


@pytest.mark.parametrize("seed", [None, 1, 2, 3])
def test_fork_gives_each_way_each_beat_once(run_streams, seed):
    ways = {f"o.{way}": len(BEATS) for way in range(3)}
    got = run_streams(Fork(PAYLOAD, 3), {"i": BEATS}, ways, seed=seed)
    for way in ways:
        assert values(got[way]) == BEATS
