"""A picture rendered on RTL, every integer compared, beside the integer reference and PyTorch: seconds on one core.

`python bench/rendering.py [FOLDER]`: the network.safetensors in FOLDER; by default the example's.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from quadrille.algo.spec import Network

Row = tuple[str, str, str]

EXAMPLE = Path(__file__).parents[1] / "examples" / "quadinr-camera"
WANTED = 120
ROWS, COLUMNS, FRAMES = 64, 128, 64


def float_twin(network: Network) -> Callable[[torch.Tensor], torch.Tensor]:
    """The same layers in PyTorch, float32, with the wave u (2 - |u|) between them."""
    import torch
    from torch.nn import functional

    from quadrille.algo.spec import Linear

    def wave(value: torch.Tensor) -> torch.Tensor:
        wrapped = torch.remainder(value + 2, 4) - 2
        return wrapped * (2 - wrapped.abs())

    weights = [
        torch.tensor(node.weight.flat, dtype=torch.float32).reshape(node.weight.shape)
        for node in network.of_kind(Linear)
    ]

    def run(value: torch.Tensor) -> torch.Tensor:
        for weight in weights[:-1]:
            value = wave(functional.linear(value, weight))
        return functional.linear(value, weights[-1])

    return run


def measure(folder: Path) -> dict[str, float]:
    """Rates of the three, in this process; it must have been started with one thread for each library."""
    import numpy as np
    import torch

    from quadrille.algo.data import coordinates_of
    from quadrille.algo.integer.network_file import read_network
    from quadrille.flow import generate
    from quadrille.sim.verification import verify

    torch.set_num_threads(1)
    network = read_network(folder / "network.safetensors")
    points = coordinates_of(network)
    with tempfile.TemporaryDirectory(prefix="quadrille-") as scratch:
        hardware = Path(scratch) / "hw"
        settings = {"frames": FRAMES}
        generate(folder / "network.safetensors", hardware, rows=ROWS, columns=COLUMNS, settings=settings)
        verify(hardware, points[:256])
        result = verify(hardware, points)
    if result.mismatches:
        raise RuntimeError(f"Hardware and integers differ: {result.first}")
    twin, values = float_twin(network), torch.from_numpy(points.astype(np.float32))
    with torch.inference_mode():
        twin(values[:256])
        start = time.perf_counter()
        twin(values)
        seconds = time.perf_counter() - start
    return {
        "points": len(points),
        "rtl": result.rtl_rate,
        "reference": result.reference_rate,
        "torch": len(points) / seconds,
        "integers": result.integers,
        "cycles_per_point": result.cycles_per_image,
    }


def rows(folder: Path = EXAMPLE) -> list[Row]:
    """Rows of the table: what, figure, what is asked for."""
    single = {name: "1" for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    command = [sys.executable, __file__, "--json", str(folder)]
    output = subprocess.run(command, env=os.environ | single, check=True, stdout=subprocess.PIPE, text=True).stdout
    found = json.loads(output)
    seconds, rtl = found["points"] / found["rtl"], found["rtl"]

    def beside(rate: float) -> str:
        return f"{rate:,.0f} points/s ({rate / rtl:.1f} x RTL)"

    return [
        (f"picture on RTL ({folder.name})", f"{seconds:,.1f} s, {rtl:,.0f} points/s", f"at most {WANTED} s"),
        ("  integers compared", f"{found['integers']:,.0f}", ""),
        ("  cycles for each point", f"{found['cycles_per_point']:,.2f}", ""),
        (
            "  integer reference in numpy",
            beside(found["reference"]),
            "",
        ),
        ("  PyTorch float32, same layers", beside(found["torch"]), ""),
    ]


if __name__ == "__main__":
    given = [Path(argument) for argument in sys.argv[1:] if argument != "--json"] or [EXAMPLE]
    if "--json" in sys.argv:
        print(json.dumps(measure(given[0])))
    else:
        for row in rows(given[0]):
            print("   ".join(row))
