"""Captures laid out beat by beat, in loops, against the comparison that takes whole layers at a time."""

from collections.abc import Callable
from random import Random
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from quadrille.algo.spec import (
    Argmax,
    Conv2d,
    Dequantize,
    Flatten,
    Input,
    IntFormat,
    IntTensor,
    Linear,
    MaxPool,
    Network,
    Requantize,
    RowSum,
    Subsample,
    Window,
)
from quadrille.sim.beats import PADDING, Beats
from quadrille.sim.comparison import Agreement, Reference, Tally
from quadrille.sim.description import END, code_beats, ends, output_beats, reference_beats, result_beats, row_sum_of
from quadrille.sim.shown import Shown

LANES = 2
WINDOW = Window((3, 3), (1, 1), (1, 1), groups=2)
INDEX = {"node": "class", "kind": "index", "elements_per_word": 1}
GENERATOR = np.random.default_rng(3)


def weights(shape: tuple[int, ...]) -> IntTensor:
    return IntTensor.of(GENERATOR.integers(-2, 2, shape).reshape(-1).tolist(), shape)


def dequantize(name: str, inputs: tuple[str, ...], columns: tuple[int, int, int]) -> Dequantize:
    tiles, _, outputs = columns
    count = columns[0] * columns[1] * columns[2]
    return Dequantize(
        name=name,
        inputs=inputs,
        mantissa=IntTensor.of([1] * count, columns),
        sum_mantissa=IntTensor.of([1] * tiles * outputs, (tiles, outputs)) if len(inputs) > 1 else None,
        bias=IntTensor.of([0] * outputs, (outputs,)),
        shift=2,
        format=IntFormat(6),
    )


# Two groups of two channels and three outputs each, 18 rows in tiles that split a kernel, two slices.
CONVOLUTION = Conv2d(
    name="conv",
    inputs=("image",),
    weight=weights((6, 2, 3, 3)),
    weight_bits=2,
    cell_bits=1,
    tile_rows=(13, 5),
    window=WINDOW,
)
NETWORK = Network(
    "maps",
    (
        Input(name="image", shape=(4, 4, 5), format=IntFormat(4)),
        CONVOLUTION,
        RowSum(name="sums", inputs=("image",), tile_rows=(13, 5), window=WINDOW),
        dequantize("layer", ("conv", "sums"), (2, 2, 6)),
        MaxPool(name="pool", inputs=("layer",), window=Window((2, 2), (2, 2))),
        Requantize(name="small", inputs=("pool",), mantissa=1, shift=2, format=IntFormat(4)),
        Subsample(name="thin", inputs=("small",), stride=2, channels=6),
        Flatten(name="flat", inputs=("thin",)),
        Linear(name="dense", inputs=("flat",), weight=weights((3, 6)), weight_bits=2, cell_bits=2, tile_rows=(6,)),
        dequantize("scores", ("dense",), (1, 1, 3)),
        Argmax(name="class", inputs=("scores",)),
    ),
)

CHUNKS = [(0, [0, 1]), (0, [2, PADDING]), (1, [4, 3]), (1, [5, PADDING])]
# The first group's row tiles are computed together, column by column; those of the second one after the other.
STEPS: list[dict[str, Any]] = [
    {
        "node": "conv",
        "group": group,
        "windows": 20,
        "columns": [
            {"tile": tile, "slice": piece, "outputs": outputs}
            for piece in (1, 0, None)
            for of, outputs in CHUNKS
            for tile in tiles
            if of == group and (piece is not None or outputs[0] == 4)
        ],
    }
    for group, tiles in ((0, (0, 1)), (1, (0,)), (1, (1,)))
] + [
    {
        "node": "dense",
        "group": 0,
        "windows": 1,
        "columns": [{"tile": 0, "slice": 0, "outputs": o} for o in ([0, 1], [2, PADDING])],
    }
]


