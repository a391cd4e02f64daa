"""Coordinate networks that represent pictures: QuadINR and what it is compared with, from training to integers."""

from .conversion import differing_pixels, network_of, rendered
from .functions import wave_function
from .kernel import tangent_kernel_eigenvalues
from .model import CoordinateNetwork, CoordinateSizes, Precision
from .quality import error_spectrum, ssim
from .recipe import PictureOutcome, PictureRecipe, picture_recipes, render, represent_picture, with_settings
from .representation import PictureOptions, PictureProgress, Represented, Stage, represent
from .study import Case, PictureStudyOptions, kernel_eigenvalues, search_psnr, study_case, study_picture
from .waves import WAVES, Wave, find_wave, quadratic_wave

__all__ = [
    "WAVES",
    "Case",
    "CoordinateNetwork",
    "CoordinateSizes",
    "PictureOptions",
    "PictureOutcome",
    "PictureProgress",
    "PictureRecipe",
    "PictureStudyOptions",
    "Precision",
    "Represented",
    "Stage",
    "Wave",
    "differing_pixels",
    "error_spectrum",
    "find_wave",
    "kernel_eigenvalues",
    "network_of",
    "picture_recipes",
    "quadratic_wave",
    "render",
    "rendered",
    "represent",
    "represent_picture",
    "search_psnr",
    "ssim",
    "study_case",
    "study_picture",
    "tangent_kernel_eigenvalues",
    "wave_function",
    "with_settings",
]
