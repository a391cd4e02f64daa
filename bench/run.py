"""`make bench`: all figures in one table, each part as soon as it is measured."""

from __future__ import annotations

from collections.abc import Callable

import activation
import bitstream
import cells
import cocotb_macro
import convolution
import cost
import digits
import explore
import mac
import mac_array
import macro
import rendering
import resnet
import serial_line
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

Row = tuple[str, str, str]

PARTS: dict[str, Callable[[], list[Row]]] = {
    "macro, beside its plain form (minutes: that is what the plain form takes to build)": macro.rows,
    "weights in 45 nm (minutes: two macros are mapped)": cells.rows,
    "macro in cocotb": cocotb_macro.rows,
    "activations on RTL": activation.rows,
    "multiply-accumulate units on RTL": mac.rows,
    "an array of multiply-accumulate units": mac_array.rows,
    "digits on RTL": digits.rows,
    "a layer in PyTorch": convolution.rows,
    "ResNet-20 on RTL (a minute or two: its model is built first)": resnet.rows,
    "a picture on RTL": rendering.rows,
    "the serial line": serial_line.rows,
    "explorations": explore.rows,
    "a bitstream (minutes: it is placed and routed)": bitstream.rows,
    "models of costs": cost.rows,
}


def main() -> None:
    errors = Console(stderr=True)
    widths = (44, 34)
    for name, measure in PARTS.items():
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=errors, transient=True) as progress:
            progress.add_task(name, total=None)
            rows = measure()
        for what, figure, wanted in rows:
            print(f"{what:<{widths[0]}}  {figure:<{widths[1]}}  {wanted}".rstrip(), flush=True)


if __name__ == "__main__":
    main()
