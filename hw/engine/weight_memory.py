"""The weight memory of an accelerator: how many row words it has, mostly found without making any."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property, partial

from quadrille.algo.spec import Conv2d, Linear

from .configuration import Configuration
from .mapping import PADDING, Plan
from .once import Known, Once
from .tiles import WeightTiles
from .weights import Planes, RowWords, planes_of, row_words, weights_of

__all__ = ["WeightMemory"]

BYTE = 8


class WeightMemory:
    """What the weight memory of an accelerator of `configuration` holds for `plans`; `once` may remember what other
    shapes of the same networks' accelerators share.

    Attributes
    ----------
    parts : of each plan what stands there, one behind the other
    heights : the row words of each instruction's tile
    """

    def __init__(self, plans: Sequence[Plan], configuration: Configuration, once: Once | None = None) -> None:
        self.plans, self.configuration, self.once = plans, configuration, once or Known()
        self.parts = [list(row_words(plan, configuration)) for plan in plans]
        self.heights = [strip.rows for parts in self.parts for part in parts for strip in part.strips]

    @cached_property
    def tiles(self) -> WeightTiles:
        """The row words, equal ones once, and where the tiles are cut of them."""
        numbers = {id(layer.matrix): n for n, layer in enumerate(layer for plan in self.plans for layer in plan.layers)}

        def planes(matrix: Linear | Conv2d) -> Planes:
            return self.once(("planes", numbers[id(matrix)]), partial(planes_of, matrix))

        return WeightTiles.of(
            weights for plan in self.plans for weights in weights_of(plan, self.configuration, planes)
        )

    @cached_property
    def rows(self) -> int:
        """The row words.

        Words that are equal are equal in their first columns. So where no part's stand one behind the other among those
        of the parts before it, all is stored; only else are the words made and compared.
        """
        bits = self.configuration.cell_bits
        if bits > BYTE:
            return len(self.tiles.rows)
        # By the bits above which they are seen, a byte of each word so far.
        seen: dict[int, bytearray] = {0: bytearray()}
        for part, sample in self.samples():
            if part.above not in seen:
                seen[part.above] = seen[0].translate(_mask(bits, part.above))
            if sample in seen[part.above]:
                return len(self.tiles.rows)
            for above, known in seen.items():
                known += sample.translate(_mask(bits, above)) if above else sample
        return len(seen[0])

    def samples(self) -> Iterable[tuple[RowWords, bytes]]:
        """Each part with a byte of each of its words: what its first columns hold in the first bank."""
        bits, first = self.configuration.cell_bits, 0
        for plan, parts in zip(self.plans, self.parts, strict=True):
            columns = min(plan.lanes, BYTE // bits)
            for part in parts:
                number, step, channels = first + part.layer, part.steps[0], part.channels[0]
                key = ("sample", number, step.slice, step.outputs[:columns], channels, bits, part.above)
                sample = self.once(key, partial(self.sample, plan, number, part, step.outputs[:columns]))
                yield part, sample.ljust(part.rows, b"\0")
            first += len(plan.layers)

    def sample(self, plan: Plan, number: int, part: RowWords, outputs: Sequence[int]) -> bytes:
        """The cells of `outputs` side by side, in the used rows of `part`; `number` is its layer's among all."""
        step = part.steps[0]
        if step.slice is None:
            return b""
        matrix, bits = plan.layers[part.layer].matrix, self.configuration.cell_bits
        cells = self.once(("cells", number), lambda: bytes(matrix.cell_values()))
        height = matrix.rows
        together = 0
        # All rows at a time, a byte each: no cell reaches into the next.
        for place, output in enumerate(outputs):
            if output != PADDING:
                start = (step.slice * matrix.outputs + output) * height
                together |= int.from_bytes(cells[start : start + height], "little") << place * bits + part.above
        order = self.once(("order", number, part.channels[0]), partial(plan.rows_under, part.layer, part.channels[0]))
        return bytes(map(together.to_bytes(height, "little").__getitem__, order))


def _mask(bits: int, above: int) -> bytes:
    """A table that leaves of each of the cells of `bits` bits in a byte those bits that are seen."""
    cell = (1 << bits) - 1 >> above << above
    mask = sum(cell << place for place in range(0, BYTE - bits + 1, bits))
    return bytes(value & mask for value in range(256))
