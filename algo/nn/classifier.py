"""A trained network as blocks one after the other, each reading what the block before it leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn

from quadrille.algo.quant import PartialSumQuantizer, Quantized, Signal, StaircaseActivation
from quadrille.algo.spec import IntFormat, InvalidInput

from .blocks import CimBlock
from .layer import CimLayer
from .trace import Trace

__all__ = ["CimClassifier"]

SILENT = Trace()


class CimClassifier(nn.Module):
    """Integers of `input_format` in, real logits out: blocks in order, only the last without activation quantizer.

    A block is CimBlock, ResidualBlock, MaxPool, AveragePool or Flatten. `input_step` is what an input integer of 1
    stands for.

    Raises
    ------
    InvalidInput
        If the blocks do not fit one another.
    """

    def __init__(
        self, input_shape: tuple[int, ...], input_format: IntFormat, input_step: float, blocks: Sequence[nn.Module]
    ) -> None:
        if not blocks:
            raise InvalidInput("A classifier must have at least one block, not 0")
        shape: tuple[int, ...] = input_shape
        for block in blocks:
            infer: Callable[[tuple[int, ...]], tuple[int, ...]] | None = getattr(block, "result_shape", None)
            if infer is not None:  # what is no block of ours is refused by the conversion, by its place
                shape = infer(shape)
            if isinstance(block, CimBlock) and (block.activation is None) != (block is blocks[-1]):
                raise InvalidInput(f"Block {block.name!r}: only the last block must be without activation quantizer")
        super().__init__()
        self.input_shape = input_shape
        self.input_format = input_format
        self.input_step = input_step
        self.chain = nn.ModuleList(blocks)

    @property
    def blocks(self) -> Iterator[CimBlock]:
        """The blocks that are one layer each, in order."""
        return (block for block in self.chain if isinstance(block, CimBlock))

    @property
    def layers(self) -> Iterator[CimLayer]:
        """All layers on macros, in order."""
        return (module for module in self.modules() if isinstance(module, CimLayer))

    @property
    def converters(self) -> Iterator[PartialSumQuantizer]:
        """The converters of all layers that have some."""
        return (layer.adc for layer in self.layers if layer.adc is not None)

    def read(self, images: Tensor) -> Quantized:
        """The input integers in the parameters' type, with their step."""
        reference = next(self.parameters())
        code = images.to(reference)
        if code.ndim == 4:
            code = code.contiguous(memory_format=torch.channels_last)
        return Quantized(code, torch.as_tensor(self.input_step).to(reference))

    def forward(self, images: Tensor, trace: Trace = SILENT) -> Tensor:
        """Logits (batch, classes) of integer images (batch, *input_shape)."""
        signal = Signal(self.read(images))
        for block in self.chain:
            signal = block(signal, trace)
        return signal.coarse.code

    @torch.no_grad()
    def calibrate(self, images: Tensor, *, untrained: bool = False) -> None:
        """Switch every ADC on, step and zero point from the sums that `images` cause, layer after layer.

        An `untrained` network takes the statistics of its batch norms and the steps of its activations from `images`
        on the way. The statistics it was made with would leave activations several times smaller than those of its
        first batch, and converters so fine that nearly all of that batch's sums are clipped.
        """

        def calibrate(layer: CimLayer, code: Tensor) -> None:
            if layer.adc is not None:
                layer.adc.calibrate(layer.sampled_sums(code))

        if not untrained:
            self._with_inputs(images, calibrate)
            return
        norms = [module for module in self.modules() if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)]
        momenta = [norm.momentum for norm in norms]
        for norm in norms:
            norm.momentum = 1.0  # the statistics of these images alone
        try:
            self._with_inputs(images, calibrate, training=True)
        finally:
            for norm, momentum in zip(norms, momenta, strict=True):
                norm.momentum = momentum

    @torch.no_grad()
    def freeze(self, images: Tensor | None = None) -> None:
        """Fix the zero point of every ADC that is on: at the mean of the sums that `images` cause, or where it is.

        Where training has left them is what weights and batch norms have been trained with. Moved by as little as one
        code for all columns of an array, they cost a network of 3-bit converters 12 points of accuracy.
        """
        if images is None:
            for adc in self.converters:
                if adc.active:
                    adc.freeze()
            return

        def freeze(layer: CimLayer, code: Tensor) -> None:
            if layer.adc is not None and layer.adc.active:
                layer.adc.freeze(layer.sampled_sums(code))

        self._with_inputs(images, freeze)

    @torch.no_grad()
    def clipped(self, images: Tensor) -> dict[str, float]:
        """The share of the sums of `images` that fall outside the range of their converter, by the layer's name."""
        names = {layer: name for name, layer in self.named_modules() if isinstance(layer, CimLayer)}
        shares: dict[str, float] = {}

        def measure(layer: CimLayer, code: Tensor) -> None:
            if layer.adc is not None and layer.adc.active:
                shares[names[layer]] = layer.adc.clipped(layer.sampled_sums(code))

        self._with_inputs(images, measure)
        return shares

    def _with_inputs(self, images: Tensor, act: Callable[[CimLayer, Tensor], None], *, training: bool = False) -> None:
        """Let `act` see what each layer reads, before the layer computes: it may change it for those that follow.

        In evaluation, or as in `training`.
        """
        was_training = self.training
        self.train(training)

        def before(layer: nn.Module, arguments: tuple[Quantized]) -> None:
            assert isinstance(layer, CimLayer)
            act(layer, arguments[0].code)

        hooks = [layer.register_forward_pre_hook(before) for layer in self.layers]
        try:
            self(images)
        finally:
            for hook in hooks:
                hook.remove()
            self.train(was_training)

    def set_sharpness(self, sharpness: float) -> None:
        """Set the sharpness of every soft staircase."""
        for module in self.modules():
            if isinstance(module, StaircaseActivation):
                module.sharpness = sharpness
