"""Training a coordinate network on a tiny picture: resumable, the same for the same seed, quantized without loss."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from quadrille.algo.data import drawn_picture
from quadrille.algo.nn import find_recipe, recipes
from quadrille.algo.nn.inr import (
    PictureOptions,
    PictureRecipe,
    PictureStudyOptions,
    kernel_eigenvalues,
    picture_recipes,
    represent,
    represent_picture,
    search_psnr,
    study_case,
    with_settings,
)
from quadrille.algo.nn.inr import recipe as recipe_module
from quadrille.algo.spec import InvalidInput

PICTURE = drawn_picture(20)
OPTIONS = PictureOptions(frequency=15.0, hidden=16, steps=200, tuning_steps=40, batch=100, learning_rate=3e-3)
RECIPE = PictureRecipe(name="tiny", summary="tiny", crop=12, options=replace(OPTIONS, steps=30, tuning_steps=10))


@pytest.fixture(scope="module")
def represented():
    return represent(PICTURE, OPTIONS, bits=(8, 12))


def test_training_reaches_the_picture_and_fixed_point_keeps_it(represented):
    stages = represented.stages
    assert list(stages) == ["float", "8", "12"]
    assert stages["float"].psnr > 24
    assert stages["12"].psnr > stages["float"].psnr - 0.3
    assert stages["8"].psnr > stages["float"].psnr - 1
    assert stages["float"].ssim > 0.8
    assert np.array_equal(stages["8"].pixels, np.floor(stages["8"].pixels))


def test_the_picture_is_looked_at_as_it_grows(represented):
    stage = represented.stages["float"]
    assert [look["step"] for look in stage.history] == [3, 6, 12, 25, 50, 100, 200]
    assert stage.snapshots.shape == (7, *PICTURE.shape) and stage.snapshots.dtype == np.uint8
    assert stage.history[-1]["psnr"] > stage.history[0]["psnr"] + 5
    assert represented.as_dict()["stages"]["12"]["psnr"] == represented.stages["12"].psnr


def test_an_interrupted_run_ends_in_the_same_numbers(represented, tmp_path):
    checkpoint = tmp_path / "checkpoint.pt"

    for wanted in ("float", "12"):

        def interrupt(at, wanted=wanted):
            if at.stage == wanted:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            represent(PICTURE, OPTIONS, bits=(8, 12), checkpoint=checkpoint, progress=interrupt)
    seen = []
    again = represent(PICTURE, OPTIONS, bits=(8, 12), checkpoint=checkpoint, progress=seen.append)
    assert {at.stage for at in seen} == {"12"} and seen[-1].done == seen[-1].total == 280
    for name, stage in represented.stages.items():
        assert again.stages[name].psnr == stage.psnr
        assert np.array_equal(again.stages[name].snapshots, stage.snapshots)
    with pytest.raises(InvalidInput, match=r"^Checkpoint .* must be of the same run \(seed 1\), not of seed 0$"):
        represent(PICTURE, replace(OPTIONS, seed=1), bits=(8, 12), checkpoint=checkpoint)


def test_training_leaves_the_generator_of_torch_alone():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    done = represent(PICTURE, replace(OPTIONS, steps=2), bits=(), looked=False)
    assert done.stages["float"].history == () and done.stages["float"].snapshots.shape == (0, 20, 20, 1)
    assert torch.equal(before, torch.get_rng_state())


def test_a_recipe_comes_with_its_integers():
    outcome = represent_picture(RECIPE)
    assert outcome.network is not None and outcome.rendered is not None
    assert set(outcome.different.values()) == {0}
    assert outcome.network.name == "tiny-drawn"
    assert outcome.network.notes["picture"] == "drawn" and outcome.network.notes["bits"] == "12"
    assert outcome.integer_psnr == outcome.represented.stages["12"].psnr
    assert outcome.as_dict()["integer"]["different"] == outcome.different


def test_a_clip_and_colours():
    outcome = represent_picture(replace(RECIPE, crop=6, frames=3, colour=True))
    assert outcome.rendered is not None and outcome.rendered.shape == (3, 6, 6, 3)
    assert outcome.network is not None and outcome.network.input.shape == (3,)
    assert outcome.integer_ssim is None  # smaller than a window
    assert replace(RECIPE, bits=8, image="some/where.png").network_name == "tiny-where-w8a8"


def test_a_wave_without_a_node_has_no_network():
    outcome = represent_picture(with_settings(RECIPE, {"wave": "finer", "steps": 10}))
    assert outcome.network is None and outcome.as_dict()["integer"] is None
    assert outcome.integer_psnr is None and outcome.recipe.options.tuning_steps == 2


def test_a_network_that_differs_is_refused(monkeypatch):
    monkeypatch.setattr(recipe_module, "differing_pixels", lambda *_: {"pixels": 1})
    with pytest.raises(InvalidInput, match=r"^Network of 'drawn' must equal its model, and differs: {'pixels': 1}$"):
        represent_picture(RECIPE)


def test_recipes_of_pictures_are_found():
    assert "quadinr" in picture_recipes() and "quadinr" not in recipes()
    with pytest.raises(InvalidInput, match=r"^Recipe 'quadinr' must train a classifier here, and trains another kind"):
        find_recipe("quadinr")


STUDY = PictureStudyOptions(
    pictures=("drawn", "clip:drawn"), crop=12, clip_size=6, frames=3, hidden=6, steps=10, tuning_steps=2, batch=50
)


@pytest.mark.parametrize("method", STUDY.methods)
def test_a_case_of_the_study(method):
    case = study_case(STUDY, "drawn", method, 20.0, 1e-3)
    assert set(case.pictures) == {"float", "8", "12"}
    assert len(case.record["float"]["spectrum"]) == 7
    assert case.record["8"]["psnr"] == pytest.approx(case.record["float"]["psnr"], abs=1.5)


def test_other_parts_of_the_study():
    assert "spectrum" not in study_case(STUDY, "clip:drawn", "quad", 20.0, 1e-3).record["float"]
    assert search_psnr(STUDY, "drawn", "sine", 20.0, 1e-3) > 5
    assert len(kernel_eigenvalues(replace(STUDY, kernel_size=4), "quad", 20.0)) == 16
    assert len(list(STUDY.searches)) == 240 and len(list(STUDY.runs)) == 12


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (lambda: replace(OPTIONS, steps=0), r"^Steps of a representation must be 1 or more, not 0$"),
        (lambda: replace(OPTIONS, learning_rate=0.0), r"^Learning rate of a representation must be positive, not 0.0$"),
        (lambda: replace(OPTIONS, seed=-1), r"^Seed must be from 0 to 4294967295, not -1$"),
        (
            lambda: replace(STUDY, methods=("quad", "quad")),
            r"^Methods of a study must be one or more, each once, not \['quad', 'quad'\]$",
        ),
        (lambda: replace(STUDY, search_steps=0), r"^Steps of a search must be a positive integer, not 0$"),
        (
            lambda: replace(STUDY, kernel_size=65),
            r"^Grid of a tangent kernel must have from 2 to 64 points a side, not 65$",
        ),
    ],
)
def test_refused(action, message):
    with pytest.raises(InvalidInput, match=message):
        action()
