"""From formats and intervals to Amaranth shapes, and lanes of a packed word with their sign."""

from __future__ import annotations

from amaranth import Shape, Signal, Value
from amaranth.lib.data import Layout, View

from quadrille.algo.spec import Interval, IntFormat

__all__ = ["flat_register", "lanes_of", "shape_of"]


def flat_register(layout: Layout, name: str) -> View:
    """A register without reset for a wide `layout`, as one flat Signal seen through a View.

    A Signal of the layout itself would put an alias wire for each of its fields into the Verilog.
    """
    return View(layout, Signal(Shape.cast(layout).width, name=name, reset_less=True))


def shape_of(numbers: IntFormat | Interval) -> Shape:
    """The shape that holds every value of a format or of an interval."""
    form = numbers if isinstance(numbers, IntFormat) else numbers.format
    return Shape(form.bits, form.signed)


def lanes_of(word: Value, form: IntFormat) -> list[Value]:
    """The numbers of format `form` packed in `word`, the first in the low bits, each with its sign.

    Slicing loses the sign of what is sliced; this is the one place where words are cut into numbers.
    """
    count, rest = divmod(len(word), form.bits)
    assert rest == 0, f"{len(word)} bits are no whole number of {form.bits}-bit lanes"
    parts = [word[n * form.bits : (n + 1) * form.bits] for n in range(count)]
    return [part.as_signed() if form.signed else part for part in parts]
