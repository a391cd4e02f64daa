"""FPGA devices: the family that Yosys and nextpnr know them by, and what they have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from quadrille.algo.spec import InvalidInput

from ..synthesis import Resources
from ..targets import FPGAS, Fpga

__all__ = ["DEVICES", "BlockRam", "Device", "Need", "Overfull", "find_device"]


@dataclass(frozen=True)
class BlockRam:
    """One of a device's block memories: its name, and its bits."""

    name: str
    bits: int


@dataclass(frozen=True)
class Need:
    """What a design takes of one resource of a device, and how much the device has."""

    resource: str
    used: int
    available: int

    @property
    def missing(self) -> int:
        """How much more is taken than there is; 0 if it fits."""
        return max(0, self.used - self.available)

    @property
    def share(self) -> float:
        """The part of the device that is taken."""
        return self.used / self.available


class Overfull(InvalidInput):
    """A design that a device has not enough of something for; `excess` says of what, and how much too many."""

    def __init__(self, device: Device, needs: Sequence[Need]):
        self.excess = ", ".join(
            f"{need.used:,} of {need.available:,} {need.resource} ({need.missing:,} too many)"
            for need in needs
            if need.missing
        )
        super().__init__(f"Design must fit {device.name}, and takes {self.excess}")


@dataclass(frozen=True)
class Device:
    """An FPGA: how many of each resource it has, of the data sheet of its family.

    `nextpnr` are the options that choose it in nextpnr; empty where place and route is the vendor's.
    """

    name: str
    family: str
    luts: int
    flip_flops: int
    block_rams: int
    block_ram: BlockRam
    multipliers: int
    large_rams: int = 0
    nextpnr: tuple[str, ...] = ()
    source: str = field(default="", compare=False)

    @property
    def target(self) -> Fpga:
        """Its family, as Yosys knows it."""
        return FPGAS[self.family]

    def needs(self, resources: Resources) -> tuple[Need, ...]:
        """What a design that takes `resources` needs of this device: look-up tables with those that are memories."""
        luts = (resources.luts or 0) + (resources.memory_luts or 0)
        needs = [
            Need("look-up tables", luts, self.luts),
            Need("flip-flops", resources.flip_flops, self.flip_flops),
            Need(f"{self.block_ram.name} block memories", resources.block_rams or 0, self.block_rams),
            Need("multipliers", resources.multipliers or 0, self.multipliers),
        ]
        if self.large_rams:
            needs.append(Need("large memories", resources.large_rams or 0, self.large_rams))
        return tuple(needs)

    def check(self, resources: Resources) -> tuple[Need, ...]:
        """`needs` of a design that fits.

        Raises
        ------
        Overfull
            If it does not.
        """
        needs = self.needs(resources)
        if any(need.missing for need in needs):
            raise Overfull(self, needs)
        return needs


DP16KD, RAMB18 = BlockRam("DP16KD", 18 * 1024), BlockRam("RAMB18", 18 * 1024)

DEVICES: Mapping[str, Device] = {
    device.name: device
    for device in (
        Device(
            "LFE5U-25F",
            "ecp5",
            luts=24_288,
            flip_flops=24_288,
            block_rams=56,
            block_ram=DP16KD,
            multipliers=28,
            nextpnr=("--25k",),
            source="Lattice FPGA-DS-02012, table 1.1",
        ),
        Device(
            "LFE5U-85F",
            "ecp5",
            luts=83_640,
            flip_flops=83_640,
            block_rams=208,
            block_ram=DP16KD,
            multipliers=156,
            nextpnr=("--85k",),
            source="Lattice FPGA-DS-02012, table 1.1",
        ),
        Device(
            "iCE40UP5K",
            "ice40",
            luts=5_280,
            flip_flops=5_280,
            block_rams=30,
            block_ram=BlockRam("SB_RAM40_4K", 4 * 1024),
            multipliers=8,
            large_rams=4,
            nextpnr=("--up5k",),
            source="Lattice FPGA-DS-02008, table 1.1",
        ),
        Device(
            "xc7a100t",
            "7-series",
            luts=63_400,
            flip_flops=126_800,
            block_rams=270,
            block_ram=RAMB18,
            multipliers=240,
            source="AMD DS180, Artix-7 table",
        ),
        Device(
            "xczu7ev",
            "ultrascale+",
            luts=230_400,
            flip_flops=460_800,
            block_rams=624,
            block_ram=RAMB18,
            multipliers=1_728,
            source="AMD DS891, Zynq UltraScale+ EV table",
        ),
        Device(
            "xcvu37p",
            "ultrascale+",
            luts=1_303_680,
            flip_flops=2_607_360,
            block_rams=4_032,
            block_ram=RAMB18,
            multipliers=9_024,
            source="AMD DS890, Virtex UltraScale+ HBM table",
        ),
    )
}


def find_device(name: str) -> Device:
    """The device `name`.

    Raises
    ------
    InvalidInput
        If there is none of this name.
    """
    if name not in DEVICES:
        raise InvalidInput(f"Device must be one of {', '.join(DEVICES)}, not {name!r}")
    return DEVICES[name]