def shown(node: str, windows: int, final: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The list of a tap that shows `node` after the last row tile of each group, and `final` in the last step."""
    groups = [[{"node": node, "outputs": outputs} for of, outputs in CHUNKS if of == group] for group in (0, 1)]
    return [
        {"windows": windows, "groups": groups[0]},
        {"windows": windows, "groups": []},
        {"windows": windows, "groups": groups[1]},
        {"windows": 1, "groups": final},
    ]


RESULTS = shown("layer", 20, [{"node": "scores", "outputs": [0, 1]}, {"node": "scores", "outputs": [2, -1]}])
POOLED = shown("pool", 4, [])
SMALL = shown("small", 4, [])
TAPS: dict[str, Beats] = {
    "codes": code_beats(STEPS, NETWORK),
    "references": reference_beats(STEPS, NETWORK),
    "results": result_beats(RESULTS, NETWORK),
    "pooled": result_beats(POOLED, NETWORK),
}


def tensors(images: int) -> dict[str, NDArray[np.int64]]:
    """A tensor of distinct integers for each node: nothing is where it should not be without being noticed."""
    found = {name: edge.shape for name, edge in NETWORK.edges.items()}
    found[row_sum_of(NETWORK, "dense").name] = (1,)
    return {
        name: np.arange(images * int(np.prod(shape)), dtype=np.int64).reshape(images, *shape)
        for name, shape in found.items()
    }


def element(name: str, want: dict[str, NDArray[np.int64]], image: int, at: tuple[int, ...], window: int) -> int:
    """One integer of a tensor, by its place and the number of its window."""
    tensor = want[name][image]
    if tensor.ndim < 3:
        return int(tensor[at])
    return int(tensor[at].reshape(-1)[window])


def laid_out(images: int, frames: int, want: dict[str, NDArray[np.int64]]) -> dict[str, NDArray[np.int32]]:
    """The lanes of every beat of every tap, in the order in which the hardware delivers them."""
    beats: dict[str, list[list[int]]] = {name: [] for name in TAPS}
    for start in range(0, images, frames):
        batch = range(start, min(start + frames, images))
        for index, step in enumerate(STEPS):
            convolution = step["node"] == "conv"
            sums = "sums" if convolution else row_sum_of(NETWORK, "dense").name
            for image in batch:
                for window in range(step["windows"]):
                    for column in step["columns"]:
                        tile = column["tile"]
                        place = (tile, step["group"]) if convolution else (tile,)
                        row_sum = element(sums, want, image, place, window)
                        lanes = [
                            row_sum
                            if column["slice"] is None
                            else element(step["node"], want, image, (tile, column["slice"], output), window)
                            for output in column["outputs"]
                        ]
                        beats["codes"].append(
                            [value if o != PADDING else 77 for value, o in zip(lanes, column["outputs"], strict=True)]
                        )
                        beats["references"].append([row_sum])
                for name, steps in (("results", RESULTS), ("pooled", POOLED)):
                    for window in range(steps[index]["windows"]):
                        for group in steps[index]["groups"]:
                            beats[name].append(
                                [
                                    element(group["node"], want, image, (output,), window) if output != PADDING else 77
                                    for output in group["outputs"]
                                ]
                            )
    return {name: np.array(rows, np.int32) for name, rows in beats.items()}


@settings(derandomize=True, deadline=None, max_examples=12)
@given(images=st.integers(1, 7), frames=st.integers(1, 3))
def test_what_is_right_agrees(images: int, frames: int) -> None:
    want = tensors(images)
    got = laid_out(images, frames, want)
    tally = Tally(want, images, frames)
    for name, beats in TAPS.items():
        assert beats.per_image * images == len(got[name])
        tally.take(beats, got[name], np.arange(len(got[name])))
    assert tally.first is None
    assert tally.nodes["conv"] == Agreement(images * 2 * 2 * 6 * 20, 0)
    assert tally.nodes["layer"] == Agreement(images * 6 * 20, 0)
    assert tally.nodes["pool"] == Agreement(images * 6 * 4, 0)
    assert tally.nodes["scores"] == Agreement(images * 3, 0)


@settings(derandomize=True, deadline=None, max_examples=40)
@given(data=st.data())
def test_every_wrong_lane_is_found(data: st.DataObject) -> None:
    images, frames = data.draw(st.sampled_from([(5, 2), (4, 4), (3, 1)]))
    want = tensors(images)
    got = laid_out(images, frames, want)
    name = data.draw(st.sampled_from(list(TAPS)))
    wrong = data.draw(st.lists(st.integers(0, len(got[name]) - 1), min_size=1, max_size=4, unique=True))
    lane = 0  # of every beat, the one that is never idle
    for beat in wrong:
        got[name][beat, lane] += 1 << 20
    tally = Tally(want, images, frames)
    tally.take(TAPS[name], got[name], 10 + 3 * np.arange(len(got[name])))
    first = tally.first
    assert first is not None
    assert first.cycle == 10 + 3 * min(wrong)
    assert first.lane == lane
    assert (first.got, first.expected) == (int(got[name][min(wrong), lane]), first.got - (1 << 20))
    assert sum(node.mismatches for node in tally.nodes.values()) == len(wrong)
    if first.node in NETWORK.edges:
        assert want[first.node][(first.image, *first.place)] == first.expected
        assert len(first.axes) == len(first.place) == want[first.node].ndim - 1


def test_a_mismatch_on_a_map_says_where() -> None:
    want = tensors(2)
    got = laid_out(2, 2, want)
    columns = len(STEPS[0]["columns"])
    got["codes"][columns * 7 + 4, 1] = -1  # image 0, window 7, fifth column: tile 0, slice 0, outputs 0 and 1
    tally = Tally(want, 2, 2)
    tally.take(TAPS["codes"], got["codes"], np.arange(len(got["codes"])))
    expected = int(want["conv"][0, 0, 0, 1, 1, 2])
    assert str(tally.first) == (
        "node conv, tile 0, slice 0, output 1, y 1, x 2, image 0, lane 1, "
        f"cycle {columns * 7 + 4}: expected {expected}, got -1"
    )


@pytest.mark.parametrize(("frames", "images"), [(3, 7), (1, 2)])
def test_a_map_leaves_in_words(frames: int, images: int) -> None:
    """The result of a network cut off behind its maps, two outputs in a word, and flags of its ends."""
    output = {"node": "flat", "kind": "values", "elements_per_word": 2}
    small = SMALL[:-1]
    network = Network("head", (*NETWORK.nodes[:6], Flatten(name="flat", inputs=("small",))))
    leaving = output_beats(RESULTS[:-1], [POOLED[:-1], small], output, network)
    assert leaving.per_image == 4 * (2 + 2)
    want = tensors(images)
    rows, flags = [], []
    for start in range(0, images, frames):
        batch = range(start, min(images, start + frames))
        for step in (0, 2):
            for image in batch:
                for window in range(4):
                    for outputs in ([0, 1], [2]) if step == 0 else ([4, 3], [5]):
                        values = [element("small", want, image, (output,), window) for output in outputs]
                        rows.append((values + [99])[:2])
                        flags.append([int(step == 2 and window == 3 and outputs == [5])])
    want[END] = np.zeros((images, 2, 4), np.int64)
    want[END][:, 1, -1] = 1
    tally = Tally(want, images, frames)
    tally.take(leaving, np.array(rows), np.arange(len(rows)))
    tally.take(ends(leaving), np.array(flags), np.arange(len(flags)))
    assert tally.first is None
    assert tally.nodes == {"small": Agreement(images * 24, 0), END: Agreement(images * 16, 0)}


def test_an_index_leaves_once() -> None:
    leaving = output_beats(RESULTS, [POOLED, SMALL], INDEX, NETWORK)
    assert [step.columns * step.windows for step in leaving.steps] == [0, 0, 0, 1]
    assert [step.columns for step in ends(leaving).steps] == [0, 0, 0, 1]


def test_row_sums_that_no_node_has(make_convolutional_network: Callable[..., Network]) -> None:
    """Those of the network with the nodes are those that the reference adds without them."""
    network = make_convolutional_network(Random(4), shape=(3, 6, 6), rows=16, fill_rows=True, stride=2, row_sums=False)
    output = output_beats([{"windows": 1, "groups": [{"node": "linear1", "outputs": [0]}]}], [], INDEX, network)
    reference = Reference(cast("Shown", SimpleNamespace(network=network, output=output)))
    found = reference.tensors(GENERATOR.integers(0, 16, (3, 3, 6, 6)))
    for node in network.of_kind(Conv2d):
        sums = row_sum_of(network, node.name)
        maps = np.pad(found[node.inputs[0]], [(0, 0), (0, 0), (1, 1), (1, 1)])
        down, across = node.window.output_size(*network.edges[node.inputs[0]].shape[1:])
        step = node.window.stride[0]
        starts = np.cumsum([0, *node.tile_rows])
        for y in range(down):
            for x in range(across):
                patch = maps[:, :, step * y : step * y + 3, step * x : step * x + 3].reshape(3, -1)
                for tile, (begin, end) in enumerate(zip(starts[:-1], starts[1:], strict=True)):
                    want = patch[:, begin:end].sum(axis=1)
                    np.testing.assert_array_equal(found[sums.name][:, tile, 0, y, x], want)


def test_row_sums_belong_to_what_reads_the_same() -> None:
    assert row_sum_of(NETWORK, "conv").name == "sums"
    extra = row_sum_of(NETWORK, "dense")
    assert (extra.name, extra.tile_rows, extra.window) == ("dense (row sums)", (6,), None)
