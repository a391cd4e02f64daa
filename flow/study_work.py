"""What workers do in a study: one training, or one sweep, from what they are sent alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from quadrille.algo.spec import Network

if TYPE_CHECKING:
    from quadrille.algo.nn.study import Grain, Outcome, StudyOptions

__all__ = ["kept_here", "sweep_points", "swept_points", "train_point"]


def kept_here(checkpoint: Path) -> Path | None:
    """`checkpoint`, where its folder is: on another machine a training that is cut short begins anew."""
    return checkpoint if checkpoint.parent.is_dir() else None


def train_point(options: StudyOptions, grain: Grain, seed: int, checkpoint: Path) -> Outcome:
    """One training of the granularity study."""
    from quadrille.algo.nn.study import train_grain

    return train_grain(options, grain, seed, checkpoint=kept_here(checkpoint))


def sweep_points(options: StudyOptions, network: Network) -> list[dict[str, Any]]:
    """The sweep of one network under variation, as records."""
    from quadrille.algo.integer.sweep import sweep

    return swept_points(options, network, sweep)


def swept_points(options: StudyOptions, network: Network, sweep: Any, **told: Any) -> list[dict[str, Any]]:
    """The same by `sweep`, which is `algo.integer.sweep.sweep` or stands for it."""
    from quadrille.algo.integer.variation import Variation
    from quadrille.algo.nn.study import study_data

    data, count = study_data(options), options.variation_images
    points = sweep(
        network,
        data.held_out_images[:count],
        data.held_out_labels[:count],
        values=options.sigmas,
        seeds=range(options.draws),
        variation=Variation(fraction_bits=options.fraction_bits),
        **told,
    )
    return [{"sigma": point.value, "accuracies": list(point.accuracies)} for point in points]
