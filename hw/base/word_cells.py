"""Word cells: small circuits that work on words, one column of it for each bit, and stay modules in the Verilog.

What a counter or an adder is made of decides what it costs, and each kind of chip has its own way: look-up tables and
carry chains of an FPGA are best given cell by cell. So the exported Verilog keeps these cells as modules, whose bodies
say what they do and are what is simulated; synthesis for a family that knows better replaces them by name
(`boards/lut6.v`). In Amaranth's own simulator they are the same gates.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from amaranth import Elaboratable, Instance, Module, Signal, Value

__all__ = ["ELSEWHERE", "WORD_CELLS", "Counter", "TernaryAdder", "WordCell", "definitions"]


@dataclass(frozen=True)
class Gate:
    """`wire = operands[0] operation operands[1]`, or with `operation` "carry" `a & b | half & c` of (a, b, half, c)."""

    wire: str
    operation: str
    operands: tuple[str, ...]

    def text(self) -> str:
        """The right-hand side in Verilog."""
        if self.operation == "carry":
            return "({} & {}) | ({} & {})".format(*self.operands)
        return f" {self.operation} ".join(self.operands)

    def value(self, words: dict[str, Value]) -> Value:
        """The right-hand side in Amaranth."""
        operands: list[Any] = [words[name] for name in self.operands]
        if self.operation == "carry":
            a, b, half, c = operands
            return (a & b) | (half & c)
        a, b = operands
        return a ^ b if self.operation == "^" else a & b


@dataclass(frozen=True)
class WordCell(ABC):
    """A circuit on words: its inputs and outputs by name.

    A subclass gives the gates of its `circuit` in the order in which they follow from each other.
    """

    @property
    @abstractmethod
    def name(self) -> str:
        """The module's name; no top module has two underscores in a row."""

    @property
    @abstractmethod
    def inputs(self) -> tuple[str, ...]:
        """Names of the input words."""

    @property
    @abstractmethod
    def circuit(self) -> tuple[list[Gate], dict[str, str]]:
        """The gates, and the wire that is each output."""

    def place(self, m: Module, name: str, words: Sequence[Value]) -> list[Value]:
        """The outputs for the input `words`, computed by a submodule `name` of `m`."""
        outputs = [Signal(len(words[0]), name=f"{name}_{port}") for port in self.circuit[1]]
        m.submodules[name] = PlacedCell(self, words, outputs)
        return list(outputs)

    def definition(self) -> str:
        """The module in Verilog, of any width."""
        gates, outputs = self.circuit
        ports = [f"input [WIDTH-1:0] {port}" for port in self.inputs]
        ports += [f"output [WIDTH-1:0] {port}" for port in outputs]
        lines = [f"module {self.name} #(parameter WIDTH = 1) (", "  " + ",\n  ".join(ports), ");"]
        # A call for each of them would cost more than what it does.
        lines += ["  /*verilator inline_module*/"]
        lines += [f"  wire [WIDTH-1:0] {gate.wire} = {gate.text()};" for gate in gates]
        lines += [f"  assign {port} = {wire};" for port, wire in outputs.items()]
        return "\n".join([*lines, "endmodule", ""])


@dataclass(frozen=True)
class Counter(WordCell):
    """The sum of `counts[k]` bits of weight k each, in binary: `sum_k (i_k_0 + i_k_1 + ...) << k == sum_k o_k << k`."""

    counts: tuple[int, ...]

    @property
    def name(self) -> str:
        """`word__counter_7_0_6` counts 7 bits of weight 0 and 6 of weight 2."""
        return "word__counter_" + "_".join(map(str, self.counts))

    @property
    def inputs(self) -> tuple[str, ...]:
        """`i_k_n`, by weight."""
        return tuple(f"i_{k}_{n}" for k, count in enumerate(self.counts) for n in range(count))

    @property
    def circuit(self) -> tuple[list[Gate], dict[str, str]]:
        """Full and half adders from the least weight up, until one bit of each is left."""
        gates: list[Gate] = []
        at = {k: [f"i_{k}_{n}" for n in range(count)] for k, count in enumerate(self.counts)}
        outputs: dict[str, str] = {}
        k = 0
        while k in at:
            words = at[k]
            while len(words) > 1:
                taken, words = words[:3], words[3:]
                total, carry = _adder(gates, taken, f"{k}_{len(words)}")
                words.append(total)
                at.setdefault(k + 1, []).append(carry)
            if words:
                outputs[f"o_{k}"] = words[0]
            k += 1
        return gates, outputs


