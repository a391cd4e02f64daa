"""The exported manifest as a testbench needs it: ports, streams, and payloads packed from and unpacked into fields."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from quadrille.algo.spec import InvalidInput

from .fields import Field, FieldValue

__all__ = ["Manifest", "Port", "StreamPort", "label"]

_SCHEMA = 1


@dataclass(frozen=True)
class Port:
    """One port of the top module; `fields` are those of a struct that is no stream's payload."""

    name: str
    direction: str
    width: int
    signed: bool
    fields: tuple[Field, ...] = ()

    def pack(self, value: Mapping[str, FieldValue]) -> int:
        """The bits of a struct with the fields of `value`; those that are missing are 0."""
        return sum(field.pack(value[field.name]) for field in self.fields if field.name in value)


@dataclass(frozen=True)
class StreamPort:
    """One stream of the top module: its ports and the fields of its payload.

    `ready` is None for a tap, which is observed and never stalled; `valid` is None for a stream that has a payload in
    each cycle, and `payload` where the payload has no bits.
    """

    name: str
    direction: str
    valid: str | None
    ready: str | None
    payload: str | None
    width: int
    fields: tuple[Field, ...]

    @cached_property
    def names(self) -> frozenset[str]:
        """Names of all fields."""
        return frozenset(field.name for field in self.fields)

    def pack(self, beat: Mapping[str, FieldValue]) -> int:
        """The payload that holds the values of `beat`.

        Raises
        ------
        InvalidInput
            If a field is missing or unknown, or a value does not fit.
        """
        if beat.keys() != self.names:
            wrong = sorted(beat.keys() ^ self.names)
            raise InvalidInput(
                f"Beat of stream {self.name} must have exactly the stream's fields, not differ in {wrong}"
            )
        payload = 0
        for field in self.fields:
            payload |= field.pack(beat[field.name])
        return payload

    def unpack(self, payload: int) -> dict[str, int | list[int]]:
        """The fields of a payload by name."""
        return {field.name: field.unpack(payload) for field in self.fields}

    def field(self, name: str) -> Field:
        """The field called `name`.

        Raises
        ------
        InvalidInput
            If the stream has no such field.
        """
        for field in self.fields:
            if field.name == name:
                return field
        raise InvalidInput(f"Stream {self.name} must have a field {name}, not only {sorted(self.names)}")


@dataclass(frozen=True)
class Manifest:
    """What is known of an exported block: the file `<top>.json` beside its Verilog."""

    path: Path
    block: str
    top: str
    parameters: Mapping[str, Any]
    clock: str | None
    reset: str | None
    ports: tuple[Port, ...]
    streams: Mapping[str, StreamPort]
    latency: int | None
    interval: int | None
    content_hash: str
    models: tuple[Path, ...] = ()

    @classmethod
    def read(cls, path: Path | str) -> Manifest:
        """The manifest in the file `path`, or the only one in the folder `path`.

        Raises
        ------
        InvalidInput
            If there is no manifest, it is of another schema, or the Verilog beside it is not the one it describes.
        """
        path = Path(path)
        if path.is_dir():
            path = _only_manifest(path)
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise InvalidInput(f"Manifest must be a readable file, not {path}") from error
        except ValueError as error:
            raise InvalidInput(f"Manifest must be JSON, not {path}") from error
        if not isinstance(data, dict) or data.get("schema") != _SCHEMA:
            raise InvalidInput(f"Manifest must be of schema {_SCHEMA}, not {path}")
        try:
            manifest = cls._from_dict(path, data)
        except (KeyError, TypeError) as error:
            raise InvalidInput(
                f"Manifest must describe ports and streams completely, not {path} ({error!r})"
            ) from error
        try:
            found = hashlib.sha256(manifest.verilog_text().encode()).hexdigest()
        except OSError as error:
            raise InvalidInput(f"Verilog must be a readable file, not {error.filename}") from error
        if found != manifest.content_hash:
            raise InvalidInput(f"Verilog must be the one its manifest describes, not {manifest.verilog}")
        return manifest

    @classmethod
    def _from_dict(cls, path: Path, data: Mapping[str, Any]) -> Manifest:
        return cls(
            path=path,
            block=data["block"],
            top=data["top"],
            parameters=dict(data["parameters"]),
            clock=data["clock"],
            reset=data["reset"],
            ports=tuple(
                Port(p["name"], p["direction"], p["width"], p["signed"], _fields(p.get("fields", ())))
                for p in data["ports"]
            ),
            streams={s["name"]: _stream(s) for s in data["streams"]},
            latency=data.get("latency"),
            interval=data.get("interval"),
            content_hash=data["content_hash"],
            models=tuple(path.with_name(name) for name in data.get("files", {}).get("models", ())),
        )

    def port(self, name: str) -> Port:
        """The port called `name`.

        Raises
        ------
        InvalidInput
            If there is none.
        """
        for port in self.ports:
            if port.name == name:
                return port
        raise InvalidInput(f"Block {self.block} must have a port {name}, and has none")

    @property
    def verilog(self) -> Path:
        """The Verilog that the manifest describes."""
        return self.path.with_suffix(".v")

    def verilog_text(self) -> str:
        """The Verilog; of a netlist with the models of its cells and memories behind it."""
        return "".join(path.read_text(encoding="utf-8") for path in (self.verilog, *self.models))

    @property
    def label(self) -> str:
        """Block and parameters in one line."""
        return label(self.block, self.parameters)


def label(block: str, parameters: Mapping[str, Any]) -> str:
    """A configuration in one line, such as `cim-macro[rows=8 columns=12]`; of a record, what it is called."""
    called = {n: v.get("name", "record") if isinstance(v, Mapping) else v for n, v in parameters.items()}
    settings = " ".join(f"{name}={value}" for name, value in called.items())
    return f"{block}[{settings}]" if settings else block


def _stream(data: Mapping[str, Any]) -> StreamPort:
    return StreamPort(
        name=data["name"],
        direction=data["direction"],
        valid=data["valid"],
        ready=data["ready"],
        payload=data["payload"],
        width=data["width"],
        fields=_fields(data["fields"]),
    )


def _fields(entries: Sequence[Mapping[str, Any]]) -> tuple[Field, ...]:
    fields = []
    for field in entries:
        dimensions = field.get("dimensions")
        if dimensions is None:
            dimensions = [(field["count"], field.get("stride", field["width"]))] if "count" in field else []
        fields.append(
            Field(
                name=field["name"],
                offset=field["offset"],
                width=field["width"],
                signed=field["signed"],
                dimensions=tuple((count, stride) for count, stride in dimensions),
            )
        )
    return tuple(fields)


def _only_manifest(folder: Path) -> Path:
    found = [path for path in sorted(folder.glob("*.json")) if path.with_suffix(".v").exists()]
    if len(found) != 1:
        raise InvalidInput(f"Folder must hold one manifest beside its Verilog, not {len(found)}: {folder}")
    return found[0]
