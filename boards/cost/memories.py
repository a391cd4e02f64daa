"""Which memories of an FPGA family or a memory compiler a memory takes, as Yosys and `boards.asic.memories` choose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from ..asic.memories import LEAST_BITS, LEAST_WORDS
from .parts import Memory, Product

__all__ = ["BLOCKS", "Blocks", "Placed", "placed_in_cells"]

MUX = 0.5
"""What Yosys counts for a bit of a multiplexer behind memories that stand one above the other."""


class Placed(NamedTuple):
    """What a memory takes: blocks, and in `features` what is around them."""

    block_rams: int
    memory_luts: int
    memory_bits: int
    features: Mapping[str, float]


@dataclass(frozen=True)
class Blocks:
    """Memories and multipliers of an FPGA family.

    Attributes
    ----------
    small : words, bits and look-up tables of distributed memories, the cheapest for its depth first in Yosys' eyes
    small_cost : of one of them, as Yosys counts, `by_bit` of what is used of it, or as a whole
    large : words, bits and how many halves or wholes of a block of each shape, and what it costs
    emulated : what Yosys adds to a block that reads not the old word but nothing sure when that is written; 0 where
        blocks read the old word. Then registers and a comparison stand beside it
    multiplier : widths of a signed multiplier; least : bits of an operand, and of a product, that it is taken for
    """

    small: tuple[tuple[int, int, int], ...]
    small_cost: float
    by_bit: bool
    large: tuple[tuple[int, int, int, float], ...]
    emulated: float
    multiplier: tuple[int, int]
    least: tuple[int, int]

    def place(self, memory: Memory) -> Placed:
        """Distributed or in blocks, whichever Yosys counts as less."""
        return _place(self, memory)

    def multipliers(self, product: Product) -> int:
        """How many multipliers its products take; 0 if look-up tables make them."""
        small, large = sorted((product.a, product.b))
        operand, result = self.least
        if small < operand or (product.bits or small + large) < result:
            return 0
        return product.number * -(-small // self.multiplier[0]) * -(-large // self.multiplier[1])


@lru_cache(maxsize=16384)
def _place(blocks: Blocks, memory: Memory) -> Placed:
    depth, width = max(2, memory.depth), memory.width
    best: tuple[float, Placed] | None = None
    for words, bits, luts in blocks.small:
        layers = -(-depth // words)
        units = -(-width // bits) * layers
        mux = width * (layers - 1)
        cost = blocks.small_cost * (width / bits * layers if blocks.by_bit else units) + MUX * mux
        if best is None or cost < best[0]:
            features = {"distributed bits": width, "layer muxes": mux, "layers": layers - 1}
            best = cost, Placed(0, luts * units, 0, features)
    for words, bits, halves, price in blocks.large:
        layers = -(-depth // words)
        units = -(-width // bits) * layers
        cost = price * units + MUX * width * (layers - 1) + blocks.emulated
        if best is None or cost < best[0]:
            around = "emulated bits" if blocks.emulated else "block bits"
            features = {around: width, "block muxes": width * (layers - 1)}
            best = cost, Placed(halves * units, 0, 0, features)
    assert best is not None
    return best[1]


@lru_cache(maxsize=16384)
def placed_in_cells(memory: Memory) -> Placed:
    """A macro, or flip-flops where it is too small for one."""
    depth, width = max(2, memory.depth), memory.width
    if depth < LEAST_WORDS or depth * width < LEAST_BITS:
        features = {"stored bits": depth * width, "read bits": width, "words": depth}
        return Placed(0, 0, 0, features)
    return Placed(0, 0, depth * width, {"forwarded bits": width * memory.forwards})


def _powers(words: int, bits: int, least: int, halves: int, price: float) -> tuple[tuple[int, int, int, float], ...]:
    """Shapes of one block: half as wide and twice as deep, from `words` x `bits` down to `least` bits; below 9 bits the
    parity bits are lost."""
    found: list[tuple[int, int, int, float]] = []
    while bits >= least:
        found.append((words, bits, halves, price))
        words, bits = 2 * words, bits // 2 if bits != 9 else 4
    return tuple(found)


XILINX = Blocks(
    small=((64, 7, 8), (32, 14, 8)),
    small_cost=16.0,
    by_bit=True,
    large=(*_powers(512, 36, 1, 1, 129.0), *_powers(512, 72, 1, 2, 257.0)),
    emulated=0.0,
    multiplier=(18, 27),
    least=(2, 9),
)
BLOCKS: Mapping[str, Blocks] = {
    "ultrascale+": XILINX,
    "ecp5": Blocks(
        small=((16, 4, 6),),
        small_cost=4.0,
        by_bit=False,
        large=_powers(512, 36, 1, 1, 128.0),
        emulated=12.0,
        multiplier=(18, 18),
        least=(2, 0),
    ),
}
"""What each family has."""
