"""The graph of integer operations: the file in the middle of the chain."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

from .errors import InvalidInput
from .formats import IntFormat
from .kinds import check_kinds
from .nodes import Edge, Input, Node

__all__ = ["Network"]

GREATEST = IntFormat(64, signed=True).interval

NodeT = TypeVar("NodeT", bound=Node)


@dataclass(frozen=True)
class Network:
    """A directed acyclic graph of nodes in the order of execution, with one input and one result, the last node.

    Building one validates it: names, order, shapes, formats, tables and accumulators. `notes` are strings kept beside
    the graph (the recipe, its accuracy) and mean nothing to the arithmetic.

    Raises
    ------
    InvalidInput
        With the node's name and the reason.
    """

    name: str
    nodes: tuple[Node, ...]
    notes: dict[str, str] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        check_kinds(self, f"network {self.name!r}")
        if not self.nodes or not isinstance(self.nodes[0], Input):
            raise InvalidInput(f"Network {self.name!r} must start with an input node")
        seen: set[str] = set()
        for node in self.nodes:
            least, most = node.arity
            if not node.name or node.name in seen:
                raise InvalidInput(f"Network {self.name!r} must give every node a name of its own, not {node.name!r}")
            if not least <= len(node.inputs) <= most:
                raise InvalidInput(
                    f"Node {node.name!r}: a {node.kind} node must have {least} to {most} inputs, not {len(node.inputs)}"
                )
            for source in node.inputs:
                if source not in seen:
                    raise InvalidInput(f"Node {node.name!r}: input must be an earlier node, not {source!r}")
            if isinstance(node, Input) and seen:
                raise InvalidInput(f"Node {node.name!r}: a network must have one input node, and this is the second")
            seen.add(node.name)
        read = {source for node in self.nodes for source in node.inputs}
        for node in self.nodes[:-1]:
            if node.name not in read:
                raise InvalidInput(f"Node {node.name!r}: every node but the last must be read by another")
        _ = self.edges  # infers, and so validates, every edge

    @cached_property
    def edges(self) -> dict[str, Edge]:
        """What leaves each node, by the node's name."""
        edges: dict[str, Edge] = {}
        for node in self.nodes:
            try:
                edge = node.infer([edges[source] for source in node.inputs])
                if edge.interval not in GREATEST:
                    raise InvalidInput(f"values must fit 64 bits signed, not {edge.interval}")
            except InvalidInput as error:
                raise InvalidInput(f"Node {node.name!r}: {error}") from None
            edges[node.name] = edge
        return edges

    @property
    def input(self) -> Input:
        """The node that the images enter by."""
        node = self.nodes[0]
        assert isinstance(node, Input)
        return node

    @property
    def result(self) -> Node:
        """The node whose edge leaves the network."""
        return self.nodes[-1]

    def node(self, name: str) -> Node:
        """The node called `name`.

        Raises
        ------
        InvalidInput
            If there is none.
        """
        for node in self.nodes:
            if node.name == name:
                return node
        raise InvalidInput(f"Network {self.name!r} must have a node called {name!r}, and has none")

    def input_edges(self, node: Node) -> list[Edge]:
        """The edges that `node` reads, in order."""
        return [self.edges[source] for source in node.inputs]

    def readers(self, name: str) -> list[Node]:
        """The nodes that read the edge of node `name`."""
        return [node for node in self.nodes if name in node.inputs]

    def of_kind(self, kind: type[NodeT]) -> Iterator[NodeT]:
        """The nodes of class `kind`, in order."""
        return (node for node in self.nodes if isinstance(node, kind))
