"""Payloads: packing and unpacking by the manifest's offsets, and manifests that are refused."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quadrille.algo.spec import InvalidInput
from quadrille.hw.export import mapped_manifest
from quadrille.tb.fields import Field
from quadrille.tb.manifest import Manifest, Port, StreamPort

DETERMINISTIC = settings(derandomize=True, deadline=None)


@pytest.mark.parametrize(
    ("field", "value", "payload"),
    [
        (Field("x", 0, 4), 9, 0b1001),
        (Field("x", 3, 4), 9, 0b1001000),
        (Field("x", 2, 3, signed=True), -1, 0b11100),
        (Field("x", 0, 2, dimensions=((3, 2),)), [1, 2, 3], 0b111001),
        (Field("x", 1, 2, dimensions=((2, 5),)), [3, 1], 0b1_00011_0),
        (Field("x", 0, 1, dimensions=((2, 4), (2, 1))), [1, 0, 1, 1], 0b110001),
        (Field("x", 0, 70), 1 << 69, 1 << 69),
        (Field("x", 0, 3, signed=True, dimensions=((9, 3),)), [-4, 3, 0, -1, 1, 2, -2, -3, 0], None),
    ],
)
def test_field_packs_and_unpacks(field: Field, value: int | list[int], payload: int | None) -> None:
    if payload is not None:
        assert field.pack(value) == payload
    assert field.unpack(field.pack(value)) == value


@DETERMINISTIC
@given(data=st.data())
def test_unpacking_undoes_packing(data: st.DataObject) -> None:
    width, count = data.draw(st.integers(1, 66)), data.draw(st.integers(1, 20))
    signed, gap = data.draw(st.booleans()), data.draw(st.integers(0, 2))
    offset = data.draw(st.integers(0, 9))
    field = Field("x", offset, width, signed, ((count, width + gap),))
    low = -(1 << (width - 1)) if signed else 0
    values = data.draw(st.lists(st.integers(low, low + (1 << width) - 1), min_size=count, max_size=count))
    payload = field.pack(values)
    assert payload >> (offset + count * (width + gap)) == 0
    assert field.unpack(payload | ((1 << offset) - 1)) == values


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        (Field("x", 0, 3), 8, r"^Field x lane 0 must be from 0 to 7, not 8$"),
        (Field("x", 0, 3), -1, r"^Field x lane 0 must be from 0 to 7, not -1$"),
        (Field("x", 0, 3, signed=True), 4, r"^Field x lane 0 must be from -4 to 3, not 4$"),
        (Field("x", 0, 3, dimensions=((2, 3),)), [0, 9], r"^Field x lane 1 must be from 0 to 7, not 9$"),
        (Field("x", 0, 3, dimensions=((2, 3),)), [0], r"^Field x must have 2 values, not 1$"),
    ],
)
def test_field_refuses_what_does_not_fit(field: Field, value: int | list[int], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        field.pack(value)


def test_a_beat_has_exactly_the_fields_of_its_stream() -> None:
    stream = StreamPort("i", "in", "v", "r", "p", 5, (Field("x", 0, 2), Field("y", 2, 3, signed=True)))
    assert stream.unpack(stream.pack({"x": 3, "y": -4})) == {"x": 3, "y": -4}
    with pytest.raises(InvalidInput, match=r"^Beat of stream i must have exactly the stream's fields, not differ in "):
        stream.pack({"x": 1, "z": 1})
    with pytest.raises(InvalidInput, match=r"^Stream i must have a field z, not only \['x', 'y'\]$"):
        stream.field("z")


def test_pins_pack_the_fields_they_are_given() -> None:
    port = Port("pin", "in", 5, False, (Field("x", 0, 2), Field("y", 2, 3)))
    assert port.pack({"y": 5}) == 0b10100


def test_manifest_is_read(doubler: Path) -> None:
    manifest = Manifest.read(doubler)
    assert manifest.label == "doubler[bits=6]"
    assert manifest.verilog == doubler / "doubler.v"
    assert list(manifest.streams) == ["i", "o"]
    assert manifest.port("fault").width == 3
    with pytest.raises(InvalidInput, match=r"^Block doubler must have a port nonsense, and has none$"):
        manifest.port("nonsense")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no json", "^Manifest must be JSON, not "),
        ("[]", "^Manifest must be of schema 1, not "),
        (json.dumps({"schema": 2}), "^Manifest must be of schema 1, not "),
        (json.dumps({"schema": 1}), "^Manifest must describe ports and streams completely, not "),
    ],
)
def test_manifest_refuses(doubler: Path, text: str, message: str) -> None:
    (doubler / "doubler.json").write_text(text)
    with pytest.raises(InvalidInput, match=message):
        Manifest.read(doubler / "doubler.json")


def test_models_of_cells_belong_to_the_verilog_of_a_netlist(doubler: Path) -> None:
    description, models = (
        json.loads((doubler / "doubler.json").read_text()),
        {"cells.v": "// cells\n", "memories.v": ""},
    )
    netlist = (doubler / "doubler.v").read_text()
    mapped = mapped_manifest(description, netlist, models, {"library": "small"})
    (doubler / "doubler.json").write_text(json.dumps(mapped))
    with pytest.raises(InvalidInput, match=r"^Verilog must be a readable file, not .*cells.v$"):
        Manifest.read(doubler)
    for name, text in models.items():
        (doubler / name).write_text(text)
    manifest = Manifest.read(doubler)
    assert [path.name for path in manifest.models] == ["cells.v", "memories.v"]
    assert manifest.verilog_text() == netlist + "// cells\n"
    (doubler / "cells.v").write_text("// others")
    with pytest.raises(InvalidInput, match=r"^Verilog must be the one its manifest describes, not "):
        Manifest.read(doubler)


def test_manifest_must_be_there_and_belong_to_its_verilog(doubler: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"^Manifest must be a readable file, not "):
        Manifest.read(tmp_path / "none.json")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidInput, match=r"^Folder must hold one manifest beside its Verilog, not 0: "):
        Manifest.read(tmp_path / "empty")
    text = (doubler / "doubler.v").read_text()
    (doubler / "doubler.v").write_text(re.sub("fault == 7", "fault == 0", text))
    with pytest.raises(InvalidInput, match=r"^Verilog must be the one its manifest describes, not "):
        Manifest.read(doubler)
