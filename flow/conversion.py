"""The verb `convert`: a trained model as a Network of integers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from quadrille.algo.spec import Network

from .results import Result, percent
from .tables import table_html, table_text

if TYPE_CHECKING:
    from quadrille.algo.nn import CimClassifier, ConversionReport

__all__ = ["HEADINGS", "Converted", "convert", "difference_cells"]

HEADINGS = ("node", "kind", "elements", "largest", "mean", "unequal", "unequal alone")


@dataclass(frozen=True)
class Converted(Result):
    """A Network, and how its integers differ from the model's, in units of the last place.

    `unequal` is the share of elements that differ with each network fed by its own earlier layers, `unequal alone` with
    both fed by the integers, so that a layer answers for itself.
    """

    title: ClassVar[str] = "Conversion"

    network: Network
    report: ConversionReport
    path: Path | None

    def summary(self) -> Sequence[tuple[str, str]]:
        """Accuracies and whether all is equal; the layers are a table of their own."""
        report = self.report
        lines = [
            ("network", f"{self.network.name}, {len(self.network.nodes)} nodes"),
            ("images compared", f"{report.compared:,}"),
            ("model accuracy", percent(report.model_accuracy)),
            ("integer accuracy", percent(report.integer_accuracy)),
            ("every element equal", "yes" if report.exact else "no"),
            *([("sums clipped", f"{percent(max(report.clipped.values()))} at most")] if report.clipped else []),
        ]
        return lines if self.path is None else [*lines, ("file", str(self.path))]

    def cells(self) -> list[list[str]]:
        """The table of the layers."""
        return difference_cells(self.as_dict()["report"]["layers"])

    def as_dict(self) -> dict[str, Any]:
        """The report, and the network's name and file."""
        path = None if self.path is None else str(self.path)
        return {"network": self.network.name, "report": self.report.as_dict(), "path": path}

    def __str__(self) -> str:
        return f"{super().__str__()}\n\n{table_text(HEADINGS, self.cells())}"

    def _repr_html_(self) -> str:
        return super()._repr_html_() + table_html(HEADINGS, self.cells())


def difference_cells(layers: Sequence[dict[str, Any]]) -> list[list[str]]:
    """A row of text for each layer of a conversion report."""
    return [
        [
            layer["node"],
            layer["kind"],
            f"{layer['elements']:,}",
            f"{layer['largest']:,}",
            f"{layer['mean']:.5f}",
            percent(layer["unequal"]),
            percent(layer["unequal_alone"]),
        ]
        for layer in layers
    ]


def convert(
    model: CimClassifier,
    calibration_images: Any,
    path: Path | str | None = None,
    *,
    images: Any = None,
    labels: Any = None,
    name: str = "network",
    mantissa_bits: int = 16,
    most_clipped: float = 1.0,
    notes: dict[str, str] | None = None,
) -> Converted:
    """Convert the trained `model` to integers, compare the two on `images`, and write the Network to `path` if given.

    Zero points of ADCs that are not fixed yet are fixed by `calibration_images`, which also serve for the comparison if
    there are no `images`; `labels` add the accuracies. A converter that clips more than the share `most_clipped` of the
    sums of the calibration images is refused. With the note `dataset`, `verify` knows which images to take.

    Raises
    ------
    InvalidInput
        If images and model do not fit, a coefficient does not fit its mantissa, or the file cannot be written.
    """
    from quadrille.algo.integer import write_network
    from quadrille.algo.nn import convert as to_integers

    done = to_integers(
        model,
        calibration_images,
        images=images,
        labels=labels,
        name=name,
        mantissa_bits=mantissa_bits,
        most_clipped=most_clipped,
        notes=notes,
    )
    written = None if path is None else write_network(done.network, path)
    return Converted(done.network, done.report, written)
