"""The files with which OpenROAD-flow-scripts takes a design to a layout, for its open platforms.

The variables are those of its documentation (docs/user/FlowVariables.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .memories import MemoryShape
from .sdc import constraints

__all__ = ["PLATFORMS", "Platform", "openroad_files"]

UTILIZATION = 40
"""Percent of the core that cells fill: what leaves the router room with a design that it does not know."""
MOST_BITS = 4096
"""Of a memory that the flow makes flip-flops of without being told."""


@dataclass(frozen=True)
class Platform:
    """A platform of the flow: the name of its library, its unit of time in ns, and how slow its gates are.

    `slowness` is the critical path of a 64 x 32 macro over that in nangate45, as mapped here.
    """

    name: str
    time_unit: float
    slowness: float


PLATFORMS: Mapping[str, Platform] = {
    platform.name: platform
    for platform in (
        Platform("sky130hd", 1.0, 3.9),
        Platform("nangate45", 1.0, 1.0),
        Platform("asap7", 1e-3, 0.7),
    )
}


def openroad_files(
    top: str,
    clock: str | None,
    *,
    rtl: str,
    memories: Mapping[MemoryShape, int],
    largest_memory: int,
    period: float,
    io_delay: float,
    library: str,
    period_given: bool,
) -> dict[str, str]:
    """The files by name: the design as it goes into synthesis, and for each platform config.mk and constraint.sdc.

    `rtl` is the design with `memories` as black boxes, whose declarations stand in another file; `largest_memory` is
    the number of bits of the largest that stays flip-flops. `period` and `io_delay`, in ns, are met before layout in
    the library called `library`, and scaled for the platforms of others unless the period was given. On its own
    platform the flow takes the mapped netlist and does not synthesize again.
    """
    mapped_for = PLATFORMS.get(library)
    files = {f"openroad/{top}.v": rtl}
    for platform in PLATFORMS.values():
        scale, comment = 1.0, "Met before layout; wires and the clock tree take their part."
        if platform != mapped_for and not period_given:
            scale = platform.slowness / mapped_for.slowness if mapped_for else 1.0
            comment = f"The clock is that of {library}{', scaled' if mapped_for else ''}: one to start with."
        files[f"openroad/{platform.name}/config.mk"] = _configuration(
            top, platform, memories, largest_memory, is_mapped=platform == mapped_for
        )
        files[f"openroad/{platform.name}/constraint.sdc"] = constraints(
            top,
            clock,
            period=period * scale,
            io_delay=io_delay * scale,
            time_unit=platform.time_unit,
            comment=comment,
        )
    return files


def _configuration(
    top: str, platform: Platform, memories: Mapping[MemoryShape, int], largest_memory: int, *, is_mapped: bool
) -> str:
    lines = [
        "# For OpenROAD-flow-scripts: make DESIGN_CONFIG=<this file>",
        f"export DESIGN_NAME = {top}",
        f"export PLATFORM = {platform.name}",
        "",
        "HERE := $(dir $(DESIGN_CONFIG))",
        f"export VERILOG_FILES = $(HERE)../{top}.v" + (" $(HERE)../../memories.blackbox.v" if memories else ""),
        "export SDC_FILE = $(HERE)constraint.sdc",
    ]
    if is_mapped:
        lines += [
            "# The netlist is mapped to this platform: the flow begins with the floorplan. Without this line it",
            "# synthesizes the design itself.",
            f"export SYNTH_NETLIST_FILES = $(HERE)../../{top}.v",
        ]
    if largest_memory > MOST_BITS:
        lines += ["# Memories up to this size become flip-flops.", f"export SYNTH_MEMORY_MAX_BITS = {largest_memory}"]
    lines += [
        "",
        f"export CORE_UTILIZATION = {UTILIZATION}",
        "export PLACE_DENSITY_LB_ADDON = 0.20",
    ]
    if memories:
        lines += [
            "",
            "# Memories are black boxes, and the flow stops until each has a macro: let a memory compiler make them",
            "# with the pins of memories.blackbox.v, and name LEF, Liberty and GDS of these modules here. For OpenRAM",
            "# configurations, and wrappers with such pins around its macros, stand in memories/openram.",
            *(f"#   {shape.name}: {count} of them" for shape, count in memories.items()),
            "#export ADDITIONAL_LEFS = " + " ".join(f"$(HERE){shape.name}.lef" for shape in memories),
            "#export ADDITIONAL_LIBS = " + " ".join(f"$(HERE){shape.name}.lib" for shape in memories),
            "#export ADDITIONAL_GDS = " + " ".join(f"$(HERE){shape.name}.gds" for shape in memories),
        ]
    return "\n".join([*lines, ""])
