"""From a trained, fake-quantized classifier to a Network of integers, with a report of what that changed.

The Network's nodes: `image`; for a layer named b `b_codes` (Linear or Conv2d), `b_sums` (RowSum, where the weights have
an offset) and `b` (Dequantize); the others in `emission`; `class` (Argmax). Everything is computed from float64 copies
of the parameters.
"""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import Tensor, nn

from quadrille.algo.integer import execute
from quadrille.algo.spec import Argmax, Input, InvalidInput, Network, Node

from .classifier import CimClassifier
from .emission import LOGITS, Emission, check_blocks
from .report import Conversion, ConversionReport, LayerDifference
from .run import answers
from .trace import IntegerTrace

__all__ = ["convert", "model_integers"]

COMPARED_ELEMENTS = 1 << 26  # integers of all nodes and images that are compared, each by each


def convert(
    model: CimClassifier,
    calibration_images: np.ndarray,
    *,
    images: np.ndarray | None = None,
    labels: np.ndarray | None = None,
    name: str = "network",
    mantissa_bits: int = 16,
    most_clipped: float = 1.0,
    notes: dict[str, str] | None = None,
) -> Conversion:
    """The Network of `model`, and how its integers differ from the model's on `images` (else the calibration images).

    Zero points of the ADC that are not frozen yet are frozen by `calibration_images`. `labels`, those of `images`, add
    the accuracies on all of them; of large networks only the first images are compared integer by integer. Logits
    become signed 16-bit integers whose step is the least power of two at which no input can saturate them and the
    mantissas fit.

    Raises
    ------
    InvalidInput
        If images have another shape or values outside the input's format, images and labels differ in number, a block
        has no form in integers, a parameter is no number, an ADC clips more than the share `most_clipped` of the sums
        of the calibration images, or a coefficient does not fit its mantissa.
    """
    compared = calibration_images if images is None else images
    _check_images("Calibration images", calibration_images, model)
    _check_images("Images", compared, model)
    if labels is not None and len(labels) != len(compared):
        raise InvalidInput(f"Labels must be one for each of {len(compared)} images, not {len(labels)}")
    check_blocks(model)
    _check_numbers(model)
    exact = copy.deepcopy(model).cpu().double().eval()
    if any(adc.active and not adc.frozen for adc in exact.converters):
        exact.freeze(torch.tensor(calibration_images))
    source = Input(name="image", shape=model.input_shape, format=model.input_format)
    emission = Emission(source, model.input_step, mantissa_bits)
    for block in exact.chain:
        emission.add(block)
    emission.nodes.append(Argmax(name="class", inputs=(emission.coarse.name,)))
    network = Network(name, _read(emission.nodes), notes or {})
    few = max(1, COMPARED_ELEMENTS // sum(int(np.prod(edge.shape)) for edge in network.edges.values()))
    clipped = exact.clipped(torch.tensor(calibration_images[:few]))
    for layer, share in clipped.items():
        if share > most_clipped:
            raise InvalidInput(
                f"ADC of layer {layer!r} must clip at most {most_clipped:.2%} of the sums of the calibration images, "
                f"not {share:.2%}"
            )
    report = _compared(exact, network, compared, labels, emission.logit_step, mantissa_bits, few, clipped)
    return Conversion(network, report)


def _check_images(noun: str, images: np.ndarray, model: CimClassifier) -> None:
    interval = model.input_format.interval
    if images.ndim == 0 or len(images) == 0 or images.shape[1:] != model.input_shape:
        raise InvalidInput(
            f"{noun} must be one or more of shape {list(model.input_shape)}, not an array of shape {list(images.shape)}"
        )
    if images.min() < interval.lo or images.max() > interval.hi:
        raise InvalidInput(f"{noun} must lie in {interval}, not in [{images.min()}, {images.max()}]")


def _check_numbers(model: nn.Module) -> None:
    for name, tensor in model.state_dict().items():
        if not bool(torch.isfinite(tensor).all()):
            count = int((~torch.isfinite(tensor)).sum())
            raise InvalidInput(f"Parameter {name!r} must hold finite numbers, and {count} of its elements are none")


def _read(nodes: list[Node]) -> tuple[Node, ...]:
    """The nodes without those that nothing reads: a last block has finer integers than anyone wants, or coarser."""
    kept, read = [nodes[-1]], set(nodes[-1].inputs)
    for node in reversed(nodes[:-1]):
        if node.name in read:
            kept.append(node)
            read |= set(node.inputs)
    return tuple(reversed(kept))


@torch.no_grad()
def model_integers(
    model: CimClassifier, images: np.ndarray, logit_step: float, sources: dict[str, Tensor] | None = None
) -> dict[str, np.ndarray]:
    """The integers that the fake-quantized `model` itself has at each node of its Network, by the node's name.

    `sources`, where given, replaces what each block reads by the integers of that name: a block then answers for its
    own differences alone. The logits are counted in steps of `logit_step`.
    """
    trace = IntegerTrace(logit_step, LOGITS.interval.lo, LOGITS.interval.hi, sources)
    model(torch.tensor(images), trace)
    return {name: tensor.numpy() for name, tensor in trace.seen.items()}


def _compared(
    model: CimClassifier,
    network: Network,
    images: np.ndarray,
    labels: np.ndarray | None,
    logit_step: float,
    mantissa_bits: int,
    few: int,
    clipped: dict[str, float],
) -> ConversionReport:
    first = images[:few]
    integers = execute(network, first)
    chained = model_integers(model, first, logit_step)
    sources = {name: torch.tensor(np.asarray(array)) for name, array in integers.items()}
    alone = model_integers(model, first, logit_step, sources)
    layers = tuple(
        LayerDifference.between(node, integers[node.name], chained[node.name], alone[node.name])
        for node in network.nodes[1:]
    )
    accuracies = None
    if labels is not None:
        if len(first) == len(images):
            classes = [chained["class"], integers["class"]]
        else:
            classes = [answers(model, images, torch.float32), execute(network, images, keep={"class"})["class"]]
        accuracies = [float(np.mean(each == labels)) for each in classes]
    return ConversionReport(
        images=len(images),
        compared=len(first),
        mantissa_bits=mantissa_bits,
        logit_step=logit_step,
        layers=layers,
        clipped=clipped,
        model_accuracy=None if accuracies is None else accuracies[0],
        integer_accuracy=None if accuracies is None else accuracies[1],
    )
