"""The exact cycle count of a Program: the accelerator's handshakes replayed event by event, not cycle by cycle.

Nothing waits outside the accelerator: a data word is always offered, an output word always taken. Cycle 0 is that in
which the first batch's header word is accepted, or that of a packet before it, straight after the word that starts the
program.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cached_property, partial
from typing import NamedTuple

from quadrille.algo.spec.array_precision import UNIT_SCHEMES

from .configuration import Configuration
from .delays import Delays
from .instructions import slides
from .layers import Layer
from .mapping import Plan, Tile, precision_of
from .once import Known
from .replay import Replay, Span

__all__ = ["Batch", "Stage", "Timing", "Windows", "stages_of", "window_cycles"]


class Windows(NamedTuple):
    """The windows of an instruction for an image, `down` rows of `across`, by the fields of `Stage`; `steps` are the
    cycles that the column reader takes for each."""

    first_reads: int
    next_reads: int
    down: int
    across: int
    planes: int
    steps: int


@dataclass(frozen=True)
class Stage:
    """An instruction: what it takes at each window.

    Attributes
    ----------
    first_reads, next_reads : words read for the first window of a row, and for each of the others
    down, across : windows
    planes : cycles of the macro or array
    rows : row words of the tile, a cycle each
    completes : for each column step, whether it completes a slot of results
    words : data words of each completed slot, where the results leave packed; else empty
    index : whether the last slot of a window makes a result index leave
    pool : height and width of the windows that are pooled into one, (1, 1) without
    """

    layer: str
    barrier: bool
    first_reads: int
    next_reads: int
    down: int
    across: int
    planes: int
    rows: int
    completes: tuple[bool, ...]
    words: tuple[int, ...]
    index: bool
    pool: tuple[int, int]

    @cached_property
    def windows(self) -> Windows:
        """What its windows take until the column reader lets go of them."""
        return Windows(self.first_reads, self.next_reads, self.down, self.across, self.planes, len(self.completes))

    @cached_property
    def last_complete(self) -> int | None:
        """The last step that completes a slot."""
        return max((n for n, complete in enumerate(self.completes) if complete), default=None)


@dataclass(frozen=True)
class Batch:
    """`images` images that run in the mode of number `mode`, behind `packets` packets that choose or draw modes."""

    images: int
    mode: int = 0
    packets: int = 0


@dataclass(frozen=True)
class Timing:
    """Cycle counts for batches of images.

    Attributes
    ----------
    modes : of each the instructions
    switches : whether the hardware has several modes: then nothing is loaded before a batch's mode is known, and a run
        begins with a packet that chooses it
    frames : most images of a batch
    input_words : data words of an image
    weight_planes : 1 or 2
    latencies : of macro, converter, dequantizer and the units behind it
    pooling : the number of the unit that pools, None if there is none
    settling : cycles from a result of the dequantizer until it is stored
    argmax_latency : cycles from the last value to its index
    walk_cuts, patch_cuts, buffers : as of `Configuration`
    """

    modes: tuple[tuple[Stage, ...], ...]
    switches: bool
    whole: bool
    frames: int
    input_words: int
    weight_planes: int
    latencies: tuple[int, ...]
    pooling: int | None
    settling: int
    argmax_latency: int = 2
    walk_cuts: int = 0
    patch_cuts: int = 0
    buffers: int = 0

    @classmethod
    def of(
        cls,
        plans: Sequence[Plan],
        configuration: Configuration,
        delays: Delays,
        stages: tuple[tuple[Stage, ...], ...],
    ) -> Timing:
        """The timing of the modes `plans`, whose `stages` are those of `stages_of`."""
        return cls(
            stages,
            configuration.modes > 1,
            configuration.engine == "mac",
            configuration.frames,
            plans[0].placement.image.size // configuration.elements_per_word,
            configuration.weight_planes,
            delays.latencies,
            delays.pooling,
            delays.settling,
            2 + configuration.lane_cuts,
            configuration.walk_cuts,
            configuration.patch_cuts,
            configuration.buffers,
        )

    @property
    def hardware(self) -> tuple[object, ...]:
        """All but the instructions."""
        return tuple(getattr(self, field.name) for field in fields(self) if field.name != "modes")

    def batches(self, images: int) -> list[int]:
        """The sizes of the batches that `images` images are sent in."""
        full, rest = divmod(images, self.frames)
        return [self.frames] * full + [rest] * (rest > 0)

    def replay(self, spans: list[Span] | None = None) -> Replay:
        """The accelerator from its reset on; `spans`, if given, is filled with what happens when."""
        from .steady import SteadyCutReplay, SteadyReplay

        if self.walk_cuts or self.patch_cuts or self.buffers:
            return SteadyCutReplay(self, spans)
        return SteadyReplay(self, spans)

    def run(self, batches: Iterable[Batch]) -> int:
        """Cycles of one batch after the other, from the first header word or packet to the last output word.

        A batch that finds the accelerator in a state in which one like it has found it is not replayed again.
        """
        replay = self.replay()
        seen: dict[object, tuple[Replay, int]] = {}  # what came of it, and the last output before it
        for batch in batches:
            key, before = (replay.state(), batch), replay.output
            if key in seen:
                after, then = seen[key]
                replay = after.later(before - then)
                continue
            replay = replay.later(0)
            replay.batch(batch.images, batch.mode, batch.packets)
            seen[key] = replay, before
        return replay.output + 1

    def cycles(self, images: int, mode: int = 0) -> int:
        """Cycles from the first header word to the last output word, both included, for `images` images in one mode.

        Once two full batches have left the accelerator in the same state, all further full batches take as long as
        the second did: that many cycles are added, not replayed.
        """
        replay = self.replay()
        full, rest = divmod(images, self.frames)
        before, state = 0, None
        packets = int(self.switches)
        while full:
            replay.batch(self.frames, mode, packets)
            packets = 0
            full -= 1
            now = replay.state()
            if now == state and full:
                # The halves of the input memory take turns: an even number of batches leaves them as they are.
                pairs = full // 2
                replay.advance(2 * pairs * (replay.output - before))
                full -= 2 * pairs
                state = None
                continue
            before, state = replay.output, now
        if rest:
            replay.batch(rest, mode, packets)
        return replay.output + 1

    def cycles_per_image(self, mode: int = 0) -> float:
        """Of full batches back to back: the fourth, which finds the accelerator as all after it do; or one before it
        that leaves the accelerator as the batch before did."""
        if mode not in self.steady_cycles:
            self.steady_cycles[mode] = self._cycles_per_image(mode)
        return self.steady_cycles[mode]

    @cached_property
    def steady_cycles(self) -> dict[int, float]:
        """Cycles per image in the modes that have been asked about."""
        return {}

    def _cycles_per_image(self, mode: int) -> float:
        replay, before, state = self.replay(), 0, None
        for number in range(4):
            before, then = replay.output, state
            replay.batch(self.frames, mode, int(self.switches and number == 0))
            state = replay.state()
            if state == then:
                break
        return (replay.output - before) / self.frames

    def batch_cycles(self, images: int, mode: int = 0) -> int:
        """Cycles that one batch of `images` images takes alone."""
        return self.run([Batch(images, mode, int(self.switches))])

    def schedule(self, images: int | None = None, mode: int = 0) -> tuple[Span, ...]:
        """For one batch (by default a full one), when each instruction's weights are loaded and when it computes."""
        replay = self.replay(spans=[])
        replay.batch(self.frames if images is None else images, mode, int(self.switches))
        assert replay.spans is not None
        return tuple(replay.spans)


