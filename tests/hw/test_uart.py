"""The serial line, its frames and its queues, each by itself; the whole edge is tested in tb."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from amaranth.sim import Simulator

from quadrille.algo.spec import InvalidInput
from quadrille.algo.spec.serial_frames import ESCAPE, FLAG, Decoder, Frame
from quadrille.hw.edge import UartAccelerator
from quadrille.hw.edge.frames import Deframer, Framer
from quadrille.hw.edge.uart_line import UartReceiver, UartTransmitter
from quadrille.hw.edge.uart_queues import DataQueue, ResultQueue

CYCLE = 1e-6
SMALL: Any = {"rows": 8, "columns": 6, "lanes": 2}


def simulate(dut: Any, *benches: Any) -> None:
    simulator = Simulator(dut)
    simulator.add_clock(CYCLE)
    first, *others = benches
    simulator.add_testbench(first)
    for bench in others:
        simulator.add_testbench(bench, background=True)
    simulator.run()


@pytest.mark.parametrize("divisor", [4, 5, 9])
@pytest.mark.parametrize("drift", [0.98, 1.0, 1.02])
def test_bytes_are_sampled_in_their_middle(divisor: int, drift: float) -> None:
    dut = UartReceiver(divisor)
    random = Random(divisor)
    sent = [0x00, 0xFF, 0x55, 0xAA, *(random.randrange(256) for _ in range(12))]
    bit = divisor * CYCLE * drift
    got: list[int] = []

    async def drive(ctx: Any) -> None:
        ctx.set(dut.rx, 1)
        await ctx.delay(random.random() * bit + 20 * CYCLE)
        for byte in sent:
            for level in (0, *(byte >> place & 1 for place in range(8)), 1):
                ctx.set(dut.rx, level)
                await ctx.delay(bit)
            if random.random() < 0.3:
                # Noise that is over before the middle of a start bit.
                await ctx.delay(random.random() * bit)
                ctx.set(dut.rx, 0)
                await ctx.delay(0.2 * bit)
                ctx.set(dut.rx, 1)
                await ctx.delay(bit * (1 + random.random()))
        await ctx.delay(12 * bit)

    async def collect(ctx: Any) -> None:
        async for _, _, valid, byte in ctx.tick().sample(dut.o.valid, dut.o.payload):
            if valid:
                got.append(byte)

    simulate(dut, drive, collect)
    assert got == sent


def test_a_byte_without_a_stop_bit_is_dropped() -> None:
    dut = UartReceiver(8)
    got: list[int] = []

    async def drive(ctx: Any) -> None:
        for byte, stop in ((0x42, 0), (0x43, 1)):
            for level in (1, 1, 0, *(byte >> place & 1 for place in range(8)), stop, 1):
                ctx.set(dut.rx, level)
                await ctx.tick().repeat(8)
        await ctx.tick().repeat(20)

    async def collect(ctx: Any) -> None:
        async for _, _, valid, byte in ctx.tick().sample(dut.o.valid, dut.o.payload):
            if valid:
                got.append(byte)

    simulate(dut, drive, collect)
    assert got == [0x43]


@pytest.mark.parametrize("divisor", [4, 9])
def test_bytes_follow_one_another_without_a_gap(divisor: int) -> None:
    dut = UartTransmitter(divisor)
    sent = [0x00, 0xFF, 0xA5, 0x01, 0x80]
    levels: list[int] = []

    async def drive(ctx: Any) -> None:
        for byte in sent:
            ctx.set(dut.i.valid, 1)
            ctx.set(dut.i.payload, byte)
            await ctx.tick().until(dut.i.ready)
        ctx.set(dut.i.valid, 0)
        await ctx.tick().repeat(12 * divisor)

    async def collect(ctx: Any) -> None:
        async for _, _, level in ctx.tick().sample(dut.tx):
            levels.append(level)

    simulate(dut, drive, collect)
    first = levels.index(0)
    bits = levels[first + divisor // 2 :: divisor]
    expected = [bit for byte in sent for bit in (0, *(byte >> place & 1 for place in range(8)), 1)]
    assert bits[: len(expected)] == expected and set(bits[len(expected) :]) == {1}


FRAMES = [
    Frame(0x81, 0x7E7D, bytes([FLAG, ESCAPE, ESCAPE, FLAG, 0x20, 0x5E, 0x5D])),
    Frame(FLAG, 0, b""),
    Frame(ESCAPE, 65535, bytes(range(0x70, 0x80))),
    *(Frame(Random(n).randrange(256), n, Random(n).randbytes(n)) for n in range(12)),
]


def test_frames_are_put_on_the_line_as_they_are_written_down() -> None:
    dut = Framer()
    line = bytearray()

    async def drive(ctx: Any) -> None:
        for frame in FRAMES:
            for place, byte in enumerate(frame.body):
                ctx.set(dut.i.valid, 1)
                ctx.set(dut.i.payload, {"data": byte, "last": place == len(frame.body) - 1})
                await ctx.tick().until(dut.i.ready)
            ctx.set(dut.i.valid, 0)
        await ctx.tick().repeat(400)

    async def collect(ctx: Any) -> None:
        random = Random(1)
        while True:
            ctx.set(dut.o.ready, random.random() < 0.8)
            _, _, valid, ready, byte = await ctx.tick().sample(dut.o.valid, dut.o.ready, dut.o.payload)
            if valid and ready:
                line.append(byte)

    simulate(dut, drive, collect)
    assert bytes(line) == b"".join(frame.encoded() for frame in FRAMES)
    assert Decoder().feed(bytes(line)) == FRAMES


def test_frames_are_found_and_judged() -> None:
    dut = Deframer()
    random = Random(2)
    line, expected = bytearray(b"\x00\x55~~"), [(b"\x00\x55", 0)]
    for frame in FRAMES:
        data = bytearray(frame.encoded())
        good = random.random() < 0.6
        if not good:
            place = random.randrange(1, len(data) - 1)
            data[place] ^= 1 << random.randrange(8)
            while FLAG in data[1:-1] or data[-2] == ESCAPE:  # which would be two frames, or one with the next
                data = bytearray([FLAG, 1, 2, 3, FLAG])
        expected.append((bytes(data), int(good)))
        line += data
    got: list[int] = []

    async def drive(ctx: Any) -> None:
        for byte in line:
            ctx.set(dut.i.valid, 1)
            ctx.set(dut.i.payload, byte)
            await ctx.tick()
            ctx.set(dut.i.valid, 0)
            await ctx.tick().repeat(random.choice((9, 12)))

    async def collect(ctx: Any) -> None:
        async for _, _, ended, intact in ctx.tick().sample(dut.ended, dut.intact):
            if ended:
                got.append(intact)

    simulate(dut, drive, collect)
    assert got == [good for _, good in expected]


@pytest.mark.parametrize("seed", range(3))
def test_data_words_are_taken_whole_or_not_at_all(seed: int) -> None:
    depth = 32
    dut = DataQueue(depth)
    random = Random(seed)
    taken: list[int] = []
    got: list[int] = []

    async def drive(ctx: Any) -> None:
        for _ in range(14):
            words = [random.getrandbits(64) for _ in range(random.choice((0, 1, 3, 20, 32, 40, 80)))]
            space = ctx.get(dut.space)
            ctx.set(dut.begin, 1)
            await ctx.tick()
            ctx.set(dut.begin, 0)
            ctx.set(dut.write, 1)
            for byte in b"".join(word.to_bytes(8, "little") for word in words) + b"sum!":
                ctx.set(dut.data, byte)
                await ctx.tick()
            ctx.set(dut.write, 0)
            fits = not ctx.get(dut.overrun)
            assert fits or len(words) > space
            assert not fits or len(words) <= depth
            if fits and random.random() < 0.7:
                ctx.set(dut.commit, 1)
                await ctx.tick()
                ctx.set(dut.commit, 0)
                taken.extend(words)
            assert ctx.get(dut.position) == len(taken)
            await ctx.tick().repeat(random.choice((1, 1, 50, 400)))
        await ctx.tick().repeat(20 * depth)
        assert ctx.get(dut.space) == depth

    async def collect(ctx: Any) -> None:
        while True:
            ctx.set(dut.o.ready, random.random() < 0.5)
            _, _, valid, ready, word = await ctx.tick().sample(dut.o.valid, dut.o.ready, dut.o.payload)
            if valid and ready:
                got.append(word.data)

    simulate(dut, drive, collect)
    assert got == taken != []


@pytest.mark.parametrize("seed", range(3))
def test_results_are_kept_until_they_are_taken(seed: int) -> None:
    depth = 32
    dut = ResultQueue(depth)
    random = Random(seed)
    offered = [(random.getrandbits(64), random.getrandbits(1)) for _ in range(90)]
    kept = 0
    seen = 0

    async def drive(ctx: Any) -> None:
        nonlocal kept, seen
        while seen < len(offered):
            place = ctx.get(dut.position)
            if ctx.get(dut.available) and random.random() < 0.8:
                word = 0
                for byte in range(8):
                    ctx.set(dut.place, byte)
                    await ctx.tick()
                    word |= ctx.get(dut.data) << 8 * byte
                assert (word, ctx.get(dut.last)) == offered[place]
                ctx.set(dut.step, 1)
                await ctx.tick()
                ctx.set(dut.step, 0)
                seen = max(seen, place + 1)
                continue
            asked = random.choice((kept - 1, random.randint(kept, place), place, place + 1))
            ctx.set(dut.asked, asked % (1 << 16))
            known = ctx.get(dut.known)
            assert known == (kept <= asked <= place)
            if known:
                kept = asked
                ctx.set(dut.take, 1)
            await ctx.tick()
            ctx.set(dut.take, 0)
            if random.random() < 0.3:
                ctx.set(dut.rewind, 1)
                await ctx.tick()
                ctx.set(dut.rewind, 0)
                assert ctx.get(dut.position) == kept
            assert ctx.get(dut.level) <= depth

    async def feed(ctx: Any) -> None:
        for data, last in offered:
            ctx.set(dut.i.valid, 1)
            ctx.set(dut.i.payload, {"data": data, "last": last})
            await ctx.tick().until(dut.i.ready)
            ctx.set(dut.i.valid, 0)
            await ctx.tick().repeat(random.choice((1, 1, 1, 30)))

    simulate(dut, drive, feed)
    assert kept > depth


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"divisor": 3}, r"^Parameter divisor of uart-accelerator must be from 4 to 65536, not 3$"),
        ({"depth": 16}, r"^Parameter depth of uart-accelerator must be from 32 to 1024, not 16$"),
        ({"depth": 48}, r"^Parameter depth of uart-accelerator must be a power of two, not 48$"),
    ],
)
def test_impossible_lines_are_refused(parameters: Any, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        UartAccelerator(**SMALL, **parameters)


def test_the_header_and_the_page_tell_of_frames() -> None:
    block = UartAccelerator(**SMALL)
    block.inspected()
    documents = block.documents("top")
    for line in ("TOP_FRAME_FLAG 0x7Eu", "TOP_KIND_ACKNOWLEDGE 0x83u", "TOP_CODE_UNMAPPED 0x07u"):
        assert f"#define {line}\n" in documents["h"]
    assert "| DATA | 0x03 | position of the first | words | words for the data port |" in documents["md"]
