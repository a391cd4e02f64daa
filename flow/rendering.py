"""Pictures that a coordinate network renders: what the hardware drew, beside what it was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quadrille.algo.spec import InvalidInput, Network

from .curves import data_uri

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "FLOAT",
    "ORIGINAL",
    "RENDERED",
    "decibels",
    "fidelities",
    "pictures_beside",
    "qualities",
    "rendered",
    "renders",
    "sheet",
]

ORIGINAL, FLOAT, RENDERED = "original.png", "float.png", "rendered.png"
MAKERS = {"float": FLOAT, "RTL": RENDERED}
ERROR_GAIN = 8


def renders(network: Network) -> bool:
    """Whether the notes of `network` describe a picture that it is the representation of."""
    return "grid" in network.notes


def pictures_beside(network_file: Path) -> dict[str, bytes]:
    """The pictures of the training that stand beside a Network file, by name."""
    paths = [network_file.with_name(name) for name in (ORIGINAL, FLOAT)]
    return {path.name: path.read_bytes() for path in paths if path.is_file()}


def rendered(network: Network, values: Any) -> bytes | None:
    """The PNG of what the hardware drew, `values` (points, channels); None if points are missing, or no grey or colour.

    The frames of a clip stand one under another.
    """
    from quadrille.algo.data import picture_png, picture_shape

    shape = picture_shape(network)
    if len(values) != shape[0] * shape[1] or shape[2] not in (1, 3):
        return None
    return picture_png(values.reshape(shape).clip(0, 255))


def original_of(folder: Path, network: Network) -> NDArray[np.uint8] | None:
    """What `network` represents: as training left it in `folder`, or from the data that it names; None without either.

    The notes name a picture and its grid; a square one is a crop from the middle.
    """
    from quadrille.algo.data import photograph, picture_shape, read_picture

    if (folder / ORIGINAL).is_file():
        return read_picture(folder / ORIGINAL)
    height, width, channels = picture_shape(network)
    if "picture" not in network.notes or height != width:
        return None
    try:
        return photograph(network.notes["picture"], colour=channels == 3, crop=width)
    except InvalidInput:
        return None  # the data are not on this machine


def fidelities(folder: Path, network: Network) -> dict[str, float | None]:
    """The peak signal-to-noise ratio in dB of each picture in `folder` against the original, by name of its maker.

    None for equal pictures: JSON has no infinity.
    """
    from quadrille.algo.data import psnr, read_picture

    original = original_of(folder, network)
    if original is None:
        return {}
    ratios = {
        maker: psnr(original, read_picture(folder / name))
        for maker, name in MAKERS.items()
        if (folder / name).is_file()
    }
    return {maker: ratio if isfinite(ratio) else None for maker, ratio in ratios.items()}


def decibels(ratio: float | None) -> str:
    """A peak signal-to-noise ratio for a reader: 31.42 dB; None is that of equal pictures."""
    return "equal" if ratio is None else f"{ratio:.2f} dB"


def qualities(ratios: Mapping[str, float | None]) -> list[tuple[str, str]]:
    """The ratios for a reader, a line each."""
    if not ratios:
        return [("PSNR", "unknown: the original is not on this machine")]
    return [(f"PSNR, {maker}", decibels(ratio)) for maker, ratio in ratios.items()]


def sheet(folder: Path, network: Network) -> list[dict[str, str]]:
    """Original, float network, hardware and the hardware's error side by side, those that are there; for the report."""
    import numpy as np

    from quadrille.algo.data import picture_png, read_picture

    original, ratios = original_of(folder, network), fidelities(folder, network)
    captions = {FLOAT: "float network", RENDERED: "integer network on the simulated hardware"}
    for maker, ratio in ratios.items():
        captions[MAKERS[maker]] += f", {decibels(ratio)}"
    shown = [] if original is None else [("original", picture_png(original))]
    shown += [
        (caption, (folder / name).read_bytes()) for name, caption in captions.items() if (folder / name).is_file()
    ]
    if original is not None and "RTL" in ratios:
        drawn = read_picture(folder / RENDERED).astype(np.int64)
        error = np.minimum(ERROR_GAIN * np.abs(original - drawn), 255)
        shown.append((f"its error, {ERROR_GAIN} times", picture_png(error)))
    return [{"caption": caption, "uri": data_uri(png, "image/png")} for caption, png in shown]
