"""One network in several modes: the same images, the same kind of result, arithmetic of another precision."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .errors import InvalidInput
from .kinds import check_kinds
from .network import Network
from .nodes import Argmax

__all__ = ["DEFAULT_MODE", "MOST_MODES", "Modes"]

DEFAULT_MODE = "default"
"""What the only mode of a plain Network is called."""

MOST_MODES = 256
"""A random mode is drawn from the eight low bits of a register (random_mode)."""

RESERVED = ("all", "random")
"""What stands for every mode, and for one drawn anew for each image, where a mode is asked for."""

_NAME = re.compile(r"[a-z0-9][a-z0-9.-]*")


@dataclass(frozen=True)
class Modes:
    """The Networks of one name, by mode, in an order that counts: the first is the default, and a mode's place in it is
    its number on the hardware.

    All read the same input node and give the same kind of result: an index of as many classes, or values of one shape
    and format.

    Raises
    ------
    InvalidInput
        If there is no mode or there are too many, a mode's name is none, or a mode has another input or result than the
        first.
    """

    name: str
    networks: dict[str, Network]

    def __post_init__(self) -> None:
        check_kinds(self, f"the modes of network {self.name!r}")
        if not 1 <= len(self.networks) <= MOST_MODES:
            raise InvalidInput(f"Network {self.name!r} must have 1 to {MOST_MODES} modes, not {len(self.networks)}")
        first = self.default
        for mode, network in self.networks.items():
            if not _NAME.fullmatch(mode) or mode in RESERVED:
                raise InvalidInput(
                    f"Mode of network {self.name!r} must have a name of lower-case letters, digits, full stops and "
                    f"hyphens that is not {' or '.join(RESERVED)}, not {mode!r}"
                )
            if network.input != first.input:
                raise InvalidInput(
                    f"Mode {mode!r} of network {self.name!r} must have the input of mode {self.names[0]!r}, "
                    f"{_input(first)}, not {_input(network)}"
                )
            if _result(network) != _result(first):
                raise InvalidInput(
                    f"Mode {mode!r} of network {self.name!r} must have the result of mode {self.names[0]!r}, "
                    f"{_result(first)}, not {_result(network)}"
                )

    @classmethod
    def of(cls, network: Network) -> Modes:
        """A plain Network: one mode, called `DEFAULT_MODE`."""
        return cls(network.name, {DEFAULT_MODE: network})

    @property
    def names(self) -> tuple[str, ...]:
        """The modes, in their order."""
        return tuple(self.networks)

    @property
    def default(self) -> Network:
        """The Network of the first mode."""
        return next(iter(self.networks.values()))

    def network(self, mode: str) -> Network:
        """The Network of `mode`.

        Raises
        ------
        InvalidInput
            If there is no such mode.
        """
        return self.networks[self.names[self.index(mode)]]

    def index(self, mode: str) -> int:
        """The number of `mode`.

        Raises
        ------
        InvalidInput
            If there is no such mode.
        """
        if mode not in self.networks:
            raise InvalidInput(f"Mode must be one of {', '.join(self.names)} of network {self.name!r}, not {mode!r}")
        return self.names.index(mode)


def _input(network: Network) -> str:
    """The input node in words."""
    node = network.input
    return f"{node.name!r} of shape {list(node.shape)} and format {node.format}"


def _result(network: Network) -> str:
    """The result in words: those of equal results are equal."""
    result = network.result
    if isinstance(result, Argmax):
        (source,) = network.input_edges(result)
        return f"the greatest of {source.shape[0]} values"
    edge = network.edges[result.name]
    return f"values of shape {list(edge.shape)} and format {edge.format}"
