"""The exported folder as simulation sees it: its manifest, checked, with streams and fields as values."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any

from quadrille.algo.spec import InvalidInput

__all__ = ["Field", "Manifest", "Port", "Stream", "read_manifest"]

SCHEMA = 1


@dataclass(frozen=True)
class Field:
    """A scalar, or an array of scalars, in a payload.

    `count` is None for a scalar. Offsets of all elements, in bits and row-major order, are `offsets`.
    """

    name: str
    offset: int
    width: int
    signed: bool
    count: int | None = None
    dimensions: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(cls, entry: dict[str, Any]) -> Field:
        """From its entry in a manifest."""
        count = entry.get("count")
        dimensions = entry.get("dimensions", [[count, entry["stride"]]] if count is not None else [])
        return cls(
            name=entry["name"],
            offset=entry["offset"],
            width=entry["width"],
            signed=entry["signed"],
            count=count,
            dimensions=tuple((length, stride) for length, stride in dimensions),
        )

    @property
    def elements(self) -> int:
        """How many numbers it holds."""
        return 1 if self.count is None else self.count

    @property
    def words(self) -> int:
        """64-bit words that one element takes."""
        return -(-self.width // 64)

    @property
    def format(self) -> str:
        """The element's format by name, such as u7 or s12."""
        return f"{'s' if self.signed else 'u'}{self.width}"

    @property
    def runs(self) -> list[tuple[int, int, int]]:
        """The elements as runs of equal stride: first offset, count, stride."""
        if not self.dimensions:
            return [(self.offset, 1, 0)]
        *outer, (count, stride) = self.dimensions
        places = product(*([index * step for index in range(length)] for length, step in outer))
        return [(self.offset + sum(place), count, stride) for place in places]

    @cached_property
    def offsets(self) -> list[int]:
        """The offset of each element."""
        return [first + index * stride for first, count, stride in self.runs for index in range(count)]


@dataclass(frozen=True)
class Port:
    """A port that belongs to no stream: a pin."""

    name: str
    width: int
    signed: bool
    input: bool


@dataclass(frozen=True)
class Stream:
    """A stream of the design; `valid` or `ready` is None where the stream always is."""

    name: str
    input: bool
    valid: str | None
    ready: str | None
    payload: str | None
    width: int
    fields: tuple[Field, ...]

    @property
    def words(self) -> int:
        """64-bit words of a packed payload; one for a payload without bits."""
        return max(1, -(-self.width // 64))

    @property
    def tap(self) -> bool:
        """Whether it is observed and never stalled."""
        return not self.input and self.ready is None


@dataclass(frozen=True)
class Manifest:
    """What the manifest of an exported design says, and the Verilog that it belongs to."""

    folder: Path
    top: str
    block: str
    verilog: str
    models: tuple[str, ...]
    control: str
    clock: str | None
    reset: str | None
    inputs: tuple[Stream, ...]
    outputs: tuple[Stream, ...]
    pins: tuple[Port, ...]
    content_hash: str
    entries: dict[str, Any]

    def input(self, name: str) -> Stream:
        """The input stream called `name`; InvalidInput if there is none."""
        return self._find(self.inputs, name, "Input stream")

    def output(self, name: str) -> Stream:
        """The output stream or tap called `name`; InvalidInput if there is none."""
        return self._find(self.outputs, name, "Output stream")

    def _find(self, streams: tuple[Stream, ...], name: str, noun: str) -> Stream:
        for stream in streams:
            if stream.name == name:
                return stream
        have = ", ".join(stream.name for stream in streams) or "none"
        raise InvalidInput(f"{noun} of {self.top} must be one of {have}, not {name!r}")

    def verilog_text(self) -> str:
        """The Verilog; of a netlist with the models of its cells and memories behind it.

        Raises
        ------
        InvalidInput
            If it cannot be read, or is not the text that the manifest was written for.
        """
        path = self.folder / self.verilog
        text = "".join(_read(self.folder / name, "Verilog") for name in (self.verilog, *self.models))
        found = hashlib.sha256(text.encode()).hexdigest()
        if found != self.content_hash:
            raise InvalidInput(
                f"Verilog {path} must have the content hash of its manifest, {self.content_hash[:12]}, not {found[:12]}"
            )
        return text

    def control_text(self) -> str:
        """Verilator's control file; InvalidInput if it cannot be read."""
        return _read(self.folder / self.control, "Control file")


def read_manifest(folder: Path | str) -> Manifest:
    """The manifest of the design in `folder`.

    Raises
    ------
    InvalidInput
        If the folder holds no manifest or more than one, or the manifest is no such file.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InvalidInput(f"Design must be a folder that was exported, not {folder}")
    found = [path for path in sorted(folder.glob("*.json")) if path.with_suffix(".v").exists()]
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise InvalidInput(f"Folder {folder} must hold one manifest beside its Verilog, not {names}")
    path = found[0]
    try:
        entries = json.loads(_read(path, "Manifest"))
        if entries["schema"] != SCHEMA:
            raise InvalidInput(f"Manifest {path} must have schema {SCHEMA}, not {entries['schema']!r}")
        return _manifest(folder, entries)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, InvalidInput):
            raise
        reason = f"key {error} is missing" if isinstance(error, KeyError) else str(error)
        raise InvalidInput(f"Manifest {path} must be the one that was exported, and is not: {reason}") from None


def _manifest(folder: Path, entries: dict[str, Any]) -> Manifest:
    streams = [
        Stream(
            name=entry["name"],
            input=entry["direction"] == "in",
            valid=entry["valid"],
            ready=entry["ready"],
            payload=entry["payload"],
            width=entry["width"],
            fields=tuple(Field.of(field) for field in entry["fields"]),
        )
        for entry in entries["streams"]
    ]
    of_streams = {port for stream in streams for port in (stream.valid, stream.ready, stream.payload)}
    pins = [
        Port(port["name"], port["width"], port["signed"], port["direction"] == "in")
        for port in entries["ports"]
        if port["name"] not in of_streams
    ]
    return Manifest(
        folder=folder,
        top=entries["top"],
        block=entries["block"],
        verilog=entries["files"]["verilog"],
        models=tuple(entries["files"].get("models", ())),
        control=entries["files"]["control"],
        clock=entries["clock"],
        reset=entries["reset"],
        inputs=tuple(stream for stream in streams if stream.input),
        outputs=tuple(stream for stream in streams if not stream.input),
        pins=tuple(pins),
        content_hash=entries["content_hash"],
        entries=entries,
    )


def _read(path: Path, noun: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InvalidInput(f"{noun} {path} must be readable, and is not: {reason}") from None
