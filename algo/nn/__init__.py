"""torch layers made of quantizers, models, training recipes, and conversion of a trained model to a Network."""

from .architecture import CimStyle
from .blocks import AveragePool, CimBlock, Flatten, MaxPool, ResidualBlock, Subsample
from .chains import float_lenet, float_vgg_small, lenet, vgg_small
from .classifier import CimClassifier
from .conversion import convert
from .convolution import CimConv2d, whole_kernel_rows
from .linear import CimLinear
from .models import FloatClassifier, cim_mlp, float_mlp
from .modes import (
    ModesConversion,
    ModesRecipe,
    TrainedModes,
    convert_modes,
    modes_recipes,
    reading_stored_codes,
    train_modes,
)
from .recipe import Phase, Recipe, find_recipe, recipes
from .report import Conversion, ConversionReport, LayerDifference
from .resnet import float_resnet20, resnet20
from .scalable import Precision, scalable_lenet, scalable_mlp
from .switchable import SwitchableClassifier, cascade_loss
from .training import Epoch, Progress, Trained, accuracy, train
from .variation import CellVariation

__all__ = [
    "AveragePool",
    "CellVariation",
    "CimBlock",
    "CimClassifier",
    "CimConv2d",
    "CimLinear",
    "CimStyle",
    "Conversion",
    "ConversionReport",
    "Epoch",
    "Flatten",
    "FloatClassifier",
    "LayerDifference",
    "MaxPool",
    "ModesConversion",
    "ModesRecipe",
    "Phase",
    "Precision",
    "Progress",
    "Recipe",
    "ResidualBlock",
    "Subsample",
    "SwitchableClassifier",
    "Trained",
    "TrainedModes",
    "accuracy",
    "cascade_loss",
    "cim_mlp",
    "convert",
    "convert_modes",
    "find_recipe",
    "float_lenet",
    "float_mlp",
    "float_resnet20",
    "float_vgg_small",
    "lenet",
    "modes_recipes",
    "reading_stored_codes",
    "recipes",
    "resnet20",
    "scalable_lenet",
    "scalable_mlp",
    "train",
    "train_modes",
    "vgg_small",
    "whole_kernel_rows",
]
