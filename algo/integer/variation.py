"""Devices that differ from one another, as integers: a perturbed network is another Network.

A cell of digit d conducts `g = d*exp(theta) + n`, theta from N(0, log_normal**2), n from N(0, gaussian**2), in units of
one level, each cell by itself; a cell of digit 0 stays 0 under log-normal variation. A stuck cell conducts nothing, or
as much as its device can, `2**cell_bits - 1`. It holds `v = clip(floor(g * 2**f + 1/2), 0, 255)` with f fraction bits.

What that does to the distribution: rounding moves no cell by more than `2**-(f+1)` level, and where the deviation of g
is at least `2**-f` it adds `2**-2f / 12` to its variance and nothing to its mean. Deviations well below `2**-(f+1)`
vanish. Clipping at 0 raises the mean of cells at 0 under Gaussian variation by `gaussian / sqrt(2*pi)`, as no device
conducts less than nothing.

The converter of a column sees `(1 + e)*P + o*step` instead of P, e from N(0, gain**2), o from N(0, offset**2), step the
mean distance of its thresholds. A threshold T of integer sums parts T - 1 from T; now that sums have fractions, it
stands half way between: `T' = ceil(2**f * (T - 1/2 - o*step) / (1 + e))`, compared with sums in units of `2**-f`. Where
nothing varies, every code is that of the network as it was. The reference column, layers without ADC and all that
follows the converters are digital: they do not vary, and nothing is trained anew. Source: the form of the log-normal
sweep is that of ColumnQuant (arXiv 2502.07842); the integers are [INFERRED].
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from math import isfinite

import numpy as np

from quadrille.algo.spec import Adc, Conductance, Conv2d, InvalidInput, Linear, Network, Node
from quadrille.algo.spec.conductance import CELL_VALUE_BITS, CELL_VALUES

from .arithmetic import IntArray
from .cim import stored_cells
from .tensors import array_of, tensor_of

__all__ = ["Variation", "perturb", "perturbed_nodes", "varied_nodes"]

THRESHOLD_BITS = 44  # with the half and the fraction bits exact in float64
LEAST_GAIN = 1 / 16  # of a converter: a gain of 0 or less would turn its ladder over

_STREAMS = ("log_normal", "gaussian", "stuck", "offset", "gain")


@dataclass(frozen=True, kw_only=True)
class Variation:
    """How much devices and converters differ: see the module's equations.

    `log_normal` and `gaussian` are the deviations of cells, `stuck_at_zero` and `stuck_at_one` the shares of cells that
    are stuck at no and at full conductance, `offset` the deviation of a converter's offset in its steps and `gain` that
    of its relative gain. Cells keep `fraction_bits` fraction bits.

    Raises
    ------
    InvalidInput
        If a deviation is negative or no number, the shares are not from 0 to 1 together, or there are more than 7
        fraction bits.
    """

    log_normal: float = 0.0
    gaussian: float = 0.0
    stuck_at_zero: float = 0.0
    stuck_at_one: float = 0.0
    offset: float = 0.0
    gain: float = 0.0
    fraction_bits: int = 3

    def __post_init__(self) -> None:
        for item in fields(self)[:-1]:
            value = getattr(self, item.name)
            if not (isfinite(value) and value >= 0):
                noun = item.name.replace("_", " ")
                raise InvalidInput(f"Variation {noun} must be a finite number of 0 or more, not {value}")
        share = self.stuck_at_zero + self.stuck_at_one
        if share > 1:
            raise InvalidInput(f"Stuck cells must be a share of at most 1, not {share}")
        if not 0 <= self.fraction_bits < CELL_VALUE_BITS:
            raise InvalidInput(
                f"Fraction bits of a variation must be from 0 to {CELL_VALUE_BITS - 1}, not {self.fraction_bits}"
            )

    def __str__(self) -> str:
        parts = [f"{item.name.replace('_', ' ')} {getattr(self, item.name):g}" for item in fields(self)[:-1]]
        parts = [part for part in parts if not part.endswith(" 0")]
        return f"{', '.join(parts) or 'none'} ({self.fraction_bits} fraction bits)"


def varied_nodes(network: Network) -> list[Linear | Conv2d]:
    """The nodes of `network` that devices vary: those on macros with an ADC.

    Raises
    ------
    InvalidInput
        If there is none.
    """
    found = [node for node in network.nodes if isinstance(node, Linear | Conv2d) and node.adc is not None]
    if not found:
        raise InvalidInput(f"Network {network.name!r} must have a layer with an ADC to vary, and has none")
    return found


def perturb(network: Network, variation: Variation, seed: int) -> Network:
    """`network` on devices that differ by `variation`: the same nodes, cells with conductances, other thresholds.

    The result depends on network, variation and `seed` alone. Every kind of variation has a stream of its own in every
    node, numpy's PCG64 from `SeedSequence(seed, spawn_key=(place of the node, kind))`, and scales standard normal
    numbers: a greater deviation moves each cell further the same way, and another kind of variation leaves it alone.

    Raises
    ------
    InvalidInput
        If the seed is negative, no layer has an ADC, a layer holds conductances already or has thresholds of more than
        44 bits, fraction bits leave no room for a cell's digits, or a converter of one bit, which has no step, is to
        have an offset.
    """
    nodes = perturbed_nodes(network, variation, seed)
    return Network(network.name, nodes, {**network.notes, "variation": f"{variation}, seed {seed}"})


def perturbed_nodes(network: Network, variation: Variation, seed: int) -> tuple[Node, ...]:
    """The nodes of `perturb`, not yet a network."""
    if seed < 0:
        raise InvalidInput(f"Seed must be 0 or more, not {seed}")
    varied = {node.name for node in varied_nodes(network)}
    nodes: list[Node] = []
    for place, node in enumerate(network.nodes):
        if isinstance(node, Linear | Conv2d) and node.name in varied:
            streams = {
                kind: np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(place, number)))
                for number, kind in enumerate(_STREAMS)
            }
            nodes.append(_perturbed(node, variation, streams))
        else:
            nodes.append(node)
    return tuple(nodes)


def _perturbed(node: Linear | Conv2d, variation: Variation, streams: dict[str, np.random.Generator]) -> Linear | Conv2d:
    assert node.adc is not None
    if node.conductance is not None:
        raise InvalidInput(f"Node {node.name!r} must hold the digits of its weights to vary, and holds conductances")
    greatest = (1 << node.cell_value_bits) - 1
    if greatest << variation.fraction_bits not in CELL_VALUES:
        most = CELL_VALUE_BITS - node.cell_value_bits
        raise InvalidInput(
            f"Node {node.name!r} must vary with at most {most} fraction bits, as its cells have "
            f"{node.cell_value_bits} bits, not {variation.fraction_bits}"
        )
    values = tensor_of(_conductances(node, variation, streams), "int16")
    return replace(
        node,
        conductance=Conductance(values, variation.fraction_bits),
        adc=replace(node.adc, thresholds=tensor_of(_thresholds(node, node.adc, variation, streams))),
    )


def _conductances(node: Linear | Conv2d, variation: Variation, streams: dict[str, np.random.Generator]) -> IntArray:
    """The values of the cells (slices, outputs, rows)."""
    digits = stored_cells(node)
    levels = digits.astype(np.float64)
    if variation.log_normal:
        levels *= np.exp(variation.log_normal * streams["log_normal"].standard_normal(levels.shape))
    if variation.gaussian:
        levels += variation.gaussian * streams["gaussian"].standard_normal(levels.shape)
    if variation.stuck_at_zero or variation.stuck_at_one:
        chance = streams["stuck"].random(levels.shape)
        levels[chance < variation.stuck_at_zero] = 0
        levels[chance >= 1 - variation.stuck_at_one] = (1 << node.cell_bits) - 1
    scaled = np.floor(levels * (1 << variation.fraction_bits) + 0.5)
    return np.clip(scaled, CELL_VALUES.lo, CELL_VALUES.hi).astype(np.int64)


def _thresholds(
    node: Linear | Conv2d, adc: Adc, variation: Variation, streams: dict[str, np.random.Generator]
) -> IntArray:
    """T' of the module's equation, (tiles, slices, outputs, levels)."""
    ladders = array_of(adc.thresholds)
    if int(np.abs(ladders).max()) >= 1 << THRESHOLD_BITS:
        raise InvalidInput(f"Node {node.name!r} must have thresholds of {THRESHOLD_BITS} bits to vary, not more")
    points = 2 * ladders - 1  # twice, so that the half is an integer
    if not variation.offset and not variation.gain:
        return -(-(points << variation.fraction_bits) >> 1)
    moved = points / 2
    if variation.offset:
        if adc.bits == 1:
            raise InvalidInput(f"Node {node.name!r} must have an ADC of 2 or more bits for an offset in its steps")
        step = (ladders[..., -1] - ladders[..., 0]) / (ladders.shape[-1] - 1)
        moved -= (variation.offset * streams["offset"].standard_normal(step.shape) * step)[..., None]
    if variation.gain:
        error = variation.gain * streams["gain"].standard_normal(ladders.shape[:-1])
        moved /= np.maximum(1 + error, LEAST_GAIN)[..., None]
    return np.ceil(moved * (1 << variation.fraction_bits)).astype(np.int64)
