"""How accuracy falls as devices vary more: many perturbed networks, each executed in integers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from quadrille.algo.spec import Argmax, Input, InvalidInput, Network, Node

from .arithmetic import IntArray, integers
from .execution import Executor
from .variation import Variation, perturbed_nodes, varied_nodes

__all__ = ["SweepPoint", "accuracy", "sweep"]


@dataclass(frozen=True)
class SweepPoint:
    """The accuracies, shares of 1, of a network perturbed with one `value` of a parameter and each of `seeds`."""

    value: float
    seeds: tuple[int, ...]
    accuracies: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Mean over the seeds."""
        return float(np.mean(self.accuracies))

    @property
    def deviation(self) -> float:
        """Standard deviation over the seeds, estimated from this sample of them; 0 for one seed."""
        return float(np.std(self.accuracies, ddof=1)) if len(self.accuracies) > 1 else 0.0


def accuracy(network: Network, images: object, labels: object) -> float:
    """The share of `images` (n, *shape) that `network` gives the class in `labels` (n,).

    Raises
    ------
    InvalidInput
        If the network does not end in an argmax, the images do not fit it, or images and labels differ in number.
    """
    truth = _checked_labels(network, images, labels)
    return _share(network, images, truth)


def _checked_labels(network: Network, images: object, labels: object) -> IntArray:
    if not isinstance(network.result, Argmax):
        raise InvalidInput(f"Network {network.name!r} must end in an argmax for an accuracy, not {network.result.kind}")
    truth, count = integers(labels, "Labels"), len(np.asarray(images))
    if truth.shape != (count,) or count == 0:
        raise InvalidInput(f"Labels must be one for each of {count} images, one or more, not shape {list(truth.shape)}")
    return truth


def _share(network: Network, images: object, labels: IntArray) -> float:
    name = network.result.name
    return float(np.mean(Executor(network).run(images, keep=[name])[name] == labels))


def sweep(
    network: Network,
    images: object,
    labels: object,
    *,
    values: Sequence[float],
    seeds: Sequence[int],
    parameter: str = "log_normal",
    variation: Variation | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[SweepPoint, ...]:
    """The accuracy of `perturb(network, variation, seed)` for each of `values` of a parameter and each of `seeds`.

    `variation` (default: none) holds the parameters that stay as they are, `parameter` names the one that is swept.
    What comes before the first layer that varies is computed once, and so is a variation of nothing. `progress` is
    told how many of how many networks are done.

    Raises
    ------
    InvalidInput
        As `perturb` and `accuracy`; and if there is no value or no seed, or no such parameter.
    """
    names = [item.name for item in fields(Variation)]
    if parameter not in names:
        raise InvalidInput(f"Parameter of a sweep must be one of {', '.join(names)}, not {parameter!r}")
    if not values or not seeds:
        raise InvalidInput(f"Sweep must have one or more values and seeds, not {len(values)} and {len(seeds)}")
    truth = _checked_labels(network, images, labels)
    varied = {node.name for node in varied_nodes(network)}
    place = _waist(network, varied)
    entry = network.nodes[place]
    inputs = Executor(_head(network, place)).run(images, keep=[entry.name])[entry.name]
    edge = network.edges[entry.name]
    points: list[SweepPoint] = []
    nothing = Variation()
    for value in values:
        chosen = replace(variation or nothing, **{parameter: value})
        still = replace(chosen, fraction_bits=nothing.fraction_bits) == nothing
        accuracies: list[float] = []
        for number, seed in enumerate(seeds):
            if still and number:
                accuracies.append(accuracies[0])
            else:
                nodes = perturbed_nodes(network, chosen, seed)
                first: Node = Input(name=entry.name, shape=edge.shape, format=edge.format)
                accuracies.append(_share(Network(network.name, (first, *nodes[place + 1 :])), inputs, truth))
            if progress is not None:
                progress(len(points) * len(seeds) + number + 1, len(values) * len(seeds))
        points.append(SweepPoint(value, tuple(seeds), tuple(accuracies)))
    return tuple(points)


def _waist(network: Network, varied: set[str]) -> int:
    """The place of the last node before all `varied` ones that alone is read by those after it."""
    first = next(place for place, node in enumerate(network.nodes) if node.name in varied)
    places = {node.name: place for place, node in enumerate(network.nodes)}
    for place in range(first - 1, 0, -1):
        if all(places[source] >= place for node in network.nodes[place + 1 :] for source in node.inputs):
            return place
    return 0


def _head(network: Network, place: int) -> Network:
    """`network` up to the node at `place`."""
    return Network(network.name, network.nodes[: place + 1])
