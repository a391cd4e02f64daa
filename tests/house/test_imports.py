"""Who may import whom: the table of the rooms, enforced on every import statement."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("algo", "hw", "sim", "tb", "flow", "boards")

# What a room may import beside itself and the standard library. A name of ours covers what lies below it.
MAY: dict[str, set[str]] = {
    "algo": set(),
    "algo.spec": set(),
    "algo.integer": {"algo.spec", "numpy", "safetensors"},
    "algo.functions": {"algo.spec", "algo.integer", "numpy"},
    "algo.quant": {"algo.spec", "algo.integer", "torch", "numpy"},
    "algo.nn": {"algo.spec", "algo.integer", "algo.functions", "algo.quant", "algo.data", "torch", "numpy"},
    # A recipe is a file that users copy: it names what it uses as they would.
    "algo.nn.recipes": {"algo.spec", "algo.quant", "algo.nn", "torch"},
    "algo.data": {"algo.spec", "algo.integer", "torch", "numpy", "sklearn", "PIL"},
    "hw": set(),
    "hw.base": {"algo.spec", "amaranth"},
    "hw.cim": {"algo.spec", "hw.base", "amaranth"},
    "hw.dequant": {"algo.spec", "hw.base", "amaranth"},
    "hw.activation": {"algo.spec", "hw.base", "amaranth"},
    "hw.mac": {"algo.spec", "hw.base", "amaranth"},
    "hw.engine": {"algo.spec", "hw.base", "hw.activation", "hw.cim", "hw.dequant", "hw.mac", "amaranth"},
    "hw.edge": {"algo.spec", "hw.base", "hw.engine", "amaranth"},
    "hw.export": {"algo.spec", "hw", "amaranth"},
    "sim": {"algo.spec", "algo.integer", "numpy"},
    # The testbenches share the toolchain and the cache of models with sim, nothing that simulates.
    "tb": {
        "algo.spec",
        "algo.integer",
        "sim.toolchain",
        "sim.cache",
        "sim.build",
        "numpy",
        "cocotb",
        "cocotb_tools",
        "cocotbext",
    },
    "flow": {
        "algo",
        "hw",
        "sim",
        "tb",
        "boards",
        "numpy",
        "torch",
        "click",
        "rich",
        "jinja2",
        "matplotlib",
        "distributed",
    },
    "boards": {"algo.spec", "hw", "amaranth", "amaranth_boards", "numpy", "scipy"},
    # What stands beside a board knows the hardware by its exported files alone, as sim does.
    "boards.host": {"algo.spec", "algo.integer", "sim", "numpy", "serial"},
}


def room_of(module: str) -> str:
    """The longest name in the table that `module` (without `quadrille.`) lies in."""
    parts = module.split(".")
    return next(name for n in (3, 2, 1) if (name := ".".join(parts[:n])) in MAY)


def sources() -> list[Path]:
    return sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))


def covers(allowed: set[str], module: str) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in allowed)


def faults_of(path: Path, source: str) -> list[str]:
    """The sentences that are wrong about the imports of `source`, which stands at `path` below the root."""
    package = list(path.with_suffix("").parts)[:-1]
    room = room_of(".".join(package))
    faults: list[str] = []

    def judge(line: int, module: str) -> None:
        top, _, rest = module.partition(".")
        where = f"{path}:{line}"
        if top in ROOMS:
            faults.append(f"{where}: {module} must be imported as quadrille.{module}")
        elif top == "quadrille":
            if room_of(rest) == room:
                faults.append(f"{where}: inside a room imports are relative, not {module}")
            elif room_of(rest) != room and not covers(MAY[room], rest):
                faults.append(f"{where}: {room} may not import {module}")
        elif top not in sys.stdlib_module_names and top not in MAY[room]:
            faults.append(f"{where}: {room} may not import {module}")

    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                judge(node.lineno, alias.name)
        elif isinstance(node, ast.ImportFrom):
            if node.level == 0:
                for alias in node.names:
                    # `from quadrille.hw import cim` names the module quadrille.hw.cim.
                    module = node.module or ""
                    deeper = f"{module}.{alias.name}"
                    inner = deeper.removeprefix("quadrille.")
                    judge(node.lineno, deeper if inner in MAY else module)
            else:
                base = package[: len(package) - node.level + 1]
                if node.level > len(package) or room_of(".".join(base)) != room:
                    dots = "." * node.level
                    faults.append(f"{path}:{node.lineno}: {dots}{node.module or ''} leaves the room {room}")
            if any(alias.name == "*" for alias in node.names):
                faults.append(f"{path}:{node.lineno}: names must be imported, not a star")
    return faults


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_room_imports_only_what_the_table_allows(path: Path) -> None:
    assert faults_of(path.relative_to(ROOT), path.read_text()) == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("algo/spec/formats.py", "import numpy"),
        ("algo/integer/cim.py", "from quadrille.algo import quant"),
        ("algo/integer/cim.py", "from ..spec import Interval"),
        ("hw/cim/macro.py", "from quadrille.hw.dequant import ColumnDequantizer"),
        ("hw/base/tree.py", "import torch"),
        ("hw/cim/macro.py", "from amaranth import *"),
        ("hw/engine/top.py", "from quadrille.hw.engine.mapping import map"),
        ("sim/model.py", "from quadrille.hw.export import export"),
        ("tb/runner.py", "def run():\n    import quadrille.sim.model"),
        ("flow/verbs.py", "import hw.base"),
        ("flow/verbs.py", "import pandas"),
    ],
)
def test_forbidden_import_is_found(path: str, source: str) -> None:
    assert len(faults_of(Path(path), source)) == 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        (
            "algo/integer/cim.py",
            "from pathlib import Path\nimport numpy as np\nfrom quadrille.algo.spec import Interval",
        ),
        (
            "hw/cim/macro.py",
            "from amaranth.lib import stream\nfrom quadrille.hw.base import Block\nfrom .reader import X",
        ),
        ("tb/runner.py", "from quadrille.sim.toolchain import environment"),
        ("flow/verbs.py", "from quadrille.algo.nn.recipes import digits_mlp"),
        ("algo/nn/recipes/mine.py", "from quadrille.algo.nn.models import cim_mlp"),
    ],
)
def test_allowed_import_passes(path: str, source: str) -> None:
    assert faults_of(Path(path), source) == []
