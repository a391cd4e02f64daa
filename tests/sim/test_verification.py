"""Whole networks on the simulated hardware: nothing wrong is found in what is right, and what is wrong is located."""

import dataclasses
import hashlib
import json
import random
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from quadrille.algo.integer.execution import execute
from quadrille.algo.integer.network_file import read_network
from quadrille.algo.spec import InvalidInput, Network
from quadrille.hw.engine import compile_network
from quadrille.sim.accelerator import read_accelerator
from quadrille.sim.beats import Beats
from quadrille.sim.comparison import Reference, compare, simulate
from quadrille.sim.model import Model, SimulationFault
from quadrille.sim.schedule import Schedule
from quadrille.sim.shares import compare_share, contents_of
from quadrille.sim.verification import _shares, verify
from quadrille.sim.workers import Processes

IMAGES = np.random.default_rng(5).integers(0, 8, (23, 6))


def edit_program(folder: Path, change: Callable[[np.ndarray[Any, Any]], object]) -> None:
    words = np.fromfile(folder / "program.bin", "<u8")
    change(words)
    words.tofile(folder / "program.bin")
    found = hashlib.sha256(words.tobytes()).hexdigest()
    description = json.loads((folder / "program.json").read_text())
    (folder / "program.json").write_text(json.dumps(description | {"content_hash": found}))


def tensors(folder: Path) -> dict[str, np.ndarray[Any, Any]]:
    return execute(read_network(folder / "network.safetensors"), IMAGES)


@pytest.mark.verilator
def test_every_integer_agrees(folder: Path) -> None:
    told: list[tuple[str, int, int]] = []
    reference = tensors(folder)["class"]
    result = verify(folder, IMAGES, labels=reference, progress=lambda *what: told.append(what))
    assert (result.images, result.mismatches, result.first, result.wave) == (23, 0, None, None)
    np.testing.assert_array_equal(result.values, reference)
    assert result.rtl_accuracy == result.integer_accuracy == 1.0
    # 2 tiles x 5 and 2 x 3 codes, their results, one class and its flag; in each column step a row sum as well.
    per_image = 2 * 5 + 2 * 3 + 5 + 3 + 1 + 1
    assert result.integers > 23 * per_image
    assert told[-1][1:] == (23, 23)
    assert re.fullmatch(r"simulating, [\d,.]+ images per second", told[-1][0])
    assert result.spans == ((23, result.cycles),)
    assert result.cycles_per_image == result.cycles / 23
    assert result.rtl_rate > 0 and result.reference_rate > 0


@pytest.mark.verilator
def test_jobs_share_the_batches(folder: Path) -> None:
    alone = verify(folder, IMAGES)
    shared = verify(folder, IMAGES, jobs=3)
    np.testing.assert_array_equal(shared.values, alone.values)
    assert (shared.integers, shared.mismatches) == (alone.integers, 0)
    assert [images for images, _ in shared.spans] == [8, 8, 7]
    assert shared.jobs == 3


