"""From bit-sliced words to numbers: a transposition that is nothing but wires."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth import Cat, Const, Module, Signal, Value

__all__ = ["transpose"]

WORD = 64
"""Columns that are transposed together: a simulator's machine word."""


def transpose(m: Module, words: Sequence[Value], *, name: str) -> list[Value]:
    """The numbers in the columns of `words`, all of one width: bit k of number c is bit c of word k.

    Gathered bit by bit they would cost a simulator some operations for each bit. Instead halves of square blocks are
    exchanged between words, halves of those next, down to single bits: whole words move, and as the masks are
    constants no gate is left of it in hardware. Source: Warren, Hacker's Delight, section 7-3.
    """
    numbers: list[Value] = []
    for start in range(0, len(words[0]), WORD):
        numbers += _transpose([word[start : start + WORD] for word in words], m, f"{name}_{start}")
    return numbers


def _transpose(words: Sequence[Value], m: Module, name: str) -> list[Value]:
    """Blocks of as many columns as there are words, made up to a power of two."""
    bits, columns = len(words), len(words[0])
    half = 1 << (bits - 1).bit_length()
    block, width = half, -(-columns // half) * half
    rows: dict[int, Value] = {k: Cat(word, Const(0, width - columns)) for k, word in enumerate(words)}
    while half > 1:
        half //= 2
        needed = {c % block // half for c in range(columns)}
        mask = sum(((1 << half) - 1) << at for at in range(0, width, 2 * half))
        after: dict[int, Value] = {}
        for k in sorted({k & ~half for k in rows}):
            low, high = (rows.get(n, Const(0, width)) for n in (k, k + half))
            lower = (low & mask) | Cat(Const(0, half), (high & mask)[: width - half])
            upper = (low >> half & mask) | (high & (mask << half))
            for n, word in ((k, lower), (k + half, upper)):
                if n // half in needed:
                    after[n] = Signal(width, name=f"{name}_{half}_{n}")
                    m.d.comb += after[n].eq(word)
        rows = after
    return [rows[c % block][c // block * block :][:bits] for c in range(columns)]
