"""What an accelerator shows of a network in one of its modes: the beats of every tap and of the output."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quadrille.algo.spec import Flatten, InvalidInput, Network, Subsample

from .beats import Beats
from .description import code_beats, ends, output_beats, reference_beats, result_beats
from .manifest import Manifest
from .payload import empty_field

__all__ = ["Shown", "shown_of"]

CYCLE_BYTES = 8
TENSOR_BYTES = 9
"""Of each element: an int64, and whether it is wrong."""

EXEMPT = (Subsample, Flatten)
"""Nodes that only address what other nodes made, which is shown."""


@dataclass(frozen=True)
class Shown:
    """The beats for images in one mode.

    Attributes
    ----------
    mode : its name
    network : that of the mode
    codes, references : what leaves on the tap `o_codes`: codes, and the sum of a row tile's inputs
    taps : what leaves on the other taps by name: `o_results`, and those of the units that the hardware has
    output, ends : what leaves on the stream `o`: words, and the flag beside each
    words : how the result stands in those words
    """

    mode: str
    network: Network
    codes: Beats
    references: Beats
    taps: dict[str, Beats]
    output: Beats
    ends: Beats
    words: dict[str, Any]

    @property
    def delivered(self) -> dict[str, Beats]:
        """What leaves on each tap and stream."""
        return {"o_codes": self.codes, **self.taps, "o": self.output}

    def bytes_per_image(self, manifest: Manifest) -> int:
        """Memory that an image takes while it is compared: what was captured, and the reference's tensors."""
        captured = 0
        for name, beats in self.delivered.items():
            row = sum(empty_field(field, 1).nbytes for field in manifest.output(name).fields)
            captured += beats.per_image * (row + CYCLE_BYTES)
        tensors = sum(prod(edge.shape) for edge in self.network.edges.values())
        return captured + TENSOR_BYTES * tensors


def shown_of(folder: Path, network: Network, description: dict[str, Any]) -> Shown:
    """From a mode's part of program.json.

    Raises
    ------
    InvalidInput
        If it does not show every node's tensor whole.
    """
    steps, results, taps = description["steps"], description["results"], description["taps"]
    leaving = output_beats(results, list(taps.values()), description["output"], network)
    shown = Shown(
        mode=description["mode"],
        network=network,
        codes=code_beats(steps, network),
        references=reference_beats(steps, network),
        taps={name: result_beats(each, network) for name, each in {"o_results": results, **taps}.items()},
        output=leaving,
        ends=ends(leaving),
        words=description["output"],
    )
    _check(folder, shown)
    return shown


def _check(folder: Path, shown: Shown) -> None:
    network = shown.network
    seen: dict[str, NDArray[np.bool_]] = {}
    for beats in (*shown.delivered.values(), shown.references):
        for elements, windows in ((part, step.windows) for step in beats.steps for part in step.elements):
            tensor = elements.tensor
            if windows != prod(tensor.windows):
                raise InvalidInput(
                    f"Program of {folder} must show {prod(tensor.windows)} windows of node "
                    f"{tensor.node!r}, not {windows}"
                )
            seen.setdefault(tensor.node, np.zeros(tensor.places * windows, bool)).reshape(-1, windows)[
                elements.places
            ] = True
    for node in network.nodes[1:]:
        want = prod(network.edges[node.name].shape)
        have = int(np.count_nonzero(seen.get(node.name, ())))
        if have != want and not isinstance(node, EXEMPT):
            raise InvalidInput(f"Program of {folder} must show {want} integers of node {node.name!r}, not {have}")
