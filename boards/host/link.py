"""The host's side of the frames of `algo.spec.serial_frames`: words and registers over a line that may fail."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from quadrille.algo.spec.serial_frames import (
    FRAME_WORDS,
    POSITIONS,
    RESULT_BYTES,
    WORD_BYTES,
    Code,
    Decoder,
    Frame,
    Kind,
    register_request,
)

from .lines import Line, LinkFailed
from .traffic import Traffic

__all__ = ["Link", "LinkFailed"]

ATTEMPTS = 8
"""Silences in a row after which the accelerator is given up."""
SILENT_BYTES = 1000
"""Bytes on the line within which an answer comes: three of the longest frames."""
GARBAGE = 4 * SILENT_BYTES
"""Bytes without a frame among them that are as good as none."""
FIELD_BYTES = 5
"""Of an ANSWER and an ACKNOWLEDGE: a code and a value."""
UNTOLD = FRAME_WORDS // 2
"""Words of results that are taken in before the accelerator is told so."""


class Link:
    """Registers and words of the accelerator at the end of `line`, which is called `name`.

    Attributes
    ----------
    traffic : what went over the line
    """

    def __init__(self, line: Line, name: str) -> None:
        self.line, self.name = line, name
        self.traffic = Traffic()
        self._decoder = Decoder()
        self._number = 0
        self._answer: Frame | None = None
        self._waited = 0.0
        self._seconds = line.latency + SILENT_BYTES * line.byte_seconds
        self._exchanging = False
        self.forget()

    def begin(self) -> None:
        """Find the accelerator: whatever its last request was, one of these two is another.

        Raises
        ------
        LinkFailed
            If nothing answers.
        """
        for _ in range(2):
            self._answered(Kind.READ, 0, 0, 0)

    def forget(self) -> None:
        """Both positions are 0."""
        self._taken = self._sent = self._highest = 0  # data words
        self._space = 0
        self._returned = False
        self._results = bytearray()
        self._received = self._told = 0  # words of results
        self._asked = False

    def restart(self, control: int, reset: int) -> None:
        """Write `reset` to the register at `control`: what starts the accelerator anew, and both positions at 0."""
        self.request(Kind.WRITE, control, reset)
        self.forget()

    def request(self, kind: Kind, address: int, value: int = 0, strobes: int = 15) -> int:
        """Read or write a register, however often it takes; its value if it was read.

        Raises
        ------
        LinkFailed
            If no answer comes, or there is no such register.
        """
        code, value = self._answered(kind, address, value, strobes)
        if code != Code.NONE:
            raise LinkFailed(f"Accelerator at {self.name} must have a register at {address:#x}, and has none")
        return value

    def _answered(self, kind: Kind, address: int, value: int, strobes: int) -> tuple[int, int]:
        """Code and value of the answer to a request."""
        self._number = (self._number + 1) % POSITIONS
        self._answer = None
        frame = register_request(kind, self._number, address, value, strobes)
        for attempt in range(ATTEMPTS):
            self.traffic.repeated += attempt > 0
            self._send(frame)
            while self._answer is None and self._receive():
                pass
            if self._answer is not None:
                return self._answer.payload[0], int.from_bytes(self._answer.payload[1:], "little")
        raise LinkFailed(f"Accelerator at {self.name} does not answer: is it on, and at this rate?")

    def exchange(
        self, words: NDArray[np.uint64], results: int, progress: Callable[[float], None] | None = None
    ) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
        """Send data words, and take in so many words of results: their data, and whether each is an image's last.

        `progress` is told which share of the words has come. Both go on at the same time, as the accelerator stalls
        when its results are not taken.

        Raises
        ------
        LinkFailed
            If the line goes, the accelerator stops answering or is reset, or no more results come.
        """
        self._exchanging = True
        try:
            self._play(words.astype("<u8").tobytes(), self._taken + len(words), self._received + results, progress)
        finally:
            self._exchanging = False
        came, self._results = np.frombuffer(bytes(self._results), np.uint8).reshape(-1, RESULT_BYTES), bytearray()
        data = np.ascontiguousarray(came[:, :WORD_BYTES]).view("<u8")[:, 0]
        return data.astype(np.uint64), came[:, WORD_BYTES] % 2 == 1

    def _play(self, data: bytes, end: int, enough: int, progress: Callable[[float], None] | None) -> None:
        """Send `data`, of words up to `end`, and take in results until there are `enough`."""
        first, results, silences = self._taken, enough - self._received, 0
        self._waited = 0.0
        self._ask()
        while self._taken < end or self._received < enough:
            self._fill(data, first, end)
            if self._receive():
                silences = 0
                if self._received - self._told >= UNTOLD:
                    self._tell(Kind.TAKEN)
                if progress is not None and results:
                    progress(1 - (enough - self._received) / results)
                continue
            silences += 1
            if silences == ATTEMPTS:
                raise LinkFailed(f"Accelerator at {self.name} does not answer any more")
            if self._waited > self.line.patience:
                got = results - max(0, enough - self._received)
                raise LinkFailed(f"Accelerator at {self.name} must give {results} words of results, and gave {got}")
            self._recover()
        if self._received > enough:
            raise LinkFailed(f"Accelerator at {self.name} must give {results} words of results, and gave more")
        if self._told < self._received:
            self._tell(Kind.TAKEN)

    def _fill(self, data: bytes, first: int, end: int) -> None:
        """Send what there is space for."""
        while (count := min(self._taken + self._space, end, self._sent + FRAME_WORDS) - self._sent) > 0:
            place = WORD_BYTES * (self._sent - first)
            self._send(Frame(Kind.DATA, self._sent, data[place : place + WORD_BYTES * count]))
            self.traffic.repeated += self._sent < self._highest
            self._sent += count
            self._highest = max(self._highest, self._sent)

    def _recover(self) -> None:
        """Nothing came: send again what is not known to be there, and ask for results again."""
        self._sent, self._returned = self._taken, False
        self._ask()
        self._tell(Kind.RESEND)

    def _ask(self) -> None:
        """How far the accelerator is, and how much there is space for."""
        self._send(Frame(Kind.DATA, self._taken))

    def _tell(self, kind: Kind) -> None:
        """What has been taken in."""
        self._told = self._received
        self._send(Frame(kind, self._received))

    def _send(self, frame: Frame) -> None:
        data = frame.encoded()
        self.line.write(data)
        self.traffic.frames_sent += 1
        self.traffic.bytes_sent += len(data)

    def _receive(self) -> bool:
        """Take in what comes until there is a frame; whether one came before it was silent for too long."""
        count = 0
        while count < GARBAGE:
            data = self.line.read(self._seconds)
            if not data:
                break
            count += len(data)
            frames = self._decoder.feed(data)
            self.traffic.bytes_received += len(data)
            self.traffic.frames_received += len(frames)
            self.traffic.damaged = self._decoder.damaged
            for frame in frames:
                self._dispatch(frame)
            if frames:
                return True
        self.traffic.silences += 1
        self._waited += self._seconds
        return False

    def _dispatch(self, frame: Frame) -> None:
        """What a frame is for; of words there is nothing to hear but in an exchange."""
        whole = len(frame.payload) == FIELD_BYTES
        if frame.kind == Kind.ANSWER and whole and frame.number == self._number:
            self._answer = frame
        elif frame.kind == Kind.ACKNOWLEDGE and whole:
            code = Code(frame.payload[0])
            if code != Code.NONE:
                self.traffic.refused[code] = self.traffic.refused.get(code, 0) + 1
            if self._exchanging:
                self._acknowledged(frame, code)
        elif frame.kind == Kind.RESULTS and self._exchanging:
            self._take_in(frame)

    def _acknowledged(self, frame: Frame, code: Code) -> None:
        """How far the accelerator is; go back if something did not arrive."""
        more = (frame.number - self._taken) % POSITIONS
        if more > self._highest - self._taken:
            raise LinkFailed(f"Accelerator at {self.name} was reset while it was running")
        if more:
            self._taken += more
            self._sent = max(self._sent, self._taken)
            self._returned, self._waited = False, 0.0
        self._space = int.from_bytes(frame.payload[1:3], "little")
        # What was on its way behind the first missing frame is refused as well: go back once.
        if code != Code.NONE and self._sent > self._taken and not self._returned:
            self._sent, self._returned = self._taken, True

    def _take_in(self, frame: Frame) -> None:
        """New words of results; ask again for those that are missing."""
        behind = (self._received - frame.number) % POSITIONS
        new = frame.payload[behind * RESULT_BYTES :]
        if behind < POSITIONS // 2 and len(frame.payload) % RESULT_BYTES == 0 and new:
            self._results += new
            self._received += len(new) // RESULT_BYTES
            self._asked, self._waited = False, 0.0
            return
        self.traffic.missed += 1
        if behind >= POSITIONS // 2 and not self._asked:
            self._asked = True
            self._tell(Kind.RESEND)
