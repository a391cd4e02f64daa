"""resnet20-cifar10-w3a3: ResNet-20 on CIFAR-10, 3-bit weights in 1-bit cells, 3-bit activations, 128-row arrays.

Scales of weights and of partial sums are column-wise (ColumnQuant); the converters have 4 bits. The residual stream
keeps 8 bits: 32 of its units make one of the activations'. Everything else is that of the binary recipe.
"""

from dataclasses import replace

from quadrille.algo.nn import CimStyle, resnet20

from .resnet20_cifar10_w1a4 import RECIPE as BINARY

STYLE = CimStyle(array_rows=128, weight_bits=3, cell_bits=1, activation_bits=3, adc_bits=4)

RECIPE = replace(
    BINARY,
    name="resnet20-cifar10-w3a3",
    summary="ResNet-20, 3-bit weights in 1-bit cells, 3-bit activations, 4-bit column-wise ADC on 128-row tiles",
    network=lambda: resnet20(STYLE),
    calibration_images=64,
)
