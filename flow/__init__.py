"""The verbs a user types, in Python: train, convert, inspect, generate, verify, report, component, fit, regress, study.

Each returns a frozen value that prints as a table, on a terminal and in a notebook, and gives its fields by `as_dict`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .blocks import component, components
    from .conversion import convert
    from .fitting import fit
    from .generation import generate
    from .inspection import inspect
    from .page import report
    from .regression import regress
    from .study_grid import study
    from .training import train
    from .variation import vary
    from .verification import verify

__all__ = [
    "component",
    "components",
    "convert",
    "fit",
    "generate",
    "inspect",
    "regress",
    "report",
    "study",
    "train",
    "vary",
    "verify",
]

_MODULES = {
    "component": "blocks",
    "components": "blocks",
    "convert": "conversion",
    "fit": "fitting",
    "generate": "generation",
    "inspect": "inspection",
    "regress": "regression",
    "report": "page",
    "study": "study_grid",
    "train": "training",
    "vary": "variation",
    "verify": "verification",
}


def __getattr__(name: str) -> object:
    # A verb is imported when it is first used: torch takes seconds, and `quadrille --help` needs none of it.
    if name in _MODULES:
        return getattr(import_module(f".{_MODULES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