@dataclass(frozen=True)
class TernaryAdder(WordCell):
    """Four bits of the sum of three numbers: `a + b + (s & keep) + ci + fi == o + ((co + fo) << 4)`.

    The carries are a chain's (c) and those that full adders leave (f).
    """

    bits: int = 4

    @property
    def name(self) -> str:
        """The module's name."""
        return f"word__ternary_{self.bits}"

    @property
    def inputs(self) -> tuple[str, ...]:
        """Three words of each weight, whether the third counts, and the carries."""
        return (*(f"{row}_{k}" for k in range(self.bits) for row in "abs"), "keep", "ci", "fi")

    @property
    def circuit(self) -> tuple[list[Gate], dict[str, str]]:
        """A full adder over the three numbers, and one that adds its carry of the weight below, along the chain."""
        gates: list[Gate] = []
        outputs: dict[str, str] = {}
        chain, left = "ci", "fi"
        for k in range(self.bits):
            gates.append(Gate(f"kept_{k}", "&", (f"s_{k}", "keep")))
            total, carry = _adder(gates, [f"a_{k}", f"b_{k}", f"kept_{k}"], f"rows_{k}")
            outputs[f"o_{k}"], chain = _adder(gates, [total, left, chain], f"chain_{k}")
            left = carry
        return gates, {**outputs, "co": chain, "fo": left}


class PlacedCell(Elaboratable):
    """A word cell between given words: an instance in exported Verilog, its gates elsewhere."""

    def __init__(self, cell: WordCell, words: Sequence[Value], outputs: Sequence[Signal]):
        self.cell = cell
        self.words = words
        self.outputs = outputs

    def elaborate(self, platform: object) -> Module | Instance:
        """Whether cells stay cells is the platform's to say."""
        gates, ports = self.cell.circuit
        if getattr(platform, "keeps_word_cells", False):
            inputs = {f"i_{port}": word for port, word in zip(self.cell.inputs, self.words, strict=True)}
            outputs = {f"o_{port}": word for port, word in zip(ports, self.outputs, strict=True)}
            return Instance(self.cell.name, p_WIDTH=len(self.outputs[0]), **inputs, **outputs)
        m = Module()
        wires: dict[str, Value] = dict(zip(self.cell.inputs, self.words, strict=True))
        for gate in gates:
            wires[gate.wire] = wire = Signal(len(self.outputs[0]), name=gate.wire)
            m.d.comb += wire.eq(gate.value(wires))
        m.d.comb += [word.eq(wires[wire]) for word, wire in zip(self.outputs, ports.values(), strict=True)]
        return m


def _adder(gates: list[Gate], words: list[str], name: str) -> tuple[str, str]:
    """Sum and carry of two or three words, as names of wires."""
    a, b, *rest = words
    half, total, carry = f"half_{name}", f"sum_{name}", f"carry_{name}"
    gates.append(Gate(half, "^", (a, b)))
    if not rest:
        gates.append(Gate(carry, "&", (a, b)))
        return half, carry
    gates += [Gate(total, "^", (half, rest[0])), Gate(carry, "carry", (a, b, half, rest[0]))]
    return total, carry


WORD_CELLS: tuple[WordCell, ...] = (Counter((3,)), Counter((7,)), Counter((7, 0, 6)), TernaryAdder())
"""What a design may be made of: technology maps know these by name."""


ELSEWHERE = "QUADRILLE_WORD_CELLS"
"""The macro of a tool that takes the word cells from another file."""


def definitions(verilog: str) -> str:
    """The modules of the word cells that the text `verilog` has instances of, unless `ELSEWHERE` is defined.

    A tool that is given it must be given a file with modules of the same names, such as `boards/lut6.v`.
    """
    cells = [cell.definition() for cell in WORD_CELLS if f"{cell.name} #(" in verilog]
    return "\n".join(["", f"`ifndef {ELSEWHERE}", *cells, "`endif", ""]) if cells else ""
