"""How sharply the loss bends in each layer's weights: the trace of the Hessian by Hutchinson's estimator.

`trace(H) = E[v^T H v]` for v of independent signs. The second derivatives are those of the loss at the quantized
weights, in their real units, the quantizers of activations passing gradients as in training.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from quadrille.algo.quant import QuantizedWeight
from quadrille.algo.spec import InvalidInput

from .classifier import CimClassifier

__all__ = ["weight_traces"]


def weight_traces(
    model: CimClassifier, images: Tensor, labels: Tensor, *, probes: int = 50, seed: int = 0
) -> list[float]:
    """The trace of the Hessian of the mean cross-entropy on `images`, for the weights of each layer in order.

    In evaluation mode; `probes` draws of signs, all layers together in each: what they have in common is 0 on average.
    Source: HAWQ-V2 (NeurIPS 2020) for the use of the trace, as MSQ (arXiv 2507.22349) has it.

    Raises
    ------
    InvalidInput
        If there is no probe.
    """
    if probes < 1:
        raise InvalidInput(f"Probes of a Hessian must be a positive integer, not {probes}")
    held: list[tuple[Tensor, Tensor]] = []

    def hold(module: nn.Module, arguments: object, result: QuantizedWeight) -> QuantizedWeight:
        leaf = result.integer.detach().requires_grad_()
        held.append((leaf, result.scale.detach()))
        return result._replace(integer=leaf)

    training = model.training
    hooks = [layer.weights.register_forward_hook(hold) for layer in model.layers]
    try:
        model.eval()
        loss = F.cross_entropy(model(images), labels)
    finally:
        for hook in hooks:
            hook.remove()
        model.train(training)
    leaves = [leaf for leaf, _ in held]
    gradients = torch.autograd.grad(loss, leaves, create_graph=True)
    generator = np.random.default_rng(seed)
    totals = np.zeros(len(leaves))
    for _ in range(probes):
        signs = [torch.tensor(generator.choice([-1.0, 1.0], tuple(leaf.shape))).to(leaf) for leaf in leaves]
        products = torch.autograd.grad(gradients, leaves, signs, retain_graph=True)
        for index, (product, sign, (_, scale)) in enumerate(zip(products, signs, held, strict=True)):
            totals[index] += float((product * sign / scale**2).sum())
    return [float(total) / probes for total in totals]
