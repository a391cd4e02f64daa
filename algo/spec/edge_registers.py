"""The registers of an accelerator's edge that a host must know before it has the map of all of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

__all__ = [
    "CONFIGURATION",
    "CONTROL",
    "IDENTIFICATION",
    "MAGIC",
    "MAJOR",
    "SOFT_RESET",
    "VERSION",
    "configuration_hash",
]

IDENTIFICATION, VERSION, CONFIGURATION, CONTROL = 0x00, 0x04, 0x08, 0x28
"""Offsets: they stay where they are in every version."""

MAGIC = int.from_bytes(b"QUAD", "big")
"""What IDENTIFICATION reads."""

MAJOR = 1
"""The upper half of what VERSION reads: another one where a driver for this one would fail."""

SOFT_RESET = 1
"""Written to CONTROL, drops program, batches and results."""


def configuration_hash(record: Mapping[str, Any]) -> int:
    """What CONFIGURATION reads: the first 32 bits of the SHA-256 of an accelerator's parameters.

    They are written as JSON, with sorted keys and no blanks. Accelerators of the same parameters run the same programs.
    """
    text = json.dumps(record, sort_keys=True, separators=(",", ":"))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
