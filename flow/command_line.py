"""The command `quadrille`: its parts are the modules commands_*, each command one verb of quadrille.flow."""

from __future__ import annotations

import sys

import click

from .commands_blocks import component_command, regress_command
from .commands_cost import mac_cost_command
from .commands_costs import cost_command
from .commands_explore import explore_command
from .commands_export import export_command
from .commands_fit import fit_command
from .commands_inspect import inspect_command
from .commands_network import generate_command, report_command, train_command, verify_command
from .commands_pictures import inr_command
from .commands_power import power_command
from .commands_precision import mixed_precision_command, robustness_command
from .commands_study import study_command
from .commands_variation import vary_command
from .console import play

__all__ = ["cli", "main"]


@click.group(name="quadrille", context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="quadrille")
def cli() -> None:
    """From a PyTorch network to a compute-in-memory accelerator whose every integer is accounted for.

    \b
    The chain, each step a file to start the next from:
      quadrille train digits-mlp -o build/digits
      quadrille inspect build/digits/network.safetensors
      quadrille generate build/digits/network.safetensors -o build/digits/hw
      quadrille verify build/digits/hw
      quadrille report build/digits/hw

    Exit status: 0 done, 1 hardware and integers differ, 2 a fault of the input, 130 interrupted.
    """


for _command in (train_command, inspect_command, generate_command, verify_command, report_command):
    cli.add_command(_command)
cli.add_command(component_command)
cli.add_command(cost_command)
cli.add_command(export_command)
cli.add_command(explore_command)
cli.add_command(fit_command)
cli.add_command(power_command)
cli.add_command(regress_command)
cli.add_command(vary_command)
cli.add_command(study_command)
study_command.add_command(inr_command)
study_command.add_command(mac_cost_command)
study_command.add_command(mixed_precision_command)
study_command.add_command(robustness_command)


def main() -> None:
    """Entry point of the command."""
    sys.exit(play(cli))
