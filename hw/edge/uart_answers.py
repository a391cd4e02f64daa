"""What the accelerator says to its host: answers when there are any, results as they come."""

from __future__ import annotations

from typing import Any

from amaranth import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from quadrille.algo.spec.serial_frames import FRAME_WORDS, WORD_BYTES, Code, Kind

from .frames import Framer
from .register_map import WORD_BITS
from .uart_queues import BYTE_BITS, POSITION_BITS
from .uart_requests import REFUSALS

__all__ = ["AnswerSender"]

NUMBER_BYTES, FIELD_BYTES = 2, 7
"""Of the number alone; of number, code and value."""
SPACE_BITS = 16


class AnswerSender(wiring.Component):
    """Makes frames and sends them: an ANSWER before an ACKNOWLEDGE before RESULTS, each when it is due.

    Members
    -------
    o : stream of the line's bytes
    answer : an ANSWER shall be sent, with these: answer_number, answer_mapped, answer_value
    acknowledge : an ACKNOWLEDGE shall be sent, with these: position, space
    refused_<code> : likewise, with this code
    available, first, place, data, last, step : of the queue of results, whose position is `first`
    resend : its first word shall be given next, which `rewind` tells it between two frames
    """

    o: stream.Interface
    answer: Signal
    answer_number: Signal
    answer_mapped: Signal
    answer_value: Signal
    acknowledge: Signal
    position: Signal
    space: Signal
    available: Signal
    first: Signal
    place: Signal
    data: Signal
    last: Signal
    step: Signal
    resend: Signal
    rewind: Signal

    def __init__(self) -> None:
        super().__init__(
            {
                "o": Out(stream.Signature(8)),
                "answer": In(1),
                "answer_number": In(POSITION_BITS),
                "answer_mapped": In(1),
                "answer_value": In(WORD_BITS),
                "acknowledge": In(1),
                "position": In(POSITION_BITS),
                "space": In(SPACE_BITS),
                **{f"refused_{code.name.lower()}": In(1) for code in REFUSALS},
                "available": In(1),
                "first": In(POSITION_BITS),
                "place": Out(BYTE_BITS),
                "data": In(8),
                "last": In(1),
                "step": Out(1),
                "resend": In(1),
                "rewind": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Due frames are noted; one after the other goes through the framer, a byte at a time."""
        m = Module()
        m.submodules.framer = framer = Framer()
        wiring.connect(m, framer.o, wiring.flipped(self.o))
        content = framer.i
        sent = Signal()
        m.d.comb += sent.eq(content.valid & content.ready)
        answer, acknowledge, resend = Signal(), Signal(), Signal()
        code = Signal(Code)
        fields = Signal(8 * FIELD_BYTES, reset_less=True)
        number, reason, value = fields[:POSITION_BITS], fields[POSITION_BITS:][:8], fields[-WORD_BITS:]
        kind = Signal(8, reset_less=True)
        words, mark = Signal(range(FRAME_WORDS)), Signal(reset_less=True)
        with m.FSM():
            with m.State("Idle"):
                m.d.sync += self.place.eq(0)
                with m.If(answer):
                    m.d.sync += [
                        answer.eq(0),
                        kind.eq(Kind.ANSWER),
                        number.eq(self.answer_number),
                        reason.eq(Mux(self.answer_mapped, Code.NONE, Code.UNMAPPED)),
                        value.eq(self.answer_value),
                    ]
                    m.next = "Kind"
                with m.Elif(acknowledge):
                    m.d.sync += [
                        acknowledge.eq(0),
                        code.eq(Code.NONE),
                        kind.eq(Kind.ACKNOWLEDGE),
                        number.eq(self.position),
                        reason.eq(code),
                        value.eq(self.space),
                    ]
                    m.next = "Kind"
                with m.Elif(resend):
                    m.d.comb += self.rewind.eq(1)
                    m.d.sync += resend.eq(0)
                with m.Elif(self.available):
                    m.d.sync += [kind.eq(Kind.RESULTS), number.eq(self.first), words.eq(FRAME_WORDS - 1)]
                    m.next = "Kind"
            with m.State("Kind"):
                m.d.comb += [content.valid.eq(1), content.payload.data.eq(kind)]
                with m.If(sent):
                    m.next = "Fields"
            with m.State("Fields"):
                results = kind == Kind.RESULTS
                m.d.comb += [
                    content.valid.eq(1),
                    content.payload.data.eq(fields[:8]),
                    content.payload.last.eq(self.place == FIELD_BYTES - 1),
                ]
                with m.If(sent):
                    m.d.sync += [fields.eq(fields >> 8), self.place.eq(self.place + 1)]
                    with m.If(content.payload.last):
                        m.next = "Idle"
                    with m.Elif(results & (self.place == NUMBER_BYTES - 1)):
                        m.d.sync += self.place.eq(0)
                        m.next = "Word"
            with m.State("Word"):
                m.d.comb += [content.valid.eq(1), content.payload.data.eq(self.data)]
                with m.If(sent):
                    m.d.sync += self.place.eq(self.place + 1)
                    with m.If(self.place == WORD_BYTES - 1):
                        m.next = "Last"
                        m.d.comb += self.step.eq(1)
                        m.d.sync += mark.eq(self.last)
            with m.State("Last"):
                # Whether a word follows is asked when this byte goes, not when it is first shown.
                more = self.available & (words != 0) & ~resend
                m.d.comb += [content.valid.eq(1), content.payload.data.eq(mark), content.payload.last.eq(~more)]
                with m.If(sent):
                    m.d.sync += words.eq(words - 1)
                    with m.If(more):
                        m.next = "Word"
                    with m.Else():
                        m.next = "Idle"
        self.elaborate_due(m, answer, acknowledge, resend, code)
        return m

    def elaborate_due(self, m: Module, answer: Signal, acknowledge: Signal, resend: Signal, code: Any) -> None:
        """What becomes due while a frame is sent is sent once, with the last of several codes."""
        with m.If(self.answer):
            m.d.sync += answer.eq(1)
        with m.If(self.acknowledge):
            m.d.sync += acknowledge.eq(1)
        with m.If(self.resend):
            m.d.sync += resend.eq(1)
        for refusal in REFUSALS:
            with m.If(getattr(self, f"refused_{refusal.name.lower()}")):
                m.d.sync += [acknowledge.eq(1), code.eq(refusal)]
