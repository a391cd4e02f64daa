"""The host of an accelerator on a board: opens the line to it, loads a network and runs images.

    from quadrille.boards.host import Accelerator

    with Accelerator.open("serial:/dev/ttyUSB0?baud=1000000") as accelerator:
        accelerator.load("build/digits/hw")
        classes = accelerator.run(images)

`sim:build/digits/hw` in place of `serial:...` simulates the same hardware at the end of the same line.
"""

from .accelerator import Accelerator
from .link import LinkFailed
from .traffic import Traffic

__all__ = ["Accelerator", "LinkFailed", "Traffic"]
