"""The column reader: shift registers that move the macro's bit-sliced sums into the lanes, D columns a step."""

from __future__ import annotations

from typing import Any

from amaranth import Cat, Module, Shape, Signal, Value
from amaranth.lib import stream
from amaranth.lib.data import ArrayLayout, StructLayout
from amaranth.lib.wiring import In, Out

from quadrille.hw.base import Block, Flag, Parameter
from quadrille.hw.base.streams import bits_of
from quadrille.hw.base.transpose import transpose

__all__ = ["ColumnReader", "column_steps_layout", "sums_layout"]


def sums_layout(*, columns: int, partial_bits: int, reference: Any, tag: dict[str, Any]) -> StructLayout:
    """The redundant sums of all columns: word k, bit k of every column, at `k * columns`; then what travels along."""
    return StructLayout({"sum": columns * partial_bits, "carry": columns * partial_bits, "reference": reference, **tag})


def column_steps_layout(
    *, lanes: int, partial_bits: int, reference: Shape, address_bits: int, frame_bits: int
) -> StructLayout:
    """The sums of `lanes` columns, a number to a lane, and where they belong."""
    return StructLayout(
        {
            "sum": ArrayLayout(partial_bits, lanes),
            "carry": ArrayLayout(partial_bits, lanes),
            "reference": reference,
            "address": address_bits,
            "frame": frame_bits,
            "last": 1,
        }
    )


class ColumnReader(Block):
    """Hands out the columns of one set of sums: step k gives columns `k*lanes` to `k*lanes + lanes - 1`.

    Each of the `2 * partial_bits` words is a shift register that moves `lanes` columns a step; there is no column
    multiplexer. Beyond the last column the lanes see 0. A set of sums is read in `steps` steps (at least one), with
    addresses from `address` on; the next set is taken in the cycle in which the last step leaves.
    With several `banks`, macros that see other activations, the columns of bank b are those of the steps b, b + banks,
    b + 2*banks and so on, and each step comes with its bank's reference sum.

    Members
    -------
    i : stream {sum, carry, reference, steps, address, frame} (`sums_layout`), a reference sum for each bank
    o : stream {sum, carry, reference, address, frame, last} (`column_steps_layout`)

    Attributes
    ----------
    latency : 1; interval : the number of steps

    Raises
    ------
    InvalidInput
        For a parameter out of range.
    """

    block_name = "column-reader"
    parameters = (
        Parameter("columns", 128, 1, 1 << 16, "columns of the macros"),
        Parameter("lanes", 32, 1, 1024, "columns handed out in one step"),
        Parameter("partial_bits", 11, 1, 32, "width of a column's sum word and of its carry word"),
        Parameter("reference_bits", 11, 1, 32, "width of the reference sum"),
        Flag("reference_signed", False, "whether the reference sum is signed"),
        Parameter("address_bits", 6, 1, 20, "width of a table address"),
        Parameter("frame_bits", 5, 1, 16, "width of a frame number"),
        Parameter("steps", 8, 1, 1 << 16, "most steps of one set of sums"),
        Parameter("banks", 1, 1, 64, "reference sums of a set, that of step k the one of bank k modulo banks"),
    )

    columns: int
    lanes: int
    partial_bits: int
    reference_bits: int
    reference_signed: bool
    address_bits: int
    frame_bits: int
    steps: int
    banks: int

    i: stream.Interface
    o: stream.Interface

    def __init__(
        self,
        *,
        columns: int = 128,
        lanes: int = 32,
        partial_bits: int = 11,
        reference_bits: int = 11,
        reference_signed: bool = False,
        address_bits: int = 6,
        frame_bits: int = 5,
        steps: int = 8,
        banks: int = 1,
    ):
        self.take(
            columns=columns,
            lanes=lanes,
            partial_bits=partial_bits,
            reference_bits=reference_bits,
            reference_signed=reference_signed,
            address_bits=address_bits,
            frame_bits=frame_bits,
            steps=steps,
            banks=banks,
        )
        reference = Shape(reference_bits, reference_signed)
        references = ArrayLayout(reference, banks) if banks > 1 else reference
        tag = {"steps": range(steps + 1), "address": address_bits, "frame": frame_bits}
        super().__init__(
            {
                "i": In(
                    stream.Signature(
                        sums_layout(columns=columns, partial_bits=partial_bits, reference=references, tag=tag)
                    )
                ),
                "o": Out(
                    stream.Signature(
                        column_steps_layout(
                            lanes=lanes,
                            partial_bits=partial_bits,
                            reference=reference,
                            address_bits=address_bits,
                            frame_bits=frame_bits,
                        )
                    )
                ),
            }
        )

    @property
    def latency(self) -> int:
        """From the acceptance of the sums to their first step."""
        return 1

    def elaborate(self, platform: object) -> Module:
        """Load or shift; the lanes look at the low end of every word."""
        m = Module()
        sums: Any = self.i.payload
        steps: Any = self.o.payload
        left = Signal(range(self.steps + 1))  # steps left, 0: empty
        moves = Signal()
        loads = Signal()
        m.d.comb += [
            self.o.valid.eq(left != 0),
            moves.eq(self.o.valid & self.o.ready),
            self.i.ready.eq((left == 0) | ((left == 1) & self.o.ready)),
            loads.eq(self.i.valid & self.i.ready),
            steps.last.eq(left == 1),
        ]
        references = Signal(self.banks * self.reference_bits, reset_less=True)  # that of this step comes first
        address = Signal(self.address_bits, reset_less=True)
        frame = Signal(self.frame_bits, reset_less=True)
        m.d.comb += [
            steps.reference.eq(references[: self.reference_bits]),
            steps.address.eq(address),
            steps.frame.eq(frame),
        ]
        with m.If(loads):
            m.d.sync += [
                left.eq(sums.steps),
                references.eq(bits_of(sums.reference)),
                address.eq(sums.address),
                frame.eq(sums.frame),
            ]
        with m.Elif(moves):
            m.d.sync += [left.eq(left - 1), address.eq(address + 1)]
            if self.banks > 1:
                m.d.sync += references.eq(references.rotate_right(self.reference_bits))

        seen = min(self.lanes, self.columns)
        ends: list[Value] = []
        for k in range(self.partial_bits):
            pair = {name: Signal(self.columns, name=f"{name}_{k}", reset_less=True) for name in ("sum", "carry")}
            for name, word in pair.items():
                with m.If(loads):
                    m.d.sync += word.eq(sums[name][k * self.columns : (k + 1) * self.columns])
                with m.Elif(moves):
                    m.d.sync += word.eq(word[self.lanes :])
            ends.append(Cat(word[:seen] for word in pair.values()))
        numbers = transpose(m, ends, name="lanes")
        for n in range(seen):
            m.d.comb += [steps.sum[n].eq(numbers[n]), steps.carry[n].eq(numbers[seen + n])]
        return m
