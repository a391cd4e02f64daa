import json
from pathlib import Path

import numpy as np
import pytest

from quadrille.algo.integer import execute, read_network
from quadrille.algo.nn import cim_mlp
from quadrille.algo.spec import InvalidInput
from quadrille.flow.conversion import convert
from quadrille.flow.training import Training, train


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Training:
    return train("digits-mlp", tmp_path_factory.mktemp("digits"), epochs=2, seed=5)


def test_files_are_written_together(trained: Training) -> None:
    assert {path.name for path in trained.folder.iterdir()} == {"network.safetensors", "metrics.json", "curves.png"}
    assert (trained.folder / "curves.png").read_bytes().startswith(b"\x89PNG")
    metrics = json.loads((trained.folder / "metrics.json").read_text())
    assert (metrics["recipe"], metrics["seed"], len(metrics["history"]["network"])) == ("digits-mlp", 5, 2)
    assert metrics["conversion"]["integer_accuracy"] == trained.integer_accuracy


def test_result_is_readable(trained: Training) -> None:
    assert "digits-mlp, seed 5, 2 epochs" in str(trained)
    assert json.loads(json.dumps(trained.as_dict()))["conversion"]["network"] == "digits-mlp"
    assert "hidden1_codes" in str(trained.conversion)
    assert "hidden1_codes" in trained.conversion._repr_html_()


def test_network_names_its_data(trained: Training) -> None:
    network = read_network(trained.folder / "network.safetensors")
    assert (network.notes["dataset"], network.notes["recipe"]) == ("digits", "digits-mlp")
    assert trained.held_out_images == 450


def test_same_seed_same_bytes(trained: Training, tmp_path: Path) -> None:
    again = train("digits-mlp", tmp_path, epochs=2, seed=5)
    name = "network.safetensors"
    assert (again.folder / name).read_bytes() == (trained.folder / name).read_bytes()


def test_interrupted_training_leaves_what_was_there_and_resumes(trained: Training, tmp_path: Path) -> None:
    (tmp_path / "network.safetensors").write_text("before")
    calls = 0

    def interrupt(label: str, done: int = 0, total: int = 0) -> None:
        nonlocal calls
        calls += 1
        if calls == 3:  # the network is trained and in the checkpoint, its float twin is not
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train("digits-mlp", tmp_path, epochs=2, seed=5, progress=interrupt)
    assert (tmp_path / "network.safetensors").read_text() == "before"
    assert {path.name for path in tmp_path.iterdir()} == {"network.safetensors", "checkpoint.pt"}
    with pytest.raises(InvalidInput, match=r"^Checkpoint .*must be of the same run"):
        train("digits-mlp", tmp_path, epochs=3, seed=5, resume=True)
    train("digits-mlp", tmp_path, epochs=2, seed=5, resume=True)
    name = "network.safetensors"
    assert (tmp_path / name).read_bytes() == (trained.folder / name).read_bytes()
    assert not (tmp_path / "checkpoint.pt").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"recipe": "mnist"}, r"^Recipe must be one of digits-mlp, .*, not 'mnist'$"),
        ({"recipe": "digits-mlp", "epochs": 1}, r"^Epochs must be at least 2, one for each phase, not 1$"),
    ],
)
def test_impossible_training_leaves_nothing(tmp_path: Path, arguments: dict, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        train(folder=tmp_path / "x", **arguments)
    assert not (tmp_path / "x").exists()


def test_stuck_checkpoint_is_refused(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt").mkdir()
    with pytest.raises(InvalidInput, match=r"^Checkpoint .*checkpoint\.pt must be removable: Is a directory$"):
        train("digits-mlp", tmp_path)


def test_own_model_is_converted(tmp_path: Path) -> None:
    model = cim_mlp((4,), (3, 2), activation_bits=2, input_bits=2, tile_rows=4).eval()
    images = np.arange(32).reshape(8, 4) % 4
    converted = convert(model, images, tmp_path / "network.safetensors", name="mine")
    assert converted.path is not None
    network = read_network(converted.path)
    assert network == converted.network
    assert execute(network, images)["class"].shape == (8,)
    assert converted.as_dict()["report"]["images"] == 8


def test_pruned_bits_are_told(tmp_path: Path) -> None:
    trained = train("msq-digits", tmp_path, epochs=(2, 1), twin=False)
    assert trained.pruned_bits is not None and set(trained.pruned_bits) == {"hidden1", "hidden2", "output"}
    assert f"bits of weights     hidden1 {trained.pruned_bits['hidden1']}, hidden2" in str(trained)
    assert "times smaller than 32-bit weights" in str(trained)
    events = json.loads((tmp_path / "metrics.json").read_text())["pruning"]
    assert [event["layer"] for event in events if event["epoch"] == 2] and events[0]["bits"] <= 8
