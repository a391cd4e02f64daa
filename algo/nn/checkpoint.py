"""Where a training run stands, on disk: written beside and renamed into place, so never half."""

from __future__ import annotations

import pickle
import tempfile
from pathlib import Path
from typing import Any

import torch

from quadrille.algo.spec import InvalidInput

__all__ = ["load_checkpoint", "save_checkpoint"]

SCHEMA = 1


def save_checkpoint(path: Path, identity: dict[str, Any], state: dict[str, Any]) -> None:
    """Write `state` to `path`, marked with what the run is (`identity`: plain values).

    Raises
    ------
    InvalidInput
        If `path` cannot be written.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            temporary = Path(file.name)
            torch.save({"schema": SCHEMA, "identity": identity, "state": state}, file)
        temporary.replace(path)
        temporary = None
    except OSError as error:
        raise InvalidInput(f"Checkpoint {str(path)!r} must be writable: {error.strerror or error}") from None
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def load_checkpoint(path: Path, identity: dict[str, Any]) -> dict[str, Any] | None:
    """The state in `path`, or None where there is no such file.

    Raises
    ------
    InvalidInput
        If the file is no checkpoint, or one of another run than `identity`.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        return None
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError):
        raise InvalidInput(f"Checkpoint {str(path)!r} must be a file that training wrote, and is not") from None
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        raise InvalidInput(f"Checkpoint {str(path)!r} must be a file that training wrote, and is not")
    for key, value in identity.items():
        if content["identity"].get(key) != value:
            raise InvalidInput(
                f"Checkpoint {str(path)!r} must be of the same run ({key} {value!r}), "
                f"not of {key} {content['identity'].get(key)!r}"
            )
    return content["state"]
