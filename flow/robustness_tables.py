"""The tables of a robustness study, and the sentences that say what they show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean, stdev
from typing import Any

from quadrille.algo.nn.study.comparison import compare

from .cost_records import markdown_table
from .results import percent

__all__ = [
    "KNOWLEDGE",
    "METHODS",
    "RANDOM",
    "STATIC",
    "flat_record",
    "robustness_findings",
    "robustness_markdown",
    "transfer_of",
]

Record = Mapping[str, Any]

STATIC, RANDOM = "static adversarial", "random adversarial"
# By name: whether precisions are drawn at random, and whether training images are attacked.
METHODS: dict[str, tuple[bool, bool]] = {
    "static": (False, False),
    STATIC: (False, True),
    "random": (True, False),
    RANDOM: (True, True),
}
KNOWLEDGE = {
    "first": "crafts for the first mode",
    "guess": "guesses a mode for each image",
    "all": "climbs the mean loss of all modes",
    "mode": "knows the mode of each image",
}
THREAT_NOTE = (
    "Threat model: whoever makes an adversarial image has the network, its weights and its gradients (straight through "
    "the quantizers), and changes every pixel by a whole number of levels within the limit. A static network is read "
    "at its one precision, which is known. Of a random network the set of modes is known; what is known of the mode in "
    "which an image will be read, by the register's draw, tells the columns apart: the maker "
    + "; ".join(f"{what} (*{name}*)" for name, what in KNOWLEDGE.items())
    + ". Accuracies are those of the integer networks, the mean over rounds of draws, then mean and standard deviation "
    "over seeds."
)
LIMITS_NOTE = (
    "Attacks through straight-through gradients are not the strongest that there are: read the numbers as a comparison "
    "under equal attacks, not as robustness that is proved."
)


def flat_record(record: Record) -> dict[str, Any]:
    """A record without its tables."""
    return {name: value for name, value in record.items() if not isinstance(value, list | dict)}


def _by_seed(runs: Sequence[Record], method: str, name: str) -> dict[int, float]:
    return {each["seed"]: each[name] for each in runs if each["method"] == method}


def transfer_of(runs: Sequence[Record], method: str, attack: str) -> list[list[float]]:
    """The share that is right of images crafted for a mode (row) and read in one (column), mean over seeds."""
    tables = [each[f"{attack}_transfer"] for each in runs if each["method"] == method]
    return [[mean(cells) for cells in zip(*rows, strict=True)] for rows in zip(*tables, strict=True)]


def robustness_findings(options: Record, runs: Sequence[Record]) -> list[str]:
    """What the numbers show, a sentence each; nothing unless both adversarial trainings are there."""
    if not {STATIC, RANDOM} <= {each["method"] for each in runs}:
        return []
    first, attack = options["modes"][0], f"PGD-{options['pgd_steps']}"
    found: list[str] = []
    for name, noun in (("clean", "clean images"), *((f"pgd_{each}", KNOWLEDGE[each]) for each in KNOWLEDGE)):
        compared = compare(_by_seed(runs, RANDOM, name), _by_seed(runs, STATIC, name))
        where = noun if name == "clean" else f"{attack}, the maker {noun}"
        found.append(f"Random switch against static {first} bits, {where}: {compared}: {compared.verdict}")
    alone = {each["seed"]: each["pgd_transfer"][0][0] for each in runs if each["method"] == RANDOM}
    compared = compare(alone, _by_seed(runs, STATIC, "pgd_mode"))
    found.append(
        f"Training alone: the random network read at {first} bits only, which the maker knows, has "
        f"{percent(mean(alone.values()))} under {attack}; against the static one {compared}: {compared.verdict}"
    )
    compared = compare(_by_seed(runs, RANDOM, "pgd_guess"), alone)
    found.append(
        f"The switch alone: the random network whose modes are drawn, the maker guessing, against itself at {first} "
        f"bits only: {compared}: {compared.verdict}"
    )
    return found


def robustness_markdown(options: Record, runs: Sequence[Record], found: Sequence[str]) -> str:
    """The whole study on one page."""
    modes = options["modes"]
    seeds = len({each["seed"] for each in runs})
    trained = f"{seeds} seed{'s' if seeds > 1 else ''}"
    limit = f"{options['epsilon']} of {options['levels']} levels"
    lines = [
        f"# Robustness study: {options['recipe']}",
        "",
        f"Static {modes[0]} bits against a precision drawn from {', '.join(modes)} bits.",
        f"{options['epochs']} epochs on {options['images']:,} training images of {options['data']}; {trained}.",
        f"Adversarial training: one step of {options['training_step']} levels from a random start.",
        f"{options['held_out']:,} held-out images, every pixel changed by at most {limit}, {options['rounds']} rounds.",
        "",
        THREAT_NOTE,
        "",
        LIMITS_NOTE,
        "",
        "## Accuracy, %",
        "",
    ]
    nouns = {"fgsm": "FGSM", "pgd": f"PGD-{options['pgd_steps']}"}
    columns = {"clean": "clean"} | {f"{a}_{k}": f"{noun}, *{k}*" for a, noun in nouns.items() for k in KNOWLEDGE}
    there = [method for method in METHODS if _by_seed(runs, method, "clean")]
    lines += markdown_table(
        ("training", "seeds", *columns.values()),
        [
            (
                method,
                str(len(_by_seed(runs, method, "clean"))),
                *(_spread(_by_seed(runs, method, name).values()) for name in columns),
            )
            for method in there
        ],
    )
    if RANDOM in there:
        lines += ["", f"## PGD-{options['pgd_steps']} against the random adversarial network, by mode, %", ""]
        table = transfer_of(runs, RANDOM, "pgd")
        lines += markdown_table(
            ("crafted for", *(f"read at {mode} bits" for mode in modes)),
            [
                (f"{mode} bits", *(f"{100 * share:.2f}" for share in row))
                for mode, row in zip(modes, table, strict=True)
            ],
        )
    lines += ["", "## Findings", "", *(f"- {sentence}." for sentence in found), ""]
    return "\n".join(lines)


def _spread(shares: Any) -> str:
    values = list(shares)
    deviation = f" ± {100 * stdev(values):.2f}" if len(values) > 1 else ""
    return f"{100 * mean(values):.2f}{deviation}"
