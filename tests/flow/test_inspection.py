import base64
import json
import zlib
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from quadrille.algo.integer.network_file import write_network
from quadrille.algo.spec import Conv2d, Dequantize, InvalidInput, Linear, Network, Window
from quadrille.flow.inspection import inspect, network_file, window_text
from quadrille.flow.pictures import graph_svg, image_uri, occupancy_svg, schedule_svg
from quadrille.hw.engine import compile_network


def test_every_node_is_described(small_network: Network) -> None:
    described = inspect(small_network)
    assert [node.name for node in described.nodes] == [node.name for node in small_network.nodes]
    assert described.weights == 64 * 12 + 12 * 10
    for shown, node in zip(described.nodes, small_network.nodes, strict=True):
        edge = small_network.edges[node.name]
        assert (shown.shape, shown.format) == (edge.shape, str(edge.format))
        assert (shown.accumulator is not None) == isinstance(node, (Linear, Dequantize))
    linear = described.nodes[1]
    assert linear.tiles == (40, 24)
    assert linear.detail == "binary weights, row tiles 40+24, 3-bit ADC"


def test_convolutions_are_described(make_convolutional_network: Callable[..., Network]) -> None:
    network = make_convolutional_network(
        Random(1), shape=(4, 9, 9), channels=(4, 8), stride=2, groups=2, residual="subsample", rows=16, adc_bits=3
    )
    described = {node.name: node for node in inspect(network).nodes}
    details = {node.kind: node.detail for node in described.values()}
    assert described["conv1"].detail == "3x3, padding 1, 2 groups, binary weights, row tiles 2x9, 3-bit ADC"
    assert described["conv4"].detail.startswith("3x3, stride 2, padding 1, 2 groups, binary weights")
    assert described["conv1"].accumulator is not None
    assert details["subsample"] == "every 2. element, zeros up to channel 8"
    assert details["requantize"] == "mantissa 1, shift 4"
    assert details["flatten"] == "row-major"
    assert details["add"].startswith("mantissas ")
    weights = sum(len(node.weight.flat) for node in network.nodes if isinstance(node, (Conv2d, Linear)))
    assert inspect(network).weights == weights


@pytest.mark.parametrize(
    ("window", "text"),
    [
        (Window((3, 3)), "3x3"),
        (Window((1, 5), (2, 1), (0, 2)), "1x5, stride 2x1, padding 0x2"),
        (Window((2, 2), (2, 2)), "2x2, stride 2"),
    ],
)
def test_windows_have_words(window: Window, text: str) -> None:
    assert window_text(window) == text


def test_file_and_folder_are_read(small_network: Network, tmp_path: Path) -> None:
    path = write_network(small_network, tmp_path / "network.safetensors")
    assert network_file(tmp_path) == path
    assert inspect(path) == inspect(tmp_path)
    shown = inspect(path)
    assert str(shown).count("\n") > len(shown.nodes)
    assert "dequantize2" in shown._repr_html_()
    assert json.loads(json.dumps(shown.as_dict()))["notes"]["dataset"] == "digits"


def test_a_network_lies_on_macros(make_convolutional_network: Callable[..., Network], tmp_path: Path) -> None:
    network = make_convolutional_network(Random(2), shape=(2, 6, 6), channels=(4,), rows=16, weight_bits=2)
    assert inspect(network).layout is None
    shown = inspect(network, rows=16, columns=16, settings={"lanes": 4}, output=tmp_path / "pictures")
    layout = shown.layout
    assert layout is not None
    assert [(use.layer, use.tile, use.rows, use.columns) for use in layout.tiles[:2]] == [
        ("conv1", 0, 9, 8),
        ("conv1", 1, 9, 8),
    ]
    assert layout.tiles[0].share == 9 * 8 / 256
    assert layout.utilization == sum(use.share for use in layout.tiles) / len(layout.tiles)
    assert {span.label for span in layout.spans} == {use.layer for use in layout.tiles}
    assert max(span.end for span in layout.spans) <= layout.cycles
    assert [path.name for path in layout.pictures] == ["occupancy.png", "schedule.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in layout.pictures)
    assert "28.1 %" in str(shown) and "28.1 %" in shown._repr_html_()
    assert json.loads(json.dumps(shown.as_dict()))["layout"]["tiles"][0]["rows"] == 9


def test_an_accelerator_has_its_own_shape(small_network: Network, tmp_path: Path) -> None:
    write_network(small_network, tmp_path / "network.safetensors")
    configuration = compile_network(small_network, rows=40, columns=16, lanes=4).configuration
    (tmp_path / "accelerator.json").write_text(json.dumps({"parameters": configuration.record()}))
    layout = inspect(tmp_path).layout
    assert layout is not None
    assert (layout.rows, layout.columns) == (40, 16)
    with pytest.raises(InvalidInput, match=r"^Shape and settings must be left out for the accelerator in .*, which"):
        inspect(tmp_path, rows=64)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        InvalidInput, match=r"^Network file .*network\.safetensors: must be a file, and does not exist$"
    ):
        inspect(tmp_path / "network.safetensors")


def test_graph_shows_every_node(small_network: Network) -> None:
    drawn = graph_svg(inspect(small_network))
    assert all(f">{node.name}<" in drawn for node in small_network.nodes)
    assert drawn.startswith("<svg") and drawn.endswith("</svg>")


def test_other_pictures_are_drawn() -> None:
    tiles = [{"label": "1. a & b", "rows": 8, "most": 16, "runs": [(0, 4, 0), (4, 2, 1)]}]
    assert "1. a &amp; b" in occupancy_svg(16, 8, tiles)
    assert "75 %" not in occupancy_svg(16, 8, tiles)
    assert "38 % of the cells" in occupancy_svg(16, 8, tiles)
    assert ">1,234<" in schedule_svg([("1. a", (1234, 5))], ("#000", "#fff"))


@pytest.mark.parametrize(
    ("pixels", "kind", "first"),
    [
        ([[0, 15], [15, 0]], 0, (255, 0)),
        ([[[0, 15]], [[3, 0]], [[6, 0]]], 2, (0, 51, 102, 255, 0, 0)),
        ([[[0, 15]]], 2, (0, 0, 0, 255, 255, 255)),
    ],
)
def test_images_are_grey_or_coloured(pixels: list[Any], kind: int, first: tuple[int, ...]) -> None:
    address = image_uri(pixels, 15)
    assert address.startswith("data:image/png;base64,")
    png = base64.b64decode(address.partition(",")[2])
    assert png[25] == kind
    data = zlib.decompress(png[png.index(b"IDAT") + 4 :])
    assert tuple(data[1 : 1 + len(first)]) == first
