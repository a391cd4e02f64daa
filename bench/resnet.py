"""ResNet-20 on RTL, every tensor compared, beside the integer reference and PyTorch: images a second on one core.

`python bench/resnet.py [FOLDER]`: the network.safetensors in FOLDER, or the accelerator generated there; by default the
example's network where it is, else a random one of the same shape.
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
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

    from quadrille.algo.spec import Network, Node

Row = tuple[str, str, str]

EXAMPLE = Path(__file__).parents[1] / "examples" / "resnet20-cifar10-w1a4"
IMAGES = 24
WANTED = 2
ROWS, COLUMNS, MACROS = 128, 128, 1


def random_resnet20() -> Network:
    """Stem and nine blocks of 16, 32 and 64 channels: binary weights, 4-bit activations, 5-bit ADCs, random tables."""
    from quadrille.tb.networks import random_network

    return random_network(
        20,
        shape=(3, 32, 32),
        channels=(16,) * 3 + (32,) * 3 + (64,) * 3,
        stride=2,
        residual="subsample",
        pool="sum",
        classes=10,
        adc_bits=5,
        rows=128,
        exact_first=True,
        exact_last=True,
    )


def float_twin(network: Network) -> Callable[[torch.Tensor], torch.Tensor]:
    """The same layers in PyTorch, float32: scale and bias inside the convolutions, as after folding a batch norm."""
    import torch
    from torch.nn import functional

    from quadrille.algo.spec import Add, Conv2d, Dequantize, Flatten, Linear, MaxPool, Subsample, SumPool

    def operation(node: Node) -> Callable[..., Any]:
        """On the tensors that the node reads; the identity where it is only a matter of number formats."""
        if isinstance(node, (Conv2d, Linear)):
            weight = torch.tensor(node.weight.flat, dtype=torch.float32).reshape(node.weight.shape)
            bias = torch.zeros(node.outputs)
            if isinstance(node, Linear):
                return lambda x: functional.linear(x, weight, bias)
            window = node.window
            return lambda x: functional.conv2d(x, weight, bias, window.stride, window.padding, groups=window.groups)
        if isinstance(node, Dequantize):
            return (lambda x, *sums: x) if node.format.signed else (lambda x, *sums: functional.relu(x))
        if isinstance(node, Add):
            return lambda a, b: functional.relu(a + b)
        if isinstance(node, MaxPool):
            return lambda x: functional.max_pool2d(x, node.window.kernel, node.window.stride)
        if isinstance(node, SumPool):
            return lambda x: functional.avg_pool2d(x, node.window.kernel, node.window.stride)
        if isinstance(node, Subsample):
            step, channels = node.stride, node.channels
            return lambda x: functional.pad(x[:, :, ::step, ::step], (0, 0, 0, 0, 0, channels - x.shape[1]))
        if isinstance(node, Flatten):
            return lambda x: x.flatten(1)
        return lambda x, *_: x

    steps = [
        (node.name, node.inputs, operation(node))
        for node in network.nodes[1:]
        if node.kind not in ("row-sum", "argmax")
    ]
    skipped = {node.name for node in network.nodes if node.kind == "row-sum"}

    def run(pixels: torch.Tensor) -> torch.Tensor:
        tensors = {network.input.name: pixels}
        for name, inputs, step in steps:
            tensors[name] = step(*(tensors[source] for source in inputs if source not in skipped))
        return tensors[steps[-1][0]].argmax(1)

    return run


def measure(folder: Path | None) -> dict[str, float | str]:
    """Rates of the three, in this process; it must have been started with one thread for each library."""
    import numpy as np
    import torch

    from quadrille.algo.integer.network_file import read_network, write_network
    from quadrille.flow import generate
    from quadrille.flow.configurations import configuration_of
    from quadrille.flow.verification import predicted_cycles
    from quadrille.sim.verification import verify

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(prefix="quadrille-") as scratch:
        if folder is not None and (folder / "program.json").is_file():
            hardware, name = folder, read_network(folder / "network.safetensors").name
        else:
            source = folder or EXAMPLE
            name = source.name
            if not (source / "network.safetensors").is_file():
                source, name = Path(scratch), "random weights"
                write_network(random_resnet20(), source / "network.safetensors")
            path, target = source / "network.safetensors", Path(scratch) / "hw"
            hardware = generate(path, target, rows=ROWS, columns=COLUMNS, macros=MACROS).folder
        network = read_network(hardware / "network.safetensors")
        draw = np.random.default_rng(2026)
        interval = network.input.format.interval
        images = draw.integers(interval.lo, interval.hi, (IMAGES, *network.input.shape), endpoint=True)
        verify(hardware, images[:1])
        result = verify(hardware, images)
        if result.mismatches:
            raise RuntimeError(f"Hardware and integers differ: {result.first}")
        configuration = configuration_of(hardware)
        predicted = predicted_cycles(network, configuration, result.schedules)
        macros = configuration.macros * configuration.banks
        shape = f"{macros} x {configuration.rows} x {configuration.columns}"

    twin = float_twin(network)
    pixels = torch.from_numpy(images.astype(np.float32))
    with torch.inference_mode():
        twin(pixels[:2])
        start = time.perf_counter()
        twin(pixels)
        seconds = time.perf_counter() - start
    return {
        "name": name,
        "shape": shape,
        "rtl": result.rtl_rate,
        "simulation": result.images / result.simulation_seconds,
        "reference": result.reference_rate,
        "torch": len(images) / seconds,
        "integers": result.integers / result.images,
        "cycles": result.cycles / result.simulation_seconds,
        "cycles_per_image": result.cycles_per_image,
        "predicted": predicted / result.images,
    }


def rows(folder: Path | None = None) -> list[Row]:
    """Rows of the table: what, figure, what is asked for."""
    single = {name: "1" for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    command = [sys.executable, __file__, "--json", *([str(folder)] if folder else [])]
    output = subprocess.run(command, env=os.environ | single, check=True, stdout=subprocess.PIPE, text=True).stdout
    found = json.loads(output)
    rtl = found["rtl"]
    equal = (
        "as predicted" if found["predicted"] == found["cycles_per_image"] else f"{found['predicted']:,.1f} predicted"
    )
    return [
        (f"ResNet-20 ({found['name']}) on {found['shape']}", f"{rtl:,.2f} images/s", f"at least {WANTED}"),
        ("  integers compared for each image", f"{found['integers']:,.0f}", ""),
        ("  simulation alone", f"{found['simulation']:,.2f} images/s", ""),
        ("  cycles for each image", f"{found['cycles_per_image']:,.1f}, {equal}", ""),
        ("  cycles simulated", f"{found['cycles']:,.0f} /s", ""),
        (
            "  integer reference in numpy",
            f"{found['reference']:,.1f} images/s ({found['reference'] / rtl:.1f} x RTL)",
            "1 x RTL",
        ),
        (
            "  PyTorch float32, same layers",
            f"{found['torch']:,.1f} images/s ({found['torch'] / rtl:.1f} x RTL)",
            "3 x RTL",
        ),
    ]


if __name__ == "__main__":
    given = [Path(argument) for argument in sys.argv[1:] if argument != "--json"]
    if "--json" in sys.argv:
        print(json.dumps(measure(given[0] if given else None)))
    else:
        for row in rows(given[0] if given else None):
            print("   ".join(row))
