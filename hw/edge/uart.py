"""The accelerator behind a serial line."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from amaranth import Module, Signal
from amaranth.lib.wiring import In, Out, connect

from quadrille.algo.spec import InvalidInput, serial_frames
from quadrille.algo.spec.serial_frames import ESCAPE, ESCAPED, FLAG, FRAME_WORDS, Code, Kind
from quadrille.hw.base import Parameter
from quadrille.hw.engine import Accelerator

from .edge import Edge
from .register_file import RegisterFile
from .register_map import Access, Field, Register
from .uart_answers import AnswerSender
from .uart_line import UartReceiver, UartTransmitter
from .uart_queues import DataQueue, ResultQueue
from .uart_requests import REFUSALS, RequestHandler

__all__ = ["UartAccelerator"]

COUNT_BITS = 16


class UartAccelerator(Edge):
    """Runs a Network behind a serial line of two wires, by frames with checksums.

    Bits last `divisor` cycles of the clock: start bit, eight data bits with the lowest first, one stop bit, no parity.
    The frames on both wires, what they ask for and how lost ones are made good is said in
    `quadrille.algo.spec.serial_frames` and at the end of this edge's page; `quadrille.boards.host` is the other end.
    Data words are `Program.words` once,
    then batches; up to `depth` wait for the accelerator, and as many words of results to be taken.
    A frame that is refused sets the flag of `errors` that has the name of its code, and is told of in `ACKNOWLEDGE`.
    `interrupt` is high while an event of `interrupt_status` is enabled and not cleared. After `control.soft_reset` the
    program must be sent again, and both positions are 0. All ports belong to the clock `clk` and the reset `rst`,
    synchronous and active high, but for `rx`, which may change at any time.

    Members
    -------
    rx, tx, interrupt : as above

    Raises
    ------
    TypeError, InvalidInput
        For a parameter of the wrong kind, out of range, or at odds with another.
    """

    block_name = "uart-accelerator"
    parameters = (
        *Accelerator.parameters,
        Parameter("divisor", 868, 4, 1 << 16, "cycles of the clock for each bit on the line"),
        Parameter("depth", 256, FRAME_WORDS, 1024, "words of either queue, a power of two"),
    )
    errors: ClassVar[tuple[Field, ...]] = (
        Field("checksum", 2, 1, Access.CLEAR, "a frame was damaged on its way"),
        Field("length", 3, 1, Access.CLEAR, "a frame's payload was not as long as its kind says"),
        Field("kind", 4, 1, Access.CLEAR, "a frame was of no kind that a host sends"),
        Field("gap", 5, 1, Access.CLEAR, "data words came before those that stand before them"),
        Field("full", 6, 1, Access.CLEAR, "data words came for which there was no space"),
        Field("position", 7, 1, Access.CLEAR, "results were taken that had not been sent, or for the second time"),
    )

    divisor: int
    depth: int
    rx: Signal
    tx: Signal

    def __init__(self, *, images: Mapping[int, Sequence[int]] | None = None, **parameters: Any):
        super().__init__({"rx": In(1), "tx": Out(1)}, images=images, **parameters)
        if self.depth & (self.depth - 1):
            self.inspected()
            raise InvalidInput(f"Parameter depth of {self.block_name} must be a power of two, not {self.depth}")

    def own_registers(self) -> tuple[Register, ...]:
        """How good the line is."""
        return (
            Register(
                "frames",
                0x40,
                "frames from the host",
                (
                    Field("received", 0, COUNT_BITS, Access.READ, "with the right checksum, modulo 2^16"),
                    Field("damaged", 16, COUNT_BITS, Access.READ, "with a wrong one, modulo 2^16"),
                ),
            ),
            Register(
                "queues",
                0x44,
                "what waits",
                (
                    Field("input_space", 0, 16, Access.READ, "data words that there is space for", reset=self.depth),
                    Field("output_words", 16, 16, Access.READ, "words of results that have not been taken"),
                ),
            ),
        )

    def numbers(self) -> dict[str, int]:
        """The bytes around frames, their kinds and the codes of refusals."""
        bounds = {"frame_flag": FLAG, "frame_escape": ESCAPE, "frame_escaped": ESCAPED, "frame_words": FRAME_WORDS}
        return {
            **bounds,
            **{f"kind_{kind.name.lower()}": kind for kind in Kind},
            **{f"code_{code.name.lower()}": code for code in Code},
        }

    def documents(self, top: str) -> dict[str, str]:
        """The C header and the page, which ends with the frames."""
        documents = super().documents(top)
        frames = inspect.cleandoc(serial_frames.__doc__ or "")
        return {**documents, "md": f"{documents['md']}\n## Frames\n\n{frames}\n"}

    def received(self, incoming: Any) -> Any:
        """A data word counts when it goes to the accelerator: before, its frame may turn out damaged."""
        return incoming.o.valid & incoming.o.ready

    def sent(self, outgoing: Any) -> Any:
        """A result counts when it is ready to be sent: on the line it may come more than once."""
        return outgoing.i.valid & outgoing.i.ready & outgoing.i.payload.last

    def elaborate(self, platform: object) -> Module:
        """Line, frames, queues; between them the two sides of the protocol."""
        m = Module()
        incoming, outgoing = DataQueue(self.depth), ResultQueue(self.depth)
        registers = self.elaborate_core(m, incoming, outgoing)
        m.submodules.receiver = receiver = UartReceiver(self.divisor)
        m.submodules.transmitter = transmitter = UartTransmitter(self.divisor)
        m.submodules.requests = requests = RequestHandler(len(registers.read_address))
        m.submodules.answers = answers = AnswerSender(self.depth)
        m.d.comb += [receiver.rx.eq(self.rx), self.tx.eq(transmitter.tx)]
        connect(m, receiver.o, requests.i)
        connect(m, answers.o, transmitter.i)
        m.d.comb += [
            incoming.begin.eq(requests.begin),
            incoming.write.eq(requests.write),
            incoming.data.eq(requests.data),
            incoming.commit.eq(requests.commit),
            requests.overrun.eq(incoming.overrun),
            requests.position.eq(incoming.position),
            answers.position.eq(incoming.position),
            answers.space.eq(incoming.space),
            answers.acknowledge.eq(requests.acknowledge | incoming.drained),
            outgoing.asked.eq(requests.asked),
            outgoing.take.eq(requests.take),
            requests.known.eq(outgoing.known),
            outgoing.rewind.eq(answers.rewind),
            outgoing.place.eq(answers.place),
            outgoing.step.eq(answers.step),
            answers.available.eq(outgoing.available),
            answers.first.eq(outgoing.position),
            answers.data.eq(outgoing.data),
            answers.last.eq(outgoing.last),
            answers.resend.eq(requests.resend),
            answers.answer.eq(requests.answer),
            answers.answer_number.eq(requests.answer_number),
            answers.answer_mapped.eq(requests.answer_mapped),
            answers.answer_value.eq(requests.answer_value),
        ]
        self.elaborate_registers(m, registers, requests, incoming, outgoing)
        for code in REFUSALS:
            refused = requests.refused(code)
            m.d.comb += [
                registers.field("errors", code.name.lower()).eq(refused),
                getattr(answers, f"refused_{code.name.lower()}").eq(refused),
            ]
        return m

    def elaborate_registers(
        self, m: Module, registers: RegisterFile, requests: RequestHandler, incoming: DataQueue, outgoing: ResultQueue
    ) -> None:
        """Requests at the registers, and what the registers show of the link."""
        received, damaged = Signal(COUNT_BITS), Signal(COUNT_BITS)
        m.d.sync += [received.eq(received + requests.received), damaged.eq(damaged + requests.damaged)]
        m.d.comb += [
            registers.write.eq(requests.store),
            registers.read.eq(requests.read),
            registers.write_address.eq(requests.address),
            registers.read_address.eq(requests.address),
            registers.data.eq(requests.value),
            registers.strobes.eq(requests.strobes),
            requests.mapped.eq(registers.read_mapped),
            requests.shown.eq(registers.value),
            registers.field("errors", "unmapped").eq(requests.unmapped),
            registers.field("frames", "received").eq(received),
            registers.field("frames", "damaged").eq(damaged),
            registers.field("queues", "input_space").eq(incoming.space),
            registers.field("queues", "output_words").eq(outgoing.level),
        ]
