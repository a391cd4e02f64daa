"""An activation memory: words of elements, stored plane by plane."""

from __future__ import annotations

from amaranth import Cat, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

__all__ = ["FeatureMemory"]


class FeatureMemory(wiring.Component):
    """`depth` words of `word` elements of `bits` bits, written `group` elements at a time, read whole.

    A word holds its bit planes one after the other, least significant first: bit b of element e stands at
    `b*word + e`. The read port holds its word while `enable` is low. Each group of elements has a memory of its own, so
    that no write needs to spare a part of a row.

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
        """Transposition to planes is wiring: all that a group's memory sees of it is the order of its bits."""
        m = Module()
        place = (self.groups - 1).bit_length()
        rows: list[Value] = []
        planes = Cat(self.elements[e * self.bits + b] for b in range(self.bits) for e in range(self.group))
        for n in range(self.groups):
            memory = Memory(shape=self.bits * self.group, depth=self.depth, init=[])
            m.submodules[f"group_{n}"] = memory
            write, read = memory.write_port(), memory.read_port()
            m.d.comb += [
                write.addr.eq(self.write_address[place:]),
                write.data.eq(planes),
                write.en.eq(self.write_valid & (self.write_address[:place] == n if place else 1)),
                read.addr.eq(self.address),
                read.en.eq(self.enable),
            ]
            rows.append(read.data)
        m.d.comb += self.planes.eq(Cat(row.word_select(b, self.group) for b in range(self.bits) for row in rows))
        return m
