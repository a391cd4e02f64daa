"""Activations as thresholds: the converter of a column gives the next layer's value itself, where that is cheaper."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, replace

from .dequantize import Dequantize
from .formats import Interval
from .linear import Adc, Conv2d, Linear
from .network import Network
from .tensor import IntTensor

__all__ = ["ThresholdChoice", "as_thresholds"]

GREATEST_LEVELS = 255  # of an 8-bit converter


@dataclass(frozen=True)
class ThresholdChoice:
    """The two forms of a layer, both exact: what its tables take, in bits, each table in its narrowest format.

    `stored_bits` are those of the Dequantize called `name` and of the ADC before it, if there is one;
    `threshold_bits` those of the thresholds that replace both.
    """

    name: str
    stored_bits: int
    threshold_bits: int

    @property
    def cheaper(self) -> bool:
        """Whether the thresholds take less."""
        return self.threshold_bits < self.stored_bits


def as_thresholds(network: Network, *, always: bool = False) -> tuple[Network, tuple[ThresholdChoice, ...]]:
    """`network` with thresholds for mantissas wherever that is possible and cheaper (`always`: wherever possible).

    A layer of one row tile and one slice without row sums computes `y = f(P)` from one column sum, and f, through the
    ADC or without, a mantissa, a rounding shift and a saturation, rises or falls with P throughout. So there are
    thresholds with `y = start + #{ j : P >= thresholds[j] }`, or `start - #...` for a negative mantissa: an ADC that
    gives the activation, and a Dequantize of mantissa 1 or -1 that only moves it to its place. The two networks agree
    on every tensor but the codes of these layers. Returns the network, and for each layer that could be rewritten the
    two costs. Source: the ladder that ends in an activation is that of NL-ADC ramps (Nat. Commun. 2025) [INFERRED].
    """
    nodes = {node.name: node for node in network.nodes}
    choices: list[ThresholdChoice] = []
    for node in network.of_kind(Dequantize):
        source = nodes[node.inputs[0]]
        if len(node.inputs) > 1 or not isinstance(source, Linear | Conv2d) or len(network.readers(source.name)) > 1:
            continue
        ladders = _ladders(network, source, node)
        if ladders is None:
            continue
        levels = max(1, max(len(ladder.thresholds) for ladder in ladders))
        adc, identity = _tables(ladders, levels.bit_length(), source.columns)
        rewritten = replace(node, mantissa=identity[0], bias=identity[1], shift=0)
        choice = ThresholdChoice(node.name, _bits(node, source.adc), _bits(rewritten, adc))
        choices.append(choice)
        if always or choice.cheaper:
            nodes[source.name], nodes[node.name] = replace(source, adc=adc), rewritten
    return replace(network, nodes=tuple(nodes.values())), tuple(choices)


@dataclass(frozen=True)
class _Steps:
    """`y = start + sign * #{ j : P >= thresholds[j] }` for P up to `greatest`."""

    start: int
    sign: int
    thresholds: tuple[int, ...]
    greatest: int


def _ladders(network: Network, source: Linear | Conv2d, node: Dequantize) -> list[_Steps] | None:
    """The steps of each output, if the layer is one that has them, and not too many."""
    if source.columns[:2] != (1, 1):
        return None
    (edge,) = network.input_edges(source)
    seen = source.seen(edge.interval) if isinstance(source, Conv2d) else edge.interval
    ladders: list[_Steps] = []
    for output, interval in enumerate(source.column_intervals(seen)):
        value = _value(source, node, output)
        if abs(value(interval.hi) - value(interval.lo)) > GREATEST_LEVELS:
            return None
        ladders.append(_steps(value, interval))
    return ladders


def _value(source: Linear | Conv2d, node: Dequantize, output: int) -> Callable[[int], int]:
    """From the column sum of `output` to its value."""
    mantissa, bias, half = node.mantissa.flat[output], node.bias.flat[output], 1 << node.shift >> 1
    low, high = node.format.interval.lo, node.format.interval.hi

    def value(total: int) -> int:
        code = total if source.adc is None else source.adc.code(output, total)
        return min(max((mantissa * code + bias + half) >> node.shift, low), high)

    return value


def _steps(value: Callable[[int], int], interval: Interval) -> _Steps:
    """The least sums at which `value`, which never turns, takes its next value, and the next."""
    start, end = value(interval.lo), value(interval.hi)
    sign = 1 if end >= start else -1
    sums = range(interval.lo, interval.hi + 1)
    thresholds = [
        interval.lo + bisect_left(sums, level, key=lambda total: sign * (value(total) - start))
        for level in range(1, abs(end - start) + 1)
    ]
    return _Steps(start, sign, tuple(thresholds), interval.hi)


def _tables(ladders: list[_Steps], bits: int, columns: tuple[int, int, int]) -> tuple[Adc, tuple[IntTensor, IntTensor]]:
    """The ADC, and the mantissas and biases that follow it; thresholds to spare are out of reach."""
    levels = (1 << bits) - 1
    thresholds: list[int] = []
    for ladder in ladders:
        spare = levels - len(ladder.thresholds)
        thresholds += [*ladder.thresholds, *[ladder.greatest + 1] * spare]
    mantissas = IntTensor.of([ladder.sign for ladder in ladders], columns, "int8")
    biases = IntTensor.of([ladder.start for ladder in ladders], (columns[2],))
    return Adc(bits, 0, IntTensor.of(thresholds, (*columns, levels))), (mantissas, biases)


def _bits(node: Dequantize, adc: Adc | None) -> int:
    tables = [node.mantissa, node.bias] + ([] if adc is None else [adc.thresholds])
    return sum(len(table.flat) * table.interval.format.bits for table in tables)
