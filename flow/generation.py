"""The verb `generate`: the accelerator of a network, with the program that it is loaded with."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from quadrille.algo.spec import DEFAULT_MODE, InvalidInput, Modes, Network, as_thresholds, retile

from .configurations import TOP, checked_settings, configuration_of
from .inspection import network_file
from .progress import Report, silent
from .rendering import pictures_beside
from .results import Result, digest, listed, plain, size

if TYPE_CHECKING:
    from quadrille.boards.fpga.clock_choice import Choice

__all__ = ["TOP", "Generation", "generate"]

T = TypeVar("T")


@dataclass(frozen=True)
class Generation(Result):
    """A generated accelerator: its shape, how the network lies on it, what an image costs, and its files."""

    title: ClassVar[str] = "Accelerator"

    network: str
    rows: int
    columns: int
    macros: int
    parameters: dict[str, Any]
    modes: tuple[str, ...]
    tiles: int
    utilization: float
    cycles_per_image: float
    mode_cycles: tuple[float, ...]
    latency: int
    verilog_bytes: int
    program_bytes: int
    seconds: float
    network_hash: str
    content_hash: str
    thresholds: tuple[str, ...] | None
    retiled: tuple[str, ...] | None
    clock_hz: float | None
    expected_hz: float | None
    family: str | None
    folder: Path
    files: tuple[Path, ...]

    @property
    def shape(self) -> str:
        """The macros, or the array, in words."""
        if self.parameters["engine"] == "mac":
            return f"array of {self.rows} {self.parameters['unit']} units x {self.columns * self.macros} columns"
        plural = "" if self.macros == 1 else "s"
        return f"{self.macros} macro{plural} of {self.rows} rows x {self.columns} columns"

    @property
    def clock(self) -> str:
        """The clock that was asked for, what it took, and what is expected."""
        from quadrille.hw.engine.cuts import CUTS

        cuts = ", ".join(f"{name} {self.parameters[name]}" for name in CUTS)
        expected = (self.expected_hz or 0.0) / 1e6
        return f"{(self.clock_hz or 0.0) / 1e6:g} MHz on {self.family} with {cuts}; {expected:.0f} MHz expected"

    def summary(self) -> Sequence[tuple[str, str]]:
        """Shape, tiles, cycles and files."""
        parameters = self.parameters
        return [
            ("network", self.network),
            ("multiplies", f"{self.shape}, {parameters['lanes']} lanes, {parameters['converter']} converter"),
            ("tiles", f"{self.tiles}, {100 * self.utilization:.0f} % of the cells used"),
            (
                "cycles per image",
                f"{self.cycles_per_image:.1f} in batches of {parameters['frames']} back to back; {self.latency} alone",
            ),
            *(
                (f"mode {mode}", f"{cycles:.1f} cycles per image")
                for mode, cycles in zip(self.modes, self.mode_cycles, strict=True)
                if len(self.modes) > 1
            ),
            *([] if self.clock_hz is None else [("clock", self.clock)]),
            *([("family", f"{self.family}, compressor {parameters['compressor']}")] if self.family else []),
            *([] if self.retiled is None else [("cut anew", ", ".join(self.retiled) or "nothing that could be")]),
            *([] if self.thresholds is None else [("thresholds", ", ".join(self.thresholds) or "nowhere cheaper")]),
            ("Verilog", f"{size(self.verilog_bytes)} in {self.seconds:.1f} s"),
            ("program", size(self.program_bytes)),
            ("files", listed(self.folder, self.files)),
        ]


def generate(
    network: Path | str,
    folder: Path | str,
    *,
    engine: str | None = None,
    unit: str | None = None,
    rows: int | None = None,
    columns: int | None = None,
    macros: int = 1,
    settings: Mapping[str, object] | None = None,
    baked: bool = False,
    thresholds: bool = False,
    retiled: bool = False,
    accelerator: Path | str | None = None,
    clock: float | None = None,
    family: str | None = None,
    progress: Report = silent,
) -> Generation:
    """Lay the Network in the file `network` out on macros, and write the accelerator that runs it into `folder`.

    With `engine` "mac" the macros are arrays of multiply-accumulate units of the kind `unit`, by default
    spatio-temporal, `rows` of them in a column: 32 x 32 unless others are given, of macros 128 x 128. Weights then
    stand whole in their columns, and every layer is cut anew.

    `settings` may choose what is in SETTINGS. `baked` puts weights, tables and program into the hardware, which then
    runs this network alone. With `thresholds`, layers whose activation is cheaper as ADC thresholds than as mantissas
    are rewritten so, exactly; with `retiled`, layers with exact sums are cut anew into the fewest tiles that macros of
    so many rows need. The network in `folder` is the rewritten one. With `accelerator`, the folder of one that is
    there already, the hardware stays that one and only the program is new: the network must fit, and shape and
    settings are not looked at. With `family` the macros are made of what suits that family of FPGAs: their compressor
    is lut6 on look-up tables of six inputs, unless the settings choose one. With `clock`, in Hz, the registers that it
    needs on that family, by default ECP5, are chosen (`boards.fpga.clock_choice`), and may not be among the settings.
    What stood in `folder` before is replaced as a whole, or stays.

    Raises
    ------
    InvalidInput
        If the file is no valid Network, the network cannot run on such an accelerator, a setting is impossible, the
        clock cannot be reached, or the folder cannot be written.
    """
    from quadrille.algo.integer.network_file import read_modes
    from quadrille.hw.engine import compile_network
    from quadrille.hw.export import design_files, publish

    source = network_file(network)
    loaded, contents, rewritten, tilings = read_modes(source), source.read_bytes(), None, None
    if retiled:
        most = (rows or 128) if accelerator is None else configuration_of(Path(accelerator)).rows
        loaded, tilings = _rewritten(loaded, lambda network: retile(network, most))
    if thresholds:
        loaded, choices = _rewritten(loaded, as_thresholds)
        rewritten = tuple(dict.fromkeys(choice.name for choice in choices if choice.cheaper))
    if retiled or thresholds:
        contents = contents_of(loaded)
    chosen = checked_settings(settings, engine=engine, unit=unit)
    progress("mapping", 0, 3)
    started = time.perf_counter()
    shape = {"rows": rows, "columns": columns, "macros": macros}
    choice = None
    if accelerator is not None and (clock or family):
        raise InvalidInput("Clock and family must be given to an accelerator that is new, not along with one")
    if clock is not None:
        family = family or "ecp5"
        choice = _chosen_cuts(loaded, shape, chosen, clock, family)
        chosen |= choice.settings
    elif family is not None:
        chosen |= _suited_to(family, chosen)
    if accelerator is None:
        program = compile_network(loaded, **shape, baked=baked, **chosen)
    else:
        program = compile_network(loaded, configuration=configuration_of(Path(accelerator)), baked=baked)
    progress("writing Verilog", 1, 3)
    configuration = program.configuration
    if program.modes != loaded:
        loaded, contents = program.modes, contents_of(program.modes)
    files: dict[str, str | bytes] = dict(design_files(program.accelerator(), TOP))
    files["network.safetensors"] = contents
    files["program.bin"] = program.data
    files["program.json"] = json.dumps(program.description(), indent=1, sort_keys=True) + "\n"
    metrics = source.with_name("metrics.json")
    if metrics.is_file():
        files["training.json"] = metrics.read_bytes()
    files |= pictures_beside(source)
    seconds = time.perf_counter() - started
    used = [share for plan in program.plans for share in plan.utilization]
    folder = Path(folder)
    result = Generation(
        network=loaded.name,
        rows=configuration.rows,
        columns=configuration.columns,
        macros=configuration.macros,
        parameters=configuration.record(),
        modes=loaded.names,
        tiles=program.instructions,
        utilization=sum(used) / len(used),
        cycles_per_image=program.timing.cycles_per_image(),
        mode_cycles=tuple(program.timing.cycles_per_image(number) for number in range(len(loaded.names))),
        latency=program.timing.batch_cycles(1),
        verilog_bytes=len(files[f"{TOP}.v"]),
        program_bytes=len(program.data),
        seconds=seconds,
        network_hash=digest(contents),
        thresholds=rewritten,
        retiled=None if tilings is None else tuple(dict.fromkeys(tiling.name for tiling in tilings)),
        clock_hz=clock,
        expected_hz=None if choice is None else choice.expected_hz,
        family=family,
        content_hash=json.loads(files[f"{TOP}.json"])["content_hash"],
        folder=folder,
        files=tuple(folder / name for name in sorted([*files, "generation.json"])),
    )
    progress("writing files", 2, 3)
    # What is the same on every machine goes into the file; the time that it took does not.
    stored = {key: value for key, value in plain(result).items() if key not in ("seconds", "folder", "files")}
    files["generation.json"] = json.dumps(stored, indent=2, sort_keys=True) + "\n"
    publish(folder, files)
    progress("writing files", 3, 3)
    return result


def _chosen_cuts(
    modes: Modes, shape: Mapping[str, Any], settings: Mapping[str, Any], clock: float, family: str
) -> Choice:
    """The registers for a clock."""
    from quadrille.boards.fpga.clock_choice import choose_cuts
    from quadrille.hw.engine.cuts import CUTS
    from quadrille.hw.engine.sizing import Sizing

    for name in CUTS:
        if name in settings:
            raise InvalidInput(f"Setting {name} must be left to the clock, where one is given")
    return choose_cuts(Sizing(modes).size(**shape, **settings).configuration, family, clock)


def _suited_to(family: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """What suits a family where `settings` choose nothing else."""
    from quadrille.boards.targets import FPGAS

    if family not in FPGAS:
        raise InvalidInput(f"Family must be one of {', '.join(FPGAS)}, not {family!r}")
    wanted = FPGAS[family].word_cells is not None and settings.get("engine", "cim") == "cim"
    return {"compressor": "lut6"} if wanted and "compressor" not in settings else {}


def _rewritten(
    modes: Modes, rewrite: Callable[[Network], tuple[Network, tuple[T, ...]]]
) -> tuple[Modes, tuple[T, ...]]:
    """Every mode's network rewritten, and what was done to all of them."""
    results = {mode: rewrite(network) for mode, network in modes.networks.items()}
    networks = {mode: network for mode, (network, _) in results.items()}
    return Modes(modes.name, networks), tuple(change for _, changes in results.values() for change in changes)


def contents_of(modes: Modes) -> bytes:
    """The Network file of `modes`, a plain one if there is but the default mode."""
    from quadrille.algo.integer.network_file import modes_bytes, network_bytes

    return network_bytes(modes.default) if modes.names == (DEFAULT_MODE,) else modes_bytes(modes)
