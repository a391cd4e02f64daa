"""The nodes of each block: the other half of `blocks`, which computes the same integers in floating point.

Beside those of layers there are, for a block named b: `b_stream` (Dequantize or Add, the residual stream) and `b`
(Requantize, what layers read of it), `b_second` and `b_shortcut` (the two branches of a residual block), `b_sum`
(SumPool) and `b` (Requantize) of an average pool, `b` of a MaxPool or Flatten.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from torch import Tensor, nn

from quadrille.algo.quant import ResidualActivation
from quadrille.algo.spec import (
    Adc,
    Add,
    Conv2d,
    Dequantize,
    Input,
    IntFormat,
    IntTensor,
    InvalidInput,
    Linear,
    Node,
    Requantize,
    RowSum,
    SumPool,
    Window,
)
from quadrille.algo.spec import Flatten as FlattenNode
from quadrille.algo.spec import MaxPool as MaxPoolNode
from quadrille.algo.spec import Subsample as SubsampleNode

from .blocks import AveragePool, CimBlock, Flatten, MaxPool, ResidualBlock, Shape, Subsample
from .classifier import CimClassifier
from .convolution import CimConv2d
from .folding import Affine, fold, largest_result, round_to_integers
from .layer import CimLayer
from .norm import Norm

__all__ = ["LOGITS", "Emission", "Wire", "check_blocks"]

LOGITS = IntFormat(16, signed=True)
LEAST_EXPONENT = -40  # of the step of logits
BRANCH = IntFormat(12, signed=True)  # of the two branches of a residual block, in units of its stream
GREATEST_MANTISSA = (1 << 15) - 1
MOST_ADD_SHIFT = 14  # at which 1 is still a mantissa

REPLACEMENTS: dict[str, str] = {
    "Conv2d": "CimConv2d",
    "Linear": "CimLinear",
    "GroupNorm": "BatchNorm2d, which folds into the column factors",
    "LayerNorm": "BatchNorm1d, which folds into the column factors",
    "InstanceNorm2d": "BatchNorm2d, which folds into the column factors",
    "ReLU": "LsqActivation",
    "ReLU6": "LsqActivation",
    "GELU": "LsqActivation",
    "SiLU": "LsqActivation",
    "MaxPool2d": "MaxPool",
    "AvgPool2d": "AveragePool",
    "AdaptiveAvgPool2d": "AveragePool",
    "Dropout": "nothing: at evaluation it does nothing",
    "Identity": "nothing",
    "Softmax": "nothing: the greatest logit is the class",
}


def _refuse(place: str, module: nn.Module, allowed: str) -> None:
    name = type(module).__name__
    hint = f"; what could replace it: {REPLACEMENTS[name]}" if name in REPLACEMENTS else ""
    raise InvalidInput(f"{place} must be {allowed}, not {name}{hint}")


def check_blocks(model: CimClassifier) -> None:
    """Refuse what has no form in integers, by its place in the model.

    Raises
    ------
    InvalidInput
        With the place, and what could stand there.
    """
    for place, block in enumerate(model.chain):
        where = f"Block {place + 1} of {len(model.chain)}"
        if type(block) not in _EMITTERS:
            _refuse(where, block, "CimBlock, ResidualBlock, MaxPool, AveragePool or Flatten")
        norms: list[nn.Module] = []
        if isinstance(block, CimBlock):
            norms = [block.norm]
        elif isinstance(block, ResidualBlock):
            norms = [block.first.norm, block.norm, *([block.shortcut_norm] if block.shortcut_norm else [])]
        for norm in norms:
            if not isinstance(norm, Norm):
                _refuse(f"Norm of block {getattr(block, 'name', place)!r}", norm, "BatchNorm1d, BatchNorm2d or Bias")


@dataclass(frozen=True)
class Wire:
    """A node's integers, each 1 standing for `step`."""

    name: str
    step: float
    format: IntFormat

    @property
    def high(self) -> int:
        """The greatest integer."""
        return self.format.interval.hi


