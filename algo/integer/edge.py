"""The accelerator behind a bus, in integers: the twin of hw.edge."""

from __future__ import annotations

from quadrille.algo.spec import Network

from .arithmetic import IntArray
from .engine import accelerator

__all__ = ["axi_accelerator", "uart_accelerator", "wishbone_accelerator"]


def axi_accelerator(network: Network, images: IntArray, /, **sizes: object) -> dict[str, IntArray]:
    """What leaves on `m_axis` for `images` (n, *shape): the last node's tensor, of all that `accelerator` returns.

    Raises
    ------
    InvalidInput
        If the images do not fit the network's input.
    """
    return accelerator(network, images, **sizes)


def uart_accelerator(network: Network, images: IntArray, /, **sizes: object) -> dict[str, IntArray]:
    """What frames RESULTS carry on `tx` for `images` (n, *shape): the last node's tensor.

    Raises
    ------
    InvalidInput
        If the images do not fit the network's input.
    """
    return accelerator(network, images, **sizes)


def wishbone_accelerator(network: Network, images: IntArray, /, **sizes: object) -> dict[str, IntArray]:
    """What is read at `output_low` and `output_high` for `images` (n, *shape): the last node's tensor.

    Raises
    ------
    InvalidInput
        If the images do not fit the network's input.
    """
    return accelerator(network, images, **sizes)
