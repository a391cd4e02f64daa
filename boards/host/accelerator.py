"""An accelerator at the end of a line, from its host: what is loaded, what runs, what its registers hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quadrille.algo.integer.execution import check_images
from quadrille.algo.spec import InvalidInput, Modes, Network, edge_registers
from quadrille.algo.spec.serial_frames import Kind
from quadrille.sim.accelerator import Accelerator as Loaded
from quadrille.sim.accelerator import read_accelerator
from quadrille.sim.manifest import read_manifest
from quadrille.sim.schedule import Schedules

from .exported import edge_folder, program_folder
from .lines import BAUD, Line, LinkFailed, SerialPort, option, parse_address
from .link import Link
from .registers import Registers
from .simulated import FaultyLine, SimulatedLine
from .traffic import Traffic

__all__ = ["Accelerator"]


class Accelerator:
    """An accelerator on a board, or its simulation; `open` makes one, and it is a context that closes itself.

    Attributes
    ----------
    address : where it is
    mode : that images run in, unless `run` is told another; None for the network's first
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self.mode: str | None = None
        self._source: Path | str | Network | Modes | None = None
        self._loaded: Loaded | None = None
        self._connect()

    @classmethod
    def open(cls, address: str) -> Accelerator:
        """The accelerator at `serial:PORT` or `sim:FOLDER`.

        `serial:/dev/ttyUSB0?baud=1000000` names the rate, by default 115,200. `sim:build/digits/hw` simulates the
        accelerator of that folder behind a serial line, with Verilator; the line loses, doubles and damages bytes with
        `?faults=0.001&seed=1`.

        Raises
        ------
        InvalidInput
            If the address is none, or there is no such port or folder.
        MissingTool
            If pyserial is missing, or a tool to simulate with.
        LinkFailed
            If no accelerator answers.
        """
        return cls(address)

    def __repr__(self) -> str:
        loaded = "nothing" if self._loaded is None else f"{self._loaded.network.name!r} of {self._loaded.folder}"
        return f"<Accelerator at {self.address} with {loaded} loaded>"

    def __enter__(self) -> Accelerator:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the line up; the accelerator keeps what it has. `reopen` takes it up again."""
        self._loaded = None
        self._line.close()

    def reopen(self) -> None:
        """Open the line anew, and load what was loaded: after it has gone.

        Raises
        ------
        InvalidInput, MissingTool, LinkFailed
            As `open` and `load`.
        """
        self.close()
        self._connect()
        if self._source is not None:
            self.load(self._source)

    def load(self, network: Path | str | Network | Modes | None = None) -> None:
        """Start the accelerator anew with the program of a network.

        `network` is the folder of an accelerator, as `quadrille generate` and `quadrille export` write it; or a
        Network, its Modes or its file, which then must run on the hardware of the folder that was opened or loaded
        before. Without one it is the network of that folder.

        Raises
        ------
        InvalidInput
            If there is no such network, or it is not for this accelerator.
        LinkFailed
            If the line goes, or the accelerator is another one.
        """
        folder = self._folder_of(network)
        program = program_folder(folder if network is None else network, folder)
        loaded = read_accelerator(program)
        self._check(loaded)
        self._loaded = None
        self._link.restart(edge_registers.CONTROL, edge_registers.SOFT_RESET)
        self._link.exchange(loaded.program, 0)
        self._loaded, self._folder = loaded, program
        self._source = program if network is None else network

    def run(
        self,
        images: Any,
        *,
        mode: str | Sequence[str] | None = None,
        seed: int | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> NDArray[np.int64]:
        """The network's result for each of `images` (n, *shape), integers in the input's format: int64 (n, *result).

        They run in `mode`, by default that of the attribute; or each in a batch of its own, in the mode that `mode`
        names for it, or in one that is drawn for it from the register that starts at `seed`. `progress` is told now and
        then which share of the results has come.

        Raises
        ------
        InvalidInput
            If nothing is loaded, or the images, the modes or the seed cannot be.
        LinkFailed
            If the line goes or the accelerator stops; it must be loaded again then, or `reopen` called.
        """
        loaded = self._loaded
        if loaded is None:
            raise InvalidInput("Accelerator must be loaded before it runs, and is not")
        pictures = check_images(loaded.network.input, images)
        chosen = self.mode if mode is None and seed is None else mode
        schedule = Schedules(loaded, len(pictures), chosen, seed).of(range(len(pictures)))
        ends = np.cumsum(loaded.words_per_image(schedule))
        self._loaded = None  # what an exchange that is cut off leaves behind is not known
        count = int(ends[-1]) if len(ends) else 0
        words, last = self._link.exchange(loaded.input_words(pictures, schedule), count, progress)
        if not np.array_equal(np.flatnonzero(last) + 1, ends):
            raise LinkFailed(f"Accelerator at {self.address} must end {len(ends)} images where they end, and does not")
        self._loaded = loaded
        return loaded.results(words, schedule)

    @property
    def registers(self) -> Registers:
        """The registers by the names that the folder gives them; InvalidInput if none has been opened or loaded."""
        if self._registers is None:
            if self._folder is None:
                raise InvalidInput("Accelerator must be loaded before its registers have names, and is not")
            self._registers = Registers.of(read_manifest(edge_folder(self._folder)), self._link)
        return self._registers

    @property
    def traffic(self) -> Traffic:
        """What went over the line since it was opened."""
        return self._link.traffic

    @property
    def line(self) -> Line:
        """The line itself."""
        return self._line

    def _check(self, loaded: Loaded) -> None:
        """Refuse an accelerator that is not the one of a folder."""
        read = partial(self._link.request, Kind.READ)
        if read(edge_registers.IDENTIFICATION) != edge_registers.MAGIC:
            raise LinkFailed(f"Accelerator at {self.address} must say that it is one, and does not")
        if (major := read(edge_registers.VERSION) >> 16) != edge_registers.MAJOR:
            raise LinkFailed(
                f"Accelerator at {self.address} must have registers of version {edge_registers.MAJOR}, not {major}"
            )
        expected, found = configuration_of(loaded), read(edge_registers.CONFIGURATION)
        if found != expected:
            raise LinkFailed(
                f"Accelerator at {self.address} must have the configuration of {loaded.folder}, {expected:#x}, "
                f"not {found:#x}"
            )

    def _connect(self) -> None:
        """Open the line that the address names, and find the accelerator."""
        scheme, place, options = parse_address(self.address)
        self._folder: Path | None = None
        if scheme == "serial":
            self._line: Line = SerialPort(place, option(options, "baud", int, BAUD, 50, 50_000_000))
            manifest = None
        else:
            faults = option(options, "faults", float, 0.0, 0, 0.5)
            seed = option(options, "seed", int, 0, 0, 1 << 64)
            self._folder = Path(place)
            simulated = SimulatedLine(edge_folder(self._folder))
            manifest = simulated.model.manifest
            self._line = FaultyLine(simulated, faults, seed) if faults else simulated
        self._link = Link(self._line, self.address)
        self._registers = None if manifest is None else Registers.of(manifest, self._link)
        try:
            self._link.begin()
        except BaseException:
            self._line.close()
            raise

    def _folder_of(self, network: Path | str | Network | Modes | None) -> Path:
        """The folder of the hardware that a network is for."""
        if isinstance(network, (Path, str)):
            path = Path(network)
            if path.is_dir():
                return path
            if self._folder is None and (path.parent / "program.json").exists():
                return path.parent
        if self._folder is None:
            raise InvalidInput("Accelerator's folder must be loaded before a network alone, and none is")
        return self._folder


def configuration_of(loaded: Loaded) -> int:
    """What the register `configuration` reads in the hardware of a folder, with its edge or without."""
    entries = loaded.manifest.entries
    named = entries.get("registers")
    if named is None:
        return edge_registers.configuration_hash(entries["parameters"])
    (value,) = [entry["reset"] for entry in named["registers"] if entry["name"] == "configuration"]
    return value
