"""The walk over the windows of a map: which word to read next, which of its elements, and to which rows they go."""

from __future__ import annotations

from typing import Any

from amaranth import Module, Mux, Signal, Value, signed
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from quadrille.hw.base.streams import buffered

from .configuration import Configuration
from .reads import cut_tap_layout, read_layout, tag_layout, tap_layout

__all__ = ["WindowWalker"]


class WindowWalker(wiring.Component):
    """One read in each cycle: frames, windows, tap columns, taps of a column, words of a tap, each inside the other.

    With `walk_cuts` buffers stand between taps and words: the walk over taps is then some taps ahead, and the next job
    is accepted a cycle later.

    Members
    -------
    i : stream of jobs (`Configuration.job`)
    o : stream of reads (`read`); address : the word of memory that the read is about
    release : for each half of the input memory, whether the read is the last of a batch that stands there
    busy : a job is under way
    """

    i: stream.Interface
    o: stream.Interface
    address: Signal
    release: Signal
    busy: Signal

    def __init__(self, configuration: Configuration):
        self.configuration = configuration
        self.tag, self.read = tag_layout(configuration), read_layout(configuration)
        self.tap, self.cut_tap = tap_layout(configuration), cut_tap_layout(configuration)
        super().__init__(
            {
                "i": In(stream.Signature(configuration.job)),
                "o": Out(stream.Signature(self.read)),
                "address": Out(configuration.element_bits - (configuration.word - 1).bit_length()),
                "release": Out(2),
                "busy": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Counters and pointers, from the innermost outwards."""
        m = Module()
        configuration = self.configuration
        job: Any = Signal(configuration.job)
        active = Signal()
        code: Any = job.instruction
        starting: Any = self.i.payload.instruction
        element = configuration.element_bits
        fraction = (configuration.word - 1).bit_length()
        coordinate = signed(max(code.height.shape().width, 1) + code.kernel_down.shape().width + 2)

        # Where the walk stands. Pointers are the element of channel 0; y and x the pixel, which may lie outside.
        frames_left = Signal.like(job.count)
        frame, row, window, column, tap = (
            Signal(element, name=f"{name}_pointer") for name in ("frame", "row", "window", "column", "tap")
        )
        windows_down, windows_across = Signal.like(code.down), Signal.like(code.across)  # left, this one included
        top, left_edge, y, x = (Signal(coordinate, name=name) for name in ("top", "left_edge", "y", "x"))
        tap_row, tap_column = Signal.like(code.kernel_down), Signal.like(code.kernel_across)
        tap_number = Signal.like(code.banks[0].high_tap)
        begin, slides = Signal(), Signal()
        position = Signal(configuration.position_bits)
        swap = Signal()

        # The channels of this tap, and which of the counters end with it.
        column_ends, window_ends, row_ends, frame_ends, job_ends = (
            Signal(name=f"{name}_ends") for name in ("column", "window", "row", "frame", "job")
        )
        walking, steps = Signal(), Signal()
        taps = stream.Signature(self.tap).create(path=("taps",))
        here: Any = taps.payload
        ranges = [
            (bank.low + (tap_number < bank.low_tap), bank.high + (tap_number < bank.high_tap))
            for bank in (code.banks[n] for n in range(configuration.banks))
        ]
        m.d.comb += [
            column_ends.eq(tap_row + 1 == code.kernel_down),
            window_ends.eq(column_ends & (tap_column + 1 == code.kernel_across)),
            row_ends.eq(window_ends & (windows_across == 1)),
            frame_ends.eq(row_ends & (windows_down == 1)),
            job_ends.eq(frame_ends & (frames_left == 1)),
            taps.valid.eq(walking),
            steps.eq(taps.valid & taps.ready),
            *(here.ranges[n].low.eq(low) for n, (low, _) in enumerate(ranges)),
            *(here.ranges[n].high.eq(high) for n, (_, high) in enumerate(ranges)),
            here.start.eq(tap + here.ranges[0].low),
            here.count.eq(here.ranges[configuration.banks - 1].high - here.ranges[0].low),
            here.present.eq((y >= 0) & (y < code.height) & (x >= 0) & (x < code.width)),
            here.begin.eq(begin),
            here.slides.eq(slides),
            here.end.eq(window_ends),
            here.done.eq(job_ends),
            here.swap.eq(swap),
            here.position.eq(position),
        ]
        finishes = self.elaborate_words(m, self.elaborate_cut(m, taps), job)
        m.d.comb += [self.busy.eq(active), self.i.ready.eq(~active if configuration.walk_cuts else ~active | finishes)]
        with m.If(finishes):
            m.d.sync += active.eq(0)

        # The next window starts where the counters that end say.
        next_frame, next_row, next_window, next_column = (
            Signal(element, name=f"next_{name}") for name in ("frame", "row", "window", "column")
        )
        next_top, next_left = Signal(coordinate), Signal(coordinate)
        next_slides = Signal()
        m.d.comb += [
            next_frame.eq(frame + code.frame_step),
            next_row.eq(Mux(frame_ends, next_frame, row + code.row_step)),
            next_window.eq(Mux(row_ends, next_row, window + code.window_step)),
            next_slides.eq(code.slide & ~row_ends),
            next_column.eq(Mux(next_slides, next_window + code.slide_step, next_window)),
            next_top.eq(Mux(frame_ends, -code.padding_down, top + code.stride_down)),
            next_left.eq(Mux(row_ends, -code.padding_across, left_edge + code.stride_across)),
        ]
        with m.If(steps):
            m.d.sync += [
                begin.eq(window_ends),
                tap_row.eq(tap_row + 1),
                tap_number.eq(tap_number + code.kernel_across),
                tap.eq(tap + code.tap_row_step),
                y.eq(y + 1),
            ]
            with m.If(column_ends):
                m.d.sync += [
                    tap_row.eq(0),
                    tap_column.eq(tap_column + 1),
                    tap_number.eq(tap_column + 1),
                    column.eq(column + code.tap_step),
                    tap.eq(column + code.tap_step),
                    y.eq(top),
                    x.eq(x + 1),
                ]
            with m.If(window_ends):
                first_column = Mux(next_slides, code.slide_column, 0)
                m.d.sync += [
                    window.eq(next_window),
                    column.eq(next_column),
                    tap.eq(next_column),
                    tap_column.eq(first_column),
                    tap_number.eq(first_column),
                    left_edge.eq(next_left),
                    x.eq(next_left + first_column),
                    slides.eq(next_slides),
                    windows_across.eq(windows_across - 1),
                    position.eq(position + code.accumulators),
                    swap.eq(0),
                ]
            with m.If(row_ends):
                m.d.sync += [
                    row.eq(next_row),
                    windows_across.eq(code.across),
                    windows_down.eq(windows_down - 1),
                    top.eq(next_top),
                    y.eq(next_top),
                ]
            with m.If(frame_ends):
                m.d.sync += [frame.eq(next_frame), windows_down.eq(code.down), frames_left.eq(frames_left - 1)]
            with m.If(job_ends):
                m.d.sync += walking.eq(0)

        with m.If(self.i.valid & self.i.ready):
            # The halves of the input memory lie one behind the other.
            origin = Signal(element)
            half = self.i.payload.half & ~starting.feature
            m.d.comb += origin.eq(starting.origin + Mux(half, configuration.input_words << fraction, 0))
            m.d.sync += [
                active.eq(1),
                walking.eq(1),
                job.eq(self.i.payload),
                frames_left.eq(self.i.payload.count),
                *(pointer.eq(origin) for pointer in (frame, row, window, column, tap)),
                windows_down.eq(starting.down),
                windows_across.eq(starting.across),
                *(edge.eq(-starting.padding_down) for edge in (top, y)),
                *(edge.eq(-starting.padding_across) for edge in (left_edge, x)),
                *(counter.eq(0) for counter in (tap_row, tap_column, tap_number, position)),
                begin.eq(1),
                slides.eq(0),
                swap.eq(self.i.payload.swap),
            ]
        return m

    def elaborate_cut(self, m: Module, taps: Any) -> Any:
        """The taps, and how many of their elements the first word holds."""
        configuration = self.configuration
        taps = buffered(m, taps, "taps", configuration.walk_cuts > 0)
        cut: Any = stream.Signature(self.cut_tap).create(path=("cut",))
        m.d.comb += [
            cut.valid.eq(taps.valid),
            taps.ready.eq(cut.ready),
            *(Value.cast(cut.payload[name]).eq(Value.cast(taps.payload[name])) for name in self.tap.members),
            cut.payload.here.eq(configuration.word - taps.payload.start[: (configuration.word - 1).bit_length()]),
            cut.payload.more.eq(cut.payload.count > cut.payload.here),
        ]
        return buffered(m, cut, "cut_taps", configuration.walk_cuts > 1)

    def elaborate_words(self, m: Module, taps: Any, job: Any) -> Value:
        """Reads of the words of each tap. Returns whether the last of the job is accepted."""
        configuration, code, tap = self.configuration, job.instruction, taps.payload
        fraction = (configuration.word - 1).bit_length()
        resumed, again = Signal(), Signal()  # the tap's channels go on in another word, and in one more behind it
        rest, count, left = Signal.like(tap.count), Signal.like(tap.count), Signal.like(tap.count)
        here, taken = Signal.like(tap.here), Signal.like(tap.here)
        channel = Signal(16)
        start, resume = Signal(configuration.element_bits), Signal(configuration.element_bits)
        more, ends, moves = Signal(), Signal(), Signal()
        read: Any = self.o.payload
        patch_rows = [Signal.like(code.banks[0].slide_start, name=f"patch_row_{n}") for n in range(configuration.banks)]
        m.d.comb += [
            count.eq(Mux(resumed, rest, tap.count)),
            channel.eq(tap.ranges[configuration.banks - 1].high - count),  # the first that is read
            start.eq(Mux(resumed, resume, tap.start)),
            here.eq(Mux(resumed, configuration.word, tap.here)),
            more.eq(Mux(resumed, again, tap.more)),
            left.eq(count - here),
            taken.eq(Mux(more, here, count)),
            ends.eq(tap.done & ~more),
            self.o.valid.eq(taps.valid),
            moves.eq(self.o.valid & self.o.ready),
            taps.ready.eq(self.o.ready & ~more),
            self.release.eq(Mux(taps.valid & ends & code.last, 1 << job.half, 0)),
            self.address.eq(start[fraction:]),
            read.present.eq(tap.present),
            read.begin.eq(tap.begin & ~resumed),
            read.slides.eq(tap.slides),
            read.end.eq(tap.end & ~more),
            read.tag.feature.eq(code.feature),
            *(read.tag.slide_rows[n].eq(code.banks[n].slide_rows) for n in range(configuration.banks)),
            read.tag.planes.eq(code.planes),
            read.tag.negative.eq(code.negative),
            *(read.tag[name].eq(code[name]) for name in ("precision",) if name in self.tag.members),
            read.tag.swap.eq(tap.swap),
            read.tag.tag.steps.eq(code.steps),
            read.tag.tag.address.eq(code.table),
            read.tag.tag.position.eq(tap.position),
        ]
        for n, row in enumerate(patch_rows):
            # What a window takes over stands on the first rows.
            kept = Mux(tap.slides, code.banks[n].slide_start, 0)
            m.d.comb += read.banks[n].row.eq(Mux(read.begin, kept, row))
        self.elaborate_banks(m, read, tap.ranges, start[:fraction], channel, taken)
        with m.If(moves):
            m.d.sync += [
                resumed.eq(more),
                again.eq(left > configuration.word),
                rest.eq(left),
                resume.eq((start[fraction:] + 1) << fraction),
                *(row.eq(read.banks[n].row + read.banks[n].count) for n, row in enumerate(patch_rows)),
            ]
        return moves & ends

    def elaborate_banks(self, m: Module, read: Any, ranges: Any, offset: Value, first: Value, taken: Value) -> None:
        """For each bank its share of the `taken` channels from `first` on, which stand from `offset` on in the word."""
        if self.configuration.banks == 1:
            m.d.comb += [read.banks[0].offset.eq(offset), read.banks[0].count.eq(taken)]
            return
        for n in range(self.configuration.banks):
            bank, low, high = read.banks[n], ranges[n].low, ranges[n].high
            end = Signal(16, name=f"end_{n}")
            skipped = Signal(16, name=f"skipped_{n}")
            last = Signal(16, name=f"last_{n}")
            m.d.comb += [
                end.eq(first + taken),
                skipped.eq(Mux(low > first, low - first, 0)),
                last.eq(Mux(high < end, high - first, taken)),
                bank.offset.eq(offset + skipped),
                bank.count.eq(Mux((high > first) & (low < end), last - skipped, 0)),
            ]
