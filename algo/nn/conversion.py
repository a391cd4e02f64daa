"""From a trained, fake-quantized classifier to a Network of integers, with a report of what that changed.

The Network's nodes: `image`; for a block named b `b_codes` (Linear), `b_sums` (RowSum, where the weights have an
offset) and `b` (Dequantize); `class` (Argmax). Everything is computed from float64 copies of the parameters.
"""

from __future__ import annotations

import copy
from fractions import Fraction

import numpy as np
import torch
from torch import Tensor

from quadrille.algo.integer import execute
from quadrille.algo.quant import round_half_up
from quadrille.algo.spec import (
    Adc,
    Argmax,
    Dequantize,
    Input,
    IntFormat,
    IntTensor,
    InvalidInput,
    Linear,
    Network,
    Node,
    RowSum,
)

from .classifier import CimBlock, CimClassifier
from .folding import Affine, fold, largest_result, round_to_integers
from .report import Conversion, ConversionReport, LayerDifference

__all__ = ["convert", "model_integers"]

LOGITS = IntFormat(16, signed=True)
LEAST_EXPONENT = -40  # of the step of logits


def convert(
    model: CimClassifier,
    calibration_images: np.ndarray,
    *,
    images: np.ndarray | None = None,
    labels: np.ndarray | None = None,
    name: str = "network",
    mantissa_bits: int = 16,
    notes: dict[str, str] | None = None,
) -> Conversion:
    """The Network of `model`, and how its integers differ from the model's on `images` (else the calibration images).

    Zero points of the ADC that are not frozen yet are frozen by `calibration_images`. `labels`, those of `images`, add
    the accuracies. Logits become signed 16-bit integers whose step is the least power of two at which no input can
    saturate them and the mantissas fit.

    Raises
    ------
    InvalidInput
        If images have another shape or values outside the input's format, images and labels differ in number, or a
        coefficient does not fit its mantissa.
    """
    compared = calibration_images if images is None else images
    _check_images("Calibration images", calibration_images, model)
    _check_images("Images", compared, model)
    if labels is not None and len(labels) != len(compared):
        raise InvalidInput(f"Labels must be one for each of {len(compared)} images, not {len(labels)}")
    exact = copy.deepcopy(model).cpu().double().eval()
    if any(b.linear.adc is not None and b.linear.adc.active and not b.linear.adc.frozen for b in exact.blocks):
        exact.freeze(torch.tensor(calibration_images))
    nodes: list[Node] = [Input(name="image", shape=exact.input_shape, format=exact.input_format)]
    steps: dict[str, float] = {}
    source, source_step, source_high = "image", exact.input_step, exact.input_format.interval.hi
    for block in exact.blocks:
        step, format = _result(block, source_step, source_high, mantissa_bits)
        steps[block.name] = step
        nodes += _nodes(block, fold(block, source_step, step), source, format, mantissa_bits)
        source, source_step, source_high = block.name, step, format.interval.hi
    nodes.append(Argmax(name="class", inputs=(source,)))
    network = Network(name, tuple(nodes), notes or {})
    report = _compared(exact, network, compared, labels, steps, mantissa_bits)
    return Conversion(network, report)


def _check_images(noun: str, images: np.ndarray, model: CimClassifier) -> None:
    interval = model.input_format.interval
    if images.ndim == 0 or len(images) == 0 or images.shape[1:] != model.input_shape:
        raise InvalidInput(
            f"{noun} must be one or more of shape {list(model.input_shape)}, not an array of shape {list(images.shape)}"
        )
    if images.min() < interval.lo or images.max() > interval.hi:
        raise InvalidInput(f"{noun} must lie in {interval}, not in [{images.min()}, {images.max()}]")


def _result(block: CimBlock, source_step: float, source_high: int, mantissa_bits: int) -> tuple[float, IntFormat]:
    """The step and format of what leaves `block`."""
    if block.activation is not None:
        step = block.activation.step.detach().abs()
        if step.numel() != 1:
            raise InvalidInput(f"Block {block.name!r}: activations must have one step, not {step.numel()}")
        return float(step.reshape(())), block.activation.format
    affine = fold(block, source_step, 1.0)
    bound = largest_result(affine, block.linear, source_high)
    largest = max(map(abs, (*affine.columns, *(affine.sums or ()))))
    # One less than the format and the mantissa hold: what rounding may add.
    highest, most = LOGITS.interval.hi - 1, (1 << (mantissa_bits - 1)) - 2
    exponent = LEAST_EXPONENT
    while bound > highest * Fraction(2) ** exponent or largest > most * Fraction(2) ** exponent:
        exponent += 1
    return 2.0**exponent, LOGITS


