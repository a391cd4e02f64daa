"""One training of a study: a grain and a seed to a Network, its accuracy and its costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from quadrille.algo.data import Dataset, dataset
from quadrille.algo.spec import InvalidInput, Network

from ..conversion import convert
from ..recipe import Phase, Recipe
from ..training import Progress, train
from .costs import ScaleCosts, scale_costs
from .grain import Grain
from .models import find_model
from .options import StudyOptions

__all__ = ["Outcome", "study_data", "study_recipe", "train_grain"]

CALIBRATION = 512  # images that set the converters
EVALUATION = 256  # images of each part whose accuracy is told after each epoch


@dataclass(frozen=True)
class Outcome:
    """What a training came to; accuracies are shares of 1 of the held-out images.

    `accuracy` is the integer network's, `model_accuracy` the fake-quantized model's, `float_accuracy` that of the float
    twin, where it was trained beside this one.
    """

    network: Network
    accuracy: float
    model_accuracy: float
    float_accuracy: float | None
    costs: ScaleCosts


def study_data(options: StudyOptions) -> Dataset:
    """The images of a study: the first of each part of its data set.

    Raises
    ------
    InvalidInput
        If there are not so many.
    """
    data = dataset(options.data)
    for part, count, images in (
        ("training", options.images, data.train_images),
        ("held-out", options.held_out, data.held_out_images),
    ):
        if count > len(images):
            raise InvalidInput(f"Study must use at most the {len(images)} {part} images of {data.name}, not {count}")
    return replace(
        data,
        train_images=data.train_images[: options.images],
        train_labels=data.train_labels[: options.images],
        held_out_images=data.held_out_images[: options.held_out],
        held_out_labels=data.held_out_labels[: options.held_out],
    )


def study_recipe(options: StudyOptions, data: Dataset, grain: Grain) -> Recipe:
    """How the model of a study is trained: a phase with converters, one without before it if there is a warm-up."""
    model = find_model(options.model)
    warm_up = ()
    if options.warm_up:
        warm_up = (Phase(epochs=options.warm_up, learning_rate=options.learning_rate, converters=False),)
    return Recipe(
        name=f"study {options.model} {grain}",
        summary=f"{model.summary}, {options.weight_bits}-bit weights, scales per {grain}",
        data=options.data,
        network=lambda: model.network(options, data, grain),
        twin=lambda: model.twin(data),
        phases=(*warm_up, Phase(epochs=options.epochs, learning_rate=options.learning_rate, converters=True)),
        batch=options.batch,
        step_rate=options.step_rate,
        weight_step_rate=options.weight_step_rate,
        calibration_images=CALIBRATION,
        evaluation_images=EVALUATION,
    )


def train_grain(
    options: StudyOptions,
    grain: Grain,
    seed: int,
    *,
    checkpoint: Path | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Outcome:
    """Train the model of a study with `grain`, convert it, and execute its integers on the held-out images.

    With the first grain of the grid the float twin is trained as well: once for each seed.
    """
    data = study_data(options)
    recipe = study_recipe(options, data, grain)
    twin = grain == options.grains[0]
    trained = train(recipe, seed=seed, checkpoint=checkpoint, progress=progress, data=data, twin=twin, device="cpu")
    converted = convert(
        trained.network,
        data.train_images[:CALIBRATION],
        images=data.held_out_images,
        labels=data.held_out_labels,
        name=f"{options.model}-{grain.weights}-{grain.sums}-{seed}",
        notes={"dataset": options.data, "weight scales": grain.weights, "partial-sum scales": grain.sums},
    )
    report = converted.report
    assert report.integer_accuracy is not None and report.model_accuracy is not None
    return Outcome(
        network=converted.network,
        accuracy=report.integer_accuracy,
        model_accuracy=report.model_accuracy,
        float_accuracy=trained.accuracies.get("float twin"),
        costs=scale_costs(trained.network),
    )
