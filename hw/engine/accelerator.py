"""The accelerator: macros, converters, dequantizer lanes, memories and sequencer behind one data port."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from amaranth import Module, Signal, signed, unsigned
from amaranth.lib import stream
from amaranth.lib.data import ArrayLayout, StructLayout
from amaranth.lib.wiring import In, Out, connect, flipped

from quadrille.algo.spec import InvalidInput
from quadrille.algo.spec.random_mode import STATE_BITS
from quadrille.hw.base import Block
from quadrille.hw.base.streams import buffered
from quadrille.hw.base.table import Table
from quadrille.hw.mac import MacArray

from .configuration import Configuration
from .features import FeatureMemory
from .loader import Loader
from .macros import connect_macros
from .modes import ModeRegister
from .parameters import PARAMETERS
from .patches import PatchReader
from .results import OUTPUT
from .sequencer import Sequencer, WeightLoader
from .tables import Datapath, datapath
from .targets import PORT_BITS, Target
from .value_path import ValuePath, taps_of

__all__ = ["Accelerator"]


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
    mode, seed : with several modes, that of the batch that arrived last, and the register that draws them
    status : `Configuration.status`
    o_added, o_activated, o_pooled, o_requantized : taps {values} behind the units that there are, where they act

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
    mode: Signal
    seed: Signal
    status: Any

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
        lanes, several = configuration.lanes, configuration.modes > 1
        modes = {"mode": Out(range(configuration.modes)), "seed": Out(STATE_BITS)} if several else {}
        results = StructLayout({"values": ArrayLayout(signed(configuration.result_bits), lanes)})
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
                "o_results": Out(stream.Signature(results, always_ready=True)),
                **taps_of(self.parts),
                **modes,
                "status": Out(configuration.status),
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
        m.submodules.reader = reader = parts.reader
        m.submodules.converter = converter = parts.converter
        m.submodules.dequantizer = dequantizer = parts.dequantizer

        m.submodules.path = path = ValuePath(self.configuration, parts)
        loader = self.elaborate_port(m)
        patches = self.elaborate_patches(m, loader, path)
        settled = self.elaborate_settling(m, patches, path)
        self.elaborate_program(m, loader, patches, settled)

        # The datapath: planes, sums, column steps, codes, results.
        cut = self.configuration.buffers > 0
        planes = buffered(m, patches.o, "planes", cut and self.configuration.engine == "cim")
        connect_macros(m, self.configuration, parts, planes)
        connect(m, buffered(m, reader.o, "steps", cut), converter.i)
        connect(m, buffered(m, converter.o, "codes", cut), dequantizer.i)
        connect(m, buffered(m, dequantizer.o, "slots", cut), path.i)
        connect(m, path.o, flipped(self.o))
        m.d.comb += [
            path.windows.eq(loader.windows),
            self.o_codes.valid.eq(converter.o.valid & converter.o.ready),
            self.o_codes.payload.codes.eq(converter.o.payload.codes),
            self.o_codes.payload.reference.eq(converter.o.payload.reference),
            self.o_results.valid.eq(dequantizer.o.valid & dequantizer.o.ready),
            self.o_results.payload.values.eq(dequantizer.o.payload.values),
        ]
        m.d.comb += self.status.eq(loader.status)
        for name in path.taps:
            connect(m, getattr(path, name), flipped(getattr(self, name)))
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

    def elaborate_patches(self, m: Module, loader: Loader, path: ValuePath) -> PatchReader:
        """The two activation memories, written by the loader and by the results, and the reader of both."""
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
            features.write_valid.eq(path.feature_valid),
            features.write_address.eq(path.feature_address),
            features.elements.eq(path.elements),
            patches.input_planes.eq(inputs.planes),
            patches.feature_planes.eq(features.planes),
            loader.release.eq(patches.release),
        ]
        for memory in (inputs, features):
            m.d.comb += [memory.address.eq(patches.address), memory.enable.eq(patches.enable)]
        return patches

    def elaborate_program(self, m: Module, loader: Loader, patches: PatchReader, settled: Signal) -> None:
        """The sequencer with the program, and the weight loader."""
        configuration, macros = self.configuration, self.parts.macros
        m.submodules.weights = weights = Table(
            configuration.weight_row, configuration.weight_rows, self.images.get(Target.WEIGHTS, ())
        )
        m.submodules.program = program = Table(
            configuration.instruction, configuration.weight_tiles, self.images.get(Target.PROGRAM, ())
        )
        m.submodules.tiles = tiles = Table(
            configuration.tile, configuration.weight_tiles, self.images.get(Target.TILES, ())
        )
        m.submodules.sequencer = sequencer = Sequencer(configuration)
        m.submodules.weight_loader = weight_loader = WeightLoader(configuration)
        for target, table in ((Target.PROGRAM, program), (Target.WEIGHTS, weights), (Target.TILES, tiles)):
            rows = getattr(loader, f"rows_{target}")
            m.d.comb += [table.i.valid.eq(rows.valid), table.i.payload.eq(rows.payload), table.enable.eq(1)]
        connect(m, sequencer.o, patches.i)
        pitch = configuration.all_columns * configuration.cell_bits
        for bank, macro in enumerate(macros):
            m.d.comb += [
                macro.i_weights.valid.eq(weight_loader.o.valid),
                macro.i_weights.payload.row.eq(weight_loader.o.payload.row),
                macro.i_weights.payload.cells.eq(weight_loader.o.payload.cells.word_select(bank, pitch)),
            ]
            if configuration.engine == "mac":
                m.d.comb += macro.i_weights.payload.precision.eq(weight_loader.tile.precision)
            else:
                m.d.comb += macro.i_weights.payload.reference.eq(weight_loader.o.payload.reference[bank])
        m.d.comb += weight_loader.o.ready.eq(macros[0].i_weights.ready)
        m.d.comb += [
            program.address.eq(sequencer.pc),
            sequencer.instruction.as_value().eq(program.row),
            sequencer.length.eq(loader.length),
            sequencer.settled.eq(settled),
            sequencer.weights_ready.eq(weight_loader.ready),
            sequencer.weights_swap.eq(weight_loader.swap),
            sequencer.filled.eq(loader.filled),
            tiles.address.eq(weight_loader.number),
            weight_loader.tile.as_value().eq(tiles.row),
            weights.address.eq(weight_loader.address),
            weight_loader.row.as_value().eq(weights.row),
            weight_loader.length.eq(loader.length),
            weight_loader.restart.eq(loader.start),
            weight_loader.claim.eq(sequencer.claim),
            weight_loader.idle.eq(settled & ~sequencer.o.valid),
            loader.busy.eq((loader.length != 0) & ~(sequencer.quiet & weight_loader.rests)),
        ]
        if configuration.modes > 1:
            self.elaborate_modes(m, loader, sequencer, weight_loader)
        m.d.comb += [sequencer.count[half].eq(loader.count[half]) for half in range(2)]
        first = macros[0]
        if isinstance(first, MacArray):
            m.d.comb += weight_loader.swapped.eq(first.swapped)
        elif configuration.weight_planes == 2:
            m.d.comb += weight_loader.swapped.eq(first.i.valid & first.i.ready & first.i.payload.swap)

    def elaborate_modes(self, m: Module, loader: Loader, sequencer: Sequencer, weight_loader: WeightLoader) -> None:
        """The mode of each batch, where there are several."""
        m.submodules.modes = modes = ModeRegister(self.configuration, tuple(self.images.get(Target.MODES, ())))
        rows = getattr(loader, f"rows_{Target.MODES}")
        m.d.comb += [
            modes.i_table.valid.eq(rows.valid),
            modes.i_table.payload.eq(rows.payload),
            modes.header.eq(loader.header),
            modes.accepted.eq(loader.accepted),
            modes.fills.eq(loader.fills),
            modes.release.eq(loader.release),
            weight_loader.known.eq(modes.known),
            self.mode.eq(modes.mode),
            self.seed.eq(modes.seed),
        ]
        for half in range(2):
            m.d.comb += [sequencer.first[half].eq(modes.first[half]), weight_loader.first[half].eq(modes.first[half])]

    def elaborate_settling(self, m: Module, patches: PatchReader, path: ValuePath) -> Signal:
        """Settled: no window is under way, and what the dequantizer sent last has had the time to be written."""
        dequantizer = self.parts.dequantizer
        # Windows between patch reader and dequantizer; back-pressure bounds them far below this.
        under_way = Signal(range(1024))
        m.d.sync += under_way.eq(under_way + patches.handed - dequantizer.done)
        waiting = Signal(range(self.parts.settling + 1))
        with m.If(path.i.valid & path.i.ready):
            m.d.sync += waiting.eq(self.parts.settling)
        with m.Elif((waiting != 0) & ~path.blocked):
            m.d.sync += waiting.eq(waiting - 1)
        settled = Signal()
        m.d.comb += settled.eq(patches.idle & (under_way == 0) & ~path.i.valid & (waiting == 0))
        return settled
