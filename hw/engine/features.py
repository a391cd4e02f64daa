"""An activation memory: words of elements, stored plane by plane."""

from __future__ import annotations

from amaranth import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

__all__ = ["FeatureMemory"]


class FeatureMemory(wiring.Component):
    """`depth` words of `word` elements of `bits` bits, written `group` elements at a time, read whole.

    A word holds its bit planes one after the other, least significant first: bit b of element e stands at
    `b*word + e`. The read port holds its word while `enable` is low.

    Members
    -------
    write_valid, write_address, elements : write `elements` (element 0 in the low bits) as group `write_address`,
        counted through all words
    address, enable, planes : the read port, one cycle later
    """

    write_valid: Signal
    write_address: Signal
    elements: Signal
    address: Signal
    enable: Signal
    planes: Signal

    def __init__(self, *, word: int, bits: int, group: int, depth: int):
        self.word, self.bits, self.group, self.depth = word, bits, group, max(2, depth)
        self.groups = word // group
        super().__init__(
            {
                "write_valid": In(1),
                "write_address": In(range(self.depth * self.groups)),
                "elements": In(bits * group),
                "address": In(range(self.depth)),
                "enable": In(1),
                "planes": Out(bits * word),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Transposition to planes is wiring: each plane gets its bits for every group, and one group is enabled."""
        m = Module()
        m.submodules.memory = memory = Memory(shape=self.bits * self.word, depth=self.depth, init=[])
        write = memory.write_port(granularity=self.group)
        read = memory.read_port()
        planes = [Signal(self.group, name=f"plane_{b}") for b in range(self.bits)]
        for b, plane in enumerate(planes):
            m.d.comb += plane.eq(Cat(self.elements[e * self.bits + b] for e in range(self.group)))
        place = (self.groups - 1).bit_length()
        chosen = Signal(self.groups)
        with m.If(self.write_valid):
            m.d.comb += chosen.eq(1 << self.write_address[:place] if place else 1)
        m.d.comb += [
            write.addr.eq(self.write_address[place:]),
            write.data.eq(Cat(plane.replicate(self.groups) for plane in planes)),
            write.en.eq(chosen.replicate(self.bits)),
            read.addr.eq(self.address),
            read.en.eq(self.enable),
            self.planes.eq(read.data),
        ]
        return m
