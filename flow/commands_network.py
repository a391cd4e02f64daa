"""The commands of the chain: train, generate, verify, report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from .console import (
    FILE,
    FOLDER,
    FREQUENCY,
    MISMATCH,
    emit,
    integers_of,
    json_option,
    output_option,
    shape_options,
    workers_options,
)
from .progress import shown

__all__ = ["generate_command", "report_command", "train_command", "verify_command"]


class _Epochs(click.ParamType):
    """One positive integer, or several with commas between."""

    name = "integer[,...]"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int | tuple[int, ...]:
        parts = str(value).split(",")
        if not all(part.isascii() and part.isdigit() and int(part) for part in parts):
            self.fail(f"{value!r} must be a positive integer, or several with commas between.", param, ctx)
        counts = tuple(int(part) for part in parts)
        return counts[0] if len(counts) == 1 else counts


EPOCHS = _Epochs()


def picture_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a recipe that represents a picture; None where one is not given."""
    options = (
        ("--image", str, "Picture: a PNG file, a name in QUADRILLE_DATA (camera, kodim01), or drawn."),
        ("--crop", int, "Side of the square cut out of its middle [default: 256]."),
        ("--frames", int, "Represent a clip of so many frames: a crop that moves across the picture."),
        ("--hidden", int, "Width of a hidden layer [default: 64]."),
        ("--layers", int, "Hidden layers [default: 3]."),
        ("--activation", str, "quad, sine, finer, wire, gauss or relu; quad and sine have integers [default: quad]."),
        ("--frequency", float, "Frequency of the activation, in radians [default: 60]."),
        ("--bits", int, "Bits of weights and activations, 4 to 16 [default: 12]."),
        ("--steps", int, "Steps of training; a fifth as many follow in fixed point."),
        ("--batch", int, "Pixels of a step."),
    )
    command = click.option("--colour", is_flag=True, default=None, help="Keep the picture's colours.")(command)
    for name, kind, text in reversed(options):
        command = click.option(name, type=kind, help=text)(command)
    return command


@click.command("train", short_help="Train a recipe's network and convert it to integers.")
@click.argument("recipe")
@output_option("Where network.safetensors, metrics.json and curves.png go.")
@click.option("--seed", type=int, help="Seed of everything random [default: the recipe's].")
@click.option(
    "--epochs",
    type=EPOCHS,
    help="Passes over the training data, all in all or for each phase (10,10,1) [default: the recipe's].",
)
@click.option("--no-twin", is_flag=True, help="Leave the float twin for a later call with --resume.")
@click.option("--resume", is_flag=True, help="Go on from the checkpoint that an interrupted training left.")
@click.option(
    "--modes", callback=integers_of, default="", help="Bits of the modes of a recipe of several, the most first: 8,4,2."
)
@click.option("--rule", help="How its weights become codes: truncated or rounded [default: truncated].")
@picture_options
@json_option
def train_command(
    recipe: str,
    output: Path,
    seed: int | None,
    epochs: int | tuple[int, ...] | None,
    no_twin: bool,
    resume: bool,
    modes: tuple[int, ...],
    rule: str | None,
    as_json: bool,
    **picture: object,
) -> None:
    """Train the network of RECIPE (digits-mlp) with its quantizers, and convert it to integers.

    The recipes truncquant-digits and truncquant-fashion-mnist train one network for several precisions; --modes and
    --rule are theirs. The recipe quadinr represents a picture by a network of its coordinates; the options from --image
    on are its.
    """
    from .modes_training import is_modes_recipe, train_modes
    from .picture_training import is_picture_recipe, train_picture
    from .training import train

    given = {name: value for name, value in picture.items() if value is not None}
    several = {name: value for name, value in {"modes": modes, "rule": rule}.items() if value}
    if several and not is_modes_recipe(recipe):
        raise click.UsageError(
            f"option --{next(iter(several))} is for recipes of several precisions, and {recipe} is none"
        )
    with shown(as_json) as progress:
        if is_picture_recipe(recipe):
            if epochs is not None or no_twin:
                raise click.UsageError(f"recipe {recipe} counts in --steps, and has no epochs and no twin")
            result = train_picture(recipe, output, seed=seed, resume=resume, progress=progress, **given)
        elif given:
            option = next(iter(given)).replace("_", "-")
            raise click.UsageError(f"option --{option} is for recipes of pictures, and {recipe} is none")
        elif is_modes_recipe(recipe):
            if no_twin:
                raise click.UsageError(f"recipe {recipe} has no twin")
            result = train_modes(recipe, output, seed=seed, epochs=epochs, resume=resume, progress=progress, **several)
        else:
            result = train(recipe, output, seed=seed, epochs=epochs, twin=not no_twin, resume=resume, progress=progress)
    emit(result, as_json)


