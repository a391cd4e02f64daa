"""The exported manifest as a testbench needs it: ports, streams, and payloads packed from and unpacked into fields."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import numpy

from quadrille.algo.spec import InvalidInput

__all__ = ["Field", "FieldValue", "Manifest", "Port", "StreamPort"]

#: The value of a field: one integer, or one per lane.
FieldValue: TypeAlias = int | Sequence[int] | numpy.ndarray

_SCHEMA = 1
#: From here on a numpy bit matrix packs faster than shifts in a loop.
_MANY = 8
#: Lanes of this width and more do not fit the int64 of that matrix.
_WIDE = 63


@dataclass(frozen=True)
class Field:
    """One field of a stream's payload: an integer of `width` bits at bit `offset`, or an array of them.

    `dimensions` are pairs of count and stride in bits, outermost first; a field without any holds one integer and not
    a list. Nested arrays are one list in row-major order.
    """

    name: str
    offset: int
    width: int
    signed: bool = False
    dimensions: tuple[tuple[int, int], ...] = ()

    @cached_property
    def places(self) -> tuple[int, ...]:
        """Offset of each lane from the field's own offset."""
        places = [0]
        for count, stride in self.dimensions:
            places = [place + index * stride for place in places for index in range(count)]
        return tuple(places)

    @cached_property
    def _dense(self) -> bool:
        """Many narrow lanes that adjoin: worth a bit matrix."""
        adjoining = self.dimensions == ((len(self.places), self.width),)
        return adjoining and len(self.places) >= _MANY and self.width < _WIDE

    def pack(self, value: FieldValue) -> int:
        """Bits of `value` at the field's place in the payload.

        Raises
        ------
        InvalidInput
            If the number of lanes is not `count`, or a value does not fit its width.
        """
        values = _as_list(value)
        if len(values) != len(self.places):
            raise InvalidInput(f"Field {self.name} must have {len(self.places)} values, not {len(values)}")
        low = -(1 << (self.width - 1)) if self.signed else 0
        high = low + (1 << self.width) - 1
        if min(values) < low or max(values) > high:
            lane, element = next((k, v) for k, v in enumerate(values) if not low <= v <= high)
            raise InvalidInput(f"Field {self.name} lane {lane} must be from {low} to {high}, not {element}")
        if not self._dense:
            mask = (1 << self.width) - 1
            packed = 0
            for place, element in zip(self.places, values, strict=True):
                packed |= (element & mask) << place
            return packed << self.offset
        matrix = (numpy.asarray(values, dtype=numpy.int64)[:, None] >> numpy.arange(self.width)) & 1
        packed = numpy.packbits(matrix.astype(numpy.uint8).reshape(-1), bitorder="little").tobytes()
        return int.from_bytes(packed, "little") << self.offset

    def unpack(self, payload: int) -> int | list[int]:
        """The field's value in `payload`: an integer, or a list with one for each lane."""
        mask = (1 << self.width) - 1
        sign = 1 << (self.width - 1) if self.signed else 0
        payload >>= self.offset
        if not self.dimensions:
            return ((payload & mask) ^ sign) - sign
        if not self._dense:
            return [(((payload >> place) & mask) ^ sign) - sign for place in self.places]
        size = len(self.places) * self.width
        raw = (payload & ((1 << size) - 1)).to_bytes((size + 7) // 8, "little")
        bits = numpy.unpackbits(numpy.frombuffer(raw, dtype=numpy.uint8), count=size, bitorder="little")
        values = bits.reshape(-1, self.width).astype(numpy.int64) @ (1 << numpy.arange(self.width))
        return ((values ^ sign) - sign).tolist()


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
        if hashlib.sha256(manifest.verilog.read_bytes()).hexdigest() != manifest.content_hash:
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

    @property
    def label(self) -> str:
        """Block and parameters in one line."""
        return f"{self.block}[{' '.join(f'{name}={value}' for name, value in self.parameters.items())}]"


def _as_list(value: FieldValue) -> list[int]:
    if isinstance(value, numpy.ndarray):
        return value.reshape(-1).tolist()
    if isinstance(value, Sequence):
        return [int(element) for element in value]
    return [int(value)]


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
