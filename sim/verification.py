"""The whole network on the simulated hardware, every integer of every layer compared with the reference."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quadrille.algo.integer.execution import check_images
from quadrille.algo.spec import Argmax, Input, InvalidInput

from .accelerator import Accelerator, read_accelerator
from .build import build
from .comparison import Agreement, Chunk, Mismatch, Reference, compare, simulate
from .model import Model
from .schedule import Schedule, Schedules
from .shares import compare_shares
from .workers import Processes

__all__ = ["Mismatch", "Progress", "Verification", "verify"]

Progress = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and of how much (0: not known)."""

CHUNK_BATCHES = 32
"""Most batches in one continuous simulation: how often progress is heard of."""

CHUNK_BYTES = 192 << 20
"""Memory for the images of one continuous simulation, in each process; a batch is the least."""

PIECE = 1024
"""Images that are checked at a time."""


@dataclass(frozen=True)
class Verification:
    """What came of a verification.

    Attributes
    ----------
    images, integers, mismatches : how many were run, compared, wrong
    nodes : the same by node, with row sums that the network does not have, and the flag of an image's end
    first : the mismatch that left the hardware first, in the first chunk that has one
    cycles : simulated, from the first data word of a batch to the last output word, summed over `spans`
    spans : images and cycles of each continuous simulation; schedules : the modes of its images
    build_seconds : until the model was there; next to nothing when the cache has it
    rtl_seconds : wall time of simulation and comparison, of the busiest process
    simulation_seconds : of the simulation alone
    reference_seconds : wall time of the integer reference, of the busiest process
    jobs : processes
    rtl_accuracy, integer_accuracy : with labels and a network that ends in a class, else None
    values : the network's result for each image as it left the hardware
    wave : the waveform written, if one was
    """

    images: int
    nodes: dict[str, Agreement]
    first: Mismatch | None
    cycles: int
    spans: tuple[tuple[int, int], ...]
    schedules: tuple[Schedule, ...]
    build_seconds: float
    rtl_seconds: float
    simulation_seconds: float
    reference_seconds: float
    jobs: int
    rtl_accuracy: float | None
    integer_accuracy: float | None
    values: NDArray[np.int64]
    wave: Path | None

    @property
    def integers(self) -> int:
        """How many were compared."""
        return sum(node.integers for node in self.nodes.values())

    @property
    def mismatches(self) -> int:
        """How many were wrong."""
        return sum(node.mismatches for node in self.nodes.values())

    @property
    def cycles_per_image(self) -> float:
        """Simulated cycles for each image."""
        return self.cycles / self.images

    @property
    def rtl_rate(self) -> float:
        """Images per second on RTL, every integer compared."""
        return self.images / self.rtl_seconds

    @property
    def reference_rate(self) -> float:
        """Images per second of the integer reference."""
        return self.images / self.reference_seconds


def verify(
    folder: Path | str,
    images: Any,
    *,
    jobs: int = 1,
    pool: Executor | None = None,
    wave: Path | str | None = None,
    progress: Progress | None = None,
    labels: Any = None,
    mode: str | Sequence[str] | None = None,
    seed: int | None = None,
) -> Verification:
    """Run `images` (n, *shape), integers in the input's format, through the accelerator in `folder`.

    They run in `mode`, by default the network's first; or each in a batch of its own, in the mode that `mode` names for
    it, or in one that is drawn for it, by hardware and reference alike, from the register that starts at `seed`.

    Every tensor of every node is compared in every element with `algo.integer`. Batches are split over `jobs`
    processes, or into as many shares that the workers of `pool` do, for which the folder must be there too. The first
    mismatch is located, and its image run once more with a waveform: `wave`, by default `mismatch.vcd` in the folder.
    With `wave` and no mismatch, the waveform is that of the first image.

    Raises
    ------
    InvalidInput
        If a file of the folder, the images, the labels or the number of jobs cannot be accepted.
    MissingTool, BuildFailed
        If the model cannot be built.
    SimulationFault
        If the hardware stops before its last result.
    """
    tell = progress or (lambda label, done, total: None)
    accelerator = read_accelerator(folder)
    pictures = _narrowed(accelerator.network.input, images)
    if len(pictures) == 0:
        raise InvalidInput("Images must be one or more, not 0")
    if not isinstance(jobs, int) or isinstance(jobs, bool) or jobs < 1:
        raise InvalidInput(f"Number of jobs must be a positive integer, not {jobs!r}")
    truth = _labels(accelerator, labels, len(pictures))
    schedules = Schedules(accelerator, len(pictures), mode, seed)
    wave = None if wave is None else Path(wave)
    if wave is not None and wave.suffix not in (".vcd", ".fst"):
        raise InvalidInput(f"Waveform file must end in .vcd or .fst, not {wave.name!r}")

    begin = time.perf_counter()
    tell("building the simulation", 0, 0)
    build(accelerator.manifest, progress=lambda message: tell(message, 0, 0))
    build_seconds = time.perf_counter() - begin

    chunks = _run(accelerator, pictures, schedules, jobs, pool, tell)
    first = next((chunk.first for chunk in chunks if chunk.first is not None), None)
    if first is not None or wave is not None:
        target = wave or Path(folder) / "mismatch.vcd"
        tell(f"writing {target.name}", 0, 0)
        first, wave = _write_wave(accelerator, pictures, schedules, first, target)
    values = np.concatenate([chunk.values for chunk in chunks])
    reference = np.concatenate([chunk.reference for chunk in chunks])
    return Verification(
        images=len(pictures),
        nodes=_summed(chunks),
        first=first,
        cycles=sum(chunk.cycles for chunk in chunks),
        spans=tuple((chunk.images, chunk.cycles) for chunk in chunks),
        schedules=tuple(chunk.schedule for chunk in chunks),
        build_seconds=build_seconds,
        rtl_seconds=_busiest(chunks, jobs, "rtl_seconds"),
        simulation_seconds=_busiest(chunks, jobs, "simulation_seconds"),
        reference_seconds=_busiest(chunks, jobs, "reference_seconds"),
        jobs=jobs,
        rtl_accuracy=None if truth is None else float(np.mean(values == truth)),
        integer_accuracy=None if truth is None else float(np.mean(reference == truth)),
        values=values,
        wave=wave,
    )