@click.command("generate", short_help="Write the accelerator of a network: Verilog, manifest, program.")
@click.argument("network", type=FILE)
@shape_options
@click.option("--bake", is_flag=True, help="Put weights, tables and program into the hardware: nothing to load.")
@click.option("--thresholds", is_flag=True, help="Activations as ADC thresholds where that is cheaper than mantissas.")
@click.option("--retile", "retiled", is_flag=True, help="Cut layers with exact sums anew into the fewest tiles.")
@click.option("--clock", type=FREQUENCY, help="Choose the registers that this clock needs, 100e6 or 100MHz.")
@click.option("--family", help="FPGA family that it is for: chooses the compressor; of --clock, ecp5.")
@click.option("--accelerator", type=FOLDER, help="Keep the hardware of this folder; only the program is new.")
@output_option("Where the Verilog, its manifest and the program go.")
@json_option
def generate_command(
    network: Path,
    bake: bool,
    thresholds: bool,
    retiled: bool,
    clock: float | None,
    family: str | None,
    macros: int | None,
    accelerator: Path | None,
    output: Path,
    as_json: bool,
    **shape: Any,
) -> None:
    """Map NETWORK on an accelerator and write its Verilog, manifest and program.

    `quadrille component accelerator --help` lists what --set can set.
    """
    from .generation import generate

    given = {**shape, "macros": macros}
    for name in ("engine", "unit", "rows", "columns", "macros", "settings"):
        if accelerator is not None and given[name]:
            option = "set" if name == "settings" else name
            raise click.UsageError(f"option --{option} is for hardware that is written anew, not for --accelerator")
    with shown(as_json) as progress:
        result = generate(
            network,
            output,
            macros=1 if macros is None else macros,
            baked=bake,
            thresholds=thresholds,
            retiled=retiled,
            accelerator=accelerator,
            clock=clock,
            family=family,
            progress=progress,
            **shape,
        )
    emit(result, as_json)


@click.command("verify", short_help="Simulate the accelerator and compare every integer.")
@click.argument("folder", type=FOLDER)
@click.option("--images", type=int, help="Only the first IMAGES held-out images [default: all].")
@workers_options
@click.option("--wave", type=FILE, help="Write a waveform of the first image (.vcd, or .fst).")
@click.option("--mode", help="The mode of a network of several; all, or random for each image [default: the first].")
@click.option("--seed", type=int, help="Where the register starts that random modes are drawn from [default: 1].")
@json_option
def verify_command(
    folder: Path,
    images: int | None,
    jobs: int,
    scheduler: str | None,
    wave: Path | None,
    mode: str | None,
    seed: int | None,
    as_json: bool,
) -> int:
    """Simulate the accelerator in FOLDER on held-out images, and compare every integer with the reference.

    Exit status 1 on any mismatch; the first one is named.
    """
    from .modes_verification import ALL, verify_modes
    from .verification import verify

    if mode == ALL and (seed is not None or wave is not None):
        raise click.UsageError(f"option --{'seed' if wave is None else 'wave'} is for one mode, not for {ALL}")
    with shown(as_json) as progress:
        if mode == ALL:
            result = verify_modes(folder, images=images, jobs=jobs, scheduler=scheduler, progress=progress)
        else:
            given: dict[str, Any] = {"images": images, "jobs": jobs, "scheduler": scheduler}
            result = verify(folder, wave=wave, mode=mode, seed=seed, progress=progress, **given)
    emit(result, as_json)
    return 0 if result.passed else MISMATCH


@click.command("report", short_help="Write one HTML page about an accelerator.")
@click.argument("folder", type=FOLDER)
@click.option("-o", "--output", type=FILE, help="The page [default: report.html in FOLDER].")
@json_option
def report_command(folder: Path, output: Path | None, as_json: bool) -> None:
    """Write one self-contained HTML page about the accelerator in FOLDER."""
    from .page import report

    emit(report(folder, output), as_json)
