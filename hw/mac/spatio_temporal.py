"""The spatio-temporal unit: bit-serial sub-units tiled in space, one shift-add for a whole group of units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from amaranth import Cat, Const, Module, Mux, Signal, Value, signed

from quadrille.algo.spec.precision import WORD_BITS
from quadrille.algo.spec.spatio_temporal import CHUNK_BITS, SUB_UNITS
from quadrille.hw.base.compress import popcount

from .decode import CHUNKED, Routes, decode_chunks, decode_routes
from .shell import Beat, MacUnit, Pass, delayed

__all__ = ["SpatioTemporalMac"]


@dataclass(frozen=True)
class Counts:
    """What a cycle leaves: for each sub-unit a count over all units, whether it is subtracted, and how sums are put
    together at the end of a pass."""

    valid: Value
    counts: list[Signal]
    subtracts: Value
    shifts: Value
    starts: Value
    ends: Value
    first: Value
    last: Value


class SpatioTemporalMac(MacUnit):
    """Dot products at any precision from 1 to 16 bits, chosen for either operand anew with every dot product.

    `sum = sum_k a[k] * b[k]` over all elements of the beats from `first` to `last`, exact. A beat holds `units` words
    of four 4-bit chunks of each operand, as algo.spec.spatio_temporal lays them out, and takes the cycles that it says:
    in each every sub-unit multiplies a chunk of a by one bit of a chunk of b, and the sub-units k of all units are
    summed first: `C[k] = 2*C[k] + sum_u a[u,k]*bit(b[u,k])`, the most significant bit
    of a signed first chunk subtracted. What the chunks' places multiply by is done once for all units, at the end of
    each pass: `sum += sum_k C[k] << (offset_a[k] + offset_b[k])`.
    Source: Fu et al., 2-in-1 Accelerator (MICRO 2021) for tiling and group shift-add, [INFERRED] for the structure.

    Attributes
    ----------
    latency : 5 cycles from the acceptance of a last beat that takes one cycle to its sum
    interval : 1 cycle, that of the shortest beat; no cycle is lost between beats of any precision
    """

    block_name = "spatio-temporal-mac"
    operand = CHUNKED

    @property
    def latency(self) -> int:
        """Operands, counts, sums of bits, shifted sum, accumulator: a register each."""
        return 5

    def decode(self, m: Module, operand: Any, bits: Value, signed: Value) -> None:
        """Chunks and their places."""
        decode_chunks(m, operand, bits, signed)

    def decode_pass(self, m: Module, operands: dict[str, Any], number: Value) -> Pass:
        """The routes of the pass."""
        routes = decode_routes(m, operands["a"], operands["b"], number)
        return Pass(routes.last_pass, routes)

    def elaborate_sum(self, m: Module, enable: Value, beat: Beat) -> None:
        """Passes bit by bit, and the sums on their way."""
        counts = self.elaborate_products(m, enable, beat)
        sums = self.elaborate_sums(m, enable, counts)
        ended = delayed(m, enable, counts.valid & counts.ends, "sums_valid", reset=True)
        first, last, shifts = (
            delayed(m, enable, getattr(counts, name), f"sums_{name}") for name in ("first", "last", "shifts")
        )

        # One shift-add for the group: pairs of chunks, pairs of those, and the pass.
        inner, outer, place = shifts[:3], shifts[3:7], shifts[7:]
        pairs = [(sums[k] << inner) + sums[k + 1] for k in (0, 2)]
        group = Signal(signed(self.accumulator_bits), reset_less=True)
        with m.If(enable & ended):
            m.d.sync += group.eq(((pairs[0] << outer) + pairs[1]) << place)
        self.elaborate_total(
            m,
            enable,
            group,
            valid=delayed(m, enable, ended, "group_valid", reset=True),
            first=delayed(m, enable, first, "group_first"),
            last=delayed(m, enable, last, "group_last"),
        )

    def elaborate_products(self, m: Module, enable: Value, beat: Beat) -> Counts:
        """For each sub-unit the sum over all units of its chunk of a by a bit of its chunk of b.

        Bit j of that chunk in all units is one word; a bit of b masks it, and its set bits are counted. Where b is
        -1 or +1, a bit of 0 turns the chunk instead: `-a = ~a + 1`, and 16 less for an unsigned chunk.
        """
        a, b = beat.operands["a"], beat.operands["b"]
        routes: Routes = beat.routing
        # Bit by bit of the nibbles of all units; of b the one at hand.
        a_words = [[self.every(beat.words["a"], n, Const(j, 2)) for j in range(CHUNK_BITS)] for n in range(SUB_UNITS)]
        b_words = [self.every(beat.words["b"], n, beat.bit) for n in range(SUB_UNITS)]
        totals: list[Value] = []
        for k in range(SUB_UNITS):
            bits = Signal(self.units, name=f"bits_{k}")
            m.d.comb += bits.eq(routes.chosen("b", k, b_words))
            has_sign = a.signed & routes.tops["a"][k]
            planes: list[Value] = []
            for j in range(CHUNK_BITS):
                plane = routes.chosen("a", k, [word[j] for word in a_words])
                masked = Signal(self.units, name=f"plane_{k}_{j}")
                m.d.comb += masked.eq(Mux(b.binary, ~(plane ^ bits), plane & bits))
                planes.append(popcount(m, masked, name=f"count_{k}_{j}"))
            zeros = Signal(range(self.units + 1), name=f"zeros_{k}")
            m.d.comb += zeros.eq(Mux(b.binary, popcount(m, ~bits, name=f"turned_{k}"), 0))
            top = Mux(has_sign, -planes[3], planes[3])
            total = planes[0] + (planes[1] << 1) + (planes[2] << 2) + (top << 3)
            totals.append(total + zeros - (Mux(has_sign, 0, zeros) << CHUNK_BITS))
        counts = [Signal(self.count_shape, name=f"count_{k}", reset_less=True) for k in range(SUB_UNITS)]
        with m.If(enable & beat.busy):
            m.d.sync += [register.eq(total) for register, total in zip(counts, totals, strict=True)]
        negative = [beat.starts & b.signed & ~b.binary & routes.tops["b"][k] for k in range(SUB_UNITS)]
        shifts = Cat(routes.inner, routes.outer, routes.place)
        return Counts(
            valid=delayed(m, enable, beat.busy, "count_valid", reset=True),
            counts=counts,
            subtracts=delayed(m, enable, Cat(negative), "count_subtracts"),
            shifts=delayed(m, enable, shifts, "count_shifts"),
            starts=delayed(m, enable, beat.starts, "count_starts"),
            ends=delayed(m, enable, beat.ends, "count_ends"),
            first=delayed(m, enable, beat.first, "count_first"),
            last=delayed(m, enable, beat.last, "count_last"),
        )

    def elaborate_sums(self, m: Module, enable: Value, counts: Counts) -> list[Signal]:
        """`C = 2*C + count` for each sub-unit, from the first bit of a chunk to its last."""
        sums = [Signal(self.sum_shape, name=f"chunk_sum_{k}", reset_less=True) for k in range(SUB_UNITS)]
        with m.If(enable & counts.valid):
            for k, (total, count) in enumerate(zip(sums, counts.counts, strict=True)):
                doubled = Mux(counts.starts, 0, total << 1)
                m.d.sync += total.eq(Mux(counts.subtracts[k], doubled - count, doubled + count))
        return sums

    @property
    def count_shape(self) -> Any:
        """From -16 to 15 for each unit."""
        return signed((16 * self.units).bit_length() + 1)

    @property
    def sum_shape(self) -> Any:
        """A chunk of a by a chunk of b for each unit: below 256 each way."""
        return signed((256 * self.units).bit_length() + 1)

    def every(self, word: Value, nibble: int, bit: Value) -> Value:
        """Bit `bit` of nibble `nibble` of every unit's word."""
        starts = range(CHUNK_BITS * nibble, WORD_BITS * self.units, WORD_BITS)
        return Cat(word[n : n + CHUNK_BITS].bit_select(bit, 1) for n in starts)

    def loaded(self, m: Module, name: str, word: Value, decoded: Any) -> Value:
        """A binary a, one bit of each nibble, as a number: 1 is 0001, and 0 is 1111."""
        if name == "b":
            return word
        nibbles = [word[n : n + CHUNK_BITS] for n in range(0, len(word), CHUNK_BITS)]
        numbers = [Cat(Const(1, 1), (~nibble[0]).replicate(CHUNK_BITS - 1)) for nibble in nibbles]
        return Mux(decoded.binary, Cat(*numbers), word)
