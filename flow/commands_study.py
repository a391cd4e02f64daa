"""The command `study`: experiments that train many networks and compare them."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from .console import FILE, emit, json_option, names_of, numbers_of, output_option, shape_options, workers_options
from .progress import shown

__all__ = ["study_command"]

LEVELS = "layer,array,column"


@click.group("study", short_help="Train a grid of networks and compare them.")
def study_command() -> None:
    """Experiments that train many networks with equal budgets, compare them, and say what the numbers show."""


@study_command.command("granularity", short_help="Scales per layer, array or column: accuracy, cost, variation.")
@click.argument("model")
@output_option("Where results.json, study.md, study.csv, study.png and the networks go.")
@click.option(
    "--data",
    metavar="NAME",
    help="digits, or from the folder QUADRILLE_DATA mnist, fashion-mnist or cifar10 [default: the model's].",
)
@click.option("--images", type=int, help="Only the first IMAGES training images [default: all].")
@click.option("--held-out", type=int, help="Only the first HELD_OUT held-out images [default: all].")
@click.option("--weight-bits", type=int, default=3, show_default=True, help="Bits of a weight.")
@click.option("--cell-bits", type=int, default=1, show_default=True, help="Bits of a cell.")
@click.option("--activation-bits", type=int, default=4, show_default=True, help="Bits of an activation.")
@click.option("--adc-bits", type=int, default=3, show_default=True, help="Bits of the ADCs.")
@click.option("--rows", type=int, default=128, show_default=True, help="Rows of an array.")
@click.option("--epochs", type=int, default=10, show_default=True, help="Passes over the training images.")
@click.option("--warm-up", type=int, default=0, show_default=True, help="Passes with exact sums before these.")
@click.option("--batch", type=int, default=64, show_default=True, help="Images of a step of training.")
@click.option("--learning-rate", type=float, default=3e-3, show_default=True, help="Greatest learning rate.")
@click.option("--step-rate", type=float, default=10.0, show_default=True, help="Rate of ADC steps, times that.")
@click.option("--weight-step-rate", type=float, default=0.01, show_default=True, help="The same for weight steps.")
@click.option("--seeds", type=int, default=3, show_default=True, help="How often each grain is trained.")
@click.option(
    "--weights",
    callback=names_of,
    default=LEVELS,
    show_default=True,
    help="Granularities of weight scales.",
)
@click.option(
    "--sums",
    callback=names_of,
    default=LEVELS,
    show_default=True,
    help="Granularities of partial-sum scales.",
)
@click.option(
    "--sigmas",
    callback=numbers_of,
    default="0,0.05,0.1,0.15,0.2,0.25",
    show_default=True,
    help="Deviations of the variation sweep; '' for none.",
)
@click.option("--swept-seeds", type=int, help="Sweep only the networks of the first SWEPT_SEEDS seeds [default: all].")
@click.option("--draws", type=int, default=10, show_default=True, help="Draws of devices for each sigma, 10 or more.")
@click.option(
    "--variation-images", type=int, default=500, show_default=True, help="Held-out images of the sweep, at most all."
)
@click.option("--fraction-bits", type=int, default=3, show_default=True, help="Fraction bits of a varied cell.")
@workers_options
@json_option
def granularity_command(
    model: str,
    output: Path,
    data: str | None,
    images: int | None,
    held_out: int | None,
    jobs: int,
    scheduler: str | None,
    as_json: bool,
    **settings: Any,
) -> None:
    """Train MODEL with weight scales and partial-sum scales per layer, per array and per column, and compare.

    Every point of the grid gets the same images and epochs, with several seeds. Accuracies are those of the integer
    networks; each network is also executed with cells that vary. Costs are the multiplications of the dequantizer and
    the bits of the scales. The findings are paired comparisons over seeds and say where a difference is noise.

    An interrupted study goes on when the command is given again; with more --seeds a finished one is carried further.

    \b
      quadrille study granularity mlp --images 800 --epochs 5 --rows 32 -o build/study
    """
    from quadrille.algo.nn.study import StudyOptions

    from .study_grid import study

    counted = counts(model, data, images, held_out, settings["variation_images"])
    options = StudyOptions(model=model, **{**settings, **counted})
    with shown(as_json) as progress:
        told = partial(click.echo, err=True)
        result = study(options, output, progress=progress, on_run=told, jobs=jobs, scheduler=scheduler)
    emit(result, as_json)


def counts(
    model: str, data: str | None, images: int | None, held_out: int | None, variation_images: int
) -> dict[str, Any]:
    """Data set and numbers of images as options, all images where no number was given."""
    from quadrille.algo.data import dataset
    from quadrille.algo.nn.study import find_model

    name = find_model(model).data if data is None else data
    chosen = dataset(name)
    held_out = len(chosen.held_out_images) if held_out is None else held_out
    return {
        "data": name,
        "images": len(chosen.train_images) if images is None else images,
        "held_out": held_out,
        "variation_images": min(variation_images, held_out),
    }


@study_command.command("activation-cost", short_help="What activation functions take on FPGAs and of cell libraries.")
@output_option("Where results.json, study.md, study.csv and study.png go.")
@click.option("--bits", type=int, default=12, show_default=True, help="Bits of input and output, signed.")
@click.option("--fraction", type=int, default=8, show_default=True, help="How many of them are after the point.")
@click.option(
    "--error", type=float, default=1.0, show_default=True, help="Greatest error, in units of the output's last place."
)
@click.option("--functions", callback=names_of, default="", help="Rows of the table, with commas [default: all].")
@click.option(
    "--targets",
    callback=names_of,
    default="ultrascale+,ecp5,nangate45,sky130hd,asap7",
    show_default=True,
    help="FPGA families and cell libraries, whose files lie in QUADRILLE_DATA/liberty.",
)
@click.option(
    "--cuts", callback=names_of, default="0,3,full", show_default=True, help="Registers in a pipeline: 0, 3 or full."
)
@workers_options
@json_option
def activation_cost_command(
    output: Path, functions: tuple[str, ...], jobs: int, scheduler: str | None, as_json: bool, **settings: Any
) -> None:
    """Synthesize the periodic quadratics, fitted functions and their baselines, all at the same formats and error.

    The baselines are sines by CORDIC, table and pieces, Gauss, WIRE and FINER, linear pieces and ReLU, of each the
    cheapest that is found. Every mapped netlist is simulated with the input codes and must give its function's
    integers; what switches meanwhile is its energy. Needs the extra `synthesis`.

    An interrupted study goes on when the command is given again; one of the same formats takes more functions.

    \b
      quadrille study activation-cost --functions quad,sine-table,sine-cordic --targets ecp5 --cuts 3 -o build/cost
    """
    from .activation_subjects import SUBJECTS
    from .study_activation import ActivationOptions, study_activation

    options = ActivationOptions(**{**settings, "functions": functions or tuple(SUBJECTS)})
    with shown(as_json) as progress:
        told = partial(click.echo, err=True)
        result = study_activation(options, output, jobs=jobs, scheduler=scheduler, progress=progress, on_run=told)
    emit(result, as_json)


@study_command.command("precision", short_help="Modes of a network: accuracy, cycles, energy; trainings beside them.")
@click.argument("network", type=FILE)
@output_option("Where results.json, study.md, study.csv and study.png go.")
@shape_options
@click.option("--images", type=int, help="Only the first IMAGES held-out images [default: all].")
@click.option(
    "--seeds",
    type=int,
    default=0,
    show_default=True,
    help="Compare with other trainings of the network's recipe, that many times each: this trains networks.",
)
@click.option(
    "--trainings",
    callback=names_of,
    default="alone,together",
    show_default=True,
    help="Which: each precision alone, all together with rounded codes.",
)
@workers_options
@json_option
def precision_command(network: Path, output: Path, as_json: bool, **others: Any) -> None:
    """Measure every mode in the file NETWORK: accuracy of its integers, exact cycles, products of single bits.

    With --seeds it is put beside networks trained for each precision alone, beside codes rounded for each precision,
    and beside rounded codes that are truncated afterwards; all with the recipe, the epochs and the seed of NETWORK, and
    with further seeds. An interrupted study goes on when the command is given again.

    \b
      quadrille study precision build/digits-modes/network.safetensors --seeds 1 -o build/precision
    """
    from .study_precision import study_precision

    with shown(as_json) as progress:
        result = study_precision(network, output, progress=progress, on_run=partial(click.echo, err=True), **others)
    emit(result, as_json)
