"""What follows the dequantizer: the units that there are, and where the values go then."""

from __future__ import annotations

from typing import Any

from amaranth import Cat, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.data import StructLayout
from amaranth.lib.wiring import In, Out

from .configuration import Configuration
from .residual import ResidualUnit
from .results import OUTPUT, ArgmaxUnit, OutputPacker
from .stores import StoreWalker
from .tables import Datapath
from .targets import Destination, Target
from .values import values_layout

__all__ = ["TAPS", "ValuePath", "taps_of"]

TAPS = {
    Target.RESIDUAL: "o_added",
    Target.ACTIVATION: "o_activated",
    Target.POOLING: "o_pooled",
    Target.REQUANTIZER: "o_requantized",
}
"""The tap behind each unit, in their order."""


def taps_of(parts: Datapath) -> dict[str, Any]:
    """The members for the taps of the units that there are."""
    return {
        TAPS[target]: Out(
            stream.Signature(StructLayout({"values": unit.o.payload.shape()["values"].shape}), always_ready=True)
        )
        for target, unit in parts.units.items()
    }


class ValuePath(wiring.Component):
    """Beats of finished slots, through the units, into memory or out.

    The `frame` that travels with a beat is its `Configuration.destination`. What an Add reads later is stored from
    before the requantizer.

    Members
    -------
    i : stream of the dequantizer's results; their `destination` is a `Configuration.destination` below a route
    o : stream {data, last}: what leaves the accelerator
    o_added, o_activated, o_pooled, o_requantized : taps behind the units that there are, where they act
    feature_valid, feature_address, elements : writes of the feature memory
    windows : of a result
    blocked : the last unit's value waits
    """

    i: stream.Interface
    o: stream.Interface
    feature_valid: Signal
    feature_address: Signal
    elements: Signal
    windows: Signal
    blocked: Signal

    def __init__(self, configuration: Configuration, parts: Datapath):
        self.configuration, self.parts = configuration, parts
        taps = taps_of(parts)
        self.taps = tuple(taps)
        super().__init__(
            {
                "i": In(stream.Signature(parts.dequantizer.core.results)),
                "o": Out(stream.Signature(OUTPUT)),
                **taps,
                "feature_valid": Out(1),
                "feature_address": Out(parts.feature_store.write_address.shape()),
                "elements": Out(configuration.lanes * configuration.activation_bits),
                "windows": In(24),
                "blocked": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Units in their order, then the destinations."""
        m = Module()
        values = self.entrance(m)
        store = self.parts.residual_store
        for number, (target, unit) in enumerate(self.parts.units.items()):
            if target == Target.REQUANTIZER and store is not None:
                self.elaborate_store(m, values)
                store = None
            name = TAPS[target]
            m.submodules[name.removeprefix("o_")] = unit
            m.d.comb += [
                unit.i.valid.eq(values.valid),
                unit.i.payload.eq(values.payload),
                values.ready.eq(unit.i.ready),
            ]
            values = unit.o
            acts = self.destination(m, f"{name}_{number}", values.payload.frame).acts[[*TAPS].index(target)]
            tap = getattr(self, name)
            m.d.comb += [
                tap.valid.eq(values.valid & values.ready & acts),
                tap.payload.values.eq(values.payload.values),
            ]
        if store is not None:
            self.elaborate_store(m, values)
        self.elaborate_destinations(m, values)
        return m

    def entrance(self, m: Module) -> stream.Interface:
        """The dequantizer's results as beats of values."""
        configuration, results = self.configuration, self.i
        size = configuration.destination.size
        layout = values_layout(
            lanes=configuration.lanes,
            value_bits=configuration.result_bits,
            route_bits=configuration.route_bits,
            frame_bits=size,
        )
        values: stream.Interface = stream.Signature(layout).create(path=("values",))
        destination = self.destination(m, "result", results.payload.destination[:size])
        m.d.comb += [
            values.valid.eq(results.valid),
            results.ready.eq(values.ready),
            values.payload.values.eq(results.payload.values),
            values.payload.frame.eq(results.payload.destination[:size]),
            values.payload.route.eq(results.payload.destination[size:]),
            values.payload.first.eq(destination.first & (results.payload.frame == 0)),
        ]
        return values

    def elaborate_store(self, m: Module, values: stream.Interface) -> None:
        """What passes on `values` goes to the residual unit's memory where its route says so."""
        configuration = self.configuration
        unit, store = self.parts.units[Target.RESIDUAL], self.parts.residual_store
        assert isinstance(unit, ResidualUnit) and store is not None
        m.submodules.residual_store = store
        held = Signal(values.payload.values.as_value().shape(), name="stored_values", reset_less=True)
        width = len(values.payload.values[0])
        with m.If(values.valid):
            m.d.sync += held.eq(values.payload.values.as_value())
        held = self.until(m, store, held)
        m.d.comb += [
            *self.watch(store, values),
            unit.i_words.valid.eq(store.write_valid),
            unit.i_words.payload.address.eq(store.write_address),
        ]
        for n in range(configuration.lanes):
            value = held.word_select(n, width)[: configuration.stored_bits]
            m.d.comb += unit.i_words.payload.values[n].eq(value.as_signed())

    @staticmethod
    def until(m: Module, store: StoreWalker, held: Signal) -> Signal:
        """`held`, a cycle behind its beat, when `store` says where it goes."""
        for _ in range(store.latency - 1):
            later = Signal.like(held, name=f"later_{held.name}", reset_less=True)
            m.d.sync += later.eq(held)
            held = later
        return held

    @staticmethod
    def watch(store: StoreWalker, values: stream.Interface) -> list[Any]:
        """The beats that `store` counts."""
        return [
            store.valid.eq(values.valid & values.ready),
            store.route.eq(values.payload.route),
            store.first.eq(values.payload.first),
        ]

    def destination(self, m: Module, name: str, bits: Value) -> Any:
        """`bits` as a destination."""
        destination: Any = Signal(self.configuration.destination, name=f"{name}_destination")
        m.d.comb += destination.as_value().eq(bits)
        return destination

    def elaborate_destinations(self, m: Module, values: stream.Interface) -> None:
        """Values go where their destination says: the feature memory, the argmax unit, or the output."""
        configuration = self.configuration
        destination = self.destination(m, "final", values.payload.frame)
        layout = values.payload.shape()
        m.submodules.argmax = argmax = ArgmaxUnit(configuration, layout)
        m.submodules.packer = packer = OutputPacker(configuration, layout)
        m.submodules.feature_store = store = self.parts.feature_store
        bits = configuration.activation_bits
        held = Signal(configuration.lanes * bits, name="held_elements", reset_less=True)
        with m.If(values.valid):
            m.d.sync += held.eq(Cat(values.payload.values[n][:bits] for n in range(configuration.lanes)))
        held = self.until(m, store, held)
        m.d.comb += [
            argmax.i.payload.eq(values.payload),
            packer.i.payload.eq(values.payload),
            packer.windows.eq(self.windows),
            *self.watch(store, values),
            self.feature_valid.eq(store.write_valid),
            self.feature_address.eq(store.write_address),
            self.elements.eq(held),
            self.blocked.eq(values.valid & ~values.ready),
        ]
        with m.Switch(destination.kind):
            with m.Case(Destination.STORED):
                m.d.comb += values.ready.eq(1)
            with m.Case(Destination.ARGMAX):
                m.d.comb += [values.ready.eq(argmax.i.ready), argmax.i.valid.eq(values.valid)]
            with m.Default():
                m.d.comb += [values.ready.eq(packer.i.ready), packer.i.valid.eq(values.valid)]

        # A program has one result, so at most one of the two speaks.
        m.d.comb += [
            self.o.valid.eq(argmax.o.valid | packer.o.valid),
            self.o.payload.eq(Mux(argmax.o.valid, argmax.o.payload, packer.o.payload)),
            argmax.o.ready.eq(self.o.ready),
            packer.o.ready.eq(self.o.ready),
        ]
