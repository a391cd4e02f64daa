import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from random import Random
from typing import Any

import pytest

from quadrille.algo.data import dataset
from quadrille.algo.integer.network_file import write_network
from quadrille.algo.spec import Conv2d, InvalidInput, Linear, Network
from quadrille.flow.page import report

VOID = {"meta", "img", "br", "rect", "path"}


class Outline(HTMLParser):
    """Headings, pictures and links of a page; fails on tags that do not match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sources: list[str] = []
        self.headings: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "h2":
            self.headings.append(data)


def epochs() -> list[dict[str, Any]]:
    return [{"epoch": n, "converters": n > 3, "loss": 2 / n, "held_out_accuracy": 1 - 0.5 / n} for n in range(1, 7)]


@pytest.fixture
def folder(small_network: Network, tmp_path: Path) -> Path:
    """What `generate` leaves, as far as the page reads it."""
    write_network(small_network, tmp_path / "network.safetensors")
    generation = {
        "rows": 40,
        "columns": 16,
        "macros": 1,
        "parameters": {"lanes": 4, "banks": 1, "frames": 32, "converter": "ladder"},
        "tiles": 3,
        "utilization": 0.6,
        "cycles_per_image": 20.5,
        "modes": ["default"],
        "mode_cycles": [20.5],
        "latency": 150,
        "verilog_bytes": 345_678,
        "content_hash": "abc",
    }
    (tmp_path / "generation.json").write_text(json.dumps(generation))
    steps = [
        {
            "node": node.name,
            "rows": 40,
            "cycles": 4,
            "windows": 1,
            "columns": [
                {
                    "tile": tile,
                    "slice": piece,
                    "outputs": [n if n < node.outputs else -1 for n in range(start, start + 4)],
                }
                for piece in (0, None)
                for start in range(0, node.outputs, 4)
            ],
        }
        for node in small_network.of_kind(Linear)
        for tile in range(len(node.tile_rows))
    ]
    (tmp_path / "program.json").write_text(json.dumps({"modes": [{"steps": steps}]}))
    return tmp_path


def verification(mismatches: int = 0, content_hash: str = "abc") -> dict[str, Any]:
    answers = dataset("digits").held_out_labels.tolist()
    answers[7] = (answers[7] + 1) % 10
    return {
        "content_hash": content_hash,
        "dataset": "digits",
        "images": len(answers),
        "integers": 1_234_567,
        "mismatches": mismatches,
        "nodes": [{"node": "linear1", "kind": "linear", "shape": [2, 1, 12], "integers": 99, "mismatches": mismatches}],
        "first_mismatch": {"node": "linear1", "image": 3} if mismatches else None,
        "float_accuracy": 0.98,
        "integer_accuracy": 0.9756,
        "rtl_accuracy": 0.9756,
        "cycles_predicted": 7000,
        "cycles_simulated": 7000,
        "rtl_images_per_second": 12345.0,
        "reference_images_per_second": 54321.0,
        "answers": answers,
    }


def test_page_before_verification(folder: Path) -> None:
    page = report(folder)
    text = page.path.read_text()
    assert page.bytes == len(text.encode())
    assert Outline(text).headings == ["Network", "Array occupancy", "Schedule", "Cost", "Hardware", "Files"]
    assert "fitted to" in text and "block RAM" in text and "NAND2" in text
    assert "Not verified yet" in text


def test_page_shows_everything_and_needs_nothing(folder: Path) -> None:
    (folder / "verification.json").write_text(json.dumps(verification()))
    layer = {
        "node": "<1>",
        "kind": "linear",
        "elements": 9,
        "largest": 1,
        "mean": 0.1,
        "unequal": 0.02,
        "unequal_alone": 0,
    }
    metrics = {
        "recipe": "digits-mlp",
        "seed": 3,
        "accuracies": {"network": 0.976, "float twin": 0.981},
        "history": {"network": epochs(), "float twin": epochs()},
        "conversion": {"integer_accuracy": 0.9756, "model_accuracy": 0.976, "layers": [layer]},
    }
    (folder / "training.json").write_text(json.dumps(metrics))
    text = report(folder).path.read_text()
    outline = Outline(text)
    assert outline.headings[:4] == ["Verification", "Held-out images", "Training", "Conversion to integers"]
    assert "All 1,234,567 integers of 450 images agree" in text
    assert "&lt;1&gt;" in text
    assert all(source.startswith("data:") for source in outline.sources)
    assert re.search(r"https?://(?!www\.w3\.org)", text) is None
    assert text.count("<figure") == 24
    assert text.count('<figure class="wrong"') == 1


def test_page_shows_mismatches(folder: Path) -> None:
    (folder / "verification.json").write_text(json.dumps(verification(mismatches=5)))
    text = report(folder).path.read_text()
    assert "5 integers differ" in text
    assert "linear1" in text


def test_page_shows_wrong_cycles(folder: Path) -> None:
    (folder / "verification.json").write_text(json.dumps({**verification(), "cycles_simulated": 7001}))
    assert "cycles are not those predicted" in report(folder).path.read_text()


def test_verification_of_other_hardware_is_left_out(folder: Path) -> None:
    (folder / "verification.json").write_text(json.dumps(verification(content_hash="other")))
    assert "Not verified yet" in report(folder).path.read_text()


def test_page_of_a_deep_network(folder: Path, make_convolutional_network: Callable[..., Network]) -> None:
    """Tables in place of what would be metres of picture; no images where there are no answers."""
    network = make_convolutional_network(Random(1), channels=(4, 8), stride=2, residual="subsample", rows=32)
    write_network(network, folder / "network.safetensors")
    steps = [
        {
            "node": node.name,
            "rows": 40,
            "cycles": 4,
            "windows": 64,
            "columns": [{"tile": tile, "slice": 0, "outputs": [0, 1, -1]}],
        }
        for node in network.nodes
        if isinstance(node, (Conv2d, Linear))
        for tile in range(len(node.tile_rows))
    ]
    (folder / "program.json").write_text(json.dumps({"modes": [{"steps": steps * 2}]}))
    found = verification() | {"dataset": "random", "answers": [], "rtl_accuracy": None, "integer_accuracy": None}
    (folder / "verification.json").write_text(json.dumps(found))
    text = report(folder).path.read_text()
    outline = Outline(text)
    assert "Held-out images" not in outline.headings
    assert text.count("<svg") == 1  # the schedule, a line for each layer
    assert text.count('class="wide"') == 1
    assert text.count(">conv5<") == 2  # in the table of nodes and the schedule
    assert "for each layer" in text


def test_page_goes_where_it_is_told(folder: Path) -> None:
    page = report(folder, folder / "there" / "page.html")
    assert page.path == folder / "there" / "page.html"
    assert not (folder / "report.html").exists()


def test_program_of_another_version_is_refused(folder: Path) -> None:
    (folder / "program.json").write_text(json.dumps({"schema": 2, "steps": []}))
    message = r"^Accelerator's program must be generated anew for a report, as its schema is 2$"
    with pytest.raises(InvalidInput, match=message):
        report(folder)


def test_folder_without_accelerator_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        InvalidInput, match=r"^Accelerator's description must be readable, and .*generation\.json is not"
    ):
        report(tmp_path)
    assert list(tmp_path.iterdir()) == []
