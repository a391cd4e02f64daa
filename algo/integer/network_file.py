"""The Network file: one safetensors file with the tables as integers and the graph as JSON in its metadata."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from quadrille.algo.spec import NODE_KINDS, IntTensor, InvalidInput, Network, Node

from .records import RecordReader, decode_record, encode_record

__all__ = ["METADATA_KEY", "SCHEMA", "network_bytes", "read_network", "write_network"]

SCHEMA = 1
METADATA_KEY = "quadrille.network"
"""The one metadata entry: with several, their order in the file, and so its bytes, would not be fixed."""

_TYPES = {"I8": "int8", "I16": "int16", "I32": "int32", "I64": "int64"}


def write_network(network: Network, path: str | Path) -> Path:
    """Write `network` to `path`: the same Network gives the same bytes.

    The file is written beside `path` and renamed into place, so that `path` holds the old contents or the new.

    Raises
    ------
    InvalidInput
        If the file cannot be written, or two tables would have the same name.
    """
    path = Path(path)
    _write_atomically(path, network_bytes(network))
    return path


def network_bytes(network: Network) -> bytes:
    """What `write_network` writes.

    Raises
    ------
    InvalidInput
        If two tables would have the same name.
    """
    tensors: dict[str, IntTensor] = {}
    nodes = [{"kind": node.kind, **encode_record(node, node.name, tensors)} for node in network.nodes]
    graph = {"schema": SCHEMA, "name": network.name, "nodes": nodes, "notes": dict(sorted(network.notes.items()))}
    text = _text({**graph, "sha256": _digest(graph, tensors)})
    arrays = {
        name: np.frombuffer(tensor.data, dtype=tensor.dtype).reshape(tensor.shape)
        for name, tensor in sorted(tensors.items())
    }
    return save(arrays, metadata={METADATA_KEY: text})


def _text(graph: dict[str, Any]) -> str:
    return json.dumps(graph, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _digest(graph: dict[str, Any], tensors: dict[str, IntTensor]) -> str:
    """The SHA-256 of graph and tensors: a flipped bit that leaves a valid Network would go unseen without it."""
    digest = hashlib.sha256(_text(graph).encode(errors="surrogatepass"))
    for name, tensor in sorted(tensors.items()):
        digest.update(_text({"name": name, "shape": tensor.shape, "dtype": tensor.dtype}).encode())
        digest.update(tensor.data)
    return digest.hexdigest()


def _write_atomically(path: Path, data: bytes) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        try:
            part.write_bytes(data)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise InvalidInput(f"Network file {path} must be writable: {error.strerror}") from None


def read_network(path: str | Path) -> Network:
    """The Network in the file `path`, checked as a whole before it is returned.

    Raises
    ------
    InvalidInput
        If the file cannot be read, is no Network file, is truncated, has a graph of another schema, lacks a table or
        has one too many, describes no valid Network, or was changed after it was written. The sentence names the file,
        the node and the reason.
    """
    path = Path(path)
    try:
        return _read(path)
    except InvalidInput as error:
        raise InvalidInput(f"Network file {path}: {error}") from None


def _read(path: Path) -> Network:
    text, tensors = _contents(path)
    graph = _graph(text)
    sealed = graph.pop("sha256")
    nodes: list[Node] = []
    reader = RecordReader(tensors)
    for place, entry in enumerate(graph["nodes"]):
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            raise InvalidInput(f"node {place} of the graph must be an object with a name")
        fields = dict(entry)
        kind = fields.pop("kind", None)
        if not isinstance(kind, str) or kind not in NODE_KINDS:
            raise InvalidInput(f"Node {entry['name']!r}: kind must be one of {', '.join(NODE_KINDS)}, not {kind!r}")
        try:
            nodes.append(decode_record(NODE_KINDS[kind], fields, entry["name"], reader))
        except InvalidInput as error:
            raise InvalidInput(f"Node {entry['name']!r}: {error}") from None
    spare = sorted(set(tensors) - reader.read)
    if spare:
        raise InvalidInput(f"tensor {spare[0]!r} must belong to a node, and belongs to none")
    network = Network(graph["name"], tuple(nodes), graph["notes"])
    digest = _digest(graph, tensors)
    if digest != sealed:
        raise InvalidInput(f"contents must have the SHA-256 {sealed} that they were written with, not {digest}")
    return network


def _contents(path: Path) -> tuple[str, dict[str, IntTensor]]:
    """The graph's text and all tensors."""
    if not path.is_file():
        reason = "is a folder" if path.is_dir() else "does not exist"
        raise InvalidInput(f"must be a file, and {reason}")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            if METADATA_KEY not in metadata:
                raise InvalidInput("must hold a Network, and its metadata has none")
            tensors: dict[str, IntTensor] = {}
            for name in file.keys():  # noqa: SIM118 (a safetensors file is no dictionary)
                piece = file.get_slice(name)
                if piece.get_dtype() not in _TYPES:
                    raise InvalidInput(f"tensor {name!r} must be of integers I8 to I64, not {piece.get_dtype()}")
                dtype = _TYPES[piece.get_dtype()]
                data = np.ascontiguousarray(file.get_tensor(name)).astype(np.dtype(dtype).newbyteorder("<"))
                tensors[name] = IntTensor(tuple(piece.get_shape()), dtype, data.tobytes())
    except SafetensorError as error:
        raise InvalidInput(f"must be a whole safetensors file, and is not ({error})") from None
    except OSError as error:
        raise InvalidInput(f"must be readable: {error.strerror or error}") from None
    return metadata[METADATA_KEY], tensors


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    for place, (key, _) in enumerate(pairs):
        if any(key == other for other, _ in pairs[:place]):
            raise InvalidInput(f"graph must give every field once, and gives {key!r} twice")
    return dict(pairs)


def _graph(text: str) -> dict[str, Any]:
    """The graph, its outermost fields checked."""
    try:
        graph = json.loads(text, object_pairs_hook=_unique)
    except InvalidInput:
        raise
    except (ValueError, RecursionError):
        raise InvalidInput("graph must be JSON, and is not") from None
    if not isinstance(graph, dict):
        raise InvalidInput("graph must be a JSON object, and is not")
    if graph.get("schema") != SCHEMA or isinstance(graph["schema"], bool):
        raise InvalidInput(f"graph must have schema version {SCHEMA}, not {graph.get('schema')!r}")
    expected = {"schema", "name", "nodes", "notes", "sha256"}
    if set(graph) != expected:
        raise InvalidInput(f"graph must have the fields {', '.join(sorted(expected))}, not {', '.join(sorted(graph))}")
    for field, kind, noun in (
        ("name", str, "a string"),
        ("nodes", list, "a list"),
        ("notes", dict, "an object"),
        ("sha256", str, "a string"),
    ):
        if not isinstance(graph[field], kind):
            raise InvalidInput(f"graph's {field} must be {noun}, not {graph[field]!r}")
    for key, note in graph["notes"].items():
        if not isinstance(note, str):
            raise InvalidInput(f"graph's note {key!r} must be a string, not {note!r}")
    return graph
