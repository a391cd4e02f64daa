"""The figures of a study of coordinate networks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .figures import MUTED, entitle, sheet, tidy
from .picture_figures import Panel, grid_png
from .study_pictures_findings import psnr_of, title_of

if TYPE_CHECKING:
    from quadrille.algo.nn.inr import PictureStudyOptions

__all__ = ["clip_png", "kernel_png", "pictures_png", "quality_png", "spectra_png"]

COLOURS = {
    "quad": "#2457a6",
    "sine": "#c2571a",
    "finer": "#2f8f6b",
    "wire": "#8a5aa8",
    "gauss": "#b0902c",
    "relu": "#66727f",
}
SHOWN = 2  # pictures side by side
SHOWN_FRAMES = 3  # of a clip


def _figure(width: float, height: float, columns: int, draw: Any) -> bytes:
    """`columns` panels that `draw` fills, as PNG."""
    with sheet(width, height) as drawn:
        panels = drawn.figure.subplots(1, columns, squeeze=False)[0]
        draw(*panels)
        tidy(*panels)
    return drawn.data


def quality_png(options: Mapping[str, Any], records: Mapping[str, Any]) -> bytes:
    """PSNR of every picture and method in floating point, and what each number of bits changes."""
    pictures, methods = options["pictures"], options["methods"]
    width = 0.8 / len(methods)

    def draw(quality: Any, change: Any) -> None:
        for place, method in enumerate(methods):
            offsets = [n + width * (place - (len(methods) - 1) / 2) for n in range(len(pictures))]
            values = [psnr_of(records, picture, method, "float") for picture in pictures]
            quality.bar(offsets, values, width, color=COLOURS[method], label=title_of(method))
            for index, bits in enumerate(options["bits"]):
                gaps = [psnr_of(records, p, method, str(bits)) - psnr_of(records, p, method, "float") for p in pictures]
                places = [index + width * (place - (len(methods) - 1) / 2)] * len(gaps)
                change.plot(places, gaps, "o", color=COLOURS[method], markersize=4, alpha=0.8)
        lowest = min(psnr_of(records, p, m, "float") for p in pictures for m in methods)
        quality.set_ylim(bottom=max(0, lowest - 2))
        quality.set_xticks(range(len(pictures)), pictures, rotation=20)
        quality.legend(frameon=False, fontsize=8, ncols=3)
        change.set_xticks(range(len(options["bits"])), [f"{bits} bits" for bits in options["bits"]])
        entitle(quality, "PSNR in floating point, dB")
        entitle(change, "What fixed point changes, dB")

    return _figure(12, 3.8, 2, draw)


def spectra_png(options: Mapping[str, Any], records: Mapping[str, Any]) -> bytes:
    """Power of the error by radial frequency, mean over the square pictures, and PSNR over the steps of the first."""
    stills = [picture for picture in options["pictures"] if not picture.startswith("clip:")]

    def draw(spectra: Any, growth: Any) -> None:
        for method in options["methods"]:
            runs = [run for run in records["runs"] if run["method"] == method]
            rings = [run["float"]["spectrum"] for run in runs if run["picture"] in stills]
            if rings:
                power = [sum(values) / len(values) for values in zip(*rings, strict=True)]
                spectra.plot(range(1, len(power)), power[1:], color=COLOURS[method], label=title_of(method))
            history = next(run["float"]["history"] for run in runs if run["picture"] == options["pictures"][0])
            growth.plot(*zip(*history, strict=True), color=COLOURS[method], marker=".", label=title_of(method))
        spectra.set_xscale("log")
        spectra.set_yscale("log")
        spectra.set_xlabel("cycles a picture", color=MUTED)
        growth.set_xscale("log")
        growth.set_xlabel("step", color=MUTED)
        growth.legend(frameon=False, fontsize=8)
        entitle(spectra, "Power of the error, grey levels squared")
        entitle(growth, f"PSNR of {options['pictures'][0]} as it grows, dB")

    return _figure(12, 3.8, 2, draw)


def kernel_png(options: Mapping[str, Any], records: Mapping[str, Any]) -> bytes:
    """Eigenvalues of the tangent kernels: quad against sine, and all methods."""

    def draw(pair: Any, every: Any) -> None:
        for each in records["kernels"]:
            values = [value for value in each["eigenvalues"] if value > 0]
            label = f"{title_of(each['method'])}, frequency {each['frequency']:g}"
            for axes in (pair, every) if each["method"] in ("quad", "sine") else (every,):
                axes.plot(range(1, len(values) + 1), values, color=COLOURS[each["method"]], label=label)
        for axes in (pair, every):
            axes.set_yscale("log")
            axes.set_ylim(1e-7, 1.5)
            axes.set_xlabel("eigenvalue", color=MUTED)
            axes.legend(frameon=False, fontsize=8)
        size = options["kernel_size"]
        entitle(pair, f"Tangent kernel before training, {size} x {size} points")
        entitle(every, "The same, all methods")

    return _figure(12, 3.8, 2, draw)


def pictures_png(options: PictureStudyOptions, records: Mapping[str, Any], folder: Path) -> bytes:
    """The first pictures and what each method makes of them at the greatest number of bits."""
    from quadrille.algo.data import read_picture
    from quadrille.algo.nn.inr import study_picture

    from .study_pictures import picture_file

    stage = str(options.bits[-1]) if options.bits else "float"
    rows: list[list[Panel]] = []
    for name in [name for name in options.pictures if not name.startswith("clip:")][:SHOWN]:
        row: list[Panel] = [(name, study_picture(options, name))]
        for method in options.methods:
            label = f"{title_of(method)}, {psnr_of(records, name, method, stage):.2f} dB"
            row.append((label, read_picture(folder / picture_file(name, method))))
        rows.append(row)
    what = "float" if stage == "float" else f"{stage} bits"
    return grid_png(rows or [[]], f"{what}, {options.steps:,} steps", panel=1.8)


def clip_png(options: PictureStudyOptions, records: Mapping[str, Any], folder: Path) -> bytes:
    """Frames of the first clip, and what each method makes of them."""
    from quadrille.algo.data import read_picture
    from quadrille.algo.nn.inr import study_picture

    from .study_pictures import picture_file

    name = next(name for name in options.pictures if name.startswith("clip:"))
    clip = study_picture(options, name)
    stage = str(options.bits[-1]) if options.bits else "float"
    made = {method: read_picture(folder / picture_file(name, method)).reshape(clip.shape) for method in options.methods}
    frames = sorted({round(n * (len(clip) - 1) / (SHOWN_FRAMES - 1)) for n in range(SHOWN_FRAMES)})
    rows: list[list[Panel]] = []
    for frame in frames:
        row: list[Panel] = [(f"{name}, frame {frame}", clip[frame])]
        for method, pixels in made.items():
            label = f"{title_of(method)}, {psnr_of(records, name, method, stage):.2f} dB"
            row.append((label if frame == frames[0] else "", pixels[frame]))
        rows.append(row)
    return grid_png(rows, "a crop that moves across a photograph; PSNR of all frames", panel=1.8)
