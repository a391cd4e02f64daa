"""Files in SAIF, the switching activity interchange format: how often each net changed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from quadrille.algo.spec import InvalidInput

__all__ = ["Switching", "read_saif", "saif_text"]

TOKEN = re.compile(r'"[^"]*"|[()]|(?:\\.|[^\s()"])+')
COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)


@dataclass(frozen=True)
class Switching:
    """How often nets of an instance changed, by path below it, with dots between names: `lanes.sum[3]`.

    `duration` is in the unit of the file, and so is `high`, for how long nets were 1, where that is known.
    """

    duration: int
    changes: Mapping[str, int]
    high: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class _Scope:
    """The nets of an instance as SAIF tells them, and the instances within it."""

    nets: list[str] = field(default_factory=list)
    inner: dict[str, _Scope] = field(default_factory=dict)

    def lines(self, name: str) -> Iterator[str]:
        yield f"(INSTANCE {name}"
        yield from ["(NET", *self.nets, ")"]
        for inside, scope in self.inner.items():
            yield from scope.lines(inside)
        yield ")"


def read_saif(path: Path, instance: str) -> Switching:
    """The switching of all nets of the instance called `instance`, and of those within it.

    Raises
    ------
    InvalidInput
        If the file cannot be read, is not SAIF, or has no such instance.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InvalidInput(f"SAIF file must be readable, and {path} is not: {error.strerror}") from None
    tokens = TOKEN.findall(COMMENT.sub(" ", text))
    if tokens[:2] != ["(", "SAIFILE"] or tokens.count("(") != tokens.count(")"):
        raise InvalidInput(f"SAIF file must be one whole group SAIFILE, and {path} is not")
    duration = 0
    changes: dict[str, int] = {}
    found = False
    # The groups that are open, each by its kind and, of an instance, its path below the wanted one.
    kinds: list[str] = []
    places: list[str | None] = [None]
    net = ""
    for at, token in enumerate(tokens):
        if token == ")":
            if kinds.pop() == "INSTANCE":
                places.pop()
        elif token == "(":
            kind = tokens[at + 1]
            if kind == "INSTANCE":
                # The kind of an instance may stand, in quotes, before its name.
                name = _plain(tokens[at + 3] if tokens[at + 2].startswith('"') else tokens[at + 2])
                above = places[-1]
                inside = f"{above}{name}." if above is not None else "" if name == instance else None
                found |= inside is not None
                places.append(inside)
            elif kind == "DURATION":
                duration = round(float(tokens[at + 2]))
            elif kind == "TC" and places[-1] is not None:
                changes[places[-1] + net] = int(tokens[at + 2])
            elif kinds and kinds[-1] in ("NET", "PORT"):
                net, kind = _plain(kind), ""
            kinds.append(kind)
    if not found:
        raise InvalidInput(f"SAIF file must have the instance {instance!r}, and {path} has not")
    return Switching(duration, changes)


def _plain(name: str) -> str:
    """A name without the backslashes before its brackets."""
    return name.replace("\\", "")


def saif_text(switching: Switching, top: str) -> str:
    """The text of a SAIF file with the `switching` of the instance `top`; its unit of time is 1 ns."""
    whole = _Scope()
    for name, changes in switching.changes.items():
        *path, net = name.split(".")
        scope = whole
        for inside in path:
            scope = scope.inner.setdefault(inside, _Scope())
        high = switching.high.get(name, 0)
        escaped = net.replace("[", "\\[").replace("]", "\\]")
        scope.nets.append(f"({escaped} (T0 {switching.duration - high}) (T1 {high}) (TX 0) (TC {changes}))")
    head = ["(SAIFILE", '(SAIFVERSION "2.0")', '(DIRECTION "backward")', "(DIVIDER / )", "(TIMESCALE 1 ns)"]
    return "\n".join([*head, f"(DURATION {switching.duration})", *whole.lines(top), ")", ""])
