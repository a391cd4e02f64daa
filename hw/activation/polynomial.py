"""Quadratics by pieces as steps of a dataflow: select, multiply, and one sum for constants, reflection and rounding."""

from __future__ import annotations

from dataclasses import dataclass, replace

from amaranth import Cat, Const, Mux, Value

from quadrille.algo.spec import Form, Interval, Polynomial, Reflection, Segment

from .dataflow import Dataflow, Operand, add_delay, shape_within
from .operations import half_of, hull_of, inverse, magnitude, magnitudes, rounded, scaled, times
from .select import Pieces, Selection, select

__all__ = ["polynomial"]

PLAIN = Reflection(1)


@dataclass(frozen=True)
class Term:
    """`sign * operand`: what of a quadratic is not in the column of its constants; nothing without an operand."""

    operand: Operand | None
    sign: int = 1


def polynomial(flow: Dataflow, operand: Operand, stage: Polynomial, half: int) -> Operand:
    """The value of `stage`, plus `half`.

    The constants meet in one addend, made beside the multiplications: with s = -1 where the sign of a term is turned,
    `s*t + c = (t ^ -1) + (c + 1)`, so that reflection, c0 and `half` take one sum after the last product.
    """
    source = operand.interval
    arguments = source if stage.reflection is None else magnitudes(source)
    stage = replace(stage, segments=tuple(segment for segment, _ in stage.pieces(arguments)))
    pieces = list(stage.pieces(arguments))
    interval = stage.interval(source) + Interval(half, half)
    reflection, negative, argument = PLAIN, None, operand
    if stage.reflection is not None and source.lo < 0:
        reflection = stage.reflection
        negative = flow.wire("negative", Interval(int(source.hi < 0), 1), lambda x: x[-1], operand)
        argument = magnitude(flow, operand)

    square = _completed(flow, operand, argument, stage, pieces)
    if square is not None:
        term, constants, selection = square
    else:
        selection = select(flow, argument, pieces)
        term, constants = _term(flow, selection, stage, pieces), [segment.c0 for segment, _ in pieces]
    addend = _addend(flow, selection, constants, term, reflection, negative, argument, half)
    if term.operand is None:
        return Operand(addend.name, addend.interval)
    turns = reflection.sign < 0 and negative is not None
    if addend.constant and addend.interval.lo == 0 and term.sign > 0 and not turns:
        return term.operand
    delay = add_delay(shape_within(interval).width) + 1
    if not turns:
        flip = term.sign < 0
        return flow.add("sum", interval, delay, lambda t, c: (inverse(t) if flip else t) + c, term.operand, addend)
    assert negative is not None

    def build(sign: Value, t: Value, c: Value) -> Value:
        return Mux(sign if term.sign > 0 else ~sign, inverse(t), t) + c

    return flow.add("sum", interval, delay, build, negative, term.operand, addend)


def _addend(
    flow: Dataflow,
    selection: Selection,
    constants: list[int],
    term: Term,
    reflection: Reflection,
    negative: Operand | None,
    argument: Operand,
    half: int,
) -> Operand:
    """What is added to the term: c0, the reflection's constant and slope, `half`, and 1 for a term that is turned."""
    has_term = term.operand is not None
    plain = half + int(has_term and term.sign < 0)
    if negative is None:
        return selection.column("constant", [c0 + plain for c0 in constants])
    sign = reflection.sign
    mirrored = half + reflection.constant + int(has_term and term.sign * sign < 0)
    if len(set(constants)) == 1:
        mirrored, plain, constants = mirrored + sign * constants[0], plain + constants[0], [0]
    elif sign > 0 and mirrored == plain and not reflection.slope:
        return selection.column("constant", [c0 + plain for c0 in constants])
    elif sign < 0:
        mirrored += 1  # the column is turned as well

    tail = _tail(flow, negative, argument, mirrored, plain, reflection.slope)
    if constants == [0]:
        return tail
    column = selection.column("constant", constants)
    both = column.interval + tail.interval
    if sign < 0:
        turned = Interval(-1 - column.interval.hi, -1 - column.interval.lo)
        both = Interval.hull(column.interval, turned) + tail.interval

        def build(n: Value, c: Value, t: Value) -> Value:
            return Mux(n, inverse(c), c) + t

        return flow.add("addend", both, 1 + add_delay(shape_within(both).width), build, negative, column, tail)
    return flow.add("addend", both, add_delay(shape_within(both).width), lambda c, t: c + t, column, tail)


