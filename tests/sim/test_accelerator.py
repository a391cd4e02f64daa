"""The files of an accelerator belong together, and its words carry what they should."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quadrille.algo.spec import InvalidInput
from quadrille.sim.accelerator import read_accelerator
from quadrille.sim.verification import verify

IMAGES = np.random.default_rng(5).integers(0, 8, (23, 6))


def edit_description(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    description = json.loads((folder / "program.json").read_text())
    change(description)
    (folder / "program.json").write_text(json.dumps(description))


def truncate(folder: Path) -> None:
    data = (folder / "program.bin").read_bytes()
    (folder / "program.bin").write_bytes(data[:-8])


CASES: list[tuple[Callable[[Path], object], str]] = [
    (truncate, r"^Program .*program\.bin must have the content hash .{12}, not .{12}$"),
    (lambda f: (f / "program.bin").unlink(), r"^Program .*program\.bin must be readable, and is not: No such file"),
    (lambda f: (f / "program.json").unlink(), r"^Program .*program\.json must be readable, and is not: No such file"),
    (
        lambda f: (f / "program.json").write_text("{"),
        r"^Program .*program\.json must be the one that was generated, and is not: Expecting",
    ),
    (lambda f: (f / "program.json").write_text("[]"), r"^Program .*program\.json must have schema 3, not None$"),
    (
        lambda f: edit_description(f, lambda d: d.update(schema=7)),
        r"^Program .*program\.json must have schema 3, not 7$",
    ),
    (
        lambda f: edit_description(f, lambda d: d["modes"][0].pop("steps")),
        r"^Program .*program\.json must be the one that was generated, and is not: key 'steps' is missing$",
    ),
    (
        lambda f: edit_description(f, lambda d: d["modes"][0]["results"][-1]["groups"].pop()),
        r"^Program of .* must show 3 integers of node 'layer2', not \d$",
    ),
    (
        lambda f: edit_description(f, lambda d: d["modes"][0]["steps"][0].update(windows=2)),
        r"^Program of .* must show 1 windows of node 'linear1', not 2$",
    ),
    (
        lambda f: edit_description(f, lambda d: d["input"]["order"].__setitem__(0, -1)),
        r"^Program of .* must take every element of an image of 6 elements$",
    ),
    (
        lambda f: edit_description(f, lambda d: d["modes"][0].update(mode="8")),
        r"^Program of .* must have the modes of its network, default, not 8$",
    ),
    (lambda f: (f / "network.safetensors").unlink(), r"^Network file .*network\.safetensors: must be a file"),
]


@pytest.mark.parametrize(("fault", "message"), CASES, ids=[message[:60] for _, message in CASES])
def test_files_are_checked(copy: Path, fault: Callable[[Path], object], message: str) -> None:
    fault(copy)
    with pytest.raises(InvalidInput, match=message):
        verify(copy, IMAGES)


def test_images_become_words(folder: Path) -> None:
    accelerator = read_accelerator(folder)
    words = accelerator.input_words(IMAGES[:5])
    per_image = accelerator.description["input"]["words_per_frame"]
    assert len(words) == 2 + 5 * per_image
    assert int(words[0]) == accelerator.header(per_image, 4)
    assert int(words[1 + 4 * per_image]) == accelerator.header(per_image, 1)
    bits = accelerator.description["input"]["element_bits"]
    order = accelerator.description["input"]["order"]
    per_word = accelerator.description["input"]["elements_per_word"]
    for slot, element in enumerate(order):
        word, place = divmod(slot, per_word)
        found = int(words[1 + word]) >> (place * bits) & ((1 << bits) - 1)
        assert found == (IMAGES[0, element] if element >= 0 else 0)


@pytest.mark.parametrize("signed", [False, True])
def test_output_words_become_values(folder: Path, signed: bool) -> None:
    accelerator = read_accelerator(folder)
    words = accelerator.shown[0].words | {"element_bits": 16, "elements_per_word": 4, "signed": signed}
    accelerator = dataclasses.replace(accelerator, shown=(dataclasses.replace(accelerator.shown[0], words=words),))
    values = accelerator.output_values(np.array([0xFFFF_0001_8000_7FFF], np.uint64))
    assert values.tolist() == [[0x7FFF, -0x8000, 1, -1] if signed else [0x7FFF, 0x8000, 1, 0xFFFF]]
