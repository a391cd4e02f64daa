"""What the packets on the data port are for, and where results go."""

from __future__ import annotations

__all__ = ["PORT_BITS", "Destination", "Target", "elements_per_data_word"]

PORT_BITS = 64


class Target:
    """What a packet on the data port is for: the number in its header word."""

    FRAMES = 0
    WEIGHTS = 1
    CONVERTER = 2
    MANTISSAS = 3
    BIASES = 4
    PROGRAM = 5
    STORES = 6
    RESIDUAL = 7
    POOLING = 8
    REQUANTIZER = 9
    RESIDUAL_STORES = 10
    ACTIVATION = 11
    MODE = 12
    SEED = 13
    TILES = 14
    START = 15
    MODES = 16


class Destination:
    """Kinds of `Configuration.destination`."""

    STORED = 0
    ARGMAX = 1
    OUTPUT = 2


def elements_per_data_word(activation_bits: int) -> int:
    """Activations in a word of the data port: as many as fit, a power of two."""
    return 1 << ((PORT_BITS // activation_bits).bit_length() - 1)
