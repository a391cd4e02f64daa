"""The table of the regression: blocks, parameters, testbench. Data; configurations are kept small to build fast."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from quadrille.algo.integer import write_modes, write_network
from quadrille.algo.spec import MissingTool

from .functions import FUNCTIONS
from .networks import random_network, truncated_modes

__all__ = ["CASES", "Case"]


@dataclass(frozen=True)
class Case:
    """One configuration: the exported block `block` with `parameters`, tested by the cocotb module `module`."""

    block: str
    module: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def prepare(self, folder: Path) -> Mapping[str, Any]:
        """The parameters for the exporter; files they name are written into `folder` first."""
        return self.parameters


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
class FunctionCase(Case):
    """A block for a function, which the parameter `function` names among those of `tb.functions`.

    The exporter is given the file with the function's record.
    """

    def prepare(self, folder: Path) -> Mapping[str, Any]:
        """Write the function; the parameters with its path."""
        path = folder / "function.json"
        path.write_text(json.dumps(FUNCTIONS[self.parameters["function"]].record()), encoding="utf-8")
        return {**self.parameters, "function": path}


@dataclass(frozen=True)
class AxiCase(AcceleratorCase):
    """An accelerator behind AXI, which models of cocotbext-axi speak to."""

    def prepare(self, folder: Path) -> Mapping[str, Any]:
        """Refuse to begin without the models; the network as for any accelerator."""
        if find_spec("cocotbext") is None or find_spec("cocotbext.axi") is None:
            raise MissingTool(f"Models of AXI must be installed to test {self.block}: pip install cocotbext-axi")
        return super().prepare(folder)


def _functions(block: str, **cuts: int) -> tuple[Case, ...]:
    """A case for each of some functions, with so many cuts."""
    module = "quadrille.tb.test_activation_pipeline"
    parameters = ({"function": name.replace("_", "-"), "lanes": 3, "cuts": count} for name, count in cuts.items())
    return tuple(FunctionCase(block, module, configuration) for configuration in parameters)


def _cases(block: str, module: str, *configurations: Mapping[str, Any]) -> tuple[Case, ...]:
    return tuple(Case(block, f"quadrille.tb.{module}", configuration) for configuration in configurations)


_READER = {"columns": 10, "lanes": 4, "partial_bits": 6, "reference_bits": 5, "address_bits": 5, "frame_bits": 3}
_CONVERTER = {"partial_bits": 6, "reference_bits": 6, "code_bits": 12, "table_rows": 6, "frame_bits": 2}
_MAPS = {"lanes": 3, "value_bits": 8, "table_rows": 5, "groups": 3, "width": 4, "height": 3, "frame_bits": 2}
_PATCHES = {"lanes": 2, "frames": 2, "input_words": 8, "feature_words": 32, "map_size": 5, "kernel_size": 3}

_PROGRAMMABLE = {"input_bits": 6, "output_bits": 7, "c0_bits": 9, "c1_bits": 6, "c2_bits": 5, "slope_bits": 4}
_PROGRAMMABLE |= {"segments": 4, "inner_shift": 2, "shift": 3}

CASES: tuple[Case, ...] = (
    *_cases(
        "cim-macro",
        "test_cim_macro",
        {"rows": 1, "columns": 1, "activation_bits": 1},
        {"rows": 9, "columns": 5, "activation_bits": 4, "tag_bits": 6},
        {"rows": 8, "columns": 12, "activation_bits": 3, "signed": True, "cell_bits": 2, "cuts": 1},
        {"rows": 20, "columns": 7, "activation_bits": 4, "planes": 2, "cuts": 2, "tag_bits": 3},
        {"rows": 20, "columns": 5, "signed": True, "planes": 2, "cuts": 1, "compressor": "lut6"},
        {"rows": 12, "columns": 6, "activation_bits": 3, "planes": 2, "cuts": 4, "row_enables": True},
    ),
    *_cases(
        "column-reader",
        "test_column_reader",
        {**_READER, "steps": 3},
        {**_READER, "columns": 4, "steps": 1},
        {**_READER, "steps": 5, "banks": 3},
    ),
    *_cases("exact-converter", "test_converters", {**_CONVERTER, "lanes": 2}),
    *_cases(
        "ladder-converter",
        "test_converters",
        {**_CONVERTER, "lanes": 3, "adc_bits": 3, "cell_bits": 3},
        {**_CONVERTER, "lanes": 1, "adc_bits": 1, "partial_signed": True, "reference_signed": True},
    ),
    *_cases(
        "multiply-shift-converter",
        "test_converters",
        {**_CONVERTER, "lanes": 2, "adc_bits": 4, "multiplier_bits": 6, "offset_bits": 12, "shift": 5},
    ),
    *_cases(
        "column-dequantizer",
        "test_column_dequantizer",
        {"lanes": 1, "code_bits": 5, "frames": 1, "groups": 1, "table_rows": 4, "bias_rows": 1},
        {
            "lanes": 3,
            "code_bits": 5,
            "mantissa_bits": 8,
            "bias_bits": 20,
            "accumulator_bits": 24,
            "result_bits": 8,
            "table_rows": 24,
            "bias_rows": 4,
            "groups": 3,
            "frames": 4,
        },
    ),
    *_cases(
        "residual-unit",
        "test_residual_unit",
        {**_MAPS, "lanes": 1, "depth": 2, "groups": 1, "width": 1, "height": 1},
        {**_MAPS, "residual_bits": 5, "result_bits": 9, "mantissa_bits": 6, "depth": 32},
    ),
    *_cases(
        "pooling-unit",
        "test_pooling_unit",
        {**_MAPS, "lanes": 1, "depth": 2, "groups": 2, "table_rows": 16},
        {**_MAPS, "pool_bits": 11, "depth": 12, "table_rows": 12},
    ),
    *_cases(
        "requantizer",
        "test_requantizer",
        {"lanes": 1, "table_rows": 1},
        {"lanes": 3, "value_bits": 10, "result_bits": 5, "mantissa_bits": 6, "shift_bits": 4, "table_rows": 7},
    ),
    *_cases(
        "sequencer",
        "test_sequencer",
        {"frames": 1, "weight_tiles": 1},
        {"frames": 5, "weight_tiles": 6, "map_size": 9, "kernel_size": 3, "steps": 5, "table_rows": 16},
        {"frames": 2, "weight_tiles": 9, "modes": 3},
    ),
    *_cases(
        "patch-reader",
        "test_patch_reader",
        {**_PATCHES, "rows": 9, "word": 16, "map_size": 3, "kernel_size": 2, "weight_planes": 1},
        {**_PATCHES, "rows": 20, "banks": 2, "word": 8, "activation_bits": 8, "signed": True},
    ),
    *_cases("spatio-temporal-mac", "test_mac", {"units": 1}, {"units": 5, "accumulator_bits": 44}),
    *_cases("fusion-mac", "test_mac", {"units": 2}),
    *_cases("plain-mac", "test_mac", {"units": 2}, {"units": 3, "width": 16}),
    *_cases("packed-mac", "test_mac", {"units": 2}),
    *_cases("sub-word-mac", "test_mac", {"units": 2}, {"units": 2, "apart": True}),
    *_cases("activation-serial-mac", "test_mac", {"units": 3}),
    *_cases("weight-serial-mac", "test_mac", {"units": 5}),
    *_cases("carry-save-mac", "test_mac", {"units": 1}, {"units": 3, "accumulator_bits": 40}),
    *_cases("same-weight-mac", "test_mac", {"units": 2}),
    *_cases("sparse-digit-mac", "test_mac", {"units": 1}, {"units": 3, "columns": 2}),
    *_cases("serial-serial-mac", "test_mac", {"units": 2}),
    *_cases(
        "mac-array",
        "test_mac_array",
        {"units": 1, "columns": 2, "precisions": "1x1", "weight_bits": 1},
        {"units": 3, "columns": 5, "precisions": "8x8,4xs4,2x8", "planes": 2, "cuts": 1, "tag_bits": 5},
        {"unit": "fusion", "units": 2, "columns": 2, "precisions": "4x4,8x2", "tag_bits": 3},
        {"unit": "plain-8", "units": 2, "columns": 3, "precisions": "8x8,3xs5", "planes": 2},
    ),
    AcceleratorCase(
        "accelerator",
        "quadrille.tb.test_accelerator",
        {"rows": 4, "columns": 8, "macros": 1, "lanes": 4, "frames": 3, "engine": "mac"},
        network={
            "seed": 6,
            "sizes": (20, 7, 4),
            "tile_rows": 8,
            "weight_bits": 4,
            "cell_bits": 4,
            "activation_bits": 4,
        },
    ),
    AcceleratorCase(
        "accelerator",
        "quadrille.tb.test_accelerator",
        {"rows": 4, "columns": 8, "macros": 1, "lanes": 4, "frames": 2, "engine": "mac"},
        network={"seed": 6, "sizes": (16, 7, 4), "tile_rows": 16, "weight_bits": 8, "cell_bits": 8},
        modes=(8, 4, 1),
    ),
    AcceleratorCase(
        "accelerator",
        "quadrille.tb.test_accelerator",
        {"rows": 12, "columns": 16, "macros": 1, "lanes": 4, "frames": 3},
        network={
            "seed": 5,
            "shape": (2, 4, 4),
            "channels": (3, 4),
            "rows": 12,
            "function": "wave",
            "signed": True,
            "weight_bits": 4,
            "cell_bits": 2,
            "argmax": False,
        },
    ),
    AxiCase(
        "axi-accelerator",
        "quadrille.tb.test_axi_accelerator",
        {"rows": 4, "columns": 8, "macros": 1, "lanes": 4, "frames": 2, "engine": "mac"},
        network={"seed": 6, "sizes": (16, 7, 4), "tile_rows": 16, "weight_bits": 8, "cell_bits": 8},
        modes=(8, 4, 1),
    ),
    AxiCase(
        "axi-accelerator",
        "quadrille.tb.test_axi_accelerator",
        {"rows": 8, "columns": 6, "macros": 1, "lanes": 2, "frames": 3},
        network={"seed": 1, "sizes": (13, 7, 10), "tile_rows": 8, "adc_bits": 3, "argmax": False},
    ),
    AcceleratorCase(
        "wishbone-accelerator",
        "quadrille.tb.test_wishbone_accelerator",
        {"rows": 4, "columns": 8, "macros": 1, "lanes": 4, "frames": 2, "engine": "mac"},
        network={"seed": 6, "sizes": (16, 7, 4), "tile_rows": 16, "weight_bits": 8, "cell_bits": 8},
        modes=(8, 4, 1),
    ),
    AcceleratorCase(
        "wishbone-accelerator",
        "quadrille.tb.test_wishbone_accelerator",
        {"rows": 8, "columns": 6, "macros": 1, "lanes": 2, "frames": 3, "depth": 4},
        network={"seed": 1, "sizes": (13, 7, 10), "tile_rows": 8, "adc_bits": 3, "argmax": False},
    ),
    AcceleratorCase(
        "uart-accelerator",
        "quadrille.tb.test_uart_accelerator",
        {"rows": 4, "columns": 8, "macros": 1, "lanes": 4, "frames": 2, "engine": "mac", "divisor": 4, "depth": 64},
        network={"seed": 6, "sizes": (16, 7, 4), "tile_rows": 16, "weight_bits": 8, "cell_bits": 8},
        modes=(8, 4, 1),
    ),
    AcceleratorCase(
        "uart-accelerator",
        "quadrille.tb.test_uart_accelerator",
        {"rows": 8, "columns": 6, "macros": 1, "lanes": 2, "frames": 3, "divisor": 5, "depth": 32},
        network={"seed": 1, "sizes": (13, 7, 10), "tile_rows": 8, "adc_bits": 3, "argmax": False},
    ),
    *_functions("piecewise-quadratic", wave=1, warped_wave=5, pieces=4),
    *_functions("activation-pipeline", bell=2, packet=7),
    *_cases(
        "programmable-quadratic",
        "test_programmable_quadratic",
        {**_PROGRAMMABLE, "periodic": True, "lanes": 2, "cuts": 5},
        {**_PROGRAMMABLE, "input_signed": False, "output_signed": False, "segments": 1, "cuts": 1},
    ),
    AcceleratorCase(
        "accelerator",
        "quadrille.tb.test_accelerator",
        {"rows": 8, "columns": 6, "macros": 1, "lanes": 2, "frames": 3},
        network={"seed": 1, "sizes": (13, 7, 4), "tile_rows": 8, "adc_bits": 3},
    ),
    AcceleratorCase(
        "accelerator",
        "quadrille.tb.test_accelerator",
        {"rows": 20, "columns": 16, "macros": 1, "banks": 2, "lanes": 4, "frames": 2},
        network={
            "seed": 4,
            "shape": (2, 4, 4),
            "channels": (2, 4),
            "rows": 20,
            "adc_bits": 3,
            "residual": "projection",
            "pool": "sum",
            "exact_first": True,
        },
    ),
    AcceleratorCase(
        "accelerator",
        "quadrille.tb.test_accelerator",
        {"rows": 6, "columns": 4, "macros": 2, "lanes": 4, "frames": 2, "weight_planes": 1, "cuts": 0},
        network={
            "seed": 2,
            "sizes": (9, 5, 6),
            "tile_rows": 6,
            "weight_bits": 3,
            "cell_bits": 2,
            "activation_bits": 3,
            "argmax": False,
        },
    ),
)
"""Every configuration of `quadrille regress`."""
