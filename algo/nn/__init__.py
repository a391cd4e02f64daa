"""torch layers made of quantizers, models, training recipes, and conversion of a trained model to a Network."""

from .classifier import CimBlock, CimClassifier
from .conversion import convert
from .linear import CimLinear
from .models import FloatClassifier, cim_mlp, float_mlp
from .recipe import Phase, Recipe, find_recipe, recipes
from .report import Conversion, ConversionReport, LayerDifference
from .training import Epoch, Progress, Trained, accuracy, train

__all__ = [
    "CimBlock",
    "CimClassifier",
    "CimLinear",
    "Conversion",
    "ConversionReport",
    "Epoch",
    "FloatClassifier",
    "LayerDifference",
    "Phase",
    "Progress",
    "Recipe",
    "Trained",
    "accuracy",
    "cim_mlp",
    "convert",
    "find_recipe",
    "float_mlp",
    "recipes",
    "train",
]
