"""Fitted functions and exact waves as exported Verilog: every input code of each, against function and integers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from quadrille.algo.functions import NAMES, WAVES, Fit, fit, named, survey, worst_error
from quadrille.algo.integer.activation import evaluate, every_code
from quadrille.algo.spec import Function, IntFormat
from quadrille.hw.activation import PiecewiseQuadratic
from quadrille.hw.export import export
from quadrille.sim.model import Model

S12, S16 = IntFormat(12, signed=True), IntFormat(16, signed=True)


def check(function: Function, folder: Path, lanes: int = 8) -> None:
    """All codes, through the Verilog, in `lanes` lanes at once."""
    block = PiecewiseQuadratic(function=function, lanes=lanes, cuts=2)
    codes = every_code(function).reshape(-1, lanes)
    with Model(export(block, folder)) as model:
        found = model.run({"i": {"values": codes}}, {"o": len(codes)}).streams["o"].fields["values"]
    wrong = np.argwhere(found != evaluate(function, codes))
    assert not len(wrong), f"{function.name}: {len(wrong)} codes, the first {codes[tuple(wrong[0])]}"


def fitted(name: str, input: IntFormat, **options: object) -> Fit:
    return fit(name, input, input, input_fraction=input.bits - 4, output_fraction=input.bits - 4, **options)  # pyright: ignore[reportArgumentType]


@pytest.mark.verilator
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("gelu", {}),
        ("sigmoid", {"continuous": True}),
        ("exp", {"placement": "uniform"}),
        ("mish", {"form": "square"}),
        ("sin", {"period": 4.0, "placement": "power-of-two"}),
        ("tanh", {"degree": 1}),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_fit_of_12_bits(tmp_path: Path, name: str, options: dict[str, object]) -> None:
    found = fitted(name, S12, **options)
    assert found.error <= 1
    check(found.function, tmp_path / "block")


@pytest.mark.verilator
@pytest.mark.parametrize("name", ["gelu", "mish"])
def test_fit_of_16_bits(tmp_path: Path, name: str) -> None:
    """All 65,536 codes."""
    found = fitted(name, S16)
    assert found.error <= 1 and worst_error(found.function, named(name)) == (found.error, found.worst_code)
    check(found.function, tmp_path / "block")


@pytest.mark.slow
@pytest.mark.verilator
@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("name", NAMES)
def test_every_function_in_its_usual_formats(tmp_path: Path, name: str, bits: int) -> None:
    (row,) = survey(bits, (name,))
    assert row.error <= 1 and (row.fit is None) == (name in WAVES)
    check(row.function, tmp_path / "block")
