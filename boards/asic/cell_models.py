"""Verilog models of library cells, made from their Liberty functions: what a mapped netlist is simulated with."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from quadrille.algo.spec import InvalidInput

from .boolean import verilog
from .groups import Group
from .liberty import Library

__all__ = ["cell_models"]

IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")
LEVELS = {"L": "0", "H": "1", "-": "?"}
OWN = ("state", "inverse", "clear", "preset", "both", "enable", "open")
BOTH = {"L": "1'b0", "H": "1'b1"}
HEAD = """// Models of library cells, made from their Liberty functions: no delays, two values, states begin with 0.
/* verilator tracing_off */
/* verilator lint_off LATCH */
/* verilator lint_off CASEINCOMPLETE */
/* verilator lint_off DECLFILENAME */
/* verilator lint_off MULTITOP */
"""
FOOT = "/* verilator tracing_on */\n"


def cell_models(library: Library, names: Iterable[str]) -> str:
    """Verilog with a module for each cell of `names`, in the order of the alphabet.

    Outputs are continuous assignments of the library's functions. Flip-flops take their next state by a nonblocking
    assignment at the edge of their clock; clear and preset work at once, and where both are asserted the state and its
    complement are what the library says. Latches, and the nodes of a state table such as those of a clock gate, follow
    while they are open and hold while they are not, so that a gated clock rises after its enable has settled.

    The pins of a cell are the nets around it: waveforms leave the inside of cells out.

    Raises
    ------
    InvalidInput
        If a cell is not in the library, or its function cannot be stated in Verilog without delays and third states.
    """
    return "\n".join([HEAD, *(_model(library.group(name)) for name in sorted(set(names))), FOOT])


def _model(cell: Group) -> str:
    """The module of one cell."""
    name = cell.arguments[0]
    if any(cell.all("bus", "bundle", "ff_bank", "latch_bank")):
        raise _fault(name, "it has buses")
    pins = {pin.arguments[0]: pin for pin in cell.all("pin")}
    ports: dict[str, str] = {}
    for pin, group in pins.items():
        direction = group.text("direction")
        if direction in ("input", "output"):
            ports[pin] = direction
        elif direction != "internal":
            raise _fault(name, f"pin {pin} is {direction or 'of no direction'}")
        if pin in OWN:
            raise _fault(name, f"the name of pin {pin} is one that the model needs")
        if group.text("three_state"):
            raise _fault(name, f"pin {pin} has a third state")
    names = {pin: _escaped(pin) for pin in ports if ports[pin] == "input"}
    states, body = _states(cell, pins, names)
    for pin, direction in ports.items():
        if direction == "output":
            function = pins[pin].text("state_function") or pins[pin].text("function")
            if not function:
                raise _fault(name, f"pin {pin} has no function")
            body.append(f"assign {_escaped(pin)} = {verilog(function, {**names, **states})};")
    header = f"module {_escaped(name)}({', '.join(_escaped(pin) for pin in ports)});"
    declared = [f"{direction} {_escaped(pin)};" for pin, direction in ports.items()]
    return "\n".join([header, *(f"  {line}" for line in [*declared, *body]), "endmodule\n"])


def _states(cell: Group, pins: Mapping[str, Group], names: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """What the names of states are in the model, and the statements that keep them."""
    found = list(cell.all("ff", "latch", "statetable"))
    if not found:
        return {}, []
    name = cell.arguments[0]
    if len(found) > 1:
        raise _fault(name, "it has more than one state")
    if found[0].name == "statetable":
        return _table(name, found[0], pins, names)
    return _flip_flop(name, found[0], names) if found[0].name == "ff" else _latch(found[0], names, name)


def _flip_flop(name: str, group: Group, names: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    if group.text("clocked_on_also"):
        raise _fault(name, "it has two clocks")
    states, body, forced = _forced(name, group, names)
    own = {**names, **states}
    edges = [_edge(verilog(group.text("clocked_on"), names)), *(f"posedge {signal}" for signal, _ in forced)]
    chain = [f"if ({signal}) state <= {value};" for signal, value in forced]
    chain.append(f"state <= {verilog(group.text('next_state'), own)};")
    statements = " else ".join(chain)
    return states, [*body, f"always @({' or '.join(edges)}) {statements}"]


def _latch(group: Group, names: Mapping[str, str], name: str) -> tuple[dict[str, str], list[str]]:
    states, body, forced = _forced(name, group, names)
    chain = [f"if ({signal}) state = {value};" for signal, value in forced]
    if group.text("enable"):
        # Opened and closed with the registers, not before them: what they take is what was there when the clock rose.
        body += [
            f"wire enable = {verilog(group.text('enable'), names)};",
            "reg open;",
            "initial open = enable;",
            "always @(posedge enable or negedge enable) open <= enable;",
        ]
        chain.append(f"if (open) state = {verilog(group.text('data_in'), names)};")
    return states, [*body, f"always @* {' else '.join(chain)}"]


def _forced(
    name: str, group: Group, names: Mapping[str, str]
) -> tuple[dict[str, str], list[str], list[tuple[str, str]]]:
    """Names of the state and its complement, declarations, and the signals that force the state, one at a time."""
    state, complement = (*group.arguments, "", "")[:2]
    states = {state: "state", complement: "(~state)"} if complement else {state: "state"}
    body = ["reg state = 1'b0;"]
    wanted = {kind: verilog(group.text(kind), names) for kind in ("clear", "preset") if group.text(kind)}
    if len(wanted) < 2:
        forced = [(kind, BOTH["L" if kind == "clear" else "H"]) for kind in wanted]
        return states, [*body, *(f"wire {kind} = {text};" for kind, text in wanted.items())], forced
    # Each alone and both together are signals of their own: what is let go last decides, as in the cell.
    clear, preset = wanted["clear"], wanted["preset"]
    values = [group.text(f"clear_preset_var{n}", "L") for n in (1, 2)]
    if not set(values) <= set(BOTH):
        raise _fault(name, f"cleared and preset at once it becomes {' and '.join(values)}")
    body += [
        f"wire both = {clear} & {preset};",
        f"wire clear = {clear} & ~{preset};",
        f"wire preset = {preset} & ~{clear};",
    ]
    if complement:
        body.append(f"wire inverse = both ? {BOTH[values[1]]} : ~state;")
        states[complement] = "inverse"
    return states, body, [("both", BOTH[values[0]]), ("clear", BOTH["L"]), ("preset", BOTH["H"])]


def _table(
    name: str, group: Group, pins: Mapping[str, Group], names: Mapping[str, str]
) -> tuple[dict[str, str], list[str]]:
    """The nodes of a state table: the first row that fits says what they become."""
    inputs, nodes = group.arguments[0].split(), group.arguments[1].split()
    states = {node: f"state_{n}" for n, node in enumerate(nodes)}
    # The pin of a node may have a name of its own.
    for pin, each in pins.items():
        node = each.text("internal_node")
        if node in states:
            states[pin] = states[node]
    body = [f"reg {states[node]} = 1'b0;" for node in nodes]
    rows = [[part.split() for part in row.split(":")] for row in group.text("table").split(",")]
    # A latch that reads itself would be a loop to a simulator, which evaluates such until they rest.
    read = nodes if any(level != "-" for _, present, _ in rows for level in present) else []
    signals = [*(names[each] for each in inputs), *(states[node] for node in read)]
    body += ["always @*", f"  casez ({{{', '.join(signals)}}})"]
    for given, present, following in rows:
        wrong = [each for each in [*given, *present] if each not in LEVELS]
        wrong += [each for each in following if each not in (*BOTH, "N", "-")]
        if wrong:
            raise _fault(name, f"its state table has the entry {wrong[0]}")
        taken = [f"{states[node]} = {BOTH[to]};" for node, to in zip(nodes, following, strict=True) if to in BOTH]
        pattern = "".join(LEVELS[each] for each in [*given, *present[: len(read)]])
        body.append(f"    {len(pattern)}'b{pattern}: {' '.join(['begin', *taken, 'end']) if taken else ';'}")
    return states, [*body, "  endcase"]


def _edge(clock: str) -> str:
    """The edge at which `clock` rises."""
    inverted = re.fullmatch(r"\(~(\w+)\)", clock)
    return f"negedge {inverted.group(1)}" if inverted else f"posedge {clock}"


def _escaped(name: str) -> str:
    return name if IDENTIFIER.fullmatch(name) else f"\\{name} "


def _fault(name: str, reason: str) -> InvalidInput:
    return InvalidInput(f"Cell {name} must have a function that two-valued Verilog can state, and has not: {reason}")
