"""truncquant-fashion-mnist: one small convolutional network at 8, 4 and 2 bits; fewer bits are the leading ones of 8.

Activations have k bits in mode k, images 8 in all. Weights have k bits but for those of the first and the last layer,
which keep their 8 in every mode: with k bits there too, mode 2 was a point and a half worse. Sums are exact.
"""

from quadrille.algo.nn import ModesRecipe, Precision, scalable_lenet
from quadrille.algo.nn.recipe import Phase, Schedule
from quadrille.algo.quant import PerChannel

RECIPE = ModesRecipe(
    name="truncquant-fashion-mnist",
    summary="16-32 channels of 5 x 5 and a linear layer; weights stored once with 8 bits, read with 8, 4 or 2 inside",
    data="fashion-mnist",
    network=scalable_lenet,
    bits=(8, 4, 2),
    precision=Precision(granularity=PerChannel(0), edge_bits=8),
    distillation=0.1,
    phases=(Phase(epochs=6, learning_rate=1e-2, schedule=Schedule.ONE_CYCLE, converters=False),),
    batch=256,
    most_shift=1,
    shift_share=0.5,
    flip=True,
    evaluation_images=1000,
)
