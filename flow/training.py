"""The verb `train`: a recipe's network, its float twin, its conversion, and the files that they leave."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from .checkpoints import training_in
from .conversion import Converted, convert
from .curves import curves_png
from .progress import Report, silent
from .results import Result, difference, listed, percent

if TYPE_CHECKING:
    from quadrille.algo.nn import Progress

__all__ = ["Training", "train"]

FILES = ("network.safetensors", "metrics.json", "curves.png")


@dataclass(frozen=True)
class Training(Result):
    """A trained and converted network: accuracies on the held-out images, and its files."""

    title: ClassVar[str] = "Training"

    recipe: str
    seed: int
    epochs: int
    held_out_images: int
    float_accuracy: float | None
    model_accuracy: float
    integer_accuracy: float
    seconds: float
    conversion: Converted
    folder: Path
    files: tuple[Path, ...]
    pruned_bits: dict[str, int] | None = None
    compression: float | None = None

    def summary(self) -> Sequence[tuple[str, str]]:
        """Accuracies and files."""
        below = "float twin not trained"
        if self.float_accuracy is not None:
            below = f"{difference(self.integer_accuracy, self.float_accuracy)} against float"
        return [
            ("recipe", f"{self.recipe}, seed {self.seed}, {self.epochs} epochs in {self.seconds:.0f} s"),
            ("held-out images", f"{self.held_out_images:,}"),
            ("float accuracy", f"{percent(self.float_accuracy)} (same shape, float weights)"),
            ("quantized accuracy", percent(self.model_accuracy)),
            ("integer accuracy", f"{percent(self.integer_accuracy)} ({below})"),
            *self._pruned(),
            ("files", listed(self.folder, self.files)),
        ]

    def _pruned(self) -> list[tuple[str, str]]:
        """The bits of the weights, where training dropped some."""
        if self.pruned_bits is None:
            return []
        bits = ", ".join(f"{layer} {count}" for layer, count in self.pruned_bits.items())
        return [("bits of weights", f"{bits}; {self.compression:.1f} times smaller than 32-bit weights")]


def train(
    recipe: str,
    folder: Path | str,
    *,
    seed: int | None = None,
    epochs: int | Sequence[int] | None = None,
    twin: bool = True,
    resume: bool = False,
    progress: Report = silent,
) -> Training:
    """Train the network of `recipe` and its float twin, convert it, and write its files into `folder`.

    `epochs` is a total, or one number for each phase; with `twin` false the float twin is left for another call, and
    the checkpoint is kept for it. The files are network.safetensors (the integers), metrics.json (every epoch, the
    conversion layer by layer) and curves.png. An interrupted training leaves checkpoint.pt, from which `resume` goes on
    to the same result; the other files are replaced at the end, together.

    Raises
    ------
    InvalidInput
        If there is no such recipe, a number is impossible, the checkpoint is of another run, or `folder` cannot be
        written.
    """
    from quadrille.algo.integer.network_file import network_bytes
    from quadrille.algo.nn import accuracy, find_recipe
    from quadrille.algo.nn import train as run
    from quadrille.algo.nn.bit_pruning import compression, layer_bits
    from quadrille.hw.export import publish

    chosen = find_recipe(recipe)
    folder = Path(folder)
    seed = 0 if seed is None else seed
    started = time.perf_counter()

    def told(at: Progress) -> None:
        share = f"held-out accuracy {percent(at.latest.held_out_accuracy)}"
        progress(f"training {chosen.name}, {share}", at.done, at.total)

    with training_in(folder, resume=resume) as checkpoint:
        trained = run(chosen, seed=seed, epochs=epochs, twin=twin, checkpoint=checkpoint, progress=told)
    progress("converting", 0, 0)
    data = trained.data
    float_accuracy = trained.accuracies.get("float twin")
    converted = convert(
        trained.network,
        data.train_images,
        images=data.held_out_images,
        labels=data.held_out_labels,
        name=chosen.name,
        mantissa_bits=chosen.mantissa_bits,
        most_clipped=chosen.most_clipped,
        notes={
            "dataset": data.name,
            "recipe": chosen.name,
            "seed": str(seed),
            **({} if float_accuracy is None else {"float accuracy": f"{float_accuracy:.4f}"}),
        },
    )
    metrics = {**trained.as_dict(), "conversion": converted.report.as_dict()}
    publish(
        folder,
        {
            "network.safetensors": network_bytes(converted.network),
            "metrics.json": json.dumps(metrics, indent=1) + "\n",
            "curves.png": curves_png(metrics["history"]),
        },
    )
    if twin:
        checkpoint.unlink(missing_ok=True)
    model_accuracy = accuracy(trained.network, data.held_out_images, data.held_out_labels)
    return Training(
        recipe=chosen.name,
        seed=seed,
        epochs=len(trained.history["network"]),
        held_out_images=len(data.held_out_images),
        float_accuracy=float_accuracy,
        model_accuracy=model_accuracy,
        integer_accuracy=converted.report.integer_accuracy or 0.0,
        seconds=time.perf_counter() - started,
        conversion=converted,
        folder=folder,
        files=tuple(folder / name for name in FILES),
        pruned_bits=layer_bits(trained.network) if trained.pruning else None,
        compression=compression(trained.network) if trained.pruning else None,
    )
