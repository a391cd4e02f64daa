"""Activation vectors: the memories that hold them plane by plane, and the reader that plays them to the macro."""

from __future__ import annotations

from typing import Any

from amaranth import Cat, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from quadrille.hw.cim.macro import plane_layout

from .configuration import Configuration

__all__ = ["VectorMemory", "VectorReader"]


class VectorMemory(wiring.Component):
    """Vectors of `rows` elements of `bits` bits, written `group` elements at a time, read whole.

    A row holds its bit planes one after the other, least significant first, each `groups * group` bits wide: bit b of
    element e stands at `b * groups * group + e`. The read port holds its row while `enable` is low.

    Members
    -------
    write_valid, write_address, write_group, elements : write `elements` (element 0 in the low bits) as one group
    address, enable, planes : the read port, one cycle later
    """

    write_valid: Signal
    write_address: Signal
    write_group: Signal
    elements: Signal
    address: Signal
    enable: Signal
    planes: Signal

    def __init__(self, *, rows: int, bits: int, group: int, depth: int):
        self.bits, self.group, self.depth = bits, group, max(2, depth)
        self.groups = -(-rows // group)
        super().__init__(
            {
                "write_valid": In(1),
                "write_address": In(range(self.depth)),
                "write_group": In(range(max(2, self.groups))),
                "elements": In(bits * group),
                "address": In(range(self.depth)),
                "enable": In(1),
                "planes": Out(bits * self.groups * group),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Transposition to planes is wiring: each plane gets its bits for every group, and one group is enabled."""
        m = Module()
        width = self.bits * self.groups * self.group
        m.submodules.memory = memory = Memory(shape=width, depth=self.depth, init=[])
        write = memory.write_port(granularity=self.group)
        read = memory.read_port()
        planes = [Signal(self.group, name=f"plane_{b}") for b in range(self.bits)]
        for b, plane in enumerate(planes):
            m.d.comb += plane.eq(Cat(self.elements[e * self.bits + b] for e in range(self.group)))
        chosen = Signal(self.groups)
        with m.If(self.write_valid):
            m.d.comb += chosen.eq(1 << self.write_group)
        m.d.comb += [
            write.addr.eq(self.write_address),
            write.data.eq(Cat(plane.replicate(self.groups) for plane in planes)),
            write.en.eq(chosen.replicate(self.bits)),
            read.addr.eq(self.address),
            read.en.eq(self.enable),
            self.planes.eq(read.data),
        ]
        return m


class VectorReader(wiring.Component):
    """Plays the vectors that jobs name, most significant plane first, one plane per cycle without a gap between jobs.

    Members
    -------
    i : stream of jobs (`Configuration.job`)
    o : stream of planes (`plane_layout`)
    address, enable : read ports of both memories; input_planes, activation_planes : what they return
    """

    i: stream.Interface
    o: stream.Interface
    address: Signal
    enable: Signal
    input_planes: Signal
    activation_planes: Signal

    def __init__(self, configuration: Configuration, *, input_width: int, activation_width: int):
        self.configuration = configuration
        self.plane = plane_layout(
            rows=configuration.rows,
            signed=configuration.signed,
            planes=configuration.weight_planes,
            tag_bits=configuration.tag.size,
        )
        super().__init__(
            {
                "i": In(stream.Signature(configuration.job)),
                "o": Out(stream.Signature(self.plane)),
                "address": Out(configuration.job["address"].shape),
                "enable": Out(1),
                "input_planes": In(input_width * configuration.activation_bits),
                "activation_planes": In(activation_width * configuration.activation_bits),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """The job being played, and a count of its planes that are left."""
        m = Module()
        configuration = self.configuration
        job: Any = Signal(configuration.job)
        left = Signal(range(configuration.activation_bits + 1))  # planes left, 0: idle
        first = Signal()
        ends = Signal()
        m.d.comb += [
            ends.eq((left == 0) | ((left == 1) & self.o.ready)),
            self.i.ready.eq(ends),
            self.address.eq(self.i.payload.address),
            self.enable.eq(self.i.valid & self.i.ready),
            self.o.valid.eq(left != 0),
        ]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [job.eq(self.i.payload), left.eq(self.i.payload.planes), first.eq(1)]
        with m.Elif(self.o.valid & self.o.ready):
            m.d.sync += [left.eq(left - 1), first.eq(0)]

        plane: Any = self.o.payload
        rows, planes = configuration.rows, range(configuration.activation_bits)
        with m.Switch(Cat(left, job.source)):
            for source, word in enumerate((self.input_planes, self.activation_planes)):
                pitch = len(word) // configuration.activation_bits
                for b in planes:
                    with m.Case((source << len(left)) | (b + 1)):
                        m.d.comb += plane.bits.eq(word[b * pitch : b * pitch + rows])
        m.d.comb += [plane.first.eq(first), plane.last.eq(left == 1), plane.tag.eq(job.tag)]
        if configuration.signed:
            m.d.comb += plane.negative.eq(first & job.negative)
        if configuration.weight_planes == 2:
            m.d.comb += plane.swap.eq(first & job.swap)
        return m
