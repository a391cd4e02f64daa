"""The ADC models of hw.cim in integers: the twins of its three converters, and the proof that two of them agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from quadrille.algo.spec import Interval, InvalidInput
from quadrille.algo.spec.converter import Ladder, shared_multiply_shift

from .arithmetic import IntArray, check_interval, check_shape, clamp, integers
from .ladder import LadderTable

__all__ = ["exact_converter", "ladder_converter", "multiply_shift_converter", "multiply_shift_for"]


class _Recovery:
    """What the three converters share: `P = (S << double) - reference_weight * X`, and what goes past the ADC."""

    def __init__(
        self, sums: IntArray, reference: IntArray, address: IntArray, table: Mapping[str, IntArray], lanes: int
    ) -> None:
        sums, self.reference = integers(sums, "Sums"), integers(reference, "Reference")
        self.address = integers(address, "Address")
        self.table = {name: integers(values, f"Table field {name}") for name, values in table.items()}
        self.rows = len(self.table["double"])
        check_shape("Sums", sums, (None, lanes))
        check_shape("Reference", self.reference, (len(sums),))
        check_shape("Address", self.address, (len(sums),))
        check_interval("Address", self.address, Interval(0, self.rows - 1))
        for name in ("double", "reference_weight", "use_reference", "exact"):
            check_shape(f"Table field {name}", self.table[name], (self.rows,))
        weight = self.table["reference_weight"][self.address] * self.reference
        self.sums = (sums << self.table["double"][self.address, None]) - weight[:, None]

    def codes(self, codes: IntArray) -> IntArray:
        """`codes`, or P where the table's row is exact, or X in every lane where it uses the reference."""
        codes = np.where(self.table["exact"][self.address, None] != 0, self.sums, codes)
        return np.where(self.table["use_reference"][self.address, None] != 0, self.reference[:, None], codes)


def exact_converter(
    sums: IntArray,
    reference: IntArray,
    address: IntArray,
    table: Mapping[str, IntArray],
    /,
    *,
    lanes: int = 32,
    **widths: object,
) -> IntArray:
    """`code = P = (S << double) - reference_weight * X`, or X where `use_reference` is set: codes (n, lanes).

    `sums` (n, lanes), `reference` and `address` (n,). `table` has the fields `double`, `reference_weight`,
    `use_reference` and `exact`, each (addresses,): the row at `address` holds for the beat. `exact` changes nothing
    here. `widths` are the widths of the hardware's fields.

    Raises
    ------
    InvalidInput
        If the arrays do not fit one another, or an address is beyond the table.
    """
    del widths
    beats = _Recovery(sums, reference, address, table, lanes)
    return beats.codes(beats.sums)


def ladder_converter(
    sums: IntArray,
    reference: IntArray,
    address: IntArray,
    table: Mapping[str, IntArray],
    /,
    *,
    lanes: int = 32,
    **widths: object,
) -> IntArray:
    """`code = low + #{ j : P >= thresholds[lane, j] }`, P and the arguments as of `exact_converter`: codes (n, lanes).

    Where the row says `exact` the code is P itself, where it says `use_reference` X, both without an ADC.
    `table` has, besides, `low` (addresses,) and `thresholds` (addresses, lanes, levels), not descending.

    Raises
    ------
    InvalidInput
        If the arrays do not fit one another, an address is beyond the table, or thresholds that are read descend.
    """
    del widths
    beats = _Recovery(sums, reference, address, table, lanes)
    thresholds, low = beats.table["thresholds"], beats.table["low"]
    check_shape("Table field thresholds", thresholds, (beats.rows, lanes, None))
    check_shape("Table field low", low, (beats.rows,))
    used, row = np.unique(beats.address, return_inverse=True)  # a beat or a million: what is not read costs nothing
    if (np.diff(thresholds[used], axis=2) < 0).any():
        raise InvalidInput("Table field thresholds must not descend within a lane, and does")
    if not beats.sums.size:
        return beats.codes(beats.sums)
    ladders = thresholds[used].reshape(len(used) * lanes, thresholds.shape[2])
    source = Interval(int(beats.sums.min()), int(beats.sums.max()))
    codes = LadderTable(ladders, np.repeat(low[used], lanes), source)
    return beats.codes(codes.codes(beats.sums, row[:, None] * lanes + np.arange(lanes)))


def multiply_shift_converter(
    sums: IntArray,
    reference: IntArray,
    address: IntArray,
    table: Mapping[str, IntArray],
    /,
    *,
    lanes: int = 32,
    adc_bits: int = 5,
    shift: int = 16,
    **widths: object,
) -> IntArray:
    """`code = clamp((P*multiplier + offset) >> shift, low, low + 2**adc_bits - 1)`: codes (n, lanes).

    P and the arguments as of `exact_converter`; `table` has, besides, `low` (addresses,), `multiplier` and `offset`
    (addresses, lanes). Where the row says `exact` the code is P itself, where it says `use_reference` X.

    Raises
    ------
    InvalidInput
        If the arrays do not fit one another, or an address is beyond the table.
    """
    del widths
    beats = _Recovery(sums, reference, address, table, lanes)
    multiplier, offset, low = (beats.table[name] for name in ("multiplier", "offset", "low"))
    check_shape("Table field multiplier", multiplier, (beats.rows, lanes))
    check_shape("Table field offset", offset, (beats.rows, lanes))
    check_shape("Table field low", low, (beats.rows,))
    line = (beats.sums * multiplier[beats.address] + offset[beats.address]) >> shift
    above = clamp(line - low[beats.address, None], 0, (1 << adc_bits) - 1)
    return beats.codes(above + low[beats.address, None])


def multiply_shift_for(
    thresholds: Sequence[int], low: int, bits: int, interval: Interval, *, greatest_shift: int = 40
) -> tuple[int, int, int] | None:
    """(multiplier, offset, shift) of the least shift that gives the ladder's code for every P in `interval`, or None.

    `clamp((P*multiplier + offset) >> shift, low, low + 2**bits - 1) = low + #{ j : P >= thresholds[j] }`: found by
    `algo.spec.converter` from the thresholds alone, and checked here on every integer of the interval.

    Raises
    ------
    InvalidInput
        If there are not `2**bits - 1` thresholds, or they descend.
    """
    if len(thresholds) != (1 << bits) - 1:
        raise InvalidInput(f"Ladder of {bits} bits must have {(1 << bits) - 1} thresholds, not {len(thresholds)}")
    ladder = Ladder(tuple(thresholds), low, interval)
    found = shared_multiply_shift([ladder], greatest_shift=greatest_shift)
    if found is None:
        return None
    (multiplier,), (offset,) = found.multipliers, found.offsets
    sums = np.arange(interval.lo, interval.hi + 1)
    line = clamp((sums * multiplier + offset) >> found.shift, low, low + (1 << bits) - 1)
    steps = low + np.searchsorted(np.array(thresholds, dtype=np.int64), sums, side="right")
    assert np.array_equal(line, steps), f"{found} is not {ladder}"
    return multiplier, offset, found.shift
