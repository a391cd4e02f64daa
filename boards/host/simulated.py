"""Simulated lines: the accelerator's design under Verilator at the end of one, and one on which bytes go wrong."""

from __future__ import annotations

from pathlib import Path
from random import Random

from quadrille.algo.spec.serial_frames import FLAG
from quadrille.sim.manifest import Manifest
from quadrille.sim.serial_line import SerialModel

from .lines import Line, LinkFailed

__all__ = ["FaultyLine", "SimulatedLine"]

CLOCK_HZ = 100e6
"""What a cycle is taken for, so that waiting can be told in seconds."""


class SimulatedLine:
    """The line to a simulated accelerator. Time passes only while something is waited for.

    Attributes
    ----------
    model : the simulation

    Raises
    ------
    LinkFailed
        From `read` and `write`, once it is closed.
    """

    latency = 0.0
    patience = 1.0

    def __init__(self, design: Path | str | Manifest) -> None:
        self.model = SerialModel(design)
        self.byte_seconds = self.model.cycles_per_byte / CLOCK_HZ
        self.is_open = True

    def write(self, data: bytes) -> None:
        """Queue bytes."""
        self.check_open()
        self.model.write(data)

    def read(self, seconds: float) -> bytes:
        """Simulate until a frame begins or ends, or so many seconds of the accelerator's time have passed."""
        self.check_open()
        return self.model.read(round(seconds * CLOCK_HZ), stop=FLAG)

    def close(self) -> None:
        """End the simulation."""
        self.is_open = False
        self.model.close()

    def check_open(self) -> None:
        """Refuse to go on with a simulation that has ended."""
        if not self.is_open:
            raise LinkFailed("Simulated line must be open, and is closed")


class FaultyLine:
    """Another line on which a byte is lost, doubled or changed in a bit with the probability `faults`, either way.

    Attributes
    ----------
    count : faults so far
    """

    def __init__(self, line: Line, faults: float, seed: int = 0) -> None:
        self.line, self.faults = line, faults
        self.byte_seconds, self.latency, self.patience = line.byte_seconds, line.latency, line.patience
        self.random = Random(seed)
        self.count = 0

    def write(self, data: bytes) -> None:
        """Send what becomes of the bytes."""
        self.line.write(self.spoilt(data))

    def read(self, seconds: float) -> bytes:
        """What becomes of what comes."""
        return self.spoilt(self.line.read(seconds))

    def spoilt(self, data: bytes) -> bytes:
        """The bytes, a few of them lost, doubled or damaged."""
        out = bytearray()
        for byte in data:
            if self.random.random() >= self.faults:
                out.append(byte)
                continue
            self.count += 1
            out += self.random.choice((b"", bytes([byte, byte]), bytes([byte ^ 1 << self.random.randrange(8)])))
        return bytes(out)

    def close(self) -> None:
        """Close the line."""
        self.line.close()
