"""What the models count is what the hardware has: widths of its layouts, names of its modules."""

import re

import pytest

from quadrille.boards.cost.components import parts_of
from quadrille.boards.cost.geometry import Geometry, tree
from quadrille.boards.cost.measurement import Design, design_of
from quadrille.boards.cost.samples import is_held_out, sampled
from quadrille.hw.base.compress import COMPRESSORS, levels
from quadrille.hw.engine import Configuration
from quadrille.hw.engine.tables import datapath
from quadrille.hw.engine.targets import Target

SAMPLES = sampled()


@pytest.mark.parametrize("configuration", SAMPLES, ids=lambda each: f"{each.engine}-{each.rows}x{each.columns}")
def test_widths_are_those_of_the_layouts(configuration: Configuration) -> None:
    geometry, parts = Geometry(configuration), datapath(configuration, {}).inspected()
    assert geometry.instruction == configuration.instruction.size
    assert geometry.job == configuration.job.size
    assert geometry.tag == configuration.tag.size
    assert geometry.tile == configuration.tile.size
    assert geometry.destination == configuration.destination.size
    assert geometry.weight_row == configuration.weight_row.size
    assert geometry.partial_bits == parts.macros[0].partial_format.bits
    assert geometry.converter_row == parts.row_width(Target.CONVERTER)
    assert geometry.dequantizer_row == parts.row_width(Target.MANTISSAS)
    if configuration.residual:
        assert geometry.residual_row == parts.row_width(Target.RESIDUAL)
    if configuration.pooling:
        assert geometry.pool_row == parts.row_width(Target.POOLING)


@pytest.fixture(scope="module", params=[5, 14])
def number(request: pytest.FixtureRequest) -> int:
    return request.param


@pytest.fixture(scope="module")
def design(number: int) -> Design:
    return design_of(SAMPLES[number], [part.module for part in parts_of(SAMPLES[number])])


def test_components_are_modules_of_the_hardware(number: int, design: Design) -> None:
    names = [part.module for part in parts_of(SAMPLES[number])]
    assert {f"accelerator.{name}" if name else "accelerator" for name in names} <= set(design.texts)
    # Every module belongs to one component, and each component has a digest of its own.
    assert len({design.digest(name) for name in names}) == len(names)
    assert design.children("path") == [name for name in names if name.startswith("path.")]


def test_memories_are_those_of_the_hardware(number: int, design: Design) -> None:
    memory = re.compile(r"^\s*reg \[(\d+):0\] \S+ ?\[(\d+):0\];", re.MULTILINE)
    for part in parts_of(SAMPLES[number]):
        if part.module == "macro":
            continue  # its cells are a memory in the Verilog, and registers for every target
        texts = [text for name, text in design.texts.items() if design.owner(name) == part.module]
        found = [(int(depth) + 1, int(width) + 1) for text in texts for width, depth in memory.findall(text)]
        assert sorted(found) == sorted((max(2, each.depth), each.width) for each in part.memories), part.module


@pytest.mark.parametrize("compressor", COMPRESSORS)
@pytest.mark.parametrize("rows", [1, 2, 3, 9, 64, 128])
def test_tree_is_as_deep_as_the_hardware(compressor: str, rows: int) -> None:
    found = tree(((0, rows),), None, compressor)
    assert found.levels == levels({0: rows}, adders=COMPRESSORS[compressor].adders)
    if compressor == "full-adders":
        # A full adder takes a word away.
        assert found.size == rows - remaining(rows)


def remaining(rows: int) -> int:
    """Words that are left of `rows`, at most two of each weight."""
    counts = {0: rows}
    while any(count > 2 for count in counts.values()):
        after: dict[int, int] = {}
        for weight, count in counts.items():
            whole = count // 3 if count > 2 else 0
            after[weight] = after.get(weight, 0) + count - 2 * whole
            after[weight + 1] = after.get(weight + 1, 0) + whole
        counts = after
    return sum(counts.values())


def test_more_of_everything_is_not_less() -> None:
    base = SAMPLES[2]
    for name in ("rows", "columns", "lanes", "mantissa_bits", "accumulator_bits", "feature_words", "weight_rows"):
        more = Configuration(**{**base.values, name: 2 * getattr(base, name)})
        before, after = parts_of(base), parts_of(more)
        total = [
            sum(sum(part.features.values()) for part in parts) + sum(m.bits for p in parts for m in p.memories)
            for parts in (before, after)
        ]
        assert total[1] > total[0], name


def test_samples_are_the_same_at_every_call() -> None:
    assert sampled() == SAMPLES
    held_out = [number for number in range(len(SAMPLES)) if is_held_out(number)]
    assert 4 * len(held_out) >= len(SAMPLES)
    assert {SAMPLES[number].engine for number in held_out} == {"cim", "mac"}
