"""A file of several modes: what is alike is stored once, and whatever is wrong is one sentence."""

import dataclasses
import json
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from quadrille.algo.integer import read_modes, read_network, tensor_of, write_modes, write_network
from quadrille.algo.integer.network_file import METADATA_KEY, modes_bytes
from quadrille.algo.integer.shared_tensors import derive, derived
from quadrille.algo.spec import DEFAULT_MODE, InvalidInput, Linear, Modes


def truncated(network, bits):
    """The network with the upper `bits` bits of its 8-bit weights, and as many of its mantissas."""
    nodes = []
    for node in network.nodes:
        if isinstance(node, Linear):
            upper = np.asarray(node.weight.view) >> (8 - bits)
            weight = tensor_of(2 * upper + 1 if bits == 1 else upper, "int8")
            node = dataclasses.replace(node, weight=weight, weight_bits=bits, cell_bits=bits)
        nodes.append(node)
    return dataclasses.replace(network, name=f"random-{bits}", nodes=tuple(nodes))


@pytest.fixture(scope="module")
def modes(make_network):
    first = make_network(weight_bits=8, cell_bits=8, adc_bits=0)
    return Modes("random", {"8": first, **{str(k): truncated(first, k) for k in (4, 2, 1)}})


@pytest.fixture
def path(modes, tmp_path):
    return write_modes(modes, tmp_path / "network.safetensors")


def test_there_and_back(modes, path):
    assert read_modes(path) == modes
    assert read_network(path) == modes.networks["8"]
    assert [read_network(path, mode) for mode in modes.names] == list(modes.networks.values())
    assert write_modes(read_modes(path), path.with_name("again")).read_bytes() == path.read_bytes()
    with pytest.raises(InvalidInput, match=r"^Mode must be one of 8, 4, 2, 1 of network 'random', not '3'$"):
        read_network(path, "3")


def test_weights_are_stored_once(modes, path):
    tensors = load_file(path)
    assert all(name.startswith("8/") for name in tensors)
    assert {"8/linear0.weight", "8/linear1.weight", "8/values0.bias"} <= set(tensors)
    with safe_open(path, framework="numpy") as file:
        assert list(file.metadata()) == [METADATA_KEY]
        graph = json.loads(file.metadata()[METADATA_KEY])
    shared = [{name: (r["shift"], r["signs"]) for name, r in mode["shared"].items()} for mode in graph["modes"]]
    assert [record["linear0.weight"] for record in shared[1:]] == [(4, False), (6, False), (7, True)]
    assert shared[1]["values0.bias"] == (0, False)
    assert shared[0] == {}
    assert len(path.read_bytes()) < len(modes_bytes(Modes("random", {"8": modes.default}))) + 3 * 2500


def test_tensors_that_differ_are_stored(modes, tmp_path):
    changed = list(modes.networks["4"].nodes)
    place = next(n for n, node in enumerate(changed) if node.name == "values0")
    bias = np.array(changed[place].bias.view) + np.arange(9)
    changed[place] = dataclasses.replace(changed[place], bias=tensor_of(bias))
    other = Modes("two", {"8": modes.default, "4": dataclasses.replace(modes.networks["4"], nodes=tuple(changed))})
    path = write_modes(other, tmp_path / "two")
    assert [name for name in load_file(path) if not name.startswith("8/")] == ["4/values0.bias"]
    assert read_modes(path) == other


@given(values=st.lists(st.integers(-128, 127), min_size=1, max_size=20), shift=st.integers(0, 8), signs=st.booleans())
@settings(derandomize=True, deadline=None)
def test_what_is_derived_is_found(values, shift, signs):
    source = tensor_of(values, "int8")
    upper = np.array(values) >> shift
    tensor = tensor_of(2 * upper + 1 if signs else upper, "int16")
    recipe = derive(tensor, source, "w")
    assert recipe is not None or shift == 8
    if recipe is not None:
        assert recipe.shift <= shift
        assert derived(recipe, {"w": source}) == tensor
    assert derive(tensor_of([*values, 1]), source, "w") is None
    assert derive(tensor_of([300] * len(values)), source, "w") is None


def test_a_plain_network_is_one_mode(make_network, tmp_path):
    network = make_network()
    path = write_network(network, tmp_path / "plain")
    assert read_modes(path) == Modes.of(network)
    assert read_network(path, DEFAULT_MODE) == network
    assert read_modes(write_modes(Modes.of(network), tmp_path / "one")) == Modes.of(network)
    with pytest.raises(InvalidInput, match=r"^Mode must be one of default of network 'random', not '4'$"):
        read_network(path, "4")


def refused(path, change, tensors=lambda arrays: None):
    """The sentence with which the edited file is refused, after the file's name."""
    arrays = load_file(path)
    with safe_open(path, framework="numpy") as file:
        graph = json.loads(file.metadata()[METADATA_KEY])
    change(graph)
    tensors(arrays)
    edited = path.with_name("edited")
    save_file(arrays, edited, {METADATA_KEY: json.dumps(graph)})
    with pytest.raises(InvalidInput) as caught:
        read_modes(edited)
    start = f"Network file {edited}: "
    assert str(caught.value).startswith(start)
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix(start)


