"""Signed digits, and the unit that visits those that are not 0: its sums and the cycles that they take."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quadrille.algo.integer.digits import digit_cycles, ent_digits
from quadrille.algo.integer.mac import carry_save_mac, pack, same_weight_mac, sparse_digit_mac
from quadrille.algo.spec import InvalidInput
from quadrille.algo.spec.digits import SparseDigits
from quadrille.algo.spec.digits import ent_digits as digits_of
from quadrille.algo.spec.precision import MacMode, Operand
from quadrille.hw.export import export
from quadrille.hw.mac import SparseDigitMac
from quadrille.sim.model import Model, Stall

UNITS, COLUMNS = 3, 2
BYTES = MacMode(Operand(8, True), Operand(8, True))
BINARY = Operand(1, True)


@pytest.fixture(scope="module", name="model")
def model_fixture(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return Model(export(SparseDigitMac(units=UNITS, columns=COLUMNS), tmp_path_factory.mktemp("sparse")))


@pytest.mark.parametrize(
    ("value", "digits"),
    [
        (-128, [0, 0, 0, -2]),
        (-127, [1, 0, 0, -2]),
        (-100, [0, -1, -2, -1]),
        (-7, [1, -2, 0, 0]),
        (0, [0, 0, 0, 0]),
        (7, [-1, 2, 0, 0]),
        (59, [-1, -1, 0, 1]),
        (100, [0, 1, 2, 1]),
        (127, [-1, 0, 0, 2]),
    ],
)
def test_golden_digits(value: int, digits: list[int]) -> None:
    assert list(digits_of(value)) == digits == ent_digits(value).tolist()


def test_digits_recover_every_byte() -> None:
    values = np.arange(-128, 128)
    assert np.array_equal(ent_digits(values) @ 4 ** np.arange(4), values)
    assert set(np.unique(ent_digits(values))) == {-2, -1, 0, 1, 2}


@pytest.mark.parametrize(("deviation", "mean"), [(10, 1.76), (20, 2.12), (30, 2.33), (40, 2.49), (50, 2.59)])
def test_mean_digits_of_normal_bytes(deviation: int, mean: float) -> None:
    drawn = np.random.default_rng(1).normal(0, deviation, 200_000).round().clip(-128, 127).astype(np.int64)
    assert np.count_nonzero(ent_digits(drawn), axis=1).mean() == pytest.approx(mean, abs=0.01)


def test_mean_digits_of_uniform_bytes() -> None:
    assert np.count_nonzero(ent_digits(np.arange(-128, 128)), axis=1).mean() == pytest.approx(2.92, abs=0.005)


def test_cycles_are_those_of_the_unit_with_most_digits() -> None:
    # Units of two elements: digits 1 + 0 and 2 + 2; then none at all, which takes a cycle too.
    assert digit_cycles(np.array([4, 0, 7, -7, 0, 0, 0, 0]), units=2, elements=2) == 4 + 1


Beats = dict[str, np.ndarray]


def beats_of(a: np.ndarray, b: np.ndarray, mode: MacMode, length: int | None = None) -> Beats:
    """The beats of a dot product in every column, or of one for every `length` beats."""
    packed = [pack(row, b, scheme=SparseDigits(COLUMNS), mode=mode, units=UNITS) for row in a]
    words = np.concatenate([each[0] for each in packed], axis=1)
    place = np.arange(len(words)) % (length or len(words))
    constant = {"a_bits": mode.a.bits - 1, "b_bits": mode.b.bits - 1}
    constant |= {"a_signed": int(mode.a.signed), "b_signed": int(mode.b.signed)}
    return {
        "a": words,
        "b": packed[0][1],
        **{name: np.full(len(place), value) for name, value in constant.items()},
        "first": (place == 0).astype(np.int64),
        "last": (place == (length or len(place)) - 1).astype(np.int64),
    }


@pytest.mark.verilator
def test_every_pair_of_bytes(model: Model) -> None:
    values = np.arange(-128, 128)
    a, b = (grid.ravel() for grid in np.meshgrid(values, values, indexing="ij"))
    mixed = np.random.default_rng(3).permutation(len(a))[: len(a) // (2 * UNITS) * 2 * UNITS]
    rest = np.setdiff1d(np.arange(len(a)), mixed)  # less than a beat
    mixed = np.concatenate([mixed, rest, mixed[: 2 * UNITS - len(rest)]])
    a, b = np.stack([a[mixed], np.roll(a[mixed], 1)]), b[mixed]
    run = model.run({"i": beats_of(a, b, BYTES, 1)}, {"o": len(b) // (2 * UNITS)})
    fields = run.streams["o"].fields
    assert np.array_equal(fields["sums"], (a * b).reshape(COLUMNS, -1, 2 * UNITS).sum(axis=2).T)
    digits = np.count_nonzero(ent_digits(b), axis=1).reshape(-1, UNITS, 2).sum(axis=2).max(axis=1)
    assert np.array_equal(fields["cycles"], np.maximum(digits, 1))


def drawn(seed: int) -> tuple[Beats, list[tuple[int, ...]], list[int]]:
    """Dot products of bytes, narrower operands, few values that are not 0, and -1 and +1: beats, sums, cycles."""
    draw = np.random.default_rng(seed)
    parts: list[Beats] = []
    sums: list[tuple[int, ...]] = []
    cycles: list[int] = []
    for _ in range(300):
        operands = [Operand(int(draw.integers(1, 8 + signed)), bool(signed)) for signed in draw.integers(0, 2, 2)]
        mode, length = MacMode(operands[0], operands[1]), int(draw.integers(1, 8 * UNITS))
        if mode.a.binary and mode.b.binary:
            length = 2 * UNITS * int(draw.integers(1, 4))
        rows: list[np.ndarray] = []
        for operand in (mode.a, mode.a, mode.b):
            values = draw.integers(operand.interval.lo, operand.interval.hi + 1, length)
            values *= draw.random(length) < draw.random()
            rows.append(draw.choice([-1, 1], length) if operand.binary else values)
        a, b = np.stack(rows[:COLUMNS]), rows[COLUMNS]
        result = sparse_digit_mac(a, b, mode=mode, columns=COLUMNS, units=UNITS)
        parts.append(beats_of(a, b, mode))
        assert result.beats == len(parts[-1]["b"])
        sums.append(result.totals)
        cycles.append(result.cycles)
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}, sums, cycles


@pytest.mark.verilator
def test_cycles_are_exact_and_told(model: Model) -> None:
    beats, sums, cycles = drawn(1)
    run = model.run({"i": beats}, {"o": len(sums)})
    fields = run.streams["o"].fields
    assert fields["sums"].tolist() == [list(totals) for totals in sums]
    assert fields["cycles"].tolist() == cycles
    unit = SparseDigitMac(units=UNITS, columns=COLUMNS)
    unit.inspected()
    found = run.streams["o"].cycles - run.input_cycles["i"][0]
    assert found.tolist() == (np.cumsum(cycles) - 1 + unit.latency).tolist()


@pytest.mark.verilator
def test_stalls_change_neither_sums_nor_cycles(model: Model) -> None:
    beats, sums, cycles = drawn(2)
    fields = model.run({"i": beats}, {"o": len(sums)}, stall=Stall(0.4, seed=5)).streams["o"].fields
    assert fields["sums"].tolist() == [list(totals) for totals in sums]
    assert fields["cycles"].tolist() == cycles


@pytest.mark.verilator
def test_one_unit_and_one_column(tmp_path: Path) -> None:
    a, b = np.array([[-128, 127, 3, -100, 5]]), np.array([-128, -128, 59, 127, 0])
    packed = pack(a[0], b, scheme=SparseDigits(), mode=BYTES, units=1)
    ends = {"first": np.array([1, 0, 0]), "last": np.array([0, 0, 1])}
    mode = {"a_bits": 7, "b_bits": 7, "a_signed": 1, "b_signed": 1}
    beats = {"a": packed[0], "b": packed[1], **{name: np.full(3, value) for name, value in mode.items()}, **ends}
    fields = Model(export(SparseDigitMac(units=1), tmp_path)).run({"i": beats}, {"o": 1}).streams["o"].fields
    result = sparse_digit_mac(a, b, mode=BYTES, units=1)
    assert (fields["sum"].tolist(), fields["cycles"].tolist()) == ([result.totals[0]], [result.cycles])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: digits_of(128), r"^Operand of 8 bits must be in \[-128, 127\], not 128$"),
        (lambda: ent_digits([5, -129]), r"^Values must lie in \[-128, 127\], not in \[-129, 5\]$"),
        (
            lambda: carry_save_mac([1], [1], mode=MacMode(Operand(8), Operand(2))),
            r"^Precision of signed digits must be at most 8 bits signed or 7 unsigned, not 8 unsigned$",
        ),
        (
            lambda: same_weight_mac([1], [1], mode=MacMode(Operand(2), Operand(9, True))),
            r"^Precision of signed digits must be at most 8 bits signed or 7 unsigned, not 9 signed$",
        ),
        (
            lambda: sparse_digit_mac([1], [1], mode=MacMode(BINARY, Operand(2))),
            r"^Operand a must have a row for each of 1 columns, not the shape \[1\]$",
        ),
    ],
)
def test_refused(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        call()
