"""Folders that a driver needs and a user may not have made: written by the command line, once, and kept in the cache.

By the command line and in a process of its own: a host knows the hardware by its files alone.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from quadrille.algo.integer.network_file import modes_bytes, read_modes, write_modes
from quadrille.algo.spec import InvalidInput, Modes, Network
from quadrille.sim.cache import cached, content_key
from quadrille.sim.manifest import read_manifest

__all__ = ["EDGE", "edge_folder", "program_folder"]

EDGE = "uart-accelerator"
DIVISOR = 4
"""Cycles of a bit where nobody needs more: the line then keeps a simulation the least waiting."""
COMMAND = "import sys; from quadrille.flow.command_line import main; main()"
GENERATORS = ("quadrille.algo", "quadrille.hw", "quadrille.flow")
"""What decides what is written."""


def edge_folder(folder: Path) -> Path:
    """`folder` itself if it holds an accelerator on a serial line, else one around the accelerator that it holds.

    Raises
    ------
    InvalidInput
        If it holds neither.
    """
    manifest = read_manifest(folder)
    if manifest.block == EDGE:
        return folder
    key = content_key(["edge", manifest.content_hash, manifest.entries["parameters"], contents(folder), generators()])
    settings = ["--set", f"divisor={DIVISOR}", "--around", str(folder)]
    return cached("edges", key, lambda staging: call(["component", EDGE, *settings, "-o", str(staging)]))


def program_folder(network: Path | str | Network | Modes, folder: Path) -> Path:
    """A folder with the program of a network for the accelerator in `folder`: that one, if it is its network.

    `network` is a Network, Modes, the file of either, or a folder that was generated.

    Raises
    ------
    InvalidInput
        If it is none, or does not run on this accelerator.
    """
    if isinstance(network, (Network, Modes)):
        modes = network if isinstance(network, Modes) else Modes.of(network)
    else:
        path = Path(network)
        if path.is_dir():
            return path
        modes = read_modes(path)
    data = modes_bytes(modes)
    if data == modes_bytes(read_modes(folder / "network.safetensors")):
        return folder

    def make(staging: Path) -> None:
        write_modes(modes, staging / "given.safetensors")
        call(["generate", str(staging / "given.safetensors"), "--accelerator", str(folder), "-o", str(staging)])

    digest = hashlib.sha256(data).hexdigest()
    return cached("programs", content_key(["program", digest, contents(folder), generators()]), make)


def contents(folder: Path) -> dict[str, str]:
    """What the files of an accelerator's folder hold, by name."""
    names = ("generation.json", "network.safetensors", "program.bin", "program.json")
    return {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names if (folder / name).exists()
    }


def generators() -> str:
    """What the sources hold that write folders: another generator, another folder."""
    digest = hashlib.sha256()
    for name in GENERATORS:
        specification = find_spec(name)
        assert specification is not None and specification.submodule_search_locations is not None
        for root in specification.submodule_search_locations:
            for path in sorted(Path(root).rglob("*.py")):
                digest.update(path.read_bytes())
    return digest.hexdigest()


def call(arguments: list[str]) -> None:
    """A verb of the command line.

    Raises
    ------
    InvalidInput
        With what it says, if it refuses.
    """
    environment = {**os.environ, "AMARANTH_USE_YOSYS": "builtin"}
    done = subprocess.run([sys.executable, "-c", COMMAND, *arguments], capture_output=True, text=True, env=environment)
    if done.returncode:
        said = " ".join((done.stderr or done.stdout).split()).removeprefix("quadrille: ")
        raise InvalidInput(f"Command quadrille {arguments[0]} must do what the driver needs, and says: {said}")
