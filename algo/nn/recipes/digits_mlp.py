"""digits-mlp: scikit-learn's digits on a perceptron of binary weights, for one 128 x 128 macro.

Two phases: a warm start with exact sums, then the converters, calibrated on the partial sums that occur in training.
"""

from quadrille.algo.nn.models import cim_mlp, float_mlp
from quadrille.algo.nn.recipe import Phase, Recipe

RECIPE = Recipe(
    name="digits-mlp",
    summary="64-128-128-10, binary weights, 4-bit activations, 5-bit ADC on 128-row tiles",
    data="digits",
    network=lambda: cim_mlp((8, 8), (128, 128, 10), weight_bits=1, activation_bits=4, adc_bits=5, tile_rows=128),
    twin=lambda: float_mlp((8, 8), (128, 128, 10)),
    phases=(
        Phase(epochs=20, learning_rate=1e-2, converters=False),
        Phase(epochs=20, learning_rate=5e-3, converters=True),
    ),
    batch=64,
)
