"""Multiply-accumulate units, exported, under Verilator: every pair of operands of every pair of precisions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import pytest

from quadrille.algo.integer.mac import (
    DotProduct,
    dot_product,
    dot_products,
    pack,
    packed_mac,
    plain_mac,
    spatio_temporal_mac,
    sub_word_mac,
)
from quadrille.algo.spec import InvalidInput
from quadrille.algo.spec.digits import SignedBytes
from quadrille.algo.spec.mac_schemes import (
    ActivationSerial,
    BitFusion,
    Packed,
    Plain,
    SerialSerial,
    SubWord,
    WeightSerial,
)
from quadrille.algo.spec.precision import MacMode, Operand, Scheme
from quadrille.algo.spec.spatio_temporal import Chunks, SpatioTemporal
from quadrille.hw.export import export
from quadrille.hw.mac import (
    ActivationSerialMac,
    CarrySaveMac,
    FusionMac,
    PackedMac,
    PlainMac,
    SameWeightMac,
    SerialSerialMac,
    SpatioTemporalMac,
    SubWordMac,
    WeightSerialMac,
)
from quadrille.hw.mac.shell import MacUnit
from quadrille.sim.model import Model, Run, Stall

UNITS = 3
SIGNS = (False, True)

DESIGNS: dict[str, tuple[Scheme, Callable[[], MacUnit], int]] = {
    "spatio-temporal": (SpatioTemporal(), lambda: SpatioTemporalMac(units=UNITS), 16),
    "plain-8": (Plain(8), lambda: PlainMac(width=8, units=UNITS), 8),
    "plain-16": (Plain(16), lambda: PlainMac(width=16, units=UNITS), 16),
    "fusion": (BitFusion(), lambda: FusionMac(units=UNITS), 16),
    "sub-word": (SubWord(), lambda: SubWordMac(units=UNITS), 16),
    "sub-word-apart": (SubWord(apart=True), lambda: SubWordMac(units=UNITS, apart=True), 16),
    "packed": (Packed(), lambda: PackedMac(units=UNITS), 8),
    "carry-save": (SignedBytes(), lambda: CarrySaveMac(units=UNITS), 8),
    "same-weight": (SignedBytes(), lambda: SameWeightMac(units=UNITS), 8),
    "activation-serial": (ActivationSerial(), lambda: ActivationSerialMac(units=UNITS), 16),
    "weight-serial": (WeightSerial(), lambda: WeightSerialMac(units=UNITS), 16),
    "serial-serial": (SerialSerial(), lambda: SerialSerialMac(units=UNITS), 16),
}
"""Scheme, hardware and widest operand of each design."""

Beats = dict[str, np.ndarray]


@pytest.fixture(scope="module", name="model")
def model_fixture(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Model]:
    """The simulated unit of a design, built once."""
    return cache(lambda name: Model(export(DESIGNS[name][1](), tmp_path_factory.mktemp("mac"))))


def modes(scheme: Scheme, most: int) -> Iterator[MacMode]:
    """All pairs of precisions up to `most` that a design has, each side signed or not."""
    for a, b, a_signed, b_signed in product(range(1, most + 1), range(1, most + 1), SIGNS, SIGNS):
        mode = MacMode(Operand(a, a_signed), Operand(b, b_signed))
        with suppress(InvalidInput):
            scheme.check(mode)
            yield mode


def values_of(operand: Operand) -> np.ndarray:
    """All values of an operand."""
    if operand.binary:
        return np.array([-1, 1])
    return np.arange(operand.interval.lo, operand.interval.hi + 1)


def beats_of(a: np.ndarray, b: np.ndarray, scheme: Scheme, mode: MacMode, *, length: int | None = None) -> Beats:
    """The beats of one dot product, or of one for every `length` beats."""
    words = pack(a, b, scheme=scheme, mode=mode, units=UNITS)
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


def sums_of(a: np.ndarray, b: np.ndarray, scheme: Scheme, mode: MacMode) -> np.ndarray:
    """The sums (groups, sums) of elements (groups, units, elements), as the scheme pairs them."""
    sums = np.zeros((len(a), scheme.sums), dtype=np.int64)
    for of_a, of_b, number in scheme.pairs(mode):
        sums[:, number] += (a[:, :, of_a] * b[:, :, of_b]).sum(axis=1)
    return sums


def sums_found(run: Run) -> np.ndarray:
    """The sums (beats, sums) that a unit has handed out."""
    fields = run.streams["o"].fields
    return fields["sums"] if "sums" in fields else fields["sum"][:, None]


def joined(parts: Sequence[Beats]) -> Beats:
    """Beats one after the other."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


