"""truncquant-fashion-mnist: one small convolutional network at 8, 4 and 2 bits; fewer bits are the leading ones of 8.

Weights and activations have k bits in mode k, in every layer; images have 8 in all modes. Sums are exact.
"""

from quadrille.algo.nn import ModesRecipe, Precision, scalable_lenet
from quadrille.algo.nn.recipe import Phase, Schedule
from quadrille.algo.quant import PerChannel

RECIPE = ModesRecipe(
    name="truncquant-fashion-mnist",
    summary="16-32 channels of 5 x 5 and a linear layer; weights stored once with 8 bits, read with 8, 4 or 2",
    data="fashion-mnist",
    network=scalable_lenet,
    bits=(8, 4, 2),
    precision=Precision(granularity=PerChannel(0)),
    distillation=0.1,
    phases=(Phase(epochs=8, learning_rate=1e-2, schedule=Schedule.ONE_CYCLE, converters=False),),
    batch=256,
    most_shift=1,
    shift_share=0.5,
    flip=True,
    evaluation_images=1000,
)
