"""The node that applies a function of quadratic pieces to every element."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from .errors import InvalidInput
from .formats import IntFormat
from .function import Function
from .node import Edge, Node
from .polynomial import Form, Polynomial, Reflection, Segment
from .stages import Clamp, Round, Stage, Warp, Wrap
from .tensor import IntTensor

__all__ = ["PiecewiseQuadratic"]


@dataclass(frozen=True, kw_only=True)
class PiecewiseQuadratic(Node):
    """A function of quadratic pieces, element by element; the shape is that of the input.

    The stages of `function`, each with its equation in algo.spec: [warp] -> [wrap] -> [clamp] -> polynomial -> round,
    those in brackets where their field is given. The rows of `segments` are (start, c0, c1, c2). The periodic wave of
    QuadINR, phi(u) = u (2 - |u|) at F fraction bits, is wrap = (F + 2, 0), one segment (0, 0, 2**(F+1), -1) and
    reflection = (-1, 0, 0), with `shift` = 2F less the fraction bits of the result.
    """

    kind: ClassVar[str] = "piecewise-quadratic"
    arity: ClassVar[tuple[int, int]] = (1, 1)

    segments: IntTensor  # (segments, 4)
    shift: int
    format: IntFormat
    inner_shift: int = 0
    form: Form = Form.HORNER
    reflection: tuple[int, ...] | None = None  # sign, constant, slope
    warp: int | None = None  # fraction bits
    wrap: tuple[int, ...] | None = None  # bits, offset
    clamp: tuple[int, ...] | None = None  # low, high

    @classmethod
    def of(cls, function: Function, *, name: str, source: str) -> PiecewiseQuadratic:
        """The node `name` that applies `function` to what the node `source` writes.

        Raises
        ------
        InvalidInput
            If a stage of the function is none of this node's, or stands elsewhere.
        """
        fields: dict[str, object] = {}
        order = (Warp, Wrap, Clamp, Polynomial, Round)
        places = [order.index(type(stage)) if type(stage) in order else -1 for stage in function.stages]
        if places != sorted(set(places)) or not {3, 4} <= set(places):
            kinds = ", ".join(stage.kind for stage in function.stages)
            raise InvalidInput(f"Stages of node {name!r} must be warp, wrap, clamp, polynomial, round, not {kinds}")
        for stage in function.stages:
            fields |= _fields(stage)
        return cls(name=name, inputs=(source,), **fields)  # pyright: ignore[reportArgumentType]

    def function(self, source: IntFormat) -> Function:
        """The function of this node for codes of the format `source`.

        Raises
        ------
        InvalidInput
            If a field has another shape than it must, or the stages do not fit one another.
        """
        if len(self.segments.shape) != 2 or self.segments.shape[1] != 4:
            raise InvalidInput(f"segments must have shape [segments, 4], not {list(self.segments.shape)}")
        for noun, numbers, count in (
            ("reflection", self.reflection, 3),
            ("wrap", self.wrap, 2),
            ("clamp", self.clamp, 2),
        ):
            if numbers is not None and len(numbers) != count:
                raise InvalidInput(f"{noun} must be {count} integers, not {len(numbers)}")
        rows = [self.segments.flat[n : n + 4].tolist() for n in range(0, len(self.segments.flat), 4)]
        stages: list[Stage] = []
        if self.warp is not None:
            stages.append(Warp(self.warp))
        if self.wrap is not None:
            stages.append(Wrap(*self.wrap))
        if self.clamp is not None:
            stages.append(Clamp(*self.clamp))
        reflection = None if self.reflection is None else Reflection(*self.reflection)
        pieces = tuple(Segment(*row) for row in rows)
        stages += [Polynomial(pieces, self.inner_shift, reflection, self.form), Round(self.shift, self.format)]
        return Function(self.name, source, tuple(stages))

    def infer(self, inputs: Sequence[Edge]) -> Edge:
        """The same shape, in `format`."""
        (source,) = inputs
        return Edge(source.shape, self.format, self.function(source.format).intervals[-1])


def _fields(stage: Stage) -> dict[str, object]:
    """The fields of a node that say what `stage` does."""
    match stage:
        case Warp():
            return {"warp": stage.fraction_bits}
        case Wrap():
            return {"wrap": (stage.bits, stage.offset)}
        case Clamp():
            return {"clamp": (stage.low, stage.high)}
        case Polynomial():
            flat = [number for s in stage.segments for number in (s.start, s.c0, s.c1, s.c2)]
            reflection = stage.reflection
            return {
                "segments": IntTensor.of(flat, (len(stage.segments), 4)),
                "inner_shift": stage.inner_shift,
                "form": stage.form,
                "reflection": None if reflection is None else (reflection.sign, reflection.constant, reflection.slope),
            }
        case _:
            assert isinstance(stage, Round)
            return {"shift": stage.shift, "format": stage.format}
