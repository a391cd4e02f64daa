"""What the precision study measures: the modes of a file, and the trainings that they are compared with."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quadrille.algo.spec import Modes, Network, layer_workloads
from quadrille.algo.spec.spatio_temporal import SpatioTemporal

from .cost_records import RESULTS, records_bytes
from .results import percent, read_json

if TYPE_CHECKING:
    from quadrille.algo.nn import ModesRecipe, Progress, SwitchableClassifier, TrainedModes
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
    "measure_mode",
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


@dataclass(frozen=True)
class Comparison:
    """The trainings beside a network of several precisions: same recipe, same epochs, seed by seed.

    Accuracies are those of integer networks on the held-out images, as records of method, mode and seed.
    """

    recipe: ModesRecipe
    bits: tuple[int, ...]
    epochs: int
    folder: Path
    records: dict[str, Any]
    tell: Callable[[str], None]
    progress: Callable[[str, int, int], None]
    trainings: tuple[str, ...] = TRAININGS

    def run(self, modes: Modes | None, seed: int, accuracy: Callable[[Network], float]) -> None:
        """Train and measure whatever of `seed` is not there yet; `modes` is what TruncQuant has made of that seed, or
        None.
        """
        if "alone" in self.trainings:
            for bits in self.bits:
                self._alone(bits, seed, accuracy)
        cut = self._has(ROUNDED, self.bits, seed) and self._has(ROUNDED_CUT, self.bits, seed)
        if "together" in self.trainings and not cut:
            trained = self._trained(self.bits, seed)
            self._measure(ROUNDED, trained.network, trained, seed, accuracy)
            self._measure(ROUNDED_CUT, self._cut(trained), trained, seed, accuracy)
        if not self._has(TRUNCATED, self.bits, seed):
            if modes is None:
                trained = self._trained(self.bits, seed, rule="truncated")
                self._measure(TRUNCATED, trained.network, trained, seed, accuracy)
            else:
                self._measured(TRUNCATED, modes, seed, accuracy)

    def _alone(self, bits: int, seed: int, accuracy: Callable[[Network], float]) -> None:
        most = bits == max(self.bits)
        if self._has(ALONE, (bits,), seed) and not (most and not self._has(PLAIN_CUT, self.bits, seed)):
            return
        trained = self._trained((bits,), seed)
        self._measure(ALONE, trained.network, trained, seed, accuracy)
        if most:
            self._measure(PLAIN_CUT, self._cut(trained), trained, seed, accuracy)

    def _has(self, method: str, bits: Sequence[int], seed: int) -> bool:
        found = {(each["method"], each["mode"], each["seed"]) for each in self.records["trainings"]}
        return all((method, str(each), seed) in found for each in bits)

    def _keep(self, record: dict[str, Any]) -> None:
        """Add a record to the file, whole or not at all."""
        from quadrille.hw.export import publish

        self.records["trainings"].append(record)
        publish(self.folder, {RESULTS: records_bytes(self.records)})
        self.tell(f"{record['method']}, mode {record['mode']}, seed {record['seed']}: {percent(record['accuracy'])}")

    def _trained(self, bits: tuple[int, ...], seed: int, rule: str = "rounded") -> TrainedModes:
        from quadrille.algo.nn import train_modes
        from quadrille.hw.export import publish

        key = {"modes": list(bits), "rule": rule, "seed": seed}
        what = f"{', '.join(map(str, bits))} bits, seed {seed}"
        marker, checkpoint = self.folder / "checkpoint.json", self.folder / "checkpoint.pt"
        # A checkpoint of another run, left by a study that was changed by hand, would be refused: it is not ours.
        if marker.exists() and read_json(marker, "Checkpoint's name") != key:
            checkpoint.unlink(missing_ok=True)
        publish(self.folder, {marker.name: json.dumps(key) + "\n"})

        def told(at: Progress) -> None:
            self.progress(f"training {what}, {percent(at.latest.held_out_accuracy)}", at.done, at.total)

        trained = train_modes(
            self.recipe,
            bits=bits,
            rule=rule,
            seed=seed,
            epochs=self.epochs,
            checkpoint=checkpoint,
            progress=told,
        )
        checkpoint.unlink(missing_ok=True)
        marker.unlink(missing_ok=True)
        return trained

    def _cut(self, trained: TrainedModes) -> SwitchableClassifier:
        from quadrille.algo.nn import reading_stored_codes

        return reading_stored_codes(self.recipe, trained, self.bits)

    def _measure(
        self,
        method: str,
        model: SwitchableClassifier,
        trained: TrainedModes,
        seed: int,
        accuracy: Callable[[Network], float],
    ) -> None:
        from quadrille.algo.nn import convert_modes

        few = trained.data.held_out_images[:1]
        converted = convert_modes(model, few, name=self.recipe.name, mantissa_bits=self.recipe.mantissa_bits)
        self._measured(method, converted.modes, seed, accuracy)

    def _measured(self, method: str, modes: Modes, seed: int, accuracy: Callable[[Network], float]) -> None:
        for mode, network in modes.networks.items():
            if not self._has(method, (int(mode),), seed):
                self._keep({"method": method, "mode": mode, "seed": seed, "accuracy": accuracy(network)})
