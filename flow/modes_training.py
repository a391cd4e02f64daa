"""The verb `train` for a recipe of several precisions: one set of weights, the Network of each mode."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from quadrille.algo.spec import InvalidInput, Modes

from .checkpoints import training_in
from .conversion import HEADINGS, difference_cells
from .curves import curves_png
from .progress import Report, silent
from .results import Result, listed, percent, size
from .tables import table_html, table_text

if TYPE_CHECKING:
    from quadrille.algo.nn import ModesConversion, Progress

__all__ = ["ModesTraining", "is_modes_recipe", "train_modes"]

FILES = ("network.safetensors", "metrics.json", "curves.png")


@dataclass(frozen=True)
class ModesTraining(Result):
    """A network trained for several precisions and converted at each: accuracies by mode, and its files."""

    title: ClassVar[str] = "Training of several precisions"

    recipe: str
    rule: str
    seed: int
    epochs: int
    held_out_images: int
    model_accuracies: dict[str, float]
    integer_accuracies: dict[str, float]
    seconds: float
    stored: int
    conversion: ModesConversion
    folder: Path
    files: tuple[Path, ...]

    @property
    def modes(self) -> Modes:
        """The Networks."""
        return self.conversion.modes

    def summary(self) -> Sequence[tuple[str, str]]:
        """Accuracies of every mode, and the files."""
        return [
            ("recipe", f"{self.recipe}, seed {self.seed}, {self.epochs} epochs in {self.seconds:.0f} s"),
            ("weights", f"{self.rule} to the bits of each mode; {size(self.stored)} hold all modes"),
            ("held-out images", f"{self.held_out_images:,}"),
            *(
                (f"mode {mode}", f"integers {percent(accuracy)}, quantized {percent(self.model_accuracies[mode])}")
                for mode, accuracy in self.integer_accuracies.items()
            ),
            ("files", listed(self.folder, self.files)),
        ]

    def cells(self) -> list[list[str]]:
        """The table of the layers of all modes."""
        return [
            [f"{mode}/{row[0]}", *row[1:]]
            for mode, report in self.conversion.as_dict().items()
            for row in difference_cells(report["layers"])
        ]

    def as_dict(self) -> dict[str, Any]:
        """Every field; of the conversion its reports."""
        plain = {name: getattr(self, name) for name in ("recipe", "rule", "seed", "epochs", "held_out_images")}
        return {
            **plain,
            "model_accuracies": dict(self.model_accuracies),
            "integer_accuracies": dict(self.integer_accuracies),
            "seconds": self.seconds,
            "stored": self.stored,
            "conversion": self.conversion.as_dict(),
            "folder": str(self.folder),
            "files": [str(path) for path in self.files],
        }

    def __str__(self) -> str:
        return f"{super().__str__()}\n\n{table_text(HEADINGS, self.cells())}"

    def _repr_html_(self) -> str:
        return super()._repr_html_() + table_html(HEADINGS, self.cells())


def is_modes_recipe(name: str) -> bool:
    """Whether `name` is a recipe of several precisions."""
    from quadrille.algo.nn import modes_recipes

    return name in modes_recipes()


def train_modes(
    recipe: str,
    folder: Path | str,
    *,
    modes: Sequence[int] | None = None,
    rule: str = "truncated",
    seed: int | None = None,
    epochs: int | Sequence[int] | None = None,
    resume: bool = False,
    progress: Report = silent,
) -> ModesTraining:
    """Train the network of `recipe` for all its precisions at once, convert each, and write the files into `folder`.

    `modes` are other precisions than the recipe's, the greatest first. With the `rule` "truncated" the weights of k
    bits are the leading ones of 8 and are stored once; with "rounded" each precision has codes of its own. The files
    are network.safetensors (the integers of all modes), metrics.json and curves.png. An interrupted training leaves
    checkpoint.pt, from which `resume` goes on to the same result.

    Raises
    ------
    InvalidInput
        If there is no such recipe, a number is impossible, the checkpoint is of another run, or `folder` cannot be
        written.
    """
    from quadrille.algo.integer.network_file import modes_bytes
    from quadrille.algo.nn import convert_modes, modes_recipes
    from quadrille.algo.nn import train_modes as run
    from quadrille.hw.export import publish

    known = modes_recipes()
    if recipe not in known:
        raise InvalidInput(f"Recipe of several precisions must be one of {', '.join(known)}, not {recipe!r}")
    chosen = known[recipe]
    folder = Path(folder)
    seed = 0 if seed is None else seed
    started = time.perf_counter()

    def told(at: Progress) -> None:
        shares = ", ".join(f"{mode}: {percent(share)}" for mode, share in at.latest.modes.items())
        progress(f"training {chosen.name}, {shares}", at.done, at.total)

    with training_in(folder, resume=resume) as checkpoint:
        trained = run(chosen, bits=modes, rule=rule, seed=seed, epochs=epochs, checkpoint=checkpoint, progress=told)
    progress("converting", 0, 0)
    data = trained.data
    converted = convert_modes(
        trained.network,
        data.train_images,
        images=data.held_out_images,
        labels=data.held_out_labels,
        name=chosen.name,
        mantissa_bits=chosen.mantissa_bits,
        notes={
            "dataset": data.name,
            "recipe": chosen.name,
            "rule": rule,
            "seed": str(seed),
            "epochs": str(len(trained.history)),
        },
    )
    metrics = {**trained.as_dict(), "conversion": converted.as_dict()}
    network = modes_bytes(converted.modes)
    publish(
        folder,
        {
            FILES[0]: network,
            FILES[1]: json.dumps(metrics, indent=1) + "\n",
            FILES[2]: curves_png(histories(metrics["history"]["network"])),
        },
    )
    checkpoint.unlink(missing_ok=True)
    reports = converted.reports
    return ModesTraining(
        recipe=chosen.name,
        rule=rule,
        seed=seed,
        epochs=len(trained.history),
        held_out_images=len(data.held_out_images),
        model_accuracies={mode: report.model_accuracy or 0.0 for mode, report in reports.items()},
        integer_accuracies={mode: report.integer_accuracy or 0.0 for mode, report in reports.items()},
        seconds=time.perf_counter() - started,
        stored=len(network),
        conversion=converted,
        folder=folder,
        files=tuple(folder / name for name in FILES),
    )


def histories(epochs: Sequence[Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """A history of several modes as one for each, under its mode's name; the loss is that of all together."""
    modes = list(epochs[0]["modes"]) if epochs else []
    return {
        f"mode {mode}": [{**epoch, "held_out_accuracy": epoch["modes"][mode]} for epoch in epochs] for mode in modes
    }
