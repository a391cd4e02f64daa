"""The hardware of a register map: fields in, fields out, and one port that reads while another writes."""

from __future__ import annotations

from typing import Any

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .register_map import WORD_BITS, WORD_BYTES, Access, Register, RegisterMap

__all__ = ["RegisterFile"]

#: Fields that the hardware drives, and fields that it sees.
SHOWN, HELD = (Access.READ, Access.CLEAR), (Access.READ_WRITE, Access.START)


class RegisterFile(wiring.Component):
    """Keeps and shows the registers of a map.

    A write changes the bytes whose bit in `strobes` is set: READ_WRITE takes them, CLEAR loses the bits that are
    written 1 (a bit that the hardware sets in that cycle stays set), START is high for the one cycle after; what cannot
    be written stays as it is. A write without any strobe does nothing.

    Members
    -------
    write, write_address, data, strobes : a write in this cycle; the address counts words
    write_mapped : whether that address has a register
    read, read_address : a read in this cycle, with what it sets off; value, read_mapped : its answer, in the cycle
    <register>_<field> : READ: in, its value; CLEAR: in, sets it; READ_WRITE, START: out, its value
    <register>_<field>_held : CLEAR: out, its value
    """

    write: Signal
    write_address: Signal
    data: Signal
    strobes: Signal
    write_mapped: Signal
    read: Signal
    read_address: Signal
    value: Signal
    read_mapped: Signal

    def __init__(self, register_map: RegisterMap):
        self.register_map = register_map
        address = register_map.address_bits - (WORD_BYTES - 1).bit_length()
        members: dict[str, Any] = {}
        out: Any = Out  # the stubs do not know its `init`
        for register in register_map.registers:
            for field in register.fields:
                if field.access in SHOWN:
                    members[f"{register.name}_{field.name}"] = In(field.bits)
                if field.access is Access.CLEAR:
                    members[f"{register.name}_{field.name}_held"] = out(field.bits, init=field.reset)
                if field.access in HELD:
                    members[f"{register.name}_{field.name}"] = out(field.bits, init=field.reset)
        super().__init__(
            {
                "write": In(1),
                "write_address": In(address),
                "data": In(WORD_BITS),
                "strobes": In(WORD_BYTES),
                "write_mapped": Out(1),
                "read": In(1),
                "read_address": In(address),
                "value": Out(WORD_BITS),
                "read_mapped": Out(1),
                **members,
            }
        )

    def field(self, register: str, field: str) -> Signal:
        """The member of a field."""
        return getattr(self, f"{register}_{self.register_map.register(register).field(field).name}")

    def held(self, register: str, field: str) -> Signal:
        """The value of a field that is cleared by writing 1."""
        return getattr(self, f"{register}_{self.register_map.register(register).field(field).name}_held")

    def written(self, register: str) -> Any:
        """Whether the register is written in this cycle."""
        return self.write & (self.write_address == self.index(register)) & self.strobes.any()

    def taken(self, register: str) -> Any:
        """Whether the register is read in this cycle."""
        return self.read & (self.read_address == self.index(register))

    def index(self, register: str) -> int:
        """The word address of a register."""
        return self.register_map.register(register).offset // WORD_BYTES

    def elaborate(self, platform: object) -> Module:
        """Each register's storage and its place in the word that is read."""
        m = Module()
        enabled = Cat(strobe.replicate(8) for strobe in self.strobes)
        shown: dict[int, Any] = {}
        for register in self.register_map.registers:
            shown[self.index(register.name)] = self.elaborate_register(m, register, enabled)
        with m.Switch(self.read_address):
            for index, word in shown.items():
                with m.Case(index):
                    m.d.comb += [self.value.eq(word), self.read_mapped.eq(1)]
        with m.Switch(self.write_address):
            for index in shown:
                with m.Case(index):
                    m.d.comb += self.write_mapped.eq(1)
        return m

    def elaborate_register(self, m: Module, register: Register, enabled: Any) -> Signal:
        """The fields of a register; the word that they make."""
        word = Signal(WORD_BITS, name=register.name)
        chosen = Signal(name=f"{register.name}_written")
        m.d.comb += chosen.eq(self.written(register.name))
        for field in register.fields:
            bits = slice(field.low, field.low + field.bits)
            place, given, mask = word[bits], self.data[bits], enabled[bits]
            if field.access is Access.CONSTANT:
                m.d.comb += place.eq(field.reset)
                continue
            member = self.field(register.name, field.name)
            if field.access is Access.READ:
                m.d.comb += place.eq(member)
            elif field.access is Access.CLEAR:
                held = self.held(register.name, field.name)
                cleared = Mux(chosen, given & mask, 0)
                m.d.sync += held.eq(held & ~cleared | member)
                m.d.comb += place.eq(held)
            elif field.access is Access.READ_WRITE:
                with m.If(chosen):
                    m.d.sync += member.eq(given & mask | member & ~mask)
                m.d.comb += place.eq(member)
            else:
                m.d.sync += member.eq(Mux(chosen, given & mask, 0))
        return word
