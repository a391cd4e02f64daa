"""What the verb `verify` says: how hardware and integers agree, in values and in cycles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from quadrille.algo.spec import DEFAULT_MODE

from .rendering import qualities
from .results import Result, percent, size
from .tables import table_html, table_text

if TYPE_CHECKING:
    from quadrille.sim.comparison import Mismatch

__all__ = ["NodeAgreement", "Verification"]


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