@pytest.mark.verilator
@pytest.mark.parametrize(("a_signed", "b_signed"), [*product(SIGNS, SIGNS)])
@pytest.mark.parametrize("design", DESIGNS)
def test_every_pair_of_operands(model: Callable[[str], Model], design: str, a_signed: bool, b_signed: bool) -> None:
    scheme = DESIGNS[design][0]
    beats: list[Beats] = []
    expected: list[np.ndarray] = []
    for mode in modes(scheme, 8):
        if (mode.a.signed, mode.b.signed) != (a_signed, b_signed):
            continue
        a, b = (grid.ravel() for grid in np.meshgrid(values_of(mode.a), values_of(mode.b), indexing="ij"))
        size = UNITS * scheme.elements(mode)
        mixed = np.random.default_rng(3).permutation(len(a))  # neighbours must differ in both operands
        a, b, fill = a[mixed], b[mixed], -len(a) % size
        a, b = np.append(a, np.repeat(a[:1], fill)), np.append(b, np.repeat(b[:1], fill))
        beats.append(beats_of(a, b, scheme, mode, length=scheme.beats(mode)))
        expected.append(sums_of(a.reshape(-1, UNITS, size // UNITS), b.reshape(-1, UNITS, size // UNITS), scheme, mode))
    sums = np.concatenate(expected)
    run = model(design).run({"i": joined(beats)}, {"o": len(sums)})
    assert np.array_equal(sums_found(run), sums)


def likely(operand: Operand, draw: np.random.Generator) -> np.ndarray:
    """Some values of an operand, its ends among them."""
    low, high = operand.interval.lo, operand.interval.hi
    return values_of(operand) if operand.binary else np.array([low, high, *draw.integers(low, high + 1, 20)])


def drawn(design: str, seed: int) -> tuple[Beats, np.ndarray, list[int]]:
    """Dot products of every mode in random order: beats, sums, and the cycles of each."""
    scheme, _, most = DESIGNS[design]
    draw = np.random.default_rng(seed)
    everything = list(modes(scheme, most))
    parts: list[Beats] = []
    sums: list[tuple[int, ...]] = []
    cycles: list[int] = []
    for number in draw.permutation(len(everything)):
        mode = everything[number]
        vectors = scheme.vectors(mode)
        size = UNITS * scheme.elements(mode) // vectors
        length = int(draw.integers(1, 4 * size))
        if mode.a.binary and mode.b.binary:
            length = size * int(draw.integers(1, 4))
        a, b = (draw.choice(likely(operand, draw), (vectors, length)) for operand in (mode.a, mode.b))
        if scheme.sums == 1:
            result = dot_product(a[0], b[0], scheme=scheme, mode=mode, units=UNITS, accumulator_bits=48)
        else:
            result = dot_products(a, b, scheme=scheme, mode=mode, units=UNITS, accumulator_bits=48)
        parts.append(beats_of(a, b, scheme, mode))
        assert result.beats == len(parts[-1]["a"])
        sums.append((result.total,) if isinstance(result, DotProduct) else result.totals)
        cycles.append(result.cycles)
    return joined(parts), np.array(sums), cycles


@pytest.mark.verilator
@pytest.mark.parametrize("design", DESIGNS)
def test_precision_changes_with_every_dot_product(model: Callable[[str], Model], design: str) -> None:
    beats, sums, cycles = drawn(design, 1)
    run = model(design).run({"i": beats}, {"o": len(sums)})
    assert np.array_equal(sums_found(run), sums)
    # Not one cycle is lost: from the first beat to each sum there are those that the products take.
    unit = DESIGNS[design][1]()
    unit.inspected()
    found = run.streams["o"].cycles - run.input_cycles["i"][0]
    assert found.tolist() == (np.cumsum(cycles) - 1 + unit.latency).tolist()


@pytest.mark.verilator
@pytest.mark.parametrize("design", DESIGNS)
def test_stalls_change_nothing(model: Callable[[str], Model], design: str) -> None:
    beats, sums, _ = drawn(design, 2)
    run = model(design).run({"i": beats}, {"o": len(sums)}, stall=Stall(0.4, seed=5))
    assert np.array_equal(sums_found(run), sums)


def test_products_in_a_cycle() -> None:
    def rate(scheme: Scheme, bits: int) -> float:
        mode = MacMode(Operand(bits), Operand(bits))
        return float(scheme.rate(mode))

    assert [rate(BitFusion(), bits) for bits in (2, 3, 4, 8, 9, 16)] == [8, 4, 4, 1, 1 / 4, 1 / 4]
    assert [rate(SubWord(), bits) for bits in (2, 4, 8, 16)] == [4, 4, 2, 1]
    assert [rate(Plain(8), bits) for bits in (2, 8)] == [2, 2] and rate(Plain(16), 16) == 1
    assert [rate(SubWord(apart=True), bits) for bits in (2, 4, 8, 16)] == [4, 4, 2, 1]
    assert [rate(Packed(), bits) for bits in (1, 4, 5, 8)] == [8, 8, 4, 4]
    assert [rate(ActivationSerial(), bits) for bits in (1, 7)] == [1, 1 / 7]
    assert [rate(WeightSerial(), bits) for bits in (1, 7)] == [1, 1 / 7]
    assert [rate(SerialSerial(), bits) for bits in (1, 2, 4, 8)] == [16, 4, 1, 1 / 4]
    assert [rate(SpatioTemporal(), bits) for bits in (1, 2, 4, 8, 16)] == [4, 2, 1, 1 / 4, 1 / 16]


def test_cycles_of_the_paper() -> None:
    cycles = [SpatioTemporal().cycles(MacMode(Operand(bits, True), Operand(bits, True))) for bits in range(1, 17)]
    assert cycles == [1, 2, 3, 4, 3, 3, 4, 4] + [12] * 4 + [16] * 4


@pytest.mark.parametrize("signed", SIGNS)
@pytest.mark.parametrize("bits", range(1, 17))
def test_chunks_recover_the_value(bits: int, signed: bool) -> None:
    operand, mode, chunks = Operand(bits, signed), MacMode(Operand(bits, signed), Operand(16)), Chunks(bits)
    if operand.binary:
        return
    values = values_of(operand)[:: max(1, (1 << bits) // 500)]
    words, _ = pack(values, np.zeros_like(values), scheme=SpatioTemporal(), mode=mode, units=1)
    for value, word in zip(values.tolist(), words[:, 0].tolist(), strict=False):
        fields = [word >> 4 * n & 15 for n in range(chunks.count)]
        fields[0] -= 16 if signed and fields[0] > 7 else 0
        if SpatioTemporal().elements(mode) == 1:
            assert sum(field << offset for field, offset in zip(fields, chunks.offsets, strict=True)) == value


@pytest.mark.parametrize("bits", [0, 17])
def test_precision_is_refused(bits: int) -> None:
    with pytest.raises(InvalidInput, match=rf"^Precision must be from 1 to 16 bits, not {bits}$"):
        Operand(bits)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Operand(3).check(8), r"^Operand of 3 bits must be in \[0, 7\], not 8$"),
        (lambda: Operand(1, True).check(0), r"^Operand of 1 bits must be -1 or \+1, not 0$"),
        (
            lambda: plain_mac([300], [1], mode=MacMode(Operand(9), Operand(2))),
            r"^Precision of a plain multiplier of 8 bits must be at most that, not 9$",
        ),
        (
            lambda: packed_mac([[1], [2]], [[3], [4]], mode=MacMode(Operand(2), Operand(9))),
            r"^Precision of packed products must be at most 8 bits, not 9$",
        ),
        (
            lambda: sub_word_mac([[1], [2]], [[3], [4]], mode=MacMode(Operand(4), Operand(4)), apart=True),
            r"^Operands must be 4 vectors each, all of one length, not of shapes \[2, 1\] and \[2, 1\]$",
        ),
        (lambda: PlainMac(width=9), r"^Parameter width of plain-mac must be 8 or 16, not 9$"),
        (
            lambda: pack(np.array([9]), np.array([1]), scheme=SubWord(), mode=MacMode(Operand(3), Operand(2)), units=1),
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
