"""Models of cells against their Liberty functions, every cell of a library in every state at every change of a pin."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quadrille.algo.spec import InvalidInput
from quadrille.boards.asic.boolean import rule, verilog
from quadrille.boards.asic.cell_models import cell_models
from quadrille.boards.asic.groups import Group
from quadrille.boards.asic.liberty import Library, open_library
from quadrille.boards.targets import LIBRARIES, library
from quadrille.sim.model import Model

STEPS = 30_000
MORE = """
  cell (TOGGLED) {
    ff (IQ, IQN) { clocked_on : "!CK"; next_state : "IQ ^ T"; clear : "R"; preset : "!SN"; clear_preset_var1 : H; }
    pin (CK) { direction : input; } pin (T) { direction : input; }
    pin (R) { direction : input; } pin (SN) { direction : input; }
    pin (Q) { direction : output; function : "IQ"; } pin (QN) { direction : output; function : "IQN"; }
  }
  cell (LATCH) {
    latch (IQ, IQN) { enable : "G & !H"; data_in : "D"; clear : "R"; preset : "S"; clear_preset_var2 : H; }
    pin (G) { direction : input; } pin (H) { direction : input; } pin (D) { direction : input; }
    pin (R) { direction : input; } pin (S) { direction : input; }
    pin (Q) { direction : output; function : "IQ"; } pin (QN) { direction : output; function : "IQN"; }
  }
