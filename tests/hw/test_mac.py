"""Multiply-accumulate units, exported, under Verilator: every pair of operands of every pair of precisions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import pytest

from quadrille.algo.integer.mac import pack_chunks, spatio_temporal_mac
from quadrille.algo.spec import InvalidInput
from quadrille.algo.spec.precision import MacMode, Operand
from quadrille.hw.export import export
from quadrille.hw.mac import SpatioTemporalMac
from quadrille.sim.model import Model, Stall

UNITS = 3
SIGNS = (False, True)

Beats = dict[str, np.ndarray]


@pytest.fixture(scope="module", name="model")
def model_fixture(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Model]:
    """The simulated unit, built once."""
    return cache(lambda: Model(export(SpatioTemporalMac(units=UNITS), tmp_path_factory.mktemp("mac"))))


def modes(most: int) -> Iterator[MacMode]:
    """All pairs of precisions up to `most`, each side signed or not."""
    for a, b, a_signed, b_signed in product(range(1, most + 1), range(1, most + 1), SIGNS, SIGNS):
        yield MacMode(Operand(a, a_signed), Operand(b, b_signed))


def values_of(operand: Operand) -> np.ndarray:
    """All values of an operand."""
    if operand.binary:
        return np.array([-1, 1])
    return np.arange(operand.interval.lo, operand.interval.hi + 1)


def beats_of(a: np.ndarray, b: np.ndarray, mode: MacMode, *, length: int | None = None) -> Beats:
    """The beats of one dot product, or of one for every `length` beats."""
    words = pack_chunks(a, b, mode=mode, units=UNITS)
    place = np.arange(len(words[0])) % (length or len(words[0]))
    constant = {
        "a_bits": mode.a.bits - 1,
        "b_bits": mode.b.bits - 1,
        "a_signed": int(mode.a.signed),
        "b_signed": int(mode.b.signed),
    }
    return {
        "a": words[0],
        "b": words[1],
        **{name: np.full(len(place), value) for name, value in constant.items()},
        "first": (place == 0).astype(np.int64),
        "last": (place == (length or len(place)) - 1).astype(np.int64),
    }


def joined(parts: Sequence[Beats]) -> Beats:
    """Beats one after the other."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


@pytest.mark.verilator
@pytest.mark.parametrize(("a_signed", "b_signed"), [*product(SIGNS, SIGNS)])
def test_every_pair_of_operands(model: Callable[[], Model], a_signed: bool, b_signed: bool) -> None:
    beats: list[Beats] = []
    expected: list[np.ndarray] = []
    for mode in modes(8):
        if (mode.a.signed, mode.b.signed) != (a_signed, b_signed):
            continue
        a, b = (grid.ravel() for grid in np.meshgrid(values_of(mode.a), values_of(mode.b), indexing="ij"))
        size = UNITS * mode.elements
        fill = -len(a) % size
        a, b = np.append(a, np.repeat(a[:1], fill)), np.append(b, np.repeat(b[:1], fill))
        beats.append(beats_of(a, b, mode, length=1))
        expected.append((a * b).reshape(-1, size).sum(axis=1))
    sums = np.concatenate(expected)
    run = model().run({"i": joined(beats)}, {"o": len(sums)})
    assert np.array_equal(run.streams["o"].fields["sum"], sums)


def drawn(seed: int) -> tuple[Beats, list[int], int]:
    """Dot products of every mode in random order: beats, sums, and the cycles that they take."""
    draw = np.random.default_rng(seed)
    everything = list(modes(16))
    parts: list[Beats] = []
    sums: list[int] = []
    cycles = 0
    for number in draw.permutation(len(everything)):
        mode = everything[number]
        size = UNITS * mode.elements
        length = int(draw.integers(1, 4 * size))
        if mode.a.binary and mode.b.binary:
            length = size * int(draw.integers(1, 4))
        a, b = (
            draw.choice([-1, 1], length)
            if operand.binary
            else draw.choice([*draw.integers(operand.interval.lo, operand.interval.hi + 1, length), *ends], length)
            for operand in (mode.a, mode.b)
            for ends in [[operand.interval.lo, operand.interval.hi]]
        )
        product_ = spatio_temporal_mac(a, b, mode=mode, units=UNITS)
        parts.append(beats_of(a, b, mode))
        assert product_.beats == len(parts[-1]["a"])
        sums.append(product_.total)
        cycles += product_.cycles
    return joined(parts), sums, cycles


