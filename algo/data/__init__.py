"""Real data as integers: data sets by name, each split once into a training and a held-out part.

`digits` needs nothing; `mnist`, `fashion-mnist` and `cifar10` are read from the folder that QUADRILLE_DATA names.
"""

from .cifar import cifar10
from .dataset import DATASETS, Dataset, dataset, register
from .digits import digits, four_bits
from .folder import DATA_VARIABLE
from .idx import fashion_mnist, mnist

__all__ = [
    "DATASETS",
    "DATA_VARIABLE",
    "Dataset",
    "cifar10",
    "dataset",
    "digits",
    "fashion_mnist",
    "four_bits",
    "mnist",
    "register",
]
