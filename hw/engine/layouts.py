"""The layout of an instruction, and what lanes, banks and words must be for any layout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from amaranth import unsigned
from amaranth.lib.data import ArrayLayout, StructLayout

from quadrille.algo.spec import InvalidInput

__all__ = ["check_array", "check_columns", "instruction_layout"]


def instruction_layout(
    *,
    planes: int,
    element_bits: int,
    map_size: int,
    kernel_size: int,
    rows: int,
    banks: int,
    steps_bits: int,
    address_bits: int,
    position_bits: int,
    precisions: int = 0,
) -> StructLayout:
    """One tile of one layer, for all windows of a batch; addresses count elements, modulo the memory.

    `planes`, `map_size`, `kernel_size`, `rows` are the greatest values of the fields that count those. An array of
    multiply-accumulate units has `precisions`.
    """
    element, size, kernel, row = element_bits, range(map_size + 1), range(kernel_size + 1), range(rows + 1)
    bank = StructLayout(
        {
            "low": unsigned(16),  # Channels of hw.engine.mapping
            "low_tap": range(kernel_size**2 + 1),
            "high": unsigned(16),
            "high_tap": range(kernel_size**2 + 1),
            "slide_rows": row,  # rows that leave when a window slides
            "slide_start": row,  # the first row of the new taps
        }
    )
    return StructLayout(
        {
            "feature": 1,  # source: 0: input memory, 1: feature memory
            "origin": element,  # of the first window, padding included
            "frame_step": element,
            "row_step": element,  # from a row of windows to the next
            "window_step": element,
            "tap_row_step": element,  # from a row of the map to the next
            "tap_step": element,  # from a pixel to the next
            "slide_step": element,  # from a window to its first tap column that the window before it had not
            "height": size,
            "width": size,
            "down": size,  # windows
            "across": size,
            "stride_down": size,
            "stride_across": size,
            "padding_down": kernel,
            "padding_across": kernel,
            "kernel_down": kernel,
            "kernel_across": kernel,
            "banks": ArrayLayout(bank, banks),
            "slide": 1,  # windows take over the taps that they share with the one before
            "slide_column": kernel,  # the first new tap column
            "planes": range(planes + 1),
            "negative": 1,  # the most significant plane is subtracted
            **({"precision": range(max(2, precisions))} if precisions else {}),  # that windows are multiplied in
            "steps": steps_bits,
            "table": address_bits,
            "accumulators": position_bits,  # of a window
            "barrier": 1,  # wait until all results are written
            "last": 1,  # of the program
        }
    )


def check_array(values: Mapping[str, Any], per_data_word: int) -> None:
    """Refuse lanes, banks and words, by their names in `values`, that memories and lanes cannot be cut into.

    Raises
    ------
    InvalidInput
        Naming the parameter.
    """
    for name, noun in (("lanes", "Lanes"), ("banks", "Banks"), ("word", "Word of the activation memories")):
        if values[name] & (values[name] - 1):
            raise InvalidInput(f"{noun} must be a power of two, not {values[name]}")
    least = max(values["lanes"], per_data_word)
    if values["word"] < least:
        raise InvalidInput(
            f"Word of the activation memories must be at least {least} activations, not {values['word']}"
        )


def check_columns(values: Mapping[str, Any]) -> None:
    """Refuse gates of columns, by the names in `values`, that lanes do not fill, and what an engine of arrays has not.

    Raises
    ------
    InvalidInput
        Naming the parameter.
    """
    if values["gated_columns"] % values["lanes"]:
        raise InvalidInput(
            f"Gated columns must be a multiple of the {values['lanes']} lanes, not {values['gated_columns']}"
        )
    if values["engine"] == "mac" and values["converter"] != "exact":
        raise InvalidInput(f"Converter of an engine of arrays must be exact, not {values['converter']}")
    if values["engine"] == "mac" and values["banks"] > 1:
        raise InvalidInput(f"Banks of an engine of arrays must be 1, not {values['banks']}")
