"""The parts of the granularity study: costs against a plain count, paired comparisons, its recipe and its models."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest

from quadrille.algo.data import Dataset, digits
from quadrille.algo.nn import CimConv2d, CimLinear, cim_mlp
from quadrille.algo.nn.study import (
    LEVELS,
    Comparison,
    Grain,
    StudyOptions,
    compare,
    find_model,
    scale_costs,
    study_data,
    study_models,
    study_recipe,
    sum_granularity,
    weight_granularity,
)
from quadrille.algo.quant import PartialSumQuantizer
from quadrille.algo.spec import IntFormat, InvalidInput

ROWS = 8
GRAINS = [Grain(weights, sums) for weights in LEVELS for sums in LEVELS]


def maps(channels: int = 1, size: int = 16) -> Dataset:
    images = np.random.default_rng(0).integers(0, 256, (20, channels, size, size)).astype(np.uint8)
    return Dataset("maps", IntFormat(8), 10, images, np.arange(20) % 10, images, np.arange(20) % 10)


def options(**changes: object) -> StudyOptions:
    return StudyOptions(
        **{"model": "mlp", "data": "digits", "images": 9, "held_out": 9, "variation_images": 9, **changes}
    )


def key(level: str, tile: int, column: tuple[int, ...]) -> tuple[int, ...]:
    return {"layer": (), "array": (tile,), "column": (tile, *column)}[level]


@pytest.mark.parametrize("grain", GRAINS, ids=str)
@pytest.mark.parametrize("weight_bits", [1, 3])
def test_costs_are_those_of_a_plain_count(grain: Grain, weight_bits: int) -> None:
    model = cim_mlp(
        (20,),
        (7, 3),
        tile_rows=ROWS,
        adc_bits=4,
        weight_bits=weight_bits,
        weight_granularity=weight_granularity(grain.weights, ROWS),
        adc_granularity=sum_granularity(grain.sums),
    )
    costs = scale_costs(model, 12)
    slices = 1 if weight_bits == 1 else 3
    stored = 0
    for layer, (tiles, outputs) in zip(costs.layers, ((3, 7), (1, 3)), strict=True):
        multiplications, scales, offsets = 0, set(), set()
        for output in range(outputs):
            products, sums = set(), set()
            for tile in range(tiles):
                sums.add(key(grain.weights, tile, (output,)))
                for piece in range(slices):
                    weight = key(grain.weights, tile, (output,))
                    products.add((weight, key(grain.sums, tile, (piece, output))))
            multiplications += len(products) + (len(sums) if weight_bits == 1 else 0)
            scales |= products
            offsets |= sums
        expected = len(scales) + (len(offsets) if weight_bits == 1 else 0)
        assert (layer.multiplications, layer.scales, layer.pixels) == (multiplications, expected, 1)
        assert layer.columns == tiles * slices * outputs
        stored += expected
    assert costs.storage == 12 * stored
    assert costs.multiplications_per_image == sum(layer.multiplications for layer in costs.layers)


def test_costs_of_a_convolution_count_its_pixels() -> None:
    data, grain = maps(), Grain("column", "column")
    model = study_recipe(options(model="cnn", rows=64), data, grain).network()
    costs = scale_costs(model)
    assert [layer.pixels for layer in costs.layers] == [256, 64, 16, 1, 1]
    conv2, conv3 = costs.layers[1:3]
    # 8 and 16 channels of 3 x 3 in arrays of 7 whole kernels, three slices each.
    assert conv2.multiplications == conv2.columns == 2 * 3 * 16 and conv3.columns == 3 * 3 * 32
    assert costs.multiplications_per_image == sum(layer.pixels * layer.multiplications for layer in costs.layers)
    assert costs.multiplications_per_pixel == costs.multiplications_per_image / (256 + 64 + 16 + 1 + 1)


@pytest.mark.parametrize("name", list(study_models()))
@pytest.mark.parametrize("grain", [Grain("layer", "column"), Grain("array", "layer")], ids=str)
def test_models_have_the_granularities_asked_for(name: str, grain: Grain) -> None:
    data = digits() if name == "mlp" else maps(3 if name == "resnet20" else 1)
    model = study_recipe(options(model=name, rows=64, adc_bits=2), data, grain).network()
    adcs = [module for module in model.modules() if isinstance(module, PartialSumQuantizer)]
    assert adcs and all(adc.bits == 2 and adc.granularity == sum_granularity(grain.sums) for adc in adcs)
    layers = [m for m in model.modules() if isinstance(m, CimLinear | CimConv2d) and m.adc is not None]
    for layer in layers:
        assert layer.weights.granularity == weight_granularity(grain.weights, layer.tile_rows[0])
    twin = find_model(name).twin(data)
    assert sum(parameter.numel() for parameter in twin.parameters()) > 500


def test_convolutional_models_refuse_data_without_maps() -> None:
    with pytest.raises(
        InvalidInput, match=r"^Data set of a convolutional model must have maps of 8 x 8 or more, not shape \[8, 8\]$"
    ):
        study_recipe(options(model="cnn"), digits(), Grain("layer", "layer")).network()


def test_recipe_and_data_are_those_of_the_options() -> None:
    chosen = options(images=50, epochs=4, warm_up=2, batch=16, learning_rate=0.5, step_rate=2.0)
    data = study_data(chosen)
    assert len(data.train_images) == 50 and np.array_equal(data.held_out_images, digits().held_out_images[:9])
    recipe = study_recipe(chosen, data, Grain("layer", "array"))
    assert [(phase.epochs, phase.converters) for phase in recipe.phases] == [(2, False), (4, True)]
    assert recipe.batch == 16 and recipe.step_rate == 2.0
    one_stage = study_recipe(options(), data, Grain("layer", "array"))
    assert [phase.converters for phase in one_stage.phases] == [True]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"step_rate": 0.0}, r"^Rate of ADC steps of a study must be positive, not 0\.0$"),
        ({"warm_up": -1}, r"^Epochs of warm-up of a study must be 0 or more, not -1$"),
    ],
)
def test_impossible_options_are_refused(changes: dict[str, float], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        options(**changes)


def test_comparison_is_paired() -> None:
    first, second = {0: 0.9, 1: 0.7, 2: 0.8}, {0: 0.85, 1: 0.66, 2: 0.74, 3: 0.1}
    comparison = compare(first, second)
    assert comparison.seeds == 3 and comparison.mean == pytest.approx(0.05)
    assert comparison.standard_error == pytest.approx(0.01 / sqrt(3))
    assert comparison.margin == pytest.approx(4.303 * 0.01 / sqrt(3)) and comparison.verdict == "wins"
    assert compare(second, first).verdict == "loses"
    assert str(comparison) == "+5.00 points, standard error 0.58 over 3 seeds (95 % interval +2.52 to +7.48)"


def test_comparison_knows_noise() -> None:
    assert compare({0: 0.9, 1: 0.8}, {0: 0.85, 1: 0.79}).verdict == "within noise"
    assert compare({0: 0.9}, {0: 0.8}).verdict == "one seed cannot tell"
    assert compare({0: 0.9, 1: 0.9}, {0: 0.8, 1: 0.8}).verdict == "wins"
    assert compare({0: 0.9, 1: 0.9}, {0: 0.9, 1: 0.9}).verdict == "within noise"
    assert Comparison(40, 0.1, 0.05).margin == pytest.approx(0.05 * 1.96)
