"""What every hardware room stands on: blocks, shapes, ways down, stages, stream plumbing, compressors."""

from .block import Block, Choice, Described, Flag, Parameter, Record
from .narrow import (
    add,
    clamp,
    halve,
    multiply,
    outside,
    round_shift,
    saturate,
    select,
    shift_to_half,
    truncate,
    wrap,
)
from .shapes import flat_register, lanes_of, shape_of
from .stage import Core, Stalled
from .streams import Fork, Queue, StreamBuffer

__all__ = [
    "Block",
    "Choice",
    "Core",
    "Described",
    "Flag",
    "Fork",
    "Parameter",
    "Queue",
    "Record",
    "Stalled",
    "StreamBuffer",
    "add",
    "clamp",
    "flat_register",
    "halve",
    "lanes_of",
    "multiply",
    "outside",
    "round_shift",
    "saturate",
    "select",
    "shape_of",
    "shift_to_half",
    "truncate",
    "wrap",
]
