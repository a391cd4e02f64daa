"""What a walk over the windows of a map says of a tap, and of each word that is read for it."""

from __future__ import annotations

from amaranth.lib.data import ArrayLayout, StructLayout

from .configuration import Configuration

__all__ = ["cut_tap_layout", "read_layout", "tag_layout", "tap_layout"]


def tap_layout(configuration: Configuration) -> StructLayout:
    """A tap of a window: where its channels are, and what begins and ends with it."""
    return StructLayout(
        {
            "start": configuration.element_bits,  # its first element
            "count": range(configuration.banks * configuration.window_rows + 1),  # of elements, in all banks
            "ranges": ArrayLayout(StructLayout({"low": 16, "high": 16}), configuration.banks),  # channels of each
            "present": 1,  # not in the padding
            "begin": 1,  # the first of a window
            "slides": 1,  # of a window that takes over taps
            "end": 1,  # the last of a window
            "done": 1,  # the last of the job
            "swap": 1,
            "position": configuration.position_bits,
        }
    )


def cut_tap_layout(configuration: Configuration) -> StructLayout:
    """A tap, how many of its elements stand in its first word, and whether there are more."""
    tap = tap_layout(configuration)
    return StructLayout({**tap.members, "here": range(configuration.word + 1), "more": 1})


def tag_layout(configuration: Configuration) -> StructLayout:
    """What holds for all reads of a window."""
    instruction = configuration.instruction
    return StructLayout(
        {
            "feature": 1,
            "slide_rows": ArrayLayout(range(configuration.window_rows + 1), configuration.banks),
            "planes": instruction["planes"].shape,
            "negative": 1,
            **{name: instruction[name].shape for name in ("precision",) if name in instruction.members},
            "swap": 1,
            "tag": configuration.tag,
        }
    )


def read_layout(configuration: Configuration) -> StructLayout:
    """A word that is read: which of its elements go to which rows of each bank."""
    bank = StructLayout(
        {
            "offset": range(max(2, configuration.word)),  # of the first element in the word
            "count": range(configuration.word + 1),  # elements
            "row": range(max(2, configuration.window_rows)),  # of the first element
        }
    )
    return StructLayout(
        {
            "present": 1,  # not in the padding
            "banks": ArrayLayout(bank, configuration.banks),
            "begin": 1,  # the first read of a window
            "slides": 1,  # a window that takes over taps
            "end": 1,  # the last read of a window
            "tag": tag_layout(configuration),
        }
    )
