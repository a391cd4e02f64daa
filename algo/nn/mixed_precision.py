"""One recipe of pruned bits in several ways: MSQ, its other reading, bit planes, and as many bits in every layer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from time import process_time
from typing import Any

from quadrille.algo.data import Dataset
from quadrille.algo.quant import LsbReading, RoundClampWeights
from quadrille.algo.spec import InvalidInput, Network

from .bit_pruning import FULL_BITS, compression, layer_bits, pruned_layers
from .classifier import CimClassifier
from .conversion import convert
from .footprint import Footprint, training_footprint
from .recipe import Recipe, find_recipe
from .training import Progress, train

__all__ = ["MIXED_METHODS", "MixedOutcome", "mixed_recipe", "train_mixed"]

PLANES = "-bit-planes"  # what the name of the baseline's recipe ends with
CALIBRATION = 512  # training images of the conversion

MIXED_METHODS: dict[str, str] = {
    "all bits": "no bit is pruned: the network that the others start from",
    "MSQ": "least significant bits penalised and pruned layer by layer, one or two at a time by the Hessian",
    "MSQ clamped": "the same with the other reading of a least significant bit, a code clamped to fewer bits",
    "bit planes": "every bit of every weight a parameter, L1 on all of them, planes that few weights use dropped",
    "uniform": "round-clamp weights of the same width in every layer, the widest within the target",
}


@dataclass(frozen=True)
class MixedOutcome:
    """What a training came to; accuracies are shares of 1 of the held-out images, `seconds` those of the processor.

    `unequal` is the greatest share of activations of a layer that differ between the fake-quantized model and the
    integer network, both fed with the same integers; `codes_equal` whether all sums of all layers agree.
    """

    network: Network
    accuracy: float
    model_accuracy: float
    bits: dict[str, int]
    compression: float
    seconds: float
    footprint: Footprint
    unequal: float
    codes_equal: bool
    events: tuple[dict[str, Any], ...]


def mixed_recipe(name: str, method: str) -> Recipe:
    """The recipe `name`, which prunes round-clamp weights, as `method` trains it.

    Raises
    ------
    InvalidInput
        If there is no such method, or the recipe prunes no bits or has no bit planes beside it.
    """
    if method not in MIXED_METHODS:
        raise InvalidInput(f"Method of mixed precision must be one of {', '.join(MIXED_METHODS)}, not {method!r}")
    recipe = find_recipe(name)
    if recipe.pruning is None or not _rounds(recipe.network()):
        raise InvalidInput(f"Recipe {name!r} must prune the bits of round-clamp weights, and does not")
    uniform = int(FULL_BITS / recipe.pruning.compression)
    match method:
        case "bit planes":
            return find_recipe(f"{name}{PLANES}")
        case "MSQ clamped":
            return replace(recipe, network=lambda: _read_as(recipe.network(), LsbReading.CLAMPED))
        case "all bits":
            phases = tuple(replace(phase, prunes=False) for phase in recipe.phases)
            return replace(recipe, phases=phases, pruning=None)
        case "uniform":
            phases = tuple(replace(phase, prunes=False) for phase in recipe.phases)
            return replace(recipe, network=lambda: _cut(recipe.network(), uniform), phases=phases, pruning=None)
        case _:
            return recipe


def _rounds(model: CimClassifier) -> bool:
    return any(isinstance(layer.weights, RoundClampWeights) for layer in model.layers)


def _read_as(model: CimClassifier, reading: LsbReading) -> CimClassifier:
    for layer in model.layers:
        if isinstance(layer.weights, RoundClampWeights):
            layer.weights.reading = reading
    return model


def _cut(model: CimClassifier, bits: int) -> CimClassifier:
    for _, layer, weights in pruned_layers(model):
        if weights.bits > bits:
            weights.drop(layer.matrix, weights.bits - bits)
    return model


def train_mixed(
    name: str,
    method: str,
    data: Dataset,
    *,
    seed: int = 0,
    epochs: int | None = None,
    footprint: Footprint | None = None,
    checkpoint: Path | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> MixedOutcome:
    """Train recipe `name` by `method`, convert it, and say what that took.

    A `footprint` that is known is not measured again: it is the same for every seed. The seconds are those since this
    call: of a training that went on from its `checkpoint`, those after.

    Raises
    ------
    InvalidInput
        As `mixed_recipe` and `train`.
    """
    recipe = mixed_recipe(name, method)
    footprint = training_footprint(recipe, data) if footprint is None else footprint
    started = process_time()
    trained = train(
        recipe,
        seed=seed,
        epochs=epochs,
        twin=False,
        data=data,
        checkpoint=checkpoint,
        progress=progress,
        device="cpu",
    )
    seconds = process_time() - started
    conversion = convert(
        trained.network,
        data.train_images[:CALIBRATION],
        images=data.held_out_images,
        labels=data.held_out_labels,
        name=name,
        mantissa_bits=recipe.mantissa_bits,
        notes={"dataset": data.name, "method": method, "seed": str(seed)},
    )
    report = conversion.report
    assert report.integer_accuracy is not None and report.model_accuracy is not None
    layers = report.layers
    return MixedOutcome(
        network=conversion.network,
        accuracy=report.integer_accuracy,
        model_accuracy=report.model_accuracy,
        bits=layer_bits(trained.network),
        compression=compression(trained.network),
        seconds=seconds,
        footprint=footprint,
        unequal=max(each.unequal_alone for each in layers if each.kind == "dequantize"),
        codes_equal=all(each.unequal_alone == 0 for each in layers if each.kind in ("linear", "conv2d", "row-sum")),
        events=trained.pruning,
    )
