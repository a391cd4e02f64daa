"""CimConv2d: its equation, its tiles, fast and plain form, gradients, and its integers against the Network's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from quadrille.algo.integer import execute
from quadrille.algo.nn import CimBlock, CimClassifier, CimConv2d, CimStyle, convert, whole_kernel_rows
from quadrille.algo.nn.layer import row_tiles
from quadrille.algo.nn.norm import Bias
from quadrille.algo.quant import (
    BinaryWeights,
    ColumnWeights,
    LsqActivation,
    PartialSumQuantizer,
    PerColumn,
    Quantized,
)
from quadrille.algo.spec import Conv2d, IntFormat, InvalidInput, Window

STEP = torch.tensor(0.25, dtype=torch.float64)


def layer_of(
    channels: int = 5,
    outputs: int = 4,
    *,
    kernel: tuple[int, int] = (3, 3),
    stride: tuple[int, int] = (1, 1),
    padding: tuple[int, int] = (1, 1),
    groups: int = 1,
    weight_bits: int = 1,
    cell_bits: int = 1,
    tile_rows: int = 18,
    adc_bits: int | None = None,
    seed: int = 0,
) -> CimConv2d:
    torch.manual_seed(seed)
    window = Window(kernel, stride, padding, groups)
    rows = window.rows(channels)
    if weight_bits == 1:
        weights = BinaryWeights(PerColumn(tile_rows))
    else:
        weights = ColumnWeights((outputs, rows), bits=weight_bits, cell_bits=cell_bits, tile_rows=tile_rows)
    adc = None
    if adc_bits is not None:
        columns = (len(row_tiles(rows, tile_rows)), weights.encoding.slices, outputs)
        adc = PartialSumQuantizer(adc_bits, columns)
    return CimConv2d(channels, outputs, window, weights, tile_rows=tile_rows, adc=adc).double()


def maps(channels: int = 5, size: int = 6, count: int = 3, high: int = 15) -> torch.Tensor:
    generator = torch.Generator().manual_seed(7)
    return torch.randint(0, high + 1, (count, channels, size, size), generator=generator).double()


CASES: list[dict[str, Any]] = [
    {},
    {"tile_rows": 10},  # through kernels
    {"stride": (2, 1), "padding": (0, 2)},
    {"kernel": (1, 1), "padding": (0, 0), "tile_rows": 2},
    {"channels": 6, "outputs": 4, "groups": 2, "tile_rows": 18},
    {"channels": 6, "outputs": 4, "groups": 2, "tile_rows": 12, "weight_bits": 4, "cell_bits": 2},
    {"channels": 4, "outputs": 8, "groups": 4, "tile_rows": 9},  # depthwise, two kernels for each channel
    {"weight_bits": 3, "cell_bits": 1},
    {"weight_bits": 8, "cell_bits": 3, "tile_rows": 27},
    {"kernel": (5, 2), "padding": (2, 0), "tile_rows": 20, "weight_bits": 4, "cell_bits": 4},
]


@pytest.mark.parametrize("options", CASES, ids=str)
def test_exact_layer_is_the_convolution_with_its_weights(options: dict[str, Any]) -> None:
    layer = layer_of(**options)
    code = maps(layer.channels)
    weight = layer.weights(layer.matrix)
    starts = np.cumsum([0, *layer.tile_rows[:-1]])
    tile = np.searchsorted(starts, np.arange(layer.rows), side="right") - 1
    full = weight.integer * weight.scale[:, tile]
    if weight.offset is not None:
        full = full + weight.offset[:, tile]
    window = layer.window
    expected = F.conv2d(
        code * STEP, full.reshape(layer.weight.shape), None, window.stride, window.padding, 1, window.groups
    )
    assert torch.allclose(layer(Quantized(code, STEP)), expected, rtol=1e-12)
    # The columns say the same: sums and scales, tile by tile.
    scales = layer.scales(weight)
    columns = (layer.exact_sums(code) * scales.columns[..., None, None]).sum(dim=(1, 2))
    if scales.sums is not None:
        columns = columns + layer._offsets(Quantized(code, torch.ones_like(STEP)), scales.sums)
    assert torch.allclose(columns * STEP, expected, rtol=1e-12)


@pytest.mark.parametrize("options", CASES, ids=str)
def test_one_grouped_convolution_is_the_loop_over_tiles(options: dict[str, Any]) -> None:
    layer = layer_of(**options)
    code = maps(layer.channels)
    integer = layer.integers().double()
    fast, plain = layer.column_sums(code, integer), layer.column_sums_by_tile(code, integer)
    assert torch.equal(fast, plain)
    assert fast.shape[1:4] == layer.columns and bool((fast == fast.round()).all()) and bool(fast.any())


@pytest.mark.parametrize("options", [CASES[0], CASES[1], CASES[4], CASES[7]], ids=str)
def test_a_tile_sees_only_its_own_channels(options: dict[str, Any]) -> None:
    """Unlike the published code of ColumnQuant, where every array convolves all channels."""
    layer = layer_of(**options, adc_bits=5)
    assert layer.adc is not None
    code = maps(layer.channels)
    layer.adc.calibrate(layer.sampled_sums(code))
    before, sums = layer.to_int(code), layer.row_sums(code)
    for channel in range(layer.channels):
        changed = code.clone()
        changed[:, channel] = 15 - changed[:, channel]
        after, after_sums = layer.to_int(changed), layer.row_sums(changed)
        taps = layer.window.taps
        row = channel % layer.each * taps
        seeing = [t for t, (begin, end) in enumerate(layer.bounds) if begin < row + taps and end > row]
        for tile in range(len(layer.tile_rows)):
            assert torch.equal(before[:, tile], after[:, tile]) == (tile not in seeing)
            assert torch.equal(sums[:, tile], after_sums[:, tile]) == (tile not in seeing)


@pytest.mark.parametrize("options", CASES, ids=str)
def test_evaluation_is_what_the_codes_stand_for(options: dict[str, Any]) -> None:
    layer = layer_of(**options, adc_bits=4)
    assert layer.adc is not None
    code = maps(layer.channels)
    layer.adc.calibrate(layer.sampled_sums(code))
    layer.eval()
    codes = layer.to_int(code).double()
    tables = [table[..., None, None] for table in (layer.adc.zero_points(), layer.adc.column_steps())]
    scales = layer.scales(layer.weights(layer.matrix))
    expected = ((codes + tables[0]) * tables[1] * scales.columns[..., None, None]).sum(dim=(1, 2))
    if scales.sums is not None:
        expected = expected + layer._offsets(Quantized(code, torch.ones_like(STEP)), scales.sums)
    assert torch.allclose(layer(Quantized(code, STEP)), expected * STEP, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("options", [CASES[0], CASES[1], CASES[5], CASES[7]], ids=str)
def test_gradients_with_converters_are_those_of_the_plain_form(options: dict[str, Any]) -> None:
    """The lean form against PartialSumQuantizer and the columns written out, under autograd."""
    layer = layer_of(**options, adc_bits=3)
    assert layer.adc is not None
    code = maps(layer.channels)
    layer.adc.calibrate(layer.sampled_sums(code))
    layer.adc.frozen.fill_(True)
    layer.adc.step.data *= 0.9371  # calibration may leave a sum exactly at a bound, where the two may differ
    layer.train()
    parameters = [layer.weight, layer.adc.step]
    if isinstance(layer.weights, ColumnWeights):
        parameters.append(layer.weights.quantizer.step)
    found: list[list[torch.Tensor]] = []
    results: list[torch.Tensor] = []
    for lean in (True, False):
        source = Quantized(code.clone().requires_grad_(), STEP)
        if lean:
            result = layer(source)
        else:
            weight = layer.weights(layer.matrix)
            sums = layer.column_sums(source.code, weight.integer)
            flat = sums.movedim((4, 5), (1, 2))
            shape = flat.shape
            stood = layer.adc(flat.reshape(-1, *layer.columns)).reshape(shape).movedim((1, 2), (4, 5))
            scales = layer.scales(weight)
            result = (stood * scales.columns[..., None, None]).sum(dim=(1, 2)) * STEP
            if scales.sums is not None:
                result = result + layer._offsets(source, scales.sums)
        results.append(result)
        gradients = list(torch.autograd.grad(result.square().sum(), [source.code, *parameters]))
        if not lean:
            gradients[2] *= len(code) ** 0.5  # LSQ's factor counts all samples there, one image's windows here
        found.append(gradients)
    assert torch.allclose(results[0], results[1], rtol=1e-9)
    for lean_gradient, plain_gradient in zip(*found, strict=True):
        assert torch.allclose(lean_gradient, plain_gradient, rtol=1e-7, atol=1e-9)
        assert bool(lean_gradient.any())


def test_perturbed_cells_change_the_result_and_nothing_else() -> None:
    layer = layer_of(adc_bits=4)
    assert layer.adc is not None
    code = maps()
    layer.adc.calibrate(layer.sampled_sums(code))
    layer.eval()
    before, codes = layer(Quantized(code, STEP)), layer.to_int(code)
    layer.perturbation = lambda factors: factors * 1.25
    assert not torch.allclose(layer(Quantized(code, STEP)), before)
    layer.perturbation = None
    assert torch.equal(layer(Quantized(code, STEP)), before) and torch.equal(layer.to_int(code), codes)


@settings(derandomize=True, deadline=None, max_examples=25)
@given(data=st.data())
def test_integers_of_drawn_layers_are_those_of_the_network(data: st.DataObject) -> None:
    groups = data.draw(st.sampled_from([1, 1, 2]))
    channels, outputs = groups * data.draw(st.integers(1, 4)), groups * data.draw(st.integers(1, 3))
    kernel = (data.draw(st.integers(1, 3)), data.draw(st.integers(1, 3)))
    rows = channels // groups * kernel[0] * kernel[1]
    layer = layer_of(
        channels,
        outputs,
        kernel=kernel,
        stride=(data.draw(st.integers(1, 2)), data.draw(st.integers(1, 2))),
        padding=(data.draw(st.integers(0, 2)), data.draw(st.integers(0, 2))),
        groups=groups,
        weight_bits=data.draw(st.sampled_from([1, 1, 2, 4, 8])),
        cell_bits=data.draw(st.integers(1, 4)),
        tile_rows=data.draw(st.integers(1, rows)),
        adc_bits=data.draw(st.sampled_from([None, 1, 3, 5])),
        seed=data.draw(st.integers(0, 99)),
    )
    bits = data.draw(st.sampled_from([1, 4, 8]))
    images = maps(channels, 5, 4, (1 << bits) - 1)
    if layer.adc is not None:
        layer.adc.calibrate(layer.sampled_sums(images))
    block = CimBlock("conv", layer, torch.nn.BatchNorm2d(outputs), LsqActivation(4))
    size = outputs * int(np.prod(layer.window.output_size(5, 5)))
    last = CimStyle().last("output", size, 3)
    model = CimClassifier((channels, 5, 5), IntFormat(bits), 0.5, [block, last]).double().eval()
    assert isinstance(block.activation, LsqActivation)
    block.activation.initialise(block.norm(layer(Quantized(images, STEP * 2))))
    block.activation.step.data.clamp_(min=0.01)  # a layer may have nothing positive
    converted = convert(model, images.numpy().astype(np.uint8))
    integers = execute(converted.network, images.numpy().astype(np.int64))
    assert np.array_equal(integers["conv_codes"], layer.to_int(images).numpy())
    if "conv_sums" in integers:
        assert np.array_equal(integers["conv_sums"], layer.row_sums(images).numpy())
    assert isinstance(converted.network.node("conv_codes"), Conv2d)
    # Mantissas round: a value may end on the other side of a step, seldom.
    difference = next(each for each in converted.report.layers if each.node == "conv")
    assert difference.largest <= 1 and difference.unequal_alone < 0.1


def test_rows_of_whole_kernels() -> None:
    assert whole_kernel_rows((3, 3), 128) == 126 and whole_kernel_rows((1, 1), 128) == 128
    assert CimStyle(array_rows=64).convolution(16, 4).tile_rows == (63, 63, 18)
    assert CimStyle(array_rows=64, fill_rows=True).convolution(16, 4).tile_rows == (64, 64, 16)
    assert CimStyle().convolution(16, 4, 7).tile_rows == (98,) * 8
    style = CimStyle(weight_bits=4, cell_bits=2, weight_granularity="array", sum_granularity="layer")
    layer = style.convolution(20, 4)
    assert layer.weights.granularity.block((4, 180)) == (4, 126) and layer.columns == (2, 2, 4)
    assert layer.adc is not None and layer.adc.step.numel() == 1


def window(groups: int = 1) -> Window:
    return Window((3, 3), padding=(1, 1), groups=groups)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: CimConv2d(0, 3, window(), BinaryWeights(), tile_rows=9),
            r"^Channel count must be a positive integer, not 0$",
        ),
        (
            lambda: CimConv2d(4, 3, window(groups=2), BinaryWeights(), tile_rows=9),
            r"^Groups must divide the 3 outputs, not 2$",
        ),
        (
            lambda: whole_kernel_rows((12, 11), 128),
            r"^Kernel of 12 x 11 must fit the 128 rows of an array, and has 132 elements$",
        ),
        (
            lambda: CimStyle(weight_granularity="row"),
            r"^Granularity of weights must be one of layer, array, column, channel, not 'row'$",
        ),
        (
            lambda: CimStyle(sum_granularity="channel"),
            r"^Granularity of partial sums must be one of layer, array, column, not 'channel'$",
        ),
    ],
)
def test_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        make()


def test_bias_adds_to_each_output() -> None:
    bias = Bias(3)
    bias.bias.data = torch.tensor([1.0, 2.0, 3.0])
    assert bias(torch.zeros(2, 3)).tolist() == [[1, 2, 3]] * 2
    assert bias(torch.zeros(1, 3, 2, 1)).flatten().tolist() == [1, 1, 2, 2, 3, 3]