def _nodes(block: CimBlock, affine: Affine, source: str, format: IntFormat, mantissa_bits: int) -> list[Node]:
    """The nodes of one block, reading node `source`."""
    linear = block.linear
    tiles, _, outputs = linear.columns
    weight = linear.weights.to_int(linear.weight).flatten().tolist()
    adc = None
    if linear.adc is not None and linear.adc.active:
        table = linear.adc.threshold_table()
        thresholds = IntTensor.of(table.flatten().tolist(), tuple(table.shape), "int32")
        adc = Adc(linear.adc.bits, linear.adc.low, thresholds)
    codes = Linear(
        name=f"{block.name}_codes",
        inputs=(source,),
        weight=IntTensor.of(weight, (outputs, linear.inputs), "int8"),
        weight_bits=linear.encoding.weight_bits,
        cell_bits=linear.encoding.cell_bits,
        tile_rows=linear.tile_rows,
        adc=adc,
    )
    folded = round_to_integers(affine, mantissa_bits, block.name)
    nodes: list[Node] = [codes]
    inputs = (codes.name,)
    sum_mantissa = None
    if folded.sum_mantissa is not None:
        nodes.append(RowSum(name=f"{block.name}_sums", inputs=(source,), tile_rows=linear.tile_rows))
        inputs = (codes.name, f"{block.name}_sums")
        sum_mantissa = IntTensor.of(folded.sum_mantissa, (tiles, outputs), "int16")
    nodes.append(
        Dequantize(
            name=block.name,
            inputs=inputs,
            mantissa=IntTensor.of(folded.mantissa, linear.columns, "int16"),
            bias=IntTensor.of(folded.bias, (outputs,), "int64"),
            shift=folded.shift,
            format=format,
            sum_mantissa=sum_mantissa,
        )
    )
    return nodes


@torch.no_grad()
def model_integers(
    model: CimClassifier, images: np.ndarray, logit_step: float, sources: dict[str, Tensor] | None = None
) -> dict[str, np.ndarray]:
    """The integers that the fake-quantized `model` itself has at each node of its Network, by the node's name.

    `sources`, where given, replaces what each block reads by the integers of that name: a block then answers for its
    own differences alone. The logits are counted in steps of `logit_step`.
    """
    result: dict[str, Tensor] = {}
    source = model.read(torch.tensor(images))
    name = "image"
    for block in model.blocks:
        if sources is not None and name != "image":
            source = source._replace(code=sources[name].to(source.code))
        result[f"{block.name}_codes"] = block.linear.to_int(source.code)
        result[f"{block.name}_sums"] = block.linear.row_sums(source.code).to(torch.int64)
        real = block.real(source)
        if block.activation is None:
            integers = round_half_up(real / logit_step).clamp(LOGITS.interval.lo, LOGITS.interval.hi)
            result["class"] = integers.argmax(dim=1)
        else:
            source = block.activation(real)
            integers = source.code
        result[block.name] = integers.to(torch.int64)
        name = block.name
    return {name: tensor.numpy() for name, tensor in result.items()}


def _compared(
    model: CimClassifier,
    network: Network,
    images: np.ndarray,
    labels: np.ndarray | None,
    steps: dict[str, float],
    mantissa_bits: int,
) -> ConversionReport:
    integers = execute(network, images)
    logit_step = steps[list(steps)[-1]]
    chained = model_integers(model, images, logit_step)
    tensors = {name: torch.tensor(np.asarray(integers[name])) for name in steps}
    alone = model_integers(model, images, logit_step, tensors)
    layers = tuple(
        LayerDifference.between(node, integers[node.name], chained[node.name], alone[node.name])
        for node in network.nodes[1:]
    )
    accuracies = None
    if labels is not None:
        accuracies = tuple(float(np.mean(result["class"] == labels)) for result in (chained, integers))
    return ConversionReport(
        images=len(images),
        mantissa_bits=mantissa_bits,
        logit_step=logit_step,
        layers=layers,
        model_accuracy=None if accuracies is None else accuracies[0],
        integer_accuracy=None if accuracies is None else accuracies[1],
    )
