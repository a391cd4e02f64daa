"""The tables of a mixed-precision study, and the sentences that say what they show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import mean, stdev
from typing import Any

from quadrille.algo.nn.study.comparison import compare

from .cost_records import markdown_table
from .results import size

__all__ = ["flat_record", "mixed_findings", "mixed_markdown"]

Record = Mapping[str, Any]

COSTS_NOTE = (
    "Compression: 32 bits over the mean bits of a weight. Parameters are the numbers that the optimizer moves. Bytes "
    "of a step are the most that parameters, gradients, the optimizer's state and all other tensors of one step of "
    "training hold at once; those of a pruning are the same while the Hessian's traces are estimated, on more images. "
    "Seconds are those of one processor, prunings and the accuracies after each epoch in them, all trainings one after "
    "the other in the same run."
)
EXACT_NOTE = (
    "The integers of the weights and every sum of every layer are those of the fake-quantized model. Activations and "
    "logits are scaled by mantissas where the model multiplies floating-point numbers: of the node where most differ, "
    "by a unit of its last place, the share is given, both fed with the same integers."
)


def flat_record(record: Record) -> dict[str, Any]:
    """A record whose bits are columns, without its events."""
    flat = {name: value for name, value in record.items() if not isinstance(value, list | dict)}
    return {**flat, **{f"bits of {layer}": bits for layer, bits in record["bits"].items()}}


def _of(runs: Sequence[Record], method: str, name: str) -> dict[int, float]:
    return {each["seed"]: float(each[name]) for each in runs if each["method"] == method}


def mixed_findings(options: Record, runs: Sequence[Record]) -> list[str]:
    """What the numbers show, a sentence each, about the methods that are there."""
    there = {each["method"] for each in runs}
    found: list[str] = []
    for other in ("all bits", "uniform", "bit planes"):
        if {"MSQ", other} <= there:
            compared = compare(_of(runs, "MSQ", "accuracy"), _of(runs, other, "accuracy"))
            sizes = [mean(_of(runs, method, "compression").values()) for method in ("MSQ", other)]
            found.append(
                f"MSQ at {sizes[0]:.1f} times against {other} at {sizes[1]:.1f} times: {compared}: {compared.verdict}"
            )
    if {"MSQ", "bit planes"} <= there:
        ratios = {
            name: mean(_of(runs, "bit planes", name).values()) / mean(_of(runs, "MSQ", name).values())
            for name in ("parameters", "step_bytes", "seconds")
        }
        found.append(
            f"Bit planes train {ratios['parameters']:.2f} times the parameters of MSQ, hold {ratios['step_bytes']:.2f} "
            f"times the bytes in a step and take {ratios['seconds']:.2f} times the time"
        )
        pruning, planes = (
            mean(_of(runs, *each).values()) for each in (("MSQ", "pruning_bytes"), ("bit planes", "step_bytes"))
        )
        found.append(f"MSQ's Hessian holds {pruning / planes:.2f} times the bytes of a step of bit planes")
    missed = [
        f"{method} with seed {seed} ({times:.1f})"
        for method in sorted(there - {"all bits", "uniform"})
        for seed, times in _of(runs, method, "compression").items()
        if times < options["target"]
    ]
    if missed:
        found.append(f"Short of the target of {options['target']:g} times: {', '.join(missed)}")
    return found


def mixed_markdown(options: Record, runs: Sequence[Record], found: Sequence[str], methods: Mapping[str, str]) -> str:
    """The whole study on one page."""
    seeds = len({each["seed"] for each in runs})
    there = [method for method in methods if any(each["method"] == method for each in runs)]
    layers = list(runs[0]["bits"])
    lines = [
        f"# Mixed-precision study: {options['recipe']}",
        "",
        f"{options['epochs']} epochs on {options['data']}, {seeds} seed{'s' if seeds > 1 else ''}.",
        f"Weights begin with 8 bits; pruning ends at {options['target']:g} times fewer than 32.",
        "Mean and standard deviation over seeds; accuracy of the integer networks on all held-out images.",
        "",
        "## Trainings",
        "",
    ]
    names = ("accuracy", "compression", "seconds")
    lines += markdown_table(
        (
            "training",
            "accuracy, %",
            "compression",
            "parameters",
            "bytes of a step",
            "of a pruning",
            "seconds",
            "what it is",
        ),
        [
            (
                method,
                *(_spread(_of(runs, method, name).values(), 100 if name == "accuracy" else 1) for name in names[:2]),
                f"{mean(_of(runs, method, 'parameters').values()):,.0f}",
                *(size(round(mean(_of(runs, method, name).values()))) for name in ("step_bytes", "pruning_bytes")),
                _spread(_of(runs, method, names[2]).values(), 1),
                methods[method],
            )
            for method in there
        ],
    )
    lines += ["", COSTS_NOTE, "", "## Bits of the layers", ""]
    lines += markdown_table(
        ("training", "seed", *layers, "compression", "accuracy, %", "activations that differ, %"),
        [
            (
                each["method"],
                str(each["seed"]),
                *(str(each["bits"][layer]) for layer in layers),
                f"{each['compression']:.2f}",
                f"{100 * each['accuracy']:.2f}",
                f"{100 * each['unequal']:.4f}",
            )
            for each in runs
        ],
    )
    exact = EXACT_NOTE if all(each["codes_equal"] for each in runs) else "Some sums differ from the model's."
    lines += ["", exact, "", "## Findings", "", *(f"- {sentence}." for sentence in found), ""]
    return "\n".join(lines)


def _spread(values: Iterable[float], unit: float) -> str:
    numbers = [unit * value for value in values]
    deviation = f" ± {stdev(numbers):.2f}" if len(numbers) > 1 else ""
    return f"{mean(numbers):.2f}{deviation}"