"""
PINS = 'pin (A) { direction : input; } pin (Y) { direction : output; function : "A"; }'


@pytest.mark.parametrize(
    ("text", "expected"),
    [("!(A & B)", "(~(A & b))"), ("A' + B^1", "((~A) | (b ^ 1'b1))"), ("A B 0", "(A & b & 1'b0)")],
)
def test_functions_in_verilog(text: str, expected: str) -> None:
    assert verilog(text, {"A": "A", "B": "b"}) == expected


class Twin:
    """What a cell does by its Liberty functions, one change of a pin after the other."""

    def __init__(self, cell: Group) -> None:
        self.name = cell.arguments[0]
        pins = [pin for pin in cell.all("pin") if pin.text("direction") != "internal"]
        self.inputs = tuple(pin.arguments[0] for pin in pins if pin.text("direction") == "input")
        self.outputs = {
            pin.arguments[0]: pin.text("state_function") or pin.text("function")
            for pin in pins
            if pin.text("direction") == "output"
        }
        found = [*cell.all("ff", "latch", "statetable")]
        self.state = found[0] if found else None
        self.names = (*(self.state.arguments if self.state and self.state.name != "statetable" else ()), "", "")[:2]
        if self.state is not None and self.state.name == "statetable":
            self.names = (self.state.arguments[1], "")
        self.rest = 0
        if self.state is not None and self.state.name != "statetable":
            kinds = [kind for kind in ("clear", "preset") if self.state.text(kind)]
            vectors = range(1 << len(self.inputs))
            self.rest = next(v for v in vectors if not any(self.of(self.state.text(kind), v) for kind in kinds))

    def of(self, text: str, vector: int, values: tuple[int, int] = (0, 1)) -> int:
        """A function of the pins, and of the state and its complement."""
        names = (*self.inputs, *(name for name in self.names if name))
        bits = [vector >> place & 1 for place in range(len(self.inputs))]
        return rule(text, names)(1, *bits, *(value for value, name in zip(values, self.names, strict=True) if name))

    def step(self, before: int, after: int, state: tuple[int, int]) -> tuple[int, int]:
        """State and complement after the pins have changed."""
        assert self.state is not None
        if self.state.name == "statetable":
            return self.looked_up(after, state)
        clear, preset = (bool(t) and self.of(t, after) for t in map(self.state.text, ("clear", "preset")))
        if clear and preset:
            first, second = (int(self.state.text(f"clear_preset_var{n}", "L") == "H") for n in (1, 2))
            return first, second
        if clear or preset:
            return int(preset), int(clear)
        follows = self.state.name == "latch" and self.of(self.state.text("enable"), after)
        if self.state.name == "ff":
            clock = self.state.text("clocked_on")
            follows = self.of(clock, after) and not self.of(clock, before)
        kind = "data_in" if self.state.name == "latch" else "next_state"
        taken = self.of(self.state.text(kind), after, state) if follows else state[0]
        return taken, 1 - taken

    def looked_up(self, vector: int, state: tuple[int, int]) -> tuple[int, int]:
        assert self.state is not None
        values = dict(zip(self.inputs, (vector >> place & 1 for place in range(len(self.inputs))), strict=True))
        for row in self.state.text("table").split(","):
            given, _, following = (part.split() for part in row.split(":"))
            if all(
                level == "-" or values[name] == "LH".index(level)
                for name, level in zip(self.state.arguments[0].split(), given, strict=True)
            ):
                taken = state[0] if following[0] == "N" else "LH".index(following[0])
                return taken, 1 - taken
        return state

    def reachable(self) -> set[tuple[int, int, tuple[int, int]]]:
        """Every change of a pin (vectors before and after) in every state in which it can happen."""
        found: set[tuple[int, int, tuple[int, int]]] = set()
        waiting = [(self.rest, (0, 1))]
        seen = {*waiting}
        while waiting:
            before, state = waiting.pop()
            for place in range(len(self.inputs)):
                after = before ^ 1 << place
                found.add((before, after, state))
                following = (after, self.step(before, after, state))
                if following not in seen:
                    seen.add(following)
                    waiting.append(following)
        return found


def check(twins: Sequence[Twin], models: str, folder: Path) -> None:
    """Play a walk over all vectors on all cells at once, and compare every output after every step."""
    width = max(len(twin.inputs) for twin in twins)
    draw = random.Random(1)
    walk = [0]
    for _ in range(STEPS):
        walk.append(walk[-1] ^ 1 << draw.randrange(width))
    got = played(twins, models, folder, width, walk)
    assert len({*walk}) == 1 << width
    column = 0
    for twin in twins:
        vectors = [(vector & (1 << len(twin.inputs)) - 1) ^ twin.rest for vector in walk]
        expected = expected_of(twin, vectors)
        for pin, values in expected.items():
            wrong = np.flatnonzero(got[:, column] != values)
            assert not len(wrong), f"{twin.name}.{pin}, step {wrong[0]}"
            column += 1


def expected_of(twin: Twin, vectors: list[int]) -> dict[str, Any]:
    if twin.state is None:
        tables = {
            pin: np.array([twin.of(text, vector) for vector in range(1 << len(twin.inputs))])
            for pin, text in twin.outputs.items()
        }
        return {pin: table[vectors] for pin, table in tables.items()}
    missing = twin.reachable()
    before, state = twin.rest, (0, 1)
    known: dict[tuple[int, int, tuple[int, int]], tuple[int, int]] = {}
    states: list[tuple[int, tuple[int, int]]] = []
    for vector in vectors:
        change = (before, vector, state)
        if change not in known:
            known[change] = twin.step(*change)
        missing.discard(change)
        before, state = vector, known[change]
        states.append((vector, state))
    assert not missing, f"{twin.name}: {len(missing)} changes never happened"
    tables = {pin: {case: twin.of(text, *case) for case in {*states}} for pin, text in twin.outputs.items()}
    return {pin: np.array([table[case] for case in states]) for pin, table in tables.items()}


def played(twins: Sequence[Twin], models: str, folder: Path, width: int, walk: list[int]) -> Any:
    """The outputs of all cells, one behind the other, at each step."""
    instances, outputs = [], 0
    for n, twin in enumerate(twins):
        pins = [f".{pin}(i[{k}] ^ 1'b{twin.rest >> k & 1})" for k, pin in enumerate(twin.inputs)]
        pins += [f".{pin}(o[{outputs + k}])" for k, pin in enumerate(twin.outputs)]
        outputs += len(twin.outputs)
        instances.append(f"  {twin.name} u{n}({', '.join(pins)});")
    head = f"module every(input [{width - 1}:0] i, output [{outputs - 1}:0] o);"
    text = "\n".join([head, *instances, "endmodule", models])
    stream = {"valid": None, "ready": None}
    field: dict[str, Any] = {"name": "bits", "offset": 0, "width": 1, "signed": False, "stride": 1}
    ports = [("i", "in", width), ("o", "out", outputs)]
    manifest = {
        "schema": 1,
        "block": "every",
        "top": "every",
        "clock": None,
        "reset": None,
        "ports": [{"name": n, "direction": way, "width": bits, "signed": False} for n, way, bits in ports],
        "streams": [
            {"name": n, "direction": way, "payload": n, "width": bits, **stream, "fields": [{**field, "count": bits}]}
            for n, way, bits in ports
        ],
        "content_hash": hashlib.sha256(text.encode()).hexdigest(),
        "files": {"verilog": "every.v", "control": "every.vlt"},
    }
    folder.mkdir(exist_ok=True)
    (folder / "every.v").write_text(text)
    (folder / "every.vlt").write_text("`verilator_config\n")
    (folder / "every.json").write_text(json.dumps(manifest))
    stimulus = np.array([[vector >> place & 1 for place in range(width)] for vector in walk])
    with Model(folder) as model:
        run = model.run({"i": {"bits": stimulus}}, {"o": len(walk)}, reset=False)
    return run.streams["o"].fields["bits"]


def twins_of(cells: Library) -> tuple[list[Twin], list[str]]:
    """The cells that can be modelled and do anything, and those that cannot."""
    twins, refused = [], []
    for name in cells.names:
        try:
            cell_models(cells, [name])
        except InvalidInput:
            refused.append(name)
        else:
            twins.append(Twin(cells.group(name)))
    return [twin for twin in twins if twin.outputs], refused


def widened(small_library: Path, more: str, folder: Path) -> Library:
    """The small library with more cells."""
    text = small_library.read_text()
    end = text.rindex("}")
    (folder / "more.lib").write_text(text[:end] + more + text[end:])
    return Library([folder / "more.lib"])


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("bus (B) { }", "it has buses"),
        ("pin (Z) { direction : inout; }", "pin Z is inout"),
        ('pin (Z) { direction : output; function : "A"; three_state : "A"; }', "pin Z has a third state"),
        ("pin (Z) { direction : output; }", "pin Z has no function"),
        ("pin (state) { direction : input; }", "the name of pin state is one that the model needs"),
        ("latch (P, Q) { } latch (R, S) { }", "it has more than one state"),
        ('ff (P, Q) { clocked_on : "A"; clocked_on_also : "!A"; next_state : "A"; }', "it has two clocks"),
        (
            'latch (P, Q) { clear : "A"; preset : "A"; clear_preset_var1 : X; }',
            "cleared and preset at once it becomes X and L",
        ),
        ('statetable ("A", "P") { table : "R : - : H"; }', "its state table has the entry R"),
    ],
)
def test_what_has_no_model(body: str, reason: str, small_library: Path, tmp_path: Path) -> None:
    cells = widened(small_library, f"  cell (ODD) {{\n {PINS} {body}\n }}\n", tmp_path)
    message = f"^Cell ODD must have a function that two-valued Verilog can state, and has not: {reason}$"
    with pytest.raises(InvalidInput, match=message):
        cell_models(cells, ["INV", "ODD"])


@pytest.mark.verilator
def test_models_of_the_small_library(small_library: Path, gated_library: tuple[Path, ...], tmp_path: Path) -> None:
    cells = Library([*widened(small_library, MORE, tmp_path).files, *gated_library[1:]])
    twins, refused = twins_of(cells)
    assert not refused and len(twins) == 10
    check(twins, cell_models(cells, cells.names), tmp_path)


@pytest.mark.slow
@pytest.mark.verilator
@pytest.mark.parametrize("name", LIBRARIES)
def test_models_of_a_library(name: str, tmp_path: Path) -> None:
    try:
        cells = open_library(library(name).files)
    except InvalidInput as missing:
        pytest.skip(str(missing))
    twins, refused = twins_of(cells)
    # Third states, and a keeper.
    kinds = ("tbuf", "tinv", "tlat", "ebuf", "einv", "sighold")
    assert all(any(kind in cell.lower() for kind in kinds) for cell in refused)
    check(twins, cell_models(cells, [twin.name for twin in twins]), tmp_path)
