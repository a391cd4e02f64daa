"""A simulated accelerator at the end of a serial line: bytes in, bytes out, cycle by cycle."""

from __future__ import annotations

import ctypes
from importlib.resources import files
from pathlib import Path

from quadrille.algo.spec import InvalidInput

from .build import Progress, build
from .driver import driver_sources
from .manifest import Manifest, read_manifest

__all__ = ["SerialModel"]

BLOCK = "uart-accelerator"
ROOM = 4096
"""Bytes that one run may deliver."""
LINE_BITS = 10
"""Of a byte, with start and stop bit."""


class SerialModel:
    """The design of an exported `uart-accelerator`, out of reset, with the other end of its line.

    Attributes
    ----------
    manifest : of the design
    divisor : cycles of a bit
    cycles : simulated so far

    Raises
    ------
    InvalidInput
        If the folder holds no design, or one of another block.
    MissingTool, BuildFailed
        If the model cannot be built.
    """

    def __init__(self, folder: Path | str | Manifest, *, progress: Progress | None = None) -> None:
        self.manifest = folder if isinstance(folder, Manifest) else read_manifest(folder)
        if self.manifest.block != BLOCK:
            raise InvalidInput(
                f"Design on a simulated serial line must be a {BLOCK}, and {self.manifest.folder} holds a "
                f"{self.manifest.block}"
            )
        self.divisor: int = self.manifest.entries["parameters"]["divisor"]
        self.cycles = 0
        library = ctypes.CDLL(str(build(self.manifest, driver=line_sources, progress=progress)))
        line, number, octets = ctypes.c_void_p, ctypes.c_uint64, ctypes.c_char_p
        counts = [ctypes.POINTER(number)] * 2
        signatures = {
            "open": (line, [number]),
            "close": (None, [line]),
            "reset": (None, [line]),
            "run": (number, [line, octets, number, octets, number, number, number, *counts]),
        }
        for name, (result, arguments) in signatures.items():
            function = getattr(library, f"quadrille_line_{name}")
            function.restype, function.argtypes = result, arguments
        self._library = library
        self._line = library.quadrille_line_open(self.divisor)
        self._waiting = b""

    @property
    def cycles_per_byte(self) -> int:
        """How long a byte takes on the line."""
        return LINE_BITS * self.divisor

    def reset(self) -> None:
        """The reset line of the accelerator; bytes that are under way are lost."""
        self._waiting = b""
        self._library.quadrille_line_reset(self._line)

    def write(self, data: bytes) -> None:
        """Bytes to be sent as time passes."""
        self._waiting += data

    def read(self, cycles: int, stop: int | None = None) -> bytes:
        """Let up to `cycles` pass; the bytes that came, at most up to the first that is `stop`."""
        out = ctypes.create_string_buffer(ROOM)
        sent, received = ctypes.c_uint64(), ctypes.c_uint64()
        self.cycles += self._library.quadrille_line_run(
            self._line,
            self._waiting,
            len(self._waiting),
            out,
            ROOM,
            cycles,
            256 if stop is None else stop,
            ctypes.byref(sent),
            ctypes.byref(received),
        )
        self._waiting = self._waiting[sent.value :]
        return out.raw[: received.value]

    def close(self) -> None:
        """Free the simulation; one that is garbage does so itself."""
        if self._line:
            self._library.quadrille_line_close(self._line)
            self._line = None

    def __del__(self) -> None:
        if getattr(self, "_line", None):
            self.close()


def line_sources(manifest: Manifest, trace: str | None) -> dict[str, str]:
    """The C++ around the design, in place of that for streams."""
    text = files("quadrille.sim").joinpath("serial_line.cpp").read_text(encoding="utf-8")
    return driver_sources(manifest, trace) | {"driver.cpp": text}
