"""Pictures as networks, as a user trains and studies them; everything here is tiny."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from quadrille.algo.data import coordinates_of, photograph, picture_shape, psnr, read_picture
from quadrille.algo.data.folder import DATA_VARIABLE
from quadrille.algo.integer import execute, read_network
from quadrille.algo.nn.inr import PictureStudyOptions, render
from quadrille.algo.spec import InvalidInput
from quadrille.flow.command_line import cli
from quadrille.flow.console import play
from quadrille.flow.picture_figures import picture_error
from quadrille.flow.picture_training import PictureTraining, train_picture
from quadrille.flow.study_pictures import study_pictures

EXAMPLES = Path(__file__).parents[2] / "examples"
SMALL = {"crop": 16, "hidden": 8, "steps": 40, "batch": 64, "frequency": 15.0}
FILES = {
    "network.safetensors",
    "metrics.json",
    "original.png",
    "float.png",
    "integer.png",
    "pictures.png",
    "progress.png",
}
TINY = PictureStudyOptions(
    pictures=("drawn", "clip:drawn"),
    methods=("quad", "sine"),
    bits=(8,),
    crop=12,
    clip_size=6,
    frames=3,
    hidden=6,
    steps=10,
    tuning_steps=2,
    batch=50,
    frequencies=(10.0, 20.0),
    rates=(3e-3,),
    search_steps=2,
    kernel_size=4,
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> PictureTraining:
    return train_picture("quadinr", tmp_path_factory.mktemp("picture"), **SMALL)


def test_files_are_written_together(trained: PictureTraining) -> None:
    assert {path.name for path in trained.folder.iterdir()} == FILES
    metrics = json.loads((trained.folder / "metrics.json").read_text())
    assert metrics["integer"]["psnr"] == trained.integer_psnr and metrics["image"] == "drawn"
    assert set(metrics["integer"]["different"].values()) == {0}
    assert "2-8-8-8-1, quad, 12 bits" in str(trained)


def test_the_network_renders_the_picture_beside_it(trained: PictureTraining) -> None:
    network = read_network(trained.folder / "network.safetensors")
    pixels = execute(network, coordinates_of(network))[network.result.name].reshape(picture_shape(network))
    assert np.array_equal(pixels, read_picture(trained.folder / "integer.png"))
    original = read_picture(trained.folder / "original.png")
    assert np.array_equal(original, photograph("drawn", crop=16))
    assert psnr(original, pixels) == trained.integer_psnr


def test_same_seed_same_bytes_and_resumed_too(trained: PictureTraining, tmp_path: Path) -> None:
    def interrupt(label: str, done: int = 0, total: int = 0) -> None:
        if done > 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_picture("quadinr", tmp_path, progress=interrupt, **SMALL)
    assert {path.name for path in tmp_path.iterdir()} == {"checkpoint.pt"}
    train_picture("quadinr", tmp_path, resume=True, **SMALL)
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (trained.folder / name).read_bytes()


def test_a_clip_in_colour_stands_upright(tmp_path: Path) -> None:
    trained = train_picture("quadinr", tmp_path, crop=6, frames=3, colour=True, hidden=4, steps=5, bits=8)
    assert trained.shape == (3, 6, 6, 3)
    assert read_picture(tmp_path / "integer.png").shape == (18, 6, 3)
    assert picture_shape(read_network(tmp_path / "network.safetensors")) == (18, 6, 3)


def test_a_wave_without_integers_leaves_pictures(tmp_path: Path) -> None:
    trained = train_picture("quadinr", tmp_path, activation="finer", crop=8, hidden=4, steps=5)
    assert {path.name for path in tmp_path.iterdir()} == FILES - {"network.safetensors", "integer.png"}
    assert "no form in a Network" in str(trained)


def test_command(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    arguments = ["train", "quadinr", "--crop", "8", "--hidden", "4", "--steps", "5", "--json", "-o", str(tmp_path)]
    assert play(cli, arguments) == 0
    assert json.loads(capfd.readouterr().out)["sizes"] == "2-4-4-4-1"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("quadinr", "--epochs", "3"), "recipe quadinr counts in --steps, and has no epochs and no twin"),
        (("digits-mlp", "--clip", "3"), "No such option"),
        (("digits-mlp", "--crop", "3"), "option --crop is for recipes of pictures, and digits-mlp is none"),
        (("quadinr", "--activation", "cosine"), "Activation of a coordinate network must be one of quad, "),
        (("quadinr", "--image", "missing.png"), "Picture 'missing.png' must be a whole file: No such file"),
        (("quadinr", "--image", "camera"), "Data set 'camera' must be in a folder named by the environment"),
    ],
)
def test_refused_on_the_command_line(
    arguments: tuple[str, ...],
    message: str,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(DATA_VARIABLE, raising=False)
    assert play(cli, ["train", *arguments, "-o", str(tmp_path / "x")]) == 2
    assert message in capfd.readouterr().err
    assert not (tmp_path / "x").exists()


def test_an_unknown_recipe_of_a_picture(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"^Recipe of a picture must be one of quadinr, not 'digits-mlp'$"):
        train_picture("digits-mlp", tmp_path)


def test_the_error_is_shown_around_grey() -> None:
    picture = np.full((1, 3, 1), 100)
    assert picture_error(picture, picture + np.array([0, 4, -40]).reshape(1, 3, 1)).ravel().tolist() == [128, 160, 0]


def test_study_goes_on_where_it_was(tmp_path: Path) -> None:
    lines: list[str] = []

    def stop(line: str) -> None:
        lines.append(line)
        if len(lines) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        study_pictures(TINY, tmp_path, on_run=stop)
    done = study_pictures(TINY, tmp_path, on_run=lines.append)
    assert [line.split(":")[0] for line in lines] == ["drawn quad", "drawn sine", "clip", "clip"]
    whole = study_pictures(TINY, tmp_path / "again", jobs=2)
    for name in ("results.json", "study.md", "study.csv", "quality.png", "kernel.png", "clip.png"):
        assert (tmp_path / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
    assert len(whole.runs) == 4 and done.findings == whole.findings
    text = (tmp_path / "study.md").read_text()
    assert "| drawn (12 x 12) |" in text and "Quadratic wave against SIREN" in text
    assert len((tmp_path / "study.csv").read_text().splitlines()) == 1 + 4 * 2
    message = r"^Study in .* must have the options that it was begun with \(steps 10\), not steps 20$"
    with pytest.raises(InvalidInput, match=message):
        study_pictures(PictureStudyOptions(**{**TINY.as_dict(), "pictures": TINY.pictures, "steps": 20}), tmp_path)
    (tmp_path / "results.json").write_text('{"schema": 7}')
    with pytest.raises(InvalidInput, match=r"^Results of the study in .* must be those of coordinate networks, and"):
        study_pictures(TINY, tmp_path)


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--bits", "8,x", r"^Option --bits must be integers with commas between them, not '8,x'$"),
        ("--rates", "fast", r"^Option --rates must be numbers with commas between them, not 'fast'$"),
        ("--methods", "tanh", r"^Activation of a coordinate network must be one of "),
        ("--pictures", "nowhere.png", r"^Picture 'nowhere.png' must be a whole file"),
    ],
)
def test_study_refuses(
    option: str, value: str, message: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert play(cli, ["study", "inr", "--pictures", "drawn", option, value, "-o", str(tmp_path / "x")]) == 2
    assert re.search(message, capfd.readouterr().err.removeprefix("quadrille: "))
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    "path", sorted(EXAMPLES.glob("quadinr-*/network.safetensors")), ids=lambda path: path.parent.name
)
def test_the_examples_are_as_near_as_they_say(path: Path) -> None:
    network = read_network(path)
    height, _, channels = shape = picture_shape(network)
    try:
        picture = photograph(network.notes["picture"], crop=height, colour=channels == 3)
    except InvalidInput as error:
        pytest.skip(str(error))
    found = psnr(picture, render(network).reshape(shape))
    assert found == pytest.approx(float(network.notes["PSNR"]), abs=1e-3)
    assert found > float(network.notes["float PSNR"]) - (0.3 if network.notes["bits"] == "12" else 1.0)
