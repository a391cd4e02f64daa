"""The table of the regression: blocks, parameters, testbench. Data; configurations are kept small to build fast."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .accelerator_cases import ACCELERATORS, EDGES
from .case import Case
from .functions import FUNCTIONS

__all__ = ["CASES", "Case"]


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
        {"rows": 9, "columns": 7, "activation_bits": 3, "gated_columns": 3},
        {"rows": 20, "columns": 8, "planes": 2, "cuts": 2, "tag_bits": 3, "gated_columns": 2, "compressor": "lut6"},
        {"rows": 12, "columns": 70, "signed": True, "planes": 2, "cuts": 3, "gated_columns": 66},
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
        {"units": 2, "columns": 5, "precisions": "8x8,4xs4", "planes": 2, "cuts": 2, "gated_columns": 2},
        {"unit": "carry-save", "units": 1, "columns": 3, "precisions": "7x7,4xs4", "gated_columns": 2},
    ),
    *EDGES,
    *_functions("piecewise-quadratic", wave=1, warped_wave=5, pieces=4),
    *_functions("activation-pipeline", bell=2, packet=7),
    *_cases(
        "programmable-quadratic",
        "test_programmable_quadratic",
        {**_PROGRAMMABLE, "periodic": True, "lanes": 2, "cuts": 5},
        {**_PROGRAMMABLE, "input_signed": False, "output_signed": False, "segments": 1, "cuts": 1},
    ),
    *ACCELERATORS,
)
