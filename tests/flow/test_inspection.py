import json
from pathlib import Path

import pytest

from quadrille.algo.integer.network_file import write_network
from quadrille.algo.spec import Dequantize, InvalidInput, Linear, Network
from quadrille.flow.inspection import inspect, network_file
from quadrille.flow.pictures import graph_svg, image_uri, occupancy_svg, schedule_svg


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


def test_file_and_folder_are_read(small_network: Network, tmp_path: Path) -> None:
    path = write_network(small_network, tmp_path / "network.safetensors")
    assert network_file(tmp_path) == path
    assert inspect(path) == inspect(tmp_path)
    shown = inspect(path)
    assert str(shown).count("\n") > len(shown.nodes)
    assert "dequantize2" in shown._repr_html_()
    assert json.loads(json.dumps(shown.as_dict()))["notes"]["dataset"] == "digits"


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
    tiles = [{"label": "1. a & b", "rows": 8, "runs": [(0, 4, 0), (4, 2, 1)]}]
    assert "1. a &amp; b" in occupancy_svg(16, 8, tiles)
    assert "75 %" not in occupancy_svg(16, 8, tiles)
    assert "38 % of the cells" in occupancy_svg(16, 8, tiles)
    assert ">1,234<" in schedule_svg([("1. a", (1234, 5))], ("#000", "#fff"))
    assert image_uri([[0, 15], [15, 0]], 15).startswith("data:image/png;base64,")
