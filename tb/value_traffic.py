"""Traffic of the units behind the dequantizer: tables of routes, and passes over whole maps."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import numpy

from .fields import Field
from .scenarios import Traffic
from .testbench import Testbench

__all__ = ["Arrays", "ValueTraffic"]

Arrays = dict[str, numpy.ndarray]


class ValueTraffic(Traffic):
    """Random rows in the table; an operation is a pass of a random route over the windows of some frames.

    The first operation takes route 0, whose pass ends with its first result: latency is counted from there.
    """

    operations: ClassVar[int] = 24

    def __init__(self, bench: Testbench) -> None:
        super().__init__(bench)
        self.streams = bench.manifest.streams
        self.table: Arrays = {}
        self.opening = True

    @abstractmethod
    def row(self, number: int) -> dict[str, int]:
        """Row `number` of a new table."""

    @abstractmethod
    def beats(self, route: int) -> int:
        """Beats of one frame on a route."""

    @abstractmethod
    def results(
        self, values: numpy.ndarray, route: numpy.ndarray, frame: numpy.ndarray, first: numpy.ndarray
    ) -> Arrays:
        """What the twin makes of the beats of a pass."""

    async def load(self) -> None:
        """Write the table in random order and wait until it is in."""
        count = self.bench.parameter("table_rows")
        rows = [self.row(number) for number in range(count)]
        for number in self.random.sample(range(count), count):
            self.bench.send("i_table", {"address": number} | {f"row.{name}": v for name, v in rows[number].items()})
        self.table = {name: numpy.array([row[name] for row in rows]) for name in rows[0]}
        await self.bench.drain("i_table")
        self.opening = True

    def send(self) -> int:
        """One pass and its results; a beat takes a cycle."""
        field = self.streams["i"].field
        route = 0 if self.opening else self.random.randrange(self.bench.parameter("table_rows"))
        frames = 1 if self.opening else self.random.randint(1, 2)
        count = whole = self.beats(route) * frames
        if not self.opening and self.random.random() < 0.3:
            count = self.random.randint(1, whole)  # a pass that is given up: the next starts over all the same
        self.opening = False
        lanes, start = range(self.bench.parameter("lanes")), self.any(field("frame"))
        values = numpy.array([[self.any(field("values")) for _ in lanes] for _ in range(count)])
        number = numpy.full(count, route)
        frame = (start + numpy.arange(count) * frames // whole) % (1 << field("frame").width)
        first = (numpy.arange(count) == 0).astype(numpy.int64)
        beats = {"values": values, "route": number, "frame": frame, "first": first}
        for index in range(count):
            self.bench.send("i", {name: array[index] for name, array in beats.items()})
        results = self.results(values, number, frame, first)
        for index in range(len(results["frame"])):
            self.bench.expect("o", {name: array[index] for name, array in results.items()})
        return count * (self.bench.manifest.interval or 1)

    def limits(self) -> dict[str, int]:
        """Random saturation, in its row's fields."""
        field = self.streams["i_table"].field("row.low")
        low, high = sorted([self.any(field), self.any(field)])
        return {"low": low, "high": high}

    def geometry(self, opening: bool) -> dict[str, int]:
        """A random map, in its row's fields; a single window of a single group for the opening pass."""
        names = ("groups", "width", "height")
        return {name: 1 if opening else self.random.randint(1, self.bench.parameter(name)) for name in names}

    def any(self, field: Field) -> int:
        """A random value of the field; its ends more often than chance would have them."""
        low = -(1 << (field.width - 1)) if field.signed else 0
        high = low + (1 << field.width) - 1
        return self.random.choice([low, high]) if self.random.random() < 0.1 else self.random.randint(low, high)
