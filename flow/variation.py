"""The verb `vary`: a network as one particular set of devices would compute it, as another Network file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from quadrille.algo.spec import InvalidInput, Modes, Network

from .inspection import network_file
from .progress import Report, silent
from .results import Result, difference, percent
from .verification import held_out

if TYPE_CHECKING:
    from quadrille.algo.integer.variation import Variation

__all__ = ["Perturbation", "vary"]


@dataclass(frozen=True)
class Perturbation(Result):
    """A perturbed network: what varied, and its answers beside those of the network as it was."""

    title: ClassVar[str] = "Variation"

    network: str
    variation: str
    seed: int
    layers: tuple[str, ...]
    cells: int
    cell_bits: int
    dataset: str
    images: int
    same_answers: float
    accuracy_before: float | None
    accuracy_after: float | None
    path: Path

    def summary(self) -> Sequence[tuple[str, str]]:
        """What varied, accuracies, file."""
        lines = [
            ("network", self.network),
            ("variation", f"{self.variation}, seed {self.seed}"),
            ("cells that vary", f"{self.cells:,} in {len(self.layers)} layers, values of up to {self.cell_bits} bits"),
            ("images", f"{self.images:,} of {self.dataset}"),
            ("same answers", percent(self.same_answers)),
        ]
        if self.accuracy_before is not None and self.accuracy_after is not None:
            change = difference(self.accuracy_after, self.accuracy_before)
            lines.append(("integer accuracy", f"{percent(self.accuracy_before)} before"))
            lines.append(("", f"{percent(self.accuracy_after)} after ({change})"))
        return [*lines, ("file", str(self.path))]


def vary(
    source: Network | Path | str,
    output: Path | str,
    variation: Variation,
    *,
    seed: int = 0,
    images: int | None = None,
    progress: Report = silent,
) -> Perturbation:
    """Write the network of `source` on devices that differ by `variation`, drawn with `seed`, to the file `output`.

    The file is a Network like any other: it can be inspected, generated and verified. `images` is how many of the
    held-out images of the network's data set answer for the accuracies, None all of them; a network without a data set
    gets random images and no accuracy.

    Raises
    ------
    InvalidInput
        As `perturb`; and if the network cannot be read or has several modes, there are not so many images, or `output`
        cannot be written.
    """
    from quadrille.algo.integer import execute, read_modes, write_network
    from quadrille.algo.integer.variation import perturb, varied_nodes

    modes = Modes.of(source) if isinstance(source, Network) else read_modes(network_file(source))
    if len(modes.names) > 1:
        raise InvalidInput(f"Network {modes.name!r} must have one mode to be varied, not {', '.join(modes.names)}")
    network = modes.default
    dataset, pictures, labels = held_out(network, images)
    progress("perturbing", 0, 0)
    varied = perturb(network, variation, seed)
    result = network.result.name
    answers = []
    for number, each in enumerate((network, varied)):
        progress("executing", number, 2)
        answers.append(execute(each, pictures, keep=[result])[result])
    before, after = (values.reshape(len(pictures), -1) for values in answers)
    accuracies = None
    if labels is not None and before.shape[1] == 1:
        accuracies = [float((values[:, 0] == labels).mean()) for values in (before, after)]
    path = write_network(varied, output)
    nodes = varied_nodes(varied)
    return Perturbation(
        network=network.name,
        variation=str(variation),
        seed=seed,
        layers=tuple(node.name for node in nodes),
        cells=sum(node.encoding.slices * node.outputs * node.rows for node in nodes),
        cell_bits=max(node.cell_value_bits for node in nodes),
        dataset=dataset,
        images=len(pictures),
        same_answers=float((before == after).all(axis=1).mean()),
        accuracy_before=accuracies[0] if accuracies else None,
        accuracy_after=accuracies[1] if accuracies else None,
        path=path,
    )