@pytest.mark.verilator
def test_precision_changes_with_every_dot_product(model: Callable[[], Model]) -> None:
    beats, sums, cycles = drawn(1)
    run = model().run({"i": beats}, {"o": len(sums)})
    assert run.streams["o"].fields["sum"].tolist() == sums
    # Not one cycle is lost: from the first beat to the last sum there are those that the products take.
    unit = SpatioTemporalMac(units=UNITS)
    unit.inspected()
    found = run.streams["o"].cycles[-1] - run.input_cycles["i"][0]
    assert found == cycles - 1 + unit.latency


@pytest.mark.verilator
def test_stalls_change_nothing(model: Callable[[], Model]) -> None:
    beats, sums, _ = drawn(2)
    run = model().run({"i": beats}, {"o": len(sums)}, stall=Stall(0.4, seed=5))
    assert run.streams["o"].fields["sum"].tolist() == sums


def test_cycles_of_the_paper() -> None:
    assert [MacMode(Operand(bits, True), Operand(bits, True)).cycles for bits in range(2, 17)] == (
        [2, 3, 4, 3, 3, 4, 4] + [12] * 4 + [16] * 4
    )
    assert MacMode(Operand(1, True), Operand(1, True)).cycles == 1


@pytest.mark.parametrize("signed", SIGNS)
@pytest.mark.parametrize("bits", range(1, 17))
def test_chunks_recover_the_value(bits: int, signed: bool) -> None:
    operand = Operand(bits, signed)
    for value in values_of(operand)[:: max(1, (1 << bits) // 500)].tolist():
        if operand.binary:
            assert operand.cut(value) == ((value + 1) // 2,)
            continue
        fields = list(operand.cut(value))
        fields[0] -= 16 if signed and fields[0] > 7 else 0
        assert sum(field << offset for field, offset in zip(fields, operand.offsets, strict=True)) == value


@pytest.mark.parametrize("bits", [0, 17])
def test_precision_is_refused(bits: int) -> None:
    with pytest.raises(InvalidInput, match=rf"^Precision must be from 1 to 16 bits, not {bits}$"):
        Operand(bits)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Operand(3).cut(8), r"^Operand of 3 bits must be in \[0, 7\], not 8$"),
        (lambda: Operand(1, True).cut(0), r"^Operand of 1 bits must be -1 or \+1, not 0$"),
        (
            lambda: pack_chunks(np.array([9]), np.array([1]), mode=MacMode(Operand(3), Operand(2)), units=1),
            r"^Operand of 3 bits must be in \[0, 7\], not 9$",
        ),
        (
            lambda: spatio_temporal_mac([1, 2], [1], mode=MacMode(Operand(3), Operand(2))),
            r"^Operands must be two vectors of one length, not of shapes \[2\] and \[1\]$",
        ),
        (
            lambda: spatio_temporal_mac([1], [1], mode=MacMode(Operand(1, True), Operand(1, True)), units=2),
            r"^Elements of -1 and \+1 must fill whole beats of 8, not 1 elements$",
        ),
        (
            lambda: spatio_temporal_mac([9], [15], mode=MacMode(Operand(4), Operand(4)), accumulator_bits=8),
            r"^Dot product must fit an accumulator of 8 bits, and 135 does not$",
        ),
    ],
)
def test_refused(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        call()
