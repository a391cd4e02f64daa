"""The granularity study: what scales per layer, per array and per column do to accuracy, and what they cost."""

from .comparison import Comparison, compare
from .costs import LayerCosts, ScaleCosts, scale_costs
from .grain import LEVELS, Grain, sum_granularity, weight_granularity
from .models import StudyModel, find_model, study_models
from .options import SIGMAS, StudyOptions
from .run import Outcome, study_data, study_recipe, train_grain

__all__ = [
    "LEVELS",
    "SIGMAS",
    "Comparison",
    "Grain",
    "LayerCosts",
    "Outcome",
    "ScaleCosts",
    "StudyModel",
    "StudyOptions",
    "compare",
    "find_model",
    "scale_costs",
    "study_data",
    "study_models",
    "study_recipe",
    "sum_granularity",
    "train_grain",
    "weight_granularity",
]