def _tail(flow: Dataflow, negative: Operand, argument: Operand, mirrored: int, plain: int, slope: int) -> Operand:
    """`mirrored + slope * a` for a negative input, else `plain`."""
    if not slope:
        shape = shape_within(hull_of(mirrored, plain))
        one, other = Const(mirrored, shape), Const(plain, shape)
        return flow.wire("tail", hull_of(mirrored, plain), lambda n: Mux(n, one, other), negative)
    sloped = scaled(flow, argument, slope)
    interval = Interval.hull(sloped.interval + Interval(mirrored, mirrored), Interval(plain, plain))

    def build(n: Value, s: Value) -> Value:
        return Mux(n, s + Const(mirrored), Const(plain))

    return flow.add("tail", interval, 1 + add_delay(shape_within(interval).width), build, negative, sloped)


def _term(flow: Dataflow, selection: Selection, stage: Polynomial, pieces: Pieces) -> Term:
    """The quadratic without c0."""
    segments = [segment for segment, _ in pieces]
    without = [(Segment(s.start, 0, s.c1, s.c2), d) for s, d in pieces]
    interval = Interval.hull(*(stage.piece_interval(segment, d) for segment, d in without))
    distance, shift = selection.distance, stage.inner_shift
    first, second = [s.c1 for s in segments], [s.c2 for s in segments]
    if not any(second):
        if not any(first):
            return Term(None)
        return Term(times(flow, "product", interval, distance, selection.column("linear", first)))
    quadratic = selection.column("quadratic", second)
    if stage.form is Form.SQUARE:
        squares = distance.interval * distance.interval
        squared = rounded(flow, times(flow, "square", squares, distance, distance), shift)
        products = quadratic.interval * squared.interval
        curved = times(flow, "curved", products, squared, quadratic)
        if not any(first):
            return Term(curved)
        linear = selection.column("linear", first)
        straight = times(flow, "straight", linear.interval * distance.interval, distance, linear)
        delay = add_delay(shape_within(interval).width)
        return Term(flow.add("product", interval, delay, lambda a, b: a + b, straight, curved))

    # c1 joins before the inner shift, as its multiple of 2**shift: one sum for both and for the half.
    half = half_of(shift)
    ends = [(s.c1 << shift) + half + s.c2 * d for (s, ds) in pieces for d in (ds.lo, ds.hi)]
    inner = hull_of(*ends)
    linear = selection.column("linear", [(c1 << shift) + half for c1 in first])
    products = Interval.hull(*(Interval(s.c2, s.c2) * d for s, d in pieces))
    width = shape_within(inner).width
    if quadratic.interval == Interval(-1, -1):
        slope = flow.add("slope", inner, add_delay(width), lambda d, c: c - d, distance, linear)
    else:
        curved = times(flow, "curved", products, distance, quadratic)
        slope = flow.add("slope", inner, add_delay(width), lambda t, c: t + c, curved, linear)
        if linear.constant and linear.interval.lo == 0:
            slope = curved
    return Term(times(flow, "product", interval, distance, rounded(flow, slope, shift, half)))


def _completed(
    flow: Dataflow, operand: Operand, argument: Operand, stage: Polynomial, pieces: Pieces
) -> tuple[Term, list[int], Selection] | None:
    """One segment with c2 = 1 or -1 as a square: `c0 + c1 d + c2 d^2 = c2 (d - h)^2 + (c0 - c2 h^2)`, `h = -c2 c1 / 2`.

    A square takes half the gates of a product, and needs no sign: for a whole period of 2**n codes around 0 and
    a = |u|, the square of a - 2**(n-2) is that of the n - 1 low bits of u with the highest of them turned.
    """
    (segment, distances), *others = pieces
    if others or segment.c2 not in (1, -1) or segment.c1 % 2 or stage.inner_shift:
        return None
    vertex = -segment.c2 * segment.c1 // 2
    center, source = segment.start + vertex, operand.interval
    roots = distances - Interval(vertex, vertex)
    slopes = distances - Interval(2 * vertex, 2 * vertex)
    if shape_within(roots).width > max(shape_within(distances).width, shape_within(slopes).width):
        return None
    bits = shape_within(source).width
    period = source == source.format.interval and (source.lo, source.hi) == (-2 * center, 2 * center - 1)
    if argument is not operand and period:
        root = flow.wire(
            "root", Interval(-center, center - 1), lambda u: Cat(u[: bits - 2], ~u[bits - 2]).as_signed(), operand
        )
        root_squares = Interval(0, center * center)
    elif center == 0:
        root = operand
        ends = (roots.lo**2, roots.hi**2)
        root_squares = Interval(0 if 0 in roots else min(ends), max(ends))
    else:
        root = flow.add("root", roots, add_delay(shape_within(roots).width), lambda a: a - Const(center), argument)
        ends = (roots.lo**2, roots.hi**2)
        root_squares = Interval(0 if 0 in roots else min(ends), max(ends))
    square = times(flow, "square", root_squares, root, root)
    constant = segment.c0 - segment.c2 * vertex * vertex
    return Term(square, segment.c2), [constant], Selection(flow, argument, None, None)
