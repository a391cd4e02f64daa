"""What one of each feature is, as the hardware is written: flip-flops, and operations on bits.

A fit starts from here: a target's mean cost of a flip-flop and of an operation, times these numbers, is what a
coefficient is held near to as long as syntheses say nothing else. An operation is about a look-up table: a two-input
multiplexer, a bit of an adder or of a comparison; a full adder in a tree is two.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["MEMORY", "STRUCTURE"]

MEMORY = "memory"
"""The model of what is around memories, in every component."""

Counts = Mapping[str, tuple[float, float]]

CELLS: Counts = {"gates": (0, 0.5), "cells": (1, 0.1), "plane muxes": (0, 0.5), "cut words": (1, 0)}
SCALED: Counts = {
    "product registers": (1, 0),
    "shifts": (0, 0.5),
    "lane cuts": (1, 0),
    "waiting": (1, 0.3),
    "control": (1, 0.3),
    "soft products": (0, 1.6),
    "one": (5, 15),
}
CONVERTER: Counts = {
    "resolved": (1, 1),
    "values": (2, 2),
    "control": (1, 0.2),
    "waiting": (1, 0),
    "soft products": (0, 1.6),
    "one": (5, 10),
}
MACRO: Counts = {
    **CELLS,
    "tree adders": (0, 2),
    "sum adders": (0, 2),
    "sums": (1, 0.5),
    "negations": (0, 0.5),
    "rows": (1, 1),
    "reference adders": (0, 2),
    "registers": (1, 0),
    "one": (5, 10),
}
PATCHES: Counts = {
    "patches": (2, 2),
    "words": (0, 1),
    "turned": (0, 0.6),
    "slid": (0, 0.5),
    "wanted": (0, 1),
    "pointers": (6, 12),
    "maps": (10, 15),
    "banks": (3, 8),
    "jobs": (1, 0.3),
    "cuts": (1, 0),
    "walk cuts": (1, 0.5),
    "one": (20, 30),
}

STRUCTURE: Mapping[str, Counts] = {
    MEMORY: {
        "memories": (0, 1),
        "distributed bits": (1, 0),
        "layer muxes": (0, 0.7),
        "layers": (0, 2),
        "block bits": (0, 0),
        "emulated bits": (2, 1),
        "block muxes": (0, 1),
        "stored bits": (1, 0.6),
        "read bits": (1, 0),
        "words": (0, 1),
        "forwarded bits": (1, 1),
        "groups": (0, 1),
    },
    "macro": MACRO,
    "macro of lut6": MACRO,
    "array of spatio-temporal": {
        **CELLS,
        "adders": (0, 2),
        "sums": (1, 2.5),
        "results": (1, 3),
        "placements": (0, 1),
        "window": (1, 1),
        "window modes": (0, 1),
        "rows": (0, 1),
        "one": (20, 40),
    },
    "reader": {"shifted": (1, 1), "loaded": (1, 0.5), "references": (1, 1), "control": (1, 1), "one": (2, 5)},
    "exact converter": CONVERTER,
    "ladder converter": {**CONVERTER, "thresholds": (1, 1), "fired": (0, 1.5)},
    "multiply-shift converter": {
        **CONVERTER,
        "rows": (1, 0),
        "lines": (1, 1),
        "clamped": (0, 3),
        "lane cuts": (1, 0),
        "later": (1, 1),
    },
    "dequantizer": {**SCALED, "codes": (1, 0), "sums": (2, 3), "results": (1, 3)},
    "residual unit": {**SCALED, "values": (1, 1), "sums": (2, 2), "walk": (1, 2)},
    "requantizer": {**SCALED, "values": (1, 1), "sums": (1, 2)},
    "pooling unit": {
        "values": (1, 1),
        "pooled": (1, 4),
        "walk": (1, 3),
        "waiting": (1, 0),
        "control": (1, 0.3),
        "one": (5, 20),
    },
    "activation unit": {
        "values": (1, 1),
        "beside": (1, 0),
        "squares": (0, 1),
        "segments": (0, 2),
        "inputs": (1, 0),
        "control": (1, 0.3),
        "one": (5, 5),
    },
    "store walker": {"addresses": (2, 4), "slots": (1, 2), "waiting": (1, 0), "one": (2, 5)},
    "argmax unit": {
        "compared": (0, 2),
        "indices": (0, 1),
        "best": (2, 2),
        "control": (1, 1),
        "lane cuts": (1, 0),
        "one": (2, 5),
    },
    "output packer": {"held": (1, 1), "words": (1, 2), "one": (30, 40)},
    "path": {"held": (1, 0), "output": (0, 1), "one": (0, 5)},
    "top": {"buffers": (1, 1), "one": (12, 25)},
    "loader": {"collected": (1, 0.2), "tables": (1, 1), "addresses": (2, 3), "one": (100, 100)},
    "patch reader": PATCHES,
    "patch reader for windows": PATCHES,
    "sequencer": {"addresses": (1, 1), "counts": (0, 1), "one": (4, 8)},
    "weight loader": {"addresses": (1, 3), "runs": (1, 2), "one": (6, 15)},
    "mode register": {"first": (2, 2), "one": (40, 60)},
}
"""By model and feature."""
