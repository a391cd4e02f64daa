"""A recipe that represents one picture, and what its training and conversion come to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quadrille.algo.data import clip_of, coordinates_of, photograph, psnr
from quadrille.algo.integer import execute
from quadrille.algo.spec import InvalidInput, Network

from ..recipe import recipes_of
from .conversion import differing_pixels, network_of
from .quality import ssim
from .representation import FLOAT, PictureOptions, PictureProgress, Represented, represent

__all__ = ["PictureOutcome", "PictureRecipe", "picture_recipes", "render", "represent_picture", "with_settings"]

CHUNK = 1 << 13


@dataclass(frozen=True, kw_only=True)
class PictureRecipe:
    """A coordinate network for one picture: `image` cut to `crop` pixels a side, weights and activations of `bits`.

    With `frames` it is a clip: a frame of `crop` pixels that moves across the photograph.
    """

    name: str
    summary: str
    image: str = "drawn"
    crop: int = 256
    colour: bool = False
    frames: int | None = None
    bits: int = 12
    options: PictureOptions = PictureOptions()

    def pixels(self) -> NDArray[np.uint8]:
        """The picture (height, width, channels), or the clip (frames, height, width, channels).

        Raises
        ------
        InvalidInput
            If there is no such picture, or it is too small.
        """
        if self.frames is None:
            return photograph(self.image, colour=self.colour, crop=self.crop)
        drawn = 2 * self.crop if self.image == "drawn" else None  # room to move in
        whole = photograph(self.image, colour=self.colour, crop=drawn)
        return clip_of(whole, self.crop, self.frames, self.image)

    @property
    def network_name(self) -> str:
        """What the Network is called: recipe, picture and, where they are not 12, the bits."""
        bits = "" if self.bits == PictureRecipe.bits else f"-w{self.bits}a{self.bits}"
        return f"{self.name}-{Path(self.image).stem}{bits}"

    @property
    def identity(self) -> dict[str, Any]:
        """What tells runs of this recipe apart, beside its options."""
        return {"image": self.image, "crop": self.crop, "colour": self.colour, "frames": self.frames}


@dataclass(frozen=True, eq=False)
class PictureOutcome:
    """A represented picture and, where its wave has a form there, its Network and what that renders.

    `different` counts the integers of each node that differ from the model's, over all pixels: none, or conversion is
    wrong.
    """

    recipe: PictureRecipe
    represented: Represented
    network: Network | None
    rendered: NDArray[np.uint8] | None
    different: dict[str, int]

    @property
    def integer_psnr(self) -> float | None:
        """PSNR of what the Network renders."""
        return None if self.rendered is None else psnr(self.represented.picture, self.rendered)

    @property
    def integer_ssim(self) -> float | None:
        """SSIM of what the Network renders."""
        if self.rendered is None or self.represented.stages[FLOAT].ssim is None:
            return None
        return ssim(self.represented.picture, self.rendered)

    def as_dict(self) -> dict[str, Any]:
        """Plain data: the recipe, its stages, the integers."""
        integer = {"psnr": self.integer_psnr, "ssim": self.integer_ssim, "different": self.different}
        recipe = {"recipe": self.recipe.name, **self.recipe.identity, "bits": self.recipe.bits}
        return {**recipe, **self.represented.as_dict(), "integer": None if self.network is None else integer}


def picture_recipes() -> dict[str, PictureRecipe]:
    """All recipes of pictures by name."""
    return recipes_of(PictureRecipe)


def render(network: Network) -> NDArray[np.uint8]:
    """What `network` makes of every point of its grid, in the order of `coordinates_of`: (points, channels)."""
    codes, result = coordinates_of(network), network.result.name
    parts = [execute(network, codes[at : at + CHUNK], keep={result})[result] for at in range(0, len(codes), CHUNK)]
    return np.concatenate(parts).astype(np.uint8)


def represent_picture(
    recipe: PictureRecipe,
    *,
    checkpoint: Path | None = None,
    progress: Callable[[PictureProgress], None] | None = None,
) -> PictureOutcome:
    """Train the network of `recipe`, convert it, render it in integers, and compare every integer of every pixel.

    Raises
    ------
    InvalidInput
        If the picture is missing, a number is impossible, or the checkpoint is of another run.
    """
    picture = recipe.pixels()
    represented = represent(
        picture,
        recipe.options,
        bits=(recipe.bits,),
        fitted=True,
        identity=recipe.identity,
        checkpoint=checkpoint,
        progress=progress,
    )
    model = represented.stages[str(recipe.bits)].model
    if not model.integral:
        return PictureOutcome(recipe, represented, None, None, {})
    notes = {
        "recipe": recipe.name,
        "picture": recipe.image,
        "activation": recipe.options.wave,
        "frequency": f"{recipe.options.frequency:g}",
        "bits": str(recipe.bits),
        "seed": str(recipe.options.seed),
        "float PSNR": f"{represented.stages[FLOAT].psnr:.3f}",
        "PSNR": f"{represented.stages[str(recipe.bits)].psnr:.3f}",
    }
    network = network_of(model, represented.grid, name=recipe.network_name, notes=notes)
    different = differing_pixels(model, network, represented.grid.codes())
    if any(different.values()):
        raise InvalidInput(f"Network of {recipe.image!r} must equal its model, and differs: {different}")
    return PictureOutcome(recipe, represented, network, render(network).reshape(picture.shape), different)


def with_settings(recipe: PictureRecipe, settings: dict[str, Any]) -> PictureRecipe:
    """`recipe` with the settings that are not None, its own or those of its options.

    Tuning takes a fifth of the steps where only the steps are given.
    """
    given = {name: value for name, value in settings.items() if value is not None}
    own = {name: given.pop(name) for name in ("image", "crop", "colour", "frames", "bits") if name in given}
    if "steps" in given:
        given.setdefault("tuning_steps", max(1, given["steps"] // 5))
    return replace(recipe, **own, options=replace(recipe.options, **given))
