"""The study of pruned bits: resumable, and what its tables say; the memory of training, counted."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner

from quadrille.algo.data import dataset
from quadrille.algo.integer.network_file import read_network
from quadrille.algo.nn import Recipe
from quadrille.algo.nn import mixed_precision as module
from quadrille.algo.nn.footprint import peak_bytes, training_footprint
from quadrille.algo.nn.mixed_precision import MIXED_METHODS, mixed_recipe, train_mixed
from quadrille.algo.quant import LsbReading, RoundClampWeights
from quadrille.algo.spec import InvalidInput, Linear
from quadrille.flow.command_line import cli
from quadrille.flow.mixed_tables import mixed_findings
from quadrille.flow.study_mixed import study_mixed


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Recipes with the network of their name, that prune at once and look at few images."""
    found = module.find_recipe

    def recipe(name: str) -> Recipe:
        chosen = found(name)
        if chosen.pruning is None:
            return chosen
        pruning = replace(chosen.pruning, most_active=0.9, period=1, probes=min(2, chosen.pruning.probes), images=40)
        return replace(chosen, pruning=pruning)

    monkeypatch.setattr(module, "find_recipe", recipe)


def test_study_takes_further_methods(tmp_path: Path) -> None:
    first = study_mixed("msq-digits", tmp_path, seeds=1, epochs=2, methods=("MSQ",))
    assert [each["method"] for each in first.records] == ["MSQ"]
    arguments = ["study", "mixed-precision", "msq-digits", "--seeds", "1", "--epochs", "2", "-o", str(tmp_path)]
    result = CliRunner().invoke(cli, [*arguments, "--methods", "uniform, bit planes, MSQ"])
    assert result.exit_code == 0, result.output
    assert "3 trainings of msq-digits, target 10 times" in result.output
    assert "Bit planes train 6.88 times the parameters" in result.output
    records = json.loads((tmp_path / "results.json").read_text())["runs"]
    assert [each["method"] for each in records] == ["MSQ", "bit planes", "uniform"]
    assert records[0] == first.records[0] and all(each["codes_equal"] for each in records)
    assert records[0]["events"] and not records[2]["events"] and min(records[0]["bits"].values()) < 8
    assert records[2]["compression"] == pytest.approx(32 / 3, 1e-4)
    network = read_network(tmp_path / "networks" / "msq-0.safetensors")
    bits = {node.name.removesuffix("_codes"): node.weight_bits for node in network.of_kind(Linear)}
    assert bits == records[0]["bits"] and network.notes["method"] == "MSQ"
    page = (tmp_path / "study.md").read_text()
    assert "| uniform | " in page and "## Bits of the layers" in page
    assert "are those of the fake-quantized model" in page
    assert not list(tmp_path.glob("checkpoint*"))


def test_findings_are_those_of_the_methods_that_are_there() -> None:
    def run(method: str, **numbers: float) -> dict[str, Any]:
        usual = {"accuracy": 0.9, "compression": 10.0, "parameters": 100, "step_bytes": 50, "pruning_bytes": 25}
        return {"method": method, "seed": 0, "seconds": 1.0, **usual, **numbers}

    runs = [run("MSQ", compression=9.0), run("bit planes", parameters=800, step_bytes=100, seconds=3.0, accuracy=0.8)]
    found = mixed_findings({"target": 10.0}, runs)
    assert found[0].startswith("MSQ at 9.0 times against bit planes at 10.0 times: +10.00 points")
    assert "train 8.00 times the parameters of MSQ, hold 2.00 times the bytes in a step and take 3.00 times" in found[1]
    assert found[2] == "MSQ's Hessian holds 0.25 times the bytes of a step of bit planes"
    assert found[3] == "Short of the target of 10 times: MSQ with seed 0 (9.0)"
    assert mixed_findings({"target": 8.0}, runs[:1]) == []


def test_every_method_trains_what_it_says() -> None:
    assert mixed_recipe("msq-digits", "MSQ").name == "msq-digits"
    uniform = mixed_recipe("msq-digits", "uniform").network()
    assert {layer.encoding.weight_bits for layer in uniform.layers} == {3}
    full = mixed_recipe("msq-digits", "all bits")
    assert full.pruning is None and {layer.encoding.weight_bits for layer in full.network().layers} == {8}
    clamped = mixed_recipe("msq-digits", "MSQ clamped").network()
    readings = {layer.weights.reading for layer in clamped.layers if isinstance(layer.weights, RoundClampWeights)}
    assert readings == {LsbReading.CLAMPED}
    assert mixed_recipe("msq-digits", "bit planes").name == "msq-digits-bit-planes"
    assert list(MIXED_METHODS)[0] == "all bits"


def test_bytes_that_live_at_once_are_counted() -> None:
    there = torch.zeros(1000)
    assert peak_bytes(lambda: (there + 1) * 2 + 3, there) == 12_000

    def one_after_the_other() -> None:
        for _ in range(5):
            torch.ones(1000).sum()

    assert 4_000 <= peak_bytes(one_after_the_other) < 4_100


def test_footprint_of_bit_planes_is_larger() -> None:
    data = dataset("digits")
    data = replace(data, train_images=data.train_images[:100], train_labels=data.train_labels[:100])
    plain, planes = (training_footprint(module.find_recipe(f"msq-digits{end}"), data) for end in ("", "-bit-planes"))
    weights = 64 * 128 + 128 * 128 + 128 * 10
    assert planes.parameters - plain.parameters == 6 * weights
    assert planes.step_bytes > 2 * plain.step_bytes and plain.pruning_bytes > 0 == planes.pruning_bytes
    # Weights, gradients, and Adam's two moments are there at least.
    assert plain.step_bytes > 4 * 4 * plain.parameters


def test_impossible_studies_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"^Seeds of the study must be a positive integer, not 0$"):
        study_mixed("msq-digits", tmp_path, seeds=0)
    with pytest.raises(InvalidInput, match=r"^Methods of the study must be one of all bits, MSQ, .*, not 'LSQ'$"):
        study_mixed("msq-digits", tmp_path, methods=("LSQ",))
    with pytest.raises(InvalidInput, match=r"^Recipe 'digits-mlp' must prune the bits of round-clamp weights, and"):
        study_mixed("digits-mlp", tmp_path)
    with pytest.raises(InvalidInput, match=r"^Method of mixed precision must be one of all bits, .*, not 'x'$"):
        train_mixed("msq-digits", "x", dataset("digits"))
