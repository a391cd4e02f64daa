"""Bricks of two by two bits, fused to the width of the operands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from amaranth import Cat, Const, Module, Mux, Signal, Value, signed

from quadrille.algo.spec.mac_schemes import BRICK_BITS, BRICKS, BitFusion
from quadrille.algo.spec.precision import MacMode, Operand

from .parallel import SLOTS, ParallelMac
from .shell import Beat, Pass, delayed, total_of

__all__ = ["FusionMac"]

GROUP = 4
"""Bricks that are fused first; the groups are fused after."""


@dataclass(frozen=True)
class Brick:
    """What a brick multiplies in one mode: digits of the words, whether either is an element's first, and its place.

    A product stands at `inner` within its group of bricks, which stands at `outer`. A brick that `rests` gives 0.
    """

    a: int = 0
    b: int = 0
    a_top: bool = False
    b_top: bool = False
    inner: int = 0
    outer: int = 0
    rests: bool = True


def bricks_of(a: int, b: int, number: int) -> list[Brick]:
    """The sixteen bricks for operands with slots of `a` and `b` bits, in pass `number`.

    The digits of an element, two bits each, are paired so that a group of four holds pairs that differ in the low bits
    of their places; of 16 bits a pass takes a half.
    """
    scheme, mode = BitFusion(), MacMode(Operand(a), Operand(b))
    halves = 2 if b > 8 else 1
    half_a, half_b = (number // halves if a > 8 else 0), (number % halves if b > 8 else 0)
    digits_a, digits_b = min(a, 8) // BRICK_BITS, min(b, 8) // BRICK_BITS
    pairs = [(i, j) for i in range(digits_a) for j in range(digits_b)]
    pairs.sort(key=lambda pair: (pair[0] // 2, pair[1] // 2))
    found: list[Brick] = []
    for element in range(scheme.elements(mode)):
        for i, j in pairs:
            at_a = element * (a // BRICK_BITS) + 4 * half_a + i
            at_b = element * (b // BRICK_BITS) + 4 * half_b + j
            top_a = i == digits_a - 1 and half_a == (a > 8)
            top_b = j == digits_b - 1 and half_b == (b > 8)
            outer = 2 * BRICK_BITS * (i // 2 + j // 2) if len(pairs) > GROUP else 0
            found.append(Brick(at_a, at_b, top_a, top_b, BRICK_BITS * (i + j) - outer, outer, False))
    return found + [Brick()] * (BRICKS - len(found))


class FusionMac(ParallelMac):
    """Sixteen multipliers of 2 x 2 bits for each unit, fused to the width of the operands: `sum = sum_k a[k] * b[k]`.

    A digit of two bits is a number from -2 to 3, signed where it is the first of a signed element. The products of four
    bricks are shifted and summed, then those of four such groups; operands of 16 bits take a pass for each pair of
    halves: `sum += group << 8 * halves`. Source: Sharma et al., Bit Fusion (ISCA 2018).

    Attributes
    ----------
    latency : 4 cycles from the acceptance of a last beat of one pass; interval : 1
    """

    block_name = "fusion-mac"

    def decode_pass(self, m: Module, operands: dict[str, Any], number: Value) -> Pass:
        """A pass for each pair of halves; what the bricks multiply in it is the same in all units."""
        a, b = operands["a"], operands["b"]
        fields = {"a": 3, "b": 3, "a_top": 1, "b_top": 1, "inner": 2, "outer": 2, "rests": 1}
        chosen = [{name: Signal(width, name=f"{name}_{k}") for name, width in fields.items()} for k in range(BRICKS)]
        scheme = BitFusion()
        for wide_a in SLOTS:
            for wide_b in SLOTS:
                passes = scheme.passes(MacMode(Operand(wide_a), Operand(wide_b)))
                with m.If((a.slot == SLOTS.index(wide_a)) & (b.slot == SLOTS.index(wide_b))), m.Switch(number):
                    for place in range(passes):
                        with m.Case(place):
                            for k, brick in enumerate(bricks_of(wide_a, wide_b, place)):
                                m.d.comb += [
                                    chosen[k]["a"].eq(brick.a),
                                    chosen[k]["b"].eq(brick.b),
                                    chosen[k]["a_top"].eq(brick.a_top),
                                    chosen[k]["b_top"].eq(brick.b_top),
                                    chosen[k]["inner"].eq(brick.inner // BRICK_BITS),
                                    chosen[k]["outer"].eq(brick.outer // (2 * BRICK_BITS)),
                                    chosen[k]["rests"].eq(brick.rests),
                                ]
        wide = [operands[name].slot == SLOTS.index(16) for name in "ab"]
        return Pass(Cat(wide[0] | wide[1], wide[0] & wide[1]), chosen)

    def unit_product(self, m: Module, beat: Beat, unit: int) -> Value:
        """Bricks, groups, unit."""
        chosen: list[dict[str, Signal]] = beat.routing
        groups: list[Value] = []
        for start in range(0, BRICKS, GROUP):
            products = [self.brick(beat, unit, chosen[k]) for k in range(start, start + GROUP)]
            group = Signal(signed(14), name=f"group_{unit}_{start}")
            m.d.comb += group.eq(total_of(products))
            outer = chosen[start]["outer"]
            groups.append(Mux(outer == 2, group << 8, Mux(outer == 1, group << 4, group)))
        return total_of(groups)

    def brick(self, beat: Beat, unit: int, chosen: dict[str, Signal]) -> Value:
        """A product of two digits at its place in the group."""
        digits: list[Value] = []
        for name in "ab":
            operand = beat.operands[name]
            bits = beat.word(name, unit).word_select(chosen[name], BRICK_BITS)
            sign = bits[-1] & operand.signed & chosen[f"{name}_top"]
            one = Cat(Const(1, 1), (~bits[0]).replicate(BRICK_BITS)).as_signed()
            digits.append(Mux(operand.binary, one, Cat(bits, sign).as_signed()))
        product = Mux(chosen["rests"], 0, digits[0] * digits[1])
        inner = chosen["inner"]
        return Mux(inner[1], Mux(inner[0], product << 6, product << 4), Mux(inner[0], product << 2, product))

    def placed(self, m: Module, enable: Value, beat: Beat, group: Value) -> Value:
        """A half stands 8 bits above the other."""
        wide = [beat.operands[name].slot == SLOTS.index(16) for name in "ab"]
        both = wide[0] & wide[1]
        halves = Mux(both, beat.number[0] + beat.number[1], beat.number[0])
        for name in ("product_halves", "group_halves"):
            halves = delayed(m, enable, halves, name)
        return Mux(halves == 2, group << 16, Mux(halves == 1, group << 8, group))
