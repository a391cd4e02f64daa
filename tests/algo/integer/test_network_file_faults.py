"""Files that are no Network, in every way that they may not be: one sentence each."""

import json
import re

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save, save_file

from quadrille.algo.integer import read_network, sealed_file, write_network
from quadrille.algo.integer.network_file import METADATA_KEY
from quadrille.algo.spec import InvalidInput


def edit(path, change=lambda graph: None, tensors=lambda arrays: None):
    """A file whose graph and tensors have been changed."""
    arrays = load_file(path)
    with safe_open(path, framework="numpy") as file:
        text = file.metadata()[METADATA_KEY]
    graph = json.loads(text)
    change(graph)
    tensors(arrays)
    edited = path.with_name("edited")
    save_file(arrays, edited, {METADATA_KEY: json.dumps(graph)})
    return edited


@pytest.fixture
def path(make_network, tmp_path):
    return write_network(make_network(), tmp_path / "net.safetensors")


def refused(path):
    """The sentence with which the file is refused, after the file's name."""
    with pytest.raises(InvalidInput) as caught:
        read_network(path)
    start = f"Network file {path}: "
    sentence = str(caught.value)
    assert sentence.startswith(start)
    assert "\n" not in sentence
    return sentence.removeprefix(start)


def put(key, value, node=None):
    def change(graph):
        (graph if node is None else graph["nodes"][node])[key] = value

    return change


def drop(key, node=None):
    def change(graph):
        (graph if node is None else graph["nodes"][node]).pop(key)

    return change


def array(name, make):
    def change(arrays):
        arrays[name] = make(arrays.get(name))

    return change


@pytest.mark.parametrize(
    ("change", "node", "message"),
    [
        (put("schema", 3), None, r"^graph must have schema version 1 or 2, not 3$"),
        (put("schema", True), None, r"^graph must have schema version 1 or 2, not True$"),
        (drop("schema"), None, r"^graph must have schema version 1 or 2, not None$"),
        (
            drop("notes"),
            None,
            r"^graph must have the fields name, nodes, notes, schema, sha256, not name, nodes, schem",
        ),
        (put("more", 1), None, r"^graph must have the fields name, nodes, notes, schema, sha256, not more, name"),
        (put("name", 3), None, r"^graph's name must be a string, not 3$"),
        (put("nodes", {}), None, r"^graph's nodes must be a list, not \{\}$"),
        (put("notes", []), None, r"^graph's notes must be an object, not \[\]$"),
        (put("notes", {"a": 1}), None, r"^graph's note 'a' must be a string, not 1$"),
        (put("sha256", 1), None, r"^graph's sha256 must be a string, not 1$"),
        (put("nodes", [3]), None, r"^node 0 of the graph must be an object with a name$"),
        (drop("name", 2), None, r"^node 2 of the graph must be an object with a name$"),
        (
            put("kind", "convolution", 1),
            None,
            r"^Node 'linear0': kind must be one of input, linear, conv2d, row-sum, .*, argmax, not 'convolution'$",
        ),
        (drop("kind", 1), "linear0", r"^kind must be one of input, linear, conv2d, .*, argmax, not None$"),
        (put("colour", 1, 1), "linear0", r"^field colour must be one of name, inputs, weight, weight_bits, cell_bits,"),
        (drop("weight", 1), None, r"^Node 'linear0': field weight must be given, and is missing$"),
        (put("weight_bits", "1", 1), "linear0", r"^field weight_bits must be an integer, not '1'$"),
        (put("weight_bits", 1.0, 1), "linear0", r"^field weight_bits must be an integer, not 1\.0$"),
        (put("weight_bits", True, 1), "linear0", r"^field weight_bits must be an integer, not True$"),
        (put("tile_rows", 12, 1), "linear0", r"^field tile_rows must be a list, not 12$"),
        (put("tile_rows", [12, None], 1), "linear0", r"^field 1 must be an integer, not None$"),
        (put("tile_rows", [13], 1), "linear0", r"^row tiles must be positive and add up to 12 rows, not \[13\]$"),
        (put("adc", 5, 1), "linear0", r"^field adc must be an object, not 5$"),
        (put("adc", {"bits": 3}, 1), "linear0", r"^field low must be given, and is missing$"),
        (put("format", 4, 0), "image", r"^field format must be a format like u4 or s8, not 4$"),
        (put("format", "x4", 0), "image", r"^Format must be written like u4 or s8, not 'x4'$"),
        (put("format", "u99", 0), "image", r"^Format width must be from 1 to 64 bits, not 99$"),
        (put("inputs", ["nobody"], 1), "linear0", r"^input must be an earlier node, not 'nobody'$"),
        (put("shift", 63, 3), "values0", r"^shift must be from 0 to 62, not 63$"),
        (
            put("weight", "linear9.weight", 1),
            "linear0",
            r"^field weight must be a tensor of the file, and 'linear9\.weight' is none$",
        ),
        (put("weight", ["w"], 1), "linear0", r"^field weight must be a tensor of the file, and \['w'\] is none$"),
        (
            put("weight", "linear0.weight", 4),
            "linear1",
            r"^field weight must have a tensor of its own, and 'linear0\.weight' is another's$",
        ),
        (
            put("sum_mantissa", None, 3),
            None,
            r"^tensor 'values0\.sum_mantissa' must belong to a node, and belongs to none$",
        ),
        (
            put("shift", 5, 3),
            None,
            r"^contents must have the SHA-256 [0-9a-f]{64} that they were written with, not ",
        ),
        (put("notes", {}), None, r"^contents must have the SHA-256 "),
    ],
)
def test_edited_graphs(path, change, node, message):
    sentence = refused(edit(path, change))
    if node is not None:
        start = f"Node {node!r}: "
        assert sentence.startswith(start)
        sentence = sentence.removeprefix(start)
    assert re.search(message, sentence)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            array("spare", lambda _: np.zeros(3, dtype=np.int8)),
            r"^tensor 'spare' must belong to a node, and belongs to none$",
        ),
        (lambda arrays: arrays.pop("values0.bias"), r"^Node 'values0': field bias must be a tensor of the file, and"),
        (
            array("values0.bias", lambda bias: bias.astype(np.float32)),
            r"^tensor 'values0\.bias' must be of integers I8 to I64, not F32$",
        ),
        (
            array("values0.bias", lambda bias: np.full(bias.shape, np.nan, dtype=np.float64)),
            r"^tensor 'values0\.bias' must be of integers I8 to I64, not F64$",
        ),
        (array("values0.bias", lambda bias: bias[:-1]), r"^Node 'values0': bias must have shape \[9\], not \[8\]$"),
        (
            array("linear0.weight", lambda weight: weight * 0),
            r"^Node 'linear0': weights of 1 bits must be -1 or \+1, not in \[0, 0\]$",
        ),
        (
            array("linear0.adc.thresholds", lambda ladders: ladders[..., ::-1].copy()),
            r"^Node 'linear0': ADC thresholds of column 0 must not descend, not ",
        ),
        (
            array("values0.mantissa", lambda mantissa: mantissa.astype(np.int32) + (1 << 23)),
            r"^Node 'values0': mantissa must lie in \[-8388608, 8388607\], not in ",
        ),
        (array("values0.bias", lambda bias: bias + 1), r"^contents must have the SHA-256 "),
        (array("values0.bias", lambda bias: bias.astype(np.int64)), r"^contents must have the SHA-256 "),
    ],
)
def test_edited_tensors(path, change, message):
    assert re.search(message, refused(edit(path, tensors=change)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"^graph must be JSON, and is not$"),
        ("[" * 100000, r"^graph must be JSON, and is not$"),
        ('{"schema": ' + "9" * 5000 + "}", r"^graph must be JSON, and is not$"),
        ("[1]", r"^graph must be a JSON object, and is not$"),
        ('{"schema": 1, "schema": 1}', r"^graph must give every field once, and gives 'schema' twice$"),
        ('{"schema": NaN}', r"^graph must have schema version 1 or 2, not nan$"),
    ],
)
def test_graphs_that_are_none(path, text, message):
    save_file({}, path, {METADATA_KEY: text})
    assert re.search(message, refused(path))


