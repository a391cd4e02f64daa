"""truncquant-digits: a perceptron on scikit-learn's digits at 8, 4, 2 and 1 bits; fewer bits are the leading ones of 8.

Seconds of training, no data to fetch: for tests, and to try what several precisions are like.
"""

from functools import partial

from quadrille.algo.nn import ModesRecipe, Precision, scalable_mlp
from quadrille.algo.nn.recipe import Phase, Schedule
from quadrille.algo.quant import PerChannel

RECIPE = ModesRecipe(
    name="truncquant-digits",
    summary="64-64-10; weights stored once with 8 bits, read with 8, 4, 2 or 1",
    data="digits",
    network=partial(scalable_mlp, shape=(8, 8), widths=(64, 10)),
    bits=(8, 4, 2, 1),
    precision=Precision(granularity=PerChannel(0)),
    distillation=0.1,
    phases=(Phase(epochs=30, learning_rate=1e-2, schedule=Schedule.ONE_CYCLE, converters=False),),
    batch=64,
)
