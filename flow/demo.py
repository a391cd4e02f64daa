"""`make demo`: the whole chain on scikit-learn's digits. Trains once; everything else is done anew, in seconds."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click

from quadrille.algo.spec import InvalidInput

from .console import MISMATCH, play
from .generation import TOP, Generation, generate
from .inspection import inspect
from .page import report
from .progress import shown
from .results import read_json
from .training import train
from .verification import verify
from .verification_result import Verification

__all__ = ["demo", "main"]

RECIPE = "digits-mlp"


@click.command("demo", context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("build/digits"), show_default=True)
@click.option("--train-again", is_flag=True, help="Train even if a trained network is there.")
def demo(output: Path, train_again: bool) -> int:
    """Train, convert, generate, simulate all held-out images, compare, report; exit status 1 on any mismatch."""
    started = time.perf_counter()
    hardware = output / "hw"
    with shown() as progress:
        if train_again or not is_trained(output):
            say("train", f"{RECIPE}, with its quantizers, and a float network of the same shape")
            trained = train(RECIPE, output, progress=progress)
            say("", f"{trained.seconds:.0f} s")
        else:
            say("train", f"{output / 'network.safetensors'} is there and is used (--train-again trains)")
        say("generate", "accelerator with one 128 x 128 macro: Verilog, manifest, program")
        generated = generate(output / "network.safetensors", hardware, progress=progress)
        say("verify", "all held-out images on the Verilog; the first time, Verilator builds it")
        wave = hardware / "image.vcd"
        verified = verify(hardware, wave=wave, progress=progress)
        say("report", str(hardware / "report.html"))
        report(hardware)
    click.echo(closing_table(output, generated, verified, wave))
    click.echo(f"\nDone in {time.perf_counter() - started:.0f} s.")
    return 0 if verified.passed else MISMATCH


def is_trained(folder: Path) -> bool:
    """Whether `folder` holds the valid network of the recipe."""
    try:
        inspect(folder)
        return read_json(folder / "metrics.json", "Metrics").get("recipe") == RECIPE
    except InvalidInput:
        return False


def closing_table(folder: Path, generated: Generation, verified: Verification, wave: Path) -> str:
    """The short table at the end."""
    hardware = generated.folder
    lines = [
        *(line for line in verified.summary() if line[0] != "waveform"),
        ("", ""),
        ("network", str(folder / "network.safetensors")),
        ("Verilog file", str(hardware / f"{TOP}.v")),
        ("manifest", str(hardware / f"{TOP}.json")),
        ("report", str(hardware / "report.html")),
        ("waveform", str(wave)),
    ]
    width = max(len(label) for label, _ in lines)
    return "\n" + "\n".join(f"  {label:<{width}}  {value}".rstrip() for label, value in lines)


def say(step: str, text: str) -> None:
    """One line about what happens now, on standard error."""
    click.echo(f"{step:<9} {text}", err=True)


def main() -> None:
    """Entry point of `make demo`."""
    sys.exit(play(demo))


if __name__ == "__main__":
    main()
