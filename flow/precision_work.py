"""What the precision study measures: the modes of a file, and the trainings that they are compared with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quadrille.algo.spec import Network, layer_workloads
from quadrille.algo.spec.spatio_temporal import SpatioTemporal

from .progress import Report, silent
from .results import percent
from .study_work import kept_here

if TYPE_CHECKING:
    from quadrille.algo.nn import ModesRecipe, Progress
    from quadrille.hw.engine.timing import Timing

__all__ = [
    "ALONE",
    "METHODS",
    "PLAIN_CUT",
    "ROUNDED",
    "ROUNDED_CUT",
    "TRAININGS",
    "TRUNCATED",
    "Comparison",
    "Training",
    "measure_mode",
    "mode_accuracy",
]

ALONE = "trained alone"
TRUNCATED = "TruncQuant"
ROUNDED = "trained together, rounded"
ROUNDED_CUT = "trained together, rounded, then truncated"
PLAIN_CUT = "8 bits alone, then truncated"

METHODS: dict[str, str] = {
    ALONE: "a network for each precision, weights rounded to its own grid (DoReFa): nothing is shared",
    TRUNCATED: "one network, weights stored once; each precision reads the leading bits, in training as in use",
    ROUNDED: "one network trained as TruncQuant's, with codes of their own for each precision: weights stored for each",
    ROUNDED_CUT: "that network, the leading bits of its 8-bit codes read as TruncQuant does",
    PLAIN_CUT: "the network trained alone at 8 bits, leading bits read; batch norm and activation steps measured anew",
}

TRAININGS = ("alone", "together")
"""What may be trained to compare with: each precision alone, whose 8-bit network is also truncated, or all together
with rounded codes, which are also truncated.
"""


def measure_mode(mode: str, number: int, network: Network, timing: Timing, accuracy: float) -> dict[str, Any]:
    """A record of one mode: accuracy, cycles, products of bits, the bits of its weights.

    `timing` is that of the program of all modes, of which this is the one of that `number`.
    """
    layers = layer_workloads(network)
    return {
        "mode": mode,
        "accuracy": accuracy,
        "products": sum(layer.products for layer in layers),
        "bit_products": sum(layer.bit_products for layer in layers),
        "unit_cycles": sum(layer.unit_cycles(SpatioTemporal()) for layer in layers),
        "cycles_per_image": timing.cycles_per_image(number),
        "latency": timing.batch_cycles(1, number),
        "weight_bits": sum(layer.weights * layer.weight_bits for layer in layers),
        "layers": {
            layer.name: [layer.products, layer.weight_bits, layer.activation_bits, layer.bit_products]
            for layer in layers
        },
    }


def mode_accuracy(network: Network, data: str, images: int) -> float:
    """The share of the first `images` held-out images of `data` that the integers of one mode put in their class."""
    from quadrille.algo.data import dataset
    from quadrille.algo.integer import accuracy

    held_out = dataset(data)
    return accuracy(network, held_out.held_out_images[:images], held_out.held_out_labels[:images])


@dataclass(frozen=True)
class Training:
    """One training of the comparison: at these `bits`, with codes by `rule`, for the records of `methods`."""

    methods: tuple[str, ...]
    bits: tuple[int, ...]
    rule: str
    seed: int

    @property
    def what(self) -> str:
        """In words."""
        return f"{', '.join(map(str, self.bits))} bits, seed {self.seed}"


@dataclass(frozen=True)
class Comparison:
    """The trainings beside a network of several precisions: same recipe, same epochs, seed by seed.

    Accuracies are those of integer networks on the first `images` held-out images, as records of method, mode and seed.
    """

    recipe: ModesRecipe
    bits: tuple[int, ...]
    epochs: int
    images: int
    folder: Path
    kinds: tuple[str, ...] = TRAININGS

    def trainings(self, seed: int) -> Iterator[Training]:
        """Those of `seed`, as far as `kinds` names them; the last is the network's own."""
        if "alone" in self.kinds:
            for bits in self.bits:
                methods = (ALONE, PLAIN_CUT) if bits == max(self.bits) else (ALONE,)
                yield Training(methods, (bits,), "rounded", seed)
        if "together" in self.kinds:
            yield Training((ROUNDED, ROUNDED_CUT), self.bits, "rounded", seed)
        yield Training((TRUNCATED,), self.bits, "truncated", seed)

    def wanted(self, training: Training) -> Iterator[dict[str, Any]]:
        """What its records are told by: method, mode and seed."""
        for method in training.methods:
            for bits in training.bits if method == ALONE else self.bits:
                yield {"method": method, "mode": str(bits), "seed": training.seed}

    def checkpoint(self, training: Training) -> Path:
        """Where a training stands."""
        bits = "-".join(map(str, training.bits))
        return self.folder / f"checkpoint-{bits}-{training.rule}-{training.seed}.pt"

    def run(self, training: Training, progress: Report = silent) -> list[dict[str, Any]]:
        """Train, and measure what it is trained for."""
        from quadrille.algo.integer import accuracy
        from quadrille.algo.nn import convert_modes, reading_stored_codes, train_modes

        def told(at: Progress) -> None:
            progress(f"training {training.what}, {percent(at.latest.held_out_accuracy)}", at.done, at.total)

        trained = train_modes(
            self.recipe,
            bits=training.bits,
            rule=training.rule,
            seed=training.seed,
            epochs=self.epochs,
            checkpoint=kept_here(self.checkpoint(training)),
            progress=told,
        )
        data = trained.data
        images, labels = (each[: self.images] for each in (data.held_out_images, data.held_out_labels))
        networks: dict[tuple[str, str], Network] = {}
        for method in training.methods:
            cut = method in (PLAIN_CUT, ROUNDED_CUT)
            model = reading_stored_codes(self.recipe, trained, self.bits) if cut else trained.network
            mantissa_bits = self.recipe.mantissa_bits
            converted = convert_modes(model, images[:1], name=self.recipe.name, mantissa_bits=mantissa_bits)
            networks |= {(method, mode): network for mode, network in converted.modes.networks.items()}
        return [
            {
                **key,
                "accuracy": accuracy(
                    networks[key["method"], key["mode"]], images[: self.images], labels[: self.images]
                ),
            }
            for key in self.wanted(training)
        ]
