"""What every edge has in common: the accelerator between two buffers, its registers, its interrupt."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from amaranth import Module, ResetInserter, Signal
from amaranth.lib.wiring import Out, connect

from quadrille.algo.spec import InvalidInput
from quadrille.hw.base import Block, Described
from quadrille.hw.engine import Accelerator, Target

from .register_file import RegisterFile
from .register_map import Field, Register
from .register_texts import header_text, page_text
from .registers import edge_registers

__all__ = ["Edge"]


class Edge(Block):
    """An accelerator with its registers behind a bus; a subclass for each bus.

    Attributes
    ----------
    accelerator, register_map : what stands behind it, and what a host sees of it
    interrupt : the line to the host: `interrupt_status & interrupt_enable`
    errors : the flags of the register `errors` that this edge has beside those of all
    """

    parameters: ClassVar[tuple[Described, ...]] = Accelerator.parameters
    errors: ClassVar[tuple[Field, ...]] = ()

    interrupt: Signal

    def __init__(
        self, members: Mapping[str, Any], *, images: Mapping[int, Sequence[int]] | None = None, **parameters: Any
    ):
        own = {parameter.name: parameter.default for parameter in self.parameters}
        self.take(**{**own, **parameters})
        shape = {parameter.name: getattr(self, parameter.name) for parameter in Accelerator.parameters}
        try:
            self.accelerator = Accelerator(images=images, **shape)
        except InvalidInput:
            self.inspected()
            raise
        length = len((images or {}).get(Target.PROGRAM, ()))
        self.register_map = edge_registers(self.accelerator.configuration, length, self.errors, self.own_registers())
        super().__init__({**members, "interrupt": Out(1)})

    @property
    def latency(self) -> int:
        """That of the accelerator within."""
        return self.accelerator.latency

    def own_registers(self) -> tuple[Register, ...]:
        """The registers that this edge has beside those of all."""
        return ()

    def received(self, incoming: Any) -> Any:
        """Whether a data word counts as received in this cycle."""
        return incoming.i.valid & incoming.i.ready

    def sent(self, outgoing: Any) -> Any:
        """Whether an image counts as sent in this cycle."""
        return outgoing.o.valid & outgoing.o.ready & outgoing.o.payload.last

    def inspected(self) -> None:
        """Say that this edge is only asked about, or refused."""
        super().inspected()
        if hasattr(self, "accelerator"):
            self.accelerator.inspected()

    def numbers(self) -> dict[str, int]:
        """What the C header names beside the registers."""
        return {}

    def documents(self, top: str) -> dict[str, str]:
        """The C header and the page of the registers."""
        contract = inspect.cleandoc(type(self).__doc__ or "").partition("\n\n")[2].partition("\n\nMembers")[0]
        return {
            "h": header_text(self.register_map, top, self.numbers()),
            "md": page_text(self.register_map, top, contract),
        }

    def elaborate_core(self, m: Module, incoming: Any, outgoing: Any) -> RegisterFile:
        """Accelerator, buffers around it, and the registers, which are returned.

        `incoming.o` and `outgoing.i` are streams of {data, last}, as those of a `Queue` or a `StreamBuffer` are.

        Their fields are driven, but for the edge's own, its own errors and `unmapped`.
        """
        m.submodules.registers = registers = RegisterFile(self.register_map)
        # Everything that belongs to a program or a batch begins anew; what tells of the past stays.
        resets = ResetInserter(registers.field("control", "soft_reset"))
        accelerator = self.accelerator
        m.submodules.accelerator = resets(accelerator)
        m.submodules.incoming = resets(incoming)
        m.submodules.outgoing = resets(outgoing)
        m.d.comb += [
            accelerator.i.valid.eq(incoming.o.valid),
            accelerator.i.payload.eq(incoming.o.payload.data),
            incoming.o.ready.eq(accelerator.i.ready),
        ]
        connect(m, accelerator.o, outgoing.i)

        status = accelerator.status
        m.d.comb += [
            registers.field("status", name).eq(getattr(status, name)) for name in ("busy", "waiting", "between")
        ]
        m.d.comb += [
            registers.field("program_length", "value").eq(status.length),
            registers.field("errors", "packet").eq(status.unknown),
        ]
        if accelerator.configuration.modes > 1:
            m.d.comb += [
                registers.field("mode", "value").eq(accelerator.mode),
                registers.field("seed", "value").eq(accelerator.seed),
            ]
        self.elaborate_counts(m, registers, incoming, outgoing)
        self.elaborate_interrupt(m, registers)
        return registers

    def elaborate_counts(self, m: Module, registers: RegisterFile, incoming: Any, outgoing: Any) -> None:
        """Words that came in, results that went out."""
        received, sent = Signal(32), Signal(32)
        with m.If(self.received(incoming)):
            m.d.sync += received.eq(received + 1)
        with m.If(self.sent(outgoing)):
            m.d.sync += sent.eq(sent + 1)
        with m.If(registers.field("control", "soft_reset")):
            m.d.sync += [received.eq(0), sent.eq(0)]
        m.d.comb += [
            registers.field("words_received", "value").eq(received),
            registers.field("results_sent", "value").eq(sent),
        ]

    def elaborate_interrupt(self, m: Module, registers: RegisterFile) -> None:
        """Counts results as they leave the accelerator, and tells of every `interrupt_after`th."""
        output = self.accelerator.o
        finished, enough = Signal(), Signal()
        since = Signal(32)
        m.d.comb += [
            finished.eq(output.valid & output.ready & output.payload.last),
            enough.eq(finished & (since + 1 >= registers.field("interrupt_after", "results"))),
            registers.field("interrupt_status", "result").eq(enough),
            self.interrupt.eq(
                registers.held("interrupt_status", "result") & registers.field("interrupt_enable", "result")
            ),
        ]
        with m.If(enough | registers.field("control", "soft_reset")):
            m.d.sync += since.eq(0)
        with m.Elif(finished):
            m.d.sync += since.eq(since + 1)
