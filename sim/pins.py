"""Pins, the ports that belong to no stream: their values in a simulation, and designs that are played by them alone."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from functools import partial
from importlib.resources import files
from pathlib import Path

from quadrille.algo.spec import InvalidInput

from .build import Progress, build
from .driver import driver_sources
from .manifest import Manifest, Port, read_manifest

__all__ = ["PinModel", "Pins"]


class Pins:
    """The pins of at most 64 bits of a simulated design, by name.

    `write(index, value)` and `read(index)` reach them in the simulation, by their places among these pins.
    """

    def __init__(self, manifest: Manifest, write: Callable[[int, int], object], read: Callable[[int], int]) -> None:
        self._pins = [pin for pin in manifest.pins if pin.width <= 64]
        self._inputs = {pin.name: (index, pin) for index, pin in enumerate(self._pins) if pin.input}
        self._write, self._read = write, read

    def set(self, values: Mapping[str, int]) -> None:
        """Give the inputs `values`, and 0 to those that are not named; InvalidInput if a value does not fit its pin."""
        for name, value in values.items():
            if name not in self._inputs:
                raise InvalidInput(f"Input pin must be one of {', '.join(self._inputs) or 'none'}, not {name!r}")
            _, pin = self._inputs[name]
            low = -(1 << (pin.width - 1)) if pin.signed else 0
            if not low <= value < low + (1 << pin.width):
                raise InvalidInput(f"Pin {name} must fit {'s' if pin.signed else 'u'}{pin.width}, not {value}")
        for name, (index, pin) in self._inputs.items():
            self._write(index, values.get(name, 0) & ((1 << pin.width) - 1))

    def values(self) -> dict[str, int]:
        """What every pin shows."""
        return {pin.name: self._value(index, pin) for index, pin in enumerate(self._pins)}

    def _value(self, index: int, pin: Port) -> int:
        value = self._read(index)
        return value - (1 << pin.width) if pin.signed and value >> (pin.width - 1) else value


class PinModel:
    """The design of an exported folder, out of reset, played cycle by cycle: an accelerator behind a bus.

    `Model` is the faster way where a design has streams: whole batches need no Python in a cycle.

    Raises
    ------
    InvalidInput
        If the folder holds no design.
    MissingTool, BuildFailed
        If the model cannot be built.
    """

    def __init__(self, folder: Path | str | Manifest, *, progress: Progress | None = None) -> None:
        self.manifest = folder if isinstance(folder, Manifest) else read_manifest(folder)
        library = ctypes.CDLL(str(build(self.manifest, driver=pin_sources, progress=progress)))
        design, index, number = ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint64
        signatures = {
            "open": (design, []),
            "close": (None, [design]),
            "reset": (None, [design]),
            "settle": (None, [design]),
            "edge": (None, [design]),
            "write": (None, [design, index, number]),
            "read": (number, [design, index]),
        }
        for name, (result, arguments) in signatures.items():
            function = getattr(library, f"quadrille_pins_{name}")
            function.restype, function.argtypes = result, arguments
        self._library = library
        self._design = library.quadrille_pins_open()
        write, read = (partial(getattr(library, f"quadrille_pins_{name}"), self._design) for name in ("write", "read"))
        self._pins = Pins(self.manifest, write, read)

    def reset(self) -> None:
        """Two cycles of the reset, with all other inputs at 0."""
        self._pins.set({})
        self._library.quadrille_pins_reset(self._design)

    def cycle(self, **inputs: int) -> dict[str, int]:
        """Play one cycle with these inputs, others at 0; what all pins show in it, before the edge that ends it.

        Raises
        ------
        InvalidInput
            If a value does not fit its pin, or the model is closed.
        """
        if not self._design:
            raise InvalidInput("Simulation must be open to play a cycle, and is closed")
        self._pins.set(inputs)
        self._library.quadrille_pins_settle(self._design)
        shown = self._pins.values()
        self._library.quadrille_pins_edge(self._design)
        return shown

    def close(self) -> None:
        """Free the simulation; one that is garbage does so itself."""
        if self._design:
            self._library.quadrille_pins_close(self._design)
            self._design = None

    def __del__(self) -> None:
        if getattr(self, "_design", None):
            self.close()


def pin_sources(manifest: Manifest, trace: str | None) -> dict[str, str]:
    """The C++ around the design, in place of that for streams."""
    text = files("quadrille.sim").joinpath("pins.cpp").read_text(encoding="utf-8")
    return driver_sources(manifest, trace) | {"driver.cpp": text}
