import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from quadrille.algo.spec import IntFormat, InvalidInput
from quadrille.flow.results import Result, difference, digest, percent, plain, read_json, size
from quadrille.flow.tables import table_html, table_text


@dataclass(frozen=True)
class Sample(Result):
    folder: Path
    count: int
    format: IntFormat
    shares: tuple[float, ...]


SAMPLE = Sample(Path("build"), 3, IntFormat(4), (0.5, 1.0))


def test_result_prints_a_table() -> None:
    assert str(SAMPLE) == "Result\n  folder  build\n  count   3\n  format  u4\n  shares  (0.5, 1.0)"


def test_result_is_json() -> None:
    expected = {"folder": "build", "count": 3, "format": {"bits": 4, "signed": False}, "shares": [0.5, 1.0]}
    assert json.loads(json.dumps(SAMPLE.as_dict())) == expected


def test_result_is_html_and_escapes() -> None:
    assert "<td" in SAMPLE._repr_html_()
    assert "&lt;b&gt;" in table_html(("a",), [["<b>"]])


def test_result_is_frozen() -> None:
    with pytest.raises(AttributeError):
        SAMPLE.count = 4  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.int64(3), 3),
        (np.float32(0.5), 0.5),
        ({1: (Path("a"), None)}, {"1": ["a", None]}),
        (SAMPLE, SAMPLE.as_dict()),
        (True, True),
    ],
)
def test_plain_value(value: object, expected: object) -> None:
    assert plain(value) == expected


def test_table_sets_numbers_flush_right() -> None:
    text = table_text(("name", "count"), [["a", "1,234"], ["bcdef", "5"]])
    assert text.splitlines() == ["name   count", "-----  -----", "a      1,234", "bcdef      5"]


@pytest.mark.parametrize(("count", "text"), [(12, "12 B"), (273_000, "273 kB"), (1_980_000, "2.0 MB")])
def test_size(count: int, text: str) -> None:
    assert size(count) == text


def test_accuracies_are_readable() -> None:
    assert (percent(0.97777), percent(None)) == ("97.78 %", "unknown")
    assert difference(0.97, 0.98) == "-1.00 points"


def test_digest() -> None:
    assert digest(b"").startswith("e3b0c442")


def test_json_object_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"a": 1}')
    assert read_json(path, "Manifest") == {"a": 1}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"^Manifest must be readable, and .*a\.json is not: No such file or directory$"),
        ("{", r"^Manifest must be JSON, and .*a\.json is not$"),
        ("[1]", r"^Manifest must be a JSON object, not the list in .*a\.json$"),
    ],
)
def test_other_file_is_refused(tmp_path: Path, content: str | None, message: str) -> None:
    path = tmp_path / "a.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InvalidInput, match=message) as caught:
        read_json(path, "Manifest")
    assert re.search(r"a\.json", str(caught.value))
