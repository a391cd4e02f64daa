"""A function as a list of small combinational steps on named values, and where registers cut it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from amaranth import Const, Module, Shape, Signal, Value

from quadrille.algo.spec import Interval
from quadrille.hw.base import truncate

__all__ = ["Build", "Dataflow", "Operand", "Step", "Supply", "add_delay", "multiply_delay", "shape_within"]

Build = Callable[..., Value]
"""From the values of a step's sources, in their order, to the value of its result."""

Supply = Callable[["Operand", int], Value]


def shape_within(interval: Interval) -> Shape:
    """The narrowest shape that holds every value of an interval: as `shape_of`, for any number of bits."""
    if interval.lo >= 0:
        return Shape(max(1, interval.hi.bit_length()))
    return Shape(1 + max(max(interval.hi, 0).bit_length(), (-1 - interval.lo).bit_length()), True)


@dataclass(frozen=True)
class Operand:
    """A value between two steps: its name, and every integer that it can be, from which its width follows."""

    name: str
    interval: Interval

    @property
    def shape(self) -> Shape:
        """The narrowest shape that holds the interval."""
        return shape_within(self.interval)

    @property
    def width(self) -> int:
        """Bits of a register for it: none for a constant."""
        return 0 if self.constant else self.shape.width

    @property
    def constant(self) -> bool:
        """Whether it can be one number only."""
        return self.interval.lo == self.interval.hi


@dataclass(frozen=True)
class Step:
    """`result = build(*sources)`, in about `delay` gates; 0 where no gate is needed, only wires."""

    result: Operand
    sources: tuple[Operand, ...]
    delay: float
    build: Build


def add_delay(width: int) -> float:
    """Gates in a row in a sum of `width` bits."""
    return 2 + float(max(1, width).bit_length())


def multiply_delay(first: int, second: int) -> float:
    """Gates in a row in a product of numbers of so many bits: the tree of partial products, then a sum."""
    return 1 + 4 * float(min(first, second).bit_length()) + add_delay(first + second)