@pytest.mark.verilator
def test_long_runs_are_cut_into_chunks(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = verify(folder, IMAGES)
    monkeypatch.setattr("quadrille.sim.verification.CHUNK_BATCHES", 2)
    cut = verify(folder, IMAGES)
    assert [images for images, _ in cut.spans] == [8, 8, 7]
    assert cut.integers == alone.integers
    np.testing.assert_array_equal(cut.values, alone.values)


@pytest.mark.parametrize(
    ("images", "frames", "per_image", "jobs", "longest"),
    [
        (10_000, 1, 12 << 20, 2, 16),  # as large as a ResNet-20's: the memory is the limit
        (10_000, 4, 12 << 20, 1, 16),
        (10_000, 32, 12 << 20, 2, 32),  # a batch is the least
        (10_000, 4, 1 << 10, 1, 128),  # batches are the limit
        (5, 4, 1 << 10, 8, 4),
        (7, 1, 1 << 10, 2, 4),
    ],
)
def test_chunks_are_bounded(images: int, frames: int, per_image: int, jobs: int, longest: int) -> None:
    shape = SimpleNamespace(frames=frames, bytes_per_image=per_image)
    shares = _shares(images, cast("Any", shape), jobs)
    assert [n for share in shares for n in share] == [*range(images)]
    assert max(map(len, shares)) == longest
    assert all(share.start % frames == 0 for share in shares)
    assert len(shares) >= min(jobs, -(-images // frames))
    # Few lengths, as the cycles of each are predicted once.
    assert len({len(share) for share in shares}) <= 3


@pytest.mark.verilator
def test_maps_leave_and_agree(
    make_convolutional_network: Callable[..., Network], write_program: Callable[..., Path], tmp_path: Path
) -> None:
    """A network whose result is a map, in words of several elements; and where in it a wrong weight is noticed."""
    network = make_convolutional_network(
        random.Random(3), shape=(2, 5, 5), channels=(3,), groups=1, rows=9, classes=None, row_sums=False
    )
    program = compile_network(network, rows=9, columns=4, lanes=2, frames=2)
    folder = write_program(program, tmp_path)
    images = np.random.default_rng(1).integers(0, 16, (3, 2, 5, 5))
    result = verify(folder, images)
    assert (result.mismatches, result.first) == (0, None)
    np.testing.assert_array_equal(result.values, execute(network, images)["layer1"])
    nodes = {name: node.integers for name, node in result.nodes.items()}
    assert nodes["conv1"] == 3 * 2 * 3 * 25
    assert nodes["layer1"] == 2 * 3 * 3 * 25  # on the tap and where it leaves

    def spoil(words: np.ndarray[Any, Any]) -> None:
        words[1:10] ^= 1

    edit_program(folder, spoil)
    first = verify(folder, images).first
    assert first is not None
    assert (first.node, first.axes) == ("conv1", ("tile", "slice", "output", "y", "x"))
    assert re.match(r"node conv1, tile 0, slice 0, output \d, y \d, x \d, image 0, lane \d, cycle \d+: ", str(first))


@pytest.mark.verilator
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_wrong_weight_is_located(copy: Path, jobs: int) -> None:
    """One bit of the first row of the first tile: the first layer's codes are wrong, and shown in a waveform."""

    def flip(words: np.ndarray[Any, Any]) -> None:
        words[1] ^= 1

    edit_program(copy, flip)
    result = verify(copy, IMAGES, jobs=jobs)
    first = result.first
    assert result.mismatches > 0 and first is not None
    assert (first.node, first.axes) == ("linear1", ("tile", "slice", "output"))
    assert first.place[:2] == (0, 0)
    assert first.expected == tensors(copy)["linear1"][(first.image, *first.place)] != first.got
    # Row 0 matters only to images whose element 0 is not 0, and the first of those is named.
    assert first.image == int(np.flatnonzero(IMAGES[:, 0])[0])
    assert result.wave == first.wave == copy / "mismatch.vcd"
    assert "$enddefinitions" in (copy / "mismatch.vcd").read_text()
    assert re.fullmatch(
        rf"node linear1, tile 0, slice 0, output {first.place[2]}, image {first.image}, lane \d+, cycle \d+: "
        rf"expected {first.expected}, got {first.got}",
        str(first),
    )


@pytest.mark.verilator
def test_a_waveform_of_what_is_right(folder: Path, tmp_path: Path) -> None:
    result = verify(folder, IMAGES[:5], wave=tmp_path / "right.vcd")
    assert (result.mismatches, result.wave) == (0, tmp_path / "right.vcd")
    assert [path.name for path in tmp_path.iterdir()] == ["right.vcd"]


@pytest.mark.verilator
def test_a_broken_adder_is_found(
    folder: Path, tmp_path: Path, rewrite: Callable[[Path, Path, Callable[[str], str]], Path]
) -> None:
    """One gate of the compressor tree in the Verilog is another one."""
    broken = rewrite(
        folder, tmp_path / "broken", lambda text: re.sub(r"(assign tree_\S+_sum = \S+) \^", r"\1 |", text, count=1)
    )
    accelerator = read_accelerator(broken)
    with Model(accelerator.manifest) as model:
        chunk = compare(accelerator, model, [Reference(accelerator.shown[0])], 100, IMAGES)
    assert chunk.nodes["linear1"].mismatches > 0 and chunk.first is not None
    assert chunk.first.node == "linear1"
    assert chunk.first.image >= 100


@pytest.mark.verilator
def test_beats_beyond_the_program_are_a_fault(folder: Path) -> None:
    accelerator = read_accelerator(folder)
    message = r"^Stream o_results delivered \d+ beats more than the program says$"
    with Model(accelerator.manifest) as model, pytest.raises(SimulationFault, match=message):
        fewer = dataclasses.replace(accelerator.shown[0], taps={"o_results": Beats(())})
        schedule = Schedule.constant(len(IMAGES), 0, accelerator.frames, switches=False)
        simulate(dataclasses.replace(accelerator, shown=(fewer,)), model, IMAGES, schedule)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"images": IMAGES[:, :5]}, r"^Images must have shape \[n, 6\], not \[23, 5\]$"),
        ({"images": IMAGES + 1}, r"^Images must lie in \[0, 7\], not in \[1, 8\]$"),
        ({"images": IMAGES[:0]}, r"^Images must be one or more, not 0$"),
        ({"jobs": 0}, r"^Number of jobs must be a positive integer, not 0$"),
        ({"jobs": 1.5}, r"^Number of jobs must be a positive integer, not 1\.5$"),
        ({"labels": [1, 2]}, r"^Labels must have shape \[23\], not \[2\]$"),
        ({"wave": "wave.png"}, r"^Waveform file must end in \.vcd or \.fst, not 'wave\.png'$"),
        ({"mode": "4"}, r"^Mode must be one of default of network 'random', not '4'$"),
        ({"mode": ["default"] * 5}, r"^Modes of 23 images must be as many, not 5$"),
        (
            {"mode": ["default"] * 23},
            r"^Accelerator in .* must have several modes to change between, and has default alone$",
        ),
        ({"seed": 7}, r"^Accelerator in .* must have several modes to change between, and has default alone$"),
        ({"seed": 0}, r"^Seed must be from 1 to 65535, not 0$"),
        ({"seed": 7, "mode": "4"}, r"^Mode must be left out where it is drawn from a seed, and is '4'$"),
        ({"wave": "none/wave.vcd"}, r"^Waveform must be in a folder that exists, not none/wave\.vcd$"),
    ],
)
def test_requests_are_checked(folder: Path, arguments: dict[str, Any], message: str) -> None:
    request: dict[str, Any] = {"images": IMAGES} | arguments
    with pytest.raises(InvalidInput, match=message):
        verify(folder, **request)


