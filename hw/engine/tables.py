"""The datapath of an accelerator, built from its configuration, and the tables that the data port can write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from amaranth.lib.data import StructLayout

from quadrille.hw.base.table import table_write
from quadrille.hw.cim import CimMacro, ColumnReader, ExactConverter, LadderConverter, MultiplyShiftConverter
from quadrille.hw.dequant import ColumnDequantizer
from quadrille.hw.mac import MacArray

from .activation import ActivationUnit
from .configuration import Configuration
from .pooling import PoolingUnit
from .requantizer import Requantizer
from .residual import ResidualUnit
from .stores import StoreWalker
from .targets import Target
from .value_unit import ValueUnit

__all__ = ["Datapath", "datapath"]

Converter = ExactConverter | LadderConverter | MultiplyShiftConverter


@dataclass(frozen=True)
class Datapath:
    """Macros, column reader, converter and dequantizer, one after the other, and the units behind them that there are.

    Attributes
    ----------
    macros : one for each bank, in step with one another, whose tag travels through the first; or one array of units
    units : residual unit, activation unit, pooling unit, requantizer, those that there are, in this order, by Target
    feature_store : where results go in the feature memory; residual_store : in the residual memory, if there is one
    writes : for each table that the data port writes, by Target, the payload {address, row}
    """

    macros: tuple[CimMacro | MacArray, ...]
    reader: ColumnReader
    converter: Converter
    dequantizer: ColumnDequantizer
    units: Mapping[int, ValueUnit]
    feature_store: StoreWalker
    residual_store: StoreWalker | None
    writes: Mapping[int, StructLayout]

    @property
    def latencies(self) -> tuple[int, ...]:
        """Of macro, converter, dequantizer and the units behind it, in cycles."""
        blocks = (self.converter, self.dequantizer, *self.units.values())
        first = self.macros[0]
        # From the last cycle of a window on, however many it takes.
        latency = first.datapath.latency if isinstance(first, MacArray) else first.latency
        return latency, *(block.latency for block in blocks)

    @property
    def settling(self) -> int:
        """Cycles from a result of the dequantizer until it is stored."""
        return sum(unit.latency for unit in self.units.values()) + self.feature_store.latency

    @property
    def latency(self) -> int:
        """Cycles from the last plane of a window to the results of its first column step."""
        return sum(self.latencies) + self.reader.latency

    def inspected(self) -> Datapath:
        """This datapath, which is only asked about and will not be elaborated."""
        for block in (*self.macros, self.reader, self.converter, self.dequantizer, *self.units.values()):
            block.inspected()
        for store in (self.feature_store, self.residual_store):
            if store is not None:
                store.inspected()
        return self

    def row_width(self, target: int) -> int:
        """Bits of a row of the table that `target` names."""
        return self.writes[target]["row"].width


def datapath(configuration: Configuration, images: Mapping[int, Sequence[int]]) -> Datapath:
    """The datapath of `configuration`, its tables holding `images` from the start."""
    macros = _macros(configuration)
    partial, reference = macros[0].partial_format, macros[0].reference_format
    reader = ColumnReader(
        columns=configuration.read_columns,
        lanes=configuration.lanes,
        banks=configuration.banks,
        partial_bits=partial.bits,
        reference_bits=reference.bits,
        reference_signed=reference.signed,
        address_bits=configuration.address_bits,
        frame_bits=configuration.position_bits,
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
        frame_bits=configuration.position_bits,
        memory_cuts=configuration.memory_cuts,
        lane_cuts=configuration.lane_cuts,
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
        groups=configuration.steps,
        frames=configuration.accumulators,
        destination_bits=configuration.route_bits + configuration.destination.size,
        memory_cuts=configuration.memory_cuts,
        lane_cuts=configuration.lane_cuts,
        mantissas=tuple(images.get(Target.MANTISSAS, ())),
        biases=tuple(images.get(Target.BIASES, ())),
    )
    units = _units(configuration, images)
    features = (configuration.word // configuration.lanes) * configuration.feature_words
    feature_store = StoreWalker(
        routes=configuration.routes,
        address_bits=max(1, (features - 1).bit_length()),
        slots=configuration.steps,
        memory_cuts=configuration.memory_cuts,
        table=tuple(images.get(Target.STORES, ())),
    )
    residual_store = None
    if configuration.residual:
        residual_store = StoreWalker(
            routes=configuration.routes,
            address_bits=max(1, (configuration.stored_words - 1).bit_length()),
            slots=configuration.steps,
            memory_cuts=configuration.memory_cuts,
            table=tuple(images.get(Target.RESIDUAL_STORES, ())),
        )
    writes = {
        Target.WEIGHTS: table_write(configuration.weight_row, configuration.weight_rows),
        Target.CONVERTER: table_write(converter.row, configuration.table_rows),
        Target.MANTISSAS: table_write(dequantizer.row, configuration.table_rows),
        Target.BIASES: table_write(dequantizer.bias_row, configuration.bias_rows),
        Target.PROGRAM: table_write(configuration.instruction, configuration.weight_tiles),
        Target.TILES: table_write(configuration.tile, configuration.weight_tiles),
        Target.STORES: table_write(feature_store.row, configuration.routes),
    }
    if configuration.modes > 1:
        writes[Target.MODES] = table_write(configuration.mode_row, configuration.modes)
    if residual_store is not None:
        writes[Target.RESIDUAL_STORES] = table_write(residual_store.row, configuration.routes)
    for target, unit in units.items():
        writes[target] = table_write(unit.row, configuration.routes)
    return Datapath(macros, reader, converter, dequantizer, units, feature_store, residual_store, writes)


def _macros(configuration: Configuration) -> tuple[CimMacro | MacArray, ...]:
    """What multiplies: a macro for each bank, or an array of units."""
    if configuration.engine == "mac":
        array = MacArray(
            unit=configuration.unit,
            units=configuration.rows,
            columns=configuration.all_columns,
            weight_bits=configuration.cell_bits,
            precisions=configuration.precisions,
            planes=configuration.weight_planes,
            cuts=configuration.cuts,
            tag_bits=configuration.tag.size,
            gated_columns=configuration.gated_columns,
        )
        return (array,)
    return tuple(
        CimMacro(
            rows=configuration.rows,
            columns=configuration.all_columns,
            activation_bits=configuration.activation_bits,
            signed=configuration.signed,
            cell_bits=configuration.cell_bits,
            planes=configuration.weight_planes,
            cuts=configuration.cuts,
            tag_bits=configuration.tag.size if bank == 0 else 0,
            compressor=configuration.compressor,
            row_enables=configuration.row_enables,
            gated_columns=configuration.gated_columns,
        )
        for bank in range(configuration.banks)
    )


def _units(configuration: Configuration, images: Mapping[int, Sequence[int]]) -> dict[int, ValueUnit]:
    """The units behind the dequantizer, in order, each taking values of the width that the one before it leaves."""
    units: dict[int, ValueUnit] = {}
    width = configuration.result_bits
    common = {
        "lanes": configuration.lanes,
        "table_rows": configuration.routes,
        "frame_bits": configuration.destination.size,
        "memory_cuts": configuration.memory_cuts,
    }
    # Each slot that a route completes takes a step.
    walk = {"groups": configuration.steps, "width": configuration.map_size, "height": configuration.map_size}
    if configuration.residual:
        units[Target.RESIDUAL] = ResidualUnit(
            value_bits=width,
            residual_bits=configuration.stored_bits,
            result_bits=configuration.result_bits,
            mantissa_bits=configuration.scale_bits,
            shift_bits=configuration.shift_bits,
            depth=configuration.stored_words,
            table=tuple(images.get(Target.RESIDUAL, ())),
            lane_cuts=configuration.lane_cuts,
            **common,
            **walk,
        )
    if configuration.functions:
        units[Target.ACTIVATION] = ActivationUnit(
            value_bits=width,
            result_bits=configuration.result_bits,
            functions=configuration.functions,
            cuts=configuration.activation_cuts,
            table=tuple(images.get(Target.ACTIVATION, ())),
            **common,
        )
    if configuration.pooling:
        units[Target.POOLING] = PoolingUnit(
            value_bits=width,
            pool_bits=configuration.pool_bits,
            depth=configuration.pool_words,
            table=tuple(images.get(Target.POOLING, ())),
            **common,
            **walk,
        )
        width = configuration.pool_bits
    if configuration.requantizing:
        units[Target.REQUANTIZER] = Requantizer(
            value_bits=width,
            result_bits=configuration.result_bits,
            mantissa_bits=configuration.scale_bits,
            shift_bits=configuration.shift_bits,
            table=tuple(images.get(Target.REQUANTIZER, ())),
            lane_cuts=configuration.lane_cuts,
            **common,
        )
    return units
