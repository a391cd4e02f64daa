"""The registers of an accelerator, by the names that its manifest gives them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from quadrille.algo.spec import InvalidInput
from quadrille.algo.spec.serial_frames import Kind
from quadrille.sim.manifest import Manifest

from .link import Link

__all__ = ["Registers"]


class Registers:
    """`registers[name]` reads a register and `registers[name] = value` writes it; each goes over the line.

    Raises
    ------
    InvalidInput
        If there is no register of that name, or the value does not fit it.
    LinkFailed
        If the line goes.
    """

    def __init__(self, link: Link, entries: list[dict[str, Any]]) -> None:
        self._link = link
        self._entries = {entry["name"]: entry for entry in entries}

    @classmethod
    def of(cls, manifest: Manifest, link: Link) -> Registers:
        """Those that the manifest of an edge names."""
        return cls(link, manifest.entries["registers"]["registers"])

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def keys(self) -> Iterator[str]:
        """Their names; `dict(registers)` reads all."""
        return iter(self)

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, name: str) -> int:
        return self._link.request(Kind.READ, self.entry(name)["offset"])

    def __setitem__(self, name: str, value: int) -> None:
        self._link.request(Kind.WRITE, self.entry(name)["offset"], value)

    def fields(self, name: str) -> dict[str, int]:
        """A register's fields, by name, from one read."""
        value = self[name]
        return {field["name"]: value >> field["low"] & (1 << field["bits"]) - 1 for field in self.entry(name)["fields"]}

    def entry(self, name: str) -> dict[str, Any]:
        """What the manifest says of a register: offset, reset, meaning, fields."""
        if name not in self._entries:
            raise InvalidInput(f"Register must be one of {', '.join(self._entries)}, not {name!r}")
        return self._entries[name]
