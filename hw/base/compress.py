"""Compressor trees in bit-sliced form: every adder is a few logic operations on whole words.

A heap maps a weight k to the words that count 2**k: bit c of each belongs to column c. A full adder over three words of
weight k leaves one word of weight k and one of weight k + 1; it adds in all columns at once, and no carry runs along a
word. Adding level by level until two words of each weight are left is Wallace's tree; with counters that take more bits
at a time it has fewer levels, and where a target makes them well it is smaller too.
"""

from __future__ import annotations

from collections import Counter as Counted
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from amaranth import Cat, Const, Module, Signal, Value

from .word_cells import Counter

__all__ = ["COMPRESSORS", "Compressor", "Heap", "compress", "counted", "full_adder", "levels", "popcount", "spread"]

Heap = dict[int, list[Value]]


@dataclass(frozen=True)
class Adder:
    """Something that replaces `counts[k]` words of weight k each by one word of each weight of their sum.

    `size` is what it takes, in units of a full adder. Without a `counter` it is a full adder in plain gates, which
    whatever comes after may merge with its neighbours.
    """

    counts: tuple[int, ...]
    size: int
    counter: Counter | None = None

    def place(self, m: Module, name: str, words: Sequence[Value]) -> list[Value]:
        """The words of the sum, by weight."""
        return list(full_adder(m, words, name)) if self.counter is None else self.counter.place(m, name, words)


def counter(*counts: int, size: int) -> Adder:
    """A counter that stays a cell."""
    return Adder(counts, size, Counter(counts))


@dataclass(frozen=True)
class Compressor:
    """How a macro adds: the `adders` of its tree; `registered`, whether the gated cells are registered before it, and
    `ternary`, whether it adds the last two words of each weight to the sums by an adder of three numbers.
    """

    adders: tuple[Adder, ...]
    registered: bool = False
    ternary: bool = False


FULL_ADDERS = Compressor((Adder((3,), 1),))
COMPRESSORS: Mapping[str, Compressor] = {
    "full-adders": FULL_ADDERS,
    # On look-up tables of six inputs and their carry chains (Preusser, FPL 2017): a counter of seven is three of them,
    # one of seven and six is five, and a full adder is one with two outputs. To gate a cell is free where a flip-flop
    # with a reset takes the product.
    "lut6": Compressor(
        (counter(7, 0, 6, size=5), counter(7, size=3), counter(3, size=1)), registered=True, ternary=True
    ),
}
"""Compressors by name."""


def full_adder(m: Module, words: Sequence[Value], name: str) -> tuple[Value, Value]:
    """Sum and carry of three words, in five operations that share the first."""
    a, b, c = words
    half = Signal(len(a), name=f"{name}_half")
    total = Signal(len(a), name=f"{name}_sum")
    carry = Signal(len(a), name=f"{name}_carry")
    m.d.comb += [half.eq(a ^ b), total.eq(half ^ c), carry.eq((a & b) | (half & c))]
    return total, carry


@dataclass(frozen=True)
class Use:
    """An adder at a weight: how many words of that weight and above it takes, and how many weights its sum has."""

    adder: Adder
    weight: int
    taken: tuple[int, ...]
    weights: int


def next_level(
    counts: Mapping[int, int], adders: Sequence[Adder], modulus: int | None
) -> tuple[list[Use], dict[int, int]]:
    """The adders of one level, best first, and how many words of each weight they leave.

    An adder is used where it removes as many words as it has size, or more; inputs may stay empty.
    """
    waiting = dict(counts)
    after: dict[int, int] = {}
    uses: list[Use] = []
    while True:
        best: tuple[float, Use] | None = None
        for adder in adders:
            for weight in sorted(waiting):
                taken = tuple(min(count, waiting.get(weight + k, 0)) for k, count in enumerate(adder.counts))
                weights = sum(count << k for k, count in enumerate(taken)).bit_length()
                gain = (sum(taken) - weights) / adder.size
                if gain >= 1 and (best is None or gain > best[0]):
                    best = gain, Use(adder, weight, taken, weights)
        if best is None:
            break
        use = best[1]
        uses.append(use)
        for k, count in enumerate(use.taken):
            waiting[use.weight + k] = waiting.get(use.weight + k, 0) - count
        for weight in range(use.weight, use.weight + use.weights):
            if modulus is None or weight < modulus:
                after[weight] = after.get(weight, 0) + 1
    for weight, count in waiting.items():
        if count:
            after[weight] = after.get(weight, 0) + count
    return uses, after


def levels(counts: Mapping[int, int], modulus: int | None = None, adders: Sequence[Adder] = FULL_ADDERS.adders) -> int:
    """Levels of `adders` that leave at most two words of each weight."""
    number = 0
    while any(count > 2 for count in counts.values()):
        counts = next_level(counts, adders, modulus)[1]
        number += 1
    return number


