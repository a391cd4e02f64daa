"""What an accelerator is made of: the settings that a user may choose, and the manifest of one that is there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quadrille.algo.spec import InvalidInput

if TYPE_CHECKING:
    from quadrille.hw.engine import Configuration

__all__ = ["SETTINGS", "TOP", "checked_settings", "configuration_of"]

TOP = "accelerator"
SETTINGS = (
    "engine",
    "unit",
    "banks",
    "lanes",
    "word",
    "frames",
    "weight_planes",
    "cuts",
    "compressor",
    "gated_columns",
    "memory_cuts",
    "lane_cuts",
    "walk_cuts",
    "patch_cuts",
    "buffers",
    "activation_cuts",
    "converter",
)
"""What can be chosen beside the shape of the macros; everything else follows from the network."""


def checked_settings(
    settings: Mapping[str, object] | None, *, engine: str | None = None, unit: str | None = None
) -> dict[str, Any]:
    """`settings`, as values or as written on a command line, as the engine takes them; engine and unit among them.

    Raises
    ------
    InvalidInput
        If one is not in SETTINGS or its value is impossible.
    """
    from quadrille.hw.engine.parameters import PARAMETERS

    named = {name: value for name, value in (("engine", engine), ("unit", unit)) if value is not None}
    settings = {**(settings or {}), **named}
    known = {parameter.name: parameter for parameter in PARAMETERS if parameter.name in SETTINGS}
    for name in settings:
        if name not in known:
            raise InvalidInput(f"Setting of an accelerator must be one of {', '.join(SETTINGS)}, not {name!r}")
    chosen = {name: known[name].parse(TOP, str(value)) for name, value in settings.items()}
    if "unit" in chosen and chosen.get("engine") != "mac":
        raise InvalidInput(f"Unit must be given for engine mac alone, not for engine {chosen.get('engine', 'cim')}")
    return chosen


def configuration_of(folder: Path) -> Configuration:
    """The configuration of the accelerator in `folder`, from its manifest.

    Raises
    ------
    InvalidInput
        If there is no such manifest, or it is not that of an accelerator as it is generated today.
    """
    from quadrille.hw.engine import Configuration

    path = folder / f"{TOP}.json"
    try:
        parameters = json.loads(path.read_text(encoding="utf-8"))["parameters"]
        different = sorted(set(parameters) ^ set(Configuration.defaults()))
        if different:
            raise InvalidInput(
                f"Accelerator in {folder} must be generated anew: its parameters are those of another version, "
                f"which differs in {different[0]}"
            )
        return Configuration.from_record(parameters)
    except OSError as error:
        raise InvalidInput(f"Accelerator's manifest must be readable, and {path} is not: {error.strerror}") from None
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, InvalidInput):
            raise
        raise InvalidInput(f"Accelerator's manifest must be as it was generated, and {path} is not: {error}") from None
