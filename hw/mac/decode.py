"""What a precision means for the chunks of an operand of the spatio-temporal unit."""

from __future__ import annotations

from typing import Any

from amaranth import Module, Signal, Value
from amaranth.lib.data import ArrayLayout, StructLayout

from quadrille.algo.spec.precision import GREATEST_PRECISION, MacMode, Operand
from quadrille.algo.spec.spatio_temporal import CHUNK_BITS, SUB_UNITS, Chunks, SpatioTemporal

__all__ = ["CHUNKED", "Routes", "decode_chunks", "decode_routes"]

CHUNK_CODES = {1: 0, 2: 1, 4: 2}
"""How many chunks an operand has, in two bits."""

CHUNKED = StructLayout(
    {
        "chunks": 2,  # CHUNK_CODES
        "offsets": ArrayLayout(4, SUB_UNITS),  # of the chunks, the most significant first
        "last_bit": 2,  # bits of a chunk, less 1
        "signed": 1,
        "binary": 1,
    }
)
"""What the datapath needs to know of an operand."""


def decode_chunks(m: Module, operand: Any, bits: Value, signed: Value) -> None:
    """Fill a `CHUNKED` for a precision of `bits` + 1 bits."""
    m.d.comb += [operand.signed.eq(signed), operand.binary.eq(signed & (bits == 0))]
    with m.Switch(bits):
        for number in range(1, GREATEST_PRECISION + 1):
            known = Chunks(number)
            with m.Case(number - 1):
                m.d.comb += [operand.chunks.eq(CHUNK_CODES[known.count]), operand.last_bit.eq(known.serial_bits - 1)]
                m.d.comb += [operand.offsets[n].eq(offset) for n, offset in enumerate(known.offsets)]


class Routes:
    """For each sub-unit its nibble of either word, and the chunk that this is.

    Attributes
    ----------
    a_nibble, b_nibble, a_chunk, b_chunk : for each sub-unit, 2 bits
    last_pass : the number of the last pass
    """

    def __init__(self) -> None:
        kinds = ("a_nibble", "b_nibble", "a_chunk", "b_chunk")
        self.fields = {kind: [Signal(2, name=f"{kind}_{k}") for k in range(SUB_UNITS)] for kind in kinds}
        self.last_pass = Signal(2)

    def __getitem__(self, kind: str) -> list[Signal]:
        return self.fields[kind]


def decode_routes(m: Module, a: Any, b: Any, number: Value) -> Routes:
    """The routes of pass `number` for operands `a` and `b`, as SpatioTemporal says."""
    found, scheme = Routes(), SpatioTemporal()
    for chunks_a, code_a in CHUNK_CODES.items():
        for chunks_b, code_b in CHUNK_CODES.items():
            mode = MacMode(Operand(CHUNK_BITS * chunks_a), Operand(CHUNK_BITS * chunks_b))
            with m.If((a.chunks == code_a) & (b.chunks == code_b)):
                m.d.comb += found.last_pass.eq(scheme.passes(mode) - 1)
                with m.Switch(number):
                    for place, routes in enumerate(scheme.routes(mode)):
                        with m.Case(place):
                            for k, route in enumerate(routes):
                                m.d.comb += [
                                    found["a_nibble"][k].eq(route.element * chunks_a + route.a),
                                    found["b_nibble"][k].eq(route.element * chunks_b + route.b),
                                    found["a_chunk"][k].eq(route.a),
                                    found["b_chunk"][k].eq(route.b),
                                ]
    return found
