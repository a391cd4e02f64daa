"""A unit that takes both operands a bit at a time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from amaranth import Module, Mux, Signal, Value, signed
from amaranth.lib.data import StructLayout

from quadrille.algo.spec.precision import WORD_BITS
from quadrille.hw.base.compress import counted

from .shell import Beat, MacUnit, delayed, plus_or_minus, total_of

__all__ = ["SerialSerialMac"]


@dataclass(frozen=True)
class Control:
    """What goes along with a count: of the loops over planes of b and of a whether they start, end and subtract."""

    valid: Value
    first: Value
    last: Value
    starts: tuple[Value, Value]
    ends: tuple[Value, Value]
    negative: tuple[Value, Value]

    def delayed(self, m: Module, enable: Value, name: str) -> Control:
        """The same a cycle later."""

        def pair(of: str) -> tuple[Value, Value]:
            inner, outer = getattr(self, of)
            return delayed(m, enable, inner, f"{name}_{of}_b"), delayed(m, enable, outer, f"{name}_{of}_a")

        return Control(
            delayed(m, enable, self.valid, f"{name}_valid", reset=True),
            delayed(m, enable, self.first, f"{name}_first"),
            delayed(m, enable, self.last, f"{name}_last"),
            pair("starts"),
            pair("ends"),
            pair("negative"),
        )


class SerialSerialMac(MacUnit):
    """One bit of sixteen elements of either operand a cycle: `sum = sum_k a[k] * b[k]`, an AND and a count.

    A beat is a bit plane of a and one of b, the most significant first, those of b for each of a (SerialSerial in
    algo.spec.mac_schemes). With n the number of elements in which both bits are set, over all units, `C = 2*C + n` over
    the planes of b and `D = 2*D + C` over those of a, the planes of signs subtracted; then `sum += D`. A bit of an
    operand of -1 and +1 counts `2*n - x`, x the set bits of the other operand; where that is such too, n counts the
    equal bits, and x is the number of elements.
    Source: Sharify et al., Loom (DAC 2018).

    Attributes
    ----------
    latency : 6 cycles from the acceptance of the last pair of planes; interval : 1
    """

    block_name = "serial-serial-mac"
    operand = StructLayout({"last_plane": 4, "signed": 1, "binary": 1})

    @property
    def latency(self) -> int:
        """Operands, counts of units, count, planes of b, planes of a, accumulator: a register each."""
        return 6

    def decode(self, m: Module, operand: Any, bits: Value, signed: Value) -> None:
        """The precision is the number of planes."""
        m.d.comb += [
            operand.last_plane.eq(bits),
            operand.signed.eq(signed),
            operand.binary.eq(signed & (bits == 0)),
        ]

    def elaborate_beat(self, m: Module, enable: Value) -> Beat:
        """Beside the beat, which planes it brings: the routing tells the first and the last pair of a group."""
        beat = super().elaborate_beat(m, enable)
        a, b = beat.operands["a"], beat.operands["b"]
        plane = {name: Signal(4, name=f"plane_{name}") for name in "ab"}
        ends = {"a": plane["a"] == a.last_plane, "b": plane["b"] == b.last_plane}
        opened, opens = Signal(), Signal()
        m.d.comb += opens.eq(beat.first | opened)
        group_ends = ends["a"] & ends["b"]
        with m.If(enable & beat.busy):
            m.d.sync += [opened.eq(opens & ~group_ends), plane["b"].eq(Mux(ends["b"], 0, plane["b"] + 1))]
            with m.If(ends["b"]):
                m.d.sync += plane["a"].eq(Mux(ends["a"], 0, plane["a"] + 1))
        starts = (plane["b"] == 0, plane["a"] == 0)
        return replace(beat, first=opens, routing={"starts": starts, "ends": (ends["b"], group_ends)})

    def elaborate_sum(self, m: Module, enable: Value, beat: Beat) -> None:
        """Counts, and a sum for each loop over planes."""
        a, b = beat.operands["a"], beat.operands["b"]
        any_binary, both_binary = a.binary | b.binary, a.binary & b.binary
        counts: list[Value] = []
        for unit in range(self.units):
            words = {name: beat.word(name, unit) for name in "ab"}
            # The clear bits of an operand beside -1 and +1 count too: 2*n - x = 2*n + (16 - x) - 16.
            clear = Mux(both_binary, 0, ~Mux(a.binary, words["b"], words["a"]))
            ones = Signal(WORD_BITS, name=f"ones_{unit}")
            m.d.comb += ones.eq((words["a"] & words["b"]) | Mux(both_binary, ~(words["a"] | words["b"]), 0))
            heap: dict[int, Value] = {
                0: Signal(WORD_BITS, name=f"once_{unit}"),
                1: Signal(WORD_BITS, name=f"twice_{unit}"),
            }
            m.d.comb += [heap[0].eq(Mux(any_binary, clear, ones)), heap[1].eq(Mux(any_binary, ones, 0))]
            counts.append(delayed(m, enable & beat.busy, counted(m, heap, name=f"set_{unit}"), f"count_{unit}"))
        starts, ends = beat.routing["starts"], beat.routing["ends"]
        negative = (starts[0] & b.signed & ~b.binary, starts[1] & a.signed & ~a.binary)
        control = Control(beat.busy, beat.first, beat.last, starts, ends, negative)
        control = control.delayed(m, enable, "count").delayed(m, enable, "total")
        offset = Mux(delayed(m, enable, any_binary, "count_binary"), -WORD_BITS * self.units, 0)
        total = delayed(m, enable, total_of(counts) + offset, "total")
        bound = (WORD_BITS * self.units).bit_length() + 1
        for loop, name in enumerate("ba"):
            bound += WORD_BITS
            planes = Signal(signed(bound), name=f"planes_{name}", reset_less=True)
            with m.If(enable & control.valid):
                doubled = Mux(control.starts[loop], 0, planes << 1)
                m.d.sync += planes.eq(plus_or_minus(doubled, total, control.negative[loop]))
            valid = control.valid & control.ends[loop]
            total, control = planes, replace(control, valid=valid).delayed(m, enable, f"planes_{name}")
        self.elaborate_total(m, enable, total, valid=control.valid, first=control.first, last=control.last)
