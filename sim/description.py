"""From the description of a program to the beats that it promises on every tap and on the output."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from quadrille.algo.spec import Conv2d, Flatten, Linear, Network, RowSum

from .beats import PADDING, Beats, Elements, Step, Tensor

__all__ = [
    "END",
    "code_beats",
    "ends",
    "output_beats",
    "reference_beats",
    "result_beats",
    "row_sum_of",
    "tensor_of",
]

END = "end of image"
"""Where a node is named, the flag that marks the last output word of an image; its tensor is [0, 1] for each."""


def tensor_of(network: Network, name: str) -> Tensor:
    """The tensor of the node called `name`."""
    node, shape = network.node(name), network.edges[name].shape
    if isinstance(node, (Linear, Conv2d)):
        leading = ("tile", "slice", "output")
    elif isinstance(node, RowSum):
        leading = ("tile",) if len(shape) == 1 else ("tile", "group")
    else:
        leading = ("output",)[: len(shape)]
    count = len(leading)
    return Tensor(name, shape[:count], shape[count:], (*leading, *("y", "x")[: len(shape) - count]))


def row_sum_of(network: Network, name: str) -> RowSum:
    """The row sums of the linear or convolution node `name`: a node of the network where it has one, else like it."""
    node = network.node(name)
    assert isinstance(node, (Linear, Conv2d))
    window = node.window if isinstance(node, Conv2d) else None
    for other in network.of_kind(RowSum):
        if other.inputs == node.inputs and other.tile_rows == node.tile_rows and other.window == window:
            return other
    return RowSum(name=f"{name} (row sums)", inputs=node.inputs, tile_rows=node.tile_rows, window=window)


def _row_sum_tensor(network: Network, name: str) -> Tensor:
    shape, axes = network.edges[name].shape, ("tile",)
    tiles, windows = shape[0], shape[3:]
    node, places = network.node(name), (tiles,)
    if isinstance(node, Conv2d):
        places, axes = (tiles, node.window.groups), ("tile", "group", "y", "x")
    return Tensor(row_sum_of(network, name).name, places, windows, axes)


def code_beats(steps: Sequence[dict[str, Any]], network: Network) -> Beats:
    """A column of codes carries a slice of a row tile; that of the reference carries the row sum in all lanes."""
    return Beats(tuple(_code_step(step, network) for step in steps))


def _code_step(step: dict[str, Any], network: Network) -> Step:
    tensor = tensor_of(network, step["node"])
    _, slices, outputs = tensor.shape
    codes: list[tuple[int, Sequence[int]]] = []
    sums: list[tuple[int, Sequence[int]]] = []
    row_sum = _row_sum_tensor(network, step["node"])
    for index, column in enumerate(step["columns"]):
        if column["slice"] is None:
            place = _row_sum_place(row_sum, step, column)
            sums.append((index, [PADDING if output == PADDING else place for output in column["outputs"]]))
        else:
            first = (column["tile"] * slices + column["slice"]) * outputs
            codes.append((index, [PADDING if output == PADDING else first + output for output in column["outputs"]]))
    elements = [Elements.of(tensor, codes)] if codes else []
    elements += [Elements.of(row_sum, sums)] if sums else []
    return Step(step["windows"], len(step["columns"]), tuple(elements))


def reference_beats(steps: Sequence[dict[str, Any]], network: Network) -> Beats:
    """Beside its codes, every beat carries the sum of the row tile's inputs."""
    return Beats(tuple(_reference_step(step, network) for step in steps))


def _reference_step(step: dict[str, Any], network: Network) -> Step:
    row_sum = _row_sum_tensor(network, step["node"])
    carried = [(index, [_row_sum_place(row_sum, step, column)]) for index, column in enumerate(step["columns"])]
    elements = (Elements.of(row_sum, carried),) if carried else ()
    return Step(step["windows"], len(carried), elements)


def _row_sum_place(row_sum: Tensor, step: dict[str, Any], column: dict[str, Any]) -> int:
    return column["tile"] * prod(row_sum.shape[1:]) + step["group"]


def result_beats(steps: Sequence[dict[str, Any]], network: Network) -> Beats:
    """One beat at each window for each group of outputs that is complete."""
    return Beats(tuple(_result_step(step["windows"], step["groups"], network) for step in steps))


def _result_step(windows: int, groups: Sequence[dict[str, Any]], network: Network) -> Step:
    by_node: dict[str, list[tuple[int, Sequence[int]]]] = {}
    for index, group in enumerate(groups):
        by_node.setdefault(group["node"], []).append((index, group["outputs"]))
    elements = tuple(Elements.of(tensor_of(network, name), columns) for name, columns in by_node.items())
    return Step(windows, len(groups), elements)


def output_beats(
    results: Sequence[dict[str, Any]], taps: Sequence[Sequence[dict[str, Any]]], output: dict[str, Any], net: Network
) -> Beats:
    """Values leave group by group, as many in a word as it holds; an index leaves once for each image, at its end.

    The groups are those of the result on whichever tap shows it last.
    """
    per_word = output["elements_per_word"]
    if output["kind"] == "index":
        last = max((index for index, step in enumerate(results) if step["groups"]), default=0)
        index = Elements.of(tensor_of(net, output["node"]), [(0, [0])])
        return Beats(tuple(Step(1, 1, (index,)) if at == last else Step(1, 0, ()) for at in range(len(results))))
    node = net.node(output["node"])
    while isinstance(node, Flatten):  # the same values, addressed otherwise
        node = net.node(node.inputs[0])
    shown = next(
        (
            steps
            for steps in (*reversed(taps), results)
            if any(group["node"] == node.name for step in steps for group in step["groups"])
        ),
        results,
    )
    leaving: list[Step] = []
    for step in shown:
        words: list[dict[str, Any]] = []
        for group in step["groups"]:
            members = [index for index in group["outputs"] if index != PADDING] if group["node"] == node.name else []
            words += [
                {"node": node.name, "outputs": members[k : k + per_word]} for k in range(0, len(members), per_word)
            ]
        leaving.append(_result_step(step["windows"], words, net))
    return Beats(tuple(leaving))


def ends(output: Beats) -> Beats:
    """The flag of each output word, place 0 or 1 of END: set for the last word of an image."""
    final = max((index for index, step in enumerate(output.steps) if step.columns), default=0)
    flags: list[Step] = []
    for index, step in enumerate(output.steps):
        tensor = Tensor(END, (2,), (step.windows,), ("flag",))
        places = [int(index == final and column == step.columns - 1) for column in range(step.columns)]
        elements = (Elements.of(tensor, [(column, [place]) for column, place in enumerate(places)]),) if places else ()
        flags.append(Step(step.windows, step.columns, elements))
    return Beats(tuple(flags))
