"""Tensors that need not be stored: those of one mode that follow from the same tensor of the first.

A weight code of k bits that is the upper k bits of a code of n bits (TruncQuant, arXiv 2506.11431) is `q >> (n - k)`;
of one bit, its sign -1 or +1 is `2*(q >> (n - 1)) + 1`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from quadrille.algo.spec import IntTensor, InvalidInput

from .tensors import array_of, tensor_of

__all__ = ["Derived", "derive", "derived"]

MOST_SHIFT = 63


@dataclass(frozen=True)
class Derived:
    """A tensor of type `dtype` that is the tensor `source` shifted right by `shift`: `v = x >> shift`, with `signs`
    `2*v + 1`."""

    source: str
    shift: int
    signs: bool
    dtype: str


def derive(tensor: IntTensor, source: IntTensor, name: str) -> Derived | None:
    """How `tensor` follows from `source`, which is called `name`; None if it does not. Of several shifts, the least."""
    if tensor.shape != source.shape or not tensor.data:
        return None
    wanted, given = array_of(tensor), array_of(source)
    for shift in range(8 * source.itemsize):
        upper = given >> shift
        for signs in (False, True):
            if ((2 * upper + 1 if signs else upper) == wanted).all():
                return Derived(name, shift, signs, tensor.dtype)
    return None


def derived(recipe: Derived, stored: Mapping[str, IntTensor]) -> IntTensor:
    """The tensor that `recipe` describes.

    Raises
    ------
    InvalidInput
        If its source is not stored, its shift is none, or its elements do not fit its type.
    """
    if recipe.source not in stored:
        raise InvalidInput(f"source must be a tensor of the file, and {recipe.source!r} is none")
    if not 0 <= recipe.shift <= MOST_SHIFT:
        raise InvalidInput(f"shift must be from 0 to {MOST_SHIFT}, not {recipe.shift}")
    upper = array_of(stored[recipe.source]) >> recipe.shift
    return tensor_of(2 * upper + 1 if recipe.signs else upper, recipe.dtype)
