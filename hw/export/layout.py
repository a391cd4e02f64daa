"""Where the bits of a payload stand: layouts flattened to the fields of a manifest."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Shape, ShapeCastable
from amaranth.lib import data

__all__ = ["flatten"]


def flatten(shape: Any) -> list[dict[str, Any]]:
    """The scalar fields of a payload shape, in order of their offsets as the layout lists them.

    Each is `{"name", "offset", "width", "signed"}`, offset and width in bits; nested structs have dotted names. An
    array adds `count` (elements, row-major when nested) and `stride` (bits from one element to the next); elements of
    nested arrays that stand at no single stride add `dimensions`, pairs of count and stride from the outermost. A
    payload that is one number is the field `payload`. Fields without bits are left out.
    """
    fields = [field for field in _walk(_resolved(shape), "", 0, []) if field["width"] > 0]
    return fields


def _walk(shape: Any, name: str, offset: int, dimensions: list[tuple[int, int]]) -> list[dict[str, Any]]:
    if isinstance(shape, data.ArrayLayout):
        element = _resolved(shape.elem_shape)
        stride = Shape.cast(element).width
        return _walk(element, name, offset, [*dimensions, (shape.length, stride)])
    if isinstance(shape, data.Layout):
        fields = []
        for key, field in shape:
            path = f"{name}.{key}" if name else str(key)
            fields += _walk(_resolved(field.shape), path, offset + field.offset, dimensions)
        return fields
    scalar = Shape.cast(shape)
    entry = {"name": name or "payload", "offset": offset, "width": scalar.width, "signed": scalar.signed}
    return [entry | _array(dimensions)]


def _array(dimensions: list[tuple[int, int]]) -> dict[str, Any]:
    """What an array adds to its field: adjoining dimensions are merged into one."""
    merged: list[tuple[int, int]] = []
    for count, stride in dimensions:
        if merged and merged[-1][1] == count * stride:
            merged[-1] = (merged[-1][0] * count, stride)
        else:
            merged.append((count, stride))
    if not merged:
        return {}
    total = 1
    for count, _ in merged:
        total *= count
    array: dict[str, Any] = {"count": total, "stride": merged[-1][1]}
    return array if len(merged) == 1 else array | {"dimensions": [list(dimension) for dimension in merged]}


def _resolved(shape: Any) -> Any:
    """`shape` as a layout where it is one behind another name (a `data.Struct` class), else unchanged."""
    while isinstance(shape, ShapeCastable) and not isinstance(shape, data.Layout):
        shape = shape.as_shape()
    return shape
