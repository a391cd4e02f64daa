"""digits-small: scikit-learn's digits on a perceptron of binary weights and exact sums, for the smallest of FPGAs.

Without converters a layer's rows may be cut anywhere, so that a macro of 8 or 16 rows will do: `quadrille generate
--retile`.
"""

from quadrille.algo.nn.models import cim_mlp, float_mlp
from quadrille.algo.nn.recipe import Phase, Recipe

RECIPE = Recipe(
    name="digits-small",
    summary="64-32-10, binary weights, 4-bit activations, exact sums",
    data="digits",
    network=lambda: cim_mlp((8, 8), (32, 10), weight_bits=1, activation_bits=4, tile_rows=64),
    twin=lambda: float_mlp((8, 8), (32, 10)),
    phases=(Phase(epochs=40, learning_rate=1e-2, converters=False),),
    batch=64,
    mantissa_bits=8,
)
