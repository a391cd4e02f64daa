"""The tables of a precision study, and the sentences that say what they show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean, stdev
from typing import Any

from .cost_records import markdown_table
from .precision_work import ALONE, METHODS, PLAIN_CUT, ROUNDED_CUT, TRUNCATED
from .results import difference, percent

__all__ = ["findings", "precision_markdown"]

Record = Mapping[str, Any]

COSTS_NOTE = (
    "Cycles per image are those of images that follow one another in one mode, as the program of all modes predicts "
    "them, exactly, on the least accelerator that holds it. Bit products are the products of single bits of weights "
    "and activations, summed over all layers: the proxy of energy that papers on precision scaling use, blind to "
    "memories and control. Unit cycles are what one spatio-temporal multiply-accumulate unit would take for all "
    "products."
)
NEAR = 0.01  # a point: what the aim allows between one network for all precisions and one for each


def findings(records: Record) -> list[str]:
    """What the numbers show, a sentence each."""
    modes = records["modes"]
    first = modes[0]
    found: list[str] = []
    for each in modes[1:]:
        gap = difference(each["accuracy"], first["accuracy"])
        products = first["bit_products"] / each["bit_products"]
        cycles = first["cycles_per_image"] / each["cycles_per_image"]
        found.append(
            f"Mode {each['mode']} against mode {first['mode']}: {gap} of accuracy, {products:.1f} times fewer bit "
            f"products, {cycles:.2f} times fewer cycles"
        )
    table = _accuracies(records["trainings"])
    if ALONE in table and TRUNCATED in table:
        gaps = {mode: mean(table[TRUNCATED][mode]) - mean(shares) for mode, shares in table[ALONE].items()}
        said = ", ".join(f"{difference(gap, 0)} in mode {mode}" for mode, gap in gaps.items())
        verdict = "within" if min(gaps.values()) >= -NEAR else "not within"
        found.append(f"TruncQuant against a network trained alone for each precision: {said}: {verdict} a point")
    for method, what in (
        (ROUNDED_CUT, "Truncated codes of rounded training"),
        (PLAIN_CUT, "An 8-bit network truncated"),
    ):
        if method in table and TRUNCATED in table:
            last = list(table[method])[-1]
            shares = [percent(mean(table[each][last])) for each in (method, TRUNCATED)]
            found.append(f"{what}: {shares[0]} in mode {last}, where TruncQuant has {shares[1]}")
    return found


def _accuracies(trainings: Sequence[Record]) -> dict[str, dict[str, list[float]]]:
    """Accuracies of all seeds by method and mode, methods in their order, the most precise mode first."""
    table: dict[str, dict[str, list[float]]] = {}
    for method in METHODS:
        records = [each for each in trainings if each["method"] == method]
        for mode in sorted({each["mode"] for each in records}, key=int, reverse=True):
            found = sorted((each["seed"], each["accuracy"]) for each in records if each["mode"] == mode)
            table.setdefault(method, {})[mode] = [accuracy for _, accuracy in found]
    return table


def precision_markdown(options: Record, records: Record, found: Sequence[str]) -> str:
    """The whole study on one page."""
    modes = records["modes"]
    first = modes[0]
    images = f"{options['images']:,} held-out images of {options['notes']['dataset']}"
    lines = [
        f"# Precision study: {options['network']}",
        "",
        f"One network, {len(modes)} modes; integers on {images}; {_accelerator(options)}.",
        "",
        "## Modes",
        "",
    ]
    lines += markdown_table(
        (
            "mode",
            "accuracy, %",
            "cycles per image",
            "of one image alone",
            "bit products",
            f"times mode {first['mode']}",
            "unit cycles",
            "weights",
        ),
        [
            (
                each["mode"],
                f"{100 * each['accuracy']:.2f}",
                f"{each['cycles_per_image']:,.1f}",
                f"{each['latency']:,}",
                f"{each['bit_products']:,}",
                f"{each['bit_products'] / first['bit_products']:.3f}",
                f"{each['unit_cycles']:,}",
                f"{each['weight_bits'] / 8:,.0f} B",
            )
            for each in modes
        ],
    )
    lines += ["", COSTS_NOTE]
    table = _accuracies(records["trainings"])
    if table:
        names = [each["mode"] for each in modes]
        seeds = len({each["seed"] for each in records["trainings"]})
        lines += ["", "## Trainings", ""]
        lines += markdown_table(
            ("training", *(f"mode {mode}, %" for mode in names), "what it is"),
            [
                (method, *(_spread(by_mode.get(mode, [])) for mode in names), METHODS[method])
                for method, by_mode in table.items()
            ],
        )
        epochs = options["notes"].get("epochs", "as many")
        lines += ["", f"Integer networks, {epochs} epochs each, {seeds} seed{'s' if seeds > 1 else ''}."]
    lines += ["", "## Findings", "", *(f"- {sentence}." for sentence in found), ""]
    return "\n".join(lines)


def _accelerator(options: Record) -> str:
    """The array in words."""
    shape = f"{options['rows']} x {options['columns']}"
    if options["engine"] == "mac":
        return f"an array of {shape} {options['unit']} units"
    return f"{options['macros']} macro{'' if options['macros'] == 1 else 's'} of {shape}"


def _spread(shares: Sequence[float]) -> str:
    if not shares:
        return ""
    deviation = f" ± {100 * stdev(shares):.2f}" if len(shares) > 1 else ""
    return f"{100 * mean(shares):.2f}{deviation}"
