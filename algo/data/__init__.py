"""Real data as integers: data sets by name, each split once into a training and a held-out part."""

from .dataset import DATASETS, Dataset, dataset, register
from .digits import digits, four_bits

__all__ = ["DATASETS", "Dataset", "dataset", "digits", "four_bits", "register"]