@dataclass
class Dataflow:
    """The steps of a function in an order in which they can be computed, from `source` to `result`.

    A step stands on the level after the last of its sources, or on the same if it has no delay: all steps of a level
    are computed side by side. Registers can stand after level 0, which is the source, and after each other one.
    What is `shared` is there on every level, and no register of a lane: the table of a unit that can be programmed.
    """

    source: Operand
    steps: list[Step] = field(default_factory=list)
    shared: list[Operand] = field(default_factory=list)
    result: Operand = field(init=False)

    def __post_init__(self) -> None:
        self.result = self.source

    def add(self, noun: str, interval: Interval, delay: float, build: Build, *sources: Operand) -> Operand:
        """The result of a new step; `interval` must hold all of its values. A constant takes no step."""
        result = Operand(f"{noun}_{len(self.steps)}", interval)
        if not result.constant:
            self.steps.append(Step(result, sources, delay, build))
        return result

    def wire(self, noun: str, interval: Interval, build: Build, *sources: Operand) -> Operand:
        """The result of a step without gates."""
        return self.add(noun, interval, 0, build, *sources)

    def share(self, name: str, interval: Interval) -> Operand:
        """A value that whoever builds the lanes supplies."""
        self.shared.append(Operand(name, interval))
        return self.shared[-1]

    def finish(self, result: Operand) -> None:
        """Say which operand is the result, and forget the steps that do not lead to it."""
        self.result = result
        needed, kept = {result.name}, []
        for step in reversed(self.steps):
            if step.result.name in needed:
                needed |= {source.name for source in step.sources}
                kept.append(step)
        self.steps = kept[::-1]
        vars(self).pop("levels", None)

    @cached_property
    def levels(self) -> dict[str, int]:
        """The level of each value, by name."""
        found = {operand.name: 0 for operand in (self.source, *self.shared)}
        for step in self.steps:
            last = max((found[source.name] for source in step.sources if not source.constant), default=0)
            found[step.result.name] = last + (step.delay > 0)
        # Wires that make a value wider wait for whoever uses it: a register then holds what they are made of.
        for number, step in reversed(list(enumerate(self.steps))):
            uses = [found[user.result.name] for user in self.steps[number + 1 :] if step.result in user.sources]
            if uses and not step.delay and step.result.width > sum(source.width for source in step.sources):
                found[step.result.name] = min(uses)
        return found

    def steps_of(self, level: int) -> list[Step]:
        """The steps of one level, in an order in which they can be computed."""
        return [step for step in self.steps if self.levels[step.result.name] == level]

    @property
    def depth(self) -> int:
        """The last level."""
        return max(self.levels.values())

    def live(self, level: int) -> list[Operand]:
        """The values that a register after `level` must hold: made there or before, and used later."""
        operands = [self.source, *(step.result for step in self.steps)]  # what is shared stays where it is
        used = {s.name for step in self.steps if self.levels[step.result.name] > level for s in step.sources}
        if self.levels.get(self.result.name, 0) <= level:
            used.add(self.result.name)
        return [o for o in operands if o.name in used and not o.constant and self.levels[o.name] <= level]

    def delay(self, first: int, last: int) -> float:
        """Gates in a row from a register after level `first` to one after level `last`."""
        arrival: dict[str, float] = {}
        for step in self.steps:
            if first < self.levels[step.result.name] <= last:
                before = max((arrival.get(source.name, 0.0) for source in step.sources), default=0.0)
                arrival[step.result.name] = before + step.delay
        return max(arrival.values(), default=0.0)

    @property
    def full(self) -> int:
        """The number of places for registers: after the source, and after each level."""
        return self.depth + 1

    def cuts(self, count: int) -> tuple[int, ...]:
        """The levels after which `count` registers stand: the longest way between two as short as can be.

        The first is after the source, so that nothing is computed of what is on its way into the pipeline; of equal
        choices, the one with the fewest flip-flops. What there are more than places stand at the end.
        """
        depth, extra = self.depth, max(0, count - self.full)
        count -= extra
        if count == 0:
            return (depth,) * extra
        bits = [sum(operand.width for operand in self.live(level)) for level in range(depth + 1)]
        # best[level] for n cuts, the last after `level`: the longest way so far, the flip-flops, the cuts.
        best: dict[int, tuple[float, int, tuple[int, ...]]] = {0: (0.0, bits[0], (0,))}
        for _ in range(count - 1):
            longer: dict[int, tuple[float, int, tuple[int, ...]]] = {}
            for level in range(1, depth + 1):
                options = [
                    (max(way, self.delay(before, level)), flops + bits[level], (*cuts, level))
                    for before, (way, flops, cuts) in best.items()
                    if before < level
                ]
                if options:
                    longer[level] = min(options)
            best = longer
        ends = [(max(way, self.delay(level, depth)), flops, cuts) for level, (way, flops, cuts) in best.items()]
        return min(ends)[2] + (depth,) * extra

    def lane(
        self, m: Module, source: Value, cuts: Sequence[int], valid: Value, suffix: str, supply: Supply | None = None
    ) -> Value:
        """Build one lane: the result for `source`; register k moves when bit k of `valid` says so.

        `supply(operand, stage)` is what is shared, for the beat that has passed `stage` registers.
        """
        values: dict[str, Value] = {self.source.name: truncate(source, self.source.shape)}
        shared = {operand.name for operand in self.shared}
        stage = 0

        def value(operand: Operand) -> Value:
            if operand.constant:
                return Const(operand.interval.lo, operand.shape)
            if operand.name in shared:
                assert supply is not None
                return supply(operand, stage)
            return values[operand.name]

        for level in range(self.depth + 1):
            for step in self.steps_of(level):
                name = step.result.name
                made: Any = Signal(step.result.shape, name=f"{name}{suffix}")
                m.d.comb += made.eq(truncate(step.build(*map(value, step.sources)), step.result.shape))
                values[name] = made
            while stage < len(cuts) and cuts[stage] == level:
                held = {
                    operand.name: Signal(operand.shape, name=f"{operand.name}_stage_{stage}{suffix}", reset_less=True)
                    for operand in self.live(level)
                }
                with m.If(valid[stage]):
                    m.d.sync += [register.eq(values[name]) for name, register in held.items()]
                values |= held
                stage += 1
        return value(self.result)