def compress(
    m: Module,
    heap: Mapping[int, Sequence[Value]],
    *,
    name: str,
    modulus: int | None = None,
    adders: Sequence[Adder] = FULL_ADDERS.adders,
    cuts: Sequence[int] = (),
    register: Callable[[Value, str], Value] | None = None,
) -> Heap:
    """The heap with at most two words of each weight, of the same sum in every column.

    Words of weight `modulus` and above are dropped: the sum is then kept modulo `2**modulus`. After each level whose
    number is in `cuts` (0: before the first), every word goes through `register(word, name)`, as often as it is named.
    """
    at: Heap = {weight: list(words) for weight, words in heap.items() if modulus is None or weight < modulus}
    level = 0

    def cut(at: Heap) -> Heap:
        for number in range(sum(c == level for c in cuts)):
            assert register is not None
            at = {
                weight: [register(word, f"{name}_{level}_{number}_{weight}_{n}") for n, word in enumerate(words)]
                for weight, words in at.items()
            }
        return at

    at = cut(at)
    while any(len(words) > 2 for words in at.values()):
        uses, _ = next_level({weight: len(words) for weight, words in at.items()}, adders, modulus)
        after: Heap = {}
        numbers: Counted[int] = Counted()
        for use in uses:
            words: list[Value] = []
            for k, (count, most) in enumerate(zip(use.taken, use.adder.counts, strict=True)):
                taken = at.get(use.weight + k, [])
                words += taken[:count]
                del taken[:count]
                words += [Const(0, len(words[0]))] * (most - count)
            results = use.adder.place(m, f"{name}_{level}_{use.weight}_{numbers[use.weight]}", words)
            numbers[use.weight] += 1
            for weight, word in enumerate(results[: use.weights], use.weight):
                if modulus is None or weight < modulus:
                    after.setdefault(weight, []).append(word)
        for weight, words in at.items():
            after.setdefault(weight, []).extend(words)
        at, level = {weight: words for weight, words in sorted(after.items()) if words}, level + 1
        at = cut(at)
    return at


def spread(cuts: int, depth: int, *, before: int = 0, behind: int = 0) -> list[int]:
    """The levels after which `cuts` registers cut a tree of `depth` levels into parts as even as they can be.

    `before` and `behind` are levels of logic that stand in front of the tree and after it, which no cut goes into.
    """
    whole = before + depth + behind
    return [min(depth, max(0, (n + 1) * whole // (cuts + 1) - before)) for n in range(cuts)]


def popcount(
    m: Module,
    word: Value,
    *,
    name: str,
    adders: Sequence[Adder] = FULL_ADDERS.adders,
    cuts: int = 0,
    register: Callable[[Value, str], Value] | None = None,
) -> Value:
    """The number of set bits of `word`, through `cuts` registers."""
    # The tree, and the addition as a level of its own; another behind it.
    places = spread(cuts, levels({0: len(word)}, adders=_narrow(adders)) + 1, behind=1)
    return counted(m, {0: word}, name=name, adders=adders, cuts=places, register=register)


def counted(
    m: Module,
    words: Mapping[int, Value],
    *,
    name: str,
    adders: Sequence[Adder] = FULL_ADDERS.adders,
    cuts: Sequence[int] = (),
    register: Callable[[Value, str], Value] | None = None,
) -> Value:
    """`sum_k (set bits of words[k]) << k`: adders over equal parts of the words, folded until single bits are left.

    The gates are those of a tree of adders over the bits; the words stay as wide as they can. After each level
    whose number is in `cuts` (0: before the first; the addition at the end is the last) every word goes through
    `register(word, name)`, as often as it is named.
    """
    at: dict[int, Any] = dict(words)
    most = sum(len(word) << weight for weight, word in words.items())
    level = 0

    def cut(word: Value, weight: int) -> Value:
        for number in range(sum(c == level for c in cuts)):
            assert register is not None
            word = register(word, f"{name}_{level}_{number}_{weight}")
        return word

    at = {weight: cut(part, weight) for weight, part in at.items()}
    while any(len(part) > 2 for part in at.values()):
        after: dict[int, list[Value]] = {}
        for weight, part in sorted(at.items()):
            for adder in _narrow(adders):
                (count,) = adder.counts
                width = len(part) // count
                if width:
                    parts = [part[n * width : (n + 1) * width] for n in range(count)]
                    for k, total in enumerate(adder.place(m, f"{name}_{level}_{weight}", parts), weight):
                        after.setdefault(k, []).append(total)
                    part = part[count * width :]
                    break
            after.setdefault(weight, []).append(part)
        level += 1
        at = {weight: cut(Cat(*parts), weight) for weight, parts in after.items()}
    rows: list[Value] = [
        Cat(at[weight][row] if weight in at and len(at[weight]) > row else Const(0, 1) for weight in range(max(at) + 1))
        for row in range(2)
    ]
    result = Signal(most.bit_length(), name=f"{name}_count")
    m.d.comb += result.eq(rows[0] + rows[1])
    level += 1
    return cut(result, 0)


def _narrow(adders: Sequence[Adder]) -> list[Adder]:
    """Those that add words of one weight."""
    return [adder for adder in adders if len(adder.counts) == 1]
