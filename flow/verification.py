"""The verb `verify`: held-out images on the simulated Verilog, every integer compared, cycles as predicted."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quadrille.algo.spec import InvalidInput, Modes, Network

from .configurations import TOP, configuration_of
from .executors import InTurn, executor, workers_of
from .progress import Report, silent
from .rendering import RENDERED, fidelities, rendered, renders
from .results import plain, read_json
from .verification_result import NodeAgreement, Verification

if TYPE_CHECKING:
    from quadrille.hw.engine import Configuration
    from quadrille.sim.comparison import Agreement
    from quadrille.sim.schedule import Schedule

__all__ = ["RANDOM", "verify"]

RANDOM = "random"
"""The mode that is drawn anew for each image."""

RANDOM_IMAGES = 256
RANDOM_SEED = 2026


def verify(
    folder: Path | str,
    images: int | Any = None,
    *,
    labels: Any = None,
    jobs: int = 1,
    scheduler: str | None = None,
    wave: Path | str | None = None,
    mode: str | None = None,
    seed: int | None = None,
    progress: Report = silent,
) -> Verification:
    """Run images through the simulated accelerator in `folder`, and compare every integer with the reference.

    `images` is a number (the first so many held-out images of the data set in the network's notes), None (all), or an
    array (n, *shape) of integers with its `labels`. A network that represents a picture gets the coordinates of its
    points, and draws it into `folder`, where the result is kept too; one without a data set gets random images. Of a
    network of several modes they run in `mode`, by default the first; in mode RANDOM each in one that is drawn for it
    from a register that starts at `seed`, by default 1. `jobs` processes simulate, or the workers of the Dask cluster
    at `scheduler`, for which `folder` must be there too.

    Raises
    ------
    InvalidInput
        If `folder` holds no whole accelerator or not the mode, or there are not so many images.
    MissingTool
        If the compiler is missing.
    """
    from quadrille.algo.integer.network_file import read_modes
    from quadrille.hw.export import publish
    from quadrille.sim.verification import verify as compare

    folder = Path(folder)
    content_hash = read_json(folder / "generation.json", "Accelerator's description")["content_hash"]
    configuration = configuration_of(folder)
    modes = read_modes(folder / "network.safetensors")
    if seed is not None and mode != RANDOM:
        raise InvalidInput(f"Seed must be given for mode {RANDOM} alone, not for mode {mode or modes.names[0]}")
    register = (1 if seed is None else seed) if mode == RANDOM else None
    named = modes.names[0] if mode is None or mode == RANDOM else mode
    network = modes.network(named)
    publish(folder, {})  # says that the folder cannot be written before the work, not after it
    dataset, pictures, truth = ("images given", images, labels)
    if images is None or isinstance(images, int):
        dataset, pictures, truth = held_out(network, images)
    with executor(jobs, scheduler) as pool:
        found = compare(
            folder,
            pictures,
            jobs=jobs if isinstance(pool, InTurn) else workers_of(pool),
            pool=None if isinstance(pool, InTurn) else pool,
            wave=wave,
            progress=progress,
            labels=truth,
            mode=named if register is None else None,
            seed=register,
        )
    if renders(network) and (picture := rendered(network, found.values)):
        publish(folder, {RENDERED: picture})
    progress("predicting cycles", 0, 0)
    result = Verification(
        network=modes.name,
        mode=mode or named,
        seed=register,
        drawn=None if register is None else drawn_modes(modes, found.schedules),
        dataset=dataset,
        images=found.images,
        integers=found.integers,
        mismatches=found.mismatches,
        nodes=node_agreements(network, found.nodes),
        first_mismatch=found.first,
        float_accuracy=float_accuracy(folder),
        integer_accuracy=found.integer_accuracy,
        rtl_accuracy=found.rtl_accuracy,
        cycles_predicted=predicted_cycles(modes, configuration, found.schedules),
        cycles_simulated=found.cycles,
        rtl_images_per_second=found.rtl_rate,
        reference_images_per_second=found.reference_rate,
        build_seconds=found.build_seconds,
        jobs=found.jobs,
        verilog_bytes=(folder / f"{TOP}.v").stat().st_size,
        answers=tuple(found.values.reshape(found.images, -1)[:, 0].tolist()) if found.rtl_accuracy is not None else (),
        content_hash=content_hash,
        folder=folder,
        wave=found.wave,
        signal_to_noise=fidelities(folder, network) if renders(network) else None,
    )
    publish(folder, {"verification.json": json.dumps(plain(result), indent=1) + "\n"})
    return result


def drawn_modes(modes: Modes, schedules: Sequence[Schedule]) -> dict[str, int]:
    """How many images ran in each mode."""
    counts = Counter(number for schedule in schedules for number in schedule.modes)
    return {mode: counts[number] for number, mode in enumerate(modes.names)}


def node_agreements(network: Network, compared: Mapping[str, Agreement]) -> tuple[NodeAgreement, ...]:
    """What was compared, in the order of the network; then what the hardware shows besides."""
    names = [node.name for node in network.nodes if node.name in compared]
    names += [name for name in compared if name not in names]
    known = {node.name: (node.kind, network.edges[node.name].shape) for node in network.nodes}
    return tuple(
        NodeAgreement(name, *known.get(name, ("", ())), compared[name].integers, compared[name].mismatches)
        for name in names
    )


def held_out(network: Network, count: int | None) -> tuple[str, Any, Any]:
    """Name, images and labels of the first `count` held-out images; random ones if the network names no data set.

    Raises
    ------
    InvalidInput
        If there are not so many.
    """
    if renders(network):
        return every_point(network, count)
    if "dataset" not in network.notes:
        import numpy as np

        number = RANDOM_IMAGES if count is None else count
        if number < 1:
            raise InvalidInput(f"Number of images must be a positive integer, not {number}")
        interval = network.input.format.interval
        draw = np.random.default_rng(RANDOM_SEED)
        return "random", draw.integers(interval.lo, interval.hi, (number, *network.input.shape), endpoint=True), None
    from quadrille.algo.data import dataset

    data = dataset(network.notes["dataset"])
    most = len(data.held_out_images)
    number = most if count is None else count
    if not 1 <= number <= most:
        raise InvalidInput(f"Number of images must be from 1 to the {most} held out of {data.name}, not {number}")
    return data.name, data.held_out_images[:number], data.held_out_labels[:number]


def every_point(network: Network, count: int | None) -> tuple[str, Any, None]:
    """Name and coordinates of the first `count` points of the picture that `network` represents; InvalidInput if there
    are not so many."""
    from quadrille.algo.data import coordinates_of

    points = coordinates_of(network)
    number = len(points) if count is None else count
    name = network.notes.get("picture", network.name)
    if not 1 <= number <= len(points):
        raise InvalidInput(f"Number of images must be from 1 to the {len(points)} points of {name}, not {number}")
    return f"the {len(points):,} points of {name}", points[:number], None


def float_accuracy(folder: Path) -> float | None:
    """The accuracy of the float network that was trained beside this one, on all held-out images."""
    path = folder / "training.json"
    if not path.is_file():
        return None
    return read_json(path, "Training metrics").get("accuracies", {}).get("float twin")


def predicted_cycles(network: Network | Modes, configuration: Configuration, schedules: Sequence[Schedule]) -> int:
    """Cycles that the program predicts for continuous runs of images in the modes of those schedules."""
    from quadrille.hw.engine import compile_network
    from quadrille.hw.engine.timing import Batch

    timing = compile_network(network, configuration=configuration).timing
    # Long verifications consist of many runs of a few sizes.
    runs = Counter((len(each.modes), each.constant_mode(timing.frames)) for each in schedules)
    total = sum(timing.cycles(images, mode) * count for (images, mode), count in runs.items() if mode is not None)
    changing = (each.batches() for each in schedules if each.constant_mode(timing.frames) is None)
    return total + sum(timing.run(Batch(*batch) for batch in batches) for batches in changing)
