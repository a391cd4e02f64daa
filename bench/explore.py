"""Points that an exploration costs in a second of one core, beside what costing them one by one would take.

Processor time of this process alone: modules are loaded before, by a point of another shape, of which nothing is kept;
reading the network, its converters and all else that points share are in the figure, cycles and area of every point
too. The accuracy of the network is not: it is computed once. One by one is what `generate` does before it writes, for
the same cycles and no area: `compile_network`, and all windows of four batches replayed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from quadrille.algo.integer import read_network
from quadrille.algo.spec import retile
from quadrille.flow import explore_work
from quadrille.flow.explore_grid import Grid, Point
from quadrille.flow.explore_work import cost_points
from quadrille.hw.engine import compile_network
from quadrille.hw.engine.replay import Replay
from quadrille.hw.engine.steady import played

Row = tuple[str, str, str]

WANTED = 500
TARGET = "ultrascale+"
NETWORKS = {
    "digits": Path("build/digits/network.safetensors"),
    "LeNet": Path("build/lenet-fashion-mnist/network.safetensors"),
    "ResNet-20": Path("build/resnet20-cifar10-w1a4/network.safetensors"),
}
"""As the README trains them; what is not there is left out."""

GRID = Grid(
    rows=(144, 256, 288, 512),
    columns=(32, 64, 128, 256),
    macros=(1, 2, 4),
    lanes=(8, 16, 32),
    settings=(("weight_planes", (1, 2)), ("converter", ("ladder", "multiply-shift"))),
)
ONE_BY_ONE = 61  # every so many points


def one_by_one(path: Path, point: Point) -> float:
    """The cycles of a point as they were found before."""
    network, _ = retile(read_network(path), point.rows)
    timing = compile_network(network, **point.shape()).timing
    replay, outputs = Replay(timing), []
    for _ in range(4):
        replay.batch(timing.frames)
        outputs.append(replay.output)
    return (outputs[-1] - outputs[-2]) / timing.frames


def measure(path: Path) -> dict[str, Any]:
    """Points in a second of either way; all that both cost have the same cycles."""
    points, contents = list(GRID.points()), path.read_bytes()
    warm = Point(-1, "cim", None, 1024, 8, 1, 8, None)
    cost_points(contents, [warm], TARGET)
    for remembered in (explore_work._sizing, explore_work._network, played):
        remembered.cache_clear()
    start = time.process_time()
    found = cost_points(contents, points, TARGET)
    seconds = time.process_time() - start
    some = [record for record in found[::ONE_BY_ONE] if "skipped" not in record]
    start = time.process_time()
    cycles = [one_by_one(path, points[record["point"]]) for record in some]
    alone = time.process_time() - start
    assert cycles == [record["cycles"] for record in some], "both ways must find the same cycles"
    costed = sum("skipped" not in record for record in found)
    return {"rate": len(points) / seconds, "points": len(points), "costed": costed, "alone": len(some) / alone}


def rows() -> list[Row]:
    """Rows of the table: what, figure, what is asked for."""
    single = {name: "1" for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    found: list[Row] = []
    for name, path in NETWORKS.items():
        if not path.exists():
            continue
        command = [sys.executable, __file__, "--json", str(path)]
        output = subprocess.run(command, env=os.environ | single, check=True, capture_output=True, text=True).stdout
        seen = json.loads(output)
        ratio = seen["rate"] / seen["alone"]
        found += [
            (f"exploration of {name}, on each core", f"{seen['rate']:,.0f} points/s", f"at least {WANTED}"),
            ("  points, and those that can be", f"{seen['points']:,}, {seen['costed']:,}", ""),
            ("  one by one, as generate does", f"{seen['alone']:,.1f} points/s (1/{ratio:,.0f})", ""),
        ]
    return found


if __name__ == "__main__":
    if "--json" in sys.argv:
        print(json.dumps(measure(Path(sys.argv[-1]))))
    else:
        for row in rows():
            print("  ".join(row).rstrip())
