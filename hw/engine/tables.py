"""The datapath of an accelerator, built from its configuration, and the tables that the data port can write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from amaranth.lib.data import StructLayout

from quadrille.hw.base.table import table_write
from quadrille.hw.cim import CimMacro, ColumnReader, ExactConverter, LadderConverter, MultiplyShiftConverter
from quadrille.hw.dequant import ColumnDequantizer

from .configuration import Configuration, Target

__all__ = ["Datapath", "datapath"]

Converter = ExactConverter | LadderConverter | MultiplyShiftConverter


@dataclass(frozen=True)
class Datapath:
    """Macro, column reader, converter and dequantizer, one after the other.

    Attributes
    ----------
    writes : for each table that the data port writes, in the order of Target from 1, the payload {address, row}
    """

    macro: CimMacro
    reader: ColumnReader
    converter: Converter
    dequantizer: ColumnDequantizer
    writes: tuple[StructLayout, ...]

    @property
    def latencies(self) -> tuple[int, int, int]:
        """Of macro, converter and dequantizer, in cycles."""
        return self.macro.latency, self.converter.latency, self.dequantizer.latency

    @property
    def latency(self) -> int:
        """Cycles from the last plane of a vector to the results of its first column step."""
        return sum(self.latencies) + self.reader.latency

    def inspected(self) -> Datapath:
        """This datapath, which is only asked about and will not be elaborated."""
        for block in (self.macro, self.reader, self.converter, self.dequantizer):
            block.inspected()
        return self

    def row_width(self, target: int) -> int:
        """Bits of a row of the table that `target` names."""
        return self.writes[target - 1]["row"].width


def datapath(configuration: Configuration, images: Mapping[int, Sequence[int]]) -> Datapath:
    """The datapath of `configuration`, its tables holding `images` from the start."""
    macro = CimMacro(
        rows=configuration.rows,
        columns=configuration.all_columns,
        activation_bits=configuration.activation_bits,
        signed=configuration.signed,
        cell_bits=configuration.cell_bits,
        planes=configuration.weight_planes,
        cuts=configuration.cuts,
        tag_bits=configuration.tag.size,
    )
    partial, reference = macro.partial_format, macro.reference_format
    reader = ColumnReader(
        columns=configuration.all_columns,
        lanes=configuration.lanes,
        partial_bits=partial.bits,
        reference_bits=reference.bits,
        reference_signed=reference.signed,
        address_bits=configuration.address_bits,
        frame_bits=configuration.frame_bits,
        steps=configuration.steps,
    )
    kinds = {kind.block_name.removesuffix("-converter"): kind for kind in Converter.__args__}
    specific = {
        "exact": {},
        "ladder": {"adc_bits": configuration.adc_bits},
        "multiply-shift": {
            "adc_bits": configuration.adc_bits,
            "multiplier_bits": configuration.multiplier_bits,
            "offset_bits": configuration.offset_bits,
            "shift": configuration.converter_shift,
        },
    }[configuration.converter]
    converter = kinds[configuration.converter](
        table=tuple(images.get(Target.CONVERTER, ())),
        lanes=configuration.lanes,
        partial_bits=partial.bits,
        partial_signed=partial.signed,
        reference_bits=reference.bits,
        reference_signed=reference.signed,
        code_bits=configuration.code_bits,
        cell_bits=configuration.cell_bits,
        table_rows=configuration.table_rows,
        frame_bits=configuration.frame_bits,
        **specific,
    )
    dequantizer = ColumnDequantizer(
        lanes=configuration.lanes,
        code_bits=configuration.code_bits,
        reference_bits=configuration.code_bits,
        mantissa_bits=configuration.mantissa_bits,
        bias_bits=configuration.bias_bits,
        accumulator_bits=configuration.accumulator_bits,
        result_bits=configuration.result_bits,
        shift_bits=configuration.shift_bits,
        table_rows=configuration.table_rows,
        bias_rows=configuration.bias_rows,
        groups=configuration.groups,
        frames=configuration.frames,
        destination_bits=configuration.destination.size,
        mantissas=tuple(images.get(Target.MANTISSAS, ())),
        biases=tuple(images.get(Target.BIASES, ())),
    )
    writes = (
        table_write(configuration.weight_row, configuration.weight_rows),
        table_write(converter.row, configuration.table_rows),
        table_write(dequantizer.row, configuration.table_rows),
        table_write(dequantizer.bias_row, configuration.bias_rows),
        table_write(configuration.instruction, configuration.instructions),
    )
    return Datapath(macro, reader, converter, dequantizer, writes)
