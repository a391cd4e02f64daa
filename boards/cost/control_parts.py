"""What feeds and steers, in operations: memories and tables, patch reader, loader, sequencer, weight loader."""

from __future__ import annotations

from collections.abc import Iterator

from quadrille.hw.engine.targets import PORT_BITS

from .geometry import Geometry, address_bits, count_bits, store_row
from .parts import Memory, Part

__all__ = ["control_parts"]


def control_parts(geometry: Geometry) -> Iterator[Part]:
    """From the data port to the windows, and the program."""
    c = geometry.of
    yield top(geometry)
    yield loader(geometry)
    yield activations(geometry, "inputs", c.elements_per_word, 2 * c.input_words)
    yield activations(geometry, "features", c.lanes, c.feature_words)
    yield patches(geometry)
    yield sequencer(geometry)
    yield weight_loader(geometry)
    yield table("weights", c.weight_rows, geometry.weight_row)
    yield table("program", c.weight_tiles, geometry.instruction)
    yield table("tiles", c.weight_tiles, geometry.tile)
    if c.modes > 1:
        tiles = address_bits(c.weight_tiles)
        yield Part("modes", "mode register", {"first": tiles, "one": 1}, (Memory(c.modes, tiles),))


def top(g: Geometry) -> Part:
    """The count of windows under way, and what waits for the last to be written."""
    c = g.of
    array = c.engine == "mac"
    window = c.window_rows * c.activation_bits if array else c.banks * c.rows
    steps = c.lanes * 2 * g.partial_bits + g.reference_bits + g.table_address + g.position
    results = c.lanes * c.result_bits + g.position + g.route + g.destination
    beats = (c.buffers > 0) * (window + g.tag + steps + results) + (c.buffers > 1) * PORT_BITS
    return Part("", "top", {"buffers": 2 * beats, "one": 1})


def table(module: str, depth: int, width: int) -> Part:
    """Rows that are read a cycle after they are asked for."""
    return Part(module, "table", {}, (Memory(max(2, depth), width),))


def activations(g: Geometry, module: str, group: int, depth: int) -> Part:
    """A memory of its own for each group of elements that are written together."""
    c = g.of
    groups = c.word // group
    memory = Memory(max(2, depth), c.activation_bits * group)
    return Part(module, "activation memory", {"groups": groups if groups > 1 else 0}, (memory,) * groups)


def loader(g: Geometry) -> Part:
    """Rows collected of data words, and counters over words and frames."""
    c = g.of
    widths = [
        g.weight_row,
        g.converter_row,
        g.dequantizer_row,
        c.lanes * c.bias_bits,
        g.instruction,
        g.tile,
        store_row(g, g.store_address),
    ]
    if c.residual:
        widths += [store_row(g, address_bits(c.stored_words)), g.residual_row]
    if c.pooling:
        widths.append(g.pool_row)
    words = max(-(-width // PORT_BITS) for width in widths)
    return Part(
        "loader",
        "loader",
        {
            "collected": words * PORT_BITS,
            "tables": len(widths),
            "addresses": address_bits(2 * c.half_words) + 2 * count_bits(c.frames) + count_bits(c.weight_tiles),
            "one": 1,
        },
    )


def patches(g: Geometry) -> Part:
    """Walk through windows; words cut out, moved to their rows, joined; planes played."""
    c = g.of
    rows = c.banks * c.window_rows
    planes = c.activation_bits
    turn = (max(c.word, c.window_rows, 2) - 1).bit_length()
    size = planes * c.banks << turn
    array = c.engine == "mac"
    read = 4 + c.banks * ((c.word - 1).bit_length() + count_bits(c.word) + 2 * g.row) + g.tag
    cuts = (planes * c.word, size + rows, size + rows)[: c.patch_cuts]
    return Part(
        "patches",
        "patch reader for windows" if array else "patch reader",
        {
            "patches": planes * rows,
            "words": planes * c.word,
            "turned": planes * c.banks * _turned(c.word, c.window_rows, turn),
            "slid": planes * rows * g.row * (c.kernel_size > 1),
            "wanted": rows * g.row,
            "pointers": g.element,
            "maps": g.map + g.kernel,
            "banks": c.banks * (g.row + 16) + 3 * count_bits(c.banks * c.window_rows),
            "jobs": g.job + read * (1 + c.patch_cuts) + g.tag,
            "cuts": sum(cuts),
            "walk cuts": c.walk_cuts * 2 * (g.element + g.position + g.row + 32 * c.banks),
            "one": 1,
        },
    )


def _turned(word: int, rows: int, turn: int) -> int:
    """Multiplexers that turn `word` bits within 2**`turn` places, a power of two after the other, of which the first
    `rows` are wanted: those whose inputs are not all 0, and on which something depends."""
    size, found = 1 << turn, 0
    for step in range(turn):
        filled, wanted = word + (2 << step) - 1, rows + size - (2 << step)
        found += min(size, filled, wanted)
    return found


def sequencer(g: Geometry) -> Part:
    """One job after the other."""
    c = g.of
    return Part(
        "sequencer",
        "sequencer",
        {"addresses": address_bits(c.weight_tiles) * (1 + (c.modes > 1)), "counts": count_bits(c.frames), "one": 1},
    )


def weight_loader(g: Geometry) -> Part:
    """One row after the other."""
    c = g.of
    runs = 2 * g.row + g.weight_address if c.engine == "mac" else 0
    several = 2 * address_bits(c.weight_tiles) if c.modes > 1 else 0
    return Part(
        "weight_loader",
        "weight loader",
        {"addresses": g.weight_address + g.row + address_bits(c.weight_tiles) + several, "runs": runs, "one": 1},
    )
