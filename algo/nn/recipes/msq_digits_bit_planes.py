"""msq-digits-bit-planes: msq-digits with every bit of every weight a parameter, which MSQ is measured against.

A digit has to move by 1 to change a bit, a weight by its size: the rates are ten times those of MSQ.
"""

from dataclasses import replace

from quadrille.algo.nn import scalable_mlp
from quadrille.algo.nn.bit_pruning import BitPruning, with_bit_planes

from .msq_digits import PRECISION
from .msq_digits import RECIPE as MSQ

RECIPE = replace(
    MSQ,
    name="msq-digits-bit-planes",
    summary="64-128-128-10, the bits of weights as parameters, pruned from 8 as in msq-digits",
    network=lambda: with_bit_planes(scalable_mlp(PRECISION, (8, 8), (128, 128, 10)), 8),
    phases=tuple(
        replace(phase, learning_rate=10 * phase.learning_rate, last_rate=10 * phase.last_rate) for phase in MSQ.phases
    ),
    pruning=BitPruning(strength=2e-3, period=2, compression=10.0, probes=0, least_bits=2),
)
