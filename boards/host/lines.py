"""Lines to an accelerator: a serial port here, a simulated one in its own module; addresses name them."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Protocol
from urllib.parse import parse_qsl

from quadrille.algo.spec import InvalidInput, MissingTool, QuadrilleError

__all__ = ["OPTIONS", "Line", "LinkFailed", "SerialPort", "option", "parse_address"]

BAUD = 115_200
LINE_BITS = 10
"""Of a byte, with start and stop bit."""
SLICE = 0.02
"""Seconds that a read waits at a time."""
OPTIONS = {"serial": ("baud",), "sim": ("faults", "seed")}
"""What an address of each scheme may set."""


class LinkFailed(QuadrilleError, RuntimeError):
    """The line to an accelerator has gone, or the accelerator does not answer as it should."""


class Line(Protocol):
    """A way for bytes to an accelerator and back.

    Attributes
    ----------
    byte_seconds : that a byte takes on the line
    latency : seconds that an answer may take beside its time on the line
    patience : seconds without a result after which the accelerator is taken to be stuck
    """

    byte_seconds: float
    latency: float
    patience: float

    def write(self, data: bytes) -> None:
        """Send bytes."""
        ...

    def read(self, seconds: float) -> bytes:
        """What has come; if that is nothing, what comes first within so many seconds, or nothing."""
        ...

    def close(self) -> None:
        """Give the line up."""
        ...


class SerialPort:
    """A serial port of this machine, eight data bits, no parity, one stop bit, no flow control.

    Raises
    ------
    MissingTool
        If pyserial is not installed.
    InvalidInput
        If the port cannot be opened, or not at this rate.
    LinkFailed
        From `read` and `write`, if it has gone.
    """

    # A USB bridge may hand bytes on every 16 ms; the accelerator itself answers at once.
    latency = 0.1
    patience = 10.0

    def __init__(self, path: str, baud: int = BAUD) -> None:
        try:
            import serial
        except ImportError:
            raise MissingTool(
                "Python package pyserial must be installed for a serial line: pip install 'quadrille[host]'"
            ) from None
        self.path = path
        self.byte_seconds = LINE_BITS / baud
        try:
            self.port: Any = serial.Serial(path, baud, timeout=SLICE, write_timeout=self.patience, exclusive=True)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise InvalidInput(f"Serial port {path} must be one that can be opened, and is not: {reason}") from None
        with suppress(AttributeError, NotImplementedError, OSError, ValueError):
            self.port.set_low_latency_mode(True)  # bridges that can then wait 1 ms and not 16

    def write(self, data: bytes) -> None:
        """Send bytes, as fast as the port takes them."""
        try:
            self.port.write(data)
        except OSError as error:
            raise self.gone(error) from None

    def read(self, seconds: float) -> bytes:
        """What has come, or comes first."""
        try:
            for _ in range(max(1, round(seconds / SLICE))):
                data: bytes = self.port.read(max(1, self.port.in_waiting))
                if data:
                    return data
        except (OSError, TypeError) as error:  # TypeError: closed by another thread within
            raise self.gone(error) from None
        return b""

    def gone(self, error: Exception) -> LinkFailed:
        """The error for a port that does no more."""
        reason = getattr(error, "strerror", None) or error
        return LinkFailed(f"Serial port {self.path} has gone: {reason}")

    def close(self) -> None:
        """Close the port."""
        self.port.close()


def parse_address(address: str) -> tuple[str, str, dict[str, str]]:
    """Scheme, place and options of `scheme:place?option=value&...`.

    Raises
    ------
    InvalidInput
        If it is none.
    """
    scheme, colon, rest = str(address).partition(":")
    place, _, query = rest.partition("?")
    if scheme not in OPTIONS or not colon or not place:
        raise InvalidInput(
            f"Address of an accelerator must be serial:PORT, sim:FOLDER, or either with ?option=value, not {address!r}"
        )
    options = dict(parse_qsl(query, keep_blank_values=True))
    for name in options:
        if name not in OPTIONS[scheme]:
            raise InvalidInput(f"Option of {scheme}: must be one of {', '.join(OPTIONS[scheme])}, not {name!r}")
    return scheme, place, options


def option(options: dict[str, str], name: str, kind: type, default: Any, low: float, high: float) -> Any:
    """The value of an option, a number from `low` to `high`.

    Raises
    ------
    InvalidInput
        If it is none.
    """
    text = options.get(name)
    if text is None:
        return default
    try:
        value = kind(text)
    except ValueError:
        value = None
    if value is None or not low <= value <= high:
        raise InvalidInput(f"Option {name} must be a number from {low:g} to {high:g}, not {text!r}")
    return value
