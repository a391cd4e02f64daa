"""A network that represents a picture: every point through the hardware, the picture drawn and compared."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from quadrille.algo.data import coordinates_of, drawn_picture, picture_png, picture_shape, psnr, read_picture
from quadrille.algo.integer.execution import execute
from quadrille.algo.integer.network_file import read_network, write_network
from quadrille.algo.spec import (
    Dequantize,
    Function,
    Input,
    IntFormat,
    IntTensor,
    InvalidInput,
    Linear,
    Network,
    Node,
    PiecewiseQuadratic,
    Polynomial,
    Reflection,
    Round,
    Segment,
    Wrap,
)
from quadrille.flow import generate, report, verify
from quadrille.flow.rendering import decibels, fidelities
from quadrille.sim.verification import verify as compare

HIDDEN, SIZE = 6, 12
SHAPE = {"rows": 8, "columns": 16, "settings": {"lanes": 4, "frames": 16}}


def coordinate_network(channels: int = 1) -> Network:
    """2-6-6-channels with the periodic wave, random weights, the notes of a grid of 12 x 12 points."""
    draw = np.random.default_rng(3)
    phase, activation = IntFormat(10, signed=True), IntFormat(8, signed=True)
    wave = Function(
        "quad",
        phase,
        (Wrap(8), Polynomial((Segment(0, 0, 128, -1),), reflection=Reflection(-1)), Round(6, activation)),
    )
    nodes: list[Node] = [Input(name="point", shape=(2,), format=IntFormat(5, signed=True))]
    last, inputs = "point", 2
    for number, outputs in enumerate((HIDDEN, HIDDEN, channels)):
        weight = draw.integers(-8, 8, (outputs, inputs))
        final = number == 2
        nodes += [
            Linear(
                name=f"linear{number}",
                inputs=(last,),
                weight=IntTensor.of(weight.ravel().tolist(), weight.shape),
                weight_bits=4,
                cell_bits=2,
                tile_rows=(inputs,),
            ),
            Dequantize(
                name=f"scaled{number}",
                inputs=(f"linear{number}",),
                mantissa=IntTensor.of([4 * 5] * outputs + [5] * outputs, (1, 2, outputs)),
                bias=IntTensor.of([1000] * outputs, (outputs,)),
                shift=4 if final else 2,
                format=IntFormat(8) if final else phase,
            ),
        ]
        last = f"scaled{number}"
        if not final:
            nodes.append(PiecewiseQuadratic.of(wave, name=f"wave{number}", source=last))
            last, inputs = f"wave{number}", HIDDEN
    notes = {"picture": "drawn", "grid": f"{SIZE}x{SIZE}", "strides": "2,2", "channels": str(channels)}
    return Network("coordinates", tuple(nodes), notes)


def write(folder: Path, network: Network) -> Path:
    """The Network file, and the pictures that training leaves beside it."""
    folder.mkdir()
    colour = network.notes["channels"] == "3"
    for name, shade in (("original.png", 0), ("float.png", 9)):
        (folder / name).write_bytes(picture_png(np.maximum(drawn_picture(SIZE, colour=colour), shade)))
    return write_network(network, folder / "network.safetensors")


@pytest.mark.verilator
@pytest.mark.parametrize("channels", [1, 3])
def test_picture_is_drawn_by_the_hardware(tmp_path: Path, channels: int) -> None:
    network = coordinate_network(channels)
    generate(write(tmp_path / "net", network), tmp_path / "hw", **SHAPE)
    result = verify(tmp_path / "hw")
    assert result.passed and result.images == SIZE * SIZE
    values = execute(network, coordinates_of(network), keep=["scaled2"])["scaled2"]
    drawn = read_picture(tmp_path / "hw" / "rendered.png")
    assert np.array_equal(drawn, values.reshape(picture_shape(network)))
    assert len(np.unique(drawn)) > 4
    original = read_picture(tmp_path / "net" / "original.png")
    assert np.array_equal(original, read_picture(tmp_path / "net" / "float.png"))
    assert result.signal_to_noise == {"float": None, "RTL": psnr(original, drawn)}
    assert "PSNR, RTL" in str(result) and "accuracy" not in str(result)
    # Without the pictures of a training, the original is the one that the notes name.
    for name in ("original.png", "float.png"):
        (tmp_path / "hw" / name).unlink()
    again = verify(tmp_path / "hw", None)
    assert again.signal_to_noise == {"RTL": psnr(drawn_picture(SIZE, colour=channels == 3), drawn)}
    page = report(tmp_path / "hw").path.read_text()
    assert "<h2>Picture</h2>" in page and page.count("<figcaption>") == 3 and "its error, 8 times" in page


@pytest.mark.verilator
def test_some_points_draw_no_picture(tmp_path: Path) -> None:
    network = coordinate_network()
    generate(write(tmp_path / "net", network), tmp_path / "hw", **SHAPE)
    result = verify(tmp_path / "hw", 20)
    assert result.passed and result.images == 20
    (tmp_path / "hw" / "original.png").unlink()
    notes = network.notes | {"picture": "nowhere"}
    write_network(replace(network, notes=notes), tmp_path / "hw" / "network.safetensors")
    assert "unknown: the original is not on this machine" in str(verify(tmp_path / "hw", 20))
    assert not (tmp_path / "hw" / "rendered.png").exists()
    with pytest.raises(InvalidInput, match=r"^Number of images must be from 1 to the 144 points of nowhere, not 145$"):
        verify(tmp_path / "hw", 145)


def test_nodes_are_kept_in_the_file(tmp_path: Path) -> None:
    network = coordinate_network()
    assert read_network(write(tmp_path / "net", network)) == network


def test_equal_pictures_have_no_ratio_in_json(tmp_path: Path) -> None:
    network = coordinate_network()
    write(tmp_path / "net", network)
    assert fidelities(tmp_path / "net", network) == {"float": None}
    assert decibels(None) == "equal"


def another_wave(network: Network) -> Network:
    """The same network with a wave that is a little steeper."""
    nodes = tuple(
        replace(node, segments=IntTensor.of([0, 0, 129, -1], (1, 4))) if isinstance(node, PiecewiseQuadratic) else node
        for node in network.nodes
    )
    return Network(network.name, nodes, network.notes)


@pytest.mark.verilator
def test_a_wrong_wave_is_found(tmp_path: Path) -> None:
    # The reference of another function than the hardware's: what verification must not let pass.
    network = coordinate_network()
    generate(write(tmp_path / "net", network), tmp_path / "hw", **SHAPE)
    write_network(another_wave(network), tmp_path / "hw" / "network.safetensors")
    found = compare(tmp_path / "hw", coordinates_of(network)[:30])
    assert found.mismatches > 0 and found.first is not None and found.first.node == "wave0"


def test_hardware_has_its_functions(tmp_path: Path) -> None:
    network = coordinate_network()
    generate(write(tmp_path / "net", network), tmp_path / "hw", **SHAPE)
    again = generate(tmp_path / "net" / "network.safetensors", tmp_path / "again", accelerator=tmp_path / "hw")
    assert again.content_hash
    with pytest.raises(
        InvalidInput,
        match=r"^Network 'coordinates' must have functions that the accelerator has, and 1 of its 1 are none of those$",
    ):
        generate(write(tmp_path / "other", another_wave(network)), tmp_path / "new", accelerator=tmp_path / "hw")
