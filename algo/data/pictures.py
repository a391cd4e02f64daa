"""Photographs as integers: read from PNG, cut to a square, or drawn; and clips, crops that move across one.

Nothing here needs a file but `photograph`: pictures of scikit-image and Kodak are read from the folder that
QUADRILLE_DATA names, any other from its path.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from quadrille.algo.spec import InvalidInput

from .folder import data_folder

__all__ = ["Pixels", "centre_crop", "clip_of", "drawn_picture", "photograph", "picture_png", "read_picture"]

Pixels = NDArray[np.uint8]

DRAWN = "drawn"
FOLDERS = ("images/skimage", "images/kodak")


def photograph(name: str, *, colour: bool = False, crop: int | None = None) -> Pixels:
    """The picture called `name`, uint8 (height, width, channels), 3 channels if `colour`, else 1.

    `name` is a path, a picture in `images/skimage` or `images/kodak` of the folder of data sets without its suffix
    (`camera`, `kodim01`), or `drawn`, which needs no file. `crop` cuts a square out of its middle.

    Raises
    ------
    InvalidInput
        If there is no such picture, its file is none, or it is smaller than the crop.
    """
    if name == DRAWN:
        picture = drawn_picture(crop or 64, colour=colour)
    else:
        picture = read_picture(_path_of(name), colour=colour)
    return picture if crop is None else centre_crop(picture, crop, name)


def _path_of(name: str) -> Path:
    path = Path(name)
    if path.suffix or len(path.parts) > 1:
        return path
    folder = data_folder(name)
    found = [folder / part / f"{name}.png" for part in FOLDERS if (folder / part / f"{name}.png").is_file()]
    if not found:
        places = " and ".join(FOLDERS)
        raise InvalidInput(f"Picture {name!r} must be a path or one of those in {places} of {folder}, and is none")
    return found[0]


def read_picture(path: Path | str, *, colour: bool | None = None) -> Pixels:
    """The picture in the file `path`, uint8 (height, width, channels); None leaves grey ones grey.

    Grey is ITU-R 601 luma, as Pillow computes it.

    Raises
    ------
    InvalidInput
        If the file cannot be read or is no picture of 8 bits.
    """
    try:
        with Image.open(path) as image:
            if colour is None:
                colour = image.mode not in ("1", "L")
            if image.mode not in ("1", "L", "LA", "P", "RGB", "RGBA"):
                raise InvalidInput(f"Picture {str(path)!r} must have 8 bits for each channel, not mode {image.mode}")
            pixels = np.asarray(image.convert("RGB" if colour else "L"), dtype=np.uint8)
    except InvalidInput:
        raise
    except (UnidentifiedImageError, SyntaxError, ValueError):
        raise InvalidInput(f"Picture {str(path)!r} must be a picture file, and is none or damaged") from None
    except OSError as error:
        raise InvalidInput(f"Picture {str(path)!r} must be a whole file: {error.strerror or error}") from None
    return np.ascontiguousarray(pixels.reshape(*pixels.shape[:2], -1))


def picture_png(pixels: NDArray[np.integer]) -> bytes:
    """`pixels` (height, width, channels) from 0 to 255 as a PNG file; 1 or 3 channels."""
    array = np.ascontiguousarray(pixels, dtype=np.uint8)
    image = Image.fromarray(array[..., 0] if array.shape[-1] == 1 else array)
    written = io.BytesIO()
    image.save(written, format="PNG", optimize=True)
    return written.getvalue()


def centre_crop(picture: Pixels, size: int, name: str = "picture") -> Pixels:
    """The square of `size` pixels in the middle of `picture`.

    Raises
    ------
    InvalidInput
        If the picture is smaller.
    """
    height, width = picture.shape[:2]
    if not 2 <= size <= min(height, width):
        raise InvalidInput(f"Crop of {name!r} must be from 2 to {min(height, width)} pixels, not {size}")
    top, left = (height - size) // 2, (width - size) // 2
    return np.ascontiguousarray(picture[top : top + size, left : left + size])


def drawn_picture(size: int, *, colour: bool = False) -> Pixels:
    """A picture of `size` x `size` that needs no file: a ramp, a disc with an edge, a grating that grows finer."""
    y, x = np.meshgrid(*[(2 * np.arange(size) - (size - 1)) / size] * 2, indexing="ij")
    grating = np.sin(np.pi * size / 8 * (x + 1) ** 2 / 2)
    planes = [0.45 + 0.2 * y + 0.2 * grating * (y > 0.2), 0.5 + 0.25 * x, 0.5 - 0.2 * x * y]
    disc = (x - 0.1) ** 2 + (y + 0.3) ** 2 < 0.2
    planes = [np.where(disc, shade, plane) for shade, plane in zip((0.9, 0.7, 0.2), planes, strict=True)]
    pixels = np.stack(planes if colour else planes[:1], axis=-1)
    return np.floor(255 * np.clip(pixels, 0, 1) + 0.5).astype(np.uint8)


@dataclass(frozen=True)
class _Walk:
    """Where a crop stands in each frame: from one corner to the other, in equal steps."""

    frames: int
    room: int

    def place(self, frame: int) -> int:
        return (2 * frame * self.room + self.frames - 1) // (2 * max(1, self.frames - 1))


def clip_of(picture: Pixels, size: int, frames: int, name: str = "picture") -> Pixels:
    """A clip (frames, size, size, channels): a crop that moves across `picture`, corner to corner in equal steps.

    A stand-in for video: all motion is that of the camera.

    Raises
    ------
    InvalidInput
        If the picture is smaller than a frame, or there is less than one frame.
    """
    height, width = picture.shape[:2]
    if not 2 <= size <= min(height, width):
        raise InvalidInput(f"Frame of a clip of {name!r} must be from 2 to {min(height, width)} pixels, not {size}")
    if frames < 1:
        raise InvalidInput(f"Clip must have one or more frames, not {frames}")
    down, across = _Walk(frames, height - size), _Walk(frames, width - size)
    places = [(down.place(n), across.place(n)) for n in range(frames)]
    return np.stack([picture[top : top + size, left : left + size] for top, left in places])
