"""The spatio-temporal unit: bit-serial sub-units tiled in space, one shift-add for a whole group of units."""

from __future__ import annotations

from typing import Any

from amaranth import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out

from quadrille.algo.spec.precision import CHUNK_BITS, SUB_UNITS
from quadrille.hw.base import Block, Parameter
from quadrille.hw.base.compress import popcount

from .decode import OPERAND, Routes, decode_operand, decode_routes
from .layouts import operands_layout, sum_layout

__all__ = ["SpatioTemporalMac"]

SHIFT_BITS = 5  # chunks of either side stand at 12 at most


class SpatioTemporalMac(Block):
    """Dot products at any precision from 1 to 16 bits, chosen for either operand anew with every dot product.

    `sum = sum_k a[k] * b[k]` over all elements of the beats from `first` to `last`, exact. A beat holds `units` words
    of four 4-bit chunks of each operand (algo.spec.precision: Operand.cut, MacMode.elements to a unit) and takes
    `MacMode.cycles`: in each cycle every sub-unit multiplies a chunk of a by one bit of a chunk of b, and
    the sub-units k of all units are summed first: `C[k] = 2*C[k] + sum_u a[u,k]*bit(b[u,k])`, the most significant bit
    of a signed first chunk subtracted. What the chunks' places multiply by is done once for all units, at the end of
    each pass: `sum += sum_k C[k] << (offset_a[k] + offset_b[k])`.
    Source: Fu et al., 2-in-1 Accelerator (MICRO 2021) for tiling and group shift-add, [INFERRED] for the structure.

    Parameters
    ----------
    units : units that share the shift-add
    accumulator_bits : width of the signed sum; it must hold every dot product of its user

    Members
    -------
    i : stream of `operands_layout`, a word of 16 bits for each unit
    o : stream {sum}

    Attributes
    ----------
    latency : 5 cycles from the acceptance of a last beat that takes one cycle to its sum
    interval : 1 cycle, that of the shortest beat; no cycle is lost between beats of any precision

    Raises
    ------
    InvalidInput
        For a parameter out of range.
    """

    block_name = "spatio-temporal-mac"
    parameters = (
        Parameter("units", 8, 1, 256, "units that share the shift-add"),
        Parameter("accumulator_bits", 48, 8, 64, "width of the signed sum"),
    )

    units: int
    accumulator_bits: int

    i: stream.Interface
    o: stream.Interface

    def __init__(self, *, units: int = 8, accumulator_bits: int = 48):
        self.take(units=units, accumulator_bits=accumulator_bits)
        self.word_bits = SUB_UNITS * CHUNK_BITS * units
        super().__init__(
            {
                "i": In(stream.Signature(operands_layout(units, SUB_UNITS * CHUNK_BITS))),
                "o": Out(stream.Signature(sum_layout(accumulator_bits))),
            }
        )

    @property
    def latency(self) -> int:
        """Operands, counts, sums of bits, shifted sum, accumulator: a register each."""
        return 5

    def elaborate(self, platform: object) -> Module:
        """A beat at hand, its passes bit by bit, and the sums on their way; all stand still while a result waits."""
        m = Module()
        enable = Signal()
        m.d.comb += enable.eq(~self.o.valid | self.o.ready)
        beat = self.elaborate_beat(m, enable)
        counts = self.elaborate_products(m, enable, beat)
        sums = self.elaborate_sums(m, enable, counts)
        self.elaborate_total(m, enable, sums)
        return m

    def elaborate_beat(self, m: Module, enable: Value) -> dict[str, Any]:
        """The operands at hand, decoded, and where in them we are."""
        payload: Any = self.i.payload
        busy, last_cycle = Signal(), Signal()
        words = {name: Signal(self.word_bits, name=f"word_{name}", reset_less=True) for name in "ab"}
        operands = {name: Signal(OPERAND, name=f"operand_{name}", reset_less=True) for name in "ab"}
        ends: Any = Signal(2, name="ends", reset_less=True)
        bit, number = Signal(2), Signal(2)  # of a chunk of b, the most significant first; of the passes
        routes = decode_routes(m, operands["a"], operands["b"], number)
        m.d.comb += [
            last_cycle.eq((bit == 0) & (number == routes.last_pass)),
            self.i.ready.eq(enable & (~busy | last_cycle)),
        ]
        decoded = {
            name: decode_operand(m, payload[f"{name}_bits"], payload[f"{name}_signed"], f"decoded_{name}")
            for name in "ab"
        }
        with m.If(self.i.ready):
            m.d.sync += [busy.eq(self.i.valid), number.eq(0), bit.eq(decoded["b"].last_bit)]
            m.d.sync += [ends.eq(Cat(payload.first, payload.last))]
            for name in "ab":
                m.d.sync += [words[name].eq(payload[name].as_value()), operands[name].eq(decoded[name])]
        with m.Elif(enable):
            with m.If(bit == 0):
                m.d.sync += [bit.eq(operands["b"].last_bit), number.eq(number + 1)]
            with m.Else():
                m.d.sync += bit.eq(bit - 1)
        return {
            "busy": busy,
            "words": words,
            "operands": operands,
            "routes": routes,
            "bit": bit,
            "first": ends[0] & (number == 0),
            "pass_ends": bit == 0,
            "last": ends[1] & last_cycle,
        }

    def elaborate_products(self, m: Module, enable: Value, beat: dict[str, Any]) -> dict[str, Any]:
        """For each sub-unit the sum over all units of its chunk of a by a bit of its chunk of b.

        Bit j of that chunk in all units is one word; a bit of b masks it, and its set bits are counted. Where b is
        -1 or +1, a bit of 0 turns the chunk instead: `-a = ~a + 1`, and 16 less for an unsigned chunk.
        """
        operands, routes, bit = beat["operands"], beat["routes"], beat["bit"]
        a, b = operands["a"], operands["b"]
        totals: list[Value] = []
        for k in range(SUB_UNITS):
            chunk = self.pick(m, beat["words"]["a"], routes["a_nibble"][k], f"a_{k}")
            serial = self.pick(m, beat["words"]["b"], routes["b_nibble"][k], f"b_{k}")
            bits = Signal(self.units, name=f"bits_{k}")
            m.d.comb += bits.eq(Cat(serial[n : n + CHUNK_BITS].bit_select(bit, 1) for n in self.nibbles))
            has_sign = a.signed & (routes["a_chunk"][k] == 0)
            planes = []
            for j in range(CHUNK_BITS):
                plane = Cat(chunk[n + j] for n in self.nibbles)
                # A binary a is one bit: 1 is 0001, and 0 is 1111.
                plane = Mux(a.binary, (1 << self.units) - 1 if j == 0 else ~Cat(chunk[n] for n in self.nibbles), plane)
                masked = Signal(self.units, name=f"plane_{k}_{j}")
                m.d.comb += masked.eq(Mux(b.binary, ~(plane ^ bits), plane & bits))
                planes.append(popcount(m, masked, name=f"count_{k}_{j}"))
            zeros = Signal(range(self.units + 1), name=f"zeros_{k}")
            m.d.comb += zeros.eq(Mux(b.binary, popcount(m, ~bits, name=f"turned_{k}"), 0))
            top = Mux(has_sign, -planes[3], planes[3])
            total = planes[0] + (planes[1] << 1) + (planes[2] << 2) + (top << 3)
            total = total + zeros - (Mux(has_sign, 0, zeros) << CHUNK_BITS)
            totals.append(total)
        counts = self.registers(m, enable & beat["busy"], totals, self.count_shape, "count")
        first_bit = bit == b.last_bit
        control = {
            "valid": self.delayed(m, enable, beat["busy"], "count_valid", reset=True),
            "starts": first_bit,
            "ends": beat["pass_ends"],
            "first": beat["first"],
            "last": beat["last"],
            "subtracts": Cat(first_bit & b.signed & ~b.binary & (routes["b_chunk"][k] == 0) for k in range(SUB_UNITS)),
            "shifts": Cat(self.shift(operands, routes, k) for k in range(SUB_UNITS)),
        }
        return {
            name: value if name == "valid" else self.delayed(m, enable, value, f"count_{name}")
            for name, value in control.items()
        } | {"counts": counts}

    def elaborate_sums(self, m: Module, enable: Value, counts: dict[str, Any]) -> dict[str, Any]:
        """`C = 2*C + count` for each sub-unit, from the first bit of a chunk to its last."""
        sums = [Signal(self.sum_shape, name=f"chunk_sum_{k}", reset_less=True) for k in range(SUB_UNITS)]
        with m.If(enable & counts["valid"]):
            for k, total in enumerate(sums):
                doubled = Mux(counts["starts"], 0, total << 1)
                count = counts["counts"][k]
                m.d.sync += total.eq(Mux(counts["subtracts"][k], doubled - count, doubled + count))
        ended = self.delayed(m, enable, counts["valid"] & counts["ends"], "sums_valid", reset=True)
        kept = {name: self.delayed(m, enable, counts[name], f"sums_{name}") for name in ("first", "last", "shifts")}
        return kept | {"valid": ended, "sums": sums}

    def elaborate_total(self, m: Module, enable: Value, sums: dict[str, Any]) -> None:
        """One shift-add for the group, then the accumulator."""
        width = self.accumulator_bits
        shifted = [
            (total << sums["shifts"].word_select(k, SHIFT_BITS))[:width].as_signed()
            for k, total in enumerate(sums["sums"])
        ]
        group = Signal(signed(width), reset_less=True)
        with m.If(enable & sums["valid"]):
            m.d.sync += group.eq((shifted[0] + shifted[1]) + (shifted[2] + shifted[3]))
        valid = self.delayed(m, enable, sums["valid"], "group_valid", reset=True)
        first, last = (self.delayed(m, enable, sums[name], f"group_{name}") for name in ("first", "last"))
        accumulator = Signal(signed(width), reset_less=True)
        with m.If(enable & valid):
            m.d.sync += accumulator.eq(Mux(first, 0, accumulator) + group)
        with m.If(enable):
            m.d.sync += self.o.valid.eq(valid & last)
        m.d.comb += self.o.payload.sum.eq(accumulator)

    # Parts

    @property
    def nibbles(self) -> range:
        """Where the nibbles of the units start in a word of one nibble for each unit."""
        return range(0, CHUNK_BITS * self.units, CHUNK_BITS)

    @property
    def count_shape(self) -> Any:
        """From -16 to 15 for each unit."""
        return signed((16 * self.units).bit_length() + 1)

    @property
    def sum_shape(self) -> Any:
        """A chunk of a by a chunk of b for each unit: below 256 each way."""
        return signed((256 * self.units).bit_length() + 1)

    def pick(self, m: Module, word: Value, nibble: Value, name: str) -> Value:
        """Of every unit's word its nibble `nibble`."""
        picked = Signal(CHUNK_BITS * self.units, name=f"nibbles_{name}")
        size = SUB_UNITS * CHUNK_BITS
        parts = [word[n * size : (n + 1) * size].word_select(nibble, CHUNK_BITS) for n in range(self.units)]
        m.d.comb += picked.eq(Cat(parts))
        return picked

    @staticmethod
    def shift(operands: dict[str, Any], routes: Routes, k: int) -> Value:
        """Where the product of sub-unit k stands, `SHIFT_BITS` wide."""
        both = [operands[name].offsets.as_value().word_select(routes[f"{name}_chunk"][k], 4) for name in "ab"]
        return (both[0] + both[1])[:SHIFT_BITS]

    @staticmethod
    def registers(m: Module, enable: Value, values: list[Value], shape: Any, name: str) -> list[Signal]:
        """A register for each value."""
        found = [Signal(shape, name=f"{name}_{k}", reset_less=True) for k in range(len(values))]
        with m.If(enable):
            m.d.sync += [register.eq(value) for register, value in zip(found, values, strict=True)]
        return found

    @staticmethod
    def delayed(m: Module, enable: Value, value: Value, name: str, *, reset: bool = False) -> Signal:
        """`value` a cycle later; with `reset` it is 0 after a reset."""
        register = Signal(len(value), name=name, reset_less=not reset)
        with m.If(enable):
            m.d.sync += register.eq(value)
        return register
