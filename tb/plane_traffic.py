"""What macros and arrays have in common for a testbench: weights in one plane or two, which beats exchange."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import numpy

from .scenarios import Traffic
from .scoreboard import Beat
from .testbench import Testbench

__all__ = ["PlaneTraffic", "column_sums", "sliced"]

WeightsT = TypeVar("WeightsT")


class PlaneTraffic(Traffic, Generic[WeightsT]):
    """Traffic of a block that weights are written into first.

    With two weight planes the inactive one is written, also while the other computes, and the next operation exchanges
    them.

    Attributes
    ----------
    planes, tagged : how many planes there are, and whether operations carry a tag
    gated : the columns that share a clock gate, 0 if there are none
    active : the weights that the next operation meets, unless it exchanges the planes
    """

    active: WeightsT

    def __init__(self, bench: Testbench) -> None:
        super().__init__(bench)
        self.planes: int = bench.parameter("planes")
        self.tagged = bool(bench.parameter("tag_bits"))
        self.gated: int = bench.parameter("gated_columns")
        self._swap = False
        self._written: WeightsT | None = None
        self._used = 0

    @abstractmethod
    def draw(self) -> tuple[WeightsT, Sequence[dict[str, Any]]]:
        """New weights, and the beats that write them, in the order of their rows."""

    async def load(self) -> None:
        """Write new weights, and wait until they are in."""
        self.write()
        await self.bench.drain("i_weights")

    def write(self) -> None:
        """Queue new weights, their rows in random order."""
        weights, beats = self.draw()
        fields = self.bench.manifest.streams["i_weights"].names
        for beat in self.random.sample(beats, len(beats)):
            self.bench.send("i_weights", {name: value for name, value in beat.items() if name in fields})
        self._written = weights
        self._swap = self.planes == 2
        if not self._swap:
            self.active = weights

    async def overlap(self) -> bool:
        """Write the inactive plane while operations are under way, when the first of them has exchanged the two."""
        if self.planes == 2:
            await self.exchanged()
            self.write()
        return self.planes == 2

    async def exchanged(self) -> None:
        """Wait until the plane that was read may be written."""
        while not self.bench.monitors["i"].transfers:
            await self.bench.step()

    def exchange(self) -> bool:
        """Whether the operation that is sent now exchanges the planes; `active` is then what was written last."""
        swap, self._swap = self._swap, False
        if swap:
            assert self._written is not None
            self.active = self._written
        return swap

    def used(self, sums: numpy.ndarray) -> tuple[dict[str, int], list[int | None]]:
        """What an operation says of the columns that it uses, often as before, and of its `sums` those."""
        if not self.gated:
            return {}, sums.tolist()
        if self.random.random() < 0.6:
            gates = -(-len(sums) // self.gated)
            self._used = self.random.choice([0, (1 << gates) - 1, *(self.random.getrandbits(gates) for _ in range(6))])
        read = [self._used >> column // self.gated & 1 for column in range(len(sums))]
        return {"used": self._used}, [int(each) if there else None for each, there in zip(sums, read, strict=True)]


def sliced(values: numpy.ndarray, bits: int) -> int:
    """Bit j of value n at `j * len(values) + n`."""
    return sum((int(value) >> j & 1) << (j * len(values) + n) for j in range(bits) for n, value in enumerate(values))


def column_sums(beat: Any, columns: int, width: int, signed: bool) -> Beat:
    """The beat with the sums that its redundant pair stands for: `(sum + carry) mod 2**width` of each column.

    Word k of `sum`, at bit `k * columns`, holds bit k of all columns.
    """
    total = _columns(beat["sum"], columns, width) + _columns(beat["carry"], columns, width)
    sign = 1 << (width - 1) if signed else 0
    sums = ((total & ((1 << width) - 1)) ^ sign) - sign
    return {**{name: value for name, value in beat.items() if name not in ("sum", "carry")}, "sums": sums}


def _columns(word: int, columns: int, planes: int) -> numpy.ndarray:
    size = columns * planes
    raw = numpy.frombuffer(word.to_bytes((size + 7) // 8, "little"), dtype=numpy.uint8)
    matrix = numpy.unpackbits(raw, count=size, bitorder="little").reshape(planes, columns)
    return (matrix.astype(numpy.int64) << numpy.arange(planes)[:, None]).sum(axis=0)
