"""What a row of the regression is: a block, its parameters, its testbench."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Case"]


@dataclass(frozen=True)
class Case:
    """One configuration: the exported block `block` with `parameters`, tested by the cocotb module `module`."""

    block: str
    module: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def prepare(self, folder: Path) -> Mapping[str, Any]:
        """The parameters for the exporter; files they name are written into `folder` first."""
        return self.parameters
