"""Functions of every kind as exported Verilog, every input code of each, against their stages in integers."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from amaranth.hdl import Fragment

from quadrille.algo.integer.activation import activation_pipeline, every_code
from quadrille.algo.spec import (
    Clamp,
    Cordic,
    Form,
    Function,
    Interval,
    IntFormat,
    InvalidInput,
    Polynomial,
    Product,
    Rectify,
    Reflection,
    Round,
    Scale,
    Segment,
    Square,
    Stage,
    Warp,
    Wrap,
)
from quadrille.hw.activation import ActivationPipeline, FunctionCore, PiecewiseQuadratic
from quadrille.hw.activation.dataflow import Dataflow, Operand
from quadrille.hw.activation.stages import dataflow_of, expand
from quadrille.hw.export import export
from quadrille.hw.export.catalogue import build, describe
from quadrille.sim.model import Model, Stall

S8, S12, S16 = (IntFormat(bits, signed=True) for bits in (8, 12, 16))
U8 = IntFormat(8)


def wave(fraction: int, source: IntFormat, result: IntFormat, *before: Stage, offset: int = 0, to: int = 0) -> Function:
    """u (2 - |u|) with as many fraction bits, after the stages `before`."""
    to = to or fraction
    core = Polynomial((Segment(0, 0, 2 << fraction, -1),), reflection=Reflection(-1))
    return Function("wave", source, (*before, Wrap(fraction + 2, offset), core, Round(2 * fraction - to, result)))


def bump(fraction: int, source: IntFormat, result: IntFormat) -> Function:
    """One hump of the wave, 0 beyond: 1 - u^2 in [-1, 1]."""
    one = 1 << fraction
    pieces = Polynomial((Segment(0, one * one, 0, -1),), reflection=Reflection(1))
    return Function("bump", source, (Clamp(-one, one), pieces, Round(fraction, result)))


def pieces(starts: Any, bits: int, seed: int, c1_bits: int = 0, c2_bits: int = 0) -> tuple[Segment, ...]:
    """Segments with random coefficients; of no bits for a column of zeros."""
    draw = np.random.default_rng(seed)
    rows = [[int(draw.integers(-1 << b, 1 << b)) if b else 0 for b in (bits, c1_bits, c2_bits)] for _ in starts]
    return tuple(Segment(start, *row) for start, row in zip(starts, rows, strict=True))


def sine(bits: int, guard: int, count: int, fraction: int) -> Cordic:
    """The sine of a period of 2**bits codes, in `fraction` fraction bits."""
    length = math.prod(math.sqrt(1 + 4.0**-i) for i in range(count))
    angles = tuple(round(math.atan(2.0**-i) / (2 * math.pi) * (1 << (bits + guard))) for i in range(count))
    return Cordic(bits, guard, round((1 << fraction) / length), angles)


GAUSS = (
    Square(4),
    Clamp(0, 1023),
    Polynomial(
        tuple(Segment(64 * n, round(2048 * math.exp(-n / 2)), -round(16 * math.exp(-n / 2))) for n in range(16))
    ),
)

FUNCTIONS = {
    "wave 4": (wave(4, U8, S8), 0),
    "wave 8": (wave(8, S12, IntFormat(9, signed=True)), 3),
    "wave 8 to 6": (wave(8, S16, S8, to=6), 2),
    "wave 12": (wave(12, S16, S16), 3),
    "wave 2, of one period": (wave(2, IntFormat(4, signed=True), S8), 1),
    "cosine": (wave(8, S12, S12, offset=1 << 8), 4),
    "scaled wave": (wave(7, S12, S8, Scale(-23, 5)), 6),
    "warped wave": (wave(6, IntFormat(10, signed=True), S8, Warp(6)), 5),
    "bump": (bump(7, S12, S8), 3),
    "odd": (
        Function("odd", S12, (Polynomial(pieces(range(0, 2048, 256), 16, 1, 9, 5), 6, Reflection(-1)), Round(8, S12))),
        5,
    ),
    "even": (
        Function("even", S8, (Polynomial(pieces([0, 5, 31, 77], 12, 2, 7, 4), 3, Reflection(1)), Round(6, S8))),
        4,
    ),
    "sigmoid": (
        Function(
            "sigmoid",
            S12,
            (
                Polynomial(
                    pieces([0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024], 14, 3, 6, 3), 4, Reflection(-1, 1 << 12)
                ),
                Round(6, S12),
            ),
        ),
        6,
    ),
    "gelu": (
        Function(
            "gelu",
            S16,
            (
                Clamp(-16000, 15000),
                Polynomial(pieces(range(0, 16384, 2048), 20, 4, 11, 12), 14, Reflection(1, 0, -(1 << 8))),
                Round(10, S16),
            ),
        ),
        7,
    ),
    "square form": (
        Function(
            "square form",
            S12,
            (Polynomial(pieces([-3000, -700, 0, 19, 1024], 16, 5, 8, 9), 9, None, Form.SQUARE), Round(9, S12)),
        ),
        8,
    ),
    "table": (
        Function(
            "table", IntFormat(11, signed=True), (Polynomial(pieces(range(-1024, 1024, 16), 12, 6)), Round(3, U8))
        ),
        1,
    ),
    "many segments": (
        Function("many", S8, (Polynomial(pieces(sorted({*range(-128, 127, 3), 7}), 9, 8)), Round(2, S8))),
        2,
    ),
    "interpolated table": (
        Function(
            "interpolated", S12, (Polynomial(pieces(range(0, 2048, 64), 14, 7, 6), 0, Reflection(-1)), Round(6, S12))
        ),
        3,
    ),
    "triangle": (
        Function(
            "triangle", S12, (Wrap(10), Polynomial((Segment(0, 256, -1),), reflection=Reflection(1)), Round(0, S12))
        ),
        1,
    ),
    "relu": (Function("relu", S12, (Rectify(), Round(3, U8))), 1),
    "sine by CORDIC": (Function("sine", S12, (Wrap(11), sine(11, 4, 12, 10), Round(2, S12))), 13),
    "gauss": (Function("gauss", S12, (*GAUSS, Round(4, U8))), 4),
    "wire": (Function("wire", S12, (Product((Wrap(9), sine(9, 3, 9, 8)), GAUSS), Round(12, S12))), 12),
}
"""Functions of every kind, each with the number of its cuts."""


@pytest.mark.verilator
@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_code(tmp_path: Path, name: str) -> None:
    function, cuts = FUNCTIONS[name]
    block = ActivationPipeline(function=function, lanes=4, cuts=cuts)
    codes = every_code(function).reshape(-1, 4)
    expected = activation_pipeline(codes, **block.parameter_values())
    assert len(np.unique(expected)) > 3, "a function that is constant would prove little"
    with Model(export(block, tmp_path / "block")) as model:
        run = model.run({"i": {"values": codes}}, {"o": len(codes)})
        found = run.streams["o"]
        wrong = np.argwhere(found.fields["values"] != expected)
        assert not len(wrong), f"{name}: {len(wrong)} codes, the first {codes[tuple(wrong[0])]}"
        assert np.array_equal(found.cycles, run.input_cycles["i"] + block.latency), "a result in every cycle"


@pytest.mark.verilator
@pytest.mark.parametrize("cuts", [1, 3])
def test_stalls_and_a_reset_change_no_result(tmp_path: Path, cuts: int) -> None:
    block = PiecewiseQuadratic(lanes=2, cuts=cuts)
    codes = every_code(block.function)[::37][:1000].reshape(-1, 2)
    expected = activation_pipeline(codes, **block.parameter_values())
    with Model(export(block, tmp_path / "block")) as model:
        for stall, reset_at in ((Stall(0.5, seed=1), None), (Stall(0.3, seed=2), 200)):
            run = model.run({"i": {"values": codes}}, {"o": len(codes)}, stall=stall, reset_at=reset_at)
            assert np.array_equal(run.streams["o"].fields["values"], expected)


def test_manifest_holds_the_function(tmp_path: Path) -> None:
    function = FUNCTIONS["gelu"][0]
    export(ActivationPipeline(function=function, lanes=2, cuts=1), tmp_path)
    parameters = json.loads((tmp_path / "activation_pipeline.json").read_text())["parameters"]
    again = ActivationPipeline(**parameters)
    again.inspected()
    assert again.function == function and again.parameter_values() == parameters


def test_function_comes_from_a_file_or_from_text(tmp_path: Path) -> None:
    function = FUNCTIONS["sigmoid"][0]
    path = tmp_path / "sigmoid.json"
    path.write_text(json.dumps(function.record()))
    for text in (str(path), json.dumps(function.record())):
        block = build("piecewise-quadratic", {"function": text, "cuts": "2"})
        block.inspected()
        assert block.parameter_values()["function"] == function.record()
    (described,) = (entry for entry in describe(PiecewiseQuadratic) if entry["name"] == "function")
    assert described["default"] == "quad"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"function": "none.json"},
            r"^Parameter function of piecewise-quadratic must be a function's record as JSON, or ",
        ),
        (
            {"function": "{"},
            r"^Parameter function of piecewise-quadratic must be a function's record as JSON, or .* '\{'$",
        ),
        ({"function": "{}"}, r"^Field function must have name, input, stages"),
        ({"cuts": "4"}, r"^Cuts of function 'quad' must be from 0 to 3, not 4$"),
        ({"cuts": "-1"}, r"^Parameter cuts of piecewise-quadratic must be from 0 to 99, not -1$"),
        (
            {"function": json.dumps(FUNCTIONS["sine by CORDIC"][0].record())},
            r"^Stages of piecewise-quadratic must be of warp, wrap, clamp, polynomial, round, one a polynomial, not",
        ),
        (
            {"function": json.dumps(FUNCTIONS["relu"][0].record())},
            r"^Stages of piecewise-quadratic must be of .*, one a polynomial, not rectify, round$",
        ),
    ],
)
def test_functions_that_are_none_are_refused(settings: dict[str, str], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        build("piecewise-quadratic", settings)


def test_a_function_must_be_one() -> None:
    with pytest.raises(TypeError, match=r"^Parameter function of activation-pipeline must be a function or its record"):
        ActivationPipeline(function=3)  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match=r"^Stage must be one of algo.spec's, not int$"):
        expand(3, Dataflow(Operand("code", Interval(0, 1))), Operand("code", Interval(0, 1)))  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_more_cuts_make_no_way_longer(name: str) -> None:
    flow = dataflow_of(FUNCTIONS[name][0])
    longest = []
    for count in range(1, flow.full + 1):
        cuts = flow.cuts(count)
        assert cuts[0] == 0 and list(cuts) == sorted(set(cuts)) and len(cuts) == count
        ends = (*cuts, flow.depth)
        longest.append(max(flow.delay(first, last) for first, last in zip(ends, ends[1:], strict=False)))
    assert longest == sorted(longest, reverse=True)
    assert longest[-1] == max(step.delay for step in flow.steps), "with all cuts, a way is one level"


def test_wave_is_one_square_and_one_sum() -> None:
    flow = dataflow_of(wave(8, S16, IntFormat(10, signed=True)))
    nouns = [step.result.name.rpartition("_")[0] for step in flow.steps if step.delay]
    assert nouns == ["square", "sum"]
    assert sum(operand.width for operand in flow.live(0)) == 10, "of 16 bits those of one period are kept"


def test_cores_of_equal_latency_stand_side_by_side() -> None:
    cores = [FunctionCore(FUNCTIONS[name][0], 2, 6, pad=True) for name in ("relu", "wave 8", "gelu")]
    for core in cores:
        Fragment.get(core, None)
        assert core.latency == 6
    with pytest.raises(InvalidInput, match=r"^Cuts of function 'wave' must be from 0 to 4, not 6$"):
        FunctionCore(FUNCTIONS["wave 8"][0], 2, 6)
