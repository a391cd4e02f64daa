"""The cost of a configuration: what each of its components takes, and all of them together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property

from quadrille.algo.spec import InvalidInput
from quadrille.hw.engine import Configuration

from ..synthesis import Resources

__all__ = ["TARGETS", "Cost", "Estimate", "cost_of"]

TARGETS = ("ultrascale+", "ecp5", "nangate45")
"""Families and libraries that a table is there for."""


@dataclass(frozen=True)
class Estimate:
    """What a component takes, by the model of a target; 0 where a resource has no meaning.

    Of an FPGA `luts` are look-up tables without those of distributed memories, `memory_luts`; all as in
    `boards.synthesis.Resources`. Of a cell library `area` is in um2 and `gates` that area in smallest two-input NANDs,
    of logic and registers; `memory_bits` are what stands in memories besides.
    """

    luts: float = 0.0
    flip_flops: float = 0.0
    multipliers: int = 0
    block_rams: int = 0
    large_rams: int = 0
    memory_luts: int = 0
    area: float = 0.0
    gates: float = 0.0
    memory_bits: int = 0

    def __add__(self, other: Estimate) -> Estimate:
        return Estimate(*(getattr(self, name) + getattr(other, name) for name in RESOURCES))


RESOURCES = tuple(field.name for field in fields(Estimate))


@dataclass(frozen=True)
class Cost:
    """What an accelerator of `configuration` takes of `target`: each component by its name in the hardware."""

    configuration: Configuration
    target: str
    components: Mapping[str, Estimate]

    @cached_property
    def total(self) -> Estimate:
        """All components together."""
        return Estimate(*(sum(getattr(each, name) for each in self.components.values()) for name in RESOURCES))

    @property
    def luts(self) -> float:
        """Look-up tables of all components."""
        return self.total.luts

    @property
    def area(self) -> float:
        """Area of all components in um2, without memories."""
        return self.total.area

    @property
    def resources(self) -> Resources:
        """The total as a synthesis would report it, to the nearest whole number."""
        total = self.total
        counts = {
            name: round(getattr(total, name))
            for name in ("luts", "flip_flops", "multipliers", "block_rams", "large_rams", "memory_luts")
        }
        return Resources(self.target, {}, **counts, area=total.area or None, gates=total.gates or None)


def cost_of(configuration: Configuration, target: str) -> Cost:
    """What an accelerator of `configuration` takes of `target`: arithmetic alone, well under a millisecond.

    Raises
    ------
    InvalidInput
        If there is no table for the target.
    """
    if target not in TARGETS:
        raise InvalidInput(f"Cost must be asked for a target with a table, {', '.join(TARGETS)}, not {target!r}")
    c = configuration
    cells = c.banks * c.rows * c.all_columns * c.cell_bits * c.weight_planes
    lanes = c.lanes * (c.code_bits * c.mantissa_bits // 4 + 8 * c.accumulator_bits)
    memory = c.weight_rows * c.weight_row.size + c.banks * c.word * c.activation_bits * c.feature_words
    if target == "nangate45":
        components = {
            "macro": Estimate(area=12.0 * cells, gates=15.0 * cells, flip_flops=cells),
            "lanes": Estimate(area=6.0 * lanes, gates=8.0 * lanes, flip_flops=6 * c.lanes * c.accumulator_bits),
            "memories": Estimate(memory_bits=memory),
        }
    else:
        components = {
            "macro": Estimate(luts=2.2 * cells, flip_flops=cells),
            "lanes": Estimate(luts=lanes, flip_flops=6 * c.lanes * c.accumulator_bits, multipliers=c.lanes),
            "memories": Estimate(block_rams=-(-memory // 18432)),
        }
    return Cost(configuration, target, components)
