"""Pictures, clips and the grids of coordinates that belong to them."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from quadrille.algo.data import (
    CoordinateGrid,
    centre_crop,
    clip_of,
    coordinates_of,
    drawn_picture,
    grid_of,
    photograph,
    picture_png,
    picture_shape,
    read_picture,
)
from quadrille.algo.data.folder import DATA_VARIABLE
from quadrille.algo.spec import Dequantize, Input, IntFormat, IntTensor, InvalidInput, Linear, Network


def represented(grid: CoordinateGrid, /, **notes: str) -> Network:
    inputs, outputs = len(grid.sizes), grid.channels
    weight = IntTensor.of([1] * (inputs * outputs), (outputs, inputs), "int8")
    return Network(
        "picture",
        (
            Input(name="coordinates", shape=(inputs,), format=grid.format),
            Linear(
                name="codes", inputs=("coordinates",), weight=weight, weight_bits=2, cell_bits=2, tile_rows=(inputs,)
            ),
            Dequantize(
                name="pixels",
                inputs=("codes",),
                mantissa=IntTensor.of([1] * outputs, (1, 1, outputs)),
                bias=IntTensor.of([0] * outputs, (outputs,)),
                shift=0,
                format=IntFormat(8),
            ),
        ),
        {**grid.notes(), **notes},
    )


def test_png_is_read_back(tmp_path):
    for colour in (False, True):
        picture = drawn_picture(9, colour=colour)
        (tmp_path / "picture.png").write_bytes(picture_png(picture))
        assert np.array_equal(read_picture(tmp_path / "picture.png"), picture)
    assert read_picture(tmp_path / "picture.png", colour=False).shape == (9, 9, 1)
    assert photograph(str(tmp_path / "picture.png"), crop=4).shape == (4, 4, 1)


def test_a_drawn_picture_has_no_seed_and_full_contrast():
    picture = photograph("drawn", crop=32, colour=True)
    assert picture.shape == (32, 32, 3) and picture.dtype == np.uint8
    assert picture.max() - picture.min() > 150
    assert np.array_equal(picture, drawn_picture(32, colour=True))


def test_pictures_of_the_data_folder(tmp_path, monkeypatch):
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path))
    folder = tmp_path / "images" / "skimage"
    folder.mkdir(parents=True)
    (folder / "camera.png").write_bytes(picture_png(drawn_picture(8)))
    assert photograph("camera", crop=4).shape == (4, 4, 1)
    with pytest.raises(InvalidInput, match=r"^Picture 'moon' must be a path or one of those in images/skimage and"):
        photograph("moon")


def test_centre_crop_is_in_the_middle():
    picture = np.arange(5 * 7, dtype=np.uint8).reshape(5, 7, 1)
    assert centre_crop(picture, 3)[..., 0].tolist() == [[9, 10, 11], [16, 17, 18], [23, 24, 25]]


def test_a_clip_goes_from_corner_to_corner():
    picture = drawn_picture(32)
    clip = clip_of(picture, 16, 5)
    assert clip.shape == (5, 16, 16, 1)
    assert np.array_equal(clip[0], picture[:16, :16])
    assert np.array_equal(clip[2], picture[8:24, 8:24])
    assert np.array_equal(clip[4], picture[16:, 16:])


@pytest.mark.parametrize("shape", [(256, 256, 1), (5, 8, 3), (1, 1, 1), (4, 6, 8, 1), (1, 4, 4, 3)])
def test_coordinates_are_symmetric_integers(shape):
    grid = CoordinateGrid.covering(shape)
    codes = grid.codes()
    assert codes.shape == (np.prod(shape[:-1]), len(shape) - 1)
    assert np.array_equal(codes, -codes[::-1])
    assert len(np.unique(codes, axis=0)) == len(codes)
    assert grid.interval in grid.format.interval
    assert int(codes.max()) == grid.interval.hi


def test_pixels_of_256_have_nine_bits():
    grid = CoordinateGrid.covering((256, 256, 1))
    assert grid.format == IntFormat(9, signed=True)
    assert grid.codes()[:2].tolist() == [[-255, -255], [-255, -253]]


@pytest.mark.parametrize("shape", [(5, 8, 3), (4, 6, 8, 1)])
def test_a_network_says_its_coordinates(shape):
    grid = CoordinateGrid.covering(shape)
    network = represented(grid)
    assert grid_of(network) == grid
    assert np.array_equal(coordinates_of(network), grid.codes())
    assert picture_shape(network) == (np.prod(shape[:-2]), shape[-2], shape[-1])


GRID = CoordinateGrid.covering((4, 4, 1))


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (lambda: CoordinateGrid((4,), (2,), 1), r"^Grid of a picture must have two or three positive sizes, not 4$"),
        (
            lambda: CoordinateGrid((4, 4), (2, 3), 1),
            r"^Strides of a grid must be even and one for each axis, not 2, 3$",
        ),
        (
            lambda: grid_of(replace(represented(GRID), notes={})),
            r"^Network 'picture' must have notes of a picture's grid, and has none$",
        ),
        (
            lambda: grid_of(represented(GRID, grid="4xfour")),
            r"^Notes of network 'picture' must hold a picture's grid in integers$",
        ),
        (
            lambda: grid_of(represented(GRID, channels="3")),
            r"^Network 'picture' must read 2 coordinates and give 3 channels, not read \[2\] and give \[1\]$",
        ),
        (
            lambda: grid_of(represented(GRID, grid="99x99")),
            r"^Coordinates of network 'picture' must be of its input's format, and are wider$",
        ),
        (lambda: centre_crop(drawn_picture(8), 9), r"^Crop of 'picture' must be from 2 to 8 pixels, not 9$"),
        (lambda: clip_of(drawn_picture(8), 9, 2), r"^Frame of a clip of 'picture' must be from 2 to 8 pixels, not 9$"),
        (lambda: clip_of(drawn_picture(8), 4, 0), r"^Clip must have one or more frames, not 0$"),
        (lambda: read_picture("missing.png"), r"^Picture 'missing.png' must be a whole file: No such file"),
    ],
)
def test_refused(action, message):
    with pytest.raises(InvalidInput, match=message):
        action()


def test_damaged_files_are_refused(tmp_path):
    path = tmp_path / "picture.png"
    path.write_bytes(b"no picture at all")
    with pytest.raises(InvalidInput, match=r"^Picture '.*picture\.png' must be a picture file, and is none or dam"):
        read_picture(path)
    path.write_bytes(picture_png(drawn_picture(64))[:300])
    with pytest.raises(InvalidInput, match=r"^Picture '.*picture\.png' must be "):
        read_picture(path)
    Image.fromarray(np.zeros((4, 4), dtype=np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(InvalidInput, match=r"^Picture '.*deep\.png' must have 8 bits for each channel, not mode I"):
        read_picture(tmp_path / "deep.png")
