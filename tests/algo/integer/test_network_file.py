"""The Network file: there and back, the same bytes, and never half a file."""

import dataclasses
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open

from quadrille.algo.integer import read_network, write_network
from quadrille.algo.integer.network_file import METADATA_KEY
from quadrille.algo.integer.records import RecordReader, decode_record
from quadrille.algo.spec import NODE_KINDS, IntTensor, InvalidInput, Network, Node, Overflow, Rounding


@given(
    seed=st.integers(0, 2**32 - 1),
    weight_bits=st.integers(1, 8),
    cell_bits=st.integers(1, 4),
    adc_bits=st.integers(0, 4),
    affine=st.booleans(),
    note=st.text(max_size=20).filter(lambda text: text.isprintable()),
)
@settings(derandomize=True, deadline=None, max_examples=60)
def test_there_and_back(make_network, tmp_path_factory, seed, weight_bits, cell_bits, adc_bits, affine, note):
    network = make_network(
        seed=seed, sizes=(5, 4), weight_bits=weight_bits, cell_bits=cell_bits, adc_bits=adc_bits, affine=affine
    )
    network = dataclasses.replace(network, notes={"note": note, note: "note"})
    path = tmp_path_factory.mktemp("network") / "network.safetensors"
    assert write_network(network, path) == path
    again = read_network(path)
    assert again == network
    assert again.notes == network.notes
    assert again.edges == network.edges
    first = path.read_bytes()
    write_network(again, path)
    assert path.read_bytes() == first
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_same_bytes_in_another_process(make_network, tmp_path):
    write_network(make_network(), tmp_path / "a")
    code = (
        "import sys; from quadrille.algo.integer import read_network, write_network;"
        "write_network(read_network(sys.argv[1]), sys.argv[2])"
    )
    for seed in ("1", "2"):
        command = [sys.executable, "-c", code, str(tmp_path / "a"), str(tmp_path / "b")]
        subprocess.run(command, check=True, env={"PYTHONHASHSEED": seed})
        assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_tensors_are_named_after_node_and_field(make_network, tmp_path):
    write_network(make_network(), tmp_path / "net")
    with safe_open(tmp_path / "net", framework="numpy") as file:
        assert {"linear0.weight", "linear0.adc.thresholds", "values1.bias"} <= set(file.keys())
        assert list(file.metadata()) == [METADATA_KEY]


def test_a_new_kind_needs_no_code_here(make_network, tmp_path):
    try:

        @dataclass(frozen=True)
        class Segment:
            start: int
            table: IntTensor

        @dataclass(frozen=True, kw_only=True)
        class Curve(Node):
            kind: ClassVar[str] = "curve"
            arity: ClassVar[tuple[int, int]] = (1, 1)

            segments: tuple[Segment, ...]
            rounding: Rounding = Rounding.HALF_UP
            overflow: Overflow | None = None
            periodic: bool = False

            def infer(self, inputs):
                return inputs[0]

        # Local classes are not found by their names; annotations are resolved beforehand.
        Segment.__annotations__ = {"start": int, "table": IntTensor}
        Curve.__annotations__ |= {
            "segments": tuple[Segment, ...],
            "rounding": Rounding,
            "overflow": Overflow | None,
            "periodic": bool,
        }
        segments = (Segment(3, IntTensor.of([1, 2], (2,))), Segment(9, IntTensor.of([-1], (1,), "int8")))
        image = make_network().input
        curve = Curve(name="curve", inputs=("image",), segments=segments, overflow=Overflow.WRAP, periodic=True)
        network = Network("curve", (image, curve))
        assert read_network(write_network(network, tmp_path / "net")) == network
        with pytest.raises(InvalidInput, match=r"^field rounding must be one of half-up, floor, not 'up'$"):
            decode_record(Curve, {"name": "curve", "segments": [], "rounding": "up"}, "curve", RecordReader({}))
    finally:
        NODE_KINDS.pop("curve", None)


@dataclass(frozen=True, kw_only=True)
class Shadow(Node):
    kind: ClassVar[str] = "shadow"
    arity: ClassVar[tuple[int, int]] = (1, 1)

    thresholds: IntTensor

    def infer(self, inputs):
        return inputs[0]


NODE_KINDS.pop("shadow")  # for one test alone


def test_unwritable(make_network, tmp_path):
    with pytest.raises(InvalidInput, match=r"^Network file .*net must be writable: No such file or directory$"):
        write_network(make_network(), tmp_path / "nowhere" / "net")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InvalidInput, match=r"^Network file .*folder must be writable: Is a directory$"):
        write_network(make_network(), tmp_path / "folder")
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder"]


def test_an_interrupted_write_leaves_the_old_file(make_network, tmp_path, monkeypatch):
    path = write_network(make_network(), tmp_path / "net")
    before = path.read_bytes()

    def interrupt(self, data):
        self.touch()
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "write_bytes", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_network(make_network(seed=1), path)
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_tables_of_one_name(make_network, tmp_path):
    """A node called like the table of another: its own table would take that name."""
    first = make_network()
    linear, values = first.node("linear0"), first.node("values0")
    shadow = Shadow(name="linear0.adc", inputs=("values0",), thresholds=values.bias)
    network = Network("net", (first.input, linear, first.node("sums0"), values, shadow))
    message = r"^Tensor 'linear0\.adc\.thresholds' must be named once, and two nodes' fields give that name$"
    with pytest.raises(InvalidInput, match=message):
        write_network(network, tmp_path / "net")
    assert not list(tmp_path.iterdir())
