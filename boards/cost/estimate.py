"""The cost of a configuration: what each of its components takes, and all of them together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from typing import NamedTuple

from quadrille.algo.spec import InvalidInput
from quadrille.hw.engine import Configuration

from ..synthesis import Resources
from .components import parts_of
from .memories import BLOCKS, Placed
from .models import Model, models, place, soft_products
from .parts import Memory, Part
from .structure import MEMORY

__all__ = ["TARGETS", "Cost", "Estimate", "Estimator", "cost_of"]

TARGETS = tuple(models())
"""Families and libraries that a table is there for."""


class Estimate(NamedTuple):
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


@dataclass(frozen=True)
class Cost:
    """What an accelerator of `configuration` takes of `target`: each component by its name in the hardware.

    `basis` says in words what the model of the target is fitted to.
    """

    configuration: Configuration
    target: str
    components: Mapping[str, Estimate]
    basis: str

    @cached_property
    def total(self) -> Estimate:
        """All components together."""
        return Estimate(*map(sum, zip(*self.components.values(), strict=True)))

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
    if target not in TARGETS:
        raise InvalidInput(f"Target of a cost must be one with a table, {', '.join(TARGETS)}, not {target!r}")
    estimator = Estimator.of(target)
    components = {part.module or "top": estimator.estimate(part) for part in parts_of(configuration)}
    return Cost(configuration, target, components, estimator.basis)


class Estimator:
    """The model of a target, ready for arithmetic: `kinds` gives for each kind of component the features that count,
    with what one of each takes of the two fitted resources."""

    def __init__(self, model: Model):
        self.target, self.gate = model.target, model.gate
        self.basis = f"fitted to {model.rows} syntheses"
        if model.like:
            scaled = f"scaled to {model.rows} syntheses" if model.rows else "not its own"
            self.basis = f"numbers of {model.like}, {scaled}"
        self.blocks = BLOCKS.get(model.target)
        first, second = self.resources = tuple(model.together)
        self.kinds = {
            kind: [
                (
                    name,
                    model.together[first] * own[first].get(name, 0.0),
                    model.together[second] * own[second].get(name, 0.0),
                )
                for name in {**own[first], **own[second]}
            ]
            for kind, own in model.coefficients.items()
        }
        self.around = lru_cache(maxsize=16384)(self._around)

    @classmethod
    @cache
    def of(cls, target: str) -> Estimator:
        """The one of `target`."""
        return cls(models()[target])

    def estimate(self, part: Part) -> Estimate:
        """What one component takes.

        Raises
        ------
        InvalidInput
            If the table has no row for a component of its kind.
        """
        if part.model not in self.kinds:
            raise InvalidInput(f"Cost of {part.model} must have rows in the table of {self.target}, and has none")
        features = part.features
        one = two = 0.0
        for name, of_one, of_two in self.kinds[part.model]:
            count = soft_products(self.target, part) if name == "soft products" else features.get(name, 0.0)
            one += of_one * count
            two += of_two * count
        block_rams = memory_luts = memory_bits = multipliers = 0
        for memory in part.memories:
            of_one, of_two, rams, luts, bits = self.around(memory)
            one, two = one + of_one, two + of_two
            block_rams, memory_luts, memory_bits = block_rams + rams, memory_luts + luts, memory_bits + bits
        if self.blocks is None:
            flip_flops, area = (one, two) if self.resources[0] == "flip_flops" else (two, one)
            return Estimate(flip_flops=flip_flops, area=area, gates=area / self.gate, memory_bits=memory_bits)
        for product in part.products:
            multipliers += self.blocks.multipliers(product)
        flip_flops, luts = (one, two) if self.resources[0] == "flip_flops" else (two, one)
        return Estimate(luts, flip_flops, multipliers, block_rams, 0, memory_luts)

    def placed(self, memory: Memory) -> Placed:
        """Where a memory goes."""
        return place(self.target, memory)

    def _around(self, memory: Memory) -> tuple[float, float, int, int, int]:
        """What a memory adds to the two resources, and takes of memories."""
        placed = self.placed(memory)
        features = {**placed.features, "memories": 1.0}
        one = sum(each * features.get(name, 0.0) for name, each, _ in self.kinds[MEMORY])
        two = sum(each * features.get(name, 0.0) for name, _, each in self.kinds[MEMORY])
        return one, two, placed.block_rams, placed.memory_luts, placed.memory_bits
