"""What enters and leaves a dequantizer: layouts of codes, table rows and results."""

from __future__ import annotations

from amaranth import signed
from amaranth.lib.data import ArrayLayout, StructLayout

__all__ = ["codes_layout", "dequantizer_row", "results_layout"]


def codes_layout(
    *, lanes: int, code_bits: int, reference_bits: int, address_bits: int, frame_bits: int
) -> StructLayout:
    """A column step as it leaves a converter: `lanes` codes, and where they belong."""
    return StructLayout(
        {
            "codes": ArrayLayout(signed(code_bits), lanes),
            "reference": signed(reference_bits),
            "address": address_bits,
            "frame": frame_bits,
            "last": 1,
        }
    )


def dequantizer_row(
    *,
    lanes: int,
    mantissa_bits: int,
    shift_bits: int,
    result_bits: int,
    groups: int,
    biases: int,
    destination_bits: int,
) -> StructLayout:
    """One row of the mantissa table: the mantissas of a column step, and what to do with its sums."""
    return StructLayout(
        {
            "mantissas": ArrayLayout(signed(mantissa_bits), lanes),
            "first": 1,  # the sums start from the bias
            "last": 1,  # the sums are complete: round, saturate, emit
            "group": range(max(2, groups)),  # which sums of the frame
            "bias": range(max(2, biases)),  # row of the bias table, where `first` is set
            "shift": shift_bits,
            "low": signed(result_bits),
            "high": signed(result_bits),
            "destination": destination_bits,  # passed through
        }
    )


def results_layout(*, lanes: int, result_bits: int, frame_bits: int, destination_bits: int) -> StructLayout:
    """A finished group of `lanes` outputs of one frame."""
    return StructLayout(
        {
            "values": ArrayLayout(signed(result_bits), lanes),
            "frame": frame_bits,
            "destination": destination_bits,
        }
    )
