"""The accelerator: macros, converters, dequantizer lanes, memories and sequencer behind one data port."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from amaranth import Cat, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import stream
from amaranth.lib.data import ArrayLayout, StructLayout
from amaranth.lib.wiring import In, Out, connect, flipped

from quadrille.algo.spec import InvalidInput
from quadrille.hw.base import Block
from quadrille.hw.base.table import Table

from .configuration import PARAMETERS, PORT_BITS, Configuration, Destination, Target
from .features import FeatureMemory
from .loader import Loader
from .patches import PatchReader
from .residual import ResidualUnit
from .results import OUTPUT, ArgmaxUnit, OutputPacker
from .sequencer import Sequencer, WeightLoader
from .stores import StoreWalker
from .tables import Datapath, datapath
from .values import values_layout

__all__ = ["Accelerator"]


TAPS = {Target.RESIDUAL: "o_added", Target.POOLING: "o_pooled", Target.REQUANTIZER: "o_requantized"}
"""The tap behind each unit that follows the dequantizer, in their order."""


class Accelerator(Block):
    """Runs a Network: `Program.words` once on the data port, then batches of images.

    Each batch passes through the instructions of the program; an instruction multiplies one row tile of a layer with
    every window of its map, `acc[o] += mantissa[t,s,o] * code[t,s,o]`, and the last step of a slot of outputs leaves
    `y[o] = clamp(round_shift(acc[o], shift), low, high)`, to which a stored value may be added, which may be pooled and
    brought to another scale, and which then goes to the feature memory, to the argmax unit or to `o`.
    All windows of all images of a batch follow one another through one instruction before the next begins, so that a
    tile is loaded once for the whole batch; the batch after it arrives meanwhile.

    Members
    -------
    i : stream of 64-bit words: packets of a header and data (Loader)
    o : stream {data, last}: for each image the index of its greatest value, or its values packed
    o_codes : tap {codes, reference}: every column step as it leaves the converter
    o_results : tap {values}: every finished slot of results
    o_added, o_pooled, o_requantized : taps {values} behind the units that there are, where they act

    Parameters
    ----------
    images : contents of the tables by Target, baked into the hardware; by default they come through the data port

    Raises
    ------
    TypeError, InvalidInput
        For a parameter of the wrong kind, out of range, or at odds with another.
    """

    block_name = "accelerator"
    parameters = PARAMETERS

    i: stream.Interface
    o: stream.Interface
    o_codes: stream.Interface
    o_results: stream.Interface

    def __init__(self, *, images: Mapping[int, Sequence[int]] | None = None, **parameters: Any):
        values: dict[str, Any] = Configuration.defaults() | parameters
        self.take(**values)
        try:
            self.configuration = configuration = Configuration(**values)
        except InvalidInput:
            self.inspected()
            raise
        self.images = dict(images or {})
        self.parts: Datapath = datapath(configuration, self.images)
        lanes = configuration.lanes
        taps = {
            TAPS[target]: StructLayout({"values": unit.o.payload.shape()["values"].shape})
            for target, unit in self.parts.units.items()
        }
        super().__init__(
            {
                "i": In(stream.Signature(unsigned(PORT_BITS))),
                "o": Out(stream.Signature(OUTPUT)),
                "o_codes": Out(
                    stream.Signature(
                        StructLayout(
                            {
                                "codes": ArrayLayout(signed(configuration.code_bits), lanes),
                                "reference": signed(configuration.recovered_format.bits),
                            }
                        ),
                        always_ready=True,
                    )
                ),
                "o_results": Out(
                    stream.Signature(
                        StructLayout({"values": ArrayLayout(signed(configuration.result_bits), lanes)}),
                        always_ready=True,
                    )
                ),
                **{name: Out(stream.Signature(layout, always_ready=True)) for name, layout in taps.items()},
            }
        )

    @property
    def latency(self) -> int:
        """Cycles from the last plane of a window to its first results, when the tile is complete in one step."""
        return self.parts.latency

    def inspected(self) -> None:
        """Say that this accelerator is only asked about, or refused."""
        super().inspected()
        if hasattr(self, "parts"):
            self.parts.inspected()

    def elaborate(self, platform: object) -> Module:
        """Port and memories, program, datapath, results."""
        m = Module()
        parts = self.parts
        m.submodules.macro = macro = parts.macro
        m.submodules.reader = reader = parts.reader
        m.submodules.converter = converter = parts.converter
        m.submodules.dequantizer = dequantizer = parts.dequantizer

        loader = self.elaborate_port(m)
        patches, features = self.elaborate_patches(m, loader)
        settled = self.elaborate_program(m, loader, patches)

        # The datapath: planes, sums, column steps, codes, results.
        connect(m, patches.o, macro.i)
        m.d.comb += [
            reader.i.valid.eq(macro.o.valid),
            reader.i.payload.as_value().eq(macro.o.payload.as_value()),
            macro.o.ready.eq(reader.i.ready),
        ]
        connect(m, reader.o, converter.i)
        connect(m, converter.o, dequantizer.i)
        m.d.comb += [
            self.o_codes.valid.eq(converter.o.valid & converter.o.ready),
            self.o_codes.payload.codes.eq(converter.o.payload.codes),
            self.o_codes.payload.reference.eq(converter.o.payload.reference),
            self.o_results.valid.eq(dequantizer.o.valid & dequantizer.o.ready),
            self.o_results.payload.values.eq(dequantizer.o.payload.values),
        ]
        values = self.elaborate_units(m)
        self.elaborate_results(m, loader, values, features)
        self.elaborate_settling(m, patches, values, settled)
        return m

    def elaborate_port(self, m: Module) -> Loader:
        """The loader; its rows go to the tables of the datapath."""
        parts = self.parts
        program = self.images.get(Target.PROGRAM, ())
        (windows,) = self.images.get(Target.START, (1,))
        m.submodules.loader = loader = Loader(self.configuration, parts.writes, len(program), windows)
        connect(m, flipped(self.i), loader.i)
        ports = {
            Target.CONVERTER: parts.converter.i_table,
            Target.MANTISSAS: parts.dequantizer.i_mantissas,
            Target.BIASES: parts.dequantizer.i_biases,
            Target.STORES: parts.feature_store.i_table,
            **{target: unit.i_table for target, unit in parts.units.items()},
        }
        if parts.residual_store is not None:
            ports[Target.RESIDUAL_STORES] = parts.residual_store.i_table
        for target, port in ports.items():
            rows = getattr(loader, f"rows_{target}")
            m.d.comb += [port.valid.eq(rows.valid), port.payload.eq(rows.payload)]
        return loader

    def elaborate_patches(self, m: Module, loader: Loader) -> tuple[PatchReader, FeatureMemory]:
        """The two activation memories, and the reader of both; the loader writes the one of the images."""
        configuration = self.configuration
        word, bits = configuration.word, configuration.activation_bits
        m.submodules.inputs = inputs = FeatureMemory(
            word=word, bits=bits, group=configuration.elements_per_word, depth=2 * configuration.input_words
        )
        m.submodules.features = features = FeatureMemory(
            word=word, bits=bits, group=configuration.lanes, depth=configuration.feature_words
        )
        m.submodules.patches = patches = PatchReader(configuration)
        m.d.comb += [
            inputs.write_valid.eq(loader.word_valid),
            inputs.write_address.eq(loader.word_address),
            inputs.elements.eq(loader.word),
            patches.input_planes.eq(inputs.planes),
            patches.feature_planes.eq(features.planes),
            loader.release.eq(patches.release),
        ]
        for memory in (inputs, features):
            m.d.comb += [memory.address.eq(patches.address), memory.enable.eq(patches.enable)]
        return patches, features

    def elaborate_program(self, m: Module, loader: Loader, patches: PatchReader) -> Signal:
        """The sequencer with the program, and the weight loader. Returns "all results are written", to be driven."""
        configuration, macro = self.configuration, self.parts.macro
        m.submodules.weights = weights = Table(
            configuration.weight_row, configuration.weight_rows, self.images.get(Target.WEIGHTS, ())
        )
        m.submodules.program = program = Table(
            configuration.instruction, configuration.weight_tiles, self.images.get(Target.PROGRAM, ())
        )
        m.submodules.sequencer = sequencer = Sequencer(configuration, patches.walker.job)
        m.submodules.weight_loader = weight_loader = WeightLoader(
            configuration, macro.signature.members["i_weights"].signature.members["payload"].shape
        )
        settled = Signal()
        for target, table in ((Target.PROGRAM, program), (Target.WEIGHTS, weights)):
            rows = getattr(loader, f"rows_{target}")
            m.d.comb += [table.i.valid.eq(rows.valid), table.i.payload.eq(rows.payload), table.enable.eq(1)]
        connect(m, sequencer.o, patches.i)
        connect(m, weight_loader.o, macro.i_weights)
        m.d.comb += [
            program.address.eq(sequencer.pc),
            sequencer.instruction.as_value().eq(program.row),
            sequencer.length.eq(loader.length),
            sequencer.settled.eq(settled),
            sequencer.weights_ready.eq(weight_loader.ready),
            sequencer.weights_swap.eq(weight_loader.swap),
            sequencer.filled.eq(loader.filled),
            weights.address.eq(weight_loader.address),
            weight_loader.row.as_value().eq(weights.row),
            weight_loader.length.eq(loader.length),
            weight_loader.restart.eq(loader.start),
            weight_loader.claim.eq(sequencer.claim),
            weight_loader.idle.eq(settled & ~sequencer.o.valid),
            loader.busy.eq((loader.length != 0) & ~(sequencer.quiet & weight_loader.ready)),
        ]
        m.d.comb += [sequencer.count[half].eq(loader.count[half]) for half in range(2)]
        if configuration.weight_planes == 2:
            m.d.comb += weight_loader.swapped.eq(macro.i.valid & macro.i.ready & macro.i.payload.swap)
        return settled

    def elaborate_units(self, m: Module) -> stream.Interface:
        """What follows the dequantizer; returns the stream that leaves the last of the units."""
        configuration, results = self.configuration, self.parts.dequantizer.o
        layout = values_layout(
            lanes=configuration.lanes,
            value_bits=configuration.result_bits,
            route_bits=configuration.route_bits,
            frame_bits=configuration.destination.size,
        )
        values: stream.Interface = stream.Signature(layout).create(path=("values",))
        destination = self.destination(m, "result", results.payload.destination)
        m.d.comb += [
            values.valid.eq(results.valid),
            results.ready.eq(values.ready),
            values.payload.values.eq(results.payload.values),
            values.payload.frame.eq(results.payload.destination),
            values.payload.route.eq(results.payload.destination[configuration.destination.size :]),
            values.payload.first.eq(destination.first & (results.payload.frame == 0)),
        ]
        store = self.parts.residual_store
        for target, unit in self.parts.units.items():
            name = TAPS[target]
            if target == Target.REQUANTIZER and store is not None:
                self.elaborate_residual_store(m, values)
            m.submodules[name.removeprefix("o_")] = unit
            m.d.comb += [
                unit.i.valid.eq(values.valid),
                unit.i.payload.eq(values.payload),
                values.ready.eq(unit.i.ready),
            ]
            values = unit.o
            acts = self.destination(m, name, values.payload.frame).acts[[*TAPS].index(target)]
            tap = getattr(self, name)
            m.d.comb += [
                tap.valid.eq(values.valid & values.ready & acts),
                tap.payload.values.eq(values.payload.values),
            ]
        if store is not None and Target.REQUANTIZER not in self.parts.units:
            self.elaborate_residual_store(m, values)
        return values

    def elaborate_residual_store(self, m: Module, values: stream.Interface) -> None:
        """What passes on `values` goes to the residual unit's memory where its route says so."""
        configuration = self.configuration
        unit, store = self.parts.units[Target.RESIDUAL], self.parts.residual_store
        assert isinstance(unit, ResidualUnit) and store is not None
        m.submodules.residual_store = store
        held = Signal(values.payload.values.as_value().shape(), name="stored_values", reset_less=True)
        width = len(values.payload.values[0])
        with m.If(values.valid):
            m.d.sync += held.eq(values.payload.values.as_value())
        m.d.comb += [
            *self.watch(store, values),
            unit.i_words.valid.eq(store.write_valid),
            unit.i_words.payload.address.eq(store.write_address),
        ]
        for n in range(configuration.lanes):
            value = held.word_select(n, width)[: configuration.stored_bits]
            m.d.comb += unit.i_words.payload.values[n].eq(value.as_signed())

    @staticmethod
    def watch(store: StoreWalker, values: stream.Interface) -> list[Any]:
        """The beats that `store` counts."""
        return [
            store.valid.eq(values.valid & values.ready),
            store.route.eq(values.payload.route),
            store.first.eq(values.payload.first),
        ]

    def destination(self, m: Module, name: str, bits: Value) -> Any:
        """The destination in the low bits of `bits`."""
        destination: Any = Signal(self.configuration.destination, name=f"{name}_destination")
        m.d.comb += destination.as_value().eq(bits)
        return destination

    def elaborate_results(self, m: Module, loader: Loader, values: stream.Interface, features: FeatureMemory) -> None:
        """Values go where their destination says: the feature memory, the argmax unit, or the output."""
        configuration = self.configuration
        destination = self.destination(m, "final", values.payload.frame)
        layout = values.payload.shape()
        m.submodules.argmax = argmax = ArgmaxUnit(configuration, layout)
        m.submodules.packer = packer = OutputPacker(configuration, layout)
        m.submodules.feature_store = store = self.parts.feature_store
        bits = configuration.activation_bits
        elements = Signal(configuration.lanes * bits, reset_less=True)
        with m.If(values.valid):
            m.d.sync += elements.eq(Cat(values.payload.values[n][:bits] for n in range(configuration.lanes)))
        m.d.comb += [
            argmax.i.payload.eq(values.payload),
            packer.i.payload.eq(values.payload),
            packer.windows.eq(loader.windows),
            *self.watch(store, values),
            features.write_valid.eq(store.write_valid),
            features.write_address.eq(store.write_address),
            features.elements.eq(elements),
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

    def elaborate_settling(self, m: Module, patches: PatchReader, values: stream.Interface, settled: Signal) -> None:
        """Settled: no window is under way, and what the dequantizer sent last has had the time to be written."""
        dequantizer = self.parts.dequantizer
        # Windows between patch reader and dequantizer; back-pressure bounds them far below this.
        under_way = Signal(range(1024))
        m.d.sync += under_way.eq(under_way + patches.handed - dequantizer.done)
        waiting = Signal(range(self.parts.settling + 1))
        with m.If(dequantizer.o.valid & dequantizer.o.ready):
            m.d.sync += waiting.eq(self.parts.settling)
        with m.Elif((waiting != 0) & (~values.valid | values.ready)):
            m.d.sync += waiting.eq(waiting - 1)
        m.d.comb += settled.eq(patches.idle & (under_way == 0) & (waiting == 0))