@pytest.mark.verilator
def test_a_worker_that_is_killed_loses_nothing(folder: Path) -> None:
    whole = verify(folder, IMAGES)
    with Processes(2) as processes:
        processes.submit(abs, 1).result()

        def kill(label: str, done: int, total: int) -> None:
            if label.startswith("simulating") and 0 < done < total:
                processes.processes[0].kill()

        shared = verify(folder, IMAGES, jobs=5, pool=processes, progress=kill)
    assert shared.values.tolist() == whole.values.tolist()
    assert shared.nodes == whole.nodes


@pytest.mark.verilator
def test_a_share_needs_the_folder_as_it_is_here(folder: Path, tmp_path: Path) -> None:
    for place, contents in ((tmp_path / "none", ""), (folder, "other")):
        with pytest.raises(InvalidInput, match=r"^Folder .* must be there for every worker, as it is here, and is not"):
            compare_share(str(place), contents, 0, IMAGES, Schedule((0,) * 23, 4, {}))


@pytest.mark.verilator
def test_a_workers_exception_is_raised_here(folder: Path) -> None:
    share = (str(folder), contents_of(read_accelerator(folder)), 0, IMAGES[:, :4], Schedule((0,) * 23, 4, {}))
    with Processes(1) as processes, pytest.raises(InvalidInput, match=r"^Images must have shape \[n, 6\]"):
        processes.submit(compare_share, *share).result()


@pytest.mark.verilator
def test_a_users_script_needs_no_guard(folder: Path, tmp_path: Path) -> None:
    """Workers must not run the caller's main module again."""
    script = tmp_path / "script.py"
    script.write_text(
        "import numpy as np\nfrom quadrille.sim.verification import _shares, verify\n"
        f"print(verify({str(folder)!r}, np.zeros((9, 6), int), jobs=2).mismatches)\n"
    )
    printed = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert (printed.stdout, printed.stderr) == ("0\n", "")
