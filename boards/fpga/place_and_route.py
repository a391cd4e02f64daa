"""Synthesis, place and route with open tools for ECP5 and iCE40: what fits, how fast it is, and why not faster."""

from __future__ import annotations

import json
import re
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quadrille.algo.spec import InvalidInput

from ..synthesis import Resources, counted, run_yosys
from .critical_path import CriticalPath
from .devices import Device, Need, Overfull
from .tools import run_tool

__all__ = ["Placed", "place_and_route", "place_and_route_netlist", "synthesize_for"]

NEXTPNR = {"ecp5": "nextpnr-ecp5", "ice40": "nextpnr-ice40"}
CONSTRAINTS = {"ecp5": "--lpf", "ice40": "--pcf"}
CONFIGURATION = {"ecp5": "--textcfg", "ice40": "--asc"}
PACKAGE = "CABGA381"
"""Of ECP5, where pins do not matter."""
SPEED_GRADE = "6"
"""The slowest of ECP5, where none is given."""
ROUTER: Mapping[str, tuple[str, ...]] = {"ecp5": ("--router", "router2")}
"""Much faster than nextpnr's default, and no worse."""

RESOURCES = {
    "TRELLIS_COMB": "look-up tables",
    "TRELLIS_FF": "flip-flops",
    "DP16KD": "DP16KD block memories",
    "MULT18X18D": "multipliers",
    "ICESTORM_LC": "logic cells, of a look-up table and a flip-flop",
    "ICESTORM_RAM": "SB_RAM40_4K block memories",
    "ICESTORM_DSP": "multipliers",
    "ICESTORM_SPRAM": "large memories",
}
"""The resources of nextpnr that a design is judged by, and what they are called."""

USED = re.compile(r"Info:\s+(?P<name>[A-Z0-9_]+):\s*(?P<used>\d+)/\s*(?P<available>\d+)")
"""A line of what is used of the device."""

Stage = Callable[[str], None]
STAGES = {
    "Info: Packing": "packing",
    "Info: Creating initial": "placing",
    "Info: Running simulated": "placing",
    "Info: Routing globals": "routing",
    "Info: Routing..": "routing",
}
"""How a stage's first line begins in nextpnr's log, and what the stage is called."""


@dataclass(frozen=True)
class Placed:
    """A design in its place on a device.

    `clock_hz` is the frequency reached, by nextpnr's static timing analysis of the slowest corner; None of a design
    without a register. `utilization` is used and available by nextpnr's name of the resource.
    """

    device: str
    seed: int
    wanted_hz: float
    clock_hz: float | None
    utilization: Mapping[str, tuple[int, int]]
    critical_path: CriticalPath | None
    resources: Resources
    synthesis_seconds: float
    seconds: float

    @property
    def needs(self) -> tuple[Need, ...]:
        """What it takes of the resources that a design is judged by."""
        return tuple(
            Need(resource, *self.utilization[name]) for name, resource in RESOURCES.items() if name in self.utilization
        )

    @property
    def met(self) -> bool:
        """Whether the clock reached is that which was wanted."""
        return self.clock_hz is None or self.clock_hz >= self.wanted_hz


def place_and_route(
    verilog: Path | Sequence[Path],
    top: str,
    device: Device,
    clock_hz: float,
    *,
    multipliers: bool = True,
    seed: int = 1,
    speed: str = SPEED_GRADE,
    options: Sequence[str] = (),
    timeout: float = 1800.0,
    stage: Stage = lambda name: None,
) -> Placed:
    """The module `top` of `verilog` alone on `device`, its few ports at whatever pins: only registers bound paths.

    A path from a port to a register, or the other way, is not looked at: what is measured needs registers at its ports.
    The clock comes in through a pin as well, or it would not go through the device's clock network but through wires.

    Parameters
    ----------
    clock_hz
        The frequency that placer and router work towards; what they reach may be more or less.
    multipliers
        Whether products may take the hard multipliers of the device.
    seed
        Where the placer starts; results of several seeds lie some percent apart.
    options
        Further options of nextpnr.
    timeout
        Seconds after which either synthesis or place and route is given up.

    Raises
    ------
    InvalidInput
        If the device is no ECP5, or the Verilog does not go through, does not fit, or takes too long.
    MissingTool
        If pyosys or nextpnr is not installed.
    """
    if device.family != "ecp5":  # what follows are its options
        raise InvalidInput(f"Device of a design without pins must be an ECP5, not {device.name}")
    files = [verilog] if isinstance(verilog, Path) else list(verilog)
    with tempfile.TemporaryDirectory(prefix="quadrille-") as name:
        folder = Path(name)
        started = time.perf_counter()
        stage("synthesis")
        resources = synthesize_for(files, top, device, folder / "netlist.json", multipliers, timeout)
        synthesized = time.perf_counter() - started
        chosen = ["--package", PACKAGE, "--lpf-allow-unconstrained", "--speed", speed, *options]
        report, seconds = place_and_route_netlist(
            folder / "netlist.json", device, clock_hz, options=chosen, seed=seed, timeout=timeout, stage=stage
        )
    return placed_of(report, device, clock_hz, seed, resources, synthesized, seconds)


