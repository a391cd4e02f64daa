"""An accelerator that was generated, behind a bus: its edge with the program beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from quadrille.algo.spec import InvalidInput

from .configurations import configuration_of

__all__ = ["edge_files"]

CARRIED = ("network.safetensors", "program.bin", "program.json")
"""What a host needs of the accelerator's folder: the words that go in, and how images and results lie in words."""


def edge_files(
    name: str, accelerator: Path, settings: dict[str, str], top: str | None = None
) -> dict[str, str | bytes]:
    """The files of the edge called `name` around the accelerator in the folder `accelerator`, and `CARRIED`.

    `settings` are parameters of the edge itself. Tables that are baked into the accelerator are baked in here too.

    Raises
    ------
    InvalidInput
        If there is no such edge or accelerator, or a setting is none of the edge's own.
    """
    from quadrille.algo.integer.network_file import read_modes
    from quadrille.hw.edge.edge import Edge
    from quadrille.hw.engine import Accelerator, compile_network
    from quadrille.hw.export import design_files
    from quadrille.hw.export.catalogue import CATALOGUE, find

    block: Any = find(name)
    if not issubclass(block, Edge):
        edges = [name for name, block in CATALOGUE.items() if issubclass(block, Edge)]
        raise InvalidInput(f"Component around an accelerator must be one of {', '.join(edges)}, not {name!r}")
    configuration = configuration_of(accelerator)
    shape = {parameter.name for parameter in Accelerator.parameters}
    own = {parameter.name: parameter for parameter in block.parameters if parameter.name not in shape}
    for setting in settings:
        if setting not in own:
            have = ", ".join(own) or "none"
            raise InvalidInput(f"Parameter of {name} around an accelerator must be one of {have}, not {setting!r}")
    chosen = {setting: own[setting].parse(name, text) for setting, text in settings.items()}
    try:
        carried: dict[str, str | bytes] = {file: (accelerator / file).read_bytes() for file in CARRIED}
    except OSError as error:
        raise InvalidInput(
            f"Accelerator's files must be readable, and {error.filename} is not: {error.strerror}"
        ) from None
    images = None
    if not carried["program.bin"]:
        modes = read_modes(accelerator / "network.safetensors")
        images = compile_network(modes, configuration=configuration, baked=True).images
    return {**design_files(block(images=images, **configuration.values, **chosen), top), **carried}
