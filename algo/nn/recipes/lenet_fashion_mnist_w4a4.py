"""lenet-fashion-mnist-w4a4: small convolutions on Fashion-MNIST, 4-bit weights in 2-bit cells, 4-bit activations.

Scales of weights and of partial sums are column-wise (ColumnQuant); the converters have 5 bits. Everything else is that
of the binary recipe, the float twin too.
"""

from dataclasses import replace

from quadrille.algo.nn import CimStyle, lenet

from .lenet_fashion_mnist import RECIPE as BINARY

STYLE = CimStyle(array_rows=128, weight_bits=4, cell_bits=2, activation_bits=4, adc_bits=5)

RECIPE = replace(
    BINARY,
    name="lenet-fashion-mnist-w4a4",
    summary="16-32-64 channels of 3 x 3, 4-bit weights in 2-bit cells, 4-bit activations, 5-bit column-wise ADC",
    network=lambda: lenet(STYLE),
    weight_step_rate=0.01,
)
