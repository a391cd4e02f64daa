"""The C interface of a built model, as ctypes sees it. The structures are those of driver.cpp."""

from __future__ import annotations

import ctypes
from enum import IntEnum
from pathlib import Path
from typing import Any

__all__ = ["NEVER", "InputPlan", "Library", "Outcome", "OutputPlan", "Plan"]

NEVER = (1 << 64) - 1


class InputPlan(ctypes.Structure):
    """Where the beats of an input stream are, and how far they went."""

    _fields_ = [
        ("rows", ctypes.c_void_p),
        ("count", ctypes.c_uint64),
        ("next", ctypes.c_uint64),
        ("cycles", ctypes.c_void_p),
        ("stall", ctypes.c_uint64),
        ("random", ctypes.c_uint64),
        ("offered", ctypes.c_uint64),
    ]


class OutputPlan(ctypes.Structure):
    """Where the beats of an output stream go, and how many came."""

    _fields_ = [
        ("count", ctypes.c_uint64),
        ("taken", ctypes.c_uint64),
        ("surplus", ctypes.c_uint64),
        ("cycles", ctypes.c_void_p),
        ("fields", ctypes.c_void_p),
        ("stall", ctypes.c_uint64),
        ("random", ctypes.c_uint64),
    ]


class Plan(ctypes.Structure):
    """One run: its limits, and where it is."""

    _fields_ = [
        ("cycle", ctypes.c_uint64),
        ("pause_at", ctypes.c_uint64),
        ("limit", ctypes.c_uint64),
        ("idle", ctypes.c_uint64),
        ("idle_limit", ctypes.c_uint64),
        ("reset_at", ctypes.c_uint64),
        ("careful", ctypes.c_uint64),
        ("fault", ctypes.c_uint64),
        ("inputs", ctypes.POINTER(InputPlan)),
        ("outputs", ctypes.POINTER(OutputPlan)),
    ]


class Outcome(IntEnum):
    """Why the driver returned."""

    DONE = 0
    PAUSED = 1
    LIMIT = 2
    IDLE = 3
    WITHDRAWN = 4
    CHANGED = 5


class Library:
    """The functions of one shared library."""

    def __init__(self, path: Path) -> None:
        library = ctypes.CDLL(str(path))
        simulation, plan = ctypes.c_void_p, ctypes.POINTER(Plan)

        def function(name: str, result: Any, *arguments: Any) -> Any:
            found = getattr(library, f"quadrille_{name}")
            found.restype, found.argtypes = result, arguments
            return found

        self.open = function("open", simulation)
        self.close = function("close", None, simulation)
        self.wave = function("wave", None, simulation, ctypes.c_char_p, ctypes.c_uint64)
        self.end_wave = function("end_wave", None, simulation)
        self.restart = function("restart", None, simulation)
        self.begin = function("begin", None, simulation, plan)
        self.run = function("run", ctypes.c_uint64, simulation, plan)
        self.write_pin = function("write_pin", None, simulation, ctypes.c_uint, ctypes.c_uint64)
        self.read_pin = function("read_pin", ctypes.c_uint64, simulation, ctypes.c_uint)
