"""Explorations: every point as `generate` would have it, the right front, nothing lost or doubled by a kill."""

from __future__ import annotations

import csv
import json
import random
import re
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quadrille.algo.data import dataset
from quadrille.algo.integer import execute, read_network, write_network
from quadrille.algo.spec import Adc, Dequantize, IntTensor, InvalidInput, Linear, Network, retile
from quadrille.boards.cost import cost_of
from quadrille.flow.command_line import cli
from quadrille.flow.console import play
from quadrille.flow.explore import explore
from quadrille.flow.explore_grid import Grid, Variant, variant_of
from quadrille.flow.explore_work import cost_points
from quadrille.hw.engine import compile_network
from quadrille.tb.networks import random_network

TARGET = "ultrascale+"
GRID = Grid(
    rows=(24, 40, 64),
    columns=(8, 16),
    lanes=(4, 16),
    adc_bits=(None, 2, 0),
    engines=("cim", "mac"),
    units=("spatio-temporal", "plain-8"),
    settings=(("weight_planes", (1, 2)),),
)


def evenly(network: Network) -> Network:
    """The same with thresholds that stand on a line, rounded."""
    nodes = list(network.nodes)
    draw = random.Random(5)
    for place, node in enumerate(nodes):
        if isinstance(node, Linear) and node.adc is not None:
            count = len(node.adc.thresholds.flat) // 7
            lines = [(draw.uniform(-9, 9), draw.uniform(4, 11)) for _ in range(count)]
            ladders = [int(-(-(zero + (j - 3) * step) // 1)) for zero, step in lines for j in range(7)]
            thresholds = IntTensor.of(ladders, node.adc.thresholds.shape, "int32")
            nodes[place] = replace(node, adc=Adc(3, -4, thresholds))
    return replace(network, nodes=tuple(nodes))


@pytest.fixture(scope="module")
def network(small_network: Network) -> Network:
    return evenly(small_network)


@pytest.fixture(scope="module")
def path(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_network(network, tmp_path_factory.mktemp("network") / "network.safetensors")


@pytest.fixture(scope="module")
def explored(path: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return explore(path, tmp_path_factory.mktemp("explored"), GRID, target=TARGET, images=100, clock=1e8)


def lines(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / name).open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_point_is_what_generate_would_make(explored: Any, network: Network) -> None:
    points, records = list(GRID.points()), lines(explored.folder, "points.csv")
    assert [record["point"] for record in records] == [str(point.number) for point in points]
    assert explored.points == len(GRID) == len(points) == 3 * 2 * 2 * 3 * 3 * 2
    checked: set[str] = set()
    for point, record in list(zip(points, records, strict=True))[::7]:
        variant = variant_of(network, point)
        file = explored.folder / "networks" / f"{variant.name}.safetensors"
        source = network if variant == Variant() else read_network(file)
        if point.engine == "cim":
            source, _ = retile(source, point.rows)
        try:
            program = compile_network(source, **point.shape())
        except InvalidInput as error:
            assert record["skipped"] == str(error)
            checked.add("skipped")
            continue
        if record["skipped"].startswith("Cost of"):
            continue  # of what there is no model yet
        assert record["skipped"] == ""
        timing, frames = program.timing, program.configuration.frames
        assert float(record["cycles"]) == pytest.approx(
            (timing.cycles(4 * frames) - timing.cycles(3 * frames)) / frames, rel=1e-5
        )
        assert float(record["images_per_second"]) == pytest.approx(1e8 / float(record["cycles"]), rel=1e-4)
        total = cost_of(program.configuration, TARGET).total
        assert float(record["area"]) == round(total.luts + total.memory_luts)
        checked.add(point.engine)
    assert checked == {"skipped", "cim", "mac"}
    assert explored.costed + sum(explored.skipped.values()) == explored.points
    assert any(
        reason.startswith("Node 'linear1': an array of multipliers needs exact sums") for reason in explored.skipped
    )


def test_accuracy_is_that_of_each_arithmetic(explored: Any, network: Network) -> None:
    data = dataset("digits")
    names = {each["variant"]: each for each in explored.variants}
    assert set(names) == {"network", "rows24", "adc2", "adc2-rows24", "exact"}
    for name, each in names.items():
        file = explored.folder / "networks" / f"{name}.safetensors"
        source = network if name == "network" else read_network(file)
        answers = execute(source, data.held_out_images[:100], keep=["class"])["class"]
        assert each["accuracy"] == np.mean(answers == data.held_out_labels[:100])
    records = [record for record in lines(explored.folder, "points.csv") if not record["skipped"]]
    assert len({record["accuracy"] for record in records}) > 1


def test_result_shows_the_front_and_how_to_generate_it(explored: Any, path: Path) -> None:
    assert explored.objectives == ("cycles", "area", "accuracy")
    text = str(explored)
    assert f"{explored.costed:,} of {explored.points:,} can be" in text
    assert "arithmetic exact" in text and "quadrille generate" in text
    record = json.loads(json.dumps(explored.as_dict()))
    assert record["front"][0]["cycles"] == min(each["cycles"] for each in record["front"])
    front = lines(explored.folder, "pareto.csv")
    assert len(front) == len(explored.front)
    assert (explored.folder / "exploration.png").read_bytes().startswith(b"\x89PNG")
    assert "<table>" in explored._repr_html_()
    # What stands there can be typed.
    command = front[-1]["command"].split()[1:-1] + [str(explored.folder / "hw")]
    assert play(cli, command) == 0
    generated = json.loads((explored.folder / "hw" / "generation.json").read_text())
    assert generated["cycles_per_image"] == pytest.approx(float(front[-1]["cycles"]), rel=1e-5)


def test_workers_find_the_same(explored: Any, path: Path, tmp_path: Path) -> None:
    shared = explore(path, tmp_path, GRID, target=TARGET, images=100, clock=1e8, jobs=2)
    assert (tmp_path / "points.csv").read_text().replace(str(tmp_path), "") == (
        explored.folder / "points.csv"
    ).read_text().replace(str(explored.folder), "")
    assert shared.jobs == 2


def test_an_exploration_goes_on_behind_its_last_whole_line(explored: Any, path: Path, tmp_path: Path) -> None:
    explore(path, tmp_path, GRID, target=TARGET, images=100)
    finished = (tmp_path / "points.csv").read_bytes()
    written = (tmp_path / "points.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "points.jsonl").write_bytes(b"".join(written[:100]) + written[100][:17])
    (tmp_path / "points.csv").unlink()
    told: list[tuple[str, int, int]] = []
    explore(
        path,
        tmp_path,
        GRID,
        target=TARGET,
        images=100,
        resume=True,
        progress=lambda *seen: told.append(seen),  # pyright: ignore[reportArgumentType]
    )
    assert (tmp_path / "points.csv").read_bytes() == finished
    assert sorted((tmp_path / "points.jsonl").read_bytes().splitlines(keepends=True)) == sorted(written)
    assert ("points", 100 - 5, len(GRID)) in told
    # Without --resume everything is done anew.
    assert explore(path, tmp_path, replace(GRID, rows=(40,)), target=TARGET, images=100).points == len(GRID) // 3
    with pytest.raises(InvalidInput, match=r"^Exploration in .* must have the grid that it was begun with, .*"):
        explore(path, tmp_path, GRID, target=TARGET, images=100, resume=True)
    (tmp_path / "points.jsonl").write_text("{}\n")
    with pytest.raises(InvalidInput, match=r"^Line 1 of .* must be a record of a point, and is not$"):
        explore(path, tmp_path, replace(GRID, rows=(40,)), target=TARGET, images=100, resume=True)


def test_a_killed_exploration_loses_and_doubles_nothing(path: Path, tmp_path: Path) -> None:
    options = ["--rows", ",".join(map(str, range(40, 55))), "--columns", "8,12,16,20,24", "--lanes", "2,4"]
    options += ["--set", "weight_planes=1,2", "--set", "frames=2,4", "--target", TARGET]
    command = [sys.executable, "-c", "from quadrille.flow.command_line import main; main()", "explore", str(path)]
    journal = tmp_path / "a" / "points.jsonl"
    process = subprocess.Popen([*command, *options, "-o", str(tmp_path / "a")])
    while not journal.exists() or journal.read_bytes().count(b"\n") < 100:
        assert process.poll() is None, "it must not have come to its end"
        time.sleep(0.01)
    process.kill()
    process.wait()
    before = journal.read_bytes().count(b"\n")
    assert play(cli, ["explore", str(path), *options, "-o", str(tmp_path / "a"), "--resume"]) == 0
    assert play(cli, ["explore", str(path), *options, "-o", str(tmp_path / "b")]) == 0
    numbers = [json.loads(line).get("point") for line in journal.read_text().splitlines()]
    assert 100 <= before < len(numbers)
    assert sorted(number for number in numbers if number is not None) == list(range(600))
    for name in ("points.csv", "pareto.csv", "exploration.png"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_exact_sums_are_cut_anew_and_keep_their_accuracy(tmp_path: Path) -> None:
    network = random_network(3, sizes=(20, 19, 9), tile_rows=20, adc_bits=0)
    path = write_network(network, tmp_path / "network.safetensors")
    found = explore(path, tmp_path / "out", Grid(rows=(7, 20), columns=(8,)), target=TARGET)
    assert found.costed == 2 and found.objectives == ("cycles", "area")
    assert [each["accuracy"] for each in found.variants] == [None]


def test_energy_is_a_column_and_an_axis_where_it_is_asked_for(tmp_path: Path) -> None:
    path = write_network(random_network(3, sizes=(20, 19, 9), tile_rows=20, adc_bits=0), tmp_path / "n.safetensors")
    grid = Grid(rows=(10, 20), columns=(8, 16), lanes=(2, 4))
    for energy in (False, True):
        found = explore(path, tmp_path / "out", grid, target="nangate45", energy=energy)
        assert found.objectives == (("cycles", "area", "energy") if energy else ("cycles", "area"))
        records = lines(found.folder, "points.csv")
        assert all(float(record["energy"]) > 0 for record in records)
        assert "energy" in str(found)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"energy": True},
            r"^Target of an exploration by energy must have a table of energies, .*, not 'ultrascale\+'$",
        ),
        ({"target": "abacus"}, r"^Target of the exploration must be one of .*, not 'abacus'$"),
        ({"clock": 0.0}, r"^Clock of the exploration must be a positive number of hertz, not 0$"),
        ({"images": 0}, r"^Number of images must be from 1 to the 450 held out of digits, not 0$"),
        ({"jobs": 0}, r"^Number of jobs must be a positive integer, not 0$"),
    ],
)
def test_requests_are_checked(path: Path, tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        explore(path, tmp_path / "out", Grid(rows=(40,), columns=(8,)), **{"target": TARGET, **options})
    assert not (tmp_path / "out").exists()


def test_other_converters_need_a_data_set(network: Network, tmp_path: Path) -> None:
    path = write_network(replace(network, notes={}), tmp_path / "network.safetensors")
    grid = Grid(rows=(40,), columns=(8,), adc_bits=(2,))
    message = r"^Network 'small' must end in a class and note its data set for its converters to be calibrated anew"
    with pytest.raises(InvalidInput, match=message):
        explore(path, tmp_path / "out", grid, target=TARGET)


def test_uneven_thresholds_skip_what_needs_others(small_network: Network, tmp_path: Path) -> None:
    path = write_network(small_network, tmp_path / "network.safetensors")
    found = explore(path, tmp_path / "out", Grid(rows=(40,), columns=(8,), adc_bits=(None, 2)), target=TARGET)
    assert found.costed == 1
    (reason,) = found.skipped
    assert reason.startswith("Node 'linear1': thresholds must be evenly spaced")


def test_command_line_takes_lists(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["explore", str(path), "--rows", "40,64", "--columns", "8", "--target", TARGET, "-o", str(tmp_path / "o")]
    assert play(cli, [*command, "--set", "frames=2,4", "--adc-bits", "own,exact", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["points"] == 8


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (["--adc-bits", "x"], r"^Option --adc-bits must be bits, exact or own, with commas between, not 'x'$"),
        (["--set", "lanes=4"], r"^Setting lanes of the grid must be given by an option of its own, --lanes$"),
        (["--set", "frames=x"], r"^Parameter frames of accelerator must be an integer, not 'x'$"),
        (["--rows", ""], r"^Rows of the grid must be one or more, not none$"),
    ],
)
def test_command_line_refuses(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], wrong: list[str], message: str
) -> None:
    assert play(cli, ["explore", str(path), "-o", str(tmp_path / "o"), *wrong]) == 2
    assert re.search(message, capsys.readouterr().err.removeprefix("quadrille: ").rstrip())
    assert not (tmp_path / "o").exists()


def test_points_of_a_network_share_what_they_can(path: Path) -> None:
    points = list(Grid(rows=(40, 64), columns=(8, 16), lanes=(4, 8)).points())
    together = cost_points(path.read_bytes(), points, TARGET)
    alone = [cost_points(path.read_bytes(), [point], TARGET)[0] for point in reversed(points)]
    assert together == alone[::-1]


def test_several_modes_are_refused(network: Network, tmp_path: Path) -> None:
    from quadrille.algo.integer import write_modes
    from quadrille.algo.spec import Modes

    changed = [replace(n, shift=n.shift + 1) if isinstance(n, Dequantize) else n for n in network.nodes]
    modes = Modes("two", {"a": network, "b": replace(network, nodes=tuple(changed))})
    path = write_modes(modes, tmp_path / "network.safetensors")
    with pytest.raises(InvalidInput, match=r"^Network 'two' must have one mode to be explored, not a, b$"):
        explore(path, tmp_path / "out", Grid(rows=(40,), columns=(8,)), target=TARGET)
