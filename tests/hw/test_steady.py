"""Leaving out what repeats changes no time: the steady replay against the one that goes through every window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quadrille.hw.engine.cut_replay import CutReplay
from quadrille.hw.engine.replay import Pipeline, Replay
from quadrille.hw.engine.steady import MOVED, SteadyCutReplay, SteadyReplay, played
from quadrille.hw.engine.timing import Batch, Stage, Timing

COUNTS = st.integers(1, 5)


@st.composite
def stages(draw: st.DrawFn, *, last: bool, packed: bool) -> Stage:
    """An instruction with any proportions; `packed`: the last one's slots leave as words."""
    completes = draw(st.lists(st.booleans(), min_size=1, max_size=6))
    if last:
        completes[-1] = True
    down, across = draw(st.integers(1, 9)), draw(st.integers(1, 12))
    pool = draw(st.sampled_from([(1, 1), (1, 1), (2, 2), (3, 2), (2, 3)]))
    return Stage(
        layer="layer",
        barrier=draw(st.booleans()),
        first_reads=draw(st.integers(1, 9)),
        next_reads=draw(st.integers(1, 6)),
        down=down,
        across=across,
        planes=draw(st.integers(1, 9)),
        rows=draw(st.integers(1, 40)),
        completes=tuple(completes),
        words=tuple(draw(COUNTS) for done in completes if done) if last and packed else (),
        index=last and not packed,
        pool=(min(pool[0], down), min(pool[1], across)),
    )


@st.composite
def timings(draw: st.DrawFn, *, cut: bool = False) -> Timing:
    """An accelerator of any latencies with the instructions of one or two modes; `cut` in any way."""
    packed = draw(st.booleans())
    modes = draw(st.integers(1, 2))
    units = draw(st.lists(st.integers(0, 6), max_size=4))
    programs: list[Sequence[Stage]] = []
    for _ in range(modes):
        count = draw(st.integers(1, 4))
        programs.append([draw(stages(last=n == count - 1, packed=packed)) for n in range(count)])
    return Timing(
        modes=tuple(tuple(program) for program in programs),
        switches=modes > 1,
        whole=draw(st.booleans()),
        frames=draw(st.integers(1, 6)),
        input_words=draw(st.integers(1, 30)),
        weight_planes=draw(st.integers(1, 2)),
        latencies=(draw(COUNTS), draw(COUNTS), draw(COUNTS), *units),
        pooling=draw(st.sampled_from(range(len(units)))) if units and draw(st.booleans()) else None,
        settling=sum(units) + 1,
        argmax_latency=draw(st.integers(1, 4)),
        walk_cuts=draw(st.integers(0, 2)) if cut else 0,
        patch_cuts=draw(st.integers(0, 3)) if cut else 0,
        buffers=draw(st.integers(0, 1)) if cut else 0,
    )


@pytest.mark.parametrize("cut", [False, True])
@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.data())
def test_every_clock_is_that_of_the_whole_replay(cut: bool, data: st.DataObject) -> None:
    timing = data.draw(timings(cut=cut))
    kinds = (CutReplay, SteadyCutReplay) if cut else (Replay, SteadyReplay)
    whole, steady = (kind(timing, spans=[]) for kind in kinds)
    without = kinds[1](timing)  # then ends of batches are left out too
    for _ in range(data.draw(st.integers(1, 6))):
        count = data.draw(st.sampled_from([timing.frames, timing.frames, 1]))
        mode = data.draw(st.integers(0, len(timing.modes) - 1))
        for replay in (whole, steady, without):
            replay.batch(count, mode, int(timing.switches))
        for name in {*Replay.CLOCKS, *MOVED, "words_free", "load_start", "tiles", "resident"}:
            assert getattr(whole, name) == getattr(steady, name) == getattr(without, name), name
    assert whole.spans == steady.spans


@pytest.mark.parametrize("cut", [False, True])
@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.data())
def test_cycles_of_an_image_are_those_of_a_further_batch(cut: bool, data: st.DataObject) -> None:
    timing = data.draw(timings(cut=cut))
    whole, outputs = (CutReplay if cut else Replay)(timing), [0]
    for number in range(4):
        whole.batch(timing.frames, 0, int(timing.switches and number == 0))
        outputs.append(whole.output)
    assert timing.cycles_per_image() == (outputs[4] - outputs[3]) / timing.frames
    assert [timing.cycles(number * timing.frames) - 1 for number in range(1, 5)] == outputs[1:]


@settings(derandomize=True, deadline=None, max_examples=60)
@given(timings(), st.lists(st.tuples(COUNTS, st.integers(0, 1)), min_size=1, max_size=6))
def test_a_run_is_its_batches_one_after_the_other(timing: Timing, chosen: list[tuple[int, int]]) -> None:
    batches = [
        Batch(min(count, timing.frames), mode % len(timing.modes), int(timing.switches)) for count, mode in chosen
    ]
    whole = Replay(timing)
    for batch in batches:
        whole.batch(batch.images, batch.mode, batch.packets)
    assert timing.run(batches) == whole.output + 1


PLAIN = Timing(
    modes=(),
    switches=False,
    whole=False,
    frames=1,
    input_words=4,
    weight_planes=2,
    latencies=(3, 4, 5),
    pooling=None,
    settling=1,
    argmax_latency=2,
    walk_cuts=0,
    patch_cuts=0,
    buffers=0,
)


@pytest.mark.parametrize("words", [(), (3,)], ids=["an index leaves", "values leave"])
def test_large_maps_cost_no_more_than_small_ones(words: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    moved = 0
    waits = Pipeline.emerge

    def emerge(self: Pipeline, entered: int) -> int:
        nonlocal moved
        moved += 1
        return waits(self, entered)

    monkeypatch.setattr(Pipeline, "emerge", emerge)
    costs: list[int] = []
    for size in (20, 400):
        stage = Stage("layer", True, 6, 2, size, size, 4, 8, (False, True), words, not words, (2, 2))
        played.cache_clear()
        moved = 0
        SteadyReplay(replace(PLAIN, modes=((stage,),))).batch(1)
        costs.append(moved)
    assert 0 < costs[0] == costs[1] < 400
