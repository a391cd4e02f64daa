"""The verb `train` for a recipe of a picture: a coordinate network, its integers, and what they render."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from quadrille.algo.spec import InvalidInput

from .checkpoints import training_in
from .picture_figures import Panel, picture_error, progress_png, side_by_side_png
from .progress import Report, silent
from .rendering import decibels
from .results import Result, listed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from quadrille.algo.nn.inr import PictureOutcome, PictureProgress, Represented

__all__ = ["PictureTraining", "is_picture_recipe", "train_picture"]

NETWORK, ORIGINAL, FLOAT_PICTURE, INTEGER_PICTURE = "network.safetensors", "original.png", "float.png", "integer.png"


@dataclass(frozen=True)
class PictureTraining(Result):
    """A represented picture: how near each stage is to it, and its files."""

    title: ClassVar[str] = "Representation of a picture"

    recipe: str
    image: str
    shape: tuple[int, ...]
    sizes: str
    activation: str
    bits: int
    steps: int
    seconds: float
    float_psnr: float
    quantized_psnr: float
    integer_psnr: float | None
    float_ssim: float | None
    integer_ssim: float | None
    folder: Path
    files: tuple[Path, ...]

    def summary(self) -> Sequence[tuple[str, str]]:
        """PSNR and SSIM of each stage, and the files."""
        integer = "no form in a Network for this activation"
        if self.integer_psnr is not None:
            integer = f"{decibels(self.integer_psnr)} ({self.integer_psnr - self.float_psnr:+.2f} dB against float)"
        return [
            ("recipe", f"{self.recipe}, {self.steps} steps in {self.seconds:.0f} s"),
            ("picture", f"{self.image}, {' x '.join(map(str, self.shape))}"),
            ("network", f"{self.sizes}, {self.activation}, {self.bits} bits"),
            ("float PSNR", _quality(self.float_psnr, self.float_ssim)),
            ("quantized PSNR", decibels(self.quantized_psnr)),
            ("integer PSNR", integer),
            ("files", listed(self.folder, self.files)),
        ]


def _quality(psnr: float, ssim: float | None) -> str:
    return decibels(psnr) if ssim is None else f"{decibels(psnr)}, SSIM {ssim:.4f}"


def is_picture_recipe(name: str) -> bool:
    """Whether `name` is a recipe of a picture."""
    from quadrille.algo.nn.inr import picture_recipes

    return name in picture_recipes()


def train_picture(
    recipe: str, folder: Path | str, *, resume: bool = False, progress: Report = silent, **settings: Any
) -> PictureTraining:
    """Train the coordinate network of `recipe`, convert it, and write its files into `folder`.

    `settings` take the place of the recipe's own: `image`, `crop`, `colour`, `frames`, `bits`, and the fields of
    `algo.nn.inr.PictureOptions`, but for `activation`, which is `wave` there; None leaves one as it is. The files are
    network.safetensors (where the wave has a form there), metrics.json, original.png, float.png and integer.png (the
    pictures themselves; the frames of a clip one under another), pictures.png (side by side, with the error) and
    progress.png (the picture as it grew). An interrupted training leaves checkpoint.pt, from which `resume` goes on to
    the same result.

    Raises
    ------
    InvalidInput
        If there is no such recipe or picture, a number is impossible, the checkpoint is of another run, or `folder`
        cannot be written.
    """
    from quadrille.algo.nn.inr import picture_recipes, represent_picture, with_settings
    from quadrille.hw.export import publish

    known = picture_recipes()
    if recipe not in known:
        raise InvalidInput(f"Recipe of a picture must be one of {', '.join(known)}, not {recipe!r}")
    settings["wave"] = settings.pop("activation", None)
    chosen = with_settings(known[recipe], settings)
    folder = Path(folder)
    started = time.perf_counter()

    def told(at: PictureProgress) -> None:
        stage = "" if at.stage == "float" else f", {at.stage} bits"
        progress(f"training {chosen.image}{stage}, {decibels(at.psnr)}", at.done, at.total)

    with training_in(folder, resume=resume) as checkpoint:
        outcome = represent_picture(chosen, checkpoint=checkpoint, progress=told)
    files = _files(outcome)
    publish(folder, files)
    checkpoint.unlink(missing_ok=True)
    options, stages = chosen.options, outcome.represented.stages
    grid = outcome.represented.grid
    quantized = stages[str(chosen.bits)]
    return PictureTraining(
        recipe=recipe,
        image=chosen.image,
        shape=outcome.represented.picture.shape,
        sizes="-".join(map(str, (len(grid.sizes), *[options.hidden] * options.layers, grid.channels))),
        activation=options.wave,
        bits=chosen.bits,
        steps=options.steps + options.tuning_steps,
        seconds=time.perf_counter() - started,
        float_psnr=stages["float"].psnr,
        quantized_psnr=quantized.psnr,
        integer_psnr=outcome.integer_psnr,
        float_ssim=stages["float"].ssim,
        integer_ssim=outcome.integer_ssim,
        folder=folder,
        files=tuple(folder / name for name in files),
    )


def _files(outcome: PictureOutcome) -> dict[str, str | bytes]:
    from quadrille.algo.data import picture_png
    from quadrille.algo.integer.network_file import network_bytes

    represented = outcome.represented
    picture = represented.picture
    quantized = represented.stages[str(outcome.recipe.bits)]
    final = quantized.pixels if outcome.rendered is None else outcome.rendered
    files: dict[str, str | bytes] = {}
    if outcome.network is not None:
        files[NETWORK] = network_bytes(outcome.network)
    files["metrics.json"] = json.dumps(outcome.as_dict(), indent=1) + "\n"
    for name, pixels in ((ORIGINAL, picture), (FLOAT_PICTURE, represented.stages["float"].pixels + 0.5)):
        files[name] = picture_png(_upright(pixels))
    if outcome.rendered is not None:
        files[INTEGER_PICTURE] = picture_png(_upright(outcome.rendered))
    last = f"{outcome.recipe.bits} bits, {decibels(quantized.psnr)}"
    panels: list[Panel] = [
        (f"{outcome.recipe.image}, 8 bits", picture),
        (f"float, {decibels(represented.stages['float'].psnr)}", represented.stages["float"].pixels),
        (last, final),
        ("error, eight times", picture_error(picture, final)),
    ]
    files["pictures.png"] = side_by_side_png(panels)
    files["progress.png"] = progress_png(growth(represented))
    return files


def growth(represented: Represented) -> list[Panel]:
    """The pictures of every look at the training, with step and PSNR."""
    panels: list[Panel] = []
    for name, stage in represented.stages.items():
        what = "" if name == "float" else f"{name} bits, "
        for at, snapshot in zip(stage.history, stage.snapshots, strict=True):
            panels.append((f"{what}step {at['step']:,.0f}, {decibels(at['psnr'])}", snapshot))
    return panels


def _upright(pixels: NDArray[np.generic]) -> NDArray[np.uint8]:
    """A picture; the frames of a clip one under another."""
    import numpy as np

    flat = pixels.reshape(-1, *pixels.shape[-2:])
    return np.clip(np.floor(flat.astype(np.float64)), 0, 255).astype(np.uint8)
