"""How the columns of a program's layers are converted: the ladders of all, or one multiplication that equals them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

from quadrille.algo.spec import Conv2d, Interval, InvalidInput
from quadrille.algo.spec.converter import Ladder, MultiplyShift, ladders_of, shared_multiply_shift

from .layers import Layer
from .mapping import Plan

__all__ = ["Converters"]


class Converters:
    """The converter of every column of the plans of all modes: exact, or ladders and, if they agree, multiplications.

    Attributes
    ----------
    bits : of the widest ADC code, 0 if all sums are exact
    ladders : per layer of all plans, those of its columns, all with as many thresholds; none for an exact layer
    starts : per layer, the columns before it
    multiply_shift : one multiplier and offset per column of all ladders, or None if that cannot equal the ladders; with
        a shift of at least `least_shift`, that of hardware which is there
    """

    def __init__(self, plans: Sequence[Plan], least_shift: int = 0):
        layers = [layer for plan in plans for layer in plan.layers]
        self.bits = max((layer.matrix.adc.bits for layer in layers if layer.matrix.adc), default=0)
        self.ladders = [_ladders(layer, (1 << self.bits) - 1) for layer in layers]
        self.multiply_shift = shared_multiply_shift(chain.from_iterable(self.ladders)) if self.bits else None
        if self.multiply_shift is not None and self.multiply_shift.shift < least_shift:
            self.multiply_shift = _at_shift(self.multiply_shift, least_shift)
        self.starts = [sum(len(ladders) for ladders in self.ladders[:n]) for n in range(len(self.ladders))]

    def parameters(self, wanted: str | None = None) -> dict[str, Any]:
        """The converter's parameters of the accelerator; `wanted` overrides the choice of its kind."""
        if self.bits == 0:
            kind = "exact"
        else:
            kind = wanted or ("multiply-shift" if self.multiply_shift else "ladder")
        if wanted not in (None, kind):
            raise InvalidInput(f"Converter of a network with exact sums must be exact, not {wanted}")
        if kind == "exact" and self.bits:
            raise InvalidInput(f"Converter of a network with a {self.bits}-bit ADC must not be exact")
        found: dict[str, Any] = {"converter": kind, "adc_bits": max(1, self.bits)}
        if kind == "multiply-shift":
            if self.multiply_shift is None:
                raise InvalidInput("Converter must be ladder, as no multiplication equals these thresholds")
            found["converter_shift"] = self.multiply_shift.shift
            found["multiplier_bits"] = max(1, self.multiply_shift.multiplier_interval.format.bits)
            offsets = Interval.hull(self.multiply_shift.offset_interval, Interval(-1, 0))
            found["offset_bits"] = max(2, offsets.format.bits)
        return found


def _at_shift(line: MultiplyShift, shift: int) -> MultiplyShift:
    """The same codes with a greater shift: `(P*m + b) >> n = (P*(m << k) + (b << k)) >> (n + k)`."""
    more = shift - line.shift
    return MultiplyShift(shift, tuple(m << more for m in line.multipliers), tuple(b << more for b in line.offsets))


def _ladders(layer: Layer, levels: int) -> tuple[Ladder, ...]:
    """The ladders of a layer's columns, for all that can stand under its rows.

    A narrower ADC than others gets `levels` thresholds like them: those beyond its own are never reached.
    """
    matrix, source = layer.matrix, layer.edge.interval
    if matrix.adc is None:
        return ()
    found = ladders_of(matrix, matrix.seen(source) if isinstance(matrix, Conv2d) else source)
    return tuple(_extended(ladder, levels) for ladder in found)


def _extended(ladder: Ladder, levels: int) -> Ladder:
    """The same codes for the sums of the ladder's interval, with `levels` thresholds."""
    above = ladder.interval.hi + 1
    if len(ladder.thresholds) == levels and ladder.thresholds[-1] <= above:
        return ladder
    own = tuple([min(threshold, above) for threshold in ladder.thresholds])
    return replace(ladder, thresholds=own + (above,) * (levels - len(own)))
