"""A trained network as a chain of macro layers, each with batch norm and an activation quantizer."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from quadrille.algo.quant import Lsq, Quantized, StaircaseActivation
from quadrille.algo.spec import IntFormat, InvalidInput

from .linear import CimLinear

__all__ = ["CimBlock", "CimClassifier"]


class CimBlock(nn.Module):
    """A layer: column results, batch norm, and the quantizer of its activations (None for logits)."""

    def __init__(
        self, name: str, linear: CimLinear, norm: nn.BatchNorm1d, activation: StaircaseActivation | Lsq | None
    ) -> None:
        super().__init__()
        self.name = name
        self.linear = linear
        self.norm = norm
        self.activation = activation

    def real(self, source: Quantized) -> Tensor:
        """What the layer computes before its result is quantized."""
        return self.norm(self.linear(source))


class CimClassifier(nn.Module):
    """Integers of `input_format` in, real logits out: blocks in a chain, only the last without activation quantizer.

    `input_step` is what an input integer of 1 stands for.

    Raises
    ------
    InvalidInput
        If the blocks make no such chain.
    """

    def __init__(
        self, input_shape: tuple[int, ...], input_format: IntFormat, input_step: float, blocks: list[CimBlock]
    ) -> None:
        if not blocks:
            raise InvalidInput("A classifier must have at least one block, not 0")
        size = 1
        for axis in input_shape:
            size *= axis
        for block in blocks:
            if block.linear.inputs != size:
                raise InvalidInput(f"Block {block.name!r} must have {size} inputs, not {block.linear.inputs}")
            if (block.activation is None) != (block is blocks[-1]):
                raise InvalidInput(f"Block {block.name!r}: only the last block must be without activation quantizer")
            size = block.linear.outputs
        super().__init__()
        self.input_shape = input_shape
        self.input_format = input_format
        self.input_step = input_step
        self.chain = nn.ModuleList(blocks)

    @property
    def blocks(self) -> Iterator[CimBlock]:
        """The layers in order."""
        for block in self.chain:
            assert isinstance(block, CimBlock)
            yield block

    def read(self, images: Tensor) -> Quantized:
        """The input integers, one row for each image, in the parameters' type, with their step."""
        reference = next(self.parameters())
        return Quantized(images.flatten(1).to(reference), torch.as_tensor(self.input_step).to(reference))

    def forward(self, images: Tensor) -> Tensor:
        """Logits (batch, classes) of integer images (batch, *input_shape)."""
        source = self.read(images)
        logits = None
        for block in self.blocks:
            result = block.real(source)
            if block.activation is None:
                logits = result
            else:
                source = block.activation(result)
        assert logits is not None
        return logits

    def layer_inputs(self, images: Tensor) -> Iterator[tuple[CimBlock, Quantized]]:
        """Each block with the activations that it reads, computed lazily: a block may be changed before the next."""
        source = self.read(images)
        for block in self.blocks:
            yield block, source
            if block.activation is not None:
                source = block.activation(block.real(source))

    @torch.no_grad()
    def calibrate(self, images: Tensor) -> None:
        """Switch every ADC on, step and zero point from the sums that `images` cause, layer after layer."""
        self._with_sums(images, "calibrate")

    @torch.no_grad()
    def freeze(self, images: Tensor) -> None:
        """Fix the zero point of every ADC that is on at the mean of the sums that `images` cause."""
        self._with_sums(images, "freeze")

    def _with_sums(self, images: Tensor, action: str) -> None:
        training = self.training
        self.eval()
        for block, source in self.layer_inputs(images):
            adc = block.linear.adc
            if adc is not None and action == "calibrate":
                adc.calibrate(block.linear.exact_sums(source.code))
            elif adc is not None and adc.active:
                adc.freeze(block.linear.exact_sums(source.code))
        self.train(training)

    def set_sharpness(self, sharpness: float) -> None:
        """Set the sharpness of every soft staircase."""
        for block in self.blocks:
            if isinstance(block.activation, StaircaseActivation):
                block.activation.sharpness = sharpness
