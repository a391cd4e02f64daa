"""What every hardware room stands on: blocks, shapes, ways down, stages, stream plumbing, compressors."""

from .block import Block, Choice, Described, Flag, Parameter, Record
from .narrow import add, clamp, multiply, round_shift, saturate, truncate, wrap
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
    "Record",
    "Stalled",
    "StreamBuffer",
    "add",
    "clamp",
    "flat_register",
    "lanes_of",
    "multiply",
    "round_shift",
    "saturate",
    "shape_of",
    "truncate",
    "wrap",
]
