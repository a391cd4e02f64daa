"""Memories of a design as macros: which ones, the module that stands for each shape, and its model for simulation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = [
    "LEAST_BITS",
    "LEAST_WORDS",
    "Memory",
    "MemoryShape",
    "blackbox_text",
    "memory_of",
    "model_text",
    "module_header",
    "starts_with_contents",
]

LEAST_BITS, LEAST_WORDS = 2048, 16
"""Smaller memories stay flip-flops: the periphery of a macro would be more than its cells."""


@dataclass(frozen=True, order=True)
class MemoryShape:
    """A memory of `words` words of `bits` bits with a port that writes and one that reads, of one clock.

    `mask_bits` is how many bits one bit of the write mask covers: `bits` where a word is written as a whole. A word
    that is read comes a cycle after its address and stays until the next one is read. What is read in the cycle in
    which the same word is written is the word before, if `old_on_collision`, and else nothing that anybody looks at:
    where the design wants the new word, it takes that past the memory.
    """

    words: int
    bits: int
    mask_bits: int
    old_on_collision: bool

    @property
    def name(self) -> str:
        """The module."""
        mask = "" if self.mask_bits == self.bits else f"_m{self.mask_bits}"
        return f"memory_{self.words}x{self.bits}{mask}_1r1w" + ("_old" if self.old_on_collision else "")

    @property
    def address_bits(self) -> int:
        """Of either port."""
        return max(1, (self.words - 1).bit_length())

    @property
    def mask_width(self) -> int:
        """Bits of the write mask."""
        return self.bits // self.mask_bits

    @property
    def ports(self) -> dict[str, tuple[str, int]]:
        """Direction and width of each pin, in the order in which memory compilers have them."""
        mask = {} if self.mask_width == 1 else {"w_mask": ("input", self.mask_width)}
        return {
            "clk": ("input", 1),
            "w_en": ("input", 1),
            **mask,
            "w_addr": ("input", self.address_bits),
            "w_data": ("input", self.bits),
            "r_en": ("input", 1),
            "r_addr": ("input", self.address_bits),
            "r_data": ("output", self.bits),
        }

    def record(self, instances: int) -> dict[str, Any]:
        """What a memory compiler asks for, as JSON values."""
        return {
            "module": self.name,
            "instances": instances,
            "words": self.words,
            "bits": self.bits,
            "address_bits": self.address_bits,
            "mask_bits": self.mask_bits,
            "ports": "1 read, 1 write",
            "read_latency": 1,
            "read_during_write": "old word" if self.old_on_collision else "any",
            "pins": {name: {"direction": direction, "width": width} for name, (direction, width) in self.ports.items()},
        }


@dataclass(frozen=True)
class Memory:
    """A memory of a design that can be a macro: its shape, and the nets at the pins of its adapter.

    Where it is `transparent`, a word that is read while it is written must be the new one.
    """

    shape: MemoryShape
    transparent: bool
    nets: Mapping[str, list[Any]]

    @property
    def adapter(self) -> str:
        """The module between the design and the macro."""
        return self.shape.name + ("_adapter_new" if self.transparent else "_adapter")

    @property
    def adapter_text(self) -> str:
        """Its Verilog: whether anything is written, and the way past the memory for a new word."""
        shape = self.shape
        pins = {name: pin for name, pin in shape.ports.items() if name != "w_en"}
        pins["w_mask"] = ("input", shape.mask_width)
        mask = "" if shape.mask_width == 1 else ".w_mask(w_mask), "
        lines = [
            *module_header(self.adapter, pins),
            f"  wire [{shape.bits - 1}:0] stored;",
            f"  {shape.name} store (.clk(clk), .w_en(|w_mask), {mask}.w_addr(w_addr), .w_data(w_data),",
            "    .r_en(r_en), .r_addr(r_addr), .r_data(stored));",
        ]
        if not self.transparent:
            return "\n".join([*lines, "  assign r_data = stored;", "endmodule", ""])
        lane = f"n * {shape.mask_bits} +: {shape.mask_bits}"
        lines += [
            f"  reg [{shape.bits - 1}:0] written;",
            f"  reg [{shape.mask_width - 1}:0] past;",
            "  always @(posedge clk) if (r_en) begin",
            "    written <= w_data;",
            f"    past <= r_addr == w_addr ? w_mask : {shape.mask_width}'d0;",
            "  end",
            "  genvar n;",
            f"  generate for (n = 0; n < {shape.mask_width}; n = n + 1) begin : lane",
            f"    assign r_data[{lane}] = past[n] ? written[{lane}] : stored[{lane}];",
            "  end endgenerate",
            "endmodule",
            "",
        ]
        return "\n".join(lines)


def memory_of(cell: Mapping[str, Any], cells: Mapping[str, Mapping[str, Any]]) -> Memory | None:
    """The memory of a cell `$mem_v2` of Yosys; none if it must stay flip-flops or logic.

    `cells` are those around it, which tell bits of its write mask that are always the same. It must hold `LEAST_BITS`
    bits in `LEAST_WORDS` words at least, be written, and be read by one port with a register of the same clock that has
    no reset.
    """
    values = cell["parameters"]
    words, bits, offset, readers, writers = (
        int(values[name], 2) for name in ("SIZE", "WIDTH", "OFFSET", "RD_PORTS", "WR_PORTS")
    )
    if words < LEAST_WORDS or words * bits < LEAST_BITS or (readers, writers, offset) != (1, 1, 0):
        return None
    nets = cell["connections"]
    rising = all(int(values[f"{port}_CLK_{what}"], 2) for port in ("RD", "WR") for what in ("ENABLE", "POLARITY"))
    if not rising or nets["RD_CLK"] != nets["WR_CLK"] or nets["RD_ARST"] != ["0"] or nets["RD_SRST"] != ["0"]:
        return None
    transparent = bool(int(values["RD_TRANSPARENCY_MASK"], 2))
    ignored = bool(int(values["RD_COLLISION_X_MASK"], 2))
    mask_bits = _mask_bits(_meanings(nets["WR_EN"], cells))
    shape = MemoryShape(words, bits, mask_bits, old_on_collision=not transparent and not ignored)
    pins = {
        "clk": nets["WR_CLK"],
        "w_mask": nets["WR_EN"][::mask_bits],
        "w_addr": nets["WR_ADDR"][: shape.address_bits],
        "w_data": nets["WR_DATA"],
        "r_en": nets["RD_EN"],
        "r_addr": nets["RD_ADDR"][: shape.address_bits],
        "r_data": nets["RD_DATA"],
    }
    return Memory(shape, transparent, pins)


def starts_with_contents(cell: Mapping[str, Any]) -> bool:
    """Whether a cell `$mem_v2` is written and yet begins with something else than zeros, which silicon cannot."""
    return int(cell["parameters"]["WR_PORTS"], 2) > 0 and "1" in cell["parameters"]["INIT"]


def blackbox_text(shapes: Iterable[MemoryShape]) -> str:
    """Declarations without contents, for a synthesizer or a layout tool."""
    modules = [
        "\n".join(["(* blackbox *)", *module_header(shape.name, shape.ports), "endmodule", ""]) for shape in shapes
    ]
    return "\n".join(["// Memories: to be replaced by macros with these pins.", "", *modules])


def model_text(shapes: Iterable[MemoryShape]) -> str:
    """Models for simulation.

    Where nobody may look at a word that is read while it is written, it comes inverted, for a design that looks.
    """
    return "\n".join(["// Models of memories, for simulation.", "", *(_model(shape) for shape in shapes)])


def _model(shape: MemoryShape) -> str:
    size, count = shape.mask_bits, shape.mask_width
    lanes = [f"[{n * size} +: {size}]" if count > 1 else "" for n in range(count)]
    enabled = [f"w_mask[{n}]" if count > 1 else "1'b1" for n in range(count)]
    collisions = [
        f"      if (w_en && {one} && w_addr == r_addr) r_data{lane} <= ~memory[r_addr]{lane};"
        for one, lane in zip(enabled, lanes, strict=True)
    ]
    return "\n".join(
        [
            *module_header(shape.name, shape.ports, registered=True),
            f"  reg [{shape.bits - 1}:0] memory [0:{shape.words - 1}];",
            "  always @(posedge clk) begin",
            "    if (r_en) begin",
            "      r_data <= memory[r_addr];",
            *([] if shape.old_on_collision else collisions),
            "    end",
            *(
                f"    if (w_en && {one}) memory[w_addr]{lane} <= w_data{lane};"
                for one, lane in zip(enabled, lanes, strict=True)
            ),
            "  end",
            "endmodule",
            "",
        ]
    )


def module_header(name: str, pins: Mapping[str, tuple[str, int]], *, registered: bool = False) -> list[str]:
    """The lines that begin a module with those pins, by direction and width; outputs may be `registered`."""
    kind = {"input": "input", "output": "output reg" if registered else "output"}
    declared = [
        f"{kind[direction]} {f'[{width - 1}:0] ' if width > 1 else ''}{pin}" for pin, (direction, width) in pins.items()
    ]
    return [f"module {name} (", ",\n".join(f"  {line}" for line in declared), ");"]


def _meanings(bits: list[Any], cells: Mapping[str, Mapping[str, Any]]) -> list[Any]:
    """A value for each of `bits` that is equal where they are always the same.

    Yosys spreads the enable of a part of a word over its bits, by multiplexers between constants.
    """
    drivers: dict[Any, tuple[Mapping[str, Any], int]] = {}
    for cell in cells.values():
        if cell["type"] in ("$mux", "$or"):
            drivers.update({bit: (cell, place) for place, bit in enumerate(cell["connections"]["Y"])})

    def meaning(bit: Any) -> Any:
        if bit not in drivers:
            return bit
        cell, place = drivers[bit]
        nets = cell["connections"]
        parts = [meaning(nets[pin][place]) if place < len(nets[pin]) else "0" for pin in ("A", "B")]
        if cell["type"] == "$or":
            parts = sorted({part for part in parts if part != "0"}, key=str)
            return "1" if "1" in parts else "0" if not parts else parts[0] if len(parts) == 1 else ("or", *parts)
        if parts == ["0", "1"]:
            return meaning(nets["S"][0])
        return parts[0] if parts[0] == parts[1] else ("mux", meaning(nets["S"][0]), *parts)

    return [meaning(bit) for bit in bits]


def _mask_bits(enables: list[Any]) -> int:
    """The largest number of bits that are always written together."""
    bits = len(enables)
    for size in range(bits, 1, -1):
        lanes = [enables[start : start + size] for start in range(0, bits, size)]
        if bits % size == 0 and all(len(set(lane)) == 1 for lane in lanes):
            return size
    return 1
