"""From Python through a serial line into the simulated accelerator and back: every result that of algo.integer."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from quadrille.algo.integer import Executor, read_modes, write_modes
from quadrille.algo.spec import InvalidInput, Modes
from quadrille.algo.spec import edge_registers as known
from quadrille.algo.spec.random_mode import draws
from quadrille.algo.spec.serial_frames import Kind
from quadrille.boards.host import Accelerator, LinkFailed
from quadrille.boards.host.exported import edge_folder
from quadrille.boards.host.simulated import SimulatedLine
from quadrille.flow.generation import generate
from quadrille.tb.networks import random_network, truncated_modes

pytestmark = pytest.mark.verilator
MODES = (8, 4, 1)
EXAMPLE = Path(__file__).parents[3] / "examples" / "digits-mlp" / "network.safetensors"


def network(seed: int) -> Modes:
    """For the digits: eight bits a pixel, of which they use four."""
    kinds = {"tile_rows": 64, "weight_bits": 8, "cell_bits": 8, "activation_bits": 8}
    return truncated_modes(random_network(seed, sizes=(64, 9, 10), **kinds), MODES)


@pytest.fixture(scope="module")
def hardware(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("host")
    path = write_modes(network(6), folder / "network.safetensors")
    settings = {"engine": "mac", "lanes": 4, "frames": 8}
    return generate(path, folder / "hw", rows=8, columns=10, settings=settings).folder


@pytest.fixture(scope="module")
def opened(hardware: Path) -> Iterator[Accelerator]:
    with Accelerator.open(f"sim:{hardware}") as accelerator:
        yield accelerator


@pytest.fixture
def accelerator(opened: Accelerator) -> Accelerator:
    opened.load()
    return opened


@pytest.fixture(scope="module")
def digits() -> NDArray[np.int64]:
    from quadrille.algo.data import dataset  # takes seconds

    return dataset("digits").held_out_images.reshape(-1, 64).astype(np.int64)


def expected(modes: Modes, images: NDArray[np.int64], mode: str | None = None) -> NDArray[np.int64]:
    chosen = modes.default if mode is None else modes.network(mode)
    return Executor(chosen).run(images)[chosen.result.name]


def test_all_held_out_digits_agree(accelerator: Accelerator, digits: NDArray[np.int64]) -> None:
    shares: list[float] = []
    results = accelerator.run(digits, progress=shares.append)
    assert len(digits) == 450 and np.array_equal(results, expected(network(6), digits))
    assert shares == sorted(shares) and shares[-1] == 1.0
    assert accelerator.traffic.clean
    assert accelerator.registers.fields("errors") == dict.fromkeys(accelerator.registers.fields("errors"), 0)
    assert accelerator.registers["results_sent"] == 450


def test_modes_by_name_one_each_and_drawn(accelerator: Accelerator, digits: NDArray[np.int64]) -> None:
    modes, images = network(6), digits[:30]
    by_mode = {name: expected(modes, images, name) for name in modes.names}
    for name in modes.names:
        assert np.array_equal(accelerator.run(images, mode=name), by_mode[name])
        accelerator.mode = name
        assert np.array_equal(accelerator.run(images), by_mode[name])
    accelerator.mode = None
    names = [modes.names[n * n % 3] for n in range(30)]
    drawn = [modes.names[number] for number in draws(77, 3, 30)[0]]
    for got, chosen in ((accelerator.run(images, mode=names), names), (accelerator.run(images, seed=77), drawn)):
        assert np.array_equal(got, np.stack([by_mode[name][n] for n, name in enumerate(chosen)]))
    assert accelerator.run(images[:0]).shape == (0,)


def test_faults_in_both_directions_lose_nothing(hardware: Path, digits: NDArray[np.int64]) -> None:
    with Accelerator.open(f"sim:{hardware}?faults=0.001&seed=2") as accelerator:
        accelerator.load()
        images = digits[:60]
        assert np.array_equal(accelerator.run(images), expected(network(6), images))
        assert accelerator.traffic.repeated and accelerator.traffic.refused
        assert accelerator.registers.fields("frames")["damaged"]


def test_registers_have_names(accelerator: Accelerator, digits: NDArray[np.int64]) -> None:
    registers = accelerator.registers
    assert registers["identification"] == int.from_bytes(b"QUAD", "big")
    registers["interrupt_after"] = 0xDEADBEEF
    assert registers["interrupt_after"] == 0xDEADBEEF
    registers["interrupt_after"] = 1
    accelerator.run(digits[:3], mode="4")
    assert registers.fields("status") == {"busy": 0, "waiting": 0, "between": 1}
    assert registers["mode"] == MODES.index(4)
    assert {"status", "frames", "queues"} <= set(registers) and len(registers) == len(list(registers))
    assert registers.entry("frames")["fields"][1]["name"] == "damaged"
    with pytest.raises(InvalidInput, match=r"^Register must be one of identification, .*, not 'speed'$"):
        registers["speed"]


def test_a_reset_in_mid_run_is_noticed(accelerator: Accelerator, digits: NDArray[np.int64]) -> None:
    line = accelerator.line
    assert isinstance(line, SimulatedLine)

    def reset(share: float) -> None:
        if share > 0.3:
            line.model.reset()

    with pytest.raises(LinkFailed, match=r"^Accelerator at sim:.* was reset while it was running$"):
        accelerator.run(digits, progress=reset)
    with pytest.raises(InvalidInput, match=r"^Accelerator must be loaded before it runs, and is not$"):
        accelerator.run(digits)
    accelerator.reopen()
    assert np.array_equal(accelerator.run(digits[:9]), expected(network(6), digits[:9]))


def test_an_interrupted_run_leaves_nothing_behind(accelerator: Accelerator, digits: NDArray[np.int64]) -> None:
    def interrupt(share: float) -> None:
        if share > 0.2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        accelerator.run(digits, progress=interrupt)
    accelerator.load()
    assert np.array_equal(accelerator.run(digits[:20]), expected(network(6), digits[:20]))


def test_a_serial_port_goes_in_mid_run(hardware: Path, port: type, tmp_path: Path, digits: NDArray[np.int64]) -> None:
    path, edge = tmp_path / "port", edge_folder(hardware)
    cable = port(SimulatedLine(edge), path)
    accelerator = Accelerator.open(f"serial:{path}?baud=1000000")
    with pytest.raises(InvalidInput, match=r"^Accelerator must be loaded before its registers have names, and is not$"):
        accelerator.registers["status"]
    with pytest.raises(
        InvalidInput, match=r"^Accelerator's folder must be loaded before a network alone, and none is$"
    ):
        accelerator.load(network(6))
    accelerator.load(hardware)
    assert accelerator.registers["errors"] == 0
    assert np.array_equal(accelerator.run(digits[:40]), expected(network(6), digits[:40]))

    def pull(share: float) -> None:
        if share > 0.3 and not cable.pulled:
            cable.pull()

    with pytest.raises(LinkFailed, match=f"^Serial port {path} has gone: "):
        accelerator.run(digits, progress=pull)
    with pytest.raises(InvalidInput, match=f"^Serial port {path} must be one that can be opened, and is not: "):
        accelerator.reopen()
    cable = port(SimulatedLine(edge), path)
    accelerator.reopen()
    assert np.array_equal(accelerator.run(digits[:40]), expected(network(6), digits[:40]))
    accelerator.close()
    cable.pull()


def test_a_closed_accelerator_can_be_reopened(hardware: Path, digits: NDArray[np.int64]) -> None:
    accelerator = Accelerator.open(f"sim:{hardware}")
    accelerator.load()
    assert repr(accelerator) == f"<Accelerator at sim:{hardware} with {network(6).name!r} of {hardware} loaded>"
    with pytest.raises(InvalidInput, match=r"^Network file .*nowhere: must be a file, and does not exist$"):
        accelerator.load(hardware / "nowhere")  # what was loaded stays
    results = accelerator.run(digits[:5])
    accelerator.close()
    with pytest.raises(InvalidInput, match=r"^Accelerator must be loaded before it runs, and is not$"):
        accelerator.run(digits[:5])
    with pytest.raises(LinkFailed, match=r"^Simulated line must be open, and is closed$"):
        dict(accelerator.registers)
    accelerator.reopen()
    assert np.array_equal(accelerator.run(digits[:5]), results)
    assert dict(accelerator.registers)["results_sent"] == 5


@pytest.mark.slow
def test_another_network_on_the_same_hardware(accelerator: Accelerator, digits: NDArray[np.int64]) -> None:
    other = network(7)
    accelerator.load(other)
    results = accelerator.run(digits[:50])
    assert np.array_equal(results, expected(other, digits[:50]))
    assert not np.array_equal(results, expected(network(6), digits[:50]))
    with pytest.raises(InvalidInput, match=r"^Command quadrille generate must do what the driver needs, and says: "):
        accelerator.load(random_network(1, sizes=(999, 9, 10)))


def reading_zero(request: Any, register: int, kind: Kind, address: int) -> int:
    return 0 if address == register else request(kind, address)


def test_what_is_for_other_hardware_is_refused(
    accelerator: Accelerator, hardware: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(hardware, tmp_path / "hw")
    manifest = json.loads((tmp_path / "hw" / "accelerator.json").read_text())
    manifest["parameters"]["frames"] += 1
    (tmp_path / "hw" / "accelerator.json").write_text(json.dumps(manifest))
    message = f"Accelerator at {accelerator.address} must have the configuration of {tmp_path / 'hw'}, 0x"
    with pytest.raises(LinkFailed, match=f"^{re.escape(message)}"):
        accelerator.load(tmp_path / "hw")
    request = accelerator._link.request
    for register, message in (
        (known.IDENTIFICATION, "must say that it is one, and does not"),
        (known.VERSION, "must have registers of version 1, not 0"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(accelerator._link, "request", partial(reading_zero, request, register))
            with pytest.raises(LinkFailed, match=f"^Accelerator at {re.escape(accelerator.address)} {message}$"):
                accelerator.load()
    with pytest.raises(InvalidInput, match=r"^Design on a simulated serial line must be a uart-accelerator, and "):
        SimulatedLine(hardware)
    accelerator.load(hardware / "network.safetensors")
    assert read_modes(hardware / "network.safetensors").names == ("8", "4", "1")


def test_a_program_that_is_baked_in_needs_no_loading(tmp_path: Path, digits: NDArray[np.int64]) -> None:
    modes = Modes.of(random_network(3, sizes=(64, 9, 10), tile_rows=8, activation_bits=4))
    path = write_modes(modes, tmp_path / "network.safetensors")
    settings = {"lanes": 1, "frames": 2, "weight_planes": 1}
    folder = generate(path, tmp_path / "hw", rows=8, columns=8, settings=settings, baked=True).folder
    with Accelerator.open(f"sim:{folder}") as accelerator:
        accelerator.load()
        results = accelerator.run(digits[:12])
    assert np.array_equal(results, expected(modes, digits[:12]))


@pytest.mark.slow
def test_the_digits_that_were_trained(tmp_path: Path, digits: NDArray[np.int64]) -> None:
    """The accelerator of the README behind a line: without faults, and with."""
    folder = generate(EXAMPLE, tmp_path / "hw", rows=128, columns=128).folder
    modes = read_modes(EXAMPLE)
    images = digits.reshape(-1, *modes.default.input.shape)
    for address in (f"sim:{folder}", f"sim:{folder}?faults=0.0005&seed=1"):
        with Accelerator.open(address) as accelerator:
            accelerator.load(EXAMPLE)
            assert np.array_equal(accelerator.run(images), expected(modes, images))
            assert accelerator.traffic.clean == ("faults" not in address)
