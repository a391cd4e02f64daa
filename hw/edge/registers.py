"""The registers of an accelerator's edge, described once."""

from __future__ import annotations

from quadrille.algo.spec import edge_registers as known
from quadrille.algo.spec.random_mode import STATE_BITS
from quadrille.hw.engine import Configuration

from .register_map import WORD_BITS, Access, Field, Register, RegisterMap

__all__ = ["VERSION", "configuration_hash", "edge_registers"]

VERSION = (known.MAJOR, 0)
"""Major and minor version of this map."""


def configuration_hash(configuration: Configuration) -> int:
    """What the register `configuration` reads: a host compares it with the parameters in the manifest."""
    return known.configuration_hash(configuration.record())


def edge_registers(
    configuration: Configuration, length: int, errors: tuple[Field, ...], more: tuple[Register, ...] = ()
) -> RegisterMap:
    """The registers of an edge of an accelerator with `configuration`, which starts with a program of `length`.

    Beside the error flags that every edge has stand its own, `errors`, from bit 2 on; beside the registers its own,
    `more`. Those for modes are there where there are several.
    """
    mode_bits = max(1, (configuration.modes - 1).bit_length())
    several = (
        Register("mode", 0x14, "mode of the batch", (word("value", "of the batch that arrived last", bits=mode_bits),)),
        Register(
            "seed", 0x18, "random modes", (word("value", "register that draws the modes", bits=STATE_BITS, reset=1),)
        ),
    )
    flag = Field("result", 0, 1, Access.CLEAR, "results of so many images as interrupt_after says have been computed")
    return RegisterMap(
        (
            Register(
                "identification",
                known.IDENTIFICATION,
                "what this is",
                (constant("value", 0, 32, known.MAGIC, "the letters QUAD"),),
            ),
            Register(
                "version",
                known.VERSION,
                "of this register map",
                (constant("minor", 0, 16, VERSION[1], "additions"), constant("major", 16, 16, VERSION[0], "changes")),
            ),
            Register(
                "configuration",
                known.CONFIGURATION,
                "which accelerator this is",
                (constant("hash", 0, 32, configuration_hash(configuration), "content hash of the parameters"),),
            ),
            Register(
                "status",
                0x0C,
                "what the accelerator does now",
                (
                    Field("busy", 0, 1, Access.READ, "a batch waits or is computed, or weights are being copied"),
                    Field("waiting", 1, 2, Access.READ, "batches that have arrived and are not read to their end"),
                    Field("between", 3, 1, Access.READ, "the next data word is a packet's header", reset=1),
                ),
            ),
            Register(
                "program_length",
                0x10,
                "the program",
                (word("value", "instructions of the program that is started; 0: none", reset=length),),
            ),
            *(several if configuration.modes > 1 else ()),
            Register("words_received", 0x1C, "traffic in", (word("value", "data words taken, modulo 2^32"),)),
            Register(
                "results_sent", 0x20, "traffic out", (word("value", "images whose result has left, modulo 2^32"),)
            ),
            Register(
                "errors",
                0x24,
                "what went wrong since it was cleared",
                (
                    Field("unmapped", 0, 1, Access.CLEAR, "an address without a register was read or written"),
                    Field("packet", 1, 1, Access.CLEAR, "a packet came for a table that this accelerator lacks"),
                    *errors,
                ),
            ),
            Register(
                "control",
                known.CONTROL,
                "actions",
                (
                    Field(
                        "soft_reset",
                        0,
                        1,
                        Access.START,
                        "drop program, batches, results and traffic counts; errors and interrupts stay",
                    ),
                ),
            ),
            Register(
                "interrupt_enable",
                0x2C,
                "what raises the interrupt line",
                (Field("result", 0, 1, Access.READ_WRITE, "whether interrupt_status.result does"),),
            ),
            Register("interrupt_status", 0x30, "what has happened since it was cleared", (flag,)),
            Register(
                "interrupt_after",
                0x34,
                "how often to tell of results",
                (Field("results", 0, 32, Access.READ_WRITE, "results until interrupt_status.result is set", reset=1),),
            ),
            *more,
        )
    )


def constant(name: str, low: int, bits: int, value: int, meaning: str) -> Field:
    """A field that never changes."""
    return Field(name, low, bits, Access.CONSTANT, meaning, reset=value)


def word(name: str, meaning: str, *, bits: int = WORD_BITS, reset: int = 0) -> Field:
    """A field that begins at bit 0 and shows what the hardware does."""
    return Field(name, 0, bits, Access.READ, meaning, reset)
