"""The command `study inr`: activations of coordinate networks on the same pictures."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from .console import emit, integers_of, json_option, names_of, numbers_of, output_option, workers_options
from .progress import shown

__all__ = ["inr_command"]

PICTURES = "camera,astronaut,clip:coffee,kodim01,kodim05,kodim19,kodim23"


@click.command("inr", short_help="Activations of coordinate networks on pictures: PSNR, spectra, kernels.")
@output_option("Where results.json, study.md, study.csv and the figures go.")
@click.option(
    "--pictures",
    callback=names_of,
    default=PICTURES,
    show_default=True,
    help="Pictures; clip:NAME is a crop that moves across NAME.",
)
@click.option(
    "--methods",
    callback=names_of,
    default="quad,sine,finer,wire,gauss,relu",
    show_default=True,
    help="Activations that are compared.",
)
@click.option(
    "--bits", callback=integers_of, default="8,12", show_default=True, help="Bits of fixed point; '' for none."
)
@click.option("--crop", type=int, default=256, show_default=True, help="Side of a picture.")
@click.option("--clip-size", type=int, default=64, show_default=True, help="Side of a frame of a clip.")
@click.option("--frames", type=int, default=16, show_default=True, help="Frames of a clip.")
@click.option("--hidden", type=int, default=64, show_default=True, help="Width of a hidden layer.")
@click.option("--layers", type=int, default=3, show_default=True, help="Hidden layers.")
@click.option("--steps", type=int, default=600, show_default=True, help="Steps of training.")
@click.option("--tuning-steps", type=int, default=100, show_default=True, help="Steps in fixed point, for each width.")
@click.option("--batch", type=int, default=1024, show_default=True, help="Pixels of a step.")
@click.option(
    "--frequencies",
    callback=numbers_of,
    default="7.5,15,30,60,120",
    show_default=True,
    help="Frequencies of the search.",
)
@click.option(
    "--rates", callback=numbers_of, default="7e-4,2e-3,4e-3,1e-2", show_default=True, help="Learning rates of it."
)
@click.option("--search-steps", type=int, default=150, show_default=True, help="Steps of a trial of the search.")
@click.option("--kernel-size", type=int, default=24, show_default=True, help="Side of the grid of the tangent kernels.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of everything random.")
@workers_options
@json_option
def inr_command(output: Path, jobs: int, scheduler: str | None, as_json: bool, **settings: Any) -> None:
    """Represent pictures by coordinate networks with different activations, at equal size, steps and bits.

    Each method first finds its frequency and learning rate on the same grid, with the same budget, on the first
    picture, and for clips on the first clip. An interrupted study goes on when the command is given again; it takes
    further pictures at the end of the list. Pictures are read from the folder that QUADRILLE_DATA names, or drawn.

    \b
      quadrille study inr --pictures drawn --crop 32 --hidden 16 --steps 100 --search-steps 10 -o build/inr
    """
    from quadrille.algo.nn.inr import PictureStudyOptions

    from .study_pictures import study_pictures

    options = PictureStudyOptions(**settings)
    with shown(as_json) as progress:
        told = partial(click.echo, err=True)
        result = study_pictures(options, output, jobs=jobs, scheduler=scheduler, progress=progress, on_run=told)
    emit(result, as_json)
