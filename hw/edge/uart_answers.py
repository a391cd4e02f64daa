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

NUMBER_BYTES, VALUE_BYTES = 2, 4


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

    def __init__(self, depth: int):
        super().__init__(
            {
                "o": Out(stream.Signature(8)),
                "answer": In(1),
                "answer_number": In(POSITION_BITS),
                "answer_mapped": In(1),
                "answer_value": In(WORD_BITS),
                "acknowledge": In(1),
                "position": In(POSITION_BITS),
                "space": In(range(depth + 1)),
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
        answer, acknowledge, resend = Signal(), Signal(), Signal()
        code = Signal(Code)
        # What may change while it is sent, as it was when the frame began; an answer waits for the next request.
        kind, number, reason = Signal(8), Signal(POSITION_BITS, reset_less=True), Signal(Code, reset_less=True)
        space, mark = Signal.like(self.space, reset_less=True), Signal(reset_less=True)
        words = Signal(range(FRAME_WORDS))
        content, sent = framer.i, Signal()
        byte, last = content.payload.data, content.payload.last
        m.d.comb += sent.eq(content.valid & content.ready)
        with m.FSM():
            with m.State("Idle"):
                m.d.sync += self.place.eq(0)
                with m.If(answer):
                    m.d.sync += [answer.eq(0), kind.eq(Kind.ANSWER), number.eq(self.answer_number)]
                    m.next = "Kind"
                with m.Elif(acknowledge):
                    m.d.sync += [acknowledge.eq(0), kind.eq(Kind.ACKNOWLEDGE), number.eq(self.position)]
                    m.d.sync += [reason.eq(code), code.eq(Code.NONE), space.eq(self.space)]
                    m.next = "Kind"
                with m.Elif(resend):
                    m.d.comb += self.rewind.eq(1)
                    m.d.sync += resend.eq(0)
                with m.Elif(self.available):
                    m.d.sync += [kind.eq(Kind.RESULTS), number.eq(self.first), words.eq(FRAME_WORDS - 1)]
                    m.next = "Kind"
            with m.State("Kind"):
                m.d.comb += [content.valid.eq(1), byte.eq(kind)]
                with m.If(sent):
                    m.next = "Number"
            with m.State("Number"):
                m.d.comb += [content.valid.eq(1), byte.eq(number.word_select(self.place[0], 8))]
                with m.If(sent):
                    m.d.sync += self.place.eq(self.place + 1)
                    with m.If(self.place == NUMBER_BYTES - 1):
                        m.d.sync += self.place.eq(0)
                        with m.If(kind == Kind.RESULTS):
                            m.next = "Word"
                        with m.Else():
                            m.next = "Code"
            with m.State("Code"):
                missing = Mux(self.answer_mapped, Code.NONE, Code.UNMAPPED)
                m.d.comb += [content.valid.eq(1), byte.eq(Mux(kind == Kind.ANSWER, missing, reason))]
                with m.If(sent):
                    m.next = "Value"
            with m.State("Value"):
                value = Signal(WORD_BITS)
                m.d.comb += [
                    value.eq(Mux(kind == Kind.ANSWER, self.answer_value, space)),
                    content.valid.eq(1),
                    byte.eq(value.word_select(self.place[:2], 8)),
                    last.eq(self.place == VALUE_BYTES - 1),
                ]
                with m.If(sent):
                    m.d.sync += self.place.eq(self.place + 1)
                    with m.If(last):
                        m.next = "Idle"
            with m.State("Word"):
                m.d.comb += [content.valid.eq(1), byte.eq(self.data)]
                with m.If(sent):
                    m.d.sync += self.place.eq(self.place + 1)
                    with m.If(self.place == WORD_BYTES - 1):
                        m.d.comb += self.step.eq(1)
                        m.d.sync += mark.eq(self.last)
                        m.next = "Last"
            with m.State("Last"):
                # Whether a word follows is asked when this byte goes, not when it is first shown.
                m.d.comb += [
                    content.valid.eq(1),
                    byte.eq(mark),
                    last.eq(~self.available | (words == 0) | resend),
                ]
                with m.If(sent):
                    m.d.sync += words.eq(words - 1)
                    with m.If(last):
                        m.next = "Idle"
                    with m.Else():
                        m.next = "Word"
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
