"""random-precision-digits: a perceptron on scikit-learn's digits, trained to be read at precisions drawn at random.

Every batch draws 8, 6, 5 or 4 bits and is attacked at them: one step of 2 of the 15 grey levels, from a random start.
"""

from functools import partial

from quadrille.algo.nn import ModesRecipe, Precision, scalable_mlp
from quadrille.algo.nn.attack import Attack
from quadrille.algo.nn.random_precision import RandomPrecision
from quadrille.algo.nn.recipe import Phase, Schedule
from quadrille.algo.quant import PerChannel

RECIPE = ModesRecipe(
    name="random-precision-digits",
    summary="64-64-64-10 of 8, 6, 5 or 4 bits, drawn for each batch of adversarial images",
    data="digits",
    network=partial(scalable_mlp, shape=(8, 8), widths=(64, 64, 10)),
    bits=(8, 6, 5, 4),
    precision=Precision(granularity=PerChannel(0)),
    objective=RandomPrecision(Attack(epsilon=2, step=2, random_start=True)),
    phases=(Phase(epochs=30, learning_rate=1e-2, schedule=Schedule.ONE_CYCLE, converters=False),),
    batch=64,
    evaluation_images=450,
)
