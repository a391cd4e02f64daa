"""Column-wise dequantizers: from codes to the next layer's format."""

from .dequantizer import ColumnDequantizer
from .layouts import codes_layout, dequantizer_row, results_layout

__all__ = ["ColumnDequantizer", "codes_layout", "dequantizer_row", "results_layout"]