def synthesize_for(
    verilog: Sequence[Path],
    top: str,
    device: Device,
    netlist: Path,
    multipliers: bool = True,
    timeout: float = 1800.0,
) -> Resources:
    """Write the netlist of `top` in the cells of `device` as JSON into the file `netlist`; what it takes.

    Raises
    ------
    InvalidInput, MissingTool
        As `place_and_route`.
    """
    for file in verilog:
        if not file.is_file():
            raise InvalidInput(f"Verilog must be a file, and {file} is none")
    statistics = netlist.with_name("statistics.json")
    commands = [
        *(f'read_verilog "{file.resolve()}"' for file in verilog),
        *synthesis_commands(device, top, str(netlist), multipliers),
        f"tee -q -o {statistics} stat -json",
    ]
    run_yosys(commands, f"Module {top!r} of {', '.join(map(str, verilog))}", timeout)
    cells = json.loads(statistics.read_text(encoding="utf-8"))["design"]["num_cells_by_type"]
    statistics.unlink()
    return counted(cells, device.target)


def synthesis_commands(device: Device, top: str, netlist: str, multipliers: bool = True) -> list[str]:
    """Yosys commands from Verilog that was read to the file `netlist`."""
    return [*device.target.commands(top, multipliers=multipliers), f"write_json {netlist}"]


def place_and_route_netlist(
    netlist: Path,
    device: Device,
    clock_hz: float,
    *,
    options: Sequence[str] = (),
    constraints: str | None = None,
    configuration: str | None = None,
    seed: int = 1,
    timeout: float = 1800.0,
    stage: Stage = lambda name: None,
) -> tuple[dict[str, Any], float]:
    """nextpnr's report on `netlist` on `device`, and the seconds that it took; `options` say package and speed grade.

    `constraints` and `configuration` are names of files beside the netlist: of pins, and of what the bitstream is
    packed from, which is written.

    Raises
    ------
    InvalidInput, MissingTool
        As `place_and_route`.
    """
    # Names alone: a program that runs as WebAssembly has a /tmp of its own.
    report = netlist.with_name("timing.json")
    arguments = nextpnr_arguments(device, netlist.name, clock_hz, options, constraints, configuration)
    said = ""

    def follow(line: str) -> None:
        nonlocal said
        # What nextpnr has packed is known before anything is placed; it would go on, and fail in words of its own.
        if found := USED.match(line):
            need = Need(RESOURCES.get(found["name"], found["name"]), int(found["used"]), int(found["available"]))
            if need.missing:
                raise Overfull(device, (need,))
        for start, name in STAGES.items():
            if line.startswith(start) and name != said:
                said = name
                stage(name)

    started = time.perf_counter()
    run_tool(
        NEXTPNR[device.family],
        [*arguments, "--seed", str(seed), "--report", report.name],
        folder=netlist.parent,
        noun=f"Netlist for {device.name}",
        timeout=timeout,
        on_line=follow,
    )
    seconds = time.perf_counter() - started
    return json.loads(report.read_text(encoding="utf-8")), seconds


def nextpnr_arguments(
    device: Device,
    netlist: str,
    clock_hz: float,
    options: Sequence[str],
    constraints: str | None,
    configuration: str | None,
) -> list[str]:
    """What nextpnr is called with, but for seed and report."""
    return [
        *device.nextpnr,
        *ROUTER.get(device.family, ()),
        *options,
        "--json",
        netlist,
        *([CONSTRAINTS[device.family], constraints] if constraints else []),
        *([CONFIGURATION[device.family], configuration] if configuration else []),
        "--freq",
        f"{clock_hz / 1e6:g}",
        # A clock that is not met is no fault of place and route: who asked for it is told what was reached.
        "--timing-allow-fail",
    ]


def placed_of(
    report: Mapping[str, Any],
    device: Device,
    clock_hz: float,
    seed: int,
    resources: Resources,
    synthesis_seconds: float,
    seconds: float,
) -> Placed:
    """`report`, as nextpnr wrote it, in our terms: of several clocks that which misses its frequency by the most."""
    clocks = {name: clock["achieved"] / clock["constraint"] for name, clock in report["fmax"].items()}
    slowest = min(clocks, key=lambda name: clocks[name], default=None)
    return Placed(
        device=device.name,
        seed=seed,
        wanted_hz=clock_hz,
        clock_hz=None if slowest is None else 1e6 * report["fmax"][slowest]["achieved"],
        utilization={
            name: (entry["used"], entry["available"]) for name, entry in report["utilization"].items() if entry["used"]
        },
        critical_path=None if slowest is None else CriticalPath.of(report, slowest),
        resources=resources,
        synthesis_seconds=synthesis_seconds,
        seconds=seconds,
    )