def _summed(chunks: list[Chunk]) -> dict[str, Agreement]:
    """The agreement of each node in all chunks."""
    nodes: dict[str, Agreement] = {}
    for chunk in chunks:
        for name, agreement in chunk.nodes.items():
            nodes[name] = nodes.get(name, Agreement()) + agreement
    return nodes


def _labels(accelerator: Accelerator, labels: Any, images: int) -> NDArray[Any] | None:
    """The labels, checked; None where there are none or the network does not end in a class."""
    if labels is None:
        return None
    array = np.asarray(labels)
    if array.shape != (images,):
        raise InvalidInput(f"Labels must have shape [{images}], not {list(array.shape)}")
    return array if isinstance(accelerator.network.result, Argmax) else None


def _shares(images: int, accelerator: Accelerator, jobs: int) -> list[range]:
    """The images of each continuous simulation: whole batches, evenly split, as many as the memory is for."""
    frames = accelerator.frames
    batches = -(-images // frames)
    most = max(1, min(CHUNK_BATCHES, CHUNK_BYTES // (accelerator.bytes_per_image * frames)))
    chunks = max(min(jobs, batches), -(-batches // most))
    bounds = [min(images, frames * (batches * index // chunks)) for index in range(chunks + 1)]
    return [range(start, stop) for start, stop in zip(bounds, bounds[1:], strict=False) if stop > start]


def _run(
    accelerator: Accelerator,
    images: NDArray[Any],
    schedules: Schedules,
    jobs: int,
    pool: Executor | None,
    tell: Progress,
) -> list[Chunk]:
    """All chunks, in order."""
    shares = _shares(len(images), accelerator, jobs)
    done = 0
    begin = time.perf_counter()
    tell("simulating", 0, len(images))

    def told(more: float = 0.0) -> None:
        rate = (done + more) / (time.perf_counter() - begin)
        tell(f"simulating, {rate:,.{0 if rate >= 100 else 1}f} images per second", done + int(more), len(images))

    def finished(chunk: Chunk) -> None:
        nonlocal done
        done += chunk.images
        told()

    requests = [(share.start, images[share.start : share.stop], schedules.of(share)) for share in shares]
    if pool is not None:
        return compare_shares(pool, accelerator, requests, finished)
    if jobs > 1 and len(shares) > 1:
        with Processes(min(jobs, len(shares))) as processes:
            return compare_shares(processes, accelerator, requests, finished)
    chunks: list[Chunk] = []
    references = [Reference(shown) for shown in accelerator.shown]
    with Model(accelerator.manifest) as model:
        for start, part, schedule in requests:
            within = partial(_within, told, len(part))
            chunks.append(compare(accelerator, model, references, start, part, schedule, within))
            finished(chunks[-1])
    return chunks


def _within(told: Callable[[float], None], images: int, share: float) -> None:
    """What is told of a chunk that is not finished."""
    told(images * share)


def _narrowed(node: Input, images: Any) -> NDArray[Any]:
    """The images, checked, in the narrowest integers: piece by piece, as their number may be any."""
    array = np.asarray(images)
    if len(array.shape) == 0 or len(array) == 0:
        return check_images(node, array)
    interval = node.format.interval
    kind = np.result_type(np.min_scalar_type(interval.lo), np.min_scalar_type(interval.hi))
    pieces = [check_images(node, array[n : n + PIECE]).astype(kind) for n in range(0, len(array), PIECE)]
    return np.concatenate(pieces)


def _busiest(chunks: list[Chunk], jobs: int, seconds: str) -> float:
    """The longest sum of one process; chunks are dealt out in turn, so an even share is close to it."""
    jobs = min(jobs, len(chunks))
    return max(sum(getattr(chunk, seconds) for chunk in chunks[index::jobs]) for index in range(jobs))


def _write_wave(
    accelerator: Accelerator, images: NDArray[Any], schedules: Schedules, first: Mismatch | None, target: Path
) -> tuple[Mismatch | None, Path]:
    """Run the image of the first mismatch, or image 0, with a waveform.

    Alone if it fails alone: then the waveform is short, and the mismatch gets the cycle that it has there. Otherwise
    with the batch that it was in.
    """
    number = 0 if first is None else first.image
    if not target.absolute().parent.is_dir():
        raise InvalidInput(f"Waveform must be in a folder that exists, not {target}")
    start = number - number % accelerator.frames
    span = range(number, number + 1)
    part = target.with_name(f".writing-{target.name}")
    try:
        with Model(accelerator.manifest, trace=target.suffix.removeprefix(".")) as model:
            if first is not None:
                references = [Reference(shown) for shown in accelerator.shown]

                def again(span: range) -> Mismatch | None:
                    part = images[span.start : span.stop]
                    return compare(accelerator, model, references, span.start, part, schedules.of(span)).first

                found = again(span)
                if found is None:
                    span = range(start, min(start + accelerator.frames, len(images)))
                    found = again(span)
                first = replace(found or first, wave=target)
            simulate(accelerator, model, images[span.start : span.stop], schedules.of(span), wave=part)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return first, target
