"""The command `vary`."""

from __future__ import annotations

from pathlib import Path

import click

from .console import FILE, emit, json_option
from .progress import shown

__all__ = ["vary_command"]


@click.command("vary", short_help="Write a network as devices that differ would compute it.")
@click.argument("network", type=FILE)
@click.option("--log-normal", type=float, default=0.0, help="Deviation of the logarithm of every conductance.")
@click.option("--gaussian", type=float, default=0.0, help="Deviation of every cell, in levels.")
@click.option("--stuck-at-zero", type=float, default=0.0, help="Share of cells that conduct nothing.")
@click.option("--stuck-at-one", type=float, default=0.0, help="Share of cells at full conductance.")
@click.option("--offset", type=float, default=0.0, help="Deviation of every column's ADC offset, in ADC steps.")
@click.option("--gain", type=float, default=0.0, help="Deviation of every column's ADC gain, relative.")
@click.option("--fraction-bits", type=int, default=3, show_default=True, help="Fraction bits of the cells.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of everything random.")
@click.option("--images", type=int, help="Only the first IMAGES held-out images [default: all].")
@click.option("-o", "--output", type=FILE, required=True, metavar="FILE", help="The Network file to write.")
@json_option
def vary_command(
    network: Path,
    log_normal: float,
    gaussian: float,
    stuck_at_zero: float,
    stuck_at_one: float,
    offset: float,
    gain: float,
    fraction_bits: int,
    seed: int,
    images: int | None,
    output: Path,
    as_json: bool,
) -> None:
    """Perturb cells and converters of NETWORK with the given deviations, and write it as another Network file.

    Only layers with an ADC vary. The accuracies before and after are those of the integers on held-out images; generate
    and verify take the file like any other.
    """
    from quadrille.algo.integer.variation import Variation

    from .variation import vary

    variation = Variation(
        log_normal=log_normal,
        gaussian=gaussian,
        stuck_at_zero=stuck_at_zero,
        stuck_at_one=stuck_at_one,
        offset=offset,
        gain=gain,
        fraction_bits=fraction_bits,
    )
    with shown(as_json) as progress:
        result = vary(network, output, variation, seed=seed, images=images, progress=progress)
    emit(result, as_json)
