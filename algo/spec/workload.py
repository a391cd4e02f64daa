"""What a Network multiplies: products of each layer and the bits of their operands, whatever the hardware."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from .linear import Conv2d, Linear
from .network import Network
from .precision import MacMode, Operand, Scheme

__all__ = ["LayerWorkload", "layer_workloads"]


@dataclass(frozen=True)
class LayerWorkload:
    """The products of one layer for one image: `products` of `weight_bits` by `activation_bits` bits."""

    name: str
    products: int
    weights: int
    weight_bits: int
    activation_bits: int
    activation_signed: bool = False

    @property
    def bit_products(self) -> int:
        """Products of single bits: the measure of energy that the literature on precision scaling uses."""
        return self.products * self.weight_bits * self.activation_bits

    @property
    def mode(self) -> MacMode:
        """The precisions of its dot products: `a` the weight, `b` the activation."""
        weight = Operand(self.weight_bits, signed=True)
        return MacMode(weight, Operand(self.activation_bits, self.activation_signed))

    def unit_cycles(self, scheme: Scheme) -> int:
        """Cycles of one multiply-accumulate unit for the products of an image, if it is never short of operands."""
        rate = scheme.rate(self.mode)
        return -(-self.products * rate.denominator // rate.numerator)


def layer_workloads(network: Network) -> tuple[LayerWorkload, ...]:
    """The products of every layer on macros, in order; sums of rows alone and the rest of the network not counted."""
    layers: list[LayerWorkload] = []
    for node in network.nodes:
        if not isinstance(node, Linear | Conv2d):
            continue
        source = network.input_edges(node)[0]
        windows = prod(network.edges[node.name].shape[3:])
        layers.append(
            LayerWorkload(
                name=node.name.removesuffix("_codes"),
                products=windows * node.outputs * node.rows,
                weights=node.outputs * node.rows,
                weight_bits=node.weight_bits,
                activation_bits=source.format.bits,
                activation_signed=source.format.signed,
            )
        )
    return tuple(layers)
