"""What every node of a Network has, and the node that the images enter by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from .errors import InvalidInput
from .formats import Interval, IntFormat
from .kinds import check_kinds

__all__ = ["NODE_KINDS", "Edge", "Input", "Node"]

NODE_KINDS: dict[str, type[Node]] = {}
"""Every class of nodes, by its `kind`; a class enters when it is defined."""


@dataclass(frozen=True)
class Edge:
    """What travels from a node to the next: a tensor of `shape` for each image, every element in `interval`.

    `channels`, where given, holds one interval for each channel, the elements of the leading axes in row-major order
    (all axes, for now): the bounds that the actual weights give, tighter than `interval`.
    """

    shape: tuple[int, ...]
    format: IntFormat
    interval: Interval
    channels: tuple[Interval, ...] | None = None

    def channel(self, index: int) -> Interval:
        """The interval of channel `index`."""
        return self.interval if self.channels is None else self.channels[index]


@dataclass(frozen=True, kw_only=True)
class Node:
    """An operation with a `name`, reading the edges that the nodes named `inputs` write."""

    kind: ClassVar[str]
    arity: ClassVar[tuple[int, int]]  # least and greatest number of inputs

    name: str
    inputs: tuple[str, ...] = ()

    def __init_subclass__(cls) -> None:
        NODE_KINDS[cls.kind] = cls

    def __post_init__(self) -> None:
        check_kinds(self, f"node {self.name!r}")

    def infer(self, inputs: Sequence[Edge]) -> Edge:
        """The edge that leaves this node.

        Raises
        ------
        InvalidInput
            If the node's tables, its formats and its inputs do not fit one another; the sentence starts with what is
            wrong, and Network puts the node's name before it.
        """
        raise TypeError(f"{type(self).__name__} must say what leaves it")


@dataclass(frozen=True, kw_only=True)
class Input(Node):
    """The images: a tensor of `shape`, of format `format`."""

    kind: ClassVar[str] = "input"
    arity: ClassVar[tuple[int, int]] = (0, 0)

    shape: tuple[int, ...]
    format: IntFormat

    def infer(self, inputs: Sequence[Edge]) -> Edge:
        """The images' shape and format."""
        if not self.shape or any(size < 1 for size in self.shape):
            raise InvalidInput(f"shape must be one or more positive sizes, not {list(self.shape)}")
        return Edge(self.shape, self.format, self.format.interval)
