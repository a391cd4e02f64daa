"""What the study of activation costs measures: the waves, fitted functions and baselines, each at the same formats."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from quadrille.algo.functions import named, wave
from quadrille.algo.functions.baselines import BASELINES, Candidate
from quadrille.algo.functions.methods import Formats, fits, worst_error
from quadrille.algo.spec import Function, InvalidInput, Polynomial, Scale, Stage

__all__ = ["SUBJECTS", "Subject", "rows_of"]

WAVES = ("quad", "quad-cosine", "bump", "parabola", "triangle")
FITTED = ("sigmoid", "tanh", "gelu", "silu")


@dataclass(frozen=True)
class Subject:
    """One row of the study: which function, by which method, of ours or a baseline."""

    name: str
    function: str
    method: str
    ours: bool

    def candidates(self, formats: Formats, target: float) -> list[tuple[Candidate, float]]:
        """What may turn out the cheapest, each with its worst error in units of the last place.

        Raises
        ------
        InvalidInput
            If nothing is within `target`.
        """
        found = list(self._candidates(formats, target))
        if not found:
            raise InvalidInput(f"Subject {self.name} must be within {target:g} units in the last place, and is not")
        return found

    def _candidates(self, formats: Formats, target: float) -> Iterator[tuple[Candidate, float]]:
        if self.name in BASELINES:
            baseline = BASELINES[self.name]
            for candidate in baseline.candidates(formats, target):
                errors = (worst_error(*pair) for pair in zip(candidate, baseline.reals, strict=True))
                yield candidate, max(errors)
        elif self.name in WAVES:
            settings = (formats.input, formats.output, formats.input_fraction, formats.output_fraction)
            built = wave(self.name, *settings)
            yield (built,), worst_error(built, named(self.name))
        elif self.name == "quad-finer":
            built = variable_period(formats, target)
            yield (built,), worst_error(built, named(self.name))
        else:
            scalar, degree = named(self.function), 1 if self.method == "linear" else 2
            for found in fits(scalar, degree, formats, target):
                yield (found.function,), found.error


def variable_period(formats: Formats, target: float) -> Function:
    """phi((|x| + 1) x) with the fewest guard bits of its angle that keep it within `target`."""
    real = named("quad-finer")
    for guard in range(4):
        fraction = formats.input_fraction + guard
        plain = wave("quad-finer", formats.input, formats.output, fraction, formats.output_fraction)
        before: tuple[Stage, ...] = (Scale(1 << guard, 0),) if guard else ()
        built = formats.function("quad-finer", *before, *plain.stages)
        if worst_error(built, real) <= target + 1e-9:
            return built
    raise InvalidInput(f"Function 'quad-finer' must be within {target:g} units in the last place, and is not")


_LONG = {"table": "plain table", "linear": "linear pieces", "quadratic": "quadratic pieces", "cordic": "CORDIC"}


def _function(name: str) -> str:
    return "wire-complex" if name.startswith("wire-complex") else name.partition("-")[0]


SUBJECTS: dict[str, Subject] = {
    subject.name: subject
    for subject in (
        *(Subject(name, name, "linear" if name == "triangle" else "one quadratic", True) for name in WAVES),
        Subject("quad-finer", "quad-finer", "product and one quadratic", True),
        *(Subject(name, name, "quadratic pieces", True) for name in FITTED),
        *(Subject(f"{name}-linear", name, "linear", False) for name in FITTED),
        *(
            Subject(name, _function(name), _LONG.get(baseline.method, baseline.method), False)
            for name, baseline in BASELINES.items()
        ),
    )
}
"""Every row by its name."""


def rows_of(candidate: Candidate) -> int:
    """Rows of the tables of a candidate."""

    def rows(stages: tuple[Stage, ...]) -> int:
        found = 0
        for stage in stages:
            if isinstance(stage, Polynomial):
                found += len(stage.segments)
            for inner in (getattr(stage, "left", ()), getattr(stage, "right", ())):
                found += rows(inner)
        return found

    return sum(rows(function.stages) for function in candidate)
