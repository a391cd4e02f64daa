"""The verb `component`: one block of the catalogue as Verilog and manifest."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from .results import Result, listed, read_json, size

__all__ = ["ComponentExport", "ComponentList", "component", "components"]

WORD = re.compile(r"[a-z][a-z0-9-]*")
"""What a function's name looks like, and neither a path nor a record does."""


@dataclass(frozen=True)
class ComponentExport(Result):
    """An exported block: what it was built with, how long it takes, and its files."""

    title: ClassVar[str] = "Component"

    name: str
    top: str
    parameters: dict[str, Any]
    latency: int
    interval: int
    verilog_bytes: int
    content_hash: str
    folder: Path
    files: tuple[Path, ...]

    def summary(self) -> Sequence[tuple[str, str]]:
        """Name, parameters, timing and files."""
        settings = ", ".join(f"{name}={_called(value)}" for name, value in self.parameters.items())
        return [
            ("component", self.name),
            ("parameters", settings),
            ("latency, interval", f"{self.latency}, {self.interval} cycles"),
            ("Verilog", size(self.verilog_bytes)),
            ("files", listed(self.folder, self.files)),
        ]


def _called(value: object) -> str:
    """A value as one writes it; of a function, what it is called."""
    return str(value["name"]) if isinstance(value, Mapping) else str(value).lower()


@dataclass(frozen=True)
class ComponentList(Result):
    """The catalogue: each block's name, its first sentence and its parameters."""

    title: ClassVar[str] = "Components"

    components: tuple[dict[str, Any], ...]

    def summary(self) -> Sequence[tuple[str, str]]:
        """Name and first sentence."""
        return [(entry["name"], entry["summary"]) for entry in self.components]


def component(
    name: str,
    folder: Path | str,
    settings: Mapping[str, object] | None = None,
    top: str | None = None,
    around: Path | str | None = None,
) -> ComponentExport:
    """Export the block called `name` with the parameters `settings` into `folder`.

    With `around`, the folder of an accelerator, the block is an edge of that one, and its program is written as well.

    Raises
    ------
    InvalidInput
        If there is no such block or parameter, a value is impossible, or the folder cannot be written.
    """
    from quadrille.hw.export import export, publish
    from quadrille.hw.export.catalogue import build

    if around is None:
        block = build(name, _texts(name, settings or {}))
        folder = export(block, folder, *(() if top is None else (top,)))
    else:
        # Imported late: most blocks stand alone.
        from .edges import edge_files

        texts = {key: str(value) for key, value in (settings or {}).items()}
        folder = publish(folder, edge_files(name, Path(around), texts, top))
    top = top or name.replace("-", "_")
    manifest = read_json(folder / f"{top}.json", "Manifest")
    verilog = folder / f"{top}.v"
    return ComponentExport(
        name=name,
        top=top,
        parameters=manifest["parameters"],
        latency=manifest["latency"],
        interval=manifest["interval"],
        verilog_bytes=verilog.stat().st_size,
        content_hash=manifest["content_hash"],
        folder=folder,
        files=tuple(folder / file for file in sorted({f"{top}.json", *manifest["files"].values()})),
    )


def _texts(name: str, settings: Mapping[str, object]) -> dict[str, str]:
    """The settings as `build` takes them; a function's name, with the settings of its fit, becomes its record."""
    from quadrille.hw.base import Record
    from quadrille.hw.export.catalogue import find

    texts = {key: str(value) for key, value in settings.items()}
    own = {parameter.name for parameter in find(name).parameters}
    for parameter in find(name).parameters:
        text = texts.get(parameter.name, "")
        if not isinstance(parameter, Record) or not WORD.fullmatch(text):
            continue
        # Imported late: most blocks are no functions.
        from .fitting import OPTIONS, function_of

        fitting = {key for key in texts if key.replace("-", "_") in OPTIONS and key not in own}
        function, _ = function_of(text, {key: texts.pop(key) for key in sorted(fitting)})
        texts[parameter.name] = json.dumps(function.record())
    return texts


def components(name: str | None = None) -> ComponentList:
    """The catalogue, or its one block called `name`, with the description of every parameter.

    Raises
    ------
    InvalidInput
        If there is no block of that name.
    """
    from quadrille.hw.export.catalogue import CATALOGUE, describe, find

    blocks = CATALOGUE if name is None else {name: find(name)}
    entries = (
        {"name": key, "summary": summary_of(block), "equation": block.__doc__ or "", "parameters": describe(block)}
        for key, block in sorted(blocks.items())
    )
    return ComponentList(tuple(entries))


def summary_of(block: type) -> str:
    """The first sentence of the docstring, on one line."""
    text = " ".join((block.__doc__ or "").split("\n\n")[0].split())
    return text.rstrip(".")