def put(mode, key, value):
    def change(graph):
        (graph if mode is None else graph["modes"][mode])[key] = value

    return change


def share(**changes):
    def change(graph):
        graph["modes"][1]["shared"]["linear0.weight"] |= changes

    return change


SHARED_WEIGHT = "mode '4': tensor 'linear0.weight': "


@pytest.mark.parametrize(
    ("change", "start", "message"),
    [
        (
            put(None, "schema", 1),
            "",
            r"^graph must have the fields name, nodes, notes, schema, sha256, not modes, name, ",
        ),
        (
            put(None, "notes", {}),
            "",
            r"^graph must have the fields modes, name, schema, sha256, not modes, name, notes, ",
        ),
        (put(None, "modes", {}), "", r"^graph's modes must be a list, not \{\}$"),
        (put(None, "modes", [3]), "", r"^mode 0 of the graph must be an object with a name of its own$"),
        (put(1, "mode", "8"), "", r"^mode 1 of the graph must be an object with a name of its own$"),
        (put(0, "mode", "7"), "mode '7': ", r"^Node 'linear0': field weight must be a tensor of the file, and"),
        (
            lambda graph: graph["modes"].clear(),
            "",
            r"^tensor '8/linear0\.weight' must belong to a node, and belongs to non",
        ),
        (
            put(1, "mode", "A"),
            "",
            r"^Mode of network 'random' must have a name of lower-case letters, digits, full stops",
        ),
        (
            put(1, "more", 1),
            "mode '4': ",
            r"^graph must have the fields mode, name, nodes, notes, shared, not mode, more",
        ),
        (put(1, "shared", []), "mode '4': ", r"^graph's shared must be an object, not \[\]$"),
        (put(1, "shared", {}), "mode '4': ", r"^Node 'linear0': field weight must be a tensor of the file, and"),
        (
            put(0, "shared", {"linear0.weight": 3}),
            "mode '8': ",
            r"^tensor 'linear0\.weight' must be stored or shared, and",
        ),
        (share(shift=-1), SHARED_WEIGHT, r"^shift must be from 0 to 63, not -1$"),
        (share(shift=64), SHARED_WEIGHT, r"^shift must be from 0 to 63, not 64$"),
        (share(shift="4"), SHARED_WEIGHT, r"^field shift must be an integer, not '4'$"),
        (
            share(more=4),
            SHARED_WEIGHT,
            r"^field more must be one of source, shift, signs, dtyp",
        ),
        (
            share(source="8/x"),
            SHARED_WEIGHT,
            r"^source must be a tensor of the file, and '8/x' is",
        ),
        (
            share(dtype="int4"),
            SHARED_WEIGHT,
            r"^Tensor type must be one of int8, .*, not 'int4'$",
        ),
        (
            share(shift=0, signs=True),
            SHARED_WEIGHT,
            r"^Tensor elements must fit int8, and one do",
        ),
        (share(shift=3), "mode '4': ", r"^Node 'linear0': weights of 4 bits must be in \[-8, 7\], not in "),
        (share(shift=5), "", r"^contents must have the SHA-256 "),
        (
            lambda graph: graph["modes"][1]["shared"].update(spare=graph["modes"][1]["shared"]["linear0.weight"]),
            "mode '4': ",
            r"^tensor 'spare' must belong to a node, and belongs to none$",
        ),
    ],
)
def test_edited_graphs(path, change, start, message):
    sentence = refused(path, change)
    assert sentence.startswith(start)
    assert re.search(message, sentence.removeprefix(start))


def test_edited_tensors(path):
    def nothing(graph):
        return None

    def spare(name):
        return lambda arrays: arrays.update({name: np.zeros(2, np.int8)})

    belongs = r"must belong to a node, and belongs to none$"
    assert re.search(rf"^tensor '3/spare' {belongs}", refused(path, nothing, spare("3/spare")))
    assert re.search(rf"^tensor 'spare' {belongs}", refused(path, nothing, spare("spare")))
    assert re.search(rf"^mode '4': tensor 'spare' {belongs}", refused(path, nothing, spare("4/spare")))
    assert re.search(
        r"^contents must have the SHA-256 ", refused(path, nothing, lambda a: a["8/values0.bias"].put(0, 9))
    )


def test_flipped_bits_are_refused(path):
    data = path.read_bytes()
    chance = np.random.default_rng(1)
    for place in chance.integers(0, len(data), 60).tolist():
        flipped = bytearray(data)
        flipped[place] ^= 1 << int(chance.integers(0, 8))
        path.write_bytes(bytes(flipped))
        with pytest.raises(InvalidInput, match=r"^Network file "):
            read_modes(path)
