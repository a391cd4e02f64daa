"""What every hardware room stands on: blocks, shapes, ways down, stages, stream plumbing, compressors."""

from .block import Block, Choice, Flag, Parameter
from .narrow import clamp, round_shift, saturate, truncate, wrap
from .shapes import flat_register, lanes_of, shape_of
from .stage import Core, Stalled
from .streams import Fork, Queue, StreamBuffer

__all__ = [
    "Block",
    "Choice",
    "Core",
    "Flag",
    "Fork",
    "Parameter",
    "Queue",
    "Stalled",
    "StreamBuffer",
    "clamp",
    "flat_register",
    "lanes_of",
    "round_shift",
    "saturate",
    "shape_of",
    "truncate",
    "wrap",
]
