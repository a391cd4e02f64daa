"""The macros of all banks side by side: what each gets of a plane, and what the column reader gets of them."""

from __future__ import annotations

from typing import Any

from amaranth import Cat, Module, Value
from amaranth.lib.data import View

from .configuration import Configuration
from .tables import Datapath

__all__ = ["connect_macros", "used_columns"]


def connect_macros(m: Module, configuration: Configuration, parts: Datapath, planes: Any) -> None:
    """The macros, and their columns to the reader, a group of lanes from each in turn.

    `planes` is a stream of planes, of the rows of all banks one behind the other, or of windows as an array takes them.
    """
    macros, reader = parts.macros, parts.reader
    m.d.comb += [planes.ready.eq(macros[0].i.ready), reader.i.valid.eq(macros[0].o.valid)]
    for bank, macro in enumerate(macros):
        m.submodules["macro" if len(macros) == 1 else f"macro_{bank}"] = macro
        plane: Any = macro.i.payload
        m.d.comb += [macro.i.valid.eq(planes.valid), macro.o.ready.eq(reader.i.ready)]
        for name in plane.shape().members:
            if name == "used":
                m.d.comb += plane.used.eq(used_columns(configuration, bank, planes.payload.tag))
                continue
            field = getattr(planes.payload, name)
            part = field.word_select(bank, configuration.rows) if name == "bits" else field
            m.d.comb += Value.cast(getattr(plane, name)).eq(part)
    sums: Any = reader.i.payload
    if len(macros) == 1:
        m.d.comb += sums.as_value().eq(macros[0].o.payload.as_value())
        return
    lanes, pitch = configuration.lanes, configuration.all_columns
    for name in ("sum", "carry"):
        words = [
            getattr(macros[n % len(macros)].o.payload, name)[start : start + lanes]
            for k in range(reader.partial_bits)
            for n in range(configuration.read_columns // lanes)
            for start in [k * pitch + n // len(macros) * lanes]
        ]
        m.d.comb += getattr(sums, name).eq(Cat(words))
    m.d.comb += [sums.reference[bank].eq(macro.o.payload.reference) for bank, macro in enumerate(macros)]
    m.d.comb += Cat(sums.steps, sums.address, sums.frame).eq(macros[0].o.payload.tag)


def used_columns(configuration: Configuration, bank: int, tag: Value) -> Value:
    """For each gate of the macro of `bank`, whether the first of its groups of lanes, and so any, will be read."""
    steps = View(configuration.tag, tag).steps
    firsts = range(0, configuration.all_columns, configuration.gated_columns)
    return Cat(steps > first // configuration.lanes * configuration.banks + bank for first in firsts)
