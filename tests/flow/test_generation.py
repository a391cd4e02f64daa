import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quadrille.algo.integer import execute, read_network, write_network
from quadrille.algo.spec import Dequantize, Input, IntFormat, IntTensor, InvalidInput, Linear, Network
from quadrille.flow.generation import checked_settings, generate
from quadrille.flow.results import digest
from quadrille.tb.networks import random_network

SHAPE: dict[str, Any] = {"rows": 40, "columns": 16, "macros": 1, "settings": {"lanes": 4, "frames": 8}}


@pytest.fixture(scope="module")
def network_path(small_network: Network, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("network") / "network.safetensors"
    (path.parent / "metrics.json").write_text('{"recipe": "none"}')
    return write_network(small_network, path)


def test_folder_is_whole_and_the_same_again(network_path: Path, small_network: Network, tmp_path: Path) -> None:
    steps: list[str] = []
    result = generate(
        network_path, tmp_path / "a", **SHAPE, progress=lambda label, done=0, total=0: steps.append(label)
    )
    assert steps[0] == "mapping"
    assert {path.name for path in (tmp_path / "a").iterdir()} == {path.name for path in result.files}
    assert result.tiles == 3
    assert result.parameters["lanes"] == 4
    assert read_network(tmp_path / "a" / "network.safetensors") == small_network
    assert digest((tmp_path / "a" / "accelerator.v").read_bytes()) == result.content_hash
    assert (tmp_path / "a" / "training.json").read_text() == '{"recipe": "none"}'
    program = json.loads((tmp_path / "a" / "program.json").read_text())
    assert program["content_hash"] == digest((tmp_path / "a" / "program.bin").read_bytes())
    assert json.loads(json.dumps(result.as_dict()))["rows"] == 40
    assert "1 macro of 40 rows x 16 columns, 4 lanes" in str(result)
    again = generate(network_path.parent, tmp_path / "b", **SHAPE)
    for path in result.files:
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name
    assert again.content_hash == result.content_hash


def test_registers_are_chosen_for_a_clock(network_path: Path, tmp_path: Path) -> None:
    slow = generate(network_path, tmp_path / "slow", **SHAPE, clock=1e6)
    assert slow.parameters["cuts"] == slow.parameters["buffers"] == 0 and slow.family == "ecp5"
    fastest = int(0.99 * choose(network_path, tmp_path / "none"))
    fast = generate(network_path, tmp_path / "fast", **SHAPE, clock=fastest)
    assert (fast.expected_hz or 0) >= fastest > (slow.expected_hz or 0)
    assert fast.parameters["memory_cuts"] == 1 and fast.parameters["buffers"] == 2
    assert f"{fastest / 1e6:g} MHz on ecp5 with cuts {fast.parameters['cuts']}, memory_cuts 1" in str(fast)
    assert "MHz on ecp5" not in str(generate(network_path, tmp_path / "plain", **SHAPE))


@pytest.mark.parametrize(
    ("family", "settings", "compressor"),
    [
        ("ultrascale+", {}, "lut6"),
        ("7-series", {}, "lut6"),
        ("7-series", {"compressor": "full-adders"}, "full-adders"),
        ("ecp5", {}, "full-adders"),
        ("ice40", {"compressor": "lut6"}, "lut6"),
    ],
)
def test_a_family_has_its_compressor_unless_another_is_chosen(
    network_path: Path, tmp_path: Path, family: str, settings: dict[str, str], compressor: str
) -> None:
    shape = {**SHAPE, "settings": {**SHAPE["settings"], **settings}}
    result = generate(network_path, tmp_path / "hw", **shape, family=family)
    assert result.parameters["compressor"] == compressor and result.family == family
    assert f"{family}, compressor {compressor}" in str(result)


def test_an_array_of_any_family_has_no_compressor_to_choose(tmp_path: Path) -> None:
    network = random_network(3, sizes=(20, 6), tile_rows=20, weight_bits=4, cell_bits=4, activation_bits=4)
    source = write_network(network, tmp_path / "network.safetensors")
    result = generate(source, tmp_path / "hw", engine="mac", rows=4, columns=8, family="7-series")
    assert result.parameters["compressor"] == "full-adders"


def choose(network_path: Path, folder: Path) -> float:
    """The fastest clock that this accelerator can have, in Hz, as it is refused."""
    with pytest.raises(InvalidInput) as refused:
        generate(network_path, folder, **SHAPE, clock=5e9)
    return 1e6 * int(str(refused.value).split(" MHz")[0].split()[-1])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rows": 0}, r"^Parameter rows of accelerator must be from 1 to \d+, not 0$"),
        ({"rows": 39}, r"^Node 'linear1': row tiles must have at most the 39 rows of a macro, not 40$"),
        ({"settings": {"lanes": 64}}, r"^Lanes must be at most the 16 columns of the macros, not 64$"),
        ({"settings": {"lines": 1}}, r"^Setting of an accelerator must be one of engine, unit, .*, not 'lines'$"),
        ({"settings": {"lanes": "x"}}, r"^Parameter lanes of accelerator must be an integer, not 'x'$"),
        ({"clock": 1e9}, r"^Clock of this accelerator must be at most \d+ MHz on an ECP5, not 1000$"),
        ({"clock": 1e6, "family": "x"}, r"^Family that cuts are chosen for must be one of ecp5, not 'x'$"),
        ({"clock": 1e6, "settings": {"cuts": 2}}, r"^Setting cuts must be left to the clock, where one is given$"),
        ({"family": "x"}, r"^Family must be one of ultrascale\+, 7-series, ecp5, ice40, not 'x'$"),
        *(
            ({**given, "accelerator": "build"}, r"^Clock and family must be given to an accelerator that is new, not ")
            for given in ({"clock": 1e6}, {"family": "ecp5"})
        ),
    ],
)
def test_impossible_accelerator_leaves_nothing(network_path: Path, tmp_path: Path, options: dict, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        generate(network_path, tmp_path / "hw", **{**SHAPE, **options})
    assert list(tmp_path.iterdir()) == []


def test_settings_are_as_written_or_as_values() -> None:
    written = checked_settings({"lanes": "8", "converter": "ladder"})
    assert written == checked_settings({"lanes": 8, "converter": "ladder"}) == {"lanes": 8, "converter": "ladder"}


def test_another_network_comes_to_the_same_hardware(network_path: Path, make_perceptron, tmp_path: Path) -> None:
    first = generate(network_path, tmp_path / "first", **SHAPE)
    other = write_network(make_perceptron(seed=1, widths=(64, 8, 10)), tmp_path / "network.safetensors")
    second = generate(other, tmp_path / "second", accelerator=first.folder)
    assert second.content_hash == first.content_hash and second.rows == 40
    assert (tmp_path / "second" / "accelerator.v").read_bytes() == (tmp_path / "first" / "accelerator.v").read_bytes()
    assert (tmp_path / "second" / "program.bin").read_bytes() != (tmp_path / "first" / "program.bin").read_bytes()
    large = write_network(make_perceptron(widths=(64, 60, 10)), tmp_path / "large.safetensors")
    message = r"^Parameter [a-z_]+ of accelerator must be at least \d+ for network 'small', not \d+$"
    with pytest.raises(InvalidInput, match=message):
        generate(large, tmp_path / "third", accelerator=first.folder)


def test_hardware_to_be_kept_must_be_there(network_path: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"^Accelerator's manifest must be readable, and .* is not: No such file"):
        generate(network_path, tmp_path / "hw", accelerator=tmp_path)
    (tmp_path / "accelerator.json").write_text('{"parameters": 3}')
    with pytest.raises(InvalidInput, match=r"^Accelerator's manifest must be as it was generated, and .* is not: "):
        generate(network_path, tmp_path / "hw", accelerator=tmp_path)


def test_hardware_to_be_kept_must_be_of_today(network_path: Path, tmp_path: Path) -> None:
    folder = generate(network_path, tmp_path / "hw", rows=40, columns=16).folder
    manifest = json.loads((folder / "accelerator.json").read_text())
    del manifest["parameters"]["lanes"]
    manifest["parameters"]["groups"] = 3
    (folder / "accelerator.json").write_text(json.dumps(manifest))
    message = (
        r"^Accelerator in .* must be generated anew: its parameters are those of another version, which differs in "
    )
    with pytest.raises(InvalidInput, match=message):
        generate(network_path, tmp_path / "second", accelerator=folder)


def test_baked_hardware_has_nothing_to_load(network_path: Path, tmp_path: Path) -> None:
    result = generate(network_path, tmp_path / "hw", **SHAPE, baked=True)
    assert result.program_bytes == 0 and (tmp_path / "hw" / "program.bin").read_bytes() == b""


def test_layers_are_cut_anew(tmp_path: Path) -> None:
    linear = Linear(
        name="fc",
        inputs=("image",),
        weight=IntTensor.of([1, -3, 2, 0, 1, -1] * 4, (4, 6)),
        weight_bits=3,
        cell_bits=3,
        tile_rows=(3, 3),
    )
    mantissa = IntTensor.of([5, 6, 7, 8] * 2, (2, 1, 4))
    result = Dequantize(
        name="out",
        inputs=("fc",),
        mantissa=mantissa,
        bias=IntTensor.of([9] * 4, (4,)),
        shift=2,
        format=IntFormat(8, signed=True),
    )
    network = Network("cut", (Input(name="image", shape=(6,), format=IntFormat(4)), linear, result))
    source = write_network(network, tmp_path / "network.safetensors")
    shape: dict[str, Any] = {**SHAPE, "rows": 6}
    plain = generate(source, tmp_path / "plain", **shape)
    anew = generate(source, tmp_path / "anew", retiled=True, **shape)
    assert (plain.tiles, plain.retiled) == (2, None) and (anew.tiles, anew.retiled) == (1, ("fc",))
    assert "cut anew" in str(anew) and anew.cycles_per_image < plain.cycles_per_image
    images = np.random.default_rng(2).integers(0, 16, (30, 6))
    rewritten = read_network(anew.folder / "network.safetensors")
    assert np.array_equal(execute(rewritten, images)["out"], execute(network, images)["out"])


def test_thresholds_stand_in_for_mantissas_where_cheaper(make_perceptron, tmp_path: Path) -> None:
    source = write_network(make_perceptron(widths=(64, 8, 10)), tmp_path / "network.safetensors")
    plain = generate(source, tmp_path / "plain", **SHAPE)
    result = generate(source, tmp_path / "thresholds", thresholds=True, **SHAPE)
    assert plain.thresholds is None and result.thresholds is not None
    rewritten, original = (read_network(folder / "network.safetensors") for folder in (result.folder, plain.folder))
    images = np.random.default_rng(1).integers(0, 16, (50, *original.input.shape))
    name = original.result.name
    assert np.array_equal(execute(rewritten, images)[name], execute(original, images)[name])


def test_a_network_on_an_array(tmp_path: Path) -> None:
    network = random_network(3, sizes=(20, 6), tile_rows=20, weight_bits=4, cell_bits=4, activation_bits=4)
    source = write_network(network, tmp_path / "network.safetensors")
    result = generate(source, tmp_path / "hw", engine="mac", unit="plain-8", rows=4, columns=8, settings={"lanes": 4})
    assert result.shape == "array of 4 plain-8 units x 8 columns"
    stored = read_network(tmp_path / "hw" / "network.safetensors")
    assert [node.tile_rows for node in stored.nodes if isinstance(node, Linear)] == [(8, 8, 4)]
    with pytest.raises(InvalidInput, match=r"^Unit must be given for engine mac alone, not for engine cim$"):
        generate(source, tmp_path / "other", unit="plain-8")
