"""Timing constraints for the tools that come after: clock, ports, driver and load."""

from __future__ import annotations

import math

__all__ = ["constraints"]


def constraints(
    top: str,
    clock: str | None,
    *,
    period: float,
    io_delay: float,
    time_unit: float,
    driver: str | None = None,
    load: float | None = None,
    comment: str = "",
) -> str:
    """The text of an SDC file for the module `top` with its clock at the port `clock`; all times in ns.

    Inputs arrive `io_delay` after the clock and outputs are wanted so long before it; a design without a clock gets
    one that is in the file alone. `time_unit` is the unit of the library that is read with it, in ns, and `load` what
    every output port carries, in the unit of that library; `driver` is the cell before every input port.
    """
    unit = "ns" if math.isclose(time_unit, 1.0) else "ps" if math.isclose(time_unit, 1e-3) else f"{time_unit:g} ns"
    name = clock or "virtual_clock"
    port = f" [get_ports {clock}]" if clock else ""
    lines = [
        f"# Constraints of {top}. Times are in {unit}.{f' {comment}' if comment else ''}",
        f"current_design {top}",
        "",
        f"set clock_period {_digits(period / time_unit, up=True)}",
        f"set io_delay {_digits(io_delay / time_unit)}",
        "",
        f"create_clock -name {name} -period $clock_period{port}",
        f"set_input_delay $io_delay -clock {name} [all_inputs -no_clocks]",
        f"set_output_delay $io_delay -clock {name} [all_outputs]",
        *([f"set_driving_cell -lib_cell {driver} [all_inputs -no_clocks]"] if driver else []),
        *([f"set_load {load:g} [all_outputs]"] if load is not None else []),
        "",
    ]
    return "\n".join(lines)


def _digits(number: float, *, up: bool = False) -> str:
    """`number` with four digits, rounded down or up."""
    scale = 10.0 ** (3 - math.floor(math.log10(number))) if number > 0 else 1.0
    return f"{(math.ceil(number * scale - 1e-9) if up else math.floor(number * scale + 1e-9)) / scale:g}"
