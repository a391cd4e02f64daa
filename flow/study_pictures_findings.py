"""What the records of a study of coordinate networks show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from statistics import mean, stdev
from typing import Any

__all__ = ["PictureFindings", "picture_findings", "psnr_of", "title_of"]

SUBJECT = "quad"
CLAIM = 2.06  # dB over prior activations at most: QuadINR's abstract
SLOW = 1e-3  # of the greatest eigenvalue


@dataclass(frozen=True)
class PictureFindings:
    """Mean PSNR of each method in each stage, and sentences."""

    means: dict[str, dict[str, float]]
    sentences: tuple[str, ...]


def title_of(method: str) -> str:
    """The method's name in tables."""
    from quadrille.algo.nn.inr import find_wave

    return find_wave(method).title


def psnr_of(records: Mapping[str, Any], picture: str, method: str, stage: str) -> float:
    """The PSNR of one run in one stage."""
    return next(r[stage]["psnr"] for r in records["runs"] if (r["picture"], r["method"]) == (picture, method))


def picture_findings(options: Mapping[str, Any], records: Mapping[str, Any]) -> PictureFindings:
    """Means over pictures, and what quad gains or loses against each other method, paired by picture."""
    stages = ["float", *map(str, options["bits"])]
    pictures, methods = options["pictures"], options["methods"]
    means = {
        method: {stage: mean(psnr_of(records, picture, method, stage) for picture in pictures) for stage in stages}
        for method in methods
    }
    sentences: list[str] = []
    others = [method for method in methods if method != SUBJECT]
    if SUBJECT in methods and others:
        gaps = {
            other: [psnr_of(records, p, SUBJECT, "float") - psnr_of(records, p, other, "float") for p in pictures]
            for other in others
        }
        sentences += [_comparison(other, values) for other, values in gaps.items()]
        best = max(others, key=lambda other: means[other]["float"])
        gap = means[SUBJECT]["float"] - means[best]["float"]
        most = max(max(values) for values in gaps.values())
        sentences.append(
            f"Of the others {title_of(best)} is the best on average; the quadratic wave is {gap:+.2f} dB against it. "
            f"The paper claims up to +{CLAIM} dB over prior activations; the largest gap of a picture and a method "
            f"here is {most:+.2f} dB."
        )
    for method in methods:
        if method == SUBJECT:
            sentences += [_quantization(options, records, method, stage) for stage in stages[1:]]
    kernels = {each["method"]: each["eigenvalues"] for each in records["kernels"]}
    if {SUBJECT, "sine"} <= set(kernels):
        counts = {name: sum(value > SLOW for value in kernels[name]) for name in (SUBJECT, "sine")}
        sentences.append(
            f"Tangent kernel on {len(kernels[SUBJECT])} points before training: {counts[SUBJECT]} eigenvalues are "
            f"above {SLOW:g} of the greatest with the quadratic wave, {counts['sine']} with the sine."
        )
    return PictureFindings(means, tuple(sentences))


def _comparison(other: str, gaps: list[float]) -> str:
    spread = f", standard error {stdev(gaps) / sqrt(len(gaps)):.2f} over {len(gaps)} pictures" if len(gaps) > 1 else ""
    won = sum(gap > 0 for gap in gaps)
    return f"Quadratic wave against {title_of(other)}: {mean(gaps):+.2f} dB{spread}; ahead on {won} of {len(gaps)}."


def _quantization(options: Mapping[str, Any], records: Mapping[str, Any], method: str, stage: str) -> str:
    losses = [
        psnr_of(records, picture, method, stage) - psnr_of(records, picture, method, "float")
        for picture in options["pictures"]
    ]
    return (
        f"In {stage} bits the quadratic wave is {mean(losses):+.2f} dB against float on average, "
        f"{min(losses):+.2f} dB at worst (with {options['tuning_steps']:,} more steps in fixed point)."
    )
