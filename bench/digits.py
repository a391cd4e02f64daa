"""Digits on RTL, every tensor compared, beside the integer reference and PyTorch: images a second on one core."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

Row = tuple[str, str, str]

NETWORK = Path(__file__).parents[1] / "examples" / "digits-mlp" / "network.safetensors"
REPEATS = 20
WANTED = 5_000


def measure() -> dict[str, float]:
    """Rates of the three, in this process; it must have been started with one thread for each library."""
    import time

    import numpy as np
    import torch

    from quadrille.algo.data import dataset
    from quadrille.flow import generate
    from quadrille.sim.verification import verify

    torch.set_num_threads(1)
    images = np.concatenate([dataset("digits").held_out_images] * REPEATS)
    with tempfile.TemporaryDirectory(prefix="quadrille-") as folder:
        generated = generate(NETWORK, Path(folder) / "hw")
        verify(generated.folder, images[:1000])
        result = verify(generated.folder, images)
    if result.mismatches:
        raise RuntimeError(f"Hardware and integers differ: {result.first}")

    layers = [
        torch.nn.Linear(64, 128),
        torch.nn.ReLU(),
        torch.nn.Linear(128, 128),
        torch.nn.ReLU(),
        torch.nn.Linear(128, 10),
    ]
    model = torch.nn.Sequential(*layers).eval()
    pixels = torch.from_numpy(images.reshape(len(images), -1).astype(np.float32))
    chunk = len(images) // len(result.spans)  # as many at a time as the others take
    with torch.inference_mode():
        model(pixels[:chunk]).argmax(1)
        start = time.perf_counter()
        for begin in range(0, len(pixels), chunk):
            model(pixels[begin : begin + chunk]).argmax(1)
        seconds = time.perf_counter() - start
    return {
        "rtl": result.rtl_rate,
        "reference": result.reference_rate,
        "torch": len(images) / seconds,
        "integers": result.integers / result.images,
        "cycles": result.cycles / result.rtl_seconds,
    }


def rows() -> list[Row]:
    """Rows of the table: what, figure, what is asked for."""
    single = {name: "1" for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    output = subprocess.run(
        [sys.executable, __file__, "--json"], env=os.environ | single, check=True, capture_output=True, text=True
    ).stdout
    found = json.loads(output)
    rtl = found["rtl"]
    return [
        ("digits on RTL, every tensor compared", f"{rtl:,.0f} images/s", f"at least {WANTED:,}"),
        ("  integers compared for each image", f"{found['integers']:,.0f}", ""),
        ("  cycles simulated", f"{found['cycles']:,.0f} /s", ""),
        (
            "  integer reference in numpy",
            f"{found['reference']:,.0f} images/s ({found['reference'] / rtl:.1f} x RTL)",
            "",
        ),
        ("  PyTorch float32, same layers", f"{found['torch']:,.0f} images/s ({found['torch'] / rtl:.1f} x RTL)", ""),
    ]


if __name__ == "__main__":
    if "--json" in sys.argv:
        print(json.dumps(measure()))
    else:
        for row in rows():
            print("   ".join(row))
