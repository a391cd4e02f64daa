"""What went over a line, and what had to go twice."""

from __future__ import annotations

from dataclasses import dataclass, field

from quadrille.algo.spec.serial_frames import Code

__all__ = ["Traffic"]


@dataclass
class Traffic:
    """Counts since a line was opened.

    Attributes
    ----------
    bytes_sent, bytes_received, frames_sent, frames_received : damaged frames are none of those received
    repeated : frames that were sent again
    damaged : frames from the accelerator with a wrong checksum
    missed : frames of results that came again, or behind a gap
    silences : times that nothing came when something should have
    refused : frames that the accelerator refused, by code
    """

    bytes_sent: int = 0
    bytes_received: int = 0
    frames_sent: int = 0
    frames_received: int = 0
    repeated: int = 0
    damaged: int = 0
    missed: int = 0
    silences: int = 0
    refused: dict[Code, int] = field(default_factory=dict)

    @property
    def clean(self) -> bool:
        """Whether nothing was lost, damaged or doubled, as far as this end can tell."""
        return not (self.repeated or self.damaged or self.missed or self.refused)
