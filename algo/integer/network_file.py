"""The Network file: one safetensors file with the tables as integers and the graph as JSON in its metadata.

A file of schema 1 holds one Network. One of schema 2 holds several modes of a network: the tables of mode m are called
`m/<table>`, and those that follow from the first mode's are described instead of stored (shared_tensors).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from quadrille.algo.spec import NODE_KINDS, IntTensor, InvalidInput, Modes, Network, Node

from .records import RecordReader, decode_record, encode_record
from .sealed_file import METADATA_KEY, check_seal, open_sealed, sealed_bytes, write_atomically
from .shared_tensors import Derived, derive, derived

__all__ = [
    "METADATA_KEY",
    "SCHEMA",
    "SCHEMA_OF_MODES",
    "modes_bytes",
    "network_bytes",
    "read_modes",
    "read_network",
    "write_modes",
    "write_network",
]

SCHEMA = 1
SCHEMA_OF_MODES = 2

_FIELDS: dict[int, dict[str, tuple[type, str]]] = {
    SCHEMA: {"name": (str, "a string"), "nodes": (list, "a list"), "notes": (dict, "an object")},
    SCHEMA_OF_MODES: {"name": (str, "a string"), "modes": (list, "a list")},
}
_MODE_FIELDS = {"mode": (str, "a string"), **_FIELDS[SCHEMA], "shared": (dict, "an object")}


def write_network(network: Network, path: str | Path) -> Path:
    """Write `network` to `path`: the same Network gives the same bytes.

    The file is written beside `path` and renamed into place, so that `path` holds the old contents or the new.

    Raises
    ------
    InvalidInput
        If the file cannot be written, or two tables would have the same name.
    """
    path = Path(path)
    write_atomically(path, network_bytes(network))
    return path


def network_bytes(network: Network) -> bytes:
    """What `write_network` writes.

    Raises
    ------
    InvalidInput
        If two tables would have the same name.
    """
    record, tensors = _encoded(network)
    return sealed_bytes({"schema": SCHEMA, **record}, tensors)


def write_modes(modes: Modes, path: str | Path) -> Path:
    """Write all of `modes` to the one file `path`: the same Modes give the same bytes.

    Raises
    ------
    InvalidInput
        As `write_network`.
    """
    path = Path(path)
    write_atomically(path, modes_bytes(modes))
    return path


def modes_bytes(modes: Modes) -> bytes:
    """What `write_modes` writes.

    Raises
    ------
    InvalidInput
        If two tables of a mode would have the same name.
    """
    stored: dict[str, IntTensor] = {}
    records: list[dict[str, Any]] = []
    origin: dict[str, IntTensor] = {}
    for mode, network in modes.networks.items():
        record, tensors = _encoded(network)
        shared: dict[str, Any] = {}
        for name, tensor in sorted(tensors.items()):
            recipe = derive(tensor, origin[name], f"{modes.names[0]}/{name}") if name in origin else None
            if recipe is None:
                stored[f"{mode}/{name}"] = tensor
            else:
                shared[name] = encode_record(recipe, name, {})
        records.append({"mode": mode, **record, "shared": shared})
        origin = origin or tensors
    return sealed_bytes({"schema": SCHEMA_OF_MODES, "name": modes.name, "modes": records}, stored)


def _encoded(network: Network) -> tuple[dict[str, Any], dict[str, IntTensor]]:
    """Name, nodes and notes, and the tensors."""
    tensors: dict[str, IntTensor] = {}
    nodes = [{"kind": node.kind, **encode_record(node, node.name, tensors)} for node in network.nodes]
    return {"name": network.name, "nodes": nodes, "notes": dict(sorted(network.notes.items()))}, tensors


def read_network(path: str | Path, mode: str | None = None) -> Network:
    """The Network of `mode` in the file `path`, by default of its first, checked as a whole before it is returned.

    Raises
    ------
    InvalidInput
        As `read_modes`, or if the file does not hold the mode.
    """
    modes = read_modes(path)
    return modes.default if mode is None else modes.network(mode)


def read_modes(path: str | Path) -> Modes:
    """The Networks in the file `path`, checked as a whole; a plain Network is the only mode, `DEFAULT_MODE`.

    Raises
    ------
    InvalidInput
        If the file cannot be read, is no Network file, is truncated, has a graph of another schema, lacks a table or
        has one too many, describes no valid Network, or was changed after it was written. The sentence names the file,
        the mode, the node and the reason.
    """
    try:
        return _read(Path(path))
    except InvalidInput as error:
        raise InvalidInput(f"Network file {path}: {error}") from None


def _read(path: Path) -> Modes:
    graph, tensors = open_sealed(path)
    schema = graph.get("schema")
    if isinstance(schema, bool) or schema not in _FIELDS:
        raise InvalidInput(f"graph must have schema version {SCHEMA} or {SCHEMA_OF_MODES}, not {schema!r}")
    _check_fields(graph, {"schema": (int, ""), **_FIELDS[schema], "sha256": (str, "a string")})
    if schema == SCHEMA:
        modes = Modes.of(_network(graph, tensors))
    else:
        modes = _modes(graph, tensors)
    check_seal(graph, tensors)
    return modes


def _modes(graph: dict[str, Any], stored: dict[str, IntTensor]) -> Modes:
    networks: dict[str, Network] = {}
    used: set[str] = set()
    for place, record in enumerate(graph["modes"]):
        if not isinstance(record, dict) or not isinstance(record.get("mode"), str) or record["mode"] in networks:
            raise InvalidInput(f"mode {place} of the graph must be an object with a name of its own")
        mode = record["mode"]
        try:
            networks[mode] = _mode(record, stored, used)
        except InvalidInput as error:
            raise InvalidInput(f"mode {mode!r}: {error}") from None
    _check_spare(stored, used)
    return Modes(graph["name"], networks)


def _mode(record: dict[str, Any], stored: dict[str, IntTensor], used: set[str]) -> Network:
    """The Network of a mode; the names of the stored tensors that it reads go to `used`."""
    _check_fields(record, _MODE_FIELDS)
    prefix = f"{record['mode']}/"
    tensors = {name.removeprefix(prefix): tensor for name, tensor in stored.items() if name.startswith(prefix)}
    used |= {prefix + name for name in tensors}
    for name, values in record["shared"].items():
        if name in tensors:
            raise InvalidInput(f"tensor {name!r} must be stored or shared, and is both")
        try:
            tensors[name] = derived(decode_record(Derived, values, name, RecordReader({})), stored)
        except InvalidInput as error:
            raise InvalidInput(f"tensor {name!r}: {error}") from None
    return _network(record, tensors)


def _network(record: dict[str, Any], tensors: Mapping[str, IntTensor]) -> Network:
    """The Network of a graph whose outermost fields are there, and which reads all of `tensors`."""
    reader = RecordReader(tensors)
    for key, note in record["notes"].items():
        if not isinstance(note, str):
            raise InvalidInput(f"graph's note {key!r} must be a string, not {note!r}")
    nodes: list[Node] = []
    for place, entry in enumerate(record["nodes"]):
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
    _check_spare(tensors, reader.read)
    return Network(record["name"], tuple(nodes), record["notes"])


def _check_fields(record: dict[str, Any], expected: Mapping[str, tuple[type, str]]) -> None:
    if set(record) != set(expected):
        raise InvalidInput(f"graph must have the fields {', '.join(sorted(expected))}, not {', '.join(sorted(record))}")
    for field, (kind, noun) in expected.items():
        if not isinstance(record[field], kind):
            raise InvalidInput(f"graph's {field} must be {noun}, not {record[field]!r}")


def _check_spare(tensors: Mapping[str, IntTensor], used: set[str]) -> None:
    spare = sorted(set(tensors) - used)
    if spare:
        raise InvalidInput(f"tensor {spare[0]!r} must belong to a node, and belongs to none")
