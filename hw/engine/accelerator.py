"""The accelerator: macros, converters, dequantizer lanes, memories and sequencer behind one data port."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from amaranth import Cat, Module, Mux, Signal, signed, unsigned
from amaranth.lib import stream
from amaranth.lib.data import ArrayLayout, StructLayout
from amaranth.lib.wiring import In, Out, connect, flipped

from quadrille.algo.spec import InvalidInput
from quadrille.hw.base import Block
from quadrille.hw.base.table import Table

from .configuration import PARAMETERS, PORT_BITS, Configuration, Destination, Target
from .loader import Loader
from .results import OUTPUT, ArgmaxUnit, OutputPacker
from .sequencer import Sequencer, WeightLoader
from .tables import Datapath, datapath
from .vectors import VectorMemory, VectorReader

__all__ = ["Accelerator"]


class Accelerator(Block):
    """Runs a Network: `Program.words` once on the data port, then batches of images.

    Each image passes through the instructions of the program; an instruction multiplies one row tile of a layer,
    `acc[o] += mantissa[t,s,o] * code[t,s,o]`, and its last step leaves
    `y[o] = clamp(round_shift(acc[o], shift), low, high)` in the activation memory, in the argmax unit or on `o`.
    Images of a batch follow one another through one instruction before the next begins, so that a tile is loaded once
    for the whole batch; the batch after it arrives meanwhile.

    Members
    -------
    i : stream of 64-bit words: packets of a header and data (Loader)
    o : stream {data, last}: for each image the index of its greatest value, or its values packed
    o_codes : tap {codes, reference}: every column step as it leaves the converter
    o_results : tap {values}: every finished group of results

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
            }
        )

    @property
    def latency(self) -> int:
        """Cycles from the last plane of a vector to its first results, when the tile is complete in one step."""
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
        vectors, activations = self.elaborate_vectors(m, loader)
        self.elaborate_program(m, loader, vectors)

        # The datapath: planes, sums, column steps, codes, results.
        connect(m, vectors.o, macro.i)
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
        self.elaborate_results(m, activations)
        return m

    def elaborate_port(self, m: Module) -> Loader:
        """The loader; its rows go to the tables of the datapath."""
        parts = self.parts
        m.submodules.loader = loader = Loader(
            self.configuration, parts.writes, len(self.images.get(Target.PROGRAM, ()))
        )
        connect(m, flipped(self.i), loader.i)
        for target, port in (
            (Target.CONVERTER, parts.converter.i_table),
            (Target.MANTISSAS, parts.dequantizer.i_mantissas),
            (Target.BIASES, parts.dequantizer.i_biases),
        ):
            rows = getattr(loader, f"rows_{target}")
            m.d.comb += [port.valid.eq(rows.valid), port.payload.eq(rows.payload)]
        return loader

    def elaborate_vectors(self, m: Module, loader: Loader) -> tuple[VectorReader, VectorMemory]:
        """The two vector memories, and the reader that plays them; the loader writes the one of the inputs."""
        configuration = self.configuration
        m.submodules.inputs = inputs = VectorMemory(
            rows=configuration.rows,
            bits=configuration.activation_bits,
            group=configuration.elements_per_word,
            depth=configuration.input_depth,
        )
        m.submodules.activations = activations = VectorMemory(
            rows=configuration.rows,
            bits=configuration.activation_bits,
            group=configuration.lanes,
            depth=configuration.activation_depth,
        )
        m.submodules.vectors = vectors = VectorReader(
            configuration,
            input_width=inputs.groups * inputs.group,
            activation_width=activations.groups * activations.group,
        )
        m.d.comb += [
            inputs.write_valid.eq(loader.word_valid),
            inputs.write_address.eq(loader.word_address),
            inputs.write_group.eq(loader.word_group),
            inputs.elements.eq(loader.word),
            vectors.input_planes.eq(inputs.planes),
            vectors.activation_planes.eq(activations.planes),
        ]
        for memory in (inputs, activations):
            m.d.comb += [memory.address.eq(vectors.address), memory.enable.eq(vectors.enable)]
        return vectors, activations

    def elaborate_program(self, m: Module, loader: Loader, vectors: VectorReader) -> None:
        """The sequencer and the weight loader, each with its own view of the program."""
        configuration, macro = self.configuration, self.parts.macro
        program = self.images.get(Target.PROGRAM, ())
        m.submodules.weights = weights = Table(
            configuration.weight_row, configuration.weight_rows, self.images.get(Target.WEIGHTS, ())
        )
        m.submodules.sequencer = sequencer = Sequencer(configuration)
        m.submodules.weight_loader = weight_loader = WeightLoader(
            configuration, macro.signature.members["i_weights"].signature.members["payload"].shape
        )
        for name, reader in (("sequencer", sequencer), ("weight_loader", weight_loader)):
            table = Table(configuration.instruction, configuration.instructions, program)
            m.submodules[f"{name}_program"] = table
            rows = getattr(loader, f"rows_{Target.PROGRAM}")
            m.d.comb += [
                table.i.valid.eq(rows.valid),
                table.i.payload.eq(rows.payload),
                table.address.eq(reader.pc),
                table.enable.eq(1),
                reader.instruction.as_value().eq(table.row),
                reader.length.eq(loader.length),
            ]
        rows = getattr(loader, f"rows_{Target.WEIGHTS}")
        connect(m, sequencer.o, vectors.i)
        connect(m, weight_loader.o, macro.i_weights)
        m.d.comb += [
            weights.i.valid.eq(rows.valid),
            weights.i.payload.eq(rows.payload),
            weights.address.eq(weight_loader.address),
            weights.enable.eq(1),
            weight_loader.row.as_value().eq(weights.row),
            weight_loader.restart.eq(loader.start),
            weight_loader.claim.eq(sequencer.claim),
            weight_loader.idle.eq(sequencer.idle),
            sequencer.weights_ready.eq(weight_loader.ready),
            sequencer.weights_swap.eq(weight_loader.swap),
            sequencer.done.eq(self.parts.dequantizer.done),
            sequencer.filled.eq(loader.filled),
            loader.release.eq(sequencer.release),
            loader.busy.eq((loader.length != 0) & ~(sequencer.quiet & weight_loader.ready)),
        ]
        m.d.comb += [sequencer.count[half].eq(loader.count[half]) for half in range(2)]
        if configuration.weight_planes == 2:
            m.d.comb += weight_loader.swapped.eq(macro.i.valid & macro.i.ready & macro.i.payload.swap)

    def elaborate_results(self, m: Module, activations: VectorMemory) -> None:
        """Results go where their destination says: a vector, the argmax unit, or the output."""
        configuration, results = self.configuration, self.parts.dequantizer.o
        m.submodules.argmax = argmax = ArgmaxUnit(configuration, results.payload.shape())
        m.submodules.packer = packer = OutputPacker(configuration, results.payload.shape())
        destination: Any = Signal(configuration.destination)
        vectors = (configuration.pitch(configuration.vectors) - 1).bit_length()
        m.d.comb += [
            destination.as_value().eq(results.payload.destination),
            argmax.i.payload.eq(results.payload),
            packer.i.payload.eq(results.payload),
            activations.write_address.eq(Cat(destination.vector[:vectors], results.payload.frame)),
            activations.write_group.eq(destination.group),
            activations.elements.eq(
                Cat(results.payload.values[n][: configuration.activation_bits] for n in range(configuration.lanes))
            ),
        ]
        with m.Switch(destination.kind):
            with m.Case(Destination.ACTIVATIONS):
                m.d.comb += [results.ready.eq(1), activations.write_valid.eq(results.valid)]
            with m.Case(Destination.ARGMAX):
                m.d.comb += [results.ready.eq(argmax.i.ready), argmax.i.valid.eq(results.valid)]
            with m.Default():
                m.d.comb += [results.ready.eq(packer.i.ready), packer.i.valid.eq(results.valid)]

        # A program has one result, so at most one of the two speaks.
        m.d.comb += [
            self.o.valid.eq(argmax.o.valid | packer.o.valid),
            self.o.payload.eq(Mux(argmax.o.valid, argmax.o.payload, packer.o.payload)),
            argmax.o.ready.eq(self.o.ready),
            packer.o.ready.eq(self.o.ready),
        ]
