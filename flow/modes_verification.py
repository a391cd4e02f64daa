"""The verb `verify` over every mode of a network."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from .progress import Report, silent
from .results import Result, percent, plain
from .tables import table_html, table_text
from .verification import verify
from .verification_result import Verification

__all__ = ["ALL", "ModesVerification", "verify_modes"]

ALL = "all"
"""What stands for every mode in its turn."""


@dataclass(frozen=True)
class ModesVerification(Result):
    """What came of a verification in each mode; it passed if all did."""

    title: ClassVar[str] = "Verification of every mode"
    headings: ClassVar[tuple[str, ...]] = (
        "mode",
        "integer accuracy",
        "RTL accuracy",
        "images",
        "integers compared",
        "mismatches",
        "cycles per image",
        "predicted",
    )

    network: str
    verifications: tuple[Verification, ...]

    @property
    def passed(self) -> bool:
        """Whether hardware and integers agree in every mode, in values and in cycles."""
        return all(each.passed for each in self.verifications)

    def summary(self) -> Sequence[tuple[str, str]]:
        """The network, and what is wrong first."""
        lines = [("network", self.network), ("modes", ", ".join(each.mode for each in self.verifications))]
        wrong = [each for each in self.verifications if each.first_mismatch is not None]
        return lines + [(f"first mismatch in mode {each.mode}", str(each.first_mismatch)) for each in wrong]

    def cells(self) -> list[list[str]]:
        """A line for each mode."""
        return [
            [
                each.mode,
                percent(each.integer_accuracy),
                percent(each.rtl_accuracy),
                f"{each.images:,}",
                f"{each.integers:,}",
                f"{each.mismatches:,}",
                f"{each.cycles_simulated / each.images:,.2f}",
                f"{each.cycles_predicted / each.images:,.2f}",
            ]
            for each in self.verifications
        ]

    def __str__(self) -> str:
        return f"{super().__str__()}\n\n{table_text(self.headings, self.cells())}"

    def _repr_html_(self) -> str:
        return super()._repr_html_() + table_html(self.headings, self.cells())

    def as_dict(self) -> dict[str, Any]:
        """Every verification, and the verdict."""
        return {"passed": self.passed, **super().as_dict()}


def verify_modes(
    folder: Path | str,
    images: int | None = None,
    *,
    jobs: int = 1,
    scheduler: str | None = None,
    progress: Report = silent,
) -> ModesVerification:
    """`verify` in one mode after the other; that of the first is kept in `folder`, for the report.

    Raises
    ------
    InvalidInput
        As `verify`.
    """
    from quadrille.algo.integer.network_file import read_modes
    from quadrille.hw.export import publish

    folder = Path(folder)
    modes = read_modes(folder / "network.safetensors")
    given: dict[str, Any] = {"jobs": jobs, "scheduler": scheduler, "progress": progress}
    found = tuple(verify(folder, images, mode=mode, **given) for mode in modes.names)
    publish(folder, {"verification.json": json.dumps(plain(found[0]), indent=1) + "\n"})
    return ModesVerification(modes.name, found)