def test_every_truncation_is_refused(path):
    data = path.read_bytes()
    for length in [*range(0, 64), *range(64, len(data), 211), len(data) - 1]:
        path.write_bytes(data[:length])
        assert re.search(r"^must be a whole safetensors file, and is not \(", refused(path))
    path.write_bytes(data + b"\0")
    assert re.search(r"^must be a whole safetensors file, and is not \(", refused(path))


def test_flipped_bits_are_refused(path):
    data = path.read_bytes()
    chance = np.random.default_rng(0)
    for place in chance.integers(0, len(data), 300).tolist():
        flipped = bytearray(data)
        flipped[place] ^= 1 << int(chance.integers(0, 8))
        path.write_bytes(bytes(flipped))
        assert refused(path), place


def test_files_that_are_none(tmp_path):
    missing = tmp_path / "missing"
    assert re.search(r"^must be a file, and does not exist$", refused(missing))
    assert re.search(r"^must be a file, and is a folder$", refused(tmp_path))
    save_file({"a": np.zeros(3)}, tmp_path / "other", {"format": "pt"})
    assert re.search(r"^must hold a Network, and its metadata has none$", refused(tmp_path / "other"))
    (tmp_path / "plain").write_bytes(save({"a": np.zeros(3)}))
    assert re.search(r"^must hold a Network, and its metadata has none$", refused(tmp_path / "plain"))
    (tmp_path / "text").write_text("hello, this is a text and no network")
    assert re.search(r"^must be a whole safetensors file, and is not \(", refused(tmp_path / "text"))


def test_the_sentence_starts_with_the_file(tmp_path):
    with pytest.raises(InvalidInput, match=r"^Network file .*missing: must be a file, and does not exist$"):
        read_network(tmp_path / "missing")


def test_unreadable(path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(sealed_file, "safe_open", refuse)
    assert re.search(r"^must be readable: Permission denied$", refused(path))
