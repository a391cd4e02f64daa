"""The compute-in-memory macro and its periphery: array, column reader, converters."""

from .converter import Converter
from .converters import ExactConverter, LadderConverter, MultiplyShiftConverter
from .macro import CimMacro
from .reader import ColumnReader

__all__ = ["CimMacro", "ColumnReader", "Converter", "ExactConverter", "LadderConverter", "MultiplyShiftConverter"]
