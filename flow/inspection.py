"""The verb `inspect`: what a Network file holds, and every number format that follows from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from quadrille.algo.spec import (
    DEFAULT_MODE,
    Add,
    Argmax,
    Conv2d,
    Dequantize,
    Flatten,
    Input,
    Interval,
    InvalidInput,
    Linear,
    MaxPool,
    Modes,
    Network,
    Node,
    PiecewiseQuadratic,
    Requantize,
    RowSum,
    Subsample,
    SumPool,
    Window,
)

from .layout import Layout, lay_out
from .progress import Report, silent
from .results import Result
from .tables import table_html, table_text

if TYPE_CHECKING:
    from quadrille.hw.engine import Configuration

__all__ = ["Inspection", "ModeDescription", "NodeDescription", "inspect", "network_file"]


@dataclass(frozen=True)
class NodeDescription:
    """One node and the edge that leaves it."""

    name: str
    kind: str
    reads: tuple[str, ...]
    shape: tuple[int, ...]
    format: str
    interval: tuple[int, int]
    accumulator: tuple[int, int] | None
    accumulator_format: str | None
    tiles: tuple[int, ...]
    detail: str


@dataclass(frozen=True)
class ModeDescription:
    """A mode: the bits of its weights and of what its layers read, layer by layer."""

    mode: str
    weight_bits: tuple[int, ...]
    activation_bits: tuple[int, ...]

    @property
    def text(self) -> str:
        """In words."""

        def bits(widths: tuple[int, ...]) -> str:
            return str(widths[0]) if len({*widths}) == 1 else ", ".join(map(str, widths))

        return f"weights of {bits(self.weight_bits)} bits, activations of {bits(self.activation_bits)} bits"


@dataclass(frozen=True)
class Inspection(Result):
    """A Network: its nodes in the order of execution, with formats, ranges and accumulators from the actual weights."""

    title: ClassVar[str] = "Network"

    name: str
    path: Path | None
    notes: dict[str, str]
    weights: int
    nodes: tuple[NodeDescription, ...]
    layout: Layout | None = None
    mode: str = DEFAULT_MODE
    modes: tuple[ModeDescription, ...] = ()

    headings: ClassVar[tuple[str, ...]] = (
        "node",
        "kind",
        "reads",
        "shape",
        "format",
        "range",
        "accumulator",
        "detail",
    )

    def summary(self) -> Sequence[tuple[str, str]]:
        """Name, modes, size and notes; the nodes are a table of their own."""
        lines = [("name", self.name), ("weights", f"{self.weights:,}"), *self.notes.items()]
        if len(self.modes) > 1:
            lines[1:1] = [
                (f"mode {each.mode}{' (shown)' * (each.mode == self.mode)}", each.text) for each in self.modes
            ]
        return lines

    def cells(self) -> list[list[str]]:
        """The table of the nodes."""
        return [
            [
                node.name,
                node.kind,
                ", ".join(node.reads),
                " x ".join(map(str, node.shape)) or "1",
                node.format,
                _range(node.interval),
                f"{_range(node.accumulator)} {node.accumulator_format}" if node.accumulator else "",
                node.detail,
            ]
            for node in self.nodes
        ]

    def __str__(self) -> str:
        below = "" if self.layout is None else f"\n\n{self.layout}"
        return f"{super().__str__()}\n\n{table_text(self.headings, self.cells())}{below}"

    def _repr_html_(self) -> str:
        below = "" if self.layout is None else self.layout._repr_html_()
        return super()._repr_html_() + table_html(self.headings, self.cells()) + below


def network_file(path: Path | str) -> Path:
    """`path`, or the network.safetensors in it if it is a folder."""
    path = Path(path)
    return path / "network.safetensors" if path.is_dir() else path


def inspect(
    source: Network | Modes | Path | str,
    *,
    mode: str | None = None,
    rows: int | None = None,
    columns: int | None = None,
    macros: int | None = None,
    settings: Mapping[str, object] | None = None,
    output: Path | str | None = None,
    progress: Report = silent,
) -> Inspection:
    """Describe the Network `source`, or the one in a file or folder, in `mode`, by default its first.

    With a shape of macros (by default one of 128 x 128), with `settings` as of `generate` or an `output`, also how it
    lies on them, and into the folder `output` pictures of that; for the folder of an accelerator, on that one.

    Raises
    ------
    InvalidInput
        If the file is missing or no valid Network or has not the mode, or the network cannot run on such macros.
    """
    if isinstance(source, (Network, Modes)):
        path, modes = None, source if isinstance(source, Modes) else Modes.of(source)
    else:
        from quadrille.algo.integer.network_file import read_modes

        path = network_file(source)
        modes = read_modes(path)
    network = modes.default if mode is None else modes.network(mode)
    weights = sum(len(node.weight.flat) for node in (*network.of_kind(Linear), *network.of_kind(Conv2d)))
    described = tuple(describe(network, node) for node in network.nodes)
    shape = {"rows": rows, "columns": columns, "macros": macros}
    given = {name: value for name, value in shape.items() if value is not None}
    configuration = None if isinstance(source, (Network, Modes)) else configuration_beside(Path(source))
    layout = None
    if configuration is not None and (given or settings):
        raise InvalidInput(f"Shape and settings must be left out for the accelerator in {source}, which has its own")
    if configuration is not None or given or settings or output is not None:
        progress("mapping", 0, 0)
        number = modes.index(mode or modes.names[0])
        layout = lay_out(modes, number, settings=settings, configuration=configuration, output=output, **given)
    each = tuple(_mode(name, other) for name, other in modes.networks.items())
    shown = mode or modes.names[0]
    return Inspection(modes.name, path, dict(network.notes), weights, described, layout, shown, each)


def _mode(name: str, network: Network) -> ModeDescription:
    layers = [node for node in network.nodes if isinstance(node, (Linear, Conv2d))]
    reads = tuple(network.edges[layer.inputs[0]].format.bits for layer in layers)
    return ModeDescription(name, tuple(layer.weight_bits for layer in layers), reads)


def configuration_beside(folder: Path) -> Configuration | None:
    """The configuration of the accelerator in `folder`; None if there is none."""
    from .configurations import TOP, configuration_of

    return configuration_of(folder) if (folder / f"{TOP}.json").is_file() else None


def describe(network: Network, node: Node) -> NodeDescription:
    """What there is to say about `node`."""
    edge = network.edges[node.name]
    sources = network.input_edges(node)
    accumulator: Interval | None = None
    tiles: tuple[int, ...] = ()
    if isinstance(node, (Linear, Conv2d)):
        tiles = node.tile_rows
        source = sources[0].interval
        accumulator = Interval.hull(*node.column_intervals(node.seen(source) if isinstance(node, Conv2d) else source))
    elif isinstance(node, RowSum):
        tiles = node.tile_rows
    elif isinstance(node, Dequantize):
        accumulator = Interval.hull(*node.accumulator_intervals(sources))
    return NodeDescription(
        name=node.name,
        kind=node.kind,
        reads=node.inputs,
        shape=edge.shape,
        format=str(edge.format),
        interval=(edge.interval.lo, edge.interval.hi),
        accumulator=None if accumulator is None else (accumulator.lo, accumulator.hi),
        accumulator_format=None if accumulator is None else str(accumulator.format),
        tiles=tiles,
        detail=detail_of(node),
    )


def detail_of(node: Node) -> str:
    """What is particular to `node`, in a line."""
    match node:
        case Input():
            return "images, as integers"
        case Linear():
            return _matrix(node)
        case Conv2d():
            return f"{window_text(node.window)}, {_matrix(node)}"
        case RowSum():
            return f"row tiles {_tiles(node.tile_rows)}"
        case Dequantize():
            return f"mantissas in {node.mantissa.interval}, shift {node.shift}"
        case Add():
            return f"mantissas {node.mantissas[0]} and {node.mantissas[1]}, shift {node.shift}"
        case Requantize():
            return f"mantissa {node.mantissa}, shift {node.shift}"
        case PiecewiseQuadratic():
            count = node.segments.shape[0]
            return f"{count} segment{'' if count == 1 else 's'}, {node.form.value}, shift {node.shift}"
        case MaxPool() | SumPool():
            return f"windows {window_text(node.window)}"
        case Subsample():
            return f"every {node.stride}. element, zeros up to channel {node.channels}"
        case Flatten():
            return "row-major"
        case Argmax():
            return "index of the greatest; of equal ones, the lowest"
        case _:
            return ""


def window_text(window: Window) -> str:
    """A window in words: 3x3, stride 2, padding 1."""

    def both(sizes: tuple[int, ...]) -> str:
        return str(sizes[0]) if sizes[0] == sizes[1] else "x".join(map(str, sizes))

    parts = ["x".join(map(str, window.kernel))]
    parts += [f"stride {both(window.stride)}"] if window.stride != (1, 1) else []
    parts += [f"padding {both(window.padding)}"] if any(window.padding) else []
    parts += [f"{window.groups} groups"] if window.groups > 1 else []
    return ", ".join(parts)


def _matrix(node: Linear | Conv2d) -> str:
    weights = "binary weights" if node.encoding.binary else f"{node.weight_bits}-bit weights"
    cells = f"{node.encoding.slices} slices of {node.cell_bits}-bit cells, " if node.encoding.slices > 1 else ""
    if node.differential:
        cells = f"differential {cells}"
    converter = "exact sums" if node.adc is None else f"{node.adc.bits}-bit ADC"
    varied = ""
    if node.conductance is not None:
        varied = f", conductances of {node.cell_value_bits} bits, {node.fraction_bits} of them fractions"
    return f"{weights}, {cells}row tiles {_tiles(node.tile_rows)}, {converter}{varied}"


def _tiles(rows: tuple[int, ...]) -> str:
    """Row tiles, equal ones counted: 4x126+72."""
    runs: list[list[int]] = []
    for size in rows:
        if runs and runs[-1][1] == size:
            runs[-1][0] += 1
        else:
            runs.append([1, size])
    return "+".join(f"{count}x{size}" if count > 1 else str(size) for count, size in runs)


def _range(interval: tuple[int, int]) -> str:
    return f"[{interval[0]}, {interval[1]}]"
