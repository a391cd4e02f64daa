"""The accelerator as a whole, in integers: the twin of hw.engine."""

from __future__ import annotations

from quadrille.algo.spec import Network

from .activation_unit import activation_unit
from .arithmetic import IntArray
from .execution import execute
from .pooling import pooling_unit
from .requantizer import requantizer
from .residual import residual_unit

__all__ = ["accelerator", "activation_unit", "pooling_unit", "requantizer", "residual_unit"]


def accelerator(network: Network, images: IntArray, /, **sizes: object) -> dict[str, IntArray]:
    """What an accelerator with `network` loaded computes for `images` (n, *shape): every tensor, by node name.

    The last node's tensor leaves on `o`; the codes of the linear nodes and the values of the dequantize nodes pass its
    taps. `sizes` are the hardware's parameters: they decide when something is computed and never what, as long as the
    network fits, which hw.engine checks.

    Raises
    ------
    InvalidInput
        If the images do not fit the network's input.
    """
    del sizes
    return execute(network, images)
