"""Coordinate networks that represent pictures: QuadINR and what it is compared with, from training to integers."""

from .conversion import differing_pixels, network_of, rendered, wave_function
from .model import CoordinateNetwork, CoordinateSizes, Precision
from .quality import error_spectrum, psnr, ssim
from .recipe import PictureOutcome, PictureRecipe, picture_recipes, render, represent_picture, with_settings
from .representation import PictureOptions, PictureProgress, Represented, Stage, represent
from .waves import WAVES, Wave, find_wave, quadratic_wave

__all__ = [
    "WAVES",
    "CoordinateNetwork",
    "CoordinateSizes",
    "PictureOptions",
    "PictureOutcome",
    "PictureProgress",
    "PictureRecipe",
    "Precision",
    "Represented",
    "Stage",
    "Wave",
    "differing_pixels",
    "error_spectrum",
    "find_wave",
    "network_of",
    "picture_recipes",
    "psnr",
    "quadratic_wave",
    "render",
    "rendered",
    "represent",
    "represent_picture",
    "ssim",
    "wave_function",
    "with_settings",
]
