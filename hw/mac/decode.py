"""What a precision means for the chunks of an operand of the spatio-temporal unit."""

from __future__ import annotations

from typing import Any

from amaranth import Module, Mux, Signal, Value
from amaranth.lib.data import StructLayout

from quadrille.algo.spec.precision import GREATEST_PRECISION, MacMode, Operand
from quadrille.algo.spec.spatio_temporal import CHUNK_BITS, SUB_UNITS, Chunks, SpatioTemporal

__all__ = ["CHUNKED", "Routes", "decode_chunks", "decode_routes"]

CHUNK_CODES = {1: 0, 2: 1, 4: 2}
"""How many chunks an operand has, in two bits."""

CHUNKED = StructLayout(
    {
        "chunks": 2,  # CHUNK_CODES
        "last_bit": 2,  # bits of a chunk, less 1: a chunk stands so many bits above the next
        "half": 4,  # bits of the lower two of four chunks
        "signed": 1,
        "binary": 1,
    }
)
"""What the datapath needs to know of an operand."""


def decode_chunks(m: Module, operand: Any, bits: Value, signed: Value) -> None:
    """Fill a `CHUNKED` for a precision of `bits` + 1 bits."""
    m.d.comb += [operand.signed.eq(signed), operand.binary.eq(signed & (bits == 0)), operand.half.eq((bits >> 1) + 1)]
    with m.Switch(bits):
        for number in range(1, GREATEST_PRECISION + 1):
            known = Chunks(number)
            with m.Case(number - 1):
                m.d.comb += [operand.chunks.eq(CHUNK_CODES[known.count]), operand.last_bit.eq(known.serial_bits - 1)]


class Routes:
    """What the sub-units multiply in a pass, and how their sums stand to one another.

    With C[k] the sum of sub-unit k, a pass gives
    `((((C[0] << inner) + C[1]) << outer) + ((C[2] << inner) + C[3])) << place`.

    Attributes
    ----------
    choices : by "a" and "b", for each sub-unit, the nibbles of a word that it can get
    picks : the number of the one that it gets, among those
    tops : whether that is the first chunk of an element
    inner, outer, place : shifts
    last_pass : the number of the last pass
    """

    def __init__(self) -> None:
        self.choices = {name: [_choices(name, k) for k in range(SUB_UNITS)] for name in "ab"}
        self.picks = {name: [Signal(2, name=f"pick_{name}_{k}") for k in range(SUB_UNITS)] for name in "ab"}
        self.tops = {name: [Signal(name=f"top_{name}_{k}") for k in range(SUB_UNITS)] for name in "ab"}
        self.inner, self.outer, self.place = Signal(3), Signal(4), Signal(5)
        self.last_pass = Signal(2)

    def chosen(self, name: str, k: int, nibbles: list[Value]) -> Value:
        """Of the four `nibbles` of a word the one that sub-unit k gets."""
        choices = self.choices[name][k]
        found = nibbles[choices[0]]
        for number, nibble in enumerate(choices[1:], 1):
            found = Mux(self.picks[name][k] == number, nibbles[nibble], found)
        return found


def _modes() -> list[tuple[int, int, int, int]]:
    """Chunks of either side, pass, passes: all that there are."""
    scheme, found = SpatioTemporal(), []
    for a in CHUNK_CODES:
        for b in CHUNK_CODES:
            passes = scheme.passes(MacMode(Operand(CHUNK_BITS * a), Operand(CHUNK_BITS * b)))
            found += [(a, b, number, passes) for number in range(passes)]
    return found


def _nibble(name: str, k: int, a: int, b: int, number: int) -> tuple[int, bool]:
    """The nibble of operand `name` that sub-unit k gets, and whether it is the first chunk of an element."""
    routes = SpatioTemporal().routes(MacMode(Operand(CHUNK_BITS * a), Operand(CHUNK_BITS * b)))
    route = routes[number][k]
    chunk, chunks = (route.a, a) if name == "a" else (route.b, b)
    return route.element * chunks + chunk, chunk == 0


def _choices(name: str, k: int) -> list[int]:
    return sorted({_nibble(name, k, a, b, number)[0] for a, b, number, _ in _modes()})


def decode_routes(m: Module, a: Any, b: Any, number: Value) -> Routes:
    """The routes of pass `number` for operands `a` and `b`, as SpatioTemporal says."""
    found = Routes()
    step = {"a": Signal(3, name="step_a"), "b": Signal(3, name="step_b")}
    m.d.comb += [step["a"].eq(a.last_bit + 1), step["b"].eq(b.last_bit + 1)]
    for chunks_a, chunks_b, place, passes in _modes():
        mode = (a.chunks == CHUNK_CODES[chunks_a]) & (b.chunks == CHUNK_CODES[chunks_b])
        with m.If(mode & (number == place)):
            m.d.comb += found.last_pass.eq(passes - 1)
            for name in "ab":
                for k in range(SUB_UNITS):
                    nibble, top = _nibble(name, k, chunks_a, chunks_b, place)
                    m.d.comb += [
                        found.picks[name][k].eq(found.choices[name][k].index(nibble)),
                        found.tops[name][k].eq(top),
                    ]
            if chunks_a > 1 and chunks_b > 1:
                m.d.comb += [found.inner.eq(step["b"]), found.outer.eq(step["a"])]
            elif (chunks_a, chunks_b) != (1, 1):
                name, operand = ("a", a) if chunks_a > 1 else ("b", b)
                m.d.comb += found.inner.eq(step[name])
                if max(chunks_a, chunks_b) == SUB_UNITS:
                    m.d.comb += found.outer.eq(operand.half)
            upper: list[Value] = []
            down, across = divmod(place, max(1, chunks_b // 2))
            if passes > 1 and chunks_a == SUB_UNITS and down == 0:
                upper.append(a.half)
            if passes > 1 and chunks_b == SUB_UNITS and across == 0:
                upper.append(b.half)
            if upper:
                m.d.comb += found.place.eq(upper[0] + upper[1] if len(upper) == 2 else upper[0])
    return found
