"""The verb `study robustness`: adversarial images against one precision, and against precisions drawn at random."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from quadrille.algo.spec import InvalidInput

from .cost_records import FILES, RESULTS, CostStudy, check_names, read_records, records_bytes, records_csv
from .executors import InTurn, as_done, executor
from .progress import Report, silent
from .results import percent
from .robustness_plot import robustness_png
from .robustness_tables import METHODS, flat_record, robustness_findings, robustness_markdown
from .study_work import kept_here

if TYPE_CHECKING:
    from quadrille.algo.data import Dataset
    from quadrille.algo.nn import ModesRecipe, Progress
    from quadrille.algo.nn.attack import Attack

__all__ = ["RobustnessStudy", "study_robustness"]

CALIBRATION = 512  # training images on which the conversions are compared


@dataclass(frozen=True)
class RobustnessStudy(CostStudy):
    """A finished study: a record for each training, what they show, and its files."""

    title: ClassVar[str] = "Robustness study"

    def measured(self) -> str:
        """Trainings, attack and images."""
        options = self.options
        change = f"at most {options['epsilon']} of {options['levels']} levels"
        return f"{len(self.records)} trainings of {options['recipe']}, images changed by {change}"


def study_robustness(
    recipe: str,
    folder: Path | str,
    *,
    seeds: int = 3,
    epochs: int | None = None,
    images: int | None = None,
    held_out: int | None = None,
    pgd_steps: int = 20,
    rounds: int = 10,
    methods: Sequence[str] = (),
    jobs: int = 1,
    scheduler: str | None = None,
    progress: Report = silent,
    on_run: Callable[[str], None] | None = None,
) -> RobustnessStudy:
    """Train `recipe` at its first precision alone and at precisions drawn at random, attack both, and compare.

    Each with clean and with adversarial training, which is as many epochs of the same attack (or only `methods` of
    METHODS), on the first `images` training images (None: all), with seeds 0, 1, ... The first `held_out` held-out
    images are attacked by FGSM and by PGD of `pgd_steps` steps, as strong as the recipe's own attack in training,
    through the fake-quantized models; the integer networks answer. A random network reads each image in a mode that
    the shift register draws, in `rounds` rounds; what the maker of the images knows of the mode is `Knowledge` of
    `algo.nn.robustness`.

    results.json has a record for each training, written when it is done: an interrupted study goes on where it was, a
    training in its midst from its checkpoint, and a finished one takes further seeds and methods. The other files are
    study.md and study.csv (the tables) and study.png.

    Raises
    ------
    InvalidInput
        If the recipe is none of random precisions, a number is impossible, data are missing, or the folder has another
        study or cannot be written.
    """
    from quadrille.hw.export import publish

    chosen, attack = _recipe(recipe)
    data = _data(chosen.data, images, held_out)
    for noun, value in (("Seeds", seeds), ("Rounds", rounds), ("Steps of PGD", pgd_steps)):
        if value < 1:
            raise InvalidInput(f"{noun} of the study must be a positive integer, not {value}")
    methods = methods or tuple(METHODS)
    check_names("Methods", methods, tuple(METHODS))
    folder = Path(folder)
    options = {
        "recipe": chosen.name,
        "data": data.name,
        "modes": [str(bits) for bits in chosen.bits],
        "epochs": chosen.epochs if epochs is None else epochs,
        "images": len(data.train_images),
        "held_out": len(data.held_out_images),
        "epsilon": attack.epsilon,
        "levels": data.format.interval.hi,
        "training_step": attack.step,
        "pgd_steps": pgd_steps,
        "rounds": rounds,
    }
    records = read_records(folder, options, runs=[])
    total = seeds * len(methods)
    done = {(each["method"], each["seed"]) for each in records["runs"]}
    missing = [(method, seed) for seed in range(seeds) for method in methods if (method, seed) not in done]
    with executor(jobs, scheduler) as pool:
        publish(folder, {})  # says that the folder cannot be written before the work, not after it
        # Where nothing else works, progress can be told of within a training.
        work = _Work(chosen, data, options, folder, progress if isinstance(pool, InTurn) else silent)
        tasks = (((method, seed), (method, seed, len(records["runs"]), total)) for method, seed in missing)
        for (method, seed), record in as_done(pool, work.run, tasks):
            records["runs"].append(record)
            publish(folder, {RESULTS: records_bytes(records)})
            work.checkpoint(method, seed).unlink(missing_ok=True)
            progress("study", 1000 * len(records["runs"]), 1000 * total)
            if on_run is not None:
                shares = [percent(record[name]) for name in ("clean", "pgd_guess")]
                on_run(f"{method}, seed {seed}: {shares[0]} clean, {shares[1]} under PGD")
    records["runs"].sort(key=lambda each: (each["seed"], list(METHODS).index(each["method"])))
    found = tuple(robustness_findings(options, records["runs"]))
    publish(
        folder,
        {
            RESULTS: records_bytes(records),
            "study.md": robustness_markdown(options, records["runs"], found),
            "study.csv": records_csv([flat_record(each) for each in records["runs"]]),
            "study.png": robustness_png(options, records["runs"]),
        },
    )
    files = tuple(folder / name for name in FILES)
    return RobustnessStudy(options, tuple(records["runs"]), (), found, folder, files)


def _recipe(name: str) -> tuple[ModesRecipe, Attack]:
    """The recipe called `name`, and the attack that it trains against."""
    from quadrille.algo.nn import modes_recipes
    from quadrille.algo.nn.random_precision import RandomPrecision

    known: dict[str, tuple[ModesRecipe, Attack]] = {}
    for each in modes_recipes().values():
        if isinstance(each.objective, RandomPrecision) and each.objective.attack is not None:
            known[each.name] = (each, each.objective.attack)
    if name not in known:
        raise InvalidInput(f"Recipe of random precisions must be one of {', '.join(known)}, not {name!r}")
    return known[name]


def _data(name: str, images: int | None, held_out: int | None) -> Dataset:
    """The first images of each part of a data set."""
    from quadrille.algo.data import dataset

    data = dataset(name)
    counts: list[int] = []
    for part, wanted, there in (
        ("training", images, len(data.train_images)),
        ("held-out", held_out, len(data.held_out_images)),
    ):
        count = there if wanted is None else wanted
        if not 2 <= count <= there:
            raise InvalidInput(f"Study must use from 2 to the {there} {part} images of {data.name}, not {count}")
        counts.append(count)
    return replace(
        data,
        train_images=data.train_images[: counts[0]],
        train_labels=data.train_labels[: counts[0]],
        held_out_images=data.held_out_images[: counts[1]],
        held_out_labels=data.held_out_labels[: counts[1]],
    )


@dataclass(frozen=True)
class _Work:
    """One training after the other."""

    recipe: ModesRecipe
    data: Dataset
    options: dict[str, Any]
    folder: Path
    progress: Report

    def checkpoint(self, method: str, seed: int) -> Path:
        """Where a training stands."""
        return self.folder / f"checkpoint-{method.replace(' ', '-')}-{seed}.pt"

    def run(self, method: str, seed: int, done: int, total: int) -> dict[str, Any]:
        """Train by `method`, attack, and say what came of it."""
        from quadrille.algo.nn import convert_modes, train_modes
        from quadrille.algo.nn.attack import fgsm, pgd
        from quadrille.algo.nn.random_precision import RandomPrecision
        from quadrille.algo.nn.robustness import answers_to_attack

        switched, adversarial = METHODS[method]
        recipe = self.recipe if adversarial else replace(self.recipe, objective=RandomPrecision())

        def told(at: Progress) -> None:
            label = f"study, {method}, seed {seed}, {percent(at.latest.held_out_accuracy)}"
            self.progress(label, int(1000 * (done + at.done / at.total)), 1000 * total)

        trained = train_modes(
            recipe,
            bits=recipe.bits if switched else recipe.bits[:1],
            seed=seed,
            epochs=self.options["epochs"],
            data=self.data,
            checkpoint=kept_here(self.checkpoint(method, seed)),
            progress=told,
        )
        images, labels = self.data.held_out_images, self.data.held_out_labels
        modes = convert_modes(trained.network, self.data.train_images[:CALIBRATION]).modes
        record: dict[str, Any] = {"method": method, "seed": seed}
        epsilon, steps = self.options["epsilon"], self.options["pgd_steps"]
        for name, attack in (("fgsm", fgsm(epsilon)), ("pgd", pgd(epsilon, steps))):
            self.progress(f"study, {method}, seed {seed}, {name}", 1000 * done + 999, 1000 * total)
            answers = answers_to_attack(trained.network, modes, images, labels, attack, seed=seed)
            for knowledge, shares in answers.over_draws(self.options["rounds"]).items():
                record["clean" if knowledge == "clean" else f"{name}_{knowledge}"] = _mean(shares)
            record[f"{name}_transfer"] = [[round(share, 5) for share in row] for row in answers.transfer()]
            record["modes"] = dict(zip(modes.names, (round(float(x.mean()), 5) for x in answers.clean), strict=True))
        return record


def _mean(shares: Sequence[float]) -> float:
    return round(sum(shares) / len(shares), 5)
