"""What the verbs return: frozen values that print as a table, on a terminal, in a notebook, as JSON."""

from __future__ import annotations

import hashlib
import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, ClassVar

from quadrille.algo.spec import InvalidInput

from .tables import table_html

__all__ = ["Result", "difference", "digest", "listed", "percent", "plain", "read_json", "size"]


@dataclass(frozen=True)
class Result:
    """The outcome of one verb. Subclasses add fields, and say in `summary` what a reader wants to know first."""

    title: ClassVar[str] = "Result"

    def summary(self) -> Sequence[tuple[str, str]]:
        """Label and value of each line of the table."""
        return [(field.name.replace("_", " "), str(getattr(self, field.name))) for field in fields(self)]

    def as_dict(self) -> dict[str, Any]:
        """Every field as JSON can hold it: paths as strings, values within values as objects."""
        return {field.name: plain(getattr(self, field.name)) for field in fields(self)}

    def __str__(self) -> str:
        rows = self.summary()
        width = max((len(label) for label, _ in rows), default=0)
        return "\n".join([self.title, *(f"  {label:<{width}}  {value}" for label, value in rows)])

    def _repr_html_(self) -> str:
        return f"<b>{html.escape(self.title)}</b>{table_html((), self.summary())}"


def plain(value: object) -> Any:
    """`value` in the types of JSON."""
    if isinstance(value, Result):
        return value.as_dict()
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if hasattr(value, "item"):  # a numpy number
        return value.item()  # pyright: ignore[reportAttributeAccessIssue]
    return str(value)


def digest(data: bytes) -> str:
    """The SHA-256 of `data`, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def listed(folder: Path, files: Sequence[Path]) -> str:
    """A folder and the names of files in it."""
    return f"{folder}/ {' '.join(path.name for path in files)}"


def size(count: int) -> str:
    """`count` bytes for a reader: 273 kB."""
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB" if count >= 1e4 else f"{count} B"


def percent(fraction: float | None) -> str:
    """An accuracy for a reader: 97.78 %."""
    return "unknown" if fraction is None else f"{100 * fraction:.2f} %"


def difference(fraction: float, other: float) -> str:
    """The difference of two accuracies in points, with its sign."""
    return f"{100 * (fraction - other):+.2f} points"


def read_json(path: Path, thing: str) -> dict[str, Any]:
    """The JSON object in `path`.

    Raises
    ------
    InvalidInput
        If the file cannot be read or holds anything else; `thing` names it.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidInput(f"{thing} must be readable, and {path} is not: {error.strerror or error}") from None
    except ValueError:
        raise InvalidInput(f"{thing} must be JSON, and {path} is not") from None
    if not isinstance(value, dict):
        raise InvalidInput(f"{thing} must be a JSON object, not the {type(value).__name__} in {path}")
    return value
