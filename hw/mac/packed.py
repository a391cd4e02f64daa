"""Products packed into the wide multipliers of a DSP block."""

from __future__ import annotations

from amaranth import Cat, Module, Mux, Signal, Value, signed

from quadrille.algo.spec.mac_schemes import Packed

from .parallel import SLOTS, ParallelMac, extended
from .shell import Beat, delayed, total_of

__all__ = ["PackedMac"]

MULTIPLIERS = 2
A_BITS, B_BITS = 27, 18
"""Ports of a multiplier, both signed."""
WIDE, NARROW = 18, 9
"""Bits between the products of 8 and of 4 bits in one multiplier: as many as a product of either sign has, or more."""


class PackedMac(ParallelMac):
    """Two 8-bit products or four 4-bit ones in a multiplier of 27 x 18 bits: `sums[2*i+j] = sum_k a[i,k] * b[j,k]`.

    A beat brings elements of two vectors of a and two of b, and all four dot products are summed up (Packed in
    algo.spec.mac_schemes): products that share no factor cannot share a multiplier. At 5 to 8 bits multiplier j makes
    `(a[0] + (a[1] << 18)) * b[j]`, at up to 4 bits `(a[0] + (a[1] << 18)) * (b[0] + (b[1] << 9))`, the next elements in
    the other. A product is a field of the wide one, signed; where the field below it is negative, it lacks 1, which is
    given back. Source: Xilinx WP486 (8 bits) and WP521 (4 bits).

    Attributes
    ----------
    latency : 4 cycles; interval : 1
    """

    block_name = "packed-mac"
    slots = Packed.widths

    @property
    def sums(self) -> int:
        """Each of two vectors by each of two."""
        return Packed().sums

    def is_wide(self, beat: Beat) -> Value:
        """Whether elements have 8 bits."""
        wide = SLOTS.index(8)
        return (beat.operands["a"].slot == wide) | (beat.operands["b"].slot == wide)

    def element(self, beat: Beat, name: str, unit: int, number: int, width: int) -> Value:
        """Element `number` of a word that has slots of `width` bits."""
        return extended(beat.operands[name], beat.word(name, unit)[width * number : width * (number + 1)])

    def unit_product(self, m: Module, beat: Beat, unit: int) -> Value:
        """Both wide products side by side."""
        wide = self.is_wide(beat)
        products: list[Value] = []
        for number in range(MULTIPLIERS):
            ports = {
                name: Signal(signed(bits), name=f"port_{name}_{unit}_{number}")
                for name, bits in (("a", A_BITS), ("b", B_BITS))
            }
            narrow = {name: [self.element(beat, name, unit, 2 * number + n, 4) for n in range(2)] for name in "ab"}
            a = [Mux(wide, self.element(beat, "a", unit, n, 8), narrow["a"][n]) for n in range(2)]
            b = [Mux(wide, self.element(beat, "b", unit, number, 8), narrow["b"][0]), Mux(wide, 0, narrow["b"][1])]
            m.d.comb += [ports["a"].eq(a[0] + (a[1] << WIDE)), ports["b"].eq(b[0] + (b[1] << NARROW))]
            products.append(ports["a"] * ports["b"])
        return Cat(*products)

    def summed(self, m: Module, enable: Value, beat: Beat, products: list[Value]) -> list[Value]:
        """Field by field."""
        wide = delayed(m, enable, self.is_wide(beat), "product_wide")
        terms: list[list[Value]] = [[] for _ in range(self.sums)]
        for both in products:
            for number in range(MULTIPLIERS):
                product = both[(A_BITS + B_BITS) * number : (A_BITS + B_BITS) * (number + 1)]
                for i in range(2):
                    for j in range(2):
                        term: Value = self.field(product, NARROW, 2 * i + j)
                        if j == number:
                            term = Mux(wide, self.field(product, WIDE, i), term)
                        else:
                            term = Mux(wide, 0, term)
                        terms[2 * i + j].append(term)
        return [total_of(of_sum) for of_sum in terms]

    @staticmethod
    def field(product: Value, width: int, number: int) -> Value:
        """The product in field `number` of a wide one."""
        field = product[width * number : width * (number + 1)].as_signed()
        return field + product[width * number - 1] if number else field
