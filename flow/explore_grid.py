"""The grid of an exploration: its points, and the network that each of them runs."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, cast

from quadrille.algo.spec import Conv2d, InvalidInput, Linear, Network

from .configurations import checked_settings

__all__ = ["EXACT", "Grid", "Point", "Variant", "variant_of"]

EXACT = "exact"
"""Where bits of converters are listed: no converters."""

MOST_POINTS = 1_000_000


@dataclass(frozen=True)
class Point:
    """An accelerator to be costed: what `quadrille generate` is asked for. None: what the engine chooses, or, of
    `adc_bits`, the network's own; 0 are exact sums."""

    number: int
    engine: str
    unit: str | None
    rows: int
    columns: int
    macros: int
    lanes: int | None
    adc_bits: int | None
    settings: tuple[tuple[str, Any], ...] = ()

    def shape(self) -> dict[str, Any]:
        """What `Sizing.size` is called with."""
        unit = {} if self.unit is None else {"unit": self.unit}
        shape = {"engine": self.engine, "rows": self.rows, "columns": self.columns, "macros": self.macros}
        return {**shape, **unit, "lanes": self.lanes, **dict(self.settings)}


@dataclass(frozen=True)
class Grid:
    """All combinations of these; `units` are those of engine mac alone, `settings` further ones by name.

    Raises
    ------
    InvalidInput
        If a list is empty, holds what cannot be or something twice, or there are too many points.
    """

    rows: tuple[int, ...]
    columns: tuple[int, ...]
    macros: tuple[int, ...] = (1,)
    lanes: tuple[int | None, ...] = (None,)
    adc_bits: tuple[int | None, ...] = (None,)
    engines: tuple[str, ...] = ("cim",)
    units: tuple[str, ...] = ("spatio-temporal",)
    settings: tuple[tuple[str, tuple[Any, ...]], ...] = ()

    def __post_init__(self) -> None:
        lists: list[tuple[str, Sequence[Any]]] = [
            (field.name, getattr(self, field.name)) for field in fields(self) if field.name != "settings"
        ]
        for name, values in [*lists, *self.settings]:
            noun = name.replace("_", " ").capitalize()
            if not values:
                raise InvalidInput(f"{noun} of the grid must be one or more, not none")
            if len(set(values)) < len(values):
                raise InvalidInput(f"{noun} of the grid must be given once each, not {', '.join(map(str, values))}")
            for value in values:
                if isinstance(value, int) and not isinstance(value, bool) and value < 0:
                    raise InvalidInput(f"{noun} of the grid must be positive integers, not {value}")
        if len(self) > MOST_POINTS:
            raise InvalidInput(f"Grid must have at most {MOST_POINTS:,} points, not {len(self):,}")

    def __len__(self) -> int:
        engines = sum(len(self.units) if engine == "mac" else 1 for engine in self.engines)
        others = (self.rows, self.columns, self.macros, self.lanes, self.adc_bits, *(v for _, v in self.settings))
        for values in others:
            engines *= len(values)
        return engines

    def points(self) -> Iterator[Point]:
        """All points, numbered in an order that does not change: those that run one network follow one another."""
        kinds = [(engine, unit) for engine in self.engines for unit in (self.units if engine == "mac" else (None,))]
        names = [name for name, _ in self.settings]
        product = itertools.product(
            self.adc_bits, self.rows, kinds, self.columns, self.macros, self.lanes, *(v for _, v in self.settings)
        )
        for number, values in enumerate(product):
            bits, rows, (engine, unit), columns, macros, lanes, *chosen = cast("tuple[Any, ...]", values)
            settings = tuple(zip(names, chosen, strict=True))
            yield Point(number, engine, unit, rows, columns, macros, lanes, bits, settings)

    @classmethod
    def of(cls, lists: Mapping[str, Sequence[Any]], settings: Mapping[str, str]) -> Grid:
        """The grid of those `lists`, and of `settings` as they are written: values with commas between them.

        Raises
        ------
        InvalidInput
            As the grid itself; and if a setting is none of an accelerator, or one that has a list of its own.
        """
        further: list[tuple[str, tuple[Any, ...]]] = []
        for name, text in settings.items():
            if name in ("engine", "unit", "lanes"):
                raise InvalidInput(f"Setting {name} of the grid must be given by an option of its own, --{name}")
            values = [part.strip() for part in text.split(",") if part.strip()]
            further.append((name, tuple(checked_settings({name: value})[name] for value in values)))
        return cls(**{name: tuple(values) for name, values in lists.items()}, settings=tuple(further))

    def as_dict(self) -> dict[str, Any]:
        """The lists by name, as JSON holds them."""
        lists = {field.name: list(getattr(self, field.name)) for field in fields(self) if field.name != "settings"}
        return {**lists, "settings": {name: list(values) for name, values in self.settings}}


@dataclass(frozen=True)
class Variant:
    """The arithmetic of a point: converters of `adc_bits` bits, row tiles of at most `rows` rows; None as they are."""

    adc_bits: int | None = None
    rows: int | None = None

    @property
    def name(self) -> str:
        """What its file is called."""
        bits = {None: [], 0: [EXACT]}.get(self.adc_bits, [f"adc{self.adc_bits}"])
        return "-".join([*bits, *([] if self.rows is None else [f"rows{self.rows}"])]) or "network"


def variant_of(network: Network, point: Point) -> Variant:
    """The arithmetic that `point` asks for; the network's own where that is the same.

    Row tiles of exact sums do not matter: they are cut anew for each accelerator (`retile`).
    """
    matrices = [node for node in network.nodes if isinstance(node, Linear | Conv2d)]
    converting = [node for node in matrices if node.adc is not None]
    bits = point.adc_bits
    if bits is not None and all((node.adc.bits if node.adc else 0) == bits for node in converting or matrices):
        bits = None
    exact = not converting if bits is None else bits == 0
    tallest = max(max(node.tile_rows) for node in converting or matrices)
    rows = None if exact or point.engine == "mac" or tallest <= point.rows else point.rows
    return Variant(bits, rows)
