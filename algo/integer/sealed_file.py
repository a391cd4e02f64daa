"""The container of Networks: a safetensors file of integer tensors with a graph as JSON in its metadata, and a seal."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from quadrille.algo.spec import IntTensor, InvalidInput

__all__ = ["METADATA_KEY", "check_seal", "open_sealed", "sealed_bytes", "write_atomically"]

METADATA_KEY = "quadrille.network"
"""The one metadata entry: with several, their order in the file, and so its bytes, would not be fixed."""

_TYPES = {"I8": "int8", "I16": "int16", "I32": "int32", "I64": "int64"}


def sealed_bytes(graph: dict[str, Any], tensors: dict[str, IntTensor]) -> bytes:
    """The file of `graph` and `tensors`, with their SHA-256 as the graph's last field."""
    text = _text({**graph, "sha256": _digest(graph, tensors)})
    arrays = {
        name: np.frombuffer(tensor.data, dtype=tensor.dtype).reshape(tensor.shape)
        for name, tensor in sorted(tensors.items())
    }
    return save(arrays, metadata={METADATA_KEY: text})


def open_sealed(path: Path) -> tuple[dict[str, Any], dict[str, IntTensor]]:
    """The graph, a JSON object of whatever fields, and all tensors of the file `path`.

    Raises
    ------
    InvalidInput
        If the file cannot be read, is none of this kind or is truncated. `check_seal` says whether it was changed.
    """
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
    return _graph(metadata[METADATA_KEY]), tensors


def check_seal(graph: dict[str, Any], tensors: dict[str, IntTensor]) -> None:
    """Refuse contents that are not those that were written: a flipped bit that leaves a valid Network would go unseen.

    Raises
    ------
    InvalidInput
        With both digests.
    """
    sealed = graph["sha256"]
    digest = _digest({name: value for name, value in graph.items() if name != "sha256"}, tensors)
    if digest != sealed:
        raise InvalidInput(f"contents must have the SHA-256 {sealed} that they were written with, not {digest}")


def write_atomically(path: Path, data: bytes) -> None:
    """Write `data` beside `path` and rename it into place, so that `path` holds the old contents or the new.

    Raises
    ------
    InvalidInput
        If the file cannot be written.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        try:
            part.write_bytes(data)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise InvalidInput(f"Network file {path} must be writable: {error.strerror}") from None


def _text(graph: dict[str, Any]) -> str:
    return json.dumps(graph, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _digest(graph: dict[str, Any], tensors: dict[str, IntTensor]) -> str:
    digest = hashlib.sha256(_text(graph).encode(errors="surrogatepass"))
    for name, tensor in sorted(tensors.items()):
        digest.update(_text({"name": name, "shape": tensor.shape, "dtype": tensor.dtype}).encode())
        digest.update(tensor.data)
    return digest.hexdigest()


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    for place, (key, _) in enumerate(pairs):
        if any(key == other for other, _ in pairs[:place]):
            raise InvalidInput(f"graph must give every field once, and gives {key!r} twice")
    return dict(pairs)


def _graph(text: str) -> dict[str, Any]:
    try:
        graph = json.loads(text, object_pairs_hook=_unique)
    except InvalidInput:
        raise
    except (ValueError, RecursionError):
        raise InvalidInput("graph must be JSON, and is not") from None
    if not isinstance(graph, dict):
        raise InvalidInput("graph must be a JSON object, and is not")
    return graph
