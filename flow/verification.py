"""The verb `verify`: held-out images on the simulated Verilog, every integer compared, cycles as predicted."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from quadrille.algo.spec import DEFAULT_MODE, InvalidInput, Modes, Network

from .configurations import TOP, configuration_of
from .executors import InTurn, executor, workers_of
from .progress import Report, silent
from .rendering import RENDERED, fidelities, qualities, rendered, renders
from .results import Result, percent, plain, read_json, size
from .tables import table_html, table_text

if TYPE_CHECKING:
    from quadrille.hw.engine import Configuration
    from quadrille.sim.comparison import Agreement, Mismatch
    from quadrille.sim.schedule import Schedule

__all__ = ["RANDOM", "NodeAgreement", "Verification", "verify"]

RANDOM = "random"
"""The mode that is drawn anew for each image."""

RANDOM_IMAGES = 256
RANDOM_SEED = 2026


@dataclass(frozen=True)
class NodeAgreement:
    """A node's tensor: its shape for one image, how many integers of it were compared, and how many differ."""

    node: str
    kind: str
    shape: tuple[int, ...]
    integers: int
    mismatches: int


@dataclass(frozen=True)
class Verification(Result):
    """What came of a verification; it passed if no integer differs and the cycles are those predicted."""

    title: ClassVar[str] = "Verification"
    headings: ClassVar[tuple[str, ...]] = ("node", "kind", "shape", "integers compared", "mismatches")

    network: str
    mode: str
    seed: int | None
    drawn: dict[str, int] | None
    dataset: str
    images: int
    integers: int
    mismatches: int
    nodes: tuple[NodeAgreement, ...]
    first_mismatch: Mismatch | None
    float_accuracy: float | None
    integer_accuracy: float | None
    rtl_accuracy: float | None
    cycles_predicted: int
    cycles_simulated: int
    rtl_images_per_second: float
    reference_images_per_second: float
    build_seconds: float
    jobs: int
    verilog_bytes: int
    answers: tuple[int, ...]
    content_hash: str
    folder: Path
    wave: Path | None
    signal_to_noise: dict[str, float | None] | None

    @property
    def passed(self) -> bool:
        """Whether hardware and integers agree, in values and in cycles."""
        return self.mismatches == 0 and self.cycles_predicted == self.cycles_simulated

    def summary(self) -> Sequence[tuple[str, str]]:
        """The table of the comparison."""
        predicted, simulated = (cycles / self.images for cycles in (self.cycles_predicted, self.cycles_simulated))
        equal = "equal" if self.cycles_predicted == self.cycles_simulated else "DIFFERENT"
        lines = [
            *self.modes(),
            *self.quality(),
            ("images compared", f"{self.images:,} of {self.dataset}"),
            ("integers compared", f"{self.integers:,}"),
            ("mismatches", f"{self.mismatches:,}"),
            ("cycles per image", f"{predicted:.2f} predicted, {simulated:.2f} simulated: {equal}"),
            ("images per second", f"{self.rtl_images_per_second:,.0f} on RTL with every integer compared"),
            ("", f"{self.reference_images_per_second:,.0f} by the integer reference"),
            ("Verilog", size(self.verilog_bytes)),
        ]
        if self.first_mismatch is not None:
            lines.append(("first mismatch", str(self.first_mismatch)))
        if self.wave is not None:
            lines.append(("waveform", str(self.wave)))
        return lines

    def modes(self) -> list[tuple[str, str]]:
        """The mode, where there are several, and how often each was drawn."""
        if self.drawn is not None:
            counts = ", ".join(f"{mode} for {count:,}" for mode, count in self.drawn.items())
            return [("mode", f"drawn for each image from seed {self.seed}: {counts}")]
        return [] if self.mode == DEFAULT_MODE else [("mode", self.mode)]

    def quality(self) -> list[tuple[str, str]]:
        """Accuracies, or how near a rendered picture comes to the original."""
        if self.signal_to_noise is not None:
            return qualities(self.signal_to_noise)
        return [
            ("float accuracy", percent(self.float_accuracy)),
            ("integer accuracy", percent(self.integer_accuracy)),
            ("RTL accuracy", percent(self.rtl_accuracy)),
        ]

    def cells(self) -> list[list[str]]:
        """The table of the nodes: a line for each tensor that was compared."""
        return [
            [
                node.node,
                node.kind,
                " x ".join(map(str, node.shape)) or "1",
                f"{node.integers:,}",
                f"{node.mismatches:,}",
            ]
            for node in self.nodes
        ]

    def __str__(self) -> str:
        return f"{super().__str__()}\n\n{table_text(self.headings, self.cells())}"

    def _repr_html_(self) -> str:
        return super()._repr_html_() + table_html(self.headings, self.cells())

    def as_dict(self) -> dict[str, Any]:
        """Every field, the verdict and the cycles per image."""
        per_image = {"predicted": self.cycles_predicted / self.images, "simulated": self.cycles_simulated / self.images}
        return {"passed": self.passed, "cycles_per_image": per_image, **super().as_dict()}


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
