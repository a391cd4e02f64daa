"""CimLinear: its equation, its tiles, its integers; the classifier's chain."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from quadrille.algo.nn import CimBlock, CimClassifier, CimLinear, cim_mlp, float_mlp
from quadrille.algo.quant import (
    BinaryFit,
    BinaryWeights,
    ColumnWeights,
    Granularity,
    PartialSumQuantizer,
    PerChannel,
    PerColumn,
    PerGroup,
    PerTensor,
    Quantized,
    StaircaseActivation,
    expand,
)
from quadrille.algo.spec import IntFormat, InvalidInput

INPUTS, OUTPUTS, ROWS = 20, 6, 8


def binary(granularity: Granularity, adc_bits: int | None = None) -> CimLinear:
    adc = None if adc_bits is None else PartialSumQuantizer(adc_bits, (3, 1, OUTPUTS))
    return CimLinear(INPUTS, OUTPUTS, BinaryWeights(granularity), tile_rows=ROWS, adc=adc)


def multi_bit(adc_bits: int | None = None) -> CimLinear:
    weights = ColumnWeights((OUTPUTS, INPUTS), bits=4, cell_bits=2, tile_rows=ROWS)
    adc = None if adc_bits is None else PartialSumQuantizer(adc_bits, (3, 2, OUTPUTS))
    return CimLinear(INPUTS, OUTPUTS, weights, tile_rows=ROWS, adc=adc)


def source(count: int = 9) -> Quantized:
    code = torch.randint(0, 16, (count, INPUTS), generator=torch.Generator().manual_seed(7)).double()
    return Quantized(code, torch.tensor(0.25, dtype=torch.float64))


@pytest.mark.parametrize("granularity", [PerTensor(), PerChannel(0), PerColumn(ROWS)])
def test_exact_binary_layer_is_the_product_with_its_weights(granularity: Granularity) -> None:
    layer = binary(granularity).double()
    weight = layer.weights(layer.weight)
    assert weight.offset is not None
    full = [expand(part, granularity, (OUTPUTS, INPUTS)) for part in (weight.scale, weight.offset)]
    expected = source().value @ (full[0] * weight.integer + full[1]).T
    assert torch.allclose(layer(source()), expected, rtol=1e-12)


def test_exact_multi_bit_layer_is_the_product_with_its_weights() -> None:
    layer = multi_bit().double()
    weight = layer.weights(layer.weight)
    scale = weight.scale.repeat_interleave(ROWS, dim=1)[:, :INPUTS]
    assert torch.allclose(layer(source()), source().value @ (scale * weight.integer).T, rtol=1e-12)


def test_gradient_of_a_multi_bit_layer_is_that_of_the_plain_product() -> None:
    layer = multi_bit().double()
    layer(source()).square().sum().backward()
    through_slices = layer.weight.grad
    layer.weight.grad = None
    weight = layer.weights(layer.weight)
    (
        source().value @ (weight.scale.repeat_interleave(ROWS, dim=1)[:, :INPUTS] * weight.integer).T
    ).square().sum().backward()
    assert through_slices is not None and layer.weight.grad is not None
    assert torch.allclose(through_slices, layer.weight.grad, rtol=1e-9)


@pytest.mark.parametrize("layer", [binary(PerChannel(0), 5), multi_bit(3), binary(PerColumn(ROWS)), multi_bit()])
@pytest.mark.parametrize("tile", range(3))
def test_a_tile_sees_only_its_own_inputs(layer: CimLinear, tile: int) -> None:
    code = source().code.float()
    if layer.adc is not None:
        layer.adc.calibrate(layer.exact_sums(code))
    before, sums = layer.to_int(code), layer.row_sums(code)
    changed = code.clone()
    changed[:, tile * ROWS : (tile + 1) * ROWS] = 15 - changed[:, tile * ROWS : (tile + 1) * ROWS]
    after, sums_after = layer.to_int(changed), layer.row_sums(changed)
    others = [t for t in range(3) if t != tile]
    assert torch.equal(before[:, others], after[:, others])
    assert torch.equal(sums[:, others], sums_after[:, others])
    assert not torch.equal(before[:, tile], after[:, tile])
    assert before.shape == (9, *layer.columns) and layer.tile_rows == (8, 8, 4)


def test_column_sums_are_the_integers_of_the_specification() -> None:
    layer = multi_bit()
    code = source(3).code
    sums = layer.to_int(code)
    weight = layer.weights.to_int(layer.weight)
    encoding = layer.encoding
    for n in range(3):
        for t, start in enumerate((0, 8, 16)):
            rows = range(start, min(start + ROWS, INPUTS))
            for s in range(encoding.slices):
                for o in range(OUTPUTS):
                    plain = sum(encoding.digit(int(weight[o, r]), s) * int(code[n, r]) for r in rows)
                    reference = encoding.reference_weight(s) * sum(int(code[n, r]) for r in rows)
                    assert int(sums[n, t, s, o]) == encoding.gain(s) * plain - reference


def test_evaluation_is_what_the_codes_stand_for() -> None:
    layer = binary(PerColumn(ROWS), 4).double()
    assert layer.adc is not None
    layer.adc.calibrate(layer.exact_sums(source().code))
    layer.eval()
    codes = layer.to_int(source().code).double()
    sums = (codes + layer.adc.zero_points()) * layer.adc.column_steps()
    scales = layer.scales(layer.weights(layer.weight))
    assert scales.sums is not None
    expected = (sums * scales.columns).sum(dim=(1, 2)) + layer.row_sums(source().code) @ scales.sums
    assert torch.allclose(layer(source()), expected * 0.25, rtol=1e-12)


def test_models_are_built_as_told() -> None:
    model = cim_mlp((4, 5), (7, 3), weight_bits=3, cell_bits=2, tile_rows=8, adc_bits=6, activation_bits=2)
    assert [block.name for block in model.blocks] == ["hidden1", "output"]
    first = next(model.blocks)
    assert first.layer.columns == (3, 2, 7) and first.layer.adc is not None and first.layer.adc.bits == 6
    assert first.activation is not None and first.activation.format == IntFormat(2)
    assert model(torch.randint(0, 16, (5, 4, 5))).shape == (5, 3)
    assert float_mlp((4, 5), (7, 3))(torch.randint(0, 16, (5, 4, 5))).shape == (5, 3)
    lloyd = cim_mlp((4,), (3,), fit=BinaryFit.LLOYD_MAX, affine=False)
    weights = next(lloyd.blocks).layer.weights
    assert isinstance(weights, BinaryWeights) and weights.fit is BinaryFit.LLOYD_MAX and not weights.affine


def test_sharpness_and_calibration_reach_every_layer() -> None:
    model = cim_mlp((20,), (7, 6, 3), tile_rows=8, adc_bits=5)
    model.set_sharpness(7.5)
    images = torch.randint(0, 16, (30, 20))
    model(images)
    model.calibrate(images)
    assert model.training
    for block in model.blocks:
        assert block.layer.adc is not None and block.layer.adc.active and not block.layer.adc.frozen
        assert block.activation is None or block.activation.sharpness == 7.5  # pyright: ignore[reportAttributeAccessIssue]
    model.freeze(images)
    assert all(block.layer.adc is not None and block.layer.adc.frozen for block in model.blocks)


def block(name: str, inputs: int, outputs: int, *, last: bool) -> CimBlock:
    linear = CimLinear(inputs, outputs, BinaryWeights())
    return CimBlock(name, linear, nn.BatchNorm1d(outputs), None if last else StaircaseActivation(4))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CimLinear(0, 3, BinaryWeights()), r"^Input count must be a positive integer, not 0$"),
        (lambda: CimLinear(3, 0, BinaryWeights()), r"^Output count must be a positive integer, not 0$"),
        (
            lambda: CimLinear(3, 3, BinaryWeights(), tile_rows=0),
            r"^Row count of a tile must be a positive integer, not 0$",
        ),
        (
            lambda: CimLinear(20, 3, BinaryWeights(PerGroup(5)), tile_rows=8),
            r"^Weight granularity must be per tensor, per output channel or per column of 8 rows, not PerGroup\(",
        ),
        (
            lambda: CimLinear(20, 3, BinaryWeights(), tile_rows=8, adc=PartialSumQuantizer(4, (1, 1, 3))),
            r"^ADC must be made for columns \[3, 1, 3\], not \[1, 1, 3\]$",
        ),
        (lambda: cim_mlp((3,), ()), r"^A perceptron must have at least one layer, not 0$"),
        (
            lambda: CimClassifier((3,), IntFormat(4), 1.0, []),
            r"^A classifier must have at least one block, not 0$",
        ),
        (
            lambda: CimClassifier((3,), IntFormat(4), 1.0, [block("only", 4, 2, last=True)]),
            r"^Block 'only' must have 3 inputs, not 4$",
        ),
        (
            lambda: CimClassifier((3,), IntFormat(4), 1.0, [block("only", 3, 2, last=False)]),
            r"^Block 'only': only the last block must be without activation quantizer$",
        ),
    ],
)
def test_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        make()
