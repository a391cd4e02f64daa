"""The verb `fit`: what it writes, what it prints, what it refuses, and functions by name as parameters of blocks."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from quadrille.algo.functions import NAMES, WAVES, worst_error
from quadrille.algo.spec import Function, InvalidInput, Polynomial
from quadrille.flow import component, fit
from quadrille.flow.command_line import cli
from quadrille.flow.console import play
from quadrille.flow.fitting import fit_table, function_of

EXAMPLE = Path(__file__).parents[2] / "examples" / "fitted-functions"
GELU = ("--input", "s8", "--input-fraction", "5", "--output", "s8", "--output-fraction", "5")


def run(capfd: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    status = play(cli, [str(argument) for argument in arguments])
    out, err = capfd.readouterr()
    return status, out, err


def test_fit_writes_the_function_and_its_picture(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capfd, "fit", "gelu", *GELU, "-o", tmp_path / "gelu")
    assert status == 0
    assert "segments" in out and "2, 50 bits of table" in out and "start" in out
    function = Function.from_record(json.loads((tmp_path / "gelu" / "gelu.json").read_text()))
    assert str(function.input) == "s8" and function.output_fraction == 5
    assert worst_error(function, "gelu")[0] <= 1
    assert (tmp_path / "gelu" / "gelu.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_same_fit_same_files(tmp_path: Path) -> None:
    first, second = (fit("exp", tmp_path / name, {"bits": 8}) for name in ("a", "b"))
    for one, other in zip(first.files, second.files, strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_json_has_the_table(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capfd, "fit", "sigmoid", "--bits", "8", "--continuous", "-o", tmp_path, "--json")
    found = json.loads(out)
    assert status == 0 and found["joint_step"] == 0 and found["error"] <= 1
    function = Function.from_record(json.loads((tmp_path / "sigmoid.json").read_text()))
    (polynomial,) = (stage for stage in function.stages if isinstance(stage, Polynomial))
    assert found["rows"] == [[s.start, s.c0, s.c1, s.c2] for s in polynomial.segments]


def test_exact_wave(tmp_path: Path) -> None:
    found = fit("quad", tmp_path, {"bits": "10"})
    assert found.rows == ((0, 0, 256, -1),) and found.error <= 0.5 and found.table_bits == 0
    assert "wrap > polynomial > round" in str(found)


def test_long_tables_are_cut_on_the_screen(tmp_path: Path) -> None:
    found = fit("mish", tmp_path, {"bits": 8, "degree": "0"})
    assert f"... and {len(found.rows) - 16} more" in str(found)


@pytest.mark.parametrize(
    ("settings", "check"),
    [
        ({"segments": "4", "placement": "uniform"}, lambda p: len(p.segments) == 4),
        ({"placement": "power-of-two"}, lambda p: p.segments[1].start & (p.segments[1].start - 1) == 0),
        ({"widths": "14,8,4"}, lambda p: max(abs(s.c2) for s in p.segments) <= 8),
        ({"widths": "22", "target": "none", "segments": "4"}, lambda p: len(p.segments) <= 4),
        ({"degree": "1", "continuous": "true"}, lambda p: all(s.c2 == 0 for s in p.segments)),
        ({"symmetry": "none", "form": "square"}, lambda p: p.reflection is None and p.form.value == "square"),
        ({"interval": "-2,2", "input": "s8", "input-fraction": "5"}, lambda p: p.segments[-1].start < 64),
    ],
)
def test_settings(settings: dict[str, str], check: Any) -> None:
    function, found = function_of("tanh", settings)
    assert found is not None and (found.error <= 1 or "target" in settings)
    (polynomial,) = (stage for stage in function.stages if isinstance(stage, Polynomial))
    assert check(polynomial)


def test_table_of_all_functions(capfd: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capfd, "fit", "--table", "--bits", "6")
    assert status == 0
    assert all(name in out for name in NAMES) and out.count("exact wave") == len(WAVES)
    table = fit_table([6], names=("tanh", "quad"))
    assert [row["function"] for row in table.rows] == ["tanh", "quad"]
    assert all(row["error"] <= 1 for row in table.rows)


def test_table_is_written(tmp_path: Path) -> None:
    table = fit_table((6,), tmp_path, names=("tanh", "quad"))
    assert [path.name for path in table.files] == ["functions.json", "functions.md"]
    written = json.loads(table.files[0].read_text())
    assert tuple(written["rows"]) == table.rows and written["target"] == 1
    assert table.files[1].read_text().count("\n") == 4 and "| tanh | s6.3 |" in table.files[1].read_text()


@pytest.mark.parametrize("name", ["gelu", "exp", "triangle"])
def test_committed_table_is_the_one_that_the_command_writes(name: str) -> None:
    committed = json.loads((EXAMPLE / "functions.json").read_text())
    assert [row["function"] for row in committed["rows"]] == [*NAMES, *NAMES]
    assert all(row["error"] <= committed["target"] for row in committed["rows"])
    shown = (EXAMPLE / "README.md").read_text()
    assert (EXAMPLE / "functions.md").read_text() in shown
    (row,) = fit_table((8,), names=(name,)).rows
    (same,) = (other for other in committed["rows"] if other["function"] == name and other["input"][1:] == "8")
    # The error's last digits are those of the C library.
    assert row == {**same, "error": pytest.approx(same["error"], abs=1e-9)}


def test_component_takes_a_function_by_name(tmp_path: Path) -> None:
    settings = {"function": "gelu", "input": "s8", "input-fraction": 5, "output": "s8", "output-fraction": 5, "cuts": 2}
    made = component("piecewise-quadratic", tmp_path / "named", settings)
    function, _ = function_of(
        "gelu", {key: value for key, value in settings.items() if key not in ("function", "cuts")}
    )
    manifest = json.loads((tmp_path / "named" / "piecewise_quadratic.json").read_text())
    assert Function.from_record(manifest["parameters"]["function"]) == function and made.latency == 2
    fit("gelu", tmp_path, {"bits": 8})
    same = component("piecewise-quadratic", tmp_path / "file", {"function": tmp_path / "gelu.json", "cuts": 2})
    assert same.content_hash == made.content_hash


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("fit",), r"^Function must be named, and --table shows all"),
        (("fit", "gelu"), r"^Output folder of a fit must be given with -o"),
        (("fit", "relu", "-o", "x"), r"^Function must be one of sigmoid, tanh,"),
        (("fit", "gelu", "--input", "s8", "-o", "x"), r"^Setting input-fraction must be given with input"),
        (("fit", "gelu", "--segments", "few", "-o", "x"), r"^Setting segments must be an integer, not 'few'"),
        (("fit", "gelu", "--widths", "1,2", "-o", "x"), r"^Setting widths must be one integer, or three like 12,6,6"),
        (("fit", "quad", "--segments", "3", "-o", "x"), r"^Wave 'quad' is exact and must have no setting of a fit"),
        (("fit", "gelu", "--table"), r"^Table of all functions takes no name and no setting but bits"),
        (("fit", "--table", "--bits", "many"), r"^Setting bits must be an integer, not 'many'"),
        (("fit", "gelu", "--segments", "1", "-o", "x"), r"^Target of fit 'gelu' must be within reach"),
    ],
)
def test_refusals_are_one_sentence(
    arguments: tuple[str, ...], sentence: str, tmp_path: Path, monkeypatch: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    status, out, err = run(capfd, *arguments)
    assert status == 2 and out == "" and err.startswith("quadrille: ") and err.count("\n") == 1
    assert re.match(sentence, err.removeprefix("quadrille: "))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"pieces": 3}, r"^Setting of a fit must be one of bits, input, .*, not 'pieces'$"),
        ({"output_fraction": "4"}, r"^Setting output must be given with output-fraction$"),
        ({"degree": "two"}, r"^Setting degree must be an integer, not 'two'$"),
        ({"continuous": "maybe"}, r"^Setting continuous must be true or false, not 'maybe'$"),
        ({"interval": "3"}, r"^Setting interval must be two numbers like -4,4, not '3'$"),
    ],
)
def test_impossible_settings(settings: dict[str, object], sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        function_of("tanh", settings)
