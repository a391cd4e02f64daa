"""The verb vary: the file that it writes, what it says, and what it refuses."""

import json

import pytest

from quadrille.algo.data import dataset
from quadrille.algo.integer import execute, read_network, write_network
from quadrille.algo.integer.sweep import accuracy
from quadrille.algo.integer.variation import Variation, perturb
from quadrille.algo.spec import InvalidInput, Linear, Network
from quadrille.flow import inspect, vary
from quadrille.flow.command_line import cli
from quadrille.flow.console import play


def test_a_perturbed_network_is_a_file(small_network, tmp_path):
    variation = Variation(log_normal=0.3, offset=0.5)
    found = vary(small_network, tmp_path / "varied.safetensors", variation, seed=4)
    varied = read_network(tmp_path / "varied.safetensors")
    assert varied == perturb(small_network, variation, 4)
    data = dataset("digits")
    before, after = (accuracy(n, data.held_out_images, data.held_out_labels) for n in (small_network, varied))
    assert (found.accuracy_before, found.accuracy_after) == (before, after)
    answers = [execute(n, data.held_out_images, keep=["class"])["class"] for n in (small_network, varied)]
    assert found.same_answers == (answers[0] == answers[1]).mean() < 1
    assert (found.layers, found.cells, found.images) == (("linear1", "linear2"), 64 * 12 + 12 * 10, 450)
    assert found.cell_bits == max(node.cell_value_bits for node in varied.of_kind(Linear))
    details = [node.detail for node in inspect(varied).nodes]
    assert sum("conductances of 5 bits, 3 of them fractions" in detail for detail in details) == 2
    text = str(found)
    assert "log normal 0.3, offset 0.5 (3 fraction bits), seed 4" in text
    assert f"{100 * after:.2f} % after" in text


def test_a_network_without_a_data_set(small_network, tmp_path):
    nameless = Network("nameless", small_network.nodes)
    found = vary(nameless, tmp_path / "varied.safetensors", Variation(), images=20)
    assert (found.dataset, found.images, found.same_answers) == ("random", 20, 1.0)
    assert found.accuracy_before is found.accuracy_after is None
    assert "accuracy" not in str(found)


def test_the_command(small_network, tmp_path, capfd):
    source, output = write_network(small_network, tmp_path / "network.safetensors"), tmp_path / "varied.safetensors"
    options = ["--gaussian", "0.1", "--stuck-at-one", "0.02", "--gain", "0.1", "--fraction-bits", "4", "--seed", "9"]
    assert play(cli, ["vary", str(source), *options, "--images", "30", "-o", str(output), "--json"]) == 0
    out, err = capfd.readouterr()
    assert err == ""
    variation = Variation(gaussian=0.1, stuck_at_one=0.02, gain=0.1, fraction_bits=4)
    assert json.loads(out)["variation"] == str(variation)
    assert json.loads(out)["images"] == 30
    assert read_network(output) == perturb(small_network, variation, 9)
    assert play(cli, ["vary", str(source), "--log-normal", "-1", "-o", str(output)]) == 2
    assert capfd.readouterr().err == (
        "quadrille: Variation log normal must be a finite number of 0 or more, not -1.0\n"
    )


def test_refusals(small_network, tmp_path):
    with pytest.raises(InvalidInput, match=r"^Number of images must be from 1 to the 450 held out of digits, not 451$"):
        vary(small_network, tmp_path / "varied.safetensors", Variation(), images=451)
    with pytest.raises(InvalidInput, match=r"^Network file .* must be writable: No such file or directory$"):
        vary(small_network, tmp_path / "no" / "varied.safetensors", Variation(), images=1)
    with pytest.raises(InvalidInput, match=r"^Network file .* must be a file, and does not exist$"):
        vary(tmp_path / "none.safetensors", tmp_path / "varied.safetensors", Variation())
    assert list(tmp_path.iterdir()) == []
