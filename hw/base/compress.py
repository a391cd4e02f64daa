"""Compressor trees in bit-sliced form: every adder is a few logic operations on whole words.

A heap maps a weight k to the words that count 2**k: bit c of each belongs to column c. A full adder over three words of
weight k leaves one word of weight k and one of weight k + 1; it adds in all columns at once, and no carry runs along a
word. Adding level by level until two words of each weight are left is Wallace's tree.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from amaranth import Cat, Const, Module, Signal, Value

__all__ = ["Heap", "compress", "counted", "full_adder", "levels", "popcount", "spread"]

Heap = dict[int, list[Value]]


def full_adder(m: Module, words: Sequence[Value], name: str) -> tuple[Value, Value]:
    """Sum and carry of three words, in five operations that share the first."""
    a, b, c = words
    half = Signal(len(a), name=f"{name}_half")
    total = Signal(len(a), name=f"{name}_sum")
    carry = Signal(len(a), name=f"{name}_carry")
    m.d.comb += [half.eq(a ^ b), total.eq(half ^ c), carry.eq((a & b) | (half & c))]
    return total, carry


def next_counts(counts: Mapping[int, int], modulus: int | None) -> dict[int, int]:
    """How many words of each weight one level of full adders leaves."""
    after: dict[int, int] = {}
    for weight, count in counts.items():
        adders, rest = divmod(count, 3) if count > 2 else (0, count)
        after[weight] = after.get(weight, 0) + adders + rest
        if adders and (modulus is None or weight + 1 < modulus):
            after[weight + 1] = after.get(weight + 1, 0) + adders
    return after


def levels(counts: Mapping[int, int], modulus: int | None = None) -> int:
    """Levels of full adders that leave at most two words of each weight."""
    number = 0
    while any(count > 2 for count in counts.values()):
        counts = next_counts(counts, modulus)
        number += 1
    return number


def compress(
    m: Module,
    heap: Mapping[int, Sequence[Value]],
    *,
    name: str,
    modulus: int | None = None,
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
        after: Heap = {}
        for weight, words in sorted(at.items()):
            whole = len(words) // 3 * 3 if len(words) > 2 else 0
            for n in range(0, whole, 3):
                total, carry = full_adder(m, words[n : n + 3], f"{name}_{level}_{weight}_{n // 3}")
                after.setdefault(weight, []).append(total)
                if modulus is None or weight + 1 < modulus:
                    after.setdefault(weight + 1, []).append(carry)
            after.setdefault(weight, []).extend(words[whole:])
        at, level = after, level + 1
        at = cut(at)
    return at


def spread(cuts: int, depth: int, *, before: int = 0, behind: int = 0) -> list[int]:
    """The levels after which `cuts` registers cut a tree of `depth` levels into parts as even as they can be.

    `before` and `behind` are levels of logic that stand in front of the tree and after it, which no cut goes into.
    """
    whole = before + depth + behind
    return [min(depth, max(0, (n + 1) * whole // (cuts + 1) - before)) for n in range(cuts)]


def popcount(
    m: Module, word: Value, *, name: str, cuts: int = 0, register: Callable[[Value, str], Value] | None = None
) -> Value:
    """The number of set bits of `word`, through `cuts` registers."""
    # The tree, and the addition as a level of its own; another behind it.
    places = spread(cuts, levels({0: len(word)}) + 1, behind=1)
    return counted(m, {0: word}, name=name, cuts=places, register=register)


def counted(
    m: Module,
    words: Mapping[int, Value],
    *,
    name: str,
    cuts: Sequence[int] = (),
    register: Callable[[Value, str], Value] | None = None,
) -> Value:
    """`sum_k (set bits of words[k]) << k`: full adders over thirds of the words, folded until single bits are left.

    The gates are those of a tree of full adders over the bits; the words stay as wide as they can. After each level
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
            third = len(part) // 3
            if third:
                thirds = [part[n * third : (n + 1) * third] for n in range(3)]
                total, carry = full_adder(m, thirds, f"{name}_{level}_{weight}")
                after.setdefault(weight, []).append(total)
                after.setdefault(weight + 1, []).append(carry)
            after.setdefault(weight, []).append(part[3 * third :])
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
