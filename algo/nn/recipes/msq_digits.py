"""msq-digits: a perceptron on scikit-learn's digits whose layers lose bits while it trains, from 8 on (MSQ).

Seconds of training, no data to fetch: for tests, and to try what mixed precision is like. With mantissas of 24 bits the
integer network is the trained model, integer for integer.
"""

from quadrille.algo.nn import Precision, float_mlp, scalable_mlp
from quadrille.algo.nn.bit_pruning import BitPruning
from quadrille.algo.nn.recipe import Phase, Recipe
from quadrille.algo.quant import RoundClampWeights

PRECISION = Precision(bits=8, activation_bits=4, rule=RoundClampWeights)

RECIPE = Recipe(
    name="msq-digits",
    summary="64-128-128-10, weights from 8 bits to a tenth of 32 and less, by layer; 4-bit activations, exact sums",
    data="digits",
    network=lambda: scalable_mlp(PRECISION, (8, 8), (128, 128, 10)),
    twin=lambda: float_mlp((8, 8), (128, 128, 10)),
    phases=(
        Phase(epochs=24, learning_rate=1e-3, last_rate=1e-3, converters=False, prunes=True),
        Phase(epochs=16, learning_rate=1e-3, converters=False),
    ),
    pruning=BitPruning(strength=1e-3, period=2, compression=10.0, probes=20),
    batch=64,
    evaluation_images=450,
    mantissa_bits=24,
)
