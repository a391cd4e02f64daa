"""The accelerators of the regression, by themselves and behind each edge: small ones, for networks drawn at random."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from quadrille.algo.integer import write_modes, write_network
from quadrille.algo.spec import MissingTool

from .case import Case
from .networks import random_network, truncated_modes

__all__ = ["ACCELERATORS", "EDGES", "AcceleratorCase", "AxiCase"]


@dataclass(frozen=True)
class AcceleratorCase(Case):
    """An accelerator for a random network, which `network` describes to `random_network`, or for its `modes`.

    Those are weights and activations of fewer bits, `truncated_modes`. The exporter is given the file of the network
    as the parameter `network`, beside the shape of the macros.
    """

    network: Mapping[str, Any] = field(default_factory=dict)
    modes: tuple[int, ...] = ()

    def prepare(self, folder: Path) -> Mapping[str, Any]:
        """Write the network; the parameters with its path."""
        path = folder / "network.safetensors"
        network = random_network(**self.network)
        if self.modes:
            write_modes(truncated_modes(network, self.modes), path)
        else:
            write_network(network, path)
        return {"network": path, **self.parameters}


@dataclass(frozen=True)
class AxiCase(AcceleratorCase):
    """An accelerator behind AXI, which models of cocotbext-axi speak to."""

    def prepare(self, folder: Path) -> Mapping[str, Any]:
        """Refuse to begin without the models; the network as for any accelerator."""
        if find_spec("cocotbext") is None or find_spec("cocotbext.axi") is None:
            raise MissingTool(f"Models of AXI must be installed to test {self.block}: pip install cocotbext-axi")
        return super().prepare(folder)


Keywords = dict[str, Any]

_ARRAY: Keywords = {"rows": 4, "columns": 8, "macros": 1, "lanes": 4, "frames": 2, "engine": "mac"}
_MACRO: Keywords = {"rows": 8, "columns": 6, "macros": 1, "lanes": 2, "frames": 3}
_CUTS: Keywords = {"cuts": 2, "memory_cuts": 1, "lane_cuts": 2, "walk_cuts": 2, "patch_cuts": 2, "buffers": 1}

_WEIGHTS: Keywords = {"seed": 6, "sizes": (20, 7, 4), "tile_rows": 8, "weight_bits": 4, "cell_bits": 4}
_WEIGHTS |= {"activation_bits": 4}
_BYTES: Keywords = {"seed": 6, "sizes": (16, 7, 4), "tile_rows": 16, "weight_bits": 8, "cell_bits": 8}
_SLICES: Keywords = {"seed": 2, "sizes": (9, 5, 6), "tile_rows": 6, "weight_bits": 3, "cell_bits": 2}
_SLICES |= {"activation_bits": 3, "argmax": False}
_CODES: Keywords = {"seed": 1, "sizes": (13, 7, 10), "tile_rows": 8, "adc_bits": 3, "argmax": False}
_WAVE: Keywords = {"seed": 5, "shape": (2, 4, 4), "channels": (3, 4), "rows": 12, "weight_bits": 4, "cell_bits": 2}
_WAVE |= {"function": "wave", "signed": True, "argmax": False}
_RESIDUAL: Keywords = {"seed": 4, "shape": (2, 4, 4), "channels": (2, 4), "rows": 20, "adc_bits": 3}
_RESIDUAL |= {"residual": "projection", "pool": "sum", "exact_first": True}

_ACCELERATORS: tuple[tuple[Keywords, Keywords, tuple[int, ...]], ...] = (
    ({**_ARRAY, "frames": 3}, _WEIGHTS, ()),
    (_ARRAY, _BYTES, (8, 4, 1)),
    ({"rows": 12, "columns": 16, "macros": 1, "lanes": 4, "frames": 3}, _WAVE, ()),
    ({"rows": 20, "columns": 16, "macros": 1, "banks": 2, "lanes": 4, "frames": 2}, _RESIDUAL, ()),
    ({"rows": 20, "columns": 8, "macros": 1, "lanes": 4, "frames": 1, **_CUTS}, _RESIDUAL, ()),
    ({**_MACRO, "compressor": "lut6"}, {"seed": 1, "sizes": (13, 7, 4), "tile_rows": 8}, ()),
    (_MACRO, {"seed": 1, "sizes": (13, 7, 4), "tile_rows": 8, "adc_bits": 3}, ()),
    ({"rows": 6, "columns": 4, "macros": 2, "lanes": 4, "frames": 2, "weight_planes": 1, "cuts": 0}, _SLICES, ()),
)
"""Hardware, network, modes."""

ACCELERATORS: tuple[AcceleratorCase, ...] = tuple(
    AcceleratorCase("accelerator", "quadrille.tb.test_accelerator", *each) for each in _ACCELERATORS
)


def _edges() -> Iterator[AcceleratorCase]:
    """Every edge around an array of several modes, and around a macro, with settings of its own."""
    own: dict[str, tuple[type[AcceleratorCase], Keywords, Keywords]] = {
        "axi": (AxiCase, {}, {}),
        "wishbone": (AcceleratorCase, {}, {"depth": 4}),
        "uart": (AcceleratorCase, {"divisor": 4, "depth": 64}, {"divisor": 5, "depth": 32}),
    }
    for bus, (kind, around_array, around_macro) in own.items():
        names = f"{bus}-accelerator", f"quadrille.tb.test_{bus}_accelerator"
        yield kind(*names, {**_ARRAY, **around_array}, _BYTES, (8, 4, 1))
        yield kind(*names, {**_MACRO, **around_macro}, _CODES)


EDGES: tuple[AcceleratorCase, ...] = tuple(_edges())
