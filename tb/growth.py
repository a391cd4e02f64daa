"""Networks that grow node by node, each with random tables that suit what it reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import floor, prod
from random import Random

from quadrille.algo.spec import (
    Adc,
    Add,
    CellEncoding,
    Conv2d,
    Dequantize,
    Edge,
    Form,
    Function,
    Interval,
    IntFormat,
    IntTensor,
    Linear,
    MaxPool,
    Node,
    PiecewiseQuadratic,
    Polynomial,
    Reflection,
    Requantize,
    Round,
    RowSum,
    Segment,
    Stage,
    Subsample,
    SumPool,
    Window,
    Wrap,
)

__all__ = ["Growth", "cut", "narrow_adc", "random_tensor", "random_weights", "wide_adc"]


def cut(total: int, most: int) -> tuple[int, ...]:
    """`total` rows in tiles of `most`, the last one smaller."""
    return tuple(min(most, total - start) for start in range(0, total, most))


class Growth:
    """Nodes that are added one after the other, each with tables that suit what it reads."""

    def __init__(
        self,
        random: Random,
        weight_bits: int,
        cell_bits: int,
        adc_bits: int,
        uniform: bool,
        rows: int,
        fill_rows: bool,
        row_sums: bool,
        differential: bool = False,
    ) -> None:
        self.random, self.encoding = random, CellEncoding(weight_bits, cell_bits, differential)
        self.adc_bits, self.uniform = adc_bits, uniform
        self.rows, self.fill_rows, self.row_sums = rows, fill_rows, row_sums
        self.nodes: list[Node] = []
        self.edges: dict[str, Edge] = {}

    def add(self, node: Node) -> str:
        """The name of `node`, which is the last from now on."""
        self.nodes.append(node)
        self.edges[node.name] = node.infer([self.edges[name] for name in node.inputs])
        return node.name

    def name(self, noun: str) -> str:
        """`noun` and the least number that makes it new."""
        return next(f"{noun}{n}" for n in range(1, len(self.nodes) + 2) if f"{noun}{n}" not in self.edges)

    def layer(self, source: str, outputs: int, window: Window | None, form: IntFormat, *, exact: bool) -> str:
        """A Conv2d, or without `window` a Linear, and its dequantizer to `form`."""
        random, edge = self.random, self.edges[source]
        weight_bits, cell_bits = self.encoding.weight_bits, self.encoding.cell_bits
        if window is None:
            kernel: tuple[int, ...] = (prod(edge.shape),)
            tiles = cut(kernel[0], self.rows)
        else:
            kernel = (edge.shape[0] // window.groups, *window.kernel)
            whole = self.rows // window.taps * window.taps
            tiles = cut(window.rows(edge.shape[0]), self.rows if self.fill_rows or not whole else whole)
        node: Linear | Conv2d = Linear(
            name=self.name("linear"),
            inputs=(source,),
            weight=random_weights(random, self.encoding, (outputs, *kernel)),
            weight_bits=weight_bits,
            cell_bits=cell_bits,
            differential=self.encoding.differential,
            tile_rows=tiles,
        )
        seen = edge.interval
        if window is not None:
            node = Conv2d(
                name=self.name("conv"),
                inputs=(source,),
                weight=node.weight,
                weight_bits=weight_bits,
                cell_bits=cell_bits,
                differential=self.encoding.differential,
                tile_rows=tiles,
                window=window,
            )
            seen = node.seen(edge.interval)
        if self.adc_bits and not exact:
            adc = narrow_adc(random, node.column_intervals(seen), node.columns, self.adc_bits, self.uniform)
            node = replace(node, adc=adc)
        inputs: tuple[str, ...] = (self.add(node),)
        if self.row_sums:
            inputs += (self.add(RowSum(name=self.name("sum"), inputs=(source,), tile_rows=tiles, window=window)),)
        return self.dequantize(inputs, node.columns, form)

    def dequantize(self, inputs: tuple[str, ...], columns: tuple[int, int, int], form: IntFormat) -> str:
        """Tables that bring the middle of each accumulator near the middle of `form`, a part of it to its ends."""
        random, (tiles, _, outputs) = self.random, columns
        codes = self.edges[inputs[0]]
        node = Dequantize(
            name=self.name("layer"),
            inputs=inputs,
            mantissa=random_tensor(random, -512, 511, columns),
            bias=random_tensor(random, 0, 0, (outputs,)),
            shift=0,
            format=form,
            sum_mantissa=random_tensor(random, -60, 60, (tiles, outputs)) if len(inputs) > 1 else None,
        )
        reached = node.accumulator_intervals([self.edges[name] for name in inputs])
        span = sorted(acc.hi - acc.lo for acc in reached)[outputs // 2]
        width = form.interval.hi - form.interval.lo + 1
        # Exact sums seldom come near the ends of what they can be, codes often do.
        part = random.randint(1, 3) if codes.format.bits <= self.adc_bits + 1 else random.randint(3, 7)
        shift = max(0, (span // (part * width)).bit_length())
        middle = (form.interval.lo + form.interval.hi + 1) // 2
        reach = max(1, width // 4)
        biases = [((middle + random.randint(-reach, reach)) << shift) - (acc.lo + acc.hi) // 2 for acc in reached]
        return self.add(replace(node, bias=IntTensor.of(biases, (outputs,)), shift=shift))

    def requantize(self, source: str, form: IntFormat, *, mantissa: int, shift: int) -> str:
        """`source` in `form`."""
        name = self.name("requantized")
        return self.add(Requantize(name=name, inputs=(source,), mantissa=mantissa, shift=shift, format=form))

    def activate(self, kind: str, source: str, form: IntFormat) -> str:
        """A function of `source` in `form`: the periodic "wave", or "pieces" with random coefficients."""
        random, edge = self.random, self.edges[source]
        bits = edge.format.bits
        if kind == "wave":
            fraction = bits - 4  # four periods
            shift = max(0, 2 * fraction + 2 - form.bits)
            stages: tuple[Stage, ...] = (
                Wrap(fraction + 2, random.randint(0, 1 << fraction)),
                Polynomial((Segment(0, 0, 2 << fraction, -1),), reflection=Reflection(-1)),
                Round(shift, form),
            )
        else:
            low = 0 if edge.format.signed else edge.format.interval.lo
            high = edge.format.interval.hi
            starts = [low, *sorted(random.sample(range(low + 1, high), min(3, high - low - 1)))]
            span = form.interval.hi - form.interval.lo
            segments = tuple(
                Segment(
                    start,
                    random.randint(form.interval.lo, form.interval.hi) << 6,
                    random.randint(-span, span) * 64 >> (bits - 2),
                    random.randint(-span, span) * 512 >> (2 * bits - 4),
                )
                for start in starts
            )
            reflection = Reflection(random.choice((1, -1)), random.randint(0, 64), random.randint(-8, 8))
            stages = (
                Polynomial(segments, 2, reflection if edge.format.signed else None, random.choice(list(Form))),
                Round(6, form),
            )
        function = Function("random", edge.format, stages)
        return self.add(PiecewiseQuadratic.of(function, name=self.name("activation"), source=source))

    def pool(self, kind: str, source: str, size: int, form: IntFormat) -> str:
        """Windows of `size` x `size` side by side; in `form` where the pool alone would not be."""
        window = Window((size, size), (size, size))
        if kind == "max":
            last = self.add(MaxPool(name=self.name("pool"), inputs=(source,), window=window))
        else:
            last = self.add(SumPool(name=self.name("pool"), inputs=(source,), window=window))
        if self.edges[last].format == form:
            return last
        ratio = max(1, self.edges[last].interval.hi // form.interval.hi)
        shift = ratio.bit_length() + 4
        mantissa = max(1, (1 << shift) // ratio * self.random.randint(6, 14) // 8)
        return self.requantize(last, form, mantissa=mantissa, shift=shift)

    def shortcut(self, kind: str, stream: str, start: str, shape: tuple[int, ...], step: int) -> str:
        """What a block adds to its result of `shape`: the stream, or what brings it to another shape."""
        if self.edges[stream].shape == shape:
            return stream
        if kind == "subsample":
            node = Subsample(name=self.name("subsample"), inputs=(stream,), stride=step, channels=shape[0])
            return self.add(node)
        form = IntFormat(self.edges[stream].format.bits + 2, signed=True)
        return self.layer(start, shape[0], Window((1, 1), (step, step)), form, exact=False)

    def merge(self, ahead: str, past: str, form: IntFormat) -> str:
        """The residual sum of two tensors, in `form`."""
        mantissas = (self.random.randint(6, 20), self.random.randint(16, 36))
        node = Add(name=self.name("added"), inputs=(ahead, past), mantissas=mantissas, shift=5, format=form)
        return self.add(node)


def random_tensor(random: Random, low: int, high: int, shape: tuple[int, ...]) -> IntTensor:
    """A tensor of `shape` with elements from `low` to `high`."""
    return IntTensor.of([random.randint(low, high) for _ in range(prod(shape))], shape)


def random_weights(random: Random, encoding: CellEncoding, shape: tuple[int, ...]) -> IntTensor:
    """Weights of `shape` that `encoding` has."""
    values = [-1, 1] if encoding.binary else range(encoding.interval.lo, encoding.interval.hi + 1)
    return IntTensor.of([random.choice(values) for _ in range(prod(shape))], shape, "int8")


def wide_adc(random: Random, linear: Linear, source: Interval, bits: int, uniform: bool) -> Adc:
    """Ladders anywhere on what the sums of each column can be."""
    levels, thresholds = (1 << bits) - 1, list[int]()
    for interval in linear.column_intervals(source):
        if uniform:
            step = max(1.0, (interval.hi - interval.lo) / levels * random.uniform(0.2, 1.1))
            start = random.uniform(interval.lo, interval.hi) - step * levels / 2
            thresholds += [int(start + step * j) for j in range(levels)]
        else:
            thresholds += sorted(random.randint(interval.lo - 2, interval.hi + 2) for _ in range(levels))
    return Adc(bits, random.choice([0, -(1 << bits >> 1), -1]), IntTensor.of(thresholds, (*linear.columns, levels)))


def narrow_adc(
    random: Random, columns: Sequence[Interval], shape: tuple[int, int, int], bits: int, uniform: bool
) -> Adc:
    """Ladders about the middle of what the sums of each column can be, where most of them are."""
    levels, thresholds = (1 << bits) - 1, list[int]()
    for interval in columns:
        quarter = (interval.hi - interval.lo) // 4 + 1
        middle = (interval.lo + interval.hi) // 2
        if uniform:
            step = max(1.0, 2 * quarter / levels * random.uniform(0.3, 1.2))
            start = middle + quarter * random.uniform(-0.5, 0.5) - step * levels / 2
            thresholds += [floor(start + step * j) for j in range(levels)]
        else:
            ladder = [random.randint(middle - 2 * quarter, middle + 2 * quarter) for _ in range(levels)]
            thresholds += sorted(ladder)
    return Adc(bits, random.choice([0, -(1 << bits >> 1), -1]), IntTensor.of(thresholds, (*shape, levels)))
