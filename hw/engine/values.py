"""Beats of values behind the dequantizer: their layout, and where in a feature map each of them stands."""

from __future__ import annotations

from dataclasses import dataclass

from amaranth import Module, Mux, Signal, Value, signed
from amaranth.lib.data import ArrayLayout, StructLayout

__all__ = ["Walk", "route_bits", "values_layout", "walk"]


def values_layout(*, lanes: int, value_bits: int, route_bits: int, frame_bits: int) -> StructLayout:
    """A group of `lanes` output channels at one window of a feature map.

    The beats of a pass come frame by frame, window by window in raster order, group by group.
    """
    return StructLayout(
        {
            "values": ArrayLayout(signed(value_bits), lanes),
            "route": route_bits,  # row of each unit's table
            "frame": frame_bits,  # handed on
            "first": 1,  # of the pass: units start over; so must the first beat after a reset
        }
    )


def route_bits(table_rows: int) -> int:
    """Width of a route among `table_rows`."""
    return max(1, (table_rows - 1).bit_length())


@dataclass(frozen=True)
class Walk:
    """Where a beat stands, and what ends with it.

    Attributes
    ----------
    group, x, y : the beat's group, window of the row and row of the map
    window_ends, row_ends, frame_ends : whether it is the last group of its window, also of its row, also of its frame
    """

    group: Value
    x: Value
    y: Value
    window_ends: Value
    row_ends: Value
    frame_ends: Value


def walk(m: Module, *, moves: Value, first: Value, groups: Value, width: Value, height: Value) -> Walk:
    """Count beats through maps of `height` rows of `width` windows of `groups` groups.

    In a cycle with `moves` there is a beat; with `first` it is the first of a pass, wherever the counters
    stood: they need no reset.
    """
    here: list[Value] = []
    ends: list[Value] = []
    carry: Value = moves
    for name, count in (("group", groups), ("x", width), ("y", height)):
        held = Signal(len(count), name=f"walk_{name}", reset_less=True)
        now = Signal(len(count), name=name)
        last = Signal(name=f"last_{name}")
        m.d.comb += [now.eq(Mux(first, 0, held)), last.eq(now + 1 == count)]
        with m.If(moves):
            m.d.sync += held.eq(Mux(carry, Mux(last, 0, now + 1), now))
        here.append(now)
        carry = carry & last
        ends.append(carry)
    return Walk(*here, *ends)
