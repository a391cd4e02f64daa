"""How long everything takes on its way through an accelerator's datapath."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from quadrille.hw.cim import CimMacro, ColumnReader
from quadrille.hw.mac import MacArray

from .configuration import Configuration
from .once import Once
from .tables import Datapath, datapath

__all__ = ["Delays", "delays_of"]


@dataclass(frozen=True)
class Delays:
    """Latencies in cycles.

    Attributes
    ----------
    latencies : of macro, converter, dequantizer and the units behind it
    pooling : the number of the unit that pools, None if there is none
    settling : cycles from a result of the dequantizer until it is stored
    """

    latencies: tuple[int, ...]
    pooling: int | None
    settling: int

    @classmethod
    def of(cls, parts: Datapath) -> Delays:
        """Those of a datapath that is there."""
        units = [type(unit).__name__ for unit in parts.units.values()]
        pooling = units.index("PoolingUnit") if "PoolingUnit" in units else None
        return cls(parts.latencies, pooling, parts.settling)


LEAST: dict[str, Any] = {
    "columns": 1,
    "macros": 1,
    "banks": 1,
    "weight_planes": 1,
    "lanes": 1,
    "frames": 1,
    "input_words": 1,
    "feature_words": 1,
    "stored_words": 1,
    "pool_words": 1,
    "weight_tiles": 1,
    "weight_rows": 1,
    "modes": 1,
    "table_rows": 1,
    "bias_rows": 1,
    "routes": 1,
    "accumulators": 1,
    "steps": 1,
    "map_size": 1,
    "kernel_size": 1,
}
"""How many there are of something that works side by side or is looked up: no latency depends on that."""

FRONT = ("rows", "converter", "adc_bits", "multiplier_bits", "offset_bits", "converter_shift")
"""What the units behind the dequantizer are not asked for."""
BEHIND: dict[str, Any] = {"residual": False, "functions": (), "pooling": False, "requantizing": False}
"""None of them."""


def delays_of(configuration: Configuration, once: Once) -> Delays:
    """The delays of an accelerator of `configuration`, as its datapath has them, which is not built for each.

    Raises
    ------
    InvalidInput
        If a block of the datapath cannot be as `configuration` asks for.
    """
    # What the blocks of the least accelerator are not asked for.
    for block, columns in (
        (MacArray if configuration.engine == "mac" else CimMacro, configuration.all_columns),
        (ColumnReader, configuration.read_columns),
    ):
        parameter = next(each for each in block.parameters if each.name == "columns")
        parameter.check(block.block_name, columns)
    key = tuple(value for name, value in configuration.values.items() if name not in LEAST and name != "word")
    return once(("delays", key), lambda: _delays(configuration, once))


def _delays(configuration: Configuration, once: Once) -> Delays:
    """The same; what stands behind the dequantizer is asked about once for all macros and converters."""

    def least(**without: Any) -> Delays:
        """Those of the least accelerator, `without` some of its units."""
        others = LEAST | {"word": configuration.elements_per_word} | without
        return Delays.of(datapath(replace(configuration, **others), {}).inspected())

    front = least(**BEHIND)
    key = tuple(value for name, value in configuration.values.items() if name not in {*LEAST, *FRONT, "word"})
    behind = once(("behind", key), least)
    return Delays(front.latencies + behind.latencies[len(front.latencies) :], behind.pooling, behind.settling)
