"""What the mapped netlist of a multiply-accumulate unit takes for a product: random dot products, replayed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from quadrille.algo.integer.mac import dot_product, dot_products, pack
from quadrille.algo.spec.precision import MacMode

from .mac_designs import MacDesign, mode_of

if TYPE_CHECKING:
    from quadrille.boards.asic.replay import Traffic
    from quadrille.boards.synthesis import Synthesized

__all__ = ["product_energy"]

LANES = 2
CYCLES = 64
"""Sequences, and cycles of each at least."""
ACCUMULATOR_BITS = 48


def product_energy(design: MacDesign, units: int, mapped: Synthesized, folder: Path, bits: int) -> float:
    """Energy of a product of two signed operands of `bits` bits, in fJ; filling and draining the pipeline are in it.

    Operands are uniformly random. Every sum that comes out of the netlist must be the exact one.
    """
    from quadrille.boards.asic.activity import energy
    from quadrille.boards.asic.replay import replay
    from quadrille.sim.manifest import read_manifest
    from quadrille.sim.payload import pack as pack_payload

    mode, scheme = mode_of(bits), design.scheme
    stream = read_manifest(folder).input("i")
    groups = max(2, -(-CYCLES // scheme.cycles(mode)))
    vectors = scheme.vectors(mode)
    length = groups * units * scheme.elements(mode) // vectors
    shape = (length,) if scheme.sums == 1 else (vectors, length)
    draw = np.random.default_rng(bits)
    payloads: list[list[int]] = []
    expected: list[int] = []
    for _ in range(LANES):
        a, b = (draw.integers(mode.a.interval.lo, mode.a.interval.hi + 1, shape) for _ in range(2))
        words = pack(a, b, scheme=scheme, mode=mode, units=units)
        packed = pack_payload(stream, _beats(words, mode))
        payloads.append([int.from_bytes(row.tobytes(), "little") for row in packed])
        settings: Any = {"scheme": scheme, "mode": mode, "units": units, "accumulator_bits": ACCUMULATOR_BITS}
        totals = [dot_product(a, b, **settings).total] if scheme.sums == 1 else dot_products(a, b, **settings).totals
        expected.append(_joined(totals))
    sums: list[int | None] = [None] * LANES
    found = replay(mapped.netlist, _traffic(payloads, sums), LANES, skip=1)
    mask = (1 << ACCUMULATOR_BITS * scheme.sums) - 1
    assert [total is not None and total & mask for total in sums] == expected, f"netlist of {design.block} differs"
    cost = energy(mapped.netlist, found, mapped.library.voltage)
    return cost.total * (found.cycles - 1) / (LANES * groups * units * len(scheme.pairs(mode)))


def _joined(totals: Sequence[int]) -> int:
    """Sums side by side, as a payload has them."""
    mask = (1 << ACCUMULATOR_BITS) - 1
    return sum((total & mask) << ACCUMULATOR_BITS * number for number, total in enumerate(totals))


def _beats(words: Sequence[Any], mode: MacMode) -> dict[str, Any]:
    """The fields of the beats of one dot product."""
    count = len(words[0])
    constant = {
        "a_bits": mode.a.bits - 1,
        "b_bits": mode.b.bits - 1,
        "a_signed": int(mode.a.signed),
        "b_signed": int(mode.b.signed),
    }
    place = np.arange(count)
    return {
        **{"a": words[0], "b": words[1], "first": place == 0, "last": place == count - 1},
        **{name: np.full(count, value) for name, value in constant.items()},
    }


def _traffic(payloads: Sequence[Sequence[int]], sums: list[int | None]) -> Traffic:
    """Reset, then the beats of every sequence as they are taken, until each has given its sum."""
    yield {"rst": [1] * len(payloads)}
    place = [0] * len(payloads)
    while None in sums:
        valid = [int(at < len(row)) for at, row in zip(place, payloads, strict=True)]
        outputs = yield {
            "i__payload": [row[min(at, len(row) - 1)] for at, row in zip(place, payloads, strict=True)],
            "i__valid": valid,
            "o__ready": [1] * len(payloads),
        }
        for lane in range(len(payloads)):
            place[lane] += valid[lane] & outputs["i__ready"][lane]
            if outputs["o__valid"][lane]:
                sums[lane] = outputs["o__payload"][lane]
