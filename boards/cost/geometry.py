"""Widths and counts of an accelerator as plain integers: what its layouts have, without building a layout."""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import NamedTuple

from quadrille.hw.base.columns import gates_of
from quadrille.hw.base.compress import COMPRESSORS, next_level, spread
from quadrille.hw.engine import Configuration

__all__ = ["Geometry", "Tree", "accumulator", "address_bits", "count_bits", "store_row", "tree"]


def address_bits(depth: int) -> int:
    """Width of an address among `depth` places, at least one bit."""
    return max(1, (depth - 1).bit_length())


def count_bits(most: int) -> int:
    """Width of a count from 0 to `most`."""
    return most.bit_length()


class Tree(NamedTuple):
    """A compressor tree of one column: the `size` of its adders, in full adders, its levels, the words that register
    cuts hold, and how many words of each weight are left."""

    size: int
    levels: int
    cut_words: int
    left: tuple[tuple[int, int], ...]


@lru_cache(maxsize=4096)
def tree(
    counts: tuple[tuple[int, int], ...],
    modulus: int | None,
    compressor: str = "full-adders",
    cuts: int = 0,
    before: int = 0,
    behind: int = 0,
) -> Tree:
    """The tree over `counts`, words by weight, as `hw.base.compress` builds it."""
    at, size, words = dict(counts), 0, [sum(count for _, count in counts)]
    adders = COMPRESSORS[compressor].adders
    while any(count > 2 for count in at.values()):
        uses, at = next_level(at, adders, modulus)
        size += sum(use.adder.size for use in uses)
        words.append(sum(at.values()))
    depth = len(words) - 1
    cut_words = sum(words[place] for place in spread(cuts, depth, before=before, behind=behind))
    return Tree(size, depth, cut_words, tuple(sorted(at.items())))


@lru_cache(maxsize=4096)
def accumulator(planes: tuple[tuple[int, int], ...], bits: int, signed: bool) -> Tree:
    """The tree that doubles sums of `bits` bits and adds words of a plane to them: what it takes, and leaves.

    The tree is built for two words of each weight of the sums; where it leaves one, the other is 0.
    """
    own = dict(planes)
    addends = {
        weight: (2 if signed else own.get(weight, 0)) + 2 * (weight > 0) + (signed and weight == 1)
        for weight in range(bits)
    }
    return tree(tuple(addends.items()), bits)


class Geometry:
    """What the components of an accelerator of `configuration` are sized by; equal to the widths of its layouts."""

    def __init__(self, configuration: Configuration):
        self.of = configuration
        c = configuration
        cim = c.engine == "cim"
        self.columns = c.columns * c.macros
        self.gates = gates_of(self.columns, c.gated_columns)
        self.compressor = c.compressor
        self.lanes = c.lanes
        self.window_rows = c.window_rows
        self.code_bits = c.code_bits
        self.partial_bits, self.reference_bits = _sums(
            c.engine, c.activation_bits, c.signed, c.cell_bits, c.window_rows, self.code_bits
        )
        self.table_address = address_bits(c.table_rows)
        self.position = address_bits(c.accumulators)
        self.route = address_bits(c.routes)
        self.steps = count_bits(c.steps)
        words = max(2, 2 * c.input_words, c.feature_words)
        self.word_address = (words - 1).bit_length()
        self.element = self.word_address + (c.word - 1).bit_length()
        self.map = count_bits(c.map_size)
        self.kernel = count_bits(c.kernel_size)
        self.row = count_bits(c.window_rows)
        self.row_address = address_bits(c.window_rows)
        self.tag = self.steps + self.table_address + self.position
        self.destination = 9 + address_bits(c.bias_rows) + count_bits(c.lanes)
        self.weight_row = c.banks * (self.columns * c.cell_bits + cim)
        self.weight_address = address_bits(c.weight_rows)
        self.precision = 0 if cim else address_bits(len(c.precisions))
        taps = count_bits(c.kernel_size**2)
        self.instruction = (
            7 * self.element
            + 6 * self.map
            + 5 * self.kernel
            + c.banks * (32 + 2 * taps + 2 * self.row)
            + count_bits(c.activation_bits)
            + self.precision
            + self.tag
            + 5
        )
        self.count = count_bits(c.frames)
        self.job = self.instruction + self.count + 2
        self.tile = self.weight_address + self.row + 1 + (0 if cim else self.row + self.weight_address + self.precision)
        self.dequantizer_row = (
            c.lanes * c.mantissa_bits
            + 2
            + address_bits(c.steps)
            + address_bits(c.bias_rows)
            + c.shift_bits
            + 2 * c.result_bits
            + self.route
            + self.destination
        )

    @cached_property
    def converter_common(self) -> int:
        """Bits of a row of the converter's table that all lanes share."""
        weight = count_bits(1 << (self.of.cell_bits - 1))
        return 3 + weight + (0 if self.of.converter == "exact" else self.code_bits)

    @cached_property
    def converter_row(self) -> int:
        """Bits of a row of the converter's table."""
        c = self.of
        lane = {
            "exact": 0,
            "ladder": ((1 << c.adc_bits) - 1) * self.code_bits,
            "multiply-shift": c.multiplier_bits + c.offset_bits,
        }[c.converter]
        return self.converter_common + c.lanes * lane

    @cached_property
    def line_bits(self) -> int:
        """Bits of the line of a multiply-shift converter."""
        c = self.of
        product = ((1 << c.multiplier_bits) - 1) << (self.code_bits - 1)
        return max(product, 1 << (c.offset_bits - 1)).bit_length() + 2

    @cached_property
    def store_address(self) -> int:
        """Width of a group's address in the feature memory."""
        c = self.of
        return address_bits(c.word // c.lanes * c.feature_words)

    @cached_property
    def pool_row(self) -> int:
        """Bits of a row of the pooling unit's table."""
        return 2 + self.steps + 4 * self.map

    @cached_property
    def residual_row(self) -> int:
        """Bits of a row of the residual unit's table."""
        c = self.of
        return (
            1
            + 2 * c.scale_bits
            + c.shift_bits
            + 2 * c.result_bits
            + 4 * address_bits(c.stored_words)
            + 2 * self.steps
            + 2 * self.map
        )

    @cached_property
    def sideband(self) -> int:
        """Bits that travel beside the values behind the dequantizer."""
        return self.route + self.destination + 1

    @cached_property
    def pooled_bits(self) -> int:
        """Width of a value behind the pooling unit."""
        return self.of.pool_bits if self.of.pooling else self.of.result_bits


def store_row(geometry: Geometry, address: int) -> int:
    """Bits of a row of a store's table, whose addresses have `address`."""
    return 1 + 2 * address + geometry.steps


@lru_cache(maxsize=4096)
def _sums(engine: str, bits: int, signed: bool, cell_bits: int, rows: int, code_bits: int) -> tuple[int, int]:
    """Widths of a column's sum and of the sum of the activations."""
    if engine == "mac":
        return code_bits, code_bits
    low, high = -(1 << (bits - 1)) if signed else 0, (1 << bits) - 1
    return tuple(
        max((rows * high * cell).bit_length(), (-rows * low * cell - 1).bit_length() if low else 0) + bool(low)
        for cell in ((1 << cell_bits) - 1, 1)
    )  # pyright: ignore[reportReturnType]
