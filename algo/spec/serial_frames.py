"""The frames of the serial link between a host and an accelerator: what both ends agree on.

Bytes go over the line as a UART sends them: start bit, eight data bits with the lowest first, one stop bit, no parity.
A frame stands between two bytes FLAG, 0x7E; within it FLAG and ESCAPE, 0x7D, are sent as ESCAPE and the byte with bit 5
inverted, as in RFC 1662. So a receiver that has lost its place finds it again at the next FLAG, and a frame needs no
field for its length. Flags may follow one another, and one may both end a frame and begin the next. Words of random
bytes become 1 % longer by that, and twice as long at worst. Inside stand, each number with its lowest byte first:

| bytes | field | |
|---|---|---|
| 1 | kind | what the frame is |
| 2 | number | of a register request, or the position of a word |
| | payload | as the kind says |
| 4 | checksum | CRC-32 of all before, as in IEEE 802.3 and zlib |

Of damaged frames a checksum of 16 bits would let one in 65,536 pass for good, and a batch may be as many frames; one of
32 bits, taken bit by bit as the line is slow, costs no more than 32 flip-flops and as many gates.

The host sends the first five kinds, the accelerator the last three. Figures behind the parts of a payload are bytes;
words have eight.

| kind | | number | payload | meaning |
|---|---|---|---|---|
| READ | 0x01 | of the request | address 2, strobes 1, zero 1, value 4 | read a register; only the address counts |
| WRITE | 0x02 | of the request | the same | write the bytes of a register that `strobes` names |
| DATA | 0x03 | position of the first | words | words for the data port |
| TAKEN | 0x04 | position | none | all words of results before `position` have come |
| RESEND | 0x05 | position | none | the same, and send those from `position` on again |
| ANSWER | 0x81 | of the request | code 1, value 4 | a READ or a WRITE is done; what the register held before |
| ACKNOWLEDGE | 0x83 | position | code 1, space 2, zero 2 | word `position` is the next, and `space` words fit |
| RESULTS | 0x84 | position of the first | words, a byte behind each | words of results; bit 0 of the byte is `last` |

| code | | the frame was refused because |
|---|---|---|
| NONE | 0 | it was not |
| CHECKSUM | 1 | it was damaged |
| LENGTH | 2 | its payload is not as long as its kind says |
| KIND | 3 | no request is of its kind |
| GAP | 4 | it is DATA that begins behind the next word: words before it are missing |
| FULL | 5 | it is DATA that begins with the next word, and there is no space for all of its words |
| POSITION | 6 | it is TAKEN or RESEND and names words that were not sent, or that have been taken before |
| UNMAPPED | 7 | no register has its address; in ANSWER, all others in ACKNOWLEDGE |

Registers: a request with the number of the last one that was done is a repetition. It is not done, and is answered as
that one was. So a host that hears no answer sends the same frame again; it has one request under way at a time, and
numbers them one after the other. Its first two are reads, of which the first may be answered as one of a host before.

Words: those of data and those of results are numbered from 0 on, modulo 2^16, since reset or since
`control.soft_reset`. A frame DATA is taken whole if it begins with the next word and its words fit, and otherwise not
at all; one that begins before the next word is a repetition and not refused. Each is answered by ACKNOWLEDGE, several
by one if the line is busy; DATA without words only asks for that. An ACKNOWLEDGE also comes when the queue of data
words has become half empty, and for each refused frame. So a host sends as many words as there is space for, in frames
of FRAME_WORDS or fewer, and goes back to `position` when words are missing.

RESULTS come unasked as soon as there are any, in frames of FRAME_WORDS or fewer. They are kept until they are taken; a
host that misses some, or has waited for long, asks for them again by RESEND. A frame may be lost, damaged or doubled on
its way in either direction: no word is lost or doubled by that, and no register written twice. All timers are the
host's.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from enum import IntEnum

from .errors import InvalidInput

__all__ = [
    "ESCAPE",
    "ESCAPED",
    "FLAG",
    "FRAME_WORDS",
    "POLYNOMIAL",
    "POSITIONS",
    "RESIDUE",
    "RESULT_BYTES",
    "WORD_BYTES",
    "Code",
    "Decoder",
    "Frame",
    "Kind",
    "register_request",
]

FLAG, ESCAPE, ESCAPED = 0x7E, 0x7D, 0x20
"""The byte around a frame, the one before an escaped byte, and what such a byte is changed by."""

POLYNOMIAL = 0xEDB88320
"""Of the checksum, its lowest bit first."""

RESIDUE = 0xDEBB20E3
"""What the register of the checksum holds when it has taken in a frame with its own checksum."""

WORD_BYTES = 8
RESULT_BYTES = WORD_BYTES + 1
FRAME_WORDS = 32
"""Most words in a frame: 256 bytes of payload, beside which nine others stand."""

POSITIONS = 1 << 16
"""Numbers and positions are counted modulo this."""


class Kind(IntEnum):
    """What a frame is: requests of the host, and from ANSWER on what the accelerator sends."""

    READ = 0x01
    WRITE = 0x02
    DATA = 0x03
    TAKEN = 0x04
    RESEND = 0x05
    ANSWER = 0x81
    ACKNOWLEDGE = 0x83
    RESULTS = 0x84


class Code(IntEnum):
    """Why a frame was refused, if it was; the flags of the register `errors` have these names."""

    NONE = 0
    CHECKSUM = 1
    LENGTH = 2
    KIND = 3
    GAP = 4
    FULL = 5
    POSITION = 6
    UNMAPPED = 7


@dataclass(frozen=True)
class Frame:
    """A frame: its kind, its number modulo 2^16, its payload."""

    kind: int
    number: int
    payload: bytes = b""

    @property
    def body(self) -> bytes:
        """What stands before the checksum."""
        return bytes([self.kind]) + (self.number % POSITIONS).to_bytes(2, "little") + self.payload

    def encoded(self) -> bytes:
        """As it goes over the line, with both flags."""
        body = self.body
        content = body + zlib.crc32(body).to_bytes(4, "little")
        for byte in (ESCAPE, FLAG):  # the escape first: it is written in front of flags too
            content = content.replace(bytes([byte]), bytes([ESCAPE, byte ^ ESCAPED]))
        return bytes([FLAG]) + content + bytes([FLAG])


def register_request(kind: Kind, number: int, address: int, value: int = 0, strobes: int = 15) -> Frame:
    """A READ or a WRITE.

    Raises
    ------
    InvalidInput
        If the value does not fit 32 bits.
    """
    if not 0 <= value < 1 << 32:
        raise InvalidInput(f"Value of a register must be from 0 to {(1 << 32) - 1}, not {value}")
    payload = address.to_bytes(2, "little") + bytes([strobes, 0]) + value.to_bytes(4, "little")
    return Frame(kind, number, payload)


class Decoder:
    """Finds the frames in the bytes of a line.

    Attributes
    ----------
    damaged : frames that were dropped because their checksum was wrong, or because they had none
    """

    def __init__(self) -> None:
        self.damaged = 0
        self._rest = b""

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that end within `data`, which follows what was fed before."""
        *ended, self._rest = (self._rest + data).split(bytes([FLAG]))
        frames: list[Frame] = []
        for content in filter(None, ended):
            frame = decoded(content)
            if frame is None:
                self.damaged += 1
            else:
                frames.append(frame)
        return frames


def decoded(content: bytes) -> Frame | None:
    """The frame that stands between two flags as `content`; None if it is damaged."""
    first, *escaped = content.split(bytes([ESCAPE]))
    if not all(escaped):
        return None
    plain = first + b"".join(bytes([part[0] ^ ESCAPED]) + part[1:] for part in escaped)
    body, checksum = plain[:-4], plain[-4:]
    if len(body) < 3 or zlib.crc32(body).to_bytes(4, "little") != checksum:
        return None
    return Frame(body[0], int.from_bytes(body[1:3], "little"), body[3:])