class Emission:
    """The nodes so far, and what the next block reads: `coarse` and, in a residual network, `fine`.

    The first node is `source`, its integers in units of `step`.
    """

    def __init__(self, source: Input, step: float, mantissa_bits: int) -> None:
        self.mantissa_bits = mantissa_bits
        self.nodes: list[Node] = [source]
        self.shape: Shape = source.shape
        self.coarse = Wire(source.name, step, source.format)
        self.fine: Wire | None = None
        self.logit_step = 1.0

    def add(self, block: nn.Module) -> None:
        """The nodes of `block`."""
        _EMITTERS[type(block)](self, block)
        infer: Any = block.result_shape
        self.shape = infer(self.shape)

    def layer(
        self, name: str, layer: CimLayer, norm: Norm, source: Wire, step: float, format: IntFormat, result: str
    ) -> Affine:
        """The nodes of a layer whose Dequantize, called `result`, has `format` in units of `step`."""
        affine = fold(layer, norm, source.step, step)
        self.matrix(name, layer, affine, source, format, result)
        return affine

    def matrix(self, name: str, layer: CimLayer, affine: Affine, source: Wire, format: IntFormat, result: str) -> None:
        """The nodes of a layer with the coefficients `affine`."""
        tiles, _, outputs = layer.columns
        weight = layer.integers().flatten().tolist()
        adc = None
        if layer.adc is not None and layer.converting:
            table = layer.adc.threshold_table()
            thresholds = IntTensor.of(table.flatten().tolist(), tuple(table.shape), "int32")
            adc = Adc(layer.adc.bits, layer.adc.low, thresholds)
        shared: dict[str, Any] = {
            "name": f"{name}_codes",
            "inputs": (source.name,),
            "weight": IntTensor.of(
                weight, tuple(layer.weight.shape), "int8" if layer.encoding.weight_bits <= 8 else "int16"
            ),
            "weight_bits": layer.encoding.weight_bits,
            "cell_bits": layer.encoding.cell_bits,
            "differential": layer.encoding.differential,
            "tile_rows": layer.tile_rows,
            "adc": adc,
        }
        window = layer.window if isinstance(layer, CimConv2d) else None
        self.nodes.append(Linear(**shared) if window is None else Conv2d(**shared, window=window))
        folded = round_to_integers(affine, self.mantissa_bits, name)
        kind = "int16" if self.mantissa_bits <= 16 else "int32"
        inputs: tuple[str, ...] = (f"{name}_codes",)
        sum_mantissa = None
        if folded.sum_mantissa is not None:
            sums = RowSum(name=f"{name}_sums", inputs=(source.name,), tile_rows=layer.tile_rows, window=window)
            self.nodes.append(sums)
            inputs = (*inputs, sums.name)
            sum_mantissa = IntTensor.of(folded.sum_mantissa, (tiles, outputs), kind)
        self.nodes.append(
            Dequantize(
                name=result,
                inputs=inputs,
                mantissa=IntTensor.of(folded.mantissa, layer.columns, kind),
                bias=IntTensor.of(folded.bias, (outputs,), "int64"),
                shift=folded.shift,
                format=format,
                sum_mantissa=sum_mantissa,
            )
        )

    def stream(self, name: str, activation: ResidualActivation) -> None:
        """The coarse integers of the stream that the node `name`_stream holds; both become what is read."""
        step = one_step(name, activation.step)
        self.fine = Wire(f"{name}_stream", step / (1 << activation.fraction_bits), activation.fine_format)
        self.coarse = Wire(name, step, activation.format)
        self.nodes.append(
            Requantize(
                name=name,
                inputs=(self.fine.name,),
                mantissa=1,
                shift=activation.fraction_bits,
                format=activation.format,
            )
        )


def one_step(name: str, step: Tensor) -> float:
    """The one step of the activations of block `name`."""
    if step.numel() != 1:
        raise InvalidInput(f"Block {name!r}: activations must have one step, not {step.numel()}")
    return float(step.detach().abs().reshape(()))


def _block(emission: Emission, block: CimBlock) -> None:
    name, source, activation = block.name, emission.coarse, block.activation
    if activation is None:
        _logits(emission, block)
    elif isinstance(activation, ResidualActivation):
        unit = one_step(name, activation.step) / (1 << activation.fraction_bits)
        emission.layer(name, block.layer, block.norm, source, unit, activation.fine_format, f"{name}_stream")
        emission.stream(name, activation)
    else:
        step = one_step(name, activation.step)
        emission.layer(name, block.layer, block.norm, source, step, activation.format, name)
        emission.coarse, emission.fine = Wire(name, step, activation.format), None


