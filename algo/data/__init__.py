"""Real data as integers: data sets by name, each split once into a training and a held-out part; pictures and grids.

`digits` needs nothing; `mnist`, `fashion-mnist` and `cifar10` are read from the folder that QUADRILLE_DATA names.
"""

from .cifar import cifar10
from .coordinates import CoordinateGrid, coordinates_of, grid_of, picture_shape
from .dataset import DATASETS, Dataset, dataset, register
from .digits import digits, four_bits
from .fidelity import psnr
from .folder import DATA_VARIABLE
from .idx import fashion_mnist, mnist
from .pictures import Pixels, centre_crop, clip_of, drawn_picture, photograph, picture_png, read_picture

__all__ = [
    "DATASETS",
    "DATA_VARIABLE",
    "CoordinateGrid",
    "Dataset",
    "Pixels",
    "centre_crop",
    "cifar10",
    "clip_of",
    "coordinates_of",
    "dataset",
    "digits",
    "drawn_picture",
    "fashion_mnist",
    "four_bits",
    "grid_of",
    "mnist",
    "photograph",
    "picture_png",
    "picture_shape",
    "psnr",
    "read_picture",
    "register",
]
