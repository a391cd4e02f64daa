"""The cost of a configuration: what each of its components takes, and all of them together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property

from quadrille.algo.spec import InvalidInput
from quadrille.hw.engine import Configuration

from ..synthesis import Resources
from .components import parts_of
from .memories import BLOCKS
from .models import Model, around_memories, dot, models, place, soft_products
from .parts import Part

__all__ = ["TARGETS", "Cost", "Estimate", "cost_of", "estimated"]

TARGETS = tuple(models())
"""Families and libraries that a table is there for."""


@dataclass(frozen=True)
class Estimate:
    """What a component takes, by the model of a target; 0 where a resource has no meaning.

    Of an FPGA `luts` are look-up tables without those of distributed memories, `memory_luts`; all as in
    `boards.synthesis.Resources`. Of a cell library `area` is in um2 and `gates` that area in smallest two-input NANDs,
    of logic and registers; `memory_bits` are what stands in memory macros besides.
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
        """Look-up tables of all components, but those of memories."""
        return self.total.luts

    @property
    def flip_flops(self) -> float:
        """Flip-flops of all components."""
        return self.total.flip_flops

    @property
    def area(self) -> float:
        """Area of all components in um2, without memory macros."""
        return self.total.area

    @property
    def gates(self) -> float:
        """That area in smallest two-input NANDs."""
        return self.total.gates

    @property
    def resources(self) -> Resources:
        """The total as a synthesis would report it, to the nearest whole number."""
        total = self.total
        names = ("luts", "flip_flops", "multipliers", "block_rams", "large_rams", "memory_luts")
        counts = {name: round(getattr(total, name)) for name in names}
        return Resources(self.target, {}, **counts, area=total.area or None, gates=total.gates or None)


def cost_of(configuration: Configuration, target: str) -> Cost:
    """What an accelerator of `configuration` takes of `target`: arithmetic alone, well under a millisecond.

    Raises
    ------
    InvalidInput
        If there is no table for the target, or no row in it for a component.
    """
    known = models()
    if target not in known:
        raise InvalidInput(f"Target of a cost must be one with a table, {', '.join(known)}, not {target!r}")
    model = known[target]
    components = {part.module or "top": estimated(part, model) for part in parts_of(configuration)}
    return Cost(configuration, target, components)


def estimated(part: Part, model: Model) -> Estimate:
    """What one component takes.

    Raises
    ------
    InvalidInput
        If the table has no row for a component of its kind.
    """
    target = model.target
    if part.model not in model.coefficients:
        raise InvalidInput(f"Cost of {part.model} must have rows in the table of {target}, and has none")
    own, around = model.coefficients[part.model], model.coefficients["memory"]
    features = {**part.features, "soft products": soft_products(target, part)}
    beside = around_memories(target, part)
    fitted = {
        resource: share * (dot(own[resource], features) + dot(around[resource], beside))
        for resource, share in model.together.items()
    }
    placed = [place(target, memory) for memory in part.memories]
    blocks = BLOCKS.get(target)
    area = fitted.get("area", 0.0)
    return Estimate(
        luts=fitted.get("luts", 0.0),
        flip_flops=fitted["flip_flops"],
        area=area,
        gates=area / model.gate if model.gate else 0.0,
        multipliers=sum(blocks.multipliers(product) for product in part.products) if blocks else 0,
        block_rams=sum(each.block_rams for each in placed),
        memory_luts=sum(each.memory_luts for each in placed),
        memory_bits=sum(each.memory_bits for each in placed),
    )