def _logits(emission: Emission, block: CimBlock) -> None:
    source = emission.coarse
    affine = fold(block.layer, block.norm, source.step, 1.0)
    bound = largest_result(affine, block.layer, source.high)
    largest = max(map(abs, (*affine.columns, *(affine.sums or ()))))
    # One less than the format and the mantissa hold: what rounding may add.
    highest, most = LOGITS.interval.hi - 1, (1 << (emission.mantissa_bits - 1)) - 2
    exponent = LEAST_EXPONENT
    while bound > highest * Fraction(2) ** exponent or largest > most * Fraction(2) ** exponent:
        exponent += 1
    emission.logit_step = 2.0**exponent
    emission.layer(block.name, block.layer, block.norm, source, emission.logit_step, LOGITS, block.name)
    emission.coarse, emission.fine = Wire(block.name, emission.logit_step, LOGITS), None


def _residual(emission: Emission, block: ResidualBlock) -> None:
    outer, stream = emission.coarse, emission.fine
    if stream is None:
        raise InvalidInput(f"Block {block.name!r} must follow a block with a residual stream, and does not")
    name, activation = block.name, block.activation
    unit = one_step(name, activation.step) / (1 << activation.fraction_bits)
    _block(emission, block.first)
    emission.layer(f"{name}_second", block.second, block.norm, emission.coarse, unit, BRANCH, f"{name}_second")
    branch, ratio = stream.name, Fraction(stream.step) / Fraction(unit)
    if isinstance(block.shortcut, CimConv2d):
        assert block.shortcut_norm is not None
        branch, ratio = f"{name}_shortcut", Fraction(1)
        emission.layer(branch, block.shortcut, block.shortcut_norm, outer, unit, BRANCH, branch)
    elif isinstance(block.shortcut, Subsample):
        branch = f"{name}_shortcut"
        emission.nodes.append(
            SubsampleNode(
                name=branch, inputs=(stream.name,), stride=block.shortcut.stride, channels=block.shortcut.channels
            )
        )
    if round(ratio) > GREATEST_MANTISSA:
        raise InvalidInput(
            f"Block {name!r}: step of the shortcut must be at most {GREATEST_MANTISSA} times that of the sum, "
            f"not {float(ratio):g} times"
        )
    shift = next(n for n in range(MOST_ADD_SHIFT, -1, -1) if round(ratio * (1 << n)) <= GREATEST_MANTISSA)
    emission.nodes.append(
        Add(
            name=f"{name}_stream",
            inputs=(f"{name}_second", branch),
            mantissas=(1 << shift, round(ratio * (1 << shift))),
            shift=shift,
            format=activation.fine_format,
        )
    )
    emission.stream(name, activation)


def _max_pool(emission: Emission, block: MaxPool) -> None:
    window = Window((block.size, block.size), (block.stride, block.stride))
    emission.nodes.append(MaxPoolNode(name=block.name, inputs=(emission.coarse.name,), window=window))
    emission.coarse, emission.fine = Wire(block.name, emission.coarse.step, emission.coarse.format), None


def _average_pool(emission: Emission, block: AveragePool) -> None:
    source = emission.coarse if emission.fine is None else emission.fine
    window = Window(emission.shape[1:], emission.shape[1:])
    shift = next(n for n in range(30, -1, -1) if round(Fraction(1 << n, window.taps)) <= GREATEST_MANTISSA)
    mantissa = round(Fraction(1 << shift, window.taps))
    while mantissa % 2 == 0 and shift:
        mantissa, shift = mantissa // 2, shift - 1
    total = SumPool(name=f"{block.name}_sum", inputs=(source.name,), window=window)
    mean = Requantize(name=block.name, inputs=(total.name,), mantissa=mantissa, shift=shift, format=source.format)
    emission.nodes += [total, mean]
    emission.coarse, emission.fine = Wire(block.name, source.step, source.format), None


def _flatten(emission: Emission, block: Flatten) -> None:
    emission.nodes.append(FlattenNode(name=block.name, inputs=(emission.coarse.name,)))
    emission.coarse, emission.fine = Wire(block.name, emission.coarse.step, emission.coarse.format), None


_EMITTERS: dict[type[nn.Module], Callable[[Emission, Any], None]] = {
    CimBlock: _block,
    ResidualBlock: _residual,
    MaxPool: _max_pool,
    AveragePool: _average_pool,
    Flatten: _flatten,
}
