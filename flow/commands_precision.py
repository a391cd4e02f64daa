"""The commands `study mixed-precision` and `study robustness`: trainings for precisions that are found, or drawn."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from .console import emit, json_option, names_of, output_option, workers_options
from .progress import shown

__all__ = ["mixed_precision_command", "robustness_command"]


@click.command("mixed-precision", short_help="Bits of weights pruned layer by layer (MSQ), beside trained bit planes.")
@click.argument("recipe")
@output_option("Where results.json, study.md, study.csv, study.png and the networks go.")
@click.option("--seeds", type=int, default=3, show_default=True, help="How often each way is trained.")
@click.option("--epochs", type=int, help="Passes over the training images [default: the recipe's].")
@click.option("--methods", callback=names_of, default="", help="Ways of training, with commas [default: all].")
@workers_options
@json_option
def mixed_precision_command(recipe: str, output: Path, as_json: bool, methods: tuple[str, ...], **numbers: Any) -> None:
    """Train RECIPE (msq-digits), which prunes the bits of weights, and put it beside its alternatives.

    These are: no pruning at all, the other reading of a least significant bit, every bit a parameter of its own, and as
    many bits in every layer. Of each: accuracy of the integer network, bits of the layers, trained parameters, memory
    and time. An interrupted study goes on when the command is given again; a finished one takes further seeds.

    \b
      quadrille study mixed-precision msq-digits --seeds 3 -o build/mixed
    """
    from .study_mixed import study_mixed

    with shown(as_json) as progress:
        result = study_mixed(
            recipe, output, methods=methods, progress=progress, on_run=partial(click.echo, err=True), **numbers
        )
    emit(result, as_json)


@click.command("robustness", short_help="Adversarial images against a precision that is drawn at random.")
@click.argument("recipe")
@output_option("Where results.json, study.md, study.csv and study.png go.")
@click.option("--seeds", type=int, default=3, show_default=True, help="How often each way is trained.")
@click.option("--epochs", type=int, help="Passes over the training images [default: the recipe's].")
@click.option("--images", type=int, help="Only the first IMAGES training images [default: all].")
@click.option("--held-out", type=int, help="Only the first HELD_OUT held-out images [default: all].")
@click.option("--pgd-steps", type=int, default=20, show_default=True, help="Steps of projected gradient descent.")
@click.option("--rounds", type=int, default=10, show_default=True, help="Draws of modes for all images.")
@click.option("--methods", callback=names_of, default="", help="Ways of training, with commas [default: all].")
@workers_options
@json_option
def robustness_command(recipe: str, output: Path, as_json: bool, **numbers: Any) -> None:
    """Train RECIPE (random-precision-digits) at one precision and at several that are drawn, and attack both.

    FGSM and PGD through the fake-quantized models; the integer networks answer, in modes that the hardware's shift
    register draws. The table says what the maker of the adversarial images knows. An interrupted study goes on when
    the command is given again; a finished one takes further seeds.

    \b
      quadrille study robustness random-precision-digits --seeds 3 -o build/robustness
    """
    from .study_robustness import study_robustness

    with shown(as_json) as progress:
        result = study_robustness(recipe, output, progress=progress, on_run=partial(click.echo, err=True), **numbers)
    emit(result, as_json)
