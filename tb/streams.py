"""Both ends of a valid/ready stream, and the monitor that holds each of them to the rules.

The rules: `valid` is not withdrawn before the beat is taken; the payload is kept as long; `valid` does not wait for
`ready` (a sink that is `reluctant` shows it: it offers none before it is asked); `ready` may come and go as it likes.
All of it happens in plain methods that the testbench calls once for each rising edge: there is no task per stream.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from quadrille.algo.spec import InvalidInput

from .fields import FieldValue
from .manifest import StreamPort
from .stalls import never

__all__ = ["StreamFault", "StreamMonitor", "StreamSink", "StreamSource", "Transfer"]


class StreamFault(AssertionError):
    """A stream broke one of its rules."""


@dataclass(frozen=True)
class Transfer:
    """One beat: the number of the cycle at whose end it was taken, and its payload."""

    cycle: int
    payload: int


class StreamMonitor:
    """Watches one stream of the design, by its handles in `design`, and hands every beat to its listeners.

    `transfers` holds the beats since the last reset; `moved`, `valid` and `ready` describe the present cycle.
    """

    def __init__(self, design: Any, stream: StreamPort) -> None:
        self.stream = stream
        self.transfers: list[Transfer] = []
        self.listeners: list[Callable[[Transfer], None]] = []
        self.valid = self.ready = self.moved = False
        self._valid = None if stream.valid is None else getattr(design, stream.valid)
        self._ready = None if stream.ready is None else getattr(design, stream.ready)
        self._payload = None if stream.payload is None else getattr(design, stream.payload)
        self._held: int | None = None

    def reset(self) -> None:
        """Forget everything: the design was reset."""
        self.transfers = []
        self.valid = self.ready = self.moved = False
        self._held = None

    def sample(self, cycle: int) -> None:
        """Look at the stream at the end of `cycle`, before the edge takes effect.

        Raises
        ------
        StreamFault
            If `valid` was withdrawn or the payload changed while the beat waited.
        """
        self.valid = self._valid is None or bool(int(self._valid.value))
        self.ready = self._ready is None or bool(int(self._ready.value))
        self.moved = self.valid and self.ready
        if not self.valid:
            if self._held is not None:
                raise StreamFault(
                    f"Stream {self.stream.name} must keep valid until ready, not drop it in cycle {cycle}"
                )
            return
        payload = 0 if self._payload is None else int(self._payload.value)
        if self._held is not None and payload != self._held:
            raise StreamFault(self._changed(cycle, self._held, payload))
        self._held = None if self.moved else payload
        if self.moved:
            transfer = Transfer(cycle, payload)
            self.transfers.append(transfer)
            for listener in self.listeners:
                listener(transfer)

    def _changed(self, cycle: int, before: int, now: int) -> str:
        old, new = self.stream.unpack(before), self.stream.unpack(now)
        names = [name for name in old if old[name] != new[name]]
        return (
            f"Stream {self.stream.name} must keep its payload until ready, "
            f"not change {', '.join(names) or 'unused bits'} in cycle {cycle}"
        )


class StreamSource:
    """Feeds a stream into the design: beats wait in a queue, `stalls` decides when the next one is offered.

    While nothing is offered, the payload is noise, so that a design that looks at it without `valid` is found out.
    """

    def __init__(self, design: Any, monitor: StreamMonitor, random: Random) -> None:
        stream = monitor.stream
        if stream.direction != "in" or stream.valid is None:
            raise InvalidInput(f"Stream {stream.name} must lead into the design with a valid to be fed")
        self.monitor = monitor
        self.queue: deque[int] = deque()
        self.stalls: Iterator[bool] = never()
        self._random = random
        self._valid = getattr(design, stream.valid)
        self._payload = None if stream.payload is None else getattr(design, stream.payload)
        self._offered = False

    def send(self, beat: Mapping[str, FieldValue] | int) -> None:
        """Append a beat to the queue: its fields, or the packed payload."""
        self.queue.append(beat if isinstance(beat, int) else self.monitor.stream.pack(beat))

    @property
    def pending(self) -> int:
        """Beats not yet taken by the design."""
        return len(self.queue)

    def reset(self) -> None:
        """Drop everything that was not taken."""
        self.queue.clear()
        self._offered = False
        self._valid.value = 0
        self._noise()

    def drive(self) -> None:
        """Decide what the next cycle offers, after the monitor has sampled the present one."""
        if self._offered and self.monitor.moved:
            self.queue.popleft()
        elif self._offered:
            return
        stall = next(self.stalls)
        offer = bool(self.queue) and not stall
        if offer and self._payload is not None:
            self._payload.value = self.queue[0]
        elif self._offered:
            self._noise()
        if offer != self._offered:
            self._valid.value = int(offer)
        self._offered = offer

    def _noise(self) -> None:
        if self._payload is not None:
            self._payload.value = self._random.getrandbits(self.monitor.stream.width)


class StreamSink:
    """Takes the beats of a stream from the design when `stalls` lets it; if `reluctant`, only after seeing `valid`."""

    def __init__(self, design: Any, monitor: StreamMonitor) -> None:
        stream = monitor.stream
        if stream.direction != "out" or stream.ready is None:
            raise InvalidInput(f"Stream {stream.name} must lead out of the design with a ready to be stalled")
        self.monitor = monitor
        self.stalls: Iterator[bool] = never()
        self.reluctant = False
        self._ready = getattr(design, stream.ready)
        self._offered: bool | None = None

    def reset(self) -> None:
        """Offer nothing."""
        self._offered = False
        self._ready.value = 0

    def drive(self) -> None:
        """Decide whether the next cycle takes a beat."""
        offer = not next(self.stalls)
        if self.reluctant:
            offer = offer and self.monitor.valid and not self.monitor.moved
        if offer != self._offered:
            self._ready.value = int(offer)
            self._offered = offer