def window_cycles(layer: Layer, unit: str | None) -> int:
    """Cycles of a window: a plane each in a macro, what the unit takes in an array."""
    return layer.edge.format.bits if unit is None else UNIT_SCHEMES[unit].cycles(precision_of(layer).mode)


def stages_of(
    plans: Sequence[Plan], configuration: Configuration, rows: Sequence[int]
) -> tuple[tuple[Stage, ...], ...]:
    """Of each of the modes `plans` the instructions; `rows` are the row words of the tiles of all."""
    left = iter(rows)
    return tuple(tuple(_stages(plan, configuration, left)) for plan in plans)


def _stages(plan: Plan, configuration: Configuration, rows: Iterator[int]) -> Iterator[Stage]:
    """Those of one mode; `rows` has their row words."""
    known = Known()
    for tile in plan.tiles:
        # What is read for a tile is read again for the next columns of its rows.
        reads = known((tile.layer, tile.group, tile.indices), partial(_reads, plan, configuration, tile))
        yield _stage(plan, configuration, tile, next(rows), reads)


def _reads(plan: Plan, configuration: Configuration, tile: Tile) -> tuple[int, int]:
    """Words read for the first window of a row, and for each of the others."""
    layer = plan.layers[tile.layer]
    feature = layer.source != plan.network.input.name
    place = plan.placement.features[layer.source] if feature else plan.placement.image
    height, width = layer.window.kernel
    offset = tile.group * (layer.shape[0] // layer.window.groups)

    def words(tap: int) -> int:
        """Words read under a tap."""
        under = [bank.under(tap) for bank in tile.channels]
        channels = range(under[0].start, under[-1].stop)
        low, high = offset + channels.start, offset + channels.stop
        # Pixels that share words are aligned to their pitch, so that only those of whole words can cross.
        found = (high - 1) // configuration.word - low // configuration.word + 1 if len(channels) else 1
        return found if place.pitch >= configuration.word else 1

    def reads(first_column: int) -> int:
        """Words read for the tap columns from `first_column` on."""
        if all(bank.even for bank in tile.channels):
            return (width - first_column) * height * words(0)
        return sum(words(i * width + j) for j in range(first_column, width) for i in range(height))

    shared = max(0, width - layer.window.stride[1]) if slides(layer, tile) else 0
    return reads(0), reads(shared)


def _stage(plan: Plan, configuration: Configuration, tile: Tile, rows: int, reads: tuple[int, int]) -> Stage:
    """What the instruction of `tile`, of `rows` row words, takes."""
    layer = plan.layers[tile.layer]
    down, across = layer.windows
    words, index = (), False
    if tile.layer == len(plan.layers) - 1:
        lanes, outputs = plan.lanes, layer.matrix.outputs
        done = [step.slot for step in tile.steps if step.last]
        index = plan.argmax is not None and -(-outputs // lanes) - 1 in done
        if plan.argmax is None:
            words = tuple(-(-min(lanes, outputs - slot * lanes) // configuration.results_per_word) for slot in done)
    return Stage(
        layer=layer.matrix.name,
        barrier=tile.barrier,
        first_reads=reads[0],
        next_reads=reads[1],
        down=down,
        across=across,
        planes=window_cycles(layer, plan.unit),
        rows=rows,
        completes=tuple([step.last for step in tile.steps]),
        words=words,
        index=index,
        pool=(layer.pool.window.kernel[0], layer.pool.window.kernel[1]) if layer.pool else (1, 1),
    )
