"""lenet-fashion-mnist-w3a3: small convolutions on Fashion-MNIST, 3-bit weights in 1-bit cells, 3-bit activations.

Scales of weights and of partial sums are column-wise (ColumnQuant); the converters have 4 bits. Everything else is that
of the binary recipe, the float twin too.
"""

from dataclasses import replace

from quadrille.algo.nn import CimStyle, lenet

from .lenet_fashion_mnist import RECIPE as BINARY

STYLE = CimStyle(array_rows=128, weight_bits=3, cell_bits=1, activation_bits=3, adc_bits=4)

RECIPE = replace(
    BINARY,
    name="lenet-fashion-mnist-w3a3",
    summary="16-32-64 channels of 3 x 3, 3-bit weights in 1-bit cells, 3-bit activations, 4-bit column-wise ADC",
    network=lambda: lenet(STYLE),
    weight_step_rate=0.01,
)
