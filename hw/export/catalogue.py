"""Every block that can be exported by name: what `quadrille component` lists and the test of the twins walks."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING

from quadrille.algo.spec import InvalidInput
from quadrille.hw.base import Block, Described, Flag, Record

__all__ = ["CATALOGUE", "ROOMS", "build", "describe", "find"]

ROOMS = ("activation", "base", "cim", "dequant", "edge", "engine", "mac")
"""The rooms of hw whose public blocks are in the catalogue."""

if TYPE_CHECKING:
    CATALOGUE: Mapping[str, type[Block]]


@cache
def _catalogue() -> Mapping[str, type[Block]]:
    blocks: dict[str, type[Block]] = {}
    for room in ROOMS:
        module = import_module(f"quadrille.hw.{room}")
        for name in getattr(module, "__all__", ()):
            block = getattr(module, name)
            if isinstance(block, type) and issubclass(block, Block) and hasattr(block, "block_name"):
                blocks[block.block_name] = block
    return MappingProxyType(dict(sorted(blocks.items())))


def __getattr__(name: str) -> object:
    # Not at import: `export` alone needs none of the blocks, and they take time to import.
    if name == "CATALOGUE":
        return _catalogue()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def find(name: str) -> type[Block]:
    """The block called `name`.

    Raises
    ------
    InvalidInput
        If there is none.
    """
    blocks = _catalogue()
    if name not in blocks:
        raise InvalidInput(f"Component must be one of {', '.join(blocks)}, not {name!r}")
    return blocks[name]


def describe(block: type[Block]) -> list[dict[str, str]]:
    """The parameters of `block` for a person: name, default, range and help of each, as strings."""
    return [
        {
            "name": parameter.name,
            "default": _text(parameter),
            "range": parameter.range,
            "help": parameter.help,
        }
        for parameter in block.parameters
    ]


def _text(parameter: Described) -> str:
    """The default of a parameter as one writes it; of a function, what it is called."""
    if isinstance(parameter, Record):
        return parameter.default.name
    return str(parameter.default).lower() if isinstance(parameter, Flag) else str(parameter.default)


def build(name: str, settings: Mapping[str, str]) -> Block:
    """The block called `name` with the parameters of `settings`, as written on a command line; the others by default.

    Raises
    ------
    InvalidInput
        If there is no such block or parameter, or a value is impossible.
    """
    block = find(name)
    known = {parameter.name: parameter for parameter in block.parameters}
    for setting in settings:
        if setting not in known:
            have = ", ".join(known) or "none"
            raise InvalidInput(f"Parameter of {name} must be one of {have}, not {setting!r}")
    values = {setting: known[setting].parse(name, text) for setting, text in settings.items()}
    return block(**values)
