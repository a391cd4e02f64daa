"""quadinr: one picture as a coordinate network with QuadINR's quadratic wave, in integers of 12 bits.

2-64-64-64-1 on 256 x 256 pixels; trained in floating point, then in fixed point. `--image` names the picture.
"""

from quadrille.algo.nn.inr import PictureOptions, PictureRecipe

RECIPE = PictureRecipe(
    name="quadinr",
    summary="a picture as a perceptron of its coordinates, three hidden layers of 64, quadratic waves",
    options=PictureOptions(wave="quad", frequency=60.0, steps=6000, tuning_steps=1200, batch=2048, learning_rate=7e-4),
)
