"""Files in SAIF, the switching activity interchange format: how often each net changed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from quadrille.algo.spec import InvalidInput

__all__ = ["Switching", "read_saif"]

TOKEN = re.compile(r'"[^"]*"|[()]|(?:\\.|[^\s()"])+')
COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)


@dataclass(frozen=True)
class Switching:
    """How often nets of an instance changed, by path below it, with dots between names: `lanes.sum[3]`.

    `duration` is in the unit of the file.
    """

    duration: int
    changes: Mapping[str, int]


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
